#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boot Debian's kernel many times and keep a log of each.
#
#   many.sh [BUILD] [TIMES] [VCPUS...]     20 times with 1 and with 4 vCPUs
#   many.sh --random [BUILD] [TIMES] [SEED]   each in a mode of its own: back end, tier of host
#                                             instructions, one instruction a block, slow paths,
#                                             eviction, vCPUs, deterministic mode, CPU, GIC
#
# Prints "N of N"; the logs lie in BUILD/boots, and begin with the command. Those of failures are
# kept there under names that no later run uses.
set -u
random=false
if [ "${1:-}" = --random ]; then
    random=true
    shift
fi
build=${1:-build} times=${2:-20}
shift 2 2>/dev/null || shift $#
here=$(cd "$(dirname "$0")/../.." && pwd)
"$here/scripts/fetch-guest.sh" "$build/guest" || exit 77
mkdir -p "$build/boots"

# boot LOG SECONDS ARGUMENTS: to a shell, some work there, power off.
boot() {
    local log=$1 seconds=$2 start kept
    shift 2
    start=$(date +%s.%N)
    echo "tinamou $*" >"$log"
    # shellcheck disable=SC2016  # the guest's shell is to expand them
    python3 "$here/tests/boot/expect.py" --timeout "$seconds" --show --fail-on 'Kernel panic' \
        --fail-on 'Internal error: Oops' --fail-on 'rcu.*stall' --fail-on 'Segmentation fault' \
        --expect 'tinamou# ' \
        --send 'head -c 200000 /bin/busybox >/f; a=$(md5sum </f)' \
        --send 'gzip </f | gunzip | md5sum | grep "$a" && echo sa""me' \
        --expect same --send 'poweroff -f' --wait -- \
        "$build/tinamou" system aarch64 -M virt -m 512 -nic none -nographic -kernel "$build/guest/Image" \
        -initrd "$build/guest/initrd.gz" -append console=ttyAMA0 "$@" >>"$log" 2>&1 </dev/null
    local status=$?
    echo "seconds $(echo "$(date +%s.%N) - $start" | bc 2>/dev/null)" >>"$log"
    if [ $status -ne 0 ]; then
        echo "load $(cut -d ' ' -f 1-3 /proc/loadavg), CPU seconds so far: $(times | tail -n 1)" >>"$log"
        kept=${log%.log}-failed-$(date +%Y%m%d-%H%M%S).log
        mv "$log" "$kept"
        echo "failed: $kept: $(head -n 1 "$kept")"
    fi
    return $status
}

pick() { # one of the arguments; not in a subshell, whose RANDOM is another
    shift $((RANDOM % $#))
    picked=$1
}

# The arguments of a random mode.
mode() {
    local accel cpu smp icount=()
    pick x86_64 x86_64 x86_64 x86_64 x86_64 interp
    accel=backend=$picked
    if [ "$picked" = x86_64 ]; then
        pick '' '' ,host-cpu=v2 ,host-cpu=v3
        accel+=$picked
    fi
    pick '' '' ,x-slow=5 ,x-slow=50 ,x-slow=90
    accel+=$picked
    # Blocks of one instruction in a small cache do nothing but be translated.
    pick '' '' ,tb-size=8 ,tb-size=8,x-chunk=512 ,one-insn-per-tb=on
    accel+=$picked
    pick '' '' ,exact-flags=on
    accel+=$picked
    pick max max,pauth-impdef=off max cortex-a53 cortex-a57 cortex-a72 neoverse-n1
    cpu=$picked
    pick 1 2 4
    smp=$picked
    pick '' '' '' '' shift=0 shift=1,sleep=off shift=auto
    [ -z "$picked" ] || icount=(-icount "$picked")
    pick 2 3
    arguments=("${icount[@]}" -M "virt,gic-version=$picked" -cpu "$cpu" -smp "$smp" -accel "tcg,$accel")
}

bad=0
if $random; then
    RANDOM=${1:-$$}
    ok=0
    for i in $(seq "$times"); do
        mode
        boot "$build/boots/random-$i.log" 200 "${arguments[@]}" && ok=$((ok + 1))
    done
    echo "random modes: $ok of $times boots"
    [ "$ok" -eq "$times" ] || bad=1
else
    for n in ${*:-1 4}; do
        ok=0
        for i in $(seq "$times"); do
            boot "$build/boots/smp$n-$i.log" 60 -cpu max -smp "$n" && ok=$((ok + 1))
        done
        echo "$n vCPU: $ok of $times boots"
        [ "$ok" -eq "$times" ] || bad=1
    done
fi
exit $bad
