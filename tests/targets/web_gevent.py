# SPDX-License-Identifier: BSD-2-Clause
"""A server of gevent, each request in a greenlet. Says its port."""
import gevent
from gevent.pywsgi import WSGIServer

served = 0


def price(number):
    return 7 * number


def application(environ, start_response):
    global served
    served += 1  # page
    total = price(served)
    gevent.sleep(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d\n" % total]


server = WSGIServer(("127.0.0.1", 0), application, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
