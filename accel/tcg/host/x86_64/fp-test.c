/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point inline against the reference functions: every operation that fp-emit.c and
 * fp-conv.c know, each pair of special values, each rounding mode; results and flags.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/ir/ir-ref.h"
#include "accel/tcg/tcg-priv.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>

enum { CODE_BYTES = 1 << 16 };

typedef struct FpCpu {
    Cpu cpu;
    uint64_t hot[4];
    IrV128 v[4];
    uint64_t x;
    uint32_t flags;
    IrFpState fp;
    uint64_t pc;
} FpCpu;

typedef struct FpRun {
    TcgCpu *tc;
    FpCpu *cpu;
    Target target;
    TcgCache cache;
    TcgChunk chunk;
    TcgBlock block;
    IrBlock *ir;
    uint64_t seed;
    bool flush;
    unsigned others; /* lane size of the operands but the first; 0: the same */
    unsigned wrong, done;
} FpRun;

static uint64_t fp_random(FpRun *r)
{
    r->seed = r->seed * 6364136223846793005u + 1442695040888963407u;
    return r->seed ^ r->seed >> 29;
}

/* Magnitudes; both signs are used. */
static const uint64_t fp_special64[] = {
    0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000,
    0x0010000000000001, 0x001fffffffffffff, 0x0020000000000000, 0x3ff0000000000000,
    0x3ff0000000000001, 0x3fefffffffffffff, 0x3fe0000000000000, 0x3fdfffffffffffff,
    0x3ff8000000000000, 0x4000000000000000, 0x4008000000000000, 0x41dfffffffc00000,
    0x41dfffffffe00000, 0x41e0000000000000, 0x41efffffffe00000, 0x41effffffff00000,
    0x41f0000000000000, 0x43dfffffffffffff, 0x43e0000000000000, 0x43f0000000000000,
    0x43efffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000,
    0x7ff8000000012345, 0x7ff0000000000001, 0x7ff4000000000000, 0x1ff0000000000000,
    0x2000000000000000, 0x5ff0000000000000, 0x380fffffffffffff, 0x3810000000000000,
    0x380fffffe0000000, 0x380ffffff0000000, 0x36a0000000000000, 0x47efffffe0000000,
    0x47effffff0000000, 0x4330000000000001, 0x4320000000000001, 0x0008000000000000,
};
static const uint32_t fp_special32[] = {
    0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x01000000, 0x3f800000,
    0x3f800001, 0x3f7fffff, 0x3f000000, 0x3effffff, 0x3fc00000, 0x40000000, 0x40400000, 0x4effffff,
    0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f800000, 0x7f7fffff, 0x7f800000,
    0x7fc00000, 0x7fc12345, 0x7f800001, 0x7fa00000, 0x33000000, 0x33000001, 0x387fe000, 0x387ff000,
    0x387fffff, 0x38800000, 0x38801000, 0x477fe000, 0x477fefff, 0x477ff000, 0x1f800000, 0x20000000,
    0x5f7fffff, 0x33800000, 0x4b000001, 0x4a800001, 0x00400000,
};

static const uint16_t fp_special16[] = {
    0x0000, 0x0001, 0x0002, 0x0003, 0x01ff, 0x0200, 0x03ff, 0x0400, 0x0401, 0x0800,
    0x0fff, 0x1000, 0x1400, 0x2c00, 0x3000, 0x37ff, 0x3800, 0x3801, 0x3bff, 0x3c00,
    0x3c01, 0x3c02, 0x3e00, 0x3fff, 0x4000, 0x4200, 0x4400, 0x4bff, 0x5c00, 0x6400,
    0x6801, 0x77ff, 0x7800, 0x7bff, 0x7c00, 0x7e00, 0x7e01, 0x7c01, 0x7d00,
};

static unsigned fp_n_values(unsigned esize)
{
    return 2 * (esize == 3   ? G_N_ELEMENTS(fp_special64)
                : esize == 2 ? G_N_ELEMENTS(fp_special32)
                             : G_N_ELEMENTS(fp_special16)) +
           8;
}

