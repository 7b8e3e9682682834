/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random IR programs, run by this back end and by the interpreter: state, memory, flags, the way
 * out and the pc must agree.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/ir/keeps.h"
#include "accel/tcg/ir/ir-ref.h"
#include "accel/tcg/tcg-priv.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>

enum { N_X = 16, N_V = 8, MEM_BYTES = 4096, MODE = 1, CODE_BYTES = 1 << 20 };

#define MEM_VA 0x40000000ull

typedef struct RandCpu {
    Cpu cpu;
    uint64_t x[N_X];
    IrV128 v[N_V];
    uint32_t flags;
    IrFpState fp;
    uint64_t pc;
} RandCpu;

typedef struct Rand {
    uint64_t seed;
    IrBlock *ir;
    unsigned delta;
    bool dead; /* exits to the page's middle find flags that nobody reads */
    uint16_t pool[IR_FLAGS + 1][IR_MAX_INSNS]; /* values made so far, by type */
    unsigned n_pool[IR_FLAGS + 1];
    TcgCpu *tc;
    RandCpu *cpu;
    Target target;
    uint32_t pinned[6];
    Machine *machine;
    uint8_t *mem, before[MEM_BYTES];
    RandCpu start;
    TcgCodeFast *fast;
} Rand;

static uint64_t rnd(Rand *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed;
}

static unsigned rnd_below(Rand *r, unsigned n)
{
    return (unsigned)(rnd(r) >> 11) % n;
}

static uint64_t rnd_value(Rand *r)
{
    static const uint64_t corner[] = { 0,          1,          2,          UINT64_MAX,
                                       1ull << 31, INT32_MAX,  UINT32_MAX, 1ull << 63,
                                       INT64_MAX,  1ull << 32, 0x80,       0xff };

    switch (rnd_below(r, 4)) {
    case 0:
        return corner[rnd_below(r, G_N_ELEMENTS(corner))];
    case 1:
        return rnd_below(r, 65536);
    case 2:
        return (uint32_t)rnd(r);
    default:
        return rnd(r);
    }
}

/* ---- programs ---- */

static IrVal rand_keep(Rand *r, IrVal v)
{
    IrType type = ir_type(r->ir, v);

    r->pool[type][r->n_pool[type]++] = v.id;
    return v;
}

static uint32_t rand_x(Rand *r)
{
    return (uint32_t)(offsetof(RandCpu, x) + rnd_below(r, N_X) * 8);
}

static uint32_t rand_v(Rand *r)
{
    return (uint32_t)(offsetof(RandCpu, v) + rnd_below(r, N_V) * 16);
}

static IrVal rand_pick(Rand *r, IrType type)
{
    unsigned n = r->n_pool[type];

    if (!n || rnd_below(r, 10) == 0) {
        switch (type) {
        case IR_FLAGS:
            return rand_keep(r, ir_get_flags(r->ir));
        case IR_V128:
            return rand_keep(r, ir_get(r->ir, IR_V128, rand_v(r), 4));
        case IR_I64:
            return rand_keep(r, rnd_below(r, 2) ? ir_i64(r->ir, rnd_value(r))
                                                : ir_get(r->ir, IR_I64, rand_x(r), 3));
        default:
            return rand_keep(r, rnd_below(r, 2) ? ir_i32(r->ir, (uint32_t)rnd(r))
                                                : ir_trunc(r->ir, rand_pick(r, IR_I64)));
        }
    }
    return (IrVal){ r->pool[type][n - 1 - rnd_below(r, rnd_below(r, 3) ? MIN(n, 6) : n)] };
}

static IrType rand_int(Rand *r)
{
    return rnd_below(r, 2) ? IR_I64 : IR_I32;
}

