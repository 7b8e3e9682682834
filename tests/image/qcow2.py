#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random work on qcow2 images by us and by qemu-io in turn, against a raw file.

    qcow2.py STRESS [--seeds N] [--ops N] [PATTERN]

After each turn qemu-img must find no error in the image, and the same bytes as in the raw file.
"""
import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile

MIB = 1 << 20
# Options of creation; words for the stress program.
CASES = [
    ("", "packed snapshots resize flush"),
    ("cluster_size=512", "packed snapshots flush"),
    ("cluster_size=512,refcount_bits=64", "packed flush refcount-cache-size=4096"),
    ("cluster_size=1k,refcount_bits=1", "packed flush resize"),
    ("cluster_size=4k,refcount_bits=2", "packed resize flush"),
    ("cluster_size=4k,refcount_bits=4", "snapshots"),
    ("cluster_size=16k,refcount_bits=8", "packed snapshots resize l2-cache-size=4096"),
    ("cluster_size=32k,refcount_bits=32", "packed snapshots resize"),
    ("cluster_size=2M", "packed snapshots resize flush"),
    ("compat=0.10", "packed snapshots flush"),
    ("compat=0.10,cluster_size=1k", "packed resize flush"),
    ("lazy_refcounts=on", "packed snapshots resize flush"),
    ("lazy_refcounts=on,cluster_size=1k", "packed flush l2-cache-size=4096"),
    ("extended_l2=on", "packed snapshots resize flush"),
    ("extended_l2=on,cluster_size=16k", "packed snapshots resize flush"),
    ("extended_l2=on,cluster_size=2M", "packed flush"),
    ("compression_type=zstd", "packed snapshots resize flush"),
    ("preallocation=metadata", "packed snapshots resize"),
    ("preallocation=falloc,cluster_size=4k", "packed flush"),
    ("preallocation=metadata,extended_l2=on", "packed flush"),
    ("data_file=@data", "flush resize"),
    ("data_file=@data,data_file_raw=on", "flush"),
    ("data_file=@data,cluster_size=4k", "flush"),
    ("data_file=@data,extended_l2=on", "flush"),
    ("backing=small", "packed snapshots flush resize"),
    ("backing=large,cluster_size=4k", "packed flush resize"),
    ("backing=small,extended_l2=on", "packed snapshots flush resize"),
    ("backing=large,compat=0.10", "packed snapshots flush"),
    ("backing=small,lazy_refcounts=on,cluster_size=16k", "packed flush"),
]


class Failed(Exception):
    pass


def run(*args, ok=(0,)):
    p = subprocess.run(args, capture_output=True, text=True, timeout=300)
    if p.returncode not in ok:
        raise Failed(f"{' '.join(args)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p.stdout


def raw_bytes(rand, n):
    out = bytearray()
    while len(out) < n:
        if rand.random() < 0.4:
            out += bytes(65536 * rand.randint(1, 20))
        else:
            out += bytes([rand.randint(1, 255)]) * (512 * rand.randint(1, 400))
    return bytes(out[:n])


class Case:
    def __init__(self, stress, work, options, words, seed, ops):
        self.stress, self.dir, self.words, self.ops = stress, work, words.split(), ops
        self.rand = random.Random(f"{options}{seed}")
        self.seed = seed
        self.image, self.model = work + "/i.qcow2", work + "/m.raw"
        self.size = self.rand.choice([8, 11, 20]) * MIB
        self.create([o for o in options.split(",") if o])

    def backing(self, kind):
        size = self.size // 2 - 1536 if kind == "small" else self.size * 2
        data = raw_bytes(self.rand, size)
        with open(self.dir + "/b.raw", "wb") as f:
            f.write(data)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", self.dir + "/b.raw",
            self.dir + "/b.qcow2")
        return data[:self.size].ljust(self.size, b"\0")

    def create(self, options):
        model = bytes(self.size)
        given = []
        for o in options:
            if o.startswith("backing="):
                model = self.backing(o[8:])
                given += ["backing_file=" + self.dir + "/b.qcow2", "backing_fmt=qcow2"]
            else:
                given.append(o.replace("@data", self.dir + "/d.raw"))
        text = ",".join(given)
        if self.seed % 2:
            run(self.stress, "create", self.image, str(self.size), text)
        else:
            run("qemu-img", "create", "-q", "-f", "qcow2", *(["-o", text] if text else []),
                self.image, str(self.size))
        with open(self.model, "wb") as f:
            f.write(model)
        self.check("create")

    def check(self, after):
        try:
            run("qemu-img", "check", "-q", self.image)
            run("qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", self.image, self.model)
        except Failed as e:
            raise Failed(f"after {after}: {e}") from None

    def ours(self, turn):
        run(self.stress, self.image, self.model, str(self.seed * 100 + turn), str(self.ops),
            *self.words)
        self.check(f"our turn {turn}")

    def theirs(self, turn):
        size = os.path.getsize(self.model)
        both = []
        for _ in range(self.ops // 4):
            off = self.rand.randrange(0, size, 512)
            n = min(size - off, self.rand.choice([512, 4096, 65536, 300000]) // 512 * 512)
            both.append(self.rand.choice([f"write -P {self.rand.randint(1, 255)} {off} {n}",
                                          f"write -z {off} {n}", f"write -z -u {off} {n}"]))
        for fmt, path in (("qcow2", self.image), ("raw", self.model)):
            run("qemu-io", "-f", fmt, *[x for c in both for x in ("-c", c)], path)
        self.check(f"qemu-io's turn {turn}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("stress")
    ap.add_argument("pattern", nargs="?", default="")
    ap.add_argument("--seeds", type=int, default=2)
    ap.add_argument("--first", type=int, default=0)
    ap.add_argument("--ops", type=int, default=40)
    ap.add_argument("--turns", type=int, default=2)
    a = ap.parse_args()
    if not shutil.which("qemu-img") or not shutil.which("qemu-io"):
        print("SKIP: qemu-img and qemu-io are needed")
        return 77
    bad = 0
    for options, words in CASES:
        for seed in range(a.first, a.first + a.seeds):
            if a.pattern not in options:
                continue
            base = "/dev/shm" if os.path.isdir("/dev/shm") else None
            with tempfile.TemporaryDirectory(dir=base) as work:
                try:
                    c = Case(a.stress, work, options, words, seed, a.ops)
                    for turn in range(a.turns):
                        c.ours(turn)
                        c.theirs(turn)
                except (Failed, subprocess.TimeoutExpired) as e:
                    bad += 1
                    print(f"FAILED: {options or 'defaults'} ({words}) seed {seed}: {e}"[:2000])
    print(f"{bad} failed")
    return bad != 0


sys.exit(main())
