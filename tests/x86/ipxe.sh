#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# iPXE, the network card's ROM (package ipxe-qemu) and ipxe.lkrn by -kernel (package ipxe), under KVM:
# its address by DHCP from the network of type user, a script by TFTP, and its prompt: ipxe.sh [rom|lkrn]
# BUILD: the build folder. SECONDS_MAX: a KVM without hardware help emulates each of its instructions.
set -euo pipefail
build=${BUILD:-build} limit=${SECONDS_MAX:-400}
[ -w /dev/kvm ] || { echo "skipped: no /dev/kvm"; exit 77; }
case ${1:-rom} in
rom) how=(-boot n) file=/usr/lib/ipxe/qemu/pxe-e1000.rom ;;
*) file=${IPXE:-/boot/ipxe.lkrn} how=(-kernel "$file") ;;
esac
[ -r "$file" ] || { echo "skipped: no iPXE: $file (packages ipxe-qemu, ipxe)"; exit 77; }
# Segments of iPXE have a base, which some KVM forgets when it delivers an interrupt: then we do.
status=0 place=on
timeout 30 "$build/tinamou" system x86_64 -M pc -accel kvm -m 16 -nodefaults -display none -monitor none -nic none \
    -serial none -bios "$build/tests/kvm/frame.rom" -no-reboot -device isa-debug-exit || status=$?
case $status in
1) ;;
3) place=off ;;
*) echo "frame.rom: status $status"; exit 1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tftp"
printf '#!ipxe\necho script of ${net0/ip}\nshell\n' >"$work/tftp/script.ipxe"
"$build/tinamou" system x86_64 -M pc,graphics=off -accel kvm,kernel-irqchip=$place -m 64 -display none -monitor none \
    -serial file:"$work/out" -nic user,model=e1000,tftp="$work/tftp",bootfile=script.ipxe "${how[@]}" -no-reboot \
    </dev/null 2>"$work/err" &
pid=$!
for ((i = 0; i < limit; i++)); do
    kill -0 $pid 2>/dev/null || break
    ! grep -aq 'CPU 0 stopped' "$work/err" && ! grep -aq 'iPXE> ' "$work/out" || break
    sleep 1
done
kill $pid 2>/dev/null || true
wait $pid || true
tr -d '\r' <"$work/out" | grep -a . | tail -12
if grep -aq 'script of 10\.0\.2\.15' "$work/out" && grep -aq 'iPXE> ' "$work/out"; then
    echo "ok: iPXE, kernel-irqchip=$place"
elif [ -s "$work/err" ]; then
    cat "$work/err"
    exit 1
else
    echo "skipped: iPXE is not through within $limit s: this host's KVM emulates its instructions"
    exit 77
fi
