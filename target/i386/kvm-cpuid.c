/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID answers under KVM: what KVM can give, cut to the model and to what was asked for.
 * Spec: Documentation/virt/kvm/api.rst, 4.46 KVM_GET_SUPPORTED_CPUID, and x86/cpuid.rst; Intel SDM
 * volume 2, CPUID; AMD APM volume 3, appendix E.
 */
#include "target/i386/features.h"
#include "target/i386/kvm-x86.h"
#include "util/log.h"

#include <inttypes.h>
#include <linux/kvm_para.h>
#include <string.h>

enum {
    MODEL_PHYS_BITS = 40, /* of a named model; host-phys-bits=on: the host's */
    KVM_LEAVES = 0x40000000,
    KVM_LEAVES_LAST = 0x400000ff,
    EXTRA_ENTRIES = 4,       /* room for what we add */
    VENDOR_AMD = 0x68747541, /* "Auth" in EBX of leaf 0 */
    HTT = 1 << 28,           /* leaf 1, EDX: several identifiers in a package */
    TSC_DEADLINE = 1 << 24,
    INVTSC = 1 << 8,
    SVM = 1 << 2, /* leaf 80000001h, ECX */
    KVM_CLOCK_OLD = 1 << KVM_FEATURE_CLOCKSOURCE,
    KVM_CLOCK_NEW = 1 << KVM_FEATURE_CLOCKSOURCE2,
    /* Of leaf 40000001h: what KVM does in its own local APICs. */
    KVM_NEEDS_APIC = 1 << KVM_FEATURE_PV_EOI | 1 << KVM_FEATURE_PV_UNHALT |
                     1 << KVM_FEATURE_PV_SEND_IPI | 1 << KVM_FEATURE_PV_SCHED_YIELD |
                     1 << KVM_FEATURE_ASYNC_PF | 1 << KVM_FEATURE_ASYNC_PF_INT |
                     1 << KVM_FEATURE_MSI_EXT_DEST_ID,
};

typedef struct CpuidBuild {
    Cpu *cpu;
    X86Cpu *c;
    const X86Model *model;
    struct kvm_cpuid2 *list;
    uint32_t have[X86_F_WORDS], want[X86_F_WORDS];
} CpuidBuild;

static struct kvm_cpuid2 *cpuid_supported(Machine *m, GError **err)
{
    for (unsigned n = 128; n <= 1024; n *= 2) {
        struct kvm_cpuid2 *c =
            g_malloc0(sizeof(*c) + (n + EXTRA_ENTRIES) * sizeof(struct kvm_cpuid_entry2));
        int rc;

        c->nent = n;
        rc = kvm_dev_ioctl(m, KVM_GET_SUPPORTED_CPUID, c);
        if (rc >= 0) {
            return c;
        }
        g_free(c);
        if (rc != -E2BIG) {
            error_set(err, "KVM_GET_SUPPORTED_CPUID: %s", g_strerror(-rc));
            return NULL;
        }
    }
    error_set(err, "KVM_GET_SUPPORTED_CPUID: more than 1024 entries");
    return NULL;
}

static struct kvm_cpuid_entry2 *cpuid_find(const CpuidBuild *b, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned i = 0; i < b->list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &b->list->entries[i];

        if (e->function == leaf &&
            (e->index == subleaf || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX))) {
            return e;
        }
    }
    return NULL;
}

static uint32_t *cpuid_reg(struct kvm_cpuid_entry2 *e, unsigned reg)
{
    switch (reg) {
    case X86_REG_EAX:
        return &e->eax;
    case X86_REG_EBX:
        return &e->ebx;
    case X86_REG_ECX:
        return &e->ecx;
    default:
        return &e->edx;
    }
}

/* ---- Features ---- */

