# SPDX-License-Identifier: BSD-2-Clause
"""The command line as a person meets it: text, prompt, completion, Ctrl-C, scripts, wrong use."""
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "orders.py")
GOLDEN = os.path.join(harness.TOP, "tests", "golden")
PROMPT = terminal.PROMPT


def line_of(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            if text.rstrip().endswith("# " + mark):
                return number
    raise AssertionError("orders.py has no line marked %r" % mark)


def normal(text, target):
    """Without what differs from run to run: process and thread ids, addresses, paths, times, the version."""
    tids = sorted(target.tids(), reverse=True)
    for tid in [t for t in tids if t != target.pid]:
        text = re.sub(r"\b%d\b" % tid, "TID", text)
    text = re.sub(r"\b%d\b" % target.pid, "PID", text)
    text = text.replace(os.path.dirname(target.script), "DIR")
    text = re.sub(r"Python 3\.[0-9]+\.[0-9a-z]+", "Python VERSION", text)
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    # what a thread does at that moment is its own affair
    text = re.sub(r', (waiting for the GIL|running|idle|stopped|in [a-z0-9_]+)(?=:)', '', text)
    return re.sub(r"[0-9]+\.[0-9] ms", "N ms", text)


class Golden(harness.TestCase):
    """The text of a session equals tests/golden/NAME; UPDATE_GOLDEN=1 writes it anew."""

    def check(self, name, text):
        path = os.path.join(GOLDEN, name)
        if os.environ.get("UPDATE_GOLDEN") == "1":
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        with open(path, encoding="utf-8") as f:
            self.assertMultiLineEqual(text, f.read())


@harness.per_interpreter
class Session(Golden):
    maxDiff = None

    @harness.each_interpreter
    def test_session(self, interp):
        target = self.start(interp, "orders.py")
        commands = ["break orders.py:%d" % line_of("second"), "continue", "where 2", "list", "args", "locals",
                    "p item.quantity * 2, order[\"id\"], type(item)", "pp item", "whatis item", "up", "p done > 0", "down",
                    "info breakpoints", "threads", "clear 1", "detach"]
        args = ["attach", target.pid, "--color", "never"]
        for c in commands:
            args += ["-c", c]
        run = self.debug(*args)
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.err, "")
        text = normal(run.out, target)
        # Where the main thread sleeps is no business of this test.
        text = re.sub(r"(MainThread.*: <module>\(\) at DIR/orders.py:)\d+", r"\1N", text)
        self.check("session.txt", text)
        self.assertUntouched(target)


