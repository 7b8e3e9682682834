/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: DMTF DSP0134 3.0, ch. 5 (entry point, strings) and 7 (structures). */
#include "hw/acpi/smbios.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <string.h>

enum {
    TYPE_BIOS = 0,
    TYPE_SYSTEM = 1,
    TYPE_BOARD = 2,
    TYPE_CHASSIS = 3,
    TYPE_CPU = 4,
    TYPE_OEM_STRINGS = 11,
    TYPE_MEMORY_ARRAY = 16,
    TYPE_MEMORY_DEVICE = 17,
    TYPE_MEMORY_AREA = 19,
    TYPE_BOOT = 32,
    TYPE_END = 127,
    NO_HANDLE = 0xfffe,
    ANCHOR_LEN = 24,
    ANCHOR_LEN_32 = 31,
    ANCHOR_PART_32 = 16,       /* where its second part begins, with a sum of its own */
    DEVICE_MAX_MIB = 16 << 10, /* a module of memory */
};

/* What -smbios takes for each type. */
static const char *const keys_bios[] = { "vendor", "version", "date", "release", "uefi", NULL };
static const char *const keys_system[] = { "manufacturer", "product", "version", "serial",
                                           "uuid",         "sku",     "family",  NULL };
static const char *const keys_board[] = { "manufacturer", "product",  "version", "serial",
                                          "asset",        "location", NULL };
static const char *const keys_chassis[] = { "manufacturer", "version", "serial",
                                            "asset",        "sku",     NULL };
static const char *const keys_cpu[] = { "sock_pfx",  "manufacturer",  "version",
                                        "serial",    "asset",         "part",
                                        "max-speed", "current-speed", "processor-id",
                                        NULL };
static const char *const keys_oem[] = { "value", "path", NULL };
static const char *const keys_memory[] = { "loc_pfx", "bank", "manufacturer", "serial",
                                           "asset",   "part", "speed",        NULL };

static const struct {
    uint8_t type;
    const char *const *keys;
} smbios_types[] = {
    { TYPE_BIOS, keys_bios },
    { TYPE_SYSTEM, keys_system },
    { TYPE_BOARD, keys_board },
    { TYPE_CHASSIS, keys_chassis },
    { TYPE_CPU, keys_cpu },
    { TYPE_OEM_STRINGS, keys_oem },
    { TYPE_MEMORY_DEVICE, keys_memory },
};

static const char *const *smbios_keys(uint64_t type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(smbios_types); i++) {
        if (smbios_types[i].type == type) {
            return smbios_types[i].keys;
        }
    }
    return NULL;
}

static bool smbios_check_values(Options *o, uint64_t type, GError **err)
{
    const char *uuid = type == TYPE_SYSTEM ? options_get(o, "uuid") : NULL;
    const char *release = type == TYPE_BIOS ? options_get(o, "release") : NULL;
    uint64_t n;
    bool uefi;

    if (uuid && !g_uuid_string_is_valid(uuid)) {
        return error_set(err, "-smbios uuid=%s: write 8-4-4-4-12 hexadecimal digits", uuid);
    }
    if (release && !g_regex_match_simple("^[0-9]{1,3}\\.[0-9]{1,3}$", release, 0, 0)) {
        return error_set(err, "-smbios release=%s: write MAJOR.MINOR", release);
    }
    if (type == TYPE_BIOS) {
        return options_get_bool(o, "uefi", false, &uefi, err);
    }
    if (type == TYPE_CPU) {
        return options_get_number(o, "max-speed", 0, &n, err) &&
               options_get_number(o, "current-speed", 0, &n, err) &&
               options_get_number(o, "processor-id", 0, &n, err);
    }
    return type != TYPE_MEMORY_DEVICE || options_get_number(o, "speed", 0, &n, err);
}

/* True with *type; UINT64_MAX: a file. */
static bool smbios_option(Options *o, uint64_t *type, GError **err)
{
    static const char *const file[] = { "file" };
    const char *const *keys;

    *type = UINT64_MAX;
    if (options_get(o, "file")) {
        return options_all_used(o, file, 1, err);
    }
    if (!options_get(o, "type")) {
        return error_set(err, "-smbios %s: wants file=FILE or type=N", o->text);
    }
    if (!options_get_number(o, "type", 0, type, err)) {
        return false;
    }
    keys = smbios_keys(*type);
    if (!keys) {
        return error_set(err, "-smbios type=%s: valid: 0, 1, 2, 3, 4, 11, 17",
                         options_get(o, "type"));
    }
    for (unsigned i = 0; keys[i]; i++) {
        options_get(o, keys[i]);
    }
    return options_all_used(o, keys, g_strv_length((char **)keys), err) &&
           smbios_check_values(o, *type, err);
}

