#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's installer from a CD under UEFI: EDK2 finds the medium by itself, GRUB starts the kernel,
# the installer comes to its first menu. cd-efi.sh [scsi|blk|usb...]
#
# INSTALLER  folder with linux and initrd.gz of package debian-installer-12-netboot-arm64
# GRUB       folder arm64-efi of package grub-efi-arm64-bin (/usr/lib/grub/arm64-efi)
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$source/build}
installer=${INSTALLER:-/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64}
grub=${GRUB:-/usr/lib/grub/arm64-efi}
aavmf=/usr/share/AAVMF
for f in "$installer/linux" "$installer/initrd.gz" "$grub/kernel.img" $aavmf/AAVMF_CODE.fd; do
    [ -s "$f" ] || { echo "skipped: no $f"; exit 77; }
done
for tool in grub-mkrescue xorriso mformat; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cd/boot/grub"
cp "$installer/linux" "$installer/initrd.gz" "$work/cd"
cat >"$work/cd/boot/grub/grub.cfg" <<CFG
set timeout=1
menuentry "Install" {
    linux /linux --- console=ttyAMA0
    initrd /initrd.gz
}
CFG
grub-mkrescue -d "$grub" -o "$work/cd.iso" "$work/cd" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

medium=(-drive "if=none,id=c,file=$work/cd.iso,media=cdrom,format=raw,readonly=on")
for kind in "${@:-scsi}"; do
    case $kind in
    scsi) options=("${medium[@]}" -device virtio-scsi-pci,id=s -device scsi-cd,bus=s.0,drive=c) ;;
    usb) options=("${medium[@]}" -device qemu-xhci -device usb-storage,drive=c) ;;
    blk) options=(-cdrom "$work/cd.iso") ;;
    *) echo "cd-efi.sh [scsi|blk|usb...]"; exit 2 ;;
    esac
    cp $aavmf/AAVMF_VARS.fd "$work/vars.fd"
    python3 "$source/tests/boot/expect.py" --timeout "${SECONDS_MAX:-300}" --expect 'BdsDxe: starting' \
        --expect 'GNU GRUB' --expect 'Linux version' --expect 'Select a language' -- \
        "$build/tinamou" system aarch64 -M virt,gic-version=3 -cpu "${CPU:-max,pauth-impdef=on,sve=off}" -smp 2 \
        -m 1024 -nographic -monitor none -nic none -no-reboot \
        -drive if=pflash,format=raw,readonly=on,file=$aavmf/AAVMF_CODE.fd \
        -drive "if=pflash,format=raw,file=$work/vars.fd" "${options[@]}" </dev/null
    echo "$kind: the installer's first menu"
done
