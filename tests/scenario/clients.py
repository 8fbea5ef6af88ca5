"""tests/scenario/clients.py: the programs that scenarios are played against. Each knows how to start, stop and
hurt its client, and what the client's handler saw.
"""
import collections
import os
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
    # Keys of `bot` and `client` lines that are not drey's own.
    OURS = ("sim", "name")

    def __init__(self, stage, options):
        self.stage = stage
        self.directory = stage.directory
        self.host = None
        self.options = options  # key: value for every bot
        self.client_scale = stage.scenario.scale
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
        sections = "".join(f"[plugin:witness@{name}]\nfile = {self.file(name)}\n" for name in bots)
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

    def end(self):
        """Ends it in an orderly way, so that a sanitizer can say what it found."""
        if self.running():
            self.signal(signal.SIGCONT)
            self.term()


CLIENTS = {"drey": Drey}
