"""tests/e2e/test_breaker.py: a host that crashes again and again, with nothing to resume, does not
spend Discord's budget of session starts: what it spent lies in the state directory."""
import os
import time

from harness import Case, main, wait_for

CRASHES = int(os.environ.get("DREY_E2E_CRASHES", "50"))
# Ten minutes are 30 s: the breaker, which forgets in an hour, forgets in three minutes here.
SCALE = 0.05


class Breaker(Case):
    def start(self, *sim_options):
        sim = self.sim("--time-scale", int(1 / SCALE), *sim_options)
        host = self.host({"main": {"token": "t", "rest_url": sim.rest}})
        return sim, host

    def crash(self, sim, host, condition):
        """Starts the host and kills it as soon as the simulator has seen enough of it."""
        before = sim.status()
        host.start("--time-scale", str(SCALE))
        end = None  # after a while on the line: the breaker may let nothing more be seen
        now = before
        while not condition(before, now) and (end is None or time.monotonic() < end):
            time.sleep(0.005)
            host.alive()
            now = sim.status()
            if end is None and now["gateway_connections_total"] > before["gateway_connections_total"]:
                end = time.monotonic() + 0.4
        host.kill()

    def identified(self, before, now):
        return now["identifies"] > before["identifies"]

    def spent(self, sim, host, condition, crashes):
        begun = time.monotonic()
        for _ in range(crashes):
            self.crash(sim, host, condition)
        scaled_min = (time.monotonic() - begun) / SCALE / 60
        identifies = sim.status()["identifies"]
        print(f"{crashes} crashes in {scaled_min:.1f} min (scaled), {identifies} IDENTIFYs")
        # 20 at once, then one per 3 min; one more for the rounding of the last
        self.assertLessEqual(identifies, 20 + scaled_min / 3 + 1)
        self.assertGreaterEqual(identifies, min(20, crashes))
        return identifies

    def test_fifty_crashes_right_after_identify(self):
        sim, host = self.start()
        sim.fault("noready")
        self.spent(sim, host, self.identified, CRASHES)
        self.visible_and_over(sim, host)

    def visible_and_over(self, sim, host):
        host.start("--time-scale", str(SCALE))
        host.logged(r"main: too many IDENTIFYs without a stable session.*until [0-9:]{8}.*remove .*/sessions")
        wait_for("the status to say so", lambda: "until" in (host.bot("main") or {"why": ""})["why"])
        text = host.run("status", "-c", host.ini)
        self.assertEqual(text.returncode, 4)
        self.assertRegex(text.stdout, r"too many IDENTIFYs without a stable session.*until [0-9:]{8}")
        sim.fault("heal")
        host.ready("main")  # by itself, at the next drop out of the bucket
        self.assertEqual(host.stop(), 0)

    def test_fifty_crashes_with_sessions_that_cannot_be_resumed(self):
        sim, host = self.start()
        sim.fault("resume-invalid")
        self.spent(sim, host, lambda before, now: self.identified(before, now) and
                   now["readies"] > before["readies"], CRASHES // 2)

    def test_crashes_before_anything_was_sent_cost_nothing(self):
        sim, host = self.start()
        for _ in range(5):
            self.crash(sim, host, lambda before, now: now["gateway_connections_total"] >
                       before["gateway_connections_total"])
        self.assertLessEqual(sim.status()["identifies"], 5)
        host.start("--time-scale", str(SCALE)).ready("main")
        self.assertEqual(host.stop(), 0)

    def test_removing_the_file_opens_the_way_as_the_log_says(self):
        sim, host = self.start()
        sim.fault("noready")
        for _ in range(21):
            self.crash(sim, host, self.identified)
        host.start("--time-scale", str(SCALE))
        path = host.logged(r"stop drey and remove (\S+/sessions)").group(1)
        wait_for("the host to be up", host.status)
        self.assertEqual(host.stop(), 0)
        os.remove(path)
        sim.fault("heal")
        begun = sim.status()["identifies"]
        host.start("--time-scale", str(SCALE)).ready("main")
        self.assertEqual(sim.status()["identifies"], begun + 1)


if __name__ == "__main__":
    main()
