#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare two logs of "NAME NANOSECONDS CHECKSUM" lines: report.py OURS QEMU."""
import math
import re
import statistics
import sys


def read(path):
    rows, sums = {}, {}
    with open(path, encoding='utf-8', errors='replace') as f:
        for line in f:
            m = re.match(r'^([a-z0-9]+) (\d+) ([0-9a-f]+)\s*$', line)
            if m:
                rows.setdefault(m[1], []).append(int(m[2]) / 1e9)
                sums[m[1]] = m[3]
    return rows, sums


ours, our_sums = read(sys.argv[1])
qemu, qemu_sums = read(sys.argv[2])
logs = []
print(f'{"":10} {"ours s":>9} {"qemu s":>9} {"qemu/ours":>10}')
for name, theirs in qemu.items():
    if name not in ours:
        print(f'{name:10} {"-":>9} {statistics.median(theirs):9.3f}   (we did not finish)')
        continue
    a, b = statistics.median(ours[name]), statistics.median(theirs)
    wrong = '' if our_sums[name] == qemu_sums[name] else '   WRONG RESULT'
    print(f'{name:10} {a:9.3f} {b:9.3f} {b / a:10.2f}{wrong}')
    if name != 'boot':
        logs.append(math.log(b / a))
if logs:
    print(f'{"geomean":10} {"":>9} {"":>9} {math.exp(sum(logs) / len(logs)):10.2f}')
