/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities and parameters of migration: what of them there is when a state goes to a file. */
#include "monitor/commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* QEMU 7.2's. A state is written while the machine stands still, so that few mean anything. */
static const char *const tune_capabilities[MON_MIGRATE_CAPS] = {
    "xbzrle",           "rdma-pin-all",  "auto-converge",       "zero-blocks",
    "compress",         "events",        "postcopy-ram",        "x-colo",
    "release-ram",      "block",         "return-path",         "pause-before-switchover",
    "multifd",          "dirty-bitmaps", "postcopy-blocktime",  "late-block-activate",
    "x-ignore-shared",  "validate-uuid", "background-snapshot", "zero-copy-send",
    "postcopy-preempt",
};

/* Those that may be on: events are always sent, disks are taken when the machine runs. */
static bool tune_may_be_on(const char *name)
{
    return !strcmp(name, "events") || !strcmp(name, "late-block-activate");
}

bool cmd_query_migrate_caps(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; i < MON_MIGRATE_CAPS; i++) {
        json_out_begin(c->out, NULL, '{');
        json_out_bool(c->out, "state", c->host->migrate_caps >> i & 1);
        json_out_str(c->out, "capability", tune_capabilities[i]);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

static bool tune_capability(const char *name, bool on, uint32_t *caps, GError **err)
{
    for (unsigned i = 0; i < MON_MIGRATE_CAPS; i++) {
        if (strcmp(tune_capabilities[i], name)) {
            continue;
        }
        if (on && !tune_may_be_on(name)) {
            return error_set(err,
                             "capability '%s' is not available: the state is written while the "
                             "machine stands still",
                             name);
        }
        *caps = on ? *caps | 1u << i : *caps & ~(1u << i);
        return true;
    }
    return error_set(err, "Parameter 'capability' does not accept value '%s'", name);
}

bool cmd_set_migrate_caps(MonCall *c, GError **err)
{
    uint32_t caps = c->host->migrate_caps;

    for (unsigned i = 0; i < 1000; i++) {
        g_autofree char *key = g_strdup_printf("%u.capability", i);
        g_autofree char *state = g_strdup_printf("%u.state", i);
        const char *name = g_hash_table_lookup(c->args[0].leaves, key);
        const char *on = g_hash_table_lookup(c->args[0].leaves, state);

        if (!name && !on) {
            break;
        }
        if (!name || !on) {
            return error_set(err, "Parameter 'capabilities[%u].%s' is missing", i,
                             name ? "state" : "capability");
        }
        if (!tune_capability(name, !strcmp(on, "true"), &caps, err)) {
            return false;
        }
    }
    c->host->migrate_caps = caps;
    return true;
}

/* ---- Parameters ---- */

typedef enum TuneKind { TUNE_NUMBER, TUNE_BOOL, TUNE_TEXT } TuneKind;

/* Kept and told; none changes how a state is written. */
static const struct {
    const char *name;
    TuneKind kind;
    const char *def;
    uint64_t min, max;
} tune_parameters[] = {
    { "announce-initial", TUNE_NUMBER, "50", 0, 100000 },
    { "announce-max", TUNE_NUMBER, "550", 0, 100000 },
    { "announce-rounds", TUNE_NUMBER, "5", 0, 1000 },
    { "announce-step", TUNE_NUMBER, "100", 1, 10000 },
    { "compress-level", TUNE_NUMBER, "1", 0, 9 },
    { "compress-threads", TUNE_NUMBER, "8", 1, 255 },
    { "compress-wait-thread", TUNE_BOOL, "true", 0, 0 },
    { "decompress-threads", TUNE_NUMBER, "2", 1, 255 },
    { "throttle-trigger-threshold", TUNE_NUMBER, "50", 1, 100 },
    { "cpu-throttle-initial", TUNE_NUMBER, "20", 1, 99 },
    { "cpu-throttle-increment", TUNE_NUMBER, "10", 1, 99 },
    { "cpu-throttle-tailslow", TUNE_BOOL, "false", 0, 0 },
    { "tls-creds", TUNE_TEXT, "", 0, 0 },
    { "tls-hostname", TUNE_TEXT, "", 0, 0 },
    { "tls-authz", TUNE_TEXT, "", 0, 0 },
    { "max-bandwidth", TUNE_NUMBER, "134217728", 0, INT64_MAX },
    { "downtime-limit", TUNE_NUMBER, "300", 0, 2000000 },
    { "x-checkpoint-delay", TUNE_NUMBER, "20000", 0, UINT32_MAX },
    { "block-incremental", TUNE_BOOL, "false", 0, 0 },
    { "multifd-channels", TUNE_NUMBER, "2", 1, 255 },
    { "multifd-compression", TUNE_TEXT, "none", 0, 0 },
    { "multifd-zlib-level", TUNE_NUMBER, "1", 0, 9 },
    { "multifd-zstd-level", TUNE_NUMBER, "1", 0, 20 },
    { "xbzrle-cache-size", TUNE_NUMBER, "67108864", 4096, INT64_MAX },
    { "max-postcopy-bandwidth", TUNE_NUMBER, "0", 0, INT64_MAX },
    { "max-cpu-throttle", TUNE_NUMBER, "99", 1, 99 },
};

static const char *tune_value(MonCall *c, unsigned i)
{
    const char *v = c->host->migrate_params
                        ? g_hash_table_lookup(c->host->migrate_params, tune_parameters[i].name)
                        : NULL;

    return v ? v : tune_parameters[i].def;
}

bool cmd_query_migrate_params(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    for (unsigned i = 0; i < G_N_ELEMENTS(tune_parameters); i++) {
        const char *name = tune_parameters[i].name, *value = tune_value(c, i);

        if (tune_parameters[i].kind == TUNE_TEXT) {
            json_out_str(c->out, name, value);
        } else {
            json_out_raw(c->out, name, value);
        }
    }
    json_out_end(c->out, '}');
    return true;
}

static bool tune_check(const MonValue *args, const char *name, const char *value, GError **err)
{
    MonArgType kind = (MonArgType)(GPOINTER_TO_UINT(g_hash_table_lookup(args->kinds, name)) - 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(tune_parameters); i++) {
        uint64_t n;

        if (strcmp(tune_parameters[i].name, name)) {
            continue;
        }
        switch (tune_parameters[i].kind) {
        case TUNE_NUMBER:
            n = strtoull(value, NULL, 10);
            if (kind != MON_INT || *value == '-' || n < tune_parameters[i].min ||
                n > tune_parameters[i].max) {
                return error_set(err,
                                 "Parameter '%s' expects an integer in the range of %" PRIu64
                                 " to %" PRIu64,
                                 name, tune_parameters[i].min, tune_parameters[i].max);
            }
            return true;
        case TUNE_BOOL:
            return kind == MON_BOOL ||
                   error_set(err, "Invalid parameter type for '%s', expected: boolean", name);
        case TUNE_TEXT:
            return kind == MON_STR ||
                   error_set(err, "Invalid parameter type for '%s', expected: string", name);
        }
    }
    return error_set(err, "Parameter '%s' is unexpected", name);
}

bool cmd_set_migrate_params(MonCall *c, GError **err)
{
    GHashTableIter at;
    gpointer key, value;

    if (!c->args[0].leaves) {
        return true;
    }
    g_hash_table_iter_init(&at, c->args[0].leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        if (!tune_check(&c->args[0], key, value, err)) {
            return false;
        }
    }
    if (!c->host->migrate_params) {
        c->host->migrate_params = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    }
    g_hash_table_iter_init(&at, c->args[0].leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        g_hash_table_replace(c->host->migrate_params, g_strdup(key), g_strdup(value));
    }
    return true;
}
