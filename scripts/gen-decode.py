#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Generate an instruction decoder from .insn tables.

    gen-decode.py --isa a64 --include target/arm/translate.h \\
        --header a64-decode.h --decoder a64-decode.c --trans a64-trans.c --table a64-table.c FILE.insn...

The form of a table (docs/dev/insn.md says more):

    # comment
    word   32                   width of an instruction word: 32 (default) or 16
    group  NAME                 the encoding group that the following patterns count under
    needs  WORD...              all following patterns need these features (`needs -`: none);
                                in C a word is PREFIX_WORD, asked for by trans_has(t, PREFIX_WORD)
    args   NAME member:kind...  a struct of arguments. Kinds: uN, sN (sign-extended from bit N-1);
                                any other word names a register file (a number)
    state  NAME C-EXPRESSION    a name for `when`, computed from `t` (for example xlen)

    NAME[.VARIANT]  ARGS  bits and fields...  member=EXPR...
          when   EXPR           also required for a match
          avoid  EXPR           legal to decode, but the outcome is the implementation's choice:
                                random streams leave it out
          needs  WORD...        in addition to the needs above
          let    member=EXPR... derived members
          test   name=VALUE... -> name=VALUE...
    { ... }                     patterns in a group may overlap: the first match wins

Pattern bits, from the most significant: 0 1 literal, - don't care, (0) (1) should be, name:width.
The translator of NAME.VARIANT is trans_NAME (or begins with --trans-prefix).  EXPR has C's and Python's operators over fields,
`cat(a, b)` to join fields, `zx(a, N)` and `sx(a, N)` to extend one to N bits with zeros or its sign,
and `a in (1, 2)`.
"""
import argparse
import ast
import itertools
import os
import re
import sys


class TableError(Exception):
    def __init__(self, where, text):
        super().__init__(f'{where[0]}:{where[1]}: {text}')


class Expr:
    """An expression over the fields of a pattern."""

    BIN = {ast.Add: '+', ast.Sub: '-', ast.Mult: '*', ast.LShift: '<<', ast.RShift: '>>',
           ast.BitAnd: '&', ast.BitOr: '|', ast.BitXor: '^', ast.Mod: '%'}
    CALLS = {'cat', 'sx', 'zx'}
    CMP = {ast.Eq: '==', ast.NotEq: '!=', ast.Lt: '<', ast.LtE: '<=', ast.Gt: '>', ast.GtE: '>='}

    def __init__(self, text, where):
        self.text, self.where = text.strip(), where
        try:
            self.tree = ast.parse(self.text, mode='eval').body
        except SyntaxError:
            raise TableError(where, f'cannot read the expression "{self.text}"') from None
        self.names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)} - self.CALLS

    def bad(self, what):
        return TableError(self.where, f'{what} in "{self.text}"')

    def resolve(self, lets):
        """Substitute derived members by their expressions, so that fields alone are left."""
        for _ in range(8):
            use = {n for n in self.names if n in lets and lets[n] is not self}
            if not use:
                return
            trees = {n: lets[n].tree for n in use}

            class Subst(ast.NodeTransformer):
                def visit_Name(self, node):
                    return trees.get(node.id, node)
            self.tree = Subst().visit(self.tree)
            self.names = {n.id for n in ast.walk(self.tree) if isinstance(n, ast.Name)} - self.CALLS
        raise self.bad('circular definition')

    def width(self, fields, n=None):
        """How many bits the value can have; None when that is not known."""
        n = n or self.tree
        w = lambda x: self.width(fields, x)
        if isinstance(n, ast.Name):
            return fields[n.id].width if n.id in fields else None
        if isinstance(n, ast.Constant):
            return max(int(n.value).bit_length(), 1) if n.value >= 0 else None
        if isinstance(n, (ast.Compare, ast.BoolOp)):
            return 1
        if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.Not):
            return 1
        if isinstance(n, ast.Call):
            if n.func.id in ('sx', 'zx'):
                return n.args[1].value
            parts = [w(a) for a in n.args]
            return None if None in parts else sum(parts)
        if isinstance(n, ast.IfExp):
            a, b = w(n.body), w(n.orelse)
            return None if a is None or b is None else max(a, b)
        if isinstance(n, ast.BinOp):
            a, b = w(n.left), w(n.right)
            if isinstance(n.op, ast.LShift) and isinstance(n.right, ast.Constant):
                return None if a is None else a + n.right.value
            if isinstance(n.op, (ast.BitOr, ast.BitXor)):
                return None if a is None or b is None else max(a, b)
            if isinstance(n.op, ast.BitAnd):
                return b if a is None else a if b is None else min(a, b)
        return None

    def value(self, fields, values, n=None):
        """Evaluate with the fields' values, as the generated C does."""
        n = n or self.tree
        v = lambda x: self.value(fields, values, x)
        if isinstance(n, ast.Name):
            return values[n.id]
        if isinstance(n, ast.Constant):
            return int(n.value)
        if isinstance(n, ast.BoolOp):
            r = [bool(v(x)) for x in n.values]
            return all(r) if isinstance(n.op, ast.And) else any(r)
        if isinstance(n, ast.UnaryOp):
            x = v(n.operand)
            return (not x) if isinstance(n.op, ast.Not) else -x if isinstance(n.op, ast.USub) else ~x
        if isinstance(n, ast.BinOp):
            return eval(f'a {self.BIN[type(n.op)]} b', {'a': v(n.left), 'b': v(n.right)})
        if isinstance(n, ast.IfExp):
            return v(n.body) if v(n.test) else v(n.orelse)
        if isinstance(n, ast.Call) and n.func.id in ('sx', 'zx'):
            x, width = v(n.args[0]), self.width(fields, n.args[0])
            if n.func.id == 'sx' and x >> (width - 1) & 1:
                x |= (1 << n.args[1].value) - (1 << width)
            return x
        if isinstance(n, ast.Call):
            r = 0
            for a in n.args:
                r = r << self.width(fields, a) | v(a)
            return r
        if isinstance(n, ast.Compare):
            a = v(n.left)
            if isinstance(n.ops[0], (ast.In, ast.NotIn)):
                found = a in [v(x) for x in n.comparators[0].elts]
                return found == isinstance(n.ops[0], ast.In)
            return eval(f'a {self.CMP[type(n.ops[0])]} b', {'a': a, 'b': v(n.comparators[0])})
        raise self.bad('unsupported operator')

    def c(self, fields, state, n=None):
        n = n or self.tree
        e = lambda x: self.c(fields, state, x)
        if isinstance(n, ast.Name):
            if n.id in fields:
                return fields[n.id].c()
            if n.id in state:
                return f'({state[n.id]})'
            raise self.bad(f'no field "{n.id}"')
        if isinstance(n, ast.Constant) and isinstance(n.value, int):
            return f'{int(n.value):#x}u' if n.value > 9 else str(int(n.value)) + 'u'
        if isinstance(n, ast.BoolOp):
            return '(' + (' && ' if isinstance(n.op, ast.And) else ' || ').join(map(e, n.values)) + ')'
        if isinstance(n, ast.UnaryOp):
            op = {ast.Not: '!', ast.USub: '-', ast.Invert: '~'}.get(type(n.op))
            if op:
                return f'({op}{e(n.operand)})'
        if isinstance(n, ast.BinOp) and type(n.op) in self.BIN:
            return f'({e(n.left)} {self.BIN[type(n.op)]} {e(n.right)})'
        if isinstance(n, ast.IfExp):
            return f'({e(n.test)} ? {e(n.body)} : {e(n.orelse)})'
        if isinstance(n, ast.Call) and getattr(n.func, 'id', '') in ('sx', 'zx') and \
                len(n.args) == 2 and isinstance(n.args[1], ast.Constant):
            width, to = self.width(fields, n.args[0]), n.args[1].value
            if width is None or width > to:
                raise self.bad(f'{n.func.id}() of a value whose width is not known or too great')
            if n.func.id == 'zx' or width == to:
                return e(n.args[0])
            sign = f'{1 << (width - 1):#x}u'
            return f'((({e(n.args[0])} ^ {sign}) - {sign}) & {(1 << to) - 1:#x}u)'
        if isinstance(n, ast.Call) and getattr(n.func, 'id', '') == 'cat' and n.args:
            r = e(n.args[0])
            for a in n.args[1:]:
                w = self.width(fields, a)
                if w is None:
                    raise self.bad('cat() of a value of unknown width')
                r = f'({r} << {w} | {e(a)})'
            return r
        if isinstance(n, ast.Compare) and len(n.ops) == 1:
            a, b = n.left, n.comparators[0]
            if isinstance(n.ops[0], (ast.In, ast.NotIn)) and isinstance(b, ast.Tuple):
                r = ' || '.join(f'{e(a)} == {e(x)}' for x in b.elts)
                return f'({r})' if isinstance(n.ops[0], ast.In) else f'(!({r}))'
            if type(n.ops[0]) in self.CMP:
                return f'({e(a)} {self.CMP[type(n.ops[0])]} {e(b)})'
        raise self.bad('unsupported operator')


