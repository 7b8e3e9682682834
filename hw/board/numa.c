/* SPDX-License-Identifier: Apache-2.0 */
/* Memory backends and nodes, as options say them. */
#include "hw/board/numa.h"

#include "core/device.h"
#include "util/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* ---- Where the host has it: mbind(2) ---- */

static const char *const memdev_policies[] = {
    [MPOL_DEFAULT] = "default",
    [MPOL_PREFERRED] = "preferred",
    [MPOL_BIND] = "bind",
    [MPOL_INTERLEAVE] = "interleave",
};

const char *memdev_policy(const MemBackend *d)
{
    return memdev_policies[d->policy];
}

/* "3" or "0-7" of @text, both below @end; false: it is neither. */
static bool numa_range(const char *text, gulong end, gulong *from, gulong *to)
{
    char *at;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    *from = *to = strtoul(text, &at, 10);
    if (*at == '-' && g_ascii_isdigit(at[1])) {
        *to = strtoul(at + 1, &at, 10);
    }
    return !*at && *from <= *to && *to < end;
}

static bool memdev_host_nodes(MemBackend *d, const char *text, GError **err)
{
    gulong from, to;

    if (!numa_range(text, HOST_NODES_MAX, &from, &to)) {
        return error_set(err, "host-nodes=%s: nodes of the host are 0 to %d, or A-B of them", text,
                         HOST_NODES_MAX - 1);
    }
    for (gulong i = from; i <= to; i++) {
        d->host_nodes[i / 64] |= BIT(i % 64);
    }
    return true;
}

static bool memdev_place(MemBackend *d, Options *o, GError **err)
{
    const char *policy = options_get(o, "policy");
    bool nodes = false, known = !policy;

    for (unsigned i = 0; policy && i < G_N_ELEMENTS(memdev_policies); i++) {
        if (!strcmp(policy, memdev_policies[i])) {
            d->policy = i;
            known = true;
        }
    }
    if (!known) {
        return error_set(err, "policy=%s: valid: default, preferred, bind, interleave", policy);
    }
    for (unsigned i = 0; i < o->n; i++) {
        /* of JSON a list: host-nodes.0, .1 ... */
        if (!strcmp(o->list[i].key, "host-nodes") ||
            g_str_has_prefix(o->list[i].key, "host-nodes.")) {
            o->list[i].used = nodes = true;
            if (!memdev_host_nodes(d, o->list[i].value, err)) {
                return false;
            }
        }
    }
    if (nodes != (d->policy != MPOL_DEFAULT)) {
        return nodes ? error_set(err, "host-nodes= needs policy=preferred, bind or interleave")
                     : error_set(err, "policy=%s needs host-nodes=", policy);
    }
    return true;
}

/* Before a page of it is touched. */
static bool memdev_bind(const MemBackend *d, GError **err)
{
    g_autofree char *online = NULL;

    if (d->policy == MPOL_DEFAULT ||
        !syscall(SYS_mbind, d->ram->host, d->ram->size, d->policy, d->host_nodes,
                 HOST_NODES_MAX + 1ul, MPOL_MF_STRICT | MPOL_MF_MOVE)) {
        return true;
    }
    (void)!error_set(err, "policy=%s: the host refuses it: %s", memdev_policy(d),
                     g_strerror(errno));
    if (errno == EINVAL &&
        g_file_get_contents("/sys/devices/system/node/online", &online, NULL, NULL)) {
        g_prefix_error(err, "host-nodes=: the host has nodes %s; ", g_strchomp(online));
    }
    return false;
}

/* Every page, as the host's policy for it says. */
static bool memdev_touch(const MemBackend *d, GError **err)
{
    const RamBlock *ram = d->ram;

    if (!madvise(ram->host, ram->size, MADV_POPULATE_WRITE)) {
        return true;
    }
    if (errno != EINVAL) { /* older kernels do not know it */
        return error_set(err, "prealloc=on: %s", g_strerror(errno));
    }
    for (uint64_t at = 0; at < ram->size; at += GUEST_PAGE_SIZE) {
        volatile uint8_t *p = ram->host + at;

        *p = *p;
    }
    return true;
}

/* ---- Objects ---- */

static bool memdev_flags(MemBackend *d, Options *o, bool share, GError **err)
{
    return options_get_bool(o, "share", share, &d->share, err) &&
           options_get_bool(o, "prealloc", false, &d->prealloc, err) &&
           options_get_bool(o, "merge", true, &d->merge, err) &&
           options_get_bool(o, "dump", true, &d->dump, err) && memdev_place(d, o, err);
}

