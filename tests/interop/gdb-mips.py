#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GDB and programs of MIPS: gdb-mips.py BUILD. Of 32 and 64 bits, in both byte orders, with parts in
MIPS16e and microMIPS: breakpoints, steps, finish, backtraces, watchpoints, registers. 77: no
gdb-multiarch or no programs (no cross compilers)."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# name of the program, machine, CPU
PROGRAMS = [
    ('mips', 'mips', '24Kf'), ('mipsel', 'mipsel', '24Kf'),
    ('mips64', 'mips64', '5KEf'), ('mips64el', 'mips64el', '5KEf'),
    ('mips16-mips', 'mips', '24Kf'), ('mips16-mipsel', 'mipsel', '24Kf'),
    ('micromips-mips', 'mips', 'M14Kc'), ('micromips-mipsel', 'mipsel', 'M14Kc'),
]

# The exceptions' count is the first word at a0300000h; its handler is at 80000180h.
PLAIN = r'''
printf "reset at %lx\n", (unsigned long)$pc
stepi
printf "stepped to %lx\n", (unsigned long)$pc
watch *(int *)0xffffffffa0300000
continue
continue
printf "exceptions %d\n", *(int *)0xffffffffa0300000
printf "in handler %d\n", ((unsigned long)$pc & 0x1fffff00) == 0x100
printf "cause %lx\n", (unsigned long)$cause & 0x7c
delete
break say
continue
backtrace
printf "text %s\n", (char *)$a0
set $t0 = 0x12345678
printf "t0 %lx\n", (unsigned long)$t0
printf "fir %d\n", $fir != 0
printf "prid %lx\n", (unsigned long)$prid & 0xffff00
set $compare = 0x1234
printf "compare %lx\n", (unsigned long)$compare
finish
printf "reset at last %d\n", *(int *)$pc != 0
detach
'''

COMPACT = r'''
break compact_test
continue
printf "odd %d\n", (int)((unsigned long)$pc & 1)
stepi
stepi
printf "odd %d\n", (int)((unsigned long)$pc & 1)
break plain_mix
continue
backtrace
printf "even %d\n", (int)((unsigned long)$pc & 1)
finish
printf "back %d\n", (int)((unsigned long)$pc & 1)
delete
break say
continue
printf "text %s\n", (char *)$a0
detach
'''


def session(build, name, machine, cpu):
    base = os.path.join(build, 'tests/mips/reset-' + name)
    compact = '-' in name
    with tempfile.TemporaryDirectory() as tmp:
        socket = os.path.join(tmp, 'gdb')
        script = os.path.join(tmp, 'script')
        with open(script, 'w', encoding='utf-8') as f:
            f.write(f'set pagination off\nset confirm off\nfile {base}.elf\n'
                    f'target remote {socket}\n' + (COMPACT if compact else PLAIN))
        with subprocess.Popen([os.path.join(build, 'tinamou'), 'system', machine, '-M', 'malta',
                               '-m', '64', '-cpu', cpu, '-display', 'none', '-no-reboot', '-nic',
                               'none', '-monitor', 'none', *['-serial', 'null'] * 3, '-bios',
                               base + '.bin', '-S', '-gdb', 'unix:' + socket],
                              stdin=subprocess.DEVNULL) as vm:
            try:
                for _ in range(200):
                    if os.path.exists(socket) or vm.poll() is not None:
                        break
                    subprocess.run(['sleep', '0.05'], check=True)
                out = subprocess.run(['gdb-multiarch', '-nx', '-batch', '-x', script],
                                     capture_output=True, text=True, timeout=60, check=False)
            finally:
                vm.terminate()
    text = out.stdout + out.stderr
    top = 'ffffffff' if '64' in name else ''
    if compact:
        wanted = ['Breakpoint 1, .* in compact_test', 'odd 1\n(.*\n)*odd 1', 'in plain_mix',
                  '#1 .* in compact_test', 'even 0', 'back 1', 'text mips ok']
    else:
        wanted = [f'reset at {top}bfc00000', f'stepped to {top}bfc00080', 'Hardware watchpoint',
                  'Old value = 0\nNew value = 1', 'Old value = 1\nNew value = 2', 'exceptions 2',
                  'in handler 1', 'cause 24', '#0 .* in say', '#1 .* in test', '#2 .* in _start',
                  'text mips ok', 't0 12345678', 'fir 1',
                  'prid ' + ('18900' if '64' in name else '19300'), 'compare 1234', 'reset at last 1']
    missing = [w for w in wanted if not re.search(w, text)]
    if missing:
        print(text)
        print(f'{name}: missing', missing)
    return len(wanted), not missing


def main():
    build = sys.argv[1]
    have = [p for p in PROGRAMS
            if os.path.exists(os.path.join(build, f'tests/mips/reset-{p[0]}.elf'))]
    if not shutil.which('gdb-multiarch') or not have:
        print('skipped: no gdb-multiarch' if have else 'skipped: no programs')
        sys.exit(77)
    checks, good = 0, True
    for p in have:
        n, ok = session(build, *p)
        checks, good = checks + n, good and ok
    print(f'{checks} checks of {len(have)} programs')
    sys.exit(not good)


main()
