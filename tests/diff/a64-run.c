/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case on our own machine: one CPU at EL0, the scratch memory and the code mapped, everything
 * else faults. An exception to EL1 halts the CPU at its vector.
 */
#include "tests/diff/a64-run.h"

#include "accel/accel.h"
#include "core/icount.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/arm/cpu.h"
#include "target/arm/sysreg.h"

#include <stdio.h>
#include <string.h>

enum {
    RUN_RAM = 0x40000000,
    RUN_RAM_BYTES = 0x30000000,
    RUN_TABLES = 0x40000000,
    RUN_VECTORS = 0x40010000,
    RUN_SLICE = 1000000, /* instructions, where they are counted */
    WFI = 0xd503207f,
    BRANCH_BACK = 0x17ffffff,        /* b .-4 */
    PTE_PAGE = 1 << 10 | 3 << 8 | 3, /* AF, inner shareable, valid */
    PTE_EL0 = 1 << 6,
};

static __thread struct {
    Machine *machine;
    ArmCpu *cpu;
    uint8_t *ram;
} run;

static uint64_t *run_table(uint64_t addr)
{
    return (uint64_t *)(run.ram + (addr - RUN_RAM));
}

/* 4 KiB granule, 39-bit addresses: levels 1 to 3 at RUN_TABLES. */
static void run_map(uint64_t va, uint64_t flags)
{
    uint64_t *l1 = run_table(RUN_TABLES), *l2 = run_table(RUN_TABLES + 0x1000);
    unsigned i2 = va >> 21 & 511;
    static const uint64_t first_l3 = RUN_TABLES + 0x2000;

    l1[va >> 30] = (RUN_TABLES + 0x1000) | 3;
    if (!l2[i2]) {
        unsigned used = 0;

        for (unsigned i = 0; i < 512; i++) {
            used += l2[i] != 0;
        }
        l2[i2] = (first_l3 + used * 0x1000ull) | 3;
    }
    run_table(l2[i2] & ~0xfffull)[va >> 12 & 511] = va | PTE_PAGE | flags;
}

static void run_tables(void)
{
    for (unsigned i = 0; i < CASE_SCRATCH_BYTES; i += 0x1000) {
        run_map(CASE_SCRATCH + i, PTE_EL0);
    }
    run_map(CASE_CODE, PTE_EL0);
    run_map(RUN_VECTORS, 0);
    for (unsigned i = 0; i < 16; i++) {
        uint32_t *v = (uint32_t *)(run.ram + (RUN_VECTORS - RUN_RAM) + i * 0x80);

        v[0] = WFI;
        v[1] = BRANCH_BACK;
    }
}

bool a64_run_init(const char *backend, const char *more)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *options =
        backend || more
            ? g_strdup_printf("%s%s%s%s", backend ? "backend=" : "", backend ? backend : "",
                              backend && more ? "," : "", more ? more : "")
            : NULL;
    RamBlock *ram;

    run.machine = machine_new(&err);
    ram = run.machine ? ram_new(run.machine, "ram", RUN_RAM_BYTES, RAM_SHARED, &err) : NULL;
    if (ram) {
        region_add(machine_memory_root(run.machine),
                   region_new_ram(run.machine, "ram", ram, 0, RUN_RAM_BYTES), RUN_RAM, 0);
        run.ram = ram->host;
        machine_add_types(run.machine, arm_cpu_types);
        run.cpu = arm_cpu_new(run.machine, "max", 0, &err);
    }
    if (!run.cpu || !device_realize(&run.cpu->cpu.dev, &err) ||
        !accel_attach(run.machine, &accel_tcg, options, &err) ||
        !machine_start(run.machine, &err)) {
        fprintf(stderr, "a64-diff: %s\n", err ? err->message : "no machine");
        return false;
    }
    return true;
}

