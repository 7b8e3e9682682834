/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every vector operation in every form that a desc can ask for, on every tier of host CPU, against
 * its reference function.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/tcg-priv.h"
#include "accel/tcg/ir/ir-ref.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>

enum { CODE_BYTES = 1 << 20, N_RUNS = 24, N_IN = 4, N_OPS = 60 };

typedef struct VecCpu {
    Cpu cpu;
    uint64_t x[2];
    IrV128 v[N_IN + N_OPS + 2]; /* inputs, then results */
    uint32_t flags;
    IrFpState fp;
    uint64_t pc;
} VecCpu;

/* Forms of an operation: bit n of `esizes` and `widths` (IrWidth), variants below `variants`. */
typedef struct VecRow {
    IrOpcode op;
    uint8_t esizes, widths, variants;
    enum {
        IMM_NONE,
        IMM_LEFT,
        IMM_RIGHT,
        IMM_ROUND,
        IMM_BYTE,
        IMM_LANE,
        IMM_INS,
        IMM_TBX,
        IMM_COUNT,
        IMM_INDEX
    } imm;
} VecRow;

enum { S = 1, W = 2, Q = 4, WQ = 6, SWQ = 7 };

static const VecRow vec_rows[] = {
    { IR_VLOW, 1, WQ, 1 },
    { IR_VAND, 1, WQ, 1 },
    { IR_VOR, 1, WQ, 1 },
    { IR_VXOR, 1, WQ, 1 },
    { IR_VANDC, 1, WQ, 1 },
    { IR_VORC, 1, WQ, 1 },
    { IR_VNOT, 1, WQ, 1 },
    { IR_VBSL, 1, WQ, 1 },
    { IR_VADD, 15, SWQ, 1 },
    { IR_VSUB, 15, SWQ, 1 },
    { IR_VMUL, 15, SWQ, 1 },
    { IR_VNEG, 15, SWQ, 1 },
    { IR_VABS, 15, SWQ, 1 },
    { IR_VUMIN, 15, SWQ, 1 },
    { IR_VUMAX, 15, SWQ, 1 },
    { IR_VSMIN, 15, SWQ, 1 },
    { IR_VSMAX, 15, SWQ, 1 },
    { IR_VCMP, 15, SWQ, 10 },
    { IR_VABD, 15, SWQ, 2 },
    { IR_VHADD, 15, SWQ, 4 },
    { IR_VHSUB, 15, SWQ, 2 },
    { IR_VQADD, 15, SWQ, 4 },
    { IR_VQSUB, 15, SWQ, 2 },
    { IR_VQABS, 15, SWQ, 1 },
    { IR_VQDMULH, 6, SWQ, 2 },
    { IR_VQRDMLAH, 6, SWQ, 2 },
    { IR_VMULL, 14, Q, 4 },
    { IR_VMULL, 14, S, 2 },
    { IR_VQDMULL, 12, Q, 4 },
    { IR_VQDMULL, 12, S, 1 },
    { IR_VPMUL, 1, WQ, 1 },
    { IR_VPMULL, 10, Q, 4 },
    { IR_VDOT, 4, WQ, 3 },
    { IR_VMMLA, 4, Q, 3 },
    { IR_VURECPE, 4, WQ, 1 },
    { IR_VURSQRTE, 4, WQ, 1 },
    { IR_VCLZ, 15, SWQ, 1 },
    { IR_VCLS, 15, SWQ, 1 },
    { IR_VCNT, 1, WQ, 1 },
    { IR_VRBIT, 1, WQ, 1 },
    { IR_VSHLI, 15, SWQ, 1, IMM_LEFT },
    { IR_VSHRI, 15, SWQ, 1, IMM_RIGHT },
    { IR_VSARI, 15, SWQ, 1, IMM_RIGHT },
    { IR_VRSHRI, 15, SWQ, 2, IMM_ROUND },
    { IR_VRORI, 15, SWQ, 1, IMM_LEFT },
    { IR_VSHLV, 15, SWQ, 4 },
    { IR_VQSHLV, 15, SWQ, 8 },
    { IR_VQSHLV, 15, SWQ, 8, IMM_COUNT },
    { IR_VWIDEN, 14, Q, 4 },
    { IR_VWIDEN, 14, S, 2 },
    { IR_VNARROW, 7, S | W, 1 },
    { IR_VQNARROW, 7, S | W, 3 },
    { IR_VADDV, 7, WQ, 1 },
    { IR_VADDV, 8, Q, 1 },
    { IR_VMINMAXV, 7, WQ, 4 },
    { IR_VZIP, 7, WQ, 2 },
    { IR_VZIP, 8, Q, 2 },
    { IR_VUZP, 7, WQ, 2 },
    { IR_VUZP, 8, Q, 2 },
    { IR_VTRN, 7, WQ, 2 },
    { IR_VTRN, 8, Q, 2 },
    { IR_VREV, 1, WQ, 4 },
    { IR_VREV, 2, WQ, 4 },
    { IR_VREV, 4, WQ, 4 },
    { IR_VEXT, 1, WQ, 1, IMM_BYTE },
    { IR_VDUPLANE, 15, SWQ, 1, IMM_LANE },
    { IR_VINSLANE, 15, Q, 1, IMM_INS },
    { IR_VTBL, 1, WQ, 1 },
    { IR_VTBL, 1, WQ, 1, IMM_INDEX },
    { IR_VTBX, 1, WQ, 1, IMM_TBX },
    { IR_VFABS, 14, SWQ, 1 },
    { IR_VFNEG, 14, SWQ, 1 },
    { IR_VAESE, 1, Q, 1 },
    { IR_VAESD, 1, Q, 1 },
    { IR_VAESMC, 1, Q, 1 },
    { IR_VAESIMC, 1, Q, 1 },
    { IR_VSHA1, 4, Q, 3 },
    { IR_VSHA1SU1, 4, Q, 1 },
    { IR_VSHA256H, 4, Q, 2 },
    { IR_VSHA256SU0, 4, Q, 1 },
    { IR_VSHA256SU1, 4, Q, 1 },
    { IR_VSHA512H, 8, Q, 2 },
    { IR_VSHA512SU0, 8, Q, 1 },
    { IR_VSHA512SU1, 8, Q, 1 },
    { IR_VSM3SS1, 4, Q, 1 },
    { IR_VSM3PARTW1, 4, Q, 1 },
    { IR_VSM3PARTW2, 4, Q, 1 },
    { IR_VSM4E, 4, Q, 1 },
    { IR_VSM4EKEY, 4, Q, 1 },
};

