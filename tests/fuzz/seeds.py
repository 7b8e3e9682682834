#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""First inputs of the fuzzers that take no disk image: seeds.py OUT-FOLDER"""
import gzip
import os
import struct
import sys


def put(out, target, name, data):
    os.makedirs(f"{out}/{target}", exist_ok=True)
    with open(f"{out}/{target}/{name}", "wb") as f:
        f.write(data)


def nbd_server(out):
    def option(number, data=b"", named=True):
        return bytes([2 if named else 1, number, len(data)]) + data

    def request(command, off=0, length=512, flags=0, shift=0):
        return struct.pack("<BBBBHH", 3, flags, command, shift, off, length)

    hello, go = b"\0", option(7)
    put(out, "nbd-server", "go", hello + go + b"".join(request(c) for c in range(8)))
    put(out, "nbd-server", "info", hello + option(6, b"\0\3\0\1") + option(3, named=False) + go)
    start = hello + option(8, named=False) + option(9) + option(9, b"qemu:")
    for context in (b"base:allocation", b"qemu:allocation-depth", b"qemu:dirty-bitmap:b", b"base:"):
        put(out, "nbd-server", context.decode().replace(":", "-"),
            start + option(10, context) + go + request(7, 0, 65535, 0, 0x40) +
            b"".join(request(c, 1, 4096, 1, 9) for c in range(8)) + request(0, 0, 4096, 4) +
            request(6, 0, 512, 0x12) + request(7, 0, 4096, 8) + request(2))
    put(out, "nbd-server", "name", hello + option(1, b"", False) + request(0) + request(1))
    put(out, "nbd-server", "abort", hello + option(5, b"", False) + option(2, b"", False))
    put(out, "nbd-server", "old", b"\1\0" + option(1, b"", False) + request(0))


def nbd_client(out):
    def reply(which, kind, data=b""):
        return bytes([1, which, kind, len(data)]) + data

    def info(size, flags):
        return struct.pack("<BBHBH", 3, 0, size, 40, flags)

    blocks = bytes([3, 1, 0x79])
    ack = [reply(w, 1) for w in range(3)]
    context = struct.pack(">I", 1) + b"base:allocation"
    simple = bytes([7, 0, 0, 0])

    def chunk(how, kind, data=b""):
        return bytes([4, how, kind, len(data)]) + data

    none, status = chunk(1, 0), chunk(1, 5, struct.pack(">III", 1, 1024, 3))
    hole = chunk(1, 2, struct.pack(">QI", 65536 - 1024, 1024))
    data = bytes([4, 5, 1, 129]) + struct.pack(">Q", 65536 - 1024) + bytes(1024)
    error = chunk(1, 0x81, struct.pack(">IH", 5, 2) + b"no")
    hello, all_flags = b"\0\3", 0xfff & ~2
    put(out, "nbd-client", "structured", b"\4" + hello + ack[0] + reply(1, 4, context) + ack[1] +
        info(256, all_flags) + blocks + ack[2] + status + hole + none * 4 + data + error)
    put(out, "nbd-client", "more", b"\4" + hello + ack[0] + reply(1, 4, context) + ack[1] +
        info(256, all_flags) + ack[2] + status + data + none * 4 + hole + status + none * 8)
    put(out, "nbd-client", "simple", b"\4" + hello + reply(0, 0x81) + info(2, 0x3d) + ack[2] +
        simple + b"\0\x40" + bytes(1024) + simple * 8)
    put(out, "nbd-client", "bitmap", b"\2" + hello + ack[0] +
        reply(1, 4, struct.pack(">I", 9) + b"qemu:dirty-bitmap:b") + ack[1] + info(2, 3) + ack[2] +
        chunk(1, 5, struct.pack(">III", 9, 512, 1)))
    put(out, "nbd-client", "list", b"\1" + hello + reply(3, 2, struct.pack(">I", 1) + b"ad") +
        reply(3, 2, struct.pack(">I", 0)) + ack[0].replace(b"\1\0", b"\1\3", 1) + reply(3, 1) +
        reply(4, 3, struct.pack(">HQH", 0, 4096, 1)) + reply(4, 1) + reply(7, 1))
    put(out, "nbd-client", "old", b"\0\1" + bytes([0, 8 + 4 + 124]) + struct.pack(">QI", 4096, 1) +
        bytes(124) + simple + b"\0\x80" + bytes(128))


def fdt():
    names = b"compatible\0reg\0#address-cells\0#size-cells\0device_type\0"
    def prop(name, data):
        at = names.index(name + b"\0")
        return struct.pack(">III", 3, len(data), at) + data + bytes(-len(data) % 4)
    def node(name, *inside):
        name += b"\0"
        return struct.pack(">I", 1) + name + bytes(-len(name) % 4) + b"".join(inside) + \
            struct.pack(">I", 2)
    tree = node(b"", prop(b"#address-cells", struct.pack(">I", 2)),
                prop(b"#size-cells", struct.pack(">I", 2)), prop(b"compatible", b"linux,virt\0"),
                node(b"memory@40000000", prop(b"device_type", b"memory\0"),
                     prop(b"reg", struct.pack(">QQ", 0x40000000, 1 << 24))),
                node(b"chosen"), node(b"cpus", node(b"cpu@0"))) + struct.pack(">I", 9)
    head, reserve = 40, bytes(16)
    total = head + 16 + len(tree) + len(names)
    return struct.pack(">10I", 0xd00dfeed, total, head + 16, head + 16 + len(tree), head, 17, 16, 0,
                       len(names), len(tree)) + reserve + tree + names