bool smbios_check(const char *text, GError **err)
{
    Options o = { 0 };
    uint64_t type;
    bool ok = options_parse(&o, text, NULL, err) && smbios_option(&o, &type, err);

    options_deinit(&o);
    return ok;
}

/* ---- Structures ---- */

typedef struct Smbios {
    const SmbiosMachine *m;
    GByteArray *out;
    Options *options; /* n_options of them, parsed */
    uint64_t *types;
    GString *strings; /* of the structure in the making, each with its end */
    unsigned n_strings;
    unsigned start;
} Smbios;

static void smbios_le(Smbios *s, unsigned size, uint64_t val)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    g_byte_array_append(s->out, buf, size);
}

static void smbios_begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->out->len;
    smbios_le(s, 1, type);
    smbios_le(s, 1, 0); /* length */
    smbios_le(s, 2, handle);
}

/* Formatted part, strings, an empty one. */
static void smbios_end(Smbios *s)
{
    s->out->data[s->start + 1] = s->out->len - s->start;
    if (!s->n_strings) {
        smbios_le(s, 1, 0);
    }
    g_byte_array_append(s->out, (const uint8_t *)s->strings->str, s->strings->len);
    smbios_le(s, 1, 0);
    g_string_set_size(s->strings, 0);
    s->n_strings = 0;
}

/* The last value that -smbios type=@type has for @key; @def else. */
static const char *smbios_value(Smbios *s, unsigned type, const char *key, const char *def)
{
    for (unsigned i = 0; i < s->m->n_options; i++) {
        const char *v = s->types[i] == type ? options_get(&s->options[i], key) : NULL;

        def = v ? v : def;
    }
    return def;
}

static uint64_t smbios_number(Smbios *s, unsigned type, const char *key, uint64_t def)
{
    for (unsigned i = 0; i < s->m->n_options; i++) {
        g_autoptr(GError) err = NULL; /* checked already */

        if (s->types[i] == type && !options_get_number(&s->options[i], key, def, &def, &err)) {
            continue;
        }
    }
    return def;
}

static bool smbios_has(const Smbios *s, unsigned type)
{
    for (unsigned i = 0; i < s->m->n_options; i++) {
        if (s->types[i] == type) {
            return true;
        }
    }
    return false;
}

/* The number of a string; 0: none. */
static void smbios_text(Smbios *s, const char *text)
{
    if (!text || !*text) {
        smbios_le(s, 1, 0);
        return;
    }
    g_string_append_len(s->strings, text, strlen(text) + 1);
    smbios_le(s, 1, ++s->n_strings);
}

static void smbios_option_text(Smbios *s, unsigned type, const char *key, const char *def)
{
    smbios_text(s, smbios_value(s, type, key, def));
}

static void smbios_bios(Smbios *s)
{
    const char *release = smbios_value(s, TYPE_BIOS, "release", "0.0");
    const char *uefi = smbios_value(s, TYPE_BIOS, "uefi", "off");

    if (!smbios_has(s, TYPE_BIOS)) {
        return; /* firmware says itself what it is */
    }
    smbios_begin(s, TYPE_BIOS, 0);
    smbios_option_text(s, TYPE_BIOS, "vendor", NULL);
    smbios_option_text(s, TYPE_BIOS, "version", NULL);
    smbios_le(s, 2, 0xe800);
    smbios_option_text(s, TYPE_BIOS, "date", NULL);
    smbios_le(s, 1, 0);
    smbios_le(s, 8, 1 << 3); /* characteristics are not told */
    smbios_le(s, 1, 0);
    smbios_le(s, 1, 0x14 | (!strcmp(uefi, "on") ? 1 << 3 : 0)); /* a virtual machine */
    smbios_le(s, 1, strtoul(release, NULL, 10));
    smbios_le(s, 1, strtoul(strchr(release, '.') + 1, NULL, 10));
    smbios_le(s, 2, 0xffff);
    smbios_end(s);
}

