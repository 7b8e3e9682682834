#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands on disks over QMP, compared with QEMU: blockcmds.py TINAMOU [SCENARIO].

Each scenario is run by us and by qemu-system-aarch64; answers and events must be the same, field by
field, but for times, sizes on the host and names that either gives by itself.
"""
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1])
QEMU = 'qemu-system-aarch64'
MIB = 1 << 20
IGNORED = {'timestamp', 'actual-size', 'date-sec', 'date-nsec', 'vm-clock-sec', 'vm-clock-nsec',
           'microseconds', 'seconds'}


class Peer:
    """One machine that never runs, and what it said."""

    def __init__(self, ours, *args):
        self.ours = ours
        start = [TINAMOU, 'system', 'aarch64'] if ours else [QEMU, '-net', 'none']
        self.proc = subprocess.Popen(
            start + ['-M', 'virt', '-m', '64', '-display', 'none', '-serial', 'null', '-monitor',
                     'none', '-S', '-qmp', 'stdio', *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.buf = b''
        self.log = []
        self.names = {}
        self.events = []
        self.line(20)
        self.call('qmp_capabilities')
        self.log.clear()

    def line(self, timeout):
        end = time.time() + timeout
        while b'\n' not in self.buf:
            if not select.select([self.proc.stdout], [], [], max(0, end - time.time()))[0]:
                return None
            data = os.read(self.proc.stdout.fileno(), 65536)
            if not data:
                raise RuntimeError('the peer has ended')
            self.buf += data
        line, self.buf = self.buf.split(b'\n', 1)
        # QEMU tells on its standard output which images it makes.
        return json.loads(line) if line.startswith(b'{') else self.line(timeout)

    def plain(self, value):
        """Without what differs from run to run."""
        if isinstance(value, dict):
            return {k: self.plain(v) for k, v in sorted(value.items()) if k not in IGNORED}
        if isinstance(value, list):
            return [self.plain(v) for v in value]
        if isinstance(value, str):
            value = re.sub(r'disk size: .*', 'disk size: ?', value)
            return re.sub(r'#block\d+', '#block', value)
        return value

    def call(self, command, args=None):
        """The answer, not kept for comparison."""
        message = {'execute': command}
        if args is not None:
            message['arguments'] = args
        self.proc.stdin.write((json.dumps(message) + '\n').encode())
        self.proc.stdin.flush()
        while True:
            answer = self.line(20)
            if answer is None:
                raise RuntimeError(f'no answer to {command}')
            if 'event' in answer:
                self.events.append(answer)
            else:
                return answer

    def __call__(self, command, /, _args=None, **args):
        """The answer, which both must give."""
        args = _args if _args is not None else {k.replace('_', '-'): v for k, v in args.items()}
        answer = self.call(command, args)
        self.log.append((command, self.plain(args), self.plain(answer)))
        return answer.get('return')

    def hmp(self, line):
        answer = self.call('human-monitor-command', {'command-line': line})
        # QEMU's board has a floppy and an SD slot without a medium.
        text = re.sub(r'\n*(floppy0|sd0): \[not inserted\]\n    Removable device: not locked, '
                      r'tray closed|(floppy0|sd0): rd_.*\n', '', answer['return'].replace('\r', ''))
        text = re.sub(r'_ns=\d+', '_ns', re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'DATE', text))
        parts = self.plain(text.strip('\n').split('\n\n'))
        self.log.append(('hmp', line, sorted(parts) if ' -n' in line else parts))
        return answer['return']

    def wait(self, job):
        """Until a job is gone or has concluded; its events, in order, are compared."""
        end = time.time() + 20
        while time.time() < end:
            for e in self.events:
                if e['event'] == 'JOB_STATUS_CHANGE' and e['data']['id'] == job and \
                        e['data']['status'] in ('null', 'concluded'):
                    jobs = self.call('query-jobs')['return']
                    if all(j['id'] != job or j['status'] == 'concluded' for j in jobs):
                        return self.take(job)
            more = self.line(0.1)
            if more:
                self.events.append(more)
        raise RuntimeError(f'job {job} does not end')

    def until(self, event, **data):
        end = time.time() + 20
        while time.time() < end:
            if any(e['event'] == event and all(e['data'].get(k) == v for k, v in data.items())
                   for e in self.events):
                return
            more = self.line(0.1)
            if more:
                self.events.append(more)
        raise RuntimeError(f'no event {event} {data}')

    def take(self, job):
        """A job's events so far. That it pauses while its nodes are drained is left out."""
        mine = [e for e in self.events
                if e.get('data', {}).get('id', e.get('data', {}).get('device')) == job]
        self.events = [e for e in self.events if e not in mine]
        out = []
        for e in mine:
            status = e['data'].get('status')
            if status in ('paused', 'standby'):
                continue
            if out and out[-1][1].get('status') == status and status in ('running', 'ready'):
                continue
            out.append((e['event'], self.plain(e['data'])))
        self.log.append(('events of', job, out))

    def end(self):
        self.call('quit')
        self.proc.wait(20)


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


def image(name, size=4 * MIB, fmt='qcow2', *more):
    run('qemu-img', 'create', '-q', '-f', fmt, *more, name, str(size))


def file(name, **more):
    return {'driver': 'file', 'filename': name, **more}


def qcow2(node, name, **more):
    return {'driver': 'qcow2', 'node-name': node, 'file': file(name), **more}


def action(kind, **data):
    return {'type': kind, 'data': {k.replace('_', '-'): v for k, v in data.items()}}


