# SPDX-License-Identifier: BSD-2-Clause
"""Threads, for the count oracle: each line runs a fixed number of times, in whatever order."""
import threading


class Account:
    def __init__(self):
        self.balance = 0
        self.lock = threading.Lock()

    def add(self, n):
        with self.lock:
            before = self.balance
            self.balance = before + n


def worker(account, n):
    for i in range(n):
        if i % 5 == 0:
            account.add(2)
        else:
            account.add(1)


def squares(n, out):
    for i in range(n): out.append(i * i)


def generator_worker(n, out):
    def gen():
        for i in range(n):
            yield i
    out.append(sum(x for x in gen()))


def workload():
    account = Account()
    outs = [[] for _ in range(3)]
    threads = [threading.Thread(target=worker, args=(account, 20)) for _ in range(3)]
    threads += [threading.Thread(target=squares, args=(7, out)) for out in outs]
    threads += [threading.Thread(target=generator_worker, args=(9, out)) for out in outs]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return account.balance, [sum(out) for out in outs]
