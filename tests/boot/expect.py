#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drive a guest's console: expect.py [--expect TEXT | --send TEXT | --raw TEXT | --fail-on TEXT |
--qmp SOCKET COMMAND | --wait]... -- COMMAND. Steps are done in order; --wait waits for the command's end (status 0 wanted).
Exit status 0 when every step was done, 1 with the last output when not."""
import json
import os
import re
import select
import socket
import subprocess
import sys
import time


def qmp(path, command):
    """Run one command without arguments; what went wrong, or None."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        lines = s.makefile('rw', encoding='utf-8')
        lines.readline()
        for name in ('qmp_capabilities', command):
            lines.write(json.dumps({'execute': name}) + '\n')
            lines.flush()
            answer = {}
            while 'return' not in answer and 'error' not in answer:
                answer = json.loads(lines.readline())
            if 'error' in answer:
                return f'{name}: {answer["error"]["desc"]}'
    return None


def main():
    steps, timeout, show, fails = [], 60.0, False, []
    argv = sys.argv[1:]
    while argv and argv[0] != '--':
        opt = argv.pop(0)
        if opt in ('--expect', '--send', '--raw'):
            steps.append((opt[2:], argv.pop(0)))
        elif opt == '--qmp':
            steps.append(('qmp', (argv.pop(0), argv.pop(0))))
        elif opt == '--fail-on':
            fails.append(argv.pop(0))
        elif opt == '--timeout':
            timeout = float(argv.pop(0))
        elif opt == '--wait':
            steps.append(('wait', None))
        elif opt == '--show':
            show = True
        else:
            sys.exit(f'expect: unknown option {opt}')
    child = subprocess.Popen(argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, bufsize=0)
    seen, pos, end = '', 0, time.monotonic() + timeout

    def pump(wait):
        nonlocal seen
        ready, _, _ = select.select([child.stdout], [], [], wait)
        if not ready:
            return True
        data = os.read(child.stdout.fileno(), 65536)
        text = data.decode('utf-8', 'replace').replace('\r', '')
        if show:
            sys.stdout.write(text)
            sys.stdout.flush()
        seen += text
        return bool(data)

    def fail(why):
        child.kill()
        if not show:
            print(seen[-3000:])
        print(f'\nexpect: {why}')
        sys.exit(1)

    for what, text in steps:
        if what == 'send':
            child.stdin.write(text.encode() + b'\n')
            continue
        if what == 'raw':
            child.stdin.write(text.encode().decode('unicode_escape').encode('latin1'))
            continue
        if what == 'qmp':
            bad = qmp(*text)
            if bad:
                fail(bad)
            continue
        while True:
            for bad in fails:
                if re.search(bad, seen):
                    fail(f'saw {bad!r}')
            if what == 'expect':
                at = seen.find(text, pos)
                if at >= 0:
                    pos = at + len(text)
                    break
            alive = pump(0.2)
            if not alive:
                if what == 'wait':
                    if child.wait(timeout=10) != 0:
                        fail(f'the command ended with status {child.returncode}')
                    break
                fail(f'the command ended before {text!r}')
            if time.monotonic() > end:
                fail(f'no {text!r} within {timeout:.0f} s')
    if child.poll() is None and not any(s[0] == 'wait' for s in steps):
        child.kill()


main()
