/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the accelerator: query-stats, query-stats-schemas. */
#include "monitor/commands.h"

#include "accel/accel.h"
#include "core/cpu.h"

#include <string.h>

typedef struct StatsOut {
    JsonOut *out;
    MonCall *c;
    const char *names; /* args key of the wanted names; NULL: all */
} StatsOut;

static void stats_value(void *opaque, const AccelStat *s)
{
    JsonOut *j = ((StatsOut *)opaque)->out;

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", s->name);
    if (s->n_values > 1) {
        json_out_begin(j, "value", '[');
        for (unsigned i = 0; i < s->n_values; i++) {
            json_out_uint(j, NULL, s->values[i]);
        }
        json_out_end(j, ']');
    } else if (s->unit == ACCEL_STAT_BOOLEAN) {
        json_out_bool(j, "value", s->values[0] != 0);
    } else {
        json_out_uint(j, "value", s->values[0]);
    }
    json_out_end(j, '}');
}

static void stats_schema(void *opaque, const AccelStat *s)
{
    static const char *const types[] = { "cumulative", "instant", "peak", "linear-histogram",
                                         "log2-histogram" };
    static const char *const units[] = { NULL, "bytes", "seconds", "cycles", "boolean" };
    JsonOut *j = ((StatsOut *)opaque)->out;

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", s->name);
    json_out_str(j, "type", types[s->type]);
    if (units[s->unit]) {
        json_out_str(j, "unit", units[s->unit]);
    }
    if (s->exponent) {
        json_out_int(j, "base", s->base);
    }
    json_out_int(j, "exponent", s->exponent);
    if (s->type == ACCEL_STAT_LINEAR) {
        json_out_uint(j, "bucket-size", s->bucket);
    }
    json_out_end(j, '}');
}

static const Accel *stats_accel(MonCall *c)
{
    const Accel *a = machine_accel(c->m);

    return a && a->stats ? a : NULL;
}

static void stats_result(MonCall *c, Cpu *cpu)
{
    StatsOut s = { .out = c->out, .c = c };

    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "provider", "kvm");
    if (cpu) {
        g_autofree char *path = g_strconcat("/machine", device_path(&cpu->dev), NULL);

        json_out_str(c->out, "qom-path", path);
    }
    json_out_begin(c->out, "stats", '[');
    (void)stats_accel(c)->stats(c->m, cpu, stats_value, &s);
    json_out_end(c->out, ']');
    json_out_end(c->out, '}');
}

/* Does "vcpus" (a list of paths) name @cpu, or is it not there? */
static bool stats_wants_cpu(const MonCall *c, Cpu *cpu)
{
    g_autofree char *path = g_strconcat("/machine", device_path(&cpu->dev), NULL);
    GHashTableIter at;
    gpointer value;

    if (!c->args[1].present) {
        return true;
    }
    g_hash_table_iter_init(&at, c->args[1].leaves);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        if (!strcmp(value, path)) {
            return true;
        }
    }
    return false;
}

bool cmd_query_stats(MonCall *c, GError **err)
{
    bool vm = !strcmp(c->args[0].str, "vm");

    if (!vm && strcmp(c->args[0].str, "vcpu")) {
        return error_set(err, "Parameter 'target' does not accept value '%s': vm, vcpu",
                         c->args[0].str);
    }
    json_out_begin(c->out, NULL, '[');
    if (stats_accel(c) && vm) {
        stats_result(c, NULL);
    }
    for (unsigned i = 0; stats_accel(c) && !vm && i < machine_n_cpus(c->m); i++) {
        if (stats_wants_cpu(c, machine_cpu(c->m, i))) {
            stats_result(c, machine_cpu(c->m, i));
        }
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_query_stats_schemas(MonCall *c, GError **err)
{
    StatsOut s = { .out = c->out, .c = c };

    json_out_begin(c->out, NULL, '[');
    for (unsigned vm = 0; vm < 2 && stats_accel(c); vm++) {
        Cpu *cpu = vm || !machine_n_cpus(c->m) ? NULL : machine_cpu(c->m, 0);

        if (!vm && !cpu) {
            continue;
        }
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "provider", "kvm");
        json_out_str(c->out, "target", vm ? "vm" : "vcpu");
        json_out_begin(c->out, "stats", '[');
        (void)stats_accel(c)->stats(c->m, cpu, stats_schema, &s);
        json_out_end(c->out, ']');
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}
