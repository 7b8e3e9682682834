/* SPDX-License-Identifier: Apache-2.0 */
/* MIPS CPUs as devices: properties, pins, reset, saved state. */
#include "target/mips/cpu.h"

#include "target/mips/cp0.h"
#include "target/mips/exception.h"
#include "target/mips/fp.h"
#include "target/mips/model.h"
#include "target/mips/tlb.h"
#include "target/mips/watch.h"

#include <string.h>

enum { CPU_COUNT_HZ = 100000000 };

#define SUFFIX "-mips-cpu"

static void cpu_mips_reset(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);

    memset(c->r, 0, sizeof(c->r));
    memset(c->hi, 0, sizeof(c->hi));
    memset(c->lo, 0, sizeof(c->lo));
    memset(c->f, 0, sizeof(c->f));
    memset(c->tlb, 0, sizeof(c->tlb));
    mips_tlb_drop(c);
    for (unsigned i = 0; i < MIPS_TLB_MAX; i++) { /* entries of no address; EHINV needs none */
        c->tlb[i].invalid = true;
        c->tlb[i].mask = 0x1fff;
    }
    memset(&c->exc, 0, sizeof(c->exc));
    memset(&c->fp, 0, sizeof(c->fp));
    c->in_slot = c->flags = c->half = c->forbidden = 0;
    c->dspcontrol = c->msacsr = 0;
    c->target = 0;
    c->llval = 0;
    cpu->raised = false;
    mips_cp0_reset(c);
    mips_fp_set_control(c, c->model->fcr31);
    c->isa16 = mips_cpu_has(c, MIPS_FEAT_MICROMIPS) && c->cp0[CP0_CONFIG3] >> CONFIG3_ISA_SHIFT & 1;
    c->pc = mips_cpu_has(c, MIPS_FEAT_M64) ? 0xffffffffbfc00000ull : 0xbfc00000u;
    mips_timer_update(c);
}

static bool cpu_mips_has_work(Cpu *cpu)
{
    return mips_has_work(cpu);
}

static GuestVirt cpu_mips_get_pc(const Cpu *cpu)
{
    return mips_resume_pc((const MipsCpu *)cpu) & ~1ull;
}

static void cpu_mips_set_pc(Cpu *cpu, GuestVirt pc)
{
    mips_set_resume_pc(mips_cpu(cpu), pc);
}

static bool cpu_mips_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs)
{
    *attrs = (MemAttrs){ .debug = 1 };
    return mips_debug_translate(cpu, va, pa);
}

static const CpuTargetOps cpu_mips_ops = {
    .reset = cpu_mips_reset,
    .has_work = cpu_mips_has_work,
    .get_pc = cpu_mips_get_pc,
    .set_pc = cpu_mips_set_pc,
    .debug_translate = cpu_mips_debug_translate,
};

/* The model's name is the type's without its ending. */
static const MipsModel *cpu_mips_model(const DeviceType *type)
{
    for (const MipsModel *const *m = mips_models; *m; m++) {
        size_t n = strlen((*m)->name);

        if (!strncmp(type->name, (*m)->name, n) && !strcmp(type->name + n, SUFFIX)) {
            return *m;
        }
    }
    return NULL;
}

bool mips_cpu_start(Device *dev, GError **err)
{
    MipsCpu *c = device_as(dev, MipsCpu);

    c->model = cpu_mips_model(dev->type);
    if (!c->model) {
        return error_set(err, "'%s' is no CPU by itself; choose a model", dev->type->name);
    }
    c->features = c->model->features;
    c->features |= c->csr && mips_cpu_has(c, MIPS_FEAT_LEXT2) ? 1ull << MIPS_FEAT_LCSR : 0;
    c->vpn2_mask = mips_tlb_vpn2_mask(c->model);
    if (mips_cpu_has(c, MIPS_FEAT_M64)) {
        c->cpu.target = c->big_endian ? &target_mips64 : &target_mips64el;
    } else {
        c->cpu.target = c->big_endian ? &target_mips : &target_mipsel;
    }
    c->cpu.target_ops = &cpu_mips_ops;
    return true;
}

static bool cpu_mips_loaded(Device *dev, GError **err)
{
    MipsCpu *c = device_as(dev, MipsCpu);

    mips_fp_set_control(c, c->fcr31);
    mips_watch_loaded(c);
    for (unsigned n = 0; MIPS_OWN_LINES >> n; n++) {
        if (MIPS_OWN_LINES >> n & 1) {
            cpu_set_line(&c->cpu, n, c->own_lines >> n & 1);
        }
    }
    for (unsigned i = 0; i < MIPS_TLB_MAX; i++) {
        c->tlb[i].mask |= 0x1fff;
    }
    return true;
}

static void cpu_mips_saving(Device *dev)
{
    MipsCpu *c = device_as(dev, MipsCpu);

    c->fcr31 = mips_fp_control(c);
    c->own_lines = cpu_lines(&c->cpu) & MIPS_OWN_LINES;
    mips_tlb_drop(c);
}

