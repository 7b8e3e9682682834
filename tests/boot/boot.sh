#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One boot of a real guest: boot.sh NAME; 77 when what it needs cannot be had here.
set -eu
name=$1
tinamou=$BUILD/tinamou
guest=$BUILD/guest
expect() {
    python3 "$SOURCE/tests/boot/expect.py" "$@"
}
fetch() {
    "$SOURCE/scripts/fetch-guest.sh" "$guest" || { echo "skipped: no Debian kernel (network?)"; exit 77; }
    linux=(-kernel "$guest/Image" -initrd "$guest/initrd.gz" -nographic -m 512 -nic none)
}
fetch_malta() {
    guest=$BUILD/guest-mipsel
    "$SOURCE/scripts/fetch-guest.sh" "$guest" linux-image-4kc-malta mipsel ||
        { echo "skipped: no Debian kernel for MIPS (network?)"; exit 77; }
    linux=(-kernel "$guest/Image" -initrd "$guest/initrd.gz" -append console=ttyS0)
}
panic=(--fail-on 'Kernel panic' --fail-on 'Internal error: Oops')

case $name in
tiny)
    [ -f "$BUILD/tests/boot/tiny.elf" ] || { echo "skipped: no AArch64 assembler"; exit 77; }
    # What is typed in one go with the key goes to whom it was for.
    expect --timeout 20 --expect 'q powers off' --raw '\x01cinfo status\n\x01c' \
        --expect 'VM status: running' --raw 'abcq' --expect abc --expect bye --wait -- \
        "$tinamou" system aarch64 -M virt -cpu cortex-a57 -m 64 -nographic \
        -kernel "$BUILD/tests/boot/tiny.elf" ;;
smp)
    [ -f "$BUILD/tests/boot/smp.elf" ] || { echo "skipped: no AArch64 assembler"; exit 77; }
    for accel in tcg,backend=interp tcg tcg,one-insn-per-tb=on tcg,x-slow=50 tcg,tb-size=8,x-chunk=64; do
        echo "== -accel $accel"
        expect --timeout 30 --expect 'smp ok' --wait -- \
            "$tinamou" system aarch64 -M virt -cpu max -smp 2 -m 64 -nographic -accel $accel \
            -kernel "$BUILD/tests/boot/smp.elf"
    done ;;
two)
    [ -f "$BUILD/tests/boot/smp.elf" ] || { echo "skipped: no AArch64 assembler"; exit 77; }
    logs=$(mktemp -d)
    trap 'rm -rf "$logs"' EXIT
    for accel in tcg,backend=interp tcg; do
        echo "== -accel $accel"
        timeout 60 "$BUILD/tests/boot/two" -M virt -cpu max -smp 2 -m 64 -display none \
            -serial "file:$logs/%d" -kernel "$BUILD/tests/boot/smp.elf" -accel $accel
        grep -q 'smp ok' "$logs/0" && grep -q 'smp ok' "$logs/1"
    done ;;
malta)
    fetch_malta
    # A P5600 has RI, XI and TLBINV, and NaNs that are not those of Debian's programs.
    for run in tcg/24Kf tcg,x-slow=20/24Kf tcg/P5600; do
        accel=${run%/*} cpu=${run#*/}
        echo "== -accel $accel -cpu $cpu"
        expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' \
            --send 'uname -m; cat /proc/cpuinfo; echo a$((6*7))b' --expect mips --expect "MIPS ${cpu/Kf/Kc}" \
            --expect 'count: 4, address/irw mask: [0x0ffc, 0x0ffc, 0x0ffb, 0x0ffb]' \
            --expect a42b --send 'md5sum /bin/busybox /bin/busybox | cut -c1-8 | uniq -c' --expect '2 ' \
            --send 'poweroff -f' --expect 'Power down' --wait -- \
            "$tinamou" system mipsel -M malta -m 256 -nographic -nic none -accel $accel -cpu $cpu \
            "${linux[@]}" -append 'console=ttyS0 ieee754=relaxed'
    done ;;
