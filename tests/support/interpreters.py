# SPDX-License-Identifier: BSD-2-Clause
"""The Python interpreters of this machine, and how to start each.

    for interp in interpreters.find():
        proc = interp.start(["-c", "print('hello')"], stdout=subprocess.PIPE)

What counts: /usr/bin/python3 and /usr/bin/python3.N (debug builds too), ~/.pyenv/versions/*, and those of
the Debian sid root (tools/sid-root.sh), which are started through chroot. PYBPFDBG_PYTHONS, a list of
paths separated by colons, takes the place of all that. Run as a program it prints the list.
"""
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

SUPPORTED = range(6, 16)  # minors of CPython 3

_ASK = ("import sys; v = sys.version_info; "
        "print('%d %d %d %d %d %d' % (v[0], v[1], v[2], sys.hexversion, hasattr(sys, 'gettotalrefcount'), "
        "'t' in sys.abiflags))")


class Interpreter:
    """path is as seen inside root; root is "" for this machine's own."""

    def __init__(self, path, root, facts):
        self.path = path
        self.root = root
        self.version = tuple(facts[:3])
        self.minor = facts[1]
        self.hexversion = facts[3]
        self.debug = bool(facts[4])
        self.free_threaded = bool(facts[5])
        where = "sid" if root else "pyenv" if "/.pyenv/" in path else "debian"
        self.name = "%s-%s%s%s" % (where, ".".join(map(str, self.version)), "d" if self.debug else "",
                                   "t" if self.free_threaded else "")

    def __repr__(self):
        return self.name

    @property
    def supported(self):
        return self.version[0] == 3 and self.minor in SUPPORTED and not self.free_threaded

    def argv(self, args):
        """The command line that runs it with args. The process that starts is the interpreter itself
        (chroot execs), so that its PID is the one to attach to."""
        if self.root:
            return ["chroot", self.root, self.path] + list(args)
        return [self.path] + list(args)

    def start(self, args, **kwargs):
        """subprocess.Popen of it; files named in args must be seen from its root: see install()."""
        env = dict(kwargs.pop("env", None) or os.environ)
        for name in [n for n in env if n.startswith("PYTHON")]:
            if name not in kwargs.get("keep_env", ()):
                del env[name]
        kwargs.pop("keep_env", None)
        env.update(kwargs.pop("add_env", None) or {})
        env.setdefault("LC_ALL", "C.UTF-8")
        return subprocess.Popen(self.argv(args), env=env, **kwargs)

    def install(self, path, directory=None):
        """A copy of the file path in a fresh folder of its root; the path as it sees it.
        For its own root without a directory the file stays where it is."""
        if not self.root and directory is None:
            return os.path.abspath(path)
        if directory is None:
            directory = self.mkdtemp()
        shutil.copy(path, self.root + directory)
        os.chmod(self.root + os.path.join(directory, os.path.basename(path)), 0o644)
        return os.path.join(directory, os.path.basename(path))

    def mkdtemp(self):
        """A fresh folder under its root's /tmp, as it sees it; removed when the tests end."""
        import atexit
        made = tempfile.mkdtemp(prefix="pybpfdbg-", dir=self.root + "/tmp")
        os.chmod(made, 0o755)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        return made[len(self.root):]


def sid_root():
    return os.environ.get("PYBPFDBG_SID_ROOT") or "/var/cache/pybpfdbg/sid"


def _homes():
    homes = [os.path.expanduser("~")]
    user = os.environ.get("SUDO_USER")
    if user:
        try:
            homes.append(pwd.getpwnam(user).pw_dir)
        except KeyError:
            pass
    return homes


def _ask(path, root):
    argv = (["chroot", root] if root else []) + [path, "-c", _ASK]
    try:
        out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20,
                             env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"})
        facts = [int(word) for word in out.stdout.split()]
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return facts if len(facts) == 6 and out.returncode == 0 else None


def _candidates():
    own = os.environ.get("PYBPFDBG_PYTHONS")
    if own is not None:
        for path in filter(None, own.split(":")):
            yield path, ""
        return
    name = re.compile(r"python3(\.\d+)?(d|t|-dbg|-nogil)?$")
    for path in ["/usr/bin/python3"] + sorted(glob.glob("/usr/bin/python3*")):
        if name.fullmatch(os.path.basename(path)):
            yield path, ""
    for home in _homes():
        for folder in sorted(glob.glob(home + "/.pyenv/versions/*")):
            yield folder + "/bin/python3", ""
    root = sid_root()
    if os.path.exists(root + "/.complete") and os.geteuid() == 0:
        for path in sorted(glob.glob(root + "/usr/bin/python3*")):
            if name.fullmatch(os.path.basename(path)):
                yield path[len(root):], root


_found = None


def find(unsupported=False):
    """Every interpreter, each once, oldest first; by default only those that pybpfdbg supports."""
    global _found
    if _found is None:
        _found = []
        seen = set()
        for path, root in _candidates():
            try:
                st = os.stat(root + os.path.realpath(path) if not root else root + path)
            except OSError:
                continue
            if (st.st_dev, st.st_ino) in seen:
                continue
            seen.add((st.st_dev, st.st_ino))
            facts = _ask(path, root)
            if facts:
                _found.append(Interpreter(path, root, facts))
        _found.sort(key=lambda i: (i.version, i.debug, i.root, i.path))
    return [i for i in _found if unsupported or i.supported]


def one(minor=None):
    """An interpreter of that minor, or Debian's own; None if there is none."""
    found = find()
    if minor is None:
        return next((i for i in found if i.path == "/usr/bin/python3"), found[0] if found else None)
    return next((i for i in found if i.minor == minor and not i.debug), None)


def missing():
    """Supported minors that this machine has no interpreter for."""
    have = {i.minor for i in find()}
    return [m for m in SUPPORTED if m not in have]


if __name__ == "__main__":
    for interp in find(unsupported=True):
        print("%-18s %s%s%s" % (interp.name, interp.root, interp.path, "" if interp.supported else "  (not supported)"))
    for minor in missing():
        print("%-18s not on this machine" % ("3.%d" % minor))
    sys.exit(0)
