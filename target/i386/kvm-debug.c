/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Break- and watchpoints and stepping of a debugger, by the processor's debug registers, which the
 * guest's are put aside for.
 * Spec: Documentation/virt/kvm/api.rst, 4.87 KVM_SET_GUEST_DEBUG; Intel SDM volume 3, 18.2.
 */
#include "target/i386/kvm-x86.h"

#include "util/log.h"

#include <string.h>

enum {
    DEBUG_REGS = 4,
    MAX_SOFT = 1024,
    DR7_FIXED = 0x400,
    DR7_EXACT = 0x200,
    DR7_WRITE = 1,
    DR7_ACCESS = 3,
    DR6_STEP = 1 << 14,
    VECTOR_DB = 1,
    VECTOR_BP = 3,
};

typedef struct DebugSlot {
    GuestVirt addr;
    unsigned len, type; /* of DR7: 0 execution, 1 writes, 3 reads and writes */
} DebugSlot;

/* What DR0 to DR3 are for, watchpoints first; *@soft breakpoints are left over. How many slots. */
static unsigned debug_slots(const Cpu *cpu, DebugSlot slot[DEBUG_REGS], unsigned *soft)
{
    unsigned n = 0;

    for (unsigned i = 0; i < cpu->watchpoints->len && n < DEBUG_REGS; i++) {
        const Watchpoint *w = &g_array_index(cpu->watchpoints, Watchpoint, i);

        slot[n++] = (DebugSlot){ w->addr, (unsigned)w->len,
                                 w->flags & WATCH_READ ? DR7_ACCESS : DR7_WRITE };
    }
    *soft = 0;
    for (unsigned i = 0; i < cpu->breakpoints->len; i++) {
        if (n < DEBUG_REGS) {
            slot[n++] = (DebugSlot){ g_array_index(cpu->breakpoints, Breakpoint, i).addr, 1, 0 };
        } else {
            ++*soft;
        }
    }
    return n;
}

/* The last @n of the breakpoints. */
static void debug_soft(Cpu *cpu, unsigned n)
{
    g_autofree GuestVirt *addrs = g_new(GuestVirt, n + 1);
    unsigned first = cpu->breakpoints->len - n;

    n = n < MAX_SOFT ? n : MAX_SOFT;
    for (unsigned i = 0; i < n; i++) {
        addrs[i] = g_array_index(cpu->breakpoints, Breakpoint, first + i).addr;
    }
    kvm_x86_soft_enter(cpu, addrs, n);
}

void kvm_x86_debug_enter(Cpu *cpu)
{
    DebugSlot slot[DEBUG_REGS];
    unsigned soft;

    if (cpu->breakpoints->len) {
        (void)debug_slots(cpu, slot, &soft);
        debug_soft(cpu, soft);
    }
}

/* "LENn": 0 one byte, 1 two, 3 four, 2 eight; others round up, and may hit beside. */
static unsigned debug_len(unsigned len)
{
    return len <= 1 ? 0 : len <= 2 ? 1 : len <= 4 ? 3 : 2;
}

bool kvm_x86_put_debug(Cpu *cpu, GError **err)
{
    struct kvm_guest_debug d = { 0 };
    DebugSlot slot[DEBUG_REGS];
    unsigned soft, used = debug_slots(cpu, slot, &soft);
    int rc;

    if (cpu->watchpoints->len > DEBUG_REGS && cpu->index == 0) {
        log_message(machine_log(cpu->dev.machine), LOG_LEVEL_WARN, device_path(&cpu->dev),
                    "under KVM there are %u watchpoints; %u more are of no effect", DEBUG_REGS,
                    cpu->watchpoints->len - DEBUG_REGS);
    }
    d.control |= soft ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP : 0;
    if (cpu->single_step) {
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
        d.control |= cpu->step_no_irq && kvm_check(cpu->dev.machine, KVM_CAP_SET_GUEST_DEBUG2) &
                                             KVM_GUESTDBG_BLOCKIRQ
                         ? KVM_GUESTDBG_BLOCKIRQ
                         : 0;
    }
    if (used) {
        d.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        d.arch.debugreg[7] = DR7_FIXED | DR7_EXACT;
    }
    for (unsigned i = 0; i < used; i++) {
        unsigned rw_len = slot[i].type | (slot[i].type ? debug_len(slot[i].len) << 2 : 0);

        d.arch.debugreg[i] = slot[i].addr;
        d.arch.debugreg[7] |= 2ull << (2 * i) | (uint64_t)rw_len << (16 + 4 * i);
    }
    rc = kvm_vcpu_ioctl(cpu, KVM_SET_GUEST_DEBUG, &d);
    return rc >= 0 || error_set(err, "KVM_SET_GUEST_DEBUG: %s", g_strerror(-rc));
}

static void debug_inject(Cpu *cpu, uint32_t what)
{
    struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | what };

    (void)kvm_vcpu_ioctl(cpu, KVM_SET_GUEST_DEBUG, &d);
    cpu_request(cpu, REQ_DEBUG); /* and ours back */
}

bool kvm_x86_is_debug(Cpu *cpu, struct kvm_run *run)
{
    const struct kvm_debug_exit_arch *a = &run->debug.arch;
    DebugSlot slot[DEBUG_REGS];
    unsigned soft, n = debug_slots(cpu, slot, &soft);

    if (a->exception == VECTOR_BP) {
        if (!kvm_x86_soft_hit(cpu, a->pc)) {
            debug_inject(cpu, KVM_GUESTDBG_INJECT_BP);
            return false;
        }
        cpu->debug_reason = DEBUG_BREAKPOINT;
        cpu->debug_addr = a->pc;
        return true;
    }
    if (a->exception != VECTOR_DB) {
        return false;
    }
    if (cpu->single_step && a->dr6 & DR6_STEP) {
        cpu->debug_reason = DEBUG_STEP;
        return true;
    }
    for (unsigned i = 0; i < n; i++) {
        if (a->dr6 >> i & 1) {
            cpu->debug_reason = slot[i].type ? DEBUG_WATCHPOINT : DEBUG_BREAKPOINT;
            cpu->debug_addr = slot[i].addr;
            return true;
        }
    }
    debug_inject(cpu, KVM_GUESTDBG_INJECT_DB); /* the guest's own */
    return false;
}
