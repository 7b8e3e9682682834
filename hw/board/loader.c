/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and recognising kernels.
 * Spec: Linux Documentation/arm64/booting.rst (Image).
 */
#include "hw/board/loader.h"

#include "hw/board/elf.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <glib/gstdio.h>
#include <zlib.h>

enum {
    IMAGE_HEADER = 64,
    IMAGE_MAGIC_AT = 56,
    IMAGE_ALIGN = 2 << 20,
    STUB_ROOM = 4096, /* the boot stub lies at the start of RAM */
};

typedef struct Magic {
    const char *bytes;
    uint8_t len;
    uint16_t at;
    const char *what;
} Magic;

GBytes *loader_read(const char *what, const char *path, uint64_t max, GError **err)
{
    g_autoptr(GError) local = NULL;
    char *data;
    GStatBuf st;
    gsize len;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        error_set(err, "%s %s: is a folder, not a file", what, path);
        return NULL;
    }
    len = g_stat(path, &st) ? 0 : (gsize)st.st_size;
    if (len <= max && !g_file_get_contents(path, &data, &len, &local)) {
        error_set(err, "%s: %s", what, local->message);
        return NULL;
    }
    if (len > max) {
        error_set(err, "%s %s: %zu bytes are too large, the limit is %" G_GUINT64_FORMAT, what,
                  path, len, max);
        return NULL;
    }
    return g_bytes_new_take(data, len);
}

