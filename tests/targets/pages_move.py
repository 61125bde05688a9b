# SPDX-License-Identifier: BSD-2-Clause
"""A line that runs argv[1] times, each time on objects of its own, while the process's memory is mapped, given back, protected, made huge
and forked. Whether its condition is true is counted by the program itself."""
import gc
import mmap
import os
import random
import sys
import threading

random.seed(5)


class Row:
    def __init__(self, n):
        self.n = n
        self.tags = ["%d" % i for i in range(n % 50)]
        self.body = {"id": n % 7, "text": "x" * random.randrange(1, 3000)}


def work(row):
    return len(row.body)  # line


def churn(stop):
    """A page that is forked is written by one of two; one that was given back is another page, or none, afterwards."""
    while not stop.is_set():
        areas = []
        for size in (1, 3, 512, 1024):
            m = mmap.mmap(-1, size * 4096)
            m[::4096] = b"a" * size
            areas.append(m)
            if hasattr(m, "madvise"):  # 3.8
                m.madvise(mmap.MADV_HUGEPAGE)
                m[::4096] = b"b" * size
                m.madvise(mmap.MADV_DONTNEED)
        for m in areas:
            m.close()
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)


def main():
    n = int(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    stop = threading.Event()
    other = threading.Thread(target=churn, args=(stop,))
    other.start()
    true, rows = 0, []
    for i in range(n):
        row = Row(random.randrange(1000))
        true += row.n > 500 and row.body["id"] == 3 and len(row.tags) >= 10
        work(row)
        rows.append(row)
        if len(rows) > 2000:
            rows = rows[:10]
            gc.collect()
    stop.set()
    other.join()
    print("true", true, flush=True)
    sys.stdin.readline()


main()
