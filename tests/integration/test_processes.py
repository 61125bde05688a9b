# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""attach --children, set follow-fork, processes, process: breakpoints that stop whichever process runs the line."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import test_children
from test_children import TWICE, line_of

WORK = "family.py:%d" % line_of("for i in range(2)")
MULTI = """
import multiprocessing, os, sys
def work(n):
    return n * n  # here
def serve(conn):
    while conn.recv():
        conn.send((os.getpid(), work(3)))
if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    p = multiprocessing.get_context(sys.argv[1]).Process(target=serve, args=(theirs,))
    p.start()
    theirs.close()
    print(p.pid, flush=True)
    for line in sys.stdin:
        if line != "end\\n":
            ours.send(1)
            print(*ours.recv(), flush=True)
        else:
            ours.send(0)
            p.join()
            print("done", p.exitcode, flush=True)
"""


RAISES = """
import os, sys, threading
def work(n):
    n += 1
    try:
        return 1 // 0
    except ZeroDivisionError:
        return n
def child():
    work(1)
    t = threading.Thread(target=work, args=(2,))
    t.start()
    t.join()
    os._exit(0)
print("ready", flush=True)
for line in sys.stdin:
    pids = [os.fork() or child() for _ in range(3)]
    print("done", sum(os.waitpid(p, 0)[1] for p in pids), flush=True)
"""


class Base(test_children.Base):
    def attach(self, pid, *words, **kwargs):
        d = self.live("attach", pid, "--json", *words, **kwargs)
        d.until("attached")
        return d

    def ask_for(self, d, command, event):
        d.send(command)
        return d.until(event)

    def processes(self, d):
        """What `processes` lists, by PID; the event that ends the list is that of `p 1`."""
        d.send("processes", "p 1")
        found = {}
        while True:
            e = d.until("process", "values")
            if e["event"] == "values":
                return found
            found[e["process"]] = e

    def error(self, d):
        while True:
            e = d.event()
            if e["event"] == "error":
                return e["message"]

    def go(self, d, wanted="stopped"):
        """Let the stop that was shown go on: what comes next, forks and ends left out. (The first stop is shown when it comes.)"""
        d.send("continue")
        return d.until(wanted)

    def value(self, d, expression):
        return self.ask_for(d, "p " + expression, "values")["values"][0]["repr"]

    def assertLives(self, *pids):
        def bad():
            found = {}
            for pid in pids:
                for tid in os.listdir("/proc/%d/task" % pid):
                    with open("/proc/%d/task/%s/status" % (pid, tid)) as f:
                        status = dict(l.rstrip("\n").split(":\t", 1) for l in f if ":\t" in l)
                    if status["State"][0] in "TtZ" or status["TracerPid"] != "0":
                        found[pid] = status["State"], status["TracerPid"]
            return found
        harness.wait_for(lambda: not bad(), 10, "stopped or traced: %s" % bad())


