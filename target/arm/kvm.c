/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64 registers between the Cpu and KVM, on AArch64 hosts. PSCI is the kernel's, the GIC as
 * well. It is compiled by a job of CI; no machine of ours has run it yet.
 * Spec: Documentation/virt/kvm/api.rst, 4.68 KVM_SET_ONE_REG, 4.82 KVM_ARM_VCPU_INIT;
 * Documentation/virt/kvm/devices/arm-vgic-v3.rst.
 */
#include "accel/kvm/kvm.h"
#include "target/arm/cpu.h"
#include "target/arm/exception.h"
#include "target/arm/sysreg.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <string.h>

enum {
    GIC_SPIS = 256,
    /* The board `virt`. */
    GIC_DIST = 0x08000000,
    GIC_REDIST = 0x080a0000,
};

#define CORE_REG(member)  (KVM_REG_ARM64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(member))
#define CORE_U64(member)  (CORE_REG(member) | KVM_REG_SIZE_U64)
#define CORE_U32(member)  (CORE_REG(member) | KVM_REG_SIZE_U32)
#define CORE_U128(member) (CORE_REG(member) | KVM_REG_SIZE_U128)

/* Registers of the vCPU that are rows of ours, found when it is made. */
typedef struct KvmArmCpu {
    unsigned n;
    uint64_t reg[1024];
} KvmArmCpu;

static bool kvm_arm_one(Cpu *cpu, uint64_t id, void *at, bool set, GError **err)
{
    struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)at };
    int rc = kvm_vcpu_ioctl(cpu, set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, &r);

    return rc >= 0 || error_set(err, "KVM: register 0x%" PRIx64 " of CPU %d: %s", id, cpu->index,
                                g_strerror(-rc));
}

static bool kvm_arm_vm_init(Machine *m, GError **err)
{
    static const struct {
        unsigned cap;
        const char *name;
    } needed[] = {
        { KVM_CAP_ONE_REG, "ONE_REG" },
        { KVM_CAP_ARM_PSCI_0_2, "ARM_PSCI_0_2" },
        { KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
        { KVM_CAP_DEVICE_CTRL, "DEVICE_CTRL" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (!kvm_check(m, needed[i].cap)) {
            return error_set(err,
                             "this host's KVM lacks KVM_CAP_%s: a kernel of 4.12 or later "
                             "has it",
                             needed[i].name);
        }
    }
    return true;
}

/* ---- The GIC ---- */

static bool kvm_arm_gic_attr(int fd, uint32_t group, uint64_t attr, uint64_t val, GError **err)
{
    struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)&val };
    int rc = kvm_device_ioctl(fd, KVM_SET_DEVICE_ATTR, &a);

    return rc >= 0 || error_set(err, "KVM's GIC refuses attribute %u/%" PRIu64 ": %s", group, attr,
                                g_strerror(-rc));
}

/* Once the vCPUs are there KVM can make their parts: GICv3, or what the host has. */
static bool kvm_arm_irqchip_create(Machine *m, GError **err)
{
    struct kvm_create_device dev = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
    int rc = kvm_vm_ioctl(m, KVM_CREATE_DEVICE, &dev);

    if (rc < 0) {
        return error_set(err, "KVM makes no GICv3: %s", g_strerror(-rc));
    }
    return kvm_arm_gic_attr((int)dev.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST,
                            GIC_DIST, err) &&
           kvm_arm_gic_attr((int)dev.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
                            GIC_REDIST, err) &&
           kvm_arm_gic_attr((int)dev.fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, GIC_SPIS, err);
}

/* ---- Registers ---- */

typedef struct KvmArmCore {
    uint64_t id;
    size_t at; /* in ArmCpu */
} KvmArmCore;

static const KvmArmCore kvm_arm_core[] = {
    { CORE_U64(regs.pc), offsetof(ArmCpu, pc) },
    { CORE_U64(sp_el1), offsetof(ArmCpu, sp_el[1]) },
    { CORE_U64(regs.sp), offsetof(ArmCpu, sp_el[0]) },
    { CORE_U64(elr_el1), offsetof(ArmCpu, elr_el[1]) },
    { CORE_U64(spsr[KVM_SPSR_EL1]), offsetof(ArmCpu, spsr_el[1]) },
};

