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

    def gaps(self):
        """{shard: first lost seq} as the recorder was told; once each."""
        found = re.findall(r"^(\d+) - DREY_GAP (\d+)-0$", read(self.file), re.M)
        self.assertEqual(len(found), len(dict(found)), found)
        return {int(shard): int(seq) for shard, seq in found}

    def last_seqs(self):
        seqs = {}
        for line in read(self.file).splitlines():
            words = line.split(" ")
            if words[1] != "-":
                seqs[int(words[0])] = int(words[1])
        return seqs

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
        last = self.last_seqs()
        self.change(host, "token = one", "token = two")
        self.restart(host)
        self.assertEqual(self.gaps(), {shard: seq + 1 for shard, seq in last.items()})

    def test_fewer_shards_are_gaps_of_all_there_were(self):
        host = self.start("3")
        last = self.last_seqs()
        self.change(host, "shards = 3", "shards = 1")
        self.restart(host)
        self.assertEqual(self.gaps(), {shard: seq + 1 for shard, seq in last.items()})

    def test_more_shards_are_gaps_of_all_there_were(self):
        host = self.start("1")
        last = self.last_seqs()
        self.change(host, "shards = 1", "shards = 3")
        self.restart(host)
        self.assertEqual(self.gaps(), {shard: seq + 1 for shard, seq in last.items()})


if __name__ == "__main__":
    main()
