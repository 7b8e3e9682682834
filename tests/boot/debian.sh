#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A whole Debian with systemd, as scripts/debian-guest.sh makes it: boot over a fresh overlay, get an
# address, answer ssh on a forwarded port, download, start processes, compile, power off; its file
# system is clean afterwards. debian.sh [TIMES]
#
# debian.sh --boots [TIMES]: many short ones, counted: each boots over a fresh overlay to the login
# on the console with no failed unit, has its address by DHCP, powers off, and leaves a clean file
# system; "N of N boots". LOGS (a folder) keeps the consoles of those that fail.
#
# DEBIAN     folder with debian.qcow2, vmlinuz, initrd.img, key (build/debian)
# PROCESSES  how many are started (1000)
# KERNEL     a linux-source-*.tar.xz: the guest downloads and unpacks it
set -euo pipefail
boots=false
if [ "${1:-}" = --boots ]; then
    boots=true
    shift
fi
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$source/build}
debian=${DEBIAN:-$build/debian}
[ -s "$debian/debian.qcow2" ] || { echo "skipped: no $debian/debian.qcow2 (scripts/debian-guest.sh)"; exit 77; }
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
head -c 20000000 /dev/urandom >"$work/f"
sum=$(md5sum <"$work/f" | cut -c1-32)
read -r server forward < <(python3 - <<'PORTS'
import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(('127.0.0.1', 0))
print(*(x.getsockname()[1] for x in s))
PORTS
)
(cd "$work" && exec python3 -m http.server "$server" --bind 127.0.0.1 >/dev/null 2>&1) &

[ -z "${KERNEL:-}" ] || ln -s "$(realpath "$KERNEL")" "$work/kernel.tar.xz"

cat >"$work/job" <<JOB
set -e
systemctl is-system-running --wait
[ \$(nproc) = 4 ]
wget -q -O /tmp/f http://10.0.2.2:$server/f
[ "\$(md5sum </tmp/f | cut -c1-32)" = $sum ]
i=0; while [ \$i -lt ${PROCESSES:-1000} ]; do /bin/true; i=\$((i + 1)); done
mkdir -p /tmp/p; cd /tmp/p
for k in 1 2 3 4; do echo "int f\$k(int n) { return n * \$k; }" >f\$k.c; done
echo '#include <stdio.h>' >m.c
echo 'int f1(int), f2(int), f3(int), f4(int); int main(void) { return printf("%d\n", f1(1) + f2(2) + f3(3) + f4(4)) < 0; }' >>m.c
printf 'm: m.o f1.o f2.o f3.o f4.o\n\tcc -o \$@ \$^\n' >Makefile
make -s -j4 CFLAGS=-O2
[ "\$(./m)" = 30 ]
if [ -n "${KERNEL:+1}" ]; then
    wget -q -O /root/k.tar.xz http://10.0.2.2:$server/kernel.tar.xz
    tar -C /root -xJf /root/k.tar.xz
    find /root/linux* -type f | wc -l
    [ -s /root/linux*/kernel/sched/core.c ]
    sync
fi
dmesg | grep -E 'Oops|BUG:|WARNING:|rcu.*stall|I/O error' && exit 1
echo done
JOB
if $boots; then
    cat >"$work/job" <<'JOB'
state=$(systemctl is-system-running --wait)
systemctl --failed --no-legend --plain
[ "$state" = running ] || { echo "state: $state"; exit 1; }
[ $(nproc) = 4 ] || exit 1
ip -4 -o addr show scope global | grep -w dynamic | grep -o '10\.0\.2\.[0-9]*/24' || { ip addr; exit 1; }
dmesg | grep -E 'Oops|BUG:|WARNING:|rcu.*stall|I/O error' && exit 1
echo done
JOB
fi

# What ends a boot that went wrong: with --boots the next one follows.
bad=0
fails() { # N WHY
    echo "boot $1 fails: $2"
    tail -n 30 "$work/console"
    [ -z "${LOGS:-}" ] || { mkdir -p "$LOGS" && cp "$work/console" "$LOGS/boot-$1"; }
    $boots || exit 1
    bad=$((bad + 1))
    kill "$vm" 2>/dev/null || true
    wait "$vm" || true
}

for ((n = 1; n <= ${1:-1}; n++)); do
    rm -f "$work/d.qcow2" "$work/d.raw"
    began=$SECONDS
    "$build/tinamou" img create -q -f qcow2 -b "$debian/debian.qcow2" -F qcow2 "$work/d.qcow2"
    timeout 2400 "$build/tinamou" system aarch64 -M virt -cpu "${CPU:-max,pauth-impdef=on,sve=off}" -smp 4 -m 2048 \
        -kernel "$debian/vmlinuz" -initrd "$debian/initrd.img" -append "console=ttyAMA0 root=/dev/vda rw" \
        -display none -monitor none -serial "file:$work/console" -no-reboot \
        -drive file="$work/d.qcow2",if=none,id=d,format=qcow2 -device virtio-blk-pci,drive=d \
        -nic "user,hostfwd=tcp:127.0.0.1:$forward-:22" &
    vm=$!
    ssh=(timeout 2000 ssh -i "$debian/key" -p "$forward" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
         -o LogLevel=ERROR -o ConnectTimeout=60 root@127.0.0.1)
    out=
    for ((i = 0; i < 60; i++)); do
        if "${ssh[@]}" true 2>/dev/null; then
            out=$("${ssh[@]}" 'bash -s' <"$work/job" 2>&1 || true)
            break
        fi
        kill -0 $vm 2>/dev/null || break
        sleep 2
    done
    if [ "${out##*$'\n'}" != done ]; then
        fails $n "$out"
        continue
    fi
    if $boots; then # the prompt may come after the first answer of ssh
        for ((i = 0; i < 60; i++)); do
            grep -qa 'login: ' "$work/console" && break
            sleep 1
        done
        grep -qa 'login: ' "$work/console" || { fails $n 'no login on the console'; continue; }
    fi
    "${ssh[@]}" poweroff || true
    wait $vm || { fails $n "the machine ends with $?"; continue; }
    "$build/tinamou" img check -q "$work/d.qcow2" || { fails $n 'img check'; continue; }
    "$build/tinamou" img convert -O raw "$work/d.qcow2" "$work/d.raw"
    e2fsck -fn "$work/d.raw" >"$work/fsck" 2>&1 || { fails $n "$(cat "$work/fsck")"; continue; }
    rm "$work/d.raw"
    echo "boot $n of ${1:-1}: ok, $(grep -ac . "$work/console") lines of console, $((SECONDS - began)) s${KERNEL:+, ${out//$'\n'/ }}"
done
! $boots || echo "$((${1:-1} - bad)) of ${1:-1} boots"
[ $bad = 0 ]
