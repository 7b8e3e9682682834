/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86 CPUs as devices: properties, pins, reset, saved state.
 * Spec: Intel SDM volume 3, 9.1 (reset).
 */
#include "target/i386/cpu.h"

#include "core/device.h"
#include "target/i386/features.h"

#include <string.h>

unsigned x86_code_bits(const X86Cpu *c)
{
    if (c->efer & X86_EFER_LMA && c->seg[X86_CS].attr & X86_SEG_L) {
        return 64;
    }
    return c->cr0 & X86_CR0_PE && c->seg[X86_CS].attr & X86_SEG_DB ? 32 : 16;
}

/* ---- Reset ---- */

enum {
    RESET_DATA_SEG = 0x93, /* present, writable, accessed */
    RESET_CODE_SEG = 0x9b, /* present, readable, accessed */
    RESET_LDT = 0x82,
    RESET_TSS = 0x8b,
    RESET_MXCSR = 0x1f80,
    RESET_FCW = 0x37f,
    XSAVE_MXCSR = 24 / 8,
    XSAVE_HEADER = 512 / 8,
    APIC_BASE = 0xfee00000,
    APIC_BASE_BSP = 1 << 8,
    APIC_BASE_ENABLE = 1 << 11,
};

static const X86Segment reset_segment = { 0, 0xffff, RESET_DATA_SEG, 0 };

void x86_reset(X86Cpu *c)
{
    memset(c->regs, 0, sizeof(c->regs));
    memset(c->dr, 0, sizeof(c->dr));
    memset(c->xsave_area, 0, sizeof(c->xsave_area));
    c->regs[X86_RDX] = 0x60fb1; /* family, model, stepping */
    c->rip = 0xfff0;
    c->rflags = X86_RFLAGS_1;
    for (unsigned i = 0; i < X86_N_SEGS; i++) {
        c->seg[i] = reset_segment;
    }
    c->seg[X86_CS] = (X86Segment){ 0xffff0000, 0xffff, RESET_CODE_SEG, 0xf000 };
    c->ldt = (X86Segment){ 0, 0xffff, RESET_LDT, 0 };
    c->tr = (X86Segment){ 0, 0xffff, RESET_TSS, 0 };
    c->gdt_base = c->idt_base = 0;
    c->gdt_limit = c->idt_limit = 0xffff;
    c->cr0 = X86_CR0_ET | X86_CR0_NW | X86_CR0_CD;
    c->cr2 = c->cr3 = c->cr4 = c->cr8 = c->efer = 0;
    c->xcr0 = 1;
    c->dr[6] = 0xffff0ff0;
    c->dr[7] = 0x400;
    c->xsave_area[0] = RESET_FCW;
    c->xsave_area[XSAVE_MXCSR] = RESET_MXCSR;
    c->xsave_area[XSAVE_HEADER] = 3;
    c->apic_base = APIC_BASE | APIC_BASE_ENABLE | (c->cpu.index ? 0 : APIC_BASE_BSP);
    c->exception = c->interrupt = 0;
    c->exception_pending = c->nmi_pending = c->nmi_masked = c->shadow = 0;
    c->mp_state = c->cpu.index ? X86_MP_UNINITIALIZED : X86_MP_RUNNABLE;
    memcpy(c->msr_value, c->msr_reset, sizeof(c->msr_value));
}

static void cpu_x86_reset(Cpu *cpu)
{
    x86_reset(x86_cpu(cpu));
}

static bool cpu_x86_has_work(Cpu *cpu)
{
    X86Cpu *c = x86_cpu(cpu);
    uint32_t lines = cpu_lines(cpu);

    return (lines & 1u << X86_LINE_INTR && c->rflags & X86_RFLAGS_IF) ||
           lines & (1u << X86_LINE_NMI | 1u << X86_LINE_SMI | 1u << X86_LINE_INIT);
}

/* ---- INIT, start-up, NMI ---- */

/* Volume 3, 9.1 and table 9-1: INIT keeps caches' modes, FPU and MSRs. */
static void cpu_x86_do_init(Cpu *cpu, void *arg)
{
    X86Cpu *c = x86_cpu(cpu);
    g_autofree X86Cpu *old = g_memdup2(c, sizeof(*c));

    x86_reset(c);
    memcpy(c->xsave_area, old->xsave_area, sizeof(c->xsave_area));
    memcpy(c->msr_value, old->msr_value, sizeof(c->msr_value));
    c->xcr0 = old->xcr0;
    c->apic_base = old->apic_base;
    c->cr0 = X86_CR0_ET | (old->cr0 & (uint64_t)(X86_CR0_NW | X86_CR0_CD));
    cpu_park(cpu, cpu->index != 0);
    cpu_state_changed(cpu);
}

static void cpu_x86_init(Cpu *cpu)
{
    cpu_run_on(cpu, cpu_x86_do_init, NULL);
}

