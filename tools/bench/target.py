# SPDX-License-Identifier: BSD-2-Clause
"""The measured process: target.py WORKLOAD LOOPS MODE.

Prints "ready"; for each line read from standard input runs the workload once under MODE and prints the
seconds it took. Nothing of start-up, import or installation of the peer's handler is timed.
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import workloads  # noqa: E402


def handler_empty(frame, event, arg):
    return None


def handler_lines(frame, event, arg):
    return handler_lines


def under_settrace(func, loops, handler):
    threading.settrace(handler)
    sys.settrace(handler)
    try:
        start = time.perf_counter()
        func(loops)
        return time.perf_counter() - start
    finally:
        sys.settrace(None)
        threading.settrace(None)


def under_bdb(func, loops, line):
    import bdb

    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            self.set_continue()

    debugger = Debugger()
    debugger.set_break(os.path.abspath(workloads.__file__), line)
    took = []

    def timed():
        start = time.perf_counter()
        func(loops)
        took.append(time.perf_counter() - start)

    threading.settrace(debugger.trace_dispatch)
    try:
        debugger.runcall(timed)
    finally:
        threading.settrace(None)
    return took[0]


def under_monitoring(func, loops, code, line, disable):
    mon = sys.monitoring
    mon.use_tool_id(mon.DEBUGGER_ID, 'bench')

    def on_line(_code, at):
        if at == line:
            raise AssertionError('a line that is never reached was reached')
        return mon.DISABLE if disable else None

    mon.register_callback(mon.DEBUGGER_ID, mon.events.LINE, on_line)
    mon.set_local_events(mon.DEBUGGER_ID, code, mon.events.LINE)
    try:
        start = time.perf_counter()
        func(loops)
        return time.perf_counter() - start
    finally:
        mon.set_local_events(mon.DEBUGGER_ID, code, 0)
        mon.free_tool_id(mon.DEBUGGER_ID)


def main():
    name, loops, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    func, marker, _ = workloads.WORKLOADS[name]
    line = workloads.never_line(marker)
    if mode == 'debugpy':
        import debugpy
        port = debugpy.listen(('127.0.0.1', 0))[1]
        print('port %d' % port, flush=True)
        debugpy.wait_for_client()
    print('ready', flush=True)
    for _ in iter(sys.stdin.readline, ''):
        if mode == 'settrace':
            took = under_settrace(func, loops, handler_empty)
        elif mode == 'settrace_lines':
            took = under_settrace(func, loops, handler_lines)
        elif mode == 'bdb':
            took = under_bdb(func, loops, line)
        elif mode in ('monitoring', 'monitoring_disable'):
            took = under_monitoring(func, loops, workloads.HOT[marker].__code__, line, mode.endswith('disable'))
        else:
            start = time.perf_counter()
            func(loops)
            took = time.perf_counter() - start
        print('%.6f' % took, flush=True)


main()
