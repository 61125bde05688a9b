# SPDX-License-Identifier: BSD-2-Clause
"""A server of tornado. Says its port."""
import asyncio

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

served = 0


def price(number):
    return 7 * number


class Page(RequestHandler):
    async def get(self):
        global served
        served += 1  # page
        total = price(served)
        await asyncio.sleep(0)
        self.write("%d\n" % total)


async def main():
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([("/", Page)])).add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
