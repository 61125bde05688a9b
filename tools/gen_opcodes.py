#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write probes/cpython/opcodes_gen.h: what every opcode byte of every minor version means to us.

    tools/gen_opcodes.py PYTHON... > probes/cpython/opcodes_gen.h
    tools/gen_opcodes.py --one            (run by the interpreter that is described: prints JSON)

PYTHON is an interpreter or "chroot DIR PROGRAM". Opcode numbers, cache sizes and specialised forms are
taken from the interpreter's own opcode modules; what an opcode does to the control flow is told from its name.
"""
import json
import subprocess
import sys

SAFE = set("""NOP POP_TOP ROT_TWO ROT_THREE ROT_FOUR ROT_N DUP_TOP DUP_TOP_TWO LOAD_CONST STORE_FAST POP_BLOCK
POP_EXCEPT SETUP_FINALLY SETUP_EXCEPT SETUP_LOOP LOAD_CLOSURE LOAD_BUILD_CLASS COPY SWAP PUSH_NULL PUSH_EXC_INFO
MAKE_CELL CACHE EXTENDED_ARG IS_OP STORE_GLOBAL STORE_DEREF MAKE_FUNCTION KW_NAMES GEN_START BEGIN_FINALLY
CALL_FINALLY POP_FINALLY JUMP_FORWARD JUMP_ABSOLUTE JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT BREAK_LOOP CONTINUE_LOOP
COPY_FREE_VARS RETURN_GENERATOR RETURN_VALUE RETURN_CONST END_FOR END_SEND POP_ITER NOT_TAKEN LOAD_SMALL_INT
LOAD_FAST_BORROW LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_LOAD_FAST STORE_FAST_STORE_FAST STORE_FAST_LOAD_FAST
LOAD_FAST_AND_CLEAR LOAD_COMMON_CONSTANT PUSH_NULL_2 POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE
POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_BACKWARD_IF_NONE POP_JUMP_BACKWARD_IF_NOT_NONE
INTERPRETER_EXIT GET_LEN_0 BUILD_TUPLE BUILD_LIST BUILD_SLICE TO_BOOL_BOOL RESUME""".split())

KINDS = {
    "EXTENDED_ARG": "EXTENDED_ARG", "CACHE": "CACHE", "RESUME": "RESUME",
    "JUMP_FORWARD": "JUMP", "JUMP_ABSOLUTE": "JUMP_ABS", "JUMP_BACKWARD": "JUMP_BACK",
    "JUMP_BACKWARD_NO_INTERRUPT": "JUMP_BACK_QUIET", "JUMP_NO_INTERRUPT": "JUMP",
    "FOR_ITER": "FOR_ITER", "SEND": "SEND",
    "RETURN_VALUE": "EXIT", "RETURN_CONST": "EXIT", "RAISE_VARARGS": "EXIT", "RERAISE": "EXIT",
    "INTERPRETER_EXIT": "EXIT",
    "YIELD_VALUE": "YIELD", "END_FOR": "END_FOR", "POP_ITER": "POP_ITER", "END_SEND": "END_SEND",
    "END_ASYNC_FOR": "END_ASYNC_FOR",
    "SETUP_FINALLY": "SETUP", "SETUP_EXCEPT": "SETUP", "SETUP_WITH": "SETUP", "SETUP_ASYNC_WITH": "SETUP",
    "SETUP_LOOP": "SETUP_LOOP", "POP_BLOCK": "POP_BLOCK", "POP_EXCEPT": "POP_BLOCK",
    "CONTINUE_LOOP": "CONTINUE_LOOP", "BREAK_LOOP": "BREAK_LOOP", "END_FINALLY": "END_FINALLY",
    "CALL_FINALLY": "CALL_FINALLY",
    "INSTRUMENTED_LINE": "INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION": "INSTRUMENTED_INSTRUCTION",
    "ENTER_EXECUTOR": "ENTER_EXECUTOR",
}
# INSTRUMENTED_X that stands for more than X
INSTRUMENTED_LAST = ("INSTRUMENTED_LINE", "INSTRUMENTED_INSTRUCTION")


def one():
    import dis
    import opcode
    numbers = dict(opcode.opmap)
    try:
        import _opcode_metadata as meta
    except ImportError:
        meta = None
    spec = getattr(meta, "_specializations", None) or getattr(opcode, "_specializations", {})
    numbers.update(getattr(meta, "_specialized_opmap", {}))
    numbers.update(getattr(dis, "_all_opmap", {}))
    base = {}
    for parent, forms in spec.items():
        for form in forms:
            base[form] = parent
    for name in numbers:
        if name.startswith("INSTRUMENTED_") and name not in INSTRUMENTED_LAST:
            plain = name[len("INSTRUMENTED_"):]
            if plain in numbers:
                base[name] = plain
    caches = getattr(opcode, "_inline_cache_entries", None)
    rel, absolute = set(opcode.hasjrel), set(opcode.hasjabs)
    if hasattr(opcode, "hasjump"):
        rel = set(opcode.hasjump)
    out = []
    for name, number in sorted(numbers.items(), key=lambda kv: kv[1]):
        if number > 255:
            continue
        parent = base.get(name, name)
        n = 0
        if hasattr(caches, "get"):
            n = caches.get(parent, 0)
        elif caches:
            n = caches[numbers[parent]]
        out.append({"name": name, "number": number, "base": numbers[parent], "base_name": parent, "caches": n,
                    "rel": numbers[parent] in rel, "abs": numbers[parent] in absolute})
    print(json.dumps({"minor": sys.version_info[1], "version": sys.version.split()[0], "ops": out}))


def kind(op):
    name = op["base_name"]
    if name in KINDS:
        return KINDS[name]
    if op["abs"]:
        return "COND_ABS"
    if op["rel"]:
        return "COND_BACK" if "BACKWARD" in name else "COND"
    return "PLAIN"


# What may run a Python function without leaving the eval loop (Python/bytecodes.c, DISPATCH_INLINED).
INLINES = set("CALL LOAD_ATTR BINARY_SUBSCR FOR_ITER SEND".split())


def flags(op, minor):
    out = []
    if op["base_name"] not in SAFE and not (minor >= 12 and op["base_name"] == "LOAD_FAST"):
        out.append("OPF_RAISES")
    if minor == 12 and op["base_name"] in INLINES:
        out.append("OPF_INLINES")
    if op["base_name"] == "RERAISE":
        out.append("OPF_RERAISES")
    return " | ".join(out) or "0"


# What exception handlers are made of: see enum op_role.
ROLES = {
    "LOAD_GLOBAL": "GLOBAL", "LOAD_NAME": "NAME", "LOAD_FAST": "FAST", "LOAD_FAST_CHECK": "FAST", "LOAD_FAST_BORROW": "FAST",
    "LOAD_DEREF": "DEREF", "LOAD_ATTR": "ATTR", "BUILD_TUPLE": "TUPLE", "COMPARE_OP": "COMPARE",
    "CHECK_EXC_MATCH": "MATCH", "JUMP_IF_NOT_EXC_MATCH": "MATCH",
    "WITH_EXCEPT_START": "WITH", "POP_EXCEPT": "POP_EXCEPT", "POP_FINALLY": "POP_FINALLY",
}


def main():
    tables = []
    for python in sys.argv[1:]:
        text = open(__file__).read()
        res = subprocess.run(python.split() + ["-", "--one"], input=text.encode(), stdout=subprocess.PIPE, check=True)
        tables.append(json.loads(res.stdout.decode()))
    tables.sort(key=lambda t: t["minor"])
    print("/* SPDX-License-Identifier: BSD-2-Clause */")
    print("/* Written by tools/gen_opcodes.py from the opcode modules of the interpreters named below. Included by bytecode.c only. */")
    for t in tables:
        print("\n/* %s */" % t["version"])
        print("static const struct op_info ops_%d[256] = {" % t["minor"])
        for op in t["ops"]:
            if kind(op) == "CACHE":
                continue
            print("\t[%d] = { %d, %d, OPK_%s, %s, OPR_%s }, /* %s */" % (
                op["number"], op["base"], op["caches"], kind(op), flags(op, t["minor"]), ROLES.get(op["base_name"], "NONE"),
                op["name"]))
        print("};")
    print("\nstatic const struct op_info *const ops_of_minor[] = {")
    for t in tables:
        print("\t[%d] = ops_%d," % (t["minor"], t["minor"]))
    print("};")


if __name__ == "__main__":
    if sys.argv[1:] == ["--one"]:
        one()
    else:
        main()
