#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# loongson.sh PROGRAM CPU CPUS ACCEL ANSWER: what our firmware of loongson3-virt says.
set -eu
out=$(timeout 50 "$BUILD/tinamou" system mips64el -M loongson3-virt -cpu "$2" -smp "$3" -m 512 -display none \
    -no-reboot -nic none -serial stdio -accel "$4" -fw_cfg name=opt/org.test/word,string=abcd -bios "$1" </dev/null)
echo "$out"
[ "$out" = "$5" ]
