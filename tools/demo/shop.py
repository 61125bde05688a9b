# SPDX-License-Identifier: BSD-2-Clause
"""A small shop that processes orders on a few threads, day and night, and has a bug.

Its owner sees that the till pays customers now and then: a few orders have a total below zero. Vouchers
are checked, no voucher is worth more than the order of the customer who has it, and no test fails.

    shop.py [--status FILE] [--workers N] [--seconds S]

--status: every 50 ms a line "TIME ORDERS PAID_OUT LONGEST_GAP_MS CPU_SECONDS" (the gap: how late the clock thread woke at most
since the last line, that is, how long the whole program stood still).
"""
import argparse
import random
import sys
import threading
import time


class Item:
    def __init__(self, name, price, quantity):
        self.name = name
        self.price = price
        self.quantity = quantity

    def cost(self):
        if self.quantity >= 10:
            return self.price * self.quantity * 9 // 10
        return self.price * self.quantity


class Voucher:
    def __init__(self, owner, worth):
        self.owner = owner
        self.worth = worth


class Order:
    vouchers = []

    def __init__(self, number, customer, items):
        self.number = number
        self.customer = customer
        self.items = items

    def redeem(self, voucher):
        self.vouchers.append(voucher)

    def close(self):
        self.vouchers.clear()


class Stock:
    GOODS = [("tea", 450), ("coffee", 790), ("sugar", 120), ("rice", 230), ("oil", 640), ("salt", 60)]

    def __init__(self):
        self.lock = threading.Lock()
        self.sold = {name: 0 for name, _ in self.GOODS}

    def take(self, items):
        with self.lock:
            for item in items:
                self.sold[item.name] += item.quantity


class Till:
    """What one worker has taken."""

    def __init__(self):
        self.orders = 0
        self.taken = 0
        self.paid_out = 0

    def charge(self, order):
        total = 0
        for item in order.items:
            total += item.cost()
        for voucher in order.vouchers:
            total -= voucher.worth
        self.orders += 1
        if total < 0:
            self.paid_out -= total  # the shop pays the customer
        else:
            self.taken += total
        return total


class Worker(threading.Thread):
    def __init__(self, number, stock):
        super().__init__(name="worker-%d" % number, daemon=True)
        self.random = random.Random(number)
        self.number = number
        self.stock = stock
        self.till = Till()

    def next_order(self):
        pick = self.random.random
        goods = self.stock.GOODS
        items = []
        for _ in range(1 + int(pick() * 4)):
            name, price = goods[int(pick() * len(goods))]
            items.append(Item(name, price, 1 + int(pick() * 12)))
        return Order(self.till.orders, "customer-%d" % int(pick() * 5000), items)

    def confirm(self, order, total):
        """Ask the bank: the only thing here that waits."""
        time.sleep(0.0002)
        return total >= 0

    def run(self):
        while True:
            order = self.next_order()
            if self.random.random() < 0.002:
                worth = sum(item.cost() for item in order.items) // 20
                order.redeem(Voucher(order.customer, worth))
                self.confirm(order, self.till.charge(order))
                order.close()
            else:
                self.till.charge(order)
            self.stock.take(order.items)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--status")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    args = parser.parse_args()

    stock = Stock()
    workers = [Worker(n, stock) for n in range(1, args.workers + 1)]
    for worker in workers:
        worker.start()
    print("the shop is open", flush=True)
    status = open(args.status, "w", buffering=1) if args.status else sys.stdout
    end = time.monotonic() + args.seconds
    last = time.monotonic()
    while last < end:
        time.sleep(0.05)
        now = time.monotonic()
        status.write("%.6f %d %d %.1f %.3f\n" % (
            now, sum(w.till.orders for w in workers), sum(w.till.paid_out for w in workers),
            (now - last - 0.05) * 1000, time.process_time()))
        last = now


if __name__ == "__main__":
    main()
