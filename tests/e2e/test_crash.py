"""tests/e2e/test_crash.py: the host is killed at random moments and started again; workers go on
from their cursors, shards RESUME, nothing is lost, and nothing comes twice but the event whose
handler ran, which says so."""
import os
import random
import shutil
import time

from harness import BUILD, Case, main, read, wait_for, writes

KILLS = int(os.environ.get("DREY_E2E_KILLS", "5"))
RATE = int(os.environ.get("DREY_E2E_RATE", "2000"))
SEED = int(os.environ.get("DREY_E2E_SEED", str(random.randrange(10**9))))
LINGER_US = 15  # each handler stays so long before and behind its line, so that kills meet it there
MOMENT_S = 0.8  # of a life: from the middle of the start to well within the flow of events


def lingered(path):
    """The file of the plugin linger as {shard: [(seq, attempt), ...]} and its gaps."""
    shards, gaps = {}, []
    for line in read(path).splitlines():
        shard, seq, attempt = (line + " -").split(" ")[:3]
        if seq == "gap":
            gaps.append(line)
        else:
            shards.setdefault(int(shard), []).append((int(seq), int(attempt)))
    return shards, gaps


class Crash(Case):
    def check_shard(self, lines, last):
        """In order, complete, and whatever comes again comes at once and with a higher attempt."""
        before, again, marked = (0, 0), 0, 0
        for seq, attempt in lines:
            marked += attempt > 1
            if seq == before[0]:
                again += 1
                self.assertEqual(attempt, before[1] + 1, f"seq {seq} came twice unmarked")
            else:
                self.assertEqual(seq, before[0] + 1, "lost, or out of order")
            before = (seq, attempt)
        self.assertEqual(before[0], last)
        return again, marked

    def test_kill_9_loses_nothing(self):
        chance = random.Random(SEED)
        sim = self.sim("--rate", RATE, "--shards", 2, "--max-concurrency", 16,
                       "--replay", 1000000)
        file = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "plugins": "linger"}},
                         sections=f"[plugin:linger]\n{writes(file)}linger_us = {LINGER_US}\n")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "linger.so"), host.plugin_dir)
        host.start().ready("main")  # the sessions; from now on every start is a RESUME
        flowing = 0
        for i in range(KILLS):
            if i % 2 == 0:  # every other time it is certainly in the middle of things
                host.ready("main")
                before = os.stat(file).st_size
                wait_for("events to flow", lambda: os.stat(file).st_size > before + 5000)
            before = os.stat(file).st_size
            time.sleep(chance.uniform(0, MOMENT_S))
            host.alive()
            host.kill()
            flowing += os.stat(file).st_size > before
            host.start()
        host.ready("main")
        sim.ask("POST", "/rate", "0")
        wait_for("the plugin to catch up", lambda: host.plugin("linger")["lag_bytes"] == 0)
        there = {s["shard"]: s["last_seq"] for s in sim.status()["bots"][0]["shards"]}
        wait_for("all events of the simulator", lambda: all(
            there[s["id"]] == s["seq"] for s in host.bot("main")["shards"]))
        wait_for("the plugin to catch up", lambda: host.plugin("linger")["lag_bytes"] == 0)
        self.assertEqual(host.stop(), 0)
        seen, gaps = lingered(file)
        self.assertEqual(gaps, [])
        counts = [self.check_shard(seen[shard], there[shard]) for shard in (0, 1)]
        again, marked = map(sum, zip(*counts))
        print(f"seed {SEED}: {KILLS} kills, {flowing} of them while events were handled, "
              f"{sum(map(len, seen.values()))} deliveries, {marked} of them marked as a second "
              f"attempt, {again} of those seen by the handler before", flush=True)
        self.assertLessEqual(marked, KILLS)
        status = sim.status()
        self.assertEqual(status["identifies"], 2)
        self.assertGreaterEqual(status["resumes"], KILLS)

    def test_an_orderly_restart_resumes(self):
        sim = self.sim("--rate", 200)
        host = self.host({"main": {"token": "t", "rest_url": sim.rest}})
        host.start().ready("main")
        self.assertEqual(host.stop(), 0)
        host.start().ready("main")
        status = sim.status()
        self.assertEqual((status["identifies"], status["resumes"]), (1, 1))
        host.run("stop", "-c", host.ini, "--final")
        host.start().ready("main")
        status = sim.status()  # a busy machine may be told to IDENTIFY again, five seconds later
        self.assertIn(status["identifies"], (2, 3))
        self.assertEqual(status["resumes"], 1)


if __name__ == "__main__":
    main()
