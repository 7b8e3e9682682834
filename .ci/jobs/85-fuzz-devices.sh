#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every device under libFuzzer, ASan and UBSan: the kept corpus, then half a minute of chance.
set -eu
cd "$(dirname "$0")/../.."
command -v clang >/dev/null || { echo "skipped: clang is not installed"; exit 77; }
build=build-fuzz
[ -f $build/build.ninja ] || CC=clang ./configure --build=$build -Dfuzz=true -Db_lundef=false
ninja -C $build tests/fuzz/fuzz-device
TIMEOUT=30 BUILD=$PWD/$build ./tests/fuzz/run.sh "${FUZZ_SECONDS:-40}" device
