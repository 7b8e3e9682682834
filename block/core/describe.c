/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image is called where people and programs are told of it: by its file where that and the
 * format say everything, else by a description that opens the same ("json:{...}"), as QEMU writes
 * it, order of the members included.
 */
#include "block/core/core-priv.h"
#include "util/json.h"

#include <string.h>

/* Options that make it another disk; their order about "driver" is QEMU's. */
static const struct {
    const char *driver, *option;
    bool before;
} describe_options[] = {
    { "raw", "offset", true },
    { "raw", "size", false },
    { "throttle", "throttle-group", true },
    { "null-co", "read-zeroes", true },
    { "null-aio", "read-zeroes", true },
    { "null-co", "size", false },
    { "null-aio", "size", false },
};

static bool describe_is(const BlockNode *n, const char *driver)
{
    return !strcmp(n->drv->name, driver);
}

/* Named by a file's name of its own, as protocols are. */
static bool describe_is_protocol(const BlockNode *n)
{
    return n->drv->kind == BLOCK_PROTOCOL || describe_is(n, "blkdebug") ||
           describe_is(n, "blkverify");
}

static void describe_pair(GString *s, const char *key, const char *value)
{
    json_print_string(s, key);
    g_string_append(s, ": ");
    json_print_string(s, value);
    g_string_append(s, ", ");
}

static const char *describe_option(const BlockNode *n, unsigned i)
{
    return describe_is(n, describe_options[i].driver)
               ? options_get((Options *)&n->options, describe_options[i].option)
               : NULL;
}

static bool describe_is_special(const BlockNode *n)
{
    bool special = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(describe_options); i++) {
        special |= describe_option(n, i) != NULL;
    }
    return special;
}

static void describe_own(GString *s, const BlockNode *n, bool before)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(describe_options); i++) {
        const char *value = describe_option(n, i);

        if (value && describe_options[i].before == before) {
            describe_pair(s, describe_options[i].option, value);
        }
    }
    if (describe_is(n, "blkdebug") && !before) {
        for (unsigned i = 0; i < n->options.n; i++) {
            describe_pair(s, n->options.list[i].key, n->options.list[i].value);
        }
    }
}

static void describe_all(GString *s, const BlockNode *n);

static void describe_child(GString *s, const char *key, const BlockNode *child)
{
    json_print_string(s, key);
    g_string_append(s, ": ");
    describe_all(s, child);
    g_string_append(s, ", ");
}

/* The members before "driver", it, those after, the file. */
static void describe_all(GString *s, const BlockNode *n)
{
    const BlockNode *log = describe_is(n, "blklogwrites") ? block_node_child(n, "log") : NULL;
    bool image = describe_is(n, "blkdebug") && n->file;

    g_string_append_c(s, '{');
    if (image) {
        describe_child(s, "image", n->file);
    }
    if (log) {
        describe_child(s, "log", log);
    }
    describe_own(s, n, true);
    describe_pair(s, "driver", n->drv->name);
    describe_own(s, n, false);
    if (n->file && !image) {
        describe_child(s, "file", n->file);
    } else if (n->filename) {
        describe_pair(s, "filename", n->filename);
    }
    g_string_truncate(s, s->len - strlen(", "));
    g_string_append_c(s, '}');
}

static char *describe_json(const BlockNode *n)
{
    GString *s = g_string_new("json:");

    describe_all(s, n);
    return g_string_free(s, FALSE);
}

static char *describe_blkdebug(const BlockNode *n)
{
    const char *config = options_get((Options *)&n->options, "config");
    g_autofree char *below = block_node_image_name(n->file);

    return n->options.n > (config ? 1u : 0u) || g_str_has_prefix(below, "json:")
               ? describe_json(n)
               : g_strdup_printf("blkdebug:%s:%s", config ? config : "", below);
}

char *block_node_image_name(const BlockNode *n)
{
    g_autofree char *below = NULL;

    if (n->filename && !n->file) {
        return g_strdup(n->filename);
    }
    if (describe_is(n, "blkdebug") && n->file) {
        return describe_blkdebug(n);
    }
    if (!strncmp(n->drv->name, "null-", 5)) {
        return describe_is_special(n) ? describe_json(n) : g_strdup_printf("%s://", n->drv->name);
    }
    if (!n->file) {
        return g_strdup(n->name);
    }
    below = block_node_image_name(n->file);
    return n->drv->kind == BLOCK_FORMAT && !describe_is_special(n) &&
                   describe_is_protocol(n->file) && !g_str_has_prefix(below, "json:")
               ? g_steal_pointer(&below)
               : describe_json(n);
}
