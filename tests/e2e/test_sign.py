"""tests/e2e/test_sign.py: `drey sign` at the command line: keys, signatures, and what OpenSSL's own
program makes of both; `drey check` of a configuration that asks for signatures."""
import base64
import os
import pty
import re
import shutil
import stat
import subprocess
import termios
import threading

from harness import Case, DREY as BINARY, PLUGINS, SOURCE, main, read, wait_for

DREY = os.path.abspath(BINARY)


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


class Sign(Case):
    def setUp(self):
        super().setUp()
        self.plugin = self.path("ping.so")
        shutil.copy(os.path.join(PLUGINS, "ping.so"), self.plugin)
        self.fingerprint = self.new_key("ops")

    def path(self, name):
        return os.path.join(self.directory, name)

    def drey(self, *words, status=0, data=None, **options):
        run = subprocess.run([DREY, *words], capture_output=True, text=True, timeout=60,
                             check=False, cwd=self.directory, input=data, **options)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def new_key(self, name):
        said = self.drey("sign", "--new-key", name).stdout
        return re.search(r"\.pub: the public key ([0-9a-f]{32}): ", said).group(1)

    def signed(self):
        """What is signed, and the signature's bytes."""
        with open(self.plugin, "rb") as file:
            data = file.read()
        words = read(self.plugin + ".sig").split("\n")
        self.assertEqual(words[:2], ["drey signature 1", "key " + self.fingerprint])
        self.assertEqual(words[3:], [""])
        with open(self.path("message"), "wb") as file:
            file.write(b"drey plugin 1\0" + data)
        with open(self.path("signature"), "wb") as file:
            file.write(base64.b64decode(words[2].removeprefix("ed25519 ")))
        return self.path("message"), self.path("signature")


