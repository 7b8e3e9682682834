#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clang builds it without a warning, thread-safety annotations checked.
set -eu
cd "$(dirname "$0")/../.."
command -v clang >/dev/null || { echo "skipped: clang is not installed"; exit 77; }
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
CC=clang ./configure --build="$build" -Dwerror=true -Doptimization=1 -Ddebug=false
ninja -C "$build"
