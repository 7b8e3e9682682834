#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Damaged qcow2 images: hostile.py STRESS HOSTILE [COUNT]

Makes an image with data of all kinds (a snapshot, compressed clusters) and has qcow2-hostile put
other values into it; only a crash or a hang is a failure.
"""
import os
import subprocess
import sys
import tempfile

stress, hostile = sys.argv[1:3]
memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
count = sys.argv[3] if len(sys.argv) > 3 else "40"
for options in ("cluster_size=4k", "extended_l2=on,cluster_size=16k,lazy_refcounts=on",
                "compat=0.10,cluster_size=1k"):
    with tempfile.TemporaryDirectory(dir=memory) as work:
        image, model = work + "/i.qcow2", work + "/m"
        subprocess.run([stress, "create", image, str(8 << 20), options], check=True)
        with open(model, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run([stress, image, model, "1", "30", "packed", "snapshots", "keep"],
                       check=True)
        subprocess.run([hostile, image, work + "/copy", "1", count], check=True, timeout=100)
