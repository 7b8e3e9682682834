/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of blkdebug, and its file of rules: sections [inject-error] and [set-state] with
 * lines key = "value". Spec: QEMU's docs/devel/testing/blkdebug.rst, and BlockdevOptionsBlkdebug of
 * its QMP reference.
 */
#include "block/filter/blkdebug.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static const char *const debug_io_names[] = { "read", "write", "write-zeroes", "discard", "flush" };

/* In the order of BlockDebugEvent. */
static const char *const debug_event_names[BLOCK_DEBUG_EVENTS] = {
    "none",
    "l1_update",
    "l1_grow_alloc_table",
    "l1_grow_write_table",
    "l1_grow_activate_table",
    "l2_load",
    "l2_update",
    "l2_update_compressed",
    "l2_alloc_cow_read",
    "l2_alloc_write",
    "read_aio",
    "read_backing_aio",
    "read_compressed",
    "write_aio",
    "write_compressed",
    "vmstate_load",
    "vmstate_save",
    "cow_read",
    "cow_write",
    "reftable_load",
    "reftable_grow",
    "reftable_update",
    "refblock_load",
    "refblock_update",
    "refblock_update_part",
    "refblock_alloc",
    "refblock_alloc_hookup",
    "refblock_alloc_write",
    "refblock_alloc_write_blocks",
    "refblock_alloc_write_table",
    "refblock_alloc_switch_table",
    "cluster_alloc",
    "cluster_alloc_bytes",
    "cluster_free",
    "flush_to_os",
    "flush_to_disk",
    "pwritev_rmw_head",
    "pwritev_rmw_after_head",
    "pwritev_rmw_tail",
    "pwritev_rmw_after_tail",
    "pwritev",
    "pwritev_zero",
    "pwritev_done",
    "empty_image_prepare",
    "l1_shrink_write_table",
    "l1_shrink_free_l2_clusters",
    "cor_write",
    "cluster_alloc_space",
};

bool debug_event_find(const char *name, BlockDebugEvent *out)
{
    for (unsigned i = 0; i < BLOCK_DEBUG_EVENTS; i++) {
        if (!strcmp(debug_event_names[i], name)) {
            *out = (BlockDebugEvent)i;
            return true;
        }
    }
    return false;
}

static bool debug_iotype(const char *text, DebugRule *r, GError **err)
{
    for (unsigned i = 0; text && i < G_N_ELEMENTS(debug_io_names); i++) {
        if (!strcmp(debug_io_names[i], text)) {
            r->io = 1u << i;
            return true;
        }
    }
    r->io = UINT_MAX;
    return !text || error_set(err,
                              "iotype=%s is not known; valid: read, write, write-zeroes, "
                              "discard, flush",
                              text);
}

static const char *debug_get(Options *o, const char *kind, unsigned i, const char *key)
{
    g_autofree char *name = g_strdup_printf("%s.%u.%s", kind, i, key);

    return options_get(o, name);
}

static bool debug_has(const Options *o, const char *kind, unsigned i)
{
    g_autofree char *prefix = g_strdup_printf("%s.%u.", kind, i);

    for (unsigned k = 0; k < o->n; k++) {
        if (g_str_has_prefix(o->list[k].key, prefix)) {
            return true;
        }
    }
    return false;
}

static bool debug_number(const char *text, const char *key, uint64_t def, uint64_t *out,
                         GError **err)
{
    char *end;

    *out = def;
    if (text) {
        *out = g_ascii_strtoull(text, &end, 10);
        if (*end || end == text || *out > INT64_MAX / 512) {
            return error_set(err, "%s=%s is no number", key, text);
        }
    }
    return true;
}

