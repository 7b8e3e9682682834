#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What managers ask of a machine under KVM: managers.py BINARY ROM. 77 (skipped) without /dev/kvm."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import zlib


class Guest:
    def __init__(self, binary, rom, out):
        self.child = subprocess.Popen(
            [binary, "system", "x86_64", "-M", "pc", "-m", "16", "-nodefaults", "-display", "none",
             "-nic", "none", "-bios", rom, "-accel", "kvm", "-S", "-qmp", "stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.out = out
        self.events = []
        self.child.stdout.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        arguments = {k.replace("_", "-"): v for k, v in arguments.items()}
        self.child.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.child.stdin.flush()
        while True:
            reply = json.loads(self.child.stdout.readline())
            if "event" not in reply:
                return reply["return"] if "return" in reply else reply["error"]["desc"]
            self.events.append(reply)


def check(ok, what):
    if not ok:
        print("FAIL:", what)
        sys.exit(1)


def models(g):
    found = {m["name"]: m for m in g.ask("query-cpu-definitions")}
    check(found["max"]["unavailable-features"] == [], "max has all that there is")
    check(isinstance(found["Icelake-Server"]["unavailable-features"], list), "unavailable-features")
    check(found["EPYC"]["migration-safe"] and not found["host"]["migration-safe"], "migration-safe")
    model = g.ask("query-cpu-model-expansion", type="full",
                  model={"name": "EPYC", "props": {"aes": False}})["model"]
    check(model["name"] == "EPYC" and model["props"]["family"] == 23, "EPYC, full")
    check(model["props"]["vendor"] == "AuthenticAMD" and not model["props"]["aes"], "EPYC,-aes")
    check(model["props"]["sse2"], "EPYC has SSE2")
    model = g.ask("query-cpu-model-expansion", type="static", model={"name": "max"})["model"]
    check(model["name"] == "base", "max, static")
    again = g.ask("query-cpu-model-expansion", type="full", model=model)["model"]
    check(all(again["props"][k] == v for k, v in model["props"].items()), "base with props")
    check("not found" in g.ask("query-cpu-model-expansion", type="full",
                               model={"name": "max", "props": {"fly": True}}), "unknown feature")


def machines(g):
    found = {m["name"]: m for m in g.ask("query-machines")}
    check(found["pc-i440fx-7.2"]["alias"] == "pc", "pc is an alias")
    check(found["pc-q35-7.2"]["alias"] == "q35" and "alias" not in found["pc-q35-6.0"], "q35")


def migration(g):
    caps = {c["capability"]: c["state"] for c in g.ask("query-migrate-capabilities")}
    check(len(caps) == 21 and not any(caps.values()), "capabilities")
    g.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
    caps = {c["capability"]: c["state"] for c in g.ask("query-migrate-capabilities")}
    check(caps["events"], "events is on")
    check("not available" in g.ask("migrate-set-capabilities", capabilities=[
        {"capability": "multifd", "state": True}]), "multifd")
    check(g.ask("migrate-set-parameters", downtime_limit=500, tls_creds="x") == {}, "parameters")
    params = g.ask("query-migrate-parameters")
    check(params["downtime-limit"] == 500 and params["tls-creds"] == "x", "parameters are kept")
    check("range" in g.ask("migrate-set-parameters", downtime_limit=-1), "downtime-limit=-1")
    check("unexpected" in g.ask("migrate-set-parameters", speed=1), "an unknown parameter")


def stats(g):
    schemas = {s["target"]: s for s in g.ask("query-stats-schemas")}
    if not schemas:
        print("in part: this kernel has no KVM_GET_STATS_FD")
        return
    names = [s["name"] for s in schemas["vcpu"]["stats"]]
    answer = g.ask("query-stats", target="vcpu")
    check([s["name"] for s in answer[0]["stats"]] == names, "statistics of a CPU")
    check(g.ask("query-stats", target="vcpu", vcpus=["/machine/none"]) == [], "of no CPU")
    check(len(g.ask("query-stats", target="vm")) == 1, "of the machine")


# Every page of the ELF file is in the flattened file of kdump, by way of its tables.
def kdump(g, core, heads):
    check("elf and kdump-zlib" in g.ask("dump-guest-memory", paging=False, protocol="file:x",
                                        format="kdump-lzo"), "kdump-lzo")
    check(g.ask("dump-guest-memory", paging=False, protocol="file:" + g.out, format="kdump-zlib") == {},
          "kdump-zlib")
    flat = open(g.out, "rb").read()
    check(flat[:12] == b"makedumpfile" and struct.unpack_from(">QQ", flat, 16) == (1, 1), "flattened")
    pieces, at = [], 4096
    while struct.unpack_from(">q", flat, at)[0] >= 0:
        place, size = struct.unpack_from(">QQ", flat, at)
        pieces.append((place, flat[at + 16:at + 16 + size]))
        at += 16 + size
    check(at + 16 == len(flat), "the end mark")
    plain = bytearray(max(p + len(b) for p, b in pieces))
    for place, piece in pieces:
        plain[place:place + len(piece)] = piece
    check(plain[:8] == b"KDUMP   " and plain[272:278] == b"x86_64", "its header")
    block, sub, bitmap, frames = struct.unpack_from("<IIII", plain, 428)
    first, second = (plain[block * (1 + sub) + i * bitmap // 2 * block:][:bitmap // 2 * block] for i in (0, 1))
    pfns = [i for i in range(frames) if first[i // 8] >> i % 8 & 1]
    check(first == second and len(pfns) * 4096 == sum(h[5] for h in heads[1:]), "bitmaps")
    note, size = struct.unpack_from("<QQ", plain, block + 48)
    check(plain[note:note + size] == core[heads[0][2]:][:heads[0][5]], "notes")
    descs = block * (1 + sub + bitmap)
    for i, pfn in enumerate(pfns):
        where, size, flags = struct.unpack_from("<QII", plain, descs + 24 * i)
        page = plain[where:where + size]
        page = zlib.decompress(page) if flags == 1 else page
        h = next(h for h in heads[1:] if h[4] <= pfn * 4096 < h[4] + h[5])
        check(page == core[h[2] + pfn * 4096 - h[4]:][:4096], f"page {pfn}")


def dump(g):
    check(g.ask("query-dump")["status"] == "none", "no dump yet")
    check(g.ask("dump-guest-memory", paging=False, protocol="file:" + g.out, detach=True) == {},
          "dump-guest-memory")
    check(g.ask("query-dump")["status"] == "completed", "query-dump")
    check(any(e["event"] == "DUMP_COMPLETED" for e in g.events), "DUMP_COMPLETED")
    core = open(g.out, "rb").read()
    check(core[:4] == b"\x7fELF" and struct.unpack_from("<HH", core, 16) == (4, 62), "an ELF core")
    n, = struct.unpack_from("<H", core, 56)
    heads = [struct.unpack_from("<IIQQQQQQ", core, 64 + 56 * i) for i in range(n)]
    check(heads[0][0] == 4, "PT_NOTE comes first")
    # RIP in NT_PRSTATUS: the reset vector, 16 registers in
    check(struct.unpack_from("<Q", core, heads[0][2] + 20 + 112 + 128)[0] == 0xfffffff0, "RIP")
    top = [h for h in heads if h[4] + h[5] == 1 << 32]
    check(len(top) == 1 and len(core) == max(h[2] + h[5] for h in heads), "segments")
    check("say false" in g.ask("dump-guest-memory", paging=True, protocol="file:x"), "paging")
    check("missing" in g.ask("dump-guest-memory", paging=False, protocol="file:x", begin=0), "begin")
    kdump(g, core, heads)
    g.ask("dump-guest-memory", paging=False, protocol="file:" + g.out, begin=4096, length=8192)
    check(g.ask("query-dump")["total"] == 8192, "a range")


def main():
    binary, rom = sys.argv[1:]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: there is no /dev/kvm that this user may open")
        return 77
    with tempfile.TemporaryDirectory() as where:
        g = Guest(binary, rom, os.path.join(where, "core"))
        for part in models, machines, migration, stats, dump:
            part(g)
        check(any(o["option"] == "machine" for o in g.ask("query-command-line-options")), "options")
        check("invalid" in g.ask("query-command-line-options", option="no"), "an unknown option")
        g.ask("quit")
        return g.child.wait(10)


sys.exit(main())
