"""tests/e2e/test_upgrade.py: the binary is replaced under a running host: same process, no IDENTIFY,
no event lost or twice; a binary that will not do changes nothing."""
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import BUILD, DREY, WORKER, Case, main, read, recorded, wait_for, writes

RATE = int(os.environ.get("DREY_E2E_RATE", "2000"))
UPGRADES = int(os.environ.get("DREY_E2E_UPGRADES", "5"))


class Upgrade(Case):
    def setUp(self):
        super().setUp()
        self.binary = os.path.join(self.directory, "bin", "drey")
        os.makedirs(os.path.dirname(self.binary))
        shutil.copy(DREY, self.binary)
        shutil.copy(WORKER, os.path.dirname(self.binary))

    def install(self, source=DREY):
        """As a package does it: a new file beside the old one, then its name."""
        shutil.copy(source, self.binary + ".new")
        os.rename(self.binary + ".new", self.binary)
        return os.stat(self.binary).st_ino

    def running(self, host):
        """The inode of the program that the process runs."""
        return os.stat(f"/proc/{host.process.pid}/exe").st_ino

    def start(self, *sim_options, **rest):
        sim = self.sim(*sim_options)
        self.events = os.path.join(self.directory, "events.log")
        host = self.host({"main": {"token": "t", "rest_url": sim.rest, "plugins": "recorder"}},
                         plugins=["recorder"],
                         sections=f"[plugin:recorder]\n{writes(self.events)}")
        host.binary = self.binary
        host.start(**rest).ready("main")
        return sim, host

    def handled(self, host):
        """None while one program goes and the next comes."""
        row = host.plugin("recorder")
        return row["handled"] if row else None

    def flow(self, host, more=300):
        before = wait_for("the recorder", lambda: self.handled(host))
        wait_for("events to flow", lambda: (self.handled(host) or 0) > before + more)

    def settle(self, sim, host):
        """Ends the traffic; every event of the session was recorded once, in order."""
        sim.ask("POST", "/rate", "0")
        wait_for("the shards to have every event", lambda: {
            s["shard"]: s["last_seq"] for s in sim.status()["bots"][0]["shards"]} == {
            s["id"]: s["seq"] for s in host.bot("main")["shards"]})
        wait_for("the recorder to catch up", lambda: host.plugin("recorder")["lag_bytes"] == 0)
        last = {s["id"]: s["seq"] for s in host.bot("main")["shards"]}
        self.assertEqual(host.stop(), 0)
        self.assertNotIn("Sanitizer", read(host.log))  # a program that was replaced has no status
        seen = recorded(self.events)
        for shard, seqs in seen.items():
            self.assertEqual(seqs, list(range(1, last[shard] + 1)), f"shard {shard}")
        return sum(map(len, seen.values()))

    def test_five_binaries_in_a_row_lose_nothing(self):
        sim, host = self.start("--rate", RATE, "--shards", 2, "--max-concurrency", 16)
        pid, open_files = host.process.pid, None
        for i in range(UPGRADES):
            self.flow(host)
            inode = self.install()
            done = host.run("upgrade", "-c", host.ini)
            self.assertEqual((done.returncode, done.stderr), (0, ""), host.tail_of_log())
            self.assertIn(f"process {pid}", done.stdout)
            host.ready("main")
            self.assertEqual(self.running(host), inode)
            self.assertEqual(read(f"/proc/{pid}/comm").strip(), "drey")
            open_files = open_files or len(os.listdir(f"/proc/{pid}/fd"))
            # some come and go: what stays must not grow
            wait_for("the descriptors of the old program to be closed",
                     lambda: len(os.listdir(f"/proc/{pid}/fd")) <= open_files)
        self.flow(host)
        status = sim.status()
        events = self.settle(sim, host)
        self.assertEqual((status["identifies"], status["resumes"]), (2, 2 * UPGRADES))
        self.assertEqual((status["client_closes_1000"], status["client_closes_1001"]), (0, 0))
        print(f"{UPGRADES} upgrades, {events} events, each once")

    def test_signals_while_it_happens_are_kept(self):
        sim, host = self.start("--rate", 200)
        for _ in range(3):
            self.flow(host, 20)
            before = read(host.log).count("takes over")
            host.process.send_signal(signal.SIGUSR2)
            wait_for("the old one to stop", lambda: read(host.log).count("takes over") > before)
            for _ in range(20):  # some of them before the new one has a handler
                host.process.send_signal(signal.SIGHUP)
                host.process.send_signal(signal.SIGUSR2)
                time.sleep(0.005)
            host.alive()
            # one that is asked to go before it got anywhere says nothing of its session
            wait_for("the last one to be up",
                     lambda: "ready: 1 of 1" in read(host.log).rsplit("takes over", 1)[-1])
            host.ready("main")
        before = read(host.log).count("takes over")
        host.process.send_signal(signal.SIGUSR2)
        wait_for("the old one to stop", lambda: read(host.log).count("takes over") > before)
        self.assertEqual(host.stop(), 0)  # SIGTERM: an orderly end, of the old or of the new one
        self.assertEqual(sim.status()["identifies"], 1)

    def refused(self, host, pattern, config_fine=True):
        pid, inode = host.process.pid, self.running(host)
        done = host.run("upgrade", "--control", host.control)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, pattern)
        self.assertRegex(done.stderr, "the running drey goes on")
        before = read(host.log).count("no upgrade")
        host.process.send_signal(signal.SIGUSR2)
        wait_for("the refusal in the log", lambda: read(host.log).count("no upgrade") > before)
        self.assertEqual((host.process.pid, self.running(host)), (pid, inode))
        if config_fine:
            self.flow(host, 20)

    def test_a_binary_that_will_not_do_changes_nothing(self):
        sim, host = self.start("--rate", 200)
        os.rename(self.binary, self.binary + ".old")
        self.refused(host, "No such file")
        self.install("/bin/false")
        self.refused(host, "check by .* ended with status 1")
        self.install()
        os.chmod(self.binary, 0o644)
        self.refused(host, "no file that may be run")
        with open(self.binary + ".new", "wb") as file:
            file.write(b"\x7fELF and then nonsense")
        os.chmod(self.binary + ".new", 0o755)
        os.rename(self.binary + ".new", self.binary)
        self.refused(host, "cannot be run|ended with status 127")
        self.install()
        whole = read(host.ini)
        with open(host.ini, "a", encoding="utf-8") as file:
            file.write("\n[drey]\nnonsense = 1\n")
        self.refused(host, r"ended with status 78: .*error: section \[drey\]", False)
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(whole)
        status = sim.status()
        self.assertEqual((status["identifies"], status["resumes"], status["gateway_connections"]),
                         (1, 0, 1))
        self.assertEqual(host.run("upgrade", "-c", host.ini).returncode, 0)
        self.settle(sim, host)

    def test_when_the_new_binary_cannot_be_run_after_all_the_old_one_is(self):
        sim, host = self.start("--rate", 200)
        inode = self.running(host)
        self.install(os.path.join(BUILD, "bin", "test_turncoat"))  # passes its check, then...
        host.process.send_signal(signal.SIGUSR2)
        host.logged("The old binary starts again")
        host.ready("main")
        self.assertEqual(self.running(host), inode)
        self.flow(host, 20)
        os.chmod(self.binary, 0o755)
        done = host.run("upgrade", "-c", host.ini)
        self.assertEqual((done.returncode, done.stdout), (1, ""), host.tail_of_log())
        self.assertRegex(done.stderr, "no upgrade: the old binary, drey .*, runs again")
        host.ready("main")
        self.install()
        self.assertEqual(host.run("upgrade", "-c", host.ini).returncode, 0, host.tail_of_log())
        host.ready("main")
        self.assertNotEqual(self.running(host), inode)
        self.settle(sim, host)
        self.assertEqual(sim.status()["identifies"], 1)

    def test_a_stop_while_the_new_binary_is_checked_stays_a_stop(self):
        sim, host = self.start("--rate", 200)
        with open(self.binary + ".hold", "w", encoding="utf-8"):
            self.install(os.path.join(BUILD, "bin", "test_turncoat"))
        sim.fault("noclose")
        host.process.send_signal(signal.SIGUSR2)
        host.logged("upgrade: checking")
        host.process.send_signal(signal.SIGTERM)
        host.logged("stopping: sessions stay")
        os.unlink(self.binary + ".hold")
        self.assertEqual(host.process.wait(60), 0)
        self.assertIn("no upgrade: drey is stopping", read(host.log))
        self.assertNotIn("takes over", read(host.log))

    def test_a_stop_while_the_old_one_ends_is_not_lost(self):
        def by_command(*words):
            return lambda host: self.assertEqual(
                host.run("stop", "--control", host.control, *words).returncode, 0)

        def by_signal(number):
            return lambda host: host.process.send_signal(number)

        sim, host = self.start("--rate", 200)
        for stop, resumes in ((by_signal(signal.SIGTERM), 1), (by_signal(signal.SIGINT), 2),
                              (by_command(), 3), (by_command("--final"), 3)):
            sim.fault("noclose")
            before = read(host.log).count("takes over")
            host.process.send_signal(signal.SIGUSR2)
            wait_for("the old one to stop", lambda: read(host.log).count("takes over") > before)
            stop(host)
            self.assertEqual(host.process.wait(60), 0)
            self.assertEqual(read(host.log).count("without a successor"), before + 1)
            sim.fault("heal")
            host.start().ready("main")
            self.assertEqual(sim.status()["resumes"], resumes)
        self.assertEqual(sim.status()["identifies"], 2)

    def test_the_service_manager_is_told(self):
        path = os.path.join(self.directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(path)
            listener.settimeout(90)
            _, host = self.start(NOTIFY_SOCKET=path, CREDENTIALS_DIRECTORY=self.directory)
            self.assertEqual(listener.recv(4096), b"READY=1")
            environment = read(f"/proc/{host.process.pid}/environ")
            command = read(f"/proc/{host.process.pid}/cmdline")
            host.process.send_signal(signal.SIGUSR2)
            self.assertRegex(listener.recv(4096), rb"^RELOADING=1\nMONOTONIC_USEC=[0-9]+$")
            self.assertEqual(listener.recv(4096), b"READY=1")
            self.assertEqual(read(f"/proc/{host.process.pid}/environ"), environment)
            self.assertEqual(read(f"/proc/{host.process.pid}/cmdline"), command)
            self.assertEqual(host.stop(), 0)
            self.assertEqual(listener.recv(4096), b"STOPPING=1")

    def test_found_by_path_and_over_a_symbolic_link(self):
        sim, host = self.start("--rate", 200)
        self.assertEqual(host.stop(), 0)
        link = os.path.join(self.directory, "link")
        os.makedirs(link)
        os.symlink(self.binary, os.path.join(link, "drey"))
        other = os.path.join(self.directory, "other-drey")
        shutil.copy(DREY, other)
        shutil.copy(WORKER, self.directory)
        host.process = subprocess.Popen(["drey", "run", "-c", host.ini],
                                        executable=os.path.join(link, "drey"),
                                        env=dict(os.environ, PATH=link + ":" + os.environ["PATH"]),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host.ready("main")
        os.symlink(other, os.path.join(link, "new"))
        os.rename(os.path.join(link, "new"), os.path.join(link, "drey"))
        self.assertEqual(host.run("upgrade", "-c", host.ini).returncode, 0)
        host.ready("main")
        self.assertEqual(self.running(host), os.stat(other).st_ino)
        self.settle(sim, host)


if __name__ == "__main__":
    main()