/* The first three fields are little-endian. Spec: 7.2.1 */
static void smbios_uuid(Smbios *s, const char *text)
{
    static const uint8_t order[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };

    for (unsigned i = 0; i < 16; i++) {
        const char *p = text ? text + order[i] : "00";

        smbios_le(s, 1, g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
    }
}

static void smbios_system(Smbios *s)
{
    smbios_begin(s, TYPE_SYSTEM, 0x100);
    smbios_option_text(s, TYPE_SYSTEM, "manufacturer", "QEMU");
    smbios_option_text(s, TYPE_SYSTEM, "product", s->m->product);
    smbios_option_text(s, TYPE_SYSTEM, "version", s->m->version);
    smbios_option_text(s, TYPE_SYSTEM, "serial", NULL);
    smbios_uuid(s, smbios_value(s, TYPE_SYSTEM, "uuid", s->m->uuid));
    smbios_le(s, 1, 6); /* woken by the power button */
    smbios_option_text(s, TYPE_SYSTEM, "sku", NULL);
    smbios_option_text(s, TYPE_SYSTEM, "family", NULL);
    smbios_end(s);
}

static void smbios_board(Smbios *s)
{
    if (!smbios_has(s, TYPE_BOARD)) {
        return;
    }
    smbios_begin(s, TYPE_BOARD, 0x200);
    smbios_option_text(s, TYPE_BOARD, "manufacturer", "QEMU");
    smbios_option_text(s, TYPE_BOARD, "product", s->m->product);
    smbios_option_text(s, TYPE_BOARD, "version", s->m->version);
    smbios_option_text(s, TYPE_BOARD, "serial", NULL);
    smbios_option_text(s, TYPE_BOARD, "asset", NULL);
    smbios_le(s, 1, 1); /* a hosting board */
    smbios_option_text(s, TYPE_BOARD, "location", NULL);
    smbios_le(s, 2, 0x300);
    smbios_le(s, 1, 0x0a); /* motherboard */
    smbios_le(s, 1, 0);
    smbios_end(s);
}

static void smbios_chassis(Smbios *s)
{
    smbios_begin(s, TYPE_CHASSIS, 0x300);
    smbios_option_text(s, TYPE_CHASSIS, "manufacturer", "QEMU");
    smbios_le(s, 1, 1); /* other */
    smbios_option_text(s, TYPE_CHASSIS, "version", s->m->version);
    smbios_option_text(s, TYPE_CHASSIS, "serial", NULL);
    smbios_option_text(s, TYPE_CHASSIS, "asset", NULL);
    smbios_le(s, 3, 0x030303); /* safe: when booted, power supply, temperature */
    smbios_le(s, 1, 2);
    smbios_le(s, 8, 0);
    smbios_option_text(s, TYPE_CHASSIS, "sku", NULL);
    smbios_end(s);
}

static void smbios_cpu(Smbios *s, unsigned n)
{
    g_autofree char *socket =
        g_strdup_printf("%s%2x", smbios_value(s, TYPE_CPU, "sock_pfx", "CPU"), n);
    unsigned cores = s->m->cores, threads = s->m->cores * s->m->threads;

    smbios_begin(s, TYPE_CPU, 0x400 + n);
    smbios_text(s, socket);
    smbios_le(s, 1, 3); /* central processor */
    smbios_le(s, 1, 1);
    smbios_option_text(s, TYPE_CPU, "manufacturer", "QEMU");
    smbios_le(s, 8, smbios_number(s, TYPE_CPU, "processor-id", 0));
    smbios_option_text(s, TYPE_CPU, "version", s->m->version);
    smbios_le(s, 1, 0);
    smbios_le(s, 2, 0);
    smbios_le(s, 2, smbios_number(s, TYPE_CPU, "max-speed", 2000));
    smbios_le(s, 2, smbios_number(s, TYPE_CPU, "current-speed", 2000));
    smbios_le(s, 1, 0x41); /* there and enabled */
    smbios_le(s, 1, 1);
    smbios_le(s, 6, bits_mask(48)); /* no caches told */
    smbios_option_text(s, TYPE_CPU, "serial", NULL);
    smbios_option_text(s, TYPE_CPU, "asset", NULL);
    smbios_option_text(s, TYPE_CPU, "part", NULL);
    smbios_le(s, 1, cores > 255 ? 255 : cores);
    smbios_le(s, 1, cores > 255 ? 255 : cores);
    smbios_le(s, 1, threads > 255 ? 255 : threads);
    smbios_le(s, 2, 2); /* characteristics unknown */
    smbios_le(s, 2, 1);
    smbios_le(s, 2, cores);
    smbios_le(s, 2, cores);
    smbios_le(s, 2, threads);
    smbios_end(s);
}

static bool smbios_oem_strings(Smbios *s, GError **err)
{
    unsigned count_at;

    if (!smbios_has(s, TYPE_OEM_STRINGS)) {
        return true;
    }
    smbios_begin(s, TYPE_OEM_STRINGS, 0xe00);
    count_at = s->out->len;
    smbios_le(s, 1, 0);
    for (unsigned i = 0; i < s->m->n_options; i++) {
        const Options *o = &s->options[i];

        for (unsigned k = 0; s->types[i] == TYPE_OEM_STRINGS && k < o->n; k++) {
            g_autofree char *file = NULL;
            const char *text = o->list[k].value;

            if (!strcmp(o->list[k].key, "path")) {
                if (!g_file_get_contents(text, &file, NULL, err)) {
                    g_prefix_error(err, "-smbios path=: ");
                    return false;
                }
                text = file;
            } else if (strcmp(o->list[k].key, "value")) {
                continue;
            }
            if (*text && s->n_strings < 255) { /* an empty one would end the list */
                g_string_append_len(s->strings, text, strlen(text) + 1);
                s->n_strings++;
            }
        }
    }
    s->out->data[count_at] = s->n_strings;
    smbios_end(s);
    return true;
}

static void smbios_memory_device(Smbios *s, unsigned n, uint64_t mib)
{
    g_autofree char *locator =
        g_strdup_printf("%s %u", smbios_value(s, TYPE_MEMORY_DEVICE, "loc_pfx", "DIMM"), n);

    smbios_begin(s, TYPE_MEMORY_DEVICE, 0x1100 + n);
    smbios_le(s, 2, 0x1000);
    smbios_le(s, 2, NO_HANDLE);
    smbios_le(s, 4, UINT32_MAX); /* widths unknown */
    smbios_le(s, 2, mib < 0x7fff ? mib : 0x7fff);
    smbios_le(s, 1, 9); /* DIMM */
    smbios_le(s, 1, 0);
    smbios_text(s, locator);
    smbios_option_text(s, TYPE_MEMORY_DEVICE, "bank", NULL);
    smbios_le(s, 1, 7); /* RAM */
    smbios_le(s, 2, 2); /* other */
    smbios_le(s, 2, smbios_number(s, TYPE_MEMORY_DEVICE, "speed", 0));
    smbios_option_text(s, TYPE_MEMORY_DEVICE, "manufacturer", "QEMU");
    smbios_option_text(s, TYPE_MEMORY_DEVICE, "serial", NULL);
    smbios_option_text(s, TYPE_MEMORY_DEVICE, "asset", NULL);
    smbios_option_text(s, TYPE_MEMORY_DEVICE, "part", NULL);
    smbios_le(s, 1, 0);
    smbios_le(s, 4, 0);
    smbios_le(s, 2, smbios_number(s, TYPE_MEMORY_DEVICE, "speed", 0));
    smbios_le(s, 6, 0);
    smbios_end(s);
}

static void smbios_memory(Smbios *s)
{
    uint64_t mib = s->m->ram_bytes >> 20, left = mib;
    unsigned n = (mib + DEVICE_MAX_MIB - 1) / DEVICE_MAX_MIB;

    smbios_begin(s, TYPE_MEMORY_ARRAY, 0x1000);
    smbios_le(s, 1, 1); /* other place */
    smbios_le(s, 1, 3); /* system memory */
    smbios_le(s, 1, 6); /* multi-bit ECC */
    smbios_le(s, 4, mib < 1 << 21 ? mib << 10 : 0x80000000);
    smbios_le(s, 2, NO_HANDLE);
    smbios_le(s, 2, n);
    smbios_le(s, 8, mib < 1 << 21 ? 0 : s->m->ram_bytes);
    smbios_end(s);
    for (unsigned i = 0; i < n; i++) {
        uint64_t part = left < DEVICE_MAX_MIB ? left : DEVICE_MAX_MIB;

        smbios_memory_device(s, i, part);
        left -= part;
    }
}

/* Where the array of memory appears. In KiB, or, beyond what they can tell, in bytes. Spec: 7.20 */
static void smbios_areas(Smbios *s)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t start = s->m->areas[i][0], len = s->m->areas[i][1];
        bool wide = (start + len) >> 10 >= UINT32_MAX;

        if (!len) {
            continue;
        }
        smbios_begin(s, TYPE_MEMORY_AREA, 0x1300 + i);
        smbios_le(s, 4, wide ? UINT32_MAX : start >> 10);
        smbios_le(s, 4, wide ? UINT32_MAX : (start + len - 1) >> 10);
        smbios_le(s, 2, 0x1000);
        smbios_le(s, 1, 1); /* one device makes a row */
        smbios_le(s, 8, wide ? start : 0);
        smbios_le(s, 8, wide ? start + len - 1 : 0);
        smbios_end(s);
    }
}

