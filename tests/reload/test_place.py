"""tests/reload/test_place.py: rows 27, 28 and 33 of plugins.md section 6: where the files are: deleted,
renamed, twice there, on a full disk or one that forbids code, without change notices."""
import os
import subprocess
import threading
import time

from rig import Reload, ledger, main, put, writes


class Place(Reload):
    def unloaded(self):
        self.wait("the unload", lambda: self.row() is None)
        self.assertEqual(self.log_count("plugin ledger unloaded: "), 1)

    def test_row_27_a_deleted_file_is_unloaded_after_the_grace_and_goes_on_when_it_is_back(self):
        os.unlink(self.target)
        self.unloaded()
        self.assertEqual(self.kept(), 0)
        put(ledger("2.good"), self.target)
        self.wait("the plugin to be back", lambda: self.row() is not None)
        self.version = "2.good"
        self.flows()
        self.assertEqual([line.split()[2] for line in self.lifelines() if line.startswith("start")],
                         ["fresh", "restored"])
        self.all_well()

    def test_row_27_a_file_that_is_back_within_a_second_is_never_unloaded(self):
        for i in range(3):
            os.unlink(self.target)
            time.sleep(0.5)
            put(ledger(f"{i + 2}.good"), self.target)
            self.switched(f"{i + 2}.good", i + 2)
        os.unlink(self.target)
        time.sleep(0.5)
        put(ledger("4.good"), self.target)
        time.sleep(2.5)  # longer than the grace: nothing may happen
        self.assertEqual(self.row()["generation"], 4)
        self.assertEqual(self.log_count("unloaded"), 0)
        self.all_well()

    def test_row_27_a_renamed_file_is_the_same_plugin(self):
        other = os.path.join(self.drey_host.plugin_dir, "renamed.so")
        os.rename(self.target, other)
        self.wait("the new path", lambda: self.row()["path"] == other)
        time.sleep(2.5)
        self.assertEqual((self.row()["generation"], self.log_count("unloaded")), (1, 0))
        put(ledger("2.good"), other)
        self.switched("2.good", 2)
        self.all_well()

    def test_row_27_a_directory_that_was_replaced_is_followed_again(self):
        folder = self.drey_host.plugin_dir
        fresh = os.path.join(self.directory, "fresh")
        os.mkdir(fresh)
        put(ledger("2.good"), os.path.join(fresh, "ledger.so"))
        os.rename(folder, os.path.join(self.directory, "old"))
        os.rename(fresh, folder)
        self.switched("2.good", 2)
        put(ledger("3.good"), self.target)
        self.switched("3.good", 3)
        self.assertEqual(self.log_count("unloaded"), 0)
        self.all_well()

    def test_row_27_other_files_that_grow_in_the_directory_put_no_reload_off(self):
        busy = threading.Event()

        def scribble():
            with open(os.path.join(self.drey_host.plugin_dir, "events.log"), "ab",
                      buffering=0) as file:
                while not busy.wait(0.02):
                    file.write(b"a line\n")
        writer = threading.Thread(target=scribble)
        writer.start()
        try:
            put(ledger("2.good"), self.target)
            self.switched("2.good", 2)
        finally:
            busy.set()
            writer.join()
        self.all_well()

    def test_row_28_the_second_file_with_an_id_is_refused_and_the_first_unaffected(self):
        second = os.path.join(self.drey_host.plugin_dir, "second.so")
        put(ledger("2.good"), second)
        self.drey_host.logged('second.so: its id "ledger" is taken by .*/ledger.so')
        self.assertEqual((self.row()["version"], self.row()["generation"]), ("1.good", 1))
        put(ledger("3.good"), self.target)
        self.switched("3.good", 2)
        os.unlink(self.target)  # now the second is the only one
        self.wait("the second file", lambda: self.row() and self.row()["version"] == "2.good")
        self.version = "2.good"
        self.flows()
        self.all_well()


    def other(self, version):
        """A ledger with another id."""
        data = ledger(version)
        self.assertGreaterEqual(data.count(b"ledger\0"), 2)
        return data.replace(b"ledger\0", b"zedger\0")

    def prepare(self):
        with open(self.drey_host.ini, "a", encoding="utf-8") as file:
            file.write(f"[plugin:zedger]\n{writes(f'{self.directory}/zedger.records', '', '.life')}")

    def test_row_27_two_files_that_swap_their_names_stay_who_they_are(self):
        second = os.path.join(self.drey_host.plugin_dir, "second.so")
        put(self.other("1.good"), second)
        self.wait("the second plugin", lambda: self.row("zedger"))
        put(self.other("2.good"), self.target)
        put(ledger("2.good"), second)
        self.switched("2.good", 2)
        self.wait("the other one", lambda: self.row("zedger")["version"] == "2.good")
        self.assertEqual((self.row()["path"], self.row("zedger")["path"]), (second, self.target))
        self.assertEqual(self.row()["error"] + self.row("zedger")["error"], "")
        time.sleep(2.5)
        self.assertEqual(self.log_count("unloaded"), 0)
        self.assertEqual(self.kept(), 0)

    def test_row_27_a_plugin_whose_file_became_another_plugin_is_unloaded(self):
        put(self.other("1.good"), self.target)
        self.wait("the other plugin", lambda: self.row("zedger"))
        self.unloaded()
        put(ledger("2.good"), self.target)
        self.wait("the plugin to be back", lambda: self.row())
        self.wait("the other one to go", lambda: self.row("zedger") is None)
        self.version = "2.good"
        self.flows()
        self.all_well()

    def test_row_27_what_a_symbolic_link_points_to_is_followed(self):
        elsewhere = os.path.join(self.directory, "elsewhere.so")
        put(ledger("2.good"), elsewhere)
        os.unlink(self.target)
        os.symlink(elsewhere, self.target)
        self.switched("2.good", 2)
        put(ledger("3.good"), elsewhere)  # nothing happens in the plugin directory
        self.switched("3.good", 3)
        self.assertEqual(self.log_count("unloaded"), 0)
        self.all_well()

    def test_row_08_a_directory_anybody_may_write_to_is_refused(self):
        os.chmod(self.drey_host.plugin_dir, 0o777)
        put(ledger("2.good"), self.target)
        self.wait("the refusal", lambda: "anybody may put files into" in self.row()["error"])
        self.flows()
        ok, text = self.reload()
        self.assertFalse(ok)
        self.assertIn("chmod o-w", text)  # it is told again, not that nothing has changed
        os.chmod(self.drey_host.plugin_dir, 0o755)
        self.assertTrue(self.reload()[0])
        self.switched("2.good", 2)
        put(ledger("3.good"), self.target)
        self.switched("3.good", 3)
        self.all_well()


