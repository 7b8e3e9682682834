/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs and nodes: names, children, memory, lifetimes; what drivers say of their nodes. */
#include "block/core/node.h"
#include "block/core/core-priv.h"
#include "block/core/throttle.h"
#include "util/bits.h"
#include "util/fdsets.h"

#include <stdlib.h>
#include <string.h>

/* ---- Graphs ---- */

typedef struct GraphEnder {
    FiberFn *fn;
    void *opaque;
} GraphEnder;

BlockGraph *block_graph_new(IoLoop *loop)
{
    BlockGraph *g = g_new0(BlockGraph, 1);

    g->loop = loop;
    g->enders = g_array_new(FALSE, FALSE, sizeof(GraphEnder));
    g->last = &g->first;
    mutex_init(&g->lease_lock);
    g->leases = g_ptr_array_new();
    return g;
}

void block_graph_on_end(BlockGraph *g, FiberFn *fn, void *opaque)
{
    GraphEnder e = { fn, opaque };

    g_array_append_val(g->enders, e);
}

static void graph_end(void *arg)
{
    BlockGraph *g = arg;

    for (unsigned i = g->enders->len; i-- > 0;) {
        const GraphEnder e = g_array_index(g->enders, GraphEnder, i);

        e.fn(e.opaque);
    }
}

void block_graph_end(BlockGraph *g)
{
    if (g->enders->len) {
        block_graph_run(g, graph_end, g);
    }
}

static void graph_close(void *arg)
{
    BlockGraph *g = arg;

    while (g->first) {
        BlockNode *top = g->first;

        while (top && top->parents->len) {
            top = top->next;
        }
        CHECK(top);
        top->refs = 1; /* whoever held it is gone */
        block_node_unref(top);
    }
}

void block_graph_free(BlockGraph *g)
{
    block_graph_end(g);
    if (g->first) {
        block_graph_run(g, graph_close, g);
    }
    throttle_free_all(g);
    g_array_unref(g->enders);
    g_ptr_array_unref(g->leases);
    mutex_deinit(&g->lease_lock);
    g_clear_pointer(&g->objects, g_hash_table_unref);
    g_clear_pointer(&g->secrets, g_hash_table_destroy);
    fdsets_unref(g->fdsets);
    g_free(g);
}

/* ---- Objects ---- */

typedef struct GraphObject {
    void *object;
    GDestroyNotify free;
} GraphObject;

static void graph_object_free(void *p)
{
    GraphObject *o = p;

    o->free(o->object);
    g_free(o);
}

bool block_graph_add_object(BlockGraph *g, const char *kind, const char *id, void *take,
                            GDestroyNotify free_fn, GError **err)
{
    g_autofree char *key = g_strdup_printf("%s:%s", kind, id);
    GraphObject *o;

    if (!g->objects) {
        g->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, graph_object_free);
    }
    if (g_hash_table_contains(g->objects, key)) {
        free_fn(take);
        return error_set(err, "there is a %s of id '%s' already", kind, id);
    }
    o = g_new(GraphObject, 1);
    *o = (GraphObject){ take, free_fn };
    g_hash_table_insert(g->objects, g_steal_pointer(&key), o);
    return true;
}

void *block_graph_find_object(BlockGraph *g, const char *kind, const char *id)
{
    g_autofree char *key = g_strdup_printf("%s:%s", kind, id);
    GraphObject *o = g->objects ? g_hash_table_lookup(g->objects, key) : NULL;

    return o ? o->object : NULL;
}

bool block_graph_remove_object(BlockGraph *g, const char *kind, const char *id)
{
    g_autofree char *key = g_strdup_printf("%s:%s", kind, id);

    return g->objects && g_hash_table_remove(g->objects, key);
}

/* ---- The graph ---- */

void block_graph_set_fdsets(BlockGraph *g, struct FdSets *sets)
{
    g->fdsets = fdsets_ref(sets);
}

struct FdSets *block_graph_fdsets(const BlockGraph *g)
{
    return g->fdsets;
}

IoLoop *block_graph_loop(BlockGraph *g)
{
    return g->loop;
}

BlockNode *block_graph_find(BlockGraph *g, const char *node_name)
{
    for (BlockNode *n = g->first; n; n = n->next) {
        if (!strcmp(n->name, node_name)) {
            return n;
        }
    }
    return NULL;
}

BlockNode *block_graph_next(BlockGraph *g, BlockNode *after)
{
    return after ? after->next : g->first;
}

void block_graph_on_event(BlockGraph *g, BlockEventFn *fn, void *opaque)
{
    g->on_event = fn;
    g->opaque = opaque;
}

void block_say(BlockNode *n, BlockEvent event, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    if (!n->graph->on_event) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    n->graph->on_event(n->graph->opaque, n, event, text);
}

