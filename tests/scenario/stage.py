"""tests/scenario/stage.py: plays one scenario: starts simulators and the client, does what its lines say, and
raises Failed at the first one that does not hold.
"""
import json
import os
import shlex
import shutil
import signal
import time

import clients
import hooks
import script
from clients import harness
from wire import Wire, COUNTED, select

# Generous where something must happen, for the machine may be slow: sanitizers want 3 and more.
SLACK = float(os.environ.get("DREY_SCENARIO_SLACK", "1"))
PATIENCE_S = 30 * SLACK
GRACE_S = 1 * SLACK  # what every upper bound is given on top


class Failed(Exception):
    pass


class Stage:
    def __init__(self, scenario, client, directory):
        self.scenario = scenario
        self.slower = max(1, SLACK / 2)  # time runs that much slower on slow machines
        self.scale = max(1, scenario.scale / self.slower)
        self.directory = directory
        self.sims = {}
        self.wires = {}
        self.bots = {}
        self.client_options = {}
        self.kind = clients.CLIENTS[client]
        self.client = None
        self.marks = {}
        self.mark()
        self.kept = {}  # what hooks remember
        self.memory_factor = 4 if SLACK > 1 else 1  # sanitizers' shadows
        self.clock = None
        self.last_fault = ""
        self.stopped = False  # on purpose
        self.beat_s = 41.25

    # ---- what lines ask for ----

    def mark(self, name=None):
        self.marks["last"] = int(time.monotonic() * 1000) / 1000
        if name:
            self.marks[name] = self.marks["last"]

    def since(self, name):
        if name is None:
            return 0.0
        if name not in self.marks:
            raise Failed(f"nothing is marked '{name}'")
        return self.marks[name]

    def seconds(self, text):
        scale = self.client.client_scale if self.client else self.scale
        return script.duration(text, self.scale, scale, self.beat_s)

    def wire(self, name="main"):
        return self.wires[name]

    def named(self, rest):
        """A leading @NAME chooses the simulator."""
        name, _, other = rest.partition(" ") if rest.startswith("@") else ("@main", "", rest)
        return name[1:], other

    def bot_names(self):
        return list(self.bots)

    def events(self):
        return [event for bot in self.bots for event in self.client.events(bot)]

    def quantity(self, asked):
        word, shard = asked["what"], asked["shard"]
        since = self.since(asked["since"])
        if word == "gaps":
            return sum(1 for e in self.events() if e.name == "GAP")
        if word == "events":
            return sum(1 for e in self.events() if e.seq > 0 and shard in (None, e.shard))
        if word == "outages":
            return sum(1 for e in self.events() if e.name == "GUILD_DELETE" and e.unavailable == 1)
        if word.startswith("events:"):
            return sum(1 for e in self.events() if e.name == word[7:] and shard in (None, e.shard))
        if word.startswith("violations:"):
            return self.sims["main"].status()["violations"][word[11:]]
        if word == "elapsed":  # seconds
            return time.monotonic() - since
        sim = "main"
        if "@" in word:
            word, _, sim = word.partition("@")
        if word in ("sessions", "gateway_connections"):
            return self.sims[sim].status()[word]
        if word not in COUNTED:
            select(word)  # or it says what is wrong
        return self.wire(sim).count(word, since, shard, asked["bot"])

    def holds(self, asked, start):
        value = asked["value"]
        wanted = start + int(value[1:]) if value.startswith("+") else float(value)
        found = self.quantity(asked)
        return script.OPERATORS[asked["op"]](found, wanted), found, wanted

    def until(self, what, condition, seconds=None):
        patience_s = PATIENCE_S * self.kind.patience
        end = time.monotonic() + (patience_s if seconds is None else seconds)
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"waited for: {what() if callable(what) else what}")
            if self.client and not self.stopped:
                try:
                    self.client.check()
                except AssertionError as error:
                    self.sync()
                    value = condition()  # what it did last
                    if value:
                        return value
                    raise Failed(error) from None
            time.sleep(0.02)

    # ---- lines ----

    def do_sim(self, rest):
        words = shlex.split(rest)
        name = words.pop(0)[:-1] if words and words[0].endswith(":") else "main"
        transcript = os.path.join(self.directory, f"{name}.transcript")
        if "--time-scale" not in words:
            words += ["--time-scale", str(self.scenario.scale)]
        at = words.index("--time-scale") + 1
        words[at] = str(max(1, round(float(words[at]) / self.slower)))
        for option, value in zip(words, words[1:]):
            if option == "--time-scale":
                scale = float(value)
        if "--heartbeat-interval" in words:
            at = words.index("--heartbeat-interval") + 1
            usual = 41250 * scale
            if float(words[at]) < usual:
                words[at] = str(int(min(float(words[at]) * self.kind.beat_factor, usual)))
            self.beat_s = float(words[at]) / 1000 / scale
        self.sims[name] = harness.Sim(self.directory, "--transcript", transcript, *words)
        self.wires[name] = Wire(transcript)

    def do_bot(self, rest):
        name, _, keys = rest.partition(" ")
        self.bots[name] = script.pairs(keys)

    def do_client(self, rest):
        self.client_options.update(script.pairs(rest))

    def do_start(self, rest):
        if not self.sims:
            self.do_sim("")
        if not self.bots:
            self.bots["main"] = {}
        if self.client is None:
            self.client = self.kind(self, self.client_options)
        self.mark("start")
        self.stopped = False
        self.client.start(shlex.split(rest))

    def shards_of(self, keys):
        text = {**self.client_options, **keys}.get("shards", "1")
        return 1 if "-" in text else int(text)

    def do_ready(self, _):
        """Every shard of every bot has its READY (once) and its handler saw it."""
        wanted = sum(self.shards_of(keys) for keys in self.bots.values())

        def all_ready():
            return sum(1 for e in self.events() if e.name == "READY") >= wanted
        self.until(f"{wanted} READY", all_ready)
        self.mark("ready")

    def do_fault(self, rest):
        name, text = self.named(rest)
        text = text.replace("$hb", f"{round(self.beat_s * 1000)}ms")
        self.mark()
        self.last_fault = text
        self.sims[name].fault(text)

    def do_heal(self, rest):
        name, _ = self.named(rest)
        self.mark()
        self.sims[name].fault("heal")

    def do_rate(self, rest):
        name, number = self.named(rest)
        self.sims[name].ask("POST", "/rate", number)

    def do_event(self, rest):
        name, other = self.named(rest)
        kind, _, raw = other.partition(" ")
        self.sims[name].ask("POST", "/event", json.dumps({"t": kind, "raw": raw}))

    def do_say(self, rest):
        self.sims["main"].ask("POST", "/say", json.dumps({"text": rest}))

    def do_mark(self, rest):
        self.mark(rest or None)

    def do_wait(self, rest):
        asked = script.comparison(rest.split())
        start = self.quantity(asked)
        seconds = None
        if asked["rest"][:1] == ["within"]:
            seconds = self.seconds(asked["rest"][1]) + GRACE_S
        elif asked["rest"]:
            raise Failed(f"'{asked['rest'][0]}' was not expected")
        self.until(lambda: f"{rest} (it is {self.quantity(asked)})",
                   lambda: self.holds(asked, start)[0], seconds)

    def sync(self):
        """The simulators write what they have of their transcripts."""
        for sim in self.sims.values():
            sim.ask("GET", "/transcript?last=0")

    def do_expect(self, rest):
        self.sync()
        asked = script.comparison(rest.split())
        fine, found, _ = self.holds(asked, 0)
        if not fine:
            raise Failed(f"{rest}: it is {found}")

    def do_hold(self, rest):
        length, _, condition = rest.partition(" ")
        self.sync()
        asked = script.comparison(condition.split())
        start = self.quantity(asked)
        end = time.monotonic() + self.seconds(length)
        while time.monotonic() < end:
            fine, found, _ = self.holds(asked, start)
            if not fine:
                raise Failed(f"for {length} it should have held that {condition}; it is {found}")
            time.sleep(0.02)

    def do_then(self, rest):
        selectors, bounds = [], {}
        for part in rest.split(","):
            words = part.split()
            selectors.append(words[0])
            bounds.update(zip(words[1::2], words[2::2]))
        since = self.since(bounds.get("since", "last"))
        name = bounds.get("at", "main")
        told = self.until(
            lambda: f"{rest}; told so far: {[line.what for line in self.wire(name).story(selectors, since)]}",
            lambda: (lambda s: s if len(s) == len(selectors) else None)(
                self.wire(name).story(selectors, since)))
        took = told[-1].at - (told[0].at if "after-first" in bounds else since)
        if "within" in bounds and took > self.seconds(bounds["within"]) + GRACE_S:
            raise Failed(f"{rest}: it took {took:.3f} s")
        if "not-before" in bounds and took < self.seconds(bounds["not-before"]):
            raise Failed(f"{rest}: it came after {took:.3f} s")

    def do_never(self, rest):
        self.sync()
        words = rest.split()
        since = self.since(words[2]) if words[1:2] == ["since"] else self.marks["last"]
        found = self.wire().fitting(words[0], since)
        if found:
            raise Failed(f"never {rest}: it did, {len(found)} times")

    def do_spacing(self, rest):
        self.sync()
        selector, op, length, *more = rest.split()
        bot = int(more[1]) if more[:1] == ["bot"] else None
        times = [line.at for line in self.wire().fitting(selector, 0.0, None, bot)]
        least = min((b - a for a, b in zip(times, times[1:])), default=None)
        if op != ">=" or least is None or least < self.seconds(length):
            raise Failed(f"spacing {rest}: the least of {len(times)} is {least} s")

    def do_seen(self, rest):
        name, _, times = rest.partition(" x")
        wanted = int(times or 1)
        self.until(f"the handler to see {rest}",
                   lambda: sum(1 for e in self.events() if e.name == name) >= wanted)

    def do_once(self, rest):
        """The handler saw what was sent: every event, once, in order, session after session. lossy:
        the end of a session that was lost may be missing. unordered: not in order."""
        for sim in self.sims.values():
            sim.ask("POST", "/rate", "0")
        if rest not in ("", "lossy", "unordered"):
            raise Failed(f"'{rest}' was not expected")
        self.until(lambda: self.differs(rest), lambda: not self.differs(rest))

    def differs(self, how):
        """"" or how what the handlers saw differs from what was sent."""
        self.sync()
        sent = [s for wire in self.wires.values() for s in wire.sessions().items()]
        cut = one_session if how == "unordered" else cut_sessions
        seen = [cut(self.client.events(bot)) for bot in self.bots]
        said = ""
        for (bot, shard), sessions in sent:
            answers = [differ(sessions, mine.get(shard, []), how) for mine in seen]
            if all(answers):
                said = f"bot {bot} shard {shard}: {answers[0]}"
        return said

    def do_kill(self, _):
        self.mark()
        self.stopped = True
        self.client.kill()

    def do_term(self, _):
        self.mark()
        self.stopped = True
        self.client.term()

    def do_final(self, _):
        self.mark()
        self.stopped = True
        self.client.final()

    def do_stop(self, _):
        self.mark()
        self.client.signal(signal.SIGSTOP)

    def do_cont(self, _):
        self.mark()
        self.client.signal(signal.SIGCONT)

    def do_exit(self, rest):
        status = self.client.wait(PATIENCE_S)
        self.stopped = True
        if status != int(rest):
            raise Failed(f"the client ended with {status}, not {rest}\n{self.client.trouble()}")

    def do_config(self, rest):
        bot, _, keys = rest.partition(" ")
        self.bots[bot].update(script.pairs(keys))
        self.client.write()

    def do_log(self, rest):
        import re
        self.until(f"a log line like {rest}", lambda: re.search(rest, harness.read(self.client.host.log)))

    def do_status(self, rest):
        path, op, value = rest.split(" ", 2)

        def find():
            at = self.client.host.status()
            for key in path.split("."):
                at = at[int(key)] if isinstance(at, list) else at.get(key) if at else None
            return at

        def fits():
            found = find()
            wanted = float(value) if isinstance(found, (int, float)) else value
            return found is not None and script.OPERATORS[op](found, wanted)
        self.until(lambda: f"status {rest}; it is {find()}", fits)

    def do_note(self, rest):
        """What a peer called something: see tests/peers/."""
        name, _, times = rest.partition(" x")
        self.until(f"the client to say {rest}",
                   lambda: self.client.notes().count(name) >= int(times or 1))

    def do_nonote(self, rest):
        if rest in self.client.notes():
            raise Failed(f"the client said {rest}")

    def do_clock(self, rest):
        """From the first time on (before start) the client's wall clock can be moved."""
        self.clock = os.path.join(self.directory, "clock")
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(rest)
        os.rename(self.clock + ".new", self.clock)

    def environment(self):
        """What the client's process gets."""
        library = os.path.abspath(os.path.join(harness.BUILD, "tests", "libscenario_clock.so"))
        return {"LD_PRELOAD": library, "SCENARIO_CLOCK": self.clock,
                "ASAN_OPTIONS": "verify_asan_link_order=0"} if self.clock else {}

    def do_release(self, _):
        for bot in self.bots:
            with open(self.client.file(bot) + ".go", "w", encoding="utf-8"):
                pass

    def do_hook(self, rest):
        self.sync()
        name, *words = shlex.split(rest)
        hook = getattr(hooks, name, None)
        if hook is None:
            raise Failed(f"there is no hook '{name}'")
        try:
            hook(self, *words)
        except AssertionError as error:
            raise Failed(error) from None

    # ---- the whole ----

    def check_violations(self):
        for name, sim in self.sims.items():
            bad = {k: v for k, v in sim.status()["violations"].items()
                   if v and not k.startswith("rest_") and k not in self.scenario.allowed}
            if bad:
                raise Failed(f"the simulator {name} found violations: {bad}")

    def run(self):
        """Raises Failed with the line's number."""
        step = None
        try:
            for step in self.scenario.steps:
                if step.only is None or self.kind.speaks in step.only:
                    getattr(self, "do_" + step.word)(step.rest)
            step = None
            self.check_violations()
            if self.client:
                self.client.end()
        except (Failed, AssertionError, OSError, ValueError, KeyError) as error:
            where = f"line {step.number} `{step.word} {step.rest}`: " if step else ""
            kind = "" if isinstance(error, (Failed, AssertionError)) else type(error).__name__ + " "
            after = f" (after {self.last_fault})" if self.last_fault and step else ""
            what, _, more = str(error).partition("\n")
            raise Failed(f"{where}{kind}{what}{after}\n{more}\n{self.picture()}") from error
        finally:
            self.end()

    def picture(self):
        parts = []
        for name, wire in self.wires.items():
            parts.append(f"--- wire {name}\n{wire.tail()}")
        if self.client:
            parts.append(f"--- client\n{self.client.trouble()}")
        return "\n".join(parts)

    def end(self):
        try:
            if self.client and self.client.running():
                self.client.kill()
        finally:
            for sim in self.sims.values():
                sim.stop()
            shutil.rmtree(self.directory, ignore_errors=True)


