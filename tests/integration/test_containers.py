# SPDX-License-Identifier: BSD-2-Clause
"""A program in mount, pid and user namespaces of its own, with another distribution's Python and C library, from outside."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
from test_children import Base, TWICE


def others():
    return [i for i in interpreters.find() if i.root and i.supported]


class Contained:
    """family.py under unshare and chroot; pid is ours, inner what it takes itself for."""

    def __init__(self, interp):
        self.script = interp.install(os.path.join(harness.TARGETS, "family.py"))
        self.proc = subprocess.Popen(["unshare", "--mount", "--pid", "--user", "--map-root-user", "--fork", "--kill-child"] +
                                     interp.argv(["-u", self.script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = None
        if self.proc.stdout.readline() == b"ready\n":
            with open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid)) as f:
                self.pid = int(f.read())

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def line(self, _timeout):
        return self.proc.stdout.readline().decode().rstrip("\n")

    def end(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()


@unittest.skipUnless(others(), "no root of another distribution here (tools/sid-root.sh)")
class Containers(Base):
    def contained(self):
        target = Contained(others()[0])
        self.addCleanup(target.end)
        if not target.pid:
            self.skipTest("no such namespaces may be made here")
        return target

    def test_what_it_is(self):
        """doctor and dump, which find everything through its root."""
        target = self.contained()
        run = self.debug("doctor", target.pid)
        self.assertRegex(run.out, r"namespaces of its own: mount, pid, user\n")
        self.assertIn("pid %d is 1 in there\n" % target.pid, run.out)
        self.assertIn("root of its own: /proc/%d/root" % target.pid, run.out)
        self.assertRegex(run.out, r"C library /\S*libc\S*, glibc 2\.\d+\n")
        run = self.debug("dump", target.pid)
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.out.startswith("pid %d [1]: Python 3." % target.pid), run)
        self.assertIn("main() at %s:" % target.script, run.out)

    def test_stop_step_and_look(self):
        target = self.contained()
        d = self.live("attach", target.pid, "--json")
        attached = d.until("attached")
        self.assertEqual((attached["pid"], attached["inner_pid"]), (target.pid, 1))
        d.send("break " + TWICE)
        d.until("bound")
        target.send("work 1\n")
        d.send("continue")
        stop = d.until("stopped")
        self.assertEqual((stop["thread"]["tid"], stop["function"]), (target.pid, "work"))
        d.send("p n + i + 40")
        self.assertEqual(d.until("values")["values"][0]["repr"], "40")
        d.send("next")
        self.assertEqual(d.until("stopped")["function"], "work")
        d.send("list", "detach")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertIn("total += n + i  # twice", run.err)  # the source as it is in there
        self.assertEqual(target.line(20), "done ")

    def test_children(self):
        """Counted in each; the numbers are ours."""
        target = self.contained()
        d = self.counting(target.pid, TWICE)
        self.ask(target, "fork 10 3")
        self.ask(target, "work 2")
        total, each = self.counted(d)[TWICE]
        self.assertEqual(total, 64)
        self.assertEqual(each[target.pid], 4)
        self.assertEqual(len(each), 11)
        self.assertFalse([pid for pid in each if pid < 20 and pid != target.pid], each)


if __name__ == "__main__":
    harness.main()
