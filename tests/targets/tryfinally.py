# SPDX-License-Identifier: BSD-2-Clause
"""try in all its forms, for the count oracle."""


class Oops(Exception):
    pass


def simple(x):
    try:
        y = 10 // x
    except ZeroDivisionError:
        y = -1
    return y


def several(x):
    try:
        if x == 0:
            raise KeyError("k")
        if x == 1:
            raise ValueError("v")
        if x == 2:
            raise Oops()
        y = x
    except KeyError:
        y = "key"
    except (ValueError,
            TypeError) as e:
        y = str(e)
    except Oops: y = "oops"
    else:
        y += 1
    finally:
        z = 0
    return y, z


def finally_return(x):
    try:
        if x:
            return "early"
        x = 5
    finally:
        x = 6
    return x


def finally_both(log):
    try:
        try:
            log.append(1)
            raise Oops("inner")
        finally:
            log.append(2)
    except Oops:
        log.append(3)
    finally:
        log.append(4)
    return log


def return_in_finally(x):
    try:
        return 1 // x
    except ZeroDivisionError:
        return "zero"
    finally:
        x = None


def swallow(x):
    while True:
        try:
            raise Oops(x)
        finally:
            break
    return x


def loop_finally(n):
    log = []
    for i in range(n):
        try:
            if i == 1:
                continue
            if i == 3:
                break
            log.append(i)
        except Oops:
            pass
        finally:
            log.append("f")
    return log


def reraise(x):
    try:
        try:
            raise Oops(x)
        except Oops as e:
            if x:
                raise
            log = e.args
    except Oops as e:
        log = ("outer",) + e.args
    return log


def chained():
    try:
        try:
            {}["missing"]
        except KeyError as e:
            raise Oops("from") from e
    except Oops as e:
        return type(e.__cause__).__name__


def nested_handlers(x):
    try:
        x = x + "a"
    except TypeError:
        try:
            x = x // 0
        except ZeroDivisionError:
            x = 7
        x += 1
    return x


def through(depth):
    if depth == 0:
        raise Oops("bottom")
    try:
        through(depth - 1)
    finally:
        depth = -depth


def one_liners(x):
    try: return 1 // x
    except ZeroDivisionError: return 0
    finally: x = 0


def asserts(x):
    try:
        assert x > 2, "small"
        assert (x
                < 10)
    except AssertionError as e:
        return str(e)
    return x


def many_lines(x):
    try:
        return int(
            x,
            10,
        )
    except (
            ValueError,
    ):
        return None


def finally_loop(n):
    out = []
    try:
        for i in range(n):
            out.append(i)
            if i == 2:
                raise Oops
    except Oops:
        for i in range(2): out.append(-i)
    finally:
        for i in range(2):
            out.append("x")
    return out


def expect(function, *args):
    try:
        return function(*args)
    except Oops as e:
        return "Oops", e.args


def workload():
    out = [simple(2), simple(0)]
    for x in range(4):
        out.append(several(x))
    out += [finally_return(0), finally_return(1), finally_both([]), return_in_finally(0), return_in_finally(2)]
    out += [swallow(1), loop_finally(5), reraise(0), reraise(1), chained(), nested_handlers("b"),
            nested_handlers(3), expect(through, 3), one_liners(0), one_liners(2), asserts(1), asserts(5),
            asserts(11), many_lines("12"), many_lines("x"), finally_loop(2), finally_loop(5)]
    return out
