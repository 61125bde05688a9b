# SPDX-License-Identifier: BSD-2-Clause
"""Threads that come while a breakpoint is armed: nobody touches one before its first hit, and that one stops it."""
import os
import random
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "births.py")
# A root that may not take a real-time priority.
WITHOUT_RT = ("setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice")


def line_of(text):
    with open(SCRIPT, encoding="utf-8") as f:
        return "births.py:%d" % next(n for n, line in enumerate(f, 1) if line.endswith(text + "\n"))


def is_emulated():
    """Emulated debug registers tell of one read of 3.11's several times, however threads are stopped."""
    with open("/proc/cpuinfo") as f:
        return "QEMU TCG" in f.read()


class Births(harness.TestCase):
    def armed(self, marker, wrap=()):
        target = self.start(interpreters.one(), "births.py")
        piped = terminal.Piped("attach", target.pid, "--json", wrap=wrap)
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break %s\n" % line_of(marker))
        self.assertEqual(piped.event()["event"], "bound")
        return target, piped

    def again(self, target):
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        piped.send("break %s\n" % line_of("# first"))
        self.assertEqual([piped.event()["event"] for _ in range(2)], ["attached", "bound"])
        return piped

    def tracer_of_a_new_thread(self, target):
        target.send("stay\n")
        tid = int(target.line())
        return target.thread_states()[tid][1]

    def detach(self, target, piped):
        piped.send("detach\n")
        self.assertEqual(piped.end()[1], 0)
        self.assertUntouched(target)

    def stops(self, piped, count):
        """(how many of count threads stopped, how many hits were told as lost); nobody may have waited for the first"""
        stopped, lost = [], 0
        while len(set(stopped)) + lost < count:
            event = piped.event()
            lost += event.get("records", 0)
            if event["event"] == "stopped":
                stopped.append(event["thread"]["tid"])
                if len(set(stopped)) + lost < count:
                    piped.send("continue\n")
        if not is_emulated():
            self.assertEqual(len(stopped), len(set(stopped)), "one hit was told twice: %s" % stopped)
        return len(set(stopped)), lost

    @harness.may_hold
    def test_never_hit_never_touched(self):
        target, piped = self.armed("# never")
        self.assertEqual(self.tracer_of_a_new_thread(target), 0)
        self.detach(target, piped)

    def test_without_real_time(self):
        """It only makes the wait shorter."""
        target, piped = self.armed("# first", WITHOUT_RT)
        target.send("run 50\n")
        self.assertEqual(self.stops(piped, 50), (50, 0))
        self.detach(target, piped)

    def waiting(self):
        """(target, debugger that is stopped, its threads' number then): a thread has hit and waits for it in the kernel"""
        target, piped = self.armed("# first")
        piped.proc.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, piped.proc.pid, os.WSTOPPED)
        before = set(target.thread_states())
        target.send("run 1\n")
        while not any(self.kernel_ticks(target, tid) for tid in set(target.thread_states()) - before):
            os.sched_yield()
        return target, piped

    @staticmethod
    def kernel_ticks(target, tid):
        try:
            with open("/proc/%d/task/%d/stat" % (target.pid, tid)) as f:
                return int(f.read().rpartition(")")[2].split()[12])
        except OSError:
            return 0

    @harness.may_hold
    def test_stopped_debugger(self):
        """Nobody waits for a debugger for ever; the hit is told as lost when it can tell, and those after it stop."""
        target, piped = self.waiting()
        self.assertEqual(target.line(), "1")
        piped.proc.send_signal(signal.SIGCONT)
        self.assertEqual(self.stops(piped, 1), (0, 1))
        target.send("run 20\n")
        self.assertEqual(self.stops(piped, 20), (20, 0))
        self.detach(target, piped)
        self.assertEqual(target.line(), "21")

    @harness.may_hold
    def test_killed_while_a_thread_waits(self):
        target, piped = self.waiting()
        piped.proc.kill()
        piped.end()
        self.assertEqual(target.line(), "1")
        self.assertUntouched(target)

    def test_after_a_pause(self):
        """A pause seizes the threads before anything is armed."""
        target = self.start(interpreters.one(), "births.py")
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("where\nbreak %s\n" % line_of("# first"))
        while piped.event()["event"] != "bound":
            pass
        target.send("run 50\n")
        self.assertEqual(self.stops(piped, 50), (50, 0))
        self.detach(target, piped)

    def test_every_cpu_busy(self):
        """Each hit stops or is told as lost, however little time the debugger gets."""
        target, piped = self.armed("# first")
        for cpu in os.sched_getaffinity(0):
            loop = subprocess.Popen([sys.executable, "-c",
                                     "import os; os.sched_setaffinity(0, [%d])\nwhile True: pass" % cpu])
            self.addCleanup(loop.wait)
            self.addCleanup(loop.kill)
        target.send("run 100\n")
        stops, lost = self.stops(piped, 100)
        self.assertEqual(stops + lost, 100)
        self.assertGreater(stops, 50)
        if lost:
            piped.proc.terminate()  # it may wait for a stop that does not come
            piped.end()
            self.assertUntouched(target)
        else:
            self.detach(target, piped)
        self.assertEqual(target.line(), "100")

    def test_exec_by_a_thread_that_is_not_traced(self):
        target, piped = self.armed("# never")
        piped.send("continue\n")
        target.send("exec\n")
        self.assertEqual(target.line(), "new")
        self.assertEqual(piped.end()[1], 3)
        target.send("?\n")
        self.assertEqual(target.line(), "alive")
        self.assertUntouched(target)

    def test_exec_while_others_are_held(self):
        """execve waits until the other threads are reaped, and to seize one waits for execve: nobody may wait for both."""
        for _ in range(3):
            target, piped = self.armed("# first")
            piped.send("continue\n" * 1000)
            target.send("race\n")
            self.assertEqual(target.line(), "new")
            self.assertEqual(piped.end()[1], 3)
            target.send("?\n")
            self.assertEqual(target.line(), "alive")
            self.assertUntouched(target)

    def test_killed(self):
        """The debugger is killed between hits, holds, stops: the threads go on."""
        rnd = random.Random()
        total = 0
        for _ in range(5):
            target, piped = self.armed("# first") if not total else (target, self.again(target))
            piped.send("continue\n" * 300)
            target.send("run 300\n")
            while piped.event()["event"] != "stopped":
                pass
            # A random instant is the point.
            time.sleep(rnd.random() * 0.05)
            piped.proc.kill()
            piped.end()
            total += 300
            self.assertEqual(target.line(), str(total))
            self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
