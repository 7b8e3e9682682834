/* SPDX-License-Identifier: Apache-2.0 */
/* The binary translator as an accelerator: set-up, the run loop of a vCPU, translation. */
#include "accel/tcg/tcg-priv.h"

#include "core/icount.h"
#include "util/options.h"

#include <sched.h>

static const TcgHost *const tcg_hosts[] = {
#if defined(__x86_64__)
    &tcg_host_x86_64,
#endif
    &tcg_host_interp,
};

/* ---- set-up ---- */

static void tcg_on_code_write(void *opaque, RamBlock *ram, uint64_t off, uint64_t len)
{
    tcg_code_written(opaque, ram, off, len);
}

static void tcg_on_write_revoked(void *opaque, RamBlock *ram, uint64_t off, uint64_t len)
{
    tcg_post_revoke(opaque, ram, off, len);
}

static const TcgHost *tcg_find_host(const char *name, GError **err)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(tcg_hosts); i++) {
        if (!name || !strcmp(name, tcg_hosts[i]->name)) {
            return tcg_hosts[i];
        }
        g_string_append_printf(names, "%s%s", i ? ", " : "", tcg_hosts[i]->name);
    }
    error_set(err, "-accel tcg: no back end is called '%s'; valid: %s", name, names->str);
    return NULL;
}

static bool tcg_options(Tcg *t, Options *o, uint64_t *bytes, GError **err)
{
    static const char *const valid[] = { "backend",     "tb-size", "one-insn-per-tb", "thread",
                                         "split-wx",    "count",   "perfmap",         "jitdump",
                                         "exact-flags", "x-slow",  "x-chunk",         "host-cpu",
                                         "llsc" };
    const char *thread, *llsc;
    uint64_t mib, slow, chunk;
    bool count, map, dump;

    t->host = tcg_find_host(options_get(o, "backend"), err);
    if (!t->host || !options_get_number(o, "tb-size", 512, &mib, err) ||
        !options_get_bool(o, "one-insn-per-tb", false, &t->one_insn, err) ||
        !options_get_bool(o, "exact-flags", false, &t->exact_flags, err) ||
        !options_get_bool(o, "count", false, &count, err) ||
        !options_get_bool(o, "x-verify", false, &t->verify, err) ||
        !options_get_bool(o, "perfmap", false, &map, err) ||
        !options_get_bool(o, "jitdump", false, &dump, err) ||
        !options_get_number(o, "x-slow", 0, &slow, err) ||
        !options_get_number(o, "x-chunk", TCG_CHUNK_BYTES >> 10, &chunk, err)) {
        return false;
    }
    if (slow > 100 || chunk < 64 || chunk > TCG_CHUNK_BYTES >> 10) {
        return error_set(err,
                         "-accel tcg: x-slow must be 0 to 100 (percent), x-chunk 64 to %u (KiB)",
                         TCG_CHUNK_BYTES >> 10);
    }
    t->stress_slow = (uint32_t)slow;
    t->chunk_bytes = chunk << 10;
    if (!tcg_perf_open(t, map, dump, err)) {
        return false;
    }
    if (count) {
        t->cache.counters = tcg_counters_new();
    }
    t->cache.host_cpu = g_strdup(options_get(o, "host-cpu"));
    if (t->cache.host_cpu && !t->host->needs_code) {
        return error_set(err, "-accel tcg: host-cpu is for back ends that make machine code");
    }
    options_get(o, "split-wx"); /* the cache is never writable and executable at one address */
    thread = options_get(o, "thread");
    if (thread && strcmp(thread, "multi") && strcmp(thread, "single")) {
        return error_set(err, "-accel tcg: thread=%s: valid: single, multi", thread);
    }
    llsc = options_get(o, "llsc");
    if (llsc && strcmp(llsc, "value") && strcmp(llsc, "strict")) {
        return error_set(err, "-accel tcg: llsc=%s: valid: value, strict", llsc);
    }
    t->strict_llsc = llsc && !strcmp(llsc, "strict");
    if (t->strict_llsc && thread && !strcmp(thread, "multi")) {
        return error_set(err, "-accel tcg: llsc=strict goes without thread=multi: only vCPUs that "
                              "take turns see every store of the others");
    }
    if (t->strict_llsc) {
        thread = "single";
    }
    if (thread && !strcmp(thread, "multi") && icount_is_single(t->machine)) {
        return error_set(err, "-accel tcg: thread=multi: with -icount all CPUs share one thread");
    }
    if (thread && !strcmp(thread, "single") && !icount_is_single(t->machine)) {
        icount_set(t->machine, &(IcountConfig){ .sleep = true });
    }
    t->cache.icount = icount_is_single(t->machine);
    t->exact_flags |= icount_config(t->machine) != NULL; /* alike under every back end */
    if (mib < 8 || mib > 2047) {
        return error_set(err, "-accel tcg: tb-size=%" G_GUINT64_FORMAT " must be 8 to 2047 (MiB)",
                         mib);
    }
    *bytes = mib << 20;
    return options_all_used(o, valid, G_N_ELEMENTS(valid), err);
}

