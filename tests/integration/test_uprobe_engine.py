#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: that is what it is for.
"""--engine uprobe: function breakpoints without slots and without limit. Their hits are the interpreter's own count of frames
that begin; a stop shows the right frame; a line inside a function is refused; a killed debugger leaves nothing."""
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import checksum
import harness
import interpreters
import terminal

KILLS = int(os.environ.get("PYBPFDBG_SIGKILL_ROUNDS", "30"))
SEED = int(os.environ.get("PYBPFDBG_SIGKILL_SEED", str(random.randrange(1 << 30))))

FUNCTIONS = ["plain", "recursive", "generator", "delegating", "catching", "cleaning", "outer_of_throw", "coroutine",
             "outer_coroutine", "async_generator", "over_async", "Awaitable.__await__", "Base.__init__", "Base.method", "Base.prop", "Base.make",
             "Base.static", "Base.__add__", "Base.__lt__", "Base.__getattr__", "Base.__call__", "Derived.__init__",
             "decorated_by.<locals>.wrapper", "decorated", "raising", "drive", "in_thread", "warm", "work"]


def line_of(script, text):
    with open(os.path.join(harness.TARGETS, script)) as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


STORM = """
import sys, threading
ended = []
def job(i):
    ended.append(i)
print("ready", flush=True)
for line in sys.stdin:
    for i in range(0, 10000, 20):
        some = [threading.Thread(target=job, args=(n,)) for n in range(i, i + 20)]
        for t in some:
            t.start()
        for t in some:
            t.join()
    print(len(ended), flush=True)
"""


