#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The part of KVM that runs on AArch64 hosts alone, by the cross compiler: all warnings, no program.
set -eu
cd "$(dirname "$0")/../.."
command -v aarch64-linux-gnu-gcc >/dev/null || { echo "skipped: no AArch64 compiler"; exit 77; }
# GLib's headers are the same but for glibconfig.h, which of 64-bit hosts serves.
read -ra glib <<<"$(pkg-config --cflags glib-2.0)"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for f in target/arm/kvm.c accel/kvm/*.c; do
    case $f in *-test.c) continue ;; esac
    aarch64-linux-gnu-gcc -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Wshadow -Wvla -Werror \
        -Wno-unused-parameter -Wno-missing-field-initializers -Wmissing-prototypes \
        -I. "${glib[@]}" -c "$f" -o "$out/x.o"
    echo "compiled: $f"
done
