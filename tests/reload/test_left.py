"""tests/reload/test_left.py: rows 22 to 26 of plugins.md section 6: what a version leaves behind, and
what keeps its code from being unmapped."""
import os
import shutil
import time
import unittest

from rig import BAD, PROCESS, Reload, TSAN, main, read, writes


on_a_thread = unittest.skipIf(PROCESS, "what is left behind is gone with a process")


class Left(Reload):
    watch = "off"

    def kept_for(self, why):
        self.assertEqual(self.kept(), 1)
        self.assertEqual(self.log_count(f"the old code stays in memory: {why}"), 1)

    @on_a_thread
    def test_row_22_a_thread_left_running_is_seen_and_its_code_kept(self):
        self.replace("2.left-thread")
        self.replace("3.good")
        self.kept_for("it left a thread running")
        self.replace("4.good")
        self.began.descriptors += 2  # the boxes it might still post to
        self.all_well(kept=1, threads=1)

    @on_a_thread
    def test_row_22_a_thread_left_running_under_a_name_of_its_own_is_seen_too(self):
        self.replace("2.left-renamed")
        self.replace("3.good")
        self.kept_for("it left a thread running")
        time.sleep(0.3)  # it would run into code that is gone
        self.replace("4.good")
        self.began.descriptors += 2
        self.all_well(kept=1, threads=1)

    @on_a_thread
    def test_row_23_a_signal_handler_left_behind_keeps_the_code(self):
        self.replace("2.left-signal")
        self.replace("3.good")
        self.kept_for("it left a handler for User defined signal 1")
        self.replace("4.good")
        os.kill(self.drey_host.process.pid, 10)
        self.flows()
        self.all_well(kept=1)

    @on_a_thread
    def test_row_23_a_plugin_cannot_take_the_signals_that_drey_needs(self):
        told = r"\[ledger\] a plugin changed what happens at SIGTERM .*it is put back"
        self.replace("2.took-signals")
        self.assertEqual(self.log_count(told), 1)
        self.assertEqual(self.log_count("a plugin changed what happens at SIGPIPE"), 1)
        self.replace("3.event-signals")
        self.wait("a look at the signals",
                  lambda: self.log_count("a plugin changed what happens at SIGTERM") == 2)
        self.replace("4.good")
        self.all_well()  # SIGTERM ends it in an orderly way

    def test_row_23_atexit_and_thread_data_are_harmless(self):
        if not TSAN:  # takes every atexit for the program's own and calls it at the very end
            self.replace("2.left-atexit")
            self.replace("3.good")
        self.replace("4.left-data")
        self.replace("5.good")
        self.all_well()

    @on_a_thread
    def test_row_23_on_exit_keeps_the_code(self):
        self.replace("2.good", "ledger_on_exit")
        self.replace("3.good")
        self.kept_for("it uses on_exit")
        self.all_well(kept=1)

    @on_a_thread
    def test_row_23_setvbuf_keeps_the_code(self):
        self.replace("2.good", "ledger_setvbuf")
        self.replace("3.good")
        self.kept_for("it uses setvbuf")
        self.all_well(kept=1)

    @on_a_thread
    def test_row_25_initial_exec_tls_is_refused_with_the_reason(self):
        self.refused("2.good", "initial-exec thread-local storage.*-ftls-model=global-dynamic",
                     "ledger_tls")
        self.replace("3.good")
        self.all_well()


class Others(Reload):
    """The ledger beside other plugins, which must not disturb it."""
    watch = "off"

    def prepare(self):
        with open(self.drey_host.ini, "a", encoding="utf-8") as file:
            for name in ("clash_one", "clash_two", "tally"):
                file.write(f"[plugin:{name}]\n{writes(f'{self.directory}/{name}.out')}")

    def place(self, build, name):
        shutil.copy(os.path.join(BAD, build + ".so"), os.path.join(self.drey_host.plugin_dir, name + ".so"))

    def written(self, plugin):
        return read(os.path.join(self.directory, plugin + ".out"))

    def test_row_24_cpp_with_inline_statics_and_thread_local_is_unmapped_with_our_flags(self):
        for _ in range(5):
            self.place("plus", "tally")
            ok, text = self.reload("tally") if self.row("tally") else self.reload()
            self.assertTrue(ok, text)
            self.wait("a message", lambda: self.row("tally")["handled"] > 0)
        self.assertEqual((self.row("tally")["version"], self.kept()), ("plus", 0))
        self.assertEqual(self.row("tally")["generation"], 5)

    def test_row_24_cpp_without_our_flags_is_reported_resident_and_replaced_all_the_same(self):
        self.place("plus_resident", "tally")
        self.assertTrue(self.reload()[0])
        self.place("plus", "tally")
        ok, text = self.reload("tally")
        self.assertTrue(ok, text)
        kept = 0 if PROCESS else 1  # it is gone with its process
        self.assertEqual(
            self.log_count("stays in memory: the dynamic linker did not let it go"), kept)
        self.assertEqual((self.row("tally")["version"], self.kept()), ("plus", kept))
        self.place("plus", "tally")
        self.assertTrue(self.reload("tally")[0])
        self.assertEqual(self.kept(), kept)

    def test_row_26_same_names_in_two_plugins_and_libc_never_mix(self):
        self.place("clash_one", "one")
        self.place("clash_two", "two")
        ok, text = self.reload()
        self.assertTrue(ok, text)
        for _ in range(3):
            for name in ("clash_one", "clash_two"):
                handled = self.row(name)["handled"]
                self.wait(f"{name} to handle messages",
                          lambda: self.row(name)["handled"] >= handled + 20)
                ok, text = self.reload(name)
                self.assertTrue(ok, text)
        self.assertEqual(set(self.written("clash_one").splitlines()), {"clash_one own apart"})
        # Without our flags libc's malloc and log go before its own: for all of its calls.
        self.assertEqual(set(self.written("clash_two").splitlines()), {"clash_two mixed together"})
        last = self.settle()
        self.session_kept()
        self.assertEqual(self.drey_host.stop(), 0)
        self.once_and_in_order(last)


if __name__ == "__main__":
    main()
