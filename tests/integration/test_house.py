# SPDX-License-Identifier: BSD-2-Clause
"""The tools that judge the others: tests/run, the layer and style checks, the scripts that set up."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import harness


class House(harness.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="pybpfdbg-house-")
        self.addCleanup(shutil.rmtree, self.dir)

    def put(self, path, text, mode=0o644):
        full = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as f:
            f.write(text)
        os.chmod(full, mode)

    def take(self, *paths):
        for path in paths:
            os.makedirs(os.path.dirname(os.path.join(self.dir, path)), exist_ok=True)
            shutil.copy(os.path.join(harness.TOP, path), os.path.join(self.dir, path))

    def run_in(self, *argv, **env):
        environ = dict(os.environ, PYBPFDBG_WATCH_LOCK=os.path.join(self.dir, "lock"), **env)
        environ.pop("ASAN", None)
        return subprocess.run(argv, cwd=self.dir, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, timeout=120)

    def unit(self, name, script):
        self.put("tests/unit/%s.c" % name, "")
        self.put("build/unit/%s" % name, "#!/bin/sh\n" + script, 0o755)

    def sum(self, *names, **env):
        run = self.run_in("tests/run", *names, **env)
        return run.returncode, run.stdout.splitlines()[-1], run.stdout

    def test_run_adds_up(self):
        self.take("tests/run", "tests/support/slots.py")
        self.unit("test_a", "echo '3 passed, 0 failed, 1 skipped'\n")
        self.unit("test_b", "echo '2 passed, 0 failed, 0 skipped'\n")
        self.assertEqual(self.sum()[:2], (0, "5 passed, 0 failed, 1 skipped"))
        self.assertEqual(self.sum("test_b")[:2], (0, "2 passed, 0 failed, 0 skipped"))
        self.assertNotEqual(self.sum("nosuch")[0], 0)

    def test_run_sees_failures(self):
        self.take("tests/run", "tests/support/slots.py")
        self.unit("test_a", "echo '3 passed, 2 failed, 0 skipped'; exit 2\n")
        self.assertEqual(self.sum()[:2], (1, "3 passed, 2 failed, 0 skipped"))
        for script, words in (("kill -SEGV $$\n", "no closing line"), ("echo '1 passed, 0 failed, 0 skipped'; exit 1\n", "exit status"),
                              ("echo '0 passed, 0 failed, 0 skipped'\n", "nothing was tested"), ("sleep 100\n", "longer than 1 s")):
            self.unit("test_a", script)
            status, last, out = self.sum(PYBPFDBG_TEST_TIMEOUT="1")
            self.assertEqual(status, 1, out)
            self.assertIn("1 failed", last)
            self.assertIn(words, out)

    def test_run_misses_what_is_not_built(self):
        self.take("tests/run", "tests/support/slots.py")
        self.unit("test_a", "echo '1 passed, 0 failed, 0 skipped'\n")
        self.put("tests/unit/test_b.c", "")
        self.assertEqual(self.sum()[:2], (1, "1 passed, 1 failed, 0 skipped"))

    def layers(self, path, text):
        self.take("tools/check-layers.sh", "userspace/base/err.h", "userspace/engine/session.h", "userspace/trace/trace.h",
                  "userspace/target/target.h")
        self.put("userspace/engine/fine.c", '#include "engine/session.h"\n#include "trace/trace.h"\n')
        fine = self.run_in("bash", "tools/check-layers.sh")
        self.assertEqual(fine.returncode, 0, fine.stdout)
        self.put(path, text)
        run = self.run_in("bash", "tools/check-layers.sh")
        self.assertIn(path, run.stdout)
        self.assertEqual(run.returncode, 1)

    def test_layers(self):
        for path, text in (("userspace/target/up.c", '#include "engine/session.h"\n'),
                           ("userspace/target/side.c", '#include "trace/trace.h"\n'),
                           ("userspace/target/side.h", '#include "../trace/trace.h"\n'),
                           ("probes/side.c", '# include "target/target.h"\n'),
                           ("userspace/base/up.c", '#include "target/target.h"\n'),
                           ("userspace/engine/libbpf.c", '#include <bpf/libbpf.h>\n'),
                           ("probes/print.c", '#include "base/err.h"\nvoid f(void) { printf("x"); }\n'),
                           ("userspace/engine/leave.c", 'void f(void) { exit(1); }\n')):
            with self.subTest(path):
                self.layers(path, text)
                os.unlink(os.path.join(self.dir, path))

    def test_style(self):
        self.take("tools/check-style.sh")
        for n in range(12):
            self.put("userspace/base/f%d.c" % n, "// SPDX-License-Identifier: BSD-2-Clause\n")
        run = self.run_in("bash", "tools/check-style.sh")
        self.assertEqual(run.returncode, 0, run.stdout)
        for text in ("int x;\n", "// SPDX-License-Identifier: BSD-2-Clause\nint x; \n",
                     "// SPDX-License-Identifier: BSD-2-Clause\n// TO" + "DO\n",
                     "// SPDX-License-Identifier: BSD-2-Clause\nint " + "x" * 150 + ";\n"):
            self.put("userspace/base/bad.c", text)
            run = self.run_in("bash", "tools/check-style.sh")
            self.assertEqual(run.returncode, 1, text)
            self.assertIn("bad.c", run.stdout)

    def test_links_in_docs(self):
        docs = os.path.join(harness.TOP, "docs")
        for path in [os.path.join(harness.TOP, "README.md")] + [os.path.join(docs, n) for n in os.listdir(docs)
                                                                if n.endswith(".md")]:
            with open(path, encoding="utf-8") as f:
                for link in re.findall(r"\]\(([^)#:]+)\)", f.read()):
                    self.assertTrue(os.path.exists(os.path.join(os.path.dirname(path), link)),
                                    "%s: %s" % (path, link))

    def test_sid_root_usage(self):
        script = os.path.join(harness.TOP, "tools/sid-root.sh")
        self.assertEqual(self.run_in("bash", script, "--nonsense").returncode, 2)
        run = self.run_in("bash", script, "--path", PYBPFDBG_SID_ROOT="/somewhere/else")
        self.assertEqual((run.returncode, run.stdout), (0, "/somewhere/else\n"))

    def test_install_deps_usage(self):
        script = os.path.join(harness.TOP, "tools/install-deps.sh")
        self.assertEqual(self.run_in("bash", script, "nonsense").returncode, 2)

    def test_dependencies_are_explained(self):
        with open(os.path.join(harness.TOP, "tools/install-deps.sh")) as f:
            text = f.read()
        with open(os.path.join(harness.TOP, "docs/DEPENDENCIES.md")) as f:
            docs = f.read()
        packages = set()
        for purpose in ("build", "demo", "test", "bench"):
            packages.update(text.split("\n%s=\"" % purpose, 1)[1].split('"', 1)[0].split())
        self.assertGreater(len(packages), 15)
        self.assertEqual([p for p in sorted(packages) if p not in docs], [])


if __name__ == "__main__":
    harness.main()
