#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: calls are counted by uprobes.
# Text: reads the interpreter's.
"""calls: the counts are the interpreter's own, for every way in which a function is entered; nobody else is touched; and a
debugger that is killed leaves the text as it was."""
import collections
import ctypes
import json
import os
import random
import re
import select
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import checksum
import harness
import interpreters
import terminal

PROFILER = ("hook", "is_start", "profiled", "main", "quiet", "tracing_comes_and_goes")
KILLS = int(os.environ.get("PYBPFDBG_SIGKILL_ROUNDS", "50"))
SEED = int(os.environ.get("PYBPFDBG_SIGKILL_SEED", str(random.randrange(1 << 30))))


class Counter:
    """A `calls --json` that counts from now on."""

    def __init__(self, pid, *args):
        self.proc = subprocess.Popen([harness.DEBUGGER, "calls", "--json", str(pid)] + list(args),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if not select.select([self.proc.stdout], [], [], 60)[0]:
            raise AssertionError("calls does not begin")
        line = self.proc.stdout.readline()
        if not line:
            raise AssertionError("calls failed: %s" % self.proc.stderr.read().decode())
        first = json.loads(line)
        if first["event"] != "attached":
            raise AssertionError("calls failed: %s" % first)

    def end(self):
        """Its events."""
        self.proc.send_signal(signal.SIGINT)
        out, err = self.proc.communicate(timeout=60)
        if self.proc.returncode:
            raise AssertionError("status %d: %s" % (self.proc.returncode, err.decode()))
        return [json.loads(line) for line in out.splitlines()]


def own(events, files):
    """What was called of these files: {(file, line, name without what holds it): calls}."""
    counts = collections.Counter()
    for e in events:
        if e["event"] == "lost":
            raise AssertionError("calls were lost: %s" % e)
        if e["event"] == "calls" and e["file"] in files:
            counts[e["file"], e["line"], re.sub(r".*\.", "", e["function"])] += e["hits"]
    return counts


def said(line, files):
    """The same from what the program says of itself."""
    names = {os.path.basename(f): f for f in files}
    return collections.Counter({(names[os.path.basename(f)], first, name): n
                                for f, first, name, n, starts in json.loads(line)})


def entry_of(pid):
    """The file of the eval loop of a process, as we see it, and the offset of _PyEval_EvalFrameDefault in it."""
    with open("/proc/%d/maps" % pid) as f:
        paths = {line.split(None, 5)[5].strip() for line in f if re.search("r-xp.*python", line)}
    # (in another root maps has the whole path, in another mount namespace what is seen there)
    for path in sorted(p if os.path.exists(p) else "/proc/%d/root%s" % (pid, p) for p in paths):
        names = subprocess.run(["nm", "-D", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        symbol = re.search(r"^([0-9a-f]+) T _PyEval_EvalFrameDefault", names, re.M)
        if not symbol:
            continue
        address = int(symbol.group(1), 16)
        heads = subprocess.run(["readelf", "-lW", path], stdout=subprocess.PIPE).stdout.decode()
        for m in re.finditer(r"LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+)", heads):
            offset, start, size = (int(x, 16) for x in m.groups())
            if start <= address < start + size:
                return path, address - start + offset
    raise AssertionError("no eval loop in %d" % pid)


class KernelCount:
    """The kernel's own counter of an instruction in the main thread of a process: perf, no BPF and none of our code."""

    def __init__(self, pid, path, offset):
        with open("/sys/bus/event_source/devices/uprobe/type") as f:
            kind = int(f.read())
        self.path = ctypes.create_string_buffer(path.encode())
        # struct perf_event_attr: type, size, config, period, sample_type, read_format, flags, wakeup, bp_type, config1, config2
        attr = struct.pack("=IIQQQQQIIQQ", kind, 128, 0, 0, 0, 0, 0, 0, 0, ctypes.addressof(self.path), offset)
        self.attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(298, self.attr, pid, -1, -1, 8)  # perf_event_open, PERF_FLAG_FD_CLOEXEC
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "perf_event_open")

    def so_far(self):
        return struct.unpack("Q", os.read(self.fd, 8))[0]

    def end(self):
        count = self.so_far()
        os.close(self.fd)
        return count


class Funccount:
    """bcc's funccount on the same symbol: another program's BPF, and nothing of ours."""
    TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "funccount.py")

    def __init__(self, pid, path, offset):
        # Debian's bcc is a module of Debian's Python, whichever runs this.
        argv = ["/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable, self.TOOL]
        why = subprocess.run(argv + ["--missing"], stdout=subprocess.PIPE, text=True).stdout.strip()
        if why:
            raise unittest.SkipTest(why)
        root = os.readlink("/proc/%d/root" % pid)  # where it looks for what does not name it
        if root != "/" and path.startswith(root):
            path = "/proc/%d/root%s" % (pid, path[len(root):])
        self.proc = subprocess.Popen(argv + ["-p", str(pid), path + ":_PyEval_EvalFrameDefault"], text=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = []  # it may say first that it looks for modules of the kernel
        for line in iter(self.proc.stdout.readline, ""):
            if line.startswith("Tracing"):
                return
            said.append(line.strip())
        self.proc.wait()
        raise unittest.SkipTest("bcc does not run here: %s" % "; ".join(said[-3:]))

    def so_far(self):
        return 0  # the target waits for us

    def end(self):
        self.proc.send_signal(signal.SIGINT)
        found = re.search(r"_PyEval_EvalFrameDefault\s+(\d+)", self.proc.communicate(timeout=60)[0])
        return int(found.group(1))


def text_of(pid, address, size):
    with open("/proc/%d/mem" % pid, "rb") as f:
        f.seek(address)
        return f.read(size)


def text_areas(pid):
    """{start: bytes} of what is executable and from a file with python in its name."""
    areas = {}
    with open("/proc/%d/maps" % pid) as f:
        for line in f:
            m = line.split(None, 5)
            if len(m) == 6 and "x" in m[1] and "python" in m[5]:
                start, end = (int(x, 16) for x in m[0].split("-"))
                areas[start] = text_of(pid, start, end - start)
    return areas


def differences(before, after):
    """Addresses of the bytes that differ."""
    found = []
    for start, a in before.items():
        b = after[start]
        for at in range(0, len(a), 4096):
            if a[at:at + 4096] != b[at:at + 4096]:
                found += [start + at + i for i in range(min(4096, len(a) - at)) if a[at + i] != b[at + i]]
    return found


@harness.per_interpreter
class Calls(harness.TestCase):
    def assertSame(self, got, expected, ignored=()):
        """ignored: names of functions."""
        wrong = {k: (got[k], expected[k]) for k in set(got) | set(expected)
                 if got[k] != expected[k] and k[2] not in ignored}
        self.assertFalse(wrong, "counted, expected: %s" % wrong)

    def ask(self, target, word):
        target.send(word + "\n")
        return target.line(60)

    @harness.each_interpreter
    def test_equal_setprofile(self, interp):
        target = self.start(interp, "calls.py")
        files = (target.script, "<calls>")
        # Cold, counted while the program profiles itself, which instruments its code from 3.12 on.
        counter = Counter(target.pid)
        expected = said(self.ask(target, "profile"), files)
        self.assertGreater(len(expected), 30)
        self.assertSame(own(counter.end(), files), expected, PROFILER)
        # Warm, not profiled; what was instrumented is not any more.
        for _ in range(2):
            counter = Counter(target.pid)
            self.assertEqual(self.ask(target, "run"), "done")
            self.assertSame(own(counter.end(), files), expected)
        # Instrumented for others in between.
        counter = Counter(target.pid)
        again = said(self.ask(target, "first"), files)
        again[next(k for k in again if k[2] == "plain")] += 1
        self.assertSame(own(counter.end(), files), again, PROFILER)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_sub_interpreter(self, interp):
        target = self.start(interp, "calls.py")
        counter = Counter(target.pid)
        answer = self.ask(target, "sub 123")
        events = counter.end()
        if answer == "none":
            self.skipTest("this Python has no module for it")
        hits = [e["hits"] for e in events if e["event"] == "calls" and e["function"] == "only_in_sub"]
        self.assertEqual(hits, [123], [e for e in events if e["event"] != "calls" or e["hits"] > 100 or not e["function"]])

    @harness.each_interpreter
    def test_two_at_once(self, interp):
        """A second debugger finds its way through text that holds the traps of the first."""
        target = self.start(interp, "calls.py")
        files = (target.script, "<calls>")
        counters = [Counter(target.pid) for _ in range(2)]
        self.assertEqual(self.ask(target, "alone"), "done")
        first = own(counters[0].end(), files)
        self.assertGreater(sum(first.values()), 3000)
        self.assertSame(own(counters[1].end(), files), first)

    @harness.each_interpreter
    def test_others_are_untouched(self, interp):
        target, other = self.start(interp, "calls.py"), self.start(interp, "calls.py")
        before = text_areas(other.pid)
        own_before = text_areas(target.pid)
        counter = Counter(target.pid)
        self.assertEqual(text_areas(other.pid), before)
        self.assertTrue(differences(own_before, text_areas(target.pid)))
        self.ask(other, "run")
        self.assertEqual(text_areas(other.pid), before)
        events = counter.end()
        self.assertEqual([e for e in events if e["event"] == "calls" and e["file"] == other.script], [])
        self.assertEqual(text_areas(target.pid), own_before)


FORKS = r"""
import os, sys
def f(x): return x
print("ready", flush=True)
for line in sys.stdin:
    pid = os.fork()
    for i in range(1000): f(i)
    if not pid:
        os.write(1, b"%d\n" % os.getpid())
        sys.stdin.readline()
        os._exit(0)
    os.write(1, b"parent\n")
"""


@harness.per_interpreter
class Forks(harness.TestCase):
    @harness.each_interpreter
    def test_child(self, interp):
        """A forked child inherits the text with the traps: it meets each once at most, and is not counted."""
        target = self.start_code(interp, FORKS)
        before = text_areas(target.pid)
        counter = Counter(target.pid)
        sites = differences(before, text_areas(target.pid))
        target.send("\n")
        said = sorted((target.line(), target.line()))
        self.assertEqual(said[1], "parent")
        child = int(said[0])
        left = differences(before, text_areas(child))
        self.assertLess(len(left), len(sites), "a trap that was met was not taken out")
        hits = [e["hits"] for e in counter.end() if e["event"] == "calls" and e["function"] == "f"]
        self.assertEqual(hits, [1000])
        self.assertFalse(differences(before, text_areas(child)))
        target.send("\n")


ENTERED = r"""
import sys
def entered(i): return i
print("ready", flush=True)
for line in sys.stdin:
    for _ in map(entered, range(5000)): pass
    print("done", flush=True)
"""


@harness.per_interpreter
class Oracles(harness.TestCase):
    """A call is an entry into the eval loop, which others can count, too: up to 3.10 each, later each that comes from C."""

    def check(self, interp, make):
        target = self.start(interp, "calls.py") if interp.minor <= 10 else self.start_code(interp, ENTERED)
        other = make(target.pid, *entry_of(target.pid))
        counter = Counter(target.pid)
        between = other.so_far()
        target.send("alone\n")
        self.assertEqual(target.line(60), "done")
        expected = other.end() - between
        hits = [(e["function"], e["hits"]) for e in counter.end() if e["event"] == "calls"]
        self.assertEqual(sum(n for _, n in hits), expected, hits if len(hits) < 20 else "")
        self.assertGreater(expected, 3000)

    @harness.each_interpreter
    def test_kernel(self, interp):
        self.check(interp, KernelCount)

    @harness.each_interpreter
    def test_bcc(self, interp):
        self.check(interp, Funccount)


class Killed(harness.TestCase):
    """SIGKILL of the debugger while it attaches, counts or ends."""

    def check(self, interp, rounds):
        rnd = random.Random(SEED)
        target = self.start(interp, "checksum.py", 2)
        before = text_areas(target.pid)
        counter = Counter(target.pid)
        sites = differences(before, text_areas(target.pid))
        counter.end()
        bytes_before = [text_of(target.pid, a, 1) for a in sites]
        self.assertFalse(differences(before, text_areas(target.pid)))
        self.assertTrue(sites)

        def is_clean():
            return [text_of(target.pid, a, 1) for a in sites] == bytes_before
        seen, last = set(), (0, 0)
        for n in range(rounds):
            counter = subprocess.Popen([harness.DEBUGGER, "calls", "--json", str(target.pid)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            kind = rnd.choice(("starting", "counting", "ending"))
            if kind != "starting":
                counter.stdout.readline()
            if kind == "ending":
                counter.send_signal(signal.SIGINT)
            time.sleep(rnd.random() * (0.15 if kind == "starting" else 0.02))  # a random instant
            seen.add(is_clean())
            counter.kill()
            counter.communicate()
            harness.wait_for(is_clean, 10, "the text is as it was (seed %d)" % SEED)
            self.assertUntouched(target)
            last = harness.wait_for(lambda: self.grown(target, last), 20, "both threads run")
        self.assertEqual(seen, {True, False}, "no kill met it attached, or each did")
        self.assertFalse(differences(before, text_areas(target.pid)))

    def grown(self, target, last):
        """The steps of its threads, once each has made some since; what they have computed must be right."""
        target.send("\n")
        words = [int(w) for w in target.line().split()]
        steps = tuple(words[1::2])
        for i, (count, x) in enumerate(zip(steps, words[2::2])):
            self.assertEqual(x, checksum.after(count, i + 1), "seed %d" % SEED)
        return steps if all(a > b for a, b in zip(steps, last)) else None

    def test_debian(self):
        self.check(interpreters.one(), KILLS)

    def test_old(self):
        for minor in (8, 13):
            interp = interpreters.one(minor)
            if interp:
                self.check(interp, KILLS // 4)


if __name__ == "__main__":
    harness.main()
