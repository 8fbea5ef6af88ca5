"""tests/reload/test_crash.py: a plugin on a thread of the host ends the host when it crashes; what the
next runs of the host make of it."""
import collections
import json
import os
import re

from rig import Case, SANITIZED, ledger, main, put, read, records, wait_for


class Crash(Case):
    def stage(self, version):
        self.simulator = self.sim("--rate", "40" if SANITIZED else "200")
        self.file = os.path.join(self.directory, "events")
        self.drey_host = self.host(
            {"main": {"token": "t", "rest_url": self.simulator.rest, "intents": "53608447",
                      "shards": "1"}}, drey="watch = on",
            sections=f"[plugin:ledger]\nisolation = thread\nfile = {self.file}\n")
        self.target = os.path.join(self.drey_host.plugin_dir, "ledger.so")
        put(ledger(version), self.target)
        return self.drey_host

    def crashes(self, *options):
        """Starts the host, which then ends by itself, not in an orderly way."""
        self.drey_host.start(*options)
        status = self.drey_host.process.wait(120)
        self.assertNotEqual(status, 0, self.drey_host.tail_of_log())
        self.assertNotIn("stopped", read(self.drey_host.log).splitlines()[-1])

    def parked(self):
        answer = self.drey_host.run("parked", "-c", self.drey_host.ini, "--json")
        return json.loads(answer.stdout)

    def log_count(self, pattern):
        return len(re.findall(pattern, read(self.drey_host.log)))

    def test_row_17_an_event_is_parked_after_two_attempts_and_the_plugin_is_held_after_three(self):
        host = self.stage("2.poison-crash")
        self.crashes()
        self.assertIn("plugin ledger of bot main crashed (SIGSEGV)", read(host.log))
        self.crashes()
        self.assertEqual(self.log_count(r"gen 1 crashed and ended drey: .*SIGSEGV.*, event \d+, "
                                        r"attempt 1"), 1)
        if not SANITIZED:
            self.assertRegex(read(host.log), r"#\d+ crash[.\w]*\+0x")
            self.assertRegex(read(host.log), r"#\d+ on_event\+0x")
        self.crashes()  # at the next such event: that one is parked
        self.assertEqual(self.log_count(r"gen 1 crashed and ended drey: .*, attempt 2"), 1)
        self.assertEqual(self.log_count(r"event \d+ is parked after 2 attempts"), 1)
        host.start().ready("main")
        host.logged(r"it crashed drey 3 times in a row: not started, `drey reload ledger`")
        self.assertEqual([row["seq"] for row in self.parked()], [40])
        row = host.plugin("ledger")
        self.assertIn("3 times in a row", row["error"])
        self.assertNotEqual(row["state"], "running")
        self.assertEqual(host.stop(), 0)
        host.start().ready("main")  # and stays so
        wait_for("it to be refused again", lambda: self.log_count("it crashed drey 3 times") >= 2)
        put(ledger("3.good"), self.target)  # another file, another chance
        wait_for("the good one", lambda: host.plugin("ledger")["state"] == "running")
        wait_for("events to be handled", lambda: len(records(self.file)[0]) >= 300)
        self.assertEqual(host.stop(), 0)
        self.complete()

    def test_one_that_is_tried_again_and_crashes_drey_stays_parked(self):
        host = self.stage("2.poison-crash")
        self.simulator.ask("POST", "/rate", "40")  # there is time to end it before the next such
        self.crashes()
        self.simulator.ask("POST", "/rate", "0")
        self.crashes()
        host.start().ready("main")
        wait_for("it to be parked", self.parked)
        row = self.parked()[0]
        host.run("parked", "-c", host.ini, "retry", row["name"])  # the end may outrun the answer
        self.assertNotEqual(host.process.wait(120), 0)
        host.start().ready("main")
        host.logged(r"gen 1 crashed and ended drey: .*, in an event that was tried again: it stays "
                    r"parked")
        self.assertEqual([one["name"] for one in self.parked()], [row["name"]])
        self.assertEqual(host.stop(), 0)

    def complete(self):
        """Each event was handled or parked; those that were tried when the host ended may be there
        twice, for they are written before the crash."""
        seen = collections.Counter(records(self.file)[0])
        aside = [40]
        highest = max(seen)
        lost = [seq for seq in range(1, highest + 1) if seq not in seen and seq not in aside]
        self.assertEqual(lost, [])
        self.assertEqual([seq for seq, n in seen.items() if n > 1], [])

    def test_a_safe_start_leaves_out_who_crashed_the_last_run(self):
        host = self.stage("2.poison-abort")
        self.crashes()
        host.start("--safe").ready("main")
        host.logged(r"it crashed drey 1 time in a row and this is a safe start: not started")
        self.assertNotEqual(host.plugin("ledger")["state"], "running")
        self.assertEqual(host.stop(), 0)
        self.crashes()  # an ordinary one tries it again, at that very event
        self.assertIn("(SIGABRT)", read(host.log))

    def test_a_thread_that_the_plugin_has_started_is_its_own_too(self):
        host = self.stage("2.left-crash")
        for _ in range(3):
            self.crashes()
        self.assertIn("plugin ledger of bot main crashed (SIGSEGV)", read(host.log))
        host.start().ready("main")
        self.assertEqual(self.log_count("gen 1 crashed and ended drey: .*SIGSEGV.*, "
                                        "on a thread of its own"), 3)
        if not SANITIZED:
            self.assertRegex(read(host.log), r"#\d+ crash_later[.\w]*\+0x")
        host.logged(r"it crashed drey 3 times in a row: not started, `drey reload ledger`")
        self.assertEqual(self.parked(), [])  # no event is to blame
        self.assertEqual(host.stop(), 0)

    def test_a_call_of_nothing_is_its_caller_s(self):
        host = self.stage("2.left-wild")
        self.crashes()
        host.start("--safe").ready("main")
        self.assertEqual(self.log_count("gen 1 crashed and ended drey: .*, on a thread of its own"), 1)
        if not SANITIZED:
            self.assertRegex(read(host.log), r"#1 (jump|crash_later)[.\w]*\+0x")
        self.assertEqual(host.stop(), 0)

    def test_a_reload_by_name_tries_it_again(self):
        host = self.stage("2.poison-crash")
        self.crashes()
        host.start("--safe").ready("main")
        answer = host.run("reload", "ledger", "-c", host.ini)
        self.assertNotIn("not started", answer.stdout + answer.stderr)
        self.assertNotEqual(host.process.wait(120), 0)


if __name__ == "__main__":
    main()
