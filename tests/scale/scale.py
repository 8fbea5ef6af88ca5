"""tests/scale/scale.py: many shards in one process, measured against the simulator over TLS.

usage: python3 tests/scale/scale.py [--shards N] [--bots N] [--per-bot N] [--idle S] [--plugin NAME]

Two runs: one bot of N idle zlib-stream shards, then N bots of a few shards each. Each measures the
host's memory without the pages of event rings, its CPU time for the start, for a minute of idling
and for the resume after every socket was dropped at once, and asks the simulator (whose clock
counts) whether every heartbeat came in time and when the last RESUME was accepted. The limits that
must hold stand below: a breach makes the exit status 1.
"""
import argparse
import os
import re
import resource
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import Host, Sim, read, wait_for  # pylint: disable=wrong-import-position

TICKS = os.sysconf("SC_CLK_TCK")
RESUME_LIMIT_MS = 10000
SHARD_LIMIT_KB = 110
RSS_LIMIT_MB = 130  # of a thousand shards
RSS_BASE_MB = 20    # of a host without any


def memory(pid):
    """Resident kilobytes: {kind: KB}, kind being rings, files, heap (all that is anonymous)."""
    kinds = {"rings": 0, "files": 0, "heap": 0}
    kind = "heap"
    for line in read(f"/proc/{pid}/smaps").splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
        if head:
            name = head.group(1)
            kind = ("rings" if name.endswith("/events.ring") else
                    "files" if name.startswith("/") else "heap")
        elif line.startswith("Rss:"):
            kinds[kind] += int(line.split()[1])
    return kinds


def cpu_s(pid):
    fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


