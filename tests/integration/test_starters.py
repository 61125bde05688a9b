# SPDX-License-Identifier: BSD-2-Clause
"""Threads that come: the first line of each is a breakpoint, and each stops there."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "starters.py")
COUNT = 300


def first_line():
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.endswith("# first\n"))


@harness.per_interpreter
class Starters(harness.TestCase):
    def every_thread_stops(self, interp, how):
        target = self.start(interp, "starters.py")
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break starters.py:%d\n" % first_line())
        self.assertEqual(piped.event()["event"], "bound")
        target.send(how + "\n")
        stopped = set()
        # Nobody waits for the first stop, or it could come before `continue` is read and be one more than is waited for.
        for n in range(COUNT):
            if n:
                piped.send("continue\n")
            event = piped.event()
            while event["event"] == "resumed":
                event = piped.event()
            self.assertEqual((event["event"], event.get("line")), ("stopped", first_line()), event)
            stopped.add(event["thread"]["tid"])
        piped.send("detach\n")
        self.assertEqual(target.line(), str(COUNT))
        self.assertEqual(piped.end()[1], 0)
        if how == "burst":
            self.assertGreater(len(stopped), 1)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_burst(self, interp):
        self.every_thread_stops(interp, "burst")

    @harness.each_interpreter
    def test_one_by_one(self, interp):
        self.every_thread_stops(interp, "one_by_one")


if __name__ == "__main__":
    harness.main()