class Field:
    def __init__(self, name, lo, width):
        self.name, self.lo, self.width = name, lo, width

    def c(self):
        shifted = f'insn >> {self.lo}' if self.lo else 'insn'
        return f'(({shifted}) & {(1 << self.width) - 1:#x}u)'


class ArgSet:
    def __init__(self, name, members, where):
        self.name, self.members, self.where = name, members, where
        self.given = False  # by the header of another table
        self.c_name = 'Args' + ''.join(p.capitalize() for p in name.split('_'))

    @staticmethod
    def c_type(kind):
        m = re.fullmatch(r'([us])(\d+)', kind)
        if not m:
            return 'uint8_t'
        bits = next(b for b in (8, 16, 32) if int(m[2]) <= b)
        return ('int32_t' if m[1] == 's' else f'uint{bits}_t')


class Pattern:
    prefix = 'trans_'  # of translators

    def __init__(self, name, args, where):
        self.name, self.args, self.where = name, args, where
        self.mask = self.value = self.should_mask = self.should_value = 0
        self.fields, self.lets = {}, {}
        self.when = self.avoid = None
        self.needs, self.tests, self.group, self.priority = [], [], '', None

    @property
    def ident(self):
        return re.sub(r'\W', '_', self.name).upper()

    @property
    def trans(self):
        return self.prefix + self.name.split('.')[0]

    def member(self, name):
        return self.lets.get(name) or Expr(name, self.where)

    def values_of(self, insn):
        return {f.name: insn >> f.lo & ((1 << f.width) - 1) for f in self.fields.values()}

    def accepts(self, insn):
        if insn & self.mask != self.value:
            return False
        return not self.when or bool(self.when.value(self.fields, self.values_of(insn)))