static void cpuid_take_have(CpuidBuild *b, Machine *m)
{
    bool own = kvm_irqchip(m) == KVM_IRQCHIP_OFF;

    for (unsigned w = 0; w < X86_F_WORDS; w++) {
        struct kvm_cpuid_entry2 *e = cpuid_find(b, x86_words[w].leaf, x86_words[w].subleaf);

        b->have[w] = e ? *cpuid_reg(e, x86_words[w].reg) : 0;
    }
    /* It does not say this one by itself, since it needs its local APICs. */
    if (!own && kvm_check(m, KVM_CAP_TSC_DEADLINE_TIMER)) {
        b->have[X86_F_1_ECX] |= TSC_DEADLINE;
    } else {
        b->have[X86_F_1_ECX] &= ~(uint32_t)TSC_DEADLINE;
    }
    b->have[X86_F_KVM] &= own ? ~(uint32_t)KVM_NEEDS_APIC : UINT32_MAX;
}

/* A property of the user's, if it is a feature. */
static void cpuid_want_feature(const Field *p, void *arg)
{
    CpuidBuild *b = arg;
    const X86Feature *f;

    if (p->at < offsetof(X86Cpu, feature) || p->at >= offsetof(X86Cpu, feature) + x86_n_features) {
        return;
    }
    f = &x86_features[p->at - offsetof(X86Cpu, feature)];
    if (b->c->feature[f - x86_features]) {
        b->want[f->word] |= 1u << f->bit;
    } else {
        b->want[f->word] &= ~(1u << f->bit);
    }
}

static void cpuid_take_want(CpuidBuild *b)
{
    int x2apic = x86_feature_find("x2apic", 6);

    if (!b->model->vendor) {
        memcpy(b->want, b->have, sizeof(b->want));
        b->want[X86_F_87_EDX] &= b->c->migratable ? ~(uint32_t)INVTSC : UINT32_MAX;
    } else {
        x86_model_words(b->model, b->want);
        b->want[X86_F_81_ECX] &= ~(uint32_t)SVM; /* a hypervisor in the guest: by +svm */
        b->want[X86_F_KVM] = b->have[X86_F_KVM];
        b->want[X86_F_1_ECX] |= b->have[X86_F_1_ECX] & 1u << x86_features[x2apic].bit;
    }
    device_each_prop_set(&b->cpu->dev, cpuid_want_feature, b);
    if (!(b->want[X86_F_KVM] & KVM_CLOCK_OLD)) {
        b->want[X86_F_KVM] &= ~(uint32_t)KVM_CLOCK_NEW;
    }
}

/* Says what the model has and this host has not. */
static bool cpuid_check(CpuidBuild *b, GError **err)
{
    g_autoptr(GString) names = g_string_new("");

    for (unsigned w = 0; w < X86_F_WORDS; w++) {
        x86_feature_names(w, b->want[w] & ~b->have[w], names);
    }
    if (!names->len) {
        return true;
    }
    if (b->c->enforce) {
        return error_set(err, "-cpu %s,enforce: this host's KVM gives no %s", b->model->name,
                         names->str);
    }
    if (b->c->check && b->cpu->index == 0) {
        log_message(machine_log(b->cpu->dev.machine), LOG_LEVEL_WARN, device_path(&b->cpu->dev),
                    "-cpu %s: this host's KVM gives no %s; the guest goes without", b->model->name,
                    names->str);
    }
    return true;
}

static void cpuid_set_features(CpuidBuild *b)
{
    for (unsigned w = 0; w < X86_F_WORDS; w++) {
        struct kvm_cpuid_entry2 *e = cpuid_find(b, x86_words[w].leaf, x86_words[w].subleaf);

        if (e) {
            *cpuid_reg(e, x86_words[w].reg) = b->want[w] & b->have[w];
        }
    }
}

/* ---- The model ---- */

static void cpuid_put_text(struct kvm_cpuid_entry2 *e, const char *text16)
{
    memcpy(&e->eax, text16, 4);
    memcpy(&e->ebx, text16 + 4, 4);
    memcpy(&e->ecx, text16 + 8, 4);
    memcpy(&e->edx, text16 + 12, 4);
}

static void cpuid_put_vendor(CpuidBuild *b, uint32_t leaf, uint32_t most)
{
    struct kvm_cpuid_entry2 *e = cpuid_find(b, leaf, 0);

    if (e) {
        e->eax = e->eax < most ? e->eax : most;
        memcpy(&e->ebx, b->model->vendor, 4);
        memcpy(&e->edx, b->model->vendor + 4, 4);
        memcpy(&e->ecx, b->model->vendor + 8, 4);
    }
}

