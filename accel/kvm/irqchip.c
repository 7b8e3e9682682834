/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of devices to interrupt controllers in the kernel.
 * Spec: Documentation/virt/kvm/api.rst, 4.25 KVM_IRQ_LINE, 4.71 KVM_SIGNAL_MSI.
 */
#include "accel/kvm/kvm-priv.h"

static void kvm_set_gsi(Machine *m, unsigned gsi, bool level)
{
    struct kvm_irq_level line = { .irq = gsi, .level = level };

    (void)kvm_vm_ioctl(m, KVM_IRQ_LINE, &line);
}

static bool kvm_send_msi(Machine *m, uint64_t addr, uint32_t data)
{
    struct kvm_msi msi = {
        .address_lo = (uint32_t)addr,
        .address_hi = (uint32_t)(addr >> 32),
        .data = data,
    };

    return kvm_vm_ioctl(m, KVM_SIGNAL_MSI, &msi) > 0;
}

static uint32_t kvm_chip_bytes(Machine *m)
{
    const KvmTarget *t = kvm_vm(m)->target;

    return t->irqchip_bytes ? t->irqchip_bytes(m) : 0;
}

static bool kvm_chip_get(Machine *m, uint8_t *state, GError **err)
{
    return kvm_vm(m)->target->irqchip_get(m, state, err);
}

static bool kvm_chip_set(Machine *m, const uint8_t *state, GError **err)
{
    return kvm_vm(m)->target->irqchip_set(m, state, err);
}

static void kvm_set_timer_line(Machine *m, bool on)
{
    const KvmTarget *t = kvm_vm(m)->target;

    if (t->set_timer_line) {
        t->set_timer_line(m, on);
    }
}

static const MachineIrqchip kvm_chip = {
    .set_gsi = kvm_set_gsi,
    .send_msi = kvm_send_msi,
    .msi_send_routed = kvm_msi_send_routed,
    .msi_unroute = kvm_msi_unroute,
    .set_pin_message = kvm_set_pin_message,
    .set_timer_line = kvm_set_timer_line,
    .state_bytes = kvm_chip_bytes,
    .get = kvm_chip_get,
    .set = kvm_chip_set,
};

bool kvm_irqchip_init(KvmVm *vm, GError **err)
{
    int rc;

    if (vm->irqchip == KVM_IRQCHIP_OFF) {
        return true;
    }
    if (vm->target->irqchip_create) {
        if (!vm->target->irqchip_create(vm->machine, err)) {
            return false;
        }
        rc = 0;
    } else if (vm->irqchip == KVM_IRQCHIP_SPLIT) {
        struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

        rc = kvm_vm_ioctl(vm->machine, KVM_ENABLE_CAP, &cap);
    } else {
        rc = kvm_vm_ioctl(vm->machine, KVM_CREATE_IRQCHIP, NULL);
    }
    if (rc < 0) {
        return error_set(err, "KVM makes no interrupt controllers: %s", g_strerror(-rc));
    }
    machine_set_irqchip(vm->machine, &kvm_chip);
    return kvm_routes_start(vm, err) &&
           (!vm->target->irqchip_ready || vm->target->irqchip_ready(vm->machine, err));
}