typedef struct VecTest {
    uint64_t seed;
    IrBlock *ir;
    TcgCpu *tc;
    VecCpu *cpu;
    Target target;
    TcgCache cache;
    const char *tier;
    unsigned failures, forms;
    X64Emit *emit;
    GString *calls;
} VecTest;

static uint64_t vec_rnd(VecTest *t)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return t->seed;
}

/* Lanes at and near the ends, small ones, random ones; sometimes one for all. */
static IrV128 vec_random(VecTest *t, unsigned esize)
{
    static const uint64_t ends[] = {
        0,         1,          2,          3,      UINT64_MAX, 0x7f,       0x80, 0x81,   0x7fff,
        0x8000,    0x7fffffff, 0x80000000, 0x8001, 0x4000,     0x40000000, 0xff, 0xffff, 0xffffffff,
        INT64_MAX, 1ull << 63, 1ull << 62, 15,     16,         0xf0,       0xf8, 0xc0,   31,
        32,        63,         64,         65,     0xe0,       0xdf,       8,    9,      7
    };
    IrV128 v = { 0 };
    unsigned kind = vec_rnd(t) >> 20 & 7;

    for (unsigned n = 0; n < 2; n++) {
        v.u64[n] = vec_rnd(t);
    }
    for (unsigned n = 0; n < 16u >> esize && kind < 5; n++) {
        uint64_t x = kind < 3 || (vec_rnd(t) >> 9 & 1)
                         ? ends[(vec_rnd(t) >> 11) % G_N_ELEMENTS(ends)]
                         : (uint64_t)(int64_t)(int8_t)vec_rnd(t);

        memcpy(&v.u8[n << esize], &x, 1u << esize);
    }
    return v;
}

static unsigned vec_imm(VecTest *t, const VecRow *row, unsigned esize, IrWidth width, unsigned n)
{
    unsigned bits = 8u << esize, lanes = 16u >> esize;

    switch (row->imm) {
    case IMM_LEFT:
    case IMM_COUNT:
        return n % bits;
    case IMM_INDEX:
        return n;
    case IMM_RIGHT:
        return n % (bits + 1);
    case IMM_ROUND:
        return 1 + n % bits;
    case IMM_BYTE:
        return n % (width == IR_W128 ? 16 : 8);
    case IMM_LANE:
        return n % lanes;
    case IMM_INS:
        return n % lanes | (n / lanes) % lanes << 8;
    case IMM_TBX:
        return n % 4 * 16;
    default:
        return 0;
    }
}