loongson3)
    guest=$BUILD/guest-loongson3
    "$SOURCE/scripts/fetch-guest.sh" "$guest" linux-image-loongson-3 mips64el ||
        { echo "skipped: no Debian kernel for Loongson 3 (network?)"; exit 77; }
    disk=$(mktemp)
    trap 'rm -f "$disk"' EXIT
    head -c 3M "$guest/Image" >"$disk"
    sum=$(md5sum <"$disk" | cut -c1-32)
    for run in 1/3A1000 4/3A1000 4/3A4000; do
        n=${run%/*}
        echo "== -smp $n -cpu Loongson-${run#*/}"
        expect --timeout 140 "${panic[@]}" --expect "on mips64, $n CPU(s)" --expect 'tinamou# ' \
            --send 'cat /proc/cpuinfo; md5sum /dev/vda' --expect 'ICT Loongson-3' --expect loongson-mmi --expect "$sum" \
            --send 'for i in 1 2 3 4 5; do (set -- $(md5sum /dev/vda); echo $i$1); done' --expect "5$sum" \
            --send 'poweroff -f' --expect 'Power down' --wait -- \
            "$tinamou" system mips64el -M loongson3-virt -cpu "Loongson-${run#*/}" -m 1G -smp $n -nographic -nic none \
            -kernel "$guest/Image" -initrd "$guest/initrd.gz" -append console=ttyS0 \
            -drive "file=$disk,format=raw"
    done ;;
malta64)
    guest=$BUILD/guest-mips64el
    "$SOURCE/scripts/fetch-guest.sh" "$guest" linux-image-5kc-malta mips64el ||
        { echo "skipped: no Debian kernel for MIPS of 64 bits (network?)"; exit 77; }
    linux=(-kernel "$guest/Image" -initrd "$guest/initrd.gz" -append console=ttyS0)
    for run in tcg/5KEf tcg,x-slow=20/MIPS64R2-generic; do
        echo "== -accel ${run%/*} -cpu ${run#*/}"
        expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' \
            --send 'uname -m; set -- $(grep MemTotal /proc/meminfo); echo m$(($2 > 900000))b a$((6*7))b' \
            --expect mips64 --expect m1b --expect a42b --send 'md5sum /bin/busybox /bin/busybox | cut -c1-8 | uniq -c' --expect '2 ' \
            --send 'poweroff -f' --expect 'Power down' --wait -- \
            "$tinamou" system mips64el -M malta -m 1G -cpu "${run#*/}" -nographic -nic none \
            -accel "${run%/*}" "${linux[@]}"
    done ;;
malta-uboot)
    uboot=/usr/lib/u-boot/maltael/u-boot.bin
    [ -f $uboot ] || { echo "skipped: package u-boot-qemu is not installed"; exit 77; }
    "$tinamou" --version | grep -q 'without .*libslirp' && { echo "skipped: no user networking"; exit 77; }
    files=$(mktemp -d)
    echo hello >"$files/f"
    trap 'rm -rf "$files"' EXIT
    expect --timeout 60 --expect 'maltael # ' --send pci --expect 0x1022 --expect 'maltael # ' \
        --send 'dhcp 81000000 f' --expect 'bound to address 10.0.2.15' --expect 'transferred = 6' \
        --expect 'maltael # ' --send 'md.b 81000000 6' --expect 'hello' --expect 'maltael # ' \
        --send flinfo --expect 'Bank' -- \
        "$tinamou" system mipsel -M malta -m 256 -nographic -nic "user,tftp=$files" -bios $uboot ;;
