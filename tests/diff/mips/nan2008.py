#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile a program for MIPS CPUs whose NaNs are those of IEEE 754-2008 alone:
nan2008.py OUTPUT COMPILER... The C library in use has the older encoding, so the linker would
refuse what is compiled by -mnan=2008; the ELF header says so afterwards (EF_MIPS_NAN2008)."""
import struct
import subprocess
import sys

EF_MIPS_NAN2008 = 0x400


def main():
    out = sys.argv[1]
    subprocess.run(sys.argv[2:] + ['-o', out], check=True)
    with open(out, 'r+b') as f:
        head = f.read(64)
        order = '<' if head[5] == 1 else '>'
        at = 36 if head[4] == 1 else 48
        flags = struct.unpack_from(order + 'I', head, at)[0]
        f.seek(at)
        f.write(struct.pack(order + 'I', flags | EF_MIPS_NAN2008))


if __name__ == '__main__':
    main()
