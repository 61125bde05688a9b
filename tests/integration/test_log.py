# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: one line is logged at a time.
"""`log`: the text is what the program's own f-string gives at each hit, nothing is lost that is not told, nothing is touched.

    PYBPFDBG_LOG_SEED    repeats a run's values (printed at its start)
    PYBPFDBG_LOG_OPTIONS more options for every `log`: --engine uprobe
"""
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "log_values.py")
SEED = os.environ.get("PYBPFDBG_LOG_SEED") or str(random.randrange(1 << 30))
OPTIONS = os.environ.get("PYBPFDBG_LOG_OPTIONS", "").split()
HITS = 150

TEXT = ("{x}|{x!r}|{x!s:>30.20}|{x!a}|{n:>8,}|{n:#x}|{n:_b}|{f}|{f:.3f}|{f:+e}|{f:012.4g}|{f:%}|{s:^12}|{s!r:.5}|{b}|{b:d}|{{literal}}|"
        "{d[\"k\"]!s}|{d[\"n\"][\"m\"][0]!r}|{item.sku}|{item.tags[-1]:*<6}|{item.me.me.sku}|{len(l)}|{sum(l)}|{l[1:3]}|{max(l) - min(l)}|"
        "{n if b else -n}|{pair}|{pair.left!r}|{slotted.inner.sku}|{COUNTED}|{sorted(l)[0]}|{n // 7 == 3 or f > 1}|{s + \"!\" * 3}|{l}")

# What is at the end of these is sent, not all that lies on the way ...
PATHS = ("{item.sku}|{item.tags[-1]:*<6}|{item.me.me.sku}|{slotted.inner.tags}|{d[\"k\"]!s}|{d[\"n\"][\"m\"][0]!r}|{l[-1]}|"
         "{item.me.tags[1]!r:>9}")
# ... unless the kernel cannot follow one (a descriptor), or what they begin with is needed anyway.
OTHERS = "{pair.left!r}|{item.sku}|{pair}|{d[\"n\"][\"m\"]}|{len(l)}|{item.tags}"


def line_of(what):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# hit: " + what))


def where(what):
    return "log_values.py:%d" % line_of(what)


class Log(terminal.Piped):
    def until(self, name):
        """The events up to one of that name."""
        events = [self.event(60)]
        while events[-1]["event"] != name:
            events.append(self.event(60))
        return events


