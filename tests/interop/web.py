#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Disks on HTTP and FTP servers: `tinamou img` and qemu-img (with its curl driver) read the same
images from servers of ours, good and bad ones: web.py BUILD.
"""
import base64
import http.server
import os
import random
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.path.abspath(sys.argv[1])
OURS = os.path.join(BUILD, 'compat', 'qemu-img')
OUR_IO = os.path.join(BUILD, 'compat', 'qemu-io')
THEIRS = shutil.which('qemu-img')
IO = shutil.which('qemu-io')
if not THEIRS or not IO:
    print('SKIP: no qemu-img and qemu-io here to make the images')
    sys.exit(77)
if 'without libcurl' in subprocess.run([OURS, '--version'], capture_output=True, text=True).stdout:
    print('SKIP: built without libcurl')
    sys.exit(77)
WORK = tempfile.mkdtemp(prefix='http-')
failed = 0


class Files(http.server.BaseHTTPRequestHandler):
    """The files of WORK; what stands before the name says how: /slow/x, /short/x, ..."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def refuse(self, code, *headers):
        self.send_response(code)
        for h in headers:
            self.send_header(*h)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def answer(self, body):
        _, kind, name = ('/ok' + self.path if self.path.count('/') == 1 else self.path).split('/')
        path = os.path.join(WORK, name)
        self.server.seen.append((self.command, self.path, self.headers.get('Range')))
        if kind == 'redirect':
            return self.refuse(302, ('Location', '/ok/' + name))
        if kind == 'downgrade':
            return self.refuse(302, ('Location', f'http://127.0.0.1:{self.server.plain}/{name}'))
        if kind == 'cycle':
            return self.refuse(302, ('Location', '/cycle/' + name))
        if kind == 'nohead' and not body:
            return self.refuse(405)
        if kind == 'auth' and self.headers.get('Authorization') != 'Basic ' + base64.b64encode(
                b'me:the word').decode():
            return self.refuse(401, ('WWW-Authenticate', 'Basic realm="x"'))
        if kind == 'cookie' and self.headers.get('Cookie') != 'key=door':
            return self.refuse(403)
        if not os.path.exists(path) or kind == 'gone' and body:
            return self.refuse(404)
        with open(path, 'rb') as f:
            data = f.read()
        self.send_file(kind, data, body)
        return None

    def send_file(self, kind, data, body):
        size, promised = len(data), None
        m = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range') or '')
        if m and body and kind != 'whole' and kind != 'liar':
            first = int(m.group(1))
            last = min(int(m.group(2) or size), size - 1)
            if kind == 'subset':
                last = min(last, first + 9999)
            if first >= size:
                return self.refuse(416, ('Content-Range', f'bytes */{size}'))
            data = data[first:last + 1]
            if kind == 'much':
                data += bytes(100)
            self.send_response(206)
            total = size + 512 if kind == 'grown' else size
            shift = 512 if kind == 'shifted' else 0
            self.send_header('Content-Range', f'bytes {first + shift}-{last + shift}/{total}')
        else:
            self.send_response(200)
        if kind not in ('whole', 'silent'):
            self.send_header('Accept-Ranges', 'bytes')
        if kind == 'gzip':
            self.send_header('Content-Encoding', 'gzip')
        if kind == 'short' or kind == 'flaky' and len(data) > 70000:
            promised = len(data)
            data = data[:0 if kind == 'short' else 65000]
        self.send_header('Content-Length', str(promised or len(data)))
        self.end_headers()
        if body:
            self.send_body(kind, data)
        if promised:
            self.close_connection = True
        return None

    def send_body(self, kind, data):
        try:
            if kind == 'hang':
                time.sleep(8)
            for at in range(0, len(data), 1 << 16):
                self.wfile.write(data[at:at + (1 << 16)])
                if kind == 'slow':
                    time.sleep(0.02)
        except OSError:
            pass


class Ftp(socketserver.StreamRequestHandler):
    """As much of RFC 959 and 3659 as a download with an offset needs."""

    def say(self, text):
        self.wfile.write((text + '\r\n').encode())

    def handle(self):
        off, listener = 0, None
        self.say('220 here')
        for line in self.rfile:
            word, _, rest = line.decode().strip().partition(' ')
            path = os.path.join(WORK, os.path.basename(rest))
            if word == 'SIZE':
                self.say(f'213 {os.path.getsize(path)}' if os.path.exists(path) else '550 none')
            elif word == 'REST':
                off = int(rest)
                self.say('350 then')
            elif word == 'EPSV':
                listener = socket.create_server(('127.0.0.1', 0))
                self.say(f'229 entering (|||{listener.getsockname()[1]}|)')
            elif word == 'PASV':  # what curl falls back to where a connection took it too long
                listener = socket.create_server(('127.0.0.1', 0))
                high, low = divmod(listener.getsockname()[1], 256)
                self.say(f'227 entering (127,0,0,1,{high},{low})')
            elif word == 'RETR':
                self.say('150 now')
                with listener.accept()[0] as out, open(path, 'rb') as f:
                    f.seek(off)
                    try:
                        out.sendall(f.read())
                    except OSError:
                        pass
                listener.close()
                off = 0
                self.say('226 done')
            elif word == 'QUIT':
                self.say('221 bye')
                return
            else:
                self.say({'USER': '331 word?', 'PASS': '230 in', 'PWD': '257 "/"',
                          'TYPE': '200 ok', 'CWD': '250 ok'}.get(word, '500 what'))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args):  # clients leave when they have what they want
        pass


class FtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *args):
        pass


def serve(context=None, plain=0):
    s = Server(('127.0.0.1', 0), Files)
    s.seen, s.plain = [], plain
    if context:
        s.socket = context.wrap_socket(s.socket, server_side=True)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return s


def run(tool, *args, seconds=60):
    p = subprocess.run([tool, *args], cwd=WORK, capture_output=True, timeout=seconds,
                       env={**os.environ, 'no_proxy': '*'})
    return p.returncode, p.stdout.decode(errors='replace'), p.stderr.decode(errors='replace')


def check(what, good, *told):
    global failed
    print(('ok: ' if good else 'not ok: ') + what)
    if not good:
        failed += 1
        for t in told:
            print('    ' + str(t))


def fails(what, words, *args, seconds=60):
    code, out, errs = run(OURS, *args, seconds=seconds)
    check(what, code == 1 and re.search(words, errs), code, out, errs)


def works(what, *args):
    code, out, errs = run(OURS, *args)
    check(what, code == 0, code, out, errs)


def make_images():
    r = random.Random(7)
    with open(os.path.join(WORK, 'd.raw'), 'wb') as f:
        for i in range(48):
            f.write(r.randbytes(65536) if i % 3 else bytes(65536))
        f.write(r.randbytes(1024))
    open(os.path.join(WORK, 'empty.raw'), 'wb').close()
    for args in (['-O', 'qcow2', 'd.raw', 'd.qcow2'], ['-c', '-O', 'qcow2', 'd.raw', 'c.qcow2'],
                 ['-O', 'vmdk', 'd.raw', 'd.vmdk']):
        assert run(THEIRS, 'convert', *args)[0] == 0
    assert run(THEIRS, 'create', '-f', 'qcow2', '-b', 'd.qcow2', '-F', 'qcow2', 'over.qcow2')[0] == 0
    assert run(IO, '-c', 'write -P 9 64k 64k', 'over.qcow2')[0] == 0


def good(base):
    for n in ('d.raw', 'd.qcow2', 'c.qcow2', 'd.vmdk'):
        works(f'convert {n}', 'convert', '-O', 'raw', f'{base}/{n}', 'out.raw')
        works(f'compare {n}', 'compare', 'out.raw', n)
        works(f'compare over the net {n}', 'compare', f'{base}/{n}', n)
    for kind in ('redirect', 'nohead', 'silent', 'slow', 'subset', 'flaky'):
        works(f'server: {kind}', 'compare', f'{base}/{kind}/d.raw', 'd.raw')
    works('a backing image beside it', 'compare', f'{base}/over.qcow2', 'over.qcow2')
    works('an empty file', 'info', f'{base}/empty.raw')
    works('no readahead', 'compare', '--image-opts', f'driver=http,url={base}/d.raw,readahead=0',
          'driver=file,filename=d.raw')
    works('json:', 'info', 'json:{"driver":"qcow2","file":{"driver":"http","readahead":65536,'
          f'"timeout":3,"url":"{base}/d.qcow2"}}}}')
    works('user and password', 'info', '--object', 'secret,id=s,data=the word', '--image-opts',
          f'driver=http,url={base}/auth/d.raw,username=me,password-secret=s')
    works('cookie', 'info', '--image-opts', f'driver=http,url={base}/cookie/d.raw,cookie=key=door')
    works('secret cookie', 'info', '--object', 'secret,id=s,data=key=door', '--image-opts',
          f'driver=http,url={base}/cookie/d.raw,cookie-secret=s')