malta-uboot-linux)
    uboot=/usr/lib/u-boot/maltael/u-boot.bin
    [ -f $uboot ] || { echo "skipped: package u-boot-qemu is not installed"; exit 77; }
    fetch_malta
    images=$(mktemp -d)
    trap 'rm -rf "$images"' EXIT
    python3 "$SOURCE/tests/boot/uimage.py" "$guest/Image" "$images/kernel"
    # This U-Boot tells memory in MiB, Linux reads bytes.
    size=$(stat -c %s "$guest/initrd.gz")
    expect --timeout 200 "${panic[@]}" --expect 'maltael # ' \
        --send "setenv bootargs console=ttyS0 mem=256M rd_start=0x85000000 rd_size=$size" \
        --expect 'maltael # ' --send 'bootm 84000000' --expect 'Loading Kernel Image' \
        --expect 'tinamou# ' --send 'uname -m; echo a$((6*7))b' --expect a42b \
        --send 'poweroff -f' --expect 'Power down' --wait -- \
        "$tinamou" system mipsel -M malta -m 256 -nographic -nic none -bios $uboot \
        -device "loader,file=$images/kernel,addr=0x4000000,force-raw=on" \
        -device "loader,file=$guest/initrd.gz,addr=0x5000000,force-raw=on" ;;
malta-ide)
    fetch_malta
    disk=$(mktemp)
    trap 'rm -f "$disk" "$disk.raw"' EXIT
    "$tinamou" img create -q -f qcow2 "$disk" 64M
    head -c 3M "$guest/Image" >"$disk.raw"
    sum=$(md5sum <"$disk.raw" | cut -c1-32)
    # What is written by DMA is in the image; the CD-ROM is read by PIO commands. The card is pcnet.
    net=(-nic none)
    fetch=(--send 'md5sum /dev/sr0' --expect "$sum")
    if "$tinamou" --version | grep -q 'without .*libslirp'; then
        echo "skipped in part: no user networking in this build"
    else
        net=(-nic "user,tftp=$guest")
        fetch+=(--send 'ifconfig eth0 up; udhcpc -i eth0 -n -q' --expect 'lease of 10.0.2.15' \
            --send 'ifconfig eth0 10.0.2.15; tftp -g -r Image 10.0.2.2; head -c 3145728 Image | md5sum; dmesg | grep -c 79C970A' \
            --expect "$sum" --expect 2)
    fi
    expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' "${fetch[@]}" \
        --send 'yes ide | dd of=/dev/sda bs=4k count=256 iflag=fullblock 2>/dev/null; sync; echo wro''te' \
        --expect wrote --send 'poweroff -f' --expect 'Power down' --wait -- \
        "$tinamou" system mipsel -M malta -m 256 -nographic "${net[@]}" -hda "$disk" \
        -cdrom "$disk.raw" "${linux[@]}"
    "$tinamou" img convert -O raw "$disk" "$disk.raw"
    yes ide | head -c 1048576 | cmp -n 1048576 - "$disk.raw" ;;
malta-ports)
    fetch_malta
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    head -c 1474560 /dev/zero | tr '\0' f >"$work/fd"
    # A keyboard whose interrupt is lost is told of; the third port is the board's own.
    expect --timeout 100 "${panic[@]}" --fail-on 'keyboard reset failed' --expect 'ttyS2 at MMIO 0x1f000900' \
        --expect 'AT Raw Set 2 keyboard' --expect 'tinamou# ' \
        --send 'for i in 1 2; do echo port$i >/dev/ttyS$i; done; cat /sys/bus/pci/devices/*:12.0/device; echo a$((6*7))b' \
        --expect 0x1111 --expect a42b --raw '\x01c' --expect '(qemu) ' --send 'device_add edu,id=h' \
        --expect '(qemu) ' --raw '\x01c' --send 'echo 1 >/sys/bus/pci/rescan; cat /sys/bus/pci/devices/*:13.0/device' \
        --expect 0x11e8 --send 'poweroff -f' --expect 'Power down' --wait -- \
        "$tinamou" system mipsel -M malta -m 256 -nographic "${linux[@]}" -fda "$work/fd" \
        -serial mon:stdio -serial "file:$work/1" -serial "file:$work/2" -parallel "file:$work/lp"
    grep -q port1 "$work/1" && grep -q port2 "$work/2" ;;
