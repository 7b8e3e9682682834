/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 floating point, Advanced SIMD and cryptography against an AArch64 processor: random
 * instructions of each pattern of the tables, translated and evaluated by the reference functions.
 *
 *     simd-a64 GUEST-PROGRAM RUNNER [pattern [count]]
 */
#include "simd-a64.h"

#include "target/arm/a64-decode.h"
#include "target/arm/translate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Rng {
    uint64_t state;
} Rng;

static uint64_t rng_next(Rng *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* ---- a plain evaluator of straight-line IR ---- */

typedef struct Eval {
    ArmCpu *cpu;
    IrBlock *ir;
    IrV128 value[IR_MAX_INSNS]; /* integers in u64[0], flags in u32[0] as NZCV in bits 31..28 */
    uint8_t *mem;
    const char *error;
} Eval;

static uint8_t *eval_mem(Eval *e, uint64_t addr, unsigned bytes)
{
    uint64_t at = addr - SIMD_A64_MEM_BASE;

    if (at > SIMD_A64_MEM || bytes > SIMD_A64_MEM - at) {
        e->error = "address out of range";
        return e->mem;
    }
    return e->mem + at;
}

static bool eval_cond(uint32_t nzcv, unsigned cond)
{
    bool n = nzcv >> 31 & 1, z = nzcv >> 30 & 1, c = nzcv >> 29 & 1, v = nzcv >> 28 & 1, r;

    switch (cond >> 1) {
    case 0:
        r = z;
        break;
    case 1:
        r = c;
        break;
    case 2:
        r = n;
        break;
    case 3:
        r = v;
        break;
    case 4:
        r = c && !z;
        break;
    case 5:
        r = n == v;
        break;
    case 6:
        r = n == v && !z;
        break;
    default:
        return true;
    }
    return r != (cond & 1);
}

static void eval_int(Eval *e, const IrInsn *i, IrV128 *d, const IrV128 *a, const IrV128 *b,
                     const IrV128 *c)
{
    unsigned bits = i->type == IR_I64 ? 64 : 32;
    uint64_t x = a->u64[0], y = b->u64[0], r = 0;

    switch (i->op) {
    case IR_ADD:
        r = x + y;
        break;
    case IR_AND:
        r = x & y;
        break;
    case IR_SHL:
        r = x << (y % bits);
        break;
    case IR_ZEXT:
        r = x & UINT64_MAX >> (64 - i->imm);
        break;
    case IR_SEXT:
        r = (uint64_t)((int64_t)(x << (64 - i->imm)) >> (64 - i->imm));
        break;
    case IR_EXTRACT:
        r = x >> (i->imm & 255) & UINT64_MAX >> (64 - (i->imm >> 8));
        break;
    case IR_TRUNC:
    case IR_ZEXT64:
        r = (uint32_t)x;
        break;
    case IR_SEXT64:
        r = (uint64_t)(int32_t)x;
        break;
    default:
        e->error = ir_op_info[i->op].name;
        break;
    }
    *d = (IrV128){ .u64 = { bits == 64 ? r : (uint32_t)r } };
}

static uint64_t eval_lane(const IrV128 *v, unsigned esize, unsigned lane, bool sign)
{
    uint64_t x = 0;
    unsigned up = 64 - (8u << esize);

    memcpy(&x, v->u8 + ((lane << esize) & 15), 1u << esize);
    return sign ? (uint64_t)((int64_t)(x << up) >> up) : x;
}

/* Everything but integers; false: not one of these. */
static bool eval_vector(Eval *e, const IrInsn *i, IrV128 *d, const IrV128 *a, const IrV128 *b,
                        const IrV128 *c)
{
    IrFpState *fp = &e->cpu->fp;

    switch (i->op) {
    case IR_VCONST:
        *d = e->ir->vconst[i->imm];
        return true;
    case IR_VFROM:
        *d = (IrV128){ .u64 = { a->u64[0] } };
        return true;
    case IR_VDUP:
        ir_ref_fn[IR_VDUPLANE](d, a, i->imm, fp);
        return true;
    case IR_VINSERT: {
        unsigned esize = ir_desc_esize(i->imm), lane = ir_desc_immediate(i->imm);

        *d = *a;
        memcpy(d->u8 + ((lane << esize) & 15), b->u8, 1u << esize);
        return true;
    }
    case IR_VEXTRACT: {
        uint64_t x = eval_lane(a, ir_desc_esize(i->imm), ir_desc_immediate(i->imm), i->sub);

        *d = (IrV128){ .u64 = { i->type == IR_I64 ? x : (uint32_t)x } };
        return true;
    }
    case IR_GET_FLAGS:
        *d = (IrV128){ .u32 = { ir_flags_unpack(e->cpu->flags) } };
        return true;
    case IR_SET_FLAGS:
        e->cpu->flags = ir_flags_pack(a->u32[0]);
        return true;
    case IR_FLAGS_MAKE:
        *d = (IrV128){ .u32 = { a->u32[0] & 0xf0000000 } };
        return true;
    case IR_FLAGS_CONST:
        *d = (IrV128){ .u32 = { i->imm << 28 } };
        return true;
    case IR_FLAGS_FCMP:
        *d = (IrV128){ .u32 = { ir_ref_fcmp(a, b, i->sub, i->imm, fp) << 28 } };
        return true;
    case IR_FLAGS_SELECT:
    case IR_SELECT_FLAGS:
        *d = eval_cond(a->u32[0], i->sub) ? *b : *c;
        return true;
    default:
        return false;
    }
}

static bool eval_memory(Eval *e, const IrInsn *i, IrV128 *d, const IrV128 *a, const IrV128 *b,
                        const IrV128 *c)
{
    unsigned bytes = ir_memop_bytes(i->imm);
    uint64_t at = a->u64[0] + (uint64_t)ir_access_disp(i);

    switch (i->op) {
    case IR_GET:
        *d = (IrV128){ 0 };
        memcpy(d, (char *)e->cpu + i->imm, 1u << i->sub);
        return true;
    case IR_SET:
        memcpy((char *)e->cpu + i->imm, a, 1u << i->sub);
        return true;
    case IR_LD:
    case IR_LDP:
        *d = (IrV128){ 0 };
        memcpy(d, eval_mem(e, at, bytes), bytes);
        if (i->op == IR_LDP) {
            d[1] = (IrV128){ 0 };
            memcpy(d + 1, eval_mem(e, at + bytes, bytes), bytes);
        }
        return true;
    case IR_ST:
    case IR_STP:
        memcpy(eval_mem(e, at, bytes), b, bytes);
        if (i->op == IR_STP) {
            memcpy(eval_mem(e, at + bytes, bytes), c, bytes);
        }
        return true;
    case IR_NOP:
    case IR_SECOND: /* LDP wrote it */
    case IR_EXIT:
        return true;
    default:
        return false;
    }
}

static void eval_run(Eval *e)
{
    for (unsigned n = e->ir->consts; n < IR_MAX_INSNS; n++) {
        const IrInsn *i = &e->ir->insn[n];

        e->value[n].u64[0] = i->type == IR_I64 ? ir_const_value(i) : i->imm;
    }
    for (unsigned n = 1; n < e->ir->n && !e->error; n++) {
        const IrInsn *i = &e->ir->insn[n];
        IrV128 *d = &e->value[n], arg[4];

        for (unsigned k = 0; k < 4; k++) {
            arg[k] = e->value[i->arg[k] & (IR_MAX_INSNS - 1)];
        }
        if (ir_ref_fn[i->op]) {
            ir_ref_fn[i->op](d, arg, i->imm, &e->cpu->fp);
        } else if (!eval_vector(e, i, d, &arg[0], &arg[1], &arg[2]) &&
                   !eval_memory(e, i, d, &arg[0], &arg[1], &arg[2])) {
            eval_int(e, i, d, &arg[0], &arg[1], &arg[2]);
        }
        if (e->ir->set[n]) {
            memcpy((char *)e->cpu + e->ir->set[n] * 8, d, 8);
        }
    }
}

static void state_load(ArmCpu *cpu, const SimdState *s)
{
    bool fz = s->fpcr >> 24 & 1, fz16 = s->fpcr >> 19 & 1;

    memcpy(cpu->v, s->v, sizeof(s->v));
    memcpy(cpu->x, s->x, sizeof(s->x));
    cpu->flags = ir_flags_pack((uint32_t)s->nzcv);
    cpu->fp = (IrFpState){
        .env = {
            .round = s->fpcr >> 22 & 3,
            .default_nan = s->fpcr >> 25 & 1,
            .flush_inputs = fz,
            .flush_outputs = fz,
            .flush_inputs16 = fz16,
            .flush_outputs16 = fz16,
            .alt_half = s->fpcr >> 26 & 1,
            .flags = s->fpsr & 0x9f,
        },
        .saturated = s->fpsr >> 27 & 1,
    };
}

static void state_store(const ArmCpu *cpu, SimdState *s)
{
    memcpy(s->v, cpu->v, sizeof(s->v));
    memcpy(s->x, cpu->x, sizeof(s->x));
    s->nzcv = ir_flags_unpack(cpu->flags);
    s->fpsr = cpu->fp.env.flags | (uint64_t)cpu->fp.saturated << 27;
}

/* What we make of @s->insn; an error text, or NULL. */
static const char *evaluate(Eval *e, SimdState *s, uint64_t mode_word)
{
    Trans t = {
        .ir = e->ir,
        .cpu = e->cpu,
        .mode_word = mode_word,
        .features = UINT64_MAX,
        .el = 1,
        .insn = s->insn,
    };

    state_load(e->cpu, s);
    e->mem = s->mem;
    e->error = NULL;
    ir_begin(e->ir, 0);
    ir_insn(e->ir, 0, 4, 0);
    if (!a64_decode_trans(&t, s->insn)) {
        return "refused";
    }
    ir_exit(e->ir, 4);
    ir_finish(e->ir);

    const char *wrong = ir_verify(e->ir);

    if (wrong) {
        return wrong;
    }
    eval_run(e);
    state_store(e->cpu, s);
    return e->error;
}

/* ---- random questions ---- */

static uint64_t random_lane(Rng *r, unsigned esize)
{
    static const uint64_t special64[] = {
        0,
        1,
        2,
        0x7fffffffffffffff,
        0x8000000000000000,
        UINT64_MAX,
        0x3ff0000000000000,
        0xbff0000000000000,
        0x7ff0000000000000,
        0xfff0000000000000,
        0x7ff8000000000000,
        0x7ff0000000000001,
        0xfff8000000000123,
        0x000fffffffffffff,
        0x0010000000000000,
        0x7fefffffffffffff,
        0x41dfffffffc00000,
        0xc1e0000000000000,
        0x43e0000000000000,
        0x3fe0000000000000,
        0x4004000000000000,
        0x36a0000000000000,
        0x380fffffffffffff,
    };
    static const uint32_t special32[] = {
        0,          1,          2,          0x7fffffff, 0x80000000, UINT32_MAX,
        0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
        0xffc00123, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000, 0xcf000000,
        0x5f000000, 0x3f000000, 0x40200000, 0x33000000, 0x38800000,
    };
    static const uint16_t special16[] = {
        0,      1,      2,      0x7fff, 0x8000, 0xffff, 0x3c00, 0xbc00, 0x7c00, 0xfc00,
        0x7e00, 0x7c01, 0xfe12, 0x03ff, 0x0400, 0x7bff, 0x3800, 0x4100, 0x7800,
    };
    static const uint8_t special8[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 8, 0xf8, 16, 31, 64, 0xc0 };
    uint64_t n = rng_next(r) >> 8;

    if (rng_next(r) % 3 == 0) {
        return rng_next(r) >> rng_next(r) % 64;
    }
    switch (esize) {
    case 0:
        return special8[n % sizeof(special8)];
    case 1:
        return special16[n % (sizeof(special16) / 2)];
    case 2:
        return special32[n % (sizeof(special32) / 4)];
    default:
        return special64[n % (sizeof(special64) / 8)];
    }
}

static void random_state(Rng *r, SimdState *s)
{
    for (unsigned i = 0; i < 32; i++) {
        unsigned esize = rng_next(r) % 4;

        for (unsigned k = 0; k < 16u >> esize; k++) {
            uint64_t x = rng_next(r) % 8 ? random_lane(r, esize) : rng_next(r);

            memcpy((uint8_t *)s->v[i] + (k << esize), &x, 1u << esize);
        }
    }
    for (unsigned i = 0; i < SIMD_A64_X; i++) {
        s->x[i] = random_lane(r, 2 + rng_next(r) % 2);
    }
    for (unsigned i = 0; i < SIMD_A64_MEM; i += 8) {
        uint64_t x = rng_next(r);

        memcpy(s->mem + i, &x, 8);
    }
    s->x[10] = SIMD_A64_MEM_BASE + SIMD_A64_MEM / 2 + rng_next(r) % 8;
    s->x[11] = rng_next(r) % 10;
    s->nzcv = rng_next(r) & 0xf0000000;
    s->fpsr = rng_next(r) % 4 ? 0 : rng_next(r) & 0x0800009f;
    s->fpcr = rng_next(r) % 2 ? 0 : rng_next(r) & 0x07c80000;
}

static bool is_load_store(const InsnPattern *p)
{
    return !strcmp(p->group, "simd-ldst");
}

/* A field that keeps addresses inside the test's memory, or @v as it is. */
static uint32_t tame_field(const InsnField *f, uint32_t v)
{
    if (!strcmp(f->name, "rn")) {
        return 10;
    }
    if (!strcmp(f->name, "rm")) {
        return v & 1 ? 31 : 11;
    }
    if (!strncmp(f->name, "imm", 3)) {
        return f->width == 12 ? v & 3 : (uint32_t)((int32_t)(v % 7) - 3);
    }
    return v;
}

static uint32_t random_insn(Rng *r, const InsnPattern *p)
{
    for (;;) {
        uint32_t insn = (uint32_t)rng_next(r) & ~(p->mask | p->should_mask);

        insn |= p->value | p->should_value;
        for (int i = 0; i < p->n_fields; i++) {
            const InsnField *f = &p->fields[i];
            uint32_t mask = (1u << f->width) - 1, v = insn >> f->lo & mask;

            if (!strcmp(f->kind, "x") && v >= SIMD_A64_X && v != 31) {
                v &= 15;
            }
            if (is_load_store(p)) {
                v = tame_field(f, v) & mask;
            }
            insn = (insn & ~(mask << f->lo)) | v << f->lo;
        }
        if (is_load_store(p) && (insn >> 16 & 31) == 31 && strstr(p->name, "_v_r")) {
            continue;
        }
        if ((!p->when || p->when(insn)) && (!p->avoid || !p->avoid(insn))) {
            return insn;
        }
    }
}

/* ---- the comparison ---- */

/*
 * Left out: a literal's address; fcvtzs_vf.sh, whose negative results QEMU 7.2 extends to 32 bits;
 * and for fjcvtzs FPCR.FZ, where QEMU 7.2 sets Z for a flushed operand (FPToFixedJS clears it).
 */
static bool wanted(const InsnPattern *p, const char *filter)
{
    if (filter && *filter) {
        return !strncmp(p->name, filter, strlen(filter));
    }
    return (!strncmp(p->group, "simd", 4) || !strncmp(p->group, "fp", 2) ||
            !strcmp(p->group, "crypto")) &&
           strcmp(p->name, "ldr_v_lit") && strcmp(p->name, "fcvtzs_vf.sh");
}

static void print_vector(const char *name, const uint64_t v[2])
{
    printf("    %s %016" PRIx64 "_%016" PRIx64 "\n", name, v[1], v[0]);
}

static bool same(const SimdState *a, const SimdState *b)
{
    return !memcmp(a->v, b->v, sizeof(a->v)) && !memcmp(a->x, b->x, sizeof(a->x)) &&
           a->fpsr == b->fpsr && a->nzcv == b->nzcv && !memcmp(a->mem, b->mem, SIMD_A64_MEM);
}

static void report(const InsnPattern *p, const SimdState *before, const SimdState *ours,
                   const SimdState *theirs)
{
    uint32_t insn = before->insn;
    unsigned rd = insn & 31, rn = insn >> 5 & 31, rm = insn >> 16 & 31;

    printf("%s %08x fpcr %" PRIx64 " fault %u\n", p->name, insn, before->fpcr, theirs->fault);
    print_vector("rd", before->v[rd]);
    print_vector("rn", before->v[rn]);
    print_vector("rm", before->v[rm]);
    for (unsigned i = 0; i < 32; i++) {
        if (memcmp(ours->v[i], theirs->v[i], 16)) {
            printf("  v%u\n", i);
            print_vector("ours  ", ours->v[i]);
            print_vector("theirs", theirs->v[i]);
        }
    }
    for (unsigned i = 0; i < SIMD_A64_X; i++) {
        if (ours->x[i] != theirs->x[i]) {
            printf("  x%u before %" PRIx64 " ours %" PRIx64 " theirs %" PRIx64 "\n", i,
                   before->x[i], ours->x[i], theirs->x[i]);
        }
    }
    if (ours->fpsr != theirs->fpsr || ours->nzcv != theirs->nzcv) {
        printf("  fpsr ours %" PRIx64 " theirs %" PRIx64 "; nzcv %" PRIx64 " %" PRIx64 "\n",
               ours->fpsr, theirs->fpsr, ours->nzcv, theirs->nzcv);
    }
    if (memcmp(ours->mem, theirs->mem, SIMD_A64_MEM)) {
        printf("  memory differs\n");
    }
}

static void transfer(int in, int out, void *to, const void *from, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = to ? read(in, (char *)to + done, len - done)
                       : write(out, (const char *)from + done, len - done);
        if (n <= 0) {
            fprintf(stderr, "simd-a64: the guest program ended\n");
            exit(1);
        }
        done += n;
    }
}

