"""tests/reload/test_apart.py: plugins in processes of their own: what ends one of them ends nothing
else, and what it tries against the house fails."""
import collections
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys

# This file is about what is so by default; ctest says otherwise for all files, before the rig reads it.
os.environ.pop("DREY_ISOLATION", None)
from rig import BUILD, Reload, SANITIZED, TSAN, ledger, main, put, read, records, wait_for
from harness import PLUGINS  # found by the rig

KILLS = int(os.environ.get("DREY_APART_KILLS", "8" if SANITIZED else "50"))
DREY = os.path.join(BUILD, "bin", "drey")


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


class Apart(Reload):
    process = True

    def command(self, *words):
        return subprocess.run([DREY, *words, "--control", self.drey_host.control],
                              capture_output=True, text=True, timeout=60, check=False)

    def parked(self):
        return self.control.ask(cmd="parked", act="list")["parked"]

    def complete(self, last, doubles=False):
        """Every event was handled or is parked, exactly once (doubles: or at once again, marked)."""
        seen = records(self.file)
        aside = collections.defaultdict(list)
        for row in self.parked():
            aside[row["shard"]].append(row["seq"])
        for shard, highest in last.items():
            counts = collections.Counter(list(seen[shard]) + aside[shard])
            lost = [seq for seq in range(1, highest + 1) if seq not in counts]
            twice = [seq for seq, n in counts.items() if n > 1]
            self.assertEqual(lost, [], f"shard {shard}: lost\n{self.drey_host.tail_of_log()}")
            if not doubles:
                self.assertEqual(twice, [], f"shard {shard}: twice")

    def poisoned(self, word, how, name=None):
        """Each fortieth event ends the process; it is delivered twice and parked, others flow."""
        if "timeout" in how:
            self.world.ask("POST", "/rate", "40")  # or the ring is full of what waits
        put(ledger(f"2.{word}"), self.target)
        ok, text = self.reload("ledger")
        self.assertTrue(ok, text)
        self.wait("events to be parked", lambda: len(self.parked()) >= 2)
        put(ledger("3.good"), self.target)
        # a process that is being ended just now puts a reload off
        self.wait("a good version", lambda: self.reload("ledger")[0] or
                  self.row()["version"] == "3.good")
        self.flows()
        last = self.settle()
        rows = self.parked()
        self.assertTrue(all(row["seq"] % 40 == 0 and row["attempts"] == 2 for row in rows), rows)
        self.assertTrue(all(re.search(how, row["how"]) for row in rows), rows)
        log = read(self.drey_host.log)
        self.assertRegex(log, rf"gen 2 ended: .*{how}.*, event \d+, attempt 1")
        self.assertRegex(log, r"gen 2 ended: .*, event \d+, attempt 2")
        if name is not None:
            self.assertRegex(log, rf"#\d+ ({name})[.\w]*\+0x")
            # of the one there are more calls than are shown, of the other there is nothing to unwind by
            if name not in ("deeper|overflow", "jump"):
                self.assertRegex(log, r"#\d+ on_event\+0x")
        self.complete(last)
        self.as_before()
        self.session_kept()


