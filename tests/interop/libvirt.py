#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libvirt's own daemon probes, defines, starts and drives domains: pc and q35 under KVM, aarch64's virt
translated. libvirt.py TINAMOU KERNEL.
It has a libvirtd of its own, in name spaces of its own. 77 (skipped) where one of these is not there."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DOMAIN = '''<domain type='{accel}'>
  <name>{machine}</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='{arch}' machine='{machine}'>hvm</type>{boot}</os>
  <features>{features}</features>
  <clock offset='utc'>{clock}</clock>
  <devices>
    <emulator>{where}/bin/qemu-system-{arch}</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{where}/a.qcow2'/>
      <target dev='{disk}' bus='{bus}'/></disk>
    <interface type='user'><model type='{card}'/></interface>
    <serial type='pty'/><console type='pty'/>
    <channel type='unix'><target type='virtio' name='org.example.0'/></channel>
    {video}
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='virtio'/>
  </devices>
</domain>
'''
X86 = {'clock': "<timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>"
                "<timer name='hpet' present='no'/>",
       'accel': 'kvm', 'arch': 'x86_64', 'features': '<acpi/><apic/>', 'video': "<video><model type='vga'/></video>",
       'boot': "<boot dev='hd'/><bootmenu enable='yes' timeout='1000'/>"}
DOMAINS = {'pc': {'disk': 'hda', 'bus': 'ide', 'card': 'e1000', **X86},
           'q35': {'disk': 'vda', 'bus': 'virtio', 'card': 'e1000e', **X86},
           'virt': {'disk': 'vda', 'bus': 'virtio', 'card': 'virtio', 'accel': 'qemu', 'arch': 'aarch64', 'video': '', 'clock': '',
                    'features': "<gic version='2'/>", 'boot': '<kernel>{where}/kernel</kernel>'}}
FOLDERS = {'etc': '/etc/libvirt', 'lib': '/var/lib/libvirt', 'cache': '/var/cache/libvirt',
           'run': '/run/libvirt', 'log': '/var/log/libvirt'}
QEMU_CONF = 'security_driver = "none"\nuser = "root"\ngroup = "root"\nnamespaces = []\n' \
    'cgroup_controllers = []\nstdio_handler = "file"\n'
DAEMON_CONF = 'auth_unix_ro = "none"\nauth_unix_rw = "none"\nlog_outputs = "3:file:{where}/libvirtd.log"\n' \
    'host_uuid = "9d4e2f6c-7f02-4f4b-9d6e-a3b1e2c4d5f6"\n'


def skip(why):
    print('skipped:', why)
    sys.exit(77)


def virsh(*words, fails=None):
    r = subprocess.run(['virsh', '-q', '-c', 'qemu:///system', *words], capture_output=True, text=True,
                       timeout=90)
    if fails:
        assert r.returncode and fails in r.stderr, (words, r.stderr)
    else:
        assert r.returncode == 0, (words, r.stderr)
    return r.stdout.strip()


def until(what, *words):
    for _ in range(100):
        if what in virsh(*words):
            return
        time.sleep(0.2)
    raise AssertionError((words, what, virsh(*words)))


def domain(where, machine):
    xml = os.path.join(where, machine + '.xml')
    with open(xml, 'w', encoding='utf-8') as f:
        f.write(DOMAIN.format(where=where, machine=machine, **DOMAINS[machine]).replace('{where}', where))
    virsh('define', xml)
    virsh('start', machine)
    assert virsh('domstate', machine) == 'running'
    assert 'tty=' in virsh('dumpxml', machine)
    assert 'running' in virsh('qemu-monitor-command', machine, '--hmp', 'info status')
    assert '"status": "running"' in virsh('qemu-monitor-command', machine, '{"execute":"query-status"}').replace(
        '":"', '": "')
    if DOMAINS[machine]['video']:
        picture = os.path.join(where, 'screen')
        virsh('screenshot', machine, picture)
        with open(picture, 'rb') as f:
            assert f.read(4) in (b'\x89PNG', b'P6\n7', b'P6\n6'), 'a picture'
    virsh('suspend', machine)
    assert virsh('domstate', machine) == 'paused'
    virsh('resume', machine)
    if machine != 'virt': # which has no keyboard
        virsh('send-key', machine, 'KEY_ESC')
    assert 'actual' in virsh('dommemstat', machine)
    assert 'block.0.rd.reqs' in virsh('domstats', machine)
    virsh('reset', machine)
    plug = ['attach-disk', machine, os.path.join(where, 'b.qcow2'), 'vdb', '--subdriver', 'qcow2']
    if machine != 'pc':
        virsh(*plug)
        assert 'vdb' in virsh('domblklist', machine)
    else:
        virsh(*plug, fails='does not support hotplugging')
        assert 'vdb' not in virsh('domblklist', machine)
        virsh('attach-disk', machine, os.path.join(where, 'b.qcow2'), 'sda', '--targetbus', 'usb',
              '--subdriver', 'qcow2')
        virsh('detach-disk', machine, 'sda')
    virsh('destroy', machine)
    assert virsh('domstate', machine) == 'shut off'
    virsh('undefine', machine)
    print('ok:', machine)


def inside(where):
    subprocess.run(['mount', '--make-rprivate', '/'], check=True)
    for name, place in FOLDERS.items():
        os.makedirs(place, exist_ok=True)
        subprocess.run(['mount', '--bind', os.path.join(where, name), place], check=True)
    subprocess.run(['hostname', 'tinamou-test'], check=True)
    env = dict(os.environ, PATH=os.path.join(where, 'bin') + ':/usr/sbin:/usr/bin:/sbin:/bin')
    with subprocess.Popen(['libvirtd', '-f', os.path.join(where, 'etc/libvirtd.conf'), '--pid-file',
                           os.path.join(where, 'libvirtd.pid')], env=env) as daemon:
        try:
            for _ in range(100):
                if os.path.exists('/run/libvirt/libvirt-sock') or daemon.poll() is not None:
                    break
                time.sleep(0.1)
            kind = 'kvm' if 'pc' in sys.argv else 'qemu'
            caps = virsh('domcapabilities', '--emulatorbin', os.path.join(where, 'bin/qemu-system-x86_64'),
                         '--arch', 'x86_64', '--machine', 'pc', '--virttype', kind)
            assert '<machine>pc-i440fx-7.2</machine>' in caps and '<value>ide</value>' in caps, caps
            for machine in sys.argv[4:]:
                domain(where, machine)
        finally:
            folder = os.path.join(where, 'run/qemu')
            for name in os.listdir(folder) if os.path.isdir(folder) else []:
                if name.endswith('.pid'):
                    with open(os.path.join(folder, name), encoding='utf-8') as f:
                        os.kill(int(f.read()), signal.SIGTERM)
            daemon.terminate()


def main():
    if len(sys.argv) > 3:
        inside(sys.argv[3])
        return
    for tool in 'libvirtd', 'virsh', 'unshare', 'qemu-img':
        if not shutil.which(tool):
            skip(f'{tool} is not installed (libvirt-daemon-system, libvirt-clients, qemu-utils)')
    if os.geteuid():
        skip('it needs root')
    machines = list(DOMAINS)
    if not os.access('/dev/kvm', os.R_OK | os.W_OK) or not os.path.exists('/usr/share/seabios/bios-256k.bin'):
        print('in part: pc and q35 need /dev/kvm, and SeaBIOS (package seabios)')
        machines = ['virt']
    with tempfile.TemporaryDirectory(dir='/var/tmp') as where:
        for name in ('bin', *FOLDERS):
            os.mkdir(os.path.join(where, name))
        for arch in 'x86_64', 'aarch64':
            wrapper = os.path.join(where, 'bin/qemu-system-' + arch)
            with open(wrapper, 'w', encoding='utf-8') as f:
                f.write(f'#!/bin/sh\nexec {os.path.abspath(sys.argv[1])} system {arch} "$@"\n')
            os.chmod(wrapper, 0o755)
        shutil.copy(sys.argv[2], os.path.join(where, 'kernel'))
        with open(os.path.join(where, 'etc/qemu.conf'), 'w', encoding='utf-8') as f:
            f.write(QEMU_CONF)
        with open(os.path.join(where, 'etc/libvirtd.conf'), 'w', encoding='utf-8') as f:
            f.write(DAEMON_CONF.format(where=where))
        for name in 'a.qcow2', 'b.qcow2':
            subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', os.path.join(where, name), '16M'], check=True)
        try:
            done = subprocess.run(['unshare', '-m', '-u', sys.executable, __file__, *sys.argv[1:3], where, *machines],
                                  timeout=280, check=False)
        except subprocess.TimeoutExpired:
            print('FAILED: no end within 280 s')
            sys.exit(1)
        if done.returncode:
            for name in os.listdir(os.path.join(where, 'log/qemu')) if os.path.isdir(
                    os.path.join(where, 'log/qemu')) else []:
                with open(os.path.join(where, 'log/qemu', name), encoding='utf-8') as f:
                    print(name, ':', f.read()[-3000:])
        sys.exit(done.returncode)


main()
