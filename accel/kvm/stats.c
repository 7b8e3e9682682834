/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's statistics of a machine and its CPUs.
 * Spec: Documentation/virt/kvm/api.rst, 4.133 KVM_GET_STATS_FD.
 */
#include "accel/kvm/kvm-priv.h"

#include <string.h>
#include <unistd.h>

#ifdef KVM_GET_STATS_FD
enum { STATS_MAX_NAME = 256, STATS_MAX = 4096, STATS_MAX_VALUES = 1024 };

static bool stats_read(int fd, void *to, size_t len, uint64_t at)
{
    return pread(fd, to, len, (off_t)at) == (ssize_t)len;
}

/* Row @i of the descriptions. */
static bool stats_one(int fd, const struct kvm_stats_header *h, unsigned i, AccelStatFn *fn,
                      void *opaque)
{
    size_t row = sizeof(struct kvm_stats_desc) + h->name_size;
    g_autofree struct kvm_stats_desc *d = g_malloc0(row + 1);
    g_autofree uint64_t *values = NULL;
    AccelStat s;

    if (!stats_read(fd, d, row, h->desc_offset + (uint64_t)i * row) || !d->size ||
        d->size > STATS_MAX_VALUES) {
        return false;
    }
    values = g_new0(uint64_t, d->size);
    if (!stats_read(fd, values, d->size * sizeof(uint64_t), (uint64_t)h->data_offset + d->offset)) {
        return false;
    }
    s = (AccelStat){
        .name = d->name,
        .type = (AccelStatType)((d->flags & KVM_STATS_TYPE_MASK) >> KVM_STATS_TYPE_SHIFT),
        .unit = (AccelStatUnit)((d->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT),
        .base = (d->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2 ? 2 : 10,
        .exponent = d->exponent,
        .bucket = d->bucket_size,
        .values = values,
        .n_values = d->size,
    };
    if (s.type < ACCEL_STAT_TYPES && s.unit < ACCEL_STAT_UNITS) {
        fn(opaque, &s);
    }
    return true;
}

bool kvm_stats(Machine *m, Cpu *cpu, AccelStatFn *fn, void *opaque)
{
    struct kvm_stats_header h;
    int fd =
        cpu ? kvm_vcpu_ioctl(cpu, KVM_GET_STATS_FD, NULL) : kvm_vm_ioctl(m, KVM_GET_STATS_FD, NULL);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = stats_read(fd, &h, sizeof(h), 0) && h.name_size <= STATS_MAX_NAME &&
         h.num_desc <= STATS_MAX;
    for (unsigned i = 0; ok && i < h.num_desc; i++) {
        ok = stats_one(fd, &h, i, fn, opaque);
    }
    close(fd);
    return ok;
}
#else
bool kvm_stats(Machine *m, Cpu *cpu, AccelStatFn *fn, void *opaque)
{
    return false;
}
#endif