class Count:
    """A `count --engine uprobe` of these functions; it counts from now on."""

    def __init__(self, pid, functions):
        self.proc = subprocess.Popen([harness.DEBUGGER, "count", "--json", "--engine", "uprobe", str(pid)] +
                                    ["calls:" + f for f in functions],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        for _ in functions:
            if not select.select([self.proc.stdout], [], [], 60)[0]:
                raise AssertionError("count does not begin")
            line = self.proc.stdout.readline()
            event = json.loads(line or "{}")
            if event.get("event") != "bound" or event["engine"] != "uprobe":
                raise AssertionError("count failed: %s %s" % (event, self.proc.stderr.read().decode()))

    def end(self):
        self.proc.send_signal(signal.SIGINT)
        out, err = self.proc.communicate(timeout=60)
        if self.proc.returncode:
            raise AssertionError("status %d: %s" % (self.proc.returncode, err.decode()))
        events = [json.loads(line) for line in out.splitlines()]
        if any(e["event"] == "lost" for e in events):
            raise AssertionError("hits were lost: %s" % events)
        return {re.sub(r".*[.:]", "", e["location"]): e["hits"] for e in events if e["event"] == "count"}


@harness.per_interpreter
class Hits(harness.TestCase):
    def ask(self, target, word):
        target.send(word + "\n")
        return target.line(60)

    def starts(self, interp, answer):
        """{name: frames that began} of what the program says of itself; a name that is there twice is left out."""
        found = {}
        for file, _, name, _, starts in json.loads(answer):
            found[name] = None if name in found else starts
        # Up to 3.10 an exception that is thrown into a generator before it begins, by close() too, looks like a start to
        # sys.setprofile. calls.py does that once to each of these.
        if interp.minor <= 10:
            for name in ("generator", "cleaning", "coroutine"):
                found[name] -= 1
        return found

    @harness.each_interpreter
    def test_hits_are_starts(self, interp):
        target = self.start(interp, "calls.py")
        names = [f.rsplit(".", 1)[-1] for f in FUNCTIONS]
        for word in ("first", "profile"):
            count = Count(target.pid, FUNCTIONS)
            expected = self.starts(interp, self.ask(target, word))
            got = count.end()
            wrong = {n: (got[n], expected.get(n, 0)) for n in names
                     if names.count(n) == 1 and got[n] != (expected.get(n, 0) or 0) + (word == "first" and n == "plain")}
            self.assertFalse(wrong, "%s: hits, starts: %s" % (word, wrong))
        count = Count(target.pid, FUNCTIONS)
        self.assertEqual(self.ask(target, "run"), "done")
        got = count.end()
        wrong = {n: (got[n], expected.get(n, 0)) for n in names if names.count(n) == 1 and got[n] != expected.get(n, 0)}
        self.assertFalse(wrong, "hits, starts: %s" % wrong)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_stop(self, interp):
        """The new frame is on top with its arguments, in a function, a generator and a method; conditions are judged."""
        target = self.start(interp, "orders.py")
        run = self.debug("attach", target.pid, "--json", "--engine", "uprobe", "-c", "break charge", "-c", "continue",
                         "-c", "where", "-c", "args", "-c", "where", "-c", "continue", "-c", "where")
        self.assertEqual(run.status, 0, run)
        self.assertEqual([e["engine"] for e in run.of("bound")], ["uprobe"])
        stops = run.of("stopped")
        self.assertEqual(len(stops), 2, run)
        for e in stops:
            self.assertEqual((e["reason"], e["function"].rsplit(".", 1)[-1]), ("breakpoint", "charge"))
        for e in run.of("stack"):
            self.assertEqual(e["frames"][0]["function"].rsplit(".", 1)[-1], "charge")
            self.assertEqual(e["frames"][0]["line"], stops[0]["line"])
            self.assertGreater(len(e["frames"]), 1)
            self.assertNotEqual(e["frames"][1]["function"].rsplit(".", 1)[-1], "charge")
        self.assertTrue(run.of("values")[0]["values"], run)
        self.assertTrue(all(v["repr"] for v in run.of("values")[0]["values"]))
        self.assertUntouched(target)


class Refusals(harness.TestCase):
    @harness.all_slots
    def test_line_inside(self):
        target = self.start(interpreters.one(), "orders.py")
        begins = self.debug("attach", target.pid, "--json", "-c", "break charge").of("bound")[0]["line"]
        run = self.debug("count", "--engine", "uprobe", target.pid, "orders.py:%d" % begins, "--for", "0.1")
        self.assertEqual(run.status, 0, run)
        run = self.debug("count", "--engine", "uprobe", target.pid, "orders.py:%d" % (begins + 1), "--for", "0.1")
        self.assertEqual(run.status, 1, run)
        self.assertRegex(run.err, r"^pybpfdbg: pid \d+: the uprobe engine sees functions begin, not lines: .*orders\.py:%d "
                                  r"is inside charge, which begins at line %d\n$" % (begins + 1, begins))
        for args in (("count", target.pid, "charge", "--engine", "magic"), ("attach", target.pid, "--engine", "magic")):
            run = self.debug(*args)
            self.assertEqual(run.status, 2, run)
            self.assertIn("--engine is watch or uprobe", run.err)
        run = self.debug("attach", target.pid, "-c", "break --engine magic charge")
        self.assertEqual(run.status, 1, run)
        self.assertIn("--engine is watch or uprobe, not 'magic'", run.err)
        self.assertUntouched(target)

    @harness.all_slots
    def test_no_slot_names_it(self):
        target = self.start(interpreters.one(), "calls.py")
        run = self.debug("attach", target.pid, *[a for f in FUNCTIONS[:8] for a in ("-c", "break " + f)])
        self.assertEqual(run.status, 1, run)
        self.assertRegex(run.err, r"needs \d watch slots?, and \d of 4 are free; they are held by: breakpoint 1 .*, or break where a function "
                                  r"begins with --engine uprobe: no slot, but a trap "
                                  r"\(about 1 us\) at every Python call")
        run = self.debug("attach", target.pid, "-c", "break --engine uprobe plain", "-c", "info breakpoints")
        self.assertIn(", no watch slot but a trap at every Python call\n", run.out)
        self.assertRegex(run.out, r"\n1 .*\(plain\), 1 location, uprobe\n")


class Storm(harness.TestCase):
    def test_ten_thousand_threads(self):
        """Of which a few stop: each of them, no other, and no descriptor is left over."""
        target = self.start_code(interpreters.one(), STORM)
        piped = terminal.Piped("attach", target.pid, "--json")
        self.addCleanup(piped.close)
        piped.send("break --engine uprobe job if i in (7, 2507, 5007, 7507, 9999)\n")
        self.assertEqual([piped.event()["event"] for _ in range(2)], ["attached", "bound"])
        target.send("\n")
        seen, open_files = [], []
        for command in (None, "continue", "continue", "continue", "continue"):
            if command:
                piped.run_to(command)
            else:
                piped.stop()
            piped.send("p i\n")
            seen.append(int(piped.event()["values"][0]["repr"]))
            open_files.append(len(os.listdir("/proc/%d/fd" % piped.proc.pid)))
        self.assertEqual(seen, [7, 2507, 5007, 7507, 9999])
        self.assertLessEqual(open_files[-1], open_files[0])
        piped.send("info breakpoints\n")
        self.assertEqual(piped.event()["hits"], 5)
        piped.send("detach\n")
        events, status = piped.end()
        self.assertEqual(([e["event"] for e in events], status), (["detached"], 0))
        self.assertEqual(target.line(), "10000")
        self.assertUntouched(target)


class Killed(harness.TestCase):
    def test_at_stops(self):
        """SIGKILL while threads stop at a function breakpoint: they run on and compute right."""
        rnd = random.Random(SEED)
        target = self.start(interpreters.one(), "checksum.py", 2)
        last = (0, 0)
        for n in range(KILLS):
            proc = subprocess.Popen([harness.DEBUGGER, "attach", str(target.pid), "--json", "--engine", "uprobe", "-c",
                                     "break Generator.step"] + ["-c", "continue"] * 1000,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if n % 3:
                while b'"stopped"' not in proc.stdout.readline():
                    self.assertIsNone(proc.poll())
            time.sleep(rnd.random() * 0.1)  # a random instant
            proc.kill()
            proc.communicate()
            self.assertUntouched(target)
            last = harness.wait_for(lambda: self.grown(target, last), 20, "both threads run (seed %d)" % SEED)

    def grown(self, target, last):
        target.send("\n")
        words = [int(w) for w in target.line().split()]
        steps = tuple(words[1::2])
        for i, (count, x) in enumerate(zip(steps, words[2::2])):
            self.assertEqual(x, checksum.after(count, i + 1), "seed %d" % SEED)
        return steps if all(a > b for a, b in zip(steps, last)) else None


if __name__ == "__main__":
    harness.main()
