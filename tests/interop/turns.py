#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images that `tinamou io`, `tinamou img` and QEMU's tools write in turn, for every format and every
option of qcow2, against a plain copy: turns.py BUILD [--seed N] [--combinations N] [PATTERN].

After each turn both tools read the same as the copy, byte by byte, and qemu-img check is clean.
"""
import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

KEY = ['--object', 'secret,id=s0,data=abc']
OTHERS = [
    ('raw', ''), ('luks', 'key-secret=s0,iter-time=10'),
    ('luks', 'key-secret=s0,iter-time=10,cipher-alg=serpent-256,cipher-mode=cbc,ivgen-alg=essiv'),
    ('vmdk', ''), ('vmdk', 'subformat=monolithicFlat'), ('vmdk', 'subformat=twoGbMaxExtentSparse'),
    ('vmdk', 'subformat=twoGbMaxExtentFlat'), ('vmdk', 'zeroed_grain=on'),
    ('vdi', ''), ('vdi', 'static=on'), ('vhdx', ''), ('vhdx', 'subformat=fixed'),
    ('vhdx', 'block_size=1M,block_state_zero=off'), ('vpc', ''), ('vpc', 'subformat=fixed'),
    ('vpc', 'force_size=on'), ('parallels', ''),
]
DIMENSIONS = (
    ('compat', ('0.10', '1.1')),
    ('cluster_size', (512, 4096, 16384, 65536, 1 << 20, 2 << 20)),
    ('refcount_bits', (1, 2, 4, 8, 16, 32, 64)),
    ('extended_l2', ('off', 'on')),
    ('data_file', (None, 'd.raw', 'd.raw,data_file_raw=on')),
    ('compression_type', ('zlib', 'zstd')),
    ('encrypt.format', (None, 'luks,encrypt.key-secret=s0,encrypt.iter-time=10')),
    ('lazy_refcounts', ('off', 'on')),
    ('preallocation', ('off', 'metadata', 'falloc', 'full')),
)


class Failed(Exception):
    pass


def fits(o):
    """What qcow2 allows together."""
    if o['compat'] == '0.10' and (o['refcount_bits'] != 16 or o['extended_l2'] == 'on' or
                                  o['data_file'] or o['compression_type'] != 'zlib' or
                                  o['lazy_refcounts'] == 'on'):
        return False
    if o['extended_l2'] == 'on' and o['cluster_size'] < 16384:
        return False
    if o['data_file'] and (o['encrypt.format'] or o['compression_type'] != 'zlib'):
        return False
    return not (o['cluster_size'] == 512 and o['encrypt.format'])


def combinations(rand, count):
    """Each value of each option in some of them, then whatever chance brings."""
    names = [n for n, _ in DIMENSIONS]
    every = [dict(zip(names, v)) for v in itertools.product(*(v for _, v in DIMENSIONS))]
    every = [o for o in every if fits(o)]
    picked = []
    for name, values in DIMENSIONS:
        picked += [rand.choice([o for o in every if o[name] == v]) for v in values]
    rand.shuffle(picked)
    picked = (picked + [rand.choice(every) for _ in range(count)])[:count]
    return [','.join(f'{k}={v}' for k, v in o.items() if v is not None) for o in picked]


# qemu-img's own clock of iterations gives up now and then on a busy machine.
NO_CLOCK = 'Unable to get accurate CPU usage'


def run(*args):
    for _ in range(5):
        p = subprocess.run(args, capture_output=True, text=True, errors='replace', timeout=120)
        if NO_CLOCK not in p.stderr:
            break
    if p.returncode or 'failed' in p.stdout:
        raise Failed(f'{" ".join(args)}: exit {p.returncode}\n{p.stdout}{p.stderr}')
    return p.stdout


class Image:
    def __init__(self, tools, fmt, options, seed):
        self.tools, self.fmt, self.options = tools, fmt, options
        self.rand = random.Random(f'{fmt}{options}{seed}')
        self.who = self.rand.randrange(2)
        self.secret = 'key-secret=s0' in options
        self.snapshots = {}
        self.size = 5 << 20 if fmt != 'raw' else (5 << 20) + 700
        self.cluster = 65536
        for o in options.split(','):
            if o.startswith('cluster_size='):
                self.cluster = int(o[13:])
        self.plain = 'encrypt' not in options and 'data_file' not in options
        self.where = f'driver={fmt},file.filename=i.img'
        if self.secret:
            self.where += ',' + ('encrypt.' if fmt == 'qcow2' else '') + 'key-secret=s0'
        create = ('create', *KEY, '-q', '-f', fmt, *(['-o', options] if options else []), 'i.img',
                  str(self.size))
        try:
            self.img(*create, image=False)
        except Failed as e:
            if NO_CLOCK not in str(e):
                raise
            self.who ^= 1  # the other one makes it
            self.img(*create, image=False)
        out = self.img('info', '--output=json') if fmt == 'vpc' else ''
        self.size = json.loads(out)['virtual-size'] if out else self.size
        self.model = bytearray(self.size)
        # Encrypted room that was never written is noise.
        if fmt == 'luks' or ('encrypt' in options and 'preallocation=off' not in options):
            self.io([f'write -P 7 0 {self.size}'])
            self.model[:] = b'\7' * self.size

    def img(self, *args, image=True):
        more = [*KEY, '--image-opts'] if image else []
        words = [args[0], *more, *args[1:], *([self.where] if image else [])]
        return run(self.tools[self.who][0], *words)

    def io(self, commands):
        words = [w for c in commands for w in ('-c', c)]
        return run(self.tools[self.who][1], *KEY, '--image-opts', *words, self.where)

    def request(self):
        """A command, and the same on the model."""
        r = self.rand
        kinds = ['bytes', 'sectors', 'zero', 'unmap', 'aio']
        if self.fmt == 'qcow2' and self.plain:
            kinds += ['discard']
            if self.who:  # QEMU packs no cluster twice
                kinds += ['packed']
        kind = r.choice(kinds)
        at, n = r.randrange(self.size), r.randint(1, 300000)
        if kind in ('discard', 'packed'):
            at, n = at // self.cluster * self.cluster, self.cluster * r.randint(1, 3)
            if kind == 'packed':
                n = self.cluster
        elif kind != 'bytes' and self.size >= 512:
            at, n = at // 512 * 512, (n + 511) // 512 * 512
        n = min(n, self.size - at)
        value = 0
        if kind == 'discard' and n % self.cluster:
            return None  # its end may or may not be discarded
        if kind in ('bytes', 'sectors', 'aio', 'packed'):
            value = r.randint(1, 255)
        self.model[at:at + n] = bytes([value]) * n
        return {'bytes': f'write -q -P {value} {at} {n}', 'sectors': f'write -q -P {value} {at} {n}',
                'aio': f'aio_write -q -P {value} {at} {n}\0aio_flush',
                'zero': f'write -q -z {at} {n}', 'unmap': f'write -q -z -u {at} {n}',
                'packed': f'write -q -c -P {value} {at} {n}',
                'discard': f'discard -q {at} {n}'}[kind]

    def whole(self):
        """Snapshots and sizes."""
        r = self.rand
        if self.fmt == 'qcow2' and 'data_file' not in self.options and r.random() < 0.5 and \
                not any(f'refcount_bits={n},' in self.options for n in (1, 2)):
            name = r.choice('abc')
            if name not in self.snapshots:
                self.img('snapshot', '-c', name)
                self.snapshots[name] = bytes(self.model)
            elif r.random() < 0.5 and len(self.snapshots[name]) == self.size:
                self.img('snapshot', '-a', name)
                self.model = bytearray(self.snapshots[name])
            else:
                self.img('snapshot', '-d', name)
                del self.snapshots[name]
        elif self.fmt in ('raw', 'qcow2') and r.random() < 0.3 and not self.snapshots:
            self.size += 512 * r.randint(1, 2000)
            if self.fmt == 'raw':
                self.size = (self.size + 511) // 512 * 512
            run(self.tools[self.who][0], 'resize', *KEY, '-q', '--image-opts', self.where,
                str(self.size))
            self.model += bytes(self.size - len(self.model))

    def check(self):
        with open('m.raw', 'wb') as f:
            f.write(self.model)
        for tool in self.tools:
            run(tool[0], 'compare', *KEY, '--image-opts', self.where, 'driver=raw,file.filename=m.raw')
        if self.fmt not in ('raw', 'luks', 'vpc'):
            run(self.tools[0][0], 'check', *KEY, '--image-opts', self.where)

    def turn(self):
        self.who ^= 1
        commands = []
        for _ in range(12):
            c = self.request()
            commands += c.split('\0') if c else []
        self.io(commands)
        self.check()
        self.whole()
        self.check()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build')
    p.add_argument('pattern', nargs='?', default='')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--combinations', type=int, default=30)
    p.add_argument('--turns', type=int, default=4)
    a = p.parse_args()
    theirs = shutil.which('qemu-img'), shutil.which('qemu-io')
    if not all(theirs):
        print('SKIP: no qemu-img and qemu-io here to write in turn with')
        return 77
    compat = os.path.join(os.path.abspath(a.build), 'compat')
    tools = theirs, (os.path.join(compat, 'qemu-img'), os.path.join(compat, 'qemu-io'))
    cases = OTHERS + [('qcow2', o) for o in combinations(random.Random(a.seed), a.combinations)]
    bad = 0
    for fmt, options in cases:
        if a.pattern not in f'{fmt} {options}':
            continue
        with tempfile.TemporaryDirectory(prefix='turns-', dir='/var/tmp') as work:
            os.chdir(work)
            try:
                image = Image(tools, fmt, options, a.seed)
                for _ in range(a.turns):
                    image.turn()
                print(f'ok      {fmt} {options}')
            except (Failed, subprocess.TimeoutExpired) as e:
                bad += 1
                print(f'FAILED  {fmt} {options}: {e}'[:2000])
            os.chdir('/')
    print(f'{bad} failed')
    return 1 if bad else 0


sys.exit(main())
