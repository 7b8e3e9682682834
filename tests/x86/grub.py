#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GRUB (package grub-pc-bin) comes to its shell from a disk and from a CD under KVM, takes what is
typed at the serial console, reads its drive and restarts the machine.

usage: tests/x86/grub.py BUILD disk|cd pc|q35
A nested KVM that executes the guest by an emulator needs 40 s, nearly all of it for unpacking GRUB."""
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT = 200
FOLDER = '/usr/lib/grub/i386-pc'
MODULES = 'biosdisk serial terminal normal echo minicmd ls reboot iso9660'.split()
EARLY = 'serial --unit=0\nterminal_input serial\nterminal_output serial\n'


def image(kind, work):
    """The drive's options."""
    early, core = os.path.join(work, 'early.cfg'), os.path.join(work, 'core.img')
    with open(early, 'w') as f:
        f.write(EARLY)
    form = 'i386-pc' if kind == 'disk' else 'i386-pc-eltorito'
    subprocess.run(['grub-mkimage', '-O', form, '-o', core, '-p', '/boot/grub', '-c', early, *MODULES],
                   check=True)
    if kind == 'disk':
        path = os.path.join(work, 'disk.img')
        with open(path, 'wb') as f:
            for part in (os.path.join(FOLDER, 'boot.img'), core):
                with open(part, 'rb') as g:
                    f.write(g.read())
            f.truncate(2 << 20)
        return ['-drive', f'file={path},format=raw,if=ide']
    path, tree = os.path.join(work, 'cd.iso'), os.path.join(work, 'cd')
    os.mkdir(tree)
    shutil.move(core, os.path.join(tree, 'eltorito.img'))
    with open(os.path.join(tree, 'seen'), 'w') as f:
        f.write('a file\n')
    subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-o', path, '-b', 'eltorito.img',
                    '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table',
                    '--grub2-boot-info', tree], check=True, stderr=subprocess.DEVNULL)
    return ['-cdrom', path]


def wait_for(p, text, word, end):
    while word not in text:
        if time.monotonic() > end or p.poll() is not None:
            sys.exit(f'no {word.decode()} on the console:\n' + text.decode('latin1'))
        if select.select([p.stdout], [], [], 1)[0]:
            text += os.read(p.stdout.fileno(), 4096)
    del text[:text.index(word) + len(word)]


def main():
    build, kind, machine = sys.argv[1:]
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('skipped: there is no /dev/kvm that this user may open')
        return 77
    for tool in ['grub-mkimage'] + ['xorriso'] * (kind == 'cd'):
        if not shutil.which(tool):
            print(f'skipped: no {tool} here')
            return 77
    if not os.path.isdir(FOLDER) or not os.path.exists('/usr/share/seabios/bios-256k.bin'):
        print('skipped: the packages grub-pc-bin and seabios are not both here')
        return 77
    with tempfile.TemporaryDirectory() as work:
        cmd = [os.path.join(build, 'tinamou'), 'system', 'x86_64', '-M', machine, '-accel', 'kvm',
               '-m', '64', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot',
               '-bios', '/usr/share/seabios/bios-256k.bin', *image(kind, work)]
        p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        text, end = bytearray(), time.monotonic() + LIMIT
        try:
            wait_for(p, text, b'grub>', end)
            p.stdin.write(b'set x=wor\recho ${x}ked\rls\r' + b'ls (cd)/\r' * (kind == 'cd'))
            p.stdin.flush()
            wait_for(p, text, b'worked', end)
            wait_for(p, text, b'(cd)' if kind == 'cd' else b'(hd0)', end)
            if kind == 'cd':
                wait_for(p, text, b'seen', end)
            p.stdin.write(b'reboot\r')
            p.stdin.flush()
            if p.wait(60):
                sys.exit(f'status {p.returncode} after reboot with -no-reboot')
        finally:
            p.kill()
            p.wait()
    print(f'ok: GRUB from a {kind} on {machine}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
