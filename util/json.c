/* SPDX-License-Identifier: Apache-2.0 */
#include "util/json.h"

#include <stdbool.h>
#include <string.h>

/*
 * The order in which QEMU's tools print the members of an object is fixed for each set of keys, and
 * scripts compare their output as text. Seen by letting the tools print objects with all of these.
 */
static const char *const json_order[] = {
    /* clang-format off */
    "refcount-cache-size", "main-header", "ivgen-alg", "iotype", "no-flush", "length", "iops_rd",
    "compat", "icount", "flags", "vm-clock-nsec", "detached-header", "image-end-offset",
    "refcount-block", "name", "test", "active", "locking", "auto", "password-secret", "direct",
    "port", "refcount-table", "compressed-clusters", "cache-size", "url", "hash-alg",
    "log-super-update-interval", "backing-image", "iters", "read-zeroes", "compression-type",
    "compressed", "active-l2", "active-l1", "cookie-secret", "recording", "inject-error",
    "immediately", "cid", "lazy-refcounts", "log", "date-sec", "vmdk-type", "once", "bitmaps",
    "cipher-alg", "pass-discard-snapshot", "refcount-bits", "persistent", "start", "state",
    "log-sector-size", "detect-zeroes", "parent-cid", "uuid", "proxy-username", "busy",
    "total-clusters", "zero", "filter-node-name", "pass-discard-other", "extent-size-hint",
    "offset", "x-blockdev", "image", "corruptions", "data-file", "iops_wr", "readahead",
    "ivgen-hash-alg", "socket", "backing", "status", "throttle-group", "corruptions-fixed",
    "max-transfer", "check-errors", "children", "backing-filename-format", "luks", "inactive-l2",
    "template", "node-name", "cache-clean-interval", "host", "timeout", "date-nsec",
    "snapshot-table", "driver", "granularity", "count", "required", "leaks", "create-type", "path",
    "block-size", "driver-specific", "snapshots", "key-offset", "l2-cache-entry-size", "log-append",
    "pass-discard-request", "dirty", "leaks-fixed", "inactive-l1", "proxy-password-secret",
    "allocated-clusters", "overlap-check", "config", "bitmap-directory", "virtual-size", "filename",
    "cluster-size", "username", "size", "file-specific", "export", "fully-allocated",
    "auto-read-only", "l2-cache-size", "reconnect-delay", "iops", "format", "encrypt", "sector",
    "server", "read-only", "bps_wr", "actual-size", "data-file-raw", "format-specific",
    "full-backing-filename", "event", "opt-discard", "specific", "cipher-mode", "stripes",
    "subformat", "slots", "device-name", "cookie", "vm-clock-sec", "payload-offset", "tls-creds",
    "aio", "encrypted", "depth", "bps", "bps_rd", "type", "extents", "raw", "open-timeout",
    "cache.direct", "latency-ns", "cache", "discard", "tls-hostname", "present", "sslverify",
    "master-key-iters", "force-share", "rdm", "file", "backing-filename", "corrupt", "inconsistent",
    "fragmented-clusters", "id", "errno", "vm-state-size", "pr-manager", "info", "key-secret",
    "dirty-flag", "opt-write", "extended-l2", "data", "align",
    /* clang-format on */
};

unsigned json_key_rank(const char *key)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(json_order); i++) {
        if (!strcmp(key, json_order[i])) {
            return i;
        }
    }
    return G_N_ELEMENTS(json_order);
}

GVariant *json_string(const char *text)
{
    return g_variant_new_take_string(g_utf8_make_valid(text, -1));
}

void json_add(GVariantBuilder *dict, const char *key, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", key, value);
}

/* A container's members in the order of printing. */
typedef struct JsonMember {
    char *key; /* NULL: of an array */
    GVariant *value;
    unsigned rank;
} JsonMember;

typedef struct JsonMembers {
    JsonMember *list;
    size_t n;
    bool dict;
} JsonMembers;

static GVariant *json_look_through(GVariant *value)
{
    value = g_variant_ref(value);
    while (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
        GVariant *inner = g_variant_get_variant(value);

        g_variant_unref(value);
        value = inner;
    }
    return value;
}

static bool json_is_container(GVariant *value)
{
    return g_variant_is_of_type(value, G_VARIANT_TYPE_ARRAY);
}