static bool debug_switch(const char *text, const char *key, bool *out, GError **err)
{
    *out = text && (!strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true"));
    return !text || *out || !strcmp(text, "off") || !strcmp(text, "no") || !strcmp(text, "false") ||
           error_set(err, "%s=%s is neither on nor off", key, text);
}

static bool debug_rule(Options *o, const char *kind, unsigned i, DebugRule *r, GError **err)
{
    const char *event = debug_get(o, kind, i, "event");
    const char *sector = debug_get(o, kind, i, "sector");
    uint64_t error, number;
    bool at_once;

    *r = (DebugRule){ .sets = !strcmp(kind, "set-state"), .sector = -1 };
    if (!event) {
        return error_set(err, "Missing event name for rule");
    }
    if (!debug_event_find(event, &r->event)) {
        return error_set(err, "event=%s is not known", event);
    }
    if (!debug_iotype(debug_get(o, kind, i, "iotype"), r, err) ||
        !debug_number(debug_get(o, kind, i, "state"), "state", 0, &r->state, err) ||
        !debug_number(debug_get(o, kind, i, "new_state"), "new_state", 0, &r->new_state, err) ||
        !debug_number(debug_get(o, kind, i, "errno"), "errno", EIO, &error, err) ||
        !debug_number(sector && *sector != '-' ? sector : NULL, "sector", 0, &number, err) ||
        !debug_switch(debug_get(o, kind, i, "once"), "once", &r->once, err) ||
        !debug_switch(debug_get(o, kind, i, "immediately"), "immediately", &at_once, err)) {
        return false;
    }
    if (error > 4095) {
        return error_set(err, "errno=%" PRIu64 " is no number of an error", error);
    }
    r->error = (int)error;
    r->sector = sector && *sector != '-' ? (int64_t)number : -1;
    return true;
}

/* ---- The file of rules ---- */

static bool debug_line(Options *o, char *line, const char **kind, unsigned *i, GError **err)
{
    char *equals = strchr(line, '='), *value;
    g_autofree char *key = NULL;

    if (*line == '[') {
        line[strcspn(line, "] \t\"")] = 0;
        *kind = !strcmp(line + 1, "inject-error") ? "inject-error"
                : !strcmp(line + 1, "set-state")  ? "set-state"
                                                  : NULL;
        if (!*kind) {
            return error_set(err, "There is no option group '%s'", line + 1);
        }
        for (*i = 0; debug_has(o, *kind, *i); ++*i) {
        }
        return true;
    }
    if (!equals || !*kind) {
        return error_set(err, "'%s' is neither a section nor key = \"value\"", line);
    }
    *equals = 0;
    g_strchomp(line);
    value = g_strstrip(equals + 1);
    if (*value == '"') {
        value++;
        value[strcspn(value, "\"")] = 0;
    }
    key = g_strdup_printf("%s.%u.%s", *kind, *i, line);
    options_add(o, key, value);
    return true;
}

static bool debug_config(Options *o, const char *path, GError **err)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    const char *kind = NULL;
    unsigned i = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return error_set(err, "Could not read blkdebug config file: %s", g_strerror(errno));
    }
    lines = g_strsplit(text, "\n", -1);
    for (unsigned k = 0; lines[k]; k++) {
        char *line = g_strstrip(lines[k]);

        if (*line && *line != '#' && !debug_line(o, line, &kind, &i, err)) {
            g_prefix_error(err, "%s:%u: ", path, k + 1);
            return false;
        }
    }
    return true;
}

/* ---- Limits ---- */

static bool debug_limit(Options *o, const char *key, uint64_t align, uint64_t *out, GError **err)
{
    if (!options_get_size(o, key, 0, out, err)) {
        return false;
    }
    return !*out || (*out % align == 0 && *out <= INT32_MAX) ||
           error_set(err, "Cannot meet constraints with %s %" PRIu64, key, *out);
}

static bool debug_limits(BlockNode *n, Options *o, GError **err)
{
    Blkdebug *s = block_priv(n);
    uint32_t below = block_node_align(block_file(n));
    uint64_t align, opt_zero, max_zero, opt_discard, max_discard;

    if (!options_get_size(o, "align", 0, &align, err)) {
        return false;
    }
    if (align && (align & (align - 1) || align > 4096 || align % below)) {
        return error_set(err, "Cannot meet constraints with align %" PRIu64, align);
    }
    if (align) {
        block_set_align(n, (uint32_t)align);
    }
    align = align ? align : below;
    if (!debug_limit(o, "max-transfer", align, &s->max_transfer, err) ||
        !debug_limit(o, "opt-write-zero", align, &opt_zero, err) ||
        !debug_limit(o, "max-write-zero", opt_zero ? opt_zero : align, &max_zero, err) ||
        !debug_limit(o, "opt-discard", align, &opt_discard, err) ||
        !debug_limit(o, "max-discard", opt_discard ? opt_discard : align, &max_discard, err)) {
        return false;
    }
    /* The core has one pair of limits for both. */
    opt_zero = opt_discard && opt_discard > opt_zero ? opt_discard : opt_zero;
    max_zero = !max_zero || (max_discard && max_discard < max_zero) ? max_discard : max_zero;
    if (opt_zero & (opt_zero - 1)) {
        return error_set(err, "Cannot meet constraints with opt-write-zero %" PRIu64, opt_zero);
    }
    if (opt_zero || max_zero) {
        block_set_zero_limits(n, (uint32_t)(opt_zero ? opt_zero : align), max_zero);
    }
    return true;
}

bool debug_parse(BlockNode *n, Options *o, GError **err)
{
    static const char *const kinds[] = { "inject-error", "set-state" };
    Blkdebug *s = block_priv(n);
    const char *config = options_get(o, "config");

    if (config && *config && !debug_config(o, config, err)) {
        return false;
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        for (unsigned i = 0; debug_has(o, kinds[k], i); i++) {
            if (s->n == DEBUG_RULES) {
                return error_set(err, "more than %d rules", DEBUG_RULES);
            }
            if (!debug_rule(o, kinds[k], i, &s->rules[s->n], err)) {
                g_prefix_error(err, "%s.%u: ", kinds[k], i);
                return false;
            }
            s->n++;
        }
    }
    return debug_limits(n, o, err);
}
