#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a name is among globals and built-ins is kept by the kernel: it is another one as soon as the program has changed it. No watchpoint is set."""
import json
import os
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness

CONDITION = "G == 1 and len(D) == 1"
TURNS = 3


@harness.per_interpreter
class Names(harness.TestCase):
    def count(self, pid):
        proc = subprocess.Popen([harness.DEBUGGER, "count", "--json", "--engine", "uprobe", str(pid), "names_change:f",
                                 "--if", CONDITION], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(proc.kill)
        self.assertTrue(select.select([proc.stdout], [], [], 60)[0], "count does not begin")
        self.assertIn(b"bound", proc.stdout.readline())
        return proc

    @harness.each_interpreter
    def test_changes(self, interp):
        target = self.start(interp, "names_change.py")
        proc = self.count(target.pid)
        held = 0
        for _ in range(TURNS):
            target.send("go\n")
            held += int(target.line())
        proc.send_signal(signal.SIGINT)
        out, err = proc.communicate(timeout=60)
        counts = [json.loads(line) for line in out.splitlines() if b'"count"' in line]
        self.assertEqual([c["hits"] for c in counts], [held], err)
        self.assertGreater(held, 0)


if __name__ == "__main__":
    harness.main()
