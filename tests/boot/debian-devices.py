#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Devices and networks together in one running Debian (scripts/debian-guest.sh): receive side
scaling on a tap device, serial ports that come and go, guestfwd to a chardev, forwarded ports of
both families, git over a shared folder, and states saved and loaded while USB disks are read and
the folder is mounted.

debian-devices.py [--debs FOLDER] [--only PART,...] TINAMOU DEBIAN-FOLDER

--debs has the guest's packages of git and ethtool; without them what needs them is skipped. The
tap device needs root."""
import argparse
import hashlib
import os
import socket
import subprocess
import tempfile
import threading
import time

from hotplug import Debian

PARTS = ('errors', 'receive_side_scaling', 'serial', 'forwarding', 'shared_folder', 'states')


def check(what, seen, good):
    print(f'{what}: {seen}', flush=True)
    if not good:
        raise RuntimeError(f'{what}: {seen!r}')


def free_port(family=socket.AF_INET):
    with socket.socket(family) as s:
        s.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        return s.getsockname()[1]


def join(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(60)
    return s


def start(vm, command):
    """@command goes on in the guest by itself, and ends with it."""
    vm.ssh(f"setsid sh -c '{command}' </dev/null >/dev/null 2>&1 &")


class Test:
    def __init__(self, a, work):
        self.work, self.tap = work, None
        self.published, self.port6 = free_port(), free_port(socket.AF_INET6)
        os.mkdir(f'{work}/share')
        self.sums = {}
        for name in ('stick', 'uas'):
            data = os.urandom(16 << 20)
            self.sums[name] = hashlib.md5(data).hexdigest()
            with open(f'{work}/{name}.raw', 'wb') as f:
                f.write(data)
            # States go to every disk that is written to.
            subprocess.run([a.tinamou, 'img', 'create', '-q', '-f', 'qcow2', '-b', f'{work}/{name}.raw', '-F', 'raw',
                            f'{work}/{name}.qcow2'], check=True)
        options = [
            '-device', 'virtio-serial-pci,id=v', '-device', 'virtserialport,chardev=c1,name=org.test.1,id=port1,bus=v.0',
            '-chardev', f'socket,id=c1,path={work}/c1,server=on,wait=off',
            '-chardev', f'socket,id=c2,path={work}/c2,server=on,wait=off',
            '-netdev', f'user,id=u2,net=10.2.0.0/24,guestfwd=tcp:10.2.0.100:80-chardev:c2',
            '-device', 'virtio-net-pci,netdev=u2,mac=52:54:00:77:00:02',
            '-netdev', f'user,id=e0,net=10.1.0.0/24,ipv6-prefix=fd01::,ipv6-prefixlen=64,hostfwd=tcp:[::1]:{self.port6}-[fd01::77]:22',
            '-device', 'pcie-root-port,id=rp,chassis=9', '-device', 'e1000e,id=e1,bus=rp,netdev=e0,mac=52:54:00:77:00:03',
            '-device', 'virtio-rng-pci,vectors=0',
            '-virtfs', f'local,path={work}/share,mount_tag=share,security_model=mapped-xattr',
            '-usb', '-drive', f'if=none,id=us,file={work}/stick.qcow2,format=qcow2', '-device', 'usb-storage,drive=us',
            '-drive', f'if=none,id=ud,file={work}/uas.qcow2,format=qcow2', '-device', 'usb-uas,id=uas',
            '-device', 'scsi-hd,bus=uas.0,drive=ud', '-publish', f'{self.published}:22']
        if os.geteuid() == 0 and os.path.exists('/dev/net/tun'):
            self.tap = f'tindev{os.getpid() % 1000}'
            self.net = f'10.213.{os.getpid() % 250}'
            options += ['-netdev', f'tap,id=t0,ifname={self.tap},queues=4,script=no,downscript=no', '-device',
                        'virtio-net-pci,netdev=t0,mq=on,rss=on,hash=on,mac=52:54:00:77:00:01']
        self.vm = Debian(a.tinamou, a.folder, work, options)
        self.debs = a.debs

    def card(self, last):
        return self.vm.ssh(f'd=$(grep -l 52:54:00:77:00:0{last} /sys/class/net/*/address | head -n 1); '
                           'basename $(dirname $d)').strip()

    def begin(self):
        self.vm.up()
        if self.debs:
            tar = subprocess.run(['tar', '-C', self.debs, '-cf', '-', '.'], check=True, capture_output=True).stdout
            subprocess.run([*self.vm.ssh_args, 'mkdir -p /tmp/debs && tar -C /tmp/debs -xf - && '
                            'for d in /tmp/debs/*.deb; do dpkg-deb --fsys-tarfile $d | '
                            'tar -C / --keep-directory-symlink -x; done; ldconfig'], input=tar, check=True)
        print(self.vm.ssh('ip -br link; lspci'))

    def errors(self):
        """What a port says of the card below it; a device without messages."""
        vm, card = self.vm, self.card(3)
        place = os.path.basename(vm.ssh(f'readlink /sys/class/net/{card}/device').strip())
        out = vm.ssh(f'lspci -vvv -s {place}; lspci -vvv -d 1b36:000c')
        print(out)
        check('AER and ACS', '', 'Advanced Error Reporting' in out and 'ACSCtl' in out and 'RootCmd' in out)
        for flags, name, want in (('-c ', 'BAD_TLP', 'BadTLP'), ('', 'COMP_TIME', 'CmpltTO'),
                                  ('', 'UNSUP', 'UnsupReq')):
            vm.ssh('dmesg -C')
            out = vm.qmp.hmp(f'pcie_aer_inject_error {flags}e1 {name} 1 2 3 4')
            check('error', out.strip(), out.startswith('OK id: e1'))
            out = vm.until('dmesg', want)
            out = vm.until('dmesg', 'recovery successful') if not flags else out
            check('the kernel says', out, place in out)
        vm.until(f'ip -br link show {card}', 'UP')
        out = vm.ssh('head -c 100000 /dev/hwrng | wc -c; grep -E "virtio[0-9]+$" /proc/interrupts')
        check('INTx', out, out.startswith('100000') and any(int(n) for n in out.splitlines()[1].split()[1:5]))

    def receive_side_scaling(self):
        if not self.tap:
            print('skipped: the tap device needs root')
            return
        subprocess.run(['ip', 'addr', 'add', f'{self.net}.1/24', 'dev', self.tap], check=True)
        subprocess.run(['ip', 'link', 'set', self.tap, 'up'], check=True)
        card = self.card(1)
        features = self.vm.ssh(f'cat /sys/class/net/{card}/device/features').strip()
        check('hash report and RSS are agreed on', features, features[57] == features[60] == '1')
        self.vm.ssh(f'ip addr add {self.net}.2/24 dev {card}; ip link set {card} up')
        out = self.vm.ssh(f'ls /sys/class/net/{card}/queues; ping -c 3 -w 20 {self.net}.1')
        check('ping over the tap device', out.splitlines()[-2], 'rx-3' in out and ' 0% packet loss' in out)
        if 'ethtool' in self.vm.ssh('which ethtool', check=False):
            out = self.vm.ssh(f'ethtool -L {card} combined 4; ethtool -x {card}; ethtool -K {card} rxhash on; '
                              f'ethtool -k {card} | grep receive-hashing')
            check('ethtool', out, '4 RX ring(s)' in out and 'receive-hashing: on' in out)
        else:
            print('skipped: no ethtool in the guest')
        # Flows of several ports fall to several queues, each with a message of its own.
        before = self.interrupts(card)
        port = free_port()
        with socket.socket() as server:
            server.bind((f'{self.net}.1', port))
            server.listen(32)
            files = []
            thread = threading.Thread(target=lambda: files.extend(server.accept()[0] for _ in range(16)))
            thread.start()
            start(self.vm, f'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do '
                  f'bash -c "exec 3<>/dev/tcp/{self.net}.1/{port}; cat <&3" & done; wait')
            thread.join(60)
            for _ in range(20):
                for f in files:
                    f.sendall(bytes(10000))
                time.sleep(0.02)
            for f in files:
                f.close()
        after = self.interrupts(card)
        grown = [b - a for a, b in zip(before, after)]
        check('interrupts of the queues', grown, len(files) == 16 and sum(g > 0 for g in grown) >= 3)

    def interrupts(self, card):
        """How many each receive queue has had."""
        name = os.path.basename(self.vm.ssh(f'readlink /sys/class/net/{card}/device').strip())
        lines = self.vm.ssh(f'grep -E "{name}-input" /proc/interrupts').splitlines()
        return [sum(int(w) for w in line.split()[1:] if w.isdigit()) for line in lines]

    def serial(self):
        vm = self.vm
        s = join(f'{self.work}/c1')
        vm.ssh('echo from-guest >/dev/virtio-ports/org.test.1')
        check('the port says', s.recv(100), True)
        vm.qmp.wait('VSERPORT_CHANGE', id='port1', open=True)
        vm.qmp.wait('VSERPORT_CHANGE', id='port1', open=False)
        threading.Timer(2, lambda: s.send(b'to-guest\n')).start()
        out = vm.ssh('head -n 1 </dev/virtio-ports/org.test.1')
        check('the guest reads', out, out == 'to-guest\n')
        vm.qmp('chardev-add', id='c3', backend={'type': 'ringbuf', 'data': {'size': 4096}})
        vm.qmp('device_add', driver='virtserialport', id='hp', chardev='c3', name='org.hot', bus='v.0')
        vm.until('ls /dev/virtio-ports', 'org.hot')
        vm.ssh('echo hot >/dev/virtio-ports/org.hot')
        out = vm.qmp('ringbuf-read', device='c3', size=100)
        check('a port that came', out, out == 'hot\n')
        vm.qmp('device_del', id='hp')
        vm.qmp.wait('DEVICE_DELETED', device='hp')
        vm.until('ls /dev/virtio-ports/org.hot 2>/dev/null', '')
        vm.qmp('chardev-remove', id='c3')

    def forwarding(self):
        vm = self.vm
        s = join(f'{self.work}/c2')
        card = self.card(2)
        vm.ssh(f'ip link set {card} up; ip addr add 10.2.0.77/32 dev {card}; '
               f'ip route add 10.2.0.100/32 dev {card} src 10.2.0.77')
        threading.Thread(target=lambda: s.sendall(b'hello ' + s.recv(100)), daemon=True).start()
        out = vm.ssh('bash -c "exec 3<>/dev/tcp/10.2.0.100/80; echo abc >&3; head -n 1 <&3"')
        check('guestfwd to a chardev', out, out == 'hello abc\n')
        card = self.card(3)
        # Its default route goes away: answers are to take the same card.
        vm.ssh(f'ip link set {card} up; ip -6 addr add fd01::77/64 dev {card} nodad')
        time.sleep(1)
        with socket.create_connection(('::1', self.port6), 60) as c:
            c.settimeout(60)
            line = c.recv(20)
        check('a port forwarded from ::1', line, line.startswith(b'SSH-2.0'))
        with socket.create_connection(('127.0.0.1', self.published), 60) as c:
            c.settimeout(60)
            line = c.recv(20)
        check('a published port', line, line.startswith(b'SSH-2.0'))

    def mount(self):
        self.vm.ssh('mountpoint -q /mnt/s || { mkdir -p /mnt/s; '
                    'mount -t 9p -o trans=virtio,version=9p2000.L share /mnt/s; }')

    def shared_folder(self):
        vm = self.vm
        self.mount()
        if 'git' not in vm.ssh('which git', check=False):
            print('skipped: no git in the guest')
            return
        out = vm.ssh('set -e; mkdir /mnt/s/w; cd /mnt/s/w; git init -q . 2>&1; for i in $(seq 30); do echo $i >f$i; done; '
                     'git add -A; git -c user.name=a -c user.email=a@b commit -q -m x 2>&1; cd ..; '
                     'git clone -q w w2 2>&1; cd w2; git log --oneline; ls | wc -l; git fsck --no-progress 2>&1; git status -s')
        check('git over the shared folder', out, out.splitlines()[-1] == '30')

    def states(self):
        vm = self.vm
        self.mount()
        vm.until('lsblk -nS -o TRAN | sort | xargs', 'usb usb')
        print(vm.ssh('lsblk -S; ls /sys/bus/usb/drivers/uas'))
        start(vm, 'exec 9>/mnt/s/held; while :; do date +%s%N >&9; sleep 0.2; done')
        for d in ('sda', 'sdb'):
            start(vm, f'while :; do dd if=/dev/{d} iflag=direct bs=256k status=none | md5sum; done >/tmp/sums-{d} 2>&1')
        time.sleep(2)
        for i in range(2):
            out = vm.qmp.hmp(f'savevm s{i}')
            check(f'savevm {i}', out, not out)
            time.sleep(3)
            out = vm.qmp.hmp(f'loadvm s{i}')
            check(f'loadvm {i}', out, not out)
            time.sleep(3)
        check('states', vm.qmp.hmp('info snapshots'), 's1' in vm.qmp.hmp('info snapshots'))
        lines = int(vm.ssh('wc -l </mnt/s/held'))
        vm.until('test -s /tmp/sums-sda && test -s /tmp/sums-sdb && echo both', 'both', 120)
        out = vm.ssh('sort -u /tmp/sums-sda; sort -u /tmp/sums-sdb').replace('  -', '').split()
        check('disks that were read all the time', out, sorted(out) == sorted(self.sums.values()))
        more = int(vm.ssh('wc -l </mnt/s/held'))
        check('a file that was held open', f'{lines} lines, later {more}', more > lines)
        vm.ssh('echo good >/mnt/s/new; cat /mnt/s/new; ls /mnt/s')
        errors = vm.ssh("dmesg | grep -E 'Oops|BUG:|WARNING:|stalls? on|detected stall|Call trace|I/O error'", check=False)
        check('kernel warnings', errors, not errors)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--debs')
    p.add_argument('--only', help=', '.join(PARTS))
    p.add_argument('tinamou')
    p.add_argument('folder')
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        t = Test(a, work)
        try:
            t.begin()
            for part in a.only.split(',') if a.only else PARTS:
                start = time.monotonic()
                getattr(t, part)()
                print(f'{part}: {time.monotonic() - start:.0f} s', flush=True)
            print(t.vm.qmp.hmp('info network'), t.vm.qmp.hmp('info usb'))
        except BaseException:
            subprocess.run(['tail', '-c', '2000', f'{work}/console'], check=False)
            raise
        finally:
            t.vm.process.kill()
            t.vm.process.wait()
    print('devices: good')


if __name__ == '__main__':
    main()
