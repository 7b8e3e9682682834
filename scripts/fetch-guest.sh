#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetch Debian's arm64 kernel and busybox and make an initramfs of them in a cache folder:
#   fetch-guest.sh [DIR] [KERNEL [ARCH]]    ->  DIR/Image, DIR/initrd.gz (DIR: build/guest)
# Or those of another architecture: fetch-guest.sh DIR linux-image-4kc-malta mipsel
# KERNEL: the package that depends on the newest one, linux-image-cloud-arm64 (linux-image-arm64 has
# more drivers: GPIO keys).
# Packages of another architecture are downloaded, not installed: a private state folder for apt.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/build/guest}
meta=${2:-linux-image-cloud-arm64}
arch=${3:-arm64}
[ -s "$out/Image" ] && [ "$out/initrd.gz" -nt "$0" ] && exit 0
always="virtio_ring virtio virtio_mmio virtio_blk virtio_console rng-core virtio-rng evdev gpio_keys"
# In the order in which they need each other; loaded where there is more on PCI than its host bridge.
on_pci="virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net
 nvme-common nvme-core nvme scsi_common scsi_mod sd_mod virtio_scsi 9pnet 9pnet_virtio netfs fscache 9p"
# What the board of the architecture has.
case $arch in
mips*) on_pci="$on_pci ata_piix cdrom sr_mod mii pcnet32 e1000 crc16 mbcache jbd2 crc32c_generic ext4" ;;
esac
mkdir -p "$out/lists/partial" "$out/deb"
opts="-oAPT::Architecture=$arch -oAPT::Architectures=$arch -oDir::State::Lists=$out/lists
 -oDir::Cache=$out/cache -oDebug::NoLocking=1 -oAPT::Sandbox::User=$(id -un)"
mkdir -p "$out/cache/archives/partial"
echo "Fetching Debian's $arch kernel and busybox ..." >&2
# shellcheck disable=SC2086
apt-get $opts update -qq >&2 || true
# shellcheck disable=SC2086
kernel=$(apt-cache $opts depends "$meta" 2>/dev/null |
    sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -n 1)
if [ -z "$kernel" ]; then
    echo "fetch-guest: no $arch kernel to be had (no network?)" >&2
    exit 3
fi
# shellcheck disable=SC2086
(cd "$out/deb" && apt-get $opts download -qq "$kernel" busybox-static >&2)
rm -rf "$out/root" "$out/fs"
for d in "$out"/deb/*.deb; do
    dpkg-deb -x "$d" "$out/root"
done
cp "$out"/root/boot/vmlinuz-* "$out/Image.tmp"
# Debian's arm64 vmlinuz may be gzip-compressed or a plain Image.
fs=$out/fs
mkdir -p "$fs/bin" "$fs/proc" "$fs/sys" "$fs/dev" "$fs/lib/modules"
bb=$out/root/bin/busybox
[ -f "$bb" ] || bb=$out/root/usr/bin/busybox
cp "$bb" "$fs/bin/busybox"
for m in $always $on_pci; do
    f=$(find "$out/root" -name "$m.ko" | head -n 1)
    [ -z "$f" ] || cp "$f" "$fs/lib/modules/"
done
cat > "$fs/modules" <<MODULES
always="$always"
on_pci="$(echo $on_pci)"
MODULES
cat > "$fs/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /usr/bin /usr/sbin /sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
. /modules
# Bridges alone need no driver of ours.
grep -qv '^0x06' /sys/bus/pci/devices/*/class 2>/dev/null && always="$on_pci $always"
for m in virtio_ring virtio $always; do
    [ -f /lib/modules/$m.ko ] && insmod /lib/modules/$m.ko 2>/dev/null
done
case $(cat /sys/bus/virtio/devices/*/device 2>/dev/null) in
*0x0001*) for m in failover net_failover virtio_net; do insmod /lib/modules/$m.ko 2>/dev/null; done ;;
esac
case $(cat /proc/cmdline) in
*tinamou.poweroff*) echo "tinamou: guest is up"; poweroff -f ;;
*tinamou.reboot*) echo "tinamou: guest is up"; reboot -f ;;
esac
echo
echo "This is Linux $(uname -r) on $(uname -m), $(nproc) CPU(s). Leave with: poweroff -f, or Ctrl-A X."
export PS1='tinamou# '
exec setsid cttyhack sh
INIT
chmod +x "$fs/init"
(cd "$fs" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) | gzip -9n > "$out/initrd.tmp"
mv "$out/initrd.tmp" "$out/initrd.gz"
mv "$out/Image.tmp" "$out/Image"
rm -rf "$out/root" "$out/fs" "$out/deb"
