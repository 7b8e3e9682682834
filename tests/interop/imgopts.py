#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every option of qemu-img's manual page, right and wrong, by both tools: imgopts.py BUILD.

A line is a command; after @ the images that must read the same, and be without faults, after it.
E: what goes wrong is said in our own words (the exit status and the rest are the same).
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import img

LINES = r'''
amend -o lazy_refcounts=on disk.qcow2 @disk.qcow2
amend -q -p -o lazy_refcounts=on disk.qcow2 @disk.qcow2
amend -p -o compat=0.10 disk.qcow2 @disk.qcow2
amend -o size=8M disk.qcow2 @disk.qcow2
amend -o backing_file=base.raw,backing_fmt=raw disk.qcow2 @disk.qcow2
amend -o encrypt.format=luks disk.qcow2
E amend -o data_file=foo disk.qcow2
E amend -o data_file_raw=on disk.qcow2
E amend -o compat=3 disk.qcow2
E amend -o refcount_bits=3 disk.qcow2
amend -o refcount_bits=16 disk.qcow2 @disk.qcow2
amend -o preallocation=full disk.qcow2
amend -o cluster_size=64k disk.qcow2
amend -o extended_l2=on disk.qcow2
amend -o compression_type=zstd disk.qcow2
amend -o bogus=1 disk.qcow2
amend --force -o compat=1.1 disk.qcow2 @disk.qcow2
amend -f raw -o size=5M base.raw
amend -o help -f raw
amend -o help -f vmdk
amend -o help disk.qcow2
amend -o help
amend --image-opts -o lazy_refcounts=on driver=qcow2,file.filename=disk.qcow2 @disk.qcow2
bench -c 10 -f qcow2 disk.qcow2
bench -c 10 -s 64k -S 128k -o 1M -d 2 -f qcow2 disk.qcow2
bench -c 10 -w --pattern=255 -f raw base.raw @base.raw
E bench -c 10 -w --pattern=256 -f raw base.raw
bench -c 10 -n -t none -f raw base.raw
bench -c 10 -i threads -f raw base.raw
bench -c 10 -i native -t none -f raw base.raw
bench -c 10 -i native -f raw base.raw
bench -c 10 -w --flush-interval=2 --no-drain -d 4 -f raw base.raw
bench -c 10 --no-drain -f raw base.raw
bench -c 10 -o 5M -f raw base.raw
bench -c 10 -s 5M -f raw base.raw
bench -q -c 10 -f raw base.raw
bench -U -c 10 -f raw base.raw
bench --image-opts -c 10 driver=raw,file.filename=base.raw
bench -c 0 -f raw base.raw
bitmap --add disk.qcow2 b @disk.qcow2
bitmap --add --disable -g 128k disk.qcow2 b @disk.qcow2
bitmap --add --enable disk.qcow2 b @disk.qcow2
bitmap --enable bits.qcow2 b1 @bits.qcow2
bitmap --disable bits.qcow2 b0 @bits.qcow2
bitmap --merge t0 -b bitsover.qcow2 bits.qcow2 b0 @bits.qcow2
bitmap --merge t0 -b bitsover.qcow2 -F qcow2 bits.qcow2 b0 @bits.qcow2
bitmap --merge t0 -F qcow2 bits.qcow2 b0
bitmap --remove --add bits.qcow2 b0
bitmap --enable --disable bits.qcow2 b0
bitmap --clear bits.qcow2 b0 @bits.qcow2
E bitmap --add -f raw base.raw b
E bitmap --add base.raw b
bitmap --image-opts --add driver=qcow2,file.filename=bits.qcow2 b9 @bits.qcow2
bitmap --add bits.qcow2 b0
bitmap --add -g 1G disk.qcow2 b
E bitmap --add -g 511 disk.qcow2 b
E bitmap --add -g 4G disk.qcow2 b
bitmap
bitmap --add
check -q disk.qcow2
check -p disk.qcow2
check -U disk.qcow2
check -T none disk.qcow2
check -r leaks disk.qcow2
check --image-opts driver=qcow2,file.filename=disk.qcow2
E check -f qcow2 -U -r all disk.qcow2
check -f raw base.raw
check --output=json base.raw
check --output=json -f raw base.raw
E check --output=json bad.qcow2
E check bad.qcow2
E check -r all bad.qcow2
commit over.qcow2 @disk.qcow2
commit -d over.qcow2 @disk.qcow2,over.qcow2
commit -b disk.qcow2 top.qcow2 @disk.qcow2
commit -b over.qcow2 top.qcow2 @over.qcow2
commit -b top.qcow2 top.qcow2
commit -r 100M -p over.qcow2 @disk.qcow2
commit -q -t none over.qcow2 @disk.qcow2
commit disk.qcow2
commit -b base.raw over.qcow2
commit --image-opts driver=qcow2,file.filename=over.qcow2 @disk.qcow2
compare -s disk.qcow2 base.raw
compare -q disk.qcow2 side.qcow2
compare disk.qcow2 side.qcow2
compare -p -f qcow2 -F raw disk.qcow2 base.raw
compare -f raw -F raw disk.qcow2 base.raw
compare -s -f raw -F raw disk.qcow2 base.raw
compare -T bogus disk.qcow2 base.raw
compare -U disk.qcow2 base.raw
compare --image-opts driver=qcow2,file.filename=disk.qcow2 driver=raw,file.filename=base.raw
compare -a disk.qcow2 base.raw
convert -n -O raw disk.qcow2 base.raw @base.raw
convert -n -O qcow2 disk.qcow2 zero.qcow2 @zero.qcow2
convert -n --target-is-zero -O qcow2 disk.qcow2 zero.qcow2 @zero.qcow2
convert -n -W -m 4 -O raw disk.qcow2 base.raw @base.raw
E convert -n -O raw disk.qcow2 nofile
convert -r 10M -O raw disk.qcow2 out.raw @out.raw
convert -r 0 -O raw disk.qcow2 out.raw
convert -C -O raw base.raw out.raw @out.raw
convert -C -S 4k -O raw base.raw out.raw
convert -S 0 -O raw disk.qcow2 out.raw @out.raw
convert --salvage -O raw bad.qcow2 out.raw
convert -q --salvage -O raw disk.qcow2 out.raw @out.raw
convert -O raw bad.qcow2 out.raw
convert --bitmaps --skip-broken-bitmaps -O qcow2 bits.qcow2 out.qcow2 @out.qcow2
convert --skip-broken-bitmaps -O qcow2 bits.qcow2 out.qcow2
convert --bitmaps -n -O qcow2 bits.qcow2 zero.qcow2 @zero.qcow2
convert --bitmaps -O qcow2 bitsover.qcow2 out.qcow2 @out.qcow2
convert --target-image-opts -n disk.qcow2 driver=qcow2,file.filename=zero.qcow2 @zero.qcow2
convert --target-image-opts disk.qcow2 driver=qcow2,file.filename=zero.qcow2
convert --image-opts driver=qcow2,file.filename=disk.qcow2 out.raw @out.raw
convert --image-opts -f raw driver=qcow2,file.filename=disk.qcow2 out.raw
convert -U -O raw disk.qcow2 out.raw @out.raw
convert -t none -T none -O raw disk.qcow2 out.raw @out.raw
convert -t writethrough -O raw disk.qcow2 out.raw @out.raw
convert -T unsafe -t directsync -O qcow2 disk.qcow2 out.raw
convert -o help -O qcow2 disk.qcow2 out
convert -O qcow2 -o help
convert -O raw -o help disk.qcow2
convert -O qcow2 -o ? disk.qcow2 x
convert -O qcow2 -o cluster_size=4k -o refcount_bits=64 disk.qcow2 out.qcow2 @out.qcow2
convert -O qcow2 -B disk.qcow2 side.qcow2 out.qcow2
convert -O qcow2 -B disk.qcow2 -F qcow2 side.qcow2 out.qcow2 @out.qcow2
convert -n -B disk.qcow2 -F qcow2 -O qcow2 side.qcow2 zero.qcow2
E convert -O qcow2 -o backing_file=nofile,backing_fmt=qcow2 side.qcow2 out.qcow2
convert -O vmdk -o subformat=streamOptimized disk.qcow2 out.vmdk @out.vmdk
convert -c -O vmdk disk.qcow2 out.vmdk
convert -c -O vmdk -o subformat=streamOptimized disk.qcow2 out.vmdk @out.vmdk
convert -O vdi -o static=on disk.qcow2 out.vdi @out.vdi
convert -O vhdx -o subformat=fixed,block_size=8M disk.qcow2 out.vhdx @out.vhdx
convert -O parallels disk.qcow2 out.p @out.p
E convert -O bochs disk.qcow2 out
E convert -l snap disk.qcow2 out.raw
E convert -l snapshot.id=5 disk.qcow2 out.raw
E convert -l snapshot.foo=5 disk.qcow2 out.raw
convert --object secret,id=a,data=b disk.qcow2 out.raw
E convert --object secret,id=a disk.qcow2 out.raw
E convert --object bogus,id=a disk.qcow2 out.raw
E convert --object id=a disk.qcow2 out.raw
create -f qcow2 -o size=5M out.qcow2 @out.qcow2
create -f qcow2 -o size=5M out.qcow2 6M
E create -f qcow2 -b disk.qcow2 out.qcow2
create -f qcow2 -u -b disk.qcow2 out.qcow2
E create -f qcow2 -F qcow2 -b nofile out.qcow2
E create -f qcow2 -F qcow2 -b nofile out.qcow2 5M
create -f qcow2 -o backing_file=disk.qcow2,backing_fmt=qcow2,extended_l2=on out.qcow2 \
  @out.qcow2
create --object secret,id=s,data=abc -f qcow2 -o encrypt.format=aes,encrypt.key-secret=s \
  out.qcow2 1M
create -f qcow2 -o encryption=on out.qcow2 1M
create -f qcow2 -o cluster_size=256 out.qcow2 1M
create -f qcow2 -o cluster_size=4M out.qcow2 1M
create -f qcow2 -o refcount_bits=128 out.qcow2 1M
E create -f qcow2 -o refcount_bits=8,compat=0.10 out.qcow2 1M
E create -f qcow2 -o lazy_refcounts=on,compat=0.10 out.qcow2 1M
create -f qcow2 -o extended_l2=on,cluster_size=4k out.qcow2 1M
E create -f qcow2 -o extended_l2=on,compat=0.10 out.qcow2 1M
E create -f qcow2 -o compression_type=zstd,compat=0.10 out.qcow2 1M
E create -f qcow2 -o compression_type=bogus out.qcow2 1M
E create -f qcow2 -o data_file_raw=on out.qcow2 1M
E create -f qcow2 -o \
  data_file=d.raw,backing_file=disk.qcow2,backing_fmt=qcow2,data_file_raw=on out.qcow2 1M
E create -f qcow2 -o preallocation=bogus out.qcow2 1M
create -f qcow2 -o preallocation=falloc,cluster_size=1M out.qcow2 3M @out.qcow2
create -f qcow2 -o nocow=on out.qcow2 1M
E create -f qcow2 -o compat=bogus out.qcow2 1M
create -f qcow2 -o compat=v3 out.qcow2 1M
create -f qcow2 -o compat=v2 out.qcow2 1M
create -f qcow2 out.qcow2 0 @out.qcow2
create -f qcow2 out.qcow2 3P
create -f raw -o preallocation=full out.raw 1M @out.raw
create -f raw -o preallocation=falloc out.raw 1M @out.raw
E create -f raw -o preallocation=metadata out.raw 1M
create -f raw -o extent_size_hint=1M out.raw 1M
create -f raw out.raw 0
create -f raw -o nocow=bogus out.raw 1M
create -f vmdk -o subformat=monolithicFlat out.vmdk 1M
create -f vmdk -o subformat=twoGbMaxExtentSparse out.vmdk 1M
create -f vmdk -o subformat=twoGbMaxExtentFlat out.vmdk 1M
create -f vmdk -o subformat=streamOptimized out.vmdk 1M
E create -f vmdk -o subformat=bogus out.vmdk 1M
create -f vmdk -o adapter_type=lsilogic,hwversion=10,toolsversion=5 out.vmdk 1M
E create -f vmdk -o adapter_type=bogus out.vmdk 1M
create -f vmdk -o compat6,hwversion=5 out.vmdk 1M
create -f vmdk -o compat6 out.vmdk 1M
create -f vmdk -o zeroed_grain=on out.vmdk 1M
create -f vmdk -o subformat=monolithicFlat,zeroed_grain=on out.vmdk 1M
create -f vmdk -b base.raw -F raw out.vmdk
create -f vdi -o static=on out.vdi 1M
E create -f vdi -o preallocation=metadata out.vdi 1M
create -f vdi -o preallocation=full out.vdi 1M
create -f vdi -b base.raw -F raw out.vdi
create -f vhdx -o log_size=2M,block_size=16M,block_state_zero=off out.vhdx 10M
create -f vhdx -o log_size=3 out.vhdx 10M
create -f vhdx -o block_size=3M out.vhdx 10M
create -f vhdx -o block_size=512M out.vhdx 10M
create -f vhdx -o subformat=bogus out.vhdx 10M
create -f vhdx -o subformat=fixed out.vhdx 10M
create -f vhdx out.vhdx 65T
create -f vpc -o subformat=fixed out.vpc 10M
create -f vpc -o subformat=bogus out.vpc 10M
create -f vpc -o force_size=on out.vpc 10M
E create -f vpc out.vpc 3T
create -f parallels -o cluster_size=2M out.p 10M
create -f luks out.l 10M
create -f bogus -o help x
E create -f bochs x 1M
create -f file out 1M
E create -f host_device out 1M
create -q -f raw out.raw 1M
create -f raw -e out.raw 1M
create -6 out.raw 1M
create out.raw 1M
E create -f qcow2 -o , out.qcow2 1M
create -f qcow2 -o cluster_size out.qcow2 1M
create -f qcow2 -o lazy_refcounts out.qcow2 1M
E create -f qcow2 -b json:{} -F qcow2 out.qcow2
dd -f raw -O raw if=base.raw of=out.raw @out.raw
dd -O qcow2 if=base.raw of=out.qcow2 bs=1M @out.qcow2
dd -f qcow2 -O vmdk if=disk.qcow2 of=out.vmdk bs=1M count=2 @out.vmdk
dd if=base.raw of=out.raw bs=3 count=1 @out.raw
dd if=base.raw of=out.raw bs=1M skip=10 @out.raw
dd -U if=base.raw of=out.raw @out.raw
dd --image-opts if=driver=qcow2,file.filename=disk.qcow2 of=out.raw @out.raw
dd if=base.raw of=out.raw count=0 @out.raw
dd if=base.raw of=out.raw bs=-1
dd if=base.raw if=disk.qcow2 of=out.raw
dd if=base.raw of=out.raw iflag=direct
info link.qcow2
info -U disk.qcow2
info --image-opts driver=qcow2,file.filename=disk.qcow2
E info --image-opts disk.qcow2
info -f raw disk.qcow2
info --output=json --backing-chain top.qcow2
info --backing-chain top.qcow2
E info json:{"driver":"qcow2","file":{"driver":"file","filename":"disk.qcow2"}}
info 'json:{"driver":"qcow2","file.filename":"disk.qcow2"}'
info 'json:{"driver":"qcow2","file":{"driver":"file","filename":"disk.qcow2"}}'
info --output=json 'json:{"driver":"qcow2","file":{"driver":"file","filename":"disk.qcow2"}}'
info --output=json \
  'json:{"driver":"qcow2","lazy-refcounts":true,"file":{"driver":"file","filename":"disk.qcow2"}}'
info null-co://
info --output=json null-co://
map --image-opts driver=compress,file.driver=qcow2,file.file.filename=disk.qcow2
map -s 1M top.qcow2
map -l 2M -s 1M top.qcow2
map --output=json -s 1M -l 128k top.qcow2
map -U top.qcow2
map -f qcow2 top.qcow2
map -s 5M top.qcow2
map --start-offset=-1 top.qcow2
map --max-length=0 top.qcow2
map --output=json --max-length=0 top.qcow2
map --output=json -s 5M top.qcow2
measure -O qcow2 disk.qcow2
measure -O qcow2 --output=json top.qcow2
measure -O raw top.qcow2
measure -O luks disk.qcow2
measure -O vmdk disk.qcow2
measure -O qcow2 --size 5G -o cluster_size=1M,extended_l2=on
measure -O qcow2 --size 8E
E measure -O qcow2 --size 7E
E measure -O qcow2 -o compat=0.10,refcount_bits=8 --size 1G
measure -O qcow2 -o preallocation=falloc,cluster_size=64k --size 1T
measure -O qcow2 -o backing_file=base.raw,backing_fmt=raw --size 1T
measure -O qcow2 bits.qcow2
measure -O qcow2 --output=json bits.qcow2
measure --image-opts driver=qcow2,file.filename=disk.qcow2
E measure -l snap disk.qcow2
measure -U disk.qcow2
measure -O raw --size 1M -f raw
measure -O raw --size 1M --output=json
measure -O raw -o help
measure -O qcow2 -o bogus=1 --size 1M
rebase -u -b '' over.qcow2 @over.qcow2
rebase -b '' over.qcow2 @over.qcow2
rebase -p -b '' over.qcow2 @over.qcow2
rebase -u -b base.raw over.qcow2
rebase -u -b base.raw -F raw over.qcow2 @over.qcow2
rebase -b base.raw over.qcow2
rebase -b base.raw -F raw over.qcow2 @over.qcow2
rebase -b side.qcow2 -F qcow2 over.qcow2 @over.qcow2
rebase -q -t none -T none -b side.qcow2 -F qcow2 top.qcow2 @top.qcow2
rebase -u -b nofile -F qcow2 over.qcow2
E rebase -b nofile -F qcow2 over.qcow2
E rebase -b base.raw -F raw base.raw
rebase over.qcow2
rebase -f raw -b '' over.qcow2
E rebase -b over.qcow2 -F qcow2 over.qcow2
rebase -U -b '' over.qcow2
resize disk.qcow2 +1M @disk.qcow2
resize -q disk.qcow2 8M @disk.qcow2
resize disk.qcow2 1M
resize --shrink disk.qcow2 -1M @disk.qcow2
resize --shrink -q disk.qcow2 2M @disk.qcow2
resize --preallocation=full disk.qcow2 8M @disk.qcow2
resize --preallocation=falloc disk.qcow2 8M @disk.qcow2
resize --preallocation=off disk.qcow2 8M @disk.qcow2
resize --preallocation=metadata --shrink disk.qcow2 1M
resize --image-opts driver=qcow2,file.filename=disk.qcow2 8M @disk.qcow2
resize -f raw base.raw 5M @base.raw
resize base.raw 5M @base.raw
resize -f raw --preallocation=falloc base.raw 5M @base.raw
E resize -f raw --preallocation=metadata base.raw 5M
resize -f raw --preallocation=full base.raw 5M @base.raw
resize disk.qcow2 -10M
resize disk.qcow2 0
resize disk.qcow2 +0
resize --object secret,id=a,data=b disk.qcow2 8M @disk.qcow2
resize disk.qcow2 4M
resize over.qcow2 8M @over.qcow2
snapshot disk.qcow2
snapshot -l disk.qcow2
snapshot -l base.raw
snapshot -c a -l disk.qcow2
snapshot -q -c a disk.qcow2 @disk.qcow2
E snapshot -a none disk.qcow2
snapshot -U -l disk.qcow2
E snapshot -U -c x disk.qcow2
snapshot --image-opts -l driver=qcow2,file.filename=disk.qcow2
snapshot -x disk.qcow2
'''