/* Volume 3, 11.4.4: it goes on at 000VV000h; one that does not wait for it takes no notice. */
static void cpu_x86_do_startup(Cpu *cpu, void *arg)
{
    X86Cpu *c = x86_cpu(cpu);
    uint32_t page = (uint32_t)(uintptr_t)arg;

    if (!cpu_is_parked(cpu)) {
        return;
    }
    c->seg[X86_CS].selector = page << 8;
    c->seg[X86_CS].base = page << 12;
    c->rip = 0;
    cpu_park(cpu, false);
    cpu_state_changed(cpu);
}

static void cpu_x86_startup(Cpu *cpu, unsigned page)
{
    cpu_run_on(cpu, cpu_x86_do_startup, (void *)(uintptr_t)page);
}

/* An edge: whoever runs the CPU takes the line down again. */
static void cpu_x86_send_nmi(Cpu *cpu)
{
    cpu_set_line(cpu, X86_LINE_NMI, true);
}

/* Debuggers see linear addresses. */
static GuestVirt cpu_x86_get_pc(const Cpu *cpu)
{
    const X86Cpu *c = (const X86Cpu *)cpu;

    return x86_code_bits(c) == 64 ? c->rip : (uint32_t)(c->seg[X86_CS].base + c->rip);
}

static void cpu_x86_set_pc(Cpu *cpu, GuestVirt pc)
{
    X86Cpu *c = x86_cpu(cpu);

    c->rip = x86_code_bits(c) == 64 ? pc : (uint32_t)(pc - c->seg[X86_CS].base);
}

static bool cpu_x86_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *pa, MemAttrs *attrs)
{
    *attrs = (MemAttrs){ .debug = 1 };
    return x86_debug_translate(cpu, va, pa);
}

static const CpuTargetOps cpu_x86_ops = {
    .reset = cpu_x86_reset,
    .has_work = cpu_x86_has_work,
    .init = cpu_x86_init,
    .startup = cpu_x86_startup,
    .nmi = cpu_x86_send_nmi,
    .get_pc = cpu_x86_get_pc,
    .set_pc = cpu_x86_set_pc,
    .debug_translate = cpu_x86_debug_translate,
};

/* ---- The device ---- */

static bool cpu_x86_start(Device *dev, GError **err)
{
    X86Cpu *c = device_as(dev, X86Cpu);

    c->cpu.target = &target_x86_64;
    c->cpu.target_ops = &cpu_x86_ops;
    if (!device_prop_is_set(dev, "apic-id")) {
        c->apic_id = (uint32_t)c->cpu.index;
    }
    return true;
}

static void cpu_x86_line(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), X86_LINE_INTR, level);
}

static void cpu_x86_nmi(Device *dev, unsigned n, bool level)
{
    cpu_set_line(cpu_of(dev), X86_LINE_NMI, level);
}

#define SEGMENT(m)                                                                             \
    STATE_U64(X86Cpu, m.base, .no_reset = true), STATE_U32(X86Cpu, m.limit, .no_reset = true), \
        STATE_U32(X86Cpu, m.attr, .no_reset = true),                                           \
        STATE_U32(X86Cpu, m.selector, .no_reset = true)
#define EVENT(m) STATE_U8(X86Cpu, m, .no_reset = true)

/* A property for each row: its place is the row's line. */
enum { FIRST_FEATURE_LINE = 3 };
#define FEATURE(word, bit_, name_)                                                \
    { name_,     FIELD_PROP,                                                      \
      TYPE_BOOL, .at = offsetof(X86Cpu, feature) + __LINE__ - FIRST_FEATURE_LINE, \
      .size = 1, .doc = "feature of CPUID" },

