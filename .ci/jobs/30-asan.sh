#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AddressSanitizer and UndefinedBehaviorSanitizer: unit tests, precise state, boot tests.
set -eu
cd "$(dirname "$0")/../.."
build=build-asan
./configure --build=$build -Db_sanitize=address,undefined -Db_lundef=false
ninja -C $build
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
$build/tests/tinamou-tests
for options in exact-flags=on x-slow=50 tb-size=8,x-chunk=64; do
    $build/tests/diff/exact-a64 -n 100 -a backend=x86_64,$options
done
for backend in interp x86_64; do
    $build/tests/diff/a64-diff -b $backend -t
done
# What is fetched is fetched once.
for guest in guest guest-generic; do
    if [ -d build/$guest ]; then
        mkdir -p $build/$guest
        cp -n build/$guest/Image build/$guest/initrd.gz $build/$guest/ 2>/dev/null || true
    fi
done
skipped=
for name in tiny smp two linux linux-smp4 powerkey reboot uboot migrate; do
    echo "== $name"
    status=0
    BUILD=$PWD/$build SOURCE=$PWD bash tests/boot/boot.sh $name || status=$?
    case $status in
    0) ;;
    77) skipped="$skipped $name" ;;
    *) exit $status ;;
    esac
done
[ -z "$skipped" ] || { echo "skipped:$skipped (see above)"; exit 77; }
