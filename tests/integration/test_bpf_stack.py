#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Do the BPF programs fit the stack of every kernel? The one that the tests run on may allow more than the oldest supported one.

The limit is 512 bytes for a program and all that it has called at any point, at most eight deep. Up to 6.7 the verifier counts
each function as a multiple of 32 bytes (kernel/bpf/verifier.c, check_max_stack_depth); a callback counts as called where its address is taken.
"""
import glob
import os
import struct
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'support'))
import harness  # noqa: E402

LIMIT, FRAMES, ROUND = 512, 8, 32
EXEC, REL, SYMTAB, FUNC, SECTION = 4, 9, 2, 2, 3


class Object:
    """The functions of a BPF object: {(section, first instruction): name}, what each calls, and how much stack it uses."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = f.read()
        start, size, n = struct.unpack_from('<Q10xHH', self.data, 40)[0], *struct.unpack_from('<HH', self.data, 58)
        self.sections = [struct.unpack_from('<IIQQQQIIQQ', self.data, start + i * size) for i in range(n)]
        self.symbols = self.read_symbols()
        self.funcs = {(shndx, value // 8): (name, size // 8) for name, kind, shndx, value, size in self.symbols
                      if kind == FUNC}
        self.calls, self.depth = {}, {}
        for section in {key[0] for key in self.funcs}:
            self.read_section(section)

    def bytes_of(self, i):
        return self.data[self.sections[i][4]:self.sections[i][4] + self.sections[i][5]]

    def read_symbols(self):
        i = next(i for i, s in enumerate(self.sections) if s[1] == SYMTAB)
        names = self.bytes_of(self.sections[i][6])
        out = []
        for name, info, _other, shndx, value, size in struct.iter_unpack('<IBBHQQ', self.bytes_of(i)):
            out.append((names[name:names.index(b'\0', name)].decode(), info & 15, shndx, value, size))
        return out

    def relocations(self, section):
        for i, s in enumerate(self.sections):
            if s[1] == REL and s[7] == section:
                return {off // 8: self.symbols[info >> 32] for off, info in struct.iter_unpack('<QQ', self.bytes_of(i))}
        return {}

    def read_section(self, section):
        insns = list(struct.iter_unpack('<BBhi', self.bytes_of(section)))
        relocs = self.relocations(section)
        for key in [k for k in self.funcs if k[0] == section]:
            at = range(key[1], key[1] + self.funcs[key][1])
            self.depth[key] = max([0] + [self.touches(insns, i) for i in at])
            self.calls[key] = {t for t in (self.target(section, insns[i], relocs.get(i), i) for i in at) if t}

    @staticmethod
    def touches(insns, i):
        """How far below the frame pointer (r10) an instruction reaches, or the address that the next one makes."""
        op, regs, off, _imm = insns[i]
        dst, src, cls = regs & 15, regs >> 4, op & 7
        if (cls in (2, 3) and dst == 10) or (cls == 1 and src == 10):
            return -off
        if op == 0xbf and src == 10:  # rN = r10, and rN += imm later
            after = (x for x in insns[i + 1:i + 64] if x[0] == 0x07 and x[1] == dst)
            return -next(after, (0, 0, 0, 0))[3]
        return 0

    def target(self, section, insn, symbol, i):
        op, regs, _off, imm = insn
        if symbol and not symbol[2]:
            return None  # a function of the kernel
        if op == 0x85 and regs >> 4 == 1:
            return (symbol[2], symbol[3] // 8 + imm + 1) if symbol else (section, i + imm + 1)
        if op == 0x18 and symbol and symbol[1] in (FUNC, SECTION) and self.sections[symbol[2]][2] & EXEC:
            return (symbol[2], (symbol[3] + imm) // 8)
        return None

    def ways(self, key):
        """
        Every way down from there. A callback that leads to itself is one that the kernel runs later, on a stack of its own: recursion
        would not be let in.
        """
        later = {t for t in self.calls[key] if t in self.below(t)}
        return [[key]] + [[key] + way for t in self.calls[key] - later for way in self.ways(t)]

    def below(self, key):
        seen, todo = set(), set(self.calls[key])
        while todo:
            seen |= todo
            todo = {t for k in todo for t in self.calls[k]} - seen
        return seen

    def deepest(self, key):
        """[functions], the dearest way down from there"""
        return max(self.ways(key), key=self.cost)

    def longest(self, key):
        return max(self.ways(key), key=len)

    def cost(self, way):
        return sum((max(self.depth[k], 1) + ROUND - 1) // ROUND * ROUND for k in way)

    def told(self, way):
        return '%d bytes: %s' % (self.cost(way), ' '.join('%s:%d' % (self.funcs[k][0], self.depth[k]) for k in way))

    def programs(self):
        called = {t for targets in self.calls.values() for t in targets}
        return [k for k in self.funcs if k not in called]


class Stack(unittest.TestCase):
    def test_fits(self):
        paths = glob.glob(os.path.join(harness.BUILD, 'bpf', '*.bpf.o'))
        self.assertTrue(paths)
        for path in paths:
            obj = Object(path)
            self.assertTrue(obj.programs())
            for prog in obj.programs():
                with self.subTest(os.path.basename(path), program=obj.funcs[prog][0]):
                    self.assertLessEqual(obj.cost(obj.deepest(prog)), LIMIT, obj.told(obj.deepest(prog)))
                    self.assertLessEqual(len(obj.longest(prog)), FRAMES, obj.told(obj.longest(prog)))

    def test_sees_calls_and_stack(self):
        """What the programs are known to do is found: a call, a callback, a global function."""
        obj = Object(os.path.join(harness.BUILD, 'bpf', 'watch.bpf.o'))
        way = {name: key for key, (name, _) in obj.funcs.items()}
        self.assertIn(way['py_walk_step'], obj.calls[way['watch']])
        self.assertIn(way['expr_step'], obj.calls[way['expr_eval_in']])
        self.assertGreater(obj.depth[way['watch']], 40)


if __name__ == '__main__':
    harness.main()