def bad(base):
    fails('404', r'd\.none.*404 \(Not Found\)', 'info', f'{base}/d.none')
    fails('401', '401', 'info', f'{base}/auth/d.raw')
    fails('no ranges', 'no byte ranges', 'info', f'{base}/whole/d.raw')
    fails('says ranges, has none', 'no byte ranges', 'convert', '-O', 'raw', f'{base}/liar/d.raw',
          'out.raw')
    fails('a cycle', 'edirect', 'info', f'{base}/cycle/d.raw')
    fails('gone after HEAD', '404', 'convert', '-O', 'raw', f'{base}/gone/d.raw', 'out.raw')
    fails('sends too little', r'short/d\.raw: bytes \d+ to \d+:', 'convert', '-O', 'raw',
          f'{base}/short/d.raw', 'out.raw')
    fails('sends too much', 'bytes', 'convert', '-O', 'raw', f'{base}/much/d.raw', 'out.raw')
    fails('other bytes', r'sends bytes 512 to', 'convert', '-O', 'raw', f'{base}/shifted/d.raw',
          'out.raw')
    fails('changed', r'has 3147264 bytes now, and had 3146752', 'convert', '-O', 'raw',
          f'{base}/grown/d.raw', 'out.raw')
    fails('packed on the way', 'encoding', 'info', f'{base}/gzip/d.raw')
    fails('a server that hangs', 'too slow|timed out|imeout', 'convert', '-O', 'raw', '--image-opts',
          f'driver=http,url={base}/hang/d.raw,timeout=1', 'out.raw', seconds=20)
    fails('nobody there', '(?i)connect', 'info', 'http://127.0.0.1:1/x')
    fails('writing', 'reading alone', 'resize', '-f', 'raw', f'{base}/d.raw', '9M')
    fails('odd readahead', 'multiple of 512', 'info', '--image-opts',
          f'driver=http,url={base}/d.raw,readahead=100')
    fails('two cookies', 'both', 'info', '--image-opts',
          f'driver=http,url={base}/d.raw,cookie=a,cookie-secret=b')
    fails('another scheme', 'start with http://', 'info', '--image-opts',
          'driver=http,url=https://127.0.0.1/x')
    fails('not an option', 'readahed', 'info', '--image-opts',
          f'driver=http,url={base}/d.raw,readahed=5')


def like_theirs(base):
    code, _, errs = run(THEIRS, 'info', f'{base}/d.raw')
    if code and 'Unknown protocol' in errs:
        print('skipped: this qemu-img has no curl driver (package qemu-block-extra)')
        return
    for n in ('d.raw', 'd.qcow2', 'c.qcow2', 'd.vmdk', 'over.qcow2', 'empty.raw'):
        for args in (['info'], ['info', '--output=json'], ['map'], ['map', '--output=json'],
                     ['check'], ['compare', n], ['info', '--backing-chain'],
                     ['measure', '-O', 'qcow2']):
            args = [*args, f'{base}/{n}']
            theirs, ours = run(THEIRS, *args), run(OURS, *args)
            same = theirs == ours if theirs[0] == 0 or n == 'd.raw' else theirs[:2] == ours[:2]
            check(f'as qemu-img: {" ".join(args)}', same, theirs, ours)


def readahead(server, base):
    """What is fetched: a byte, and 256 KiB after it; nothing again for what is there."""
    server.seen.clear()
    code, out, errs = run(OUR_IO, '-r', '-f', 'raw', '-c', 'read 1M 4k', '-c', 'read 1028k 4k',
                          '-c', 'read 1200k 4k', '-c', 'read 1028k 4k', f'{base}/d.raw')
    got = [s[2] for s in server.seen if s[0] == 'GET']
    check('readahead', code == 0 and got == ['bytes=1048576-1314815'], out, errs, got)


def tls(plain):
    key, cert = os.path.join(WORK, 'key.pem'), os.path.join(WORK, 'cert.pem')
    if not shutil.which('openssl'):
        print('skipped: no openssl to make a certificate')
        return
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', key, '-out', cert], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = serve(context, plain)
    base = f'https://127.0.0.1:{server.server_port}'
    fails('an unknown certificate', '(?i)certificate', 'info', f'{base}/d.raw')
    for n in ('d.raw', 'c.qcow2'):
        works(f'https {n}', 'compare', '--image-opts',
              f'driver={n[2:]},file.driver=https,file.sslverify=off,file.url={base}/{n}',
              f'driver={n[2:]},file.driver=file,file.filename={n}')
    fails('from TLS to plain', '(?i)protocol', 'info', '--image-opts',
          f'driver=https,sslverify=off,url={base}/downgrade/d.raw')
    server.shutdown()


def ftp():
    server = FtpServer(('127.0.0.1', 0), Ftp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f'ftp://127.0.0.1:{server.server_address[1]}'
    works('ftp', 'compare', f'{base}/d.raw', 'd.raw')
    works('ftp qcow2', 'compare', f'{base}/c.qcow2', 'c.qcow2')
    fails('ftp: no such file', 'd.none', 'info', f'{base}/d.none')
    server.shutdown()


def main():
    make_images()
    server = serve()
    base = f'http://127.0.0.1:{server.server_port}'
    try:
        good(base)
        bad(base)
        readahead(server, base)
        like_theirs(base)
        tls(server.server_port)
        ftp()
    finally:
        server.shutdown()
        shutil.rmtree(WORK)
    print(f'{failed} failed')
    return 1 if failed else 0


sys.exit(main())
