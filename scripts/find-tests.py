#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print `file suite` for every suite of every x-test.c in the tree, for meson."""
import os
import re
import sys

root = sys.argv[1]
for top, dirs, names in os.walk(root):
    dirs[:] = sorted(d for d in dirs if not d.startswith(('.', 'build')))
    for name in sorted(names):
        if not name.endswith('-test.c'):
            continue
        path = os.path.join(top, name)
        with open(path, encoding='utf-8') as f:
            suites = sorted(set(re.findall(r'^TEST\((\w+),', f.read(), re.M)))
        for suite in suites:
            print(os.path.relpath(path, root), suite)
