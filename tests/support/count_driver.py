# SPDX-License-Identifier: BSD-2-Clause
"""The program that count_oracle.c counts in: it runs other programs on command. Python 3.6+.

Commands on standard input, one a line; each is answered by lines on standard output that end in "." :
    load PATH   read and compile a program; "syntax" when this version cannot
    oracle      run it twice under sys.settrace; lines "cold|warm NAME FIRSTLINE LINE COUNT", sorted
    fresh       make fresh code objects of it; lines "ADDRESS NAME FIRSTLINE", outermost first
    codes       the code objects again that there are; lines as of fresh
    run         run the module and workload() of the fresh code objects, once
    again N     run workload() N times more
"""
import gc
import marshal
import sys
import threading


def codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, type(code)):
            yield from codes(const)


class Program:
    def __init__(self):
        self.serial = 0
        self.bytes = None
        self.code = None
        self.space = None

    def load(self, path):
        with open(path) as f:
            source = f.read()
        try:
            self.bytes = marshal.dumps(compile(source, "<count oracle>", "exec"))
        except SyntaxError:
            return ["syntax"]
        return []

    def fresh(self):
        self.code = self.space = None
        gc.collect()
        self.code = marshal.loads(self.bytes)
        return self.codes()

    def codes(self):
        return ["%d %s %d" % (id(c), c.co_name.replace(" ", "_"), c.co_firstlineno) for c in codes(self.code)]

    def run(self):
        self.space = {"__name__": "count_target"}
        exec(self.code, self.space)
        self.space["workload"]()
        return []

    def again(self, n):
        workload = self.space["workload"]
        for _ in range(n):
            workload()
        return []

    def oracle(self):
        self.fresh()
        out = []
        for phase in "cold", "warm":
            counts = self.traced(self.run if phase == "cold" else lambda: self.again(1))
            for (name, first, line), n in sorted(counts.items()):
                out.append("%s %s %d %d %d" % (phase, name.replace(" ", "_"), first, line, n))
        return out

    def traced(self, function):
        counts = {}
        lock = threading.Lock()

        def local(frame, event, arg):
            if event == "line":
                code = frame.f_code
                key = code.co_name, code.co_firstlineno, frame.f_lineno
                with lock:
                    counts[key] = counts.get(key, 0) + 1
            return local

        def start(frame, event, arg):
            return local if frame.f_code.co_filename == "<count oracle>" else None

        threading.settrace(start)
        sys.settrace(start)
        try:
            function()
        finally:
            sys.settrace(None)
            threading.settrace(None)
        return counts


def main():
    program = Program()
    commands = {"load": program.load, "oracle": program.oracle, "fresh": program.fresh, "codes": program.codes, "run": program.run,
                "again": lambda n: program.again(int(n))}
    while True:
        words = sys.stdin.readline().split()
        if not words:
            break
        for line in commands[words[0]](*words[1:]):
            print(line)
        print(".")
        sys.stdout.flush()


main()
