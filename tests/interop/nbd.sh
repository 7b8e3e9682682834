#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NBD with others: our server with nbdinfo, nbdcopy, qemu-img and qemu-io; our client with qemu-nbd
# and nbdkit; TLS both ways; what happens when the other side dies.
set -u
for need in qemu-img qemu-io qemu-nbd nbdinfo nbdcopy nbdkit; do
    command -v $need >/dev/null || { echo "skipped: $need is not installed"; exit 77; }
done
ours=$BUILD/compat/qemu-nbd
work=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
    wait
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work" || exit 1
failed=0
check() { # what command...
    local what=$1
    shift
    if "$@" >out 2>&1; then
        echo "ok: $what"
    else
        echo "not ok: $what"
        tail -n 5 out
        failed=1
    fi
}
fails() { ! "$@"; }
serve() { # socket command... : in the background, until it listens
    local socket=$1
    shift
    rm -f "$socket"
    timeout 120 "$@" &
    pids+=($!)
    for _ in $(seq 100); do
        [ -S "$socket" ] && break
        sleep 0.05
    done
}
stop() { # the last one
    kill "${pids[-1]}" 2>/dev/null
    wait "${pids[-1]}" 2>/dev/null
    unset 'pids[-1]'
}

head -c 9M /dev/urandom >disk.raw
truncate -s 64M disk.raw
cp --sparse=always disk.raw ref.raw
u="nbd+unix:///x?socket=$work/a"

# Our server, the clients of others.
serve a "$ours" -k "$work/a" -t -e 4 -f raw -x x -D text -A disk.raw
qemu-nbd -L -k "$work/a" >list.theirs
"$ours" -L -k "$work/a" >list.ours
check 'the list of exports as qemu-nbd shows it' diff list.theirs list.ours
check 'nbdinfo: size' test "$(nbdinfo --size "$u")" = 67108864
check 'nbdinfo: a hole' grep -q '9437184 *57671680 *3 *hole,zero' <(nbdinfo --map "$u")
check 'nbdcopy from us' nbdcopy "$u" copy.raw
check 'the copy is equal' cmp copy.raw ref.raw
for image in "$u" ref.raw; do
    qemu-io -f raw -c 'write -P 7 12345 700000' -c 'write -z -u 1M 2M' -c 'write -z 4M 64k' \
        -c 'discard 5M 1M' -c 'write -P 3 -f 8M 1M' -c flush "$image" >/dev/null
done
check 'writes of qemu-io' qemu-img compare -f raw -F raw ref.raw "$u"
check 'nbdcopy to us' nbdcopy copy.raw "$u"
check 'what it wrote is there' cmp copy.raw disk.raw
check 'an unknown export' fails nbdinfo --size "nbd+unix:///y?socket=$work/a"
printf 'GET / HTTP/1.0\r\n\r\n' | timeout 5 socat - UNIX-CONNECT:"$work/a" >/dev/null 2>&1
head -c 100000 /dev/urandom | timeout 5 socat - UNIX-CONNECT:"$work/a" >/dev/null 2>&1
check 'it lives on after nonsense' nbdinfo --size "$u"
stop
check 'its socket is gone' test ! -e a
serve a "$ours" -k "$work/a" -t -r -f raw -x x disk.raw
check 'read-only: writes are refused' fails qemu-io -f raw -c 'write 0 4k' "$u"
check 'read-only: nbdinfo says so' nbdinfo --is readonly "$u"
stop
check 'one client, then it ends' "$ours" --fork --pid-file="$work/pid" -k "$work/a" -f raw disk.raw
nbdinfo --size "nbd+unix:///?socket=$work/a" >/dev/null
sleep 0.5
check 'it has ended' test ! -e a

# The servers of others, our client: seen through a server of ours.
through() { # address
    serve b "$ours" -k "$work/b" -t -f raw "$1"
}
b="nbd+unix:///?socket=$work/b"
cp ref.raw theirs.raw
serve s qemu-nbd -k "$work/s" -t -e 4 -f raw -x x theirs.raw
through "nbd+unix:///x?socket=$work/s"
check 'a disk of qemu-nbd' qemu-img compare -f raw -F raw ref.raw "$b"
for image in "$b" ref.raw; do
    qemu-io -f raw -c 'write -P 9 54321 700000' -c 'write -z -u 1M 2M' -c 'discard 5M 1M' \
        -c flush "$image" >/dev/null
done
check 'written through us' qemu-img compare -f raw -F raw ref.raw "$b"
nbdinfo --map "$b" >map.b
nbdinfo --map "nbd+unix:///x?socket=$work/s" >map.s
check 'its map' diff map.b map.s
stop
stop
serve s nbdkit -f -U "$work/s" --filter=nocache --filter=noextents memory 32M
through "nbd+unix:///?socket=$work/s"
check 'a disk of nbdkit' qemu-io -f raw -c 'write -P 5 1M 3M' -c 'read -P 5 1M 3M' -c 'read -P 0 0 1M' "$b"
kill -9 "$(pgrep -P "${pids[-2]}")" 2>/dev/null
check 'a server that died: errors, no hang' fails timeout 10 nbdcopy "$b" /dev/null
check 'and no end of ours' nbdinfo --size "$b"
stop
stop
serve s nbdkit -f -U "$work/s" --filter=blocksize-policy memory 32M blocksize-minimum=512 \
    blocksize-maximum=64k blocksize-error-policy=error
through "nbd+unix:///?socket=$work/s"
check 'its block sizes are kept' qemu-io -f raw -c 'write -P 5 1000000 3M' -c 'read -P 5 1000000 3M' "$b"
stop
stop

# TLS with a shared key.
mkdir psk
echo "alice:$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" >psk/keys.psk
server_creds=(--object "tls-creds-psk,id=t,endpoint=server,dir=$work/psk" --tls-creds t)
client_creds="tls-creds-psk,id=t,endpoint=client,username=alice,dir=$work/psk"
if "$BUILD/tinamou" version | grep -q 'with.*gnutls'; then
    serve a "$ours" -k "$work/a" -t -f raw "${server_creds[@]}" ref.raw
    check 'TLS: qemu-img reads' qemu-img convert --object "$client_creds" --image-opts -O raw \
        "driver=nbd,server.type=unix,server.path=$work/a,tls-creds=t" tls.raw
    check 'TLS: equal' cmp tls.raw ref.raw
    check 'TLS: no entry without it' fails nbdinfo --size "nbd+unix:///?socket=$work/a"
    stop
    serve a qemu-nbd -k "$work/a" -t -f raw "${server_creds[@]}" ref.raw
    serve b "$ours" -k "$work/b" -t --object "$client_creds" --image-opts \
        "driver=nbd,server.type=unix,server.path=$work/a,tls-creds=t"
    check 'TLS: we read' qemu-img compare -f raw -F raw ref.raw "$b"
    stop
    stop
fi
exit $failed
