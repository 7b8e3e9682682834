/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMBIOS 3 tables: what firmware and guests are told of the machine's maker, CPUs and memory.
 * Spec: DMTF DSP0134 3.0.
 */
#ifndef HW_ACPI_SMBIOS_H
#define HW_ACPI_SMBIOS_H

#include "util/error.h"
#include "util/options.h"

#include <glib.h>

typedef struct SmbiosMachine {
    const char *product, *version; /* "QEMU Virtual Machine", "virt-7.2" */
    const char *uuid;              /* NULL: none */
    unsigned sockets, cores, threads;
    uint64_t ram_bytes;
    bool entry_32;        /* the entry point of SMBIOS 2.8, which knows 32-bit addresses alone */
    uint64_t areas[2][2]; /* start and length of what RAM is mapped at, for PCs; 0: none */
    const char *const *options; /* -smbios, as given */
    unsigned n_options;
} SmbiosMachine;

/* Whether @text is right for -smbios. */
NODISCARD bool smbios_check(const char *text, GError **err);
/* The structures one after another, and the entry point whose address firmware fills in. */
NODISCARD bool smbios_build(const SmbiosMachine *m, GByteArray *tables, GByteArray *anchor,
                            GError **err);

#endif
