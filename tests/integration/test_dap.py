# SPDX-License-Identifier: BSD-2-Clause
"""The Debug Adapter Protocol: the rules that adapters get wrong, limits, and who may attach."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dap
import harness
import interpreters


SCRIPT = os.path.join(harness.TARGETS, "orders.py")


def line(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# " + mark))


class Base(harness.TestCase):
    def orders(self, interp=None):
        return self.start(interp or interpreters.one(), "orders.py")

    def adapter(self):
        adapter = dap.Adapter()
        self.addCleanup(adapter.close)
        return adapter

    def attached(self, target, **options):
        adapter = self.adapter()
        adapter.attach(target.pid, **options)
        return adapter

    def refused(self, adapter, word, command, **arguments):
        with self.assertRaises(dap.Failed) as raised:
            adapter.ask(command, **arguments)
        self.assertIn(word, raised.exception.response["message"])
        self.assertIn(word, raised.exception.response["body"]["error"]["variables"]["text"])

    def set_lines(self, adapter, target, *wishes):
        return adapter.ask("setBreakpoints", source={"path": target.script}, breakpoints=list(wishes))["breakpoints"]

    def goodbye(self, adapter, target):
        """disconnect leaves the target running, and `terminated` always comes."""
        adapter.ask("disconnect")
        self.assertEqual(adapter.end(), 0)
        self.assertEqual([m["event"] for m in adapter.all if m["type"] == "event"][-1], "terminated")
        self.assertUntouched(target)


@harness.per_interpreter
class MainPath(Base):
    @harness.each_interpreter
    def test_break_look_go_on(self, interp):
        target = self.orders(interp)
        adapter = self.attached(target)
        names = {t["name"] for t in adapter.ask("threads")["threads"]}
        self.assertIn("worker-1", names)
        wanted = line("second")
        answers = self.set_lines(adapter, target, {"line": wanted})
        self.assertEqual((answers[0]["verified"], answers[0]["line"]), (True, wanted))
        adapter.ask("configurationDone")
        stop = adapter.event("stopped")
        self.assertEqual((stop["reason"], stop["hitBreakpointIds"], stop["allThreadsStopped"]),
                         ("breakpoint", [answers[0]["id"]], True))
        stack = adapter.ask("stackTrace", threadId=stop["threadId"])
        self.assertEqual([f["name"] for f in stack["stackFrames"]][:2], ["charge", "work"])
        self.assertEqual(stack["totalFrames"], len(stack["stackFrames"]))
        top = stack["stackFrames"][0]
        self.assertEqual((top["line"], top["source"]["path"]), (wanted, target.script))
        local = adapter.local(top["id"])
        self.assertEqual((local["total"]["value"], local["total"]["type"]), ("42", "int"))
        item = {v["name"]: v for v in adapter.variables(local["item"]["variablesReference"])}
        self.assertEqual((item["price"]["value"], item["price"]["evaluateName"]), ("2", "item.price"))
        tags = adapter.variables(item["tags"]["variablesReference"])
        self.assertEqual([(t["name"], t["value"]) for t in tags], [("0", "'TEA'"), ("1", "2")])
        for context, expression, result in (("hover", "item.quantity", "21"), ("watch", 'order["id"] * 6', "42"),
                                            ("repl", "[item.price, order['who']]", "[2, 'Zo\xeb']")):
            self.assertEqual(adapter.ask("evaluate", expression=expression, frameId=top["id"],
                                         context=context)["result"], result)
        adapter.ask("continue", threadId=stop["threadId"])
        self.assertEqual(adapter.event("stopped")["reason"], "breakpoint")
        self.set_lines(adapter, target)
        adapter.ask("continue", threadId=stop["threadId"])
        adapter.ask("pause", threadId=target.pid)
        self.assertEqual(adapter.event("stopped")["reason"], "pause")
        self.goodbye(adapter, target)


class Rules(Base):
    def stopped(self, **wish):
        target = self.orders()
        adapter = self.attached(target)
        self.set_lines(adapter, target, dict({"line": line("second")}, **wish))
        adapter.ask("configurationDone")
        adapter.event("stopped")
        return target, adapter

    def test_replace_all_in_order(self):
        target = self.orders()
        adapter = self.attached(target)
        first, second = line("first"), line("second")
        old = self.set_lines(adapter, target, {"line": second}, {"line": 100000}, {"line": first})
        self.assertEqual([b["verified"] for b in old], [True, False, True])
        self.assertIn("100000", old[1]["message"])
        new = self.set_lines(adapter, target, {"line": first}, {"line": second, "condition": "total =="},
                             {"line": second, "hitCondition": "often"})
        self.assertEqual(new[0]["id"], old[2]["id"])
        self.assertEqual([b["verified"] for b in new], [True, False, False])
        self.assertIn("SyntaxError", new[1]["message"])
        self.assertIn("hit condition 'often'", new[2]["message"])
        self.assertEqual(self.set_lines(adapter, target), [])
        self.goodbye(adapter, target)

    def test_no_slot(self):
        target = self.orders()
        adapter = self.attached(target)
        with open(SCRIPT, encoding="utf-8") as f:
            begin = next(n for n, text in enumerate(f, 1) if "def work" in text)
        answers = self.set_lines(adapter, target, *[{"line": n} for n in
                                                    [line(m) for m in ("first", "second", "last", "call")] + [begin + 1]])
        self.assertEqual([b["verified"] for b in answers], [True] * 4 + [False])
        self.assertIn("slot", answers[4]["message"])
        self.goodbye(adapter, target)

    def test_hit_conditions(self):
        """Which hit it is, is told by the program's own counter."""
        for text, wanted in (("3", [3]), ("== 3", [3]), ("% 3", [3, 6, 9]), (">= 4", [4, 5, 6]), ("> 4", [5, 6, 7]), ("<= 2", [1, 2])):
            target = self.start_code(interpreters.one(), "\n".join((
                "import sys, time", "print('ready', flush=True)", "sys.stdin.readline()", "def f(n):", "    return n",
                "for i in range(1, 31):", "    f(i)", "print('done', flush=True)", "sys.stdin.readline()")))
            adapter = self.attached(target)
            adapter.ask("setFunctionBreakpoints", breakpoints=[{"name": "f", "hitCondition": text}])
            adapter.ask("configurationDone")
            target.send("go\n")
            got = []
            for _ in wanted:
                stop = adapter.event("stopped")
                got.append(int(adapter.ask("evaluate", expression="n")["result"]))
                adapter.ask("continue", threadId=stop["threadId"])
            self.assertEqual(got, wanted, text)
            adapter.ask("setFunctionBreakpoints", breakpoints=[])
            self.goodbye(adapter, target)

    def test_steps(self):
        target, adapter = self.stopped()
        for command in ("next", "stepOut", "stepIn"):
            adapter.ask(command, threadId=0)
            self.assertEqual(adapter.event("stopped")["reason"], "step")
        self.goodbye(adapter, target)

    def test_ids_die_on_resume(self):
        target, adapter = self.stopped()
        top = adapter.top()
        reference = adapter.ask("scopes", frameId=top["id"])["scopes"][0]["variablesReference"]
        adapter.ask("continue", threadId=0)
        adapter.event("stopped")
        for command, arguments in (("scopes", {"frameId": top["id"]}), ("variables", {"variablesReference": reference}),
                                   ("evaluate", {"expression": "total", "frameId": top["id"]})):
            self.refused(adapter, "earlier stop", command, **arguments)
        self.refused(adapter, "there is no frame 99999", "scopes", frameId=99999)
        self.assertNotEqual(adapter.top()["id"], top["id"])
        self.goodbye(adapter, target)

    def test_errors_do_not_end_the_session(self):
        target, adapter = self.stopped()
        top = adapter.top()["id"]
        for word, command, arguments in (
                ("not supported", "frobnicate", {}), ("NameError", "evaluate", {"expression": "nix", "frameId": top}),
                ("SyntaxError", "evaluate", {"expression": "1 +", "frameId": top}), ("call", "evaluate", {"expression": "work(1)"}),
                ("no Python thread", "stackTrace", {"threadId": 1}), ("needs an expression", "evaluate", {}),
                ("there is no variable 0", "variables", {}), ("attached to already", "attach", {"processId": target.pid}),
                ("needs the path", "setBreakpoints", {"source": {}}), ("memoryReference", "readMemory", {"count": 3})):
            self.refused(adapter, word, command, **arguments)
        self.assertEqual(adapter.ask("evaluate", expression="total", frameId=top)["result"], "42")
        adapter.ask("continue", threadId=0)
        self.set_lines(adapter, target)
        self.goodbye(adapter, target)

    def test_while_it_runs(self):
        target = self.orders()
        adapter = self.adapter()
        self.refused(adapter, "send `attach` first", "threads")
        self.refused(adapter, "processId", "attach")
        shell = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.stdin.close)
        self.refused(adapter, "not a Python process", "attach", processId=shell.pid)
        adapter.attach(str(target.pid))
        for command in ("stackTrace", "scopes", "variables", "evaluate", "continue"):
            self.refused(adapter, "running", command, threadId=target.pid, expression="1")
        self.goodbye(adapter, target)

    def test_paging(self):
        target = self.orders()
        adapter = self.attached(target)
        adapter.ask("pause", threadId=target.pid)
        adapter.event("stopped")
        reply = adapter.ask("evaluate", expression="ledger.tags")
        self.assertEqual(reply["indexedVariables"], 500)
        page = adapter.variables(reply["variablesReference"], filter="indexed", start=490, count=20)
        self.assertEqual([v["name"] for v in page], [str(n) for n in range(490, 500)])
        ring = adapter.ask("evaluate", expression="ring")
        self.assertEqual(ring["result"], "[[...]]")
        for _ in range(3):
            ring = adapter.variables(ring["variablesReference"])[0]
        self.assertEqual(ring["name"], "0")
        self.assertEqual(adapter.ask("evaluate", expression="255", format={"hex": True})["result"], "0xff")
        names = [t["label"] for t in adapter.ask("completions", text="ledger.qu", column=10)["targets"]]
        self.assertEqual(names, ["quantity"])
        names = [t["label"] for t in adapter.ask("completions", text="1 + ledg", column=9)["targets"]]
        self.assertEqual(names, ["ledger"])
        self.goodbye(adapter, target)

    def test_sources_and_modules(self):
        target = self.orders()
        adapter = self.attached(target)
        with open(target.script, encoding="utf-8") as f:
            self.assertEqual(adapter.ask("source", source={"path": target.script}, sourceReference=0)["content"], f.read())
        self.assertIn(target.script, [s["path"] for s in adapter.ask("loadedSources")["sources"]])
        modules = {m["name"]: m.get("path", "") for m in adapter.ask("modules")["modules"]}
        self.assertTrue(modules["threading"].endswith("threading.py"), modules)
        first, last = line("first"), line("last")
        lines = adapter.ask("breakpointLocations", source={"path": target.script}, line=first, endLine=last)["breakpoints"]
        self.assertEqual([b["line"] for b in lines], list(range(first, last + 1)))
        self.goodbye(adapter, target)

    def test_path_mappings(self):
        target = self.orders()
        where = os.path.dirname(target.script)
        adapter = self.attached(target, pathMappings=[{"localRoot": "/work/shop/", "remoteRoot": where}])
        answers = adapter.ask("setBreakpoints", source={"path": "/work/shop/orders.py"},
                              breakpoints=[{"line": line("last")}])["breakpoints"]
        self.assertEqual(answers[0]["source"]["path"], "/work/shop/orders.py")
        adapter.ask("configurationDone")
        adapter.event("stopped")
        self.assertEqual(adapter.top()["source"]["path"], "/work/shop/orders.py")
        self.goodbye(adapter, target)

    def test_an_attach_that_failed_leaves_nothing(self):
        target = self.orders()
        where = os.path.dirname(target.script)
        adapter = self.adapter()
        self.refused(adapter, "no such process", "attach", processId=2 ** 22 + 1, pathMappings=[{"localRoot": "/wrong", "remoteRoot": where}])
        adapter.attach(target.pid, pathMappings=[{"localRoot": "/right", "remoteRoot": where}])
        answers = self.set_lines(adapter, target, {"line": line("last")})
        self.assertEqual(answers[0]["source"]["path"], "/right/orders.py")
        self.goodbye(adapter, target)

    def test_target_ends(self):
        target = self.start(interpreters.one(), "orders.py", 3, 7)
        adapter = self.attached(target)
        target.send("end\n")
        target.proc.wait(30)
        adapter.event("terminated")
        adapter.ask("disconnect")
        self.assertEqual(adapter.end(), 0)