class Prompt(harness.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="pybpfdbg-")
        self.addCleanup(shutil.rmtree, self.home)

    def prompt(self, *args, program=(), env=None):
        self.target = self.start(interpreters.one(), "orders.py", *program)
        term = terminal.Terminal("attach", self.target.pid, *args, home=self.home, env=env)
        self.addCleanup(term.close)
        first = term.expect(PROMPT)
        self.assertRegex(first, r"^attached to %d: Python 3\.[0-9.]+, 2 threads\. [0-4] watch slots? free\. "
                                r"Ctrl-C stops it, detach leaves it running\.\n$" % self.target.pid)
        return term

    def stop(self, term):
        term.ctrl_c()
        return term.expect(PROMPT)

    def test_ctrl_c_stops_and_continue_goes_on(self):
        term = self.prompt()
        self.assertRegex(self.stop(term), r"stopped, thread \d+ \"[^\"]+\": ")
        self.assertIn("stopped: `continue`", term.command("info target"))
        term.type("continue\n")
        term.expect("continue\n")
        self.assertRegex(self.stop(term), r"stopped, thread")
        # At the prompt of a stopped target it only drops what was typed.
        term.type("where this is not run")
        term.expect("not run")
        self.assertEqual(self.stop(term).strip(), "")
        term.type("detach\n")
        self.assertEqual(term.wait(), 0)
        self.assertUntouched(self.target)

    def test_running_target(self):
        term = self.prompt()
        shown = term.command("where")
        self.assertIn("> %s(" % self.target.script, shown)
        self.assertRegex(shown, r"it stood still for \d+\.\d ms")
        self.assertRegex(term.command("up"), r"^\*\*\* up: the target is running; Ctrl-C or `interrupt` stops it\n")
        self.assertIn("'__main__'", term.command("p __name__"))
        self.assertUntouched(self.target)
        self.assertRegex(term.command("interrupt"), r"^stopped, thread")
        self.assertIn("already", term.command("interrupt"))
        term.type("\x04")
        self.assertEqual(term.wait(), 0)
        self.assertIn("detached from %d: it runs on" % self.target.pid, term.text())
        self.assertUntouched(self.target)

    def test_completion(self):
        term = self.prompt()
        term.type("longl\t")
        term.expect("longlist ")
        term.type("\x15b orde\t")
        term.expect("b orders.py")
        term.type("\x15b Item.__i\t")
        term.expect("b Item.__init__")
        term.type("\x15info sl\t")
        term.expect("info slots")
        term.type("\x15interrupt\n")
        term.expect(PROMPT)
        term.type("p worke\t")
        term.expect("p worker")
        term.type("._targ\t")
        term.expect("._target")
        term.type("\x15detach\n")
        self.assertEqual(term.wait(), 0)

    def test_history_and_empty_line(self):
        term = self.prompt()
        self.stop(term)
        first = term.command("list 1, 3")
        self.assertIn("   1 ", first)
        again = term.command("")
        self.assertIn("   4 ", again)
        self.assertNotIn("   3 ", again)
        term.command("clear")
        self.assertEqual(term.command(""), "")
        term.type("\x1b[A")
        term.expect("clear")
        term.type("\x15detach\n")
        self.assertEqual(term.wait(), 0)
        path = os.path.join(self.home, ".pybpfdbg_history")
        with open(path) as f:
            self.assertIn("list\\0401,\\0403" if "\\040" in f.read() else "list 1, 3", open(path).read())
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)

    def test_breakpoint_at_the_prompt(self):
        term = self.prompt()
        self.stop(term)
        shown = term.command("break orders.py:%d" % line_of("last"))
        self.assertRegex(shown, r"^breakpoint 1 at \S+/orders\.py:%d \(charge\), 1 location, watch slot \d of 4\n"
                         % line_of("last"))
        self.assertRegex(term.command("tbreak orders.py:%d if total > 10 ** 9" % line_of("last")),
                         r"^temporary breakpoint 2 at .*, 1 location, no further watch slot\n")
        term.type("continue\n")
        term.expect('breakpoint 1, thread ')
        self.assertRegex(term.expect(PROMPT), r'^\d+ "worker-1": charge\(\) at \S+/orders.py:\d+\n-> \d+ +return label, total')
        # What the program holds cannot steer the terminal.
        self.assertIn(r"'\x1b[31mtea\n'", term.command("p label"))
        self.assertIn("\x1b[36m", term.raw)
        term.type("quit\n")
        self.assertEqual(term.wait(), 0)
        self.assertUntouched(self.target)

    def test_condition_that_fails_is_told(self):
        term = self.prompt()
        self.stop(term)
        term.command("break orders.py:%d if nonsense > 1" % line_of("last"))
        term.type("continue\n")
        term.expect("breakpoint 1: its condition could not be evaluated and counts as false: "
                    "a name, attribute, key or index in it is not there")
        self.stop(term)
        self.assertRegex(term.command("info breakpoints"),
                         r"stops only if nonsense > 1.*\n +condition failed \d+ times?, the last: a name, attribute")
        term.command("condition 1 total == 42")
        term.type("continue\n")
        term.expect('breakpoint 1, thread ')

    def test_cut_values_say_so(self):
        term = self.prompt()
        self.stop(term)
        self.assertRegex(term.command("p [[0] * 500, 1]"), r"\(cut: `pp` prints more\)")
        self.assertNotIn("cut", term.command("p [0] * 50"))
        # What is not shown was not cut: the attributes of an instance lead anywhere.
        self.assertRegex(term.command("p ledger"), r"<__main__.Item object at \S+>\n*$")
        self.assertEqual(term.command("p ring").strip(), "[[...]]")
        self.assertRegex(term.command("p ledger.tags"), r"\(cut: `pp` prints more\)")

    def test_terminated(self):
        term = self.prompt()
        self.stop(term)
        term.proc.terminate()
        self.assertEqual(term.wait(), 1)
        self.assertUntouched(self.target)

    def test_stop_is_shown_at_the_prompt(self):
        term = self.prompt()
        term.type("break orders.py:%d\n" % line_of("last"))
        term.expect("watch slot")
        term.expect('breakpoint 1, thread ')
        term.type("p total\n")
        term.expect("\n42\n")
        term.type("quit\n")
        self.assertEqual(term.wait(), 0)
        self.assertUntouched(self.target)

    def test_what_was_typed_stays_when_a_stop_is_shown(self):
        term = self.prompt(program=[10 ** 9, 0])
        term.command("break orders.py:%d" % line_of("leave"))
        term.type("p 'kept' +")
        term.expect("kept' +")
        self.target.send("\n")
        term.expect('breakpoint 1, thread %d "MainThread": <module>()' % self.target.pid)
        term.expect("p 'kept' +")
        term.type(" ' too'\n")
        term.expect("'kept too'")
        term.type("quit\n")
        self.assertEqual(term.wait(), 0)
        self.assertEqual(self.target.proc.wait(), 0)

    def test_what_is_no_ascii_can_be_typed(self):
        for locale in ("C", "C.UTF-8"):
            term = self.prompt(env={"LC_ALL": locale})
            self.stop(term)
            self.assertEqual(term.command('p "Zo\xeb" + "\U0001f375", len("Zo\xeb")').strip(), "('Zo\xeb\U0001f375', 3)", locale)
            term.type("quit\n")
            self.assertEqual(term.wait(), 0)

    def test_target_ends_at_the_prompt(self):
        term = self.prompt()
        self.target.proc.kill()
        self.assertEqual(term.wait(), 3)
        self.assertIn("pid %d was ended by signal 9" % self.target.pid, term.text())

    def test_no_color(self):
        term = self.prompt("--color", "never")
        self.stop(term)
        self.assertNotIn("\x1b[36m", term.raw)