static void tcg_machine_free(void *state)
{
    Tcg *t = state;

    if (t->host && t->host_ready) {
        t->host->free(&t->cache);
    }
    tcg_cache_free(t);
    tcg_perf_close(t);
    tcg_counters_free(t->cache.counters);
    g_free(t->cache.host_cpu);
    g_free(t);
}

static void *tcg_machine_init(Machine *m, const char *options, GError **err)
{
    Tcg *t = g_new0(Tcg, 1);
    uint64_t bytes = 0;
    Options o;
    bool ok = options_parse(&o, options ? options : "", NULL, err);

    t->machine = m;
    if (ok) {
        ok = tcg_options(t, &o, &bytes, err);
        options_deinit(&o);
    }
    if (!ok || !tcg_cache_init(t, bytes, err)) {
        tcg_perf_close(t);
        tcg_counters_free(t->cache.counters);
        g_free(t->cache.host_cpu);
        g_free(t);
        return NULL;
    }
    t->listener = (MemListener){ .code_write = tcg_on_code_write,
                                 .write_revoked = tcg_on_write_revoked,
                                 .opaque = t };
    mem_listener_add(m, &t->listener);
    return t;
}

static bool tcg_cpu_init(Cpu *cpu, GError **err)
{
    TcgCpu *tc = tcg_cpu(cpu);
    Tcg *t = machine_accel_state(cpu->dev.machine);

    if (!cpu->target->translate) {
        return error_set(err, "guests of %s are not translated yet; use -accel kvm",
                         cpu->target->name);
    }
    tc->tcg = t;
    tcg_tlb_init(cpu);
    tc->ir = ir_block_new();
    tc->page_copy = g_new0(TcgPageCopy, TCG_PAGE_COPIES);
    tc->icount = t->cache.icount;
    /* Counted time is exact in C code alone. */
    tc->clock_line = t->cache.icount ? NULL : clock_line(cpu->dev.machine);
    t->cache.clock_line = tc->clock_line;
    t->cache.single = t->cache.icount || machine_n_cpus(cpu->dev.machine) == 1;
    if (!t->host_ready) {
        if (!t->host->init(&t->cache, cpu->target, err)) {
            return false;
        }
        t->host_ready = true;
        tcg_clock_start(t);
    }
    return true;
}

static void tcg_cpu_free(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (!tc->tcg) {
        return;
    }
    ir_block_free(tc->ir);
    g_free(tc->page_copy);
    g_array_free(tc->revoked, TRUE);
    g_array_free(tc->page_flushes, TRUE);
    mutex_deinit(&tc->lock);
    tc->tcg = NULL;
}

/* ---- translation ---- */

static uint64_t tcg_granules(const IrBlock *ir)
{
    uint64_t g = ir->peeked;

    for (uint32_t i = 0; i < ir->n_guest; i++) {
        unsigned d = ir->guest[i].delta;

        g |= 1ull << (d / 64) | 1ull << ((d + ir->guest[i].len - 1u) / 64 & 63);
    }
    return g;
}

