# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: one line, or two.
"""`run`: a program that the debugger starts stands before its first line, gets its arguments, its standard files and its
keys, and ends as it would alone."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

PROGRAM = """\
'''doc'''
import sys
total = 0
for i in range(int(sys.argv[1])):
    total += i

class Thing:
    size = total

def end(status):
    sys.exit(status)

print(sys.argv[1:], Thing.size, __name__, flush=True)
end(int(sys.argv[2]))
"""


def environ():
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env.setdefault("LC_ALL", "C.UTF-8")
    return env


class Place:
    """A folder that this machine and the interpreter's root have by the same name, and what --python is to be given: in
    another root a shell script, which executes chroot."""

    def __init__(self, interp):
        self.interp = interp
        self.dir = interp.mkdtemp()
        self.python = interp.path
        if interp.root:
            os.makedirs(self.dir, exist_ok=True)
            self.python = os.path.join(self.dir, "python")
            self.write("python", "#!/bin/sh\nexec chroot %s %s \"$@\"\n" % (interp.root, interp.path), 0o755)

    def write(self, name, text, mode=0o644):
        for root in {"", self.interp.root}:
            path = root + os.path.join(self.dir, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, mode)
        return os.path.join(self.dir, name)


def line_of(program, text):
    return program.split("\n").index(text) + 1


@harness.per_interpreter
class Run(harness.TestCase):
    @harness.each_interpreter
    @harness.all_slots
    def test_script(self, interp):
        place = Place(interp)
        script = place.write("program.py", PROGRAM)
        loop, size = line_of(PROGRAM, "    total += i"), line_of(PROGRAM, "    size = total")
        run = self.debug("run", "--python", place.python, "--json", "-c", "where", "-c", "break program.py:%d" % loop,
                         "-c", "tbreak %d" % size, "-c", "break end", *["-c", "continue"] * 6, script, "3", "7",
                         env=environ())
        self.assertEqual(run.status, 3, run)
        stops = [(e["reason"], e["line"], e["function"]) for e in run.of("stopped")]
        self.assertEqual(stops, [("entry", 1, "<module>")] + [("breakpoint", loop, "<module>")] * 3 + [
            ("breakpoint", size, "Thing"), ("breakpoint", line_of(PROGRAM, "    sys.exit(status)"), "end")], run)
        self.assertEqual(run.of("exited")[0]["status"], 7)
        frame = run.of("stack")[0]["frames"]
        self.assertEqual([(f["file"], f["function"]) for f in frame], [(script, "<module>")], run)
        # standard output is for the objects: the program's goes to standard error
        self.assertIn("['3', '7'] 3 __main__", run.err)

    @harness.each_interpreter
    def test_module_and_end(self, interp):
        place = Place(interp)
        place.write("pack/__init__.py", "x = 1\n")
        place.write("pack/__main__.py", "import os\nos.kill(os.getpid(), 9)\n")
        run = self.debug("run", "--python", place.python, "--json", "-c", "continue", "-m", "pack", "-c", "no option",
                         env=dict(environ(), PYTHONPATH=place.dir), cwd=place.dir)
        self.assertEqual(run.status, 3, run)
        entry = run.of("stopped")
        self.assertEqual([(e["reason"], e["file"], e["line"]) for e in entry],
                         [("entry", os.path.join(place.dir, "pack/__main__.py"), 1)], run)
        self.assertEqual(run.of("exited")[0]["status"], -9, run)

    @harness.each_interpreter
    def test_exit_status(self, interp):
        place = Place(interp)
        script = place.write("program.py", PROGRAM)
        run = self.debug("run", "--python", place.python, "--json", "-c", "continue", script, "0", "41", env=environ())
        self.assertEqual((run.status, run.of("exited")[0]["status"]), (3, 41), run)


class Ways(harness.TestCase):
    """What does not depend on the version."""

    def setUp(self):
        self.place = Place(interpreters.one())
        self.python = ("--python", self.place.python)

    def test_without_a_line(self):
        script = self.place.write("empty.py", "")
        run = self.debug("run", *self.python, "--json", "-c", "continue", script, env=environ())
        self.assertEqual([e["event"] for e in run.events], ["attached", "stopped", "resumed", "exited"], run)

    def test_archive_and_folder(self):
        self.place.write("folder/__main__.py", "print('in a folder')\n")
        run = self.debug("run", *self.python, "-c", "continue", os.path.join(self.place.dir, "folder"), env=environ())
        self.assertIn("__main__.py:1", run.out)
        self.assertIn("in a folder", run.out)

    def test_standard_files(self):
        script = self.place.write("cat.py", "import sys\nsys.stdout.write(sys.stdin.read())\n")
        run = self.debug("run", *self.python, "-c", "continue", script, stdin="through it\n", env=environ())
        self.assertIn("through it\n", run.out)
        # commands from standard input: the program has none
        run = self.debug("run", *self.python, script, stdin="continue\n", env=environ())
        self.assertIn("ended with exit status 0", run.out)

    def test_end_of_commands_kills(self):
        script = self.place.write("long.py", "import time\nprint('on', flush=True)\nwhile True:\n    time.sleep(0.01)\n")
        for commands in (["-c", "where"], ["-c", "quit"], ["-c", "tbreak 4", "-c", "continue"]):
            run = self.debug("run", *self.python, "--json", *commands, script, env=environ())
            self.assertEqual((run.status, run.events[-1]), (0, {"event": "exited", "status": -9}), run)
            self.assertFalse(os.path.exists("/proc/%d" % run.of("attached")[0]["pid"]))

    def test_detach_lets_it_run(self):
        out = os.path.join(self.place.dir, "done")
        script = self.place.write("done.py", "import os, sys\nos.rename(sys.argv[1] + '.new', sys.argv[1])\n")
        open(out + ".new", "w").close()
        run = self.debug("run", *self.python, "-c", "detach", script, out, env=environ())
        self.assertEqual(run.status, 0, run)
        harness.wait_for(lambda: os.path.exists(out), what="the program's end")

    def killed_at(self, commands, count):
        """SIGKILL of the debugger when `count` stops were seen: the program goes on to its end."""
        out = os.path.join(self.place.dir, "sum%d" % count)
        script = self.place.write("sum.py", "import os, sys\nn = 0\nfor i in range(1000):\n    n += i\n"
                                  "with open(sys.argv[1] + '.new', 'w') as f:\n    f.write(str(n))\n"
                                  "os.rename(sys.argv[1] + '.new', sys.argv[1])\n")
        piped = terminal.Piped("run", "--json", *self.python, script, out)
        self.addCleanup(piped.close)
        piped.send(commands)
        while count:
            count -= piped.event()["event"] == "stopped"
        piped.proc.send_signal(signal.SIGKILL)
        piped.proc.wait()
        harness.wait_for(lambda: os.path.exists(out), what="the program's end")
        with open(out) as f:
            self.assertEqual(f.read(), "499500")

    def test_sigkill_of_the_debugger(self):
        self.killed_at("", 1)
        self.killed_at("break sum.py:4\n" + "continue\n" * 9, 5)

    def test_found_in_path(self):
        """The default is python3 of PATH; what executes it, and is not Python itself, is followed."""
        here = os.path.join(self.place.dir, "bin")
        self.place.write("bin/python3", "#!/bin/sh\n/bin/true\nexec %s \"$@\"\n" % self.place.python, 0o755)
        script = self.place.write("path.py", "import sys\nprint(sys.executable)\n")
        run = self.debug("run", "-c", "continue", script, env=dict(environ(), PATH=here + ":" + os.environ["PATH"]))
        self.assertIn("path.py:1", run.out, run)
        self.assertIn("ended with exit status 0", run.out)

    def test_wrong(self):
        script = self.place.write("program.py", PROGRAM)
        plain = self.place.write("plain", "text\n")
        python = self.place.python
        for args, status, text in (
                (["--python", python, "/nonexistent.py"], 1, "script /nonexistent.py: No such file or directory"),
                (["--python", "/nonexistent", script], 1, "/nonexistent: No such file or directory"),
                (["--python", plain, script], 1, plain + ": Permission denied"),
                (["--python", "/bin/true", script], 1, "/bin/true ended with exit status 0 before a line of the program ran"),
                (["--python", python, "-m", "no_such_module"], 1, "ended with exit status 1 before a line of the program ran"),
                (["--python", python], 2, "a script is missing"),
                (["--nonsense", script], 2, "option --nonsense is not known")):
            run = self.debug("run", "-c", "where", *args, env=environ())
            self.assertEqual((run.status, text in run.err), (status, True), run)
            ours = [line for line in run.err.splitlines() if line.startswith("pybpfdbg: ")]
            self.assertEqual(len(ours), 1, run)


class OnATerminal(harness.TestCase):
    def start_on_terminal(self, program):
        place = Place(interpreters.one())
        t = terminal.Terminal("run", "--python", place.python, place.write("program.py", program), env=environ())
        self.addCleanup(t.close)
        t.expect("at its first line")
        t.expect(terminal.PROMPT)
        return t

    def test_reads_and_writes(self):
        t = self.start_on_terminal("name = input('who? ')\nprint('hello', name)\nlast = 1\n")
        t.command("tbreak 3")
        t.type("continue\n")
        t.expect("who? ")
        t.type("Ann\n")
        t.expect("hello Ann")
        t.expect(terminal.PROMPT)
        self.assertIn("'Ann'", t.command("p name"))
        t.type("continue\n")
        t.expect("ended with exit status 0")
        self.assertEqual(t.wait(), 3)

    def test_ctrl_c_stops(self):
        t = self.start_on_terminal("import time\nwhile True:\n    print('tick', flush=True)\n    time.sleep(0.01)\n")
        for _ in range(4):
            t.type("continue\n")
            t.expect("tick")
            t.ctrl_c()
            t.expect("stopped, thread")
            t.expect(terminal.PROMPT)
        # the program has not seen one of them
        t.type("quit\n")
        t.expect("killed")
        self.assertEqual(t.wait(), 0)
        self.assertNotIn("KeyboardInterrupt", t.text())

    def test_end_of_input_kills(self):
        t = self.start_on_terminal("x = 1\n")
        t.type("\x04")
        t.expect("killed")
        self.assertEqual(t.wait(), 0)


if __name__ == "__main__":
    harness.main()
