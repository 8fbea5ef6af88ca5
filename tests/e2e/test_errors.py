"""tests/e2e/test_errors.py: every trouble that an operator can meet, caused: the message says what
happened, to which bot or plugin, and what to do; the exit status tells a supervisor whether to try
again."""
import contextlib
import os
import re
import shutil
import subprocess

from harness import Case, main, read, wait_for

OUT_OF_SERVICE = r"This bot is out of service until `drey reload --config`; others go on"


class Errors(Case):
    def start(self, plugins=None, drey="", name="host", **keys):
        return self.host({"main": dict({"token": "good"}, **keys)}, drey=drey, plugins=plugins,
                         name=name).start()

    def ends(self, host, status, *patterns):
        """It ends with this status and has said so."""
        self.assertEqual(host.process.wait(60), status, host.tail_of_log())
        for pattern in patterns:
            host.logged(pattern)

    def goes_on(self, host, *patterns):
        """It keeps trying and says what is wrong, in the log and in the status."""
        for pattern in patterns:
            host.logged(pattern)
        wait_for("the reason in the status", lambda: any(
            re.search(pattern.split("main: ")[-1].split("main/0: ")[-1], host.bot("main")["why"])
            for pattern in patterns if "trying again" not in pattern))
        host.alive()
        self.assertEqual(host.stop(), 0)
        shutil.rmtree(host.directory)

    def test_a_gateway_or_rest_that_cannot_be_reached(self):
        sim = self.sim("--tls-listen", "127.0.0.2:0")
        where = sim.where
        not_tls = where["rest"].replace("http:", "https:")
        garbage = os.path.join(self.directory, "garbage.pem")
        with open(garbage, "w", encoding="utf-8") as file:
            file.write("no certificate\n")
        rows = [
            ({"rest_url": "https://no-such-host.invalid/api/v10"},
             r"main: cannot reach https://no-such-host.invalid/api/v10: .*is rest_url right"),
            ({"gateway_url": "wss://no-such-host.invalid"},
             r"main/0: cannot connect: host no-such-host.invalid: "),
            ({"rest_url": "http://127.0.0.1:1/api/v10"},
             r"main: cannot reach http://127.0.0.1:1/api/v10: .*may this machine connect there"),
            ({"gateway_url": "ws://127.0.0.1:1"},
             r"main/0: cannot connect: 127.0.0.1 port 1 cannot be reached: the connection was refused"),
            ({"gateway_url": "wss://127.0.0.1:1"},
             r"main/0: cannot connect: 127.0.0.1 port 1 cannot be reached: the connection was refused"),
            ({"rest_url": where["tls_rest"]},
             r"main: cannot reach .*certificate.*of your own set ca_file"),
            ({"gateway_url": where["tls_gateway"]},
             r"main/0: cannot connect: the certificate is not trusted: .*set ca_file"),
            ({"rest_url": where["tls_rest"], "ca_file": where["ca"]},
             r"main: cannot reach .*does not|no alternative.*127\.0\.0\.2"),
            ({"gateway_url": where["tls_gateway"], "ca_file": where["ca"]},
             r"main/0: cannot connect: the certificate is not for 127.0.0.2"),
            ({"rest_url": not_tls}, r"main: cannot reach .*does that port speak TLS: https, not http"),
            ({"gateway_url": not_tls.replace("https:", "wss:").replace("/api/v10", "")},
             r"main/0: cannot connect: the TLS handshake failed; does 127.0.0.1 port \d+ speak TLS"),
            ({"rest_url": where["tls_rest"], "ca_file": garbage},
             r"main: cannot reach .*ca_file must hold certificates in PEM form"),
            ({"gateway_url": where["tls_gateway"], "ca_file": garbage},
             r"main/0: cannot connect: ca_file .*garbage.pem: "),
        ]
        for keys, pattern in rows:
            with self.subTest(**keys):
                self.goes_on(self.start(**keys), pattern)

    def test_discord_refuses_for_good(self):
        advice = {
            4004: (77, "copy the token anew"), 4010: (78, "check `shards`"),
            4011: (78, "set `shards = auto` or a larger number"), 4012: (78, "install a newer drey"),
            4013: (78, "check the number in `intents`"),
            4014: (78, "enable it in the Discord developer portal"),
        }
        for code, (status, words) in advice.items():
            with self.subTest(code=code):
                sim = self.sim()
                host = self.start(rest_url=sim.rest, name=str(code)).ready("main")
                sim.fault(f"close {code}")
                self.ends(host, status,
                          rf"error main: .*\(close code {code}\): {words}.*{OUT_OF_SERVICE}",
                          r"error no bot is left to run")
        sim = self.sim("--token", "another")
        self.ends(self.start(rest_url=sim.rest), 77,
                  rf"error main: token rejected \(401\): make a new one .*{OUT_OF_SERVICE}")

    def test_places_that_cannot_be_used(self):
        sim = self.sim()
        keys = {"rest_url": sim.rest}
        blocked = os.path.join(self.directory, "file")
        with open(blocked, "w", encoding="utf-8") as file:
            file.write("x")
        rows = [
            (f"control = {blocked}", 78, "control socket .*a file that is not a socket is in the way"),
            (f"control = {self.directory}/none/c.sock", 78,
             "control socket .*its folder does not exist: make it, or set another 'control'"),
            (f"state_dir = {blocked}", 1, f"state_dir: {blocked}: not a directory"),
        ]
        for i, (line, status, pattern) in enumerate(rows):
            with self.subTest(line=line):
                host = self.host({"main": dict(keys, token="good")}, name=str(i))
                text = read(host.ini)
                key = line.split(" ")[0]
                with open(host.ini, "w", encoding="utf-8") as file:
                    file.write(re.sub(rf"(?m)^{key} = .*$", line, text))
                self.ends(host.start(), status, rf"error {pattern}")
        first = self.start(**keys).ready("main")
        taken = self.host({"main": dict(keys, token="other")}, name="taken")
        with open(taken.ini, encoding="utf-8") as file:
            text = file.read().replace(taken.control, first.control)
        with open(taken.ini, "w", encoding="utf-8") as file:
            file.write(text)
        self.ends(taken.start(), 75, "control socket .*another process listens there; stop it, or set")
        again = self.start(name="again", **keys)
        self.ends(again, 75, "error main: another running drey, or another bot of this one, uses the "
                             "same token; stop that one first")
        second = first.run("run", "-c", first.ini)
        self.assertEqual(second.returncode, 75)
        self.assertIn("another drey runs on state directory", second.stderr)
        self.assertEqual(first.bot("main")["state"], "ready")

    @contextlib.contextmanager
    def small_disk(self, size):
        path = os.path.join(self.directory, "small")
        os.mkdir(path)
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path],
                              capture_output=True, check=False)
        if made.returncode != 0:
            self.skipTest("no right to mount a small disk")
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", path], check=False)

    def test_a_full_disk(self):
        sim = self.sim()
        with self.small_disk("6m") as disk:  # beside the ring the tokens of interactions: 4 MiB
            host = self.host({"main": {"token": "good", "rest_url": sim.rest,
                                       "intents": "auto +GUILD_MESSAGES +DIRECT_MESSAGES"}})
            shutil.copy(host.ini, host.ini + ".1")
            text = read(host.ini).replace(host.state, os.path.join(disk, "state"))
            with open(host.ini, "w", encoding="utf-8") as file:
                file.write(text)
            # it may heal: the supervisor is to try again
            self.ends(host.start(), 1, r"error main: ring .*events.ring: allocating 32768 KiB \(set "
                      rf"a smaller ring_size, or free some space\): No space left.*{OUT_OF_SERVICE}")
            with open(host.ini, "w", encoding="utf-8") as file:
                file.write(text + "ring_size = 512 KiB\n")
            host.start().ready("main")
            with open(os.path.join(disk, "fill"), "wb") as file, contextlib.suppress(OSError):
                file.write(b"x" * (7 << 20))
            shutil.copy(os.path.join(os.environ.get("DREY_BUILD", "build/release"), "plugins",
                                     "counter.so"), host.plugin_dir)
            told = host.run("reload", "-c", host.ini)
            self.assertEqual(told.returncode, 1)
            self.assertRegex(told.stdout, r"counter +REFUSED\n +.*counter.so: .*No space left on device")
            self.assertEqual(host.bot("main")["state"], "ready")
            os.unlink(os.path.join(disk, "fill"))
            told = host.run("reload", "-c", host.ini)
            self.assertEqual(told.returncode, 0, told.stdout)
            self.assertEqual(host.stop(), 0)

    def test_files_that_were_damaged(self):
        sim = self.sim("--rate", 1000)
        host = self.start(rest_url=sim.rest, intents="GUILDS GUILD_MESSAGES", plugins=["recorder"])
        # a recorder without its key is refused by name, with what it needs
        host.logged(r"error plugin recorder refused.*: .*needs `file = PATH` in \[plugin:recorder\]")
        wait_for("events", lambda: (host.bot("main") or {"ring_head": 0})["ring_head"] > 100000)
        host.kill()
        ring = os.path.join(host.state, "main", "events.ring")
        with open(ring, "r+b") as file:
            file.seek(4096 + 20000)
            file.write(b"\xff" * 3000)
        with open(os.path.join(host.state, "main", "sessions"), "r+b") as file:
            file.seek(4096 + 60)
            file.write(b"\xff" * 3000)
        host.start().ready("main")
        host.logged(r"warn +main: event ring: .*damaged.*; \d+ events kept, [1-9]\d* bytes lost")
        host.logged(r"warn +main: \d damaged entries of .*sessions were dropped")
        host.kill()
        with open(ring, "wb") as file:
            file.write(b"something else entirely" * 1000)
        host.start().ready("main")
        host.logged(r"warn +main: event ring: .*put aside with suffix .bad")
        self.assertTrue(os.path.exists(ring + ".bad"))
        self.assertEqual(host.stop(), 0)

    def test_too_few_descriptors(self):
        sim = self.sim()
        host = self.host({"main": {"token": "good", "rest_url": sim.rest}})
        answer = subprocess.run(["prlimit", "--nofile=20", *self.command(host)], capture_output=True,
                                text=True, timeout=60, check=False)
        self.assertEqual(answer.returncode, 78)
        self.assertIn("this process may open only 20 files", answer.stderr)
        self.assertIn("raise the limit (LimitNOFILE= in the systemd unit, or ulimit -n)", answer.stderr)

    def command(self, host):
        from harness import DREY
        return [DREY, "run", "-c", host.ini]


if __name__ == "__main__":
    main()
