"""tests/reload/test_floods.py: whatever a plugin in a process of its own sends, asks for or makes has an
end (row 34), and what becomes of calls and steps that are no event (rows 17 and 18)."""
import os
import re
import resource

from rig import Process, SANITIZED, ledger, main, put, read
from harness import PLUGINS  # found by the rig
from test_apart import Strikes


class Floods(Strikes):
    sections = (Strikes.sections + "handler_timeout = 5s\n[plugin:counter]\nisolation = process\n"
                "sandbox = require\n")

    def test_row_34_who_asks_for_more_than_it_takes_is_killed(self):
        before = Process(self.drey_host.process.pid)
        for kind in ("timers", "ends", "members"):
            with self.subTest(kind):
                crashes = self.row("attacker")["crashes"]
                broken = self.log_count("ended: it broke the protocol")
                self.strike(f"flood-{kind}")
                self.wait("its end", lambda: self.row("attacker")["crashes"] > crashes)
                self.assertGreater(self.log_count("ended: it broke the protocol"), broken)
                self.unhurt()
        self.house_is_small(before)

    def test_row_34_a_flood_that_asks_for_nothing_holds_nobody_up(self):
        before = Process(self.drey_host.process.pid)
        for kind in ("done", "due", "again", "handled"):
            with self.subTest(kind):
                crashes = self.row("attacker")["crashes"]
                self.strike(f"flood-{kind}")
                self.flows(100)  # the ledger's timers and the control socket are served meanwhile
                self.house_is_small(before)
                self.wait("its end", lambda: self.row("attacker")["crashes"] > crashes)
                self.unhurt()
        self.house_is_small(before)

    def test_row_34_a_start_that_floods_is_refused(self):
        put(ledger("2.flood-start", "attacker"), self.attacker)
        ok, text = self.reload("attacker")
        self.assertFalse(ok, text)
        self.assertIn("it broke the protocol", text)
        self.unhurt()

    def test_row_17_a_call_that_ends_its_process_is_made_once_more(self):
        for word, kind in (("timer", "timer"), ("rest", "answer")):
            with self.subTest(word):
                crashes = self.row("attacker")["crashes"]
                self.strike(f"call-{word}")
                self.wait("the second attempt", lambda: self.log_count(f"{kind}, attempt 2"))
                self.assertEqual(self.log_count(f"{kind}, attempt 1"), 1)
                self.assertEqual(self.row("attacker")["crashes"], crashes + 1)
                self.assertEqual(self.log_count("it is not made again"), 0)
                self.unhurt()
        self.assertEqual(self.log_count("answer 200"), 2)  # whole, both times

    def test_row_17_a_call_that_ends_its_process_twice_is_told_and_lost(self):
        self.strike("call-always")
        self.wait("its loss", lambda: self.log_count(
            r'a call of "due" \(a timer\'s function\) ended its process twice'))
        self.wait("it to be back", lambda: self.log_count("gen 2 is back") == 2)
        self.unhurt()
        self.assertEqual(self.log_count(r"timer, attempt \d"), 2)
        self.assertEqual(self.row("attacker")["crashes"], 2)

    def test_row_17_an_end_by_a_post_of_ones_own_is_no_attempt_of_the_call_behind_it(self):
        self.strike("call-own")
        self.wait("the call behind", lambda: self.log_count(r"timer, attempt \d"))
        self.assertEqual(self.log_count("timer, attempt 1"), 1)
        self.assertEqual(self.row("attacker")["crashes"], 1)
        self.assertEqual(self.log_count("in a post's function"), 1)
        self.unhurt()

    def test_one_that_hangs_on_its_way_back_holds_nobody_up(self):
        self.strike("slow-back")
        self.wait("its end", lambda: self.row("attacker")["crashes"] > 0)
        answers = 0
        while not self.log_count("does not start again: start for bot main did not return"):
            self.assertIsNotNone(self.row("attacker"))  # the control socket answers meanwhile
            answers += 1
        self.assertGreater(answers, 20)
        # a reload is not held up by it, either, nor refused for its sake
        self.wait("it to be away", lambda: self.row("attacker")["state"] == "down")
        self.unhurt()

    def test_a_change_that_fails_while_one_is_on_its_way_back_hurts_nobody(self):
        self.strike("slow-back")
        self.wait("its end", lambda: self.row("attacker")["crashes"] > 0)
        for _ in range(3):  # in its start, again and again; each refusal calls that off
            put(ledger("3.refuse-init", "attacker"), self.attacker)
            self.assertFalse(self.reload("attacker")[0])
        self.wait("the next start to be given up",
                  lambda: self.log_count("does not start again: start for bot main did not return"))
        self.wait("it to be away", lambda: self.row("attacker")["state"] == "down")
        self.unhurt()

    def test_row_34_a_flood_after_stop_leaves_nothing_behind(self):
        before = Process(self.drey_host.process.pid)
        for i in range(3):
            self.strike("flood-stopped")
            put(ledger(f"{i}.nothing", "attacker"), self.attacker)
            self.assertTrue(self.reload("attacker")[0])
        self.assertEqual(self.kept(), 0)
        self.as_before()
        self.house_is_small(before)
        self.unhurt()

    def test_row_34_threads_are_counted(self):
        if SANITIZED:
            self.skipTest("a sanitizer keeps more of a thread than its stack")
        self.strike("threads")
        self.wait("its threads", lambda: self.log_count(r"made \d+ threads"))
        count = int(re.search(r"made (\d+) threads", read(self.drey_host.log)).group(1))
        self.assertGreater(count, 100)
        self.assertLess(count, 256)
        self.assertIn("counted threads", self.row("attacker")["confined"])
        self.unhurt()

    def test_row_34_threads_are_counted_while_it_is_tried(self):
        if SANITIZED:
            self.skipTest("a sanitizer keeps more of a thread than its stack")
        self.strike("init-threads")
        self.wait("both", lambda: self.log_count(r"made \d+ threads") >= 2)
        found = re.findall(r"main \[attacker\] prints( while it is tried|): made (\d+) threads",
                           read(self.drey_host.log))
        self.assertEqual([how for how, _ in found], [" while it is tried", ""])
        for _, count in found:
            self.assertTrue(100 < int(count) < 256, found)
        self.unhurt()

    def test_row_34_what_it_prints_while_it_is_tried_is_told_as_its_own(self):
        self.strike("init-prints")
        self.wait("its lines", lambda: self.log_count("prints: 02:00:00 error forged"))
        log = read(self.drey_host.log)
        for line in ("stays", "02:00:00 error forged", "no end"):
            self.assertIn(f"warn  main [attacker] prints while it is tried: {line}\n", log)
        self.assertNotRegex(log, "(?m)^02:00:00 error forged")
        self.unhurt()

    def test_row_34_descriptors_on_their_way_keep_nobody_from_starting(self):
        self.strike("hoard")
        self.wait("its hoard", lambda: self.log_count(r"hoards \d+"))
        sent, end, call = re.search(r"hoards (\d+): (\w+), call (-?\d+)",
                                    read(self.drey_host.log)).groups()
        self.assertEqual(end, "ETOOMANYREFS")
        self.assertGreater(int(sent), 100)  # than `files` is for either of them
        self.assertEqual(int(call), -5)  # DREY_E_LIMIT: not taken
        with open(os.path.join(PLUGINS, "counter.so"), "rb") as file:
            put(file.read(), os.path.join(self.drey_host.plugin_dir, "counter.so"))
        self.wait("another plugin", lambda: (self.row("counter") or {}).get("state") == "running")
        self.assertRegex(self.row("counter")["confined"], "counted threads$")
        self.assertEqual(self.row("counter")["crashes"], 0)
        self.assertEqual(self.row("attacker")["crashes"], 0)
        self.unhurt()

    def test_row_34_a_house_without_descriptors_blames_nobody_for_it(self):
        host = self.drey_host.process.pid
        self.strike("files")
        self.wait("one", lambda: self.log_count("a file was taken"))
        most = resource.prlimit(host, resource.RLIMIT_NOFILE)
        taken = {int(name) for name in os.listdir(f"/proc/{host}/fd")}
        free = next(n for n in range(most[0]) if n not in taken)
        resource.prlimit(host, resource.RLIMIT_NOFILE, (free, most[1]))
        self.wait("a refusal", lambda: self.log_count("a file was not taken"))
        resource.prlimit(host, resource.RLIMIT_NOFILE, most)
        self.wait("another one", lambda: self.log_count("a file was taken") == 2)
        self.assertGreater(self.log_count(r"no descriptor left to take .*: ulimit -n"), 0)
        self.assertEqual(self.row("attacker")["crashes"], 0)
        self.unhurt()

    def house_is_small(self, before):
        """A sanitizer keeps what was freed for a while."""
        more = Process(self.drey_host.process.pid).anonymous - before.anonymous
        self.assertLess(more, (256 if SANITIZED else 48) << 20)


class Back(Strikes):
    sections = Strikes.sections + "crash_limit = 3\n"

    def test_row_19_an_end_on_the_way_back_counts(self):
        self.strike("dead-back")
        self.wait("it to be given up", lambda: self.row("attacker")["state"] == "stopped")
        self.assertEqual(self.row("attacker")["crashes"], 3)
        self.assertEqual(self.log_count("does not start again"), 2)
        self.unhurt()


if __name__ == "__main__":
    main()
