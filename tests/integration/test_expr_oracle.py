# SPDX-License-Identifier: BSD-2-Clause
"""Random expressions over a set of values, evaluated by CPython itself and by us in the memory of a sleeping process:
the same repr, or the same class of error. What we refuse (a call, code of the target) is counted and must stay rare.

PYBPFDBG_EXPR_COUNT: expressions an interpreter (default 1500). PYBPFDBG_EXPR_SEED: another sequence.
"""
# No watch slot: it only reads a sleeping process.
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

COUNT = int(os.environ.get("PYBPFDBG_EXPR_COUNT", "1500"))
SEED = int(os.environ.get("PYBPFDBG_EXPR_SEED", "1"))
TOOL = os.path.join(harness.BUILD, "support", "eval_tool")
HASHSEED = {"PYTHONHASHSEED": "0"}

INT = ["i0", "i1", "im7", "i300", "i1000", "ibig", "ihuge", "i53", "t", "f", "isub", "red", "g_int", "0", "1", "2", "-3", "10", "255",
       "0x10", "1_000", "True", "False", "10**20", "len(l1)"]
FLOAT = ["f0", "fm0", "f15", "fm25", "fe300", "finf", "fnan", "f53", "0.5", "1e3", "-0.0", ".1", "1e16", "2.675", "1.", "1e-7"]
CPLX = ["c12", "c0", "2j", "(1-1j)"]
STR = ["s0", "s1", "sacc", "semo", "slong", "snum", "sl", "ssub", "g_shadowed", "'a'", "'h'", "''", "'llo'", "'\\u20ac'", "r'\\n'", "'1.5'",
       "'x' 'y'", "'12'", "ssur"]
BYTES = ["b0", "b1", "ba", "b'h'", "b'\\x00'", "b''"]
LIST = ["l0", "l1", "l2", "lmix", "lbig", "lsub", "cell", "g_list", "[]", "[1, 2]", "[1, 'a']", "d1['b']", "p.b"]
TUPLE = ["t0", "t1", "t2", "pt", "()", "(1,)", "(1, 2)", "(1, 'a')", "err.args"]
DICT = ["d0", "d1", "dmix", "dbig", "dd", "{}", "{'a': 1}", "{1: 2, 'k': [1]}", "p.__dict__"]
SET = ["z1", "z2", "zf", "{1, 2}", "{4}", "frozenset()"]
RANGE = ["r10", "rneg", "range(5)", "range(2, 20, 3)", "range(10, 0, -1)"]
OTHER = ["n", "e", "None", "p", "p2", "Plain", "Child", "Color", "red", "dark", "dq", "int", "str", "list", "dict", "object", "sl1", "angry", "err",
         "od", "sys", "frame", "len", "sl0ts", "miss", "ValueError"]
ODD = ["nosuch", "p.nosuch", "p.prop", "d1['nosuch']", "l1[99]", "sl0ts.y", "s1.nosuch", "sys.nosuch"]
GROUPS = [INT, FLOAT, STR, BYTES, LIST, TUPLE, DICT, SET, RANGE, CPLX, OTHER]
ATTRS = ["a", "b", "kind", "x", "y", "real", "imag", "args", "start", "stop", "__class__", "__name__", "__doc__", "numerator", "name", "value", "nosuch"]
TYPES = ["int", "float", "str", "bool", "list", "dict", "tuple", "(int, str)", "(list, (dict, tuple))", "object", "Plain", "Child", "Point", "set",
         "type", "complex", "bytes", "1", "ValueError", "Color"]


SAFE = {"__builtins__": {}, "frozenset": frozenset, "set": set, "inf": float("inf"), "range": range}
WORD = re.compile(r"[^\s,{}]+")