/* A structure as the file has it, with its strings' end made sure of. */
static bool smbios_file(Smbios *s, const char *path, GError **err)
{
    g_autofree char *data = NULL;
    gsize len, body;

    if (!g_file_get_contents(path, &data, &len, err)) {
        g_prefix_error(err, "-smbios file=: ");
        return false;
    }
    if (len < 4 || (uint8_t)data[1] < 4 || (uint8_t)data[1] > len || len > 1 << 16) {
        return error_set(err, "-smbios file=%s: is no structure", path);
    }
    g_byte_array_append(s->out, (const uint8_t *)data, len);
    body = len - (uint8_t)data[1];
    for (unsigned have =
             (body >= 1 && !data[len - 1]) + (body >= 2 && !data[len - 1] && !data[len - 2]);
         have < 2; have++) {
        smbios_le(s, 1, 0);
    }
    return true;
}

static bool smbios_structures(Smbios *s, GError **err)
{
    for (unsigned i = 0; i < s->m->n_options; i++) {
        if (s->types[i] == UINT64_MAX &&
            !smbios_file(s, options_get(&s->options[i], "file"), err)) {
            return false;
        }
    }
    smbios_bios(s);
    smbios_system(s);
    smbios_board(s);
    smbios_chassis(s);
    for (unsigned i = 0; i < s->m->sockets; i++) {
        smbios_cpu(s, i);
    }
    if (!smbios_oem_strings(s, err)) {
        return false;
    }
    smbios_memory(s);
    smbios_areas(s);
    smbios_begin(s, TYPE_BOOT, 0x2000);
    smbios_le(s, 6, 0);
    smbios_le(s, 1, 0); /* no errors */
    smbios_end(s);
    smbios_begin(s, TYPE_END, 0x7f00);
    smbios_end(s);
    return true;
}