static void cpuid_put_brand(CpuidBuild *b)
{
    char brand[48] = { 0 };

    g_strlcpy(brand, b->model->brand, sizeof(brand));
    for (unsigned i = 0; i < 3; i++) {
        struct kvm_cpuid_entry2 *e = cpuid_find(b, 0x80000002 + i, 0);

        if (e) {
            cpuid_put_text(e, brand + 16 * i);
        }
    }
}

/* The parts of the state that XSAVE may have, by the features they are of (volume 1, 13.1). */
static uint32_t cpuid_xcr0(const CpuidBuild *b)
{
    static const struct {
        const char *feature;
        uint32_t bits;
    } parts[] = {
        { "avx", 1 << 2 }, { "mpx", 3 << 3 },       { "avx512f", 7 << 5 },
        { "pku", 1 << 9 }, { "amx-tile", 3 << 17 },
    };
    uint32_t mask = 3;

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        const X86Feature *f =
            &x86_features[x86_feature_find(parts[i].feature, strlen(parts[i].feature))];

        mask |= b->want[f->word] >> f->bit & 1 ? parts[i].bits : 0;
    }
    return mask;
}

static void cpuid_cut_xsave(CpuidBuild *b)
{
    const X86Feature *f = &x86_features[x86_feature_find("xsave", 5)];
    uint32_t mask = b->want[f->word] >> f->bit & 1 ? cpuid_xcr0(b) : 0;

    for (unsigned i = 0; i < b->list->nent; i++) {
        struct kvm_cpuid_entry2 *e = &b->list->entries[i];

        if (e->function != 0xd) {
            continue;
        }
        if (e->index == 0) {
            e->eax &= mask;
            e->edx = 0;
        }
        if (!mask || (e->index >= 2 && (e->index > 31 || !(mask >> e->index & 1)))) {
            e->eax = e->ebx = e->ecx = e->edx = 0;
        }
    }
}

static void cpuid_set_model(CpuidBuild *b)
{
    struct kvm_cpuid_entry2 *e;

    cpuid_put_vendor(b, 0, b->model->level);
    cpuid_put_vendor(b, 0x80000000, b->model->xlevel);
    cpuid_put_brand(b);
    cpuid_cut_xsave(b);
    if ((e = cpuid_find(b, 1, 0))) {
        e->eax = x86_model_signature(b->model);
    }
    if ((e = cpuid_find(b, 0x80000001, 0))) {
        e->eax = x86_model_signature(b->model);
    }
    if ((e = cpuid_find(b, 0xa, 0))) {
        e->eax = e->ebx = e->ecx = e->edx = 0; /* no counters of events */
    }
    if ((e = cpuid_find(b, 0x80000008, 0)) && !b->c->host_phys_bits &&
        (e->eax & 0xff) > MODEL_PHYS_BITS) {
        e->eax = (e->eax & ~0xffu) | MODEL_PHYS_BITS;
    }
}

/* Leaves that the model, or kvm=off, leaves out. */
static bool cpuid_is_out(const CpuidBuild *b, uint32_t leaf)
{
    if (leaf >= KVM_LEAVES && leaf <= KVM_LEAVES_LAST) {
        return !b->c->kvm;
    }
    if (leaf == 0x1f) {
        return true; /* KVM fills none of it in; leaf Bh says threads and cores */
    }
    if (!b->model->vendor) {
        return false;
    }
    return leaf >= 0x80000000 ? leaf > b->model->xlevel : leaf > b->model->level;
}

static void cpuid_drop(CpuidBuild *b)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->list->nent; i++) {
        if (!cpuid_is_out(b, b->list->entries[i].function)) {
            b->list->entries[n++] = b->list->entries[i];
        }
    }
    b->list->nent = n;
}

/* ---- Topology: -smp ---- */

static unsigned cpuid_bits(unsigned n)
{
    unsigned bits = 0;

    while (1u << bits < n) {
        bits++;
    }
    return bits;
}

