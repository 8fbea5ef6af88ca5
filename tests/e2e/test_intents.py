"""tests/e2e/test_intents.py: privileged intents: those that Discord's portal allows come by themselves,
what it does not allow costs a plugin, never the bot; a plugin that needs more than the session has."""
import json
import os
import shutil
import urllib.request

from harness import BUILD, Case, main, read, wait_for, writes


class Intents(Case):
    def reader(self, sim, plugins=(), **keys):
        """A host with `slow`, a plugin that reads the content of messages."""
        out = os.path.join(self.directory, "slow.log")
        host = self.host({"a": {"token": "a", "rest_url": sim.rest, **keys}}, plugins=plugins,
                         sections=f"[plugin:slow]\n{writes(out, '.a')}ms = 0\n")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "slow.so"), host.plugin_dir)
        return host.start().ready("a")

    def portal(self, sim, token, flags):
        """What a person would tick in Discord's developer portal."""
        request = urllib.request.Request(
            sim.rest + "/applications/@me", data=json.dumps({"flags": flags}).encode(), method="PATCH",
            headers={"Authorization": "Bot " + token, "Content-Type": "application/json",
                     "User-Agent": "DiscordBot (https://drey.example, 1)"})
        urllib.request.urlopen(request, timeout=30).close()

    def test_what_the_portal_allows_is_asked_for_without_a_word_in_the_file(self):
        sim = self.sim()
        host = self.reader(sim)
        host.logged("intents GUILD_MESSAGES DIRECT_MESSAGES MESSAGE_CONTENT!")
        self.assertEqual(host.plugin("slow", "a")["state"], "running")

    def test_a_plugin_that_needs_what_is_not_allowed_is_refused_and_the_bot_serves_on(self):
        sim = self.sim("--privileged", "GUILD_MEMBERS")
        host = self.reader(sim, ["counter"])
        host.logged("slow refused.*MESSAGE_CONTENT!.*developer portal does not allow")
        self.assertEqual(host.plugin("slow")["state"], "refused")
        self.assertEqual(host.plugin("counter", "a")["state"], "running")
        self.assertEqual(sim.status()["identifies"], 1)
        self.assertNotIn("4014", read(host.log))
        # Ticked there meanwhile: the next try sees it, and says what the session lacks.
        self.portal(sim, "a", 1 << 15 | 1 << 19)
        told = host.run("reload", "-c", host.ini, "slow")
        self.assertEqual(told.returncode, 1)
        self.assertIn("drey reload slow --reidentify", told.stdout)
        told = host.run("reload", "-c", host.ini, "slow", "--reidentify")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        self.assertIn("bot a  connecting anew for MESSAGE_CONTENT!", told.stdout)
        wait_for("a second IDENTIFY", lambda: sim.status()["identifies"] == 2)
        host.ready("a")
        self.assertEqual(host.plugin("slow", "a")["state"], "running")

    def test_a_named_intent_that_is_not_allowed_is_left_out(self):
        sim = self.sim("--privileged", "")
        host = self.host({"a": {"token": "a", "rest_url": sim.rest, "intents": "GUILDS MESSAGE_CONTENT"}},
                         plugins=["counter"]).start().ready("a")
        host.logged("warn .*MESSAGE_CONTENT! is named in `intents`")
        host.logged("intents GUILDS\n")
        self.assertEqual(sim.status()["identifies"], 1)

    def test_an_operator_may_say_that_a_plugin_does_without(self):
        sim = self.sim("--privileged", "")
        host = self.reader(sim, intents="auto -MESSAGE_CONTENT")
        self.assertEqual(host.plugin("slow", "a")["state"], "running")

    def test_where_nobody_answers_the_named_ones_are_asked_for(self):
        sim = self.sim()
        sim.fault("route applications/@me rest-status 503")
        host = self.reader(sim, intents="auto +MESSAGE_CONTENT")
        host.logged("whether it may have privileged intents is not known: .* answered 503")
        host.logged("intents GUILD_MESSAGES DIRECT_MESSAGES MESSAGE_CONTENT!")
        self.assertEqual(host.plugin("slow", "a")["state"], "running")

    def test_reidentify_of_a_plugin_that_needs_nothing_more_keeps_the_session(self):
        sim = self.sim()
        host = self.host({"a": {"token": "a", "rest_url": sim.rest}}, plugins=["counter"]).start().ready("a")
        told = host.run("reload", "-c", host.ini, "counter", "--reidentify")
        self.assertEqual(told.returncode, 0, told.stdout + told.stderr)
        self.assertNotIn("connecting anew", told.stdout)
        self.assertEqual(sim.status()["identifies"], 1)
        self.assertEqual(host.run("reload", "-c", host.ini, "--config", "--reidentify").returncode, 2)


if __name__ == "__main__":
    main()
