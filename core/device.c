/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree: creation, realize, locks, look-up, messages.
 */
#include "core/core-priv.h"
#include "util/suggest.h"

#include <inttypes.h>

enum { GUEST_ERRORS_MAX = 1000 };

static const DeviceType device_container = {
    .name = "container",
    .doc = "holds other devices",
    .size = sizeof(Device),
};

/* ---- Making ---- */

static bool device_check_id(Device *parent, const char *id, GError **err)
{
    if (!*id || strchr(id, '/')) {
        return error_set(err, "'%s' is no valid id: it must not be empty or hold a '/'", id);
    }
    if (device_child(parent, id)) {
        return error_set(err, "there is a device '%s' in %s already", id, device_path(parent));
    }
    return true;
}

static char *device_make_id(Device *parent, const char *type)
{
    for (unsigned n = 0;; n++) {
        g_autofree char *id = g_strdup_printf("%s%u", type, n);

        if (!device_child(parent, id)) {
            return g_steal_pointer(&id);
        }
    }
}

static bool device_type_is_cpu(const DeviceType *type)
{
    while (type && type != &device_cpu) {
        type = type->base;
    }
    return type != NULL;
}

static Device *device_alloc_new(Machine *m, const DeviceType *type, Device *parent, const char *id)
{
    Device *dev = device_type_is_cpu(type) ? cpu_alloc(type->size) : g_malloc0(type->size);

    CHECK(type->size >= sizeof(Device));
    dev->type = type;
    dev->machine = m;
    dev->parent = parent;
    dev->id = g_strdup(id);
    dev->dma = m->memory;
    dev->index = type_index(m, type);
    mutex_init(&dev->lock);
    if (device_is_a(dev, &device_cpu)) {
        cpu_init(cpu_of(dev));
    }
    field_init_all(dev);
    if (parent) {
        if (parent->last_child) {
            parent->last_child->next = dev;
        } else {
            parent->first_child = dev;
        }
        parent->last_child = dev;
    }
    if (type->inner) {
        device_alloc_new(m, type->inner, dev, "inner");
    }
    return dev;
}

Device *device_new_type(Machine *m, const DeviceType *type, Device *parent, const char *id,
                        GError **err)
{
    g_autofree char *made = NULL;
    Device *dev;

    parent = parent ? parent : m->root;
    if (!id) {
        id = made = device_make_id(parent, type->name);
    }
    if (!device_check_id(parent, id, err)) {
        return NULL;
    }
    dev = device_alloc_new(m, type, parent, id);
    dev->named = !made;
    return dev;
}

Device *device_new(Machine *m, const char *type, Device *parent, const char *id, GError **err)
{
    const DeviceType *t = machine_find_type(m, type);
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *near = NULL;

    if (t) {
        return device_new_type(m, t, parent, id, err);
    }
    names = g_ptr_array_new();
    for (unsigned i = 0; i < m->type_lists->len; i++) {
        for (const DeviceType *const *p = g_ptr_array_index(m->type_lists, i); *p; p++) {
            g_ptr_array_add(names, (void *)(*p)->name);
        }
    }
    near = suggest_text(type, (const char *const *)names->pdata, names->len);
    error_set(err, "no device type '%s'%s (-device help lists them)", type, near);
    return NULL;
}

Device *device_new_container(Machine *m, Device *parent, const char *id)
{
    if (!m->root) {
        return device_alloc_new(m, &device_container, NULL, "");
    }
    return device_make(m, &device_container, parent, id);
}

Device *device_make(Machine *m, const DeviceType *type, Device *parent, const char *id)
{
    g_autoptr(GError) err = NULL;
    Device *dev = device_new_type(m, type, parent, id, &err);

    if (!dev) {
        check_failed(err->message, __FILE__, __LINE__);
    }
    return dev;
}

/* ---- Realize ---- */

static void device_make_regions(Device *dev)
{
    for (unsigned i = 0; i < dev->n_regions; i++) {
        const RegionType *rt = &dev->index->regions[i].type;
        g_autofree char *name = dev->n_regions > 1 && rt->name
                                    ? g_strdup_printf("%s.%s", dev->id, rt->name)
                                    : g_strdup(dev->id);

        if (!dev->regions[i] && rt->size) {
            dev->regions[i] = region_new_device(dev, i, name, rt->size);
        }
    }
}

bool device_realize(Device *dev, GError **err)
{
    if (dev->realized) {
        return error_set(err, "%s is realized already", device_path(dev));
    }
    if (!prop_check_all(dev, err)) {
        return false;
    }
    dev->n_regions = dev->index->n_regions;
    dev->regions = g_new0(MemRegion *, dev->n_regions);
    if (dev->type->start && !dev->type->start(dev, err)) {
        g_prefix_error(err, "%s: ", device_path(dev));
        return false;
    }
    dev->started = true;
    if (!pin_make_all(dev, err)) {
        return false;
    }
    device_make_regions(dev);
    dev->realized = true;
    for (const DeviceType *t = dev->type; t; t = t->base) {
        if (t->ready) {
            t->ready(dev);
            break;
        }
    }
    if (dev->machine->started) {
        device_reset(dev, RESET_COLD);
    }
    return true;
}

