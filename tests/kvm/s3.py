#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Suspend to RAM by the monitor: s3.py BINARY ROM SECTOR. What wakes the machine, what is told
meanwhile; and SeaBIOS, which goes on with the boot sector SECTOR.

77 (skipped) where there is no /dev/kvm."""
import json
import os
import subprocess
import sys
import tempfile

WAKERS = [("system_wakeup", {}, 0x80), ("system_powerdown", {}, 0x81),
          ("send-key", {"keys": [{"type": "qcode", "data": "ret"}]}, 0x80)]


class Guest:
    """It waits for `cont`, so that no event comes before somebody listens."""

    def __init__(self, binary, rom, board, *more):
        self.out = tempfile.NamedTemporaryFile()
        self.child = subprocess.Popen(
            [binary, "system", "x86_64", "-M", board, "-m", "16", "-nodefaults", "-display", "none",
             "-nic", "none", *(["-bios", rom] if rom else []), "-accel", "kvm", "-device", "isa-debug-exit", "-chardev",
             "file,id=d,path=" + self.out.name, "-device", "isa-debugcon,chardev=d", "-qmp",
             "stdio", "-S", *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.events = []
        self.line()
        self.ask("qmp_capabilities")

    def line(self):
        return json.loads(self.child.stdout.readline())

    def ask(self, command, **arguments):
        self.child.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.child.stdin.flush()
        while True:
            reply = self.line()
            if "event" not in reply:
                return reply.get("return", reply.get("error"))
            self.events.append(reply["event"])

    def wait(self, event):
        while event not in self.events:
            self.events.append(self.line()["event"])
        self.events.remove(event)

    def status(self):
        return self.ask("query-status")["status"]


def check(ok, what):
    if not ok:
        print("FAIL:", what)
        sys.exit(1)


def wakes(binary, rom, board, command, arguments, told):
    g = Guest(binary, rom, board)
    g.ask("cont")
    g.wait("SUSPEND")
    check(g.status() == "suspended", "query-status while suspended")
    check(g.ask("query-current-machine")["wakeup-suspend-support"], "wakeup-suspend-support")
    check("suspended" in g.ask("migrate", uri="file:" + g.out.name + ".state").get("desc", ""), "migrate")
    g.ask("stop")
    check(g.status() == "paused", "stop while suspended")
    g.ask("cont")
    check(g.status() == "suspended", "cont leaves it suspended")
    if command == "system_wakeup": # a reset begins anew, and suspends again
        g.ask("system_reset")
        g.wait("RESET")
        g.wait("WAKEUP")
        g.wait("SUSPEND")
    g.ask(command, **arguments)
    g.wait("WAKEUP")
    check(g.child.wait(30) == 1, f"{board}, {command}: status {g.child.returncode}")
    got = open(g.out.name, "rb").read()
    check(got == bytes([told]), f"{board}, {command}: PM1 status {got.hex()}, not {told:x}")


def firmware(binary, sector, board):
    with tempfile.NamedTemporaryFile() as disk:
        disk.write(open(sector, "rb").read().ljust(1 << 20, b"\0"))
        disk.flush()
        g = Guest(binary, None, board, "-drive", "format=raw,file=" + disk.name)
        g.ask("cont")
        g.wait("SUSPEND")
        g.ask("system_wakeup")
        g.wait("WAKEUP")
        check(g.child.wait(60) == 67, f"{board}, SeaBIOS: status {g.child.returncode}")


def main():
    binary, rom, sector = sys.argv[1:]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: there is no /dev/kvm that this user may open")
        return 77
    for board in "pc", "q35":
        for waker in WAKERS:
            wakes(binary, rom, board, *waker)
    # without the state a write of SLP_EN does nothing, and there is nobody to wake
    g = Guest(binary, rom, "pc", "-global", "PIIX4_PM.disable_s3=1")
    check(not g.ask("query-current-machine")["wakeup-suspend-support"], "disable_s3")
    check("not supported" in g.ask("system_wakeup").get("desc", ""), "system_wakeup, disable_s3")
    g.ask("cont")
    check(g.child.wait(30) == 3, "disable_s3: the guest goes on")
    if os.path.exists("/usr/share/seabios/bios-256k.bin"):
        firmware(binary, sector, "pc")
        firmware(binary, sector, "q35")
    else:
        print("skipped in part: package seabios is not installed")
    return 0


sys.exit(main())