linux)
    fetch
    for cpu in cortex-a53 cortex-a57 cortex-a72 neoverse-n1 max; do
        echo "== -cpu $cpu"
        expect --timeout 60 "${panic[@]}" --expect 'tinamou# ' --send 'uname -m; echo a$((6*7))b' \
            --expect aarch64 --expect a42b --send 'poweroff -f' --expect 'Power down' --wait -- \
            "$tinamou" system aarch64 -M virt -cpu $cpu "${linux[@]}" -append console=ttyAMA0
    done ;;
pci)
    fetch
    disk=$(mktemp)
    trap 'rm -f "$disk" "$disk.raw"' EXIT
    # Modern with MSI-X, behind a port, legacy, with a pin: what is written is in the image.
    for device in virtio-blk-pci 'virtio-blk-pci,bus=rp' 'virtio-blk-pci,disable-modern=on' \
        'virtio-blk-pci,vectors=0' 'virtio-blk-pci,packed=on'; do
        echo "== -device $device"
        "$tinamou" img create -q -f qcow2 "$disk" 64M
        expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' \
            --send 'yes pci | dd of=/dev/vda bs=4k count=256 iflag=fullblock 2>/dev/null; sync; ls /dev/hwrng; echo wro''te' \
            --expect /dev/hwrng --expect wrote --send 'poweroff -f' --wait -- \
            "$tinamou" system aarch64 -M virt -cpu max -smp 2 "${linux[@]}" -append console=ttyAMA0 \
            -drive "if=none,id=d0,file=$disk,format=qcow2" -device pcie-root-port,id=rp \
            -device "$device,drive=d0" -device virtio-rng-pci
        "$tinamou" img convert -O raw "$disk" "$disk.raw"
        [ "$(head -c 1048576 "$disk.raw" | md5sum)" = "$(yes pci | head -c 1048576 | md5sum)" ]
    done ;;
net)
    "$tinamou" --version | grep -q 'with .*libslirp' || { echo "skipped: built without libslirp"; exit 77; }
    fetch
    files=$(mktemp -d)
    head -c 4000000 /dev/urandom >"$files/f"
    # A server of the host that the guest downloads from; a port of the host that leads to the guest.
    python3 -u - "$files" >"$files/ports" <<'SERVER' &
import functools, http.server, socket, sys
forward = socket.socket(); forward.bind(('127.0.0.1', 0)); port = forward.getsockname()[1]; forward.close()
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass
s = http.server.HTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=sys.argv[1]))
print(s.server_address[1], port, flush=True)
s.serve_forever()
SERVER
    trap 'kill $! 2>/dev/null; rm -rf "$files"' EXIT
    while [ ! -s "$files/ports" ]; do sleep 0.1; done
    read -r server forward <"$files/ports"
    sum=$(md5sum <"$files/f" | cut -c1-32)
    (for _ in $(seq 100); do
        python3 -c "import socket; s = socket.create_connection(('127.0.0.1', $forward), 5); s.sendall(b'to the guest'); s.recv(1)" 2>/dev/null || true
        sleep 0.5
    done) & knocker=$!
    trap 'kill %1 $knocker 2>/dev/null; rm -rf "$files"' EXIT
    for card in virtio-net-pci virtio-net-pci,packed=on virtio-net-device; do
        # What the guest sends to 10.0.2.200:7 comes back from a character device.
        rm -f "$files/echo"
        python3 -c "import socket, sys, time
for _ in range(200):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sys.argv[1])
        s.sendall(b'hello ' + s.recv(100))
        s.recv(1)
        break
    except OSError:
        time.sleep(0.1)" "$files/echo" &
        expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' \
            --send 'ip link set eth0 up; udhcpc -q -n -s /bin/true -i eth0 2>&1 | grep obtained' \
            --expect 'lease of 10.0.2.15 obtained' \
            --send 'ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2' \
            --send "wget -q -O /f http://10.0.2.2:$server/f; md5sum /f" --expect "$sum" \
            --send '(echo abc; sleep 1) | timeout 3 nc 10.0.2.200 7' --expect 'hello abc' \
            --send 'nc -l -p 77 > /got; grep -c . /got; cat /got' --expect 'to the guest' \
            --send 'poweroff -f' --wait -- \
            "$tinamou" system aarch64 -M virt -cpu max -smp 2 "${linux[@]}" -append console=ttyAMA0 \
            -chardev "socket,id=echo,path=$files/echo,server=on,wait=off" -netdev \
            "user,id=net,hostfwd=tcp:127.0.0.1:$forward-:77,guestfwd=tcp:10.0.2.200:7-chardev:echo" \
            -device "$card,netdev=net"
    done ;;