class Keys(Sign):
    def test_a_private_key_is_the_owner_s_alone_and_nothing_is_overwritten(self):
        old = os.umask(0)
        try:
            self.new_key("open")
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("open.key")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("open.pub")).st_mode), 0o644)
        before = read(self.path("ops.key")) + read(self.path("ops.pub"))
        again = self.drey("sign", "--new-key", "ops", status=1)
        self.assertEqual(again.stderr, "drey: ops.key is there already: choose another name\n")
        self.assertEqual(read(self.path("ops.key")) + read(self.path("ops.pub")), before)
        # of a pair that cannot be whole nothing is left
        os.symlink("nowhere", self.path("half.pub"))
        half = self.drey("sign", "--new-key", "half", status=1)
        self.assertEqual(half.stderr, "drey: half.pub is there already: choose another name\n")
        self.assertFalse(os.path.exists(self.path("half.key")))
        self.assertFalse(os.path.exists(self.path("nowhere")))

    def test_the_key_is_openssl_s_and_so_is_its_fingerprint(self):
        derived = openssl("pkey", "-in", self.path("ops.key"), "-pubout").decode()
        self.assertTrue(read(self.path("ops.pub")).endswith("\n" + derived), derived)
        der = openssl("pkey", "-pubin", "-in", self.path("ops.pub"), "-outform", "DER")
        self.assertIn(self.fingerprint, openssl("dgst", "-sha256", data=der).decode())

    def test_a_key_of_openssl_s_signs_too(self):
        openssl("genpkey", "-algorithm", "ed25519", "-out", self.path("their.key"))
        openssl("pkey", "-in", self.path("their.key"), "-pubout", "-out", self.path("their.pub"))
        self.drey("sign", "their.key", "ping.so")
        self.assertIn("ping.so: ok, signed by ",
                      self.drey("sign", "--verify", "their.pub", "ping.so").stdout)

    def test_a_key_that_others_may_read_is_refused(self):
        for mode in (0o640, 0o604, 0o660, 0o602):
            os.chmod(self.path("ops.key"), mode)
            run = self.drey("sign", "ops.key", "ping.so", status=78)
            self.assertIn(f"others may read this private key (mode {mode:04o}): chmod 600 ops.key",
                          run.stderr)
        self.assertFalse(os.path.exists(self.plugin + ".sig"))

    def test_what_is_no_such_key_is_named(self):
        openssl("genpkey", "-algorithm", "rsa", "-out", self.path("rsa.key"))
        os.mkfifo(self.path("fifo"))
        self.assertIn("ops.pub: this is a public key; signing takes the private one",
                      self.drey("sign", "ops.pub", "ping.so", status=78).stderr)
        self.assertIn("rsa.key: it is no Ed25519 key",
                      self.drey("sign", "rsa.key", "ping.so", status=78).stderr)
        self.assertIn("fifo: not a regular file",
                      self.drey("sign", "fifo", "ping.so", status=78).stderr)
        self.assertIn("none: No such file",
                      self.drey("sign", "none", "ping.so", status=78).stderr)
        self.assertIn("ops.key: line 1: a private key does not belong here",
                      self.drey("sign", "--verify", "ops.key", "ping.so", status=78).stderr)
        self.assertFalse(os.path.exists(self.plugin + ".sig"))

    def test_a_pass_phrase_is_asked_for_on_the_terminal(self):
        openssl("pkey", "-in", self.path("ops.key"), "-aes256", "-passout", "pass:open sesame",
                "-out", self.path("locked.key"))
        self.assertIn("ENCRYPTED", read(self.path("locked.key")))
        for phrase, status in ((b"open sesame\n", 0), (b"open barley\n", 78)):
            us, terminal = pty.openpty()
            run = subprocess.Popen([DREY, "sign", "locked.key", "ping.so"], cwd=self.directory,
                                   stdin=terminal, stdout=terminal, stderr=terminal,
                                   start_new_session=True,
                                   preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
            os.close(terminal)
            said = []

            def listen(us=us, said=said):
                try:
                    while more := os.read(us, 4096):
                        said.append(more)
                except OSError:
                    pass  # its other end is closed
            listener = threading.Thread(target=listen)
            listener.start()
            wait_for("the prompt", lambda: b"pass phrase" in b"".join(said))
            wait_for("the terminal to be silent",
                     lambda us=us: not termios.tcgetattr(us)[3] & termios.ECHO)
            os.write(us, phrase)
            self.assertEqual(run.wait(60), status, said)
            listener.join()
            os.close(us)
            self.assertNotIn(phrase.strip(), b"".join(said))
        openssl("pkeyutl", "-verify", "-pubin", "-inkey", self.path("ops.pub"), "-rawin",
                "-in", self.signed()[0], "-sigfile", self.signed()[1])


class Files(Sign):
    def test_a_signature_is_one_that_openssl_verifies(self):
        run = self.drey("sign", "ops.key", "ping.so")
        self.assertEqual(run.stdout, f"ping.so: signed by {self.fingerprint}\n")
        message, signature = self.signed()
        openssl("pkeyutl", "-verify", "-pubin", "-inkey", self.path("ops.pub"), "-rawin",
                "-in", message, "-sigfile", signature)
        self.assertEqual(sorted(name for name in os.listdir(self.directory) if "ping" in name),
                         ["ping.so", "ping.so.sig"])

    def test_each_file_is_one_line_and_one_that_fails_does_not_stop_the_others(self):
        for name in ("a.so", "b.so"):
            shutil.copy(self.plugin, self.path(name))
        run = self.drey("sign", "ops.key", "a.so", "gone.so", "ops.pub", "b.so", status=1)
        self.assertEqual(run.stdout, f"a.so: signed by {self.fingerprint}\n"
                                     f"b.so: signed by {self.fingerprint}\n")
        self.assertEqual(run.stderr, "drey: gone.so: No such file or directory\n"
                                     "drey: ops.pub: not a plugin (no ELF file)\n")
        other = self.new_key("other")
        self.drey("sign", "other.key", "b.so")
        run = self.drey("sign", "--verify", "ops.pub", "a.so", "ping.so", "b.so", "gone.so",
                        status=1)
        lines = run.stdout.splitlines()
        self.assertEqual(lines[0], f"a.so: ok, signed by {self.fingerprint}")
        self.assertTrue(lines[1].startswith("ping.so: error: it is not signed: "), lines)
        self.assertTrue(lines[2].startswith(
            f"b.so: error: it is signed with the key {other}, which is not trusted; trusted "
            f"(ops.pub): {self.fingerprint}; next: drey sign KEY b.so"), lines)
        self.assertEqual(lines[3], "gone.so: error: No such file or directory")
        # both keys in one file: both are trusted
        with open(self.path("both.pub"), "w", encoding="utf-8") as file:
            file.write(read(self.path("ops.pub")) + read(self.path("other.pub")))
        self.drey("sign", "--verify", "both.pub", "a.so", "b.so")

    def test_another_byte_or_another_file_does_not_verify(self):
        self.drey("sign", "ops.key", "ping.so")
        with open(self.plugin, "ab") as file:
            file.write(b"\0")
        self.assertIn(f"(key {self.fingerprint}) is not for these bytes",
                      self.drey("sign", "--verify", "ops.pub", "ping.so", status=1).stdout)
        shutil.copy(os.path.join(PLUGINS, "poll.so"), self.path("poll.so"))
        shutil.copy(self.plugin + ".sig", self.path("poll.so.sig"))
        self.drey("sign", "--verify", "ops.pub", "poll.so", status=1)

    def test_wrong_usage_is_told(self):
        for words in (("sign",), ("sign", "ops.key"), ("sign", "--verify", "ops.pub"),
                      ("sign", "--new-key"), ("sign", "--new-key", "a", "b"),
                      ("sign", "--new-key", ""), ("sign", "--new-key", "a", "--verify"),
                      ("sign", "--sing", "ops.key", "ping.so")):
            self.assertIn("See: drey help sign", self.drey(*words, status=2).stderr)
        self.assertEqual(self.drey("sign", "--", "ops.key", "ping.so").stderr, "")


class Check(Sign):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("plugins"))
        self.plugin = self.path("plugins/ping.so")
        os.rename(self.path("ping.so"), self.plugin)
        self.configure("ops.pub")

    def configure(self, keys):
        with open(self.path("drey.ini"), "w", encoding="utf-8") as file:
            file.write(f"[drey]\nrequire_signature = {keys}\n[bot:main]\ntoken = t\n")
        os.chmod(self.path("drey.ini"), 0o600)

    def test_what_is_signed_is_said_with_whose_key(self):
        self.drey("sign", "ops.key", self.plugin)
        said = self.drey("check").stdout
        self.assertIn(f"signatures are required: 1 key in ops.pub: {self.fingerprint}\n", said)
        self.assertRegex(said, rf"plugin ping .*, signed by {self.fingerprint}\n")
        said = self.drey("check", "-c", "drey.ini", self.plugin).stdout
        self.assertRegex(said, rf"signed by +{self.fingerprint}\n")
        said = self.drey("check", self.plugin).stdout  # no configuration: nobody is trusted
        self.assertRegex(said, rf"signature +by key {self.fingerprint}, not checked "
                               r"\(drey sign --verify PUBLIC ")

    def test_what_is_not_signed_is_an_error_and_is_not_run(self):
        witness = self.path("it-ran")
        with open(self.path("drey.ini"), "a", encoding="utf-8") as file:
            file.write("[plugin:evil]\nisolation = thread\n")  # a sandbox would not let it
        source = self.path("evil.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write('#include <fcntl.h>\n#include <unistd.h>\n'
                       '__attribute__((constructor)) static void run(void) {\n'
                       f'    close(open("{witness}", O_CREAT | O_WRONLY, 0600));\n}}\n'
                       '#include <drey/drey.h>\nstatic int init(drey_ctx *ctx) { return 0; }\n'
                       'DREY_PLUGIN("evil", "1", init)\n')
        evil = self.path("plugins/evil.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-I", os.path.join(SOURCE, "sdk", "include"),
                        source, "-o", evil], check=True)
        self.drey("sign", "ops.key", self.plugin)
        said = self.drey("check", status=78).stdout
        self.assertIn("plugins/evil.so: error: it is not signed: ", said)
        self.assertIn("plugin ping", said)
        said = self.drey("check", "-c", "drey.ini", evil, status=78).stdout
        self.assertIn("evil.so: error: it is not signed: ", said)
        self.assertFalse(os.path.exists(witness))
        self.drey("sign", "ops.key", evil)  # and it would have been seen
        self.drey("check")
        self.assertTrue(os.path.exists(witness))

    def test_a_file_of_keys_that_is_no_good_is_told_with_its_line(self):
        with open(self.path("bad.pub"), "w", encoding="utf-8") as file:
            file.write(read(self.path("ops.pub")) + "oops\n")
        self.configure("bad.pub")
        run = self.drey("check", status=78)
        self.assertIn("drey.ini:2:21: error: require_signature 'bad.pub': line 5: neither a comment "
                      "(#) nor the line -----BEGIN PUBLIC KEY-----", run.stderr)
        self.configure("ops.pub")
        os.chmod(self.path("ops.pub"), 0o646)
        self.assertIn("require_signature 'ops.pub': anybody may write to it",
                      self.drey("check", status=78).stderr)
        self.assertIn("chmod o-w ops.pub", self.drey("run", "-c", "drey.ini", status=78).stderr)


if __name__ == "__main__":
    main()
