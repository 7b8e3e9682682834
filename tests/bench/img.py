#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tinamou img` and qemu-img in turn on the same files: seconds of each, and how much faster ours is.

usage: img.py BUILD [ROUNDS [FOLDER [ROWS]]]     the medians of ROUNDS (3) are told; FOLDER: where the
files are made (a file system with some gigabytes free), and kept if it has a file "keep"; ROWS: a
regular expression, which of them. Who comes first alternates, and nothing of the files is left to be
written out when a measurement begins. Columns: seconds, the ratio of the seconds and that of the
smallest ones (which other work on the host disturbs less), processor seconds.
"""
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

THEIRS = shutil.which('qemu-img')
if not THEIRS:
    print('SKIP: no qemu-img here to compare with')
    sys.exit(77)
OURS = os.path.join(os.path.abspath(sys.argv[1]), 'compat', 'qemu-img')
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
FOLDER = sys.argv[3] if len(sys.argv) > 3 else None
KEEP = bool(FOLDER) and os.path.exists(os.path.join(FOLDER, 'keep'))
WORK = FOLDER if KEEP else tempfile.mkdtemp(prefix='img-bench-', dir=FOLDER)
ROWS = sys.argv[4] if len(sys.argv) > 4 else ''
MIB = 1 << 20


def path(name):
    return os.path.join(WORK, name)


def make_data(name, mib, sparse):
    """Data that hardly compresses, as most of a disk's; with holes for the sparse one."""
    rng = random.Random(4)
    words = [rng.randbytes(rng.randrange(3, 12)) for _ in range(4000)]
    with open(path(name), 'wb') as f:
        for i in range(mib):
            if sparse and i % 8:
                f.seek(MIB, 1)
                continue
            block = b''.join(rng.choice(words) for _ in range(30000))[:MIB // 8]
            f.write((block * 9)[:MIB] if not i % 3 else rng.randbytes(MIB // 2) + block * 4)
        f.truncate(mib * MIB)


def make_text(name, mib):
    """Words of twelve letters' alphabet: compresses to a half."""
    rng = random.Random(7)
    words = [bytes(rng.choices(b'etaoinshrdlu', k=rng.randrange(2, 9))) for _ in range(3000)]
    with open(path(name), 'wb') as f:
        for _ in range(mib):
            f.write(b' '.join(rng.choices(words, k=MIB // 16)).ljust(MIB // 4)[:MIB // 4] * 4)


def timed(tool, args):
    for a in args:
        if a.startswith(path('out')):
            try:
                os.unlink(a)
            except FileNotFoundError:
                pass
    for a in args:
        if os.path.exists(a):
            with open(a) as f:
                os.fsync(f.fileno())
    begin, cpu = time.monotonic(), os.times()
    p = subprocess.run([tool, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    end = os.times()
    if p.returncode:
        return None, None, p.stderr.strip().split('\n')[0]
    return (time.monotonic() - begin, end.children_user + end.children_system -
            cpu.children_user - cpu.children_system, '')


def row(name, args):
    if not re.search(ROWS, name):
        return
    wall, cpu = ({OURS: [], THEIRS: []} for _ in range(2))
    for i in range(ROUNDS):
        for tool in (THEIRS, OURS) if i % 2 else (OURS, THEIRS):
            took, used, why = timed(tool, args)
            if took is None:
                print(f'{name:42} {"ours" if tool == OURS else "qemu-img"} fails: {why}')
                return
            wall[tool].append(took)
            cpu[tool].append(used)
    theirs, ours = statistics.median(wall[THEIRS]), statistics.median(wall[OURS])
    best = min(wall[THEIRS]) / min(wall[OURS])
    print(f'{name:42} {theirs:8.3f} {ours:8.3f} {theirs / ours:7.2f}x {best:7.2f}x '
          f'{statistics.median(cpu[THEIRS]):8.2f} {statistics.median(cpu[OURS]):8.2f}', flush=True)


def make_files(mib):
    make_data('full.raw', mib, False)
    make_data('sparse.raw', 8 * mib, True)
    make_text('text.raw', mib)
    for source, target, more in (('full.raw', 'full.qcow2', ()), ('sparse.raw', 'sparse.qcow2', ()),
                                 ('full.raw', 'zlib.qcow2', ('-c',)),
                                 ('text.raw', 'text.qcow2', ('-c',))):
        subprocess.run([THEIRS, 'convert', *more, '-O', 'qcow2', path(source), path(target)],
                       check=True)
    for name in ('raw', 'qcow2'):  # what is written to has none of the data afterwards
        shutil.copy(path('full.' + name), path('written.' + name))
    subprocess.run([THEIRS, 'create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata',
                    path('large.qcow2'), '100G'], check=True)


def main():
    mib = int(os.environ.get('MIB', '512'))
    if not os.path.exists(path('large.qcow2')):
        make_files(mib)
    print(f'{"":42} {"qemu-img":>8} {"ours":>8} {"ratio":>8} {"least":>8} {"cpu q":>8} {"cpu o":>8}')
    qcow2, raw = ['-O', 'qcow2'], ['-O', 'raw']
    row('convert raw qcow2', ['convert', '-f', 'raw', *qcow2, path('full.raw'), path('out')])
    row('convert raw qcow2 -W', ['convert', '-W', '-f', 'raw', *qcow2, path('full.raw'), path('out')])
    row('convert qcow2 raw', ['convert', '-f', 'qcow2', *raw, path('full.qcow2'), path('out')])
    row('convert raw raw', ['convert', '-f', 'raw', *raw, path('full.raw'), path('out')])
    row('convert sparse raw qcow2', ['convert', '-f', 'raw', *qcow2, path('sparse.raw'), path('out')])
    row('convert sparse qcow2 raw', ['convert', '-f', 'qcow2', *raw, path('sparse.qcow2'), path('out')])
    row('convert -c zlib', ['convert', '-c', '-f', 'raw', *qcow2, path('full.raw'), path('out')])
    row('convert -c zstd', ['convert', '-c', '-o', 'compression_type=zstd', '-f', 'raw', *qcow2,
                            path('full.raw'), path('out')])
    row('convert compressed qcow2 raw', ['convert', '-f', 'qcow2', *raw, path('zlib.qcow2'), path('out')])
    row('convert compressed text raw', ['convert', '-f', 'qcow2', *raw, path('text.qcow2'), path('out')])
    row('create 1T', ['create', '-q', '-f', 'qcow2', path('out'), '1T'])
    row('create 100G metadata', ['create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata',
                                 path('out'), '100G'])
    row('check 100G, all clusters', ['check', '-f', 'qcow2', path('large.qcow2')])
    row('compare qcow2 raw', ['compare', path('full.qcow2'), path('full.raw')])
    row('map', ['map', '--output=json', path('sparse.qcow2')])
    for name in ('raw', 'qcow2'):
        image = ['-f', name, path('full.' + name)]
        row(f'bench read 4K, {name}', ['bench', '-c', '200000', '-d', '32', '-S', '3170304', *image])
        row(f'bench read 1M, {name}', ['bench', '-c', '4000', '-d', '8', '-s', '1M', *image])
        image = ['-f', name, path('written.' + name)]
        row(f'bench write 4K, {name}', ['bench', '-w', '-t', 'unsafe', '-c', '200000', '-d', '32', '-S',
                                        '3170304', *image])
        row(f'bench write 1M, {name}', ['bench', '-w', '-t', 'unsafe', '-c', '2000', '-d', '8', '-s',
                                        '1M', *image])
    if not KEEP:
        shutil.rmtree(WORK)


main()