linux-interp)
    fetch
    expect --timeout 280 "${panic[@]}" --expect 'guest is up' --wait -- \
        "$tinamou" system aarch64 -M virt -cpu cortex-a57 -accel tcg,backend=interp,x-verify=on \
        "${linux[@]}" -append 'console=ttyAMA0 tinamou.poweroff' ;;
linux-smp4)
    fetch
    for gic in 2 3; do
        expect --timeout 100 "${panic[@]}" --expect '4 CPU(s)' --expect 'tinamou# ' \
            --send 'poweroff -f' --wait -- \
            "$tinamou" system aarch64 -M virt,gic-version=$gic -cpu max -smp 4 "${linux[@]}" \
            -append console=ttyAMA0
    done ;;
powerkey)
    # The generic kernel has the drivers of the key; init does not read it, so the shell does.
    guest=$BUILD/guest-generic
    "$SOURCE/scripts/fetch-guest.sh" "$guest" linux-image-arm64 ||
        { echo "skipped: no Debian kernel (network?)"; exit 77; }
    # The event: type 1 (key), code 116 (power), value 1 (pressed).
    # The device is open before the key is pressed: events before that are for nobody.
    read_key='exec 3</dev/input/event0; echo wai""ting
(head -c 24 <&3 | od -An -tu2 -j16; echo po""wered; poweroff -f) &'
    linux=(-kernel "$guest/Image" -initrd "$guest/initrd.gz" -m 512 -nic none -append console=ttyAMA0)
    for how in hmp qmp; do
        echo "== $how"
        qmp=$(mktemp -u)
        if [ $how = hmp ]; then
            press=(--raw '\x01c' --expect '(qemu) ' --send system_powerdown --raw '\x01c')
            monitor=()
        else
            press=(--qmp "$qmp" system_powerdown)
            monitor=(-qmp "unix:$qmp,server=on,wait=off")
        fi
        expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' \
            --send "$read_key" --expect waiting "${press[@]}" \
            --expect '1   116     1' --expect powered --expect 'Power down' --wait -- \
            "$tinamou" system aarch64 -M virt -cpu max "${linux[@]}" -nographic "${monitor[@]}"
    done ;;
reboot)
    fetch
    expect --timeout 100 "${panic[@]}" --expect 'tinamou# ' --send 'reboot -f' \
        --expect 'Booting Linux' --expect 'tinamou# ' --send 'poweroff -f' --wait -- \
        "$tinamou" system aarch64 -M virt -cpu cortex-a57 "${linux[@]}" -append console=ttyAMA0 ;;
icount)
    # The same run again, and on the interpreter: console, instructions and state must be equal.
    fetch
    for smp in 1 4; do
        first=
        for backend in x86_64 x86_64 interp; do
            echo "== -smp $smp, $backend"
            expect --show --timeout 140 "${panic[@]}" --expect 'guest is up' --wait -- \
                "$tinamou" system aarch64 -M virt -cpu max -smp $smp "${linux[@]}" \
                -icount shift=1,sleep=off -rtc base=2020-01-01 -state-hash end \
                -accel tcg,backend=$backend -append 'console=ttyAMA0 tinamou.poweroff' \
                > "$guest/icount.$smp.$backend" 2>&1
            # not what the test driver says
            this=$(grep -a -e '^\[' -e state-hash "$guest/icount.$smp.$backend" | tr -d '\r')
            echo "$this" | tail -1
            case $this in *"state-hash "*" instructions"*) ;; *) echo "no hash"; exit 1 ;; esac
            [ -z "$first" ] || diff <(echo "$first") <(echo "$this")
            first=$this
        done
    done ;;