class Scripts(harness.TestCase):
    def setUp(self):
        self.target = self.start(interpreters.one(), "orders.py")

    def script(self, text):
        f = tempfile.NamedTemporaryFile("w", suffix=".dbg", delete=False)
        self.addCleanup(os.unlink, f.name)
        with f:
            f.write(text)
        return f.name

    def test_file_then_command(self):
        path = self.script("# a comment\n\ninterrupt\nwhere 1")
        run = self.debug("attach", self.target.pid, "-x", path, "-c", "info target")
        self.assertEqual(run.status, 0, run)
        lines = run.out.splitlines()
        self.assertRegex(lines[0], "^attached to ")
        self.assertRegex(lines[1], "^stopped, thread ")
        self.assertIn("stopped: `continue` lets it run", lines)
        self.assertEqual(lines[-1], "detached from %d: it runs on" % self.target.pid)
        self.assertUntouched(self.target)

    def test_pipe(self):
        run = self.debug("attach", self.target.pid, stdin="interrupt\np 6 * 7")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.out.splitlines()[-2:], ["42", "detached from %d: it runs on" % self.target.pid])
        self.assertUntouched(self.target)

    def test_closed_standard_files(self):
        for fd, args, message in ((0, ["attach", self.target.pid], "standard input: Bad file descriptor"),
                                  (1, ["dump", self.target.pid], "output cannot be written"),
                                  (1, ["dump", self.target.pid, "--json"], "output cannot be written"),
                                  (0, ["dump", self.target.pid], None)):
            proc = subprocess.run([harness.DEBUGGER] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  preexec_fn=lambda: os.close(fd), timeout=30)
            self.assertEqual(proc.returncode, 1 if message else 0, proc)
            self.assertIn(message or "", proc.stderr.decode())
        self.assertUntouched(self.target)

    def test_a_failed_command_ends_the_script(self):
        for how in (["-c", "interrupt", "-c", "nonsense", "-c", "p 600 * 7"], ["-x", self.script("interrupt\nnonsense\np 600 * 7\n")]):
            run = self.debug("attach", self.target.pid, *how)
            self.assertEqual(run.status, 1, run)
            self.assertNotIn("4200", run.out)
            self.assertEqual(run.err.splitlines(), [
                "pybpfdbg: 'nonsense' is no command: `help` lists them, `p EXPRESSION` prints a value"])
            self.assertUntouched(self.target)
        run = self.debug("attach", self.target.pid, stdin="interrupt\nnonsense\np 600 * 7\n")
        self.assertEqual((run.status, "4200" in run.out), (1, False), run)

    def test_unreadable_script(self):
        run = self.debug("attach", self.target.pid, "-x", "/no/such/file")
        self.assertEqual((run.status, run.out), (1, ""))
        self.assertEqual(run.err, "pybpfdbg: script /no/such/file: No such file or directory\n")
        run = self.debug("attach", "-x", "/no/such/file", "--json", self.target.pid)
        self.assertEqual((run.status, run.events), (
            1, [{"event": "error", "message": "script /no/such/file: No such file or directory"}]))

    def test_lines_in_one_argument(self):
        run = self.debug("attach", self.target.pid, "-c", "interrupt\np 6 * 7\n\n")
        self.assertEqual((run.status, run.out.splitlines()[-2]), (0, "42"), run)

    def test_wrong_arguments_of_commands(self):
        for command, message in [
                ("break", None), ("break orders.py:99999", "99999"),
                ("break orders.py:20 if (", ""), ("clear 7", "no breakpoint 7"), ("disable", "number"),
                ("ignore x", "'x' is not a number"), ("condition", "number"), ("p", "expression"), ("p 1 +", ""),
                ("p len(open('x'))", ""), ("list x", "'x'"), ("up 1", "running"), ("thread 77", "77"), ("info", "breakpoints"),
                ("thr", "ambiguous"), ("step", "running"), ("jump 3", "nothing of it is changed"), ("!x = 1", "run a statement"),
                ("until x", "running"), ("set x", "just-my-code"), ("commands 7", "no breakpoint 7"), ("continue 5", "no argument"), ("where x", "'x'"),
                ("locals x", "no argument")]:
            run = self.debug("attach", self.target.pid, "-c", command)
            if message is None:
                self.assertEqual(run.status, 0, run)
                continue
            self.assertEqual(run.status, 1, run)
            self.assertEqual(len(run.err.splitlines()), 1, run)
            self.assertTrue(run.err.startswith("pybpfdbg: "), run)
            self.assertIn(message, run.err)
        self.assertUntouched(self.target)


