#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run all fuzz targets, one after the other: run.sh SECONDS_TOTAL [TARGET...]
#
# BUILD   build folder with -Dfuzz=true (build-fuzz)
# TIMEOUT seconds that one input may take (10; more on a loaded machine)
# WORK    keeps what is found: corpus by target, inputs of findings, ledger of seconds spent
#         (default: a folder that is deleted, unless there was a finding)
#
# Each target gets the same time, begins with tests/fuzz/corpus/TARGET, and ends at its first
# finding. A line for each: seconds, executions, coverage, findings. Status 1: there are findings.
set -u
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$source/build-fuzz}
total=${1:?usage: run.sh SECONDS_TOTAL [TARGET...]}
shift
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=16:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1 G_SLICE=always-malloc

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for f in "$build"/tests/fuzz/fuzz-*; do
        [ -f "$f" ] && [ -x "$f" ] && targets+=("${f##*/fuzz-}")
    done
fi
[ ${#targets[@]} -gt 0 ] || { echo "no targets in $build/tests/fuzz: build with -Dfuzz=true"; exit 1; }
keep=1
[ -n "${WORK:-}" ] || { WORK=$(mktemp -d); keep=0; }
each=$((total / ${#targets[@]}))
[ "$each" -gt 0 ] || each=1
bad=0 spent=0
printf '%-14s %6s %10s %8s %s\n' target seconds execs coverage findings
for t in "${targets[@]}"; do
    mkdir -p "$WORK/$t" "$WORK/findings"
    dirs=("$WORK/$t")
    [ ! -d "$source/tests/fuzz/corpus/$t" ] || dirs+=("$source/tests/fuzz/corpus/$t")
    dict=()
    [ ! -f "$source/tests/fuzz/$t.dict" ] || dict=("-dict=$source/tests/fuzz/$t.dict")
    log=$WORK/findings/$t.log
    begin=$SECONDS
    (cd "$WORK" && exec "$build/tests/fuzz/fuzz-$t" -max_total_time=$each -timeout="${TIMEOUT:-10}" \
        -rss_limit_mb=512 -malloc_limit_mb=1100 -print_final_stats=1 -max_len=262144 \
        -artifact_prefix="$WORK/findings/$t-" "${dict[@]}" "${dirs[@]}") >"$log" 2>&1
    status=$?
    took=$((SECONDS - begin))
    spent=$((spent + took))
    execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    cov=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1 | tr -dc 0-9)
    what=none
    if [ $status -ne 0 ]; then
        bad=$((bad + 1))
        what=$(grep -a -m1 -E 'SUMMARY|ERROR' "$log" | cut -c1-120)
    fi
    printf '%-14s %6d %10s %8s %s\n' "$t" "$took" "${execs:-?}" "${cov:-?}" "$what"
    echo "$t $took ${execs:-0} ${cov:-0} $status" >>"$WORK/ledger"
done
echo "$spent seconds, $bad targets with findings"
if [ $bad -ne 0 ]; then
    echo "inputs and traces: $WORK/findings"
elif [ $keep -eq 0 ]; then
    rm -rf "$WORK"
fi
[ $bad -eq 0 ]
