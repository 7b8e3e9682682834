#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option of QEMU 7.2's --help is known: it does what it says, or its refusal says why.
options.py TINAMOU"""
import json
import os
import re
import subprocess
import sys
import tempfile

# All of --help of Debian's x86_64, aarch64 and mipsel, each with an argument that a script may pass.
WORDS = '''-h; -version; -machine none; -cpu help; -accel tcg; -smp 1; -numa node; -add-fd fd=99,set=1;
-global virtio-net-pci.romfile=; -boot strict=on; -m 64; -mem-path x; -mem-prealloc;
-k de; -audio-help; -audio none,model=hda; -audiodev none,id=a; -device virtio-rng-pci; -name n; -uuid
01234567-89ab-cdef-0123-456789abcdef; -fda x; -fdb x; -hda x; -hdb x; -hdc x; -hdd x; -cdrom x; -blockdev
driver=null-co,node-name=n; -drive if=none,id=d; -mtdblock x; -sd x; -snapshot; -fsdev
local,id=f,path=/,security_model=none; -virtfs local,path=/,mount_tag=t,security_model=none; -iscsi user=u;
-usb; -usbdevice tablet; -display none; -nographic; -spice port=5900; -portrait; -rotate 90; -vga none;
-full-screen; -vnc none; -vnc :1; -win2k-hack; -no-fd-bootchk; -no-acpi; -no-hpet; -acpitable sig=X,data=y;
-smbios type=0; -netdev user,id=n; -nic none; -net none; -chardev null,id=c; -tpmdev emulator,id=t;
-bios x; -pflash x; -kernel x; -append x; -initrd x; -dtb x; -compat deprecated-input=accept; -fw_cfg
opt/x,string=y; -serial null; -parallel none; -monitor none; -qmp none; -qmp-pretty none; -mon c; -debugcon
none; -pidfile p; -singlestep; --preconfig; -S; -overcommit mem-lock=off; -gdb none; -s; -d unimp; -D log;
-dfilter 0+1; -seed 1; -L /; -enable-kvm; -xen-domid 1; -xen-attach; -xen-domid-restrict; -no-reboot;
-no-shutdown; -action panic=none; -loadvm x; -daemonize; -option-rom x; -rtc base=utc; -icount 1;
-watchdog-action none; -echr 2; -incoming defer; -only-migratable; -nodefaults; -chroot /; -runas root;
-sandbox off; -readconfig /dev/null; -no-user-config; -trace x; -plugin x; -async-teardown; -msg
timestamp=on; -dump-vmstate v; -enable-sync-profile; -object iothread,id=i; -semihosting; -semihosting-config
enable=on; -old-param; -g 640x480; -prom-env x=y; -run-with async-teardown=on'''
# and those that a newer or older one has had
REFUSED = {'-spice', '-tpmdev', '-iscsi', '-plugin', '-audio', '-audio-help', '-semihosting', '-portrait',
           '-semihosting-config', '-xen-domid', '-xen-attach', '-xen-domid-restrict', '-full-screen',
           '-rotate', '-old-param', '-g', '-prom-env', '-enable-sync-profile', '--preconfig'}


class Runs:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.bad = binary, folder, 0

    def run(self, *words, arch='x86_64', text=None, **more):
        return subprocess.run([self.binary, 'system', arch, *words], capture_output=True, text=True,
                              timeout=30, input=text, cwd=self.folder, **more)

    def expect(self, ok, what):
        if not ok:
            print('FAIL:', what)
            self.bad += 1

    def refuses(self, want, *words):
        r = self.run('-M', 'virt', '-accel', 'tcg', '-S', '-display', 'none', *words, arch='aarch64')
        self.expect(r.returncode == 1 and re.search(want, r.stderr) and r.stderr.count('\n') <= 3,
                    f'{words}: {r.stderr!r}, wanted {want}')

    # On a machine whose monitor is told to quit.
    def takes(self, *words, monitor='quit\n', **more):
        r = self.run('-M', 'virt', '-accel', 'tcg', '-S', '-nodefaults', '-display', 'none', '-monitor',
                     'stdio', *words, text=monitor, arch='aarch64', **more)
        self.expect(r.returncode == 0, f'{words}: {r.returncode} {r.stderr!r}')
        return r


def known(t):
    for entry in WORDS.split(';'):
        words = entry.split()
        # An option that does not exist ends what is before it: nothing is started.
        r = t.run(*words, '-such-an-option')
        if words[0] in REFUSED or words == ['-vnc', ':1']:
            t.expect(r.returncode == 1 and re.search('is not there: .{15}|there is no VNC', r.stderr),
                     f'{words}: {r.stderr}')
        elif words[0] not in ('-h', '-version'):
            t.expect('such-an-option: there is no such option' in r.stderr, f'{words}: {r.stderr}')


def values(t):
    t.refuses('valid: none', '-audiodev', 'pa,id=a')
    t.refuses('valid: /dev/urandom', '-object', 'rng-random,id=r,filename=/dev/zero')
    t.takes('-object', 'rng-random,id=r,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r')
    t.refuses('already', '-audiodev', 'none,id=a', '-audiodev', 'none,id=a')
    t.takes('-audiodev', '{"id":"a","driver":"none","timer-period":1000}', '-msg', 'guest-name=on')
    t.expect('none' in t.run('-audiodev', 'help').stdout, '-audiodev help')
    t.refuses("'maybe'|on or off", '-overcommit', 'mem-lock=maybe')
    t.refuses('is for -accel kvm', '-accel', 'tcg', '-overcommit', 'cpu-pm=on')
    t.refuses('reset', '-watchdog-action', 'explode')
    t.refuses('1 to 255', '-echr', '0')
    t.refuses('layout', '-k', 'klingon')
    t.refuses('no range', '-dfilter', '12')
    t.refuses('GROUP.ID.OPTION', '-set', 'drive.d')
    t.refuses("no group 'disk'", '-set', 'disk.d.file=x')
    t.refuses('no -drive before it has id=d', '-set', 'drive.d.file=x')
    t.refuses('there is no such user', '-runas', 'nobody-of-that-name')
    t.refuses('No such file', '-chroot', '/nonexistent')
    t.refuses('valid: allow, deny', '-sandbox', 'on,spawn=maybe')
    t.refuses('accept', '-compat', 'unstable-input=refuse')
    t.refuses('if=sd', '-sd', 'card.img')
    r = t.run('-M', 'none', '-accel', 'fly', '-msg', 'timestamp=on,guest-name=on', '-name', 'g1')
    t.expect(re.match(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z g1 tinamou: ', r.stderr), r.stderr)
    t.takes('-global', 'driver=virtio-net-pci,property=romfile,value=')
    t.refuses('belong together', '-global', 'driver=x,property=y')


def files(t):
    disk = os.path.join(t.folder, 'a,b.img')
    open(disk, 'wb').write(bytes(1 << 20))
    conf = os.path.join(t.folder, 'c.cfg')
    with open(conf, 'w', encoding='utf-8') as f:
        f.write(f'# a machine\n[machine]\n  type = "virt"\n\n[drive "d0"]\n  if = "virtio"\n'
                f'  file = "{disk}"\n  format="raw"\n[name]\n  guest = "of-a-file"\n')
    r = t.run('-readconfig', conf, '-accel', 'tcg', '-S', '-nodefaults', '-display', 'none', '-monitor',
              'stdio', text='info name\ninfo block\nquit\n', arch='aarch64')
    t.expect('of-a-file' in r.stdout and 'd0' in r.stdout and 'a,b.img' in r.stdout,
             f'-readconfig: {r.stdout} {r.stderr}')
    r = t.takes('-drive', 'if=virtio,id=d0,format=raw', '-set', f'drive.d0.file={disk}',
                monitor='info block\nquit\n')
    t.expect('a,b.img' in r.stdout, f'-set: {r.stdout}')
    for text, want in (('x = "y"\n', 'line 1: .*first'), ('[drive\n', 'line 1: .*NAME'),
                       ('[drive "d"]\nfile = x\n', 'line 2: .*KEY = "VALUE"'),
                       ('\n[disk]\n', "line 2: .*the group 'disk'"),
                       (f'[drive "d"]\nfily = "x"\nfile = "{disk}"\nformat = "raw"\nif = "virtio"\n', 'fily')):
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(text)
        t.refuses(want, '-readconfig', conf)
    out = os.path.join(t.folder, 'vmstate')
    t.takes('-dump-vmstate', out)
    with open(out, encoding='utf-8') as f:
        tables = json.load(f)
    t.expect(tables['vmschkmachine']['Name'] == 'virt', 'vmschkmachine')
    fields = {f['field'] for f in tables['pl011']['Description']['Fields']}
    t.expect(len(fields) > 8 and len(tables) > 100, f'-dump-vmstate: {fields}')


def confined(t):
    r = t.takes('-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
                '-name', 'g,process=guest-of-a-test', '-async-teardown', monitor='info status\nquit\n')
    t.expect('VM status' in r.stdout, r.stdout)
    if os.geteuid() == 0:
        p = subprocess.Popen([t.binary, 'system', 'x86_64', '-M', 'none', '-accel', 'tcg', '-S', '-nodefaults',
                              '-display', 'none', '-monitor', 'stdio', '-chroot', t.folder, '-runas', '12:34',
                              '-sandbox', 'on', '-name', 'g,process=of-a-test'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        p.stdin.write('info status\n')
        p.stdin.flush()
        while 'VM status' not in p.stdout.readline():
            pass
        with open(f'/proc/{p.pid}/status', encoding='utf-8') as f:
            status = f.read()
        t.expect('Uid:\t12\t12\t12\t12' in status and 'Gid:\t34\t34\t34\t34' in status and
                 'Seccomp:\t2' in status and 'Name:\tof-a-test' in status, status)
        t.expect(os.readlink(f'/proc/{p.pid}/root') == os.path.realpath(t.folder), '-chroot')
        p.communicate('quit\n', timeout=20)
        t.expect(p.returncode == 0, f'-chroot -runas: {p.returncode}')
    else:
        print('in part: -chroot and -runas are tried by root alone')
        t.refuses('only root may', '-chroot', '/')


def asked(t):
    lines = '\n'.join(json.dumps({'execute': c}) for c in
                      ('qmp_capabilities', 'query-command-line-options', 'x-query-jit', 'quit'))
    r = t.run('-M', 'none', '-accel', 'tcg', '-S', '-nodefaults', '-display', 'none', '-qmp', 'stdio',
              '-compat', 'unstable-input=reject', text=lines)
    t.expect('Unstable command x-query-jit disabled by policy' in r.stdout, r.stdout[-300:])
    names = {o['option'] for line in r.stdout.split('\n') if '"parameters"' in line
             for o in json.loads(line)['return']}
    t.expect({'sandbox', 'overcommit', 'msg', 'trace'} <= names and not {'spice', 'vnc', 'tpmdev'} & names,
             f'query-command-line-options: {names}')


with tempfile.TemporaryDirectory() as where:
    tests = Runs(os.path.abspath(sys.argv[1]), where)
    for part in known, values, files, confined, asked:
        part(tests)
    print('FAILED' if tests.bad else 'ok: options')
    sys.exit(1 if tests.bad else 0)
