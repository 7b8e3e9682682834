#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# First inputs of the image fuzzers, made by qemu-img: seeds.sh OUT-FOLDER. run.sh adds what it
# finds; tests/fuzz/corpus keeps the minimised sum.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# OP is kind,off,len,value: see image_op of image.c.
work="0,3,9,3 2,9,4,2 3,20,2,1 1,12,0,5 5,0,0,0 4,3,9,1"
snap="0,3,9,3 7,0,0,0 0,3,19,1 5,0,0,0 8,0,0,0 9,0,0,0 11,0,0,2 6,3000,0,7 12,3,0,9 10,0,0,3"

put() { # target name image [key flag]; $modes: not all ways of opening it
    local flag mode
    mkdir -p "$out/$1"
    for mode in ${modes:-0 1 2 3}; do
        flag=$((mode << 4 | ${4:-0}))
        # shellcheck disable=SC2086 # ops are words
        python3 "$here/pack.py" "$3" "$out/$1/$2-$mode" $flag $([ $mode = 2 ] && echo $work)
    done
    # shellcheck disable=SC2086
    python3 "$here/pack.py" "$3" "$out/$1/$2-snap" $((0x20 | ${4:-0})) $snap
}

q() { qemu-img "$@" >/dev/null; }
# Key derivation is measured, which fails on a busy host.
again() { local n; for n in 1 2 3 4 5 6 7 8; do ! "$@" 2>/dev/null || return 0; done; "$@"; }
secret="--object secret,id=s,data=secret"

qcow2() { # name options [size]
    q create -f qcow2 -o "$2" "$tmp/$1" "${3:-2M}"
    qemu-io -f qcow2 -c "write -P 1 0 6k" -c "write -z 64k 64k" -c "write -P 2 1M 3k" "$tmp/$1" \
        >/dev/null
}

qcow2 plain cluster_size=4k; put qcow2 plain "$tmp/plain"
qcow2 small cluster_size=512,refcount_bits=1; put qcow2 small "$tmp/small"
qcow2 wide cluster_size=1k,refcount_bits=64,lazy_refcounts=on; put qcow2 wide "$tmp/wide"
qcow2 old compat=0.10,cluster_size=1k; put qcow2 old "$tmp/old"
qcow2 ext cluster_size=16k,extended_l2=on; put qcow2 ext "$tmp/ext"
qcow2 big cluster_size=64k; put qcow2 big "$tmp/big"
qcow2 snap cluster_size=4k
q snapshot -c one "$tmp/snap"; qemu-io -c "write -P 3 0 4k" "$tmp/snap" >/dev/null
q snapshot -c two "$tmp/snap"; put qcow2 snap "$tmp/snap"
qcow2 bits cluster_size=4k
q bitmap --add -g 4096 "$tmp/bits" b0; q bitmap --add "$tmp/bits" b1; q bitmap --disable "$tmp/bits" b1
qemu-io -c "write -P 3 8k 4k" "$tmp/bits" >/dev/null; put qcow2 bits "$tmp/bits"
q create -f qcow2 -o cluster_size=4k,data_file="$tmp/data" "$tmp/dfile" 2M; put qcow2 dfile "$tmp/dfile"
yes text | head -c 5000 >"$tmp/text"; truncate -s 256k "$tmp/text"
q convert -c -O qcow2 -o cluster_size=4k "$tmp/text" "$tmp/zlib"; put qcow2 zlib "$tmp/zlib"
q convert -c -O qcow2 -o cluster_size=4k,compression_type=zstd "$tmp/text" "$tmp/zstd"; put qcow2 zstd "$tmp/zstd"
q create -f qcow2 -b "$tmp/plain" -F qcow2 "$tmp/over"; put qcow2 over "$tmp/over"
# shellcheck disable=SC2086
again q create $secret -f qcow2 -o cluster_size=4k,encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc "$tmp/crypt" 1M
modes="0 2" put qcow2 crypt "$tmp/crypt" 0x40
# shellcheck disable=SC2086
again q create $secret -f qcow2 -o cluster_size=4k,encrypt.format=aes,encrypt.key-secret=s "$tmp/aes" 1M 2>/dev/null
put qcow2 aes "$tmp/aes" 0x40

# The key slots are random bytes, 4000 stripes of a short key.
for o in aes-128:cbc twofish-128:cbc; do
    # shellcheck disable=SC2086
    if again q create $secret -f luks -o key-secret=s,iter-time=10,cipher-alg=${o%:*},cipher-mode=${o#*:} "$tmp/luks" 64k 2>/dev/null; then
        modes="0 2" put luks "${o%:*}" "$tmp/luks" 0x40
    fi
done

for sub in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do
    q convert -O vmdk -o subformat=$sub "$tmp/text" "$tmp/v.vmdk"
    put vmdk $sub "$tmp/v.vmdk"
    [ ! -f "$tmp/v-s001.vmdk" ] || put vmdk $sub-extent "$tmp/v-s001.vmdk"
    rm -f "$tmp"/v*
done
q convert -O vdi "$tmp/text" "$tmp/vdi"; put vdi dynamic "$tmp/vdi"
q create -f vdi -o static=on "$tmp/vdi" 2M; put vdi static "$tmp/vdi"
for sub in dynamic fixed; do
    q convert -O vpc -o subformat=$sub "$tmp/text" "$tmp/vpc"; put vpc $sub "$tmp/vpc"
    q convert -O vhdx -o subformat=$sub,block_size=1M,log_size=1M "$tmp/text" "$tmp/vhdx"; put vhdx $sub "$tmp/vhdx"
done
q create -f vhdx -o block_size=1M "$tmp/vhdx" 9M
qemu-io -f vhdx -c "write -P 1 0 6k" -c "write -P 1 5M 6k" "$tmp/vhdx" >/dev/null; put vhdx more "$tmp/vhdx"
q convert -c -O qcow "$tmp/text" "$tmp/qcow" || true # 7.2 writes it and says it failed
put qcow packed "$tmp/qcow"
q convert -O qcow "$tmp/text" "$tmp/qcow"; put qcow plain "$tmp/qcow"
# shellcheck disable=SC2086
again q create $secret -f qcow -o encrypt.format=aes,encrypt.key-secret=s "$tmp/qcow" 1M 2>/dev/null; put qcow aes "$tmp/qcow" 0x40
q create -f parallels -o cluster_size=64k "$tmp/par" 2M
qemu-io -f parallels -c "write -P 1 0 6k" -c "write -P 2 1M 3k" "$tmp/par" >/dev/null; put parallels plain "$tmp/par"
put raw text "$tmp/text"
for f in plain over luks vdi vpc vhdx qcow par text; do put probe "$f" "$tmp/$f"; done
