#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""-drive and -blockdev as people and management programs write them: drives.py TINAMOU. What is
contradictory or unknown is refused in words; what both programs take has the same effects in both,
as query-block tells them; two machines share a base image."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

TINAMOU = os.path.abspath(sys.argv[1])
OURS, QEMU = [TINAMOU, 'system', 'aarch64'], ['qemu-system-aarch64', '-net', 'none']
MACHINE = ['-M', 'virt', '-cpu', 'cortex-a57', '-S', '-display', 'none', '-serial', 'none',
           '-monitor', 'none', '-qmp', 'stdio']

# What is refused, and a word of the reason.
REFUSED = [
    ('-drive file=a.qcow2,if=none,id=d0,format=qcow2,driver=qcow2', 'both given'),
    ('-drive file=a.qcow2,if=none,id=0bad', 'no identifier'),
    ('-drive file=a.qcow2,if=none,id=d0,media=cdrom,readonly=off', 'media=cdrom'),
    ('-drive file=a.qcow2,if=none,id=d0,media=tape', 'media=tape'),
    ('-drive file=a.qcow2,if=none,id=d0,index=1,unit=0', 'index cannot be used'),
    ('-drive file=a.qcow2,if=none,id=d0,bus=1', 'bus=1'),
    ('-drive file=a.qcow2,if=none,id=d0,throttling.iops-totl=1', 'throttling.iops-total'),
    ('-drive file=a.qcow2,if=none,id=d0,throttling.iops-total=9,throttling.iops-read=9',
     'cannot be used at the same time'),
    ('-drive file=a.qcow2,if=none,id=d0,bogus=1', "'bogus'"),
    ('-drive file=a.qcow2,if=bogus', 'if=bogus'),
    ('-drive file=a.qcow2,if=none,id=d0,rerror=enospc', 'rerror=enospc'),
    ('-drive file=a.qcow2,if=none,id=d0,cache=bogus', 'cache=bogus'),
    ('-drive file=a.qcow2,if=none,id=d0,discard=bogus', 'discard=bogus'),
    ('-drive file=a.qcow2,if=none,id=d0,detect-zeroes=bogus', 'detect-zeroes=bogus'),
    ('-drive file=a.qcow2,if=none,id=d0,aio=native', 'cache.direct=on'),
    ('-drive file=a.qcow2,if=none,id=d0,readonly=maybe', "'maybe'"),
    ('-drive file=a.qcow2,if=none,id=d0 -drive file=a.raw,if=none,id=d0,format=raw', 'd0'),
    ('-drive file=a.qcow2,if=none,id=d0 -drive file=a.qcow2,if=none,id=d1', 'lock'),
    ('-drive file=a.raw,file.filename=a.raw,if=none,id=d0', 'both given'),
    ('-drive file=a.raw,format=qcow2,if=none,id=d0', 'qcow2'),
    ('-drive file=json:{,if=none,id=d0', 'JSON'),
    ('-drive file=json:{"driver":"nosuch"},if=none,id=d0', 'nosuch'),
    ('-blockdev {"driver":"qcow2","node-name":"n","file":"nosuch"}', 'nosuch'),
    ('-blockdev {"driver":"qcow2","node-name":"n","file":{"driver":"file","filename":"a.qcow2",'
     '"bogus":1}}', "'bogus'"),
    ('-blockdev {"driver":"qcow2","node-name":"n"', 'JSON'),
    ('-blockdev {"driver":"file","filename":"a.raw"}', 'node-name'),
    ('-blockdev driver=file,node-name=n,filename=a.raw,detect-zeroes=unmap', 'detect-zeroes'),
]

