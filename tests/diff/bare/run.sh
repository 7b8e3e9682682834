#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A bare-metal test: run.sh NAME. It must print what NAME.expected holds, or without that file
# what it prints under QEMU.
set -eu -o pipefail
name=$1
here=$SOURCE/tests/diff/bare
expected=$here/$name.expected
for need in aarch64-linux-gnu-gcc $([ -e "$expected" ] || echo qemu-system-aarch64); do
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
if [ ! -e "$expected" ]; then
    expected=$work/$name.qemu
    timeout 30 qemu-system-aarch64 -net none "${args[@]}" </dev/null | tr -d '\r' > "$expected"
fi
for backend in ${BACKENDS:-interp x86_64}; do
    timeout 60 "$BUILD/tinamou" system aarch64 -accel tcg,backend=$backend "${args[@]}" </dev/null |
        tr -d '\r' > "$work/$name.$backend"
    diff -u "$expected" "$work/$name.$backend"
    echo "$backend: $(grep -c . "$expected") lines equal"
done
