#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""uimage.py ELF OUT: a legacy image of U-Boot's (include/image.h) of a kernel: a header of 64 bytes,
then the one segment of the 32-bit little-endian MIPS ELF, for where that loads it."""
import struct
import sys
import zlib

MAGIC, LINUX, MIPS, KERNEL = 0x27051956, 5, 5, 2


def main():
    path, out = sys.argv[1:]
    elf = open(path, 'rb').read()
    entry, table = struct.unpack_from('<II', elf, 24)
    for i in range(struct.unpack_from('<H', elf, 44)[0]):
        kind, at, load, _, size = struct.unpack_from('<IIIII', elf, table + 32 * i)
        if kind == 1:
            data, where = elf[at:at + size], load
    header = struct.pack('>IIIIIIIBBBB32s', MAGIC, 0, 0, len(data), where, entry, zlib.crc32(data),
                         LINUX, MIPS, KERNEL, 0, b'linux')
    header = header[:4] + struct.pack('>I', zlib.crc32(header)) + header[8:]
    open(out, 'wb').write(header + data)


main()
