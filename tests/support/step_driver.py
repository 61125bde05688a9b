# SPDX-License-Identifier: BSD-2-Clause
"""The program of the stepping oracle: runs workload() of a file, under pdb or alone.

    step_driver.py FILE                         say ready, wait for a line, run
    step_driver.py FILE LINE SEED COUNT         under pdb: break once at LINE, then COUNT commands that SEED chooses

Under pdb it prints a JSON object: stops is a list of [command, kind, function, line], the first with command "", and kind "end"
where the program is left; generators: names.
"""
import json
import pdb
import random
import sys

GENERATORS = 0x20 | 0x80 | 0x200


class Done(Exception):
    pass


class Recorder(pdb.Pdb):
    """pdb whose user is a random number generator."""

    def __init__(self, path, line, seed, count):
        pdb.Pdb.__init__(self)
        self.path, self.line = path, line
        self.random = random.Random(seed)
        self.left = count
        self.kind = "line"
        self.command = ""
        self.stops = None  # None: not begun
        self.last = max(1, len(open(path, "rb").read().splitlines()))

    def begin(self):
        self.set_break(self.path, self.line, temporary=True)
        self.set_trace(sys._getframe(1))

    def user_call(self, frame, args):
        self.kind = "call"
        pdb.Pdb.user_call(self, frame, args)

    def user_line(self, frame):
        self.kind = "line"
        pdb.Pdb.user_line(self, frame)

    def user_return(self, frame, value):
        self.kind = "return"
        pdb.Pdb.user_return(self, frame, value)

    def user_exception(self, frame, info):
        self.kind = "exception"
        # An iterator that ends is told to tracers as an exception of the loop, but it passes no frame
        # there: nothing to be seen from outside (docs/STEPPING.md).
        tb = info[2]
        if tb is None or tb.tb_frame is not frame:
            self.again(frame)
            return
        pdb.Pdb.user_exception(self, frame, info)

    def again(self, frame):
        if self.command == "step":
            self.set_step()

    def message(self, text):
        pass

    def interaction(self, frame, *rest):
        if self.stops is None:
            if frame.f_lineno != self.line or frame.f_code.co_filename != self.path:
                self.set_continue()
                return
            self.stops = []
        if frame.f_code.co_filename != self.path:
            self.stops.append([self.command, "end", "", 0])
        if frame.f_code.co_filename != self.path or self.left <= 0:
            self.finish()
        self.stops.append([self.command, self.kind, frame.f_code.co_name, frame.f_lineno])
        self.left -= 1
        self.choose(frame)

    def choose(self, frame):
        dice = self.random.random()
        if dice < 0.4:
            self.command = "step"
            self.set_step()
        elif dice < 0.75:
            self.command = "next"
            self.set_next(frame)
            self.trace_caller(frame)
        elif dice < 0.85 and not frame.f_code.co_flags & GENERATORS:
            self.command = "return"
            self.set_return(frame)
        elif dice < 0.93 or frame.f_lineno >= self.last:
            self.command = "until"
            self.set_until(frame)
            self.trace_caller(frame)
        else:
            line = self.random.randrange(frame.f_lineno + 1, min(self.last, frame.f_lineno + 8) + 1)
            self.command = "until %d" % line
            self.set_until(frame, line)
            self.trace_caller(frame)

    def trace_caller(self, frame):
        """As bdb does from 3.13 on, and `step` ever did: a function that is returned to is stopped in, whether it was traced or not."""
        caller = frame.f_back
        if self.kind == "return" and caller and not caller.f_trace:
            caller.f_trace = self.trace_dispatch

    def finish(self):
        sys.settrace(None)
        print(json.dumps({"stops": self.stops, "generators": sorted(generators(self.code))}))
        sys.stdout.flush()
        import os
        os._exit(0)


def generators(code):
    """Names of the generators and coroutines in it."""
    found = {code.co_name} if code.co_flags & GENERATORS else set()
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            found |= generators(const)
    return found


def main():
    path = sys.argv[1]
    space = {"__name__": "steps", "__file__": path}
    with open(path, "rb") as f:
        code = compile(f.read(), path, "exec")
    exec(code, space)
    workload = space["workload"]
    if len(sys.argv) > 2:
        recorder = Recorder(path, *map(int, sys.argv[2:5]))
        recorder.code = code
        recorder.begin()
    else:
        recorder = None
        print("ready")
        sys.stdout.flush()
        sys.stdin.readline()
    workload()
    if recorder:
        recorder.stops = recorder.stops or []
        recorder.stops.append([recorder.command, "end", "", 0])
        recorder.finish()


main()
