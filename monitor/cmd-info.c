/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs, memory map, devices, boards. */
#include "monitor/commands.h"

#include "accel/accel.h"
#include "core/device.h"
#include "core/icount.h"
#include "core/state/state.h"
#include "core/target.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void info_gettid(Cpu *cpu, void *arg)
{
    *(int *)arg = gettid();
}

static int info_thread_id(Cpu *cpu)
{
    int tid = 0;

    cpu_run_on_wait(cpu, info_gettid, &tid);
    return tid;
}

static void info_cpu_json(MonCall *c, Cpu *cpu)
{
    json_out_begin(c->out, NULL, '{');
    json_out_int(c->out, "thread-id", info_thread_id(cpu));
    json_out_begin(c->out, "props", '{');
    json_out_int(c->out, "core-id", cpu->index);
    json_out_int(c->out, "thread-id", 0);
    json_out_int(c->out, "socket-id", 0);
    json_out_int(c->out, "cluster-id", 0);
    json_out_end(c->out, '}');
    json_out_str(c->out, "qom-path", device_path(&cpu->dev));
    json_out_int(c->out, "cpu-index", cpu->index);
    json_out_str(c->out, "target", c->host->config.arch);
    json_out_end(c->out, '}');
}

bool cmd_query_cpus(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; i < machine_n_cpus(c->m); i++) {
        info_cpu_json(c, machine_cpu(c->m, i));
    }
    json_out_end(c->out, ']');
    return true;
}

Cpu *mon_call_cpu(MonCall *c)
{
    int i = c->cpu_index ? *c->cpu_index : 0;

    return i >= 0 && (unsigned)i < machine_n_cpus(c->m) ? machine_cpu(c->m, (unsigned)i) : NULL;
}

bool hmp_cpus(MonCall *c, GError **err)
{
    Cpu *current = mon_call_cpu(c);

    for (unsigned i = 0; i < machine_n_cpus(c->m); i++) {
        Cpu *cpu = machine_cpu(c->m, i);

        g_string_append_printf(c->text, "%c CPU #%u: thread_id=%d\n", cpu == current ? '*' : ' ', i,
                               info_thread_id(cpu));
    }
    return true;
}

bool hmp_cpu(MonCall *c, GError **err)
{
    char *end;
    unsigned long n = strtoul(c->line, &end, 0);

    if (end == c->line || *end || n >= machine_n_cpus(c->m)) {
        return error_set(err, "Invalid CPU index '%s': there are CPUs 0 to %u", c->line,
                         machine_n_cpus(c->m) - 1);
    }
    if (c->cpu_index) {
        *c->cpu_index = (int)n;
    }
    return true;
}

typedef struct DumpWork {
    GString *text;
} DumpWork;

static void info_dump_cpu(Cpu *cpu, void *arg)
{
    DumpWork *w = arg;

    cpu->target->dump(cpu, w->text);
}

static void info_registers_of(MonCall *c, Cpu *cpu)
{
    DumpWork w = { c->text };

    g_string_append_printf(c->text, "\nCPU#%d\n", cpu->index);
    if (cpu->target && cpu->target->dump) {
        cpu_run_on_wait(cpu, info_dump_cpu, &w);
    }
}

bool hmp_registers(MonCall *c, GError **err)
{
    bool all = mon_call_flag(c, 'a');
    Cpu *cpu = mon_call_cpu(c);

    if (*c->line) {
        char *end;
        unsigned long n = strtoul(c->line, &end, 0);

        cpu = *end || n >= machine_n_cpus(c->m) ? NULL : machine_cpu(c->m, (unsigned)n);
    }
    if (!cpu) {
        return error_set(err, "CPU#%s not available", c->line);
    }
    for (unsigned i = 0; all && i < machine_n_cpus(c->m); i++) {
        info_registers_of(c, machine_cpu(c->m, i));
    }
    if (!all) {
        info_registers_of(c, cpu);
    }
    return true;
}

bool hmp_mtree(MonCall *c, GError **err)
{
    g_autofree char *text = aspace_text(machine_memory(c->m));

    g_string_append(c->text, text);
    return true;
}

static void info_device(GString *s, Device *dev, unsigned depth)
{
    g_string_append_printf(s, "%*sdev: %s, id \"%s\"\n", (int)depth * 2, "", dev->type->name,
                           dev->id);
    for (unsigned i = 0; i < device_type_n_fields(dev->type); i++) {
        const Field *f = device_type_field(dev->type, i);
        g_autoptr(GError) ignored = NULL;
        g_autofree char *value = NULL;

        if (f->kind == FIELD_PROP && (value = device_get_prop(dev, f->name, &ignored))) {
            g_string_append_printf(s, "%*s%s = %s\n", (int)depth * 2 + 2, "", f->name, value);
        }
    }
    for (unsigned i = 0; i < dev->n_regions; i++) {
        g_string_append_printf(s, "%*smmio %s, size 0x%" PRIx64 "\n", (int)depth * 2 + 2, "",
                               region_name(dev->regions[i]), region_size(dev->regions[i]));
    }
    for (Device *d = dev->first_child; d; d = d->next) {
        info_device(s, d, depth + 1);
    }
}

bool hmp_qtree(MonCall *c, GError **err)
{
    g_string_append(c->text, "bus: main-system-bus\n");
    for (Device *d = machine_root(c->m)->first_child; d; d = d->next) {
        info_device(c->text, d, 1);
    }
    return true;
}

bool hmp_jit(MonCall *c, GError **err)
{
    const Accel *a = machine_accel(c->m);

    if (!a || !a->info) {
        return error_set(err, "JIT information is only available with accel=tcg");
    }
    a->info(machine_accel_state(c->m), c->text);
    return true;
}

