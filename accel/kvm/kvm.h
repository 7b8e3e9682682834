/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accelerator that lets the host's KVM run the guest, for the part that knows the guest's
 * registers (target/<isa>/kvm.c).
 *
 * While a vCPU runs, KVM owns its registers. They are fetched into the Cpu when its thread leaves
 * the run loop (a pause, work for the thread, a debugger's stop), and given back before it runs
 * again if anybody changed them (cpu_state_changed). Spec: the kernel's Documentation/virt/kvm.
 */
#ifndef ACCEL_KVM_KVM_H
#define ACCEL_KVM_KVM_H

#include "core/cpu.h"
#include "core/machine.h"

struct kvm_run;

/* What a target's part says of an exit that it was asked about. */
typedef enum KvmHandled {
    KVM_UNKNOWN,   /* not of the target: the accelerator reports it and stops the machine */
    KVM_GO_ON,     /* run again */
    KVM_HALT,      /* the guest waits for an interrupt */
    KVM_SHUT_DOWN, /* a request was posted; leave the loop */
} KvmHandled;

/* Where interrupt controllers are: in the kernel, only the CPUs' local part of them, or here. */
typedef enum KvmIrqchip { KVM_IRQCHIP_OFF, KVM_IRQCHIP_SPLIT, KVM_IRQCHIP_ON } KvmIrqchip;

/* What accel/kvm must know of an architecture. `Target.kvm` points to it. */
struct KvmTarget {
    const char *name;
    /* After KVM_CREATE_VM, before vCPUs. Errors: says which capability is missing. */
    bool (*vm_init)(Machine *m, GError **err);
    /* What vm_init left in kvm_vm_data is going. May be NULL. */
    void (*vm_free)(Machine *m);
    /* Make them, where that is not KVM_CREATE_IRQCHIP. May be NULL. */
    bool (*irqchip_create)(Machine *m, GError **err);
    /* The controllers in the kernel are made (all of them, for KVM_IRQCHIP_ON). May be NULL. */
    bool (*irqchip_ready)(Machine *m, GError **err);
    /* Inputs of the controllers; messages' routes are numbered after them. `routes` calls
     * kvm_route_pin for each; NULL: the kernel's own routes stay. */
    unsigned n_gsis;
    void (*routes)(Machine *m);
    /* The state of those in the kernel, local parts of the CPUs included. */
    uint32_t (*irqchip_bytes)(Machine *m);
    bool (*irqchip_get)(Machine *m, uint8_t *state, GError **err);
    bool (*irqchip_set)(Machine *m, const uint8_t *state, GError **err);
    /* Of KVM_IRQCHIP_ON: the interval timer gives up its line, or has it again. May be NULL. */
    void (*set_timer_line)(Machine *m, bool on);
    /* The number that the kernel is to know the CPU by; NULL: its index. */
    unsigned long (*vcpu_id)(const Cpu *cpu);
    /* After KVM_CREATE_VCPU: features, identification registers. */
    bool (*vcpu_init)(Cpu *cpu, GError **err);
    void (*vcpu_free)(Cpu *cpu);
    /* All registers to and from KVM. Context: VCPU_THREAD. Errors: names the group of registers. */
    bool (*put)(Cpu *cpu, GError **err);
    bool (*get)(Cpu *cpu, GError **err);
    /* Just before KVM_RUN: offer an interrupt where the controllers are here. */
    void (*before_run)(Cpu *cpu, struct kvm_run *run);
    /* Just after it. */
    void (*after_run)(Cpu *cpu, struct kvm_run *run);
    /* An exit that the accelerator does not know. */
    KvmHandled (*exit)(Cpu *cpu, struct kvm_run *run);
    /* KVM's emulator has given up at an instruction: execute it. False: it is not one that is
     * known, and nothing has changed. May be NULL. */
    bool (*emulate)(Cpu *cpu);
    /* Break- and watchpoints, stepping: to KVM. */
    bool (*put_debug)(Cpu *cpu, GError **err);
    /* Does the exit belong to a debugger? Fills debug_reason and debug_addr. */
    bool (*is_debug)(Cpu *cpu, struct kvm_run *run);
    /* The thread begins to run the guest, and stops to; the Cpu's registers are valid. NULL. */
    void (*enter)(Cpu *cpu);
    void (*leave)(Cpu *cpu);
    /* A line on what a failed entry's reason means on this host; NULL. */
    const char *(*entry_failure)(uint64_t reason);
};

/* 0 or more, or -errno. */
int kvm_vm_ioctl(Machine *m, unsigned long request, void *arg);
int kvm_vcpu_ioctl(Cpu *cpu, unsigned long request, void *arg);
/* Of a device that KVM_CREATE_DEVICE made. */
int kvm_device_ioctl(int fd, unsigned long request, void *arg);
int kvm_dev_ioctl(Machine *m, unsigned long request, void *arg);
/* KVM_CHECK_EXTENSION of the VM: 0 where the host lacks it. */
int kvm_check(Machine *m, unsigned cap);
struct kvm_run *kvm_run_of(Cpu *cpu);
KvmIrqchip kvm_irqchip(Machine *m);
/* The target's data of the VM and of a vCPU; freed by g_free. */
void **kvm_vm_data(Machine *m);
void **kvm_vcpu_data(Cpu *cpu);
/* For KvmTarget.routes: input @gsi leads to pin @pin of the kernel's controller @chip (too). */
void kvm_route_pin(Machine *m, unsigned gsi, unsigned chip, unsigned pin);
/* Is @m under KVM? */
bool kvm_is_on(const Machine *m);

#endif