class Run:
    """One measured life of a host: bots of `per_bot` shards each."""

    def __init__(self, name, bots, per_bot, idle_s, interval_ms=41250, timed=True, plugins=()):
        """timed: that things are quick is a demand too; not on a machine that has other work."""
        self.name, self.bots, self.per_bot, self.idle_s = name, bots, per_bot, idle_s
        self.interval_ms, self.timed, self.plugins = interval_ms, timed, plugins
        self.shards = bots * per_bot
        self.rows, self.breaches = [], []
        self.directory = tempfile.mkdtemp(prefix="drey-scale-")

    def say(self, what, value):
        self.rows.append((what, value))
        print(f"  {what:<42} {value}", flush=True)

    def demand(self, what, value, limit, unit, of_time=False):
        good = value <= limit or (of_time and not self.timed)
        self.say(what, f"{value:,.{0 if value == int(value) else 1}f} {unit}"
                       f" (at most {limit:,} {unit}){'' if good else '  TOO MUCH'}")
        if not good:
            self.breaches.append(f"{self.name}: {what}")

    def go(self):
        print(f"{self.name}: {self.bots} bot{'s' if self.bots > 1 else ''} of {self.per_bot} shards")
        sim = Sim(self.directory, "--tls-listen", "127.0.0.1:0", "--shards", self.per_bot,
                  "--max-concurrency", 1024, "--session-limit", 100000, "--guilds", 20,
                  "--heartbeat-interval", self.interval_ms)
        host = self.host(sim)
        try:
            self.start(sim, host)
            self.idle(sim, host)
            self.drop(sim, host)
            self.tell(host)
            host.stop()
            self.demand("lines in the log (info)", self.lines(host), 60 + 12 * self.bots, "lines")
        except AssertionError as error:
            print(error, "\n", host.tail_of_log())
            self.breaches.append(f"{self.name}: {error}")
        finally:
            host.stop()
            sim.stop()
            shutil.rmtree(self.directory, ignore_errors=True)
        return self.breaches

    def host(self, sim):
        bots = {f"b{i}": {"token": f"t{i}", "rest_url": sim.where["tls_rest"],
                          "ca_file": sim.where["ca"], "compress": "zlib-stream", "intents": "auto",
                          "shards": self.per_bot, "ring_size": "8M" if self.bots == 1 else "256K"}
                for i in range(self.bots)}
        return Host(self.directory, bots, plugins=self.plugins, level="info")

    def lines(self, host):
        return len(read(host.log).splitlines())

    def start(self, sim, host):
        begun = time.monotonic()
        host.start()
        pid = host.process.pid
        wait_for("every shard's READY", lambda: host.alive() and sim.alive() and
                 sim.status()["readies"] >= self.shards, 300)
        self.say("start: seconds until every READY", f"{time.monotonic() - begun:.1f}")
        self.say("start: CPU seconds", f"{cpu_s(pid):.2f}")
        self.say("threads", threads(pid))
        self.say("descriptors", len(os.listdir(f"/proc/{pid}/fd")))

    def idle(self, sim, host):
        pid = host.process.pid
        before = cpu_s(pid)
        time.sleep(self.idle_s)  # it is the idling that is measured
        self.say(f"idle: CPU seconds in {self.idle_s} s", f"{cpu_s(pid) - before:.2f}")
        status = sim.status()
        self.say("heartbeats", status["heartbeats"])
        self.demand("heartbeats that came late", status["late_heartbeats"], 0, "", True)
        self.demand("connections closed for want of one", status["violations"]["late_heartbeat"], 0,
                    "")
        self.say("the latest heartbeat, after its interval", f"{status['latest_heartbeat_ms']} ms")
        kinds = memory(pid)
        self.rss("idle", kinds)

    def rss(self, when, kinds):
        total = (kinds["heap"] + kinds["files"]) / 1024
        self.say(f"{when}: heap, files, rings", ", ".join(
            f"{kinds[k] / 1024:.1f} MB" for k in ("heap", "files", "rings")))
        limit = RSS_LIMIT_MB if self.bots == 1 and self.shards == 1000 else \
            round(RSS_BASE_MB + self.shards * SHARD_LIMIT_KB / 1024 +
                  self.bots * (0.1 + 0.5 * len(self.plugins)))
        self.demand(f"{when}: resident without rings", total, limit, "MB")
        self.say(f"{when}: per shard", f"{total * 1024 / self.shards:.1f} KB")

    def drop(self, sim, host):
        pid = host.process.pid
        before, cpu = sim.status(), cpu_s(pid)
        sim.fault("drop")
        after = wait_for("every shard's RESUME", lambda: (lambda s: s if s["resumes"] >= self.shards
                         else None)(sim.status()), 120)
        self.demand("drop: until the last RESUME", after["last_resume_at_ms"] - before["uptime_ms"],
                    RESUME_LIMIT_MS, "ms", True)
        self.demand("drop: IDENTIFYs", after["identifies"] - before["identifies"], 0, "")
        wait_for("the host to be ready", lambda: host.run(
            "status", "-c", host.ini, "-q").returncode == 0)
        self.say("drop: CPU seconds", f"{cpu_s(pid) - cpu:.2f}")
        self.say("violations", sum(after["violations"].values()))
        self.rss("after the resume", memory(pid))

    def tell(self, host):
        begun = time.monotonic()
        text = host.run("status", "-c", host.ini).stdout
        self.demand("drey status", (time.monotonic() - begun) * 1000, 1000, "ms", True)
        self.demand("drey status: lines", len(text.splitlines()), 10 + self.bots, "lines")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", type=int, default=1000, help="of the one bot")
    parser.add_argument("--bots", type=int, default=100)
    parser.add_argument("--per-bot", type=int, default=4)
    parser.add_argument("--idle", type=int, default=60, help="seconds")
    parser.add_argument("--plugin", action="append", default=[], help="of the many bots: ping ...")
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))  # as a login shell has it
    breaches = []
    for run in (Run("one bot", 1, given.shards, given.idle),
                Run("many bots", given.bots, given.per_bot, given.idle, plugins=given.plugin)):
        if run.shards > 0:
            breaches += run.go()
    print("; ".join(breaches) if breaches else "all within the limits")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