void device_set_region_size(Device *dev, unsigned region, uint64_t size)
{
    const char *name;

    CHECK(!dev->realized && region < dev->n_regions && !dev->regions[region]);
    name = dev->index->regions[region].type.name;
    dev->regions[region] = region_new_device(dev, region, name ? name : dev->id, size);
}

MemRegion *device_region(Device *dev, unsigned region)
{
    CHECK(region < dev->n_regions && dev->regions[region]);
    return dev->regions[region];
}

void device_map(Device *dev, unsigned region, MemRegion *parent, GuestPhys addr)
{
    region_add(parent, device_region(dev, region), addr, 0);
}

void *device_alloc(Device *dev, size_t size)
{
    void *p = g_malloc0(size);

    dev->allocs = g_slist_prepend(dev->allocs, p);
    return p;
}

void device_free_tree(Device *dev)
{
    while (dev->first_child) {
        Device *child = dev->first_child;

        dev->first_child = child->next;
        device_free_tree(child);
    }
    field_free_all(dev);
    pin_free_all(dev);
    if (device_is_a(dev, &device_cpu)) {
        cpu_deinit(cpu_of(dev));
    }
    g_slist_free_full(dev->allocs, g_free);
    g_free(dev->regions);
    g_free(dev->props_set);
    g_free(dev->path);
    g_free(dev->id);
    mutex_deinit(&dev->lock);
    if (device_is_a(dev, &device_cpu)) {
        cpu_dealloc(dev);
    } else {
        g_free(dev);
    }
}

/* ---- The monitor ---- */

void device_enter(Device *dev)
{
    DCHECK(!thread_held()); /* no second device lock (rules.md 1) */
    mutex_lock(&dev->lock);
    thread_set_held(dev);
}

bool device_try_enter(Device *dev)
{
    DCHECK(!thread_held());
    if (!mutex_try_lock(&dev->lock)) {
        return false;
    }
    thread_set_held(dev);
    return true;
}

bool device_is_entered(const Device *dev)
{
    return thread_held() == dev;
}

void device_leave_quiet(Device *dev)
{
    thread_set_held(NULL);
    mutex_unlock(&dev->lock);
}

/* Bases settle through their derived type's settle, if it calls them. */
static const DeviceType *device_settler(const Device *dev)
{
    const DeviceType *t = dev->type;

    while (t && !t->settle) {
        t = t->base;
    }
    return t;
}

void device_leave(Device *dev)
{
    const DeviceType *t = device_settler(dev);

    if (t && dev->realized) {
        t->settle(dev);
    }
    device_leave_quiet(dev);
    thread_drain();
}

void device_settle(Device *dev)
{
    device_enter(dev);
    device_leave(dev);
}

void device_post(Device *dev, void (*fn)(Device *dev, void *arg), void *arg)
{
    Work w = { WORK_CALL, .call = { dev, fn, arg } };

    thread_post_work(&w);
}

MemResult device_dma_read(Device *dev, GuestPhys gpa, void *buf, uint64_t len)
{
    return aspace_read(dev->dma, gpa, buf, len, (MemAttrs){ .requester = dev->requester });
}

MemResult device_dma_write(Device *dev, GuestPhys gpa, const void *buf, uint64_t len)
{
    return aspace_write(dev->dma, gpa, buf, len, (MemAttrs){ .requester = dev->requester });
}

MemResult device_dma_load(Device *dev, GuestPhys gpa, unsigned size, uint64_t *val)
{
    return aspace_load(dev->dma, gpa, size, val, (MemAttrs){ .requester = dev->requester });
}

MemResult device_dma_store(Device *dev, GuestPhys gpa, unsigned size, uint64_t val)
{
    return aspace_store(dev->dma, gpa, size, val, (MemAttrs){ .requester = dev->requester });
}

/* ---- The tree ---- */

const char *device_path(Device *dev)
{
    if (!dev->path) {
        const char *up = dev->parent ? device_path(dev->parent) : "";

        dev->path = g_strdup_printf("%s/%s", dev->parent && dev->parent->parent ? up : "", dev->id);
    }
    return dev->path;
}

Device *device_child(Device *dev, const char *id)
{
    for (Device *c = dev->first_child; c; c = c->next) {
        if (!strcmp(c->id, id)) {
            return c;
        }
    }
    return NULL;
}

