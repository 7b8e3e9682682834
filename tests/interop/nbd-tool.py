#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `tinamou nbd` does beside serving an image: nbd-tool.py TINAMOU FAKE_NBD.

Temporary overlays, internal snapshots, what its options exclude (held against qemu-nbd), sockets of
a service manager, the background, and the kernel's devices: real ones where there are any and we may
use them, else a library that answers the driver's ioctls.
"""
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

TINAMOU, FAKE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
bad = 0


def ok(what, good=True, detail=''):
    global bad
    print(f"{'ok' if good else 'FAIL'}: {what}{'' if good else ': ' + str(detail)}")
    bad += not good


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=30,
                          **more).stdout


def io(url, *commands, fmt='raw'):
    return run('qemu-io', '-f', fmt, *[x for c in commands for x in ('-c', c)], url)


class Server:
    def __init__(self, *args):
        self.path = os.path.join(os.getcwd(), 's')
        self.proc = subprocess.Popen([TINAMOU, 'nbd', '-t', '-k', self.path, *args],
                                     stderr=subprocess.PIPE, text=True)
        for _ in range(100):
            if os.path.exists(self.path) or self.proc.poll() is not None:
                break
            time.sleep(0.02)

    def __enter__(self):
        return f'nbd+unix:///?socket={self.path}'

    def __exit__(self, *_):
        self.proc.terminate()
        self.proc.communicate(timeout=10)


def check_views():
    run('qemu-img', 'create', '-q', '-f', 'qcow2', 'd.qcow2', '4M')
    io('d.qcow2', 'write -P 1 0 1M', fmt='qcow2')
    run('qemu-img', 'snapshot', '-c', 'one', 'd.qcow2')
    io('d.qcow2', 'write -P 2 0 1M', fmt='qcow2')
    with open('d.qcow2', 'rb') as f:
        before = f.read()
    with Server('-s', 'd.qcow2') as url:
        io(url, 'read -P 2 0 1M', 'write -P 3 512k 1M', 'read -P 3 512k 1M', 'read -P 2 0 512k')
    with open('d.qcow2', 'rb') as f:
        ok('--snapshot: the image stays as it is', f.read() == before)
    for view in ('one', '1', 'snapshot.id=1', 'snapshot.name=one', 'snapshot.id=1,snapshot.name=one'):
        with Server('-l', view, 'd.qcow2') as url:
            run('qemu-io', '-r', '-f', 'raw', '-c', 'read -P 1 0 1M', url)
            writes = subprocess.run(['qemu-io', '-f', 'raw', '-c', 'write 0 512', url],
                                    capture_output=True, timeout=30)
            ok(f'--load-snapshot={view}', writes.returncode != 0)
    for view in ('none', 'snapshot.id=7', 'snapshot.id=1,snapshot.name=two'):
        ours, theirs = (subprocess.run([*tool, '-k', os.path.join(os.getcwd(), 'x'), '-l', view,
                                        'd.qcow2'], capture_output=True, text=True, timeout=30)
                        for tool in ((TINAMOU, 'nbd'), ('qemu-nbd',)))
        ok(f'--load-snapshot={view}',
           ours.returncode == theirs.returncode == 1 and
           ours.stderr.startswith('tinamou nbd: Failed to load snapshot: '),
           (ours.stderr, theirs.stderr))


def fake(*args, once=False):
    env = dict(os.environ, LD_PRELOAD=FAKE, FAKE_NBD_LOG='log',
               ASAN_OPTIONS='verify_asan_link_order=0:detect_leaks=0', **({'FAKE_NBD_ONCE': '1'} if once
                                                                   else {}))
    return subprocess.run([TINAMOU, 'nbd', *args], env=env, capture_output=True, text=True,
                          timeout=30)


def log():
    with open('log', encoding='ascii') as f:
        return f.read().split('\n')[:-1]


def check_kernel():
    if not os.path.exists('/dev/nbd0'):
        print('skipped: this host has no NBD driver (modprobe nbd): its ioctls are answered by a '
              'library')
        told = subprocess.run([TINAMOU, 'nbd', '-k', os.path.join(os.getcwd(), 'k'),
                               '-c', '/dev/nbd0', 'd.qcow2'],
                              capture_output=True, text=True, timeout=30)
        ok('the driver is named', told.returncode == 1 and 'modprobe nbd' in told.stderr, told)
        told = subprocess.run([TINAMOU, 'nbd', '-d', '/dev/nbd0'], capture_output=True, text=True,
                              timeout=30)
        ok('the driver is named', told.returncode == 1 and 'modprobe nbd' in told.stderr, told)
    run('qemu-img', 'create', '-q', '-f', 'qcow2', 'k.qcow2', '8M')
    path = os.path.join(os.getcwd(), 'k')
    told = fake('-k', path, '-c', '/dev/nbd0', '--pid-file', 'pid', 'k.qcow2')
    ok('the command ends, the device stays', told.returncode == 0, told)
    for _ in range(200):
        if os.path.exists('log') and any(s.startswith('same') for s in log()):
            break
        time.sleep(0.02)
    ok('the kernel is told what there is',
       log()[:4] == ['set-sock 0', 'block 512', f'size {(8 << 20) // 512}', 'read-only 0'], log())
    ok('it writes and reads', log()[4:] == ['write 0', 'read 0', 'same 1'], log())
    with open('pid', encoding='ascii') as f:
        pid = int(f.read())
    os.kill(pid, signal.SIGTERM)
    for _ in range(200):
        if not os.path.exists(f'/proc/{pid}'):
            break
        time.sleep(0.02)
    ok('a signal disconnects it', 'disconnect 0' in log() and log()[-1] == 'clear-sock 0', log())
    run('qemu-img', 'check', '-q', 'k.qcow2')
    io('k.qcow2', 'read -P 0x5a 1024 512', 'read -P 0 0 1024', fmt='qcow2')
    ok('what it wrote is there')
    os.unlink('log')
    told = fake('-k', path, '-r', '-c', '/dev/nbd0', '--pid-file', 'pid', 'k.qcow2', once=True)
    for _ in range(200):
        if log()[-1] == 'clear-sock 0' and not os.path.exists(path):
            break
        time.sleep(0.02)
    ok('a read-only one, which the kernel ends', 'read-only 1' in log() and 'write 1' in log() and
       not os.path.exists(path), log())
    told = fake('-d', '/dev/nbd0')
    ok('--disconnect', told.returncode == 0 and told.stdout == '/dev/nbd0 disconnected\n', told)


def tool(argv, *args):
    """Exit code and messages, less the program's name."""
    done = subprocess.run([*argv, *args], capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr.replace('tinamou nbd', 'X').replace('qemu-nbd', 'X')


def check_refused():
    """Combinations of options that make no sense, in the same words."""
    sock = ['-k', os.path.join(os.getcwd(), 'r')]
    for args in (['-L', 'd.raw'], ['-L', '-x', 'n'], ['-L', '-o', '3'], ['-L', '-c', '/dev/nbd0'],
                 ['-L', '-A'], ['-L', '-B', 'b'], ['-L', '-D', 'd'], ['-L', '-l', 'x'],
                 ['-d', '/dev/nbd0', 'd.raw'], [], ['a', 'b'], ['-e', '-1', 'd.raw'],
                 ['-e', 'x', 'd.raw'], ['--cache=foo', '-f', 'raw', 'd.raw'],
                 ['--cache=none', '-n', 'd.raw'], ['--aio=x', 'd.raw'],
                 ['--aio=threads', '--aio=threads', 'd.raw'], ['--discard=x', 'd.raw'],
                 ['--discard=unmap', '--discard=unmap', 'd.raw'],
                 ['--image-opts', '-f', 'raw', 'file.filename=d.raw'],
                 [*sock, '--discard=off', '--detect-zeroes=unmap', '-f', 'raw', 'd.raw'],
                 [*sock, '-A', '-B', 'foo', '-f', 'raw', 'd.raw'],
                 [*sock, '--tls-authz=z', '-f', 'raw', 'd.raw'],
                 [*sock, '--tls-hostname=t', '-f', 'raw', 'd.raw'],
                 ['-c', '/dev/nbd0', '--tls-creds', 'x', '-f', 'raw', 'd.raw']):
        ours, theirs = tool([TINAMOU, 'nbd'], *args), tool(['qemu-nbd'], *args)
        ok(f"refused: {' '.join(args).replace(os.getcwd(), '.')}", ours == theirs and ours[0] == 1,
           (ours, theirs))


def check_options():
    """What a format's name does not hide, and what ends up on the file."""
    def blocks():
        return os.stat('z.raw').st_blocks

    for more, sparse in (([], False), (['--detect-zeroes=on'], False),
                         (['--detect-zeroes=unmap', '--discard=unmap'], True)):
        with open('z.raw', 'wb') as f:
            f.truncate(4 << 20)
        with Server('-f', 'raw', *more, 'z.raw') as url:
            io(url, 'write -P 0 0 2M')
        ok(f'zeros written with {more}', (blocks() == 0) == sparse, blocks())
    run('qemu-img', 'create', '-q', '-f', 'qcow2', 'z.qcow2', '4M')
    with Server('-f', 'qcow2', '--detect-zeroes=on', 'z.qcow2') as url:
        io(url, 'write -P 0 0 2M', 'write -P 1 2M 1M')
    run('qemu-io', '-r', '-f', 'qcow2', '-c', 'read -P 0 0 2M', '-c', 'read -P 1 2M 1M', 'z.qcow2')
    ok('--detect-zeroes=on: no data', '"start": 0, "length": 2097152, "depth": 0, "present": true, '
       '"zero": true, "data": false' in run('qemu-img', 'map', '--output=json', 'z.qcow2'))
    for mode, sparse in (('unmap', True), ('on', True), ('ignore', False), ('off', False)):
        with open('z.raw', 'wb') as f:
            f.write(b'x' * (4 << 20))
        with Server('-f', 'raw', f'--discard={mode}', 'z.raw') as url:
            io(url, 'discard 0 4M')
        ok(f'--discard={mode}', (blocks() == 0) == sparse, blocks())
    for more in (['--cache=none'], ['-n'], ['--cache=writethrough'], ['--cache=directsync'],
                 ['--cache=unsafe'], ['--aio=threads'], ['--aio=io_uring'],
                 ['--aio=native', '--cache=none']):
        with Server('-f', 'raw', *more, 'z.raw') as url:
            io(url, 'write -P 7 64k 64k', 'flush', 'read -P 7 64k 64k')
        ok(f"written with {' '.join(more)}")
    with Server('--image-opts', 'driver=raw,offset=1M,size=1M,file.driver=file,file.filename=z.raw') \
            as url:
        io(url, 'write -P 9 0 64k')
        ok('--image-opts: a part', run('nbdinfo', '--size', url) == '1048576\n')
    with Server('-f', 'raw', '-o', '1048576', 'z.raw') as url:
        io(url, 'read -P 9 0 64k')
        ok('--offset: a part', run('nbdinfo', '--size', url) == f'{3 << 20}\n')


def activated(listeners, *args, pid=None):
    """As a service manager starts it: sockets from descriptor 3 on, their number in LISTEN_FDS."""
    def hand_over():
        high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50) for s in listeners]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.environ['LISTEN_FDS'] = str(len(listeners))
        os.environ['LISTEN_PID'] = str(pid or os.getpid())

    return subprocess.Popen([TINAMOU, 'nbd', *args], stderr=subprocess.PIPE, text=True,
                            preexec_fn=hand_over, close_fds=False)