/* The guest instructions' bytes in runs without gaps. False: no room. */
static bool tcg_keep_runs(TcgChunk *c, TcgBlock *b, const IrBlock *ir)
{
    enum { GRANULE = 64 };
    TcgRun *run = NULL;

    b->runs = tcg_chunk_alloc(c, ir->n_guest * sizeof(TcgRun));
    if (!b->runs) {
        return false;
    }
    for (uint32_t i = 0; i < ir->n_guest; i++) {
        unsigned from = ir->guest[i].delta, len = ir->guest[i].len;
        uint64_t below = b->granules & ((1ull << from / GRANULE) - 1);

        if (run && run->from + run->len == from) {
            run->len += (uint16_t)len;
        } else {
            run = &b->runs[b->n_runs++];
            run->from = (uint16_t)from;
            run->len = (uint16_t)len;
            run->at = (uint32_t)__builtin_popcountll(below) * GRANULE + from % GRANULE;
        }
        CHECK(from + len <= GUEST_PAGE_SIZE);
    }
    return true;
}

/* Keep what the block was made from: its guest instructions and its source. False: no room. */
static bool tcg_keep(TcgChunk *c, TcgBlock *b, const IrBlock *ir, const uint8_t *page, bool checked)
{
    enum { GRANULE = 64 };
    uint8_t *to = tcg_chunk_alloc(c, (size_t)__builtin_popcountll(b->granules) * GRANULE);
    bool ok = true;

    if (!to) {
        return false;
    }
    if (c->cache->host->needs_guest || b->want_marks) {
        b->guest = tcg_chunk_alloc(c, (ir->n_guest + 1) * sizeof(IrGuestInsn));
        if (!b->guest) {
            return false;
        }
        memcpy(b->guest, ir->guest, ir->n_guest * sizeof(IrGuestInsn));
    }
    b->source = to;
    for (uint64_t g = b->granules; g; g &= g - 1, to += GRANULE) {
        memcpy(to, page + (size_t)__builtin_ctzll(g) * GRANULE, GRANULE);
    }
    if (checked) {
        ok = tcg_keep_runs(c, b, ir);
    }
    return ok;
}

static TcgBlock *tcg_emit(Cpu *cpu, const TcgCodePage *p, const uint8_t *page, unsigned delta,
                          uint64_t mode, bool checked)
{
    TcgCpu *tc = tcg_cpu(cpu);
    IrBlock *ir = tc->ir;

    for (unsigned tries = 0;; tries++) {
        TcgChunk *c = tc->chunk && !tries ? tc->chunk : tcg_chunk_new(cpu);
        TcgBlock *b = tcg_chunk_alloc(c, sizeof(*b));

        if (b) {
            *b = (TcgBlock){ .ram = p->ram,
                             .page_off = p->ram_off,
                             .mode_word = mode,
                             .target = cpu->target,
                             .start_delta = (uint16_t)delta,
                             .n_guest = (uint16_t)ir->n_guest,
                             .chunk = c,
                             .granules = tcg_granules(ir),
                             .want_marks = tc->tcg->perf || tcg_trace_wants_marks(cpu) };
            /* The interpreter's chunks hold no code: they are full by their tables. */
            if (c->meta_bytes < 4 * tc->tcg->chunk_bytes && tcg_keep(c, b, ir, page, checked) &&
                tc->tcg->host->emit(&tc->tcg->cache, c, ir, b)) {
                return b;
            }
        }
        CHECK(tries < 2);
    }
}

/*
 * A copy of the page, which may be an older one unless @fresh: whether the block's source is still
 * what the page holds is seen when the block is inserted.
 */
static const uint8_t *tcg_page_copy(TcgCpu *tc, const TcgCodePage *p, unsigned delta, bool fresh)
{
    enum { LOOK = 64 };
    TcgPageCopy *c = &tc->page_copy[p->ram_off / GUEST_PAGE_SIZE % TCG_PAGE_COPIES];
    const uint8_t *host = p->ram->host + p->ram_off;

    fresh |= c->ram != p->ram || c->off != p->ram_off;
    delta &= ~(LOOK - 1u);
    for (unsigned i = 0; !fresh && i < LOOK; i += 8) {
        fresh = tcg_guest_word(host + delta + i) != *(uint64_t *)(void *)(c->bytes + delta + i);
    }
    if (fresh) {
        c->ram = p->ram;
        c->off = p->ram_off;
        tcg_copy_page(c->bytes, host);
    }
    return c->bytes;
}

static void tcg_verify(const IrBlock *ir)
{
    const char *bad = ir_verify(ir);

    if (bad) {
        g_autoptr(GString) s = g_string_new(NULL);

        ir_print(ir, s);
        g_printerr("%s\n%s", s->str, bad);
        CHECK(!"the translator made a block that is not valid");
    }
}

