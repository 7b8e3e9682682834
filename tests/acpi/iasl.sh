#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ACPI's own compiler takes our tables: decompiled and compiled again without an error or a warning
# and the same again. iasl.sh (BUILD: the build folder)
set -euo pipefail
build=${BUILD:-build}
command -v iasl >/dev/null || { echo "skipped: no iasl (package acpica-tools)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0

# check ARCH "TABLES" ARGUMENTS...
check() {
    local d=$work/$((++n)) arch=$1 tables=$2 t
    shift 2
    mkdir "$d"
    "$build/tests/acpi/acpi-dump" "$d" "$arch" -display none "$@" 2>"$d/err" || { cat "$d/err"; exit 1; }
    for t in $tables; do
        [ -s "$d/$t.aml" ] || { echo "$*: no $t"; exit 1; }
    done
    for t in "$d"/*.aml; do
        iasl -d "$t" >"$d/log" 2>&1 || { cat "$d/log"; exit 1; }
        if grep -hv '32-bit table (V1)' "${t%.aml}.dsl" "$d/log" |
            grep -iE 'error|invalid|unknown|\*\*\*'; then
            echo "$*: ${t##*/} is no proper table"
            exit 1
        fi
    done
    iasl -oa -p "$d/again" "$d/DSDT.dsl" >"$d/log" 2>&1 || { cat "$d/log"; exit 1; }
    # old guests know CPUs by the old operator alone
    if grep -E '^(Error|Warning)' "$d/log" | grep -v 'Legacy Processor'; then
        exit 1
    fi
    iasl -d "$d/again.aml" >"$d/log" 2>&1 || { cat "$d/log"; exit 1; }
    # what it writes is the same, but for the head's file name, length and sum
    diff <(sed '1,/^DefinitionBlock/d' "$d/DSDT.dsl") <(sed '1,/^DefinitionBlock/d' "$d/again.dsl") ||
        { echo "$*: the DSDT differs when compiled again"; exit 1; }
    echo "ok: $*"
}

virt() {
    check aarch64 "DSDT FACP APIC PPTT GTDT MCFG SPCR DBG2 XSDT" -cpu cortex-a57 "$@"
}

virt -M virt -smp 1
virt -M virt -smp 8,sockets=2,clusters=2,cores=1,threads=2
virt -M virt,gic-version=3 -smp 8
virt -M virt,gic-version=3,its=off,highmem=off -smp 2
virt -M virt,x-oem-id=TINA,x-oem-table-id=MOU -m 4096
head -c 65536 /dev/zero >"$work/bios"
virt -M virt -bios "$work/bios"
grep -q ACPI0013 "$work/$n/DSDT.dsl" || { echo "no event device with firmware"; exit 1; }

if [ ! -w /dev/kvm ]; then
    echo "skipped: PCs need /dev/kvm"
    exit 0
fi
more=HPET
pc() {
    check x86_64 "DSDT FACP FACS APIC WAET RSDT $more" -bios "$work/bios" "$@"
}

pc -M pc -smp 1
pc -M pc -smp 6,sockets=2,cores=3 -m 4096
pc -M pc,x-oem-id=TINA,x-oem-table-id=MOU -serial null -serial null
more="HPET MCFG" pc -M q35 -smp 2
more= pc -M q35,hpet=off -m 4096
check x86_64 "DSDT FACP APIC XSDT" -bios "$work/bios" -M microvm -smp 2
check x86_64 "DSDT FACP APIC XSDT" -bios "$work/bios" -M microvm,rtc=on,isa-serial=off,pic=off
more="HPET SRAT SLIT" pc -M pc -smp 4,sockets=2,cores=2 -m 4096 \
    -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=b,size=3G \
    -numa node,memdev=a -numa node,memdev=b -numa dist,src=0,dst=1,val=30
