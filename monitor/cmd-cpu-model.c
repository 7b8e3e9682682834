/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What managers ask of CPU models: query-cpu-definitions with what the host lacks of each, and
 * query-cpu-model-expansion: all that a model's name stands for.
 */
#include "monitor/commands.h"

#include "core/device.h"
#include "target/i386/features.h"

#include <stdlib.h>
#include <string.h>

typedef struct ModelInfo {
    uint32_t words[X86_F_WORDS];
    unsigned family, model, stepping;
    uint32_t level, xlevel;
    char vendor[13], brand[49];
} ModelInfo;

static bool model_is_x86(const MonCall *c)
{
    return !strcmp(c->host->config.arch, "x86_64");
}

static int model_host_feature(const char *name)
{
    return x86_feature_find(name, strlen(name));
}

static void model_set_bit(uint32_t *words, const char *name, bool on)
{
    const X86Feature *f = &x86_features[model_host_feature(name)];

    words[f->word] = on ? words[f->word] | 1u << f->bit : words[f->word] & ~(1u << f->bit);
}

/* As the accelerator would make it of the name; @host: what there is, NULL: not known. */
static void model_named(const X86Model *m, const X86HostModel *host, ModelInfo *out)
{
    *out = (ModelInfo){ .family = m->family,
                        .model = m->model,
                        .stepping = m->stepping,
                        .level = m->level,
                        .xlevel = m->xlevel };
    x86_model_words(m, out->words);
    g_strlcpy(out->vendor, m->vendor, sizeof(out->vendor));
    g_strlcpy(out->brand, m->brand, sizeof(out->brand));
    model_set_bit(out->words, "svm", false);
    if (host) {
        out->words[X86_F_KVM] = host->words[X86_F_KVM];
    }
}

static void model_of_host(const X86HostModel *host, ModelInfo *out)
{
    *out = (ModelInfo){ .family = host->family,
                        .model = host->model,
                        .stepping = host->stepping,
                        .level = host->level,
                        .xlevel = host->xlevel };
    memcpy(out->words, host->words, sizeof(out->words));
    memcpy(out->vendor, host->vendor, sizeof(out->vendor));
    memcpy(out->brand, host->brand, sizeof(out->brand));
}

/* ---- query-cpu-definitions ---- */

static void model_unavailable(MonCall *c, const char *name, const X86HostModel *host)
{
    const X86Model *m = x86_model_find(name);
    ModelInfo info = { 0 };

    if (m && m->vendor) {
        model_named(m, host, &info);
    }
    json_out_begin(c->out, "unavailable-features", '[');
    for (unsigned i = 0; i < x86_n_features; i++) {
        const X86Feature *f = &x86_features[i];

        if ((info.words[f->word] & ~host->words[f->word]) >> f->bit & 1) {
            json_out_str(c->out, NULL, f->name);
        }
    }
    json_out_end(c->out, ']');
}

