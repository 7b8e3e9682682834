#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A bare-metal test under QEMU and under us: run.sh NAME; what they print must be equal.
set -eu
name=$1
here=$SOURCE/tests/diff/bare
for need in aarch64-linux-gnu-gcc qemu-system-aarch64; do
    command -v $need >/dev/null || { echo "skipped: $need is not installed"; exit 77; }
done
work=$BUILD/tests/bare
mkdir -p "$work"
aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static -mgeneral-regs-only -mstrict-align \
    -fno-pic -fno-stack-protector -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-T,"$here/bare.ld" \
    -o "$work/$name.elf" "$here/start.S" "$here/$name.c" 2>&1 | grep -v RWX || true
cpu=max
[ "$name" != pauth ] || cpu=max,pauth-impdef=off # the algorithm that both have
args=(-M virt -cpu $cpu -m 256 -nographic -kernel "$work/$name.elf")
timeout 30 qemu-system-aarch64 -net none "${args[@]}" > "$work/$name.qemu" </dev/null
for backend in ${BACKENDS:-interp x86_64}; do
    timeout 60 "$BUILD/tinamou" system aarch64 -accel tcg,backend=$backend "${args[@]}" \
        > "$work/$name.$backend" </dev/null || { tail -5 "$work/$name.$backend"; exit 1; }
    diff -u "$work/$name.qemu" "$work/$name.$backend"
    echo "$backend: $(grep -c . "$work/$name.qemu") lines equal"
done
