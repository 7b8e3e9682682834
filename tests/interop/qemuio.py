#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tinamou io` against qemu-io: the same commands on the same images, and the same output (but for
times), exit status and images after: qemuio.py BUILD.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

THEIRS = shutil.which('qemu-io')
IMG = shutil.which('qemu-img')
if not THEIRS or not IMG:
    print('SKIP: no qemu-io and qemu-img here to compare with')
    sys.exit(77)
BUILD = os.path.abspath(sys.argv[1])
OURS = os.path.join(BUILD, 'compat', 'qemu-io')
WORK = tempfile.mkdtemp(prefix='io-', dir='/var/tmp')
KEY = ['--object', 'secret,id=s0,data=abc']
bad = 0
good = 0


def plain(text):
    """Without times and rates."""
    text = re.sub(r'; [\d.:]+ (sec )?\(.*? ops/sec\)', '; X', text)
    text = re.sub(r'(?m)^(\d+,\d+),[\d:.]+,[\d.]+,[\d.]+$', r'\1,X', text)
    return text


def run(tool, args, cwd, text=None):
    p = subprocess.run([tool, *args], cwd=cwd, input=text, capture_output=True, timeout=60)
    return p.returncode, plain(p.stdout.decode(errors='replace')), p.stderr.decode(errors='replace')


def same(name, args, commands, setup, images=(), text=None, err=True):
    """@images: (options or name, of the image after) that must read the same."""
    global bad, good
    results, folders = [], []
    args = args[:1] + sum((['-c', c] for c in commands), []) + args[1:]
    for tool, who in ((THEIRS, 'a'), (OURS, 'b')):
        folder = os.path.join(WORK, who)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(setup, folder)
        code, out, errs = run(tool, [a for a in args if a], folder, text)
        results.append((code, out, err and bool(errs)))
        folders.append(folder)
    fine = results[0] == results[1]
    for image in images:
        shutil.copy(os.path.join(folders[0], image), os.path.join(WORK, 'theirs.img'))
        p = subprocess.run([IMG, 'compare', os.path.join(WORK, 'theirs.img'),
                            os.path.join(folders[1], image)], capture_output=True)
        if p.returncode:
            fine = False
            results.append(p.stdout.decode())
    good += fine
    if not fine:
        bad += 1
        print(f'FAILED {name}: {commands}')
        for who, r in zip(('qemu-io', 'ours', '', ''), results):
            print(f'--- {who}: {r[0] if isinstance(r, tuple) else r}')
            if isinstance(r, tuple):
                print(r[1], r[2])


