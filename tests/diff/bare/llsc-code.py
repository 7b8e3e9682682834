#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The host's instructions of the sequences in llsc.c (run.sh compiles it):

    llsc-code.py TINAMOU ELF

What is fused has one locked instruction from the load to the store, and no call on its usual way;
and as many sequences are fused as are meant to be.
"""
import os
import re
import subprocess
import sys
import tempfile

FUSED = 61  # sequences of llsc.c that are meant to be
GUEST = re.compile(r"0x[0-9a-f]+:  [0-9a-f]{8}  (\S+)\s*(.*)")
HOST = re.compile(r"0x[0-9a-f]+:  (.+)")
LOCKED = re.compile(r"lock |xchg .*\[")


def sequences(lines):
    """Of each load-exclusive up to its store: guest instructions, operations, host instructions."""
    guest, ops, host, inline = [], [], [], False
    for line in lines:
        g, h = GUEST.match(line), HOST.match(line)
        if g:
            inline = True
            if guest and re.match(r"stl?x[rp]", guest[-1]):
                yield "; ".join(guest), ops, host
                guest = []
            if re.match(r"lda?x[rp]", g[1]):
                guest, ops, host = [], [], []
            elif not guest:
                continue
            guest.append(f"{g[1]} {g[2]}")
        elif line.startswith("  --"):
            inline = False
        elif h and inline and guest:
            host.append(h[1])
        elif guest and inline:
            ops.append(line)


def main():
    if not os.path.exists(sys.argv[2]):
        print("skipped: no", sys.argv[2])
        sys.exit(77)
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run([sys.argv[1], "system", "aarch64", "-M", "virt", "-cpu", "max", "-m", "256",
                        "-smp", "2", "-nographic", "-kernel", sys.argv[2], "-accel",
                        "tcg,backend=x86_64", "-d", "in_asm,op,out_asm", "-D", log.name],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=100)
        with open(log.name, encoding="utf-8", errors="replace") as f:
            text = f.read().splitlines()
    if not any("lock" in line for line in text):
        print("skipped: this build does not disassemble")
        sys.exit(77)
    fused = plain = 0
    for guest, ops, host in sequences(text):
        if not any("ATOMIC_" in op for op in ops):
            plain += 1
            continue
        fused += 1
        if (sum(bool(LOCKED.match(h)) for h in host) != 1
                or any(h.startswith("call") for h in host)):
            sys.exit(f"{guest}\n" + "\n".join(host))
    print(fused, "fused,", plain, "not")
    if fused != FUSED:
        sys.exit(f"{FUSED} are meant to be")


if __name__ == "__main__":
    main()
