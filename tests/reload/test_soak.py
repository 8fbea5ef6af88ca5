"""tests/reload/test_soak.py: rows 20 and 21 of plugins.md section 6 at their full length; minutes, so only
`ctest --preset soak` runs it. DREY_SOAK_RELOADS: how many reloads row 21 makes.

Row 21 asks for its reloads by hand, one at the heels of the other: the watcher's 200 ms of silence
would make it an hour, and everything behind the silence is the same.
"""
import os
import statistics
import time

from rig import Process, Reload, ledger, main, put
from test_flow import UnderLoad  # noqa: F401  row 20, with the numbers of its environment

COUNT = int(os.environ.get("DREY_SOAK_RELOADS", "10000"))
SPAN = max(COUNT // 10, 1)


class Soak(Reload):
    watch = "off"
    rate = 200
    shards = 1
    bot_keys = {"ring_size": "1 MiB", "max_message": "64 KiB"}

    def test_row_21_ten_thousand_reloads_leave_nothing_and_never_get_slower(self):
        times = []
        files = [ledger("a.good"), ledger("b.good")]
        for i in range(COUNT + SPAN):
            put(files[i % 2], self.target)
            began = time.perf_counter()
            ok, text = self.reload("ledger")
            times.append((time.perf_counter() - began) * 1000)
            self.assertTrue(ok, text)
            if i + 1 == SPAN:  # warm: the ring's pages and the allocator's are there
                warm = Process(self.drey_host.process.pid)
        self.flows()
        end = Process(self.drey_host.process.pid)
        first = statistics.median(times[SPAN:2 * SPAN])
        last = statistics.median(times[-SPAN:])
        print(f"{COUNT} reloads: {first:.2f} ms each at first, {last:.2f} ms at the end, longest "
              f"{max(times):.0f} ms; RSS +{(end.rss - warm.rss) / 1024:.0f} KiB "
              f"(anonymous +{(end.anonymous - warm.anonymous) / 1024:.0f} KiB)")
        self.assertEqual(end.counts(), warm.counts())
        self.assertLess(end.rss - warm.rss, 1 << 20)
        self.assertLess(last, first * 1.5)
        self.version = self.row()["version"]
        self.all_well()


if __name__ == "__main__":
    main()
