/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case on our own machine: one CPU in user mode, the scratch memory and the code in its TLB,
 * everything else misses. An exception halts the CPU at its vector.
 */
#include "tests/diff/mips/mips-run.h"

#include "accel/accel.h"
#include "core/icount.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/mips/cpu.h"
#include "target/mips/fp.h"
#include "target/mips/model.h"

#include <stdio.h>
#include <string.h>

enum {
    RUN_RAM_BYTES = 0x100000,
    RUN_CODE = 0x10000, /* physical */
    RUN_SCRATCH = 0x20000,
    RUN_SLICE = 1000000, /* instructions, where they are counted */
    WAIT = 0x42000020,
    BRANCH_BACK = 0x1000fffe,                 /* b .-4 */
    LO_CACHED = 3 << 3 | 1 << 2 | 1 << 1 | 1, /* C, D, V, G */
};

static struct {
    Machine *machine;
    MipsCpu *cpu;
    uint8_t *ram;
    bool big, fr;
} run;

/* As the CPU fetches it. */
static uint32_t run_word(uint32_t insn)
{
    return run.big ? GUINT32_TO_BE(insn) : GUINT32_TO_LE(insn);
}

static void run_map(MipsTlbEntry *e, uint32_t va, uint32_t pa)
{
    *e = (MipsTlbEntry){ .vpn2 = va & ~0x1fffu, .mask = 0x1fff, .global = 1 };
    e->lo[0] = pa >> 12 << 6 | LO_CACHED;
    e->lo[1] = (pa + 0x1000) >> 12 << 6 | LO_CACHED;
}

static const uint32_t vectors[] = { 0x000, 0x080, 0x180 };

static void run_tables(void)
{
    for (unsigned i = 0; i < 3; i++) {
        uint32_t *v = (uint32_t *)(run.ram + vectors[i]);

        v[0] = run_word(WAIT);
        v[1] = run_word(BRANCH_BACK);
        v[2] = 0;
    }
    run_map(&run.cpu->tlb[0], CASE_CODE, RUN_CODE);
    run.cpu->tlb[0].lo[1] = 1; /* the oracle has one page */
    for (unsigned i = 0; i < CASE_SCRATCH_BYTES; i += 0x2000) {
        run_map(&run.cpu->tlb[1 + i / 0x2000], CASE_SCRATCH + i, RUN_SCRATCH + i);
    }
}

bool mips_run_init(const char *cpu, bool big, bool fr, const char *backend, const char *more)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *name = g_strconcat(cpu, "-mips-cpu", NULL);
    g_autofree char *options =
        g_strdup_printf("%s%s%s%s", backend ? "backend=" : "", backend ? backend : "",
                        backend && more ? "," : "", more ? more : "");
    const DeviceType *type = NULL;
    RamBlock *ram;

    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        type = strcmp((*t)->name, name) ? type : *t;
    }
    run.big = big;
    run.fr = fr;
    run.machine = type ? machine_new(&err) : NULL;
    ram = run.machine ? ram_new(run.machine, "ram", RUN_RAM_BYTES, RAM_SHARED, &err) : NULL;
    if (ram) {
        region_add(machine_memory_root(run.machine),
                   region_new_ram(run.machine, "ram", ram, 0, RUN_RAM_BYTES), 0, 0);
        run.ram = ram->host;
        machine_add_types(run.machine, mips_cpu_types);
        run.cpu = mips_cpu(cpu_new(run.machine, type, NULL, "cpu0"));
        device_set_bool(&run.cpu->cpu.dev, "big-endian", big);
    }
    bool good = run.cpu && device_realize(&run.cpu->cpu.dev, &err) &&
                accel_attach(run.machine, &accel_tcg, *options ? options : NULL, &err);

    for (unsigned i = 0; good && i < G_N_ELEMENTS(vectors); i++) {
        if (mips_cpu_has(run.cpu, MIPS_FEAT_LEGACY)) { /* has no WAIT */
            cpu_breakpoint_add(&run.cpu->cpu, (GuestVirt)(int32_t)(0x80000000 + vectors[i]));
        }
    }
    if (!good || !machine_start(run.machine, &err)) {
        fprintf(stderr, "mips-diff: %s: %s\n", cpu, err ? err->message : "no such CPU");
        return false;
    }
    return true;
}

uint64_t mips_run_features(void)
{
    return run.cpu->features;
}

/* The code in the guest's byte order. */
static void run_code(const MipsCase *c, uint32_t *to)
{
    uint32_t code[CASE_OTHER_ISA / 4 + 1];
    uint16_t *half = (uint16_t *)code;
    bool micro = mips_cpu_has(run.cpu, MIPS_FEAT_MICROMIPS);

    memcpy(code, to, sizeof(code));
    case_code(code, c, micro ? CASE_BREAK_MICROMIPS : CASE_BREAK_M16);
    for (unsigned i = 0; i < G_N_ELEMENTS(code); i++) {
        bool other = i >= CASE_OTHER_ISA / 4;

        if (!other && i >= CASE_INSNS + CASE_ENDS) {
            continue;
        }
        if (!c->in.isa == other) {
            half[2 * i] = run.big ? GUINT16_TO_BE(half[2 * i]) : GUINT16_TO_LE(half[2 * i]);
            half[2 * i + 1] =
                run.big ? GUINT16_TO_BE(half[2 * i + 1]) : GUINT16_TO_LE(half[2 * i + 1]);
        } else {
            code[i] = run_word(code[i]);
        }
    }
    memcpy(to, code, sizeof(code));
    ram_wrote(ram_first(run.machine), RUN_CODE, sizeof(code));
}

