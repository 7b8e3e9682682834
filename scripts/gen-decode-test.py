#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of gen-decode.py: what it refuses, and that the C it writes decodes as the table says."""
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
spec = importlib.util.spec_from_file_location('gen_decode', os.path.join(HERE, 'gen-decode.py'))
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)

HEAD = ['args r rd:x rs:x', 'args i rd:x imm:s12', 'args none']


def table(*lines):
    t = gen.Table()
    t.read('t.insn', HEAD + list(lines))
    t.check()
    return t


ADD = 'add r 0000000000000000000000 rs:5 rd:5'


class Refusals(unittest.TestCase):
    def refused(self, text, *lines):
        with self.assertRaises(gen.TableError) as e:
            table(*lines)
        self.assertIn(text, str(e.exception))
        return str(e.exception)

    def test_overlap(self):
        msg = self.refused('overlaps add', ADD, 'sub r 000000000000000000000- rs:5 rd:5')
        self.assertTrue(msg.startswith('t.insn:5:'), msg)

    def test_overlap_in_group(self):
        table('{', ADD, 'sub r 000000000000000000000- rs:5 rd:5', '}')

    def test_constraints_separate(self):
        lines = ['a r 0000000000000000000000 rs:5 rd:5', ' when rs < 7',
                 'b r 0000000000000000000000 rs:5 rd:5', ' when rs > 6']
        table(*lines)
        self.refused('overlaps a', *lines[:3], ' when rs > 5')

    def test_missing_member(self):
        self.refused('nothing gives "rs"', 'add r 000000000000000000000000000 rd:5')

    def test_extension(self):
        self.refused('has 10 bits, its kind s12', 'add i 00000000000000000 n:10 rd:5  imm=n')
        table('add i 00000000000000000 n:10 rd:5  imm=sx(n,12)')
        self.refused('too great', 'add i 0000000000000 n:14 rd:5  imm=sx(n,12)')

    def test_unused_field(self):
        self.refused('used nowhere', 'add r 000000000000000000000 q:1 rs:5 rd:5')

    def test_word_width(self):
        self.refused('pattern has 33 bits', 'add r 00000000000000000000000 rs:5 rd:5')
        self.refused('pattern has 31 bits', 'add r 000000000000000000000 rs:5 rd:5')

    def test_kind_width(self):
        self.refused('has 11 bits', 'add i 0000000000000000 imm:11 rd:5')
        self.refused('register number', 'add r 0000000000000 rs:14 rd:5')

    def test_split_field(self):
        t = table('add i 000000000000000 lo:2 hi:10 rd:5 imm=cat(hi,lo)')
        e = t.patterns[0].lets['imm']
        f = t.patterns[0].fields
        self.assertEqual(e.width(f), 12)
        self.assertEqual(e.value(f, {'hi': 3, 'lo': 1}), 13)
        self.refused('has 13 bits', 'add i 000000000000000 lo:2 hi:10 rd:5 imm=cat(hi,lo)<<1')

    def test_names(self):
        self.refused('is also at t.insn:4', ADD, ADD)
        self.refused('no args "q"', 'add q 0000000000000000000000 rs:5 rd:5')
        self.refused('no field "zz"', ADD, ' when zz == 1')
        self.refused('cannot read', 'add r 0000000000000000000002 rs:5 rd:5')
        self.refused('trans_add takes r', ADD, 'add.i i 100000000000000 imm:12 rd:5')
        self.refused('never closed', '{', ADD)

    def test_rows(self):
        t = table(ADD, ' test rs=-1 -> rd=2')
        insn, ins, outs, _ = t.patterns[0].tests[0]
        self.assertEqual((insn & 31, insn >> 5), (outs[0][1], ins[0][1]))
        self.assertEqual(ins[0][2], (1 << 64) - 1)
        self.refused('does not fit', 'a i 000000000000000 imm:12 rd:5', ' test imm=0x1000 -> rd=0')


MAIN = '''
#include <stdio.h>
#include <stdlib.h>
#include "t-decode.h"
STUBS
int main(void)
{
    unsigned insn;
    while (scanf("%x", &insn) == 1) {
        T_PRINT
    }
    return 0;
}
'''


