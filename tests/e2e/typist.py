"""tests/e2e/typist.py: a `drey dev` that a test types into, through a pipe or through a terminal, and
whose output it waits for."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from harness import DREY, wait_for

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Typing:
    """What it has printed is in .text, from the last found place on in .rest()."""

    def __init__(self, *words, folder, terminal=False, columns=100, env=None):
        self.text = ""
        self.at = 0
        self.master = None
        environment = dict(os.environ, **(env or {}))
        if terminal:
            self.master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            self.process = subprocess.Popen([DREY_PATH, *words], cwd=folder, env=environment,
                                            stdin=slave, stdout=slave, stderr=slave,
                                            start_new_session=True,
                                            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
            os.close(slave)
            self.input, self.output = self.master, self.master
        else:
            self.process = subprocess.Popen([DREY_PATH, *words], cwd=folder, env=environment,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.STDOUT)
            self.input = self.process.stdin.fileno()
            self.output = self.process.stdout.fileno()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                got = os.read(self.output, 65536)
            except OSError:  # a terminal whose other side has ended
                got = b""
            if not got:
                return
            self.text += got.decode("utf-8", "replace")

    def type(self, text):
        os.write(self.input, text.encode())

    def line(self, text):
        self.type(text + ("\r" if self.master is not None else "\n"))

    def expect(self, pattern, deadline_s=90):
        """Waits for the pattern behind what was found before; the match."""
        def found():
            match = re.compile(pattern, re.S).search(self.text, self.at)
            if match:
                self.at = match.end()
            elif self.process.poll() is not None and not self.reader.is_alive():
                match = re.compile(pattern, re.S).search(self.text, self.at)
                if match is None:
                    raise AssertionError(f"it ended with {self.process.returncode} before "
                                         f"{pattern!r} came:\n{self.text}")
            return match
        try:
            return wait_for(f"{pattern!r}", found, deadline_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\nso far:\n{self.text[-6000:]}") from None

    def close_input(self):
        if self.master is None and self.process.stdin:
            self.process.stdin.close()

    def ended(self, deadline_s=60):
        status = self.process.wait(deadline_s)
        self.reader.join(deadline_s)
        return status

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        if self.master is not None:
            os.close(self.master)
            self.master = None


DREY_PATH = os.path.abspath(DREY)
