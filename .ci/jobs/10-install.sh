#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The packager's way: configure, build, install with DESTDIR, run the installed command.
set -eu
cd "$(dirname "$0")/../.."
dest=$(mktemp -d)
trap 'rm -rf "$dest"' EXIT
[ -f build/build.ninja ] || ./configure --build=build
ninja -C build
DESTDIR=$dest/root ninja -C build install
bin=$dest/root$(meson introspect build --buildoptions |
    python3 -c 'import json, sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')/bin
"$bin/tinamou" --version
"$bin/tinamou" system aarch64 -M help | grep -w virt
"$bin/qemu-system-aarch64" --version
man_page=$bin/../share/man/man1/tinamou.1
[ ! -e "$man_page" ] || grep -q nographic "$man_page"
