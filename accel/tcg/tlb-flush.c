/* SPDX-License-Identifier: Apache-2.0 */
/* Invalidation of the software TLB: by address, space and mode, here and on other vCPUs. */
#include "accel/tcg/tlb-priv.h"

#include <sched.h>

enum {
    FLUSH_PROBES = 128, /* more pages than this, and looking at everything is cheaper */
    FLUSH_POSTED = 64,  /* more messages than this are one for whole modes */
};

static void tlb_flush_modes(Cpu *cpu, uint32_t modes)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->walk_epoch++;
    tc->last_flat = NULL;
    tcg_space_renew_modes(tc, modes);
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (modes >> m & 1) {
            tlb_drop_mode(tc, m);
        }
    }
    tcg_code_flush_modes(cpu, modes);
    tc->stats.tlb_flushes++;
}

void tcg_tlb_flush_all(Cpu *cpu)
{
    tlb_flush_modes(cpu, UINT32_MAX);
    tlb_kept_init(tcg_cpu(cpu)); /* may name ranges of a map that is going */
}

void tcg_tlb_flush_modes(Cpu *cpu, uint32_t modes)
{
    tlb_flush_modes(cpu, modes);
}

static void tlb_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->walk_epoch++;
    if (tcg_space_renew(tc, modes, space)) {
        for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
            tlb_space_changed(tc, m);
        }
    }
    tcg_code_flush_space(cpu, modes, space);
    tc->stats.tlb_flushes++;
}

/* ---- by address ---- */

typedef struct FlushVisit {
    const TcgFlush *flush;
    bool only_large;
} FlushVisit;

/* The pages of a mode's fast table that are not global are all of one space. */
static bool flush_hits_slot(const TcgCpu *tc, const TcgFlush *f, unsigned mode, const TcgTlbFull *t)
{
    return tcg_flush_hits(f, t->page, 1ull << t->span_bits) &&
           (t->global || tcg_space_may_be(tc, mode, f->space, tc->local_id[mode]));
}

static bool flush_visit(TcgCpu *tc, unsigned mode, unsigned i, void *opaque)
{
    const FlushVisit *v = opaque;
    const TcgTlbFull *f = &tc->full[mode][i];

    if ((v->only_large && f->span_bits <= TLB_SMALL_SPAN_BITS) ||
        !flush_hits_slot(tc, v->flush, mode, f)) {
        return false;
    }
    tlb_drop(tc, mode, i);
    return true;
}

/* Look at every page. */
static void tlb_flush_scan(Cpu *cpu, const TcgFlush *f, bool only_large)
{
    TcgCpu *tc = tcg_cpu(cpu);
    FlushVisit v = { f, only_large };
    unsigned n = tlb_large_flush(tc, f);

    if (!only_large) {
        tlb_kept_flush_all(tc, f);
    }
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (f->modes >> m & 1) {
            n += tlb_visit(tc, m, flush_visit, &v);
        }
    }
    tc->stats.tlb_scans++;
    if (only_large && !n) {
        tlb_span_review(tc, cpu->target->n_mmu_modes);
    }
}

/* Look where the pages of the range, and of small mappings that reach into it, can be. */
static void tlb_flush_probe(Cpu *cpu, const TcgFlush *f)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t span = 1ull << tc->small_span_bits;
    GuestVirt va = f->va & ~(span - 1), end = (f->va + f->bytes + span - 1) & ~(span - 1);

    for (; va != end; va += GUEST_PAGE_SIZE) {
        tlb_kept_flush_page(tc, f, va);
        for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
            unsigned i = tlb_index(tc, m, va);
            const TcgTlbFull *t = &tc->full[m][i];

            if ((f->modes >> m & 1) && t->page != TCG_NO_TAG && flush_hits_slot(tc, f, m, t)) {
                tlb_drop(tc, m, i);
            }
        }
    }
}

static void tlb_flush_some(Cpu *cpu, const TcgFlush *f)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (!f->bytes) {
        tlb_flush_space(cpu, f->modes, f->space);
        return;
    }
    tc->walk_epoch += !(f->how & TCG_FLUSH_LEAF);
    if (f->bytes > FLUSH_PROBES * GUEST_PAGE_SIZE) {
        tlb_flush_scan(cpu, f, false);
    } else {
        tlb_flush_probe(cpu, f);
        if (tlb_span_may_hit(tc, f)) {
            tlb_flush_scan(cpu, f, true);
        }
    }
    tcg_code_flush_page(cpu, f);
    tc->stats.page_flushes++;
}

