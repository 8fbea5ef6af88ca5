"""tests/e2e/test_dev.py: from an idea to a command that answers: `drey new`, then `drey dev`, typed
into through a pipe and through a terminal; whatever goes wrong, the chat and the old version stay."""
import glob
import os
import re
import shutil
import signal
import subprocess
import unittest

from harness import Case, SOURCE, main, wait_for
from typist import DREY_PATH, ESCAPES, Typing

SANITIZED = bool(re.search("asan|tsan", os.environ.get("DREY_BUILD", "")))
# Whatever a bot says: a screen cleared, a title set, text turned round, C1 as text.
HOSTILE = r"a\\u001b[2J\\u001b]0;x\\u0007b\\u009b31mc\\u202ed<b>e</b>"


def children(pid):
    """The processes below this one."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


class Dev(Case):
    def setUp(self):
        super().setUp()
        self.temporary = os.path.join(self.directory, "tmp")
        os.makedirs(self.temporary)

    def new(self, name, *options):
        subprocess.run([DREY_PATH, "new", name, *options], cwd=self.directory, check=True,
                       stdout=subprocess.DEVNULL)
        return os.path.join(self.directory, name)

    def dev(self, folder, *options, terminal=False, **env):
        dev = Typing("dev", *options, folder=folder, terminal=terminal,
                     env={"TMPDIR": self.temporary, **env})
        self.started.append(dev)
        return dev

    def write(self, folder, name, text):
        """As editors do: beside it, then in its place."""
        path = os.path.join(folder, name)
        with open(path + "~", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + "~", path)

    def change(self, folder, name, old, new):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        self.write(folder, name, text.replace(old, new))

    def child(self, dev, word):
        """The pid of the `drey WORD` below a drey dev."""
        return wait_for(f"drey {word}", lambda: next(
            (pid for pid in children(dev.process.pid) if word in command_line(pid)[1:2]), None))

    def assert_nothing_left(self, pids):
        self.assertEqual(os.listdir(self.temporary), [])
        for pid in pids:
            wait_for(f"process {pid} to be gone", lambda p=pid: not command_line(p))

    def plugin(self, folder, body, registrations):
        """A plugin in one file, without a build file."""
        os.makedirs(folder, exist_ok=True)
        self.write(folder, "one.c", "#include <drey/drey.h>\n#include <stdlib.h>\n" + body +
                   "static int init(drey_ctx *ctx) {\n" + registrations +
                   "    return 0;\n}\nDREY_PLUGIN(\"one\", \"1\", init)\n")
        return folder

    def test_an_idea_answers_and_an_edit_answers_anew(self):
        folder = self.new("hello")
        dev = self.dev(folder)
        dev.line("/hello")
        dev.expect(r"\[build\] +hello\.so .*\[cmd\] +\+ /hello \"Says hello\".*Hello, @ann!")
        dev.expect(r"answered, \d+ ms")
        self.change(folder, "hello.c", "Hello,", "Servus,")
        dev.expect(r"\[build\] +hello\.so .*\[reload\] .*gen 1 → 2.*sessions kept")
        dev.line("/hello")
        dev.expect("Servus, @ann!")
        pids = children(dev.process.pid)
        self.assertEqual(len(pids), 2)
        dev.close_input()
        self.assertEqual(dev.ended(), 0)
        self.assert_nothing_left(pids)

    def test_what_does_not_build_is_told_in_the_compilers_words_and_the_old_version_answers(self):
        folder = self.new("hello")
        dev = self.dev(folder)
        dev.line("/hello")
        dev.expect("Hello, @ann!")
        self.change(folder, "hello.c", "drey_reply(ev", "int broken = ; drey_reply(ev")
        dev.expect(r"\[build\] +FAILED.*what runs goes on.*hello\.c:5:\d+: error: expected expression")
        dev.line("/hello")
        dev.expect("Hello, @ann!")
        self.change(folder, "hello.c", "int broken = ; drey_reply(ev", "missing(ev")
        dev.expect(r"\[build\] +FAILED.*undefined reference to [`']missing'")
        dev.line("/hello")
        dev.expect("Hello, @ann!")
        self.change(folder, "hello.c", "missing(ev", "drey_reply(ev")
        dev.expect(r"\[build\] +hello\.so")
        self.change(folder, "hello.c", "Hello,", "Moin,")
        dev.expect(r"\[reload\] .*gen 1 → 2")
        dev.line("/hello")
        dev.expect("Moin, @ann!")

    def test_what_does_not_load_is_told_in_the_loaders_words_and_the_old_version_answers(self):
        command = "    drey_command(ctx, \"{'name': 'one', 'description': 'd'}\", NULL, on_one);\n"
        handler = ("static void on_one(drey_ctx *ctx, const drey_event *ev) {\n"
                   "    drey_reply_text(ev, \"first\");\n}\n")
        folder = self.plugin(os.path.join(self.directory, "one"), handler, command)
        dev = self.dev(folder)
        dev.line("/one")
        dev.expect("first")
        self.plugin(folder, handler.replace("first", "second"),
                    "    drey_error(ctx, \"no key\");\n    return -1;\n")
        dev.expect(r"\[reload\] +one +REFUSED, gen 1 still serving.*one\.so: init answered -1: no key")
        dev.line("/one")
        dev.expect("first")
        self.plugin(folder, handler.replace("first", "second") +
                    "__attribute__((constructor)) static void crash(void) {\n    abort();\n}\n", command)
        dev.expect(r"\[reload\] +one +REFUSED, gen 1 still serving")
        self.plugin(folder, handler.replace("first", "third"), command)
        dev.expect(r"\[reload\] .*gen \d → \d")
        dev.line("/one")
        dev.expect("third")

    def dying(self):
        """A plugin that dies of a command, and how to mend it."""
        command = ("    drey_command(ctx, \"{'name': 'one', 'description': 'd', 'options': [{'type': 5, "
                   "'name': 'die', 'description': 'd'}]}\", NULL, on_one);\n")
        handler = ("static void on_one(drey_ctx *ctx, const drey_event *ev) {\n"
                   "    if (drey_option_bool(ev, \"die\")) {\n        abort();\n    }\n"
                   "    drey_reply_text(ev, \"alive\");\n}\n")
        folder = self.plugin(os.path.join(self.directory, "one"), handler, command)
        mended = handler.replace("abort();", "").replace("alive", "well")
        return folder, lambda: self.plugin(folder, mended, command)

    def test_a_plugin_that_dies_does_so_alone_and_says_where(self):
        folder, mend = self.dying()
        dev = self.dev(folder)
        dev.line("/one")
        dev.expect("alive")
        dev.line("/one die:true")
        dev.expect(r"\[one\] +error: gen 1 ended: Aborted \(SIGABRT\), in INTERACTION_CREATE, .*, "
                   r"attempt 1.*on_one\+0x.*attempt 2(?=.*is parked after 2 attempts)"
                   r".*Something went wrong \(ref")
        dev.line("/one")
        dev.expect("alive")
        mend()
        dev.expect(r"\[reload\] .*gen 1 → 2")
        dev.line("/one die:true")
        dev.expect("well")

    def test_a_plugin_that_kills_the_host_is_waited_for(self):
        folder, mend = self.dying()
        self.write(folder, "dev.ini", "[plugin:one]\nisolation = thread\n")
        dev = self.dev(folder)
        dev.line("/one")
        dev.expect("alive")
        dev.line("/one die:true")
        dev.expect(r"\[host\] +the host ended \(killed by SIGABRT\); it is started again")
        dev.expect(r"the second time in a row.*did not respond")
        mend()
        dev.expect(r"\[build\] +one\.so")
        dev.line("/one die:true")
        dev.expect("well")

    def test_the_simulator_comes_back_where_it_was(self):
        folder = self.new("hello")
        dev = self.dev(folder)
        dev.line("/hello")
        at = dev.expect(r"simulator on (\S+): .*Hello, @ann!").group(1)
        os.kill(self.child(dev, "sim"), signal.SIGKILL)
        dev.expect(r"\[sim\] +the simulator ended \(killed by SIGKILL\); it is started again")
        dev.expect(r"\[cmd\] +\+ /hello.*READY|READY.*\[cmd\] +\+ /hello")
        dev.line("/hello")
        dev.expect("Hello, @ann!")
        self.assertIn(at, command_line(self.child(dev, "sim")))
        os.kill(self.child(dev, "run"), signal.SIGKILL)
        dev.expect(r"the host ended \(killed by SIGKILL\); it is started again.*RE(ADY|SUMED)")
        dev.line("/hello")
        dev.expect("Hello, @ann!")

    def test_what_a_bot_says_cannot_harm_the_terminal(self):
        handler = ("static void on_one(drey_ctx *ctx, const drey_event *ev) {\n"
                   f"    drey_reply(ev, \"{{\\\"content\\\": \\\"{HOSTILE}\\\"}}\");\n"
                   "    printf(\"\\033[2Jprinted\\n\");\n    fflush(stdout);\n"
                   "    drey_info(ctx, \"log \\033[2J\");\n}\n")
        folder = self.plugin(os.path.join(self.directory, "one"), "#include <stdio.h>\n" + handler,
                             "    drey_command(ctx, \"{'name': 'one', 'description': 'd'}\", NULL, on_one);\n")
        dev = self.dev(folder, terminal=True)
        dev.expect("ann> ")
        dev.line("/one")
        dev.expect("answered")
        dev.expect("ann> ")
        self.assertIn("<b>e</b>", dev.text)
        self.assertIn("printed", dev.text)
        plain = ESCAPES.sub("", dev.text.replace("\x1b[K", ""))
        self.assertNotRegex(plain, "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
        self.assertNotIn("\x1b[2J", dev.text)

    def test_in_a_terminal_lines_are_edited_and_completed_and_control_c_ends(self):
        folder = self.new("hello")
        dev = self.dev(folder, terminal=True)
        dev.expect(r"type as ann.*ann> ")
        dev.type("/hex\x7f\t")
        dev.expect("/hello ")
        dev.type("\r")
        dev.expect(r"Hello, @ann!.*answered")
        dev.type(":as b\t")
        dev.expect(":as bob")
        dev.type("\r")
        dev.expect("bob> ")
        dev.type("\x1b[A\x1b[A\r")  # the command before the last, again
        dev.expect("Hello, @bob!")
        dev.type("left over\x03")
        dev.expect("bob> ")
        pids = children(dev.process.pid)
        dev.type("\x03")
        dev.expect("Ctrl-C again")
        dev.type("\x03")
        self.assertEqual(dev.ended(), 0)
        self.assert_nothing_left(pids)

    def test_tab_asks_the_plugin_where_the_plugin_completes(self):
        handler = r"""
