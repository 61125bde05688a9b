# SPDX-License-Identifier: BSD-2-Clause
"""Threads that wait in all the ways there are; the main thread computes. Python 3.6 to 3.15. Argument: without ctypes."""
import functools
import json
import os
import sys
import threading
import time

ready = []
first, second, plain = threading.RLock(), threading.RLock(), threading.Lock()
held = threading.Barrier(3)


def inner(x):
    ready.append(1)
    time.sleep(1000)
    return x


def key(x):
    return json.loads('{"a": 1}', object_hook=inner)


def middle():
    return sorted([1], key=key)


def generator():
    yield functools.reduce(lambda a, b: middle(), [1, 2])


def outer():
    return list(map(lambda x: next(generator()), [1]))


def take(one, other):
    with one:
        held.wait()
        with other:
            pass


def start(name, function, *args):
    threading.Thread(target=function, args=args, name=name, daemon=True).start()


plain.acquire()
pipe = os.pipe()
start("outer", outer)
start("A", take, first, second)
start("B", take, second, first)
held.wait()
start("reader", os.read, pipe[0], 1)
start("locker", plain.acquire)
if len(sys.argv) == 1:
    import ctypes
    libc = ctypes.CDLL(None)
    mutex = ctypes.create_string_buffer(40)  # as PTHREAD_MUTEX_INITIALIZER: zeros
    libc.pthread_mutex_lock(mutex)
    start("mutexer", lambda: libc.pthread_mutex_lock(mutex))
while not ready:
    time.sleep(0.01)
print("ready", flush=True)
while True:
    pass
