/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces and accesses through them.
 */
#include "core/core-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

AddressSpace *aspace_new(Machine *m, const char *name, MemRegion *root)
{
    AddressSpace *as = g_new0(AddressSpace, 1);

    as->machine = m;
    as->name = g_strdup(name);
    as->root = root;
    map_change_begin(m);
    as->map = flat_build(root);
    as->generation = 1;
    g_ptr_array_add(m->spaces, as);
    map_change_end(m);
    return as;
}

void aspace_free(AddressSpace *as)
{
    g_free(as->map);
    g_free(as->name);
    g_free(as);
}

MemRegion *aspace_root(AddressSpace *as)
{
    return as->root;
}

const char *aspace_name(const AddressSpace *as)
{
    return as->name;
}

Machine *aspace_machine(const AddressSpace *as)
{
    return as->machine;
}

uint64_t aspace_generation(const AddressSpace *as)
{
    return __atomic_load_n(&as->generation, __ATOMIC_ACQUIRE);
}

AspaceReader aspace_enter(AddressSpace *as)
{
    return (AspaceReader){ epoch_enter(&as->machine->epochs) };
}

void aspace_leave(AspaceReader r)
{
    epoch_leave(r.slot);
}

void mem_listener_add(Machine *m, const MemListener *l)
{
    g_rec_mutex_lock(&m->map_lock);
    g_ptr_array_add(m->mem_listeners, (void *)l);
    g_rec_mutex_unlock(&m->map_lock);
}

/* Bytes from @gpa to the end of @f. */
static uint64_t access_left(const FlatRange *f, GuestPhys gpa)
{
    return f->len - (gpa - f->start);
}

/* Up to 8 bytes that are aligned to their number, at most @len, for a device. */
static unsigned access_piece(uint64_t off, uint64_t len)
{
    unsigned size = 8;

    while (size > len || off & (size - 1)) {
        size /= 2;
    }
    return size;
}

