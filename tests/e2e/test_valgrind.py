"""tests/e2e/test_valgrind.py: one whole life of drey under valgrind's memcheck: connect, some
thousand events, a reload, a resume, a stop. No invalid access, no jump on bytes that were
never written, nothing lost of the heap. The host with its plugins on threads; the processes of
plugins by themselves, because valgrind knows no pidfd_open(), with which a host watches them."""
import glob
import os
import re
import shutil
import subprocess

from harness import BUILD, DREY, PLUGINS, WORKER, Case, append, main, read, recorded, wait_for, writes

EVENTS = 3000
KEYS = "sandbox = off\nmemory = 4 GiB\nhandler_timeout = 1m\n"  # valgrind is in there, too


class Valgrind(Case):
    def begin(self, keys=""):
        self.simulator = self.sim("--shards", 2, "--max-concurrency", 16)
        self.file = os.path.join(self.directory, "events.log")
        return self.host({"main": {"token": "t", "rest_url": self.simulator.rest,
                                   "plugins": "recorder, counter"}},
                         plugins=["recorder", "counter"],
                         sections=f"[plugin:counter]\n{keys}[plugin:recorder]\n{keys}{writes(self.file)}")

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
                     DREY_ISOLATION="thread"),
            stdout=subprocess.DEVNULL, stderr=append(host.log))

    def flow(self, host, count):
        goal = host.plugin("recorder")["handled"] + count
        self.simulator.ask("POST", "/rate", "1000")
        wait_for("events", lambda: host.plugin("recorder")["handled"] >= goal)
        self.simulator.ask("POST", "/rate", "0")

    def live(self, host):
        """From the first event to an orderly end; its exit status."""
        host.ready("main")
        self.flow(host, EVENTS // 3)
        generation = host.plugin("counter")["generation"]
        shutil.copy(os.path.join(PLUGINS, "counter.so"), os.path.join(host.plugin_dir, ".new"))
        with open(os.path.join(host.plugin_dir, ".new"), "ab") as fresh:
            fresh.write(b"\0")  # another build, to the host
        os.rename(os.path.join(host.plugin_dir, ".new"),
                  os.path.join(host.plugin_dir, "counter.so"))
        done = host.run("reload", "-c", host.ini, "counter")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(host.plugin("counter")["generation"], generation)
        self.flow(host, EVENTS // 3)
        resumes = self.simulator.status()["resumes"]
        self.simulator.fault("drop")
        wait_for("both shards to resume", lambda: self.simulator.status()["resumes"] >= resumes + 2)
        host.ready("main")
        self.flow(host, EVENTS // 3)
        wait_for("the recorder to catch up", lambda: host.plugin("recorder")["lag_bytes"] == 0)
        status = host.stop()
        for shard, seqs in recorded(self.file).items():
            self.assertEqual(seqs, list(range(1, len(seqs) + 1)), f"shard {shard}")
        return status

    def clean(self, found):
        self.assertRegex(found, r"ERROR SUMMARY: 0 errors")
        lost = re.search(r"definitely lost: ([\d,]+) bytes", found)
        self.assertEqual(lost.group(1) if lost else "0", "0", found)

    def test_a_whole_life_is_clean(self):
        host = self.begin()
        self.start(host)
        status = self.live(host)
        found = read(self.report)
        self.assertEqual(status, 0, found)
        self.clean(found)

    def test_processes_of_plugins_are_clean(self):
        """Of the recorder, and of both generations of the counter."""
        place = os.path.join(self.directory, "bin")
        os.mkdir(place)
        for program, name in ((DREY, "drey"), (WORKER, "drey-worker.real"),
                              (os.path.join(BUILD, "tests", "watched"), "drey-worker")):
            shutil.copy(program, os.path.join(place, name))
        host = self.begin(KEYS)
        host.binary = os.path.join(place, "drey")
        host.start(DREY_ISOLATION="process")
        status = self.live(host)
        self.assertEqual(status, 0, host.tail_of_log())
        self.assertNotIn(" ended: ", read(host.log))
        reports = glob.glob(os.path.join(place, "valgrind.*.log"))
        self.assertEqual(len(reports), 3)
        for report in reports:
            self.clean(read(report))


if __name__ == "__main__":
    main()
