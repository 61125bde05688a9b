# SPDX-License-Identifier: BSD-2-Clause
"""What steps meet, for tests/integration/test_step.py: for each line on standard input the function of that name runs.
Another thread counts meanwhile."""
import bisect
import sys
import threading
import time

count = 0


def counter():
    global count
    while True:
        count += 1
        time.sleep(0.0005)


class Key:
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        smaller = self.n < other.n
        return smaller


def callee(n):
    m = n + 1
    return m * 2  # callee


def over():
    a = callee(1)  # over
    b = callee(a)
    return a + b


def slots():
    one = 1  # one
    two = 2  # two
    three = 3  # three
    four = 4  # four
    return one + two + three + four


def library():
    name = sys.intern("x")
    low = threading.Lock()  # library
    t = threading.Timer(3600, callee)
    keys = [Key(1), Key(3)]
    at = bisect.bisect_left(keys, Key(2))
    return name, low, t, at


def raises():
    x = []
    try:
        x = x[1]  # raises
    except IndexError:
        x = None
    return x


def looped():
    seen = []
    for i in range(6):
        seen.append(i)  # looped
    return sum(seen)


def leaves():
    with threading.Lock():
        text = ",".join(str(n) for n in (1, 2))  # leaves
        if text:
            return text


def ends():
    t = threading.Thread(target=last, name="short")
    t.start()
    t.join()


def last():
    n = 1  # last
    return n


def counts():
    before = count  # counts
    time.sleep(0.2)
    after = count
    return after - before


def main():
    threading.Thread(target=counter, daemon=True, name="counter").start()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip():
            print(globals()[line.strip()](), flush=True)


main()
