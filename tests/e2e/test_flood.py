"""tests/e2e/test_flood.py: many calls of many bots and plugins: each once, in order, without a 429
that could have been avoided; and who spends the budget of invalid requests spends it alone."""
import os
import re
from collections import Counter

from acting import Person, RestCase
from harness import main, read, wait_for, writes

SEND = "POST /channels/*/messages"


class Flood(RestCase):
    IDS = ("oak", "birch", "hazel", "linden", "rowan")

    def test_two_thousand_messages_through_five_plugins(self):
        """Four bots, five plugins, five channels: 100 messages of each; Discord's limits, ten times
        as fast."""
        simulator = self.sim("--time-scale", 10, "--max-concurrency", 16)
        guilds = ["Oak", "Birch", "Hazel", "Linden", "Rowan"]
        places = [Person(simulator).ask("/say", text="here", guild=g) for g in guilds]
        self.assertEqual(len({p["channel_id"] for p in places}), 5)
        self.seen_file = os.path.join(self.directory, "seen.log")
        sections = "".join(f"[plugin:{name}]\n{writes(self.seen_file)}only = yes\n"
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
        sections = "".join(f"[plugin:{name}]\n{writes(self.seen_file)}only = yes\n"
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
        caused = Counter(re.findall(r"^(\S+) oak flood \d+ result -\d+ status 403$",
                                    read(self.seen_file), re.MULTILINE))
        self.person.say("!oak:flood 1 GET /users/@me")
        self.seen(rf"^{caused.most_common(1)[0][0]} oak flood 0 result -\d+ status 0$")


if __name__ == "__main__":
    main()