@harness.per_interpreter
class Values(harness.TestCase):
    def log(self, target, *args):
        log = Log("log", "--json", *OPTIONS, *args[:-2], target.pid, *args[-2:])
        self.addCleanup(log.close)
        self.assertEqual(log.event(60)["event"], "bound")
        return log

    @harness.each_interpreter
    def test_text(self, interp):
        # 16 names are the limit of one text
        text = TEXT if interp.minor < 8 else TEXT + "|{n=}|{s = !s}|{f=:.2f}"
        target = self.start(interp, SCRIPT, SEED, text.encode().hex())
        log = self.log(target, "--count", HITS, "--depth", 6, "--value-bytes", 2000, "--record-bytes", 24576,
                       where("values"), text)
        target.send("values %d\n" % HITS)
        wanted = [target.line(60) for _ in range(HITS)]
        self.assertTrue(target.line(60).startswith("done"))
        events, status = log.end()
        self.assertEqual(status, 0)
        self.assertEqual([e for e in events if e["event"] == "log" and e["truncated"]], [], "seed " + SEED)
        got = [e["text"] for e in events if e["event"] == "log"]
        self.assertEqual(len(got), HITS, "seed " + SEED)
        for g, w in zip(got, wanted):
            self.assertEqual(g.split("|"), bytes.fromhex(w).decode("utf-8", "surrogatepass").split("|"), "seed " + SEED)
        self.assertEqual(events[-1], dict(events[-1], event="count", hits=HITS, shown=HITS, lost=0, limited=0, errors=0))
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_paths(self, interp):
        """A record of 2 KiB has room for the ends of paths, and for nothing else."""
        target = self.start(interp, SCRIPT, SEED, (PATHS + "@" + OTHERS).encode().hex())
        for part, (text, size) in enumerate(((PATHS, 2048), (OTHERS, 8192))):
            log = self.log(target, "--count", 40, "--record-bytes", size, where("values"), text)
            target.send("values 40\n")
            wanted = [bytes.fromhex(target.line(60)).decode("utf-8", "surrogatepass").split("@")[part] for _ in range(40)]
            self.assertTrue(target.line(60).startswith("done"))
            events, status = log.end()
            self.assertEqual((status, [e for e in events if e.get("truncated")]), (0, []), "seed " + SEED)
            self.assertEqual([e["text"] for e in events if e["event"] == "log"], wanted, "seed " + SEED)
            self.assertEqual(events[-1], dict(events[-1], hits=40, shown=40, errors=0, undecided=0, uncomputed=0))
        self.assertUntouched(target)

    @harness.each_interpreter
    @harness.all_slots  # nobody else hits at the same time
    def test_paced(self, interp):
        """10,000 a second, at the defaults: nothing is lost, each is there once and in order."""
        count = 10000
        target = self.start(interp, SCRIPT)
        log = self.log(target, "--count", count, where("paced"), "{n} {COUNTED}")
        target.send("paced %d\n" % count)
        events, status = log.end(60)
        self.assertEqual(status, 0)
        self.assertEqual([e["text"] for e in events if e["event"] == "log"], ["%d %d" % (n, n) for n in range(count)])
        self.assertEqual((events[-1]["hits"], events[-1]["lost"], events[-1]["limited"]), (count, 0, 0))
        self.assertEqual(target.line(60), "done %d" % count)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_tight(self, interp):
        """More than can be taken, in large records; then more than the limit lets through: every hit is in one of three counts."""
        count = 2000
        target = self.start(interp, SCRIPT)
        # All of `big` is in each record; to write a thousand of it as text would take longer than all the rest.
        for options, text, dropped in ((("--max-rate", 0, "--max-bytes", 0, "--record-bytes", 24576), "{n} {max(big[0])}", "lost"),
                                       (("--max-rate", 100), "{n} {big}", "limited")):
            log = self.log(target, *options, where("tight"), text)
            if dropped == "lost":
                log.proc.send_signal(signal.SIGSTOP)
            target.send("tight %d\n" % count)
            target.line(60)
            log.proc.send_signal(signal.SIGCONT)
            log.proc.send_signal(signal.SIGINT)
            events, status = log.end(60)
            self.assertEqual(status, 0)
            texts = [e["text"].split() for e in events if e["event"] == "log"]
            self.assertEqual({t[1] for t in texts}, {"49" if dropped == "lost" else "[[0,"})
            shown = [int(t[0]) for t in texts]
            end = events[-1]
            self.assertEqual((end["event"], end["hits"], end["shown"]), ("count", count, len(shown)))
            self.assertEqual(end["shown"] + end["lost"] + end["limited"], count)
            self.assertGreater(end[dropped], 0)
            self.assertGreater(end["shown"], 0)
            self.assertEqual(shown, sorted(set(shown)))
            told = sum(e["records"] for e in events if e["event"] == {"lost": "lost", "limited": "limit"}[dropped])
            self.assertEqual(told, end[dropped])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_errors(self, interp):
        """What cannot be computed is said in the text and in the values, and the others are there."""
        target = self.start(interp, SCRIPT)
        log = self.log(target, "--count", 2, "--if", "n >= 1", where("paced"),
                       "{n} {nope} {n.nope} {n[0]} {n / 0} {n:s} {COUNTED}")
        target.send("paced 5\n")
        events, status = log.end()
        self.assertEqual(status, 0)
        logs = [e for e in events if e["event"] == "log"]
        self.assertEqual(len(logs), 2)
        text = logs[0]["text"]
        self.assertTrue(text.startswith("1 <NameError: name 'nope' is not defined> <AttributeError: 'int' object has no attribute "
                                        "'nope'> <TypeError: "), text)
        for part in ("<ZeroDivisionError: ", "<ValueError: Unknown format code 's' for object of type 'int'> 1"):
            self.assertIn(part, text)
        self.assertEqual([v["name"] for v in logs[0]["values"]], ["n", "nope", "n.nope", "n[0]", "n / 0", "n", "COUNTED"])
        self.assertEqual(["error" in v for v in logs[0]["values"]], [False, True, True, True, True, True, False])
        self.assertEqual(logs[0]["thread"]["tid"], target.pid)
        self.assertRegex(logs[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual([events[-1][k] for k in ("hits", "errors", "uncomputed")], [2, 0, 10])
        self.assertUntouched(target)


class Ends(harness.TestCase):
    def test_time_runs_out(self):
        target = self.start(interpreters.one(), SCRIPT)
        run = self.debug("log", target.pid, where("paced"), "{n}", "--count", 1, "--for", "0.2")
        self.assertEqual((run.status, run.out), (124, ""), run)
        run = self.debug("log", target.pid, where("paced"), "{n}", "--for", "0.2")
        self.assertEqual((run.status, run.out), (0, ""), run)
        self.assertIn("%s was not hit" % where("paced"), run.err)
        self.assertUntouched(target)

    def paced_until_the_end(self, target, *options):
        """What `log` for people says besides its lines, while hits come until it ends."""
        log = subprocess.Popen([harness.DEBUGGER, "log", str(target.pid), where("paced"), "{n}"] + [str(o) for o in options],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        harness.wait_for(lambda: target.send("paced 1\n") or log.poll() is not None, what="the end of the log")
        return [text.decode() for text in log.communicate()]

    def test_told_to_people(self):
        """A mistake in the condition and limits that acted are told with their numbers."""
        target = self.start(interpreters.one(), SCRIPT)
        out, err = self.paced_until_the_end(target, "--if", "nope == 1", "--for", "0.5")
        self.assertEqual(out, "")
        self.assertRegex(err, r"(?m)^%s was not hit\nthe condition failed \d+ times? and counts as false: a name, attribute" %
                         where("paced"))
        out, err = self.paced_until_the_end(target, "--count", 3, "--max-rate", 1, "--max-bytes", 900000)
        self.assertRegex(err, r"(?m)^\d hits were not recorded: the limit is 1 records \(--max-rate\) and 900000 bytes "
                         r"\(--max-bytes\) a second\n")
        shown, limited = out.count("\n"), 3 - out.count("\n")
        self.assertRegex(err, r"(?m)^3 hits: %d shown, 0 lost, %d over the limit$" % (shown, limited))
        self.assertUntouched(target)

    def test_target_ends(self):
        target = self.start(interpreters.one(), SCRIPT)
        log = Log("log", "--json", target.pid, where("paced"), "{n}")
        self.addCleanup(log.close)
        log.until("bound")
        target.end()
        self.assertEqual(log.end()[1], 3)

    def test_text_for_people(self):
        target = self.start(interpreters.one(), SCRIPT)
        log = terminal.Piped("log", target.pid, where("paced"), "at {n}\\n{COUNTED}", "--count", 3)
        self.addCleanup(log.close)
        harness.wait_for(lambda: target.send("paced 1\n") or log.proc.poll() is not None, what="three hits")
        out = log.proc.stdout.read().decode()
        self.assertRegex(out, r"\A(\d\d:\d\d:\d\d\.\d{6} %d at 0\\n\d+\n){3}\Z" % target.pid)

    def test_refused(self):
        target = self.start(interpreters.one(), SCRIPT)
        for text, what in (("{", "has no '}'"), ("}", "stands alone"), ("{}", "is missing"), ("{n!x}", "!r, !s or !a"),
                           ("{n:{n}}", "is refused"), ("{n n}", "SyntaxError"), ("{n:3.}", "missing precision"),
                           ("{f(n)}", "f("), ("{[i for i in n]}", "comprehensions"), ("".join("{a%d}" % i for i in range(17)), "16")):
            run = self.debug("log", target.pid, where("paced"), text)
            self.assertEqual((run.status, run.out), (1, ""), run)
            self.assertIn(what, run.err)
            self.assertEqual(run.err.count("\n"), 1, run.err)
        run = self.debug("log", target.pid, where("paced"))
        self.assertEqual(run.status, 2)
        self.assertIn("the text is missing", run.err)
        self.assertUntouched(target)

    def test_sigkill(self):
        """Killed in the middle of its work, again and again: the target goes on and counts right."""
        target = self.start(interpreters.one(), SCRIPT)
        total = 0
        for _ in range(10):
            log = Log("log", "--json", target.pid, where("tight"), "{n} {big}")
            log.until("bound")
            target.send("tight 3000\n")
            log.until("log")
            log.proc.kill()
            log.close()
            total += 3000
            self.assertEqual(target.line(60), "done %d" % total)
        self.assertUntouched(target)


if __name__ == "__main__":
    print("seed", SEED)
    harness.main()
