/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86 registers between the Cpu and KVM.
 * Spec: Documentation/virt/kvm/api.rst, section 4; Intel SDM volumes 3 and 4.
 */
#include "target/i386/kvm-x86.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    /* Three pages that KVM needs on Intel hosts for real mode, where no RAM is and firmware is
     * not: below the last 256 KiB of firmware's 16 MiB. */
    KVM_X86_IDENTITY_MAP = 0xfeffc000,
    KVM_X86_TSS = 0xfeffd000,
    KVM_X86_PINS = 24, /* of the I/O APIC */
};

static bool kvm_x86_failed(Cpu *cpu, const char *what, int rc, GError **err)
{
    return rc >= 0 ||
           error_set(err, "KVM refuses %s of CPU %d: %s", what, cpu->index, g_strerror(-rc));
}

static bool kvm_x86_vm_init(Machine *m, GError **err)
{
    static const struct {
        unsigned cap;
        const char *name;
    } needed[] = {
        { KVM_CAP_USER_MEMORY, "USER_MEMORY" },   { KVM_CAP_EXT_CPUID, "EXT_CPUID" },
        { KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS" },   { KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
        { KVM_CAP_READONLY_MEM, "READONLY_MEM" }, { KVM_CAP_XSAVE, "XSAVE" },
        { KVM_CAP_DEBUGREGS, "DEBUGREGS" },
    };
    uint64_t identity = KVM_X86_IDENTITY_MAP;
    int rc;

    kvm_x86_soft_init(m);
    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (!kvm_check(m, needed[i].cap)) {
            return error_set(err,
                             "this host's KVM lacks KVM_CAP_%s: a kernel of 4.12 or later "
                             "has it",
                             needed[i].name);
        }
    }
    rc = kvm_vm_ioctl(m, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    if (rc >= 0) {
        rc = kvm_vm_ioctl(m, KVM_SET_TSS_ADDR, (void *)(uintptr_t)KVM_X86_TSS);
    }
    return rc >= 0 ? kvm_x86_irq_init(m, err)
                   : error_set(err, "KVM_SET_TSS_ADDR: %s", g_strerror(-rc));
}

static bool kvm_x86_has_pit(Machine *m)
{
    return kvm_irqchip(m) == KVM_IRQCHIP_ON && machine_wants_timer(m);
}

/* The interval timer is part of what the kernel has; its port 61h as well. */
static bool kvm_x86_irqchip_ready(Machine *m, GError **err)
{
    struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
    int rc = kvm_x86_has_pit(m) ? kvm_vm_ioctl(m, KVM_CREATE_PIT2, &pit) : 0;

    return rc >= 0 || error_set(err, "KVM makes no interval timer: %s", g_strerror(-rc));
}

/* KVM's own word for it: the HPET's legacy mode. Spec: api.rst, 4.72 KVM_SET_PIT2. */
static void kvm_x86_set_timer_line(Machine *m, bool on)
{
    struct kvm_pit_state2 pit = { 0 };
    uint32_t want;

    if (!kvm_x86_has_pit(m) || kvm_vm_ioctl(m, KVM_GET_PIT2, &pit) < 0) {
        return;
    }
    want = on ? pit.flags & ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY
              : pit.flags | KVM_PIT_FLAGS_HPET_LEGACY;
    if (want != pit.flags) {
        pit.flags = want;
        (void)kvm_vm_ioctl(m, KVM_SET_PIT2, &pit);
    }
}

/*
 * ISA lines lead to the 8259s and to the I/O APIC, at the pin of their number; but the timer's is
 * pin 2 there (as tables of firmware say, an override of its bus source).
 */
static void kvm_x86_routes(Machine *m)
{
    for (unsigned n = 0; kvm_irqchip(m) == KVM_IRQCHIP_ON && n < KVM_X86_PINS; n++) {
        if (n < 16 && n != 2) {
            kvm_route_pin(m, n, n < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, n % 8);
        }
        if (n != 2) {
            kvm_route_pin(m, n, KVM_IRQCHIP_IOAPIC, n ? n : 2);
        }
    }
}

/* The local APIC's identifier is the number of the vCPU. */
static unsigned long kvm_x86_vcpu_id(const Cpu *cpu)
{
    return ((const X86Cpu *)cpu)->apic_id;
}

/* Two 8259, the I/O APIC, the interval timer; then the local APIC of each CPU. */
enum { KVM_X86_CHIPS = 3 };

static uint32_t kvm_x86_irqchip_bytes(Machine *m)
{
    return KVM_X86_CHIPS * sizeof(struct kvm_irqchip) + sizeof(struct kvm_pit_state2) +
           machine_n_cpus(m) * sizeof(struct kvm_lapic_state) + sizeof(uint64_t);
}

static bool kvm_x86_chip_failed(const char *what, int rc, GError **err)
{
    return rc >= 0 || error_set(err, "KVM: the state of %s: %s", what, g_strerror(-rc));
}

/* The clock that kvmclock shows goes on from where it was. */
static bool kvm_x86_clock_move(Machine *m, uint8_t *state, bool set, GError **err)
{
    struct kvm_clock_data clock = { 0 };

    if (!kvm_check(m, KVM_CAP_ADJUST_CLOCK)) {
        return true;
    }
    if (set) {
        memcpy(&clock.clock, state, sizeof(clock.clock));
    }
    if (!kvm_x86_chip_failed("the paravirtual clock",
                             kvm_vm_ioctl(m, set ? KVM_SET_CLOCK : KVM_GET_CLOCK, &clock), err)) {
        return false;
    }
    memcpy(state, &clock.clock, sizeof(clock.clock));
    return true;
}

/* @set: from @state; else into it. What the kernel does not have is zeros. */
static bool kvm_x86_irqchip_move(Machine *m, uint8_t *state, bool set, GError **err)
{
    bool all = kvm_irqchip(m) == KVM_IRQCHIP_ON;

    for (uint32_t n = 0; n < KVM_X86_CHIPS; n++, state += sizeof(struct kvm_irqchip)) {
        struct kvm_irqchip chip = { .chip_id = n };

        if (set) {
            memcpy(&chip, state, sizeof(chip));
            chip.chip_id = n;
        }
        if (all && !kvm_x86_chip_failed(
                       "an interrupt controller",
                       kvm_vm_ioctl(m, set ? KVM_SET_IRQCHIP : KVM_GET_IRQCHIP, &chip), err)) {
            return false;
        }
        memcpy(state, &chip, set ? 0 : sizeof(chip));
    }
    if (kvm_x86_has_pit(m) &&
        !kvm_x86_chip_failed("the interval timer",
                             kvm_vm_ioctl(m, set ? KVM_SET_PIT2 : KVM_GET_PIT2, state), err)) {
        return false;
    }
    state += sizeof(struct kvm_pit_state2);
    for (unsigned i = 0; i < machine_n_cpus(m); i++, state += sizeof(struct kvm_lapic_state)) {
        if (!kvm_x86_chip_failed(
                "a local APIC",
                kvm_vcpu_ioctl(machine_cpu(m, i), set ? KVM_SET_LAPIC : KVM_GET_LAPIC, state),
                err)) {
            return false;
        }
    }
    return kvm_x86_clock_move(m, state, set, err);
}

static bool kvm_x86_irqchip_get(Machine *m, uint8_t *state, GError **err)
{
    memset(state, 0, kvm_x86_irqchip_bytes(m));
    return kvm_x86_irqchip_move(m, state, false, err);
}

static bool kvm_x86_irqchip_set(Machine *m, const uint8_t *state, GError **err)
{
    g_autofree uint8_t *copy = g_memdup2(state, kvm_x86_irqchip_bytes(m));

    return kvm_x86_irqchip_move(m, copy, true, err);
}

/* ---- Model-specific registers ---- */

/* Saved where the host has them. KVM's own clock registers come after the time-stamp counter. */
static const uint32_t kvm_x86_msrs[] = {
    0x10,                                                        /* IA32_TIME_STAMP_COUNTER */
    0x3b,                                                        /* IA32_TSC_ADJUST */
    0x3a,                                                        /* IA32_FEATURE_CONTROL */
    0x48,                                                        /* IA32_SPEC_CTRL */
    0x174,                                                       /* IA32_SYSENTER_CS */
    0x175,                                                       /* IA32_SYSENTER_ESP */
    0x176,                                                       /* IA32_SYSENTER_EIP */
    0x179,                                                       /* IA32_MCG_CAP */
    0x17a,                                                       /* IA32_MCG_STATUS */
    0x1a0,                                                       /* IA32_MISC_ENABLE */
    0x1d9,                                                       /* IA32_DEBUGCTL */
    0x200,      0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, /* IA32_MTRR_PHYSBASEn, MASKn */
    0x208,      0x209, 0x20a, 0x20b, 0x20c, 0x20d, 0x20e, 0x20f, 0x250, 0x258,
    0x259,      0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f, /* fixed */
    0x277,                                                              /* IA32_PAT */
    0x2ff,                                                              /* IA32_MTRR_DEF_TYPE */
    0x6e0,                                                              /* IA32_TSC_DEADLINE */
    0xda0,                                                              /* IA32_XSS */
    0xc0000081,                                                         /* STAR */
    0xc0000082,                                                         /* LSTAR */
    0xc0000083,                                                         /* CSTAR */
    0xc0000084,                                                         /* SFMASK */
    0xc0000102,                                                         /* KERNEL_GS_BASE */
    0xc0000103,                                                         /* TSC_AUX */
    0xc0011029,                                                         /* AMD DE_CFG */
    0x4b564d00,                                                         /* MSR_KVM_WALL_CLOCK_NEW */
    0x4b564d01, /* MSR_KVM_SYSTEM_TIME_NEW */
    0x4b564d02, /* MSR_KVM_ASYNC_PF_EN */
    0x4b564d03, /* MSR_KVM_STEAL_TIME */
    0x4b564d04, /* MSR_KVM_PV_EOI_EN */
    0x4b564d05, /* MSR_KVM_POLL_CONTROL */
};

G_STATIC_ASSERT(G_N_ELEMENTS(kvm_x86_msrs) <= X86_MAX_MSRS);

static struct kvm_msrs *kvm_x86_msr_list(unsigned n)
{
    struct kvm_msrs *l = g_malloc0(sizeof(*l) + n * sizeof(struct kvm_msr_entry));

    l->nmsrs = n;
    return l;
}

/* One by one: those that KVM has and takes, so that one that it lacks does not hide the rest. */
static void kvm_x86_find_msrs(Cpu *cpu)
{
    X86Cpu *c = x86_cpu(cpu);
    g_autofree struct kvm_msrs *l = kvm_x86_msr_list(1);

    c->n_msrs = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(kvm_x86_msrs); i++) {
        l->entries[0] = (struct kvm_msr_entry){ .index = kvm_x86_msrs[i] };
        if (kvm_vcpu_ioctl(cpu, KVM_GET_MSRS, l) == 1 &&
            kvm_vcpu_ioctl(cpu, KVM_SET_MSRS, l) == 1) {
            c->msr_index[c->n_msrs] = kvm_x86_msrs[i];
            c->msr_reset[c->n_msrs++] = l->entries[0].data;
        }
    }
}

