"""tests/e2e/test_orders.py: what plugins ask of the gateway: members, presence; and a stop meanwhile."""
import os
import re
import shutil
import signal

from harness import BUILD, Case, main, read, wait_for, writes


class Orders(Case):
    def stage(self, *options):
        self.transcript = os.path.join(self.directory, "transcript")
        self.simulator = self.sim("--transcript", self.transcript, *options)
        self.seen = os.path.join(self.directory, "seen.log")
        host = self.host({"main": {"token": "t", "rest_url": self.simulator.rest,
                                   "intents": "auto +MESSAGE_CONTENT +GUILD_MEMBERS"}},
                         sections=f"[plugin:asker]\n{writes(self.seen)}")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "asker.so"), host.plugin_dir)
        return host.start().ready("main")

    def say(self, text):
        self.simulator.ask("POST", "/say", f'{{"text": "{text}", "channel": "general"}}')

    def wrote(self, pattern):
        wait_for(pattern, lambda: re.search(pattern, read(self.seen)))
        return re.findall(pattern, read(self.seen))

    def test_all_members_come_in_chunks_and_end_once(self):
        host = self.stage("--members", 2500)
        self.say("members")
        self.wrote(r"asked 0")
        self.wrote(r"members 5 result 0 chunk 0 of 0 first  last")
        chunks = re.findall(r"members 5 result 0 chunk (\d+) of 3 first", read(self.seen))
        self.assertEqual(sorted(chunks), ["0", "1", "2"])
        self.say("members")  # within 30 s: it waits for its turn, and is not refused
        self.say("send")
        self.wrote(r"done 1 result 0")
        self.assertEqual(read(self.seen).count(" last"), 1)
        self.assertEqual(host.stop(), 0)
        self.assertNotIn("Sanitizer", read(host.log))

    def test_a_stop_ends_what_is_open(self):
        host = self.stage()
        self.say("nowhere")
        self.wrote(r"asked 0")
        host.logged("RESUMED")  # a guild of no shard ends the connection, and what it has in it
        self.say("members")
        self.wrote(r"members 5 result 0 chunk 0 of 0 first  last")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 0)
        self.assertNotIn("Sanitizer", read(host.log))

    def test_what_a_connection_took_to_its_end_is_asked_again_after_the_resume(self):
        host = self.stage("--members", 200)
        self.simulator.fault("x1 deaf")
        self.say("search")
        self.wrote(r"asked 0")
        asked = lambda: read(self.transcript).count('"what":"REQUEST_GUILD_MEMBERS"')
        wait_for("the request", lambda: asked() == 1)
        self.simulator.fault("drop")
        host.logged("RESUMED")
        self.wrote(r"members 8 result 0 chunk 0 of [01] first .* last")
        wait_for("the second request in the transcript", lambda: asked() == 2)
        self.assertEqual(read(self.seen).count(" last"), 1)
        self.assertEqual(host.stop(), 0)

    def test_five_hundred_presences_do_not_break_the_connection(self):
        host = self.stage()
        self.say("flood")
        self.assertEqual(self.wrote(r"flood (\d+)"), ["500"])
        sent = lambda: re.findall(r'"way":"<","what":"PRESENCE"', read(self.transcript))
        wait_for("a presence", sent)
        self.say("send")  # events go on
        self.wrote(r"done 1 result 0")
        self.say("members")  # nor does what others ask wait behind them
        self.wrote(r"members 5 result 0 chunk 0 of 0 first  last")
        self.assertLessEqual(len(sent()), 15)  # five in 20 s
        self.assertEqual(sum(self.simulator.status()["violations"].values()), 0)
        self.assertEqual(read(self.transcript).count('"what":"IDENTIFY"'), 1)
        self.assertEqual(host.stop(), 0)


if __name__ == "__main__":
    main()
