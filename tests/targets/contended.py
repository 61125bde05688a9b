# SPDX-License-Identifier: BSD-2-Clause
"""One thread runs known lines while another one wants the GIL all the time."""
import sys
import threading

N = 20000
over = []


def called(n):
    return n  # called


def work():
    total = 0
    for i in range(N):
        total += i  # loop
        called(i)
    return total


def spin():
    n = 0
    while not over:
        n += 1


if __name__ == "__main__":
    sys.setswitchinterval(1e-4)
    other = threading.Thread(target=spin)
    other.start()
    print("ready")
    sys.stdout.flush()
    sys.stdin.readline()
    work()
    over.append(1)
    print("done")
    sys.stdout.flush()
    sys.stdin.readline()
