#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Us and QEMU in turn, the same guest on the same machine: run.sh [BUILD] [ROUNDS]. Prints, for the
# boot and for each kernel of kernels.h, seconds of both (medians) and the ratio QEMU/ours (above 1:
# we are faster); then, counted exactly, host instructions per guest instruction of the same kernels
# (codegen.py). Never fails for being slow.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$here/build} rounds=${2:-3}
cpu=${CPU:-neoverse-n1} smp=${SMP:-1}
work=$build/bench
guest=$build/guest
for need in qemu-system-aarch64 aarch64-linux-gnu-gcc; do
    command -v $need >/dev/null || { echo "skipped: $need is not installed"; exit 77; }
done
"$here/scripts/fetch-guest.sh" "$guest" || exit 77
mkdir -p "$work/fs"
aarch64-linux-gnu-gcc -O2 -fno-math-errno -static -o "$work/fs/kernels" "$here/tests/bench/kernels.c" -lm
cat > "$work/fs/bench" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
echo "BENCH-BOOT"
/kernels
echo "BENCH-END"
/bin/busybox poweroff -f
INIT
chmod +x "$work/fs/bench"
# A second archive after the first: both are unpacked.
(cd "$work/fs" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) > "$work/extra.gz"
cat "$guest/initrd.gz" "$work/extra.gz" > "$work/initrd.gz"
args=(-M virt -cpu "$cpu" -smp "$smp" -m 512 -nographic -kernel "$guest/Image"
      -initrd "$work/initrd.gz" -append "console=ttyAMA0 quiet rdinit=/bench panic=-1" -no-reboot)
limit="timeout ${LIMIT:-120}"
one() { # tool-name command...
    local out=$work/$1.out
    shift
    python3 "$here/tests/bench/stamp.py" BENCH-BOOT -- "$@" "${args[@]}" >> "$out" 2>&1 </dev/null
}
rm -f "$work"/*.out
for i in $(seq "$rounds"); do
    one ours $limit "$build/tinamou" system aarch64 -nic none
    one qemu $limit qemu-system-aarch64 -net none
    echo "round $i of $rounds done" >&2
done
python3 "$here/tests/bench/report.py" "$work/ours.out" "$work/qemu.out"
echo
python3 "$here/tests/bench/codegen.py" "$build" --cpu "$cpu"
