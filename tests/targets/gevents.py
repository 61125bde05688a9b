# SPDX-License-Identifier: BSD-2-Clause
"""Greenlets: of gevent, of a class of one's own, in two threads; those not started and those that have ended. The first line is
what it knows of them itself: JSON, a list of [id, class, state, [[function, line] ... innermost first]]. Then workers count, and the
sums are printed at the end of standard input: "sums" and whether they are right."""
import json
import sys
import threading
import time

import gevent
import gevent.hub
import gevent.queue
import greenlet

N = 20


class Own(greenlet.greenlet):
    pass


def deep(n):
    if n:
        return deep(n - 1)
    return greenlet.getcurrent().parent.switch()


def sleeper():
    gevent.sleep(1000)


def getter(queue):
    queue.get()


sums = [0] * N
running = True


def step(i, n):
    total = sums[i] + 1
    gevent.sleep(0)
    assert n == i, (n, i)
    sums[i] = total  # counts
    return total


def worker(i):
    n = 0
    while running:
        n += 1
        assert step(i, i) == n
    return n


def frames_of(g):
    found, frame = [], g.gr_frame
    while frame is not None:
        found.append([frame.f_code.co_name, frame.f_lineno])
        frame = frame.f_back
    return found


def in_thread(out, ready):
    own = Own(deep)
    own.switch(2)
    threads_main.append(greenlet.getcurrent())
    out.append(own)
    ready.set()
    time.sleep(1000)


threads_main = []
out, ready = [], threading.Event()
threading.Thread(target=in_thread, args=(out, ready), daemon=True).start()
ready.wait()
own = Own(deep)
own.switch(3)
new = greenlet.greenlet(deep)
ended = greenlet.greenlet(lambda: None)
ended.switch()
queue = gevent.queue.Queue()
waiting = [gevent.spawn(sleeper), gevent.spawn(getter, queue)]
gevent.sleep(0)


def report():
    known = [[id(g), type(g).__module__ + "." + type(g).__qualname__, "suspended", frames_of(g)]
             for g in out + [own] + waiting]
    known.append([id(threads_main[0]), "greenlet.greenlet", "running", []])
    known.append([id(new), "greenlet.greenlet", "not started", []])
    known.append([id(greenlet.getcurrent()), "gevent._gevent_cgreenlet.Greenlet", "running", []])
    print(json.dumps(known), flush=True)
    if not sys.stdin.readline():  # stands here
        time.sleep(1000)


first = gevent.spawn(report)
first.join()
workers = [gevent.spawn(worker, i) for i in range(N)]
print("works", flush=True)


def end():
    global running
    gevent.get_hub().threadpool.apply(sys.stdin.readline)
    running = False


gevent.spawn(end).join()
gevent.joinall(workers)
print("sums", sums == [w.value for w in workers] and all(sums), flush=True)