LISTS = (
    ['read 0 4k', 'write -P 7 0 4k', 'read -P 7 0 4k', 'read -P 8 0 4k', 'read -v 0 40'],
    ['write -P 7 513 70001', 'read -P 7 513 70001', 'read -P 7 -s 1 -l 5 512 10', 'read -q 0 512'],
    ['write -z 0 64k', 'write -z -u 64k 64k', 'write -u 0 512', 'write -n 0 512', 'map'],
    ['write -z -n 0 64k', 'read -P 0 0 64k', 'write -z -P 5 0 512', 'write -b -z 0 512'],
    ['write -C 0 1k', 'read -C 0 1k', 'discard -C 0 64k', 'write -f 0 1k', 'write -f -c 0 64k'],
    ['discard 0 64k', 'discard -q 0 64k', 'discard 0', 'discard 0 64k 5', 'read -P 0 0 64k'],
    ['readv 0 1k 2k 3k', 'writev -P 5 0 512 1k', 'readv -P 5 0 512 1k', 'readv -v 0 16 16',
     'writev 0', 'readv', 'writev -f -q 0 512'],
    ['aio_write -P 3 0 4k', 'aio_flush', 'aio_read -P 3 0 4k', 'aio_flush', 'aio_read -v 0 20',
     'aio_flush', 'aio_write -z 0 64k', 'aio_flush', 'aio_write -z -u 0 64k', 'aio_flush',
     'aio_write -u 0 512', 'aio_read -i 0 512', 'aio_write -i 0 512', 'aio_write -f 0 512',
     'aio_flush', 'aio_read -P 9 0 512', 'aio_flush'],
    ['alloc 0 1M', 'a 0', 'alloc 64k', 'map', 'length', 'l', 'flush', 'f'],
    ['truncate 3M', 'length', 'truncate 5M', 'length', 'read -P 0 4M 1M', 'truncate', 'truncate x'],
    ['truncate -m falloc 6M', 'truncate -m bogus 6M', 'length'],
    ['read 100M 512', 'write 100M 512', 'read 4095k 2k', 'write 4095k 2k', 'write -z 4095k 2k'],
    ['read', 'read 0', 'read 0 1k 5', 'read x 5', 'read 0 y', 'read -P 256 0 1k', 'read -P x 0 1k',
     'read -s 1 0 1k', 'read -l 1 0 1k', 'read -P 0 -s 2k 0 1k', 'read -P 0 -l 2k 0 1k'],
    ['write -P 300 0 1k', 'write -P 0xff 0 1k', 'read -P 0xff 0 1k', 'write -P 010 0 1k'],
    ['bogus', 'sleep 1', 'sleep x', 'sleep', 'sigraise 0', 'help bogus'],
    ['read 0x200 0x400', 'read 1k 1K', 'read 0.5k 512', 'read 1MB 1', 'read -1 512', 'read 0 -5',
     'read 0 3G', 'write 0 3G'],
    ['write -s pattern 0 4k', 'read -v 0 48', 'write -s nofile 0 4k', 'write -s empty 0 4k'],
    ['reopen -r', 'write 0 512', 'reopen -w', 'write 0 512', 'reopen -r -w', 'reopen -c none',
     'write 0 512', 'reopen -c writeback', 'read 0 512'],
    ['close', 'read 0 512', 'length'],
    ['break write_aio A', 'resume A', 'remove_break A'],
    ['write 0 512', 'q', 'read 0 512'], ['write 0 512', 'q x', 'read 0 512'],
    *([c] for c in (
        'read 1.5 16', 'read 1.5k 16', 'read 5. 16', 'read +5 16', 'read 1B 16',
        'read 1kb 16', 'read 0x1.8 16', 'read 1.5b 16', 'read 18446744073709551616 16',
        'read 8E 16', 'read 7E 16', 'write -P 08 0 16', 'write -P 0b1 0 16', 'write -P 1k 0 16',
        'sleep 010', 'sleep -1', 'sleep 1x', 'sigraise x', 'sigraise -1', 'sigraise 100',
        'alloc x', 'alloc 0 x', 'alloc 5M', 'alloc 0 5M', 'alloc 3M 5M', 'truncate -1',
        'truncate 4M x', 'write -z 0 3G', 'write -z -n 0 3G', 'discard 0 3G', 'discard 5M 1',
        'writev 0 3G', 'readv 0 1G 1G', 'aio_read 0 3G', 'aio_write 0 3G', 'aio_write -z 0 3G',
        'write -c -z 0 64k', 'write -b -z 0 512', 'write -b -f 0 512', 'write -s', 'read -x 0 512',
        'read -P', 'map x', 'map x y', 'reopen -r -w', 'reopen -r -r', 'reopen -c bogus',
        'reopen x', 'length x', 'info x', 'aio_write 0', 'aio_read', 'aio_read -i',
        'aio_read -P 5 0', 'writev 0 0', 'read 0 0', 'write 0 0', 'write -z 0 0', 'discard 0 0',
        'flush x', 'wait_break', 'resume', 'reopen -o foo=bar', 'writez 0 512', 'abort')),
    ['write 0 512', 'quit', 'read 0 512'],
)


def formats():
    for fmt in ('raw', 'qcow2', 'luks'):
        where = os.path.join(WORK, 'set-' + fmt)
        os.mkdir(where)
        o = ['-o', 'key-secret=s0,iter-time=10'] if fmt == 'luks' else []
        # Ours makes it: on a busy machine qemu-img may find no measure for iter-time=.
        subprocess.run([os.path.join(BUILD, 'compat', 'qemu-img'), 'create', *(KEY if o else []),
                        '-q', '-f', fmt, *o, os.path.join(where, 'd.img'), '4M'], check=True)
        with open(os.path.join(where, 'pattern'), 'wb') as f:
            f.write(b'0123456789abc')
        open(os.path.join(where, 'empty'), 'wb').close()
        image = ['d.img'] if fmt != 'luks' else []
        for commands in LISTS:
            if fmt == 'luks':
                args = ['', *KEY, '--image-opts', 'driver=luks,key-secret=s0,file.filename=d.img']
            else:
                args = ['', '-f', fmt, 'd.img']
            same(fmt, args, commands, where, images=image)
        for more in (['-r'], ['-n'], ['-t', 'writeback'], ['-t', 'bogus'], ['-d', 'ignore'],
                     ['-d', 'bogus'], ['-i', 'threads'], ['-i', 'bogus'], ['-n', '-k'], ['-s'],
                     ['-U'], ['-C'], ['-m']):
            args = args[:1] + more + args[1:]
            same(f'{fmt} {more}', args, ['write -P 5 0 4k', 'discard 64k 64k', 'read 0 4k'], where,
                 images=image)
            args = args[:1] + args[1 + len(more):]
        lines = 'write -P 5 0 4k\nread -P 5 0 4k\n\n  length \nbogus\nquit\n'
        same(f'{fmt} stdin', args, [], where, images=image, text=lines.encode())


