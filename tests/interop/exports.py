#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports over QMP, by us and by QEMU, in turn: exports.py TINAMOU.

The same commands go to `tinamou storage` and qemu-storage-daemon, and to both machines; answers and
events are compared. Clients (nbdinfo, nbdcopy, qemu-img, qemu-io) then use our exports.
"""
import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1])
MACHINE = ['-M', 'virt', '-S', '-display', 'none', '-net', 'none', '-m', '64', '-qmp', 'stdio']
STORAGE = ['--chardev', 'stdio,id=qmp', '--monitor', 'qmp']
PEERS = {
    'storage': ([TINAMOU, 'storage', *STORAGE], ['qemu-storage-daemon', *STORAGE]),
    'machine': ([TINAMOU, 'system', 'aarch64', *MACHINE], ['qemu-system-aarch64', *MACHINE]),
}
SIZE = 16 << 20
bad = 0


def ok(what, good=True, detail=''):
    global bad
    print(f"{'ok' if good else 'FAIL'}: {what}{'' if good else ': ' + str(detail)}")
    bad += not good


def run(*args):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=60).stdout


def image(name, *commands, size=SIZE, backing=None):
    run('qemu-img', 'create', '-q', '-f', 'qcow2', *(['-b', backing, '-F', 'qcow2'] if backing
                                                     else []), name, str(size))
    if commands:
        run('qemu-io', '-f', 'qcow2', *[x for c in commands for x in ('-c', c)], name)


def qcow2(node, filename, **more):
    return {'driver': 'qcow2', 'node-name': node,
            'file': {'driver': 'file', 'filename': filename}, **more}


def unix(path):
    return {'type': 'unix', 'data': {'path': path}}


class Peer:
    """A process that speaks QMP on its standard input and output, in a folder of its own."""

    def __init__(self, argv, folder, *more, pass_fds=()):
        self.folder = folder
        self.proc = subprocess.Popen([*argv, *more], cwd=folder, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     pass_fds=pass_fds, text=True, bufsize=1)
        self.events = []
        json.loads(self.proc.stdout.readline())
        self('qmp_capabilities')

    def path(self, name):
        return os.path.join(self.folder, name)

    def raw(self, command, arguments=None):
        request = {'execute': command}
        if arguments is not None:
            request['arguments'] = arguments
        self.proc.stdin.write(json.dumps(request) + '\n')
        while True:
            line = self.proc.stdout.readline()
            if not line:
                raise RuntimeError(f'{command}: the process has gone: {self.proc.stderr.read()}')
            answer = json.loads(line)
            if 'event' not in answer:
                return answer
            self.events.append(answer)

    def __call__(self, command, /, **args):
        answer = self.raw(command, {k.replace('_', '-'): v for k, v in args.items()})
        if 'error' in answer:
            raise RuntimeError(f"{command}: {answer['error']['desc']}")
        return answer['return']

    def wait(self, event, **data):
        deadline = time.time() + 20
        while time.time() < deadline:
            for e in self.events:
                if e['event'] == event and all(e['data'].get(k) == v for k, v in data.items()):
                    self.events.remove(e)
                    return
            self('query-block-exports')
            time.sleep(0.02)
        raise RuntimeError(f'no event {event} {data}')

    def quit(self):
        if self.proc.poll() is None:
            self.proc.stdin.write('{"execute": "quit"}\n')
        out = self.proc.communicate(timeout=20)[0]
        self.events += [e for e in map(json.loads, out.splitlines()) if 'event' in e]
        return self.proc.returncode


class Client:
    """A client of the least kind: it asks for an export, and reads."""

    def __init__(self, path, name, timeout=10):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(timeout)
        self.s.connect(path)
        self.take(18)
        data = struct.pack('>I', len(name)) + name.encode() + struct.pack('>H', 0)
        self.s.sendall(struct.pack('>I', 3) + b'IHAVEOPT' + struct.pack('>II', 7, len(data)) + data)
        kind = 0
        while kind != 1:
            _, _, kind, size = struct.unpack('>QIII', self.take(20))
            data = self.take(size)
            if kind >> 31:
                raise ConnectionError(data.decode())
            if kind == 3 and data[:2] == b'\0\0':
                self.size, self.flags = struct.unpack('>QH', data[2:12])

    def take(self, n):
        data = b''
        while len(data) < n:
            part = self.s.recv(n - len(data))
            if not part:
                raise ConnectionError('the server has gone')
            data += part
        return data

    def read(self, offset, size):
        self.s.sendall(struct.pack('>IHHQQI', 0x25609513, 0, 0, 7, offset, size))
        _, error, _ = struct.unpack('>IIQ', self.take(16))
        return error or self.take(size)


# ---- The same to both ----

def words(answer):
    return json.dumps(answer, sort_keys=True)


def compare(what, kind, script):
    """@script(peer) yields (command, arguments) or (command, arguments, True): answers that need
    not agree, only be of the same sort."""
    seen = []
    for number, argv in enumerate(PEERS[kind]):
        folder = tempfile.mkdtemp(dir='.')
        peer = Peer(argv, os.path.abspath(folder))
        log = []
        try:
            for step in script(peer):
                answer = peer.raw(step[0], step[1])
                if len(step) > 2:
                    answer = sorted(answer)
                log.append((step[0], step[1], words(answer)))
        finally:
            peer.quit()
        events = [words({'event': e['event'], 'data': e.get('data')}) for e in peer.events
                  if e['event'] != 'SHUTDOWN']
        seen.append((log, events))
    for ours, theirs in zip(seen[0][0], seen[1][0]):
        if ours != theirs:
            ok(f'{what}: {ours[0]} {words(ours[1])[:200]}', False,
               f'{ours[2][:300]}, not {theirs[2][:300]}')
    ok(f'{what}: {len(seen[0][0])} answers', len(seen[0][0]) == len(seen[1][0]))
    events = [s[1] for s in seen]
    ok(f'{what}: {len(events[0])} events', sorted(events[0]) == sorted(events[1]), events)


def script_exports(peer):
    image(peer.path('d.qcow2'))
    image(peer.path('r.qcow2'))
    add, export = 'blockdev-add', 'block-export-add'

    def nbd(ident, node='d', **more):
        return export, {'type': 'nbd', 'id': ident, 'node-name': node,
                        **{k.replace('_', '-'): v for k, v in more.items()}}
    yield add, qcow2('d', 'd.qcow2')
    yield add, qcow2('r', 'r.qcow2', **{'read-only': True})
    yield 'query-block-exports', None
    yield 'nbd-server-add', {'device': 'd'}
    yield 'nbd-server-remove', {'name': 'd'}
    yield 'nbd-server-stop', None
    yield nbd('e0')
    yield 'nbd-server-start', {'addr': unix('/nowhere/at/all')}
    yield 'nbd-server-start', {}
    yield 'nbd-server-start', {'addr': {'type': 'unix', 'path': 's'}}
    yield 'nbd-server-start', {'addr': {'type': 'pipe', 'data': {'path': 's'}}}
    yield 'nbd-server-start', {'addr': {'type': 'inet', 'data': {'host': '127.0.0.1'}}}
    yield 'nbd-server-start', {'addr': {'type': 'vsock', 'data': {'cid': '1', 'port': 'x'}}}
    yield 'nbd-server-start', {'addr': {'type': 'fd', 'data': {'str': '77'}}}, True
    yield 'nbd-server-start', {'addr': unix('s'), 'max-connections': -1}
    yield 'nbd-server-start', {'addr': unix('s'), 'tls-creds': 'none'}
    yield 'nbd-server-start', {'addr': unix('s'), 'max-connections': 3}
    yield 'nbd-server-start', {'addr': unix('s')}
    yield nbd('e0', 'nothing')
    yield nbd('0e')
    yield nbd('e0', name='x', description='the first')
    yield nbd('e0', name='x')
    yield nbd('e1', name='x')
    yield nbd('e1', name='y', writable=True)
    yield nbd('e2', name='z', writable=True, writethrough=True)
    yield nbd('e3', 'r', writable=True)
    yield nbd('e3', name='b', bitmaps=['none'])
    yield nbd('e3', bogus=1)
    yield nbd('e3', writable='on')
    yield nbd('e3', iothread='io')
    yield nbd('e3', name='n' * 5000)
    yield nbd('e3', description='n' * 5000)
    yield export, {'type': 'nothing', 'id': 'e3', 'node-name': 'd'}
    yield export, {'type': 'fuse', 'id': 'e3', 'node-name': 'd', 'mountpoint': '/nowhere'}, True
    yield export, {'type': 'nbd', 'node-name': 'd'}
    yield export, {'type': 'nbd', 'id': 'e3'}
    yield 'query-block-exports', None
    yield 'blockdev-del', {'node-name': 'd'}
    yield 'nbd-server-add', {'device': 'd', 'name': 'w'}
    yield 'nbd-server-add', {'device': 'd'}
    yield 'nbd-server-add', {'device': 'r', 'writable': True}
    yield 'nbd-server-add', {'device': 'r'}
    yield 'nbd-server-add', {'device': 'nothing'}
    yield 'query-block-exports', None
    yield 'nbd-server-remove', {'name': 'nothing'}
    yield 'nbd-server-remove', {'name': 'w', 'mode': 'softly'}
    yield 'nbd-server-remove', {'name': 'w', 'mode': 'hard'}
    yield 'block-export-del', {'id': 'nothing'}
    yield 'block-export-del', {'id': 'e0'}
    yield 'block-export-del', {'id': 'e2', 'mode': 'hard'}
    yield 'block-dirty-bitmap-add', {'node': 'd', 'name': 'b0'}
    yield nbd('e4', name='b4', bitmaps=['b0'])
    yield nbd('e4', name='b4', bitmaps=['b0'], writable=True)
    yield 'block-export-del', {'id': 'e4'}
    yield 'block-dirty-bitmap-disable', {'node': 'd', 'name': 'b0'}
    yield nbd('e4', name='b4', bitmaps=['b0', 'b0'])
    yield nbd('e5', name='b5', bitmaps=[{'node': 'd', 'name': 'b0'}])
    yield 'block-dirty-bitmap-remove', {'node': 'd', 'name': 'b0'}
    clients = [Client(peer.path('s'), 'y'), Client(peer.path('s'), 'b4')]
    yield 'block-export-del', {'id': 'e1'}
    yield 'block-export-del', {'id': 'e1', 'mode': 'hard'}
    try:
        clients[0].read(0, 512)
        ok('a client that was cut off reads', False)
    except OSError:
        pass
    peer.wait('BLOCK_EXPORT_DELETED', id='e1')
    yield 'query-block-exports', None
    yield 'nbd-server-stop', None
    yield 'query-block-exports', None
    yield 'blockdev-del', {'node-name': 'd'}
    yield 'blockdev-del', {'node-name': 'r'}
    yield 'object-add', {'qom-type': 'nothing', 'id': 'o'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's0', 'data': 'x'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's0', 'data': 'x'}
    yield 'object-add', {'qom-type': 'secret'}
    yield 'object-add', {'qom-type': 'tls-creds-anon', 'id': 't0', 'endpoint': 'client'}
    yield 'nbd-server-start', {'addr': unix('s'), 'tls-creds': 't0'}
    yield 'object-add', {'qom-type': 'tls-creds-anon', 'id': 't1', 'endpoint': 'server'}
    yield 'nbd-server-start', {'addr': unix('s'), 'tls-creds': 't1'}
    yield 'nbd-server-stop', None
    yield 'object-add', {'qom-type': 'authz-simple', 'id': 'z0'}
    yield 'object-add', {'qom-type': 'authz-simple', 'id': 'z0', 'identity': 'x', 'foo': 'y'}
    yield 'object-add', {'qom-type': 'authz-simple', 'id': 'z0', 'identity': 'CN=x'}
    yield 'object-add', {'qom-type': 'authz-list', 'id': 's0'}
    yield 'object-add', {'qom-type': 'authz-list', 'id': 'z1', 'policy': 'foo'}
    yield 'object-add', {'qom-type': 'authz-list', 'id': 'z1', 'policy': 'allow', 'rules': [
        {'match': 'x', 'policy': 'deny'}, {'match': 'y*', 'policy': 'allow', 'format': 'glob'}]}
    yield 'object-add', {'qom-type': 'authz-list', 'id': 'z2', 'rules': [{'match': 'x'}]}
    yield 'object-add', {'qom-type': 'authz-list', 'id': 'z2', 'rules': [{'policy': 'allow'}]}
    master = base64.b64encode(bytes(range(32))).decode()
    vector = base64.b64encode(bytes(16)).decode()
    yield 'object-add', {'qom-type': 'secret', 'id': 'm', 'format': 'base64', 'data': master}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'file': 'y'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'format': 'hex'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'keyid': 'none'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'keyid': 'm'}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'keyid': 'm', 'iv': vector}
    yield 'object-add', {'qom-type': 'secret', 'id': 's1', 'data': 'x', 'keyid': 'm', 'iv': 'Dw=='}
    for name in ('z0', 'z1', 'm', 't0', 't1', 's0', 's0'):
        yield 'object-del', {'id': name}


# ---- What clients see ----

def info(path, name, *more):
    return json.loads(run('nbdinfo', '--json', *more, f'nbd+unix:///{name}?socket={path}'))


def pull_backup(argv):
    """A node that shows a disk as it was, by NBD, while the disk is written by NBD."""
    folder = os.path.abspath(tempfile.mkdtemp(dir='.'))
    p = Peer(argv, folder)
    try:
        image(p.path('d.qcow2'), 'write -P 1 0 1M', 'write -P 2 3M 2M')
        image(p.path('f.qcow2'))
        p('blockdev-add', **qcow2('d', 'd.qcow2'))
        p('block-dirty-bitmap-add', node='d', name='since', granularity=65536)
        p('nbd-server-start', addr=unix('s'))
        p('block-export-add', type='nbd', id='w', node_name='d', name='disk', writable=True)
        url = f"nbd+unix:///disk?socket={p.path('s')}"
        run('qemu-io', '-f', 'raw', '-c', 'write -P 3 128k 64k', '-c', 'write -z 4M 100k', url)
        run('qemu-img', 'convert', '-O', 'raw', url, p.path('then.raw'))
        p('blockdev-add', **qcow2('f', 'f.qcow2', backing='d'))
        p('block-dirty-bitmap-disable', node='d', name='since')
        p('blockdev-backup', job_id='j', device='d', target='f', sync='none')
        p('block-export-add', type='nbd', id='b', node_name='f', name='backup',
          bitmaps=[{'node': 'd', 'name': 'since'}], allocation_depth=True)
        run('qemu-io', '-f', 'raw', '-c', 'write -P 9 0 6M', '-c', 'write -P 8 15M 1M', url)
        backup = f"nbd+unix:///backup?socket={p.path('s')}"
        run('nbdcopy', backup, p.path('pulled.raw'))
        same = run('cmp', p.path('then.raw'), p.path('pulled.raw')) == ''
        run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', backup, p.path('then.raw'))
        maps = [json.loads(run('nbdinfo', '--json', f'--map={m}', backup))
                for m in ('qemu:dirty-bitmap:since',)]
        exports = sorted(e['export-name'] for e in info(p.path('s'), '', '--list')['exports'])
        about = info(p.path('s'), 'backup', '--no-content')['exports'][0]
        disk = info(p.path('s'), 'disk', '--no-content')['exports'][0]
        for e in (about, disk):
            e.pop('uri', None)
        p('job-cancel', id='j')
        p.wait('JOB_STATUS_CHANGE', id='j', status='null')
        p('block-export-del', id='b')
        p('blockdev-del', **{'node-name': 'f'})
        p.quit()
        run('qemu-img', 'check', '-q', p.path('d.qcow2'))
        return {'same': same, 'maps': maps, 'exports': exports, 'backup': about, 'disk': disk}
    finally:
        if p.proc.poll() is None:
            p.proc.kill()


def check_pull_backup(kind):
    ours, theirs = (pull_backup(a) for a in PEERS[kind])
    for key in ('same', 'maps', 'exports'):
        ok(f'{kind}: backup by pulling: {key}', ours[key] == theirs[key], (ours[key], theirs[key]))
    for name in ('backup', 'disk'):
        for key in theirs[name]:
            if 'block_size' not in key:
                ok(f'{kind}: nbdinfo {name}: {key}', ours[name].get(key) == theirs[name][key],
                   (ours[name].get(key), theirs[name][key]))


def check_overlay(kind):
    """An export follows its disk when an overlay is put above it."""
    for argv in PEERS[kind]:
        p = Peer(argv, os.path.abspath(tempfile.mkdtemp(dir='.')))
        try:
            image(p.path('d.qcow2'), 'write -P 1 0 1M')
            image(p.path('o.qcow2'))
            p('blockdev-add', **qcow2('d', 'd.qcow2'))
            p('blockdev-add', **qcow2('o', 'o.qcow2', backing=None))
            p('nbd-server-start', addr=unix('s'))
            p('block-export-add', type='nbd', id='w', node_name='d', name='disk', writable=True)
            url = f"nbd+unix:///disk?socket={p.path('s')}"
            client = Client(p.path('s'), 'disk')
            p('blockdev-snapshot', node='d', overlay='o')
            good = p('query-block-exports')[0]['node-name'] == 'o'
            run('qemu-io', '-f', 'raw', '-c', 'write -P 5 0 64k', url)
            good = good and client.read(0, 512) == b'\5' * 512 and \
                client.read(65536, 512) == b'\1' * 512
            p.quit()
            run('qemu-io', '-r', '-f', 'qcow2', '-c', 'read -P 1 0 1M', p.path('d.qcow2'))
            ok(f'{kind}: an overlay above an export ({os.path.basename(argv[0])})', good)
        finally:
            if p.proc.poll() is None:
                p.proc.kill()


def check_limits():
    p = Peer(PEERS['storage'][0], os.path.abspath(tempfile.mkdtemp(dir='.')))
    try:
        p('blockdev-add', driver='null-co', node_name='n', size=1 << 20, read_zeroes=True)
        p('nbd-server-start', addr=unix('s'), max_connections=2)
        p('block-export-add', type='nbd', id='e', node_name='n', name='e')
        p('block-export-add', type='nbd', id='f', node_name='n', name='f')
        first, second = Client(p.path('s'), 'e'), Client(p.path('s'), 'f')
        ok('two exports at once', first.read(0, 512) == second.read(4096, 512) == bytes(512))
        try:
            Client(p.path('s'), 'e', timeout=0.5)
            ok('a third client waits', False)
        except TimeoutError:
            ok('a third client waits')
        first.s.close()
        ok('until another has left', Client(p.path('s'), 'f').read(0, 512) == bytes(512))
        p('block-export-del', id='f', mode='hard')
        p.wait('BLOCK_EXPORT_DELETED', id='f')
        try:
            ok('a client after its export', second.read(0, 512) is None)
        except OSError:
            ok('a client after its export')
        p('nbd-server-stop')
        ok('the socket is gone', not os.path.exists(p.path('s')))
        ok('quit', p.quit() == 0)
    finally:
        if p.proc.poll() is None:
            p.proc.kill()


def check_tls():
    folder = os.path.abspath(tempfile.mkdtemp(dir='.'))
    with open(os.path.join(folder, 'keys.psk'), 'w', encoding='ascii') as f:
        f.write('ann:' + '6b' * 32 + '\n')
    os.chmod(os.path.join(folder, 'keys.psk'), 0o600)
    p = Peer(PEERS['storage'][0], folder)
    try:
        p('blockdev-add', driver='null-co', node_name='n', size=1 << 20, read_zeroes=True)
        answer = p.raw('object-add', {'qom-type': 'tls-creds-psk', 'id': 't', 'dir': folder,
                                      'endpoint': 'server'})
        if 'error' in answer:
            print('skipped: TLS:', answer['error']['desc'])
            return
        p('nbd-server-start', addr=unix('s'), tls_creds='t')
        p('block-export-add', type='nbd', id='e', node_name='n', name='e')
        plain = subprocess.run(['nbdinfo', f"nbd+unix:///e?socket={p.path('s')}"],
                               capture_output=True, timeout=30)
        ok('TLS: a client without it', plain.returncode != 0)
        keys = os.path.join(folder, 'keys.psk')
        about = json.loads(run(
            'nbdinfo', '--json',
            f"nbds+unix://ann@/e?socket={p.path('s')}&tls-psk-file={keys}"))
        ok('TLS: a client with a key', about['TLS'] and about['exports'][0]['export-size'] == 1 << 20)
        p('object-del', id='t')
        p.quit()
    finally:
        if p.proc.poll() is None:
            p.proc.kill()


def check_process():
    """The background, the file of its number, signals with work under way, an inherited socket."""
    folder = os.path.abspath(tempfile.mkdtemp(dir='.'))
    image(os.path.join(folder, 'd.qcow2'), 'write -P 1 0 8M')
    image(os.path.join(folder, 't.qcow2'))
    path = os.path.join(folder, 's')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)
    fd = listener.fileno()
    os.set_inheritable(fd, True)
    subprocess.run(
        [TINAMOU, 'storage', '--blockdev', json.dumps(qcow2('d', 'd.qcow2')),
         '--nbd-server', f'addr.type=fd,addr.str={fd}',
         '--export', 'nbd,id=e,node-name=d,name=disk,writable=on',
         '--chardev', 'socket,id=m,path=qmp,server=on,wait=off', '--monitor', 'm',
         '--pidfile', 'pid', '--daemonize'],
        cwd=folder, check=True, timeout=30, pass_fds=(fd,), stdout=subprocess.DEVNULL)
    listener.close()
    with open(os.path.join(folder, 'pid'), encoding='ascii') as f:
        pid = int(f.read())
    run('qemu-io', '-f', 'raw', '-c', 'write -P 7 9M 1M', f'nbd+unix:///disk?socket={path}')
    client = Client(path, 'disk')
    qmp = socket.socket(socket.AF_UNIX)
    qmp.connect(os.path.join(folder, 'qmp'))
    lines = qmp.makefile('rw')
    lines.readline()
    for command, args in (
            ('qmp_capabilities', {}),
            ('blockdev-add', qcow2('t', 't.qcow2')),
            ('blockdev-mirror', {'job-id': 'm', 'device': 'd', 'target': 't', 'sync': 'full',
                                 'speed': 1 << 20})):
        lines.write(json.dumps({'execute': command, 'arguments': args}) + '\n')
        lines.flush()
        while 'return' not in lines.readline():
            pass
    os.kill(pid, signal.SIGTERM)
    gone = False
    for _ in range(200):
        if not os.path.exists(f'/proc/{pid}') or \
                open(f'/proc/{pid}/stat', encoding='ascii').read().split()[2] == 'Z':
            gone = True
            break
        time.sleep(0.05)
    ok('a signal ends it, with a job and a client there', gone)
    told = lines.read()
    ok('its monitor hears the end', 'BLOCK_EXPORT_DELETED' in told and 'BLOCK_JOB_CANCELLED' in told,
       told)
    ok('the file of its number is gone', not os.path.exists(os.path.join(folder, 'pid')))
    client.s.close()
    for name in ('d', 't'):
        run('qemu-img', 'check', '-q', os.path.join(folder, f'{name}.qcow2'))
    run('qemu-io', '-f', 'qcow2', '-c', 'read -P 1 0 8M', '-c', 'read -P 7 9M 1M',
        os.path.join(folder, 'd.qcow2'))
    ok('images after it')


def forms():
    """Command lines of a storage process that end at once."""
    null = ['--blockdev', 'null-co,node-name=n']
    server = ['--nbd-server', 'addr.type=unix,addr.path=s']
    for rest in (['extra'], ['--nosuch'], ['--blockdev'], ['--blockdev', 'driver=null-co'],
                 ['--chardev', 'stdio'], ['--monitor', 'none'],
                 ['--chardev', 'null,id=c', '--monitor', 'c,bogus=1'],
                 ['--chardev', 'null,id=c', '--monitor', 'c,pretty=x'],
                 ['--nbd-server', 'addr.type=unix'],
                 ['--nbd-server', 'addr.type=unix,addr.path=/no/such/x'],
                 [server[0], server[1] + ',bogus=1'],
                 [*server, *server], ['--export', 'nbd,id=e,node-name=n'],
                 [*null, '--export', 'nbd,id=e,node-name=n'],
                 [*server, '--export', 'nbd,node-name=n'],
                 [*null, *server, '--export', 'id=e,node-name=n'],
                 [*null, *server, '--export', 'bogus,id=e,node-name=n'],
                 [*null, *server, '--export', 'nbd,id=e,node-name=n,bogus=1'],
                 ['--object', 'bogus,id=x'], ['--object', 'secret'], ['--object', 'secret,id=s'],
                 ['--object', 'secret,id=s,data=x,file=y'],
                 ['--object', 'secret,id=s,data=x', '--object', 'secret,id=s,data=x'],
                 ['--object', 'secret,help'], ['--object', 'authz-simple,help'],
                 ['--object', 'authz-list,?'], ['--pidfile'], ['--pidfile', '/no/such/pid'],
                 [*null, '--daemonize', '--export', 'nbd,id=e,node-name=n']):
        yield rest


def check_forms():
    ours, theirs = [TINAMOU, 'storage'], ['qemu-storage-daemon']
    for rest in forms():
        said = []
        for argv in (ours, theirs):
            folder = tempfile.mkdtemp(dir='.')
            done = subprocess.run([*argv, *rest], cwd=folder, capture_output=True, text=True,
                                  timeout=20, stdin=subprocess.DEVNULL)
            text = (done.stdout + done.stderr).replace('tinamou storage', 'X')
            said.append((done.returncode, text.replace('qemu-storage-daemon', 'X')))
        ok(f"storage {' '.join(rest)}", said[0] == said[1], said)
    # One process for a file of its number; whoever comes later says why not.
    argv = [*ours, '--pidfile', os.path.abspath('one.pid')]
    first = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    for _ in range(200):
        if os.path.exists('one.pid'):
            break
        time.sleep(0.02)
    again = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    ok('a pid file that is taken', again.returncode == 1 and
       'cannot create PID file: Cannot lock pid file: ' in again.stderr, again)
    first.terminate()
    first.wait(10)
    ok('it goes with its process', not os.path.exists('one.pid'))
    # A socket that was made before: nobody has to wait until the monitor is there.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind('early')
    listener.listen(5)
    daemon = subprocess.Popen([*ours, '--chardev',
                               f'socket,fd={listener.fileno()},server=on,wait=off,id=c',
                               '--monitor', 'chardev=c'], pass_fds=[listener.fileno()])
    listener.close()
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect('early')
    lines = client.makefile('rw')
    greeting = json.loads(lines.readline())
    lines.write('{"execute": "qmp_capabilities"}\n{"execute": "quit"}\n')
    lines.flush()
    ok('a monitor on a descriptor', 'QMP' in greeting and daemon.wait(10) == 0)


def check_commands():
    names = []
    for argv in PEERS['storage']:
        p = Peer(argv, os.path.abspath(tempfile.mkdtemp(dir='.')))
        names.append({c['name'] for c in p('query-commands')})
        schema = {s['name'] for s in p('query-qmp-schema') if s['meta-type'] == 'command'}
        ok(f'the schema has the commands ({os.path.basename(argv[0])})', schema == names[-1])
        p.quit()
    missing = sorted(names[1] - names[0])
    print('commands of qemu-storage-daemon that are not here:', ' '.join(missing) or 'none')
    ok('no command that needs a guest',
       not names[0] & {'stop', 'cont', 'system_reset', 'query-cpus-fast', 'migrate', 'memsave'})
    ok('the commands of exports', {n for n in names[1] if 'export' in n or 'nbd-' in n} <= names[0])


def main():
    for tool in ('qemu-img', 'qemu-io', 'qemu-storage-daemon', 'qemu-system-aarch64', 'nbdinfo',
                 'nbdcopy'):
        if not shutil.which(tool):
            print(f'skipped: {tool} is not installed')
            return 77
    work = tempfile.mkdtemp()
    os.chdir(work)
    try:
        for kind in PEERS:
            compare(f'{kind}: exports', kind, script_exports)
            check_pull_backup(kind)
            check_overlay(kind)
        check_limits()
        check_tls()
        check_process()
        check_forms()
        check_commands()
    finally:
        os.chdir('/')
        shutil.rmtree(work)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
