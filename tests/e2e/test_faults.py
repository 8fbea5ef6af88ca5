"""tests/e2e/test_faults.py: each fault of the simulator, one after the other on a living bot: it comes
back by RESUME, every event arrives once, and the log says in words what happened."""
import os
import shutil

from harness import BUILD, Case, main, recorded, wait_for, writes

# A moment's trouble: the connection is lost and the session resumed.
BREAKS = ["drop", "fin", "reconnect", "invalid-resumable", "raw 8b00ff13"] + [
    f"close {code}" for code in (1000, 1001, 1011, 1012, 4000, 4001, 4002, 4008, 4009, 4999)
] + [f"frame {kind}" for kind in ("masked", "reserved", "opcode", "utf8", "control", "length")]

# What the connection outlives.
HARMLESS = ["beat 5", "ack 3", "hello 500ms", "ping", "repeat 20", "big 12M", "outage", "back",
            "frame empty", 'send {"op":99,"d":{"x":[1]}}', 'send {"op":0,"t":"NEW_KIND","s":null,"d":[]}',
            "split 100", "chunk 700", "join 3", "slowack 300ms"]

# What lasts until it is healed, or for a few times (a fourth resume in a row that comes to nothing ends the
# session): what to do while it does, to see it.
LASTING = [("silence", None), ("freeze", None), ("noack", None), ("noclose", "reconnect"),
           ("x2 nohello", "drop"), ("x2 noresumed", "drop"), ("x3 early-reconnect", "drop"),
           ("x3 resume-drop", "drop"), ("refuse-resume", "drop"), ("busy-resume", "drop"),
           ("x3 resume-again", "drop"), ("refuse-main", "drop"), ("x3 cut 5", None)]


# Where the session is lost and a new one begun.
LOSING = [("invalid", None), ("forget", "drop"), ("close 4007", None), ("close 4003", None),
          ("resume-invalid", "drop")]

# Of the first list, what concerns the bytes on the wire.
WIRE = ["drop", "frame utf8", "frame continue"]


class Faults(Case):
    def start(self, compress):
        self.world = self.sim("--rate", 100, "--heartbeat-interval", 1000)
        self.file = os.path.join(self.directory, "events.log")
        self.bot = self.host({"main": {"token": "t", "rest_url": self.world.rest,
                                       "plugins": "recorder", "compress": compress}},
                             plugins=["recorder"],
                             sections=f"[plugin:recorder]\n{writes(self.file)}")
        self.bot.start("--time-scale", "0.05").ready("main")

    def shard(self):
        self.bot.alive()
        bot = self.bot.bot("main")
        return bot["shards"][0] if bot and bot["shards"] else {}

    def ready_again(self, fault, before):
        wait_for(f"a resume after {fault}\n", lambda: self.shard().get("resumes", 0) > before and
                 self.shard()["state"] == "ready")

    def assert_every_event_once(self):
        self.world.ask("POST", "/rate", "0")
        wait_for("quiet", lambda: self.bot.plugin("recorder")["lag_bytes"] == 0)
        last = self.shard()["seq"]
        seqs = [seq for seq in recorded(self.file)[0] if seq > 0]
        self.assertEqual(seqs, list(range(1, last + 1)))
        self.assertEqual(self.world.status()["identifies"], 1)

    def faults(self, compress, breaks, lasting):
        self.start(compress)
        for fault in breaks:
            with self.subTest(fault=fault):
                before = self.shard()["resumes"]
                self.world.fault(fault)
                self.ready_again(fault, before)
        for fault in HARMLESS:
            with self.subTest(fault=fault):
                # Timings are a twentieth of the real ones: a busy machine may miss one by itself, now
                # and then; what does harm does it each time.
                for last in (False, False, True):
                    before = self.shard()
                    self.world.fault(fault)
                    wait_for(f"events after {fault}",
                             lambda: self.shard()["events"] > before["events"] + 20)
                    self.world.fault("heal")
                    resumes = self.shard()["resumes"]
                    if resumes == before["resumes"] or last:
                        break
                self.assertEqual(resumes, before["resumes"])
        for fault, then in lasting:
            with self.subTest(fault=fault):
                before = self.shard()
                self.world.fault(fault)
                if then:
                    self.world.fault(then)
                wait_for(f"trouble by {fault}",
                         lambda: self.shard()["connects"] > before["connects"])
                self.world.fault("heal")
                self.ready_again(fault, before["resumes"])
        self.assert_every_event_once()

    def test_zlib_stream_outlives_every_fault(self):
        self.faults("zlib-stream", BREAKS, LASTING)

    def test_zstd_stream_outlives_what_happens_on_the_wire(self):
        self.faults("zstd-stream", WIRE, LASTING[-1:])

    def test_plain_text_outlives_what_happens_on_the_wire(self):
        self.faults("none", WIRE, LASTING[-1:])

    def test_a_lost_session_is_followed_by_a_new_one(self):
        self.start("zlib-stream")
        for fault, then in LOSING:
            with self.subTest(fault=fault):
                identifies = self.world.status()["identifies"]
                self.world.fault(fault)
                if then:
                    self.world.fault(then)
                wait_for(f"IDENTIFY after {fault}",
                         lambda: self.world.status()["identifies"] > identifies)
                self.world.fault("heal")
                self.bot.ready("main")
                before = self.shard()["events"]
                wait_for(f"events after {fault}", lambda: self.shard()["events"] > before)

    def test_op_9_in_place_of_hello_ends_in_a_new_session(self):
        self.start("none")
        self.world.fault("early-invalid; drop")
        self.bot.logged("session is invalid")
        self.world.fault("heal")
        wait_for("IDENTIFY", lambda: self.world.status()["identifies"] > 1)
        self.bot.ready("main")

    def test_a_new_token_is_needed_after_a_reset(self):
        self.start("none")
        self.world.fault("revoke")
        self.assertEqual(self.bot.process.wait(90), 77)
        self.bot.logged("refused the token")


class SlowPlugin(Case):
    def test_one_that_never_keeps_up_holds_the_others_for_overflow_wait_and_no_longer(self):
        world = self.sim("--rate", 2000, "--heartbeat-interval", 1000)
        file = os.path.join(self.directory, "events.log")
        bot = self.host({"main": {"token": "t", "rest_url": world.rest, "ring_size": "256K",
                                  "max_message": "64K", "overflow_wait": "300ms"}},
                        plugins=["recorder"],
                        sections=f"[plugin:recorder]\n{writes(file)}"
                                 f"[plugin:tally]\n{writes(f'{file}.slow')}")
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "tally_slow.so"),
                    os.path.join(bot.plugin_dir, "tally.so"))
        bot.start().ready("main")

        def shard():
            bot.alive()
            return bot.bot("main")["shards"][0]
        wait_for("way made again and again", lambda: shard()["made_way"] >= 20, 30)
        world.ask("POST", "/rate", "0")
        wait_for("quiet", lambda: bot.plugin("recorder")["lag_bytes"] == 0)
        last = shard()["seq"]
        seqs = [seq for seq in recorded(file)[0] if seq > 0]
        self.assertEqual(seqs, list(range(1, last + 1)))
        self.assertEqual(shard()["connects"], 1)
        self.assertGreater(bot.plugin("tally")["gaps"], 0)


if __name__ == "__main__":
    main()
