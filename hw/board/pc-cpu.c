/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: Intel SDM volume 3, 9.9 (APIC identifiers by topology). */
#include "hw/board/pc-cpu.h"

#include "hw/isa/isa.h"
#include "util/log.h"

#include <string.h>

/* ---- Topology ---- */

static unsigned pc_bits(unsigned n)
{
    unsigned bits = 0;

    while (1u << bits < n) {
        bits++;
    }
    return bits;
}

/* Of a die. */
static unsigned pc_cores(const BoardConfig *cfg)
{
    unsigned total = MAX(MAX(cfg->max_cpus, cfg->n_cpus), 1);
    unsigned others = MAX(cfg->sockets, 1) * MAX(cfg->dies, 1) * MAX(cfg->threads, 1);

    return cfg->cores ? cfg->cores : MAX(total / others, 1);
}

unsigned pc_cpus_a_socket(const BoardConfig *cfg)
{
    return pc_cores(cfg) * MAX(cfg->dies, 1) * MAX(cfg->threads, 1);
}

/* A field of bits for each level, as wide as its largest number. */
uint32_t pc_apic_id(const BoardConfig *cfg, unsigned index)
{
    unsigned threads = MAX(cfg->threads, 1), dies = MAX(cfg->dies, 1), cores = pc_cores(cfg);
    unsigned core_shift = pc_bits(threads), die_shift, socket_shift;

    die_shift = core_shift + pc_bits(cores);
    socket_shift = die_shift + pc_bits(dies);
    return index % threads | index / threads % cores << core_shift |
           index / (threads * cores) % dies << die_shift |
           index / (threads * cores * dies) << socket_shift;
}

/* The same for leaves of CPUID: "cores" are of a package. */
static void pc_set_topology(const BoardConfig *cfg, Device *cpu)
{
    device_set_u64(cpu, "threads", MAX(cfg->threads, 1));
    device_set_u64(cpu, "cores", pc_cores(cfg) * MAX(cfg->dies, 1));
}

/* ---- -cpu ---- */

/* What Hyper-V would show a guest. Names of Microsoft's TLFS, as users of QEMU know them. */
static bool cpu_is_hyperv(const char *item)
{
    static const char *const names[] = {
        "relaxed",
        "vapic",
        "spinlocks",
        "vpindex",
        "runtime",
        "crash",
        "time",
        "synic",
        "stimer",
        "stimer-direct",
        "tlbflush",
        "tlbflush-ext",
        "ipi",
        "vendor-id",
        "reset",
        "frequencies",
        "reenlightenment",
        "evmcs",
        "avic",
        "apicv",
        "xmm-input",
        "emsr-bitmap",
        "syndbg",
        "enforce-cpuid",
        "passthrough",
        "no-nonarch-coresharing",
        "version-id-build",
        "version-id-major",
        "version-id-minor",
        "version-id-spack",
        "version-id-sbranch",
        "version-id-snumber",
        "tlbflush-direct",
    };
    g_autofree char *name = NULL;

    item += *item == '+' || *item == '-';
    if (!g_str_has_prefix(item, "hv-") && !g_str_has_prefix(item, "hv_")) {
        return false;
    }
    name = g_strdelimit(g_strndup(item + 3, strcspn(item + 3, "=")), "_", '-');
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(names[i], name)) {
            return true;
        }
    }
    return false;
}

/*
 * The features of -cpu as properties. Those of Hyper-V are hints by which Windows runs faster: it
 * runs without them, so they are left out, with a word to the user. The caller frees.
 */
static char *cpu_props(Machine *m, const char *text)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    g_autoptr(GString) kept = g_string_new(NULL), left = g_string_new(NULL);

    for (unsigned i = 0; items[i]; i++) {
        bool off = items[i][0] == '-' || g_str_has_suffix(items[i], "=off");

        if (!cpu_is_hyperv(items[i])) {
            g_string_append_printf(kept, "%s%s", kept->len ? "," : "", items[i]);
        } else if (!off) {
            g_string_append_printf(left, "%s%s", left->len ? ", " : "", items[i]);
        }
    }
    if (left->len) {
        log_message(machine_log(m), LOG_LEVEL_WARN, "cpu",
                    "-cpu: %s: the guest sees none of Hyper-V's features here and does without",
                    left->str);
    }
    return kept->len ? board_cpu_props(kept->str) : NULL;
}

bool pc_new_cpus(Device *container, const BoardConfig *cfg, const Board *board,
                 void (*prepare)(void *opaque, Cpu *cpu), void *opaque, GError **err)
{
    Machine *m = container->machine;
    const char *text = cfg->cpu ? cfg->cpu : board->default_cpu, *comma = strchr(text, ',');
    g_autofree char *props = comma ? cpu_props(m, comma + 1) : NULL;
    g_autofree char *model = comma ? g_strndup(text, comma - text) : g_strdup(text);
    g_autofree char *name = g_strconcat(model, board->cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(m, name);

    if (!type) {
        return error_set(err, "-cpu %s: no such model; -cpu help lists them", model);
    }
    for (unsigned i = 0; i < MAX(cfg->n_cpus, 1); i++) {
        g_autofree char *id = g_strdup_printf("cpu%u", i);
        Cpu *cpu = cpu_new(m, type, container, id);

        cpu->as_io = isa_ports(m);
        device_set_u64(&cpu->dev, "apic-id", pc_apic_id(cfg, i));
        pc_set_topology(cfg, &cpu->dev);
        if (props && !device_set_props(&cpu->dev, props, err)) {
            g_prefix_error(err, "-cpu: ");
            return false;
        }
        if (prepare) {
            prepare(opaque, cpu);
        }
        if (!device_realize(&cpu->dev, err)) {
            return false;
        }
    }
    return true;
}