static bool kvm_arm_move_core(Cpu *cpu, bool set, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);

    for (unsigned i = 0; i < 31; i++) {
        if (!kvm_arm_one(cpu, CORE_U64(regs.regs[0]) + 2 * i, &c->x[i], set, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(kvm_arm_core); i++) {
        if (!kvm_arm_one(cpu, kvm_arm_core[i].id, (uint8_t *)c + kvm_arm_core[i].at, set, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        if (!kvm_arm_one(cpu, CORE_U128(fp_regs.vregs[0]) + 4 * i, &c->v[i], set, err)) {
            return false;
        }
    }
    return true;
}

/* The stack pointer in use is kept apart: KVM has one for EL0 and one for EL1. */
static uint64_t *kvm_arm_stack(ArmCpu *c)
{
    return &c->sp_el[c->sp_sel ? 1 : 0];
}

static bool kvm_arm_put_status(Cpu *cpu, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);
    uint64_t pstate = arm_pstate(c);
    uint32_t fpcr = (uint32_t)c->fpcr, fpsr = (uint32_t)arm_fpsr_read(c);

    return kvm_arm_one(cpu, CORE_U64(regs.pstate), &pstate, true, err) &&
           kvm_arm_one(cpu, CORE_U32(fp_regs.fpcr), &fpcr, true, err) &&
           kvm_arm_one(cpu, CORE_U32(fp_regs.fpsr), &fpsr, true, err);
}

static bool kvm_arm_get_status(Cpu *cpu, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);
    uint64_t pstate = 0;
    uint32_t fpcr = 0, fpsr = 0;

    if (!kvm_arm_one(cpu, CORE_U64(regs.pstate), &pstate, false, err) ||
        !kvm_arm_one(cpu, CORE_U32(fp_regs.fpcr), &fpcr, false, err) ||
        !kvm_arm_one(cpu, CORE_U32(fp_regs.fpsr), &fpsr, false, err)) {
        return false;
    }
    arm_set_pstate(c, (uint32_t)pstate);
    arm_fpcr_write(c, fpcr);
    arm_fpsr_write(c, fpsr);
    return true;
}

/* KVM numbers system registers as the instructions do, and so do our rows. */
static const ArmSysReg *kvm_arm_row(const ArmCpu *c, uint64_t reg)
{
    const ArmSysReg *r;

    if ((reg & KVM_REG_ARM_COPROC_MASK) != KVM_REG_ARM64_SYSREG ||
        (reg & KVM_REG_SIZE_MASK) != KVM_REG_SIZE_U64) {
        return NULL;
    }
    r = arm_sys_find(c, (uint32_t)(reg & 0xffff));
    return r && r->at && !(r->flags & (SYS_HIDDEN | SYS_ID)) && r->write_el != SYS_NEVER ? r : NULL;
}

static bool kvm_arm_find_regs(Cpu *cpu, GError **err)
{
    KvmArmCpu *k = g_new0(KvmArmCpu, 1);
    struct kvm_reg_list *list = NULL;
    struct kvm_reg_list probe = { 0 };
    int rc = kvm_vcpu_ioctl(cpu, KVM_GET_REG_LIST, &probe);

    *kvm_vcpu_data(cpu) = k;
    if (rc == -E2BIG) {
        list = g_malloc0(sizeof(*list) + probe.n * sizeof(uint64_t));
        list->n = probe.n;
        rc = kvm_vcpu_ioctl(cpu, KVM_GET_REG_LIST, list);
    }
    for (uint64_t i = 0; rc >= 0 && list && i < list->n && k->n < G_N_ELEMENTS(k->reg); i++) {
        if (kvm_arm_row(arm_cpu(cpu), list->reg[i])) {
            k->reg[k->n++] = list->reg[i];
        }
    }
    g_free(list);
    return rc >= 0 || error_set(err, "KVM_GET_REG_LIST: %s", g_strerror(-rc));
}

static bool kvm_arm_move_sys(Cpu *cpu, bool set, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);
    const KvmArmCpu *k = *kvm_vcpu_data(cpu);

    for (unsigned i = 0; i < k->n; i++) {
        const ArmSysReg *r = kvm_arm_row(c, k->reg[i]);
        uint64_t val = 0;

        memcpy(&val, (uint8_t *)c + r->at, (size_t)1 << r->size);
        if (!kvm_arm_one(cpu, k->reg[i], &val, set, err)) {
            return false;
        }
        if (!set) {
            memcpy((uint8_t *)c + r->at, &val, (size_t)1 << r->size);
        }
    }
    return true;
}

static bool kvm_arm_put(Cpu *cpu, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);

    *kvm_arm_stack(c) = c->sp;
    return kvm_arm_move_core(cpu, true, err) && kvm_arm_put_status(cpu, err) &&
           kvm_arm_move_sys(cpu, true, err);
}

static bool kvm_arm_get(Cpu *cpu, GError **err)
{
    ArmCpu *c = arm_cpu(cpu);

    if (!kvm_arm_move_core(cpu, false, err) || !kvm_arm_get_status(cpu, err) ||
        !kvm_arm_move_sys(cpu, false, err)) {
        return false;
    }
    c->sp = *kvm_arm_stack(c);
    return true;
}

static bool kvm_arm_vcpu_init(Cpu *cpu, GError **err)
{
    struct kvm_vcpu_init init = { 0 };
    int rc = kvm_vm_ioctl(cpu->dev.machine, KVM_ARM_PREFERRED_TARGET, &init);

    if (rc >= 0) {
        init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
        if (cpu->index) {
            init.features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
        }
        rc = kvm_vcpu_ioctl(cpu, KVM_ARM_VCPU_INIT, &init);
    }
    if (rc < 0) {
        return error_set(err, "KVM_ARM_VCPU_INIT of CPU %d: %s", cpu->index, g_strerror(-rc));
    }
    return kvm_arm_find_regs(cpu, err);
}

const KvmTarget kvm_target_arm = {
    .name = "aarch64",
    .vm_init = kvm_arm_vm_init,
    .irqchip_create = kvm_arm_irqchip_create,
    .vcpu_init = kvm_arm_vcpu_init,
    .put = kvm_arm_put,
    .get = kvm_arm_get,
};