static JsonMembers json_members_new(GVariant *value)
{
    JsonMembers m = { .n = g_variant_n_children(value) };

    m.dict = g_variant_is_of_type(value, G_VARIANT_TYPE("a{s*}"));
    m.list = g_new0(JsonMember, m.n + 1);
    for (size_t i = 0; i < m.n; i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        JsonMember one = { 0 };
        size_t at = i;

        if (m.dict) {
            g_autoptr(GVariant) key = g_variant_get_child_value(child, 0);
            g_autoptr(GVariant) boxed = g_variant_get_child_value(child, 1);

            one.key = g_variant_dup_string(key, NULL);
            one.rank = json_key_rank(one.key);
            one.value = json_look_through(boxed);
        } else {
            one.value = json_look_through(child);
        }
        for (; m.dict && at > 0 && m.list[at - 1].rank > one.rank; at--) {
            m.list[at] = m.list[at - 1];
        }
        m.list[at] = one;
    }
    return m;
}

static void json_members_free(JsonMembers *m)
{
    for (size_t i = 0; i < m->n; i++) {
        g_variant_unref(m->list[i].value);
        g_free(m->list[i].key);
    }
    g_free(m->list);
}

void json_print_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *p = text; *p;) {
        gunichar c = g_utf8_get_char_validated(p, -1);
        bool valid = c < 0x110000;

        c = valid ? c : 0xfffd;
        p += valid ? g_utf8_next_char(p) - p : 1;
        switch (c) {
        case '"':
            g_string_append(out, "\\\"");
            break;
        case '\\':
            g_string_append(out, "\\\\");
            break;
        case '\b':
            g_string_append(out, "\\b");
            break;
        case '\f':
            g_string_append(out, "\\f");
            break;
        case '\n':
            g_string_append(out, "\\n");
            break;
        case '\r':
            g_string_append(out, "\\r");
            break;
        case '\t':
            g_string_append(out, "\\t");
            break;
        default:
            if (c > 0xffff) { /* a pair of surrogates */
                g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10),
                                       0xdc00 + ((c - 0x10000) & 0x3ff));
            } else if (c < 0x20 || c > 0x7e) {
                g_string_append_printf(out, "\\u%04X", c);
            } else {
                g_string_append_c(out, (char)c);
            }
        }
    }
    g_string_append_c(out, '"');
}

/* Integers, booleans, doubles and strings; @quote for JSON. */
static void json_print_scalar(GString *out, GVariant *value, bool quote)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_STRING:
        if (quote) {
            json_print_string(out, g_variant_get_string(value, NULL));
        } else {
            g_string_append(out, g_variant_get_string(value, NULL));
        }
        return;
    case G_VARIANT_CLASS_BOOLEAN:
        g_string_append(out, g_variant_get_boolean(value) ? "true" : "false");
        return;
    case G_VARIANT_CLASS_DOUBLE:
        g_string_append_printf(out, "%.17g", g_variant_get_double(value));
        return;
    case G_VARIANT_CLASS_BYTE:
        g_string_append_printf(out, "%u", g_variant_get_byte(value));
        return;
    default: {
        g_autofree char *text = g_variant_print(value, FALSE);

        g_string_append(out, text);
    }
    }
}

static void json_print_level(GString *out, GVariant *boxed, unsigned level)
{
    g_autoptr(GVariant) value = json_look_through(boxed);

    if (!json_is_container(value)) {
        json_print_scalar(out, value, true);
        return;
    }
    JsonMembers m = json_members_new(value);

    g_string_append_c(out, m.dict ? '{' : '[');
    for (size_t i = 0; i < m.n; i++) {
        g_string_append_printf(out, "%s\n%*s", i ? "," : "", (int)(level + 1) * 4, "");
        if (m.dict) {
            json_print_string(out, m.list[i].key);
            g_string_append(out, ": ");
        }
        json_print_level(out, m.list[i].value, level + 1);
    }
    g_string_append_printf(out, "\n%*s%c", (int)level * 4, "", m.dict ? '}' : ']');
    json_members_free(&m);
}

void json_print(GString *out, GVariant *value)
{
    json_print_level(out, value, 0);
}

void json_print_text(GString *out, GVariant *boxed, unsigned level)
{
    g_autoptr(GVariant) value = json_look_through(boxed);
    JsonMembers m = json_members_new(value);

    for (size_t i = 0; i < m.n; i++) {
        bool container = json_is_container(m.list[i].value);

        g_string_append_printf(out, "%*s", (int)level * 4, "");
        if (m.dict) {
            g_autofree char *key = g_strdelimit(g_strdup(m.list[i].key), "-", ' ');

            g_string_append_printf(out, "%s:%c", key, container ? '\n' : ' ');
        } else {
            g_string_append_printf(out, "[%zu]:%c", i, container ? '\n' : ' ');
        }
        if (container) {
            json_print_text(out, m.list[i].value, level + 1);
        } else {
            json_print_scalar(out, m.list[i].value, false);
            g_string_append_c(out, '\n');
        }
    }
    json_members_free(&m);
}