Device *device_next(Device *top, Device *dev)
{
    if (dev->first_child) {
        return dev->first_child;
    }
    for (; dev != top; dev = dev->parent) {
        if (dev->next) {
            return dev->next;
        }
    }
    return NULL;
}

Device *device_find(Machine *m, const char *path_or_id)
{
    bool is_path = path_or_id[0] == '/';
    Device *found = NULL;

    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (is_path && !strcmp(device_path(d), path_or_id)) {
            return d;
        }
        if (!is_path && !strcmp(d->id, path_or_id)) {
            if (found) {
                return NULL;
            }
            found = d;
        }
    }
    return found;
}

bool device_is_a(const Device *dev, const DeviceType *type)
{
    for (const DeviceType *t = dev->type; t; t = t->base) {
        if (t == type) {
            return true;
        }
    }
    return false;
}

Device *device_find_type(Machine *m, const DeviceType *type)
{
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (device_is_a(d, type)) {
            return d;
        }
    }
    return NULL;
}

/* ---- Messages ---- */

static void device_log(Device *dev, const char *kind, const char *fmt, va_list ap)
{
    g_autofree char *text = g_strdup_vprintf(fmt, ap);

    log_item(machine_log(dev->machine), "%s: %s: %s\n", device_path(dev), kind, text);
}

void guest_error(Device *dev, const char *fmt, ...)
{
    uint32_t n = __atomic_fetch_add(&dev->guest_errors, 1, __ATOMIC_RELAXED);
    va_list ap;

    if (!log_on(machine_log(dev->machine), LOG_GUEST_ERROR) || n > GUEST_ERRORS_MAX) {
        return;
    }
    if (n == GUEST_ERRORS_MAX) {
        log_item(machine_log(dev->machine), "%s: further guest errors are not shown\n",
                 device_path(dev));
        return;
    }
    va_start(ap, fmt);
    device_log(dev, "guest error", fmt, ap);
    va_end(ap);
}

void guest_unimp(Device *dev, const char *fmt, ...)
{
    uint32_t n = __atomic_fetch_add(&dev->guest_errors, 1, __ATOMIC_RELAXED);
    va_list ap;

    if (!log_on(machine_log(dev->machine), LOG_UNIMP) || n > GUEST_ERRORS_MAX) {
        return;
    }
    va_start(ap, fmt);
    device_log(dev, "not modelled", fmt, ap);
    va_end(ap);
}

void device_trace(Device *dev, const char *name, const char *fmt, ...)
{
    LogSink *log = machine_log(dev->machine);
    g_autofree char *event = g_strdup_printf("%s_%s", dev->type->name, name);
    g_autofree char *text = NULL;
    va_list ap;

    if (!log_trace_wanted(log, dev->id, event)) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    log_trace(log, dev->id, event, "%s", text);
}

void device_warn(Device *dev, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_vmessage(machine_log(dev->machine), LOG_LEVEL_WARN, device_path(dev), fmt, ap);
    va_end(ap);
}

static void device_info_fields(Device *dev, GString *s)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];
        unsigned n = f->kind == FIELD_STATE ? field_count(dev, f) : 1;

        if (!field_is_int(f) || (f->kind != FIELD_STATE && f->kind != FIELD_PROP) ||
            !field_base(dev, f)) {
            continue;
        }
        g_string_append_printf(s, "  %s%s =", f->name, f->kind == FIELD_PROP ? " (property)" : "");
        for (unsigned k = 0; k < n && k < 64; k++) {
            g_string_append_printf(s, " 0x%" PRIx64,
                                   field_get_int(field_element(dev, f, k), f->size));
        }
        g_string_append(s, n > 64 ? " ...\n" : "\n");
    }
}

char *device_info_text(Device *dev)
{
    GString *s = g_string_new("");

    g_string_append_printf(s, "%s: %s, %s\n", device_path(dev), dev->type->name,
                           dev->type->doc ? dev->type->doc : "");
    device_enter(dev);
    for (unsigned g = 0; g < dev->index->n_regions; g++) {
        const RegionIndex *ri = &dev->index->regions[g];

        for (unsigned i = 0; i < ri->n_entries && i < 256; i++) {
            const RegEntry *e = &ri->entries[i];
            unsigned size;
            const void *p = reg_member(dev, e->reg, e->n, &size);

            if (p && e->reg->count) {
                g_string_append_printf(s, "  +0x%03x %s%u = 0x%" PRIx64 "\n", e->offset,
                                       e->reg->name, e->n, field_get_int(p, size));
            } else if (p) {
                g_string_append_printf(s, "  +0x%03x %s = 0x%" PRIx64 "\n", e->offset, e->reg->name,
                                       field_get_int(p, size));
            }
        }
    }
    device_info_fields(dev, s);
    device_leave_quiet(dev);
    return g_string_free(s, FALSE);
}
