# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""attach --children where a process runs another program: it stays in the session if that is Python."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal
import test_children
import test_processes
from test_children import line_of

HERE = line_of("# here", "images.py")
LEVEL = "images.py:%d" % line_of("# level", "images.py")
SUM = "images.py:%d" % line_of("# sum", "images.py")
OLD = [os.path.join(harness.BUILD, "support", "old_kernel")] if harness.MAY_HOLD else []
SCRIPT = os.path.join(harness.TARGETS, "images.py")


def three():
    """Each of which keeps its frames in another way."""
    return [i for i in (interpreters.one(minor) for minor in (8, 11, 13)) if i]


class Base(test_processes.Base):
    def begin(self, interp, *breaks, **kwargs):
        target = self.start(interp, "images.py")
        d = self.attach(target.pid, "--children", **kwargs)
        d.may_lose = True  # of a program that is starting one too many may be told (SUPPORT.md, "Known to differ")
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

    def staying(self, method, n, *breaks, interp=None):
        """Workers that wait for `go`."""
        target, d = self.begin(interp or interpreters.one(), *breaks)
        target.send("stay %s %d\n" % (method, n))
        kids = [int(w) for w in target.line(60).split()[1:]]
        harness.wait_for(lambda: set(kids) <= {p for p, e in self.processes(d).items() if e["python"]}, what="all of them")
        return target, d, kids

    def images(self, d):
        return [e for e in d.seen if e["event"] == "exec"]


@harness.may_hold
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


@harness.may_hold
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
        self.assertRegex(run.err, r"not in process \d+ \((%d|%d)\): .* the line needs 1 watch slot, and 0 of 4 are free; they are held by: breakpoint 1 "
                                  r"\(1 slot\); in process 1 \(PID %d\): breakpoint 1 \(1 slot\), .*; `disable` one, .*--engine uprobe" %
                                  (tuple(kids) + (target.pid,)))
        self.assertIn("2 of 4 watch slots used here, 2 by other programs of the session, 0 free\n", run.err)
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


@harness.may_hold
class Together(Base):
    """One breakpoint in several programs, or of one of them."""

    def work(self, target):
        """Each worker works once, and nobody is stopped meanwhile."""
        target.send("go\n")
        self.assertEqual(target.line(60), "sum 18")

    def info(self, d, number=1):
        """Of that breakpoint: the event, {process: hits} where there are some."""
        d.send("info breakpoints", "p 1")
        found = None
        while True:
            e = d.until("bound", "values")
            if e["event"] == "values":
                return found, {p["process"]: p["hits"] for p in found.get("programs", []) if p["hits"]}
            if e["id"] == number:
                found = e

    def test_counts_and_changes(self):
        target, d, kids = self.staying("spawn", 2, "work ignore 100")
        self.work(target)
        self.work(target)
        e, each = self.info(d)
        self.assertEqual((e["hits"], each), (4, {kids[0]: 2, kids[1]: 2}))
        d.send("process %d" % kids[0], "condition 1 missing > 1")
        self.info(d)
        self.work(target)
        e, each = self.info(d)
        self.assertEqual((e["hits"], e["errors"], each), (4, 2, {kids[0]: 2, kids[1]: 2}))
        self.assertTrue(e["last_error"])
        d.send("condition 1", "process 1", "disable 1")
        self.info(d)
        self.work(target)
        d.send("process %d" % kids[1], "enable 1")
        self.info(d)
        self.work(target)
        self.assertEqual(self.info(d)[0]["hits"], 6)
        target.send("end\n")
        self.assertEqual(target.line(60), "done [0, 0]")
        e, each = harness.wait_for(lambda: [f for f in [self.info(d)] if None in f[1]], what="the end of one")[0]
        self.assertEqual((e["hits"], sum(each.values())), (6, 6))
        d.send("clear 1", "info breakpoints", "detach")
        run = d.finish()
        self.assertEqual((run.status, run.of("lost"), run.of("stopped")), (0, [], []), run)
        self.assertUntouched(target)

    def test_temporary(self):
        """It is over in all when it has stopped in one: who stood there too goes on, and is none that was lost."""
        target, d, kids = self.staying("spawn", 2)
        self.ask_for(d, "break %s thread %d" % (SUM, target.pid), "bound")
        for n in range(4):
            self.ask_for(d, "tbreak work", "bound")
            target.send("go\n")
            e = self.go(d) if n else d.until("stopped")
            self.assertIn(e["process"], kids)
            self.assertEqual(self.go(d)["process"], target.pid)
        self.end(target, d, "sum 18")

    def test_watch(self):
        """In each worker its own, which takes all slots; who has them is said."""
        for interp in three()[1:]:
            with self.subTest(interp.name):
                target, d, kids = self.staying("spawn", 2, interp=interp)
                breaks = {}
                for kid in kids:
                    d.send("process %d" % kid)
                    breaks[kid] = self.ask_for(d, "break work thread %d" % kid, "bound")["id"]
                target.send("go\n")
                watches = {}
                for n in range(2):
                    kid = (self.go(d) if n else d.until("stopped"))["process"]
                    d.send("clear %d" % breaks[kid])
                    watches[kid] = self.ask_for(d, "watch worked", "bound")["id"]
                self.assertEqual(sorted(watches), sorted(kids))
                for n in (1, 2):
                    target.send("go\n")
                    stops = [self.go(d) for _ in kids]
                    self.assertEqual({e["process"]: (e["reason"], e["breakpoint"], e["function"], e["old"]["repr"], e["new"]["repr"]) for e in stops},
                                     {kid: ("data", watches[kid], "stays", str(n), str(n + 1)) for kid in kids})
                d.send("process 1")
                self.assertEqual(self.info(d, watches[kids[0]])[0]["hits"], 2)
                d.send("disable %d" % watches[kids[0]])
                target.send("go\n")
                self.assertEqual(self.go(d)["process"], kids[1])
                d.send("enable %d" % watches[kids[0]], "process 1", "break " + SUM)
                self.assertRegex(self.error(d), r"pid %d: the line needs 1 watch slot, and 0 of 4 are free; they are held by: in process \d+ \(PID (%d|%d)\): "
                                                r"watchpoint \d \(2 slots\); in process \d+ \(PID (%d|%d)\): watchpoint \d \(2 slots\); `disable` one, or" %
                                 ((target.pid,) + tuple(kids) * 2))
                self.assertEqual(d.finish().status, 1)
                self.assertEqual([target.line(60) for _ in range(4)], ["sum 18"] * 4)
                self.assertUntouched(target)
                target.send("end\n")
                self.assertEqual(target.line(60), "done [0, 0]")


