/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration and status registers of a Loongson 3A4000: the package's, and the core's own with
 * which cores call each other. They are those that the board has in memory; what is at IPI_SEND and
 * MAIL_SEND goes to the core that the value names. Bits as Linux' mach-loongson64/loongson_regs.h
 * has them. Places are reached by xkphys, so that Status.KX is to be set.
 */
#include "target/mips/translate.h"

#include "accel/tcg/tcg.h"
#include "target/mips/mips-decode.h"
#include "target/mips/tlb.h"

#define CSR_PHYSICAL 0x9000000000000000ull /* xkphys, uncached */

enum {
    CSR_PUBLIC = 0x1fe00000,
    CSR_PUBLIC_BYTES = 0x1000, /* of the numbers */
    CSR_NONE = CSR_PUBLIC + 0xf8,
    CSR_OWN = 0x1000,
    CSR_OWN_BYTES = 0x40,
    CSR_IPI_SEND = 0x1040,
    CSR_MAIL_SEND = 0x1048,
    CSR_IPI = 0x3ff01000, /* of a package; 100h for each core */
    CSR_IPI_SET = 0x08,
    CSR_IPI_BUF = 0x20,
    CSR_NODE_SHIFT = 44,
    CSR_CORES = 4,
    EBASE_CPUNUM = 0x3ff,
};

static uint64_t csr_ipi(uint64_t core)
{
    return CSR_PHYSICAL | core / CSR_CORES << CSR_NODE_SHIFT | (CSR_IPI + (core % CSR_CORES << 8));
}

/* Where register @n of the CPU's own package or core is. */
static uint64_t csr_place(const MipsCpu *c, uint64_t n)
{
    uint64_t core = c->cp0[CP0_EBASE] & EBASE_CPUNUM;
    uint64_t node = CSR_PHYSICAL | core / CSR_CORES << CSR_NODE_SHIFT;

    if (n < CSR_PUBLIC_BYTES) {
        return node | (CSR_PUBLIC + n);
    }
    return n - CSR_OWN < CSR_OWN_BYTES ? csr_ipi(core) + (n - CSR_OWN) : node | CSR_NONE;
}

/* @size: log2. What is not there reads as 0. */
static uint64_t csr_read(Cpu *cpu, uint64_t n, uint64_t size)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t v = 0;

    if (!tcg_read(cpu, csr_place(c, n), mips_mmu_mode(c), (uint32_t)size | IR_MO_ALIGN_NATURAL,
                  &v)) {
        return 0;
    }
    return v;
}

static uint64_t csr_write(Cpu *cpu, uint64_t n, uint64_t v, uint64_t size)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t at = csr_place(c, n), core = v >> 16 & EBASE_CPUNUM;

    if (n == CSR_IPI_SEND) { /* a request's number */
        at = csr_ipi(core) + CSR_IPI_SET;
        v = 1u << (v & 31);
        size = 2;
    } else if (n == CSR_MAIL_SEND) { /* half a mailbox: its number in bits 4..2 */
        at = csr_ipi(core) + CSR_IPI_BUF + (v & 0x1c);
        v >>= 32;
        size = 2;
    }
    (void)tcg_write(cpu, at, mips_mmu_mode(c), (uint32_t)size | IR_MO_ALIGN_NATURAL, v);
    return 0;
}

static IrVal csr_get(Trans *t, unsigned rs, unsigned size)
{
    static const IrHelper h = { "rdcsr", (void (*)(void))csr_read, IR_I64, 2,
                                IR_HELPER_RAISES | IR_HELPER_WRITES };

    return ir_call(t->ir, &h, mips_r(t, rs), ir_i64(t->ir, size), IR_NONE, IR_NONE);
}

static void csr_set(Trans *t, const ArgsGscfg *a, unsigned size)
{
    static const IrHelper h = { "wrcsr", (void (*)(void))csr_write, IR_VOID, 3,
                                IR_HELPER_RAISES | IR_HELPER_WRITES };

    ir_call(t->ir, &h, mips_r(t, a->rs), mips_r(t, a->rd), ir_i64(t->ir, size), IR_NONE);
}

/* They are the kernel's. */
bool mips_rdcsr(Trans *t, const ArgsGscfg *a)
{
    if (mips_check_cp0(t)) {
        mips_set_r32(t, a->rd, ir_trunc(t->ir, csr_get(t, a->rs, 2)));
    }
    return true;
}

bool mips_drdcsr(Trans *t, const ArgsGscfg *a)
{
    if (mips_check_cp0(t)) {
        mips_set_r(t, a->rd, csr_get(t, a->rs, 3));
    }
    return true;
}

bool mips_wrcsr(Trans *t, const ArgsGscfg *a)
{
    if (mips_check_cp0(t)) {
        csr_set(t, a, 2);
    }
    return true;
}

bool mips_dwrcsr(Trans *t, const ArgsGscfg *a)
{
    if (mips_check_cp0(t)) {
        csr_set(t, a, 3);
    }
    return true;
}
