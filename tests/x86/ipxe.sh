#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# iPXE (package ipxe), started by -kernel through SeaBIOS under KVM, gets its address by DHCP from the
# network of type user and a script by TFTP, which says so: ipxe.sh. BUILD: the build folder.
# A KVM without hardware help emulates each of its instructions: that takes minutes; SECONDS_MAX.
set -euo pipefail
build=${BUILD:-build} limit=${SECONDS_MAX:-400}
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
ipxe=${IPXE:-/boot/ipxe.lkrn}
[ -r "$ipxe" ] || { echo "skipped: no iPXE (package ipxe)"; exit 77; }
# Segments of iPXE have a base, which some KVM forgets when it delivers an interrupt.
status=0
timeout 30 "$build/tinamou" system x86_64 -M pc -accel kvm -m 16 -nodefaults -display none -monitor none -nic none \
    -serial none -bios "$build/tests/kvm/frame.rom" -no-reboot -device isa-debug-exit || status=$?
case $status in
1) ;;
3) echo "skipped: iPXE: this host's KVM pushes an interrupt's frame without the base of SS"; exit 77 ;;
*) echo "frame.rom: status $status"; exit 1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tftp"
printf '#!ipxe\necho script of ${net0/ip}\npoweroff\n' >"$work/tftp/script.ipxe"
"$build/tinamou" system x86_64 -M pc -accel kvm -m 64 -display none -monitor none -serial file:"$work/out" \
    -nic user,model=e1000,tftp="$work/tftp",bootfile=script.ipxe -kernel "$ipxe" -no-reboot \
    </dev/null 2>"$work/err" &
pid=$!
for ((i = 0; i < limit; i++)); do
    kill -0 $pid 2>/dev/null || break
    ! grep -aq 'CPU 0 stopped' "$work/err" && ! grep -aq 'script of [0-9]' "$work/out" || break
    sleep 1
done
kill $pid 2>/dev/null || true
wait $pid || true
tr -d '\r' <"$work/out" | grep -a . | tail -12
if grep -aq 'script of 10\.0\.2\.15' "$work/out"; then
    echo "ok: iPXE"
elif [ -s "$work/err" ]; then
    cat "$work/err"
    exit 1
else
    echo "skipped: iPXE is not through within $limit s: this host's KVM emulates its instructions"
    exit 77
fi