def check_activation():
    path = os.path.join(os.getcwd(), 'act')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)
    server = activated([listener], '-f', 'raw', 'z.raw')
    try:
        io(f'nbd+unix:///?socket={path}', 'read -P 9 1M 64k')
        told = server.communicate(timeout=10)[1]
        ok('a socket of a service manager: one client, then it ends', server.returncode == 0, told)
    finally:
        server.kill()
    ok('its file is the manager\'s to remove', os.path.exists(path))
    for args, word in (([*'-k x z.raw'.split()], 'Unix socket'), (['-p', '1', 'z.raw'], 'TCP port'),
                       (['-b', '::', 'z.raw'], 'interface'), (['-d', '/dev/nbd0'], 'NBD device')):
        server = activated([listener], *args)
        told = server.communicate(timeout=10)[1]
        ok(f'with {args[0]}', server.returncode == 1 and word in told and
           'when using socket activation' in told, told)
    server = activated([listener, listener], 'z.raw')
    told = server.communicate(timeout=10)[1]
    ok('two sockets', server.returncode == 1 and 'LISTEN_FDS' in told, told)
    server = activated([listener], '-k', path, '-f', 'raw', 'z.raw', pid=1)
    told = server.communicate(timeout=10)[1]
    ok('sockets for another process are not taken', server.returncode == 1 and 'in use' in told, told)
    listener.close()


