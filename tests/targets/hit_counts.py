# SPDX-License-Identifier: BSD-2-Clause
"""Two threads run one line a known number of times each, when told to."""
import sys
import threading

try:
    from _thread import get_native_id
except ImportError:  # before 3.8
    import ctypes

    def get_native_id():
        return ctypes.CDLL(None).syscall(186)  # gettid


ids = {}
begin = {"one": threading.Event(), "two": threading.Event()}


def work(n):
    total = 0
    for i in range(n):
        total += i  # line
    return total


def worker(name, n):
    ids[name] = get_native_id()
    ready[name].set()
    begin[name].wait()
    work(n)


ready = {"one": threading.Event(), "two": threading.Event()}
threads = [threading.Thread(target=worker, args=("one", 40)), threading.Thread(target=worker, args=("two", 25))]
for t in threads:
    t.start()
for event in ready.values():
    event.wait()
print("ready", ids["one"], ids["two"], flush=True)
sys.stdin.readline()
for name, t in zip(("one", "two"), threads):
    begin[name].set()
    t.join()
print("done", flush=True)
sys.stdin.readline()
