"""tests/reload/test_soak_apart.py: plugins in processes of their own that end again and again, at full
length; for `ctest --preset soak`.

DREY_SOAK_CRASHES: how many crashes; DREY_SOAK_KILLS, DREY_SOAK_FLOW, DREY_SOAK_SEED: how many kills
at random moments, at how many events a second.
"""
import collections
import os
import random
import struct
import time

from rig import Process, ledger, main, put
from test_apart import Apart

CRASHES = int(os.environ.get("DREY_SOAK_CRASHES", "10000"))
KILLS = int(os.environ.get("DREY_SOAK_KILLS", "500"))
FLOW = int(os.environ.get("DREY_SOAK_FLOW", "20000"))
SEED = int(os.environ.get("DREY_SOAK_SEED", str(random.randrange(10**9))))
# Whatever ends is started again at once, for ever.
TIRELESS = "crash_limit = 0\ncrash_wait = 0\n"


class Crashes(Apart):
    """Each second event ends the process the first time, each fortieth both times."""
    watch = "off"
    interval_ms = 5000
    sections = TIRELESS
    rate = 0
    bot_keys = {"ring_size": "64 MiB", "overflow": "wait", "overflow_wait": "10m"}

    def flows(self, events=20, deadline_s=90):
        self.world.ask("POST", "/rate", "200")
        super().flows(events, deadline_s)

    def pace(self):
        """As many events as are handled: what waits stays little."""
        row = self.row()
        self.world.ask("POST", "/rate", "0" if row["lag_bytes"] > 1 << 20 else "1000")
        return row["crashes"]

    def test_ten_thousand_crashes_lose_nothing_and_nobody_notices(self):
        put(ledger("2.doubt-crash"), self.target)
        ok, text = self.reload("ledger")
        self.assertTrue(ok, text)
        self.wait("the first crashes", lambda: self.pace() >= CRASHES // 10, 3600)
        warm = Process(self.drey_host.process.pid)
        began, first = time.monotonic(), self.row()["crashes"]
        self.wait(f"{CRASHES} crashes", lambda: self.pace() >= CRASHES, 7200)
        took, crashes = time.monotonic() - began, self.row()["crashes"]
        self.world.ask("POST", "/rate", "0")
        self.wait("all events to be handled", lambda: self.row()["lag_bytes"] == 0, 3600)
        end = Process(self.drey_host.process.pid)
        put(ledger("3.good"), self.target)
        self.wait("a good version", lambda: self.reload("ledger")[0])
        self.flows()
        last = self.settle()
        self.complete(last)  # each event once: handled, or parked
        rows = self.parked()
        self.assertTrue(all(row["seq"] % 40 == 0 and row["attempts"] == 2 for row in rows))
        crashes_told = self.log_count("gen 2 ended: ")
        self.assertEqual(crashes_told, self.row()["crashes"])
        self.as_before()
        self.session_kept()
        self.assertLess(end.anonymous - warm.anonymous, 4 << 20)
        print(f"{self.row()['crashes']} crashes in a row, {(crashes - first) / took:.0f} a second; "
              f"{sum(last.values())} events: 0 lost, 0 twice, {len(rows)} of them parked; RSS "
              f"+{(end.rss - warm.rss) / 1024:.0f} KiB, session untouched", flush=True)


class Kills(Apart):
    """kill -9 of the host or of the plugin's process, whichever chance wants, while events flow. The
    flow asked for is for a machine that has nothing else to do: a busy one gets less, and says so."""
    watch = "off"
    interval_ms = 15000
    sections = TIRELESS
    rate = FLOW
    sim_options = ("--replay", 4000000, "--replay-memory", "3G")
    bot_keys = {"ring_size": "256 MiB", "compress": "none"}
    flow = FLOW

    def pace(self):
        waiting = self.world.status()["events_happened"] - self.count()
        if waiting > self.flow:
            self.flow = max(self.flow * 7 // 10, 1000)
        elif waiting < self.flow / 10 and self.flow < FLOW:
            self.flow = min(self.flow * 11 // 10, FLOW)
        self.world.ask("POST", "/rate", str(self.flow))

    def count(self):
        return os.path.getsize(self.file) // 16

    def grows(self):
        """Events are handled: whoever handles them."""
        before = self.count()
        self.wait("events to flow", lambda: self.count() > before + 100)

    def kill_host(self):
        self.control.close()
        self.drey_host.kill()
        self.drey_host.start().ready("main")
        self.control = type(self.control)(self.drey_host.control)
        self.pace()

    def kill_child(self):
        pid = self.row()["pid"]
        if pid:
            os.kill(pid, 9)
            self.wait("another process", lambda: self.row()["pid"] not in (0, pid))

    def judge(self, last):
        """Complete and in order; what comes again comes at once and with a higher attempt."""
        before = collections.defaultdict(lambda: (0, 0))
        again = marked = 0
        with open(self.file, "rb") as file:
            for shard, attempt, seq in struct.iter_unpack("=IIQ", file.read()):
                old_seq, old_attempt = before[shard]
                marked += attempt > 1
                if seq == old_seq:
                    again += 1
                    self.assertGreater(attempt, old_attempt, f"seq {seq} came twice unmarked")
                elif seq != old_seq + 1:
                    self.fail(f"shard {shard}: {old_seq} was followed by {seq}")
                before[shard] = (seq, attempt)
        self.assertEqual({shard: seq for shard, (seq, _) in before.items()}, last)
        return again, marked

    def test_kill_9_of_host_or_child_at_random_moments_loses_nothing(self):
        chance = random.Random(SEED)
        hosts = 0
        began, first = time.monotonic(), self.count()
        for i in range(KILLS):
            self.grows()
            self.pace()
            time.sleep(chance.uniform(0, 0.3))
            if chance.random() < 0.5:
                hosts += 1
                self.kill_host()
            else:
                self.kill_child()
            if i % 50 == 49:
                print(f"{i + 1} kills, {self.count() - first} events", flush=True)
        took = time.monotonic() - began
        rate = (self.count() - first) / took
        last = self.settle()
        self.assertEqual(self.parked(), [])
        self.assertEqual(self.drey_host.stop(), 0, self.drey_host.tail_of_log())
        again, marked = self.judge(last)
        self.assertLessEqual(marked, KILLS)
        status = self.world.status()
        self.assertEqual((status["identifies"], sum(status["violations"].values())), (2, 0))
        print(f"seed {SEED}: {KILLS} kills, {hosts} of the host, at {rate:.0f} events/s on the "
              f"average ({FLOW} asked for); {sum(last.values())} events, 0 lost; {marked} marked as "
              f"a second attempt, {again} of them written before", flush=True)


if __name__ == "__main__":
    main()
