# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: calls are counted and timed by uprobes.
# Text: reads the interpreter's.
"""calls --children, latency --children: in each process what its own sys.setprofile says, also in those that begin meanwhile."""
import collections
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
from test_calls import PROFILER, differences, own, said, text_areas
from test_lifecycle import Live

IGNORED = PROFILER + ("in_child", "forked")


class Base(harness.TestCase):
    def live(self, *argv):
        d = Live(*argv, "--children", "--json")
        self.addCleanup(d.close)
        return d

    def ended(self, d):
        d.proc.send_signal(signal.SIGINT)
        run = d.finish(60)
        self.assertEqual((run.status, run.of("lost")), (0, []), run)
        return run

    def ask(self, target, words):
        target.send(words + "\n")
        return target.line(60)

    def assertSums(self, events):
        """Each function once, and as often as in all processes together."""
        sums, parts = collections.Counter(), collections.Counter()
        for e in events:
            key = e["file"], e["line"], e["function"]
            if "process" in e:
                parts[key] += e["hits"]
            else:
                self.assertNotIn(key, sums)
                sums[key] = e["hits"]
        self.assertEqual(sums, parts)

    def assertSame(self, got, expected):
        wrong = {k: (got[k], expected[k]) for k in set(got) | set(expected)
                 if got[k] != expected[k] and k[2] not in IGNORED}
        self.assertFalse(wrong, "counted, expected: %s" % wrong)


@harness.per_interpreter
class Forked(Base):
    @harness.each_interpreter
    def test_calls(self, interp):
        """A process, its children and theirs, all of which have ended when their functions get their names."""
        target = self.start(interp, "calls.py")
        files = (target.script, "<calls>")
        d = self.live("calls", target.pid)
        d.until("attached")
        answer = json.loads(self.ask(target, "fork 2"))
        calls = self.ended(d).of("calls")
        self.assertEqual(len(answer), 4)
        for pid, rows in answer.items():
            got = own([e for e in calls if e.get("process") == int(pid)], files)
            self.assertGreater(len(got), 30)
            with self.subTest("child" if int(pid) != target.pid else "itself"):
                self.assertSame(got, said(json.dumps(rows), files))
        self.assertSums(calls)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_latency(self, interp):
        target = self.start(interp, "family.py")
        d = self.live("latency", target.pid, "work", "--engine", "uprobe")
        d.until("bound")
        self.assertEqual(self.ask(target, "fork 3 5"), "done ")
        self.assertEqual(self.ask(target, "work 4"), "done ")
        events = self.ended(d).of("latency")
        each = {e["process"]: e["count"] for e in events if "process" in e}
        self.assertEqual(each.pop(target.pid), 4)
        self.assertEqual(list(each.values()), [5] * 3)
        whole = events[-1]
        self.assertEqual([whole[k] for k in ("count", "returned", "running", "in_flight", "end_unseen")], [19, 19, 0, 0, 0])
        self.assertEqual(sum(b["count"] for b in whole["buckets"]), 19)
        self.assertEqual(whole["min_ns"], min(e["min_ns"] for e in events))
        self.assertEqual(whole["max_ns"], max(e["max_ns"] for e in events))