static unsigned vec_n_imms(const VecRow *row, unsigned esize)
{
    static const unsigned fixed[] = { [IMM_BYTE] = 16, [IMM_TBX] = 4, [IMM_INDEX] = 20 };
    unsigned lanes = 16u >> esize;

    switch (row->imm) {
    case IMM_LEFT:
    case IMM_ROUND:
    case IMM_COUNT:
        return 8u << esize;
    case IMM_RIGHT:
        return (8u << esize) + 1;
    case IMM_LANE:
        return lanes;
    case IMM_INS:
        return lanes * lanes;
    case IMM_NONE:
        return 1;
    default:
        return fixed[row->imm];
    }
}

/* The second operand of rows that have a constant there. */
static IrV128 vec_constant(const VecRow *row, IrDesc desc)
{
    unsigned n = ir_desc_immediate(desc), bytes = ir_desc_lanes(desc) << ir_desc_esize(desc);
    IrV128 v = { 0 };

    for (unsigned k = 0; k < bytes; k++) {
        if (row->imm == IMM_INDEX) {
            v.u8[k] = (uint8_t)(k * (2 * n + 1) + n * n) % 20;
        } else if (k % (1u << ir_desc_esize(desc)) == 0) {
            v.u8[k] = (uint8_t)n;
        }
    }
    return v;
}

/* ---- running ---- */

static void vec_new(VecTest *t)
{
    size_t bytes = sizeof(TcgCpu) + sizeof(VecCpu);
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    t->seed = 0x9e3779b97f4a7c15;
    t->tc = (TcgCpu *)p;
    t->cpu = (VecCpu *)(p + sizeof(TcgCpu));
    t->target = (Target){ .name = "test",
                          .pc_offset = offsetof(VecCpu, pc),
                          .flags_offset = offsetof(VecCpu, flags),
                          .fp_offset = offsetof(VecCpu, fp),
                          .hot_offset = offsetof(VecCpu, x) };
    t->cpu->cpu.target = &t->target;
    t->tc->tcg = g_malloc0(sizeof(Tcg));
    t->ir = ir_block_new();
}

static void vec_free(VecTest *t)
{
    ir_block_free(t->ir);
    g_free(t->tc->tcg);
    munmap(t->tc, sizeof(TcgCpu) + sizeof(VecCpu));
}

/* Start the back end as @tier; false: this host does not reach it. */
static bool vec_start(VecTest *t, const char *tier)
{
    g_autoptr(GError) err = NULL;

    t->tier = tier;
    t->cache = (TcgCache){ .size = CODE_BYTES, .host_cpu = (char *)tier };
    t->cache.rw = t->cache.rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->cache.rw == MAP_FAILED) {
        return false;
    }
    if (!tcg_host_x86_64.init(&t->cache, &t->target, &err)) {
        munmap(t->cache.rw, CODE_BYTES);
        return false;
    }
    t->tc->tcg->cache = t->cache;
    return true;
}

static void vec_stop(VecTest *t)
{
    tcg_host_x86_64.free(&t->cache);
    munmap(t->cache.rw, CODE_BYTES);
}

static uint32_t vec_at(unsigned n)
{
    return (uint32_t)(offsetof(VecCpu, v) + n * 16);
}

/* v4 := op(v0, v1, v2); all operands v0 when @same. Flags go through it unharmed. */
static void vec_block(VecTest *t, const VecRow *row, IrDesc desc, bool same)
{
    size_t n_args = strlen(ir_op_info[row->op].args);
    IrVal arg[3], d;

    ir_begin(t->ir, 0);
    ir_insn(t->ir, 0, 4, 0);
    for (unsigned n = 0; n < 3; n++) {
        arg[n] = ir_get(t->ir, IR_V128, vec_at(same ? 0 : n), 4);
    }
    if (row->imm >= IMM_COUNT) {
        arg[1] = ir_vconst(t->ir, vec_constant(row, desc));
    }

    IrVal x = ir_get(t->ir, IR_I64, offsetof(VecCpu, x), 3);
    IrVal flags = ir_op2(t->ir, IR_FLAGS_SUB, x, ir_i64(t->ir, 7));

    d = n_args == 1   ? ir_v1(t->ir, row->op, desc, arg[0])
        : n_args == 2 ? ir_v2(t->ir, row->op, desc, arg[0], arg[1])
                      : ir_v3(t->ir, row->op, desc, arg[0], arg[1], arg[2]);
    ir_set_flags(t->ir, flags);
    ir_set(t->ir, vec_at(4), 4, d);
    ir_exit_loop(t->ir, 4);
    ir_finish(t->ir);
}

