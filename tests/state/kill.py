#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a machine whose guest writes to an ext4 file system on a qcow2 disk: the image opens,
has no corruption, and the file system holds every file that the guest had synchronised. KILLS: how
many (6); KINDS: of which images."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, TINAMOU, check, need_ext4, need_guest  # noqa: E402

# File I holds the numbers from I on. Beside them what nobody waits for.
WRITER = r'''(n=0; while :; do n=$((n+1)); head -c $((RANDOM*20)) /dev/urandom > junk$((n%20)); '''\
    r'''[ $((n%3)) = 0 ] && rm -f junk$((RANDOM%20)); done) & i=0; while :; do i=$((i+1)); '''\
    r'''seq $i $((i+3000)) | dd of=f$i bs=64k iflag=fullblock conv=fsync 2>/dev/null; '''\
    r'''echo sy"nced" $i; done'''
SECRET = ('--object', 'secret,id=s,data=geheim')
KINDS = {
    'plain': 'compat=1.1',
    'lazy': 'lazy_refcounts=on',
    'data-file': 'data_file=disk.data',
    'luks': 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10',
    'old': 'cluster_size=4096,compat=0.10',
    'subclusters': 'extended_l2=on',
}


class Disk:
    def __init__(self, directory, kind):
        self.kind, self.base, self.now = kind, directory + '/base', directory + '/now'
        raw = directory + '/raw'
        os.mkdir(self.base)
        with open(raw, 'wb') as f:
            f.truncate(64 << 20)
        subprocess.run(['mkfs.ext4', '-q', '-F', raw], check=True)
        subprocess.run([TINAMOU, 'img', 'convert', *SECRET, '-O', 'qcow2', '-o', KINDS[kind], raw,
                        'disk.qcow2'], check=True, cwd=self.base)
        self.options = ',encrypt.key-secret=s' if kind == 'luks' else ''
        self.fresh()

    def fresh(self):
        shutil.rmtree(self.now, ignore_errors=True)
        shutil.copytree(self.base, self.now)

    def guest(self, *args):
        return Guest(*(('-object', SECRET[1]) if self.options else ()), '-drive',
                     f'if=none,id=d0,file={self.now}/disk.qcow2{self.options}', '-device',
                     'virtio-blk-device,drive=d0', *args, smp=2)

    def image(self):
        """As a tool's arguments."""
        if not self.options:
            return [f'{self.now}/disk.qcow2']
        return [*SECRET, '--image-opts',
                f'driver=qcow2,file.filename={self.now}/disk.qcow2' + self.options]

    def begin(self):
        """A guest that has mounted the disk: from a snapshot, where the disk can have one."""
        if os.path.exists(self.base + '/saved'):
            return self.guest('-loadvm', 'boot')
        g = self.guest()
        g.expect('tinamou# ')
        g.run('mkdir /mnt; mount -t ext4 /dev/vda /mnt; dmesg -n 1; cd /mnt')
        if self.kind == 'data-file':
            return g
        text = g.hmp('savevm boot')
        if text:
            g.fail(text)
        g.quit()
        shutil.rmtree(self.base)
        shutil.copytree(self.now, self.base)
        with open(self.base + '/saved', 'w'):
            pass
        return self.begin()

    def files(self, last):
        """What the file system has after the replay of its journal."""
        raw, out = self.now + '/raw', self.now + '/out'
        os.mkdir(out)
        subprocess.run([TINAMOU, 'img', 'convert', *self.image()[:-1], '-O', 'raw',
                        self.image()[-1], raw], check=True)
        r = subprocess.run(['e2fsck', '-p', raw], stdout=subprocess.PIPE, text=True)
        if r.returncode & ~1:
            raise AssertionError(f'e2fsck -p: {r.stdout}')
        r = subprocess.run(['e2fsck', '-f', '-n', raw], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise AssertionError(f'e2fsck -f -n: {r.stdout}')
        commands = ''.join(f'dump f{i} {out}/{i}\n' for i in range(1, last + 1))
        subprocess.run(['debugfs', '-f', '/dev/stdin', raw], input=commands, text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for i in range(1, last + 1):
            with open(f'{out}/{i}') as f:
                yield i, f.read()


def one(disk, n):
    disk.fresh()
    g = disk.begin()
    g.send(WRITER)
    g.expect('synced 2\n')
    end = time.monotonic() + random.uniform(0.05, 1.5)
    while time.monotonic() < end:
        g.pump(0.02)
    g.kill()
    while not g.eof:
        g.pump(0.1)
    last = max(int(m) for m in re.findall(r'synced (\d+)\n', g.seen))
    if disk.kind == 'lazy':  # what opens it for writing repairs it
        subprocess.run([TINAMOU, 'io', '-c', 'read 0 512', *disk.image()], check=True,
                       stdout=subprocess.DEVNULL)
    # The other program looks for the data file in its own folder.
    check(disk.image()[-1], *disk.image()[:-1], cwd=disk.now)
    for i, got in disk.files(last):
        if got != ''.join(f'{k}\n' for k in range(i, i + 3001)):
            raise AssertionError(f'kill {n} ({disk.kind}): file {i} of {last}, which was '
                                 f'synchronised, has {len(got)} bytes: {got[:32]!r}')
    print(f'kill {n} ({disk.kind}): {last} files', flush=True)


def main():
    need_guest()
    need_ext4()
    kills = int(os.environ.get('KILLS', '6'))
    kinds = os.environ.get('KINDS', ' '.join(KINDS)).split()
    with tempfile.TemporaryDirectory() as d:
        for k, kind in enumerate(kinds[:kills]):
            os.mkdir(f'{d}/{kind}')
            disk = Disk(f'{d}/{kind}', kind)
            for n in range(k, kills, len(kinds)):
                one(disk, n)


main()
