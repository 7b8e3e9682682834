#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reset.sh ARCH PROGRAM ACCEL CPU: what the program says on the third serial port.
set -eu
out=$(timeout 40 "$BUILD/tinamou" system "$1" -M malta -m 64 -display none -no-reboot -nic none \
    -serial null -serial null -serial stdio -accel "$3" -cpu "$4" -bios "$2" </dev/null)
echo "$out"
[ "$out" = "mips ok" ]
