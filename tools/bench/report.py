# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks' reports share."""
import os
import platform
import sys


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def machine():
    with open('/proc/cpuinfo') as f:
        info = f.read().splitlines()
    model = [text.split(':', 1)[1].strip() for text in info if text.startswith('model name')]
    hypervisor = any(' hypervisor' in text for text in info if text.startswith('flags'))
    return '%s, %d CPUs%s, Linux %s' % (model[0] if model else platform.machine(), os.cpu_count(),
                                       ', a virtual machine' if hypervisor else '', platform.release())


def table(head, rows):
    yield '| ' + ' | '.join(head) + ' |'
    yield '|' + '|'.join('---' if i == 0 else '---:' for i in range(len(head))) + '|'
    for row in rows:
        yield '| ' + ' | '.join(row) + ' |'
