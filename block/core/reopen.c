/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New options and flags for nodes that are open: of one, or of several together, all or nothing.
 * Each is changed whole before the next, what becomes writable from below up and what is to be read
 * alone from the top down; when one fails, those before it get back what they had.
 */
#include "block/core/core-priv.h"

#include <string.h>

enum {
    REOPEN_FLAGS = BLOCK_OPEN_WRITE | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_WRITETHROUGH |
                   BLOCK_OPEN_DISCARD | BLOCK_OPEN_DIRECT | BLOCK_OPEN_SHARE | BLOCK_OPEN_AUTO_RO
};

/* ---- One node ---- */

static bool reopen_one(BlockNode *n, Options *o, unsigned flags, GError **err);

static bool reopen_grows(const BlockNode *n, unsigned flags)
{
    return (flags & BLOCK_OPEN_WRITE) && !(n->file->flags & BLOCK_OPEN_WRITE);
}

/* A child that was opened along with its parent follows it. */
static bool reopen_follows(const BlockNode *n)
{
    return n->file && n->file->flags & BLOCK_OPEN_INTERNAL;
}

static bool reopen_file(BlockNode *n, unsigned flags, GError **err)
{
    unsigned kept = BLOCK_OPEN_WRITE | BLOCK_OPEN_DIRECT | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_SHARE;

    return reopen_one(n->file, &n->file->options, (n->file->flags & ~kept) | (flags & kept), err);
}

/* A node of its own that may be open for reading until somebody writes: others may read then. */
static void reopen_nobody_writes(BlockNode *n)
{
    g_autoptr(GError) ignored = NULL; /* it can be written still */

    if (!n || !n->drv->auto_write || n->flags & BLOCK_OPEN_INTERNAL) {
        return;
    }
    for (const BlockHolder *h = n->holders; h; h = h->next) {
        if (!h->idle) {
            return;
        }
    }
    for (unsigned i = 0; i < n->parents->len; i++) {
        BlockNode *p = n->parents->pdata[i];

        if (p->flags & BLOCK_OPEN_WRITE && p->backing != n) {
            return;
        }
    }
    (void)!n->drv->auto_write(n, false, &ignored);
}

/* Drained. */
static bool reopen_one(BlockNode *n, Options *o, unsigned flags, GError **err)
{
    bool ok = true;

    if (reopen_follows(n) && reopen_grows(n, flags)) {
        ok = reopen_file(n, flags, err);
    }
    if (ok && flags & BLOCK_OPEN_WRITE && n->file && !reopen_follows(n)) {
        ok = block_node_want_write(n->file, err);
    }
    if (ok && !(flags & BLOCK_OPEN_WRITE)) {
        int ret = block_node_flush(n);

        ok = !ret || block_error(err, n, "flushing it: %s", g_strerror(-ret));
    }
    if (ok && n->drv->reopen_prepare) {
        ok = n->drv->reopen_prepare(n, o, flags, err);
    }
    if (!ok) {
        return false;
    }
    n->flags = (n->flags & ~(unsigned)REOPEN_FLAGS) | (flags & REOPEN_FLAGS);
    if (n->drv->reopen_commit) {
        n->drv->reopen_commit(n);
    }
    reopen_nobody_writes(n->file);
    return !reopen_follows(n) || reopen_grows(n, flags) || reopen_file(n, flags, err);
}

bool block_node_reopen(BlockNode *n, Options *options, unsigned flags, GError **err)
{
    Options all = { 0 };
    bool ok;

    for (unsigned i = 0; options && i < options->n; i++) {
        options_add(&all, options->list[i].key, options->list[i].value);
    }
    for (unsigned i = 0; i < n->options.n; i++) {
        if (!options_get(&all, n->options.list[i].key)) {
            options_add(&all, n->options.list[i].key, n->options.list[i].value);
        }
    }
    for (unsigned i = 0; i < all.n; i++) {
        all.list[i].used = false;
    }
    block_node_drain(n);
    ok = reopen_one(n, &all, flags, err);
    block_node_undrain(n);
    for (unsigned i = 0; i < all.n; i++) { /* who gave them looks which were read */
        for (unsigned k = 0; options && all.list[i].used && k < options->n; k++) {
            options->list[k].used |= !strcmp(options->list[k].key, all.list[i].key);
        }
    }
    if (ok) {
        block_options_keep(n, &all);
    }
    options_deinit(&all);
    return ok;
}

