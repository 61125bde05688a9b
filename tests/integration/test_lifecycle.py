# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: one line, or two.
"""Targets that start and end threads, fork, exec, handle signals, block, are stopped, end, or trace themselves."""
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters


def line_of(text):
    with open(os.path.join(harness.TARGETS, "lifecycle.py")) as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


FIRST = line_of("    calls += 1")
WORK = "lifecycle.py:%d" % FIRST
NEVER = "lifecycle.py:%d" % line_of('code = "import sys')  # in modes other than execs


class Live:
    """A debugger with --json that is talked to line by line."""

    def __init__(self, *argv, wrap=()):
        """wrap: a command that runs the debugger."""
        self.argv = list(wrap) + [harness.DEBUGGER] + [str(a) for a in argv]
        self.proc = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._buffer = b""
        self.seen = []

    def send(self, *commands):
        try:
            self.proc.stdin.write("".join(c + "\n" for c in commands).encode())
            self.proc.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; event() and finish() tell how

    def event(self, timeout=30):
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                raise AssertionError("no event within %d s after %s" % (timeout, self.seen))
            piece = os.read(self.proc.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError("the debugger ended (%s) after %s: %s" % (
                    self.proc.wait(), self.seen, self.proc.stderr.read().decode("utf-8", "replace")))
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        self.seen.append(json.loads(line))
        return self.seen[-1]

    may_lose = False  # a loss is told, and no failure: whoever sets it compares counts

    def until(self, *names, timeout=30):
        while True:
            e = self.event(timeout)
            if e["event"] in names:
                return e
            if e["event"] == "error" or e["event"] == "lost" and not self.may_lose:
                raise AssertionError("%s after %s" % (e, self.seen))

    def finish(self, timeout=30):
        """Close its input, wait for its end: harness.Run of all it said."""
        try:
            self.proc.stdin.close()
        except BrokenPipeError:
            pass
        self.proc.stdin = None
        out, err = self.proc.communicate(timeout=timeout)
        text = "".join(json.dumps(e) + "\n" for e in self.seen) + (self._buffer + out).decode("utf-8")
        return harness.Run(self.argv, self.proc.returncode, text, err.decode("utf-8", "replace"))

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        for f in filter(None, (self.proc.stdin, self.proc.stdout, self.proc.stderr)):
            try:
                f.close()
            except OSError:
                pass


class Base(harness.TestCase):
    def live(self, *argv):
        d = Live(*argv)
        self.addCleanup(d.close)
        return d

    def program(self, interp, mode, **kwargs):
        return self.start(interp, "lifecycle.py", mode, **kwargs)

    def counting(self, target):
        """`count` of work()'s first line, once it is armed."""
        d = self.live("count", target.pid, WORK, "--json", "--interval", "0.1")
        d.until("count")
        return d

    def counted(self, d):
        """End the count as a user would (Ctrl-C) and return its hits."""
        d.proc.send_signal(signal.SIGINT)
        run = d.finish()
        self.assertEqual(run.of("lost"), [], run)
        counts = run.of("count")
        self.assertTrue(counts, run)
        return counts[-1]["hits"]


@harness.per_interpreter
class Threads(Base):
    @harness.each_interpreter
    def test_count(self, interp):
        target = self.program(interp, "churn")
        d = self.counting(target)
        target.send("go 300\n")
        self.assertEqual(target.line(), "done 300 %d" % sum(2 * i + 1 for i in range(300)))
        self.assertEqual(self.counted(d), 300)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_stop(self, interp):
        target = self.program(interp, "churn")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK)
        d.until("bound")
        target.send("go 40\n")
        for n in range(40):
            if n:  # the first stop is shown when it comes
                d.send("continue")
            stop = d.until("stopped")
            self.assertEqual((stop["reason"], stop["function"], stop["line"]), ("breakpoint", "work", FIRST))
            self.assertNotEqual(stop["thread"]["tid"], target.pid)
            d.send("where")
            stack = d.until("stack")
            self.assertEqual(stack["frames"][0]["line"], FIRST)
        d.send("detach")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertEqual(target.line(), "done 40 %d" % sum(2 * i + 1 for i in range(40)))
        self.assertUntouched(target)