static void rand_integer(Rand *r)
{
    static const uint16_t two[] = { IR_ADD,  IR_SUB,  IR_MUL, IR_MULHU, IR_MULHS, IR_DIVU, IR_DIVS,
                                    IR_REMU, IR_REMS, IR_AND, IR_OR,    IR_XOR,   IR_ANDC, IR_ORC,
                                    IR_EQV,  IR_SHL,  IR_SHR, IR_SAR,   IR_ROR };
    static const uint16_t one[] = { IR_NOT,    IR_NEG,   IR_CLZ,     IR_CTZ, IR_CLS,
                                    IR_POPCNT, IR_BSWAP, IR_BSWAP16, IR_RBIT };
    IrType type = rand_int(r);
    unsigned width = type == IR_I64 ? 64 : 32, pos = rnd_below(r, width);
    unsigned len = 1 + rnd_below(r, width - pos);
    IrVal a = rand_pick(r, type), b = rand_pick(r, type), c = rand_pick(r, IR_I64);

    switch (rnd_below(r, 12)) {
    default:
        rand_keep(r, ir_op2(r->ir, (IrOpcode)two[rnd_below(r, G_N_ELEMENTS(two))], a, b));
        break;
    case 0:
        rand_keep(r, ir_op1(r->ir, (IrOpcode)one[rnd_below(r, G_N_ELEMENTS(one))], a));
        break;
    case 1:
        rand_keep(r, ir_deposit(r->ir, a, b, pos, len));
        break;
    case 2:
        rand_keep(r, ir_extract(r->ir, a, pos, len));
        break;
    case 3:
        rand_keep(r, ir_sextract(r->ir, a, pos, len));
        break;
    case 4:
        rand_keep(r, ir_extr(r->ir, a, b, pos));
        break;
    case 5:
        rand_keep(r, ir_select(r->ir, c, a, b));
        break;
    case 6:
        rand_keep(r, ir_setcond(r->ir, rand_int(r), (IrCmp)rnd_below(r, 10), a, b));
        break;
    case 7:
        rand_keep(r, ir_zext64(r->ir, rand_pick(r, IR_I32)));
        rand_keep(r, ir_sext64(r->ir, rand_pick(r, IR_I32)));
        rand_keep(r, ir_trunc(r->ir, c));
        break;
    case 8:
        rand_keep(r, ir_crc32(r->ir, rnd_below(r, 2), rnd_below(r, 4), rand_pick(r, IR_I32), c));
        break;
    }
}

/* A sum or difference with the carry of @f, as translators make them, or a row of such. */
static IrVal rand_carry(Rand *r, IrType type, bool sub, IrVal f)
{
    for (unsigned n = rnd_below(r, 3) + 1; n--;) {
        IrVal a = rand_pick(r, type),
              b = rnd_below(r, 8) ? rand_pick(r, type) : ir_const(r->ir, type, 0);
        IrVal carry = ir_op1(r->ir, IR_FLAGS_CARRY, f);
        IrVal wide = type == IR_I64 ? ir_zext64(r->ir, carry) : carry;
        IrVal v = ir_add(r->ir, ir_add(r->ir, a, sub ? ir_not(r->ir, b) : b), wide);

        if (rnd_below(r, 4)) {
            f = rand_keep(r, ir_op3(r->ir, sub ? IR_FLAGS_SBC : IR_FLAGS_ADC, a, b, carry));
            if (rnd_below(r, 2)) {
                ir_set_flags(r->ir, f);
            }
        }
        if (type == IR_I64 && rnd_below(r, 2)) {
            ir_set(r->ir, rand_x(r), 3, v);
        }
        rand_keep(r, rnd_below(r, 8) ? v : carry);
        sub ^= !rnd_below(r, 4);
    }
    return f;
}

static void rand_flags(Rand *r)
{
    IrType type = rand_int(r);
    IrVal a = rand_pick(r, type), b = rand_pick(r, type), f = rand_pick(r, IR_FLAGS);
    bool sub = rnd_below(r, 2);
    IrVal made;

    switch (rnd_below(r, 8)) {
    case 0:
        made = ir_op3(r->ir, sub ? IR_FLAGS_SBC : IR_FLAGS_ADC, a, b,
                      ir_op1(r->ir, IR_FLAGS_CARRY, rand_carry(r, type, sub, f)));
        break;
    case 1:
        made = ir_op1(r->ir, IR_FLAGS_LOGIC, ir_and(r->ir, a, b));
        break;
    case 2:
        made = ir_op1(r->ir, IR_FLAGS_MAKE, rand_pick(r, IR_I32));
        break;
    case 3:
        made = ir_flags_merge(r->ir, f, rand_pick(r, IR_FLAGS), rnd_below(r, 16));
        break;
    case 4:
        made =
            ir_flags_select(r->ir, f, (IrCond)rnd_below(r, 15), ir_op2(r->ir, IR_FLAGS_SUB, a, b),
                            ir_flags_const(r->ir, rnd_below(r, 16)));
        break;
    case 5:
        rand_keep(r, ir_flags_cond(r->ir, f, (IrCond)rnd_below(r, 15)));
        rand_keep(r, ir_op1(r->ir, IR_FLAGS_BITS, f));
        rand_keep(r, ir_select_flags(r->ir, f, (IrCond)rnd_below(r, 15), a, b));
        return;
    default:
        made = ir_op2(r->ir, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD, a, b);
        if (rnd_below(r, 2)) {
            ir_set_flags(r->ir, made);
        }
        rand_keep(r, ir_op2(r->ir, sub ? IR_SUB : IR_ADD, a, b));
        break;
    }
    rand_keep(r, made);
    if (rnd_below(r, 3) == 0) {
        ir_set_flags(r->ir, made);
    }
}

