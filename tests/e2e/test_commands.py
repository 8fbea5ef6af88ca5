"""tests/e2e/test_commands.py: what plugins declare reaches Discord once, when something has changed,
and never takes away what still belongs there."""
import json
import os
import subprocess
import urllib.request

from acting import ActCase, Person
from harness import DREY, main, read, wait_for, writes

GLOBAL_PUT = "PUT /applications/*/commands"
GUILD_PUT = "PUT /applications/*/guilds/*/commands"
EXTRA = "{'name':'extra','description':'One more'}"


def definition(name, description="One more"):
    return "{'name':'%s','description':'%s'}" % (name, description)


class Commands(ActCase):
    def section(self, extra, name="actor", only=True):
        return f"[plugin:{name}]\n{writes(self.seen_path)}extra = {extra}\n" + \
            ("only = yes\n" if only else "")

    def setUp(self):
        super().setUp()
        self.seen_path = self.directory + "/seen.log"

    def begin(self, extra=EXTRA, plugins=("actor",), bot=None, sim=None, bots=None, sections="",
              start=True, sim_options=("--no-limits",), drey="", name="host"):
        """A host whose plugins declare nothing but the command of their key `extra`."""
        self.simulator = sim or self.sim(*sim_options)
        self.person = Person(self.simulator)
        self.seen_file = self.seen_path
        self.token = "t"
        keys = {"token": self.token, "rest_url": self.simulator.rest, **(bot or {})}
        self.box = self.host(bots or {"main": keys}, drey=drey, name=name,
                             sections=sections or self.section(extra))
        for name in plugins:
            self.install(name)
        if start:
            self.box.start().ready(*(bots or {"main": None}))
        return self.box

    def puts(self, route=GLOBAL_PUT):
        return self.person.request_count(route)

    def has(self, name, **rest):
        """Whether somebody can use it, without using it."""
        answer = self.person.command("/" + name + " and:nothing", wait_ms=1, **rest)
        return "no bot has registered" not in answer.get("error", "")

    def rewrite(self, old, new):
        with open(self.box.ini, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(self.box.ini, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def drey(self, *words):
        return subprocess.run([DREY, *words], capture_output=True, text=True, timeout=60,
                              check=False)

    def reload_config(self):
        answer = self.drey("reload", "-c", self.box.ini, "--config")
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def quiet(self):
        """Waits until the publisher has looked at everything so far: `drey commands` says so."""
        def settled():
            answer = self.drey("commands", "-c", self.box.ini)
            return answer.returncode == 0 and "exactly these" in answer.stdout
        wait_for("commands to be settled", settled)

    # ---- when ----

    def test_they_are_published_once_and_not_again_by_an_unchanged_restart(self):
        host = self.begin()
        host.logged("command published: .*extra")
        self.assertEqual(self.puts(), 1)
        self.assertTrue(self.has("extra"))
        for again in range(2):
            self.assertEqual(host.stop(), 0)
            host.start().ready("main")
            wait_for("the publisher to have looked", lambda: self.person.request_count(
                "GET /applications/@me") >= 2 + again)
            self.quiet()
        self.assertEqual(self.puts(), 1)
        self.assertEqual(self.simulator.status()["bots"][0]["command_writes"], 1)

    def test_a_changed_definition_is_one_put_after_the_reload(self):
        host = self.begin()
        host.logged("command published")
        self.rewrite("One more", "Another text")
        self.reload_config()
        self.seen("start 1\n(.*\n)*.*start 1$")
        host.logged("command published(.*\n)*.*command published: .*extra")
        self.quiet()
        self.assertEqual(self.puts(), 2)
        log = read(host.log)
        self.assertEqual(log.count("command published"), 2, log)
        self.assertLess(log.index("command published"), log.index("gen 1 → 2"))
        self.assertLess(log.index("gen 1 → 2"), log.rindex("command published"))

    def test_several_changes_at_once_are_one_put(self):
        host = self.begin()
        host.logged("command published")
        for text in ("Two more", "Three more", "Four more"):
            self.rewrite("One more" if text == "Two more" else last, text)
            last = text
            self.reload_config()
        host.logged("command published(.*\n)*.*command published")
        self.quiet()
        self.assertLessEqual(self.puts(), 4)
        self.assertGreaterEqual(self.puts(), 2)
        self.assertEqual(self.simulator.status()["bots"][0]["command_writes"], self.puts())

    def test_the_same_definition_with_members_in_another_order_is_no_change(self):
        host = self.begin()
        host.logged("command published")
        self.rewrite(EXTRA, "{'description':'One more','type':1,'name':'extra'}")
        self.reload_config()
        self.seen("start 1\n(.*\n)*.*start 1$")
        self.quiet()
        self.assertEqual(self.puts(), 1)

    def test_what_is_declared_no_more_is_published_too(self):
        for key, value in (("contexts", "[0]"), ("integration_types", "[0,1]")):
            with self.subTest(key):
                declared = f"'{key}':{value},"
                host = self.begin(extra=EXTRA.replace("{", "{" + declared), sim_options=(
                    "--no-limits",), name=key)
                host.logged("command published")
                self.rewrite(declared, "")
                self.reload_config()
                wait_for("the second PUT", lambda: self.puts() == 2)
                self.quiet()
                self.assertEqual(self.drey("commands", "sync", "-c", host.ini).returncode, 0)
                self.assertEqual(self.puts(), 2)  # known to be so

    # ---- refused ----

    def test_two_plugins_with_one_command_are_told_apart_by_name(self):
        host = self.begin(plugins=("actor_oak", "actor_birch"),
                          sections=self.section(EXTRA, "oak") + self.section(EXTRA, "birch"))
        line = host.logged("(error|warn) .*extra.*")[0]
        self.assertIn("oak", line)
        self.assertIn("birch", line)
        host.logged("command published: .*extra")
        self.assertEqual(self.puts(), 1)

    def test_a_malformed_definition_is_refused_by_the_rule_it_breaks(self):
        host = self.begin(extra=definition("Bad Name"))
        host.logged(r"(error|warn) .*actor.*name.*")
        self.assertTrue(self.log_lines("drey_command\\(\\).*name"), host.tail_of_log())
        self.assertEqual(host.plugin("actor")["state"], "refused")
        self.assertIn("name", host.plugin("actor")["error"])
        self.assertEqual(self.puts(), 0)

    def test_a_malformed_definition_at_a_reload_leaves_the_old_one(self):
        host = self.begin()
        host.logged("command published")
        self.rewrite("'extra'", "'Bad Name'")
        answer = self.drey("reload", "-c", host.ini, "--config")
        self.assertNotEqual(answer.returncode, 0)
        self.assertEqual(host.plugin("actor")["generation"], 1)
        self.assertTrue(self.has("extra"))
        self.assertEqual(self.puts(), 1)

    def test_a_plugin_refused_at_start_does_not_take_its_commands_away(self):
        both = self.section(EXTRA, "oak") + self.section(definition("other"), "birch")
        host = self.begin(plugins=("actor_oak", "actor_birch"), sections=both)
        host.logged("command published")
        wait_for("both commands", lambda: self.has("extra") and self.has("other"))
        self.assertEqual(host.stop(), 0)
        puts = self.puts()
        self.rewrite("extra = " + EXTRA, "broken = yes\nextra = " + EXTRA)
        host.start().ready("main")
        host.logged("would take away /extra, and these plugins are not loaded now, or not seen: oak; ")
        self.assertEqual(self.puts(), puts)
        self.assertTrue(self.has("extra") and self.has("other"))
        shown = self.drey("commands", "-c", host.ini)
        self.assertIn("extra", shown.stdout)
        self.assertEqual(self.puts(), puts)

    def test_removing_a_plugin_takes_its_commands_away(self):
        both = self.section(EXTRA, "oak") + self.section(definition("other"), "birch")
        host = self.begin(plugins=("actor_oak", "actor_birch"), sections=both,
                          bot={"plugins": "*"})
        wait_for("both commands", lambda: self.has("extra") and self.has("other"))
        self.rewrite("plugins = *", "plugins = *, !oak")
        self.reload_config()
        wait_for("its command to go", lambda: not self.has("extra"))
        self.assertTrue(self.has("other"))

    def test_a_stop_right_after_a_reload_takes_nothing_away(self):
        """The REST thread lives on for an answer that is under way; the plugins are gone by then."""
        host = self.stage("--no-limits")
        self.published()
        self.quiet()
        puts = self.puts()
        looks = len(self.log_lines("may have changed: looking"))
        self.simulator.fault("route callback rest-slow 2500ms")
        self.assertEqual(host.run("reload", "-c", host.ini, "actor").returncode, 0)
        self.person.begin("/defer")
        self.seen(r"defer \d+$")
        wait_for("the publisher to be armed",
                 lambda: len(self.log_lines("may have changed: looking")) > looks)
        self.assertEqual(host.stop(), 0)
        self.assertEqual(self.puts(), puts)
        self.assertTrue(self.has("defer"))

    def test_a_missing_plugin_directory_takes_nothing_away(self):
        host = self.begin(bot={"plugins": "*"})
        host.logged("command published")
        self.assertEqual(host.stop(), 0)
        os.rename(host.plugin_dir, host.plugin_dir + ".away")
        self.refuses_to_take_away(host)
        os.mkdir(host.plugin_dir)  # an empty one may be a file system that is not mounted
        self.refuses_to_take_away(host)
        self.assertEqual(self.puts(), 1)
        self.assertTrue(self.has("extra"))

    def refuses_to_take_away(self, host):
        before = len(self.log_lines("would take away /extra, "))
        host.start().ready("main")
        wait_for("the publisher to refuse",
                 lambda: len(self.log_lines("would take away /extra, ")) > before)
        self.assertEqual(host.stop(), 0)

    # ---- where ----

    def test_dev_guild_is_the_only_place(self):
        sim = self.sim("--no-limits")
        guild = Person(sim).say("where is this?")["channel_id"]
        self.person = Person(sim)
        guild = self.guild_of(guild)
        host = self.begin(sim=sim, bot={"dev_guild": guild})
        host.logged("command published")
        self.assertEqual((self.puts(), self.puts(GUILD_PUT)), (0, 1))
        self.assertTrue(self.has("extra"))
        self.assertFalse(self.has("extra", guild="Birch"))
        self.rewrite(f"dev_guild = {guild}\n", "")
        self.reload_config()
        wait_for("the global ones", lambda: self.puts() == 1)
        wait_for("it to be everywhere", lambda: self.has("extra", guild="Birch"))

    def guild_of(self, channel):
        """Discord tells the guild of a channel."""
        request = urllib.request.Request(self.person.sim.rest + "/channels/" + channel, headers={
            "Authorization": "Bot t", "User-Agent": "DiscordBot (test, 1)"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["guild_id"]

    def test_several_bots_each_have_their_own(self):
        sim = self.sim("--no-limits")
        keys = {"rest_url": sim.rest}
        sections = self.section(EXTRA, "oak") + self.section(definition("other"), "birch")
        host = self.begin(sim=sim, plugins=("actor_oak", "actor_birch"), sections=sections,
                          bots={"one": {"token": "x", "plugins": "oak", **keys},
                                "two": {"token": "y", "plugins": "birch", **keys},
                                "none": {"token": "z", "plugins": "nothing", **keys}})
        wait_for("both", lambda: self.has("extra") and self.has("other"))
        self.assertEqual(self.puts(), 2)
        for bot in ("one", "two", "none"):
            shown = self.drey("commands", "-c", host.ini, "--bot", bot)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn(f"bot {bot}: Discord has exactly these commands", shown.stdout)
        self.assertNotEqual(self.drey("commands", "-c", host.ini, "--bot", "nobody").returncode, 0)
        self.assertNotEqual(self.drey("commands", "-c", host.ini).returncode, 0)

    def test_a_bot_without_commands_leaves_discords_alone(self):
        host = self.begin(sim_options=("--no-limits", "--time-scale", 10))
        host.logged("command published")
        self.assertEqual(host.stop(), 0)
        other = self.host({"main": {"token": "t", "rest_url": self.simulator.rest}}, name="other")
        other.start().ready("main")
        wait_for("the other host's time to look", lambda: self.drey(
            "commands", "-c", other.ini).returncode == 0)
        self.assertEqual(self.puts(), 1)
        self.assertTrue(self.drey("commands", "-c", other.ini).stdout.startswith("-"))
        self.assertEqual(other.stop(), 0)

    def test_a_place_where_nothing_was_published_keeps_what_it_has(self):
        """Another tool's commands, in a guild where this bot never had any."""
        host = self.begin(bot={"plugins": "*"})
        host.logged("command published")
        self.assertEqual(host.stop(), 0)
        channel = self.person.say("where is this?")["channel_id"]
        guild = self.guild_of(channel)
        self.put_elsewhere([{"name": "stranger", "description": "From elsewhere"}],
                           f"guilds/{guild}/")
        self.rewrite("plugins = *", f"plugins = *, !actor\ndev_guild = {guild}")
        host.start().ready("main")
        host.logged("looking at its commands: 0")
        wait_for("it to be done", lambda: self.drey("commands", "-c", host.ini).stdout[:1] == "-")
        self.assertTrue(self.has("stranger"))
        self.assertEqual(self.puts(GUILD_PUT), 1)

    # ---- people and outages ----

    def test_a_person_sees_the_difference_and_syncs(self):
        host = self.begin()
        host.logged("command published")
        self.put_elsewhere([{"name": "stranger", "description": "From elsewhere"}])
        shown = self.drey("commands", "-c", host.ini)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"(?m)^\+ .*extra")
        self.assertRegex(shown.stdout, r"(?m)^- .*stranger")
        self.assertFalse(self.has("extra"))
        synced = self.drey("commands", "sync", "-c", host.ini)
        self.assertEqual(synced.returncode, 0, synced.stderr)
        self.assertIn("bot main: published", synced.stdout)
        self.assertTrue(self.has("extra"))
        self.assertFalse(self.has("stranger"))

    def test_discord_down_for_a_moment_is_not_even_noticed(self):
        self.begin(start=False)
        self.simulator.fault("x2 route PUT/applications rest-status 503")
        self.box.start().ready("main").logged("command published: .*extra")
        self.assertEqual(self.simulator.status()["rest_answers"].get("503"), 2)
        self.assertTrue(self.has("extra"))

    def test_discord_down_for_a_while_is_tried_again_in_a_minute(self):
        self.begin(start=False)
        self.simulator.fault("route PUT/applications rest-status 503")
        self.start_with_clock().ready("main").logged(
            "commands are not published: .*503.*; tried again in a minute")
        self.simulator.fault("heal")
        self.assertFalse(self.has("extra"))
        self.jump(61)
        self.drey("commands", "-c", self.box.ini)  # wakes a thread that sleeps by another clock
        self.box.logged("command published: .*extra")
        self.assertTrue(self.has("extra"))

    def test_what_discord_refuses_is_said_in_its_words(self):
        self.begin(start=False)
        self.simulator.fault("route PUT/applications rest-status 400")
        self.box.start().ready("main").logged(
            r"warn .*its commands are not published: Discord does not take them")


if __name__ == "__main__":
    main()