# Memory that takes long to look through: never touched, so there is none of it.
BIG = """
import mmap, sys
big = mmap.mmap(-1, 16 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE
print('ready', flush=True)
sys.stdin.readline()
"""


class LongWork(Base):
    def test_progress_and_cancel(self):
        target = self.start_code(interpreters.one(), BIG)
        for by in ("progressId", "requestId"):
            adapter = self.adapter()
            adapter.ask("initialize", adapterID="x", supportsProgressReporting=True)
            adapter.ask("attach", processId=target.pid)
            asked = adapter.send("setFunctionBreakpoints", {"breakpoints": [{"name": "nowhere"}]})
            begun = adapter.event("progressStart")
            self.assertEqual((begun["requestId"], begun["cancellable"]), (asked, True))
            self.assertTrue(begun["title"])
            going = adapter.event("progressUpdate")
            self.assertEqual(going["progressId"], begun["progressId"])
            self.assertGreater(going["percentage"], begun["percentage"])
            canceled = adapter.send("cancel", {by: begun["progressId"] if by == "progressId" else asked})
            answer = adapter.response(asked)["breakpoints"][0]
            self.assertFalse(answer["verified"])
            self.assertIn("interrupted", answer["message"])
            adapter.response(canceled)
            ended = [m["body"]["progressId"] for m in adapter.all if m.get("event") == "progressEnd"]
            self.assertEqual(ended, [begun["progressId"]])
            self.assertTrue(adapter.ask("threads")["threads"])
            self.goodbye(adapter, target)


