/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/acpi/acpi.h"

#include "hw/misc/fw_cfg.h"
#include "util/bytes.h"

#include <string.h>

#define FILE_TABLES "etc/acpi/tables"
#define FILE_RSDP   "etc/acpi/rsdp"
#define FILE_LOADER "etc/table-loader"

enum {
    HEADER = 36,
    LENGTH_AT = 4,
    SUM_AT = 9,
    COMMAND = 128, /* bytes of a loader's command */
    NAME = 56,
    CMD_ALLOCATE = 1,
    CMD_POINTER = 2,
    CMD_CHECKSUM = 3,
    ZONE_HIGH = 1,
    ZONE_FSEG = 2,
    RSDP_V1 = 20, /* bytes of the part that the first sum covers */
    RSDP_SUM_AT = 8,
    RSDP_RSDT_AT = 16,
    RSDP_XSDT_AT = 24,
    RSDP_SUM2_AT = 32,
    RSDP_LEN = 36,
    FACS_LEN = 64,
};

/* ---- The loader's commands ---- */

static uint8_t *loader_command(AcpiTables *t, uint32_t command, const char *file)
{
    unsigned at = t->loader->len;
    uint8_t *c;

    g_byte_array_set_size(t->loader, at + COMMAND);
    c = t->loader->data + at;
    memset(c, 0, COMMAND);
    put_le32(c, command);
    g_strlcpy((char *)c + 4, file, NAME);
    return c;
}

static void loader_allocate(AcpiTables *t, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *c = loader_command(t, CMD_ALLOCATE, file);

    put_le32(c + 60, align);
    c[64] = zone;
}

/* The @size bytes at @at of @file are an offset in @target until firmware adds its address. */
static void loader_pointer(AcpiTables *t, const char *file, uint32_t at, uint8_t size,
                           const char *target)
{
    uint8_t *c = loader_command(t, CMD_POINTER, file);

    g_strlcpy((char *)c + 60, target, NAME);
    put_le32(c + 116, at);
    c[120] = size;
}

static void loader_checksum(AcpiTables *t, const char *file, uint32_t at, uint32_t start,
                            uint32_t len)
{
    uint8_t *c = loader_command(t, CMD_CHECKSUM, file);

    put_le32(c + 60, at);
    put_le32(c + 64, start);
    put_le32(c + 68, len);
}

/* ---- Tables ---- */

void acpi_init(AcpiTables *t, const char *oem_id, const char *oem_table_id)
{
    *t = (AcpiTables){ .blob = g_byte_array_new(),
                       .loader = g_byte_array_new(),
                       .rsdp = g_byte_array_new(),
                       .roots = g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
    g_snprintf(t->oem_id, sizeof(t->oem_id), "%-6s", oem_id);
    g_snprintf(t->oem_table_id, sizeof(t->oem_table_id), "%-8s", oem_table_id);
    loader_allocate(t, FILE_RSDP, 16, ZONE_FSEG);
    loader_allocate(t, FILE_TABLES, 64, ZONE_HIGH);
}

void acpi_deinit(AcpiTables *t)
{
    g_byte_array_unref(t->blob);
    g_byte_array_unref(t->loader);
    g_byte_array_unref(t->rsdp);
    g_array_unref(t->roots);
}

static void acpi_le(AcpiTables *t, unsigned size, uint64_t val)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    g_byte_array_append(t->blob, buf, size);
}

void acpi_u8(AcpiTables *t, uint8_t val)
{
    acpi_le(t, 1, val);
}

void acpi_u16(AcpiTables *t, uint16_t val)
{
    acpi_le(t, 2, val);
}

void acpi_u32(AcpiTables *t, uint32_t val)
{
    acpi_le(t, 4, val);
}

void acpi_u64(AcpiTables *t, uint64_t val)
{
    acpi_le(t, 8, val);
}

void acpi_zeros(AcpiTables *t, unsigned n)
{
    while (n--) {
        acpi_u8(t, 0);
    }
}

void acpi_address(AcpiTables *t, unsigned bits, unsigned access, uint64_t at)
{
    acpi_u8(t, 0); /* memory */
    acpi_u8(t, bits);
    acpi_u8(t, 0);
    acpi_u8(t, access);
    acpi_u64(t, at);
}

void acpi_ports(AcpiTables *t, unsigned bits, uint64_t at)
{
    acpi_u8(t, bits ? 1 : 0); /* system I/O */
    acpi_u8(t, bits);
    acpi_u8(t, 0);
    acpi_u8(t, 0);
    acpi_u64(t, at);
}

void acpi_pointer32(AcpiTables *t, unsigned target)
{
    loader_pointer(t, FILE_TABLES, t->blob->len, 4, FILE_TABLES);
    acpi_u32(t, target);
}

void acpi_pointer(AcpiTables *t, unsigned target)
{
    loader_pointer(t, FILE_TABLES, t->blob->len, 8, FILE_TABLES);
    acpi_u64(t, target);
}

static void acpi_text(AcpiTables *t, const char *text, unsigned len)
{
    g_byte_array_append(t->blob, (const uint8_t *)text, len);
}

