# SPDX-License-Identifier: BSD-2-Clause
# No watch slot: dump reads stacks, nothing else.
"""dump --children: the stacks of a process and of all below it, Python or not."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

FORKS = """
import os, sys
if not os.fork():
    def child(): os.read(0, 1)
    print(os.getpid(), flush=True)
    child()
    os._exit(0)
def parent(): os.wait()
parent()
"""


TASKS = """
import asyncio, os
child = os.fork()
async def main():
    print("ready", flush=True) if not child else None
    await asyncio.sleep(1000)
asyncio.new_event_loop().run_until_complete(main())
"""


class Threads(harness.TestCase):
    def test_those_that_begin(self):
        """Each that is shown has its number, also while threads are being started."""
        for interp in (i for i in (interpreters.one(), interpreters.one(13)) if i):
            target = self.start(interp, "lifecycle.py", "churn")
            target.send("go 100000\n")
            for _ in range(15):
                run = self.debug("dump", target.pid, "--json")
                self.assertEqual(run.status, 0, run)
                self.assertTrue(run.of("stack"))
                self.assertEqual([s for s in run.of("stack") if not s["thread"]["tid"]], [])
            target.end()


class Killed(harness.TestCase):
    def test_while_a_child_stands(self):
        """SIGKILL of dump when it is seen to trace a child: both run on, and compute right."""
        target = self.start_code(interpreters.one(), BUSY)
        child = int(target.first)
        self.addCleanup(os.kill, child, 9)
        met = 0
        for _ in range(200):
            proc = subprocess.Popen([harness.DEBUGGER, "dump", str(target.pid), "--children", "--native"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while proc.poll() is None:
                if traced(child):
                    met += 1
                    break
            proc.kill()
            proc.wait()
            harness.wait_for(lambda: not traced(child), what="the child is let go")
            self.assertNotIn(state(child), "tT")
            target.send("\n")
            said = [target.line(), target.line()]
            self.assertEqual([s.split()[1] for s in said], ["right", "right"])
            self.assertUntouched(target)
            if met == 5:
                return
        self.fail("%d of 200 were killed while the child was traced" % met)


BUSY = """
import os, sys, threading, time
r, w = os.pipe()
back, answer = os.pipe()
child = os.fork()
n = total = 0
lock = threading.Lock()
def count():
    global n, total
    while True:
        with lock:
            n += 1; total += n
        time.sleep(0)
for _ in range(8):
    threading.Thread(target=count, daemon=True).start()
def said():
    with lock:
        return "%d %s" % (os.getpid(), "right" if total == n * (n + 1) // 2 else "wrong")
if not child:
    while os.read(r, 1):
        os.write(answer, (said() + "\\n").encode())
print(child, flush=True)
lines = os.fdopen(back)
for line in sys.stdin:
    os.write(w, b"x")
    print(said(), flush=True)
    print(lines.readline(), end="", flush=True)
"""


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def traced(pid):
    return status(pid)["TracerPid"] != "0"


def state(pid):
    return status(pid)["State"][0]


class Children(harness.TestCase):
    def test_whose_tasks(self):
        target = self.start_code(interpreters.one(), TASKS)
        with open("/proc/%d/task/%d/children" % (target.pid, target.pid)) as f:
            child = int(f.read())
        self.addCleanup(os.kill, child, 9)
        run = harness.wait_for(lambda: self.both(target.pid), what="two tasks that wait")
        self.assertEqual({e["process"] for e in run.of("task")}, {target.pid, child}, run)
        self.assertEqual({e["thread"] for e in run.of("task") if e["thread"]} - {target.pid, child}, set())
        alone = self.debug("dump", target.pid, "--tasks", "--json")
        self.assertEqual([e.get("process") for e in alone.of("task")], [None], alone)

    def both(self, pid):
        run = self.debug("dump", pid, "--children", "--tasks", "--json")
        return run if len(run.of("task")) == 2 else None

    def test_each_by_itself(self):
        target = self.start_code(interpreters.one(), FORKS)
        child = int(target.first)
        run = self.debug("dump", target.pid, "--children", "--json")
        self.assertEqual(run.status, 0, run)
        inner = {s["process"]: [f["function"] for f in s["frames"]][0] for s in run.of("stack")}
        self.assertEqual(sorted(inner), sorted([target.pid, child]), run)
        self.assertIn(inner[child], ("child", "<module>"))
        text = self.debug("dump", target.pid, "--children").out
        self.assertRegex(text, r"^pid %d: Python " % target.pid)
        self.assertRegex(text, r"\n\npid %d: Python " % child)
        target.send("x")

    def test_what_is_no_python_is_left_out(self):
        """The test's own parents are none of its business, and a process that ended is an error."""
        target = self.start_code(interpreters.one(), "import subprocess; p = subprocess.Popen(['sleep', '60']); "
                                                     "print(p.pid, flush=True)\ntry:\n input()\nfinally: p.kill()")
        run = self.debug("dump", target.pid, "--children", "--json")
        self.assertEqual(run.status, 0, run)
        self.assertEqual({s["process"] for s in run.of("stack")}, {target.pid}, run)
        self.assertEqual(self.debug("dump", target.first, "--children").status, 1)
        target.send("\n")
        target.proc.wait()
        run = self.debug("dump", target.pid, "--children")
        self.assertEqual(run.status, 1, run)
        self.assertIn("no such process", run.err)


if __name__ == "__main__":
    harness.main()
