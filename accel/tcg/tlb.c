/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software TLB of a vCPU for data, and what other vCPUs ask of it.
 *
 * Tags hold the address as the guest used it, tag byte included (Arm's top-byte-ignore): a tagged
 * pointer gets an entry of its own, and only invalidation looks at addresses without the tag.
 */
#include "accel/tcg/tcg-priv.h"

#include <sched.h>

enum { PAGE_MASK_LOW = GUEST_PAGE_SIZE - 1 };

static unsigned tlb_index(const TcgCpu *tc, unsigned mode, GuestVirt va)
{
    return (unsigned)(va >> 8 & tc->tlb_mask[mode]) >> 4;
}

static void tlb_drop(TcgCpu *tc, unsigned mode, unsigned i)
{
    tc->read[mode][i].tag = tcg_empty_tag(i);
    tc->write[mode][i].tag = tcg_empty_tag(i);
    tc->full[mode][i].page = TCG_NO_TAG;
}

static void tlb_flush_mode(TcgCpu *tc, unsigned mode)
{
    if (tc->n_used[mode] > TCG_USED_MAX) {
        for (unsigned i = 0; i <= tc->tlb_mask[mode] >> 4; i++) {
            tlb_drop(tc, mode, i);
        }
    } else {
        for (unsigned k = 0; k < tc->n_used[mode]; k++) {
            tlb_drop(tc, mode, tc->used[mode][k]);
        }
    }
    tc->n_used[mode] = 0;
    tc->large_span[mode] = GUEST_PAGE_SIZE;
}

void tcg_tlb_init(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    mutex_init(&tc->lock);
    tc->revoked = g_array_new(FALSE, FALSE, sizeof(TcgRevoke));
    tc->dead = g_array_new(FALSE, FALSE, sizeof(TcgDead));
    tc->page_flushes = g_array_new(FALSE, FALSE, sizeof(TcgFlush));
    tc->excl_addr = UINT64_MAX;
    tc->skip_breakpoint = UINT64_MAX;
    for (unsigned m = 0; m < TCG_MODES; m++) {
        tc->tlb_mask[m] = (TCG_TLB_ENTRIES - 1) << 4;
        tc->n_used[m] = m < cpu->target->n_mmu_modes ? TCG_USED_MAX + 1 : 0;
        tlb_flush_mode(tc, m);
    }
    tcg_space_init(tc);
    tcg_code_tlb_init(cpu);
}

static void tlb_flush_modes(Cpu *cpu, uint32_t modes)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->walk_epoch++;
    tcg_space_renew_modes(tc, modes);
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (modes >> m & 1) {
            tlb_flush_mode(tc, m);
        }
    }
    tcg_code_flush_modes(cpu, modes);
    tc->stats.tlb_flushes++;
}

void tcg_tlb_flush_all(Cpu *cpu)
{
    tlb_flush_modes(cpu, UINT32_MAX);
}

void tcg_tlb_flush_modes(Cpu *cpu, uint32_t modes)
{
    tlb_flush_modes(cpu, modes);
}

static void tlb_drop_local(TcgCpu *tc, unsigned mode)
{
    unsigned n = tc->n_used[mode];

    if (n > TCG_USED_MAX) {
        tlb_flush_mode(tc, mode);
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        unsigned i = tc->used[mode][k];

        if (!tc->full[mode][i].global) {
            tlb_drop(tc, mode, i);
        }
    }
}

static void tlb_drop_local_modes(Cpu *cpu, uint32_t modes)
{
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (modes >> m & 1) {
            tlb_drop_local(tcg_cpu(cpu), m);
        }
    }
}

void tcg_space_switch(Cpu *cpu, uint32_t modes, uint64_t space)
{
    if (tcg_space_select(tcg_cpu(cpu), modes, space)) {
        tcg_cpu(cpu)->stats.space_switches++;
        tlb_drop_local_modes(cpu, modes);
        tcg_code_space_switch(cpu, modes, space);
    }
}

static void tlb_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    tcg_cpu(cpu)->walk_epoch++;
    if (tcg_space_renew(tcg_cpu(cpu), modes, space)) {
        tlb_drop_local_modes(cpu, modes);
    }
    tcg_code_flush_space(cpu, modes, space);
    tcg_cpu(cpu)->stats.tlb_flushes++;
}

