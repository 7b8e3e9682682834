/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs in ELF, of both classes and byte orders. Spec: System V ABI, ch. 4 and 5.
 */
#ifndef HW_BOARD_ELF_H
#define HW_BOARD_ELF_H

#include "core/machine.h"
#include "util/error.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ElfFile {
    GBytes *bytes; /* not owned */
    const uint8_t *data;
    size_t len;
    const char *what, *path; /* for errors: "-kernel", its file */
    bool wide, big;          /* 64 bits; big-endian */
    unsigned machine;        /* EM_* */
    uint64_t entry;
    unsigned n_segments;
    /* the table of them */
    uint64_t table;
    unsigned stride;
} ElfFile;

typedef struct ElfSegment {
    uint32_t type; /* PT_* */
    uint64_t off, filesz;
    uint64_t vaddr, paddr, memsz;
} ElfSegment;

/* @bytes lives as long as *@e is used. Errors: what the file is instead, what of it is broken. */
NODISCARD bool elf_open(ElfFile *e, GBytes *bytes, const char *what, const char *path,
                        GError **err);
/* The @i-th of e->n_segments. Errors: its bytes lie outside of the file, or are more than it has in
 * memory. */
NODISCARD bool elf_segment(const ElfFile *e, unsigned i, ElfSegment *s, GError **err);

/* Makes of s->paddr, as the file has it, where that is in memory; false: not all of s->memsz is. */
typedef bool ElfPlace(void *opaque, ElfSegment *s);
/* Every segment to load becomes a blob @name of the machine's memory, where @place puts it. What is
 * beyond its bytes in the file is as it was. */
NODISCARD bool elf_load(const ElfFile *e, Machine *m, const char *name, ElfPlace *place,
                        void *opaque, GError **err);

#endif
