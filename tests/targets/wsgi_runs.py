# SPDX-License-Identifier: BSD-2-Clause
"""A WSGI application that runs another program for each request: mostly `ls`, now and then the Python that OTHER names, with images.py."""
import os
import subprocess

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images.py")
served = 0


def application(environ, start_response):
    global served
    served += 1
    argv = [os.environ["OTHER"], IMAGES, "child"] if served % 6 == 3 else ["ls", "/"]
    status = subprocess.call(argv, stdout=subprocess.DEVNULL)
    start_response("500 Failed" if status else "200 OK", [("Content-Type", "text/plain")])
    return [b"%d\n" % served]