/* NULL: the bytes have changed; or a block of its own (dead), when @last. */
static TcgBlock *tcg_translate_once(Cpu *cpu, const TcgCodePage *page, GuestVirt pc, uint64_t mode,
                                    unsigned max_insns, unsigned tries, bool last)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgCodePage p = *page; /* translating may look other pages up */
    unsigned delta = pc & (GUEST_PAGE_SIZE - 1);
    bool checked = tcg_page_is_checked(p.ram, p.ram_off);
    uint64_t start = tc->tcg->host->cycles();
    const uint8_t *bytes;
    TcgBlock *b, *kept;

    if (!checked && !ram_has_code(p.ram, p.ram_off, GUEST_PAGE_SIZE)) {
        ram_code_set(p.ram, p.ram_off, GUEST_PAGE_SIZE);
    }
    bytes = tcg_page_copy(tc, &p, delta, tries > 0);
    tcg_phase(tc, TCG_PHASE_LIFT);
    ir_begin(tc->ir, (uint16_t)delta);
    /* Debuggers and traces look at flags that the guest does not. */
    tc->ir->exact_flags = tc->tcg->exact_flags || mode & (TCG_MODE_DEBUG | TCG_MODE_TRACE);
    tc->ir->no_peek = checked;
    cpu->target->translate(cpu, tc->ir, pc, bytes, tc->mode_word, p.code_attr, max_insns);
    if (tc->tcg->verify) {
        tcg_verify(tc->ir);
    }
    tcg_phase(tc, TCG_PHASE_EMIT);
    b = tcg_emit(cpu, &p, bytes, delta, mode, checked);
    tcg_phase(tc, TCG_PHASE_KEEP);
    tcg_trace_block(cpu, b, pc, bytes);
    if (tc->tcg->perf) {
        tcg_perf_block(tc->tcg, b, pc);
    }
    tc->stats.translations++;
    tc->stats.guest_insns += b->n_guest;
    tc->stats.host_bytes += b->host_size;
    tc->stats.translate_cycles += tc->tcg->host->cycles() - start;
    kept = tcg_block_insert(tc->tcg, b);
    tcg_phase(tc, TCG_PHASE_LOOP);
    return kept || !last ? kept : b;
}

static TcgBlock *tcg_translate(Cpu *cpu, const TcgCodePage *page, GuestVirt pc, uint64_t mode,
                               unsigned max_insns)
{
    TcgBlock *b = NULL;

    for (unsigned tries = 0; !b; tries++) {
        b = tcg_translate_once(cpu, page, pc, mode, max_insns, tries, tries == 3);
    }
    return b;
}

/* ---- the run loop ---- */

static bool tcg_page_has_breakpoint(const Cpu *cpu, GuestVirt pc)
{
    for (unsigned i = 0; i < cpu->breakpoints->len; i++) {
        GuestVirt at = g_array_index(cpu->breakpoints, Breakpoint, i).addr;

        if (((at ^ pc) & ~(uint64_t)(GUEST_PAGE_SIZE - 1)) == 0) {
            return true;
        }
    }
    return false;
}

TcgBlock *tcg_find(Cpu *cpu, GuestVirt pc, bool debug)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t mode =
        tc->mode_word | (debug ? TCG_MODE_DEBUG : 0) | (tc->traced ? TCG_MODE_TRACE : 0);
    const TcgCodePage *p = tcg_code_page(cpu, pc);
    unsigned delta = pc & (GUEST_PAGE_SIZE - 1);
    uint64_t flushed = tc->flush_done, ram_off;
    RamBlock *ram;
    bool global;
    void **entry;
    TcgBlock *b;

    if (!p) {
        return NULL;
    }
    global = p->global; /* translating may look other pages up */
    ram = p->ram;
    ram_off = p->ram_off;
    mode |= (uint64_t)p->code_attr << TCG_MODE_ATTR_SHIFT;
    tc->stats.lookups++;
    b = tcg_block_find(tc->tcg, p->ram, p->ram_off, delta, mode, cpu->target);
    if (b && b->n_runs && !tcg_block_holds(b)) {
        tcg_block_stale(tc->tcg, b);
        b = NULL;
    }
    if (!b) {
        b = tcg_translate(cpu, p, pc, mode, debug || tc->tcg->one_insn ? 1 : IR_MAX_GUEST_INSNS);
    }
    /* An address that was flushed while we translated must not be found without a walk. */
    if (!debug && !tc->traced && flushed == __atomic_load_n(&tc->flush_done, __ATOMIC_RELAXED)) {
        entry = tcg_entries_get(tc->tcg, ram, ram_off, mode, cpu->target);
        if (entry) {
            tcg_view_add(cpu, pc, entry, global);
        }
    }
    return b;
}

