/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a vCPU finds code: its code TLB (pages of code by virtual address) and its jump caches
 * (blocks by virtual address).
 *
 * Both outlive changes of the address space. A code page counts while it carries the number of its
 * space (space.c). A jump table belongs to one mode word and to the spaces it was filled in: with
 * global pages alone it serves every space, so a kernel keeps its table while processes come and
 * go, and each of those has one of its own.
 */
#include "accel/tcg/tcg-priv.h"

enum { PAGE_MASK_LOW = GUEST_PAGE_SIZE - 1 };

/* ---- jump tables ---- */

static void jump_clear(TcgJumpTable *t)
{
    if (t->n_used > TCG_JUMP_USED_MAX) {
        for (unsigned i = 0; i < TCG_JUMP_SIZE; i++) {
            t->entry[i].pc = tcg_empty_pc(i);
        }
    } else {
        for (unsigned i = 0; i < t->n_used; i++) {
            t->entry[t->used[i]].pc = tcg_empty_pc(t->used[i]);
        }
    }
    t->n_used = 0;
    t->has_local = false;
}

void tcg_jump_flush(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        jump_clear(&tc->jump_table[k]);
    }
}

static bool jump_table_fits(const TcgCpu *tc, const TcgJumpTable *t, unsigned mode)
{
    return t->global_id == tc->global_id[mode] &&
           (!t->has_local || t->space_id == tc->space_id[mode]);
}

static void jump_choose(TcgCpu *tc, uint64_t mode_word, unsigned mode)
{
    TcgJumpTable *oldest = &tc->jump_table[0], *found = NULL;

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        TcgJumpTable *t = &tc->jump_table[k];

        if (t->mode_word == mode_word && t->mode == mode && jump_table_fits(tc, t, mode)) {
            found = t;
            break;
        }
        if (t->last_use < oldest->last_use) {
            oldest = t;
        }
    }
    if (!found) {
        found = oldest;
        jump_clear(found);
        found->mode_word = mode_word;
        found->mode = (uint8_t)mode;
        found->global_id = tc->global_id[mode];
        tc->stats.jump_clears++;
    }
    found->space_id = tc->space_id[mode];
    found->last_use = ++tc->jump_clock;
    tc->jump_table_now = found;
    tc->jump = found->entry;
}

void tcg_jump_select(Cpu *cpu, uint64_t mode_word)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->mode_word = mode_word;
    jump_choose(tc, mode_word, cpu->target->fetch_mode(cpu));
}

/*
 * The numbers of spaces have changed. We may be in generated code, which goes on in the mode of its
 * table, whatever the Cpu's is by now.
 */
static void jump_choose_again(TcgCpu *tc)
{
    const TcgJumpTable *t = tc->jump_table_now;

    if (t && t->mode < TCG_MODES && /* none: a Cpu that never runs */
        (!jump_table_fits(tc, t, t->mode) || t->space_id != tc->space_id[t->mode])) {
        jump_choose(tc, t->mode_word, t->mode);
    }
}

void tcg_jump_add(Cpu *cpu, GuestVirt pc, void *host, bool global)
{
    TcgJumpTable *t = tcg_cpu(cpu)->jump_table_now;
    unsigned i = pc >> 2 & (TCG_JUMP_SIZE - 1);

    if (t->entry[i].pc == tcg_empty_pc(i)) {
        if (t->n_used < TCG_JUMP_USED_MAX) {
            t->used[t->n_used++] = (uint16_t)i;
        } else {
            t->n_used = TCG_JUMP_USED_MAX + 1;
        }
    }
    t->has_local |= !global;
    t->entry[i] = (TcgJump){ pc, host };
}

static void jump_forget(TcgCpu *tc, const TcgDead *dead)
{
    enum { IN_PAGE = GUEST_PAGE_SIZE / 4 };

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        TcgJumpTable *t = &tc->jump_table[k];

        if (!t->n_used || t->mode_word != (dead->mode_word & TCG_MODE_TARGET)) {
            continue;
        }
        for (unsigned i = dead->delta / 4; i < TCG_JUMP_SIZE; i += IN_PAGE) {
            if (t->entry[i].host == dead->host) {
                t->entry[i].pc = tcg_empty_pc(i);
                t->entry[i].host = NULL;
            }
        }
    }
}

