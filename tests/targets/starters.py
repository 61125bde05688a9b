# SPDX-License-Identifier: BSD-2-Clause
"""Starts COUNT threads, one by one or all at once, each of which runs one function and ends."""
import sys
import threading

COUNT = 300


def begin(done):
    done.append(1)  # first
    return None


def one_by_one():
    done = []
    for _ in range(COUNT):
        t = threading.Thread(target=begin, args=(done,))
        t.start()
        t.join()
    return len(done)


def burst():
    done = []
    threads = [threading.Thread(target=begin, args=(done,)) for _ in range(COUNT)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return len(done)


print("ready")
sys.stdout.flush()
for line in sys.stdin:
    print("%d" % {"one_by_one": one_by_one, "burst": burst}[line.strip()](), flush=True)