# What both take.
TAKEN = [
    '-drive file=a.qcow2,if=none,id=d0',
    '-drive file=a.raw,format=raw,if=none,id=d0,readonly=on',
    '-drive file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"a.qcow2"}},if=none,'
    'id=d0',
    '-drive file=json:{"driver":"raw",,"file":{"driver":"file",,"filename":"a.raw"}},format=raw,'
    'if=none,id=d0',
    '-drive driver=qcow2,file.driver=file,file.filename=a.qcow2,if=none,id=d0',
    '-drive driver=raw,file.driver=file,file.filename=a.raw,offset=65536,size=1048576,if=none,id=d0',
    '-drive file.filename=b.qcow2,if=none,id=d0,node-name=top',
    '-drive file=a.qcow2,if=none,id=d0,media=cdrom',
    '-drive file=a.qcow2,if=none,id=d0,cache=none',
    '-drive file=a.qcow2,if=none,id=d0,cache=unsafe',
    '-drive file=a.qcow2,if=none,id=d0,cache=writethrough',
    '-drive file=a.qcow2,if=none,id=d0,cache.direct=on',
    '-drive file=a.qcow2,if=none,id=d0,discard=unmap,detect-zeroes=unmap',
    '-drive file=a.qcow2,if=none,id=d0,detect-zeroes=on',
    '-drive file=b.qcow2,if=none,id=d0,copy-on-read=on,readonly=on',
    '-drive file=c.qcow2,if=none,id=d0',
    '-drive file=a.qcow2,if=none,id=d0,l2-cache-size=1M,file.locking=off',
    '-drive file=a.raw,format=raw,if=none,id=d0,bus=0,unit=3',
]
COMPARED = ['ro', 'drv', 'detect_zeroes', 'cache', 'backing_file', 'backing_file_depth']


def run(program, args, commands):
    text = ''.join(json.dumps({'execute': c}) + '\n' for c in ('qmp_capabilities', *commands, 'quit'))
    r = subprocess.run([*program, *MACHINE, *args], input=text, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=60)
    out = [json.loads(line) for line in r.stdout.splitlines()]
    return r.returncode, r.stderr, [m['return'] for m in out if 'return' in m][1:]


def effects(program, form):
    code, errors, out = run(program, form.split(' '), ['query-block'])
    if code:
        raise AssertionError(f'{form}: {errors}')
    disk = [d for d in out[0] if d.get('device') == 'd0'][0]['inserted']
    got = {k: disk.get(k) for k in COMPARED}
    got['size'] = disk['image']['virtual-size']
    return got


def same(got, want, what):
    if got != want:
        raise AssertionError(f'{what}: {got!r}, not {want!r}')


def shared(top):
    """As libvirt describes a disk: storage and format apart, the base for reading."""
    def node(**more):
        return '-blockdev', json.dumps({k.replace('_', '-'): v for k, v in more.items()})

    return [*node(driver='file', node_name='s1', filename='a.qcow2', auto_read_only=True,
                  discard='unmap'),
            *node(driver='qcow2', node_name='f1', file='s1', read_only=True),
            *node(driver='file', node_name='s2', filename=top, auto_read_only=True,
                  discard='unmap'),
            *node(driver='qcow2', node_name='f2', file='s2', read_only=False, backing='f1'),
            '-device', 'virtio-blk-device,drive=f2']


