/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that QEMU calls experimental: x-blockdev-amend, -change, -set-iothread and
 * x-debug-query-block-graph. */
#include "monitor/block-call.h"

#include <errno.h>
#include <string.h>

/* ---- x-blockdev-amend ---- */

typedef struct Amend {
    BlockNode *n;
    Options o;
    bool force;
} Amend;

static int amend_run(BlockJob *j)
{
    g_autoptr(GError) err = NULL;
    Amend *a = block_job_priv(j);

    job_set_total(j, 1);
    (void)!block_node_amend(a->n, &a->o, a->force, NULL, &err);
    job_done(j, 1);
    return err ? job_fail(j, -EIO, "%s", err->message) : 0;
}

static void amend_clean(BlockJob *j)
{
    Amend *a = block_job_priv(j);

    options_deinit(&a->o);
    block_node_unref(a->n);
}

static const BlockJobType amend_type = {
    .name = "amend",
    .size = sizeof(Amend),
    .run = amend_run,
    .clean = amend_clean,
};

/* What may be amended while the image is open: keys. */
static bool amend_option(const char *key, bool below, GError **err)
{
    static const char *const known[] = { "state",   "new-secret", "old-secret",
                                         "keyslot", "iter-time",  "secret" };

    if (below && !strcmp(key, "encrypt.format")) {
        return true;
    }
    if (!below || g_str_has_prefix(key, "encrypt.")) {
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
            if (!strcmp(below ? key + strlen("encrypt.") : key, known[i])) {
                return true;
            }
        }
    }
    return error_set(err, "Parameter 'options.%s' is unexpected", key);
}

static bool amend_options(Amend *a, const MonValue *v, GError **err)
{
    bool below = strcmp(block_node_format(a->n), "luks") != 0;
    GHashTableIter at;
    void *key, *value;

    g_hash_table_iter_init(&at, v->leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        if (!strcmp(key, "driver")) {
            continue;
        }
        if (!amend_option(key, below, err)) {
            return false;
        }
        options_add(&a->o, key, value);
    }
    return true;
}

static bool blk_amend(BlkCall *b, GError **err)
{
    const MonValue *v = &b->c->args[2];
    const char *driver = mon_leaf(v, "driver");
    BlockNode *n = block_graph_find(b->g, blk_str(b, "node-name"));
    JobOptions o = { .id = blk_str(b, "job-id"), .flags = JOB_NOT_BLOCK | JOB_MANUAL_DISMISS };
    BlockJob *j;
    Amend *a;

    if (!n) {
        return error_set(err, "Failed to find node with node-name='%s'", blk_str(b, "node-name"));
    }
    if (!driver) {
        return error_set(err, "Parameter 'options.driver' is missing");
    }
    if (strcmp(driver, block_node_format(n))) {
        return error_set(err, "x-blockdev-amend doesn't support changing the block driver");
    }
    if (strcmp(driver, "qcow2") && strcmp(driver, "luks")) {
        return error_set(err, "Driver does not support x-blockdev-amend");
    }
    j = block_job_new(b->g, &amend_type, &o, err);
    if (!j) {
        return false;
    }
    a = block_job_priv(j);
    a->n = block_node_ref(n);
    a->force = blk_flag(b, "force", false);
    if (!amend_options(a, v, err)) {
        block_job_drop(j);
        return false;
    }
    return blk_start(b, j);
}

/* ---- x-blockdev-change ---- */

/* Of a driver whose children come and go there is none. */
static bool blk_change_child(BlkCall *b, GError **err)
{
    const char *child = blk_str(b, "child"), *name = blk_str(b, "node");
    BlockNode *parent = blk_node(b, "parent", err);

    if (!parent) {
        return false;
    }
    if (!child == !name) {
        return error_set(err, child ? "Parameters child and node are in conflict"
                                    : "Either child or node must be specified");
    }
    if (child) {
        return block_node_child(parent, child)
                   ? error_set(err, "The node %s does not support removing a child",
                               block_node_name(parent))
                   : error_set(err, "Node '%s' does not have child '%s'", block_node_name(parent),
                               child);
    }
    if (!block_graph_find(b->g, name)) {
        return error_set(err, "Node '%s' not found", name);
    }
    return error_set(err, "The node %s does not support adding a child", block_node_name(parent));
}

/* ---- x-blockdev-set-iothread ---- */

/* Requests of a node come from its device, which decides of their thread, or from jobs and
 * exports, which run on the graph's: a node by itself has none to be moved. */
