#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of `tinamou img convert`, `commit` and `rebase` and of `tinamou io`, at any moment: what
the images below hold together stays what it was, and what was flushed is there: kill.py BUILD.
KILLS: how many (20)."""
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

TINAMOU = os.path.abspath(sys.argv[1]) + '/tinamou'
MIB = 1 << 20
SIZE = 48 * MIB


def img(*args):
    subprocess.run([TINAMOU, 'img', *args], check=True, stdout=subprocess.DEVNULL)


def check(image, *repair):
    for tool in ([TINAMOU, 'img'], ['qemu-img']):
        if tool[0] == 'qemu-img' and not shutil.which('qemu-img'):
            continue
        r = subprocess.run([*tool, 'check', '-f', 'qcow2', *repair, image],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode not in (0, 3):
            raise AssertionError(f'{tool[0]} check {image}: status {r.returncode}\n{r.stdout}')


def content(image, fmt='qcow2'):
    img('convert', '-f', fmt, '-O', 'raw', image, 'content')
    with open('content', 'rb') as f:
        return f.read()


def image(name, *options, fill, seed):
    """Some of its MiBs are random."""
    r = random.Random(seed)
    with open('raw', 'wb') as f:
        f.truncate(SIZE)
        for i in range(SIZE // MIB):
            if r.random() < fill:
                f.seek(i * MIB)
                f.write(r.randbytes(MIB))
    if '-b' in options:
        img('create', '-q', '-f', 'qcow2', *options, name)
        with open('raw', 'rb') as f:
            commands = []
            for i in range(SIZE // MIB):
                if any(f.read(MIB)):
                    commands += ['-c', f'write -P {1 + r.randrange(255)} {i * MIB} {MIB}']
        subprocess.run([TINAMOU, 'io', '-f', 'qcow2', *commands, name], check=True,
                       stdout=subprocess.DEVNULL)
    else:
        img('convert', '-f', 'raw', '-O', 'qcow2', *options, 'raw', name)


def copies(*names):
    for n in names:
        shutil.copyfile('keep/' + n, n)


class Killed:
    """Runs a command that takes @seconds to the end, up to some moment of them."""

    def __init__(self):
        self.seconds = {}

    def run(self, args):
        key = args[1]
        if key not in self.seconds:
            begin = time.monotonic()
            subprocess.run([TINAMOU, *args], check=True, stdout=subprocess.DEVNULL)
            self.seconds[key] = time.monotonic() - begin
            return True
        child = subprocess.Popen([TINAMOU, *args], stdout=subprocess.DEVNULL)
        time.sleep(random.uniform(0, self.seconds[key] * 1.1))
        child.kill()
        return child.wait() == 0


def same(got, want, what):
    if got != want:
        at = next((i for i in range(len(want)) if got[i:i + 1] != want[i:i + 1]), len(want))
        raise AssertionError(f'{what}: it differs at {at}, sizes {len(got)} and {len(want)}')


def convert(killed, want):
    copies('base.qcow2')
    options = random.choice([[], ['-o', 'lazy_refcounts=on'], ['-c'], ['-W'], ['-t', 'none']])
    done = killed.run(['img', 'convert', '-f', 'qcow2', '-O', 'qcow2', *options, 'base.qcow2',
                       'to.qcow2'])
    same(content('base.qcow2'), want['base'], 'the source of convert')
    if done:
        same(content('to.qcow2'), want['base'], 'what was converted')
    if os.path.exists('to.qcow2') and os.path.getsize('to.qcow2'):
        with open('to.qcow2', 'rb') as f:
            begun = f.read(4) == b'QFI\xfb'
        if begun:  # lazy counts are repaired by who opens it for writing
            if '-o' in options and not done:
                subprocess.run([TINAMOU, 'io', '-f', 'qcow2', '-c', 'read 0 512', 'to.qcow2'],
                               check=True, stdout=subprocess.DEVNULL)
            check('to.qcow2')
    if os.path.exists('to.qcow2'):
        os.unlink('to.qcow2')


def commit(killed, want):
    copies('base.qcow2', 'top.qcow2')
    done = killed.run(['img', 'commit', '-q', '-f', 'qcow2', 'top.qcow2'])
    check('base.qcow2')
    check('top.qcow2')
    same(content('top.qcow2'), want['top'], 'the top of commit')
    img('commit', '-q', '-f', 'qcow2', 'top.qcow2')
    same(content('base.qcow2'), want['top'], 'the base after commit')
    return done


def rebase(killed, want):
    copies('base.qcow2', 'top.qcow2', 'other.qcow2')
    killed.run(['img', 'rebase', '-f', 'qcow2', '-F', 'qcow2', '-b', 'other.qcow2', 'top.qcow2'])
    check('top.qcow2')
    same(content('top.qcow2'), want['top'], 'the top of rebase')
    img('rebase', '-f', 'qcow2', '-F', 'qcow2', '-b', 'other.qcow2', 'top.qcow2')
    same(content('top.qcow2'), want['top'], 'the top after rebase')


def writer(killed, want):
    """Each line is written, flushed, then told of."""
    copies('top.qcow2', 'base.qcow2')
    model = bytearray(want['top'])
    places = [random.randrange(SIZE // 512 - 128) * 512 for _ in range(300)]
    child = subprocess.Popen([TINAMOU, 'io', '-f', 'qcow2', 'top.qcow2'], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    text = ''.join(f'write -P {1 + i % 255} {p} 65536\nflush\nlength\n'
                   for i, p in enumerate(places))
    child.stdin.write(text)
    child.stdin.flush()
    until, done = random.randrange(1, 290), 0
    for line in child.stdout:
        done += line.rstrip().endswith('48 MiB')
        if done >= until:
            break
    child.kill()
    done += sum(line.rstrip().endswith('48 MiB') for line in child.stdout)
    child.wait()
    check('top.qcow2')
    got = content('top.qcow2')
    loose = places[done] if done < len(places) else None  # it may be there or not, or partly
    for i, p in enumerate(places[:done]):
        model[p:p + 65536] = bytes([1 + i % 255]) * 65536
    if loose is not None:
        model[loose:loose + 65536] = got[loose:loose + 65536]
    same(got, bytes(model), f'what was flushed ({done} writes)')


def main():
    kills = int(os.environ.get('KILLS', '20'))
    killed = Killed()
    with tempfile.TemporaryDirectory() as d:
        os.chdir(d)
        os.mkdir('keep')
        os.chdir('keep')
        image('base.qcow2', fill=0.6, seed=1)
        image('other.qcow2', fill=0.6, seed=2)
        image('top.qcow2', '-b', 'base.qcow2', '-F', 'qcow2', fill=0.4, seed=3)
        want = {'base': content('base.qcow2'), 'top': content('top.qcow2')}
        os.chdir(d)
        for n in range(kills):
            (convert, commit, rebase, writer)[n % 4](killed, want)
            print(f'kill {n}', flush=True)


main()
