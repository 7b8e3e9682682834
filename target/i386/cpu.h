/* SPDX-License-Identifier: Apache-2.0 */
/* State of an x86 CPU. Spec: Intel 64 and IA-32 Architectures SDM, volumes 1 and 3. */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "core/cpu.h"
#include "core/target.h"

/* General registers by their number in encodings (volume 2, table 3-1). */
enum {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R15 = 15,
    X86_N_REGS
};

/* Segment registers by their number in encodings. */
enum { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_N_SEGS };

/* Attributes of a segment: bits 8 to 15 and 20 to 23 of a descriptor's second word, moved down. */
enum {
    X86_SEG_TYPE = 0xf,
    X86_SEG_S = 1 << 4,
    X86_SEG_DPL_SHIFT = 5,
    X86_SEG_P = 1 << 7,
    X86_SEG_AVL = 1 << 12,
    X86_SEG_L = 1 << 13,
    X86_SEG_DB = 1 << 14,
    X86_SEG_G = 1 << 15,
    X86_SEG_UNUSABLE = 1 << 16, /* a null selector was loaded */
};

enum {
    X86_CR0_PE = 1 << 0,
    X86_CR0_MP = 1 << 1,
    X86_CR0_ET = 1 << 4,
    X86_CR0_NE = 1 << 5,
    X86_CR0_WP = 1 << 16,
    X86_CR0_NW = 1 << 29,
    X86_CR0_CD = 1 << 30,
    X86_CR4_PSE = 1 << 4,
    X86_CR4_PAE = 1 << 5,
    X86_CR4_LA57 = 1 << 12,
    X86_EFER_SCE = 1 << 0,
    X86_EFER_LME = 1 << 8,
    X86_EFER_LMA = 1 << 10,
    X86_EFER_NXE = 1 << 11,
    X86_RFLAGS_1 = 1 << 1,
    X86_RFLAGS_IF = 1 << 9,
    X86_RFLAGS_VM = 1 << 17,
};

/* Input lines: bits of cpu.irq_lines, pins of these names. */
enum { X86_LINE_INTR, X86_LINE_NMI, X86_LINE_SMI, X86_LINE_INIT };

typedef struct X86Segment {
    uint64_t base;
    uint32_t limit; /* in bytes, as the processor holds it */
    uint32_t attr;
    uint32_t selector;
} X86Segment;

enum { X86_MAX_MSRS = 192, X86_XSAVE_BYTES = 4096 };

/* A feature word of CPUID: which bits are offered. */
typedef struct X86Cpuid {
    uint32_t leaf, subleaf;
    uint32_t eax, ebx, ecx, edx;
    bool has_subleaf;
} X86Cpuid;

enum { X86_MAX_CPUID = 128, X86_MAX_FEATURES = 256 };

typedef struct X86Cpu {
    Cpu cpu; /* first */

    uint64_t regs[X86_N_REGS];
    uint64_t rip, rflags;
    X86Segment seg[X86_N_SEGS], ldt, tr;
    uint64_t gdt_base, idt_base;
    uint32_t gdt_limit, idt_limit;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base, xcr0;
    uint64_t dr[8];
    /* The XSAVE area in standard form (volume 1, 13.4), whatever of it the model has. */
    uint64_t xsave_area[X86_XSAVE_BYTES / 8];
    /* Other model-specific registers, by index; which ones is the accelerator's matter. */
    uint32_t n_msrs;
    uint32_t msr_index[X86_MAX_MSRS];
    uint64_t msr_value[X86_MAX_MSRS];
    uint64_t msr_reset[X86_MAX_MSRS];
    /* Events on their way (volume 3, 6.9 and 26.8). */
    uint32_t exception, exception_error, interrupt; /* bit 31: there is one */
    uint8_t exception_has_error, exception_pending, nmi_pending, nmi_masked, shadow, interrupt_soft;
    uint64_t exception_payload;
    uint8_t mp_state; /* X86_MP_* */

    /* What CPUID answers. */
    X86Cpuid cpuid[X86_MAX_CPUID];
    unsigned n_cpuid;

    /* Properties. */
    uint32_t apic_id;
    uint32_t cores, threads; /* of a package; of a core */
    bool check, enforce, migratable, kvm, host_phys_bits;
    uint64_t tsc_frequency; /* Hz; 0: the host's */
    bool feature[X86_MAX_FEATURES];
} X86Cpu;

enum { X86_MP_RUNNABLE, X86_MP_UNINITIALIZED, X86_MP_INIT_RECEIVED, X86_MP_HALTED, X86_MP_SIPI };

static inline X86Cpu *x86_cpu(Cpu *cpu)
{
    return (X86Cpu *)cpu;
}

extern const DeviceType device_x86_cpu;
/* The CPU models as device types, NULL-terminated: "qemu64-x86_64-cpu" and so on. */
extern const DeviceType *const x86_cpu_types[];
extern const Target target_x86_64;
extern const KvmTarget kvm_target_x86;

/* The width that code runs in: 16, 32 or 64. */
unsigned x86_code_bits(const X86Cpu *c);
/* The state after a reset of the processor (volume 3, table 9-1). */
void x86_reset(X86Cpu *c);
/* The physical address behind linear address @va now. Spec: volume 3, chapter 4. */
bool x86_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out);

#endif