def kernel(out):
    image = struct.pack("<IIQQQQQQII", 0x14000010, 0, 0x80000, 0x1000, 10, 0, 0, 0, 0x644d5241, 0)
    image += bytes(64)
    elf = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0x40080000, 64, 0,
                                                   0, 64, 56, 2, 64, 0, 0)
    for n in range(2):
        elf += struct.pack("<IIQQQQQQ", 1, 5, 176, 0x40080000 + n * 4096, 0x40080000 + n * 4096, 16,
                           32 + n, 4096)
    elf += bytes(32)
    dtb = fdt()
    put(out, "kernel", "image", b"\1" + image)
    put(out, "kernel", "gzip", b"\1" + gzip.compress(image, mtime=0))
    put(out, "kernel", "elf", b"\1" + elf)
    put(out, "kernel", "code", b"\1" + struct.pack("<I", 0xd503201f) * 8)
    put(out, "kernel", "dtb", b"\x1d" + struct.pack("<H", len(dtb)) + image + dtb)
    put(out, "kernel", "dtb-alone", b"\4" + struct.pack("<H", len(dtb)) + dtb)
    put(out, "kernel", "firmware", b"\x20" + bytes(64))


GDB = ["qSupported:multiprocess+;swbreak+;xmlRegisters=i386", "QStartNoAckMode", "?", "g",
       "qXfer:features:read:target.xml:0,ffb", "qXfer:features:read:aarch64-core.xml:0,7fa", "Hg1",
       "Hgp1.1", "qC", "qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo,1", "p1f", "P1=0100000000000000",
       "m40000000,40", "M40000000,4:deadbeef", "X40000000,2:ab", "Z0,40000000,4", "z0,40000000,4",
       "Z2,40000000,8", "Z1,0,4", "T1", "vCont?", "vAttach;1", "qRcmd,68656c70", "qAttached",
       "qqemu.sstepbits", "Qqemu.sstep=1", "G" + "00" * 788, "D;1", "vKill;1"]
QMP = ["{\"execute\": \"query-status\", \"id\": [1, {\"a\": null}]}", "{'execute': 'query-version'}",
       "{\"execute\": \"qom-list\", \"arguments\": {\"path\": \"machine\"}}",
       "{\"execute\": \"query-commands\"}", "{\"execute\": \"query-block\"}",
       "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"null-co\", \"node-name\": \"n\","
       " \"size\": 65536}}", "{\"execute\": \"query-named-block-nodes\"}",
       "{\"execute\": \"block-dirty-bitmap-add\", \"arguments\": {\"node\": \"n\", \"name\": \"b\"}}",
       "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"info mtree\"}}",
       "{\"execute\": \"stop\"}", "{\"execute\": \"query-cpus-fast\"}", "[1, 2.5e3, \"\\n\"]", "tru",
       "{\"execute\": \"device_add\", \"arguments\": {\"driver\": \"virtio-rng-device\"}}"]
HMP = ["info registers", "info mtree", "info qtree", "info block", "x 4xw 0x40000000",
       "xp 3i 0x40000000", "print $pc + 2 * (3 - 1)", "p 1 << 2", "help x", "sum 0 16", "cpu 0",
       "info qom-tree", "gpa2hva 0x40000000", "i 0", "qom-get machine type", "info jit", "stop"]
EXPR = ["1+2*(3-4)/5%6", "$pc&0xff|~1^$x0", "-1/-1", "0x7fffffffffffffff*2", "((((((1))))))", "'a'"]
OPTIONS = ["driver=x-memory,filename=img", "a=b,,c,nod,size=1.5G,number=0x10,read-only=on",
           "server.type=unix,server.path=x", "driver=raw,offset=512,size=4k,file.driver=x-memory,"
           "file.filename=img", "driver=null-co,size=1M,read-zeroes=on",
           "driver=throttle,file.driver=null-co", "driver=copy-on-read,file.driver=null-co",
           "driver=blkdebug,image.driver=null-co,inject-error.0.event=write_aio"]
JSON = ["{\"driver\":\"raw\",\"file\":{\"driver\":\"x-memory\",\"filename\":\"img\"}}",
        "{\"driver\":\"null-co\",\"size\":1048576}", "{\"a\":[1,true,null,{\"b\":\"\\n\"}]}"]
VALUES = ["cpus=4,sockets=2,cores=2,maxcpus=8", "512M", "4G", "panic=pause,shutdown=pause",
          "base=2020-01-02T03:04:05,clock=vm", "shift=3,align=off,sleep=on", "auto",
          "550e8400-e29b-41d4-a716-446655440000"]
LINE = ["-M\nvirt,gic-version=3\n-cpu\nmax\n-smp\n4\n-m\n512\n-drive\nif=none,id=d\n-nographic",
        "-device\nvirtio-blk-device,drive=d\n-global\na.b=c\n-rtc\nbase=utc", "-icount\nshift=1\n-S"]


def main():
    out = sys.argv[1]
    nbd_server(out)
    nbd_client(out)
    kernel(out)
    put(out, "gdb", "all", b"\0" + "\n".join(GDB).encode())
    put(out, "gdb", "raw", b"\1+$?#3f-\3$qC#b4$m0,4*\"#aa")
    for how, texts in enumerate((QMP, HMP, EXPR)):
        for n, text in enumerate(texts):
            put(out, "monitor", f"{how}-{n}", bytes([how]) + text.encode())
        put(out, "monitor", f"{how}-all", bytes([how]) + "\n".join(texts).encode())
    for how, texts in enumerate((OPTIONS, OPTIONS, JSON, JSON, VALUES, LINE)):
        for n, text in enumerate(texts):
            put(out, "options", f"{how}-{n}", bytes([how]) + text.encode())
    put(out, "state", "change", b"\0\0\x20\0\0\4abcd\2\x40\0\0\1x")
    put(out, "state", "raw", b"\1TNMSTATE\1\0\0\0M")


main()
