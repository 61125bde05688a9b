# SPDX-License-Identifier: BSD-2-Clause
"""A watchpoint and nothing else: what the machine itself takes for one, without pybpfdbg.

An armed debug register is not free under every hypervisor: KVM loads the guest's registers anew at each entry while one is
in use (Linux, arch/x86/kvm/x86.c, vcpu_enter_guest), so programs that sleep and wake a lot see it.
"""
import ctypes
import os
import struct

SYS_PERF_EVENT_OPEN = 298
PERF_TYPE_BREAKPOINT = 5
HW_BREAKPOINT_W = 2
PINNED, EXCLUDE_KERNEL = 1 << 2, 1 << 5


class Watch:
    """One byte of our own that nobody writes, watched on every CPU, for all processes, until close()."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.byte = ctypes.create_string_buffer(8)
        attr = struct.pack('IIQQQQQIIQQ', PERF_TYPE_BREAKPOINT, 72, 0, 0, 0, 0, PINNED | EXCLUDE_KERNEL, 0,
                           HW_BREAKPOINT_W, ctypes.addressof(self.byte), 1)
        self.fds = []
        for cpu in sorted(os.sched_getaffinity(0)):
            fd = libc.syscall(SYS_PERF_EVENT_OPEN, attr, -1, cpu, -1, 0)
            if fd < 0:
                error = ctypes.get_errno()
                self.close()
                raise OSError(error, 'perf_event_open: ' + os.strerror(error))
            self.fds.append(fd)

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.fds = []
