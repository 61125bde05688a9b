# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""--children: a process, those that it has forked and those to come; forked, executed, short-lived, a web server's workers."""
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
from test_lifecycle import Live

GUNICORN = "/usr/lib/python3/dist-packages/gunicorn"


def line_of(text, file="family.py"):
    with open(os.path.join(harness.TARGETS, file)) as f:
        return next(n for n, line in enumerate(f, 1) if text in line)


TWICE = "family.py:%d" % line_of("# twice")
LOOP = "family.py:%d" % line_of("for i in range(2)")


class Base(harness.TestCase):
    def live(self, *argv, **kwargs):
        d = Live(*argv, **kwargs)
        self.addCleanup(d.close)
        return d

    def counting(self, pid, *words):
        d = self.live("count", pid, "--children", "--json", *words)
        for _ in [w for w in words[:2] if ":" in w]:
            d.until("bound")
        return d

    def counted(self, d):
        """End it as a user would: {location: (all, {process: hits})}."""
        d.proc.send_signal(signal.SIGINT)
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.of("lost"), [], run)
        found = {}
        for e in run.of("count"):
            total, each = found.setdefault(e["location"], [None, {}])
            if "process" in e:
                each[e["process"]] = e["hits"]
            else:
                found[e["location"]][0] = e["hits"]
        for total, each in found.values():
            self.assertEqual(total, sum(each.values()), run)
        return found

    def descriptors(self, d):
        return len(os.listdir("/proc/%d/fd" % d.proc.pid))

    def ask(self, target, line):
        target.send(line + "\n")
        self.assertEqual(target.line(120), "done ")


@harness.per_interpreter
class Forks(Base):
    @harness.each_interpreter
    def test_each_call_in_each_process(self, interp):
        """Lines with several places (the loop's head), in a process, in its children and in theirs."""
        target = self.start(interp, "family.py")
        d = self.counting(target.pid, TWICE, LOOP)
        self.ask(target, "fork 20 3")
        self.ask(target, "tree 4")
        self.ask(target, "exec")
        self.ask(target, "work 5")
        found = self.counted(d)
        calls = 20 * 3 + 4 + 1 + 5
        total, each = found[TWICE]
        self.assertEqual(total, 2 * calls)
        self.assertEqual(each[target.pid], 10)
        self.assertEqual(sorted(n for pid, n in each.items() if pid != target.pid), [2] + [6] * 20 + [8])
        self.assertEqual(found[LOOP][0], 3 * calls)
        self.assertUntouched(target)


@harness.per_interpreter
class Records(Base):
    @harness.each_interpreter
    def test_log(self, interp):
        """Of short-lived children, too: what each had in its variables."""
        target = self.start(interp, "family.py")
        d = self.live("log", target.pid, TWICE, "{n} {i}", "--children", "--json")
        d.until("bound")
        self.ask(target, "fork 12 3 4")
        self.ask(target, "work 2")
        d.proc.send_signal(signal.SIGINT)
        run = d.finish()
        self.assertEqual(run.of("lost"), [], run)
        texts = {}
        for e in run.of("log"):
            texts.setdefault(e["process"], []).append(e["text"])
            self.assertEqual(e["thread"]["tid"], e["process"])
        self.assertEqual(texts.pop(target.pid), ["0 0", "0 1", "1 0", "1 1"])
        self.assertEqual(list(texts.values()), [["0 0", "0 1", "1 0", "1 1", "2 0", "2 1"]] * 12)
        self.assertEqual([(e["hits"], e["shown"]) for e in run.of("count")], [(76, 76)])
        self.assertUntouched(target)


class Snapshots(Base):
    def test_a_child_is_shown(self):
        target = self.start(interpreters.one(), "family.py")
        d = self.live("snap", target.pid, TWICE, "--children", "--json", "--count", "3")
        d.until("bound")
        self.ask(target, "fork 1 2")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        shots = run.of("snapshot")
        self.assertEqual(len(shots), 3, run)
        self.assertEqual(len({s["process"] for s in shots} - {target.pid}), 1)
        self.assertEqual([f["function"] for f in shots[0]["frames"]][:3], ["work", "calls", "fork"], run)
        self.assertEqual([e["hits"] for e in run.of("count")], [3], run)


