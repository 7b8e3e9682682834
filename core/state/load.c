/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state/format.h"
#include "util/bytes.h"
#include "util/suggest.h"

#include <inttypes.h>

typedef struct Loader {
    Machine *m;
    StateSource *src;
    GError **err;
} Loader;

/* One field as read: values widened, or raw bytes for elements of one byte. */
typedef struct LoadedField {
    char *name;
    unsigned elem;
    uint8_t flags;
    uint32_t count;
    uint8_t *data;
    size_t len;
} LoadedField;

static bool load_bytes(Loader *l, void *data, size_t len)
{
    return !len || l->src->read(l->src, data, len, l->err);
}

static bool load_int(Loader *l, unsigned size, uint64_t *v)
{
    uint8_t buf[8];

    if (!load_bytes(l, buf, size)) {
        return false;
    }
    *v = get_le(buf, size);
    return true;
}

static bool load_text(Loader *l, char **text)
{
    uint64_t len;

    *text = NULL;
    if (!load_int(l, 2, &len)) {
        return false;
    }
    if (len > STATE_NAME_MAX) {
        return error_set(l->err, "damaged state: a name of %" PRIu64 " bytes", len);
    }
    *text = g_malloc0(len + 1);
    if (!load_bytes(l, *text, len) || strlen(*text) != len || !g_utf8_validate(*text, -1, NULL)) {
        if (!*l->err) {
            error_set(l->err, "damaged state: a name is no text");
        }
        g_free(*text);
        *text = NULL;
        return false;
    }
    return true;
}

static void load_field_free(LoadedField *f)
{
    g_free(f->name);
    g_free(f->data);
    *f = (LoadedField){ 0 };
}

static bool load_field_read(Loader *l, LoadedField *f)
{
    uint64_t elem, flags, count;

    *f = (LoadedField){ 0 };
    if (!load_text(l, &f->name) || !load_int(l, 1, &elem) || !load_int(l, 1, &flags) ||
        !load_int(l, 4, &count)) {
        return false;
    }
    if ((elem != 1 && elem != 2 && elem != 4 && elem != 8) || count > STATE_FIELD_MAX / elem) {
        return error_set(l->err, "damaged state: field '%s' of %" PRIu64 " x %" PRIu64 " bytes",
                         f->name, count, elem);
    }
    f->elem = (unsigned)elem;
    f->flags = (uint8_t)flags;
    f->count = (uint32_t)count;
    f->len = count * elem;
    f->data = g_try_malloc(f->len ? f->len : 1);
    if (!f->data) {
        return error_set(l->err, "no memory for the %zu bytes of field '%s'", f->len, f->name);
    }
    return load_bytes(l, f->data, f->len);
}

static uint64_t load_element(const LoadedField *f, unsigned i)
{
    return get_le(f->data + (size_t)i * f->elem, f->elem);
}

/* ---- Fields ---- */

static bool load_shape(Loader *l, const LoadedField *in, uint32_t count)
{
    return in->count == count ||
           error_set(l->err, "field '%s' has %u elements, not %u", in->name, in->count, count);
}

static bool load_into_bytes(Loader *l, Device *dev, const Field *f, const LoadedField *in)
{
    uint8_t **p = field_base(dev, f);

    if (in->elem != 1 || in->len > f->max) {
        return error_set(l->err, "field '%s' has %zu bytes; the limit is %" PRIu64, f->name,
                         in->len, f->max);
    }
    g_free(*p);
    /* Room for the limit: devices append in place. */
    *p = g_malloc0(max_u64(in->len, min_u64(f->max, STATE_ROOM_MAX)) + 1);
    memcpy(*p, in->data, in->len);
    *(uint32_t *)(void *)((uint8_t *)dev + f->n_at - 1) = (uint32_t)in->len;
    return true;
}

static bool load_check(Loader *l, const Field *f, uint64_t v, unsigned i)
{
    if (f->type == TYPE_TIMER) {
        return (int64_t)v >= 0 ||
               error_set(l->err, "timer '%s' is set to a negative time", f->name);
    }
    if (v < f->min || v > field_max(f)) {
        return error_set(l->err,
                         "field '%s'[%u] is %" PRIu64 ", outside of %" PRIu64 " to %" PRIu64,
                         f->name, i, v, f->min, field_max(f));
    }
    return true;
}