static void on_one(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, drey_option_str(ev, "tree"));
}
static void on_typed(drey_ctx *ctx, const drey_event *ev) {
    drey_choices(ev, "[{\"name\": \"Oak\", \"value\": \"oak\"}, {\"name\": \"Elm\", \"value\": \"elm\"}]");
}
"""
        folder = self.plugin(os.path.join(self.directory, "one"), handler, r"""
    drey_command(ctx, "{'name': 'one', 'description': 'd', 'options': [{'type': 3, 'name': 'tree', "
        "'description': 'd', 'autocomplete': true}]}", NULL, on_one);
    drey_on_interaction(ctx, DREY_AUTOCOMPLETE, "one", NULL, on_typed);
""")
        dev = self.dev(folder, terminal=True)
        dev.expect(r"type as ann.*ann> ")
        dev.type("/one t\to\t")
        dev.expect(r"- Oak <oak>.*- Elm <elm>")
        dev.type("ak\r")
        dev.expect(r"\n  oak")
        dev.expect("answered")

    def test_buttons_menus_forms_and_settings(self):
        handler = r"""
static void on_one(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev, drey_write(ctx, "{'content': %s, 'flags': 64, 'components': [{'type': 1, 'components': ["
        "{'type': 2, 'style': 1, 'label': 'Form', 'custom_id': 'form'}]}, {'type': 1, 'components': ["
        "{'type': 3, 'custom_id': 'pick', 'options': [{'label': 'Red', 'value': 'r'}, {'label': 'Blue', 'value': 'b'}]}]}]}",
        drey_config(ctx, "greeting")));
}
static void on_form(drey_ctx *ctx, const drey_event *ev) {
    drey_show_modal(ev, "{\"title\": \"Tell\", \"custom_id\": \"told\", \"components\": [{\"type\": 1, \"components\": ["
        "{\"type\": 4, \"style\": 1, \"label\": \"Name\", \"custom_id\": \"name\"}]}]}");
}
static void on_told(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev, drey_write(ctx, "{'content': 'you are %s'}", drey_option_str(ev, "name")));
}
static void on_pick(drey_ctx *ctx, const drey_event *ev) {
    drey_update(ev, drey_write(ctx, "{'content': 'picked %s', 'components': []}", drey_str(ev, "data.values.0")));
}
"""
        folder = self.plugin(os.path.join(self.directory, "one"), handler, r"""
    drey_command(ctx, "{'name': 'one', 'description': 'd'}", NULL, on_one);
    drey_on_interaction(ctx, DREY_COMPONENT, "form", NULL, on_form);
    drey_on_interaction(ctx, DREY_COMPONENT, "pick", NULL, on_pick);
    drey_on_interaction(ctx, DREY_MODAL, "told", NULL, on_told);
