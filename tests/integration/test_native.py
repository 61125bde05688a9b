# SPDX-License-Identifier: BSD-2-Clause
"""Native frames among the Python ones, and what a process that is wedged waits for."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

# What C code called the Python function of the same index and the one after it: a part of the name of a C function,
# and whether from 3.11 on there is none (Python calls Python without C).
CALLS = [("inner", "raw_decode", "scan_once", False), ("raw_decode", "decode", "", True), ("decode", "loads", "", True),
         ("loads", "key", "", True), ("key", "middle", "sort", False), ("middle", "<lambda>", "", True),
         ("<lambda>", "generator", "reduce", False), ("generator", "<lambda>", "next", False), ("<lambda>", "outer", "map_next", False)]


def short(function):
    return function.rsplit(".", 1)[-1]


@harness.per_interpreter
class Native(harness.TestCase):
    def wedged(self, interp):
        self.futexes = ["A", "B", "locker"] + ([] if self.no_ctypes(interp) else ["mutexer"])
        return self.start(interp, "wedged.py", *self.no_ctypes(interp))

    def no_ctypes(self, interp):
        """Debian sid's debug builds crash in ctypes by themselves."""
        return ["no-ctypes"] if interp.root and interp.name.endswith("d") else []

    def settled(self, target, args):
        """The events of a dump by thread name, once all threads wait; the deadlocks."""
        def look():
            run = self.debug("dump", target.pid, "--json", *args)
            self.assertEqual(run.status, 0, run)
            stacks = {e["thread"]["name"]: e for e in run.events if e["event"] == "stack"}
            done = stacks["reader"]["state"] == "in read" and all(stacks[n]["state"] == "in futex" for n in self.futexes)
            return (stacks, [e for e in run.events if e["event"] == "deadlock"]) if done else None
        return harness.wait_for(look, 20, "all threads wait")

    @harness.each_interpreter
    def test_order(self, interp):
        target = self.wedged(interp)
        stacks, _ = self.settled(target, ["--native"])
        named = interp.name.startswith("pyenv")  # others may come without the symbols of static functions
        for stack in stacks.values():
            frames, native = stack["frames"], stack["native"]
            self.assertEqual([f["frame"] for f in native if "frame" in f], list(range(len(frames))), stack)
            self.assertIn("libc", native[-1]["file"] + native[-2]["file"] + native[-3]["file"], stack)
        outer = stacks["outer"]
        native, at, between = outer["native"], -1, []
        for f in native:
            if "frame" in f:
                between.append([])
            elif between:
                between[-1].append(f)
        for i, (callee, caller, name, inlined) in enumerate(CALLS):
            self.assertEqual([short(f["function"]) for f in outer["frames"][i:i + 2]], [callee, caller])
            functions = [f["function"] or "" for f in between[i]]
            if inlined and interp.minor >= 11:
                # The lambda is called by C code, the rest by the loop itself.
                self.assertEqual(functions, [], outer)
            else:
                self.assertTrue(functions, outer)
            if named and name:
                self.assertTrue(any(name in f for f in functions), (name, functions))
        if any("_json" in (f["file"] or "") for f in between[0]):
            self.assertIn("_json", [f.get("module") for f in between[0]])
        # It sleeps: time.sleep() and what it called lie inside of the innermost Python frame.
        self.assertNotIn("frame", native[0])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_wedged(self, interp):
        target = self.wedged(interp)
        stacks, deadlocks = self.settled(target, ["--native"])
        tid = {name: s["thread"]["tid"] for name, s in stacks.items()}
        self.assertEqual([n for n, s in stacks.items() if s.get("holds_gil")], ["MainThread"])
        waits = {n: (s["waits_for"]["type"], (s["waits_for"]["owner"] or {}).get("tid")) for n, s in stacks.items() if "waits_for" in s}
        expected = {"A": ("_thread.RLock", tid["B"]), "B": ("_thread.RLock", tid["A"]), "locker": ("_thread.lock", None),
                    "mutexer": ("mutex", tid["MainThread"])}
        self.assertEqual(waits, {n: expected[n] for n in self.futexes})
        self.assertEqual([sorted(t["name"] for t in d["threads"]) for d in deadlocks], [["A", "B"]])
        self.assertNotEqual(stacks["A"]["waits_for"]["address"], stacks["B"]["waits_for"]["address"])
        text = self.debug("dump", target.pid).out
        self.assertRegex(text, r'deadlock: thread \d+ "[AB]" waits for thread \d+ "[AB]" waits for thread')
        self.assertUntouched(target)


@harness.per_interpreter
class Where(harness.TestCase):
    @harness.each_interpreter
    def test_at_a_stop(self, interp):
        target = self.start(interp, "orders.py")
        run = self.debug("attach", target.pid, "--json", "-c", "break charge", "-c", "continue", "-c", "where --native", "-c", "where")
        self.assertEqual(run.status, 0, run)
        mixed, plain = [e for e in run.events if e["event"] == "stack"]
        self.assertEqual(mixed["frames"], plain["frames"])
        self.assertEqual([f["frame"] for f in mixed["native"] if "frame" in f], list(range(len(plain["frames"]))))
        self.assertTrue(mixed["native"][0].get("frame") == 0, mixed)  # the stop is in the eval loop itself
        self.assertUntouched(target)


class Shell(harness.TestCase):
    def test_count_and_text(self):
        target = self.start(interpreters.one(), "orders.py")
        run = self.debug("attach", target.pid, "-c", "interrupt", "-c", "where --native 3", "-c", "where --native x")
        self.assertEqual(run.out.count("\n  native 0x") + run.out.count("orders.py("), 3, run)
        self.assertIn("outer frames left out", run.out)
        self.assertEqual(run.status, 1)
        self.assertIn("the number of frames", run.err)
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
