/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enhanced virtual addressing. Spec: Volume II-A (MD00086, release 5), the instructions; Vol. III,
 * 4.13 (EVA), 4.1 (programmable segmentation), 9.16 to 9.18 (SegCtl).
 */
#include "target/mips/eva.h"

#include "accel/tcg/tcg.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"
#include "target/mips/translate.h"

/* ---- instructions ---- */

typedef bool EvaAccess(Trans *t, const ArgsMem *a);

/* The access in the MMU mode of user programs; a privileged instruction. */
static bool eva_access(Trans *t, const ArgsEvamem *a, EvaAccess *f)
{
    unsigned mode = t->mode;
    bool ok = true;

    if (mips_check_cp0(t)) {
        t->mode = MIPS_MODE_USER;
        ok = f(t, &(ArgsMem){ .base = a->base, .rt = a->rt, .offset = a->offset });
        t->mode = mode;
    }
    return ok;
}

#define EVA(name, as)                               \
    bool mips_##name(Trans *t, const ArgsEvamem *a) \
    {                                               \
        return eva_access(t, a, mips_##as);         \
    }

EVA(lbe, lb)
EVA(lhe, lh)
EVA(lwe, lw)
EVA(lbue, lbu)
EVA(lhue, lhu)
EVA(sbe, sb)
EVA(she, sh)
EVA(swe, sw)
EVA(lwle, lwl)
EVA(lwre, lwr)
EVA(swle, swl)
EVA(swre, swr)
EVA(lle, ll)
EVA(sce, sc)

/* Caches are not modelled. */
bool mips_cachee(Trans *t, const ArgsEvaop *a)
{
    mips_check_cp0(t);
    return true;
}

bool mips_prefe(Trans *t, const ArgsEvaop *a)
{
    mips_check_cp0(t);
    return true;
}

/* ERET that does not end a sequence of LL and SC. */
bool mips_eretnc(Trans *t, const ArgsNone *a)
{
    static const IrHelper h = { "eretnc", (void (*)(void))mips_helper_eretnc, IR_I64, 0,
                                IR_HELPER_WRITES };

    if (t->in_slot) {
        return false;
    }
    if (mips_check_cp0(t)) {
        ir_exit_loop_at(t->ir, ir_call(t->ir, &h, IR_NONE, IR_NONE, IR_NONE, IR_NONE));
        t->ended = true;
    }
    return true;
}

/* ---- segmentation control ---- */

enum {
    CFG_EU = 1 << 3, /* not mapped where Status.ERL is set */
    CFG_AM_SHIFT = 4,
    CFG_PA_SHIFT = 9, /* bits 35 to 29 of the physical address */
    SEGMENT_SHIFT = 29,
};

/* The field of @va's segment: 0 to 3 are the upper four of 512 MiB, 4 and 5 of 1 GiB. */
static uint32_t eva_config(const MipsCpu *c, uint32_t va, uint32_t *bytes)
{
    unsigned top = va >> SEGMENT_SHIFT, n = top >= 4 ? 7 - top : top >= 2 ? 4 : 5;

    *bytes = n < 4 ? 1u << SEGMENT_SHIFT : 2u << SEGMENT_SHIFT;
    return c->cp0[CP0_SEGCTL0 + n / 2] >> n % 2 * 16 & 0xffff;
}

MipsEvaKind mips_eva_segment(const MipsCpu *c, uint32_t va, unsigned mode, uint64_t *pa)
{
    /* By access mode (UK, MK, MSK, MUSK, MUSUK, USK, reserved, UUSK): for user, supervisor, kernel
     * mode an error, mapped or direct. */
    enum { E = MIPS_EVA_ERROR, M = MIPS_EVA_MAPPED, U = MIPS_EVA_DIRECT };
    static const uint8_t access[8][3] = {
        { E, E, U }, { E, E, M }, { E, M, M }, { M, M, M },
        { M, M, U }, { E, U, U }, { E, E, E }, { U, U, U },
    };
    unsigned column = mode == MIPS_MODE_USER ? 0 : mode == MIPS_MODE_SUPER ? 1 : 2;
    uint32_t bytes, config = eva_config(c, va, &bytes);
    uint64_t base = (uint64_t)(config >> CFG_PA_SHIFT) << SEGMENT_SHIFT & ~(uint64_t)(bytes - 1);

    *pa = base | (va & (bytes - 1));
    if (mode == MIPS_MODE_ERROR && config & CFG_EU) {
        return MIPS_EVA_DIRECT;
    }
    return (MipsEvaKind)access[config >> CFG_AM_SHIFT & 7][column];
}

/* As without it: kseg3 and ksseg mapped, kseg1 and kseg0 direct, the lower 2 GiB mapped. */
void mips_eva_reset(MipsCpu *c)
{
    c->cp0[CP0_SEGCTL0] = 0x00200010;
    c->cp0[CP0_SEGCTL1] = 0x00030002;
    c->cp0[CP0_SEGCTL2] = 0x003a043a;
}

void mips_eva_changed(MipsCpu *c)
{
    tcg_tlb_flush_modes(&c->cpu, MIPS_ALL_MODES);
}
