/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a vCPU finds code: its code TLB (pages of code by virtual address) and its views (the same
 * pages as generated code looks for them: with the table of where their blocks begin).
 *
 * Both outlive changes of the address space. A code page counts while it carries the number of its
 * space (space.c). A view belongs to one mode word and to the spaces it was filled in: with global
 * pages alone it serves every space, so a kernel keeps its view while processes come and go, and
 * each of those has one of its own.
 */
#include "accel/tcg/tcg-priv.h"

enum { PAGE_MASK_LOW = GUEST_PAGE_SIZE - 1 };

/* ---- views ---- */

static unsigned view_slot(GuestVirt va)
{
    return (unsigned)(va >> GUEST_PAGE_BITS) % TCG_FAST_SIZE;
}

static void view_empty(TcgCpu *tc, unsigned k)
{
    TcgView *v = &tc->view[k];

    for (unsigned w = 0; w < TCG_FAST_SIZE / 64; w++) {
        for (uint64_t bits = v->used[w]; bits; bits &= bits - 1) {
            unsigned i = w * 64 + (unsigned)__builtin_ctzll(bits);

            tc->view_fast[k][i].page = tcg_empty_tag(i);
        }
        v->used[w] = 0;
    }
    v->has_local = false;
}

void tcg_views_flush(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    for (unsigned k = 0; k < TCG_VIEWS; k++) {
        view_empty(tc, k);
    }
    for (unsigned i = 0; i < TCG_CODE_TLB_SIZE; i++) {
        memset(tc->code_tlb[i].entry, 0, sizeof(tc->code_tlb[i].entry));
    }
}

static bool view_fits(const TcgCpu *tc, const TcgView *v, unsigned mode)
{
    return v->mode == mode && v->global_id == tc->global_id[mode] &&
           (!v->has_local || v->space_id == tc->space_id[mode]);
}

static void view_choose(TcgCpu *tc, uint64_t mode_word, unsigned mode)
{
    uint8_t *guess = &tc->view_guess[mode_word * 0x9e3779b97f4a7c15 >> 58];
    unsigned k = *guess, oldest = 0;
    TcgView *v;

    if (tc->view_mode_word[k] != mode_word || !view_fits(tc, &tc->view[k], mode)) {
        for (k = 0; k < TCG_VIEWS &&
                    (tc->view_mode_word[k] != mode_word || !view_fits(tc, &tc->view[k], mode));) {
            k++;
        }
    }
    if (k == TCG_VIEWS) {
        for (k = 1; k < TCG_VIEWS; k++) {
            if (tc->view[k].last_use < tc->view[oldest].last_use) {
                oldest = k;
            }
        }
        k = oldest;
        view_empty(tc, k);
        tc->view_mode_word[k] = mode_word;
        tc->view[k].mode = (uint8_t)mode;
        tc->view[k].global_id = tc->global_id[mode];
        tc->stats.view_clears++;
    }
    *guess = (uint8_t)k;
    v = &tc->view[k];
    v->space_id = tc->space_id[mode];
    v->last_use = ++tc->view_clock;
    tc->view_now = k;
    tc->fast = tc->view_fast[k];
}

void tcg_view_select(Cpu *cpu, uint64_t mode_word)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->mode_word = mode_word;
    view_choose(tc, mode_word, cpu->target->fetch_mode(cpu));
}

/*
 * The numbers of spaces have changed. We may be in generated code, which goes on in the mode of its
 * view, whatever the Cpu's is by now.
 */
static void view_choose_again(TcgCpu *tc)
{
    const TcgView *v = &tc->view[tc->view_now];

    if (v->mode < TCG_MODES && /* none: a Cpu that never runs */
        (!view_fits(tc, v, v->mode) || v->space_id != tc->space_id[v->mode])) {
        view_choose(tc, tc->view_mode_word[tc->view_now], v->mode);
    }
}

void tcg_view_add(Cpu *cpu, GuestVirt pc, void **entry, bool global)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgView *v = &tc->view[tc->view_now];
    unsigned i = view_slot(pc);
    uint64_t page = pc & ~(uint64_t)PAGE_MASK_LOW;

    v->has_local |= !global;
    v->used[i / 64] |= 1ull << i % 64;
    tc->fast[i] = (TcgCodeFast){ page, (uintptr_t)entry - (page << (3 - TCG_ENTRY_SHIFT)) };
}

