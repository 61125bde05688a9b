# SPDX-License-Identifier: BSD-2-Clause
# Text: reads the interpreter's.
"""Breakpoints on what is not loaded yet: bound before the first line of the new code runs, and bound to what is loaded again."""
import json
import os
import random
import re
import select
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

MODULE_LINE, CLASS_LINE, METHOD_LINE, OUTER_LINE, INNER_LINE, LOOP_LINE = 1, 3, 5, 7, 8, 12
FUNCTIONS = {"Box.get": METHOD_LINE, "outer": OUTER_LINE, "outer.<locals>.inner": INNER_LINE}


def line_of(location):
    file, name = location.split(":")
    return "%s:%s" % (file if file.endswith(".py") else file + ".py", FUNCTIONS.get(name, name))


def text_of(pid):
    """What the executable mappings of files hold: {file: bytes}."""
    found = {}
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
        for line in maps:
            fields = line.split()
            if len(fields) > 5 and "x" in fields[1] and "python" in fields[5]:
                start, end = (int(n, 16) for n in fields[0].split("-"))
                mem.seek(start)
                found[fields[5]] = mem.read(end - start)
    return found


class Case(harness.TestCase):
    def start_late(self, interp, *ways):
        return self.start(interp, "late.py", interp.mkdtemp(), *ways)

    def expected(self, interp, *ways):
        """{"file:line": line events}, as sys.settrace counts them."""
        target = self.start_late(interp, "trace", *ways)
        target.send("go\n")
        lines = json.loads(target.line())
        target.end()
        return lines

    def attach(self, target, *options):
        piped = terminal.Piped("attach", target.pid, "--json", *options)
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        return piped

    def pend(self, piped, *commands):
        for command in commands:
            piped.send(command + "\n")
            self.assertEqual(piped.event()["event"], "pending", command)

    def stops(self, target, piped):
        """Let it go; [(file:line, function)] of its stops until it says that it is done."""
        seen = []
        piped.send("continue\n")
        target.send("go\n")
        while True:
            event = self.next_stop(target, piped)
            if event is None:
                return seen
            seen.append(("%s:%d" % (os.path.basename(event["file"]), event["line"]), event["function"]))
            piped.send("continue\n")

    def next_stop(self, target, piped):
        """None: the target is done, and still runs."""
        while True:
            told = b"\n" in piped._buffer
            ready = told or select.select([piped.proc.stdout, target.proc.stdout], [], [], 30)[0]
            self.assertTrue(ready, "nothing happens")
            if told or piped.proc.stdout in ready:
                event = piped.event()
                if event["event"] == "stopped":
                    return event
                self.assertIn(event["event"], ("bound", "resumed", "pending"), event)
                self.told.append(event)
            elif target.line() == "done":
                return None

    def setUp(self):
        self.told = []

    def count(self, seen):
        return {place: [p for p, _ in seen].count(place) for place, _ in seen}


@harness.per_interpreter
class Bound(Case):
    def check(self, interp, ways, locations):
        lines = self.expected(interp, *ways)
        wanted = {line_of(location): lines[line_of(location)] for location in locations}
        target = self.start_late(interp, *ways)
        piped = self.attach(target)
        self.pend(piped, *("break " + location for location in locations))
        seen = self.stops(target, piped)
        self.assertEqual(self.count(seen), wanted)
        piped.proc.kill()
        self.assertUntouched(target)
        return seen

    @harness.each_interpreter
    def test_module(self, interp):
        seen = self.check(interp, ["import"], ["late_import.py:1", "late_import.py:3", "late_import:outer", "late_import.py:12"])
        # before the first line of the module
        self.assertEqual(seen[0], ("late_import.py:1", "<module>"))
        self.assertEqual(seen[1], ("late_import.py:3", "Box"))

    @harness.each_interpreter
    def test_functions(self, interp):
        self.check(interp, ["import"], ["late_import:outer.<locals>.inner", "late_import:Box.get"])

    @harness.each_interpreter
    def test_exec_and_reload(self, interp):
        self.check(interp, ["exec", "evals", "reload"], ["late_exec.py:8", "late_reload.py:8"])
        self.check(interp, ["same"], ["late_same.py:1", "late_same:Box.get"])

    @harness.each_interpreter
    def test_in_a_thread_and_several(self, interp):
        self.check(interp, ["import", "thread", "exec"], ["late_thread.py:12", "late_import.py:3", "late_exec:outer"])

    @harness.each_interpreter
    def test_count(self, interp):
        self.check_count(interp, ["thread", "reload"], ["late_thread.py:8", "late_reload.py:12"])

    @harness.each_interpreter
    def test_other_code_in_the_same_memory(self, interp):
        self.check_count(interp, ["reuse"], ["late_reuse.py:3", "late_reuse.py:9"])

    def check_count(self, interp, ways, locations):
        lines = self.expected(interp, *ways)
        target = self.start_late(interp, *ways)
        piped = terminal.Piped("count", target.pid, "--pending", "--json", *locations)
        self.addCleanup(piped.close)
        for _ in locations:
            self.assertEqual(piped.event()["event"], "pending")
        target.send("go\n")
        self.assertEqual(target.line(), "done")
        piped.proc.send_signal(signal.SIGINT)
        events, status = piped.end()
        counts = {e["location"]: e["hits"] for e in events if e["event"] == "count"}
        self.assertEqual((status, counts), (0, {location: lines[location] for location in locations}))
        self.assertUntouched(target)


