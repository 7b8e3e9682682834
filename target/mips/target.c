/* SPDX-License-Identifier: Apache-2.0 */
/* The Targets of MIPS: mode word, registers as debuggers see them, dump. */
#include "target/mips/cpu.h"

#include "target/mips/cp0.h"
#include "target/mips/exception.h"
#include "target/mips/fp.h"
#include "target/mips/tlb.h"
#include "target/mips/translate.h"

#include <inttypes.h>

static uint64_t target_mode_word(const Cpu *cpu)
{
    const MipsCpu *c = (const MipsCpu *)cpu;
    uint64_t s = c->cp0[CP0_STATUS], mw = mips_mmu_mode(c), hwrena = c->cp0[CP0_HWRENA];
    bool kernel = mips_in_kernel(c);

    mw |= kernel || s & STATUS_CU0 ? MIPS_MW_CP0 : 0;
    mw |= s & STATUS_CU1 ? MIPS_MW_CP1 : 0;
    mw |= s & STATUS_FR ? MIPS_MW_FR : 0;
    mw |= c->in_slot ? MIPS_MW_SLOT : 0;
    mw |= cpu->single_step ? MIPS_MW_STEP : 0;
    mw |= c->big_endian ? MIPS_MW_BE : 0;
    mw |= ((hwrena & 15) | (hwrena >> 29 & 1) << 4) << MIPS_MW_HWRENA_SHIFT;
    if (mips_cpu_has(c, MIPS_FEAT_M64)) {
        bool super = (mw & MIPS_MW_MODE) == MIPS_MODE_SUPER;
        uint64_t wide = kernel ? STATUS_KX : super ? STATUS_SX : STATUS_UX;

        mw |= kernel || super || s & (STATUS_UX | STATUS_PX) ? MIPS_MW_64 : 0;
        mw |= s & wide ? MIPS_MW_ADDR64 : 0;
    }
    return mw;
}

static unsigned target_fetch_mode(const Cpu *cpu)
{
    return mips_mmu_mode((const MipsCpu *)cpu);
}

/* ---- registers for debuggers: gdb's numbering of 32-bit MIPS ---- */

static void target_get_r(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, &mips_cpu(cpu)->r[i], 4);
}

static void target_set_r(Cpu *cpu, unsigned i, const void *in)
{
    uint32_t v;

    memcpy(&v, in, 4);
    if (i) {
        mips_cpu(cpu)->r[i] = v;
    }
}

static uint64_t *target_special(MipsCpu *c, unsigned i)
{
    switch (i) {
    case 0:
        return &c->cp0[CP0_STATUS];
    case 1:
        return &c->lo[0];
    case 2:
        return &c->hi[0];
    case 3:
        return &c->cp0[CP0_BADVADDR];
    case 4:
        return &c->cp0[CP0_CAUSE];
    default:
        return &c->pc;
    }
}

static void target_get_special(Cpu *cpu, unsigned i, void *out)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t v = (uint32_t)(i == 4 ? mips_cp0_read(c, CP0_CAUSE) : *target_special(c, i));

    memcpy(out, &v, 4);
}

static void target_set_special(Cpu *cpu, unsigned i, const void *in)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t v;

    memcpy(&v, in, 4);
    if (i == 0) {
        mips_cp0_write(c, CP0_STATUS, v);
    } else if (i == 4) {
        mips_cp0_write(c, CP0_CAUSE, v);
    } else {
        *target_special(c, i) = v;
        c->in_slot = i == 5 ? 0 : c->in_slot;
    }
}

static void *target_single(MipsCpu *c, unsigned i)
{
    if (c->cp0[CP0_STATUS] & STATUS_FR) {
        return &c->f[i].u32[0];
    }
    return &c->f[i & ~1u].u32[i & 1];
}

static void target_get_f(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, target_single(mips_cpu(cpu), i), 4);
}

static void target_set_f(Cpu *cpu, unsigned i, const void *in)
{
    memcpy(target_single(mips_cpu(cpu), i), in, 4);
}

static void target_get_fcr(Cpu *cpu, unsigned i, void *out)
{
    uint32_t v = i ? 0 : mips_fp_control(mips_cpu(cpu));

    memcpy(out, &v, 4);
}

static void target_set_fcr(Cpu *cpu, unsigned i, const void *in)
{
    uint32_t v;

    memcpy(&v, in, 4);
    if (!i) {
        mips_fp_set_control(mips_cpu(cpu), v);
    }
}

#define CORE "org.gnu.gdb.mips.cpu"
#define CP0  "org.gnu.gdb.mips.cp0"
#define FPU  "org.gnu.gdb.mips.fpu"
#define R(n)                                                   \
    {                                                          \
        "r" #n, 32, CORE, "int", target_get_r, target_set_r, n \
    }
#define F(n)                                                          \
    {                                                                 \
        "f" #n, 32, FPU, "ieee_single", target_get_f, target_set_f, n \
    }
#define SPECIAL(name, group, type, i)                                    \
    {                                                                    \
        name, 32, group, type, target_get_special, target_set_special, i \
    }