class ByHand(Reload):
    watch = "off"

    def test_row_27_with_watch_off_a_reload_by_hand_unloads_what_was_deleted(self):
        os.unlink(self.target)
        ok, text = self.reload("ledger")
        self.assertFalse(ok)
        self.assertIn("it is deleted", text)
        self.assertEqual(self.row()["version"], "1.good")
        ok, text = self.reload()
        self.assertTrue(ok, text)
        self.assertIn("ledger  unloaded", text)
        self.assertIsNone(self.row())
        put(ledger("2.good"), self.target)
        self.assertTrue(self.reload()[0])
        self.version = "2.good"
        self.flows()
        self.all_well()


class FullDisk(Reload):
    """The private copies lie on a file system of their own, of 256 KiB."""
    options = "size=256k"

    def prepare(self):
        self.gen = os.path.join(self.drey_host.state, "gen")
        os.makedirs(self.gen, mode=0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "tmpfs", self.gen],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"mounting needs root: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.gen], check=False)

    def fill(self):
        with open(os.path.join(self.gen, "filler"), "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                pass

    def test_row_33_a_full_disk_refuses_and_the_reload_comes_by_itself_once_there_is_room(self):
        self.fill()
        put(ledger("2.good"), self.target)
        self.wait("the refusal", lambda: "No space left on device" in self.row()["error"])
        self.assertEqual(self.row()["version"], "1.good")
        self.flows()
        os.unlink(os.path.join(self.gen, "filler"))
        self.switched("2.good", 2)  # nothing touched the file
        self.assertEqual(self.row()["error"], "")
        self.assertEqual(sorted(os.listdir(self.gen))[0][:7], "ledger.")
        self.assertEqual(len(os.listdir(self.gen)), 1)
        self.all_well()


class NoExec(FullDisk):
    def test_row_33_a_disk_that_forbids_code_is_named(self):
        subprocess.run(["mount", "-o", "remount,noexec", self.gen], check=True)
        put(ledger("2.good"), self.target)
        self.wait("the refusal", lambda: "noexec" in self.row()["error"])
        self.assertEqual(self.row()["version"], "1.good")
        self.flows()
        subprocess.run(["mount", "-o", "remount,exec", self.gen], check=True)
        put(ledger("3.good"), self.target)
        self.switched("3.good", 2)
        self.all_well()

    test_row_33_a_full_disk_refuses_and_the_reload_comes_by_itself_once_there_is_room = None


class NoNotices(Reload):
    """In a user namespace of its own, where nobody may have an inotify instance."""

    def prepare(self):
        trial = subprocess.run(["unshare", "-Ur", "sh", "-c",
                                "echo 0 >/proc/sys/user/max_inotify_instances"],
                               capture_output=True, check=False)
        if trial.returncode != 0:
            self.skipTest("user namespaces are not allowed here")
        binary = os.path.abspath(self.drey_host.binary)
        self.drey_host.binary = os.path.join(self.directory, "without-inotify")
        with open(self.drey_host.binary, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexec unshare -Ur sh -c 'echo 0 >/proc/sys/user/"
                       f"max_inotify_instances && exec {binary} \"$@\"' drey \"$@\"\n")
        os.chmod(self.drey_host.binary, 0o755)

    def test_row_33_without_change_notices_the_directory_is_looked_at_in_intervals(self):
        self.drey_host.logged("no change notices .*looking every 2000 ms instead")
        put(ledger("2.good"), self.target)
        self.switched("2.good", 2)
        with open(self.target, "r+b") as file:  # in place: the directory does not change
            file.write(ledger("3.good"))
        self.switched("3.good", 3)
        os.unlink(self.target)
        self.wait("the unload", lambda: self.row() is None)
        put(ledger("4.good"), self.target)
        self.wait("the plugin to be back", lambda: self.row() is not None)
        self.version = "4.good"
        self.all_well()


if __name__ == "__main__":
    main()
