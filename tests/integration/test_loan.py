# SPDX-License-Identifier: BSD-2-Clause
"""All four slots are taken and a step needs one: a breakpoint where a function begins lends its own, and no hit is lost or told twice."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import terminal

SCRIPT = os.path.join(harness.TARGETS, "lent.py")
TURNS = 6
FUNCTIONS = ("one", "two", "three", "four")


def line_of(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# " + mark))


@harness.per_interpreter
class Loan(harness.TestCase):
    def begin(self, interp, mark, calls, first=0):
        """Stopped in work(), with four breakpoints: 2 to 5. The first of them is the one that is lent."""
        target = self.start(interp, SCRIPT, calls)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("tbreak lent.py:%d\ncontinue\n" % line_of(mark))
        self.assertEqual(piped.event()["event"], "bound")
        target.send("go\n")
        self.assertEqual(piped.stop()[:3], ("breakpoint", None, "work"))
        for function in FUNCTIONS[first:] + FUNCTIONS[:first]:
            piped.send("break lent.py:%d\n" % line_of(function))
            event = piped.event()
            self.assertEqual(event["event"], "bound", event)
        return target, piped

    @harness.each_interpreter
    def test_callee(self, interp):
        """What a step runs into: a lent breakpoint once, and where `step` enters its function, the call and then the line."""
        target, piped = self.begin(interp, "own", 0)
        at = line_of("own")
        self.assertEqual(piped.run_to("next"), ("breakpoint", None, "one", line_of("one")))
        self.assertEqual(piped.run_to("next"), ("step", "line", "one", line_of("one") + 1))
        self.assertEqual(piped.run_to("next"), ("step", "return", "one", line_of("one") + 1))
        self.assertEqual(piped.run_to("next"), ("step", "line", "work", at + 1))
        self.assertEqual(piped.run_to("step")[1:3], ("call", "two"))
        self.assertEqual(piped.run_to("continue"), ("breakpoint", None, "two", line_of("two")))
        self.assertEqual(piped.run_to("return"), ("step", "return", "two", line_of("two") + 3))
        self.assertEqual(piped.run_to("continue"), ("breakpoint", None, "three", line_of("three")))
        self.assertEqual(piped.run_to("continue"), ("breakpoint", None, "four", line_of("four")))
        self.assertEqual(piped.run_to("until"), ("step", "return", "four", line_of("four")))
        self.assertEqual(piped.run_to("next"), ("step", "line", "work", at + 4))
        self.assertEqual(piped.run_to("step")[1:3], ("call", "one"))
        self.assertEqual(piped.run_to("continue"), ("breakpoint", None, "one", line_of("one")))
        self.assertEqual(piped.run_to("return"), ("step", "return", "one", line_of("one") + 1))
        piped.end()
        self.assertEqual([target.line(), target.line()], ["waits", "2 1 1 1"])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_counts(self, interp):
        """Three threads call them all the while: what was counted is what was called, whichever is lent."""
        first = interp.minor % len(FUNCTIONS)
        target, piped = self.begin(interp, "begin", 1500, first)
        piped.send("".join("ignore %d 1000000000\n" % number for number in range(2, 6)))
        for _ in range(14):
            self.assertEqual(piped.run_to("next")[:3], ("step", "line", "work"))
        self.assertEqual(piped.run_to("return")[:3], ("step", "return", "work"))
        piped.send("info breakpoints\n")
        hits = [piped.event()["hits"] for _ in range(4)]
        piped.end()
        self.assertEqual(target.line(), "waits")
        called = [int(n) for n in target.line().split()]
        self.assertEqual(hits, called[first:] + called[:first])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_interrupted(self, interp):
        """Ctrl-C while a slot is lent: all threads stand wherever they are, the slot is given back there, and the counts stay those of the calls."""
        target = self.start(interp, SCRIPT, "until")
        term = terminal.Terminal("attach", target.pid)
        self.addCleanup(term.close)
        term.expect(terminal.PROMPT)
        term.command("tbreak lent.py:%d" % line_of("begin"))
        target.send("go\n")
        term.expect("work()")
        term.expect(terminal.PROMPT)
        for number, function in enumerate(FUNCTIONS, 2):
            self.assertIn("breakpoint %d at" % number, term.command("break lent.py:%d" % line_of(function)))
            term.command("ignore %d 1000000000" % number)
        term.type("return\n")
        self.assertEqual(target.line(), "waits")  # who prints that is stepped
        for turn in range(TURNS):
            term.ctrl_c()
            self.assertIn("stopped, thread", term.expect(terminal.PROMPT))
            term.command("thread %d" % target.pid)
            shown = term.command("where 1")
            while "work()" not in shown:
                shown = term.command("up")
            if turn + 1 == TURNS or not self.goes_on(target, term, "return"):
                self.assertTrue(self.goes_on(target, term, "continue"))
        target.send("end\n")
        called = [int(n) for n in target.line(60).split()]
        term.ctrl_c()
        term.expect(terminal.PROMPT)
        hits = [int(n) for n in re.findall(r"hit (\d+) time", term.command("info breakpoints"))]
        term.type("detach\n")
        self.assertEqual(term.wait(), 0)
        self.assertEqual(hits, called)
        self.assertUntouched(target)

    def goes_on(self, target, term, command):
        """False: the pause came where nothing can be lent, and that was said."""
        term.type(command + "\n")
        harness.wait_for(lambda: target.state() != "t" or term.has("*** "), what="an answer to " + command)
        refused = term.has("*** ")
        if refused:
            self.assertIn("since the pause came where a function begins", term.expect(terminal.PROMPT))
        return not refused

    @harness.each_interpreter
    def test_killed_while_lent(self, interp):
        target, piped = self.begin(interp, "begin", 3000)
        piped.send("".join("ignore %d 1000000000\n" % number for number in range(2, 6)) + "return\n")
        self.assertEqual(target.line(), "waits")  # who prints that is stepped
        piped.close()  # SIGKILL
        self.assertEqual(target.line(60), "9002 9001 9001 9001")
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
