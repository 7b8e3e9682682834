/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members behind field tables: get, put, initialise, reset, free.
 */
#include "core/core-priv.h"

uint64_t field_get_int(const void *p, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

void field_put_int(void *p, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)p = (uint16_t)v;
        break;
    case 4:
        *(uint32_t *)p = (uint32_t)v;
        break;
    default:
        *(uint64_t *)p = v;
        break;
    }
}

bool field_is_int(const Field *f)
{
    switch (f->type) {
    case TYPE_U8:
    case TYPE_U16:
    case TYPE_U32:
    case TYPE_U64:
    case TYPE_BOOL:
    case TYPE_SIZE:
    case TYPE_ENUM:
        return true;
    default:
        return false;
    }
}

uint64_t field_max(const Field *f)
{
    uint64_t n = 0;

    if (f->type == TYPE_BOOL) {
        return 1;
    }
    if (f->type == TYPE_ENUM) {
        while (f->names[n]) {
            n++;
        }
        return n - 1;
    }
    return f->max ? f->max : bits_mask(8 * f->size);
}

unsigned field_count(const Device *dev, const Field *f)
{
    if (f->n_at && f->type != TYPE_BYTES) {
        return *(const uint32_t *)(const void *)((const uint8_t *)dev + f->n_at - 1);
    }
    return f->count ? f->count : 1;
}

void *field_base(const Device *dev, const Field *f)
{
    void *p = (uint8_t *)dev + f->at;

    return f->n_at && f->type != TYPE_BYTES ? *(void **)p : p;
}

static void field_init_timer(Device *dev, const Field *f)
{
    for (unsigned i = 0; i < field_count(dev, f); i++) {
        Timer *t = field_element(dev, f, i);

        timer_init(t, dev->machine, CLOCK_MACHINE, NULL, (void *)f);
        t->dev = dev;
    }
}

/* At creation: property defaults, timers. */
void field_init_all(Device *dev)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->type == TYPE_TIMER) {
            field_init_timer(dev, f);
        } else if (f->kind == FIELD_PROP && f->type == TYPE_STR) {
            *(char **)field_base(dev, f) = g_strdup(f->def_text);
        } else if (f->kind == FIELD_PROP && field_is_int(f)) {
            field_put_int(field_base(dev, f), f->size, f->def);
        }
    }
}

void field_free_all(Device *dev)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->type == TYPE_TIMER) {
            for (unsigned k = 0; k < field_count(dev, f); k++) {
                timer_deinit(field_element(dev, f, k));
            }
        } else if (f->type == TYPE_STR || f->type == TYPE_BYTES) {
            g_free(*(void **)field_base(dev, f));
        }
    }
}

static bool field_keeps(const Field *f, ResetType type)
{
    return f->no_reset || (f->keep_warm && type != RESET_COLD) ||
           (f->keep_wake && type == RESET_WAKE);
}

void field_reset_all(Device *dev, ResetType type)
{
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind != FIELD_STATE || field_keeps(f, type)) {
            continue;
        }
        if (f->type == TYPE_BYTES) {
            *(uint32_t *)(void *)((uint8_t *)dev + f->n_at - 1) = 0;
            continue;
        }
        for (unsigned k = 0; field_base(dev, f) && k < field_count(dev, f); k++) {
            void *p = field_element(dev, f, k);

            if (f->type == TYPE_TIMER) {
                timer_cancel(p);
            } else {
                field_put_int(p, f->size, f->def);
            }
        }
    }
    reg_reset_all(dev, type);
}
