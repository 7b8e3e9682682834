/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory as KVM's slots: one for each range of RAM or ROM in the map. ROM is a slot that
 * the guest can read; its writes come to us, as do all accesses outside of slots.
 * Spec: Documentation/virt/kvm/api.rst, 4.35 KVM_SET_USER_MEMORY_REGION.
 */
#include "accel/kvm/kvm-priv.h"

#include "util/bits.h"

#include <errno.h>
#include <inttypes.h>

void kvm_slots_init(KvmVm *vm)
{
    mutex_init(&vm->slots_lock);
    vm->slots = g_array_new(FALSE, TRUE, sizeof(KvmSlot));
    vm->generation = UINT64_MAX;
}

void kvm_slots_free(KvmVm *vm)
{
    if (vm->slots) {
        g_array_free(vm->slots, TRUE);
        mutex_deinit(&vm->slots_lock);
    }
}

/* What of @f whole pages can show; false: nothing. */
static bool kvm_slot_of(const FlatRange *f, KvmSlot *s)
{
    GuestPhys start = bits_align_up(f->start, GUEST_PAGE_SIZE);
    GuestPhys end = (f->start + f->len) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);

    if (!f->ram || f->kind == FLAT_MMIO || end <= start || end - start > f->len) {
        return false;
    }
    *s = (KvmSlot){
        .start = start,
        .len = end - start,
        .host = flat_host(f, start),
        .ram = f->ram,
        .ram_off = f->offset + (start - f->start),
        .flags = (f->kind == FLAT_RAM ? 0 : KVM_MEM_READONLY) |
                 (kvm_ram_is_logged(f->ram) ? KVM_MEM_LOG_DIRTY_PAGES : 0),
        .used = true,
    };
    /* A host page shows one guest page: both must begin alike. */
    return ((uintptr_t)s->host & (GUEST_PAGE_SIZE - 1)) == 0;
}

static void kvm_slots_want(const FlatRange *f, void *arg)
{
    GArray *wanted = arg;
    KvmSlot s;

    if (kvm_slot_of(f, &s)) {
        g_array_append_val(wanted, s);
    }
}

static bool kvm_slot_same(const KvmSlot *a, const KvmSlot *b)
{
    return a->used == b->used && a->start == b->start && a->len == b->len && a->host == b->host &&
           (a->flags & KVM_MEM_READONLY) == (b->flags & KVM_MEM_READONLY);
}

/* @len 0 takes the slot away. */
static bool kvm_slot_set(KvmVm *vm, unsigned n, const KvmSlot *s, uint64_t len, GError **err)
{
    struct kvm_userspace_memory_region r = {
        .slot = n,
        .flags = len ? s->flags : 0,
        .guest_phys_addr = s->start,
        .memory_size = len,
        .userspace_addr = (uintptr_t)s->host,
    };
    int rc = kvm_vm_ioctl(vm->machine, KVM_SET_USER_MEMORY_REGION, &r);

    return rc >= 0 ||
           error_set(err, "KVM refuses %s at 0x%" PRIx64 " (%" PRIu64 " KiB) as memory: %s",
                     s->ram->name, s->start, s->len >> 10, g_strerror(-rc));
}

static bool kvm_slots_apply(KvmVm *vm, const GArray *wanted, GError **err) REQUIRES(vm->slots_lock)
{
    g_autofree bool *have = g_new0(bool, wanted->len + 1);
    unsigned at = 0;

    /* What goes first: two slots may not overlap. */
    for (unsigned n = 0; n < vm->slots->len; n++) {
        KvmSlot *s = &g_array_index(vm->slots, KvmSlot, n);
        bool keep = false;

        for (unsigned i = 0; s->used && i < wanted->len && !keep; i++) {
            const KvmSlot *w = &g_array_index(wanted, KvmSlot, i);

            keep = kvm_slot_same(s, w);
            have[i] |= keep;
            if (keep && s->flags != w->flags) { /* the log goes on or off */
                s->flags = w->flags;
                if (!kvm_slot_set(vm, n, s, s->len, err)) {
                    return false;
                }
            }
        }
        if (s->used && !keep) {
            if (!kvm_slot_set(vm, n, s, 0, err)) {
                return false;
            }
            s->used = false;
        }
    }
    for (unsigned i = 0; i < wanted->len; i++) {
        if (have[i]) {
            continue;
        }
        while (at < vm->slots->len && g_array_index(vm->slots, KvmSlot, at).used) {
            at++;
        }
        if (at == vm->slots->len) {
            g_array_set_size(vm->slots, at + 1);
        }
        if (at >= vm->max_slots) {
            return error_set(err, "the memory map has more parts than KVM's %u slots",
                             vm->max_slots);
        }
        if (!kvm_slot_set(vm, at, &g_array_index(wanted, KvmSlot, i),
                          g_array_index(wanted, KvmSlot, i).len, err)) {
            return false;
        }
        g_array_index(vm->slots, KvmSlot, at) = g_array_index(wanted, KvmSlot, i);
    }
    return true;
}

static bool kvm_slots_are_current(const KvmVm *vm)
{
    return __atomic_load_n(&vm->generation, __ATOMIC_ACQUIRE) ==
               aspace_generation(machine_memory(vm->machine)) &&
           __atomic_load_n(&vm->log_wanted, __ATOMIC_SEQ_CST) ==
               __atomic_load_n(&vm->log_shown, __ATOMIC_SEQ_CST) &&
           kvm_bells_are_current(vm);
}

bool kvm_slots_update(KvmVm *vm, GError **err)
{
    AddressSpace *as = machine_memory(vm->machine);
    bool ok = true;

    if (kvm_slots_are_current(vm)) {
        return true;
    }
    mutex_lock(&vm->slots_lock);
    while (ok && !kvm_slots_are_current(vm)) {
        uint64_t log = __atomic_load_n(&vm->log_wanted, __ATOMIC_SEQ_CST), logged = 0;
        g_autoptr(GArray) wanted = g_array_new(FALSE, TRUE, sizeof(KvmSlot));
        uint64_t generation = aspace_generation(as);

        aspace_each(as, kvm_slots_want, wanted);
        ok = kvm_slots_apply(vm, wanted, err);
        for (unsigned i = 0; i < wanted->len; i++) {
            const KvmSlot *s = &g_array_index(wanted, KvmSlot, i);

            logged |=
                s->flags & KVM_MEM_LOG_DIRTY_PAGES && s->ram->id < 64 ? 1ull << s->ram->id : 0;
        }
        if (ok) {
            __atomic_store_n(&vm->logged, logged, __ATOMIC_SEQ_CST);
            __atomic_store_n(&vm->log_shown, log, __ATOMIC_SEQ_CST);
            kvm_bells_update(vm);
            __atomic_store_n(&vm->generation, generation, __ATOMIC_RELEASE);
        }
    }
    mutex_unlock(&vm->slots_lock);
    return ok;
}