class Storm(Base):
    def test_ten_thousand_threads(self):
        """Counted, and then traced because of a breakpoint that none of them comes to."""
        target = self.start(interpreters.one(), "lifecycle.py", "churn")
        done = "done 10000 %d" % sum(2 * i + 1 for i in range(10000))
        d = self.live("count", target.pid, "lifecycle.py:%d" % line_of("    calls += 1", "lifecycle.py"), "--children", "--json")
        d.until("bound")
        before = self.descriptors(d)
        target.send("go 10000\n")
        self.assertEqual(target.line(120), done)
        self.assertEqual(self.descriptors(d), before)
        [(total, each)] = self.counted(d).values()
        self.assertEqual((total, each), (10000, {target.pid: 10000}))
        d = self.live("attach", target.pid, "--json")
        d.send("break lifecycle.py:%d" % line_of('code = "import sys', "lifecycle.py"))
        d.until("bound")
        before = self.descriptors(d)
        target.send("go 10000\n")
        self.assertEqual(target.line(240), done)
        harness.wait_for(lambda: self.descriptors(d) == before, what="descriptors of threads that have ended")
        d.send("detach")
        run = d.finish()
        self.assertEqual((run.status, run.of("lost")), (0, []), run)
        self.assertUntouched(target)

    def test_a_thousand_children(self):
        """Counted and logged at once; and a breakpoint that stops is there for their parent only: it stops none of them."""
        target = self.start(interpreters.one(), "family.py")
        d = self.counting(target.pid, TWICE)
        log = self.live("log", target.pid, "family.py:%d" % line_of("return total"), "{n}", "--children", "--json")
        log.until("bound")
        stops = self.live("attach", target.pid, "--json")
        stops.send("break " + TWICE)
        stops.until("bound")
        self.ask(target, "fork 50 2 16")
        before = [(self.descriptors(x), self.memory(x)) for x in (d, log, stops)]
        target.send("fork 1000 2 16\n")
        while len(log.seen) < 1 + 1050 * 2:
            log.until("log")
        self.assertEqual(target.line(120), "done ")
        for x, (descriptors, memory) in zip((d, log, stops), before):
            # Then some of the first 50 may have been open still.
            harness.wait_for(lambda: self.descriptors(x) <= descriptors, what="descriptors of processes that have ended")
            if not harness.ASAN:  # it keeps what is freed
                self.assertLess(self.memory(x), memory + (8 << 20))
        total, each = self.counted(d)[TWICE]
        self.assertEqual((total, len(each)), (4200, 1051))
        log.proc.send_signal(signal.SIGINT)
        run = log.finish()
        self.assertEqual([(e["hits"], e["shown"], e["lost"]) for e in run.of("count")], [(2100, 2100, 0)])
        stops.send("detach")
        run = stops.finish()
        self.assertEqual((run.status, run.of("stopped"), run.of("lost")), (0, [], []), run)
        self.assertUntouched(target)

    def memory(self, d):
        """Bytes that are resident."""
        with open("/proc/%d/statm" % d.proc.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def test_killed_meanwhile(self):
        """SIGKILL to the debugger while processes come and go: none of them is harmed, and every slot is free again."""
        target = self.start(interpreters.one(), "family.py")
        for verb, event in (("count", None), ("log", "log"), ("snap", "snapshot")):
            for when in ("armed", "hit", "looked at"):
                d = self.live(verb, target.pid, TWICE, *["{n}"] * (verb == "log"), "--children", "--json")
                d.until("bound")
                target.send("fork 60 2\n" if when == "hit" else "spawn 7\n")
                said = target.line(60) if when != "hit" else None
                if when == "hit" and event:
                    self.assertNotEqual(d.until(event)["process"], target.pid)
                elif when == "looked at":
                    self.assertEqual(d.until("bound")["process"], int(said.split()[1]))
                d.proc.kill()
                d.proc.wait()
                if when != "hit":
                    target.send("go\n")
                self.assertEqual(target.line(60), "done ")
                self.assertUntouched(target)
        run = self.debug("attach", target.pid, "-c", "info slots")
        self.assertIn("4 watch slots free", run.out)


class Programs(Base):
    def test_another_program_of_python(self):
        """It has the code elsewhere, so it takes a watch slot of its own."""
        target = self.start(interpreters.one(), "family.py")
        d = self.counting(target.pid, TWICE)
        target.send("spawn 7\n")
        pid = int(target.line().split()[1])
        self.assertEqual(d.until("bound")["process"], pid)
        self.ask(target, "go")
        self.ask(target, "work 2")
        total, each = self.counted(d)[TWICE]
        self.assertEqual((total, each), (18, {pid: 14, target.pid: 4}))

    def test_condition(self):
        target = self.start(interpreters.one(), "family.py")
        d = self.counting(target.pid, TWICE, "--if", "i == 1 and n > 0")
        self.ask(target, "fork 5 3")
        self.assertEqual(self.counted(d)[TWICE][0], 10)

    def test_what_does_not_go_together(self):
        for words in (["--engine", "uprobe"], ["--pending"], ["--every", "2"], ["--thread", "1"], ["--watch", "total"]):
            run = self.debug("count", os.getpid(), "work", "--children", *words)
            self.assertEqual(run.status, 2, run)
            self.assertIn("--children", run.err)

    def test_not_loaded_anywhere(self):
        target = self.start(interpreters.one(), "family.py")
        run = self.debug("count", target.pid, "nowhere:nothing", "--children")
        self.assertEqual(run.status, 1, run)
        self.assertIn("nothing", run.err)


class Load:
    """Requests one after the other from some threads; each must be answered."""

    def __init__(self, port, threads=4):
        self.port, self.sent, self.failed = port, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(threads)]
        self.over = threading.Event()
        for t in self.threads:
            t.start()

    def run(self):
        while not self.over.is_set():
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                c.request("GET", "/")
                status = c.getresponse().status
                c.close()
            except (OSError, http.client.HTTPException) as e:
                status = e
            with self.lock:
                self.sent += 1
                if status != 200:
                    self.failed.append(status)

    def until(self, more):
        goal = self.sent + more
        harness.wait_for(lambda: self.sent >= goal, 60, "%d requests" % more)

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()
        return self.sent, self.failed


