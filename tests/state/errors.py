#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rerror= and werror= with a real guest: what is reported, ignored, held until `cont`, and held
over a snapshot; a disk whose host file system is full, made larger."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, check, img, need_guest, same  # noqa: E402

WRITE = 'dd if=/dev/zero of=/dev/vda bs=64k count=4 conv=fsync,notrunc 2>&1 | grep -c rror'
READ = 'dd if=/dev/vda of=/dev/null bs=64k count=64 iflag=direct 2>&1 | grep -c rror'


def machine(disk, rule, policy, **more):
    drive = f'if=none,id=d0,driver=qcow2,file.driver=blkdebug,file.image.driver=file,' \
            f'file.image.filename={disk},{policy}'
    for k, v in rule.items():
        drive += f',file.inject-error.0.{k}={v}'
    g = Guest('-drive', drive, '-device', 'virtio-blk-device,drive=d0', **more)
    g.expect('tinamou# ')
    return g


def held(g):
    same(g.qmp('query-status'), {'status': 'io-error', 'singlestep': False, 'running': False},
         'query-status')


def event(g, operation, action, nospace):
    e = g.event('BLOCK_IO_ERROR')
    same((e['device'], e['operation'], e['action'], e['nospace']),
         ('d0', operation, action, nospace), 'BLOCK_IO_ERROR')


def policies(disk):
    full = {'event': 'pwritev', 'errno': 28}
    for policy, errors in (('werror=report', True), ('werror=ignore', False)):
        g = machine(disk, full, policy)
        same(g.run(WRITE)[0] != '0', errors, policy)
        event(g, 'write', policy[7:], True)
        same(g.qmp('query-status')['running'], True, policy)
        g.quit()
    # An error of another kind is reported by werror=enospc, and stops by werror=stop.
    g = machine(disk, {'event': 'pwritev', 'errno': 5}, 'werror=enospc')
    same(g.run(WRITE)[0] != '0', True, 'werror=enospc, EIO')
    event(g, 'write', 'report', False)
    g.quit()
    for rule, policy, command, operation in (
            ({'event': 'pwritev', 'errno': 5, 'once': 'on'}, 'werror=stop', WRITE, 'write'),
            ({'event': 'pwritev', 'errno': 28, 'once': 'on'}, 'werror=enospc', WRITE, 'write'),
            ({'event': 'read_aio', 'errno': 5, 'once': 'on', 'sector': 2048}, 'rerror=stop', READ,
             'read')):
        g = machine(disk, rule, policy, smp=2)
        g.send(f'{command}; echo do""ne')
        event(g, operation, 'stop', rule['errno'] == 28)
        g.event('STOP')
        held(g)
        g.qmp('cont')
        g.expect('0\ndone')
        g.quit()


def over_snapshot(disk):
    """Held, saved, loaded by another process with a disk that works: the guest hears of nothing."""
    g = machine(disk, {'event': 'read_aio', 'errno': 5, 'sector': 2048}, 'rerror=stop')
    g.send(READ + '; echo do""ne')
    event(g, 'read', 'stop', False)
    g.event('STOP')
    held(g)
    same(g.hmp('savevm held'), '', 'savevm')
    held(g)
    g.qmp('cont')
    event(g, 'read', 'stop', False)  # it begins again in this one too
    g.quit()
    check(disk)
    g = Guest('-drive', f'if=none,id=d0,file={disk},rerror=stop', '-device',
              'virtio-blk-device,drive=d0', '-loadvm', 'held')
    g.expect('0\ndone')
    g.quit()


def full_disk(directory):
    """A file system of 8 MiB, made larger."""
    mount = directory + '/small'
    os.mkdir(mount)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'none', mount],
                      stderr=subprocess.DEVNULL).returncode:
        print('skipped: a full file system (it takes the right to mount)')
        return
    try:
        disk = mount + '/disk.qcow2'
        g = None
        img('create', '-q', '-f', 'qcow2', disk, '64M')
        g = Guest('-drive', f'if=none,id=d0,file={disk}', '-device', 'virtio-blk-device,drive=d0')
        g.expect('tinamou# ')
        g.send('dd if=/dev/urandom of=/tmp.bin bs=1M count=16 2>/dev/null; '
               'dd if=/tmp.bin of=/dev/vda bs=1M conv=fsync 2>&1 | grep -c rror; echo do""ne')
        event(g, 'write', 'stop', True)
        g.event('STOP')
        held(g)
        g.qmp('cont')
        event(g, 'write', 'stop', True)  # nothing has changed
        g.event('STOP')
        subprocess.run(['mount', '-o', 'remount,size=64m', mount], check=True)
        g.qmp('cont')
        g.expect('0\ndone')
        same(g.run('dmesg -n 1; echo 3 > /proc/sys/vm/drop_caches; cmp -n 16777216 /tmp.bin /dev/vda && '
                   'echo eq""ual').strip().split('\n')[0], 'equal', 'what was written')
        g.quit()
        check(disk)
    finally:
        if g:
            g.kill()
        subprocess.run(['umount', mount], check=True)


def main():
    need_guest()
    with tempfile.TemporaryDirectory() as d:
        disk = d + '/disk.qcow2'
        img('create', '-q', '-f', 'qcow2', disk, '64M')
        # Sector 2048 of the file is data by then: the first that is written after the tables.
        subprocess.run([os.environ['BUILD'] + '/tinamou', 'io', '-c', 'write -P 1 0 4M', disk],
                       check=True, stdout=subprocess.DEVNULL)
        policies(disk)
        over_snapshot(disk)
        full_disk(d)


main()
