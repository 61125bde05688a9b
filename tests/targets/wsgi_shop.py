# SPDX-License-Identifier: BSD-2-Clause
"""A WSGI application for the tests: /price/ARTICLE answers with its price."""

PRICES = {str(n): n * 100 + 99 for n in range(50)}


def price_of(request, article):
    cents = PRICES[article]
    return cents  # hit


def application(environ, start_response):
    request = {"path": environ["PATH_INFO"], "query": environ.get("QUERY_STRING", ""), "user": {"id": 42, "roles": ["buyer"]}}
    article = request["path"].rsplit("/", 1)[-1]
    cents = price_of(request, article)
    body = ("%d.%02d\n" % divmod(cents, 100)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
