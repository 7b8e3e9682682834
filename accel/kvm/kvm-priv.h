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
    bool cpu_pm; /* idle CPUs stay in the guest */
    void *data;  /* the target's */
    MemListener listener;
    Mutex slots_lock;
    GArray *slots; /* of KvmSlot; guarded by slots_lock */
    unsigned max_slots;
    uint64_t generation; /* atomic: of the map that the slots show */
    /* Dirty logs: how often one was switched on, and up to which of that slots have them; atomic.
     */
    uint64_t log_wanted, log_shown;
    uint64_t logged; /* atomic; a bit for each of the first RAM blocks that has its log */
    bool manual_protect;
    uint64_t ring_entries; /* of a vCPU's ring; 0: slots have bitmaps */
    bool has_ioeventfd;
    GArray *bells;             /* of KvmBell (doorbells.c); guarded by slots_lock */
    uint64_t bells_generation; /* atomic */
    Mutex routes_lock;         /* a leaf */
    GArray *routes;            /* of struct kvm_irq_routing_entry; guarded by routes_lock */
    GArray *gsi_used;          /* of bool, from first_gsi on; guarded by routes_lock */
    unsigned first_gsi, max_routes;
    bool has_irqfd;
} KvmVm;

enum { KVM_LAST_EXITS = 8 };

typedef struct KvmExit {
    uint32_t reason;
    uint8_t len; /* of a port or MMIO; 0: no access */
    bool write;
    uint64_t addr;
} KvmExit;

typedef struct KvmCpu {
    int fd;
    struct kvm_run *run;
    void *data; /* the target's */
    struct kvm_dirty_gfn *ring;
    uint32_t ring_at;   /* guarded by slots_lock */
    bool changed;       /* the Cpu's registers must be given to KVM */
    bool debug_changed; /* KVM_SET_GUEST_DEBUG is due */
    uint64_t exits;
    KvmExit last[KVM_LAST_EXITS];
    unsigned n_last;
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

bool kvm_ram_is_logged(const RamBlock *ram);
/* After the VM is made, before vCPUs are. */
bool kvm_log_init(KvmVm *vm, GError **err);
/* Take what all rings hold. Context: ANY_THREAD, no lock held. */
void kvm_rings_sync(KvmVm *vm);
bool kvm_ring_map(KvmVm *vm, KvmCpu *k, GError **err);
void kvm_ring_unmap(KvmVm *vm, KvmCpu *k);

void kvm_bells_init(KvmVm *vm);
void kvm_bells_free(KvmVm *vm);
bool kvm_bells_are_current(const KvmVm *vm);
/* Give the kernel the doorbells at their present addresses. Context: slots_lock held. */
void kvm_bells_update(KvmVm *vm);

void kvm_routes_init(KvmVm *vm);
void kvm_routes_free(KvmVm *vm);
/* With the controllers: the target's routes, and room for those of messages. */
bool kvm_routes_start(KvmVm *vm, GError **err);
/* MachineIrqchip's. */
bool kvm_msi_send_routed(Machine *m, MsiRoute **route, uint64_t addr, uint32_t data);
void kvm_msi_unroute(Machine *m, MsiRoute *route);
bool kvm_set_pin_message(Machine *m, unsigned gsi, uint64_t addr, uint32_t data);

/* The board's way to the interrupt controllers in the kernel. */
bool kvm_irqchip_init(KvmVm *vm, GError **err);

/* What is told when it cannot go on (report.c). */
void kvm_note_exit(KvmCpu *k, const struct kvm_run *run);
void kvm_report_exits(const KvmCpu *k, GString *s);
void kvm_report_walk(Cpu *cpu, GString *s);
void kvm_report_code(Cpu *cpu, GString *s);
void kvm_report_triple(Cpu *cpu);

CpuExit kvm_cpu_run(Cpu *cpu);

/* Accel.stats (stats.c). */
bool kvm_stats(Machine *m, Cpu *cpu, AccelStatFn *fn, void *opaque);

#endif