static void cpu_mips_irq(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), 2 + n, level);
}

/* ---- tables ---- */

#define PROP_AS(name_, m, ty, def_, doc_)                                                   \
    {                                                                                       \
        name_, FIELD_PROP, ty, .at = offsetof(MipsCpu, m), .size = MEMBER_SIZE(MipsCpu, m), \
                               .def = (def_), .doc = (doc_)                                 \
    }

static const Field cpu_mips_fields[] = {
    PROP_AS("big-endian", big_endian, TYPE_BOOL, false, "byte order at reset"),
    PROP_AS("count-frequency", count_hz, TYPE_U64, CPU_COUNT_HZ, "how fast Count goes, Hz"),
    PROP_AS("csr", csr, TYPE_BOOL, false, "Loongson's registers of the package are in memory"),
    PROP_AS("eic", eic, TYPE_BOOL, false,
            "lines 2 to 7 are the level of an external interrupt controller's request (VEIC)"),
    STATE_ARRAY(MipsCpu, r, .no_reset = true),
    STATE_ARRAY(MipsCpu, hi, .no_reset = true),
    STATE_ARRAY(MipsCpu, lo, .no_reset = true),
    STATE_U64(MipsCpu, pc, .no_reset = true),
    STATE_U64(MipsCpu, target, .no_reset = true),
    STATE_U32(MipsCpu, in_slot, .no_reset = true, .max = 4),
    STATE_U32(MipsCpu, forbidden, .no_reset = true, .max = 1),
    STATE_U32(MipsCpu, isa16, .no_reset = true, .max = 1),
    STATE_U32(MipsCpu, half, .no_reset = true, .max = MIPS_HALF | 0xffff),
    STATE_U32(MipsCpu, fcr31, .no_reset = true),
    STATE_U32(MipsCpu, dspcontrol, .no_reset = true),
    STATE_U32(MipsCpu, msacsr, .no_reset = true),
    STATE_U32(MipsCpu, count_base, .no_reset = true),
    STATE_U32(MipsCpu, random_state, .no_reset = true),
    STATE_U32(MipsCpu, own_lines, .no_reset = true, .max = MIPS_OWN_LINES),
    STATE_ARRAY(MipsCpu, cp0, .no_reset = true),
    STATE_ARRAY(MipsCpu, maar, .no_reset = true),
    STATE_BANK(MipsCpu, tlb, vpn2, .no_reset = true),
    STATE_BANK(MipsCpu, tlb, mask, .no_reset = true),
    STATE_BANK(MipsCpu, tlb, lo[0], .no_reset = true),
    STATE_BANK(MipsCpu, tlb, lo[1], .no_reset = true),
    STATE_BANK(MipsCpu, tlb, asid, .no_reset = true),
    STATE_BANK(MipsCpu, tlb, global, .no_reset = true, .max = 1),
    STATE_BANK(MipsCpu, tlb, invalid, .no_reset = true, .max = 1),
    { "f", FIELD_STATE, TYPE_U64, .at = offsetof(MipsCpu, f), .size = 8, .count = 64,
      .no_reset = true },
    STATE_TIMERS(MipsCpu, timer, mips_timer_fired, .no_reset = true),
    PIN_IN_DIRECT("irq", cpu_mips_irq, .count = 6),
    SCRATCH(MipsCpu, flags),
    SCRATCH(MipsCpu, fp), /* follows from fcr31 */
    SCRATCH(MipsCpu, fp_last_op),
    SCRATCH(MipsCpu, part_va),
    SCRATCH(MipsCpu, fp_last),
    SCRATCH(MipsCpu, features),
    SCRATCH(MipsCpu, vpn2_mask), /* follows from the model */
    SCRATCH(MipsCpu, watching),  /* follows from WatchLo */
    SCRATCH(MipsCpu, exc),       /* entered before a vCPU stops */
    SCRATCH(MipsCpu, model),
    SCRATCH(MipsCpu, llval),
    SCRATCH(MipsCpu, kept), /* dropped when a state is saved */
    SCRATCH(MipsCpu, kept_large),
    SCRATCH(MipsCpu, kept_mask),
    SCRATCH(MipsCpu, n_kept),
    SCRATCH(MipsCpu, n_kept_large),
    SCRATCH(MipsCpu, next_kept_large),
    SCRATCH(MipsCpu, kept_wi),
    SCRATCH(MipsCpu, timer_from), /* the timer's own look at it comes all the same */
};

const DeviceType device_mips_cpu = {
    .name = "mips-cpu",
    .doc = "MIPS CPU",
    .base = &device_cpu,
    .size = sizeof(MipsCpu),
    .fields = TABLE(cpu_mips_fields),
    .start = mips_cpu_start,
    .saving = cpu_mips_saving,
    .loaded = cpu_mips_loaded,
};
