# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: one line, or two.
"""`snap`: the frames and locals of a hit as the program itself sees them, without a stop; on a web server under load too."""
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

OPTIONS = os.environ.get("PYBPFDBG_LOG_OPTIONS", "").split()  # as test_log.py has it
SCRIPT = os.path.join(harness.TARGETS, "snap_frames.py")
SHOP = os.path.join(harness.TARGETS, "wsgi_shop.py")
GUNICORN = "/usr/bin/gunicorn"


def line_of(script):
    with open(script, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# hit"))


WHERE = "snap_frames.py:%d" % line_of(SCRIPT)


@harness.per_interpreter
class Frames(harness.TestCase):
    def snap(self, target, *args):
        snap = terminal.Piped("snap", "--json", *OPTIONS, *args, target.pid, WHERE)
        self.addCleanup(snap.close)
        self.assertEqual(snap.event(60)["event"], "bound")
        target.send("go\n")
        said = json.loads(target.line(60))
        events, status = snap.end(60)
        self.assertEqual(status, 0)
        return said, next(e for e in events if e["event"] == "snapshot"), events

    def compare(self, said, snapshot, exact):
        """Every local of every frame is there, whole or marked; how many of them are whole."""
        whole = 0
        self.assertEqual(len(snapshot["frames"]), len(said))
        for frame, (name, wanted) in zip(snapshot["frames"], said):
            self.assertEqual(frame["function"].rsplit(".", 1)[-1], name)
            if name == "<module>":
                continue
            got = {v["name"]: v["repr"] for v in frame["locals"]}
            # what it made of itself to tell us, and what it told of before it had that
            self.assertEqual(sorted(set(got) - {"frames"}), sorted(set(wanted) - {"frames"}))
            for local in set(wanted) - {"frames"}:
                if got[local] == wanted[local]:
                    whole += 1
                elif "..." not in got[local]:
                    self.fail("%s of %s: %s, not %s" % (local, name, got[local][:200], wanted[local][:200]))
                elif local in exact:
                    self.fail("%s of %s is cut: %s" % (local, name, got[local][:200]))
        return whole

    @harness.each_interpreter
    def test_frames(self, interp):
        target = self.start(interp, SCRIPT)
        said, snapshot, events = self.snap(target)
        whole = self.compare(said, snapshot, ("depth", "table", "cycle", "cell", "n", "mark", "args", "kwargs", "item"))
        self.assertGreater(whole, 15)
        self.assertEqual(snapshot["pause_us"], 0)
        self.assertEqual(snapshot["thread"]["tid"], target.pid)
        self.assertEqual(snapshot["frames"][0]["line"], line_of(SCRIPT))
        inner = {v["name"]: v for v in snapshot["frames"][0]["locals"]}
        self.assertEqual(inner["huge"]["length"], 100000)
        self.assertTrue(inner["huge"]["repr"].startswith("[0, 1, 2, 3, ") and inner["huge"]["repr"].endswith("...]"))
        self.assertEqual(inner["text"]["length"], 50000)
        self.assertEqual(inner["cycle"]["repr"], "[1, 'two', [...]]")
        item = next(v for v in snapshot["frames"][1]["locals"] if v["name"] == "item")
        self.assertEqual([(c["name"], c["repr"]) for c in item["children"]], [("sku", "'A7'"), ("child", "{'of': 'A7'}")])
        self.assertEqual((events[-1]["event"], events[-1]["hits"], events[-1]["shown"]), ("count", 1, 1))
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_deep(self, interp):
        """With a stop: all that a snapshot without one cuts, and how long the thread stood."""
        target = self.start(interp, SCRIPT)
        said, snapshot, _ = self.snap(target, "--deep")
        self.compare(said, snapshot, [])
        self.assertGreater(snapshot["pause_us"], 0)
        inner = {v["name"]: v for v in snapshot["frames"][0]["locals"]}
        self.assertGreater(inner["huge"]["repr"].count(","), 900)
        self.assertEqual(inner["text"]["repr"].rstrip(".'\"").count("\u00e9"), 65536 // 2)
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_limits(self, interp):
        target = self.start(interp, SCRIPT)
        _, snapshot, _ = self.snap(target, "--frames", 2, "--items", 2, "--value-bytes", 3, "--depth", 1)
        self.assertEqual([f["function"].split(".")[-1] for f in snapshot["frames"]], ["innermost", "numbers"])
        inner = {v["name"]: v["repr"] for v in snapshot["frames"][0]["locals"]}
        self.assertEqual((inner["huge"], inner["cycle"], inner["text"]), ("[0, 1, ...]", "[1, 'two', ...]", "'\u00e9'..."))
        self.assertFalse(snapshot["truncated"])
        _, snapshot, _ = self.snap(target, "--record-bytes", 2048)
        self.assertTrue(snapshot["truncated"])
        self.assertUntouched(target)


class Ends(harness.TestCase):
    def test_time_runs_out(self):
        target = self.start(interpreters.one(), SCRIPT)
        for options in ((), ("--deep",)):
            run = self.debug("snap", target.pid, WHERE, "--for", "0.2", *options)
            self.assertEqual((run.status, run.out), (124, ""), run)
        self.assertUntouched(target)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Load(threading.Thread):
    """Requests one after the other until stop(); counts what went wrong."""

    def __init__(self, port):
        threading.Thread.__init__(self, daemon=True)
        self.port, self.good, self.bad, self.ended = port, 0, [], threading.Event()

    def run(self):
        while not self.ended.is_set():
            article = self.good % 50
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                c.request("GET", "/price/%d?n=%d" % (article, self.good))
                answer = c.getresponse()
                body = answer.read()
                c.close()
                if (answer.status, body) != (200, b"%d.99\n" % article):
                    self.bad.append((answer.status, body))
            except OSError as e:
                self.bad.append(e)
            self.good += 1


@unittest.skipUnless(os.path.exists(GUNICORN), "no gunicorn here")
class WebServer(harness.TestCase):
    def worker(self, port):
        """A server with one worker of four threads, answering; the worker's process id."""
        proc = subprocess.Popen([GUNICORN, "-w", "1", "--threads", "4", "-b", "127.0.0.1:%d" % port, "--chdir", harness.TARGETS,
                                 "wsgi_shop:application"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(proc.wait)
        self.addCleanup(proc.terminate)

        def answers():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        harness.wait_for(answers, what="gunicorn")
        children = "/proc/%d/task/%d/children" % (proc.pid, proc.pid)
        return int(harness.wait_for(lambda: open(children).read().split(), what="its worker")[0])

    def test_under_load(self):
        port = free_port()
        pid = self.worker(port)
        load = [Load(port) for _ in range(3)]
        for thread in load:
            thread.start()
        harness.wait_for(lambda: all(t.good for t in load), what="answers")
        where = "wsgi_shop.py:%d" % line_of(SHOP)
        run = self.debug("snap", "--json", "--count", 5, "--if", "article == '7'", pid, where)
        self.assertEqual(run.status, 0, run)
        logged = self.debug("log", "--json", "--count", 100, pid, where, "{request[\"user\"][\"id\"]} {article} {cents / 100:.2f}")
        self.assertEqual(logged.status, 0, logged)
        before = [t.good for t in load]
        harness.wait_for(lambda: all(t.good > b for t, b in zip(load, before)), what="answers after it")
        for thread in load:
            thread.ended.set()
        for thread in load:
            thread.join()
            self.assertEqual(thread.bad, [])
        snapshots = run.of("snapshot")
        self.assertEqual(len(snapshots), 5)
        for s in snapshots:
            inner = {v["name"]: v["repr"] for v in s["frames"][0]["locals"]}
            self.assertEqual((inner["article"], inner["cents"]), ("'7'", "799"))
            self.assertRegex(inner["request"], r"^\{'path': '/price/7', 'query': 'n=\d+', 'user': \{'id': 42, 'roles': \['buyer'\]\}\}$")
            self.assertIn("application", [f["function"] for f in s["frames"]])
            self.assertGreater(len(s["frames"]), 4)
            self.assertEqual(s["pause_us"], 0)
        texts = [e["text"] for e in logged.of("log")]
        self.assertEqual(len(texts), 100)
        for text in texts:
            article = int(text.split()[1])
            self.assertEqual(text, "42 %d %d.99" % (article, article))


if __name__ == "__main__":
    harness.main()
