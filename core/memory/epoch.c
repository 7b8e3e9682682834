/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epochs: readers of published objects announce the epoch they began in; an object retired in
 * epoch e is freed once every announced epoch is greater. Readers are vCPUs (their reader_epoch,
 * renewed at each quiescent point) and short uses on other threads (slots).
 *
 * Order: a reader stores its epoch, then loads the pointer; a writer stores the new pointer, then
 * raises the epoch, then looks at the readers; all sequentially consistent. A reader that the
 * writer does not see has therefore loaded the new pointer.
 */
#include "core/core-priv.h"

#include <sched.h>

typedef struct EpochRetired {
    void *ptr;
    void (*fn)(void *ptr);
    uint64_t epoch;
} EpochRetired;

void epoch_init(Epochs *e)
{
    e->now = 1;
    mutex_init(&e->lock);
    e->retired = g_array_new(FALSE, FALSE, sizeof(EpochRetired));
}

void epoch_deinit(Epochs *e)
{
    for (unsigned i = 0; i < e->retired->len; i++) {
        const EpochRetired *r = &g_array_index(e->retired, EpochRetired, i);

        r->fn(r->ptr);
    }
    g_array_free(e->retired, TRUE);
    mutex_deinit(&e->lock);
}

uint64_t *epoch_enter(Epochs *e)
{
    /* Threads begin at different slots: the stack's address tells them apart. */
    unsigned i = ((uintptr_t)__builtin_frame_address(0) >> 16) * 0x9e37u >> 8;

    for (;; i++) {
        uint64_t *slot = &e->slots[i % EPOCH_SLOTS].epoch;
        uint64_t none = 0;

        if (__atomic_compare_exchange_n(slot, &none, __atomic_load_n(&e->now, __ATOMIC_SEQ_CST),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            return slot;
        }
    }
}

void epoch_leave(uint64_t *slot)
{
    __atomic_store_n(slot, 0, __ATOMIC_RELEASE);
}

/* The least epoch that a reader may still be in. */
static uint64_t epoch_oldest(Machine *m)
{
    uint64_t oldest = UINT64_MAX;

    for (unsigned i = 0; i < EPOCH_SLOTS; i++) {
        uint64_t e = __atomic_load_n(&m->epochs.slots[i].epoch, __ATOMIC_SEQ_CST);

        oldest = e ? min_u64(oldest, e) : oldest;
    }
    for (unsigned i = 0; i < m->cpus->len; i++) {
        uint64_t e = __atomic_load_n(&machine_cpu(m, i)->reader_epoch, __ATOMIC_SEQ_CST);

        oldest = e ? min_u64(oldest, e) : oldest;
    }
    return oldest;
}

void epoch_reclaim(Machine *m)
{
    Epochs *e = &m->epochs;
    g_autoptr(GArray) ready = NULL;
    uint64_t oldest;

    mutex_lock(&e->lock);
    if (e->retired->len) {
        oldest = epoch_oldest(m);
        for (unsigned i = 0; i < e->retired->len;) {
            EpochRetired r = g_array_index(e->retired, EpochRetired, i);

            if (r.epoch <= oldest) {
                if (!ready) {
                    ready = g_array_new(FALSE, FALSE, sizeof(EpochRetired));
                }
                g_array_append_val(ready, r);
                g_array_remove_index_fast(e->retired, i);
            } else {
                i++;
            }
        }
    }
    mutex_unlock(&e->lock);
    for (unsigned i = 0; ready && i < ready->len; i++) {
        const EpochRetired *r = &g_array_index(ready, EpochRetired, i);

        r->fn(r->ptr);
    }
}

void epoch_wait(Machine *m)
{
    uint64_t e = __atomic_add_fetch(&m->epochs.now, 1, __ATOMIC_SEQ_CST);

    while (epoch_oldest(m) < e) {
        sched_yield();
    }
    epoch_reclaim(m);
}

void epoch_retire(Machine *m, void *ptr, void (*fn)(void *ptr))
{
    EpochRetired r = { ptr, fn, __atomic_add_fetch(&m->epochs.now, 1, __ATOMIC_SEQ_CST) };

    mutex_lock(&m->epochs.lock);
    g_array_append_val(m->epochs.retired, r);
    mutex_unlock(&m->epochs.lock);
    epoch_reclaim(m);
}
