"""tests/e2e/test_cli.py: what an operator types and sees."""
import json
import os
import re
import shutil
import subprocess

from harness import BUILD, Case, DREY, PLUGINS, main, read, wait_for


class Cli(Case):
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
        self.assertEqual(host.process.wait(30), 0)
        tail.communicate(timeout=30)
        self.assertEqual(tail.returncode, 0)
        gone = host.run("status", "-c", host.ini)
        self.assertEqual(gone.returncode, 3)
        self.assertIn("no drey is running", gone.stderr)

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
        ring = open(os.path.join(host.state, "main", "events.ring"), "rb").read()
        ready = re.search(rb'"session_id":"([^"]*)"', ring)
        self.assertIsNotNone(ready)
        self.assertNotRegex(ready.group(1), rb"[0-9a-f]{16}")

    def test_usage_and_help(self):
        self.assertEqual(self.run_drey("rnu").returncode, 2)
        self.assertIn("did you mean 'run'?", self.run_drey("rnu").stderr)
        self.assertEqual(self.run_drey("status", "--jsn").returncode, 2)
        self.assertIn("overflow_wait", self.run_drey("help", "config").stdout)
        for command in ("run", "check", "status", "reload", "stop", "tail", "new"):
            self.assertIn("usage: drey " + command, self.run_drey("help", command).stdout)

    def run_drey(self, *words):
        return subprocess.run([DREY, *words], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
