"""tests/e2e/test_tickets.py: the example `tickets` with a real host and a local Discord: a person opens
a ticket and closes it, with a new generation and another host in between; what the last host left
half done, the next one finishes."""
import json
import subprocess
import urllib.request

from acting import ActCase
from harness import DREY, main, wait_for


class Tickets(ActCase):
    def setUp(self):
        super().setUp()
        self.stage("--no-limits", plugins=(), examples=["tickets"])
        self.published()

    def restart(self, *kv):
        """kv: what is put into the store meanwhile."""
        self.assertEqual(self.box.stop(), 0)
        if kv:
            subprocess.run([DREY, "kv", "set", "main", "tickets", *kv, "-c", self.box.ini],
                           check=True, capture_output=True, timeout=60)
        self.box.start().ready("main")

    def kept(self):
        return subprocess.run([DREY, "kv", "list", "main", "tickets", "-c", self.box.ini],
                              check=True, capture_output=True, text=True, timeout=60).stdout

    def with_button(self, custom_id, **where):
        """The message with such a button, when it is there."""
        def look():
            return next((m for m in self.person.messages(**where) for row in m.get("components", [])
                         for b in row["components"] if b["custom_id"].startswith(custom_id)), None)
        return wait_for(f"a message with {custom_id}", look)

    def thread(self, number):
        request = urllib.request.Request(f"{self.simulator.rest}/channels/{number}", headers={
            "Authorization": "Bot a-token-that-no-log-may-show"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def closed(self, number):
        data = self.thread(number)["thread_metadata"]
        return data["archived"] and data["locked"]

    def opened(self, who="bob"):
        """Somebody opens a ticket: the thread's id, and the message in it with the button."""
        self.person.command("/tickets setup")
        button = self.with_button("tickets:open")
        shown = self.person.ask("/press", message=button["id"], custom_id="tickets:open", **{"as": who})
        self.assertEqual((shown["outcome"], shown["modal"]["custom_id"]), ("modal", "tickets:new"))
        return self.submitted(who)

    def submitted(self, who):
        self.person.ask("/submit", custom_id="tickets:new", **{"as": who},
                        fields={"subject": "No light", "details": "It is dark."})
        def look():
            said = [m["content"] for m in self.person.messages()
                    if m["content"].startswith("Your ticket: <#")]
            return said and said[0][len("Your ticket: <#"):-1]
        number = wait_for("the ticket", look)
        return number, self.with_button("tickets:close:", channel=number)

    def test_a_ticket_lives_through_reload_and_restart(self):
        shown = self.person.command("/tickets staff role:moderator")
        self.assertIn("is called into each ticket", shown["message"]["content"])
        self.restart()
        number, first = self.opened()
        thread = self.thread(number)
        self.assertEqual((thread["type"], thread["name"]), (12, "No light"))
        self.assertTrue(first["content"].endswith("> It is dark."), first)
        wait_for("the call of the staff", lambda: any(
            m["content"].startswith("<@&") for m in self.person.messages(channel=number)))
        self.assertEqual(self.box.run("reload", "-c", self.box.ini, "tickets").returncode, 0)
        self.restart()
        shown = self.person.ask("/press", message=first["id"], channel=number, **{"as": "bob"},
                                custom_id=first["components"][0]["components"][0]["custom_id"])
        self.assertEqual(shown["outcome"], "update", shown)
        wait_for("the thread's end", lambda: self.closed(number))
        note = next(m for m in self.person.messages(channel=number) if m["embeds"])
        self.assertEqual(note["components"], [])
        self.assertRegex(note["embeds"][0]["description"], r"^Closed by <@\d+>\.$")

    def test_whoever_waits_while_the_host_is_killed_is_told(self):
        self.person.command("/tickets setup")
        button = self.with_button("tickets:open")
        self.person.ask("/press", message=button["id"], custom_id="tickets:open")
        self.simulator.fault("route POST/channels/*/threads rest-slow 5m x1")
        self.person.ask("/submit", custom_id="tickets:new", fields={"subject": "No light"}, wait_ms=1)
        wait_for("the thread's request", lambda: any(
            "/threads" in route for route in self.simulator.status()["requests"]))
        self.box.kill()
        self.box.start().ready("main")
        wait_for("the answer", lambda: any(
            m["content"].startswith("I was restarted.") for m in self.person.messages()))
        wait_for("an empty store", lambda: self.kept() == "")

    def test_what_a_host_left_half_done_the_next_one_finishes(self):
        number, _ = self.opened()
        self.assertFalse(self.closed(number))
        self.restart("close 81384788765712384", f"{number} 7")
        wait_for("the thread's end", lambda: self.closed(number))
        self.restart("new 81384788765712384", "1 2 lost details")
        wait_for("an empty store", lambda: self.kept() == "")


if __name__ == "__main__":
    main()
