"""tests/scenario/run.py: plays scenarios: run.py [--client NAME] [--jobs N] [GROUP or S13...]. One line for each;
exit status 1 when one failed. Without names: all. `--list` names groups and scenarios.
"""
import argparse
import concurrent.futures
import os
import sys
import tempfile
import time

import script
import stage


def chosen(names):
    scenarios = script.read_all()
    if not names:
        return scenarios
    picked = [s for s in scenarios
              if s.group in names or s.id in names or os.path.basename(s.file) in names]
    for name in names:
        if not any(name in (s.group, s.id, os.path.basename(s.file)) for s in picked):
            raise SystemExit(f"no scenario, group or file is called {name}")
    return picked


def play(scenario, client):
    """(result, why, seconds): pass, fail, pending, or none when it does not apply."""
    start = time.monotonic()
    if scenario.why_not(client):
        return "none", scenario.why_not(client), 0
    if scenario.pending and client == "drey":
        return "pending", scenario.pending, 0
    directory = tempfile.mkdtemp(prefix=f"drey-{scenario.id}-")
    try:
        stage.Stage(scenario, client, directory).run()
        return "pass", "", time.monotonic() - start
    except stage.Failed as error:
        return "fail", str(error), time.monotonic() - start


def play_all(scenarios, client, jobs, told):
    """Plays them side by side; told(scenario, result, why, seconds) after each."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(play, s, client): s for s in scenarios}
        for future in concurrent.futures.as_completed(running):
            told(running[future], *future.result())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", default="drey", choices=script.CLIENTS)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    scenarios = chosen(asked.names)
    if asked.list:
        for scenario in scenarios:
            print(f"{scenario.id:5} {scenario.group:10} {scenario.title}")
        return 0
    counts = {}

    def told(scenario, result, why, seconds):
        counts[result] = counts.get(result, 0) + 1
        word = {"none": "n/a"}.get(result, result)
        tail = f": {why}" if result in ("none", "pending") else ""
        print(f"{word:7} {scenario.id} {scenario.title} ({seconds:.1f} s){tail}", flush=True)
        if result == "fail":
            print("    " + why.replace("\n", "\n    "), flush=True)
    play_all(scenarios * asked.times, asked.client, asked.jobs, told)
    print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())))
    return 1 if counts.get("fail") else 0


if __name__ == "__main__":
    sys.exit(main())