/* Whole pages. */
static TcgFlush tlb_range(uint64_t space, GuestVirt va, uint64_t bytes, uint32_t modes,
                          unsigned how)
{
    uint64_t low = va & TLB_LOW;

    bytes = MIN(MAX(bytes, 1u), UINT64_MAX - 2 * GUEST_PAGE_SIZE);
    bytes = (bytes + low + TLB_LOW) & ~(uint64_t)TLB_LOW;
    return (TcgFlush){ .space = space, .va = va - low, .bytes = bytes, .modes = modes, .how = how };
}

void tcg_tlb_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    tlb_flush_space(cpu, modes, space);
}

void tcg_tlb_flush_range_of(Cpu *cpu, uint64_t space, GuestVirt va, uint64_t bytes, uint32_t modes,
                            unsigned how)
{
    TcgFlush f = tlb_range(space, va, bytes, modes, how);

    tlb_flush_some(cpu, &f);
}

void tcg_tlb_flush_range(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes, unsigned how)
{
    tcg_tlb_flush_range_of(cpu, TCG_ANY_SPACE, va, bytes, modes, how);
}

void tcg_tlb_flush_page(Cpu *cpu, GuestVirt va, uint32_t modes, unsigned how)
{
    tcg_tlb_flush_range(cpu, va, 1, modes, how);
}

uint64_t tcg_walk_epoch(Cpu *cpu)
{
    return tcg_cpu(cpu)->walk_epoch;
}

/* ---- stores that must be seen ---- */

static bool revoke_visit(TcgCpu *tc, unsigned mode, unsigned i, void *opaque)
{
    const TcgRevoke *r = opaque;
    const TcgTlbFull *f = &tc->full[mode][i];

    if (f->ram == r->ram && f->ram_off < r->off + r->len && r->off < f->ram_off + GUEST_PAGE_SIZE) {
        tlb_write_slot(tc, mode, i)->tag = tcg_empty_tag(i);
    }
    return false;
}

static void tlb_revoke(Cpu *cpu, TcgRevoke *r)
{
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        tlb_visit(tcg_cpu(cpu), m, revoke_visit, r);
    }
}

void tcg_post_revoke(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len)
{
    TcgRevoke r = { ram, off, len };

    for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
        Cpu *cpu = machine_cpu(t->machine, i);

        if (cpu == cpu_current()) {
            tlb_revoke(cpu, &r);
        } else if (cpu->accel) {
            mutex_lock(&tcg_cpu(cpu)->lock);
            g_array_append_val(tcg_cpu(cpu)->revoked, r);
            mutex_unlock(&tcg_cpu(cpu)->lock);
            cpu_request(cpu, REQ_TCG);
        }
    }
}

/* ---- other vCPUs ---- */

void tcg_messages(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    g_autoptr(GArray) revoked = NULL;
    uint32_t modes;
    uint64_t asked;

    mutex_lock(&tc->lock);
    modes = tc->mode_flushes;
    tc->mode_flushes = 0;
    asked = tc->flush_asked;
    for (unsigned i = 0; i < tc->page_flushes->len; i++) {
        tlb_flush_some(cpu, &g_array_index(tc->page_flushes, TcgFlush, i));
    }
    g_array_set_size(tc->page_flushes, 0);
    if (tc->revoked->len) {
        revoked = tc->revoked;
        tc->revoked = g_array_new(FALSE, FALSE, sizeof(TcgRevoke));
    }
    mutex_unlock(&tc->lock);
    /* Our stores since the page was translated went unseen: look whether they hit code. */
    for (unsigned i = 0; revoked && i < revoked->len; i++) {
        TcgRevoke *r = &g_array_index(revoked, TcgRevoke, i);

        tlb_revoke(cpu, r);
        tcg_code_check(tc->tcg, r->ram, r->off, r->len);
    }
    if (modes) {
        tlb_flush_modes(cpu, modes);
    }
    __atomic_store_n(&tc->flush_done, asked, __ATOMIC_SEQ_CST);
}

