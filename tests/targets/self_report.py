# SPDX-License-Identifier: BSD-2-Clause
"""Threads that stand still in all kinds of frames, and what Python itself says of them.

Prints, for each thread:
    thread IDENT NATIVE_ID NAME
    frame CODE LASTI LINE        (innermost first; CODE: address of the code object; none for the main thread,
                                  which reports)
and at the end "interpreters N" and "end". Then everything stays as it is.
"""
import sys
import threading
import time

gate = threading.Lock()
gate.acquire()
ready = threading.Semaphore(0)


def block():
    ready.release()
    gate.acquire()


def recursive(n):
    if n:
        return recursive(n - 1)
    block()


def generator():
    yield 1
    block()
    yield 2


def delegating():
    yield from generator()


def in_generator():
    for _ in delegating():
        pass


async def coroutine():
    async def inner():
        block()
    await inner()


def in_coroutine():
    try:
        coroutine().send(None)
    except StopIteration:
        pass


class Blocker:
    def __init__(self, how):
        self.how = how

    def __lt__(self, other):
        self.how()
        return True


def through_c():
    # C code in between: sorted() calls __lt__, which is Python again.
    sorted([Blocker(block), Blocker(block)])


def closure():
    def inner(x):
        return [block() for _ in range(x)]
    return inner(1)


def evaluated():
    eval("(lambda: block())()")


workers = [threading.Thread(target=f, args=a, name=n, daemon=True) for f, a, n in (
    (block, (), "plain"),
    (recursive, (40,), "deep recursion"),
    (in_generator, (), "generator"),
    (in_coroutine, (), "coroutine"),
    (through_c, (), "through C"),
    (closure, (), "closure \u00e9\u4e2d"),
    (evaluated, (), "eval"),
)]


def sub_interpreter():
    """A thread of its own in a second interpreter, or 1 when this Python cannot."""
    try:
        try:
            import _interpreters as si
        except ImportError:
            import _xxsubinterpreters as si
        script = "import time\nwhile True: time.sleep(60)"
        ident = si.create()
        run = getattr(si, "exec", None) or si.run_string
        threading.Thread(target=run, args=(ident, script), daemon=True, name="runs another").start()
        for _ in range(1000):
            if si.is_running(ident):
                return 2
            time.sleep(0.01)
    except (ImportError, AttributeError, RuntimeError, TypeError):
        pass
    return 1


def report():
    for _ in workers:
        ready.acquire()
    interpreters = sub_interpreter() if "sub" in sys.argv else 1
    # Released the semaphore, but perhaps not yet in acquire(): the frames hold still once they do twice.
    before = None
    while True:
        now = {}
        for ident, frame in sys._current_frames().items():
            stack = now[ident] = []
            if ident == threading.get_ident():
                continue
            while frame:
                stack.append((id(frame.f_code), frame.f_lasti, frame.f_lineno))
                frame = frame.f_back
        if now == before:
            break
        before = now
        time.sleep(0.02)
    names = {t.ident: t for t in threading.enumerate()}
    out = []
    for ident, stack in now.items():
        t = names.get(ident)
        out.append("thread %d %d %s" % (ident, getattr(t, "native_id", None) or 0, t.name if t else ""))
        out += ["frame %d %d %d" % f for f in stack]
    out += ["interpreters %d" % interpreters, "end", ""]
    getattr(sys.stdout, "buffer", sys.stdout).write("\n".join(out).encode("utf-8"))
    sys.stdout.flush()


for w in workers:
    w.start()
report()
gate.acquire()
