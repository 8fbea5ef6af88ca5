"""tests/e2e/test_valgrind.py: one whole life of drey under valgrind's memcheck: connect, some
thousand events, a reload, a resume, a stop. No invalid access, no jump on bytes that were
never written, nothing lost of the heap."""
import os
import re
import shutil
import subprocess

from harness import BUILD, DREY, PLUGINS, Case, append, main, read, recorded, wait_for, writes

EVENTS = 3000


class Valgrind(Case):
    def start(self, host):
        """As host.start(), but watched."""
        self.report = os.path.join(self.directory, "valgrind.log")
        host.process = subprocess.Popen(
            ["valgrind", "--tool=memcheck", "--leak-check=full", "--show-leak-kinds=definite,indirect",
             "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99", "--num-callers=25",
             "--trace-children=no", "--child-silent-after-fork=yes", "--fair-sched=yes",
             f"--log-file={self.report}",
             DREY, "run", "-c", host.ini],
            env=dict(os.environ, LD_PRELOAD=os.path.abspath(f"{BUILD}/tests/named_exe.so"),
                     DREY_ISOLATION="thread"),  # it has no pidfd_open() to watch a process with
            stdout=subprocess.DEVNULL, stderr=append(host.log))

    def test_a_whole_life_is_clean(self):
        sim = self.sim("--shards", 2, "--max-concurrency", 16)
        file = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "t", "rest_url": sim.rest,
                                   "plugins": "recorder, counter"}},
                         plugins=["recorder", "counter"],
                         sections=f"[plugin:recorder]\n{writes(file)}")
        self.start(host)
        host.ready("main")

        def flow(count):
            goal = host.plugin("recorder")["handled"] + count
            sim.ask("POST", "/rate", "1000")
            wait_for("events", lambda: host.plugin("recorder")["handled"] >= goal)
            sim.ask("POST", "/rate", "0")

        flow(EVENTS // 3)
        generation = host.plugin("counter")["generation"]
        shutil.copy(os.path.join(PLUGINS, "counter.so"), os.path.join(host.plugin_dir, ".new"))
        with open(os.path.join(host.plugin_dir, ".new"), "ab") as fresh:
            fresh.write(b"\0")  # another build, to the host
        os.rename(os.path.join(host.plugin_dir, ".new"),
                  os.path.join(host.plugin_dir, "counter.so"))
        done = host.run("reload", "-c", host.ini, "counter")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(host.plugin("counter")["generation"], generation)
        flow(EVENTS // 3)
        resumes = sim.status()["resumes"]
        sim.fault("drop")
        wait_for("both shards to resume", lambda: sim.status()["resumes"] >= resumes + 2)
        host.ready("main")
        flow(EVENTS // 3)
        wait_for("the recorder to catch up", lambda: host.plugin("recorder")["lag_bytes"] == 0)
        status = host.stop()
        found = read(self.report)
        self.assertEqual(status, 0, found)
        self.assertRegex(found, r"ERROR SUMMARY: 0 errors")
        for shard, seqs in recorded(file).items():
            self.assertEqual(seqs, list(range(1, len(seqs) + 1)), f"shard {shard}")
        lost = re.search(r"definitely lost: ([\d,]+) bytes", found)
        self.assertEqual(lost.group(1) if lost else "0", "0")


if __name__ == "__main__":
    main()
