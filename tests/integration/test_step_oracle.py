# SPDX-License-Identifier: BSD-2-Clause
"""Steps stop where pdb stops, driven with the same commands in the same program, on every interpreter.

Sequences are made from a seed, which a failure prints; PYBPFDBG_STEP_SEED and PYBPFDBG_STEP_RUNS choose others.
"""
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import terminal

SEED = int(os.environ.get("PYBPFDBG_STEP_SEED", "20"))
RUNS = int(os.environ.get("PYBPFDBG_STEP_RUNS", "6"))
COMMANDS = 25
DRIVER = os.path.join(harness.TOP, "tests", "support", "step_driver.py")
PROGRAMS = ["classes.py", "closures.py", "comprehensions.py", "coroutines.py", "decorators.py", "generators.py",
            "loops.py", "multiline.py", "recursion.py", "tryfinally.py", "withs.py", "walrus_38.py", "match_310.py",
            "exceptstar_311.py", "generics_312.py"]


def programs(interp):
    for name in PROGRAMS:
        tail = name.split(".")[0].rpartition("_3")[2]
        if not tail.isdigit() or interp.minor >= int(tail):
            yield name


def function(stop):
    return stop["function"].rpartition(".")[2]


@harness.per_interpreter
class Oracle(harness.TestCase):
    def pdb(self, interp, folder, program, line, seed):
        """What pdb stops at; no stops when it never comes to the line."""
        proc = interp.start([folder + "/step_driver.py", folder + "/" + program, str(line), str(seed), str(COMMANDS)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = proc.communicate(timeout=60)
        self.assertEqual(proc.returncode, 0, err.decode())
        return json.loads(out.decode().splitlines()[-1])

    def ours(self, interp, folder, program, line, wanted):
        """Replay the commands; a text that says where it went wrong, or None."""
        target = harness.Target(interp, folder + "/step_driver.py", [folder + "/" + program], installed=True)
        piped = terminal.Piped("attach", target.pid, "--json")
        try:
            return self.replay(target, piped, folder + "/" + program, line, wanted["stops"], wanted["generators"])
        finally:
            piped.close()
            target.end()

    def replay(self, target, piped, program, line, stops, generators):
        said = []
        self.assertEqual(piped.event()["event"], "attached")
        piped.send("set just-my-code off\ntbreak %s:%d\ncontinue\n" % (program, line))
        bound = piped.event()
        if "watch slot" in bound.get("message", ""):
            return None  # a line in more places than there are slots
        self.assertEqual(bound["event"], "bound", bound)
        target.send("\n")
        for command, kind, name, at in stops:
            if command:
                piped.send(command + "\n")
            stop = self.stop(piped)
            if stop is None or stop["file"] != program:
                got = ("end", "", 0)
            else:
                got = (stop.get("step", "line"), function(stop), stop["line"])
            said.append("%-10s %-30s %s" % (command, (kind, name, at), got if got != (kind, name, at) else ""))
            if got == (kind, name, at):
                continue
            if got[0] == "return" and command != "step" and got[1] in generators:
                self.cut += 1  # at the end of a generator pdb goes on (docs/STEPPING.md)
                return None
            return "\n".join(said)
        return None

    def stop(self, piped):
        while True:
            event = piped.event()
            if event["event"] == "stopped":
                return event
            if event["event"] == "exited":
                return None
            self.assertIn(event["event"], ("resumed", "bound"), event)

    @harness.each_interpreter
    def test_stops(self, interp):
        names = list(programs(interp))
        dice = random.Random(SEED)
        folder = interp.mkdtemp()
        self.cut = runs = stops = 0
        bad = []
        for name in names:
            interp.install(os.path.join(harness.TARGETS, name), folder)
        interp.install(DRIVER, folder)
        while runs < RUNS:
            program = names[(runs + SEED) % len(names)]
            with open(os.path.join(harness.TARGETS, program), encoding="utf-8") as f:
                lines = len(f.read().splitlines())
            line, seed = dice.randrange(1, lines + 1), dice.randrange(1 << 30)
            wanted = self.pdb(interp, folder, program, line, seed)
            if not wanted["stops"] or wanted["stops"][0][1] == "end":
                continue
            runs += 1
            stops += len(wanted["stops"])
            why = self.ours(interp, folder, program, line, wanted)
            if why:
                bad.append("%s:%d seed %d\n%s" % (program, line, seed, why))
        print("%s: %d sequences, %d stops, %d cut at the end of a generator" % (interp, runs, stops, self.cut))
        self.assertGreater(stops, runs)
        self.assertFalse(bad, "SEED %d: %d of %d differ\n%s" % (SEED, len(bad), runs, "\n\n".join(bad)))


if __name__ == "__main__":
    harness.main()
