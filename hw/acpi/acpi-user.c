/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables that the user gives (-acpitable): whole files, or a header from options before files.
 * Spec: ACPI Specification 6.4, 5.2.6 (header).
 */
#include "hw/acpi/acpi.h"

#include "util/bytes.h"

#include <string.h>

enum { HEADER = 36, USER_MAX = 1 << 20 };

/* Fields of the header by their option; the number of bytes is the field's. */
static const struct UserField {
    const char *key;
    uint8_t at, bytes;
    bool text;
} user_fields[] = {
    { "sig", 0, 4, true },
    { "rev", 8, 1, false },
    { "oem_id", 10, 6, true },
    { "oem_table_id", 16, 8, true },
    { "oem_rev", 24, 4, false },
    { "asl_compiler_id", 28, 4, true },
    { "asl_compiler_rev", 32, 4, false },
};

static bool user_files(const char *list, GByteArray *out, GError **err)
{
    g_auto(GStrv) names = g_strsplit(list, ":", -1);

    for (unsigned i = 0; names[i]; i++) {
        g_autofree char *data = NULL;
        gsize len;

        if (!g_file_get_contents(names[i], &data, &len, err)) {
            return false;
        }
        if (len > USER_MAX || out->len + len > USER_MAX) {
            return error_set(err, "%s: more than 1 MiB", names[i]);
        }
        g_byte_array_append(out, (const uint8_t *)data, (guint)len);
    }
    return true;
}

static bool user_field(const Options *o, const struct UserField *f, uint8_t *header, GError **err)
{
    const char *text = options_get((Options *)o, f->key);
    uint64_t n = 0;

    if (!text) {
        return true;
    }
    if (f->text) {
        if (strlen(text) > f->bytes) {
            return error_set(err, "%s=%s: at most %u characters", f->key, text, f->bytes);
        }
        memset(header + f->at, 0, f->bytes);
        memcpy(header + f->at, text, strlen(text));
        return true;
    }
    if (!options_get_number((Options *)o, f->key, 0, &n, err)) {
        return false;
    }
    if (n > bits_mask(8 * f->bytes)) {
        return error_set(err, "%s=%s: at most %u bits", f->key, text, 8 * f->bytes);
    }
    put_le(header + f->at, f->bytes, n);
    return true;
}

static bool user_table(AcpiTables *t, Options *o, GError **err)
{
    const char *keys[ARRAY_SIZE(user_fields) + 2] = { "file", "data" };
    const char *file = options_get(o, "file"), *data = options_get(o, "data");
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (unsigned i = 0; i < ARRAY_SIZE(user_fields); i++) {
        keys[2 + i] = user_fields[i].key;
    }
    if (!file == !data) {
        return error_set(err, "it wants either file=FILE (with a header) or data=FILE (without)");
    }
    if (data) {
        g_byte_array_set_size(out, HEADER);
        memset(out->data, 0, HEADER);
        out->data[8] = 1;
        memcpy(out->data + 10, t->oem_id, 6);
        memcpy(out->data + 16, t->oem_table_id, 8);
        put_le32(out->data + 24, 1);
        memcpy(out->data + 28, t->oem_table_id, 4);
        put_le32(out->data + 32, 1);
    }
    if (!user_files(file ? file : data, out, err)) {
        return false;
    }
    if (out->len < HEADER) {
        return error_set(err, "%s: shorter than a table's header of %d bytes", file, HEADER);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(user_fields); i++) {
        if (!user_field(o, &user_fields[i], out->data, err)) {
            return false;
        }
    }
    if (!options_all_used(o, keys, ARRAY_SIZE(keys), err)) {
        return false;
    }
    if (!out->data[0]) {
        return error_set(err, "sig= is missing: the table's four letters");
    }
    acpi_append(t, out->data, out->len, true);
    return true;
}

bool acpi_user_tables(AcpiTables *t, const char *const *texts, unsigned n, GError **err)
{
    for (unsigned i = 0; i < n; i++) {
        Options o = { 0 };
        bool ok = options_parse(&o, texts[i], NULL, err) && user_table(t, &o, err);

        options_deinit(&o);
        if (!ok) {
            g_prefix_error(err, "-acpitable %s: ", texts[i]);
            return false;
        }
    }
    return true;
}