RAISER = """
import sys
print('ready', flush=True)
sys.stdin.readline()
def f(n):
    try:
        if n % 2:
            raise KeyError(n)
        raise ValueError('even')
    except LookupError:
        pass
for i in range(4):
    try:
        f(i)
    except ValueError:
        pass
print('done', flush=True)
sys.stdin.readline()
"""


@harness.per_interpreter
class LogsAndExceptions(Base):
    @harness.each_interpreter
    def test_log_messages(self, interp):
        target = self.start_code(interp, "\n".join((
            "import sys", "print('ready', flush=True)", "sys.stdin.readline()", "def f(n, word):", "    return n",
            "for i in range(20):", "    f(i, 'w%d' % i)", "print('done', flush=True)", "sys.stdin.readline()")))
        adapter = self.attached(target)
        answers = adapter.ask("setFunctionBreakpoints", breakpoints=[
            {"name": "f", "condition": "n >= 3", "hitCondition": "<= 4"}])["breakpoints"]
        self.assertTrue(answers[0]["verified"], answers)
        answers = adapter.ask("setBreakpoints", source={"path": "<string>"}, breakpoints=[
            {"line": 5, "logMessage": "{n} is {word!r:>6} {n * 2} {nix}", "condition": "n >= 3", "hitCondition": "<= 4"},
            {"line": 5, "logMessage": "{n:"}])["breakpoints"]
        adapter.ask("setFunctionBreakpoints", breakpoints=[])
        self.assertEqual([b["verified"] for b in answers], [True, False], answers)
        adapter.ask("configurationDone")
        target.send("go\n")
        said = []
        while len(said) < 4:
            body = adapter.event("output")
            if body["category"] == "console" and " is " in body["output"]:
                said.append(body["output"])
        self.assertEqual(said, ["%d is %6r %d <NameError: name 'nix' is not defined>\n" % (n, "w%d" % n, n * 2) for n in range(3, 7)])
        self.assertEqual(target.line(), "done")
        self.assertFalse([m for m in adapter.all if m.get("event") == "stopped"])
        self.goodbye(adapter, target)

    @harness.each_interpreter
    def test_exceptions(self, interp):
        for options, wanted in (({"filters": ["raised"]}, ["ValueError('even')", "KeyError(1)", "ValueError('even')", "KeyError(3)"]),
                                ({"filters": [], "filterOptions": [{"filterId": "raised", "condition": "isinstance(__exception__, KeyError)"}]},
                                 ["KeyError(1)", "KeyError(3)"])):
            target = self.start_code(interp, RAISER)
            adapter = self.attached(target)
            self.assertEqual([b["verified"] for b in adapter.ask("setExceptionBreakpoints", **options)["breakpoints"]], [True])
            adapter.ask("configurationDone")
            target.send("go\n")
            seen = []
            for text in wanted:
                stop = adapter.event("stopped")
                self.assertEqual(stop["reason"], "exception")
                info = adapter.ask("exceptionInfo", threadId=stop["threadId"])
                self.assertEqual(info["exceptionId"], text.split("(")[0])
                self.assertEqual(adapter.top()["name"], "f")
                self.assertEqual(adapter.ask("evaluate", expression="__exception__.args[0]")["result"], text.split("(")[1][:-1])
                seen.append(stop["text"].replace(",)", ")"))
                adapter.ask("continue", threadId=stop["threadId"])
            self.assertEqual(seen, wanted)
            self.assertEqual(target.line(), "done")
            self.goodbye(adapter, target)
            target.end()

    @harness.each_interpreter
    def test_data_breakpoints(self, interp):
        target = self.orders(interp)
        adapter = self.attached(target)
        self.set_lines(adapter, target, {"line": line("first")})
        adapter.ask("configurationDone")
        stop = adapter.event("stopped")
        frame = adapter.top()["id"]
        item = adapter.local(frame)["item"]
        info = adapter.ask("dataBreakpointInfo", variablesReference=item["variablesReference"], name="price")
        self.assertEqual((info["description"], info["accessTypes"]), ("item.price", ["write"]))
        refused = adapter.ask("dataBreakpointInfo", frameId=frame, name="nothing_here")
        self.assertIsNone(refused["dataId"])
        order = adapter.local(frame)["order"]
        info = adapter.ask("dataBreakpointInfo", variablesReference=order["variablesReference"], name="'id'")
        self.assertEqual(info["description"], "order['id']")
        scope = adapter.ask("scopes", frameId=frame)["scopes"][0]["variablesReference"]
        info = adapter.ask("dataBreakpointInfo", variablesReference=scope, name="total")
        answers = adapter.ask("setDataBreakpoints", breakpoints=[{"dataId": info["dataId"], "accessType": "write"}, {"dataId": "x"}])
        self.assertEqual([b["verified"] for b in answers["breakpoints"]], [True, False], answers)
        adapter.ask("continue", threadId=stop["threadId"])
        stop = adapter.event("stopped")
        self.assertEqual((stop["reason"], stop["hitBreakpointIds"]), ("data breakpoint", [answers["breakpoints"][0]["id"]]))
        self.assertEqual(adapter.local(adapter.top()["id"])["total"]["value"], "42")
        self.set_lines(adapter, target)
        adapter.ask("setDataBreakpoints", breakpoints=[])
        adapter.ask("continue", threadId=stop["threadId"])
        self.goodbye(adapter, target)

    @harness.each_interpreter
    def test_pending(self, interp):
        """Not verified until its module is imported, then changed, and hit from the first time on."""
        folder = interp.mkdtemp()
        with open(os.path.join(interp.root + folder, "later.py"), "w") as f:
            f.write("def f(n):\n    return n + 1\nx = f(1)\n")
        target = self.start_code(interp, "\n".join((
            "import sys", "sys.path.insert(0, %r)" % folder, "print('ready', flush=True)", "sys.stdin.readline()", "import later",
            "print('done', flush=True)", "sys.stdin.readline()")))
        adapter = self.attached(target)
        path = os.path.join(folder, "later.py")
        answers = adapter.ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": 2}])["breakpoints"]
        self.assertFalse(answers[0]["verified"])
        adapter.ask("configurationDone")
        target.send("go\n")
        changed = adapter.event("breakpoint")
        self.assertEqual((changed["reason"], changed["breakpoint"]["id"], changed["breakpoint"]["verified"], changed["breakpoint"]["line"]),
                         ("changed", answers[0]["id"], True, 2))
        stop = adapter.event("stopped")
        self.assertEqual(stop["hitBreakpointIds"], [answers[0]["id"]])
        adapter.ask("next", threadId=stop["threadId"])
        self.assertEqual(adapter.event("stopped")["reason"], "step")
        adapter.ask("continue", threadId=stop["threadId"])
        self.assertEqual(target.line(), "done")
        self.goodbye(adapter, target)

    def test_unhandled(self):
        target = self.start(interpreters.one(), "unhandled.py")
        adapter = self.adapter()
        capabilities = adapter.ask("initialize", adapterID="x")
        self.assertEqual([f["filter"] for f in capabilities["exceptionBreakpointFilters"]], ["raised", "uncaught", "userUnhandled"])
        adapter.ask("attach", processId=target.pid)

        def set_exceptions(**options):
            return [b["verified"] for b in adapter.ask("setExceptionBreakpoints", **options)["breakpoints"]]

        def stop_of(line):
            target.send(line + "\n")
            stop = adapter.event("stopped")
            self.assertEqual((stop["reason"], adapter.top()["name"]), ("exception", "deep"))
            info = adapter.ask("exceptionInfo", threadId=stop["threadId"])
            return info["exceptionId"], info["breakMode"], adapter.local(adapter.top()["id"])["name"]["value"]

        self.assertEqual(set_exceptions(filters=["uncaught", "userUnhandled"]), [True, True])
        adapter.ask("configurationDone")
        self.assertEqual(stop_of("user"), ("Derived", "userUnhandled", "'escapes'"))
        adapter.ask("continue", threadId=0)
        self.assertEqual(target.line(), "[]")
        paths = [{"names": ["Python Exceptions"]}, {"names": ["__main__.Other", "__main__.Derived"]}]
        self.assertEqual(set_exceptions(filters=["raised"], exceptionOptions=[
            {"path": paths, "breakMode": "never"}, {"breakMode": "sometimes"}, {"path": [{"names": ["Nix"]}], "breakMode": "always"},
            {"path": [{"names": ["Other"], "negate": True}], "breakMode": "always"}]), [True, True, False, False, False])
        self.assertEqual(set_exceptions(filters=[], exceptionOptions=[{"path": paths, "breakMode": "always"}]), [True])
        self.assertEqual(stop_of("user"), ("Derived", "always", "'handles'"))
        self.assertEqual(set_exceptions(filters=[], exceptionOptions=[{"path": paths[:1], "breakMode": "unhandled"}]), [True])
        adapter.ask("continue", threadId=0)
        self.assertEqual(target.line(), "[]")
        self.assertEqual(stop_of("raise"), ("Derived", "unhandled", "'main'"))
        adapter.ask("continue", threadId=0)
        self.assertEqual(adapter.event("exited")["exitCode"], 1)
        adapter.event("terminated")

    def test_step_from_a_frame_that_was_left(self):
        """The one that the exception leaves now makes the step, and comes to its caller."""
        target = self.start(interpreters.one(), "unhandled.py")
        adapter = self.attached(target, justMyCode=False)
        adapter.ask("setExceptionBreakpoints", filters=["userUnhandled"])
        adapter.ask("configurationDone")
        target.send("user\n")
        adapter.event("stopped")
        adapter.ask("next", threadId=0)
        self.assertEqual(adapter.event("stopped")["reason"], "step")
        self.assertEqual(adapter.top()["name"], "escapes")
        adapter.ask("stepIn", threadId=0)
        self.assertEqual(adapter.event("stopped")["reason"], "step")
        self.assertTrue(adapter.top()["source"]["path"].endswith("/json/decoder.py"))
        adapter.ask("setExceptionBreakpoints", filters=[])
        adapter.ask("continue", threadId=0)
        self.assertEqual(target.line(), "[]")
        self.goodbye(adapter, target)

    def test_unknown_filter(self):
        target = self.orders()
        adapter = self.attached(target)
        answers = adapter.ask("setExceptionBreakpoints", filters=["nix"])["breakpoints"]
        self.assertEqual(answers[0]["verified"], False)
        self.assertIn("nix", answers[0]["message"])
        self.goodbye(adapter, target)