bool cmd_query_jit(MonCall *c, GError **err)
{
    const Accel *a = machine_accel(c->m);
    g_autoptr(GString) text = g_string_new(NULL);
    GArray *all;

    if (!a || !a->info || !a->counters) {
        return error_set(err, "JIT information is only available with accel=tcg");
    }
    all = g_array_new(FALSE, FALSE, sizeof(AccelCounter));
    a->counters(machine_accel_state(c->m), all);
    a->info(machine_accel_state(c->m), text);
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "human-readable-text", text->str);
    json_out_begin(c->out, "counters", '[');
    for (guint i = 0; i < all->len; i++) {
        const AccelCounter *k = &g_array_index(all, AccelCounter, i);

        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "group", k->group);
        json_out_str(c->out, "name", k->name);
        json_out_uint(c->out, "value", k->value);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    json_out_end(c->out, '}');
    g_array_free(all, TRUE);
    return true;
}

bool cmd_state_hash(MonCall *c, GError **err)
{
    bool running = machine_is_running(c->m);
    g_autofree char *hash = NULL;

    if (running) {
        machine_pause(c->m, RUN_PAUSED);
    }
    hash = machine_state_hash(c->m, err);
    if (running && !machine_resume(c->m, hash ? err : NULL)) {
        return false;
    }
    if (hash && c->out) {
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "hash", hash);
        json_out_int(c->out, "machine-time-ns", machine_now_ns(c->m));
        json_out_uint(c->out, "instructions", icount_total(c->m));
        json_out_end(c->out, '}');
    } else if (hash) {
        g_string_append_printf(c->text, "%s at %" PRId64 " ns\n", hash, machine_now_ns(c->m));
    }
    return hash != NULL;
}

bool hmp_icount(MonCall *c, GError **err)
{
    const IcountConfig *i = icount_config(c->m);

    if (!i) {
        g_string_append(c->text, "instructions are not counted (-icount)\n");
        return true;
    }
    g_string_append_printf(c->text,
                           "shift %u%s, align %s, sleep %s\n"
                           "instructions executed %" PRIu64 "\nmachine time %" PRId64 " ns\n",
                           i->shift, i->automatic ? " (auto)" : "", i->align ? "on" : "off",
                           i->sleep ? "on" : "off", icount_total(c->m), machine_now_ns(c->m));
    return true;
}

bool hmp_roms(MonCall *c, GError **err)
{
    g_autofree char *text = rom_text(c->m);

    g_string_append(c->text, text);
    return true;
}

bool hmp_ramblock(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "%24s %8s %18s %18s\n", "Block Name", "PSize", "Offset",
                           "Used");
    for (RamBlock *r = ram_first(c->m); r; r = r->next) {
        g_string_append_printf(c->text, "%24s %8s 0x%016" PRIx64 " 0x%016" PRIx64 "\n", r->name,
                               "4 KiB", (uint64_t)0, r->size);
    }
    return true;
}

/* The machine's RAM is the largest block that is no ROM. */
uint64_t mon_ram_bytes(Machine *m)
{
    uint64_t all = 0;

    for (RamBlock *r = ram_first(m); r; r = r->next) {
        all += r->flags & RAM_MAIN ? r->size : 0;
    }
    return all;
}

bool cmd_query_memory_size(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_uint(c->out, "base-memory", mon_ram_bytes(c->m));
    json_out_end(c->out, '}');
    return true;
}

bool hmp_memory_size(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "base memory: %" PRIu64 "\n", mon_ram_bytes(c->m));
    return true;
}

static void info_chardev(MonCall *c, const char *id, Chardev *chardev)
{
    if (!c->out) {
        g_string_append_printf(c->text, "%s: filename=%s\n", id, chardev_where(chardev));
        return;
    }
    json_out_begin(c->out, NULL, '{');
    json_out_bool(c->out, "frontend-open", chardev_is_open(chardev));
    json_out_str(c->out, "filename", chardev_where(chardev));
    json_out_str(c->out, "label", id);
    json_out_end(c->out, '}');
}

static void info_chardevs(MonCall *c)
{
    g_autofree const char **ids = machine_backend_ids(c->m, "chardev");

    for (const char **id = ids; *id; id++) {
        info_chardev(c, *id, machine_find_backend(c->m, "chardev", *id));
    }
}

bool cmd_query_chardev(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    info_chardevs(c);
    json_out_end(c->out, ']');
    return true;
}

bool hmp_chardev(MonCall *c, GError **err)
{
    info_chardevs(c);
    return true;
}

bool cmd_query_machines(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (const MonBoard *b = c->host->config.boards; b && b->name; b++) {
        g_autofree char *cpu =
            g_strconcat(b->default_cpu ? b->default_cpu : "", c->host->config.cpu_suffix, NULL);

        json_out_begin(c->out, NULL, '{');
        json_out_bool(c->out, "hotpluggable-cpus", false);
        json_out_str(c->out, "name", b->name);
        json_out_bool(c->out, "numa-mem-supported", false);
        if (b->default_cpu) {
            json_out_str(c->out, "default-cpu-type", cpu);
        }
        json_out_int(c->out, "cpu-max", b->max_cpus);
        if (b->ram_id) {
            json_out_str(c->out, "default-ram-id", b->ram_id);
        }
        json_out_bool(c->out, "deprecated", false);
        if (b->is_default) {
            json_out_bool(c->out, "is-default", true);
        }
        if (b->alias) {
            json_out_str(c->out, "alias", b->alias);
        }
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}
