#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What wrong, or merely unusual, command lines are answered: messages.py TINAMOU. One row for
each promise of the contract on messages; rows of features that are not there yet are skipped by
name."""
import os
import subprocess
import sys
import tempfile

VIRT = ['-M', 'virt', '-cpu', 'cortex-a57', '-display', 'none', '-net', 'none']
LATER = 'later'

# name, options (or why it is skipped), wanted in what is printed, exit status (None: it runs, and
# is ended by `quit` in a monitor on its standard input)
ROWS = [
    ('where a pseudo-terminal is', ['-M', 'virt', '-display', 'none', '-S', '-chardev', 'pty,id=p0',
                                    '-monitor', 'stdio'],
     ['char device redirected to /dev/pts/', '(label p0)'], None),
    ('the device tree into a file, and no more', ['-M', 'virt,dumpdtb=DISK.dtb'],
     ['device tree is in'], 0),
    ('machine in capitals', ['-M', 'VIRT', '-cpu', 'cortex-a57', '-display', 'none', '-S',
                             '-monitor', 'stdio'], ['monitor'], None),
    ('a device of ISA without its bus', VIRT + ['-nodefaults', '-device', 'isa-debugcon'], ['no ISA bus', 'q35'], 1),
    ('machine misspelt', ['-M', 'vrit'], ['vrit', 'virt'], 1),
    ('machine of another kind', ['-M', 'raspi4b'], ['raspi4b', 'virt'], 1),
    ('no machine', ['-m', '64'], ['-M virt'], 1),
    ('cpu misspelt', ['-M', 'virt', '-cpu', 'cortex-a75', '-display', 'none'], ['cortex-a7'], 1),
    ('cpu in capitals', ['-M', 'virt', '-cpu', 'Neoverse-N2', '-display', 'none'],
     ['neoverse-n1'], 1),
    ('memory of 4GB', VIRT + ['-m', '4GB', '-S', '-monitor', 'stdio'], ['monitor'], None),
    ('memory of 4GiB', VIRT + ['-m', '4GiB', '-S', '-monitor', 'stdio'], ['monitor'], None),
    ('memory misspelt', VIRT + ['-m', '4Q'], ['-m', '4Q'], 1),
    ('option misspelt', VIRT + ['-kernal', 'x'], ['did you mean -kernel'], 1),
    ('KVM for another CPU', VIRT + ['-enable-kvm'], ['-accel kvm'], 1),
    ('device misspelt', VIRT + ['-device', 'virtio-blk-devcie'], ['virtio-blk-device'], 1),
    ('device property misspelt', VIRT + ['-device', 'virtio-rng-device,max_byte=1'],
     ['max'], 1),
    ('block device without drive', VIRT + ['-drive', 'file=DISK,format=raw,if=none,id=spare',
                                           '-device', 'virtio-blk-device'], ['drive', 'spare'], 1),
    ('drive that is not there', VIRT + ['-drive', 'file=DISK,format=raw,if=none,id=spare',
                                        '-device', 'virtio-blk-device,drive=hda0'],
     ['hda0', 'spare'], 1),
    ('image that is not there', VIRT + ['-drive', 'file=/nowhere/x.img,format=raw,if=virtio'],
     ['/nowhere/x.img', 'No such file'], 1),
    ('kernel that is none', VIRT + ['-kernel', '/etc/passwd'], ['/etc/passwd', 'no AArch64 kernel', 'text'], 1),
    ('kernel that is not there', VIRT + ['-kernel', '/nowhere/Image'],
     ['/nowhere/Image', 'No such file'], 1),
    ('terminal for two', ['-M', 'virt', '-cpu', 'cortex-a57', '-S', '-serial', 'stdio',
                          '-monitor', 'stdio'], ['note:', 'share'], None),
    ('machine property misspelt', ['-M', 'virt,gic-verson=3', '-display', 'none'],
     ['gic-version'], 1),
    ('accelerator misspelt', VIRT + ['-accel', 'tgc'], ['tcg'], 1),
    ('too many CPUs', VIRT + ['-M', 'virt,gic-version=2', '-smp', '9'], ['8', 'gic-version=3'], 1),
    ('far too many CPUs', VIRT + ['-smp', '513'], ['512'], 1),
    ('log item misspelt', VIRT + ['-d', 'in_sam'], ['in_asm'], 1),
    ('second user of an image (locks)', LATER, None, None),
    ('information about an image in use (img)', LATER, None, None),
    ('user network forwarding (-netdev user)', LATER, None, None),
    ('usb-tablet without a controller (USB)', LATER, None, None),
    ('-hda with -device (IDE)', LATER, None, None),
    ('savevm with raw pflash (snapshots)', LATER, None, None),
    ('device_add on q35 (PCI hotplug)', LATER, None, None),
    ('-icount with KVM (deterministic mode)', LATER, None, None),
]


def run(argv, ends):
    # On a mux Ctrl-A C leads to the monitor; on a monitor of its own it is no key that matters.
    keys = b'\x01c' * (ends and '-serial' in argv) + b'quit\n' if ends else b''
    return subprocess.run(argv, input=keys, capture_output=True, timeout=20, check=False)


def main():
    tinamou = sys.argv[1]
    bad = skipped = 0
    with tempfile.TemporaryDirectory() as tmp:
        disk = os.path.join(tmp, 'disk.img')
        with open(disk, 'wb') as f:
            f.truncate(1 << 20)
        for name, options, wanted, status in ROWS:
            if options == LATER:
                print('skip', name)
                skipped += 1
                continue
            argv = [tinamou, 'system', 'aarch64'] + [o.replace('DISK', disk) for o in options]
            try:
                out = run(argv, status is None)
            except subprocess.TimeoutExpired:
                print(f'FAILED {name}: still running after 20 s')
                bad += 1
                continue
            text = (out.stdout + out.stderr).decode('utf-8', 'replace')
            missing = [w for w in wanted if w.lower() not in text.lower()]
            if missing or out.returncode != (status or 0):
                print(f'FAILED {name}: status {out.returncode}, missing {missing}:\n{text}')
                bad += 1
            else:
                print('ok', name)
    print(f'{len(ROWS) - bad - skipped} ok, {bad} failed, {skipped} skipped')
    sys.exit(1 if bad else 0)


main()