static void rand_state(Rand *r)
{
    IrType type = rand_int(r);
    unsigned sub = rnd_below(r, type == IR_I64 ? 4 : 3);

    switch (rnd_below(r, 6)) {
    case 0:
        ir_set(r->ir, rand_x(r), sub, rand_pick(r, type));
        break;
    case 1:
        rand_keep(r, ir_get(r->ir, type, rand_x(r), sub));
        break;
    case 2:
        ir_set(r->ir, rand_v(r), rnd_below(r, 4) ? 4 : 3, rand_pick(r, IR_V128));
        break;
    case 3:
        rand_keep(r, ir_pc(r->ir, (int32_t)rnd_below(r, 65536) - 32768));
        break;
    default:
        ir_set(r->ir, rand_x(r), 3, rand_pick(r, IR_I64));
        break;
    }
}

static void rand_insn(Rand *r)
{
    if (ir_has_room(r->ir)) {
        ir_insn(r->ir, (uint16_t)r->delta, 4, (uint32_t)rnd(r));
        r->delta += 4;
    }
}

static void rand_memory(Rand *r)
{
    IrType type = rand_int(r);
    unsigned size = rnd_below(r, type == IR_I64 ? 4 : 3);
    IrMemOp mo = size | MODE << IR_MO_MODE_SHIFT;
    /* now and then outside of the page, which faults */
    IrVal addr = ir_zext(r->ir, rand_pick(r, IR_I64), rnd_below(r, 30) ? 11 : 13), out[2];
    int64_t disp = rnd_below(r, 2) ? 0 : rnd_below(r, 2) ? rnd_below(r, 64) * 8 : rnd_below(r, 300);

    rand_insn(r);
    addr = ir_addi(r->ir, addr, MEM_VA);
    switch (rnd_below(r, 9)) {
    case 0:
        ir_ldp_at(r->ir, type, (mo & ~7u) | (type == IR_I64 ? 3 : 2), addr, disp, out);
        rand_keep(r, out[0]);
        rand_keep(r, out[1]);
        break;
    case 1:
        ir_stp_at(r->ir, (mo & ~7u) | (type == IR_I64 ? 3 : 2), addr, disp, rand_pick(r, type),
                  rand_pick(r, type));
        break;
    case 2:
        addr = ir_andi(r->ir, addr, ~15ull);
        rand_keep(r, ir_rmw(r->ir, (IrRmw)rnd_below(r, 10), mo, addr, rand_pick(r, type)));
        break;
    case 3:
        addr = ir_andi(r->ir, addr, ~15ull);
        rand_keep(r, ir_cas(r->ir, mo, addr, rand_pick(r, type), rand_pick(r, type)));
        break;
    case 4:
        rand_keep(r, ir_ld_at(r->ir, IR_V128, 4 | MODE << IR_MO_MODE_SHIFT, addr, disp));
        ir_st_at(r->ir, rnd_below(r, 5) | MODE << IR_MO_MODE_SHIFT, addr, disp,
                 rand_pick(r, IR_V128));
        break;
    case 5: /* some that must be aligned, near to each other; now and then they are not */
        addr = rnd_below(r, 8) ? ir_andi(r->ir, addr, ~7ull) : addr;
        disp &= rnd_below(r, 8) ? ~7 : ~0;
        for (unsigned n = 0; n < 3 && ir_has_room(r->ir); n++) {
            IrMemOp natural = rnd_below(r, 4) | IR_MO_ALIGN_NATURAL | MODE << IR_MO_MODE_SHIFT;

            natural |= rnd_below(r, 4) ? 0 : IR_MO_BE;
            if (rnd_below(r, 2)) {
                rand_keep(r, ir_ld_at(r->ir, IR_I64, natural, addr, disp));
            } else {
                ir_st_at(r->ir, natural, addr, disp, rand_pick(r, IR_I64));
            }
            disp += rnd_below(r, 3) * 4;
            rand_insn(r);
        }
        break;
    case 6:
        ir_st_at(r->ir, mo | (rnd_below(r, 4) ? 0 : IR_MO_BE), addr, disp, rand_pick(r, type));
        break;
    default:
        mo |= (rnd_below(r, 3) ? 0 : IR_MO_SIGN) | (rnd_below(r, 4) ? 0 : IR_MO_BE);
        rand_keep(r, ir_ld_at(r->ir, type, mo, addr, disp));
        break;
    }
}

