/* SPDX-License-Identifier: Apache-2.0 */
/*
 * microMIPS' floating point, of which QEMU's CPUs have none: each instruction beside that of MIPS32
 * from the same states. No model has both either: an M14Kc that is given an FPU.
 */
#include "target/mips/micromips-rows.h"

#include "target/mips/fp.h"
#include "tests/mips-cpu.h"

enum {
    CODE_MIPS = 0x1000,
    CODE_MICRO = 0x4000,
    CODE_STEP = 32,
    SCRATCH = 0x8000,
    SCRATCH_BYTES = 64,
    STATES = 24,
};

_Static_assert(CODE_MIPS + sizeof(rows) / sizeof(rows[0]) * CODE_STEP <= CODE_MICRO, "too many");

/* What a row begins with and leaves. */
typedef struct State {
    uint64_t r[32], f[32];
    uint32_t fcr31, code;
    uint64_t epc; /* from the row's start */
    uint8_t scratch[SCRATCH_BYTES];
} State;

typedef struct Pair {
    Bench b;
    unsigned row;
    bool micro;
    const State *in;
    State out;
} Pair;

static void pair_make(Pair *p)
{
    static const uint32_t vector[] = { WAIT, BRANCH_BACK, 0 };
    Bench *b = &p->b;

    memset(p, 0, sizeof(*p));
    bench_make(b, "M14Kc-mips-cpu");
    b->cpu->features |= 1ull << MIPS_FEAT_FPU | 1ull << MIPS_FEAT_FPU64 | 1ull << MIPS_FEAT_COP1X;
    memcpy(b->ram + VECTOR, vector, sizeof(vector));
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        memcpy(b->ram + CODE_MIPS + i * CODE_STEP, rows[i].mips, sizeof(rows[i].mips));
        memcpy(b->ram + CODE_MICRO + i * CODE_STEP, rows[i].micro, sizeof(rows[i].micro));
    }
    ram_wrote(ram_first(b->machine), 0, RAM_BYTES);
}

static void pair_load(Pair *p, uint32_t at)
{
    MipsCpu *c = p->b.cpu;

    memcpy(c->r, p->in->r, sizeof(c->r));
    for (unsigned i = 0; i < 32; i++) {
        c->f[i].u64[0] = p->in->f[i];
    }
    mips_fp_set_control(c, p->in->fcr31);
    memcpy(p->b.ram + SCRATCH, p->in->scratch, SCRATCH_BYTES);
    c->pc = 0x80000000u + at;
    c->isa16 = p->micro;
    c->in_slot = c->half = 0;
    c->cp0[CP0_STATUS] = p->b.status;
    c->cp0[CP0_CAUSE] = 0;
}

static void pair_run_on_cpu(Cpu *cpu, void *opaque)
{
    Pair *p = opaque;
    MipsCpu *c = p->b.cpu;
    uint32_t at = (p->micro ? CODE_MICRO : CODE_MIPS) + p->row * CODE_STEP;

    pair_load(p, at);
    bench_until_wait(cpu);
    memset(&p->out, 0, sizeof(p->out));
    memcpy(p->out.r, c->r, sizeof(c->r));
    for (unsigned i = 0; i < 32; i++) {
        p->out.f[i] = c->f[i].u64[0];
    }
    p->out.fcr31 = mips_fp_control(c);
    p->out.code = c->cp0[CP0_CAUSE] >> 2 & 31;
    /* behind the row, where its BREAK is; of other exceptions, its start */
    p->out.epc = p->out.code == EXC_BP ? 0 : (c->cp0[CP0_EPC] & ~1ull) - 0x80000000u - at;
    memcpy(p->out.scratch, p->b.ram + SCRATCH, SCRATCH_BYTES);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Singles, doubles and integers at whose neighbours code errs, and any bits. */
static uint64_t next_value(uint64_t *seed)
{
    static const uint64_t values[] = {
        0,
        0x8000000000000000,
        0x3ff0000000000000,
        0xbff8000000000000,
        0x7ff0000000000000,
        0x7ff7ffffffffffff, /* quiet, as encodings of old have it */
        0x7fffffffffffffff,
        0x0000000000000001,
        0x41dfffffffe00000,
        0x43e0000000000000,
        0x3f8000003fc00000,
        0x7f800000ff800000,
        0x7fbfffff7fffffff,
        0x0080000000000001,
        0x4f0000004effffff,
        0x0000000180000000,
    };
    uint64_t r = next(seed);

    return r >> 62 ? values[r % G_N_ELEMENTS(values)] : next(seed);
}

static void make_state(State *s, uint64_t *seed)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 1; i < 32; i++) {
        s->r[i] = (uint32_t)next(seed);
        s->f[i] = next_value(seed);
    }
    s->f[0] = next_value(seed);
    s->r[2] &= next(seed) & 1 ? 0 : ~0ull; /* what conditional moves look at */
    s->r[3] &= next(seed) & 1 ? 0 : ~0ull;
    s->r[4] = 0x80000000u + SCRATCH + SCRATCH_BYTES / 2;
    s->r[5] = 8 * (next(seed) % 3);
    s->r[6] = (uint32_t)next(seed) & 0x0183ffff; /* what CTC1 writes: seldom nothing traps */
    s->fcr31 = (uint32_t)next(seed) & (next(seed) & 3 ? 0xfe800003 : 0xff800f83);
    for (unsigned i = 0; i < SCRATCH_BYTES; i++) {
        s->scratch[i] = (uint8_t)next(seed);
    }
}

static State pair_run(Pair *p, const State *in, unsigned row, bool micro)
{
    p->in = in;
    p->row = row;
    p->micro = micro;
    cpu_run_on_wait(&p->b.cpu->cpu, pair_run_on_cpu, p);
    return p->out;
}

static void compare_rows(uint64_t status)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned done = 0;
    Pair p;

    pair_make(&p);
    p.b.status = status;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned k = 0; k < STATES; k++) {
            State in, mips, micro;

            make_state(&in, &seed);
            mips = pair_run(&p, &in, i, false);
            micro = pair_run(&p, &in, i, true);
            done += mips.code == EXC_BP;
            EXPECT_STR(memcmp(&mips, &micro, sizeof(mips)) ? rows[i].text : "", "");
        }
    }
    EXPECT(done > G_N_ELEMENTS(rows) * STATES / 2);
    machine_free(p.b.machine);
}

TEST(mips_micromips, floating_point_is_that_of_mips32)
{
    compare_rows(STATUS_CU1 | STATUS_FR);
}

TEST(mips_micromips, floating_point_is_that_of_mips32_in_pairs)
{
    compare_rows(STATUS_CU1);
}

TEST(mips_micromips, floating_point_without_its_coprocessor)
{
    uint64_t seed = 1;
    State in, out;
    Pair p;

    pair_make(&p);
    make_state(&in, &seed);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        out = pair_run(&p, &in, i, true);
        EXPECT_EQ(out.code, EXC_CPU);
        EXPECT_EQ(p.b.cpu->cp0[CP0_CAUSE] >> CAUSE_CE_SHIFT & 3, 1);
    }
    machine_free(p.b.machine);
}
