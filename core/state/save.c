/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state/format.h"
#include "util/bytes.h"

#include <inttypes.h>

typedef struct Saver {
    StateSink *sink;
    GError **err;
    bool failed;
    uint8_t *buf;
    size_t used;
    uint8_t *pack; /* a compressed run */
} Saver;

static void save_flush(Saver *s)
{
    if (!s->failed && s->used && !s->sink->write(s->sink, s->buf, s->used, s->err)) {
        s->failed = true;
    }
    s->used = 0;
}

static void save_bytes(Saver *s, const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len && !s->failed) {
        size_t n = min_u64(len, STATE_BUFFER - s->used);

        memcpy(s->buf + s->used, p, n);
        s->used += n;
        p += n;
        len -= n;
        if (s->used == STATE_BUFFER) {
            save_flush(s);
        }
    }
}

static void save_int(Saver *s, uint64_t v, unsigned size)
{
    uint8_t buf[8];

    put_le(buf, size, v);
    save_bytes(s, buf, size);
}

static void save_text(Saver *s, const char *text)
{
    size_t len = strlen(text);

    CHECK(len <= STATE_NAME_MAX);
    save_int(s, len, 2);
    save_bytes(s, text, len);
}

static void save_field_head(Saver *s, const char *name, unsigned elem, bool is_default,
                            uint64_t count)
{
    save_int(s, TAG_FIELD, 1);
    save_text(s, name);
    save_int(s, elem, 1);
    save_int(s, is_default ? STATE_IS_DEFAULT : 0, 1);
    save_int(s, count, 4);
}

bool state_field_is_saved(const Field *f)
{
    if (f->kind == FIELD_STATE) {
        return true;
    }
    return f->kind == FIELD_PROP && field_is_int(f);
}

static uint64_t save_element(Device *dev, const Field *f, unsigned i)
{
    void *p = field_element(dev, f, i);

    return f->type == TYPE_TIMER ? (uint64_t)timer_deadline_ns(p) : field_get_int(p, f->size);
}

static void save_field(Saver *s, Device *dev, const Field *f)
{
    uint64_t def = f->type == TYPE_TIMER ? (uint64_t)STATE_NOT_ARMED : f->def;
    unsigned n = field_count(dev, f), elem = f->type == TYPE_TIMER ? 8 : f->size;
    bool is_default = true;

    if (f->type == TYPE_BYTES) {
        uint32_t len = *(uint32_t *)(void *)((uint8_t *)dev + f->n_at - 1);

        CHECK(len <= f->max);
        save_field_head(s, f->name, 1, !len, len);
        save_bytes(s, *(void **)field_base(dev, f), len);
        return;
    }
    for (unsigned i = 0; is_default && i < n; i++) {
        is_default = save_element(dev, f, i) == def;
    }
    if (is_default && f->optional) {
        return;
    }
    save_field_head(s, f->name, elem, is_default, n);
    for (unsigned i = 0; i < n; i++) {
        save_int(s, save_element(dev, f, i), elem);
    }
}

/* Registers whose member is in no field row are state of their own. */
static void save_reg(Saver *s, Device *dev, const Reg *r)
{
    unsigned n = r->count ? r->count : 1, size = 0;
    bool is_default = true;

    for (unsigned i = 0; is_default && i < n; i++) {
        const void *p = reg_member(dev, r, i, &size);

        is_default = field_get_int(p, size) == r->reset;
    }
    save_field_head(s, r->name, size, is_default, n);
    for (unsigned i = 0; i < n; i++) {
        const void *p = reg_member(dev, r, i, &size);

        save_int(s, field_get_int(p, size), size);
    }
}

static void save_pins(Saver *s, Device *dev)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];
        bool out = f->kind == FIELD_PIN_OUT;
        g_autofree char *name =
            g_strconcat(out ? STATE_PIN_PREFIX : STATE_OUTSIDE_PREFIX, f->name, NULL);
        unsigned n = field_count(dev, f);
        bool is_default = true;

        if (!out && f->kind != FIELD_PIN_IN) {
            continue;
        }
        for (unsigned k = 0; k < n; k++) {
            is_default &= out ? !irq_is_high(field_element(dev, f, k))
                              : !pin_find_input(dev, f->name, k)->outside;
        }
        if (is_default) {
            continue;
        }
        save_field_head(s, name, 1, is_default, n);
        for (unsigned k = 0; k < n; k++) {
            save_int(s,
                     out ? irq_is_high(field_element(dev, f, k))
                         : pin_find_input(dev, f->name, k)->outside,
                     1);
        }
    }
}

static void save_prepare(Device *dev)
{
    for (const DeviceType *t = dev->type; t; t = t->base) {
        if (t->saving) {
            t->saving(dev);
        }
    }
}

/* Requests that end now raise interrupts: they reach who takes them before anything is written. */
static void save_prepare_all(Machine *m)
{
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (d->realized) {
            device_enter(d);
            save_prepare(d);
            device_leave(d);
        }
    }
    device_drain(m);
}

