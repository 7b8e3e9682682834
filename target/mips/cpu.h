/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of a MIPS CPU. Spec: MIPS Architecture For Programmers, Volume I-A (MD00082, MD00083) and
 * Volume III (MD00088, MD00089), called "Vol. III" below.
 *
 * A CPU of 32 bits keeps its registers and addresses zero-extended, one of 64 bits as the
 * architecture has them (32-bit results sign-extended).
 */
#ifndef TARGET_MIPS_CPU_H
#define TARGET_MIPS_CPU_H

#include "accel/tcg/ir/ir-ref.h"
#include "core/cpu.h"
#include "core/target.h"
#include "target/mips/features.h"

/* MMU modes: indices of the software TLB. */
enum {
    MIPS_MODE_USER,
    MIPS_MODE_SUPER,
    MIPS_MODE_KERNEL,
    MIPS_MODE_ERROR, /* kernel with Status.ERL: the lowest 2 GiB are not mapped */
    MIPS_N_MODES
};

enum { MIPS_ALL_MODES = (1 << MIPS_N_MODES) - 1 };

/* Registers of coprocessor 0: number * 8 + select. */
enum {
    CP0_INDEX = 0 * 8,
    CP0_RANDOM = 1 * 8,
    CP0_ENTRYLO0 = 2 * 8,
    CP0_ENTRYLO1 = 3 * 8,
    CP0_CONTEXT = 4 * 8,
    CP0_USERLOCAL = 4 * 8 + 2,
    CP0_PAGEMASK = 5 * 8,
    CP0_PAGEGRAIN = 5 * 8 + 1,
    CP0_SEGCTL0 = 5 * 8 + 2,
    CP0_SEGCTL1 = 5 * 8 + 3,
    CP0_SEGCTL2 = 5 * 8 + 4,
    CP0_WIRED = 6 * 8,
    CP0_HWRENA = 7 * 8,
    CP0_BADVADDR = 8 * 8,
    CP0_BADINSTR = 8 * 8 + 1,
    CP0_BADINSTRP = 8 * 8 + 2,
    CP0_COUNT = 9 * 8,
    CP0_ENTRYHI = 10 * 8,
    CP0_COMPARE = 11 * 8,
    CP0_STATUS = 12 * 8,
    CP0_INTCTL = 12 * 8 + 1,
    CP0_SRSCTL = 12 * 8 + 2,
    CP0_CAUSE = 13 * 8,
    CP0_EPC = 14 * 8,
    CP0_PRID = 15 * 8,
    CP0_EBASE = 15 * 8 + 1,
    CP0_CONFIG = 16 * 8,
    CP0_CONFIG1 = 16 * 8 + 1,
    CP0_CONFIG2 = 16 * 8 + 2,
    CP0_CONFIG3 = 16 * 8 + 3,
    CP0_CONFIG4 = 16 * 8 + 4,
    CP0_CONFIG5 = 16 * 8 + 5,
    CP0_CONFIG7 = 16 * 8 + 7,
    CP0_LLADDR = 17 * 8,
    CP0_MAAR = 17 * 8 + 1,
    CP0_MAARI = 17 * 8 + 2,
    CP0_WATCHLO = 18 * 8, /* and + 1 to + 3 */
    CP0_WATCHHI = 19 * 8,
    CP0_XCONTEXT = 20 * 8,
    CP0_DEBUG = 23 * 8,
    CP0_DEPC = 24 * 8,
    CP0_PERFCTL = 25 * 8,
    CP0_ERRCTL = 26 * 8,
    CP0_CACHEERR = 27 * 8,
    CP0_TAGLO = 28 * 8,
    CP0_TAGHI = 29 * 8,
    CP0_ERROREPC = 30 * 8,
    CP0_DESAVE = 31 * 8,
    CP0_KSCRATCH = 31 * 8 + 2, /* to 31 * 8 + 7 */
    CP0_N = 32 * 8
};

/* Config3: the instruction set at reset, and that of exceptions. */
enum { CONFIG3_VINT = 1 << 5, CONFIG3_VEIC = 1 << 6 };
enum { CONFIG3_ISA_SHIFT = 14, CONFIG3_ISA_ON_EXC = 1 << 16 };