void block_options_keep(BlockNode *n, const Options *o)
{
    options_deinit(&n->options);
    n->options = (Options){ 0 };
    for (unsigned i = 0; i < o->n; i++) {
        for (const BlockOption *b = n->drv->options; b && b->name; b++) {
            if (!strcmp(b->name, o->list[i].key)) {
                options_add(&n->options, o->list[i].key, o->list[i].value);
            }
        }
    }
}

/* ---- Several ---- */

typedef struct Reopen {
    BlockNode *n;
    Options *o, old_options;
    unsigned flags, old_flags;
    DetectZeroes zeroes, old_zeroes;
    BlockNode *file, *backing; /* what is to be below */
    BlockNode *old_file, *old_backing;
    unsigned index; /* as the caller counts */
    bool done;
} Reopen;

static bool reopen_fixed(const char *key, GError **err)
{
    return error_set(err, "Cannot change the option '%s'", key);
}

static BlockNode *reopen_find(BlockNode *n, const char *name, GError **err)
{
    BlockNode *found = block_graph_find(n->graph, name);

    if (!found) {
        error_set(err, "Cannot find device='' nor node-name='%s'", name);
    }
    return found;
}

static bool reopen_nested(Options *o, const char *role, GError **err)
{
    size_t len = strlen(role);

    for (unsigned i = 0; i < o->n; i++) {
        if (!strncmp(o->list[i].key, role, len) && o->list[i].key[len] == '.') {
            return reopen_fixed(o->list[i].key, err);
        }
    }
    return true;
}

static bool reopen_reaches(const BlockNode *from, const BlockNode *what)
{
    for (; from; from = from->file) {
        if (from == what) {
            return true;
        }
    }
    return false;
}

/* Another node below: with the same bytes, since what is known of them is kept. */
static bool reopen_new_file(Reopen *r, GError **err)
{
    BlockNode *n = r->n, *f = r->file;

    if (f == n->file) {
        return true;
    }
    if (reopen_reaches(f, n)) {
        return error_set(err, "Making '%s' a file child of '%s' would create a cycle", f->name,
                         n->name);
    }
    if (f->size != n->file->size) {
        return error_set(err,
                         "'%s' has %" PRIu64 " bytes and '%s' has %" PRIu64 ": it cannot stand in "
                         "its place",
                         f->name, f->size, n->file->name, n->file->size);
    }
    if (block_maps(n) && !reopen_reaches(f, n->file) && !reopen_reaches(n->file, f)) {
        return error_set(err, "'%s' is not above or below '%s': the format's tables may differ",
                         f->name, n->file->name);
    }
    return true;
}

static bool reopen_children(Reopen *r, GError **err)
{
    const char *file = options_get(r->o, "file"), *backing = options_get(r->o, "backing");
    BlockNode *n = r->n;

    if (!reopen_nested(r->o, "file", err) || !reopen_nested(r->o, "backing", err)) {
        return false;
    }
    if (n->file && !file) {
        return error_set(err, "Parameter 'options[%u].file' is missing", r->index);
    }
    r->file = n->file ? reopen_find(n, file, err) : NULL;
    if (*err || (r->file && !reopen_new_file(r, err))) {
        return false;
    }
    if (n->backing && !backing) {
        return error_set(err, "backing is missing for '%s'", n->name);
    }
    if (!backing || !*backing) {
        return true;
    }
    if (!n->drv->backing) {
        return error_set(err, "Driver '%s' of node '%s' does not support backing files",
                         n->drv->name, n->name);
    }
    r->backing = reopen_find(n, backing, err);
    for (const BlockNode *b = r->backing; b; b = b->backing ? b->backing : b->file) {
        if (b == n) {
            return error_set(err, "Making '%s' a backing child of '%s' would create a cycle",
                             r->backing->name, n->name);
        }
    }
    return r->backing;
}

