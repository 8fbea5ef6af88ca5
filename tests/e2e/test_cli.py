"""tests/e2e/test_cli.py: what an operator types and sees."""
import json
import os
import re
import socket
import subprocess

from harness import Case, DREY, SOURCE, main, read, wait_for


# What an attacker would write: clear the screen, set the title, the same with C1 controls as text
# and as a bare byte, and a right-to-left override.
EVIL = "a\x1b[2J\x1b]0;x\x07b\x9b31mc\u202ed"
LOUD = """
#include <drey/drey.h>
#include <stdlib.h>
int helper(const drey_event *ev);
int helper(const drey_event *ev) {
    if (ev->id == 7) {
        exit(1);
    }
    return 0;
}
static void on_it(drey_ctx *ctx, const drey_event *ev) {
    helper(ev);
}
static int32_t init(drey_ctx *ctx) {
    drey_rules rules = {sizeof(rules), 0, DREY_PER_USER, 1, 5, 0};
    if (drey_config(ctx, "channel") == NULL) {
        drey_error(ctx, "which channel?");
        return -1;
    }
    drey_permissions(ctx, DREY_MAY_SEND_MESSAGES | DREY_MAY_BAN_MEMBERS);
    drey_on(ctx, DREY_MESSAGE_CREATE, DREY_GUILD | DREY_CONTENT, on_it);
    drey_on_interaction(ctx, DREY_COMPONENT, "loud:", NULL, on_it);
    return drey_command(ctx, "{'name': 'ban', 'description': 'Out!', "
        "'default_member_permissions': '4', 'options': ["
        "{'type': 6, 'name': 'who', 'description': 'd', 'required': true}, "
        "{'type': 3, 'name': 'why', 'description': 'd'}]}", &rules, on_it);
}
DREY_PLUGIN("loud", "1.2", init)
"""
NAUGHTY = """
#include <drey/drey.h>
static void on_message(drey_ctx *ctx, const drey_event *ev) {
    drey_error(ctx, "saw %s", drey_str(ev, "content"));
}
static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}
DREY_PLUGIN("naughty", "1", init)
"""


