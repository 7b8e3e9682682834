#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tinamou img` against qemu-img: the same command lines on the same images, and the same output,
messages and exit status to the character. Formats that one of the two lacks are left out, aloud.

usage: img.py BUILD [FORMAT...]
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

THEIRS = shutil.which('qemu-img')
IO = shutil.which('qemu-io')
if not THEIRS or not IO:
    print('SKIP: no qemu-img and qemu-io here to compare with')
    sys.exit(77)
BUILD = os.path.abspath(sys.argv[1])
OURS = os.path.join(BUILD, 'compat', 'qemu-img')
FORMATS = sys.argv[2:] or ['raw', 'qcow2', 'vmdk', 'vdi', 'vhdx', 'vpc', 'qcow', 'parallels', 'luks']
WORK = tempfile.mkdtemp(prefix='img-')
bad = []
good = 0


def run(tool, args, cwd, text=None):
    for _ in range(5):
        p = subprocess.run([tool, *args], cwd=cwd, input=text, capture_output=True, timeout=120)
        # qemu-img's own clock of iterations gives up now and then on a busy machine.
        if b'Unable to get accurate CPU usage' not in p.stderr:
            break
    return p.returncode, p.stdout.decode(errors='replace'), p.stderr.decode(errors='replace')


def plain(text):
    """What the host's allocation, the clock and chance decide is left out."""
    text = re.sub(r'disk size: .*', 'disk size: X', text)
    text = re.sub(r'"actual-size": \d+', '"actual-size": X', text)
    text = re.sub(r'Run completed in [\d.]+', 'Run completed in X', text)
    text = re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'DATE', text)
    text = re.sub(r'"date-n?sec": \d+', '"date": X', text)
    text = re.sub(r'(\(\d+\.\d\d/100%\)\r\s*)+', '(P)', text)
    text = re.sub(r'((master-key-)?iters"?|master key iters): \d+', 'ITERS', text)
    return re.sub(r'("?uuid"?: ).*', r'\1X', text)


def last(text):
    """Of a message in our own words: that it is there."""
    return 'message' if text.strip() else ''


def same(name, args, setup=(), err=True, files=(), formats=None):
    """Run both tools on copies of the same folder; compare what they say and end with, and that the
    images they leave read the same."""
    global good
    folders = []
    for tool in ('a', 'b'):
        folder = os.path.join(WORK, tool)
        shutil.rmtree(folder, ignore_errors=True)
        if setup:
            shutil.copytree(setup, folder)
        else:
            os.mkdir(folder)
        folders.append(folder)
    results = []
    for tool, folder in ((THEIRS, folders[0]), (OURS, folders[1])):
        code, out, errs = run(tool, args, folder)
        out = plain(out)
        if '-r' in args:  # where rebuilt tables go is each tool's own affair
            out = re.sub(r'(?i)image.end.offset"?: \d+', 'END', out)
        results.append((code, out, plain(errs) if err is True else last(errs)))
    if results[0] != results[1]:
        bad.append(name)
        print(f'FAILED {name}: {" ".join(args)}')
        for who, r in zip(('qemu-img', 'ours'), results):
            print(f'  {who}: status {r[0]}')
            for line in (r[1] + r[2]).split('\n'):
                print(f'      {line}')
        return
    for f in files:
        pair = [os.path.join(folder, f) for folder in folders]
        code, out, errs = run(THEIRS, ['compare', *pair], WORK)
        if code:
            bad.append(name)
            print(f'FAILED {name}: {f} differs: {out}{errs}')
            return
        code, out, errs = run(THEIRS, ['check', pair[1]], WORK)
        if code not in (0, 63):
            bad.append(name)
            print(f'FAILED {name}: {f} has faults: {out}{errs}')
            return
    good += 1


