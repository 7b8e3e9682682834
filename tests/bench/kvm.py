#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Round trips of exits under KVM, the time to the guest's first instruction and from start to
quit, and memory: us and QEMU in turn on the same machine, the median of the rounds (and the best of
times), and the ratio ours/QEMU (below 1: we are faster).

usage: tests/bench/kvm.py TINAMOU ROMS [--rounds N] [--ours] [--cpu MODEL]
  ROMS    build/tests/kvm, with
          bench.rom  time-stamp ticks of port writes (port 80h), port reads (the clock's), MMIO
                     reads and writes (a virtio-mmio transport's) and doorbells (ioeventfd), each the
                     best of 60 lots of 100
          first.rom  writes to port E9h with its first instructions, and waits
          empty.rom  ends the machine
  --ours  do not run QEMU
  --cpu   -cpu of both (without: each one's default)

All run as firmware of microvm with 512 MiB. The first instruction's time is that from the process's
start until a byte from the guest is read here; its CPU time is that of all threads then.
"Beside the guest" is RssAnon and RssFile then, less what the guest's RAM holds of them."""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RAM_MIB = 512
EXITS = 100
ROWS = ['port write', 'port read', 'MMIO read', 'MMIO write', 'doorbell']


def command(program, rom, ours, disk, cpu):
    first = [program, 'system', 'x86_64'] if ours else [program]
    return first + ['-M', 'microvm', '-accel', 'kvm', '-m', str(RAM_MIB), '-nodefaults', '-display',
                    'none', '-no-reboot', '-bios', rom,
                    '-device', 'isa-debug-exit,iobase=0x501,iosize=2',
                    '-chardev', 'stdio,id=out', '-device', 'isa-debugcon,iobase=0xe9,chardev=out',
                    '-drive', 'if=none,id=d,format=raw,file=' + disk,
                    '-device', 'virtio-blk-device,drive=d'] + (['-cpu', cpu] if cpu else [])


def run(cmd):
    """What it printed, its CPU time and wall time in ms, its largest resident size in MiB."""
    begin = time.monotonic()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    text = p.stdout.read().decode(errors='replace')
    _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - begin
    p.returncode = status
    return text, (usage.ru_utime + usage.ru_stime) * 1e3, wall * 1e3, usage.ru_maxrss / 1024


def resident(pid):
    """RssAnon + RssFile of a process less its guest's RAM, in MiB."""
    with open(f'/proc/{pid}/status') as f:
        kib = sum(int(n) for n in re.findall(r'Rss(?:Anon|File):\s+(\d+)', f.read()))
    with open(f'/proc/{pid}/smaps') as f:
        for begin, end, rest in re.findall(r'^([0-9a-f]+)-([0-9a-f]+) (.*(?:\n[A-Z].*)*)', f.read(),
                                           re.M):
            if int(end, 16) - int(begin, 16) == RAM_MIB << 20:
                kib -= int(re.search(r'Rss:\s+(\d+)', rest)[1])
    return kib / 1024


def first(cmd):
    """Wall time and CPU time in ms at the guest's first instruction, and what is resident then."""
    begin = time.monotonic()
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    if p.stdout.read(1) != b'!':
        sys.exit(f'{cmd[0]}: its guest did not run')
    wall = time.monotonic() - begin
    cpu = 0
    for task in os.listdir(f'/proc/{p.pid}/task'):
        with open(f'/proc/{p.pid}/task/{task}/schedstat') as f:
            cpu += int(f.read().split()[0])
    mib = resident(p.pid)
    p.kill()
    p.wait()
    return wall * 1e3, cpu / 1e6, mib


def numbers(text):
    return [int(n, 16) / EXITS for n in re.findall(r'\b[0-9a-f]{8}\b', text)]


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('tinamou')
    p.add_argument('roms')
    p.add_argument('--rounds', type=int, default=9)
    p.add_argument('--ours', action='store_true')
    p.add_argument('--cpu')
    a = p.parse_args()
    qemu = shutil.which('qemu-system-x86_64')
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: there is no /dev/kvm that this user may open')
        return 77
    sides = [('ours', a.tinamou)] + ([] if a.ours or not qemu else [('QEMU', qemu)])
    seen = {name: [] for name, _ in sides}
    with tempfile.TemporaryDirectory() as d:
        disk = os.path.join(d, 'disk')
        with open(disk, 'wb') as f:
            f.truncate(1 << 20)
        for _ in range(a.rounds):
            for name, program in sides:
                def of(rom, run_it):
                    return run_it(command(program, os.path.join(a.roms, rom + '.rom'),
                                          name == 'ours', disk, a.cpu))
                ticks = numbers(of('bench', run)[0])
                if len(ticks) != len(ROWS):
                    sys.exit(f'{name}: the kernel told {ticks}')
                seen[name].append(ticks + list(of('first', first)) + list(of('empty', run)[1:]))
    print('| | ' + ' | '.join(name for name, _ in sides) + ' | ours/QEMU | best |')
    print('|---|' + '---:|' * (len(sides) + 2))
    rows = [r + ', ticks' for r in ROWS] + [
        'first instruction, wall ms', 'first instruction, CPU ms', 'then resident beside the guest, MiB',
        'start to quit, CPU ms', 'start to quit, wall ms', 'resident at most, MiB']
    for i, row in enumerate(rows):
        show(row, [[s[i] for s in seen[name]] for name, _ in sides])
    return 0


def show(row, lists):
    v = [statistics.median(x) for x in lists]
    ratio = f'{v[0] / v[1]:.2f}' if len(v) > 1 and v[1] else ''
    best = ' / '.join(f'{min(x):.1f}' for x in lists)
    print(f'| {row} | ' + ' | '.join(f'{x:.1f}' for x in v) + f' | {ratio} | {best} |')


sys.exit(main())