@harness.per_interpreter
class Forks(Base):
    @harness.each_interpreter
    def test_count_is_the_parents(self, interp):
        target = self.program(interp, "forks")
        d = self.counting(target)
        target.send("go 30\n")
        self.assertEqual(target.line(60), "done 0 30")
        self.assertEqual(self.counted(d), 30)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_stops_leave_children_alone(self, interp):
        target = self.program(interp, "forks")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK)
        d.until("bound")
        target.send("go 15\n")
        for n in range(15):
            if n:  # the first stop is shown when it comes
                d.send("continue")
            self.assertEqual(d.until("stopped")["thread"]["tid"], target.pid)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(60), "done 0 15")
        self.assertUntouched(target)


@harness.per_interpreter
class Execs(Base):
    @harness.each_interpreter
    def test_exec_while_armed(self, interp):
        target = self.program(interp, "execs")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK, "continue")
        d.until("bound")
        target.send("exec\n")
        d.until("stopped")
        d.send("continue")
        self.assertEqual(target.line(), "new")
        run = d.finish()
        self.assertEqual(run.status, 3, run)
        target.send("?\n")
        self.assertEqual(target.line(), "alive")
        self.assertUntouched(target)


@harness.per_interpreter
class Signals(Base):
    NUMBERS = [signal.SIGURG, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTRAP, signal.SIGCHLD]

    def got(self, target):
        target.send("? %s\n" % " ".join(str(int(n)) for n in self.NUMBERS))
        return [int(w) for w in target.line().split()[1:]]

    @harness.each_interpreter
    def test_each_arrives_once(self, interp):
        """While breakpoints are hit, every signal from outside arrives, and none of ours does."""
        target = self.program(interp, "signals")
        script = tempfile.NamedTemporaryFile("w", suffix=".txt")
        self.addCleanup(script.close)
        script.write("break %s\n" % WORK + "continue\n" * 100000)
        script.flush()
        out = tempfile.TemporaryFile()
        self.addCleanup(out.close)
        debugger = subprocess.Popen([harness.DEBUGGER, "attach", str(target.pid), "--json", "-x", script.name],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(debugger.wait)
        self.addCleanup(debugger.kill)

        def stops():
            self.assertIsNone(debugger.poll(), "the debugger ended")
            return os.pread(out.fileno(), 1 << 24, 0).count(b'"stopped"')
        harness.wait_for(stops, 20, "first stop")
        sent = [0] * len(self.NUMBERS)
        for n in range(24):
            i = n % len(self.NUMBERS)
            before = stops()
            os.kill(target.pid, self.NUMBERS[i])
            sent[i] += 1
            # One at a time: equal signals that are pending are one.
            harness.wait_for(lambda: self.got(target) == sent, 20, "signal %s" % self.NUMBERS[i])
            harness.wait_for(lambda: stops() > before, 20, "the next stop")
        debugger.kill()
        debugger.wait(20)
        self.assertUntouched(target)
        self.assertEqual(self.got(target), sent)

    @harness.each_interpreter
    def test_sent_while_stopped(self, interp):
        target = self.program(interp, "signals")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK, "continue")
        d.until("stopped")
        for n in self.NUMBERS:
            os.kill(target.pid, n)
        d.send("where", "detach")
        self.assertEqual(d.finish().status, 0)
        harness.wait_for(lambda: self.got(target) == [1] * len(self.NUMBERS), 20, "signals sent while it was stopped")
        self.assertUntouched(target)


class Masked(Base):
    def test_hits_are_lost_not_misplaced(self):
        """A thread that blocks SIGURG cannot be stopped where it hits: that is told, and nothing is shown elsewhere."""
        target = self.program(interpreters.one(), "masked")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK, "continue")
        d.until("bound")
        target.send("blocked 7\n")
        self.assertEqual(target.line(), "done 7")
        lost = 0
        while lost < 7:
            e = d.event()
            self.assertIn(e["event"], ("resumed", "lost"))
            lost += e.get("records", 0)
        self.assertEqual(lost, 7)
        target.send("free 1\n")
        stop = d.until("stopped")
        self.assertEqual((stop["function"], stop["line"]), ("work", FIRST))
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(), "done 8")
        self.assertUntouched(target)


