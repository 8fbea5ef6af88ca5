"""tests/scenario/hooks.py: what the language of scenarios cannot say. A hook gets the stage and its words, and
raises AssertionError when something does not hold.
"""
import json
import os
import random
import shutil
import signal
import time
import urllib.error
import urllib.parse

from clients import harness


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
    """Each shard once; those of one key (shard modulo keys) by their number. A key waits 5 s of Discord's for the next
    in order, no longer: one whose first connection failed, or that had its HELLO 4 s later, may be overtaken."""
    order = [shard for _, shard in identified(stage)]
    assert sorted(order) == list(range(int(shards))), f"IDENTIFYs of shards {order}"
    greeted = {line.conn: line.at for line in stage.wire().fitting(">HELLO")}
    hello = {shard: greeted[line.conn] for line, shard in zip(stage.wire().fitting("<IDENTIFY"), order)}
    for at, shard in enumerate(order):
        for later in order[at + 1:]:
            if later < shard and later % int(keys) == shard % int(keys):
                slow = hello[later] - hello[shard] >= stage.seconds("4ds")
                assert slow or stage.client.reconnected(later), f"{later} came after {shard} in {order}"


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


def frame(first, payload, mask=b""):
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if mask else payload
    return bytes([first, (0x80 if mask else 0) | len(payload)]) + mask + masked


# What RFC 6455 forbids a server. The text would be harmless: who takes it sees nothing wrong.
ACK = b'{"op":11,"d":null}'
BAD_TEXT = b'{"op":11,"d":"\xc3\x28"}'
FRAMES = {
    "masked": frame(0x81, ACK, b"\1\2\3\4"),
    "rsv1": frame(0xC1, ACK), "rsv2": frame(0xA1, ACK), "rsv3": frame(0x91, ACK),
    "opcode3": frame(0x83, ACK), "opcode7": frame(0x87, ACK), "opcode11": frame(0x8B, ACK),
    "ping-126": b"\x89\x7e\x00\x7e" + b"x" * 126,
    "ping-fragment": frame(0x09, b"x"), "pong-fragment": frame(0x0A, b"x"),
    "utf8": frame(0x81, BAD_TEXT),
    "utf8-surrogate": frame(0x81, b'{"op":11,"d":"\xed\xa0\x80"}'),
    "utf8-split": frame(0x01, BAD_TEXT[:15]) + frame(0x80, BAD_TEXT[15:]),
    "length": b"\x81\x7f" + b"\xff" * 8 + ACK,
    "continue": frame(0x80, ACK), "new-in-fragment": frame(0x01, ACK[:4]) + frame(0x81, ACK),
    "close-1": frame(0x88, b"\3"), "close-999": frame(0x88, b"\x03\xe7"),
    "close-1005": frame(0x88, b"\x03\xed"), "close-utf8": frame(0x88, b"\x0f\xa0\xc3\x28"),
}


def bad_frame(stage, name):
    stage.do_fault("raw " + FRAMES[name].hex())
    stage.last_fault = f"a {name} frame"


