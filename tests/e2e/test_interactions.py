"""tests/e2e/test_interactions.py: commands, buttons, modals and autocompletion, answered well and
badly: what the user sees, what the handler is told, what stands in the log, and that no token of an
interaction leaves the file that is made for them."""
import json
import os
import re
import time

from acting import ActCase
from harness import main, read, wait_for

LOADING = 128
EPHEMERAL = 64


class Answers(ActCase):
    """One host, one simulator: what needs no other circumstances."""

    def setUp(self):
        super().setUp()
        self.stage("--no-limits")
        self.published()

    def test_every_kind_of_option_arrives(self):
        line = ('/options text:"a word" whole:-7 flag:true number:2.5 user:bob channel:help '
                'role:moderator mention:bob file:n.txt=hello')
        shown = self.person.command(line)
        self.assertEqual((shown["outcome"], shown["ephemeral"]), ("message", True))
        seen = self.seen(r"options text a word whole -7 flag 1 number 2.5 user bob channel (\d+) "
                         r"role (\d+) mention (\d+) file (\d+) missing 0$")
        self.assertTrue(all(int(number) > 0 for number in seen.groups()))

    def test_subcommands_find_their_function_or_the_whole_commands(self):
        self.assertEqual(self.person.command("/tree oak leaf name:x")["message"]["content"],
                         "a leaf")
        self.assertEqual(self.person.command("/tree root name:y")["message"]["content"],
                         "the whole tree")
        self.seen("tree leaf x$")
        self.seen("tree whole y$")

    def test_user_and_message_commands(self):
        said = self.person.say("to be quoted")
        shown = self.person.command("Quote this", type="message", target=said["id"])
        self.assertEqual(shown["message"]["content"], "to be quoted")
        self.assertTrue(self.person.command("Who is it", type="user", target="bob")["ephemeral"])
        self.seen(r"user \d{3,}$")

    def test_a_modal_is_shown_and_submitted(self):
        shown = self.person.command("/form")
        self.assertEqual((shown["outcome"], shown["modal"]["custom_id"]), ("modal", "form:7"))
        sent = self.person.ask("/submit", custom_id="form:7",
                               fields={"title": "A title", "story": "Long \"ago\""})
        self.assertEqual(sent["message"]["content"], "A title")
        self.seen('submitted form:7 title A title story Long "ago"$')

    def test_autocompletion(self):
        shown = self.person.ask("/complete", line="/fruit fruit:ap")
        self.assertEqual(shown["choices"], [{"name": "apple", "value": "apple"}])
        self.seen("typed ap$")

    def test_files_from_memory_and_from_a_descriptor(self):
        shown = self.person.command("/files")
        files = {f["filename"]: f["size"] for f in shown["message"]["attachments"]}
        self.assertEqual(files, {"memory.txt": 11, "descriptor.bin": os.path.getsize(self.attached)})
        self.seen(r"done 7 .*result 0 ")

    def test_an_answer_given_twice_is_an_error_that_names_the_handler(self):
        self.assertEqual(self.person.command("/twice")["message"]["content"], "first")
        self.seen(r"done 1 .*result 0 ")
        told = self.seen(r"done 2 .*result (-\d+) .*error (.*)$")
        self.assertRegex(told[2], r"^/twice .*actor.* answered twice")
        self.box.logged(r"warn .*/twice .*actor.* answered twice")  # the third, which nobody is told of
        self.assertEqual(len(self.person.messages()), 1)

    def test_what_is_told_of_a_reply_is_the_message(self):
        shown = self.person.command("/twice")
        self.seen(rf"done 1 .*result 0 status 200 code 0 id {shown['message']['id']} error $")

    def test_a_callback_whose_answer_got_lost_is_no_stranger(self):
        self.simulator.fault("route callback x1 rest-lose")
        self.assertEqual(self.person.command("/twice")["message"]["content"], "first")
        self.seen(r"done 1 .*result 0 ")
        self.simulator.fault("route callback x1 rest-lose")
        interaction = self.person.begin("/defer")
        self.seen(f"defer {interaction}$")
        wait_for("the retry", lambda: self.simulator.status()["rest_answers"].get("400"))
        self.person.say(f"!answer reply {interaction} 5 " + '{"content":"at last"}')
        self.seen(r"done 5 .*result 0 ")
        self.assertEqual([m["content"] for m in self.person.answers(interaction)], ["at last"])
        self.assertEqual(self.log_lines("another program"), [])

    def test_an_answer_that_comes_too_late_is_refused_here(self):
        missed = self.person.command("/silent")
        self.assertEqual(missed["outcome"], "no_response")
        self.box.logged(r"warn .*/silent .*actor.* gave no answer within 3 s, though it came back")
        before = self.person.request_count("POST /interactions/*/:/callback")
        self.person.say(f"!answer reply {missed['interaction_id']} 5 " + '{"content":"late"}')
        told = self.seen(r"done 5 .*result (-\d+) .*error (.*)$")
        self.assertRegex(told[2], r"/silent .*actor.* answered after \d+\.\d s")
        self.person.say(f"!answer reply {missed['interaction_id']} 0 " + '{"content":"late"}')
        self.box.logged(r"warn .*/silent .*actor.* answered after \d+\.\d s")
        self.assertEqual(self.person.request_count("POST /interactions/*/:/callback"), before)

    def test_who_fails_shows_a_reference_that_stands_in_the_log(self):
        shown = self.person.command("/fail")
        self.assertTrue(shown["ephemeral"])
        reference = re.search(r"\(ref ([0-9A-F]{4})\)", shown["message"]["content"])[1]
        self.box.logged(rf"error .*ref {reference}.*the \"cellar\" is flooded")

    def test_a_cooldown_is_told_by_the_host(self):
        self.assertEqual(self.person.command("/once")["message"]["content"], "the whole tree")
        again = self.person.command("/once")
        self.assertTrue(again.get("ephemeral"), again)
        self.assertNotEqual(again["message"]["content"], "the whole tree")
        self.assertEqual(len(re.findall("tree whole", read(self.seen_file))), 1)
        menu = self.person.command("once", type="user", target="bob")  # another thing of that name
        self.assertEqual(menu["message"]["content"], "that one")
        other = self.person.command("/once", **{"as": "bob"})
        self.assertEqual(other["message"]["content"], "the whole tree")

    def test_a_malformed_answer_is_refused_before_anything_is_sent(self):
        interaction = self.person.begin("/silent")
        self.seen(f"silent {interaction}$")
        self.person.say(f"!answer reply {interaction} 6 " + json.dumps({"content": "x" * 2001}))
        self.seen(r"asked 6 -\d+$")
        self.box.logged("content.*2000")
        self.person.say(f"!answer reply {interaction} 7 " + '{"content":"short"}')
        self.seen(r"done 7 .*result 0 ")