def folder_of(fmt):
    """The images that the commands are tried on."""
    where = os.path.join(WORK, 'set-' + fmt)
    os.mkdir(where)

    def img(*args):
        code, out, errs = run(THEIRS, args, where)
        assert not code, (args, out, errs)

    def io(name, f, *commands):
        args = ['-f', f]
        for c in commands:
            args += ['-c', c]
        code, out, errs = run(IO, args + [name], where)
        assert not code, (commands, out, errs)

    img('create', '-f', 'raw', 'base.raw', '8M')
    io('base.raw', 'raw', 'write -P 17 0 1M', 'write -P 18 3M 100k', 'write -P 19 8191k 1k')
    img('create', '-f', fmt, 'empty.img', '10M')
    img('convert', '-O', fmt, 'base.raw', 'disk.img')
    img('convert', '-O', 'raw', 'disk.img', 'copy.raw')
    io('copy.raw', 'raw', 'write -P 20 2M 64k')
    img('convert', '-O', fmt, 'copy.raw', 'other.img')
    if fmt == 'qcow2':
        img('create', '-f', fmt, '-b', 'base.raw', '-F', 'raw', 'over.img')
        io('over.img', fmt, 'write -P 33 64k 64k', 'write -z 192k 64k', 'write -P 34 7M 4k')
        img('create', '-f', fmt, '-b', 'over.img', '-F', fmt, 'top.img', '12M')
        io('top.img', fmt, 'write -P 35 128k 64k', 'discard 1M 64k')
        img('convert', '-c', '-O', fmt, 'base.raw', 'packed.img')
        img('create', '-f', fmt, '-o', 'compat=0.10', 'old.img', '5M')
        img('create', '-f', fmt, '-o', 'cluster_size=4k,lazy_refcounts=on,refcount_bits=1',
            'small.img', '5M')
        shutil.copy(os.path.join(where, 'disk.img'), os.path.join(where, 'snap.img'))
        img('snapshot', '-c', 'first', 'snap.img')
        io('snap.img', fmt, 'write -P 40 0 64k')
        img('snapshot', '-c', 'averyveryverylongnameofone', 'snap.img')
        img('create', '-f', fmt, 'bits.img', '4M')
        img('bitmap', '--add', 'bits.img', 'b0')
        io('bits.img', fmt, 'write 0 1M')
        img('bitmap', '--add', '-g', '32k', '--disable', 'bits.img', 'b1')
    return where


def corrupt(path, kind):
    """Damage tables of a small qcow2 image with clusters of 64 KiB."""
    with open(path, 'rb') as f:
        b = bytearray(f.read())
    table, = struct.unpack_from('>Q', b, 48)
    l1, = struct.unpack_from('>Q', b, 40)
    block, = struct.unpack_from('>Q', b, table)
    l2 = struct.unpack_from('>Q', b, l1)[0] & 0x00fffffffffffe00
    if kind == 'leak':
        n = (len(b) + 65535) // 65536
        b += bytes((n + 1) * 65536 - len(b))
        struct.pack_into('>H', b, block + 2 * n, 1)
    elif kind == 'count':
        d = struct.unpack_from('>Q', b, l2)[0] & 0x00fffffffffffe00
        struct.pack_into('>H', b, block + 2 * (d >> 16), 0)
    elif kind == 'align':
        struct.pack_into('>Q', b, l2 + 8, struct.unpack_from('>Q', b, l2 + 8)[0] + 512)
    elif kind == 'flag':
        struct.pack_into('>Q', b, l2 + 16, struct.unpack_from('>Q', b, l2 + 16)[0] & ~(1 << 63))
    elif kind == 'dirty':
        b[79] |= 1
    with open(path, 'wb') as f:
        f.write(b)