static void rand_vector(Rand *r)
{
    static const uint16_t one[] = { IR_VNOT, IR_VNEG, IR_VABS, IR_VCLZ, IR_VFNEG, IR_VLOW };
    static const uint16_t two[] = { IR_VAND,  IR_VOR,  IR_VXOR,  IR_VANDC, IR_VORC,
                                    IR_VADD,  IR_VSUB, IR_VUMIN, IR_VUMAX, IR_VSMIN,
                                    IR_VSMAX, IR_VZIP, IR_VQADD };
    unsigned esize = 1 + rnd_below(r, 3);
    IrWidth width = rnd_below(r, 3) ? IR_W128 : IR_W64;
    IrDesc desc = ir_desc(esize, width);
    IrVal a = rand_pick(r, IR_V128), b = rand_pick(r, IR_V128), i = rand_pick(r, IR_I64);

    switch (rnd_below(r, 10)) {
    case 0:
        rand_keep(r, ir_v1(r->ir, (IrOpcode)one[rnd_below(r, G_N_ELEMENTS(one))], desc, a));
        break;
    case 1:
        desc = ir_desc_with_variant(desc, rnd_below(r, 10));
        rand_keep(r, ir_v2(r->ir, IR_VCMP, desc, a, b));
        break;
    case 2:
        desc = ir_desc_imm(esize, width, (uint16_t)rnd_below(r, 8u << esize));
        rand_keep(r, ir_v1(r->ir, rnd_below(r, 2) ? IR_VSHLI : IR_VSARI, desc, a));
        break;
    case 3:
        rand_keep(r, ir_vdup(r->ir, esize, width, i));
        rand_keep(r, ir_vpack(r->ir, i, rand_pick(r, IR_I64)));
        break;
    case 4:
        rand_keep(r, ir_vinsert(r->ir, esize, rnd_below(r, 16u >> esize), a, i));
        rand_keep(
            r, ir_vextract(r->ir, IR_I64, esize, rnd_below(r, 16u >> esize), rnd_below(r, 2), b));
        break;
    case 5:
        rand_keep(r, ir_v3(r->ir, IR_VBSL, ir_desc(0, width), a, b, rand_pick(r, IR_V128)));
        desc = ir_desc_imm(0, width, (uint16_t)rnd_below(r, width == IR_W128 ? 16 : 8));
        rand_keep(r, ir_v2(r->ir, IR_VEXT, desc, a, b));
        break;
    case 6:
        desc = ir_desc_imm(esize, width, (uint16_t)rnd_below(r, 16u >> esize));
        rand_keep(r, ir_v1(r->ir, IR_VDUPLANE, desc, a));
        desc = ir_desc_with_variant(ir_desc(0, width), 1 + rnd_below(r, 3));
        rand_keep(r, ir_v1(r->ir, IR_VREV, desc, b));
        break;
    case 7:
        rand_keep(r, ir_v2(r->ir, IR_VFADD, ir_desc(2 + esize % 2, width), a, b));
        rand_keep(r, ir_flags_fcmp(r->ir, 3, rnd_below(r, 2), a, b));
        break;
    default:
        rand_keep(r, ir_v2(r->ir, (IrOpcode)two[rnd_below(r, G_N_ELEMENTS(two))], desc, a, b));
        break;
    }
}

