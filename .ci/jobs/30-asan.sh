#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AddressSanitizer and UndefinedBehaviorSanitizer: unit tests, and a boot of Linux.
set -eu
cd "$(dirname "$0")/../.."
build=build-asan
./configure --build=$build -Db_sanitize=address,undefined -Db_lundef=false
ninja -C $build
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
$build/tests/tinamou-tests
if [ -d build/guest ]; then
    mkdir -p $build/guest && cp -n build/guest/Image build/guest/initrd.gz $build/guest/ 2>/dev/null || true
fi
./scripts/fetch-guest.sh $build/guest || { echo "skipped: no Debian kernel to boot (network?)"; exit 77; }
python3 tests/boot/expect.py --timeout 240 --fail-on 'Kernel panic' --fail-on 'Sanitizer' \
    --expect 'guest is up' --wait -- \
    $build/tinamou system aarch64 -M virt -cpu max -smp 2 -m 512 -nographic -kernel \
    $build/guest/Image -initrd $build/guest/initrd.gz -append 'console=ttyAMA0 tinamou.poweroff'
