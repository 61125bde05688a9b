# SPDX-License-Identifier: BSD-2-Clause
"""A WSGI application that numbers its requests."""
count = 0


class Cart:
    def __init__(self):
        self.total = 0


def application(environ, start_response):
    global count
    count += 1
    number = count
    cart = Cart()
    cart.total = price(number)  # total
    body = b"%d\n" % cart.total  # body
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def price(number):
    result = 0
    for factor in (2, 3):
        result += factor * number  # factor
    try:
        if number % 10 == 0:
            raise LookupError("no price for %d" % number)  # raise
    except LookupError:
        result = 0
    return result
