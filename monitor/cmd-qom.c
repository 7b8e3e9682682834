/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as objects with properties: paths begin at "/machine", which is the machine's root. */
#include "monitor/commands.h"

#include "core/cpu.h"
#include "core/device.h"

#include <string.h>

static Device *qom_find(MonCall *c, const char *path, GError **err)
{
    Device *dev;

    if (g_str_has_prefix(path, "/machine")) {
        path += strlen("/machine");
    }
    /* A name of the first CPU that clients know. */
    if (!strcmp(path, "/unattached/device[0]") && machine_n_cpus(c->m)) {
        return &machine_cpu(c->m, 0)->dev;
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

static void qom_list_named(MonCall *c)
{
    Device *root = machine_root(c->m);

    json_out_begin(c->out, NULL, '[');
    qom_property(c->out, "type", "string", NULL);
    for (Device *d = root; d; d = device_next(root, d)) {
        if (d->named && d->realized && d->type->user_creatable) {
            g_autofree char *type = g_strdup_printf("child<%s>", d->type->name);

            qom_property(c->out, d->id, type, NULL);
        }
    }
    json_out_end(c->out, ']');
}

bool cmd_qom_list(MonCall *c, GError **err)
{
    bool top = !strcmp(c->args[0].str, "/");
    Device *dev;

    if (!strcmp(c->args[0].str, "/machine/peripheral")) {
        qom_list_named(c);
        return true;
    }
    dev = top ? machine_root(c->m) : qom_find(c, c->args[0].str, err);

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

/* Objects that are no devices: NAME:TYPE of what -object and -machine take. */
#define QOM_MEMORY                                                            \
    "size:size share:bool prealloc:bool merge:bool dump:bool host-nodes:int " \
    "policy:HostMemPolicy"

static const struct {
    const char *name, *parent, *props;
} qom_objects[] = {
    { "tcg-accel", "accel", "" },
    { "rng-random", "rng-backend", "filename:string" },
    { "rng-builtin", "rng-backend", "" },
    { "memory-backend-ram", "memory-backend", QOM_MEMORY },
    { "memory-backend-file", "memory-backend", QOM_MEMORY " mem-path:string" },
    { "memory-backend-memfd", "memory-backend", QOM_MEMORY },
    { "iothread", "event-loop-base",
      "poll-max-ns:int poll-grow:int poll-shrink:int aio-max-batch:int thread-pool-min:int "
      "thread-pool-max:int" },
    { "main-loop", "event-loop-base", "aio-max-batch:int thread-pool-min:int thread-pool-max:int" },
    { "secret", "secret-common",
      "data:string file:string format:QCryptoSecretFormat keyid:string "
      "iv:string" },
    { "tls-creds-x509", "tls-creds", "dir:string endpoint:string verify-peer:bool" },
    { "tls-creds-psk", "tls-creds", "dir:string endpoint:string verify-peer:bool" },
    { "tls-creds-anon", "tls-creds", "dir:string endpoint:string verify-peer:bool" },
    { "authz-simple", "authz", "identity:string" },
    { "authz-list", "authz", "policy:QAuthZListPolicy rules:array" },
    { "throttle-group", "object", "limits:ThrottleLimits" },
    { "filter-dump", "netfilter",
      "netdev:string queue:string status:string file:string maxlen:int" },
    { "none-machine", "machine", "" },
};

static void qom_type(MonCall *c, const char *name, const char *parent)
{
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "name", name);
    json_out_str(c->out, "parent", parent);
    json_out_end(c->out, '}');
}

/* Of an object or, as NAME-machine, a machine; NULL: it is none. */
static const char *qom_object_props(const MonCall *c, const char *name)
{
    const MonBoard *b = c->host->config.boards;

    for (size_t i = 0; i < G_N_ELEMENTS(qom_objects); i++) {
        if (!strcmp(qom_objects[i].name, name)) {
            return qom_objects[i].props;
        }
    }
    for (; b && b->name; b++) {
        size_t len = strlen(b->name);

        if (!strncmp(b->name, name, len) && !strcmp(name + len, "-machine")) {
            return b->props;
        }
    }
    return NULL;
}

static bool qom_object_properties(MonCall *c, const char *name)
{
    const char *text = qom_object_props(c, name);
    g_auto(GStrv) props = text ? g_strsplit(text, " ", -1) : NULL;

    if (!text) {
        return false;
    }
    json_out_begin(c->out, NULL, '[');
    qom_property(c->out, "type", "string", NULL);
    for (char **p = props; *p && **p; p++) {
        char *colon = strchr(*p, ':');

        *colon = 0;
        qom_property(c->out, *p, colon + 1, NULL);
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_qom_list_types(MonCall *c, GError **err)
{
    const char *const *cpus = c->host->config.cpu_models;

    json_out_begin(c->out, NULL, '[');
    for (size_t i = 0; i < G_N_ELEMENTS(qom_objects); i++) {
        qom_type(c, qom_objects[i].name, qom_objects[i].parent);
    }
    for (; cpus && *cpus; cpus++) {
        g_autofree char *name = g_strconcat(*cpus, c->host->config.cpu_suffix, NULL);

        qom_type(c, name, "cpu");
    }
    for (const MonBoard *b = c->host->config.boards; b && b->name; b++) {
        g_autofree char *name = g_strconcat(b->name, "-machine", NULL);

        if (strcmp(b->name, "none")) {
            qom_type(c, name, "machine");
        }
    }
    for (const DeviceType *const *t = c->host->config.device_types; t && *t; t++) {
        qom_type(c, (*t)->name, (*t)->base ? (*t)->base->name : "device");
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_device_list_properties(MonCall *c, GError **err)
{
    const DeviceType *type = machine_find_type(c->m, c->args[0].str);

    if (!type && qom_object_properties(c, c->args[0].str)) {
        return true;
    }
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
