"""tests/e2e/test_sim_feed.py: what somebody who watches the simulator sees of a real bot: messages,
what only one person sees, what became of each interaction, commands, the bot's coming and going."""
import json
import queue
import threading
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


if __name__ == "__main__":
    main()
