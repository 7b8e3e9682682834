/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties: text in, members set, text out.
 */
#include "core/core-priv.h"
#include "util/options.h"
#include "util/size.h"
#include "util/suggest.h"

#include <inttypes.h>

static int prop_index(Device *dev, const char *name)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind == FIELD_PROP && type_same_name(f->name, name)) {
            return (int)i;
        }
    }
    return -1;
}

/* The device that has the property: @dev, or the child that stands for it. */
static Device *prop_owner(Device *dev, const char *name)
{
    while (prop_index(dev, name) < 0 && dev->type->inner && dev->first_child &&
           prop_index(dev->first_child, name) >= 0) {
        dev = dev->first_child;
    }
    return dev;
}

static char *prop_dashed(const char *name)
{
    return g_strdelimit(g_strdup(name), "_", '-');
}

static bool prop_unknown(Device *dev, const char *name, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *near = NULL;

    for (Device *d = dev; d; d = d->type->inner ? d->first_child : NULL) {
        for (unsigned i = 0; i < d->index->n_fields; i++) {
            if (d->index->fields[i]->kind == FIELD_PROP) {
                g_ptr_array_add(names, prop_dashed(d->index->fields[i]->name));
            }
        }
    }
    near = suggest_or_list(name, (const char *const *)names->pdata, names->len, 12);
    return error_set(err, "device '%s' has no property '%s'%s", dev->type->name, name, near);
}

static void prop_mark(Device *dev, unsigned i)
{
    if (!dev->props_set) {
        dev->props_set = g_malloc0(dev->index->n_fields + 1);
    }
    ((uint8_t *)dev->props_set)[i] = 1;
}

bool device_prop_is_set(Device *dev, const char *name)
{
    int i;

    dev = prop_owner(dev, name);
    i = prop_index(dev, name);

    return i >= 0 && dev->props_set && ((uint8_t *)dev->props_set)[i];
}

void device_each_prop_set(Device *dev, void (*fn)(const Field *f, void *arg), void *arg)
{
    for (unsigned i = 0; dev->props_set && i < dev->index->n_fields; i++) {
        if (((uint8_t *)dev->props_set)[i]) {
            fn(dev->index->fields[i], arg);
        }
    }
}

static bool prop_parse_enum(const Field *f, const char *text, uint64_t *v, GError **err)
{
    g_autofree char *near = NULL;
    unsigned n = 0;

    for (; f->names[n]; n++) {
        if (!strcmp(text, f->names[n])) {
            *v = n;
            return true;
        }
    }
    near = suggest_or_list(text, f->names, n, 12);
    return error_set(err, "'%s' is none of its values%s", text, near);
}

static bool prop_parse_int(const Field *f, const char *text, uint64_t *v, GError **err)
{
    bool on = false;

    switch (f->type) {
    case TYPE_BOOL:
        if (!bool_parse(text, &on, err)) {
            return false;
        }
        *v = on;
        return true;
    case TYPE_ENUM:
        return prop_parse_enum(f, text, v, err);
    case TYPE_SIZE:
        if (!size_parse(text, 1, v, err)) {
            return false;
        }
        if (*v < f->min || *v > field_max(f)) {
            g_autofree char *lo = size_text(f->min), *hi = size_text(field_max(f));

            return error_set(err, "%s is out of range: %s to %s", text, lo, hi);
        }
        return true;
    default:
        return number_parse(text, f->min, field_max(f), v, err);
    }
}

static bool prop_type_has_name(const DeviceType *t, const char *name)
{
    for (; t; t = t->base) {
        if (!strcmp(t->name, name)) {
            return true;
        }
    }
    return false;
}

static bool prop_parse_link(Device *dev, const Field *f, const char *text, GError **err)
{
    Device *to = device_find(dev->machine, text);

    if (!to) {
        return error_set(err, "there is no device '%s' (or it is not the only one of that id)",
                         text);
    }
    if (f->of && !prop_type_has_name(to->type, f->of)) {
        return error_set(err, "'%s' is a %s; it must be a %s", text, to->type->name, f->of);
    }
    *(Device **)field_base(dev, f) = to;
    return true;
}

static bool prop_parse_backend(Device *dev, const Field *f, const char *text, GError **err)
{
    void *ptr = machine_find_backend(dev->machine, f->of, text);
    g_autofree const char **ids = NULL;
    g_autofree char *near = NULL;

    if (!ptr) {
        ids = machine_backend_ids(dev->machine, f->of);
        near = suggest_or_list(text, ids, g_strv_length((char **)(void *)ids), 12);
        return error_set(err, "there is no %s '%s'%s", f->of, text, near);
    }
    *(void **)field_base(dev, f) = ptr;
    return true;
}

static bool prop_set(Device *dev, const Field *f, const char *text, GError **err)
{
    void *p = field_base(dev, f);
    uint64_t v = 0;

    switch (f->type) {
    case TYPE_STR:
        g_free(*(char **)p);
        *(char **)p = g_strdup(text);
        return true;
    case TYPE_LINK:
        return prop_parse_link(dev, f, text, err);
    case TYPE_BACKEND:
        return prop_parse_backend(dev, f, text, err);
    default:
        if (!prop_parse_int(f, text, &v, err)) {
            return false;
        }
        field_put_int(p, f->size, v);
        return true;
    }
}