static bool kvm_x86_put_msrs(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    g_autofree struct kvm_msrs *l = kvm_x86_msr_list(c->n_msrs);
    int rc;

    for (unsigned i = 0; i < c->n_msrs; i++) {
        l->entries[i] = (struct kvm_msr_entry){ .index = c->msr_index[i], .data = c->msr_value[i] };
    }
    rc = kvm_vcpu_ioctl(cpu, KVM_SET_MSRS, l);
    if (rc >= 0 && (uint32_t)rc < c->n_msrs) {
        return error_set(err, "KVM refuses the value 0x%" PRIx64 " of MSR 0x%x", c->msr_value[rc],
                         c->msr_index[rc]);
    }
    return kvm_x86_failed(cpu, "the MSRs", rc, err);
}

static bool kvm_x86_get_msrs(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    g_autofree struct kvm_msrs *l = kvm_x86_msr_list(c->n_msrs);
    int rc;

    for (unsigned i = 0; i < c->n_msrs; i++) {
        l->entries[i].index = c->msr_index[i];
    }
    rc = kvm_vcpu_ioctl(cpu, KVM_GET_MSRS, l);
    for (unsigned i = 0; rc > 0 && i < (unsigned)rc; i++) {
        c->msr_value[i] = l->entries[i].data;
    }
    return kvm_x86_failed(cpu, "reading the MSRs", rc, err);
}