def check_fork():
    path, pid_file = os.path.join(os.getcwd(), 'f'), os.path.join(os.getcwd(), 'fpid')
    # Whoever reads what it prints sees the end of it when the command ends.
    told = subprocess.run([TINAMOU, 'nbd', '--fork', '-t', '-e', '0', '--pid-file', pid_file, '-k',
                           path, '-f', 'raw', 'z.raw'], capture_output=True, text=True, timeout=10)
    ok('--fork ends when it listens', told.returncode == 0 and os.path.exists(path), told)
    for _ in range(2):
        io(f'nbd+unix:///?socket={path}', 'read -P 9 1M 64k')
    with open(pid_file, encoding='ascii') as f:
        pid = int(f.read())
    ok('--persistent', os.path.exists(f'/proc/{pid}'))
    os.kill(pid, signal.SIGTERM)
    for _ in range(200):
        if not os.path.exists(path):
            break
        time.sleep(0.02)
    ok('its socket goes with it', not os.path.exists(path))
    told = subprocess.run([TINAMOU, 'nbd', '--fork', '-k', path, '-f', 'raw', 'none.raw'],
                          capture_output=True, text=True, timeout=10)
    ok('--fork tells what fails', told.returncode == 1 and 'none.raw' in told.stderr, told)


def certificates():
    """An authority, and certificates of it in folders of their own."""
    def openssl(*args):
        run('openssl', *args)

    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca-key.pem', '-out',
            'ca-cert.pem', '-days', '2', '-subj', '/O=Test/CN=authority')
    for who, side in (('localhost', 'server'), ('alice', 'client'), ('bob', 'client')):
        os.mkdir(who)
        shutil.copy('ca-cert.pem', who)
        openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{who}/{side}-key.pem', '-out',
                'req.pem', '-subj', f'/O=Test/CN={who}')
        with open('ext', 'w', encoding='ascii') as f:
            f.write(f'subjectAltName=DNS:{who}\nextendedKeyUsage={side}Auth\n'
                    'keyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n')
        openssl('x509', '-req', '-in', 'req.pem', '-CA', 'ca-cert.pem', '-CAkey', 'ca-key.pem',
                '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out',
                f'{who}/{side}-cert.pem')


