# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: a breakpoint and a step.
"""Steps where something else happens meanwhile: breakpoints in callees, other threads, slots, the standard library."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "steps.py")


def line_of(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# " + mark))


@harness.per_interpreter
class Step(harness.TestCase):
    def begin(self, interp, mark, *options):
        """Stopped at the marked line of the function of that name."""
        target = self.start(interp, SCRIPT)
        piped = terminal.Piped("attach", target.pid, "--json", *options)
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("tbreak steps.py:%d\ncontinue\n" % line_of(mark))
        self.assertEqual(piped.event()["event"], "bound")
        target.send({"last": "ends"}.get(mark, "slots" if mark == "one" else mark) + "\n")
        self.assertEqual(piped.stop()[0], "breakpoint")
        return target, piped

    @harness.each_interpreter
    def test_over_and_into(self, interp):
        """A breakpoint in a callee ends the step over it; a function's value is shown where it returns."""
        target, piped = self.begin(interp, "over")
        at = line_of("over")
        self.assertEqual(piped.run_to("next"), ("step", "line", "over", at + 1))
        inner = line_of("callee")
        piped.send("break steps.py:%d\n" % inner)
        self.assertEqual(piped.event()["event"], "bound")
        self.assertEqual(piped.run_to("next"), ("breakpoint", None, "callee", inner))
        self.assertEqual(piped.run_to("n"), ("step", "return", "callee", inner))
        self.assertEqual(piped.last["value"]["repr"], "10")
        self.assertEqual(piped.run_to("until"), ("step", "line", "over", at + 2))
        self.assertEqual(piped.run_to("return"), ("step", "return", "over", at + 2))
        self.assertEqual(piped.last["value"]["repr"], "14")
        piped.send("continue\n")
        self.assertEqual(target.line(), "14")
        piped.close()
        self.assertUntouched(target)

    @harness.each_interpreter
    @harness.all_slots
    def test_condition_where_a_step_stopped(self, interp):
        """A breakpoint's condition is false where a step stops: its next hit on that line is a stop all the same."""
        target, piped = self.begin(interp, "looped")
        at = line_of("looped")
        piped.send("break steps.py:%d if i == 3\nbreak steps.py:%d if i == 5\n" % (at, at))
        for _ in range(2):
            self.assertEqual(piped.event()["event"], "bound")
        self.assertEqual(piped.run_to("next")[1:], ("line", "looped", at - 1))
        self.assertEqual(piped.run_to("next")[1:], ("line", "looped", at))
        self.assertEqual(piped.run_to("continue")[:1], ("breakpoint",))
        self.assertEqual(piped.last["breakpoint"], 2)
        self.assertEqual(piped.run_to("next")[1:], ("line", "looped", at - 1))
        self.assertEqual(piped.run_to("next")[1:], ("line", "looped", at))
        self.assertEqual(piped.run_to("next")[1:], ("line", "looped", at - 1))
        # Where both are about to stop it is one stop, and no other follows.
        self.assertIn(piped.run_to("next"), [("step", "line", "looped", at), ("breakpoint", None, "looped", at)])
        piped.send("continue\n")
        self.assertEqual(target.line(), "15")
        piped.close()
        self.assertUntouched(target)

    @harness.each_interpreter
    @harness.all_slots
    def test_into_a_generator_and_out_of_a_with(self, interp):
        """A generator expression is called when it is asked for a value, not when it is made; a `return` runs the end of the `with`."""
        target, piped = self.begin(interp, "leaves")
        at = line_of("leaves")
        self.assertEqual(piped.run_to("step"), ("step", "call", "<genexpr>", at))
        piped.send("tbreak steps.py:%d\n" % (at + 1))
        self.assertEqual(piped.event()["event"], "bound")
        self.assertEqual(piped.run_to("continue")[0], "breakpoint")
        self.assertEqual(piped.run_to("next"), ("step", "line", "leaves", at + 2))
        stop = piped.run_to("next")
        if interp.minor >= 8 and stop[1] == "line":  # of the `with`
            self.assertEqual(stop[3], at - 1)
            stop = piped.run_to("next")
        self.assertEqual(stop[:3], ("step", "return", "leaves"))
        piped.send("continue\n")
        self.assertEqual(target.line(), "1,2")
        piped.close()
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_exception(self, interp):
        target, piped = self.begin(interp, "raises")
        at = line_of("raises")
        self.assertEqual(piped.run_to("next"), ("step", "exception", "raises", at))
        self.assertIn("IndexError", piped.last["exception"])
        self.assertEqual(piped.run_to("next"), ("step", "line", "raises", at + 1))
        self.assertEqual(piped.run_to("next"), ("step", "line", "raises", at + 2))
        piped.end()
        self.assertEqual(target.line(), "None")
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_just_my_code(self, interp):
        """Not into the standard library, but into what it calls back; and into it when that is asked for."""
        target, piped = self.begin(interp, "library")
        at = line_of("library")
        self.assertEqual(piped.run_to("step"), ("step", "line", "library", at + 1))
        self.assertEqual(piped.run_to("step"), ("step", "line", "library", at + 2))
        self.assertEqual(piped.run_to("next"), ("step", "line", "library", at + 3))
        piped.send("set just-my-code off\n")
        self.assertEqual(piped.run_to("step")[1:3], ("call", "__init__"))  # Key(2)
        self.assertEqual(piped.run_to("return")[1:3], ("return", "__init__"))
        piped.send("set just-my-code on\n")
        self.assertEqual(piped.run_to("step")[1:3], ("call", "__lt__"))  # by bisect, in C or Python
        piped.end()
        target.line()
        self.assertUntouched(target)

    @harness.each_interpreter
    @harness.all_slots
    def test_slots(self, interp):
        """No slot, no step: who holds them is said, and the target stands where it was."""
        target, piped = self.begin(interp, "one")
        at = line_of("one")
        armed = 0
        for line in range(at + 1, at + 5):
            piped.send("break steps.py:%d\n" % line)
            armed += piped.event()["event"] == "bound"
        if armed < 4:
            self.skipTest("not all four slots are free")
        piped.send("next\n")
        error = piped.event()
        self.assertEqual(error["event"], "error")
        self.assertIn("breakpoint 2 (1 slot)", error["message"])
        self.assertIn("0 of 4", error["message"])
        self.assertEqual(piped.proc.wait(30), 1)  # a failed command ends a script
        self.assertEqual(target.line(), "10")
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_thread_ends(self, interp):
        """The stepped thread ends: the others run, and the next stop is theirs."""
        target, piped = self.begin(interp, "last")
        at = line_of("last")
        piped.send("break steps.py:%d\n" % line_of("over"))
        self.assertEqual(piped.event()["event"], "bound")
        self.assertEqual(piped.last["thread"]["name"], "short")
        self.assertEqual(piped.run_to("return"), ("step", "return", "last", at + 1))
        piped.send("return\n")  # into threading.py, which is not ours
        self.assertEqual(target.line(), "None")
        target.send("over\n")
        self.assertEqual(piped.stop()[0::2], ("breakpoint", "over"))
        self.assertNotEqual(piped.last["thread"]["name"], "short")
        piped.close()
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_other_threads_run(self, interp):
        """While a step is under way the other thread counts on, and its steps are not ours."""
        target, piped = self.begin(interp, "counts")
        at = line_of("counts")
        tid = piped.last["thread"]["tid"]
        for line in (at + 1, at + 2, at + 3):
            self.assertEqual(piped.run_to("step"), ("step", "line", "counts", line))
            self.assertEqual(piped.last["thread"]["tid"], tid)
        piped.end()
        self.assertGreater(int(target.line()), 10)
        self.assertUntouched(target)

    def test_max_pause(self):
        target, piped = self.begin(interpreters.one(), "over", "--max-pause", "1.5")
        self.assertEqual(piped.run_to("next")[1], "line")
        self.assertEqual(piped.event()["event"], "resumed")
        self.assertEqual(target.line(), "14")
        piped.close()
        self.assertUntouched(target)