/* ---- Registers ---- */

static struct kvm_segment kvm_x86_segment(const X86Segment *s)
{
    return (struct kvm_segment){
        .base = s->base,
        .limit = s->limit,
        .selector = (uint16_t)s->selector,
        .type = s->attr & X86_SEG_TYPE,
        .s = !!(s->attr & X86_SEG_S),
        .dpl = s->attr >> X86_SEG_DPL_SHIFT & 3,
        .present = !!(s->attr & X86_SEG_P),
        .avl = !!(s->attr & X86_SEG_AVL),
        .l = !!(s->attr & X86_SEG_L),
        .db = !!(s->attr & X86_SEG_DB),
        .g = !!(s->attr & X86_SEG_G),
        .unusable = !!(s->attr & X86_SEG_UNUSABLE),
    };
}

static X86Segment kvm_x86_to_segment(const struct kvm_segment *s)
{
    return (X86Segment){
        .base = s->base,
        .limit = s->limit,
        .selector = s->selector,
        .attr = s->type | (s->s ? X86_SEG_S : 0) | (uint32_t)s->dpl << X86_SEG_DPL_SHIFT |
                (s->present ? X86_SEG_P : 0) | (s->avl ? X86_SEG_AVL : 0) | (s->l ? X86_SEG_L : 0) |
                (s->db ? X86_SEG_DB : 0) | (s->g ? X86_SEG_G : 0) |
                (s->unusable ? X86_SEG_UNUSABLE : 0),
    };
}

