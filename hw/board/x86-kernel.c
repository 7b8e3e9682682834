/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/x86-kernel.h"

#include "hw/board/loader.h"
#include "hw/board/x86-kernel-priv.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <string.h>

enum {
    SECTOR = 512,
    SETUP_SECTS_AT = 0x1f1,
    VIDEO_AT = 0x1fa,
    HDRS_AT = 0x202,
    VERSION_AT = 0x206,
    LOADER_AT = 0x210,
    LOADFLAGS_AT = 0x211,
    INITRD_AT = 0x218,
    HEAP_END_AT = 0x224,
    CMDLINE_PTR_AT = 0x228,
    INITRD_MAX_AT = 0x22c,
    XLOADFLAGS_AT = 0x236,
    HEADER_END = 0x268,
    LOADED_HIGH = 1 << 0,
    CAN_USE_HEAP = 1 << 7,
    XLF_ABOVE_4G = 1 << 1,
    LOADER_QEMU = 0xb0,
    OLD_INITRD_MAX = 0x37ffffff,
    LOW_LOAD = 0x10000, /* zImage */
    LOW_SETUP = 0x90000,
    LOW_CMDLINE = 0x9a000,
    OLD_CMDLINE_MAGIC = 0xa33f,
    CMDLINE_ROOM = 0x10000,
};

/* vga=: a number, or a word that stands for one. */
static bool linux_video(X86Kernel *k, GError **err)
{
    const char *v = strstr(k->cmdline, "vga=");
    char *end;
    unsigned long mode;

    if (!v || (v != k->cmdline && v[-1] != ' ')) {
        return true;
    }
    v += 4;
    if (g_str_has_prefix(v, "normal")) {
        mode = 0xffff;
    } else if (g_str_has_prefix(v, "ext")) {
        mode = 0xfffe;
    } else if (g_str_has_prefix(v, "ask")) {
        mode = 0xfffd;
    } else {
        mode = strtoul(v, &end, 0);
        if (end == v || mode > 0xffff) {
            return error_set(err, "-append: vga= wants normal, ext, ask or a number");
        }
    }
    put_le16(k->info->data + VIDEO_AT, (uint16_t)mode);
    return true;
}

/* As high as the kernel takes it. */
static bool linux_initrd(X86Kernel *k, const BoardConfig *cfg, uint64_t top, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-initrd", cfg->initrd, LOADER_MAX_BYTES, err);
    uint8_t *h = k->info->data;
    uint64_t last = OLD_INITRD_MAX, len;

    if (!file) {
        return false;
    }
    len = g_bytes_get_size(file);
    if (k->version < 0x200) {
        return error_set(err, "-initrd: kernel %s is too old for one", cfg->kernel);
    }
    if (k->version >= 0x20c && k->xloadflags & XLF_ABOVE_4G) {
        last = UINT32_MAX;
    } else if (k->version >= 0x203) {
        last = get_le32(h + INITRD_MAX_AT);
    }
    last = min_u64(last + 1, top);
    if (len > last || ((last - len) & ~(uint64_t)4095) < k->end) {
        return error_set(err,
                         "-initrd %s: %" G_GUINT64_FORMAT " bytes do not fit; give more with -m",
                         cfg->initrd, len);
    }
    k->modules_at = (uint32_t)((last - len) & ~(uint64_t)4095);
    g_byte_array_append(k->modules, g_bytes_get_data(file, NULL), (guint)len);
    put_le32(h + INITRD_AT, k->modules_at);
    put_le32(h + INITRD_AT + 4, (uint32_t)len);
    return true;
}

