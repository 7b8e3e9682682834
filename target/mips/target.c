/* SPDX-License-Identifier: Apache-2.0 */
/* The Targets of MIPS: mode word, registers as debuggers see them, dump. */
#include "target/mips/cpu.h"

#include "target/mips/cp0.h"
#include "target/mips/exception.h"
#include "target/mips/fp.h"
#include "target/mips/model.h"
#include "target/mips/tlb.h"
#include "target/mips/translate.h"
#include "target/mips/watch.h"

#include <inttypes.h>

/* What registers that rarely change say of the mode. */
static uint64_t target_mode_of(const MipsCpu *c, uint64_t s, uint64_t hwrena, uint64_t config5)
{
    uint64_t mw = mips_mmu_mode(c);
    bool kernel = mips_in_kernel(c);

    mw |= kernel || s & STATUS_CU0 ? MIPS_MW_CP0 : 0;
    mw |= s & STATUS_CU1 ? MIPS_MW_CP1 : 0;
    mw |= s & STATUS_CU2 ? MIPS_MW_CP2 : 0;
    mw |= s & STATUS_FR ? MIPS_MW_FR : 0;
    mw |= s & STATUS_MX ? MIPS_MW_MX : 0;
    mw |= config5 & CONFIG5_MSAEN ? MIPS_MW_MSA : 0;
    mw |= ((hwrena & 15) | (hwrena >> 29 & 1) << 4) << MIPS_MW_HWRENA_SHIFT;
    if (mips_cpu_has(c, MIPS_FEAT_M64)) {
        bool super = (mw & MIPS_MW_MODE) == MIPS_MODE_SUPER;

        mw |= kernel || super || s & (STATUS_UX | STATUS_PX) ? MIPS_MW_64 : 0;
        /* Only programs that have no 64-bit addresses wrap at 32 bits (Vol. I-A, 4.11). */
        if (mips_cpu_has(c, MIPS_FEAT_R6)) { /* there each mode does */
            mw |= s & (kernel ? STATUS_KX : super ? STATUS_SX : STATUS_UX) ? MIPS_MW_ADDR64 : 0;
        } else {
            mw |= kernel || super || s & STATUS_UX ? MIPS_MW_ADDR64 : 0;
        }
    }
    return mw;
}

/* Asked for at each exception and ERET: between a program and its kernel two values of Status. */
static uint64_t target_mode_word(const Cpu *cpu)
{
    MipsCpu *c = mips_cpu((Cpu *)cpu);
    uint64_t s = c->cp0[CP0_STATUS], hwrena = c->cp0[CP0_HWRENA], config5 = c->cp0[CP0_CONFIG5], mw;
    MipsModeMemo *memo = &c->mode_memo[(s & STATUS_EXL) != 0];

    if (!memo->known || memo->status != s || memo->hwrena != hwrena || memo->config5 != config5) {
        *memo = (MipsModeMemo){ true, s, hwrena, config5, target_mode_of(c, s, hwrena, config5) };
    }
    mw = memo->mode | (c->big_endian ? MIPS_MW_BE : 0);
    mw |= c->fcr31 & (FCSR_FS | 31u << FCSR_ENABLES_SHIFT) ? MIPS_MW_FP_EXACT : 0;
    mw |= c->isa16 ? MIPS_MW_ISA16 : 0;
    mw |= cpu->single_step ? MIPS_MW_STEP : 0;
    if (c->in_slot | c->forbidden | c->half) {
        mw |= c->in_slot ? MIPS_MW_SLOT : 0;
        mw |= c->forbidden ? MIPS_MW_FORBIDDEN : 0;
        mw |= c->half ? MIPS_MW_HALF | (uint64_t)(c->half & 0xffff) << MIPS_MW_HALF_SHIFT : 0;
    }
    return mw;
}

static unsigned target_fetch_mode(const Cpu *cpu)
{
    return mips_mmu_mode((const MipsCpu *)cpu);
}

/* ---- registers for debuggers: gdb's numbering of MIPS ---- */

static bool target_is_wide(const MipsCpu *c)
{
    return mips_cpu_has(c, MIPS_FEAT_M64);
}

/* Registers are of 32 or 64 bits, as the CPU is. */
static void target_out(const MipsCpu *c, uint64_t v, void *out)
{
    uint32_t low = (uint32_t)v;

    memcpy(out, target_is_wide(c) ? (void *)&v : (void *)&low, target_is_wide(c) ? 8 : 4);
}

