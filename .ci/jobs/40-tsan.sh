#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ThreadSanitizer: unit tests, and two machines of two CPUs each that run at once in one process,
# with a small guest and with Linux.
set -eu
cd "$(dirname "$0")/../.."
build=build-tsan
./configure --build=$build -Db_sanitize=thread -Db_lundef=false
ninja -C $build
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp"
setarch -R $build/tests/tinamou-tests

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
two() { # ACCEL WORDS ARGUMENTS
    local accel=$1 words=$2 k
    shift 2
    rm -f "$logs"/*
    # G_SLICE: so that memory that GLib hands on is known to be new.
    G_SLICE=always-malloc timeout 300 setarch -R $build/tests/boot/two -M virt -cpu max -smp 2 -display none \
        -serial "file:$logs/%d" -accel "$accel" "$@" || { tail -n 5 "$logs"/*; return 1; }
    for k in 0 1; do
        grep -q "$words" "$logs/$k" || { echo "no '$words' in machine $k"; return 1; }
    done
}
if [ -f $build/tests/boot/smp.elf ]; then
    for accel in tcg,backend=interp tcg tcg,x-slow=50 tcg,tb-size=8,x-chunk=64; do
        two $accel 'smp ok' -m 64 -kernel $build/tests/boot/smp.elf
    done
fi
if [ -d build/guest ]; then
    mkdir -p $build/guest && cp -n build/guest/Image build/guest/initrd.gz $build/guest/ 2>/dev/null || true
fi
if ./scripts/fetch-guest.sh $build/guest; then
    two tcg 'guest is up' -m 512 -kernel $build/guest/Image -initrd $build/guest/initrd.gz \
        -append 'console=ttyAMA0 tinamou.poweroff'
fi
