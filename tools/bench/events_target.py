# SPDX-License-Identifier: BSD-2-Clause
"""The measured process of tools/bench/events: events_target.py WORK COUNT MODE.

Prints "ready"; for each line read from standard input does the work once under MODE and prints the seconds it
took. Nothing of the installation of a peer's handler is timed.
"""
import bdb
import logging
import os
import sys
import time

PATH = os.path.abspath(__file__)


def lines(n):
    x = 0
    for i in range(n):
        x = i  # line
    return x


class Item:
    def __init__(self, price):
        self.price = price


TOP = 4


def judged(n):
    """What conditions typically ask for: see PREDICATES in tools/bench/events. None is ever true."""
    x, name, limit = 0, 'somebody', 3
    item, items, user = Item(17), list(range(10)), {'id': 7, 'name': name, 'mail': None}

    def inside():
        return limit

    for i in range(n):
        x = i  # judged
    return x, items, item, user, inside


def lines_logged(n, log):
    x = 0
    for i in range(n):
        log('x is %s', x)
        x = i
    return x


def called(i):
    return i


def calls(n):
    for i in range(n):
        called(i)


def marked():
    with open(PATH) as f:
        return next(n for n, text in enumerate(f, 1) if text.rstrip().endswith('# line'))


class Debugger(bdb.Bdb):
    """One breakpoint; what its commands print goes nowhere."""
    out = open(os.devnull, 'w')

    def user_line(self, frame):
        if self.break_here(frame):
            self.out.write('x is %s\n' % frame.f_locals['x'])
        self.set_continue()


def timed(func, *args):
    start = time.perf_counter()
    func(*args)
    return time.perf_counter() - start


def under_bdb(n, condition):
    debugger = Debugger()
    debugger.set_break(PATH, marked(), cond=condition)
    took = []
    debugger.runcall(lambda: took.append(timed(lines, n)))
    return took[0]


def under_monitoring(n):
    mon, line = sys.monitoring, marked()

    def on_line(_code, at):
        if at == line and sys._getframe(1).f_locals['x'] == -1:
            raise AssertionError('the condition is never true')

    mon.use_tool_id(mon.DEBUGGER_ID, 'bench')
    mon.register_callback(mon.DEBUGGER_ID, mon.events.LINE, on_line)
    mon.set_local_events(mon.DEBUGGER_ID, lines.__code__, mon.events.LINE)
    try:
        return timed(lines, n)
    finally:
        mon.set_local_events(mon.DEBUGGER_ID, lines.__code__, 0)
        mon.free_tool_id(mon.DEBUGGER_ID)


def under_settrace(n):
    sys.settrace(lambda frame, event, arg: None)
    try:
        return timed(calls, n)
    finally:
        sys.settrace(None)


def under_logging(n):
    log = logging.getLogger('bench')
    log.addHandler(logging.FileHandler(os.devnull))
    log.setLevel(logging.INFO)
    return timed(lines_logged, n, log.info)


def main():
    work, n, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    how = {
        ('lines', 'bdb_false'): lambda: under_bdb(n, 'x == -1'),
        ('lines', 'bdb_print'): lambda: under_bdb(n, None),
        ('lines', 'monitoring_false'): lambda: under_monitoring(n),
        ('lines', 'logging'): lambda: under_logging(n),
        ('lines', 'alone'): lambda: timed(lines, n),
        ('judged', 'alone'): lambda: timed(judged, n),
        ('calls', 'settrace'): lambda: under_settrace(n),
        ('calls', 'alone'): lambda: timed(calls, n),
    }[work, mode]
    print('ready', flush=True)
    for _ in iter(sys.stdin.readline, ''):
        print('%.6f' % how(), flush=True)


main()
