# SPDX-License-Identifier: BSD-2-Clause
"""The program of tools/bench/dap_latency: dap_target.py alone|debugpy. For each line read it says when it reaches the
line with the breakpoint (CLOCK_MONOTONIC, ns), then runs it."""
import sys
import time


class Point:
    def __init__(self, x):
        self.x = x
        self.name = 'point %d' % x


def deep(n, numbers, names, points):
    if n:
        return deep(n - 1, numbers, names, points)
    sys.stdout.write('%d\n' % time.monotonic_ns())
    sys.stdout.flush()
    return len(numbers)  # stop


def main():
    numbers = list(range(1000))
    names = {'key %d' % i: 'value %d' % i for i in range(1000)}
    points = [Point(i) for i in range(1000)]
    if sys.argv[1] == 'debugpy':
        import debugpy
        print('port %d' % debugpy.listen(('127.0.0.1', 0))[1], flush=True)
        debugpy.wait_for_client()
    print('ready', flush=True)
    for _ in iter(sys.stdin.readline, ''):
        deep(50, numbers, names, points)
        print('done', flush=True)


main()
