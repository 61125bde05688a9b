# SPDX-License-Identifier: BSD-2-Clause
"""Functions that are left in every way. Says first, as one line of JSON, how often sys.setprofile sees each of them return (of
generators and coroutines: how often they come to their end). Then it waits for a number, does all that so often without a
profiler, and says a sum that it made and how long it slept by its own clock."""
import contextlib
import json
import sys
import threading
import time


class Error(Exception):
    pass


def plain(n):
    return n + 1


def two_returns(n):
    if n % 2:
        return n
    return -n


def many_returns(n):
    if n == 0:
        return "a"
    if n == 1:
        return [n]
    if n == 2:
        return {n: n}
    if n == 3:
        return n * n
    return None


def loop_first(n):
    while n:
        n -= 1


def recursive(n):
    return recursive(n - 1) + 1 if n else 0


def raises(n):
    if n:
        raise Error(n)
    return n


def raises_by_c(text):
    return int(text)


def deep_raise(n):
    if n:
        return deep_raise(n - 1)
    raise Error(0)


def handles(n):
    try:
        raises(n)
    except Error:
        return "handled"
    return "fine"


def not_handled(n):
    try:
        raises(n)
    except KeyError:
        return "never"
    return n


def raises_in_handler(n):
    try:
        raises(n)
    except Error:
        raise KeyError(n)


def raises_again(n):
    try:
        raises(n)
    except Error:
        raise


def bare():
    raise


def calls_bare():
    try:
        raises(1)
    except Error:
        bare()


def with_finally(n):
    try:
        raises(n)
    finally:
        n = None
    return n


def returns_in_finally(n):
    try:
        raises(n)
    finally:
        return n


def returns_through_finally(n):
    for _ in range(2):
        try:
            try:
                return plain(n)
            finally:
                plain(2)
        finally:
            plain(3)


def break_in_finally(n):
    for i in range(n):
        try:
            return i
        finally:
            break
    for i in range(n):
        try:
            plain(i)
        finally:
            plain(1)
    return -1


@contextlib.contextmanager
def manager():
    yield 1


def in_with(n):
    with manager():
        raises(n)
        return n


def suppressed(n):
    with contextlib.suppress(Error):
        raises(n)
    return n


def nested_handlers(n):
    try:
        try:
            raises(n)
        except KeyError:
            pass
        finally:
            try:
                plain(1)
            finally:
                plain(2)
    except Error:
        try:
            plain(3)
        finally:
            return n


class Lazy:
    def __getattr__(self, name):
        try:
            raise AttributeError(name)
        finally:
            plain(0)

    @property
    def broken(self):
        raise AttributeError("broken")


def generator(n):
    for i in range(n):
        yield i


def failing_generator(n):
    try:
        yield n
        raise Error(n)
    finally:
        plain(1)


def delegating(n):
    r = yield from generator(n)
    return r


def closed_generator():
    try:
        yield 1
        yield 2
    finally:
        plain(4)


class Pause:
    def __await__(self):
        yield


async def suspending(n):
    try:
        await Pause()
        raises(n)
    finally:
        plain(n)
    return n


def nap(seconds):
    time.sleep(seconds)


def nested():
    def inner(x):
        return x
    return inner(1) + inner(2)


def swallow(function, *args):
    try:
        return function(*args)
    except (Error, KeyError, ValueError, RuntimeError):
        pass


def work():
    total = 0  # each thread its own: += is not atomic
    for n in range(5):
        total += plain(n) + 2 * two_returns(n) + 3 * recursive(n)
        many_returns(n)
        loop_first(n)
        for f in (raises, handles, not_handled, raises_in_handler, raises_again, with_finally, returns_in_finally,
                  returns_through_finally, break_in_finally, in_with, suppressed, nested_handlers, deep_raise):
            swallow(f, n)
        swallow(raises_by_c, "x%d" % n)
        swallow(calls_bare)
        list(generator(n))
        list(delegating(n))
        swallow(list, failing_generator(n))
        g = closed_generator()
        next(g)
        g.close()
        hasattr(Lazy(), "x")
        getattr(Lazy(), "broken", None)
        nested()
    nap(0.001)
    totals.append(total)


def drive(n):
    c = suspending(n)
    try:
        while True:
            c.send(None)
    except (StopIteration, Error):
        pass


def run():
    work()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for n in range(4):
        drive(n)


totals = []


def oracle():
    counts, lock, me = {}, threading.Lock(), __file__

    def profile(frame, event, arg):
        code = frame.f_code
        if event == "return" and code.co_filename == me:
            with lock:
                counts[code.co_name] = counts.get(code.co_name, 0) + 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    run()
    sys.setprofile(None)
    threading.setprofile(None)
    # these return at each yield: what they are made for is known
    counts["generator"], counts["delegating"], counts["failing_generator"], counts["closed_generator"] = 30, 15, 15, 15
    counts["suspending"] = 4
    return counts


print(json.dumps(oracle()), flush=True)
for line in sys.stdin:
    del totals[:]
    for _ in range(int(line)):
        run()
    took = {"total": sum(totals)}
    for ms in (1, 10, 100):
        begin = time.perf_counter()
        nap(ms / 1000)
        took[ms] = (time.perf_counter() - begin) * 1e9
    print(json.dumps(took), flush=True)
