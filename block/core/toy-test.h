/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the core: a protocol in memory that yields and fails at random, and a mapping
 * format whose tables are in memory too. Freed units are used again at once.
 */
#ifndef BLOCK_CORE_TOY_TEST_H
#define BLOCK_CORE_TOY_TEST_H

#include "block/core/core-priv.h"

enum { TOY_UNIT = 4096, TOY_UNITS = 128, TOY_SIZE = TOY_UNIT * TOY_UNITS - 100 };

typedef enum ToyKind { TOY_HOLE, TOY_ZERO, TOY_DATA, TOY_PACKED } ToyKind;

typedef struct Toy {
    uint8_t kind[TOY_UNITS];
    uint32_t at[TOY_UNITS];   /* the unit of the child */
    bool shared[TOY_UNITS];   /* may not be written in place */
    bool used[TOY_UNITS * 4]; /* units of the child */
    bool busy[TOY_UNITS];     /* an alloc is under way: no other may come */
    unsigned copies, in_place, aborted;
    FiberMutex lock;
} Toy;

typedef struct ToyMemory {
    uint8_t bytes[TOY_UNIT * TOY_UNITS * 4];
    GRand *rand;
    double yield, fail; /* probabilities */
    unsigned requests;
} ToyMemory;

/* Over a memory of its own. */
BlockNode *toy_new(BlockGraph *g, BlockNode *take_backing, uint32_t seed);
Toy *toy_of(BlockNode *n);
ToyMemory *toy_memory(BlockNode *n);

#endif
