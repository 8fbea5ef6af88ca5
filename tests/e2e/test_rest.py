"""tests/e2e/test_rest.py: what plugins ask of Discord's API: every method, every scope of limit, lost
answers, refused tokens, floods; each call ends once, and no 429 comes that could have been avoided."""
import re
import time

from acting import RestCase
from harness import main, read, wait_for

SEND = "POST /channels/*/messages"
ELSEWHERE = "/channels/441811206192974980"  # a channel of the world of seed 42


class Calls(RestCase):
    def test_every_method(self):
        self.begin("--no-limits")
        self.call("POST", self.channel("/messages"), 1, body={"content": "one"})
        result, status, _, message, _ = self.done(1)
        self.assertEqual((result, status), (0, 200))
        self.call("GET", self.channel(f"/messages/{message}"), 2)
        self.assertEqual(self.done(2)[:2], (0, 200))
        self.call("PATCH", self.channel(f"/messages/{message}"), 3, body={"content": "two"})
        self.assertEqual(self.done(3)[:2], (0, 200))
        self.call("PUT", self.channel(f"/messages/{message}/reactions/%F0%9F%91%8D/@me"), 4)
        self.assertEqual(self.done(4)[:2], (0, 204))
        self.assertEqual(self.written("two"), ["two"])
        self.call("DELETE", self.channel(f"/messages/{message}"), 5)
        self.assertEqual(self.done(5)[:2], (0, 204))
        self.call("GET", self.channel(f"/messages/{message}"), 6)
        result, status, code, _, error = self.done(6)
        self.assertLess(result, 0)
        self.assertEqual((status, code), (404, 10008))
        self.assertIn("Unknown Message", error)
        self.assertNotIn(message, error)

    def test_an_answer_comes_to_whatever_generation_runs_then(self):
        host = self.begin("--no-limits")
        self.simulator.fault("route GET/users/@me rest-slow 2s")
        self.call("GET", "/users/@me", 1)
        wait_for("the request", lambda: self.person.request_count("GET /users/@me") >= 1)
        self.install("actor_2", "actor")
        self.assertEqual(host.run("reload", "-c", host.ini).returncode, 0)
        self.seen(r"done 1 version 2 result 0 status 200")
        self.assertEqual(len(re.findall("done 1 ", read(self.seen_file))), 1)

    def test_an_answer_that_came_to_one_that_hangs_in_its_stop_comes_to_the_next(self):
        host = self.begin("--no-limits")
        self.person.say("!linger")
        self.seen("will linger")
        self.simulator.fault("route GET/users/@me rest-slow 2s")
        self.call("GET", "/users/@me", 1)
        wait_for("the request", lambda: self.person.request_count("GET /users/@me") >= 1)
        self.install("actor_2", "actor")
        self.assertEqual(host.run("reload", "-c", host.ini).returncode, 0)
        self.seen(r"done 1 version 2 result 0 status 200")
        self.assertEqual(len(re.findall("done 1 ", read(self.seen_file))), 1)

    def test_cancelled_and_over_its_deadline(self):
        self.begin("--no-limits")
        self.simulator.fault("route GET/users/@me rest-slow 5m")
        self.call("GET", "/users/@me", 1)
        self.person.say("!cancel")
        self.seen("cancelled 0$")
        result, status, _, _, error = self.done(1)
        self.assertLess(result, 0)
        self.assertEqual(status, 0)
        self.assertIn("cancel", error)
        self.call("GET", "/users/@me", 2, deadline_ms=300)
        result, status, _, _, error = self.done(2)
        self.assertLess(result, 0)
        self.assertIn("no answer within its 0.3 s", error)
        self.simulator.fault("heal")

    def test_waiting_for_a_limit_counts_into_the_deadline(self):
        self.begin()
        self.simulator.fault("limit GET/users/@me 1 30s")
        self.call("GET", "/users/@me", 1)
        self.assertEqual(self.done(1)[0], 0)
        self.call("GET", "/users/@me", 2, deadline_ms=500)
        self.assertLess(self.done(2)[0], 0)
        self.assertEqual(self.person.request_count("GET /users/@me"), 1)
        self.assertEqual(self.avoidable(), 0)

    def test_malformed_calls_are_refused_at_once(self):
        self.begin("--no-limits")
        before = sum(self.simulator.status()["requests"].values())
        for number, words in enumerate(("FETCH /users/@me", "GET users/@me", "GET /../x",
                                        "GET /a#b", "POST /users/@me"), 1):
            tail = " {" if words.startswith("POST") else ""
            self.person.say(f"!rest {words} {number} 0{tail}")
            wait_for(words, lambda number=number: re.search(
                rf"asked {number} -\d+$", read(self.seen_file), re.MULTILINE))
        self.call("GET", "/users/@me", 9)
        self.assertEqual(self.done(9)[:2], (0, 200))
        before += 1
        self.assertNotRegex(read(self.seen_file), r"done [1-5] ")  # who was refused is told once
        self.assertEqual(sum(self.simulator.status()["requests"].values()), before)


