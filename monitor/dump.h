/* SPDX-License-Identifier: Apache-2.0 */
/* What the formats of dump-guest-memory share. */
#ifndef MONITOR_DUMP_H
#define MONITOR_DUMP_H

#include "monitor/commands.h"

typedef struct DumpArch {
    const char *name;
    uint16_t machine;
    const char *const *regs;
    unsigned n_regs;
} DumpArch;

typedef struct DumpSegment {
    uint64_t start, len;
} DumpSegment;

typedef struct Dump {
    Machine *m;
    const DumpArch *arch;
    GArray *segments; /* of DumpSegment */
    uint64_t begin, end;
    int fd;
    bool kdump;
} Dump;

NODISCARD bool dump_write(Dump *d, const uint8_t *p, size_t len, GError **err);
/* NT_PRSTATUS of every CPU. */
void dump_notes(const Dump *d, GByteArray *out);
/* dump-kdump.c: all of it, compressed. */
NODISCARD bool dump_kdump(Dump *d, MonHost *h, GError **err);

#endif