static void rand_exit(Rand *r)
{
    static const int32_t to[] = { 0, 2048, -64, 0x2000 };
    int32_t delta = to[rnd_below(r, 4)];
    IrType type = rand_int(r);
    IrVal a = rand_pick(r, type);

    rand_insn(r);
    switch (rnd_below(r, 4)) {
    case 0:
        ir_exit_if(r->ir, a, delta);
        break;
    case 1:
        ir_exit_cmp(r->ir, (IrCmp)rnd_below(r, 10), a, rand_pick(r, type), delta);
        break;
    case 2:
        ir_exit_bit(r->ir, a, rnd_below(r, type == IR_I64 ? 64 : 32), rnd_below(r, 2), delta);
        break;
    default:
        ir_exit_flags(r->ir, rand_pick(r, IR_FLAGS), (IrCond)rnd_below(r, 14), delta);
        break;
    }
    if (delta == to[1] && r->dead) {
        ir_exit_flags_dead(r->ir);
    }
}

/* A helper that reads and changes state. */
static uint64_t rand_help_write(Cpu *cpu, uint64_t a)
{
    RandCpu *c = (RandCpu *)cpu;

    c->x[a % N_X] += a;
    c->x[0] ^= c->x[1];
    c->v[1].u64[0] ^= a;
    c->flags = ir_flags_pack((uint32_t)a << 28);
    return c->x[2] + a;
}

static uint64_t rand_help_raise(Cpu *cpu, uint64_t a)
{
    cpu->raised = (a & 7) == 7;
    return a + 1;
}

#ifdef IR_INSTRUMENTED
#define RAND_KEEPS
#else
#define RAND_KEEPS IR_KEEPS __attribute__((target("general-regs-only")))
#endif

/* As many values as there are registers. */
static RAND_KEEPS uint64_t rand_help_keep(Cpu *cpu, uint64_t a, uint64_t b)
{
    const RandCpu *c = (const RandCpu *)cpu;
    uint64_t v[12];

    for (unsigned i = 0; i < 12; i++) {
        v[i] = a * (i + 3) + (b >> i);
    }
    for (unsigned i = 0; i < 12; i++) {
        v[i] ^= v[(i + 5) % 12] * v[(i + 7) % 12] + c->x[N_X - 1];
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3] ^ v[4] ^ v[5] ^ v[6] ^ v[7] ^ v[8] ^ v[9] ^ v[10] ^ v[11];
}

static void rand_call_keep(Rand *r)
{
    static const IrHelper keeps = { "keep", (void (*)(void))rand_help_keep, IR_I64, 2,
                                    IR_KEEPS_FLAG };

    rand_insn(r);
    rand_keep(r,
              ir_call(r->ir, &keeps, rand_pick(r, IR_I64), rand_pick(r, IR_I64), IR_NONE, IR_NONE));
}

static void rand_call(Rand *r)
{
    static const IrHelper writes = { "write", (void (*)(void))rand_help_write, IR_I64, 1,
                                     IR_HELPER_WRITES | IR_HELPER_READS };
    static const IrHelper raises = { "raise", (void (*)(void))rand_help_raise, IR_I32, 1,
                                     IR_HELPER_RAISES | IR_HELPER_READS };

    rand_insn(r);
    rand_keep(r, ir_call(r->ir, rnd_below(r, 2) ? &writes : &raises, rand_pick(r, IR_I64), IR_NONE,
                         IR_NONE, IR_NONE));
}

static void rand_program(Rand *r, unsigned length)
{
    static void (*const part[])(Rand *) = {
        rand_integer, rand_integer, rand_integer, rand_integer, rand_flags,
        rand_flags,   rand_state,   rand_state,   rand_vector,  rand_vector,
        rand_memory,  rand_memory,  rand_exit,    rand_call,    rand_call_keep,
    };

    ir_begin(r->ir, 0);
    memset(r->n_pool, 0, sizeof(r->n_pool));
    r->delta = 0;
    rand_insn(r);
    for (unsigned n = 0; n < length; n++) {
        part[rnd_below(r, G_N_ELEMENTS(part))](r);
    }
    for (unsigned n = 0; n < 4; n++) {
        ir_set(r->ir, rand_x(r), 3, rand_pick(r, IR_I64));
        ir_set(r->ir, rand_v(r), 4, rand_pick(r, IR_V128));
    }
    if (rnd_below(r, 2)) {
        ir_exit_indirect(r->ir, rand_pick(r, IR_I64));
    } else {
        ir_exit(r->ir, (int32_t)r->delta);
    }
}

