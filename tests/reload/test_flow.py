"""tests/reload/test_flow.py: rows 20, 30, 31, 32 and 38 of plugins.md section 6: reloads while events
flow, faster than they can be handled, and while the connection breaks.

DREY_RELOAD_COUNT, DREY_RELOAD_FLOW: how many replacements at how many events a second row 20 makes.
"""
import os
import shutil
import threading
import time

from rig import Control, Reload, SANITIZED, harness, ledger, main, put, writes

COUNT = int(os.environ.get("DREY_RELOAD_COUNT", "10" if SANITIZED else "20"))
FLOW = int(os.environ.get("DREY_RELOAD_FLOW", "1000" if SANITIZED else "50000"))


class UnderLoad(Reload):
    """The flow asked for is for a machine that has nothing else to do. On a busy one the simulator is
    told to do with less, before the events it keeps for a session run out: what flowed is printed."""
    watch = "off"
    interval_ms = 15000
    sim_options = ("--replay", 1000000, "--replay-memory", "2G")
    rate = FLOW
    bot_keys = {"ring_size": "256 MiB", "compress": "none"}

    def pace(self):
        """Less when half a second's events wait, more again when none do."""
        waiting = self.world.status()["events_happened"] - self.row()["handled"]
        if waiting > self.flow / 2:
            self.flow = max(self.flow * 6 // 10, 1000)
        elif waiting < self.flow / 20 and self.flow < FLOW:
            self.flow = min(self.flow * 11 // 10, FLOW)
        else:
            return
        self.world.ask("POST", "/rate", str(self.flow))

    def enough(self, handled, wanted):
        self.pace()
        return self.row()["handled"] >= handled + min(wanted, self.flow // 10)

    def test_row_20_replaced_again_and_again_under_load_the_state_stays_exact(self):
        generation = 1
        bad = {3: "init-fail", 7: "restore-refuse"}  # of each ten: one and one
        pauses = []
        began = time.monotonic()
        first = self.row()["handled"]
        self.flow = FLOW
        for i in range(COUNT):
            word = bad.get(i % 10, "good")
            put(ledger(f"{i + 2}.{word}"), self.target)
            ok, text = self.reload("ledger")
            self.assertEqual(ok, word == "good", text)
            if ok:
                generation += 1
                pauses.append(float(text.split("pause ")[1].split(" ms")[0]))
            self.assertEqual(self.row()["generation"], generation)
            handled = self.row()["handled"]
            self.wait("a tenth of a second of events",
                      lambda: self.enough(handled, FLOW // 10))
        took = time.monotonic() - began
        handled = self.row()["handled"] - first
        pauses.sort()
        print(f"{COUNT} replacements, {generation - 1} took over, at {handled / took:.0f} events/s "
              f"({FLOW} asked for); pause: median {pauses[len(pauses) // 2]} ms, "
              f"longest {pauses[-1]} ms")
        self.version = self.row()["version"]
        last = self.settle()
        self.as_before()
        self.assertEqual(self.drey_host.stop(), 0)
        self.once_and_in_order(last)
        print(f"{sum(last.values())} events: 0 lost, 0 twice, in order, state exact")
        self.session_kept()


class Flow(Reload):
    def test_row_30_twenty_changes_in_a_tenth_of_a_second_are_one_reload_of_the_last(self):
        for i in range(20):
            put(ledger(f"{i + 2}.good"), self.target)
            time.sleep(0.004)
        self.wait("the last version", lambda: self.row()["version"] == "21.good")
        self.assertLessEqual(self.row()["generation"], 3)
        self.version = "21.good"
        self.all_well()

    def test_row_30_reloads_asked_for_during_a_reload_take_their_turn(self):
        self.replace("2.event-90ms")  # it holds each reload up
        answers = []

        def ask():
            control = Control(self.drey_host.control)
            answers.append(control.ask(cmd="reload", plugins=["ledger"]))
            control.close()
        put(ledger("3.good"), self.target)
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        put(ledger("4.good"), self.target)
        for thread in threads:
            thread.join()
        self.assertTrue(all(answer["all"] for answer in answers), answers)
        self.wait("the last version", lambda: self.row()["version"] == "4.good")
        self.version = "4.good"
        self.all_well()

    def test_row_31_a_reload_waits_for_the_handler_that_runs(self):
        self.world.ask("POST", "/rate", "10")
        self.replace("2.event-90ms", events=2)
        for i in range(5):
            self.replace(f"{i + 3}.event-90ms", events=2)
        self.replace("9.good")
        self.all_well()


class Slow(Reload):
    """A small ring, a ledger that takes 5 ms for each event, and a recorder beside it."""
    watch = "off"
    rate = 600 if SANITIZED else 1500
    first = "1.event-slow"
    shards = 1
    bot_keys = {"ring_size": "1 MiB", "max_message": "64 KiB", "overflow": "drop"}

    def prepare(self):
        shutil.copy(os.path.join(harness.PLUGINS, "recorder.so"), self.drey_host.plugin_dir)
        self.other = os.path.join(self.directory, "recorder.log")
        with open(self.drey_host.ini, "a", encoding="utf-8") as file:
            file.write(f"[plugin:recorder]\n{writes(self.other)}")

    def test_row_32_a_slow_plugin_fills_the_ring_and_harms_itself_only(self):
        self.wait("the slow one to be overtaken", lambda: self.row()["gaps"] >= 2)
        put(ledger("2.event-slow"), self.target)
        ok, text = self.reload("ledger")
        self.assertTrue(ok, text)
        gaps = self.row()["gaps"]
        self.wait("more gaps, told to the new version too", lambda: self.row()["gaps"] > gaps)
        put(ledger("3.good"), self.target)
        ok, text = self.reload("ledger")
        self.assertTrue(ok, text)
        self.assertEqual(self.row("recorder")["gaps"], 0)
        last = self.settle()
        self.wait("the recorder", lambda: self.row("recorder")["lag_bytes"] == 0)
        self.session_kept()
        told = self.row()["gaps"]
        self.assertEqual(self.drey_host.stop(), 0)
        self.assertEqual(harness.recorded(self.other)[0], list(range(1, last[0] + 1)))
        words = self.lifelines()[-1].split()
        state = dict(zip(words[3::2], map(int, words[4::2])))
        self.assertEqual((state["doubles"], state["gaps"]), (0, told))
        self.assertEqual(state["holes"], told, "each hole was told as a gap")
        print(f"{last[0]} events, {last[0] - state['count']} missed by the slow one in {told} gaps")


class Broken(Reload):
    """Connections that break soon after one another are made again later and later: the time scale
    shortens that."""
    watch = "off"
    shards = 1
    run_options = ("--time-scale", "0.02")

    def test_row_38_a_disconnect_exactly_during_a_switch_is_resumed_and_loses_nothing(self):
        count = 6 if SANITIZED else 20
        for i in range(count):
            put(ledger(f"{i + 2}.good"), self.target)
            fault = threading.Thread(target=self.world.fault, args=("drop" if i % 2 else "reconnect",))
            fault.start()
            time.sleep(0.0005 * (i % 8))
            ok, text = self.reload("ledger")
            fault.join()
            self.assertTrue(ok, text)
            self.wait("the shard to be back", lambda: self.world.status()["resumes"] == i + 1)
            self.drey_host.ready("main")
            self.version = f"{i + 2}.good"
            self.flows()
        self.all_well(resumes=count)


if __name__ == "__main__":
    main()
