# SPDX-License-Identifier: BSD-2-Clause
"""The Debug Adapter Protocol with the client that adapters are tested with: every message is held against the protocol's types."""
import filecmp
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = os.path.join(TOP, "build", "npm")
PACKAGE = os.path.join(TOP, "tests", "dap", "package.json")


def node_modules():
    """The directory of the npm packages, installed when they are not there. A SkipTest says why they cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("no node and npm here")
    copy, done = os.path.join(MODULES, "package.json"), os.path.join(MODULES, "done")
    if not (os.path.exists(done) and filecmp.cmp(PACKAGE, done, shallow=False)):
        os.makedirs(MODULES, exist_ok=True)
        shutil.copyfile(PACKAGE, copy)
        run = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"], cwd=MODULES,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        if run.returncode:
            raise unittest.SkipTest("npm install: " + run.stdout.decode(errors="replace").strip()[-200:])
        shutil.copyfile(PACKAGE, done)
    return os.path.join(MODULES, "node_modules")


class Load:
    """Requests, one after the other, until end(); what failed is kept."""

    def __init__(self, port):
        self.port, self.served, self.failed = port, 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/shop")
                response = connection.getresponse()
                response.read()
                connection.close()
                if response.status != 200:
                    self.failed.append("status %d" % response.status)
                self.served += 1
            except (OSError, http.client.HTTPException) as e:
                self.failed.append(repr(e))

    def end(self):
        self._over.set()
        self._thread.join(40)


class Gunicorn(harness.TestCase):
    def gunicorn(self):
        """(pid of the one worker, port)"""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        sock.close()
        proc = subprocess.Popen(["/usr/bin/python3", "-m", "gunicorn", "--workers", "1", "--timeout", "120", "--bind", "127.0.0.1:%d" % port,
                                 "--chdir", harness.TARGETS, "wsgi_app:application"], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        self.addCleanup(proc.stderr.close)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.terminate)
        for text in iter(proc.stderr.readline, b""):
            if b"Booting worker with pid: " in text:
                return int(text.split(b"pid: ")[1]), port
        self.fail("gunicorn did not start")

    def lines(self):
        with open(os.path.join(harness.TARGETS, "wsgi_app.py"), encoding="utf-8") as f:
            return {text.rsplit("# ", 1)[1].strip(): n for n, text in enumerate(f, 1) if "  # " in text}

    @unittest.skipUnless(os.path.exists("/usr/lib/python3/dist-packages/gunicorn"), "no gunicorn here")
    def test_session(self):
        modules = node_modules()
        pid, port = self.gunicorn()
        load = Load(port)
        self.addCleanup(load.end)
        config = {"program": harness.DEBUGGER, "pid": pid, "file": os.path.join(harness.TARGETS, "wsgi_app.py"), "lines": self.lines()}
        run = subprocess.run(["node", os.path.join(TOP, "tests", "dap", "session.js"), json.dumps(config)],
                             env=dict(os.environ, PYBPFDBG_NODE_MODULES=modules), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertRegex(run.stdout.decode(), r"^[1-9][0-9]+ messages\n$")
        before = load.served
        self.wait(lambda: load.served > before + 20)
        load.end()
        self.assertEqual(load.failed, [])

    def wait(self, what):
        for _ in range(600):
            if what():
                return
            threading.Event().wait(0.05)
        self.fail("it did not happen")

    def test_extension_is_packaged(self):
        modules = node_modules()
        directory = os.path.join(TOP, "build", "vscode")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(os.path.join(TOP, "tools", "vscode"), directory)
        subprocess.run(["node", "--check", "extension.js"], cwd=directory, check=True)
        run = subprocess.run([os.path.join(modules, ".bin", "vsce"), "package", "--no-dependencies", "--allow-missing-repository"],
                             cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        self.assertEqual(run.returncode, 0, run.stdout.decode())
        self.assertEqual([n for n in os.listdir(directory) if n.endswith(".vsix")], ["pybpfdbg-0.1.0.vsix"])

    def test_process_picker(self):
        modules = node_modules()
        target = self.start_code(interpreters.one(), "import sys; print('ready', flush=True); sys.stdin.readline()")
        self.assertTrue(modules)
        out = subprocess.run(["node", "-e", "console.log(JSON.stringify(require(process.argv[1]).pythons(require('fs')).map(p => p.pid)))",
                              os.path.join(TOP, "tools", "vscode", "processes.js")], stdout=subprocess.PIPE, check=True).stdout
        pids = json.loads(out.decode())
        self.assertIn(target.pid, pids)
        self.assertNotIn(1, pids)


if __name__ == "__main__":
    harness.main()
