#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A whole Debian 12 for arm64 in a qcow2 image, its packages configured by themselves inside the
# guest under our own translation: debian-guest.sh [FOLDER [ARCH]]; ARCH: arm64, mipsel or mips64el
# (malta with an IDE disk).
#
# FOLDER (build/debian) gets debian.qcow2, vmlinuz, initrd.img and a key for ssh (root@, key `key`).
# As root (packages are unpacked with their owners); needs debootstrap, e2fsprogs, qemu-utils.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/build/debian}
tinamou=${TINAMOU:-$here/build/tinamou}
arch=${2:-arm64}
case $arch in
arm64)
    kernel=linux-image-arm64 disk=vda guest=${GUEST:-$here/build/guest} more=,fio,iperf3,initramfs-tools
    fetch=() machine=(aarch64 -M virt -cpu max,pauth-impdef=on,sve=off -smp 2 -append console=ttyAMA0)
    drive=(-drive file=debian.tmp,if=none,id=d,format=qcow2,cache=unsafe -device virtio-blk-pci,drive=d)
    ;;
mipsel | mips64el)
    kernel=linux-image-4kc-malta cpu=24Kf
    [ $arch = mipsel ] || kernel=linux-image-5kc-malta cpu=5KEf
    disk=sda guest=${GUEST:-$here/build/guest-$arch} more=,initramfs-tools
    fetch=("$kernel" $arch) machine=($arch -M malta -cpu $cpu -append console=ttyS0)
    drive=(-drive file=debian.tmp,if=ide,format=qcow2,cache=unsafe)
    ;;
*) echo "debian-guest: $arch: arm64, mipsel and mips64el are known" >&2; exit 1 ;;
esac
packages=systemd-sysv,udev,dbus,openssh-server,iproute2,iputils-ping,gcc,libc6-dev,make,wget$more
packages=$packages,xz-utils,kmod,$kernel,netbase,procps,e2fsprogs,fdisk,pciutils
[ -s "$out/debian.qcow2" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "debian-guest: packages are unpacked as root"; exit 77; }
for tool in debootstrap mke2fs debugfs qemu-img; do
    command -v $tool >/dev/null || { echo "debian-guest: $tool is missing"; exit 77; }
done
"$here/scripts/fetch-guest.sh" "$guest" "${fetch[@]}"
mkdir -p "$out/init"
cd "$out"

echo "Fetching and unpacking packages ..." >&2
debootstrap --foreign --arch=$arch --variant=minbase --include=$packages bookworm root >first.log
[ -f key ] || ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub root/
[ ! -L root/proc ] || { rm root/proc; mkdir root/proc; } # debootstrap does so within a container
{ echo '#!/bin/sh'; echo "disk=$disk"; cat; } >root/second.sh <<'SECOND'
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
/debootstrap/debootstrap --second-stage || { echo "tinamou: second stage failed"; exit 1; }
echo tinamou >/etc/hostname
echo "root:tinamou" | chpasswd
echo "/dev/$disk / ext4 errors=remount-ro 0 1" >/etc/fstab
printf '[Match]\nName=e*\n[Network]\nDHCP=yes\n' >/etc/systemd/network/10-all.network
systemctl enable systemd-networkd
mkdir -p -m 700 /root/.ssh
mv /key.pub /root/.ssh/authorized_keys
rm -f /second.sh
apt-get clean
[ -e /proc/sysrq-trigger ] || mount -t proc proc /proc # debootstrap may leave without it
sync
echo "tinamou: second stage done"
echo 1 >/proc/sys/kernel/sysrq
echo s >/proc/sysrq-trigger; sleep 2
echo u >/proc/sysrq-trigger; sleep 2
echo o >/proc/sysrq-trigger; sleep 60
SECOND
{ echo '#!/bin/busybox sh'; echo "disk=$disk"; cat; } >init/init <<'INIT'
/bin/busybox mkdir -p /usr/bin /usr/sbin /sbin /mnt
/bin/busybox --install -s
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
. /modules
for m in virtio_ring virtio $on_pci $always; do
    [ -f /lib/modules/$m.ko ] && insmod /lib/modules/$m.ko 2>/dev/null
done
mount -t ext4 /dev/$disk /mnt || exec sh
mount --move /dev /mnt/dev
exec switch_root /mnt /second.sh
INIT
chmod +x root/second.sh init/init
mke2fs -q -t ext4 -L root -d root disk.raw 6G
rm -rf root
qemu-img convert -O qcow2 disk.raw debian.tmp
rm disk.raw
(cd init && find . | cpio -o -H newc --quiet -R 0:0 | gzip) | cat "$guest/initrd.gz" - >stage2.gz

echo "Configuring them in the guest (some minutes; $out/second.log) ..." >&2
timeout 3000 "$tinamou" system "${machine[@]}" -m 1024 -kernel "$guest/Image" -initrd stage2.gz \
    -display none -serial file:second.log "${drive[@]}" -no-reboot
grep -q 'second stage done' second.log || { tail -n 20 second.log >&2; exit 1; }
qemu-img convert -O raw debian.tmp disk.raw
for f in vmlinuz initrd.img; do
    name=$(debugfs -R 'ls -p /boot' disk.raw 2>/dev/null | grep -o "$f-[^/]*" | head -n 1)
    debugfs -R "dump /boot/$name $f" disk.raw 2>/dev/null
    [ -s $f ]
done
rm disk.raw
mv debian.tmp debian.qcow2
echo "$out: debian.qcow2 vmlinuz initrd.img key" >&2