""")
        self.write(folder, "dev.ini", "[plugin:one]\ngreeting = psst\n")
        dev = self.dev(folder)
        for line in ("/one", ":press form", ":submit Name=\"Ann O\"", ":select pick Blue"):
            dev.line(line)
        dev.expect(r"\(ephemeral: only ann sees this\).*psst.*\[Form\]")
        dev.expect(r"modal: Tell.*you are Ann O.*picked b")
        dev.line("hi")
        dev.line(":react 🌰")
        dev.expect(r"ann reacted 🌰 to \d+")
        dev.line(":react -🌰")
        dev.expect(r"ann took back 🌰 from \d+")
        self.write(folder, "dev.ini", "[plugin:one]\ngreeting = moin\n")
        dev.expect(r"\[reload\] ")
        dev.line("/one")
        dev.expect("moin")
        self.write(folder, "dev.ini", "[plugin:one\n")
        dev.expect(r"dev\.ini:1:\d+: error")
        dev.line("/one")
        dev.expect("moin")

    def test_a_file_of_lines_is_worked_off(self):
        folder = self.new("hello")
        script = os.path.join(self.directory, "script")
        with open(script, "w", encoding="utf-8") as file:
            file.write("/hello\n:as bob\n/hello\n/nothing\n:fault bogus\nhi\n:messages 2\n")
        with open(script, encoding="utf-8") as file:
            run = subprocess.run([DREY_PATH, "dev", folder], stdin=file, capture_output=True, text=True,
                                 timeout=90, check=False, env=dict(os.environ, TMPDIR=self.temporary))
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"(?s)Hello, @ann!.*Hello, @bob!.*no bot has registered the command "
                                     r"'nothing'.*bogus.*hi\n")
        self.assertEqual(os.listdir(self.temporary), [])

    def test_many_messages_and_large_ones(self):
        """10,000 in a channel, and an embed that Discord would refuse."""
        handler = r"""
