# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: a line, or what is written, and a step.
"""SIGKILL of the debugger at random instants: the target lives, is not stopped, and computes right.

    test_sigkill.py [ROUNDS]        or PYBPFDBG_SIGKILL_ROUNDS; default 240
    PYBPFDBG_SIGKILL_SEED           repeats a run's random numbers (printed at its start)
"""
import json
import os
import random
import select
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import checksum
import harness
import interpreters

ROUNDS = int(os.environ.get("PYBPFDBG_SIGKILL_ROUNDS", "240"))
if len(sys.argv) > 1 and sys.argv[1].isdigit():
    ROUNDS = int(sys.argv.pop(1))
SEED = int(os.environ.get("PYBPFDBG_SIGKILL_SEED", str(random.randrange(1 << 30))))

THREADS = 2


def line_of(text):
    with open(os.path.join(harness.TARGETS, "checksum.py")) as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


HOT = "checksum.py:%d" % line_of("y = (x * A + C)")
RARE = "checksum.py:%d" % line_of("note = {")
NEVER = "checksum.py:%d" % line_of("never = n")


class Debugger:
    """One that reads its commands from a pipe, so that it stays as long as we want."""

    def __init__(self, argv):
        self.proc = subprocess.Popen([harness.DEBUGGER] + [str(a) for a in argv], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._buffer = b""

    def send(self, *commands):
        try:
            self.proc.stdin.write("".join(c + "\n" for c in commands).encode())
            self.proc.stdin.flush()
        except BrokenPipeError:
            pass  # await_event() tells why it ended

    def await_event(self, event, timeout=30):
        deadline = time.monotonic() + timeout
        while True:
            while b"\n" in self._buffer:
                line, self._buffer = self._buffer.split(b"\n", 1)
                e = json.loads(line)
                if e["event"] == event:
                    return e
                if e["event"] == "error":
                    raise AssertionError("the debugger failed: %s" % e)
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                raise AssertionError("no event %s within %d s" % (event, timeout))
            piece = os.read(self.proc.stdout.fileno(), 65536)
            if not piece:
                raise AssertionError("the debugger ended before %s: %s" % (event, self.proc.stderr.read().decode()))
            self._buffer += piece

    def kill(self):
        """True if it was alive until now."""
        alive = self.proc.poll() is None
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        for f in (self.proc.stdin, self.proc.stdout, self.proc.stderr):
            try:
                f.close()
            except BrokenPipeError:
                pass
        return alive


def attach(target, rnd):
    scope = rnd.choice(["auto", "auto", "auto", "task"])
    return Debugger(["attach", target.pid, "--json", "--scope", scope])


def drain(debugger, seconds):
    """Let it go on for that long; its output must not fill the pipe. The delay is the point: a random instant."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return
        if select.select([debugger.proc.stdout], [], [], left)[0]:
            if not os.read(debugger.proc.stdout.fileno(), 65536):
                return


def state_starting(target, rnd):
    d = attach(target, rnd)
    d.send("break %s" % HOT, "continue")
    time.sleep(rnd.random() * 0.15)
    return d


def state_idle(target, rnd):
    d = attach(target, rnd)
    d.await_event("attached")
    time.sleep(rnd.random() * 0.01)
    return d


def state_armed(target, rnd):
    d = attach(target, rnd)
    d.send("break %s" % NEVER, "continue")
    d.await_event("bound")
    time.sleep(rnd.random() * 0.03)
    return d


def state_hitting(target, rnd):
    """Stops, continues, stops: often killed between the trap and the stop, or the stop and the resume."""
    d = attach(target, rnd)
    d.send("break %s" % rnd.choice([HOT, HOT, RARE]), *["continue"] * 2000)
    d.await_event("bound")
    drain(d, rnd.random() * 0.06)
    return d


def state_stopped(target, rnd):
    d = attach(target, rnd)
    d.send("break %s" % rnd.choice([HOT, RARE]), "continue")
    d.await_event("stopped")
    time.sleep(rnd.random() * 0.005)
    return d


def state_reading(target, rnd):
    d = attach(target, rnd)
    d.send("break %s" % RARE, "continue", *["where", "locals", "p self.pair, n, threading.Thread"] * 300)
    d.await_event("stopped")
    drain(d, rnd.random() * 0.05)
    return d


def state_reading_running(target, rnd):
    """It runs, and each look makes it stand still for a moment."""
    d = attach(target, rnd)
    d.send(*["threads", "where"] * 300)
    d.await_event("attached")
    drain(d, rnd.random() * 0.08)
    return d


def state_watching(target, rnd):
    """A data breakpoint on what a thread writes again and again."""
    d = attach(target, rnd)
    d.send("break %s" % HOT, "continue")
    d.await_event("stopped")
    d.send("clear 1", "watch self.pair", *["continue"] * 2000)
    d.await_event("bound")
    drain(d, rnd.random() * 0.06)
    return d


def state_dump(target, rnd):
    d = Debugger(["dump", target.pid, "--locals", "--json"])
    time.sleep(rnd.random() * 0.012)
    return d


def state_count(target, rnd):
    d = Debugger(["count", target.pid, rnd.choice([HOT, RARE, NEVER]), "--json"])
    time.sleep(rnd.random() * 0.2)
    return d


def state_stepping(target, rnd):
    """Steps into, over and out of what runs: killed while one is armed, under way or shown."""
    d = attach(target, rnd)
    d.send("break %s" % RARE, "continue", *["step", "next", "step", "return", "until", "step"] * 300)
    d.await_event("stopped")
    drain(d, rnd.random() * 0.1)
    return d


def state_writes(target, rnd):
    """Writes are counted or logged; where the list's storage moves, a thread stops for a moment."""
    text = rnd.choice([[], ["{old} -> {new}"]])
    d = Debugger(["log" if text else "count", target.pid, *text, "--watch", "latest[0]", "--json"])
    d.await_event("bound")
    drain(d, rnd.random() * 0.1)
    return d


STATES = [state_starting, state_stepping, state_idle, state_armed, state_hitting, state_stopped, state_reading, state_reading_running,
          state_watching, state_hitting, state_dump, state_count, state_writes]
alive = {state.__name__: [] for state in STATES}  # of each kill: was it?


def chosen():
    """Debian's own, and one of each family of frame layouts."""
    own = interpreters.one()
    some = [own] + [interpreters.one(m) for m in (15, 13, 12, 10, 8)]
    return list(dict.fromkeys(i for i in some if i))


class Sigkill(harness.TestCase):
    def check(self, target, code, last, what):
        """Ask until every thread got on; what it says must be right."""
        deadline = time.monotonic() + 20
        while True:
            self.assertTrue(target.alive(), "%s: the target ended: %s" % (what, target.proc.returncode))
            target.send("?\n")
            try:
                answer = [int(w) for w in target.line(timeout=20).split()]
            except AssertionError as e:
                raise AssertionError("%s: %s; threads: %s" % (what, e, target.thread_states()))
            pairs = list(zip(answer[1::2], answer[2::2]))
            self.assertEqual(answer[0], code, "%s: the target's code changed" % what)
            for seed, (n, x) in enumerate(pairs, 1):
                self.assertEqual(checksum.after(n, seed), x, "%s: wrong sum in thread %d" % (what, seed))
            if all(n > m for (n, _), (m, _) in zip(pairs, last)):
                break
            self.assertLess(time.monotonic(), deadline, "%s: a thread stands still: %s" % (what, target.thread_states()))
        self.assertUntouched(target)
        return pairs

    def rounds(self, interp, rounds):
        rnd = random.Random("%d %s" % (SEED, interp))
        target = self.start(interp, "checksum.py", THREADS)
        target.send("?\n")
        first = [int(w) for w in target.line().split()]
        code, last = first[0], list(zip(first[1::2], first[2::2]))
        killed = 0
        for n in range(rounds):
            state = STATES[n % len(STATES)]
            what = "%s round %d %s (seed %d)" % (interp, n, state.__name__, SEED)
            try:
                d = state(target, rnd)
            except AssertionError as e:
                raise AssertionError("%s: %s" % (what, e))
            alive[state.__name__].append(d.kill())
            killed += alive[state.__name__][-1]
            last = self.check(target, code, last, what)
        # A test that kills what has ended already proves nothing.
        self.assertGreaterEqual(killed, rounds * 7 // 10, "only %d of %d were alive when killed" % (killed, rounds))


    def test_z_every_state(self):
        """After the others: each state was met at least once by a debugger that lived."""
        for state, kills in alive.items():
            print("%-24s alive at %d of %d kills" % (state, sum(kills), len(kills)))
            self.assertTrue(any(kills) or not kills, state)


def add(interp, rounds):
    def test(self):
        self.rounds(interp, rounds)
    setattr(Sigkill, "test_%s_%d_rounds" % (interp, rounds), test)


some = chosen()
for i, it in enumerate(some):
    # Debian's own gets twice the others' share.
    share = ROUNDS * (2 if i == 0 else 1) // (len(some) + 1)
    add(it, max(1, share + (ROUNDS - ROUNDS * 2 // (len(some) + 1) - (len(some) - 1) * (ROUNDS // (len(some) + 1))
                            if i == 0 else 0)))

if __name__ == "__main__":
    print("%d rounds, seed %d" % (ROUNDS, SEED), flush=True)
    harness.main()
