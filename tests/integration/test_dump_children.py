# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: dump reads stacks, nothing else.
"""dump --children: the stacks of a process and of all below it, Python or not."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

FORKS = """
import os, sys
if not os.fork():
    def child(): os.read(0, 1)
    print(os.getpid(), flush=True)
    child()
    os._exit(0)
def parent(): os.wait()
parent()
"""


class Children(harness.TestCase):
    def test_each_by_itself(self):
        target = self.start_code(interpreters.one(), FORKS)
        child = int(target.first)
        run = self.debug("dump", target.pid, "--children", "--json")
        self.assertEqual(run.status, 0, run)
        inner = {s["process"]: [f["function"] for f in s["frames"]][0] for s in run.of("stack")}
        self.assertEqual(sorted(inner), sorted([target.pid, child]), run)
        self.assertIn(inner[child], ("child", "<module>"))
        text = self.debug("dump", target.pid, "--children").out
        self.assertRegex(text, r"^pid %d: Python " % target.pid)
        self.assertRegex(text, r"\n\npid %d: Python " % child)
        target.send("x")

    def test_what_is_no_python_is_left_out(self):
        """The test's own parents are none of its business, and a process that ended is an error."""
        target = self.start_code(interpreters.one(), "import subprocess; p = subprocess.Popen(['sleep', '60']); "
                                                     "print(p.pid, flush=True)\ntry:\n input()\nfinally: p.kill()")
        run = self.debug("dump", target.pid, "--children", "--json")
        self.assertEqual(run.status, 0, run)
        self.assertEqual({s["process"] for s in run.of("stack")}, {target.pid}, run)
        self.assertEqual(self.debug("dump", target.first, "--children").status, 1)
        target.send("\n")
        target.proc.wait()
        run = self.debug("dump", target.pid, "--children")
        self.assertEqual(run.status, 1, run)
        self.assertIn("no such process", run.err)


if __name__ == "__main__":
    harness.main()