/*
 * The host entry of the block at @pc by its page's table alone; *@host NULL: cpu->raised. False:
 * tcg_find must look. Not for blocks that are debugged, linked or counted, nor after one that found
 * its source changed.
 */
static bool tcg_find_entry(Cpu *cpu, GuestVirt pc, void **host)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const TcgCodeFast *f = &tc->fast[pc >> GUEST_PAGE_BITS & (TCG_FAST_SIZE - 1)];
    unsigned i = pc % GUEST_PAGE_SIZE >> TCG_ENTRY_SHIFT;

    *host = NULL;
    if (f->page != (pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1))) {
        TcgCodePage *p = tcg_code_page(cpu, pc);
        void **entry;

        if (!p) {
            return true;
        }
        tc->stats.lookups++;
        entry = tcg_code_entries(cpu, p);
        if (!entry) {
            return false;
        }
        tcg_view_add(cpu, pc, entry, p->global);
    }
    if (pc & ((1u << TCG_ENTRY_SHIFT) - 1)) {
        return false;
    }
    *host = __atomic_load_n(tcg_fast_entry(f, pc), __ATOMIC_ACQUIRE);
    return *host != tcg_entry_none(&tc->tcg->cache, i);
}

/* The accelerator's requests; true: the core has something to do. */
static bool tcg_requests(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint32_t r =
        cpu_take_requests(cpu, REQ_TLB_FLUSH | REQ_TCG | REQ_TCG_VIEWS | REQ_INTERRUPT | REQ_DEBUG);

    if (r & REQ_TCG) {
        tcg_messages(cpu);
    }
    if (r & REQ_TLB_FLUSH) {
        tcg_tlb_flush_all(cpu);
    }
    if (r & REQ_DEBUG) {
        tcg_views_flush(cpu);
        if (tc->has_watch || cpu->watchpoints->len) {
            tc->has_watch = cpu->watchpoints->len != 0;
            tcg_tlb_flush_all(cpu);
        }
    }
    cpu_quiescent(cpu);
    if (tc->view_epoch != __atomic_load_n(&tc->tcg->epoch, __ATOMIC_SEQ_CST)) {
        tc->leave_exit = NULL; /* its chunk may be retired */
    }
    tcg_pass(cpu);
    return cpu_requests(cpu) & (REQ_EXIT | REQ_PAUSE | REQ_RESET | REQ_WORK | REQ_QUIT);
}

static void tcg_deliver(Cpu *cpu)
{
    GuestVirt from = *tcg_pc(cpu);

    cpu->raised = 0;
    cpu->target->exception_enter(cpu);
    tcg_cpu(cpu)->stats.exceptions++;
    tcg_trace_exception(cpu, "an exception", from);
}

static void tcg_after(Cpu *cpu, TcgLeave leave)
{
    TcgCpu *tc = tcg_cpu(cpu);

    tc->stats.enters++;
    tc->stats.left[leave]++;
    if ((leave == TCG_LEAVE_NEXT || leave == TCG_LEAVE_REQUEST) && cpu->target->jump_pc) {
        *tcg_pc(cpu) = cpu->target->jump_pc(cpu, *tcg_pc(cpu));
    }
    if (leave == TCG_LEAVE_RAISED) {
        if (cpu->target->restore) {
            cpu->target->restore(cpu, tc->leave_restart);
        }
        cpu->icount_left += tc->icount ? cpu->icount_rest : 0;
        if (cpu->raised == TCG_RAISED_RETRY) {
            tcg_icount_retry(cpu);
        } else if (cpu->raised == TCG_RAISED_LOADED) {
            cpu->raised = 0;
            cpu->target->llsc_loaded(cpu, tc->llsc_memop, tc->excl_val);
        } else if (cpu->raised == TCG_RAISED_WATCHPOINT) {
            cpu->raised = 0;
            tc->watch_hit = true;
        } else {
            tcg_deliver(cpu);
        }
    }
    cpu->icount_rest = 0;
    if (leave != TCG_LEAVE_LINK) {
        tc->leave_exit = NULL;
    }
}

