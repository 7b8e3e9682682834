/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LPIs of the GICv3's redistributors: which are pending is kept here (a bit each) and goes to the
 * guest's pending table when LPIs are turned off; priority and enable are read from the guest's
 * configuration table whenever the most urgent one is sought.
 * Spec: IHI 0069, ch. 5.1 (LPIs), 12.11 (GICR_CTLR, GICR_PROPBASER, GICR_PENDBASER).
 */
#include "hw/intc/gicv3-priv.h"

#include "util/bytes.h"

enum {
    LPI_ENABLED = 1 << 0,
    PENDING_BYTES = LPI_END / 8,
    PENDING_SKIP = LPI_FIRST / 8, /* the table's beginning belongs to no LPI */
};

#define PROPBASER_WRITABLE 0x070fffffffffff9full
#define PENDBASER_WRITABLE 0x070fffffffff0f80ull
#define PENDBASER_PTZ      BIT(62)
#define PROPBASER_ADDR     0x000ffffffffff000ull
#define PENDBASER_ADDR     0x000fffffffff0000ull

/* One past the last id that the configuration table has room for. */
static unsigned lpi_end(const Gicv3 *s, unsigned cpu)
{
    unsigned bits = (s->propbaser[cpu] & 0x1f) + 1;

    return bits > 16 ? LPI_END : bits < 14 ? 0 : 1u << bits;
}

static bool lpi_is_on(const Gicv3 *s, unsigned cpu)
{
    return s->redist_ctlr[cpu] & GICR_CTLR_LPIS;
}

static uint64_t *lpi_words(const Gicv3 *s, unsigned cpu)
{
    return &s->lpi_pending[cpu * LPI_WORDS];
}

void gicv3_lpi_init(Gicv3 *s)
{
    s->n_lpi_words = s->num_cpu * LPI_WORDS;
    s->lpi_pending = device_alloc(&s->dev, s->n_lpi_words * sizeof(uint64_t));
    s->lpis = device_alloc(&s->dev, s->num_cpu * sizeof(GicLpis));
}

void gicv3_lpi_rebuild(Gicv3 *s)
{
    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        GicLpis *l = &s->lpis[cpu];

        for (unsigned w = 0; w < LPI_WORDS; w++) {
            l->some[w / 64] = bits_deposit(l->some[w / 64], w % 64, 1, lpi_words(s, cpu)[w] != 0);
        }
        l->stale = true;
    }
}

void gicv3_lpi_reset(Gicv3 *s)
{
    memset(s->lpi_pending, 0, s->n_lpi_words * sizeof(uint64_t));
    for (unsigned cpu = 0; cpu < s->num_cpu; cpu++) {
        s->propbaser[cpu] = s->pendbaser[cpu] = 0;
        s->redist_ctlr[cpu] = 0;
    }
    s->its_ctlr = s->its_cwriter = s->its_creadr = 0;
    s->its_cbaser = 0;
    memset(s->its_baser, 0, sizeof(s->its_baser));
    gicv3_lpi_rebuild(s);
}

void gicv3_lpi_invalidate(Gicv3 *s, unsigned cpu)
{
    s->lpis[cpu].stale = true;
}

/* What the guest's table says of the 64 LPIs of word @w; zeros where it cannot be read. */
static void lpi_config(Gicv3 *s, unsigned cpu, unsigned w, uint8_t conf[64])
{
    GuestPhys at = (s->propbaser[cpu] & PROPBASER_ADDR) + w * 64;

    memset(conf, 0, 64);
    if (LPI_FIRST + w * 64 < lpi_end(s, cpu) && device_dma_read(&s->dev, at, conf, 64) != MEM_OK) {
        guest_error(&s->dev, "the LPI configuration table is not in RAM");
        memset(conf, 0, 64);
    }
}

static void lpi_try(GicBest *best, unsigned id, uint8_t conf)
{
    unsigned prio = conf & PRIO_MASK;

    if (conf & LPI_ENABLED && prio < best->prio) {
        *best = (GicBest){ id, prio, 1 };
    }
}

static void lpi_seek(Gicv3 *s, unsigned cpu)
{
    GicLpis *l = &s->lpis[cpu];
    uint8_t conf[64];

    l->stale = false;
    l->best = (GicBest){ ID_SPURIOUS, PRIO_IDLE, 1 };
    for (unsigned i = 0; i < ARRAY_SIZE(l->some); i++) {
        for (uint64_t some = l->some[i]; some; some &= some - 1) {
            unsigned w = i * 64 + __builtin_ctzll(some);

            lpi_config(s, cpu, w, conf);
            for (uint64_t bits = lpi_words(s, cpu)[w]; bits; bits &= bits - 1) {
                unsigned n = __builtin_ctzll(bits);

                lpi_try(&l->best, LPI_FIRST + w * 64 + n, conf[n]);
            }
        }
    }
}

void gicv3_lpi_consider(Gicv3 *s, unsigned cpu, GicBest *best)
{
    GicLpis *l = &s->lpis[cpu];

    if (!lpi_is_on(s, cpu)) {
        return;
    }
    if (l->stale) {
        lpi_seek(s, cpu);
    }
    if (l->best.prio < best->prio) {
        *best = l->best;
    }
}