/* One batch of @p; the number of differences. */
static unsigned ask(Rng *r, Eval *e, const InsnPattern *p, int in, int out, bool quiet)
{
    static const uint64_t modes[] = { 0, ARM_MW_ALIGN };
    SimdState before[SIMD_A64_BATCH], theirs[SIMD_A64_BATCH];
    unsigned bad = 0;

    memset(before, 0, sizeof(before));
    for (unsigned i = 0; i < SIMD_A64_BATCH; i++) {
        random_state(r, &before[i]);
        before[i].insn = random_insn(r, p);
        if (!strcmp(p->name, "fjcvtzs")) {
            before[i].fpcr &= ~(1ull << 24);
        }
    }
    transfer(in, out, NULL, before, sizeof(before));
    transfer(in, out, theirs, NULL, sizeof(theirs));
    for (unsigned i = 0; i < SIMD_A64_BATCH; i++) {
        SimdState ours = before[i];
        const char *wrong = evaluate(e, &ours, modes[rng_next(r) % 2]);

        if (wrong || theirs[i].fault || !same(&ours, &theirs[i])) {
            if (!quiet && !bad) {
                printf("%s%s", wrong ? wrong : "", wrong ? ": " : "");
                report(p, &before[i], &ours, &theirs[i]);
            }
            bad++;
        }
    }
    return bad;
}