static void *vec_emit(VecTest *t)
{
    TcgChunk chunk = { .cache = &t->cache };
    TcgBlock block = { .target = &t->target, .n_guest = (uint16_t)t->ir->n_guest };

    chunk.code_start = chunk.code = t->cache.rw + t->cache.n_prologue;
    chunk.code_end = t->cache.rw + t->cache.size;
    block.guest = t->ir->guest;
    return tcg_host_x86_64.emit(&t->cache, &chunk, t->ir, &block) ? block.host_entry : NULL;
}

static void vec_compare(VecTest *t, const VecRow *row, IrDesc desc, bool same)
{
    void *entry;

    vec_block(t, row, desc, same);
    EXPECT(ir_verify(t->ir) == NULL);
    entry = vec_emit(t);
    EXPECT(entry != NULL);
    for (unsigned n = 0; entry && n < N_RUNS; n++) {
        IrV128 arg[4] = { 0 }, want, got;
        IrFpState st = { 0 };
        bool wrong;

        for (unsigned k = 0; k < 3; k++) {
            t->cpu->v[k] = vec_random(t, ir_desc_esize(desc));
            arg[k] = t->cpu->v[same ? 0 : k];
        }
        if (row->imm >= IMM_COUNT) {
            arg[1] = vec_constant(row, desc);
        }
        t->cpu->x[0] = vec_rnd(t) & 15;
        t->cpu->cpu.poll_counter = 1000;
        t->cpu->fp = st;
        ir_ref_fn[row->op](&want, arg, desc, &st);
        tcg_host_x86_64.enter(&t->cpu->cpu, entry);
        got = t->cpu->v[4];
        wrong = memcmp(&want, &got, 16) || st.saturated != t->cpu->fp.saturated ||
                (ir_flags_unpack(t->cpu->flags) >> 30 & 1) != (t->cpu->x[0] == 7);
        if (wrong && t->failures++ < 40) {
            test_fail(__FILE__, __LINE__,
                      "%s on %s: desc %x, of %016" PRIx64 "%016" PRIx64 " %016" PRIx64 "%016" PRIx64
                      ": want %016" PRIx64 "%016" PRIx64 " (%d), got %016" PRIx64 "%016" PRIx64
                      " (%d)",
                      ir_op_info[row->op].name, t->tier, desc, arg[0].u64[1], arg[0].u64[0],
                      arg[1].u64[1], arg[1].u64[0], want.u64[1], want.u64[0], st.saturated,
                      got.u64[1], got.u64[0], t->cpu->fp.saturated);
            return;
        }
    }
    t->forms++;
}

typedef void VecEach(VecTest *t, const VecRow *row, IrDesc desc, bool same);

static void vec_variants(VecTest *t, const VecRow *row, unsigned esize, IrWidth width, VecEach *f)
{
    for (unsigned variant = 0; variant < row->variants; variant++) {
        if (row->op == IR_VREV && variant <= esize) {
            continue;
        }
        for (unsigned n = 0; n < vec_n_imms(row, esize); n++) {
            IrDesc desc = ir_desc_imm(esize, width, (uint16_t)vec_imm(t, row, esize, width, n));

            desc = ir_desc_with_variant(desc, variant);
            f(t, row, desc, false);
            if (n == 0) {
                f(t, row, desc, true);
            }
        }
    }
}

static void vec_each(VecTest *t, VecEach *f)
{
    for (size_t k = 0; k < G_N_ELEMENTS(vec_rows); k++) {
        const VecRow *row = &vec_rows[k];

        for (unsigned form = 0; form < 12; form++) {
            if ((row->esizes >> (form & 3) & 1) && (row->widths >> form / 4 & 1)) {
                vec_variants(t, row, form & 3, (IrWidth)(form / 4), f);
            }
        }
    }
}

static const char *const vec_tiers[] = { "v2", "v3", "v4", "max" };

