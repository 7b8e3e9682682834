#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One boot of Linux under -icount, counted: whatever the translator does with it (slow paths, early
# eviction, an instruction a block, the interpreter), console, instructions and state are the same.
# The guest computes in floating point as well where there is a compiler for it. A difference is
# shown with the machine time of the last state that was equal.
set -eu
cd "$(dirname "$0")/../.."
build=build
[ -f $build/build.ninja ] || ./configure --build=$build
ninja -C $build
./scripts/fetch-guest.sh $build/guest || { echo "skipped: no Debian kernel to boot (network?)"; exit 77; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
initrd=$build/guest/initrd.gz append='console=ttyAMA0 tinamou.poweroff' wanted='guest is up'
if command -v aarch64-linux-gnu-gcc cpio >/dev/null; then
    mkdir "$out/fs"
    aarch64-linux-gnu-gcc -O2 -static -frounding-math -o "$out/fs/counted" tests/boot/counted.c -lm
    cat > "$out/fs/counted-init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/counted
/bin/busybox seq 1 2000 | /bin/busybox sort -r | /bin/busybox sha256sum
/bin/busybox cat /proc/interrupts
/bin/busybox poweroff -f
INIT
    chmod +x "$out/fs/counted-init"
    # A second archive after the first: both are unpacked.
    (cd "$out/fs" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0 | gzip -1n) > "$out/more.gz"
    cat "$initrd" "$out/more.gz" > "$out/initrd.gz"
    initrd=$out/initrd.gz append='console=ttyAMA0 rdinit=/counted-init' wanted='counted: '
fi
backends=(backend=interp)
[ "$(uname -m)" != x86_64 ] || backends=(backend=x86_64 backend=x86_64 backend=x86_64,x-slow=30
    backend=x86_64,tb-size=8,x-chunk=64 backend=x86_64,one-insn-per-tb=on backend=interp)
for smp in 1 4; do
    n=0
    for accel in "${backends[@]}"; do
        n=$((n + 1))
        echo "== -smp $smp -accel tcg,$accel"
        timeout 240 $build/tinamou system aarch64 -M virt -cpu max -smp $smp -m 160 -display none \
            -monitor none -serial "file:$out/$n.console" -kernel $build/guest/Image \
            -initrd "$initrd" -append "$append" -no-reboot \
            -icount shift=1,sleep=off -rtc base=2020-01-01 -state-hash 200 -accel "tcg,$accel" \
            2> "$out/$n.states" </dev/null || { cat "$out/$n.states"; exit 1; }
        grep -q "$wanted" "$out/$n.console" || { tail -20 "$out/$n.console"; exit 1; }
        tail -1 "$out/$n.states"
        diff "$out/1.states" "$out/$n.states" && diff "$out/1.console" "$out/$n.console" || {
            echo "two runs differ"
            exit 1
        }
    done
done
