"""tests/bench/dpy.py: the calls through discord.py's HTTP client, as its models use it.

usage: dpy.py URL CALLS_FILE WARM TOGETHER
"""
import asyncio
import json
import re
import resource
import sys
import time
import urllib.parse

from discord.http import HTTPClient, Route

PLACES = re.compile(r"/channels/(?P<channel_id>\d+)(/messages/(?P<message_id>\d+))?"
                    r"(/reactions/(?P<emoji>[^/]+))?")


def read_call(line):
    """(method, template, parameters, value): discord.py keys its limits by the template."""
    method, path, text = line.split(" ", 2)
    found = {key: value for key, value in PLACES.match(path).groupdict().items() if value}
    template = path
    for key, value in found.items():
        template = template.replace(value, "{" + key + "}", 1)
        found[key] = urllib.parse.unquote(value) if key == "emoji" else int(value)
    return method, template, found, json.loads(text) if text else None


class Run:
    def __init__(self, http, calls):
        self.http, self.calls = http, calls
        self.fine = 0

    async def worker(self, numbers):
        for number in numbers:
            method, template, found, value = self.calls[number]
            more = {} if value is None else {"json": value}
            await self.http.request(Route(method, template, **found), **more)  # raises unless 2xx
            self.fine += 1

    async def make(self, start, end, together):
        numbers = iter(range(start, end))
        await asyncio.gather(*(self.worker(numbers) for _ in range(together)))


def cpu_us():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return round((usage.ru_utime + usage.ru_stime) * 1e6)


async def main(url, path, warm, together):
    Route.BASE = url
    with open(path, encoding="utf-8") as file:
        calls = [read_call(line.rstrip("\n")) for line in file]
    http = HTTPClient(asyncio.get_running_loop())
    await http.static_login("bench")
    run = Run(http, calls)
    await run.make(0, warm, together)
    before, start = cpu_us(), time.monotonic_ns()
    await run.make(warm, len(calls), together)
    used, wall_us = cpu_us() - before, (time.monotonic_ns() - start) // 1000
    with open("/proc/self/status", encoding="utf-8") as file:
        peak_kb = int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1))
    print(json.dumps({"ended": run.fine, "fine": run.fine, "cpu_us": used, "wall_us": wall_us,
                      "peak_kb": peak_kb}))
    await http.close()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
