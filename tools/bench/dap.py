# SPDX-License-Identifier: BSD-2-Clause
"""As much of a Debug Adapter Protocol client as it takes to put one breakpoint into a program under debugpy."""
import json
import socket


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(('127.0.0.1', port), timeout=30)
        self.file = self.sock.makefile('rb')
        self.seq = 0

    def send(self, command, arguments):
        self.seq += 1
        body = json.dumps({'seq': self.seq, 'type': 'request', 'command': command,
                           'arguments': arguments}).encode()
        self.sock.sendall(b'Content-Length: %d\r\n\r\n' % len(body) + body)
        return self.seq

    def read(self):
        length = 0
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError('the adapter hung up')
            if line == b'\r\n':
                break
            name, _, value = line.partition(b':')
            if name.lower() == b'content-length':
                length = int(value)
        return json.loads(self.file.read(length))

    def wait(self, test):
        while True:
            message = self.read()
            if test(message):
                return message

    def attach_and_break(self, path, line):
        self.send('initialize', {'adapterID': 'bench', 'pathFormat': 'path', 'linesStartAt1': True})
        self.wait(lambda m: m.get('command') == 'initialize')
        attach = self.send('attach', {'justMyCode': True})
        self.wait(lambda m: m.get('event') == 'initialized')
        breaks = self.send('setBreakpoints', {'source': {'path': path}, 'breakpoints': [{'line': line}]})
        answer = self.wait(lambda m: m.get('request_seq') == breaks)
        if not answer['body']['breakpoints'][0]['verified']:
            raise RuntimeError('debugpy did not take the breakpoint')
        self.send('configurationDone', {})
        self.wait(lambda m: m.get('request_seq') == attach)

    def close(self):
        self.sock.close()
