#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firmware in flash under KVM: SeaBIOS on `pc` tries to boot, OVMF on `q35` begins.
# BUILD: the build folder
set -euo pipefail
build=${BUILD:-build}
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
skipped=0

# run MACHINE SECONDS TEXT DRIVES...: until its debug port has said TEXT, or the machine has stopped
run() {
    local machine=$1 seconds=$2 text=$3 pid
    shift 3
    : >"$work/log"
    timeout "$seconds" "$build/tinamou" system x86_64 -M "$machine" -accel kvm -m 128 -nic none -display none \
        -monitor none -serial none -chardev file,id=d,path="$work/log" \
        -device isa-debugcon,iobase=0x402,chardev=d "$@" </dev/null 2>"$work/err" &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        if grep -q "$text" "$work/log" || grep -q 'CPU 0 stopped' "$work/err"; then
            kill $pid
        fi
        sleep 0.2
    done
    wait $pid || true
}

seabios=/usr/share/seabios/bios-256k.bin
if [ -r $seabios ]; then
    run pc 60 'No bootable device' -drive if=pflash,format=raw,readonly=on,file=$seabios
    grep -q 'No bootable device' "$work/log" || { cat "$work/err"; tail -5 "$work/log"; exit 1; }
    echo "ok: SeaBIOS in flash"
else
    echo "skipped: no SeaBIOS (package seabios)"
    skipped=77
fi
ovmf=/usr/share/OVMF
if [ -r $ovmf/OVMF_CODE_4M.fd ]; then
    cp $ovmf/OVMF_VARS_4M.fd "$work/vars.fd"
    run q35 60 'BdsDxe' -drive if=pflash,format=raw,readonly=on,file=$ovmf/OVMF_CODE_4M.fd \
        -drive if=pflash,format=raw,file="$work/vars.fd"
    if grep -q BdsDxe "$work/log"; then
        echo "ok: OVMF in flash"
    elif grep -q 'is at physical 0xff' "$work/err" && grep -q 'cannot emulate' "$work/err"; then
        grep -m1 'is at physical' "$work/err"
        echo "skipped: OVMF: its code in flash runs up to an instruction that this host's KVM does not emulate"
        skipped=77
    else
        grep -v '^$' "$work/err" || true
        [ ! -s "$work/err" ] || exit 1
        echo "skipped: OVMF: a build that says nothing at its debug port"
        skipped=77
    fi
else
    echo "skipped: no OVMF (package ovmf)"
    skipped=77
fi
exit $skipped
