"""tests/bench/apart.py: what a plugin costs on a thread and in a process of its own, side by side in
one run. Part of tests/bench/run; README.md says what is measured. First hosts of both modes in turn,
at a gateway that stamps its events (drip.c, lag.c); then the ledger of tests/reload against
`drey sim`. DREY_BUILD says which build; reads other processes' memory, so it runs as root."""
import collections
import contextlib
import os
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "reload"))
import rig  # noqa: E402,F401 (it knows the way to harness)
from harness import BUILD, Host, wait_for  # noqa: E402
from rig import Control, Reload, put, read  # noqa: E402
import events  # noqa: E402

RELOADS = int(os.environ.get("DREY_BENCH_RELOADS", "30"))
CRASHES = int(os.environ.get("DREY_BENCH_CRASHES", "30"))
RATES = [int(rate) for rate in os.environ.get("DREY_BENCH_RATES", "1000,10000,50000").split(",")]
SECONDS = int(os.environ.get("DREY_BENCH_SECONDS", "2"))
ROUNDS = int(os.environ.get("DREY_BENCH_ROUNDS", "7"))
BACKLOG = int(os.environ.get("DREY_BENCH_BACKLOG", "100000"))
IDLE_S = 12  # memory is given back five to ten seconds after the last event
IDLES = 3
CHILDREN = 10
PAGE = os.sysconf("SC_PAGE_SIZE")
MODES = ("thread", "process")
DEADLINE_S = 120

rows = {}  # {what: {mode: text}}


def tell(what, mode, text):
    rows.setdefault(what, {})[mode] = text
    print(f"{mode}: {what}: {text}", file=sys.stderr)


# ---- Memory ----

