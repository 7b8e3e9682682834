/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What firmware makes of a machine's ACPI tables, as files:
 *
 *   acpi-dump FOLDER ARCH ARGUMENTS...     as of `tinamou system ARCH`
 *
 * FOLDER gets SIGNATURE.aml for each table, and rsdp, smbios-anchor and smbios-tables. The loader's
 * commands are carried out as firmware does, with the blobs at made-up addresses. Status 1: a
 * command does not fit its file, or a sum is wrong.
 */
#include "cli/build.h"
#include "hw/misc/fw_cfg.h"
#include "util/bytes.h"

#include <stdio.h>

enum { MAX_FILES = 4, COMMAND = 128, BASE = 0x50000000, STEP = 0x01000000 };

typedef struct Blob {
    const char *name;
    uint8_t *data;
    size_t len;
} Blob;

typedef struct Dump {
    const char *folder;
    Device *fw_cfg;
    Blob files[MAX_FILES];
    unsigned n;
} Dump;

static bool dump_fail(const char *what, const char *name)
{
    fprintf(stderr, "acpi-dump: %s: %s\n", name, what);
    return false;
}

static int dump_find(const Dump *d, const char *name)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (!strcmp(d->files[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static bool dump_allocate(Dump *d, const char *name)
{
    size_t len;
    const uint8_t *data = fw_cfg_find_file(d->fw_cfg, name, &len);

    if (!data || d->n == MAX_FILES) {
        return dump_fail("no such file", name);
    }
    d->files[d->n++] = (Blob){ name, g_memdup2(data, len), len };
    return true;
}

static bool dump_command(Dump *d, const uint8_t *c)
{
    const char *name = (const char *)c + 4, *target = (const char *)c + 60;
    int f = dump_find(d, name), to;
    uint32_t at, start, len;
    uint8_t sum = 0;
    Blob *b = f < 0 ? NULL : &d->files[f];

    switch (get_le32(c)) {
    case 1:
        return dump_allocate(d, name);
    case 2:
        to = dump_find(d, target);
        at = get_le32(c + 116);
        len = c[120];
        if (!b || to < 0 || len > 8 || at > b->len || len > b->len - at ||
            get_le(b->data + at, len) >= d->files[to].len) {
            return dump_fail("a pointer that leads nowhere", name);
        }
        put_le(b->data + at, len, get_le(b->data + at, len) + BASE + (uint64_t)to * STEP);
        return true;
    case 3:
        at = get_le32(c + 60);
        start = get_le32(c + 64);
        len = get_le32(c + 68);
        if (!b || at >= b->len || start > b->len || len > b->len - start) {
            return dump_fail("a sum of what is not there", name);
        }
        for (uint32_t i = 0; i < len; i++) {
            sum += b->data[start + i];
        }
        b->data[at] = (uint8_t)(b->data[at] - sum);
        return true;
    default:
        return dump_fail("an unknown command", name);
    }
}

static bool dump_write(const Dump *d, const char *name, const void *data, size_t len)
{
    g_autofree char *path = g_build_filename(d->folder, name, NULL);
    g_autoptr(GError) err = NULL;

    return g_file_set_contents(path, data, (gssize)len, &err) || dump_fail(err->message, path);
}

static bool dump_tables(const Dump *d, const Blob *b)
{
    for (size_t at = 0; at < b->len;) {
        uint32_t len = b->len - at < 36 ? 0 : get_le32(b->data + at + 4);
        char name[16];
        uint8_t sum = 0;

        if (len < 36 || len > b->len - at) {
            return dump_fail("a table without end", b->name);
        }
        for (uint32_t i = 0; i < len && memcmp(b->data + at, "FACS", 4); i++) {
            sum += b->data[at + i];
        }
        g_snprintf(name, sizeof(name), "%.4s.aml", (const char *)b->data + at);
        if (sum) {
            return dump_fail("the sum is wrong", name);
        }
        if (!dump_write(d, name, b->data + at, len)) {
            return false;
        }
        at += len;
    }
    return true;
}

static bool dump_other(const Dump *d, const char *file, const char *name)
{
    size_t len;
    const uint8_t *data = fw_cfg_find_file(d->fw_cfg, file, &len);

    return !data || dump_write(d, name, data, len);
}

static bool dump_all(Dump *d)
{
    size_t len;
    const uint8_t *commands = fw_cfg_find_file(d->fw_cfg, "etc/table-loader", &len);
    int tables, rsdp;

    if (!commands) {
        return dump_fail("the machine has no ACPI tables", "etc/table-loader");
    }
    for (size_t at = 0; at + COMMAND <= len; at += COMMAND) {
        if (!dump_command(d, commands + at)) {
            return false;
        }
    }
    tables = dump_find(d, "etc/acpi/tables");
    rsdp = dump_find(d, "etc/acpi/rsdp");
    if (tables < 0 || rsdp < 0) {
        return dump_fail("not allocated", "etc/acpi/tables");
    }
    return dump_tables(d, &d->files[tables]) &&
           dump_write(d, "rsdp", d->files[rsdp].data, d->files[rsdp].len) &&
           dump_other(d, "etc/smbios/smbios-anchor", "smbios-anchor") &&
           dump_other(d, "etc/smbios/smbios-tables", "smbios-tables");
}

int main(int argc, char **argv)
{
    Dump d = { .folder = argc > 1 ? argv[1] : "." };
    SystemConfig c;
    Build b;
    GError *err = NULL;
    int status = 1;

    config_init(&c, argc > 2 ? argv[2] : "aarch64");
    build_init(&b, &c);
    if (argc > 2 && config_parse(&c, argc - 3, argv + 3, &err) && build_machine(&b, &err)) {
        d.fw_cfg = device_find(b.m, "fw_cfg");
        status = d.fw_cfg && dump_all(&d) ? 0 : 1;
    }
    if (err) {
        fprintf(stderr, "acpi-dump: %s\n", err->message);
        g_clear_error(&err);
    }
    for (unsigned i = 0; i < d.n; i++) {
        g_free(d.files[i].data);
    }
    build_deinit(&b);
    config_deinit(&c);
    return status;
}