static void smbios_anchor(GByteArray *out, uint32_t bytes)
{
    uint8_t a[ANCHOR_LEN] = "_SM3_", sum = 0;

    a[6] = ANCHOR_LEN;
    a[7] = 3;  /* 3.0 */
    a[10] = 1; /* revision of this entry point */
    put_le32(a + 12, bytes);
    for (unsigned i = 0; i < ANCHOR_LEN; i++) {
        sum += a[i];
    }
    a[5] = -sum;
    g_byte_array_append(out, a, sizeof(a));
}

static uint8_t smbios_sum(const uint8_t *bytes, unsigned n)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += bytes[i];
    }
    return -sum;
}

/* Structures end with two zero bytes behind their strings. */
static void smbios_anchor_32(GByteArray *out, const GByteArray *tables)
{
    uint8_t a[ANCHOR_LEN_32] = "_SM_";
    unsigned n = 0, largest = 0;

    for (unsigned at = 0, next; at + 4 < tables->len; at = next, n++) {
        next = at + tables->data[at + 1];
        while (next + 1 < tables->len && (tables->data[next] || tables->data[next + 1])) {
            next++;
        }
        next += 2;
        largest = next - at > largest ? next - at : largest;
    }
    a[5] = ANCHOR_LEN_32;
    a[6] = 2; /* 2.8 */
    a[7] = 8;
    put_le16(a + 8, largest);
    memcpy(a + ANCHOR_PART_32, "_DMI_", 5);
    put_le16(a + 22, tables->len);
    put_le16(a + 28, n);
    a[30] = 0x28;
    a[ANCHOR_PART_32 + 5] = smbios_sum(a + ANCHOR_PART_32, ANCHOR_LEN_32 - ANCHOR_PART_32);
    a[4] = smbios_sum(a, ANCHOR_LEN_32);
    g_byte_array_append(out, a, sizeof(a));
}

bool smbios_build(const SmbiosMachine *m, GByteArray *tables, GByteArray *anchor, GError **err)
{
    Smbios s = { .m = m,
                 .out = tables,
                 .options = g_new0(Options, m->n_options + 1),
                 .types = g_new0(uint64_t, m->n_options + 1),
                 .strings = g_string_new(NULL) };
    bool ok = true;

    for (unsigned i = 0; ok && i < m->n_options; i++) {
        ok = options_parse(&s.options[i], m->options[i], NULL, err) &&
             smbios_option(&s.options[i], &s.types[i], err);
    }
    ok = ok && smbios_structures(&s, err);
    if (ok && m->entry_32 && tables->len > UINT16_MAX) {
        ok = error_set(err, "-smbios: more than 64 KiB of structures");
    } else if (ok && m->entry_32) {
        smbios_anchor_32(anchor, tables);
    } else if (ok) {
        smbios_anchor(anchor, tables->len);
    }
    for (unsigned i = 0; i < m->n_options; i++) {
        options_deinit(&s.options[i]);
    }
    g_free(s.options);
    g_free(s.types);
    g_string_free(s.strings, TRUE);
    return ok;
}
