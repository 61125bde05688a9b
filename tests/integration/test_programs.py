# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""Real programs under load: Django in gunicorn, tornado, gevent. What does not stop fails no request, nor does anything after detach;
those that wait at a stop are answered, too."""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import test_children

PYTHON = "/usr/bin/python3"


def has(*modules):
    return not subprocess.run([PYTHON, "-c", "import " + ", ".join(modules)], stderr=subprocess.DEVNULL).returncode


class Programs(harness.TestCase):
    def begin(self, *argv, **kwargs):
        proc = subprocess.Popen([PYTHON] + list(argv), cwd=harness.TARGETS, stderr=subprocess.DEVNULL, **kwargs)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.kill)
        return proc

    def spoken(self, file):
        """A server that says its port: pid, port."""
        proc = self.begin("-u", file, stdout=subprocess.PIPE)
        self.addCleanup(proc.stdout.close)
        return proc.pid, int(proc.stdout.readline())

    def check(self, pid, port, file, function):
        with open(os.path.join(harness.TARGETS, file)) as f:
            line = next(n for n, text in enumerate(f, 1) if "# page" in text)
        place = "%s:%d" % (file, line)
        load = test_children.Load(port, 2)
        self.addCleanup(load.end)
        load.until(20)
        run = self.debug("count", pid, place, "--for", "0.4", "--json")
        self.assertGreater(run.of("count")[0]["hits"], 0, run)
        run = self.debug("log", pid, place, "{served}", "--count", "5", "--json")
        numbers = [int(e["text"]) for e in run.of("log")]
        self.assertEqual((run.status, numbers), (0, list(range(numbers[0], numbers[0] + 5))), run)
        run = self.debug("snap", pid, place, "--count", "2", "--json")
        self.assertEqual([s["frames"][0]["function"] for s in run.of("snapshot")], [function] * 2, run)
        run = self.debug("dump", pid, "--json")
        self.assertTrue(run.of("stack"), run)
        load.until(20)
        self.assertEqual(load.failed, [])
        commands = ["break " + place, "continue", "where", "locals", "next", "step", "p number", "return", "clear 1", "detach"]
        run = self.debug("attach", pid, "--json", *[word for c in commands for word in ("-c", c)])
        self.assertEqual(run.status, 0, run)
        stops = [(e["reason"], e["line"], e["function"]) for e in run.of("stopped")]
        self.assertEqual(stops[:2], [("breakpoint", line, function), ("step", line + 1, function)], run)
        self.assertEqual([s[2] for s in stops[2:]], ["price", "price"], run)
        self.assertEqual(len(run.of("detached")), 1, run)
        load.until(50)
        sent, failed = load.end()
        self.assertEqual(failed, [])
        self.assertGreater(sent, 90)

    def test_django_in_gunicorn(self):
        if not has("django", "gunicorn"):
            self.skipTest("no Django or gunicorn here")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        proc = self.begin("-m", "gunicorn", "-w", "1", "-k", "gthread", "--threads", "1", "--bind", "127.0.0.1:%d" % port,
                          "web_django:application", stdout=subprocess.DEVNULL)
        self.addCleanup(proc.terminate)
        harness.wait_for(lambda: test_children.Workers.answers(None, port), what="gunicorn")
        (worker,) = test_children.Workers.workers(None, proc.pid)
        self.check(worker, port, "web_django.py", "page")

    def test_tornado(self):
        if not has("tornado"):
            self.skipTest("no tornado here")
        self.check(*self.spoken("web_tornado.py"), "web_tornado.py", "Page.get")

    def test_gevent(self):
        if not has("gevent"):
            self.skipTest("no gevent here")
        self.check(*self.spoken("web_gevent.py"), "web_gevent.py", "application")


if __name__ == "__main__":
    harness.main()