class Generated(unittest.TestCase):
    """Random tables: the C decoder must agree with a linear search over the patterns."""

    def run_table(self, t, words):
        with tempfile.TemporaryDirectory() as d:
            w = gen.Writer(t, 't', ['trans.h'])
            names = sorted({p.trans for p in t.patterns})
            stubs = ''.join(f'bool {n}(Trans *t, const ArgsR *a) {{ (void)t; '
                            f'printf("%u %u\\n", a->rd, a->rs); return true; }}\n' for n in names)
            main = MAIN.replace('STUBS', stubs).replace(
                'T_PRINT', 'printf("%d ", t_decode(NULL, insn)); '
                           'if (!t_decode_trans(NULL, insn)) { printf("- -\\n"); }')
            files = {'t-decode.h': w.header(), 't-decode.c': w.decoder(),
                     't-trans.c': w.translator(), 't-table.c': w.table(),
                     'trans.h': 'static inline bool trans_has(Trans *t, unsigned f)'
                                '{ (void)t; return f; }\n', 'main.c': main}
            for name, text in files.items():
                with open(os.path.join(d, name), 'w', encoding='utf-8') as f:
                    f.write(text)
            exe = os.path.join(d, 'a.out')
            subprocess.run(['cc', '-w', f'-I{ROOT}', f'-I{d}', '-o', exe]
                           + [os.path.join(d, n) for n in files if n.endswith('.c')], check=True)
            text = '\n'.join(f'{x:x}' for x in words)
            out = subprocess.run([exe], input=text, stdout=subprocess.PIPE, text=True, check=True)
            return [line.split() for line in out.stdout.strip().split('\n')]

    def random_table(self, rng):
        lines, n = [], 0
        for _ in range(150):
            bits = ''.join(rng.choice('01' if i < 9 else '01-----') for i in range(22))
            line = [f'p{n} r {bits} rs:5 rd:5']
            if rng.random() < 0.3:
                line.append(f' when rs {rng.choice(["<", ">=", "!="])} {rng.randrange(32)}')
            try:
                table(*lines, *line)
            except gen.TableError:
                continue
            lines += line
            n += 1
        return table(*lines)

    def test_random_tables(self):
        rng = random.Random(5)
        t = self.random_table(rng)
        self.assertGreater(len(t.patterns), 60)
        words = [rng.getrandbits(32) for _ in range(2000)]
        words += [p.value | rng.getrandbits(32) & ~p.mask for p in t.patterns for _ in range(20)]
        reached = set()
        for word, got in zip(words, self.run_table(t, words)):
            want = next((n for n, p in enumerate(t.patterns, 1) if p.accepts(word)), 0)
            regs = [str(word & 31), str(word >> 5 & 31)] if want else ['-', '-']
            self.assertEqual(got, [str(want)] + regs, hex(word))
            reached.add(want)
        self.assertGreater(len(reached), len(t.patterns) * 0.9)

    def test_priority(self):
        t = table('{', 'a r 1000000000000000000000 rs:5 rd:5', ' when rs == 3',
                  'b r 100000000000000000000- rs:5 rd:5', '}',
                  'c r 1100000000000000000000 rs:5 rd:5', 'd r 1010000000000000000000 rs:5 rd:5')
        words = [0x80000060, 0x80000061, 0x80000080, 0x80000460, 0xc0000000, 0xa0000000, 0x90000000]
        ids = [int(x[0]) for x in self.run_table(t, words)]
        self.assertEqual(ids, [1, 1, 2, 2, 3, 4, 0])


class Extensions(unittest.TestCase):
    def test_values(self):
        p = table('add i 00000000000000000 n:10 rd:5  imm=sx(n,12)',
                  'sub i 10000000000000000 n:10 rd:5  imm=zx(n,12)').patterns
        values = {'n': 0x200, 'rd': 0}
        self.assertEqual(p[0].lets['imm'].value(p[0].fields, values), 0xe00)
        self.assertEqual(p[1].lets['imm'].value(p[1].fields, values), 0x200)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
