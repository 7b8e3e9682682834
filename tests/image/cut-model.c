/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/image/cut-model.h"

#include <stdio.h>
#include <string.h>

void cut_fail(CutCase *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("FAILED seed %u (%s; %s): ", c->seed, c->create, c->open);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    c->failed = true;
}

uint32_t cut_below(GRand *rand, uint64_t n)
{
    return n ? (uint32_t)(g_rand_int(rand) % n) : 0;
}

void cut_set(CutSector *s, uint64_t tag)
{
    if (!s->may) {
        s->may = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
    g_array_append_val(s->may, s->now);
    s->now = tag;
}

void cut_flushed(CutSector *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (s[i].may) {
            g_array_set_size(s[i].may, 0);
        }
    }
}

bool cut_allows(const CutSector *s, uint64_t tag)
{
    if (s->now == tag) {
        return true;
    }
    for (unsigned i = 0; s->may && i < s->may->len; i++) {
        if (g_array_index(s->may, uint64_t, i) == tag) {
            return true;
        }
    }
    return false;
}

bool cut_tag(const uint8_t *p, uint64_t *tag)
{
    memcpy(tag, p, 8);
    return !memcmp(p, p + 8, CUT_SECTOR - 8);
}

uint8_t *cut_bytes(uint64_t first, uint64_t n)
{
    uint64_t *buf = g_new(uint64_t, n * 64 + 1);

    for (uint64_t i = 0; i < n * 64; i++) {
        buf[i] = first + i / 64;
    }
    return (uint8_t *)buf;
}

uint64_t cut_compare(const CutSector *s, const uint8_t *buf, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag;

        if (!cut_tag(buf + i * CUT_SECTOR, &tag) || !cut_allows(&s[i], tag)) {
            return i;
        }
    }
    return n;
}

/* ---- Many fibers ---- */

static void many_write(CutMany *m, bool zero)
{
    uint64_t off = cut_below(m->rand, m->sectors),
             n = 1 + cut_below(m->rand, cut_below(m->rand, 4) ? 40 : 400), end;
    g_autofree uint8_t *buf = NULL;
    int ret;

    n = MIN(n, m->sectors - off);
    for (end = off; end < off + n && !m->busy[end]; end++) {
    }
    n = end - off;
    buf = cut_bytes(m->tag + 1, n);
    m->writes++;
    for (uint64_t i = off; i < end; i++) {
        cut_set(&m->s[i], zero ? 0 : ++m->tag);
        m->busy[i] = true;
        m->started[i] = m->writes;
    }
    ret = zero ? block_node_write_zeroes(m->n, off * CUT_SECTOR, n * CUT_SECTOR,
                                         cut_below(m->rand, 2) ? BLOCK_REQ_UNMAP : 0)
               : block_node_write(m->n, off * CUT_SECTOR, buf, n * CUT_SECTOR, 0);
    m->cut |= ret != 0;
    for (uint64_t i = off; i < end; i++) {
        m->busy[i] = false;
    }
}

static void many_flush(CutMany *m)
{
    g_autofree bool *busy = g_memdup2(m->busy, m->sectors * sizeof(*busy));
    uint64_t writes = m->writes;

    if (block_node_flush(m->n)) {
        m->cut = true;
        return;
    }
    for (uint64_t i = 0; i < m->sectors; i++) {
        if (!busy[i] && m->started[i] <= writes) {
            cut_flushed(&m->s[i], 1);
        }
    }
}

static void many_run(void *arg)
{
    CutMany *m = arg;

    for (unsigned i = 1 + cut_below(m->rand, 8); i && !m->cut; i--) {
        unsigned what = cut_below(m->rand, 8);

        if (what < 2) {
            many_flush(m);
        } else {
            many_write(m, what == 2);
        }
    }
    if (!--m->running) {
        fiber_queue_wake_all(&m->done);
    }
}

void cut_many(CutMany *m)
{
    unsigned n = 2 + cut_below(m->rand, 5);

    m->busy = g_new0(bool, m->sectors);
    m->started = g_new0(uint64_t, m->sectors);
    m->running = n;
    while (n--) {
        fiber_start(many_run, m);
    }
    while (m->running) {
        fiber_queue_wait(&m->done);
    }
    g_free(m->busy);
    g_free(m->started);
}