class Table:
    PATTERN_NAME = re.compile(r'[a-z]\w*(\.\w+)*$')

    def __init__(self):
        self.word, self.args, self.state, self.patterns = 32, {}, {}, []
        self.groups = []
        self.priorities = itertools.count(1)

    def read(self, path, lines=None):
        if lines is None:
            with open(path, encoding='utf-8') as f:
                lines = f.read().split('\n')
        self.group, self.needs, self.open_group, current = '-', [], None, None
        name = os.path.basename(path)
        joined, start = '', 0
        for number, raw in enumerate(lines, 1):
            text = raw.split('#')[0].rstrip()
            if text.endswith('\\'):
                joined += text[:-1] + ' '
                start = start or number
                continue
            text, where = joined + text, (path, start or number)
            joined, start = '', 0
            if not text.strip():
                continue
            if text[0].isspace() and current and text.split()[0] in (
                    'when', 'avoid', 'needs', 'let', 'test'):
                self.attribute(current, text.split(None, 1), where)
            else:
                self.finish(current)
                current = self.statement(text.split(), text, where)
        self.finish(current)
        if self.open_group:
            raise TableError((path, len(lines)), '"{" is never closed')
        return name

    def read_args(self, path):
        """The args lines of another instruction set, whose header defines their structs."""
        with open(path, encoding='utf-8') as f:
            for number, raw in enumerate(f, 1):
                words = raw.split('#')[0].split()
                if words[:1] == ['args']:
                    self.args_line(words, (path, number))
                    self.args[words[1]].given = True

    def statement(self, words, text, where):
        if words[0] == '{' and len(words) == 1:
            if self.open_group:
                raise TableError(where, 'groups do not nest')
            self.open_group = next(self.priorities)
        elif words[0] == '}' and len(words) == 1:
            if not self.open_group:
                raise TableError(where, '"}" without "{"')
            self.open_group = None
        elif words[0] == 'word':
            if words[1:] not in (['16'], ['32']):
                raise TableError(where, 'word is 16 or 32')
            self.word = int(words[1])
        elif words[0] == 'group':
            self.group = ' '.join(words[1:])
            if self.group not in self.groups:
                self.groups.append(self.group)
        elif words[0] == 'needs':
            self.needs = [w for w in words[1:] if w != '-']
        elif words[0] == 'args':
            self.args_line(words, where)
        elif words[0] == 'state':
            self.state[words[1]] = text.split(None, 2)[2]
        else:
            return self.pattern_line(words, where)
        return None

    def args_line(self, words, where):
        if len(words) < 2:
            raise TableError(where, 'args needs a name')
        members = []
        for w in words[2:]:
            m = re.fullmatch(r'([a-z_]\w*):([a-z]\w*)', w)
            if not m:
                raise TableError(where, f'"{w}" is not member:kind')
            if re.fullmatch(r'[us]\d+', m[2]) and not 1 <= int(m[2][1:]) <= 32:
                raise TableError(where, f'"{w}": widths are 1 to 32')
            members.append((m[1], m[2]))
        if len({m[0] for m in members}) != len(members):
            raise TableError(where, 'two members of one name')
        old = self.args.get(words[1])
        if old and old.members != members:
            raise TableError(where, f'args {words[1]} differs from {old.where[0]}:{old.where[1]}')
        if not old:
            self.args[words[1]] = ArgSet(words[1], members, where)

    def pattern_line(self, words, where):
        if len(words) < 3 or not self.PATTERN_NAME.match(words[0]):
            raise TableError(where, f'expected "name args bits...", found "{" ".join(words)}"')
        if words[1] not in self.args:
            raise TableError(where, f'no args "{words[1]}"')
        p = Pattern(words[0], self.args[words[1]], where)
        p.needs, p.group, p.priority = list(self.needs), self.group, self.open_group
        bit = self.word
        for w in words[2:]:
            if '=' in w:
                self.let(p, w, where)
                continue
            m = re.fullmatch(r'([A-Za-z_]\w*):(\d+)', w)
            if m:
                if m[1] in p.fields:
                    raise TableError(where, f'field "{m[1]}" is there twice')
                bit -= int(m[2])
                p.fields[m[1]] = Field(m[1], bit, int(m[2]))
                continue
            if not re.fullmatch(r'([01-]|\([01]\))+', w):
                raise TableError(where, f'cannot read "{w}" as bits or a field')
            for b in re.findall(r'[01-]|\([01]\)', w):
                bit -= 1
                if bit < 0:
                    break
                if b in '01':
                    p.mask |= 1 << bit
                    p.value |= int(b) << bit
                elif b != '-':
                    p.should_mask |= 1 << bit
                    p.should_value |= int(b[1]) << bit
        if bit:
            raise TableError(where, f'pattern has {self.word - bit} bits, a word has {self.word}')
        self.patterns.append(p)
        return p

    @staticmethod
    def let(p, word, where):
        name, text = word.split('=', 1)
        if name in p.lets or name in p.fields:
            raise TableError(where, f'"{name}" is there twice')
        p.lets[name] = Expr(text, where)

    def attribute(self, p, words, where):
        if len(words) < 2:
            raise TableError(where, f'{words[0]} needs something after it')
        key, rest = words
        if key in ('when', 'avoid'):
            old = getattr(p, key)
            if old:
                join = 'and' if key == 'when' else 'or'
                rest = f'({old.text}) {join} ({rest})'
            setattr(p, key, Expr(rest, where))
        elif key == 'needs':
            p.needs += rest.split()
        elif key == 'let':
            for w in rest.split():
                self.let(p, w, where)
        else:
            p.tests.append((rest, where))

    def finish(self, p):
        """Check a pattern once all of its lines are read."""
        if not p:
            return
        members = dict(p.args.members)
        used = set()
        for name, e in p.lets.items():
            if name not in members:
                raise TableError(e.where, f'args {p.args.name} has no "{name}"')
            e.resolve({k: v for k, v in p.lets.items() if k != name})
            used |= e.names
        for e in (p.when, p.avoid):
            if e:
                e.resolve(p.lets)
                used |= e.names
        for name, kind in p.args.members:
            if name not in p.lets and name not in p.fields:
                raise TableError(p.where, f'{p.name}: nothing gives "{name}" of args {p.args.name}')
            self.check_width(p, name, kind)
        for name in p.fields:
            if name not in members and name not in used:
                raise TableError(p.where, f'{p.name}: field "{name}" is used nowhere')
        for name in used:
            if name not in p.fields and name not in self.state:
                raise TableError(p.where, f'{p.name}: no field "{name}"')
        for e in list(p.lets.values()) + [p.when, p.avoid]:
            if e:
                e.c(p.fields, self.state)
        p.tests = [self.test_row(p, text, where) for text, where in p.tests]

    @staticmethod
    def check_width(p, name, kind):
        e = p.member(name)
        width = e.width(p.fields)
        m = re.fullmatch(r'([us])(\d+)', kind)
        if not m:
            if width is not None and width > 8:
                raise TableError(e.where, f'register number "{name}" has {width} bits')
        elif m[1] == 's':
            if width != int(m[2]) and not isinstance(e.tree, ast.Constant):
                raise TableError(e.where, f'"{name}" has {width} bits, its kind {kind} {m[2]}')
        elif width is not None and width > int(m[2]):
            raise TableError(e.where, f'"{name}" has {width} bits, its kind {kind} only {m[2]}')

    def test_row(self, p, text, where):
        """One test: (instruction word, inputs, outputs); registers get distinct numbers."""
        sides = text.split('->')
        if len(sides) != 2:
            raise TableError(where, 'a test is "name=value... -> name=value..."')
        kinds = dict(p.args.members)
        is_reg = lambda n: n in kinds and not re.fullmatch(r'[us]\d+', kinds[n])
        given = [self.assignments(s, where) for s in sides]
        values, number, taken = {}, {}, set()
        for name, op, v in given[0]:
            if op == ':=' or (name in p.fields and not is_reg(name)):
                if name not in p.fields:
                    raise TableError(where, f'{p.name} has no field "{name}"')
                if v >> p.fields[name].width:
                    raise TableError(where, f'{name}={v:#x} does not fit {p.fields[name].width} bits')
                values[name] = v
                if is_reg(name):
                    taken.add(v)
        free = (n for n in itertools.count(1) if n not in taken)
        for name in p.fields:
            if is_reg(name) and name not in values:
                values[name] = next(free)
                taken.add(values[name])
            if is_reg(name):
                number[name] = values[name]
        insn = p.value | p.should_value
        for name, v in values.items():
            insn |= v << p.fields[name].lo
        if not p.accepts(insn):
            raise TableError(where, f'{insn:#x} is no {p.name}: the "when" refuses it')
        out = []
        for side in given:
            row = []
            for name, op, v in side:
                if name in number and op == '=':
                    row.append((kinds[name], number[name], v))
                elif name not in p.fields:
                    row.append((name, -1, v))
            out.append(row)
        return (insn, out[0], out[1], where[1])

    @staticmethod
    def assignments(text, where):
        out = []
        for w in text.split():
            m = re.fullmatch(r'(\w+)(:?=)(.+)', w)
            if not m:
                raise TableError(where, f'"{w}" is not name=value')
            try:
                v = eval(m[3], {'__builtins__': {}})
            except Exception:
                raise TableError(where, f'cannot compute "{m[3]}"') from None
            out.append((m[1], m[2], v & (1 << 64) - 1))
        return out

    def check(self):
        names = {}
        for p in self.patterns:
            if p.name in names:
                old = names[p.name].where
                raise TableError(p.where, f'"{p.name}" is also at {old[0]}:{old[1]}')
            names[p.name] = p
        trans = {}
        for p in self.patterns:
            old = trans.setdefault(p.trans, p)
            if old.args.name != p.args.name:
                raise TableError(p.where, f'{p.trans} takes {old.args.name} at '
                                          f'{old.where[0]}:{old.where[1]}, here {p.args.name}')
        for a, b in itertools.combinations(self.patterns, 2):
            if a.mask & b.mask & (a.value ^ b.value):
                continue
            if a.priority and a.priority == b.priority:
                continue
            insn = self.common(a, b)
            if insn is not None:
                raise TableError(b.where, f'{b.name} overlaps {a.name} of {a.where[0]}:'
                                          f'{a.where[1]}, for example {insn:#x}')

    @staticmethod
    def common(a, b):
        """A word that both patterns accept, or None."""
        fixed, value = a.mask | b.mask, a.value | b.value
        free = []
        for p in (a, b):
            for name in (p.when.names if p.when else ()):
                if name not in p.fields:
                    continue
                f = p.fields[name]
                free += [i for i in range(f.lo, f.lo + f.width) if not fixed >> i & 1]
        free = sorted(set(free))
        if len(free) > 16:
            return value
        for n in range(1 << len(free)):
            insn = value | sum((n >> i & 1) << bit for i, bit in enumerate(free))
            if a.accepts(insn) and b.accepts(insn):
                return insn
        return None


