"""tests/e2e/test_install.py: an installed drey serves a plugin author: `drey new`, a build outside of
the tree with pkg-config and with CMake, and a host that runs the result."""
import os
import subprocess

from harness import BUILD, Case, main, wait_for


class Install(Case):
    def run_in(self, folder, *command, **env):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                              env=dict(os.environ, **env))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_a_new_plugin_builds_against_the_installed_kit_and_runs(self):
        prefix = os.path.join(self.directory, "usr")
        self.run_in(".", "cmake", "--install", os.path.abspath(BUILD), "--prefix", prefix)
        drey = os.path.join(prefix, "bin", "drey")
        for path in ("bin/drey", "include/drey/drey.h", "include/drey/discord.h"):
            self.assertTrue(os.path.exists(os.path.join(prefix, path)), path)
        self.run_in(self.directory, drey, "new", "hello")
        folder = os.path.join(self.directory, "hello")
        pc = subprocess.run(["find", prefix, "-name", "drey.pc"], capture_output=True, text=True,
                            check=True).stdout.strip()
        flags = self.run_in(folder, "pkg-config", "--cflags", "drey",
                            PKG_CONFIG_PATH=os.path.dirname(pc)).split()
        by_hand = os.path.join(self.directory, "by-hand.so")
        self.run_in(folder, "cc", *flags, "-shared", "-fPIC", "hello.c", "-o", by_hand)
        self.run_in(folder, "cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}")
        self.run_in(folder, "cmake", "--build", "build")
        built = os.path.join(folder, "build", "hello.so")
        sim = self.sim()
        for name, library in (("hand", by_hand), ("cmake", built)):
            host = self.host({"main": {"token": "t", "rest_url": sim.rest}}, name=name)
            os.link(library, os.path.join(host.plugin_dir, "hello.so"))
            host.start().ready("main")
            self.assertEqual(host.plugin("hello")["state"], "running")
            self.assertEqual(host.stop(), 0)


if __name__ == "__main__":
    main()