static void run_load(const A64Case *c)
{
    ArmCpu *a = run.cpu;
    uint32_t *code = (uint32_t *)(run.ram + (CASE_CODE - RUN_RAM));
    RamBlock *ram = ram_first(run.machine);

    case_fill((uint64_t *)(run.ram + (CASE_SCRATCH - RUN_RAM)), c->seed);
    memcpy(code, c->code, sizeof(c->code));
    for (unsigned i = 0; i < 4; i++) {
        code[CASE_INSNS + i] = 0xd4200000 | CASE_END << 5;
    }
    ram_wrote(ram, CASE_CODE - RUN_RAM, (CASE_INSNS + 4) * 4);

    memcpy(a->x, c->in.x, sizeof(a->x));
    memcpy(a->v, c->in.v, sizeof(a->v));
    a->sp = a->sp_el[0] = c->in.sp;
    a->pc = CASE_CODE;
    a->flags = ir_flags_pack((uint32_t)c->in.nzcv);
    a->el = 0;
    a->sp_sel = 0;
    a->daif = 0;
    a->pan = a->uao = 0;
    a->btype = 0;
    arm_fpcr_write(a, c->in.fpcr);
    arm_fpsr_write(a, c->in.fpsr);
    a->sys.sctlr[1] = 1 | 1 << 2 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 26;
    a->sys.cpacr[0] = 3 << 20;
    a->sys.ttbr0[1] = RUN_TABLES;
    a->sys.tcr[1] = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 5ull << 32 | 1ull << 37;
    a->sys.mair[1] = 0xff;
    a->sys.vbar[1] = RUN_VECTORS;
    if (accel_tcg.state_changed) {
        accel_tcg.state_changed(&a->cpu);
    }
}

static void run_capture(A64Result *r)
{
    ArmCpu *a = run.cpu;
    uint32_t esr = (uint32_t)a->sys.esr[1], ec = esr >> 26;

    memset(r, 0, sizeof(*r));
    r->end = ec == 0x3c                                             ? CASE_DONE
             : ec == 0                                              ? CASE_UNDEFINED
             : ec == 0x24 || ec == 0x20 || ec == 0x22 || ec == 0x26 ? CASE_FAULT
                                                                    : CASE_OTHER;
    r->signal = ec;
    r->fault = r->end == CASE_FAULT ? a->sys.far[1] : 0;
    memcpy(r->out.x, a->x, sizeof(a->x));
    memcpy(r->out.v, a->v, sizeof(a->v));
    r->out.sp = a->sp_el[0];
    r->out.pc = a->elr_el[1];
    r->out.nzcv = a->spsr_el[1] & 0xf0000000;
    r->out.fpcr = a->fpcr;
    r->out.fpsr = arm_fpsr_read(a);
    r->memory = case_hash((const uint64_t *)(run.ram + (CASE_SCRATCH - RUN_RAM)));
}

typedef struct RunArgs {
    const A64Case *c;
    A64Result *r;
    Machine *machine;
    ArmCpu *cpu;
    uint8_t *ram;
} RunArgs;

/* On the vCPU's thread. */
static void run_on_cpu(Cpu *cpu, void *arg)
{
    RunArgs *a = arg;

    run.machine = a->machine;
    run.cpu = a->cpu;
    run.ram = a->ram;
    if (!run_table(RUN_TABLES)[1]) {
        run_tables();
    }
    run_load(a->c);
    for (unsigned tries = 0; tries < 1000; tries++) {
        cpu->icount_left = cpu->icount_kept = 0;
        if (icount_is_single(a->machine)) {
            cpu->icount_left = RUN_SLICE;
        }
        if (cpu->accel_ops->run(cpu) == CPU_EXIT_HALTED) {
            break;
        }
        cpu_take_requests(cpu, UINT32_MAX);
    }
    run_capture(a->r);
}

void a64_run(const A64Case *c, A64Result *r)
{
    RunArgs a = { c, r, run.machine, run.cpu, run.ram };

    cpu_run_on_wait(&run.cpu->cpu, run_on_cpu, &a);
}

GArray *a64_run_counters(void)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(AccelCounter));

    accel_tcg.counters(machine_accel_state(run.machine), all);
    return all;
}

void a64_run_map(uint64_t va, uint64_t bytes)
{
    if (!run_table(RUN_TABLES)[1]) {
        run_tables();
    }
    for (uint64_t i = 0; i < bytes; i += 0x1000) {
        run_map(va + i, PTE_EL0);
    }
}

void *a64_run_memory(uint64_t va)
{
    return run_table(va);
}

void a64_run_swap(A64Machine *other)
{
    A64Machine mine = { run.machine, run.cpu, run.ram };

    run.machine = other->machine;
    run.cpu = other->cpu;
    run.ram = other->ram;
    *other = mine;
}
