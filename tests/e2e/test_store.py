"""tests/e2e/test_store.py: what a plugin keeps survives reloads, restarts and kill -9, with nothing
counted twice; calls at a later time that were missed or cut short come once, and say so; `drey kv`
looks into it all, with the host and without."""
import json
import os
import random
import re
import shutil
import subprocess
import time

from acting import ActCase
from harness import BUILD, DREY, Case, main, read, wait_for, writes

KILLS = int(os.environ.get("DREY_E2E_KILLS", "5"))
RATE = int(os.environ.get("DREY_E2E_RATE", "500"))
SEED = int(os.environ.get("DREY_E2E_SEED", str(random.randrange(10**9))))
MOMENT_S = 0.8


class Store(Case):
    def teller(self, sim, which="teller", **keys):
        """A host with the counting plugin and these keys."""
        self.file = os.path.join(self.directory, "calls.log")
        section = f"[plugin:teller]\n{writes(self.file)}"
        section += "".join(f"{key} = {value}\n" for key, value in keys.items())
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "plugins": "teller"}},
                         sections=section)
        self.put(host, which)
        return host

    def put(self, host, which):
        beside = os.path.join(host.plugin_dir, ".new")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", which + ".so"), beside)
        os.rename(beside, os.path.join(host.plugin_dir, "teller.so"))

    def kv(self, host, *words, status=0, stdin=None):
        done = subprocess.run([DREY, "kv", *words, "-c", host.ini], capture_output=True,
                              text=True, check=False, input=stdin, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def count(self, host, key):
        done = subprocess.run([DREY, "kv", "get", "main", "teller", key, "-c", host.ini],
                              capture_output=True, text=True, check=False, timeout=60)
        return int(done.stdout) if done.returncode == 0 else 0

    def calls(self, name):
        """The lines of its calls as [(due, flags)]."""
        rows = [line.split(" ") for line in read(self.file).splitlines()]
        return [(int(row[2]), row[3]) for row in rows if row[0] == name]

    def database(self, host):
        return os.path.join(host.state, "main", "plugins", "teller.db")

    def test_kill_9_counts_every_event_once(self):
        chance = random.Random(SEED)
        sim = self.sim("--rate", RATE, "--shards", 2, "--max-concurrency", 16,
                       "--replay", 1000000)
        host = self.teller(sim, linger_us=200).start().ready("main")
        for i in range(KILLS):
            if i % 2 == 0:
                host.ready("main")
                before = self.count(host, "events 0")
                wait_for("events to be counted",
                         lambda: self.count(host, "events 0") > before + 20)
            if i == 0:
                self.assertEqual(host.run("reload", "teller", "-c", host.ini).returncode, 0)
            time.sleep(chance.uniform(0, MOMENT_S))
            host.alive()
            host.kill()
            host.start()
        host.ready("main")
        sim.ask("POST", "/rate", "0")
        there = {s["shard"]: s["last_seq"] for s in sim.status()["bots"][0]["shards"]}
        wait_for("all events of the simulator", lambda: all(
            there[s["id"]] == s["seq"] for s in host.bot("main")["shards"]))
        wait_for("the plugin to catch up", lambda: host.plugin("teller")["lag_bytes"] == 0)
        self.assertEqual(host.stop(), 0)
        counted = [self.count(host, f"events {shard}") for shard in (0, 1)]
        print(f"seed {SEED}: {KILLS} kills, {sum(counted)} events counted", flush=True)
        self.assertEqual(counted, [there[0], there[1]])
        self.assertEqual(self.count(host, "gaps"), 0)
        self.assertEqual(os.stat(self.database(host)).st_mode & 0o777, 0o600)

    def test_a_call_that_was_missed_comes_once_and_late(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim, every_ms=1000).start().ready("main")
        wait_for("the first call", lambda: self.calls("tick"))
        self.assertEqual(host.run("reload", "teller", "-c", host.ini).returncode, 0)
        wait_for("one more", lambda: len(self.calls("tick")) >= 2)
        self.assertEqual(host.stop(), 0)
        before = self.calls("tick")
        self.assertEqual([flags for _, flags in before if flags], [])
        wait_for("three to be missed", lambda: time.time() * 1000 > before[-1][0] + 3500)
        host.start().ready("main")
        wait_for("calls after it", lambda: len(self.calls("tick")) >= len(before) + 3)
        after = self.calls("tick")[len(before):]
        self.assertEqual(after[0], (before[-1][0] + 1000, "late"))  # the first one missed
        self.assertEqual([flags for _, flags in after[1:] if flags], [])
        dues = [due for due, _ in self.calls("tick")]
        self.assertEqual(len(set(dues)), len(dues))
        self.assertEqual({due % 1000 for due in dues}, {dues[0] % 1000})  # the phase stays
        self.assertGreater(after[1][0], after[0][0] + 1000)  # the others missed are left out

    def test_a_call_that_was_cut_short_comes_again(self):
        sim = self.sim("--rate", 0)
        hold = os.path.join(self.directory, "hold")
        host = self.teller(sim, slow=1, hold=hold).start()
        wait_for("the call", lambda: self.calls("slow"))
        self.assertIn("under way", self.kv(host, "schedules", "main", "teller"))
        host.kill()
        host.start()
        wait_for("the call again", lambda: len(self.calls("slow")) == 2)
        host.ready("main")
        with open(hold, "w", encoding="utf-8"):
            pass
        wait_for("its end", lambda: self.kv(host, "schedules") == "")
        host.kill()
        host.start().ready("main")
        self.assertEqual(host.stop(), 0)
        first, again = self.calls("slow")
        self.assertEqual(first[0], again[0])
        self.assertNotIn("again", first[1])
        self.assertIn("again", again[1])

    def test_a_call_that_is_cut_short_three_times_is_given_up(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim, slow=1, hold=os.path.join(self.directory, "hold"))
        for count in (1, 2, 3):
            host.start()
            wait_for("the call", lambda n=count: len(self.calls("slow")) == n)
            host.kill()
        host.start().ready("main")
        host.logged(r"error.*teller.* call of slow 1 that was due")
        self.assertEqual(self.kv(host, "schedules"), "")
        self.assertEqual(len(self.calls("slow")), 3)
        self.assertEqual(host.stop(), 0)

    def test_a_function_that_is_gone_is_told_and_waits(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim, every_ms=1000).start().ready("main")
        wait_for("the first call", lambda: self.calls("tick"))
        self.put(host, "teller_2")
        self.assertEqual(host.run("reload", "-c", host.ini).returncode, 0)
        host.logged("1 schedules are of functions that this version does not have")
        before = len(self.calls("tick"))
        self.assertIn("no such function", self.kv(host, "schedules"))
        last = self.calls("tick")[-1][0]
        wait_for("one to be missed", lambda: time.time() * 1000 > last + 1500)
        self.assertEqual(len(self.calls("tick")), before)
        self.put(host, "teller")
        self.assertEqual(host.run("reload", "-c", host.ini).returncode, 0)
        wait_for("calls again", lambda: len(self.calls("tick")) > before + 1)
        after = self.calls("tick")[before:]
        self.assertEqual([flags for _, flags in after[:2]], ["late", ""])

    def test_a_damaged_file_is_told_and_harms_nobody(self):
        sim = self.sim("--rate", 100)
        host = self.teller(sim, every_ms=1000).start().ready("main")
        wait_for("events to be counted", lambda: self.count(host, "events 0") > 3)
        self.assertEqual(host.stop(), 0)
        with open(self.database(host), "wb") as file:
            file.write(b"this is no database" * 1000)
        host.start().ready("main")
        host.logged(r"teller.*teller\.db is damaged .*\.recover")
        self.assertIn("is damaged", self.kv(host, "list", status=1))
        host.alive()
        os.rename(self.database(host), self.database(host) + ".bad")  # as it says
        wait_for("events to be counted anew", lambda: self.count(host, "events 0") > 3)
        self.assertEqual(host.stop(), 0)

    def test_a_full_store_is_told_and_harms_nobody(self):
        sim = self.sim("--rate", 50)
        host = self.teller(sim, store_max="128K").start().ready("main")
        wait_for("events to be counted", lambda: self.count(host, "events 0") > 3)
        full = "".join(json.dumps({"guild": "1", "key": f"k{i}", "value": "x" * 4000}) + "\n"
                       for i in range(100))
        told = self.kv(host, "import", "main", "teller", stdin=full, status=1)
        self.assertIn("store_max", told)
        before = self.count(host, "events 0")
        wait_for("events to be counted all the same",
                 lambda: self.count(host, "events 0") > before + 3)
        self.assertEqual(host.stop(), 0)

    def test_kv_reads_and_writes_with_the_host_and_without(self):
        sim = self.sim("--rate", 50)
        host = self.teller(sim, every_ms=3600000)
        self.assertEqual(self.kv(host, "list"), "")
        host.start().ready("main")
        wait_for("events to be counted", lambda: self.count(host, "events 0") > 3)
        for running in (True, False):
            if not running:
                self.assertEqual(host.stop(), 0)
            self.kv(host, "set", "main", "teller", "greeting", "hé\u202e", "--guild", "7")
            self.kv(host, "set", "main", "teller", "short", "-", "--ttl", "10m", stdin="a\nb")
            self.assertEqual(self.kv(host, "get", "main", "teller", "greeting", "-g", "7"),
                             "hé\u202e")
            rows = [json.loads(line) for line in self.kv(host, "list", "--json").splitlines()]
            self.assertEqual({row["bot"] for row in rows}, {"main"})
            row = next(row for row in rows if row["key"] == "short")
            self.assertEqual((row["value"], row["guild"]), ("a\nb", "0"))
            self.assertGreater(row["expires_ms"], time.time() * 1000)
            text = self.kv(host, "list", "main", "teller", "--prefix", "greet")
            self.assertEqual(text, "main  teller  7  greeting  hé?\n")
            self.assertEqual(self.kv(host, "list", "--guild", "8"), "")
            self.assertIn("every 1 h", self.kv(host, "schedules"))
            schedule = json.loads(self.kv(host, "schedules", "main", "--json"))
            self.assertEqual((schedule["name"], schedule["cookie"], schedule["period_ms"]),
                             ("tick", "1", 3600000))
            self.kv(host, "delete", "main", "teller", "greeting", "--guild", "7")
            self.kv(host, "delete", "main", "teller", "greeting", "--guild", "7", status=4)
            self.kv(host, "get", "main", "teller", "greeting", "--guild", "7", status=4)

    def test_an_export_is_what_an_import_makes_of_it(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim)
        lines = [{"guild": "0", "key": "bytes", "base64": "AP8=", },
                 {"guild": "0", "key": "quote\"\\\n", "value": "\u00e9\"\\\n\t\u2028"},
                 {"guild": "0", "key": "text \\u0000", "value": "\\\\u0000"},
                 {"guild": "5", "key": "late", "value": "x", "expires_ms": 4102444800000}]
        lines += [{"guild": "6", "key": f"k{i:04}", "value": str(i)} for i in range(500)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self.kv(host, "import", "main", "other",
                stdin=text + '{"key":"old","value":"x","expires_ms":1}\n')
        out = self.kv(host, "export", "main", "other")
        self.assertEqual([json.loads(line) for line in out.split("\n") if line], lines)
        self.kv(host, "import", "main", "copy", stdin=out)
        self.assertEqual(self.kv(host, "export", "main", "copy"), out)
        for bad in ("{}", "[]", "nonsense", '{"key":"k"}', '{"key":"k","value":1}',
                    '{"key":"k","value":"a","base64":"AA=="}', '{"key":"k","base64":"A"}',
                    '{"key":"","value":"a"}', '{"key":"k","value":"a\\u0000b"}',
                    '{"key":"k","value":"a","guild":7}', '{"key":"k","value":"a","expires_ms":-1}'):
            told = self.kv(host, "import", "main", "other", stdin=lines_of(bad), status=1)
            self.assertIn("line 2:", told)
        self.assertEqual(self.kv(host, "export", "main", "other"), out)

    def test_an_import_that_waits_for_its_input_holds_nobody_up(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim)
        command = [DREY, "kv", "import", "main", "teller", "-c", host.ini]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as slow:
            try:
                slow.stdin.write("".join(f'{{"key":"k{i}","value":"x"}}\n' for i in range(200)))
                slow.stdin.flush()
                wait_for("the first lines to be stored", lambda: len(self.listed(host)) == 200)
                slow.stdin.write('{"key":"last","value":"x"}\n')
                slow.stdin.flush()
                self.kv(host, "set", "main", "teller", "other", "1")
                told = slow.communicate(timeout=60)[1]
            finally:
                slow.kill()
        self.assertEqual(slow.returncode, 0)
        self.assertIn("201 values stored", told)
        self.assertEqual(len(self.listed(host)), 202)

    def test_an_import_that_cannot_be_read_fails(self):
        host = self.teller(self.sim("--rate", 0))
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            done = subprocess.run([DREY, "kv", "import", "main", "teller", "-c", host.ini],
                                  stdin=folder, capture_output=True, text=True, check=False,
                                  timeout=60)
        finally:
            os.close(folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be read", done.stderr)

    def listed(self, host):
        """Nothing as long as there is no store."""
        done = subprocess.run([DREY, "kv", "list", "main", "teller", "-c", host.ini],
                              capture_output=True, text=True, check=False, timeout=60)
        return done.stdout.splitlines() if done.returncode == 0 else []

    def test_whatever_is_not_there_is_told_with_what_is(self):
        sim = self.sim("--rate", 0)
        host = self.teller(sim)
        self.kv(host, "set", "main", "teller", "a", "1")
        self.assertIn("there are: main", self.kv(host, "list", "mian", status=1))
        self.assertIn("those that have: teller", self.kv(host, "list", "main", "tell", status=1))
        self.assertIn("no name of a plugin", self.kv(host, "get", "main", "../x", "k", status=1))
        self.assertIn("did you mean 'list'", self.kv(host, "lst", status=2))
        self.assertIn("get takes BOT PLUGIN KEY", self.kv(host, "get", "main", status=2))
        self.assertIn("--guild takes a number", self.kv(host, "list", "-g", "x", status=2))
        self.assertIn("--ttl takes a time", self.kv(host, "list", "-t", "10", status=2))
        self.assertIn("list, get, set", self.kv(host, status=2))


class Examples(ActCase):
    """The example plugins that keep things."""

    def told(self, text):
        """Waits for a message that has this in it: its text."""
        return wait_for(f"a message with {text!r}", lambda: next(
            (m["content"] for m in self.person.messages() if text in m["content"]), None))

    def whisper(self, line):
        return self.person.command(line)["message"]["content"]

    def test_a_reminder_comes_in_time_late_or_not_at_all(self):
        host = self.stage("--no-limits", plugins=(), examples=["remind"])
        self.published()
        self.assertIn("I will remind you", self.whisper("/remind in:1s text:tea"))
        self.told(": tea")
        self.assertEqual(self.whisper("/reminders"), "You have no reminders.")
        self.whisper("/remind in:1d text:tomorrow")
        self.whisper("/remind in:2s text:\"a while\"")
        shown = self.whisper("/reminders")
        self.assertRegex(shown, r"^2: <t:\d+:R> tomorrow\n3: <t:\d+:R> a while\n?$")
        self.assertEqual(host.run("reload", "-c", host.ini, "remind").returncode, 0)
        due = int(re.search(r"3: <t:(\d+)", shown)[1])
        self.assertEqual(host.stop(), 0)
        wait_for("it to be missed", lambda: time.time() > due + 2)
        host.start().ready("main")
        self.assertIn("I was away", self.told(": a while"))
        self.assertIn("no such reminder", self.whisper("/reminders cancel:9"))
        self.assertEqual(self.whisper("/reminders cancel:2"), "Taken back.")
        self.assertEqual(self.whisper("/reminders"), "You have no reminders.")
        for bad in ("soon", "10", "-5m", "0s", "400d", "9999999999999999999d"):
            self.assertIn("In which time?", self.whisper(f"/remind in:{bad} text:x"))
        self.assertEqual(host.run("kv", "list", "-c", host.ini).stdout,
                         "main  remind  -  last number  3\n")
        self.assertEqual(host.run("kv", "schedules", "-c", host.ini).stdout, "")

    def test_each_server_has_its_own_welcome(self):
        host = self.stage("--no-limits", plugins=(), examples=["welcome"],
                          bot={"intents": "auto +GUILD_MEMBERS"},
                          extra="[plugin:welcome]\ntext = Hello, {user}.\n")
        self.published()
        self.assertIn("which channel?", self.whisper("/welcome"))
        self.assertRegex(self.whisper("/welcome channel:#general"), r"In <#\d+>: Hello, \{user\}\.")
        self.assertIn("Ahoy", self.whisper('/welcome text:"Ahoy {user} on {server}!"'))
        self.assertEqual(host.stop(), 0)
        host.start().ready("main")
        self.assertIn("Ahoy", self.whisper("/welcome"))
        listed = host.run("kv", "list", "main", "welcome", "-c", host.ini).stdout
        self.assertRegex(listed, r"main  welcome  \d+  channel  \d+\n"
                                 r"main  welcome  \d+  text  Ahoy {user} on {server}!\n")
        guild = listed.split()[2]
        joined = {"guild_id": guild, "user": {"id": "81384788765712384", "username": "ann"}}
        self.simulator.ask("POST", "/event", json.dumps({"t": "GUILD_MEMBER_ADD", "d": joined}))
        self.assertRegex(self.told("Ahoy <@81384788765712384> on "), r" on (?!the server!).+!$")
        wait_for("what was kept for the answer to go", lambda: "asked" not in host.run(
            "kv", "list", "-c", host.ini).stdout)


def lines_of(bad):
    """One good line, which must not take effect, then this one."""
    return '{"key":"k0","guild":"99","value":"a"}\n' + bad + "\n"


if __name__ == "__main__":
    main()
