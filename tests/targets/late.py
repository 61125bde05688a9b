# SPDX-License-Identifier: BSD-2-Clause
"""Loads code while it runs, in each of the ways there are. late.py FOLDER WAY...: waits for a line, goes each WAY, and says "done".
With "trace" as the first WAY it counts its own line events and prints them."""
import importlib
import json
import os
import sys
import threading

TEXT = """\
top = 1
class Box(object):
    size = top + 1
    def get(self):
        return self.size
def outer(n):
    def inner(k):
        return k + n
    return inner(1) + inner(2)
total = 0
for i in range(4):
    total += outer(i)
total += Box().get()
"""

folder, ways = sys.argv[1], sys.argv[2:]
lines = {}


def write(name):
    with open(os.path.join(folder, name + ".py"), "w") as f:
        f.write(TEXT)


def tracer(frame, event, arg):
    name = os.path.basename(frame.f_code.co_filename)
    if not name.startswith("late_"):
        return None
    if event == "line":
        key = "%s:%d" % (name, frame.f_lineno)
        lines[key] = lines.get(key, 0) + 1
    return tracer


def go(way):
    name = "late_" + way
    if way in ("import", "reload", "reuse", "thread"):
        write(name)
        importlib.invalidate_caches()
    if way == "import":
        importlib.import_module(name)
    elif way == "reload":
        module = importlib.import_module(name)
        for _ in range(3):
            module.outer(0)
            importlib.reload(module)
        module.outer(0)
    elif way == "reuse":
        # What a module's and a class's code leaves free, other code takes.
        module = importlib.import_module(name)
        for i in range(2):
            for n in range(200):
                exec(compile("class Other(object):\n    size = %d\n    def get(self):\n        pass\n" % n, "other_%d.py" % n, "exec"), {})
                eval("n + 1")
            importlib.reload(module)
    elif way == "thread":
        thread = threading.Thread(target=importlib.import_module, args=(name,))
        thread.start()
        thread.join()
    elif way == "exec":
        for _ in range(2):
            exec(compile(TEXT, os.path.join(folder, name + ".py"), "exec"), {})
    elif way == "same":
        code = compile(TEXT, os.path.join(folder, name + ".py"), "exec")
        for _ in range(3):
            exec(code, {})
    elif way == "evals":
        for n in range(100):
            eval("n + 1")


sys.dont_write_bytecode = True
sys.path.insert(0, folder)
print("ready", flush=True)
sys.stdin.readline()
if ways[0] == "trace":
    threading.settrace(tracer)
    sys.settrace(tracer)
for each in ways:
    go(each)
sys.settrace(None)
if ways[0] == "trace":
    print(json.dumps(lines), flush=True)
print("done", flush=True)
sys.stdin.readline()
