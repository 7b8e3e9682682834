/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/counters.h"

#include "util/lock.h"

#include <string.h>

struct TcgCounters {
    Mutex lock;
    GPtrArray *all; /* of TcgCounter */
};

TcgCounters *tcg_counters_new(void)
{
    TcgCounters *c = g_new0(TcgCounters, 1);

    mutex_init(&c->lock);
    c->all = g_ptr_array_new_with_free_func(g_free);
    return c;
}

void tcg_counters_free(TcgCounters *c)
{
    if (c) {
        g_ptr_array_free(c->all, TRUE);
        mutex_deinit(&c->lock);
        g_free(c);
    }
}

uint64_t *tcg_counter(TcgCounters *c, const char *group, const char *name)
{
    TcgCounter *k = NULL;

    mutex_lock(&c->lock);
    for (guint i = 0; i < c->all->len && !k; i++) {
        TcgCounter *have = c->all->pdata[i];

        if (!strcmp(have->name, name) && !strcmp(have->group, group)) {
            k = have;
        }
    }
    if (!k) {
        k = g_new0(TcgCounter, 1);
        k->group = group;
        k->name = name;
        g_ptr_array_add(c->all, k);
    }
    mutex_unlock(&c->lock);
    return &k->n;
}

static gint counters_compare(gconstpointer a, gconstpointer b)
{
    const TcgCounter *x = a, *y = b;
    int by_group = strcmp(x->group, y->group);

    if (by_group) {
        return by_group;
    }
    return x->n < y->n ? 1 : x->n > y->n ? -1 : strcmp(x->name, y->name);
}

GArray *tcg_counters_list(TcgCounters *c)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(TcgCounter));

    mutex_lock(&c->lock);
    for (guint i = 0; i < c->all->len; i++) {
        const TcgCounter *k = c->all->pdata[i];
        TcgCounter copy = { k->group, k->name, __atomic_load_n(&k->n, __ATOMIC_RELAXED) };

        g_array_append_val(list, copy);
    }
    mutex_unlock(&c->lock);
    g_array_sort(list, counters_compare);
    return list;
}
