"""tests/e2e/harness.py: starts the real binary against the simulator and asks both what they saw.

Every test has a temporary directory of its own and ports of the system's choosing; it waits for
conditions, with generous deadlines, never for time to pass.
"""
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

BUILD = os.environ.get("DREY_BUILD", "build/release")
DREY = os.path.join(BUILD, "bin", "drey")
WORKER = os.path.join(BUILD, "bin", "drey-worker")
PLUGINS = os.path.join(BUILD, "plugins")
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEADLINE_S = int(os.environ.get("DREY_TEST_DEADLINE", "90"))


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Returns the first true value of condition(); fails with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still waiting for: {what}")
        time.sleep(0.02)


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def writes(path, *suffixes):
    """Keys of a plugin that writes to this file, or to those with these suffixes, wherever it runs."""
    paths = [path + suffix for suffix in suffixes] or [path]
    return f"file = {path}\nallow_write = {':'.join(paths)}\n"


def append(path):
    """A descriptor for a child's output, kept open here too: there are few."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


class Sim:
    """A running `drey sim`."""

    def __init__(self, directory, *options):
        self.ready = os.path.join(directory, f"sim-{time.monotonic_ns()}.ready")
        self.log = self.ready + ".log"
        self.process = subprocess.Popen(
            [DREY, "sim", "--listen", "127.0.0.1:0", "--ready-file", self.ready, *map(str, options)],
            stdout=append(self.log), stderr=subprocess.STDOUT)
        wait_for("the simulator to listen", lambda: self.alive() and read(self.ready).endswith("\n"))
        self.where = json.loads(read(self.ready))
        self.rest = self.where["rest"]

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError("the simulator ended:\n" + read(self.log))
        return True

    def ask(self, method, path, body=None):
        data = None if body is None else (body if isinstance(body, bytes) else body.encode())
        request = urllib.request.Request(self.where["control"] + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
        return json.loads(text) if text.strip() else None

    def status(self):
        return self.ask("GET", "/status")

    def fault(self, text):
        return self.ask("POST", "/fault", text)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Control:
    """The control socket: one request, one line of answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(90)
        try:
            self.socket.connect(path)
        except OSError:
            self.socket.close()
            raise
        self.received = b""

    def ask(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while b"\n" not in self.received:
            more = self.socket.recv(1 << 16)
            if not more:
                raise AssertionError("drey closed the control connection")
            self.received += more
        line, self.received = self.received.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.socket.close()


class Host:
    """A configuration and the `drey run` on it, which may be started again and again."""

    def __init__(self, directory, bots, drey="", plugins=None, sections="", level="debug"):
        self.directory = directory
        self.plugin_dir = os.path.join(directory, "plugins")
        os.makedirs(self.plugin_dir, exist_ok=True)
        for name in plugins if plugins is not None else []:
            shutil.copy(os.path.join(PLUGINS, name + ".so"), self.plugin_dir)
        self.ini = os.path.join(directory, "drey.ini")
        self.control = os.path.join(directory, "c.sock")
        self.state = os.path.join(directory, "state")
        self.log = os.path.join(directory, "drey.log")
        text = (f"[drey]\nplugin_dir = {self.plugin_dir}\nstate_dir = {self.state}\n"
                f"control = {self.control}\nlog = text\nlog_level = {level}\n{drey}\n")
        for name, keys in bots.items():
            text += f"[bot:{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        with open(self.ini, "w", encoding="utf-8") as file:
            file.write(text + sections)
        os.chmod(self.ini, 0o600)
        self.process = None
        self.binary = DREY

    def start(self, *options, limits=None, **env):
        """limits: {resource: (soft, hard)} for the process."""
        def limit():
            for which, values in (limits or {}).items():
                resource.setrlimit(which, values)
        self.process = subprocess.Popen([self.binary, "run", "-c", self.ini, *options],
                                        env=dict(os.environ, **env),
                                        stdout=subprocess.DEVNULL, stderr=append(self.log),
                                        preexec_fn=limit if limits else None)
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"drey ended with {self.process.returncode}:\n" + self.tail_of_log())
        return True

    def tail_of_log(self):
        return "\n".join(read(self.log).splitlines()[-40:])

    def status(self):
        """What `drey status --json` shows, without a process for each look; None: nobody answers."""
        where = re.search(r"^control = (.*)$", read(self.ini), re.MULTILINE)
        try:
            control = Control(where[1])
        except OSError:
            return None
        try:
            answer = control.ask(cmd="status")
        except (OSError, AssertionError):
            return None
        finally:
            control.close()
        return answer if answer.get("ok", True) else None

    def bot(self, name):
        status = self.status()
        return next((b for b in status["bots"] if b["name"] == name), None) if status else None

    def plugin(self, name, bot=None):
        rows = (self.status() or {"plugins": []})["plugins"]
        return next((p for p in rows
                     if p["plugin"] == name and (bot is None or p["bot"] == bot)), None)

    def ready(self, *names):
        """Waits until these bots are ready."""
        def all_ready():
            self.alive()
            bots = {b["name"]: b["state"] for b in (self.status() or {"bots": []})["bots"]}
            return all(bots.get(name) == "ready" for name in names)
        try:
            wait_for("bots to be ready", all_ready)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail_of_log()}") from None
        return self

    def logged(self, pattern):
        """Waits until a line of the log matches."""
        try:
            return wait_for(f"a log line like {pattern!r}",
                            lambda: re.search(pattern, read(self.log)))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail_of_log()}") from None

    def run(self, *words, timeout=60):
        return subprocess.run([DREY, *words], capture_output=True, text=True, timeout=timeout,
                              check=False)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGTERM):
        """Ends it in an orderly way; the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("drey did not stop:\n" + self.tail_of_log()) from None


class Case(unittest.TestCase):
    """One temporary directory per test; what was started is ended whatever happens."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="drey-e2e-")
        self.started = []
        if not os.environ.get("DREY_TEST_KEEP"):
            self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.addCleanup(self.end_all)

    def end_all(self):
        for thing in reversed(self.started):
            try:
                thing.stop()
            except AssertionError as error:
                print(error, file=sys.stderr)

    def sim(self, *options):
        sim = Sim(self.directory, *options)
        self.started.append(sim)
        return sim

    def host(self, bots, name="host", **rest):
        directory = os.path.join(self.directory, name)
        os.makedirs(directory, exist_ok=True)
        host = Host(directory, bots, **rest)
        self.started.append(host)
        return host


def recorded(path):
    """The recorder's file as {shard: [seq, ...]} in the order of its lines; gaps are left out."""
    shards = {}
    for line in read(path).splitlines():
        words = line.split(" ")
        if len(words) == 4 and words[1].isdigit():
            shards.setdefault(int(words[0]), []).append(int(words[1]))
    return shards


def main():
    unittest.main(verbosity=2)
