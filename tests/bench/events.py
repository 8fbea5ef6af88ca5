"""tests/bench/events.py: what an event costs, from the socket to a handler that does nothing: drey beside
the floor (sip.c) and other people's libraries. Part of tests/bench/run; README.md says what is measured.
"""
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
DEADLINE_S = 300
QUIET_S = 0.2  # without a tick of CPU time: whatever was behind the answer has been done
TRANSPORTS = ("none", "zlib-stream", "zstd-stream")


class Failed(Exception):
    pass


def processes(root):
    """A process and all below it."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                    found += map(int, file.read().split())
        except FileNotFoundError:
            pass
    return found


def cpu_us(root):
    total = 0
    for pid in processes(root):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return total * TICK_US


def peak_kb(root):
    total = 0
    for pid in processes(root):
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return total


def quiet_cpu_us(root):
    """Once nothing runs any more."""
    before, since = cpu_us(root), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        time.sleep(0.02)
        now = cpu_us(root)
        if now != before:
            before, since = now, time.monotonic()
    return before


def line_of(process, what):
    ready, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
    text = process.stdout.readline().strip() if ready else ""
    if not text:
        raise Failed(f"{what} said nothing more")
    return text


def certify(cert, key):
    """A certificate for localhost, into these files."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)


class Place:
    """A directory with a corpus and the certificate that the gateway shows."""

    def __init__(self, directory, options):
        self.directory = directory
        self.last = options.warm + options.events
        self.corpus = os.path.join(directory, "corpus")
        self.cert = os.path.join(directory, "cert.pem")
        self.key = os.path.join(directory, "key.pem")
        subprocess.run([sys.executable, os.path.join(HERE, "corpus.py"), self.corpus, str(options.warm),
                        str(options.events)], check=True)
        certify(self.cert, self.key)

    def ini(self, url, transport, plugin):
        """A host with the plugin that counts."""
        home = tempfile.mkdtemp(prefix="host-", dir=self.directory)
        plugins = os.path.join(home, "plugins")
        os.makedirs(plugins)
        shutil.copy(plugin, plugins)
        path = os.path.join(home, "drey.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"[drey]\nplugin_dir = {plugins}\nstate_dir = {home}/state\ncontrol = {home}/c.sock\n"
                       f"log = text\nlog_level = warn\n[bot:bench]\ntoken = bench\nrest_url = {url}\n"
                       f"ca_file = {self.cert}\ncompress = {transport}\n"
                       "intents = auto +GUILD_MEMBERS +GUILD_PRESENCES +MESSAGE_CONTENT\n"
                       f"[plugin:idle]\nlast = {self.last}\n")
        os.chmod(path, 0o600)
        return path


def clients(tools, place):
    """{name: (title, {transport: url -> command})}"""
    last = str(place.last)
    # The native zlib-sync is built for the system's Node.js; zstd needs the pinned, newer one.
    nodes = {"none": "node", "zlib-stream": "node", "zstd-stream": tools.NODE}
    script = lambda name: os.path.join(HERE, name)
    plugin = os.path.join(tools.BUILD, "tests", "bench", "idle.so")
    drey = os.path.join(tools.BUILD, "bin", "drey")

    def all_transports(command):
        return {transport: (lambda url, t=transport: command(url, t)) for transport in TRANSPORTS}

    ws = {"none": "none", "zlib-stream": "ZlibSync", "zstd-stream": "ZstdNative"}
    return {
        "floor": ("floor: TLS, frames, decompression", all_transports(
            lambda url, t: [tools.program("sip"), url.removesuffix("/api/v10"), place.cert, t, last])),
        "drey": ("drey run, a handler that counts", all_transports(
            lambda url, t: [drey, "run", "-c", place.ini(url, t, plugin)])),
        "ws": (f"@discordjs/ws {tools.version_of('@discordjs/ws')}, zstd "
               f"{tools.version_of('discordjs-ws-dev').split('-')[0]}-dev", all_transports(
                   lambda url, t: [nodes[t], script("ws_events.mjs"), url, ws[t], last])),
        "djs": (f"discord.js {tools.version_of('discord.js')}", {
            transport: (lambda url, t=transport: [nodes[t], script("djs_events.mjs"), url, t, last])
            for transport in ("none", "zlib-stream")}),
        "dpy": ("discord.py", {"zlib-stream": lambda url: [
            tools.PYTHON, script("dpy_events.py"), url, url.replace("https", "wss").removesuffix("/api/v10"),
            last]}),
    }


