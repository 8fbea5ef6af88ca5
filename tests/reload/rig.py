"""tests/reload/rig.py: a running host with the ledger plugin, and what must be true of it after every
scenario: no reconnect, no IDENTIFY, heartbeats on time, every event once and in order, and the
process as it was: descriptors, threads, mapped files.

The ledger's version is written into the finished file (tests/plugins/ledger.c); its word after the
dot is what goes wrong. The rig speaks to the control socket itself, over one connection that stays
open, so that counting descriptors is exact and reloads are quick.
"""
import array
import collections
import os
import re
import resource
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # noqa: E402
from harness import BUILD, Case, Control, SOURCE, main, read, wait_for, writes  # noqa: E402,F401

BAD = os.path.join(BUILD, "tests", "plugins")
PLACE = b"version-to-be-written-by-tests"
with open(os.path.join(BAD, "ledger.so"), "rb") as build:
    TSAN = b"__tsan_init" in (code := build.read())
SANITIZED = TSAN or b"__asan_init" in code
INTERVAL_MS = 15000 if SANITIZED else 5000
ALL_INTENTS = 53608447  # named, so that no change of plugins changes them
ISOLATION = os.environ.get("DREY_ISOLATION", "process")
PROCESS = ISOLATION == "process"
RATE = int(os.environ.get("DREY_RELOAD_RATE", "60" if SANITIZED else "200"))


def ledger(version, build="ledger"):
    """The bytes of a ledger of this version."""
    with open(os.path.join(BAD, build + ".so"), "rb") as file:
        data = file.read()
    assert len(version) <= len(PLACE) and data.count(PLACE) >= 2
    return data.replace(PLACE, version.encode().ljust(len(PLACE), b"\0"))


def apart(file):
    """Keys of a section for a ledger with this file, in a process of its own."""
    return f"isolation = process\nsandbox = require\nallow_write = {file}:{file}.life\n"


ON_A_THREAD = "isolation = thread\n"


def put(data, path):
    """As the advice is: written beside, then moved over."""
    beside = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".new")
    with open(beside, "wb") as file:
        file.write(data)
    os.chmod(beside, 0o644)
    os.rename(beside, path)


