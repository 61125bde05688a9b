# SPDX-License-Identifier: BSD-2-Clause
"""Threads with a running checksum, for tests that do bad things to the debugger.

Each thread steps a linear congruential generator; for every line on standard input one line of answer:
"CODE N1 X1 N2 X2 ...": a sum over the code that runs, then steps and value of each thread. Who asks can
compute what X must be after N steps, and sees from a growing N that the thread runs.
"""
import sys
import threading
import zlib

A = 6364136223846793005
C = 1442695040888963407
M = (1 << 64) - 1
latest = [0]  # its storage moves as it grows


class Generator(threading.Thread):
    def __init__(self, seed):
        threading.Thread.__init__(self, name="generator-%d" % seed, daemon=True)
        self.seed = seed
        self.pair = (0, seed)

    def step(self, x):
        y = (x * A + C) & M
        return y

    def rare(self, n):
        note = {"n": n, "seed": self.seed, "tail": list(range(n % 50))}
        latest.append(n)
        latest[0] = n
        if len(latest) > 40:
            del latest[1:]
        return note

    def run(self):
        n, x = self.pair
        while True:
            for _ in range(64):
                x = self.step(x)
            n += 64
            self.pair = (n, x)
            if n % 65536 == 0:
                self.rare(n)
            if n < 0:
                never = n
                print(never)


def code_sum():
    total = 0
    for f in (Generator.step, Generator.rare, Generator.run):
        total = zlib.crc32(f.__code__.co_code, total)
    return total


def main():
    threads = [Generator(seed) for seed in range(1, 1 + int(sys.argv[1]))]
    for t in threads:
        t.start()
    print("ready", flush=True)
    for _ in sys.stdin:
        pairs = " ".join("%d %d" % t.pair for t in threads)
        print(code_sum(), pairs, flush=True)


main()
