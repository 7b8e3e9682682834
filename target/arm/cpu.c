/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm CPUs as devices: properties, pins, reset, saved state.
 * Spec: Arm ARM DDI 0487, D1.2 (registers), D1.10 (reset).
 */
#include "target/arm/cpu.h"

#include "target/arm/exception.h"
#include "target/arm/mmu.h"
#include "target/arm/model.h"
#include "target/arm/sysreg.h"
#include "util/suggest.h"

enum { CPU_MAX_MODELS = 16, CPU_CNTFRQ_HZ = 62500000 };

#define SUFFIX "-arm-cpu"

/* ---- what every target's CPU gives the core ---- */

static void cpu_arm_reset(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    memset(c->x, 0, sizeof(c->x));
    memset(c->v, 0, sizeof(c->v));
    memset(c->sp_el, 0, sizeof(c->sp_el));
    memset(c->elr_el, 0, sizeof(c->elr_el));
    memset(c->spsr_el, 0, sizeof(c->spsr_el));
    memset(&c->fp, 0, sizeof(c->fp));
    memset(&c->exc, 0, sizeof(c->exc));
    c->sp = 0;
    c->flags = 0;
    c->btype = 0;
    c->fpcr = 0;
    c->pan = c->uao = c->ssbs = c->dit = c->il = c->ss = c->tco = 0;
    c->event = 0;
    c->waiting = ARM_WAIT_NONE;
    cpu->raised = false;
    arm_sys_reset(c);
    c->sys.cntfrq[0] = c->cntfrq;
    c->el = arm_has(c, ARM_FEAT_EL3) ? 3 : arm_has(c, ARM_FEAT_EL2) ? 2 : 1;
    c->sp_sel = 1;
    c->daif = 15;
    c->pc = c->rvbar;
    for (unsigned n = 0; n < ARM_N_TIMERS; n++) {
        timer_cancel(&c->timer[n]);
    }
}

static bool cpu_arm_has_work(Cpu *cpu)
{
    return arm_has_work(cpu);
}

static GuestVirt cpu_arm_get_pc(const Cpu *cpu)
{
    return ((const ArmCpu *)cpu)->pc;
}

static void cpu_arm_set_pc(Cpu *cpu, GuestVirt pc)
{
    arm_cpu(cpu)->pc = pc;
}

static bool cpu_arm_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs)
{
    *attrs = (MemAttrs){ .debug = 1 };
    return arm_debug_translate(cpu, va, pa);
}

static const CpuTargetOps cpu_arm_ops = {
    .reset = cpu_arm_reset,
    .has_work = cpu_arm_has_work,
    .get_pc = cpu_arm_get_pc,
    .set_pc = cpu_arm_set_pc,
    .debug_translate = cpu_arm_debug_translate,
};

/* ---- features ---- */

static void cpu_arm_set_pauth(ArmCpu *c)
{
    if (!c->prop_pauth) {
        c->features &= ~(1ull << ARM_FEAT_PAUTH);
        return;
    }
    /* API and GPI, or APA and GPA: address and generic authentication, first version */
    c->id.aa64isar1 |= c->prop_pauth_impdef ? 1ull << 8 | 1ull << 28 : 1ull << 4 | 1ull << 24;
}

static bool cpu_arm_configure(ArmCpu *c, GError **err)
{
    const ArmModel *m = c->model;
    Device *dev = &c->cpu.dev;

    c->id = m->id;
    c->features = m->features;
    if (c->prop_sve) {
        return error_set(err,
                         "%s: sve=on: the Scalable Vector Extension is not there yet; use "
                         "sve=off",
                         m->name);
    }
    if (c->prop_pmu) {
        return error_set(err, "%s: pmu=on: performance monitors are not there yet; use pmu=off",
                         m->name);
    }
    if (c->prop_el2 || c->prop_el3) {
        return error_set(err, "%s: %s=on: only EL0 and EL1 are there yet", m->name,
                         c->prop_el2 ? "has_el2" : "has_el3");
    }
    if (!m->has_pauth_props &&
        (device_prop_is_set(dev, "pauth") || device_prop_is_set(dev, "pauth-impdef"))) {
        return error_set(err,
                         "%s has no pointer authentication; pauth and pauth-impdef are "
                         "properties of max",
                         m->name);
    }
    if (m->has_pauth_props) {
        cpu_arm_set_pauth(c);
    }
    c->id.aa64pfr0 &= ~0xff00ull; /* no EL2, EL3 */
    /* Uniprocessor bit clear, RES1 bit 31; four CPUs a cluster unless the board says. */
    c->id.mpidr = 1ull << 31 | (c->mp_affinity != UINT64_MAX
                                    ? c->mp_affinity & 0xff00ffffff
                                    : (uint64_t)(c->cpu.index & ~7) << 5 | (c->cpu.index & 7));
    return true;
}

