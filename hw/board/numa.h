/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a board's memory comes from (-object memory-backend-*, -M memory-backend=), and which nodes
 * of NUMA its parts and the CPUs belong to (-numa). One per machine, made by the board.
 * LOOP_THREAD.
 */
#ifndef HW_BOARD_NUMA_H
#define HW_BOARD_NUMA_H

#include "core/memory/memory.h"
#include "hw/board/board.h"

enum {
    NUMA_NODES_MAX = 128,
    NUMA_CPUS_MAX = 512,
    NUMA_HERE = 10,
    NUMA_FAR = 20,
    HOST_NODES_MAX = 128, /* that a backend can name */
};

/* An object memory-backend-ram, -file or -memfd. */
typedef struct MemBackend {
    const char *id, *type;
    RamBlock *ram;
    bool share, prealloc, merge, dump;
    bool taken;
    unsigned policy; /* MPOL_* of the host */
    uint64_t host_nodes[HOST_NODES_MAX / 64];
} MemBackend;

typedef struct NumaNode {
    bool there;
    uint64_t bytes; /* one after another from the beginning of the board's memory */
    MemBackend *memdev;
} NumaNode;

typedef struct BoardMemory {
    Device *board;
    const BoardConfig *cfg; /* valid during init */
    uint64_t bytes;
    MemBackend *backends;
    unsigned n_backends;
    MemBackend *all; /* -M memory-backend=; NULL */
    NumaNode nodes[NUMA_NODES_MAX];
    unsigned n_nodes;                                 /* 0: no NUMA */
    uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX]; /* 0: not said */
    bool has_distance;
    int16_t cpu_node[NUMA_CPUS_MAX]; /* -1: none was named */
    unsigned per_socket;             /* CPUs */
} BoardMemory;

/* Objects and the size of memory (-m, or of the backend); @def where nothing says it. */
BoardMemory *board_memory_new(Device *board, const BoardConfig *cfg, uint64_t def, GError **err);
/*
 * The nodes, and the memory as one region of mem->bytes called @name. @per_socket: CPUs that go to
 * a node together where -numa does not say.
 */
MemRegion *board_memory_make(BoardMemory *mem, const char *name, unsigned per_socket, GError **err);
/* The node of CPU @cpu; 0 without NUMA. */
unsigned numa_cpu_node(const BoardMemory *mem, unsigned cpu);
/* "default", "preferred", "bind" or "interleave". */
const char *memdev_policy(const MemBackend *d);
static inline bool memdev_on_node(const MemBackend *d, unsigned node)
{
    return d->host_nodes[node / 64] >> node % 64 & 1;
}
/* Of machine @m; NULL: its board has none. */
BoardMemory *board_memory(Machine *m);

#endif
