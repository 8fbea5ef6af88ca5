"""tests/e2e/test_replay.py: a plugin is tested without Discord: differences are shown, crashes are
told with their step, a debugger starts at one; and what really happened becomes such a test, without
anything in it that says to whom."""
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from acting import ACTORS, ActCase
from harness import DREY, PLUGINS, Case, main, read, wait_for

STAGEHAND = os.path.join(ACTORS, "stagehand.so")
POLL = os.path.join(PLUGINS, "poll.so")


class Replay(Case):
    def file(self, *lines, name="a.replay"):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(("drey replay 1",) + lines) + "\n")
        return path

    def replay(self, *words, plugin=STAGEHAND, text=None, **env):
        return subprocess.run([DREY, "replay", "--plugin", plugin, *words], capture_output=True,
                              text=True, timeout=120, check=False, input=text,
                              env=dict(os.environ, **env))

    def test_passes(self):
        done = self.replay(self.file("command /cool", 'expect reply "cool"'))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("0 failed, 1 passed", done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_a_difference_is_shown_line_by_line(self):
        path = self.file("command /cool", 'expect reply {content: "warm"}', "command /cool as bob",
                         "expect edit", "command /cool as carl")
        done = self.replay(path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r'(?m)^ +-   content: "warm"$')
        self.assertRegex(done.stdout, r'(?m)^ +\+   content: "cool"$')
        self.assertIn(f"{path}:3:", done.stdout)
        self.assertRegex(done.stdout, r"expected +edit\n +got +reply \{content: \"cool\"\}")
        self.assertIn("nobody expected", done.stdout)
        self.assertIn("3 failed, 0 passed", done.stdout)
        self.assertIn("--gdb --from 1", done.stdout)

    def test_a_crash_is_told_with_its_step(self):
        path = self.file("command /cool", "expect reply", "command /crash", "command /cool as bob")
        done = self.replay(path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"#2 +command /crash +FAILED\n.*:4: (the plugin crashed: \w|"
                         r"the process ended here with status [1-9])")  # so a sanitizer ends it
        self.assertIn("1 failed, 1 passed", done.stdout)
        rows = [json.loads(line) for line in self.replay(path, "--json").stdout.splitlines()]
        self.assertEqual([row["ok"] for row in rows[:-1]], [True])
        self.assertEqual((rows[-1]["step"], rows[-1]["line"], rows[-1]["failed"]), (2, 4, 1))
        done = self.replay(self.file("command /exit"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("ended here with status 0", done.stdout)

    def test_a_plugin_that_never_rests_ends_all_the_same(self):
        done = self.replay(self.file("command /busy", "expect reply"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("never comes to rest", done.stdout)

    def test_a_plugin_that_hangs_is_ended(self):
        path = self.file("command /cool", "expect reply", "command /hang")
        done = self.replay(path, "--timeout", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{path}:4: the plugin did not return within 3 s", done.stdout)

    def test_what_the_host_would_refuse_fails(self):
        done = self.replay(self.file("command /twice", "expect reply"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("answered twice", done.stdout)
        done = self.replay(self.file("command /never"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("no answer within 3 s", done.stdout)

    def test_a_load_that_the_host_would_refuse_is_told(self):
        path = self.file("config many = yes", "command /cool", "expect reply", "config many = no")
        done = self.replay(path)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"the plugin is refused: \d+ slash commands .* Discord takes 100")
        path = self.file("command /cool", "expect reply", "config many = yes", "reload",
                         "command /cool as bob", "expect reply")
        done = self.replay(path)
        self.assertIn("1 failed, 2 passed", done.stdout)

    def test_steps_before_the_one_asked_for_are_not_shown(self):
        path = self.file("command /cool", "expect reply", "command /cool as bob", "expect reply",
                         "command /cool as carl", "expect edit")
        shown = self.replay(path, "--from", "2").stdout
        self.assertEqual(re.findall(r"(?m)^  #(\d)", shown), ["2", "3"])
        log = self.replay(self.file("command /never"), "-v").stdout
        self.assertIn("nothing to say to", log)

    def test_statuses(self):
        self.assertEqual(self.replay().returncode, 2)
        self.assertEqual(self.replay("--from", "x", "f").returncode, 2)
        self.assertEqual(self.replay(os.path.join(self.directory, "none")).returncode, 78)
        done = self.replay(self.file("expect repli"))
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"a\.replay:2:8: error: .*did you mean 'reply'")
        good = self.file("command /cool", "expect reply", name="good.replay")
        done = self.replay(good, plugin=good)
        self.assertEqual(done.returncode, 78)
        done = self.replay(good, self.file("command /cool", "expect edit", name="bad.replay"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("2 files: 1 failed, 1 passed", done.stdout)

    def test_update_makes_it_true_and_leaves_the_rest(self):
        path = self.file("# kept", "command /cool   # and this", 'expect reply {content: "warm"}',
                         "answer 200 {}", "", "command /cool as bob", "", "command /twice",
                         "expect fault ~\"twice\"", "expect edit", "answer 500")
        os.chmod(path, 0o640)
        self.assertEqual(self.replay(path, "--update").returncode, 1)
        self.assertEqual(read(path).splitlines(), [
            "drey replay 1", "# kept", "command /cool   # and this", 'expect reply {content: "cool"}',
            "answer 200 {}", "", "command /cool as bob", 'expect reply {content: "cool"}', "",
            "command /twice", "expect fault ~\"twice\"", 'expect reply {content: "once"}',
            "answer 500"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        done = self.replay(path)
        self.assertEqual(done.returncode, 0, done.stdout)
        before = read(path)
        self.assertEqual(self.replay(path, "--update").returncode, 0)
        self.assertEqual(read(path), before)

    def test_the_configuration_gives_keys_and_finds_the_plugin(self):
        ini = os.path.join(self.directory, "drey.ini")
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[drey]\nplugin_dir = {os.path.abspath(PLUGINS)}\nstate_dir = {self.directory}/state\n"
                       "[bot:a]\ntoken = x\n[bot:b]\ntoken = y\n"
                       "[plugin:welcome]\nchannel = 4711\n[plugin:welcome@b]\ntext = Hi {user}\n")
        path = self.file("plugin welcome", "join as ann",
                         'expect POST /channels/4711/messages {content: "Hi <@${ann}>"}')
        for bot, status in (("b", 0), ("a", 1)):
            done = subprocess.run([DREY, "replay", "-c", ini, "--bot", bot, path],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)

    def test_nothing_is_left_behind(self):
        path = self.file("command /crash")
        tmp = os.path.join(self.directory, "t")
        os.mkdir(tmp)
        self.replay(path, TMPDIR=tmp)
        self.assertEqual(os.listdir(tmp), [])
        path = self.file("command /cool", "expect reply", "command /hang", name="b.replay")
        child = subprocess.Popen([DREY, "replay", "--plugin", STAGEHAND, path], text=True,
                                 stdout=subprocess.PIPE, start_new_session=True,
                                 env=dict(os.environ, TMPDIR=tmp))
        for line in child.stdout:
            if "#1" in line:  # the next step hangs
                break
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        self.assertEqual(child.wait(60), -signal.SIGINT)
        child.stdout.close()
        self.assertEqual(os.listdir(tmp), [])

    @unittest.skipUnless(shutil.which("gdb"), "there is no gdb")
    def test_a_debugger_starts_at_a_step(self):
        path = self.file("command /cool", "expect reply", "command /crash")
        done = self.replay(path, "--gdb", "--from", "2",
                           text="bt\nbreak on_crash\ncontinue\ncontinue\nbt\nkill\nquit\n",
                           TMPDIR=self.directory, DEBUGINFOD_URLS="", ASAN_OPTIONS="detect_leaks=0")
        shown = done.stdout
        if "ptrace" in done.stderr + shown:
            self.skipTest("this machine lets nobody trace")
        self.assertRegex(shown, r"run_stop \(step=(step@entry=)?2\)")
        crash = shown.index("SIGSEGV")
        self.assertIn("on_crash", shown[crash:])


class Record(ActCase):
    SECRETS = ("Grandmother's birthday", "drey-sim", "Tea or coffee")

    def begin(self):
        self.stage(plugins=(), examples=("poll", "counter"), drey="")
        self.published()

    def record(self, *words):
        return self.box.run("record", "-c", self.box.ini, "--bot", "main", *words)

    def happen(self):
        """A person writes, and asks: what there was to be seen, and the ids in it."""
        self.person.say("Grandmother's birthday")
        answer = self.person.command('/poll question:"Tea or coffee?" first:Tea second:Coffee')
        self.assertNotIn("error", answer)
        done = wait_for("both events in the ring", lambda: self.full())
        ids = set(re.findall(r"\d{17,20}", done))
        self.assertGreater(len(ids), 5)
        return ids

    def full(self):
        done = self.record("--content", "--keep-ids")
        text = done.stdout
        return text if "Grandmother" in text and "Tea or coffee" in text else None

    def test_what_happened_becomes_a_test_that_tells_nothing(self):
        self.begin()
        ids = self.happen()
        done = self.record("--plugin", "poll", "--event", "MESSAGE_CREATE", "--event",
                           "INTERACTION_CREATE")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout
        self.assertTrue(text.startswith("drey replay 1\n"))
        for what in self.SECRETS + tuple(ids):
            self.assertNotIn(what, text)
        users = re.findall(r'author: \{[^}]*\bid: "(\d+)"', text.replace("\n", " "))
        self.assertEqual(len(set(users)), len(set(re.findall(
            r'author: \{[^}]*\bid: "(\d+)"', self.full().replace("\n", " ")))))
        path = os.path.join(self.directory, "bug.replay")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        replay = [DREY, "replay", "--plugin", POLL, path]
        done = subprocess.run(replay + ["--update"], capture_output=True, text=True, check=False)
        self.assertIn("expect reply", read(path), done.stdout + done.stderr)
        done = subprocess.run(replay, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_contents_and_ids_stay_when_asked_for(self):
        self.begin()
        self.happen()
        text = self.record("--content").stdout
        self.assertIn("Grandmother's birthday", text)
        self.assertNotIn("a-token-that-no-log-may-show", text)
        last = self.record("--last", "1", "--event", "INTERACTION_CREATE", "--content")
        self.assertEqual(last.stdout.count("\nevent "), 1)
        self.assertIn("Tea or coffee", last.stdout)
        self.assertEqual(self.record("--to", "1h").returncode, 1)
        self.assertEqual(self.record("--event", "NO_SUCH").returncode, 2)

    def test_a_stopped_host_has_left_its_ring(self):
        self.begin()
        self.happen()
        self.assertEqual(self.box.stop(), 0)
        text = self.record("--event", "INTERACTION_CREATE").stdout
        self.assertIn("event INTERACTION_CREATE", text)
        self.assertIn('custom_id' if 'custom_id' in text else 'name: "poll"', text)

    def test_following_goes_on_until_the_host_ends(self):
        self.begin()
        out = os.path.join(self.directory, "live.replay")
        with open(out, "w", encoding="utf-8") as file:
            follower = subprocess.Popen([DREY, "record", "-c", self.box.ini, "--bot", "main", "-f",
                                         "--last", "1", "--content"],
                                        stdout=file, stderr=subprocess.DEVNULL)
        try:
            wait_for("the follower to write", lambda: "\nevent " in read(out))
            self.person.say("said while it follows")
            wait_for("what came", lambda: "said while it follows" in read(out))
            self.box.stop()
            self.assertEqual(follower.wait(60), 0)
        finally:
            follower.kill()
            follower.wait()


if __name__ == "__main__":
    main()
