/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features and models of x86 CPUs.
 * Spec: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; System V psABI x86-64 (levels v1
 * to v4); families and steppings by the vendors' specification updates and revision guides.
 */
#include "target/i386/features.h"

#include <string.h>

const X86Word x86_words[X86_F_WORDS] = {
    [X86_F_1_EDX] = { 1, 0, X86_REG_EDX },
    [X86_F_1_ECX] = { 1, 0, X86_REG_ECX },
    [X86_F_7_EBX] = { 7, 0, X86_REG_EBX },
    [X86_F_7_ECX] = { 7, 0, X86_REG_ECX },
    [X86_F_7_EDX] = { 7, 0, X86_REG_EDX },
    [X86_F_7_1_EAX] = { 7, 1, X86_REG_EAX },
    [X86_F_D_1_EAX] = { 0xd, 1, X86_REG_EAX },
    [X86_F_6_EAX] = { 6, 0, X86_REG_EAX },
    [X86_F_81_EDX] = { 0x80000001, 0, X86_REG_EDX },
    [X86_F_81_ECX] = { 0x80000001, 0, X86_REG_ECX },
    [X86_F_87_EDX] = { 0x80000007, 0, X86_REG_EDX },
    [X86_F_88_EBX] = { 0x80000008, 0, X86_REG_EBX },
    [X86_F_KVM] = { 0x40000001, 0, X86_REG_EAX },
};

#define FEATURE(word, bit, name) { name, X86_F_##word, bit },
const X86Feature x86_features[] = {
#include "target/i386/features.def"
};
const unsigned x86_n_features = G_N_ELEMENTS(x86_features);

#define PC_BASE                                                                                 \
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr " \
    "sse sse2 syscall nx lm "
#define INTEL "GenuineIntel"
#define AMD   "AuthenticAMD"

const X86Model x86_models[] = {
    { .name = "host", .doc = "what the host's CPU has, as far as the accelerator gives it" },
    { .name = "max", .doc = "all that the accelerator gives" },
    { .name = "qemu64",
      .doc = "a plain 64-bit CPU",
      .vendor = AMD,
      .family = 15,
      .model = 107,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x8000000a,
      .brand = "QEMU Virtual CPU version 2.5+",
      .features = PC_BASE "pni cx16 lahf-lm svm hypervisor" },
    { .name = "kvm64",
      .doc = "what any 64-bit host of KVM has",
      .vendor = INTEL,
      .family = 15,
      .model = 6,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Common KVM processor",
      .features = PC_BASE "pni cx16 hypervisor" },
    { .name = "x86-64-v1",
      .doc = "psABI level 1",
      .vendor = INTEL,
      .family = 6,
      .model = 15,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "x86-64-v1",
      .features = PC_BASE "hypervisor" },
    { .name = "x86-64-v2",
      .doc = "psABI level 2",
      .vendor = INTEL,
      .family = 6,
      .model = 26,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "x86-64-v2",
      .base = "x86-64-v1",
      .features = "pni ssse3 cx16 sse4.1 sse4.2 popcnt lahf-lm" },
    { .name = "x86-64-v3",
      .doc = "psABI level 3",
      .vendor = INTEL,
      .family = 6,
      .model = 60,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "x86-64-v3",
      .base = "x86-64-v2",
      .features = "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave" },
    { .name = "x86-64-v4",
      .doc = "psABI level 4",
      .vendor = INTEL,
      .family = 6,
      .model = 85,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "x86-64-v4",
      .base = "x86-64-v3",
      .features = "avx512f avx512bw avx512cd avx512dq avx512vl" },
    { .name = "Nehalem",
      .doc = "Intel Core i7 9xx (Nehalem Class Core i7)",
      .vendor = INTEL,
      .family = 6,
      .model = 26,
      .stepping = 3,
      .level = 11,
      .xlevel = 0x80000008,
      .brand = "Intel Core i7 9xx (Nehalem Class Core i7)",
      .base = "x86-64-v2" },
    { .name = "SandyBridge",
      .doc = "Intel Xeon E312xx (Sandy Bridge)",
      .vendor = INTEL,
      .family = 6,
      .model = 42,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Xeon E312xx (Sandy Bridge)",
      .base = "Nehalem",
      .features = "pclmulqdq x2apic tsc-deadline aes xsave avx rdtscp xsaveopt arat" },
    { .name = "Haswell",
      .doc = "Intel Core Processor (Haswell)",
      .vendor = INTEL,
      .family = 6,
      .model = 60,
      .stepping = 4,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Core Processor (Haswell)",
      .base = "SandyBridge",
      .features = "f16c rdrand fsgsbase smep erms fma pcid movbe bmi1 hle avx2 bmi2 invpcid rtm "
                  "abm" },
    { .name = "Broadwell",
      .doc = "Intel Core Processor (Broadwell)",
      .vendor = INTEL,
      .family = 6,
      .model = 61,
      .stepping = 2,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Core Processor (Broadwell)",
      .base = "Haswell",
      .features = "rdseed adx smap 3dnowprefetch" },
    { .name = "Skylake-Client",
      .doc = "Intel Core Processor (Skylake)",
      .vendor = INTEL,
      .family = 6,
      .model = 94,
      .stepping = 3,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Core Processor (Skylake)",
      .base = "Broadwell",
      .features = "xsavec xgetbv1" },
    { .name = "Skylake-Server",
      .doc = "Intel Xeon Processor (Skylake)",
      .vendor = INTEL,
      .family = 6,
      .model = 85,
      .stepping = 4,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Xeon Processor (Skylake)",
      .base = "Skylake-Client",
      .features = "pdpe1gb clwb clflushopt avx512f avx512dq avx512bw avx512cd avx512vl" },
    { .name = "Cascadelake-Server",
      .doc = "Intel Xeon Processor (Cascadelake)",
      .vendor = INTEL,
      .family = 6,
      .model = 85,
      .stepping = 6,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Xeon Processor (Cascadelake)",
      .base = "Skylake-Server",
      .features = "pku avx512vnni spec-ctrl ssbd" },
    { .name = "Icelake-Server",
      .doc = "Intel Xeon Processor (Icelake)",
      .vendor = INTEL,
      .family = 6,
      .model = 134,
      .stepping = 0,
      .level = 0xd,
      .xlevel = 0x80000008,
      .brand = "Intel Xeon Processor (Icelake)",
      .base = "Cascadelake-Server",
      .features = "avx512vbmi umip avx512vbmi2 gfni vaes vpclmulqdq avx512bitalg "
                  "avx512-vpopcntdq la57 wbnoinvd" },
    { .name = "EPYC",
      .doc = "AMD EPYC Processor",
      .vendor = AMD,
      .family = 23,
      .model = 1,
      .stepping = 2,
      .level = 0xd,
      .xlevel = 0x8000001e,
      .brand = "AMD EPYC Processor",
      .base = "x86-64-v3",
      .features = "aes pclmulqdq rdrand fsgsbase smep rdseed adx smap clflushopt sha-ni mmxext "
                  "fxsr-opt pdpe1gb rdtscp cr8legacy sse4a misalignsse 3dnowprefetch osvw svm "
                  "xsaveopt xsavec xgetbv1 arat" },
    { .name = "EPYC-Rome",
      .doc = "AMD EPYC-Rome Processor",
      .vendor = AMD,
      .family = 23,
      .model = 49,
      .stepping = 0,
      .level = 0xd,
      .xlevel = 0x8000001e,
      .brand = "AMD EPYC-Rome Processor",
      .base = "EPYC",
      .features = "clwb umip rdpid topoext perfctr-core clzero xsaveerptr wbnoinvd ibpb amd-stibp "
                  "xsaves" },
    { .name = "EPYC-Milan",
      .doc = "AMD EPYC-Milan Processor",
      .vendor = AMD,
      .family = 25,
      .model = 1,
      .stepping = 1,
      .level = 0xd,
      .xlevel = 0x8000001e,
      .brand = "AMD EPYC-Milan Processor",
      .base = "EPYC-Rome",
      .features = "pcid erms invpcid pku vaes vpclmulqdq fsrm ibrs amd-ssbd" },
};
const unsigned x86_n_models = G_N_ELEMENTS(x86_models);

