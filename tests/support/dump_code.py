# SPDX-License-Identifier: BSD-2-Clause
"""Code objects of large modules and what the interpreter itself says of them, for test_bytecode.c. One code object is
"code NAME FIRSTLINE", then "b", "l", "e" (bytecode, line table, exception table in hexadecimal), "L" (line of each unit as LINE*COUNT,
0: none), "I" (START:AT:OPCODE:TARGET of each instruction, target -1: none). At the end "done"."""
import dis
import importlib
import sys

MINOR = sys.version_info[1]
MODULES = ["argparse", "difflib", "tarfile", "asyncio.tasks", "typing", "email.header", "contextlib"]
JUMPS = set(dis.hasjrel) | set(dis.hasjabs) | set(getattr(dis, "hasjump", ()))


def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, type(code)):
            yield from codes(const)


def lines(code):
    size = len(code.co_code)
    out = [0] * (size // 2)
    if MINOR >= 10:
        ranges = list(code.co_lines())
    else:
        starts = list(dis.findlinestarts(code))
        ranges = [(a, b, line) for (a, line), (b, _) in zip(starts, starts[1:] + [(size, 0)])]
    for start, end, line in ranges:
        for unit in range(start // 2, min(end, size) // 2):
            out[unit] = line or 0
    return out


def packed(values):
    out = []
    for value in values:
        if out and out[-1][0] == value:
            out[-1][1] += 1
        else:
            out.append([value, 1])
    return " ".join("%d*%d" % tuple(pair) for pair in out)


def instructions(code):
    start = None
    for i in dis.get_instructions(code):
        if i.opcode == dis.EXTENDED_ARG:
            start = i.offset if start is None else start
            continue
        if i.opname == "CACHE":
            continue
        # END_ASYNC_FOR of 3.15 names its loop, for monitoring; it does not go there.
        target = i.argval if i.opcode in JUMPS and i.opname != "END_ASYNC_FOR" else -1
        yield "%d:%d:%d:%d" % (i.offset if start is None else start, i.offset, i.opcode, target)
        start = None


def main():
    for name in MODULES:
        with open(importlib.import_module(name).__file__, encoding="utf-8") as f:
            code = compile(f.read(), name, "exec")
        for c in codes(code):
            print("code", c.co_name.replace(" ", "_"), c.co_firstlineno)
            print("b", c.co_code.hex())
            print("l", (c.co_linetable if MINOR >= 10 else c.co_lnotab).hex())
            print("e", getattr(c, "co_exceptiontable", b"").hex())
            print("L", packed(lines(c)))
            print("I", " ".join(instructions(c)))
    print("done")


main()