enum {
    STATUS_IE = 1 << 0,
    STATUS_EXL = 1 << 1,
    STATUS_ERL = 1 << 2,
    STATUS_KSU_SHIFT = 3, /* 0 kernel, 1 supervisor, 2 user */
    STATUS_UX = 1 << 5,
    STATUS_SX = 1 << 6,
    STATUS_KX = 1 << 7,
    STATUS_IM_SHIFT = 8,
    STATUS_IPL_SHIFT = 10,
    STATUS_NMI = 1 << 19,
    STATUS_SR = 1 << 20,
    STATUS_BEV = 1 << 22,
    STATUS_PX = 1 << 23,
    STATUS_MX = 1 << 24, /* DSP */
    STATUS_FR = 1 << 26,
    STATUS_CU0 = 1 << 28,
    STATUS_CU1 = 1 << 29,
    STATUS_CU2 = 1 << 30,

    CAUSE_IP_SHIFT = 8,
    CAUSE_WP = 1 << 22,
    CAUSE_IV = 1 << 23,
    CAUSE_DC = 1 << 27,
    CAUSE_CE_SHIFT = 28,
    CAUSE_TI = 1 << 30,

    INDEX_P = 1u << 31,
};

#define CAUSE_BD (1u << 31)

/* PageGrain, and EntryHi.EHINV. */
enum { PAGEGRAIN_IEC = 1 << 27, PAGEGRAIN_ELPA = 1 << 29, PAGEGRAIN_XIE = 1 << 30 };
#define PAGEGRAIN_RIE (1u << 31)
enum { ENTRYHI_EHINV = 1 << 10 };

enum { CONFIG5_UFR = 1 << 2, CONFIG5_LLB = 1 << 4 };
enum { CONFIG5_MSAEN = 1 << 27, CONFIG5_EVA = 1 << 28, CONFIG5_CV = 1 << 29, CONFIG5_K = 1 << 30 };

/* ExcCode, Vol. III, table 9.43. */
enum {
    EXC_INT = 0,
    EXC_MOD = 1,
    EXC_TLBL = 2,
    EXC_TLBS = 3,
    EXC_ADEL = 4,
    EXC_ADES = 5,
    EXC_IBE = 6,
    EXC_DBE = 7,
    EXC_SYS = 8,
    EXC_BP = 9,
    EXC_RI = 10,
    EXC_CPU = 11,
    EXC_OV = 12,
    EXC_TR = 13,
    EXC_MSAFPE = 14,
    EXC_FPE = 15,
    EXC_TLBRI = 19,
    EXC_TLBXI = 20,
    EXC_MSADIS = 21,
    EXC_WATCH = 23,
    EXC_MCHECK = 24,
    EXC_DSPDIS = 26,
};

/* The exception recorded by whoever raises; entered by the run loop. */
typedef struct MipsException {
    uint8_t code;
    uint8_t ce;      /* coprocessor of EXC_CPU */
    bool refill;     /* a TLB refill: vector 0 when EXL is clear */
    bool has_va;     /* BadVAddr */
    bool is_tlb;     /* Context and EntryHi too */
    uint8_t in_slot; /* bytes of the branch whose delay slot it is in; pc is the branch's */
    uint64_t va;
} MipsException;

/* What these say of the mode word; see target.c. */
typedef struct MipsModeMemo {
    bool known;
    uint64_t status, hwrena, config5, mode;
} MipsModeMemo;

typedef struct MipsTlbEntry {
    uint64_t vpn2;  /* EntryHi without ASID, masked */
    uint64_t mask;  /* PageMask | 0x1fff: bits of an address within the pair */
    uint64_t lo[2]; /* EntryLo */
    uint16_t asid;
    uint8_t global;
    uint8_t invalid; /* EHINV */
} MipsTlbEntry;

enum { MIPS_HALF = 1 << 16, MIPS_MAARS = 4, MIPS_WATCHES = 4 };
enum {
    MIPS_TLB_MAX = 64,
    MIPS_TLB_KEPT = 8192,
    MIPS_TLB_KEPT_LARGE = 64,
    MIPS_LINE_TIMER = 8,
    MIPS_LINE_WATCH = 9, /* a Watch exception waits for EXL and ERL to be clear */
    MIPS_LINES = 8,
    /* Software's interrupts and the CPU's own: nobody drives them anew when a state is loaded. */
    MIPS_OWN_LINES = 3 | 1 << MIPS_LINE_TIMER | 1 << MIPS_LINE_WATCH,
};

typedef struct MipsModel MipsModel;

