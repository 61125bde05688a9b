# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: two lines of one program.
"""The Debug Adapter Protocol: the rules that adapters get wrong."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dap_case
import harness
import interpreters


@harness.per_interpreter
class MainPath(dap_case.Case):
    @harness.each_interpreter
    def test_break_look_go_on(self, interp):
        target = self.orders(interp)
        adapter = self.attached(target)
        names = {t["name"] for t in adapter.ask("threads")["threads"]}
        self.assertIn("worker-1", names)
        wanted = dap_case.line("second")
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


class Rules(dap_case.Case):
    def stopped(self, **wish):
        target = self.orders()
        adapter = self.attached(target)
        self.set_lines(adapter, target, dict({"line": dap_case.line("second")}, **wish))
        adapter.ask("configurationDone")
        adapter.event("stopped")
        return target, adapter

    def test_replace_all_in_order(self):
        target = self.orders()
        adapter = self.attached(target)
        first, second = dap_case.line("first"), dap_case.line("second")
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

    @harness.all_slots
    def test_no_slot(self):
        target = self.orders()
        adapter = self.attached(target)
        with open(dap_case.SCRIPT, encoding="utf-8") as f:
            begin = next(n for n, text in enumerate(f, 1) if "def work" in text)
        answers = self.set_lines(adapter, target, *[{"line": n} for n in
                                                    [dap_case.line(m) for m in ("first", "second", "last", "call")] + [begin + 1]])
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
        first, last = dap_case.line("first"), dap_case.line("last")
        lines = adapter.ask("breakpointLocations", source={"path": target.script}, line=first, endLine=last)["breakpoints"]
        self.assertEqual([b["line"] for b in lines], list(range(first, last + 1)))
        self.goodbye(adapter, target)

    def test_path_mappings(self):
        target = self.orders()
        where = os.path.dirname(target.script)
        adapter = self.attached(target, pathMappings=[{"localRoot": "/work/shop/", "remoteRoot": where}])
        answers = adapter.ask("setBreakpoints", source={"path": "/work/shop/orders.py"},
                              breakpoints=[{"line": dap_case.line("last")}])["breakpoints"]
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
        answers = self.set_lines(adapter, target, {"line": dap_case.line("last")})
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


class LongWork(dap_case.Case):
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
class LogsAndExceptions(dap_case.Case):
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
        self.set_lines(adapter, target, {"line": dap_case.line("first")})
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


if __name__ == "__main__":
    harness.main()
