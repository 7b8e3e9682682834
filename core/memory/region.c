/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of regions, and its flattening into the map that readers see.
 */
#include "core/core-priv.h"

enum { MAX_DEPTH = 64, MAX_RANGES = 1 << 20 };

static const Wide wide_all = (Wide)1 << 64;

/* ---- The tree ---- */

static MemRegion *region_new(Machine *m, const char *name, RegionKind kind, Wide size)
{
    MemRegion *r = g_new0(MemRegion, 1);

    r->machine = m;
    r->name = g_strdup(name);
    r->kind = kind;
    r->size = size ? size : wide_all;
    r->enabled = true;
    if (kind == REGION_CONTAINER) {
        r->children = g_ptr_array_new();
    }
    g_rec_mutex_lock(&m->map_lock);
    g_ptr_array_add(m->regions, r);
    g_rec_mutex_unlock(&m->map_lock);
    return r;
}

void region_free(MemRegion *r)
{
    if (r->children) {
        g_ptr_array_free(r->children, TRUE);
    }
    g_free(r->name);
    g_free(r);
}

MemRegion *region_new_container(Machine *m, const char *name, uint64_t size)
{
    return region_new(m, name, REGION_CONTAINER, size);
}

static MemRegion *region_new_backed(Machine *m, const char *name, RegionKind kind, RamBlock *ram,
                                    uint64_t off, uint64_t len)
{
    MemRegion *r;

    CHECK(len && off <= ram->size && len <= ram->size - off);
    r = region_new(m, name, kind, len);
    r->ram = ram;
    r->ram_off = off;
    return r;
}

MemRegion *region_new_ram(Machine *m, const char *name, RamBlock *ram, uint64_t off, uint64_t len)
{
    return region_new_backed(m, name, REGION_RAM, ram, off, len);
}

MemRegion *region_new_rom(Machine *m, const char *name, RamBlock *ram, uint64_t off, uint64_t len)
{
    return region_new_backed(m, name, REGION_ROM, ram, off, len);
}

MemRegion *region_new_alias(Machine *m, const char *name, MemRegion *target, uint64_t off,
                            uint64_t len)
{
    MemRegion *r = region_new(m, name, REGION_ALIAS, len);

    r->target = target;
    r->target_off = off;
    return r;
}

MemRegion *region_new_device(Device *dev, unsigned region, const char *name, uint64_t size)
{
    MemRegion *r;

    CHECK(size);
    r = region_new(dev->machine, name, REGION_DEVICE, size);
    r->dev = dev;
    r->region = region;
    return r;
}

static void region_insert(MemRegion *parent, MemRegion *child)
{
    unsigned at = 0;

    while (at < parent->children->len) {
        const MemRegion *c = g_ptr_array_index(parent->children, at);

        if (c->priority <= child->priority) {
            break;
        }
        at++;
    }
    g_ptr_array_insert(parent->children, (int)at, child);
}

void region_add(MemRegion *parent, MemRegion *child, GuestPhys addr, int priority)
{
    CHECK(parent->children && !child->parent);
    map_change_begin(parent->machine);
    child->parent = parent;
    child->addr = addr;
    child->priority = priority;
    region_insert(parent, child);
    region_changed(parent->machine);
    map_change_end(parent->machine);
}

void region_remove(MemRegion *child)
{
    Machine *m = child->machine;

    map_change_begin(m);
    if (child->parent) {
        g_ptr_array_remove(child->parent->children, child);
        child->parent = NULL;
        region_changed(m);
    }
    map_change_end(m);
}

