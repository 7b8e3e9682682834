#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Character devices of `tinamou storage` under a QMP monitor: chardevs.py TINAMOU. Datagrams, a host's
line, and TLS as server and client, with OpenSSL at the other end; by options and by chardev-add."""
import json
import os
import pty
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1])
WORK = tempfile.mkdtemp(prefix='chardevs-')
HELLO = b'{"execute": "qmp_capabilities"}\n'
QUERY = b'{"execute": "query-version"}\n'
failed = 0


def check(what, good, detail=''):
    global failed
    print(f'{"ok" if good else "FAIL"} {what} {"" if good else detail}', flush=True)
    failed += not good


def storage(*options, **more):
    return subprocess.Popen([TINAMOU, 'storage', *options], cwd=WORK, stderr=subprocess.PIPE,
                            text=True, **more)


def end(process):
    process.terminate()
    told = process.communicate(timeout=20)[1]
    return process.returncode, told


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def talk(receive, send):
    """A greeting, and answers to two commands."""
    text = b''
    while b'QMP' not in text:
        text += receive()
    send(HELLO)
    send(QUERY)
    while text.count(b'\n') < 3:
        text += receive()
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    return len(lines) == 3 and 'major' in lines[2]['return']['qemu']


def test_datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        s.settimeout(10)
        port = free_port(socket.SOCK_DGRAM)
        p = storage('--chardev', f'udp,id=m,host=127.0.0.1,port={s.getsockname()[1]},'
                    f'localaddr=127.0.0.1,localport={port}', '--monitor', 'm')
        check('a monitor by datagrams',
              talk(lambda: s.recv(65536), lambda b: s.sendto(b, ('127.0.0.1', port))))
        check('ends', end(p)[0] == 0)


def test_line():
    ours, theirs = pty.openpty()
    p = storage('--chardev', f'serial,id=m,path={os.ttyname(theirs)}', '--monitor', 'm')
    check('a monitor on a line', talk(lambda: os.read(ours, 65536), lambda b: os.write(ours, b)))
    check('ends', end(p)[0] == 0)
    os.close(ours)
    os.close(theirs)


def certificates():
    def openssl(*args):
        subprocess.run(['openssl', *args], cwd=WORK, check=True, capture_output=True)

    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca-key.pem', '-out',
            'ca-cert.pem', '-days', '2', '-subj', '/O=Test/CN=authority')
    for who, side in (('localhost', 'server'), ('alice', 'client'), ('bob', 'client')):
        folder = os.path.join(WORK, who)
        os.mkdir(folder)
        shutil.copy(os.path.join(WORK, 'ca-cert.pem'), folder)
        openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', f'{who}/{side}-key.pem', '-out',
                'req.pem', '-subj', f'/O=Test/CN={who}')
        with open(os.path.join(WORK, 'ext'), 'w', encoding='ascii') as f:
            f.write(f'subjectAltName=DNS:{who}\nextendedKeyUsage={side}Auth\n'
                    'keyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n')
        openssl('x509', '-req', '-in', 'req.pem', '-CA', 'ca-cert.pem', '-CAkey', 'ca-key.pem',
                '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out',
                f'{who}/{side}-cert.pem')


def context(who, side):
    c = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH if side == 'server' else ssl.Purpose.SERVER_AUTH,
        cafile=os.path.join(WORK, 'ca-cert.pem'))
    if who:
        c.load_cert_chain(os.path.join(WORK, who, f'{side}-cert.pem'),
                          os.path.join(WORK, who, f'{side}-key.pem'))
    return c


def connect(port, who):
    """As a client: does it get a monitor?"""
    for _ in range(200):
        try:
            raw = socket.create_connection(('127.0.0.1', port), timeout=10)
            break
        except OSError:
            time.sleep(0.05)
    else:
        return False
    try:
        with context(who, 'client').wrap_socket(raw, server_hostname='localhost') as s:
            return talk(lambda: s.recv(65536) or not_there(), s.sendall)
    except OSError:
        return False
    finally:
        raw.close()


def not_there():
    raise OSError('closed')


def test_server():
    port = free_port(socket.SOCK_STREAM)
    objects = ['--object', f'tls-creds-x509,id=t,endpoint=server,dir={WORK}/localhost',
               '--object', 'authz-list,id=a,policy=deny,rules.0.match=*CN=alice*,rules.0.format=glob,'
               'rules.0.policy=allow']
    p = storage(*objects, '--chardev', f'socket,id=m,host=127.0.0.1,port={port},server=on,wait=off,'
                'tls-creds=t,tls-authz=a', '--monitor', 'm')
    good = connect(port, 'alice')
    check('TLS, a server', good)
    # The server has one connection at a time: who comes before it has seen the last one's end is
    # turned away unasked.
    check('not for another', not any(time.sleep(0.3) or connect(port, 'bob') for _ in range(4)))
    check('nor without a certificate', not connect(port, None))
    with socket.create_connection(('127.0.0.1', port)) as s:  # no TLS at all
        s.sendall(HELLO * 100)
        s.settimeout(10)
        try:
            while s.recv(100):
                pass
        except ConnectionError:
            pass
    check('again after all those', any(time.sleep(0.3) or connect(port, 'alice') for _ in range(4)))
    status, told = end(p)
    check('ends', status == 0)
    check('says who', 'tls-authz=a: ' in told and 'may not come in' in told, told)
    for text, why in (('tls-creds=no', 'tls-creds=no'), ('tls-creds=t,tls-authz=no', 'tls-authz=no'),
                      ('tls-authz=a', 'goes with tls-creds')):
        p = storage(*objects, '--chardev', f'socket,id=m,port={port},server=on,wait=off,{text}')
        told = p.communicate(timeout=20)[1]
        check(f'{text} is refused', p.returncode == 1 and why in told, told)
    p = storage(*objects, '--chardev', f'socket,id=m,port={port},reconnect=1,tls-creds=t')
    told = p.communicate(timeout=20)[1]
    check('the wrong side', p.returncode == 1 and 'endpoint=server' in told, told)


def test_client():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen(1)
        listener.settimeout(10)
        port = listener.getsockname()[1]
        p = storage('--object', f'tls-creds-x509,id=t,endpoint=client,dir={WORK}/alice',
                    '--chardev', f'socket,id=m,host=localhost,ipv6=off,port={port},reconnect=1,'
                    'tls-creds=t', '--monitor', 'm')
        c = context('localhost', 'server')
        c.verify_mode = ssl.CERT_REQUIRED
        for _ in range(2):  # it comes back
            s = c.wrap_socket(listener.accept()[0], server_side=True)
            name = dict(x[0] for x in s.getpeercert()['subject'])['commonName']
            check('TLS, a client', name == 'alice' and
                  talk(lambda: s.recv(65536) or not_there(), s.sendall))
            s.close()
        check('ends', end(p)[0] == 0)


def test_added():
    """chardev-add, and large answers to a reader that comes late."""
    path = os.path.join(WORK, 'qmp')
    port = free_port(socket.SOCK_STREAM)
    p = storage('--object', f'tls-creds-x509,id=t,endpoint=server,dir={WORK}/localhost,verify-peer=off',
                '--chardev', f'socket,id=m,path={path},server=on,wait=off', '--monitor', 'm')
    s = socket.socket(socket.AF_UNIX)
    for _ in range(200):
        try:
            s.connect(path)
            break
        except OSError:
            time.sleep(0.05)
    f = s.makefile('rw')
    f.readline()

    def run(name, **arguments):
        print(json.dumps({'execute': name, 'arguments': arguments}), file=f, flush=True)
        return json.loads(f.readline())

    run('qmp_capabilities')
    answer = run('chardev-add', id='u', backend={'type': 'udp', 'data': {
        'remote': {'type': 'inet', 'data': {'host': '127.0.0.1', 'port': '9'}},
        'local': {'type': 'inet', 'data': {'host': '127.0.0.1', 'port': '0'}}}})
    check('chardev-add of udp', answer == {'return': {}}, answer)
    answer = run('chardev-add', id='t', backend={'type': 'socket', 'data': {
        'addr': {'type': 'inet', 'data': {'host': '127.0.0.1', 'port': str(port)}},
        'tls-creds': 't'}})
    check('chardev-add of TLS', answer == {'return': {}}, answer)
    names = [c['filename'] for c in run('query-chardev')['return']]
    check('are listed', 'udp:127.0.0.1:9' in names, names)
    s.close()
    check('ends', end(p)[0] == 0)
    p = storage('--object', f'tls-creds-x509,id=t,endpoint=server,dir={WORK}/localhost,verify-peer=off',
                '--chardev', f'socket,id=m,host=127.0.0.1,port={port},server=on,wait=off,tls-creds=t',
                '--monitor', 'm')
    time.sleep(0.5)
    with context(None, 'client').wrap_socket(socket.create_connection(('127.0.0.1', port)),
                                             server_hostname='localhost') as t:
        t.settimeout(10)
        t.sendall(HELLO + b'{"execute": "query-qmp-schema"}\n' * 3)
        time.sleep(0.3)
        text, answers = b'', 0
        while answers < 5 and select.select([t], [], [], 10):
            text += t.recv(65536)
            answers = text.count(b'\n')
        check('three schemas', answers == 5 and
              len({line.strip() for line in text.splitlines()[2:]}) == 1, answers)
    check('ends', end(p)[0] == 0)


try:
    test_datagrams()
    test_line()
    if shutil.which('openssl'):
        certificates()
        test_server()
        test_client()
        test_added()
    else:
        print('skipped: TLS: openssl is not installed')
finally:
    shutil.rmtree(WORK)
sys.exit(failed != 0)
