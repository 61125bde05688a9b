# SPDX-License-Identifier: BSD-2-Clause
"""Wrong input: one line that says what failed, on whom and what to do, a non-zero exit, the target untouched."""
import ctypes
import glob
import os
import pwd
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

OWN = interpreters.one()
PTRACE_SEIZE = 0x4206


def nobody():
    entry = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def rights_of_nobody():
    """A copy of the debugger where user nobody can run it; its build may lie in a folder of root's."""
    made = tempfile.mkdtemp(prefix="pybpfdbg-", dir="/tmp")
    os.chmod(made, 0o755)
    copy = os.path.join(made, "pybpfdbg")
    shutil.copy(harness.DEBUGGER, copy)
    os.chmod(copy, 0o755)
    return made, copy


class Base(harness.TestCase):
    def busy(self, interp=OWN, **kwargs):
        if interp is None:
            self.skipTest("no such interpreter here")
        return self.start(interp, "busy.py", **kwargs)

    def assertGoesOn(self, target):
        self.assertUntouched(target)
        target.send("?\n")
        first = int(target.line())

        def more():
            target.send("?\n")
            return int(target.line()) > first
        harness.wait_for(more, 10, "the target does not go on")

    def assertOneLine(self, run, *words, status=1):
        """One line on standard error, with all these words (regular expressions)."""
        self.assertEqual(run.status, status, run)
        lines = run.err.splitlines()
        self.assertEqual(len(lines), 1, "not one line:\n%s" % run)
        self.assertGreater(len(lines[0]), 10, run)
        for word in filter(None, words):
            self.assertRegex(lines[0], word, run)
        self.assertNotRegex(lines[0], r"[\x00-\x1f\x7f]", run)

    def fails(self, target, commands, *words, **kwargs):
        """attach with these commands fails on the last, as text and as JSON, and leaves the target alone."""
        argv = [a for c in commands for a in ("-c", c)]
        run = self.debug("attach", target.pid, *argv)
        self.assertOneLine(run, *words, **kwargs)
        run = self.debug("attach", target.pid, "--json", *argv)
        self.assertEqual(run.status, kwargs.get("status", 1), run)
        errors = run.of("error")
        self.assertEqual(len(errors), 1, run)
        for word in filter(None, words):
            self.assertRegex(errors[0]["message"], word)
        self.assertGoesOn(target)