def opened():
    where = os.path.join(WORK, 'set-qcow2')
    for commands in (
            ['open d.img', 'length', 'close', 'open -r d.img', 'write 0 512', 'close'],
            ['open -o driver=qcow2 d.img', 'write -P 5 0 512', 'open d.img'],
            ['open', 'open -o driver=qcow2,file.filename=d.img', 'length', 'read 0 512'],
            ['open nofile'], ['length'], ['open -s d.img', 'write -P 9 0 512', 'read -P 9 0 512'],
            ['open -U d.img'], ['open -U -r d.img', 'read 0 512'],
            ['open -s -r d.img', 'write 0 512'],
            ['open -n d.img', 'read 0 512'], ['open -t bogus d.img'], ['open -d bogus d.img'],
            ['open -o driver=raw,read-only=on d.img', 'write 0 512'],
            ['open -o driver=qcow2 d.img', 'write -b 0 4k', 'read -b 0 4k', 'write -c 64k 64k',
             'read 64k 64k', 'write -c 0 64k', 'map', 'info', 'i'],
            ['reopen', 'open d.img', 'reopen -o lazy-refcounts=on', 'reopen -o bogus=1',
             'reopen -o driver=raw']):
        same('open', [''], commands, where, images=['d.img'])


def debug():
    """Rules and breakpoints of blkdebug."""
    where = os.path.join(WORK, 'set-qcow2')
    shutil.copy(os.path.join(WORK, 'set-raw', 'd.img'), os.path.join(where, 'd.raw'))
    with open(os.path.join(where, 'rules'), 'w', encoding='ascii') as f:
        f.write('[inject-error]\nevent = "read_aio"\nerrno = "22"\nonce = "on"\n# more\n'
                '[set-state]\nevent = "write_aio"\nstate = "1"\nnew_state = "2"\n\n'
                '[inject-error]\nevent = "write_aio"\nstate = "2"\n')
    raw, qcow2 = 'driver=raw,file.driver=blkdebug,file.image.filename=d.raw', \
        'driver=qcow2,file.driver=blkdebug,file.image.filename=d.img'
    rw = ['read 0 512', 'write 0 512', 'read 0 512', 'write -z 0 4k', 'discard 0 4k', 'write 0 512']
    hold = ['aio_write 0 64k', 'wait_break A', 'aio_write 64k 512', 'sleep 50', 'resume A',
            'aio_flush', 'read 0 1k']
    for rules, commands in (
            ('inject-error.0.event=write_aio', rw),
            ('inject-error.0.event=write_aio,inject-error.0.once=on', rw),
            ('inject-error.0.event=write_aio,inject-error.0.iotype=flush,inject-error.0.errno=28',
             ['write 0 512', 'read 0 512']),
            ('inject-error.0.event=none,inject-error.0.iotype=read', rw),
            ('inject-error.0.event=none,inject-error.0.iotype=write-zeroes', rw),
            ('inject-error.0.event=none,inject-error.0.sector=4,inject-error.0.iotype=read',
             ['read 0 512', 'read 2k 512', 'read 1k 8k']),
            ('inject-error.0.event=read_aio,inject-error.0.sector=4',
             ['read 0 512', 'read 2k 512', 'read 1k 8k', 'write 2k 512']),
            ('set-state.0.event=read_aio,set-state.0.state=1,set-state.0.new_state=2,'
             'inject-error.0.event=read_aio,inject-error.0.state=2', ['read 0 512'] * 3),
            ('set-state.0.event=read_aio,set-state.0.state=1,set-state.0.new_state=2,'
             'set-state.1.event=read_aio,set-state.1.state=2,set-state.1.new_state=3,'
             'inject-error.0.event=read_aio,inject-error.0.state=3,inject-error.0.once=on',
             ['read 0 512'] * 4),
            ('inject-error.0.event=pwritev,inject-error.0.once=on', rw),
            ('inject-error.0.event=pwritev_zero,inject-error.0.once=on', rw),
            ('inject-error.0.event=bogus', rw), ('inject-error.0.errno=5', rw),
            ('inject-error.0.event=none,inject-error.0.iotype=bogus', rw),
            ('inject-error.0.event=none,inject-error.0.bogus=1', rw),
            ('align=4096', ['write 100 50', 'read 100 50']), ('align=100', rw),
            ('max-transfer=100', rw), ('config=rules', rw), ('config=nofile', rw),
            ('max-transfer=64k,opt-write-zero=64k,max-write-zero=128k,opt-discard=64k,'
             'max-discard=1M', ['write 0 1M', 'write -z 0 1M', 'discard 0 1M', 'read -P 0 0 1M']),
            ('align=512', ['break write_aio A', *hold]),
            ('align=512', ['break write_aio A', *hold[:2], 'remove_break A', 'sleep 50', 'aio_flush',
                           'resume A', 'remove_break B']),
            ('align=512', ['break bogus A', 'resume X', 'remove_break X']),
            ('align=512', ['break read_aio A', 'aio_read 0 512', 'aio_read 512 512', 'sleep 200',
                           'resume A', 'aio_flush']),
            ('align=512', ['break read_aio A', 'remove_break A', 'read 0 512'])):
        options = ','.join('file.' + r for r in rules.split(','))
        # Closing says what could not be flushed, with us.
        same('blkdebug raw', ['', '--image-opts', f'{raw},{options}'], commands, where,
             images=['d.raw'], err=False)
    for rules, commands in (
            ('inject-error.0.event=l2_load,inject-error.0.once=on', ['read 0 512', 'read 0 512']),
            ('inject-error.0.event=write_aio,inject-error.0.once=on', ['write 0 512', 'write 0 512']),
            ('inject-error.0.event=read_aio,inject-error.0.once=on',
             ['read 0 512', 'write -P 5 0 512', 'read 0 512', 'read 0 512']),
            ('inject-error.0.event=l2_update,inject-error.0.once=on', ['write 0 512', 'write 0 512']),
            ('align=512', ['break write_aio A', *hold])):
        options = ','.join('file.' + r for r in rules.split(','))
        same('blkdebug qcow2', ['', '--image-opts', f'{qcow2},{options}'], commands, where, err=False)
    for name in ('blkdebug:rules:d.raw', 'blkdebug::d.raw', 'blkdebug:nofile:d.raw'):
        same(name, ['', '-f', 'raw', name], ['read 0 512', 'read 0 512'], where)


