"""tests/scenario/wire.py: what went over the wire: the simulator's transcript, read as it grows, and the
questions that scenarios ask of it. Knows nothing of clients.
"""
import collections
import json
import os
import re

Line = collections.namedtuple("Line", "at conn bot shard way what s note size")

# Quantities of a scenario, as selectors (see select()) that are counted.
COUNTED = {
    "connects": "<connect", "main-connects": "<connect:main", "resume-connects": "<connect:resume",
    "identifies": "<IDENTIFY", "resumes": "<RESUME", "resumed": ">RESUMED", "readies": ">READY",
    "heartbeats": "<HEARTBEAT", "null-heartbeats": "<HEARTBEAT:null", "acks": ">ACK",
    "refused": ">refused", "requests": "<request", "gateway-requests": "<request:GET /gateway/bot|"
    "GET /api/v10/gateway/bot", "client-closes": "<CLOSE", "tcp-ends": "<end", "resets": "*reset",
    "server-closes": ">CLOSE", "invalids": ">INVALID_SESSION", "hellos": ">HELLO",
}


def select(text):
    """A function that tells whether a line fits: `WAY WHAT|WHAT` without a blank, then perhaps
    :PREFIX|PREFIX of its note, or :!PREFIX|PREFIX for none of them."""
    found = re.fullmatch(r"([<>*])([\w|-]+)(?::(!?)(.+))?", text)
    if not found:
        raise ValueError(f"'{text}' is no selector: WAY WHAT[:[!]NOTE|NOTE], as in <CLOSE:!1000|1001")
    way, what, none, notes = found.groups()
    kinds = what.split("|")
    prefixes = tuple(notes.split("|")) if notes else ()

    def fits(line):
        if line.way != way or line.what not in kinds:
            return False
        return not prefixes or line.note.startswith(prefixes) != bool(none)
    return fits


class Wire:
    """The transcript file of one simulator. Times are seconds of the monotonic clock."""

    def __init__(self, path):
        self.path = path
        self.lines = []
        self.offset = 0
        self.bots = {}    # connection: the bot's number, known only after IDENTIFY or RESUME
        self.shards = {}

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            text = file.read()
        end = text.rfind(b"\n") + 1
        self.offset += end
        for row in map(json.loads, text[:end].decode().splitlines()):
            conn = row["conn"]
            if "bot" in row:
                self.bots[conn] = row["bot"]
            if row.get("shard", -1) >= 0 and conn != 0:
                self.shards[conn] = row["shard"]
            own = row["what"] == "DISPATCH"  # an event that Discord does not know
            self.lines.append(Line(row["mono_ms"] / 1000, conn, row.get("bot", 0),
                                   row.get("shard", -1), row["way"],
                                   row["note"] if own else row["what"], row.get("s", 0),
                                   "" if own else row.get("note", ""), row.get("bytes", 0)))
        return self

    def fitting(self, selector, since=0.0, shard=None, bot=None):
        fits = select(selector)
        return [line for line in self.read().lines if line.at >= since and fits(line)
                and shard in (None, self.shards.get(line.conn))
                and bot in (None, self.bots.get(line.conn))]

    def count(self, word, since=0.0, shard=None, bot=None):
        selector = COUNTED.get(word, word)
        return len(self.fitting(selector, since, shard, bot))

    def story(self, selectors, since):
        """The lines that fit these selectors one after the other, as far as they came."""
        told = []
        wanted = [select(text) for text in selectors]
        for line in self.read().lines:
            if line.at >= since and len(told) < len(wanted) and wanted[len(told)](line):
                told.append(line)
        return told

    def sessions(self):
        """{(bot, shard): [session, ...]}, a session {s: name} of all that was sent in it. A session
        begins with READY; one that is sent after RESUME is a replay."""
        all_of = collections.defaultdict(list)
        resumed = set()
        for line in self.read().lines:
            if line.way == "<" and line.what == "RESUME":
                resumed.add(line.conn)
            if line.way != ">" or line.s == 0:
                continue
            mine = all_of[self.bots.get(line.conn, 0), self.shards.get(line.conn, -1)]
            if line.what == "READY" and line.conn not in resumed:
                mine.append({})
            if mine:
                mine[-1][line.s] = line.what
        return all_of

    def tail(self, count=int(os.environ.get("SCENARIO_TAIL", "40"))):
        rows = []
        for line in self.read().lines[-count:]:
            rows.append(f"{line.at:.3f} #{line.conn} {line.shard} {line.way} {line.what} "
                        f"{line.s or ''} {line.note}")
        return "\n".join(rows)
