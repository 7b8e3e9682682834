/* SPDX-License-Identifier: Apache-2.0 */
/* -machine help, -cpu help, -device help and the like. */
#include "cli/build.h"

#include "accel/accel.h"
#include "core/device.h"
#include "target/arm/cpu.h"
#include "target/i386/cpu.h"
#include "target/mips/cpu.h"
#include "util/log.h"
#include "util/suggest.h"

#include <inttypes.h>
#include <string.h>

const DeviceType **build_cpu_types(const char *arch)
{
    const char *suffix = board_cpu_suffix(arch);
    GPtrArray *found = g_ptr_array_new();
    const DeviceType *const *lists[] = { device_types, arm_cpu_types, x86_cpu_types,
                                         mips_cpu_types };

    for (size_t l = 0; l < G_N_ELEMENTS(lists); l++) {
        for (const DeviceType *const *t = lists[l]; suffix && *t; t++) {
            if (g_str_has_suffix((*t)->name, suffix)) {
                g_ptr_array_add(found, (void *)*t);
            }
        }
    }
    g_ptr_array_add(found, NULL);
    return (const DeviceType **)(void *)g_ptr_array_free(found, FALSE);
}

static void list_machines(GString *s, const char *arch)
{
    g_string_append(s, "Supported machines are:\n");
    for (const Board *const *b = board_types; *b; b++) {
        if (!board_is_of(*b, arch)) {
            continue;
        }
        g_string_append_printf(s, "%-20s %s%s\n", (*b)->name, (*b)->doc,
                               (*b)->is_default ? " (default)" : "");
        for (const char *const *a = (*b)->aliases; a && *a; a++) {
            g_string_append_printf(s, "%-20s %s (alias of %s)\n", *a, (*b)->doc, (*b)->name);
        }
    }
}

static bool list_cpus(GString *s, const char *arch)
{
    const char *suffix = board_cpu_suffix(arch);
    g_autofree const DeviceType **types = suffix ? build_cpu_types(arch) : NULL;

    g_string_append(s, types ? "Available CPUs:\n" : "");
    for (const DeviceType **t = types; t && *t; t++) {
        g_string_append_printf(s, "  %.*s\n", (int)(strlen((*t)->name) - strlen(suffix)),
                               (*t)->name);
    }
    return types != NULL;
}

static void list_devices(GString *s)
{
    g_string_append(s, "Devices for -device:\n");
    for (const DeviceType *const *t = device_types; *t; t++) {
        if ((*t)->user_creatable) {
            g_string_append_printf(s, "  %-24s %s\n", (*t)->name, (*t)->doc ? (*t)->doc : "");
        }
    }
}

static const char *list_type_name(const Field *f)
{
    static const char *const names[] = {
        [TYPE_U8] = "uint8",  [TYPE_U16] = "uint16",  [TYPE_U32] = "uint32", [TYPE_U64] = "uint64",
        [TYPE_BOOL] = "bool", [TYPE_STR] = "str",     [TYPE_SIZE] = "size",  [TYPE_ENUM] = "enum",
        [TYPE_LINK] = "link", [TYPE_BACKEND] = "str",
    };

    return f->type < G_N_ELEMENTS(names) && names[f->type] ? names[f->type] : "";
}

static bool list_device_props(GString *s, const char *name, GError **err)
{
    const DeviceType *type = NULL;
    GPtrArray *names = g_ptr_array_new();

    for (const DeviceType *const *t = device_types; *t; t++) {
        if (!strcmp((*t)->name, name)) {
            type = *t;
        }
        g_ptr_array_add(names, (void *)(*t)->name);
    }
    if (!type) {
        g_autofree char *near = suggest_text(name, (const char *const *)names->pdata, names->len);

        error_set(err, "-device %s: there is no such device%s (-device help lists them)", name,
                  near);
    }
    g_ptr_array_free(names, TRUE);
    if (!type) {
        return false;
    }
    g_string_append_printf(s, "%s options:\n", name);
    for (; type; type = type->inner) {
        for (unsigned i = 0; i < device_type_n_fields(type); i++) {
            const Field *f = device_type_field(type, i);

            if (f->kind == FIELD_PROP) {
                g_string_append_printf(s, "  %s=<%s>%s%s\n", f->name, list_type_name(f),
                                       f->doc ? " - " : "", f->doc ? f->doc : "");
            }
        }
    }
    return true;
}

static bool list_machine_props(GString *s, const char *name, GError **err)
{
    const Board *b = board_find(name ? name : "", err);

    if (!b) {
        return false;
    }
    g_string_append_printf(s, "%s options:\n", b->name);
    for (size_t i = 0; i < b->n_props; i++) {
        g_string_append_printf(s, "  %s=<%s> - %s (default: %s)\n", b->props[i].name,
                               b->props[i].type, b->props[i].doc, b->props[i].def);
    }
    return true;
}

char *build_list(const SystemConfig *c, const char *prog, GError **err)
{
    GString *s = g_string_new("");
    g_autofree char *text = NULL;
    bool ok = true;

    switch (c->show) {
    case SHOW_HELP:
        text = option_help(prog);
        break;
    case SHOW_VERSION:
        g_string_append(s, "tinamou " TINAMOU_VERSION "\nbuilt " TINAMOU_FEATURES "\n");
        break;
    case SHOW_MACHINES:
        list_machines(s, c->arch);
        break;
    case SHOW_CPUS:
        ok = list_cpus(s, c->arch) || error_set(err, "there is no machine of %s", c->arch);
        break;
    case SHOW_ACCELS:
        g_string_append(s, "Accelerators supported:\n");
        for (const Accel *const *a = accel_types; *a; a++) {
            g_string_append_printf(s, "%-8s %s\n", (*a)->name, (*a)->doc ? (*a)->doc : "");
        }
        break;
    case SHOW_DEVICES:
        list_devices(s);
        break;
    case SHOW_DEVICE_PROPS:
        ok = list_device_props(s, c->show_name, err);
        break;
    case SHOW_MACHINE_PROPS:
        ok = list_machine_props(s, c->show_name, err);
        break;
    case SHOW_CHARDEVS:
        text = chardev_help();
        break;
    case SHOW_LOG_ITEMS:
        text = log_items_help();
        break;
    case SHOW_AUDIODEVS:
        g_string_append(s, "Available audio drivers:\nnone\n");
        break;
    case SHOW_DATA_FOLDERS:
        for (unsigned i = 0; i < c->data_folders->len; i++) {
            g_string_append_printf(s, "%s\n", (char *)g_ptr_array_index(c->data_folders, i));
        }
        g_string_append(s, "/usr/share/seabios\n/usr/share/qemu\n/usr/local/share/seabios\n"
                           "/usr/share/OVMF\n/usr/lib/ipxe/qemu\n/usr/local/share/qemu\n");
        break;
    default:
        break;
    }
    if (text) {
        g_string_append(s, text);
    }
    if (!ok) {
        g_string_free(s, TRUE);
        return NULL;
    }
    return g_string_free(s, FALSE);
}
