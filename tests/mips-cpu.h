/* SPDX-License-Identifier: Apache-2.0 */
/* A MIPS CPU with RAM alone, which runs a few words. */
#ifndef TESTS_MIPS_CPU_H
#define TESTS_MIPS_CPU_H

#include "accel/accel.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/mips/cp0.h"
#include "target/mips/cpu.h"
#include "target/mips/helper.h"
#include "target/mips/tlb.h"
#include "tests/unit.h"

#include <string.h>

enum {
    RAM_BYTES = 0x10000,
    CODE = 0x1000,
    VECTOR = 0x180,
    WAIT = 0x42000020,
    BRANCH_BACK = 0x1000fffe, /* b .-4 */
};

typedef struct Bench {
    Machine *machine;
    MipsCpu *cpu;
    uint8_t *ram;
    uint32_t code[4];
    uint64_t status, config5;
    uint32_t at; /* the code, in kseg0 */
} Bench;

static inline void bench_ready(Cpu *cpu, void *opaque)
{
}

/* @boolean: a property of the CPU that is set; NULL: none. */
static inline void bench_make_with(Bench *b, const char *model, const char *boolean)
{
    g_autoptr(GError) err = NULL;
    const DeviceType *type = NULL;
    RamBlock *ram;

    memset(b, 0, sizeof(*b));
    b->at = CODE;
    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        type = strcmp((*t)->name, model) ? type : *t;
    }
    b->machine = machine_new(&err);
    ram = ram_new(b->machine, "ram", RAM_BYTES, RAM_SHARED, &err);
    b->ram = ram->host;
    region_add(machine_memory_root(b->machine),
               region_new_ram(b->machine, "ram", ram, 0, RAM_BYTES), 0, 0);
    machine_add_types(b->machine, mips_cpu_types);
    b->cpu = mips_cpu(cpu_new(b->machine, type, NULL, "cpu0"));
    if (boolean) {
        device_set_bool(&b->cpu->cpu.dev, boolean, true);
    }
    EXPECT(device_realize(&b->cpu->cpu.dev, &err));
    EXPECT(accel_attach(b->machine, &accel_tcg, NULL, &err));
    EXPECT(machine_start(b->machine, &err));
    /* Its thread has done what a start asks of it: tests write registers from theirs. */
    cpu_run_on_wait(&b->cpu->cpu, bench_ready, NULL);
}

static inline void bench_make(Bench *b, const char *model)
{
    bench_make_with(b, model, NULL);
}

/* Until a WAIT. */
static inline void bench_until_wait(Cpu *cpu)
{
    accel_tcg.state_changed(cpu);
    for (unsigned tries = 0; tries < 100; tries++) {
        if (cpu->accel_ops->run(cpu) == CPU_EXIT_HALTED) {
            break;
        }
        cpu_take_requests(cpu, UINT32_MAX);
    }
}

/* From b->at in kseg0 until the vector's WAIT. */
static inline void bench_on_cpu(Cpu *cpu, void *opaque)
{
    static const uint32_t vector[] = { WAIT, BRANCH_BACK, 0 };
    Bench *b = opaque;
    MipsCpu *c = b->cpu;

    memcpy(b->ram + VECTOR, vector, sizeof(vector));
    memcpy(b->ram + b->at, b->code, sizeof(b->code));
    ram_wrote(ram_first(b->machine), 0, RAM_BYTES);
    c->pc = mips_cpu_has(c, MIPS_FEAT_M64) ? 0xffffffff80000000 + b->at : 0x80000000u + b->at;
    c->in_slot = 0;
    c->cp0[CP0_STATUS] = b->status;
    c->cp0[CP0_CAUSE] = 0;
    c->cp0[CP0_CONFIG5] = (c->cp0[CP0_CONFIG5] & ~(uint64_t)CONFIG5_MSAEN) | b->config5;
    bench_until_wait(cpu);
}

/* ExcCode of the words, which are followed by a BREAK. */
static inline unsigned bench_code(Bench *b, uint32_t first, uint32_t second)
{
    const uint32_t code[] = { first, second, 0x0000000d, 0 };

    memcpy(b->code, code, sizeof(code));
    cpu_run_on_wait(&b->cpu->cpu, bench_on_cpu, b);
    return b->cpu->cp0[CP0_CAUSE] >> 2 & 31;
}

#endif