void tcg_jump_post(Cpu *cpu, const TcgDead *dead, unsigned n)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (cpu == cpu_current()) {
        for (unsigned i = 0; i < n; i++) {
            jump_forget(tc, &dead[i]);
        }
    } else if (cpu->accel) {
        mutex_lock(&tc->lock);
        g_array_append_vals(tc->dead, dead, n);
        mutex_unlock(&tc->lock);
        cpu_request(cpu, REQ_TCG_DEAD);
    }
}

void tcg_jump_messages(Cpu *cpu)
{
    enum { MANY = 256 };
    TcgCpu *tc = tcg_cpu(cpu);
    bool many;

    mutex_lock(&tc->lock);
    many = tc->dead->len > MANY;
    for (unsigned i = 0; !many && i < tc->dead->len; i++) {
        jump_forget(tc, &g_array_index(tc->dead, TcgDead, i));
    }
    g_array_set_size(tc->dead, 0);
    mutex_unlock(&tc->lock);
    if (many) {
        tcg_jump_flush(cpu);
    }
}

static void jump_drop_slot(TcgJumpTable *t, unsigned i, const TcgFlush *f)
{
    if (t->entry[i].pc != tcg_empty_pc(i) &&
        tcg_flush_hits(f, t->entry[i].pc & ~(uint64_t)PAGE_MASK_LOW, GUEST_PAGE_SIZE)) {
        t->entry[i].pc = tcg_empty_pc(i);
    }
}

/* Blocks at the flushed addresses, where no mapping is greater than a page. */
static void jump_drop(TcgCpu *tc, const TcgFlush *f)
{
    /* The blocks of one page share a part of the table. */
    unsigned first = f->bytes > GUEST_PAGE_SIZE ? 0 : f->va >> 2 & (TCG_JUMP_SIZE - 1);
    unsigned n = f->bytes > GUEST_PAGE_SIZE ? TCG_JUMP_SIZE : GUEST_PAGE_SIZE / 4;

    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        TcgJumpTable *t = &tc->jump_table[k];

        if (t->n_used > TCG_JUMP_USED_MAX) {
            for (unsigned i = first; i < first + n; i++) {
                jump_drop_slot(t, i, f);
            }
        } else {
            for (unsigned i = 0; i < t->n_used; i++) {
                jump_drop_slot(t, t->used[i], f);
            }
        }
    }
}

/* ---- code pages ---- */

void tcg_code_tlb_init(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        tc->code_tlb[i].page = TCG_NO_TAG;
    }
    for (unsigned k = 0; k < TCG_JUMP_TABLES; k++) {
        tc->jump_table[k].mode_word = UINT64_MAX;
        tc->jump_table[k].mode = TCG_MODES;
        tc->jump_table[k].n_used = TCG_JUMP_USED_MAX + 1;
        jump_clear(&tc->jump_table[k]);
    }
    tc->jump_table_now = &tc->jump_table[0];
    tc->jump = tc->jump_table[0].entry;
    tc->mode_word = UINT64_MAX - 1;
}

void tcg_code_flush_modes(Cpu *cpu, uint32_t modes)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned i = 0; i < tc->n_code_large;) {
        if (modes >> tc->code_large[i].mode & 1) {
            tc->code_large[i] = tc->code_large[--tc->n_code_large];
        } else {
            i++;
        }
    }
    if (!(tc->code_seen_modes & ~modes)) {
        memset(tc->code_seen, 0, sizeof(tc->code_seen));
        tc->code_seen_modes = 0;
        tc->n_code_large = 0;
    }
    jump_choose_again(tc);
}

static bool code_drop(TcgCodePage *p, const TcgFlush *f)
{
    bool hit =
        p->page != TCG_NO_TAG && (f->modes >> p->mode & 1) && tcg_flush_hits(f, p->page, p->span);

    if (hit) {
        p->page = TCG_NO_TAG;
    }
    return hit;
}

/*
 * Pages that code was found in since everything was forgotten, by hash. Most flushes are of data,
 * and this is all they look at.
 */
static unsigned code_seen_bit(GuestVirt page)
{
    return (unsigned)((page & TCG_ADDRESS_BITS) / GUEST_PAGE_SIZE * 0x9e3779b97f4a7c15 >> 48);
}

static bool code_seen(const TcgCpu *tc, GuestVirt page)
{
    unsigned bit = code_seen_bit(page);

    return tc->code_seen[bit / 64] >> bit % 64 & 1;
}

static unsigned code_index(GuestVirt va, unsigned mode)
{
    return (unsigned)(va >> GUEST_PAGE_BITS ^ mode * 37) % TCG_CODE_TLB_SIZE;
}