void region_set_enabled(MemRegion *r, bool enabled)
{
    map_change_begin(r->machine);
    if (r->enabled != enabled) {
        r->enabled = enabled;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

void region_set_address(MemRegion *r, GuestPhys addr)
{
    map_change_begin(r->machine);
    if (r->addr != addr) {
        r->addr = addr;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

void region_set_readonly(MemRegion *r, bool readonly)
{
    map_change_begin(r->machine);
    if (r->readonly != readonly) {
        r->readonly = readonly;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

void region_set_romd(MemRegion *r, RamBlock *ram, uint64_t ram_off, bool reads_ram)
{
    CHECK(r->kind == REGION_DEVICE);
    CHECK(ram_off <= ram->size && r->size <= ram->size - ram_off);
    map_change_begin(r->machine);
    if (r->reads_ram != reads_ram || r->ram != ram || r->ram_off != ram_off) {
        r->ram = ram;
        r->ram_off = ram_off;
        r->reads_ram = reads_ram;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

void region_set_alias_offset(MemRegion *r, uint64_t off)
{
    map_change_begin(r->machine);
    if (r->target_off != off) {
        r->target_off = off;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

void region_set_window(MemRegion *r, GuestPhys addr, uint64_t off, uint64_t len)
{
    Wide size = len ? len : wide_all;

    CHECK(r->kind == REGION_ALIAS);
    map_change_begin(r->machine);
    if (r->addr != addr || r->target_off != off || r->size != size) {
        r->addr = addr;
        r->target_off = off;
        r->size = size;
        region_changed(r->machine);
    }
    map_change_end(r->machine);
}

const char *region_name(const MemRegion *r)
{
    return r->name;
}

uint64_t region_size(const MemRegion *r)
{
    return (uint64_t)r->size;
}

Device *region_device(const MemRegion *r)
{
    return r->dev;
}

/* ---- Flattening ---- */

typedef struct Flattener {
    GArray *ranges; /* of FlatRange, sorted, not overlapping */
} Flattener;

/* First range that ends after @addr. */
static unsigned flat_find(const FlatRange *ranges, unsigned n, uint64_t addr)
{
    unsigned lo = 0, hi = n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (ranges[mid].start + (ranges[mid].len - 1) < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static void flat_put(Flattener *fl, unsigned at, MemRegion *r, Wide base, uint64_t lo,
                     uint64_t last, bool readonly)
{
    uint64_t in = (uint64_t)((Wide)lo - base);
    FlatRange f = { .start = lo, .len = last - lo + 1, .region = r, .region_offset = in };

    CHECK(f.len);
    switch (r->kind) {
    case REGION_RAM:
    case REGION_ROM:
        f.kind = r->kind == REGION_ROM || readonly || r->ram->flags & RAM_ROM ? FLAT_ROM : FLAT_RAM;
        f.ram = r->ram;
        f.offset = r->ram_off + in;
        break;
    default:
        f.kind = r->reads_ram ? FLAT_ROMD : FLAT_MMIO;
        f.ram = r->reads_ram ? r->ram : NULL;
        f.offset = r->reads_ram ? r->ram_off + in : in;
        break;
    }
    g_array_insert_val(fl->ranges, at, f);
}

/* Fill what is free of [lo, last] with leaf @r, whose byte 0 lies at @base. */
static void flat_fill(Flattener *fl, MemRegion *r, Wide base, uint64_t lo, uint64_t last,
                      bool readonly)
{
    unsigned at = flat_find((FlatRange *)(void *)fl->ranges->data, fl->ranges->len, lo);

    while (fl->ranges->len < MAX_RANGES) {
        const FlatRange *next =
            at < fl->ranges->len ? &g_array_index(fl->ranges, FlatRange, at) : NULL;
        uint64_t next_last;

        if (!next || next->start > last) {
            flat_put(fl, at, r, base, lo, last, readonly);
            return;
        }
        next_last = next->start + (next->len - 1);
        if (next->start > lo) {
            flat_put(fl, at, r, base, lo, next->start - 1, readonly);
            at++;
        }
        if (next_last >= last) {
            return;
        }
        lo = next_last + 1;
        at++;
    }
}

/* Region @r's byte 0 lies at @base; only [clip_lo, clip_end) may be filled. */
static void flat_render(Flattener *fl, MemRegion *r, Wide base, Wide clip_lo, Wide clip_end,
                        bool readonly, unsigned depth)
{
    Wide lo = base > clip_lo ? base : clip_lo;
    Wide end = base + r->size < clip_end ? base + r->size : clip_end;

    if (!r->enabled || lo >= end || depth > MAX_DEPTH) {
        return;
    }
    readonly |= r->readonly;
    if (r->kind == REGION_CONTAINER) {
        for (unsigned i = 0; i < r->children->len; i++) {
            MemRegion *c = g_ptr_array_index(r->children, i);

            flat_render(fl, c, base + c->addr, lo, end, readonly, depth + 1);
        }
    } else if (r->kind == REGION_ALIAS) {
        flat_render(fl, r->target, base - r->target_off, lo, end, readonly, depth + 1);
    } else {
        flat_fill(fl, r, base, (uint64_t)lo, (uint64_t)(end - 1), readonly);
    }
}

FlatMap *flat_build(MemRegion *root)
{
    Flattener fl = { g_array_new(FALSE, FALSE, sizeof(FlatRange)) };
    FlatMap *map;

    flat_render(&fl, root, 0, 0, wide_all, false, 0);
    map = g_malloc0(sizeof(FlatMap) + fl.ranges->len * sizeof(FlatRange));
    map->n = fl.ranges->len;
    if (map->n) {
        memcpy(map->ranges, fl.ranges->data, map->n * sizeof(FlatRange));
    }
    g_array_free(fl.ranges, TRUE);
    return map;
}

const FlatRange *aspace_lookup(AddressSpace *as, GuestPhys gpa)
{
    const FlatMap *map = aspace_map(as);
    unsigned i = flat_find(map->ranges, map->n, gpa);

    return i < map->n && map->ranges[i].start <= gpa ? &map->ranges[i] : NULL;
}

/* ---- Publishing ---- */

void aspace_each(AddressSpace *as, void (*fn)(const FlatRange *f, void *arg), void *arg)
{
    AspaceReader reader = aspace_enter(as);
    const FlatMap *map = aspace_map(as);

    for (unsigned i = 0; i < map->n; i++) {
        fn(&map->ranges[i], arg);
    }
    aspace_leave(reader);
}

static bool flat_same(const FlatRange *a, const FlatRange *b)
{
    return a->start == b->start && a->len == b->len && a->offset == b->offset && a->ram == b->ram &&
           a->region == b->region && a->region_offset == b->region_offset && a->kind == b->kind;
}

/* The addresses in which @a and @b differ; false when in none. */
static bool flat_difference(const FlatMap *a, const FlatMap *b, uint64_t *lo, uint64_t *last)
{
    unsigned head = 0, na = a->n, nb = b->n;

    while (head < na && head < nb && flat_same(&a->ranges[head], &b->ranges[head])) {
        head++;
    }
    if (head == na && head == nb) {
        return false;
    }
    while (na > head && nb > head && flat_same(&a->ranges[na - 1], &b->ranges[nb - 1])) {
        na--;
        nb--;
    }
    *lo = UINT64_MAX;
    *last = 0;
    if (na > head) {
        *lo = a->ranges[head].start;
        *last = a->ranges[na - 1].start + (a->ranges[na - 1].len - 1);
    }
    if (nb > head) {
        *lo = min_u64(*lo, b->ranges[head].start);
        *last = max_u64(*last, b->ranges[nb - 1].start + (b->ranges[nb - 1].len - 1));
    }
    return true;
}

static void region_publish(AddressSpace *as)
{
    Machine *m = as->machine;
    FlatMap *map = flat_build(as->root), *old = as->map;
    uint64_t lo, last;

    if (!flat_difference(old, map, &lo, &last)) {
        g_free(map);
        return;
    }
    __atomic_store_n(&as->map, map, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&as->generation, 1, __ATOMIC_SEQ_CST);
    cpu_flush_all(m);
    for (unsigned i = 0; i < m->mem_listeners->len; i++) {
        const MemListener *l = g_ptr_array_index(m->mem_listeners, i);

        if (l->map_changed) {
            l->map_changed(l->opaque, as, lo, last);
        }
    }
    epoch_retire(m, old, g_free);
}

void map_change_begin(Machine *m)
{
    g_rec_mutex_lock(&m->map_lock);
    m->map_depth++;
}

void region_changed(Machine *m)
{
    m->map_dirty = true;
}

void map_change_end(Machine *m)
{
    if (m->map_depth == 1 && m->map_dirty) {
        m->map_dirty = false;
        for (unsigned i = 0; i < m->spaces->len; i++) {
            region_publish(g_ptr_array_index(m->spaces, i));
        }
    }
    m->map_depth--;
    g_rec_mutex_unlock(&m->map_lock);
}
