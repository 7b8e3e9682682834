/* SPDX-License-Identifier: Apache-2.0 */
/* What a saved state is found again by, over all types of devices. */
#include "hw/board/board.h"

#include "core/device.h"
#include "tests/unit.h"

extern const DeviceType *const arm_cpu_types[];

/* @name of @t is @what: it must be the first. */
static void sn_add(GHashTable *seen, const DeviceType *t, const char *name, const char *what)
{
    const char *before = g_hash_table_lookup(seen, name);

    if (before) {
        test_fail(__FILE__, __LINE__, "%s: '%s' is a %s and a %s: states mix them up", t->name,
                  name, before, what);
    }
    g_hash_table_insert(seen, (void *)name, (void *)what);
}

static void sn_regs(GHashTable *seen, const DeviceType *t, const RegTable *regs)
{
    for (size_t i = 0; i < regs->n; i++) {
        if (regs->rows[i].member_size) {
            sn_add(seen, t, regs->rows[i].name, "register");
        }
    }
}

static void sn_type(const DeviceType *type)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const DeviceType *t = type;

    for (; t; t = t->base) {
        for (size_t i = 0; i < t->fields.n; i++) {
            const Field *f = &t->fields.rows[i];

            if (f->kind == FIELD_STATE || f->kind == FIELD_PROP) {
                sn_add(seen, type, f->name, f->kind == FIELD_STATE ? "state" : "property");
            }
        }
    }
    /* Registers are those of the first type that has any. */
    for (t = type; t->base && !t->n_regions && !t->regs.n; t = t->base) {
    }
    sn_regs(seen, type, &t->regs);
    for (size_t i = 0; i < t->n_regions; i++) {
        sn_regs(seen, type, &t->regions[i].regs);
    }
}

TEST(state, names_of_a_type_differ)
{
    for (unsigned i = 0; device_types[i]; i++) {
        sn_type(device_types[i]);
    }
    for (unsigned i = 0; arm_cpu_types[i]; i++) {
        sn_type(arm_cpu_types[i]);
    }
}
