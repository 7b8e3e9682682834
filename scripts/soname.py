#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print the name under which a program finds a shared library: what the linker would note for it.

usage: soname.py PACKAGE LIBRARY COMPILER...      (soname.py libcurl libcurl cc)
PACKAGE is pkg-config's name; where that does not know it, -lNAME of LIBRARY is linked.
"""
import os
import re
import subprocess
import sys
import tempfile


def main():
    package, library, compiler = sys.argv[1], sys.argv[2], sys.argv[3:]
    tool = os.environ.get('PKG_CONFIG', 'pkg-config')
    try:
        flags = subprocess.run([tool, '--libs', package], check=True, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        flags = ['-l' + library[3:]]
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, 'x.so')
        subprocess.run([*compiler, '-shared', '-o', out, '-Wl,--no-as-needed', *flags], check=True)
        text = subprocess.run(['readelf', '-d', out], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
    names = re.findall(r'\(NEEDED\).*\[(%s[^\]]*)\]' % re.escape(library), text)
    if not names:
        sys.exit(f'soname.py: {library} is not a shared library here')
    print(names[0])


main()