bool kvm_x86_put_regs(Cpu *cpu, GError **err)
{
    const X86Cpu *c = x86_cpu(cpu);
    const uint64_t *r = c->regs;
    struct kvm_regs k = {
        .rax = r[0],
        .rcx = r[1],
        .rdx = r[2],
        .rbx = r[3],
        .rsp = r[4],
        .rbp = r[5],
        .rsi = r[6],
        .rdi = r[7],
        .r8 = r[8],
        .r9 = r[9],
        .r10 = r[10],
        .r11 = r[11],
        .r12 = r[12],
        .r13 = r[13],
        .r14 = r[14],
        .r15 = r[15],
        .rip = c->rip,
        .rflags = c->rflags,
    };
    struct kvm_sregs s = {
        .cs = kvm_x86_segment(&c->seg[X86_CS]),
        .ds = kvm_x86_segment(&c->seg[X86_DS]),
        .es = kvm_x86_segment(&c->seg[X86_ES]),
        .fs = kvm_x86_segment(&c->seg[X86_FS]),
        .gs = kvm_x86_segment(&c->seg[X86_GS]),
        .ss = kvm_x86_segment(&c->seg[X86_SS]),
        .tr = kvm_x86_segment(&c->tr),
        .ldt = kvm_x86_segment(&c->ldt),
        .gdt = { .base = c->gdt_base, .limit = (uint16_t)c->gdt_limit },
        .idt = { .base = c->idt_base, .limit = (uint16_t)c->idt_limit },
        .cr0 = c->cr0,
        .cr2 = c->cr2,
        .cr3 = c->cr3,
        .cr4 = c->cr4,
        .cr8 = c->cr8,
        .efer = c->efer,
        .apic_base = c->apic_base,
    };

    return kvm_x86_failed(cpu, "the general registers", kvm_vcpu_ioctl(cpu, KVM_SET_REGS, &k),
                          err) &&
           kvm_x86_failed(cpu, "the system registers", kvm_vcpu_ioctl(cpu, KVM_SET_SREGS, &s), err);
}

