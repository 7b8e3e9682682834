/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the graph under way: holders, replacement of nodes, and who watches a node's writes.
 */
#include "block/core/core-priv.h"

void block_hold(BlockHolder *h, BlockNode *n)
{
    h->node = block_node_ref(n);
    h->next = n->holders;
    n->holders = h;
}

static void holder_unlink(BlockHolder *h)
{
    BlockHolder **at = &h->node->holders;

    while (*at != h) {
        at = &(*at)->next;
    }
    *at = h->next;
}

void block_let_go(BlockHolder *h)
{
    BlockNode *n = h->node;

    if (n) {
        holder_unlink(h);
        h->node = NULL;
        block_node_unref(n);
    }
}

bool block_node_is_held(const BlockNode *n)
{
    const BlockHolder *h = n->holders;

    while (h && h->idle) {
        h = h->next;
    }
    return h;
}

const char *block_node_sole_writer(const BlockNode *n)
{
    for (const BlockHolder *h = n->holders; h; h = h->next) {
        const char *name = __atomic_load_n(&h->sole_writer, __ATOMIC_ACQUIRE);

        if (name) {
            return name;
        }
    }
    return NULL;
}

bool block_node_is_alone(const BlockNode *n)
{
    unsigned refs = n->refs;

    for (const BlockHolder *h = n->holders; h; h = h->next) {
        refs -= !h->owns;
    }
    return refs == 1 && !block_node_is_held(n) && !n->parents->len;
}

void block_node_forget(BlockNode *n)
{
    bool owned = false;

    CHECK(block_node_is_alone(n));
    block_node_ref(n);
    while (n->holders) { /* idle ones */
        owned |= n->holders->owns;
        block_let_go(n->holders);
    }
    if (!owned) {
        block_node_unref(n);
    }
    block_node_unref(n);
}

BlockNode *block_node_parent(const BlockNode *n, const char *role)
{
    for (unsigned i = 0; i < n->parents->len; i++) {
        BlockNode *p = n->parents->pdata[i];

        if (!role || block_node_child(p, role) == n) {
            return p;
        }
    }
    return NULL;
}

bool block_node_is_only_below(const BlockNode *n, const BlockNode *parent)
{
    for (unsigned i = 0; i < n->parents->len; i++) {
        if (n->parents->pdata[i] != parent) {
            return false;
        }
    }
    return !block_node_is_held(n);
}

BlockNode *block_holder_node(BlockHolder *h)
{
    /* It may be another node after each wait. */
    while (h->node && h->node->drained && !*fiber_nesting()) {
        fiber_queue_wait(&h->node->undrained);
    }
    return h->node;
}

static bool node_reaches(const BlockNode *from, const BlockNode *what)
{
    if (from == what) {
        return true;
    }
    for (unsigned i = 0; i < from->children->len; i++) {
        if (node_reaches(g_array_index(from->children, BlockChild, i).node, what)) {
            return true;
        }
    }
    return false;
}

/* One child of @parent is @to instead of @from. */
static void node_switch_child(BlockNode *parent, BlockNode *from, BlockNode *to)
{
    for (unsigned i = 0; i < parent->children->len; i++) {
        BlockChild *c = &g_array_index(parent->children, BlockChild, i);

        if (c->node == from) {
            c->node = block_node_ref(to);
            parent->file = parent->file == from ? to : parent->file;
            parent->backing = parent->backing == from ? to : parent->backing;
            g_ptr_array_add(to->parents, parent);
            g_ptr_array_remove(from->parents, parent);
            block_node_unref(from);
            return;
        }
    }
}

bool block_node_replace(BlockNode *from, BlockNode *to, GError **err)
{
    g_autoptr(GPtrArray) parents = NULL;
    BlockHolder *h, *next;

    if (from == to) {
        return true;
    }
    if (from->graph != to->graph) {
        return error_set(err, "'%s' and '%s' are of different graphs", from->name, to->name);
    }
    if (from->size != to->size && (from->holders || from->parents->len)) {
        return error_set(err,
                         "'%s' has %" G_GUINT64_FORMAT " bytes and '%s' has %" G_GUINT64_FORMAT
                         ": it cannot stand in its place",
                         to->name, to->size, from->name, from->size);
    }
    block_node_ref(from);
    block_node_drain(from);
    block_node_drain(to);
    parents = g_ptr_array_copy(from->parents, NULL, NULL);
    for (unsigned i = 0; i < parents->len; i++) {
        BlockNode *p = parents->pdata[i];

        if (!node_reaches(to, p)) { /* else @to would be below itself */
            node_switch_child(p, from, to);
        }
    }
    for (h = from->holders; h; h = next) {
        next = h->next;
        if (!h->fixed && !h->idle) {
            holder_unlink(h);
            block_hold(h, to);
            if (!h->owns) {
                block_node_unref(from);
            }
            h->owns = false;
        }
    }
    block_node_undrain(to);
    block_node_undrain(from);
    block_node_unref(from);
    return true;
}

/* ---- Hooks ---- */

void block_hook_add(BlockNode *n, BlockHook *hook)
{
    hook->next = n->hooks;
    n->hooks = hook;
}

void block_hook_remove(BlockNode *n, BlockHook *hook)
{
    BlockHook **at = &n->hooks;

    while (*at && *at != hook) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = hook->next;
    }
}

void block_hooks_before(BlockNode *n, uint64_t off, uint64_t len)
{
    for (BlockHook *h = n->hooks, *next; h; h = next) {
        next = h->next;
        if (h->before) {
            h->before(h, off, len);
        }
    }
}

void block_hooks_after(BlockNode *n, uint64_t off, uint64_t len)
{
    for (BlockHook *h = n->hooks, *next; h; h = next) {
        next = h->next;
        if (h->after) {
            h->after(h, off, len);
        }
    }
}
