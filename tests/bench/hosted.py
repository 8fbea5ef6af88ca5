"""tests/bench/hosted.py: the calls through drey as a whole: `drey run` with the plugin caller.c.

usage: hosted.py URL CALLS_FILE WARM TOGETHER

A host keeps Discord's 50 requests a second of each bot, which no setting lifts. So there are TOGETHER
bots, each with one call under way and one session at the simulator's gateway, where nothing happens.
"""
import os
import select
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import BUILD, Host, Sim  # pylint: disable=wrong-import-position

REPORT_DEADLINE_S = 250


class Loud(Host):
    """A host whose stdout is a pipe."""

    def start(self, *options, limits=None, **env):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "run", "-c", self.ini],
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        return self

    def line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], REPORT_DEADLINE_S)
        text = self.process.stdout.readline() if ready else ""
        if not text:
            raise AssertionError(f"no report of the plugin:\n{self.tail_of_log()}")
        return text


def deal(calls, count, directory):
    """Each bot's calls into a file of its own; the number of all."""
    with open(calls, encoding="utf-8") as file:
        lines = file.readlines()
    for i in range(count):
        with open(os.path.join(directory, f"b{i}.calls"), "w", encoding="utf-8") as file:
            file.writelines(lines[i::count])
    return len(lines)


def main(url, calls, warm, together):
    with tempfile.TemporaryDirectory(prefix="drey-bench-") as directory:
        count = int(together)
        total = deal(calls, count, directory)
        tally = os.path.join(directory, "tally")
        with open(tally, "wb") as file:
            file.write(bytes(4096))
        sim = Sim(directory, "--max-concurrency", count, "--guilds", 1, "--members", 2)
        bots = {f"b{i}": {"token": f"t{i}", "rest_url": url, "gateway_url": sim.where["gateway"],
                          "ring_size": "256K"} for i in range(count)}
        host = Loud(directory, bots, plugins=[], level="warn", sections=(
            f"[plugin:caller]\ncalls = {directory}\ntally = {tally}\nwarm = {warm}\n"
            f"total = {total}\n"))
        shutil.copy(os.path.join(BUILD, "tests", "bench", "caller.so"), host.plugin_dir)
        try:
            print(host.start().line(), end="")
        finally:
            host.stop()
            sim.stop()


main(*sys.argv[1:])
