"""tests/reload/test_steps.py: rows 10 and 12 to 16 of plugins.md section 6: each step of a plugin's
life goes wrong in each way, and the old version handles the very next event."""
import os
import resource

from rig import PROCESS, Reload, SANITIZED, ledger, main, put, read

# A sanitizer catches the signal, says what happened and ends the process itself.
CRASHED = "ended the process" if SANITIZED else "crashed: Segmentation fault"


class Steps(Reload):
    watch = "off"

    def test_row_10_a_constructor_that_crashes_exits_sleeps_or_forks_fails_in_the_probe(self):
        self.refused("2.ctor-crash", r"a constructor\) " + CRASHED)
        self.refused("2.ctor-exit", r"a constructor\) ended the process \(exit status 0\)")
        if PROCESS:  # its sandbox does not let it, in the probe or elsewhere
            self.replace("2.ctor-fork")
            children = f"/proc/{self.row()['pid']}/task/{self.row()['pid']}/children"
            self.assertEqual(read(children), "")
        else:
            self.refused("2.ctor-fork", "it starts a process")
        handled = self.row()["handled"]
        self.refused("2.ctor-sleep", r"a constructor\) did not return within 5000 ms")
        self.assertGreater(self.row()["handled"], handled + self.rate * 2,
                           "events went on while the probe was waited for")
        self.replace("3.good")
        self.all_well()

    def test_row_12_nothing_of_a_failed_init_is_ever_called(self):
        self.refused("2.init-fail", "init answered -1")
        self.refused("2.init-many", "init answered -1")
        self.refused("2.init-crash", "init " + CRASHED)
        self.flows(50)
        self.assertEqual(self.log_count("a handler of a load that failed"), 0)
        self.replace("3.good")
        self.all_well()

    def test_row_13_an_init_that_blocks_is_caught_by_the_probe_or_abandoned(self):
        self.refused("2.init-hang", "init did not return within 5000 ms")
        self.as_before()
        self.refused("2.init-hang-host", "init for bot main did not return within 5000 ms")
        self.replace("3.good")
        if PROCESS:
            self.all_well()
            return
        # The thread that hangs in the plugin's code stays, with its image and its two boxes.
        self.began.descriptors += 2
        self.all_well(kept=1, threads=1)

    def test_row_14_a_save_that_fails_or_hands_over_a_gigabyte_gives_the_reload_up(self):
        for version in ("2.save-fail", "4.save-huge", "6.save-hang"):
            with self.subTest(version):
                self.replace(version)
                put(ledger("9.good"), self.target)
                ok, text = self.reload("ledger")
                self.assertFalse(ok)
                self.assertRegex(text, "save answered|save of the old version .* did not return")
                self.assertEqual(self.row()["version"], version)
                if version != "6.save-hang":
                    self.flows()
                    self.restart_with(f"{version[0]}1.good")
        self.session_kept()

    def restart_with(self, version):
        """What cannot save cannot be reloaded; a restart is the way out, with the last state."""
        put(ledger(version), self.target)
        self.drey_host.stop()
        self.control.close()
        self.launch()
        self.version = version

    def test_row_15_a_restore_that_refuses_crashes_or_hangs_is_rolled_back(self):
        self.refused("2.restore-refuse", r"restore answered -1 to a state of version 1, \d+ bytes")
        self.refused("2.restore-crash", "restore " + CRASHED)
        self.refused("2.restore-hang", "restore did not return within 5000 ms")
        self.refused("2.start-fail", "start answered -1")
        self.replace("3.good")
        self.all_well()

    def test_lines_left_out_are_told_without_a_further_line(self):
        self.replace("2.event-chatter")
        self.drey_host.logged(r"\[ledger\] \d+ lines left out: more than 20 a second")
        self.replace("3.good")
        self.all_well()

    def test_a_file_that_may_not_grow_is_an_error_of_the_plugin_and_not_the_end_of_the_host(self):
        pid = self.row().get("pid") or self.drey_host.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        size = os.path.getsize(self.file)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 8, hard))
        self.wait("the plugin's complaint", lambda: "File too large" in self.row()["error"])
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        self.flows()
        self.session_kept()

    def test_row_16_no_version_of_a_state_leads_to_a_silent_start_from_nothing(self):
        self.replace("2.state-2")  # takes version 1, writes version 2
        self.refused("3.good", "restore answered -2 to a state of version 2")  # down
        self.refused("3.state-3", "restore answered -2 to a state of version 2")  # unknown
        self.replace("4.state-2")
        self.assertEqual([line.split()[2] for line in self.lifelines() if line.startswith("start")],
                         ["fresh", "restored", "restored"])
        self.all_well()

    def test_row_16_a_version_that_cannot_read_the_state_does_not_start_either(self):
        self.replace("2.state-2")
        last = self.settle()
        self.assertEqual(self.drey_host.stop(), 0)
        self.control.close()
        put(ledger("3.good"), self.target)
        self.drey_host.start().ready("main")
        self.drey_host.logged("restore answered -2 to a state of version 2")
        row = next(r for r in self.drey_host.status()["plugins"])
        self.assertEqual((row["state"], row["bot"]), ("refused", None))
        put(ledger("4.state-2"), self.target)
        self.drey_host.run("reload", "-c", self.drey_host.ini)
        self.assertEqual(self.drey_host.plugin("ledger")["state"], "running")
        last = {s["id"]: s["seq"] for s in self.drey_host.bot("main")["shards"]}
        self.assertEqual(self.drey_host.stop(), 0)
        self.once_and_in_order(last)


if __name__ == "__main__":
    main()
