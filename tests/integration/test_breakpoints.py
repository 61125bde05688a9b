# SPDX-License-Identifier: BSD-2-Clause
"""Breakpoints that meet: on lines that share a place, several at once, changed while others are armed."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "shared_places.py")


def line_of(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            if text.rstrip().endswith("# " + mark):
                return number
    raise AssertionError("no line marked %r" % mark)


@harness.per_interpreter
class SharedPlaces(harness.TestCase):
    """`upper` ends where `lower` may have led to: up to 3.10 the start of `lower` is watched for `upper`, too."""

    def setUp(self):
        self.upper, self.lower = line_of("upper"), line_of("lower")

    def oracle(self, interp):
        proc = interp.start([interp.install(SCRIPT), "trace"], stdout=subprocess.PIPE)
        counts = json.loads(proc.communicate(timeout=60)[0].decode())
        return [counts[str(self.upper)], counts[str(self.lower)]]

    @harness.each_interpreter
    def test_both_counted(self, interp):
        expected = self.oracle(interp)
        for lines, wanted in (((self.upper, self.lower), expected), ((self.lower, self.upper), expected[::-1])):
            target = self.start(interp, SCRIPT)
            piped = terminal.Piped("count", target.pid, "--json", *["shared_places.py:%d" % n for n in lines])
            self.addCleanup(piped.close)
            for _ in lines:
                self.assertEqual(piped.event()["event"], "bound")
            target.send("go\n")
            self.assertEqual(target.line(), "done")
            piped.proc.send_signal(signal.SIGINT)
            events, status = piped.end()
            self.assertEqual(([e["hits"] for e in events], status), (wanted, 0))
            self.assertUntouched(target)

    @harness.each_interpreter
    def test_both_stop(self, interp):
        """Each is hit as often as it should be, and never in the name of the other."""
        expected = self.oracle(interp)
        for order in ((self.upper, self.lower), (self.lower, self.upper)):
            target = self.start(interp, SCRIPT)
            piped = terminal.Piped("attach", target.pid, "--json")
            self.addCleanup(piped.close)
            self.assertEqual(piped.event()["event"], "attached")
            ids = {}
            for line in order:
                piped.send("break shared_places.py:%d\n" % line)
                ids[piped.event()["id"]] = line
            target.send("go\n")
            hits = {self.upper: 0, self.lower: 0}
            for turn in range(sum(expected)):
                # Only at a stop: a "continue" that comes before the first one waits for it, one that comes after does not.
                if turn:
                    piped.send("continue\n")
                event = piped.event()
                while event["event"] != "stopped":
                    event = piped.event()
                self.assertEqual(ids[event["breakpoint"]], event["line"], event)
                hits[event["line"]] += 1
            self.assertEqual([hits[self.upper], hits[self.lower]], expected)
            piped.send("detach\n")
            self.assertEqual(target.line(), "done")
            piped.end()
            self.assertUntouched(target)


# "old" has what it takes until its code object is freed and another's lies in the same place.
REUSE = """
import sys
def make(name):
    names = {}
    exec(compile('def %s(n):\\n    return n + 1\\n' % name, name + '.py', 'exec'), names)
    return names[name]
f = make('old')
place = id(f.__code__)
print('ready', flush=True)
sys.stdin.readline()
del f
kept = []
while len(kept) < 100000:
    kept.append(make('new'))
    if id(kept[-1].__code__) == place:
        break
print('reused' if id(kept[-1].__code__) == place else 'elsewhere', flush=True)
for line in sys.stdin:
    kept[-1](1)
    print('called', flush=True)
"""


class Reused(harness.TestCase):
    def test_other_code_in_the_same_memory(self):
        target = self.start_code(interpreters.one(), REUSE)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("break old\n")
        self.assertEqual(piped.event()["event"], "bound")
        target.send("go\n")
        if target.line() != "reused":
            self.skipTest("the memory of the code object was not used again")
        for _ in range(3):
            target.send("call\n")
            self.assertEqual(target.line(), "called")
        piped.send("disable 1\nenable 1\n")
        event = piped.event()
        self.assertEqual(event["event"], "pending", event)
        self.assertIn("the code that it was bound to is gone", event["reason"])
        self.assertEqual(piped.end()[1], 0)
        self.assertUntouched(target)


@harness.per_interpreter
class Contended(harness.TestCase):
    """The eval loop looks at an instruction before it lets another thread have the GIL: that is not one execution more."""

    @harness.each_interpreter
    def test_counted_once(self, interp):
        script = os.path.join(harness.TARGETS, "contended.py")
        with open(script, encoding="utf-8") as f:
            lines = {text.rsplit("# ", 1)[1].strip(): n for n, text in enumerate(f, 1) if "  # " in text}
        target = self.start(interp, script)
        piped = terminal.Piped("count", target.pid, "--json", *["contended.py:%d" % lines[k] for k in ("called", "loop")])
        self.addCleanup(piped.close)
        for _ in range(2):
            self.assertEqual(piped.event()["event"], "bound")
        target.send("go\n")
        self.assertEqual(target.line(60), "done")
        piped.proc.send_signal(signal.SIGINT)
        events, status = piped.end()
        self.assertEqual(([e["hits"] for e in events if e["event"] == "count"], status), ([20000, 20000], 0))
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