bool cmd_query_cpu_definitions(MonCall *c, GError **err)
{
    X86HostModel host;
    bool x86 = model_is_x86(c), known = x86 && x86_host_model(c->m, true, &host);

    json_out_begin(c->out, NULL, '[');
    for (const char *const *n = c->host->config.cpu_models; n && *n; n++) {
        g_autofree char *type = g_strconcat(*n, c->host->config.cpu_suffix, NULL);
        const X86Model *m = x86 ? x86_model_find(*n) : NULL;

        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "name", *n);
        json_out_str(c->out, "typename", type);
        if (known) {
            model_unavailable(c, *n, &host);
        }
        json_out_bool(c->out, "static", false);
        if (x86) {
            json_out_bool(c->out, "migration-safe", m && m->vendor);
        }
        json_out_bool(c->out, "deprecated", false);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

/* ---- query-cpu-model-expansion ---- */

static bool model_number(const char *key, const char *value, unsigned *out, GError **err)
{
    char *end;

    *out = (unsigned)strtoul(value, &end, 0);
    return !*end || error_set(err, "Property '%s': '%s' is no number", key, value);
}

/* Property @key of the argument: a feature, or what else a model has. */
static bool model_set(ModelInfo *m, const char *name, const char *key, const char *value,
                      GError **err)
{
    static const char *const plain[] = { "migratable", "check", "enforce", "kvm",
                                         "host-phys-bits" };
    g_autofree char *feature = g_strdelimit(g_strdup(key), "_", '-');
    const struct {
        const char *name;
        unsigned *at;
    } numbers[] = {
        { "family", &m->family },   { "model", &m->model }, { "stepping", &m->stepping },
        { "min-level", &m->level }, { "level", &m->level }, { "min-xlevel", &m->xlevel },
        { "xlevel", &m->xlevel },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!strcmp(feature, numbers[i].name)) {
            return model_number(key, value, numbers[i].at, err);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (!strcmp(feature, plain[i])) {
            return true;
        }
    }
    if (!strcmp(feature, "vendor")) {
        g_strlcpy(m->vendor, value, sizeof(m->vendor));
    } else if (!strcmp(feature, "model-id")) {
        g_strlcpy(m->brand, value, sizeof(m->brand));
    } else if (model_host_feature(feature) >= 0) {
        model_set_bit(m->words, feature, !strcmp(value, "on") || !strcmp(value, "true"));
    } else {
        return error_set(err, "Property '%s-x86_64-cpu.%s' not found", name, key);
    }
    return true;
}

/* "props.NAME" -> NAME; NULL: another member. */
static const char *model_prop_key(const char *leaf)
{
    return g_str_has_prefix(leaf, "props.") ? leaf + strlen("props.") : NULL;
}

static bool model_take_props(MonCall *c, const char *name, ModelInfo *m, GError **err)
{
    GHashTableIter at;
    gpointer key, value;

    g_hash_table_iter_init(&at, c->args[1].leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        const char *prop = model_prop_key(key);

        if (prop && !model_set(m, name, prop, value, err)) {
            return false;
        }
    }
    return true;
}

static void model_answer(MonCall *c, const char *name, const ModelInfo *m, bool full)
{
    JsonOut *j = c->out;

    json_out_begin(j, NULL, '{');
    json_out_begin(j, "model", '{');
    json_out_str(j, "name", full ? name : "base");
    json_out_begin(j, "props", '{');
    for (unsigned i = 0; i < x86_n_features; i++) {
        const X86Feature *f = &x86_features[i];

        json_out_bool(j, f->name, m->words[f->word] >> f->bit & 1);
    }
    json_out_str(j, "vendor", m->vendor);
    json_out_uint(j, "family", m->family);
    json_out_uint(j, "model", m->model);
    json_out_uint(j, "stepping", m->stepping);
    json_out_str(j, "model-id", m->brand);
    json_out_uint(j, "min-level", m->level);
    json_out_uint(j, "min-xlevel", m->xlevel);
    if (full) {
        const X86Model *known = x86_model_find(name);

        json_out_uint(j, "level", m->level);
        json_out_uint(j, "xlevel", m->xlevel);
        if (!known || !known->vendor) {
            json_out_bool(j, "migratable", true);
        }
        json_out_bool(j, "check", true);
        json_out_bool(j, "enforce", false);
        json_out_bool(j, "kvm", true);
        json_out_bool(j, "host-phys-bits", false);
        json_out_int(j, "tsc-frequency", 0);
    }
    json_out_end(j, '}');
    json_out_end(j, '}');
    json_out_end(j, '}');
}

/* Where models are types of devices alone: the properties that they begin with. */
static bool model_expand_type(MonCall *c, const char *name, bool full, GError **err)
{
    g_autofree char *type_name = g_strconcat(name, c->host->config.cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(c->m, type_name);

    if (!full) {
        return error_set(err, "The requested expansion type is not supported: take 'full'");
    }
    if (!type) {
        return error_set(err, "The CPU type '%s' is not a recognized CPU type", type_name);
    }
    json_out_begin(c->out, NULL, '{');
    json_out_begin(c->out, "model", '{');
    json_out_str(c->out, "name", name);
    json_out_begin(c->out, "props", '{');
    for (unsigned i = 0; i < device_type_n_fields(type); i++) {
        const Field *f = device_type_field(type, i);

        if (f->kind == FIELD_PROP && f->type == TYPE_BOOL) {
            json_out_bool(c->out, f->name, f->def != 0);
        }
    }
    json_out_end(c->out, '}');
    json_out_end(c->out, '}');
    json_out_end(c->out, '}');
    return true;
}

bool cmd_query_cpu_expansion(MonCall *c, GError **err)
{
    const char *name = g_hash_table_lookup(c->args[1].leaves, "name");
    const char *movable = g_hash_table_lookup(c->args[1].leaves, "props.migratable");
    bool full = !strcmp(c->args[0].str, "full");
    const X86Model *known = name ? x86_model_find(name) : NULL;
    bool base = name && !strcmp(name, "base"), has_host;
    X86HostModel host;
    ModelInfo m = { 0 };

    if (!full && strcmp(c->args[0].str, "static")) {
        return error_set(err, "Parameter 'type' does not accept value '%s': static, full",
                         c->args[0].str);
    }
    if (!name) {
        return error_set(err, "Parameter 'model.name' is missing");
    }
    if (!model_is_x86(c)) {
        return model_expand_type(c, name, full, err);
    }
    if (!known && !base) {
        return error_set(err, "CPU model '%s' not found", name);
    }
    has_host = x86_host_model(
        c->m, !movable || (strcmp(movable, "off") && strcmp(movable, "false")), &host);
    if (known && !known->vendor && !has_host) {
        return error_set(err, "CPU model '%s' requires KVM", name);
    }
    if (known && known->vendor) {
        model_named(known, has_host ? &host : NULL, &m);
    } else if (known) {
        model_of_host(&host, &m);
    }
    if (!model_take_props(c, name, &m, err)) {
        return false;
    }
    model_answer(c, name, &m, full);
    return true;
}
