#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A bare-metal test of several CPUs: smp.sh NAME CPUS. It must print what NAME.expected holds, or
# without that file what it prints under QEMU.
set -eu -o pipefail
name=$1 cpus=$2
here=$SOURCE/tests/diff/bare
expected=$here/$name.expected
for need in aarch64-linux-gnu-gcc $([ -e "$expected" ] || echo qemu-system-aarch64); do
    command -v $need >/dev/null || { echo "skipped: $need is not installed"; exit 77; }
done
work=$BUILD/tests/bare
mkdir -p "$work"
aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static -mgeneral-regs-only -mstrict-align \
    -mno-outline-atomics -march=armv8-a -fno-pic -fno-stack-protector -Wl,--build-id=none \
    -Wl,-z,noexecstack -Wl,-T,"$here/bare.ld" -o "$work/$name.elf" "$here/litmus-start.S" \
    "$here/$name.c" 2>&1 | grep -v RWX || true
args=(-M virt -cpu max -smp "$cpus" -m 256 -nographic -kernel "$work/$name.elf")
if [ ! -e "$expected" ]; then
    expected=$work/$name.qemu
    timeout 100 qemu-system-aarch64 -net none "${args[@]}" </dev/null | tr -d '\r' > "$expected"
fi
for accel in ${ACCELS:-backend=interp backend=x86_64 backend=x86_64,thread=single}; do
    timeout 100 "$BUILD/tinamou" system aarch64 -accel tcg,$accel "${args[@]}" </dev/null |
        tr -d '\r' > "$work/$name.ours"
    diff -u "$expected" "$work/$name.ours"
    echo "$accel: $(grep -c . "$expected") lines equal"
done