TEST(x64_vec, all_forms_on_all_tiers)
{
    VecTest *t = g_new0(VecTest, 1);

    vec_new(t);
    for (size_t n = 0; n < G_N_ELEMENTS(vec_tiers); n++) {
        if (vec_start(t, vec_tiers[n])) {
            t->failures = t->forms = 0;
            vec_each(t, vec_compare);
            EXPECT(t->forms > 1000);
            vec_stop(t);
        }
    }
    vec_free(t);
    g_free(t);
}

/* ---- chains: values in registers, in slots, known to be short, fused ---- */

/* A random operation on values made before; the value as the reference function has it. */
static void vec_chain_op(VecTest *t, IrVal *val, IrV128 *is, unsigned n, IrFpState *st)
{
    const VecRow *row;
    unsigned esize, variant, from[3];
    IrWidth width;
    IrV128 arg[4] = { 0 };
    IrDesc desc;

    do {
        row = &vec_rows[(vec_rnd(t) >> 7) % G_N_ELEMENTS(vec_rows)];
        esize = vec_rnd(t) >> 9 & 3;
        width = (IrWidth)((vec_rnd(t) >> 13) % 3);
        variant = (unsigned)(vec_rnd(t) >> 5) % row->variants;
    } while (!(row->esizes >> esize & 1) || !(row->widths >> width & 1) ||
             (row->op == IR_VREV && variant <= esize));
    desc = ir_desc_imm(esize, width,
                       (uint16_t)vec_imm(t, row, esize, width, (unsigned)(vec_rnd(t) >> 8) % 256));
    desc = ir_desc_with_variant(desc, variant);
    for (unsigned k = 0; k < 3; k++) {
        from[k] = n - 1 - (unsigned)(vec_rnd(t) >> 8) % MIN(n, 14);
        arg[k] = is[from[k]];
    }
    switch (strlen(ir_op_info[row->op].args)) {
    case 1:
        val[n] = ir_v1(t->ir, row->op, desc, val[from[0]]);
        break;
    case 2:
        val[n] = ir_v2(t->ir, row->op, desc, val[from[0]], val[from[1]]);
        break;
    default:
        val[n] = ir_v3(t->ir, row->op, desc, val[from[0]], val[from[1]], val[from[2]]);
        break;
    }
    ir_ref_fn[row->op](&is[n], arg, desc, st);
}

/* What is emitted as one: AES rounds, halves of SHA-256. The first value may stay unused. */
static void vec_chain_pair(VecTest *t, IrVal *val, IrV128 *is, unsigned n, IrFpState *st)
{
    IrDesc desc = ir_desc(0, IR_W128), half = ir_desc_with_variant(desc, 1);
    bool decrypt = vec_rnd(t) >> 9 & 1;
    IrV128 arg[4] = { is[n - 1], is[n - 2], is[n - 3] };
    IrV128 swapped[4] = { is[n - 2], is[n - 1], is[n - 3] };

    if (vec_rnd(t) >> 11 & 1) {
        val[n] = ir_v1(t->ir, decrypt ? IR_VAESD : IR_VAESE, desc, val[n - 1]);
        val[n + 1] = ir_v1(t->ir, decrypt ? IR_VAESIMC : IR_VAESMC, desc, val[n]);
        ir_ref_fn[decrypt ? IR_VAESD : IR_VAESE](&is[n], arg, desc, st);
        ir_ref_fn[decrypt ? IR_VAESIMC : IR_VAESMC](&is[n + 1], &is[n], desc, st);
        return;
    }
    val[n] = ir_v3(t->ir, IR_VSHA256H, decrypt ? half : desc, val[n - 1], val[n - 2], val[n - 3]);
    val[n + 1] =
        ir_v3(t->ir, IR_VSHA256H, decrypt ? desc : half, val[n - 2], val[n - 1], val[n - 3]);
    ir_ref_fn[IR_VSHA256H](&is[n], arg, decrypt ? half : desc, st);
    ir_ref_fn[IR_VSHA256H](&is[n + 1], swapped, decrypt ? desc : half, st);
}

