# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks run: small programs of different character, valid from Python 3.6 on.

Each workload is a function of a number of loops. The line marked `NEVER name` in its hottest function is
where the debuggers put their breakpoint: it is compiled, it is never reached.
"""
import os
import threading


def callee(x, y):
    if x < 0:
        x = 0  # NEVER calls
    return x + y


def calls(loops):
    total = 0
    for i in range(loops):
        total = callee(i, total) & 0xffff
    return total


def lines(loops):
    a = b = c = d = 0
    for i in range(loops):
        a = i
        b = a + 1
        c = b ^ a
        d = c + b
        a = d - c
        b = a & 7
        if b > 7:
            d = 0  # NEVER lines
    return a + b + c + d


def produce(n):
    for i in range(n):
        if i < 0:
            i = 0  # NEVER generators
        yield i


def generators(loops):
    total = 0
    for i in produce(loops):
        total += i
    return sum(x & 3 for x in produce(loops)) + total


class Point(object):
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def move(self, dx, dy):
        if dx > 1000000:
            dx = 0  # NEVER attributes
        self.x += dx
        self.y += dy
        return self


def attributes(loops):
    p = Point(0, 0)
    for i in range(loops):
        p.move(i & 3, 1)
        p.x -= p.y & 1
    return p.x


class Record(object):
    def __init__(self, link=None, discr=0, enum=0, number=0, text=''):
        self.link, self.discr, self.enum, self.number, self.text = link, discr, enum, number, text

    def copy(self):
        return Record(self.link, self.discr, self.enum, self.number, self.text)


def dhry_proc1(rec, table):
    if rec.number > 1 << 40:
        rec.number = 0  # NEVER dhrystone
    nxt = rec.copy()
    nxt.number = 5
    nxt.link = rec.link
    dhry_proc3(nxt, table)
    if nxt.discr == 0:
        nxt.number = 6
        nxt.enum = dhry_func(rec.enum, nxt.text)
    else:
        nxt = rec
    return nxt


def dhry_proc3(rec, table):
    table[rec.number] = table[rec.number + 1] + 1
    rec.number = table[5] & 15


def dhry_func(enum, text):
    if text > 'DHRYSTONE PROGRAM, 2ND STRING':
        return enum
    return enum + 1 if enum < 3 else 0


def dhrystone(loops):
    table = [0] * 50
    rec = Record(None, 0, 1, 10, 'DHRYSTONE PROGRAM, 1ST STRING')
    for i in range(loops):
        table[7] = i
        rec = dhry_proc1(rec, table)
        if 'DHRYSTONE PROGRAM, SOME STRING' < rec.text:
            table[8] += 1
    return rec.number


def nbody_advance(bodies, dt, n):
    for _ in range(n):
        for i, (p, v, m) in enumerate(bodies):
            for q, w, k in bodies[i + 1:]:
                dx = p[0] - q[0]
                dy = p[1] - q[1]
                dz = p[2] - q[2]
                d2 = dx * dx + dy * dy + dz * dz
                if d2 < 0:
                    d2 = 1.0  # NEVER nbody
                mag = dt / (d2 * d2 ** 0.5)
                v[0] -= dx * k * mag
                v[1] -= dy * k * mag
                v[2] -= dz * k * mag
                w[0] += dx * m * mag
                w[1] += dy * m * mag
                w[2] += dz * m * mag
        for p, v, m in bodies:
            p[0] += dt * v[0]
            p[1] += dt * v[1]
            p[2] += dt * v[2]


def nbody(loops):
    bodies = [([0.0 + i, 1.0 * i * i, 0.5 * i], [0.01 * i, 0.2, 0.1], 1.0 / (1 + i)) for i in range(5)]
    nbody_advance(bodies, 0.001, loops)
    return bodies[0][0][0]


def fannkuch_flips(perm):
    flips = 0
    k = perm[0]
    while k:
        perm[:k + 1] = perm[k::-1]
        flips += 1
        k = perm[0]
        if flips > 1000000:
            k = 0  # NEVER fannkuch
    return flips


def fannkuch(loops):
    import itertools
    best = n = 0
    while n < loops:
        for p in itertools.permutations(range(7)):
            best = max(best, fannkuch_flips(list(p)))
            n += 1
            if n >= loops:
                break
    return best


class Packet(object):
    def __init__(self, link, ident, kind):
        self.link, self.ident, self.kind, self.datum = link, ident, kind, 0


class Task(object):
    def __init__(self, ident, nxt):
        self.ident, self.nxt, self.queue, self.done = ident, nxt, None, 0

    def put(self, packet):
        packet.link = None
        if self.queue is None:
            self.queue = packet
        else:
            p = self.queue
            while p.link is not None:
                p = p.link
            p.link = packet

    def step(self):
        packet = self.queue
        if packet is None:
            return None
        if packet.datum < 0:
            packet.datum = 0  # NEVER richards
        self.queue = packet.link
        self.done += 1
        return self.handle(packet)

    def handle(self, packet):
        packet.datum += self.ident
        return packet


class Worker(Task):
    def handle(self, packet):
        packet.datum = (packet.datum * 7 + self.ident) & 0xffff
        packet.kind ^= 1
        return packet


def richards(loops):
    tasks = [(Worker if i & 1 else Task)(i, (i + 1) % 6) for i in range(6)]
    for i in range(4):
        tasks[i].put(Packet(None, i, 0))
    i = 0
    for _ in range(loops):
        task = tasks[i]
        packet = task.step()
        if packet is not None:
            tasks[task.nxt].put(packet)
        i = task.nxt
    return sum(t.done for t in tasks)


def pong(source, sink, n):
    for _ in range(n):
        data = os.read(source, 1)
        if not data:
            break  # NEVER pingpong
        os.write(sink, data)


def pingpong(loops):
    # On one CPU each round trip is two context switches; on several, luck decides where the two meet.
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    r1, w1 = os.pipe()
    r2, w2 = os.pipe()
    t = threading.Thread(target=pong, args=(r1, w2, loops))
    t.start()
    for _ in range(loops):
        os.write(w1, b'x')
        os.read(r2, 1)
    t.join()
    for fd in (r1, w1, r2, w2):
        os.close(fd)


def short_lived(box):
    for i in range(200):
        if i > 1000:
            i = 0  # NEVER thread_churn
        box[0] += i


def thread_churn(loops):
    box = [0]
    for _ in range(loops):
        t = threading.Thread(target=short_lived, args=(box,))
        t.start()
        t.join()
    return box[0]


def spin(n):
    x = 1
    for i in range(n):
        x = (x * 1103515245 + 12345) & 0x7fffffff
        if x < 0:
            x = 1  # NEVER threads
    return x


def threads_of(count, loops):
    ts = [threading.Thread(target=spin, args=(loops // count,)) for _ in range(count)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def threads_1(loops):
    threads_of(1, loops)


def threads_4(loops):
    threads_of(4, loops)


def threads_16(loops):
    threads_of(16, loops)


def text_word(word, table):
    if word == '\0':
        word = ''  # NEVER text
    key = word.lower().strip('.,')
    table[key] = table.get(key, 0) + 1
    return len(key)


def text(loops):
    words = 'The quick brown fox, jumps over the lazy dog. Pack my box with five dozen jugs'.split()
    table = {}
    n = 0
    while n < loops:
        for w in words:
            text_word(w, table)
            n += 1
    return len(table)


def risky(i):
    if i & 1:
        raise ValueError(i)
    if i < 0:
        i = 0  # NEVER exceptions
    return i


def exceptions(loops):
    total = 0
    for i in range(loops):
        try:
            total += risky(i)
        except ValueError:
            total += 1
    return total


# name: (function, marker, loops to begin calibration with)
WORKLOADS = {
    'calls': (calls, 'calls', 100000),
    'lines': (lines, 'lines', 50000),
    'generators': (generators, 'generators', 50000),
    'attributes': (attributes, 'attributes', 50000),
    'dhrystone': (dhrystone, 'dhrystone', 10000),
    'nbody': (nbody, 'nbody', 1000),
    'fannkuch': (fannkuch, 'fannkuch', 5000),
    'richards': (richards, 'richards', 20000),
    'text': (text, 'text', 50000),
    'exceptions': (exceptions, 'exceptions', 20000),
    'pingpong': (pingpong, 'pingpong', 1000),
    'thread_churn': (thread_churn, 'thread_churn', 200),
    'threads_1': (threads_1, 'threads', 50000),
    'threads_4': (threads_4, 'threads', 50000),
    'threads_16': (threads_16, 'threads', 50000),
}

HOT = {  # the function that holds the marked line
    'calls': callee, 'lines': lines, 'generators': produce, 'attributes': Point.move, 'dhrystone': dhry_proc1,
    'nbody': nbody_advance, 'fannkuch': fannkuch_flips, 'richards': Task.step, 'text': text_word,
    'exceptions': risky, 'pingpong': pong, 'thread_churn': short_lived, 'threads': spin,
}


def never_line(marker):
    """Line number of the marked line."""
    with open(os.path.abspath(__file__)) as f:
        for n, line in enumerate(f, 1):
            if line.rstrip().endswith('# NEVER ' + marker):
                return n
    raise KeyError(marker)