def usage():
    """What needs no format but raw."""
    where = os.path.join(WORK, 'set-usage')
    os.mkdir(where)
    run(THEIRS, ['create', '-f', 'raw', 'a.raw', '1M'], where)
    for line in ('', 'bogus', 'info', 'info -x', 'info -f', 'info --bogus a', 'info a b',
                 'info --output=xml a.raw', 'create', 'create -f raw x 1Z', 'create -f raw x abc',
                 'create -f raw x 1M 2M', 'create -f bogus x 1M', 'create -f raw x',
                 'create -f raw x 10E', 'create -f raw -b a.raw -F raw x',
                 'create -f raw -o foo=1 x 1M', 'create -f raw -o size=abc x',
                 'create -f raw -o size=1M x 2M', 'convert a.raw', 'convert -O bogus a.raw z',
                 'convert -m 0 a.raw x', 'convert -m 17 a.raw x', 'convert -S abc a.raw x',
                 'convert -S 3 a.raw x', 'convert -t bogus a.raw x', 'convert -T bogus a.raw x',
                 'convert -c -O raw a.raw x', 'convert -C -c -O qcow2 a.raw x',
                 'convert --target-is-zero a.raw x',
                 'convert --target-image-opts a.raw driver=raw,file.filename=x',
                 'convert -n -o foo a.raw x', 'convert -r abc a.raw x', 'convert -o foo=1 a.raw x',
                 'resize a.raw', 'resize -f raw a.raw', 'resize -f raw a.raw 1M 2M',
                 'resize -f raw a.raw abc', 'resize -f raw a.raw -5M', 'resize -f raw a.raw -1k',
                 'resize -f raw --preallocation=bogus a.raw 5M', 'compare a.raw', 'compare a b c',
                 'snapshot -c a -d b a.raw', 'rebase a.raw', 'rebase -u -b x -F bogus a.raw',
                 'commit -r abc a.raw', 'commit a b', 'commit -f raw a.raw',
                 'map --start-offset=1Z a.raw', 'map a b', 'map --output=xml a.raw',
                 'dd if=a.raw', 'dd of=x', 'dd foo=a.raw', 'dd bar', 'dd if=a.raw of=x bs=0',
                 'dd if=a.raw of=x bs=abc', 'dd if=a.raw of=x count=abc', 'measure',
                 'measure --size abc', 'measure --size 1M a.raw', 'measure --size 1M -O bogus',
                 'measure -f raw --size 1M', 'measure --size 3 -O raw', 'measure --output=foo',
                 'measure --size 1M -O file', 'check', 'check -r foo a.raw', 'check -f raw a.raw',
                 'check --output=json -f raw a.raw', 'amend a.raw', 'amend -f raw -o size=1M a.raw',
                 'bench', 'bench -c abc a.raw', 'bench -f raw -t bogus a.raw', 'bench -i bogus a.raw',
                 'bench -f raw -w --flush-interval=5 a.raw', 'bench -f raw --flush-interval=5 a.raw',
                 'bench -c 10 -f raw -s 1k -S 8k -d 3 a.raw', 'bench -c 10 -w -q a.raw',
                 'bench -c 100 -f raw -w --flush-interval=64 -d 8 --pattern=3 a.raw'):
        same('usage', line.split(), setup=where)
    for line in ('info nonexist', 'info -f bogus a.raw', 'compare nonexist a.raw',
                 'compare a.raw nonexist', 'check nonexist', 'convert nonexist x', 'map nonexist',
                 'create -f raw nodir/x 1M', 'create -f raw -o , x 1M', 'convert a.raw nodir/x', 'rebase -f raw -b x a.raw',
                 'snapshot -c a -f raw a.raw', 'snapshot -d a -f raw a.raw', 'commit nonexist',
                 'resize -f raw --shrink a.raw -- -500M', 'dd if=nonexist of=x'):
        same('errors', line.split(), setup=where, err=False)