const X86Model *x86_model_find(const char *name)
{
    for (unsigned i = 0; i < x86_n_models; i++) {
        if (!strcmp(x86_models[i].name, name)) {
            return &x86_models[i];
        }
    }
    return NULL;
}

int x86_feature_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < x86_n_features; i++) {
        if (!strncmp(x86_features[i].name, name, len) && !x86_features[i].name[len]) {
            return (int)i;
        }
    }
    return -1;
}

void x86_model_words(const X86Model *m, uint32_t words[X86_F_WORDS])
{
    const char *p = m->features ? m->features : "";

    if (m->base) {
        x86_model_words(x86_model_find(m->base), words);
    } else {
        memset(words, 0, X86_F_WORDS * sizeof(words[0]));
    }
    while (*p) {
        size_t len = strcspn(p, " ");
        int n = x86_feature_find(p, len);

        if (n >= 0) {
            words[x86_features[n].word] |= 1u << x86_features[n].bit;
        }
        p += len;
        p += strspn(p, " ");
    }
}

/* Volume 2, figure 3-6: families from 15 on, and models from 16 on, have extended parts. */
uint32_t x86_model_signature(const X86Model *m)
{
    unsigned family = m->family > 15 ? 15 : m->family;

    return m->stepping | (m->model & 15) << 4 | family << 8 | (m->model >> 4) << 16 |
           (m->family - family) << 20;
}

void x86_feature_names(unsigned word, uint32_t bits, GString *out)
{
    for (unsigned i = 0; i < x86_n_features; i++) {
        if (x86_features[i].word == word && bits >> x86_features[i].bit & 1) {
            g_string_append_printf(out, "%s%s", out->len ? " " : "", x86_features[i].name);
            bits &= ~(1u << x86_features[i].bit);
        }
    }
    if (bits) {
        g_string_append_printf(out, "%s(leaf 0x%x: 0x%x)", out->len ? " " : "",
                               x86_words[word].leaf, bits);
    }
}