/* ---- running ---- */

static bool rand_tlb_fill(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                          bool probe, TlbResult *out)
{
    if (va >= MEM_VA && va < MEM_VA + MEM_BYTES) {
        *out = (TlbResult){ .phys = va, .page_bytes = 4096, .prot = TLB_READ | TLB_WRITE };
        return true;
    }
    cpu->raised = 1;
    return false;
}

static void rand_unaligned(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop)
{
    cpu->raised = 1;
}

static Rand *rand_new(void)
{
    Rand *r = g_new0(Rand, 1);
    size_t bytes = sizeof(TcgCpu) + sizeof(RandCpu);
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    g_autoptr(GError) err = NULL;
    RamBlock *ram;

    r->tc = (TcgCpu *)p;
    r->cpu = (RandCpu *)(p + sizeof(TcgCpu));
    r->machine = machine_new(&err);
    ram = ram_new(r->machine, "ram", MEM_BYTES, RAM_SHARED, &err);
    region_add(machine_memory_root(r->machine),
               region_new_ram(r->machine, "ram", ram, 0, MEM_BYTES), MEM_VA, 0);
    r->mem = ram->host;
    r->tc->tcg = g_new0(Tcg, 1);
    r->cpu->cpu.as = r->cpu->cpu.as_secure = machine_memory(r->machine);
    r->ir = ir_block_new();
    for (unsigned n = 0; n < 6; n++) {
        r->pinned[n] = (uint32_t)(offsetof(RandCpu, x) + n * 8);
    }
    r->target = (Target){ .name = "test",
                          .pc_offset = offsetof(RandCpu, pc),
                          .flags_offset = offsetof(RandCpu, flags),
                          .fp_offset = offsetof(RandCpu, fp),
                          .hot_offset = offsetof(RandCpu, x),
                          .pinned = r->pinned,
                          .n_pinned = 6,
                          .tlb_fill = rand_tlb_fill,
                          .unaligned = rand_unaligned };
    r->cpu->cpu.target = &r->target;
    r->cpu->cpu.poll_counter = 1 << 30;
    for (unsigned n = 0; n < 16; n++) {
        r->tc->read[MODE][n].tag = r->tc->write[MODE][n].tag = tcg_empty_tag(n);
        r->tc->full[MODE][n].page = TCG_NO_TAG;
    }
    r->tc->tlb_mask[MODE] = 15 << 4;
    r->fast = g_new0(TcgCodeFast, TCG_FAST_SIZE);
    for (unsigned n = 0; n < TCG_FAST_SIZE; n++) {
        r->fast[n].page = tcg_empty_tag(n);
    }
    r->tc->fast = r->fast;
    return r;
}

static void rand_free(Rand *r)
{
    g_free(r->tc->tcg);
    munmap(r->tc, sizeof(TcgCpu) + sizeof(RandCpu));
    machine_free(r->machine);
    g_free(r->fast);
    ir_block_free(r->ir);
    g_free(r);
}

static TcgLeave rand_run(Rand *r, const TcgHost *host, TcgCache *cache, bool *ok)
{
    TcgChunk chunk = { .cache = cache };
    TcgBlock *block = g_new0(TcgBlock, 1);
    TcgLeave leave = TCG_LEAVE_NEXT;

    chunk.code_start = chunk.code = cache->rw + cache->n_prologue;
    chunk.code_end = cache->rw + cache->size;
    block->target = &r->target;
    block->n_guest = (uint16_t)r->ir->n_guest;
    block->guest = r->ir->guest;
    memcpy(r->cpu, &r->start, sizeof(*r->cpu));
    memcpy(r->mem, r->before, MEM_BYTES);
    r->tc->pc_page = 0x7000;
    r->tc->leave_restart = 0;
    memset(r->tc->count, 0, sizeof(r->tc->count));
    r->tc->chunk = &chunk;
    r->tc->tcg->cache = *cache;
    *ok = host->emit(cache, &chunk, r->ir, block);
    if (*ok) {
        leave = host->enter(&r->cpu->cpu, block->host_entry);
    }
    if (chunk.meta) {
        g_ptr_array_free(chunk.meta, true);
    }
    g_free(block);
    return leave;
}

