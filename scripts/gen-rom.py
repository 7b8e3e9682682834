#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Machine code of a guest's ROM as a C table: gen-rom.py [--check] SOURCE.S TABLE.inc

The table is kept beside its source, since hosts of other kinds have no assembler for it. --check:
status 1 if it is not what the source gives, 77 if nothing here can assemble it."""
import os
import subprocess
import sys
import tempfile


def assemble(source):
    """The code, or None without an assembler for x86."""
    with tempfile.TemporaryDirectory() as work:
        obj, out = os.path.join(work, 'o'), os.path.join(work, 'bin')
        elf = os.path.join(work, 'elf')
        try:
            subprocess.run(['as', '--32', '-o', obj, source], check=True)
        except FileNotFoundError:
            return None
        except subprocess.CalledProcessError:
            if subprocess.run(['as', '--32', '-o', obj, '/dev/null'], stderr=subprocess.DEVNULL,
                              check=False).returncode:
                return None
            raise
        subprocess.run(['ld', '-m', 'elf_i386', '-Ttext', '0', '-e', '0', '-o', elf, obj],
                       check=True)
        subprocess.run(['objcopy', '-O', 'binary', '-j', '.text', elf, out], check=True)
        with open(out, 'rb') as f:
            return f.read()


def table(source, code):
    lines = [f'/* Made of {os.path.basename(source)} by scripts/gen-rom.py. */']
    for i in range(0, len(code), 16):
        row = code[i:i + 16]
        if not any(row):
            continue
        lines.append(f'[0x{i:03x}] = ' + ', '.join(f'0x{b:02x}' for b in row) + ',')
    lines.append(f'[0x{len(code) - 1:03x}] = 0x{code[-1]:02x},'
                 if not any(code[(len(code) - 1) & ~15:]) else '')
    return '\n'.join(x for x in lines if x) + '\n'


def main():
    argv = sys.argv[1:]
    check = argv[0] == '--check'
    source, out = argv[check:]
    code = assemble(source)
    if code is None:
        print('skipped: no assembler for x86')
        return 77
    text = table(source, code)
    if check:
        with open(out, encoding='utf-8') as f:
            if f.read() != text:
                print(f'{out} is not what {source} gives: run scripts/gen-rom.py {source} {out}')
                return 1
        return 0
    with open(out, 'w', encoding='utf-8') as f:
        f.write(text)
    return 0


sys.exit(main())