def cut_sessions(events):
    """{shard: [[event, ...], ...]}: what a handler saw, a new list at each READY."""
    shards = {}
    for event in events:
        mine = shards.setdefault(event.shard, [])
        if event.name == "READY":
            mine.append([])
        again = event.attempt > 1 and mine and mine[-1] and mine[-1][-1].seq == event.seq
        if event.seq > 0 and mine and not again:  # a repeat that is marked is none
            mine[-1].append(event)
    return shards


def one_session(events):
    """The same where READY may be seen after what follows it."""
    return {shard: [[e for e in events if e.seq > 0 and e.shard == shard]]
            for shard in {e.shard for e in events}}


def told_of(sessions, seen):
    """Of the sessions that were begun those that a handler saw: READY may die with its socket. The last
    one always counts."""
    heard = []
    for got in seen[:-1]:
        want = [(e.seq, e.name) for e in got]
        while sessions[:-1] and sorted(sessions[0].items())[:len(want)] != want:
            sessions = sessions[1:]
        heard.append(sessions[0])
        sessions = sessions[1:] or sessions
    return heard + sessions[-1:]


def differ(sessions, seen, how):
    if how == "lossy" and len(seen) < len(sessions):
        sessions = told_of(sessions, seen)
    if len(seen) != len(sessions):
        return f"{len(sessions)} sessions were begun, the handler saw {len(seen)}"
    for number, (sent, got) in enumerate(zip(sessions, seen)):
        last = number == len(sessions) - 1
        wanted = sorted(sent.items())
        found = [(e.seq, e.name) for e in got]
        if how == "unordered":
            found.sort()
        if not last and how == "lossy":
            wanted = wanted[:len(found)]
        if found == wanted:
            continue
        seqs = [s for s, _ in found]
        missing = sorted(set(sent) - set(seqs))[:5]
        doubled = sorted({s for s in seqs if seqs.count(s) > 1})[:5] if len(seqs) < 20000 else "?"
        return (f"session {number + 1}: {len(wanted)} events were sent, {len(found)} seen; "
                f"missing {missing}, doubled {doubled}, in order {seqs == sorted(seqs)}, "
                f"never sent {sorted(set(found) - set(wanted))[:5]}")
    return ""
