# SPDX-License-Identifier: BSD-2-Clause
# Two watch slots: it is one line of one program.
"""Random conditions on random values, at a line that is watched: Python itself, the evaluator in user space and the kernel must say the same, or
one of us refuses. Refusals must stay a minority.

PYBPFDBG_PRED_COUNT: expressions an interpreter (default 2400). PYBPFDBG_PRED_SEED: another sequence (0: a random one, which is printed).
PYBPFDBG_PRED_HOST=1: the kernel's machine in user space only (no root, no watch slot).
"""
import collections
import json
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters

COUNT = int(os.environ.get("PYBPFDBG_PRED_COUNT", "2400"))
SEED = int(os.environ.get("PYBPFDBG_PRED_SEED", "239218248")) or random.randrange(1, 1 << 30)
HOST = os.environ.get("PYBPFDBG_PRED_HOST") == "1"
TOOL = os.path.join(harness.BUILD, "support", "pred_tool")

VALUES = json.loads(subprocess.check_output([sys.executable, os.path.join(harness.TARGETS, "predicates.py"), "names"]).decode())
NUMBERS = [v for v in VALUES if re.match(r"i\d|im\d|im|iover|iunder|f\d|fm|f[0-9tin]|t$|f$|isub|iown|fsub|red", v)]
TEXTS = [v for v in VALUES if re.match(r"s[0-9a-z]|b[0-9athl]", v) and v not in ("sl", "slm", "shared", "sys")]
CONTAINERS = [v for v in VALUES if re.match(r"l[0-9mbnas]|tu|d[0-9mhnksdo]|z|pt|tsub|od", v)]
OBJECTS = ["p", "p2", "child", "late", "shared", "wide", "dicted", "bare", "sl", "slm", "cls", "pt", "maker", "sys", "angry", "i5", "n", "exc", "red"]

INT = ["0", "1", "-1", "2", "5", "42", "256", "257", "1000", "2**0", "1073741824", "-1073741825", "9223372036854775807", "-9223372036854775808",
       "9223372036854775808", "2305843009213693951", "True", "False", "7", "9007199254740993"]
FLOAT = ["0.0", "-0.0", "1.0", "1.5", "-2.5", "42.0", "9007199254740992.0", "9.223372036854775807e18", "-9.223372036854775808e18", "1e300", "5e-324",
         "1e400", "0.1", "1000.0"]
STR = ["''", "'a'", "'tea'", "'te'", "'name'", "'h\\xe9llo'", "'h\\xe9'", "'a\\u20ac'", "'a\\U0001f600b'", "'x'", "'xyz'", "'%s'" % ("xyz" * 40),
       "'%s'" % ("q" * 127), "'%s'" % ("q" * 128), "'a\\0b'", "'b'", "'key1234'", "'\\u20ac'", "'%s'" % ("\\u20ac" * 20), "'zz'"]
BYTES = ["b''", "b'a'", "b'tea'", "b'\\xff\\x00'", "b'z'"]
NAMES = ["a", "b", "c", "z", "g"]
ATTRS = ["x", "x", "name", "name", "y", "kind", "level", "both", "nothing", "later", "extra", "w39", "k5", "k3", "more", "nosuch", "prop", "method", "maxsize"]
KEYS = ["'a'", "'tea'", "'n'", "7", "1", "True", "2.5", "1.0", "-1", "0", "2", "-2", "99", "'key7'", "'key2999'", "'nosuch'", "None", "b'tea'", "'\\xe9'",
        "'\\u20ac'", "3", "198", "9223372036854775807", "2305843009213693952", "'b'", "a", "b", "1.5", "9223372036854775808"]
TYPES = ["int", "float", "str", "bytes", "bool", "list", "tuple", "dict", "object", "Plain", "Child", "IntSub", "StrSub", "Point", "Color", "type", "Slots",
         "set", "Checked", "nosuch", "1", "Angry", "(int, str)", "(Plain, Slots, float)", "(Child, nosuch)", "DictSub"]
COMPARE = ["==", "==", "!=", "<", "<=", ">", ">="]
ENOENT = ("NameError", "UnboundLocalError", "AttributeError", "KeyError", "IndexError")


