# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""attach --children where a process runs another program: it stays in the session if that is Python."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal
import test_processes
from test_children import line_of

HERE = line_of("# here", "images.py")
LEVEL = "images.py:%d" % line_of("# level", "images.py")
SCRIPT = os.path.join(harness.TARGETS, "images.py")


def three():
    """Each of which keeps its frames in another way."""
    return [i for i in (interpreters.one(minor) for minor in (8, 11, 13)) if i]


class Base(test_processes.Base):
    def begin(self, interp, *breaks):
        target = self.start(interp, "images.py")
        d = self.attach(target.pid, "--children")
        for b in breaks:
            self.ask_for(d, "break " + b, "bound")
        return target, d

    def stops(self, d, n):
        """The next n stops, each let go on; the last one is not."""
        return [self.go(d) if i or self.stopped else d.until("stopped") for i in range(n)]

    stopped = False

    def end(self, target, d, answer):
        """One is stopped, which goes on with the others."""
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(60), answer)
        self.assertUntouched(target)

    def staying(self, method, n, *breaks):
        """Workers that wait for `go`."""
        target, d = self.begin(interpreters.one(), *breaks)
        target.send("stay %s %d\n" % (method, n))
        kids = [int(w) for w in target.line(60).split()[1:]]
        harness.wait_for(lambda: set(kids) <= {p for p, e in self.processes(d).items() if e["python"]}, what="all of them")
        return target, d, kids

    def images(self, d):
        return [e for e in d.seen if e["event"] == "exec"]


@harness.per_interpreter
class Spawn(Base):
    @harness.each_interpreter
    def test_each_worker(self, interp):
        target, d = self.begin(interp, "work")
        target.send("start spawn 2\n")
        stops = []
        for _ in range(4):
            e = self.stops(d, 1)[0]
            self.stopped = True
            self.assertEqual((e["function"], e["line"]), ("work", HERE))
            stops.append((e["process"], self.value(d, "n")))
        each = {}
        for pid, n in stops:
            each.setdefault(pid, []).append(n)
        self.assertEqual(list(each.values()), [["0", "1"]] * 2, stops)
        self.assertNotIn(target.pid, each)
        found = self.processes(d)
        self.assertLessEqual({target.pid, stops[-1][0]}, set(found))
        self.assertEqual({p["python"] for p in found.values()}, {found[target.pid]["python"]})
        self.ask_for(d, "process 1", "process")
        self.assertIn("main", [f["function"] for f in self.ask_for(d, "where", "stack")["frames"]])
        self.assertLessEqual(set(each), {e["process"] for e in self.images(d) if e["python"]})
        self.end(target, d, "done [0, 0]")


