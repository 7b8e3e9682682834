/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of NUMA, and the objects that memory is of. */
#include "hw/board/numa.h"
#include "monitor/commands.h"

#include <inttypes.h>

bool hmp_numa(MonCall *c, GError **err)
{
    const BoardMemory *mem = board_memory(c->m);
    unsigned n = mem ? mem->n_nodes : 0;

    g_string_append_printf(c->text, "%u nodes\n", n);
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(c->text, "node %u cpus:", i);
        for (unsigned cpu = 0; cpu < machine_n_cpus(c->m); cpu++) {
            if (numa_cpu_node(mem, cpu) == i) {
                g_string_append_printf(c->text, " %u", cpu);
            }
        }
        g_string_append_printf(c->text, "\nnode %u size: %" PRIu64 " MB\nnode %u plugged: 0 MB\n",
                               i, mem->nodes[i].bytes >> 20, i);
    }
    return true;
}

bool cmd_query_memdev(MonCall *c, GError **err)
{
    const BoardMemory *mem = board_memory(c->m);

    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; mem && i < mem->n_backends; i++) {
        const MemBackend *d = &mem->backends[i];

        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "id", d->id);
        json_out_uint(c->out, "size", d->ram->size);
        json_out_bool(c->out, "merge", d->merge);
        json_out_bool(c->out, "dump", d->dump);
        json_out_bool(c->out, "prealloc", d->prealloc);
        json_out_bool(c->out, "share", d->share);
        json_out_bool(c->out, "reserve", false); /* mapped with MAP_NORESERVE */
        json_out_begin(c->out, "host-nodes", '[');
        for (unsigned node = 0; node < HOST_NODES_MAX; node++) {
            if (memdev_on_node(d, node)) {
                json_out_uint(c->out, NULL, node);
            }
        }
        json_out_end(c->out, ']');
        json_out_str(c->out, "policy", memdev_policy(d));
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

bool hmp_memdev(MonCall *c, GError **err)
{
    const BoardMemory *mem = board_memory(c->m);

    for (unsigned i = 0; mem && i < mem->n_backends; i++) {
        const MemBackend *d = &mem->backends[i];

        g_string_append_printf(c->text,
                               "memory backend: %s\n  size:  %" PRIu64 "\n  merge: %s\n  dump: %s\n"
                               "  prealloc: %s\n  share: %s\n  reserve: false\n  policy: %s\n"
                               "  host nodes: ",
                               d->id, d->ram->size, d->merge ? "true" : "false",
                               d->dump ? "true" : "false", d->prealloc ? "true" : "false",
                               d->share ? "true" : "false", memdev_policy(d));
        for (unsigned node = 0, n = 0; node < HOST_NODES_MAX; node++) {
            if (memdev_on_node(d, node)) {
                g_string_append_printf(c->text, "%s%u", n++ ? "," : "", node);
            }
        }
        g_string_append_c(c->text, '\n');
    }
    return true;
}