class Gen:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def one(self, options):
        return options[self.r.randrange(len(options))]

    def atom(self):
        if self.r.random() < 0.02:
            return self.one(ODD)
        return self.one(self.one(GROUPS))

    def number(self, d):
        if d <= 0 or self.r.random() < 0.3:
            return self.one(INT if self.r.random() < 0.6 else FLOAT if self.r.random() < 0.85 else CPLX)
        k = self.r.random()
        if k < 0.7:
            return "(%s %s %s)" % (self.number(d - 1), self.one("+ - * / // %".split() + ["+", "-", "*"]), self.number(d - 1))
        if k < 0.76:
            return "(%s %s %s)" % (self.number(d - 1), self.one(["&", "|", "^"]), self.number(d - 1))
        if k < 0.80:
            return "(%s %s %s)" % (self.number(d - 1), self.one(["<<", ">>"]), self.one(["0", "1", "5", "i1", "-1", "70", "f15"]))
        if k < 0.86:
            return "(%s ** %s)" % (self.number(d - 1), self.one(["2", "3", "0", "-1", "0.5", "f15", "i1", "-2", "1.5", "c12", "fnan", "finf"]))
        if k < 0.93:
            return "(%s%s)" % (self.one(["-", "+", "~"]), self.number(d - 1))
        return self.one(["abs(%s)", "int(%s)", "float(%s)", "bool(%s)", "round(%s)", "round(%s, 2)", "round(%s, -1)", "divmod(%s, 7)", "hex(%s)",
                         "str(%s)", "repr(%s)", "complex(%s)"]) % self.number(d - 1)

    def index(self, d):
        return self.one(["0", "1", "-1", "2", "i1", "im7", "t", "-2", "99", "f15", "'a'", "n", "ibig"]) if self.r.random() < 0.9 else self.any(d - 1)

    def bound(self):
        return self.one(["", "", "0", "1", "2", "-1", "-2", "i1", "99", "-99", "n", "t", "ibig", "-10**30", "3"])

    def sequence(self, d):
        seq = self.one(self.one([STR, BYTES, LIST, TUPLE, RANGE, STR, LIST]))
        if d <= 0:
            return seq
        k = self.r.random()
        if k < 0.3:
            step = self.one(["", "", "", "1", "2", "-1", "-2", "n", "0", "100", "ibig"])
            return "%s[%s:%s%s]" % (self.sequence(d - 1), self.bound(), self.bound(), ":" + step if step else "")
        if k < 0.5:
            return "(%s + %s)" % (self.sequence(d - 1), self.sequence(d - 1))
        if k < 0.6:
            return self.one(["(%s * %s)", "(%s*%s)"]) % (self.sequence(d - 1), self.one(["0", "1", "2", "-1", "t", "i1", "f15", "'a'"]))
        if k < 0.75:
            return "%s[%s]" % (self.sequence(d - 1), self.index(d))
        if k < 0.85:
            return self.one(["sorted(%s)", "sorted(%s, reverse=True)", "list(%s)", "tuple(%s)", "str(%s)", "repr(%s)", "len(%s)", "min(%s)", "max(%s)",
                             "sum(%s)", "any(%s)", "all(%s)", "bool(%s)", "set(%s)", "frozenset(%s)", "ascii(%s)", "int(%s)", "float(%s)"]) % self.sequence(d - 1)
        return "[%s]" % ", ".join(self.any(d - 1) for _ in range(self.r.randrange(4)))

    def mapping(self, d):
        k = self.r.random()
        if k < 0.4:
            return "%s[%s]" % (self.one(DICT), self.one(["'a'", "'b'", "'c'", "1", "2.5", "n", "(1, 2)", "'k'", "-1", "True", "1.0", "[]", "'2999'", "z1", "zf",
                                                         "i1", "t1", "(1.0, 2)", "{}", "ssub", "([],)"]))
        if k < 0.7:
            return "{%s}" % ", ".join("%s: %s" % (self.atom(), self.any(d - 1)) for _ in range(self.r.randrange(3)))
        if k < 0.85:
            return "(%s %s %s)" % (self.one(SET), self.one(["|", "&", "-", "^", "<", "<=", ">", ">=", "=="]), self.one(SET))
        return self.one(["list(%s)", "len(%s)", "sorted(%s)", "bool(%s)", "(%s == d1)", "(%s | d1)", "set(%s)", "tuple(%s)"]) % self.one(DICT)

    def logic(self, d):
        k = self.r.random()
        if k < 0.35:
            op = self.one("== != < <= > >=".split())
            make = self.one([self.number, self.sequence, self.any, self.number])
            if self.r.random() < 0.2:
                return "(%s %s %s %s %s)" % (make(d - 1), op, make(d - 1), self.one("== != < > is in".split()), make(d - 1))
            return "(%s %s %s)" % (make(d - 1), op, make(d - 1))
        if k < 0.5:
            return "(%s %s %s)" % (self.any(d - 1), self.one(["in", "not in"]), self.one([self.sequence, self.mapping, self.any])(d - 1))
        if k < 0.6:
            return "(%s %s %s)" % (self.atom(), self.one(["is", "is not"]), self.one(["None", "n", "True", "i1", "1", "l1", "t0", "()", "int", "s1", "p"]))
        if k < 0.75:
            return "(%s %s %s)" % (self.any(d - 1), self.one(["and", "or"]), self.any(d - 1))
        if k < 0.85:
            return "(%s if %s else %s)" % (self.any(d - 1), self.any(d - 1), self.any(d - 1))
        if k < 0.9:
            return "(not %s)" % self.any(d - 1)
        return "%s(%s, %s)" % (self.one(["isinstance"] * 3 + ["issubclass"]), self.atom(), self.one(TYPES))

    def any(self, d):
        if d <= 0:
            return self.atom()
        k = self.r.random()
        if k < 0.3:
            return self.number(d)
        if k < 0.55:
            return self.sequence(d)
        if k < 0.65:
            return self.mapping(d)
        if k < 0.85:
            return self.logic(d)
        if k < 0.9:
            return "%s.%s" % (self.atom() if self.r.random() < 0.9 else "(%s)" % self.any(d - 1), self.one(ATTRS))
        if k < 0.93:
            return "(%s, %s)" % (self.any(d - 1), self.any(d - 1))
        if k < 0.96:
            return "type(%s)" % self.any(d - 1)
        return "%s(%s)" % (self.one(["len", "ord", "chr", "hex", "bin", "oct", "bool", "abs", "int", "float", "min", "max", "sum", "round", "list"]), self.any(d - 1))


