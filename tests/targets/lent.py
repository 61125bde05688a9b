# SPDX-License-Identifier: BSD-2-Clause
"""Four functions that several threads call all the time, for tests/integration/test_loan.py: for each line on standard input
`work` runs once, prints a word before it waits for the threads, and then how often each function was called. The argument is how
often each thread calls them, `until`: until there is another line ("end") on standard input."""
import select
import sys
import threading

UNTIL = sys.argv[1] == "until"
CALLS = 0 if UNTIL else int(sys.argv[1])
THREADS = 3
called = 0
lock = threading.Lock()


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


def goes_on(i):
    return not select.select([0], [], [], 0)[0] if UNTIL else i < CALLS


def pound():
    global called
    i = 0
    while goes_on(i):
        one(i)
        two(i)
        sum(three(i))
        four(i)
        i += 1
    with lock:
        called += i


def work():
    global called
    n = called = 0  # begin
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
    for line in sys.stdin:
        if line != "end\n":
            work()
            print(called + 2, called + 1, called + 1, called + 1, flush=True)


main()