class Namespaces(Base):
    def test_threads_of_another_pid_namespace(self):
        """The interpreter noted its own numbers; what is shown are ours."""
        interp = interpreters.one()
        if interp.minor < 11:
            self.skipTest("no interpreter here that notes the numbers of its threads (3.11)")
        script = interp.install(os.path.join(harness.TARGETS, "lifecycle.py"))
        outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child"] + interp.argv(["-u", script, "blocked"]),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(outer.wait)
        self.addCleanup(outer.stdout.close)
        self.addCleanup(outer.stdin.close)
        self.addCleanup(outer.kill)
        if outer.stdout.readline() != b"ready\n":
            self.skipTest("no pid namespace may be made here")
        with open("/proc/%d/task/%d/children" % (outer.pid, outer.pid)) as f:
            pid = int(f.read())
        tids = sorted(int(t) for t in os.listdir("/proc/%d/task" % pid))
        self.assertEqual(len(tids), 2)
        run = self.debug("dump", pid, "--json")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(sorted(s["thread"]["tid"] for s in run.of("stack")), tids, run)
        for s in run.of("stack"):
            functions = [f["function"] for f in s["frames"]]
            self.assertEqual("blocked" in functions, s["thread"]["tid"] == pid, run)
        d = self.live("attach", pid, "--json")
        d.send("break " + WORK, "continue")
        d.until("bound")
        outer.stdin.write(b"go\n")
        outer.stdin.flush()
        self.assertEqual(d.until("stopped")["thread"]["tid"], pid)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(outer.stdout.readline(), b"done 1\n")


@harness.per_interpreter
class Blocked(Base):
    @harness.each_interpreter
    def test_look_and_stop(self, interp):
        target = self.program(interp, "blocked")
        harness.wait_for(lambda: all(s[0] == "S" for s in target.thread_states().values()))
        run = self.debug("dump", target.pid, "--json")
        self.assertEqual(run.status, 0, run)
        functions = {f["function"].split(".")[-1] for s in run.of("stack") for f in s["frames"]}
        self.assertLessEqual({"blocked", "wait_in_pipe"}, functions, run)
        d = self.live("attach", target.pid, "--json")
        d.send("where", "break " + WORK, "continue")
        d.until("bound")
        target.send("go\n")
        d.until("stopped")
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(), "done 1")
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_interrupt(self, interp):
        """Ctrl-C stops a target that sits in system calls only; continue lets it sit on."""
        target = self.program(interp, "blocked")
        run = self.debug("attach", target.pid, "--json", "-c", "interrupt", "-c", "where", "-c", "detach")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.of("stopped")[0]["reason"], "pause", run)
        target.send("go\n")
        self.assertEqual(target.line(), "done 1")
        self.assertUntouched(target)


@harness.per_interpreter
class JobControl(Base):
    @harness.each_interpreter
    def test_attach_to_stopped(self, interp):
        target = self.program(interp, "steady")
        os.kill(target.pid, signal.SIGSTOP)
        harness.wait_for(lambda: target.state() == "T")
        run = self.debug("attach", target.pid, "--json", "-c", "where", "-c", "locals", "-c", "threads", "-c", "break " + WORK,
                         "-c", "detach")
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.of("stack")[0]["frames"], run)
        dump = self.debug("dump", target.pid)
        self.assertIn("stopped by job control)", dump.out, dump)
        self.assertNotIn("(traced)", dump.out, dump)
        harness.wait_for(lambda: target.state() == "T", 5, "it is still stopped by job control")
        os.kill(target.pid, signal.SIGCONT)
        target.send("?\n")
        self.assertTrue(target.line().startswith("done"))
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_stopped_while_attached(self, interp):
        target = self.program(interp, "steady")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + NEVER, "tbreak " + WORK, "continue")
        d.until("stopped")
        d.send("continue")
        d.until("resumed")
        os.kill(target.pid, signal.SIGSTOP)
        harness.wait_for(lambda: target.state() in "tT" and self.still(target), 10, "stopped by job control")
        os.kill(target.pid, signal.SIGCONT)
        target.send("?\n")
        self.assertTrue(target.line().startswith("done"))
        d.proc.send_signal(signal.SIGTERM)
        d.finish()
        self.assertUntouched(target)

    @staticmethod
    def still(target):
        return all(s[0] in "tT" for s in target.thread_states().values())


