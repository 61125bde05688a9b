# SPDX-License-Identifier: BSD-2-Clause
"""Tasks in all sorts of waiting, then stands in time.sleep() in one of them. With "python" as argument the
tasks are those written in Python. The first line that it prints is what it knows of them itself: JSON, a list of
[name, [[function, line] ... outermost first], done, id, names of those that wait for it]."""
import asyncio
import json
import sys
import threading
import time
import types

if "python" in sys.argv:
    asyncio.Task = asyncio.tasks.Task = asyncio.tasks._PyTask
    asyncio.Future = asyncio.futures.Future = asyncio.futures._PyFuture
    if hasattr(asyncio.tasks, "_py_current_task"):
        asyncio.current_task = asyncio.tasks.current_task = asyncio.tasks._py_current_task

NAMES = {}
BY = {"sleeper": ["joiner"], "one": ["gatherer"], "two": ["gatherer"], "three": ["waiter"], "four": ["shielded"],
      "five": ["limited"], "six": ["grouper"], "seven": ["grouper"], "runner": ["main"]}
BEHIND = {}
tasks = []


def all_tasks(loop):
    get = getattr(asyncio, "all_tasks", None) or asyncio.Task.all_tasks
    return get(loop)


def spawn(loop, coro, name, make=None):
    task = make(coro, loop=loop) if make else loop.create_task(coro)
    return enrol(task, name)


def enrol(task, name):
    if hasattr(task, "set_name"):
        task.set_name(name)
    NAMES[id(task)] = name
    tasks.append(task)
    return task


def frames_of(obj):
    """Of a suspended coroutine and what it awaits, by its own attributes."""
    found = []
    while obj is not None:
        for kind in "cr_", "gi_", "ag_":
            frame = getattr(obj, kind + "frame", None)
            if frame is not None:
                found.append([frame.f_code.co_name, frame.f_lineno])
                obj = getattr(obj, kind + ("yieldfrom" if kind == "gi_" else "await"), None)
                break
        else:
            break
    return found


async def leaf(future):
    await future


async def middle(future):
    return await leaf(future)


async def sleeper():
    await asyncio.sleep(1000)


async def joiner(task):
    await task


async def gatherer(*awaitables):
    await asyncio.gather(*awaitables)


async def waiter(task):
    await asyncio.wait([task])


async def shielded(task):
    await asyncio.shield(task)


async def limited(task):
    await asyncio.wait_for(task, 1000)


async def grouper(loop):
    async with asyncio.TaskGroup() as group:
        enrol(group.create_task(sleeper()), "six")
        enrol(group.create_task(sleeper()), "seven")


class Special(asyncio.Task):
    pass


def elsewhere(name, ready, stay):
    other = asyncio.new_event_loop()
    spawn(other, sleeper(), name)
    other.call_later(0.02, other.stop if not stay else ready.set)
    other.run_forever()
    KEPT.append(other)
    ready.set()


def elsewhere_started(name, stay):
    ready = threading.Event()
    thread = threading.Thread(target=elsewhere, args=(name, ready, stay), daemon=True)
    thread.start()
    ready.wait()
    if not stay:
        thread.join()


KEPT = []


async def locked(lock):
    await lock.acquire()


async def getter(queue):
    await queue.get()


class Awaitable:
    def __init__(self, future):
        self.future = future

    def __await__(self):
        return (yield from self.future)


async def by_method(future):
    await Awaitable(future)


@types.coroutine
def old_style(future):
    yield from future


async def by_old_style(future):
    await old_style(future)


async def numbers(future):
    yield 1
    await leaf(future)
    yield 2


async def iterating(future):
    # What an async generator is asked for does not say which one it is.
    BEHIND["iterating"] = numbers(future)
    async for _ in BEHIND["iterating"]:
        pass


async def failing():
    raise ValueError("no")


async def fine():
    return 1


async def runner(loop):
    await asyncio.sleep(0)
    report(loop)


def report(loop):
    known = []
    for task in tasks:
        coro = task.get_coro() if hasattr(task, "get_coro") else task._coro
        name = NAMES[id(task)]
        chain = [] if task.done() or name == "runner" else frames_of(coro) + frames_of(BEHIND.get(name))
        known.append([name, chain, task.done(), id(task), BY.get(name, [])])
    missing = {id(t) for t in all_tasks(loop)} - {id(t) for t in tasks}
    assert not missing, missing
    print(json.dumps(known), flush=True)
    stand()


def stand():
    while True:
        here = time.sleep(0.01)  # stands here
        del here


async def main(loop):
    future = loop.create_future()
    lock = asyncio.Lock()
    await lock.acquire()
    queue = asyncio.Queue()
    spawn(loop, middle(future), "leaf")
    sleeping = spawn(loop, sleeper(), "sleeper")
    spawn(loop, joiner(sleeping), "joiner")
    one, two = spawn(loop, sleeper(), "one"), spawn(loop, middle(future), "two")
    spawn(loop, gatherer(one, two), "gatherer")
    three = spawn(loop, sleeper(), "three")
    spawn(loop, waiter(three), "waiter")
    four = spawn(loop, sleeper(), "four")
    spawn(loop, shielded(four), "shielded")
    spawn(loop, limited(spawn(loop, sleeper(), "five")), "limited")
    if hasattr(asyncio, "TaskGroup"):
        spawn(loop, grouper(loop), "grouper")
    spawn(loop, sleeper(), "special", Special)
    if hasattr(asyncio, "eager_task_factory"):
        enrol(asyncio.eager_task_factory(loop, sleeper()), "eager")
    elsewhere_started("other", True)
    elsewhere_started("orphan", False)
    spawn(loop, locked(lock), "locked")
    spawn(loop, getter(queue), "getter")
    spawn(loop, by_method(future), "by_method")
    spawn(loop, by_old_style(future), "old_style")
    spawn(loop, iterating(future), "iterating")
    spawn(loop, failing(), "failing")
    spawn(loop, fine(), "fine")
    cancelled = spawn(loop, sleeper(), "cancelled")
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0.05)
    run = spawn(loop, runner(loop), "runner")
    await run


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(spawn(loop, main(loop), "main"))