/* ---- Nodes ---- */

/* A letter, then letters, digits and -._ */
static bool node_name_valid(const char *name)
{
    if (!g_ascii_isalpha(*name) || strlen(name) > BLOCK_NAME_MAX) {
        return false;
    }
    for (; *name; name++) {
        if (!g_ascii_isalnum(*name) && !strchr("-._", *name)) {
            return false;
        }
    }
    return true;
}

BlockNode *block_node_new(BlockGraph *g, const BlockDriver *drv, const char *name, unsigned flags,
                          GError **err)
{
    BlockNode *n;

    if (name && !node_name_valid(name)) {
        error_set(err,
                  "node-name=%s is no name for a node: a letter, then letters, digits and -._, at "
                  "most %d in all",
                  name, BLOCK_NAME_MAX);
        return NULL;
    }
    if (name && block_graph_find(g, name)) {
        error_set(err, "there is a node with node-name=%s already", name);
        return NULL;
    }
    n = g_new0(BlockNode, 1);
    n->graph = g;
    n->drv = drv;
    n->priv = g_malloc0(MAX(drv->size, 1));
    n->name = name ? g_strdup(name) : g_strdup_printf("#block%03u", g->names++);
    n->refs = 1;
    n->flags = flags;
    n->unit = n->align = 1;
    n->children = g_array_new(FALSE, FALSE, sizeof(BlockChild));
    n->parents = g_ptr_array_new();
    n->drain_sets = g_ptr_array_new();
    n->tracks_last = &n->tracks;
    n->prev = g->last;
    *g->last = n;
    g->last = &n->next;
    return n;
}

/* Frees it, and lets go of its children; it is not open (any more). */
void block_node_delete(BlockNode *n)
{
    *n->prev = n->next;
    if (n->next) {
        n->next->prev = n->prev;
    } else {
        n->graph->last = n->prev;
    }
    while (n->children->len) {
        BlockChild c = g_array_index(n->children, BlockChild, n->children->len - 1);

        block_node_detach(n, c.role);
    }
    CHECK(!n->tracks && !n->in_flight && !n->parents->len);
    while (n->arrays) {
        block_free_array(n, n->arrays->data);
    }
    for (int i = 0; i < BLOCK_UNPACKED; i++) {
        g_free(n->unpacked[i].buf);
    }
    block_bitmaps_free(n);
    g_array_free(n->children, TRUE);
    g_ptr_array_free(n->parents, TRUE);
    g_ptr_array_free(n->drain_sets, TRUE);
    options_deinit(&n->options);
    g_free(n->backing_name);
    g_free(n->backing_format);
    g_free(n->name);
    g_free(n->filename);
    g_free(n->priv);
    g_free(n);
}

BlockNode *block_node_ref(BlockNode *n)
{
    n->refs++;
    return n;
}

void block_node_unref(BlockNode *n)
{
    if (!n || --n->refs) {
        return;
    }
    n->refs = 1; /* while it closes */
    while (n->in_flight) {
        fiber_queue_wait(&n->idle);
    }
    if (n->opened) {
        int ret = block_node_flush(n);

        if (ret) {
            block_say(n, BLOCK_EVENT_WARNING, "%s: flush at closing: %s", block_node_filename(n),
                      g_strerror(-ret));
        }
        if (n->drv->close) {
            n->drv->close(n);
        }
    }
    block_node_delete(n);
}

static BlockChild *node_find_child(const BlockNode *n, const char *role)
{
    for (unsigned i = 0; i < n->children->len; i++) {
        BlockChild *c = &g_array_index(n->children, BlockChild, i);

        if (!strcmp(c->role, role)) {
            return c;
        }
    }
    return NULL;
}

static void node_children_changed(BlockNode *n)
{
    n->file = block_node_child(n, "file");
    n->backing = block_node_child(n, "backing");
}

void block_node_attach(BlockNode *n, const char *role, BlockNode *take_child)
{
    BlockChild c = { g_strdup(role), take_child };

    CHECK(!node_find_child(n, role));
    /* What a format or filter stands on grows under it, also if it was opened by itself. */
    take_child->grows |= take_child->drv->grows && strcmp(role, "backing");
    g_array_append_val(n->children, c);
    g_ptr_array_add(take_child->parents, n);
    node_children_changed(n);
}

void block_node_detach(BlockNode *n, const char *role)
{
    BlockChild *c = node_find_child(n, role), gone;

    if (!c) {
        return;
    }
    gone = *c;
    g_array_remove_index(n->children, (unsigned)(c - (BlockChild *)(void *)n->children->data));
    g_ptr_array_remove(gone.node->parents, n);
    node_children_changed(n);
    g_free(gone.role);
    block_node_unref(gone.node);
}

