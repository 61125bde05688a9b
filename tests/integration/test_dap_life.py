# SPDX-License-Identifier: BSD-2-Clause
"""The Debug Adapter Protocol: programs that it starts, what clients may send, and who may attach."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dap
import dap_case
import harness
import interpreters


@harness.per_interpreter
class Launch(dap_case.Case):
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
            adapter = self.launch(interpreters.one(), program=dap_case.SCRIPT)
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
                              ("no string", {"program": dap_case.SCRIPT, "args": [1]}), ("internalConsole", {"program": dap_case.SCRIPT, "console": "integratedTerminal"}),
                              ("/nonexistent", {"program": dap_case.SCRIPT, "cwd": "/nonexistent"}), ("nopython", {"program": dap_case.SCRIPT, "python": "nopython"})):
            self.refused(adapter, word, "launch", **options)
        self.assertEqual([m for m in adapter.all if m["type"] == "event"], [])
        # nothing is left of them: the next one sees no descriptor more
        fds = os.listdir("/proc/%d/fd" % adapter.proc.pid)
        self.refused(adapter, "nopython", "launch", program=dap_case.SCRIPT, python="nopython")
        self.assertEqual(os.listdir("/proc/%d/fd" % adapter.proc.pid), fds)


class Limits(dap_case.Case):
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
            self.set_lines(adapter, target, {"line": dap_case.line("second")})
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


class Servers(dap_case.Case):
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