@harness.per_interpreter
class Launch(Base):
    def launch(self, interp, **options):
        adapter = self.adapter()
        adapter.ask("initialize", adapterID="x")
        adapter.ask("launch", python=interp.path, **options)
        adapter.event("initialized")
        return adapter

    @harness.each_interpreter
    def test_stop_on_entry_and_end(self, interp):
        if interp.root:
            self.skipTest("in another root: launch starts what lies in ours")
        script = interp.install(os.path.join(harness.TARGETS, "exits.py"))
        adapter = self.launch(interp, program=script, args=["5", "two words"], env={"SHOP": "tea"}, stopOnEntry=True)
        answers = adapter.ask("setBreakpoints", source={"path": script}, breakpoints=[{"line": 8}])["breakpoints"]
        self.assertTrue(answers[0]["verified"], answers)
        adapter.ask("configurationDone")
        stop = adapter.event("stopped")
        self.assertEqual(stop["reason"], "entry")
        adapter.ask("continue", threadId=stop["threadId"])
        stop = adapter.event("stopped")
        self.assertEqual((stop["reason"], adapter.top()["line"]), ("breakpoint", 8))
        adapter.ask("continue", threadId=stop["threadId"])
        self.assertEqual(adapter.event("exited")["exitCode"], 5)
        adapter.event("terminated")
        said = "".join(m["body"]["output"] for m in adapter.all if m.get("event") == "output" and m["body"]["category"] == "stdout")
        self.assertEqual(said, "tea ['two words']\n")
        adapter.ask("disconnect")
        self.assertEqual(adapter.end(), 0)

    def test_disconnect_ends_it(self):
        for terminate, alive in ((None, False), (True, False), (False, True)):
            adapter = self.launch(interpreters.one(), program=SCRIPT)
            adapter.ask("configurationDone")
            pid = next(m["body"]["systemProcessId"] for m in adapter.all if m.get("event") == "process")
            # from then on it writes nothing: there is nobody to read it
            while "ready" not in adapter.event("output")["output"]:
                pass
            self.assertTrue(os.path.exists("/proc/%d/maps" % pid))
            adapter.ask("disconnect", **({} if terminate is None else {"terminateDebuggee": terminate}))
            self.assertEqual(adapter.end(), 0)
            self.assertEqual(os.path.exists("/proc/%d/fd/0" % pid), alive)
            if alive:
                os.kill(pid, 9)

    def test_terminate(self):
        """It ends what was started, stopped or not, and nothing else; the program may have its say."""
        script = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(7))\nwhile True: signal.pause()\n"
        folder = tempfile.mkdtemp(prefix="pybpfdbg-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "waits.py")
        with open(path, "w") as f:
            f.write(script)
        for program, entry, code in ((path, False, 7), (path, True, 128 + 15)):
            adapter = self.launch(interpreters.one(), program=program, stopOnEntry=entry)
            told = next(m["body"] for m in adapter.all if m.get("event") == "capabilities")
            self.assertTrue(told["capabilities"]["supportsTerminateRequest"])
            adapter.ask("configurationDone")
            if entry:
                adapter.event("stopped")
            else:
                pid = next(m["body"]["systemProcessId"] for m in adapter.all if m.get("event") == "process")
                harness.wait_for(lambda: self.handles_sigterm(pid), what="its handler")
            adapter.ask("terminate")
            self.assertEqual(adapter.event("exited")["exitCode"], code)
            adapter.event("terminated")
        target = self.orders()
        adapter = self.attached(target)
        self.refused(adapter, "not started here", "terminate")
        self.goodbye(adapter, target)

    def handles_sigterm(self, pid):
        with open("/proc/%d/status" % pid) as f:
            return int(next(text for text in f if text.startswith("SigCgt")).split()[1], 16) >> 14 & 1

    def test_bad(self):
        adapter = self.adapter()
        for word, options in (("either program or module", {}), ("/nonexistent.py", {"program": "/nonexistent.py"}),
                              ("no string", {"program": SCRIPT, "args": [1]}), ("internalConsole", {"program": SCRIPT, "console": "integratedTerminal"}),
                              ("/nonexistent", {"program": SCRIPT, "cwd": "/nonexistent"}), ("nopython", {"program": SCRIPT, "python": "nopython"})):
            self.refused(adapter, word, "launch", **options)
        self.assertEqual([m for m in adapter.all if m["type"] == "event"], [])
        # nothing is left of them: the next one sees no descriptor more
        fds = os.listdir("/proc/%d/fd" % adapter.proc.pid)
        self.refused(adapter, "nopython", "launch", program=SCRIPT, python="nopython")
        self.assertEqual(os.listdir("/proc/%d/fd" % adapter.proc.pid), fds)


class Limits(Base):
    def test_garbage(self):
        """Whatever a client sends: its session ends, the target runs on."""
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"Content-Length: -1\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n",
                     b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", b"x" * 5000, b"Content-Length: 3\r\n\r\n{x}",
                     b"Content-Length: 2\r\n\r\n[]", dap.frame({"x": json.loads("[" * 100 + "]" * 100)}),
                     b"Content-Length: 7\r\n\r\n\"\\ud800\""):
            target = self.orders()
            adapter = self.attached(target)
            try:
                adapter.raw(data)
            except BrokenPipeError:
                pass
            self.assertIn(adapter.end(), (0, 1))
            self.assertEqual([m["event"] for m in adapter.all if m["type"] == "event"][-1], "terminated")
            self.assertUntouched(target)
            target.end()

    def test_client_vanishes(self):
        target = self.orders()
        for tail in (b"", b"Content-Le", b"Content-Length: 100\r\n\r\n{\"seq\""):
            adapter = self.attached(target)
            self.set_lines(adapter, target, {"line": line("second")})
            adapter.event("stopped")
            adapter.raw(tail)
            adapter.proc.stdin.close()
            adapter.proc.stdout.close()
            adapter.proc.wait(20)
            self.assertUntouched(target)

    def test_not_for_a_client(self):
        target = self.orders()
        adapter = self.attached(target)
        for message in ({}, {"type": "response", "request_seq": 1, "success": True, "command": "threads"},
                        {"type": "request"}, {"type": "request", "command": 7, "seq": 1}):
            adapter.raw(dap.frame(message))
        self.assertTrue(adapter.ask("threads")["threads"])
        self.goodbye(adapter, target)