/* Value @n of the list; the last eight are random. */
static uint64_t fp_value(FpRun *r, unsigned esize, unsigned n)
{
    uint64_t sign = n & 1;

    if (n + 8 >= fp_n_values(esize)) {
        uint64_t v = fp_random(r);

        return n & 2        ? v
               : esize == 1 ? (v & 0x87ff87ff87ff87ff) | 0x3800380038003800
               : esize == 3 ? (v & 0x800fffffffffffff) | 0x3ff0ull << 48
                            : (v & 0x807fffff807fffff) | 0x3f8000003f800000;
    }
    if (esize == 1) {
        return (fp_special16[n / 2] | sign << 15) * 0x0001000100010001ull;
    }
    return esize == 3 ? fp_special64[n / 2] | sign << 63
                      : (fp_special32[n / 2] | sign << 31) * 0x100000001ull;
}

/* ---- one operation ---- */

static bool fp_emit(FpRun *r, IrOpcode op, IrDesc desc, unsigned n_args, bool extract)
{
    uint32_t v = offsetof(FpCpu, v);
    IrVal a[3], d;

    ir_begin(r->ir, 0);
    r->ir->fp_flush = r->flush;
    ir_insn(r->ir, 0, 4, 0);
    for (unsigned k = 0; k < n_args; k++) {
        a[k] = ir_get(r->ir, IR_V128, v + k * 16, 4);
    }
    d = n_args == 1   ? ir_v1(r->ir, op, desc, a[0])
        : n_args == 2 ? ir_v2(r->ir, op, desc, a[0], a[1])
                      : ir_v3(r->ir, op, desc, a[0], a[1], a[2]);
    if (extract) {
        unsigned to = ir_desc_variant(desc) >> 1 & 3;

        ir_set(r->ir, offsetof(FpCpu, x), to,
               ir_vextract(r->ir, to == 3 ? IR_I64 : IR_I32, to, 0, false, d));
    } else {
        ir_set(r->ir, v + 3 * 16, 4, d);
    }
    ir_exit(r->ir, 4);
    ir_finish(r->ir);
    r->chunk.code = r->chunk.code_start;
    return tcg_host_x86_64.emit(&r->cache, &r->chunk, r->ir, &r->block);
}

static void fp_compare(FpRun *r, IrOpcode op, IrDesc desc, bool extract)
{
    IrV128 want = { 0 }, got;
    IrFpState st = r->cpu->fp;

    tcg_host_x86_64.enter(&r->cpu->cpu, r->block.host_entry);
    got = r->cpu->v[3];
    ir_ref_fn[op](&want, r->cpu->v, desc, &st);
    if (extract) {
        got = (IrV128){ .u64 = { r->cpu->x } };
    }
    r->done++;
    if (memcmp(&got, &want, 16) || r->cpu->fp.env.flags != st.env.flags) {
        if (!r->wrong++) {
            test_fail(__FILE__, __LINE__,
                      "%s desc %x round %u: %" PRIx64 ":%" PRIx64 ", %" PRIx64 ":%" PRIx64
                      " gives %" PRIx64 ":%" PRIx64 " flags %x, not %" PRIx64 ":%" PRIx64 " %x",
                      ir_op_info[op].name, desc, st.env.round, r->cpu->v[0].u64[1],
                      r->cpu->v[0].u64[0], r->cpu->v[1].u64[1], r->cpu->v[1].u64[0], got.u64[1],
                      got.u64[0], r->cpu->fp.env.flags, want.u64[1], want.u64[0], st.env.flags);
        }
    }
}