class Writer:
    """The C text of a table."""

    def __init__(self, table, isa, includes, feature='FEAT_', base=None):
        self.t, self.isa, self.includes, self.feature = table, isa, includes, feature
        self.base = base
        self.big = isa.upper()
        self.camel = ''.join(p.capitalize() for p in isa.split('_'))

    def id_of(self, p):
        return f'{self.big}_{p.ident}'

    def header(self):
        guard = f'{self.big}_DECODE_H'
        o = ['/* Generated by scripts/gen-decode.py. */', f'#ifndef {guard}', f'#define {guard}', '',
             '#include <stdbool.h>', '#include <stdint.h>', '#include "target/insn.h"']
        o += ['', f'#include "{self.base}"'] if self.base else []
        o += ['',
             'typedef struct Trans Trans;', '', f'typedef enum {self.camel}Id {{',
             f'    {self.big}_UNALLOCATED,']
        o += [f'    {self.id_of(p)},' for p in self.t.patterns]
        o += [f'    {self.big}_ID_COUNT', f'}} {self.camel}Id;', '']
        for a in (a for a in self.t.args.values() if not a.given):
            o.append(f'typedef struct {a.c_name} {{')
            o += [f'    {a.c_type(k)} {n};' for n, k in a.members] or ['    uint8_t unused;']
            o += [f'}} {a.c_name};', '']
        done = set()
        for p in self.t.patterns:
            if p.trans not in done:
                done.add(p.trans)
                o.append(f'bool {p.trans}(Trans *t, const {p.args.c_name} *a);')
        o += ['', '/* Which instruction @insn is; with @t, only what its features allow. */',
              f'{self.camel}Id {self.isa}_decode(Trans *t, uint32_t insn);',
              '/* Decode and translate; false: the instruction is not allocated. */',
              f'bool {self.isa}_decode_trans(Trans *t, uint32_t insn);',
              f'/* Indexed by {self.camel}Id; the first row is empty. */',
              f'extern const InsnPattern {self.isa}_patterns[{self.big}_ID_COUNT];', '', '#endif', '']
        return '\n'.join(o)

    def test_of(self, p, known):
        tests = []
        if p.mask & ~known:
            tests.append(f'(insn & {p.mask & ~known:#x}u) == {p.value & ~known:#x}u')
        if p.when:
            tests.append(p.when.c(p.fields, self.t.state))
        tests += [f'{self.isa}_has(t, {self.feature}{n.upper()})' for n in p.needs]
        return ' && '.join(tests)

    @staticmethod
    def split(pats, known, word):
        """The run of bits that separates @pats best, or None."""
        best = None
        fixed = 0
        for p in pats:
            fixed |= p.mask & ~known
        for lo in range(word):
            for k in range(1, min(8, word - lo) + 1):
                m = ((1 << k) - 1) << lo
                if m & ~fixed:
                    break
                sizes = [0] * (1 << k)
                for p in pats:
                    free = m & ~p.mask
                    sub = free
                    while True:
                        sizes[(p.value & m | sub) >> lo] += 1
                        if not sub:
                            break
                        sub = (sub - 1) & free
                if max(sizes) == len(pats):
                    continue
                score = sum(s * s for s in sizes) / (1 << k) + len(pats) * (1 << k) * 0.003 \
                    + 0.4 * max(0, sum(sizes) / len(pats) - 1)
                if best is None or score < best[0]:
                    best = (score, lo, k)
        return best and best[1:]

    def tree(self, pats, known, indent, out, leaf, none):
        """Tests that end in `return` of leaf(pattern), or of @none where no pattern fits."""
        pad = '    ' * indent
        cut = self.split(pats, known, self.t.word) if len(pats) > 2 else None
        if not cut:
            for p in pats:
                test = self.test_of(p, known)
                if not test:
                    out.append(f'{pad}return {leaf(p)};')
                    return
                out += [f'{pad}if ({test}) {{', f'{pad}    return {leaf(p)};', f'{pad}}}']
            out.append(f'{pad}break;' if indent > 1 else f'{pad}return {none};')
            return
        lo, k = cut
        m = ((1 << k) - 1) << lo
        merged = {}
        for v in range(1 << k):
            sub = tuple(p for p in pats if not p.mask & m & (p.value ^ v << lo))
            if sub:
                merged.setdefault(sub, []).append(v)
        out.append(f'{pad}switch (insn >> {lo} & {(1 << k) - 1:#x}) {{')
        for sub, vs in merged.items():
            out += [f'{pad}case {v:#x}:' for v in vs]
            # Values merge only where none of their bits is tested further down.
            now = known | m if len(vs) == 1 else known
            self.tree(list(sub), now, indent + 1, out, leaf, none)
        out.append(f'{pad}}}')
        out.append(f'{pad}break;' if indent > 1 else f'{pad}return {none};')

    def extract(self, p, name, kind):
        e = p.member(name)
        c = e.c(p.fields, self.t.state)
        m = re.fullmatch(r's(\d+)', kind)
        if m and not isinstance(e.tree, ast.Constant):
            up = 32 - int(m[1])
            c = f'(int32_t)((uint32_t){c} << {up}) >> {up}' if up else f'(int32_t){c}'
        return c

    def begin(self):
        o = ['/* Generated by scripts/gen-decode.py. */', f'#include "{self.isa}-decode.h"', '']
        o += [f'#include "{i}"' for i in self.includes]
        if any(p.needs for p in self.t.patterns):
            o += ['', f'static inline bool {self.isa}_has(Trans *t, unsigned feature)', '{',
                  '    return !t || trans_has(t, feature);', '}']
        return o

    def decoder(self):
        o = self.begin()
        o += ['', f'{self.camel}Id {self.isa}_decode(Trans *t, uint32_t insn)', '{']
        if not any(p.needs for p in self.t.patterns) and not self.t.state:
            o.append('    (void)t;')
        self.tree(self.t.patterns, 0, 1, o, self.id_of, f'{self.big}_UNALLOCATED')
        return '\n'.join(o + ['}', ''])

    def translator(self):
        """The same tests once more: what follows is called where they end, without a second switch."""
        o = self.begin()
        for n, p in enumerate(self.t.patterns):
            o += ['', f'static bool {self.isa}_do_{n}(Trans *t, uint32_t insn)', '{',
                  f'    const {p.args.c_name} a = {{']
            o += [f'        .{n} = {self.extract(p, n, k)},' for n, k in p.args.members] \
                or ['        0,']
            o += ['    };', '', f'    return {p.trans}(t, &a);', '}']
        number = {id(p): n for n, p in enumerate(self.t.patterns)}
        o += ['', f'bool {self.isa}_decode_trans(Trans *t, uint32_t insn)', '{']
        self.tree(self.t.patterns, 0, 1, o,
                  lambda p: f'{self.isa}_do_{number[id(p)]}(t, insn)', 'false')
        return '\n'.join(o + ['}', ''])

    def table(self):
        o = ['/* Generated by scripts/gen-decode.py. */', f'#include "{self.isa}-decode.h"', '']
        o += [f'#include "{i}"' for i in self.includes]
        o.append('')
        rows = ['    { 0 },']
        for n, p in enumerate(self.t.patterns):
            row = [f'.name = "{p.name}"', f'.group = "{p.group}"', f'.line = {p.where[1]}',
                   f'.mask = {p.mask:#x}', f'.value = {p.value:#x}',
                   f'.should_mask = {p.should_mask:#x}', f'.should_value = {p.should_value:#x}']
            kinds = dict(p.args.members)
            if p.fields:
                o.append(f'static const InsnField fields_{n}[] = {{')
                o += [f'    {{ "{f.name}", "{kinds.get(f.name, "")}", {f.lo}, {f.width} }},'
                      for f in p.fields.values()]
                o.append('};')
                row += [f'.fields = fields_{n}', f'.n_fields = {len(p.fields)}']
            for key in ('when', 'avoid'):
                e = getattr(p, key)
                if e and not e.names - set(p.fields):
                    o += [f'static bool {key}_{n}(uint32_t insn)', '{',
                          f'    return {e.c(p.fields, {})};', '}']
                    row.append(f'.{key} = {key}_{n}')
            if p.needs:
                o.append(f'static const uint16_t needs_{n}[] = {{ {", ".join(self.feature + n.upper() for n in p.needs)} }};')
                row += [f'.needs = needs_{n}', f'.n_needs = {len(p.needs)}']
            if p.tests:
                tests = []
                for i, (insn, ins, outs, line) in enumerate(p.tests):
                    for tag, vals in (('in', ins), ('out', outs)):
                        o.append(f'static const InsnValue {tag}_{n}_{i}[] = {{')
                        o += [f'    {{ "{k}", {r}, {v:#x}u }},' for k, r, v in vals] or ['    { 0 },']
                        o.append('};')
                    tests.append(f'    {{ {insn:#x}, {line}, {len(ins)}, {len(outs)}, in_{n}_{i}, '
                                 f'out_{n}_{i} }},')
                o += [f'static const InsnTest tests_{n}[] = {{'] + tests + ['};']
                row += [f'.tests = tests_{n}', f'.n_tests = {len(p.tests)}']
            rows.append(f'    [{self.id_of(p)}] = {{ ' + ', '.join(row) + ' },')
        o += ['', f'const InsnPattern {self.isa}_patterns[{self.big}_ID_COUNT] = {{'] + rows + ['};', '']
        return '\n'.join(o)


def main(argv):
    ap = argparse.ArgumentParser(description='Generate a decoder from .insn tables.')
    ap.add_argument('--isa', required=True)
    ap.add_argument('--feature-prefix', default='FEAT_')
    ap.add_argument('--trans-prefix', default=Pattern.prefix)
    ap.add_argument('--include', action='append', default=[])
    ap.add_argument('--header')
    ap.add_argument('--decoder')
    ap.add_argument('--trans')
    ap.add_argument('--table')
    ap.add_argument('--base', help='header of another instruction set')
    ap.add_argument('--base-insn', action='append', default=[],
                    help='a table of it: its args lines are known')
    ap.add_argument('files', nargs='+')
    a = ap.parse_args(argv)
    Pattern.prefix = a.trans_prefix
    try:
        t = Table()
        for path in a.base_insn:
            t.read_args(path)
        for path in a.files:
            t.read(path)
        t.check()
        w = Writer(t, a.isa, a.include, a.feature_prefix, a.base)
        texts = [(a.header, w.header), (a.decoder, w.decoder), (a.trans, w.translator),
                 (a.table, w.table)]
        for path, make in texts:
            if path:
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(make())
    except TableError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