def ask(argv, expressions, **kwargs):
    """One answer, as an object, for each expression."""
    text = "".join(json.dumps(e) + "\n" for e in expressions)
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=200, **kwargs)
    if done.returncode:
        raise AssertionError("%s: status %d\n%s" % (argv[0], done.returncode, done.stderr))
    return [json.loads(line) for line in done.stdout.splitlines()]


def same(ours, theirs):
    ours, theirs = (re.sub("at 0x[0-9a-f]+", "at 0x", s) for s in (ours, theirs))
    if ours == theirs:
        return True
    if "{" not in theirs:
        return False
    # The order of a set that was made here is not the target's.
    try:
        return eval(ours, dict(SAFE)) == eval(theirs, dict(SAFE))
    except (NameError, SyntaxError, TypeError):
        return sorted(WORD.findall(ours)) == sorted(WORD.findall(theirs))


def judge(ours, theirs, minor):
    """"same", "refused", or "wrong"."""
    if "error" in ours and not ours["error"]:
        return "refused"
    if theirs.get("error") == "CodeRan":
        return "wrong"
    if "error" not in ours:
        return "same" if "repr" in theirs and same(ours["repr"], theirs["repr"]) else "wrong"
    if ours["error"] != theirs.get("error"):
        return "wrong"
    # The words, too; not those of the compiler. Classes written in C are named with their module there.
    words = "%s: %s" % (theirs["error"], theirs["message"].replace("collections.", ""))
    if minor >= 10 and ours["error"] != "SyntaxError" and ours["message"][:150] != words[:150]:
        return "wrong"
    return "same"


