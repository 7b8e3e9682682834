/* SPDX-License-Identifier: Apache-2.0 */
/* What blockdev-add takes, by driver, for query-qmp-schema: out of the drivers' own tables. */
#include "monitor/schema-block.h"

#include "block/core/driver.h"

#include <string.h>

static const char *const schema_discards[] = { "ignore", "unmap", NULL };
static const char *const schema_zeroes[] = { "off", "on", "unmap", NULL };
static const char *const schema_engines[] = { "threads", "native", "io_uring", NULL };
static const char *const schema_locks[] = { "auto", "on", "off", NULL };

/* Types of values that are no plain text. */
static const struct {
    const char *option, *type;
    const char *const *values; /* NULL: it is described elsewhere */
} schema_values[] = {
    { "discard", "blockdev-discard", schema_discards },
    { "detect-zeroes", "blockdev-detect-zeroes", schema_zeroes },
    { "aio", "blockdev-aio", schema_engines },
    { "locking", "blockdev-locking", schema_locks },
    { "file", "blockdev-node", NULL },
    { "backing", "blockdev-node-or-null", NULL },
};

static const char *schema_plain(BlockOptionType type)
{
    switch (type) {
    case BLOCK_OPT_BOOL:
        return "bool";
    case BLOCK_OPT_SIZE:
    case BLOCK_OPT_NUMBER:
        return "int";
    case BLOCK_OPT_STR:
        break;
    }
    return "str";
}

static const char *schema_value_type(const char *name, const char *plain)
{
    for (size_t i = 0; i < G_N_ELEMENTS(schema_values); i++) {
        if (!strcmp(schema_values[i].option, name)) {
            return schema_values[i].type;
        }
    }
    return plain;
}

static void schema_option(JsonOut *j, const char *name, const char *plain, bool optional)
{
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    if (optional) {
        json_out_null(j, "default");
    }
    json_out_str(j, "type", schema_value_type(name, plain));
    json_out_end(j, '}');
}

/* "server.type": of an object "server", which is told once. */
static bool schema_is_told(const BlockOption *first, const BlockOption *o, size_t len)
{
    for (; first < o; first++) {
        if (!strncmp(first->name, o->name, len) && (!first->name[len] || first->name[len] == '.')) {
            return true;
        }
    }
    return false;
}

static void schema_driver(JsonOut *j, const BlockDriver *d)
{
    g_autofree char *name = g_strconcat("blockdev.", d->name, NULL);

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    json_out_begin(j, "members", '[');
    if (d->kind != BLOCK_PROTOCOL && !d->no_file) {
        schema_option(j, d->file_alias ? d->file_alias : "file", "blockdev-node", false);
    }
    if (d->backing) {
        schema_option(j, "backing", "any", true);
    }
    for (const BlockOption *o = d->options; o && o->name; o++) {
        size_t len = strcspn(o->name, ".");
        g_autofree char *word = g_strndup(o->name, len);

        if (!schema_is_told(d->options, o, len)) {
            schema_option(j, word, o->name[len] ? "any" : schema_plain(o->type), true);
        }
    }
    json_out_end(j, ']');
    json_out_str(j, "meta-type", "object");
    json_out_end(j, '}');
}

static void schema_enum(JsonOut *j, const char *name, const char *const *values)
{
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    json_out_begin(j, "members", '[');
    for (const char *const *v = values; *v; v++) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", *v);
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    json_out_begin(j, "values", '[');
    for (const char *const *v = values; *v; v++) {
        json_out_str(j, NULL, *v);
    }
    json_out_end(j, ']');
    json_out_str(j, "meta-type", "enum");
    json_out_end(j, '}');
}

/* A node's name, its options, or (@null) none. */
static void schema_node(JsonOut *j, const char *name, bool null)
{
    const char *const types[] = { SCHEMA_BLOCKDEV, "str", null ? "null" : NULL };

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    json_out_begin(j, "members", '[');
    for (size_t i = 0; i < G_N_ELEMENTS(types) && types[i]; i++) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "type", types[i]);
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    json_out_str(j, "meta-type", "alternate");
    json_out_end(j, '}');
}

static void schema_common(JsonOut *j)
{
    json_out_begin(j, "members", '[');
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", "driver");
    json_out_str(j, "type", "blockdev-driver");
    json_out_end(j, '}');
    schema_option(j, "node-name", "str", true);
    schema_option(j, "discard", "str", true);
    schema_option(j, "cache", "blockdev-cache", true);
    schema_option(j, "read-only", "bool", true);
    schema_option(j, "auto-read-only", "bool", true);
    schema_option(j, "force-share", "bool", true);
    schema_option(j, "detect-zeroes", "str", true);
    json_out_end(j, ']');
}

void schema_blockdev(JsonOut *j)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", SCHEMA_BLOCKDEV);
    schema_common(j);
    json_out_str(j, "tag", "driver");
    json_out_begin(j, "variants", '[');
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        g_autofree char *type = g_strconcat("blockdev.", (*d)->name, NULL);

        json_out_begin(j, NULL, '{');
        json_out_str(j, "case", (*d)->name);
        json_out_str(j, "type", type);
        json_out_end(j, '}');
        g_ptr_array_add(names, (char *)(*d)->name);
    }
    json_out_end(j, ']');
    json_out_str(j, "meta-type", "object");
    json_out_end(j, '}');
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        schema_driver(j, *d);
    }
    g_ptr_array_add(names, NULL);
    schema_enum(j, "blockdev-driver", (const char *const *)names->pdata);
    for (size_t i = 0; i < G_N_ELEMENTS(schema_values); i++) {
        if (schema_values[i].values) {
            schema_enum(j, schema_values[i].type, schema_values[i].values);
        }
    }
    schema_node(j, "blockdev-node", false);
    schema_node(j, "blockdev-node-or-null", true);
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", "blockdev-cache");
    json_out_begin(j, "members", '[');
    schema_option(j, "direct", "bool", true);
    schema_option(j, "no-flush", "bool", true);
    json_out_end(j, ']');
    json_out_str(j, "meta-type", "object");
    json_out_end(j, '}');
}
