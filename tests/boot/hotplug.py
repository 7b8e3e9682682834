#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices that come and go in a running Debian (scripts/debian-guest.sh): a disk and a network card
on each of several rounds, the balloon, a device that the guest does not let go. --units: what
comes to a controller that is there, on USB and SCSI.
hotplug.py [--rounds N | --units] TINAMOU DEBIAN-FOLDER [OPTION...]"""
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time


class Qmp:
    def __init__(self, path):
        end = time.monotonic() + 30
        self.sock = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.buf, self.events = b'', []
        self.line(30)
        self('qmp_capabilities')

    def line(self, wait):
        self.sock.settimeout(max(wait, 0.01))
        while b'\n' not in self.buf:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError('the monitor is gone')
            self.buf += data
        text, self.buf = self.buf.split(b'\n', 1)
        return json.loads(text)

    def __call__(self, command, **args):
        text = json.dumps({'execute': command, 'arguments': {k.replace('_', '-'): v for k, v in args.items()}})
        self.sock.sendall(text.encode() + b'\n')
        while True:
            a = self.line(120)
            if 'event' in a:
                self.events.append(a)
            elif 'error' in a:
                raise RuntimeError(f'{command}: {a["error"]}')
            else:
                return a['return']

    def wait(self, name, wait=60, **data):
        """The next event of that name and with these members."""
        end = time.monotonic() + wait
        while True:
            for e in self.events:
                if e['event'] == name and all(e.get('data', {}).get(k) == v for k, v in data.items()):
                    self.events.remove(e)
                    return e
            try:
                a = self.line(end - time.monotonic())
            except TimeoutError:
                raise RuntimeError(f'no {name} {data} within {wait} s') from None
            if 'event' in a:
                self.events.append(a)

    def hmp(self, line):
        return self('human-monitor-command', command_line=line)


class Debian:
    def __init__(self, tinamou, folder, work, options=(), smp='4'):
        self.work, self.key = work, f'{folder}/key'
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.ssh_args = ['ssh', '-i', self.key, '-p', str(self.port), '-o', 'StrictHostKeyChecking=no', '-o',
                         'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=60',
                         'root@127.0.0.1']
        disk = f'{work}/d.qcow2'
        if not os.path.exists(disk):
            subprocess.check_call([tinamou, 'img', 'create', '-q', '-f', 'qcow2', '-b', f'{folder}/deb.qcow2'
                                   if os.path.exists(f'{folder}/deb.qcow2') else f'{folder}/debian.qcow2',
                                   '-F', 'qcow2', disk])
        self.process = subprocess.Popen(
            [tinamou, 'system', 'aarch64', '-M', 'virt', '-cpu', 'max,pauth-impdef=on,sve=off', '-smp', smp,
             '-m', '1024', '-kernel', f'{folder}/vmlinuz', '-initrd', f'{folder}/initrd.img',
             '-append', 'console=ttyAMA0 root=/dev/vda rw', '-display', 'none', '-monitor', 'none',
             '-serial', f'file:{work}/console', '-no-reboot', '-qmp', f'unix:{work}/qmp,server=on,wait=off',
             '-drive', f'file={disk},if=none,id=d,format=qcow2', '-device', 'virtio-blk-pci,drive=d,id=root',
             '-nic', f'user,hostfwd=tcp:127.0.0.1:{self.port}-:22', *options])
        self.qmp = Qmp(f'{work}/qmp')

    def ssh(self, command, check=True, wait=120):
        r = subprocess.run([*self.ssh_args, command], capture_output=True, text=True, timeout=wait)
        if check and r.returncode:
            raise RuntimeError(f'{command}: {r.returncode} {r.stdout} {r.stderr}')
        return r.stdout

    def until(self, command, want, wait=60):
        """The guest's @command says @want."""
        end = time.monotonic() + wait
        while True:
            out = self.ssh(command, check=False)
            if (want in out) if want else not out.strip():
                return out
            if time.monotonic() > end:
                raise RuntimeError(f'{command}: {want!r} is not in {out!r}')
            time.sleep(0.2)

    def up(self):
        end = time.monotonic() + 400
        while time.monotonic() < end:
            try:
                self.ssh('true')
                return
            except (RuntimeError, subprocess.TimeoutExpired):
                if self.process.poll() is not None:
                    break
                time.sleep(1)
        raise RuntimeError('the guest does not answer')


