# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: calls are timed by uprobes.
# Text: reads the interpreter's.
"""`latency`: as many calls as sys.setprofile sees return, whichever way they end, and as long as the program's own clock says."""
import json
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "timed.py")
FUNCTIONS = ["plain", "many_returns", "recursive", "raises", "deep_raise", "handles", "not_handled", "raises_again", "bare",
             "with_finally", "returns_through_finally", "break_in_finally", "in_with", "suppressed", "nested_handlers",
             "Lazy.__getattr__", "delegating", "failing_generator", "closed_generator", "suspending", "nested.<locals>.inner"]
# On the others half of these each, as a timer takes the kernel most of a second to end: every second minor version the same.
FEWER = [["recursive", "bare", "suppressed"], ["raises_again", "returns_through_finally", "failing_generator"]]
SEED = int(os.environ.get("PYBPFDBG_SIGKILL_SEED", str(random.randrange(1 << 30))))
ROUNDS = 18


class Base(harness.TestCase):
    def time(self, target, runs, names, engine):
        """What `latency` says of each function after so many runs, and the program's answer."""
        timers = [terminal.Piped("latency", target.pid, name, "--json", "--engine", engine) for name in names]
        for name, timer in zip(names, timers):
            self.addCleanup(timer.close)
            bound = timer.event(60)
            self.assertEqual((bound["event"], bound["function"].split(".")[-1]), ("bound", name.split(".")[-1]), bound)
            self.assertEqual(bound["engine"], engine)
        target.send("%d\n" % runs)
        answer = json.loads(target.line(60))
        results = []
        for timer in timers:
            timer.proc.send_signal(signal.SIGINT)
            events, status = timer.end()
            self.assertEqual((status, [e["event"] for e in events]), (0, ["latency"]))
            results.append(events[0])
        self.assertUntouched(target)
        return results, answer

    def check(self, name, result, wanted):
        said = {key: value for key, value in result.items() if key != "buckets"}
        self.assertEqual(result["count"], wanted, said)
        self.assertEqual(sum(b["count"] for b in result["buckets"]), wanted, said)
        self.assertEqual(result["returned"] + result["raised"], wanted, said)
        self.assertEqual([result[k] for k in ("running", "in_flight", "table_full", "end_unseen")], [0] * 4, said)
        ordered = [result[k] for k in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "max_ns")]
        self.assertEqual(ordered, sorted(ordered), said)
        self.assertLessEqual(result["min_ns"], result["mean_ns"], said)
        self.assertGreaterEqual(result["buckets"][-1]["le_ns"], result["max_ns"], said)
        if name in ("bare", "deep_raise", "raises_again", "failing_generator", "closed_generator", "Lazy.__getattr__"):
            self.assertEqual(result["returned"] > 0, name == "raises_again", said)
        if name in ("plain", "many_returns", "handles", "suppressed", "returns_through_finally", "delegating"):
            self.assertEqual(result["raised"], 0, said)

    def die(self, engine):
        """The debugger dies at any moment: the program goes on and its sum is right."""
        rnd = random.Random(SEED)
        print("seed %d" % SEED, flush=True)
        for interp in [i for i in (interpreters.one(), interpreters.one(8), interpreters.one(13)) if i]:
            target = self.start(interp, SCRIPT)
            target.send("1\n")
            each = json.loads(target.line())["total"]
            for n in range(ROUNDS if interp is interpreters.one() else ROUNDS // 3):
                timer = terminal.Piped("latency", target.pid, rnd.choice(["plain", "in_with"]), "--json", "--engine", engine)
                early = rnd.random() < 0.3
                if not early:
                    self.assertEqual(timer.event(60)["event"], "bound")
                target.send("3\n")
                time.sleep(rnd.random() * (0.3 if early else 0.03))  # a random instant is the point
                timer.proc.kill()
                timer.close()
                self.assertEqual(json.loads(target.line())["total"], 3 * each, "round %d %s" % (n, engine))
                self.assertUntouched(target)


@harness.per_interpreter
class Latency(Base):
    @harness.each_interpreter
    def test_uprobe(self, interp):
        target = self.start(interp, SCRIPT)
        oracle = json.loads(target.first)
        names = FUNCTIONS if interp is interpreters.one() or os.environ.get("PYBPFDBG_ALL") else FEWER[interp.minor % 2]
        results, _ = self.time(target, 2, names, "uprobe")
        for name, result in zip(names, results):
            self.check(name, result, 2 * oracle[name.split(".")[-1]])

    @harness.each_interpreter
    def test_durations(self, interp):
        """The kernel's interval lies within the program's own."""
        target = self.start(interp, SCRIPT)
        (result,), answer = self.time(target, 0, ["nap"], "uprobe")
        self.check("nap", result, 3)
        for ms, calls in (("1", 1), ("10", 2), ("100", 3)):
            within = [b for b in result["buckets"] if b["le_ns"] <= answer[ms] * 1.125]
            self.assertEqual(sum(b["count"] for b in within), calls, "%s of %s: %s" % (ms, answer, result))
        self.assertLessEqual(result["max_ns"], answer["100"])
        self.assertGreaterEqual(result["min_ns"], answer["1"] / 2)

    @harness.each_interpreter
    def test_in_flight(self, interp):
        target = self.start_code(interp, "import sys\n"
                                 "def wait():\n    return sys.stdin.readline()\n"
                                 "print('ready', flush=True)\n"
                                 "while wait():\n    print('done', flush=True)\n")
        harness.wait_for(lambda: target.state() == "S", what="waiting for its input")
        timer = terminal.Piped("latency", target.pid, "wait", "--json", "--engine", "uprobe")
        self.addCleanup(timer.close)
        self.assertEqual(timer.event()["event"], "bound")
        for _ in range(3):
            target.send("\n")
            target.line()
        harness.wait_for(lambda: target.state() == "S", what="waiting for its input")
        timer.proc.send_signal(signal.SIGINT)
        (result,), status = timer.end()
        self.assertEqual([status] + [result[k] for k in ("count", "in_flight", "running")], [0, 2, 1, 1])

    def test_text(self):
        target = self.start(interpreters.one(), SCRIPT)
        shown = terminal.Terminal("latency", target.pid, "plain", "--engine", "uprobe")
        self.addCleanup(shown.close)
        shown.expect("everything is disarmed after 60 minutes (--for), or at Ctrl-C")
        target.send("1\n")
        target.line()
        shown.ctrl_c()
        self.assertEqual(shown.wait(), 0)
        for text in ("plain (%s:" % target.script, "calls", "min ", "p50 ", "estimated", "below ", "####"):
            self.assertIn(text, shown.text())

    def test_target_ends(self):
        target = self.start(interpreters.one(), SCRIPT)
        oracle = json.loads(target.first)
        timer = terminal.Piped("latency", target.pid, "recursive", "--json", "--engine", "uprobe")
        self.addCleanup(timer.close)
        timer.event()
        target.send("1\n")
        target.line()
        target.end()
        events, status = timer.end()
        self.assertEqual((status, events[-1]["count"]), (3, oracle["recursive"]))

    def test_bad(self):
        target = self.start(interpreters.one(), SCRIPT)
        for args, status, text in ((("no_such",), 1, "no_such"), (("timed.py:20",), 1, "is a line: latency is of a function"),
                                   (("many_returns", "--engine", "watch"), 1, "--engine uprobe needs none"),
                                   (("plain", "--engine", "magic"), 2, "--engine"), ((), 2, "one function is needed"),
                                   (("plain", "raises"), 2, "one function is needed")):
            done = self.debug("latency", target.pid, *args)
            self.assertEqual(done.status, status, done)
            self.assertIn(text, done.err)
            self.assertEqual(done.err.count("\n"), 1, done)
        self.assertUntouched(target)

    def test_sigkill(self):
        self.die("uprobe")

    def test_other_process_untouched(self):
        interp = interpreters.one()
        target, other = self.start(interp, SCRIPT), self.start(interp, SCRIPT)

        def text(pid):
            found = []
            with open("/proc/%d/maps" % pid) as f, open("/proc/%d/mem" % pid, "rb") as mem:
                for line in f:
                    if "x" in line.split()[1] and "python" in line:
                        start, end = (int(w, 16) for w in line.split()[0].split("-"))
                        mem.seek(start)
                        found.append(mem.read(end - start))
            return found
        before, before_other = text(target.pid), text(other.pid)
        timer = terminal.Piped("latency", target.pid, "plain", "--json", "--engine", "uprobe")
        self.addCleanup(timer.close)
        timer.event()
        self.assertNotEqual(text(target.pid), before)
        self.assertEqual(text(other.pid), before_other)
        other.send("1\n")
        other.line()
        timer.proc.send_signal(signal.SIGINT)
        events, _ = timer.end()
        self.assertEqual(events[-1]["count"], 0)
        self.assertEqual(text(target.pid), before)


if __name__ == "__main__":
    harness.main()
