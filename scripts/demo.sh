#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boot Debian's arm64 kernel to a shell on this terminal: demo.sh [BUILD]. Without a terminal,
# type a command, show the answer and power the guest off. Without network, boot the small guest
# of tests/boot/tiny.S instead.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
guest=$build/guest
tinamou=$build/tinamou

if ./scripts/fetch-guest.sh "$guest"; then
    args=(-M virt -cpu max -smp 2 -m 512 -nographic -kernel "$guest/Image" -initrd
          "$guest/initrd.gz" -append "console=ttyAMA0 quiet")
else
    echo "No network: booting the small guest that is part of the tree." >&2
    args=(-M virt -cpu max -m 64 -nographic -kernel "$build/tests/boot/tiny.elf")
    if [ ! -t 0 ] || [ ! -t 1 ]; then
        exec python3 tests/boot/expect.py --timeout 30 --expect 'q powers off' --raw 'hello q' \
            --expect hello --wait --show -- "$tinamou" system aarch64 "${args[@]}"
    fi
    exec "$tinamou" system aarch64 "${args[@]}"
fi
echo "\$ tinamou system aarch64 ${args[*]}"
if [ -t 0 ] && [ -t 1 ]; then
    echo "Leave with: poweroff -f in the guest, or Ctrl-A X."
    exec "$tinamou" system aarch64 "${args[@]}"
fi
exec python3 tests/boot/expect.py --timeout 120 --expect 'tinamou# ' --send 'uname -a; nproc' \
    --expect 'aarch64 GNU/Linux' --expect 'tinamou# ' --send 'poweroff -f' --wait --show -- \
    "$tinamou" system aarch64 "${args[@]}"
