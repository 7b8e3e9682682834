/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target leaves nothing behind: each input gets a graph, machine or
 * parser of its own, so that a leak is a finding.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "block/core/driver.h"
#include "block/proto/memory.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max); /* libFuzzer's */

/* Bytes that are taken from the front; zeros when there are no more. */
typedef struct FuzzIn {
    const uint8_t *p;
    size_t len;
} FuzzIn;

uint8_t fuzz_u8(FuzzIn *in);
uint16_t fuzz_u16(FuzzIn *in);
uint32_t fuzz_u32(FuzzIn *in);
/* Up to @want bytes; *got says how many there are. */
const uint8_t *fuzz_bytes(FuzzIn *in, size_t want, size_t *got);

/* The process's loop; @fn runs in a fiber of it with a fresh graph. */
IoLoop *fuzz_loop(void);
typedef void FuzzFn(BlockGraph *g, FuzzIn *in);
void fuzz_in_graph(FuzzFn *fn, const uint8_t *data, size_t size);

/* A node with nothing but ours below it; NULL: it does not open. FIBER */
BlockNode *fuzz_open(BlockGraph *g, const char *options, unsigned flags);

/* image-sums.c: makes checksums right and costs of key derivation small, so that inputs get deep.
 */
void fuzz_fix_image(BlockMemory *m, const char *format);

#endif
