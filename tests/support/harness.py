# SPDX-License-Identifier: BSD-2-Clause
"""What the integration tests share: targets, the debugger, and a closing line for tests/run.

    import os, sys
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
    import harness

    class Attach(harness.TestCase):
        def test_one(self):
            target = self.start(interpreters.one(), "counter.py")
            run = self.debug("attach", target.pid, "--json", "-c", "where")
            self.assertEqual(run.status, 0)

    if __name__ == "__main__":
        harness.main()

Arguments select tests by part of their name.
"""
import json
import os
import select
import signal
import subprocess
import sys
import time
import unittest

import interpreters
import slots

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TARGETS = os.path.join(TOP, "tests", "targets")
ASAN = os.environ.get("ASAN") == "1"
BUILD = os.path.join(TOP, "build", "asan") if ASAN else os.path.join(TOP, "build")
DEBUGGER = os.environ.get("PYBPFDBG") or (os.path.join(BUILD, "pybpfdbg") if ASAN else os.path.join(TOP, "pybpfdbg"))
# bpf/wait.bpf.h: from then on a thread can be held that nobody traces; before, new ones are seized at birth.
MAY_HOLD = tuple(int(n) for n in os.uname().release.split(".")[:2]) >= (6, 18)
may_hold = unittest.skipUnless(MAY_HOLD, "the kernel is before 6.18")