def two_disks():
    """a: a node with a device of its own; d1: a drive with an id."""
    for name in ('a.qcow2', 'b.qcow2', 't.qcow2'):
        image(name)
    return ['-blockdev', 'driver=qcow2,node-name=a,file.driver=file,file.filename=a.qcow2',
            '-device', 'virtio-blk-device,drive=a,id=va',
            '-drive', 'if=none,id=d1,file=b.qcow2,format=qcow2,node-name=b',
            '-device', 'virtio-blk-device,drive=d1,id=vd1',
            '-blockdev', 'driver=qcow2,node-name=t,file.driver=file,file.filename=t.qcow2']


def bitmaps(q):
    return {n['node-name']: sorted((b['name'], b['recording'], b['persistent'])
                                   for b in n.get('dirty-bitmaps', []))
            for n in q.call('query-named-block-nodes')['return']
            if not n['node-name'].startswith('#')}


def txn(q, *actions, **properties):
    args = {'actions': list(actions)}
    if properties:
        args['properties'] = {k.replace('_', '-'): v for k, v in properties.items()}
    return q('transaction', args)


def scenario_transaction(peer):
    q = peer(*two_disks())
    add, clear = 'block-dirty-bitmap-add', 'block-dirty-bitmap-clear'
    txn(q)
    txn(q, action('abort'))
    txn(q, action('no-such-action'))
    txn(q, {'type': 'abort'})
    txn(q, {'type': add, 'data': {'node': 'a'}})
    txn(q, {'type': add, 'data': {'node': 'a', 'name': 7}})
    txn(q, {'type': add, 'data': {'node': 'a', 'name': 'x', 'foo': 1}})
    txn(q, action(add, node='a', name='x'), action(add, node='a', name='x'))
    txn(q, action(add, node='nope', name='x'))
    txn(q, action(add, node='a', name='x', granularity=5))
    txn(q, action(add, node='a', name=''))
    txn(q, action(add, node='a', name='x'), action('abort'))
    txn(q, action(add, node='a', name='x'), completion_mode='grouped')
    txn(q, action(add, node='a', name='x'), completion_mode='nothing')
    q.log.append(bitmaps(q))
    txn(q, action(add, node='a', name='x'),
        action(add, node='b', name='y', disabled=True, persistent=True))
    q.log.append(bitmaps(q))
    txn(q, action(clear, node='a', name='nope'))
    txn(q, action('block-dirty-bitmap-remove', node='a', name='x'), action('abort'))
    txn(q, action('block-dirty-bitmap-disable', node='a', name='x'),
        action('block-dirty-bitmap-enable', node='b', name='y'),
        action(clear, node='a', name='x'),
        action('block-dirty-bitmap-merge', node='b', target='y', bitmaps=['nope']))
    q.log.append(bitmaps(q))
    txn(q, action('block-dirty-bitmap-merge', node='b', target='y',
                  bitmaps=[{'node': 'a', 'name': 'x'}]))
    q('x-debug-block-dirty-bitmap-sha256', node='a', name='x')
    txn(q, action('blockdev-backup', device='a', target='t', sync='full', job_id='j1'),
        action('abort'))
    q.take('j1')
    q('query-jobs')
    txn(q, action('blockdev-backup', device='a', target='t', sync='full', job_id='j1'),
        completion_mode='grouped')
    q.wait('j1')
    # What fails third leaves nothing of the first two.
    txn(q, action('blockdev-snapshot-sync', device='d1', snapshot_file='s1.qcow2',
                  snapshot_node_name='s1'),
        action(add, node='s1', name='z'),
        action(clear, node='a', name='nope'))
    q.log.append([b['inserted']['node-name'] for b in q.call('query-block')['return']
                  if b['device'] == 'd1'])
    q.log.append(bitmaps(q))
    txn(q, action('blockdev-snapshot-sync', device='d1', snapshot_file='s2.qcow2',
                  snapshot_node_name='s2'),
        action(add, node='s2', name='z'),
        action('blockdev-snapshot-internal-sync', device='t', name='inside'))
    q.log.append(bitmaps(q))
    txn(q, action('blockdev-snapshot-internal-sync', device='t', name='again'), action('abort'))
    txn(q, action('drive-backup', device='d1', target='db.qcow2', sync='full', format='qcow2'))
    q.wait('d1')
    q.end()
    q.log.append(subprocess.check_output(['qemu-img', 'snapshot', '-l', 't.qcow2'],
                                         text=True).count('again'))
    for name in ('a.qcow2', 'b.qcow2', 't.qcow2', 's2.qcow2', 'db.qcow2'):
        run('qemu-img', 'check', '-q', name)
    return q