class Others(Base):
    def test_forkserver(self):
        for interp in three():
            with self.subTest(interp.name):
                self.stopped = False
                target, d = self.begin(interp, "work")
                target.send("start forkserver 2\n")
                stops = []
                for _ in range(4):
                    stops += self.stops(d, 1)
                    self.stopped = True
                each = [e["process"] for e in stops]
                self.assertEqual(sorted(each.count(pid) for pid in set(each)), [2, 2], stops)
                self.assertNotIn(target.pid, each)
                self.end(target, d, "done [0, 0]")

    def test_loaded_by_workers_before(self):
        """Each has loaded it by itself, at one address: no breakpoint is there yet, then each hit counts once."""
        target, d, kids = self.staying("forkserver", 3)
        bound = self.ask_for(d, "break --engine uprobe work ignore 3 if n == 3", "bound")
        self.assertEqual(bound["engine"], "uprobe")
        target.send("go\n")
        self.assertEqual(target.line(60), "sum 27")
        d.send("process %d" % kids[0])
        e = self.ask_for(d, "info breakpoints", "bound")
        self.assertEqual((e["hits"], e["process"]), (3, kids[0]))
        target.send("go\n")
        stops = self.stops(d, 1)
        self.stopped = True
        stops += self.stops(d, 2)
        self.assertEqual({e["process"] for e in stops}, set(kids))
        self.assertEqual(self.ask_for(d, "info breakpoints", "bound")["hits"], 6)
        numbers = [e["number"] for e in d.seen if e["event"] == "forked"]
        self.assertLessEqual({e["number"] for e in self.images(d)}, set(numbers))
        self.end(target, d, "sum 27")

    def test_pool(self):
        target, d = self.begin(interpreters.one(), "work")
        target.send("pool spawn 6\n")
        stops = self.stops(d, 6)
        self.assertEqual({e["function"] for e in stops}, {"work"})
        self.end(target, d, "done 55")

    def test_a_line_of_the_module(self):
        target, d = self.begin(interpreters.one(), LEVEL)
        target.send("start spawn 1\n")
        stops = self.stops(d, 2)
        self.assertEqual(len({e["process"] for e in stops}), 2)
        self.assertEqual({e["function"] for e in stops}, {"<module>"})
        self.ask_for(d, "next", "stopped")
        self.end(target, d, "done [0, 0]")

    def test_another_python(self):
        first, *others = three()
        for interp in others:
            with self.subTest(interp.name):
                self.stopped = False
                target, d = self.begin(first, "work if n == 7")
                target.send("python %s\n" % interp.path)
                e = self.stops(d, 1)[0]
                self.assertNotEqual(e["process"], target.pid)
                found = self.processes(d)
                self.assertEqual([found[p]["python"].rsplit(".", 1)[0] for p in (target.pid, e["process"])],
                                 ["3.%d" % first.minor, "3.%d" % interp.minor])
                self.assertEqual(found[e["process"]]["state"], "stopped")
                self.end(target, d, "done 0")

    def test_no_slot(self):
        """Each has its own addresses: who has none says who may hold them, and what needs none."""
        target, d, kids = self.staying("spawn", 2)
        self.ask_for(d, "break work", "bound")
        self.ask_for(d, "break start", "bound")
        d.send("info slots", "detach")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertRegex(run.err, r"not in process \d+ \((%d|%d)\): .*: no watch slot is free: 1 of 4 are its own, another program "
                                  r"of the session, .*--engine uprobe" % tuple(kids))
        self.assertIn("2 of 4 watch slots used here, 0 free; other programs of the session", run.err)
        self.assertUntouched(target)
        target.send("end\n")
        self.assertEqual(target.line(60), "done [0, 0]")

    def test_open_files(self):
        """Each program takes some: the soft limit is no limit, and where the hard one is, that is said."""
        for limit, python in (("200:", True), ("200:200", False)):
            target = self.start(interpreters.one(), "images.py")
            piped = terminal.Piped("attach", target.pid, "--json", "--children", wrap=("prlimit", "--nofile=" + limit))
            self.addCleanup(piped.close)
            self.assertEqual([piped.event()["event"] for _ in range(2)], ["attached", "process"])
            target.send("python %s\n" % interpreters.one().path)
            e = {"event": None}
            while e["event"] != "exec":
                e = piped.event()
            self.assertEqual((bool(e["python"]), "files" in (e["why"] or "")), (python, not python), e)
            self.assertEqual(target.line(60), "done 0")
            piped.send("detach\n")
            self.assertEqual(piped.end()[1], 0)
            self.assertUntouched(target)

    def test_execve(self):
        """After a hit, when its thread is traced: to Python, and to what is none."""
        for interp in three():
            with self.subTest(interp.name):
                self.stopped = False
                target, d = self.begin(interp, "work")
                target.send("exec %s %s child\n" % (interp.path, SCRIPT))
                stops = self.stops(d, 2)
                self.assertEqual(len({e["process"] for e in stops}), 1)
                self.assertEqual(self.value(d, "n"), "7")
                end = self.go(d, "exited")
                self.assertEqual((end["process"], end["status"]), (stops[0]["process"], 0))
                self.assertEqual(target.line(60), "done 0")
                target.send("exec /bin/true\nexec /bin/true\n")
                pid = d.until("stopped")["process"]
                e = self.go(d, "exec")
                self.assertEqual((e["process"], e["python"]), (pid, None))
                self.assertNotEqual(d.until("stopped")["process"], pid)
                self.assertEqual(target.line(60), "done 0")
                self.end(target, d, "done 0")


class Ends(Base):
    def stopping(self, method):
        target, d, kids = self.staying(method, 2, "work")
        target.send("go\n")
        stopped = d.until("stopped")["process"]
        self.assertIn(stopped, kids)
        return target, d, kids

    def test_debugger_killed(self):
        """One is stopped, another image stands at its hit, the first runs: all go on."""
        target, d, kids = self.stopping("spawn")
        harness.wait_for(lambda: sorted(self.processes(d)[k]["state"] for k in kids) == ["stopped", "waiting"], what="the other's hit")
        d.proc.kill()
        d.proc.wait()
        self.assertEqual(target.line(60), "sum 18")
        self.assertLives(target.pid, *kids)
        target.send("end\n")
        self.assertEqual(target.line(60), "done [0, 0]")

    def test_debugger_killed_as_they_begin(self):
        """Between the fork and the first line: kept in the kernel, at the entry point, at a module body."""
        for event in ("forked", "forked", "exec", "exec"):
            target, d = self.begin(interpreters.one(), "work")
            target.send("start spawn 1\n")
            d.until(event)
            d.proc.kill()
            d.proc.wait()
            self.assertEqual(target.line(60), "done [0, 0]")
            self.assertUntouched(target)

    def test_detach_and_attach(self):
        """What runs already has its own program: it is taken up all the same."""
        target, d, kids = self.stopping("spawn")
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(60), "sum 18")
        self.assertLives(target.pid, *kids)
        d = self.attach(target.pid, "--children")
        found = self.processes(d)
        self.assertLessEqual(set(kids), {p for p, e in found.items() if e["python"]}, found)
        self.ask_for(d, "break work", "bound")
        target.send("go\n")
        self.assertEqual({d.until("stopped")["process"], self.go(d)["process"]}, set(kids))
        self.end(target, d, "sum 18")
        self.assertLives(*kids)


if __name__ == "__main__":
    harness.main()
