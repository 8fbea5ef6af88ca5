"""tests/e2e/test_demo.py: etc/demo runs, hands events to plugins, swaps a plugin that was rebuilt, and
ends with Ctrl-C."""
import os
import re
import signal
import subprocess
import time
import urllib.request

from harness import Case, SOURCE, main, wait_for


class Demo(Case):
    def test_the_second_demo_is_quick_and_swaps_ping(self):
        log = os.path.join(self.directory, "demo.log")
        with open(log, "w", encoding="utf-8") as out:
            demo = subprocess.Popen([os.path.join(SOURCE, "etc", "demo")], stdout=out,
                                    stderr=subprocess.STDOUT, start_new_session=True)
        self.addCleanup(lambda: demo.poll() is None and os.killpg(demo.pid, signal.SIGKILL))
        text = lambda: open(log, encoding="utf-8").read()
        try:
            wait_for("the demo to be ready", lambda: "ready: 1 of 1 bots" in text())
            at = re.search(r"local Discord at (\S+)", text()).group(1)
            drey = os.path.join(SOURCE, "build", "release", "bin", "drey")
            wait_for("the commands to be published", lambda: "published: + /ping" in text())
            web = re.search(r"in a browser:  (http://\S+/)\n", text()).group(1)
            with urllib.request.urlopen(web, timeout=30) as page:
                self.assertIn("<title>drey sim</title>", page.read().decode())
            subprocess.run([drey, "sim", "command", "--at", at, "/ping"], check=True,
                           capture_output=True)
            messages = lambda: subprocess.run([drey, "sim", "messages", "--at", at], check=True,
                                              capture_output=True, text=True).stdout
            wait_for("the answer to /ping", lambda: "Your command was answered after" in messages())
            library = os.path.join(SOURCE, "build", "release", "plugins", "ping.so")
            with open(library, "rb") as built:
                content = built.read()
            with open(library + ".new", "wb") as out:
                out.write(content + b"\0" * 16)
            os.rename(library + ".new", library)
            wait_for("ping to be swapped", lambda: "gen 1 -> 2" in text() or "gen 1 → 2" in text())
            demo.send_signal(signal.SIGINT)
            self.assertEqual(demo.wait(60), 0, text())
        finally:
            print(text()[-3000:])


if __name__ == "__main__":
    main()