/* Every value of each operand against every one, in lanes that differ. */
static void fp_cross(FpRun *r, IrOpcode op, IrDesc desc, unsigned n_args, unsigned from,
                     bool extract)
{
    unsigned other = r->others ? r->others : from;
    unsigned n = fp_n_values(from), n_other = fp_n_values(other), m = n_args > 1 ? n_other : 1;

    if (!fp_emit(r, op, desc, n_args, extract)) {
        test_fail(__FILE__, __LINE__, "not emitted");
        return;
    }
    for (unsigned k = 0; k < n * m * 4; k++) {
        unsigned i = k / 4 / m, j = k / 4 % m;
        uint64_t junk = fp_value(r, from, (unsigned)fp_random(r) % n);

        r->cpu->v[0].u64[0] = fp_value(r, from, i);
        r->cpu->v[1].u64[0] = fp_value(r, other, j);
        r->cpu->v[2].u64[0] = fp_value(r, other, (unsigned)fp_random(r) % n_other);
        if (n_args == 1 || (k & 3) != 3) {
            r->cpu->v[0].u64[1] = junk;
            r->cpu->v[1].u64[1] = fp_value(r, other, (unsigned)fp_random(r) % n_other);
        } else {
            r->cpu->v[0].u64[1] = r->cpu->v[1].u64[1] = 0;
        }
        r->cpu->v[2].u64[1] = r->others ? r->cpu->v[1].u64[1] ^ junk : junk;
        r->cpu->fp.env.round = k & 3;
        r->cpu->fp.env.default_nan = k >> 5 & 1;
        r->cpu->fp.env.flags = junk >> 20 & 1 || r->flush ? FP_INEXACT : 0;
        r->cpu->fp.env.flush_inputs = r->cpu->fp.env.flush_outputs = r->flush;
        r->cpu->x = 0;
        fp_compare(r, op, desc, extract);
    }
}

/* ---- the test's CPU ---- */

static FpRun *fp_new(const char *tier, bool flush)
{
    FpRun *r = g_new0(FpRun, 1);
    char *p = mmap(NULL, sizeof(TcgCpu) + sizeof(FpCpu), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_autoptr(GError) err = NULL;

    r->seed = 11;
    r->flush = flush;
    r->tc = (TcgCpu *)p;
    r->cpu = (FpCpu *)(p + sizeof(TcgCpu));
    r->ir = ir_block_new();
    r->target = (Target){ .name = "test",
                          .pc_offset = offsetof(FpCpu, pc),
                          .flags_offset = offsetof(FpCpu, flags),
                          .fp_offset = offsetof(FpCpu, fp),
                          .hot_offset = offsetof(FpCpu, hot) };
    r->cpu->cpu.target = &r->target;
    r->cpu->cpu.poll_counter = 1 << 30;
    r->tc->tcg = g_new0(Tcg, 1);
    r->cache = (TcgCache){ .size = CODE_BYTES, .host_cpu = (char *)tier };
    r->cache.rw = r->cache.rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->cache.rw == MAP_FAILED || !tcg_host_x86_64.init(&r->cache, &r->target, &err)) {
        return NULL; /* the process ends soon */
    }
    r->tc->tcg->cache = r->cache;
    r->chunk.cache = &r->cache;
    r->chunk.code_start = r->cache.rw + r->cache.n_prologue;
    r->chunk.code_end = r->cache.rw + CODE_BYTES;
    r->block.target = &r->target;
    r->block.n_guest = 1;
    r->block.guest = r->ir->guest;
    return r;
}

static void fp_free(FpRun *r)
{
    if (r->chunk.meta) {
        g_ptr_array_free(r->chunk.meta, true);
    }
    tcg_host_x86_64.free(&r->cache);
    munmap(r->cache.rw, CODE_BYTES);
    g_free(r->tc->tcg);
    munmap(r->tc, sizeof(TcgCpu) + sizeof(FpCpu));
    ir_block_free(r->ir);
    g_free(r);
}

static const struct {
    uint8_t esize, width;
} fp_shapes[] = {
    { 3, IR_SCALAR }, { 2, IR_SCALAR }, { 3, IR_W128 }, { 2, IR_W128 }, { 2, IR_W64 }
};