class Hangs(Apart):
    # longer than what counts as a good life
    sections = "handler_timeout = 11s\ncrash_limit = 2\n"

    def test_row_19_one_that_always_hangs_is_stopped_too(self):
        put(ledger("2.poison-hang"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.wait("it to be given up", lambda: self.row()["state"] == "stopped")
        self.assertEqual(self.log_count("it ended 2 times in a row: stopped"), 1)
        self.assertEqual(len(self.parked()), 1)


class Shortage(Apart):
    sections = "crash_limit = 2\n"

    def test_row_19_a_shortage_of_the_hosts_is_no_end_of_the_plugin_s(self):
        host = self.drey_host.process.pid
        usual = resource.prlimit(host, resource.RLIMIT_NOFILE)
        pid = self.row()["pid"]
        resource.prlimit(host, resource.RLIMIT_NOFILE, (16, usual[1]))  # all taken: status has no answer now
        os.kill(pid, signal.SIGKILL)
        self.wait("three tries", lambda: self.log_count(
            "gen 1 cannot be started now: .*; tried again in") >= 3)
        resource.prlimit(host, resource.RLIMIT_NOFILE, usual)
        self.wait("it to be back", lambda: self.log_count("gen 1 is back"))
        self.assertEqual(self.row()["crashes"], 1)
        self.complete(self.settle())


class Ends(Apart):
    """Rows 18, 19, 22, 25, 35."""
    sections = "handler_timeout = 400ms\n"

    def test_row_18_a_handler_that_sleeps_is_ended(self):
        self.poisoned("poison-hang", "did not return within handler_timeout", "hang")

    def test_row_18_a_handler_that_loops_is_ended(self):
        # ThreadSanitizer holds a signal back until the next call of libc: there is none.
        self.poisoned("poison-spin", "did not return within handler_timeout",
                      None if TSAN else "spin")

    def test_row_19_one_that_always_crashes_is_stopped_and_shown(self):
        put(ledger("2.event-crash"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.wait("it to be given up", lambda: self.row()["state"] == "stopped")
        waits = [int(ms) for ms in re.findall(r"started again in (\d+) ms",
                                              read(self.drey_host.log))]
        self.assertEqual(waits, sorted(waits))
        self.assertGreater(len(set(waits)), 3)
        self.assertEqual(self.row()["crashes"], 12)
        status = self.command("status")
        self.assertEqual(status.returncode, 4, status.stdout)
        self.assertIn("stopped", status.stdout)
        self.assertEqual(len(self.parked()), 6)
        ok, text = self.reload()  # of all: what was stopped is started
        self.assertTrue(ok and "nothing changed" not in text, text)
        self.wait("it to be given up again", lambda: self.row()["crashes"] == 24)
        put(ledger("3.good"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.flows()
        self.assertEqual(self.command("status", "-q").returncode, 0)
        self.complete(self.settle())
        self.session_kept()

    def test_an_event_is_parked_only_while_its_plugin_has_room(self):
        folder = os.path.join(self.drey_host.state, "main", "parked")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "other.1"), "wb") as file:
            file.truncate(256 << 20)  # of somebody else: it takes nothing away
        put(ledger("2.poison-crash"), self.target)
        self.assertTrue(self.reload("ledger")[0])
        self.wait("an event to be parked", lambda: self.log_count(r"event \d+ is parked"))
        with open(os.path.join(folder, "ledger.1"), "wb") as file:
            file.truncate(256 << 20)
        self.wait("the room to be full",
                  lambda: self.log_count(r"cannot be parked: \d+ events of ledger .* MiB"))
        self.wait("it to be stopped", lambda: self.row()["state"] == "stopped")

    def test_row_22_a_thread_left_running_is_gone_with_its_process(self):
        self.replace("2.left-thread")
        self.replace("3.left-renamed")
        self.replace("4.left-signal")
        self.replace("5.good")
        self.all_well()

    def test_row_25_initial_exec_tls_works(self):
        self.replace("2.good", "ledger_tls")
        self.replace("3.good")
        self.all_well()

    def test_row_35_children_end_with_the_host(self):
        pid = self.row()["pid"]
        self.assertFalse(gone(pid))
        self.drey_host.kill()
        wait_for("the child to end", lambda: gone(pid))
        self.control.close()
        self.launch()
        self.assertNotEqual(self.row()["pid"], pid)
        self.flows()
        self.complete(self.settle(), doubles=True)

    def test_kill_9_of_its_process_loses_nothing(self):
        for i in range(KILLS):
            if i % 4 == 3:  # another file, another chance: twelve in a row are the end
                self.replace(f"{i}.good")
            pid = self.row()["pid"]
            if pid:
                os.kill(pid, signal.SIGKILL)
            self.wait("another process", lambda: self.row()["pid"] not in (0, pid))
            self.flows(5)
        last = self.settle()
        self.complete(last, doubles=True)
        self.as_before()
        self.session_kept()

    def test_a_process_that_has_nothing_to_do_gives_its_memory_back(self):
        self.world.ask("POST", "/rate", "0")
        pid = self.row()["pid"]

        def file_kib():
            """Of the code of the program and its libraries, and of the ring."""
            found, what = {"code": 0, "ring": 0}, None
            for line in read(f"/proc/{pid}/smaps").splitlines():
                if match := re.match(r"[0-9a-f]+-[0-9a-f]+ (....) .* (/\S+)", line):
                    what = {"r-xp": "code", "r--s": "ring"}.get(match[1])
                    what = what if "/gen/" not in match[2] else None  # not the plugin's own
                elif what and line.startswith("Rss:"):
                    found[what] += int(line.split()[1])
                    what = None
            return found
        least = 1024 if SANITIZED else 64  # a sanitizer has words about each call
        self.assertGreater(file_kib()["code"], least)
        self.wait("pages to be given back",
                  lambda: (kib := file_kib())["code"] <= least and kib["ring"] <= 4)
        self.assertEqual(self.row()["pid"], pid)
        self.world.ask("POST", "/rate", str(self.rate))
        self.flows()
        self.assertGreater(file_kib()["code"], least)  # what it needs is there again
        self.all_well()



class Bounds(Apart):
    """Rows 17 and 40: a big stack or memory is touched first, which takes a busy machine a second."""
    sections = "memory = 48 MiB\n"

    def test_row_17_a_crash_in_a_handler_ends_its_process_alone(self):
        self.poisoned("poison-crash", r"SIGSEGV|AddressSanitizer|exit status", None if SANITIZED
                      else "crash")

    def test_row_17_abort_ends_its_process_alone(self):
        self.poisoned("poison-abort", r"SIGABRT", "call_abort")

    def test_row_17_a_call_of_nothing_is_told_with_its_caller(self):
        self.poisoned("poison-jump", r"SIGSEGV|AddressSanitizer|exit status", None if SANITIZED
                      else "jump")

    def test_row_17_a_call_of_anything_is_told_with_its_caller(self):
        self.poisoned("poison-wild", r"SIGSEGV|AddressSanitizer|exit status", None if SANITIZED
                      else "jump")

    def test_row_17_a_stack_that_overflows_ends_its_process_alone(self):
        self.poisoned("poison-overflow", r"SIGSEGV|exit status", None if SANITIZED
                      else "deeper|overflow")

    def test_row_40_out_of_memory_ends_its_process_alone(self):
        if SANITIZED:
            self.skipTest("a sanitizer's memory has no bounds")
        self.poisoned("poison-memory", "SIGSEGV", "eat_memory")

    def test_row_40_out_of_descriptors_ends_its_process_alone(self):
        self.poisoned("poison-descriptors", "SIGABRT", "eat_descriptors")


class Strikes(Apart):
    """Attacks. A ledger on a thread beside them is the witness."""
    process = False

    def prepare(self):
        self.attacker = os.path.join(self.drey_host.plugin_dir, "attacker.so")
        put(ledger("1.nothing", "attacker"), self.attacker)

    sections = ("[plugin:attacker]\nisolation = process\nsandbox = require\n"
                "token = drey-token-of-this-test\nhost_file = /etc/hostname\n"
                "state_file = /etc/hostname\n")

    def strike(self, word):
        put(ledger(f"2.{word}", "attacker"), self.attacker)
        ok, text = self.reload("attacker")
        self.assertTrue(ok, text)

    def unhurt(self):
        self.flows()
        put(ledger("3.nothing", "attacker"), self.attacker)
        self.wait("a good version",
                  lambda: self.reload("attacker")[0] and
                  self.row("attacker")["version"] == "3.nothing")
        handled = self.row("attacker")["handled"]
        self.wait("it to handle events", lambda: self.row("attacker")["handled"] > handled + 20)
        self.assertEqual(self.row("attacker")["state"], "running")
        self.session_kept()


class Attacks(Strikes):
    """Row 34."""

    def test_row_34_every_attack_fails(self):
        self.strike("all")
        self.wait("the attacks", lambda: self.log_count(r"\d+ attacks tried"))
        log = read(self.drey_host.log)
        self.assertNotIn("SUCCEEDED", log)
        self.assertNotIn("threads do not work", log)
        self.assertEqual(self.row("attacker")["crashes"], 0)
        self.assertRegex(self.row("attacker")["confined"], r"Landlock \d+, seccomp")
        self.unhurt()

    def test_row_34_no_field_of_a_cursor_hurts_when_it_is_overwritten(self):
        for field in ("magic", "version", "epoch", "ahead", "odd", "flight", "attempt", "sleeping",
                      "lapped"):
            with self.subTest(field):
                crashes = self.row("attacker")["crashes"]
                self.strike(f"cursor-{field}")
                self.wait("its end", lambda: self.row("attacker")["crashes"] > crashes)
                self.assertEqual(self.log_count("its cursor was not found"), 0)
                self.unhurt()

    def test_row_34_the_ring_cannot_be_written(self):
        self.strike("ring")
        self.wait("its end", lambda: self.row("attacker")["crashes"] > 0)
        self.assertEqual(self.log_count("SUCCEEDED"), 0)
        self.unhurt()

    def test_row_34_whoever_breaks_the_protocol_is_killed(self):
        for kind in ("short", "kind", "length", "total", "middle", "names", "down", "ended",
                     "answer", "rows", "rest", "done", "empty", "more"):
            with self.subTest(kind):
                crashes = self.row("attacker")["crashes"]
                broken = self.log_count("it broke the protocol")
                self.strike(f"packet-{kind}")
                self.wait("its end", lambda: self.row("attacker")["crashes"] > crashes)
                self.assertGreater(self.log_count("it broke the protocol"), broken)
                self.assertEqual(self.log_count("SUCCEEDED"), 0)
                self.unhurt()

    def test_row_34_a_parked_event_that_was_not_tried_again_stays(self):
        folder = os.path.join(self.drey_host.state, "main", "parked")
        file = os.path.join(folder, "attacker.640")
        os.makedirs(folder, exist_ok=True)
        with open(file, "wb") as out:  # no event that could be handled, either
            out.write(b'{"plugin":"attacker"}\n' + struct.pack("<Q", 640) * 16)
        self.strike("packet-again")
        self.wait("the lie", lambda: "sent packet-again" in self.row("attacker")["error"])
        self.assertTrue(os.path.exists(file))
        self.assertEqual(self.command("parked", "retry", "attacker.640").returncode, 0)
        self.unhurt()
        self.assertTrue(os.path.exists(file))


# Starts drey on a kernel whose Landlock answers ENOSYS: by a filter of its own, for x86-64 and
# aarch64 alike.
WITHOUT_LANDLOCK = f"""#!{sys.executable}
import ctypes, os, struct, sys
code = b"".join(struct.pack("<HBBI", *step) for step in (
    (0x20, 0, 0, 0), (0x35, 0, 2, 444), (0x25, 1, 0, 446), (6, 0, 0, 0x50000 | 38),
    (6, 0, 0, 0x7fff0000)))
program = struct.pack("<HxxxxxxQ", 5, ctypes.addressof(room := ctypes.create_string_buffer(code)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execv({DREY!r}, [{DREY!r}] + sys.argv[1:])
"""


def without_landlock(host):
    host.binary = os.path.join(host.directory, "drey-without")
    with open(host.binary, "w", encoding="utf-8") as file:
        file.write(WITHOUT_LANDLOCK)
    os.chmod(host.binary, 0o700)


class WithoutLandlock(Attacks):
    """Row 34 on an older kernel: nothing can be written, and what is missing is said."""
    sections = Attacks.sections.replace("sandbox = require", "sandbox = auto")

    def prepare(self):
        super().prepare()
        without_landlock(self.drey_host)

    def test_row_34_every_attack_fails(self):
        self.strike("all")
        self.wait("the attacks", lambda: self.log_count(r"\d+ attacks tried"))
        log = read(self.drey_host.log)
        done = set(re.findall(r"SUCCEEDED (\w+)", log))
        self.assertLessEqual(done, {"read_passwords", "read_configuration"})
        words = "limits, no privileges, no Landlock (files are readable, not writable), seccomp"
        self.assertEqual(self.row("attacker")["confined"], words)
        self.assertEqual(self.row("attacker")["sandbox"], "partial")
        table = self.command("status").stdout
        self.assertRegex(table, r"(?m)^attacker .* process/partial ")
        self.assertIn(f" sandbox: {words}\n", table)
        self.assertRegex(log, r"warn  main \[attacker\] in a process of its own .* no Landlock")
        self.unhurt()


class WithoutLandlockToWrite(Apart):
    process = False
    sections = "[plugin:attacker]\nisolation = process\nallow_write = /tmp/drey-attacker\n"

    def prepare(self):
        without_landlock(self.drey_host)

    def test_what_could_write_anywhere_is_not_loaded(self):
        put(ledger("1.all", "attacker"), os.path.join(self.drey_host.plugin_dir, "attacker.so"))
        ok, text = self.reload("attacker")
        self.assertFalse(ok)
        self.assertIn("allow_write needs Landlock", text)
        self.assertEqual(self.log_count("attacks tried"), 0)
        self.flows()


class Told(Apart):
    """What an operator is told of a sandbox, and of what it refused."""
    watch = "off"

    def place(self, name, source):
        put(source, os.path.join(self.drey_host.plugin_dir, name + ".so"))

    def configure(self, text):
        with open(self.drey_host.ini, "a", encoding="utf-8") as file:
            file.write(text)

    def touched(self):
        return os.path.exists(os.path.join(self.drey_host.state, "gen", "touched"))

    def test_row_10_a_constructor_can_do_no_more_in_the_probe_than_a_handler(self):
        self.replace("2.ctor-touch")
        self.replace("3.init-touch")
        self.assertFalse(self.touched())
        self.all_well()

    def test_row_34_a_file_that_it_may_not_open_is_explained(self):
        """In the answer, in the log and in the table."""
        out = os.path.join(self.directory, "recorded")
        self.configure(f"[plugin:recorder]\nfile = {out}\n")
        advice = f"`allow_read = {out}` in [plugin:recorder] lets it read that, `allow_write = {out}` write it"
        with open(os.path.join(PLUGINS, "recorder.so"), "rb") as file:
            self.place("recorder", file.read())
        answer = self.command("reload", "--config")
        self.assertEqual(answer.returncode, 1)
        self.assertIn(f"{out}: Permission denied; if its sandbox refused that: {advice}",
                      answer.stdout)
        log = read(self.drey_host.log)
        self.assertRegex(log, rf"error main \[recorder\] {out}: Permission denied\n.*"
                              rf"warn  main \[recorder\] if its sandbox .*{re.escape(advice)}")
        self.assertFalse(os.path.exists(out))
        self.configure(f"allow_write = {out}\n")
        self.assertEqual(self.command("reload", "--config").returncode, 0)
        self.wait("events", lambda: os.path.getsize(out) > 1000)

    def test_status_shows_where_each_plugin_runs(self):
        self.configure("[plugin:counter]\nisolation = thread\n[plugin:poll]\nsandbox = off\n")
        for name in ("counter", "poll"):
            with open(os.path.join(PLUGINS, name + ".so"), "rb") as file:
                self.place(name, file.read())
        self.assertEqual(self.command("reload", "--config").returncode, 0)
        table = self.command("status").stdout
        self.assertRegex(table, r"PLUGIN +VERSION +GEN +BOT +STATE +ISOLATION +LAG")
        for name, where, sandbox in (("ledger", "process/full", "full"), ("counter", "thread", None),
                                     ("poll", "process/off", "off")):
            self.assertRegex(table, rf"(?m)^{name} .* running +{where} ")
            self.assertEqual(self.row(name).get("sandbox"), sandbox)

    def checker(self, plugin):
        """check(text, program) is `drey check` of a configuration of its own, that ends in this text."""
        folder = os.path.join(self.directory, "checked")
        self.ini = os.path.join(folder, "drey.ini")
        out = os.path.join(folder, "out")
        os.makedirs(os.path.join(folder, "plugins"))
        put(ledger("1.good", plugin), os.path.join(folder, "plugins", "ledger.so"))

        def check(text, program=DREY, **environment):
            with open(self.ini, "w", encoding="utf-8") as file:
                file.write("[bot:one]\ntoken = a\n[bot:two]\ntoken = b\n"
                           f"[plugin:ledger]\nfile = {out}\nallow_write = {out}\n{text}")
            os.chmod(self.ini, 0o600)
            return subprocess.run([program, "check", "-c", self.ini], capture_output=True, text=True,
                                  timeout=60, check=False, env={**os.environ, **environment})
        return folder, out, check

    def test_a_check_tries_a_plugin_with_what_it_will_have(self):
        folder, _, check = self.checker("ledger_borrowed")
        self.assertEqual(check("isolation = thread\n").returncode, 0)
        alone = check("isolation = process\n")
        self.assertEqual(alone.returncode, 78, alone.stdout)
        self.assertIn("undefined symbol: curl_global_cleanup", alone.stdout)
        put(ledger("1.good", "ledger_missing"), os.path.join(folder, "plugins", "ledger.so"))
        where = {"LD_LIBRARY_PATH": os.path.join(os.path.abspath(BUILD), "tests", "plugins", "gone")}
        self.assertEqual(check("isolation = thread\n", **where).returncode, 0)
        alone = check("isolation = process\n", **where)  # which has no environment
        self.assertEqual(alone.returncode, 78, alone.stdout)
        self.assertIn("libledger_gone.so: cannot open shared object file", alone.stdout)

    def test_a_worker_of_another_version_is_named_and_no_plugin_blamed(self):
        folder, _, check = self.checker("ledger")
        shutil.copy(DREY, os.path.join(folder, "drey"))
        other = "drey-worker is of another version than drey: install both"
        for status, says in ((64, other), (2, other), (1, r"drey-worker ended \(exit status 1\)")):
            with open(os.path.join(folder, "drey-worker"), "w", encoding="ascii") as file:
                file.write(f"#!/bin/sh\nexit {status}\n")
            os.chmod(file.name, 0o755)
            said = check("isolation = process\n", os.path.join(folder, "drey"))
            self.assertEqual(said.returncode, 78, said.stdout)
            self.assertRegex(said.stdout, says)

    def test_a_check_tries_a_plugin_as_each_bot_runs_it(self):
        """Initial-exec TLS fits a process alone: so for one bot it is right, for another wrong."""
        folder, out, check = self.checker("ledger_tls")
        good = check("")
        self.assertEqual(good.returncode, 0, good.stdout)
        self.assertFalse(os.path.exists(out), "a check makes no files")
        bad = check("[plugin:ledger@two]\nisolation = thread\n")
        self.assertEqual(bad.returncode, 78, bad.stdout)
        self.assertRegex(bad.stdout, "bot two: .*initial-exec thread-local storage")
        mended = check("isolation = thread\n[plugin:ledger@one]\nisolation = process\n"
                       "[plugin:ledger@two]\nisolation = process\n")
        self.assertEqual(mended.returncode, 0, mended.stdout)
        alone = subprocess.run([DREY, "check", os.path.join(folder, "plugins", "ledger.so"), "-c",
                                self.ini], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(alone.returncode, 0, alone.stdout)
        self.assertIn("it runs with isolation = process alone", alone.stdout)


class OnAThread(Told):
    """The same file without a sandbox: what shows that a sandbox does something."""
    process = False

    def test_row_10_a_constructor_can_do_no_more_in_the_probe_than_a_handler(self):
        self.replace("2.ctor-touch")
        self.assertTrue(self.touched())

    test_row_34_a_file_that_it_may_not_open_is_explained = None
    test_status_shows_where_each_plugin_runs = None
    test_a_check_tries_a_plugin_as_each_bot_runs_it = None
    test_a_check_tries_a_plugin_with_what_it_will_have = None
    test_a_worker_of_another_version_is_named_and_no_plugin_blamed = None


class WithoutAWorker(Apart):
    """Of an installation that lacks a program nothing falls back to threads."""
    process = False
    watch = "off"

    def prepare(self):
        self.drey_host.binary = os.path.join(self.directory, "alone", "drey")
        os.makedirs(os.path.dirname(self.drey_host.binary))
        shutil.copy(DREY, self.drey_host.binary)

    def test_a_plugin_without_its_worker_is_refused_and_the_others_run(self):
        with open(os.path.join(PLUGINS, "counter.so"), "rb") as file:
            put(file.read(), os.path.join(self.drey_host.plugin_dir, "counter.so"))
        with open(self.drey_host.ini, "a", encoding="utf-8") as file:
            file.write("[plugin:counter]\nisolation = process\n")
        answer = self.command("reload", "--config")
        self.assertEqual(answer.returncode, 1, answer.stdout + self.drey_host.tail_of_log())
        self.assertRegex(answer.stdout, r"isolation = process needs the program drey-worker "
                                        r"\(isolation = thread does without\), which is neither")
        self.flows()


if __name__ == "__main__":
    main()