/*
 * Encodings without meaning that QEMU 7.2 takes for their neighbours: MOVI with op and o2 set,
 * half-precision reductions with bit 22 set.
 */
static bool is_lax(uint32_t insn)
{
    return (insn & 0x9ff80c00) == 0x0f000c00 || (insn & 0x2f7e0c00) == 0x0e700800;
}

/* Words of the space of SIMD and FP data processing: what we refuse must be undefined there. */
static unsigned ask_encodings(Rng *r, Eval *e, int in, int out)
{
    SimdState before[SIMD_A64_BATCH], theirs[SIMD_A64_BATCH];
    unsigned bad = 0;

    memset(before, 0, sizeof(before));
    for (unsigned i = 0; i < SIMD_A64_BATCH; i++) {
        random_state(r, &before[i]);
        before[i].insn = ((uint32_t)rng_next(r) & 0xf1ffffff) | 0x0e000000;
        if ((before[i].insn & 31) > 27) {
            before[i].insn &= ~31u; /* keeps the guest program's registers */
        }
    }
    transfer(in, out, NULL, before, sizeof(before));
    transfer(in, out, theirs, NULL, sizeof(theirs));
    for (unsigned i = 0; i < SIMD_A64_BATCH; i++) {
        SimdState ours = before[i];
        const char *wrong = evaluate(e, &ours, 0);

        if (!wrong != !theirs[i].fault && !is_lax(before[i].insn)) {
            printf("encoding %08x: %s, fault %u\n", before[i].insn, wrong ? wrong : "accepted",
                   theirs[i].fault);
            bad++;
        }
    }
    return bad;
}

