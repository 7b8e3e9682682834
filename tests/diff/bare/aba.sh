#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# -accel tcg,llsc=: what a store-exclusive makes of a location that was changed and changed back.
set -eu
here=$SOURCE/tests/diff/bare
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "skipped: no AArch64 compiler"; exit 77; }
work=$BUILD/tests/bare
mkdir -p "$work"
aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static -mgeneral-regs-only -mstrict-align \
    -mno-outline-atomics -fno-pic -fno-stack-protector -Wl,--build-id=none -Wl,-z,noexecstack \
    -Wl,-T,"$here/bare.ld" -o "$work/aba.elf" "$here/litmus-start.S" "$here/aba.c" 2>&1 |
    grep -v RWX || true
expect() { # options text
    local out
    out=$(timeout 60 "$BUILD/tinamou" system aarch64 -M virt -cpu cortex-a57 -smp 2 -m 256 -nographic \
        -accel "tcg,$1" -kernel "$work/aba.elf" </dev/null 2>&1 | tr -d '\r')
    [ "$out" = "$2" ] || { echo "$1: '$out', not '$2'"; exit 1; }
    echo "$1: $out"
}
for backend in x86_64 interp; do
    expect "backend=$backend" 'some stored'
    expect "backend=$backend,llsc=strict" 'none stored'
done
if "$BUILD/tinamou" system aarch64 -M virt -accel tcg,llsc=strict,thread=multi 2>/dev/null; then
    echo "llsc=strict,thread=multi: not refused"
    exit 1
fi
