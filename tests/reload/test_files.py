"""tests/reload/test_files.py: rows 1 to 9 and 11 of plugins.md section 6: what the files are like."""
import collections
import os
import random
import re
import shutil
import struct
import subprocess
import time

from rig import PROCESS, Reload, SANITIZED, SOURCE, ledger, main, put, read


def note_at(data):
    """Where the note's descriptor begins: size, major, minor, id, version."""
    at = data.index(struct.pack("=III", 5, 104, 1) + b"drey\0\0\0\0") + 20
    assert struct.unpack_from("=I", data, at)[0] == 104
    return at


def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]


class Files(Reload):
    def write_in_place(self, data, pause_s=0.0, pieces=1):
        """Over what is there, as cp and linkers do."""
        size = -(-len(data) // pieces)
        with open(self.target, "r+b", buffering=0) as file:
            file.truncate(0)
            for at in range(0, len(data), size):
                file.write(data[at:at + size])
                time.sleep(pause_s)

    def refusal(self, pattern):
        """Waits until the watcher has refused the file as it is now; the old one serves."""
        self.wait(f"a refusal like {pattern}", lambda: re.search(pattern, self.row()["error"]))
        self.assertEqual(self.row()["version"], self.version)
        self.flows()

    def test_row_01_a_new_version_by_mv_takes_over_with_one_line(self):
        pauses = []
        for i in range(10):
            put(ledger(f"{i + 2}.good"), self.target)
            self.switched(f"{i + 2}.good", i + 2)
        for i in range(10):
            pattern = (rf"ledger  {i + 1}\.good → {i + 2}\.good  gen {i + 1} → {i + 2}  "
                       r"pause (\d+\.\d+) ms, (\d+) bytes of events waiting, sessions kept")
            lines = re.findall(pattern, read(self.drey_host.log))
            self.assertEqual(len(lines), 1)
            pauses.append(float(lines[0][0]))
        print(f"pause of 10 reloads: {min(pauses)} to {max(pauses)} ms, "
              f"median {sorted(pauses)[5]} ms")
        if not SANITIZED:
            # between two processes it is four messages more
            self.assertLess(min(pauses), 5.0 if PROCESS else 1.0)
        self.all_well()

    def test_row_02_cp_over_the_loaded_file_is_one_switch(self):
        self.write_in_place(ledger("2.good"), pause_s=0.02, pieces=7)
        self.switched("2.good", 2)
        self.all_well()

    def test_row_03_a_truncated_file_is_refused_and_tried_when_it_changes(self):
        data = ledger("2.good")
        self.write_in_place(data[:len(data) // 2])
        self.refusal(r"cut short: its section table lies at offset \d+")
        self.write_in_place(data)
        self.switched("2.good", 2)
        self.all_well()

    def test_row_04_a_file_that_grows_slowly_is_loaded_once_and_whole(self):
        self.write_in_place(ledger("2.good"), pause_s=0.1, pieces=10)
        self.switched("2.good", 2)
        self.assertEqual(self.log_count("refused"), 0)
        self.all_well()

    def test_row_05_a_file_with_a_tail_of_zeros_is_refused_until_it_is_complete(self):
        data = ledger("2.good")
        half = data[:len(data) * 3 // 4]
        self.write_in_place(half + bytes(len(data) - len(half)))
        self.refusal("incomplete|cut short")
        self.write_in_place(data)
        self.switched("2.good", 2)
        self.all_well()

    def build_into_place(self, linker, version):
        sources = [os.path.join(SOURCE, "tests", "plugins", name) for name in ("ledger.c", "faults.c")]
        subprocess.run(["gcc", f"-fuse-ld={linker}", "-std=c17", "-O1", "-g", "-D_GNU_SOURCE",
                        f'-DLEDGER_VERSION="{version}"', "-I",
                        os.path.join(SOURCE, "sdk", "include"), "-fPIC", "-shared",
                        "-fvisibility=hidden", "-Wl,-z,now,-z,relro", "-pthread", *sources,
                        "-o", self.target], check=True)

    def runs_as_it_is(self):
        """Whether the private copy that serves is the file's content now."""
        gen = os.path.join(self.drey_host.state, "gen")
        copies = [name for name in os.listdir(gen) if name.startswith("ledger.")]
        with open(self.target, "rb") as file:
            wanted = file.read()
        try:
            with open(os.path.join(gen, *copies), "rb") as file:
                return len(copies) == 1 and b".debug_info" not in wanted and file.read() == wanted
        except OSError:
            return False  # just between two of them

    def test_row_06_linkers_that_write_in_place_and_strip_afterwards_never_unload(self):
        for linker in ("bfd", "gold", "lld"):
            for pause_s in (0.005, 0.1):
                version = f"{linker}{int(pause_s * 1000)}.good"
                self.build_into_place(linker, version)
                time.sleep(pause_s)
                subprocess.run(["strip", self.target], check=True)
                self.wait("the stripped file to run", self.runs_as_it_is)
                self.assertEqual((self.row()["version"], self.row()["error"]), (version, ""))
                self.version = version
                self.flows()
        self.assertEqual(self.log_count("unloaded"), 0)
        self.replace("9.good")  # lld makes fewer segments
        self.all_well()

    def test_row_08_what_is_no_plugin_is_refused_and_nothing_hangs(self):
        data = ledger("2.good")
        odd = {
            "not ELF": (b"#!/bin/sh\nexit 0\n" * 100, "not an ELF file"),
            "empty": (b"", "empty"),
            "32 bits": (patched(data, 4, b"\1"), "not a 64-bit shared object"),
            "other machine": (patched(data, 18, struct.pack("=H", 243)), "built for another machine"),
            "a program": (patched(data, 16, struct.pack("=H", 2)), "not a shared object"),
        }
        for name, (content, why) in odd.items():
            with self.subTest(name):
                put(content, self.target)
                self.refusal(why)
        self.switch_with_obstacle("directory", os.mkdir, os.rmdir, "not a regular file")
        self.switch_with_obstacle("fifo", os.mkfifo, os.unlink, "not a regular file")
        self.switch_with_obstacle("symlink loop", lambda path: os.symlink(path, path), os.unlink,
                                  "[Ll]evels of symbolic links")
        self.switch_with_obstacle("unreadable", self.unreadable, os.unlink, "error|denied")
        self.switch_with_obstacle("world-writable", self.world_writable, os.unlink, "chmod o-w")
        put(data, self.target)
        self.switched("2.good", 2)
        self.all_well()

    def switch_with_obstacle(self, name, make, remove, why):
        with self.subTest(name):
            os.unlink(self.target)
            make(self.target)
            self.refusal(why)
            remove(self.target)
            put(ledger("1.good"), self.target)
            self.wait("the good file", lambda: self.row()["error"] == "")

    @staticmethod
    def unreadable(path):
        """Root reads whatever it likes, but not the memory of a process from address 0."""
        os.symlink("/proc/self/mem", path)

    @staticmethod
    def world_writable(path):
        put(ledger("3.good"), path)
        os.chmod(path, 0o666)

    def test_row_09_another_abi_is_refused_before_any_code_of_the_plugin_runs(self):
        data = ledger("2.ctor-crash")  # its constructor would be seen
        at = note_at(data)
        odd = {
            "major 2": (patched(data, at + 4, struct.pack("=H", 2)), r"ABI 2\.0, this drey offers 1\.0"),
            "minor too new": (patched(data, at + 6, struct.pack("=H", 99)),
                              r"ABI 1\.99, this drey offers 1\.0"),
            "no note": (patched(data, at - 8, b"dray"), "no drey note"),
            "no id": (patched(data, at + 8, b"\0"), "its id is not made of"),
        }
        for name, (content, why) in odd.items():
            with self.subTest(name):
                put(content, self.target)
                self.refusal(why)
        data = ledger("2.good")  # here the code must be loaded to be compared: in the probe
        at = note_at(data)
        version = data.index(b"2.good", at)
        put(patched(data, version, b"7.good"), self.target)
        self.refusal(r"its note says ledger 7\.good, its descriptor ledger 2\.good")
        put(ledger("2.good"), self.target)
        self.switched("2.good", 2)
        self.all_well()

    def test_row_11_a_missing_symbol_or_library_is_named(self):
        self.refused("2.good", "undefined symbol: nobody_has_this", "ledger_undefined")
        self.refused("2.good", "libledger_gone.so: cannot open shared object file", "ledger_missing")
        self.replace("3.good")
        self.all_well()



class Flipped(Reload):
    """Flipped bits. What the checks and the rehearsal cannot see is an instruction of a handler that
    does something else now: in thread mode that may end the host, as row 17 says, and nothing else
    may."""
    watch = "off"
    shards = 1

    def prepare(self):
        """Such a plugin may write a file of any name: let it be in a directory of its own."""
        binary = os.path.abspath(self.drey_host.binary)
        self.drey_host.binary = os.path.join(self.directory, "drey-at-home")
        with open(self.drey_host.binary, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncd {self.directory} && exec {binary} \"$@\"\n")
        os.chmod(self.drey_host.binary, 0o755)

    def revive(self):
        """Starts the host again, with a good file and without what the bad one saved."""
        self.control.close()
        if self.drey_host.process.poll() is None:
            self.drey_host.kill()
        shutil.rmtree(os.path.join(self.drey_host.state, "main", "plugins"), ignore_errors=True)
        put(ledger("1.good"), self.target)
        self.launch()

    def judge(self, version):
        """What became of a file: refused by whom, or what it did when it ran."""
        try:
            ok, text = self.reload("ledger")
            if not ok:
                self.flows(1)
                step = re.search(r"a constructor|init |restore ", text)
                return "refused by the rehearsal" if step else "refused by a check"
            self.flows(1, 5)
            put(ledger("1.good"), self.target)
            self.assertTrue(self.reload("ledger")[0])
            return "ran"
        except (AssertionError, OSError) as error:
            if self.log_count(re.escape(f"ledger {version} passed its rehearsal")) == 0:
                raise AssertionError(f"{version}: {error}\n{self.drey_host.tail_of_log()}") from None
            self.revive()
            return "changed code"

    def test_row_07_no_file_with_flipped_bits_ends_the_host_before_it_passed_every_check(self):
        count = int(os.environ.get("DREY_RELOAD_FLIPS", "40" if SANITIZED else "400"))
        chance = random.Random(7)
        fates = collections.Counter()
        for i in range(count):
            data = bytearray(ledger(f"{i + 2}.good"))
            for _ in range(chance.choice((1, 1, 4, 16))):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            put(bytes(data), self.target)
            fates[self.judge(f"{i + 2}.good")] += 1
        print(f"{count} files with flipped bits: {dict(fates)}")
        self.assertLess(fates["changed code"], count / 8)
        self.flows()


if __name__ == "__main__":
    main()
