"""tests/e2e/test_config.py: another configuration for the running host. What it names is done, the
other bots keep their sessions; a file with an error changes nothing and says why."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading

from harness import BUILD, DREY, Case, append, main, read, recorded, wait_for, writes


class Config(Case):
    def write(self, host, drey="", **sections):
        """Writes the configuration anew. sections: bot_NAME or plugin_NAME = {key: value}."""
        text = (f"[drey]\nplugin_dir = {host.plugin_dir}\nstate_dir = {host.state}\n"
                f"control = {host.control}\nlog = text\nlog_level = debug\n{drey}\n")
        for section, keys in sections.items():
            kind, name = section.split("_", 1)
            if kind == "plugin" and "file" in keys:
                keys = {"allow_write": keys["file"], **keys}
            text += f"[{kind}:{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
        with open(host.ini + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(host.ini + ".new", 0o600)
        os.rename(host.ini + ".new", host.ini)

    def reload(self, host, status=0):
        answer = host.run("reload", "--config", "-c", host.ini)
        self.assertEqual(answer.returncode, status, answer.stdout + answer.stderr)
        return answer.stdout

    def connects(self, host, name):
        return sum(shard["connects"] for shard in host.bot(name)["shards"])

    def test_bots_come_and_go_while_the_others_keep_their_sessions(self):
        sim = self.sim("--rate", 100)
        keep = {"token": "keep", "rest_url": sim.rest}
        old = {"token": "old", "rest_url": sim.rest}
        new = {"token": "new", "rest_url": sim.rest}
        host = self.host({"keep": keep, "old": old}).start().ready("keep", "old")
        tail = subprocess.Popen([DREY, "tail", "-c", host.ini, "--bot", "old"],
                                stdout=append(host.log + ".tail"), stderr=append(host.log + ".err"))
        wait_for("the tail", lambda: read(host.log + ".tail"))
        self.write(host, bot_new=new, bot_keep=keep)
        told = self.reload(host)
        self.assertIn("bot new  added: connecting", told)
        self.assertIn("bot old  removed", told)
        self.assertNotIn("bot keep", told)
        host.ready("keep", "new")
        self.assertIsNone(host.bot("old"))
        self.assertEqual(self.connects(host, "keep"), 1)
        self.assertEqual(tail.wait(60), 0)
        wait_for("the old bot's session to end for good",
                 lambda: sim.status()["client_closes_1000"] == 1)
        # back again: its ring and cursors are there, its session is not
        self.write(host, bot_old=old, bot_keep=keep)
        wait_for("the old one to come back", lambda: host.run(
            "reload", "--config", "-c", host.ini).returncode == 0)
        host.ready("keep", "old")
        self.assertEqual(self.connects(host, "keep"), 1)
        self.assertEqual(host.stop(), 0)

    def test_a_slow_tail_prints_all_of_a_bot_that_goes_and_of_a_drey_that_stops(self):
        sim = self.sim("--rate", 2000)
        keep = {"token": "keep", "rest_url": sim.rest, "intents": "auto +GUILD_PRESENCES +GUILD_MEMBERS"}
        host = self.host({"keep": keep, "old": dict(keep, token="old")})
        host.start().ready("keep", "old")
        tails = {name: subprocess.Popen([DREY, "tail", "-c", host.ini, "--bot", name],
                                        stdout=append(f"{host.log}.{name}"), stderr=subprocess.DEVNULL)
                 for name in ("keep", "old")}
        for name, tail in tails.items():
            self.addCleanup(tail.kill)
            wait_for("the tail", lambda name=name: read(f"{host.log}.{name}"))
            tail.send_signal(signal.SIGSTOP)

        def seqs():
            return {name: host.bot(name)["shards"][0]["seq"] for name in tails}
        first = seqs()
        wait_for("more events than a tail prints at once",
                 lambda: all(seqs()[name] > first[name] + 1500 for name in tails))
        sim.ask("POST", "/rate", "0")
        wait_for("the shards to have every event", lambda: sorted(seqs().values()) == sorted(
            bot["shards"][0]["last_seq"] for bot in sim.status()["bots"]))
        last = seqs()
        self.write(host, bot_keep=keep)
        self.reload(host)
        self.assertEqual(host.stop(), 0)
        for name, tail in tails.items():
            tail.send_signal(signal.SIGCONT)
            self.assertEqual(tail.wait(60), 0)
            lines = [line.split(" ") for line in read(f"{host.log}.{name}").splitlines()]
            seen = [int(words[2]) for words in lines]
            self.assertEqual(seen, list(range(seen[0], last[name] + 1)))

    def test_a_new_token_arms_a_dead_bot_again(self):
        dying = self.sim("--rate", 100)
        living = self.sim("--rate", 100)
        a = {"token": "first", "rest_url": dying.rest}
        b = {"token": "b", "rest_url": living.rest}
        out = os.path.join(self.directory, "out.txt")
        host = self.host({"a": a, "b": b}, plugins=["recorder"],
                         sections=f"[plugin:recorder@a]\n{writes(out)}"
                                  f"[plugin:recorder@b]\n{writes(f'{out}.b')}")
        host.start().ready("a", "b")
        dying.fault("revoke")
        wait_for("the bot to be out of service", lambda: host.bot("a")["state"] == "failed")
        generation = host.plugin("recorder", "a")["generation"]
        sections = {"plugin_recorder@a": {"file": out}, "plugin_recorder@b": {"file": out + ".b"}}
        self.write(host, bot_a=dict(a, token="second"), bot_b=b, **sections)
        told = self.reload(host)
        self.assertIn("bot a  token changed: connecting anew", told)
        host.ready("a", "b")
        before = len(read(out))
        wait_for("events of the new session", lambda: len(read(out)) > before)
        self.assertEqual(self.connects(host, "b"), 1)
        self.assertEqual(host.plugin("recorder", "a")["generation"], generation)
        self.assertEqual(host.stop(), 0)

    def test_a_dead_bot_is_tried_again_with_the_same_section(self):
        sim = self.sim("--privileged", "")
        sim.fault("route applications/@me rest-status 503")  # or it would not ask for them
        other = self.sim()
        a = {"token": "a", "rest_url": sim.rest, "intents": "GUILDS GUILD_MEMBERS"}
        b = {"token": "b", "rest_url": other.rest}
        host = self.host({"a": a, "b": b}).start().ready("b")
        wait_for("4014", lambda: host.bot("a")["state"] == "failed")
        self.assertIn("bot a  out of service before: connecting anew", self.reload(host))
        wait_for("4014 again", lambda: host.bot("a")["state"] == "failed")
        self.write(host, bot_a=dict(a, intents="GUILDS"), bot_b=b)
        self.assertIn("bot a  intents changed: connecting anew", self.reload(host))
        host.ready("a", "b")
        self.assertEqual(self.connects(host, "b"), 1)

    def test_a_reload_does_not_ask_before_discord_wants_to_be_asked(self):
        asked = []

        class Limited(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.headers["Authorization"])
                text = b'{"message": "You are being rate limited.", "retry_after": 3600.0, "global": false}'
                self.send_response(429)
                self.send_header("Via", "1.1 google")  # without it, it would be a ban of the address
                self.send_header("Content-Type", "application/json")
                self.send_header("Retry-After", "3600")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Limited)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sim = self.sim()
        a = {"token": "a", "rest_url": f"http://127.0.0.1:{server.server_port}/api/v10"}
        b = {"token": "b", "rest_url": sim.rest}
        host = self.host({"a": a, "b": b}).start().ready("b")
        host.logged("answered 429; trying again in 3600.0 s")

        def waits():
            bot = host.bot("a")
            return bot["state"] == "starting" and "may not ask" in bot["why"]
        for compress in ("none", "zlib-stream", "none"):
            self.write(host, bot_a=dict(a, compress=compress), bot_b=b)
            self.assertIn("bot a  compress changed: connecting anew", self.reload(host))
            wait_for("the bot to be armed again", waits)
        self.assertEqual(asked, ["Bot a"])
        self.write(host, bot_a=dict(a, token="other"), bot_b=b)
        self.reload(host)
        wait_for("the other token's question", lambda: len(asked) == 2)
        self.assertEqual(asked, ["Bot a", "Bot other"])
        self.assertEqual(host.stop(), 0)

    def test_a_bad_file_changes_nothing_and_says_why(self):
        sim = self.sim("--rate", 50)
        a = {"token": "a", "rest_url": sim.rest}
        recorder = {"file": os.path.join(self.directory, "out.txt")}
        host = self.host({"a": a}, plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(recorder['file'])}")
        host.start().ready("a")
        rows = [
            ({"bot_a": dict(a, intent="auto"), "bot_b": {"token": "b", "rest_url": sim.rest}},
             "unknown key 'intent' in [bot:a]"),
            ({"bot_a": a, "bot_b": {"token_file": "nothing.here", "rest_url": sim.rest}},
             "No such file or directory"),
            ({"bot_b": dict(a, ring_size="1 MiB"), "bot_a": dict(a, ring_size="1 MiB")},
             "the same token as bot"),
            ({"bot_a": dict(a, ring_size="1 MiB")}, "read at start only"),
            ({"drey": "", "bot_a": dict(a, plugins="recordre")}, "did you mean 'recorder'?"),
            ({"bot_a": a, "plugin_recorder": {"path": "out.txt"}},
             "plugin recorder would not start for bot a"),
            ({}, "there is no bot in it"),
        ]
        for sections, why in rows:
            self.write(host, **sections)
            told = self.reload(host, status=1)
            self.assertIn(why, told)
            self.assertIn("nothing was changed", told)
        os.unlink(host.ini)
        os.mkdir(host.ini)
        answer = host.run("reload", "--config", "--control", host.control)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("nothing was changed", answer.stdout)
        os.rmdir(host.ini)
        self.write(host, bot_a=a, plugin_recorder=recorder)
        self.assertIn("nothing changed", self.reload(host))
        self.assertEqual([b["name"] for b in host.status()["bots"]], ["a"])
        self.assertEqual(self.connects(host, "a"), 1)
        self.assertEqual(host.plugin("recorder")["generation"], 1)
        self.assertEqual(host.stop(), 0)

    def test_plugin_lists_and_settings_change_without_a_reconnect(self):
        sim = self.sim("--rate", 500)
        out = os.path.join(self.directory, "out.txt")
        a = {"token": "a", "rest_url": sim.rest, "intents": "auto +GUILDS"}
        b = {"token": "b", "rest_url": sim.rest, "intents": "auto +GUILDS", "plugins": "recorder"}
        files = {"plugin_recorder@a": {"file": out + ".a"}, "plugin_recorder@b": {"file": out + ".b"}}
        host = self.host({"a": a, "b": b}, plugins=["recorder", "counter"],
                         sections=f"[plugin:recorder@a]\n{writes(f'{out}.a')}"
                                  f"[plugin:recorder@b]\n{writes(f'{out}.b')}")
        host.start().ready("a", "b")
        self.assertIsNone(host.plugin("counter", "b"))
        self.write(host, bot_a=dict(a, plugins="recorder"), bot_b=dict(b, plugins="*"),
                   plugin_counter={"every": "100"}, **files)
        self.reload(host)
        self.assertIsNone(host.plugin("counter", "a"))
        self.assertEqual(host.plugin("counter", "b")["state"], "running")
        wait_for("the setting to hold", lambda: "counter" in read(host.log))
        generation = host.plugin("counter", "b")["generation"]
        self.write(host, bot_a=dict(a, plugins="recorder"), bot_b=dict(b, plugins="*"),
                   plugin_counter={"every": "200"}, **files)
        self.assertIn("counter", self.reload(host))
        self.assertEqual(host.plugin("counter", "b")["generation"], generation + 1)
        self.assertEqual(host.plugin("recorder", "b")["generation"], 1)
        self.assertEqual((self.connects(host, "a"), self.connects(host, "b")), (1, 1))
        # nobody lost an event over it
        self.assertEqual(host.stop(), 0)
        for name in "ab":
            seqs = recorded(out + "." + name)[0]
            self.assertEqual(seqs, list(range(seqs[0], seqs[0] + len(seqs))))

    def test_a_bot_changes_its_shards_and_goes_on_with_its_plugins(self):
        sim = self.sim("--rate", 200, "--max-concurrency", 4)
        out = os.path.join(self.directory, "out.txt")
        a = {"token": "a", "rest_url": sim.rest, "overflow_wait": "5s"}
        recorder = {"plugin_recorder": {"file": out}}
        host = self.host({"a": a}, plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(out)}").start().ready("a")
        wait_for("events", lambda: len(recorded(out).get(0, [])) > 100)
        # what the session does not notice is resumed
        self.write(host, bot_a=dict(a, overflow_wait="6s"), **recorder)
        self.assertIn("overflow_wait changed: connecting anew", self.reload(host))
        wait_for("the resume", lambda: sim.status()["resumes"] == 1)
        host.ready("a")
        before = len(recorded(out)[0])
        wait_for("more events", lambda: len(recorded(out)[0]) > before + 100)
        seqs = recorded(out)[0]
        self.assertEqual(seqs, list(range(1, 1 + len(seqs))))
        self.write(host, bot_a=dict(a, shards="2"), **recorder)
        self.assertIn("shards", self.reload(host))
        host.ready("a")
        wait_for("events of the second shard", lambda: len(recorded(out).get(1, [])) > 10)
        self.assertEqual(host.plugin("recorder")["generation"], 1)
        self.assertEqual(host.stop(), 0)

    def test_corrected_settings_reach_a_plugin_that_was_refused(self):
        sim = self.sim()
        out = os.path.join(self.directory, "out.txt")
        a = {"token": "a", "rest_url": sim.rest, "intents": "GUILDS GUILD_MESSAGES"}
        host = self.host({"a": a}, plugins=["recorder"]).start().ready("a")
        self.assertEqual(host.plugin("recorder")["state"], "refused")
        self.write(host, bot_a=a, plugin_recorder={"path": out})
        self.assertIn("plugin recorder would not start", self.reload(host, status=1))
        self.write(host, bot_a=a, plugin_recorder={"file": out})
        self.assertIn("recorder  1.0.0  loaded for 1 bot", self.reload(host))
        self.assertEqual(host.plugin("recorder")["state"], "running")

    def test_intents_that_are_lacking_are_found_before_and_the_advice_works(self):
        sim = self.sim("--rate", 100)
        a = {"token": "a", "rest_url": sim.rest, "plugins": "*, !counter"}
        host = self.host({"a": a}, plugins=["counter"]).start().ready("a")
        self.write(host, bot_a=dict(a, plugins="counter"))
        told = self.reload(host, status=1)
        self.assertRegex(told, "plugin counter would not start for bot a .* needs GUILD_MESSAGES")
        self.assertIn("nothing was changed", told)
        self.write(host, bot_a=dict(a, plugins="counter",
                                    intents="auto +GUILD_MESSAGES +DIRECT_MESSAGES"))
        self.assertIn("counter  1.0.0  loaded for 1 bot", self.reload(host))
        host.ready("a")
        wait_for("messages", lambda: host.plugin("counter")["handled"] > 3)

    def test_settings_that_came_while_a_handler_ran_hold_in_the_end(self):
        sim = self.sim()
        out = os.path.join(self.directory, "slow.log")
        a = {"token": "a", "rest_url": sim.rest, "intents": "auto +MESSAGE_CONTENT"}
        slow = {"file": out, "allow_write": out + ".a", "ms": "7000"}
        host = self.host({"a": a}, sections=f"[plugin:slow]\n{writes(out, '.a')}ms = 7000\n")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "slow.so"), host.plugin_dir)
        host.start().ready("a")
        sim.ask("POST", "/say", '{"text":"hello"}')
        wait_for("the handler to run", lambda: read(out + ".a"))
        a["presence"] = "idle"
        self.write(host, bot_a=a, plugin_slow=dict(slow, ms="0"))
        self.assertIn("slow  REFUSED", self.reload(host, status=1))
        host.logged(r"error configuration: slow  REFUSED")
        host.logged(r"info +configuration: bot a  presence changed")  # that succeeded
        wait_for("the handler to end", lambda: "end" in read(out + ".a"))
        answer = host.run("reload", "-c", host.ini)  # would be by itself with watch = on
        self.assertIn("gen 1 → 2", answer.stdout)
        self.assertIn("nothing changed", self.reload(host))
        self.assertEqual(host.plugin("slow")["error"], "")

    def test_a_token_that_was_away_for_a_while_is_taken_again(self):
        sim = self.sim("--token", "good")
        token = os.path.join(self.directory, "a.token")

        def put(text):
            with open(token, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(token, 0o600)
        put("wrong")
        a = {"token_file": token, "rest_url": sim.rest}
        b = {"token": "good", "rest_url": sim.rest}
        host = self.host({"a": a, "b": b}).start().ready("b")
        wait_for("the bot to be refused", lambda: host.bot("a")["state"] == "failed")
        os.unlink(token)
        self.assertIn("No such file", self.reload(host, status=1))
        put("wrong")
        self.assertIn("bot a  token changed: connecting anew", self.reload(host))
        self.assertEqual(self.connects(host, "b"), 1)

    def test_what_cannot_be_done_in_one_step_is_explained(self):
        sim = self.sim()
        a = {"token": "a", "rest_url": sim.rest}
        host = self.host({"a": a}).start().ready("a")
        self.write(host, bot_renamed=a)
        self.assertIn("bot renamed: bot a has its token: take that one out", self.reload(host, 1))
        self.write(host, bot_b={"token": "a", "rest_url": sim.rest, "ring_size": "64 GiB"})
        self.assertIn("nothing was changed", self.reload(host, 1))
        self.assertEqual(host.bot("a")["state"], "ready")

    def test_a_file_that_anybody_may_write_to_is_not_run_for_a_try_either(self):
        sim = self.sim()
        a = {"token": "a", "rest_url": sim.rest, "plugins": "*, !recorder"}
        host = self.host({"a": a}, plugins=["recorder"]).start().ready("a")
        os.chmod(os.path.join(host.plugin_dir, "recorder.so"), 0o777)
        self.write(host, bot_a=dict(a, plugins="recorder"))
        told = self.reload(host, status=1)
        self.assertIn("plugin recorder would not start", told)
        self.assertIn("anybody may write to it: chmod o-w", told)

    def test_a_section_without_its_plugin_is_a_warning_everywhere_and_stops_no_change(self):
        sim = self.sim()
        a = {"token": "a", "rest_url": sim.rest, "intents": "GUILDS GUILD_MESSAGES"}
        host = self.host({"a": a}, plugins=["ping", "recorder"], sections="[plugin:gone]\nx = 1\n")
        recorder = os.path.join(host.plugin_dir, "recorder.so")
        os.chmod(recorder, 0o777)
        gone = (r"drey\.ini:\d+:1: warning: \[plugin:gone\]: no such plugin in "
                + host.plugin_dir + r"; the section has no effect\n.*\n.*\(found: ping, recorder\)")
        host.start().ready("a")
        self.assertRegex(read(host.log), gone)
        self.write(host, bot_a=dict(a, presence="idle"), plugin_gone={"x": "2"})
        told = self.reload(host)
        self.assertRegex(told, gone)
        self.assertIn("bot a  presence changed", told)
        self.assertNotIn("recorder", self.reload(host).replace("(found: ping, recorder)", ""))
        # what lies there and is refused says why, and stops no change either
        refused = (r"warning: \[plugin:recorder\] has no effect: .*recorder\.so is refused: "
                   r"anybody may write to it")
        self.write(host, bot_a=a, plugin_recorder={"file": os.path.join(self.directory, "out")})
        told = self.reload(host)
        self.assertRegex(told, refused)
        self.assertIn("bot a  presence changed", told)
        told = self.reload(host)
        self.assertRegex(told, refused)
        self.assertIn("nothing changed", told)
        check = host.run("check", "-c", host.ini)
        self.assertEqual(check.returncode, 78)
        self.assertRegex(check.stderr, refused)
        self.assertIn("1 error, 1 warning", check.stderr)
        os.chmod(recorder, 0o700)
        self.assertIn("recorder  1.0.0  loaded for 1 bot", host.run("reload", "-c", host.ini).stdout)
        self.write(host, bot_a=a, plugin_gone={"x": "2"})
        os.unlink(recorder)
        check = host.run("check", "-c", host.ini)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertIn("0 errors, 1 warning", check.stderr)
        self.assertEqual(self.connects(host, "a"), 1)

    def test_an_earlier_directory_hides_a_later_one_at_once(self):
        sim = self.sim()
        a = {"token": "a", "rest_url": sim.rest, "intents": "auto +GUILD_MESSAGES +DIRECT_MESSAGES"}
        host = self.host({"a": a}, plugins=["counter"]).start().ready("a")
        over = os.path.join(self.directory, "over")
        os.mkdir(over)
        shutil.copy(os.path.join(host.plugin_dir, "counter.so"), over)
        with open(os.path.join(over, "counter.so"), "ab") as file:
            file.write(b"\0")  # another content, for the eye
        place = host.plugin_dir
        host.plugin_dir = over + ":" + place
        self.write(host, bot_a=a)
        self.assertIn("gen 1 → 2", self.reload(host))
        self.assertEqual(host.plugin("counter")["path"], over + "/counter.so")
        host.plugin_dir = place
        self.write(host, bot_a=a)
        self.reload(host)
        self.assertEqual(host.plugin("counter")["path"], place + "/counter.so")

    def test_sighup_does_the_same_and_the_presence_is_sent(self):
        sim = self.sim()
        a = {"token": "a", "rest_url": sim.rest}
        host = self.host({"a": a}).start().ready("a")
        self.write(host, bot_a=dict(a, presence="idle, watching \"the tree\""))
        host.process.send_signal(signal.SIGHUP)
        host.logged(r"info +configuration: bot a  presence changed")
        wait_for("op 3", lambda: sim.status()["presence_updates"] == 1)
        self.assertEqual(self.connects(host, "a"), 1)
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write("[bot:a\n")
        host.process.send_signal(signal.SIGHUP)
        host.logged(r"error configuration: nothing was changed")
        host.alive()
        status = host.run("status", "--control", host.control, "--json")
        self.assertEqual(json.loads(status.stdout)["bots"][0]["state"], "ready")

    def test_a_file_that_is_being_edited_still_tells_where_drey_listens(self):
        sim = self.sim()
        host = self.host({"a": {"token": "a", "rest_url": sim.rest}}).start().ready("a")
        with open(host.ini, "a", encoding="utf-8") as file:
            file.write("[bot:b]\ntokn = ")
        answer = host.run("status", "-c", host.ini)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("has errors (see drey check); asking the drey at", answer.stderr)


if __name__ == "__main__":
    main()
