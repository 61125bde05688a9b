# SPDX-License-Identifier: BSD-2-Clause
"""Greenlets as the program itself knows them; and a program that switches stacks does not mind being debugged."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters


def usable():
    """Debian's Python if it has gevent and greenlet in the version that we know; else None."""
    interp = next((i for i in interpreters.find() if i.path == "/usr/bin/python3" and i.minor == 11), None)
    if not interp:
        return None
    proc = interp.start(["-c", "import gevent, greenlet; print(greenlet.__version__)"], stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL)
    return interp if proc.communicate()[0].strip() == b"2.0.2" else None


INTERP = usable()


@unittest.skipUnless(INTERP, "no python3-gevent with greenlet 2.0.2 here")
class Greenlets(harness.TestCase):
    def test_list(self):
        target = self.start(INTERP, "gevents.py")
        known = json.loads(target.first)
        run = self.debug("attach", target.pid, "--json", "-c", "greenlets", "-c", "interrupt", "-c", "greenlets")
        self.assertEqual(run.status, 0, run)
        found = run.of("greenlet")
        for listing in found[:len(found) // 2], found[len(found) // 2:]:
            by_id = {int(g["id"], 16): g for g in listing}
            for ident, kind, state, frames in known:
                g = by_id.pop(ident)
                self.assertEqual((g["type"], g["state"]), (kind, state), run)
                self.assertEqual(g["main"], state == "running" and kind == "greenlet.greenlet", run)
                if state == "running" and not g["main"]:
                    self.assertEqual((g["thread"], g["frames"][0]["function"]), (target.pid, "report"), run)
                else:
                    self.assertEqual([[f["function"], f["line"]] for f in g["frames"]], frames, run)
            # what the program has not made: the hub, and the main greenlet of the first thread
            self.assertEqual(sorted((g["type"], g["main"]) for g in by_id.values()),
                             [("gevent.hub.Hub", False), ("greenlet.greenlet", True)], run)
        running = next(ident for ident, kind, state, _ in known if state == "running" and kind.startswith("gevent"))
        self.assertEqual(int(run.of("stopped")[0]["greenlet"]["id"], 16), running, run)
        run = self.debug("dump", target.pid, "--greenlets")
        self.assertIn("(gevent.hub.Hub) suspended", run.out, run)
        self.assertUntouched(target)

    def test_switching(self):
        """Stops, steps and snapshots between switches: each greenlet goes on with its own stack."""
        target = self.start(INTERP, "gevents.py")
        target.send("\n")
        self.assertEqual(target.line(), "works")
        with open(target.script) as f:
            line = next(n for n, text in enumerate(f, 1) if text.endswith("# counts\n"))
        run = self.debug("attach", target.pid, "--json", "-c", "break gevents.py:%d" % line, "-c", "continue", "-c",
                         "next", "-c", "next", "-c", "p i, n", "-c", "continue", "-c", "return", "-c", "clear", timeout=90)
        self.assertEqual(run.status, 0, run)
        stops = run.of("stopped")
        self.assertGreaterEqual(len(stops), 4, run)
        for stop in stops:
            self.assertEqual(stop["greenlet"]["type"], "gevent._gevent_cgreenlet.Greenlet", run)
        self.assertEqual([s["greenlet"]["id"] for s in stops[:3]], [stops[0]["greenlet"]["id"]] * 3, run)
        run = self.debug("snap", target.pid, "gevents.py:%d" % line, "--json", "--count", 20, timeout=90)
        self.assertEqual(run.status, 0, run)
        run = self.debug("count", target.pid, "gevents.py:step", "--for", 0.5)
        self.assertUntouched(target)
        target.send("\n")
        self.assertEqual(target.line(), "sums True")
        self.assertEqual(target.proc.wait(20), 0)


class NoGreenlets(harness.TestCase):
    def test_none(self):
        target = self.start(interpreters.one(), "busy.py")
        run = self.debug("dump", target.pid, "--greenlets")
        self.assertEqual(run.status, 0, run)
        self.assertIn("no greenlets", run.out)

    def test_unknown_version(self):
        target = self.start_code(interpreters.one(), "import sys, types, time; m = types.ModuleType('greenlet'); "
                                 "m.greenlet = object; m.__version__ = '99.1'; sys.modules['greenlet'] = m; print(1); "
                                 "time.sleep(1000)")
        run = self.debug("attach", target.pid, "-c", "greenlets")
        self.assertEqual(run.status, 1, run)
        self.assertIn("greenlet 99.1 with Python 3", run.err)
        run = self.debug("dump", target.pid)
        self.assertEqual(run.status, 0, run)


if __name__ == "__main__":
    harness.main()