def images(fmt):
    where = folder_of(fmt)
    names = sorted(n for n in os.listdir(where) if n.endswith('.img')) + ['base.raw']
    for n in names:
        for out in ('human', 'json'):
            for command in (['info'], ['info', '--backing-chain'], ['map'], ['check'],
                            ['map', '--start-offset=32k', '--max-length=3M']):
                same(f'{fmt} {command[0]} {n}', [*command, '--output=' + out, n], setup=where)
            for target in ('raw', 'qcow2'):
                same(f'{fmt} measure {n}', ['measure', '--output=' + out, '-O', target, n],
                     setup=where)
        same(f'{fmt} compare {n}', ['compare', 'base.raw', n], setup=where)
        same(f'{fmt} compare {n}', ['compare', '-s', n, 'base.raw'], setup=where)
        same(f'{fmt} compare {n}', ['compare', '-p', n, n], setup=where)
        same(f'{fmt} snapshot -l {n}', ['snapshot', '-l', n], setup=where)
        same(f'{fmt} convert {n}', ['convert', '-O', 'raw', n, 'out.raw'], setup=where,
             files=['out.raw'])
    for line in ('convert -f raw -O {f} base.raw out.img', 'convert -p -O {f} disk.img out.img',
                 'convert -O {f} disk.img other.img out.img', 'convert -n -O {f} base.raw other.img',
                 'convert -W -m 16 -O {f} other.img out.img', 'convert -S 0 -O {f} disk.img out.img',
                 'convert -S 64k -O {f} disk.img out.img', 'convert -C -O {f} disk.img out.img',
                 'create -f {f} out.img 20M', 'create -q -f {f} out.img 1G',
                 'create -f {f} out.img 65k', 'dd -O {f} if=disk.img of=out.img bs=64k count=5',
                 'bench -c 200 -d 7 -f {f} disk.img'):
        same(f'{fmt} {line}', line.format(f=fmt).split(), setup=where,
             files=['out.img'] if 'out.img' in line else [])
    same(f'{fmt} help', ['create', '-f', fmt, '-o', 'help', 'x'], setup=where)
    same(f'{fmt} help', ['create', '-f', fmt, '-o', 'help'], setup=where)
    same(f'{fmt} help', ['amend', '-f', fmt, '-o', 'help'], setup=where)
    for line in ('resize -f {f} disk.img +5M', 'resize -f {f} disk.img 9M',
                 'resize -q -f {f} empty.img 12M', 'resize -f {f} disk.img 7M'):
        same(f'{fmt} {line}', line.format(f=fmt).split(), setup=where,
             files=[line.split()[-2]], err=fmt in ('raw', 'qcow2'))
    if fmt == 'qcow2':
        qcow2(where)


def qcow2(where):
    for line, files in (
            ('convert -c -O qcow2 base.raw out.img', 'out.img'),
            ('convert -c -o compression_type=zstd -O qcow2 base.raw out.img', 'out.img'),
            ('convert -O qcow2 top.img out.img', 'out.img'),
            ('convert -O qcow2 -B over.img -F qcow2 top.img out.img', 'out.img'),
            ('convert -O qcow2 -o backing_file=over.img,backing_fmt=qcow2 top.img out.img',
             'out.img'),
            ('convert -B base.raw -O qcow2 base.raw x', ''),
            ('convert -l first -O qcow2 snap.img out.img', 'out.img'),
            ('convert -l snapshot.name=first -O raw snap.img out.img', 'out.img'),
            ('create -f qcow2 -b base.raw -F raw out.img', 'out.img'),
            ('create -f qcow2 -o cluster_size=3 out.img 1M', None),
            ('create -f qcow2 -o preallocation=metadata out.img 4M', 'out.img'),
            ('create -f qcow2 -o preallocation=full out.img 4M', 'out.img'),
            ('create -f qcow2 -o cluster_size=2M,extended_l2=on out.img 40M', 'out.img'),
            ('create -f qcow2 -o data_file=d.raw,data_file_raw=on out.img 1M', None),
            ('create -f qcow2 -u -b nonexist -F qcow2 out.img 1M', ''),
            ('create -f qcow2 -F qcow2 out.img 1M', ''),
            ('create -f qcow2 -o lazy_refcounts=foo out.img 1M', ''),
            ('create -f qcow2 -o refcount_bits=foo out.img 1M', ''),
            ('create -f qcow2 -b out.img -F raw out.img', ''),
            ('rebase -b base.raw -F raw top.img', 'top.img'),
            ('rebase -u -b base.raw -F raw top.img', 'top.img'),
            ('rebase -p -b  top.img', None),
            ('rebase -u -b nonexist top.img', ''),
            ('commit top.img', 'over.img'),
            ('commit -d -p top.img', 'over.img'),
            ('commit -b base.raw top.img', 'base.raw'),
            ('commit -b nonexist top.img', ''),
            ('snapshot -c new snap.img', 'snap.img'),
            ('snapshot -a first snap.img', 'snap.img'),
            ('snapshot -d first snap.img', 'snap.img'),
            ('snapshot -d nonexist snap.img', None),
            ('amend -o compat=0.10 disk.img', 'disk.img'),
            ('amend -o compat=1.1,lazy_refcounts=on old.img', 'old.img'),
            ('amend -o refcount_bits=8 disk.img', 'disk.img'),
            ('amend -o cluster_size=4k disk.img', ''),
            ('amend -o backing_file=x disk.img', None),
            ('resize --shrink disk.img 4M', 'disk.img'),
            ('resize --preallocation=metadata disk.img 16M', 'disk.img'),
            ('measure -O qcow2 -l first snap.img', ''),
            ('convert --bitmaps -O qcow2 bits.img out.img', 'out.img'),
            ('convert --bitmaps -O raw bits.img out.img', ''),
            ('convert --bitmaps -O qcow2 base.raw out.img', ''),
            ('bitmap --add --merge b0 bits.img b2', 'bits.img'),
            ('bitmap --add bits.img b0', ''),
            ('bitmap --disable --clear bits.img b0', 'bits.img'),
            ('bitmap --remove bits.img b1', 'bits.img'),
            ('bitmap --remove bits.img none', ''),
            ('bitmap --merge none bits.img b0', ''),
            ('bitmap --add -g 3 bits.img b3', None),
            ('bitmap -g 32k --disable bits.img b0', ''),
            ('bitmap -b bits.img --disable bits.img b1', ''),
            ('bitmap bits.img', ''),
            ('bitmap --add bits.img', ''),
            ('measure -O qcow2 --size 1T', ''),
            ('measure -O qcow2 -o cluster_size=4k,refcount_bits=64 --size 1G', ''),
            ('measure -O qcow2 -o preallocation=full --size 1G', '')):
        args = [a for a in line.split(' ')]
        same(f'qcow2 {line}', args, setup=where, files=[files] if files else [],
             err=files is not None)
    for kinds in (['leak'], ['leak', 'leak'], ['count'], ['align'], ['flag'], ['dirty'],
                  ['count', 'leak', 'flag']):
        for k in kinds:
            corrupt(os.path.join(where, 'disk.img'), k)
        for args in (['check'], ['check', '--output=json'], ['check', '-q'],
                     ['check', '-r', 'leaks'], ['check', '-r', 'all']):
            same(f'qcow2 {" ".join(args)} of {"+".join(kinds)}', [*args, 'disk.img'], setup=where,
                 err='-r' not in args)
        run(THEIRS, ['convert', '-O', 'qcow2', 'base.raw', 'disk.img'], where)


