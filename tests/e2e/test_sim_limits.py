"""tests/e2e/test_sim_limits.py: the simulator's REST limits and faults as a client sees them: headers,
429s of each scope, bans, errors, slow and lost answers, skewed clocks; and what its status counts."""
import email.utils
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request

DREY = os.path.join(os.environ.get("DREY_BUILD", "build/release"), "bin", "drey")
HEADERS = {"Authorization": "Bot limits", "User-Agent": "DiscordBot (https://localhost, 1)"}


class Simulator:
    def __init__(self, *options):
        self.process = subprocess.Popen([DREY, "sim", "--listen", "127.0.0.1:0", "--json",
                                         "--guilds", "1", *options],
                                        stdout=subprocess.PIPE, text=True)
        self.at = json.loads(self.process.stdout.readline())
        self.address = urllib.parse.urlsplit(self.at["control"]).netloc
        self.line = http.client.HTTPConnection(self.address, timeout=30)

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(self.at["control"] + path, data, timeout=30) as answer:
            return json.load(answer)

    def fault(self, text):
        request = urllib.request.Request(self.at["control"] + "/fault", text.encode())
        with urllib.request.urlopen(request, timeout=30):
            pass

    def status(self):
        return self.control("/status")

    def ask(self, method, path, body=None, line=None):
        line = line or self.line
        data = None if body is None else json.dumps(body)
        headers = dict(HEADERS, **({"Content-Type": "application/json"} if data else {}))
        line.request(method, "/api/v10" + path, data, headers)
        answer = line.getresponse()
        text = answer.read()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status, answer.headers, json.loads(text) if is_json else text

    def stop(self):
        self.line.close()
        self.process.terminate()
        code = self.process.wait(20)
        self.process.stdout.close()
        return code


