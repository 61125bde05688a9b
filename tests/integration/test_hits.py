# SPDX-License-Identifier: BSD-2-Clause
"""Which hits count: --thread, --ignore, --every, and the same at the prompt; the kernel counts."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "hit_counts.py")
ONE, TWO = 40, 25  # how often each thread runs the line


def the_line():
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# line"))


WHERE = "hit_counts.py:%d" % the_line()


@harness.per_interpreter
class Hits(harness.TestCase):
    @harness.each_interpreter
    def test_counted(self, interp):
        target = self.start(interp, SCRIPT)
        two = target.first.split()[2]
        cases = [(("--thread", two), TWO), (("--every", 7, "--ignore", 3), (ONE + TWO - 3 + 6) // 7),
                 (("--ignore", 50, "--thread", two), 0)]
        piped = [terminal.Piped("count", "--json", *options, target.pid, WHERE) for options, _ in cases]
        for p in piped:
            self.addCleanup(p.close)
            self.assertEqual(p.event()["event"], "bound")
        target.send("go\n")
        self.assertEqual(target.line(60), "done")
        counted = []
        for p in piped:
            p.proc.send_signal(signal.SIGINT)
            events, status = p.end()
            self.assertEqual(status, 0)
            counted.append(events[-1]["hits"])
        self.assertEqual(counted, [wanted for _, wanted in cases])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_stops(self, interp):
        """Four breakpoints at one line share its slot, and each stops when it is its turn: by the program's own sum."""
        target = self.start(interp, SCRIPT)
        one, two = target.first.split()[1:]
        wanted = sorted([(1, ONE + 2), (1, ONE + 3)] + [(2, n) for n in (11, 31, 51)] + [(3, ONE + 25)])
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        self.assertEqual(piped.event()["event"], "attached")
        for options in ("ignore 1 first 2 thread " + two, "ignore 10 every 20", "thread %s if i == 24 and total == 276" % two):
            piped.send("break %s %s\n" % (WHERE, options))
            self.assertEqual(piped.event()["event"], "bound")
        target.send("go\n")
        stops = []
        for turn in range(len(wanted)):
            if turn:
                piped.send("continue\n")
            event = piped.event()
            while event["event"] != "stopped":
                event = piped.event()
            piped.send("p i\n")
            value = piped.event()
            while value["event"] != "values":
                value = piped.event()
            self.assertEqual(event["line"], the_line())
            first = event["thread"]["tid"] == int(one)
            stops.append((event["breakpoint"], int(value["values"][0]["repr"]) + 1 + (0 if first else ONE)))
        self.assertEqual(sorted(stops), wanted)
        piped.send("detach\n")
        self.assertEqual(target.line(60), "done")
        piped.end()
        self.assertUntouched(target)

    def test_fifth_at_a_line(self):
        target = self.start(interpreters.one(), SCRIPT)
        done = self.debug("attach", target.pid, *["-c", "break " + WHERE] * 5)
        self.assertEqual(done.status, 1)
        self.assertIn("4 breakpoints are at this line already", done.err)
        self.assertUntouched(target)

    def test_bad(self):
        target = self.start(interpreters.one(), SCRIPT)
        for options, status, text in ((("--thread", 1), 1, "it has no thread 1"), (("--every", 0), 2, "--every"),
                                      (("--ignore", "x"), 2, "--ignore"), (("--if", "i =="), 1, "SyntaxError")):
            done = self.debug("count", *options, target.pid, WHERE)
            self.assertEqual(done.status, status, done.err)
            self.assertIn(text, done.err)
            self.assertEqual(done.err.count("\n"), 1)
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