class Before618(Base):
    """Where the kernel cannot hold what runs another program (bpf/wait.bpf.h) that leaves the session; the others stay."""

    def left(self, d, pid):
        """The execve of that process, or of the next one."""
        e = d.until("exec")
        self.assertIn(pid, (None, e["process"]))
        self.assertEqual((e["python"], "6.18" in e["why"]), (None, True))

    def test_leaves(self):
        for interp in three()[1:]:
            target, d = self.begin(interp, "work", wrap=OLD)
            target.send("start spawn 2\n")
            for _ in range(2):
                self.left(d, None)
            self.assertEqual(target.line(60), "done [0, 0]")
            target.send("exec %s %s child\n" % (interp.path, SCRIPT))
            pid = d.until("stopped")["process"]
            target.send("start fork 1\n")
            d.send("continue")
            self.left(d, pid)
            self.assertEqual(target.line(60), "done 0")
            pid = d.until("stopped")["process"]
            self.assertNotIn(self.go(d)["process"], (pid, target.pid))
            self.assertEqual(self.value(d, "n"), "0")
            self.end(target, d, "done [0, 0]")
            self.assertEqual(len(set(e["process"] for e in d.seen if e["event"] == "stopped")), 3)

    def test_child_leaves(self):
        """With follow-fork child that is the end."""
        target = self.start(interpreters.one(), "images.py")
        d = self.attach(target.pid, wrap=OLD)
        self.ask_for(d, "break work", "bound")
        d.send("set follow-fork child")
        self.value(d, "1")
        target.send("exec /bin/true\n")
        self.assertNotEqual(d.until("stopped")["process"], target.pid)
        d.send("continue")
        self.assertEqual(target.line(60), "done 0")
        run = d.finish()
        self.assertEqual(run.status, 3, run)
        self.assertIn("the session is over", run.err)
        self.assertUntouched(target)


@harness.may_hold
class Web(test_children.Gunicorn, Base):
    def test_subprocess(self):
        """Workers that run `ls`, and another Python, which stops: no request fails."""
        other = three()[-1]
        pid, port = self.gunicorn(app="wsgi_runs:application", OTHER=other.path)
        d = self.attach(pid, "--children")
        self.ask_for(d, "break work", "pending")
        load = test_children.Load(port, 2)
        self.addCleanup(load.end)
        for n in range(2):
            e = self.go(d) if n else d.until("stopped")
            self.assertEqual((e["function"], self.value(d, "n")), ("work", "7"))
            self.assertEqual(self.processes(d)[e["process"]]["python"], "3.%d.%d" % other.version[1:])
        d.send("detach")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertEqual([e for e in run.events[:-1] if "process" not in e], [])
        self.assertLessEqual({"3.%d.%d" % other.version[1:], None}, {e["python"] for e in run.of("exec")})
        self.assertLessEqual({e["process"] for e in run.of("exec")}, {e["process"] for e in run.of("forked")})
        load.until(50)
        self.assertEqual(load.end()[1], [])


@harness.may_hold
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

    def test_end_of_input_and_attach(self):
        """At the end of a pipe, and with ^D at a prompt, all go on. What runs its own program already is taken up all the same."""
        target, d, kids = self.stopping("spawn")
        run = d.finish()
        self.assertEqual((run.status, len(run.of("detached"))), (0, 1), run)
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
        term = terminal.Terminal("attach", target.pid, "--children")
        self.addCleanup(term.close)
        term.expect(terminal.PROMPT)
        term.command("break work")
        target.send("go\n")
        term.expect(", breakpoint 1, thread ")
        term.expect(terminal.PROMPT)
        term.type("\x04")
        self.assertEqual(term.wait(), 0)
        self.assertRegex(term.text(), r"detached from \d processes: they run on")
        self.assertEqual(target.line(60), "sum 18")
        self.assertLives(target.pid, *kids)


if __name__ == "__main__":
    harness.main()
