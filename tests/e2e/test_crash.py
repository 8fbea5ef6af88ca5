"""tests/e2e/test_crash.py: the host is killed in the middle of everything and started again; workers
go on from their cursors, shards RESUME, nothing is lost."""
import os

from harness import Case, main, recorded, wait_for

KILLS = int(os.environ.get("DREY_E2E_KILLS", "5"))


class Crash(Case):
    def test_kill_9_loses_nothing(self):
        sim = self.sim("--rate", 2000, "--shards", 2, "--max-concurrency", 16)
        file = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "plugins": "recorder"}},
                         plugins=["recorder"],
                         sections=f"[plugin:recorder]\nfile = {file}\n")
        for i in range(KILLS):
            host.start().ready("main")
            before = host.plugin("recorder")["handled"]
            wait_for("events to flow", lambda: host.plugin("recorder")["handled"] > before + 500)
            host.kill()
        host.start().ready("main")
        sim.ask("POST", "/rate", "0")
        wait_for("the recorder to catch up", lambda: host.plugin("recorder")["lag_bytes"] == 0)
        last = {s["id"]: s["seq"] for s in host.bot("main")["shards"]}
        wait_for("all events of the simulator", lambda: all(
            last[s["id"]] == s["seq"] for s in host.bot("main")["shards"]))
        self.assertEqual(host.stop(), 0)
        seen = recorded(file)
        doubled = 0
        for shard, seqs in seen.items():
            self.assertEqual(sorted(set(seqs)), list(range(1, last[shard] + 1)))
            doubled += len(seqs) - len(set(seqs))
        self.assertLessEqual(doubled, KILLS, "only the event in flight may come twice")
        print(f"{KILLS} kills, {sum(map(len, seen.values()))} events, {doubled} of them twice")
        status = sim.status()
        self.assertEqual(status["identifies"], 2)
        self.assertGreaterEqual(status["resumes"], 2 * KILLS)

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
        self.assertEqual(sim.status()["identifies"], 2)


if __name__ == "__main__":
    main()
