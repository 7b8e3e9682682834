/* SPDX-License-Identifier: Apache-2.0 */
/* The x86-64 back end as the run time sees it. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"
#include "accel/tcg/tcg-priv.h"

#include <elf.h>
#include <string.h>

/* Generated code looks at both words at once. */
_Static_assert(offsetof(Cpu, request) == offsetof(Cpu, poll_counter) + 4 &&
                   offsetof(Cpu, poll_counter) % 8 == 0,
               "the request word follows the counter");

typedef struct X64Host {
    X64Layout lay;
    X64Thunks thunk;
    X64Features feat;
    X64Estimates est;
    TcgLeave (*enter)(Cpu *cpu, void *entry);
} X64Host;

static int32_t x64_tc_disp(int32_t cpu, size_t offset)
{
    return cpu - (int32_t)sizeof(TcgCpu) + (int32_t)offset;
}

static void x64_layout_init(X64Layout *l, const Target *t, bool clock)
{
    int32_t cpu = -(int32_t)(t->hot_offset + 128);

    *l = (X64Layout){
        .cpu = cpu,
        .pc = cpu + (int32_t)t->pc_offset,
        .flags = cpu + (int32_t)t->flags_offset,
        .fp = cpu + (int32_t)t->fp_offset,
        .poll = cpu + (int32_t)offsetof(Cpu, poll_counter),
        .raised = cpu + (int32_t)offsetof(Cpu, raised),
        .pc_page = x64_tc_disp(cpu, offsetof(TcgCpu, pc_page)),
        .leave_exit = x64_tc_disp(cpu, offsetof(TcgCpu, leave_exit)),
        .leave_as = x64_tc_disp(cpu, offsetof(TcgCpu, leave_as)),
        .leave_restart = x64_tc_disp(cpu, offsetof(TcgCpu, leave_restart)),
        .host_stack = x64_tc_disp(cpu, offsetof(TcgCpu, host_stack)),
        .scratch = x64_tc_disp(cpu, offsetof(TcgCpu, scratch)),
        .spins = x64_tc_disp(cpu, offsetof(TcgCpu, spins)),
        .excl_addr = x64_tc_disp(cpu, offsetof(TcgCpu, excl_addr)),
        .excl_size = x64_tc_disp(cpu, offsetof(TcgCpu, excl_size)),
        .excl_val = x64_tc_disp(cpu, offsetof(TcgCpu, excl_val)),
        .consts = x64_tc_disp(cpu, offsetof(TcgCpu, host_const)),
        .fast = x64_tc_disp(cpu, offsetof(TcgCpu, fast)),
        .n_pins = MIN(t->n_pinned, (unsigned)X64_MAX_PINS),
    };
    l->icount_left = cpu + (int32_t)offsetof(Cpu, icount_left);
    l->icount_rest = cpu + (int32_t)offsetof(Cpu, icount_rest);
    l->clock_line = clock ? x64_tc_disp(cpu, offsetof(TcgCpu, clock_line)) : 0;
    l->count_guest = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_GUEST]));
    l->count_host = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_HOST]));
    l->count_cycles = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_C_CYCLES]));
    l->host_data = x64_tc_disp(cpu, offsetof(TcgCpu, host_data));
    l->count_stub = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_STUB]));
    l->count_read = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_READ]));
    l->count_write = x64_tc_disp(cpu, offsetof(TcgCpu, count[TCG_COUNT_WRITE]));
    for (unsigned n = 0; n < X64_MODES; n++) {
        l->tlb_mask[n] = x64_tc_disp(cpu, offsetof(TcgCpu, tlb_mask) + n * 8);
        l->tlb_read[n] =
            x64_tc_disp(cpu, offsetof(TcgCpu, read) + n * sizeof(((TcgCpu *)0)->read[0]));
        l->tlb_write[n] =
            x64_tc_disp(cpu, offsetof(TcgCpu, write) + n * sizeof(((TcgCpu *)0)->write[0]));
    }
    l->pin_base = (uint32_t)t->hot_offset;
    memset(l->pin_at, X64_NO_REG, sizeof(l->pin_at));
    for (unsigned n = 0; n < l->n_pins; n++) {
        uint32_t at = (t->pinned[n] - l->pin_base) / 8;

        CHECK(at < X64_PIN_AT && t->pinned[n] % 8 == l->pin_base % 8);
        l->pin[n] = cpu + (int32_t)t->pinned[n];
        l->pin_at[at] = x64_pin_reg[n];
    }
}

