#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips of exits under KVM, the time from start to quit, and memory: us and QEMU in turn on
the same machine, the median of the rounds, and the ratio ours/QEMU (below 1: we are faster).

usage: tests/bench/kvm.py TINAMOU BENCH_ROM EMPTY_ROM [--rounds N] [--ours]
  BENCH_ROM   build/tests/kvm/bench.rom: time-stamp ticks of 2000 port writes (port 80h), port
              reads (the clock's), MMIO reads (a virtio-mmio transport's) and doorbells (ioeventfd)
  EMPTY_ROM   build/tests/kvm/empty.rom: ends the machine with its second instruction
  --ours      do not run QEMU

Both run as firmware of microvm with 512 MiB. Resident memory is the process's highest."""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = ['port write', 'port read', 'MMIO read', 'doorbell']


def command(program, rom, ours, disk):
    first = [program, 'system', 'x86_64'] if ours else [program]
    return first + ['-M', 'microvm', '-accel', 'kvm', '-m', '512', '-nodefaults', '-display', 'none',
                    '-no-reboot', '-bios', rom, '-device', 'isa-debug-exit,iobase=0x501,iosize=2',
                    '-chardev', 'stdio,id=out', '-device', 'isa-debugcon,iobase=0xe9,chardev=out',
                    '-drive', 'if=none,id=d,format=raw,file=' + disk,
                    '-device', 'virtio-blk-device,drive=d']


def cpu_of(rusage):
    return rusage.ru_utime + rusage.ru_stime


def run(cmd):
    """What it printed, its CPU time and wall time in ms, its largest resident size in MiB."""
    begin = time.monotonic()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    text = p.stdout.read().decode(errors='replace')
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - begin
    p.returncode = status
    return text, cpu_of(usage) * 1e3, wall * 1e3, usage.ru_maxrss / 1024


def numbers(text):
    return [int(n, 16) for n in re.findall(r'\b[0-9a-f]{8}\b', text)]


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('tinamou')
    p.add_argument('bench_rom')
    p.add_argument('empty_rom')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--ours', action='store_true')
    a = p.parse_args()
    qemu = shutil.which('qemu-system-x86_64')
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: there is no /dev/kvm that this user may open')
        return 77
    sides = [('ours', a.tinamou)] + ([] if a.ours or not qemu else [('QEMU', qemu)])
    seen = {name: [] for name, _ in sides}
    start = {name: [] for name, _ in sides}
    with tempfile.TemporaryDirectory() as d:
        disk = os.path.join(d, 'disk')
        with open(disk, 'wb') as f:
            f.truncate(1 << 20)
        for _ in range(a.rounds):
            for name, program in sides:
                n = numbers(run(command(program, a.bench_rom, name == 'ours', disk))[0])
                if len(n) != len(ROWS):
                    sys.exit(f'{name}: the kernel told {n}')
                seen[name].append(n)
                start[name].append(run(command(program, a.empty_rom, name == 'ours', disk))[1:])
    print('| | ' + ' | '.join(name for name, _ in sides) + ' | ours/QEMU |')
    print('|---|' + '---:|' * (len(sides) + 1))
    for i, row in enumerate(ROWS):
        show(row + ', ticks', [[n[i] for n in seen[name]] for name, _ in sides])
    for i, row in enumerate(['start to quit, CPU ms', 'start to quit, wall ms', 'resident, MiB']):
        show(row, [[s[i] for s in start[name]] for name, _ in sides])
    return 0


def show(row, lists):
    v = [statistics.median(x) for x in lists]
    ratio = f'{v[0] / v[1]:.2f}' if len(v) > 1 and v[1] else ''
    print(f'| {row} | ' + ' | '.join(f'{x:.1f}' for x in v) + f' | {ratio} |')


sys.exit(main())