static uint64_t target_in(const MipsCpu *c, const void *in)
{
    uint64_t v = 0;
    uint32_t low;

    if (target_is_wide(c)) {
        memcpy(&v, in, 8);
        return v;
    }
    memcpy(&low, in, 4);
    return low;
}

static void target_get_r(Cpu *cpu, unsigned i, void *out)
{
    target_out(mips_cpu(cpu), mips_cpu(cpu)->r[i], out);
}

static void target_set_r(Cpu *cpu, unsigned i, const void *in)
{
    if (i) {
        mips_cpu(cpu)->r[i] = target_in(mips_cpu(cpu), in);
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
        return NULL; /* pc */
    }
}

static void target_get_special(Cpu *cpu, unsigned i, void *out)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t *special = target_special(c, i);

    target_out(c,
               i == 4    ? mips_cp0_read(c, CP0_CAUSE)
               : special ? *special
                         : mips_resume_pc(c),
               out);
}

static void target_set_special(Cpu *cpu, unsigned i, const void *in)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t v = target_in(c, in);

    if (i == 0) {
        mips_cp0_write(c, CP0_STATUS, v);
    } else if (i == 4) {
        mips_cp0_write(c, CP0_CAUSE, v);
    } else if (target_special(c, i)) {
        *target_special(c, i) = v;
    } else {
        mips_set_resume_pc(c, v);
    }
}

static void *target_single(MipsCpu *c, unsigned i)
{
    if (c->cp0[CP0_STATUS] & STATUS_FR) {
        return &c->f[i].u32[0];
    }
    return &c->f[i & ~1u].u32[i & 1];
}

static bool target_has_fr(const MipsCpu *c)
{
    return c->cp0[CP0_STATUS] & STATUS_FR;
}

static void target_get_f(Cpu *cpu, unsigned i, void *out)
{
    MipsCpu *c = mips_cpu(cpu);
    uint32_t low;

    memcpy(&low, target_single(c, i), 4);
    target_out(c, target_is_wide(c) && target_has_fr(c) ? c->f[i].u64[0] : low, out);
}

static void target_set_f(Cpu *cpu, unsigned i, const void *in)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t v = target_in(c, in);
    uint32_t low = (uint32_t)v;

    if (target_is_wide(c) && target_has_fr(c)) {
        c->f[i].u64[0] = v;
    } else {
        memcpy(target_single(c, i), &low, 4);
    }
}

static void target_get_fcr(Cpu *cpu, unsigned i, void *out)
{
    MipsCpu *c = mips_cpu(cpu);

    target_out(c, i ? c->model->fir : mips_fp_control(c), out);
}

static void target_set_fcr(Cpu *cpu, unsigned i, const void *in)
{
    if (!i) {
        mips_fp_set_control(mips_cpu(cpu), (uint32_t)target_in(mips_cpu(cpu), in));
    }
}

/* Registers of coprocessor 0 that GDB has no names of its own for; as MFC0 and MTC0 have them. */
static void target_get_cp0(Cpu *cpu, unsigned reg, void *out)
{
    target_out(mips_cpu(cpu), mips_cp0_read(mips_cpu(cpu), reg), out);
}

static void target_set_cp0(Cpu *cpu, unsigned reg, const void *in)
{
    mips_cp0_write(mips_cpu(cpu), reg, target_in(mips_cpu(cpu), in));
}

#define CORE   "org.gnu.gdb.mips.cpu"
#define CP0    "org.gnu.gdb.mips.cp0"
#define FPU    "org.gnu.gdb.mips.fpu"
#define SYSTEM "org.tinamou.mips.cp0"
#define R(n, bits, type)                                        \
    {                                                           \
        "r" #n, bits, CORE, type, target_get_r, target_set_r, n \
    }
#define F(n, bits, type)                                       \
    {                                                          \
        "f" #n, bits, FPU, type, target_get_f, target_set_f, n \
    }
#define SPECIAL(name, bits, group, type, i)                                \
    {                                                                      \
        name, bits, group, type, target_get_special, target_set_special, i \
    }
#define C(name, bits, type, reg)                                        \
    {                                                                   \
        name, bits, SYSTEM, type, target_get_cp0, target_set_cp0, (reg) \
    }
