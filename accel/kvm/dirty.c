/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages the guest has written: KVM's log of a slot, or its rings (a vCPU each), into the
 * bitmaps of RamBlocks.
 * Spec: Documentation/virt/kvm/api.rst, 4.8 KVM_GET_DIRTY_LOG, 4.117 KVM_CLEAR_DIRTY_LOG, 7.18
 * KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 8.29 KVM_CAP_DIRTY_LOG_RING.
 */
#include "accel/kvm/kvm-priv.h"

#include "util/bits.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

bool kvm_ram_is_logged(const RamBlock *ram)
{
    return (__atomic_load_n(&ram->log_clients, __ATOMIC_ACQUIRE) & ~(1u << DIRTY_CODE)) != 0;
}

/* A log was switched on: slots of the block must have it before their vCPUs run on. */
static void kvm_log_revoked(void *opaque, RamBlock *ram, uint64_t off, uint64_t len)
{
    KvmVm *vm = opaque;

    uint64_t bit = ram->id < 64 ? 1ull << ram->id : 0;

    if (!kvm_ram_is_logged(ram) || __atomic_load_n(&vm->logged, __ATOMIC_SEQ_CST) & bit) {
        return;
    }
    __atomic_add_fetch(&vm->log_wanted, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < machine_n_cpus(vm->machine); i++) {
        cpu_request(machine_cpu(vm->machine, i), REQ_TLB_FLUSH);
    }
}

/* ---- The log of a slot ---- */

/* @bits of the slot's pages go to the block's bitmaps. */
static void kvm_log_take(const KvmSlot *s, const uint64_t *bits)
{
    uint64_t pages = s->len / GUEST_PAGE_SIZE;

    for (uint64_t w = 0; w * 64 < pages; w++) {
        for (uint64_t v = bits[w]; v; v &= v - 1) {
            uint64_t page = w * 64 + (unsigned)__builtin_ctzll(v);

            if (page < pages) {
                ram_dirty_set(s->ram, s->ram_off + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
            }
        }
    }
}

static bool kvm_log_sync_slot(KvmVm *vm, unsigned n, const KvmSlot *s)
{
    uint64_t pages = s->len / GUEST_PAGE_SIZE, words = (pages + 63) / 64;
    g_autofree uint64_t *bits = g_new0(uint64_t, words);
    struct kvm_dirty_log get = { .slot = n, .dirty_bitmap = bits };
    struct kvm_clear_dirty_log clear = {
        .slot = n,
        .num_pages = (uint32_t)min_u64(pages, UINT32_MAX),
        .dirty_bitmap = bits,
    };

    if (kvm_vm_ioctl(vm->machine, KVM_GET_DIRTY_LOG, &get) < 0) {
        return false;
    }
    if (vm->manual_protect) {
        (void)kvm_vm_ioctl(vm->machine, KVM_CLEAR_DIRTY_LOG, &clear);
    }
    kvm_log_take(s, bits);
    return true;
}

/* ---- Rings ---- */

static void kvm_ring_page(KvmVm *vm, uint32_t slot, uint64_t page) REQUIRES(vm->slots_lock)
{
    const KvmSlot *s;

    if ((slot & 0xffff) >= vm->slots->len) {
        return;
    }
    s = &g_array_index(vm->slots, KvmSlot, slot & 0xffff);
    if (s->used && page < s->len / GUEST_PAGE_SIZE) {
        ram_dirty_set(s->ram, s->ram_off + page * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
    }
}

/* Each entry is KVM's until its flag says dirty, ours until it says reset. */
static void kvm_ring_harvest(KvmVm *vm, KvmCpu *k) REQUIRES(vm->slots_lock)
{
    for (;;) {
        struct kvm_dirty_gfn *e = &k->ring[k->ring_at % vm->ring_entries];

        if (__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY) {
            return;
        }
        kvm_ring_page(vm, e->slot, e->offset);
        __atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
        k->ring_at++;
    }
}

void kvm_rings_sync(KvmVm *vm)
{
    mutex_lock(&vm->slots_lock);
    for (unsigned i = 0; i < machine_n_cpus(vm->machine); i++) {
        KvmCpu *k = kvm_cpu(machine_cpu(vm->machine, i));

        if (k && k->ring) {
            kvm_ring_harvest(vm, k);
        }
    }
    (void)kvm_vm_ioctl(vm->machine, KVM_RESET_DIRTY_RINGS, NULL);
    mutex_unlock(&vm->slots_lock);
}

bool kvm_ring_map(KvmVm *vm, KvmCpu *k, GError **err)
{
    size_t bytes = vm->ring_entries * sizeof(struct kvm_dirty_gfn);
    void *p;

    if (!bytes) {
        return true;
    }
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd,
             KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));
    if (p == MAP_FAILED) {
        return error_set(err, "the ring of dirty pages: %s", g_strerror(errno));
    }
    k->ring = p;
    return true;
}

