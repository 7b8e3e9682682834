#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory order and atomics between vCPUs: litmus.sh [ROUNDS]. With QEMU=1 there instead, to see
# whether the test itself is right.
set -eu
here=$SOURCE/tests/diff/bare
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "skipped: no AArch64 compiler"; exit 77; }
work=$BUILD/tests/bare
mkdir -p "$work"
aarch64-linux-gnu-gcc -O1 -DROUNDS="${1:-100}" -ffreestanding -nostdlib -static \
    -mgeneral-regs-only -mstrict-align -mno-outline-atomics -march=armv8-a -fno-pic \
    -fno-stack-protector -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-T,"$here/bare.ld" \
    -o "$work/litmus.elf" "$here/litmus-start.S" "$here/litmus.c" 2>&1 | grep -v RWX || true
run() { # name command...
    local name=$1 out
    shift
    out=$(timeout 240 "$@" -nographic -kernel "$work/litmus.elf" </dev/null 2>&1 | tr -d '\r')
    case $out in
    *"LITMUS OK"*) echo "$name: $(grep -c ': ok' <<<"$out") tests, none failed" ;;
    *) echo "$name:"; echo "$out"; exit 1 ;;
    esac
}
for smp in 2 4; do
    if [ -n "${QEMU:-}" ]; then
        run "qemu, $smp vCPUs" qemu-system-aarch64 -net none -M virt -cpu max -smp $smp -m 256
        continue
    fi
    for cpu in max cortex-a57; do
        for backend in ${BACKENDS:-x86_64 interp}; do
            run "$backend, $cpu, $smp vCPUs" "$BUILD/tinamou" system aarch64 -M virt -cpu $cpu \
                -smp $smp -m 256 -accel tcg,backend=$backend
        done
    done
done
