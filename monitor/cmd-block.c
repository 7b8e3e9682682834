/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes over QMP, and the way of all commands on disks into the block graph's loop.
 */
#include "monitor/block-call.h"

#include "util/size.h"

#include <string.h>

/* ---- Calls ---- */

void blk_set(Options *o, const char *key, const char *value)
{
    o->list = g_renew(Option, o->list, o->n + 1);
    o->list[o->n++] = (Option){ .key = g_strdup(key), .value = g_strdup(value) };
}

/* The leaves below @prefix ("" or "options.0."), without it. */
static void blk_leaves(Options *o, const MonValue *v, const char *prefix, const char *name)
{
    GHashTableIter at;
    void *path, *value;

    g_hash_table_iter_init(&at, v->leaves);
    while (g_hash_table_iter_next(&at, &path, &value)) {
        g_autofree char *key = NULL;

        if (!g_str_has_prefix(path, prefix)) {
            continue;
        }
        key = g_strconcat(name ? name : "", name ? "." : "", (char *)path + strlen(prefix), NULL);
        /* "backing": null: no backing image */
        blk_set(o, key, mon_leaf_kind(v, path) == MON_NULL ? "" : value);
        o->list[o->n - 1].is_string = mon_leaf_kind(v, path) == MON_STR;
    }
}

static void blk_options(BlkCall *b)
{
    const MonCommand *cmd = b->c->cmd;

    b->o = (Options){ .text = g_strdup(cmd->name) };
    if (cmd->open_args) {
        blk_leaves(&b->o, &b->c->args[0], "", NULL);
        return;
    }
    for (unsigned i = 0; i < mon_command_n_args(cmd); i++) {
        const MonValue *v = &b->c->args[i];
        g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, v->num);

        if (!v->present) {
            continue;
        }
        if (v->leaves) {
            blk_leaves(&b->o, v, "", cmd->args[i].name);
        } else {
            blk_set(&b->o, cmd->args[i].name,
                    cmd->args[i].type == MON_STR    ? v->str
                    : cmd->args[i].type == MON_BOOL ? (v->flag ? "on" : "off")
                                                    : number);
        }
    }
}

/* As people write it: "actions.0.data" is actions[0].data. */
static char *blk_path_text(const char *name, const char *path)
{
    GString *s = g_string_new(name);
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);

    for (char **p = parts; *p; p++) {
        if (g_ascii_isdigit(**p)) {
            g_string_append_printf(s, "[%s]", *p);
        } else {
            g_string_append_printf(s, ".%s", *p);
        }
    }
    return g_string_free(s, FALSE);
}

static bool blk_check_leaf(const MonValue *v, const char *path, const char *text, const char *key,
                           const MonArg *args, GError **err)
{
    static const char *const expected[] = { "string", "integer", "boolean", "array" };
    size_t len = strcspn(key, ".");
    unsigned i = 0, kind = mon_leaf_kind(v, path);

    while (i < MON_MAX_ARGS && args[i].name &&
           (strlen(args[i].name) != len || strncmp(args[i].name, key, len))) {
        i++;
    }
    if (i == MON_MAX_ARGS || !args[i].name) {
        return error_set(err, "Parameter '%s.%.*s' is unexpected", text, (int)len, key);
    }
    if (args[i].type != (key[len] ? MON_ANY : kind)) {
        return error_set(err, "Invalid parameter type for '%s.%.*s', expected: %s", text, (int)len,
                         key, expected[args[i].type]);
    }
    return true;
}