static void fp_arithmetic(const char *tier, bool flush)
{
    static const struct {
        uint16_t op;
        uint8_t n_args, variants;
    } rows[] = {
        { IR_VFADD, 2, 1 },   { IR_VFSUB, 2, 1 },    { IR_VFMUL, 2, 1 },   { IR_VFDIV, 2, 1 },
        { IR_VFMIN, 2, 1 },   { IR_VFMAX, 2, 1 },    { IR_VFCMP, 2, 3 },   { IR_VFMINNM, 2, 1 },
        { IR_VFMAXNM, 2, 1 }, { IR_VFMULX, 2, 1 },   { IR_VFMA, 3, 4 },    { IR_VFSQRT, 1, 1 },
        { IR_VFRECPE, 1, 1 }, { IR_VFRSQRTE, 1, 1 }, { IR_VFRECPS, 2, 1 }, { IR_VFRSQRTS, 2, 1 },
        { IR_VFRINT, 1, 2 },  { IR_VFABS, 1, 1 },    { IR_VFNEG, 1, 1 },
    };
    FpRun *r = fp_new(tier, flush);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(rows) * G_N_ELEMENTS(fp_shapes); n++) {
        unsigned k = n / G_N_ELEMENTS(fp_shapes), shape = n % G_N_ELEMENTS(fp_shapes);
        unsigned esize = fp_shapes[shape].esize;
        IrDesc d = ir_desc(esize, (IrWidth)fp_shapes[shape].width);

        for (unsigned variant = 0; variant < rows[k].variants; variant++) {
            fp_cross(r, (IrOpcode)rows[k].op, ir_desc_with_variant(d, variant), rows[k].n_args,
                     esize, false);
        }
        for (unsigned round = 0; rows[k].op == IR_VFRINT && round <= FP_RNA; round++) {
            fp_cross(r, IR_VFRINT, ir_desc_with_round(d, round), 1, esize, false);
        }
    }
    EXPECT_EQ(r->wrong, 0);
    EXPECT(r->done > 1000000);
    fp_free(r);
}

/* Halves: every one against the special values, and some at random. */
static void fp_halves(const char *tier)
{
    static const uint16_t ops[] = { IR_VFADD,   IR_VFSUB,   IR_VFMUL,   IR_VFMULX,   IR_VFDIV,
                                    IR_VFMIN,   IR_VFMAX,   IR_VFCMP,   IR_VFMINNM,  IR_VFMAXNM,
                                    IR_VFMA,    IR_VFSQRT,  IR_VFRECPS, IR_VFRSQRTS, IR_VFRINT,
                                    IR_VFRECPE, IR_VFRSQRTE };
    static const uint8_t widths[] = { IR_SCALAR, IR_W64, IR_W128 };
    FpRun *r = fp_new(tier, false);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(ops) * 3; n++) {
        unsigned op = ops[n / 3];
        unsigned variants = op == IR_VFCMP ? 3 : op == IR_VFMA ? 4 : op == IR_VFRINT ? 2 : 1;
        unsigned n_args =
            op == IR_VFMA                                                                 ? 3
            : op == IR_VFSQRT || op == IR_VFRINT || op == IR_VFRECPE || op == IR_VFRSQRTE ? 1
                                                                                          : 2;

        for (unsigned variant = 0; variant < variants; variant++) {
            IrDesc d = ir_desc_with_variant(ir_desc(1, (IrWidth)widths[n % 3]), variant);

            fp_cross(r, (IrOpcode)op, d, n_args, 1, false);
            for (unsigned k = 0; k < 10000; k++) {
                for (unsigned w = 0; w < 6; w++) {
                    r->cpu->v[w / 2].u64[w % 2] =
                        fp_random(r) & (k & 1 ? UINT64_MAX : 0xbfffbfffbfffbfff);
                }
                r->cpu->fp.env.round = k >> 1 & 3;
                r->cpu->fp.env.flags = 0;
                fp_compare(r, (IrOpcode)op, d, false);
            }
        }
    }
    EXPECT_EQ(r->wrong, 0);
    fp_free(r);
}

