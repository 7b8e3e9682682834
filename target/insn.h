/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What scripts/gen-decode.py knows of an instruction pattern: for tests, random instruction
 * streams and coverage reports. The decoders themselves do not read it.
 */
#ifndef TARGET_INSN_H
#define TARGET_INSN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct InsnField {
    const char *name;
    const char *kind; /* uN, sN, a register file's name, or "" when not an argument by itself */
    uint8_t lo, width;
} InsnField;

typedef struct InsnValue {
    const char *name; /* register file or state name, such as "x" or "nzcv" */
    int number;       /* register number, -1 for a state name */
    uint64_t value;
} InsnValue;

typedef struct InsnTest {
    uint32_t insn;
    int line;
    int n_in, n_out;
    const InsnValue *in, *out;
} InsnTest;

typedef struct InsnPattern {
    const char *name; /* with its variant: "ldr.post" */
    const char *group;
    int line; /* in its .insn file */
    uint32_t mask, value;
    uint32_t should_mask, should_value; /* bits that are ignored, but have a right value */
    const InsnField *fields;
    int n_fields;
    bool (*when)(uint32_t insn);  /* NULL: always */
    bool (*avoid)(uint32_t insn); /* NULL: never; true: the outcome is not defined */
    const uint16_t *needs;        /* features */
    int n_needs;
    const InsnTest *tests;
    int n_tests;
} InsnPattern;

#endif