/* ---- What a node is ---- */

const char *block_node_name(const BlockNode *n)
{
    return n->name;
}

const char *block_node_filename(const BlockNode *n)
{
    while (!n->filename && n->file) {
        n = n->file;
    }
    return n->filename ? n->filename : n->name;
}

const BlockDriver *block_node_driver(const BlockNode *n)
{
    return n->drv;
}

const char *block_node_format(const BlockNode *n)
{
    return n->drv->name;
}

uint64_t block_node_size(const BlockNode *n)
{
    return n->size;
}

unsigned block_node_flags(const BlockNode *n)
{
    return n->flags;
}

const char *block_node_detect_zeroes(const BlockNode *n)
{
    return n->detect_zeroes == DETECT_OFF ? "off" : n->detect_zeroes == DETECT_ON ? "on" : "unmap";
}

bool block_node_is_read_only(const BlockNode *n)
{
    return !(n->flags & BLOCK_OPEN_WRITE);
}

BlockGraph *block_node_graph(const BlockNode *n)
{
    return n->graph;
}

uint32_t block_node_align(const BlockNode *n)
{
    return n->align;
}

BlockNode *block_node_child(const BlockNode *n, const char *role)
{
    BlockChild *c = node_find_child(n, role);

    return c ? c->node : NULL;
}

BlockNode *block_node_child_at(const BlockNode *n, unsigned i, const char **role)
{
    if (i >= n->children->len) {
        return NULL;
    }
    *role = g_array_index(n->children, BlockChild, i).role;
    return g_array_index(n->children, BlockChild, i).node;
}

BlockNode *block_node_backing(const BlockNode *n)
{
    return n->backing;
}

const char *block_node_backing_name(const BlockNode *n)
{
    return n->backing_name;
}

const char *block_node_backing_format(const BlockNode *n)
{
    return n->backing_format;
}

BlockNode *block_node_skip_filters(BlockNode *n)
{
    while (n->drv->kind == BLOCK_FILTER && n->file) {
        n = n->file;
    }
    return n;
}

uint64_t block_node_cluster_size(const BlockNode *n)
{
    return block_maps(n) && n->unit > 1 ? n->unit : 0;
}

bool block_node_is_dirty(const BlockNode *n)
{
    return n->dirty;
}

bool block_node_is_encrypted(const BlockNode *n)
{
    return n->encrypted;
}

const BlockEventData *block_node_event(const BlockNode *n)
{
    return &n->event;
}

uint64_t block_node_highest(const BlockNode *n)
{
    return n->highest;
}

void block_node_set_threshold(BlockNode *n, uint64_t mark)
{
    n->threshold = mark;
}

uint64_t block_node_threshold(const BlockNode *n)
{
    return n->threshold;
}

void block_note_write(BlockNode *n, uint64_t end)
{
    n->highest = MAX(n->highest, end);
    if (n->threshold && end > n->threshold) {
        n->event = (BlockEventData){ .mark = n->threshold, .by = end - n->threshold };
        n->threshold = 0;
        block_say(n, BLOCK_EVENT_THRESHOLD, "%s: a write %" PRIu64 " bytes beyond %" PRIu64,
                  n->name, n->event.by, n->event.mark);
    }
}

bool block_node_keeps_bitmaps(BlockNode *n)
{
    return n->drv->keeps_bitmaps && n->drv->keeps_bitmaps(n);
}

GVariant *block_node_stats(BlockNode *n)
{
    return n->drv->stats ? n->drv->stats(n) : NULL;
}

GVariant *block_node_specific(BlockNode *n)
{
    return n->drv->specific ? n->drv->specific(n) : NULL;
}

/* ---- For drivers ---- */

const BlockDriver *block_driver_find(const char *name)
{
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        if (!strcmp((*d)->name, name)) {
            return *d;
        }
    }
    return NULL;
}

void *block_priv(const BlockNode *n)
{
    return n->priv;
}

bool block_error(GError **err, const BlockNode *n, const char *fmt, ...)
{
    g_autofree char *what = NULL;
    va_list ap;

    va_start(ap, fmt);
    what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return error_set(err, "%s: %s", block_node_filename(n), what);
}

void block_corrupt(BlockNode *n, bool fatal, int64_t off, int64_t len, const char *fmt, ...)
{
    g_autofree char *what = NULL, *where = NULL;
    va_list ap;

    if (n->corrupt) {
        return;
    }
    va_start(ap, fmt);
    what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    where = off >= 0 ? g_strdup_printf(
                           " (offset %" G_GINT64_FORMAT ", length %" G_GINT64_FORMAT ")", off, len)
                     : g_strdup("");
    n->corrupt = fatal;
    n->event = (BlockEventData){ .what = what, .fatal = fatal, .off = off, .len = len };
    block_say(n, BLOCK_EVENT_CORRUPTED, "%s: the image is damaged: %s%s%s", block_node_filename(n),
              what, where, fatal ? "; it takes no more writes" : "");
    n->event = (BlockEventData){ 0 };
}

