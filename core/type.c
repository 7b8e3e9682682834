/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is computed once from a DeviceType's tables: registers by offset, fields by number.
 */
#include "core/core-priv.h"

enum { MAX_REG_ENTRIES = 1 << 20 };

bool type_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b)) {
            return false;
        }
    }
    return *a == *b;
}

static unsigned type_reg_size(const Reg *r)
{
    unsigned n = r->count && !r->at_stride ? r->count : 1;

    if (r->size) {
        return r->size;
    }
    return r->member_size ? r->member_size / n : 4;
}

static int type_compare_entries(const void *a, const void *b)
{
    const RegEntry *x = a, *y = b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void type_index_region(RegionIndex *ri, const RegionType *rt)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(RegEntry));

    ri->type = *rt;
    for (size_t i = 0; i < rt->regs.n; i++) {
        const Reg *r = &rt->regs.rows[i];
        unsigned size = type_reg_size(r);

        for (unsigned n = 0; n < (r->count ? r->count : 1); n++) {
            uint32_t off = r->offset + n * (r->stride ? r->stride : size);
            RegEntry e = { off, (uint16_t)size, n, r };

            CHECK(list->len < MAX_REG_ENTRIES && size >= 1 && size <= 8);
            g_array_append_val(list, e);
        }
    }
    ri->n_entries = list->len;
    ri->entries = (RegEntry *)(void *)g_array_free(list, FALSE);
    if (ri->n_entries) {
        qsort(ri->entries, ri->n_entries, sizeof(RegEntry), type_compare_entries);
    }
    for (unsigned i = 1; i < ri->n_entries; i++) {
        /* Two registers in one place: our bug. */
        CHECK(ri->entries[i - 1].offset + ri->entries[i - 1].size <= ri->entries[i].offset);
    }
}

static unsigned type_add_fields(const DeviceType *type, const Field **out)
{
    unsigned n = type->base ? type_add_fields(type->base, out) : 0;

    for (size_t i = 0; i < type->fields.n; i++) {
        if (out) {
            out[n + i] = &type->fields.rows[i];
        }
    }
    return n + (unsigned)type->fields.n;
}

static DeviceIndex *type_index_new(const DeviceType *type)
{
    DeviceIndex *ix = g_new0(DeviceIndex, 1);
    const DeviceType *t = type;

    while (t->base && !t->n_regions && !t->mmio_size && !t->regs.n && !t->read && !t->write) {
        t = t->base;
    }
    if (t->n_regions) {
        ix->n_regions = (unsigned)t->n_regions;
        ix->regions = g_new0(RegionIndex, t->n_regions);
        for (unsigned i = 0; i < t->n_regions; i++) {
            type_index_region(&ix->regions[i], &t->regions[i]);
        }
    } else if (t->mmio_size || t->regs.n || t->read || t->write) {
        RegionType rt = { .name = t->name,
                          .size = t->mmio_size,
                          .regs = t->regs,
                          .read = t->read,
                          .write = t->write,
                          .endian = t->endian,
                          .access_min = t->access_min,
                          .access_max = t->access_max,
                          .strict = t->strict };

        ix->n_regions = 1;
        ix->regions = g_new0(RegionIndex, 1);
        type_index_region(&ix->regions[0], &rt);
    }
    ix->n_fields = type_add_fields(type, NULL);
    ix->fields = g_new0(const Field *, ix->n_fields);
    type_add_fields(type, ix->fields);
    return ix;
}

void type_index_free(void *index)
{
    DeviceIndex *ix = index;

    for (unsigned i = 0; i < ix->n_regions; i++) {
        g_free(ix->regions[i].entries);
    }
    g_free(ix->regions);
    g_free(ix->fields);
    g_free(ix);
}

const DeviceIndex *type_index(Machine *m, const DeviceType *type)
{
    DeviceIndex *ix;

    mutex_lock(&m->index_lock);
    ix = g_hash_table_lookup(m->indices, type);
    if (!ix) {
        ix = type_index_new(type);
        g_hash_table_insert(m->indices, (void *)type, ix);
    }
    mutex_unlock(&m->index_lock);
    return ix;
}

unsigned device_type_n_fields(const DeviceType *type)
{
    return type_add_fields(type, NULL);
}

const Field *device_type_field(const DeviceType *type, unsigned i)
{
    unsigned below = type->base ? device_type_n_fields(type->base) : 0;

    if (i < below) {
        return device_type_field(type->base, i);
    }
    return i - below < type->fields.n ? &type->fields.rows[i - below] : NULL;
}
