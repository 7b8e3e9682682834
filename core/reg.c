/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses to a device's regions: splitting, byte order, masks, callbacks, traces.
 */
#include "core/core-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

void *reg_member(Device *dev, const Reg *r, unsigned n, unsigned *size)
{
    unsigned count = r->count ? r->count : 1;
    unsigned elem = r->at_stride ? r->member_size : r->member_size / count;

    if (!r->member_size) {
        return NULL;
    }
    *size = elem;
    return (uint8_t *)dev + r->at + (size_t)n * (r->at_stride ? r->at_stride : elem);
}

static uint64_t reg_value(Device *dev, const RegEntry *e, bool debug)
{
    const Reg *r = e->reg;
    unsigned size;
    void *p = reg_member(dev, r, e->n, &size);

    if (r->read && !debug) {
        return r->read(dev);
    }
    if (r->read_n && !debug) {
        return r->read_n(dev, e->n);
    }
    return p ? field_get_int(p, size) : r->reset;
}

/* @val holds the bytes of @mask, at their place in the register. */
static void reg_change(Device *dev, const RegEntry *e, uint64_t val, uint64_t mask)
{
    const Reg *r = e->reg;
    unsigned size;
    void *p = reg_member(dev, r, e->n, &size);
    uint64_t old = p ? field_get_int(p, size) : 0, now = old;

    if (r->write || r->write_n) {
        if (r->write) {
            r->write(dev, val);
        } else {
            r->write_n(dev, e->n, val);
        }
        return;
    }
    if (!(r->rw | r->w1c | r->w1s) && !r->wrote && !r->wrote_n) {
        if (!r->silent_write) {
            guest_error(dev, "write of 0x%" PRIx64 " to the read-only register %s", val, r->name);
        }
        return;
    }
    now = (now & ~(r->rw & mask)) | (val & r->rw & mask);
    now &= ~(val & r->w1c & mask);
    now |= val & r->w1s & mask;
    if (p) {
        field_put_int(p, size, now);
    }
    if (r->wrote) {
        r->wrote(dev, old);
    } else if (r->wrote_n) {
        r->wrote_n(dev, e->n, old);
    }
}

/* First entry that ends after @off. */
static const RegEntry *reg_find(const RegionIndex *ri, uint64_t off)
{
    unsigned lo = 0, hi = ri->n_entries;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (ri->entries[mid].offset + ri->entries[mid].size <= off) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < ri->n_entries ? &ri->entries[lo] : NULL;
}

static bool reg_is_big(Device *dev, const RegionType *rt)
{
    return rt->endian == ENDIAN_BIG ||
           (rt->endian == ENDIAN_BOARD && dev->machine->endian == ENDIAN_BIG);
}

/* One access within one register, or within a gap between them. Values are bus values. */
typedef struct RegPiece {
    const RegEntry *entry; /* NULL: a gap */
    unsigned size;
    unsigned shift; /* of the piece in the register */
} RegPiece;

static RegPiece reg_piece(const RegionIndex *ri, uint64_t off, unsigned left, bool big)
{
    const RegEntry *e = reg_find(ri, off);
    RegPiece p = { .size = left };

    if (!e || e->offset > off) {
        p.size = e ? (unsigned)min_u64(left, e->offset - off) : left;
        return p;
    }
    p.entry = e;
    p.size = (unsigned)min_u64(left, e->offset + e->size - off);
    p.shift = 8 * (unsigned)(big ? e->offset + e->size - off - p.size : off - e->offset);
    return p;
}

static void reg_trace(Device *dev, const char *what, const RegEntry *e, uint64_t off, unsigned size,
                      uint64_t val)
{
    const char *name = e ? e->reg->name : "";

    if (log_on(machine_log(dev->machine), LOG_TRACE)) {
        device_trace(dev, what, "0x%" PRIx64 " %s size %u value 0x%" PRIx64, off, name, size, val);
    }
}

static MemResult reg_gap(Device *dev, const RegionType *rt, const char *what, uint64_t off,
                         unsigned size)
{
    guest_error(dev, "%s of %u bytes at 0x%" PRIx64 " of '%s', where no register is", what, size,
                off, rt->name ? rt->name : "");
    return rt->strict ? MEM_DEVICE_ERROR : MEM_OK;
}

/* The free callbacks, in pieces they accept. */
static MemResult reg_read_free(Device *dev, const RegionType *rt, uint64_t off, unsigned size,
                               MemAttrs attrs, uint64_t *val)
{
    unsigned max = rt->access_max ? rt->access_max : 8;
    MemResult res = MEM_OK;
    uint64_t v = 0;

    *val = 0;
    for (unsigned done = 0; done < size;) {
        unsigned n = size - done < max ? size - done : max;
        MemResult r;

        while (!bits_is_pow2(n) || (!rt->unaligned && (off + done) & (n - 1))) {
            n = n > 1 ? n - 1 : 1;
        }
        v = 0;
        r = rt->read(dev, off + done, n, attrs, &v);
        res = res ? res : r;
        v &= bits_mask(8 * n);
        *val |= (reg_is_big(dev, rt) ? bytes_swap(v, n) : v) << (8 * done);
        done += n;
    }
    return res;
}