static void run_load(const MipsCase *c)
{
    MipsCpu *m = run.cpu;
    uint32_t *code = (uint32_t *)(run.ram + RUN_CODE);
    bool fpu = mips_cpu_has(m, MIPS_FEAT_FPU);

    case_fill((uint64_t *)(run.ram + RUN_SCRATCH), c->seed);
    run_code(c, code);
    for (unsigned i = 0; i < 32; i++) {
        m->r[i] = c->in.r[i];
        m->f[i].u64[0] = c->in.f[i][0];
        m->f[i].u64[1] = c->in.f[i][1];
    }
    memcpy(m->hi, c->in.hi, sizeof(m->hi));
    memcpy(m->lo, c->in.lo, sizeof(m->lo));
    m->dspcontrol = c->in.dspcontrol;
    m->pc = CASE_CODE;
    m->in_slot = m->half = 0;
    m->isa16 = c->in.isa != 0;
    m->msacsr = c->in.msacsr;
    m->cp0[CP0_CONFIG5] |= mips_cpu_has(m, MIPS_FEAT_MSA) ? CONFIG5_MSAEN : 0;
    mips_fp_set_control(m, c->in.fcr31 | m->model->fcr31);
    m->cp0[CP0_STATUS] = 2 << STATUS_KSU_SHIFT | (fpu ? STATUS_CU1 : 0) |
                         (fpu && run.fr ? STATUS_FR : 0) |
                         (mips_cpu_has(m, MIPS_FEAT_DSP) ? STATUS_MX : 0) |
                         (mips_cpu_has(m, MIPS_FEAT_MMI) ? STATUS_CU2 : 0) |
                         (mips_cpu_has(m, MIPS_FEAT_M64) ? STATUS_UX : 0);
    m->cp0[CP0_CAUSE] = 0;
    if (accel_tcg.state_changed) {
        accel_tcg.state_changed(&m->cpu);
    }
}

static void run_capture(MipsResult *r)
{
    MipsCpu *m = run.cpu;
    uint32_t cause = (uint32_t)m->cp0[CP0_CAUSE], code = cause >> 2 & 31;
    uint32_t isa = mips_cpu_has(m, MIPS_FEAT_ISA16) ? m->cp0[CP0_EPC] & 1 : 0;
    uint64_t pc = m->cp0[CP0_EPC] - isa, past = pc - (CASE_CODE + 4 * CASE_INSNS);

    memset(r, 0, sizeof(*r));
    switch (code) {
    case EXC_BP:
        r->end = past < 4 * CASE_ENDS ? CASE_DONE : CASE_OTHER;
        break;
    case EXC_RI:
    case EXC_CPU:
        r->end = CASE_UNDEFINED;
        break;
    case EXC_TLBL:
    case EXC_TLBS:
    case EXC_ADEL:
    case EXC_ADES:
    case EXC_MOD:
        r->end = CASE_FAULT;
        r->fault = m->cp0[CP0_BADVADDR];
        break;
    default:
        r->end = CASE_OTHER;
        break;
    }
    r->signal = code;
    r->in_slot = cause >> 31;
    for (unsigned i = 0; i < 32; i++) {
        r->out.r[i] = m->r[i];
        r->out.f[i][0] = run.fr || i % 2 == 0 ? m->f[i].u64[0] : 0;
        r->out.f[i][1] = mips_cpu_has(m, MIPS_FEAT_MSA) ? m->f[i].u64[1] : 0;
    }
    memcpy(r->out.hi, m->hi, sizeof(r->out.hi));
    memcpy(r->out.lo, m->lo, sizeof(r->out.lo));
    r->out.dspcontrol = m->dspcontrol;
    r->out.msacsr = m->msacsr;
    r->out.pc = pc;
    r->out.isa = isa;
    r->out.fcr31 = mips_fp_control(m);
    r->memory = case_hash((const uint64_t *)(run.ram + RUN_SCRATCH));
}

typedef struct RunArgs {
    const MipsCase *c;
    MipsResult *r;
} RunArgs;

/* On the vCPU's thread. */
static void run_on_cpu(Cpu *cpu, void *arg)
{
    RunArgs *a = arg;

    if (!run.cpu->tlb[0].global) {
        run_tables();
    }
    run_load(a->c);
    for (unsigned tries = 0; tries < 1000; tries++) {
        cpu->icount_left = cpu->icount_kept = 0;
        if (icount_is_single(run.machine)) {
            cpu->icount_left = RUN_SLICE;
        }
        CpuExit why = cpu->accel_ops->run(cpu);

        if (why == CPU_EXIT_HALTED || why == CPU_EXIT_DEBUG) {
            break;
        }
        cpu_take_requests(cpu, UINT32_MAX);
    }
    run_capture(a->r);
}

void mips_run(const MipsCase *c, MipsResult *r)
{
    RunArgs a = { c, r };

    cpu_run_on_wait(&run.cpu->cpu, run_on_cpu, &a);
}