bool block_set_size(BlockNode *n, uint64_t size, GError **err)
{
    if (size > BLOCK_SIZE_MAX) {
        return block_error(err, n, "its size of %" PRIu64 " bytes is beyond %" PRIu64, size,
                           BLOCK_SIZE_MAX);
    }
    n->size = size;
    return true;
}

void block_set_read_only(BlockNode *n)
{
    n->flags &= ~(unsigned)BLOCK_OPEN_WRITE;
}

void block_set_grows(BlockNode *n)
{
    n->grows = true;
}

bool block_auto_read_only(const BlockNode *n)
{
    return n->flags & BLOCK_OPEN_AUTO_RO;
}

bool block_prealloc_option(Options *o, BlockPrealloc *out, GError **err)
{
    static const char *const names[] = { "off", "metadata", "falloc", "full" };
    const char *text = options_get(o, "preallocation");

    *out = BLOCK_PREALLOC_OFF;
    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *out = (BlockPrealloc)i;
            return true;
        }
    }
    return !text || error_set(err,
                              "preallocation=%s is not known; valid: off, metadata, falloc, "
                              "full",
                              text);
}

void block_set_filename(BlockNode *n, const char *filename)
{
    g_free(n->filename);
    n->filename = g_strdup(filename);
}

void block_set_unit(BlockNode *n, uint64_t unit)
{
    CHECK(bits_is_pow2(unit));
    n->unit = unit;
}

uint64_t block_unit(const BlockNode *n)
{
    return n->unit;
}

void block_set_align(BlockNode *n, uint32_t align)
{
    CHECK(bits_is_pow2(align) && align <= 64 << 10);
    n->align = align;
}

void block_set_zero_limits(BlockNode *n, uint32_t align, uint64_t max)
{
    n->zero_align = align;
    n->zero_max = max;
}

void block_set_encrypted(BlockNode *n, bool yes)
{
    n->encrypted = yes;
}

void block_set_dirty(BlockNode *n, bool yes)
{
    n->dirty = yes;
}

void block_set_backing_name(BlockNode *n, const char *filename, const char *format)
{
    g_free(n->backing_name);
    g_free(n->backing_format);
    n->backing_name = g_strdup(filename);
    n->backing_format = g_strdup(format);
}

BlockNode *block_file(const BlockNode *n)
{
    return n->file;
}

bool block_read_all(BlockNode *n, uint64_t off, void *buf, uint64_t len, GError **err)
{
    uint64_t end;
    int ret;

    if (__builtin_add_overflow(off, len, &end) || end > n->file->size) {
        return block_error(err, n,
                           "%" PRIu64 " bytes at offset %" PRIu64
                           " are to be read, but the file has %" PRIu64,
                           len, off, n->file->size);
    }
    ret = block_node_read(n->file, off, buf, len);
    return !ret || block_error(err, n, "reading %" PRIu64 " bytes at offset %" PRIu64 ": %s", len,
                               off, g_strerror(-ret));
}

bool block_write_all(BlockNode *n, uint64_t off, const void *buf, uint64_t len, GError **err)
{
    int ret = block_node_write(n->file, off, buf, len, 0);

    return !ret || block_error(err, n, "writing %" PRIu64 " bytes at offset %" PRIu64 ": %s", len,
                               off, g_strerror(-ret));
}

void *block_try_array(BlockNode *n, uint64_t count, size_t size)
{
    BlockArray *a;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > BLOCK_TABLES_MAX ||
        n->array_bytes + bytes > BLOCK_TABLES_MAX) {
        return NULL;
    }
    a = calloc(1, sizeof(*a) + MAX(bytes, 1));
    if (!a) {
        return NULL;
    }
    a->bytes = bytes;
    a->next = n->arrays;
    a->prev = &n->arrays;
    if (a->next) {
        a->next->prev = &a->next;
    }
    n->arrays = a;
    n->array_bytes += bytes;
    return a->data;
}

void block_free_array(BlockNode *n, void *p)
{
    BlockArray *a;

    if (!p) {
        return;
    }
    a = (BlockArray *)(void *)((uint8_t *)p - offsetof(BlockArray, data));
    *a->prev = a->next;
    if (a->next) {
        a->next->prev = a->prev;
    }
    n->array_bytes -= a->bytes;
    free(a);
}
