# SPDX-License-Identifier: BSD-2-Clause
"""Threads that come while a debugger is there. Commands on standard input: "run N": that many, one after the other, each runs
first(); "stay": one that stays (answers with its number); "exec": one that replaces the program; "race": the same, while
others begin and run first(), without the GIL."""
import ctypes
import os
import sys
import threading
import time

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


CODE = "import sys; print('new', flush=True)\nfor line in sys.stdin: print('alive', flush=True)"


def other_program():
    os.execv(sys.executable, [sys.executable, "-c", CODE])


def other_program_now():
    argv = (ctypes.c_char_p * 4)(*[a.encode() for a in (sys.executable, "-c", CODE)], None)
    ctypes.CDLL(None).execv(argv[0], argv)


def begin_others():
    while True:
        threading.Thread(target=first).start()


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
    elif order[0] == "race":
        threading.Thread(target=begin_others, daemon=True).start()
        while len(done) < 100:
            time.sleep(0.001)
        t = threading.Thread(target=other_program_now)
        t.start()
        t.join()