@harness.per_interpreter
class Ends(Base):
    @harness.each_interpreter
    def test_killed_while_stopped(self, interp):
        target = self.program(interp, "steady")
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK, "continue")
        d.until("stopped")
        os.kill(target.pid, signal.SIGKILL)
        self.assertEqual(target.proc.wait(20), -signal.SIGKILL)
        d.send("where", "continue")
        run = d.finish()
        self.assertEqual(run.status, 3, run)
        self.assertTrue(run.of("exited"), run)

    @harness.each_interpreter
    def test_exits_by_itself(self, interp):
        target = self.program(interp, "steady")
        d = self.live("attach", target.pid, "--json")
        # Only a tracer is told the status, and without a breakpoint left there is none.
        d.send("break " + NEVER, "tbreak " + WORK, "continue")
        d.until("stopped")
        d.send("continue")
        d.until("resumed")
        target.send("end 42\n")
        self.assertEqual(d.until("exited")["status"], 42)
        self.assertEqual(d.finish().status, 3)
        self.assertEqual(target.proc.wait(20), 42)

    @harness.each_interpreter
    def test_ends_during_count(self, interp):
        target = self.program(interp, "steady")
        d = self.counting(target)
        target.send("end 0\n")
        self.assertEqual(target.proc.wait(20), 0)
        run = d.finish()
        self.assertEqual(run.status, 3, run)
        self.assertGreater(run.of("count")[-1]["hits"], 0, run)

    def test_count_is_whole_at_the_end(self):
        """What was counted between the last look and the end counts."""
        target = self.program(interpreters.one(), "churn")
        d = self.live("count", target.pid, WORK, "--json", "--interval", "1")
        d.until("count")
        target.send("go 20\n")
        self.assertTrue(target.line().startswith("done 20 "))
        target.proc.stdin.close()
        target.proc.wait(20)
        run = d.finish()
        self.assertEqual(run.status, 3, run)
        self.assertEqual(run.of("count")[-1]["hits"], 20, run)


@harness.per_interpreter
class Tracers(Base):
    """A target that traces itself sees what it would see without us, and we see what we would."""

    def both(self, interp, kind):
        target = self.program(interp, "trace-" + kind)
        d = self.counting(target)
        target.send("go 500\n")
        self.assertEqual(target.line(60), "done 500 500")
        hits = self.counted(d)
        self.assertEqual(hits, 500)
        d = self.live("attach", target.pid, "--json")
        d.send("break " + WORK)
        d.until("bound")
        target.send("go 10\n")
        seen = []
        for n in range(10):
            if n:  # the first stop is shown when it comes
                d.send("continue")
            self.assertEqual(d.until("stopped")["line"], FIRST)
            d.send("locals")
            value = d.until("values")["values"][0]
            self.assertEqual(value["name"], "x")
            seen.append(value["repr"])
        self.assertEqual(len(set(seen)), 10, seen)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(), "done 510 510")
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_settrace(self, interp):
        self.both(interp, "settrace")

    @harness.each_interpreter
    def test_monitoring(self, interp):
        if interp.minor < 12:
            self.skipTest("sys.monitoring came with 3.12")
        self.both(interp, "monitoring")

    @harness.each_interpreter
    def test_profile(self, interp):
        self.both(interp, "profile")


if __name__ == "__main__":
    harness.main()
