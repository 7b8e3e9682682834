/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast tables of a vCPU's software TLB for data, and how they are filled.
 *
 * Tags hold the address as the guest used it, tag byte included (Arm's top-byte-ignore): a tagged
 * pointer gets an entry of its own, and only invalidation looks at addresses without the tag.
 *
 * A change of space costs a mode no more than hiding its table behind an empty one of two entries.
 * Kernels leave a space and come back without an access by the modes that have pages of it (Arm
 * kernels with page-table isolation do at every system call): then the table is shown again. An
 * access in between drops the pages of the old space; the second level has them still.
 */
#include "accel/tcg/tlb-priv.h"

enum { TLB_WINDOW = 4096 }; /* misses between two looks at a mode's size */

void tlb_drop(TcgCpu *tc, unsigned mode, unsigned i)
{
    TcgTlbFull *f = &tc->full[mode][i];

    if (f->page == TCG_NO_TAG) {
        return;
    }
    f->page = TCG_NO_TAG;
    tc->in_use[mode][f->global][i / 64] &= ~(1ull << (i % 64));
    tc->n_in_use[mode][f->global]--;
    tlb_read_slot(tc, mode, i)->tag = tcg_empty_tag(i);
    tlb_write_slot(tc, mode, i)->tag = tcg_empty_tag(i);
}

static void tlb_drop_kind(TcgCpu *tc, unsigned mode, bool global)
{
    uint64_t *bits = tc->in_use[mode][global];

    for (unsigned w = 0; tc->n_in_use[mode][global]; w++) {
        while (bits[w]) {
            tlb_drop(tc, mode, w * 64 + (unsigned)__builtin_ctzll(bits[w]));
        }
    }
}

unsigned tlb_visit(TcgCpu *tc, unsigned mode, TlbVisit *f, void *opaque)
{
    unsigned n = 0;

    for (unsigned kind = 0; kind < 2; kind++) {
        unsigned left = tc->n_in_use[mode][kind];

        for (unsigned w = 0; left; w++) {
            uint64_t bits = tc->in_use[mode][kind][w];

            for (; bits; bits &= bits - 1, left--) {
                n += f(tc, mode, w * 64 + (unsigned)__builtin_ctzll(bits), opaque);
            }
        }
    }
    return n;
}

/* ---- parking ---- */

static void tlb_park(TcgCpu *tc, unsigned mode)
{
    TcgTlbPark *p = &tc->park[mode];

    for (unsigned i = 0; i < 2; i++) {
        p->read[i] = tc->read[mode][i];
        p->write[i] = tc->write[mode][i];
        tc->read[mode][i].tag = tc->write[mode][i].tag = tcg_empty_tag(i);
    }
    tc->tlb_mask[mode] = 1 << 4;
    p->on = true;
}

static void tlb_unpark(TcgCpu *tc, unsigned mode)
{
    TcgTlbPark *p = &tc->park[mode];

    p->on = false;
    for (unsigned i = 0; i < 2; i++) {
        tc->read[mode][i] = p->read[i];
        tc->write[mode][i] = p->write[i];
    }
    tc->tlb_mask[mode] = tc->size_mask[mode];
}

void tlb_space_changed(TcgCpu *tc, unsigned mode)
{
    if (!tc->n_in_use[mode][0]) {
        tc->local_id[mode] = tc->space_id[mode];
    }
    if (tc->local_id[mode] != tc->space_id[mode]) {
        if (!tc->park[mode].on) {
            tlb_park(tc, mode);
        }
    } else if (tc->park[mode].on) {
        tlb_unpark(tc, mode);
        tc->stats.tlb_unparks++;
    }
}

/* An access in the new space: only now do the old one's pages go. */
static void tlb_settle(TcgCpu *tc, unsigned mode)
{
    tlb_drop_kind(tc, mode, false);
    tc->local_id[mode] = tc->space_id[mode];
    tlb_unpark(tc, mode);
    tc->stats.tlb_settles++;
}

void tlb_drop_mode(TcgCpu *tc, unsigned mode)
{
    tlb_drop_kind(tc, mode, false);
    tlb_drop_kind(tc, mode, true);
    tlb_space_changed(tc, mode);
}

void tcg_space_switch(Cpu *cpu, uint32_t modes, uint64_t space)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (!tcg_space_select(tc, modes, space)) {
        return;
    }
    tc->stats.space_switches++;
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (modes >> m & 1) {
            tlb_space_changed(tc, m);
        }
    }
    tcg_code_space_switch(cpu, modes, space);
}

/* ---- size ---- */

static void tlb_set_size(TcgCpu *tc, unsigned mode, unsigned n)
{
    tlb_drop_mode(tc, mode);
    for (unsigned i = 0; i < n; i++) {
        tc->read[mode][i].tag = tc->write[mode][i].tag = tcg_empty_tag(i);
        tc->full[mode][i].page = TCG_NO_TAG;
    }
    tc->size_mask[mode] = tc->tlb_mask[mode] = (n - 1) << 4;
}