static void view_drop_slot(TcgCpu *tc, unsigned k, unsigned i, const TcgFlush *f)
{
    TcgCodeFast *e = &tc->view_fast[k][i];

    if ((tc->view[k].used[i / 64] >> i % 64 & 1) && tcg_flush_hits(f, e->page, GUEST_PAGE_SIZE)) {
        e->page = tcg_empty_tag(i);
        tc->view[k].used[i / 64] &= ~(1ull << i % 64);
    }
}

/* Pages of the flushed addresses, where no mapping is greater than a page. */
static void view_drop(TcgCpu *tc, const TcgFlush *f)
{
    for (unsigned k = 0; k < TCG_VIEWS; k++) {
        if (tc->view[k].mode >= TCG_MODES || !(f->modes >> tc->view[k].mode & 1)) {
            continue;
        }
        if (f->bytes <= GUEST_PAGE_SIZE) {
            view_drop_slot(tc, k, view_slot(f->va), f);
            continue;
        }
        for (unsigned w = 0; w < TCG_FAST_SIZE / 64; w++) {
            for (uint64_t bits = tc->view[k].used[w]; bits; bits &= bits - 1) {
                view_drop_slot(tc, k, w * 64 + (unsigned)__builtin_ctzll(bits), f);
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
    for (unsigned k = 0; k < TCG_VIEWS; k++) {
        tc->view_mode_word[k] = UINT64_MAX;
        tc->view[k].mode = TCG_MODES;
        for (unsigned i = 0; i < TCG_FAST_SIZE; i++) {
            tc->view_fast[k][i].page = tcg_empty_tag(i);
        }
    }
    tc->view_now = 0;
    tc->fast = tc->view_fast[0];
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
    view_choose_again(tc);
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
        view_drop(tc, &one);
        tc->stats.code_flushes++;
    }
}

void tcg_code_flush_page(Cpu *cpu, const TcgFlush *f)
{
    enum { FEW = 1024 * GUEST_PAGE_SIZE };
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
        tcg_views_flush(cpu);
    } else {
        view_drop(tc, f);
    }
    tc->stats.code_flushes++;
}

/* The numbers have changed: what is kept with others does not count. */
void tcg_code_space_switch(Cpu *cpu, uint32_t modes, uint64_t space)
{
    view_choose_again(tcg_cpu(cpu));
}

void tcg_code_flush_space(Cpu *cpu, uint32_t modes, uint64_t space)
{
    view_choose_again(tcg_cpu(cpu));
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
    if (p->ram != f.ram || p->ram_off != f.ram_off) {
        memset(p->entry, 0, sizeof(p->entry)); /* else it is the same page in another space */
    }
    p->page = page;
    p->span = 1ull << f.span_bits;
    p->ram = f.ram;
    p->ram_off = f.ram_off;
    p->phys = f.phys;
    p->id = (f.global ? tc->global_id : tc->space_id)[mode];
    p->mode = (uint8_t)mode;
    p->code_attr = f.code_attr;
    p->global = f.global;
    p->secure = f.secure;
    tc->code_seen[bit / 64] |= 1ull << bit % 64;
    tc->code_seen_modes |= 1u << mode;
    if (p->span > GUEST_PAGE_SIZE) {
        code_large_add(tc, p);
    }
    tc->stats.code_fills++;
    return p;
}

void **tcg_code_entries(Cpu *cpu, TcgCodePage *p)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t mode = tc->mode_word | (uint64_t)p->code_attr << TCG_MODE_ATTR_SHIFT;
    unsigned i = (unsigned)(mode * 0x9e3779b97f4a7c15 >> 32) % TCG_CODE_ENTRIES;

    if (!p->entry[i] || p->entry_mode[i] != mode) {
        p->entry[i] = tcg_entries_get(tc->tcg, p->ram, p->ram_off, mode, cpu->target);
        p->entry_mode[i] = mode;
    }
    return p->entry[i];
}
