# SPDX-License-Identifier: BSD-2-Clause
"""Programs that make a debugger's life hard: lifecycle.py MODE. Each prints "ready", then obeys the lines of its standard
input ("go N": do it N times and answer with what came of it; others by mode)."""
import os
import signal
import sys
import threading

calls = 0


def work(x):
    global calls
    calls += 1
    return x * 2 + 1


def say(*words):
    print(*words, flush=True)


def orders():
    for line in sys.stdin:
        yield line.split()


def churn():
    """Threads that start and end: one for each call."""
    say("ready")
    for order in orders():
        done = []
        for i in range(int(order[1])):
            t = threading.Thread(target=lambda: done.append(work(i)))
            t.start()
            t.join()
        say("done", len(done), sum(done))


def forks():
    """Each child works, too, and tells by its status whether it came through."""
    say("ready")
    for order in orders():
        bad = 0
        for i in range(int(order[1])):
            pid = os.fork()
            if pid == 0:
                ok = all(work(k) == k * 2 + 1 for k in range(20))
                os._exit(7 if ok else 1)
            work(i)
            if os.waitpid(pid, 0)[1] != 7 << 8:
                bad += 1
        say("done", bad, calls)


def execs():
    """Replaces itself by a program that says so and goes on."""
    say("ready")
    for order in orders():
        work(1)
        if order[0] == "exec":
            code = "import sys; print('new', flush=True)\nfor line in sys.stdin: print('alive', flush=True)"
            os.execv(sys.executable, [sys.executable, "-c", code])
        say("done")


def signals():
    """Counts the signals it gets while it works."""
    got = {}
    cond = threading.Event()

    def handler(signum, frame):
        got[signum] = got.get(signum, 0) + 1

    for signum in (signal.SIGURG, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTRAP, signal.SIGCHLD):
        signal.signal(signum, handler)

    def loop():
        i = 0
        while not cond.is_set():
            work(i)
            i += 1

    threads = [threading.Thread(target=loop, daemon=True) for _ in range(2)]
    for t in threads:
        t.start()
    reader = threading.Thread(target=answer, args=(got,), daemon=True)
    say("ready")
    reader.start()
    while reader.is_alive():
        work(0)  # handlers run in this thread
    cond.set()


def answer(got):
    for order in orders():
        say("got", *[got.get(int(s), 0) for s in order[1:]])


def blocked():
    """The main thread sits in a system call, and so does another."""
    r, _ = os.pipe()

    def wait_in_pipe():
        os.read(r, 1)

    threading.Thread(target=wait_in_pipe, name="pipe", daemon=True).start()
    say("ready")
    for order in orders():
        work(1)
        say("done", calls)


def masked():
    """Works with SIGURG blocked, then without."""
    say("ready")
    for order in orders():
        if order[0] == "blocked":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])
        for i in range(int(order[1])):
            work(i)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGURG])
        say("done", calls)


def steady():
    """Works all the time; "end N" makes it exit with status N while it works."""
    status = []

    def loop():
        for order in orders():
            if order[0] == "end":
                status.append(int(order[1]))
                return
            say("done", calls)

    reader = threading.Thread(target=loop, daemon=True)
    say("ready")
    reader.start()
    while not status:
        work(1)
    os._exit(status[0])


def tracer(kind):
    """Debugs or profiles itself, and counts what it sees."""
    seen = [0]
    if kind == "settrace":
        def trace(frame, event, arg):
            if frame.f_code is work.__code__ and event == "line" and frame.f_lineno == FIRST:
                seen[0] += 1
            return trace
        sys.settrace(trace)
    elif kind == "monitoring":
        mon = sys.monitoring
        mon.use_tool_id(4, "test")

        def line(code, number):
            if number == FIRST:
                seen[0] += 1
        mon.register_callback(4, mon.events.LINE, line)
        mon.set_local_events(4, work.__code__, mon.events.LINE)
    elif kind == "profile":
        import cProfile
        profile = cProfile.Profile()
        profile.enable()
    say("ready")
    for order in orders():
        for i in range(int(order[1])):
            work(i)
        if kind == "profile":
            profile.disable()
            profile.create_stats()
            seen[0] = sum(v[0] for k, v in profile.stats.items() if k[2] == "work")
            profile.enable()
        say("done", seen[0], calls)


FIRST = work.__code__.co_firstlineno + 2

if __name__ == "__main__":
    mode = sys.argv[1]
    if mode.startswith("trace-"):
        tracer(mode[6:])
    else:
        {"churn": churn, "forks": forks, "execs": execs, "signals": signals, "blocked": blocked, "masked": masked,
         "steady": steady}[mode]()
