#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Debian of scripts/debian-guest.sh behind an EFI system partition: UEFI, GRUB, the kernel with
# ACPI, systemd, an address by DHCP, ssh on a forwarded port. debian-efi.sh
#
# DEBIAN  folder with debian.qcow2 and key (build/debian)
# GRUB    grubaa64.efi of package grub-efi-arm64-bin (/usr/lib/grub/arm64-efi/monolithic/...)
# MACHINE properties of -M virt (gic-version=3)
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$source/build}
debian=${DEBIAN:-$build/debian}
grub=${GRUB:-/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi}
aavmf=/usr/share/AAVMF
for f in "$debian/debian.qcow2" "$grub" $aavmf/AAVMF_CODE.fd; do
    [ -s "$f" ] || { echo "skipped: no $f"; exit 77; }
done
for tool in debugfs mkfs.vfat mcopy sgdisk; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

# The root file system becomes the second partition.
"$build/tinamou" img convert -O raw "$debian/debian.qcow2" root.raw
echo "/dev/disk/by-partlabel/root / ext4 errors=remount-ro 0 1" >fstab
debugfs -w -R "rm /etc/fstab" root.raw 2>/dev/null
debugfs -w -R "write fstab /etc/fstab" root.raw 2>/dev/null
version=$(debugfs -R 'ls -p /boot' root.raw 2>/dev/null | grep -o 'vmlinuz-[^/]*' | head -n 1)
version=${version#vmlinuz-}
cat >grub.cfg <<CFG
set timeout=1
insmod part_gpt
insmod ext2
set root=(hd0,gpt2)
menuentry "Debian" {
    linux /boot/vmlinuz-$version root=/dev/disk/by-partlabel/root rw console=ttyAMA0
    initrd /boot/initrd.img-$version
}
CFG
truncate -s 64M esp.raw
mkfs.vfat -n ESP esp.raw >/dev/null
mmd -i esp.raw ::/EFI ::/EFI/BOOT ::/EFI/debian
mcopy -i esp.raw "$grub" ::/EFI/BOOT/BOOTAA64.EFI
mcopy -i esp.raw grub.cfg ::/EFI/debian/grub.cfg
truncate -s $(($(stat -c %s root.raw) + (67 << 20))) disk.raw
sgdisk -n 1:2048:+64M -t 1:ef00 -c 1:ESP -n 2:133120:0 -t 2:8305 -c 2:root disk.raw >/dev/null
dd if=esp.raw of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
dd if=root.raw of=disk.raw bs=1M seek=65 conv=notrunc,sparse status=none
rm root.raw
cp $aavmf/AAVMF_VARS.fd vars.fd

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
timeout 600 "$build/tinamou" system aarch64 -M "virt,${MACHINE:-gic-version=3}" \
    -cpu "${CPU:-max,pauth-impdef=on,sve=off}" -smp 4 -m 1024 -display none -monitor none -qmp "unix:$work/qmp,server=on,wait=off" \
    -serial file:console -no-reboot \
    -drive "if=pflash,format=raw,readonly=on,file=$aavmf/AAVMF_CODE.fd" \
    -drive if=pflash,format=raw,file=vars.fd \
    -drive file=disk.raw,if=none,id=d,format=raw,cache=unsafe -device virtio-blk-pci,drive=d,bootindex=0 \
    -nic "user,hostfwd=tcp:127.0.0.1:$port-:22" &
vm=$!
ssh=(timeout 300 ssh -i "$debian/key" -p "$port" -o StrictHostKeyChecking=no -o LogLevel=ERROR
     -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 root@127.0.0.1)
for ((i = 0; i < 100; i++)); do
    "${ssh[@]}" true 2>/dev/null && break
    kill -0 $vm 2>/dev/null || break
    sleep 2
done
"${ssh[@]}" 'set -e
systemctl is-system-running --wait
dmesg | grep -q "EFI v2"
ls /sys/firmware/acpi/tables /sys/firmware/efi/efivars | grep -c .
cat /sys/class/dmi/id/product_name
[ ! -e /sys/firmware/acpi/tables/IORT ] || grep -m 1 ITS-MSI /proc/interrupts
if dmesg | grep -E "Oops|BUG:|WARNING:|ACPI.*(Error|BIOS)"; then exit 1; fi' || {
    tail -n 30 console
    exit 1
}
# The power button, which logind listens to.
python3 - "$work/qmp" <<'QMP'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile('rw')
f.readline()
for command in 'qmp_capabilities', 'system_powerdown':
    print(json.dumps({'execute': command}), file=f, flush=True)
    while 'return' not in json.loads(f.readline()):
        pass
QMP
for ((i = 0; i < 120; i++)); do
    kill -0 $vm 2>/dev/null || break
    sleep 1
done
if kill -0 $vm 2>/dev/null; then
    echo "the power button does nothing"
    tail -n 30 console
    exit 1
fi
wait $vm
grep -aE "Power down|System Power Off" console
echo "ok: $(grep -ac . console) lines of console"