@harness.per_interpreter
class Oracle(harness.TestCase):
    def oracle(self, interp, expressions):
        script = interp.install(os.path.join(harness.TARGETS, "expr_values.py"))
        with interp.start(["-W", "ignore", script, "oracle"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True, add_env=HASHSEED) as proc:
            out, _ = proc.communicate("".join(json.dumps(e) + "\n" for e in expressions), timeout=200)
        answers = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(len(answers), len(expressions))
        return answers

    def target(self, interp):
        return self.start(interp, "expr_values.py", add_env=HASHSEED)

    def answers(self, target, expressions):
        return dict(zip(expressions, ask([TOOL, str(target.pid)], expressions)))

    @harness.each_interpreter
    def test_refused(self, interp):
        """What would run the target's code is refused with a reason that names it, and nothing of it runs."""
        target = self.target(interp)
        angry = ["angry == 1", "1 == angry", "angry != angry", "angry < 1", "1 >= angry", "angry + 1", "1 + angry", "[1] * angry", "-angry", "~angry",
                 "abs(angry)", "int(angry)", "float(angry)", "len(angry)", "bool(angry)", "not angry", "angry and 1", "1 if angry else 2",
                 "1 in angry", "angry in [1]", "angry[0]", "list(angry)", "sorted(angry)", "sum(angry)", "min(angry)", "any(angry)", "max([angry, 1])",
                 "{angry: 1}", "{angry}", "angry in {1: 2}", "l1[angry]", "l1[angry:]", "range(angry)", "round(angry)", "sorted([angry, 1])",
                 "[angry] == [1]", "(1, angry) < (1, 2)", "{'a': angry} == {'a': 1}", "chr(angry)", "hex(angry)", "str(angry)", "repr([angry])",
                 "angry % 1", "angry ** 2", "angry & 1", "all([1, angry])"]
        others = ["p.prop", "p2.prop", "p.method()", "frame(1)", "len_of_mine(l1)", "Plain(1, 2)", "miss['nosuch']", "dd['nosuch']", "dd[1]",
                  "getattr(p, 'prop')", "hasattr(p, 'prop')", "od == od", "red | 1 if False else p.prop", "sorted(l1, key=len)", "'%s' % p", "str(p)",
                  "list({1, 2, 3})", "id([])", "f'{p}'", "[x for x in l1]", "(lambda: 1)", "int | str", "list[int]"]
        for text, got in self.answers(target, angry + others).items():
            with self.subTest(text):
                if text in ("int | str", "list[int]") and interp.minor < 10:
                    continue
                self.assertEqual(got.get("error"), "", got)
                self.assertEqual(got["code"], -95, got)
                if text in angry and "str" not in text and "repr" not in text:
                    self.assertIn("__", got["message"])
        self.assertUntouched(target)

    @harness.each_interpreter
    def test_names(self, interp):
        """A name is what Python would take it for in that frame."""
        shared = {"only_global": "'only global'", "len": "<built-in function len>", "nosuch": "NameError", "max(1, 2)": "",
                  "__name__": "'__main__'"}
        cases = {
            "function": {"where": "'local'", "unbound": "UnboundLocalError"},
            "closure": {"where": "'cell'", "own": "'inner'", "late": "NameError"},
            "class": {"where": "'class'", "seen": "'global'", "attribute": "5", "__qualname__": "'case_class.<locals>.Body'"},
            "comprehension": {"where": "'comprehension'"},
            "generator": {"where": "'argument'"},
            "module": {"where": "'global'", "in_module[1]": "2"},
            "exec": {"where": "'exec'", "only_global": "'of exec'", "max(1, 2)": "2", "__name__": "NameError"},
        }
        for case, own in cases.items():
            want = dict(shared, **own)
            if case == "exec":
                want["__name__"] = "'builtins'"  # a name of the builtins module, which a bare dict of globals falls back to
            target = self.start(interp, "expr_names.py", case)
            for text, got in self.answers(target, list(want)).items():
                with self.subTest("%s: %s" % (case, text)):
                    self.assertEqual(got.get("repr", got.get("error")), want[text], got)
            self.assertUntouched(target)
            target.end()

    @harness.each_interpreter
    def test_large(self, interp):
        """Containers beyond the default limits are looked through as a whole; too large a result is an error, not a crash."""
        target = self.target(interp)
        good = {"lbig[4999]": "4999", "4999 in lbig": "True", "5000 in lbig": "False", "len(lbig)": "5000", "lbig[-1]": "4999",
                "lbig[2000:2003]": "[2000, 2001, 2002]", "dbig['2999']": "2999", "'2999' in dbig": "True", "'3000' in dbig": "False",
                "len(slong)": "9000", "slong[8999]": "'z'", "slong == slong + ''": "True", "slong[4095:4101]": "'xyzxyz'", "sum(lbig)": "12497500",
                "max(lbig)": "4999", "lbig == lbig + []": "True", "lbig == list(range(5000))": "True", "dbig == {'0': 0}": "False",
                "cyc[1][1][1][0]": "1", "cyc == cyc": "True", "rbig[99]": str(99 * 10 ** 28), "sorted(lbig, reverse=True)[0]": "4999",
                "len(set(lbig + lbig))": "5000", "z1 == set(sorted(z1))": "True"}
        for text, got in self.answers(target, list(good)).items():
            with self.subTest(text):
                self.assertEqual(got, {"repr": good[text]})
        bad = ["i1000 ** i1000 ** 2", "1 << i1000 ** 5", "slong * 10 ** 9", "lbig * 10 ** 6", "range(10 ** 7) == 0 or list(range(10 ** 7))", "sorted(lbig * 1000)"]
        for text, got in self.answers(target, bad).items():
            with self.subTest(text):
                self.assertIn(got.get("code"), (-34,), got)

    @harness.each_interpreter
    def test_random(self, interp):
        gen = Gen("%d-%s" % (SEED, interp.name))
        expressions = [gen.any(gen.r.randrange(1, 4)) for _ in range(COUNT)]
        theirs = self.oracle(interp, expressions)
        target = self.target(interp)
        ours = ask([TOOL, str(target.pid)], expressions)
        self.assertUntouched(target)
        self.assertEqual(len(ours), len(expressions))
        verdicts = [judge(o, t, interp.minor) for o, t in zip(ours, theirs)]
        wrong = ["%s\n    ours:   %s\n    theirs: %s" % (e, json.dumps(o)[:300], json.dumps(t)[:300])
                 for e, o, t, v in zip(expressions, ours, theirs, verdicts) if v == "wrong"]
        if wrong:
            self.fail("%d of %d are wrong\n%s" % (len(wrong), COUNT, "\n".join(wrong[:30])))
        # Refusals that are right (the target's code, an unknowable identity) are a part of the values, not of the luck.
        refused = verdicts.count("refused")
        self.assertLess(refused, COUNT // 20, "too many are refused")


if __name__ == "__main__":
    harness.main()
