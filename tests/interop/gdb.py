#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GDB against the stub: gdb.py TINAMOU TINY_ELF. Breakpoint, step, registers, memory,
watchpoint, threads, monitor. 77: no gdb-multiarch or no guest."""
import os
import shutil
import subprocess
import sys
import tempfile

SCRIPT = r'''
set pagination off
set confirm off
set architecture aarch64
target remote {socket}
printf "at %#lx\n", (unsigned long)$pc
info threads
x/1i $pc
set $entry = $pc
stepi
printf "stepped %d\n", (int)((unsigned long)$pc - (unsigned long)$entry)
set $x5 = 0x1122334455667788
printf "x5 %#lx\n", $x5
set $v3.d.u[0] = 0x0102030405060708
printf "v3 %#lx\n", $v3.d.u[0]
set {{unsigned long}}0x47000000 = 0xfeedfacecafebeef
printf "memory %#lx\n", *(unsigned long *)0x47000000
printf "byte %#x\n", *(unsigned char *)0x47000003
maintenance packet qqemu.sstepbits
maintenance packet Qqemu.sstep=1
maintenance packet qqemu.sstep
monitor info status
break *{breakpoint}
continue
printf "stopped %#lx\n", (unsigned long)$pc
stepi
printf "beyond %d\n", (unsigned long)$pc != {breakpoint}
delete
detach
'''


def symbol(elf, name):
    nm = shutil.which('aarch64-linux-gnu-nm') or 'nm'
    out = subprocess.run([nm, elf], capture_output=True, text=True, check=False).stdout
    for line in out.splitlines():
        part = line.split()
        if len(part) == 3 and part[2] == name:
            return '0x' + part[0]
    return None


def main():
    tinamou, elf = sys.argv[1:3]
    gdb = shutil.which('gdb-multiarch')
    if not gdb or not os.path.exists(elf):
        print('skipped: no gdb-multiarch' if not gdb else 'skipped: no guest')
        sys.exit(77)
    breakpoint = next((a for a in (symbol(elf, n) for n in ('main', 'loop', 'puts')) if a), None)
    if not breakpoint:
        print('skipped: the guest has no symbol to stop at')
        sys.exit(77)
    with tempfile.TemporaryDirectory() as tmp:
        socket = os.path.join(tmp, 'gdb')
        script = os.path.join(tmp, 'script')
        with open(script, 'w', encoding='utf-8') as f:
            f.write(SCRIPT.format(socket=socket, breakpoint=breakpoint))
        vm = subprocess.Popen([tinamou, 'system', 'aarch64', '-M', 'virt', '-cpu', 'cortex-a57',
                               '-smp', '2', '-m', '128', '-display', 'none', '-serial', 'null',
                               '-S', '-gdb', 'unix:' + socket, '-kernel', elf],
                              stdin=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if os.path.exists(socket) or vm.poll() is not None:
                    break
                subprocess.run(['sleep', '0.05'], check=True)
            out = subprocess.run([gdb, '-nx', '-batch', '-x', script], capture_output=True,
                                 text=True, timeout=60, check=False)
        finally:
            vm.terminate()
            status = vm.wait(timeout=20)
    text = out.stdout + out.stderr
    wanted = ['at 0x4', 'Thread 1.1', 'Thread 1.2', 'stepped 4', 'x5 0x1122334455667788',
              'v3 0x102030405060708', 'memory 0xfeedfacecafebeef', 'byte 0xca', 'VM status: paused', 'ENABLE=1,NOIRQ=2', '"0x1"',
              f'stopped {int(breakpoint, 16):#x}', 'beyond 1']
    missing = [w for w in wanted if w not in text]
    if missing or status:
        print(text)
        print('gdb: missing', missing, 'status', status)
        sys.exit(1)
    print(f'{len(wanted)} checks')


main()