/* The header as a boot loader leaves it. */
static void linux_header(X86Kernel *k)
{
    uint8_t *h = k->info->data;

    if (k->version >= 0x200) {
        h[LOADER_AT] = LOADER_QEMU;
    }
    if (k->version >= 0x201) {
        h[LOADFLAGS_AT] |= CAN_USE_HEAP;
        put_le16(h + HEAP_END_AT, (uint16_t)(k->cmdline_at - k->info_at - 0x200));
    }
    if (k->version >= 0x202) {
        put_le32(h + CMDLINE_PTR_AT, k->cmdline_at);
    } else {
        put_le16(h + 0x20, OLD_CMDLINE_MAGIC);
        put_le16(h + 0x22, (uint16_t)(k->cmdline_at - k->info_at));
    }
}

static bool linux_load(X86Kernel *k, GBytes *file, const BoardConfig *cfg, uint64_t top,
                       GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    size_t setup = (data[SETUP_SECTS_AT] ? data[SETUP_SECTS_AT] : 4) * SECTOR + SECTOR;

    if (setup < HEADER_END || setup > len) {
        return error_set(err, "-kernel %s: ends before its set-up code of %zu bytes does",
                         cfg->kernel, setup);
    }
    k->kind = X86_LINUX;
    k->version = get_le16(data + VERSION_AT);
    k->xloadflags = k->version >= 0x20c ? get_le16(data + XLOADFLAGS_AT) : 0;
    if (k->version >= 0x200 && data[LOADFLAGS_AT] & LOADED_HIGH) {
        k->info_at = X86_INFO_AT;
        k->cmdline_at = X86_CMDLINE_AT;
        k->load = X86_HIGH;
    } else {
        k->info_at = LOW_SETUP;
        k->cmdline_at = LOW_CMDLINE;
        k->load = LOW_LOAD;
    }
    if (setup > k->cmdline_at - k->info_at - SECTOR ||
        strlen(cfg->append ? cfg->append : "") >= CMDLINE_ROOM / 2) {
        return error_set(err, "-kernel %s: set-up code or -append are too long", cfg->kernel);
    }
    k->image = g_bytes_new_from_bytes(file, setup, len - setup);
    if (k->load + (len - setup) > (k->load == LOW_LOAD ? LOW_SETUP : top)) {
        return error_set(err, "-kernel %s: %zu bytes do not fit; give more with -m", cfg->kernel,
                         len - setup);
    }
    k->end = (uint32_t)(k->load + len - setup);
    k->cmdline = g_strdup(cfg->append ? cfg->append : "");
    g_byte_array_append(k->info, data, (guint)setup);
    linux_header(k);
    return linux_video(k, err) && (!cfg->initrd || linux_initrd(k, cfg, top, err));
}

void x86_kernel_free(X86Kernel *k)
{
    g_clear_pointer(&k->image, g_bytes_unref);
    g_clear_pointer(&k->info, g_byte_array_unref);
    g_clear_pointer(&k->modules, g_byte_array_unref);
    g_clear_pointer(&k->cmdline, g_free);
}

static bool kernel_bytes(X86Kernel *k, GBytes *file, const BoardConfig *cfg, uint64_t top,
                         GError **err)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    g_autofree char *what = NULL;
    size_t at;

    if (len >= HEADER_END && !memcmp(data + HDRS_AT, "HdrS", 4)) {
        return linux_load(k, file, cfg, top, err);
    }
    if (x86_multiboot_header(data, len, &at)) {
        return x86_multiboot_load(k, file, at, cfg, top, err);
    }
    if (file_kind(data, len) == FILE_ELF) {
        return x86_pvh_load(k, file, cfg, top, err);
    }
    what = file_describe(data, len);
    return error_set(
        err,
        "-kernel %s: no kernel of x86 (bzImage, Multiboot, ELF with PVH's note): it is "
        "%s",
        cfg->kernel, what);
}

bool x86_kernel_load(X86Kernel *k, const BoardConfig *cfg, uint64_t top, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-kernel", cfg->kernel, LOADER_MAX_BYTES, err);
    bool ok;

    *k = (X86Kernel){ .info = g_byte_array_new(), .modules = g_byte_array_new() };
    ok = file && kernel_bytes(k, file, cfg, top, err);
    if (!ok) {
        x86_kernel_free(k);
    }
    return ok;
}
