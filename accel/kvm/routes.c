/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel's interrupt inputs lead (GSI routing): to pins of its controllers, as the
 * target says, or each to a message of a device. A device's message has an eventfd (irqfd), by
 * which any thread or process sends it.
 * Spec: Documentation/virt/kvm/api.rst, 4.52 KVM_SET_GSI_ROUTING, 4.75 KVM_IRQFD.
 */
#include "accel/kvm/kvm-priv.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct MsiRoute {
    uint32_t gsi;
    int fd;
    uint64_t addr;
    uint32_t data;
    bool is_set;
};

void kvm_routes_init(KvmVm *vm)
{
    mutex_init(&vm->routes_lock);
    vm->routes = g_array_new(FALSE, TRUE, sizeof(struct kvm_irq_routing_entry));
    vm->gsi_used = g_array_new(FALSE, TRUE, sizeof(bool));
}

void kvm_routes_free(KvmVm *vm)
{
    if (vm->routes) {
        g_array_free(vm->routes, TRUE);
        g_array_free(vm->gsi_used, TRUE);
        mutex_deinit(&vm->routes_lock);
    }
}

static int kvm_routes_commit(KvmVm *vm) REQUIRES(vm->routes_lock)
{
    size_t bytes = vm->routes->len * sizeof(struct kvm_irq_routing_entry);
    g_autofree struct kvm_irq_routing *t = g_malloc0(sizeof(*t) + bytes);

    t->nr = vm->routes->len;
    memcpy(t->entries, vm->routes->data, bytes);
    return kvm_vm_ioctl(vm->machine, KVM_SET_GSI_ROUTING, t);
}

void kvm_route_pin(Machine *m, unsigned gsi, unsigned chip, unsigned pin)
{
    KvmVm *vm = kvm_vm(m);
    struct kvm_irq_routing_entry e = {
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = { .irqchip = chip, .pin = pin },
    };

    mutex_lock(&vm->routes_lock);
    g_array_append_val(vm->routes, e);
    mutex_unlock(&vm->routes_lock);
}

/* The message of input @gsi; false: no room, or the kernel takes no such message. */
static bool kvm_route_message(KvmVm *vm, unsigned gsi, uint64_t addr, uint32_t data)
    REQUIRES(vm->routes_lock)
{
    struct kvm_irq_routing_entry e = {
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_MSI,
        .u.msi = { .address_lo = (uint32_t)addr,
                   .address_hi = (uint32_t)(addr >> 32),
                   .data = data },
    };

    for (unsigned i = 0; i < vm->routes->len; i++) {
        struct kvm_irq_routing_entry *old =
            &g_array_index(vm->routes, struct kvm_irq_routing_entry, i);

        if (old->gsi == gsi && old->type == KVM_IRQ_ROUTING_MSI) {
            *old = e;
            return kvm_routes_commit(vm) >= 0;
        }
    }
    if (vm->routes->len >= vm->max_routes) {
        return false;
    }
    g_array_append_val(vm->routes, e);
    return kvm_routes_commit(vm) >= 0;
}

static void kvm_route_forget(KvmVm *vm, unsigned gsi) REQUIRES(vm->routes_lock)
{
    for (unsigned i = 0; i < vm->routes->len; i++) {
        if (g_array_index(vm->routes, struct kvm_irq_routing_entry, i).gsi == gsi) {
            g_array_remove_index_fast(vm->routes, i);
            return;
        }
    }
}

bool kvm_set_pin_message(Machine *m, unsigned gsi, uint64_t addr, uint32_t data)
{
    KvmVm *vm = kvm_vm(m);
    bool ok;

    mutex_lock(&vm->routes_lock);
    ok = kvm_route_message(vm, gsi, addr, data);
    mutex_unlock(&vm->routes_lock);
    return ok;
}

/* ---- Messages of devices ---- */

static int kvm_irqfd(Machine *m, const MsiRoute *r, bool on)
{
    struct kvm_irqfd req = {
        .fd = (uint32_t)r->fd,
        .gsi = r->gsi,
        .flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
    };

    return kvm_vm_ioctl(m, KVM_IRQFD, &req);
}