static bool load_into_field(Loader *l, Device *dev, const Field *f, const LoadedField *in)
{
    if (f->type == TYPE_BYTES) {
        return load_into_bytes(l, dev, f, in);
    }
    if (!field_base(dev, f) || !load_shape(l, in, field_count(dev, f))) {
        return false;
    }
    for (unsigned i = 0; i < in->count; i++) {
        uint64_t v = load_element(in, i);
        void *p = field_element(dev, f, i);

        if (!load_check(l, f, v, i)) {
            return false;
        }
        if (f->kind == FIELD_PROP) {
            if (v != field_get_int(p, f->size)) {
                return error_set(l->err,
                                 "property '%s' was %" PRIu64
                                 " when the state was saved and is %" PRIu64
                                 " here: start with the same options",
                                 f->name, v, field_get_int(p, f->size));
            }
        } else if (f->type != TYPE_TIMER) {
            field_put_int(p, f->size, v);
        } else if ((int64_t)v == STATE_NOT_ARMED) {
            timer_cancel(p);
        } else {
            timer_arm_at_ns(p, (int64_t)v);
        }
    }
    return true;
}

static bool load_into_reg(Loader *l, Device *dev, const Reg *r, const LoadedField *in)
{
    unsigned size = 0;

    if (!load_shape(l, in, r->count ? r->count : 1)) {
        return false;
    }
    for (unsigned i = 0; i < in->count; i++) {
        uint64_t v = load_element(in, i);
        void *p = reg_member(dev, r, i, &size);

        if (v > bits_mask(8 * size)) {
            return error_set(l->err, "register '%s' holds 0x%" PRIx64 ", more than %u bytes",
                             r->name, v, size);
        }
        field_put_int(p, size, v);
    }
    return true;
}

static const Field *load_find_pins(Device *dev, const char *name, bool *out)
{
    *out = g_str_has_prefix(name, STATE_PIN_PREFIX);
    if (!*out && !g_str_has_prefix(name, STATE_OUTSIDE_PREFIX)) {
        return NULL;
    }
    name = strchr(name, ':') + 1;
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind == (*out ? FIELD_PIN_OUT : FIELD_PIN_IN) && !strcmp(f->name, name)) {
            return f;
        }
    }
    return NULL;
}

static bool load_into_pins(Loader *l, Device *dev, const Field *f, bool out, const LoadedField *in)
{
    if (in->elem != 1 || !load_shape(l, in, field_count(dev, f))) {
        return *l->err || error_set(l->err, "pins '%s' are no levels", f->name) ? false : false;
    }
    for (unsigned i = 0; i < in->count; i++) {
        bool level = in->data[i] & 1;

        if (out) {
            Irq *irq = field_element(dev, f, i);

            __atomic_store_n(&irq->level, level, __ATOMIC_SEQ_CST);
        } else {
            pin_find_input(dev, f->name, i)->outside = level;
        }
    }
    return true;
}

static bool load_field_apply(Loader *l, Device *dev, const LoadedField *in)
{
    const Field *pins;
    bool out;

    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (state_field_is_saved(f) && !strcmp(f->name, in->name)) {
            return load_into_field(l, dev, f, in);
        }
    }
    for (unsigned g = 0; g < dev->index->n_regions; g++) {
        const RegTable *t = &dev->index->regions[g].type.regs;

        for (size_t i = 0; i < t->n; i++) {
            if (t->rows[i].member_size && !strcmp(t->rows[i].name, in->name)) {
                return load_into_reg(l, dev, &t->rows[i], in);
            }
        }
    }
    pins = load_find_pins(dev, in->name, &out);
    if (pins) {
        return load_into_pins(l, dev, pins, out, in);
    }
    return in->flags & STATE_IS_DEFAULT ||
           error_set(l->err,
                     "field '%s' is not known here and does not hold its default: the "
                     "state is from a newer version or another machine",
                     in->name);
}

/* Outputs low, inputs not driven from outside, before what was saved is applied. */
static void load_clear_pins(Device *dev)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        for (unsigned k = 0; f->kind == FIELD_PIN_OUT && k < field_count(dev, f); k++) {
            Irq *irq = field_element(dev, f, k);

            __atomic_store_n(&irq->level, 0, __ATOMIC_SEQ_CST);
        }
    }
    for (unsigned i = 0; i < dev->n_inputs; i++) {
        dev->inputs[i].outside = false;
    }
}