void kvm_ring_unmap(KvmVm *vm, KvmCpu *k)
{
    if (k->ring) {
        munmap(k->ring, vm->ring_entries * sizeof(struct kvm_dirty_gfn));
        k->ring = NULL;
    }
}

/* ---- Both ---- */

static bool kvm_log_sync(void *opaque, RamBlock *ram)
{
    KvmVm *vm = opaque;
    uint64_t bit = ram->id < 64 ? 1ull << ram->id : 0;
    /* Not before: stores since the log was switched on may be in no slot's log. */
    bool exact = (__atomic_load_n(&vm->logged, __ATOMIC_SEQ_CST) & bit) != 0;
    g_autoptr(GError) err = NULL;

    if (!kvm_ram_is_logged(ram) || !kvm_slots_update(vm, &err)) {
        return false;
    }
    if (vm->ring_entries) {
        kvm_rings_sync(vm);
        return exact;
    }
    mutex_lock(&vm->slots_lock);
    for (unsigned n = 0; n < vm->slots->len; n++) {
        const KvmSlot *s = &g_array_index(vm->slots, KvmSlot, n);

        if (s->used && s->ram == ram && s->flags & KVM_MEM_LOG_DIRTY_PAGES) {
            exact &= kvm_log_sync_slot(vm, n, s);
        }
    }
    mutex_unlock(&vm->slots_lock);
    return exact;
}

static bool kvm_ring_enable(KvmVm *vm, GError **err)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_DIRTY_LOG_RING,
        .args = { vm->ring_entries * sizeof(struct kvm_dirty_gfn) },
    };
    int most = kvm_check(vm->machine, KVM_CAP_DIRTY_LOG_RING);
    int rc;

    if (!most) {
        return error_set(err, "dirty-ring-size=: this host's KVM has no such rings (a kernel of "
                              "5.11 or later has)");
    }
    if (cap.args[0] > (uint64_t)most) {
        return error_set(err, "dirty-ring-size=%" G_GUINT64_FORMAT ": at most %zu here",
                         vm->ring_entries, (size_t)most / sizeof(struct kvm_dirty_gfn));
    }
    rc = kvm_vm_ioctl(vm->machine, KVM_ENABLE_CAP, &cap);
    return rc >= 0 || error_set(err, "dirty-ring-size=%" G_GUINT64_FORMAT ": %s", vm->ring_entries,
                                g_strerror(-rc));
}

bool kvm_log_init(KvmVm *vm, GError **err)
{
    struct kvm_enable_cap cap = {
        .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
        .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
    };

    vm->listener = (MemListener){
        .write_revoked = kvm_log_revoked,
        .log_sync = kvm_log_sync,
        .opaque = vm,
    };
    mem_listener_add(vm->machine, &vm->listener);
    if (vm->ring_entries) {
        return kvm_ring_enable(vm, err);
    }
    vm->manual_protect = kvm_check(vm->machine, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) &&
                         kvm_vm_ioctl(vm->machine, KVM_ENABLE_CAP, &cap) >= 0;
    return true;
}