class AtStops(harness.TestCase):
    def test_until_upwards(self):
        target = self.start(interpreters.one(), SCRIPT)
        run = self.debug("attach", target.pid, "-c", "interrupt", "-c", "until 1")
        self.assertEqual(run.status, 1, run)
        self.assertIn("line 1 is not below line", run.err)
        self.assertUntouched(target)

    def test_display_and_commands(self):
        target = self.start(interpreters.one(), SCRIPT)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break callee\ncommands\np n\ncontinue\nend\ndisplay n\ncontinue\n")
        self.assertEqual(piped.event()["event"], "bound")
        target.send("over\n")
        said = []
        while len(said) < 4:
            event = piped.event()
            if event["event"] == "values":
                said.append((event["expression"], event["values"][0]["repr"]))
        self.assertEqual(said, [("n", "1"), ("n", "1"), ("n", "4"), ("n", "4")])
        self.assertEqual(target.line(), "14")
        piped.close()
        self.assertUntouched(target)

    @harness.all_slots
    def test_commands_end_where_the_target_goes_on(self):
        """As in pdb; an `end` after it is no command of its own."""
        target = self.start(interpreters.one(), SCRIPT)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break callee\ncommands\nc\nbreak slots\ncommands\nc\nend\nbreak over\n")
        self.assertEqual([piped.event()["location"] for _ in range(3)], ["callee", "slots", "over"])
        piped.close()
        self.assertUntouched(target)

    def test_source(self):
        target = self.start(interpreters.one(), SCRIPT)
        thread = 'sys.modules["threading"]._main_thread'
        for what, status, text in (("callee", 0, "def callee"), ("Key.__lt__", 0, "def __lt__"),
                                   (thread + ".join", 0, "def join"), (thread + ".name", 0, "def name"),
                                   ("Key", 1, "Key: only functions and methods know their source"), ("nothere", 1, "'nothere'")):
            run = self.debug("attach", target.pid, "-c", "interrupt", "-c", "source " + what)
            self.assertEqual(run.status, status, run)
            self.assertIn(text, run.err if status else run.out)
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