static const Field cpu_x86_fields[] = {
#include "target/i386/features.def"
    PROP_U32(X86Cpu, cores, 1, .min = 1, .max = 4096, .doc = "cores of its package"),
    PROP_U32(X86Cpu, threads, 1, .min = 1, .max = 4096, .doc = "threads of its core"),
    PROP_BOOL(X86Cpu, check, true, .doc = "warn of features that the host lacks"),
    PROP_BOOL(X86Cpu, enforce, false, .doc = "refuse to start without them"),
    PROP_BOOL(X86Cpu, migratable, true, .doc = "host, max: without what cannot move (invtsc)"),
    PROP_BOOL(X86Cpu, kvm, true, .doc = "show that this is KVM"),
    { "host-phys-bits", FIELD_PROP, TYPE_BOOL, FIELD_AT(X86Cpu, host_phys_bits, 1),
      .doc = "named models: as many address bits as the host has, not 40 at most" },
    { "tsc-frequency", FIELD_PROP, TYPE_U64, FIELD_AT(X86Cpu, tsc_frequency, 8),
      .doc = "Hz; 0: the host's" },
    { "apic-id", FIELD_PROP, TYPE_U32, .at = offsetof(X86Cpu, apic_id), .size = 4,
      .doc = "identifier of the local APIC" },
    STATE_ARRAY(X86Cpu, regs, .no_reset = true),
    STATE_U64(X86Cpu, rip, .no_reset = true),
    STATE_U64(X86Cpu, rflags, .no_reset = true),
    SEGMENT(seg[X86_ES]),
    SEGMENT(seg[X86_CS]),
    SEGMENT(seg[X86_SS]),
    SEGMENT(seg[X86_DS]),
    SEGMENT(seg[X86_FS]),
    SEGMENT(seg[X86_GS]),
    SEGMENT(ldt),
    SEGMENT(tr),
    STATE_U64(X86Cpu, gdt_base, .no_reset = true),
    STATE_U64(X86Cpu, idt_base, .no_reset = true),
    STATE_U32(X86Cpu, gdt_limit, .no_reset = true),
    STATE_U32(X86Cpu, idt_limit, .no_reset = true),
    STATE_U64(X86Cpu, cr0, .no_reset = true),
    STATE_U64(X86Cpu, cr2, .no_reset = true),
    STATE_U64(X86Cpu, cr3, .no_reset = true),
    STATE_U64(X86Cpu, cr4, .no_reset = true),
    STATE_U64(X86Cpu, cr8, .no_reset = true),
    STATE_U64(X86Cpu, efer, .no_reset = true),
    STATE_U64(X86Cpu, apic_base, .no_reset = true),
    STATE_U64(X86Cpu, xcr0, .no_reset = true),
    STATE_ARRAY(X86Cpu, dr, .no_reset = true),
    STATE_ARRAY(X86Cpu, xsave_area, .no_reset = true),
    STATE_U32(X86Cpu, n_msrs, .no_reset = true, .max = X86_MAX_MSRS),
    STATE_ARRAY(X86Cpu, msr_index, .no_reset = true),
    STATE_ARRAY(X86Cpu, msr_value, .no_reset = true),
    STATE_U32(X86Cpu, exception, .no_reset = true),
    STATE_U32(X86Cpu, exception_error, .no_reset = true),
    STATE_U32(X86Cpu, interrupt, .no_reset = true),
    EVENT(exception_has_error),
    EVENT(exception_pending),
    EVENT(nmi_pending),
    EVENT(nmi_masked),
    EVENT(shadow),
    EVENT(interrupt_soft),
    STATE_U64(X86Cpu, exception_payload, .no_reset = true),
    STATE_U8(X86Cpu, mp_state, .no_reset = true, .max = X86_MP_SIPI),
    PIN_IN_DIRECT("intr", cpu_x86_line),
    PIN_IN_DIRECT("nmi", cpu_x86_nmi),
    SCRATCH(X86Cpu, msr_reset), /* what the accelerator gives a new CPU */
    SCRATCH(X86Cpu, cpuid),
    SCRATCH(X86Cpu, n_cpuid),
};

const DeviceType device_x86_cpu = {
    .name = "x86-cpu",
    .doc = "x86 CPU",
    .base = &device_cpu,
    .size = sizeof(X86Cpu),
    .fields = TABLE(cpu_x86_fields),
    .start = cpu_x86_start,
};

/* One row for each of x86_models, in its order. */
#define MODEL(i, name_)                                                         \
    static const DeviceType cpu_x86_model##i = { .name = name_ "-x86_64-cpu",   \
                                                 .doc = "x86 CPU model " name_, \
                                                 .base = &device_x86_cpu,       \
                                                 .size = sizeof(X86Cpu),        \
                                                 .start = cpu_x86_start,        \
                                                 .extra = &x86_models[i] };
MODEL(0, "host")
MODEL(1, "max")
MODEL(2, "qemu64")
MODEL(3, "kvm64")
MODEL(4, "x86-64-v1")
MODEL(5, "x86-64-v2")
MODEL(6, "x86-64-v3")
MODEL(7, "x86-64-v4")
MODEL(8, "Nehalem")
MODEL(9, "SandyBridge")
MODEL(10, "Haswell")
MODEL(11, "Broadwell")
MODEL(12, "Skylake-Client")
MODEL(13, "Skylake-Server")
MODEL(14, "Cascadelake-Server")
MODEL(15, "Icelake-Server")
MODEL(16, "EPYC")
MODEL(17, "EPYC-Rome")
MODEL(18, "EPYC-Milan")
const DeviceType *const x86_cpu_types[] = {
    &cpu_x86_model0,  &cpu_x86_model1,  &cpu_x86_model2,  &cpu_x86_model3,  &cpu_x86_model4,
    &cpu_x86_model5,  &cpu_x86_model6,  &cpu_x86_model7,  &cpu_x86_model8,  &cpu_x86_model9,
    &cpu_x86_model10, &cpu_x86_model11, &cpu_x86_model12, &cpu_x86_model13, &cpu_x86_model14,
    &cpu_x86_model15, &cpu_x86_model16, &cpu_x86_model17, &cpu_x86_model18, NULL
};