static void tlb_flush_mode_range(TcgCpu *tc, unsigned m, const TcgFlush *f)
{
    if (tc->large_span[m] <= GUEST_PAGE_SIZE && f->bytes <= GUEST_PAGE_SIZE) {
        unsigned i = tlb_index(tc, m, f->va);

        if (tcg_flush_hits(f, tc->full[m][i].page, GUEST_PAGE_SIZE)) {
            tlb_drop(tc, m, i);
        }
    } else if (tc->n_used[m] > TCG_USED_MAX) {
        tlb_flush_mode(tc, m);
    } else {
        for (unsigned k = 0; k < tc->n_used[m]; k++) {
            unsigned i = tc->used[m][k];

            if (tc->full[m][i].page != TCG_NO_TAG &&
                tcg_flush_hits(f, tc->full[m][i].page, tc->full[m][i].span)) {
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
    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        if (f->modes >> m & 1) {
            tlb_flush_mode_range(tc, m, f);
        }
    }
    tcg_code_flush_page(cpu, f);
    tc->stats.page_flushes++;
}

/* Whole pages; a range that wraps is everything. */
static TcgFlush tlb_range(GuestVirt va, uint64_t bytes, uint32_t modes, unsigned how)
{
    uint64_t low = va & PAGE_MASK_LOW;

    bytes += low;
    bytes = (MAX(bytes, 1u) + PAGE_MASK_LOW) & ~(uint64_t)PAGE_MASK_LOW;
    return (TcgFlush){ .va = va - low, .bytes = bytes, .modes = modes, .how = how };
}

void tcg_tlb_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    tlb_flush_space(cpu, modes, space);
}

void tcg_tlb_flush_range(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes, unsigned how)
{
    TcgFlush f = tlb_range(va, bytes, modes, how);

    tlb_flush_some(cpu, &f);
}

void tcg_tlb_flush_page(Cpu *cpu, GuestVirt va, uint32_t modes, unsigned how)
{
    tcg_tlb_flush_range(cpu, va, 1, modes, how);
}

uint64_t tcg_walk_epoch(Cpu *cpu)
{
    return tcg_cpu(cpu)->walk_epoch;
}

/* ---- other vCPUs ---- */

static void tlb_revoke(Cpu *cpu, const TcgRevoke *r)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
        unsigned n =
            tc->n_used[m] > TCG_USED_MAX ? (unsigned)(tc->tlb_mask[m] >> 4) + 1 : tc->n_used[m];

        for (unsigned k = 0; k < n; k++) {
            unsigned i = tc->n_used[m] > TCG_USED_MAX ? k : tc->used[m][k];
            const TcgTlbFull *f = &tc->full[m][i];

            if (f->page != TCG_NO_TAG && f->ram == r->ram && f->ram_off < r->off + r->len &&
                r->off < f->ram_off + GUEST_PAGE_SIZE) {
                tc->write[m][i].tag = tcg_empty_tag(i);
            }
        }
    }
}

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
        const TcgRevoke *r = &g_array_index(revoked, TcgRevoke, i);

        tlb_revoke(cpu, r);
        tcg_code_check(tc->tcg, r->ram, r->off, r->len);
    }
    if (modes) {
        tlb_flush_modes(cpu, modes);
    }
    __atomic_store_n(&tc->flush_done, asked, __ATOMIC_SEQ_CST);
}

static void tlb_post(Cpu *to, uint32_t modes, const TcgFlush *page)
{
    TcgCpu *tc = tcg_cpu(to);

    mutex_lock(&tc->lock);
    if (page && tc->page_flushes->len < 64) {
        g_array_append_val(tc->page_flushes, *page);
    } else {
        tc->mode_flushes |= page ? page->modes : modes;
    }
    __atomic_store_n(&tc->flush_asked, tc->flush_asked + 1, __ATOMIC_SEQ_CST);
    mutex_unlock(&tc->lock);
    cpu_request(to, REQ_TCG);
}

static void tlb_post_others(Cpu *cpu, uint32_t modes, const TcgFlush *page)
{
    Machine *m = cpu->dev.machine;

    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        if (machine_cpu(m, i) != cpu) {
            tlb_post(machine_cpu(m, i), modes, page);
        }
    }
}

void tcg_tlb_flush_modes_all_cpus(Cpu *cpu, uint32_t modes)
{
    tlb_post_others(cpu, modes, NULL);
    tlb_flush_modes(cpu, modes);
}