int main(int argc, char **argv)
{
    Rng r = { 1 };
    int to[2], from[2];
    unsigned patterns = 0, bad_patterns = 0;
    const char *filter = argc > 3 ? argv[3] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);

    unsigned batches = argc > 4 ? (unsigned)atoi(argv[4]) : 4;

    if (argc < 3 || !argv[1][0] || pipe(to) || pipe(from)) {
        return 77; /* skipped */
    }

    pid_t pid = fork();

    if (pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl(argv[2], argv[2], "-cpu", "max", argv[1], (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);

    Eval *e = calloc(1, sizeof(*e));

    e->cpu = calloc(1, sizeof(*e->cpu));
    e->ir = ir_block_new();
    for (int id = 1; id < A64_ID_COUNT; id++) {
        const InsnPattern *p = &a64_patterns[id];
        unsigned bad = 0;

        if (!wanted(p, filter)) {
            continue;
        }
        for (unsigned n = 0; n < batches; n++) {
            bad += ask(&r, e, p, from[0], to[1], bad != 0);
        }
        patterns++;
        bad_patterns += bad != 0;
        if (bad) {
            printf("-- %s: %u of %u differ\n", p->name, bad, batches * SIMD_A64_BATCH);
        }
    }
    if (!filter) {
        Rng words = { 1 };
        unsigned bad = 0;

        for (unsigned n = 0; n < batches * 16; n++) {
            bad += ask_encodings(&words, e, from[0], to[1]);
        }
        printf("encodings: %u differ\n", bad);
        bad_patterns += bad != 0;
    }
    close(to[1]);
    waitpid(pid, NULL, 0);
    ir_block_free(e->ir);
    free(e->cpu);
    free(e);
    printf("%u patterns, %u differ\n", patterns, bad_patterns);
    return bad_patterns || !patterns;
}
