#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SeaBIOS boots a floppy disk under KVM, whose boot sector reads and writes it: floppy.sh MACHINE
# BUILD, SOURCE: the folders.
# With our own interrupt controllers: a nested KVM's may hold back line 6 for longer than the 5 s
# that SeaBIOS waits (the same is seen with other programs there).
set -euo pipefail
machine=${1:-pc} build=${BUILD:-build} source=${SOURCE:-.}
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
bios=${SEABIOS:-/usr/share/seabios/bios-256k.bin}
[ -r "$bios" ] || { echo "skipped: no SeaBIOS (package seabios)"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
${CC:-cc} -m32 -c -o "$work/boot.o" "$source/tests/x86/floppy.S" 2>"$work/log" ||
    { echo "skipped: no assembler for i386"; exit 77; }
ld -m elf_i386 -Ttext 0x7c00 -e 0x7c00 -o "$work/boot.elf" "$work/boot.o"
objcopy -O binary -j .text "$work/boot.elf" "$work/boot.bin"
python3 - "$work" <<'EOF'
import sys
work = sys.argv[1]
image = bytearray(open(work + '/boot.bin', 'rb').read())
for lba in range(1, 2880):
    image += bytes((lba * 7 + i * 3) & 0xff for i in range(512))
open(work + '/disk', 'wb').write(image)
def total(first, n):
    return '%04x' % (sum(image[first * 512:(first + n) * 512]) & 0xffff)
open(work + '/want', 'w').write(
    'floppy %s %s %s written\n' % (total(1, 17), total(18, 18), total(79 * 36 + 18, 18)))
EOF
cp "$work/disk" "$work/before"
status=0
timeout 100 "$build/tinamou" system x86_64 -M "$machine" -nic none -accel kvm,kernel-irqchip=off -m 32 -display none \
    -monitor none -bios "$bios" -drive file="$work/disk",format=raw,if=floppy -boot a \
    -serial file:"$work/out" -device isa-debug-exit -no-reboot 2>"$work/err" || status=$?
tr -d '\r' <"$work/out" | grep -a -o 'floppy .*' >"$work/told" || true
cat "$work/told"
[ "$status" = 3 ] || { echo "status $status"; cat "$work/err"; tail -5 "$work/out" || true; exit 1; }
cmp "$work/told" "$work/want" || { echo "wanted: $(cat "$work/want")"; exit 1; }
# Cylinder 3, head 0, sector 5 is what cylinder 79, head 1, sector 1 was; nothing else changed.
python3 - "$work" <<'EOF'
import sys
work = sys.argv[1]
image = bytearray(open(work + '/before', 'rb').read())
at, source = (3 * 36 + 4) * 512, (79 * 36 + 18) * 512
image[at:at + 512] = image[source:source + 512]
sys.exit(0 if image == open(work + '/disk', 'rb').read() else 'the disk is not as it was to be')
EOF
echo "ok: $machine"
