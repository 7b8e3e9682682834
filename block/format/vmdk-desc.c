/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor of a VMDK: lines of text, "key=value" and extents
 * (ACCESS SECTORS TYPE "NAME" [OFFSET]).
 */
#include "block/format/vmdk.h"

#include <inttypes.h>

static bool vmdk_desc_is_comment(const char *line, const char *end)
{
    while (line < end && (*line == ' ' || *line == '\t' || *line == '\r')) {
        line++;
    }
    return line == end || *line == '#';
}

bool vmdk_desc_probe(const uint8_t *buf, size_t len)
{
    const char *p = (const char *)buf, *end = p + len;

    if (len == 0 || *p != '#') {
        return false;
    }
    while (p < end) {
        const char *eol = memchr(p, '\n', end - p);

        if (!eol) {
            return false;
        }
        if (!vmdk_desc_is_comment(p, eol)) {
            return eol - p >= 9 && !memcmp(p, "version=", 8) && p[8] >= '1' && p[8] <= '3';
        }
        p = eol + 1;
    }
    return false;
}

bool vmdk_desc_name_is_safe(const char *name)
{
    g_auto(GStrv) parts = g_strsplit_set(name, "/\\", -1);

    if (name[0] == '/' || name[0] == '\\' || strchr(name, ':')) {
        return false;
    }
    for (unsigned i = 0; parts[i]; i++) {
        if (!strcmp(parts[i], "..")) {
            return false;
        }
    }
    return true;
}

/* A word of @line, NULL at its end. */
static char *vmdk_desc_word(char **line)
{
    char *p = *line + strspn(*line, " \t"), *end = p + strcspn(p, " \t");

    if (p == end) {
        return NULL;
    }
    *line = *end ? end + 1 : end;
    *end = '\0';
    return p;
}

static bool vmdk_desc_number(const char *text, uint64_t *value)
{
    return text && g_ascii_string_to_unsigned(text, 10, 0, INT64_MAX / 512, value, NULL);
}

static bool vmdk_desc_extent(VmdkDesc *d, char *line, unsigned number, GError **err)
{
    VmdkLine x = { 0 };
    char *access = vmdk_desc_word(&line), *sectors = vmdk_desc_word(&line);
    char *type = vmdk_desc_word(&line);

    if (!type || !vmdk_desc_number(sectors, &x.sectors) || x.sectors == 0) {
        return error_set(err,
                         "VMDK descriptor line %u: an extent is ACCESS SECTORS TYPE \"NAME\" "
                         "[OFFSET]",
                         number);
    }
    if (!strcmp(access, "NOACCESS")) {
        return error_set(err, "VMDK descriptor line %u: the extent may not be accessed (NOACCESS)",
                         number);
    }
    if (d->n_lines == VMDK_EXTENTS_MAX) {
        return error_set(err, "VMDK descriptor line %u: more than %d extents", number,
                         VMDK_EXTENTS_MAX);
    }
    x.writable = !strcmp(access, "RW");
    line += strspn(line, " \t");
    char *name = NULL, *quote = *line == '"' ? strchr(line + 1, '"') : NULL;
    if (quote) {
        *quote = '\0';
        name = line + 1;
        line = quote + 1;
    }
    char *off = vmdk_desc_word(&line);
    bool flat = !strcmp(type, "FLAT") || !strcmp(type, "VMFS");
    if (strcmp(type, "ZERO") && (!name || !*name || strlen(name) > VMDK_NAME_MAX)) {
        return error_set(err,
                         "VMDK descriptor line %u: an extent of type %s needs a name in "
                         "quotes",
                         number, type);
    }
    /* VMFS extents may leave the offset out: they begin at 0. */
    if (off && (!flat || !vmdk_desc_number(off, &x.off))) {
        return error_set(err, "VMDK descriptor line %u: '%s' is no offset of a flat extent", number,
                         off);
    }
    if (!off && !strcmp(type, "FLAT")) {
        return error_set(err, "VMDK descriptor line %u: a flat extent needs an offset", number);
    }
    x.type = g_strdup(type);
    x.name = g_strdup(name);
    d->lines = g_renew(VmdkLine, d->lines, d->n_lines + 1);
    d->lines[d->n_lines++] = x;
    return true;
}

