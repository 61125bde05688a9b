# SPDX-License-Identifier: BSD-2-Clause
"""A process that starts others, as it is told on standard input:

    fork N CALLS [FIRST]   N children, FIRST (8) at a time, each calls work() CALLS times
    tree CALLS             a child, whose child calls work() CALLS times
    spawn CALLS            a program of its own, that calls work() CALLS times when it gets a line
    go                     the line for that one
    exec                   a child that becomes another program, after one call
    work CALLS             no child: itself

Each is answered by "done STATUSES" (the exit statuses but for 0) and for spawn by "ready PID" and "done".
"""
import os
import subprocess
import sys

total = 0


def work(n):
    global total
    for i in range(2):
        total += n + i  # twice
    return total


def calls(n):
    for i in range(n):
        work(i)


def wait_some(pids, least):
    bad = []
    while len(pids) > least:
        pid, status = os.wait()
        pids.discard(pid)
        if status:
            bad.append(status)
    return bad


def fork(count, n, at_once=8):
    pids, bad = set(), []
    for _ in range(count):
        bad += wait_some(pids, at_once - 1)
        pid = os.fork()
        if not pid:
            calls(n)
            os._exit(0)
        pids.add(pid)
    return bad + wait_some(pids, 0)


def tree(n):
    pid = os.fork()
    if not pid:
        os._exit(len(fork(1, n)))
    return wait_some({pid}, 0)


def execs():
    pid = os.fork()
    if not pid:
        calls(1)
        os.execv("/bin/true", ["true"])
    return wait_some({pid}, 0)


def main():
    child = None
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        n = [int(w) for w in words[1:]]
        bad = []
        if words[0] == "fork":
            bad = fork(*n)
        elif words[0] == "tree":
            bad = tree(*n)
        elif words[0] == "exec":
            bad = execs()
        elif words[0] == "work":
            calls(*n)
        elif words[0] == "spawn":
            child = subprocess.Popen([sys.executable, "-u", os.path.abspath(__file__), "child", words[1]],
                                     stdin=subprocess.PIPE)
            print("ready %d" % child.pid, flush=True)
            continue
        elif words[0] == "go":
            child.communicate(b"go\n")
            bad = [child.returncode] if child.returncode else []
        print("done %s" % " ".join(map(str, bad)), flush=True)


if sys.argv[1:2] == ["child"]:
    sys.stdin.readline()
    calls(int(sys.argv[2]))
else:
    main()