typedef struct MipsCpu {
    Cpu cpu; /* first */

    uint64_t r[32]; /* r[0] is 0 */
    uint64_t hi[4], lo[4];
    uint64_t pc;
    uint64_t target; /* of the branch whose delay slot is next, where in_slot */
    /* The next instruction is in a delay slot (of a branch at a page's end): bytes of the branch.
     */
    uint32_t in_slot;
    uint32_t forbidden; /* a compact branch was not taken: no transfer of control may be next */
    uint32_t isa16;     /* MIPS16e or microMIPS code: bit 0 of addresses of code in registers */
    uint32_t half;      /* MIPS_HALF and the first half of the instruction that began at pc - 2 */
    uint32_t flags;     /* not used: MIPS has none */
    IrV128 f[32];       /* floating point in the low halves. Status.FR 0: an odd single is the upper
                           half of the register before it */
    uint32_t fcr31;
    uint32_t dspcontrol;
    uint32_t msacsr;
    IrFpState fp; /* modes follow from fcr31; flags raised since it was made are here alone */
    /* The last operation of translated code, as mips_helper_fp has it: FCSR's Cause is made of it
     * where somebody looks. 0: Cause is in fcr31. */
    uint32_t fp_last_op;
    uint64_t fp_last[3]; /* its operands */
    uint64_t cp0[CP0_N];
    uint64_t maar[MIPS_MAARS];
    MipsTlbEntry tlb[MIPS_TLB_MAX];
    /* Of entries that TLBWR replaced (kept[]): which ones TLBWI has written since the last time
     * that all of these were dropped. */
    uint64_t kept_wi;
    uint64_t kept_mask; /* PageMask | 0x1fff of those in kept[]: one size at a time */
    uint32_t n_kept, n_kept_large, next_kept_large;
    uint64_t features;
    uint64_t vpn2_mask; /* bits of EntryHi's address */
    uint64_t llval;     /* not used by the monitor: LLAddr's */
    MipsException exc;
    uint64_t part_va; /* address of the last LWL, LWR, LDL or LDR */

    /* Count = count_base + ticks of the clock; stopped (Cause.DC): count_base alone. */
    uint32_t count_base;
    uint64_t timer_from; /* Count << 32 | distance to Compare when the timer was armed */
    uint32_t random_state;
    uint32_t own_lines; /* saved: those that no device drives (MIPS_OWN_LINES) */
    bool watching;      /* some WatchLo has a condition */
    Timer timer[1];

    /* Properties. */
    const MipsModel *model;
    bool big_endian;
    bool csr, eic;
    uint64_t count_hz;

    MipsModeMemo mode_memo[2]; /* by Status.EXL */
    /* Entries that TLBWR replaced, as if the TLB were larger (tlb.c): mask 0 where there is none.
     * At the end, since translated code names what is before by small numbers. */
    MipsTlbEntry kept_large[MIPS_TLB_KEPT_LARGE]; /* of other sizes */
    MipsTlbEntry kept[MIPS_TLB_KEPT];
} MipsCpu;

static inline MipsCpu *mips_cpu(Cpu *cpu)
{
    return (MipsCpu *)cpu;
}

static inline bool mips_cpu_has(const MipsCpu *c, MipsFeature f)
{
    return c->features >> f & 1;
}

/* Where the CPU is, as the architecture has it in a register: the instruction that is next, with
 * the instruction set in bit 0. */
static inline uint64_t mips_resume_pc(const MipsCpu *c)
{
    return (c->pc - (c->half ? 2 : 0)) | c->isa16;
}

/* To an address that a register has. */
static inline void mips_set_resume_pc(MipsCpu *c, uint64_t pc)
{
    bool can = mips_cpu_has(c, MIPS_FEAT_ISA16);

    c->isa16 = can ? pc & 1 : 0;
    c->pc = can ? pc & ~1ull : pc;
    c->in_slot = c->half = c->forbidden = 0;
}

static inline bool mips_in_kernel(const MipsCpu *c)
{
    uint64_t s = c->cp0[CP0_STATUS];

    return s & (STATUS_EXL | STATUS_ERL) || !(s >> STATUS_KSU_SHIFT & 3);
}

/* The CPU models as device types, NULL-terminated: "24Kf-mips-cpu" and so on. */
extern const DeviceType *const mips_cpu_types[];
extern const DeviceType device_mips_cpu;

extern const Target target_mips, target_mipsel, target_mips64, target_mips64el;

#endif