/* Grow while pages push each other out, shrink while most of the table is empty. */
static void tlb_review_size(TcgCpu *tc, unsigned mode)
{
    unsigned n = (unsigned)(tc->size_mask[mode] >> 4) + 1;
    unsigned in_use = tc->n_in_use[mode][0] + tc->n_in_use[mode][1];

    if (tc->n_conflicts[mode] > TLB_WINDOW / 2 && n < TCG_TLB_MAX) {
        tlb_set_size(tc, mode, n * 2);
        tc->stats.tlb_resizes++;
    } else if (tc->n_conflicts[mode] < TLB_WINDOW / 32 && in_use < n / 16 && n > TLB_MIN) {
        tlb_set_size(tc, mode, n / 2);
        tc->stats.tlb_resizes++;
    }
    tc->n_conflicts[mode] = tc->n_misses[mode] = 0;
}

void tcg_tlb_init(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    mutex_init(&tc->lock);
    tc->revoked = g_array_new(FALSE, FALSE, sizeof(TcgRevoke));
    tc->page_flushes = g_array_new(FALSE, FALSE, sizeof(TcgFlush));
    tc->skip_breakpoint = UINT64_MAX;
    tlb_kept_init(tc);
    tcg_space_init(tc);
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        tlb_set_size(tc, m, TCG_TLB_ENTRIES);
    }
    tcg_code_tlb_init(cpu);
}

/* ---- filling ---- */

/*
 * With -accel tcg,x-slow: is this page to be left out of the fast table for now? Some other pages
 * fall out of it, so that there are always some that are missing.
 */
static bool tlb_stress(TcgCpu *tc, unsigned mode)
{
    uint32_t percent = tc->tcg->stress_slow;

    for (unsigned k = 0; k <= percent / 4; k++) {
        unsigned words = (unsigned)(tc->size_mask[mode] >> 10) + 1, w, i;

        tc->stress_random = tc->stress_random * 1664525 + 1013904223;
        w = (tc->stress_random >> 8) % words;
        for (unsigned n = 0; n < words; n++, w = (w + 1) % words) {
            uint64_t bits = tc->in_use[mode][tc->stress_random >> 28 & 1][w];

            if (bits) {
                i = w * 64 + (unsigned)__builtin_ctzll(bits);
                tc->read[mode][i].tag = tc->write[mode][i].tag = tcg_empty_tag(i);
                break;
            }
        }
    }
    return (tc->stress_random >> 16) % 100 < percent;
}

static void tlb_set_tags(TcgCpu *tc, unsigned mode, unsigned i)
{
    const TcgTlbFull *f = &tc->full[mode][i];
    const FlatRange *flat = f->flat;
    TcgTlbEntry *r = &tc->read[mode][i], *w = &tc->write[mode][i];

    r->tag = w->tag = tcg_empty_tag(i);
    if (!f->ram || (f->device && !f->aligned) || f->end || f->watched ||
        flat->len - (f->phys - flat->start) < GUEST_PAGE_SIZE ||
        (tc->tcg->stress_slow && tlb_stress(tc, mode))) {
        return;
    }
    r->addend = w->addend = (uintptr_t)(f->ram->host + f->ram_off) - f->page;
    if (f->prot & TLB_READ) {
        r->tag = f->page;
    }
    if ((f->prot & TLB_WRITE) && !f->rom && ram_write_is_free(f->ram, f->ram_off)) {
        w->tag = f->page;
    }
}

static TcgTlbFull *tlb_enter(TcgCpu *tc, unsigned mode, unsigned i, const TcgTlbFull *kept)
{
    TcgTlbFull *f = &tc->full[mode][i];

    if (f->page != TCG_NO_TAG) {
        tc->n_conflicts[mode] += f->page != kept->page;
        tc->in_use[mode][f->global][i / 64] &= ~(1ull << (i % 64));
        tc->n_in_use[mode][f->global]--;
    }
    *f = *kept;
    tc->in_use[mode][f->global][i / 64] |= 1ull << (i % 64);
    tc->n_in_use[mode][f->global]++;
    tlb_set_tags(tc, mode, i);
    return f;
}

const FlatRange *tcg_flat(Cpu *cpu, GuestPhys phys, bool secure)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (secure) {
        return aspace_lookup(cpu->as_secure, phys);
    }
    if (cpu != cpu_current()) {
        return aspace_lookup(cpu->as, phys); /* a debugger */
    }
    if (!tc->last_flat || phys - tc->last_flat->start >= tc->last_flat->len) {
        tc->last_flat = aspace_lookup(cpu->as, phys);
    }
    return tc->last_flat;
}

/* The first or the last page of a space of 32 bits. */
static bool tlb_is_end(Cpu *cpu, GuestVirt page)
{
    uint64_t limit = 1ull << 32;

    return cpu->target->data_va && (page == 0 || page == limit - GUEST_PAGE_SIZE) &&
           cpu->target->data_va(cpu, limit) == 0;
}

