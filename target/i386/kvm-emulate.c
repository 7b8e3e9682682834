/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that KVM's own emulator does not know. It runs what the host's CPU cannot (real mode
 * and segments that are not flat on old CPUs; within another VM without hardware help nearly
 * everything), and stops the guest at a few that loaders use in such places: IRET in protected
 * mode, FWAIT, FNINIT. What is not plainly one of them is left to the report. It delivers
 * interrupts to such code without SS's base; where controllers are ours, we do. Spec: Intel SDM
 * volume 2, "IRET/IRETD", "WAIT/FWAIT", "FINIT/FNINIT"; volume 3, 3.4.5, 6.11, 6.12;
 * Documentation/virt/kvm/api.rst, section 5, KVM_EXIT_INTERNAL_ERROR.
 */
#include "target/i386/kvm-x86.h"

#include "util/bytes.h"

enum {
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    FLAG_NT = 1 << 14,
    FLAGS_16 = 0x7fd5,
    FLAGS_32 = 0x3d7fd5, /* at the highest privilege: all but VM */
    FSW_ES = 1 << 7,     /* an exception of the FPU waits */
    FCW_INIT = 0x37f,
    VECTOR_UD = 6,
    FLAGS_CLEARED = 1 << 8 | FLAG_NT | 1 << 16, /* TF, NT, RF: at the entry of a handler */
    GATE_TRAP = 1 << 0,
    GATE_32 = 1 << 3,
    CODE_BYTES = 3,
    TYPE_ACCESSED = 1 << 0,
    TYPE_CONFORMING = 1 << 2,
    TYPE_CODE = 1 << 3,
};

/* Read or write the guest's memory at offset @off of a segment. */
static bool emu_rw(X86Cpu *c, unsigned seg, uint64_t off, void *buf, size_t len, bool write)
{
    uint64_t at = c->seg[seg].base + off;

    return cpu_debug_rw(&c->cpu, c->efer & X86_EFER_LMA ? at : (uint32_t)at, buf, len, write);
}

static bool emu_read(X86Cpu *c, unsigned seg, uint64_t off, void *buf, size_t len)
{
    return emu_rw(c, seg, off, buf, len, false);
}

static uint32_t emu_stack_mask(const X86Cpu *c)
{
    return c->seg[X86_SS].attr & X86_SEG_DB ? UINT32_MAX : 0xffff;
}

static void emu_set_sp(X86Cpu *c, uint32_t sp)
{
    uint32_t mask = emu_stack_mask(c);

    c->regs[X86_RSP] = (mask == UINT32_MAX ? 0 : c->regs[X86_RSP] & ~(uint64_t)mask) | (sp & mask);
}

/* The code segment of @selector in the GDT, as IRET to the same privilege (0) takes it. */
static bool emu_code_segment(X86Cpu *c, unsigned selector, X86Segment *out)
{
    uint8_t d[8];
    uint32_t low, high;

    if (!(selector & ~7u) || selector & 7 || (selector | 7) > c->gdt_limit ||
        !cpu_debug_rw(&c->cpu, c->gdt_base + selector, d, sizeof(d), false)) {
        return false; /* null, of the LDT, of less privilege, or out of bounds */
    }
    low = get_le32(d);
    high = get_le32(d + 4);
    *out = (X86Segment){
        .base = low >> 16 | (high & 0xff) << 16 | (high & 0xff000000),
        .limit = (low & 0xffff) | (high & 0xf0000),
        .attr = (high >> 8 & 0xff) | (high >> 8 & 0xf000),
        .selector = selector,
    };
    if (out->attr & X86_SEG_G) {
        out->limit = out->limit << 12 | 0xfff;
    }
    return (out->attr & (X86_SEG_S | X86_SEG_P)) == (X86_SEG_S | X86_SEG_P) &&
           (out->attr & TYPE_CODE) && (out->attr & TYPE_ACCESSED) &&
           !(out->attr >> X86_SEG_DPL_SHIFT & 3) && !(out->attr & X86_SEG_L);
}

/* In protected mode, from privilege 0 to it, neither to a task nor to virtual-8086 mode. */
static bool emu_iret(X86Cpu *c, bool wide)
{
    unsigned size = wide ? 4 : 2;
    uint32_t mask = emu_stack_mask(c);
    uint32_t sp = (uint32_t)c->regs[X86_RSP] & mask, ip, flags;
    uint8_t frame[12];
    X86Segment cs;

    if (!(c->cr0 & X86_CR0_PE) || c->efer & X86_EFER_LMA || c->rflags & (X86_RFLAGS_VM | FLAG_NT) ||
        c->seg[X86_CS].selector & 3 || sp > mask - 3 * size ||
        !emu_read(c, X86_SS, sp, frame, 3 * size)) {
        return false;
    }
    ip = (uint32_t)get_le(frame, size);
    flags = (uint32_t)get_le(frame + 2 * size, size);
    if (flags & X86_RFLAGS_VM || !emu_code_segment(c, (unsigned)get_le(frame + size, 2), &cs) ||
        ip > cs.limit) {
        return false;
    }
    c->rip = ip;
    c->seg[X86_CS] = cs;
    emu_set_sp(c, sp + 3 * size);
    c->rflags = wide ? (flags & FLAGS_32) | X86_RFLAGS_1
                     : (c->rflags & ~(uint64_t)FLAGS_16) | (flags & FLAGS_16) | X86_RFLAGS_1;
    return true;
}