void tcg_tlb_flush_range_all_cpus(Cpu *cpu, GuestVirt va, uint64_t bytes, uint32_t modes,
                                  unsigned how)
{
    TcgFlush f = tlb_range(va, bytes, modes, how);

    tlb_post_others(cpu, 0, &f);
    tlb_flush_some(cpu, &f);
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

void tcg_tlb_sync(Cpu *cpu)
{
    Machine *m = cpu->dev.machine;

    /* Code that this vCPU wrote is dropped before it tells others to run it. */
    if (cpu_take_requests(cpu, REQ_TCG)) {
        tcg_messages(cpu);
    }
    if (tcg_cpu(cpu)->icount) {
        return; /* nobody else runs: each looks at its messages before it does */
    }
    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        Cpu *other = machine_cpu(m, i);
        TcgCpu *tc = tcg_cpu(other);
        uint64_t asked = __atomic_load_n(&tc->flush_asked, __ATOMIC_SEQ_CST);

        /* One that does not run looks at its messages before it does. */
        while (other != cpu && cpu_run_state(other) == CPU_RUNNING &&
               __atomic_load_n(&tc->flush_done, __ATOMIC_SEQ_CST) < asked) {
            if (cpu_requests(cpu) & REQ_TCG) {
                cpu_take_requests(cpu, REQ_TCG); /* it may wait for us */
                tcg_messages(cpu);
            }
            if (cpu_requests(cpu) & (REQ_PAUSE | REQ_QUIT)) {
                return; /* the machine stops: everybody's messages come first afterwards */
            }
            sched_yield();
        }
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

/* ---- filling ---- */

static void tlb_set_tags(TcgCpu *tc, unsigned mode, unsigned i, const FlatRange *flat)
{
    const TcgTlbFull *f = &tc->full[mode][i];
    bool whole = flat && flat->ram && flat->start <= f->phys &&
                 flat->len - (f->phys - flat->start) >= GUEST_PAGE_SIZE;

    tc->read[mode][i].tag = tcg_empty_tag(i);
    tc->write[mode][i].tag = tcg_empty_tag(i);
    if (!whole || f->device || tcg_stress_slow(tc, mode)) {
        return;
    }
    tc->read[mode][i].addend = tc->write[mode][i].addend =
        (uintptr_t)(f->ram->host + f->ram_off) - f->page;
    if (f->prot & TLB_READ) {
        tc->read[mode][i].tag = f->page;
    }
    if ((f->prot & TLB_WRITE) && flat->kind == FLAT_RAM && ram_write_is_free(f->ram, f->ram_off)) {
        tc->write[mode][i].tag = f->page;
    }
}

TcgTlbFull *tcg_tlb_page(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned i = tlb_index(tc, mode, va);
    TcgTlbFull *f = &tc->full[mode][i];
    uint8_t need = access == ACCESS_WRITE ? TLB_WRITE : TLB_READ;
    uint64_t page = va & ~(uint64_t)PAGE_MASK_LOW;
    TlbResult r = { 0 };
    const FlatRange *flat;

    if (f->page == page && (f->prot & need)) {
        /* A page may have become free for writing since. */
        if ((access == ACCESS_WRITE && tc->write[mode][i].tag == tcg_empty_tag(i)) ||
            tc->tcg->stress_slow) {
            tlb_set_tags(tc, mode, i, f->flat);
        }
        return f;
    }
    if (!cpu->target->tlb_fill(cpu, va, access, mode, memop, false, &r)) {
        return NULL;
    }
    tc->stats.tlb_fills++;
    flat = aspace_lookup(r.secure ? cpu->as_secure : cpu->as, r.phys);
    *f = (TcgTlbFull){
        .page = page,
        .phys = r.phys & ~(uint64_t)PAGE_MASK_LOW,
        .span = MAX(r.page_bytes, GUEST_PAGE_SIZE),
        .flat = flat,
        .prot = r.prot,
        .secure = r.secure,
        .device = r.device,
        .global = r.global,
    };
    if (flat && flat->ram && flat->start <= f->phys) {
        f->ram = flat->ram;
        f->ram_off = flat->offset + (f->phys - flat->start);
        f->rom = flat->kind != FLAT_RAM;
    }
    if (tc->n_used[mode] < TCG_USED_MAX) {
        tc->used[mode][tc->n_used[mode]++] = (uint16_t)i;
    } else {
        tc->n_used[mode] = TCG_USED_MAX + 1;
    }
    tc->large_span[mode] = MAX(tc->large_span[mode], f->span);
    tlb_set_tags(tc, mode, i, flat);
    return f;
}