def luks():
    """Keys of encrypted images: luks, and qcow2 with it."""
    where = os.path.join(WORK, 'set-luks')
    os.mkdir(where)
    keys = ['--object', 'secret,id=s0,data=abc', '--object', 'secret,id=s1,data=def']
    quick = ('key-secret=s0,iter-time=10', 'encrypt.format=luks,encrypt.key-secret=s0,'
             'encrypt.iter-time=10')
    run(THEIRS, ['create', '-q', '-f', 'raw', 'd.raw', '1M'], where)
    run(IO, ['-f', 'raw', '-c', 'write -P 5 100k 200k', 'd.raw'], where)
    for tool, name in ((THEIRS, 'theirs'), (OURS, 'ours')):
        for fmt, o in (('luks', quick[0]), ('qcow2', quick[1])):
            code, _, errs = run(tool, ['convert', *keys, '-O', fmt, '-o', o, 'd.raw',
                                       f'{name}.{fmt}'], where)
            check(f'{name}: convert to {fmt}', not code, errs)
    for name in ('theirs', 'ours'):
        lk = f'driver=luks,key-secret=%s,file.filename={name}.luks'
        qk = f'driver=qcow2,encrypt.key-secret=%s,file.filename={name}.qcow2'
        for n in (f'{name}.luks', f'{name}.qcow2'):
            for args in (['info'], ['info', '--output=json'], ['measure', '-O', 'raw']):
                same(f'luks {args[0]} {n}', [*args, n], setup=where, err=False)
        for o in (lk % 's0', qk % 's0'):
            same('luks compare', ['compare', *keys, '--image-opts', o,
                                  'driver=raw,file.filename=d.raw'], setup=where)
            same('luks convert', ['convert', *keys, '--image-opts', o, '-O', 'raw', 'o.raw'],
                 setup=where, files=['o.raw'])
            same('luks map', ['map', *keys, '--image-opts', o], setup=where)
            same('luks check', ['check', *keys, '--image-opts', o], setup=where)
            same('luks no key', ['compare', *keys, '--image-opts', o.replace('s0', 's1'), o],
                 setup=where, err=False)
        for prefix, o in (('', lk), ('encrypt.', qk)):
            amend_keys(where, keys, prefix, o)
    same('luks help', ['amend', '-f', 'luks', '-o', 'help'], setup=where)
    same('luks help', ['create', '-f', 'luks', '-o', 'help'], setup=where)
    same('luks no secret', ['create', '-f', 'luks', 'x', '1M'], setup=where)
    same('luks no secret', ['create', '-f', 'luks', '-o', 'key-secret=none', 'x', '1M'], setup=where)
    same('luks measure', ['measure', *keys, '-O', 'luks', '-o', 'key-secret=s0', '--size', '10M'],
         setup=where)