#define SYSTEM_REGS(bits, type)                                                                 \
    C("index", bits, type, CP0_INDEX), C("entrylo0", bits, type, CP0_ENTRYLO0),                 \
        C("entrylo1", bits, type, CP0_ENTRYLO1), C("context", bits, type, CP0_CONTEXT),         \
        C("userlocal", bits, type, CP0_USERLOCAL), C("pagemask", bits, type, CP0_PAGEMASK),     \
        C("pagegrain", bits, type, CP0_PAGEGRAIN), C("segctl0", bits, type, CP0_SEGCTL0),       \
        C("segctl1", bits, type, CP0_SEGCTL1), C("segctl2", bits, type, CP0_SEGCTL2),           \
        C("wired", bits, type, CP0_WIRED), C("hwrena", bits, type, CP0_HWRENA),                 \
        C("badinstr", bits, type, CP0_BADINSTR), C("badinstrp", bits, type, CP0_BADINSTRP),     \
        C("count", bits, type, CP0_COUNT), C("entryhi", bits, type, CP0_ENTRYHI),               \
        C("compare", bits, type, CP0_COMPARE), C("intctl", bits, type, CP0_INTCTL),             \
        C("srsctl", bits, type, CP0_SRSCTL), C("epc", bits, type, CP0_EPC),                     \
        C("prid", bits, type, CP0_PRID), C("ebase", bits, type, CP0_EBASE),                     \
        C("config", bits, type, CP0_CONFIG), C("config1", bits, type, CP0_CONFIG1),             \
        C("config2", bits, type, CP0_CONFIG2), C("config3", bits, type, CP0_CONFIG3),           \
        C("config4", bits, type, CP0_CONFIG4), C("config5", bits, type, CP0_CONFIG5),           \
        C("config7", bits, type, CP0_CONFIG7), C("lladdr", bits, type, CP0_LLADDR),             \
        C("maar", bits, type, CP0_MAAR), C("maari", bits, type, CP0_MAARI),                     \
        C("watchlo0", bits, type, CP0_WATCHLO), C("watchlo1", bits, type, CP0_WATCHLO + 1),     \
        C("watchlo2", bits, type, CP0_WATCHLO + 2), C("watchlo3", bits, type, CP0_WATCHLO + 3), \
        C("watchhi0", bits, type, CP0_WATCHHI), C("watchhi1", bits, type, CP0_WATCHHI + 1),     \
        C("watchhi2", bits, type, CP0_WATCHHI + 2), C("watchhi3", bits, type, CP0_WATCHHI + 3), \
        C("xcontext", bits, type, CP0_XCONTEXT), C("errctl", bits, type, CP0_ERRCTL),           \
        C("taglo", bits, type, CP0_TAGLO), C("taghi", bits, type, CP0_TAGHI),                   \
        C("errorepc", bits, type, CP0_ERROREPC), C("desave", bits, type, CP0_DESAVE),           \
        C("kscratch1", bits, type, CP0_KSCRATCH), C("kscratch2", bits, type, CP0_KSCRATCH + 1), \
        C("kscratch3", bits, type, CP0_KSCRATCH + 2),                                           \
        C("kscratch4", bits, type, CP0_KSCRATCH + 3),                                           \
        C("kscratch5", bits, type, CP0_KSCRATCH + 4),                                           \
        C("kscratch6", bits, type, CP0_KSCRATCH + 5),
#define REGS(bits, type, float_type)                                                              \
    R(0, bits, type), R(1, bits, type), R(2, bits, type), R(3, bits, type), R(4, bits, type),     \
        R(5, bits, type), R(6, bits, type), R(7, bits, type), R(8, bits, type), R(9, bits, type), \
        R(10, bits, type), R(11, bits, type), R(12, bits, type), R(13, bits, type),               \
        R(14, bits, type), R(15, bits, type), R(16, bits, type), R(17, bits, type),               \
        R(18, bits, type), R(19, bits, type), R(20, bits, type), R(21, bits, type),               \
        R(22, bits, type), R(23, bits, type), R(24, bits, type), R(25, bits, type),               \
        R(26, bits, type), R(27, bits, type), R(28, bits, type), R(29, bits, type),               \
        R(30, bits, type), R(31, bits, type), SPECIAL("status", bits, CP0, type, 0),              \
        SPECIAL("lo", bits, CORE, type, 1), SPECIAL("hi", bits, CORE, type, 2),                   \
        SPECIAL("badvaddr", bits, CP0, type, 3), SPECIAL("cause", bits, CP0, type, 4),            \
        SPECIAL("pc", bits, CORE, "code_ptr", 5), F(0, bits, float_type), F(1, bits, float_type), \
        F(2, bits, float_type), F(3, bits, float_type), F(4, bits, float_type),                   \
        F(5, bits, float_type), F(6, bits, float_type), F(7, bits, float_type),                   \
        F(8, bits, float_type), F(9, bits, float_type), F(10, bits, float_type),                  \
        F(11, bits, float_type), F(12, bits, float_type), F(13, bits, float_type),                \
        F(14, bits, float_type), F(15, bits, float_type), F(16, bits, float_type),                \
        F(17, bits, float_type), F(18, bits, float_type), F(19, bits, float_type),                \
        F(20, bits, float_type), F(21, bits, float_type), F(22, bits, float_type),                \
        F(23, bits, float_type), F(24, bits, float_type), F(25, bits, float_type),                \
        F(26, bits, float_type), F(27, bits, float_type), F(28, bits, float_type),                \
        F(29, bits, float_type), F(30, bits, float_type), F(31, bits, float_type),                \
        { "fcsr", bits, FPU, type, target_get_fcr, target_set_fcr, 0 },                           \
        { "fir", bits, FPU, type, target_get_fcr, target_set_fcr, 1 },