static bool load_device(Loader *l, GHashTable *done)
{
    g_autofree char *path = NULL, *type = NULL;
    uint64_t tag = TAG_END;
    bool ok = true;
    Device *dev;

    if (!load_text(l, &path) || !load_text(l, &type)) {
        return false;
    }
    dev = device_find(l->m, *path ? path : "/");
    if (!dev || !dev->realized) {
        return error_set(l->err, "the state holds a %s at %s, which this machine has not", type,
                         path);
    }
    if (strcmp(dev->type->name, type)) {
        return error_set(l->err, "%s is a %s here and was a %s", path, dev->type->name, type);
    }
    if (!g_hash_table_add(done, dev)) {
        return error_set(l->err, "damaged state: %s is in it twice", path);
    }
    while (ok && (ok = load_int(l, 1, &tag)) && tag == TAG_FIELD) {
        LoadedField f;

        ok = load_field_read(l, &f);
        if (ok) {
            device_enter(dev);
            ok = load_field_apply(l, dev, &f);
            device_leave_quiet(dev);
        }
        load_field_free(&f);
    }
    if (!ok) {
        g_prefix_error(l->err, "%s: ", path);
        return false;
    }
    return tag == TAG_END || error_set(l->err, "damaged state: no field or end in %s", path);
}

/* ---- RAM ---- */

static void load_zero(RamBlock *ram, uint64_t first, uint64_t end)
{
    for (uint64_t page = first; page < end; page++) {
        uint64_t *w = (uint64_t *)(void *)(ram->host + page * GUEST_PAGE_SIZE);

        for (unsigned i = 0; i < GUEST_PAGE_SIZE / 8; i++) {
            if (w[i]) {
                memset(w, 0, GUEST_PAGE_SIZE);
                break;
            }
        }
    }
}

/* One run; *next is the first page not yet decided. */
static bool load_pages(Loader *l, RamBlock *ram, uint64_t tag, uint64_t *next)
{
    g_autofree uint8_t *pack = NULL;
    uint64_t page, n, len;
    uint8_t *to;

    if (!load_int(l, 8, &page) || !load_int(l, 4, &n)) {
        return false;
    }
    if (page < *next || page >= ram->n_pages || !n || n > STATE_RUN_MAX ||
        n > ram->n_pages - page) {
        return error_set(l->err, "damaged state: pages %" PRIu64 "+%" PRIu64 " of RAM '%s'", page,
                         n, ram->name);
    }
    load_zero(ram, *next, page);
    *next = page + n;
    to = ram->host + page * GUEST_PAGE_SIZE;
    if (tag == TAG_PAGES) {
        return load_bytes(l, to, n * GUEST_PAGE_SIZE);
    }
    if (!load_int(l, 4, &len)) {
        return false;
    }
    if (!len || len > n * GUEST_PAGE_SIZE) {
        return error_set(l->err, "damaged state: %" PRIu64 " bytes for %" PRIu64 " pages", len, n);
    }
    pack = g_malloc(len);
    return load_bytes(l, pack, len) &&
           (state_decompress(to, n * GUEST_PAGE_SIZE, pack, len) ||
            error_set(l->err,
                      "pages of RAM '%s' cannot be unpacked: damaged, or this program was "
                      "built without zstd",
                      ram->name));
}

static bool load_ram(Loader *l)
{
    g_autofree char *name = NULL;
    uint64_t size, tag = TAG_END, next = 0;
    RamBlock *ram;

    if (!load_text(l, &name) || !load_int(l, 8, &size)) {
        return false;
    }
    ram = ram_find(l->m, name);
    if (!ram || ram->flags & RAM_NO_SAVE) {
        return error_set(l->err, "the state holds RAM '%s', which this machine has not", name);
    }
    if (ram->size != size) {
        return error_set(l->err,
                         "RAM '%s' has %" PRIu64 " bytes here and had %" PRIu64
                         ": start with the same -m",
                         name, ram->size, size);
    }
    while (load_int(l, 1, &tag) && (tag == TAG_PAGES || tag == TAG_ZPAGES)) {
        if (!load_pages(l, ram, tag, &next)) {
            return false;
        }
    }
    if (*l->err) {
        return false;
    }
    load_zero(ram, next, ram->n_pages);
    ram_wrote(ram, 0, ram->size);
    return tag == TAG_END || error_set(l->err, "damaged state: no pages or end in RAM '%s'", name);
}

/* ---- The whole ---- */

