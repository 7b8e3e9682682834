#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs on disks over QMP, as backup tools and libvirt drive them: blockjobs.py TINAMOU.

Each image that comes out is compared, and checked, by qemu-img.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1])
SIZE = 16 << 20


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


class Qmp:
    def __init__(self, work, *args):
        path = os.path.join(work, 'qmp')
        self.proc = subprocess.Popen(
            [TINAMOU, 'system', 'aarch64', '-M', 'virt', '-m', '64', '-nographic', '-serial', 'null',
             '-monitor', 'none', '-S', '-qmp', f'unix:{path},server=on,wait=off', *args],
            stdin=subprocess.DEVNULL)
        self.events = []
        for _ in range(100):
            try:
                self.sock = socket.socket(socket.AF_UNIX)
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.sock.makefile('rw')
        json.loads(self.file.readline())
        self('qmp_capabilities')

    def __call__(self, command, /, **args):
        args = {k.replace('_', '-'): v for k, v in args.items()}
        self.file.write(json.dumps({"execute": command, "arguments": args}) + '\n')
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'event' in answer:
                self.events.append(answer)
            elif 'error' in answer:
                raise RuntimeError(f"{command}: {answer['error']['desc']}")
            else:
                return answer['return']

    def wait(self, event, **data):
        deadline = time.time() + 30
        while time.time() < deadline:
            for e in self.events:
                if e['event'] == event and all(e['data'].get(k) == v for k, v in data.items()):
                    self.events.remove(e)
                    return e
            answer = json.loads(self.file.readline())
            if 'event' in answer:
                self.events.append(answer)
        raise RuntimeError(f'no event {event} {data}')

    def job(self, job):
        e = self.wait('BLOCK_JOB_COMPLETED', device=job)
        if 'error' in e['data']:
            raise RuntimeError(f"{job}: {e['data']['error']}")
        while any(j['id'] == job for j in self('query-jobs')):
            time.sleep(0.02)

    def quit(self):
        self('quit')
        self.proc.wait(20)


def qcow2(name, filename, **more):
    return {'node-name': name, 'driver': 'qcow2',
            'file': {'driver': 'file', 'filename': filename}, **more}


def raw(name, filename):
    return {'node-name': name, 'driver': 'raw', 'file': {'driver': 'file', 'filename': filename}}


def check(what, image, reference, fmt='qcow2'):
    run('qemu-img', 'compare', '-f', fmt, '-F', 'raw', image, reference)
    if fmt == 'qcow2':
        run('qemu-img', 'check', '-q', image)
    print('ok:', what)


def main():
    if not shutil.which('qemu-img') or not shutil.which('qemu-io'):
        print('skipped: qemu-img is not installed')
        return 77
    work = tempfile.mkdtemp()
    os.chdir(work)
    run('qemu-img', 'create', '-q', '-f', 'qcow2', 'base.qcow2', str(SIZE))
    run('qemu-io', '-c', 'write -P 1 0 3M', '-c', 'write -P 2 5M 1M', 'base.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'mid.qcow2')
    run('qemu-io', '-c', 'write -P 3 1M 1M', '-c', 'write -z 5M 512k', 'mid.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'mid.qcow2', '-F', 'qcow2', 'top.qcow2')
    run('qemu-io', '-c', 'write -P 4 2M 65k', '-c', 'write -P 5 9M 1M', 'top.qcow2')
    run('qemu-img', 'convert', '-O', 'raw', 'top.qcow2', 'ref.raw')
    for name in ('full', 'inc', 'mirror', 'top2'):
        run('qemu-img', 'create', '-q', '-f', 'qcow2', f'{name}.qcow2', str(SIZE))
    q = None
    try:
        q = Qmp(work, '-drive', 'file=top.qcow2,format=qcow2,if=none,id=d0',
                '-device', 'virtio-blk-device,drive=d0')
        assert q('query-block')[0]['inserted']['drv'] == 'qcow2'
        assert q('query-block')[0]['inserted']['backing_file_depth'] == 2
        top = q('query-block')[0]['inserted']['node-name']
        q('blockdev-add', **qcow2('full', 'full.qcow2'))
        q('block-dirty-bitmap-add', node=top, name='b0', granularity=65536)
        q('blockdev-backup', job_id='bk', device=top, target='full', sync='full')
        q.job('bk')
        q('blockdev-del', node_name='full')
        check('a full backup', 'full.qcow2', 'ref.raw')
        q('blockdev-add', **qcow2('inc', 'inc.qcow2'))
        q('blockdev-backup', job_id='bk', device=top, target='inc', sync='incremental', bitmap='b0')
        q.job('bk')
        q('blockdev-del', node_name='inc')
        print('ok: an incremental backup of nothing')
        try:
            q('blockdev-backup', job_id='bk', device=top, target='nothing', sync='full')
            raise AssertionError('a target that is not there')
        except RuntimeError as e:
            assert 'nothing' in str(e)
        # The image in the middle goes down into the base.
        nodes = q('query-named-block-nodes')
        mid = next(n['node-name'] for n in nodes
                   if n['file'].endswith('mid.qcow2') and n['drv'] == 'qcow2')
        base = next(n['node-name'] for n in nodes
                    if n['file'].endswith('base.qcow2') and n['drv'] == 'qcow2')
        q('block-commit', job_id='cm', device=top, top_node=mid, base_node=base)
        q.job('cm')
        assert q('query-block')[0]['inserted']['backing_file_depth'] == 1
        # An overlay, then everything down into what is below.
        run('qemu-img', 'create', '-q', '-f', 'qcow2', 'over.qcow2', str(SIZE))
        q('blockdev-add', **qcow2('over', 'over.qcow2', backing=None))
        q('blockdev-snapshot', node=top, overlay='over')
        assert q('query-block')[0]['inserted']['node-name'] == 'over'
        q('block-commit', job_id='ac', device='over')
        q.wait('BLOCK_JOB_READY', device='ac')
        q('block-job-complete', device='ac')
        q.job('ac')
        assert q('query-block')[0]['inserted']['node-name'] == base
        q('blockdev-del', node_name='over')  # else the base is not at the top of anything
        # A mirror that takes the place.
        q('blockdev-add', **qcow2('mirror', 'mirror.qcow2'))
        q('blockdev-mirror', job_id='mi', device=base, target='mirror', sync='full')
        q.wait('BLOCK_JOB_READY', device='mi')
        q('job-complete', id='mi')
        q.job('mi')
        assert q('query-block')[0]['inserted']['node-name'] == 'mirror'
        q.quit()
        check('commit and mirror', 'mirror.qcow2', 'ref.raw')
        check('the base', 'base.qcow2', 'ref.raw')
        # Streams.
        run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2',
            'stream.qcow2')
        q = Qmp(work, '-blockdev', json.dumps(qcow2('s', 'stream.qcow2')),
                '-device', 'virtio-blk-device,drive=s')
        q('block-stream', job_id='st', device='s', speed=1 << 30)
        q.job('st')
        q.quit()
        check('a stream', 'stream.qcow2', 'ref.raw')
        info = json.loads(subprocess.check_output(['qemu-img', 'info', '--output=json',
                                                   'stream.qcow2']))
        assert 'backing-filename' not in info
        print('ok: nothing below a stream')
    finally:
        if q and q.proc.poll() is None:
            q.proc.kill()
        shutil.rmtree(work)
    return 0


sys.exit(main())
