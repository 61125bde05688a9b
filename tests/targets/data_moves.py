# SPDX-License-Identifier: BSD-2-Clause
"""References whose storage moves, or that are written by C code. A function calls here() when all is ready to be watched and
done() at its end, and returns the values that the reference had, as repr or None where there was nothing: what is seen must
be the steps from each to the next. Names come from standard input. Python 3.6 and later."""
import json
import sys
import threading


def here():
    return None


def done():
    return None


class Plain:
    def __init__(self):
        self.a = 0
        self.x = 0


class Slots:
    __slots__ = ("a", "x")


def list_grows():
    obj, values = [0, 1], [0]
    here()
    for i in range(3000):
        obj.append(i)
        if i % 500 == 0:
            obj[0] = 5000 + i
            values.append(obj[0])
    done()
    return values


def list_shifts():
    obj, values = [0, 1, 2, 3], [1]
    here()
    for i in range(4):
        obj.insert(0, 1000 + i)
        values.append(obj[1])
    for i in range(3):
        obj.pop(0)
        values.append(obj[1])
    del obj[0]
    values.append(obj[1])
    obj[0:1] = [7000, 7001, 7002]
    values.append(obj[1])
    done()
    return values


def long_list_shifts():
    obj = [10000 + i for i in range(5000)]
    values = [obj[2500]]
    here()
    for i in range(4):
        obj.insert(0, 1000 + i)
        values.append(obj[2500])
    for i in range(5):
        obj.pop(0)
        values.append(obj[2500])
    done()
    return values


def list_sorts():
    obj, values = [3003, 1001, 2002, 5005, 4004], [1001]
    here()
    for key in (None, lambda v: -v, lambda v: v % 7, None):
        obj.sort(key=key)
        if obj[1] != values[-1]:
            values.append(obj[1])
    obj.reverse()
    values.append(obj[1])
    done()
    return values


def list_shrinks_and_grows():
    obj, values = [100, 200, 300], [300]
    here()
    for i in range(3):
        obj.pop()
        obj.append(1000 + i)
        values.append(obj[2])
    del obj[:]
    for i in range(20):
        obj.append(2000 + i)
    values.append(obj[2])
    obj.clear()
    obj.extend(range(3000, 3010))
    values.append(obj[2])
    done()
    return values


def dict_grows():
    obj, values = {"a": 0, "x": 0}, [0]
    here()
    for i in range(3000):
        obj[i] = i
        if i % 500 == 0:
            obj["x"] = 5000 + i
            values.append(obj["x"])
    done()
    return values


def dict_deletes():
    obj, values = {"a": 0, "x": 0}, [0]
    here()
    for i in range(4):
        del obj["x"]
        values.append(None)
        obj["b%d" % i] = i
        obj["x"] = 1000 + i
        values.append(1000 + i)
    obj.pop("x")
    obj.setdefault("x", 2000)
    obj.clear()
    obj["a"] = 1
    obj["x"] = 3000
    values += [None, 2000, None, 3000]
    done()
    return values


def dict_not_there_yet():
    obj, values = {"a": 0}, [None]
    here()
    for i in range(40):
        obj[i] = i
    obj["x"] = 1000
    obj["x"] = 1001
    values += [1000, 1001]
    done()
    return values


def attributes_become_a_dict():
    obj, values = Plain(), [0]
    here()
    obj.x = 1000
    vars(obj)
    obj.x = 1001
    for i in range(100):
        setattr(obj, "more%d" % i, i)
    obj.x = 1002
    del obj.x
    obj.x = 1003
    vars(obj).update(x=1004)
    values += [1000, 1001, 1002, None, 1003, 1004]
    done()
    return values


def attribute_is_deleted():
    obj, values = Plain(), [0]
    here()
    for i in range(3):
        del obj.x
        obj.x = 1000 + i
        values += [None, 1000 + i]
    done()
    return values


def slot_is_deleted():
    obj, values = Slots(), [0]
    obj.x = 0
    here()
    for i in range(3):
        del obj.x
        obj.x = 1000 + i
        values += [None, 1000 + i]
    done()
    return values


def class_attribute():
    class Local:
        x = 0
    values = [0]
    here()
    for i in range(3):
        Local.x = 1000 + i
        values.append(1000 + i)
    for i in range(100):
        setattr(Local, "more%d" % i, i)
    Local.x = 2000
    del Local.x
    values += [2000, None]
    done()
    return values


NUMBER = 0


def globals_grow():
    global NUMBER
    values = [NUMBER]
    here()
    for i in range(300):
        globals()["more%d" % i] = i
        if i % 50 == 0:
            NUMBER = 1000 + i
            values.append(1000 + i)
    NUMBER = 0
    values.append(0)
    done()
    return values


SPACE = {"a": 0, "x": 0}
HOLDER = Plain()