bool device_set_prop(Device *dev, const char *name, const char *text, GError **err)
{
    Device *asked = dev;
    int i;

    dev = prop_owner(dev, name);
    i = prop_index(dev, name);
    if (i < 0) {
        return prop_unknown(asked, name, err);
    }
    if (dev->realized) {
        return error_set(err, "%s: property '%s' cannot be changed any more", device_path(dev),
                         name);
    }
    if (!prop_set(dev, dev->index->fields[i], text, err)) {
        g_prefix_error(err, "property '%s' of '%s': ", name, dev->type->name);
        return false;
    }
    prop_mark(dev, (unsigned)i);
    return true;
}

bool device_set_props(Device *dev, const char *props, GError **err)
{
    bool ok = true;
    Options o;

    if (!options_parse(&o, props, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; ok && i < o.n; i++) {
        ok = device_set_prop(dev, o.list[i].key, o.list[i].value, err);
    }
    options_deinit(&o);
    return ok;
}

/* The place of a property that code sets; anything wrong is our bug. */
static const Field *prop_mine(Device *dev, const char *name)
{
    int i = prop_index(dev, name);

    if (i < 0 || dev->realized) {
        g_autofree char *text =
            g_strdup_printf("%s has no settable property %s", device_path(dev), name);

        check_failed(text, __FILE__, __LINE__);
    }
    prop_mark(dev, (unsigned)i);
    return dev->index->fields[i];
}

void device_set_u64(Device *dev, const char *name, uint64_t val)
{
    const Field *f = prop_mine(dev, name);

    CHECK(field_is_int(f) && val >= f->min && val <= field_max(f));
    field_put_int(field_base(dev, f), f->size, val);
}

void device_set_bool(Device *dev, const char *name, bool val)
{
    device_set_u64(dev, name, val);
}

void device_set_str(Device *dev, const char *name, const char *val)
{
    const Field *f = prop_mine(dev, name);
    char **p = field_base(dev, f);

    CHECK(f->type == TYPE_STR);
    g_free(*p);
    *p = g_strdup(val);
}

void device_set_link(Device *dev, const char *name, Device *to)
{
    const Field *f = prop_mine(dev, name);

    CHECK(f->type == TYPE_LINK);
    *(Device **)field_base(dev, f) = to;
}

void device_set_backend(Device *dev, const char *name, void *backend)
{
    const Field *f = prop_mine(dev, name);

    CHECK(f->type == TYPE_BACKEND);
    *(void **)field_base(dev, f) = backend;
}

static char *prop_backend_id(Device *dev, const Field *f)
{
    void *p = *(void **)field_base(dev, f);

    for (unsigned i = 0; i < dev->machine->backends->len; i++) {
        const Backend *b = &g_array_index(dev->machine->backends, Backend, i);

        if (p && b->ptr == p) {
            return g_strdup(b->id);
        }
    }
    return g_strdup("");
}

char *device_get_prop(Device *dev, const char *name, GError **err)
{
    int i = prop_index(dev, name);
    const Field *f;
    uint64_t v;
    void *p;

    if (i < 0 && prop_owner(dev, name) != dev) {
        return device_get_prop(prop_owner(dev, name), name, err);
    }
    if (i < 0) {
        prop_unknown(dev, name, err);
        return NULL;
    }
    f = dev->index->fields[i];
    p = field_base(dev, f);
    switch (f->type) {
    case TYPE_STR:
        return g_strdup(*(char **)p ? *(char **)p : "");
    case TYPE_LINK:
        return g_strdup(*(Device **)p ? device_path(*(Device **)p) : "");
    case TYPE_BACKEND:
        return prop_backend_id(dev, f);
    default:
        break;
    }
    v = field_get_int(p, f->size);
    if (f->type == TYPE_BOOL) {
        return g_strdup(v ? "true" : "false");
    }
    if (f->type == TYPE_ENUM) {
        return g_strdup(v <= field_max(f) ? f->names[v] : "");
    }
    return g_strdup_printf("%" PRIu64, v);
}

/* "; there is d0, d1": what a required backend could be. */
static char *prop_backend_ids(Device *dev, const Field *f)
{
    g_autofree const char **ids = machine_backend_ids(dev->machine, f->of);
    g_autofree char *list = g_strjoinv(", ", (char **)(void *)ids);

    return *list ? g_strdup_printf("; there is %s", list)
                 : g_strdup_printf("; there is no %s yet", f->of);
}

bool prop_check_all(Device *dev, GError **err)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind == FIELD_PROP && f->required &&
            (f->type == TYPE_STR || f->type == TYPE_LINK || f->type == TYPE_BACKEND
                 ? !*(void **)field_base(dev, f)
                 : !dev->props_set || !((uint8_t *)dev->props_set)[i])) {
            g_autofree char *dashed = prop_dashed(f->name);
            g_autofree char *choices = f->type == TYPE_BACKEND ? prop_backend_ids(dev, f) : NULL;

            return error_set(err, "%s (%s) needs its property '%s'%s", device_path(dev),
                             dev->type->name, dashed, choices ? choices : "");
        }
    }
    return true;
}
