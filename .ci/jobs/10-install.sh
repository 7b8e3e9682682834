#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packager's way: configure, build, install with DESTDIR, run the installed command.
set -eu
cd "$(dirname "$0")/../.."
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
./configure --build="$dest/build" --prefix=/usr
ninja -C "$dest/build"
DESTDIR=$dest/root ninja -C "$dest/build" install
"$dest/root/usr/bin/tinamou" --version
"$dest/root/usr/bin/tinamou" system aarch64 -M help | grep -w virt
"$dest/root/usr/bin/qemu-system-aarch64" --version
man_page=$dest/root/usr/share/man/man1/tinamou.1
[ ! -e "$man_page" ] || grep -q nographic "$man_page"
