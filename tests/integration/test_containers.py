# SPDX-License-Identifier: BSD-2-Clause
# Text: --children changes that of others.
"""A program in mount, pid and user namespaces of its own, with another distribution's Python and C library, from outside."""
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness
import interpreters
import test_programs
from test_children import Base, Load, TWICE, line_of

PAGE = "web_plain.py:%d" % line_of("# page", "web_plain.py")


def others():
    return [i for i in interpreters.find() if i.root and i.supported]


class Contained:
    """A script under unshare and chroot; pid is as seen from here. It has said `first` when it is ready."""

    def __init__(self, interp, script="family.py"):
        self.script = interp.install(os.path.join(harness.TARGETS, script))
        self.proc = subprocess.Popen(["unshare", "--mount", "--pid", "--user", "--map-root-user", "--fork", "--kill-child"] +
                                     interp.argv(["-u", self.script]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = None
        self.first = self.line(20)
        if self.first:
            (self.pid,) = self.children(self.proc.pid)

    def children(self, pid):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(w) for w in f.read().split()]

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def line(self, _timeout):
        return self.proc.stdout.readline().decode().rstrip("\n")

    def end(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdin.close()
        self.proc.stdout.close()


class Inside(Base):
    def contained(self, *script):
        target = Contained(others()[0], *script)
        self.addCleanup(target.end)
        if not target.pid:
            self.skipTest("no such namespaces may be made here")
        return target


@unittest.skipUnless(others(), "no root of another distribution here (tools/sid-root.sh)")
class Containers(Inside):
    def test_what_it_is(self):
        """doctor and dump, which find everything through its root."""
        target = self.contained()
        run = self.debug("doctor", target.pid)
        self.assertRegex(run.out, r"namespaces of its own: mount, pid, user\n")
        self.assertIn("pid %d is 1 in there\n" % target.pid, run.out)
        self.assertIn("root of its own: /proc/%d/root" % target.pid, run.out)
        self.assertRegex(run.out, r"C library /\S*libc\S*, glibc 2\.\d+\n")
        run = self.debug("dump", target.pid)
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.out.startswith("pid %d [1]: Python 3." % target.pid), run)
        self.assertIn("main() at %s:" % target.script, run.out)

    def test_stop_step_and_look(self):
        target = self.contained()
        d = self.live("attach", target.pid, "--json")
        attached = d.until("attached")
        self.assertEqual((attached["pid"], attached["inner_pid"]), (target.pid, 1))
        d.send("break " + TWICE)
        d.until("bound")
        target.send("work 1\n")
        stop = d.until("stopped")
        self.assertEqual((stop["thread"]["tid"], stop["function"]), (target.pid, "work"))
        d.send("p n + i + 40")
        self.assertEqual(d.until("values")["values"][0]["repr"], "40")
        d.send("next")
        self.assertEqual(d.until("stopped")["function"], "work")
        d.send("list", "detach")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertIn("total += n + i  # twice", run.err)  # the source as it is in there
        self.assertEqual(target.line(20), "done ")

    def test_log_and_snap(self):
        """Without a stop, while it works; then one look at it."""
        target = self.contained()
        d = self.live("log", target.pid, TWICE, "{n} {i}", "--count", "200", "--json")
        d.until("bound")
        self.ask(target, "work 100")
        run = d.finish()
        self.assertEqual(run.status, 0, run)
        self.assertEqual([e["text"] for e in run.of("log")], ["%d %d" % (n, i) for n in range(100) for i in range(2)])
        self.assertEqual([e["lost"] for e in run.of("count")], [0])
        for options in ((), ("--deep",)):
            d = self.live("snap", target.pid, TWICE, "--if", "n == 7", "--json", *options)
            d.until("bound")
            self.ask(target, "work 20")
            run = d.finish()
            self.assertEqual(run.status, 0, run)
            (shot,) = run.of("snapshot")
            frame = shot["frames"][0]
            self.assertEqual((frame["function"], frame["file"]), ("work", target.script))
            self.assertEqual({v["name"]: v["repr"] for v in frame["locals"]}, {"n": "7", "i": "0"})

    def test_children(self):
        """Counted in each; the numbers are ours."""
        target = self.contained()
        d = self.counting(target.pid, TWICE)
        self.ask(target, "fork 10 3")
        self.ask(target, "work 2")
        total, each = self.counted(d)[TWICE]
        self.assertEqual(total, 64)
        self.assertEqual(each[target.pid], 4)
        self.assertEqual(len(each), 11)
        self.assertFalse([pid for pid in each if pid < 20 and pid != target.pid], each)


@unittest.skipUnless(others(), "no root of another distribution here (tools/sid-root.sh)")
class Served(Inside):
    """An HTTP server with forked workers and threads in there, asked from here."""

    def serving(self):
        target = self.contained("web_plain.py")
        return target, int(target.first), set(target.children(target.pid))

    def load(self, port):
        load = Load(port)
        self.addCleanup(load.end)
        return load

    def asked(self, target, port):
        """So many requests, which the server has counted, too; none failed."""
        target.send("how many\n")
        before = int(target.line(20))
        load = self.load(port)
        load.until(100)
        sent, failed = load.end()
        self.assertEqual(failed, [])
        target.send("how many\n")
        self.assertEqual(int(target.line(20)) - before, sent)
        return sent

    def test_one_worker(self):
        """Every verb, asked all the time."""
        _, port, workers = self.serving()
        test_programs.Programs.check(self, min(workers), port, "web_plain.py", "Page.do_GET")

    def test_all_workers(self):
        """count and log tell what the server counts; dump; then stops in each worker, and nothing fails after detach."""
        target, port, workers = self.serving()
        d = self.counting(target.pid, PAGE)
        sent = self.asked(target, port)
        total, each = self.counted(d)[PAGE]
        self.assertEqual((total, {pid for pid, hits in each.items() if hits}), (sent, workers))
        d = self.live("log", target.pid, PAGE, "{own} {served}", "--children", "--json")
        d.until("bound")
        sent = self.asked(target, port)
        d.proc.send_signal(signal.SIGINT)
        run = d.finish()
        self.assertEqual([(e["hits"], e["shown"], e["lost"]) for e in run.of("count")], [(sent, sent, 0)])
        self.assertEqual(len({e["text"] for e in run.of("log")}), sent, run)
        load = self.load(port)
        load.until(20)
        run = self.debug("dump", target.pid, "--children", "--json")
        self.assertEqual({s["process"] for s in run.of("stack")}, workers | {target.pid}, run)
        load.until(20)
        self.assertEqual(load.failed, [])
        d = self.live("attach", target.pid, "--children", "--json")
        d.send("break " + PAGE)
        stops = set()
        while stops < workers:
            e = d.until("stopped")
            self.assertEqual((e["function"], e["reason"]), ("Page.do_GET", "breakpoint"))
            d.send("next")
            self.assertEqual(d.until("stopped")["process"], e["process"])
            stops.add(e["process"])
            d.send("continue")
        d.send("detach")
        self.assertEqual(d.finish().status, 0)
        load.until(50)
        self.assertEqual(load.end()[1], [])


MANIFEST = os.path.join(harness.TOP, "tools", "kubernetes", "debugger.yaml")
READ = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)"
# What a privileged container with hostPID has of its own: mounts, network, names; not the processes.
BESIDE = ["unshare", "--mount", "--net", "--uts", "--ipc", "sh", "-c",
          'mount -t proc proc /proc && mount -t tmpfs none /sys/fs/bpf && mount -t tmpfs none /sys/kernel/tracing && exec "$@"', "sh"]


