/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Precise state of a back end, held against the interpreter and against single steps:
 *
 *   exact-a64 [-n PROGRAMS] [-s SEED] [-g GROUP] [-p PATTERN] [-a OPTIONS]
 *
 * Random programs; at each of their instructions an access that faults, an interrupt and other
 * exceptions are forced, one at a time; from faults of memory the handler returns, behind the
 * instruction or to it with the page mapped, and the program goes on. Then loops that a device
 * interrupts now and then. Prints counts by kind. OPTIONS are -accel tcg's for the machine under
 * test (backend=x86_64). Status 0: no difference.
 */
#include "tests/diff/exact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VARIANTS = EXACT_MAX * 4 + 1, MAX_REPORTS = 10, MAX_INTERRUPTS = 8 };

/* What a program came to: at the first exception, and at the next one if that was a fault whose
 * handler returned. */
typedef struct Outcome {
    ExactResult at, end;
    bool returned;
} Outcome;

typedef struct Variant {
    ExactForce f;
    bool skip; /* the handler goes on behind the instruction */
    Outcome ref, cold, hot;
} Variant;

typedef struct Interrupted {
    ExactForce f;
    ExactResult at[MAX_INTERRUPTS], end;
    unsigned n;
} Interrupted;

typedef struct Exact {
    ExactMachine *ref, *test;
    ExactGen gen;
    ExactProgram p;
    ExactState *trace, *stepped; /* by the reference, by the machine under test */
    unsigned n_trace, n_stepped;
    Variant *v;
    unsigned n_v;
    Interrupted *in;
    ExactResult loop_end;
    uint64_t seed;
    uint64_t forced[FORCE_KINDS], taken[FORCE_KINDS];
    uint64_t interrupted, returned, differences, steps;
    bool exact_flags; /* of the machine under test */
} Exact;

/* ---- reports ---- */