TEST(x64_fp, halves_as_the_reference)
{
    fp_halves(NULL);
    fp_halves("v3");
}

TEST(x64_fp, arithmetic_as_the_reference)
{
    fp_arithmetic(NULL, false);
}

/* Halves to and from integers of 16, 32 and 64 bits, fixed point, every rounding. */
static void fp_half_integers(const char *tier)
{
    static const uint8_t widths[] = { IR_SCALAR, IR_W64, IR_W128 };
    FpRun *r = fp_new(tier, false);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < 3 * 2 * 3 * 3; n++) {
        IrWidth width = (IrWidth)widths[n % 3];
        unsigned to = width == IR_SCALAR ? 1 + n / 6 % 3 : 1;
        IrDesc d = ir_desc_with_variant(ir_desc(1, width), (n / 3 & 1) | to << 1);
        unsigned frac = n / 18 * 8;

        for (unsigned times = 0; times < 10; times++) {
            fp_cross(r, IR_VITOF, d | frac << 16, 1, to, false);
        }
        for (unsigned round = 0; round <= FP_RNA + 1; round++) {
            IrDesc dr = ir_desc_with_round(d, round > FP_RNA ? IR_ROUND_ENV : round);

            if (!frac || round == FP_RTZ) {
                fp_cross(r, IR_VFTOI, dr | frac << 16, 1, 1, width == IR_SCALAR && to > 1);
                fp_cross(r, IR_VFTOI, dr | frac << 16, 1, 1, false);
            }
        }
    }
    for (unsigned n = 0; n < 3 * (FP_RNA + 2); n++) {
        IrDesc d = ir_desc(1, (IrWidth)widths[n % 3]);

        fp_cross(r, IR_VFRINT, ir_desc_with_round(d, n / 3 > FP_RNA ? IR_ROUND_ENV : n / 3), 1, 1,
                 false);
    }
    EXPECT_EQ(r->wrong, 0);
    EXPECT(r->done > 10000);
    fp_free(r);
}

TEST(x64_fp, half_integers_as_the_reference)
{
    fp_half_integers(NULL);
    fp_half_integers("v3");
    fp_half_integers("v2");
}