class Usage(harness.TestCase):
    def wrong(self, message, *args):
        run = self.debug(*args)
        self.assertEqual((run.status, run.out), (2, ""), run)
        self.assertIn(message, run.err)
        return run

    def test_usage(self):
        self.wrong("usage: pybpfdbg COMMAND")
        self.wrong("'frobnicate' is no command", "frobnicate")
        for args in (["attach"], ["dump"], ["count"]):
            self.wrong("a process id is missing", *args)
        self.wrong("'12x' is not a process id", "attach", "12x")
        self.wrong("'0' is not a process id", "dump", "0")
        self.wrong("one process id", "attach", "1", "2")
        self.wrong("a location is missing", "count", "1")
        self.wrong("option --frob is not known (", "attach", "--frob", "1")
        self.wrong("option -q is not known (", "dump", "-q", "1")
        self.wrong("option -c needs an argument", "attach", "1", "-c")
        self.wrong("option --for needs an argument", "count", "1", "--for")
        self.wrong("option --json=1 is not known: it takes no argument", "attach", "1", "--json=1")
        self.wrong("'frob' is no command", "help", "frob")
        self.wrong("--scope", "attach", "--scope", "moon", "1")
        self.wrong("--color", "dump", "--color", "blue", "1")
        self.wrong("--for", "count", "--for", "never", "1", "x")

    def test_help(self):
        run = self.debug("help")
        self.assertEqual((run.status, run.err), (0, ""))
        for name in ("attach", "dump", "count", "log", "snap", "calls", "latency", "doctor"):
            self.assertIn("\n  %s " % name, run.out)
        for name in ("attach", "dump", "count", "log", "snap", "calls", "latency", "doctor"):
            run = self.debug(name, "--help")
            self.assertEqual((run.status, run.err), (0, ""))
            self.assertTrue(run.out.startswith("usage: pybpfdbg %s" % name), run)
            self.assertEqual(self.debug("help", name).out, run.out)

    def test_doctor(self):
        target = self.start(interpreters.one(), "orders.py")
        run = self.debug("doctor", target.pid)
        self.assertRegex(run.out, r"pid %d: CPython 3\.[0-9.]+, supported" % target.pid)
        self.assertRegex(run.out, r"(?m)^(ok|NO)  [0-4] of 4 watch slots free")
        run = self.debug("doctor", 2)
        self.assertEqual(run.status, 1, run)
        self.assertRegex(run.out, r"(?m)^NO  pid 2: .*")