GBytes *loader_gunzip(GBytes *in, const char *what, uint64_t max, GError **err)
{
    enum { GZIP_WINDOW = 16 + MAX_WBITS };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree uint8_t *buf = g_malloc(1 << 18);
    z_stream z = { 0 };
    gsize len;
    const uint8_t *data = g_bytes_get_data(in, &len);
    size_t ate = 0;
    int r = inflateInit2(&z, GZIP_WINDOW);

    while (r == Z_OK && out->len <= max) {
        z.next_in = (uint8_t *)data + ate;
        z.avail_in = (unsigned)MIN(len - ate, 1u << 30);
        z.next_out = buf;
        z.avail_out = 1 << 18;
        r = inflate(&z, Z_NO_FLUSH);
        ate = (size_t)(z.next_in - data);
        g_byte_array_append(out, buf, (1u << 18) - z.avail_out);
    }
    inflateEnd(&z);
    if (out->len > max) {
        error_set(err, "%s: decompressed it is larger than %" G_GUINT64_FORMAT " bytes", what, max);
        return NULL;
    }
    if (r != Z_STREAM_END) {
        error_set(err, "%s: broken gzip data at byte %zu: %s", what, ate,
                  r == Z_BUF_ERROR ? "it ends too early"
                  : z.msg          ? z.msg
                                   : "zlib fails");
        return NULL;
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static const Magic *loader_magic(const uint8_t *data, size_t len)
{
    static const Magic magics[] = {
        { "#!", 2, 0, "a script" },
        { "QFI\xfb", 4, 0, "a qcow2 disk image" },
        { "070701", 6, 0, "a cpio archive (an -initrd?)" },
        { "070702", 6, 0, "a cpio archive (an -initrd?)" },
        { "\xd0\x0d\xfe\xed", 4, 0, "a device tree (a -dtb?) or a FIT image" },
        { "\x27\x05\x19\x56", 4, 0, "a U-Boot uImage; extract the kernel with dumpimage" },
        { "\x28\xb5\x2f\xfd", 4, 0, "compressed with zstd; decompress it first" },
        { "\xfd"
          "7zXZ",
          5, 0, "compressed with xz; decompress it first" },
        { "BZh", 3, 0, "compressed with bzip2; decompress it first" },
        { "\x02\x21\x4c\x18", 4, 0, "compressed with lz4; decompress it first" },
        { "CD001", 5, 0x8001, "an ISO 9660 image (a -cdrom?)" },
        { "HdrS", 4, 0x202, "a Linux kernel for x86" },
        { "PK\x03\x04", 4, 0, "a ZIP archive" },
        { "!<arch>", 7, 0, "an ar archive (a .deb package?)" },
        { "MZ", 2, 0, "an EFI application or Windows program, not a bare kernel" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
        const Magic *g = &magics[i];

        if (len >= (size_t)g->at + g->len && !memcmp(data + g->at, g->bytes, g->len)) {
            return g;
        }
    }
    return NULL;
}

static bool loader_is_text(const uint8_t *data, size_t len)
{
    size_t n = min_u64(len, 256);

    for (size_t i = 0; i < n; i++) {
        if (!(data[i] >= 0x20 && data[i] < 0x7f) && !(data[i] >= 9 && data[i] <= 13)) {
            return false;
        }
    }
    return n > 0;
}

FileKind file_kind(const uint8_t *data, size_t len)
{
    if (len >= IMAGE_HEADER && !memcmp(data + IMAGE_MAGIC_AT, "ARM\x64", 4)) {
        return FILE_ARM64_IMAGE;
    }
    if (len >= sizeof(Elf32_Ehdr) && !memcmp(data, ELFMAG, SELFMAG)) {
        return FILE_ELF;
    }
    if (len >= 18 && data[0] == 0x1f && data[1] == 0x8b) {
        return FILE_GZIP;
    }
    return len < 4 || loader_magic(data, len) || loader_is_text(data, len) ? FILE_OTHER : FILE_RAW;
}

static const char *loader_elf_machine(unsigned machine)
{
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {
        { EM_386, "i386" },         { EM_X86_64, "x86-64" }, { EM_ARM, "32-bit Arm" },
        { EM_AARCH64, "AArch64" },  { EM_MIPS, "MIPS" },     { EM_PPC, "PowerPC" },
        { EM_PPC64, "PowerPC 64" }, { EM_S390, "s390" },     { EM_RISCV, "RISC-V" },
        { EM_SPARCV9, "SPARC" },    { EM_68K, "m68k" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].machine == machine) {
            return names[i].name;
        }
    }
    return NULL;
}

char *file_describe(const uint8_t *data, size_t len)
{
    GString *hex;

    if (len == 0) {
        return g_strdup("empty");
    }
    switch (file_kind(data, len)) {
    case FILE_ARM64_IMAGE:
        return g_strdup("an arm64 Linux Image");
    case FILE_GZIP:
        return g_strdup("compressed with gzip");
    case FILE_ELF: {
        bool big = data[EI_DATA] == ELFDATA2MSB;
        unsigned machine = big ? get_be16(data + 18) : get_le16(data + 18);
        const char *name = loader_elf_machine(machine);

        return name ? g_strdup_printf("an ELF file for %s", name)
                    : g_strdup_printf("an ELF file for machine number %u", machine);
    }
    default:
        break;
    }
    if (loader_magic(data, len)) {
        return g_strdup(loader_magic(data, len)->what);
    }
    hex = g_string_new(loader_is_text(data, len) ? "text, first bytes" : "unknown, first bytes");
    for (size_t i = 0; i < min_u64(len, 8); i++) {
        g_string_append_printf(hex, " %02x", data[i]);
    }
    return g_string_free(hex, false);
}

typedef struct LoadJob {
    Machine *m;
    const char *path;
    GuestPhys ram_base;
    uint64_t ram_bytes;
    GBytes *bytes; /* where `data` lies */
} LoadJob;

/* [addr, addr + len) must lie in RAM behind the room of the boot stub. */
static bool loader_check_fit(const LoadJob *j, GuestPhys addr, uint64_t len, GError **err)
{
    if (addr < j->ram_base || addr - j->ram_base > j->ram_bytes ||
        len > j->ram_bytes - (addr - j->ram_base)) {
        return error_set(err,
                         "-kernel %s: wants 0x%" G_GINT64_MODIFIER
                         "x bytes at 0x%" G_GINT64_MODIFIER
                         "x, outside of RAM (0x%" G_GINT64_MODIFIER
                         "x bytes at 0x%" G_GINT64_MODIFIER "x); give more with -m",
                         j->path, len, addr, j->ram_bytes, j->ram_base);
    }
    return true;
}

static bool loader_image(const LoadJob *j, const uint8_t *data, size_t len, LoadedKernel *out,
                         GError **err)
{
    uint64_t text_offset = get_le64(data + 8), image_size = get_le64(data + 16);

    if (get_le64(data + 24) & 1) {
        return error_set(err, "-kernel %s: is a big-endian kernel, which this board cannot start",
                         j->path);
    }
    if (image_size == 0) { /* before Linux 3.17 neither field could be relied on */
        text_offset = 0x80000;
    }
    if (text_offset >= IMAGE_ALIGN) {
        return error_set(err, "-kernel %s: broken header, text_offset is 0x%" G_GINT64_MODIFIER "x",
                         j->path, text_offset);
    }
    if (text_offset < STUB_ROOM) {
        text_offset += IMAGE_ALIGN;
    }
    image_size = max_u64(image_size, len);
    out->kind = FILE_ARM64_IMAGE;
    out->low = out->entry = j->ram_base + text_offset;
    if (!loader_check_fit(j, out->low, image_size, err)) {
        return false;
    }
    out->end = out->low + image_size;
    return rom_add_bytes(j->m, machine_memory(j->m), out->low, j->bytes, data, len, "kernel", err);
}

static bool loader_raw(const LoadJob *j, const uint8_t *data, size_t len, LoadedKernel *out,
                       GError **err)
{
    out->kind = FILE_RAW;
    out->low = out->entry = j->ram_base + 0x80000;
    out->end = out->low + len;
    return loader_check_fit(j, out->low, len, err) &&
           rom_add_bytes(j->m, machine_memory(j->m), out->low, j->bytes, data, len, "kernel", err);
}

/* With zeros where the file has no bytes, after each reset. */
static bool loader_elf_segment(const LoadJob *j, const ElfFile *e, const ElfSegment *s, unsigned i,
                               LoadedKernel *out, GError **err)
{
    g_autofree char *name = g_strdup_printf("kernel segment %u", i);
    g_autofree uint8_t *bytes = NULL;

    if (s->memsz > LOADER_MAX_BYTES) {
        return error_set(err, "-kernel %s: segment %u is larger than 1 GiB", j->path, i);
    }
    if (!loader_check_fit(j, s->paddr, s->memsz, err)) {
        return false;
    }
    if (e->entry - s->vaddr < s->memsz) {
        out->entry = e->entry - s->vaddr + s->paddr;
    }
    out->low = min_u64(out->low, s->paddr);
    out->end = max_u64(out->end, s->paddr + s->memsz);
    bytes = g_malloc0(s->memsz);
    memcpy(bytes, e->data + s->off, s->filesz);
    return rom_add(j->m, machine_memory(j->m), s->paddr, bytes, s->memsz, name, err);
}

static bool loader_elf(const LoadJob *j, LoadedKernel *out, GError **err)
{
    ElfFile e;

    if (!elf_open(&e, j->bytes, "-kernel", j->path, err)) {
        return false;
    }
    if (!e.wide || e.big || e.machine != EM_AARCH64) {
        g_autofree char *what = file_describe(e.data, e.len);

        return error_set(err,
                         "-kernel %s: is %s, %s; this board has a 64-bit little-endian Arm CPU",
                         j->path, what, e.wide ? "64-bit" : "32-bit");
    }
    *out = (LoadedKernel){ FILE_ELF, e.entry, UINT64_MAX, 0 };
    for (unsigned i = 0; i < e.n_segments; i++) {
        ElfSegment s;

        if (!elf_segment(&e, i, &s, err) ||
            (s.type == PT_LOAD && s.memsz && !loader_elf_segment(j, &e, &s, i, out, err))) {
            return false;
        }
    }
    return out->end ? true
                    : error_set(err, "-kernel %s: an ELF file with nothing to load", j->path);
}

static bool loader_kernel_bytes(const LoadJob *j, const uint8_t *data, size_t len,
                                LoadedKernel *out, GError **err)
{
    g_autofree char *what = NULL;

    switch (file_kind(data, len)) {
    case FILE_ARM64_IMAGE:
        return loader_image(j, data, len, out, err);
    case FILE_ELF:
        return loader_elf(j, out, err);
    case FILE_RAW:
        return loader_raw(j, data, len, out, err);
    default:
        what = file_describe(data, len);
        return error_set(err, "-kernel %s: no AArch64 kernel (Image, Image.gz, ELF): it is %s",
                         j->path, what);
    }
}

bool loader_kernel_arm64(Machine *m, const char *path, GuestPhys ram_base, uint64_t ram_bytes,
                         LoadedKernel *out, GError **err)
{
    LoadJob j = { m, path, ram_base, ram_bytes };
    g_autoptr(GBytes) file = loader_read("-kernel", path, LOADER_MAX_BYTES, err);
    g_autofree char *inside = NULL;
    const uint8_t *data;
    gsize len;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    if (file_kind(data, len) == FILE_GZIP) {
        GBytes *plain = loader_gunzip(file, path, LOADER_MAX_BYTES, err);

        if (!plain) {
            return false;
        }
        g_bytes_unref(file);
        file = plain;
        data = g_bytes_get_data(file, &len);
        inside = g_strdup_printf("%s (decompressed)", path);
        j.path = inside;
        if (file_kind(data, len) == FILE_RAW) {
            g_autofree char *what = file_describe(data, len);

            return error_set(err, "-kernel %s: gzip of something else than a kernel: %s", path,
                             what);
        }
    }
    j.bytes = file;
    return loader_kernel_bytes(&j, data, len, out, err);
}
