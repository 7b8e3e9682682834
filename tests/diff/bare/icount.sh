#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Exact deadlines under -icount: the same places, counts and state on every back end.
set -eu
here=$SOURCE/tests/diff/bare
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "skipped: no AArch64 compiler"; exit 77; }
work=$BUILD/tests/bare
mkdir -p "$work"
aarch64-linux-gnu-gcc -O1 -ffreestanding -nostdlib -static -mgeneral-regs-only -mstrict-align \
    -ffixed-x28 -fno-pic -fno-stack-protector -Wl,--build-id=none -Wl,-z,noexecstack \
    -Wl,-T,"$here/bare.ld" -o "$work/icount.elf" "$here/start.S" "$here/icount.c" 2>&1 |
    grep -v RWX || true

# A tick is 16 ns. The handler's own instruction is in what it reads.
late() {
    case $1 in
    0 | 1) echo 0000000000000000 to 0000000000000000 ;; # 16 and 8 instructions a tick
    4) echo 0000000000000001 to 0000000000000001 ;;     # an instruction a tick
    6) echo 0000000000000004 to 0000000000000007 ;;     # four ticks an instruction
    esac
}
run() {
    timeout 60 "$BUILD/tinamou" system aarch64 -accel "tcg,$2" -M virt -cpu max -m 64 -nographic \
        -icount "shift=$1,sleep=off" -rtc base=2020-01-01 -state-hash end -kernel "$work/icount.elf" \
        </dev/null 2>&1 | tr -d '\r'
}
for shift in 0 1 4 6; do
    first=
    for accel in backend=x86_64 backend=interp backend=x86_64,one-insn-per-tb=on backend=x86_64; do
        out=$(run $shift $accel)
        case $out in
        *"interrupts 00000000000003e8 late by $(late $shift) ticks"*"state-hash "*) ;;
        *) echo "shift=$shift $accel: not at its instruction:"; echo "$out"; exit 1 ;;
        esac
        [ -z "$first" ] || [ "$out" = "$first" ] || {
            echo "shift=$shift $accel: another run:"; echo "$first"; echo "$out"; exit 1
        }
        first=$out
    done
    echo "shift=$shift: ${out##*state-hash }"
done
