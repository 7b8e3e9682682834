/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of x86 that are entered in 32-bit protected mode: Multiboot 1 and PVH.
 * Spec: Multiboot Specification 0.6.96, 3.1 to 3.3; Xen, include/public/
 * arch-x86/hvm/start_info.h as documented in docs/misc/pvh.pandoc, elfnote.h
 * (XEN_ELFNOTE_PHYS32_ENTRY).
 */
#include "hw/board/x86-kernel-priv.h"

#include "hw/board/elf.h"
#include "hw/board/loader.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <string.h>

enum {
    HEADER_MAGIC = 0x1badb002,
    HEADER_SEARCH = 8192,
    FLAG_VIDEO = 1 << 2,
    FLAG_ADDRESSES = 1 << 16,
    FLAGS_REQUIRED = 0xffff,
    FLAGS_KNOWN = 7, /* page alignment, memory, video (asked for in vain) */
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MAP = 1 << 6,
    INFO_LOADER = 1 << 9,
    INFO_TEXT_AT = X86_MAP_OFF + (X86_MAP_MAX + 1) * X86_MAP_ENTRY, /* strings and lists */
    INFO_MAX = 0x10000,
    LOW_KIB = 639,
    NOTE_PHYS32_ENTRY = 18,
    PVH_MAGIC = 0x336ec578,
    PVH_INFO_BYTES = 56,
    PVH_MODULE = 32,
};

/* ---- ELF ---- */

static bool elf_is_x86(const ElfFile *e)
{
    return !e->big && (e->machine == EM_386 || e->machine == EM_X86_64);
}

/* All segments in one piece. */
static bool elf_flatten(X86Kernel *k, const ElfFile *e, uint64_t top, GError **err)
{
    uint64_t low = UINT64_MAX, end = 0;
    g_autofree uint8_t *flat = NULL;
    ElfSegment s;

    for (unsigned i = 0; i < e->n_segments; i++) {
        if (!elf_segment(e, i, &s, err)) {
            return false;
        }
        if (s.type != PT_LOAD || !s.memsz) {
            continue;
        }
        if (s.paddr >= top || s.memsz > top - s.paddr) {
            return error_set(err, "-kernel %s: segment %u lies outside of RAM; give more with -m",
                             e->path, i);
        }
        low = min_u64(low, s.paddr);
        end = max_u64(end, s.paddr + s.memsz);
    }
    if (end <= low || low < X86_HIGH) {
        return error_set(err, "-kernel %s: has nothing to load above 1 MiB", e->path);
    }
    flat = g_try_malloc0(end - low);
    if (!flat) {
        return error_set(err, "-kernel %s: too large", e->path);
    }
    for (unsigned i = 0; i < e->n_segments; i++) {
        if (!elf_segment(e, i, &s, err)) {
            return false;
        }
        if (s.type == PT_LOAD && s.memsz) {
            memcpy(flat + (s.paddr - low), e->data + s.off, s.filesz);
        }
    }
    k->load = (uint32_t)low;
    k->end = (uint32_t)end;
    k->image = g_bytes_new_take(g_steal_pointer(&flat), end - low);
    return true;
}

/* The entry that one of the notes at @p names; false: none does. */
static bool elf_pvh_entry(const uint8_t *p, uint64_t len, uint32_t *entry)
{
    uint64_t at = 0;

    while (at + 12 <= len) {
        const uint8_t *n = p + at;
        uint64_t name = bits_align_up(get_le32(n), 4), desc = get_le32(n + 4);

        if (name + desc > len - at - 12) {
            break;
        }
        if (get_le32(n + 8) == NOTE_PHYS32_ENTRY && get_le32(n) == 4 && !memcmp(n + 12, "Xen", 4) &&
            desc >= 4) {
            *entry = get_le32(n + 12 + name);
            return true;
        }
        at += 12 + name + bits_align_up(desc, 4);
    }
    return false;
}

static bool elf_pvh_note(const ElfFile *e, uint32_t *entry, GError **err)
{
    for (unsigned i = 0; i < e->n_segments; i++) {
        ElfSegment s;

        if (!elf_segment(e, i, &s, err)) {
            return false;
        }
        if (s.type == PT_NOTE && elf_pvh_entry(e->data + s.off, s.filesz, entry)) {
            return true;
        }
    }
    return error_set(err,
                     "-kernel %s: an ELF file without PVH's note (XEN_ELFNOTE_PHYS32_ENTRY), so "
                     "that its entry is not known; a Linux kernel has it with CONFIG_PVH=y",
                     e->path);
}

/* ---- The information block ---- */