static bool blk_set_iothread(BlkCall *b, GError **err)
{
    const char *name = blk_str(b, "node-name"), *thread = b->c->args[1].str;
    BlockNode *n = block_graph_find(b->g, name);

    if (!n) {
        return error_set(err, "Failed to find node with node-name='%s'", name);
    }
    if (!thread && mon_leaf_kind(&b->c->args[1], "") != MON_NULL) {
        return error_set(err, "Invalid parameter type for 'iothread', expected: string");
    }
    if (!blk_flag(b, "force", false) && block_node_is_held(n)) {
        return error_set(err,
                         "Node %s is associated with a BlockBackend and could be in use (use "
                         "force=true to override this check)",
                         name);
    }
    if (thread && *thread && !machine_find_backend(b->c->m, "iothread", thread)) {
        return error_set(err, "Cannot find iothread %s", thread);
    }
    return !block_node_is_held(n) ||
           error_set(err, "Cannot change iothread of active block backend");
}

/* ---- x-debug-query-block-graph ---- */

static void graph_names(JsonOut *j, const char *key, const char *const *names, unsigned bits)
{
    json_out_begin(j, key, '[');
    for (unsigned i = 0; names[i]; i++) {
        if (bits & 1u << i) {
            json_out_str(j, NULL, names[i]);
        }
    }
    json_out_end(j, ']');
}

enum { PERM_RESIZE = 1, PERM_UNCHANGED = 2, PERM_WRITE = 4, PERM_READ = 8 };

/* What @writes does with @child and what it bears others to do: as locks of files say it. */
static void graph_edge(JsonOut *j, const char *role, uint64_t parent, uint64_t child, bool writes,
                       bool root, bool shared)
{
    static const char *const names[] = { "resize", "write-unchanged", "write", "consistent-read",
                                         NULL };

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", role);
    json_out_uint(j, "parent", parent);
    graph_names(j, "shared-perm", names,
                PERM_UNCHANGED | PERM_READ | (root ? PERM_RESIZE : 0) |
                    (shared ? PERM_WRITE | PERM_RESIZE : 0));
    graph_names(j, "perm", names, PERM_READ | (writes ? PERM_WRITE | (root ? 0 : PERM_RESIZE) : 0));
    json_out_uint(j, "child", child);
    json_out_end(j, '}');
}

static uint64_t graph_id(BlkCall *b, const BlockNode *n)
{
    uint64_t id = 1;

    for (BlockNode *at = NULL; (at = block_graph_next(b->g, at)) && at != n;) {
        id++;
    }
    return id;
}

static void graph_children(BlkCall *b, BlockNode *n)
{
    const char *role;
    BlockNode *child;

    for (unsigned i = 0; (child = block_node_child_at(n, i, &role)); i++) {
        bool writes = strcmp(role, "backing") && !block_node_is_read_only(n);

        graph_edge(b->c->out, role, graph_id(b, n), graph_id(b, child), writes, false,
                   block_node_flags(n) & BLOCK_OPEN_SHARE);
    }
}

static bool blk_query_graph(BlkCall *b, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);
    JsonOut *j = b->c->out;
    uint64_t nodes = 0;

    json_out_begin(j, NULL, '{');
    json_out_begin(j, "edges", '[');
    for (BlockNode *n = NULL; (n = block_graph_next(b->g, n)); nodes++) {
        graph_children(b, n);
    }
    for (unsigned i = 0; i < all->len; i++) {
        BlockBackend *d = all->pdata[i];

        if (block_backend_node(d) && block_owner(d)) {
            graph_edge(j, "root", nodes + 1 + i, graph_id(b, block_backend_node(d)),
                       !block_is_read_only(d), true, block_is_shared(d));
        }
    }
    json_out_end(j, ']');
    json_out_begin(j, "nodes", '[');
    for (BlockNode *n = NULL; (n = block_graph_next(b->g, n));) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", block_node_name(n));
        json_out_str(j, "type", "block-driver");
        json_out_uint(j, "id", graph_id(b, n));
        json_out_end(j, '}');
    }
    for (unsigned i = 0; i < all->len; i++) {
        g_autofree char *qdev = blk_qdev(all->pdata[i]);

        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", qdev ? qdev : block_id(all->pdata[i]));
        json_out_str(j, "type", "block-backend");
        json_out_uint(j, "id", nodes + 1 + i);
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    json_out_end(j, '}');
    return true;
}

BLK_COMMAND(cmd_x_amend, blk_amend)
BLK_COMMAND(cmd_x_change, blk_change_child)
BLK_COMMAND(cmd_x_set_iothread, blk_set_iothread)
BLK_COMMAND(cmd_x_query_graph, blk_query_graph)
