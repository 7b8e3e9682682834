#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disks as options describe them, under a real guest: -snapshot and commit, share-rw=on,
-object iothread (of virtio-blk and virtio-scsi), -hda, a disk that is read only."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guest import Guest, TINAMOU, check, img, need_guest, same  # noqa: E402

DEVICE = ('-device', 'virtio-blk-device,drive=d0')
PUT = 'printf %-512s {} | dd of=/dev/{} conv=fsync,notrunc 2>/dev/null'
GET = 'dd if=/dev/{} bs=8 count=1 iflag=direct,fullblock ibs=512 2>/dev/null | head -c 8'


def start(*args, **more):
    g = Guest(*args, **more)
    g.expect('tinamou# ')
    return g


def first(disk):
    """The first bytes of the disk."""
    raw = disk + '.raw'
    subprocess.run([TINAMOU, 'img', 'convert', '-O', 'raw', disk, raw], check=True)
    with open(raw, 'rb') as f:
        got = f.read(8).decode()
    os.unlink(raw)
    return got


def temporary(disk):
    drive = ('-drive', f'if=none,id=d0,file={disk}', *DEVICE)
    g = start(*drive)
    g.run(PUT.format('original', 'vda'))
    g.quit()
    g = start('-snapshot', *drive)
    g.run(PUT.format('fleeting', 'vda'))
    same(g.run(GET.format('vda')).strip(), 'fleeting', 'in the overlay')
    g.quit()
    same(first(disk), 'original', '-snapshot')
    g = start('-drive', drive[1] + ',snapshot=on', *DEVICE)
    g.run(PUT.format('lasting-', 'vda'))
    same(g.hmp('commit nosuch'), "Error: Device 'nosuch' not found\n", 'commit')
    same(g.hmp('commit all'), '', 'commit')
    same(g.run('dmesg -n 1; echo 3 > /proc/sys/vm/drop_caches; ' + GET.format('vda')).strip(), 'lasting-',
         'after commit')
    g.run(PUT.format('fleeting', 'vda'))
    g.quit()
    same(first(disk), 'lasting-', 'snapshot=on and commit')
    check(disk)


def shared(disk):
    g = start('-object', 'iothread,id=io0', '-blockdev',
              f'driver=qcow2,node-name=n0,file.driver=file,file.filename={disk}',
              '-device', 'virtio-blk-device,drive=n0,share-rw=on,iothread=io0',
              '-device', 'virtio-blk-device,drive=n0,share-rw=on,iothread=io0', smp=2)
    g.run(PUT.format('together', 'vda'))
    same(g.run(GET.format('vdb')).strip(), 'together', 'share-rw=on')
    same([t['id'] for t in g.qmp('query-iothreads')], ['io0'], 'query-iothreads')
    same(g.hmp('savevm both'), '', 'savevm')
    g.run(PUT.format('changed-', 'vdb'))
    same(g.hmp('loadvm both'), '', 'loadvm')
    same(g.run('dmesg -n 1; echo 3 > /proc/sys/vm/drop_caches; ' + GET.format('vda')).strip(), 'together',
         'loadvm')
    g.quit()
    check(disk)
    r = subprocess.run([*g.args[:2], 'aarch64', '-M', 'virt', '-display', 'none', '-blockdev',
                        f'driver=qcow2,node-name=n0,file.driver=file,file.filename={disk}',
                        '-device', 'virtio-blk-device,drive=n0',
                        '-device', 'virtio-blk-device,drive=n0,share-rw=on'],
                       stderr=subprocess.PIPE, text=True)
    same((r.returncode, "drive 'n0' is in use by another device" in r.stderr), (1, True), r.stderr)


def short_options(disk):
    g = start('-hda', disk, '-cdrom', disk, '-snapshot')
    same(sorted(g.run('cat /sys/block/vd?/ro').split()), ['0', '1'], '-hda, -cdrom')
    g.quit()


def reads(g, name):
    """Requests for reading that the disk has ended."""
    return int(g.run(f'cat /sys/block/{name}/stat').split()[0])


def scsi_state(g, names):
    """savevm and loadvm while both units are read without pause; before and after, what they have."""
    for name in names:
        g.run(PUT.format('kept-' + name, name))
    same(g.hmp('savevm moment'), '', 'savevm')
    for _ in range(2):
        for name in names:
            g.run(PUT.format('other' + name, name))
        same(g.hmp('loadvm moment'), '', 'loadvm')
        for name in names:
            same(g.run(GET.format(name)).strip(), 'kept-' + name, 'loadvm')
            before = reads(g, name)
            g.run('sleep 0.5')
            same(reads(g, name) > before, True, f'{name}: requests go on after loadvm')
    same(g.hmp('delvm moment'), '', 'delvm')


def scsi(disk):
    """Units of an adapter on an iothread: under load while commands come, saved and loaded, gone, and
    there again."""
    other = os.path.dirname(disk) + '/other.qcow2'
    img('create', '-q', '-f', 'qcow2', other, '64M')
    g = start('-object', 'iothread,id=io0', '-device', 'virtio-scsi-pci,id=s0,iothread=io0',
              '-drive', f'if=none,id=d0,file={disk}', '-device', 'scsi-hd,drive=d0,id=u0,bus=s0.0',
              '-blockdev', f'driver=qcow2,node-name=d1,file.driver=file,file.filename={other}',
              '-device', 'scsi-hd,drive=d1,id=u1,bus=s0.0,scsi-id=3',
              '-device', 'scsi-cd,id=u2,bus=s0.0', smp=2)
    def units():
        """Linux names them in the order in which it finds them."""
        out = g.run('cd /sys/class/scsi_disk; for d in *; do echo $d $(ls $d/device/block); done; cd /')
        return dict(line.split() for line in out.strip().split('\n'))
    one, three = '0:0:0:0', '0:0:3:0'
    load = '(while dd if=/dev/{} of=/dev/null bs=64k iflag=direct 2>/dev/null && ! test -e /stop; do :; done) & true'
    at = units()
    same(sorted(at), [one, three], 'units')
    same(g.ask('object-del', id='io0')['error']['class'], 'GenericError', 'object-del')
    g.run(load.format(at[one]))
    g.run(load.format(at[three]))
    for i in range(20):
        g.qmp('query-block')
        if i % 5 == 0:
            g.qmp('stop')
            g.qmp('cont')
        g.run(PUT.format(f'round{i:03}', at[one]))
        same(g.run(GET.format(at[one])).strip(), f'round{i:03}', 'under load')
    scsi_state(g, [at[one], at[three]])
    g.run('touch /stop; wait; dmesg -n 1')
    g.qmp('device_del', id='u1')
    g.event('DEVICE_DELETED')
    g.run('sleep 1')
    same(list(units()), [one], 'unplugged')
    g.qmp('device_add', driver='scsi-hd', drive='d1', id='u1', bus='s0.0', scsi_id=3)
    g.run('sleep 1')
    at = units()
    g.run(PUT.format('oncemore', at[three]))
    same(g.run(GET.format(at[three])).strip(), 'oncemore', 'plugged again')
    g.quit()
    check(disk)
    check(other)


def main():
    need_guest()
    with tempfile.TemporaryDirectory() as d:
        disk = d + '/a,disk.qcow2'
        img('create', '-q', '-f', 'qcow2', disk, '64M')
        short_options(disk)
        plain = d + '/disk.qcow2'
        os.rename(disk, plain)
        temporary(plain)
        shared(plain)
        scsi(plain)


main()