static uint32_t info_text(X86Kernel *k, const char *text)
{
    uint32_t at = k->info_at + k->info->len;

    g_byte_array_append(k->info, (const uint8_t *)text, (guint)strlen(text) + 1);
    return at;
}

static bool info_fits(const X86Kernel *k, GError **err)
{
    return k->info->len <= INFO_MAX ||
           error_set(err, "-append, -initrd: more than 64 KiB of text for the kernel");
}

/* Room for @n bytes, on a boundary of 8. */
static uint32_t info_room(X86Kernel *k, unsigned n)
{
    unsigned at = (unsigned)bits_align_up(k->info->len, 8), end = at + n, old = k->info->len;

    g_byte_array_set_size(k->info, end);
    memset(k->info->data + old, 0, end - old);
    return k->info_at + at;
}

static uint8_t *info_at(X86Kernel *k, uint32_t addr)
{
    return k->info->data + (addr - k->info_at);
}

/* One file behind the others, on a page of its own. */
static bool module_add(X86Kernel *k, const char *path, uint64_t top, uint32_t *start, uint32_t *end,
                       GError **err)
{
    g_autoptr(GBytes) file = loader_read("-initrd", path, LOADER_MAX_BYTES, err);
    unsigned old = k->modules->len, at = (unsigned)bits_align_up(old, 4096);
    gsize len;

    if (!file) {
        return false;
    }
    len = g_bytes_get_size(file);
    if (k->modules_at + (uint64_t)at + len > top) {
        return error_set(err, "-initrd %s: %zu bytes do not fit; give more with -m", path, len);
    }
    g_byte_array_set_size(k->modules, at);
    memset(k->modules->data + old, 0, at - old);
    g_byte_array_append(k->modules, g_bytes_get_data(file, NULL), (guint)len);
    *start = k->modules_at + at;
    *end = (uint32_t)(*start + len);
    return true;
}

/* ---- Multiboot ---- */

bool x86_multiboot_header(const uint8_t *data, size_t len, size_t *at)
{
    for (*at = 0; *at + 12 <= len && *at + 12 <= HEADER_SEARCH; *at += 4) {
        const uint8_t *h = data + *at;

        if (get_le32(h) == HEADER_MAGIC && get_le32(h) + get_le32(h + 4) + get_le32(h + 8) == 0) {
            return true;
        }
    }
    return false;
}

/* A file without segments says itself where it goes. Spec: 3.1.3 */
static bool multiboot_addresses(X86Kernel *k, GBytes *file, size_t header, uint64_t top,
                                const char *path, GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len), *h = data + header;
    uint32_t header_addr, load, load_end, bss_end;
    uint64_t from, bytes, room;
    uint8_t *flat;

    if (header + 32 > len) {
        return error_set(err, "-kernel %s: its Multiboot header is cut off", path);
    }
    header_addr = get_le32(h + 12);
    load = get_le32(h + 16);
    load_end = get_le32(h + 20);
    bss_end = get_le32(h + 24);
    from = header - (uint64_t)(header_addr - load);
    if (header_addr < load || from > header) {
        return error_set(err, "-kernel %s: its Multiboot header has impossible addresses", path);
    }
    bytes = load_end ? load_end - (uint64_t)load : len - from;
    room = bss_end ? bss_end - (uint64_t)load : bytes;
    if (bytes > len - from || room < bytes || load < X86_HIGH || load + room > top) {
        return error_set(
            err,
            "-kernel %s: its Multiboot header wants more than the file has, or what is "
            "no RAM above 1 MiB",
            path);
    }
    flat = g_try_malloc0(room);
    if (!flat) {
        return error_set(err, "-kernel %s: too large", path);
    }
    memcpy(flat, data + from, bytes);
    k->load = load;
    k->end = (uint32_t)(load + room);
    k->entry = get_le32(h + 28);
    k->image = g_bytes_new_take(flat, room);
    return true;
}

static bool multiboot_elf(X86Kernel *k, GBytes *file, uint64_t top, const char *path, GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    ElfFile e = { .wide = true };

    if (file_kind(data, len) == FILE_ELF && !elf_open(&e, file, "-kernel", path, err)) {
        return false;
    }
    if (e.wide || !elf_is_x86(&e)) {
        return error_set(
            err, "-kernel %s: a Multiboot kernel without addresses must be a 32-bit ELF", path);
    }
    k->entry = (uint32_t)e.entry;
    return elf_flatten(k, &e, top, err);
}