def balloon(vm):
    q, path = vm.qmp, '/machine/peripheral/balloon0'
    q('qom-set', path=path, property='guest-stats-polling-interval', value=1)
    q('balloon', value=512 << 20)
    q.wait('BALLOON_CHANGE')
    end = time.monotonic() + 60
    while q('query-balloon')['actual'] != 512 << 20 and time.monotonic() < end:
        time.sleep(0.5)
    print('balloon:', q.hmp('info balloon').strip())
    stats = q('qom-get', path=path, property='guest-stats')
    if q('query-balloon')['actual'] != 512 << 20 or not 0 < stats['stats']['stat-free-memory'] < 1 << 30:
        raise RuntimeError(f'balloon: {stats}')
    q('balloon', value=1024 << 20)
    time.sleep(2)
    print('balloon:', stats, vm.ssh('grep MemFree /proc/meminfo').strip())


def come_and_go(vm, number, image, digest):
    """A disk and a card are there, work, and go: the disk while it is read."""
    q, node, net = vm.qmp, f'node{number}', f'net{number}'
    cards = vm.ssh('ls /sys/class/net').split()
    q('blockdev-add', driver='file', node_name=node, filename=image)
    q('netdev_add', type='user', id=net)
    q('device_add', driver='virtio-blk-pci', id='hotdisk', drive=node, serial=f'hot{number}')
    q('device_add', driver='virtio-net-pci', id='hotcard', netdev=net, mac='52:54:00:99:00:01')
    disk = f'/dev/disk/by-id/virtio-hot{number}'
    vm.until(f'md5sum <{disk}', digest)
    vm.until('cat /sys/class/net/*/address', '52:54:00:99:00:01')
    if number % 4 == 0:
        print(vm.ssh('lspci; lsblk; ip -br link'))
    vm.ssh(f'for i in 1 2 3; do dd if={disk} of=/dev/null bs=64k iflag=direct count=100000 </dev/null '
           '>/dev/null 2>&1 & done; (while head -c 1M /dev/zero >/dev/null; do :; done) </dev/null >/dev/null 2>&1 & '
           'echo $! >/tmp/busy')
    q('device_del', id='hotdisk')
    q('device_del', id='hotcard')
    for device in ('hotdisk', 'hotcard'):
        q.wait('DEVICE_DELETED', path=f'/machine/peripheral/{device}/virtio-backend')
        q.wait('DEVICE_DELETED', device=device)
    vm.ssh('kill $(cat /tmp/busy)', check=False)
    vm.until(f'ls {disk} 2>/dev/null', '')
    left = vm.ssh('ls /sys/class/net').split()
    if left != cards:
        raise RuntimeError(f'cards: {left}, they were {cards}')
    q('blockdev-del', node_name=node)
    q('netdev_del', id=net)


def hotplug(vm, rounds):
    image = f'{vm.work}/hot.raw'
    data = os.urandom(4 << 20)
    with open(image, 'wb') as f:
        f.write(data)
    digest = hashlib.md5(data).hexdigest()
    for number in range(rounds):
        begin = time.monotonic()
        come_and_go(vm, number, image, digest)
        print(f'round {number}: {time.monotonic() - begin:.1f} s', flush=True)
    for bad in ({'driver': 'virtio-rng-pci', 'bus': 'pcie.0'}, {'driver': 'virtio-blk-device', 'drive': 'd'},
                {'driver': 'virtio-blk-pci', 'id': 'root', 'drive': 'd'}, {'driver': 'virtio-blk-pci', 'drive': 'no'}):
        try:
            vm.qmp('device_add', **bad)
        except RuntimeError as e:
            print(e)
        else:
            raise RuntimeError(f'{bad} was taken')
    try:
        vm.qmp('device_del', id='root')
    except RuntimeError as e:
        print(e)
    else:
        raise RuntimeError('the root disk let itself be taken')
    errors = vm.ssh("dmesg | grep -E 'Oops|BUG:|WARNING:|stalls? on|detected stall|Call trace'", check=False)
    if errors:
        raise RuntimeError(errors)


