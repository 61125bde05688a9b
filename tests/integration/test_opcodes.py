#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""probes/cpython/opcodes_gen.h is what tools/gen_opcodes.py says of the interpreters here. One test a minor version."""
# No watch slot: it asks interpreters, not a debugger.
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

TABLE = re.compile(r"ops_(\d+)\[256\] = \{\n(.*?)\n\};", re.S)


def tables(text):
    return {int(minor): body for minor, body in TABLE.findall(text)}


def main():
    with open(os.path.join(harness.TOP, "probes", "cpython", "opcodes_gen.h")) as f:
        have = tables(f.read())
    passed = failed = 0
    for interp in interpreters.find():
        if not interp.supported or interp.debug:
            continue
        out = subprocess.run([sys.executable, os.path.join(harness.TOP, "tools", "gen_opcodes.py"),
                              " ".join(interp.argv([]))], stdout=subprocess.PIPE, check=True).stdout.decode()
        same = tables(out)[interp.minor] == have.get(interp.minor)
        passed += same
        failed += not same
        if not same:
            print("%s: its opcodes are not those of opcodes_gen.h" % interp)
    if os.geteuid() != 0 and not passed + failed:
        print("chroot needs root")
    print("%d passed, %d failed, %d skipped" % (passed, failed, 0 if passed + failed else 1))
    return 1 if failed else 0


sys.exit(main())
