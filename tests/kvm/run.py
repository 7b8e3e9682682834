#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a test kernel as firmware of a `pc` under KVM: run.py [-s STATUS] [--reboot] BINARY ROM [ARGUMENT...].

Its exit status must be STATUS; 1 (isa-debug-exit) without. 77 (skipped) where there is no /dev/kvm."""
import os
import subprocess
import sys


def main():
    args = sys.argv[1:]
    want = 1
    if args[0] == "-s":
        want = int(args[1])
        args = args[2:]
    once = ["-no-reboot"]
    if args[0] == "--reboot":
        once = []
        args = args[1:]
    binary, rom, *more = args
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: there is no /dev/kvm that this user may open")
        return 77
    command = [binary, "system", "x86_64", "-M", "pc", "-m", "16", "-nodefaults", "-display",
               "none", "-monitor", "none", "-serial", "none", "-nic", "none", "-bios", rom,
               *once, "-device", "isa-debug-exit"] + more
    print("+", " ".join(command))
    try:
        status = subprocess.run(command, timeout=50, stdin=subprocess.DEVNULL).returncode
    except subprocess.TimeoutExpired:
        print("FAIL: it does not end")
        return 1
    if status == want:
        return 0
    print("FAIL: status", status,
          f"(check {status >> 1} of the kernel)" if status > 1 and status & 1 else "")
    return 1


sys.exit(main())
