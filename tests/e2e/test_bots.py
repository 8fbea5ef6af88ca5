"""tests/e2e/test_bots.py: several bots side by side; what concerns one does not concern the others;
exit statuses tell a supervisor what happened."""
import os

from harness import Case, main, read, wait_for


class Bots(Case):
    def test_one_bad_token_does_not_stop_the_others(self):
        sim = self.sim("--token", "good", "--token", "other", "--rate", 50)
        bots = {"good": {"token": "good", "rest_url": sim.rest},
                "other": {"token": "other", "rest_url": sim.rest},
                "bad": {"token": "wrong", "rest_url": sim.rest},
                "lost": {"token_file": "missing.token", "rest_url": sim.rest}}
        host = self.host(bots).start().ready("good", "other")
        host.logged(r"error bad: token rejected \(401\)")
        self.assertEqual(host.bot("bad")["state"], "failed")
        self.assertIn("token rejected", host.bot("bad")["why"])
        self.assertEqual(host.bot("lost")["state"], "failed")
        self.assertEqual(host.run("status", "-c", host.ini, "-q").returncode, 4)
        self.assertEqual(host.stop(), 0)

    def test_all_tokens_bad_ends_with_77(self):
        sim = self.sim("--token", "good")
        host = self.host({"a": {"token": "x", "rest_url": sim.rest},
                          "b": {"token": "y", "rest_url": sim.rest}}).start()
        self.assertEqual(host.process.wait(60), 77)

    def test_a_fatal_close_code_ends_with_78_and_one_clear_line(self):
        sim = self.sim("--privileged", "")
        sim.fault("route applications/@me rest-status 503")  # or it would not ask for them
        host = self.host({"a": {"token": "x", "rest_url": sim.rest,
                                "intents": "GUILDS GUILD_MEMBERS"}}).start()
        self.assertEqual(host.process.wait(60), 78)
        told = [line for line in read(host.log).splitlines() if "4014" in line and " debug " not in line]
        self.assertEqual(len(told), 1, told)
        self.assertIn("Developer Portal".lower(), told[0].lower())

    def test_a_second_drey_on_the_same_state_is_refused(self):
        sim = self.sim()
        bots = {"a": {"token": "x", "rest_url": sim.rest}}
        host = self.host(bots).start().ready("a")
        second = host.run("run", "-c", host.ini)
        self.assertEqual(second.returncode, 75)  # which systemd tries again, unlike 78
        self.assertIn("another drey runs on state directory", second.stderr)
        third = self.host(bots, name="third").start()
        self.assertEqual(third.process.wait(60), 75)
        third.logged("uses the same token")
        self.assertEqual(host.bot("a")["state"], "ready")

    def test_a_host_that_finds_no_discord_keeps_trying_and_finds_it(self):
        sim = self.sim()
        sim.fault("busy-rest")
        host = self.host({"a": {"token": "x", "rest_url": sim.rest}}).start()
        host.logged(r"warn +a: GET .*/gateway/bot answered 503; trying again in")
        sim.fault("heal")
        host.ready("a")

    def test_no_proxy_is_asked_for_this_machine(self):
        sim = self.sim("--tls-listen", "127.0.0.1:0")
        nobody = "http://127.0.0.1:1"
        bots = {"plain": {"token": "x", "rest_url": sim.rest},
                "tls": {"token": "y", "rest_url": sim.where["tls_rest"], "ca_file": sim.where["ca"]}}
        self.host(bots).start(http_proxy=nobody, https_proxy=nobody, all_proxy=nobody,
                              no_proxy="").ready("plain", "tls")

    def test_the_host_is_ready_when_the_last_bot_it_waited_for_fails(self):
        good, late = self.sim(), self.sim("--token", "other")
        late.fault("busy-rest")
        host = self.host({"a": {"token": "x", "rest_url": good.rest},
                          "b": {"token": "wrong", "rest_url": late.rest}}).start().ready("a")
        host.logged(r"warn +b: GET .*/gateway/bot answered 503")
        late.fault("heal")
        host.logged(r"error b: token rejected \(401\)")
        host.logged(r"info +ready: 1 of 2 bots")

    def test_revoked_token_fails_the_bot_with_advice(self):
        sim = self.sim()
        host = self.host({"a": {"token": "x", "rest_url": sim.rest},
                          "b": {"token": "y", "rest_url": sim.rest}}).start().ready("a", "b")
        sim.fault("shard 0 revoke")
        self.assertEqual(host.process.wait(60), 77)


if __name__ == "__main__":
    main()