class Count(harness.TestCase):
    def test_ctrl_c_while_code_is_read(self):
        """A Ctrl-C that is there before the scan for code objects is over ends it."""
        target = self.start(interpreters.one(), "orders.py")

        def interrupted():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            os.kill(os.getpid(), signal.SIGINT)
        run = self.debug("count", target.pid, "orders.py:%d" % line_of("second"), preexec_fn=interrupted)
        self.assertEqual(run.status, 1, run)
        self.assertIn("pid %d: interrupted before all code objects were read" % target.pid, run.err)
        self.assertEqual(run.out, "")
        self.assertUntouched(target)

    def test_text_and_interval(self):
        target = self.start(interpreters.one(), "orders.py")
        run = self.debug("count", target.pid, "orders.py:%d" % line_of("last"), "--for", "1s", "--interval", "300ms")
        self.assertEqual((run.status, run.err), (0, "1 second is over (--for): everything is disarmed\n"), run)
        blocks = [b.split() for b in run.out.split("\n\n")]
        self.assertEqual(len(blocks), 4, run)
        hits = [int(b[0]) for b in blocks]
        self.assertEqual(hits, sorted(hits), run)
        self.assertGreater(hits[-1], hits[0], run)
        self.assertEqual(blocks[0][1:], ["%s:%d" % (target.script, line_of("last")), "(charge)"])
        self.assertUntouched(target)

    def test_nothing_is_traced(self):
        target = self.start(interpreters.one(), "orders.py")
        piped = terminal.Piped("count", target.pid, "--json", "--interval", "200ms", "work")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "bound")
        for _ in range(2):
            self.assertEqual(piped.event()["event"], "count")
            self.assertUntouched(target)
            self.assertTrue(all(not tracer for _, tracer in target.thread_states().values()))
        piped.proc.send_signal(signal.SIGINT)
        events, status = piped.end()
        self.assertEqual(([e["event"] for e in events], status), (["count"], 0))
        self.assertUntouched(target)

    def test_nobody_reads(self):
        target = self.start(interpreters.one(), "orders.py")
        piped = terminal.Piped("count", target.pid, "--json", "--interval", "50ms", "charge")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "bound")
        piped.proc.stdout.close()
        self.assertEqual(piped.proc.wait(20), 1)
        self.assertUntouched(target)

    def test_target_ends(self):
        target = self.start(interpreters.one(), "orders.py", 10 ** 9, 0)
        piped = terminal.Piped("count", target.pid, "--json", "--interval", "200ms", "charge")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "bound")
        first = piped.event()
        target.proc.stdin.close()
        events, status = piped.end()
        self.assertEqual(status, 3)
        self.assertEqual({e["event"] for e in events}, {"count"})
        self.assertGreaterEqual(events[-1]["hits"], first["hits"])


if __name__ == "__main__":
    harness.main()