icount-state)
    # A counted run of four vCPUs that is saved and goes on in another process ends as if it had not.
    # Not part of `meson test`: it depends on where the run is saved (docs/spec/state.md).
    fetch
    state=$guest/icount.state
    counted=("$tinamou" system aarch64 -M virt -cpu max -smp 4 "${linux[@]}"
        -icount shift=1,sleep=off -rtc base=2020-01-01 -state-hash end
        -append 'console=ttyAMA0 tinamou.poweroff')
    for part in whole first second; do
        echo "== $part"
        case $part in
        whole) steps=(--expect 'guest is up') more=() ;;
        first)
            rm -f "$state"
            steps=(--expect 'smp: Brought up' --raw '\x01c' --expect '(qemu) '
                --send "migrate file:$state" --expect '(qemu) ' --send quit)
            more=() ;;
        second) steps=(--expect 'guest is up') more=(-incoming "file:$state") ;;
        esac
        expect --show --timeout 100 "${panic[@]}" "${steps[@]}" --wait -- \
            "${counted[@]}" "${more[@]}" > "$guest/icount.$part" 2>&1
        grep -a state-hash "$guest/icount.$part" | grep -v '^tinamou' | tail -1
    done
    end() {
        tr -d '\r' < "$guest/icount.$1" | grep -a -o 'state-hash .* instructions'
    }
    [ -n "$(end whole)" ]
    diff <(end whole) <(end second) ;;
uboot)
    bin=/usr/lib/u-boot/qemu_arm64/u-boot.bin
    [ -f $bin ] || { echo "skipped: package u-boot-qemu is not installed"; exit 77; }
    disk=$BUILD/guest/uboot.img
    mkdir -p "$BUILD/guest"
    rm -f "$disk"
    truncate -s 8M "$disk"
    printf 'TINAMOU-DISK-OK!' | dd of="$disk" conv=notrunc status=none
    expect --timeout 60 --expect 'stop autoboot' --send '' --expect '=> ' \
        --send 'virtio scan; virtio info; virtio read 0x42000000 0 1; md.b 0x42000000 10' \
        --expect 'TINAMOU-DISK-OK!' --expect '=> ' --send 'qfw list' --expect 'opt/org.test' \
        --expect '=> ' --send 'poweroff' --wait -- \
        "$tinamou" system aarch64 -M virt -cpu cortex-a57 -m 256 -nographic -bios $bin \
        -fw_cfg opt/org.test,string=hello \
        -drive "if=none,file=$disk,format=raw,id=d0" -device virtio-blk-device,drive=d0 ;;
uboot-linux)
    # U-Boot loads the kernel: through fw_cfg, and from a file system on a virtio disk.
    bin=/usr/lib/u-boot/qemu_arm64/u-boot.bin
    [ -f $bin ] || { echo "skipped: package u-boot-qemu is not installed"; exit 77; }
    fetch
    go='booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr'
    echo "== fw_cfg"
    expect --timeout 60 "${panic[@]}" --expect 'stop autoboot' --send '' --expect '=> ' \
        --send "qfw load \$kernel_addr_r \$ramdisk_addr_r; $go" --expect 'tinamou# ' \
        --send 'poweroff -f' --wait -- "$tinamou" system aarch64 -M virt -cpu cortex-a57 \
        -bios $bin "${linux[@]}" -append console=ttyAMA0
    command -v mke2fs >/dev/null || { echo "no mke2fs: not from a disk"; exit 0; }
    echo "== disk"
    files=$(mktemp -d) disk=$guest/uboot-linux.img
    trap 'rm -rf "$files"' EXIT
    cp "$guest/Image" "$guest/initrd.gz" "$files"
    rm -f "$disk"
    mke2fs -q -t ext4 -d "$files" "$disk" 64M
    expect --timeout 60 "${panic[@]}" --expect 'stop autoboot' --send '' --expect '=> ' \
        --send 'virtio scan; load virtio 0 $kernel_addr_r Image' --expect 'bytes read' \
        --send "setenv bootargs console=ttyAMA0; load virtio 0 \$ramdisk_addr_r initrd.gz; $go" \
        --expect 'tinamou# ' --send 'poweroff -f' --wait -- "$tinamou" system aarch64 -M virt \
        -cpu cortex-a57 -m 512 -nographic -bios $bin \
        -drive "if=none,file=$disk,format=raw,id=d0" -device virtio-blk-device,drive=d0 ;;