class Commands(Case):
    def setUp(self):
        Case.setUp(self)
        self.interp = interpreters.one()

    def pending(self, *commands, ways=("import",)):
        target = self.start_late(self.interp, *ways)
        piped = self.attach(target)
        for command in commands:
            piped.send(command + "\n")
            if command.startswith(("break", "tbreak")):
                self.assertEqual(piped.event()["event"], "pending")
        # the others write no object: this one comes after them
        piped.send("p 1\n")
        self.assertEqual(piped.event()["event"], "values")
        return target, piped

    def test_condition_ignore_and_once(self):
        target, piped = self.pending("break late_import:outer if n == 2", "break late_import.py:12", "ignore 2 3",
                                     "tbreak late_import.py:8")
        seen = self.count(self.stops(target, piped))
        self.assertEqual(seen, {"late_import.py:7": 1, "late_import.py:12": 1, "late_import.py:8": 1})

    def test_condition_set_later(self):
        target, piped = self.pending("break late_import:outer", "condition 1 n == 3")
        self.assertEqual(self.count(self.stops(target, piped)), {"late_import.py:7": 1})

    def test_clear_and_disable(self):
        target, piped = self.pending("break late_import.py:1", "break late_import.py:3", "break late_import.py:12", "clear 1",
                                     "disable 2", "break late_import:get", "disable 4", "enable 4", "clear late_import.py:12")
        self.assertEqual(self.count(self.stops(target, piped)), {"late_import.py:5": 1})

    def test_enabled_after_it_was_loaded(self):
        target, piped = self.pending("break late_import.py:8", "disable 1")
        target.send("go\n")
        self.assertEqual(target.line(), "done")
        piped.send("enable 1\n")
        event = piped.event()
        self.assertEqual((event["event"], event["id"], event["line"]), ("bound", 1, 8), event)

    def test_no_slot(self):
        """Told once, the target goes on, and what found a slot works."""
        locations = ["late_reload.py:%d" % n for n in (1, 3, 5, 7, 8)]
        target, piped = self.pending(*("break " + location for location in locations), ways=("reload",))
        seen = self.count(self.stops(target, piped))
        lines = self.expected(self.interp, "reload")
        self.assertEqual(seen, {location: lines[location] for location in locations[:4]})
        left = [e for e in self.told if e["event"] == "pending"]
        self.assertEqual([(e["id"], "needs 1 watch slot, and 0 of 4 are free" in e["reason"]) for e in left], [(5, True)])

    def test_line_after_the_end(self):
        target, piped = self.pending("break late_import.py:999")
        self.assertEqual(self.stops(target, piped), [])
        while "pending" not in [e["event"] for e in self.told]:  # the target may be done before it is told
            self.told.append(piped.event())
        self.assertIn("the last line with code is 13", [e["reason"] for e in self.told if e["event"] == "pending"][0])

    def test_hint(self):
        target = self.start_late(self.interp, "import")
        run = self.debug("attach", target.pid, "-c", "break Late.py:1", "-c", "break WRITE", "-c", "info breakpoints")
        self.assertEqual(run.status, 0, run)
        self.assertIn("breakpoint 1 at Late.py:1: pending until it is loaded", run.out)
        self.assertIn("late.py", run.err)
        self.assertIn("similar: write", run.err)
        self.assertIn("WRITE, pending until it is loaded", run.out)

    def test_what_does_not_stop_refuses(self):
        """A typing error must not hang a script."""
        target = self.start_late(self.interp, "import")
        run = self.debug("count", target.pid, "late_import.py:1", "--for", "60")
        self.assertEqual(run.status, 1, run)
        self.assertIn("--pending waits for it", run.err)
        run = self.debug("count", target.pid, "late_import.py:1", "--pending", "--for", "0.2")
        self.assertEqual(run.status, 0, run)
        self.assertIn("late_import.py:1 (not loaded)", run.out)
        self.assertUntouched(target)

    def test_loaded_while_it_is_asked_for(self):
        """Whatever the moment, the breakpoint is bound: nothing is loaded between the look and the wait."""
        code = ("import sys\nprint('ready', flush=True)\nn = 0\nwhile True:\n    n += 1\n"
                "    names = {}\n    exec(compile('def f():\\n    return 1\\nf()\\n', 'made_%d.py' % (n % 7), 'exec'), names)\n"
                "    names.clear()\n")
        target = self.start_code(self.interp, code)
        for n in range(7):
            run = self.debug("attach", target.pid, "--json", "-c", "break made_%d.py:2" % n, "-c", "continue")
            stops = run.of("stopped")
            self.assertEqual([(e["file"].split("/")[-1], e["line"]) for e in stops], [("made_%d.py" % n, 2)], run)
        self.assertUntouched(target)

    def test_with_run(self):
        folder = self.interp.mkdtemp()
        script = os.path.join(harness.TARGETS, "late.py")
        run = self.debug("run", "--python", self.interp.path, "--json", "-c", "break late_import:inner", "-c", "continue", "-c",
                         "where", script, folder, "import", stdin="go\n\n")
        self.assertEqual([e["event"] for e in run.events if e["event"] in ("pending", "bound")], ["pending", "bound"], run)
        self.assertEqual([f["function"] for f in run.of("stack")[0]["frames"]][:3],
                         ["outer.<locals>.inner", "outer", "<module>"], run)

    def test_slots_of_what_is_bound_together(self):
        """Each says how many it has taken: which one was first is not known."""
        run = self.debug("run", "--python", self.interp.path, "-c", "break late_import.py:1", "-c", "break late_import.py:3", "-c",
                         "continue", os.path.join(harness.TARGETS, "late.py"), self.interp.mkdtemp(), "import", stdin="go\n\n")
        self.assertEqual(len(re.findall(r", 1 location, 1 watch slot of 4$", run.out, re.M)), 2, run)


