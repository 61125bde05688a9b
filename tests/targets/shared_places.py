# SPDX-License-Identifier: BSD-2-Clause
"""Lines whose beginnings help other lines: before 3.11 both may be watched at once.

shared_places.py trace: print what sys.settrace counts, as JSON. Otherwise run once for each line of standard input.
"""
import json
import sys


def choose(a, b, c):
    x = (a if c  # upper
         else b)  # lower
    y = [x,
         (b
          if x else a),
         c]
    return x, y


def work():
    for i in range(12):
        choose(i, -i, i % 3)


def traced():
    counts = {}

    def local(frame, event, arg):
        if event == "line":
            counts[frame.f_lineno] = counts.get(frame.f_lineno, 0) + 1
        return local

    sys.settrace(lambda frame, event, arg: local if frame.f_code is choose.__code__ else None)
    work()
    sys.settrace(None)
    print(json.dumps(counts))


if len(sys.argv) > 1:
    traced()
else:
    print("ready")
    sys.stdout.flush()
    for _ in sys.stdin:
        work()
        print("done")
        sys.stdout.flush()