bool kvm_x86_get_regs(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    struct kvm_regs k;
    struct kvm_sregs s;

    if (!kvm_x86_failed(cpu, "reading the general registers", kvm_vcpu_ioctl(cpu, KVM_GET_REGS, &k),
                        err) ||
        !kvm_x86_failed(cpu, "reading the system registers", kvm_vcpu_ioctl(cpu, KVM_GET_SREGS, &s),
                        err)) {
        return false;
    }
    memcpy(c->regs,
           (const uint64_t[]){ k.rax, k.rcx, k.rdx, k.rbx, k.rsp, k.rbp, k.rsi, k.rdi, k.r8, k.r9,
                               k.r10, k.r11, k.r12, k.r13, k.r14, k.r15 },
           sizeof(c->regs));
    c->rip = k.rip;
    c->rflags = k.rflags;
    c->seg[X86_CS] = kvm_x86_to_segment(&s.cs);
    c->seg[X86_DS] = kvm_x86_to_segment(&s.ds);
    c->seg[X86_ES] = kvm_x86_to_segment(&s.es);
    c->seg[X86_FS] = kvm_x86_to_segment(&s.fs);
    c->seg[X86_GS] = kvm_x86_to_segment(&s.gs);
    c->seg[X86_SS] = kvm_x86_to_segment(&s.ss);
    c->tr = kvm_x86_to_segment(&s.tr);
    c->ldt = kvm_x86_to_segment(&s.ldt);
    c->gdt_base = s.gdt.base;
    c->gdt_limit = s.gdt.limit;
    c->idt_base = s.idt.base;
    c->idt_limit = s.idt.limit;
    c->cr0 = s.cr0;
    c->cr2 = s.cr2;
    c->cr3 = s.cr3;
    c->cr4 = s.cr4;
    c->cr8 = s.cr8;
    c->efer = s.efer;
    c->apic_base = s.apic_base;
    return true;
}

static bool kvm_x86_put_fpu(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = c->xcr0 } } };
    struct kvm_xsave area;

    memcpy(&area, c->xsave_area, sizeof(area));
    return kvm_x86_failed(cpu, "the FPU registers", kvm_vcpu_ioctl(cpu, KVM_SET_XSAVE, &area),
                          err) &&
           (!kvm_check(cpu->dev.machine, KVM_CAP_XCRS) ||
            kvm_x86_failed(cpu, "XCR0", kvm_vcpu_ioctl(cpu, KVM_SET_XCRS, &x), err));
}

static bool kvm_x86_get_fpu(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    struct kvm_xcrs x = { 0 };
    struct kvm_xsave area;

    if (!kvm_x86_failed(cpu, "reading the FPU registers", kvm_vcpu_ioctl(cpu, KVM_GET_XSAVE, &area),
                        err)) {
        return false;
    }
    memcpy(c->xsave_area, &area, sizeof(c->xsave_area));
    if (kvm_check(cpu->dev.machine, KVM_CAP_XCRS) && kvm_vcpu_ioctl(cpu, KVM_GET_XCRS, &x) >= 0) {
        for (unsigned i = 0; i < x.nr_xcrs && i < KVM_MAX_XCRS; i++) {
            c->xcr0 = x.xcrs[i].xcr == 0 ? x.xcrs[i].value : c->xcr0;
        }
    }
    return true;
}

/* ---- Events, debug registers ---- */

enum { EVENT_VALID = 1u << 31 };

static bool kvm_x86_put_events(Cpu *cpu, GError **err)
{
    const X86Cpu *c = x86_cpu(cpu);
    struct kvm_vcpu_events e = {
        .flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
        .exception = { .injected = !!(c->exception & EVENT_VALID),
                       .nr = c->exception & 0xff,
                       .has_error_code = c->exception_has_error,
                       .error_code = c->exception_error },
        .interrupt = { .injected = !!(c->interrupt & EVENT_VALID),
                       .nr = c->interrupt & 0xff,
                       .soft = c->interrupt_soft,
                       .shadow = c->shadow },
        .nmi = { .pending = c->nmi_pending, .masked = c->nmi_masked },
    };
    struct kvm_debugregs d = { .dr6 = c->dr[6], .dr7 = c->dr[7] };
    struct kvm_mp_state mp = { .mp_state = c->mp_state };

    memcpy(d.db, c->dr, sizeof(d.db));
    return kvm_x86_failed(cpu, "the pending events", kvm_vcpu_ioctl(cpu, KVM_SET_VCPU_EVENTS, &e),
                          err) &&
           kvm_x86_failed(cpu, "the debug registers", kvm_vcpu_ioctl(cpu, KVM_SET_DEBUGREGS, &d),
                          err) &&
           (kvm_irqchip(cpu->dev.machine) == KVM_IRQCHIP_OFF ||
            kvm_x86_failed(cpu, "the run state", kvm_vcpu_ioctl(cpu, KVM_SET_MP_STATE, &mp), err));
}

