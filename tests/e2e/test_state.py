"""tests/e2e/test_state.py: state directories that earlier versions of drey left behind are read on:
sessions, rings, cursors, what plugins saved.

state/VERSION.tar.xz is what that version left when it was killed in the middle of its work; a file
that is here stays here. A change of format comes with the archive of the version before it."""
import os
import shutil
import tarfile

from harness import BUILD, Case, main, read, wait_for, writes

STATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state")


class State(Case):
    def go_on(self, version):
        sim = self.sim("--rate", 100)
        out = os.path.join(self.directory, "seen.txt")
        host = self.host({"frozen": {"token": "frozen", "rest_url": sim.rest, "compress": "none",
                                     "ring_size": "64 KiB", "overflow_wait": "1m"}},
                         plugins=["counter"],
                         sections=f"[plugin:linger]\n{writes(out)}[plugin:counter]\nevery = 1\n")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "linger.so"), host.plugin_dir)
        with tarfile.open(os.path.join(STATE, version + ".tar.xz")) as archive:
            archive.extractall(host.state)
        host.start().ready("frozen")
        return host, out

    def test_0_1(self):
        host, out = self.go_on("0.1")
        host.logged(r"frozen/0: resuming the saved session at seq 310 ")  # this Discord refuses it
        host.logged(r"frozen \[counter\] goes on counting at 102 messages")
        wait_for("events of the new session", lambda: "\n0 3 1\n" in read(out))
        lines = read(out).splitlines()
        # from the one in flight when it was killed, marked, to the last that was published
        self.assertEqual(lines[0], "0 247 2")
        self.assertEqual(lines[1:64], [f"0 {seq} 1" for seq in range(248, 311)])
        self.assertRegex(lines[64], "0 gap 311-")
        self.assertEqual(lines[65:67], ["0 1 1", "0 2 1"])
        self.assertNotIn("bytes lost", read(host.log))  # no record of the ring was refused
        self.assertEqual(host.stop(), 0)


if __name__ == "__main__":
    main()
