#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Descriptors through a monitor's socket and -add-fd: fds.py TINAMOU. add-fd, remove-fd, query-fdsets,
getfd and closefd answer what QEMU answers; /dev/fdset/ID opens for disks and files of consoles."""
import array
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1])
OURS, QEMU = [TINAMOU, 'system', 'aarch64'], ['qemu-system-aarch64', '-net', 'none']
MACHINE = ['-M', 'virt', '-cpu', 'cortex-a57', '-display', 'none', '-serial', 'none', '-monitor',
           'none']
WORK = tempfile.mkdtemp(prefix='fds-')
IMAGE = os.path.join(WORK, 'image')
failed = 0


def check(what, good, detail=''):
    global failed
    print(f'{"ok" if good else "FAIL"} {what} {"" if good else detail}')
    failed += not good


class Machine:
    """One with a QMP monitor, greeted."""

    def __init__(self, program, options=(), fds=()):
        path = os.path.join(WORK, 'qmp')
        self.process = subprocess.Popen(
            [*program, *MACHINE, '-S', '-qmp', f'unix:{path},server=on,wait=off', *options],
            pass_fds=fds)
        for _ in range(200):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.file = self.socket.makefile('r')
        self.file.readline()
        self.run('qmp_capabilities')

    def run(self, name, fds=(), **arguments):
        request = json.dumps({'execute': name, 'arguments': arguments}).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.socket.sendmsg([request], rights)
        while True:
            answer = json.loads(self.file.readline())
            if 'event' not in answer:
                return answer

    def end(self):
        self.run('quit')
        self.file.close()
        self.socket.close()
        return self.process.wait(20)


def without_numbers(answer):
    """Numbers of descriptors are each program's own; sets have an order of their own too."""
    value = answer.get('return', answer)
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if k != 'fd'}
    elif isinstance(value, list):
        value = sorted((s['fdset-id'], [f.get('opaque') for f in s['fds']]) for s in value)
    return value


def talk(machine):
    """What both programs are asked, and their answers."""
    with open(IMAGE, 'wb') as f:
        f.truncate(1 << 20)
    ro, rw = os.open(IMAGE, os.O_RDONLY), os.open(IMAGE, os.O_RDWR)
    asked = [
        ('add-fd', [], {}), ('query-fdsets', [], {}), ('add-fd', [ro], {}),
        ('add-fd', [rw], {'fdset-id': 0, 'opaque': 'x'}), ('add-fd', [rw], {'fdset-id': -1}),
        ('add-fd', [rw], {'fdset-id': 5}), ('add-fd', [rw, ro], {}), ('query-fdsets', [], {}),
        ('remove-fd', [], {'fdset-id': 9}), ('remove-fd', [], {'fdset-id': 5, 'fd': 999}),
        ('getfd', [], {'fdname': 'a'}), ('getfd', [rw], {'fdname': '1a'}),
        ('getfd', [rw], {'fdname': 'a'}), ('getfd', [ro], {'fdname': 'a'}),
        ('closefd', [], {'fdname': 'a'}), ('closefd', [], {'fdname': 'a'}),
        ('human-monitor-command', [], {'command-line': 'getfd b'}),
        ('human-monitor-command', [rw], {'command-line': 'getfd b'}),
        ('closefd', [], {'fdname': 'b'}),
        ('human-monitor-command', [], {'command-line': 'closefd b'}),
    ]
    answers = [(name, arguments, without_numbers(machine.run(name, fds, **arguments)))
               for name, fds, arguments in asked]
    os.close(ro)
    os.close(rw)
    return answers


def test_answers():
    ours = Machine(OURS)
    mine = talk(ours)
    check('ours ends', ours.end() == 0)
    if not shutil.which(QEMU[0]):
        print('SKIP: no QEMU here to compare with')
        return
    theirs = Machine(QEMU)
    for (name, arguments, a), (_, _, b) in zip(mine, talk(theirs)):
        check(f'{name} {arguments}', a == b, f'ours {a}, QEMU {b}')
    theirs.end()