def measure(tools, place, options, transport, command):
    """One run of one client: what the measured part cost it."""
    blast = subprocess.Popen([tools.program("blast"), place.corpus, transport,
                              "single" if options.single else "batched", str(options.warm), place.cert,
                              place.key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    client = None
    try:
        url = f"https://localhost:{line_of(blast, 'the gateway')}/api/v10"
        environment = dict(os.environ, NODE_EXTRA_CA_CERTS=place.cert, SSL_CERT_FILE=place.cert)
        environment = {k: v for k, v in environment.items() if not k.lower().endswith("_proxy")}
        client = subprocess.Popen(command(url), stdout=subprocess.PIPE, text=True, env=environment)
        if line_of(blast, "the gateway") != "warm":
            raise Failed("no client came")
        before = quiet_cpu_us(client.pid)
        own = cpu_us(blast.pid)
        blast.stdin.write("go\n")
        blast.stdin.flush()
        word, *wall_ns = line_of(blast, "the gateway").split()
        if word != "done":
            raise Failed("the client left and came again")
        own = cpu_us(blast.pid) - own
        saw = line_of(client, "the client")
        used = quiet_cpu_us(client.pid) - before
        if saw != f"saw {place.last}":
            raise Failed(f"of {place.last} events it {saw}")
        return {"cpu_us": used / options.events, "per_s": options.events / int(wall_ns[0]) * 1e9,
                "peak_kb": peak_kb(client.pid), "server_us": own / options.events}
    finally:
        for process in filter(None, (client, blast)):
            process.terminate()
        for process in filter(None, (client, blast)):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def spread(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))}..{form(max(values))})"


def print_table(titles, results, options):
    heads = ("client", "transport", "CPU µs per event", "ratio", "events/s", "peak MB", "server's µs per event")
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for (name, transport), runs in sorted(results.items(), key=lambda item: TRANSPORTS.index(item[0][1])):
        cost = [run["cpu_us"] for run in runs]
        floor = results.get(("floor", transport))
        base = statistics.median(run["cpu_us"] for run in floor) if floor else None
        print("| " + " | ".join((
            titles[name], transport, spread(cost, "{:.2f}".format),
            f"{statistics.median(cost) / base:.2f}" if base else "-",
            spread([run["per_s"] for run in runs], "{:,.0f}".format),
            f"{max(run['peak_kb'] for run in runs) / 1024:.0f}",
            f"{statistics.median(run['server_us'] for run in runs):.2f}")) + " |")
    print(f"\n{options.rounds} round(s) of {options.events:,} events after {options.warm:,} that are not measured, "
          f"over TLS, {'each message a write of its own' if options.single else '64 KB a write'}; all clients in "
          "turn; median (min..max). Every client saw every event.")


def bench(tools, options):
    with tempfile.TemporaryDirectory(prefix="drey-bench-") as directory:
        place = Place(directory, options)
        known = clients(tools, place)
        wanted = options.only.split(",") if options.only else list(known)
        if unknown := set(wanted) - set(known):
            raise Failed(f"no client is called {', '.join(unknown)}; there are {', '.join(known)}")
        transports = options.transport.split(",") if options.transport else TRANSPORTS
        results = {}
        for turn in range(options.rounds):
            for name in (name for name in known if name in wanted):
                for transport, command in known[name][1].items():
                    if transport not in transports:
                        continue
                    print(f"round {turn + 1}: {name} {transport}", file=sys.stderr)
                    try:
                        result = measure(tools, place, options, transport, command)
                    except Failed as error:
                        raise Failed(f"{name} {transport}: {error}") from error
                    results.setdefault((name, transport), []).append(result)
        print_table({name: title for name, (title, _) in known.items()}, results, options)
