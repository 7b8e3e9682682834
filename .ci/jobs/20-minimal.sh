#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every optional library off: it builds, says so, and boots the small guest.
set -eu
cd "$(dirname "$0")/../.."
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
./configure --build="$build" -Dauto_features=disabled -Doptimization=1 -Ddebug=false
ninja -C "$build"
"$build/tinamou" --version
[ -f "$build/tests/boot/tiny.elf" ] || { echo "skipped: no AArch64 assembler"; exit 77; }
BUILD=$build SOURCE=$PWD tests/boot/boot.sh tiny