bool gicv3_lpi_is_pending(const Gicv3 *s, unsigned cpu, unsigned id)
{
    unsigned n = id - LPI_FIRST;

    return n < LPI_END - LPI_FIRST && lpi_words(s, cpu)[n / 64] & BIT(n % 64);
}

void gicv3_lpi_put(Gicv3 *s, unsigned cpu, unsigned id, bool pending)
{
    unsigned n = id - LPI_FIRST, w = n / 64;
    GicLpis *l = &s->lpis[cpu];
    uint64_t *word;

    /* Messages to a redistributor whose LPIs are off are lost. */
    if (n >= LPI_END - LPI_FIRST || !lpi_is_on(s, cpu) ||
        gicv3_lpi_is_pending(s, cpu, id) == pending) {
        return;
    }
    word = &lpi_words(s, cpu)[w];
    *word ^= BIT(n % 64);
    l->some[w / 64] = bits_deposit(l->some[w / 64], w % 64, 1, *word != 0);
    l->stale |= pending || l->best.id == id;
}

void gicv3_lpi_move_all(Gicv3 *s, unsigned from, unsigned to)
{
    if (from == to || !lpi_is_on(s, to)) {
        return;
    }
    for (unsigned w = 0; w < LPI_WORDS; w++) {
        lpi_words(s, to)[w] |= lpi_words(s, from)[w];
        lpi_words(s, from)[w] = 0;
    }
    for (unsigned i = 0; i < LPI_WORDS / 64; i++) {
        s->lpis[to].some[i] |= s->lpis[from].some[i];
        s->lpis[from].some[i] = 0;
    }
    s->lpis[from].stale = s->lpis[to].stale = true;
}

/* ---- The guest's pending table ---- */

static void lpi_table_read(Gicv3 *s, unsigned cpu)
{
    unsigned len = lpi_end(s, cpu) / 8;
    g_autofree uint8_t *table = g_malloc0(PENDING_BYTES);

    if (len > PENDING_SKIP && !(s->pendbaser[cpu] & PENDBASER_PTZ) &&
        device_dma_read(&s->dev, (s->pendbaser[cpu] & PENDBASER_ADDR) + PENDING_SKIP,
                        table + PENDING_SKIP, len - PENDING_SKIP) != MEM_OK) {
        guest_error(&s->dev, "the LPI pending table is not in RAM");
    }
    for (unsigned w = 0; w < LPI_WORDS; w++) {
        lpi_words(s, cpu)[w] = get_le64(table + PENDING_SKIP + w * 8);
    }
}

static void lpi_table_write(Gicv3 *s, unsigned cpu)
{
    unsigned len = lpi_end(s, cpu) / 8;
    g_autofree uint8_t *table = g_malloc0(PENDING_BYTES);

    for (unsigned w = 0; w < LPI_WORDS; w++) {
        put_le64(table + PENDING_SKIP + w * 8, lpi_words(s, cpu)[w]);
    }
    if (len > PENDING_SKIP &&
        device_dma_write(&s->dev, (s->pendbaser[cpu] & PENDBASER_ADDR) + PENDING_SKIP,
                         table + PENDING_SKIP, len - PENDING_SKIP) != MEM_OK) {
        guest_error(&s->dev, "the LPI pending table is not in RAM");
    }
    memset(lpi_words(s, cpu), 0, LPI_WORDS * 8);
}

static void lpi_ctlr_write(Gicv3 *s, unsigned cpu, uint32_t val)
{
    val &= GICR_CTLR_LPIS;
    if (val == s->redist_ctlr[cpu]) {
        return;
    }
    if (val) {
        lpi_table_read(s, cpu);
    } else {
        lpi_table_write(s, cpu);
    }
    s->redist_ctlr[cpu] = val;
    gicv3_lpi_rebuild(s);
}

/* ---- Registers ---- */

uint64_t gicv3_lpi_read(const Gicv3 *s, unsigned cpu, unsigned off, unsigned size)
{
    uint64_t val = 0;

    switch (off & ~7u) {
    case GICR_CTLR:
        val = s->redist_ctlr[cpu];
        break;
    case GICR_PROPBASER:
        val = s->propbaser[cpu];
        break;
    case GICR_PENDBASER:
        val = s->pendbaser[cpu] & ~PENDBASER_PTZ; /* write-only */
        break;
    default: /* GICR_SYNCR, too: nothing is ever outstanding */
        break;
    }
    return val >> (off % 8 * 8) & bits_mask(size * 8);
}

void gicv3_lpi_write(Gicv3 *s, unsigned cpu, unsigned off, unsigned size, uint64_t val)
{
    uint64_t *base;

    switch (off & ~7u) {
    case GICR_CTLR:
        if (off == GICR_CTLR) {
            lpi_ctlr_write(s, cpu, val);
        }
        break;
    case GICR_PROPBASER:
    case GICR_PENDBASER:
        if (lpi_is_on(s, cpu) || size < 4) { /* changes while LPIs are on are unpredictable */
            break;
        }
        base = (off & ~7u) == GICR_PROPBASER ? &s->propbaser[cpu] : &s->pendbaser[cpu];
        *base =
            bits_deposit(*base, off % 8 * 8, size * 8, val) &
            (base == &s->propbaser[cpu] ? PROPBASER_WRITABLE : PENDBASER_WRITABLE | PENDBASER_PTZ);
        break;
    default:
        break;
    }
}
