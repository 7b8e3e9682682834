#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check what each folder includes against the table of layers (docs/dev/layers.md)."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOST = ['chardev', 'block', 'net', 'fsdev', 'ui', 'audio']
# folder -> prefixes of headers it may include beside its own folder; the longest folder wins
MAY = {
    'util': [],
    'fpu': ['util/'],
    'core': ['util/'],
    'accel': ['util/', 'core/', 'fpu/'],
    'accel/kvm': ['util/', 'core/', 'accel/accel.h'],
    'target': ['util/', 'core/', 'fpu/', 'accel/tcg/ir/', 'accel/tcg/tcg.h', 'accel/kvm/kvm.h'],
    'hw': ['util/', 'core/', 'block/block.h', 'net/net.h', 'fsdev/fsdev.h', 'ui/console.h', 'chardev/chardev.h'],
    'monitor': None, 'debug': None, 'cli': None,
}
for name in HOST:
    MAY[name] = ['util/', 'core/event/', 'core/state/', 'core/memory/share.h', 'core/types.h',
                 'chardev/chardev.h', 'audio/audio.h', 'block/block.h']
# who looks at a machine's displays, and types
MAY['ui'] += ['core/machine.h', 'core/input.h']
NEVER = ['monitor/', 'debug/', 'cli/']  # not to be included from below


def rule_for(path):
    best = max((k for k in MAY if path == k or path.startswith(k + '/')), key=len, default=None)
    return best, MAY.get(best)


def main():
    bad = 0
    tops = sorted({k.split('/')[0] for k in MAY})
    for top in tops:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            rel = os.path.relpath(folder, ROOT)
            for name in sorted(names):
                if not name.endswith(('.c', '.h')) or name.endswith('-test.c'):
                    continue
                path = os.path.join(rel, name)
                key, may = rule_for(rel)
                with open(os.path.join(ROOT, path), encoding='utf-8') as f:
                    text = f.read()
                for inc in re.findall(r'^#include "([^"]+)"', text, re.M):
                    if inc.endswith('-priv.h') and not (rel + '/').startswith(
                            os.path.dirname(inc) + '/'):
                        print(f'{path}: includes {inc}, which is private to its folder')
                        bad += 1
                    if may is None or '/' not in inc:
                        continue
                    if inc.startswith(top + '/') and not (key == 'accel' and 'kvm/' in inc):
                        if top != 'target' or inc.split('/')[1] == rel.split('/')[1]:
                            continue
                    if any(inc.startswith(p) for p in may):
                        continue
                    print(f'{path}: {key}/ may not include {inc}')
                    bad += 1
    print('layers: ok' if not bad else f'layers: {bad} faults')
    return 1 if bad else 0


sys.exit(main())
