#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""On every interpreter: the count of each line of the bundled programs equals the line events of sys.settrace, cold and
warm. One test a line; see tests/support/count_oracle.c. Arguments select interpreters by part of their name."""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

TOOL = os.path.join(harness.BUILD, "support", "count_oracle")
CLOSING = re.compile(r"^\S+: (\d+) passed, (\d+) failed, (\d+) skipped$")
TIMEOUT = 120


def programs():
    """The targets that have a workload."""
    found = []
    for path in sorted(glob.glob(os.path.join(harness.TARGETS, "*.py"))):
        with open(path) as f:
            if "for the count oracle" in f.read():
                found.append(path)
    return found


def run(interp):
    directory = interp.mkdtemp() if interp.root else None
    files = [interp.install(path, directory) for path in [os.path.join(harness.HERE, "count_driver.py")] + programs()]
    argv = [TOOL] + (["-r", interp.root] if interp.root else []) + [interp.path] + files
    with tempfile.TemporaryFile("w+") as out:
        try:
            status = subprocess.run(argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=TIMEOUT).returncode
        except subprocess.TimeoutExpired:
            status = "took more than %d s" % TIMEOUT
        out.seek(0)
        lines = out.read().splitlines()
    sums = CLOSING.match(lines[-1]) if lines else None
    if not sums or (status != 0) != (sums.group(2) != "0"):
        print("\n".join(lines[-5:] + ["%s: status %s" % (interp, status)]))
        return [0, 1, 0]
    print("%s: %s" % (interp, lines[-1].split(": ", 1)[1]))
    for line in lines[:-1]:
        if "not for this version" not in line:
            print("    " + line)
    return [int(n) for n in sums.groups()]


def main():
    total = [0, 0, 0]
    if os.geteuid() != 0:
        print("needs root\n0 passed, 0 failed, 1 skipped")
        return 0
    for interp in interpreters.find():
        if not interp.supported or (sys.argv[1:] and not any(arg in interp.name for arg in sys.argv[1:])):
            continue
        total = [a + b for a, b in zip(total, run(interp))]
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


sys.exit(main())