class Gen:
    """What the subset covers, and a little more."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.values = {}

    def one(self, options):
        return options[self.r.randrange(len(options))]

    def name(self, values):
        """A variable that is one of these."""
        n = self.one(NAMES)
        if n not in self.values:
            self.values[n] = self.one(values)
        return n

    def number(self, d):
        k = self.r.random()
        if d <= 0 or k < 0.55:
            return self.name(NUMBERS) if self.r.random() < 0.6 else self.one(INT if self.r.random() < 0.7 else FLOAT)
        if k < 0.8:
            return "(%s %s %s)" % (self.number(d - 1), self.one("+-*"), self.number(d - 1))
        if k < 0.86:
            return "(-%s)" % self.number(d - 1)
        if k < 0.92:
            return "len(%s)" % self.name(CONTAINERS + TEXTS)
        return self.access(d - 1)

    def text(self):
        return self.name(TEXTS) if self.r.random() < 0.5 else self.one(STR if self.r.random() < 0.8 else BYTES)

    def access(self, d):
        k = self.r.random()
        if k < 0.5:
            return "%s.%s" % (self.name(OBJECTS), self.one(ATTRS))
        if k < 0.9:
            return "%s[%s]" % (self.name(CONTAINERS), self.one(KEYS))
        return "%s[%s][%s]" % (self.name(["tunest", "dang", "lmix", "d1"]), self.one(["0", "1", "2", "'a'", "-1"]), self.one(["0", "1", "-1", "'k'"]))

    def operand(self, d):
        k = self.r.random()
        if k < 0.35:
            return self.number(d)
        if k < 0.55:
            return self.text()
        if k < 0.8:
            return self.access(d)
        if k < 0.85:
            return self.one(["only_global", "shadow", "VALUES", "nosuch", "True", "None", "g", "Plain", "Plain.level", "sys.maxsize"])
        return self.name(VALUES)

    def compare(self, d):
        k = self.r.random()
        if k < 0.3:
            return "%s %s %s" % (self.number(d), self.one(COMPARE), self.number(d))
        if k < 0.45:
            return "%s %s %s" % (self.text(), self.one(COMPARE), self.text())
        if k < 0.6:
            return "%s %s %s" % (self.access(d), self.one(COMPARE), self.one([self.number(0), self.text(), "None"]))
        if k < 0.66:
            return "%s %s %s %s %s" % (self.number(d), self.one(COMPARE), self.number(d), self.one(COMPARE + ["is"]), self.operand(d - 1))
        if k < 0.72:
            return "%s %s %s" % (self.name(VALUES), self.one(["is", "is not"]), self.one(["None", "True", "False", "a", "b", "1", "257", "Plain", "c"]))
        if k < 0.8:
            items = ", ".join(self.one([INT, FLOAT, STR, BYTES, ["None"]][self.one([0, 0, 1, 2, 2, 3, 4])]) for _ in range(self.r.randrange(1, 5)))
            items = self.one(["(%s,)", "[%s]", "{%s}"]) % items
            return "%s %s %s" % (self.operand(d), self.one(["in", "not in"]), items)
        if k < 0.87:
            return "%s %s %s" % (self.operand(d), self.one(["in", "not in"]), self.name(CONTAINERS))
        if k < 0.9:
            return "%s.startswith(%s)" % (self.one([self.name(TEXTS), self.access(d)]), self.one(STR + BYTES))
        return "%s %s %s" % (self.operand(d), self.one(COMPARE), self.operand(d))

    def test(self, d):
        k = self.r.random()
        if d <= 0 or k < 0.55:
            return self.compare(d)
        if k < 0.62:
            return "isinstance(%s, %s)" % (self.operand(d - 1), self.one(TYPES))
        if k < 0.67:
            return "type(%s) %s %s" % (self.operand(d - 1), self.one(["is", "is not", "=="]), self.one(TYPES[:17]))
        if k < 0.72:
            return self.operand(d)
        if k < 0.87:
            return "(%s %s %s)" % (self.test(d - 1), self.one(["and", "or"]), self.test(d - 1))
        if k < 0.93:
            return "not %s" % self.one([self.name(VALUES), "(%s)" % self.test(d - 1)])
        if k < 0.96:
            return "bool(%s)" % self.operand(d - 1)
        return "(%s if %s else %s)" % (self.operand(d - 1), self.test(d - 1), self.test(d - 1))

    def ask(self):
        self.values = {}
        text = self.test(self.r.randrange(1, 4))
        return dict({n: self.one(VALUES) for n in NAMES}, **dict(self.values, e=text))


def agrees(python, ours, mode):
    """Is what the kernel says what Python has said?"""
    if ours == "ENOENT":
        return python in ENOENT
    if ours == "EINVAL":
        return python == "TypeError"
    return ours == python


@harness.per_interpreter
class Predicates(harness.TestCase):
    def tell(self, interp, mode, questions, page_tables):
        script = interp.install(os.path.join(harness.TARGETS, "predicates.py"))
        argv = [TOOL] + ([] if HOST else ["-k"]) + (["-r", interp.root] if interp.root else []) + [interp.path, script, mode]
        env = dict(os.environ, LC_ALL="C.UTF-8", PYBPFDBG_PAGE_TABLES=page_tables)
        for name in [n for n in env if n.startswith("PYTHON")]:
            del env[name]
        done = subprocess.run(argv, input="".join(json.dumps(q) + "\n" for q in questions), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True, timeout=250, env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), len(questions))
        return answers

    def judge(self, interp, mode, questions, page_tables="yes"):
        """What became of them, counted; disagreements fail."""
        counts, bad, reasons = collections.Counter(), [], collections.Counter()
        for q, a in zip(questions, self.tell(interp, mode, questions, page_tables)):
            python, user = a["python"], a["user"]
            wrong = [] if user in ("refused", python) else ["user"]
            if "why" in a:
                counts["refused"] += 1
                reasons[re.sub(r"'.*|\d+", "", a["why"])] += 1
            for who in ("kernel", "host", "any"):
                if who not in a:
                    continue
                counts[who + (" undecided" if a[who] == "undecided" else " decided")] += 1
                if python == "CodeRan" and a[who] != "undecided" or a[who] != "undecided" and not agrees(python, a[who], mode):
                    wrong.append(who)
            # Python's own evaluation, between the kernel's and the host's, leaves its hash in a fresh text.
            hashed = "sfresh" in q.values() and a.get("kernel") == "undecided"
            if "kernel" in a and a["kernel"] != a["host"] and not hashed:
                wrong.append("kernel is not host")
            if wrong:
                bad.append("%s: %s\n    %s" % (", ".join(wrong), json.dumps(q), json.dumps(a)))
        if os.environ.get("PYBPFDBG_PRED_VERBOSE"):
            print(dict(counts), reasons.most_common(12), flush=True)
        self.assertEqual(bad, [], "seed %d, %s: %d of %d disagree, the first:\n%s" % (SEED, mode, len(bad), len(questions), "\n".join(bad[:10])))
        return counts

    @harness.each_interpreter
    def test_agree(self, interp):
        """Functions (locals, cells, free variables), module and class bodies."""
        gen = Gen("%d %s" % (SEED, interp.name))
        total = collections.Counter()
        for mode, share in (("function", 0.7), ("module", 0.15), ("class", 0.15)):
            total += self.judge(interp, mode, [gen.ask() for _ in range(int(COUNT * share))])
        if not HOST: # by the other of the two ways to read memory
            self.judge(interp, "function", [gen.ask() for _ in range(COUNT // 16)], "no")
        who = "host" if HOST else "kernel"
        decided, asked = total[who + " decided"], sum(total[k] for k in ("refused", who + " decided", who + " undecided"))
        print("seed %d, %s: %d of %d decided, %d refused, %d undecided" % (
            SEED, interp.name, decided, asked, total["refused"], total[who + " undecided"]), flush=True)
        self.assertGreaterEqual(asked, 2000 if COUNT >= 2400 else 1)
        self.assertGreater(decided, 0.5 * asked)


if __name__ == "__main__":
    harness.main()
