/* SPDX-License-Identifier: Apache-2.0 */
/* Features of x86 CPUs by name, and models made of them. */
#ifndef TARGET_I386_FEATURES_H
#define TARGET_I386_FEATURES_H

#include "core/types.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A register of a CPUID leaf whose bits are features. */
enum {
    X86_F_1_EDX,
    X86_F_1_ECX,
    X86_F_7_EBX,
    X86_F_7_ECX,
    X86_F_7_EDX,
    X86_F_7_1_EAX,
    X86_F_D_1_EAX,
    X86_F_6_EAX,
    X86_F_81_EDX, /* 80000001h */
    X86_F_81_ECX,
    X86_F_87_EDX,
    X86_F_88_EBX,
    X86_F_KVM, /* 40000001h, EAX */
    X86_F_WORDS
};

enum { X86_REG_EAX, X86_REG_EBX, X86_REG_ECX, X86_REG_EDX };

typedef struct X86Word {
    uint32_t leaf, subleaf;
    uint8_t reg;
} X86Word;

typedef struct X86Feature {
    const char *name; /* QEMU's */
    uint8_t word, bit;
} X86Feature;

typedef struct X86Model {
    const char *name, *doc;
    const char *vendor; /* twelve letters; NULL: all as the host has it */
    const char *brand;
    unsigned family, model, stepping;
    uint32_t level, xlevel;
    const char *base;     /* name of a model whose features it has, too; NULL */
    const char *features; /* names, blanks between */
} X86Model;

extern const X86Word x86_words[X86_F_WORDS];
extern const X86Feature x86_features[];
extern const unsigned x86_n_features;
extern const X86Model x86_models[];
extern const unsigned x86_n_models;

const X86Model *x86_model_find(const char *name);
/* -1: there is no such feature. */
int x86_feature_find(const char *name, size_t len);
/* The feature words of @m, without what only an accelerator knows. */
void x86_model_words(const X86Model *m, uint32_t words[X86_F_WORDS]);
/* Family, model and stepping as leaf 1 has them in EAX. */
uint32_t x86_model_signature(const X86Model *m);
/* Names of the features in @bits of @word, blanks between. */
void x86_feature_names(unsigned word, uint32_t bits, GString *out);

/* What the host's CPU has as far as KVM gives it, and what it is. */
typedef struct X86HostModel {
    uint32_t words[X86_F_WORDS];
    unsigned family, model, stepping;
    uint32_t level, xlevel;
    char vendor[13], brand[49];
} X86HostModel;

/* False: @m is not under KVM on such a host. @migratable: without what cannot move. */
bool x86_host_model(Machine *m, bool migratable, X86HostModel *out);

#endif
