/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a guest architecture (target/<isa>): what accelerators, the monitor and the
 * debugger need to know of its CPUs. One const struct, no state of its own.
 */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include "core/types.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Cpu Cpu;
typedef struct IrBlock IrBlock;

typedef enum MemAccess { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH } MemAccess;

/* Result of a translation of one guest virtual page. */
typedef struct TlbResult {
    GuestPhys phys;      /* of the byte asked for */
    uint64_t page_bytes; /* size of the mapping (4 KiB or more, a power of two) */
    uint8_t prot;        /* TLB_READ | TLB_WRITE | TLB_EXEC allowed without another walk */
    bool secure;
    bool device;       /* device memory: unaligned accesses fault */
    bool aligned;      /* all code that uses this translation asks for alignment (IR_MO_ALIGN): of
                          device memory, RAM needs no slow path */
    bool watched;      /* each access comes to Target.watch; of a page of 4 KiB alone */
    bool global;       /* valid in every address space (not tied to the current ASID) */
    uint8_t code_attr; /* of a fetch: what translations of the page depend on beside its bytes and
                          the mode word; given to translate() */
} TlbResult;

enum { TLB_READ = 1, TLB_WRITE = 2, TLB_EXEC = 4 };

/* One register as the debugger, the monitor and the trace show it. */
typedef struct CpuReg {
    const char *name;
    uint16_t bits;     /* 8..128 */
    const char *group; /* GDB feature, such as "org.gnu.gdb.aarch64.core" */
    const char *type;  /* GDB type, such as "int", "code_ptr", "vec128"; NULL: by size */
    /* Exactly @bits/8 bytes, little-endian. Called with the vCPU stopped. */
    void (*get)(Cpu *cpu, unsigned index, void *out);
    void (*set)(Cpu *cpu, unsigned index, const void *in);
    unsigned index;
} CpuReg;

/* Instruction sets a disassembler is asked for. */
typedef enum DisasIsa {
    DISAS_NONE,
    DISAS_A64,
    DISAS_X86_16,
    DISAS_X86_32,
    DISAS_X86_64,
    DISAS_MIPS_LE,
    DISAS_MIPS_BE,
    DISAS_MICROMIPS_LE,
    DISAS_MICROMIPS_BE,
} DisasIsa;

typedef struct Target {
    const char *name;     /* "aarch64" */
    const char *gdb_arch; /* gdb's name of it; NULL: the same */

    /* Layout known to the engine, offsets from the Cpu. */
    uint32_t pc_offset;     /* uint64_t: valid when no generated code runs */
    uint32_t flags_offset;  /* uint32_t: boundary format of ir.h */
    uint32_t fp_offset;     /* IrFpState */
    uint32_t hot_offset;    /* generated code's base register points 128 bytes after it */
    const uint32_t *pinned; /* offsets of 64-bit registers used most, best first */
    unsigned n_pinned;
    unsigned n_mmu_modes; /* at most 16 */

    /* Everything a translation depends on beside the guest's bytes (EL, MMU modes, FP trap,
     * endianness, single step, BTYPE...). Context: the vCPU's thread. */
    uint64_t (*mode_word)(const Cpu *cpu);
    /* MMU mode of instruction fetch for the current state. */
    unsigned (*fetch_mode)(const Cpu *cpu);
    /*
     * Translate from @pc, whose page's bytes are at @page (4 KiB, host memory), into @ir, at most
     * @max_insns guest instructions, never beyond the page. Deltas in the IR are relative to the
     * page's start. The bytes may change meanwhile; each is read once. @mode is the
     * present mode_word().
     */
    void (*translate)(Cpu *cpu, IrBlock *ir, GuestVirt pc, const uint8_t *page, uint64_t mode,
                      uint8_t code_attr, unsigned max_insns);
    /*
     * Translate an address. On failure records the exception in the Cpu (not yet entered), sets
     * cpu->raised and returns false. @memop is the IrMemOp (0 for fetch). @probe: record nothing.
     */
    bool (*tlb_fill)(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop,
                     bool probe, TlbResult *out);
    /* The access violated its alignment: record the exception. */
    void (*unaligned)(Cpu *cpu, GuestVirt va, MemAccess access, unsigned mode, uint32_t memop);
    /* The bus refused the access (no device, device error): record the exception; false: ignore
     * it (reads give 0). */
    bool (*bus_error)(Cpu *cpu, GuestVirt va, GuestPhys pa, MemAccess access, unsigned mode,
                      uint32_t memop);
    /*
     * An access of @bytes, all in one page, to a page that was TlbResult.watched is about to be
     * done. True: it is not, and an exception is recorded. Context: the vCPU's thread.
     */
    bool (*watch)(Cpu *cpu, GuestVirt va, GuestPhys pa, unsigned bytes, MemAccess access);
    /* Where the code is that a debugger means by @addr (a bit for the instruction set). NULL:
     * @addr.
     */
    GuestVirt (*code_va)(const Cpu *cpu, GuestVirt addr);
    /*
     * The pc that a branch to @addr, of which no block is known, gives (address tags); what else
     * the branch changes (the instruction set) it does. NULL: @addr. Context: vCPU's thread.
     */
    GuestVirt (*jump_pc)(Cpu *cpu, GuestVirt addr);
    /*
     * What a load's or store's address beyond 32 bits means, where translated code leaves sums as
     * they are (addresses of 32 bits that wrap around). Such a one is in no table, so each access
     * comes here. NULL: itself. Context: vCPU's thread.
     */
    GuestVirt (*data_va)(Cpu *cpu, GuestVirt va);
    /* Restore what depends on position from the block's restart word (after a fault). */
    void (*restore)(Cpu *cpu, uint32_t restart);
    /*
     * Of the load-exclusive at pc, which was to be one operation with a store (IR_MO_LLSC), the
     * load alone is done: set what it loads, as @memop says, to @value, and pc behind it.
     */
    void (*llsc_loaded)(Cpu *cpu, uint32_t memop, const uint64_t value[2]);
    /* Enter the recorded exception; cpu->raised is cleared by the caller. */
    void (*exception_enter)(Cpu *cpu);
    /* If an unmasked interrupt is pending, enter its exception and return true. */
    bool (*interrupt_enter)(Cpu *cpu);
    /* Whether a halted vCPU must go on (a pending interrupt, masked or not; WFE event). */
    bool (*has_work)(const Cpu *cpu);
    /* The vCPU single-steps or meets a breakpoint of the guest's own debug logic: later. */

    /* Side-effect-free translation for debugger and monitor in the current state. */
    bool (*debug_translate)(Cpu *cpu, GuestVirt va, GuestPhys *out);

    const CpuReg *regs; /* debugger's numbering: the order of the table */
    unsigned n_regs;
    /* the instruction set the CPU is running now */
    DisasIsa (*disas_isa)(const Cpu *cpu);
    /* text for `info registers` and -d cpu */
    void (*dump)(Cpu *cpu, GString *out);
    bool big_endian;
    const KvmTarget *kvm; /* accel/kvm/kvm.h; NULL: KVM cannot run it here */
} Target;

#endif
