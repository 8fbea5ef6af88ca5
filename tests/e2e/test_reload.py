"""tests/e2e/test_reload.py: the recorder is replaced thirty times while 5,000 events a second flow;
its file has every event once and in order, and Discord saw one IDENTIFY per shard."""
import os
import shutil
import subprocess

from harness import Case, PLUGINS, SOURCE, main, recorded, wait_for, writes

RATE = int(os.environ.get("DREY_E2E_RATE", "5000"))
RELOADS = int(os.environ.get("DREY_E2E_RELOADS", "30"))


class Reload(Case):
    def compile_into(self, host, path, version):
        """A real build: the compiler writes straight into the plugin directory."""
        source = os.path.join(SOURCE, "plugins", "recorder", "recorder.c")
        subprocess.run(["cc", "-std=c17", "-O1", f"-Wl,--build-id=0x{version + 1:040x}", "-I", os.path.join(SOURCE, "sdk", "include"), "-fPIC", "-shared",
                        "-fvisibility=hidden", "-Wl,-z,defs,-z,now,-z,relro", source, "-o", path],
                       check=True)

    def replace(self, host, round_number):
        target = os.path.join(host.plugin_dir, "recorder.so")
        way = round_number % 3
        fresh = os.path.join(self.directory, "fresh.so")
        self.compile_into(host, fresh if way < 2 else target, round_number)
        if way == 0:
            shutil.move(fresh, os.path.join(host.plugin_dir, ".recorder.new"))
            os.rename(os.path.join(host.plugin_dir, ".recorder.new"), target)
        elif way == 1:
            with open(fresh, "rb") as source, open(target, "r+b") as out:
                out.truncate(0)
                out.write(source.read())

    def test_nothing_is_lost_and_nothing_twice(self):
        sim = self.sim("--rate", RATE, "--shards", 2, "--max-concurrency", 16)
        file = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "plugins": "recorder"}},
                         drey="watch = on", plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(file)}").start().ready("main")
        for i in range(RELOADS):
            generation = host.plugin("recorder")["generation"]
            self.replace(host, i)
            wait_for(f"generation after replacement {i}",
                     lambda: host.plugin("recorder")["generation"] > generation)
        status = sim.status()
        sim.ask("POST", "/rate", "0")
        wait_for("the recorder to catch up", lambda: host.plugin("recorder")["lag_bytes"] == 0)
        last = {s["id"]: s["seq"] for s in host.bot("main")["shards"]}
        self.assertEqual(host.stop(), 0)
        seen = recorded(file)
        self.assertEqual(set(seen), {0, 1})
        for shard, seqs in seen.items():
            self.assertEqual(seqs, list(range(1, last[shard] + 1)))
        self.assertEqual(status["identifies"], 2)
        self.assertEqual(status["resumes"], 0)


if __name__ == "__main__":
    main()
