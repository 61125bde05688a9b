# SPDX-License-Identifier: BSD-2-Clause
"""Globals that change between two calls of f(): another value, another name before it, a built-in that is hidden and shown again.

For each line read calls f() 3 times for each of 40 states and prints how often `G == 1 and len(D) == 1` held.
"""
import builtins
import sys

G = 0
D = {}


def f():
    return G, D


def own(_):
    return 1


def hide(i):
    if i % 8 == 5:
        globals()['len'] = own
    else:
        globals().pop('len', None)


def turn():
    global G, D
    held = 0
    for i in range(40):
        G = i % 2
        D = {} if i % 3 else {'one': 1}
        hide(i)
        if i == 20:
            for k in range(64):
                globals()['name%d' % k] = k
        if i >= 30:
            del globals()['G']
            builtins.G = i % 2
        held += 3 * (builtins.len(D) == 1 and i % 2 == 1 and i % 8 != 5)
        for _ in range(3):
            f()
    del builtins.G
    return held


print('ready', flush=True)
for _ in iter(sys.stdin.readline, ''):
    print(turn(), flush=True)
