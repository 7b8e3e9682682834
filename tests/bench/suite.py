#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs in a Debian guest (AArch64, or of --guest), us and QEMU in turn: suite.py BUILD [options].

Each program runs in the same guest under both; its cost is the CPU time of the emulator's process
between two marks on the console (wall time for those with two vCPUs). Prints medians, the ratio
QEMU/ours (above 1: we are faster) and geometric means. Output of the programs must be equal.
"""
import argparse
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INTEGER = ('lua vm gzip bzip2 xz zstd 7z sha256 md5 sort chase queens string awk grep sqlite python '
           'perl cc1 openssl scatter').split()
FLOAT = ('fp-nbody fp-linpack fp-fft fp-matmul32 fp-matmul64 fp-mandelbrot fp-libm fp-saxpy '
         'fp-audio fp-memcpy aes sha simd-blur8 simd-gain16 simd-fir16 simd-sad8 simd-dot8 simd-rgb '
         'simd-strlen simd-auto simd-aes simd-sha256 simd-sha1 simd-pmull simd-crc32c').split()
SYSTEM = ('sys-syscall sys-fork sys-exec sys-pipe sys-fault sys-mmap sys-signal sys-file sys-smc '
          'sys-jit luajit sys-mmio shell').split()
MOST = 160  # characters of rows in one boot: Linux cuts a command line of MIPS after 255
PAUSE = 0.08  # guest/run sleeps so long behind the mark
TWO = 'sys-turns2 sys-locks2 sys-work2 sys-pipe2'.split()
QUICK = 'lua gzip sort chase python cc1 fp-nbody fp-matmul32 aes sys-syscall sys-exec sys-pipe sys-fault'.split()
# What depends on the guest: Debian's kernel and architecture, machine, CPU models (those for the
# boot alone), how its disk is given, which programs it has not.
GUESTS = {
    'aarch64': {
        'package': ['linux-image-cloud-arm64', 'arm64'],
        'machine': ['-M', 'virt', '-m', '1024'], 'console': 'ttyAMA0 iomem=relaxed',
        'cpus': ['neoverse-n1', 'max,pauth-impdef=on,sve=off'], 'boot': ['max', 'cortex-a57'],
        'disk': ['-drive', 'file={},if=none,id=d,format=raw,readonly=on',
                 '-device', 'virtio-blk-device,drive=d'],
        'without': [],
    },
    'mipsel': {
        'package': ['linux-image-4kc-malta', 'mipsel'],
        'machine': ['-M', 'malta', '-m', '1024'], 'console': 'ttyS0',
        'cpus': ['24Kf'], 'boot': [],
        'disk': ['-drive', 'file={},if=ide,format=raw,snapshot=on'],
        'without': ['simd-', 'sys-smc', 'sys-jit', 'sys-mmio', 'luajit'],
    },
    'mips64el': {
        'package': ['linux-image-5kc-malta', 'mips64el'],
        'machine': ['-M', 'malta', '-m', '1024'], 'console': 'ttyS0',
        'cpus': ['5KEf'], 'boot': [],
        'disk': ['-drive', 'file={},if=ide,format=raw,snapshot=on'],
        'without': ['simd-', 'sys-smc', 'sys-jit', 'sys-mmio', 'luajit'],
    },
}
INIT = '''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "@BOOT"
/bin/busybox --install -s
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_mmio virtio_blk scsi_common scsi_mod sd_mod ata_piix; do
    [ -f /lib/modules/$m.ko ] && insmod /lib/modules/$m.ko 2>/dev/null
done
mkdir -p /mnt
if [ -b /dev/vda ]; then
    mount -t ext4 -o ro,noload /dev/vda /mnt || echo "@FAIL mount"
else
    n=0
    while [ ! -b /dev/sda ] && [ $n -lt 100 ]; do usleep 100000; n=$((n + 1)); done
    mount -t tmpfs -o size=90% tmpfs /mnt && tar xf /dev/sda -C /mnt || echo "@FAIL unpack"
    mkdir -p /mnt/tmp
fi
mount -t tmpfs tmpfs /mnt/tmp
mount -t proc proc /mnt/proc
mount --bind /dev /mnt/dev
chroot /mnt /bench/run $(sed 's/.*bench=//; s/ .*//; s/,/ /g' /proc/cmdline)
poweroff -f
'''


def folder(args):
    return os.path.join(args.build, 'bench' + ('' if args.guest == 'aarch64' else '-' + args.guest))


def prepare(build, name):
    suffix = '' if name == 'aarch64' else '-' + name
    guest, work = (os.path.join(build, d + suffix) for d in ('guest', 'bench'))
    package, arch = GUESTS[name]['package']
    for args in ([os.path.join(ROOT, 'scripts/fetch-guest.sh'), guest, package, arch],
                 [os.path.join(HERE, 'fetch-userland.sh'), work, arch]):
        status = subprocess.run(args, check=False).returncode
        if status:
            sys.exit(status)
    fs = os.path.join(work, 'suite-fs')
    os.makedirs(fs, exist_ok=True)
    with open(os.path.join(fs, 'suite'), 'w', encoding='utf-8') as f:
        f.write(INIT)
    os.chmod(os.path.join(fs, 'suite'), 0o755)
    initrd = os.path.join(work, 'suite.gz')
    subprocess.run(f'(cat {guest}/initrd.gz; cd {fs}; echo suite | cpio -o -H newc --quiet -R 0:0 | '
                   f'gzip -1) > {initrd}', shell=True, check=True)
    return os.path.join(guest, 'Image'), initrd, os.path.join(work, 'user.img')


class Clock:
    """CPU and wall time of a child."""

    def __init__(self, pid):
        # The kernel's id of a process's CPU-time clock, as clock_getcpuclockid makes it.
        self.clock = (~pid << 3) | 2

    def now(self):
        return time.clock_gettime(self.clock), time.monotonic()


class Jit:
    """The counters of x-query-jit, by a QMP socket."""

    def __init__(self, path):
        self.path, self.file = path, None

    def read(self):
        if not self.file:
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path)
            self.file = s.makefile('rw')
            self.ask('qmp_capabilities')
        return {(c['group'], c['name']): c['value'] for c in self.ask('x-query-jit')['counters']}

    def ask(self, what):
        self.file.write(json.dumps({'execute': what}) + '\n')
        self.file.flush()
        for line in self.file:
            message = json.loads(line)
            if 'return' in message:
                return message['return']
        raise SystemExit('the QMP connection ended')


def run(command, limit, jit=None):
    """{row: (cpu, wall, checksum)} of one boot, with @jit also {row: counters}; and the log."""
    rows, sums, log, begin, counted, before = {}, {}, [], None, {}, {}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as child:
        clock = Clock(child.pid)
        start = clock.now()
        killer = subprocess.Popen(['sh', '-c', f'sleep {limit}; kill {child.pid}'])
        try:
            for raw in child.stdout:
                now = clock.now()
                line = raw.decode('utf-8', 'replace').strip()
                log.append(line)
                word = line.split()
                if line.startswith('@BOOT'):
                    rows['boot'] = now[0], now[1] - start[1]
                elif line.startswith('@B ') and len(word) == 2:
                    before = jit.read() if jit else {}
                    begin = clock.now()
                elif line.startswith('@E ') and len(word) == 3 and begin:
                    rows[word[1]] = now[0] - begin[0], now[1] - begin[1] - PAUSE
                    if word[2] != '0':
                        sums[word[1]] = 'status ' + word[2]
                    begin = None
                    after = jit.read() if jit else {}
                    counted[word[1]] = {k: v - before.get(k, 0) for k, v in after.items()}
                elif line.startswith('@S ') and len(word) >= 3:
                    sums.setdefault(word[1], word[2])
        finally:
            killer.kill()
            killer.wait()
    return {k: (*v, sums.get(k, '')) for k, v in rows.items()}, counted, log


def command(emulator, args, cpu, smp, rows):
    kernel, initrd, disk = args.files
    guest = GUESTS[args.guest]
    return [*emulator, *guest['machine'], '-cpu', cpu, '-smp', str(smp), '-nographic',
            '-kernel', kernel, '-initrd', initrd, '-no-reboot', '-append',
            f'console={guest["console"]} quiet rdinit=/suite panic=-1 bench={",".join(rows) or "none"} ',
            *(a.format(disk) for a in guest['disk'])]


def boots(rows):
    """@rows as lists short enough for a command line each."""
    lists = [[]]
    for row in rows:
        if len(','.join([*lists[-1], row])) > MOST:
            lists.append([])
        lists[-1].append(row)
    return [r for r in lists if r]


def measure(emulators, args, jobs):
    """{(cpu, row): {emulator: [samples]}}"""
    found = {}
    for n in range(args.rounds):
        for cpu, smp, rows in jobs:
            for name, emulator in emulators.items():
                got, _, log = run(command(emulator, args, cpu, smp, rows), args.limit)
                path = os.path.join(folder(args), f'suite-{name}.log')
                with open(path, 'a', encoding='utf-8') as f:
                    f.write('\n'.join(log) + '\n')
                for row, sample in got.items():
                    if row != 'boot' or smp == 1:
                        found.setdefault((cpu, row), {}).setdefault(name, []).append(sample)
                missing = [r for r in rows if r not in got]
                if missing:
                    print(f'{name}, {cpu}: did not finish {" ".join(missing)}', file=sys.stderr)
        print(f'round {n + 1} of {args.rounds} done', file=sys.stderr)
    return found


def per(c, what, unit, n):
    return n * c.get(what, 0) / max(unit, 1)


def counts(args, jobs):
    """What each program makes the translator do, counted."""
    tinamou = os.path.join(args.build, 'tinamou')
    path = os.path.join(folder(args), 'suite.qmp')
    everything = {}
    print('| | guest M | host/guest | C calls | TLB misses | entries | blocks | translation % | '
          'C code % |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|')
    for cpu, smp, rows in jobs:
        emulator = [tinamou, 'system', args.guest, '-accel', 'tcg,count=on', '-qmp',
                    f'unix:{path},server=on,wait=off']
        _, counted, _ = run(command(emulator, args, cpu, smp, rows), args.limit * 2, Jit(path))
        for row, c in counted.items():
            n = c['executed', 'guest instructions']
            cycles = sum(v for (g, k), v in c.items() if g == 'cycles' and k != 'C code of these')
            made = sum(c['cycles', k] for k in ('decode and build', 'emit', 'keep'))
            calls = sum(v for (g, _), v in c.items() if g in ('calls', 'slow FP'))
            print(f'| {row} | {n / 1e6:.1f} | {per(c, ("executed", "host instructions"), n, 1):.2f} | '
                  f'{1000 * calls / n:.2f} | {per(c, ("slow accesses", "miss"), n, 1000):.3f} | '
                  f'{per(c, ("run loop", "entries"), n, 1000):.3f} | '
                  f'{c["translation", "blocks translated"]} | {100 * made / cycles:.1f} | '
                  f'{per(c, ("cycles", "C code of these"), cycles, 100):.1f} |', flush=True)
        everything[cpu] = {r: {f'{g}: {k}': v for (g, k), v in c.items() if v}
                           for r, c in counted.items()}
    out = os.path.join(folder(args), 'suite-counts.json')
    with open(out, 'w', encoding='utf-8') as f:
        json.dump(everything, f, indent=1)
    print(f'(calls, misses and entries of the run loop in 1000 guest instructions; all in {out})')


def show(found, out):
    classes = [('boot', ['boot'], 0), ('integer', INTEGER, 0), ('FP and SIMD', FLOAT, 0),
               ('system', SYSTEM, 0), ('two vCPUs (wall)', TWO, 1)]
    cpus = list(dict.fromkeys(cpu for cpu, _ in found))
    for cpu in cpus:
        print(f'\n`-cpu {cpu}`\n\n| | ours s | QEMU s | QEMU/ours |\n|---|---:|---:|---:|', file=out)
        for title, rows, kind in classes:
            logs = []
            rows = [r for r in rows if (cpu, r) in found]
            for row in rows:
                both = found[cpu, row]
                if len(both) < 2:
                    print(f'| {row} | {", ".join(both)} only | | |', file=out)
                    continue
                ours, qemu = (statistics.median(s[kind] for s in both[e]) for e in ('ours', 'qemu'))
                sums = {s[2] for e in both.values() for s in e}
                wrong = '' if len(sums) == 1 and 'status' not in str(sums) else f' WRONG {sums}'
                print(f'| {row} | {ours:.3f} | {qemu:.3f} | {qemu / ours:.2f}{wrong} |', file=out)
                logs.append(math.log(qemu / ours))
            if len(logs) > 1:
                print(f'| **{title}**, geometric mean of {len(logs)} | | | '
                      f'**{math.exp(sum(logs) / len(logs)):.2f}** |', file=out)
    out.flush()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('build')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--quick', action='store_true', help='some programs, one model, one round')
    p.add_argument('--rows', default='', help='these programs alone, comma-separated')
    p.add_argument('--cpu', default='', help='this model alone')
    p.add_argument('--limit', type=int, default=240, help='seconds for one boot and its programs')
    p.add_argument('--count', action='store_true',
                   help='no times: what our translator does for each program, counted')
    p.add_argument('--only', default='', help='ours or qemu alone')
    p.add_argument('--guest', default='aarch64', choices=sorted(GUESTS),
                   help="the guest's architecture")
    args = p.parse_args()
    args.build = os.path.abspath(args.build)
    args.files = prepare(args.build, args.guest)
    guest = GUESTS[args.guest]
    emulators = {'ours': [os.path.join(args.build, 'tinamou'), 'system', args.guest],
                 'qemu': ['qemu-system-' + args.guest, '-net', 'none']}
    if args.only:
        emulators = {args.only: emulators[args.only]}
    want = args.rows.split(',') if args.rows else QUICK if args.quick else None
    if args.quick:
        args.rounds = 1
    has = [r for r in INTEGER + FLOAT + SYSTEM if not r.startswith(tuple(guest['without']))]
    one = [r for r in has if want is None or r in want]
    two = [r for r in TWO if args.guest == 'aarch64' and (want is None or r in want)]
    jobs = []
    for cpu in [args.cpu] if args.cpu else guest['cpus'][:1] if args.quick else guest['cpus']:
        jobs += [(cpu, 1, rows) for rows in ([one] if args.guest == 'aarch64' and one else boots(one))]
        jobs += [(cpu, 2, two)] if two else []
    if want is None and not args.cpu:
        jobs += [(cpu, 1, []) for cpu in guest['boot']]
    if args.count:
        counts(args, [j for j in jobs if j[2]])
        return
    found = measure(emulators, args, jobs)
    with open(os.path.join(folder(args), 'suite.json'), 'w', encoding='utf-8') as f:
        json.dump([[*k, v] for k, v in found.items()], f)
    show(found, sys.stdout)


if __name__ == '__main__':
    main()
