# SPDX-License-Identifier: Apache-2.0
"""A machine with a real guest: its console by text, its monitor by QMP."""
import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD, SOURCE = os.environ['BUILD'], os.environ['SOURCE']
TINAMOU = os.environ.get('TINAMOU', BUILD + '/tinamou')
GUEST = BUILD + '/guest'
PROGRAM = [TINAMOU, 'system', 'aarch64']


def need_guest():
    if subprocess.run([SOURCE + '/scripts/fetch-guest.sh', GUEST]).returncode:
        print('skipped: no Debian kernel (network?)')
        sys.exit(77)


def same(got, want, what):
    if got != want:
        raise AssertionError(f'{what}: {got!r}, not {want!r}')


def img(*args):
    subprocess.run([TINAMOU, 'img', *args], check=True, stdout=subprocess.DEVNULL)


def check(image, *options, cwd=None):
    """By both programs; leaks are no corruption: exit status 3."""
    for tool in ([TINAMOU, 'img'], ['qemu-img']):
        try:
            r = subprocess.run([*tool, 'check', *options, image], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, cwd=cwd)
        except FileNotFoundError:
            continue
        if r.returncode not in (0, 3):
            raise AssertionError(f'{tool[0]} check {image}: status {r.returncode}\n{r.stdout}')


def need_ext4():
    if not all(shutil.which(t) for t in ('mkfs.ext4', 'e2fsck', 'debugfs')):
        print('skipped: no mkfs.ext4, e2fsck and debugfs (Debian: e2fsprogs)')
        sys.exit(77)


class Guest:
    def __init__(self, *args, smp=1, cpu='max', mem=256, timeout=60):
        self.dir = tempfile.mkdtemp(prefix='guest')
        path = self.dir + '/qmp'
        self.args = [*PROGRAM, '-nic', 'none', '-M', 'virt', '-cpu', cpu, '-smp', str(smp),
                     '-m', str(mem), '-nographic', '-kernel', GUEST + '/Image', '-initrd',
                     GUEST + '/initrd.gz', '-append', 'console=ttyAMA0', '-qmp',
                     f'unix:{path},server=on,wait=off', *args]
        self.child = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, bufsize=0)
        atexit.register(self.kill)
        self.seen, self.pos, self.timeout, self.events = '', 0, timeout, []
        self.eof = False
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if self.child.poll() is not None or time.monotonic() > end:
                self.fail('it does not start')
            time.sleep(0.01)
        self.sock = socket.socket(socket.AF_UNIX)
        while self.sock.connect_ex(path):  # the name is there before it listens
            if self.child.poll() is not None or time.monotonic() > end:
                self.fail('its monitor does not listen')
            time.sleep(0.01)
        self.buf = b''
        self.message()
        self.qmp('qmp_capabilities')

    def fail(self, why):
        self.pump(0)
        self.kill()
        raise AssertionError(f'{why}; the console ends with:\n{self.seen[-2500:]}')

    def kill(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- the console ----

    def pump(self, wait):
        ready, _, _ = select.select([self.child.stdout], [], [], wait)
        if not ready:
            return True
        data = os.read(self.child.stdout.fileno(), 65536)
        self.eof = not data
        self.seen += data.decode('utf-8', 'replace').replace('\r', '')
        return bool(data)

    def expect(self, text, timeout=None):
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            at = self.seen.find(text, self.pos)
            if at >= 0:
                self.pos = at + len(text)
                return
            for bad in ('Kernel panic', 'Internal error: Oops'):
                if bad in self.seen:
                    self.fail(f'saw {bad!r}')
            if not self.pump(0.2):
                self.fail(f'it ended before {text!r}')
            if time.monotonic() > end:
                self.fail(f'no {text!r}')

    def send(self, line):
        self.child.stdin.write(line.encode() + b'\n')

    def run(self, line, timeout=None):
        """A command of the shell; what it prints."""
        self.send(f'echo be""gin; {line}; echo "end"-of-it')  # the echo of the line is none
        self.expect('\nbegin\n', timeout)
        start = self.pos
        self.expect('end-of-it\n', timeout)
        return self.seen[start:self.pos - len('end-of-it\n')]

    # ---- the monitor ----

    def message(self, timeout=60):
        while b'\n' not in self.buf:
            ready, _, _ = select.select([self.sock], [], [], timeout)
            data = self.sock.recv(65536) if ready else b''
            if not data:
                self.fail('no answer from QMP')
            self.buf += data
        line, self.buf = self.buf.split(b'\n', 1)
        return json.loads(line)

    def ask(self, command, **args):
        args = {k.replace('_', '-'): v for k, v in args.items()}
        self.sock.sendall(json.dumps({'execute': command, 'arguments': args}).encode() + b'\n')
        while True:
            m = self.message()
            if 'event' not in m:
                return m
            self.events.append(m)

    def qmp(self, command, **args):
        m = self.ask(command, **args)
        if 'error' in m:
            self.fail(f'{command}: {m["error"]["desc"]}')
        return m['return']

    def hmp(self, line):
        return self.qmp('human-monitor-command', command_line=line).replace('\r', '')

    def event(self, name, timeout=30):
        """The next one of that name; those before are forgotten."""
        while True:
            while self.events:
                m = self.events.pop(0)
                if m['event'] == name:
                    return m.get('data', {})
            self.events.append(self.message(timeout))

    def quit(self):
        self.ask('quit')
        self.child.wait(timeout=20)
        self.kill()
