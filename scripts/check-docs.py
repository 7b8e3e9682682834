#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the tree's formalities: SPDX lines, file sizes, links of the documentation."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT = 1200


def tracked():
    out = subprocess.run(['git', 'ls-files'], cwd=ROOT, check=True, capture_output=True, text=True)
    return out.stdout.split('\n')


def main():
    bad = []
    for path in tracked():
        full = os.path.join(ROOT, path)
        if not os.path.isfile(full):
            continue
        if path.endswith(('.c', '.h', '.py', '.sh', '.insn', '.def', 'meson.build')):
            with open(full, encoding='utf-8') as f:
                lines = f.read().split('\n')
            if not any('SPDX-License-Identifier: Apache-2.0' in s for s in lines[:3]):
                bad.append(f'{path}: no SPDX line')
            if path.endswith(('.c', '.h')) and len(lines) > LIMIT + 1:
                bad.append(f'{path}: {len(lines)} lines, the limit is {LIMIT}')
        if path.endswith('.md'):
            with open(full, encoding='utf-8') as f:
                text = f.read()
            for target in re.findall(r'\]\(([^)#]+)(?:#[^)]*)?\)', text):
                if '://' in target:
                    continue
                if not os.path.exists(os.path.join(os.path.dirname(full), target)):
                    bad.append(f'{path}: link to {target}, which is not there')
    print('\n'.join(bad + [f'docs: {len(bad)} faults' if bad else 'docs: ok']))
    return 1 if bad else 0


sys.exit(main())
