/* SPDX-License-Identifier: Apache-2.0 */
/* Who is under way on a node, and who must wait for whom. */
#include "block/core/core-priv.h"
#include "util/bits.h"

static bool track_strict(TrackKind kind)
{
    return kind == TRACK_ROOM || kind == TRACK_ALL;
}

static bool track_minds(TrackKind a, TrackKind b)
{
    return a == TRACK_ALL || b == TRACK_ALL || (a == TRACK_ROOM && b == TRACK_ROOM);
}

static bool track_overlaps(const BlockTrack *t, uint64_t off, uint64_t end)
{
    return t->off < end && off < t->end;
}

static void track_set(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t len)
{
    t->kind = kind;
    t->off = off;
    t->end = off + len;
    if (kind == TRACK_ROOM && n->unit > 1) {
        t->off = bits_align_down(off, n->unit);
        t->end = bits_align_up(t->end, n->unit);
    }
}

/* Within a range that its fiber has for itself alone: who waits for that range waits for both. */
static bool track_is_within(const BlockNode *n, const BlockTrack *t)
{
    for (const BlockTrack *o = n->tracks; o != t; o = o->next) {
        if (o->owner == t->owner && o->kind == TRACK_ALL && o->active && o->off <= t->off &&
            t->end <= o->end) {
            return true;
        }
    }
    return false;
}

void track_begin(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t len)
{
    BlockTrack *o;

    *t = (BlockTrack){ .prev = n->tracks_last, .owner = fiber_self() };
    track_set(n, t, kind, off, len);
    *n->tracks_last = t;
    n->tracks_last = &t->next;
    n->n_strict += track_strict(kind);
    if (!n->n_strict || (n->n_strict == 1 && kind == TRACK_ROOM) || track_is_within(n, t)) {
        t->active = true;
        return;
    }
    for (o = n->tracks; o != t;) {
        if (track_minds(o->kind, kind) && track_overlaps(o, t->off, t->end)) {
            fiber_queue_wait(&o->waiters);
            o = n->tracks; /* who was before may be gone */
        } else {
            o = o->next;
        }
    }
    t->active = true;
}

void track_ease(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t len)
{
    n->n_strict -= track_strict(t->kind);
    n->n_strict += track_strict(kind);
    track_set(n, t, kind, off, len);
    if (t->waiters.first) {
        fiber_queue_wake_all(&t->waiters);
    }
}

void track_wait(BlockNode *n, BlockTrack *t, TrackKind kind, uint64_t off, uint64_t end)
{
    BlockTrack *o;

    for (o = n->tracks; o;) {
        if (o->owner != t->owner && o->active && o->kind == kind && track_overlaps(o, off, end)) {
            fiber_queue_wait(&o->waiters);
            o = n->tracks;
        } else {
            o = o->next;
        }
    }
}

void track_raise(BlockNode *n, BlockTrack *t)
{
    BlockTrack *o;

    n->n_strict += !track_strict(t->kind);
    t->kind = TRACK_ALL;
    for (o = n->tracks; o;) {
        if (o->owner != t->owner && o->active && track_overlaps(o, t->off, t->end)) {
            fiber_queue_wait(&o->waiters);
            o = n->tracks;
        } else {
            o = o->next;
        }
    }
}

void track_end(BlockNode *n, BlockTrack *t)
{
    n->n_strict -= track_strict(t->kind);
    *t->prev = t->next;
    if (t->next) {
        t->next->prev = t->prev;
    } else {
        n->tracks_last = t->prev;
    }
    if (t->waiters.first) {
        fiber_queue_wake_all(&t->waiters);
    }
}

/* ---- Draining ---- */

/* What comes from outside waits while a node is drained. A request within a request, or in a
 * section of block_node_drain, goes on: whoever drains waits for it. */
void block_enter(BlockNode *n)
{
    unsigned *nesting = fiber_nesting();

    while (n->drained && !*nesting) {
        fiber_queue_wait(&n->undrained);
    }
    (*nesting)++;
    n->in_flight++;
}

void block_leave(BlockNode *n)
{
    (*fiber_nesting())--;
    if (!--n->in_flight && n->idle.first) {
        fiber_queue_wake_all(&n->idle);
    }
}

void block_work_begin(BlockNode *n)
{
    unsigned *nesting = fiber_nesting();

    (*nesting)++; /* as the request within which it began */
    block_enter(n);
    (*nesting)--;
}

void block_work_end(BlockNode *n)
{
    block_leave(n);
}

static void drain_collect(GPtrArray *set, BlockNode *n)
{
    if (g_ptr_array_find(set, n, NULL)) {
        return;
    }
    g_ptr_array_add(set, n);
    for (unsigned i = 0; i < n->parents->len; i++) {
        drain_collect(set, g_ptr_array_index(n->parents, i));
    }
}

bool block_is_draining(const BlockNode *n)
{
    return n->drained;
}

/* Also what lies above, since its requests become ours. */
void block_node_drain(BlockNode *n)
{
    GPtrArray *set = g_ptr_array_new();

    drain_collect(set, n);
    for (unsigned i = 0; i < set->len; i++) {
        BlockNode *a = g_ptr_array_index(set, i);

        a->drained++;
        a->refs++;
    }
    for (unsigned i = set->len; i--;) {
        BlockNode *a = g_ptr_array_index(set, i);

        while (a->in_flight) {
            fiber_queue_wait(&a->idle);
        }
    }
    (*fiber_nesting())++;
    /* The graph may change meanwhile: let go of the same ones after. */
    g_ptr_array_add(n->drain_sets, set);
}

void block_node_undrain(BlockNode *n)
{
    g_autoptr(GPtrArray) set = NULL;

    CHECK(n->drain_sets->len);
    set = g_ptr_array_steal_index(n->drain_sets, n->drain_sets->len - 1);
    (*fiber_nesting())--;
    for (unsigned i = 0; i < set->len; i++) {
        BlockNode *a = g_ptr_array_index(set, i);

        CHECK(a->drained);
        if (!--a->drained) {
            fiber_queue_wake_all(&a->undrained);
        }
    }
    for (unsigned i = 0; i < set->len; i++) {
        block_node_unref(g_ptr_array_index(set, i));
    }
}
