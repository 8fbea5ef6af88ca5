"""tests/bench/apart.py: what a plugin costs on a thread and in a process of its own, side by side in
one run against `drey sim`: a saturated worker's events/s and CPU per event (a backlog in the ring,
read as fast as it goes), the pause of a reload, the memory of an idle instance, and the time from a
crash to service. Prints a table; DREY_BUILD says which build."""
import os
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reload"))
import rig  # noqa: E402
from rig import Reload, ledger, put, read  # noqa: E402

RELOADS = int(os.environ.get("DREY_BENCH_RELOADS", "30"))
CRASHES = int(os.environ.get("DREY_BENCH_CRASHES", "30"))
RATE = int(os.environ.get("DREY_BENCH_RATE", "20000"))
TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    """Of the whole process."""
    words = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICK


def pss_kib(pid):
    text = read(f"/proc/{pid}/smaps_rollup")
    shared = sum(int(n) for n in re.findall(r"^Pss_Shmem: +(\d+)|^Pss_File: +(\d+)", text, re.M)
                 for n in n if n)
    return int(re.search(r"^Pss: +(\d+)", text, re.M)[1]), shared


class Bench(Reload):
    rate = 200
    interval_ms = 30000

    def figures(self):
        host = self.drey_host.process.pid
        child = self.row().get("pid")
        out = {}
        if child:
            out["idle PSS, KiB (mapped files of it)"] = "%d (%d)" % pss_kib(child)
        pauses = []
        for i in range(RELOADS):
            text = self.replace(f"{i + 2}.good", events=1)
            pauses.append(float(re.search(r"pause ([\d.]+) ms", text)[1]))
        out["reload pause, median, ms"] = f"{statistics.median(pauses):.2f}"
        self.world.ask("POST", "/rate", str(RATE))
        self.flows(RATE)
        pids = [host] + ([self.row()["pid"]] if child else [])
        before, cpu, begun = self.row()["handled"], sum(map(cpu_s, pids)), time.monotonic()
        self.flows(5 * RATE)
        events = self.row()["handled"] - before
        spent = time.monotonic() - begun
        out["events/s (what the simulator gives)"] = f"{events / spent:.0f}"
        out["CPU per event, host and worker, us"] = \
            f"{(sum(map(cpu_s, pids)) - cpu) / events * 1e6:.2f}"
        self.world.ask("POST", "/rate", "200")
        if child:
            put(ledger("900.poison-crash"), self.target)
            self.reload("ledger")
            self.wait("crashes", lambda: self.row()["crashes"] >= CRASHES)
            back = [float(ms) for ms in re.findall(r"is back after ([\d.]+) ms",
                                                   read(self.drey_host.log))]
            out["crash to service, median / longest, ms"] = \
                f"{statistics.median(back):.1f} / {max(back):.1f}"
        self.session_kept()
        return out


class Thread(Bench):
    process = False

    def runTest(self):
        rows["thread"] = self.figures()


class Process(Bench):
    process = True

    def runTest(self):
        rows["process"] = self.figures()


rows = {}

if __name__ == "__main__":
    import unittest
    suite = unittest.TestSuite([Thread(), Process()])
    if not unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful():
        sys.exit(1)
    print(f"{'':44}{'thread':>16}{'process':>16}")
    for name in rows["process"]:
        print(f"{name:44}{rows['thread'].get(name, '-'):>16}{rows['process'][name]:>16}")
