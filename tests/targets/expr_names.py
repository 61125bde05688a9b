# SPDX-License-Identifier: BSD-2-Clause
"""Waits in time.sleep() in the kind of frame that its argument names."""
import sys
import time

where = "global"
only_global = "only global"
max = "a global that hides a built-in"


def case_function():
    where = "local"
    if not where:
        unbound = 1  # noqa: F841
    print("ready", flush=True)
    time.sleep(1000)


def case_closure():
    where = "cell"
    late = None
    del late

    def inner():
        own = "inner"  # noqa: F841
        print("ready", flush=True)
        time.sleep(1000)
        return where, late

    inner()


def case_class():
    where = "cell"

    class Body(object):
        seen = where
        where = "class"
        attribute = 5
        print("ready", flush=True)
        time.sleep(1000)


def case_comprehension():
    where = "outer"  # noqa: F841
    [time.sleep(1000) for where in ["comprehension"] if print("ready", flush=True) is None]


def case_generator():
    def gen(where):
        yield 1
        print("ready", flush=True)
        time.sleep(1000)
        yield 2

    list(gen("argument"))


def case_exec():
    exec("where = 'exec'\nprint('ready', flush=True)\ntime.sleep(1000)", {"time": time, "only_global": "of exec"}, {})


if sys.argv[1] == "module":
    in_module = [1, 2]
    print("ready", flush=True)
    time.sleep(1000)
globals()["case_" + sys.argv[1]]()
