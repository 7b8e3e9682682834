/* SPDX-License-Identifier: Apache-2.0 */
#include "core/doorbell.h"

#include "core/core-priv.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * So many doorbells stand in the loop themselves: the kernel rings one that nobody sleeps on
 * without a look at who does, where an epoll set is told of each ring. The others are in such a
 * set, whose price for the loop does not grow with them.
 */
enum { DIRECT = 16 };

void doorbell_init(Machine *m)
{
    mutex_init(&m->bells.lock);
    m->bells.list = g_ptr_array_new();
    m->bells.fd = -1;
}

static void doorbell_free(Doorbell *d)
{
    if (d->fd >= 0) {
        close(d->fd);
    }
    g_free(d);
}

void doorbell_deinit(Machine *m)
{
    DoorbellState *s = &m->bells;

    for (unsigned i = 0; i < s->list->len; i++) {
        doorbell_free(g_ptr_array_index(s->list, i));
    }
    g_ptr_array_free(s->list, TRUE);
    if (s->fd >= 0) {
        close(s->fd);
    }
    mutex_deinit(&s->lock);
}

/* Has it been rung since it was last looked at? */
static bool doorbell_take(const Doorbell *d)
{
    uint64_t n;

    return read(d->fd, &n, sizeof(n)) == sizeof(n);
}

static void doorbell_answer(Doorbell *d)
{
    Device *dev = d->dev;

    if (doorbell_take(d)) {
        device_enter(dev);
        d->fn(dev, d->n);
        device_leave(dev);
    }
}

/* Only this thread takes doorbells from the list: what epoll names is there. */
static void doorbell_serve_set(Machine *m)
{
    enum { AT_ONCE = 64 };
    struct epoll_event ready[AT_ONCE];
    int n;

    do {
        n = m->bells.fd >= 0 ? epoll_wait(m->bells.fd, ready, AT_ONCE, 0) : 0;
        for (int i = 0; i < n; i++) {
            doorbell_answer(ready[i].data.ptr);
        }
    } while (n == AT_ONCE);
}

static Doorbell *doorbell_at(Machine *m, unsigned i)
{
    Doorbell *d;

    mutex_lock(&m->bells.lock);
    d = i < m->bells.list->len ? g_ptr_array_index(m->bells.list, i) : NULL;
    mutex_unlock(&m->bells.lock);
    return d;
}

void doorbell_serve(Machine *m)
{
    Doorbell *d;

    for (unsigned i = 0; (d = doorbell_at(m, i)); i++) {
        if (d->watch) {
            doorbell_answer(d);
        }
    }
    doorbell_serve_set(m);
}

static bool doorbell_ready(int fd, unsigned events, void *arg)
{
    doorbell_serve_set(arg);
    return true;
}

static bool doorbell_ready_one(int fd, unsigned events, void *arg)
{
    doorbell_answer(arg);
    return true;
}

/* One descriptor stands in the loop for all that do not themselves. */
static bool doorbell_open(Machine *m)
{
    if (m->bells.fd < 0) {
        m->bells.fd = epoll_create1(EPOLL_CLOEXEC);
        if (m->bells.fd >= 0) {
            loop_watch_fd(m, m->bells.fd, LOOP_IN, doorbell_ready, m);
        }
    }
    return m->bells.fd >= 0;
}

static void doorbell_make(const Doorbell *row)
{
    Machine *m = row->dev->machine;
    Doorbell *d = g_memdup2(row, sizeof(*row));
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = d };

    d->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->fd >= 0 && m->bells.direct < DIRECT) {
        m->bells.direct++;
        d->watch = loop_watch_fd(m, d->fd, LOOP_IN, doorbell_ready_one, d);
    } else if (d->fd < 0 || !doorbell_open(m) ||
               epoll_ctl(m->bells.fd, EPOLL_CTL_ADD, d->fd, &e) < 0) {
        doorbell_free(d);
        return;
    }
    mutex_lock(&m->bells.lock);
    g_ptr_array_add(m->bells.list, d);
    d->id = __atomic_add_fetch(&m->bells.generation, 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&m->bells.lock);
}

void doorbell_add(Device *dev, unsigned region, uint64_t off, unsigned size, DoorbellFn *fn,
                  unsigned n)
{
    doorbell_make(
        &(Doorbell){ .dev = dev, .region = region, .off = off, .size = size, .fn = fn, .n = n });
}

void doorbell_add_value(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t value,
                        DoorbellFn *fn, unsigned n)
{
    doorbell_make(&(Doorbell){ .dev = dev,
                               .region = region,
                               .off = off,
                               .size = size,
                               .match = true,
                               .value = value,
                               .fn = fn,
                               .n = n });
}

void doorbell_drop(Device *dev)
{
    DoorbellState *s = &dev->machine->bells;

    mutex_lock(&s->lock);
    for (unsigned i = s->list->len; i > 0; i--) {
        Doorbell *d = g_ptr_array_index(s->list, i - 1);

        if (d->dev == dev) {
            if (d->watch) {
                loop_unwatch(dev->machine, d->watch);
                s->direct--;
            } else {
                /* Others may have a dup of it: closing alone does not take it from the set. */
                (void)epoll_ctl(s->fd, EPOLL_CTL_DEL, d->fd, NULL);
            }
            doorbell_free(d);
            g_ptr_array_remove_index_fast(s->list, i - 1);
            __atomic_add_fetch(&s->generation, 1, __ATOMIC_SEQ_CST);
        }
    }
    mutex_unlock(&s->lock);
}

uint64_t doorbell_generation(Machine *m)
{
    return __atomic_load_n(&m->bells.generation, __ATOMIC_ACQUIRE);
}

void doorbell_each(Machine *m, const FlatRange *f,
                   void (*fn)(const Doorbell *d, const FlatRange *f, void *arg), void *arg)
{
    mutex_lock(&m->bells.lock);
    for (unsigned i = 0; f->kind == FLAT_MMIO && i < m->bells.list->len; i++) {
        const Doorbell *d = g_ptr_array_index(m->bells.list, i);

        if (f->region->dev == d->dev && f->region->region == d->region &&
            d->off >= f->region_offset && d->off - f->region_offset < f->len) {
            fn(d, f, arg);
        }
    }
    mutex_unlock(&m->bells.lock);
}