unsigned acpi_begin(AcpiTables *t, const char *signature, unsigned revision)
{
    unsigned at = t->blob->len;

    acpi_text(t, signature, 4);
    acpi_u32(t, 0); /* length */
    acpi_u8(t, revision);
    acpi_u8(t, 0); /* sum */
    acpi_text(t, t->oem_id, 6);
    acpi_text(t, t->oem_table_id, 8);
    acpi_u32(t, 1);
    acpi_text(t, t->oem_table_id, 4); /* of the compiler */
    acpi_u32(t, 1);
    return at;
}

void acpi_end(AcpiTables *t, unsigned at, bool root)
{
    uint32_t len = t->blob->len - at, place = at;

    put_le32(t->blob->data + at + LENGTH_AT, len);
    loader_checksum(t, FILE_TABLES, at + SUM_AT, at, len);
    if (root) {
        g_array_append_val(t->roots, place);
    }
}

/* It has no sum. Spec: 5.2.10 */
unsigned acpi_facs(AcpiTables *t)
{
    unsigned at = t->blob->len;

    acpi_text(t, "FACS", 4);
    acpi_u32(t, FACS_LEN);
    acpi_zeros(t, FACS_LEN - 8);
    return at;
}

void acpi_append(AcpiTables *t, const uint8_t *table, unsigned len, bool root)
{
    unsigned at = t->blob->len;

    g_byte_array_append(t->blob, table, len);
    t->blob->data[at + SUM_AT] = 0;
    acpi_end(t, at, root);
}

static uint8_t *acpi_rsdp(AcpiTables *t, unsigned len, unsigned revision)
{
    uint8_t *r;

    g_byte_array_set_size(t->rsdp, len);
    r = t->rsdp->data;
    memset(r, 0, len);
    memcpy(r, "RSD PTR ", 8);
    memcpy(r + 9, t->oem_id, 6);
    r[15] = revision;
    return r;
}

void acpi_finish_v1(AcpiTables *t)
{
    unsigned rsdt = acpi_begin(t, "RSDT", 1);

    for (unsigned i = 0; i < t->roots->len; i++) {
        acpi_pointer32(t, g_array_index(t->roots, uint32_t, i));
    }
    acpi_end(t, rsdt, false);
    put_le32(acpi_rsdp(t, RSDP_V1, 0) + RSDP_RSDT_AT, rsdt);
    loader_pointer(t, FILE_RSDP, RSDP_RSDT_AT, 4, FILE_TABLES);
    loader_checksum(t, FILE_RSDP, RSDP_SUM_AT, 0, RSDP_V1);
}

void acpi_finish(AcpiTables *t)
{
    unsigned xsdt = acpi_begin(t, "XSDT", 1);
    uint8_t *r;

    for (unsigned i = 0; i < t->roots->len; i++) {
        acpi_pointer(t, g_array_index(t->roots, uint32_t, i));
    }
    acpi_end(t, xsdt, false);
    r = acpi_rsdp(t, RSDP_LEN, 2);
    put_le32(r + 20, RSDP_LEN);
    put_le64(r + RSDP_XSDT_AT, xsdt);
    loader_checksum(t, FILE_RSDP, RSDP_SUM_AT, 0, RSDP_V1);
    loader_pointer(t, FILE_RSDP, RSDP_XSDT_AT, 8, FILE_TABLES);
    loader_checksum(t, FILE_RSDP, RSDP_SUM2_AT, 0, RSDP_LEN);
}

bool acpi_publish(AcpiTables *t, Device *fw_cfg, GError **err)
{
    return fw_cfg_add_file(fw_cfg, FILE_TABLES, t->blob->data, t->blob->len, err) &&
           fw_cfg_add_file(fw_cfg, FILE_RSDP, t->rsdp->data, t->rsdp->len, err) &&
           fw_cfg_add_file(fw_cfg, FILE_LOADER, t->loader->data, t->loader->len, err);
}

static GByteArray *acpi_file(AcpiTables *t, const uint8_t *name)
{
    return !strcmp((const char *)name, FILE_RSDP) ? t->rsdp : t->blob;
}

void acpi_place(AcpiTables *t, uint64_t base, uint64_t rsdp)
{
    for (unsigned at = 0; at < t->loader->len; at += COMMAND) {
        const uint8_t *c = t->loader->data + at;
        GByteArray *file = acpi_file(t, c + 4);
        uint64_t to;
        uint8_t *p, sum = 0;

        switch (get_le32(c)) {
        case CMD_POINTER:
            to = acpi_file(t, c + 60) == t->rsdp ? rsdp : base;
            p = file->data + get_le32(c + 116);
            put_le(p, c[120], get_le(p, c[120]) + to);
            break;
        case CMD_CHECKSUM:
            for (uint32_t i = 0; i < get_le32(c + 68); i++) {
                sum += file->data[get_le32(c + 64) + i];
            }
            file->data[get_le32(c + 60)] -= sum;
            break;
        default:
            break;
        }
    }
}