static void rand_start(Rand *r)
{
    memcpy(&r->start, r->cpu, sizeof(r->start));
    for (unsigned n = 0; n < N_X; n++) {
        r->start.x[n] = rnd_value(r);
    }
    for (unsigned n = 0; n < N_V; n++) {
        r->start.v[n].u64[0] = rnd_value(r);
        r->start.v[n].u64[1] = rnd_value(r);
    }
    r->start.flags = ir_flags_pack((uint32_t)rnd(r));
    memset(&r->start.fp, 0, sizeof(r->start.fp));
    r->start.cpu.raised = 0;
    r->start.pc = 0;
    for (unsigned n = 0; n < MEM_BYTES; n++) {
        r->before[n] = (uint8_t)rnd(r);
    }
}

/* Whether the flags may be older ones after this way out. */
static bool rand_flags_free(const Rand *r, TcgLeave leave)
{
    return leave == TCG_LEAVE_RAISED ? !r->ir->exact_flags
                                     : r->dead && (r->cpu->pc & (GUEST_PAGE_SIZE - 1)) == 2048;
}

static const char *rand_difference(const Rand *r, const RandCpu *want, const uint8_t *mem,
                                   TcgLeave a, TcgLeave b, uint32_t restart)
{
    if (a != b) {
        return "way out";
    }
    if (r->cpu->pc != want->pc || (a == TCG_LEAVE_RAISED && r->tc->leave_restart != restart)) {
        return "pc";
    }
    if (memcmp(r->cpu->x, want->x, sizeof(want->x))) {
        return "integer registers";
    }
    if (memcmp(r->cpu->v, want->v, sizeof(want->v))) {
        return "vector registers";
    }
    if (!rand_flags_free(r, a) && ir_flags_unpack(r->cpu->flags) != ir_flags_unpack(want->flags)) {
        return "flags";
    }
    if (memcmp(&r->cpu->fp, &want->fp, sizeof(want->fp))) {
        return "floating-point state";
    }
    return memcmp(mem, r->mem, MEM_BYTES) ? "memory" : NULL;
}

static void rand_compare(Rand *r, TcgCache *cache, unsigned programs)
{
    g_autofree RandCpu *want = g_new(RandCpu, 1);
    uint8_t mem[MEM_BYTES];
    TcgCache none = { 0 };

    for (unsigned n = 0; n < programs; n++) {
        const char *difference;
        TcgLeave a, b;
        uint64_t counted;
        uint32_t restart;
        bool ok;

        r->seed = 0x9e3779b97f4a7c15 * (n + 1);
        r->dead = n % 3 == 0;
        r->ir->exact_flags = n % 2;
        rand_program(r, 5 + n % 60);
        EXPECT(ir_verify(r->ir) == NULL);
        rand_start(r);
        a = rand_run(r, &tcg_host_interp, &none, &ok);
        memcpy(want, r->cpu, sizeof(*want));
        memcpy(mem, r->mem, MEM_BYTES);
        restart = r->tc->leave_restart;
        counted = r->tc->count[TCG_COUNT_GUEST];
        b = rand_run(r, &tcg_host_x86_64, cache, &ok);
        EXPECT(ok);
        difference = rand_difference(r, want, mem, b, a, restart);
        if (cache->counters && counted != r->tc->count[TCG_COUNT_GUEST]) {
            difference = "count of guest instructions";
        }
        if (difference) {
            test_fail(__FILE__, __LINE__, "program %u: %s (leave %d, %d)", n, difference, b, a);
            return;
        }
    }
}

static void rand_compare_all(bool count)
{
    Rand *r = rand_new();
    TcgCache cache = { .size = CODE_BYTES, .counters = count ? tcg_counters_new() : NULL };
    g_autoptr(GError) err = NULL;

    cache.rw = cache.rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache.rw == MAP_FAILED || !tcg_host_x86_64.init(&cache, &r->target, &err)) {
        test_skip("no executable memory, or an old CPU");
    } else {
        rand_compare(r, &cache, count ? 500 : 1500);
        tcg_host_x86_64.free(&cache);
        munmap(cache.rw, CODE_BYTES);
    }
    rand_free(r);
    tcg_counters_free(cache.counters);
}

TEST(x64, random_programs_as_interpreted)
{
    rand_compare_all(false);
}

/* Counting code disturbs nothing, and both back ends count alike. */
TEST(x64, random_programs_counted)
{
    rand_compare_all(true);
}
