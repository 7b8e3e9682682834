/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as objects with properties: paths begin at "/machine", which is the machine's root. */
#include "monitor/commands.h"

#include "core/device.h"

#include <string.h>

static Device *qom_find(MonCall *c, const char *path, GError **err)
{
    Device *dev;

    if (g_str_has_prefix(path, "/machine")) {
        path += strlen("/machine");
    }
    /* Devices with an id: clients know them as children of this. */
    if (g_str_has_prefix(path, "/peripheral/") && !strchr(path + strlen("/peripheral/"), '/')) {
        path += strlen("/peripheral/");
    }
    dev = !*path || !strcmp(path, "/") ? machine_root(c->m) : device_find(c->m, path);
    if (!dev) {
        c->error_class = "DeviceNotFound";
        error_set(err, "Device '%s' not found", c->args[0].str);
    }
    return dev;
}

static const char *qom_type_name(const Field *f)
{
    switch (f->type) {
    case TYPE_U8:
        return "uint8";
    case TYPE_U16:
        return "uint16";
    case TYPE_U32:
        return "uint32";
    case TYPE_U64:
        return "uint64";
    case TYPE_BOOL:
        return "bool";
    case TYPE_SIZE:
        return "size";
    default:
        return "str";
    }
}

static void qom_property(JsonOut *j, const char *name, const char *type, const char *doc)
{
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    if (doc) {
        json_out_str(j, "description", doc);
    }
    json_out_str(j, "type", type);
    json_out_end(j, '}');
}

bool cmd_qom_list(MonCall *c, GError **err)
{
    bool top = !strcmp(c->args[0].str, "/");
    Device *dev = top ? machine_root(c->m) : qom_find(c, c->args[0].str, err);

    if (!dev) {
        return false;
    }
    json_out_begin(c->out, NULL, '[');
    qom_property(c->out, "type", "string", NULL);
    if (top) {
        qom_property(c->out, "machine", "child<container>", NULL);
    }
    for (unsigned i = 0; !top && i < device_type_n_fields(dev->type); i++) {
        const Field *f = device_type_field(dev->type, i);

        if (f->kind == FIELD_PROP) {
            qom_property(c->out, f->name, qom_type_name(f), f->doc);
        }
    }
    for (Device *d = top ? NULL : dev->first_child; d; d = d->next) {
        g_autofree char *type = g_strdup_printf("child<%s>", d->type->name);

        qom_property(c->out, d->id, type, NULL);
    }
    json_out_end(c->out, ']');
    return true;
}

static const Field *qom_field(Device *dev, const char *name)
{
    for (unsigned i = 0; i < device_type_n_fields(dev->type); i++) {
        const Field *f = device_type_field(dev->type, i);

        if (f->kind == FIELD_PROP && !strcmp(f->name, name)) {
            return f;
        }
    }
    return NULL;
}

bool cmd_qom_get(MonCall *c, GError **err)
{
    g_autofree char *value = NULL;
    const Field *f;
    Device *dev;

    if (net_qom_is_filter(c)) {
        return net_qom_get(c, err);
    }
    if (blk_is_group(c)) {
        return blk_qom_get(c, err);
    }
    dev = qom_find(c, c->args[0].str, err);
    if (!dev) {
        return false;
    }
    if (!strcmp(c->args[1].str, "type")) {
        json_out_str(c->out, NULL, dev->type->name);
        return true;
    }
    if (balloon_is_property(dev, c->args[1].str)) {
        return balloon_get_property(c, c->args[1].str, err);
    }
    f = qom_field(dev, c->args[1].str);
    if (!f) {
        return error_set(err, "Property '%s.%s' not found", dev->type->name, c->args[1].str);
    }
    value = device_get_prop(dev, f->name, err);
    if (!value) {
        return false;
    }
    if (f->type == TYPE_BOOL) {
        json_out_bool(c->out, NULL, !strcmp(value, "on") || !strcmp(value, "true"));
    } else if (f->type == TYPE_STR || f->type == TYPE_ENUM || f->type == TYPE_LINK ||
               f->type == TYPE_BACKEND) {
        json_out_str(c->out, NULL, value);
    } else {
        json_out_uint(c->out, NULL, g_ascii_strtoull(value, NULL, 0));
    }
    return true;
}

/* Devices are as they were made: the limits of disks alone change. */
bool cmd_qom_set(MonCall *c, GError **err)
{
    Device *dev;
    const Field *f;

    if (net_qom_is_filter(c)) {
        return net_qom_set(c, err);
    }
    if (blk_is_group(c)) {
        return blk_qom_set(c, err);
    }
    dev = qom_find(c, c->args[0].str, err);
    if (!dev) {
        return false;
    }
    if (balloon_is_property(dev, c->args[1].str)) {
        return balloon_set_property(c, c->args[1].str, &c->args[2], err);
    }
    f = qom_field(dev, c->args[1].str);
    return f ? error_set(err,
                         "Attempt to set property '%s' on device '%s' (type '%s') after it was "
                         "realized",
                         f->name, dev->id, dev->type->name)
             : error_set(err, "Property '%s.%s' not found", dev->type->name, c->args[1].str);
}

bool cmd_qom_list_types(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (const DeviceType *const *t = c->host->config.device_types; t && *t; t++) {
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "name", (*t)->name);
        json_out_str(c->out, "parent", (*t)->base ? (*t)->base->name : "device");
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_device_list_properties(MonCall *c, GError **err)
{
    const DeviceType *type = machine_find_type(c->m, c->args[0].str);

    if (!type) {
        c->error_class = "DeviceNotFound";
        return error_set(err, "Device '%s' not found", c->args[0].str);
    }
    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; i < device_type_n_fields(type); i++) {
        const Field *f = device_type_field(type, i);

        if (f->kind == FIELD_PROP) {
            qom_property(c->out, f->name, qom_type_name(f), f->doc);
        }
    }
    json_out_end(c->out, ']');
    return true;
}
