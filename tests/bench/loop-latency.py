#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long the main loop takes to answer (QMP's query-status), while the guest is idle and while it
reads and writes a disk without pause, with and without iothread=; us and QEMU in turn:
BUILD=build SOURCE=. tests/bench/loop-latency.py [SECONDS]"""
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'state'))
import guest  # noqa: E402

LOAD = r'''for k in 1 2 3 4; do (while :; do dd if=/dev/vda of=/dev/null bs=64k count=400 '''\
    r'''skip=$((k*400)) iflag=direct 2>/dev/null; dd if=/dev/zero of=/dev/vda bs=4k count=400 '''\
    r'''seek=$((k*10000)) oflag=direct conv=notrunc 2>/dev/null; done) & done; true'''


def latencies(g, seconds):
    got, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        g.qmp('query-status')
        got.append((time.perf_counter() - begin) * 1e6)
        g.pump(0)
        time.sleep(0.002)
    got.sort()
    return [got[len(got) // 2], got[len(got) * 99 // 100]]


def one(program, disk, iothread, seconds):
    guest.PROGRAM = program
    g = guest.Guest('-object', 'iothread,id=io0', '-drive', f'if=none,id=d0,file={disk},cache=none',
                    '-device', 'virtio-blk-pci,drive=d0' + (',iothread=io0' if iothread else ''),
                    cpu='max,pauth-impdef=on,sve=off', smp=1)
    g.expect('tinamou# ', 120)
    idle = latencies(g, seconds)
    g.run(LOAD)
    load = latencies(g, seconds)
    g.kill()
    return idle + load


def main():
    guest.need_guest()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    programs = {'tinamou': [guest.TINAMOU, 'system', 'aarch64']}
    if shutil.which('qemu-system-aarch64'):
        programs['qemu'] = ['qemu-system-aarch64', '-net', 'none']
    print('us: program, iothread, idle median and 99 %, under load median and 99 %')
    with tempfile.TemporaryDirectory(dir=os.path.expanduser('~')) as d:
        disk = d + '/disk.qcow2'
        guest.img('create', '-q', '-f', 'qcow2', disk, '256M')
        for name, program in programs.items():
            for iothread in (False, True):
                print(name, iothread, *(f'{v:.0f}' for v in one(program, disk, iothread, seconds)),
                      flush=True)


main()
