# SPDX-License-Identifier: BSD-2-Clause
"""Works until its standard input ends; answers each line with how far it got."""
import sys
import threading


class Counter:
    def __init__(self):
        self.n = 0
        self.ends = False

    @property
    def half(self):
        return self.n // 2

    def work(self, item):
        self.n += 1
        return item + 1

    def loop(self):
        value = 0
        while not self.ends:
            value = self.work(value) & 0xffff

    def never(self):
        return self.n


def main():
    counter = Counter()
    thread = threading.Thread(target=counter.loop, name="busy", daemon=True)
    thread.start()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(counter.n, flush=True)
    counter.ends = True
    thread.join()


main()