uboot-distro)
    # U-Boot finds the kernel by itself: extlinux on a disk of each kind, a script by DHCP and TFTP.
    bin=/usr/lib/u-boot/qemu_arm64/u-boot.bin
    [ -f $bin ] || { echo "skipped: package u-boot-qemu is not installed"; exit 77; }
    for tool in mke2fs sgdisk; do
        command -v $tool >/dev/null || { echo "skipped: no $tool (packages e2fsprogs, gdisk)"; exit 77; }
    done
    fetch
    files=$(mktemp -d)
    trap 'rm -rf "$files"' EXIT
    mkdir -p "$files/fs/extlinux"
    cp "$guest/Image" "$guest/initrd.gz" "$files/fs"
    printf '%s\n' 'default l' 'timeout 1' 'label l' ' kernel /Image' ' initrd /initrd.gz' \
        ' append console=ttyAMA0' >"$files/fs/extlinux/extlinux.conf"
    mke2fs -q -t ext4 -d "$files/fs" "$files/part" 64M
    truncate -s 70M "$files/disk"
    sgdisk -n 1:2048:+64M -A 1:set:2 "$files/disk" >/dev/null
    dd if="$files/part" of="$files/disk" bs=1M seek=1 conv=notrunc status=none
    python3 - "$files/fs/boot.scr.uimg" <<'SCRIPT'
import struct, sys, zlib
text = (b'setenv bootargs console=ttyAMA0\ntftpboot $kernel_addr_r Image\ntftpboot $ramdisk_addr_r initrd.gz\n'
        b'booti $kernel_addr_r $ramdisk_addr_r:$filesize $fdtcontroladdr\n')
data = struct.pack('>II', len(text), 0) + text
def head(crc): # Linux, arm64, a script, not compressed
    return struct.pack('>7I4B32s', 0x27051956, crc, 0, len(data), 0, 0, zlib.crc32(data), 5, 22, 6, 0, b'boot')
open(sys.argv[1], 'wb').write(head(zlib.crc32(head(0))) + data)
SCRIPT
    disk=(-drive "if=none,id=d,file=$files/disk,format=raw,snapshot=on" -nic none)
    for kind in virtio nvme usb net; do
        echo "== $kind"
        case $kind in
        virtio) options=("${disk[@]}" -device virtio-blk-pci,drive=d) ;;
        nvme) options=("${disk[@]}" -device nvme,drive=d,serial=1) ;;
        usb) options=("${disk[@]}" -device usb-ehci -device usb-storage,drive=d) ;;
        net)
            "$tinamou" --version | grep -q 'with .*libslirp' || { echo "built without libslirp"; continue; }
            options=(-nic "user,tftp=$files/fs")
            ;;
        esac
        expect --timeout 60 "${panic[@]}" --expect 'Starting kernel' --expect 'tinamou# ' --send 'poweroff -f' \
            --wait -- "$tinamou" system aarch64 -M virt -cpu cortex-a57 -m 1024 -nographic -bios $bin "${options[@]}"
    done ;;
