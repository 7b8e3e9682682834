#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail on floating-point instructions in the layers' archives: check-fp.py LIB...

C code that generated code calls runs with the guest's rounding mode and sticky flags in MXCSR
(docs/dev/engine.md): an addition there would round as the guest says and be seen in its flags.
Moves, shuffles and logic of vectors are free to be used. No part of the program needs floating
point, so everything is looked at but what ALLOW names.
"""
import os
import re
import subprocess
import sys

# Object: why it may.
ALLOW = {
    'size.c.o': 'sizes in decimal, of options and messages',
    'core_throttle.c.o': "rates, on a thread of disks",
    'format_qcow2-check.c.o': 'how far a check is, from 0 to 1',
    'tcg_stats.c.o': 'ratios that the monitor prints',
}
# Archives of tools in which no guest runs.
TOOLS = {'libcli-img.a'}
FP = re.compile(r'\s(v?(?:add|sub|mul|div|sqrt|min|max|round|rcp|rsqrt|u?comi|cmp\w*|h?add|h?sub|'
                r'dp|cvt\w+2?)(?:ss|sd|ps|pd)|v?cvt\w+|vf(?:m|nm)\w+|f(?:add|mul|div|sub|i?ld|st)\w*)\s')


def main():
    bad = 0
    for lib in sys.argv[1:]:
        if os.path.basename(lib) in TOOLS:
            continue
        out = subprocess.run(['objdump', '-d', '--no-show-raw-insn', lib], check=True,
                             capture_output=True, text=True).stdout
        obj = function = ''
        told = set()
        for line in out.splitlines():
            if line.endswith('>:'):
                function = line.split('<')[1][:-2]
            elif 'file format' in line:
                obj = line.split(':')[0]
            elif FP.search(line) and (obj, function) not in told:
                told.add((obj, function))
                if not any(obj.endswith(a) for a in ALLOW):
                    print(f'{obj}: {function}: {line.strip()}')
                    bad += 1
    print('fp: ok' if not bad else f'fp: {bad} faults')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