def stick(vm, node, driver, want, **where):
    """A disk on a bus that is there: its bytes, and that it goes while it is read."""
    q = vm.qmp
    q('device_add', driver=driver, id='unit', drive=node, serial=want[0], **where)
    disk = f'/dev/disk/by-id/*{want[0]}*'
    vm.until('ls /sys/class/scsi_device', ':0:0:0')
    vm.until(f'cat $(ls {disk} | head -n 1) | md5sum', want[1])
    print(driver, where, vm.ssh('lsblk -o NAME,TRAN,SIZE,SERIAL | grep -v vda').strip())
    vm.ssh(f'd=$(ls {disk} | head -n 1); dd if=$d of=/dev/null bs=64k iflag=direct count=1000000 '
           '</dev/null >/dev/null 2>&1 &')
    q('device_del', id='unit')
    q.wait('DEVICE_DELETED', device='unit')
    vm.until(f'ls {disk} 2>/dev/null', '')


def units(vm, rounds):
    q, image, data = vm.qmp, f'{vm.work}/hot.raw', os.urandom(4 << 20)
    with open(image, 'wb') as f:
        f.write(data)
    digest = hashlib.md5(data).hexdigest()
    for number in range(rounds):
        q('blockdev-add', driver='file', node_name='hot', filename=image)
        want = (f'hot{number}', digest)
        stick(vm, 'hot', 'scsi-hd', want, bus='scsi0.0')
        stick(vm, 'hot', 'usb-storage', want, bus='xhci.0')
        q('device_add', driver='usb-hub', id='hub', bus='xhci.0', port='2')
        q('device_add', driver='usb-kbd', id='keys', bus='xhci.0', port='2.1')
        stick(vm, 'hot', 'usb-storage', want, bus='xhci.0', port='2.3')
        vm.until('cat /proc/bus/input/devices', 'QEMU USB Keyboard')
        print(q.hmp('info usb').strip())
        q('device_del', id='hub')
        q.wait('DEVICE_DELETED', device='keys')
        q.wait('DEVICE_DELETED', device='hub')
        vm.until('grep "QEMU USB Keyboard" /proc/bus/input/devices', '')
        q('blockdev-del', node_name='hot')
    errors = vm.ssh("dmesg | grep -E 'Oops|BUG:|WARNING:|stalls? on|detected stall|Call trace'", check=False)
    if errors:
        raise RuntimeError(errors)


POKE = r"""
cat >/tmp/poke.c <<'C'
#include <fcntl.h>
#include <sys/mman.h>
int main(int n, char **a)
{
    volatile char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open(a[1], O_RDWR), 0);
    return p[0] == 3 ? p[0] = 1, 0 : 1;
}
C
gcc -o /tmp/poke /tmp/poke.c && d=$(grep -l 0x0011 /sys/bus/pci/devices/*/device) && d=${d%/device} &&
echo 1 >$d/enable && sync && /tmp/poke $d/resource0
"""


def panic(vm):
    """The guest says that it has panicked, whether its kernel has a driver for that or not."""
    subprocess.Popen(['timeout', '60', *vm.ssh_args, POKE])
    e = vm.qmp.wait('GUEST_PANICKED')
    if e['data']['action'] != 'poweroff':
        raise RuntimeError(e)


def main():
    argv, rounds = sys.argv[1:], 20
    if argv[:1] == ['--rounds']:
        rounds, argv = int(argv[1]), argv[2:]
    only_units = argv[:1] == ['--units']
    argv = argv[only_units:]
    tinamou, folder, options = argv[0], argv[1], argv[2:]
    with tempfile.TemporaryDirectory() as work:
        vm = Debian(tinamou, folder, work, ['-device', 'virtio-balloon-pci,id=balloon0', '-device', 'pvpanic-pci',
                                            '-device', 'qemu-xhci,id=xhci', '-device', 'virtio-scsi-pci,id=scsi0',
                                            *options])
        try:
            vm.up()
            if only_units:
                units(vm, 3)
                print('units: good')
                return
            print(vm.ssh('lspci; uname -r'))
            balloon(vm) if rounds > 2 else None
            hotplug(vm, rounds)
            print(vm.qmp.hmp('info pci'))
            panic(vm)
            if vm.process.wait(60):
                sys.exit(f'exit status {vm.process.returncode}')
        except BaseException:
            subprocess.run(['tail', '-c', '3000', f'{work}/console'], check=False)
            raise
        finally:
            vm.process.kill()
    print('hotplug: good')


if __name__ == '__main__':
    main()
