#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Text: reads the interpreter's.
"""What stays armed ends by itself: each command's lifetime acts, says so, and leaves nothing behind."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

RARE = """
import sys
def seldom(): return 1
def often(): pass
print("ready", flush=True)
for line in sys.stdin:
    often()
    print("still here", flush=True)
"""
OVER = "1 second is over (--for): everything is disarmed"
WILL = "everything is disarmed after 1 second (--for), or at Ctrl-C"
COMMANDS = {
    "count": ["seldom"], "log": ["seldom", "never"], "snap": ["seldom"], "calls": [], "latency": ["seldom"],
    "snap --deep": ["seldom"], "count --children": ["seldom"], "log --children": ["seldom", "never"],
}


def text_of(pid):
    """What is executable and from a file with python in its name: a uprobe is a changed byte there."""
    with open("/proc/%d/maps" % pid) as f:
        areas = [[int(x, 16) for x in line.split()[0].split("-")] for line in f if re.search("r-xp.*python", line)]
    with open("/proc/%d/mem" % pid, "rb") as f:
        found = []
        for start, end in areas:
            f.seek(start)
            found.append(f.read(end - start))
    return found


class Lifetime(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.target = self.start_code(interpreters.one(), RARE)
        self.before = text_of(self.target.pid)

    def debug_with(self, lifetime, *args):
        os.environ["PYBPFDBG_LIFETIME"] = lifetime
        try:
            return self.debug(*args)
        finally:
            del os.environ["PYBPFDBG_LIFETIME"]

    def check_left(self):
        """Nothing is armed, nothing has changed, and the program goes on."""
        self.target.send("\n")
        self.assertEqual(self.target.line(), "still here")
        self.assertUntouched(self.target)
        self.assertTrue(self.before)
        self.assertEqual(text_of(self.target.pid), self.before)

    def test_default(self):
        for command, rest in COMMANDS.items():
            with self.subTest(command):
                words = command.split()
                run = self.debug_with("1", words[0], *words[1:], self.target.pid, *rest)
                notes = run.err.splitlines()
                self.assertIn(WILL, notes, run)
                self.assertIn(OVER, notes, run)
                self.assertEqual(run.status, 124 if words[0] == "snap" else 0, run)  # it was to show one hit
                self.check_left()

    def test_given(self):
        """--for comes first, and says when it acted, too."""
        for command, rest in (("count", ["seldom"]), ("log", ["seldom", "never"]), ("calls", [])):
            with self.subTest(command):
                run = self.debug_with("1h", command, self.target.pid, *rest, "--for", "200ms")
                self.assertEqual(run.status, 0, run)
                self.assertIn("0.2 seconds are over (--for): everything is disarmed", run.err.splitlines(), run)
                self.assertNotIn("everything is disarmed after", run.err)
                self.check_left()

    def test_wrong(self):
        for command in ("count", "log", "calls"):
            run = self.debug_with("soon", command, self.target.pid, *COMMANDS[command])
            self.assertEqual(run.status, 2, run)
            self.assertIn("PYBPFDBG_LIFETIME is a time in seconds (10, 0.5, 250ms, 2m), not 'soon'", run.err)


if __name__ == "__main__":
    harness.main()