static void vec_chain(VecTest *t, unsigned number)
{
    IrVal val[N_IN + N_OPS + 2];
    IrV128 is[N_IN + N_OPS + 2];
    IrFpState st = { 0 };
    unsigned n = N_IN, end = N_IN + 4 + number % (N_OPS - 4);
    bool kept[N_IN + N_OPS + 2];
    void *entry;

    ir_begin(t->ir, 0);
    ir_insn(t->ir, 0, 4, 0);
    for (unsigned k = 0; k < N_IN; k++) {
        is[k] = t->cpu->v[k] = vec_random(t, k);
        val[k] = ir_get(t->ir, IR_V128, vec_at(k), 4);
    }
    while (n < end) {
        if (vec_rnd(t) % 8 == 0) {
            vec_chain_pair(t, val, is, n, &st);
            n += 2;
        } else {
            vec_chain_op(t, val, is, n++, &st);
        }
    }
    for (unsigned k = N_IN; k < n; k++) {
        kept[k] = vec_rnd(t) >> 10 & 1;
        if (kept[k]) {
            ir_set(t->ir, vec_at(k), 4, val[k]);
        }
    }
    ir_exit_loop(t->ir, 4);
    ir_finish(t->ir);
    t->cpu->fp = (IrFpState){ 0 };
    t->cpu->cpu.poll_counter = 1000;
    entry = vec_emit(t);
    EXPECT(entry != NULL);
    tcg_host_x86_64.enter(&t->cpu->cpu, entry);
    for (unsigned k = N_IN; k < n; k++) {
        if (kept[k] && memcmp(&is[k], &t->cpu->v[k], 16) && t->failures++ < 10) {
            test_fail(__FILE__, __LINE__, "chain %u on %s: %s differs", number, t->tier,
                      ir_op_info[t->ir->insn[val[k].id].op].name);
            return;
        }
    }
    if (st.saturated != t->cpu->fp.saturated && t->failures++ < 10) {
        test_fail(__FILE__, __LINE__, "chain %u on %s: saturation differs", number, t->tier);
    }
}

TEST(x64_vec, chains_on_all_tiers)
{
    VecTest *t = g_new0(VecTest, 1);

    vec_new(t);
    for (size_t n = 0; n < G_N_ELEMENTS(vec_tiers); n++) {
        if (vec_start(t, vec_tiers[n])) {
            t->failures = 0;
            for (unsigned k = 0; k < 1500; k++) {
                vec_chain(t, k);
            }
            vec_stop(t);
        }
    }
    vec_free(t);
    g_free(t);
}

/* ---- what is inline, and by which instructions ---- */

static const IrInsn *vec_find(const VecTest *t, IrOpcode op)
{
    for (unsigned n = 1; n < t->ir->n; n++) {
        if (t->ir->insn[n].op == op) {
            return &t->ir->insn[n];
        }
    }
    return NULL;
}

/* Collects in t->calls the operations and lane sizes that are not always inline. */
static void vec_note_call(VecTest *t, const VecRow *row, IrDesc desc, bool same)
{
    const IrInsn *insn;
    g_autofree char *name =
        g_strdup_printf("%s.%u ", ir_op_info[row->op].name, 8u << ir_desc_esize(desc));

    vec_block(t, row, desc, same);
    insn = vec_find(t, row->op);
    t->emit->ir = t->ir;
    if (insn && !x64_vec_is_inline(t->emit, insn) && !strstr(t->calls->str, name)) {
        g_string_append(t->calls, name);
    }
}

/* The rest of vops.def but for floating point is inline in every form. */
TEST(x64_vec, what_calls_the_reference)
{
    /* VHADD, VHSUB of 64 bits: nobody asks. VQSHLV: to unsigned by counts that are no constant. */
    static const char *const calls[] = {
        "VHADD.64 VHSUB.64 VURECPE.32 VURSQRTE.32 VSHLV.16 VSHLV.32 VSHLV.64 VQSHLV.8 "
        "VQSHLV.16 VQSHLV.32 VQSHLV.64 VSM3SS1.32 "
        "VSM3PARTW1.32 VSM3PARTW2.32 VSM4E.32 VSM4EKEY.32 ",
        "VHADD.64 VHSUB.64 VQSHLV.8 VQSHLV.16 VQSHLV.32 VQSHLV.64 VSM3SS1.32 VSM3PARTW1.32 "
        "VSM3PARTW2.32 VSM4E.32 VSM4EKEY.32 ",
        "VQSHLV.8 VQSHLV.16 VQSHLV.32 VQSHLV.64 "
        "VSM3SS1.32 VSM3PARTW1.32 VSM3PARTW2.32 VSM4E.32 VSM4EKEY.32 ",
        "VQSHLV.8 VQSHLV.16 VQSHLV.32 VQSHLV.64 "
        "VSM3SS1.32 VSM3PARTW1.32 VSM3PARTW2.32 VSM4E.32 VSM4EKEY.32 ",
    };
    VecTest *t = g_new0(VecTest, 1);
    X64Layout layout = { 0 };
    X64Estimates est = { 0 };

    vec_new(t);
    t->emit = x64_emit_new();
    t->emit->lay = &layout;
    t->emit->est = &est;
    for (size_t n = 0; n < G_N_ELEMENTS(vec_tiers); n++) {
        X64Features f;
        bool usable;

        x64_features_read(&f, &usable);
        if (usable && x64_features_limit(&f, vec_tiers[n], NULL) && f.aes && f.pclmul && f.sha &&
            (n < 3 || f.avx512)) {
            t->calls = g_string_new(NULL);
            t->emit->feat = &f;
            vec_each(t, vec_note_call);
            EXPECT_STR(t->calls->str, calls[n]);
            g_string_free(t->calls, TRUE);
        }
    }
    x64_emit_free(t->emit);
    vec_free(t);
    g_free(t);
}