/* Formats mixed, and what only Arm has. */
static void fp_mixed(const char *tier, bool flush)
{
    static const struct {
        uint16_t op;
        uint8_t n_args, esize, width, variants, from, others;
    } rows[] = {
        { IR_VFMLAL, 3, 2, IR_W64, 4, 2, 1 },         { IR_VFMLAL, 3, 2, IR_W128, 4, 2, 1 },
        { IR_VBFCVT, 1, 1, IR_SCALAR, 1, 2, 0 },      { IR_VBFCVT, 1, 1, IR_W64, 1, 2, 0 },
        { IR_VBFDOT, 3, 2, IR_W64, 1, 2, 0 },         { IR_VBFDOT, 3, 2, IR_W128, 1, 2, 0 },
        { IR_VBFMMLA, 3, 2, IR_W128, 1, 2, 0 },       { IR_VFRINTSIZED, 1, 2, IR_SCALAR, 2, 2, 0 },
        { IR_VFRINTSIZED, 1, 3, IR_SCALAR, 2, 3, 0 }, { IR_VFRINTSIZED, 1, 2, IR_W64, 2, 2, 0 },
        { IR_VFRINTSIZED, 1, 2, IR_W128, 2, 2, 0 },   { IR_VFRINTSIZED, 1, 3, IR_W128, 2, 3, 0 },
        { IR_VFRECPX, 1, 1, IR_SCALAR, 1, 1, 0 },     { IR_VFRECPX, 1, 2, IR_SCALAR, 1, 2, 0 },
        { IR_VFRECPX, 1, 3, IR_SCALAR, 1, 3, 0 },     { IR_VFJCVTZS, 1, 2, IR_W64, 1, 3, 0 },
    };
    static const struct {
        uint8_t to, width, variant;
    } narrow[] = { { 2, IR_SCALAR, 3 | 8 }, { 2, IR_W64, 3 | 8 }, { 1, IR_SCALAR, 3 } };
    FpRun *r = fp_new(tier, flush);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(rows); n++) {
        IrDesc d = ir_desc(rows[n].esize, (IrWidth)rows[n].width);

        r->others = rows[n].others;
        for (unsigned variant = 0; variant < rows[n].variants; variant++) {
            IrDesc dv = ir_desc_with_variant(d, variant);

            for (unsigned times = 0; times < (rows[n].n_args == 1 ? 20 : 2); times++) {
                fp_cross(r, (IrOpcode)rows[n].op, dv, rows[n].n_args, rows[n].from, false);
            }
            if (rows[n].op == IR_VFRINTSIZED) {
                fp_cross(r, IR_VFRINTSIZED, ir_desc_with_round(dv, FP_RTZ), 1, rows[n].from, false);
            }
        }
    }
    r->others = 0;
    for (unsigned n = 0; n < G_N_ELEMENTS(narrow); n++) {
        IrDesc d = ir_desc(narrow[n].to, (IrWidth)narrow[n].width);

        for (unsigned times = 0; times < 50; times++) {
            fp_cross(r, IR_VFCVT, ir_desc_with_variant(d, narrow[n].variant), 1, 3, false);
        }
    }
    EXPECT_EQ(r->wrong, 0);
    EXPECT(r->done > 100000);
    fp_free(r);
}

TEST(x64_fp, mixed_formats_as_the_reference)
{
    static const char *const tiers[] = { NULL, "v2", "v3" };

    for (unsigned n = 0; n < 6; n++) {
        fp_mixed(tiers[n % 3], n >= 3);
    }
}

/* Without AVX and FMA. */
TEST(x64_fp, arithmetic_as_the_reference_by_sse)
{
    fp_arithmetic("v2", false);
}

/* To integers: each rounding, both signs, both sizes; to a vector and to a general register. */
static void fp_to_integers(FpRun *r, unsigned esize, IrWidth width)
{
    static const uint8_t rounds[] = { FP_RNE, FP_RUP, FP_RDN, FP_RTZ, FP_RNA, IR_ROUND_ENV };

    for (unsigned n = 0; n < 6 * 2 * 2; n++) {
        unsigned to = width == IR_SCALAR ? 2 + (n >> 1 & 1) : esize;
        IrDesc d = ir_desc_with_variant(ir_desc(esize, width), (n & 1) | to << 1);

        d = ir_desc_with_round(d, rounds[n / 4]);
        fp_cross(r, IR_VFTOI, d, 1, esize, false);
        if (width == IR_SCALAR) {
            fp_cross(r, IR_VFTOI, d, 1, esize, true);
        }
        fp_cross(r, IR_VFTOI, d | (n + 1) << 16, 1, esize, false);
        if (rounds[n / 4] == FP_RTZ) {
            fp_cross(r, IR_VFTOI, d | (8u << esize) << 16, 1, esize, false);
        }
    }
}

static void fp_from_integers(FpRun *r, unsigned esize, IrWidth width)
{
    for (unsigned n = 0; n < 4 * 3; n++) {
        unsigned from = width == IR_SCALAR ? 2 + (n >> 1 & 1) : esize;
        IrDesc d = ir_desc_with_variant(ir_desc(esize, width), (n & 1) | from << 1);

        fp_cross(r, IR_VITOF, d | (n / 4 * 31) << 16, 1, from, false);
    }
}