static AccelExit tcg_run_debug_exit(Cpu *cpu, DebugReason why)
{
    cpu->debug_reason = why;
    tcg_cpu(cpu)->skip_breakpoint = *tcg_pc(cpu);
    return ACCEL_EXIT_DEBUG;
}

/* Where to enter for @pc; NULL: cpu->raised. @last: how generated code was left. */
static void *tcg_next(Cpu *cpu, GuestVirt pc, bool debug, TcgLeave last)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgBlock *b;
    void *host;

    if (!debug && !tc->icount && !tc->traced && !tc->leave_exit && last != TCG_LEAVE_REQUEST &&
        tcg_find_entry(cpu, pc, &host)) {
        return host;
    }
    b = tc->icount ? tcg_icount_find(cpu, pc, &debug) : tcg_find(cpu, pc, debug);
    if (!b) {
        tc->leave_exit = NULL;
        return NULL;
    }
    if (tc->leave_exit && !debug) {
        tcg_block_link(tc->tcg, tc->leave_exit, b);
        tc->stats.links++;
    }
    if (tc->traced) {
        tc->pc_page = pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
        tcg_trace_enter(cpu, b, pc);
    }
    return b->host_entry;
}

static void tcg_interrupt(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t pc = *tcg_pc(cpu);

    if (cpu->target->interrupt_enter(cpu)) {
        tcg_trace_exception(cpu, "an interrupt", pc);
        tc->stats.interrupts++;
        tc->halted = false;
        tc->leave_exit = NULL; /* it leads to where the interrupt came, not to the vector */
    }
}

/* The exit itself, but for what looks the target up. */
static void tcg_go_on_exit(Cpu *cpu, unsigned leave)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (leave == TCG_LEAVE_NEXT && cpu->target->jump_pc) {
        *tcg_pc(cpu) = cpu->target->jump_pc(cpu, *tcg_pc(cpu));
    }
    if (leave == TCG_LEAVE_RAISED) {
        if (cpu->target->restore) {
            cpu->target->restore(cpu, tc->leave_restart);
        }
        tcg_deliver(cpu);
    }
    tc->leave_exit = NULL;
    if (cpu_lines(cpu)) {
        tcg_interrupt(cpu);
    }
}

void *tcg_go_on(Cpu *cpu, unsigned leave)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t pc, mode;
    void *host;

    tc->leave_as = (uint8_t)leave;
    if (!tc->go_on || cpu_requests(cpu) || --cpu->poll_counter < 0 || tc->halted ||
        (leave == TCG_LEAVE_RAISED && cpu->raised != 1)) {
        return NULL;
    }
    tcg_phase(tc, TCG_PHASE_LOOP);
    tcg_go_on_exit(cpu, leave);
    tc->leave_as = TCG_LEAVE_LOOP;
    mode = cpu->target->mode_word(cpu);
    if (mode != tc->mode_word) {
        tcg_view_select(cpu, mode);
    }
    pc = *tcg_pc(cpu);
    if (!tcg_find_entry(cpu, pc, &host)) {
        host = NULL;
    } else if (host) {
        tc->pc_page = pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
        tc->stats.went_on++;
        tcg_phase(tc, TCG_PHASE_CODE);
    } else {
        tcg_deliver(cpu);
    }
    return host;
}