class Trouble(RestCase):
    def test_server_errors_are_tried_again(self):
        self.begin("--no-limits")
        self.simulator.fault("x2 route GET/users/@me rest-status 502")
        self.call("GET", "/users/@me", 1)
        self.assertEqual(self.done(1)[:2], (0, 200))
        self.assertEqual(self.person.request_count("GET /users/@me"), 3)
        self.simulator.fault("route GET/users/@me rest-status 502")
        self.call("GET", "/users/@me", 2)
        result, status = self.done(2)[:2]
        self.assertLess(result, 0)
        self.assertEqual(status, 502)

    def test_a_post_without_nonce_is_not_repeated_after_a_lost_answer(self):
        self.begin("--no-limits")
        self.simulator.fault("x1 route POST/channels rest-lose")
        self.call("POST", self.channel("/messages"), 1, body={"content": "perhaps"})
        result, status, _, _, error = self.done(1)
        self.assertLess(result, 0)
        self.assertEqual(status, 0)
        self.assertTrue(error)
        self.assertEqual(self.person.request_count(SEND), 1)
        self.assertEqual(self.written("perhaps"), ["perhaps"])

    def test_a_get_is_repeated_after_a_lost_answer_and_after_a_lost_request(self):
        self.begin("--no-limits")
        self.simulator.fault("x1 route GET/users/@me rest-lose")
        self.call("GET", "/users/@me", 1)
        self.assertEqual(self.done(1)[:2], (0, 200))
        self.simulator.fault("x1 route GET/users/@me rest-drop")
        self.call("GET", "/users/@me", 2)
        self.assertEqual(self.done(2)[:2], (0, 200))

    def test_a_message_is_repeated_after_a_lost_answer_and_arrives_once(self):
        self.begin("--no-limits")
        self.simulator.fault("x2 route POST/channels rest-lose")
        self.person.say("!send 1 once")
        self.seen("flood 0 result 0 status 200$")
        self.assertEqual(self.person.request_count(SEND), 3)
        self.assertEqual(self.written("once"), ["once main actor 0"])

    def test_a_repeatable_post_is_repeated_and_another_one_is_not(self):
        self.begin("--no-limits")
        self.simulator.fault("x1 route POST/channels rest-lose")
        self.call("POST", self.channel("/messages"), 1, again=True,
                  body={"content": "again", "nonce": "7", "enforce_nonce": True})
        self.assertEqual(self.done(1)[:2], (0, 200))
        self.assertEqual(self.written("again"), ["again"])

    def test_a_refused_token_takes_the_bot_out_of_service(self):
        host = self.begin("--no-limits")
        self.simulator.fault("route GET/users/@me rest-status 401")
        self.call("GET", "/users/@me", 1)
        host.logged(r"error main: .*(401|token)")
        self.assertEqual(host.process.wait(60), 77)  # it was the only one
        # the host ends with its only bot, before or after its plugin was told
        told = re.findall(r"done 1 version \S+ result (-?\d+)", read(self.seen_file))
        self.assertTrue(len(told) <= 1 and all(int(result) < 0 for result in told), told)
        self.assertEqual(self.person.request_count("GET /users/@me"), 1)


