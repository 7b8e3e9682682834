#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail on writable data at file scope: any object in .data or .bss of the layers' archives.

util/os is the one allow-listed place (log sink, host features), and core/thread.c the one with
thread-local data: the current vCPU, the device lock held and the work that left it. A fiber and a
loop belong to their thread too: util/fiber.c keeps the running one and the stacks to use again,
core/event/ioloop.c the loop that the thread runs.
"""
import subprocess
import sys

ALLOW = ('util_os_', 'libcore.a.p/thread.c.o', 'libutil.a.p/fiber.c.o',
         'libcore.a.p/event_ioloop.c.o')


def main():
    bad = 0
    for lib in sys.argv[1:]:
        out = subprocess.run(['nm', '-A', '--defined-only', lib], check=True,
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            where, rest = line.rsplit(':', 1)
            parts = rest.split()
            if len(parts) < 3 or parts[1] not in 'dDbBC':
                continue
            name = parts[2]
            obj = where.rsplit(':', 1)[-1]
            # const tables with relocations lie in .data.rel.ro, which nm shows as d
            if parts[1] in 'dD' and in_relro(lib, obj, name):
                continue
            if any(a in obj for a in ALLOW) or name.startswith(('__', 'completed.', '.')):
                continue
            if name.endswith('_quark_value') or name.startswith(('quark.', 'q.', 'static_g_')):
                continue
            print(f'{obj}: writable object {name}')
            bad += 1
    print('globals: ok' if not bad else f'globals: {bad} faults')
    return 1 if bad else 0


RELRO = {}


def in_relro(lib, obj, name):
    if lib not in RELRO:
        table = {}
        out = subprocess.run(['objdump', '-t', lib], check=True, capture_output=True,
                             text=True).stdout
        current = ''
        for line in out.splitlines():
            if ':     file format' in line:
                current = line.split(':')[0]
            elif '.data.rel.ro' in line:
                table.setdefault(current, set()).add(line.split()[-1])
        RELRO[lib] = table
    return name in RELRO[lib].get(obj, ())


sys.exit(main())
