#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every member of a device's struct is in one of its tables, or says that it is SCRATCH.

Reads the sources: a struct whose first member is `Device dev` is a device's; its members must
stand in a row (AT, STATE_*, PROP_*, PIN_*, SCRATCH) that begins with `(Type,`, as the row's first
member or a later one (an array's length). What is in no table would be lost by save and restore.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def strip_comments(text):
    text = re.sub(r'/\*.*?\*/', '', text, flags=re.S)
    return re.sub(r'//[^\n]*', '', text)


def members(body):
    body = re.sub(r'\{[^{}]*\}', '', body)
    for decl in body.split(';'):
        decl = decl.strip()
        if not decl:
            continue
        parts = decl.split(',')
        for i, part in enumerate(parts):
            m = re.search(r'([A-Za-z_]\w*)\s*(\[[^\]]*\]\s*)*$', part.strip())
            if m:
                yield m[1]


def row_words(text, device):
    """Every word of every table row `(device, ...)`."""
    words = set()
    for m in re.finditer(r'\(\s*' + device + r',', text):
        depth, end = 1, m.end()
        while depth and end < len(text):
            depth += {'(': 1, ')': -1}.get(text[end], 0)
            end += 1
        # Neither strings nor what a designated initializer says is a member's name.
        row = re.sub(r'"[^"\n]*"|\.\w+', '', text[m.end():end])
        words.update(re.findall(r'\w+', row))
    return words


def main():
    bad, devices = 0, 0
    for top in ('hw', 'core'):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if not name.endswith('.c'):
                    continue
                path = os.path.join(folder, name)
                with open(path, encoding='utf-8') as f:
                    text = strip_comments(f.read())
                for m in re.finditer(r'typedef struct (\w+) \{\s*Device dev;(.*?)\n\} \1;', text,
                                     re.S):
                    devices += 1
                    named = row_words(text, m[1])
                    for member in members(m[2]):
                        if member not in named:
                            print(f'{os.path.relpath(path, ROOT)}: {m[1]}.{member} is in no table '
                                  'of the device (state, property, pin or SCRATCH)')
                            bad += 1
    print(f'state: {bad} faults' if bad else f'state: ok ({devices} devices)')
    return 1 if bad else 0


sys.exit(main())
