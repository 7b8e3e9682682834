/* SPDX-License-Identifier: Apache-2.0 */
/* -dump-vmstate: what the state of each type of device consists of, as JSON, in the form that
 * tools for QEMU's compare. */
#include "core/state/format.h"

#include <string.h>

typedef struct Tables {
    Machine *m;
    GString *out;
    bool more; /* a field stands before */
} Tables;

static void tables_field(Tables *t, const char *name, unsigned size, uint64_t count)
{
    g_string_append_printf(t->out,
                           "%s\n        {\n          \"field\": \"%s\",\n          "
                           "\"version_id\": 0,\n          \"field_exists\": false,\n          "
                           "\"size\": %u,\n          \"num\": %" G_GUINT64_FORMAT "\n        }",
                           t->more ? "," : "", name, size, count);
    t->more = true;
}

static void tables_type(Tables *t, const DeviceType *type)
{
    const DeviceIndex *ix = type_index(t->m, type);

    g_string_append_printf(t->out,
                           ",\n  \"%s\": {\n    \"Name\": \"%s\",\n    \"version_id\": %u,\n    "
                           "\"minimum_version_id\": 1,\n    \"Description\": {\n      \"name\": "
                           "\"%s\",\n      \"version_id\": %u,\n      \"minimum_version_id\": 1,\n"
                           "      \"Fields\": [",
                           type->name, type->name, STATE_VERSION, type->name, STATE_VERSION);
    t->more = false;
    for (unsigned i = 0; i < ix->n_fields; i++) {
        const Field *f = ix->fields[i];

        if (state_field_is_saved(f)) {
            tables_field(t, f->name, f->type == TYPE_TIMER ? 8 : f->size, f->count ? f->count : 1);
        }
    }
    for (unsigned r = 0; r < ix->n_regions; r++) {
        const RegTable *regs = &ix->regions[r].type.regs;

        for (size_t i = 0; i < regs->n; i++) {
            const Reg *reg = &regs->rows[i];
            unsigned n = reg->count ? reg->count : 1;

            if (reg->member_size) {
                tables_field(t, reg->name, reg->member_size / (reg->at_stride ? 1 : n), n);
            }
        }
    }
    g_string_append(t->out, t->more ? "\n      ]\n    }\n  }" : "]\n    }\n  }");
}

static int tables_compare(const void *a, const void *b)
{
    return strcmp((*(const DeviceType *const *)a)->name, (*(const DeviceType *const *)b)->name);
}

char *machine_state_tables(Machine *m, const char *board)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    Tables t = { .m = m, .out = g_string_new("{") };

    g_string_append_printf(t.out, "\n  \"vmschkmachine\": {\n    \"Name\": \"%s\"\n  }", board);
    for (unsigned i = 0; i < m->type_lists->len; i++) {
        for (const DeviceType *const *p = g_ptr_array_index(m->type_lists, i); *p; p++) {
            g_ptr_array_add(types, (void *)*p);
        }
    }
    g_ptr_array_sort(types, tables_compare);
    for (unsigned i = 0; i < types->len; i++) {
        tables_type(&t, g_ptr_array_index(types, i));
    }
    g_string_append(t.out, "\n}\n");
    return g_string_free(t.out, FALSE);
}
