# SPDX-License-Identifier: BSD-2-Clause
"""Data breakpoints: each write to a variable, attribute or item is seen once, whoever wrote it and wherever it moves.
The program (tests/targets/data_writes.py) says what it writes; what is seen must be just that."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "data_writes.py")
HERE, DONE = 1, 2  # the numbers of the breakpoints
N = 5


def number_of_line(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            if text.rstrip().endswith("# " + mark):
                return number
    raise AssertionError("no line marked %r" % mark)


class Base(harness.TestCase):
    def begin(self, interp):
        """A target that waits, and a debugger on it that stops where a function begins and ends to write."""
        self.target = self.start(interp, SCRIPT)
        self.piped = terminal.Piped("attach", self.target.pid, "--json")
        self.addCleanup(self.piped.close)
        self.event("attached")
        for name in ("here", "done"):
            self.piped.send("break %s\n" % name)
            self.event("bound")
        self.first = True

    def event(self, kind):
        """The next event, which must be that; what the commands answer besides is passed over."""
        while True:
            event = self.piped.event()
            if event["event"] == kind:
                return event
            self.assertIn(event["event"], ("resumed", "values", "stack"), event)

    def go(self):
        self.piped.send("continue\n")
        return self.event("stopped")

    def at(self, function, *args):
        """The function, stopped where the writes begin, its own frame selected."""
        self.target.send(" ".join([function] + [str(a) for a in args]) + "\n")
        # The first stop comes by itself, the others when the last function goes on.
        event = self.event("stopped") if self.first else self.go()
        self.first = False
        self.assertEqual((event["reason"], event["breakpoint"]), ("breakpoint", HERE), event)
        self.piped.send("up\n")

    def watch(self, expression):
        self.piped.send("watch %s\n" % expression)
        return self.event("bound")

    def writes(self):
        """What is seen until the function is done."""
        seen = []
        while True:
            event = self.go()
            if event["reason"] == "breakpoint":
                self.assertEqual(event["breakpoint"], DONE, event)
                return seen
            self.assertEqual(event["reason"], "data", event)
            seen.append(event)

    def clear(self, bound):
        self.piped.send("clear %d\n" % bound["id"])

    def seen(self, function, expression, n=N):
        """[(old, new)] of all the writes of a function, each by repr, None where there is nothing; its end too."""
        self.at(function, n)
        bound = self.watch(expression)
        events = self.writes()
        self.clear(bound)
        return [self.pair(event) for event in events]

    def pair(self, event):
        if "ended" in event:
            return "ended", event["ended"]
        return tuple(event[which] and event[which]["repr"] for which in ("old", "new"))

    def end(self):
        self.piped.send("detach\n")
        self.piped.end()
        self.assertUntouched(self.target)


def chain(*values):
    """[1, 2, 3] -> [(1, 2), (2, 3)]"""
    return list(zip(values, values[1:]))


@harness.per_interpreter
class Kinds(Base):
    CASES = (("local", "x"), ("attribute", "obj.x"), ("slot", "obj.x"), ("attribute_by_setattr", "obj.x"),
             ("attribute_of_dict", "obj.x"), ("item", "obj[1]"), ("entry", "obj['x']"), ("entry_by_update", "obj['x']"),
             ("global_name", "NUMBER"), ("closure", "x"))

    @harness.each_interpreter
    def test_each_write_once(self, interp):
        self.begin(interp)
        for function, expression in self.CASES:
            with self.subTest(function):
                self.assertEqual(self.seen(function, expression),
                                 chain("0", *(str(1000 + i) for i in range(N))))
        self.end()

    @harness.each_interpreter
    def test_same_object_again(self, interp):
        self.begin(interp)
        pairs = self.seen("same_object", "x")
        self.assertEqual(len(pairs), N)
        self.assertEqual(len(set(sum(pairs, ()))), 1)
        self.end()

    @harness.each_interpreter
    def test_line_that_wrote(self, interp):
        self.begin(interp)
        for function, expression, mark in (("local", "x", "writes local"),
                                           ("attribute_by_setattr", "obj.x", "writes by setattr"),
                                           ("entry_by_update", "obj['x']", "writes by update")):
            self.at(function, N)
            bound = self.watch(expression)
            self.assertEqual([(e["function"], e["line"]) for e in self.writes()],
                             [(function, number_of_line(mark))] * N)
            self.clear(bound)
        self.end()

    @harness.each_interpreter
    def test_condition_and_ignore(self, interp):
        self.begin(interp)
        self.at("local", 20)
        bound = self.watch("x if new == 1013 or nosuch")
        self.assertEqual(self.pairs(), [("1012", "1013")])
        self.clear(bound)
        self.at("local", 20)
        bound = self.watch("x if new == old + 1 and new > 1014")
        self.assertEqual(self.pairs(), chain(*(str(1000 + i) for i in range(14, 20))))
        self.clear(bound)
        self.at("local", 20)
        bound = self.watch("x")
        self.piped.send("ignore %d 17\n" % bound["id"])
        self.assertEqual(self.pairs(), chain("1016", "1017", "1018", "1019"))
        self.clear(bound)
        self.end()

    def pairs(self):
        return [self.pair(event) for event in self.writes()]


if __name__ == "__main__":
    harness.main()