/* Leaf 4 and its like at AMD: who shares a cache. */
static uint32_t cpuid_shared(uint32_t eax, unsigned threads, unsigned all)
{
    unsigned level = eax >> 5 & 7;

    return (eax & 0x3fff) | (((level < 3 ? threads : all) - 1) & 0xfff) << 14;
}

/* KVM gives subleaf 0 of leaf Bh alone, which is no topology without the next. */
static void cpuid_add_topology(CpuidBuild *b)
{
    const struct kvm_cpuid_entry2 *first = cpuid_find(b, 0xb, 0);

    if (first && !cpuid_find(b, 0xb, 1)) {
        b->list->entries[b->list->nent++] =
            (struct kvm_cpuid_entry2){ .function = 0xb, .index = 1, .flags = first->flags };
    }
}

static void cpuid_topology_leaf(struct kvm_cpuid_entry2 *e, const X86Cpu *c, bool amd)
{
    unsigned threads = c->threads, all = c->threads * c->cores;
    unsigned low = cpuid_bits(threads), shift = low + cpuid_bits(c->cores);

    switch (e->function) {
    case 1:
        e->ebx = (e->ebx & 0xffff) | c->apic_id << 24 | (all & 0xff) << 16;
        e->edx = all > 1 ? e->edx | HTT : e->edx & ~(uint32_t)HTT;
        break;
    case 4:
        if (e->eax & 31) {
            e->eax = cpuid_shared(e->eax, threads, all) | ((c->cores - 1) & 63) << 26;
        }
        break;
    case 0xb:
        e->edx = c->apic_id;
        e->eax = e->index == 0 ? low : e->index == 1 ? shift : 0;
        e->ebx = e->index == 0 ? threads : e->index == 1 ? all : 0;
        e->ecx = e->index | (e->index == 0 ? 1 << 8 : e->index == 1 ? 2 << 8 : 0);
        break;
    case 0x80000008:
        if (amd) {
            e->ecx = (e->ecx & ~0xf0ffu) | (shift & 15) << 12 | ((all - 1) & 0xff);
        }
        break;
    case 0x8000001d:
        if (e->eax & 31) {
            e->eax = cpuid_shared(e->eax, threads, all);
        }
        break;
    case 0x8000001e:
        e->eax = c->apic_id;
        e->ebx = (c->apic_id >> low) | (threads - 1) << 8;
        e->ecx = 0;
        break;
    default:
        break;
    }
}