static bool kvm_x86_get_events(Cpu *cpu, GError **err)
{
    X86Cpu *c = x86_cpu(cpu);
    struct kvm_vcpu_events e = { 0 };
    struct kvm_debugregs d = { 0 };
    struct kvm_mp_state mp = { 0 };

    if (!kvm_x86_failed(cpu, "reading the pending events",
                        kvm_vcpu_ioctl(cpu, KVM_GET_VCPU_EVENTS, &e), err) ||
        !kvm_x86_failed(cpu, "reading the debug registers",
                        kvm_vcpu_ioctl(cpu, KVM_GET_DEBUGREGS, &d), err)) {
        return false;
    }
    c->exception = e.exception.injected ? EVENT_VALID | e.exception.nr : 0;
    c->exception_has_error = e.exception.has_error_code;
    c->exception_error = e.exception.error_code;
    c->interrupt = e.interrupt.injected ? EVENT_VALID | e.interrupt.nr : 0;
    c->interrupt_soft = e.interrupt.soft;
    c->shadow = e.interrupt.shadow;
    c->nmi_pending = e.nmi.pending;
    c->nmi_masked = e.nmi.masked;
    memcpy(c->dr, d.db, sizeof(d.db));
    c->dr[6] = d.dr6;
    c->dr[7] = d.dr7;
    if (kvm_irqchip(cpu->dev.machine) != KVM_IRQCHIP_OFF &&
        kvm_vcpu_ioctl(cpu, KVM_GET_MP_STATE, &mp) >= 0) {
        c->mp_state = (uint8_t)mp.mp_state;
    }
    return true;
}

static bool kvm_x86_put(Cpu *cpu, GError **err)
{
    return kvm_x86_put_regs(cpu, err) && kvm_x86_put_fpu(cpu, err) && kvm_x86_put_msrs(cpu, err) &&
           kvm_x86_put_events(cpu, err);
}

static bool kvm_x86_get(Cpu *cpu, GError **err)
{
    return kvm_x86_get_regs(cpu, err) && kvm_x86_get_fpu(cpu, err) && kvm_x86_get_msrs(cpu, err) &&
           kvm_x86_get_events(cpu, err);
}

static bool kvm_x86_vcpu_init(Cpu *cpu, GError **err)
{
    if (!kvm_x86_set_cpuid(cpu, err)) {
        return false;
    }
    kvm_x86_find_msrs(cpu);
    return true;
}

const KvmTarget kvm_target_x86 = {
    .name = "x86_64",
    .vm_init = kvm_x86_vm_init,
    .irqchip_ready = kvm_x86_irqchip_ready,
    .n_gsis = KVM_X86_PINS,
    .routes = kvm_x86_routes,
    .set_timer_line = kvm_x86_set_timer_line,
    .irqchip_bytes = kvm_x86_irqchip_bytes,
    .irqchip_get = kvm_x86_irqchip_get,
    .irqchip_set = kvm_x86_irqchip_set,
    .vcpu_id = kvm_x86_vcpu_id,
    .vm_free = kvm_x86_soft_free,
    .vcpu_init = kvm_x86_vcpu_init,
    .vcpu_free = kvm_x86_soft_cpu_free,
    .before_run = kvm_x86_before_run,
    .after_run = kvm_x86_after_run,
    .exit = kvm_x86_exit,
    .emulate = kvm_x86_emulate,
    .put_debug = kvm_x86_put_debug,
    .is_debug = kvm_x86_is_debug,
    .enter = kvm_x86_debug_enter,
    .leave = kvm_x86_soft_leave,
    .put = kvm_x86_put,
    .get = kvm_x86_get,
};