class Limits(RestCase):
    def refused_once(self, scope, other, wait="2s"):
        """One 429 of this scope; whether another route's call was answered before its own."""
        self.begin()
        self.simulator.fault(f"rest-wait {wait}; x1 route GET/users/@me rest-limited {scope}")
        self.call("GET", "/users/@me", 1)
        wait_for("the 429", lambda: self.simulator.status()["rest_429"].get(scope) == 1)
        self.call("GET", other, 2)
        self.assertEqual(self.done(2)[:2], (0, 200))
        first = "done 1 " not in read(self.seen_file)
        self.assertEqual(self.done(1)[:2], (0, 200))
        self.assertEqual(self.avoidable(), 0)
        self.assertEqual(self.person.request_count("GET /users/@me"), 2)
        return first

    def test_a_429_of_one_route_holds_up_that_route_alone(self):
        self.assertTrue(self.refused_once("user", ELSEWHERE))

    def test_a_shared_429_holds_up_that_route_alone_and_costs_no_budget(self):
        self.assertTrue(self.refused_once("shared", ELSEWHERE))
        self.assertEqual(self.simulator.status()["rest_invalid"], 0)

    def test_a_global_429_holds_up_everything(self):
        born = time.monotonic()
        self.refused_once("global", ELSEWHERE)
        self.assertGreater(time.monotonic() - born, 2)
        self.assertEqual(self.simulator.status()["rest_invalid"], 1)

    def test_an_interaction_is_answered_while_the_bot_is_globally_limited(self):
        """S75"""
        host = self.begin()
        host.logged("command published")
        self.simulator.fault("rest-wait 20s; x1 route GET/users/@me rest-limited global")
        self.call("GET", "/users/@me", 1)
        wait_for("the 429", lambda: self.simulator.status()["rest_429"].get("global") == 1)
        self.person.say("!send 3 wait")
        self.seen("asked 3$")
        shown = self.person.command("/echo text:now")
        self.assertEqual(shown["message"]["content"], "now")
        self.assertEqual(self.written("wait"), [])
        self.assertEqual(self.avoidable(), 0)

    def test_a_ban_by_cloudflare_stops_everything(self):
        host = self.begin()
        self.simulator.fault("x1 route GET/users/@me rest-ban")
        self.call("GET", "/users/@me", 1, deadline_ms=1500)
        host.logged("(?i)(warn|error) .*(cloudflare|ban)")
        self.call("GET", self.channel(), 2, deadline_ms=1000)
        self.assertLess(self.done(2)[0], 0)
        self.assertLess(self.done(1)[0], 0)
        self.assertEqual(self.person.request_count("GET /channels/*"), 0)
        self.assertEqual(self.simulator.status()["rest_429"], {"ban": 1})

    def test_a_ban_told_to_the_host_itself_is_one(self):
        simulator = self.sim()
        simulator.fault("x1 route GET/gateway/bot rest-ban")
        host = self.host({"main": {"token": "t", "rest_url": simulator.rest}}).start()
        host.logged(r"error main: Cloudflare has banned this machine: nothing is sent to \S+ for 600 s")
        host.logged(r"warn  main: GET \S+/gateway/bot answered 429; trying again in 600")

    def test_a_skewed_clock_does_not_matter(self):
        """S72"""
        self.begin("--time-scale", 20)
        self.simulator.fault("clock-ahead 1h")
        self.person.say("!send 20 ahead")
        self.seen("flood 19 result 0")
        self.simulator.fault("heal; clock-behind 1h")
        self.person.say("!send 20 behind")
        wait_for("the last", lambda: len(self.written("behind")) == 20)
        self.assertEqual(self.written("ahead"), [f"ahead main actor {i}" for i in range(20)])
        self.assertEqual(self.avoidable(), 0)
        self.assertEqual(self.simulator.status()["rest_429"], {})

    def test_two_routes_that_share_a_bucket_share_its_limit(self):
        """S73"""
        self.begin("--time-scale", 20)
        self.simulator.fault("share GET/users/@me GET/applications/@me; limit GET/users/@me 2 5s; "
                             "limit GET/applications/@me 2 5s")
        for path in ("/users/@me", "/applications/@me"):
            self.person.say(f"!flood 1 GET {path}")
        wait_for("both to be learnt", lambda: len(re.findall(
            "flood 0 result 0", read(self.seen_file))) == 2)
        for path in ("/users/@me", "/applications/@me"):
            self.person.say(f"!flood 6 GET {path}")
        wait_for("all answers", lambda: len(re.findall(
            r"flood \d+ result 0 status 200", read(self.seen_file))) == 14)
        self.assertEqual(self.avoidable(), 0)

    def test_hashes_that_change_while_requests_wait(self):
        """S74"""
        self.begin("--time-scale", 20)
        self.person.say("!send 60 hash")
        for count in (10, 25, 40):
            wait_for(f"{count} messages", lambda count=count: len(self.written("hash")) >= count)
            self.simulator.fault("rehash")
        wait_for("all of them", lambda: len(self.written("hash")) == 60)
        self.assertEqual(self.written("hash"), [f"hash main actor {i}" for i in range(60)])
        self.assertEqual(self.avoidable(), 0)


class Stopping(RestCase):
    def test_a_stop_sends_what_waits(self):
        host = self.begin("--time-scale", 20, drey="drain_timeout = 30s")
        self.person.say("!send 30 last")
        self.seen("asked 30$")
        self.assertEqual(host.stop(), 0)
        self.assertEqual(self.written("last"), [f"last main actor {i}" for i in range(30)])
        self.assertEqual(self.avoidable(), 0)

    def test_a_stop_says_what_could_not_be_sent(self):
        host = self.begin(drey="drain_timeout = 1s")
        self.person.say("!send 30 last")
        self.seen("asked 30$")
        self.assertEqual(host.stop(), 0)
        sent = len(self.written("last"))
        self.assertLess(sent, 30)
        self.assertRegex(read(host.log), rf"warn .*(actor|plugin).*{30 - sent}|"
                                         rf"warn .*{30 - sent} .*(not sent|unsent)")


if __name__ == "__main__":
    main()