static bool vmdk_desc_hex(const char *text, uint32_t *value)
{
    uint64_t v;

    if (!g_ascii_string_to_unsigned(text, 16, 0, UINT32_MAX, &v, NULL)) {
        return false;
    }
    *value = v;
    return true;
}

static char *vmdk_desc_unquote(const char *text)
{
    size_t len = strlen(text);

    return len >= 2 && text[0] == '"' && text[len - 1] == '"' ? g_strndup(text + 1, len - 2)
                                                              : g_strdup(text);
}

/* @at: of the line in the text. */
static bool vmdk_desc_key(VmdkDesc *d, char *line, unsigned at, unsigned number, GError **err)
{
    char *equals = strchr(line, '=');
    unsigned value_at = at + (equals - line) + 1;

    *equals = '\0';
    char *key = g_strstrip(line), *raw = equals + 1;
    value_at += strspn(raw, " \t");
    char *value = g_strstrip(raw);
    if (!strcmp(key, "CID")) {
        d->cid_at = value_at;
        d->cid_digits = strlen(value);
        if (!vmdk_desc_hex(value, &d->cid)) {
            return error_set(err,
                             "VMDK descriptor line %u: CID '%s' is no 32-bit hexadecimal "
                             "number",
                             number, value);
        }
    } else if (!strcmp(key, "parentCID")) {
        if (!vmdk_desc_hex(value, &d->parent_cid)) {
            return error_set(err,
                             "VMDK descriptor line %u: parentCID '%s' is no 32-bit "
                             "hexadecimal number",
                             number, value);
        }
    } else if (!strcmp(key, "createType")) {
        g_free(d->create_type);
        d->create_type = vmdk_desc_unquote(value);
    } else if (!strcmp(key, "parentFileNameHint")) {
        g_free(d->parent_hint);
        d->parent_hint = vmdk_desc_unquote(value);
        if (strlen(d->parent_hint) > VMDK_NAME_MAX) {
            return error_set(err,
                             "VMDK descriptor line %u: parentFileNameHint is longer than %d "
                             "bytes",
                             number, VMDK_NAME_MAX);
        }
    }
    return true;
}

bool vmdk_desc_parse(VmdkDesc *d, const char *text, size_t len, GError **err)
{
    static const char *const access[] = { "RW ", "RDONLY ", "NOACCESS ", "RW\t", "RDONLY\t" };
    const char *nul = memchr(text, '\0', len), *end = nul ? nul : text + len;
    unsigned number = 0;

    *d = (VmdkDesc){ .parent_cid = VMDK_NO_PARENT };
    for (const char *p = text; p < end;) {
        const char *eol = memchr(p, '\n', end - p);
        const char *stop = eol ? eol : end;
        g_autofree char *line = g_strndup(p, stop - p);
        bool is_extent = false, ok = true;

        number++;
        g_strchomp(line);
        for (unsigned i = 0; i < G_N_ELEMENTS(access); i++) {
            is_extent |= g_str_has_prefix(line, access[i]);
        }
        if (is_extent) {
            ok = vmdk_desc_extent(d, line, number, err);
        } else if (!vmdk_desc_is_comment(p, stop) && strchr(line, '=')) {
            ok = vmdk_desc_key(d, line, p - text, number, err);
        }
        if (!ok) {
            vmdk_desc_clear(d);
            return false;
        }
        p = stop + 1;
    }
    if (!d->create_type) {
        vmdk_desc_clear(d);
        return error_set(err, "VMDK descriptor without createType%s",
                         text == end ? " (empty: this is one extent of a disk, open the file that "
                                       "names it)"
                                     : "");
    }
    return true;
}

void vmdk_desc_clear(VmdkDesc *d)
{
    for (unsigned i = 0; i < d->n_lines; i++) {
        g_free(d->lines[i].type);
        g_free(d->lines[i].name);
    }
    g_free(d->lines);
    g_free(d->create_type);
    g_free(d->parent_hint);
    *d = (VmdkDesc){ 0 };
}