/* "a args,b args": a list of start, end, text. Spec: 3.3, mods_addr */
static bool multiboot_modules(X86Kernel *k, const char *initrd, uint64_t top, GError **err)
{
    g_auto(GStrv) list = g_strsplit(initrd, ",", -1);
    unsigned n = g_strv_length(list);
    uint32_t table = info_room(k, n * 16);

    for (unsigned i = 0; i < n; i++) {
        g_autofree char *path = g_strndup(list[i], strcspn(list[i], " "));
        uint32_t start, end, text;

        if (!module_add(k, path, top, &start, &end, err)) {
            return false;
        }
        text = info_text(k, list[i]);
        put_le32(info_at(k, table + i * 16), start);
        put_le32(info_at(k, table + i * 16 + 4), end);
        put_le32(info_at(k, table + i * 16 + 8), text);
    }
    put_le32(k->info->data + 20, n);
    put_le32(k->info->data + 24, table);
    return true;
}

bool x86_multiboot_load(X86Kernel *k, GBytes *file, size_t header, const BoardConfig *cfg,
                        uint64_t top, GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    uint32_t flags = get_le32(data + header + 4);
    g_autofree char *cmdline = g_strdup_printf("%s%s%s", cfg->kernel, cfg->append ? " " : "",
                                               cfg->append ? cfg->append : "");
    uint32_t text;

    if (flags & FLAGS_REQUIRED & ~FLAGS_KNOWN) {
        return error_set(err, "-kernel %s: wants features of Multiboot that are unknown: 0x%x",
                         cfg->kernel, flags & FLAGS_REQUIRED & ~FLAGS_KNOWN);
    }
    k->kind = X86_MULTIBOOT;
    if (flags & FLAG_ADDRESSES) {
        if (!multiboot_addresses(k, file, header, top, cfg->kernel, err)) {
            return false;
        }
    } else if (!multiboot_elf(k, file, top, cfg->kernel, err)) {
        return false;
    }
    k->info_at = X86_INFO_AT;
    k->modules_at = (uint32_t)bits_align_up(k->end, 4096);
    g_byte_array_set_size(k->info, INFO_TEXT_AT);
    memset(k->info->data, 0, INFO_TEXT_AT);
    k->count_at = 44;
    k->count_unit = X86_MAP_ENTRY;
    text = info_text(k, cmdline);
    put_le32(k->info->data + 16, text);
    text = info_text(k, "Tinamou");
    put_le32(k->info->data + 64, text);
    if (cfg->initrd && !multiboot_modules(k, cfg->initrd, top, err)) {
        return false;
    }
    put_le32(k->info->data, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_LOADER);
    put_le32(k->info->data + 4, LOW_KIB);
    put_le32(k->info->data + 8, (uint32_t)((top - X86_HIGH) >> 10));
    put_le32(k->info->data + 48, k->info_at + X86_MAP_OFF);
    return info_fits(k, err);
}

/* ---- PVH ---- */

bool x86_pvh_load(X86Kernel *k, GBytes *file, const BoardConfig *cfg, uint64_t top, GError **err)
{
    uint32_t start = 0, end = 0, list, text;
    ElfFile e;

    if (!elf_open(&e, file, "-kernel", cfg->kernel, err)) {
        return false;
    }
    if (!elf_is_x86(&e)) {
        g_autofree char *what = file_describe(e.data, e.len);

        return error_set(err, "-kernel %s: is %s, not for x86", cfg->kernel, what);
    }
    k->kind = X86_PVH;
    if (!elf_pvh_note(&e, &k->entry, err) || !elf_flatten(k, &e, top, err)) {
        return false;
    }
    k->info_at = X86_INFO_AT;
    k->modules_at = (uint32_t)bits_align_up(k->end, 4096);
    g_byte_array_set_size(k->info, INFO_TEXT_AT);
    memset(k->info->data, 0, INFO_TEXT_AT);
    k->count_at = 48;
    k->count_unit = 1;
    if (cfg->initrd) {
        if (!module_add(k, cfg->initrd, top, &start, &end, err)) {
            return false;
        }
        list = info_room(k, PVH_MODULE);
        put_le64(info_at(k, list), start);
        put_le64(info_at(k, list) + 8, end - start);
        put_le32(k->info->data + 12, 1);
        put_le64(k->info->data + 16, list);
    }
    text = info_text(k, cfg->append ? cfg->append : "");
    put_le32(k->info->data, PVH_MAGIC);
    put_le32(k->info->data + 4, 1); /* version: with a memory map */
    put_le64(k->info->data + 24, text);
    put_le64(k->info->data + 40, k->info_at + X86_MAP_OFF);
    return info_fits(k, err);
}