/* Whether an instruction of map 1 to 3 with this opcode is in the code. */
static bool vec_has(const uint8_t *p, const uint8_t *end, char form, unsigned map, uint8_t opcode)
{
    static const uint8_t escape[4] = { 0, 0, 0x38, 0x3a };

    for (; p + 6 < end; p++) {
        switch (form) {
        case 'S': /* SSE */
            if (p[0] == 0x0f && (map == 1 ? p[1] : p[2]) == opcode &&
                (map == 1 || p[1] == escape[map])) {
                return true;
            }
            break;
        case 'V': /* VEX */
            if ((p[0] == 0xc5 && map == 1 && p[2] == opcode) ||
                (p[0] == 0xc4 && (p[1] & 31) == map && p[3] == opcode)) {
                return true;
            }
            break;
        default: /* EVEX */
            if (p[0] == 0x62 && (p[1] & 15) == map && (p[2] & 4) && p[4] == opcode) {
                return true;
            }
            break;
        }
    }
    return false;
}

typedef struct VecCode {
    IrOpcode op;
    uint8_t esize, variant;
    uint16_t imm;
    IrWidth width;
    /* For each tier: form, map, opcode of an instruction that there must be. */
    struct {
        char form;
        uint8_t map, opcode;
    } is[4];
} VecCode;

