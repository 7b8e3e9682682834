/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where blocks begin, by page of RAM and mode word: a table of host addresses for each pair, one
 * for each place in the page where an instruction can begin. All vCPUs share them; a vCPU's views
 * (code-tlb.c) name the table of each virtual page that it has found, so what generated code needs
 * to go to any address is the page's table.
 *
 * The registry (cache.c) puts blocks in and takes them out again. Tables come from a pool; when it
 * is used up all are emptied, and used again when every vCPU has forgotten them.
 */
#include "accel/tcg/tcg-priv.h"

#include <sys/mman.h>

static unsigned entries_hash(const RamBlock *ram, uint64_t page_off, uint64_t mode)
{
    uint64_t h =
        ((uint64_t)ram->id << 40 | page_off >> GUEST_PAGE_BITS) ^ mode * 0x9e3779b97f4a7c15;

    return (unsigned)(h * 0xff51afd7ed558ccd >> 40) % TCG_ENTRY_HASH;
}

void tcg_entries_init(Tcg *t)
{
    enum { HUGE = 2 << 20 };
    size_t bytes = (size_t)TCG_ENTRY_TABLES * TCG_ENTRIES * sizeof(void *);
    TcgEntryPool *pool = &t->entries;

    pool->map_bytes = bytes + HUGE;
    pool->map = mmap(NULL, pool->map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pool->map == MAP_FAILED) {
        pool->map = NULL; /* slower: every address is looked up by the run loop */
        return;
    }
    pool->tables = (void **)(((uintptr_t)pool->map + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    (void)madvise(pool->tables, bytes, MADV_HUGEPAGE); /* a wish */
    pool->list = g_new0(TcgEntries, TCG_ENTRY_TABLES);
}

void tcg_entries_free(Tcg *t)
{
    if (t->entries.map) {
        munmap(t->entries.map, t->entries.map_bytes);
    }
    g_free(t->entries.list);
}

static TcgEntries *entries_find(Tcg *t, const RamBlock *ram, uint64_t page_off, uint64_t mode,
                                const Target *target)
{
    TcgEntries *e =
        __atomic_load_n(&t->entries.hash[entries_hash(ram, page_off, mode)], __ATOMIC_ACQUIRE);

    while (e && (e->page_off != page_off || e->mode_word != mode || e->ram != ram ||
                 e->target != target)) {
        e = e->hash_next;
    }
    return e;
}

static void entries_set(TcgEntries *e, unsigned delta, void *host)
{
    __atomic_store_n(&e->host[delta >> TCG_ENTRY_SHIFT], host, __ATOMIC_RELEASE);
}

static bool entries_has_place(unsigned delta)
{
    return !(delta & ((1u << TCG_ENTRY_SHIFT) - 1));
}

static void entries_empty(const Tcg *t, TcgEntries *e)
{
    for (unsigned i = 0; i < TCG_ENTRIES; i++) {
        __atomic_store_n(&e->host[i], tcg_entry_none(&t->cache, i), __ATOMIC_RELAXED);
    }
}

/* Context: the lock is held. */
static bool entries_room(Tcg *t) REQUIRES(t->lock)
{
    TcgEntryPool *pool = &t->entries;

    if (!pool->map) {
        return false;
    }
    if (pool->n < TCG_ENTRY_TABLES) {
        return true;
    }
    if (!pool->drained_at) {
        for (unsigned i = 0; i < pool->n; i++) {
            entries_empty(t, &pool->list[i]);
        }
        for (unsigned i = 0; i < TCG_ENTRY_HASH; i++) {
            __atomic_store_n(&pool->hash[i], NULL, __ATOMIC_RELEASE);
        }
        pool->drained_at = __atomic_add_fetch(&t->epoch, 1, __ATOMIC_SEQ_CST);
    }
    if (!tcg_all_passed(t, pool->drained_at)) {
        return false;
    }
    pool->n = 0;
    pool->drained_at = 0;
    return true;
}

void **tcg_entries_get(Tcg *t, RamBlock *ram, uint64_t page_off, uint64_t mode,
                       const Target *target)
{
    TcgEntries *e = entries_find(t, ram, page_off, mode, target), **head;
    uint64_t epoch;

    if (e) {
        return e->host;
    }
    mutex_lock(&t->lock);
    e = entries_find(t, ram, page_off, mode, target);
    epoch = t->epoch;
    if (!e && entries_room(t)) {
        unsigned n = t->entries.n++;

        e = &t->entries.list[n];
        head = &t->entries.hash[entries_hash(ram, page_off, mode)];
        *e = (TcgEntries){ .ram = ram,
                           .page_off = page_off,
                           .mode_word = mode,
                           .target = target,
                           .host = t->entries.tables + (size_t)n * TCG_ENTRIES,
                           .hash_next = *head };
        entries_empty(t, e);
        for (TcgBlock *b = tcg_page_blocks(ram, page_off); b; b = b->page_next) {
            if (b->mode_word == mode && b->target == target && entries_has_place(b->start_delta)) {
                entries_set(e, b->start_delta, b->host_entry);
            }
        }
        __atomic_store_n(head, e, __ATOMIC_RELEASE);
    }
    epoch ^= t->epoch;
    mutex_unlock(&t->lock);
    if (epoch) {
        tcg_call_others(t);
        if (cpu_current()) {
            cpu_current()->poll_counter = -1;
        }
    }
    return e ? e->host : NULL;
}

static void entries_change(Tcg *t, const TcgBlock *b, void *host)
{
    TcgEntries *e = entries_find(t, b->ram, b->page_off, b->mode_word, b->target);

    if (e && entries_has_place(b->start_delta)) {
        entries_set(e, b->start_delta, host);
    }
}

void tcg_entries_add(Tcg *t, const TcgBlock *b)
{
    entries_change(t, b, b->host_entry);
}

void tcg_entries_remove(Tcg *t, const TcgBlock *b)
{
    entries_change(t, b, tcg_entry_none(&t->cache, b->start_delta >> TCG_ENTRY_SHIFT));
}