/* The file behind the memory, a new one of no name where @path is a folder; -1 with *err. */
static int memdev_open(const char *path, bool readonly, uint64_t size, GError **err)
{
    bool folder = g_file_test(path, G_FILE_TEST_IS_DIR);
    g_autofree char *temp = folder ? g_build_filename(path, "tinamou-mem-XXXXXX", NULL) : NULL;
    int fd = folder ? g_mkstemp_full(temp, O_RDWR | O_CLOEXEC, 0600)
                    : open(path, (readonly ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
    struct stat st;

    if (fd < 0 || fstat(fd, &st)) {
        error_set(err, "mem-path=%s: %s", path, g_strerror(errno));
        return -1;
    }
    if (folder) {
        unlink(temp);
    }
    /* What is shorter grows; what is longer keeps its end. */
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < size &&
        (readonly || ftruncate(fd, (off_t)size))) {
        error_set(err, "mem-path=%s: it has %" PRIu64 " bytes, size= is more", path,
                  (uint64_t)st.st_size);
        close(fd);
        return -1;
    }
    return fd;
}

static bool memdev_make(Machine *m, MemBackend *d, Options *o, GError **err)
{
    const char *path = options_get(o, "mem-path");
    bool file = !strcmp(d->type, "memory-backend-file"), readonly = false;
    uint64_t size;
    int fd = -1;

    if (!options_get_size(o, "size", 0, &size, err) ||
        !options_get_bool(o, "readonly", false, &readonly, err)) {
        return false;
    }
    if (!size) {
        return error_set(err, "property 'size' is missing or 0");
    }
    if (file != (path != NULL)) {
        return error_set(err, file ? "property 'mem-path' is missing"
                                   : "mem-path= is for memory-backend-file");
    }
    if (readonly && d->share) {
        return error_set(err, "readonly=on with share=on: the machine's memory is written");
    }
    if (file) {
        fd = memdev_open(path, readonly, size, err);
        if (fd < 0) {
            return false;
        }
    }
    d->ram = ram_new_fd(m, d->id, size, d->share ? RAM_SHARED : 0, fd, err);
    if (!d->ram || !memdev_bind(d, err) || (d->prealloc && !memdev_touch(d, err))) {
        return false;
    }
    (void)madvise(d->ram->host, d->ram->size, d->merge ? MADV_MERGEABLE : MADV_UNMERGEABLE);
    if (!d->dump) {
        (void)madvise(d->ram->host, d->ram->size, MADV_DONTDUMP);
    }
    return true;
}

static bool memdev_parse(BoardMemory *mem, const char *text, MemBackend *d, GError **err)
{
    static const char *const types[] = { "memory-backend-ram", "memory-backend-file",
                                         "memory-backend-memfd" };
    static const char *const valid[] = { "id",    "size",     "mem-path", "share",      "prealloc",
                                         "merge", "readonly", "dump",     "host-nodes", "policy" };
    Options o = { 0 };
    const char *type, *id;
    bool ok =
        *text == '{' ? options_parse_json(&o, text, err) : options_parse(&o, text, "qom-type", err);

    type = ok ? options_get(&o, "qom-type") : NULL;
    id = ok ? options_get(&o, "id") : NULL;
    for (size_t i = 0; type && i < G_N_ELEMENTS(types); i++) {
        d->type = strcmp(type, types[i]) ? d->type : types[i];
    }
    ok = ok &&
         (d->type || error_set(err, "'%s': valid: %s, %s, %s", type, types[0], types[1], types[2]));
    ok = ok && ((id && *id) || error_set(err, "property 'id' is missing"));
    if (ok) {
        char *copy = device_alloc(mem->board, strlen(id) + 1);

        strcpy(copy, id);
        d->id = copy;
    }
    ok = ok && memdev_flags(d, &o, d->type == types[2], err) &&
         memdev_make(mem->board->machine, d, &o, err) &&
         options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    options_deinit(&o);
    if (!ok) {
        g_prefix_error(err, "-object %s: ", text);
    }
    return ok;
}

static MemBackend *memdev_find(BoardMemory *mem, const char *what, const char *id, GError **err)
{
    for (unsigned i = 0; i < mem->n_backends; i++) {
        MemBackend *d = &mem->backends[i];

        if (!strcmp(d->id, id)) {
            if (d->taken) {
                error_set(err, "%s=%s: it is used already", what, id);
                return NULL;
            }
            d->taken = true;
            return d;
        }
    }
    error_set(err, "%s=%s: there is no such object: -object memory-backend-ram,id=%s,size=...",
              what, id, id);
    return NULL;
}

BoardMemory *board_memory_new(Device *board, const BoardConfig *cfg, uint64_t def, GError **err)
{
    BoardMemory *mem = device_alloc(board, sizeof(*mem));
    const char *id = cfg->machine ? options_get(cfg->machine, "memory-backend") : NULL;

    mem->board = board;
    mem->cfg = cfg;
    mem->bytes = bits_align_up(cfg->ram_bytes ? cfg->ram_bytes : def, GUEST_PAGE_SIZE);
    memset(mem->cpu_node, 0xff, sizeof(mem->cpu_node));
    mem->backends = device_alloc(board, cfg->n_memdevs * sizeof(MemBackend) + 1);
    for (; mem->n_backends < cfg->n_memdevs; mem->n_backends++) {
        if (!memdev_parse(mem, cfg->memdevs[mem->n_backends], &mem->backends[mem->n_backends],
                          err)) {
            return NULL;
        }
    }
    if (id) {
        MemBackend *d = memdev_find(mem, "-M memory-backend", id, err);

        if (!d) {
            return NULL;
        }
        if (cfg->ram_bytes && mem->bytes != d->ram->size) {
            error_set(err, "-M memory-backend=%s: it has 0x%" PRIx64 " bytes, -m says 0x%" PRIx64,
                      id, d->ram->size, mem->bytes);
            return NULL;
        }
        mem->bytes = d->ram->size;
        mem->all = d;
    }
    return machine_add_backend(board->machine, "board-memory", "board", mem, err) ? mem : NULL;
}

BoardMemory *board_memory(Machine *m)
{
    return machine_find_backend(m, "board-memory", "board");
}

/* ---- -numa ---- */

static bool numa_number(Options *o, const char *key, uint64_t end, bool must, uint64_t def,
                        uint64_t *val, GError **err)
{
    if (must && !options_get(o, key)) {
        return error_set(err, "%s= is missing", key);
    }
    return options_get_number(o, key, def, val, err) &&
           (*val < end || error_set(err, "%s=%" PRIu64 ": 0 to %" PRIu64, key, *val, end - 1));
}

/* "3" or "4-7". */
static bool numa_cpus(BoardMemory *mem, unsigned node, const char *text, GError **err)
{
    gulong from, to;

    if (!numa_range(text, MAX(mem->cfg->n_cpus, mem->cfg->max_cpus), &from, &to)) {
        return error_set(err, "cpus=%s: CPUs are 0 to %u, or A-B of them", text,
                         MAX(mem->cfg->n_cpus, mem->cfg->max_cpus) - 1);
    }
    for (gulong i = from; i <= to; i++) {
        if (mem->cpu_node[i] >= 0) {
            return error_set(err, "cpus=%s: CPU %lu is of node %d already", text, i,
                             mem->cpu_node[i]);
        }
        mem->cpu_node[i] = (int16_t)node;
    }
    return true;
}

static bool numa_node(BoardMemory *mem, Options *o, GError **err)
{
    const char *memdev = options_get(o, "memdev");
    NumaNode *n;
    uint64_t id;

    if (!numa_number(o, "nodeid", NUMA_NODES_MAX, false, mem->n_nodes, &id, err)) {
        return false;
    }
    n = &mem->nodes[id];
    if (n->there) {
        return error_set(err, "nodeid=%" PRIu64 ": there is one already", id);
    }
    n->there = true;
    mem->n_nodes++;
    if (memdev && options_get(o, "mem")) {
        return error_set(err, "mem= and memdev= exclude each other");
    }
    /* A bare number is of MiB. */
    if (options_get(o, "mem") && !size_parse(options_get(o, "mem"), 1 << 20, &n->bytes, err)) {
        return false;
    }
    if (memdev) {
        n->memdev = memdev_find(mem, "memdev", memdev, err);
        if (!n->memdev) {
            return false;
        }
        n->bytes = n->memdev->ram->size;
    }
    for (unsigned i = 0; i < o->n; i++) {
        if (!strcmp(o->list[i].key, "cpus")) {
            o->list[i].used = true;
            if (!numa_cpus(mem, (unsigned)id, o->list[i].value, err)) {
                return false;
            }
        }
    }
    return true;
}

static bool numa_dist(BoardMemory *mem, Options *o, GError **err)
{
    uint64_t src, dst, val;

    if (!numa_number(o, "src", NUMA_NODES_MAX, true, 0, &src, err) ||
        !numa_number(o, "dst", NUMA_NODES_MAX, true, 0, &dst, err) ||
        !numa_number(o, "val", 256, true, 0, &val, err)) {
        return false;
    }
    if (!mem->nodes[src].there || !mem->nodes[dst].there) {
        return error_set(err, "there is no node %" PRIu64 " before this",
                         mem->nodes[src].there ? dst : src);
    }
    if (val < NUMA_HERE || (src == dst) != (val == NUMA_HERE)) {
        return error_set(err,
                         "val=%" PRIu64 ": 10 within a node, 11 to 254 between nodes, 255 where "
                         "there is no way",
                         val);
    }
    mem->distance[src][dst] = (uint8_t)val;
    mem->has_distance = true;
    return true;
}

/* By place: the CPUs whose socket and so on are as said. */
static bool numa_cpu(BoardMemory *mem, Options *o, GError **err)
{
    static const char *const keys[] = { "thread-id", "core-id", "cluster-id", "die-id",
                                        "socket-id" };
    const BoardConfig *c = mem->cfg;
    unsigned all = MAX(c->n_cpus, c->max_cpus), hits = 0;
    unsigned of[5] = { MAX(c->threads, 1), MAX(c->cores, 1), MAX(c->clusters, 1), MAX(c->dies, 1) };
    uint64_t node, want[5];

    of[4] = MAX(1, all / (of[0] * of[1] * of[2] * of[3]));
    if (!numa_number(o, "node-id", NUMA_NODES_MAX, true, 0, &node, err)) {
        return false;
    }
    for (unsigned k = 0; k < ARRAY_SIZE(keys); k++) {
        if (!numa_number(o, keys[k], MAX(of[k], 1), false, 0, &want[k], err)) {
            return false;
        }
    }
    if (!mem->nodes[node].there) {
        return error_set(err, "node-id=%" PRIu64 ": there is no such node before this", node);
    }
    for (unsigned i = 0; i < all && i < NUMA_CPUS_MAX; i++) {
        unsigned rest = i;
        bool is = true;

        for (unsigned k = 0; k < ARRAY_SIZE(keys); k++) {
            is &= !options_get(o, keys[k]) || rest % of[k] == want[k];
            rest /= of[k];
        }
        if (is) {
            mem->cpu_node[i] = (int16_t)node;
            hits++;
        }
    }
    return hits || error_set(err, "no CPU is there");
}

static bool numa_option(BoardMemory *mem, const char *text, GError **err)
{
    static const char *const valid[] = { "nodeid",     "cpus",    "mem",      "memdev",    "src",
                                         "dst",        "val",     "node-id",  "socket-id", "die-id",
                                         "cluster-id", "core-id", "thread-id" };
    Options o = { 0 };
    const char *type;
    bool ok =
        *text == '{' ? options_parse_json(&o, text, err) : options_parse(&o, text, "type", err);

    type = ok ? options_get(&o, "type") : NULL;
    if (ok && !g_strcmp0(type, "node")) {
        ok = numa_node(mem, &o, err);
    } else if (ok && !g_strcmp0(type, "dist")) {
        ok = numa_dist(mem, &o, err);
    } else if (ok && !g_strcmp0(type, "cpu")) {
        ok = numa_cpu(mem, &o, err);
    } else if (ok) {
        ok = error_set(err, "'%s': valid: node, dist, cpu", type ? type : "");
    }
    ok = ok && options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    options_deinit(&o);
    if (!ok) {
        g_prefix_error(err, "-numa %s: ", text);
    }
    return ok;
}

/* A distance of one direction is that of the other, too. */
static bool numa_distances(BoardMemory *mem, GError **err)
{
    for (unsigned i = 0; mem->has_distance && i < mem->n_nodes; i++) {
        mem->distance[i][i] = NUMA_HERE;
        for (unsigned k = 0; k < i; k++) {
            uint8_t *a = &mem->distance[i][k], *b = &mem->distance[k][i];

            if (!*a && !*b) {
                return error_set(err, "-numa dist: there is none between nodes %u and %u", k, i);
            }
            *a = *a ? *a : *b;
            *b = *b ? *b : *a;
        }
    }
    return true;
}

static bool numa_parse(BoardMemory *mem, GError **err)
{
    uint64_t sum = 0;
    unsigned with = 0;

    for (unsigned i = 0; i < mem->cfg->n_numa; i++) {
        if (!numa_option(mem, mem->cfg->numa[i], err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < mem->n_nodes; i++) {
        if (!mem->nodes[i].there) {
            return error_set(err, "-numa node: number %u of %u is missing", i, mem->n_nodes);
        }
        sum += mem->nodes[i].bytes;
        with += mem->nodes[i].memdev != NULL;
        if (mem->nodes[i].bytes % GUEST_PAGE_SIZE) {
            return error_set(err, "-numa node,nodeid=%u: its memory is no whole number of pages",
                             i);
        }
    }
    if (with && (with != mem->n_nodes || mem->all)) {
        for (unsigned i = 0; i < mem->n_nodes; i++) {
            if (!mem->nodes[i].memdev && (mem->nodes[i].bytes || mem->all)) {
                return error_set(err, "-numa node,nodeid=%u: others have memdev=, it has none", i);
            }
        }
    }
    if (mem->n_nodes && sum != mem->bytes) {
        return error_set(err,
                         "total memory for NUMA nodes (0x%" PRIx64
                         ") should equal RAM size (0x%" PRIx64
                         "): each -numa node takes memdev= or mem=",
                         sum, mem->bytes);
    }
    return numa_distances(mem, err);
}

/* What no object gives: of -mem-path's file, else nobody's. */
static RamBlock *memory_make_main(const BoardMemory *mem, const char *name, GError **err)
{
    const BoardConfig *c = mem->cfg;
    unsigned flags = RAM_MAIN | (c->mem_prealloc ? RAM_PREALLOC : 0);
    int fd = -1;

    if (c->mem_path) {
        fd = memdev_open(c->mem_path, false, mem->bytes, err);
        if (fd < 0) {
            g_prefix_error(err, "-");
            return NULL;
        }
    }
    return ram_new_fd(mem->board->machine, name, mem->bytes, flags, fd, err);
}

MemRegion *board_memory_make(BoardMemory *mem, const char *name, unsigned per_socket, GError **err)
{
    Machine *m = mem->board->machine;
    bool parts = false;
    uint64_t at = 0;
    MemRegion *all;

    mem->per_socket = MAX(per_socket, 1);
    if (!numa_parse(mem, err)) {
        return NULL;
    }
    for (unsigned i = 0; i < mem->n_nodes; i++) {
        parts |= mem->nodes[i].memdev != NULL;
    }
    if ((parts || mem->all) && (mem->cfg->mem_path || mem->cfg->mem_prealloc)) {
        error_set(err, "-mem-path, -mem-prealloc: objects give the memory: their mem-path=, "
                       "prealloc= say the same");
        return NULL;
    }
    if (!parts) {
        RamBlock *ram = mem->all ? mem->all->ram : memory_make_main(mem, name, err);

        if (ram) {
            ram->flags |= RAM_MAIN;
        }
        return ram ? region_new_ram(m, name, ram, 0, mem->bytes) : NULL;
    }
    all = region_new_container(m, name, mem->bytes);
    for (unsigned i = 0; i < mem->n_nodes; i++) {
        NumaNode *n = &mem->nodes[i];

        if (n->memdev) {
            n->memdev->ram->flags |= RAM_MAIN;
            region_add(all, region_new_ram(m, n->memdev->id, n->memdev->ram, 0, n->bytes), at, 0);
        }
        at += n->bytes;
    }
    return all;
}

unsigned numa_cpu_node(const BoardMemory *mem, unsigned cpu)
{
    if (!mem->n_nodes || cpu >= NUMA_CPUS_MAX) {
        return 0;
    }
    if (mem->cpu_node[cpu] >= 0) {
        return (unsigned)mem->cpu_node[cpu];
    }
    /* Where some are placed, the others are of the first; else sockets take turns. */
    for (unsigned i = 0; i < NUMA_CPUS_MAX; i++) {
        if (mem->cpu_node[i] >= 0) {
            return 0;
        }
    }
    return cpu / mem->per_socket % mem->n_nodes;
}