static MemResult reg_write_free(Device *dev, const RegionType *rt, uint64_t off, unsigned size,
                                MemAttrs attrs, uint64_t val)
{
    unsigned max = rt->access_max ? rt->access_max : 8;
    MemResult res = MEM_OK;

    for (unsigned done = 0; done < size;) {
        unsigned n = size - done < max ? size - done : max;
        uint64_t v = val >> (8 * done);
        MemResult r;

        while (!bits_is_pow2(n) || (!rt->unaligned && (off + done) & (n - 1))) {
            n = n > 1 ? n - 1 : 1;
        }
        v &= bits_mask(8 * n);
        r = rt->write(dev, off + done, n, attrs, reg_is_big(dev, rt) ? bytes_swap(v, n) : v);
        res = res ? res : r;
        done += n;
    }
    return res;
}

static bool reg_refused(Device *dev, const RegionType *rt, const char *what, uint64_t off,
                        unsigned size)
{
    if (size >= (rt->access_min ? rt->access_min : 1)) {
        return false;
    }
    guest_error(dev, "%s of %u bytes at 0x%" PRIx64 ": the least is %u", what, size, off,
                rt->access_min);
    return true;
}

MemResult reg_read(Device *dev, unsigned region, uint64_t off, unsigned size, MemAttrs attrs,
                   uint64_t *val)
{
    const RegionIndex *ri = &dev->index->regions[region];
    const RegionType *rt = &ri->type;
    bool big = reg_is_big(dev, rt);
    MemResult res = MEM_OK;

    *val = 0;
    if (reg_refused(dev, rt, "read", off, size)) {
        return rt->strict ? MEM_DEVICE_ERROR : MEM_OK;
    }
    for (unsigned done = 0; done < size;) {
        RegPiece p = reg_piece(ri, off + done, size - done, big);
        uint64_t v = 0;
        MemResult r = MEM_OK;

        if (p.entry && (attrs.secure || !p.entry->reg->secure_only)) {
            v = reg_value(dev, p.entry, attrs.debug) >> p.shift & bits_mask(8 * p.size);
            v = big ? bytes_swap(v, p.size) : v;
        } else if (!p.entry && rt->read) {
            r = reg_read_free(dev, rt, off + done, p.size, attrs, &v);
        } else if (!p.entry) {
            r = reg_gap(dev, rt, "read", off + done, p.size);
        }
        reg_trace(dev, "read", p.entry, off + done, p.size, v);
        *val |= v << (8 * done);
        res = res ? res : r;
        done += p.size;
    }
    return res;
}

MemResult reg_write(Device *dev, unsigned region, uint64_t off, unsigned size, MemAttrs attrs,
                    uint64_t val)
{
    const RegionIndex *ri = &dev->index->regions[region];
    const RegionType *rt = &ri->type;
    bool big = reg_is_big(dev, rt);
    MemResult res = MEM_OK;

    if (reg_refused(dev, rt, "write", off, size)) {
        return rt->strict ? MEM_DEVICE_ERROR : MEM_OK;
    }
    for (unsigned done = 0; done < size;) {
        RegPiece p = reg_piece(ri, off + done, size - done, big);
        uint64_t v = val >> (8 * done) & bits_mask(8 * p.size);
        MemResult r = MEM_OK;

        reg_trace(dev, "write", p.entry, off + done, p.size, v);
        if (p.entry && (attrs.secure || !p.entry->reg->secure_only)) {
            v = big ? bytes_swap(v, p.size) : v;
            reg_change(dev, p.entry, v << p.shift, bits_mask(8 * p.size) << p.shift);
        } else if (!p.entry && rt->write) {
            r = reg_write_free(dev, rt, off + done, p.size, attrs, v);
        } else if (!p.entry) {
            r = reg_gap(dev, rt, "write", off + done, p.size);
        }
        res = res ? res : r;
        done += p.size;
    }
    return res;
}

void reg_reset_all(Device *dev, ResetType type)
{
    for (unsigned g = 0; g < dev->index->n_regions; g++) {
        const RegionIndex *ri = &dev->index->regions[g];

        for (unsigned i = 0; i < ri->n_entries; i++) {
            const RegEntry *e = &ri->entries[i];
            unsigned size;
            void *p = reg_member(dev, e->reg, e->n, &size);

            if (p && !e->reg->no_reset && !(e->reg->keep_warm && type != RESET_COLD)) {
                field_put_int(p, size, e->reg->reset);
            }
        }
    }
}

const Reg *device_find_reg(Device *dev, const char *name, unsigned *region, unsigned *n)
{
    for (unsigned g = 0; g < dev->index->n_regions; g++) {
        const RegTable *t = &dev->index->regions[g].type.regs;

        for (size_t i = 0; i < t->n; i++) {
            const Reg *r = &t->rows[i];
            size_t len = strlen(r->name);
            char *end = NULL;

            if (!strncmp(name, r->name, len)) {
                uint64_t k = r->count && g_ascii_isdigit(name[len])
                                 ? g_ascii_strtoull(name + len, &end, 10)
                                 : 0;

                if ((end ? !*end && k < r->count : !name[len])) {
                    *region = g;
                    *n = (unsigned)k;
                    return r;
                }
            }
        }
    }
    return NULL;
}

MemResult device_own_read(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t *val)
{
    return reg_read(dev, region, off, size, (MemAttrs){ 0 }, val);
}

MemResult device_own_write(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t val)
{
    return reg_write(dev, region, off, size, (MemAttrs){ 0 }, val);
}
