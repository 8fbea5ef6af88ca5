"""tests/e2e/test_sim_feed.py: what somebody who watches the simulator sees of a real bot: messages,
what only one person sees, what became of each interaction, commands, the bot's coming and going."""
import json
import queue
import threading
import urllib.error
import urllib.request

from acting import ActCase
from harness import main

DEADLINE_S = 90


class Watcher:
    """Reads GET /sim/feed on a thread of its own."""

    def __init__(self, sim, query=""):
        self.answer = urllib.request.urlopen(sim.where["control"] + "/feed" + query, timeout=DEADLINE_S)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.answer:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def until(self, **wanted):
        """The next line that has these members; d's too, with a prefix d_."""
        def fits(line):
            return all((line.get("d", {}).get(k[2:]) if k.startswith("d_") else line.get(k)) == v
                       for k, v in wanted.items())
        while True:
            try:
                line = self.lines.get(timeout=DEADLINE_S)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"the feed told no {wanted}; it told " + "\n".join(
                    json.dumps(l)[:300] for l in self.seen[-20:]))
            self.seen.append(line)
            if fits(line):
                return line


class Feed(ActCase):
    def test_a_watcher_sees_what_a_person_would(self):
        self.stage(start=False)
        watcher = Watcher(self.simulator, "?only=chat")
        self.assertEqual(watcher.until(feed="hello")["version"], 1)
        self.box.start().ready("main")
        bot = watcher.until(feed="bot", online=True)["bot"]
        watcher.until(feed="commands", bot=bot)
        self.published()

        self.person.command("Who is it", type="user", target="bob")
        made = watcher.until(feed="interaction", outcome="pending", name="Who is it", user="ann",
                             bot=bot)
        self.assertNotIn("token", made)
        told = watcher.until(feed="event", t="MESSAGE_CREATE", ephemeral=True, d_content="that one")
        self.assertEqual(told["for"], made["user_id"])
        self.assertEqual(told["d"]["guild_id"], made["guild_id"])
        ended = watcher.until(feed="interaction", id=made["id"], outcome="message")
        self.assertEqual(ended["message"], told["d"]["id"])

        self.person.command("/form")
        shown = watcher.until(feed="interaction", name="form", outcome="modal")
        self.assertEqual(shown["modal"]["title"], "A form")
        self.person.ask("/complete", line="/fruit fruit:ap")
        self.assertEqual(watcher.until(feed="interaction", outcome="choices")["choices"][0]["name"], "apple")
        self.person.begin("/defer")
        watcher.until(feed="interaction", name="defer", outcome="deferred")
        self.person.say("hello there", **{"as": "bob"})
        self.assertNotIn("ephemeral", watcher.until(t="MESSAGE_CREATE", d_content="hello there"))

        self.box.stop()
        watcher.until(feed="bot", bot=bot, online=False)
        self.simulator.stop()
        self.assertEqual(watcher.until(feed="end")["reason"], "the simulator ends")
        self.assertFalse([l for l in watcher.seen if l["feed"] == "transcript"])

    def test_nobody_answering_is_seen_when_the_deadline_has_passed(self):
        self.stage("--interaction-deadline=300", start=False)
        watcher = Watcher(self.simulator)
        self.box.start().ready("main")
        self.published()
        self.simulator.fault("rest-status 500")  # nothing that the bot says is carried out
        self.person.command("/echo text:lost")
        watcher.until(feed="interaction", name="echo", outcome="no_response")
        self.assertTrue([l for l in watcher.seen if l["feed"] == "transcript"])


def form(fields, files):
    """A multipart body and its type."""
    body = b"".join(
        f'--XX\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{kind}\r\n'.encode() + content + b"\r\n"
        for name, extra, kind, content in
        [("payload_json", "", "", json.dumps(fields).encode())]
        + [(f"files[{i}]", f'; filename="{name}"', "Content-Type: text/plain\r\n", content)
           for i, (name, content) in enumerate(files)])
    return body + b"--XX--\r\n", "multipart/form-data; boundary=XX"


