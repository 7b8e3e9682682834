/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells of devices that the kernel rings: the guest's write ends in an eventfd, and the vCPU
 * goes on without leaving KVM_RUN.
 * Spec: Documentation/virt/kvm/api.rst, 4.59 KVM_IOEVENTFD.
 */
#include "accel/kvm/kvm-priv.h"

#include "core/doorbell.h"
#include "util/log.h"

#include <fcntl.h>
#include <unistd.h>

/* A doorbell as KVM has it. Its descriptor is a dup: the device's own may be closed already. */
typedef struct KvmBell {
    struct kvm_ioeventfd req;
    uint64_t id;
    bool keep;
} KvmBell;

typedef struct KvmBellsWanted {
    GArray *list; /* of KvmBell */
    uint32_t flags;
    bool any_size; /* KVM takes length 0 */
} KvmBellsWanted;

static void kvm_bell_wanted(const Doorbell *d, const FlatRange *f, void *arg)
{
    KvmBellsWanted *w = arg;
    KvmBell b = {
        .req = { .datamatch = d->value,
                 .addr = f->start + (d->off - f->region_offset),
                 .len = d->size,
                 .fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0),
                 .flags = w->flags | (d->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) },
        .id = d->id,
    };

    if (!d->size && !w->any_size) {
        b.req.len = 2; /* what drivers write */
    }
    if (b.req.fd >= 0) {
        g_array_append_val(w->list, b);
    }
}

typedef struct KvmBellsRange {
    Machine *machine;
    KvmBellsWanted *wanted;
} KvmBellsRange;

static void kvm_bells_in(const FlatRange *f, void *arg)
{
    KvmBellsRange *r = arg;

    doorbell_each(r->machine, f, kvm_bell_wanted, r->wanted);
}

static bool kvm_bell_same(const KvmBell *a, const KvmBell *b)
{
    return a->id == b->id && a->req.addr == b->req.addr && a->req.len == b->req.len &&
           a->req.flags == b->req.flags && a->req.datamatch == b->req.datamatch;
}

static void kvm_bell_off(KvmVm *vm, KvmBell *b)
{
    b->req.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
    (void)kvm_vm_ioctl(vm->machine, KVM_IOEVENTFD, &b->req);
    close(b->req.fd);
}

static void kvm_bells_apply(KvmVm *vm, GArray *wanted)
{
    GArray *now = g_array_new(FALSE, TRUE, sizeof(KvmBell));

    for (unsigned i = 0; i < vm->bells->len; i++) {
        KvmBell *old = &g_array_index(vm->bells, KvmBell, i);
        bool keep = false;

        for (unsigned k = 0; k < wanted->len && !keep; k++) {
            KvmBell *w = &g_array_index(wanted, KvmBell, k);

            keep = !w->keep && kvm_bell_same(old, w);
            w->keep |= keep;
        }
        if (keep) {
            g_array_append_val(now, *old);
        } else {
            kvm_bell_off(vm, old);
        }
    }
    for (unsigned k = 0; k < wanted->len; k++) {
        KvmBell *w = &g_array_index(wanted, KvmBell, k);

        if (w->keep) {
            close(w->req.fd); /* the one that KVM has serves */
        } else if (kvm_vm_ioctl(vm->machine, KVM_IOEVENTFD, &w->req) < 0) {
            close(w->req.fd); /* no room (KVM's limit of devices): the write comes to us */
        } else {
            g_array_append_val(now, *w);
        }
    }
    g_array_free(vm->bells, TRUE);
    vm->bells = now;
}

static uint64_t kvm_bells_generation(Machine *m, AddressSpace *io)
{
    return doorbell_generation(m) + (io ? aspace_generation(io) : 0);
}

bool kvm_bells_are_current(const KvmVm *vm)
{
    return !vm->has_ioeventfd ||
           __atomic_load_n(&vm->bells_generation, __ATOMIC_ACQUIRE) ==
               kvm_bells_generation(vm->machine, machine_cpu(vm->machine, 0)->as_io);
}

void kvm_bells_update(KvmVm *vm)
{
    Machine *m = vm->machine;
    AddressSpace *io = machine_cpu(m, 0)->as_io;
    uint64_t generation = kvm_bells_generation(m, io);
    g_autoptr(GArray) list = NULL;
    KvmBellsWanted w = { .any_size = kvm_check(m, KVM_CAP_IOEVENTFD_ANY_LENGTH) != 0 };
    KvmBellsRange r = { m, &w };

    if (!vm->has_ioeventfd) {
        return;
    }
    list = w.list = g_array_new(FALSE, TRUE, sizeof(KvmBell));
    aspace_each(machine_memory(m), kvm_bells_in, &r);
    w.flags = KVM_IOEVENTFD_FLAG_PIO;
    w.any_size = false;
    if (io) {
        aspace_each(io, kvm_bells_in, &r);
    }
    kvm_bells_apply(vm, list);
    __atomic_store_n(&vm->bells_generation, generation, __ATOMIC_RELEASE);
}

void kvm_bells_init(KvmVm *vm)
{
    vm->bells = g_array_new(FALSE, TRUE, sizeof(KvmBell));
}

void kvm_bells_free(KvmVm *vm)
{
    for (unsigned i = 0; vm->bells && i < vm->bells->len; i++) {
        close(g_array_index(vm->bells, KvmBell, i).req.fd);
    }
    g_clear_pointer(&vm->bells, g_array_unref);
}