def scenario_snapshot(peer):
    args = two_disks()
    image('o1.qcow2')
    image('o2.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('r.raw', fmt='raw')
    q = peer(*args, '-blockdev', 'driver=raw,node-name=r,file.driver=file,file.filename=r.raw')
    snap, sync = 'blockdev-snapshot', 'blockdev-snapshot-sync'
    q(snap, node='nope', overlay='a')
    q(snap, node='a', overlay='nope')
    q(snap, node='a', overlay='r')
    q(snap, node='a', overlay='b')
    q('blockdev-add', qcow2('o1', 'o1.qcow2', backing=None))
    q(snap, node='a', overlay='o1')
    q(snap, node='a', overlay='t')
    q('blockdev-del', node_name='o1')
    for args in ({}, {'device': 'nope'}, {'device': 'a'}, {'node-name': 'a'},
                 {'device': 'd1', 'format': 'nix'}, {'device': 'd1', 'format': 'raw'},
                 {'device': 'd1', 'mode': 'nix'}, {'device': 'd1', 'mode': 'existing'},
                 {'device': 'd1', 'snapshot-file': 'no/x'},
                 {'node-name': 'b', 'snapshot-node-name': 't'}):
        q(sync, {'snapshot-file': 'x', **args})
    q(sync, device='d1', snapshot_file='o2.qcow2', mode='existing', snapshot_node_name='o2')
    q(sync, device='d1', snapshot_file='o3.qcow2', snapshot_node_name='o3')
    q.log.append([(n['node-name'], n['ro'], n['backing_file_depth'])
                  for n in q.call('query-named-block-nodes')['return']
                  if n['node-name'] in ('b', 'o2', 'o3')].sort())
    inside, delete = 'blockdev-snapshot-internal-sync', 'blockdev-snapshot-delete-internal-sync'
    q(inside, device='nope', name='s')
    q(inside, device='d1', name='')
    q(inside, device='r', name='s')
    q(inside, device='a', name='s')
    q(inside, device='d1', name='s')
    q(inside, device='d1', name='s')
    for args in ({}, {'name': 'nix'}, {'id': '7'}, {'name': 's', 'id': '7'}, {'name': 's'}):
        q(delete, {'device': 'd1', **args})
    q(delete, device='nope', name='s')
    q.end()
    info = json.loads(subprocess.check_output(
        ['qemu-img', 'info', '--output=json', 'o3.qcow2'], text=True))
    q.log.append({k: info.get(k) for k in ('backing-filename', 'backing-filename-format')})
    return q


def nodes(q, *names):
    """What reopening can change."""
    q.log.append([{k: n[k] for k in ('node-name', 'ro', 'cache', 'detect_zeroes',
                                     'backing_file_depth')}
                  for n in sorted(q.call('query-named-block-nodes')['return'],
                                  key=lambda n: n['node-name']) if n['node-name'] in names])


def scenario_reopen(peer):
    image('a.qcow2')
    image('b.qcow2')
    image('ov.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('r.raw', fmt='raw')
    image('r2.raw', fmt='raw')
    q = peer('-blockdev', 'driver=file,filename=a.qcow2,node-name=af',
             '-blockdev', 'driver=qcow2,node-name=a,file=af',
             '-device', 'virtio-blk-device,drive=a')
    a = {'driver': 'qcow2', 'node-name': 'a', 'file': 'af'}
    ov = {'driver': 'qcow2', 'node-name': 'ov', 'file': 'ovf'}
    q('blockdev-add', file('ov.qcow2', **{'node-name': 'ovf'}))
    q('blockdev-add', {**ov, 'backing': None})
    q('blockdev-add', qcow2('b', 'b.qcow2'))
    q('blockdev-add', {'driver': 'raw', 'node-name': 'r', 'file': file('r.raw')})
    q('blockdev-add', file('r2.raw', **{'node-name': 'rf2'}))

    def reopen(*options):
        q('blockdev-reopen', options=list(options))
        nodes(q, 'a', 'af', 'ov', 'b', 'r', 'rf2')

    reopen(qcow2('a', 'a.qcow2'))
    reopen(a)
    reopen({**a, 'read-only': True})
    reopen({**a, 'cache': {'no-flush': True}})
    reopen({**a, 'detect-zeroes': 'on'})
    reopen({**a, 'detect-zeroes': 'unmap'})
    reopen({**a, 'lazy-refcounts': True})
    reopen({**a, 'foo': 1})
    reopen({**a, 'driver': 'raw'})
    reopen({'node-name': 'a', 'file': 'af'})
    reopen({'driver': 'qcow2', 'file': 'af'})
    reopen({**a, 'node-name': 'nope'})
    reopen({**a, 'file': 'nope'})
    reopen({'driver': 'qcow2', 'node-name': 'a'})
    reopen({**ov, 'backing': 'b'})
    reopen({**ov, 'backing': 'nope'})
    reopen({**ov, 'backing': 'ov'})
    reopen(ov)
    reopen({**ov, 'backing': None})
    reopen({**ov, 'backing': 'b'}, {**a, 'file': 'nope'})
    reopen({**ov, 'backing': 'b', 'read-only': True}, {**a, 'read-only': True})
    reopen({**ov, 'backing': 'b', 'read-only': True}, {**a, 'detect-zeroes': 'on'})
    reopen({**ov, 'backing': 'b'}, a)
    reopen({'driver': 'raw', 'node-name': 'r', 'file': 'rf2'})
    reopen({'driver': 'raw', 'node-name': 'r', 'file': 'rf2', 'size': MIB, 'offset': 512})
    reopen({'driver': 'file', 'node-name': 'rf2', 'filename': 'r.raw'})
    reopen({'driver': 'raw', 'node-name': 'r', 'file': 'rf2', 'read-only': True},
           {'driver': 'file', 'node-name': 'rf2', 'filename': 'r2.raw', 'read-only': True})
    reopen({'driver': 'raw', 'node-name': 'r', 'file': 'rf2'},
           {'driver': 'file', 'node-name': 'rf2', 'filename': 'r2.raw'})
    q.end()
    for name in ('a.qcow2', 'b.qcow2', 'ov.qcow2'):
        run('qemu-img', 'check', '-q', name)
    return q


def scenario_create(peer):
    for i in range(10):
        open(f'f{i}', 'w').close()
    image('b.qcow2')
    q = peer()
    for i in range(10):
        q('blockdev-add', file(f'f{i}', **{'node-name': f'f{i}'}))

    def create(driver, **options):
        options = {k.replace('_', '-'): v for k, v in options.items()}
        if 'return' in q.call('blockdev-create',
                              {'job-id': 'c', 'options': {'driver': driver, **options}}):
            q.wait('c')
            q('query-jobs')
            q('job-dismiss', id='c')
            q.take('c')
        else:
            q('blockdev-create', {'job-id': 'c', 'options': {'driver': driver, **options}})

    create('file', filename='n0.raw', size=MIB)
    create('file', filename='n1.raw', size=MIB, preallocation='full')
    create('file', filename='no/n1.raw', size=MIB)
    create('file', filename='n2.raw')
    create('file', filename='n2.raw', size=MIB, nix=3)
    create('nix', filename='n2.raw', size=MIB)
    old = {'version': 'v2', 'backing_file': 'b.qcow2', 'backing_fmt': 'qcow2'}
    create('qcow2', file='f0', size=MIB, cluster_size=4096, **old)
    create('qcow2', file='f1', size=4 * MIB, lazy_refcounts=True, refcount_bits=8,
           preallocation='metadata')
    create('qcow2', file='f2', size=4 * MIB, compression_type='zstd', extended_l2=True,
           cluster_size=131072)
    create('qcow2', file='nope', size=MIB)
    create('qcow2', file='f3', size=513)
    create('qcow2', file='f3', size=MIB, cluster_size=5)
    create('qcow2', file='f3', size=MIB, version='v4')
    create('qcow2', file='f3', size=MIB, data_file='f4', data_file_raw=True)
    create('vdi', file='f5', size=MIB, preallocation='metadata')
    create('vhdx', file='f6', size=MIB, block_size=MIB, log_size=MIB, subformat='dynamic')
    create('vpc', file='f7', size=MIB, subformat='fixed', force_size=True)
    create('vmdk', file='f8', size=MIB, subformat='monolithicSparse', hwversion='4',
           adapter_type='ide')
    create('parallels', file='f9', size=MIB)
    # What stands on a node of its own grows.
    q('blockdev-add', driver='qcow2', node_name='q1', file='f2')
    q('blockdev-add', driver='null-co', node_name='null', size=4 * MIB, read_zeroes=False)
    q('blockdev-backup', job_id='fill', device='null', target='q1', sync='full')
    q.wait('fill')
    q.end()
    for name, fmt in (('n0.raw', 'raw'), ('n1.raw', 'raw'), ('f0', 'qcow2'), ('f1', 'qcow2'),
                      ('f2', 'qcow2'), ('f3', 'qcow2'), ('f4', 'raw'), ('f5', 'vdi'),
                      ('f6', 'vhdx'), ('f7', 'vpc'), ('f8', 'vmdk'), ('f9', 'parallels')):
        info = json.loads(subprocess.check_output(
            ['qemu-img', 'info', '-f', fmt, '--output=json', name], text=True))
        info.pop('format-specific' if fmt != 'qcow2' else 'none', None)
        q.log.append(q.plain(info))
        if fmt == 'qcow2':
            run('qemu-img', 'check', '-q', name)
    return q


def scenario_query(peer):
    args = two_disks()
    image('ov.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    q = peer(*args)
    q('blockdev-snapshot-sync', device='d1', snapshot_file='s1.qcow2', snapshot_node_name='s1')
    q('blockdev-snapshot-internal-sync', device='d1', name='inside')
    q('block-dirty-bitmap-add', node='a', name='x')

    def blocks(command):
        found = q.call(command)['return']
        q.log.append((command, [q.plain(b) for b in sorted(found, key=lambda b: b['device'])
                                if b['device'] in ('', 'd1') and b.get('qdev') in ('va', 'vd1')]))

    blocks('query-block')
    # Statistics of what lies on the host differ: only what is there is compared.
    stats = [b for b in q.call('query-blockstats')['return'] if b.get('qdev') == 'vd1'][0]
    q.log.append((sorted(stats), sorted(stats['stats']), sorted(stats['parent']['stats']),
                  stats['backing']['node-name']))
    q('block-latency-histogram-set', id='nope', boundaries=[1, 2])
    q('block-latency-histogram-set', id='vd1', boundaries=[10, 2])
    q('block-latency-histogram-set', id='vd1', boundaries=[10, 20])
    stats = [b for b in q.call('query-blockstats')['return'] if b.get('qdev') == 'vd1'][0]
    q.log.append({k: v for k, v in stats['stats'].items() if k.endswith('histogram')})
    for args in ({'device': 'nope', 'image-node-name': 's1'},
                 {'device': 'd1', 'image-node-name': 'nope'},
                 {'device': 'd1', 'image-node-name': 'b'},
                 {'device': 'd1', 'image-node-name': 's1'}):
        q('change-backing-file', {**args, 'backing-file': 'ov.qcow2'})
    q.log.append(json.loads(subprocess.check_output(
        ['qemu-img', 'info', '-U', '--output=json', 's1.qcow2']))['backing-filename'])
    q('change-backing-file', {'device': 'd1', 'image-node-name': 's1', 'backing-file': 'b.qcow2'})
    for args in ({'node-name': 'nope', 'size': 1}, {'size': 1}, {'device': 'd1', 'size': -1},
                 {'device': 'nope', 'size': 1}, {'node-name': 's1', 'size': 8 * MIB}):
        q('block_resize', args)
    # A mark that a backup goes beyond.
    q('block-set-write-threshold', node_name='nope', write_threshold=1)
    q('block-set-write-threshold', node_name='t', write_threshold=2 * MIB)
    q('blockdev-backup', job_id='bk', device='a', target='t', sync='full')
    q.wait('bk')
    q.end()
    q.log.append([q.plain(e) for e in q.events if e['event'] == 'BLOCK_WRITE_THRESHOLD'])
    return q


def scenario_jobs(peer):
    args = two_disks()
    image('r.raw', fmt='raw')
    image('mid.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('top.qcow2', 4 * MIB, 'qcow2', '-b', 'mid.qcow2', '-F', 'qcow2')
    run('qemu-io', '-c', 'write -P 1 0 1M', 'mid.qcow2')
    run('qemu-io', '-c', 'write -P 2 512k 1M', 'top.qcow2')
    q = peer('-drive', 'if=none,id=d1,file=top.qcow2,format=qcow2,node-name=top',
             '-device', 'virtio-blk-device,drive=d1,id=vd1',
             '-blockdev', 'driver=raw,node-name=r,file.driver=file,file.filename=r.raw')
    stream, commit = 'block-stream', 'block-commit'
    q(stream, device='nope')
    q(stream, device='d1', base='nix')
    q(stream, device='d1', base_node='nix')
    q(stream, device='d1', base_node='r')
    q(stream, device='d1', base_node='top')
    q(stream, device='d1', base_node='r', base='b.qcow2')
    q(stream, device='d1', base_node='r', bottom='r')
    q(stream, device='d1', bottom='r')
    q(stream, device='d1', on_error='nix')
    q(stream, device='d1', job_id='1')
    q(stream, device='d1', speed=-1)
    q(stream, device='d1', backing_file='hh', job_id='j')
    q(commit, device='nope')
    q(commit, device='d1', top='nix')
    q(commit, device='d1', base_node='nix')
    q.events.clear()
    for verb in ('job-complete', 'job-finalize', 'job-dismiss', 'job-pause', 'block-job-finalize'):
        q(verb, id='nope')
    for verb in ('block-job-complete', 'block-job-pause', 'block-job-cancel'):
        q(verb, device='nope')
    q('blockdev-mirror', job_id='m', device='d1', target='nope', sync='full')
    q('blockdev-mirror', job_id='m', device='d1', target='r', sync='nix')
    q('blockdev-mirror', device='top', target='r', sync='full')
    q.until('BLOCK_JOB_READY', device='d1')
    q('block-job-cancel', device='d1')
    q.wait('d1')
    q('blockdev-mirror', job_id='m', device='d1', target='r', sync='full', copy_mode='nix')
    q('blockdev-mirror', job_id='m', device='d1', target='r', sync='full', granularity=3)
    q('blockdev-mirror', job_id='m', device='d1', target='r', sync='full', granularity=513)
    q('blockdev-backup', job_id='m', device='d1', target='top', sync='full')
    q('blockdev-backup', job_id='m', device='d1', target='r', sync='full', bitmap='nix')
    q('blockdev-backup', job_id='m', device='d1', target='r', sync='incremental')
    q('drive-backup', device='nope', target='x', sync='full')
    q('drive-backup', device='d1', target='x', sync='full', mode='existing')
    q('drive-backup', device='d1', target='no/x', sync='full')
    q('drive-backup', device='d1', target='x', sync='full', format='nix')
    q('drive-mirror', device='nope', target='x', sync='full')
    q.events.clear()
    q('drive-mirror', device='d1', target='dm.qcow2', sync='top', job_id='dm')
    q.until('BLOCK_JOB_READY', device='dm')
    q('job-cancel', id='dm')
    q.wait('dm')
    # The middle goes down, then all of it up.
    q(commit, job_id='c', device='d1', top='mid.qcow2', auto_finalize=False, auto_dismiss=False)
    q.until('BLOCK_JOB_PENDING', id='c')
    q('query-block-jobs')
    q('block-job-complete', device='c')
    q('job-finalize', id='c')
    q.until('JOB_STATUS_CHANGE', id='c', status='concluded')
    q('query-jobs')
    q('job-dismiss', id='c')
    q.take('c')
    q(stream, job_id='s', device='d1')
    q.wait('s')
    q.end()
    run('qemu-img', 'check', '-q', 'top.qcow2')
    q.log.append(subprocess.run(['qemu-img', 'compare', 'top.qcow2', 'dm.qcow2']).returncode)
    return q


HMP_LINES = '''
info block
info block -n
info block -v
info block -v -n
info block d1
info block -v d1
info block nope
info block n1
info block vd1
info block -x
info block d1 d2
info blockstats
info block-jobs
info block-jobs x
block_resize
block_resize d1
block_resize d1 8M
block_resize d1 9
block_resize d1 -1
block_resize nope 8M
block_resize d1 abc
block_resize d1 8M extra
block_stream
block_stream nope
block_stream d1
=d1
block_job_cancel nope
block_job_cancel -f nope
block_job_cancel d1 x
block_job_complete nope
block_job_pause nope
block_job_resume nope
block_job_set_speed nope 1
block_job_set_speed d1
block_job_set_speed d1 x
drive_mirror
drive_mirror d1 m.qcow2
+d1
info block-jobs
info block
block_job_set_speed d1 1M
block_job_pause d1
info block-jobs
block_job_resume d1
block_job_complete d1
=d1
info block
drive_mirror -f d1 m2.raw raw
+d1
block_job_cancel d1
=d1
drive_mirror -n d1 m2.raw raw
+d1
block_job_cancel d1
=d1
drive_mirror -n d1 nix raw
drive_mirror nope nix raw
drive_mirror d1 nix2 foo
drive_backup d1 bk.qcow2
=d1
drive_backup -c -f d1 bk2.qcow2 qcow2
drive_backup -f -c d1 bk2.qcow2 qcow2
=d1
drive_backup nope k
drive_backup -n d1 knix
snapshot_blkdev
snapshot_blkdev d1
snapshot_blkdev nope s.qcow2
snapshot_blkdev d1 s.qcow2
snapshot_blkdev -n d1 s9.qcow2
snapshot_blkdev d1 s2.qcow2 foo
info block
snapshot_blkdev_internal d1 sn1
snapshot_blkdev_internal nope sn1
snapshot_blkdev_internal d1
snapshot_blkdev_internal d2 sn1
info block -v d1
info snapshots
snapshot_delete_blkdev_internal d1 nope
snapshot_delete_blkdev_internal d1 sn1
snapshot_delete_blkdev_internal d1 sn1
snapshot_delete_blkdev_internal nope sn1
nbd_server_start
nbd_server_start -w localhost:1
nbd_server_add
nbd_server_remove
nbd_server_start unix:nbd.sock
nbd_server_add d2
nbd_server_add -w d2 foo
nbd_server_add nope
nbd_server_remove foo
nbd_server_remove foo
nbd_server_stop
nbd_server_start -a unix:nbd2.sock
nbd_server_stop
nbd_server_stop
'''


def scenario_hmp(peer):
    image('b.qcow2')
    image('a.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('x.qcow2')
    image('r.raw', fmt='raw')
    q = peer('-drive', 'if=none,id=d1,file=a.qcow2,format=qcow2',
             '-device', 'virtio-blk-device,drive=d1,id=vd1',
             '-drive', 'if=none,id=d2,file=r.raw,format=raw',
             '-blockdev', 'driver=qcow2,node-name=n1,file.driver=file,file.filename=x.qcow2')
    for line in HMP_LINES.strip().split('\n'):
        if line[0] == '=':
            q.wait(line[1:])
        elif line[0] == '+':
            q.until('BLOCK_JOB_READY', device=line[1:])
        else:
            q.hmp(line)
    q.end()
    return q


LIMITS = '''
block_set_io_throttle d1 1 2 3 4 5 6
block_set_io_throttle nope 1 2 3 4 5 6
block_set_io_throttle d1 100 0 0 4 0 0
info block d1
block_set_io_throttle vd1 1 2
block_set_io_throttle d1 0 0 0 0 0 0
info block
object_add throttle-group,id=tg,x-iops-total=100
{"execute":"qom-get","arguments":{"path":"tg","property":"limits"}}
{"execute":"qom-get","arguments":{"path":"/objects/tg","property":"x-iops-total"}}
{"execute":"qom-get","arguments":{"path":"/objects/tg","property":"x-nix"}}
{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg2","limits":{"iops-total":50,"bps-read":1000}}}
{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg3","limits":{"iops-total":50,"iops-read":1000}}}
{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg2"}}
{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg4","limits":{"nix":3}}}
{"execute":"object-add","arguments":{"qom-type":"throttle-group","id":"tg5","nix":3}}
{"execute":"qom-set","arguments":{"path":"tg2","property":"limits","value":{"iops-total":70}}}
{"execute":"qom-set","arguments":{"path":"tg2","property":"limits","value":{"iops-total":70,"iops-read":3}}}
{"execute":"qom-set","arguments":{"path":"tg2","property":"x-iops-total","value":71}}
{"execute":"qom-set","arguments":{"path":"tg2","property":"nix","value":71}}
{"execute":"qom-set","arguments":{"path":"nix","property":"nix","value":71}}
{"execute":"qom-get","arguments":{"path":"tg2","property":"limits"}}
{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"th","throttle-group":"tg2","file":"n1"}}
{"execute":"blockdev-add","arguments":{"driver":"throttle","node-name":"th2","throttle-group":"nope","file":"n1"}}
{"execute":"object-del","arguments":{"id":"tg2"}}
{"execute":"object-del","arguments":{"id":"tg"}}
{"execute":"object-del","arguments":{"id":"tg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d1","bps":0,"bps_rd":1000,"bps_wr":0,"iops":100,"iops_rd":0,"iops_wr":0}}
info block d1
{"execute":"block_set_io_throttle","arguments":{"id":"vd1","bps":0,"bps_rd":1000,"bps_wr":0,"iops":100,"iops_rd":0,"iops_wr":0,"iops_max":200,"iops_max_length":5,"group":"gg","iops_size":4096}}
{"execute":"query-block"}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":0,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"query-block"}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":100,"bps_rd":100,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":-1,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":100,"bps_max":10,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":0,"bps_max":10,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":100,"bps_max_length":10,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":100,"bps_max":200,"bps_max_length":0,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":100,"bps_max":200000000,"bps_max_length":2000000000,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":2000000000000000000,"bps_rd":0,"bps_wr":0,"iops":77,"iops_rd":0,"iops_wr":0,"group":"gg"}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":0,"bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0,"iops_size":-1}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps":0,"bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0}}
{"execute":"block_set_io_throttle","arguments":{"bps":0,"bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0}}
{"execute":"block_set_io_throttle","arguments":{"device":"d2","bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0}}
{"execute":"query-block"}
{"execute":"block_set_io_throttle","arguments":{"id":"vd1","bps":0,"bps_rd":0,"bps_wr":0,"iops":7,"iops_rd":0,"iops_wr":0}}
info block
'''


def scenario_limits(peer):
    image('b.qcow2')
    image('a.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('x.qcow2')
    image('r.raw', fmt='raw')
    q = peer('-drive', 'if=none,id=d1,file=a.qcow2,format=qcow2,iops=10,bps_max=200,bps=100',
             '-device', 'virtio-blk-device,drive=d1,id=vd1',
             '-drive', 'if=none,id=d2,file=r.raw,format=raw,throttling.iops-read=5,'
             'throttling.group=gx',
             '-blockdev', 'driver=qcow2,node-name=n1,file.driver=file,file.filename=x.qcow2')
    q.hmp('info block')
    for line in LIMITS.strip().split('\n'):
        if line[0] != '{':
            q.hmp(line)
            continue
        call = json.loads(line)
        if call['execute'] == 'query-block':
            q.log.append([q.plain(b) for b in q.call('query-block')['return']
                          if b['device'] in ('d1', 'd2')])
        else:
            q(call['execute'], call.get('arguments', {}))
    q.end()
    return q


def scenario_joberror(peer):
    """What on-source-error and on-target-error say, and what events tell of it."""
    for n in 'abc':
        image(f'{n}.raw', fmt='raw')
        run('qemu-io', '-f', 'raw', '-c', 'write -P 1 0 4M', f'{n}.raw')
    q = peer()
    # How far a job was when it ended is chance: pieces run side by side.
    plain = q.plain
    q.plain = lambda v: plain({k: x for k, x in v.items()
                               if 'error' not in v or k not in ('offset', 'current-progress')}
                              if isinstance(v, dict) else v)

    def bad(node, name, event, **more):
        rule = {'event': event, 'errno': 5, 'once': True, **more}
        q('blockdev-add', {'driver': 'raw', 'node-name': node, 'file': {
            'driver': 'blkdebug', 'image': file(name), 'inject-error': [rule]}})

    def now():
        info = q.call('query-block-jobs')['return']
        q.log.append([(j['status'], j['io-status'], j['paused']) for j in info])

    def resume(verb, **args):
        q.until('BLOCK_JOB_ERROR', device='j')
        end = time.time() + 10
        while q.call('query-block-jobs')['return'][0]['status'] != 'paused' and time.time() < end:
            time.sleep(0.02)
        now()
        q(verb, **args)

    def ended(*nodes):
        q.wait('j')
        jobs = q.call('query-jobs')['return']
        q.log.append([q.plain(j) for j in jobs])
        q('job-dismiss', id='j')
        for node in nodes:
            q('blockdev-del', node_name=node)
        q.take('j')

    q('blockdev-add', driver='raw', node_name='t', file=file('b.raw'))
    for kind in ('blockdev-mirror', 'blockdev-backup'):
        for policy in ('report', 'ignore', 'stop', 'enospc'):
            bad('s', 'a.raw', 'read_aio', sector=4096)
            q(kind, {'job-id': 'j', 'device': 's', 'target': 't', 'sync': 'full',
                     'on-source-error': policy, 'auto-dismiss': False})
            if policy == 'stop':
                resume('block-job-resume', device='j')
            if kind == 'blockdev-mirror' and policy in ('ignore', 'stop'):
                q.until('BLOCK_JOB_READY', device='j')
                now()
                q('job-cancel', id='j')
            ended('s')
    q('blockdev-del', node_name='t')
    q('blockdev-add', driver='raw', node_name='s', file=file('a.raw'))
    for policy, errno in ('report', 5), ('stop', 5), ('enospc', 28), ('enospc', 5):
        bad('t', 'c.raw', 'write_aio', errno=errno)
        q('blockdev-backup', {'job-id': 'j', 'device': 's', 'target': 't', 'sync': 'full',
                              'on-target-error': policy, 'auto-dismiss': False})
        if policy == 'stop' or errno == 28:
            resume('job-resume', id='j')
        ended('t')
    q.end()
    return q


MEDIUM = [
    'drive_add 0 if=none,id=d3,file=c.iso,format=raw',
    'drive_add 0 if=none,id=d3,file=c.iso,format=raw',
    'drive_add -n 0 driver=raw,node-name=nn,file.driver=file,file.filename=e.iso',
    'drive_add -n 0 driver=raw,file.driver=file,file.filename=c.iso',
    'drive_add',
    'info block d3',
    'drive_del d3',
    'drive_del d3',
    'drive_del nn',
    'info block',
    'change d2',
    'change d2 nix',
    'change d2 c.iso raw',
    'info block d2',
    'change nope c.iso',
    'change vd1 c.iso',
    'eject d2',
    'eject -f d2',
    'eject nope',
    'eject vd1',
    'info block',
    'eject',
    'block_set_io_throttle d2 1 0 0 4 0 0',
    'nbd_server_start unix:n.sock',
    'nbd_server_add d2',
    'nbd_server_stop',
    'qemu-io nope "read 0 1k"',
    'qemu-io n1 "write -P 3 0 1k"',
    'qemu-io -d vd1 "read 0 1k"',
    'qemu-io d1 "length"',
    'qemu-io d1',
    'info snapshots',
    'info blockstats',
    ('block-stream', {'device': 'd2', 'job-id': 'a'}),
    'change d2 r.raw raw',
    'info block d2',
    ('blockdev-open-tray', {'id': 'vd1'}),
    ('blockdev-open-tray', {'id': 'vd1', 'force': True}),
    ('blockdev-open-tray', {'device': 'd2'}),
    ('blockdev-open-tray', {'device': 'nope'}),
    ('blockdev-open-tray', {'id': 'nope'}),
    ('blockdev-open-tray', {}),
    ('blockdev-close-tray', {'id': 'vd1'}),
    ('blockdev-close-tray', {'device': 'd2'}),
    ('blockdev-remove-medium', {'id': 'vd1'}),
    ('blockdev-remove-medium', {'id': 'nope'}),
    ('blockdev-insert-medium', {'id': 'vd1', 'node-name': 'n1'}),
    ('blockdev-insert-medium', {'id': 'vd1', 'node-name': 'nope'}),
    ('blockdev-change-medium', {'id': 'vd1', 'filename': 'nope'}),
    ('blockdev-change-medium', {'device': 'd2', 'filename': 'nope'}),
    ('blockdev-change-medium', {'device': 'd2', 'filename': 'nope', 'format': 'nix'}),
    ('blockdev-change-medium', {'device': 'd2', 'filename': 'c.iso', 'format': 'raw'}),
    ('blockdev-change-medium', {'device': 'd2', 'filename': 'c.iso', 'read-only-mode': 'nix'}),
    ('blockdev-change-medium',
     {'device': 'd2', 'filename': 'r.raw', 'format': 'raw', 'read-only-mode': 'read-only'}),
    ('blockdev-change-medium', {'filename': 'c.iso'}),
    ('eject', {'id': 'vd1'}),
    ('eject', {'device': 'd2'}),
    ('eject', {'device': 'd1', 'force': True}),
]


def scenario_medium(peer):
    """Drives that no device has: what is in them changes, and they come and go."""
    image('b.qcow2')
    image('a.qcow2', 4 * MIB, 'qcow2', '-b', 'b.qcow2', '-F', 'qcow2')
    image('x.qcow2')
    for name in ('r.raw', 'c.iso', 'e.iso'):
        image(name, fmt='raw')
    q = peer('-drive', 'if=none,id=d1,file=a.qcow2,format=qcow2',
             '-device', 'virtio-blk-device,drive=d1,id=vd1',
             '-drive', 'if=none,id=d2,file=r.raw,format=raw',
             '-blockdev', 'driver=qcow2,node-name=n1,file.driver=file,file.filename=x.qcow2')
    for line in MEDIUM:
        if isinstance(line, str):
            q.hmp(line)
        else:
            q(*line)
        q.log.append([q.plain(b) for b in q.call('query-block')['return']
                      if b['device'] in ('d1', 'd2', 'd3')])
    q.end()
    return q


def scenario_short(peer):
    """Images of a chain that end before others: what is beyond their ends are zeros."""
    image('base.qcow2', 8 * MIB)
    image('mid.qcow2', 2 * MIB, 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2')
    image('top.qcow2', 8 * MIB, 'qcow2', '-b', 'mid.qcow2', '-F', 'qcow2')
    image('all.qcow2', 8 * MIB, 'qcow2', '-b', 'mid.qcow2', '-F', 'qcow2')
    run('qemu-io', '-c', 'write -P 1 1M 6M', 'base.qcow2')
    run('qemu-io', '-c', 'write -P 2 512k 600k', 'mid.qcow2')
    for name in ('top', 'all'):
        run('qemu-io', '-c', 'write -P 3 3M 1M', f'{name}.qcow2')
        run('qemu-img', 'convert', '-O', 'raw', f'{name}.qcow2', f'{name}.raw')
    for name, base in (('top', {'base': 'base.qcow2'}), ('all', {})):
        q = peer('-drive', f'if=none,id=d1,file={name}.qcow2,format=qcow2')
        q('block-stream', {'job-id': 's', 'device': 'd1', **base})
        q.wait('s')
        q.end()
        run('qemu-img', 'check', '-q', f'{name}.qcow2')
        if q.ours: # QEMU 7.2 shows what lies below a shorter image
            run('qemu-img', 'compare', '-q', f'{name}.qcow2', f'{name}.raw')
        q.log.append(json.loads(subprocess.check_output(
            ['qemu-img', 'info', '--output=json', f'{name}.qcow2'])).get('backing-filename'))
    return q


SCENARIOS = {name[len('scenario_'):]: fn for name, fn in list(globals().items())
             if name.startswith('scenario_')}


def play(fn, ours):
    work = tempfile.mkdtemp()
    peers = []

    def peer(*args):
        peers.append(Peer(ours, *args))
        return peers[-1]

    os.chdir(work)
    try:
        return fn(peer).log
    finally:
        for p in peers:
            p.proc.kill()
        os.chdir('/')
        shutil.rmtree(work)


def main():
    for tool in (QEMU, 'qemu-img', 'qemu-io'):
        if not shutil.which(tool):
            print(f'skipped: {tool} is not installed')
            return 77
    bad = 0
    for name in sys.argv[2:] or SCENARIOS:
        ours, theirs = play(SCENARIOS[name], True), play(SCENARIOS[name], False)
        wrong = 0
        for i in range(max(len(ours), len(theirs))):
            o = ours[i] if i < len(ours) else None
            t = theirs[i] if i < len(theirs) else None
            if o != t:
                print(f'{name}, step {i}:\n  ours: {o}\n  QEMU: {t}')
                wrong += 1
        print(f'{name}: {wrong} of {len(theirs)} steps differ' if wrong else
              f'ok: {name}, {len(theirs)} steps')
        bad += wrong
    return 1 if bad else 0


sys.exit(main())
