# SPDX-License-Identifier: BSD-2-Clause
"""Exceptions raised in every way. Says first, as one line of JSON, where sys.settrace sees each of them raised: an exception
that was not seen before, or a line that says `raise X`. Then it waits for a line, does the same without a tracer as often as
that says, and says how many exceptions it handled."""
import contextlib
import json
import linecache
import sys
import threading


class Base(Exception):
    pass


class Derived(Base):
    def __init__(self, code):
        Exception.__init__(self, "derived", code)
        self.code = code


class Both(Base, KeyError):
    pass


class Space:
    class Inner(Base):
        pass


handled = []
codes = []  # kept: the name of code that is gone when its record is looked at is not known
kept = Base("kept")


def handle(exc):
    handled.append(type(exc).__name__)


def plain():
    raise Derived(1)


def nested(n):
    if n:
        nested(n - 1)
    else:
        raise Space.Inner("deep")


def by_c():
    return int("zero")


def by_c_in_handler():
    try:
        return {}["key"]
    except KeyError:
        return [][1]


def by_operator():
    return 1 / 0


def cleanup():
    try:
        plain()
    finally:
        handled.append("finally")


def again():
    try:
        plain()
    except Base:
        handled.append("again")
        raise


def again_elsewhere():
    try:
        plain()
    except Base:
        reraise()


def reraise():
    raise


def chained():
    try:
        by_operator()
    except ZeroDivisionError as e:
        raise Base("from") from e


def replaced():
    try:
        plain()
    except Base:
        raise Both("instead")


def old_instance():
    raise kept


def same_twice():
    try:
        plain()
    except Base as e:
        saved = e
    raise saved


def without_message():
    raise Base


def generator():
    yield 1
    raise Both(2)


def consume():
    return [x for x in generator()]


def delegating():
    yield from generator()


def consume_delegating():
    return list(delegating())


def thrown():
    def inner():
        try:
            yield 1
        except Base as e:
            handle(e)
            yield 2
    g = inner()
    next(g)
    g.throw(Base("thrown"))
    raise Derived(3)


@contextlib.contextmanager
def manager():
    try:
        yield
    except Both:
        raise


def in_manager():
    with manager():
        raise Both("managed")


def suppressed():
    with contextlib.suppress(LookupError):
        return {}["no"]
    raise Base("after")


class Attributes:
    def __getattr__(self, name):
        raise AttributeError(name)

    def __len__(self):
        raise Derived(4)

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


def swallowed():
    hasattr(Attributes(), "x")
    getattr(Attributes(), "y", None)
    for _ in Attributes():
        pass
    return len(Attributes())


def key(n):
    raise Derived(n)


def through_c():
    return sorted([3, 1], key=key)


def evaluated():
    codes.append(compile("def f():\n    raise Base('exec')\nf()\n", "<exec>", "exec"))
    exec(codes[-1], {"Base": Base})


class InBody:
    def __init__(self):
        class Broken:
            raise Base("class body")


def unpacked():
    a, b = (1,)
    return a, b


def wrong_argument():
    return ord("ab")


def os_error():
    open("/nonexistent/file")


def long_line():
    return plain(
        *[
            by_operator()
        ]
    )


def in_thread():
    caught = []

    def work():
        try:
            nested(2)
        except Base as e:
            caught.append(e)
    t = threading.Thread(target=work)
    t.start()
    t.join()
    raise Both(len(caught))


EVERY = [plain, lambda: nested(3), by_c, by_c_in_handler, by_operator, cleanup, again, again_elsewhere, chained, replaced,
         old_instance, old_instance, same_twice, without_message, consume, consume_delegating, thrown, in_manager,
         suppressed, swallowed, through_c, evaluated, InBody, unpacked, wrong_argument, os_error, long_line, in_thread]


def run():
    for function in EVERY:
        try:
            function()
        except Exception as e:
            handle(e)


def oracle():
    seen, events = [], []

    def trace(frame, event, arg):
        if event == "exception":
            value = arg[1]
            text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            if not any(v is value for v in seen) or (text.startswith("raise ") and value is not None):
                events.append([[c.__name__ for c in arg[0].__mro__], frame.f_code.co_name, frame.f_lineno, repr(value), str(value)])
            seen.append(value)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    run()
    sys.settrace(None)
    threading.settrace(None)
    return events


# as any later time: it was raised before
try:
    old_instance()
except Base:
    pass
print(json.dumps(oracle()), flush=True)
for line in sys.stdin:
    del handled[:]
    for _ in range(int(line)):
        run()
    print(len(handled), flush=True)
