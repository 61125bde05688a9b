# SPDX-License-Identifier: BSD-2-Clause
"""The standard library's HTTP server in two forked workers, with a thread for each request. Says its port, and for each line of its
input how many pages the workers have counted."""
import http.server
import mmap
import os
import socket
import struct
import sys
import threading

WORKERS = 2
counted = mmap.mmap(-1, 8 * WORKERS)  # shared with the workers, a number for each
lock = threading.Lock()
own = served = 0


def price(number):
    return 7 * number


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global served
        with lock:
            served += 1  # page
            total = price(served)
            counted[8 * own:8 * own + 8] = struct.pack("<Q", served)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"%d\n" % total)

    def log_message(self, *_):
        pass


def main():
    global own
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    for own in range(WORKERS):
        if not os.fork():
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page, bind_and_activate=False)
            server.socket = listening
            server.server_name, server.server_port = listening.getsockname()
            server.serve_forever()
    print(listening.getsockname()[1], flush=True)
    for _ in sys.stdin:
        print(sum(struct.unpack("<%dQ" % WORKERS, counted)), flush=True)


main()
