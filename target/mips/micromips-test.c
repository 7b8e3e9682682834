/* SPDX-License-Identifier: Apache-2.0 */
/*
 * microMIPS' floating point, of which QEMU's CPUs have none: each instruction beside that of MIPS32
 * from the same states. No model has both either: an M14Kc that is given an FPU.
 */
#include "target/mips/micromips-rows.h"

#include "accel/accel.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/mips/cpu.h"
#include "target/mips/fp.h"
#include "tests/unit.h"

#include <string.h>

enum {
    RAM_BYTES = 0x10000,
    CODE_MIPS = 0x1000,
    CODE_MICRO = 0x4000,
    CODE_STEP = 32,
    SCRATCH = 0x8000,
    SCRATCH_BYTES = 64,
    VECTOR = 0x180,
    WAIT = 0x42000020,
    BRANCH_BACK = 0x1000fffe, /* b .-4 */
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

typedef struct Bench {
    Machine *machine;
    MipsCpu *cpu;
    uint8_t *ram;
    uint64_t status;
    unsigned row;
    bool micro;
    const State *in;
    State out;
} Bench;

static void bench_make(Bench *b)
{
    g_autoptr(GError) err = NULL;
    static const uint32_t vector[] = { WAIT, BRANCH_BACK, 0 };
    const DeviceType *type = NULL;
    RamBlock *ram;

    memset(b, 0, sizeof(*b));
    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        type = strcmp((*t)->name, "M14Kc-mips-cpu") ? type : *t;
    }
    b->machine = machine_new(&err);
    ram = ram_new(b->machine, "ram", RAM_BYTES, RAM_SHARED, &err);
    b->ram = ram->host;
    region_add(machine_memory_root(b->machine),
               region_new_ram(b->machine, "ram", ram, 0, RAM_BYTES), 0, 0);
    machine_add_types(b->machine, mips_cpu_types);
    b->cpu = mips_cpu(cpu_new(b->machine, type, NULL, "cpu0"));
    EXPECT(device_realize(&b->cpu->cpu.dev, &err));
    b->cpu->features |= 1ull << MIPS_FEAT_FPU | 1ull << MIPS_FEAT_FPU64 | 1ull << MIPS_FEAT_COP1X;
    EXPECT(accel_attach(b->machine, &accel_tcg, NULL, &err));
    EXPECT(machine_start(b->machine, &err));
    memcpy(b->ram + VECTOR, vector, sizeof(vector));
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        memcpy(b->ram + CODE_MIPS + i * CODE_STEP, rows[i].mips, sizeof(rows[i].mips));
        memcpy(b->ram + CODE_MICRO + i * CODE_STEP, rows[i].micro, sizeof(rows[i].micro));
    }
    ram_wrote(ram_first(b->machine), 0, RAM_BYTES);
}

static void bench_load(Bench *b, uint32_t at)
{
    MipsCpu *c = b->cpu;

    memcpy(c->r, b->in->r, sizeof(c->r));
    for (unsigned i = 0; i < 32; i++) {
        c->f[i].u64[0] = b->in->f[i];
    }
    mips_fp_set_control(c, b->in->fcr31);
    memcpy(b->ram + SCRATCH, b->in->scratch, SCRATCH_BYTES);
    c->pc = 0x80000000u + at;
    c->isa16 = b->micro;
    c->in_slot = c->half = 0;
    c->cp0[CP0_STATUS] = b->status;
    c->cp0[CP0_CAUSE] = 0;
}

static void bench_run_on_cpu(Cpu *cpu, void *opaque)
{
    Bench *b = opaque;
    MipsCpu *c = b->cpu;
    uint32_t at = (b->micro ? CODE_MICRO : CODE_MIPS) + b->row * CODE_STEP;

    bench_load(b, at);
    accel_tcg.state_changed(cpu);
    for (unsigned tries = 0; tries < 100; tries++) {
        if (cpu->accel_ops->run(cpu) == CPU_EXIT_HALTED) {
            break;
        }
        cpu_take_requests(cpu, UINT32_MAX);
    }
    memset(&b->out, 0, sizeof(b->out));
    memcpy(b->out.r, c->r, sizeof(c->r));
    for (unsigned i = 0; i < 32; i++) {
        b->out.f[i] = c->f[i].u64[0];
    }
    b->out.fcr31 = mips_fp_control(c);
    b->out.code = c->cp0[CP0_CAUSE] >> 2 & 31;
    /* behind the row, where its BREAK is; of other exceptions, its start */
    b->out.epc = b->out.code == EXC_BP ? 0 : (c->cp0[CP0_EPC] & ~1ull) - 0x80000000u - at;
    memcpy(b->out.scratch, b->ram + SCRATCH, SCRATCH_BYTES);
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

static State bench_run(Bench *b, const State *in, unsigned row, bool micro)
{
    b->in = in;
    b->row = row;
    b->micro = micro;
    cpu_run_on_wait(&b->cpu->cpu, bench_run_on_cpu, b);
    return b->out;
}

static void compare_rows(uint64_t status)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    unsigned done = 0;
    Bench b;

    bench_make(&b);
    b.status = status;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned k = 0; k < STATES; k++) {
            State in, mips, micro;

            make_state(&in, &seed);
            mips = bench_run(&b, &in, i, false);
            micro = bench_run(&b, &in, i, true);
            done += mips.code == EXC_BP;
            EXPECT_STR(memcmp(&mips, &micro, sizeof(mips)) ? rows[i].text : "", "");
        }
    }
    EXPECT(done > G_N_ELEMENTS(rows) * STATES / 2);
    machine_free(b.machine);
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
    Bench b;

    bench_make(&b);
    make_state(&in, &seed);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        out = bench_run(&b, &in, i, true);
        EXPECT_EQ(out.code, EXC_CPU);
        EXPECT_EQ(b.cpu->cp0[CP0_CAUSE] >> CAUSE_CE_SHIFT & 3, 1);
    }
    machine_free(b.machine);
}
