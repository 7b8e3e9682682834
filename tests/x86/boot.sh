#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kernels of our own, started by -kernel under KVM, tell what they were given: boot.sh NAME
# NAME: linux, multiboot, pvh on `pc` through SeaBIOS; microvm-linux, microvm-pvh without firmware.
# BUILD, SOURCE: the folders; KEEP: where the kernels stay.
set -euo pipefail
name=$1
build=${BUILD:-build} source=${SOURCE:-.}
here=$(realpath "$source/tests/x86")
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
flags="-m32 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -mgeneral-regs-only -O1"
gcc -m32 -c -x c -o "$work/try.o" - </dev/null 2>"$work/log" || { echo "skipped: no compiler for i386"; exit 77; }

# link OUT OBJECTS...: at 1 MiB; the note in a segment of its own
link() {
    printf 'ENTRY(_start) SECTIONS { . = 0x100000; .text : { *(.head) *(.text*) *(.rodata*) } :t .note : { *(.note.Xen) } :t :n
        .data : { *(.data*) } :t .bss : { *(.bss*) } :t /DISCARD/ : { *(.eh_frame*) *(.comment) *(.note.gnu*) } }
        PHDRS { t PT_LOAD FLAGS(7); n PT_NOTE; }' >"$work/ld"
    ld -m elf_i386 --no-warn-rwx-segments -T "$work/ld" -o "$@"
}

make_kernel() {
    case $1 in
    multiboot)
        gcc $flags -c -o "$work/e.o" "$here/entry.S"
        gcc $flags -DHOW="'M'" -c -o "$work/i.o" "$here/info.c"
        link "$work/kernel" "$work/e.o" "$work/i.o" ;;
    pvh)
        gcc $flags -DPVH -c -o "$work/e.o" "$here/entry.S"
        gcc $flags -DHOW="'P'" -c -o "$work/i.o" "$here/info.c"
        link "$work/kernel" "$work/e.o" "$work/i.o" ;;
    linux)
        gcc $flags -c -o "$work/e.o" "$here/linux32.S"
        gcc $flags -DHOW="'L'" -c -o "$work/i.o" "$here/info.c"
        link "$work/linux32.elf" "$work/e.o" "$work/i.o"
        objcopy -O binary -j .text -j .data "$work/linux32.elf" "$work/linux32.bin"
        (cd "$work" && as --32 -o l.o "$here/linux16.S")
        ld -m elf_i386 -Ttext 0 -e 0 -o "$work/linux.elf" "$work/l.o"
        objcopy -O binary -j .text "$work/linux.elf" "$work/kernel" ;;
    esac
}

make_kernel "${name#microvm-}"
head -c 100000 /dev/zero | tr '\0' 'x' >"$work/initrd"
printf hello >"$work/second"
initrd=$work/initrd
[ "$name" != multiboot ] || initrd="$work/initrd one,$work/second"
machine=pc
[ "$name" = "${name#microvm-}" ] || machine=microvm
status=0
timeout 100 "$build/tinamou" system x86_64 -M $machine -nic none -accel kvm -m 64 -smp 2 -display none -monitor none \
    -serial file:"$work/out" -device isa-debug-exit -kernel "$work/kernel" -initrd "$initrd" \
    -append "hello world" -no-reboot 2>"$work/err" || status=$?
tr -d '\r' <"$work/out" | grep -a -A40 -E '^(linux|multiboot|pvh) ' >"$work/told" || true
cat "$work/told"
[ "$status" = 1 ] || { echo "status $status"; cat "$work/err"; tail -5 "$work/out"; exit 1; }

# want TEXT: a whole line of what was told
want() {
    grep -qF -- "$1" "$work/told" || { echo "$name: it was not told: $1"; exit 1; }
}
sum=1267b000
case $name in
multiboot)
    want "multiboot 2badb002 flags=24d lower=27f"
    want "cmdline='$work/kernel hello world'"
    want "$work/initrd one: bytes=186a0 sum=$sum"
    want "$work/second: bytes=5 sum=5e918d2" ;;
pvh | microvm-pvh)
    want "pvh 336ec578 version=1"
    want "cmdline='hello world"
    want "module bytes=186a0 sum=$sum" ;;
linux)
    want "linux 20 loader=b0"
    want "cmdline='hello world'"
    want "initrd bytes=186a0 sum=$sum" ;;
microvm-linux)
    want "linux 40 loader=b0"
    want "cmdline='hello world"
    want "initrd bytes=186a0 sum=$sum" ;;
esac
case $name in
linux) ;;
*) want "map 100000 +"; want "type 1" ;;
esac
echo "ok: $name"
