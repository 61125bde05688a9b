# SPDX-License-Identifier: BSD-2-Clause
"""Exceptions that are the outermost frame's of a thread, and what becomes of them. For each line that it reads it runs every case in
a thread and says, as JSON, which of them Python itself has reported: [case, ...]."""
import contextlib
import functools
import json
import os
import socket
import sys
import threading


class Base(Exception):
    pass


class Derived(Base):
    pass


class Other(Exception):
    pass


class Space:
    Error = Base


GROUP = (KeyError, Other, Base)
cases = []


def case(function):
    cases.append(function)
    return function


def deep(n, name):
    if n:
        deep(n - 1, name)
    else:
        raise Derived(name)


@case
def plain():
    raise Derived("plain")


@case
def from_below():
    local = 42
    deep(3, "from_below")
    return local


@case
def other_class():
    try:
        deep(1, "other_class")
    except KeyError:
        pass


@case
def same_class():
    try:
        deep(1, "same_class")
    except Derived:
        pass


@case
def base_class():
    try:
        deep(1, "base_class")
    except (KeyError, os.error, Space.Error) as e:
        print(e, file=sys.stderr.none)


@case
def attribute_of_a_module():
    try:
        deep(1, "attribute_of_a_module")
    except socket.timeout:
        pass


@case
def tuple_by_name():
    try:
        deep(1, "tuple_by_name")
    except GROUP:
        return 1


@case
def wrong_tuple():
    try:
        deep(1, "wrong_tuple")
    except (KeyError, Other, ZeroDivisionError):
        return 1


@case
def everything():
    try:
        deep(0, "everything")
    except:  # noqa: E722
        pass


@case
def again():
    try:
        deep(0, "again")
    except Base:
        print(file=sys.stderr.none)
        raise


@case
def again_named():
    try:
        deep(0, "again_named")
    except Base as e:
        print(e, file=sys.stderr.none)
        raise
    finally:
        print(file=sys.stderr.none)


@case
def again_into_another():
    try:
        try:
            deep(0, "again_into_another")
        except KeyError:
            pass
        except Base:
            raise
    except Exception:
        pass


@case
def cleaned_up():
    try:
        deep(0, "cleaned_up")
    finally:
        print(file=sys.stderr.none)


@case
def cleaned_up_in_parts():
    try:
        try:
            deep(0, "cleaned_up_in_parts")
        finally:
            try:
                print(file=sys.stderr.none)
            finally:
                print(file=sys.stderr.none)
    except Other:
        pass


@case
def handled_below_a_finally():
    try:
        try:
            deep(0, "handled_below_a_finally")
        except Base as e:
            print(e, file=sys.stderr.none)
        finally:
            print(file=sys.stderr.none)
    finally:
        print(file=sys.stderr.none)


@case
def handled_around_a_finally():
    try:
        try:
            deep(0, "handled_around_a_finally")
        finally:
            print(file=sys.stderr.none)
    except Base:
        pass


@case
def in_a_with():
    with open(os.devnull) as f:
        deep(0, "in_a_with")
        f.read()


@case
def in_a_with_in_a_try():
    try:
        with open(os.devnull):
            deep(0, "in_a_with_in_a_try")
    except Derived:
        pass


@case
def in_a_loop():
    for i in range(3):
        try:
            if i == 1:
                deep(0, "in_a_loop")
        except Other:
            continue
        except Base:
            break


@case
def in_a_loop_for_good():
    while True:
        try:
            deep(0, "in_a_loop_for_good")
        except Other:
            continue


@case
def instead():
    try:
        deep(0, "replaced")
    except Base:
        raise Other("instead")


@case
def behind_a_handler():
    try:
        deep(0, "handled")
    except Base:
        pass
    deep(1, "behind_a_handler")


@case
def else_part():
    try:
        pass
    except Base:
        pass
    else:
        deep(0, "else_part")


def suppressing():
    with contextlib.suppress(Base):
        deep(0, "suppressed")


@case
def suppressed_below():
    suppressing()


class Asked:
    def __getattr__(self, name):
        raise AttributeError(name)

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


@case
def swallowed_by_c():
    hasattr(Asked(), "asked")
    getattr(Asked(), "asked", None)
    list(Asked())
    next(Asked(), None)


@case
def generator():
    def items():
        yield 1
        deep(1, "generator")
    for _ in items():
        pass


@case
def generator_handled():
    def items():
        try:
            yield 1
            deep(1, "generator_handled")
        except Base:
            yield 2
    list(items())


@case
def through_c():
    sorted([2, 1], key=lambda n: deep(1, "through_c"))


@case
def executed():
    exec("deep(1, 'executed')", {"deep": deep})


@case
def local_class():
    class Mine(Exception):
        pass
    try:
        deep(0, "local_class")
    except Mine:
        pass


@case
def by_partial():
    functools.partial(deep, 1)("by_partial")


@case
def system_exit():
    raise SystemExit("system_exit")


class Report:
    """Standard error while threads end: what comes here is what Python reports."""

    def __init__(self):
        self.text = ""
        self.none = open(os.devnull, "w")

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def run():
    reported = []
    for function in cases:
        sys.stderr.text = ""
        thread = threading.Thread()
        thread.run = function
        thread.start()
        thread.join()
        if "Traceback" in sys.stderr.text:
            reported.append(function.__name__)
    return reported


def in_a_library(hook):
    return json.loads('{"a": 1}', object_hook=hook)


def escapes(_):
    deep(1, "escapes")


def handles(_):
    try:
        deep(1, "handles")
    except Base:
        return 1


def user():
    """What leaves the program's own code towards a library, though it comes back and is handled."""
    for hook in (handles, escapes):
        try:
            in_a_library(hook)
        except Base:
            pass
    for text in ("{", "["):
        try:
            json.loads(text)
        except ValueError:
            pass


print("ready", flush=True)
for line in sys.stdin:
    if line == "user\n":
        user()
        print("[]", flush=True)
        continue
    if line == "raise\n":
        deep(2, "main")
    error, sys.stderr = sys.stderr, Report()
    said = run()
    sys.stderr = error
    print(json.dumps(said), flush=True)
