# SPDX-License-Identifier: BSD-2-Clause
# Text: reads the interpreter's.
"""`latency --engine watch`, and that breakpoints leave the interpreter's text alone."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal
import test_calls_children
import test_latency
from test_calls import differences, text_areas

WATCHED = ["plain", "in_with", "failing_generator"]  # one after the other: there are four slots


@harness.per_interpreter
class Watched(test_latency.Base):
    @harness.each_interpreter
    def test_watch(self, interp):
        target = self.start(interp, test_latency.SCRIPT)
        oracle = json.loads(target.first)
        for name in WATCHED:
            (result,), _ = self.time(target, 2, [name], "watch")
            self.check(name, result, 2 * oracle[name])

    def test_sigkill(self):
        self.die("watch")


class Children(test_calls_children.Base):
    def test_watched(self):
        """By watchpoints, one pair of slots for all."""
        target = self.start(interpreters.one(), "family.py")
        d = self.live("latency", target.pid, "work", "--engine", "watch")
        self.assertEqual(d.until("bound")["engine"], "watch")
        self.ask(target, "fork 6 4")
        self.ask(target, "work 2")
        events = self.ended(d).of("latency")
        self.assertEqual((events[-1]["count"], events[-1]["in_flight"], len(events)), (26, 0, 8))
        self.assertUntouched(target)


@harness.per_interpreter
class Plain(harness.TestCase):
    @harness.each_interpreter
    def test_breakpoint_sets_no_trap(self, interp):
        """Where the code is there already, a breakpoint leaves the interpreter's text as it is."""
        target = self.start(interp, "orders.py")
        before = text_areas(target.pid)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break work\n")
        bound = piped.event()
        piped.send("break orders.py:%d\n" % bound["line"])
        self.assertEqual([bound["event"], piped.event()["event"]], ["bound", "bound"])
        self.assertFalse(differences(before, text_areas(target.pid)))


if __name__ == "__main__":
    harness.main()