static bool reopen_parse(Reopen *r, GError **err)
{
    BlockNode *n = r->n;
    const char *driver = options_get(r->o, "driver"), *name = options_get(r->o, "filename");
    unsigned kept = n->flags & ~(unsigned)REOPEN_FLAGS;

    if (!driver) {
        return error_set(err, "Parameter 'options[%u].driver' is missing", r->index);
    }
    if (strcmp(driver, n->drv->name)) {
        return reopen_fixed("driver", err);
    }
    if (name && (n->drv->kind != BLOCK_PROTOCOL || strcmp(name, block_node_filename(n)))) {
        return reopen_fixed("filename", err);
    }
    r->flags = kept | BLOCK_OPEN_WRITE;
    return block_options_common(r->o, &r->flags, &r->zeroes, err) && reopen_children(r, err);
}

/* What the driver has not read must be as it was. */
static bool reopen_rest(Reopen *r, GError **err)
{
    BlockNode *n = r->n;

    for (unsigned i = 0; i < r->o->n; i++) {
        const Option *opt = &r->o->list[i];
        const BlockOption *b = n->drv->options;
        const char *old;

        while (b && b->name && strcmp(b->name, opt->key)) {
            b++;
        }
        if (opt->used) {
            continue;
        }
        if (!b || !b->name) {
            return error_set(err, "Parameter 'options[%u].%s' is unexpected", r->index, opt->key);
        }
        old = options_get(&r->old_options, opt->key);
        if (!old || strcmp(old, opt->value)) {
            return reopen_fixed(opt->key, err);
        }
    }
    for (unsigned i = 0; i < r->old_options.n && !n->drv->reopen_prepare; i++) {
        const char *key = r->old_options.list[i].key;

        if (!options_get(r->o, key)) {
            return error_set(err, "Option '%s' cannot be reset to its default value", key);
        }
    }
    return true;
}

/* Whoever writes through a node that is to be read alone. */
static bool reopen_allowed(Reopen *list, unsigned count, Reopen *r, GError **err)
{
    BlockNode *n = r->n;
    bool used = block_node_sole_writer(n);

    if (r->flags & BLOCK_OPEN_WRITE) {
        return true;
    }
    for (unsigned i = 0; i < n->parents->len && !used; i++) {
        BlockNode *p = n->parents->pdata[i];
        unsigned flags = p->flags;

        for (unsigned k = 0; k < count; k++) {
            flags = list[k].n == p ? list[k].flags : flags;
        }
        used = p->file == n && flags & BLOCK_OPEN_WRITE;
    }
    return !used ||
           error_set(err, "Read-only block node '%s' cannot support read-write users", n->name);
}

static void reopen_switch(BlockNode *n, const char *role, BlockNode *to)
{
    if (block_node_child(n, role) != to) {
        if (to) {
            block_node_ref(to);
        }
        block_node_detach(n, role);
        if (to) {
            block_node_attach(n, role, to);
        }
    }
}

static bool reopen_apply(Reopen *r, GError **err)
{
    BlockNode *n = r->n;
    int ret = n->file == r->file ? 0 : block_node_flush(n);

    if (ret) {
        return block_error(err, n, "flushing it: %s", g_strerror(-ret));
    }
    r->done = true;
    reopen_switch(n, "file", r->file);
    reopen_switch(n, "backing", r->backing);
    engine_forget(n, 0, UINT64_MAX / 2);
    if (n->file && r->flags & BLOCK_OPEN_WRITE && !reopen_follows(n) &&
        !(n->file->flags & BLOCK_OPEN_WRITE)) {
        return error_set(err, "Block node '%s' is read-only", n->file->name);
    }
    if (!reopen_one(n, r->o, r->flags, err) || !reopen_rest(r, err)) {
        return false;
    }
    n->detect_zeroes = r->zeroes;
    block_options_keep(n, r->o);
    return true;
}