class Strangers(ActCase):
    def test_what_nobody_handles_is_said_once(self):
        host = self.stage("--no-limits", plugins=("witness",))
        self.put_elsewhere([{"name": "stranger", "description": "From elsewhere"}])
        for _ in range(3):
            self.person.begin("/stranger")
        wait_for("their time to be over", lambda: self.simulator.status()[
            "interactions_unanswered"] == 3)
        host.logged("nobody handles /stranger: no plugin that runs for this bot answers to it")
        self.assertEqual(len(self.log_lines("/stranger")), 1)


class Deferred(ActCase):
    """The host defers for a handler that takes its time."""

    def setUp(self):
        super().setUp()
        self.stage("--no-limits")
        self.published()

    def deferred(self, line):
        """Uses a command and waits for the host's deferral: the interaction's id."""
        interaction = self.person.begin(line)
        wait_for("the deferral", lambda: any(m["flags"] & LOADING
                                             for m in self.person.answers(interaction)))
        return interaction

    def test_a_reply_after_the_hosts_deferral_becomes_an_edit(self):
        interaction = self.deferred("/slow")
        self.assertEqual(self.person.answers(interaction)[0]["flags"] & EPHEMERAL, 0)
        self.person.say(f"!answer reply {interaction} 1 " + '{"content":"at last"}')
        self.seen(r"done 1 .*result 0 ")
        shown = self.person.answers(interaction)
        self.assertEqual([m["content"] for m in shown], ["at last"])
        self.assertEqual(shown[0]["flags"] & LOADING, 0)
        self.assertEqual(self.person.request_count("PATCH /webhooks/*/:/messages/@original"), 1)

    def test_another_visibility_is_a_deletion_and_a_follow_up(self):
        interaction = self.deferred("/slow")
        self.person.say(f"!answer reply {interaction} 1 " + '{"content":"psst","flags":64}')
        self.seen(r"done 1 .*result 0 ")
        shown = self.person.answers(interaction)
        self.assertEqual([(m["content"], m["ephemeral"]) for m in shown], [("psst", True)])
        self.assertEqual(self.person.request_count("DELETE /webhooks/*/:/messages/@original"), 1)
        self.assertEqual(self.person.request_count("POST /webhooks/*/:"), 1)

    def test_an_edit_of_a_whisper_shows_it_to_nobody_else(self):
        interaction = self.deferred("/slow")
        self.simulator.fault("route DELETE x1 rest-limited user; rest-wait 1s")
        self.person.say(f"!answer reply {interaction} 1 " + '{"content":"psst","flags":64}')
        self.person.say(f"!answer edit {interaction} 2 " + '{"content":"psst, anew"}')
        self.seen(r"done 1 .*result 0 ")
        self.seen(r"done 2 .*result 0 ")
        self.assertEqual(self.person.request_count("PATCH /webhooks/*/:/messages/@original"), 0)
        self.assertEqual(self.box.stop(), 0)
        self.box.start().ready("main")
        self.person.say(f"!answer edit {interaction} 3 " + '{"content":"psst, again"}')
        self.seen(r"done 3 .*result 0 ")
        shown = self.person.answers(interaction)
        self.assertEqual([(m["content"], m["ephemeral"]) for m in shown], [("psst, again", True)])

    def test_a_deferral_can_be_for_the_user_alone(self):
        interaction = self.deferred("/hidden")
        self.assertTrue(self.person.answers(interaction)[0]["ephemeral"])
        self.person.say(f"!answer reply {interaction} 1 " + '{"content":"psst","flags":64}')
        self.seen(r"done 1 .*result 0 ")
        shown = self.person.answers(interaction)
        self.assertEqual([(m["content"], m["ephemeral"]) for m in shown], [("psst", True)])
        self.assertEqual(self.person.request_count("PATCH /webhooks/*/:/messages/@original"), 1)

    def test_a_slow_button_is_deferred_and_updates_its_message(self):
        self.person.command("/buttons")
        pressed = self.person.meanwhile(lambda: self.person.ask(
            "/press", message="last", custom_id="slow:1"))
        interaction = self.seen(r"button (\d+) slow:1$")[1]
        wait_for("the deferral", lambda: self.person.request_count(
            "POST /interactions/*/:/callback") == 2)
        self.person.say(f"!answer update {interaction} 1 " + '{"content":"pressed"}')
        self.seen(r"done 1 .*result 0 ")
        self.assertEqual(pressed()["outcome"], "update")
        self.assertEqual(self.person.messages()[0]["content"], "pressed")

    def test_a_plugin_that_leaves_before_its_turn_leaves_nobody_waiting(self):
        """Its rules are known from the wire on, those of a long subcommand too."""
        self.addCleanup(lambda: open(self.seen_file + ".go", "wb").close())
        self.person.say("!block")
        self.seen("blocking$")
        interaction = self.deferred("/лес берёза_с_очень_длинным_именем")
        text = read(self.box.ini)
        with open(self.box.ini, "w", encoding="utf-8") as file:
            file.write(text.replace("[bot:main]\n", "[bot:main]\nplugins = *, !actor\n"))
        answer = self.box.run("reload", "-c", self.box.ini, "--config")
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        wait_for("the notice", lambda: any("(ref " in m["content"] and m["ephemeral"]
                                           for m in self.person.answers(interaction)))

    def test_follow_ups_can_be_edited_and_deleted(self):
        self.person.begin("/defer")
        interaction = self.seen(r"defer (\d+)$")[1]
        self.person.say(f"!answer edit {interaction} 1 " + '{"content":"edited"}')
        self.seen(r"done 1 .*result 0 ")
        self.person.say(f"!answer follow {interaction} 2 " + '{"content":"one more"}')
        self.seen(r"done 2 .*result 0 status 200 code 0 id \d+")
        self.assertEqual([m["content"] for m in self.person.messages()
                          if not m["content"].startswith("!")], ["edited", "one more"])
        self.person.say(f"!answer delete {interaction} 3")
        self.seen(r"done 3 .*result 0 ")
        self.assertEqual([m["content"] for m in self.person.messages()
                          if not m["content"].startswith("!")], ["one more"])

    def test_a_failure_behind_a_deferral_is_shown_in_its_place(self):
        interaction = self.deferred("/slow")
        self.person.say(f"!answer fail {interaction} 1 no way")
        self.box.logged(r"error .*interaction .*no way")
        wait_for("the notice", lambda: any("(ref " in m["content"] and m["ephemeral"]
                                           for m in self.person.messages()))
        self.assertEqual(self.simulator.status()["interactions_unanswered"], 0)