static char big[1200000];
static void on_one(drey_ctx *ctx, const drey_event *ev) {
    for (unsigned i = 0; i + 1 < sizeof(big); i++) {
        big[i] = 'x';
    }
    if (drey_reply(ev, drey_write(ctx, "{'embeds': [{'description': %s}]}", big)) < 0) {
        drey_whisper(ev, "too big");
    }
}
"""
        folder = self.plugin(os.path.join(self.directory, "one"), handler,
                             "    drey_command(ctx, \"{'name': 'one', 'description': 'd'}\", NULL, on_one);\n")
        dev = self.dev(folder, "--", "--rate", "5000")
        dev.expect("READY")
        wait_for("10,000 messages", lambda: dev.text.count("\n  ") > 10000)
        dev.line("/one")
        dev.expect(r"too big")
        dev.close_input()
        self.assertEqual(dev.ended(), 0)

    def test_usage_and_folders_that_are_none(self):
        empty = os.path.join(self.directory, "empty")
        os.makedirs(empty)
        for words, status, text in (([empty], 1, "nothing to build here"), ([empty, "x"], 2, "one folder"),
                                    (["--lang", "cobol", empty], 2, "--lang is auto"),
                                    (["--attach", empty], 1, "no drey dev is at work"),
                                    (["--bogus"], 2, "--bogus"), (["/no/such"], 1, "/no/such")):
            run = subprocess.run([DREY_PATH, "dev", *words], capture_output=True, text=True, timeout=60,
                                 stdin=subprocess.DEVNULL, check=False,
                                 env=dict(os.environ, TMPDIR=self.temporary))
            self.assertEqual(run.returncode, status, run.stderr)
            self.assertIn(text, run.stderr)
        self.assertEqual(os.listdir(self.temporary), [])

    def test_a_second_terminal_joins_and_a_second_builder_does_not(self):
        folder = self.new("hello")
        dev = self.dev(folder)
        dev.expect("READY")
        second = self.dev(folder)
        second.expect("another drey dev is at work in .*--attach")
        self.assertEqual(second.ended(), 1)
        guest = self.dev(folder, "--attach")
        guest.line("/hello")
        guest.expect("Hello, @ann!")
        dev.expect("Hello, @ann!")
        guest.line(":build")
        guest.expect(r"\[build\] +hello\.so .*as it was")
        dev.close_input()
        self.assertEqual(dev.ended(), 0)
        guest.expect(r"\[dev\] +has ended")
        self.assertEqual(guest.ended(), 0)

    def test_the_end_of_drey_dev_is_the_end_of_all_it_started(self):
        folder = self.new("hello")
        dev = self.dev(folder)
        dev.expect("READY")
        pids = children(dev.process.pid)
        dev.process.kill()
        dev.process.wait()
        for pid in pids:
            wait_for(f"process {pid} to end", lambda p=pid: not command_line(p))

    def test_cpp_is_built_and_answers(self):
        folder = self.new("hi", "--lang", "cpp")
        dev = self.dev(folder)
        dev.line("/hi")
        dev.line("/hi")
        dev.expect(r"1 time\..*2 times\.")

    @unittest.skipUnless(shutil.which("cargo"), "no cargo here")
    def test_rust_is_built_and_answers(self):
        folder = self.new("hi-rs", "--lang", "rust")
        dev = self.dev(folder)
        dev.line("/hi-rs")
        dev.expect("Hello, @ann!")
        self.change(folder, "src/lib.rs", "Hello,", "Servus,")
        dev.expect(r"\[reload\] .*gen 1 → 2")
        dev.line("/hi-rs")
        dev.expect("Servus, @ann!")
        self.change(folder, "src/lib.rs", "format!(", "fromat!(")
        dev.expect(r"FAILED.*cannot find macro `fromat`")
        dev.line("/hi-rs")
        dev.expect("Servus, @ann!")

    @unittest.skipIf(SANITIZED, "the host has a sanitizer of its own")
    def test_with_asan_a_fault_is_shown_with_its_line(self):
        folder = self.new("hello")
        self.change(folder, "hello.c", "    drey_reply(ev", "    char *gone = malloc(8);\n    free(gone);\n"
                    "    gone[ev->id & 1] = 1;\n    drey_reply(ev")
        self.change(folder, "hello.c", "#include <drey/drey.h>", "#include <drey/drey.h>\n#include <stdlib.h>")
        dev = self.dev(folder, "--asan")
        dev.line("/hello")
        dev.expect(r"AddressSanitizer: heap-use-after-free.*on_command.*hello\.c:8")
        dev.expect(r"the host ended")

    @unittest.skipUnless(shutil.which("gdb"), "no gdb here")
    @unittest.skipIf(SANITIZED, "the host has a sanitizer of its own")
    def test_under_gdb_the_plugins_source_is_known(self):
        folder = self.new("hello")
        dev = self.dev(folder, "--gdb", terminal=True, TERM="dumb")
        dev.expect("READY")
        guest = self.dev(folder, "--attach")
        guest.line("/hello")
        guest.expect("Hello, @ann!")
        dev.type("\x03")
        dev.expect(r"SIGINT.*\(gdb\) ")
        dev.line("break on_command")
        dev.expect(r"Breakpoint 1 at .*hello\.c, line 5.*\(gdb\) ")
        dev.line("continue")
        dev.expect("Continuing")
        guest.line("/hello")
        dev.expect(r"hit Breakpoint 1.*on_command .*hello\.c:5.*\(gdb\) ")
        dev.line("delete")
        dev.expect(r"\(gdb\) ")
        dev.line("continue")
        guest.expect("Hello, @ann!")
        dev.type("\x03")
        dev.expect(r"SIGINT.*\(gdb\) ")
        pids = children(dev.process.pid)
        dev.line("kill")
        dev.line("quit")
        self.assertEqual(dev.ended(), 0)
        self.assert_nothing_left(pids)


if __name__ == "__main__":
    main()