def amend_keys(where, keys, prefix, o):
    """Slots of keys taken and left, as scripts do it, and what is refused."""
    folder = os.path.join(WORK, 'set-keys')
    for what, key, err in (
            ('state=active,new-secret=s1,iter-time=10', 's0', True),
            ('state=inactive,old-secret=s0', 's0', True),
            ('state=inactive,old-secret=s1', 's1', True),
            ('state=inactive,keyslot=1', 's1', True),
            ('state=active,new-secret=s0,keyslot=5,iter-time=10', 's1', True),
            ('state=active,new-secret=s0,keyslot=5,iter-time=10', 's1', True),
            ('state=active,new-secret=s0,keyslot=8', 's1', True),
            ('state=active', 's1', True), ('new-secret=s0', 's1', True),
            ('state=inactive', 's1', True), ('state=bogus', 's1', True),
            ('state=inactive,keyslot=7', 's1', True),
            ('state=inactive,old-secret=none', 's1', True),
            ('state=inactive,keyslot=5,new-secret=s0', 's1', True),
            ('state=inactive,keyslot=5', 's0', True)):
        options = ','.join(prefix + w for w in what.split(','))
        args = ['amend', *keys, '--image-opts', o % key, '-o', options]
        same(f'luks amend {what}', args, setup=where, err=err)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(os.path.join(WORK, 'b'), folder)  # go on with what ours left
        shutil.rmtree(where)
        shutil.copytree(folder, where)
        for k in ('s0', 's1'):
            same(f'luks: {k} after {what}', ['compare', *keys, '--image-opts', o % k,
                                             'driver=raw,file.filename=d.raw'], setup=where,
                 err=False)


def check(name, fine, *told):
    global good
    if fine:
        good += 1
    else:
        bad.append(name)
        print(f'FAILED {name}:', *told)


def holes():
    """Images whose data are holes of their file: both tools on the same ones, since copies have none."""
    global good
    where = os.path.join(WORK, 'holes')
    os.mkdir(where)
    for fmt, options in (('qcow2', 'preallocation=metadata'),
                         ('qcow2', 'preallocation=metadata,extended_l2=on'),
                         ('vmdk', 'subformat=monolithicFlat'), ('vdi', 'static=on'),
                         ('vpc', 'subformat=fixed,force_size=on')):
        name = f'{fmt}{good}.img'
        run(THEIRS, ['create', '-f', fmt, '-o', options, name, '16M'], where)
        run(IO, ['-f', fmt, '-c', 'write -P 5 1M 64k', '-c', 'write 3M 4k', name], where)
        for args in (['map'], ['map', '--output=json'], ['measure', '-O', 'qcow2'],
                     ['measure', '-O', 'raw'], ['compare', '-s', name]):
            pair = [run(tool, [*args, *(['-f', fmt] if args[0] != 'compare' else []), name], where)
                    for tool in (THEIRS, OURS)]
            if pair[0] != pair[1]:
                bad.append(name)
                print(f'FAILED holes {fmt} {options} {args}:\n  {pair[0]}\n  {pair[1]}')
            else:
                good += 1


def main():
    usage()
    holes()
    have = re.search(r'^Supported formats: (.*)$', run(OURS, ['--help'], WORK)[1], re.M)
    have = have.group(1).split() if have else []
    for fmt in FORMATS:
        if fmt not in have:
            print(f'SKIP {fmt}: not here')
        elif fmt == 'luks':
            luks()
        else:
            images(fmt)
    shutil.rmtree(WORK)
    print(f'{good} the same, {len(bad)} not')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