class Others(Base):
    def pairs(self):
        """Two interpreters each: of one file, of two, of two whose calls begin in different ways."""
        one, old, new = interpreters.one(), interpreters.one(8), interpreters.one(13)
        found = [(a, b) for a, b in ((one, one), (old, old), (one, old), (old, new)) if a and b]
        self.assertTrue(found)
        return found

    def test_calls_of_another_image(self):
        """It is counted from when it is seen; it, too, has ended when its functions get their names."""
        for first, second in self.pairs():
            with self.subTest("%s starts %s" % (first, second)):
                target = self.start(first, "calls.py")
                files = (target.script, "<calls>")
                d = self.live("calls", target.pid)
                d.until("attached")
                pid = int(self.ask(target, "start " + second.path))
                self.assertEqual(d.until("attached")["pid"], pid)
                theirs = json.loads(self.ask(target, "tell profile alone"))
                mine = json.loads(self.ask(target, "profile alone"))
                os.kill(pid, signal.SIGKILL)
                calls = self.ended(d).of("calls")
                for process, rows in ((pid, theirs), (target.pid, mine)):
                    got = own([e for e in calls if e.get("process") == process], files)
                    self.assertSame(got, said(json.dumps(rows), files))
                self.assertSums(calls)
                target.end()

    def test_latency_of_another_image(self):
        for first, second in self.pairs()[1:3]:
            with self.subTest("%s starts %s" % (first, second)):
                target = self.start(first, "calls.py")
                d = self.live("latency", target.pid, "plain", "--engine", "uprobe")
                d.until("bound")
                pid = int(self.ask(target, "start " + second.path))
                self.assertEqual(d.until("bound")["process"], pid)
                expected = {}
                for process, words in ((pid, "tell profile alone"), (target.pid, "profile alone")):
                    rows = json.loads(self.ask(target, words))
                    expected[process] = next(r[3] for r in rows if r[2] == "plain")
                events = self.ended(d).of("latency")
                self.assertEqual({e["process"]: e["count"] for e in events if "process" in e}, expected)
                self.assertEqual(events[-1]["count"], sum(expected.values()))
                target.end()

    def test_text(self):
        target = self.start(interpreters.one(), "family.py")
        d = Live("latency", target.pid, "work", "--children", "--engine", "uprobe")
        self.addCleanup(d.close)
        c = Live("calls", target.pid, "family.py:*", "--children")
        self.addCleanup(c.close)
        for x in (d, c):
            x.proc.stderr.readline()  # that it is armed, or when it ends
        d.proc.stderr.readline()
        self.ask(target, "fork 2 3")
        for x in (d, c):
            x.proc.send_signal(signal.SIGINT)
        out = d.proc.communicate(timeout=60)[0].decode()
        self.assertIn("work (%s:22): 6 calls" % target.script, out)
        self.assertEqual(out.count("           3    ["), 2, out)
        self.assertIn("           6  work (%s:20)" % target.script, c.proc.communicate(timeout=60)[0].decode())

    def test_bystanders(self):
        """Of the same file: they take the traps, are not counted, and have their text back afterwards."""
        one = interpreters.one()
        target, other = self.start(one, "calls.py"), self.start(one, "calls.py")
        before = text_areas(other.pid)
        d = self.live("calls", target.pid)
        d.until("attached")
        self.assertTrue(differences(before, text_areas(other.pid)))
        self.assertEqual(self.ask(other, "run"), "done")
        calls = self.ended(d).of("calls")
        self.assertEqual([e for e in calls if e["file"] == other.script], [])
        self.assertFalse(differences(before, text_areas(other.pid)))

    def test_refused(self):
        target = self.start(interpreters.one(), "family.py")
        run = self.debug("latency", target.pid, "nothing_of_this_name", "--children")
        self.assertEqual(run.status, 1, run)
        self.assertIn("nothing_of_this_name", run.err)
        other = subprocess.Popen(["sleep", "100"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        run = self.debug("calls", other.pid, "--children")
        self.assertEqual((run.status, run.out), (1, ""), run)
        self.assertIn("Python", run.err)

    def test_ended_before(self):
        """calls without children of a process that has ended: what was counted is shown."""
        target = self.start(interpreters.one(8) or interpreters.one(), "calls.py")
        d = Live("calls", target.pid, "plain", "--json")
        self.addCleanup(d.close)
        d.until("attached")
        self.ask(target, "alone")
        target.end()
        run = d.finish()
        self.assertEqual((run.status, len(run.of("calls"))), (3, 1), run)
        self.assertGreater(run.of("calls")[0]["hits"], 3000)


class Killed(Base):
    """SIGKILL of the debugger: no trap stays in the text of any process, and none of them is harmed."""

    def kill(self, target, when):
        d = self.live("calls", target.pid)
        d.until("attached")
        when(d)
        d.proc.kill()
        d.proc.wait()

    def test_calls(self):
        one = interpreters.one()
        target, bystander = self.start(one, "family.py"), self.start(one, "family.py")
        clean = [(t, text_areas(t.pid)) for t in (target, bystander)]

        def begun(d):
            """While another program of Python begins below it, and is looked at."""
            target.send("spawn 7\n")
            begun.pid = int(target.line().split()[1])

        def followed(d):
            begun(d)
            self.assertEqual(d.until("attached")["pid"], begun.pid)

        def armed(d):
            pass

        def forking(d):
            target.send("fork 30 2\n")

        for when in [armed, forking, begun, followed] * 3:
            self.kill(target, when)
            if when in (begun, followed):
                harness.wait_for(lambda: same(text_areas(begun.pid), clean[0][1]), what="the text of the child")
                target.send("go\n")
                self.assertEqual(target.line(60), "done ")
            elif when is forking:
                self.assertEqual(target.line(60), "done ")
            for t, text in clean:
                harness.wait_for(lambda: not differences(text, text_areas(t.pid)), what="the text as it was")
                self.assertUntouched(t)
            self.assertEqual(self.ask(target, "work 3"), "done ")


def same(a, b):
    """The same executable text, wherever it is."""
    return sorted(a.values()) == sorted(b.values())


if __name__ == "__main__":
    harness.main()
