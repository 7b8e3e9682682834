/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/elf.h"

#include "core/memory/memory.h"
#include "hw/board/loader.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <string.h>

static uint16_t elf_u16(const ElfFile *e, size_t at)
{
    return e->big ? get_be16(e->data + at) : get_le16(e->data + at);
}

static uint32_t elf_u32(const ElfFile *e, size_t at)
{
    return e->big ? get_be32(e->data + at) : get_le32(e->data + at);
}

/* An address or a size, of the class's width. */
static uint64_t elf_word(const ElfFile *e, size_t at)
{
    if (!e->wide) {
        return elf_u32(e, at);
    }
    return e->big ? get_be64(e->data + at) : get_le64(e->data + at);
}

bool elf_open(ElfFile *e, GBytes *bytes, const char *what, const char *path, GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(bytes, &len);

    *e = (ElfFile){ .bytes = bytes, .data = data, .len = len, .what = what, .path = path };
    if (file_kind(data, len) != FILE_ELF) {
        g_autofree char *is = file_describe(data, len);

        return error_set(err, "%s %s: is %s, not an ELF file", what, path, is);
    }
    e->wide = data[EI_CLASS] == ELFCLASS64;
    e->big = data[EI_DATA] == ELFDATA2MSB;
    if (e->wide && len < sizeof(Elf64_Ehdr)) {
        return error_set(err, "%s %s: broken ELF, it ends within its header", what, path);
    }
    e->machine = elf_u16(e, offsetof(Elf64_Ehdr, e_machine));
    e->entry = elf_word(e, offsetof(Elf64_Ehdr, e_entry));
    e->table = elf_word(e, e->wide ? offsetof(Elf64_Ehdr, e_phoff) : offsetof(Elf32_Ehdr, e_phoff));
    e->stride =
        elf_u16(e, e->wide ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize));
    e->n_segments =
        elf_u16(e, e->wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum));
    if (e->n_segments && (e->stride < (e->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
                          e->table > len || (uint64_t)e->n_segments * e->stride > len - e->table)) {
        return error_set(err, "%s %s: broken ELF, its table of segments lies outside of it", what,
                         path);
    }
    return true;
}

#define SEGMENT_WORD(e, at, field) \
    elf_word(e, (at) + ((e)->wide ? offsetof(Elf64_Phdr, field) : offsetof(Elf32_Phdr, field)))

bool elf_segment(const ElfFile *e, unsigned i, ElfSegment *s, GError **err)
{
    size_t at = e->table + (size_t)i * e->stride;

    *s = (ElfSegment){
        .type = elf_u32(e, at),
        .off = SEGMENT_WORD(e, at, p_offset),
        .filesz = SEGMENT_WORD(e, at, p_filesz),
        .vaddr = SEGMENT_WORD(e, at, p_vaddr),
        .paddr = SEGMENT_WORD(e, at, p_paddr),
        .memsz = SEGMENT_WORD(e, at, p_memsz),
    };
    if (s->off > e->len || s->filesz > e->len - s->off) {
        return error_set(err, "%s %s: broken ELF, segment %u lies outside of the file", e->what,
                         e->path, i);
    }
    if (s->type == PT_LOAD && s->filesz > s->memsz) {
        return error_set(err,
                         "%s %s: broken ELF, segment %u has %" PRIu64 " bytes in the file and "
                         "%" PRIu64 " in memory",
                         e->what, e->path, i, s->filesz, s->memsz);
    }
    return true;
}

bool elf_load(const ElfFile *e, Machine *m, const char *name, ElfPlace *place, void *opaque,
              GError **err)
{
    for (unsigned i = 0; i < e->n_segments; i++) {
        ElfSegment s;
        uint64_t paddr;

        if (!elf_segment(e, i, &s, err)) {
            return false;
        }
        paddr = s.paddr;
        if (s.type != PT_LOAD) {
            continue;
        }
        if (!place(opaque, &s)) {
            return error_set(err,
                             "%s %s: a segment of %" PRIu64 " bytes at 0x%" PRIx64
                             " does not fit into RAM; give more with -m",
                             e->what, e->path, s.memsz, paddr);
        }
        if (s.filesz && !rom_add_bytes(m, machine_memory(m), s.paddr, e->bytes, e->data + s.off,
                                       s.filesz, name, err)) {
            return false;
        }
    }
    return true;
}