class Servers(Base):
    """TCP needs the token; a unix socket knows who asks."""

    def server(self, *args, **env):
        proc = subprocess.Popen([harness.DEBUGGER, "dap"] + list(args), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                env=dict(os.environ, **env))
        self.addCleanup(proc.stderr.close)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.terminate)
        return proc

    def client(self, sock):
        self.addCleanup(sock.close)
        return dap.Client(sock.fileno(), sock.fileno())

    def test_tcp(self):
        proc = self.server("--listen", "127.0.0.1:0", PYBPFDBG_TOKEN="sesame")
        said = proc.stderr.readline().decode()
        port = int(said.split("127.0.0.1:")[1].split(",")[0])
        target = self.orders()
        for token in (None, "", "sesamo", "sesame7"):
            client = self.client(socket.create_connection(("127.0.0.1", port)))
            self.refused(client, "token", "attach", processId=target.pid, **({} if token is None else {"token": token}))
        client.attach(target.pid, token="sesame")
        other = self.client(socket.create_connection(("127.0.0.1", port)))
        other.raw(b"nonsense\r\n\r\n")
        self.assertTrue(client.ask("threads")["threads"])
        client.ask("disconnect")
        client.event("terminated")
        self.assertIsNone(client.message())
        self.assertUntouched(target)

    def test_sessions_are_bounded(self):
        proc = self.server("--listen", "127.0.0.1:0", PYBPFDBG_TOKEN="sesame")
        port = int(proc.stderr.readline().decode().split("127.0.0.1:")[1].split(",")[0])
        clients = [self.client(socket.create_connection(("127.0.0.1", port))) for _ in range(16)]
        for client in clients:
            client.ask("initialize", adapterID="x")
        self.assertIsNone(self.client(socket.create_connection(("127.0.0.1", port))).message())
        self.assertIn("16 sessions", proc.stderr.readline().decode())

    def test_unix_socket(self):
        directory = tempfile.mkdtemp(prefix="pybpfdbg-")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "dap.sock")
        own = os.getgroups()
        os.setgroups([0, 4242])
        proc = self.server("--socket", path)
        os.setgroups(own)
        self.assertIn("listening", proc.stderr.readline().decode())
        target = self.orders()

        def connect():
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(path)
            return sock

        client = self.client(connect())
        client.attach(target.pid)
        client.ask("disconnect")
        # another user: its own process and no other
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "dap_other_user.py")
        run = subprocess.run([sys.executable, script, path, str(target.pid), str(proc.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             timeout=60)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertIn("belongs to another user", run.stdout.decode())
        self.assertIn("own process: attached", run.stdout.decode())
        self.assertIn("secret: refused", run.stdout.decode())
        self.assertIn("groups: kept", run.stdout.decode())
        self.assertNotIn("groups: [", run.stdout.decode())
        self.assertUntouched(target)

    def test_bad_arguments(self):
        for args, status, word in ((["--frob"], 2, "not known"), (["--listen"], 2, "argument"), (["x"], 2, "usage"),
                                   (["--listen", "nowhere"], 1, "nowhere"), (["--socket", "/nonexistent/x"], 1, "/nonexistent/x")):
            run = self.debug("dap", *args)
            self.assertEqual((run.status, run.out), (status, ""), run)
            self.assertIn(word, run.err)
            self.assertEqual(run.err.count("\n"), 1)


if __name__ == "__main__":
    harness.main()
