# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: exceptions are seen by a uprobe.
# Text: reads the interpreter's.
"""`catch`: stops where exceptions are raised, and nowhere else; what sys.settrace sees of the same program is the oracle."""
import json
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "raises.py")
CLASSES = ["KeyError", "Derived", "Base", "LookupError", "ArithmeticError", "ValueError", "__main__.Space.Inner", "IOError"]
MEANT = {"__main__.Space.Inner": "Inner", "IOError": "OSError"}
SEED = int(os.environ.get("PYBPFDBG_SIGKILL_SEED", str(random.randrange(1 << 30))))
ROUNDS = 30


def line_of(text):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


class Session(terminal.Piped):
    """attach --json, told line by line."""

    def __init__(self, test, target, *options):
        super().__init__("attach", target.pid, "--json", *options)
        test.addCleanup(self.close)
        self.await_event("attached")

    def await_event(self, name):
        while True:
            event = self.event()
            if event["event"] == name:
                return event
            if event["event"] in ("error", "lost"):
                raise AssertionError(str(event))

    def ask(self, command, name):
        self.send(command + "\n")
        return self.await_event(name)

    def value(self, expression):
        return self.ask("p " + expression, "values")["values"][0]["repr"]


@harness.per_interpreter
class Catch(harness.TestCase):
    @harness.each_interpreter
    def test_every_raise(self, interp):
        target = self.start(interp, SCRIPT)
        oracle = json.loads(target.first)
        s = Session(self, target)
        for n, name in enumerate(CLASSES, 1):
            bound = s.ask("catch " + name, "bound")
            self.assertEqual((bound["id"], bound["addresses"], bound["engine"]), (n, [], "uprobe"))
        wanted = []
        for mro, function, line, _, _ in oracle:
            ids = [n for n, name in enumerate(CLASSES, 1) if MEANT.get(name, name) in mro]
            if ids:
                wanted.append((min(ids), mro[0], function, line))
        self.assertGreater(len(wanted), 30)
        target.send("2\n")
        seen = []
        for n in range(2 * len(wanted)):
            stop = s.ask("continue", "stopped") if n else s.await_event("stopped")
            self.assertEqual(stop["reason"], "exception")
            seen.append((stop["breakpoint"], re.match(r"\w+", stop["exception"]).group(), stop["function"].split(".")[-1],
                         stop["line"]))
        self.assertEqual(seen, wanted * 2)
        s.send("quit\n")
        s.end()
        self.assertEqual(int(target.line()) % 2, 0)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_unhandled(self, interp):
        """What Python itself reports as unhandled is the oracle; the frames that the exception has left are there."""
        target = self.start(interp, "unhandled.py")
        target.send("run\n")
        wanted = json.loads(target.line())
        self.assertGreater(len(wanted), 15)
        s = Session(self, target)
        bound = s.ask("catch --uncaught", "bound")
        self.assertEqual((bound["exception"], bound["when"]), ("Exception", "uncaught"))
        target.send("run\n")
        seen = []
        for n in range(len(wanted)):
            stop = s.ask("continue", "stopped") if n else s.await_event("stopped")
            self.assertEqual((stop["reason"], stop["breakpoint"]), ("exception", bound["id"]))
            seen.append(re.search(r"'(\w+)'", stop["exception"]).group(1))
            if seen[-1] == "from_below":
                self.assertEqual(stop["function"], "deep")
                frames = [f["function"].split(".")[-1] for f in s.ask("where", "stack")["frames"]]
                self.assertEqual(frames[:5] + frames[5:6], ["deep"] * 4 + ["from_below", "_bootstrap_inner"])
                self.assertEqual((s.value("n, name"), s.value("exc.args[0]")), ("(0, 'from_below')", "'from_below'"))
                s.send("up\n")
                self.assertEqual(s.value("n"), "1")
                s.send("up\nup\nup\n")
                self.assertEqual(s.value("local"), "42")
        self.assertEqual(seen, wanted)
        s.send("clear %d\n" % bound["id"])
        s.ask("catch --user-unhandled Base", "bound")
        s.send("continue\n")
        self.assertEqual(json.loads(target.line()), wanted)
        target.send("user\n")
        stop = s.await_event("stopped")
        self.assertEqual((stop["function"], stop["exception"].rstrip(",)")), ("deep", "Derived('escapes'"))
        s.send("continue\n")
        self.assertEqual(json.loads(target.line()), [])
        s.close()
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_unhandled_by_the_program(self, interp):
        target = self.start(interp, "unhandled.py")
        s = Session(self, target)
        s.ask("catch --uncaught Base if name == 'nothing'", "bound")
        second = s.ask("catch --uncaught Base if name == 'main' and n == 0", "bound")["id"]
        target.send("raise\n")
        stop = s.await_event("stopped")
        self.assertEqual((stop["function"], stop["breakpoint"]), ("deep", second))
        s.send("continue\n")
        self.assertEqual(s.await_event("exited")["status"], 1)

    @harness.each_interpreter
    def test_counts(self, interp):
        """Not stopped at all: the kernel counts those that `ignore` lets pass, of a base class and of one of many bases."""
        target = self.start(interp, SCRIPT)
        oracle = json.loads(target.first)
        names = ["Exception", "LookupError", "Base", "Both", "KeyboardInterrupt"]
        wanted = [50 * sum(name in event[0] for event in oracle) for name in names]
        run = terminal.Terminal("attach", target.pid)
        self.addCleanup(run.close)
        run.expect(terminal.PROMPT)
        for name in names:
            run.command("catch %s ignore 1000000" % name)
        target.send("50\n")
        target.line(60)
        text = run.command("info breakpoints")
        hits = [int(m.group(1)) if m else 0 for m in
                (re.search(r"hit (\d+) time", part) for part in text.split("exception ")[1:])]
        # of one exception the kernel asks four breakpoints, and here never more wait
        self.assertEqual(hits, wanted)
        run.type("quit\n")
        self.assertEqual(run.wait(), 0)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_looking(self, interp):
        """Conditions on the exception and the frame; what can be read there; disable, enable, ignore, clear."""
        target = self.start(interp, SCRIPT)
        s = Session(self, target)
        self.assertEqual(s.ask("catch Derived if exc.code == 3", "bound")["evaluated"], "kernel")
        s.ask("catch ValueError if 'zero' in __exception__.args[0]", "bound")
        target.send("1\n")
        stop = s.await_event("stopped")
        self.assertEqual((stop["breakpoint"], stop["function"].split(".")[-1], stop["line"]), (2, "by_c", line_of("int(\"zero\")")))
        self.assertEqual(s.value("exc"), repr(ValueError("invalid literal for int() with base 10: 'zero'"))
                         if interp.minor > 6 else s.value("exc"))
        self.assertEqual(s.value("exc.args"), "(\"invalid literal for int() with base 10: 'zero'\",)")
        self.assertEqual(s.value("isinstance(exc, LookupError), isinstance(exc, ValueError)"), "(False, True)")
        stop = s.ask("continue", "stopped")
        self.assertEqual((stop["breakpoint"], stop["exception"].rstrip(",)"), stop["line"]),
                         (1, "Derived('derived', 3", line_of("raise Derived(3)")))
        self.assertEqual(s.value("exc.code, exc.args"), "(3, ('derived', 3))")
        stack = s.ask("where", "stack")
        self.assertEqual([f["function"].split(".")[-1] for f in stack["frames"]], ["thrown", "run", "<module>"])
        self.assertEqual(stack["frames"][0]["line"], stop["line"])
        s.send("disable 1\nignore 2 1\ncontinue\n")
        target.line()
        target.send("2\n")  # the first is ignored
        self.assertEqual(s.await_event("stopped")["breakpoint"], 2)
        s.send("clear ValueError\nenable 1\ncondition 1 exc.code == 4\n")
        stop = s.ask("continue", "stopped")
        self.assertEqual((stop["breakpoint"], stop["line"]), (1, line_of("raise Derived(4)")))
        s.send("quit\n")
        s.end()
        target.line()
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_snap(self, interp):
        """Without a stop, and with one."""
        target = self.start(interp, SCRIPT)
        for options in ([], ["--deep"]):
            s = terminal.Piped("snap", target.pid, "--catch", "Derived", "--count", "3", "--json", *options)
            self.addCleanup(s.close)
            self.assertEqual(s.event()["exception"], "__main__.Derived")
            target.send("1\n")
            target.line()
            events, status = s.end()
            shots = [e for e in events if e["event"] == "snapshot"]
            self.assertEqual((status, len(shots)), (0, 3))
            for shot, callers in zip(shots, (["run"], ["cleanup", "run"], ["again", "run"])):
                self.assertEqual([f["function"] for f in shot["frames"]][:len(callers) + 1], ["plain"] + callers)
                self.assertEqual(shot["frames"][0]["line"], line_of("raise Derived(1)"))
                self.assertEqual(shot["exception"].rstrip(",)"), "Derived('derived', 1")
                self.assertEqual(shot["pause_us"] > 0, bool(options))
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_log(self, interp):
        """Every raise, with the exception as the program itself prints it; then those of one frame only, chosen in the kernel."""
        target = self.start(interp, SCRIPT)
        oracle = json.loads(target.first)
        wanted = [(function, line, shown, "%s|%s" % (shown, text)) for mro, function, line, shown, text in oracle if "Exception" in mro]
        s = terminal.Piped("log", target.pid, "--catch", "Exception", "{exc!r}|{exc}", "--count", 2 * len(wanted), "--json")
        self.addCleanup(s.close)
        self.assertEqual(s.event()["exception"], "Exception")
        target.send("2\n")
        target.line()
        events, status = s.end()
        seen = [(e["function"].split(".")[-1], e["line"], e["exception"], e["text"]) for e in events if e["event"] == "log"]
        # What exec ran may be gone when a debugger that is late reads its record.
        lost = [i for i, s in enumerate(seen) if s[0] == "?" and s[2] == "Base('exec')"]
        seen = [(wanted * 2)[i][:2] + s[2:] if i in lost else s for i, s in enumerate(seen)]
        self.assertEqual((status, seen), (0, wanted * 2))
        condition = "n == 0 and exc.args[0] == 'deep' and handled is not n and len(exc.args) == 1"
        s = terminal.Piped("log", target.pid, "--catch", "Inner", "{n} {exc.args[0]} {__exception__} {nobody}", "--if", condition,
                           "--count", "2", "--json")
        self.addCleanup(s.close)
        self.assertEqual(s.event()["evaluated"], "kernel")
        target.send("1\n")
        target.line()
        events, status = s.end()
        self.assertEqual((status, [e["text"] for e in events if e["event"] == "log"]),
                         (0, ["0 deep deep <NameError: name 'nobody' is not defined>"] * 2))
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_in_thread(self, interp):
        target = self.start(interp, SCRIPT)
        s = Session(self, target)
        s.ask("catch Inner if n == 0", "bound")
        target.send("1\n")
        main = s.await_event("stopped")["thread"]["tid"]
        other = s.ask("continue", "stopped")["thread"]["tid"]
        self.assertEqual(main, target.pid)
        self.assertNotEqual(other, main)
        s.send("quit\n")
        s.end()
        target.line()

    @harness.each_interpreter
    def test_names(self, interp):
        code = ("import sys, types, asyncio, json\n"
                "class Timeout(Exception): pass\n"
                "m = types.ModuleType('m'); sys.modules['m'] = m\n"
                "exec('class Timeout(Exception): pass\\nOther = Timeout\\nx = 1', m.__dict__)\n"
                "print('ready', flush=True)\n"
                "sys.stdin.readline()\n")
        target = self.start_code(interp, code)
        names = [("json.JSONDecodeError", "json.decoder.JSONDecodeError"), ("m.Other", "m.Timeout"),
                 ("JSONDecodeError", "json.decoder.JSONDecodeError"), ("builtins.OSError", "OSError"),
                 ("EnvironmentError", "OSError"), ("__main__.Timeout", "__main__.Timeout"),
                 ("json.decoder.JSONDecodeError", "json.decoder.JSONDecodeError")]
        done = self.debug("attach", target.pid, "--json", *[w for n, _ in names for w in ("-c", "catch " + n)])
        self.assertEqual(done.status, 0, done)
        self.assertEqual([e["exception"] for e in done.of("bound")], [full for _, full in names])
        for name, text in (("NoSuchError", "it has no exception class 'NoSuchError'"), ("m.x", "'m.x' is not an exception class"),
                           ("ValueError if", "a condition is missing"), ("ValueError if 1 +", "SyntaxError")):
            done = self.debug("attach", target.pid, "-c", "catch " + name)
            self.assertEqual(done.status, 1, done)
            self.assertIn(text, done.err)
            self.assertEqual(done.err.count("\n"), 1, done)
        both = self.debug("attach", target.pid, "-c", "catch Timeout").err
        self.assertIn("several exception classes are called Timeout: ", both)
        self.assertIn("m.Timeout", both)
        self.assertIn("__main__.Timeout", both)
        self.assertUntouched(target)