class Cli(Case):
    def assert_harmless(self, output):
        """Bytes that a terminal may have: lines, and nothing that moves its cursor or hides."""
        text = output.decode("utf-8")  # strict: malformed text is not harmless
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
        return text

    def build(self, folder, name, source):
        path = os.path.join(folder, name)
        with open(path + ".c", "w", encoding="utf-8") as file:
            file.write(source)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC",
                        "-I", os.path.join(SOURCE, "sdk", "include"), path + ".c", "-o", path + ".new"],
                       check=True)
        os.remove(path + ".c")
        os.rename(path + ".new", path)

    def raw(self, *words):
        return subprocess.run([DREY, *words], capture_output=True, timeout=60, check=False)

    def test_errors_come_all_at_once_with_their_places(self):
        host = self.host({"main": {"tokn": "x", "shards": "many"}, "main2": {"token": "t"}},
                         drey="log_lvl = info")
        run = host.run("run", "-c", host.ini)
        self.assertEqual(run.returncode, 78)
        self.assertRegex(run.stderr, r"drey\.ini:7:1: error: .*log_lvl")
        self.assertIn("did you mean 'log_level'?", run.stderr)
        self.assertRegex(run.stderr, r"error: .*tokn")
        self.assertRegex(run.stderr, r"'shards' wants auto")
        self.assertNotIn("Traceback", run.stderr)

    def test_no_configuration_names_the_places(self):
        env = dict(os.environ, HOME=self.directory, XDG_CONFIG_HOME=self.directory)
        run = subprocess.run([os.path.abspath(DREY), "run"], cwd=self.directory, env=env,
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 78)
        self.assertIn("/etc/drey/drey.ini", run.stderr)

    def test_check_opens_each_plugin_in_a_child(self):
        host = self.host({"main": {"token": "t", "intents": "auto +MESSAGE_CONTENT"}},
                         plugins=["ping", "recorder", "counter"],
                         sections="[plugin:recorder]\nfile = x.log\n")
        run = host.run("check", "-c", host.ini)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("plugin recorder", run.stdout)
        self.assertIn("MESSAGE_CONTENT!", run.stdout)
        with open(os.path.join(host.plugin_dir, "broken.so"), "w", encoding="utf-8") as file:
            file.write("not a library")
        with open(host.ini, "a", encoding="utf-8") as file:
            file.write("[plugin:recordr]\nfile = y\n")
        run = host.run("check", "-c", host.ini)
        self.assertEqual(run.returncode, 78)
        self.assertRegex(run.stdout, r"broken\.so: error: ")
        self.assertIn("did you mean 'recorder'?", run.stderr)

    def test_check_refuses_what_run_would(self):
        out = os.path.join(self.directory, "out.txt")
        missing = os.path.join(self.directory, "none", "f")
        host = self.host({"main": {"token": "t", "rest_url": "http://127.0.0.1:1"}},
                         plugins=["recorder"],
                         sections=f"[plugin:recorder]\nisolation = process\nfile = {out}\n"
                                  f"allow_write = {out}\n")

        def both(why):
            run = host.run("check", "-c", host.ini)
            self.assertEqual(run.returncode, 78, run.stdout + run.stderr)
            self.assertIn(why, run.stdout)
            host.start().logged("plugin recorder(.so)? refused.*" + re.escape(why))
            self.assertEqual(host.stop(), 0)
            self.assertFalse(os.path.exists(out))
        run = host.run("check", "-c", host.ini)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        os.chmod(host.plugin_dir, 0o777)
        both(f"anybody may put files into its folder: chmod o-w {host.plugin_dir}")
        run = host.run("check", os.path.join(host.plugin_dir, "recorder.so"), "-c", host.ini)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)  # it may be meant for elsewhere
        self.assertIn("anybody may put files into its folder", run.stdout)
        os.chmod(host.plugin_dir, 0o700)
        text = read(host.ini).replace(f"allow_write = {out}", f"allow_write = {missing}")
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(text)
        both(f"allow_write = {missing}: its folder {os.path.dirname(missing)} is not there: create it")

    def test_check_of_a_file_says_everything(self):
        self.build(self.directory, "loud.so", LOUD)
        loud = os.path.join(self.directory, "loud.so")
        host = self.host({"main": {"token": "t"}}, plugins=[], sections="[plugin:loud]\nchannel = 5\n")
        answer = host.run("check", loud)
        self.assertEqual(answer.returncode, 78)
        self.assertIn("which channel?", answer.stdout)
        self.assertIn("drey check -c", answer.stdout)
        answer = host.run("check", "-c", host.ini, loud)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        for line in ("plugin loud 1.2, ABI 1.0", '/ban who: [why:]  "Out!"  (1 in 5 s per user)',
                     "for members who may BAN_MEMBERS", "MESSAGE_CREATE  in guilds, reads content",
                     "loud:", "GUILD_MESSAGES MESSAGE_CONTENT!", "BAN_MEMBERS, SEND_MESSAGES",
                     "&permissions=2052&", "exports 1 symbol besides the descriptor: helper",
                     "calls exit()", "ok, 2 warnings"):
            self.assertIn(line, answer.stdout)
        answer = host.run("check", loud + ".no", "-c", host.ini, loud)
        self.assertEqual(answer.returncode, 78)
        self.assertIn("loud.so.no: refused", answer.stdout)
        self.assertIn("ok, 2 warnings", answer.stdout)

    def test_status_tail_reload_and_stop(self):
        sim = self.sim("--rate", 100)
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "intents": "auto +MESSAGE_CONTENT"}},
                         plugins=["ping", "counter"]).start().ready("main")
        table = host.run("status", "-c", host.ini)
        self.assertEqual(table.returncode, 0, table.stdout)
        self.assertRegex(table.stdout, r"main +0/1 +ready")
        self.assertRegex(table.stdout, r"ping +\S+ +1 +main +running")
        tail = subprocess.Popen([DREY, "tail", "-c", host.ini, "--event", "MESSAGE_CREATE", "--json"],
                                stdout=subprocess.PIPE, text=True)
        line = json.loads(tail.stdout.readline())
        self.assertEqual(line["bot"], "main")
        self.assertEqual(line["message"]["t"], "MESSAGE_CREATE")
        reload = host.run("reload", "-c", host.ini, "ping")
        self.assertEqual(reload.returncode, 0, reload.stdout + reload.stderr)
        self.assertRegex(reload.stdout, r"ping")
        self.assertEqual(host.plugin("ping")["generation"], 2)
        with open(os.path.join(host.plugin_dir, "ping.so"), "w", encoding="utf-8") as file:
            file.write("junk")
        refused = host.run("reload", "-c", host.ini, "ping")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stdout, r"REFUSED|refused")
        self.assertEqual(host.plugin("ping", "main")["generation"], 2)
        unknown = host.run("reload", "-c", host.ini, "pong")
        self.assertEqual(unknown.returncode, 1)
        self.assertEqual(host.run("stop", "-c", host.ini).returncode, 0)
        self.assertEqual(host.process.wait(30), 0, host.tail_of_log())
        tail.communicate(timeout=30)
        self.assertEqual(tail.returncode, 0)
        gone = host.run("status", "-c", host.ini)
        self.assertEqual(gone.returncode, 3)
        self.assertIn("no drey is running", gone.stderr)

    def test_strangers_do_not_reach_the_terminal(self):
        sim = self.sim()
        host = self.host({"main": {"token": "t", "rest_url": sim.rest,
                                   "intents": "auto +MESSAGE_CONTENT"}})
        self.build(host.plugin_dir, "naughty.so", NAUGHTY)
        host.start().ready("main")
        self.assertEqual((host.plugin("naughty") or {}).get("state"), "running", host.tail_of_log())
        tails = {}
        for kind in ("text", "json"):
            words = ["--json"] if kind == "json" else []
            tails[kind] = subprocess.Popen(
                [DREY, "tail", "-c", host.ini, "--event", "MESSAGE_CREATE", *words],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(self.end, tails[kind])
        wait_for("both tails to follow", lambda: all(self.follows(t, host) for t in tails.values()))
        said = self.raw("sim", "say", EVIL, "--at", sim.where["control"].split("/")[2])
        self.assertEqual(said.returncode, 0, said.stderr)
        line = tails["text"].stdout.readline()
        self.assertIn('"a?[2J?]0;x?b?31mc?d"', self.assert_harmless(line))
        line = self.assert_harmless(tails["json"].stdout.readline())
        self.assertEqual(json.loads(line)["message"]["d"]["content"], EVIL)

        wait_for("the plugin's error", lambda: host.plugin("naughty")["error"])
        self.assertEqual(host.plugin("naughty")["error"], "saw " + EVIL)
        table = self.assert_harmless(self.raw("status", "-c", host.ini).stdout)
        self.assertIn("saw a?[2J?]0;x?b?31mc?d", table)
        self.assert_harmless(self.raw("status", "-c", host.ini, "--json").stdout.replace(b"\t", b""))
        self.assert_harmless(read(host.log).encode())
        host.logged(r"saw a\\x1b\[2J")

        reload = self.raw("reload", "-c", host.ini, "x" + EVIL)
        self.assertEqual(reload.returncode, 1)
        self.assertIn("a?[2J", self.assert_harmless(reload.stdout + reload.stderr))
        for words in (("run", EVIL), ("status", "--" + EVIL), (EVIL,), ("help", EVIL),
                      ("check", "-c", EVIL)):
            self.assert_harmless(self.raw(*words).stderr)

    def test_check_shows_plugins_and_files_harmless(self):
        host = self.host({"main": {"token": "t", "intents": "auto +MESSAGE_CONTENT"}})
        self.build(host.plugin_dir, "naughty.so", NAUGHTY)
        with open(os.path.join(host.plugin_dir, "x\x1b[2J.so"), "w", encoding="utf-8") as file:
            file.write("not a library")
        with open(host.ini, "a", encoding="utf-8") as file:
            file.write("[plugin:a]\nb = c\n# \x1b\n[plugin:\x1b[2J]\n")
        check = self.raw("check", "-c", host.ini)
        self.assertEqual(check.returncode, 78)
        self.assert_harmless(check.stdout + check.stderr)

    def follows(self, process, host):
        """Whether this process has the bot's ring mapped."""
        return os.path.join(host.state, "main", "events.ring") in read(f"/proc/{process.pid}/maps")

    def end(self, process):
        process.kill()
        process.communicate()

    def test_tail_prints_a_line_per_event(self):
        sim = self.sim("--rate", 200)
        host = self.host({name: {"token": name, "rest_url": sim.rest,
                                 "intents": "auto +MESSAGE_CONTENT"}
                          for name in ("main", "other")}, plugins=["counter"]).start()
        host.ready("main", "other")
        tail = subprocess.Popen([DREY, "tail", "-c", host.ini, "--event", "MESSAGE_CREATE"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, tail)
        seen = set()
        while seen != {"main", "other"}:
            line = tail.stdout.readline()
            match = re.fullmatch(
                r'\d\d:\d\d:\d\d\.\d{3} (main|other)/0 \d+ MESSAGE_CREATE id \d+ guild \d+ '
                r'channel \d+ by "[^"]+" ".*"\n', line)
            self.assertIsNotNone(match, line)
            seen.add(match.group(1))
        self.assertEqual(self.raw("status", "-c", host.ini, "-q").stdout, b"")
        nobody = self.raw("tail", "-c", host.ini, "--bot", "nobody")
        self.assertEqual(nobody.returncode, 1)
        self.assertIn(b"no bot 'nobody' here", nobody.stderr)
        self.assertEqual(host.stop(), 0, host.tail_of_log())
        out, err = tail.communicate(timeout=30)
        self.assertEqual(tail.returncode, 0)
        self.assertIn("drey has stopped", err)

    def test_the_control_socket_gives_no_more_than_its_share(self):
        sim = self.sim()
        host = self.host({"main": {"token": "t", "rest_url": sim.rest}},
                         plugins=["counter"]).start().ready("main")
        connections = []

        def ask(request, connection=None):
            if connection is None:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.connect(host.control)
                connections.append(connection)
                self.addCleanup(connection.close)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more, fds, _, _ = socket.recv_fds(connection, 65536, 4)
                self.assertTrue(more)
                answer += more
                for fd in fds:
                    os.close(fd)
            return json.loads(answer)

        tail = {"cmd": "tail", "bot": "main"}
        self.assertTrue(ask(tail)["ok"])
        self.assertIn("already", ask(tail, connections[0])["error"])
        while ask(tail)["ok"]:
            self.assertLess(len(connections), 32)
        self.assertIn("tails follow this bot already", ask(tail, connections[-1])["error"])
        for connection in connections:
            connection.close()
        wait_for("the places to be free again", lambda: ask(tail)["ok"])
        for names in ("counter", {"a": "counter"}, ["counter", 7]):
            self.assertIn("is a list of names", ask({"cmd": "reload", "plugins": names})["error"])
        self.assertEqual(host.plugin("counter")["generation"], 1)

    def test_time_scale_is_for_loopback_only(self):
        for bot in ({"token": "t"}, {"token": "t", "rest_url": "https://127.evil.example"},
                    {"token": "t", "gateway_url": "ws://127.0.0.1:1"},
                    {"token": "t", "rest_url": "http://127.0.0.1:1",
                     "gateway_url": "wss://127.0.0.1.evil.example"}):
            host = self.host({"main": bot})
            run = host.run("run", "-c", host.ini, "--time-scale", "0.5")
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn("local Discord only", run.stderr)

    def test_a_path_that_is_no_socket_address_is_told(self):
        for command in ("status", "reload", "stop", "tail"):
            run = self.run_drey(command, "--control", "/tmp/" + "x" * 5000)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("too long", run.stderr)

    def test_options_are_named_as_they_were_typed(self):
        for words, says in ((("status", "--jsn"), "option --jsn is unknown"),
                            (("status", "--control"), "option --control lacks its value"),
                            (("status", "--json=x"), "option --json=x takes no value"),
                            (("status", "-c"), "option -c is unknown or lacks its value"),
                            (("status", "--json", "-xq"), "option -x is unknown"),
                            (("run", "--time-scale"), "option --time-scale lacks its value"),
                            (("stop", "now"), "it takes no argument, got 'now'"),
                            (("version", "x"), "it takes no argument, got 'x'")):
            run = self.run_drey(*words)
            self.assertEqual(run.returncode, 2)
            self.assertIn(says, run.stderr)

    def test_socket_and_state_are_private(self):
        sim = self.sim()
        host = self.host({"main": {"token": "secret-token-7", "rest_url": sim.rest}},
                         plugins=["counter"]).start().ready("main")
        self.assertEqual(os.stat(host.control).st_mode & 0o777, 0o600)
        for folder, folders, files in os.walk(host.state):
            for name in files:
                path = os.path.join(folder, name)
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)
                with open(path, "rb") as file:
                    self.assertNotIn(b"secret-token-7", file.read(), path)
        self.assertNotIn("secret-token-7", read(host.log))
        with open(os.path.join(host.state, "main", "events.ring"), "rb") as file:
            ring = file.read()
        ready = re.search(rb'"session_id":"([^"]*)"', ring)
        self.assertIsNotNone(ready)
        self.assertNotRegex(ready.group(1), rb"[0-9a-f]{16}")

    def test_usage_and_help(self):
        self.assertEqual(self.run_drey("rnu").returncode, 2)
        self.assertIn("did you mean 'run'?", self.run_drey("rnu").stderr)
        self.assertEqual(self.run_drey("status", "--jsn").returncode, 2)
        self.assertIn("overflow_wait", self.run_drey("help", "config").stdout)
        commands = re.findall(r"^  (\w+) +\w", self.run_drey("help").stdout, re.M)
        self.assertIn("tail", commands)
        for command in commands:
            for words in (("help", command), (command, "--help"), (command, "x", "--help")):
                if command != "sim" or words == (command, "--help"):
                    shown = self.run_drey(*words)
                    self.assertEqual(shown.returncode, 0, words)
                    self.assertIn("usage: drey " + command, shown.stdout)
                    self.assertEqual(shown.stderr, "")
        self.assertIn("--listen", self.run_drey("sim", "--help").stdout)
        self.assertEqual(self.run_drey("help", "run", "x").returncode, 2)

    def test_help_of_one_key_is_that_key_alone(self):
        whole = self.run_drey("help", "config").stdout
        shown = self.run_drey("help", "config", "overflow_wait")
        self.assertEqual(shown.returncode, 0)
        title, key, *rest = shown.stdout.splitlines()
        self.assertEqual((title, key), ("[bot:NAME]", "  overflow_wait"))
        self.assertTrue(rest and all(line.startswith("      ") for line in rest), rest)
        self.assertIn("\n".join(["", key, *rest, ""]), whole)
        for key in re.findall(r"^  (\w+)$", whole, re.M):
            self.assertIn(f"\n  {key}\n", self.run_drey("help", "config", key).stdout)
        slip = self.run_drey("help", "config", "overflow_wate")
        self.assertEqual((slip.returncode, slip.stdout), (2, ""))
        self.assertIn("did you mean 'overflow_wait'?", slip.stderr)
        pointed = self.run_drey("help", "overflow_wait")
        self.assertEqual(pointed.returncode, 2)
        self.assertIn("drey help config overflow_wait", pointed.stderr)
        self.assertEqual(self.run_drey("help", "config", "watch", "x").returncode, 2)

    def test_manual_and_completion_know_every_command_and_option(self):
        with open(os.path.join(SOURCE, "etc", "man", "drey.1"), encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        with open(os.path.join(SOURCE, "etc", "completions", "drey"), encoding="utf-8") as file:
            self.assertEqual(file.read(), self.run_drey("help", "--completion").stdout)
        told = set()
        for command in re.findall(r"^  (\w+) +\w", self.run_drey("help").stdout, re.M):
            self.assertIn(f'.SY "drey {command}"', manual)
            if command != "sim":
                told |= set(re.findall(r"--[a-z-]+", self.run_drey("help", command).stdout))
        named = set(re.findall(r"--[a-z-]+", manual))
        sim = set(re.findall(r"--[a-z-]+", self.run_drey("sim", "--help").stdout))
        self.assertEqual(told - named, set())
        self.assertEqual(named - told - sim, set())  # of sim's many it names those worth a word
        complete = ('. "$0"; COMP_WORDS=(drey $1); COMP_CWORD=1; _drey drey "$1" drey; '
                    'echo "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", complete, os.path.join(SOURCE, "etc/completions/drey"),
                               "re"], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "reload record replay\n")

    def run_drey(self, *words):
        return subprocess.run([DREY, *words], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
