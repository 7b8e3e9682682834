#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""iperf3 between a Debian guest (scripts/debian-guest.sh) and this host, ours and QEMU's in turn:
MiB a second through user networking and a tap device, both ways.

BUILD=build tests/bench/net.py [--seconds S] [--rounds N] [--only ours|QEMU] [--disk QCOW2] DEBIAN-FOLDER

DEBIAN-FOLDER has debian.qcow2 (or --disk), vmlinuz, initrd.img and key; the guest has iperf3, or
--debs FOLDER has its packages. The tap device needs root."""
import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CPU = 'max,pauth-impdef=on,sve=off'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Guest:
    def __init__(self, name, program, a, work, number):
        self.name, self.port, self.tap = name, free_port(), None
        self.extra = [free_port() for _ in range(2)]
        disk = f'{work}/{name}.qcow2'
        subprocess.run([a.tinamou, 'img', 'create', '-q', '-f', 'qcow2', '-b', a.disk, '-F', 'qcow2', disk],
                       check=True)
        args = [*program, '-M', 'virt', '-cpu', CPU, '-smp', '2', '-m', '1024', '-kernel', f'{a.folder}/vmlinuz',
                '-initrd', f'{a.folder}/initrd.img', '-append', 'console=ttyAMA0 root=/dev/vda rw', '-display',
                'none', '-monitor', 'none', '-serial', f'file:{work}/{name}.log', '-no-reboot',
                '-drive', f'file={disk},if=none,id=d,format=qcow2', '-device', 'virtio-blk-pci,drive=d',
                '-netdev', f'user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:22', '-device',
                'virtio-net-pci,netdev=n0,romfile=']
        if os.geteuid() == 0 and os.path.exists('/dev/net/tun'):
            k = 2 * (os.getpid() % 120) + number
            self.tap, self.net = f'tinnet{k}', f'10.214.{k}'
            args += ['-netdev', f'tap,id=n1,ifname={self.tap},script=no,downscript=no',
                     '-device', 'virtio-net-pci,netdev=n1,romfile=']
        self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL)
        self.ssh_args = ['ssh', '-i', f'{a.folder}/key', '-p', str(self.port), '-o', 'StrictHostKeyChecking=no',
                         '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=60',
                         'root@127.0.0.1']

    def ssh(self, command, **kw):
        return subprocess.run([*self.ssh_args, command], check=True, capture_output=True, text=True,
                              timeout=120, **kw).stdout

    def begin(self, debs):
        end = time.monotonic() + 300
        while True:
            try:
                self.ssh('true')
                break
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                if time.monotonic() > end or self.child.poll() is not None:
                    sys.exit(f'{self.name}: the guest does not answer')
                time.sleep(1)
        if debs:
            tar = subprocess.run(['tar', '-C', debs, '-cf', '-', '.'], check=True, capture_output=True).stdout
            subprocess.run([*self.ssh_args, 'mkdir -p /tmp/debs && tar -C /tmp/debs -xf - && '
                            'for d in /tmp/debs/*.deb; do dpkg-deb --fsys-tarfile $d | '
                            'tar -C / --keep-directory-symlink -x; done; ldconfig'], input=tar, check=True)
        if self.tap:
            subprocess.run(['ip', 'addr', 'add', self.net + '.1/24', 'dev', self.tap], check=True)
            subprocess.run(['ip', 'link', 'set', self.tap, 'up'], check=True)
            self.ssh('d=$(ls /sys/class/net | grep -v lo | sort | tail -n 1); '
                     f'ip addr add {self.net}.2/24 dev $d; ip link set $d up')

    def load(self, host, way, seconds):
        """MiB a second; the server is this host's."""
        port = free_port()
        server = subprocess.Popen(['iperf3', '-s', '-1', '-p', str(port)], stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.3)
            cpu = self.cpu()
            out = self.ssh(f'iperf3 -J -c {host} -p {port} -t {seconds} {"-R" if way == "receive" else ""}')
            end = json.loads(out)['end']
            mib = end['sum_received']['bytes'] / (1 << 20)
            return mib / seconds, (self.cpu() - cpu) / mib * 1000
        finally:
            server.kill()
            server.wait()

    def cpu(self):
        with open(f'/proc/{self.child.pid}/stat', encoding='ascii') as f:
            v = f.read().rsplit(')', 1)[1].split()
        return (int(v[11]) + int(v[12])) / os.sysconf('SC_CLK_TCK')

    def end(self):
        self.child.kill()
        self.child.wait()


def main():
    p = argparse.ArgumentParser()
    p.add_argument('folder')
    p.add_argument('--seconds', type=int, default=3)
    p.add_argument('--rounds', type=int, default=1)
    p.add_argument('--only')
    p.add_argument('--disk')
    p.add_argument('--debs')
    a = p.parse_args()
    a.tinamou = os.environ.get('TINAMOU', os.environ.get('BUILD', 'build') + '/tinamou')
    a.disk = a.disk or f'{a.folder}/debian.qcow2'
    programs = {'ours': [a.tinamou, 'system', 'aarch64'], 'QEMU': ['qemu-system-aarch64']}
    for tool in ('iperf3', 'qemu-system-aarch64'):
        if not shutil.which(tool) and not (tool.startswith('qemu') and a.only == 'ours'):
            print(f'skipped: no {tool}')
            sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        sides = [Guest(name, program, a, work, i) for i, (name, program) in enumerate(programs.items())
                 if a.only in (None, name)]
        try:
            for s in sides:
                s.begin(a.debs)
            print(f'{"load":16}' + ''.join(f'{s.name + " MiB/s":>14}{"CPU ms/MiB":>12}' for s in sides) + '   ratio')
            for link in ['user'] + (['tap'] if sides[0].tap else []):
                for way in ('send', 'receive'):
                    got = [[] for _ in sides]
                    for _ in range(a.rounds):
                        for k, s in enumerate(sides):
                            got[k].append(s.load('10.0.2.2' if link == 'user' else s.net + '.1', way, a.seconds))
                    mid = [[statistics.median(x) for x in zip(*g)] for g in got]
                    ratio = f'{mid[0][0] / mid[1][0]:8.2f}' if len(mid) == 2 else ''
                    print(f'{link + " " + way:16}' + ''.join(f'{m:14.1f}{c:12.2f}' for m, c in mid) + ratio, flush=True)
        finally:
            for s in sides:
                s.end()


if __name__ == '__main__':
    main()