def soak():
    """Random requests: the images read the same, and qemu-img finds no fault."""
    where = os.path.join(WORK, 'set-qcow2')
    for seed in range(3):
        r = random.Random(seed)
        commands = []
        for _ in range(150):
            off, n = r.randrange(4 << 20), r.randint(1, 200000)
            n = min(n, (4 << 20) - off)
            commands.append(r.choice((f'write -P {r.randrange(256)} {off} {n}',
                                      f'write -z {off} {n}', f'write -z -u {off} {n}',
                                      f'discard {off} {n}', f'read {off} {n}', 'flush',
                                      f'aio_write -P {r.randrange(256)} {off} {n}\0aio_flush')))
        commands = '\0'.join(commands).split('\0')
        same(f'soak {seed}', ['', '-f', 'qcow2', 'd.img'], commands, where, images=['d.img'])
        p = subprocess.run([IMG, 'check', os.path.join(WORK, 'b', 'd.img')], capture_output=True)
        if p.returncode:
            print('FAILED check:', p.stdout.decode())
            sys.exit(1)


def main():
    for args in (['-c', 'help'], *(['-c', 'help ' + c] for c in (
            'abort aio_flush aio_read aio_write alloc break close discard flush help info length map '
            'open quit read readv remove_break reopen resume sigraise sleep truncate wait_break '
            'write writev r w').split())):
        a, b = run(THEIRS, args, WORK), run(OURS, args, WORK)
        if ' ' in args[1]:  # what follows the line of arguments is in our own words
            a, b = [(r[0], r[1].split('\n')[0], r[2]) for r in (a, b)]
        global good, bad
        if a == b:
            good += 1
        else:
            bad += 1
            print('FAILED', args)
            print(a[1], b[1], sep='---\n')
    formats()
    opened()
    debug()
    soak()
    shutil.rmtree(WORK)
    print(f'{good} the same, {bad} not')
    return 1 if bad else 0


sys.exit(main())
