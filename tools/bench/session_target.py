# SPDX-License-Identifier: BSD-2-Clause
"""The measured process of tools/bench/session: for each line "FUNCTION LOOPS" on standard input it calls that and prints the
CPU seconds of the call, which is timed from within, so that no stop is in it. Python 3.6 and later."""
import sys
import time

SEEN = 0
NEVER = 0


def work(x, y):
    return x + y


def callee(loops):
    start = time.process_time()
    total = 0
    for i in range(loops):
        total = work(i, total) & 0xffff
    return time.process_time() - start


def writes(loops):
    global SEEN
    start = time.process_time()
    for i in range(loops):
        SEEN = i
    return time.process_time() - start


def bytecodes(loops):
    """How many instructions callee(loops) runs, at least: counted for a few loops by the tracer."""
    count = [0]

    def tracer(frame, event, arg):
        frame.f_trace_opcodes = True
        count[0] += event == "opcode"
        return tracer

    few = []
    for n in (10, 110):
        count[0] = 0
        sys.settrace(tracer)
        callee(n)
        sys.settrace(None)
        few.append(count[0])
    return (few[1] - few[0]) // 100 * loops


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        function, loops = line.split()
        result = globals()[function](int(loops))  # step
        print(result, flush=True)


main()
