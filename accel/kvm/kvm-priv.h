/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_KVM_KVM_PRIV_H
#define ACCEL_KVM_KVM_PRIV_H

#include "accel/accel.h"
#include "accel/kvm/kvm.h"
#include "core/memory/memory.h"
#include "core/target.h"

#include <linux/kvm.h>

/* A memory slot as KVM has it. */
typedef struct KvmSlot {
    GuestPhys start;
    uint64_t len;
    uint8_t *host;
    RamBlock *ram;
    uint64_t ram_off;
    uint32_t flags; /* KVM_MEM_* */
    bool used;
} KvmSlot;

typedef struct KvmVm {
    Machine *machine;
    const KvmTarget *target;
    int dev_fd, vm_fd;
    size_t run_bytes; /* of a vCPU's shared area */
    KvmIrqchip irqchip;
    void *data; /* the target's */
    MemListener listener;
    Mutex slots_lock;
    GArray *slots; /* of KvmSlot; guarded by slots_lock */
    unsigned max_slots;
    uint64_t generation; /* atomic: of the map that the slots show */
} KvmVm;

typedef struct KvmCpu {
    int fd;
    struct kvm_run *run;
    void *data;    /* the target's */
    bool changed;  /* the Cpu's registers must be given to KVM */
    bool debug_on; /* KVM_SET_GUEST_DEBUG is not empty */
    uint64_t exits;
} KvmCpu;

static inline KvmVm *kvm_vm(const Machine *m)
{
    return machine_accel_state(m);
}

static inline KvmCpu *kvm_cpu(const Cpu *cpu)
{
    return cpu->accel_state;
}

/* Make KVM's slots those of the present memory map. Context: ANY_THREAD. */
bool kvm_slots_update(KvmVm *vm, GError **err);
void kvm_slots_init(KvmVm *vm);
void kvm_slots_free(KvmVm *vm);

/* The board's way to the interrupt controllers in the kernel. */
bool kvm_irqchip_init(KvmVm *vm, GError **err);

CpuExit kvm_cpu_run(Cpu *cpu);

#endif
