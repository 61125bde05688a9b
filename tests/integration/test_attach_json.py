# SPDX-License-Identifier: BSD-2-Clause
"""attach, dump and count with --json: every object, field by field, on every interpreter."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SCRIPT = os.path.join(harness.TARGETS, "orders.py")


def line_of(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            if text.rstrip().endswith("# " + mark):
                return number
    raise AssertionError("orders.py has no line marked %r" % mark)


def worker_tid(target):
    """The thread that is not the main one; the program has two."""
    tids = [t for t in target.tids() if t != target.pid]
    assert len(tids) == 1, tids
    return tids[0]


@harness.per_interpreter
class Json(harness.TestCase):
    def commands(self, target, *commands):
        args = ["attach", target.pid, "--json"]
        for c in commands:
            args += ["-c", c]
        return self.debug(*args)

    def ok(self, run, kinds):
        self.assertEqual(run.status, 0, run)
        self.assertEqual([e["event"] for e in run.events], kinds, run)

    @harness.each_interpreter
    def test_the_session(self, interp):
        target = self.start(interp, "orders.py")
        run = self.commands(target, "break orders.py:%d" % line_of("second"), "continue", "where", "locals",
                            "p item.tags[0]", "detach")
        self.ok(run, ["attached", "bound", "stopped", "stack", "values", "values", "detached"])
        attached, bound, stopped, stack, local, value, detached = run.events
        tid = worker_tid(target)
        thread = {"tid": tid, "name": "worker-1"}
        place = {"file": target.script, "line": line_of("second"), "function": "charge"}

        version = attached.pop("python")
        self.assertTrue(version.startswith("%d.%d.%d" % interp.version), version)
        self.assertIn("python3", attached.pop("executable"))
        self.assertEqual(attached, {"event": "attached", "pid": target.pid, "threads": 2})

        addresses = bound.pop("addresses")
        self.assertEqual(len(addresses), 1, run)
        self.assertTrue(re.fullmatch("0x[0-9a-f]+", addresses[0]), addresses)
        self.assertEqual(bound, dict(place, event="bound", id=1, location="orders.py:%d" % line_of("second"),
                                     engine="watch"))
        self.assertEqual(stopped, dict(place, event="stopped", reason="breakpoint", breakpoint=1, thread=thread))

        frames = stack.pop("frames")
        self.assertEqual(stack, {"event": "stack", "thread": thread})
        self.assertEqual(frames[:2], [place, dict(place, line=line_of("call"), function="work")])
        self.assertEqual([os.path.basename(f["file"]) for f in frames[2:]], ["threading.py"] * len(frames[2:]))
        # Before 3.11 a code object does not know its class, and that of an imported module has no parent left.
        names = [f["function"] if interp.minor >= 11 else "Thread." + f["function"].split(".")[-1] for f in frames[2:]]
        self.assertEqual(names, ["Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"])

        self.assertEqual([k for k in local if k != "values"], ["event", "scope"])
        self.assertEqual(local["scope"], "locals")
        order, item, total = local["values"]
        self.assertEqual(order, {
            "name": "order", "type": "dict", "repr": "{'id': 7, 'who': 'Zoë'}", "length": 2,
            "children": [{"name": "'id'", "type": "int", "repr": "7"},
                         {"name": "'who'", "type": "str", "repr": "'Zoë'"}]})
        self.assertTrue(re.fullmatch("<__main__.Item object at 0x[0-9a-f]+>", item.pop("repr")))
        tags = {"name": "tags", "type": "list", "repr": "['TEA', 2]", "length": 2,
                "children": [{"name": "0", "type": "str", "repr": "'TEA'"}, {"name": "1", "type": "int", "repr": "2"}]}
        self.assertEqual(item, {"name": "item", "type": "Item",
                                "children": [{"name": "name", "type": "str", "repr": "'tea'"},
                                             {"name": "price", "type": "int", "repr": "2"},
                                             {"name": "quantity", "type": "int", "repr": "21"}, tags]})
        self.assertEqual(total, {"name": "total", "type": "int", "repr": "42"})

        self.assertEqual(value, {"event": "values", "expression": "item.tags[0]",
                                 "values": [{"name": "item.tags[0]", "type": "str", "repr": "'TEA'"}]})
        self.assertEqual(detached, {"event": "detached"})
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_condition_up_args(self, interp):
        target = self.start(interp, "orders.py")
        run = self.commands(target, "tbreak charge if item.price * 2 == 4 and order['id'] == 7", "continue", "args",
                            "up", "p done > 0, rounds", "globals", "info breakpoints", "break charge if item.price % 2",
                            "condition 2 item.price > 1000", "info breakpoints")
        self.ok(run, ["attached", "bound", "stopped", "values", "values", "values", "bound", "bound", "bound", "detached"])
        self.assertEqual(run.events[2]["line"], line_of("first"))
        self.assertEqual([v["name"] for v in run.events[3]["values"]], ["order", "item"])
        self.assertEqual(run.events[3]["scope"], "args")
        self.assertEqual(run.events[4]["values"][0]["repr"], "(True, 1000000000)")
        names = [v["name"] for v in run.events[5]["values"]]
        self.assertTrue({"Item", "charge", "work", "worker", "__name__"} <= set(names), names)
        judged = [(e["condition"], e["evaluated"], e.get("why_user")) for e in run.events[6:9]]
        self.assertEqual(judged, [("item.price % 2", "user", "the operator %")] + 2 * [("item.price > 1000", "kernel", None)])
        self.assertEqual([(e["hits"], e["errors"], e["enabled"]) for e in run.events[6:9] if "hits" in e], [(0, 0, True)])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_dump(self, interp):
        target = self.start(interp, "orders.py")
        run = self.debug("dump", target.pid, "--json", "--locals")
        self.ok(run, ["stack", "stack"])
        by_name = {e["thread"]["name"]: e for e in run.events}
        self.assertEqual(sorted(by_name), ["MainThread", "worker-1"])
        main = by_name["MainThread"]
        self.assertEqual(main["thread"]["tid"], target.pid)
        self.assertEqual([f["function"] for f in main["frames"]], ["<module>"])
        self.assertEqual(main["frames"][0]["file"], target.script)
        self.assertIn("Item", [v["name"] for v in main["frames"][0]["locals"]])
        work = [f for f in by_name["worker-1"]["frames"] if f["function"] == "work"][0]
        self.assertIn({"name": "rounds", "type": "int", "repr": "1000000000"}, work["locals"])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_dump_native(self, interp):
        target = self.start(interp, "orders.py")
        run = self.debug("dump", target.pid, "--json", "--native")
        self.ok(run, ["stack", "stack"])
        for stack in run.events:
            # Every thread comes from the C library and goes through the interpreter.
            native = [f for f in stack["native"] if "frame" not in f]
            files = [f["file"] or "" for f in native]
            self.assertTrue(any("libc" in f for f in files), run)
            self.assertTrue(any("python" in f for f in files), run)
            self.assertTrue(all(re.fullmatch("0x[0-9a-f]+", f["address"]) for f in native), run)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_count(self, interp):
        target = self.start(interp, "orders.py")
        first, call = "orders.py:%d" % line_of("first"), "orders.py:%d" % line_of("call")
        run = self.debug("count", target.pid, "--json", "--for", "0.6", first, call)
        self.ok(run, ["bound", "bound", "count", "count"])
        self.assertEqual([e["location"] for e in run.events], [first, call] * 2)
        # The lines run in turn, so that their counts differ by one at most.
        hits = [e["hits"] for e in run.events[2:]]
        self.assertGreater(hits[0], 1, run)
        self.assertTrue(abs(hits[0] - hits[1]) <= 1, run)
        self.assertUntouched(target)


class Others(harness.TestCase):
    def setUp(self):
        self.interp = interpreters.one()

    def test_error_is_an_event_and_a_line(self):
        target = self.start(self.interp, "orders.py")
        run = self.debug("attach", target.pid, "--json", "-c", "p nonsense", "-c", "where")
        self.assertEqual(run.status, 1, run)
        self.assertEqual([e["event"] for e in run.events], ["attached", "error", "detached"], run)
        message = run.events[1]["message"]
        self.assertIn("nonsense", message)
        self.assertEqual(len([l for l in run.err.splitlines() if message in l]), 1, run)
        self.assertUntouched(target)

    def piped(self, *args):
        piped = terminal.Piped(*args)
        self.addCleanup(piped.close)
        return piped

    def test_exited(self):
        target = self.start(self.interp, "orders.py", 10 ** 9, 5)
        piped = self.piped("attach", target.pid, "--json")
        piped.send("tbreak orders.py:%d\ncontinue\n" % line_of("last"))
        self.assertEqual([piped.event()["event"] for _ in range(3)], ["attached", "bound", "stopped"])
        piped.send("continue\nwhere\n")
        self.assertEqual(piped.event(), {"event": "resumed"})
        target.proc.stdin.close()
        self.assertEqual(piped.event(), {"event": "exited", "status": 5})
        self.assertEqual(piped.end(), ([], 3))
        self.assertEqual(target.proc.wait(), 5)

    def test_killed(self):
        target = self.start(self.interp, "orders.py")
        piped = self.piped("attach", target.pid, "--json")
        piped.send("interrupt\n")
        self.assertEqual([piped.event()["event"] for _ in range(2)], ["attached", "stopped"])
        target.proc.kill()
        self.assertEqual(piped.event(), {"event": "exited", "status": -9})
        self.assertEqual(piped.end(), ([], 3))

    def test_pause(self):
        target = self.start(self.interp, "orders.py")
        run = self.debug("attach", target.pid, "--json", "-c", "interrupt", "-c", "threads", "-c", "thread 1",
                         "-c", "where")
        self.assertEqual(run.status, 0, run)
        self.assertEqual([e["event"] for e in run.events],
                         ["attached", "stopped", "stack", "stack", "stack", "stack", "detached"], run)
        self.assertEqual(run.events[1]["reason"], "pause")
        self.assertEqual(run.events[1]["breakpoint"], None)
        self.assertEqual([e["thread"]["tid"] for e in run.events[2:4]], target.tids())
        self.assertEqual(run.events[5]["thread"]["name"], "MainThread")
        self.assertUntouched(target)

    def test_nothing_else_on_standard_output(self):
        target = self.start(self.interp, "orders.py")
        run = self.debug("attach", target.pid, "--json", "-c", "help", "-c", "info target", "-c", "interrupt", "-c", "list",
                         "-c", "longlist", "-c", "info slots")
        self.assertEqual(run.status, 0, run)
        for line in run.out.splitlines():
            self.assertTrue(line.startswith('{"event":'), run)
        self.assertIn("longlist", run.err)

    def test_max_pause(self):
        target = self.start(self.interp, "orders.py")
        piped = self.piped("attach", target.pid, "--json", "--max-pause", "200ms")
        piped.send("interrupt\n")
        self.assertEqual([piped.event()["event"] for _ in range(3)], ["attached", "stopped", "resumed"])
        self.assertUntouched(target)
        self.assertEqual(piped.end(), ([{"event": "detached"}], 0))
        self.assertUntouched(target)


if __name__ == "__main__":
    harness.main()