static void report_state(const ExactState *a, const ExactState *b)
{
    for (unsigned i = 0; i < 31; i++) {
        if (a->x[i] != b->x[i]) {
            printf("    x%u %016" PRIx64 ", should be %016" PRIx64 "\n", i, b->x[i], a->x[i]);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        if (a->v[i][0] != b->v[i][0] || a->v[i][1] != b->v[i][1]) {
            printf("    v%u %016" PRIx64 "%016" PRIx64 ", should be %016" PRIx64 "%016" PRIx64 "\n",
                   i, b->v[i][1], b->v[i][0], a->v[i][1], a->v[i][0]);
        }
    }
#define REPORT(field)                                                                      \
    if (a->field != b->field) {                                                            \
        printf("    %s %" PRIx64 ", should be %" PRIx64 "\n", #field, b->field, a->field); \
    }
    REPORT(sp[0])
    REPORT(sp[1])
    REPORT(pc)
    REPORT(pstate)
    REPORT(fpcr)
    REPORT(fpsr)
    REPORT(memory)
#undef REPORT
}

static void report_result(const ExactResult *a, const ExactResult *b)
{
    printf("    vector %" PRIx64 "/%" PRIx64 " esr %" PRIx64 "/%" PRIx64 " far %" PRIx64 "/%" PRIx64
           " elr %" PRIx64 "/%" PRIx64 " spsr %" PRIx64 "/%" PRIx64 " device %" PRIx64 "/%" PRIx64
           "%s (is/should be)\n",
           b->vector, a->vector, b->esr, a->esr, b->far, a->far, b->elr, a->elr, b->spsr, a->spsr,
           b->device, a->device, b->stopped ? "" : ", did not stop");
    report_state(&a->s, &b->s);
}

static void report_program(const Exact *e, const ExactProgram *p, const ExactForce *f)
{
    printf("  seed %" PRIx64 ", EL%u, SP_EL%u, SCTLR %" PRIx64 ", FPCR %" PRIx64 ", start %" PRIx64
           ", bad %" PRIx64 "\n  ",
           e->seed, p->el, p->sp_sel, p->sctlr, p->in.fpcr, p->start, f->bad);
    for (unsigned i = 0; i < p->n; i++) {
        uint32_t insn = f->kind != FORCE_NOTHING && i == f->at ? f->insn : p->code[i];

        printf("%s%08x", f->kind != FORCE_NOTHING && i == f->at ? " >" : " ", insn);
    }
    printf("\n");
}

/* ---- one variant ---- */

enum { NZCV = 0xf0000000 };

/*
 * Without exact-flags=on an access that faults may show older flags, where those of the
 * instruction are dead.
 */
static bool result_equal(const Exact *e, const ExactResult *want, const ExactResult *is)
{
    enum { EC_DATA_LOWER = 0x24, EC_SP = 0x26 };
    unsigned ec = (unsigned)(want->esr >> 26);
    ExactResult r = *is;

    if (!e->exact_flags && ec >= EC_DATA_LOWER && ec <= EC_SP) {
        r.spsr = (r.spsr & ~(uint64_t)NZCV) | (want->spsr & NZCV);
        r.s.pstate = r.spsr;
    }
    return !memcmp(want, &r, sizeof(r)) && r.stopped;
}

static bool outcome_equal(const Exact *e, const Outcome *want, const Outcome *is)
{
    return result_equal(e, &want->at, &is->at) && want->returned == is->returned &&
           (!want->returned || result_equal(e, &want->end, &is->end));
}

static void run_outcome(ExactMachine *m, const ExactProgram *p, const Variant *v, bool hot,
                        Outcome *out)
{
    exact_run(m, p, &v->f, hot, &out->at);
    out->end = out->at;
    out->returned = exact_return(m, &v->f, v->skip, &out->end);
}

typedef struct OneRun {
    const ExactProgram *p;
    const Variant *v;
    Outcome *cold, *hot;
} OneRun;

static void run_one(ExactMachine *m, void *arg)
{
    OneRun *o = arg;

    exact_load(m, o->p, &o->v->f);
    run_outcome(m, o->p, o->v, false, o->cold);
    if (o->hot) {
        run_outcome(m, o->p, o->v, true, o->hot);
    }
}

static bool variant_differs(Exact *e, const ExactProgram *p, Variant *v)
{
    exact_on_cpu(e->ref, run_one, &(OneRun){ p, v, &v->ref, NULL });
    exact_on_cpu(e->test, run_one, &(OneRun){ p, v, &v->cold, &v->hot });
    return !outcome_equal(e, &v->ref, &v->cold) || !outcome_equal(e, &v->ref, &v->hot);
}

/* Take away what is not needed for the difference. */
static void shrink(Exact *e, ExactProgram *p, Variant *v)
{
    for (unsigned i = 0; i + 1 < p->n; i++) {
        uint32_t was = p->code[i];

        if (i == v->f.at && v->f.kind != FORCE_NOTHING) {
            continue;
        }
        p->code[i] = 0xd503201f;
        if (!variant_differs(e, p, v)) {
            p->code[i] = was;
        }
    }
}

static void report_outcome(const Exact *e, const Variant *v, const Outcome *is)
{
    if (!result_equal(e, &v->ref.at, &is->at)) {
        report_result(&v->ref.at, &is->at);
        return;
    }
    printf("  after the handler returned%s:\n",
           v->skip ? ", behind the instruction if not mapped" : "");
    report_result(&v->ref.end, &is->end);
}

static void report_variant(Exact *e, const Variant *found)
{
    ExactProgram p = e->p;
    Variant v = *found;

    if (++e->differences > MAX_REPORTS) {
        return;
    }
    printf("DIFFERENCE: %s at instruction %u\n", exact_kind_name(v.f.kind), v.f.at);
    if (variant_differs(e, &p, &v)) {
        shrink(e, &p, &v);
        variant_differs(e, &p, &v);
    } else {
        printf("  (it goes away when run alone)\n");
        v = *found;
    }
    report_program(e, &p, &v.f);
    if (!outcome_equal(e, &v.ref, &v.cold)) {
        report_outcome(e, &v, &v.cold);
    } else {
        printf("  when run again:\n");
        report_outcome(e, &v, &v.hot);
    }
    fflush(stdout);
}

/* Does the exception show the state that stepping has before the instruction? */
static void check_against_trace(Exact *e, const Variant *v)
{
    const ExactForce *f = &v->f;
    uint64_t at = e->p.start + 4 * f->at, elr = at, ignore = 0;
    ExactState want;
    unsigned i;

    switch (f->kind) {
    case FORCE_SVC:
        elr = at + 4;
        break;
    case FORCE_IRQ:
    case FORCE_FIQ:
        elr = at + 4;
        ignore = 0x3c0;
        break;
    case FORCE_ILLEGAL:
        elr = at + 4;
        ignore = UINT64_MAX;
        break;
    case FORCE_BAD_PC:
    case FORCE_BAD_PAGE:
        elr = f->bad;
        ignore = 0xc00;
        break;
    default:
        break;
    }
    e->forced[f->kind]++;
    if (v->ref.at.elr != elr) {
        return;
    }
    e->taken[f->kind]++;
    for (i = 0; i < e->n_trace && e->trace[i].pc != at; i++) {
    }
    if (i == e->n_trace) {
        return;
    }
    want = e->trace[i];
    want.x[REG_BAD] = f->bad;
    want.pc = elr;
    want.pstate = (want.pstate & ~ignore) | (v->ref.at.spsr & ignore);
    /* Of several elements, or across pages where nothing answers, a part may have been stored. */
    if ((f->insn & 0xbe000000) == 0x0c000000 || f->kind == FORCE_ZONE + ZONE_HOLE) {
        want.memory = v->ref.at.s.memory;
    }
    if (memcmp(&want, &v->ref.at.s, sizeof(want)) && ++e->differences <= MAX_REPORTS) {
        printf("NOT THE STATE OF SINGLE STEPS: %s at instruction %u\n", exact_kind_name(f->kind),
               f->at);
        report_program(e, &e->p, f);
        report_state(&want, &v->ref.at.s);
    }
}

/* ---- a program with everything forced ---- */

static void ref_trace(ExactMachine *m, void *arg)
{
    Exact *e = arg;
    ExactForce none = { .raise_at = e->p.loops ? UINT64_MAX : 0 };

    exact_load(m, &e->p, &none);
    e->n_trace = exact_trace(m, &e->p, &none, e->trace, EXACT_STEPS);
}

static void test_trace(ExactMachine *m, void *arg)
{
    Exact *e = arg;
    ExactForce none = { .kind = FORCE_NOTHING };

    exact_load(m, &e->p, &none);
    e->n_stepped = exact_trace(m, &e->p, &none, e->stepped, EXACT_STEPS);
}

static void ref_variants(ExactMachine *m, void *arg)
{
    Exact *e = arg;

    for (unsigned i = 0; i < e->n_v; i++) {
        exact_load(m, &e->p, &e->v[i].f);
        run_outcome(m, &e->p, &e->v[i], false, &e->v[i].ref);
        e->returned += e->v[i].ref.returned;
    }
}

static void test_variants(ExactMachine *m, void *arg)
{
    Exact *e = arg;

    for (unsigned i = 0; i < e->n_v; i++) {
        exact_load(m, &e->p, &e->v[i].f);
        run_outcome(m, &e->p, &e->v[i], false, &e->v[i].cold);
        run_outcome(m, &e->p, &e->v[i], true, &e->v[i].hot);
    }
}

static void add_variant(Exact *e, ExactKind kind, unsigned at, uint64_t *seed)
{
    if (exact_gen_force(&e->gen, &e->p, kind, at, seed, &e->v[e->n_v].f)) {
        e->v[e->n_v].skip = case_random(seed) >> 20 & 1;
        e->n_v++;
    }
}

static void plan_variants(Exact *e, uint64_t *seed)
{
    bool seen[EXACT_MAX] = { false };

    e->n_v = 0;
    add_variant(e, FORCE_NOTHING, 0, seed);
    for (unsigned i = 0; i < e->n_trace; i++) {
        uint64_t at = (e->trace[i].pc - e->p.start) / 4;

        /* Each instruction that is reached but the end. */
        if (e->trace[i].pc < e->p.start || at + 1 >= e->p.n || seen[at]) {
            continue;
        }
        seen[at] = true;
        add_variant(e, (ExactKind)(FORCE_ZONE + case_random(seed) % ZONES), (unsigned)at, seed);
        add_variant(e, (ExactKind)(FORCE_ZONE + case_random(seed) % ZONES), (unsigned)at, seed);
        add_variant(e, FORCE_IRQ, (unsigned)at, seed);
        add_variant(e, (ExactKind)(FORCE_SVC + case_random(seed) % (FORCE_KINDS - FORCE_SVC)),
                    (unsigned)at, seed);
    }
}

static void check_steps(Exact *e)
{
    e->steps += e->n_trace;
    for (unsigned i = 0; i < e->n_trace || i < e->n_stepped; i++) {
        if (i < e->n_trace && i < e->n_stepped &&
            !memcmp(&e->trace[i], &e->stepped[i], sizeof(e->trace[i]))) {
            continue;
        }
        if (++e->differences <= MAX_REPORTS) {
            printf("DIFFERENCE: after step %u of %u/%u\n", i, e->n_stepped, e->n_trace);
            report_program(e, &e->p, &(ExactForce){ .kind = FORCE_NOTHING });
            report_state(&e->trace[i], &e->stepped[i]);
        }
        return;
    }
}

static void do_program(Exact *e)
{
    uint64_t seed = e->seed ^ 0x5555;

    exact_gen_program(&e->gen, &e->p, e->seed, false);
    exact_on_cpu(e->ref, ref_trace, e);
    exact_on_cpu(e->test, test_trace, e);
    check_steps(e);
    plan_variants(e, &seed);
    exact_on_cpu(e->ref, ref_variants, e);
    exact_on_cpu(e->test, test_variants, e);
    for (unsigned i = 0; i < e->n_v; i++) {
        Variant *v = &e->v[i];

        check_against_trace(e, v);
        if (!outcome_equal(e, &v->ref, &v->cold) || !outcome_equal(e, &v->ref, &v->hot)) {
            report_variant(e, v);
        }
    }
}

/* ---- loops that are interrupted ---- */

static void ref_loop(ExactMachine *m, void *arg)
{
    Exact *e = arg;
    ExactForce f = e->in->f;

    f.raise_at = UINT64_MAX;
    exact_load(m, &e->p, &f);
    e->n_trace = exact_trace(m, &e->p, &f, e->trace, EXACT_STEPS);
    if (e->n_trace < EXACT_STEPS) {
        exact_run(m, &e->p, &f, false, &e->loop_end);
    }
}

static void test_loop(ExactMachine *m, void *arg)
{
    Exact *e = arg;
    Interrupted *in = e->in;

    exact_load(m, &e->p, &in->f);
    exact_run(m, &e->p, &in->f, in->f.raise_at & 1, &in->end);
    /* Vectors: 0x80 and a multiple of 0x200 are interrupts. */
    for (in->n = 0; in->n < MAX_INTERRUPTS && (in->end.vector & 0x1ff) == 0x80; in->n++) {
        in->at[in->n] = in->end;
        exact_resume(m, &in->end);
    }
}

/*
 * Without exact-flags=on a block that is left for a place where all flags are overwritten before
 * they are read does not store them, and the interrupt may come on the way there. That they were
 * dead is seen at the loop's end.
 */
static bool state_is_in_trace(const Exact *e, const ExactState *s)
{
    ExactState is = *s;

    for (unsigned i = 0; i < e->n_trace; i++) {
        const ExactState *t = &e->trace[i];

        if (!e->exact_flags) {
            is.pstate = (s->pstate & ~(uint64_t)NZCV) | (t->pstate & NZCV);
        }
        if (t->pc == is.pc && !memcmp(t, &is, sizeof(is))) {
            return true;
        }
    }
    return false;
}

static void report_interrupted(Exact *e, const ExactState *s)
{
    unsigned best = 0, best_same = 0;

    if (++e->differences > MAX_REPORTS) {
        return;
    }
    printf("INTERRUPTED IN A STATE THAT NEVER WAS: device at %u, access %" PRIu64 "\n", e->in->f.at,
           e->in->f.raise_at);
    report_program(e, &e->p, &e->in->f);
    printf("    before instruction %" PRId64 "\n", (int64_t)(s->pc - e->p.start) / 4);
    for (unsigned i = 0; i < e->n_trace; i++) {
        unsigned same = e->trace[i].pc == s->pc ? 100 : 0;

        for (unsigned k = 0; k < 31; k++) {
            same += e->trace[i].x[k] == s->x[k];
        }
        if (same > best_same) {
            best_same = same;
            best = i;
        }
    }
    report_state(&e->trace[best], s);
}

static void check_loop(Exact *e)
{
    const Interrupted *in = e->in;
    ExactResult end = in->end;

    for (unsigned i = 0; i < in->n; i++) {
        e->interrupted++;
        if (!state_is_in_trace(e, &in->at[i].s)) {
            report_interrupted(e, &in->at[i].s);
            return;
        }
    }
    /* What the handler's return leaves: nothing. */
    end.elr = e->loop_end.elr;
    if (!result_equal(e, &e->loop_end, &end) || in->end.elr != end.elr) {
        if (++e->differences <= MAX_REPORTS) {
            printf("DIFFERENCE: after %u interrupts, device at %u\n", in->n, in->f.at);
            report_program(e, &e->p, &in->f);
            report_result(&e->loop_end, &in->end);
        }
    }
}

static void do_loop(Exact *e)
{
    uint64_t seed = e->seed ^ 0xaaaa;

    exact_gen_program(&e->gen, &e->p, e->seed, true);
    for (unsigned k = 0; k < 4; k++) {
        uint64_t r = case_random(&seed);
        ExactForce *f = &e->in->f;

        *f = (ExactForce){ .kind = FORCE_ZONE + ZONE_MMIO,
                           .at = (unsigned)((r >> 8) % (e->p.n - 3)),
                           /* ldr or str of 32 bits at x19 */
                           .insn = (r & 1 ? 0xb9400000 : 0xb9000000) | REG_BAD << 5 |
                                   (unsigned)((r >> 16) % 18),
                           .bad = exact_zone_va(ZONE_MMIO) + 0x1000 };
        exact_on_cpu(e->ref, ref_loop, e);
        if (e->n_trace == EXACT_STEPS) {
            continue;
        }
        for (unsigned i = 0; i < 4; i++) {
            f->raise_at = 1 + case_random(&seed) % e->p.in.x[REG_COUNT];
            exact_on_cpu(e->test, test_loop, e);
            check_loop(e);
        }
    }
}

/* ---- */

static void summary(const Exact *e, uint64_t programs)
{
    uint64_t forced = 0;

    for (unsigned k = 0; k < FORCE_KINDS; k++) {
        printf("%-32s %9" PRIu64 " forced, %9" PRIu64 " taken there\n",
               exact_kind_name((ExactKind)k), e->forced[k], e->taken[k]);
        forced += e->forced[k];
    }
    printf("%" PRIu64 " programs, %" PRIu64 " steps, %" PRIu64 " forced, %" PRIu64
           " handlers returned, %" PRIu64 " interrupts in loops, %" PRIu64 " differences\n",
           programs, e->steps, forced, e->returned, e->interrupted, e->differences);
}

int main(int argc, char **argv)
{
    const char *group = NULL, *pattern = NULL, *options = "backend=x86_64,exact-flags=on";
    uint64_t programs = 100, seed = 1;
    Exact *e = calloc(1, sizeof(*e));
    int opt;

    while ((opt = getopt(argc, argv, "n:s:g:p:a:")) != -1) {
        switch (opt) {
        case 'n':
            programs = strtoull(optarg, NULL, 0);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 16);
            break;
        case 'g':
            group = optarg;
            break;
        case 'p':
            pattern = optarg;
            break;
        case 'a':
            options = optarg;
            break;
        default:
            return 2;
        }
    }
    exact_gen_init(&e->gen, group, pattern);
    if (!e->gen.n) {
        fprintf(stderr, "exact-a64: no instruction is named so\n");
        return 2;
    }
    e->trace = calloc(EXACT_STEPS, sizeof(*e->trace));
    e->stepped = calloc(EXACT_STEPS, sizeof(*e->stepped));
    e->v = calloc(MAX_VARIANTS, sizeof(*e->v));
    e->in = calloc(1, sizeof(*e->in));
    e->exact_flags = strstr(options, "exact-flags=on") != NULL;
    e->ref = exact_machine_new("backend=interp,exact-flags=on");
    e->test = exact_machine_new(options);
    for (uint64_t i = 0; i < programs; i++) {
        e->seed = seed + i;
        do_program(e);
        do_loop(e);
    }
    summary(e, programs);
    exact_machine_free(e->test);
    exact_machine_free(e->ref);
    return e->differences ? 1 : 0;
}