/* The model's name is the type's without its ending. */
static const ArmModel *cpu_arm_model(const DeviceType *type)
{
    for (const ArmModel *const *m = arm_models; *m; m++) {
        size_t n = strlen((*m)->name);

        if (!strncmp(type->name, (*m)->name, n) && !strcmp(type->name + n, SUFFIX)) {
            return *m;
        }
    }
    return NULL;
}

bool arm_cpu_start(Device *dev, GError **err)
{
    ArmCpu *c = device_as(dev, ArmCpu);

    c->model = cpu_arm_model(dev->type);
    if (!c->model) {
        return error_set(err, "'%s' is no CPU by itself; choose a model", dev->type->name);
    }
    c->cpu.target = &target_aarch64;
    c->cpu.target_ops = &cpu_arm_ops;
    return cpu_arm_configure(c, err);
}

static void cpu_arm_settle(Device *dev)
{
    arm_timer_settle(device_as(dev, ArmCpu));
}

static void cpu_arm_saving(Device *dev)
{
    ArmCpu *c = device_as(dev, ArmCpu);

    c->fpsr = (uint32_t)arm_fpsr_read(c);
    /* The other bits are what a back end left there. */
    c->flags &= IR_FLAG_N | IR_FLAG_Z | IR_FLAG_C | IR_FLAG_V;
}

static bool cpu_arm_loaded(Device *dev, GError **err)
{
    ArmCpu *c = device_as(dev, ArmCpu);

    arm_fpcr_write(c, c->fpcr);
    arm_fpsr_write(c, c->fpsr);
    for (unsigned n = 0; n < ARM_N_TIMERS; n++) {
        arm_timer_update(c, n);
    }
    return true;
}

/* ---- pins ---- */

static void cpu_arm_irq(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), ARM_LINE_IRQ, level);
}

static void cpu_arm_fiq(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), ARM_LINE_FIQ, level);
}

static void cpu_arm_virq(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), ARM_LINE_VIRQ, level);
}

static void cpu_arm_vfiq(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), ARM_LINE_VFIQ, level);
}

/* ---- tables ---- */

static const char *const cpu_arm_conduits[] = { "disabled", "smc", "hvc", NULL };

#define PROP_AS(name_, m, ty, def_, doc_)                                                 \
    {                                                                                     \
        name_, FIELD_PROP, ty, .at = offsetof(ArmCpu, m), .size = MEMBER_SIZE(ArmCpu, m), \
                               .def = (def_), .doc = (doc_)                               \
    }
#define SYS_STATE(m, n)                                                        \
    { "sys." #m, FIELD_STATE,  TYPE_U64,        .at = offsetof(ArmCpu, sys.m), \
      .size = 8, .count = (n), .no_reset = true },