def file_pages(pid):
    """Counter of the pages of files and of shared memory that a process has in its memory, by file
    and place."""
    found = collections.Counter()
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for line in read(f"/proc/{pid}/maps").splitlines():
            words = line.split(None, 5)
            start, end = (int(word, 16) for word in words[0].split("-"))
            if words[4] == "0" or start >> 63:
                continue
            pagemap.seek(start // PAGE * 8)
            entries = pagemap.read((end - start) // PAGE * 8)
            for i, (entry,) in enumerate(struct.iter_unpack("=Q", entries)):
                if entry >> 63 and entry >> 61 & 1:  # present; not a copy of its own
                    found[words[3], words[4], int(words[2], 16) // PAGE + i] += 1
    return found


class Memory:
    """KiB of a child: as the kernel shares them out among all that have a page, as it would if there
    were nothing but the host and its children on this machine, and what is its own alone."""

    def __init__(self, pid, family):
        rollup = read(f"/proc/{pid}/smaps_rollup")
        self.pss = int(re.search(r"^Pss: +(\d+)", rollup, re.M)[1])
        self.own = int(re.search(r"^Anonymous: +(\d+)", rollup, re.M)[1])
        self.alone = self.own + sum(
            count / max(family[page], 1) * PAGE / 1024 for page, count in file_pages(pid).items())


def memories(host, children):
    family = collections.Counter()
    for pid in (host, *children):
        family.update(file_pages(pid))
    return [Memory(pid, family) for pid in children]


# ---- The gateway that stamps ----

class Stage:
    """A host whose bots are at drip.c, each with the plugin lag."""

    def __init__(self, directory, process, bots):
        self.directory = directory
        self.words = 0
        cert, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
        events.certify(cert, key)
        self.drip = subprocess.Popen([os.path.join(BUILD, "bin", "bench_drip"), cert, key], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        url = f"https://localhost:{int(self.line())}/api/v10"
        keys = {"rest_url": url, "ca_file": cert, "compress": "none",
                "ring_size": "256M" if bots == 1 else "1M"}
        self.host = Host(directory, {f"b{i}": {"token": f"t{i}", **keys} for i in range(bots)},
                         sections="[plugin:lag]\nisolation = "
                                  f"{'process' if process else 'thread'}\n", level="info")
        with open(os.path.join(BUILD, "tests", "bench", "lag.so"), "rb") as file:
            put(file.read(), os.path.join(self.host.plugin_dir, "lag.so"))
        self.host.start()
        if self.line() != "ready":
            raise AssertionError("no client came")
        wait_for("all bots", lambda: self.host.alive() and len(self.running()) == bots)
        self.pids = [row.get("pid") for row in self.running()] if process else []

    def running(self):
        control = Control(self.host.control)
        status = control.ask(cmd="status")
        control.close()
        ready = all(shard["state"] == "ready" for bot in status["bots"] for shard in bot["shards"])
        return [row for row in status["plugins"] if row["state"] == "running"] if ready else []

    def line(self):
        there, _, _ = select.select([self.drip.stdout], [], [], DEADLINE_S)
        text = self.drip.stdout.readline().strip() if there else ""
        if not text:
            raise AssertionError("the gateway said nothing more")
        return text

    def order(self, text):
        """When the first and the last of it were written, ns."""
        self.drip.stdin.write(text + "\n")
        self.drip.stdin.flush()
        word, first, last = self.line().split()
        assert word == "done", word
        return int(first), int(last)

    def report(self, count):
        """What the handler saw since the last report."""
        self.words += 1
        self.order(f"report word-{self.words}")
        pattern = re.compile(rf"saw word-{self.words} (count .*held_ns \d+)")
        found = wait_for("the handler's report", lambda: self.host.alive() and
                         pattern.search(read(self.host.log)), DEADLINE_S)
        pairs = found[1].split()
        seen = dict(zip(pairs[::2], map(int, pairs[1::2])))
        if seen["count"] != count:
            raise AssertionError(f"of {count} events the handler saw {seen['count']}")
        return seen

    def stop(self):
        self.drip.stdin.close()
        try:
            self.drip.wait(30)
        finally:
            self.host.stop()


def us(ns):
    return f"{ns / 1000:.0f}" if ns < 10_000_000 else f"{ns / 1000:,.0f}"


def spread(values, form="{:.2f}".format):
    """The median, and what it lies between."""
    return f"{form(statistics.median(values))} ({form(min(values))}..{form(max(values))})"


def quiet_cpu_ns(pid):
    """Of all threads of a process and of those below it, once nothing runs any more; the kernel's own
    count, for one by ticks is off by more than what is compared here."""
    events.quiet_cpu_us(pid)
    return sum(int(read(f"/proc/{one}/task/{task}/schedstat").split()[0])
               for one in events.processes(pid) for task in os.listdir(f"/proc/{one}/task"))


def closed_windows():
    """How often a receiver on this machine told its sender to stop, for its buffer was full."""
    names, values = (line.split() for line in read("/proc/net/netstat").splitlines()
                     if line.startswith("TcpExt:"))
    return int(dict(zip(names, values))["TCPToZeroWindowAdv"])


def measure_rate(stage, rate):
    """One round in one mode."""
    stage.order(f"pace {rate} {rate // 2}")
    stage.report(rate // 2)
    before, count, closed = quiet_cpu_ns(stage.host.process.pid), rate * SECONDS, closed_windows()
    first, last = stage.order(f"pace {rate} {count}")
    seen = stage.report(count)
    return {"cpu_us": (quiet_cpu_ns(stage.host.process.pid) - before) / count / 1000,
            "p50_ns": seen["p50_ns"], "p99_ns": seen["p99_ns"], "most_ns": seen["most_ns"],
            "reached": count / (last - first) * 1e9, "closed": closed_windows() - closed}


def in_turn(measure):
    """{mode: its rounds}, each mode as often first as the other. Each time with a new host: on which
    cores the threads find themselves stays as it is for long, and costs or saves a third."""
    rounds = {mode: [] for mode in MODES}
    for i in range(ROUNDS):
        for mode in MODES if i % 2 == 0 else reversed(MODES):
            with staged(mode == "process") as stage:
                rounds[mode].append(measure(stage))
    return rounds


def ratio(rounds, what):
    pairs = zip(*([run[what] for run in rounds[mode]] for mode in MODES))
    return spread([process / thread for thread, process in pairs])


def measure_rates(rate):
    rounds = in_turn(lambda stage: measure_rate(stage, rate))
    for mode, runs in rounds.items():
        for what, name in (("p50", "p50_ns"), ("p99", "p99_ns"), ("longest", "most_ns")):
            tell(f"socket to handler at {rate:,}/s, {what}, µs", mode,
                 spread([run[name] for run in runs], us))
        tell(f"times that a TCP window closed at {rate:,}/s", mode,
             spread([run["closed"] for run in runs], "{:.0f}".format))
        reached = statistics.median(run["reached"] for run in runs)
        if reached < 0.98 * rate:
            tell(f"events/s that the gateway reached of {rate:,}", mode, f"{reached:,.0f}")
        tell(f"CPU per event at {rate:,}/s, host and worker, µs", mode,
             spread([run["cpu_us"] for run in runs]))
    tell(f"CPU per event at {rate:,}/s, a process to a thread", "process", ratio(rounds, "cpu_us"))


def measure_backlog(stage):
    """The worker is kept while events pile up in the ring; then it reads as fast as it goes, with
    nothing else at work."""
    hold_ms = 5000
    while True:
        stage.order(f"hold {hold_ms}")
        _, last = stage.order(f"pace 0 {BACKLOG}")
        seen = stage.report(BACKLOG)
        if last < seen["held_ns"]:
            break
        hold_ms *= 2
    return {"per_s": (BACKLOG - 1) / (seen["last_ns"] - seen["first_ns"]) * 1e9,
            "cpu_us": seen["cpu_ns"] / BACKLOG / 1000}


def measure_backlogs():
    rounds = in_turn(measure_backlog)
    for mode, runs in rounds.items():
        tell("saturated: events/s of one worker", mode,
             spread([run["per_s"] for run in runs], "{:,.0f}".format))
        tell("saturated: CPU per event, its worker alone, µs", mode,
             spread([run["cpu_us"] for run in runs]))
    tell("saturated: CPU per event, a process to a thread", "process", ratio(rounds, "cpu_us"))


def measure_idle(stage, mode):
    found, first = [], []
    for _ in range(IDLES):
        time.sleep(IDLE_S)
        found += memories(stage.host.process.pid, stage.pids)
        stage.order("pace 1 1")
        first.append(stage.report(1)["p50_ns"])
    tell_memory(mode, "1 child", found)
    tell(f"socket to handler after {IDLE_S} s without an event, median of {IDLES}, µs", mode,
         us(statistics.median(first)))


def tell_memory(mode, whose, found):
    if found:
        for what, name in (("PSS", "pss"), ("PSS if nothing else ran here", "alone"), ("own memory", "own")):
            tell(f"idle, {whose}: {what}, KiB", mode,
                 f"{statistics.median(getattr(memory, name) for memory in found):.0f}")


def measure_many(mode):
    with staged(True, CHILDREN) as stage:
        time.sleep(IDLE_S)
        tell_memory(mode, f"each of {CHILDREN} children", memories(stage.host.process.pid, stage.pids))


@contextlib.contextmanager
def staged(process, bots=1):
    with tempfile.TemporaryDirectory(prefix="drey-bench-") as directory:
        stage = Stage(directory, process, bots)
        try:
            yield stage
        finally:
            stage.stop()


def measure_stages():
    for mode in MODES:
        with staged(mode == "process") as stage:
            measure_idle(stage, mode)
    for rate in RATES:
        measure_rates(rate)
    measure_backlogs()


# ---- The ledger ----

class Ledger(Reload):
    """The pause of a reload, and how long a crash takes."""
    rate = 200
    interval_ms = 30000

    def runTest(self):
        mode = "process" if self.process else "thread"
        pauses = []
        for i in range(RELOADS):
            text = self.replace(f"{i + 2}.good", events=1)
            pauses.append(float(re.search(r"pause ([\d.]+) ms", text)[1]))
        tell(f"reload: pause, median / longest of {RELOADS}, ms", mode,
             f"{statistics.median(pauses):.2f} / {max(pauses):.2f}")
        if self.process:
            self.crash(mode)
        self.session_kept()

    def crash(self, mode):
        for i in range(CRASHES):
            if i % 3 == 2:  # another file, another chance: many in a row have to wait
                self.replace(f"{RELOADS + i + 2}.good", events=1)
            pid = self.row()["pid"]
            os.kill(pid, signal.SIGSEGV)
            self.wait("another process", lambda: self.row()["pid"] not in (0, pid))
            self.flows(5)
        back = [float(ms) for ms in re.findall(r"is back after ([\d.]+) ms", read(self.drey_host.log))]
        tell(f"SIGSEGV to service, median / longest of {len(back)}, ms", mode,
             f"{statistics.median(back):.1f} / {max(back):.1f}")


class ThreadLedger(Ledger):
    process = False


class ProcessLedger(Ledger):
    process = True


def print_table():
    print("| | " + " | ".join(MODES) + " |\n|" + "---|" * (len(MODES) + 1))
    for what, values in rows.items():
        print(f"| {what} | " + " | ".join(values.get(mode, "") for mode in MODES) + " |")
    print(f"\nLoad average when it ended: {', '.join(read('/proc/loadavg').split()[:3])}.")


def main():
    measure_stages()
    measure_many("process")
    suite = unittest.TestSuite([ThreadLedger(), ProcessLedger()])
    if not unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful():
        return 1
    print_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
