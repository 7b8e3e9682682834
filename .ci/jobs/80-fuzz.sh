#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every parser under libFuzzer, ASan and UBSan: the kept corpus, then a few seconds of chance each.
set -eu
cd "$(dirname "$0")/../.."
command -v clang >/dev/null || { echo "skipped: clang is not installed"; exit 77; }
build=build-fuzz
[ -f $build/build.ninja ] || CC=clang ./configure --build=$build -Dfuzz=true -Db_lundef=false
ninja -C $build fuzz
TIMEOUT=30 BUILD=$PWD/$build ./tests/fuzz/run.sh "${FUZZ_SECONDS:-70}"