static void fp_conversions(const char *tier, bool flush)
{
    static const struct {
        uint8_t to, width, variant;
    } formats[] = { { 3, IR_SCALAR, 2 }, { 2, IR_SCALAR, 3 }, { 3, IR_W128, 2 },
                    { 3, IR_W128, 6 },   { 2, IR_W64, 3 },    { 2, IR_SCALAR, 1 },
                    { 3, IR_SCALAR, 1 }, { 2, IR_W128, 1 },   { 2, IR_W128, 5 },
                    { 1, IR_SCALAR, 2 }, { 1, IR_SCALAR, 3 }, { 1, IR_W64, 2 } };
    FpRun *r = fp_new(tier, flush);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(fp_shapes); n++) {
        fp_to_integers(r, fp_shapes[n].esize, (IrWidth)fp_shapes[n].width);
        fp_from_integers(r, fp_shapes[n].esize, (IrWidth)fp_shapes[n].width);
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(formats); n++) {
        IrDesc d = ir_desc(formats[n].to, (IrWidth)formats[n].width);

        for (unsigned times = 0; times < 20; times++) {
            fp_cross(r, IR_VFCVT, ir_desc_with_variant(d, formats[n].variant), 1,
                     MAX(formats[n].variant & 3, 2), false);
        }
    }
    EXPECT_EQ(r->wrong, 0);
    EXPECT(r->done > 50000);
    fp_free(r);
}

TEST(x64_fp, conversions_as_the_reference)
{
    fp_conversions(NULL, false);
}

TEST(x64_fp, conversions_as_the_reference_by_sse)
{
    fp_conversions("v2", false);
}

/* Subnormals flushed, inexact raised before. */
TEST(x64_fp, flushes_as_the_reference)
{
    fp_arithmetic(NULL, true);
    fp_conversions(NULL, true);
}

/* Is an instruction with a VEX prefix of 3 bytes, of this map and opcode, in the block? */
static bool fp_has(const FpRun *r, unsigned map, uint8_t opcode)
{
    const uint8_t *p = r->block.host_entry, *end = p + r->block.host_size;

    for (; p + 4 < end; p++) {
        if (p[0] == 0xc4 && (p[1] & 0x1f) == map && p[3] == opcode) {
            return true;
        }
    }
    return false;
}

TEST(x64_fp, instructions)
{
    static const struct {
        uint16_t op;
        uint8_t esize, width, variant, n_args, map, opcode;
    } rows[] = {
        { IR_VFRECPS, 2, IR_W128, 0, 2, 2, 0xbc },  { IR_VFRECPS, 3, IR_SCALAR, 0, 2, 2, 0xbd },
        { IR_VFRSQRTS, 2, IR_W64, 0, 2, 2, 0xbc },  { IR_VFRECPE, 2, IR_W128, 0, 1, 2, 0x90 },
        { IR_VFRSQRTE, 3, IR_W128, 0, 1, 2, 0x91 }, { IR_VFCVT, 1, IR_W64, 2, 1, 3, 0x1d },
        { IR_VFCVT, 1, IR_SCALAR, 2, 1, 3, 0x1d },  { IR_VFADD, 1, IR_W128, 0, 2, 3, 0x1d },
        { IR_VFMA, 1, IR_W64, 0, 3, 2, 0xb8 },      { IR_VFMA, 2, IR_W128, 0, 3, 2, 0xb8 },
    };
    FpRun *r = fp_new("v3", false);

    if (!r) {
        test_skip("no executable memory, or an old CPU");
        return;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(rows); n++) {
        IrDesc d = ir_desc(rows[n].esize, (IrWidth)rows[n].width);

        EXPECT(fp_emit(r, (IrOpcode)rows[n].op, ir_desc_with_variant(d, rows[n].variant),
                       rows[n].n_args, false));
        EXPECT(fp_has(r, rows[n].map, rows[n].opcode));
    }
    fp_free(r);
}

