# SPDX-License-Identifier: BSD-2-Clause
"""A shop with one worker. It does the same again and again, so that what a debugger shows is known."""
import sys
import threading
import time


class Item(object):
    def __init__(self, name, price, quantity):
        self.name = name
        self.price = price
        self.quantity = quantity
        self.tags = [name.upper(), price]


def charge(order, item):
    total = item.price * item.quantity  # first
    order["total"] = total  # second
    label = "\x1b[31m%s\n" % item.name
    return label, total  # last


def work(rounds):
    done = 0
    while done < rounds:
        done += 1
        charge({"id": 7, "who": u"Zo\xeb"}, Item("tea", 2, 21))  # call
        time.sleep(0.01)


if __name__ == "__main__":
    ledger = Item("ledger", 0, 0)
    ledger.tags = [0] * 500
    ring = []
    ring.append(ring)
    worker = threading.Thread(target=work, args=(int(sys.argv[1]) if len(sys.argv) > 1 else 10 ** 9,))
    worker.name = "worker-1"
    worker.daemon = True
    worker.start()
    print("ready")
    sys.stdout.flush()
    if len(sys.argv) > 1:
        sys.stdin.readline()
        sys.exit(int(sys.argv[2]))  # leave
    while True:
        time.sleep(0.05)
