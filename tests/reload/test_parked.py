"""tests/reload/test_parked.py: what an operator does with parked events, and is told."""
import os
import signal

from rig import ledger, main, put, records
from test_apart import Apart


class Parked(Apart):
    sections = "handler_timeout = 400ms\n"

    def test_a_parked_event_can_be_tried_again_or_dropped(self):
        put(ledger("2.poison-crash"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.wait("events to be parked", lambda: len(self.parked()) >= 2)
        put(ledger("3.good"), self.target)
        self.wait("a good version", lambda: self.reload("ledger")[0])
        self.flows()
        last = self.settle()
        rows = self.parked()
        listed = self.command("parked")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertEqual(len(listed.stdout.splitlines()), 1 + len(rows))
        self.assertTrue(listed.stdout.startswith("NAME "), listed.stdout)
        shown = self.command("parked", "show", rows[0]["name"])
        self.assertIn(f'"s":{rows[0]["seq"]}', shown.stdout)
        self.assertIn(rows[0]["name"] + " ", shown.stdout)
        dropped = self.command("parked", "drop", rows[1]["name"])
        self.assertEqual(dropped.returncode, 0)
        self.assertEqual(dropped.stdout,
                         f"event {rows[1]['offset']} of ledger for bot main is dropped\n")
        self.assertEqual(self.command("parked", "drop", rows[1]["name"]).returncode, 1)
        again = [row for row in rows if row is not rows[1]]
        for row in again:
            tried = self.command("parked", "retry", row["name"])
            self.assertEqual(tried.returncode, 0, tried.stderr)
            self.assertIn(f"event {row['offset']} of ledger for bot main is tried again",
                          tried.stdout)
        self.wait("them to be handled", lambda: not self.parked())
        seen = records(self.file)
        for row in again:
            self.assertEqual(list(seen[row["shard"]]).count(row["seq"]), 1)
        self.assertEqual(sum(map(len, seen.values())), sum(last.values()) - 1)
        empty = self.command("parked")
        self.assertEqual((empty.returncode, empty.stdout, empty.stderr),
                         (0, "", "nothing is parked\n"))

    def test_one_that_crashes_again_stays_parked_and_all_can_be_dropped(self):
        put(ledger("2.poison-crash"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.wait("events to be parked", lambda: len(self.parked()) >= 2)
        self.world.ask("POST", "/rate", "0")
        self.settle()
        row = self.parked()[0]
        tried = self.command("parked", "retry", row["name"])
        self.assertEqual(tried.returncode, 0, tried.stderr)
        self.wait("it to be told of", lambda: self.log_count(
            rf"event {row['offset']} was tried again, attempt 3, and was not handled: "
            "it stays parked"))
        self.assertIn(row["name"], [one["name"] for one in self.parked()])
        # of several only the one in which it ended is told of: the others are tried by the next process
        self.wait("it to be back", lambda: self.row()["state"] == "running")
        both = self.parked()[:2]
        process = self.row()["pid"]
        os.kill(process, signal.SIGSTOP)
        for one in both:
            self.assertEqual(self.command("parked", "retry", one["name"]).returncode, 0)
        os.kill(process, signal.SIGCONT)
        for one, times in zip(both, (2, 1)):
            self.wait("each to be told of", lambda one=one, times=times: self.log_count(
                rf"event {one['offset']} was tried again") == times)
        count = len(self.parked())
        self.assertIn(f"\n{count} events of ledger for bot main are parked: `drey parked list`\n",
                      self.command("status").stdout)
        self.assertEqual(self.control.ask(cmd="status")["parked"],
                         [{"bot": "main", "plugin": "ledger", "events": count}])
        self.assertEqual(self.command("parked", "drop", "--all", "--plugin", "ledge").stdout, "")
        wrong = self.command("parked", "--bot", "nope")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("there is no bot 'nope'; there are: main", wrong.stderr)
        self.assertEqual(self.command("parked", "drop", "--all", "--bot", "main").stdout,
                         f"{count} events are dropped\n")
        self.assertEqual(self.parked(), [])
        self.assertNotIn("parked", self.command("status").stdout)


if __name__ == "__main__":
    main()
