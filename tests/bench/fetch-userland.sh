#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A disk with Debian's programs, our own and their data, for the benchmark:
#   fetch-userland.sh DIR [ARCH]   ->  DIR/user.img (arm64, the default: ext4; others: tar)
# Packages of another architecture are downloaded and unpacked, not installed.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
bench=$here/tests/bench
arch=${2:-arm64}
case $arch in
arm64) triplet=aarch64-linux-gnu isa= ;;
mipsel) triplet=mipsel-linux-gnu isa=-mips32r2 ;;
mips64el) triplet=mips64el-linux-gnuabi64 isa=-mips64r2 ;;
*)
    echo "fetch-userland: no architecture $arch: arm64, mipsel, mips64el" >&2
    exit 2
    ;;
esac
packages="busybox-static dash gzip bzip2 xz-utils zstd coreutils sed grep gawk sqlite3 python3-minimal
 perl-base cpp-12 p7zip-full openssl lua5.4 luajit"
mkdir -p "$out/lists/partial" "$out/cache/archives/partial"
if [ ! -f "$out/root/.done-2" ]; then
    : > "$out/status"
    opts="-oAPT::Architecture=$arch -oAPT::Architectures=$arch -oDir::State::Lists=$out/lists
     -oDir::State::status=$out/status -oDir::Cache=$out/cache -oDebug::NoLocking=1
     -oAPT::Sandbox::User=$(id -un)"
    echo "Fetching Debian's $arch programs ..." >&2
    # shellcheck disable=SC2086
    apt-get $opts update -qq >&2 || true
    # shellcheck disable=SC2086
    apt-get $opts install -y -d -qq --no-install-recommends $packages >&2 || {
        echo "fetch-userland: no $arch programs to be had (no network?)" >&2
        exit 77
    }
    rm -rf "$out/root"
    mkdir -p "$out/root"
    for d in "$out"/cache/archives/*.deb; do
        dpkg-deb -x "$d" "$out/root"
    done
    rm -rf "$out/root/usr/share/doc" "$out/root/usr/share/man" "$out/root/usr/share/locale"
    touch "$out/root/.done-2"
fi
root=$out/root
mkdir -p "$root/bench/data" "$root/proc" "$root/dev" "$root/sys" "$root/tmp"
# Data: text, words, a binary, a translation unit. The same packages give the same bytes.
data=$root/bench/data
(cd "$root/usr/lib/python3.11" && cat [a-z]*.py) > "$data/all.txt"
cat "$data/all.txt" > "$data/text"
head -c 1000000 "$data/all.txt" > "$data/text1m"
tr -cs 'A-Za-z0-9_' '\n' < "$data/all.txt" | awk '{ print (NR * 7919) % 10007, $0 } NR == 150000 { exit }' > "$data/words"
cc1=$(find "$root/usr/lib" -name cc1 | head -n 1)
head -c 24000000 "$cc1" > "$data/binary"
rm "$data/all.txt"
gcc="$triplet-gcc -static $isa"
$gcc -E "$bench/int.c" > "$data/int.i"
$gcc -O3 -fno-math-errno -o "$root/bench/fp" "$bench/fp.c" -lm
$gcc -O2 -pthread -o "$root/bench/system" "$bench/system.c" -latomic
$gcc -O2 -o "$root/bench/int" "$bench/int.c"
cp "$bench"/guest/* "$root/bench/"
cp "$root/bin/busybox" "$root/bench/busybox"
chmod +x "$root/bench/run"
rm -f "$out/user.img.tmp"
if [ "$arch" != arm64 ]; then # unpacked by the guest, whose kernel may have no file system for disks
    tar -C "$root" --owner=0 --group=0 -cf "$out/user.img.tmp" .
    mv "$out/user.img.tmp" "$out/user.img"
    exit 0
fi
$gcc -O2 -march=armv8.2-a+crypto+crc+dotprod -o "$root/bench/simd" "$bench/simd.c"
mke2fs -q -t ext4 -d "$root" -O ^has_journal "$out/user.img.tmp" 400M
mv "$out/user.img.tmp" "$out/user.img"
