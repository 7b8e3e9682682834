#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cache=, aio=, locking= of a drive: what query-block and query-named-block-nodes tell is what QEMU
tells, and who may open an image that another has: cachemodes.py BUILD.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(sys.argv[1])
OURS = os.path.join(BUILD, 'compat', 'qemu-system-aarch64')
OUR_IO = os.path.join(BUILD, 'compat', 'qemu-io')
OUR_IMG = os.path.join(BUILD, 'compat', 'qemu-img')
THEIRS = shutil.which('qemu-system-aarch64')
IO = shutil.which('qemu-io')
IMG = shutil.which('qemu-img')
if not THEIRS or not IO:
    print('SKIP: no qemu-system-aarch64 and qemu-io here to compare with')
    sys.exit(77)
WORK = tempfile.mkdtemp(prefix='cache-', dir='/var/tmp')
bad = 0


def check(what, good, *told):
    global bad
    print(('ok: ' if good else 'not ok: ') + what)
    if not good:
        bad += 1
        for t in told:
            print('    ' + str(t))


def ask(program, drive):
    """The caches of the device, and of every node; or that it cannot be."""
    commands = ['qmp_capabilities', 'query-block', 'query-named-block-nodes', 'quit']
    p = subprocess.run([program, '-M', 'virt', '-m', '64', '-display', 'none', '-S', '-net', 'none',
                        '-serial', 'none', '-monitor', 'none', '-qmp', 'stdio', '-drive', drive],
                       input=''.join(json.dumps({'execute': c}) for c in commands).encode(),
                       capture_output=True, cwd=WORK, timeout=60)
    replies = [json.loads(line) for line in p.stdout.decode().splitlines() if line.strip()]
    replies = [r['return'] for r in replies if 'return' in r]
    if len(replies) < 3:
        return 'cannot', p.returncode != 0
    device = [b['inserted']['cache'] for b in replies[1] if b.get('inserted')]
    nodes = sorted((b['drv'], json.dumps(b['cache']), b['detect_zeroes'], b['ro'])
                   for b in replies[2])
    return device, nodes


def drives():
    for cache in ('', 'none', 'writeback', 'writethrough', 'directsync', 'unsafe', 'bogus'):
        for more in ('', 'read-only=on', 'detect-zeroes=on', 'discard=unmap,detect-zeroes=unmap',
                     'aio=threads', 'aio=native', 'aio=io_uring', 'aio=bogus', 'file.locking=off'):
            drive = 'if=none,id=d,file=d.qcow2'
            drive += ',cache=' + cache if cache else ''
            drive += ',' + more if more else ''
            theirs, ours = ask(THEIRS, drive), ask(OURS, drive)
            check(drive, theirs == ours, theirs, ours)


def locking():
    holder = subprocess.Popen([IO, '-f', 'qcow2', 'd.qcow2'], cwd=WORK, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    holder.stdout.read(1)  # its prompt: it has the image
    for options, works in (('', False), (',file.locking=on', False), (',file.locking=auto', False),
                           (',file.locking=off', True), (',force-share=on', True)):
        for img in (IMG, OUR_IMG):
            p = subprocess.run([img, 'info', '--image-opts',
                                'driver=qcow2,file.driver=file,file.filename=d.qcow2' + options],
                               cwd=WORK, capture_output=True)
            check(f'{img} info{options}', (p.returncode == 0) == works, p.stderr)
    holder.stdin.close()
    holder.wait()


def engines():
    """Each way of doing requests does them."""
    for aio in ('threads', 'native', 'io_uring'):
        for cache in ('none', 'writeback'):
            if aio == 'native' and cache != 'none':
                continue
            p = subprocess.run([OUR_IO, '-f', 'qcow2', '-t', cache, '-i', aio, '-c',
                                'write -P 7 513 70001', '-c', 'read -P 7 513 70001', '-c',
                                'write -z 64k 64k', '-c', 'flush', 'd.qcow2'], cwd=WORK,
                               capture_output=True)
            q = subprocess.run([IO, '-f', 'qcow2', '-c', 'read -P 7 513 60000', '-c',
                                'read -P 0 64k 64k', 'd.qcow2'], cwd=WORK, capture_output=True)
            check(f'aio={aio}, cache={cache}', p.returncode == 0 and q.returncode == 0, p, q)


def main():
    subprocess.run([IMG, 'create', '-q', '-f', 'qcow2', 'd.qcow2', '8M'], cwd=WORK, check=True)
    drives()
    locking()
    engines()
    shutil.rmtree(WORK)
    print(f'{bad} failed')
    return 1 if bad else 0


sys.exit(main())