def entry_of_a_global():
    values = [SPACE["x"]]
    for i in range(300):
        SPACE[i] = i
        if i % 50 == 0:
            SPACE["x"] = 1000 + i
            values.append(1000 + i)
    SPACE.update(x=[1, {"k": 2.5}])
    values.append([1, {"k": 2.5}])
    del SPACE["x"]
    SPACE["x"] = "back"
    values += [None, "back"]
    code = compile("for i in range(5):\n x += '-%d' % i\n values.append(''.join(x))\n", "<module>", "exec")
    SPACE["values"] = values
    exec(code, SPACE)
    return values


def attribute_of_a_global():
    values = [HOLDER.x]
    for i in range(200):
        if i % 2:
            setattr(HOLDER, "x", 1000 + i)  # writes by turns, C
        else:
            HOLDER.x = 1000 + i
        values.append(1000 + i)
    return values


class Owned:
    def __init__(self, owner):
        self.owner = owner


OWNED = [Owned("first")]


def item_of_a_global():
    values = ["first"]
    for i in range(30):
        OWNED.pop()
        garbage = [Plain(), (i, i), Owned("garbage %d" % i), str(i) * 10]
        OWNED.append(Owned("owner %d" % i))
        del garbage
        values.append(OWNED[0].owner)
    return values


def text_grows():
    x, values = "begin", ["begin"]
    here()
    for i in range(20):
        x += "-%d" % i
        values.append("".join(x))
    done()
    return values


def text_of_a_module_grows():
    space = {"x": "begin", "values": ["begin"]}
    code = compile("for i in range(20):\n x += '-%d' % i\n values.append(''.join(x))\n", "<module>", "exec")
    here()
    exec(code, space)
    done()
    return space["values"]


def comprehensions():
    x, values = 1000, [1000]
    here()
    a = [x for x in range(5)]
    b = {x for x in a if x}
    x = 1001
    c = {x: [y for y in range(x)] for x in range(3)}
    x = [x for x in b]
    try:
        d = [1 // x for x in (1, 0)]
    except ZeroDivisionError:
        d = None
    x = 1002
    values += [1001, [1, 2, 3, 4], 1002]
    del c, d
    done()
    return values


def name_is_deleted():
    x, values = 0, [0]
    here()
    for i in range(3):
        del x
        x = 1000 + i
        values += [None, 1000 + i]
    done()
    return values


def name_of_an_exception():
    x, values = 0, [0]
    here()
    for i in range(3):
        try:
            raise ValueError(i)
        except ValueError as x:
            values.append(x)
        values += [None, None]
    values = [v if not isinstance(v, ValueError) else v for v in values]
    # After the handler CPython stores None, then deletes.
    none = type("N", (), {"__repr__": lambda self: "None"})()
    values = [0] + sum(([v, none, None] for v in values if isinstance(v, ValueError)), [])
    done()
    return values


def recursion():
    values = [0]

    def inner(n):
        x = 0
        if n == 3:
            here()
        x = 1000 + n
        if n:
            inner(n - 1)
        x = 2000 + n
    inner(3)
    done()
    return values + [1003, 2003]


def generator():
    def numbers():
        x = 0
        here()
        for i in range(4):
            x = 1000 + i
            yield x
    other = numbers.__code__
    values = [0]
    for value in numbers():
        values.append(value)
        len(list(range(3)))
    del other
    done()
    return values


def threads():
    global NUMBER
    values = [NUMBER]
    here()

    def work(first):
        global NUMBER
        for i in range(10):
            with lock:
                NUMBER = first + i
                values.append(first + i)
    lock = threading.Lock()
    all_threads = [threading.Thread(target=work, args=(first,)) for first in (1000, 2000)]
    for t in all_threads:
        t.start()
    for t in all_threads:
        t.join()
    with lock:
        NUMBER = 0
    values.append(0)
    done()
    return values


def use_the_stack(n):
    x = y = z = n
    return use_the_stack(n - 1) if n else x + y + z


def frame_ends():
    def inner():
        x = 0
        here()
        x = 1000
        return x
    inner()
    use_the_stack(5)
    inner.__code__
    done()
    return [0, 1000]


def object_ends():
    obj = Slots()
    obj.x = 0
    here()
    obj.x = 1000
    del obj
    for i in range(5):
        other = Slots()
        other.x = i
    done()
    return [0, 1000]


DOOMED = Slots()
DOOMED.x = 0


def object_of_a_global_ends():
    global DOOMED
    DOOMED.x = 1000
    DOOMED = None
    for i in range(5):
        other = Slots()
        other.x = i
    return [0, 1000]


def plain_object_ends():
    obj = Plain()
    here()
    obj.x = 1000
    del obj
    for i in range(5):
        other = Plain()
        other.x = i
    done()
    return [0, 1000]


def list_ends():
    obj = [0, 1, 2]
    here()
    obj[1] = 1000
    del obj
    for i in range(5):
        other = [i, i, i]
        other[1] = 7
        other.append(8)
    done()
    return [1, 1000]


def closure_ends():
    def outer():
        x = 0

        def inner():
            nonlocal x
            x = 1000
            here()
            x = 1001
        return inner
    for i in range(5):
        outer()()
    done()
    return [1000, 1001]


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        values = globals()[line.strip()]()
        print(json.dumps([v if v is None else repr(v) for v in values]), flush=True)


main()