class Persons(ActCase):
    """What a screen needs to begin with, and what persons do without a bot."""

    def setUp(self):
        super().setUp()
        self.stage("--seed=7")
        self.published()

    def get(self, path):
        return self.simulator.ask("GET", path)

    def upload(self, fields, files):
        body, kind = form(fields, files)
        request = urllib.request.Request(self.simulator.where["control"] + "/say", data=body,
                                         headers={"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def test_a_world_is_looked_at_guild_by_guild(self):
        world = self.get("/world")
        self.assertEqual((len(world["guilds"]), world["guild_count"]), (20, 20))
        self.assertEqual([(b["online"], b["name"]) for b in world["bots"]], [(True, "drey-sim-bot")])
        guild = self.get("/guild?guild=" + world["guilds"][3]["id"])
        self.assertEqual(guild["name"], world["guilds"][3]["name"])
        self.assertEqual(guild["member_count"], len(guild["members"]))
        self.assertIn("general", [c["name"] for c in guild["channels"]])
        self.assertTrue(all("status" in m and "username" in m["user"] for m in guild["members"]))
        self.assertIn("@everyone", [r["name"] for r in guild["roles"]])
        commands = self.get("/commands?guild=" + guild["id"])
        self.assertIn(("echo", world["bots"][0]["bot"]), [(c["command"]["name"], c["bot"]) for c in commands])
        for path in ("/guild?guild=1", "/guild?nonsense", "/commands?guild=1"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.get(path)
            self.assertEqual(refused.exception.code, 404)
            refused.exception.close()

    def test_a_channel_is_read_page_by_page(self):
        ids = [self.person.say(f"n{i}", channel="help")["id"] for i in range(25)]
        texts = lambda **rest: [m["content"] for m in self.person.messages(channel="help", **rest)]
        numbers = lambda *span: [f"n{i}" for i in range(*span)]
        self.assertEqual(texts(last=10), numbers(15, 25))
        self.assertEqual(texts(last=10, before=ids[15]), numbers(5, 15))
        self.assertEqual(texts(last=10, before=ids[5]), numbers(0, 5))
        self.assertEqual(texts(last=10, before=ids[0]), [])
        self.assertEqual(texts(last=10, after=ids[4]), numbers(5, 15))
        self.assertEqual(texts(last=10, after=ids[20]), numbers(21, 25))
        self.assertEqual(texts(last=10, after=ids[24]), [])
        self.assertEqual(texts(last=0), [])

    def test_persons_send_files_and_reply(self):
        first = self.person.say("a question")["id"]
        sent = self.upload({"text": "see", "as": "bob", "reply": first},
                           [("a b.txt", b"one"), ("c.txt", b"two")])
        message = self.person.messages(last=1)[0]
        self.assertEqual((message["id"], message["type"], message["author"]["username"]),
                         (sent["id"], 19, "bob"))
        self.assertEqual(message["referenced_message"]["content"], "a question")
        self.assertEqual([a["filename"] for a in message["attachments"]], ["a_b.txt", "c.txt"])
        with urllib.request.urlopen(message["attachments"][1]["url"], timeout=30) as answer:
            self.assertEqual(answer.read(), b"two")
            self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        self.assertIn("10 files", self.upload({"text": ""}, [("x", b"x")] * 11)["error"])
        self.assertIn("text is missing", self.upload({"channel": "general"}, [])["error"])
        self.assertIn("10 MiB", self.upload({}, [("big", b"x" * ((10 << 20) + 1))])["error"])
        self.assertIn("text is missing", self.person.say("")["error"])

    def test_persons_react_and_write_to_a_bot_alone(self):
        told = self.person.say("nuts?")["id"]
        self.person.ask("/react", message=told, emoji="\U0001f330", **{"as": "bob"})
        self.person.ask("/react", message="last", emoji="leaf:5")
        seen = lambda **rest: [(r["emoji"]["name"], r["count"], r["me"])
                               for r in self.person.messages(last=1, **rest)[0].get("reactions", [])]
        self.assertEqual(seen(**{"as": "bob"}), [("\U0001f330", 1, True), ("leaf", 1, False)])
        self.person.ask("/react", message=told, emoji="\U0001f330", remove=True, **{"as": "bob"})
        self.assertEqual(seen(), [("leaf", 1, True)])
        self.assertIn("no emoji", self.person.ask("/react", message=told, emoji="nut")["error"])
        self.assertIn("no such message", self.person.ask("/react", message="5", emoji="\U0001f330")["error"])
        self.person.say("!echo between us", channel="dm")
        self.assertEqual(self.person.messages(channel="dm")[0]["content"], "!echo between us")
        self.assertIn("no such bot", self.person.say("x", channel="dm", bot="5")["error"])

    def test_one_fault_is_ended_alone_and_names_reach_the_control_endpoint(self):
        self.simulator.fault("noack; rest-slow 1ms; shard 0 noack")
        self.assertEqual(self.simulator.ask("POST", "/fault", '{"end":"noack"}'), {"ended": 2})
        self.assertEqual(self.simulator.status()["active_faults"], ["rest-slow"])
        self.assertIn("no such fault", self.person.ask("/fault", end="x")["error"])
        port = self.simulator.where["control"].split(":")[2].split("/")[0]
        shown = self.box.run("sim", "status", "--at", f"localhost:{port}")
        self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_the_page_is_there_only_when_it_is_asked_for(self):
        root = self.simulator.where["control"].removesuffix("/sim")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(root + "/", timeout=30)
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()
        self.assertNotIn("web", self.simulator.where)
        page = self.sim("--web")
        with urllib.request.urlopen(page.where["web"], timeout=30) as answer:
            self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
            self.assertIn("/web/app.js", answer.read().decode())
        with urllib.request.urlopen(page.where["web"] + "web/app.js", timeout=30) as answer:
            self.assertIn("javascript", answer.headers["Content-Type"])
        for path in ("web/none.js", "web/../web/app.js", "web/"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(page.where["web"] + path, timeout=30)
            self.assertEqual(refused.exception.code, 404)
            refused.exception.close()


if __name__ == "__main__":
    main()