def test_disk():
    """A disk by a set: for reading, for writing, and gone with what it was opened by."""
    m = Machine(OURS)
    ro, rw = os.open(IMAGE, os.O_RDONLY), os.open(IMAGE, os.O_RDWR)
    node = {'driver': 'file', 'node-name': 'n', 'filename': '/dev/fdset/1'}
    refused = m.run('blockdev-add', **node)
    check('no such set', '/dev/fdset/1' in refused.get('error', {}).get('desc', ''), refused)
    m.run('add-fd', [ro], **{'fdset-id': 1})
    refused = m.run('blockdev-add', **node)
    check('for reading alone', 'Permission' in refused.get('error', {}).get('desc', ''), refused)
    check('read-only=on', m.run('blockdev-add', **node, **{'read-only': True}) == {'return': {}})
    m.run('blockdev-del', **{'node-name': 'n'})
    fd = m.run('add-fd', [rw], **{'fdset-id': 1})['return']['fd']
    check('opens', m.run('blockdev-add', **node) == {'return': {}})
    other = subprocess.run([TINAMOU, 'img', 'resize', '-f', 'raw', IMAGE, '2M'],
                           stderr=subprocess.PIPE, text=True)
    check('is locked', other.returncode and 'lock' in other.stderr, other.stderr)
    check('removed while in use', m.run('remove-fd', **{'fdset-id': 1, 'fd': fd}) == {'return': {}})
    check('and still there', m.run('block_resize', **{'node-name': 'n', 'size': 3 << 20}) ==
          {'return': {}} and os.path.getsize(IMAGE) == 3 << 20)
    m.run('blockdev-del', **{'node-name': 'n'})
    other = subprocess.run([TINAMOU, 'img', 'resize', '-q', '-f', 'raw', IMAGE, '4M'])
    check('not locked any more', other.returncode == 0)
    pair = socket.socketpair()
    m.run('getfd', [pair[0].fileno()], fdname='pair')
    backend = {'type': 'socket', 'data': {
        'addr': {'type': 'fd', 'data': {'str': 'pair'}}, 'server': False}}
    answer = m.run('chardev-add', id='c', backend=backend)
    check('a console by a name', 'return' in answer, answer)
    answer = m.run('chardev-add', id='d', backend=backend)
    check('the name is used up', 'pair' in answer.get('error', {}).get('desc', ''), answer)
    check('ends', m.end() == 0)
    os.close(ro)
    os.close(rw)


def test_command_line():
    log = os.open(os.path.join(WORK, 'log'), os.O_WRONLY | os.O_CREAT)
    disk = os.open(IMAGE, os.O_RDWR)
    m = Machine(OURS, ['-add-fd', f'fd={log},set=3,opaque=log', '-add-fd', f'fd={disk},set=4',
                       '-chardev', 'file,id=f,path=/dev/fdset/3',
                       '-drive', 'file=/dev/fdset/4,if=virtio,format=raw'], (log, disk))
    sets = without_numbers(m.run('query-fdsets'))
    check('-add-fd', sets == [(3, ['log']), (4, [None])], sets)
    check('a drive of it', m.run('query-block')['return'][0]['inserted']['file'] == '/dev/fdset/4')
    check('ends', m.end() == 0)
    for options, why in (('fd=1,set=0', '3 and above'), ('fd=99,set=0', 'started with'),
                         ('fd=9', 'set= is missing'), ('set=9', 'fd= is missing'),
                         (f'fd={log},set=1,opaqe=x', 'opaqe')):
        p = subprocess.run([*OURS, *MACHINE, '-add-fd', options], stderr=subprocess.PIPE, text=True,
                           pass_fds=(log,))
        check(f'-add-fd {options}', p.returncode and why in p.stderr, p.stderr)


def tap_device():
    """A descriptor of a network device, or None where there is no way to one."""
    try:
        fd = os.open('/dev/net/tun', os.O_RDWR)
        fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'', 0x1002))  # TUNSETIFF: TAP, NO_PI
        return fd
    except OSError as e:
        print('SKIP a network device by a name:', e)
        return None


def test_networks():
    m = Machine(OURS)
    pairs = [socket.socketpair() for _ in range(2)]
    m.run('getfd', [pairs[0][0].fileno()], fdname='one')
    m.run('getfd', [pairs[1][0].fileno()], fdname='two')
    old = {'type': 'socket', 'id': 's', 'fd': 'one'}
    check('netdev socket,fd=NAME', m.run('netdev_add', **old) == {'return': {}})
    answer = m.run('netdev_add', **{**old, 'id': 't'})
    check('once', 'one' in answer.get('error', {}).get('desc', ''), answer)
    new = {'type': 'stream', 'id': 'u', 'addr': {'type': 'fd', 'str': 'two'}}
    check('netdev stream,addr.str=NAME', m.run('netdev_add', **new) == {'return': {}})
    answer = m.run('netdev_add', type='tap', id='v', fd='nobody')
    check('tap,fd= of no name', 'nobody' in answer.get('error', {}).get('desc', ''), answer)
    tap = tap_device()
    if tap is not None:
        m.run('getfd', [tap], fdname='wire')
        answer = m.run('netdev_add', type='tap', id='v', fd='wire')
        check('tap,fd=NAME', answer == {'return': {}}, answer)
    check('ends', m.end() == 0)


