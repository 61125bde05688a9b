# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the Debug Adapter Protocol share: a bundled program, and an adapter that is attached to it."""
import os

import dap
import harness
import interpreters

SCRIPT = os.path.join(harness.TARGETS, "orders.py")


def line(mark):
    with open(SCRIPT, encoding="utf-8") as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith("# " + mark))


class Case(harness.TestCase):
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