@unittest.skipUnless(others(), "no root of another distribution here (tools/sid-root.sh)")
class Pods(Base):
    """The recipe for Kubernetes, with a pod and a debugger's container made by hand."""

    def test_manifest(self):
        run = subprocess.run(["/usr/bin/python3", "-c", READ, MANIFEST], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if b"No module named 'yaml'" in run.stderr:
            self.skipTest("no reader of YAML here")
        pod = json.loads(run.stdout)
        self.assertEqual((pod["apiVersion"], pod["kind"], pod["metadata"]), ("v1", "Pod", {"name": "pybpfdbg"}))
        spec = pod["spec"]
        self.assertEqual(set(spec), {"nodeName", "hostPID", "restartPolicy", "activeDeadlineSeconds", "containers"})
        self.assertEqual((spec["hostPID"], spec["restartPolicy"], spec["activeDeadlineSeconds"]), (True, "Never", 3600))
        (container,) = spec["containers"]
        self.assertEqual(container["securityContext"], {"privileged": True})
        self.assertEqual(container["command"], ["sleep", "3600"])

    def test_from_beside(self):
        target = Contained(others()[0])
        self.addCleanup(target.end)
        if not target.pid:
            self.skipTest("no such namespaces may be made here")
        beside = {}
        for verb, *words in (["doctor"], ["dump", "--children"], ["count", TWICE, "--children", "--for", "0.2"],
                             ["attach", "-c", "break " + TWICE, "-c", "info slots"]):
            run = subprocess.run(BESIDE + [harness.DEBUGGER, verb, str(target.pid)] + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(run.returncode, 0, run)
            beside[verb] = run.stdout.decode()
        self.assertIn("namespaces of its own: mount, pid, user", beside["doctor"])
        self.assertIn("main() at %s:" % target.script, beside["dump"])
        self.assertIn("[%d]" % target.pid, beside["count"])
        self.assertIn("breakpoint 1 at %s" % target.script, beside["attach"])


if __name__ == "__main__":
    harness.main()
