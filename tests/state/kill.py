#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a machine whose guest writes to a qcow2 disk: the image opens, has no corruption, and
holds what the guest has synchronised. KILLS: how many (6)."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, TINAMOU, check, img, need_guest  # noqa: E402

# Record I lies at 64 KiB * I: each takes a new cluster. Beside it what nobody waits for.
WRITER = r'''(while :; do dd if=/dev/urandom of=/dev/vda bs=64k seek=$((3000+RANDOM%900)) count=3 '''\
    r'''conv=notrunc 2>/dev/null; done) & i=0; while :; do i=$((i+1)); printf '%-4096s' "rec$i" | '''\
    r'''dd of=/dev/vda bs=4k seek=$((i*16)) conv=notrunc,fsync 2>/dev/null; echo sy"nced" $i; done'''


def one(disk, n, options):
    g = Guest('-drive', f'if=none,id=d0,file={disk}', '-device', 'virtio-blk-device,drive=d0',
              '-loadvm', 'boot', smp=2)
    g.send(WRITER)
    g.expect('synced 2\n')
    end = time.monotonic() + random.uniform(0.05, 1.5)
    while time.monotonic() < end:
        g.pump(0.02)
    g.kill()
    while not g.eof:
        g.pump(0.1)
    last = max(int(m) for m in re.findall(r'synced (\d+)\n', g.seen))
    if 'lazy' in options:  # what opens it for writing repairs it
        subprocess.run([TINAMOU, 'io', '-c', 'read 0 512', disk], check=True,
                       stdout=subprocess.DEVNULL)
    check(disk)
    raw = disk + '.raw'
    subprocess.run([TINAMOU, 'img', 'convert', '-O', 'raw', disk, raw], check=True)
    with open(raw, 'rb') as f:
        for i in range(1, last + 1):
            f.seek(i << 16)
            got = f.read(4096)
            if got != f'rec{i}'.encode().ljust(4096):
                raise AssertionError(f'kill {n} ({options}): record {i} of {last}, which was '
                                     f'synchronised, reads as {got[:32]!r}')
    os.unlink(raw)
    print(f'kill {n} ({options}): {last} records', flush=True)


def main():
    need_guest()
    kills = int(os.environ.get('KILLS', '6'))
    kinds = ['compat=1.1', 'lazy_refcounts=on', 'cluster_size=4096,compat=0.10', 'extended_l2=on']
    with tempfile.TemporaryDirectory() as d:
        for k, options in enumerate(kinds[:kills]):
            base, disk = f'{d}/base.qcow2', f'{d}/disk.qcow2'
            img('create', '-q', '-f', 'qcow2', '-o', options, base, '256M')
            g = Guest('-drive', f'if=none,id=d0,file={base}', '-device',
                      'virtio-blk-device,drive=d0', smp=2)
            g.expect('tinamou# ')
            g.run('cat /dev/vda > /dev/null')
            text = g.hmp('savevm boot')
            if text:
                g.fail(text)
            g.quit()
            for n in range(k, kills, len(kinds)):
                shutil.copyfile(base, disk)
                one(disk, n, options)


main()