/* Does the flush hit a mapping greater than a page that code was found in? */
static bool code_large_hit(TcgCpu *tc, const TcgFlush *f)
{
    if (tc->n_code_large > TCG_CODE_LARGE) {
        return true;
    }
    for (unsigned i = 0; i < tc->n_code_large; i++) {
        if (tcg_flush_hits(f, tc->code_large[i].start, tc->code_large[i].span)) {
            return true;
        }
    }
    return false;
}

static void code_large_add(TcgCpu *tc, const TcgCodePage *p)
{
    uint64_t start = p->page & ~(p->span - 1);

    for (unsigned i = 0; i < tc->n_code_large && i < TCG_CODE_LARGE; i++) {
        if (tc->code_large[i].start == start && tc->code_large[i].span == p->span &&
            tc->code_large[i].mode == p->mode) {
            return;
        }
    }
    if (tc->n_code_large < TCG_CODE_LARGE) {
        tc->code_large[tc->n_code_large++] = (TcgCodeLarge){ start, p->span, p->mode };
    } else {
        tc->n_code_large = TCG_CODE_LARGE + 1;
    }
}

static void code_flush_pages(Cpu *cpu, const TcgFlush *f)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (uint64_t at = 0; at < f->bytes; at += GUEST_PAGE_SIZE) {
        TcgFlush one = { f->va + at, GUEST_PAGE_SIZE, 0, f->modes, f->how };

        if (!code_seen(tc, one.va)) {
            continue;
        }
        for (unsigned m = 0; m < cpu->target->n_mmu_modes; m++) {
            code_drop(&tc->code_tlb[code_index(one.va, m)], &one);
        }
        jump_drop(tc, &one);
        tc->stats.code_flushes++;
    }
}

void tcg_code_flush_page(Cpu *cpu, const TcgFlush *f)
{
    enum { FEW = 16 * GUEST_PAGE_SIZE };
    TcgCpu *tc = tcg_cpu(cpu);
    bool large = code_large_hit(tc, f);

    if (!large && f->bytes <= FEW) {
        code_flush_pages(cpu, f);
        return;
    }
    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        code_drop(&tc->code_tlb[i], f);
    }
    if (large) {
        tcg_jump_flush(cpu);
    } else {
        jump_drop(tc, f);
    }
    tc->stats.code_flushes++;
}

/* The numbers have changed: what is kept with others does not count. */
void tcg_code_space_switch(Cpu *cpu, uint32_t modes, uint64_t space)
{
    jump_choose_again(tcg_cpu(cpu));
}

void tcg_code_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    jump_choose_again(tcg_cpu(cpu));
}

static bool code_counts(const TcgCpu *tc, const TcgCodePage *p)
{
    return p->id == (p->global ? tc->global_id : tc->space_id)[p->mode];
}

TcgCodePage *tcg_code_page(Cpu *cpu, GuestVirt pc)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned mode = cpu->target->fetch_mode(cpu), bit = code_seen_bit(pc);
    uint64_t page = pc & ~(uint64_t)PAGE_MASK_LOW;
    TcgCodePage *p = &tc->code_tlb[code_index(pc, mode)];
    TcgTlbFull f;

    if (p->page == page && p->mode == mode && code_counts(tc, p)) {
        return p;
    }
    if (!tcg_tlb_fetch(cpu, pc, mode, &f)) {
        return NULL;
    }
    if (!f.ram || f.flat->len - (f.phys - f.flat->start) < GUEST_PAGE_SIZE) {
        if (!cpu->target->bus_error(cpu, pc, f.phys | (pc & PAGE_MASK_LOW), ACCESS_FETCH, mode,
                                    0)) {
            cpu->raised = 1;
        }
        return NULL;
    }
    *p = (TcgCodePage){
        .page = page,
        .span = 1ull << f.span_bits,
        .ram = f.ram,
        .ram_off = f.ram_off,
        .phys = f.phys,
        .id = (f.global ? tc->global_id : tc->space_id)[mode],
        .mode = (uint8_t)mode,
        .code_attr = f.code_attr,
        .global = f.global,
        .secure = f.secure,
    };
    tc->code_seen[bit / 64] |= 1ull << bit % 64;
    tc->code_seen_modes |= 1u << mode;
    if (p->span > GUEST_PAGE_SIZE) {
        code_large_add(tc, p);
    }
    tc->stats.code_fills++;
    return p;
}
