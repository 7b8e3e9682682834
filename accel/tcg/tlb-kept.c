/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind the fast tables of the software TLB: pages of all address spaces, and mappings of more
 * than a page. Nothing is taken out when a space is left or flushed: entries carry the number of
 * their space, and that number is what changes (space.c).
 */
#include "accel/tcg/tlb-priv.h"

static unsigned kept_set(uint64_t page)
{
    /* Only bits that a tag byte does not reach: invalidation knows addresses without. */
    return (unsigned)(page >> 12 ^ page >> 20 ^ page >> 32) & (TCG_KEPT_SETS - 1);
}

void tlb_kept_init(TcgCpu *tc)
{
    for (unsigned s = 0; s < TCG_KEPT_SETS; s++) {
        for (unsigned w = 0; w < TCG_KEPT_WAYS; w++) {
            tc->kept_key[s][w] = TCG_NO_TAG;
        }
    }
    memset(tc->large, 0, sizeof(tc->large));
    memset(tc->large_2m, 0, sizeof(tc->large_2m));
    memset(tc->large_1g, 0, sizeof(tc->large_1g));
    tc->small_span_bits = GUEST_PAGE_BITS;
}

static bool kept_counts(const TcgCpu *tc, unsigned mode, uint64_t id)
{
    return id == tc->space_id[mode] || id == tc->global_id[mode];
}

static TcgTlbFull *kept_find(TcgCpu *tc, unsigned how, uint64_t page, unsigned *way)
{
    unsigned s = kept_set(page);
    const uint64_t *key = tc->kept_key[s], *id = tc->kept_id[s];

    for (unsigned w = 0; w < TCG_KEPT_WAYS; w++) {
        if (key[w] == (page | how) && kept_counts(tc, how & 15, id[w])) {
            *way = w;
            return &tc->kept[s][w];
        }
    }
    return NULL;
}

const TcgTlbFull *tlb_kept_find(TcgCpu *tc, unsigned how, uint64_t page)
{
    unsigned way;

    return kept_find(tc, how, page, &way);
}

void tlb_kept_put(TcgCpu *tc, unsigned how, const TcgTlbFull *f, const TcgTlbFull *old)
{
    unsigned s = kept_set(f->page), w;

    if (!old || !kept_find(tc, how, f->page, &w)) {
        for (w = 0; w < TCG_KEPT_WAYS && tc->kept_key[s][w] != TCG_NO_TAG; w++) {
        }
        if (w == TCG_KEPT_WAYS) {
            w = tc->kept_next[s]++ % TCG_KEPT_WAYS;
        }
    }
    tc->kept_key[s][w] = f->page | how;
    tc->kept[s][w] = *f;
    tc->kept_id[s][w] = (f->global ? tc->global_id : tc->space_id)[how & 15];
}

/* ---- large mappings ---- */

/* By the 2 MiB that are looked for: greater mappings may lie in several sets. */
static unsigned large_set(GuestVirt va, unsigned how)
{
    return (unsigned)((va & TCG_ADDRESS_BITS) >> 21 ^ how * 5) % TCG_LARGE_SETS;
}

bool tlb_large_find(TcgCpu *tc, unsigned how, GuestVirt va, unsigned need, TlbResult *r)
{
    const TcgTlbLarge *set = tc->large[large_set(va, how)];

    for (unsigned i = 0; i < TCG_LARGE_WAYS; i++) {
        const TcgTlbLarge *l = &set[i];

        if (l->id && l->mode == how && (l->base ^ va) >> l->span_bits == 0 &&
            kept_counts(tc, how & 15, l->id) && (l->prot & need)) {
            *r = (TlbResult){ .phys = l->phys + (va - l->base),
                              .page_bytes = 1ull << l->span_bits,
                              .prot = l->prot,
                              .code_attr = l->code_attr,
                              .secure = l->secure,
                              .device = l->device,
                              .global = l->global };
            return true;
        }
    }
    return false;
}

void tlb_large_put(TcgCpu *tc, unsigned how, GuestVirt va, const TlbResult *r)
{
    uint64_t low = r->page_bytes - 1;
    unsigned s = large_set(va, how);

    tc->large[s][tc->large_next[s]++ % TCG_LARGE_WAYS] =
        (TcgTlbLarge){ .base = va & ~low,
                       .id = (r->global ? tc->global_id : tc->space_id)[how & 15],
                       .phys = r->phys & ~low,
                       .span_bits = (uint8_t)__builtin_ctzll(r->page_bytes),
                       .mode = (uint8_t)how,
                       .prot = r->prot,
                       .code_attr = r->code_attr,
                       .secure = r->secure,
                       .device = r->device,
                       .global = r->global };
}

