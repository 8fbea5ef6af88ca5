"""tests/reload/test_frozen.py: rows 29, 36 and 37 of plugins.md section 6, on a thread and in a process
of its own: plugins that were built for the first ABI, by each compiler there is, run on this host."""
import glob
import hashlib
import os
import re
import shutil
import unittest

import rig  # noqa: F401  where acting is found
from acting import ActCase
from harness import BUILD, SOURCE, main, read, wait_for

FROZEN = os.path.join(SOURCE, "tests", "plugins", "frozen")
BUILDS = sorted(glob.glob(os.path.join(BUILD, "tests", "plugins", "frozen", "*.so")))
# What was built with these stays in use: they are not changed, and not mended.
SUMS = {
    "elder.c": "77f4827338830dcfeb730fb4cd13a04d1a3d09e82ec8b853bf08d6e6afd75ba6",
    "include/drey/discord.h": "8acb405952f28dcfde8c3140163f737cb0cc654dba1abf560fb35063dfc94818",
    "include/drey/drey.h": "68fd65734bd2a347171101b7ee783bb11617e36bd3450eef526208730919e5f2",
    "include/drey/interaction.h": "b5c2cb6472f2d150384bdcbfbca33f7d712a03763b772be296f187904077d335",
    "include/drey/json.h": "a2302245237c7f8773b05dd4af59a7f46ee2c4da6cb97df7b5dddaa6124786fd",
    "include/drey/rest.h": "c227af4e6b57f910a8477ebb25a0728e7a0d9ff917f2706de58a1b002c07d210",
    "include/drey/store.h": "6e741443ae61441b4a68ace6c5c88021981d57d69b3162f169c6a8cc169ca6f7",
}
# What each build has to find well, and when: at every load, at a message, at the next, at a command.
AT_LOAD = ("init", "store", "schedule", "foreign", "posted", "post", "due")
AT_MESSAGE = ("event", "sent", "rest")


class Ingredients(unittest.TestCase):
    def test_row_36_what_is_frozen_does_not_change(self):
        for name, wanted in SUMS.items():
            with open(os.path.join(FROZEN, name), "rb") as file:
                self.assertEqual(hashlib.sha256(file.read()).hexdigest(), wanted, name)
        self.assertEqual(len(glob.glob(os.path.join(FROZEN, "include", "drey", "*"))),
                         len(SUMS) - 1)


class Frozen(ActCase):
    isolation = "process"

    def setUp(self):
        super().setUp()
        self.assertTrue(BUILDS)
        self.stage("--no-limits", plugins=(), start=False, bot={"presence": "online"},
                   extra=f"[plugin:elder]\nisolation = {self.isolation}\nword = iron\n")
        self.put(BUILDS[0])
        self.box.start().ready("main")
        self.published()
        self.at_start = self.simulator.status()

    def put(self, build):
        fresh = os.path.join(self.box.plugin_dir, ".elder.new")
        shutil.copy(build, fresh)
        os.rename(fresh, os.path.join(self.box.plugin_dir, "elder.so"))

    def reload(self):
        done = self.box.run("reload", "-c", self.box.ini, "elder")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def found(self, name):
        """How often the elder has found this well; never otherwise."""
        log = read(self.box.log)
        self.assertEqual(re.findall(r"elder BAD .*", log), [])
        return len(re.findall(rf"elder ok {name}$", log, re.MULTILINE))

    def finds(self, names, times):
        for name in names:
            wait_for(f"the elder to find {name} well, {times} times",
                     lambda: self.found(name) >= times)

    def use(self, times):
        """All that a build can do, for the times-th time."""
        self.finds(AT_LOAD, times)
        self.person.say("elder? yes")
        self.finds(AT_MESSAGE, times)
        self.person.say("something else")
        self.finds(("kept",), times)
        shown = self.person.command("/elder word:x")
        self.assertEqual(shown["message"]["content"], "stone")
        self.finds(("option",), times)

    def test_row_36_plugins_of_the_first_abi_run_and_follow_one_another(self):
        for number, build in enumerate(BUILDS, 1):
            if number > 1:
                self.put(build)
                self.reload()
                self.box.logged(rf"elder restored {number - 1}\b")
            row = self.box.plugin("elder")
            self.assertEqual((row["version"], row["isolation"], row["generation"]),
                             (os.path.basename(build)[:-3], self.isolation, number))
            self.use(number)
        self.assertEqual(self.box.plugin("elder")["gaps"], 0)
        self.assertEqual(self.box.stop(), 0)
        self.assertEqual(len(re.findall("elder stop 1", read(self.box.log))), len(BUILDS))
        self.assertEqual(self.simulator.status()["identifies"], self.at_start["identifies"])

    def test_row_37_what_is_against_the_rules_is_an_error_and_told(self):
        """init that acts, a serial function on another thread, what was borrowed and kept."""
        self.use(1)
        log = read(self.box.log)
        self.assertRegex(log, r"error main \[elder\] .*drey_timer.*init")
        self.assertRegex(log, r"error main \[elder\] .*drey_timer.*thread")
        self.assertEqual(self.box.plugin("elder")["state"], "running")

    def test_row_29_timers_keep_their_phase_and_go_to_the_new_version(self):
        """A period is a second. Versions follow one another faster: a timer that began anew with
        each of them would never be called."""
        ticks = re.compile(r"elder tick \d+ in generation (\d+)")
        build = 0

        def next_one():
            nonlocal build
            build += 1
            self.put(BUILDS[build % len(BUILDS)])
            self.reload()
            return len(ticks.findall(read(self.box.log))) >= 4
        wait_for("ticks in spite of reloads", next_one)
        generations = set(ticks.findall(read(self.box.log)))
        self.assertGreater(len(generations), 1)
        # the single one, set by the first version, was for whoever sat there then
        once = self.box.logged(r"elder once 17 in generation (\d+)")
        self.assertGreater(int(once[1]), 1)
        self.assertEqual(len(re.findall("elder once", read(self.box.log))), 1)


class OnAThread(Frozen):
    isolation = "thread"


if __name__ == "__main__":
    main()
