# SPDX-License-Identifier: BSD-2-Clause
"""except* (3.11+), for the count oracle."""


def split(errors):
    log = []
    try:
        if errors:
            raise ExceptionGroup("g", errors)
        log.append("none")
    except* ValueError as g:
        log.append(len(g.exceptions))
    except* (TypeError,
             KeyError):
        log.append("type")
    else:
        log.append("else")
    finally:
        log.append("end")
    return log


def outer():
    try:
        return split([OSError(1)])
    except ExceptionGroup as g:
        return str(g)


def loop(n):
    out = 0
    for i in range(n):
        try:
            raise ExceptionGroup("g", [ValueError(i)])
        except* ValueError: out += i
    return out


def workload():
    return [split([]), split([ValueError(1), ValueError(2)]), split([ValueError(1), TypeError()]), outer(),
            loop(4)]