class Pid(Base):
    def test_gone(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        for command in ("attach", "dump"):
            self.assertOneLine(self.debug(command, gone.pid), str(gone.pid))
        self.assertOneLine(self.debug("count", gone.pid, "x.py:1"), str(gone.pid))

    def test_zombie(self):
        child = subprocess.Popen(["true"])
        self.addCleanup(child.wait)
        harness.wait_for(lambda: open("/proc/%d/stat" % child.pid).read().rsplit(")", 1)[1].split()[0] == "Z")
        self.assertOneLine(self.debug("attach", child.pid), str(child.pid))

    def test_no_number(self):
        for word in ("x", "12x", "-1", "0", "1.5", "", " ", "99999999999999999999", "0x10", "1 2", "\x1b[31m", "\xff"):
            for command in ("attach", "dump", "count", "doctor"):
                argv = [command, word] + (["x.py:1"] if command == "count" else [])
                run = self.debug(*argv)
                self.assertOneLine(run, status=2)

    def test_not_python(self):
        other = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        harness.wait_for(lambda: os.readlink("/proc/%d/exe" % other.pid).endswith("sleep"))
        self.assertOneLine(self.debug("attach", other.pid), str(other.pid), "Python")
        self.assertOneLine(self.debug("dump", other.pid), str(other.pid), "Python")
        self.assertOneLine(self.debug("count", other.pid, "x.py:1"), str(other.pid), "Python")
        self.assertIsNone(other.poll())

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_kernel_thread(self):
        pid = next((p for p in map(int, filter(str.isdigit, os.listdir("/proc")))
                    if self.is_kernel_thread(p)), None)
        if pid is None:
            self.skipTest("no kernel thread is seen here")
        self.assertOneLine(self.debug("attach", pid), str(pid), "kernel")

    @staticmethod
    def is_kernel_thread(pid):
        try:
            flags = int(open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()[6])
        except OSError:
            return False
        return bool(flags & 0x00200000)  # PF_KTHREAD

    def test_thread_not_process(self):
        target = self.busy()
        tid = next(t for t in target.tids() if t != target.pid)
        self.assertOneLine(self.debug("attach", tid), str(tid), str(target.pid))
        self.assertGoesOn(target)

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_other_user(self):
        target = self.busy()
        made, copy = rights_of_nobody()
        self.addCleanup(shutil.rmtree, made)
        for argv in (["attach", target.pid, "-c", "where"], ["dump", target.pid], ["count", target.pid, "busy.py:1"]):
            proc = subprocess.run([copy] + [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, preexec_fn=nobody, cwd="/", timeout=60)
            run = harness.Run(argv and ["(nobody)"] + [str(a) for a in argv], proc.returncode, proc.stdout.decode(),
                              proc.stderr.decode())
            self.assertOneLine(run, str(target.pid), "sudo|root")
        self.assertGoesOn(target)

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_own_process_without_rights(self):
        """The user may look at the process, but may not load BPF programs."""
        target = self.busy(preexec_fn=nobody)
        made, copy = rights_of_nobody()
        self.addCleanup(shutil.rmtree, made)
        argv = ["attach", str(target.pid), "-c", "break busy.py:%d" % line("self.n += 1")]
        proc = subprocess.run([copy] + argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=nobody, cwd="/", timeout=60)
        run = harness.Run(["(nobody)"] + argv, proc.returncode, proc.stdout.decode(), proc.stderr.decode())
        self.assertOneLine(run, "root|CAP_|sudo")
        proc = subprocess.run([copy, "doctor", str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              preexec_fn=nobody, cwd="/", timeout=60)
        self.assertEqual(proc.returncode, 1, proc)
        # Slots that could not be counted are not said to be other debuggers'.
        self.assertRegex(proc.stdout.decode(), r"(?m)^(NO  free watch slots: .*denied|.*[1-4] of 4 watch slots free)$")
        self.assertNotIn("other debuggers", proc.stdout.decode())
        self.assertGoesOn(target)

    @unittest.skipUnless(os.geteuid() == 0, "not root")
    def test_already_traced(self):
        target = self.busy()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.assertEqual(libc.ptrace(PTRACE_SEIZE, target.pid, None, None), 0)
        try:
            run = self.debug("attach", target.pid, "-c", "break busy.py:%d" % line("self.n += 1"), "-c", "continue")
            self.assertOneLine(run, str(target.pid), "traced", str(os.getpid()))
        finally:
            target.end()  # ends the tracing, too: a seized thread that runs cannot be detached from

    @unittest.skipUnless(glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7")), "no Python 2.7 here")
    def test_python2(self):
        path = glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7"))[0]
        old = subprocess.Popen([path, "-c", "import sys; print('ready'); sys.stdout.flush(); sys.stdin.read()"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(old.wait)
        self.addCleanup(old.kill)
        old.stdout.readline()
        self.assertOneLine(self.debug("attach", old.pid), str(old.pid), r"2\.7", r"3\.6", r"3\.15")
        old.stdin.close()
        self.assertEqual(old.wait(10), 0)
        old.stdout.close()

    def test_jit(self):
        jits = [i for i in interpreters.find() if i.minor >= 14 and not i.debug]
        tried = 0
        for interp in jits:
            on = interp.start(["-c", "import sys; print(sys._jit.is_enabled())"], stdout=subprocess.PIPE,
                              add_env={"PYTHON_JIT": "1"})
            if on.communicate(timeout=30)[0].strip() != b"True":
                continue
            tried += 1
            target = self.busy(interp, add_env={"PYTHON_JIT": "1"})
            self.assertOneLine(self.debug("attach", target.pid), str(target.pid), "JIT", "PYTHON_JIT=0")
            self.assertGoesOn(target)
        if not tried:
            self.skipTest("no interpreter here has a JIT")

    def altered(self, offset, value):
        """A target whose interpreter's _Py_DebugOffsets say something else of it; Python itself does not read them."""
        interp = next((i for i in reversed(interpreters.find()) if i.minor >= 13 and not i.debug), None)
        if interp is None:
            self.skipTest("no Python 3.13 or later here")
        folder = interp.mkdtemp()
        with open(interp.root + os.path.realpath(interp.root + interp.path)[len(interp.root):], "rb") as f:
            data = bytearray(f.read())
        # The word is in the code, too; the version follows it only in the structure.
        at = data.find(b"xdebugpy" + struct.pack("<Q", interp.hexversion))
        if at < 0:
            self.skipTest("%s: its offsets are in a shared library" % interp)
        data[at + offset:at + offset + 8] = struct.pack("<Q", value)
        if offset == 8:  # Py_Version is the same number
            old, new = struct.pack("<I", interp.hexversion), struct.pack("<I", value)
            data = data.replace(b"\0" * 6 + old + b"\0" * 8, b"\0" * 6 + new + b"\0" * 8)
        path = os.path.join(folder, "python3")
        with open(interp.root + path, "wb") as f:
            f.write(data)
        os.chmod(interp.root + path, 0o755)
        other = interpreters.Interpreter(path, interp.root, list(interp.version) + [interp.hexversion, False, False])
        return self.busy(other)

    def test_says_it_is_free_threaded(self):
        target = self.altered(16, 1)
        self.assertOneLine(self.debug("attach", target.pid), str(target.pid), "free-threaded")
        self.assertGoesOn(target)

    def test_says_it_is_newer(self):
        target = self.altered(8, 0x031000f0)
        self.assertOneLine(self.debug("attach", target.pid), str(target.pid), r"3\.6", r"3\.15")
        self.assertGoesOn(target)

    def test_free_threaded(self):
        loose = [i for i in interpreters.find(unsupported=True) if i.free_threaded]
        if not loose:
            self.skipTest("no free-threaded Python here")
        for interp in loose:
            target = self.busy(interp)
            self.assertOneLine(self.debug("attach", target.pid), str(target.pid), "free-threaded")
            self.assertGoesOn(target)


def line(text, script="busy.py"):
    with open(os.path.join(harness.TARGETS, script)) as f:
        return next(n for n, l in enumerate(f, 1) if text in l)


class Usage(Base):
    def test_no_command(self):
        run = self.debug()
        self.assertEqual(run.status, 2, run)

    def test_unknown(self):
        self.assertOneLine(self.debug("atach", "1"), "atach", status=2)
        self.assertOneLine(self.debug("--nonsense"), "nonsense", status=2)
        for command in ("attach", "dump", "count", "doctor"):
            self.assertOneLine(self.debug(command, "--nonsense", "1"), "nonsense", status=2)

    def test_missing(self):
        for argv in (["attach"], ["dump"], ["count"], ["count", "1"], ["attach", "1", "-c"], ["attach", "1", "-x"]):
            self.assertOneLine(self.debug(*argv), status=2)

    def test_too_many(self):
        for argv in (["attach", "1", "2"], ["dump", "1", "2"], ["doctor", "1", "2"]):
            self.assertOneLine(self.debug(*argv), status=2)

    def test_numbers(self):
        for word in ("", "x", "-1", "1e9999", "nan", "99999999999999999999"):
            self.assertOneLine(self.debug("count", os.getpid(), "x.py:1", "--for", word), status=2)
            self.assertOneLine(self.debug("attach", os.getpid(), "--max-pause", word), status=2)

    def test_of_another_command(self):
        pid = os.getpid()
        self.assertOneLine(self.debug("snap", pid, "x.py:1", "--max-pause", 3), "--max-pause needs --deep", status=2)
        for option in (["--frames", 3], ["--max-pause", 3], ["--deep"]):
            self.assertOneLine(self.debug("log", pid, "x.py:1", "text", *option), "option %s is not known" % option[0], status=2)

    def test_unreadable_script(self):
        target = self.busy()
        for path in ("/nonexistent/script", "/", "/proc/self/mem"):
            run = self.debug("attach", target.pid, "-x", path)
            self.assertNotEqual(run.status, 0, run)
            self.assertEqual(len(run.err.splitlines()), 1, run)
            self.assertIn(path, run.err)
        self.assertGoesOn(target)


class Commands(Base):
    def test_unknown_command(self):
        target = self.busy()
        self.fails(target, ["brake busy.py:3"], "brake")
        self.fails(target, ["\x1b[2J"])
        self.fails(target, ["c\u00f6ntinue"])

    def pends(self, target, location, hint=""):
        """It may be loaded later: accepted, and said so in one line; what does not stop anything refuses it."""
        run = self.debug("attach", target.pid, "-c", "break " + location)
        self.assertEqual(run.status, 0, run)
        self.assertIn("breakpoint 1 at %s: pending until it is loaded\n" % location, run.out)
        self.assertRegex(run.err, re.compile(hint, re.M))
        self.assertOneLine(self.debug("count", target.pid, location, "--for", "0.1"), hint)
        self.assertGoesOn(target)

    def test_file(self):
        target = self.busy()
        self.pends(target, "nosuch.py:3")
        self.pends(target, "/nosuch/busy.py:3")

    def test_line(self):
        target = self.busy()
        self.fails(target, ["break busy.py:100000"], r"busy\.py", "100000")
        self.fails(target, ["break busy.py:0"], r"busy\.py")
        self.fails(target, ["break busy.py:-3"])
        self.fails(target, ["break busy.py:99999999999999999999"])
        self.fails(target, ["break busy.py:x"])

    def test_function(self):
        target = self.busy()
        self.pends(target, "Counter.wrok")
        self.pends(target, "nosuch:Counter.work")
        self.pends(target, "nosuch.work", r"similar: Counter\.work( |$)")
        self.fails(target, ["break busy.py"], r"busy\.py:1")
        self.fails(target, ["break :"])
        self.fails(target, ["break ("])

    def test_dotted(self):
        target = self.busy()
        for text in ("busy.Counter.never", "busy:Counter.never", "Counter.never", "never"):
            run = self.debug("attach", target.pid, "--json", "-c", "break " + text)
            self.assertEqual(run.status, 0, run)
            self.assertEqual([b["function"] for b in run.of("bound")], ["Counter.never"], run)
        self.assertGoesOn(target)

    def test_condition(self):
        target = self.busy()
        at = "busy.py:%d" % line("self.n += 1")
        self.fails(target, ["break %s if" % at])
        self.fails(target, ["break %s if item ==" % at], "item ==|expression|end|expected")
        self.fails(target, ["break %s if item = 1" % at])
        self.fails(target, ["break %s if (lambda: 1)()" % at], "lambda|call")
        self.fails(target, ["break %s if %s1" % (at, "(" * 5000)])

    def test_expression(self):
        target = self.busy()
        stop = ["break busy.py:%d" % line("self.n += 1"), "continue"]
        for text, word in (("1 +", ""), ("nosuch", "NameError|nosuch"), ("self.nosuch", "AttributeError|nosuch"),
                           ("self.half", "property"), ("item[0]", ""), ("print(item)", "print|call"), ("1 / 0", "[Zz]ero"),
                           ("[1, 2][7]", "IndexError|range"), ("{}['k']", "KeyError|k"), ("2 ** 10 ** 10", ""),
                           ("'x' * 10 ** 12", ""), ("[i for i in self]", "comprehension"), ("", ""), ("'abc", ""),
                           ("\x00", ""), ("((((", ""), ("item if", ""), ("self.work(1)", "call|work"), ("1 < 'x'", "")):
            self.fails(target, stop + ["p " + text] if "\x00" not in text else stop + ["p \x01"], word)

    def test_numbers_of_things(self):
        target = self.busy()
        for command in ("condition 99 x", "ignore 99 1", "clear 99", "disable 99", "enable 99", "disable x", "ignore", "thread 999999999",
                        "thread x", "clear -1", "ignore 1 x", "condition"):
            self.fails(target, [command])

    def test_needs_a_stop(self):
        target = self.busy()
        for command in ("up", "down"):
            run = self.debug("attach", target.pid, "-c", command)
            self.assertIn(run.status, (0, 1), run)
            self.assertLessEqual(len(run.err.splitlines()), 1, run)
        self.assertGoesOn(target)

    def test_slots(self):
        target = self.busy()
        commands = ["break busy.py:%d" % line(t) for t in ("self.n += 1", "return item + 1", "value = 0", "return self.n // 2",
                                                           "self.n = 0", "return self.n\n")]
        self.assertEqual(len(set(commands)), 6)
        self.fails(target, commands[:5], "4|slot")
        run = self.debug("count", target.pid, "--for", "10ms", *[c.split()[1] for c in commands[:5]])
        self.assertOneLine(run, "slot", re.escape(commands[4].split()[1]), r"take 4 of 4, 0 are free; count fewer",
                           "--engine uprobe: no slot, but a trap")

    def test_binary_and_long_input(self):
        target = self.busy()
        run = self.debug("attach", target.pid, stdin="\udcff\udcfe\n".encode("utf-8", "surrogateescape").decode("latin-1"))
        self.assertNotEqual(run.status, 0, run)
        run = self.debug("attach", target.pid, stdin="p " + "1+" * 200000 + "1\n")
        self.assertNotEqual(run.status, 0, run)
        self.assertGoesOn(target)

    def test_count(self):
        target = self.busy()
        for where, word in (("nosuch.py:1", r"nosuch\.py"), ("busy.py:100000", "100000"), ("Counter.wrok", "wrok"), ("", "")):
            self.assertOneLine(self.debug("count", target.pid, where, "--for", "0.1"), word)
        at = "busy.py:%d" % line("self.n += 1")
        self.assertOneLine(self.debug("count", target.pid, at, "--for", "0.1", "--if", "1 +"))
        self.assertGoesOn(target)


class Hostile(Base):
    """What the target names reaches the terminal escaped."""

    def test_names(self):
        code = ("import threading, sys\n"
                "def work(n):\n    return n\n"
                "evil = 'a\\x1b[31mb\\x07\\u202e\\n'\n"
                "source = 'def f(x):\\n    y = x\\n    return y\\n'\n"
                "scope = {'__name__': evil}\n"
                "exec(compile(source, '/tmp/' + evil + '.py', 'exec'), scope)\n"
                "def loop():\n    while True:\n        scope['f'](evil)\n"
                "threading.Thread(target=loop, name=evil, daemon=True).start()\n"
                "print('ready', flush=True)\n"
                "for _ in sys.stdin: print('alive', flush=True)\n")
        target = self.start_code(OWN, code)
        runs = [self.debug("attach", target.pid, "-c", "break f", "-c", "continue", "-c", "where", "-c", "locals", "-c", "threads",
                           "-c", "p x"),
                self.debug("dump", target.pid, "--locals")]
        for run in runs:
            self.assertEqual(run.status, 0, run)
            self.assertNotRegex(run.out + run.err, "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e]", "not escaped")
            self.assertTrue(re.search(r"\\x1b", run.out), run)
        run = self.debug("attach", target.pid, "-c", "break f", "-c", "continue", "-c", "list")
        self.assertEqual(run.status, 1, "there is no such file\n%s" % run)
        self.assertNotRegex(run.out + run.err, "[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202e]", "not escaped")
        target.send("?\n")
        self.assertEqual(target.line(), "alive")
        self.assertUntouched(target)


if __name__ == "__main__":
    if OWN is None:
        print("SKIP no Python to attach to")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    harness.main()