static AccelExit tcg_run_loop(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    TcgLeave leave = TCG_LEAVE_REQUEST;

    tc->leave_exit = NULL;
    for (;;) {
        bool debug = false;
        uint64_t pc, mode;
        void *host;

        if (cpu_requests(cpu) || cpu->poll_counter < 0) {
            cpu->poll_counter = 100000;
            if (tcg_requests(cpu)) {
                return ACCEL_EXIT_REQUEST;
            }
        }
        if (tc->icount && tcg_icount_over(cpu)) {
            return ACCEL_EXIT_REQUEST;
        }
        if (cpu_lines(cpu) && !(cpu->single_step && cpu->step_no_irq)) {
            tcg_interrupt(cpu);
        }
        if (tc->halted) {
            tc->halted = false;
            if (!cpu->target->has_work(cpu)) {
                return ACCEL_EXIT_HALTED;
            }
        }
        mode = cpu->target->mode_word(cpu);
        if (mode != tc->mode_word) {
            tcg_view_select(cpu, mode);
            tc->leave_exit = NULL;
        }
        pc = *tcg_pc(cpu);
        if (__builtin_expect(cpu->single_step || cpu->breakpoints->len, 0)) {
            if (pc != tc->skip_breakpoint && cpu_has_breakpoint(cpu, pc)) {
                return tcg_run_debug_exit(cpu, DEBUG_BREAKPOINT);
            }
            debug = cpu->single_step || tcg_page_has_breakpoint(cpu, pc);
        }
        tc->skip_breakpoint = UINT64_MAX;
        if (tcg_trace_each_block(cpu) != tc->traced) {
            tc->traced = !tc->traced;
            tc->leave_exit = NULL;
            tcg_views_flush(cpu);
        }
        host = tcg_next(cpu, pc, debug, leave);
        if (!host) {
            cpu->icount_left -= tc->icount; /* an instruction, so that time goes on */
            tcg_deliver(cpu);
        } else {
            tc->pc_page = pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
            tc->go_on = !cpu->single_step && !cpu->breakpoints->len && !cpu->watchpoints->len &&
                        !tc->icount && !tc->traced;
            tc->may_stop = true;
            tcg_phase(tc, TCG_PHASE_CODE);
            leave = tc->tcg->host->enter(cpu, host);
            tcg_phase(tc, TCG_PHASE_LOOP);
            tc->may_stop = false;
            tcg_after(cpu, leave);
        }
        if (__builtin_expect(tc->watch_hit, 0)) { /* before the access: GDB steps over it */
            tc->watch_hit = false;
            return tcg_run_debug_exit(cpu, DEBUG_WATCHPOINT);
        }
        if (cpu->single_step) {
            return tcg_run_debug_exit(cpu, DEBUG_STEP);
        }
    }
}

static AccelExit tcg_run(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    AccelExit why;

    if (tc->tcg->strict_llsc) { /* others had their turn, and may have stored */
        tc->excl_size = 0;
    }
    if (!tc->chunk) {
        tcg_chunk_new(cpu); /* a CPU may run others' blocks before it makes one: hosts look here */
    }
    tcg_phase(tc, TCG_PHASE_LOOP);
    tcg_requests(cpu);
    why = tcg_run_loop(cpu);
    tcg_phase(tc, TCG_PHASE_LOOP);
    tc->phase_start = 0;
    __atomic_store_n(&tc->passed, 0, __ATOMIC_SEQ_CST);
    return why;
}

static void tcg_state_changed(Cpu *cpu)
{
    tcg_cpu(cpu)->halted = false;
    tcg_cpu(cpu)->excl_size = 0;
    cpu->raised = 0;
    tcg_tlb_flush_all(cpu);
    tcg_space_init(tcg_cpu(cpu));
}

static void tcg_breakpoints_changed(Cpu *cpu)
{
    tcg_cpu(cpu)->skip_breakpoint = UINT64_MAX;
    tcg_views_flush(cpu);
}

void tcg_exit_soon(Cpu *cpu)
{
    cpu->poll_counter = -1;
    if (tcg_cpu(cpu)->icount) {
        icount_hold(cpu);
    }
}

uint64_t tcg_spins(Cpu *cpu)
{
    tcg_cpu(cpu)->spins = TCG_SPINS;
    sched_yield();
    return 0;
}

void tcg_halt(Cpu *cpu)
{
    tcg_cpu(cpu)->halted = true;
}

const Accel accel_tcg = {
    .name = "tcg",
    .doc = "binary translation: any guest on any host",
    .machine_init = tcg_machine_init,
    .machine_free = tcg_machine_free,
    .cpu_init = tcg_cpu_init,
    .cpu_free = tcg_cpu_free,
    .run = tcg_run,
    .tlb_flush = tcg_tlb_flush_all,
    .state_changed = tcg_state_changed,
    .breakpoints_changed = tcg_breakpoints_changed,
    .watchpoints = true,
    .info = tcg_info,
    .counters = tcg_stats,
};
