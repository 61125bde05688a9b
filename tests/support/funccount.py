#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bcc's funccount, where Debian's does not run by itself: funccount.py ARGUMENTS OF FUNCCOUNT; with --missing: only say why it cannot.

- It compiles its program against kernel headers. Those of the running kernel are taken where they are there; else the newest of
  Debian's linux-headers-*: what funccount counts in user space uses nothing of the kernel but the types of its arguments.
  Debian keeps them in two packages, one for all flavours, that only their Makefiles put together; bcc wants one tree.
- Up to bcc 0.29 its Python module calls bpf_attach_uprobe() of its library with one argument less than that takes (ref_ctr_offset,
  since bcc 0.20), so that whatever is there on the stack becomes an offset, and the kernel most often answers EINVAL.
"""
import ctypes
import glob
import os
import re
import runpy
import shutil
import sys
import tempfile

RELEASE = os.uname().release


def tool():
    return shutil.which('funccount-bpfcc') or shutil.which('funccount')


def debian_headers():
    """The newest (flavour's, common) folders."""
    pairs = []
    for own in glob.glob('/usr/src/linux-headers-*-amd64'):
        common = own[:-len('amd64')] + 'common'
        if os.path.isdir(common):
            pairs.append(([int(n) for n in re.findall(r'\d+', own)], own, common))
    return max(pairs)[1:] if pairs else None


def missing():
    """What is not there, or None."""
    if not tool():
        return 'no bcc here (Debian: bpfcc-tools)'
    if os.path.exists('/lib/modules/%s/build' % RELEASE) or os.path.exists('/sys/kernel/kheaders.tar.xz') or debian_headers():
        return None
    return 'bcc needs kernel headers, and there are none of %s, nor others of Debian (linux-headers-amd64)' % RELEASE


def one_tree(made, own, common):
    """Links to what both hold, in a fresh folder."""
    for sub in ('include', 'arch/x86', 'arch/x86/include'):
        os.makedirs(os.path.join(made, sub), exist_ok=True)
        for source in (common, own):
            for name in os.listdir(os.path.join(source, sub)):
                to = os.path.join(made, sub, name)
                if not os.path.lexists(to) and os.path.join(sub, name) != 'arch/x86/include':
                    os.symlink(os.path.join(source, sub, name), to)
    return made


def complete(bcc):
    """Give bpf_attach_uprobe() its last argument."""
    attach = bcc.lib.bpf_attach_uprobe
    if len(attach.argtypes) != 6:
        return
    attach.argtypes = list(attach.argtypes) + [ctypes.c_uint32]

    class Library:
        """The library, but for that."""
        def __getattr__(self, name):
            return getattr(library, name)

        @staticmethod
        def bpf_attach_uprobe(*args):
            return attach(*args, 0)

    library, bcc.lib = bcc.lib, Library()


def main():
    why = missing()
    if sys.argv[1:] == ['--missing']:
        print(why or '')
        return
    if why:
        sys.exit('funccount.py: ' + why)
    with tempfile.TemporaryDirectory(prefix='pybpfdbg-headers-') as made:
        if not os.path.exists('/lib/modules/%s/build' % RELEASE) and not os.path.exists('/sys/kernel/kheaders.tar.xz'):
            os.environ['BCC_KERNEL_SOURCE'] = one_tree(made, *debian_headers())
        sys.path[:] = [p for p in sys.path if os.path.abspath(p) != os.path.dirname(os.path.abspath(__file__))]
        import bcc
        complete(bcc)
        sys.argv[0] = tool()
        runpy.run_path(tool(), run_name='__main__')


if __name__ == '__main__':
    main()