bool blk_options_at(Options *out, const MonValue *v, const char *name, const char *path,
                    const MonArg *args, GError **err)
{
    g_autofree char *text = blk_path_text(name, path), *prefix = g_strconcat(path, ".", NULL);
    GHashTableIter at;
    void *key, *value;

    *out = (Options){ .text = g_strdup(text) };
    g_hash_table_iter_init(&at, v->leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        if (g_str_has_prefix(key, prefix) &&
            !blk_check_leaf(v, key, text, (char *)key + strlen(prefix), args, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < MON_MAX_ARGS && args[i].name; i++) {
        g_autofree char *member = g_strconcat(prefix, args[i].name, NULL);

        if (!args[i].optional && mon_leaf_kind(v, member) == MON_ABSENT) {
            return error_set(err, "Parameter '%s.%s' is missing", text, args[i].name);
        }
    }
    blk_leaves(out, v, prefix, NULL);
    return true;
}

static void blk_in_fiber(void *arg)
{
    BlkCall *b = arg;

    blk_events_on(b->g, b->c->host);
    if (!b->fn(b, &b->err) && !b->err) {
        error_set(&b->err, "the command failed");
    }
}

bool blk_call(MonCall *c, BlkFn *fn, GError **err)
{
    return blk_call_with(c, fn, NULL, err);
}

bool blk_call_with(MonCall *c, BlkFn *fn, void *opaque, GError **err)
{
    BlkCall b = { .c = c, .name = c->cmd->name, .fn = fn, .opaque = opaque };

    b.g = block_machine_graph(c->m, err);
    if (!b.g) {
        return false;
    }
    blk_options(&b);
    block_graph_run(b.g, blk_in_fiber, &b);
    blk_events_send(c->host); /* what it has brought about is told before its answer */
    options_deinit(&b.o);
    if (b.err) {
        g_propagate_error(err, b.err);
        return false;
    }
    return true;
}

const char *blk_str(BlkCall *b, const char *key)
{
    return options_get(&b->o, key);
}

uint64_t blk_num(BlkCall *b, const char *key, uint64_t def)
{
    const char *text = blk_str(b, key);

    return text ? (uint64_t)g_ascii_strtoll(text, NULL, 10) : def;
}

bool blk_flag(BlkCall *b, const char *key, bool def)
{
    g_autoptr(GError) ignored = NULL;
    bool v;

    return options_get_bool(&b->o, key, def, &v, &ignored) ? v : def;
}

BlockBackend *blk_drive(BlkCall *b, const char *id)
{
    BlockBackend *drive = id ? machine_find_backend(b->c->m, "drive", id) : NULL;

    return drive && !block_is_nameless(drive) ? drive : NULL;
}

const char *blk_drive_name(BlkCall *b, BlockNode *n)
{
    g_autofree const char **ids = machine_backend_ids(b->c->m, "drive");

    for (const char **id = ids; id && *id; id++) {
        BlockBackend *drive = blk_drive(b, *id);

        if (drive && block_backend_node(drive) == n) {
            return block_id(drive);
        }
    }
    return NULL;
}

BlockNode *blk_node_named(BlkCall *b, const char *name, GError **err)
{
    BlockBackend *drive = blk_drive(b, name);
    BlockNode *n = drive ? block_backend_node(drive) : name ? block_graph_find(b->g, name) : NULL;

    if (drive && !n) {
        error_set(err, "Device '%s' has no medium", name);
    } else if (name && !n) {
        error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
    }
    return n;
}

BlockNode *blk_device_or_node(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *name = blk_str(b, "node-name");
    BlockBackend *drive = blk_drive(b, device);
    BlockNode *n = drive             ? block_backend_node(drive)
                   : name && !device ? block_graph_find(b->g, name)
                                     : NULL;

    if (!n) {
        error_set(err, "Cannot find device='%s' nor node-name='%s'", device ? device : "",
                  name ? name : "");
    }
    return n;
}

BlockNode *blk_node(BlkCall *b, const char *key, GError **err)
{
    return blk_node_named(b, blk_str(b, key), err);
}

/* ---- Nodes ---- */

unsigned blk_open_flags(Options *o)
{
    g_autoptr(GError) ignored = NULL;
    unsigned flags = BLOCK_OPEN_WRITE;
    bool on;

    if (options_get_bool(o, "read-only", false, &on, &ignored) && on) {
        flags = 0;
    }
    if (options_get_bool(o, "cache.direct", false, &on, &ignored) && on) {
        flags |= BLOCK_OPEN_DIRECT;
    }
    if (options_get_bool(o, "cache.no-flush", false, &on, &ignored) && on) {
        flags |= BLOCK_OPEN_UNSAFE;
    }
    return options_get(o, "discard") && (!strcmp(options_get(o, "discard"), "unmap") ||
                                         !strcmp(options_get(o, "discard"), "on"))
               ? flags | BLOCK_OPEN_DISCARD
               : flags;
}

static bool blk_add(BlkCall *b, GError **err)
{
    if (!blk_str(b, "driver")) {
        return error_set(err, "Parameter 'driver' is missing");
    }
    if (!blk_str(b, "node-name")) {
        return error_set(err, "'node-name' must be specified for the root node");
    }
    return block_node_open(b->g, &b->o, blk_open_flags(&b->o), err) != NULL;
}

static bool blk_del(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name");
    BlockNode *n = block_graph_find(b->g, name);

    if (!n) {
        return error_set(err, "Failed to find node with node-name='%s'", name);
    }
    if (!block_node_is_alone(n)) {
        return error_set(
            err, block_node_is_held(n) ? "Node %s is in use" : "Block device %s is in use", name);
    }
    block_node_forget(n);
    return true;
}

static bool blk_resize(BlkCall *b, GError **err)
{
    BlockNode *n = blk_device_or_node(b, err);

    if (!n) {
        return false;
    }
    if (*blk_str(b, "size") == '-') {
        return error_set(err, "Parameter 'size' expects a >0 size");
    }
    return block_node_resize(n, blk_num(b, "size", 0), true, BLOCK_PREALLOC_OFF, err);
}

enum { BLK_REOPEN_MAX = 1024 };

static bool blk_reopen(BlkCall *b, GError **err)
{
    const MonValue *v = &b->c->args[0];
    g_autofree Options *list = NULL;
    unsigned n = 0;
    bool ok;

    for (; n < BLK_REOPEN_MAX; n++) {
        g_autofree char *path = g_strdup_printf("%u", n);

        if (mon_leaf_kind(v, path) != MON_ANY) {
            break;
        }
    }
    list = g_new0(Options, n + 1);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *prefix = g_strdup_printf("%u.", i);

        blk_leaves(&list[i], v, prefix, NULL);
    }
    ok = block_nodes_reopen(b->g, list, n, err);
    for (unsigned i = 0; i < n; i++) {
        options_deinit(&list[i]);
    }
    return ok;
}

BLK_COMMAND(cmd_blockdev_reopen, blk_reopen)
BLK_COMMAND(cmd_blockdev_add, blk_add)
BLK_COMMAND(cmd_blockdev_del, blk_del)
BLK_COMMAND(cmd_block_resize, blk_resize)