def records(path):
    """The ledger's file: {shard: array of seqs} in the order of writing."""
    data = b""
    if os.path.exists(path):
        with open(path, "rb") as file:
            data = file.read()
    shards = collections.defaultdict(lambda: array.array("Q"))
    for shard, _, seq in struct.iter_unpack("=IIQ", data[:len(data) // 16 * 16]):
        shards[shard].append(seq)
    return shards


class Process:
    """What /proc shows of a process, in numbers that must come back."""

    def __init__(self, pid):
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        self.threads = len(os.listdir(f"/proc/{pid}/task"))
        lines = [line.split(None, 5) for line in read(f"/proc/{pid}/maps").splitlines()]
        files = [words[5] for words in lines if len(words) == 6 and words[5].startswith("/")]
        self.mapped_files = len(files)
        self.images = sum("/gen/" in name for name in files)
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            words = [int(word) * resource.getpagesize() for word in file.read().split()]
        self.rss, self.anonymous = words[1], words[1] - words[2]

    def counts(self):
        return {"descriptors": self.descriptors, "threads": self.threads,
                "mapped files": self.mapped_files}


class Reload(Case):
    """A simulator, a host with one bot, the ledger loaded and running in its version "1.good"."""
    watch = "on"
    rate = RATE
    shards = 2
    bot_keys = {}
    sections = ""
    drey = ""
    first = "1.good"
    process = PROCESS
    run_options = ()
    sim_options = ()
    interval_ms = INTERVAL_MS

    def setUp(self):
        super().setUp()
        self.control = None
        self.addCleanup(lambda: self.control and self.control.close())
        self.world = self.sim("--rate", self.rate, "--shards", self.shards, "--max-concurrency", 16,
                              "--heartbeat-interval", self.interval_ms, *self.sim_options)
        self.file = os.path.join(self.directory, "ledger.records")
        self.drey_host = self.host(
            {"main": {"token": "t", "rest_url": self.world.rest, "plugins": "*",
                      "intents": ALL_INTENTS, **self.bot_keys}},
            drey=f"watch = {self.watch}\n{self.drey}",
            sections=f"[plugin:ledger]\nfile = {self.file}\n"
                     f"{apart(self.file) if self.process else ON_A_THREAD}{self.sections}")
        self.target = os.path.join(self.drey_host.plugin_dir, "ledger.so")
        self.version = self.first
        put(ledger(self.first), self.target)
        self.prepare()
        self.launch()
        self.began = Process(self.drey_host.process.pid)

    def prepare(self):
        """Before the host starts."""

    def launch(self):
        self.drey_host.start(*self.run_options).ready("main")
        self.control = Control(self.drey_host.control)
        self.flows()
        self.at_start = self.world.status()

    # ---- asking ----

    def row(self, plugin="ledger", bot="main"):
        self.drey_host.alive()
        rows = self.control.ask(cmd="status")["plugins"]
        return next((r for r in rows if r["plugin"] == plugin and r["bot"] in (bot, None)), None)

    def kept(self):
        return self.control.ask(cmd="status")["kept_images"]

    def wait(self, what, condition, deadline_s=90):
        """wait_for() that tells the log's end."""
        try:
            return wait_for(what, lambda: self.drey_host.alive() and condition(), deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.drey_host.tail_of_log()}") from None

    def flows(self, events=20, deadline_s=90):
        """Waits until so many more events were handled."""
        before = self.row()["handled"]
        self.wait("events to be handled", lambda: self.row()["handled"] >= before + events,
                  deadline_s)

    def reload(self, *names):
        """By hand; the answer's text and whether all went well."""
        answer = self.control.ask(cmd="reload", plugins=list(names))
        self.assertTrue(answer["ok"], answer)
        return answer["all"], answer["text"]

    def log_count(self, pattern):
        return len(re.findall(pattern, read(self.drey_host.log)))

    # ---- changing ----

    def switched(self, version, generation, events=20):
        self.wait(f"version {version}", lambda: self.row()["version"] == version)
        self.assertEqual(self.row()["generation"], generation)
        self.version = version
        self.flows(events)

    def replace(self, version, build="ledger", events=20):
        """A good one, by hand: it must take over."""
        generation = self.row()["generation"]
        put(ledger(version, build), self.target)
        ok, text = self.reload("ledger")
        self.assertTrue(ok, text)
        self.switched(version, generation + 1, events)
        return text

    def refused(self, version, why, build="ledger"):
        """A bad one, by hand: the reason is told, the old one handles the very next event."""
        put(ledger(version, build), self.target)
        return self.refused_as_it_is(why)

    def refused_as_it_is(self, why):
        before = self.row()
        ok, text = self.reload("ledger")
        self.assertFalse(ok, text)
        self.assertRegex(text, why)
        self.assertIn(f"gen {before['generation']} still serving", text)
        after = self.row()
        self.assertEqual((after["version"], after["generation"], after["state"]),
                         (self.version, before["generation"], "running"))
        self.assertRegex(after["error"], why)
        self.flows()
        return text

    # ---- judging ----

    def lifelines(self):
        return read(self.file + ".life").splitlines()

    def settle(self):
        """No more events; waits until the last is handled. {shard: seq} of the host."""
        self.world.ask("POST", "/rate", "0")

        def quiet():
            status = self.control.ask(cmd="status")
            ledger_row = next(r for r in status["plugins"] if r["plugin"] == "ledger")
            bot = next(b for b in status["bots"] if b["name"] == "main")
            seqs = {s["id"]: s["seq"] for s in bot["shards"]}
            world = {s["shard"]: s["last_seq"] for s in self.world.status()["bots"][0]["shards"]}
            return seqs if ledger_row["lag_bytes"] == 0 and seqs == world else None
        return self.wait("all events to be handled", quiet)

    def as_before(self, kept=0):
        """Descriptors, threads and mappings are back; a moment is allowed for what ends late."""
        before = self.began.counts()

        def same():
            now = Process(self.drey_host.process.pid)
            self.left = now.counts()
            per_image = self.began.images
            self.left["mapped files"] -= kept * per_image
            return self.left == before
        try:
            wait_for("the process to be as before", same, 20)
        except AssertionError:
            self.fail(f"before {before}, now {self.left}\n{self.drey_host.tail_of_log()}")
        self.assertEqual(self.kept(), kept)

    def session_kept(self, resumes=0):
        """Since the host was last started: no IDENTIFY, no connection but for so many resumes, no
        heartbeat late."""
        status = self.world.status()
        for what, more in (("identifies", 0), ("resumes", resumes),
                           ("gateway_connections_total", resumes)):
            self.assertEqual(status[what], self.at_start[what] + more,
                             f"{what}\n{self.drey_host.tail_of_log()}")
        self.assertEqual(sum(status["violations"].values()), 0, status["violations"])
        self.assertEqual(status["server_closes"], {})

    def once_and_in_order(self, last, gaps=0):
        """Both opinions: the records, and the state that went through every generation."""
        seen = records(self.file)
        self.assertEqual(set(seen), set(last))
        for shard, seqs in seen.items():
            wanted = array.array("Q", range(1, last[shard] + 1))
            if seqs != wanted:
                self.fail(self.differ(shard, seqs, last[shard]))
        words = self.lifelines()[-1].split()
        self.assertEqual(words[0], "stop")
        state = dict(zip(words[3::2], map(int, words[4::2])))
        self.assertEqual(state, {"count": sum(last.values()), "holes": 0, "doubles": 0,
                                 "gaps": gaps})

    @staticmethod
    def differ(shard, seqs, last):
        counts = collections.Counter(seqs)
        lost = [seq for seq in range(1, last + 1) if seq not in counts]
        twice = [seq for seq, n in counts.items() if n > 1]
        return (f"shard {shard}: {len(lost)} lost {lost[:5]}, {len(twice)} twice {twice[:5]}, "
                f"of {last}")

    def all_well(self, kept=0, resumes=0, threads=0):
        """The oracle of plugins.md section 6, and the end."""
        self.began_with_more_threads(threads)
        self.flows()
        last = self.settle()
        self.as_before(kept)
        self.session_kept(resumes)
        self.assertEqual(self.drey_host.stop(), 0, self.drey_host.tail_of_log())
        self.once_and_in_order(last)

    def began_with_more_threads(self, count):
        self.began.threads += count