static const CpuReg target_regs[] = {
    R(0),
    R(1),
    R(2),
    R(3),
    R(4),
    R(5),
    R(6),
    R(7),
    R(8),
    R(9),
    R(10),
    R(11),
    R(12),
    R(13),
    R(14),
    R(15),
    R(16),
    R(17),
    R(18),
    R(19),
    R(20),
    R(21),
    R(22),
    R(23),
    R(24),
    R(25),
    R(26),
    R(27),
    R(28),
    R(29),
    R(30),
    R(31),
    SPECIAL("status", CP0, "int", 0),
    SPECIAL("lo", CORE, "int", 1),
    SPECIAL("hi", CORE, "int", 2),
    SPECIAL("badvaddr", CP0, "int", 3),
    SPECIAL("cause", CP0, "int", 4),
    SPECIAL("pc", CORE, "code_ptr", 5),
    F(0),
    F(1),
    F(2),
    F(3),
    F(4),
    F(5),
    F(6),
    F(7),
    F(8),
    F(9),
    F(10),
    F(11),
    F(12),
    F(13),
    F(14),
    F(15),
    F(16),
    F(17),
    F(18),
    F(19),
    F(20),
    F(21),
    F(22),
    F(23),
    F(24),
    F(25),
    F(26),
    F(27),
    F(28),
    F(29),
    F(30),
    F(31),
    { "fcsr", 32, FPU, "int", target_get_fcr, target_set_fcr, 0 },
    { "fir", 32, FPU, "int", target_get_fcr, target_set_fcr, 1 },
};

static void target_dump(Cpu *cpu, GString *out)
{
    MipsCpu *c = mips_cpu(cpu);
    int digits = mips_cpu_has(c, MIPS_FEAT_M64) ? 16 : 8;

    g_string_append_printf(out, "pc=%0*" PRIx64 " HI=%0*" PRIx64 " LO=%0*" PRIx64 "%s\n", digits,
                           c->pc, digits, c->hi[0], digits, c->lo[0],
                           c->in_slot ? " (delay slot)" : "");
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(out, "r%-2u=%0*" PRIx64 "%s", i, digits, c->r[i],
                               i % 4 == 3 ? "\n" : " ");
    }
    g_string_append_printf(
        out,
        "Status=%08x Cause=%08x EPC=%0*" PRIx64 " BadVAddr=%0*" PRIx64 " EntryHi=%0*" PRIx64 "\n",
        (uint32_t)c->cp0[CP0_STATUS], (uint32_t)mips_cp0_read(c, CP0_CAUSE), digits,
        c->cp0[CP0_EPC], digits, c->cp0[CP0_BADVADDR], digits, c->cp0[CP0_ENTRYHI]);
    g_string_append_printf(out, "FCSR=%08x\n", c->fcr31);
}

static DisasIsa target_disas_isa(const Cpu *cpu)
{
    return ((const MipsCpu *)cpu)->big_endian ? DISAS_MIPS_BE : DISAS_MIPS_LE;
}

/* v0, a0 to a3, sp, s0, t9, ra, v1, s1, gp, t0 */
static const uint32_t target_pinned[] = {
    offsetof(MipsCpu, r[2]),  offsetof(MipsCpu, r[4]),  offsetof(MipsCpu, r[5]),
    offsetof(MipsCpu, r[6]),  offsetof(MipsCpu, r[29]), offsetof(MipsCpu, r[3]),
    offsetof(MipsCpu, r[16]), offsetof(MipsCpu, r[7]),  offsetof(MipsCpu, r[25]),
    offsetof(MipsCpu, r[31]), offsetof(MipsCpu, r[17]), offsetof(MipsCpu, r[28]),
    offsetof(MipsCpu, r[8]),
};

#define TARGET(name_, big)                                                                       \
    {                                                                                            \
        .name = name_, .gdb_arch = "mips", .pc_offset = offsetof(MipsCpu, pc),                   \
        .flags_offset = offsetof(MipsCpu, flags), .fp_offset = offsetof(MipsCpu, fp),            \
        .hot_offset = offsetof(MipsCpu, r), .pinned = target_pinned,                             \
        .n_pinned = G_N_ELEMENTS(target_pinned), .n_mmu_modes = MIPS_N_MODES,                    \
        .mode_word = target_mode_word, .fetch_mode = target_fetch_mode,                          \
        .translate = mips_translate, .tlb_fill = mips_tlb_fill, .unaligned = mips_unaligned,     \
        .bus_error = mips_bus_error, .restore = mips_restore,                                    \
        .exception_enter = mips_exception_enter, .interrupt_enter = mips_interrupt_enter,        \
        .has_work = mips_has_work, .debug_translate = mips_debug_translate, .regs = target_regs, \
        .n_regs = G_N_ELEMENTS(target_regs), .disas_isa = target_disas_isa, .dump = target_dump, \
        .big_endian = big                                                                        \
    }

const Target target_mipsel = TARGET("mipsel", false);
const Target target_mips = TARGET("mips", true);