def images(where):
    def tool(*args):
        code, out, errs = img.run(img.THEIRS, args, where)
        assert not code, (args, out, errs)

    def io(name, fmt, command):
        code, out, errs = img.run(img.IO, ['-f', fmt, '-c', command, name], where)
        assert not code, (command, out, errs)

    def over(name, base):
        tool('create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', name)

    os.mkdir(where)
    tool('create', '-q', '-f', 'raw', 'base.raw', '4M')
    io('base.raw', 'raw', 'write -P 5 1M 100k')
    io('base.raw', 'raw', 'write -P 6 3M 64k')
    tool('convert', '-O', 'qcow2', 'base.raw', 'disk.qcow2')
    over('over.qcow2', 'disk.qcow2')
    io('over.qcow2', 'qcow2', 'write -P 7 1M 64k')
    over('top.qcow2', 'over.qcow2')
    io('top.qcow2', 'qcow2', 'write -P 8 2M 64k')
    over('side.qcow2', 'disk.qcow2')
    io('side.qcow2', 'qcow2', 'write -P 9 0 64k')
    tool('create', '-q', '-f', 'qcow2', 'bits.qcow2', '4M')
    tool('bitmap', '--add', 'bits.qcow2', 'b0')
    io('bits.qcow2', 'qcow2', 'write 0 1M')
    tool('bitmap', '--add', '--disable', 'bits.qcow2', 'b1')
    over('bitsover.qcow2', 'bits.qcow2')
    tool('bitmap', '--add', 'bitsover.qcow2', 't0')
    tool('create', '-q', '-f', 'qcow2', 'zero.qcow2', '4M')
    os.symlink('disk.qcow2', os.path.join(where, 'link.qcow2'))
    with open(os.path.join(where, 'disk.qcow2'), 'rb') as f:
        short = f.read()[:200000]
    with open(os.path.join(where, 'bad.qcow2'), 'wb') as f:
        f.write(short)


