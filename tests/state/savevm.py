#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""savevm and loadvm of a real guest whose file system on a qcow2 disk is being written: after each
load the guest's memory and its disk are of one moment, its files have their sums, and at the end
the file system is clean. Jobs of QMP, -loadvm; what `info snapshots` and qemu-img say of it.
LOOPS: how many (4)."""
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, TINAMOU, check, img, need_ext4, need_guest, same  # noqa: E402

QEMU = shutil.which('qemu-system-aarch64')
# Files with sums, renamed into place, sometimes synchronised; deleted and written again.
WRITER = r'''cd /mnt; (i=0; while [ ! -e /stop ]; do i=$((i+1)); f=f$((i%30)); rm -f $f.sum; '''\
    r'''head -c $((RANDOM*9)) /dev/urandom > $f; md5sum $f > $f.new; mv $f.new $f.sum; '''\
    r'''[ $((i%5)) = 0 ] && sync; done; echo writer at $i > /stopped) & true'''
SUMS = r'''touch /stop; while [ ! -e /stopped ]; do usleep 10000; done; rm -f /stop /stopped; sync; '''\
    r'''echo 3 > /proc/sys/vm/drop_caches; cat *.sum | md5sum -c 2>&1 | grep -vc OK'''


def fresh(disk):
    raw = disk + '.raw'
    with open(raw, 'wb') as f:
        f.truncate(64 << 20)
    subprocess.run(['mkfs.ext4', '-q', '-F', raw], check=True)
    img('convert', '-O', 'qcow2', raw, disk)
    os.unlink(raw)


def fsck(disk, *options):
    """Of the disk, or of one of its snapshots (its journal is replayed first)."""
    raw = disk + '.raw'
    subprocess.run([TINAMOU, 'img', 'convert', '-O', 'raw', *options, disk, raw], check=True)
    if options:
        subprocess.run(['e2fsck', '-p', raw], stdout=subprocess.DEVNULL, check=False)
    r = subprocess.run(['e2fsck', '-f', '-n', raw], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    os.unlink(raw)
    if r.returncode:
        raise AssertionError(f'e2fsck {options}: {r.stdout}')


def machine(disk, *more):
    return Guest('-drive', f'if=none,id=d0,file={disk}', '-device', 'virtio-blk-device,drive=d0',
                 *more, smp=2)


def moment(g, n):
    """In memory and on the disk."""
    g.run(f'echo {n} > /moment; echo {n} > /mnt/moment; sync')


def is_moment(g, n):
    got = g.run('echo 3 > /proc/sys/vm/drop_caches; cat /moment /mnt/moment').split()
    same(got, [str(n)] * 2, 'the moment in memory and on the disk')


def sums(g):
    same(g.run(SUMS).strip(), '0', 'files without their sums')
    g.run(WRITER)


def loops(g, count):
    names = []
    for n in range(count):
        moment(g, n)
        same(g.hmp(f'savevm s{n}'), '', 'savevm')
        names.append(n)
        moment(g, 'later')
        g.run('usleep 300000')
        back = random.choice(names)
        same(g.hmp(f'loadvm s{back}'), '', 'loadvm')
        is_moment(g, back)
        sums(g)
        print(f'loop {n}: back to s{back}', flush=True)
        if len(names) > 4:
            gone = names.pop(random.randrange(len(names)))
            same(g.hmp(f'delvm s{gone}'), '', 'delvm')
    return names


def job(g, command, name, **more):
    g.events.clear()
    args = {'job_id': 'j', 'tag': name, 'devices': ['d0'], **more}
    g.qmp(command, **args)
    while g.event('JOB_STATUS_CHANGE')['status'] != 'concluded':
        pass
    j = g.qmp('query-jobs')[0]
    g.qmp('job-dismiss', id='j')
    return j.get('error')


def jobs(g):
    moment(g, 'job')
    same(job(g, 'snapshot-save', 'byjob', vmstate='d0'), None, 'snapshot-save')
    moment(g, 'later')
    same(job(g, 'snapshot-load', 'byjob', vmstate='d0'), None, 'snapshot-load')
    is_moment(g, 'job')
    sums(g)
    same(job(g, 'snapshot-save', 'byjob', vmstate='d0'),
         "Snapshot 'byjob' already exists in one or more devices", 'snapshot-save')
    same(job(g, 'snapshot-delete', 'byjob'), None, 'snapshot-delete')
    same(job(g, 'snapshot-load', 'byjob', vmstate='d0'),
         "Snapshot 'byjob' does not exist in one or more devices", 'snapshot-load')


def qemu_says(disk, line):
    """A line of QEMU's monitor, with a machine that does not run."""
    path = disk + '.qmp'
    child = subprocess.Popen([QEMU, '-M', 'virt', '-cpu', 'cortex-a57', '-S', '-display', 'none',
                              '-net', 'none', '-qmp', f'unix:{path},server=on,wait=on', '-drive',
                              f'if=none,id=d0,file={disk}', '-device',
                              'virtio-blk-device,drive=d0'])
    try:
        while not os.path.exists(path):
            if child.poll() is not None:
                raise AssertionError('QEMU does not start')
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            f = s.makefile('rw')
            f.readline()
            for m in ({'execute': 'qmp_capabilities'},
                      {'execute': 'human-monitor-command', 'arguments': {'command-line': line}}):
                f.write(json.dumps(m) + '\n')
                f.flush()
                while 'return' not in (r := json.loads(f.readline())):
                    pass
            return r['return'].replace('\r', '')
    finally:
        child.kill()
        child.wait()


def compare(disk, text):
    """What others say of the same image."""
    ours = subprocess.run([TINAMOU, 'img', 'snapshot', '-l', disk], check=True,
                          stdout=subprocess.PIPE).stdout
    if shutil.which('qemu-img'):
        r = subprocess.run(['qemu-img', 'snapshot', '-l', disk], check=True, stdout=subprocess.PIPE)
        same(ours, r.stdout, 'snapshot -l')
    else:
        print('skipped: qemu-img')
    if QEMU:
        same(text, qemu_says(disk, 'info snapshots'), 'info snapshots')
    else:
        print('skipped: info snapshots of qemu-system-aarch64')


def main():
    need_guest()
    need_ext4()
    count = int(os.environ.get('LOOPS', '4'))
    with tempfile.TemporaryDirectory() as d:
        disk = d + '/disk.qcow2'
        fresh(disk)
        g = machine(disk)
        g.expect('tinamou# ')
        g.run('mkdir /mnt; mount -t ext4 /dev/vda /mnt; dmesg -n 1')
        same(g.hmp('info snapshots'), 'There is no snapshot available.\n', 'info snapshots')
        g.run(WRITER)
        names = loops(g, count)
        jobs(g)
        text = g.hmp('info snapshots')
        g.quit()
        check(disk)
        compare(disk, text)
        for n in names:
            fsck(disk, '-l', f's{n}')
        g = machine(disk, '-loadvm', f's{names[-1]}')
        is_moment(g, names[-1])
        sums(g)
        g.run('touch /stop; while [ ! -e /stopped ]; do usleep 10000; done; cd /; umount /mnt')
        for n in names:
            same(g.hmp(f'delvm s{n}'), '', 'delvm')
        g.quit()
        check(disk)
        fsck(disk)


main()
