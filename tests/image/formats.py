#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images of vdi, vpc, vmdk, vhdx, parallels, qcow and luks, by us and by qemu-img.

    formats.py FMT [--flips N] [--seed N] [PATTERN]

Each way: what one wrote the other reads, writes of both in turn, qemu-img check. Then what
qemu-img cannot make (a VHDX whose log was not replayed), and headers with bytes changed, which
must give an error or an image, never a crash or a hang.
"""
import argparse
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

MIB = 1 << 20
SECRET = "abc"
QSECRET = ["--object", f"secret,id=s,data={SECRET}"]
# format, options of creation
CASES = [
    ("vdi", ""), ("vdi", "static=on"), ("vpc", ""), ("vpc", "subformat=fixed"),
    ("vpc", "force_size=on"), ("parallels", ""), ("vmdk", ""), ("vmdk", "subformat=monolithicFlat"),
    ("vmdk", "subformat=twoGbMaxExtentSparse"), ("vmdk", "subformat=twoGbMaxExtentFlat"),
    ("vmdk", "zeroed_grain=on"), ("vhdx", ""), ("vhdx", "subformat=fixed"),
    ("vhdx", "block_size=1M,block_state_zero=off"),
]


class Failed(Exception):
    pass


def run(*args, ok=(0,), text=None):
    for _ in range(5):
        p = subprocess.run(args, capture_output=True, text=True, errors="replace", timeout=60,
                           input=text,
                           env=dict(os.environ, SECRET=SECRET))
        # qemu-img's own clock of iterations gives up now and then on a busy machine.
        if 'Unable to get accurate CPU usage' not in p.stderr:
            break
    if p.returncode not in ok:
        raise Failed(f"{' '.join(args)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p.stdout


def make_raw(path, seed):
    r = random.Random(seed)
    data = bytearray(12 * MIB + 7 * 512)
    for _ in range(30):
        at, n = r.randrange(len(data) - 70000), r.randrange(1, 70000)
        data[at:at + n] = bytes([r.randrange(256)]) * n
    data[5 * MIB:5 * MIB + 99999] = r.randbytes(99999)
    with open(path, "wb") as f:
        f.write(data)


def check(fmt, image):
    if fmt != "vpc":  # which has no check
        run("qemu-img", "check", "-f", fmt, image)


def both_ways(tool, fmt, options, seed):
    with_options = ["-o", options] if options else []
    make_raw("r.raw", seed)
    run("qemu-img", "convert", "-f", "raw", "-O", fmt, *with_options, "r.raw", f"q.{fmt}")
    run(tool, "same", fmt, f"q.{fmt}", "raw", "r.raw")
    size = str(os.path.getsize("r.raw"))
    run(tool, "create", fmt, f"t.{fmt}", size, *([options] if options else []))
    run(tool, "copy", "raw", "r.raw", fmt, f"t.{fmt}")
    run("qemu-img", "compare", "-f", "raw", "-F", fmt, "r.raw", f"t.{fmt}")
    check(fmt, f"t.{fmt}")
    # In turn, on an image of ours.
    with open("m.raw", "wb") as f:
        f.truncate(16 * MIB)
    run(tool, "create", fmt, f"w.{fmt}", str(16 * MIB), *([options] if options else []))
    for turn in range(2):
        run(tool, "random", fmt, f"w.{fmt}", "m.raw", str(seed + turn), "100",
            *(["zero"] if turn else []))
        run("qemu-img", "compare", "-f", "raw", "-F", fmt, "m.raw", f"w.{fmt}")
        check(fmt, f"w.{fmt}")
        r = random.Random(seed + turn)
        cmds = "".join(f"write -q -P {r.randrange(256)} {r.randrange(30000) * 512} "
                       f"{r.randrange(1, 300) * 512}\n" for _ in range(20))
        run("qemu-io", "-f", fmt, f"w.{fmt}", text=cmds)
        run("qemu-io", "-f", "raw", "m.raw", text=cmds)
        run(tool, "same", fmt, f"w.{fmt}", "raw", "m.raw")


def stream(tool, seed):
    make_raw("r.raw", seed)
    run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized",
        "r.raw", "q.vmdk")
    run(tool, "same", "vmdk", "q.vmdk", "raw", "r.raw")
    for packed in ([], ["packed"]):
        run(tool, "create", "vmdk", "t.vmdk", str(os.path.getsize("r.raw")),
            "subformat=streamOptimized")
        run(tool, "copy", "raw", "r.raw", "vmdk", "t.vmdk", *packed)
        run("qemu-img", "compare", "-f", "raw", "-F", "vmdk", "r.raw", "t.vmdk")
        check("vmdk", "t.vmdk")


def qcow(tool, seed):
    make_raw("r.raw", seed)
    for packed in ([], ["-c"]):
        # With -c qemu-img 7.2 ends with 1 and without a word, after it has written all.
        run("qemu-img", "convert", *packed, "-f", "raw", "-O", "qcow", "r.raw", "q.qcow",
            ok=(0, 1) if packed else (0,))
        run(tool, "same", "qcow", "q.qcow", "raw", "r.raw")
    encrypted = "encrypt.format=aes,encrypt.key-secret=s"
    run("qemu-img", "create", "-q", *QSECRET, "-f", "qcow", "-o", encrypted, "e.qcow",
        str(os.path.getsize("r.raw")))
    name = f"driver=qcow,file.filename=e.qcow,{encrypted}"
    run("qemu-img", "convert", "-n", *QSECRET, "--target-image-opts", "-f", "raw", "r.raw", name)
    run(tool, "same", "qcow", name, "raw", "r.raw")


def luks(tool, seed):
    make_raw("r.raw", seed)
    size = str(os.path.getsize("r.raw"))
    ours, theirs = (f"driver=luks,file.filename={x}.luks,key-secret=s" for x in "tq")
    for options in ("", "cipher-alg=serpent-256,cipher-mode=cbc,ivgen-alg=essiv,hash-alg=sha512",
                    "cipher-alg=twofish-128,ivgen-alg=plain", "cipher-alg=aes-192,hash-alg=sha1"):
        more = "key-secret=s,iter-time=200" + ("," + options if options else "")
        run(tool, "create", "luks", "t.luks", size, more)
        run(tool, "copy", "raw", "r.raw", "luks", ours)
        run("qemu-img", "compare", *QSECRET, "--image-opts", "driver=raw,file.filename=r.raw", ours)
    run("qemu-img", "create", "-q", *QSECRET, "-f", "luks", "-o", "key-secret=s,iter-time=500",
        "q.luks", size)
    run("qemu-img", "convert", "-n", *QSECRET, "--target-image-opts", "-f", "raw", "r.raw", theirs)
    run(tool, "same", "luks", theirs, "raw", "r.raw")


# ---- A VHDX whose log was not replayed: [MS-VHDX] 2.3 ----

def crc32c(data):
    table = crc32c.table
    crc = 0xffffffff
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 255]
    return crc ^ 0xffffffff


crc32c.table = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = _c >> 1 ^ (0x82f63b78 if _c & 1 else 0)
    crc32c.table.append(_c)


def log_entry(sequence, tail, guid, file_size, changes):
    """@changes: (offset, 4096 bytes) or (offset, length of zeros)."""
    descs, sectors = b"", b""
    for off, what in changes:
        if isinstance(what, int):
            descs += struct.pack("<4sIQQQ", b"zero", 0, what, off, sequence)
        else:
            descs += struct.pack("<4s4s8sQQ", b"desc", what[-4:], what[:8], off, sequence)
            sectors += struct.pack("<4sI", b"data", sequence >> 32) + what[8:-4] + \
                struct.pack("<I", sequence & 0xffffffff)
    size = 4096 + len(sectors)
    head = struct.pack("<4sIIIQII16sQQ", b"loge", 0, size, tail, sequence, len(changes), 0, guid,
                       file_size, file_size)
    e = bytearray((head + descs).ljust(4096, b"\0") + sectors)
    struct.pack_into("<I", e, 4, crc32c(e))
    return bytes(e)


def dirty_vhdx(tool, seed):
    """A fixed disk; its log writes two sectors, at the ring's end and around it."""
    run(tool, "create", "vhdx", "d.vhdx", str(4 * MIB), "subformat=fixed,block_size=1M")
    with open("d.vhdx", "r+b") as f:
        image = bytearray(f.read())
        headers = [image[at:at + 4096] for at in (65536, 131072)]
        newest = max((0, 1), key=lambda i: struct.unpack_from("<Q", headers[i], 8)[0])
        h, at = headers[newest], (65536, 131072)[newest]
        guid = b"log of our own.."
        h[48:64] = guid
        struct.pack_into("<I", h, 4, 0)
        struct.pack_into("<I", h, 4, crc32c(h))
        log_len, log_off = struct.unpack_from("<IQ", h, 68)
        size, data = len(image), 4 * MIB
        one = log_entry(7, log_len - 8192, guid, size, [(data, b"A" * 4096)])
        two = log_entry(8, log_len - 8192, guid, size,
                        [(data + 4096, b"B" * 4096), (data, 4096)])
        old = log_entry(3, 0x20000, guid, size, [(data, b"X" * 4096)])
        image[at:at + 4096] = h
        log = bytearray(log_len)
        log[0x20000:0x20000 + len(old)] = old
        for entry, where in ((one, log_len - 8192), (two, 0)):
            log[where:where + len(entry)] = entry
        image[log_off:log_off + log_len] = log
        f.seek(0)
        f.write(image)
    digest = hashlib.sha256(bytes(log)).hexdigest()
    if digest != DIRTY_LOG:
        raise Failed(f"the generated log is another one: {digest}")
    # Read-only: refused; for writing: replayed, as by the other implementation.
    shutil.copy("d.vhdx", "q.vhdx")
    out = subprocess.run([tool, "open", "vhdx", "d.vhdx"], capture_output=True, text=True,
                         timeout=60)
    if out.returncode != 1 or "log" not in out.stderr:
        raise Failed(f"a dirty log was not refused: {out.stdout}{out.stderr}")
    run(tool, "check", "vhdx", "d.vhdx", "fix")
    run("qemu-img", "check", "-r", "all", "-f", "vhdx", "q.vhdx")
    run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", "q.vhdx", "q.raw")
    run(tool, "same", "vhdx", "d.vhdx", "raw", "q.raw")
    with open("q.raw", "rb") as f:
        if f.read(12288) != bytes(4096) + b"B" * 4096 + bytes(4096):
            raise Failed("the log was not replayed as it says")