@harness.per_interpreter
class Forks(Base):
    @harness.each_interpreter
    def test_each_hit_in_each_process(self, interp):
        target = self.start(interp, "family.py")
        d = self.attach(target.pid, "--children")
        self.assertEqual(self.ask_for(d, "break " + TWICE, "bound")["process"], target.pid)
        target.send("fork 3 2 3\n")
        seen = {}
        for n in range(12):
            e = self.go(d) if n else d.until("stopped")
            self.assertEqual(e["thread"]["tid"], e["process"])
            self.assertEqual(e["line"], line_of("# twice"))
            frames = self.ask_for(d, "where", "stack")["frames"]
            self.assertEqual([f["function"] for f in frames][:3], ["work", "calls", "fork"])
            seen.setdefault(e["process"], []).append(self.value(d, "(n, i)"))
        self.assertEqual(list(seen.values()), [["(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)"]] * 3)
        self.assertNotIn(target.pid, seen)
        d.send("continue")
        self.assertEqual(target.line(60), "done ")
        target.send("work 1\n")
        e = d.until("stopped")
        self.assertEqual(e["process"], target.pid)
        self.assertEqual(self.ask_for(d, "next", "stopped")["reason"], "step")
        self.assertEqual([e["status"] for e in d.seen if e["event"] == "exited"], [0] * 3)
        self.assertEqual(sorted(e["process"] for e in d.seen if e["event"] == "forked"), sorted(seen))
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(60), "done ")
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_step_and_look_at_others(self, interp):
        """A step in one process, while another one waits at its breakpoint and the first one runs."""
        target = self.start(interp, "family.py")
        d = self.attach(target.pid, "--children")
        self.ask_for(d, "break " + WORK, "bound")
        target.send("fork 2 1 2\n")
        first = d.until("stopped")["process"]
        found = harness.wait_for(lambda: [p for p in [self.processes(d)] if len(p) == 3], what="both children")[0]
        self.assertEqual([found[target.pid]["state"], found[first]["state"]], ["running", "stopped"])
        self.assertEqual(found[first]["current"], True)
        second = next(p for p in found if p not in (first, target.pid))
        lines = [self.ask_for(d, "next", "stopped") for _ in range(2)]
        self.assertEqual([(e["process"], e["line"]) for e in lines],
                         [(first, line_of("# twice")), (first, line_of("for i in range(2)"))])
        self.assertEqual(self.ask_for(d, "process 1", "process")["process"], target.pid)
        self.assertIn("wait_some", [f["function"] for f in self.ask_for(d, "where", "stack")["frames"]])
        self.ask_for(d, "process %d" % first, "process")
        self.assertEqual(self.value(d, "i"), "0")
        stops = []
        while stops.count(second) < 3:
            stops.append(self.go(d)["process"])
        # Up to 3.10 a step stops before the line is read, and what the other process hits meanwhile hides that its hit is the same stop.
        self.assertIn(stops.count(first), (0, 1, 2) if interp.minor <= 10 else (0, 1), stops)
        d.send("process 1", "next")
        self.assertIn("process 1 is running", self.error(d))
        self.assertEqual(d.finish().status, 1)
        self.assertEqual(target.line(60), "done ")
        self.assertUntouched(target)


class Seized(Base):
    def test_from_birth(self):
        """With `catch` new threads and processes are traced from their birth (as they are on kernels where none is held at its hit)."""
        target = self.start_code(interpreters.one(), RAISES)
        d = self.attach(target.pid, "--children")
        self.ask_for(d, "break work", "bound")
        self.ask_for(d, "catch ZeroDivisionError", "bound")
        target.send("go\n")
        stops = [(self.go(d) if n else d.until("stopped")) for n in range(12)]
        each = {}
        for e in stops:
            each.setdefault(e["process"], []).append((e["reason"], e["thread"]["tid"] == e["process"]))
        self.assertEqual(list(each.values()), [[("breakpoint", True), ("exception", True),
                                                ("breakpoint", False), ("exception", False)]] * 3, stops)
        self.assertNotIn(target.pid, each)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(60), "done 0")
        self.assertUntouched(target)


class FollowFork(Base):
    def test_parent(self):
        target = self.start(interpreters.one(), "family.py")
        d = self.attach(target.pid)
        self.ask_for(d, "break " + TWICE, "bound")
        d.send("set follow-fork both", "set follow-fork parent")
        self.value(d, "1")
        target.send("fork 2 2\n")
        self.assertEqual(target.line(60), "done ")
        target.send("work 1\n")
        self.assertEqual(d.until("stopped")["thread"]["tid"], target.pid)
        d.send("detach")
        run = d.finish()
        self.assertEqual((run.status, run.of("forked")), (0, []), run)
        self.assertUntouched(target)

    def test_both_while_stopped(self):
        target = self.start(interpreters.one(), "family.py")
        d = self.attach(target.pid)
        self.ask_for(d, "break " + TWICE, "bound")
        target.send("work 1\nfork 1 1\n")
        self.assertEqual(d.until("stopped")["thread"]["tid"], target.pid)
        d.send("set follow-fork both")
        self.assertEqual(self.go(d)["process"], target.pid)
        stops = [self.go(d)["process"] for _ in range(2)]
        self.assertNotEqual(stops[0], target.pid)
        self.assertEqual(len(set(stops)), 1)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual([target.line(60), target.line(60)], ["done ", "done "])
        self.assertUntouched(target)

    def test_child(self):
        """Its parent is left alone; with the child's end the session is over."""
        target = self.start(interpreters.one(), "family.py")
        d = self.attach(target.pid)
        self.ask_for(d, "break " + TWICE, "bound")
        d.send("set follow-fork child")
        self.value(d, "1")
        target.send("fork 1 1\n")
        first = d.until("stopped")
        self.assertEqual(d.seen[-2]["event"], "left")
        self.assertEqual(d.seen[-2]["process"], target.pid)
        self.assertUntouched(target)
        self.assertEqual(list(self.processes(d)), [first["process"]])
        self.assertEqual(self.go(d)["process"], first["process"])
        self.assertEqual(self.go(d, "exited")["status"], 0)
        self.assertEqual(d.finish().status, 3)
        self.assertEqual(target.line(60), "done ")
        self.assertUntouched(target)