/* Does a watchpoint of a debugger lie on the page? */
static bool tlb_is_watched(Cpu *cpu, GuestVirt page)
{
    for (unsigned i = 0; tcg_cpu(cpu)->has_watch && i < cpu->watchpoints->len; i++) {
        const Watchpoint *w = &g_array_index(cpu->watchpoints, Watchpoint, i);

        if (w->addr < page + GUEST_PAGE_SIZE && page < w->addr + w->len) {
            return true;
        }
    }
    return false;
}

static TcgTlbFull tlb_describe(Cpu *cpu, GuestVirt va, const TlbResult *r)
{
    GuestPhys phys = r->phys & ~(uint64_t)TLB_LOW;
    const FlatRange *flat = tcg_flat(cpu, r->phys, r->secure);
    TcgTlbFull f = {
        .page = va & ~(uint64_t)TLB_LOW,
        .phys = phys,
        .flat = flat,
        .prot = r->prot,
        .code_attr = r->code_attr,
        .span_bits = (uint8_t)MAX(__builtin_ctzll(r->page_bytes), GUEST_PAGE_BITS),
        .secure = r->secure,
        .device = r->device,
        .aligned = r->aligned,
        .global = r->global,
        .watched = r->watched || tlb_is_watched(cpu, va & ~(uint64_t)TLB_LOW),
        .end = tlb_is_end(cpu, va & ~(uint64_t)TLB_LOW),
    };

    if (flat && flat->ram && flat->start <= phys) {
        f.ram = flat->ram;
        f.ram_off = flat->offset + (phys - flat->start);
        f.rom = flat->kind != FLAT_RAM;
    }
    return f;
}

static void tlb_count_walk(TcgStats *s, uint64_t bytes)
{
    s->tlb_fills++;
    s->walks_small += bytes <= 1ull << TLB_SMALL_SPAN_BITS;
    s->walks_large += bytes > 1ull << TLB_SMALL_SPAN_BITS && bytes < 1ull << 30;
    s->walks_giant += bytes >= 1ull << 30;
}

/*
 * The page of @va from a large mapping or the target, and keep it; false: cpu->raised. @old: what
 * is kept of it, which is not enough for @access.
 */
static bool tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                     const TcgTlbFull *old, TcgTlbFull *f)
{
    static const uint8_t need[] = {
        [ACCESS_READ] = TLB_READ, [ACCESS_WRITE] = TLB_WRITE, [ACCESS_FETCH] = TLB_EXEC
    };
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned how = mode | (access == ACCESS_FETCH ? TCG_KEY_FETCH : 0);
    TlbResult r = { 0 };
    bool found = tlb_large_find(tc, how, va, need[access], &r);

    if (found) {
        tc->stats.tlb_large_hits++;
    } else {
        if (!cpu->target->tlb_fill(cpu, va, access, mode, memop, false, &r)) {
            return false;
        }
        tlb_count_walk(&tc->stats, r.page_bytes);
    }
    *f = tlb_describe(cpu, va, &r);
    if (f->span_bits > GUEST_PAGE_BITS) {
        tlb_span_seen(tc, va, f->span_bits);
    }
    if (f->span_bits <= TLB_SMALL_SPAN_BITS) {
        tlb_kept_put(tc, how, f, old);
    } else if (!found) {
        tlb_large_put(tc, how, va, &r);
    }
    return true;
}

bool tcg_tlb_fetch(Cpu *cpu, GuestVirt pc, unsigned mode, TcgTlbFull *f)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const TcgTlbFull *kept = tlb_kept_find(tc, mode | TCG_KEY_FETCH, pc & ~(uint64_t)TLB_LOW);

    if (kept && (kept->prot & TLB_EXEC)) {
        tc->stats.tlb_kept_hits++;
        *f = *kept;
        return true;
    }
    return tlb_fill(cpu, pc, ACCESS_FETCH, mode, 0, kept, f);
}

TcgTlbFull *tcg_tlb_page(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint8_t need = access == ACCESS_WRITE ? TLB_WRITE : TLB_READ;
    uint64_t page = va & ~(uint64_t)TLB_LOW;
    const TcgTlbFull *kept;
    TcgTlbFull *f, filled;
    unsigned i;

    if (tc->park[mode].on) {
        tlb_settle(tc, mode);
    }
    i = tlb_index(tc, mode, va);
    f = &tc->full[mode][i];
    if (f->page == page && (f->prot & need)) {
        /* A page may have become free for writing since. */
        if (access == ACCESS_WRITE && tc->write[mode][i].tag == tcg_empty_tag(i)) {
            tlb_set_tags(tc, mode, i);
        }
        return f;
    }
    if (++tc->n_misses[mode] >= TLB_WINDOW) {
        tlb_review_size(tc, mode);
        i = tlb_index(tc, mode, va);
    }
    kept = tlb_kept_find(tc, mode, page);
    if (kept && (kept->prot & need)) {
        tc->stats.tlb_kept_hits++;
        return tlb_enter(tc, mode, i, kept);
    }
    return tlb_fill(cpu, va, access, mode, memop, kept, &filled) ? tlb_enter(tc, mode, i, &filled)
                                                                 : NULL;
}
