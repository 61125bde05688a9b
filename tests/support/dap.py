# SPDX-License-Identifier: BSD-2-Clause
"""A client of the Debug Adapter Protocol, written from its specification."""
import json
import os
import select
import subprocess
import time

import harness


class Failed(Exception):
    """A response that says no; .response is all of it."""

    def __init__(self, response):
        Exception.__init__(self, response.get("message"))
        self.response = response


def frame(message):
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Client:
    """Over a pair of descriptors. What comes in is kept in .all, in order."""

    def __init__(self, fd_in, fd_out):
        self.fd_in, self.fd_out = fd_in, fd_out
        self.buffer = b""
        self.seq = 0
        self.all, self.events = [], []

    def raw(self, data):
        while data:
            data = data[os.write(self.fd_out, data):]

    def send(self, command, arguments=None):
        """The request's number."""
        self.seq += 1
        message = {"seq": self.seq, "type": "request", "command": command}
        if arguments is not None:
            message["arguments"] = arguments
        self.raw(frame(message))
        return self.seq

    def _take(self):
        head, sep, rest = self.buffer.partition(b"\r\n\r\n")
        if not sep:
            return None
        name, _, value = head.partition(b": ")
        assert name == b"Content-Length", head
        if len(rest) < int(value):
            return None
        self.buffer = rest[int(value):]
        return json.loads(rest[:int(value)].decode())

    def message(self, timeout=30):
        """The next one; None at the end."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._take()
            if message:
                assert message["seq"] == len(self.all) + 1, message
                self.all.append(message)
                return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd_in], [], [], left)[0]:
                raise AssertionError("no message within %d s; so far: %r" % (timeout, self.all[-5:]))
            piece = os.read(self.fd_in, 65536)
            if not piece:
                return None
            self.buffer += piece

    def response(self, seq, timeout=30):
        """The response to a request; events that come before it are kept for event()."""
        while True:
            message = self.message(timeout)
            if message is None:
                raise AssertionError("the adapter ended; so far: %r" % self.all[-5:])
            if message["type"] == "event":
                self.events.append(message)
            elif message["request_seq"] == seq:
                if not message["success"]:
                    raise Failed(message)
                return message.get("body", {})

    def ask(self, command, timeout=30, **arguments):
        return self.response(self.send(command, arguments), timeout)

    def event(self, name, timeout=30):
        """The body of the next event of that name; what comes before it is dropped."""
        deadline = time.monotonic() + timeout
        while True:
            while self.events:
                event = self.events.pop(0)
                if event["event"] == name:
                    return event.get("body", {})
            message = self.message(max(0.1, deadline - time.monotonic()))
            if message is None:
                raise AssertionError("the adapter ended before %s; so far: %r" % (name, self.all[-5:]))
            if message["type"] == "event":
                self.events.append(message)

    def attach(self, pid, **options):
        self.ask("initialize", adapterID="pybpfdbg", linesStartAt1=True, columnsStartAt1=True,
                 supportsVariableType=True, supportsVariablePaging=True)
        self.ask("attach", processId=pid, **options)
        self.event("initialized")

    def top(self):
        """The innermost frame of the thread that stopped last."""
        thread = [m for m in self.all if m.get("event") == "stopped"][-1]["body"]["threadId"]
        return self.ask("stackTrace", threadId=thread, levels=1)["stackFrames"][0]

    def variables(self, reference, **options):
        return self.ask("variables", variablesReference=reference, **options)["variables"]

    def local(self, frame_id):
        scope = self.ask("scopes", frameId=frame_id)["scopes"][0]
        return {v["name"]: v for v in self.variables(scope["variablesReference"])}


class Adapter(Client):
    """pybpfdbg dap on its standard input and output."""

    def __init__(self):
        self.proc = subprocess.Popen([harness.DEBUGGER, "dap"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        Client.__init__(self, self.proc.stdout.fileno(), self.proc.stdin.fileno())

    def end(self):
        """Exit status, after the messages that are left were read."""
        while self.message():
            pass
        return self.proc.wait(20)

    def close(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()