unsigned tlb_large_flush(TcgCpu *tc, const TcgFlush *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < TCG_LARGE_SETS * TCG_LARGE_WAYS; i++) {
        TcgTlbLarge *l = &tc->large[0][0] + i;

        if (l->id && (f->modes >> (l->mode & 15) & 1) &&
            (l->global || tcg_space_may_be(tc, l->mode & 15, f->space, l->id)) &&
            tcg_flush_hits(f, l->base, 1ull << l->span_bits)) {
            l->id = 0;
            n++;
        }
    }
    return n;
}

static unsigned span_hash(uint64_t n)
{
    return (unsigned)(n * 0x9e3779b97f4a7c15 >> 48) % TCG_LARGE_HASH;
}

static bool span_test(const uint64_t *bits, uint64_t n)
{
    return bits[span_hash(n) / 64] >> (span_hash(n) % 64) & 1;
}

static void span_set(uint64_t *bits, uint64_t n)
{
    bits[span_hash(n) / 64] |= 1ull << (span_hash(n) % 64);
}

void tlb_span_seen(TcgCpu *tc, GuestVirt va, unsigned span_bits)
{
    va &= TCG_ADDRESS_BITS;
    if (span_bits <= TLB_SMALL_SPAN_BITS) {
        tc->small_span_bits = MAX(tc->small_span_bits, (uint8_t)span_bits);
    } else if (span_bits <= 21) {
        span_set(tc->large_2m, va >> 21);
    } else if (span_bits <= 30) {
        span_set(tc->large_1g, va >> 30);
    } else {
        memset(tc->large_1g, 0xff, sizeof(tc->large_1g));
    }
}

bool tlb_span_may_hit(const TcgCpu *tc, const TcgFlush *f)
{
    GuestVirt first = f->va & TCG_ADDRESS_BITS, last = (f->va + f->bytes - 1) & TCG_ADDRESS_BITS;

    return span_test(tc->large_2m, first >> 21) || span_test(tc->large_2m, last >> 21) ||
           span_test(tc->large_1g, first >> 30) || span_test(tc->large_1g, last >> 30);
}

static bool span_visit(TcgCpu *tc, unsigned mode, unsigned i, void *opaque)
{
    const TcgTlbFull *f = &tc->full[mode][i];

    if (f->span_bits > TLB_SMALL_SPAN_BITS) {
        tlb_span_seen(tc, f->page, f->span_bits);
    }
    return false;
}

void tlb_span_review(TcgCpu *tc, unsigned n_modes)
{
    memset(tc->large_2m, 0, sizeof(tc->large_2m));
    memset(tc->large_1g, 0, sizeof(tc->large_1g));
    for (unsigned m = 0; m < n_modes; m++) {
        tlb_visit(tc, m, span_visit, NULL);
    }
    for (unsigned i = 0; i < TCG_LARGE_SETS * TCG_LARGE_WAYS; i++) {
        const TcgTlbLarge *l = &tc->large[0][0] + i;

        if (l->id) {
            tlb_span_seen(tc, l->base, l->span_bits);
        }
    }
}

/* ---- invalidation ---- */

static void kept_flush_set(TcgCpu *tc, const TcgFlush *f, unsigned s)
{
    for (unsigned w = 0; w < TCG_KEPT_WAYS; w++) {
        uint64_t key = tc->kept_key[s][w];

        if (key != TCG_NO_TAG && (f->modes >> (key & 15) & 1) &&
            tcg_flush_hits(f, key & ~(uint64_t)TLB_LOW, 1ull << tc->small_span_bits) &&
            tcg_flush_hits(f, key & ~(uint64_t)TLB_LOW, 1ull << tc->kept[s][w].span_bits) &&
            (tc->kept[s][w].global ||
             tcg_space_may_be(tc, key & 15, f->space, tc->kept_id[s][w]))) {
            tc->kept_key[s][w] = TCG_NO_TAG;
        }
    }
}

void tlb_kept_flush_page(TcgCpu *tc, const TcgFlush *f, GuestVirt va)
{
    kept_flush_set(tc, f, kept_set(va));
}

void tlb_kept_flush_all(TcgCpu *tc, const TcgFlush *f)
{
    for (unsigned s = 0; s < TCG_KEPT_SETS; s++) {
        kept_flush_set(tc, f, s);
    }
}