class Ends(Base):
    def test_exec_in_one(self):
        target = self.start(interpreters.one(), "family.py")
        d = self.attach(target.pid, "--children")
        self.ask_for(d, "break " + TWICE, "bound")
        target.send("exec\nwork 1\n")
        stops = [(self.go(d) if n else d.until("stopped"))["process"] for n in range(4)]
        self.assertEqual([stops[0] == stops[1], stops[2:]], [True, [target.pid] * 2])
        self.assertEqual([e["process"] for e in d.seen if e["event"] == "exec"], stops[:1])
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertUntouched(target)

    def test_killed_where_it_is_stopped(self):
        """One is killed at its breakpoint; the session goes on with the others."""
        target = self.start(interpreters.one(), "family.py")
        d = self.attach(target.pid, "--children")
        self.ask_for(d, "break " + TWICE, "bound")
        target.send("fork 2 1 2\n")
        first = d.until("stopped")["process"]
        os.kill(first, signal.SIGKILL)
        second = d.until("stopped")["process"]
        self.assertNotEqual(first, second)
        self.assertEqual([(e["process"], e["status"]) for e in d.seen if e["event"] == "exited"], [(first, -9)])
        self.assertEqual(self.go(d)["process"], second)
        d.send("continue")
        self.assertEqual(target.line(60), "done 9")
        target.send("work 1\n")
        self.assertEqual(d.until("stopped")["process"], target.pid)
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertUntouched(target)

    def test_debugger_killed(self):
        """One process is stopped, one stands at its hit, the first runs: all go on."""
        target = self.start(interpreters.one(), "family.py")
        for _ in range(3):
            d = self.attach(target.pid, "--children")
            self.ask_for(d, "break " + TWICE, "bound")
            target.send("fork 2 3 2\n")
            d.until("stopped")
            harness.wait_for(lambda: sorted(p["state"] for p in self.processes(d).values()) == ["running", "stopped", "waiting"],
                             what="the other child's hit")
            d.proc.kill()
            self.assertEqual(target.line(60), "done ")
            self.assertUntouched(target)


class Workers(test_children.Gunicorn, Base):
    def under_load(self, *options):
        """Hits in each of three workers, one of which is killed meanwhile and replaced."""
        pid, port = self.gunicorn(*options, workers=3)
        load = test_children.Load(port)
        self.addCleanup(load.end)
        d = self.attach(pid, "--children")
        bound = self.ask_for(d, "break wsgi_app:application", "bound")
        self.assertTrue(bound["addresses"], bound)
        old = set(self.workers(pid))
        self.assertEqual(set(self.processes(d)), old | {pid})

        def hit_in_each(which):
            seen = set()
            for _ in range(400):
                e = self.go(d)  # one that was shown already need not be looked at
                self.assertEqual(e["function"], "application")
                seen.add(e["process"])
                if seen >= which:
                    return
            self.fail("no hit in %s" % (which - seen))

        hit_in_each(old)
        path = self.ask_for(d, "p environ['PATH_INFO']", "values")
        self.assertEqual(path["values"][0]["repr"], "'/'")
        at = path["process"]
        gone = min(old - {at})
        os.kill(gone, signal.SIGKILL)
        new = harness.wait_for(lambda: set(self.workers(pid)) - old, what="a new worker")
        hit_in_each(new)
        self.assertEqual([e["status"] for e in d.seen if e["event"] == "exited"], [-9])
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        failed = len(load.failed)
        load.until(100)
        self.assertEqual(len(load.failed), failed)
        self.assertLives(pid, *self.workers(pid))

    def test_preloaded(self):
        self.under_load("--preload")

    def test_each_has_loaded_it_itself(self):
        self.under_load()


class Multiprocessing(Base):
    def test_fork(self):
        target = self.start_code(interpreters.one(), MULTI, "fork")
        d = self.attach(target.pid, "--children")
        self.ask_for(d, "break work", "bound")
        target.send("go\n")
        self.assertEqual(d.until("stopped")["process"], int(target.first))
        self.assertEqual(self.value(d, "n"), "3")
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        self.assertEqual(target.line(), "%s 9" % target.first)
        target.send("end\n")
        self.assertEqual(target.line(), "done 0")


if __name__ == "__main__":
    harness.main()
