/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software TLB's parts. The fast tables (tlb.c) are what generated code looks at: one space at
 * a time, direct-mapped. Behind them lie the pages that are kept of all spaces (tlb-kept.c), and
 * mappings of more than a page; a walk follows only then. Invalidation is in tlb-flush.c.
 */
#ifndef ACCEL_TCG_TLB_PRIV_H
#define ACCEL_TCG_TLB_PRIV_H

#include "accel/tcg/tcg-priv.h"

enum {
    TLB_LOW = GUEST_PAGE_SIZE - 1,
    TLB_SMALL_SPAN_BITS = 16, /* mappings up to this size are invalidated page by page */
    TLB_MIN = 256,            /* entries of a mode */
};

/* ---- fast tables (tlb.c) ---- */

static inline unsigned tlb_index(const TcgCpu *tc, unsigned mode, GuestVirt va)
{
    return (unsigned)(va >> 8 & tc->size_mask[mode]) >> 4;
}

/* A slot's entries, wherever they are while the mode is parked. */
static inline TcgTlbEntry *tlb_read_slot(TcgCpu *tc, unsigned mode, unsigned i)
{
    return i < 2 && tc->park[mode].on ? &tc->park[mode].read[i] : &tc->read[mode][i];
}

static inline TcgTlbEntry *tlb_write_slot(TcgCpu *tc, unsigned mode, unsigned i)
{
    return i < 2 && tc->park[mode].on ? &tc->park[mode].write[i] : &tc->write[mode][i];
}

void tlb_drop(TcgCpu *tc, unsigned mode, unsigned i);
/* Every slot of a mode, parked or not. */
void tlb_drop_mode(TcgCpu *tc, unsigned mode);
/* The mode's space_id is another, or may be. */
void tlb_space_changed(TcgCpu *tc, unsigned mode);

typedef bool TlbVisit(TcgCpu *tc, unsigned mode, unsigned i, void *opaque);
/* Call @f for each slot in use of a mode; how many times it gave true. */
unsigned tlb_visit(TcgCpu *tc, unsigned mode, TlbVisit *f, void *opaque);

/* ---- pages that are kept (tlb-kept.c) ---- */

void tlb_kept_init(TcgCpu *tc);
/* @how: the mode, | TCG_KEY_FETCH of a fetch (which may be allowed other things than a load, and
 * treat tags of addresses otherwise). The page, or NULL; @page: without the low bits. */
const TcgTlbFull *tlb_kept_find(TcgCpu *tc, unsigned how, uint64_t page);
/* @old: what tlb_kept_find gave for the page. */
void tlb_kept_put(TcgCpu *tc, unsigned how, const TcgTlbFull *f, const TcgTlbFull *old);
/* What a walk for @va would give, from a mapping of more than 64 KiB. */
bool tlb_large_find(TcgCpu *tc, unsigned how, GuestVirt va, unsigned need, TlbResult *r);
void tlb_large_put(TcgCpu *tc, unsigned how, GuestVirt va, const TlbResult *r);
/* A page of a mapping of @span_bits is about to be used: invalidation must find it. */
void tlb_span_seen(TcgCpu *tc, GuestVirt va, unsigned span_bits);

/* Drop the pages of a flush from one set; from all sets; the mappings (how many). */
void tlb_kept_flush_page(TcgCpu *tc, const TcgFlush *f, GuestVirt va);
void tlb_kept_flush_all(TcgCpu *tc, const TcgFlush *f);
unsigned tlb_large_flush(TcgCpu *tc, const TcgFlush *f);
/* May mappings of more than 64 KiB hold addresses of the flush? */
bool tlb_span_may_hit(const TcgCpu *tc, const TcgFlush *f);
/* Forget of the mappings seen what is not in use. */
void tlb_span_review(TcgCpu *tc, unsigned n_modes);

#endif
