#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The quality of generated code, by exact counts: no kernel may need over 3 % more host instructions
# per guest instruction than tests/bench/expected-ratio.txt says, and two runs count the same.
set -eu
cd "$(dirname "$0")/../.."
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "skipped: no AArch64 compiler"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "skipped: the figures are those of the x86_64 back end"; exit 77; }
grep -q avx2 /proc/cpuinfo || { echo "skipped: the figures are those of x86-64-v3"; exit 77; }
build=build
[ -f $build/build.ninja ] || ./configure --build=$build
ninja -C $build
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
python3 tests/bench/codegen.py $build --check | tee "$out/1"
python3 tests/bench/codegen.py $build --only fib,calls | tee "$out/2"
for name in fib calls; do
    diff <(grep "^$name " "$out/1") <(grep "^$name " "$out/2") || { echo "two runs differ"; exit 1; }
done