static void reopen_undo(Reopen *r)
{
    g_autoptr(GError) failed = NULL;
    BlockNode *n = r->n;

    reopen_switch(n, "file", r->old_file);
    reopen_switch(n, "backing", r->old_backing);
    engine_forget(n, 0, UINT64_MAX / 2);
    n->detect_zeroes = r->old_zeroes;
    block_options_keep(n, &r->old_options);
    if (!reopen_one(n, &n->options, r->old_flags, &failed)) {
        block_say(n, BLOCK_EVENT_WARNING, "%s: it could not be given back its options: %s", n->name,
                  failed->message);
    }
}

/* What loses writing first, from the top down; then the others, from below up. */
static int reopen_order(const void *a, const void *b)
{
    const Reopen *x = a, *y = b;
    bool x_first = !(x->flags & BLOCK_OPEN_WRITE), y_first = !(y->flags & BLOCK_OPEN_WRITE);

    if (x_first != y_first) {
        return x_first ? -1 : 1;
    }
    if (x->n != y->n && reopen_reaches(x->n, y->n)) {
        return x_first ? -1 : 1;
    }
    if (x->n != y->n && reopen_reaches(y->n, x->n)) {
        return x_first ? 1 : -1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

static void reopen_sort(Reopen *list, unsigned n)
{
    for (unsigned i = 1; i < n; i++) { /* the order is partial: each pair must be looked at */
        for (unsigned k = i; k && reopen_order(&list[k], &list[k - 1]) < 0; k--) {
            Reopen swap = list[k];

            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
    }
}

static void reopen_remember(Reopen *r, BlockNode *n, Options *o, unsigned index)
{
    *r = (Reopen){ .n = block_node_ref(n), .o = o, .index = index };
    r->old_flags = n->flags;
    r->old_zeroes = n->detect_zeroes;
    r->old_file = n->file ? block_node_ref(n->file) : NULL;
    r->old_backing = n->backing ? block_node_ref(n->backing) : NULL;
    for (unsigned i = 0; i < n->options.n; i++) {
        options_add(&r->old_options, n->options.list[i].key, n->options.list[i].value);
    }
}

static bool reopen_all(Reopen *list, unsigned n, GError **err)
{
    bool ok = true;

    for (unsigned i = 0; i < n && ok; i++) {
        ok = reopen_parse(&list[i], err);
    }
    for (unsigned i = 0; i < n && ok; i++) {
        ok = reopen_allowed(list, n, &list[i], err);
    }
    if (!ok) {
        return false;
    }
    reopen_sort(list, n);
    for (unsigned i = 0; i < n && ok; i++) {
        ok = reopen_apply(&list[i], err);
    }
    for (unsigned i = n; !ok && i--;) {
        if (list[i].done) {
            reopen_undo(&list[i]);
        }
    }
    return ok;
}

bool block_nodes_reopen(BlockGraph *g, Options *options, unsigned count, GError **err)
{
    g_autofree Reopen *list = g_new0(Reopen, count + 1);
    unsigned made = 0;
    bool ok = true;

    for (; made < count && ok; made++) {
        const char *name = options_get(&options[made], "node-name");
        BlockNode *n = name ? block_graph_find(g, name) : NULL;

        if (!n) {
            ok = name ? error_set(err, "Failed to find node with node-name='%s'", name)
                      : error_set(err, "node-name not specified");
            break;
        }
        reopen_remember(&list[made], n, &options[made], made);
    }
    for (unsigned i = 0; i < made; i++) {
        block_node_drain(list[i].n);
    }
    ok = ok && reopen_all(list, made, err);
    for (unsigned i = made; i--;) {
        block_node_undrain(list[i].n);
    }
    for (unsigned i = 0; i < made; i++) {
        block_node_unref(list[i].old_file);
        block_node_unref(list[i].old_backing);
        options_deinit(&list[i].old_options);
        block_node_unref(list[i].n);
    }
    return ok;
}