def asked():
    """SIGUSR1 asks for the progress where there is no -p."""
    where = os.path.join(img.WORK, 'asked')
    os.mkdir(where)
    img.run(img.THEIRS, ['create', '-q', '-f', 'raw', 'a.raw', '6M'], where)
    img.run(img.IO, ['-f', 'raw', '-c', 'write -q 0 6M', 'a.raw'], where)
    for tool in (img.THEIRS, img.OURS):
        out = os.path.join(where, os.path.basename(os.path.dirname(tool)) + '.raw')
        p = subprocess.Popen([tool, 'convert', '-r', '4M', 'a.raw', out], cwd=where,
                             stderr=subprocess.PIPE, text=True)
        for _ in range(500):
            if os.path.exists(out):
                break
            time.sleep(0.02)
        time.sleep(0.1)
        p.send_signal(signal.SIGUSR1)
        told = p.communicate(timeout=60)[1]
        img.check(f'{tool}: SIGUSR1', not p.returncode and
                  re.fullmatch(r'(    \(\d+\.\d\d/100%\)\n)+', told), p.returncode, told)


def main():
    asked()
    where = os.path.join(img.WORK, 'set-options')
    images(where)
    for line in LINES.strip().replace(' \\\n', ' ').split('\n'):
        line, _, files = line.partition(' @')
        own = line.startswith('E ')
        args = shlex.split(line[2:] if own else line)
        img.same(args[0], args, setup=where, files=files.split(',') if files else [], err=not own)
    shutil.rmtree(img.WORK)
    print(f'{img.good} the same, {len(img.bad)} not')
    return 1 if img.bad else 0


sys.exit(main())
