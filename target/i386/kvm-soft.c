/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A debugger's breakpoints that find no debug register: INT3 in the guest's memory, there only
 * while CPUs run, so that whoever looks at a stopped machine sees the guest's own bytes.
 * Spec: Documentation/virt/kvm/api.rst, 4.87 KVM_SET_GUEST_DEBUG (KVM_GUESTDBG_USE_SW_BP); Intel
 * SDM volume 3, 6.15 (vector 3).
 */
#include "target/i386/kvm-x86.h"

#include "core/memory/memory.h"
#include "util/lock.h"

enum { INT3 = 0xcc };

typedef struct SoftPatch {
    uint8_t *host;
    RamBlock *ram;
    uint64_t off;
    uint8_t was;
    unsigned users; /* CPUs that run */
} SoftPatch;

/* The VM's. */
typedef struct Soft {
    Mutex lock;      /* a leaf */
    GArray *patches; /* of SoftPatch */
} Soft;

/* A vCPU's: what it has in memory while it runs. */
typedef struct SoftCpu {
    bool inside;
    GArray *addrs; /* of GuestVirt */
    GPtrArray *at; /* of uint8_t *, NULL: not mapped */
} SoftCpu;

static Soft *soft_of(Machine *m)
{
    return *kvm_vm_data(m);
}

void kvm_x86_soft_init(Machine *m)
{
    Soft *s = g_new0(Soft, 1);

    mutex_init(&s->lock);
    s->patches = g_array_new(FALSE, FALSE, sizeof(SoftPatch));
    *kvm_vm_data(m) = s;
}

void kvm_x86_soft_free(Machine *m)
{
    Soft *s = soft_of(m);

    if (s) {
        g_array_free(s->patches, TRUE);
        mutex_deinit(&s->lock);
    }
}

static SoftCpu *soft_cpu(Cpu *cpu)
{
    SoftCpu *c = *kvm_vcpu_data(cpu);

    if (!c) {
        c = g_new0(SoftCpu, 1);
        c->addrs = g_array_new(FALSE, FALSE, sizeof(GuestVirt));
        c->at = g_ptr_array_new();
        *kvm_vcpu_data(cpu) = c;
    }
    return c;
}

void kvm_x86_soft_cpu_free(Cpu *cpu)
{
    SoftCpu *c = *kvm_vcpu_data(cpu);

    if (c) {
        g_array_free(c->addrs, TRUE);
        g_ptr_array_free(c->at, TRUE);
    }
}

static void soft_store(const SoftPatch *p, uint8_t byte)
{
    __atomic_store_n(p->host, byte, __ATOMIC_SEQ_CST);
    ram_wrote(p->ram, p->off, 1);
}

static SoftPatch *soft_find(Soft *s, const uint8_t *host) REQUIRES(s->lock)
{
    for (unsigned i = 0; i < s->patches->len; i++) {
        SoftPatch *p = &g_array_index(s->patches, SoftPatch, i);

        if (p->host == host) {
            return p;
        }
    }
    return NULL;
}

/* The byte behind @va; NULL: not mapped, or no RAM or ROM. */
static uint8_t *soft_byte(Cpu *cpu, GuestVirt va, SoftPatch *p)
{
    const FlatRange *f;
    GuestPhys pa;

    if (!x86_debug_translate(cpu, va, &pa)) {
        return NULL;
    }
    f = aspace_lookup(cpu->as, pa);
    if (!f || f->kind == FLAT_MMIO || !f->ram) {
        return NULL;
    }
    p->ram = f->ram;
    p->host = flat_host(f, pa);
    p->off = (uint64_t)(p->host - f->ram->host);
    return p->host;
}

static void soft_add(Cpu *cpu, Soft *s, GuestVirt va) REQUIRES(s->lock)
{
    SoftCpu *c = soft_cpu(cpu);
    SoftPatch new = { .users = 1 }, *p;
    uint8_t *host = soft_byte(cpu, va, &new);

    g_array_append_val(c->addrs, va);
    g_ptr_array_add(c->at, host);
    p = host ? soft_find(s, host) : NULL;
    if (p) {
        p->users++;
    } else if (host) {
        new.was = __atomic_load_n(host, __ATOMIC_SEQ_CST);
        soft_store(&new, INT3);
        g_array_append_val(s->patches, new);
    }
}

static void soft_drop(Soft *s, const uint8_t *host) REQUIRES(s->lock)
{
    SoftPatch *p = host ? soft_find(s, host) : NULL;

    if (p && !--p->users) {
        if (__atomic_load_n(p->host, __ATOMIC_SEQ_CST) == INT3) { /* else the guest's new code */
            soft_store(p, p->was);
        }
        g_array_remove_index_fast(s->patches,
                                  (unsigned)(p - (SoftPatch *)(void *)s->patches->data));
    }
}

void kvm_x86_soft_leave(Cpu *cpu)
{
    SoftCpu *c = *kvm_vcpu_data(cpu);
    Soft *s = soft_of(cpu->dev.machine);

    if (!c || !c->inside) {
        return;
    }
    mutex_lock(&s->lock);
    for (unsigned i = 0; i < c->at->len; i++) {
        soft_drop(s, g_ptr_array_index(c->at, i));
    }
    mutex_unlock(&s->lock);
    g_array_set_size(c->addrs, 0);
    g_ptr_array_set_size(c->at, 0);
    c->inside = false;
}

void kvm_x86_soft_enter(Cpu *cpu, const GuestVirt *addrs, unsigned n)
{
    Soft *s = soft_of(cpu->dev.machine);

    kvm_x86_soft_leave(cpu);
    if (!n) {
        return;
    }
    soft_cpu(cpu)->inside = true;
    mutex_lock(&s->lock);
    for (unsigned i = 0; i < n; i++) {
        soft_add(cpu, s, addrs[i]);
    }
    mutex_unlock(&s->lock);
}

bool kvm_x86_soft_hit(Cpu *cpu, GuestVirt pc)
{
    const SoftCpu *c = *kvm_vcpu_data(cpu);

    for (unsigned i = 0; c && i < c->addrs->len; i++) {
        if (g_array_index(c->addrs, GuestVirt, i) == pc && g_ptr_array_index(c->at, i)) {
            return true;
        }
    }
    return false;
}