/* A run of pages is one message. */
static bool flush_joins(GArray *list, const TcgFlush *f)
{
    TcgFlush *last = list->len ? &g_array_index(list, TcgFlush, list->len - 1) : NULL;

    if (!last || !f->bytes || !last->bytes || last->va + last->bytes != f->va ||
        last->space != f->space || last->modes != f->modes || last->how != f->how ||
        last->bytes + f->bytes < f->bytes) {
        return false;
    }
    last->bytes += f->bytes;
    return true;
}

static void tlb_post(Cpu *to, uint32_t modes, const TcgFlush *f)
{
    TcgCpu *tc = tcg_cpu(to);

    mutex_lock(&tc->lock);
    if (!f) {
        tc->mode_flushes |= modes;
    } else if (tc->page_flushes->len < FLUSH_POSTED && !flush_joins(tc->page_flushes, f)) {
        g_array_append_val(tc->page_flushes, *f);
    } else if (tc->page_flushes->len >= FLUSH_POSTED) {
        tc->mode_flushes |= f->modes;
    }
    __atomic_store_n(&tc->flush_asked, tc->flush_asked + 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&tc->lock);
    /* One that sleeps need not wake for it: it looks before it runs. */
    cpu_request_quiet(to, REQ_TCG);
}

static void tlb_post_others(Cpu *cpu, uint32_t modes, const TcgFlush *f)
{
    Machine *m = cpu->dev.machine;

    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        if (machine_cpu(m, i) != cpu) {
            tlb_post(machine_cpu(m, i), modes, f);
            tcg_cpu(cpu)->sync_wanted = true;
        }
    }
}

void tcg_tlb_flush_modes_all_cpus(Cpu *cpu, uint32_t modes)
{
    tlb_post_others(cpu, modes, NULL);
    tlb_flush_modes(cpu, modes);
}

void tcg_tlb_flush_range_of_all_cpus(Cpu *cpu, uint64_t space, GuestVirt va, uint64_t bytes,
                                     uint32_t modes, unsigned how)
{
    TcgFlush f = tlb_range(space, va, bytes, modes, how);

    tlb_post_others(cpu, 0, &f);
    tlb_flush_some(cpu, &f);
}

void tcg_tlb_flush_range_all_cpus(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes,
                                  unsigned how)
{
    tcg_tlb_flush_range_of_all_cpus(cpu, TCG_ANY_SPACE, va, bytes, modes, how);
}

void tcg_tlb_flush_page_all_cpus(Cpu *cpu, GuestVirt va, uint32_t modes, unsigned how)
{
    tcg_tlb_flush_range_all_cpus(cpu, va, 1, modes, how);
}

void tcg_tlb_flush_space_all_cpus(Cpu *cpu, uint32_t modes, uint64_t space)
{
    TcgFlush f = { .space = space, .modes = modes };

    tlb_post_others(cpu, 0, &f);
    tlb_flush_space(cpu, modes, space);
}

/* What this vCPU asked of @other is done, or will be before @other runs again. */
static bool tlb_answered(const Cpu *cpu, Cpu *other, uint64_t asked)
{
    return other == cpu || cpu_run_state(other) != CPU_RUNNING ||
           __atomic_load_n(&tcg_cpu(other)->flush_done, __ATOMIC_SEQ_CST) >= asked;
}

void tcg_tlb_sync(Cpu *cpu)
{
    Machine *m = cpu->dev.machine;

    /* Code that this vCPU wrote is dropped before it tells others to run it. */
    if (cpu_take_requests(cpu, REQ_TCG)) {
        tcg_messages(cpu);
    }
    /* A DSB waits for what its own PE has begun. Where instructions are counted nobody else runs:
     * each looks at its messages before it does. */
    if (!tcg_cpu(cpu)->sync_wanted || tcg_cpu(cpu)->icount) {
        return;
    }
    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        Cpu *other = machine_cpu(m, i);
        uint64_t asked = __atomic_load_n(&tcg_cpu(other)->flush_asked, __ATOMIC_SEQ_CST);

        while (!tlb_answered(cpu, other, asked)) {
            if (cpu_take_requests(cpu, REQ_TCG)) {
                tcg_messages(cpu); /* it may wait for us */
            }
            if (cpu_requests(cpu) & (REQ_PAUSE | REQ_QUIT)) {
                return; /* the machine stops: everybody's messages come first afterwards */
            }
            sched_yield();
        }
    }
    tcg_cpu(cpu)->sync_wanted = false;
}
