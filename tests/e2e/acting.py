"""tests/e2e/acting.py: what the tests of interactions, commands and REST share: a person at the
simulator, the plugin `actor` (tests/plugins/actor.c) and the file in which it writes what it sees."""
import json
import os
import re
import shutil
import threading
import urllib.error
import urllib.request

import harness
from harness import BUILD, PLUGINS, Case, read, wait_for, writes

ACTORS = os.path.join(BUILD, "tests", "plugins")
CLOCK = os.path.abspath(os.path.join(BUILD, "tests", "libscenario_clock.so"))


class Person:
    """Somebody who uses a bot through the simulator's control endpoint."""

    def __init__(self, sim):
        self.sim = sim

    def ask(self, path, **body):
        """The answer; a refusal or a missed deadline is an answer too."""
        try:
            return self.sim.ask("POST", path, json.dumps(body))
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read().decode())

    def command(self, line, **rest):
        return self.ask("/command", line=line, **rest)

    def begin(self, line, **rest):
        """Uses a command without waiting for what comes of it: the interaction's id."""
        return self.command(line, wait_ms=1, **rest)["interaction_id"]

    def say(self, text, **rest):
        return self.ask("/say", text=text, **rest)

    def messages(self, channel="general", last=100, **rest):
        return self.ask("/messages", channel=channel, last=last, **rest)

    def answers(self, interaction, **rest):
        """The messages that belong to an interaction, the oldest first."""
        return [m for m in self.messages(**rest)
                if m.get("interaction_metadata", {}).get("id") == str(interaction)]

    def request_count(self, route):
        return self.sim.status()["requests"].get(route, 0)

    def meanwhile(self, act):
        """Runs act() beside; the function that is returned waits for its result."""
        result = []
        thread = threading.Thread(target=lambda: result.append(act()))
        thread.start()

        def join():
            thread.join(harness.DEADLINE_S)
            return result[0]
        return join


class ActCase(Case):
    """A simulator, a host with the actor, a person."""

    def stage(self, *sim_options, plugins=("actor",), examples=(), bot=None, drey="", extra="",
              start=True, **more):
        self.simulator = self.sim(*sim_options)
        self.person = Person(self.simulator)
        self.seen_file = os.path.join(self.directory, "seen.log")
        self.attached = os.path.join(self.directory, "attached.bin")
        with open(self.attached, "wb") as file:
            file.write(b"from a descriptor\0" * 1000)
        self.token = "a-token-that-no-log-may-show"
        keys = {"token": self.token, "rest_url": self.simulator.rest,
                "intents": "auto +MESSAGE_CONTENT"}
        keys.update(bot or {})
        sections = "".join(f"[plugin:{name}]\n{writes(self.seen_file)}attach = {self.attached}\n"
                           f"allow_read = {self.attached}\n"
                           for name in self.ids(plugins)) + extra
        self.box = self.host({"main": keys}, drey=drey, plugins=examples, sections=sections, **more)
        for name in plugins:
            self.install(name)
        if start:
            self.box.start().ready("main")
        return self.box

    @staticmethod
    def ids(plugins):
        return [re.sub("^actor_(?=[a-z])", "", name) for name in plugins]

    def install(self, name, target=None):
        """Puts a plugin of the tests into the plugin directory, in one step."""
        target = target or self.ids([name])[0]
        fresh = os.path.join(self.box.plugin_dir, f".{target}.new")
        shutil.copy(os.path.join(ACTORS, name + ".so"), fresh)
        os.rename(fresh, os.path.join(self.box.plugin_dir, target + ".so"))

    def install_example(self, name):
        shutil.copy(os.path.join(PLUGINS, name + ".so"), self.box.plugin_dir)

    def put_elsewhere(self, commands, where=""):
        """Another tool with the same token publishes commands."""
        head = {"Authorization": "Bot " + self.token, "User-Agent": "DiscordBot (test, 1)",
                "Content-Type": "application/json"}
        url = self.simulator.rest + "/applications/@me"
        with urllib.request.urlopen(urllib.request.Request(url, headers=head), timeout=30) as out:
            own = json.loads(out.read())["id"]
        url = f"{self.simulator.rest}/applications/{own}/{where}commands"
        request = urllib.request.Request(url, headers=head, method="PUT",
                                         data=json.dumps(commands).encode())
        urllib.request.urlopen(request, timeout=30).close()

    def published(self):
        """Waits until the commands can be used."""
        self.box.logged(r"command published")

    def start_with_clock(self):
        """Starts the host so that jump() moves its clocks, and nobody else's."""
        self.clock = os.path.join(self.directory, "clock")
        self.jump(0)
        return self.box.start(LD_PRELOAD=CLOCK, SCENARIO_CLOCK=self.clock, SCENARIO_MONOTONIC="yes",
                              ASAN_OPTIONS="verify_asan_link_order=0")

    def jump(self, seconds):
        """All clocks of the host are so much ahead of what they would be."""
        with open(self.clock + ".new", "w", encoding="ascii") as file:
            file.write(str(seconds))
        os.rename(self.clock + ".new", self.clock)

    def seen(self, pattern):
        """Waits for a line of the actor's; the match."""
        try:
            return wait_for(f"the actor's line {pattern!r}",
                            lambda: re.search(pattern, read(self.seen_file), re.MULTILINE))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{read(self.seen_file)}\n{self.box.tail_of_log()}") \
                from None

    def log_lines(self, pattern):
        return [line for line in read(self.box.log).splitlines() if re.search(pattern, line)]


class RestCase(ActCase):
    """Calls that the actor makes, and what became of them."""

    def begin(self, *sim_options, **rest):
        rest.setdefault("drey", "drain_timeout = 1s")  # what a limit holds up must not hold up the end
        self.stage(*sim_options, **rest)
        self.place = self.person.say("a place to write to")
        return self.box

    def call(self, method, path, cookie, deadline_ms=0, body=None, again=False, to=""):
        """The actor makes a call; its answer will be `done COOKIE`."""
        json_text = " " + json.dumps(body) if body is not None else ""
        self.person.say(f"!{to}{'again' if again else 'rest'} {method} {path} {cookie} "
                        f"{deadline_ms}{json_text}")
        self.seen(rf"asked {cookie} 1$")

    def done(self, cookie):
        """How the call ended: (result, status, code, id, error)."""
        found = self.seen(rf"done {cookie} version \S+ result (-?\d+) status (\d+) code (\d+) "
                          rf"id (\d*) error (.*)$")
        return int(found[1]), int(found[2]), int(found[3]), found[4], found[5]

    def channel(self, suffix=""):
        return f"/channels/{self.place['channel_id']}{suffix}"

    def written(self, word, **rest):
        """The contents of messages that begin with this word, in order."""
        return [m["content"] for m in self.person.messages(last=1000, **rest)
                if m["content"].startswith(word)]

    def avoidable(self):
        return self.simulator.status()["violations"].get("rest_avoidable_429", 0)