def test_nbd():
    m = Machine(OURS)
    path = os.path.join(WORK, 'nbd')
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    for name in ('nbd', str(s.fileno())):
        answer = m.run('nbd-server-start', addr={'type': 'fd', 'data': {'str': name}})
        check(f'no server at {name}', 'has not been found' in answer.get('error', {}).get('desc', ''),
              answer)
    m.run('getfd', [s.fileno()], fdname='nbd')
    answer = m.run('nbd-server-start', addr={'type': 'fd', 'data': {'str': 'nbd'}})
    check('a server at a name', answer == {'return': {}}, answer)
    m.run('blockdev-add', driver='null-co', size=1 << 20, **{'node-name': 'n', 'read-zeroes': True})
    m.run('block-export-add', type='nbd', id='e', **{'node-name': 'n'})
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    m.run('getfd', [client.fileno()], fdname='peer')
    client.close()
    answer = m.run('blockdev-add', driver='nbd', export='n', server={'type': 'fd', 'str': 'peer'},
                   **{'node-name': 'far', 'read-only': True})
    check('a client at a name', answer == {'return': {}}, answer)
    info = subprocess.run([TINAMOU, 'img', 'info', f'nbd+unix:///n?socket={path}'],
                          stdout=subprocess.PIPE, text=True).stdout
    check('which serves', '1 MiB' in info, info)
    check('ends', m.end() == 0)


def wait_migrated(m):
    for _ in range(400):
        answer = m.run('query-migrate')['return']
        if answer['status'] != 'active':
            break
        time.sleep(0.02)
    return answer['status']


def test_slow_readers(size):
    """Nobody reads at first: the monitor answers all the same."""
    for kind, pair in ('pipe', os.pipe), ('socket', socket.socketpair):
        m = Machine(OURS)
        ends = [end if isinstance(end, int) else end.detach() for end in pair()]
        if kind == 'pipe':
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 4096)
        else:
            with socket.socket(fileno=os.dup(ends[1])) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        m.run('getfd', [ends[1]], fdname='to')
        os.close(ends[1])
        check(f'migrate to a {kind}', m.run('migrate', uri='fd:to') == {'return': {}})
        answer = m.run('query-migrate')['return']
        check('is active', answer['status'] == 'active' and answer['ram']['total'] > 1000, answer)
        answer = m.run('query-status')['return']
        check('and answers', answer['status'] in ('finish-migrate', 'prelaunch'), answer)
        answer = m.run('migrate', uri='fd:to')
        check('one at a time', 'in progress' in answer.get('error', {}).get('desc', ''), answer)
        with os.fdopen(ends[0], 'rb') as f:
            state = f.read()
        check('whole', abs(len(state) - size) < 4096, len(state))
        check('completed', wait_migrated(m) == 'completed')
        check('ends', m.end() == 0)
    for end in 'cancelled', 'failed', 'quit':
        m = Machine(OURS)
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        m.run('getfd', [writer], fdname='to')
        os.close(writer)
        m.run('migrate', uri='fd:to')
        if end == 'cancelled':
            m.run('migrate_cancel')
        elif end == 'failed':
            os.close(reader)
        if end != 'quit':
            check(end, wait_migrated(m) == end, m.run('query-migrate'))
        check('ends', m.end() == 0)


def test_state():
    state = os.open(os.path.join(WORK, 'state'), os.O_RDWR | os.O_CREAT)
    m = Machine(OURS)
    answer = m.run('migrate', uri='fd:state')
    check('no state to nobody', 'state' in answer.get('error', {}).get('desc', ''), answer)
    m.run('getfd', [state], fdname='state')
    check('migrate fd:NAME', m.run('migrate', uri='fd:state') == {'return': {}})
    answer = m.run('query-migrate')['return']
    check('is told', answer['status'] == 'completed' and
          answer['ram']['transferred'] == os.fstat(state).st_size > 1000, answer)
    check('ends', m.end() == 0)
    os.lseek(state, 0, os.SEEK_SET)
    m = Machine(OURS, ['-incoming', f'fd:{state}'], (state,))
    answer = m.run('query-status')['return']
    check('-incoming fd:NUMBER', answer['status'] == 'paused', answer)
    check('ends', m.end() == 0)
    test_slow_readers(os.path.getsize(os.path.join(WORK, 'state')))
    m = Machine(OURS, ['-incoming', 'defer'])
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    m.run('getfd', [reader], fdname='pipe')
    if os.fork() == 0:
        with open(os.path.join(WORK, 'state'), 'rb') as f, open(writer, 'wb') as to:
            shutil.copyfileobj(f, to)
        os._exit(0)
    os.close(writer)
    answer = m.run('migrate-incoming', uri='fd:pipe')
    check('migrate-incoming fd:NAME, a pipe', answer == {'return': {}}, answer)
    check('is there', m.run('query-status')['return']['status'] == 'paused')
    check('ends', m.end() == 0)


try:
    test_answers()
    test_disk()
    test_command_line()
    test_networks()
    test_nbd()
    test_state()
finally:
    shutil.rmtree(WORK)
sys.exit(failed != 0)
