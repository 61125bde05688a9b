#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The machine's four watch slots, which all tests share: who sets watchpoints holds all of them, or two.

    with slots.held("/run/lock/pybpfdbg-watch.lock", 2): ...

    tests/support/slots.py COMMAND...    run it while two of them are taken: so must every test of a file with "# Two watch slots:" pass

The lock file is locked as a whole by who needs all four. Others share it, and hold one of two more files. They come in the order in
which they ask, so that nobody who needs all waits for ever.
"""
import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess
import sys

ALL, TWO, NONE = 4, 2, 0


def _taken(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def held(path, number):
    """path: of the lock, None: there is none. It is let go at the end, or when the process ends."""
    if not path or number == NONE:
        yield
        return
    with open(path, "w") as lock, open(path + ".turn", "w") as turn, open(path + ".1", "w") as first, \
            open(path + ".2", "w") as second:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if number > TWO else fcntl.LOCK_SH)
        if number <= TWO and not _taken(first) and not _taken(second):
            fcntl.flock(first, fcntl.LOCK_EX)
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield


def _take(cpu, address):
    """A descriptor of a watchpoint of that CPU (struct perf_event_attr of linux/perf_event.h: PERF_TYPE_BREAKPOINT, HW_BREAKPOINT_RW)."""
    attr = bytearray(128)
    disabled, exclude_kernel = 1 << 0, 1 << 5
    struct.pack_into("<IIQQQQQIIQQ", attr, 0, 5, len(attr), 0, 1, 0, 0, disabled | exclude_kernel, 0, 3, address, 1)
    perf_event_open, close_on_exec = 298, 8  # of x86-64
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(perf_event_open, (ctypes.c_char * len(attr)).from_buffer(attr), -1, cpu, -1, close_on_exec)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "no watch slot on CPU %d" % cpu)
    return fd


def main():
    watched = ctypes.create_string_buffer(TWO)
    for cpu in os.sched_getaffinity(0):
        for n in range(TWO):
            _take(cpu, ctypes.addressof(watched) + n)
    return subprocess.call(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
