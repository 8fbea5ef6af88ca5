"""tests/e2e/test_rest.py: what plugins ask of Discord's API: every method, every scope of limit, lost
answers, refused tokens, floods; each call ends once, and no 429 comes that could have been avoided."""
import json
import os
import re
import time

from acting import ActCase, Person
from harness import main, read, wait_for

SEND = "POST /channels/*/messages"


class Rest(ActCase):
    def begin(self, *sim_options, **rest):
        self.stage(*sim_options, extra=rest.pop("extra", ""), **rest)
        self.place = self.person.say("a place to write to")
        return self.box

    def call(self, method, path, cookie, deadline_ms=0, body=None, again=False, to=""):
        """The actor makes a call; its answer will be `done COOKIE`."""
        json_text = " " + json.dumps(body) if body is not None else ""
        self.person.say(f"!{to}{'again' if again else 'rest'} {method} {path} {cookie} "
                        f"{deadline_ms}{json_text}")
        self.seen(rf"asked {cookie} 1$")

    def done(self, cookie):
        """How the call ended: (result, status, code, id, error)."""
        found = self.seen(rf"done {cookie} version \S+ result (-?\d+) status (\d+) code (\d+) "
                          rf"id (\d*) error (.*)$")
        return int(found[1]), int(found[2]), int(found[3]), found[4], found[5]

    def channel(self, suffix=""):
        return f"/channels/{self.place['channel_id']}{suffix}"

    def written(self, word, **rest):
        """The contents of messages that begin with this word, in order."""
        return [m["content"] for m in self.person.messages(last=1000, **rest)
                if m["content"].startswith(word)]

    def avoidable(self):
        return self.simulator.status()["violations"].get("rest_avoidable_429", 0)


class Calls(Rest):
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
                rf"(asked {number} -\d+|done {number} version 1 result -\d+ status 0)$|"
                rf"done {number} version 1 result -\d+ status 0 ",
                read(self.seen_file), re.MULTILINE))
        self.assertEqual(sum(self.simulator.status()["requests"].values()), before)


class Trouble(Rest):
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
        self.assertLess(self.done(1)[0], 0)
        host.logged(r"error main: .*(401|token)")
        wait_for("the bot to be out of service, or the process with it",
                 lambda: host.process.poll() is not None or host.bot("main")["state"] == "failed")
        if host.process.poll() is not None:
            self.assertEqual(host.process.returncode, 77)


class Limits(Rest):
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
        self.assertTrue(self.refused_once("user", self_route := "/channels/441811206192974980"),
                        self_route)

    def test_a_shared_429_holds_up_that_route_alone_and_costs_no_budget(self):
        self.assertTrue(self.refused_once("shared", "/channels/441811206192974980"))
        self.assertEqual(self.simulator.status()["rest_invalid"], 0)

    def test_a_global_429_holds_up_everything(self):
        born = time.monotonic()
        self.refused_once("global", "/channels/441811206192974980")
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
        self.begin("--time-scale", 5)
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


class Many(Rest):
    IDS = ("oak", "birch", "hazel", "linden", "rowan")

    def test_two_thousand_messages_through_five_plugins(self):
        """Four bots, five plugins, five channels: 100 messages of each; Discord's limits, ten times
        as fast."""
        simulator = self.sim("--time-scale", 10, "--max-concurrency", 16)
        guilds = ["Oak", "Birch", "Hazel", "Linden", "Rowan"]
        places = [Person(simulator).ask("/say", text="here", guild=g) for g in guilds]
        self.assertEqual(len({p["channel_id"] for p in places}), 5)
        self.seen_file = os.path.join(self.directory, "seen.log")
        sections = "".join(f"[plugin:{name}]\nfile = {self.seen_file}\nonly = yes\n"
                           f"channel = {place['channel_id']}\n"
                           for name, place in zip(self.IDS, places))
        bots = [f"bot{i}" for i in range(4)]
        self.simulator, self.person = simulator, Person(simulator)
        self.box = self.host({bot: {"token": bot, "rest_url": simulator.rest,
                                    "intents": "auto +MESSAGE_CONTENT"} for bot in bots},
                             sections=sections, level="info")
        for name in self.IDS:
            self.install("actor_" + name)
        self.box.start().ready(*bots)
        self.person.say("!send 100 storm", guild="Spruce")
        wait_for("2,000 answers", lambda: len(re.findall(
            r"flood \d+ result 0 status 200", read(self.seen_file))) == 2000)
        status = simulator.status()
        self.assertEqual(status["violations"].get("rest_avoidable_429", 0), 0)
        self.assertEqual(status["rest_429"], {})
        self.assertEqual(status["requests"][SEND], 2000)
        for name, guild in zip(self.IDS, guilds):
            written = self.written("storm", guild=guild)
            for bot in bots:
                own = [text for text in written if text.split()[1] == bot]
                self.assertEqual(own, [f"storm {bot} {name} {i}" for i in range(100)])

    def test_who_causes_too_many_refusals_is_refused_and_nobody_else(self):
        """S77: Discord takes 10,000 invalid requests of one address in ten minutes."""
        simulator = self.sim("--no-limits", "--max-concurrency", 16)
        self.seen_file = os.path.join(self.directory, "seen.log")
        bots = [f"bot{i}" for i in range(24)]
        sections = "".join(f"[plugin:{name}]\nfile = {self.seen_file}\nonly = yes\n"
                           for name in ("oak", "birch"))
        self.simulator, self.person = simulator, Person(simulator)
        self.box = self.host({bot: {"token": bot, "rest_url": simulator.rest, "plugins":
                                    "oak, birch" if bot == "bot0" else "oak",
                                    "ring_size": "1M",
                                    "intents": "auto +MESSAGE_CONTENT"} for bot in bots},
                             sections=sections, level="info")
        for name in ("oak", "birch"):
            self.install("actor_" + name)
        self.box.start().ready(*bots)
        simulator.fault("route GET/guilds rest-status 403")
        self.person.say("!oak:flood 450 GET /guilds/1")
        self.box.logged(r"warn +5000 requests were refused .* at 10000 Discord bans")
        wait_for("refusals", lambda: len(re.findall(
            r" oak flood \d+ result -\d+ status (0|403)$", read(self.seen_file),
            re.MULTILINE)) == 450 * len(bots))
        refused = re.findall(r" oak flood \d+ result -\d+ status 0$", read(self.seen_file),
                             re.MULTILINE)
        self.assertGreater(len(refused), 450 * len(bots) - 9900)
        self.assertLess(simulator.status()["rest_invalid"], 9900)
        self.assertEqual(simulator.status()["rest_banned"], 0)
        self.person.say("!birch:flood 5 GET /users/@me")
        wait_for("the other plugin", lambda: len(re.findall(
            r" birch flood \d+ result 0 status 200", read(self.seen_file))) == 5)
        self.person.say("!oak:flood 1 GET /users/@me")
        wait_for("the culprits", lambda: len(re.findall(
            r" oak flood 0 result -\d+ status 0$", read(self.seen_file), re.MULTILINE)) >=
            len(bots))


class Stopping(Rest):
    def test_a_stop_sends_what_waits(self):
        host = self.begin("--time-scale", 5, drey="drain_timeout = 30s")
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