static const Field cpu_arm_fields[] = {
    PROP_AS("pauth", prop_pauth, TYPE_BOOL, true, "pointer authentication (max)"),
    PROP_AS("pauth-impdef", prop_pauth_impdef, TYPE_BOOL, true,
            "a cheap algorithm of our own rather than QARMA5 (max)"),
    PROP_AS("sve", prop_sve, TYPE_BOOL, false, "Scalable Vector Extension; must be off"),
    PROP_AS("has_el2", prop_el2, TYPE_BOOL, false, "exception level 2; must be off"),
    PROP_AS("has_el3", prop_el3, TYPE_BOOL, false, "exception level 3; must be off"),
    PROP_AS("pmu", prop_pmu, TYPE_BOOL, false, "performance monitors; must be off"),
    PROP_AS("rvbar", rvbar, TYPE_U64, 0, "address of the first instruction after reset"),
    PROP_AS("mp-affinity", mp_affinity, TYPE_U64, UINT64_MAX, "affinity fields of MPIDR_EL1"),
    PROP_AS("cntfrq", cntfrq, TYPE_U64, CPU_CNTFRQ_HZ, "what CNTFRQ_EL0 says, Hz"),
    { "psci-conduit", FIELD_PROP, TYPE_ENUM, .at = offsetof(ArmCpu, psci_conduit), .size = 4,
      .names = cpu_arm_conduits, .def = ARM_CONDUIT_DISABLED,
      .doc = "instruction that calls the firmware's power control" },
    STATE_ARRAY(ArmCpu, x, .no_reset = true),
    STATE_U64(ArmCpu, sp, .no_reset = true),
    STATE_U64(ArmCpu, pc, .no_reset = true),
    STATE_U32(ArmCpu, flags, .no_reset = true),
    STATE_U32(ArmCpu, btype, .no_reset = true, .max = 3),
    { "v", FIELD_STATE, TYPE_U64, .at = offsetof(ArmCpu, v), .size = 8, .count = 64,
      .no_reset = true },
    STATE_ARRAY(ArmCpu, sp_el, .no_reset = true),
    STATE_ARRAY(ArmCpu, elr_el, .no_reset = true),
    STATE_ARRAY(ArmCpu, spsr_el, .no_reset = true),
    STATE_U64(ArmCpu, fpcr, .no_reset = true),
    STATE_U32(ArmCpu, fpsr, .no_reset = true),
    STATE_U8(ArmCpu, el, .no_reset = true, .max = 3),
    STATE_U8(ArmCpu, sp_sel, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, daif, .no_reset = true, .max = 15),
    STATE_U8(ArmCpu, pan, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, uao, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, ssbs, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, dit, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, il, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, ss, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, tco, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, event, .no_reset = true, .max = 1),
    STATE_U8(ArmCpu, spins, .no_reset = true),
    STATE_U8(ArmCpu, waiting, .no_reset = true, .max = ARM_WAIT_WFI),
    ARM_SYS_FIELDS(SYS_STATE) STATE_TIMERS(ArmCpu, timer, arm_timer_fired, .no_reset = true),
    PIN_OUT(ArmCpu, timer_irq),
    PIN_IN_DIRECT("irq", cpu_arm_irq),
    PIN_IN_DIRECT("fiq", cpu_arm_fiq),
    PIN_IN_DIRECT("virq", cpu_arm_virq),
    PIN_IN_DIRECT("vfiq", cpu_arm_vfiq),
    SCRATCH(ArmCpu, fp), /* follows from fpcr and fpsr */
    SCRATCH(ArmCpu, features),
    SCRATCH(ArmCpu, exc),  /* entered before a vCPU stops */
    SCRATCH(ArmCpu, walk), /* every load changes the epoch */
    SCRATCH(ArmCpu, id),
    SCRATCH(ArmCpu, sys_kept),
    SCRATCH(ArmCpu, model),
};

const DeviceType device_arm_cpu = {
    .name = "arm-cpu",
    .doc = "Arm CPU",
    .base = &device_cpu,
    .size = sizeof(ArmCpu),
    .fields = TABLE(cpu_arm_fields),
    .start = arm_cpu_start,
    .settle = cpu_arm_settle,
    .saving = cpu_arm_saving,
    .loaded = cpu_arm_loaded,
};

/* ---- by name ---- */

static const DeviceType *cpu_arm_type(const char *name, GError **err)
{
    const char *names[CPU_MAX_MODELS];
    g_autofree char *near = NULL;
    size_t n = 0;

    for (; arm_models[n]; n++) {
        names[n] = arm_models[n]->name;
        if (!strcmp(name, names[n])) {
            return arm_cpu_types[n];
        }
    }
    near = suggest_or_list(name, names, n, n);
    error_set(err, "-cpu %s: no such CPU model%s", name, near);
    return NULL;
}

ArmCpu *arm_cpu_new(Machine *m, const char *text, unsigned index, GError **err)
{
    const char *comma = strchr(text, ',');
    g_autofree char *name = comma ? g_strndup(text, (gsize)(comma - text)) : g_strdup(text);
    g_autofree char *id = g_strdup_printf("cpu%u", index);
    const DeviceType *type = cpu_arm_type(name, err);
    Cpu *cpu;

    if (!type) {
        return NULL;
    }
    cpu = cpu_new(m, type, NULL, id);
    if (comma && !device_set_props(&cpu->dev, comma + 1, err)) {
        g_prefix_error(err, "-cpu %s: ", text);
        return NULL;
    }
    return arm_cpu(cpu);
}

char *arm_cpu_help(void)
{
    GString *s = g_string_new("Available CPUs:\n");

    for (const ArmModel *const *m = arm_models; *m; m++) {
        g_string_append_printf(s, "  %-14s %s\n", (*m)->name, (*m)->doc);
    }
    return g_string_free(s, FALSE);
}
