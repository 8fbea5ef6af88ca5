"""tests/scenario/hooks.py: what the language of scenarios cannot say. A hook gets the stage and its words, and
raises AssertionError when something does not hold.
"""
import os
import time
import urllib.parse


def sockets(stage):
    """How many sockets the client has open. Those on their way out are waited for."""
    folder = f"/proc/{stage.client.pid()}/fd"
    count = 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(os.path.join(folder, name)).startswith("socket:")
        except FileNotFoundError:
            pass
    return count


def count_sockets(stage):
    stage.kept["sockets"] = sockets(stage)


def same_sockets(stage):
    stage.until(lambda: f"{stage.kept['sockets']} sockets, there are {sockets(stage)}",
                lambda: sockets(stage) <= stage.kept["sockets"] + 1)


def resumes_go_on(stage, at_least):
    """Each RESUME but the first starts at least so many events after the one before."""
    seqs = [line.s for line in stage.wire().fitting("<RESUME")]
    steps = [b - a for a, b in zip(seqs, seqs[1:])]
    small = [step for step in steps[:-1] if step < int(at_least)]
    assert len(seqs) >= 3 and not small, f"RESUMEs went on from {seqs}"


def dials_alike(stage):
    """Every connection asked for the same version, encoding and compression."""
    queries = {tuple(sorted(urllib.parse.parse_qsl(line.note.split("?", 1)[1].lstrip("?"))))
               for line in stage.wire().fitting("<connect")}
    assert len(queries) == 1, f"the connections asked for {queries}"


def damage_sessions(stage):
    """One byte in each slot of the saved sessions is turned over."""
    path = os.path.join(stage.client.host.state, "main", "sessions")
    with open(path, "r+b") as file:
        data = bytearray(file.read())
        for at in range(16, len(data), 64):
            data[at] ^= 0x5A
        file.seek(0)
        file.write(data)


def identified(stage):
    """[(time, shard)] of the IDENTIFYs, from their notes: shard [3,16] ..."""
    return [(line.at, int(line.note.split("[")[1].split(",")[0]))
            for line in stage.wire().fitting("<IDENTIFY")]


def identified_in_order(stage, shards, keys):
    """Each shard once; those of one key (shard modulo keys) by their number, wave after wave."""
    order = [shard for _, shard in identified(stage)]
    assert sorted(order) == list(range(int(shards))), f"IDENTIFYs of shards {order}"
    waves = [shard // int(keys) for shard in order]
    assert waves == sorted(waves), f"IDENTIFYs in the order {order}"


def wave_apart(stage, keys, least):
    """Between two IDENTIFYs of one key there is at least this time."""
    last = {}
    for at, shard in identified(stage):
        key = shard % int(keys)
        if key in last:
            gap = at - last[key]
            assert gap >= stage.seconds(least), f"shard {shard} came {gap:.3f} s after its key's last"
        last[key] = at


def wait_for_a_try(stage):
    """The client has said IDENTIFY or RESUME since it was started, or shows that it will not."""
    since = stage.marks["start"]
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if stage.wire().fitting("<IDENTIFY", since) or stage.wire().fitting("<RESUME", since):
            return
        time.sleep(0.02)