static bool x64_init(TcgCache *cache, const Target *target, GError **err)
{
    g_autofree X64Host *h = g_new0(X64Host, 1);
    bool usable;
    size_t n;

    x64_features_read(&h->feat, &usable);
    if (!usable) {
        g_set_error(err, g_quark_from_static_string("tcg"), 0,
                    "the x86_64 back end needs a host CPU with SSE4.2, POPCNT and CMPXCHG16B; "
                    "use -accel tcg,backend=interp");
        return false;
    }
    if (!x64_features_limit(&h->feat, cache->host_cpu, err)) {
        return false;
    }
    x64_layout_init(&h->lay, target, cache->clock_line);
    h->lay.count_on = cache->counters;
    h->lay.icount_on = cache->icount;
    h->lay.to_rw = cache->rw - cache->rx;
    n = x64_thunks_emit(&h->thunk, &h->lay, cache->rw, cache->size);
    if (!n) {
        g_set_error(err, g_quark_from_static_string("tcg"), 0,
                    "the code cache is too small for the x86_64 back end");
        return false;
    }
    x64_estimates_init(&h->est);
    cache->n_prologue = n;
    cache->entry_none = (uintptr_t)cache->rx + h->thunk.none;
    cache->entry_none_step = X64_NONE_BYTES;
    h->enter = (TcgLeave(*)(Cpu *, void *))(uintptr_t)(cache->rx + h->thunk.enter);
    cache->host_state = g_steal_pointer(&h);
    return true;
}

static void x64_free(TcgCache *cache)
{
    X64Host *h = cache->host_state;

    if (h) {
        g_free(h);
        cache->host_state = NULL;
    }
}

static void x64_emitter_free(void *e)
{
    x64_emit_free(e);
}

/* That of the thread which builds @ir. */
static X64Emit *x64_emitter(TcgCache *cache, IrBlock *ir)
{
    X64Host *h = cache->host_state;
    X64Emit *e = ir->emitter;

    if (!e) {
        e = ir->emitter = x64_emit_new();
        ir->emitter_free = x64_emitter_free;
    }
    if (e->lay != &h->lay) {
        e->lay = &h->lay;
        e->thunk = &h->thunk;
        e->feat = &h->feat;
        e->est = &h->est;
    }
    e->counters = cache->counters;
    return e;
}

/* Give the exits of the emitted block their records. False: no room. */
static bool x64_exits_make(TcgCache *cache, TcgChunk *chunk, TcgBlock *block, X64Emit *e,
                           uint8_t *code)
{
    TcgExit *exits = NULL;

    if (e->n_exits) {
        exits = tcg_chunk_alloc(chunk, e->n_exits * sizeof(TcgExit));
        if (!exits) {
            return false;
        }
    }
    for (unsigned n = 0; n < e->n_exits; n++) {
        const X64ExitRec *r = &e->exit[n];
        TcgExit *x = &exits[n];
        int32_t away;

        x->owner = block;
        x->delta = r->delta;
        x->patch = tcg_rx(cache, code + r->patch);
        x->host_stub = tcg_rx(cache, code + r->tail);
        away = (int32_t)((uint8_t *)x - (code + r->record));
        memcpy(code + r->record, &away, sizeof(away));
    }
    block->exits = exits;
    block->n_exits = e->n_exits;
    return true;
}

