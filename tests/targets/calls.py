# SPDX-License-Identifier: BSD-2-Clause
"""A program that counts its own calls: every way in which a Python function is entered.

For each line on standard input it does its work and answers with one line:
    run        "done"
    alone      the same without threads
    profile    under sys.setprofile; a JSON list of [file, first line, name, calls, of them: starts]
    first      the same and some more, after tracing was on for a moment
    sub N      in a sub-interpreter: calls its function `only_in_sub` N times; "done", or "none"
    profile alone   the same without threads
    fork N     the same without threads, in N children, and in a child of a child: an object {pid: that list}
    start EXE  another process, by interpreter EXE, that does the same as this one: its pid
    tell WORD  that one is told WORD: what it answers
Only code of this file and of the made-up file "<calls>" is reported.
"""
import functools
import json
import opcode
import os
import subprocess
import sys
import threading

RESUME = opcode.opmap.get("RESUME")
MINE = (__file__, "<calls>")


def plain(x):
    return x + 1


def recursive(n):
    return recursive(n - 1) if n else 0


def generator(n):
    for i in range(n):
        yield i


def delegating(n):
    yield from generator(n)
    yield plain(n)


def catching():
    """Goes on after each exception that is thrown in."""
    for _ in range(4):
        try:
            yield
        except KeyError:
            plain(1)


def cleaning():
    try:
        yield 1
        yield 2
    finally:
        plain(2)


def outer_of_throw():
    try:
        yield from catching()
    except ValueError:
        plain(3)
    yield


class Awaitable(object):
    def __await__(self):
        got = yield "waiting"
        return got


async def coroutine(n):
    total = 0
    for _ in range(n):
        total += await Awaitable()
    return total


async def outer_coroutine(n):
    return await coroutine(n) + await coroutine(1)


async def async_generator(n):
    for i in range(n):
        await Awaitable()
        yield i


async def over_async(n):
    return [i async for i in async_generator(n)]