DIRTY_LOG = "3664bf7487864c423d10a2f92c5608272b9c8a1818d8ff8a9f12c2d0ec91a512"


def flips(tool, fmt, options, seed, count):
    r = random.Random(seed)
    make_raw("r.raw", seed)
    run("qemu-img", "convert", "-f", "raw", "-O", fmt, *(["-o", options] if options else []),
        "r.raw", f"f.{fmt}")
    with open(f"f.{fmt}", "rb") as f:
        good = f.read()
    places = [i for i in range(min(len(good), 4 * MIB)) if good[i] not in (0, 255)][:6000]
    for i in range(count):
        bad = bytearray(good)
        for _ in range(r.randrange(1, 4)):
            at = r.choice(places) if r.random() < 0.7 else r.randrange(min(len(bad), 4096))
            size = r.choice([1, 2, 4, 8])
            bad[at:at + size] = r.choice([r.randbytes(size), b"\xff" * size, bytes(size)])
        if r.random() < 0.1:
            bad = bad[:r.randrange(len(bad))]
        with open(f"bad.{fmt}", "wb") as f:
            f.write(bad)
        for how in (["open"], ["check"], ["check", "fix"]):
            run(tool, how[0], fmt, f"bad.{fmt}", *how[1:], ok=(0, 1))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("tool")
    p.add_argument("--flips", type=int, default=40)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("pattern", nargs="?", default="")
    a = p.parse_args()
    if not shutil.which("qemu-img") or not shutil.which("qemu-io"):
        print("SKIP: qemu-img and qemu-io are not installed")
        sys.exit(77)
    tool = os.path.abspath(a.tool)
    todo = [(f"{f} {o}", lambda f=f, o=o: both_ways(tool, f, o, a.seed)) for f, o in CASES]
    todo += [("vmdk streamOptimized", lambda: stream(tool, a.seed)),
             ("qcow", lambda: qcow(tool, a.seed)), ("luks", lambda: luks(tool, a.seed)),
             ("vhdx with a dirty log", lambda: dirty_vhdx(tool, a.seed))]
    todo += [(f"{f} {o} damaged", lambda f=f, o=o: flips(tool, f, o, a.seed, a.flips))
             for f, o in [("vdi", ""), ("vpc", ""), ("parallels", ""), ("vmdk", ""), ("qcow", ""),
                          ("vmdk", "subformat=streamOptimized"),
                          ("vmdk", "subformat=monolithicFlat"), ("vhdx", "")]]
    bad = 0
    for name, fn in todo:
        if a.pattern not in name:
            continue
        here = tempfile.mkdtemp(prefix="formats-")
        os.chdir(here)
        try:
            fn()
            print(f"ok    {name}")
        except (Failed, subprocess.TimeoutExpired) as e:
            bad += 1
            print(f"FAIL  {name}: {e}")
        finally:
            os.chdir("/")
            shutil.rmtree(here)
    sys.exit(bad > 0)


main()