def memory_below(stage, megabytes):
    """The most resident memory that the client ever had."""
    with open(f"/proc/{stage.client.pid()}/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    most = float(megabytes) * stage.memory_factor
    assert peak / 1024 < most, f"{peak / 1024:.0f} MB were in use, wanted below {most:.0f}"


def nested_event(stage, name, depth):
    depth = int(depth)
    raw = '{"x":' + "[" * depth + "]" * depth + "}"
    stage.sims["main"].ask("POST", "/event", json.dumps({"t": name, "raw": raw}))


def put_plugin(stage, build):
    """Puts a build of the witness in the place of the one that runs, as an installer would."""
    host = stage.client.host
    fresh = os.path.join(host.plugin_dir, ".witness.new")
    shutil.copy(os.path.join(harness.BUILD, "tests", "plugins", build + ".so"), fresh)
    os.rename(fresh, os.path.join(host.plugin_dir, "witness.so"))
    return host.run("reload", "witness", "-c", host.ini)


def install_plugin(stage, build):
    """The same while the host is down."""
    shutil.copy(os.path.join(harness.BUILD, "tests", "plugins", build + ".so"),
                os.path.join(stage.client.host.plugin_dir, "witness.so"))


def replace_plugin(stage, build):
    answer = put_plugin(stage, build)
    assert answer.returncode == 0, f"drey reload: {answer.stdout}{answer.stderr}"


def replace_plugin_fails(stage, build):
    before = stage.client.host.plugin("witness")["generation"]
    answer = put_plugin(stage, build)
    assert answer.returncode != 0, "drey reload took a plugin whose init fails"
    after = stage.client.host.plugin("witness")
    assert after["state"] == "running" and after["generation"] == before, after


def crashed(stage):
    """The client ended by a signal, which is what the scenario wanted."""
    stage.stopped = True
    status = stage.client.wait(60)
    assert status != 0, "the handler crashed and the host ended well"


def parked(stage, name):
    """An event of this name was given up after two attempts, and no other one."""
    host = stage.client.host
    harness.wait_for(f"{name} to be parked",
                     lambda: host.run("parked", "-c", host.ini).stdout.strip())
    lines = host.run("parked", "-c", host.ini).stdout.splitlines()
    assert len(lines) == 2 and name in lines[1], lines  # below the head


def nowhere_in_the_ring(stage, text):
    path = os.path.join(stage.client.host.state, "main", "events.ring")
    with open(path, "rb") as file:
        assert text.encode() not in file.read(), f"'{text}' is in the ring"


def resumes_spread(stage, most):
    """They came with jitter: not all RESUMEs in the same 20 ms."""
    times = [line.at for line in stage.wire().fitting("<RESUME")]
    crowd = max(sum(1 for b in times if a <= b < a + 0.02) for a in times)
    assert crowd < int(most) * 0.9, f"{crowd} of {len(times)} RESUMEs within 20 ms"


def reload_config(stage):
    host = stage.client.host
    answer = host.run("reload", "--config", "-c", host.ini)
    assert answer.returncode == 0, f"drey reload --config: {answer.stdout}{answer.stderr}"


# What a session outlives, one or two at a time, in any order. {n}: a small number.
CHAOS = ["drop", "fin", "reconnect", "invalid-resumable", "sever", "close 1000", "close 1001",
         "close 4000", "close 4008", "close 4009", "close 4999", "beat {n}", "ack {n}", "ping",
         "hello 900ms", "repeat {n}", "skip {n}", "outage", "back", "frame empty", "big 200K",
         "for 300ms noack", "for 300ms silence", "for 200ms freeze", "for 400ms slowack 50ms",
         "x{n} noclose", "x{n} linger", "x1 nohello", "x1 noresumed", "x1 noready",
         "x{n} early-reconnect", "x1 early-invalid", "x{n} resume-again", "x{n} resume-drop",
         "x{n} cut {n}0", "x{n} quit {n}0", "x{n} turn {n}0", "for 300ms refuse-resume",
         "for 300ms busy-resume", "for 300ms busy-main", "for 300ms refuse-main",
         "for 300ms busy-rest", "for 300ms split 50", "for 300ms chunk {n}00",
         "for 300ms join {n}", "x{n} halve", "invalid", "forget", "clear", "close 4003",
         "close 4007", "x1 identify-invalid", "x1 resume-invalid", "for 300ms interval 300ms"]
BYTES = ["masked", "rsv1", "utf8", "utf8-split", "continue", "close-1", "ping-126", "length"]


def change_host(stage, dice):
    """The host is killed, stopped or replaced in place, or its plugin is."""
    what = dice.choice(["kill", "term", "upgrade", "plugin"])
    stage.last_fault += " " + what
    if what != "kill":  # before that a signal does what it does to any process
        stage.until("the host to be up", stage.client.host.status)
    if what == "plugin":
        answer = put_plugin(stage, dice.choice(["witness", "witness_2"]))
        assert answer.returncode == 0 or "running" in answer.stderr, answer.stderr
    elif what == "upgrade":
        stage.client.signal(signal.SIGUSR2)
    else:
        (stage.do_kill if what == "kill" else stage.do_term)("")
        stage.do_start("")


def chaos(stage, *more):
    """Faults at random for some seconds; the seed is told when something fails."""
    seed = int(os.environ.get("DREY_CHAOS_SEED", "0")) or random.randrange(1, 1 << 30)
    seconds = float(os.environ.get("DREY_CHAOS_S", "15"))
    dice = random.Random(seed)
    stage.last_fault = f"chaos with seed {seed}"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if "hosts" in more and dice.random() < 0.08:
            change_host(stage, dice)
        elif dice.random() < 0.1:
            stage.sims["main"].fault("raw " + FRAMES[dice.choice(BYTES)].hex())
        else:
            words = [dice.choice(CHAOS).replace("{n}", str(dice.randint(1, 6)))
                     for _ in range(dice.randint(1, 3))]
            try:
                stage.sims["main"].fault("; ".join(words))
            except urllib.error.HTTPError:
                stage.sims["main"].fault("heal")  # too many wait
        stage.client.check()
        time.sleep(dice.random() * 0.3)
    stage.sims["main"].fault("heal")
    stage.mark()
    before = len(stage.events())
    stage.until(lambda: f"events again, seed {seed}", lambda: len(stage.events()) > before + 200)


def gaps_told(stage):
    """For every session but the last of each shard the handler was told of a loss."""
    lost = sum(1 for event in stage.events() if event.name == "READY") - len(stage.wire().sessions())
    told = sum(1 for event in stage.events() if event.name == "GAP")
    assert told >= lost, f"{lost} sessions were lost, {told} gaps were told"


def first_beat_in_time(stage):
    """The first heartbeat of a connection comes within one interval of its HELLO."""
    greeted, checked = {}, 0
    for line in stage.wire().read().lines:
        if line.way == ">" and line.what == "HELLO":
            greeted[line.conn] = line.at
        elif line.way == "<" and line.what == "HEARTBEAT" and line.conn in greeted:
            late = line.at - greeted.pop(line.conn) - stage.beat_s
            checked += 1
            assert late < 1, f"the first heartbeat came {late:.3f} s after its interval"
    assert checked > 0, "there was no heartbeat"