class Target:
    """A Python program that runs until end(). It says that it is ready by a line on standard output;
    further lines are read with line(). installed: script is a path that the interpreter sees already."""

    def __init__(self, interp, script, args=(), ready=True, code=None, timeout=30, installed=False, **kwargs):
        argv = ["-u"]
        if code is not None:
            argv += ["-c", code]
        else:
            path = script if os.path.isabs(script) else os.path.join(TARGETS, script)
            self.script = path if installed else interp.install(path)
            argv.append(self.script)
        self.interp = interp
        self.proc = interp.start(argv + [str(a) for a in args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 **kwargs)
        self.pid = self.proc.pid
        self._buffer = b""
        self.first = None
        if ready:
            try:
                self.first = self.line(timeout)
            except Exception:
                self.end()
                raise

    def line(self, timeout=30):
        """The next line of its standard output, without the newline."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                raise AssertionError("%s: target %d printed no line within %d s (state %s)" %
                                     (self.interp, self.pid, timeout, self.state()))
            piece = os.read(self.proc.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError("%s: target %d ended (%s)" % (self.interp, self.pid, self.proc.wait()))
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def status(self):
        """/proc/PID/status as a dict, {} when it is gone."""
        try:
            with open("/proc/%d/status" % self.pid) as f:
                return dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
        except OSError:
            return {}

    def state(self):
        """The letter of /proc: R, S, T, t, Z ...; "" when it is gone."""
        return self.status().get("State", "")[:1]

    def tids(self):
        try:
            return sorted(int(t) for t in os.listdir("/proc/%d/task" % self.pid))
        except OSError:
            return []

    def thread_states(self):
        """{tid: (state letter, tracer pid)} of all its threads."""
        states = {}
        for tid in self.tids():
            try:
                with open("/proc/%d/task/%d/status" % (self.pid, tid)) as f:
                    d = dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
                states[tid] = (d["State"][:1], int(d["TracerPid"]))
            except (OSError, KeyError):
                pass
        return states

    def alive(self):
        return self.proc.poll() is None

    def end(self):
        """Kill it, wait for it; fine to call twice."""
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()
        for f in (self.proc.stdin, self.proc.stdout):
            try:
                f.close()
            except OSError:
                pass


class Run:
    """A debugger that has ended: status (exit status; negative: a signal), out, err, events (of --json)."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out, err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, event):
        return [e for e in self.events if e["event"] == event]

    def __str__(self):
        return "%s\nstatus %s\n--- out\n%s--- err\n%s" % (" ".join(self.argv), self.status, self.out, self.err)


def debug(*args, timeout=60, stdin=None, **kwargs):
    """Run the debugger to its end."""
    argv = [DEBUGGER] + [str(a) for a in args]
    proc = subprocess.Popen(argv, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    try:
        out, err = proc.communicate(stdin.encode() if stdin is not None else None, timeout=timeout)
    except subprocess.TimeoutExpired:
        proc.kill()
        out, err = proc.communicate()
        raise AssertionError("the debugger took longer than %d s\n%s" % (timeout, Run(
            argv, "killed", out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))))
    return Run(argv, proc.returncode, out.decode("utf-8", "surrogateescape"),
               err.decode("utf-8", "surrogateescape"))


def wait_for(condition, timeout=20, what="condition"):
    """Poll where there is no event to wait on (states in /proc); the value of condition() once it is true."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("%s: not within %d s" % (what, timeout))
        time.sleep(0.005)


class TestCase(unittest.TestCase):
    def run(self, result=None):
        """With its clean-up, while it holds the slots that it needs; where tests/run holds none for the whole file."""
        usual = int(os.environ.get("PYBPFDBG_TAKE_SLOTS", slots.NONE))
        number = getattr(getattr(self, self._testMethodName), "slots", usual)
        with slots.held(os.environ.get("PYBPFDBG_TAKE_LOCK"), number):
            return unittest.TestCase.run(self, result)

    def start(self, interp, script, *args, **kwargs):
        target = Target(interp, script, args, **kwargs)
        self.addCleanup(target.end)
        return target

    def start_code(self, interp, code, *args, **kwargs):
        target = Target(interp, None, args, code=code, **kwargs)
        self.addCleanup(target.end)
        return target

    def debug(self, *args, **kwargs):
        return debug(*args, **kwargs)

    def assertUntouched(self, target):
        """It lives, no thread is stopped, nobody traces it."""
        self.assertTrue(target.alive(), "the target has ended: %s" % target.proc.returncode)

        def bad():
            return {t: s for t, s in target.thread_states().items() if s[0] in "Tt" or s[1]}
        wait_for(lambda: not bad(), 5, "threads stopped or traced: %s" % bad())


class _Result(unittest.TextTestResult):
    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self._begin = time.monotonic()

    def _say(self, word, test, why=""):
        took = time.monotonic() - getattr(self, "_begin", time.monotonic())
        name = "%s.%s" % (type(test).__name__, getattr(test, "_testMethodName", test))
        print("%-5s %s%s (%.1f s)" % (word, name, ": " + why if why else "", took), flush=True)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        self._say("ok", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._say("FAIL", test)
        print(self.failures[-1][1], flush=True)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._say("FAIL", test)
        print(self.errors[-1][1], flush=True)

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self._say("SKIP", test, reason)

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err is not None:
            self._say("FAIL", test, subtest._subDescription())
            bad = self.failures + self.errors
            print(next(text for t, text in reversed(bad) if t is subtest), flush=True)

    passed = 0


def main():
    """Run the tests of the main module; exit status 0 or 1."""
    # unittest takes any other exception for a failed test and goes on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    suite = unittest.TestSuite()
    for test in _each(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])):
        if len(sys.argv) < 2 or any(word in test.id() for word in sys.argv[1:]):
            suite.addTest(test)
    result = unittest.TextTestRunner(stream=open(os.devnull, "w"), resultclass=_Result).run(suite)
    failed = len(result.failures) + len(result.errors)
    print("%d passed, %d failed, %d skipped" % (result.passed, failed, len(result.skipped)), flush=True)
    sys.exit(1 if failed else 0)


def _each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            for t in _each(test):
                yield t
        else:
            yield test


def all_slots(method):
    """Decorator: the test method needs all four watch slots, in a file that otherwise needs two or none (see tests/run)."""
    method.slots = slots.ALL
    return method


def each_interpreter(method):
    """Decorator: the test method takes an interpreter and becomes one test for each that is present; for
    each supported minor that is not, the class has one skip. For methods of a class made with @per_interpreter."""
    method._each_interpreter = True
    return method


def per_interpreter(cls):
    for name, method in list(vars(cls).items()):
        if not getattr(method, "_each_interpreter", False):
            continue
        delattr(cls, name)
        for interp in interpreters.find():
            setattr(cls, "%s_%s" % (name, interp.name), _bind(method, interp))
    for minor in interpreters.missing():
        setattr(cls, "test_python_3.%d" % minor, unittest.skip("no Python 3.%d here" % minor)(lambda self: None))
    return cls


def _bind(method, interp):
    def test(self):
        method(self, interp)
    if hasattr(method, "slots"):
        test.slots = method.slots
    return test
