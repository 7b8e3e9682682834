#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn a .list file (one C object name a line, # comments) into a NULL-terminated array.

usage: gen-list.py LIST OUT TYPE ARRAY HEADER
"""
import re
import sys


def main():
    path, out, ctype, array, header = sys.argv[1:]
    names = []
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            name = line.split("#")[0].strip()
            if not name:
                continue
            if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
                sys.exit(f"{path}:{number}: not a C name: {name!r}")
            if name in names:
                sys.exit(f"{path}:{number}: {name} stands twice")
            names.append(name)
    with open(out, "w", encoding="utf-8") as f:
        f.write("/* SPDX-License-Identifier: Apache-2.0 */\n")
        f.write(f'/* Generated from {path.split("/")[-1]}. */\n#include "{header}"\n\nextern const {ctype} *const {array}[];\n')
        for name in names:
            f.write(f"extern const {ctype} {name};\n")
        f.write(f"\nconst {ctype} *const {array}[] = {{\n")
        for name in names:
            f.write(f"    &{name},\n")
        f.write("    NULL,\n};\n")


main()