class Limits(unittest.TestCase):
    options = ()

    def setUp(self):
        self.sim = Simulator(*self.options)
        guild = self.sim.ask("GET", "/users/@me/guilds")[2][0]["id"]
        channels = self.sim.ask("GET", f"/guilds/{guild}/channels")[2]
        self.channel = next(c["id"] for c in channels if c["name"] == "general")
        self.other = next(c["id"] for c in channels if c["name"] == "help")

    def tearDown(self):
        self.assertEqual(self.sim.stop(), 0)

    def send(self, text="hi", **more):
        return self.sim.ask("POST", f"/channels/{self.channel}/messages", dict(content=text, **more))

    def count(self, name):
        return self.sim.status()["violations"][name]

    def test_a_bucket_counts_down_refuses_and_opens_again(self):
        self.sim.fault("limit POST/channels/*/messages 3 700ms")
        left = []
        for _ in range(3):
            status, headers, _ = self.send()
            self.assertEqual(status, 200)
            left.append(int(headers["X-RateLimit-Remaining"]))
        self.assertEqual(left, [2, 1, 0])
        status, headers, body = self.send()
        self.assertEqual(status, 429)
        self.assertEqual(headers["X-RateLimit-Scope"], "user")
        self.assertIn("drey-sim", headers["Via"])
        self.assertEqual(int(headers["Retry-After"]), 1)
        self.assertFalse(body["global"])
        self.assertEqual(self.count("rest_avoidable_429"), 1)
        other = self.sim.ask("POST", f"/channels/{self.other}/messages", {"content": "x"})
        self.assertEqual(other[0], 200, "the other channel has a bucket of its own")
        time.sleep(body["retry_after"])
        self.assertEqual(self.send()[0], 200)
        self.assertEqual(self.sim.status()["rest_429"], {"user": 1})

    def test_refusals_of_each_scope_can_be_asked_for(self):
        for scope in ("user", "shared", "global"):
            self.sim.fault(f"rest-wait 200ms; rest-limited {scope} x1")
            status, headers, body = self.send()
            self.assertEqual((status, headers["X-RateLimit-Scope"]), (429, scope))
            self.assertEqual(body["global"], scope == "global")
            self.assertEqual("X-RateLimit-Global" in headers, scope == "global")
            self.assertAlmostEqual(body["retry_after"], 0.2, delta=0.001)
            time.sleep(body["retry_after"])
            self.assertEqual(self.send()[0], 200)
        self.assertEqual(self.count("rest_avoidable_429"), 0)
        self.assertEqual(self.sim.status()["rest_invalid"], 2, "shared ones do not count")

    def test_the_global_limit_spares_interactions(self):
        self.sim.fault("limit * 1000 1s; limit global 5")
        seen = [self.send()[0] for _ in range(8)]
        self.assertIn(429, seen)
        status, _, body = self.sim.ask("POST", "/interactions/1/none/callback", {"type": 1})
        self.assertEqual((status, body["code"]), (404, 10062))

    def test_hashes_change_and_are_shared(self):
        path = f"/channels/{self.channel}"
        hash_of = lambda method, route: self.sim.ask(method, route)[1]["X-RateLimit-Bucket"]
        before = hash_of("GET", path), hash_of("GET", path + "/messages")
        self.assertNotEqual(*before)
        self.sim.fault("share GET/channels/* GET/channels/*/messages")
        self.assertEqual(hash_of("GET", path), hash_of("GET", path + "/messages"))
        shared = hash_of("GET", path)
        self.sim.fault("rehash")
        self.assertNotEqual(hash_of("GET", path), shared)

    def test_a_ban_is_html_without_via(self):
        self.sim.fault("rest-ban x1")
        status, headers, body = self.sim.ask("GET", "/users/@me")
        self.assertEqual(status, 429)
        self.assertNotIn("Via", headers)
        self.assertIn(b"<html>", body)
        self.assertEqual(self.sim.ask("GET", "/users/@me")[0], 200)

    def test_statuses_concern_the_route_that_was_named(self):
        self.sim.fault("route POST/channels rest-status 502 x1")
        self.assertEqual(self.sim.ask("GET", "/users/@me")[0], 200)
        self.assertEqual(self.send()[0], 502)
        self.assertEqual(self.send()[0], 200)
        self.sim.fault("rest-status 403 x1")
        self.assertEqual(self.send()[2]["code"], 50013)

    def test_slow_answers_keep_their_order(self):
        self.sim.fault("route /users/@me rest-slow 300ms x1")
        head = "".join(f"{k}: {v}\r\n" for k, v in HEADERS.items())
        start = time.monotonic()
        with socket.create_connection(self.sim.address.split(":"), 30) as line:
            line.sendall(f"GET /api/v10/users/@me HTTP/1.1\r\n{head}\r\n"
                         f"GET /api/v10/gateway HTTP/1.1\r\n{head}Connection: close\r\n\r\n"
                         .encode())
            text = b""
            while piece := line.recv(65536):
                text += piece
        self.assertGreaterEqual(time.monotonic() - start, 0.29)
        self.assertEqual(text.count(b"HTTP/1.1 200"), 2)
        self.assertLess(text.index(b'"username"'), text.index(b'"url"'))

    def test_connections_are_lost_before_or_after_the_deed(self):
        messages = lambda: self.sim.status()["messages"]
        for fault, made in (("rest-drop", 0), ("rest-lose", 1)):
            before = messages()
            self.sim.fault(f"{fault} x1")
            line = http.client.HTTPConnection(self.sim.address, timeout=30)
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                self.sim.ask("POST", f"/channels/{self.channel}/messages", {"content": "x"}, line)
            line.close()
            self.assertEqual(messages() - before, made, fault)

    def test_a_request_carried_out_twice_is_counted(self):
        self.send(nonce="once")
        self.assertEqual(self.count("rest_doubled"), 0)
        self.send(nonce="once")
        self.assertEqual(self.count("rest_doubled"), 1)
        first = self.send(nonce="sure", enforce_nonce=True)[2]["id"]
        self.assertEqual(self.send(nonce="sure", enforce_nonce=True)[2]["id"], first)
        self.assertEqual(self.count("rest_doubled"), 1)

    def test_a_skewed_clock_shows_in_date_and_reset_alone(self):
        self.sim.fault("clock-ahead 1h")
        headers = self.sim.ask("GET", "/users/@me")[1]
        date = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
        self.assertAlmostEqual(date - time.time(), 3600, delta=60)
        self.assertAlmostEqual(float(headers["X-RateLimit-Reset"]) - time.time(), 3600, delta=60)
        self.assertLess(float(headers["X-RateLimit-Reset-After"]), 60)
        self.sim.fault("heal; clock-behind 1h")
        headers = self.sim.ask("GET", "/users/@me")[1]
        self.assertAlmostEqual(float(headers["X-RateLimit-Reset"]) - time.time(), -3600, delta=60)

    def test_ten_thousand_invalid_requests_are_banned(self):
        request = ("GET /api/v10/users/@me HTTP/1.1\r\nUser-Agent: DiscordBot (x, 1)\r\n\r\n"
                   .encode()) * 100
        with socket.create_connection(self.sim.address.split(":"), 60) as line:
            for _ in range(101):
                line.sendall(request)
                answered = b""
                while answered.count(b"HTTP/1.1 ") < 100:
                    answered += line.recv(1 << 20)
        self.assertIn(b"HTTP/1.1 429", answered)
        self.assertNotIn(b"Via", answered)
        self.assertEqual(self.sim.ask("GET", "/gateway")[0], 429)
        self.assertEqual(self.sim.status()["rest_banned"], 1)

    def test_faults_that_make_no_sense_are_refused(self):
        for text in ("limit", "limit POST/x 5", "share one", "rest-limited all", "rest-status 200",
                     "route", "rest-slow"):
            with self.assertRaises(urllib.error.HTTPError, msg=text) as caught:
                self.sim.fault(text)
            caught.exception.close()


class NoLimits(Limits):
    """Only what --no-limits is about."""
    options = ("--no-limits",)

    def test_nothing_is_refused(self):
        self.assertEqual({self.send()[0] for _ in range(100)}, {200})


for name in [n for n in dir(Limits) if n.startswith("test_")]:
    setattr(NoLimits, name, None)

if __name__ == "__main__":
    sys.exit(unittest.main())
