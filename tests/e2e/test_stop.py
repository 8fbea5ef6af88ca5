"""tests/e2e/test_stop.py: how a host ends: what goes over the wire, and what becomes of handlers."""
import os
import shutil
import signal
import time

from harness import BUILD, Case, main, read, wait_for, writes


class Stop(Case):
    def start(self, ms, bots=1, drey=""):
        sim = self.sim("--max-concurrency", 16)
        self.file = os.path.join(self.directory, "slow.log")
        suffixes = [f".b{i}" for i in range(bots)]
        host = self.host({f"b{i}": {"token": f"t{i}", "rest_url": sim.rest, "intents": "auto +MESSAGE_CONTENT"}
                          for i in range(bots)}, drey=drey,
                         sections=f"[plugin:slow]\n{writes(self.file, *suffixes)}ms = {ms}\n")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "slow.so"), host.plugin_dir)
        host.start().ready(*[f"b{i}" for i in range(bots)])
        return sim, host

    def lines(self, bot="b0"):
        return read(f"{self.file}.{bot}").splitlines()

    def in_handlers(self, sim, bots=1):
        sim.ask("POST", "/say", '{"text":"hello"}')
        wait_for("every handler to run", lambda: all(
            len(self.lines(f"b{i}")) == 1 for i in range(bots)))

    def test_a_stop_keeps_the_session_and_a_final_one_ends_it(self):
        sim, host = self.start(0)
        self.assertEqual(host.stop(), 0)
        status = sim.status()
        self.assertEqual((status["client_closes_1000"], status["client_closes_1001"],
                          status["client_tcp_ends"], sum(status["client_closes"].values())),
                         (0, 0, 0, 1))
        self.assertEqual(status["sessions"], 1)
        host.start().ready("b0")
        self.assertEqual(host.run("stop", "-c", host.ini, "--final").returncode, 0)
        status = sim.status()
        self.assertEqual((status["client_closes_1000"], status["sessions"]), (1, 0))
        self.assertEqual((status["identifies"], status["resumes"]), (1, 1))

    def test_a_handler_that_runs_is_let_to_its_end(self):
        sim, host = self.start(6000)  # longer than any step of a reload may take
        self.in_handlers(sim)
        self.assertEqual(host.stop(), 0)
        self.assertEqual([line.split()[0] for line in self.lines()], ["begin", "end"])
        self.assertIn("waiting for 1 handler to return, 20 s at most", read(host.log))
        # The host itself has taken its handlers away meanwhile: no plugin is to be blamed.
        self.assertNotIn("changed what happens at SIG", read(host.log))
        host.start().ready("b0")
        wait_for("the worker to be done", lambda: host.plugin("slow")["lag_bytes"] == 0)
        self.assertEqual(len(self.lines()), 2, "the event was handled: it does not come again")

    def test_drain_timeout_bounds_the_wait_for_all_handlers_together(self):
        sim, host = self.start(600000, bots=8, drey="drain_timeout = 1s")
        self.in_handlers(sim, 8)
        begun = time.monotonic()
        self.assertEqual(host.stop(), 0)
        self.assertLess(time.monotonic() - begun, 8)
        with open(host.ini, encoding="utf-8") as file:
            text = file.read().replace("ms = 600000", "ms = 0")
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(text)
        host.start().ready(*[f"b{i}" for i in range(8)])
        for i in range(8):
            wait_for("the event again", lambda: len(self.lines(f"b{i}")) == 3)
            seq = self.lines(f"b{i}")[0].split()[1]
            self.assertEqual(self.lines(f"b{i}"),
                             [f"begin {seq} 1", f"begin {seq} 2", f"end {seq} 2"])

    def test_a_second_signal_does_not_wait_for_handlers(self):
        sim, host = self.start(600000)
        self.in_handlers(sim)
        host.process.send_signal(signal.SIGTERM)
        host.logged("waiting for 1 handler")
        host.process.send_signal(signal.SIGHUP)  # these say nothing any more, and harm nothing
        host.process.send_signal(signal.SIGUSR2)
        time.sleep(0.2)
        host.alive()
        wait_for("the end", lambda: host.process.send_signal(signal.SIGTERM) or
                 host.process.poll() is not None)
        self.assertEqual(host.process.wait(10), 128 + signal.SIGTERM)
        self.assertEqual(sim.status()["client_closes_1000"], 0)

    def test_a_signal_that_comes_twice_at_once_is_one_request(self):
        sim, host = self.start(1500)
        self.in_handlers(sim)
        for _ in range(3):  # to the process, to its group, ...
            host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 0)
        self.assertEqual([line.split()[0] for line in self.lines()], ["begin", "end"])


if __name__ == "__main__":
    main()
