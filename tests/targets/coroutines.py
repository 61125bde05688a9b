# SPDX-License-Identifier: BSD-2-Clause
"""Coroutines driven by hand, async for, async with, for the count oracle."""


class Pause:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        return got


class Manager:
    def __init__(self, log, swallow=False):
        self.log = log
        self.swallow = swallow

    async def __aenter__(self):
        self.log.append(await Pause("enter"))
        return self

    async def __aexit__(self, kind, value, tb):
        self.log.append(await Pause("exit"))
        return self.swallow


class Ticker:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.n:
            raise StopAsyncIteration
        self.n -= 1
        await Pause("tick")
        return self.n


async def double(x):
    y = await Pause(x)
    return (y or 0) * 2


async def chain(n):
    total = 0
    for i in range(n):
        total += await double(i)
    return total


async def agen(n):
    for i in range(n):
        yield i
        await Pause("between")


async def loops(n):
    out = []
    async for x in Ticker(n):
        out.append(x)
    else:
        out.append("else")
    async for x in agen(n):
        if x == 1:
            continue
        out.append(x)
    return out


async def comprehensions(n):
    a = [x async for x in Ticker(n)]
    b = {x: await double(x) for x in range(n)}
    c = [
        y
        async for y in agen(n)
        if y
    ]
    return a, b, c


async def managers(log):
    async with Manager(log):
        log.append("body")
    async with Manager(log) as first, Manager(log, True):
        log.append(first.swallow)
        raise KeyError("swallowed")
    try:
        async with Manager(log):
            raise ValueError("seen")
    except ValueError as e:
        log.append(str(e))
    return log


async def early(log):
    for i in range(3):
        async with Manager(log):
            if i == 1:
                return i
            await double(
                i)


async def interrupted(log):
    async with Manager(log):
        return await Pause("wait")


async def recovers(log):
    for i in range(2):
        try:
            x = await Pause(i) or await Pause(i)
            log.append(x)
        except KeyError: log.append(await Pause("again"))
    return log


def interrupt(coro, error):
    seen = [coro.send(None), coro.send(None)]
    try:
        seen.append(coro.throw(error))
        while True:
            seen.append(coro.send(None))
    except (StopIteration, type(error)) as e:
        seen.append(type(e).__name__)
    return seen


def run(coro):
    seen = []
    value = None
    try:
        while True:
            value = coro.send(value)
            seen.append(value)
    except StopIteration as stop:
        seen.append(stop.value)
    return seen


def workload():
    return [run(chain(4)), run(loops(3)), run(comprehensions(3)), run(managers([])), run(early([])),
            interrupt(interrupted([]), KeyError()), interrupt(recovers([]), KeyError())]
