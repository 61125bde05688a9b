# SPDX-License-Identifier: BSD-2-Clause
"""Threads that come while a debugger is there. Commands on standard input: "run N": that many, one after the other, each runs
first(); "stay": one that stays (answers with its number); "exec": one that replaces the program."""
import ctypes
import os
import sys
import threading

SYS_gettid = 186
done = []
stay = threading.Event()


def first():
    done.append(1)  # first
    return None


def never():
    return 1  # never


def staying():
    print(ctypes.CDLL(None).syscall(SYS_gettid), flush=True)
    stay.wait()


def other_program():
    code = "import sys; print('new', flush=True)\nfor line in sys.stdin: print('alive', flush=True)"
    os.execv(sys.executable, [sys.executable, "-c", code])


print("ready", flush=True)
for line in sys.stdin:
    order = line.split()
    if order[0] == "run":
        for _ in range(int(order[1])):
            t = threading.Thread(target=first)
            t.start()
            t.join()
        print(len(done), flush=True)
    elif order[0] == "stay":
        threading.Thread(target=staying, daemon=True).start()
    elif order[0] == "exec":
        t = threading.Thread(target=other_program)
        t.start()
        t.join()