static bool kvm_route_open(KvmVm *vm, MsiRoute *r) REQUIRES(vm->routes_lock)
{
    unsigned i = 0;
    bool yes = true;

    r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    while (i < vm->gsi_used->len && g_array_index(vm->gsi_used, bool, i)) {
        i++;
    }
    r->gsi = vm->first_gsi + i;
    if (r->fd < 0 || r->gsi >= vm->max_routes) {
        return false;
    }
    if (i == vm->gsi_used->len) {
        g_array_append_val(vm->gsi_used, yes);
    }
    g_array_index(vm->gsi_used, bool, i) = true;
    return true;
}

static void kvm_route_close(KvmVm *vm, MsiRoute *r) REQUIRES(vm->routes_lock)
{
    if (r->is_set) {
        (void)kvm_irqfd(vm->machine, r, false);
        kvm_route_forget(vm, r->gsi);
        (void)kvm_routes_commit(vm);
    }
    if (r->gsi >= vm->first_gsi && r->gsi - vm->first_gsi < vm->gsi_used->len) {
        g_array_index(vm->gsi_used, bool, r->gsi - vm->first_gsi) = false;
    }
    if (r->fd >= 0) {
        close(r->fd);
    }
    g_free(r);
}

static bool kvm_route_change(KvmVm *vm, MsiRoute *r, uint64_t addr, uint32_t data)
    REQUIRES(vm->routes_lock)
{
    if (!kvm_route_message(vm, r->gsi, addr, data) ||
        (!r->is_set && kvm_irqfd(vm->machine, r, true) < 0)) {
        return false;
    }
    r->is_set = true;
    r->addr = addr;
    r->data = data;
    return true;
}

static int kvm_msi_route(Machine *m, MsiRoute **route, uint64_t addr, uint32_t data)
{
    KvmVm *vm = kvm_vm(m);
    MsiRoute *r = *route;
    bool ok = true;

    if (r && r->addr == addr && r->data == data) {
        return r->fd;
    }
    if (!vm->has_irqfd) {
        return -1;
    }
    mutex_lock(&vm->routes_lock);
    if (!r) {
        r = g_new0(MsiRoute, 1);
        ok = kvm_route_open(vm, r);
    }
    ok = ok && kvm_route_change(vm, r, addr, data);
    if (!ok) {
        kvm_route_close(vm, r);
        r = NULL;
    }
    *route = r;
    mutex_unlock(&vm->routes_lock);
    return r ? r->fd : -1;
}

bool kvm_msi_send_routed(Machine *m, MsiRoute **route, uint64_t addr, uint32_t data)
{
    uint64_t one = 1;
    int fd = kvm_msi_route(m, route, addr, data);

    return fd >= 0 && write(fd, &one, sizeof(one)) == sizeof(one);
}

void kvm_msi_unroute(Machine *m, MsiRoute *route)
{
    KvmVm *vm = kvm_vm(m);

    if (route) {
        mutex_lock(&vm->routes_lock);
        kvm_route_close(vm, route);
        mutex_unlock(&vm->routes_lock);
    }
}

bool kvm_routes_start(KvmVm *vm, GError **err)
{
    int rc = kvm_check(vm->machine, KVM_CAP_IRQ_ROUTING);

    vm->max_routes = (unsigned)rc;
    vm->has_irqfd = rc > 0 && kvm_check(vm->machine, KVM_CAP_IRQFD);
    vm->first_gsi = vm->target->n_gsis;
    if (!rc || !vm->target->routes) {
        vm->has_irqfd = false;
        return true;
    }
    vm->target->routes(vm->machine);
    mutex_lock(&vm->routes_lock);
    rc = kvm_routes_commit(vm);
    mutex_unlock(&vm->routes_lock);
    return rc >= 0 || error_set(err, "KVM refuses the interrupt routes: %s", g_strerror(-rc));
}