class Ended(ActCase):
    """The process that was to answer is not there any more."""

    def told(self, line):
        shown = self.person.command(line)
        self.assertTrue(shown["ephemeral"], shown)
        reference = re.search(r"\(ref ([0-9A-F]{4})\)", shown["message"]["content"])[1]
        self.box.logged(rf"{line.split()[0]} .*failed \(ref {reference}\)")

    def test_who_waits_for_an_event_that_was_parked_is_told(self):
        self.stage("--no-limits", extra="isolation = process\n")
        self.published()
        self.told("/fatal")
        self.seen("fatal, attempt 2$")
        self.assertEqual(self.person.command("/echo text:on")["message"]["content"], "on")

    def test_who_asks_one_that_is_not_started_again_is_told(self):
        self.stage("--no-limits", extra="isolation = process\ncrash_limit = 2\n")
        self.published()
        self.told("/fatal")
        self.box.logged("it ended 2 times in a row: stopped")
        self.told("/slow")
        self.told("/echo text:off")
        answer = self.box.run("reload", "actor", "-c", self.box.ini)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(self.person.command("/echo text:on")["message"]["content"], "on")


class Lasting(ActCase):
    """What must outlive a reload, a restart, a kill -9; and time."""

    def votes(self):
        poll = next(m for m in self.person.messages() if m["content"] == "Tea?")
        return [b["label"] for b in poll["components"][0]["components"]]

    def press(self, custom_id):
        poll = next(m for m in self.person.messages() if m["content"] == "Tea?")
        shown = self.person.ask("/press", message=poll["id"], custom_id=custom_id)
        self.assertEqual(shown.get("outcome"), "update", shown)

    def test_ping_is_answered_and_edited(self):
        self.stage("--no-limits", plugins=(), examples=["ping"])
        self.published()
        self.assertRegex(self.person.command("/ping")["message"]["content"], "^Pong!")
        wait_for("the edit", lambda: any(
            re.match(r"Pong! Your command was answered after \d+ ms\.", m["content"])
            for m in self.person.messages()))

    def test_a_polls_buttons_outlive_reload_and_restart(self):
        host = self.stage("--no-limits", plugins=(), examples=["poll"])
        self.published()
        self.person.command('/poll question:Tea? first:Yes second:No')
        self.assertEqual(self.votes(), ["Yes", "No"])
        self.press("poll:0:0")
        self.press("poll:1:0")
        self.press("poll:0:1")
        self.assertEqual(self.votes(), ["2  Yes", "1  No"])
        self.assertEqual(host.run("reload", "-c", host.ini, "poll").returncode, 0)
        wait_for("the new generation", lambda: host.plugin("poll")["generation"] == 2)
        self.press("poll:1:1")
        self.assertEqual(self.votes(), ["2  Yes", "2  No"])
        self.assertEqual(host.stop(), 0)
        host.start().ready("main")
        self.press("poll:0:2")
        self.assertEqual(self.votes(), ["3  Yes", "2  No"])

    def test_an_interaction_is_answered_after_kill_9(self):
        host = self.stage("--no-limits")
        self.published()
        self.person.begin("/defer")
        interaction = self.seen(r"defer (\d+)$")[1]
        wait_for("the deferral", lambda: self.person.answers(interaction))
        host.kill()
        host.start().ready("main")
        self.person.say(f"!answer edit {interaction} 1 " + '{"content":"survived"}')
        self.seen(r"done 1 .*result 0 ")
        self.assertEqual([m["content"] for m in self.person.answers(interaction)], ["survived"])
        self.person.say(f"!answer reply {interaction} 2 " + '{"content":"twice"}')
        self.assertRegex(self.seen(r"done 2 .*result -\d+ .*error (.*)$")[1], "answered twice")

    def test_a_deferred_answer_outlives_an_orderly_stop_and_an_upgrade(self):
        host = self.stage("--no-limits")
        self.published()

        def restart():
            self.assertEqual(host.stop(), 0)
            host.start().ready("main")

        def upgrade():
            answer = host.run("upgrade", "-c", host.ini)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

        for cookie, again in ((1, restart), (2, upgrade)):
            interaction = self.person.begin("/defer")
            self.seen(f"defer {interaction}$")
            wait_for("the deferral", lambda: self.person.answers(interaction))
            again()
            self.assertTrue(self.person.answers(interaction)[0]["flags"] & LOADING)
            self.person.say(f"!answer edit {interaction} {cookie} " + '{"content":"at last"}')
            self.seen(rf"done {cookie} .*result 0 ")
            self.assertEqual([m["content"] for m in self.person.answers(interaction)], ["at last"])

    def test_an_answer_under_way_at_a_reload_is_told_to_the_new_generation(self):
        host = self.stage("--no-limits")
        self.published()
        interaction = self.person.begin("/defer")
        self.seen(f"defer {interaction}$")
        wait_for("the deferral", lambda: self.person.answers(interaction))
        self.install("actor_2", "actor")
        self.assertEqual(host.run("reload", "-c", host.ini).returncode, 0)
        self.seen("start 2$")
        self.person.say(f"!answer edit {interaction} 1 " + '{"content":"by the heir"}')
        self.seen(r"done 1 version 2 result 0 ")
        self.assertEqual(self.person.answers(interaction)[0]["content"], "by the heir")

    def test_no_token_of_an_interaction_leaves_its_vault(self):
        host = self.stage("--no-limits", level="trace")
        self.published()
        for line in ("/echo text:x", "/twice", "/fail", "/files", "/form"):
            self.person.command(line)
        self.person.begin("/defer")
        self.seen("defer")
        wait_for("the vault to hold a token", lambda: self.files_with(b"aW50ZXJhY3Rpb246"))
        self.assertEqual(self.files_with(b"aW50ZXJhY3Rpb246"), ["interactions"])
        self.assertEqual(self.files_with(b"a-token-that-no-log-may-show"), [])
        self.assertEqual(host.stop(), 0)
        self.assertEqual(self.files_with(b"aW50ZXJhY3Rpb246"), ["interactions"])
        for path in (host.log, self.seen_file):
            self.assertNotIn("aW50ZXJhY3Rpb246", read(path))
            self.assertNotIn("a-token-that-no-log-may-show", read(path))

    def files_with(self, secret):
        found = []
        for folder, _, names in os.walk(self.box.state):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    if secret in file.read():
                        found.append(name)
        return found

    def test_fourteen_minutes_and_59_seconds_are_in_time_and_15_01_is_refused(self):
        """S76. The host's clocks jump; the simulator, whose time goes on as ever, would take both."""
        self.stage("--no-limits", start=False)
        self.start_with_clock().ready("main")
        self.published()
        born = time.monotonic()
        interaction = self.person.begin("/defer")
        self.seen(f"defer {interaction}$")
        wait_for("the deferral", lambda: self.person.answers(interaction))
        passed = time.monotonic() - born
        self.jump(int(15 * 60 - passed) - 5)
        self.person.say(f"!answer edit {interaction} 1 " + '{"content":"in time"}')
        self.seen(r"done 1 .*result 0 ")
        self.assertEqual(self.person.answers(interaction)[0]["content"], "in time")
        before = self.person.request_count("PATCH /webhooks/*/:/messages/@original")
        self.jump(15 * 60 + 1)
        self.person.say(f"!answer edit {interaction} 2 " + '{"content":"too late"}')
        told = self.seen(r"done 2 .*result (-\d+) .*error (.*)$")
        self.assertIn("15 minutes", told[2])
        self.assertEqual(self.person.request_count("PATCH /webhooks/*/:/messages/@original"), before)
        self.assertEqual(self.person.answers(interaction)[0]["content"], "in time")


if __name__ == "__main__":
    main()
