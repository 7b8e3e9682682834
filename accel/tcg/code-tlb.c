/* SPDX-License-Identifier: Apache-2.0 */
/* How a vCPU finds code: its code TLB (pages of code by virtual address) and its jump caches
 * (blocks by virtual address). */
#include "accel/tcg/tcg-priv.h"

enum { PAGE_MASK_LOW = GUEST_PAGE_SIZE - 1 };

static void code_tlb_flush(TcgCpu *tc, uint32_t modes)
{
    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        if (modes >> tc->code_tlb[i].mode & 1) {
            tc->code_tlb[i].page = TCG_NO_TAG;
        }
    }
}

void tcg_jump_flush(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        TcgJumpTable *t = &tc->jump_table[k];

        if (t->n_used > TCG_USED_MAX) {
            for (unsigned i = 0; i < TCG_JUMP_SIZE; i++) {
                t->entry[i].pc = tcg_empty_pc(i);
            }
        } else {
            for (unsigned i = 0; i < t->n_used; i++) {
                t->entry[t->used[i]].pc = tcg_empty_pc(t->used[i]);
            }
        }
        t->n_used = 0;
    }
}

void tcg_jump_select(Cpu *cpu, uint64_t mode_word)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgJumpTable *oldest = &tc->jump_table[0];

    tc->mode_word = mode_word;
    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        TcgJumpTable *t = &tc->jump_table[k];

        if (t->mode_word == mode_word) {
            t->last_use = ++tc->jump_clock;
            tc->jump = t->entry;
            return;
        }
        if (t->last_use < oldest->last_use) {
            oldest = t;
        }
    }
    oldest->mode_word = mode_word;
    oldest->last_use = ++tc->jump_clock;
    for (unsigned i = 0; i < TCG_JUMP_SIZE; i++) {
        oldest->entry[i].pc = tcg_empty_pc(i);
    }
    oldest->n_used = 0;
    tc->jump = oldest->entry;
}

void tcg_code_tlb_init(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        tc->jump_table[k].mode_word = UINT64_MAX;
        tc->jump_table[k].n_used = TCG_USED_MAX + 1;
    }
    tcg_code_flush_modes(cpu, UINT32_MAX);
    tcg_jump_select(cpu, UINT64_MAX - 1);
}

void tcg_code_flush_modes(Cpu *cpu, uint32_t modes)
{
    code_tlb_flush(tcg_cpu(cpu), modes);
    tcg_jump_flush(cpu);
}

void tcg_code_flush_page(Cpu *cpu, const TcgFlush *f)
{
    TcgCpu *tc = tcg_cpu(cpu);
    bool hit = false;

    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        TcgCodePage *p = &tc->code_tlb[i];

        if (p->page != TCG_NO_TAG && (f->modes >> p->mode & 1) &&
            tcg_flush_hits(f, p->page, p->span)) {
            p->page = TCG_NO_TAG;
            hit = true;
        }
    }
    if (hit) {
        tcg_jump_flush(cpu);
    }
}

void tcg_code_space_switch(Cpu *cpu, uint32_t modes, uint64_t space)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        TcgCodePage *p = &tc->code_tlb[i];

        if (!p->global && (modes >> p->mode & 1)) {
            p->page = TCG_NO_TAG;
        }
    }
    tcg_jump_flush(cpu);
}

/* Only the current space's pages are kept, and dropping those of two is no fault. */
void tcg_code_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    tcg_code_space_switch(cpu, modes, space);
}

TcgCodePage *tcg_code_page(Cpu *cpu, GuestVirt pc)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned mode = cpu->target->fetch_mode(cpu);
    uint64_t page = pc & ~(uint64_t)PAGE_MASK_LOW;
    TcgCodePage *p = &tc->code_tlb[(pc >> GUEST_PAGE_BITS ^ mode * 37) % TCG_CODE_TLB_SIZE];
    TlbResult r = { 0 };
    const FlatRange *flat;

    if (p->page == page && p->mode == mode) {
        return p;
    }
    if (!cpu->target->tlb_fill(cpu, pc, ACCESS_FETCH, mode, 0, false, &r)) {
        return NULL;
    }
    flat = aspace_lookup(r.secure ? cpu->as_secure : cpu->as, r.phys);
    if (!flat || !flat->ram || flat->start > (r.phys & ~(uint64_t)PAGE_MASK_LOW) ||
        flat->len - ((r.phys & ~(uint64_t)PAGE_MASK_LOW) - flat->start) < GUEST_PAGE_SIZE) {
        if (!cpu->target->bus_error(cpu, pc, r.phys, ACCESS_FETCH, mode, 0)) {
            cpu->raised = 1;
        }
        return NULL;
    }
    *p = (TcgCodePage){
        .page = page,
        .span = MAX(r.page_bytes, GUEST_PAGE_SIZE),
        .ram = flat->ram,
        .phys = r.phys & ~(uint64_t)PAGE_MASK_LOW,
        .mode = (uint8_t)mode,
        .code_attr = r.code_attr,
        .global = r.global,
        .secure = r.secure,
    };
    p->ram_off = flat->offset + (p->phys - flat->start);
    return p;
}