@unittest.skipUnless(os.path.exists(GUNICORN), "no gunicorn here")
class Gunicorn(Base):
    def gunicorn(self, *options, workers=2, app="wsgi_app:application", **env):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        proc = subprocess.Popen(
            ["/usr/bin/python3", "-m", "gunicorn", "-w", str(workers), "--bind", "127.0.0.1:%d" % port] + list(options) +
            [app], cwd=harness.TARGETS, env=dict(os.environ, **env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.terminate)
        harness.wait_for(lambda: len(self.workers(proc.pid)) == workers, what="workers")
        harness.wait_for(lambda: self.answers(port), what="gunicorn")
        return proc.pid, port

    def workers(self, pid):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(w) for w in f.read().split()]

    def answers(self, port):
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            c.request("GET", "/")
            return c.getresponse().status == 200
        except OSError:
            return False


class Workers(Gunicorn):
    def test_count_under_load(self):
        """Each request once, also those of a worker that takes the place of one that was killed (the code was loaded before the fork)."""
        pid, port = self.gunicorn("--preload")
        d = self.counting(pid, "wsgi_app:application")
        load = Load(port)
        load.until(200)
        sent, failed = load.end()
        old = self.workers(pid)
        os.kill(old[0], signal.SIGTERM)
        harness.wait_for(lambda: len(set(self.workers(pid)) - {old[0]}) == 2, what="a new worker")
        load = Load(port)
        load.until(200)
        more, failed_more = load.end()
        self.assertEqual((failed, failed_more), ([], []))
        total, each = self.counted(d)["wsgi_app:application"]
        self.assertEqual(total, sent + more, each)
        self.assertLessEqual(set(self.workers(pid)), set(each))

    def test_each_worker_has_loaded_it_itself(self):
        """What a worker loads that begins later is counted once it is there. Those that have it at one address
        share what watches, also with those that have ended."""
        pid, port = self.gunicorn()
        d = self.counting(pid, "wsgi_app:application")
        before, places = self.descriptors(d), {a for e in d.seen if e["event"] == "bound" for a in e["addresses"]}
        for _ in range(2):
            old = self.workers(pid)
            os.kill(min(old), signal.SIGTERM)
            new = harness.wait_for(lambda: set(self.workers(pid)) - set(old), what="a new worker")
            bound = d.until("bound")
            self.assertEqual({bound["process"]}, new)
            if set(bound["addresses"]) <= places:  # what it was looked at with is closed a moment later
                harness.wait_for(lambda: self.descriptors(d) == before, what="no descriptor more")
            before, places = self.descriptors(d), places | set(bound["addresses"])
        load = Load(port)
        load.until(200)
        sent, failed = load.end()
        self.assertEqual(failed, [])
        total, each = self.counted(d)["wsgi_app:application"]
        self.assertEqual(total, sent, each)

    def test_log_under_load(self):
        pid, port = self.gunicorn()
        d = self.live("log", pid, "wsgi_app:application", "{environ['PATH_INFO']}", "--children", "--json")
        d.until("bound")
        load = Load(port)
        load.until(200)
        sent, failed = load.end()
        self.assertEqual(failed, [])
        d.proc.send_signal(signal.SIGINT)
        run = d.finish()
        self.assertEqual([e["text"] for e in run.of("log")], ["/"] * sent)
        self.assertLessEqual({e["process"] for e in run.of("log")}, set(self.workers(pid)))

    def test_dump_under_load(self):
        pid, port = self.gunicorn()
        load = Load(port)
        run = self.debug("dump", pid, "--children", "--json")
        load.until(50)
        sent, failed = load.end()
        self.assertEqual(failed, [])
        self.assertEqual(run.status, 0, run)
        self.assertEqual({s["process"] for s in run.of("stack")}, {pid} | set(self.workers(pid)), run)


if __name__ == "__main__":
    harness.main()
