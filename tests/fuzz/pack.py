#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An image as an input of the image fuzzers: pack.py IMAGE OUT [FLAGS [OP,OFF,LEN,VALUE ...]]

Runs of zeros are left out (tests/fuzz/image.c has the layout).
"""
import struct
import sys


def records(data):
    """The parts that are not zeros, by pieces of 16 bytes, at most 32 KiB each."""
    at, size = 0, len(data)
    zero = bytes(16)
    while at < size:
        if data[at:at + 16] == zero[:len(data[at:at + 16])]:
            at += 16
            continue
        end = at
        while end < size and end - at < 32768 and data[end:end + 16] != zero:
            end += 16
        end = min(end, size)
        yield at, data[at:end]
        at = end


def pack(data, flags, ops):
    out = bytearray([flags, len(ops)])
    for op in ops:
        out += struct.pack("<BHBB", *op)
    for at, part in records(data):
        out += struct.pack("<IH", at, len(part)) + part
    out += struct.pack("<IH", len(data), 0)
    return out


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    flags = int(sys.argv[3], 0) if len(sys.argv) > 3 else 0
    ops = [tuple(int(v, 0) for v in op.split(",")) for op in sys.argv[4:]]
    with open(sys.argv[2], "wb") as f:
        f.write(pack(data, flags, ops))


if __name__ == "__main__":
    main()
