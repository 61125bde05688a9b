# SPDX-License-Identifier: BSD-2-Clause
"""Four functions that several threads call all the time, for tests/integration/test_loan.py: for each line on standard input
`work` runs once, prints a word before it waits for the threads, and then how often each function was called."""
import sys
import threading

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
THREADS = 3


def one(n):
    m = n + 1  # one
    return m


def two(n):
    m = [n]  # two
    while m:
        n = m.pop()
    return n


def three(n):
    yield n  # three


def make():
    base = 1

    def four(n):
        return base + n  # four

    return four


four = make()


def pound():
    for i in range(CALLS):
        one(i)
        two(i)
        sum(three(i))
        four(i)


def work():
    n = 0  # begin
    threads = [threading.Thread(target=pound) for _ in range(THREADS)]
    for t in threads:
        t.start()
    n += one(n)  # own
    n += two(n)
    n += sum(three(n))
    n += four(n)
    n += one(n)
    print("waits", flush=True)
    for t in threads:
        t.join()
    return n


def main():
    sys.setswitchinterval(1e-5)
    print("ready", flush=True)
    for _ in sys.stdin:
        work()
        calls = CALLS * THREADS
        print(calls + 2, calls + 1, calls + 1, calls + 1, flush=True)


main()