/* How many outputs drive each input follows from the outputs' levels. */
static void load_drive_pins(Machine *m)
{
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        for (unsigned i = 0; i < d->n_inputs; i++) {
            pin_restart(&d->inputs[i]);
        }
    }
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        for (unsigned i = 0; d->realized && i < d->index->n_fields; i++) {
            const Field *f = d->index->fields[i];

            for (unsigned k = 0; f->kind == FIELD_PIN_OUT && k < field_count(d, f); k++) {
                const Irq *irq = field_element(d, f, k);

                for (const IrqLink *link = irq->links; link && irq_is_high(irq);
                     link = link->next) {
                    pin_drive(link->pin, true);
                }
            }
        }
    }
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        for (unsigned i = 0; i < d->n_inputs; i++) {
            InputPin *pin = &d->inputs[i];

            pin->seen = pin_level(pin);
            pin->rises = pin_state(pin).rises;
            if (pin->field->type == TYPE_PIN_DIRECT) {
                pin->field->pin(d, pin->n, pin->seen);
            }
        }
    }
}

static bool load_rebuild(Loader *l)
{
    load_drive_pins(l->m);
    for (Device *d = l->m->root; d; d = device_next(l->m->root, d)) {
        const DeviceType *chain[16];
        unsigned n = 0;

        for (const DeviceType *t = d->type; d->realized && t && n < 16; t = t->base) {
            chain[n++] = t;
        }
        while (n--) {
            bool ok = true;

            if (chain[n]->loaded) {
                device_enter(d);
                ok = chain[n]->loaded(d, l->err);
                device_leave_quiet(d);
            }
            if (!ok) {
                g_prefix_error(l->err, "%s: ", device_path(d));
                return false;
            }
        }
    }
    device_settle_tree(l->m->root, false);
    for (unsigned i = 0; i < machine_n_cpus(l->m); i++) {
        cpu_state_changed(machine_cpu(l->m, i));
    }
    return true;
}

static bool load_turns(Loader *l)
{
    Machine *m = l->m;
    uint64_t turn, left, total, random[G_N_ELEMENTS(m->random)];

    if (!load_int(l, 4, &turn) || !load_int(l, 4, &left) || !load_int(l, 8, &total)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(random); i++) {
        if (!load_int(l, 8, &random[i])) {
            return false;
        }
    }
    if (turn >= machine_n_cpus(m) || left > TURN_INSNS) {
        return error_set(l->err, "damaged state: a turn of CPU %" PRIu64 ", %" PRIu64 " left", turn,
                         left);
    }
    if (m->turns.on) { /* else the run is not counted any more */
        m->turns.turn = (unsigned)turn;
        m->turns.turn_left = (int32_t)left;
        m->turns.total = total;
        memcpy(m->random, random, sizeof(random));
    }
    return true;
}

static bool load_sections(Loader *l)
{
    g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
    uint64_t tag, now, rtc;

    for (;;) {
        if (!load_int(l, 1, &tag)) {
            return false;
        }
        switch (tag) {
        case TAG_MACHINE:
            if (!load_int(l, 8, &now) || !load_int(l, 8, &rtc)) {
                return false;
            }
            if ((int64_t)now < 0) {
                return error_set(l->err, "damaged state: the machine's time is negative");
            }
            clock_load(l->m, (int64_t)now, (int64_t)rtc);
            break;
        case TAG_TURNS:
            if (!load_turns(l)) {
                return false;
            }
            break;
        case TAG_DEVICE:
            if (!load_device(l, done)) {
                return false;
            }
            break;
        case TAG_RAM:
            if (!load_ram(l)) {
                return false;
            }
            break;
        case TAG_END:
            return load_rebuild(l);
        default:
            return error_set(l->err, "damaged state: a section of kind %" PRIu64, tag);
        }
    }
}

bool machine_load_from(Machine *m, StateSource *src, GError **err)
{
    Loader l = { m, src, err };
    uint64_t version;
    char magic[8];

    if (machine_is_running(m)) {
        return error_set(err, "the machine is running: stop it before a state is loaded");
    }
    if (!load_bytes(&l, magic, sizeof(magic)) || !load_int(&l, 4, &version)) {
        return false;
    }
    if (memcmp(magic, STATE_MAGIC, sizeof(magic))) {
        return error_set(err, "this is no saved state of a machine");
    }
    if (version != STATE_VERSION) {
        return error_set(err, "the state has format %" PRIu64 "; known is %d", version,
                         STATE_VERSION);
    }
    /* What the file does not hold takes its default. */
    device_reset(m->root, RESET_COLD);
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (d->realized) {
            load_clear_pins(d);
        }
    }
    if (!load_sections(&l)) {
        device_reset(m->root, RESET_COLD);
        return false;
    }
    return true;
}
