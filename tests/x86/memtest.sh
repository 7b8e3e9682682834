#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# memtest86+ (package memtest86+) under KVM, its screen on the serial port. BUILD: the build folder
set -euo pipefail
build=${BUILD:-build} image=${MEMTEST:-/boot/memtest86+x64.bin}
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
[ -r "$image" ] || { echo "skipped: no memtest86+: $image (package memtest86+)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
timeout 60 "$build/tinamou" system x86_64 -M pc -accel kvm -m 64 -nic none -display none -monitor none \
    -serial file:"$work/out" -kernel "$image" -append console=ttyS0,115200 </dev/null 2>"$work/err" &
pid=$!
while kill -0 $pid 2>/dev/null; do
    if grep -aq 'Pass:' "$work/out" 2>/dev/null || grep -q 'CPU 0 stopped' "$work/err"; then
        kill $pid 2>/dev/null || true
    fi
    sleep 0.2
done
wait $pid || true
if grep -aq 'Pass:' "$work/out"; then
    echo "ok: memtest86+"
elif grep -q 'cannot emulate' "$work/err"; then
    grep -A1 'code:' "$work/err" | tail -1
    echo "skipped: memtest86+ runs up to an instruction that this host's KVM does not emulate"
    exit 77
else
    cat "$work/err"
    tail -c 500 "$work/out"
    exit 1
fi