class Base(object):
    def __init__(self, x):
        self.x = x

    def method(self):
        return self.x

    @property
    def prop(self):
        return self.method()

    @classmethod
    def make(cls):
        return cls(1)

    @staticmethod
    def static():
        return 2

    def __add__(self, other):
        return self.x + other.x

    def __lt__(self, other):
        return self.x < other.x

    def __getattr__(self, name):
        raise AttributeError(name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return True

    def __iter__(self):
        return iter((1, 2))

    def __call__(self):
        return self.x


class Derived(Base):
    def __init__(self, x):
        super().__init__(x)


def decorated_by(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)
    return wrapper


@decorated_by
def decorated(x):
    return x


def raising(n):
    if not n:
        raise ValueError(n)
    raising(n - 1)


def drive(coro):
    try:
        coro.send(None)
        while True:
            coro.send(1)
    except StopIteration as e:
        return e.value


def generators():
    list(generator(5))
    for _ in generator(3):
        pass
    list(delegating(4))
    g = catching()
    next(g)
    for _ in range(3):
        g.throw(KeyError)
    drain(g)
    g = outer_of_throw()
    next(g)
    g.throw(KeyError)
    g.throw(ValueError)
    drain(g)
    for steps in range(3):
        g = cleaning()
        for _ in range(steps):
            next(g)
        g.close()
    g = generator(1)
    try:
        g.throw(KeyError("before it began"))
    except KeyError:
        pass
    a, b = generator(2)
    sum(x for x in generator(6))


def drain(g):
    """To its end: what is left suspended is closed when it dies, and sys.setprofile of 3.6 to 3.10 does not tell of that."""
    for _ in g:
        pass


def closed_early():
    """Since 3.13 these are not run at all to be closed, unless somebody profiles."""
    g = generator(3)
    next(g)
    g.close()
    any(x > 2 for x in generator(6))
    c = coroutine(2)
    c.send(None)
    c.close()


def coroutines():
    drive(coroutine(3))
    drive(outer_coroutine(2))
    drive(over_async(4))
    c = coroutine(5)
    c.send(None)
    try:
        c.throw(KeyError)
    except KeyError:
        pass
    coroutine(1).close()


def comprehensions():
    [plain(x) for x in range(3)]
    {x: x for x in range(3)}
    {x for x in range(3)}
    [[y for y in range(x)] for x in range(3)]


def objects():
    d = Derived(3)
    d.prop
    d.make().static()
    d + d
    sorted([Base(2), Base(1), Base(3)])
    hasattr(d, "missing")
    getattr(d, "missing", None)
    with d:
        raising(3)
    list(d)
    d()
    max([1, 2, 3], key=lambda x: -x)
    list(map(plain, range(4)))
    functools.partial(plain, 1)()
    functools.reduce(lambda a, b: a + b, range(5))
    decorated(1)
    int.__add__(1, 2)


def made_of_text():
    space = {}
    exec(compile("def made(x):\n    return x\nclass Body:\n    y = made(1)\n", "<calls>", "exec"), space)
    for i in range(5):
        space["made"](i)
        eval(compile("made(2)", "<calls>", "eval"), space)


def warm():
    for i in range(3000):
        plain(i)
        if i % 100 == 0:
            recursive(20)
            list(generator(3))


def raise_through():
    try:
        raising(5)
    except ValueError:
        pass


def in_thread(n):
    for i in range(n):
        plain(i)
    list(delegating(2))


def threads():
    ts = [threading.Thread(target=in_thread, args=(50 + i,)) for i in range(3)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def work_alone():
    generators()
    coroutines()
    comprehensions()
    objects()
    made_of_text()
    raise_through()
    warm()


def work():
    work_alone()
    threads()


def is_start(frame):
    """Does it begin, not go on? The eval loop stands before the first instruction, or (3.11+) on a RESUME whose argument says so."""
    if sys.version_info < (3, 11):
        return frame.f_lasti < 0
    code = frame.f_code.co_code
    return frame.f_lasti >= 0 and code[frame.f_lasti] == RESUME and code[frame.f_lasti + 1] & 7 == 0


def profiled(closing, alone=False):
    counts = {}

    def hook(frame, event, arg):
        if event == "call":
            code = frame.f_code
            if code.co_filename in MINE:
                key = (code.co_filename, code.co_firstlineno, code.co_name)
                calls, starts = counts.get(key, (0, 0))
                counts[key] = calls + 1, starts + is_start(frame)

    threading.setprofile(hook)
    sys.setprofile(hook)
    if alone:
        work_alone()
    else:
        work()
    if closing:
        closed_early()
    sys.setprofile(None)
    threading.setprofile(None)
    rows = []
    for key in counts:
        rows.append(key + counts[key])
    return json.dumps(rows)


def in_child(depth):
    """{pid: rows} of a child, or of a child of a child."""
    r, w = os.pipe()
    pid = os.fork()
    if not pid:
        found = in_child(depth - 1) if depth else {os.getpid(): json.loads(profiled(False, True))}
        os.write(w, json.dumps(found).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        found = json.load(f)
    os.waitpid(pid, 0)
    return found


def forked(n):
    found = {os.getpid(): json.loads(profiled(False, True))}
    for i in range(n):
        found.update(in_child(0))
    found.update(in_child(1))
    return json.dumps(found)


def tracing_comes_and_goes():
    """What is instrumented for one tool must be instrumented anew for the next."""
    def quiet(frame, event, arg):
        return None

    sys.settrace(quiet)
    plain(0)
    sys.settrace(None)


def sub_interpreter(n):
    try:
        import _interpreters as module
    except ImportError:
        try:
            import _xxsubinterpreters as module
        except ImportError:
            return "none"
    text = "def only_in_sub(x):\n    return x\nfor i in range(%d):\n    only_in_sub(i)\n" % n
    sub = module.create()
    module.run_string(sub, text)
    module.destroy(sub)
    return "done"


def main():
    print("ready", flush=True)
    other = None
    for line in sys.stdin:
        word, _, number = line.partition(" ")
        word = word.strip()
        if word == "run":
            work()
            answer = "done"
        elif word == "alone":
            work_alone()
            answer = "done"
        elif word == "profile":
            answer = profiled(False, number.strip() == "alone")
        elif word == "first":
            tracing_comes_and_goes()
            answer = profiled(True)
        elif word == "fork":
            answer = forked(int(number))
        elif word == "start":
            other = subprocess.Popen([number.strip(), "-u", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     universal_newlines=True)
            other.stdout.readline()
            answer = str(other.pid)
        elif word == "tell":
            other.stdin.write(number)
            other.stdin.flush()
            answer = other.stdout.readline().strip()
        else:
            answer = sub_interpreter(int(number))
        print(answer, flush=True)


main()