static void x64_marks_keep(TcgChunk *chunk, TcgBlock *block, bool ok, X64Emit *e)
{
    size_t bytes = e->marks->len * sizeof(TcgHostMark);

    block->marks = ok && bytes ? tcg_chunk_alloc(chunk, bytes) : NULL;
    block->n_marks = block->marks ? e->marks->len : 0;
    if (block->marks) {
        memcpy(block->marks, e->marks->data, bytes);
    }
    g_array_free(e->marks, true);
    e->marks = NULL;
}

static bool x64_emit(TcgCache *cache, TcgChunk *chunk, IrBlock *ir, TcgBlock *block)
{
    uint8_t *start = (uint8_t *)(((uintptr_t)chunk->code + 15) & ~(uintptr_t)15);
    X64Emit *e;
    bool ok;

    if (start >= chunk->code_end) {
        return false;
    }
    chunk->code = start;
    e = x64_emitter(cache, ir);
    e->block = block;
    e->lock = cache->single ? 0 : X_LOCK;
    e->marks = block->want_marks ? g_array_new(false, false, sizeof(TcgHostMark)) : NULL;
    ok = x64_emit_block(e, ir, start, (size_t)(chunk->code_end - start), start - cache->rw);
    if (ok) {
        chunk->code = start + x64_pos(&e->a);
        ok = x64_exits_make(cache, chunk, block, e, start);
    }
    if (ok) {
        block->host_entry = tcg_rx(cache, start);
        block->link_entry = tcg_rx(cache, start + e->linked);
        block->host_size = x64_pos(&e->a);
    } else {
        chunk->code = start;
    }
    if (e->marks) {
        x64_marks_keep(chunk, block, ok, e);
    }
    return ok;
}

static TcgLeave x64_enter(Cpu *cpu, void *host_entry)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const X64Host *h = tc->tcg->cache.host_state;

    if (!((const X64FpConst *)tc->host_const)->mxcsr[0]) {
        x64_fp_const_init((X64FpConst *)tc->host_const);
    }
    cpu->poll_counter--;
    return h->enter(cpu, host_entry);
}

/* The 4 bytes lie in one aligned granule of 8: other threads see the old or the new jump. */
static void x64_patch(TcgCache *cache, uint8_t *at, const void *to)
{
    int32_t rel = (int32_t)((const uint8_t *)to - at - 4);
    uint8_t *rw = tcg_rw(cache, at);
    uint64_t *granule = (uint64_t *)((uintptr_t)rw & ~(uintptr_t)7);
    unsigned shift = (unsigned)((uintptr_t)rw & 7) * 8;
    uint64_t old = __atomic_load_n(granule, __ATOMIC_RELAXED), new;

    do {
        new = (old & ~(0xffffffffull << shift)) | (uint64_t)(uint32_t)rel << shift;
    } while (!__atomic_compare_exchange_n(granule, &old, new, false, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

static void x64_link(TcgCache *cache, TcgExit *exit, TcgBlock *to)
{
    x64_patch(cache, exit->patch, to->link_entry);
}

static void x64_unlink_exit(TcgCache *cache, TcgExit *exit)
{
    x64_patch(cache, exit->patch, exit->host_stub);
}

static uint64_t x64_cycles(void)
{
    return __builtin_ia32_rdtsc();
}

const TcgHost tcg_host_x86_64 = {
    .cycles = x64_cycles,
    .name = "x86_64",
    .doc = "machine code for x86-64 hosts",
    .elf_machine = EM_X86_64,
    .needs_code = true,
    .init = x64_init,
    .free = x64_free,
    .emit = x64_emit,
    .enter = x64_enter,
    .link = x64_link,
    .unlink = x64_unlink_exit,
    .fp_suspend = x64_fp_suspend,
    .fp_resume = x64_fp_resume,
};
