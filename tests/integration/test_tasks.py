# SPDX-License-Identifier: BSD-2-Clause
"""Tasks of asyncio as the program itself knows them: names, stacks, who waits for whom, what runs."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

AWAITS = {"sleeper": "sleep(1000)", "joiner": 'task "sleeper"', "gatherer": "gather() of 2", "waiter": "wait()",
          "locked": "Lock.acquire() of <asyncio.locks.Lock object at 0x", "leaf": "future 0x",
          "getter": "Queue.get() of <asyncio.queues.Queue object at 0x"}
ENDED = {"failing": "failed", "fine": "finished", "cancelled": "cancelled"}


@harness.per_interpreter
class Tasks(harness.TestCase):
    def check(self, interp, *args):
        self.skip_without(interp)
        target = self.start(interp, "tasks.py", *args)
        known = json.loads(target.first)
        if interp.minor >= 14 and not args:  # its C module forgets a task when it ends
            known = [k for k in known if not k[2]]
        run = self.debug("attach", target.pid, "--json", "-c", "tasks", "-c", "interrupt", "-c",
                         "thread %d" % target.pid, "-c", "where", "-c", "tasks", "-c", "detach")
        self.assertEqual(run.status, 0, run)
        found = run.of("task")
        self.assertEqual(len(found), 2 * len(known), run)
        self.compare(interp, known, found[:len(known)], run)
        self.compare(interp, known, found[len(known):], run)
        self.stop(interp, target, known, run)
        self.assertUntouched(target)
        return target, known

    def compare(self, interp, known, found, run):
        by_id = {int(t["id"], 16): t for t in found}
        names = {name: ident for name, _, _, ident, _ in known}
        self.assertEqual(set(by_id), set(names.values()), run)
        for name, frames, done, ident, by in known:
            task = by_id[ident]
            self.assertEqual(task["name"], name if interp.minor >= 8 else None)
            self.assertEqual({int(i, 16) for i in task["awaited_by"]}, {names[n] for n in by}, (name, task))
            if done:
                self.assertEqual((task["state"], task["frames"]), (ENDED[name], []), task)
                continue
            self.assertEqual(task["state"], "running" if name == "runner" else "waiting", task)
            chain = [[f["function"].split(".")[-1], f["line"]] for f in reversed(task["frames"])]
            if name == "runner":
                self.assertEqual([c[0] for c in chain][:3], ["runner", "report", "stand"])
            else:
                self.assertEqual(chain, frames, name)
                self.assertEqual(task["thread"], None)
                if interp.minor >= 8 or name != "joiner":
                    self.assertIn(AWAITS.get(name, ""), task["awaits"])

    def stop(self, interp, target, known, run):
        ident = {name: ident for name, _, _, ident, _ in known}
        stopped, stack = run.of("stopped")[0], run.of("stack")[-1]
        # A thread whose wait was interrupted may have the GIL at that moment; it runs no task.
        self.assertEqual("task" in stopped, stopped["thread"]["tid"] == target.pid, run)
        for event in [e for e in (stopped, stack) if e["thread"]["tid"] == target.pid]:
            self.assertEqual(int(event["task"]["id"], 16), ident["runner"], run)
            self.assertEqual(event["task"]["name"], "runner" if interp.minor >= 8 else None)
        self.assertEqual([int(t["id"], 16) for t in stack["awaited_by"]], [ident["main"]], run)
        self.assertEqual([f["function"] for f in stack["awaited_by"][0]["frames"]][-1:], ["main"])

    def skip_without(self, interp):
        """Debian's debug build of 3.14 comes without its own _asyncio, and crashes with the other build's."""
        module = self.start_code(interp, "import _asyncio; print(getattr(_asyncio, '__file__', ''))").first
        if interp.debug and module and "%dd-" % interp.minor not in module:
            self.skipTest("no _asyncio for this build")

    @harness.each_interpreter
    def test_c(self, interp):
        target, known = self.check(interp)
        run = self.debug("dump", "--tasks", target.pid)
        self.assertEqual(run.status, 0, run)
        if interp.minor >= 8:
            lines = run.out.splitlines()
            self.assertIn('  task "runner" running in thread %d' % target.pid, lines, run)
            self.assertIn('task "gatherer" waiting: gather() of 2', lines, run)
            self.assertIn('  task "one" waiting: sleep(1000)', lines, run)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_python(self, interp):
        self.check(interp, "python")


class NoTasks(harness.TestCase):
    def test_none(self):
        target = self.start(interpreters.one(), "busy.py")
        run = self.debug("dump", target.pid, "--tasks")
        self.assertEqual(run.status, 0, run)
        self.assertIn("no tasks", run.out)


if __name__ == "__main__":
    harness.main()