static const VecCode vec_codes[] = {
    { IR_VADD,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xfc }, { 'V', 1, 0xfc }, { 'V', 1, 0xfc }, { 'V', 1, 0xfc } } },
    { IR_VNOT,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xef }, { 'V', 1, 0xef }, { 'E', 3, 0x25 }, { 'E', 3, 0x25 } } },
    { IR_VBSL,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xdb }, { 'V', 1, 0xdb }, { 'E', 3, 0x25 }, { 'E', 3, 0x25 } } },
    { IR_VMUL,
      3,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xf4 }, { 'V', 1, 0xf4 }, { 'E', 2, 0x40 }, { 'E', 2, 0x40 } } },
    { IR_VABS,
      3,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x37 }, { 'V', 2, 0x37 }, { 'E', 2, 0x1f }, { 'E', 2, 0x1f } } },
    { IR_VCNT,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x00 }, { 'V', 2, 0x00 }, { 'V', 2, 0x00 }, { 'E', 2, 0x54 } } },
    { IR_VRBIT,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x00 }, { 'V', 2, 0x00 }, { 'V', 2, 0x00 }, { 'V', 3, 0xce } } },
    { IR_VCLZ,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x00 }, { 'V', 2, 0x00 }, { 'E', 2, 0x44 }, { 'E', 2, 0x44 } } },
    { IR_VSARI,
      0,
      0,
      3,
      IR_W128,
      { { 'S', 1, 0x71 }, { 'V', 1, 0x71 }, { 'V', 1, 0x71 }, { 'V', 3, 0xce } } },
    { IR_VSARI,
      3,
      0,
      3,
      IR_W128,
      { { 'S', 1, 0x73 }, { 'V', 1, 0x73 }, { 'E', 1, 0x72 }, { 'E', 1, 0x72 } } },
    { IR_VSHLV,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 0, 0 }, { 'V', 2, 0x47 }, { 'V', 2, 0x47 }, { 'V', 2, 0x47 } } },
    { IR_VSHLV,
      1,
      1,
      0,
      IR_W128,
      { { 'S', 0, 0 }, { 'V', 0, 0 }, { 'E', 2, 0x12 }, { 'E', 2, 0x12 } } },
    { IR_VURECPE,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 0, 0 }, { 'V', 2, 0x90 }, { 'V', 2, 0x90 }, { 'V', 2, 0x90 } } },
    { IR_VQSHLV,
      1,
      1,
      0,
      IR_W128,
      { { 'S', 0, 0 }, { 'V', 2, 0x46 }, { 'E', 2, 0x11 }, { 'E', 2, 0x11 } } },
    { IR_VSHLV,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xd5 }, { 'V', 1, 0xd5 }, { 'E', 2, 0x12 }, { 'E', 2, 0x12 } } },
    { IR_VQRDMLAH,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x28 }, { 'V', 2, 0x28 }, { 'V', 2, 0x28 }, { 'V', 2, 0x28 } } },
    { IR_VQADD,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xdc }, { 'V', 1, 0xdc }, { 'V', 1, 0xdc }, { 'V', 1, 0xdc } } },
    { IR_VQDMULH,
      1,
      1,
      0,
      IR_W128,
      { { 'S', 2, 0x0b }, { 'V', 2, 0x0b }, { 'V', 2, 0x0b }, { 'V', 2, 0x0b } } },
    { IR_VDOT,
      2,
      2,
      0,
      IR_W128,
      { { 'S', 1, 0xf5 }, { 'V', 1, 0xf5 }, { 'V', 1, 0xf5 }, { 'E', 2, 0x50 } } },
    { IR_VMINMAXV,
      0,
      1,
      0,
      IR_W128,
      { { 'S', 2, 0x41 }, { 'V', 2, 0x41 }, { 'V', 2, 0x41 }, { 'V', 2, 0x41 } } },
    { IR_VADDV,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 1, 0xf6 }, { 'V', 1, 0xf6 }, { 'V', 1, 0xf6 }, { 'V', 1, 0xf6 } } },
    { IR_VDUPLANE,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x00 }, { 'V', 2, 0x78 }, { 'V', 2, 0x78 }, { 'V', 2, 0x78 } } },
    { IR_VTBL,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0x00 }, { 'V', 2, 0x00 }, { 'V', 2, 0x00 }, { 'V', 2, 0x00 } } },
    { IR_VAESE,
      0,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0xdd }, { 'V', 2, 0xdd }, { 'V', 2, 0xdd }, { 'V', 2, 0xdd } } },
    { IR_VPMULL,
      3,
      0,
      0,
      IR_W128,
      { { 'S', 3, 0x44 }, { 'V', 3, 0x44 }, { 'V', 3, 0x44 }, { 'V', 3, 0x44 } } },
    { IR_VSHA1,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 3, 0xcc }, { 'S', 3, 0xcc }, { 'S', 3, 0xcc }, { 'S', 3, 0xcc } } },
    { IR_VSHA256H,
      2,
      0,
      0,
      IR_W128,
      { { 'S', 2, 0xcb }, { 'S', 2, 0xcb }, { 'S', 2, 0xcb }, { 'S', 2, 0xcb } } },
};

/* The instructions that a tier is there for. Only tiers and extensions that this host has. */
TEST(x64_vec, instructions_of_each_tier)
{
    VecTest *t = g_new0(VecTest, 1);

    vec_new(t);
    for (size_t n = 0; n < G_N_ELEMENTS(vec_tiers); n++) {
        X64Features f;
        bool usable;

        x64_features_read(&f, &usable);
        if (!(f.aes && f.pclmul && f.sha) || (n == 3 && !(f.gfni && f.vnni && f.bitalg)) ||
            !vec_start(t, vec_tiers[n])) {
            continue;
        }
        for (size_t k = 0; k < G_N_ELEMENTS(vec_codes); k++) {
            const VecCode *c = &vec_codes[k];
            const VecRow row = { c->op };
            const uint8_t *code;

            vec_block(t, &row,
                      ir_desc_with_variant(ir_desc_imm(c->esize, c->width, c->imm), c->variant),
                      false);
            memset(t->cache.rw + t->cache.n_prologue, 0, 4096);
            code = vec_emit(t);
            if (c->is[n].map &&
                !vec_has(code, code + 512, c->is[n].form, c->is[n].map, c->is[n].opcode)) {
                test_fail(__FILE__, __LINE__, "%s on %s: no %c %u %02x", ir_op_info[c->op].name,
                          t->tier, c->is[n].form, c->is[n].map, c->is[n].opcode);
            }
        }
        vec_stop(t);
    }
    vec_free(t);
    g_free(t);
}
