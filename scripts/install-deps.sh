#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what is missing of the packages of the given sets (build, test), on Debian and its kin.
set -eu
build="gcc meson ninja-build pkg-config python3 libglib2.0-dev libfdt-dev libcapstone-dev
 libjansson-dev liburcu-dev zlib1g-dev libdeflate-dev libzstd-dev liburing-dev libgnutls28-dev
 nettle-dev libcurl4-gnutls-dev libslirp-dev cpio binutils-aarch64-linux-gnu"
test="qemu-user-static qemu-system-arm qemu-utils qemu-block-extra gcc-aarch64-linux-gnu libc6-dev-arm64-cross
 gdb-multiarch u-boot-qemu qemu-efi-aarch64 acpica-tools device-tree-compiler libmpfr-dev clang
 clang-format libclang-rt-14-dev seabios ipxe-qemu grub-pc-bin xorriso socat tmux nbdkit libnbd-bin gcc-mipsel-linux-gnu
 libc6-dev-mipsel-cross gcc-mips-linux-gnu libc6-dev-mips-cross
 gcc-mips64el-linux-gnuabi64 libc6-dev-mips64el-cross gcc-mips64-linux-gnuabi64
 libc6-dev-mips64-cross gcc-mipsisa32r6el-linux-gnu
 libc6-dev-mipsr6el-cross gcc-mipsisa64r6el-linux-gnuabi64 libc6-dev-mips64r6el-cross
 gcc-mipsisa32r6-linux-gnu libc6-dev-mipsr6-cross gcc-mipsisa64r6-linux-gnuabi64
 libc6-dev-mips64r6-cross"
want=
for set in "$@"; do
    case $set in
    build) want="$want $build" ;;
    test) want="$want $test" ;;
    *) echo "install-deps: unknown set '$set': build or test" >&2; exit 2 ;;
    esac
done
missing=
for p in $want; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' ||
        missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "install-deps: no apt-get here; install by hand:$missing" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq || true
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
