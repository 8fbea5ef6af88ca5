"""tests/e2e/test_scale.py: many shards in one process, in a form small enough for every day; the whole
is tests/scale/scale.py."""
import os
import resource
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scale"))
from harness import BUILD, Case, main, read
from scale import Run

SANITIZED = os.path.basename(BUILD) in ("asan", "tsan")  # whose memory and speed say nothing


class Scale(Case):
    def limited(self, soft, hard):
        """A host of 100 shards whose process starts with these limits of open files."""
        sim = self.sim("--shards", 100, "--max-concurrency", 1024)
        host = self.host({"main": {"token": "t", "rest_url": sim.rest}})
        return host.start(limits={resource.RLIMIT_NOFILE: (soft, hard)})

    def test_the_soft_limit_of_open_files_is_raised_as_needed(self):
        self.limited(64, 4096).ready("main")

    def test_a_hard_limit_that_is_too_low_is_explained(self):
        host = self.limited(64, 128)
        host.logged(r"100 shards .* need [0-9]+ open files, and this process may have 128: raise")
        self.assertEqual(host.process.wait(30), 78)

    def test_plugins_and_bots_count_as_well_as_shards(self):
        sim = self.sim("--max-concurrency", 1024)
        bots = {f"b{i}": {"token": f"t{i}", "rest_url": sim.rest, "ring_size": "64K"}
                for i in range(20)}
        host = self.host(bots, plugins=["ping"])
        host.start(limits={resource.RLIMIT_NOFILE: (64, 373)})  # 380 are needed when all is well
        host.logged(r"and the rest need [0-9]+ open files, and this process may have 373")
        self.assertEqual(host.process.wait(30), 78)
        self.assertNotIn("Too many open files", read(host.log))

    def test_shards_beat_in_time_and_all_resume_when_every_socket_drops(self):
        if SANITIZED:
            self.skipTest("a sanitizer's memory and speed are its own")
        breaches = Run("one bot", 1, 100, 5, interval_ms=8000, timed=False).go()
        breaches += Run("many bots", 10, 4, 5, interval_ms=8000, timed=False).go()
        self.assertEqual(breaches, [])


if __name__ == "__main__":
    main()
