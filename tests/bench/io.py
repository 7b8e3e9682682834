#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disks and networks under load, us and QEMU in turn on the same machine: requests and MiB a second
in the guest (io-load.c, which submits as fio's libaio does) and the ratio ours/QEMU. Both machines
run at once and each measurement is made in one, then in the other.

BUILD=build SOURCE=. tests/bench/io.py [--only REGEX] [--seconds S] [--rounds N] [--each 'COMMAND']
  --each   a command put before what measures (nice, a queue for the processors)
  --ours   do not run QEMU: to profile us"""
import argparse
import os
import re
import shlex
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'state'))
import guest  # noqa: E402

CPU = 'max,pauth-impdef=on,sve=off'
MIB = int(os.environ.get('MIB', '256'))
DISKS = [(bus, fmt) for bus in ('virtio-blk', 'nvme') for fmt in ('raw', 'qcow2')]
# Two disks at once, each on an iothread of its own.
PAIRS = [('virtio-blk', 'iothread'), ('virtio-scsi', 'iothread')]
LOADS = [('randread', 'read rand 4096 1'), ('randread', 'read rand 4096 32'),
         ('randwrite', 'write rand 4096 1'), ('randwrite', 'write rand 4096 32'),
         ('read', 'read seq 131072 8'), ('write', 'write seq 131072 8')]


def serve(sock):
    """One connection at a time each: 'w', the guest sends; 'r', it receives."""
    data = bytes(1 << 20)

    def one(c):
        try:
            if c.recv(1) == b'w':
                buf = bytearray(1 << 20)
                while c.recv_into(buf):
                    pass
            else:
                while True:
                    c.sendall(data)
        except OSError:
            pass
        c.close()
    while True:
        c, _ = sock.accept()
        threading.Thread(target=one, args=(c,), daemon=True).start()


def make_initrd(d):
    cc = shutil.which('aarch64-linux-gnu-gcc')
    if not cc:
        print('skipped: no aarch64-linux-gnu-gcc (Debian: gcc-aarch64-linux-gnu)')
        sys.exit(77)
    os.mkdir(d + '/fs')
    subprocess.run([cc, '-O2', '-static', '-o', d + '/fs/io-load',
                    guest.SOURCE + '/tests/bench/io-load.c'], check=True)
    subprocess.run(f'(cd {d}/fs && echo io-load | cpio -o -H newc --quiet -R 0:0 | gzip -1) | '
                   f'cat {guest.GUEST}/initrd.gz - >{d}/initrd.gz', shell=True, check=True)
    return d + '/initrd.gz'


def make_disk(path, fmt):
    with open(path + '.tmp', 'wb') as f:
        for _ in range(MIB):
            f.write(os.urandom(1 << 20))
    guest.img('convert', '-f', 'raw', '-O', fmt, path + '.tmp', path)
    os.unlink(path + '.tmp')


class Side:
    def __init__(self, name, program, d, number, taps, options):
        self.name, self.tap = name, None
        args = ['-initrd', d + '/initrd.gz', '-device', 'virtio-rng-pci',
                '-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0,romfile=']
        if taps:
            k = 2 * (os.getpid() % 120) + number
            self.tap, self.net = f'tinbench{k}', f'10.213.{k}'
            args += ['-netdev', f'tap,id=n1,ifname={self.tap},script=no,downscript=no',
                     '-device', 'virtio-net-pci,netdev=n1,romfile=']
        args += self.pairs(d, name)
        for i, (bus, fmt) in enumerate(DISKS):
            path = f'{d}/{name}{i}.{fmt}'
            make_disk(path, fmt)
            args += ['-drive', f'if=none,id=d{i},file={path},format={fmt},cache=writeback']
            args += ['-device', f'virtio-blk-pci,drive=d{i}' if bus == 'virtio-blk' else
                     f'nvme,drive=d{i},serial=n{i}']
        guest.PROGRAM = program
        self.g = guest.Guest(*args, *options, cpu=CPU, smp=2, mem=512, timeout=240)

    def pairs(self, d, name):
        args = []
        for k, (bus, _) in enumerate(PAIRS):
            for i in range(2):
                path, who = f'{d}/{name}-pair{k}{i}.raw', f'p{k}{i}'
                make_disk(path, 'raw')
                args += ['-object', f'iothread,id=t{who}',
                         '-drive', f'if=none,id={who},file={path},format=raw,cache=writeback']
                if bus == 'virtio-blk':
                    args += ['-device', f'virtio-blk-pci,drive={who},iothread=t{who},serial={who}']
                else:
                    args += ['-device', f'virtio-scsi-pci,id=c{who},iothread=t{who}',
                             '-device', f'scsi-hd,drive={who},bus=c{who}.0,serial={who}']
        return args

    def find_pairs(self):
        """Linux's names for them: by the serial number, of SCSI disks in the order of adapters."""
        out = self.g.run('cd /sys/block; for b in vd*; do echo $b $(cat $b/serial); done; '
                         'ls -1d sd* 2>/dev/null; cd /')
        rows = [line.split() for line in out.strip().split('\n')]
        serial = {r[1]: r[0] for r in rows if len(r) == 2}
        scsi = iter(sorted(r[0] for r in rows if len(r) == 1 and r[0].startswith('sd')))
        self.pair = [[serial.get(f'p{k}{i}') if bus == 'virtio-blk' else next(scsi, None)
                      for i in range(2)] for k, (bus, _) in enumerate(PAIRS)]
        return sorted(r[0] for r in rows if r[0].startswith('vd') and len(r) == 1)

    def begin(self):
        self.g.expect('tinamou# ')
        self.g.run('ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up')
        if self.tap:
            subprocess.run(['ip', 'addr', 'add', self.net + '.1/24', 'dev', self.tap], check=True)
            subprocess.run(['ip', 'link', 'set', self.tap, 'up'], check=True)
            self.g.run(f'ip addr add {self.net}.2/24 dev eth1; ip link set eth1 up')
        vd, nvme = iter(self.find_pairs()), iter(('nvme0n1', 'nvme1n1'))
        self.disk = [next(vd) if bus == 'virtio-blk' else next(nvme) for bus, _ in DISKS]

    def load(self, command, each):
        """Requests and MiB a second; the guest works only while @each runs."""
        if each:
            gate = subprocess.Popen([*each, 'sh', '-c', 'echo; read x'], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
            gate.stdout.readline()
        out = self.g.run(' & '.join('/io-load ' + c for c in command) + '; wait')
        if each:
            gate.communicate(b'\n')
        found = re.findall(r'result: (\S+) (\S+)', out)
        if len(found) != len(command):
            self.g.fail(f'{self.name}: {command}: {out}')
        return tuple(sum(float(f[i]) for f in found) for i in range(2))


def cases(taps):
    for i, (bus, fmt) in enumerate(DISKS):
        for what, args in LOADS:
            _, _, size, depth = args.split()
            label = f'{bus} {fmt} {what} {int(size) // 1024}k depth {depth}'
            yield (label, lambda s, t, i=i, args=args: [f'disk /dev/{s.disk[i]} {args} {t}'],
                   size == '4096')
    for k, (bus, how) in enumerate(PAIRS):
        for what, args in LOADS:
            _, _, size, depth = args.split()
            label = f'two {bus} {how} {what} {int(size) // 1024}k depth {depth}'
            yield (label, lambda s, t, k=k, args=args: [f'disk /dev/{n} {args} {t}' for n in s.pair[k]],
                   size == '4096')
    for way in ('send', 'receive'):
        yield f'user {way}', lambda s, t, way=way: [f'net {way} 10.0.2.2 {PORT} {t}'], False
        if taps:
            yield f'tap {way}', lambda s, t, way=way: [f'net {way} {s.net}.1 {PORT} {t}'], False


def can_tap():
    try:
        ok = os.access('/dev/net/tun', os.R_OK | os.W_OK) and os.geteuid() == 0
    except OSError:
        ok = False
    if not ok:
        print('skipped: tap (needs root and /dev/net/tun)')
    return ok


def measure(sides, a):
    print(f'{"load":44} {"ours":>10} {"QEMU":>10} {"ratio":>7}')
    for label, command, by_requests in cases(sides[0].tap):
        if not re.search(a.only, label):
            continue
        got = [[] for _ in sides]
        for _ in range(a.rounds):
            for k, s in enumerate(sides):
                n, mib = s.load(command(s, a.seconds), a.each)
                got[k].append(n if by_requests else mib)
        v = [statistics.median(g) for g in got]
        unit = 'IO/s' if by_requests else 'MiB/s'
        print(f'{label + ", " + unit:44} {v[0]:10.0f}' +
              (f' {v[1]:10.0f} {v[0] / v[1]:7.2f}' if len(v) > 1 else ''), flush=True)


def main():
    global PORT
    p = argparse.ArgumentParser()
    p.add_argument('--only', default='')
    p.add_argument('--seconds', type=float, default=4)
    p.add_argument('--rounds', type=int, default=1)
    p.add_argument('--each', type=shlex.split, default=[])
    p.add_argument('--ours', action='store_true')
    p.add_argument('--options', type=shlex.split, default=[], help='more for our command line')
    a = p.parse_args()
    guest.need_guest()
    if not a.ours and not shutil.which('qemu-system-aarch64'):
        print('skipped: no qemu-system-aarch64')
        sys.exit(77)
    server = socket.create_server(('', 0))
    PORT = server.getsockname()[1]
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    taps = can_tap()
    with tempfile.TemporaryDirectory() as d:
        make_initrd(d)
        sides = [Side('ours', [guest.TINAMOU, 'system', 'aarch64'], d, 0, taps, a.options)]
        if not a.ours:
            sides.append(Side('qemu', ['qemu-system-aarch64'], d, 1, taps, []))
        for s in sides:
            s.begin()
        measure(sides, a)
        for s in sides:
            s.g.kill()


main()
