# SPDX-License-Identifier: BSD-2-Clause
"""Conditions read right while the pages that they lie on come, move and go."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "pages_move.py")
TIMES = 10000


@harness.per_interpreter
class Pages(harness.TestCase):
    @harness.each_interpreter
    def test_moving(self, interp):
        target = self.start(interp, SCRIPT, TIMES)
        piped = terminal.Piped("count", "--json", "--if", "row.n > 500 and row.body['id'] == 3 and len(row.tags) >= 10", target.pid, "work")
        self.addCleanup(piped.close)
        bound = piped.event()
        self.assertEqual(bound["event"], "bound")
        target.send("go\n")
        true = int(target.line(120).split()[1])
        self.assertGreater(true, 100)
        piped.proc.send_signal(signal.SIGINT)
        events, status = piped.end()
        self.assertEqual((status, events[-1]["hits"]), (0, true), events)
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
