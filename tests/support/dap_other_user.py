# SPDX-License-Identifier: BSD-2-Clause
"""As user nobody: dap_other_user.py SOCKET PID SERVER. Tries a process of another user, then one of its own that names a secret file
as its source; prints what came of it, and whether the sessions of SERVER have its groups afterwards."""
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dap

NOBODY = 65534
SECRET = "/etc/shadow"
CODE = """
import sys
exec(compile("def f():\\n    return 1\\n", %r, "exec"))
print("ready", flush=True)
sys.stdin.readline()
""" % SECRET


def groups(pid):
    with open("/proc/%s/status" % pid) as f:
        return next(text.split()[1:] for text in f if text.startswith("Groups:"))


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return sock, dap.Client(sock.fileno(), sock.fileno())


def main():
    path, pid = sys.argv[1], int(sys.argv[2])
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _keep, client = connect(path)
    try:
        client.ask("attach", processId=pid)
        print("attached to another user's")
    except dap.Failed as e:
        print(e)
    own = subprocess.Popen(["/usr/bin/python3", "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    own.stdout.readline()
    try:
        client.attach(own.pid)
        print("own process: attached")
        try:
            client.ask("source", source={"path": SECRET})
            print("secret: read")
        except dap.Failed:
            print("secret: refused")
        server = int(sys.argv[3])
        with open("/proc/%d/task/%d/children" % (server, server)) as f:
            for session in f.read().split():
                print("groups: kept" if groups(session) == groups(server) else "groups: %r" % groups(session))
        client.ask("disconnect")
    finally:
        own.stdin.close()
        own.wait()


main()