/* Guest RAM is shared with vCPUs: single accesses for the naturally aligned sizes. */
static void access_copy(void *to, const void *from, uint64_t len)
{
    uintptr_t both = (uintptr_t)to | (uintptr_t)from;

    if (len == 4 && !(both & 3)) {
        __atomic_store_n((uint32_t *)to, __atomic_load_n((const uint32_t *)from, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
    } else if (len == 8 && !(both & 7)) {
        __atomic_store_n((uint64_t *)to, __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
    } else if (len == 2 && !(both & 1)) {
        __atomic_store_n((uint16_t *)to, __atomic_load_n((const uint16_t *)from, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
    } else {
        memcpy(to, from, len);
    }
}

static MemResult access_read_device(const FlatRange *f, GuestPhys gpa, uint8_t *buf, uint64_t len,
                                    MemAttrs attrs)
{
    uint64_t off = f->region_offset + (gpa - f->start);
    MemResult res = MEM_OK;

    memset(buf, 0, len);
    if (attrs.debug || thread_held()) {
        return MEM_DEVICE_ERROR;
    }
    while (len) {
        unsigned size = access_piece(off, len);
        uint64_t val = 0;
        MemResult r = mmio_read(f, off, size, attrs, &val);

        res = res ? res : r;
        put_le(buf, size, val);
        buf += size;
        off += size;
        len -= size;
    }
    return res;
}

static MemResult access_write_device(AddressSpace *as, const FlatRange *f, GuestPhys gpa,
                                     const uint8_t *buf, uint64_t len, MemAttrs attrs)
{
    MemResult res = MEM_OK;

    if (attrs.debug) {
        return MEM_DEVICE_ERROR;
    }
    while (len) {
        uint64_t off = f->region_offset + (gpa - f->start);
        unsigned size = access_piece(off, len);
        uint64_t val = get_le(buf, size);

        if (thread_held()) {
            Work w = { WORK_STORE, .store = { as, gpa, val, attrs, (uint8_t)size } };

            thread_post_work(&w);
        } else {
            MemResult r = mmio_write(f, off, size, attrs, val);

            res = res ? res : r;
        }
        buf += size;
        gpa += size;
        len -= size;
    }
    return res;
}

/* Length of the hole at @gpa, at most @len. */
static uint64_t access_hole(AddressSpace *as, GuestPhys gpa, uint64_t len)
{
    const FlatMap *map = aspace_map(as);
    uint64_t hole = len;

    for (unsigned i = 0; i < map->n; i++) {
        if (map->ranges[i].start > gpa) {
            hole = min_u64(hole, map->ranges[i].start - gpa);
            break;
        }
    }
    return hole;
}

MemResult aspace_read(AddressSpace *as, GuestPhys gpa, void *buf, uint64_t len, MemAttrs attrs)
{
    AspaceReader reader = aspace_enter(as);
    MemResult res = MEM_OK;
    uint8_t *p = buf;

    while (len) {
        const FlatRange *f = aspace_lookup(as, gpa);
        uint64_t n = f ? min_u64(len, access_left(f, gpa)) : access_hole(as, gpa, len);
        MemResult r = MEM_OK;

        if (!f) {
            memset(p, 0, n);
            r = MEM_DECODE_ERROR;
        } else if (f->ram) {
            access_copy(p, flat_host(f, gpa), n);
        } else {
            r = access_read_device(f, gpa, p, n, attrs);
        }
        res = res ? res : r;
        p += n;
        gpa += n;
        len -= n;
    }
    aspace_leave(reader);
    return res;
}

/* @rom: ROM is written too, and devices are not reached. */
static MemResult access_write(AddressSpace *as, GuestPhys gpa, const void *buf, uint64_t len,
                              MemAttrs attrs, bool rom)
{
    AspaceReader reader = aspace_enter(as);
    MemResult res = MEM_OK;
    const uint8_t *p = buf;

    while (len) {
        const FlatRange *f = aspace_lookup(as, gpa);
        uint64_t n = f ? min_u64(len, access_left(f, gpa)) : access_hole(as, gpa, len);
        MemResult r = MEM_OK;

        if (!f) {
            r = MEM_DECODE_ERROR;
        } else if (f->kind == FLAT_RAM || (rom && f->ram)) {
            access_copy(flat_host(f, gpa), p, n);
            ram_wrote(f->ram, f->offset + (gpa - f->start), n);
        } else if (f->kind != FLAT_ROM) {
            r = rom ? MEM_DEVICE_ERROR : access_write_device(as, f, gpa, p, n, attrs);
        }
        res = res ? res : r;
        p += n;
        gpa += n;
        len -= n;
    }
    aspace_leave(reader);
    return res;
}

MemResult aspace_write(AddressSpace *as, GuestPhys gpa, const void *buf, uint64_t len,
                       MemAttrs attrs)
{
    return access_write(as, gpa, buf, len, attrs, false);
}

MemResult aspace_write_rom(AddressSpace *as, GuestPhys gpa, const void *buf, uint64_t len)
{
    return access_write(as, gpa, buf, len, (MemAttrs){ 0 }, true);
}

MemResult aspace_fill(AddressSpace *as, GuestPhys gpa, uint8_t byte, uint64_t len)
{
    uint8_t buf[4096];
    MemResult res = MEM_OK;

    memset(buf, byte, sizeof(buf));
    while (len) {
        uint64_t n = min_u64(len, sizeof(buf));
        MemResult r = aspace_write(as, gpa, buf, n, (MemAttrs){ 0 });

        res = res ? res : r;
        gpa += n;
        len -= n;
    }
    return res;
}

MemResult aspace_load(AddressSpace *as, GuestPhys gpa, unsigned size, uint64_t *val, MemAttrs at)
{
    _Alignas(8) uint8_t buf[8] = { 0 };
    MemResult r = aspace_read(as, gpa, buf, size, at);

    *val = get_le(buf, size);
    return r;
}

MemResult aspace_store(AddressSpace *as, GuestPhys gpa, unsigned size, uint64_t val, MemAttrs at)
{
    _Alignas(8) uint8_t buf[8];

    put_le(buf, size, val);
    return aspace_write(as, gpa, buf, size, at);
}

char *aspace_text(AddressSpace *as)
{
    static const char *const kinds[] = { "ram", "rom", "romd", "i/o" };
    GString *s = g_string_new("");
    AspaceReader reader = aspace_enter(as);
    const FlatMap *map = aspace_map(as);

    g_string_append_printf(s, "address-space: %s\n", as->name);
    for (unsigned i = 0; i < map->n; i++) {
        const FlatRange *f = &map->ranges[i];

        g_string_append_printf(s, "  %016" PRIx64 "-%016" PRIx64 " (%s): %s", f->start,
                               f->start + (f->len - 1), kinds[f->kind], f->region->name);
        if (f->ram) {
            g_string_append_printf(s, " @%s+%" PRIx64, f->ram->name, f->offset);
        }
        g_string_append_c(s, '\n');
    }
    aspace_leave(reader);
    return g_string_free(s, FALSE);
}

MemResult mmio_read(const FlatRange *flat, uint64_t off, unsigned size, MemAttrs attrs,
                    uint64_t *val)
{
    MemRegion *r = flat->region;
    Device *dev = r->dev;
    MemResult res;

    *val = 0;
    if (!dev) {
        return MEM_DECODE_ERROR;
    }
    if (dev->index->regions[r->region].type.no_lock) {
        res = reg_read(dev, r->region, off, size, attrs, val);
        thread_drain();
        return res;
    }
    device_enter(dev);
    res = reg_read(dev, r->region, off, size, attrs, val);
    device_leave(dev);
    return res;
}

MemResult mmio_write(const FlatRange *flat, uint64_t off, unsigned size, MemAttrs attrs,
                     uint64_t val)
{
    MemRegion *r = flat->region;
    Device *dev = r->dev;
    MemResult res;

    if (!dev) {
        return flat->kind == FLAT_ROM ? MEM_OK : MEM_DECODE_ERROR;
    }
    if (dev->index->regions[r->region].type.no_lock) {
        res = reg_write(dev, r->region, off, size, attrs, val);
        thread_drain();
        return res;
    }
    device_enter(dev);
    res = reg_write(dev, r->region, off, size, attrs, val);
    device_leave(dev);
    return res;
}