static bool emu_fpu(X86Cpu *c, bool init)
{
    struct kvm_fpu fpu;

    if (c->cr0 & (CR0_EM | CR0_TS) || kvm_vcpu_ioctl(&c->cpu, KVM_GET_FPU, &fpu) < 0) {
        return false;
    }
    if (!init) {
        return !(fpu.fsw & FSW_ES);
    }
    fpu.fcw = FCW_INIT;
    fpu.fsw = 0;
    fpu.ftwx = 0;
    fpu.last_opcode = 0;
    fpu.last_ip = fpu.last_dp = 0;
    return kvm_vcpu_ioctl(&c->cpu, KVM_SET_FPU, &fpu) >= 0;
}

static bool emu_one(X86Cpu *c, bool *returned)
{
    uint8_t code[CODE_BYTES] = { 0 };
    bool prefix, wide = !!(c->seg[X86_CS].attr & X86_SEG_DB);
    const uint8_t *op = code;

    if (!emu_read(c, X86_CS, c->rip, code, sizeof(code))) {
        return false;
    }
    prefix = *op == 0x66;
    op += prefix;
    *returned = *op == 0xcf;
    if (*returned) {
        return emu_iret(c, wide != prefix);
    }
    if (!prefix && op[0] == 0x9b && emu_fpu(c, false)) {
        c->rip += 1;
        return true;
    }
    if (!prefix && op[0] == 0xdb && op[1] == 0xe3 && emu_fpu(c, true)) {
        c->rip += 2;
        return true;
    }
    return false;
}

bool kvm_x86_emulate(Cpu *cpu)
{
    X86Cpu *c = x86_cpu(cpu);
    struct kvm_vcpu_events e = { 0 };
    bool returned;

    if (!kvm_x86_get_regs(cpu, NULL) || kvm_vcpu_ioctl(cpu, KVM_GET_VCPU_EVENTS, &e) < 0 ||
        !emu_one(c, &returned)) {
        return false;
    }
    /* KVM has posted the exception of an instruction that it does not know. */
    if (e.exception.nr == VECTOR_UD) {
        e.exception.injected = e.exception.pending = 0;
    }
    e.interrupt.shadow = 0;
    e.nmi.masked = returned ? 0 : e.nmi.masked;
    return kvm_x86_put_regs(cpu, NULL) && kvm_vcpu_ioctl(cpu, KVM_SET_VCPU_EVENTS, &e) >= 0;
}

/* ---- interrupts ---- */

bool kvm_x86_must_deliver(Cpu *cpu)
{
    struct kvm_sregs s;

    return kvm_vcpu_ioctl(cpu, KVM_GET_SREGS, &s) >= 0 && s.cr0 & X86_CR0_PE &&
           !(s.efer & X86_EFER_LMA) && s.ss.base && !(s.cs.selector & 3);
}

/* Volume 3, 6.11 and 6.12.1, where privilege stays 0: the gate, the frame, the handler. */
static bool emu_interrupt(X86Cpu *c, unsigned vector)
{
    uint32_t mask = emu_stack_mask(c), sp = (uint32_t)c->regs[X86_RSP] & mask, ip;
    uint8_t gate[8], frame[12];
    unsigned size, type;
    X86Segment cs;

    if (c->rflags & X86_RFLAGS_VM || 8 * vector + 7 > c->idt_limit ||
        !cpu_debug_rw(&c->cpu, c->idt_base + 8 * vector, gate, sizeof(gate), false)) {
        return false;
    }
    type = gate[5] & 0x1f;
    size = type & GATE_32 ? 4 : 2;
    ip = get_le16(gate) | (size == 4 ? (uint32_t)get_le16(gate + 6) << 16 : 0);
    if (!(gate[5] & 0x80) || (type & ~(unsigned)(GATE_32 | GATE_TRAP)) != 6 || sp < 3 * size ||
        !emu_code_segment(c, get_le16(gate + 2), &cs) || ip > cs.limit) {
        return false;
    }
    put_le(frame, size, c->rip);
    put_le(frame + size, size, c->seg[X86_CS].selector);
    put_le(frame + 2 * size, size, c->rflags);
    if (!emu_rw(c, X86_SS, sp - 3 * size, frame, 3 * size, true)) {
        return false;
    }
    emu_set_sp(c, sp - 3 * size);
    c->rip = ip;
    c->seg[X86_CS] = cs;
    c->rflags &= ~(uint64_t)(FLAGS_CLEARED | (type & GATE_TRAP ? 0 : X86_RFLAGS_IF));
    return true;
}

bool kvm_x86_deliver(Cpu *cpu, unsigned vector)
{
    return kvm_x86_get_regs(cpu, NULL) && emu_interrupt(x86_cpu(cpu), vector) &&
           kvm_x86_put_regs(cpu, NULL);
}