/* What the CPU shows, for others than KVM to see. */
static void cpuid_keep(const CpuidBuild *b)
{
    X86Cpu *c = b->c;

    c->n_cpuid = 0;
    for (unsigned i = 0; i < b->list->nent && c->n_cpuid < X86_MAX_CPUID; i++) {
        const struct kvm_cpuid_entry2 *e = &b->list->entries[i];

        c->cpuid[c->n_cpuid++] = (X86Cpuid){
            .leaf = e->function,
            .subleaf = e->index,
            .has_subleaf = (e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0,
            .eax = e->eax,
            .ebx = e->ebx,
            .ecx = e->ecx,
            .edx = e->edx,
        };
    }
}

/*
 * A KVM that runs guests' code beside its own, without the processor's help, cannot hide what the
 * processor shows to all: it adds that to the entries that it was given.
 */
static void cpuid_tell_forced(const CpuidBuild *b)
{
    unsigned room = b->list->nent + EXTRA_ENTRIES;
    g_autofree struct kvm_cpuid2 *now =
        g_malloc0(sizeof(*now) + room * sizeof(struct kvm_cpuid_entry2));
    CpuidBuild shown = { .list = now };
    g_autoptr(GString) names = g_string_new("");

    now->nent = room;
    if (kvm_vcpu_ioctl(b->cpu, KVM_GET_CPUID2, now) < 0) {
        return;
    }
    for (unsigned w = 0; w <= X86_F_1_ECX; w++) {
        struct kvm_cpuid_entry2 *given = cpuid_find(b, 1, 0), *is = cpuid_find(&shown, 1, 0);
        /* OSXSAVE, OSPKE and the APIC's bit follow what the guest does. */
        uint32_t live = w == X86_F_1_ECX ? 1 << 27 : 1 << 9;

        if (given && is) {
            x86_feature_names(
                w, *cpuid_reg(is, x86_words[w].reg) & ~(*cpuid_reg(given, x86_words[w].reg) | live),
                names);
        }
    }
    if (names->len) {
        log_message(machine_log(b->cpu->dev.machine), LOG_LEVEL_INFO, device_path(&b->cpu->dev),
                    "-cpu %s: this host's KVM shows %s all the same", b->model->name, names->str);
    }
}

bool kvm_x86_set_cpuid(Cpu *cpu, GError **err)
{
    g_autofree struct kvm_cpuid2 *list = cpuid_supported(cpu->dev.machine, err);
    CpuidBuild b = { .cpu = cpu, .c = x86_cpu(cpu), .model = cpu->dev.type->extra, .list = list };
    const struct kvm_cpuid_entry2 *vendor;
    int rc;

    if (!list) {
        return false;
    }
    b.model = b.model ? b.model : x86_model_find("host");
    cpuid_take_have(&b, cpu->dev.machine);
    cpuid_take_want(&b);
    if (!cpuid_check(&b, err)) {
        return false;
    }
    cpuid_set_features(&b);
    if (b.model->vendor) {
        cpuid_set_model(&b);
    }
    cpuid_add_topology(&b);
    vendor = cpuid_find(&b, 0, 0);
    for (unsigned i = 0; i < list->nent; i++) {
        cpuid_topology_leaf(&list->entries[i], b.c, vendor && vendor->ebx == VENDOR_AMD);
    }
    cpuid_drop(&b);
    cpuid_keep(&b);
    rc = kvm_vcpu_ioctl(cpu, KVM_SET_CPUID2, list);
    if (rc < 0) {
        return error_set(err, "KVM refuses the CPUID of CPU %d: %s", cpu->index, g_strerror(-rc));
    }
    if (cpu->index == 0 && b.model->vendor && b.c->check) {
        cpuid_tell_forced(&b);
    }
    rc = b.c->tsc_frequency
             ? kvm_vcpu_ioctl(cpu, KVM_SET_TSC_KHZ, (void *)(uintptr_t)(b.c->tsc_frequency / 1000))
             : 0;
    return rc >= 0 || error_set(err, "tsc-frequency=%" PRIu64 ": this host cannot change it: %s",
                                b.c->tsc_frequency, g_strerror(-rc));
}

bool x86_host_model(Machine *m, bool migratable, X86HostModel *out)
{
    g_autofree struct kvm_cpuid2 *list = NULL;
    CpuidBuild b = { 0 };
    const struct kvm_cpuid_entry2 *e;

    if (!kvm_is_on(m) || !(list = cpuid_supported(m, NULL))) {
        return false;
    }
    b.list = list;
    cpuid_take_have(&b, m);
    *out = (X86HostModel){ 0 };
    memcpy(out->words, b.have, sizeof(out->words));
    out->words[X86_F_87_EDX] &= migratable ? ~(uint32_t)INVTSC : UINT32_MAX;
    if ((e = cpuid_find(&b, 0, 0))) {
        out->level = e->eax;
        memcpy(out->vendor, &e->ebx, 4);
        memcpy(out->vendor + 4, &e->edx, 4);
        memcpy(out->vendor + 8, &e->ecx, 4);
    }
    if ((e = cpuid_find(&b, 1, 0))) {
        unsigned family = e->eax >> 8 & 15;

        out->stepping = e->eax & 15;
        out->model = (e->eax >> 4 & 15) | (e->eax >> 12 & 0xf0);
        out->family = family == 15 ? 15 + (e->eax >> 20 & 255) : family;
    }
    if ((e = cpuid_find(&b, 0x80000000, 0))) {
        out->xlevel = e->eax;
    }
    for (unsigned i = 0; i < 3; i++) {
        if ((e = cpuid_find(&b, 0x80000002 + i, 0))) {
            memcpy(out->brand + 16 * i, &e->eax, 16);
        }
    }
    return true;
}