efi)
    # UEFI to its shell, by either interrupt controller; what it is told to keep is there again.
    code=/usr/share/AAVMF/AAVMF_CODE.fd
    [ -f $code ] || { echo "skipped: package qemu-efi-aarch64 is not installed"; exit 77; }
    vars=$(mktemp)
    trap 'rm -f "$vars"' EXIT
    cp /usr/share/AAVMF/AAVMF_VARS.fd "$vars"
    shell() { # version of the GIC, what to type, what it answers
        expect --timeout 120 --expect 'seconds to skip' --raw '\x1b' --expect 'Shell> ' \
            --raw "$2\\r" --expect "$3" --raw 'reset -s\r' --wait -- \
            "$tinamou" system aarch64 -M virt,gic-version=$1 -cpu cortex-a57 -smp 2 -m 256 -nographic \
            -no-reboot -nic none -drive "if=pflash,format=raw,readonly=on,file=$code" \
            -drive "if=pflash,format=raw,file=$vars"
    }
    shell 2 'set tinamou kept-in-flash' 'Shell> '
    shell 3 'set' 'kept-in-flash' ;;
migrate)
    fetch
    state=$BUILD/guest/migrate.state
    rm -f "$state"
    expect --timeout 60 "${panic[@]}" --expect 'tinamou# ' --send 'X=carried-over; echo re""ady' \
        --expect ready --raw '\x01c' --expect '(qemu) ' --send "migrate file:$state" \
        --expect '(qemu) ' --send quit --wait -- \
        "$tinamou" system aarch64 -M virt -cpu max -smp 2 "${linux[@]}" -append console=ttyAMA0
    expect --timeout 60 "${panic[@]}" --send 'echo got-$X' --expect got-carried-over \
        --send 'poweroff -f' --wait -- \
        "$tinamou" system aarch64 -M virt -cpu max -smp 2 "${linux[@]}" -append console=ttyAMA0 \
        -incoming "file:$state" ;;
savevm)
    # Memory, a disk and the machine's time go back together; also in a new process. ROUNDS: more.
    fetch
    disk=$BUILD/guest/savevm.qcow2
    monitor() {
        printf '%s\n' --raw '\x01c' --expect '(qemu) ' "$@" --expect '(qemu) ' --raw '\x01c'
    }
    check() {
        "$tinamou" img check -q "$disk"
        ! command -v qemu-img >/dev/null || qemu-img check -q "$disk"
    }
    for ((round = 0; round < ${ROUNDS:-1}; round++)); do
        for smp in 1 4; do
            for gic in 2 3; do
                echo "== -smp $smp, gic-version=$gic"
                rm -f "$disk"
                "$tinamou" img create -q -f qcow2 "$disk" 256M
                machine=("$tinamou" system aarch64 -M virt,gic-version=$gic -cpu max -smp $smp
                    "${linux[@]}" -m 256 -append console=ttyAMA0
                    -drive "if=none,id=d0,file=$disk" -device virtio-blk-device,drive=d0)
                mapfile -t save < <(monitor --send 'savevm one' --expect '(qemu) ' \
                    --send 'info snapshots' --expect ' one ')
                mapfile -t load < <(monitor --send 'loadvm one' --expect '(qemu) ' \
                    --send 'info status' --expect 'VM status: running')
                read_back='echo got-$X; dd if=/dev/vda bs=16 count=1 iflag=direct 2>/dev/null'
                expect --timeout 60 "${panic[@]}" --fail-on 'Error:' --expect 'tinamou# ' \
                    --send 'echo first-content | dd of=/dev/vda conv=fsync 2>/dev/null' \
                    --send 'X=alpha; echo re""ady' --expect ready "${save[@]}" \
                    --send 'echo other-stuff-x | dd of=/dev/vda conv=fsync 2>/dev/null' \
                    --send 'X=beta; echo re""ady-$X' --expect ready-beta "${load[@]}" \
                    --send "$read_back" --expect got-alpha --expect first-content \
                    --raw '\x01c' --expect '(qemu) ' --send quit --wait -- "${machine[@]}"
                check
                expect --timeout 60 "${panic[@]}" --send "$read_back" --expect got-alpha \
                    --expect first-content --send 'poweroff -f' --wait -- \
                    "${machine[@]}" -loadvm one
                check
                "$tinamou" img snapshot -d one "$disk"
                check
            done
        done
    done ;;
*)
    echo "boot.sh: no test is called '$name'" >&2
    exit 2 ;;
esac