def lists(argv, sock, who, name='localhost'):
    """qemu-nbd --list as @who: exit code and text."""
    done = subprocess.run(
        [*argv, '-L', '-k', sock, '--tls-hostname', name, '--tls-creds', 't', '--object',
         f'tls-creds-x509,id=t,endpoint=client,dir={os.getcwd()}/{who}'],
        capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout


def check_tls():
    if not shutil.which('openssl'):
        print('skipped: TLS with certificates: openssl is not installed')
        return
    if 'gnutls' not in run(TINAMOU, 'version'):
        print('skipped: TLS: this build has no GnuTLS')
        return
    certificates()
    creds = ['--object', f'tls-creds-x509,id=t,endpoint=server,dir={os.getcwd()}/localhost',
             '--tls-creds', 't', '-x', 'x', '-f', 'raw', 'd.raw']
    url = 'nbds+unix://localhost/x?socket={}&tls-certificates={}'
    with Server('-e', '0', *creds):
        sock = os.path.join(os.getcwd(), 's')
        ours, theirs = (lists(a, sock, 'alice') for a in ([TINAMOU, 'nbd'], ['qemu-nbd']))
        ok('--list by TLS, ours of ours as theirs', ours == theirs and ours[0] == 0, (ours, theirs))
        ours, theirs = (lists(a, sock, 'alice', 'other') for a in ([TINAMOU, 'nbd'], ['qemu-nbd']))
        ok('--tls-hostname: another name', ours[0] == theirs[0] == 1, (ours, theirs))
        plain = subprocess.run(['nbdinfo', f'nbd+unix:///x?socket={sock}'], capture_output=True,
                               timeout=20)
        ok('no entry without TLS', plain.returncode != 0)
        ok('nbdinfo with a certificate',
           run('nbdinfo', '--size', url.format(sock, os.path.join(os.getcwd(), 'alice'))) ==
           '1048576\n')
    identity = None
    for rules in ('authz-simple,identity=O=Test,,CN=alice', 'authz-simple,identity=CN=alice,,O=Test',
                  'authz-list,rules.0.match=*CN=alice*,rules.0.format=glob,rules.0.policy=allow',
                  'authz-list,policy=allow,rules.0.match=*CN=bob*,rules.0.format=glob,'
                  'rules.0.policy=deny'):
        entries = []
        for tool_of in ([TINAMOU, 'nbd'], ['qemu-nbd']):
            sock = os.path.join(os.getcwd(), 'az')
            server = subprocess.Popen([*tool_of, '-t', '-k', sock, '--object', rules + ',id=z',
                                       '--tls-authz', 'z', *creds], stderr=subprocess.DEVNULL)
            for _ in range(200):
                if os.path.exists(sock):
                    break
                time.sleep(0.02)
            entries.append([lists([TINAMOU, 'nbd'], sock, who)[0] for who in ('alice', 'bob')])
            server.terminate()
            server.wait(10)
            if os.path.exists(sock):
                os.unlink(sock)
        identity = identity or ('simple' in rules and entries[0] == [0, 1])
        ok(f'--tls-authz: {rules}', entries[0] == entries[1] and entries[0] in ([0, 1], [1, 1]),
           entries)
    ok('--tls-authz: a distinguished name', identity)


class Io:
    """qemu-io, ours and theirs, over an NBD client, driven line by line."""

    def __init__(self, argv, path, **options):
        more = ''.join(f",{k.replace('_', '-')}={v}" for k, v in options.items())
        self.proc = subprocess.Popen(
            [*argv, '--image-opts', f'driver=nbd,server.type=unix,server.path={path}{more}'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)

    def __call__(self, command):
        """Did it work, and after how many seconds?"""
        begin, text = time.time(), b''
        self.proc.stdin.write(command.encode() + b'\n')
        while b'sec)' not in text and b'failed' not in text:
            if not select.select([self.proc.stdout], [], [], 15)[0]:
                raise TimeoutError(command)
            part = self.proc.stdout.read(4096)
            if not part:
                break
            text += part
        return b'sec)' in text, time.time() - begin

    def end(self):
        self.proc.kill()
        self.proc.communicate()


def memory_server(path, delay=0.0):
    if os.path.exists(path):
        os.unlink(path)
    time.sleep(delay)
    server = subprocess.Popen(['nbdkit', '-f', '-U', path, 'memory', '16M'])
    while not os.path.exists(path):
        time.sleep(0.01)
    return server


def stop(server):
    server.kill()
    server.wait()


def reconnects(argv):
    """What becomes of requests while a server is away: 2 seconds of patience."""
    path = os.path.join(os.getcwd(), 'rc')
    server = memory_server(path)
    disk, seen = Io(argv, path, reconnect_delay=2), []
    try:
        seen.append(('a server', *disk('read 0 4k')))
        stop(server)
        late = threading.Timer(0.4, lambda: servers.append(memory_server(path)))
        servers = []
        late.start()
        seen.append(('one that comes back within the time', *disk('write 0 4k')))
        late.join()
        stop(servers[0])
        seen.append(('one that does not', *disk('write 0 4k')))
        seen.append(('after the time', *disk('read 0 4k')))
        return seen
    finally:
        disk.end()


def opens(argv):
    path, seen = os.path.join(os.getcwd(), 'op'), []
    for what, options, delay in (('no server, no time', {}, None),
                                 ('no server, one second', {'open_timeout': 1}, None),
                                 ('a server in time', {'open_timeout': 5}, 0.6)):
        if os.path.exists(path):
            os.unlink(path)
        begin = time.time()
        disk = Io(argv, path, **options)
        server = memory_server(path, delay) if delay else None
        good = disk('read 0 4k')[0] if server else False
        if not server:
            disk.proc.wait(10)
        seen.append((what, good, time.time() - begin))
        disk.end()
        if server:
            stop(server)
    return seen


def check_client():
    for what, script in (('reconnect-delay', reconnects), ('open-timeout', opens)):
        ours, theirs = (script(argv) for argv in ([TINAMOU, 'io'], ['qemu-io']))
        for (name, good, took), (_, want, time_of) in zip(ours, theirs):
            ok(f'{what}: {name}', good == want and abs(took - time_of) < 1.5, (took, time_of))
    # A server that takes the connection and says nothing.
    path = os.path.join(os.getcwd(), 'mute')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)
    begin, disk = time.time(), Io([TINAMOU, 'io'], path, open_timeout=1)
    text = disk.proc.communicate(timeout=20)[0]
    ok('open-timeout: a server that says nothing', 0.5 < time.time() - begin < 5 and
       disk.proc.returncode == 1, text)
    listener.close()


def main():
    for tool in ('qemu-img', 'qemu-io', 'qemu-nbd', 'nbdinfo', 'nbdkit'):
        if not shutil.which(tool):
            print(f'skipped: {tool} is not installed')
            return 77
    work = tempfile.mkdtemp()
    os.chdir(work)
    try:
        run('qemu-img', 'create', '-q', '-f', 'raw', 'd.raw', '1M')
        check_refused()
        check_options()
        check_activation()
        check_fork()
        check_tls()
        check_client()
        check_views()
        check_kernel()
    finally:
        os.chdir('/')
        shutil.rmtree(work)
    return 1 if bad else 0


sys.exit(main())