static bool fp_holds(unsigned nzcv, IrCond cond)
{
    bool n = nzcv >> 3 & 1, z = nzcv >> 2 & 1, c = nzcv >> 1 & 1, v = nzcv & 1;
    bool yes = cond < IR_COND_CS   ? z
               : cond < IR_COND_MI ? c
               : cond < IR_COND_VS ? n
               : cond < IR_COND_HI ? v
               : cond < IR_COND_GE ? c && !z
               : cond < IR_COND_GT ? n == v
                                   : !z && n == v;

    return yes != (cond & 1);
}

/* x := the conditions of @mask, one a bit; the flags too when @store. */
static bool fp_emit_compare(FpRun *r, unsigned esize, bool signalling, uint32_t mask, bool store)
{
    uint32_t v = offsetof(FpCpu, v);
    IrVal f, x;

    ir_begin(r->ir, 0);
    r->ir->fp_flush = r->flush;
    ir_insn(r->ir, 0, 4, 0);
    f = ir_flags_fcmp(r->ir, esize, signalling, ir_get(r->ir, IR_V128, v, 4),
                      ir_get(r->ir, IR_V128, v + 16, 4));
    if (store) {
        ir_set_flags(r->ir, f);
    }
    x = ir_i32(r->ir, 0);
    for (unsigned cond = 0; cond < 14; cond++) {
        if (mask >> cond & 1) {
            x = ir_or(r->ir, x, ir_shli(r->ir, ir_flags_cond(r->ir, f, (IrCond)cond), cond));
        }
    }
    ir_set(r->ir, offsetof(FpCpu, x), 2, x);
    ir_exit(r->ir, 4);
    ir_finish(r->ir);
    r->chunk.code = r->chunk.code_start;
    return tcg_host_x86_64.emit(&r->cache, &r->chunk, r->ir, &r->block);
}

static void fp_compare_pairs(FpRun *r, unsigned esize, bool signalling, uint32_t mask, bool store)
{
    unsigned n = fp_n_values(esize);

    for (unsigned k = 0; k < n * n; k++) {
        IrFpState st = {
            .env = { .flags = FP_INEXACT, .flush_inputs = r->flush, .flush_outputs = r->flush }
        };
        uint32_t want = 0, nzcv;

        r->cpu->v[0].u64[0] = fp_value(r, esize, k / n);
        r->cpu->v[1].u64[0] = fp_value(r, esize, k % n);
        r->cpu->v[0].u64[1] = r->cpu->v[1].u64[1] = fp_random(r);
        r->cpu->fp = st;
        r->cpu->flags = 0;
        tcg_host_x86_64.enter(&r->cpu->cpu, r->block.host_entry);
        nzcv = ir_ref_fcmp(&r->cpu->v[0], &r->cpu->v[1], esize, signalling, &st);
        for (unsigned cond = 0; cond < 14; cond++) {
            want |= (mask >> cond & 1 && fp_holds(nzcv, (IrCond)cond)) ? 1u << cond : 0;
        }
        r->done++;
        if (r->cpu->x != want || r->cpu->fp.env.flags != st.env.flags ||
            (store && ir_flags_unpack(r->cpu->flags) >> 28 != nzcv)) {
            r->wrong++;
        }
    }
}

/* Every condition alone, and all of them, of which some need the other view of "unordered". */
TEST(x64_fp, compares_as_the_reference)
{
    for (unsigned flush = 0; flush < 2; flush++) {
        FpRun *r = fp_new(NULL, flush);

        if (!r) {
            test_skip("no executable memory, or an old CPU");
            return;
        }
        for (unsigned n = 0; n < 15 * 12; n++) {
            uint32_t mask = n / 12 < 14 ? 1u << n / 12 : 0x3fff;
            unsigned esize = 1 + n % 3;

            if (esize > 1 || !flush) {
                EXPECT(fp_emit_compare(r, esize, n / 3 & 1, mask, n / 6 & 1));
                fp_compare_pairs(r, esize, n / 3 & 1, mask, n / 6 & 1);
            }
        }
        EXPECT_EQ(r->wrong, 0);
        EXPECT(r->done > 400000);
        fp_free(r);
    }
}
