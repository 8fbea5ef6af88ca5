"""tests/e2e/test_events.py: odd events reach the plugins raw, secrets reach nobody, a message that is too
large is told and passed over."""
import json
import os

from harness import Case, main, read, wait_for, writes

TOKEN = "aW50ZXJhY3Rpb246c2VjcmV0"


class Events(Case):
    def start(self, **keys):
        self.file = os.path.join(self.directory, "events.log")
        self.sim_ = self.sim("--rate", 0)
        bot = {"token": "t", "rest_url": self.sim_.rest, "plugins": "recorder", **keys}
        return self.host({"main": bot}, plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(self.file)}").start().ready("main")

    def inject(self, name, d):
        self.sim_.ask("POST", "/event", json.dumps({"t": name, "d": d}))

    def recorded(self, name):
        return wait_for(f"{name} in the recorder's file", lambda: next(
            (line for line in read(self.file).splitlines() if f" {name} " in line), None))

    def test_unknown_and_odd_events_pass_through(self):
        host = self.start()
        for name, d, told in (("BRAND_NEW_THING", {"id": "42", "x": [1, {"y": None}]}, "42"),
                              ("ANOTHER_ONE", None, "-"), ("LIST_EVENT", [], "-"),
                              ("DEEP_EVENT", json.loads("[" * 900 + "]" * 900), "-"),
                              ("NUMBER_ID", {"id": 7, "big": 10 ** 400}, None)):
            self.inject(name, d)
            line = self.recorded(name)
            if told is not None:
                self.assertEqual(line.split(" ")[3], told)
        shard = host.bot("main")["shards"][0]
        self.assertEqual((shard["resumes"], shard["malformed"]), (0, 0))

    def test_secrets_are_in_no_file(self):
        host = self.start()
        self.inject("INTERACTION_CREATE", {"id": "5", "token": TOKEN, "type": 2})
        self.inject("VOICE_SERVER_UPDATE", {"guild_id": "5", "token": TOKEN, "endpoint": None})
        self.recorded("INTERACTION_CREATE")
        self.recorded("VOICE_SERVER_UPDATE")
        for folder, _, files in os.walk(host.state):
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(TOKEN.encode(), file.read(), name)

    def test_a_message_above_max_message_is_passed_over(self):
        host = self.start(max_message="64K", ring_size="1M")
        self.inject("HUGE_EVENT", {"id": "1", "text": "x" * 100000})
        self.inject("AFTER_IT", {"id": "2"})
        self.recorded("AFTER_IT")
        shard = host.bot("main")["shards"][0]
        self.assertEqual((shard["too_large"], shard["resumes"]), (1, 0))
        host.logged("larger than max_message")
        self.assertGreaterEqual(host.plugin("recorder")["gaps"], 1)


if __name__ == "__main__":
    main()
