#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boot Debian's kernel many times and keep a log of each: many.sh [BUILD] [TIMES] [VCPUS...]
# (20 times with 1 and with 4 vCPUs). Prints "N of N" for each; the logs lie in BUILD/boots.
set -u
build=${1:-build} times=${2:-20}
shift 2 2>/dev/null || shift $#
vcpus=${*:-1 4}
here=$(cd "$(dirname "$0")/../.." && pwd)
"$here/scripts/fetch-guest.sh" "$build/guest" || exit 77
mkdir -p "$build/boots"
bad=0
for n in $vcpus; do
    ok=0
    for i in $(seq "$times"); do
        log=$build/boots/smp$n-$i.log
        start=$(date +%s.%N)
        if python3 "$here/tests/boot/expect.py" --timeout 60 --show --fail-on 'Kernel panic' \
            --fail-on 'rcu.*stall' --expect 'tinamou# ' --send 'poweroff -f' --wait -- \
            "$build/tinamou" system aarch64 -M virt -cpu max -smp "$n" -m 512 -nographic \
            -kernel "$build/guest/Image" -initrd "$build/guest/initrd.gz" \
            -append console=ttyAMA0 >"$log" 2>&1 </dev/null; then
            ok=$((ok + 1))
        else
            echo "failed: $log"
            bad=1
        fi
        echo "seconds $(echo "$(date +%s.%N) - $start" | bc 2>/dev/null)" >>"$log"
    done
    echo "$n vCPU: $ok of $times boots"
done
exit $bad
