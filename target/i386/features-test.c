/* SPDX-License-Identifier: Apache-2.0 */
#include "target/i386/features.h"

#include "accel/kvm/kvm-bench.h"
#include "target/i386/cpu.h"
#include "tests/unit.h"

#include <string.h>

/* Every name in the models' lists is a feature, and every base a model. */
TEST(x86_models, names_are_known)
{
    for (unsigned i = 0; i < x86_n_models; i++) {
        const X86Model *m = &x86_models[i];
        g_auto(GStrv) names = g_strsplit(m->features ? m->features : "", " ", -1);

        EXPECT(!m->base || x86_model_find(m->base));
        for (char **n = names; *n; n++) {
            if (**n && x86_feature_find(*n, strlen(*n)) < 0) {
                test_fail(__FILE__, __LINE__, "%s has %s", m->name, *n);
            }
        }
    }
}

TEST(x86_models, signatures)
{
    EXPECT_EQ(x86_model_signature(x86_model_find("Nehalem")), 0x106a3);
    EXPECT_EQ(x86_model_signature(x86_model_find("Skylake-Server")), 0x50654);
    EXPECT_EQ(x86_model_signature(x86_model_find("EPYC")), 0x800f12);
    EXPECT_EQ(x86_model_signature(x86_model_find("EPYC-Milan")), 0xa00f11);
}

TEST(x86_models, levels)
{
    uint32_t v2[X86_F_WORDS], v3[X86_F_WORDS], v4[X86_F_WORDS], haswell[X86_F_WORDS];

    x86_model_words(x86_model_find("x86-64-v2"), v2);
    x86_model_words(x86_model_find("x86-64-v3"), v3);
    x86_model_words(x86_model_find("x86-64-v4"), v4);
    x86_model_words(x86_model_find("Haswell"), haswell);
    EXPECT_EQ(v2[X86_F_1_ECX] >> 20 & 1, 1);     /* SSE4.2 */
    EXPECT_EQ(v3[X86_F_7_EBX] & 1 << 5, 1 << 5); /* AVX2 */
    EXPECT_EQ(v2[X86_F_7_EBX], 0);
    for (unsigned w = 0; w < X86_F_WORDS; w++) {
        EXPECT_EQ(v2[w] & ~v3[w], 0);
        EXPECT_EQ(v3[w] & ~v4[w], 0);
        EXPECT_EQ(v3[w] & ~haswell[w], 0); /* "v3" is close to Haswell */
    }
}

/* Stores leaf 1 at 500h, leaf 0 at 510h, 40000000h at 520h, 80000002h at 530h; then loops. */
static const uint8_t asks[] = {
    0x31, 0xc0, 0x8e, 0xd8,             /* xor ax, ax; mov ds, ax */
    0xbf, 0x00, 0x05,                   /* mov di, 500h */
    0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, /* mov eax, 1 */
    0xe8, 0x20, 0x00,                   /* call store */
    0x66, 0x31, 0xc0,                   /* xor eax, eax */
    0xe8, 0x1a, 0x00,                   /* call store */
    0x66, 0xb8, 0x00, 0x00, 0x00, 0x40, /* mov eax, 40000000h */
    0xe8, 0x11, 0x00,                   /* call store */
    0x66, 0xb8, 0x02, 0x00, 0x00, 0x80, /* mov eax, 80000002h */
    0xe8, 0x08, 0x00,                   /* call store */
    0xe6, 0x80, 0xeb, 0xfc,             /* out 80h, al; jmp to it */
    0x90, 0x90, 0x90, 0x90,             /* */
    0x66, 0x31, 0xc9,                   /* store: xor ecx, ecx */
    0x0f, 0xa2,                         /* cpuid */
    0x66, 0x89, 0x05,                   /* mov [di], eax */
    0x66, 0x89, 0x5d, 0x04,             /* mov [di+4], ebx */
    0x66, 0x89, 0x4d, 0x08,             /* mov [di+8], ecx */
    0x66, 0x89, 0x55, 0x0c,             /* mov [di+12], edx */
    0x83, 0xc7, 0x10,                   /* add di, 16 */
    0xc3,                               /* ret */
};

/* @shown (may be NULL): what leaf 1 of the model is; a KVM may add the host's to it. */
static bool models_ask(const char *cpu, uint32_t out[16], X86Cpuid *shown, GError **err)
{
    Machine *m = kvm_machine_cpu(asks, sizeof(asks), cpu, err);
    const X86Cpu *c;

    if (!m || !machine_resume(m, err)) {
        return false;
    }
    c = x86_cpu(machine_cpu(m, 0));
    for (unsigned i = 0; shown && i < c->n_cpuid; i++) {
        if (c->cpuid[i].leaf == 1) {
            *shown = c->cpuid[i];
        }
    }
    g_usleep(50000);
    machine_pause(m, RUN_PAUSED);
    EXPECT_EQ(aspace_read(machine_memory(m), 0x500, out, 64, (MemAttrs){ 0 }), MEM_OK);
    machine_free(m);
    return true;
}

TEST(x86_models, guest_sees_the_model)
{
    g_autoptr(GError) err = NULL;
    uint32_t v[16] = { 0 };
    X86Cpuid leaf1 = { 0 };

    if (kvm_is_missing()) {
        return;
    }
    EXPECT(models_ask("Nehalem,-sse2,check=off", v, &leaf1, &err));
    EXPECT_EQ(v[0], 0x106a3);
    EXPECT_EQ(leaf1.eax, 0x106a3);
    EXPECT_EQ(leaf1.edx & 1 << 26, 0);       /* no SSE2 */
    EXPECT_EQ(leaf1.edx & 1 << 25, 1 << 25); /* SSE */
    EXPECT_EQ(leaf1.ecx & 1 << 28, 0);       /* no AVX */
    EXPECT_EQ(leaf1.ecx & ~v[2], 0);
    EXPECT_EQ(leaf1.edx & ~v[3], 0);
    EXPECT(v[4] <= 11);
    EXPECT(!memcmp(&v[5], "Genu", 4) && !memcmp(&v[7], "ineI", 4) && !memcmp(&v[6], "ntel", 4));
    EXPECT(!memcmp(&v[9], "KVMKVMKVM", 9));
    EXPECT(!memcmp(&v[12], "Intel Core i7 9x", 16));
    EXPECT(models_ask("EPYC,kvm=off,check=off", v, NULL, &err));
    EXPECT_EQ(v[0], 0x800f12);
    EXPECT(!memcmp(&v[5], "Auth", 4));
    EXPECT(memcmp(&v[9], "KVMKVMKVM", 9) != 0);
}

TEST(x86_models, what_the_host_lacks_is_named)
{
    g_autoptr(GError) err = NULL;
    uint32_t v[16];

    if (kvm_is_missing()) {
        return;
    }
    EXPECT(!models_ask("kvm64,+3dnow,enforce=on", v, NULL, &err));
    EXPECT(err && strstr(err->message, "3dnow"));
    g_clear_error(&err);
    EXPECT(!models_ask("kvm64,nosuch=on", v, NULL, &err));
    EXPECT(err != NULL);
}
