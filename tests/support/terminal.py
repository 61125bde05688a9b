# SPDX-License-Identifier: BSD-2-Clause
"""The debugger while it runs: on a terminal of its own (a pty), as a person uses it, and at the end of a pipe."""
import json
import os
import pty
import re
import select
import subprocess
import time

import harness

PROMPT = "(pybpfdbg) "
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][0-9A-B]?|[\r\x07]")


class Terminal:
    """expect() reads until a text appears; text() is all that was shown, without control sequences."""

    def __init__(self, *args, home="/nonexistent", env=None):
        self._master, slave = pty.openpty()
        full = dict(os.environ, TERM="xterm", HOME=home)
        full.update(env or {})
        self.proc = subprocess.Popen([harness.DEBUGGER] + [str(a) for a in args], stdin=slave, stdout=slave,
                                     stderr=slave, env=full, start_new_session=True,
                                     preexec_fn=lambda: _take_terminal())
        os.close(slave)
        self.raw = ""
        self._seen = 0

    def text(self):
        return _CONTROL.sub("", self.raw)

    def _read(self, timeout):
        if not select.select([self._master], [], [], timeout)[0]:
            return None
        try:
            return os.read(self._master, 65536).decode("utf-8", "replace")
        except OSError:
            return ""

    def expect(self, text, timeout=30):
        """Wait for text after what was expected last; returns what came before it."""
        deadline = time.monotonic() + timeout
        while True:
            shown = self.text()
            at = shown.find(text, self._seen)
            if at >= 0:
                before = shown[self._seen:at]
                self._seen = at + len(text)
                return before
            left = deadline - time.monotonic()
            piece = self._read(left) if left > 0 else None
            if not piece:
                raise AssertionError("%r did not appear (%s); shown: %r" % (
                    text, "end of output" if piece == "" else "timeout", shown[self._seen:]))
            self.raw += piece

    def has(self, text):
        """Has it been shown by now, after what was expected last?"""
        while True:
            piece = self._read(0)
            if not piece:
                return text in self.text()[self._seen:]
            self.raw += piece

    def type(self, text):
        os.write(self._master, text.encode())

    def command(self, line):
        """Type a line at the prompt; what is shown until the next prompt, without the echo."""
        self.type(line + "\n")
        before = self.expect(PROMPT)
        return before.split("\n", 1)[1] if "\n" in before else before

    def ctrl_c(self):
        self.type("\x03")

    def wait(self, timeout=30):
        """Its exit status; the rest of the output is read."""
        deadline = time.monotonic() + timeout
        while True:
            piece = self._read(max(0.0, deadline - time.monotonic()))
            if piece is None:
                raise AssertionError("it has not ended; shown: %r" % self.text()[self._seen:])
            if piece == "":
                break
            self.raw += piece
        return self.proc.wait(timeout)

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        os.close(self._master)


def _take_terminal():
    # The first terminal that a session leader opens is its controlling one: Ctrl-C needs that.
    os.close(os.open(os.ttyname(0), os.O_RDWR))


class Piped:
    """With --json and commands from a pipe, event by event."""

    def __init__(self, *args, wrap=()):
        """wrap: a command that runs the debugger (setpriv ...)."""
        self.proc = subprocess.Popen(list(wrap) + [harness.DEBUGGER] + [str(a) for a in args], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._buffer = b""

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def event(self, timeout=30):
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                raise AssertionError("no event within %d s" % timeout)
            piece = os.read(self.proc.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError("no event: it ended with status %s" % self.proc.wait())
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line.decode())

    def stop(self):
        """(reason, what, function, line) of the next stop; the whole event is in `last`."""
        while True:
            event = self.event()
            if event["event"] == "stopped":
                self.last = event
                return (event["reason"], event.get("step"), event["function"].rpartition(".")[2], event["line"])
            if event["event"] not in ("resumed", "bound"):
                raise AssertionError("no stop: %s" % event)

    def run_to(self, command):
        """The stop that the command leads to."""
        self.send(command + "\n")
        return self.stop()

    def end(self, timeout=30):
        """Close its input; the events that still come, and its exit status."""
        self.proc.stdin.close()
        rest = self._buffer + self.proc.stdout.read()
        return [json.loads(line) for line in rest.decode().splitlines()], self.proc.wait(timeout)

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        try:
            self.proc.stdin.close()
        except OSError:
            pass