class Harmless(Case):
    """It is killed at random instants while modules stop all the time; and another process is not its business."""

    def test_sigkill(self):
        code = ("import sys\nprint('ready', flush=True)\nx = 1\nfor line in sys.stdin:\n"
                "    for n in range(2000):\n"
                "        names = {'x': x}\n"
                "        exec(compile('def f(x):\\n    return x * 31 % 1000003\\nx = f(x)\\n', 'made.py', 'exec'), names)\n"
                "        x = names['x']\n"
                "    print(x, flush=True)\n")
        target = self.start_code(interpreters.one(), code)
        before, x, rnd = text_of(target.pid), 1, random.Random(7)
        for turn in range(20):
            piped = self.attach(target)
            self.pend(piped, "break no_such_function")
            self.assertNotEqual(text_of(target.pid), before, "nothing is waited for")
            target.send("go\n")
            # the delay is the point: a random instant
            select.select([piped.proc.stdout], [], [], rnd.random() * 0.1)
            piped.proc.send_signal(signal.SIGKILL)
            piped.proc.wait()
            for _ in range(2000):
                x = x * 31 % 1000003
            self.assertEqual(target.line(), str(x), "turn %d" % turn)
            harness.wait_for(lambda: text_of(target.pid) == before, what="the interpreter's text as it was")
        self.assertUntouched(target)

    def test_another_process(self):
        interp = interpreters.one()
        target, other = self.start_late(interp, "import"), self.start_late(interp, "import")
        before = text_of(other.pid)
        piped = self.attach(target)
        self.pend(piped, "break late_import.py:12")
        self.assertNotEqual(text_of(target.pid), before)
        other.send("go\n")
        self.assertEqual(other.line(), "done")
        self.assertEqual(text_of(other.pid), before)
        self.assertUntouched(other)
        self.assertEqual(self.count(self.stops(target, piped)), {"late_import.py:12": 4})


if __name__ == "__main__":
    harness.main()
