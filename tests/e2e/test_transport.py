"""tests/e2e/test_transport.py: every transport brings every event once, through faults."""
import itertools
import os

from harness import Case, main, recorded, wait_for, writes


class Transport(Case):
    def start(self, sim, compress, tls, name):
        file = os.path.join(self.directory, f"{name}.log")
        bot = {"token": name, "plugins": "recorder", "compress": compress}
        if tls:
            bot.update(rest_url=sim.where["tls_rest"], ca_file=sim.where["ca"])
        else:
            bot.update(rest_url=sim.rest)
        host = self.host({"main": bot}, name=name, plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(file)}")
        return host.start("--time-scale", "0.2").ready("main"), file

    def test_every_compression_plain_and_tls_survives_faults(self):
        for compress, tls in itertools.product(("none", "zlib-stream", "zstd-stream"), (False, True)):
            with self.subTest(compress=compress, tls=tls):
                sim = self.sim("--rate", 300, "--tls-listen", "127.0.0.1:0")
                host, file = self.start(sim, compress, tls, f"{compress}-{tls}")
                # zstd-stream carries no checksum: one wrong byte may decode to other, valid text.
                corrupt = ("corrupt",) if compress == "zlib-stream" else ()
                for fault in ("drop", "reconnect", "close 4000", *corrupt):
                    before = host.bot("main")["shards"][0]["resumes"]
                    sim.fault(fault)
                    try:
                        wait_for(f"a resume after {fault}",
                                 lambda: host.bot("main")["shards"][0]["resumes"] > before, 30)
                    except AssertionError as error:
                        self.fail(f"{error}\n{host.tail_of_log()}\n{sim.status()}")
                    host.ready("main")
                sim.ask("POST", "/rate", "0")
                wait_for("quiet", lambda: host.plugin("recorder")["lag_bytes"] == 0)
                last = host.bot("main")["shards"][0]["seq"]
                host.stop()
                self.assertEqual(recorded(file)[0], list(range(1, last + 1)))
                self.assertEqual(sim.status()["identifies"], 1)
                sim.stop()

    def test_an_untrusted_certificate_is_refused_in_words(self):
        sim = self.sim("--tls-listen", "127.0.0.1:0")
        host = self.host({"main": {"token": "t",
                                   "gateway_url": sim.where["tls_gateway"]}}).start()
        host.logged(r"(?i)certificate")
        self.assertEqual(sim.status()["identifies"], 0)

    def test_the_event_path_allocates_nothing(self):
        sim = self.sim("--rate", 2000, "--tls-listen", "127.0.0.1:0")
        host, _ = self.start(sim, "zlib-stream", True, "alloc")
        shard = lambda: host.bot("main")["shards"][0]
        wait_for("a warm start", lambda: shard()["events"] > 4000)
        before = shard()
        wait_for("10,000 events more", lambda: shard()["events"] > before["events"] + 10000)
        self.assertEqual(shard()["allocations"], before["allocations"])


if __name__ == "__main__":
    main()
