#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run every test and check of a build folder: check.sh [BUILD]; ends in "N passed, N failed, N
# skipped". A test that cannot run here (no network, no KVM, no oracle) is skipped, aloud.
set -u
cd "$(dirname "$0")/.."
build=${1:-build}
pass=0 fail=0 skip=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

result() { # name status
    case $2 in
    0) pass=$((pass + 1)); echo "ok      $1" ;;
    77) skip=$((skip + 1)); echo "SKIP    $1: $(grep -m1 -i skip "$log" | cut -c1-120)" ;;
    *) fail=$((fail + 1)); echo "FAILED  $1"; tail -n 40 "$log" | sed 's/^/    /' ;;
    esac
}

run() { # name command...
    local name=$1
    shift
    "$@" >"$log" 2>&1 </dev/null
    result "$name" $?
}

# Checks of the tree.
run layers python3 scripts/check-layers.py
run docs python3 scripts/check-docs.py
mapfile -t libs < <(find "$build" -name 'lib*.a' -not -path '*/subprojects/*')
run globals python3 scripts/check-globals.py "${libs[@]}"
run fp python3 scripts/check-fp.py "${libs[@]}"
[ ! -f scripts/check-state.py ] || run state python3 scripts/check-state.py
if command -v clang-format >/dev/null; then
    run format bash -c 'git ls-files "*.c" "*.h" | xargs clang-format --dry-run -Werror'
fi

# Unit tests, each counted.
"$build/tests/tinamou-tests" >"$log" 2>&1 </dev/null
status=$?
p=$(grep -c '^ok ' "$log") f=$(grep -c '^not ok ' "$log") s=$(grep -c '^skip ' "$log")
pass=$((pass + p)) fail=$((fail + f)) skip=$((skip + s))
echo "unit tests: $p ok, $f failed, $s skipped"
grep -E '^not ok|^skip' "$log" | head -n 40
if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ "$f" -eq 0 ]; then
    result "unit tests (ended with status $status)" 1
fi

# The other suites: one Meson test each.
while read -r name; do
    [ -n "$name" ] || continue
    meson test -C "$build" --no-rebuild --print-errorlogs "$name" >"$log" 2>&1 </dev/null
    status=$?
    # A guest that misses a time limit on a busy machine gets one more try, and says so.
    if [ "$status" -ne 0 ] && [[ $name == boot-* || $name == x86-* ]]; then
        echo "RETRY   $name:"
        tail -n 15 "$log" | sed 's/^/    /'
        meson test -C "$build" --no-rebuild --print-errorlogs "$name" >"$log" 2>&1 </dev/null
        status=$?
    fi
    if grep -qE '^Skipped: +[1-9]' "$log"; then
        status=77
        echo "skipped: see $build/meson-logs/testlog.txt" >>"$log"
        tail -n 5 "$build/meson-logs/testlog.txt" | grep -i skip >>"$log"
    fi
    result "$name" $status
done < <(meson test -C "$build" --list --no-suite unit 2>/dev/null | sed -n 's/.* \/ //p')

echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" -eq 0 ]
