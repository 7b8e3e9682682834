#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ThreadSanitizer over the unit tests, two machines in one process among them.
set -eu
cd "$(dirname "$0")/../.."
build=build-tsan
./configure --build=$build -Db_sanitize=thread -Db_lundef=false
ninja -C $build
TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp" setarch -R $build/tests/tinamou-tests
