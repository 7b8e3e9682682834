#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Host instructions per guest instruction, counted exactly, for each kernel on the bare machine.

codegen.py BUILD [--check] [--update] [--only NAME,...] [--cpu CPU]

Without options: the table. --check: fails when a kernel costs over 3 % more than
tests/bench/expected-ratio.txt says. --update: writes that file. The same run gives the same
numbers; what C code costs is not in them, so calls of C code per thousand guest instructions are a
column of their own, checked as well. Code is made for x86-64-v3, so that hosts compare.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXPECTED = os.path.join(HERE, 'expected-ratio.txt')
CC = 'aarch64-linux-gnu-gcc'
KERNELS = [ # name, rounds
    ('dhry', 40000), ('crc', 150), ('sort', 2), ('fib', 23),
    ('interp', 100000), ('list', 400000), ('regs', 300000), ('vm', 150000),
    ('strings', 400), ('sha256', 800), ('divide', 20000), ('bits', 100000),
    ('wide', 100000),
    ('copy', 2000), ('atomics', 60000), ('calls', 40000),
    ('matmul', 1), ('saxpy', 80), ('nbody', 20000), ('filter8', 300),
]
FLAGS = ['-O2', '-march=armv8-a', '-ffreestanding', '-nostdlib', '-static', '-fno-pic',
         '-fno-stack-protector', '-fno-math-errno', '-fno-tree-loop-distribute-patterns',
         '-Wl,--build-id=none', '-Wl,-z,noexecstack', '-Wl,--no-warn-rwx-segments']
LIMIT = 1.03
CALLS = ('calls', 'slow FP')


def compile_kernel(work, name, times):
    elf = os.path.join(work, name + '.elf')
    bare = os.path.join(ROOT, 'tests/diff/bare')
    subprocess.run([CC, *FLAGS, f'-DKERNEL={name}', f'-DTIMES={times}u', f'-I{ROOT}',
                    f'-Wl,-T,{bare}/bare.ld', '-o', elf, f'{bare}/start.S',
                    os.path.join(HERE, 'bare/main.c')], check=True)
    return elf


def run(tinamou, elf, cpu, accel):
    """The counters and the checksum of one run."""
    serial = elf[:-4] + '.out'
    args = [tinamou, 'system', 'aarch64', '-M', 'virt', '-cpu', cpu, '-m', '256', '-accel', accel,
            '-display', 'none', '-monitor', 'none', '-serial', 'file:' + serial, '-no-shutdown',
            '-S', '-qmp', 'stdio', '-kernel', elf]
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        def ask(command):
            child.stdin.write(json.dumps({'execute': command}) + '\n')
            child.stdin.flush()

        def wait(what):
            for line in child.stdout:
                message = json.loads(line)
                if what(message):
                    return message
            raise SystemExit(f'{elf}: the machine ended early')

        wait(lambda m: 'QMP' in m)
        ask('qmp_capabilities')
        ask('cont')
        # Powered off, it stands still, and nothing runs while it is asked.
        wait(lambda m: m.get('event') in ('SHUTDOWN', 'STOP'))
        ask('x-query-jit')
        answer = wait(lambda m: isinstance(m.get('return'), dict) and 'counters' in m['return'])
        ask('quit')
        child.communicate(timeout=20)
    with open(serial, encoding='utf-8') as f:
        checksum = f.read().strip()
    return {(c['group'], c['name']): c['value'] for c in answer['return']['counters']}, checksum


def measure(build, work, only, cpu, accel):
    tinamou = os.path.join(build, 'tinamou')
    base, _ = run(tinamou, compile_kernel(work, 'empty', 1), cpu, accel)
    rows = {}
    for name, times in KERNELS:
        if only and name not in only:
            continue
        c, checksum = run(tinamou, compile_kernel(work, name, times), cpu, accel)

        def cost(group, counter):
            return c.get((group, counter), 0) - base.get((group, counter), 0)

        guest = cost('executed', 'guest instructions')
        calls = sum(v for (g, _), v in c.items() if g in CALLS)
        calls -= sum(v for (g, _), v in base.items() if g in CALLS)
        rows[name] = {
            'guest': guest,
            'ratio': cost('executed', 'host instructions') / guest,
            'calls': 1000 * calls / guest,
            'bytes': cost('translation', 'host bytes') / cost('translation', 'guest instructions'),
            'checksum': checksum,
        }
    return rows


def show(rows):
    print(f'{"kernel":10} {"guest M":>8} {"host/guest":>10} {"C calls/1000":>12} '
          f'{"bytes/insn":>10}  checksum')
    for name, r in rows.items():
        print(f'{name:10} {r["guest"] / 1e6:8.2f} {r["ratio"]:10.3f} {r["calls"]:12.2f} '
              f'{r["bytes"]:10.1f}  {r["checksum"]}')


def read_expected():
    expected = {}
    with open(EXPECTED, encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, ratio, calls = line.split()
                expected[name] = float(ratio), float(calls)
    return expected


def update(rows):
    with open(EXPECTED, 'w', encoding='utf-8') as f:
        f.write('# Kernel, host instructions per guest instruction, calls of C code per 1000 guest\n'
                '# instructions. Written by tests/bench/codegen.py BUILD --update.\n')
        for name, r in rows.items():
            f.write(f'{name} {r["ratio"]:.3f} {r["calls"]:.2f}\n')


def check(rows):
    expected, bad, better = read_expected(), 0, 0
    for name, r in rows.items():
        if name not in expected:
            print(f'{name}: not in {os.path.basename(EXPECTED)}; run with --update')
            bad += 1
            continue
        ratio, calls = expected[name]
        # The last digit written counts for something where there are few calls.
        if r['ratio'] > ratio * LIMIT or r['calls'] > calls * LIMIT + 0.1:
            print(f'{name}: {r["ratio"]:.3f} host instructions per guest instruction and '
                  f'{r["calls"]:.2f} calls in 1000; expected {ratio:.3f} and {calls:.2f}')
            bad += 1
        elif r['ratio'] * LIMIT < ratio or r['calls'] * LIMIT + 0.1 < calls:
            better += 1
    if better:
        print(f'{better} kernels became better: run tests/bench/codegen.py BUILD --update')
    return bad


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build')
    p.add_argument('--check', action='store_true')
    p.add_argument('--update', action='store_true')
    p.add_argument('--only', default='')
    p.add_argument('--cpu', default='neoverse-n1')
    p.add_argument('--accel', default='tcg,count=on,host-cpu=v3')
    a = p.parse_args()
    work = os.path.join(a.build, 'bench', 'bare')
    os.makedirs(work, exist_ok=True)
    rows = measure(a.build, work, [x for x in a.only.split(',') if x], a.cpu, a.accel)
    show(rows)
    if a.update:
        update(rows)
    if a.check and check(rows):
        sys.exit(1)


if __name__ == '__main__':
    main()
