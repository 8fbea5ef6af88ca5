"""tests/scenario/script.py: reads scenario files. README.md tells the language; here are its words: which
commands there are, what is a duration, a quantity, a comparison. It runs nothing.
"""
import collections
import glob
import os
import re
import shlex

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENTS = ("drey", "djs", "ws", "dpy")
PEERS = CLIENTS[1:]

# What stands before the commands of a scenario.
HEAD = ("group", "scale", "skip", "pending", "allow")
# The commands, each with a short reminder of its words.
COMMANDS = {
    "sim": "[NAME:] OPTIONS", "bot": "NAME KEY=VALUE...", "client": "KEY=VALUE...",
    "start": "[OPTIONS]", "ready": "", "fault": "[@NAME] FAULTS", "heal": "[@NAME]",
    "rate": "N", "event": "NAME JSON", "say": "TEXT", "mark": "", "wait": "CONDITION",
    "expect": "CONDITION", "hold": "DURATION CONDITION", "then": "SELECTOR, ... [within D] "
    "[not-before D]", "never": "SELECTOR", "spacing": "SELECTOR >= DURATION", "once": "[lossy]",
    "seen": "NAME [xN]", "term": "", "final": "", "kill": "", "stop": "", "cont": "",
    "exit": "STATUS", "config": "BOT KEY=VALUE...", "log": "REGEX", "status": "PATH OP VALUE",
    "clock": "SECONDS", "hook": "NAME WORDS", "release": "", "note": "WORD [xN]", "nonote": "WORD",
}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|ds|cs|dm|cm|hb)")
OPERATORS = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, ">=": lambda a, b: a >= b,
             "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b}

Step = collections.namedtuple("Step", "number word rest only")


class Scenario:
    def __init__(self, file, number, title, group):
        self.file, self.id, self.title, self.group = file, number, title, group
        self.scale = 10
        self.skips = {}      # client: why it does not apply
        self.pending = None  # why it is not run yet
        self.allowed = []    # violations that the scenario provokes
        self.steps = []

    def why_not(self, client):
        return self.skips.get(client)


def fail(path, number, text):
    raise SystemExit(f"{os.path.basename(path)}:{number}: {text}")


def read_head(scenario, word, rest):
    if word == "group":
        scenario.group = rest
    elif word == "scale":
        scenario.scale = float(rest)
    elif word == "pending":
        scenario.pending = rest
    elif word == "allow":
        scenario.allowed += rest.split()
    else:
        who, _, why = rest.partition(" ")
        names = PEERS if who == "peers" else who.split(",")
        if not why or any(name not in CLIENTS for name in names):
            raise ValueError("skip wants CLIENT[,CLIENT] (or peers) and a reason")
        scenario.skips.update({name: why for name in names})


def read_line(scenario, number, line):
    found = re.match(r"([\w,]+): +(.*)", line)
    names = found.group(1).split(",") if found else []
    only = None
    if names and all(name in (*CLIENTS, "peers") for name in names):
        only = {one for name in names for one in (PEERS if name == "peers" else (name,))}
        line = found.group(2)
    word, _, rest = line.partition(" ")
    if word in HEAD:
        read_head(scenario, word, rest.strip())
    elif word in COMMANDS:
        scenario.steps.append(Step(number, word, rest.strip(), only))
    else:
        raise ValueError(f"unknown word '{word}'")


def lines_of(path):
    """Numbers and lines without comments; `for A B` ... `end` is written out, $it is A, then B."""
    words, body = None, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(map(str.strip, file), 1):
            if not line or line.startswith("#"):
                continue
            if line.startswith("for "):
                words, body = line.split()[1:], []
            elif line == "end":
                for word in words:
                    yield from ((at, text.replace("$it", word)) for at, text in body)
                words = None
            elif words is not None:
                body.append((number, line))
            else:
                yield number, line


def read_file(path):
    scenarios = []
    group = "rest"
    for number, line in lines_of(path):
        try:
            if line.startswith("scenario "):
                _, name, title = line.split(" ", 2)
                scenarios.append(Scenario(path, name, title, group))
            elif not scenarios and line.startswith("group "):
                group = line.split(" ", 1)[1].strip()
            elif not scenarios:
                raise ValueError("a file begins with group or scenario")
            else:
                read_line(scenarios[-1], number, line)
        except ValueError as error:
            fail(path, number, error)
    return scenarios


def order(scenario):
    """S1 to S70 first, by their number; then the others."""
    found = re.match(r"([A-Z]+)(\d+)(.*)", scenario.id)
    return found.group(1) != "S", int(found.group(2)), found.group(3)


def read_all():
    found = [s for path in glob.glob(os.path.join(HERE, "*.scn")) for s in read_file(path)]
    names = [s.id for s in found]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise SystemExit(f"these scenarios are there twice: {sorted(doubled)}")
    return sorted(found, key=order)


def duration(text, scale, client_scale, beat):
    """Seconds. ms, s: real; ds, dm: Discord's, run `scale` times faster; cs, cm: the client's; hb:
    heartbeat intervals."""
    found = DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is no duration such as 300ms, 2s, 5ds, 30cs")
    number, unit = float(found.group(1)), found.group(2)
    factor = {"ms": 0.001, "s": 1, "ds": 1 / scale, "dm": 60 / scale, "cs": 1 / client_scale,
              "cm": 60 / client_scale, "hb": beat}[unit]
    return number * factor


def comparison(words):
    """QUANTITY [of SHARD] [bot N] [since MARK] OP VALUE as a dict."""
    at = next((i for i, word in enumerate(words) if word in OPERATORS), None)
    if at is None or at == 0 or at + 1 >= len(words):
        raise ValueError("a condition has the form QUANTITY [of SHARD] [since MARK] OP VALUE")
    made = {"what": words[0], "shard": None, "bot": None, "since": None,
            "op": words[at], "value": words[at + 1], "rest": words[at + 2:]}
    extra = words[1:at]
    while extra:
        key = {"of": "shard", "bot": "bot", "since": "since"}.get(extra[0])
        if key is None or len(extra) < 2:
            raise ValueError(f"'{extra[0]}' was not expected in a condition")
        made[key] = extra[1] if key == "since" else int(extra[1])
        extra = extra[2:]
    return made


def pairs(text):
    made = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"'{word}' has not the form KEY=VALUE")
        made[key] = value
    return made
