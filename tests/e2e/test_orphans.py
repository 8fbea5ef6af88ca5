"""tests/e2e/test_orphans.py: a session that a new token or another number of shards makes useless is a
gap that plugins are told of, once."""
import os
import re

from harness import Case, main, read, wait_for, writes


class Orphans(Case):
    def start(self, shards):
        self.sim_ = self.sim("--rate", 500, "--max-concurrency", 16)
        self.file = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "one", "rest_url": self.sim_.rest,
                                   "plugins": "recorder", "shards": shards}},
                         plugins=["recorder"], sections=f"[plugin:recorder]\n{writes(self.file)}")
        host.start().ready("main")
        wait_for("events on every shard", lambda: all(
            s["seq"] > 10 for s in host.bot("main")["shards"]))
        self.assertEqual(host.stop(), 0)
        wait_for("events that nobody took", lambda: self.sim_.status()["events_happened"] > 500)
        return host

    def assert_gaps(self, shards):
        """The recorder was told of one for each shard: from behind the last event it has of the session."""
        last, first_lost = {}, {}
        for shard, seq, event, rest in re.findall(r"^(\d+) (\d+|-) (\S+) (\S*)", read(self.file), re.M):
            if event == "DREY_GAP":
                self.assertNotIn(shard, first_lost, "it was told twice")
                first_lost[shard] = int(rest.split("-")[0])
                self.assertEqual(first_lost[shard], last[shard] + 1, f"of shard {shard}")
            elif seq != "-":
                last[shard] = int(seq)
        self.assertEqual(len(first_lost), shards, first_lost)

    def change(self, host, old, new):
        text = read(host.ini)
        self.assertIn(old, text)
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))

    def restart(self, host):
        for _ in range(2):  # the second time there is nothing more to tell
            host.start().ready("main")
            wait_for("the recorder", lambda: host.plugin("recorder")["handled"] > 10)
            self.assertEqual(host.stop(), 0)

    def test_a_new_token_is_a_gap(self):
        host = self.start("2")
        self.change(host, "token = one", "token = two")
        self.restart(host)
        self.assert_gaps(2)

    def test_fewer_shards_are_gaps_of_all_there_were(self):
        host = self.start("3")
        self.change(host, "shards = 3", "shards = 1")
        self.restart(host)
        self.assert_gaps(3)

    def test_more_shards_are_gaps_of_all_there_were(self):
        host = self.start("1")
        self.change(host, "shards = 1", "shards = 3")
        self.restart(host)
        self.assert_gaps(1)


if __name__ == "__main__":
    main()