class Process(harness.TestCase):
    def test_other_process_untouched(self):
        """The same binary elsewhere: no trap is written there, and its exceptions are nobody's."""
        interp = interpreters.one()
        target, other = self.start(interp, SCRIPT), self.start(interp, SCRIPT)

        def text(pid):
            with open("/proc/%d/maps" % pid) as f, open("/proc/%d/mem" % pid, "rb") as mem:
                found = []
                for line in f:
                    words = line.split()
                    if "x" in words[1] and ("python" in line or "libpython" in line):
                        start, end = (int(w, 16) for w in words[0].split("-"))
                        mem.seek(start)
                        found.append(mem.read(end - start))
                return found
        before, before_other = text(target.pid), text(other.pid)
        s = Session(self, target)
        s.ask("catch Base", "bound")
        self.assertNotEqual(text(target.pid), before)
        self.assertEqual(text(other.pid), before_other)
        other.send("20\n")
        other.line()
        target.send("1\n")
        s.await_event("stopped")
        s.send("quit\n")
        s.end()
        target.line()
        self.assertEqual(text(target.pid), before)
        self.assertUntouched(other)

    def test_sigkill(self):
        """The debugger dies at any moment: the program goes on and handles as many exceptions as before."""
        rnd = random.Random(SEED)
        print("seed %d" % SEED, flush=True)
        for interp in (interpreters.one(), interpreters.one(8), interpreters.one(13)):
            if not interp:
                continue
            target = self.start(interp, SCRIPT)
            target.send("3\n")
            each = int(target.line()) // 3
            for n in range(ROUNDS if interp is interpreters.one() else ROUNDS // 3):
                s = terminal.Piped("attach", target.pid, "--json")
                option = rnd.choice(["", "", " if exc.args == 1", " every 7"])
                s.send("catch %s%s\n" % (rnd.choice(["Base", "Exception", "Derived"]), option) + "continue\n" * 300)
                events = []
                if rnd.random() < 0.2:
                    target.send("100\n")  # it starts while the program raises
                else:
                    events = [s.event()["event"] for _ in range(2)]
                    target.send("100\n")
                    events += [s.event()["event"] for _ in range(0 if " if" in option else rnd.choice([0, 1, 5, 30]))]
                time.sleep(rnd.random() * 0.02)  # a random instant is the point
                s.proc.kill()
                s.close()
                self.assertEqual(int(target.line()), 100 * each, "round %d %s" % (n, events))
                self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
