# SPDX-License-Identifier: BSD-2-Clause
"""Runs other programs when told to, a line each:

    start METHOD N         two processes of multiprocessing, each of which works N times
    pool METHOD N          a pool of two that works N times together
    stay METHOD N          N processes that work once at each line until `end`
    python PATH            this file in another Python, which works once
    exec FILE [ARG...]     a child that works once, and executes that
"""
import multiprocessing
import os
import subprocess
import sys

LEVEL = 1  # level
worked = 0


def work(n):
    return n * n  # here


def works(times):
    for n in range(times):
        work(n)


def stays(conn):
    global worked
    while conn.recv():
        worked += 1  # write
        conn.send(work(3))


def start(method, times):
    ctx = multiprocessing.get_context(method)
    both = [ctx.Process(target=works, args=(int(times),)) for _ in range(2)]
    for p in both:
        p.start()
    for p in both:
        p.join()
    return [p.exitcode for p in both]


def pool(method, times):
    p = multiprocessing.get_context(method).Pool(2)
    try:
        return sum(p.map(work, range(int(times)), 1))
    finally:
        p.close()
        p.join()


def stay(method, count):
    ctx = multiprocessing.get_context(method)
    kids = []
    for _ in range(int(count)):
        ours, theirs = ctx.Pipe()
        p = ctx.Process(target=stays, args=(theirs,))
        p.start()
        kids.append((p, ours))
    print("stay", *[p.pid for p, _ in kids], flush=True)
    for line in sys.stdin:
        if line == "end\n":
            break
        for _, conn in kids:
            conn.send(1)
        total = sum(conn.recv() for _, conn in kids)
        print("sum", total, flush=True)  # sum
    for p, conn in kids:
        conn.send(0)
        p.join()
    return [p.exitcode for p, _ in kids]


def python(path):
    return subprocess.call([path, os.path.abspath(__file__), "child"])


def execs(path, *args):
    pid = os.fork()
    if not pid:
        work(0)
        os.execv(path, (path,) + args)
    return os.waitpid(pid, 0)[1]


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        f = {"start": start, "pool": pool, "stay": stay, "python": python, "exec": execs}[words[0]]
        print("done", f(*words[1:]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["child"]:
        work(7)
    else:
        main()