static const CpuReg target_regs[] = { REGS(32, "int", "ieee_single") SYSTEM_REGS(32, "int") };
static const CpuReg target_regs_64[] = { REGS(64, "int64", "ieee_double")
                                             SYSTEM_REGS(64, "int64") };

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
    g_string_append_printf(out, "FCSR=%08x\n", mips_fp_control(c));
}

static DisasIsa target_disas_isa(const Cpu *cpu)
{
    const MipsCpu *c = (const MipsCpu *)cpu;

    if (c->isa16 && mips_cpu_has(c, MIPS_FEAT_MICROMIPS)) {
        return c->big_endian ? DISAS_MICROMIPS_BE : DISAS_MICROMIPS_LE;
    }
    if (c->isa16) {
        return DISAS_NONE; /* Capstone has no MIPS16e */
    }
    return c->big_endian ? DISAS_MIPS_BE : DISAS_MIPS_LE;
}

/* Translated code adds base and offset in 64 bits (mips_addr). */
static GuestVirt target_data_va(Cpu *cpu, GuestVirt va)
{
    return mips_cpu_has(mips_cpu(cpu), MIPS_FEAT_M64) ? va : (uint32_t)va;
}

static GuestVirt target_code_va(const Cpu *cpu, GuestVirt addr)
{
    return mips_cpu_has((const MipsCpu *)cpu, MIPS_FEAT_ISA16) ? addr & ~1ull : addr;
}

/* v0, a0 to a3, sp, s0, t9, ra, v1, s1, gp, t0 */
static const uint32_t target_pinned[] = {
    offsetof(MipsCpu, r[2]),  offsetof(MipsCpu, r[4]),  offsetof(MipsCpu, r[5]),
    offsetof(MipsCpu, r[6]),  offsetof(MipsCpu, r[29]), offsetof(MipsCpu, r[3]),
    offsetof(MipsCpu, r[16]), offsetof(MipsCpu, r[7]),  offsetof(MipsCpu, r[25]),
    offsetof(MipsCpu, r[31]), offsetof(MipsCpu, r[17]), offsetof(MipsCpu, r[28]),
    offsetof(MipsCpu, r[8]),
};

#define TARGET(name_, arch, big, registers)                                                      \
    {                                                                                            \
        .name = name_, .gdb_arch = (arch), .pc_offset = offsetof(MipsCpu, pc),                   \
        .flags_offset = offsetof(MipsCpu, flags), .fp_offset = offsetof(MipsCpu, fp),            \
        .hot_offset = offsetof(MipsCpu, r), .pinned = target_pinned,                             \
        .n_pinned = G_N_ELEMENTS(target_pinned), .n_mmu_modes = MIPS_N_MODES,                    \
        .mode_word = target_mode_word, .fetch_mode = target_fetch_mode,                          \
        .translate = mips_translate, .tlb_fill = mips_tlb_fill, .unaligned = mips_unaligned,     \
        .bus_error = mips_bus_error, .restore = mips_restore, .jump_pc = mips_jump_pc,           \
        .watch = mips_watch, .exception_enter = mips_exception_enter,                            \
        .interrupt_enter = mips_interrupt_enter, .has_work = mips_has_work,                      \
        .debug_translate = mips_debug_translate, .regs = (registers),                            \
        .n_regs = G_N_ELEMENTS(target_regs), .disas_isa = target_disas_isa, .dump = target_dump, \
        .code_va = target_code_va, .data_va = target_data_va, .big_endian = big                  \
    }

const Target target_mipsel = TARGET("mipsel", "mips", false, target_regs);
const Target target_mips = TARGET("mips", "mips", true, target_regs);
const Target target_mips64el = TARGET("mips64el", "mips:isa64r2", false, target_regs_64);
const Target target_mips64 = TARGET("mips64", "mips:isa64r2", true, target_regs_64);
