#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: functions are counted by uprobes.
"""What a name is among globals and built-ins, what a dict has and what a class says is kept by the kernel: it is another thing as soon as the program
has changed it."""
import json
import os
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness

CONDITION = "G == 1 and len(D) == 1"
KINDS = ["d['k'] == 1", "x.a == 1", "isinstance(x, T)", "isinstance(x, U)"]  # of kinds_change.py
TURNS = 3


@harness.per_interpreter
class Names(harness.TestCase):
    def count(self, pid, where, condition):
        proc = subprocess.Popen([harness.DEBUGGER, "count", "--json", "--engine", "uprobe", str(pid), where,
                                 "--if", condition], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(proc.kill)
        return proc

    def wait_bound(self, proc):
        self.assertTrue(select.select([proc.stdout], [], [], 60)[0], "count does not begin")
        self.assertIn(b"bound", proc.stdout.readline())

    @harness.each_interpreter
    def test_changes(self, interp):
        target = self.start(interp, "names_change.py")
        proc = self.count(target.pid, "names_change:f", CONDITION)
        self.wait_bound(proc)
        held = 0
        for _ in range(TURNS):
            target.send("go\n")
            held += int(target.line())
        self.assertCounted(proc, held)

    def assertCounted(self, proc, held):
        proc.send_signal(signal.SIGINT)
        out, err = proc.communicate(timeout=60)
        counts = [json.loads(line) for line in out.splitlines() if b'"count"' in line]
        self.assertEqual([c["hits"] for c in counts], [held], err)
        self.assertGreater(held, 0)

    @harness.each_interpreter
    def test_kinds_change(self, interp):
        target = self.start(interp, "kinds_change.py", *KINDS)
        procs = [self.count(target.pid, "kinds_change:f", condition) for condition in KINDS]
        for proc in procs:
            self.wait_bound(proc)
        held = [0] * len(KINDS)
        for _ in range(TURNS):
            target.send("go\n")
            held = [a + int(b) for a, b in zip(held, target.line().split())]
        for proc, n in zip(procs, held):
            self.assertCounted(proc, n)


if __name__ == "__main__":
    harness.main()
