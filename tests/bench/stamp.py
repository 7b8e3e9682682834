#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run a command; print its output, and after the line with MARK the seconds since its start as
"boot NANOSECONDS 0": stamp.py MARK -- COMMAND."""
import subprocess
import sys
import time

mark = sys.argv[1]
start = time.monotonic_ns()
child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors='replace')
for line in child.stdout:
    sys.stdout.write(line)
    if mark in line:
        print(f'boot {time.monotonic_ns() - start} 0')
child.wait()