def share(first, second):
    """The second starts while the first runs; the first one's disk is its own."""
    a = subprocess.Popen([*first, *MACHINE, *shared('b.qcow2')], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if '"QMP"' not in a.stdout.readline():
            raise AssertionError(f'{first}: it does not start')
        code, errors, _ = run(second, shared('c.qcow2'), [])
        same((code, [e for e in errors.splitlines() if 'nothing to start' not in e]), (0, []),
             f'a base that is shared by {first[0]} and {second[0]}')
        code, errors, _ = run(second, shared('b.qcow2'), [])
        same((code, 'lock' in errors), (1, True), f'a disk that is written twice: {errors}')
    finally:
        a.kill()
        a.wait()


class Monitor:
    def __init__(self, program, args):
        self.child = subprocess.Popen([*program, *MACHINE, *args], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.child.stdout.readline()
        self.log, self.events = [], []
        self.ask('qmp_capabilities')

    def message(self):
        return json.loads(self.child.stdout.readline())

    def ask(self, command, **args):
        self.child.stdin.write(json.dumps({'execute': command, 'arguments': {
            k.replace('_', '-'): v for k, v in args.items()}}) + '\n')
        self.child.stdin.flush()
        while 'event' in (m := self.message()):
            self.events.append(m['event'])
        self.log.append((command, 'error' in m))

    def wait(self, event):
        while event not in self.events:
            self.events.append(self.message().get('event'))

    def tool(self, image):
        """Can others read it?"""
        r = subprocess.run([TINAMOU, 'img', 'info', image], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        self.log.append((image, r.returncode))


def commits(program):
    """libvirt's commit into a base that is shared at first, and a snapshot after it."""
    with tempfile.TemporaryDirectory(dir='.') as d:
        for name in ('a.qcow2', 'b.qcow2', 'c.qcow2'):
            shutil.copy(name, d)
        os.chdir(d)
        m = Monitor(program, shared('b.qcow2'))
        m.tool('a.qcow2')
        other = Monitor(OURS, shared('c.qcow2'))
        m.ask('block-commit', device='f2', job_id='early')
        other.ask('quit')
        other.child.wait()
        m.ask('block-commit', device='f2', job_id='j')
        m.wait('BLOCK_JOB_READY')
        m.ask('job-complete', id='j')
        m.wait('BLOCK_JOB_COMPLETED')
        m.tool('a.qcow2')
        for name in ('f2', 's2', 's2'):
            m.ask('blockdev-del', node_name=name)
        m.ask('blockdev-add', driver='file', node_name='s3', filename='c.qcow2',
              auto_read_only=True)
        m.ask('blockdev-add', driver='qcow2', node_name='f3', file='s3', backing=None)
        m.ask('blockdev-snapshot', node='f1', overlay='f3')
        m.tool('a.qcow2')
        m.ask('blockdev-reopen', options=[{'driver': 'qcow2', 'node-name': 'f1', 'read-only': True,
                                           'file': 's1'}])
        m.tool('a.qcow2')
        m.ask('blockdev-del', node_name='f1')
        m.ask('quit')
        m.child.wait()
        os.chdir('..')
        return m.log


def json_names(program):
    """Where QMP takes a name."""
    def name(image):
        img('create', '-f', 'qcow2', image, '16M')
        return 'json:' + json.dumps({'driver': 'qcow2',
                                     'file': {'driver': 'file', 'filename': image}})

    m = Monitor(program, ['-drive', 'file=a.raw,format=raw,if=none,id=d0,node-name=n0', '-drive',
                          'file=b.qcow2,if=none,id=d1'])
    m.ask('drive-mirror', device='d0', target=name('m.qcow2'), sync='full', mode='existing',
          format='qcow2', job_id='j1')
    m.ask('blockdev-snapshot-sync', device='d1', snapshot_file=name('s.qcow2'), mode='existing',
          format='qcow2')
    m.ask('blockdev-add', driver='qcow2', node_name='x', file={'driver': 'file',
                                                               'filename': 'json:{}'})
    m.ask('quit')
    m.child.wait()
    return m.log


def img(*args):
    subprocess.run([TINAMOU, 'img', *args], check=True, stdout=subprocess.DEVNULL)


def main():
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)
        img('create', '-f', 'qcow2', 'a.qcow2', '16M')
        img('create', '-f', 'raw', 'a.raw', '16M')
        img('create', '-f', 'qcow2', '-b', 'a.qcow2', '-F', 'qcow2', 'b.qcow2')
        img('create', '-f', 'qcow2', '-b',
            'json:{"driver":"qcow2","file":{"driver":"file","filename":"a.qcow2"}}', '-F', 'qcow2',
            'c.qcow2')
        for form, reason in REFUSED:
            code, errors, _ = run(OURS, form.split(' '), [])
            same((code, reason in errors), (1, True), f'{form}: {errors}')
        have = shutil.which(QEMU[0])
        for form in TAKEN:
            ours = effects(OURS, form)
            if have:
                same(ours, effects(QEMU, form), form)
        img('create', '-f', 'qcow2', '-b', 'a.qcow2', '-F', 'qcow2', 'c.qcow2')
        share(OURS, OURS)
        ours = commits(OURS)
        names = json_names(OURS)
        same(names, [('qmp_capabilities', False), ('drive-mirror', False),
                     ('blockdev-snapshot-sync', False), ('blockdev-add', True), ('quit', False)],
             'names in JSON')
        if have:
            share(OURS, QEMU)
            share(QEMU, OURS)
            same(ours, commits(QEMU), 'a commit and a snapshot')
            same(names, json_names(QEMU), 'names in JSON')
        else:
            print('skipped: the same of qemu-system-aarch64')


main()