static void save_device(Saver *s, Device *dev)
{
    device_enter(dev);
    save_prepare(dev);
    save_int(s, TAG_DEVICE, 1);
    save_text(s, device_path(dev));
    save_text(s, dev->type->name);
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        if (state_field_is_saved(dev->index->fields[i]) && field_base(dev, dev->index->fields[i])) {
            save_field(s, dev, dev->index->fields[i]);
        }
    }
    for (unsigned g = 0; g < dev->index->n_regions; g++) {
        const RegTable *t = &dev->index->regions[g].type.regs;

        for (size_t i = 0; i < t->n; i++) {
            if (t->rows[i].member_size) {
                save_reg(s, dev, &t->rows[i]);
            }
        }
    }
    save_pins(s, dev);
    save_int(s, TAG_END, 1);
    device_leave_quiet(dev);
}

static bool save_page_is_zero(const uint8_t *p)
{
    const uint64_t *w = (const uint64_t *)(const void *)p;

    for (unsigned i = 0; i < GUEST_PAGE_SIZE / 8; i++) {
        if (w[i]) {
            return false;
        }
    }
    return true;
}

/* Compressed where that makes it smaller. */
static void save_pages(Saver *s, const RamBlock *ram, uint64_t page, uint64_t n)
{
    const uint8_t *from = ram->host + page * GUEST_PAGE_SIZE;
    size_t len = n * GUEST_PAGE_SIZE, packed;

    s->pack = s->pack ? s->pack : g_malloc(STATE_RUN_MAX * GUEST_PAGE_SIZE);
    packed = s->sink->plain ? 0 : state_compress(s->pack, len - len / 8, from, len);
    save_int(s, packed ? TAG_ZPAGES : TAG_PAGES, 1);
    save_int(s, page, 8);
    save_int(s, n, 4);
    if (packed) {
        save_int(s, packed, 4);
        save_bytes(s, s->pack, packed);
    } else {
        save_bytes(s, from, len);
    }
}

static void save_ram(Saver *s, const RamBlock *ram)
{
    save_int(s, TAG_RAM, 1);
    save_text(s, ram->name);
    save_int(s, ram->size, 8);
    for (uint64_t page = 0; page < ram->n_pages && !s->failed;) {
        uint64_t n = 0;

        while (n < STATE_RUN_MAX && page + n < ram->n_pages &&
               !save_page_is_zero(ram->host + (page + n) * GUEST_PAGE_SIZE)) {
            n++;
        }
        if (n) {
            save_pages(s, ram, page, n);
        }
        page += n ? n : 1;
    }
    save_int(s, TAG_END, 1);
}

/* What the rest of a counted run follows from, beside the machine itself. */
static void save_turns(Saver *s, const Machine *m)
{
    const Turns *t = &m->turns;

    save_int(s, TAG_TURNS, 1);
    save_int(s, t->turn, 4);
    save_int(s, t->turn_left > 0 ? (uint64_t)t->turn_left : 0, 4);
    save_int(s, t->total, 8);
    for (unsigned i = 0; i < G_N_ELEMENTS(m->random); i++) {
        save_int(s, m->random[i], 8);
    }
}

bool machine_save_to(Machine *m, StateSink *sink, GError **err)
{
    Saver s = { .sink = sink, .err = err };

    if (machine_is_running(m) && (!m->turns.on || m->turns.running)) {
        return error_set(err, "the machine is running: stop it before its state is saved");
    }
    if (m->suspended) {
        return error_set(err, "the guest is suspended, which a state does not hold: wake it first "
                              "(system_wakeup)");
    }
    save_prepare_all(m);
    s.buf = g_malloc(STATE_BUFFER);
    save_bytes(&s, STATE_MAGIC, 8);
    save_int(&s, STATE_VERSION, 4);
    save_int(&s, TAG_MACHINE, 1);
    save_int(&s, (uint64_t)machine_now_ns(m), 8);
    save_int(&s, (uint64_t)m->clock.rtc_offset, 8);
    if (m->turns.on) {
        save_turns(&s, m);
    }
    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (d->realized) {
            save_device(&s, d);
        }
    }
    for (const RamBlock *ram = m->rams; ram; ram = ram->next) {
        if (!(ram->flags & RAM_NO_SAVE)) {
            save_ram(&s, ram);
        }
    }
    save_int(&s, TAG_END, 1);
    save_flush(&s);
    g_free(s.buf);
    g_free(s.pack);
    return !s.failed;
}

char *machine_state_text(Machine *m)
{
    GString *s = g_string_new("");

    for (Device *d = m->root; d; d = device_next(m->root, d)) {
        if (d->realized) {
            g_autofree char *text = device_info_text(d);

            g_string_append(s, text);
            for (unsigned i = 0; i < d->index->n_fields; i++) {
                const Field *f = d->index->fields[i];

                for (unsigned k = 0; f->type == TYPE_TIMER && k < field_count(d, f); k++) {
                    g_string_append_printf(s, "  %s[%u] at %" PRId64 "\n", f->name, k,
                                           timer_deadline_ns(field_element(d, f, k)));
                }
                for (unsigned k = 0; f->kind == FIELD_PIN_OUT && k < field_count(d, f); k++) {
                    g_string_append_printf(s, "  %s[%u] %d\n", f->name, k,
                                           irq_is_high(field_element(d, f, k)));
                }
            }
        }
    }
    return g_string_free(s, FALSE);
}
