/* SPDX-License-Identifier: Apache-2.0 */
/* A machine of one CPU that runs programs to their first exception, or step by step. */
#include "tests/diff/exact.h"

#include "accel/accel.h"
#include "accel/tcg/tcg.h"
#include "core/machine.h"
#include "core/memory/memory.h"
#include "target/arm/cpu.h"
#include "target/arm/exception.h"
#include "target/arm/sysreg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bits of descriptors, DDI 0487, D8.3. */
enum {
    PTE_PAGE = 3,
    PTE_TABLE = 3,
    PTE_DEVICE = 1 << 2, /* attribute 1 */
    PTE_USER = 1 << 6,
    PTE_READ_ONLY = 1 << 7,
    PTE_SHARED = 3 << 8,
    PTE_AF = 1 << 10,
    ERET = 0xd69f03e0,
};

struct ExactMachine {
    Machine *machine;
    ArmCpu *cpu;
    uint8_t *ram;
    uint64_t device; /* hash of what the device saw */
    uint64_t accesses, raise_at;
    unsigned n_tables;
    void (*fn)(ExactMachine *m, void *arg);
    void *arg;
};

typedef struct ExactDevice {
    Device dev;
    ExactMachine *of;
} ExactDevice;

/* ---- the device ---- */

static void exact_device_access(ExactMachine *m, uint64_t what)
{
    m->device = (m->device ^ what) * 0x9fb21c651e98df25;
    m->device ^= m->device >> 29;
    m->accesses++;
    if (m->accesses == m->raise_at) {
        cpu_set_line(&m->cpu->cpu, ARM_LINE_IRQ, true);
    }
}

static MemResult exact_device_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t *val)
{
    ExactMachine *m = device_as(dev, ExactDevice)->of;

    exact_device_access(m, off << 8 | size);
    *val = off * 0x0101010101010101ull;
    return MEM_OK;
}

static MemResult exact_device_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t val)
{
    exact_device_access(device_as(dev, ExactDevice)->of, (off << 8 | size | 0x80) ^ val << 24);
    return MEM_OK;
}

static const DeviceType exact_device = {
    .name = "exact-device",
    .doc = "hashes its accesses and raises an interrupt at one of them",
    .size = sizeof(ExactDevice),
    .mmio_size = 0x1000,
    .read = exact_device_read,
    .write = exact_device_write,
};

/* ---- tables ---- */

static uint64_t *exact_word(ExactMachine *m, uint64_t addr)
{
    return (uint64_t *)(m->ram + (addr - EXACT_RAM));
}

static uint64_t *exact_l2(ExactMachine *m, uint64_t va)
{
    exact_word(m, EXACT_TABLES)[va >> 30] = (EXACT_TABLES + 0x1000) | PTE_TABLE;
    return &exact_word(m, EXACT_TABLES + 0x1000)[va >> 21 & 511];
}

static void exact_map(ExactMachine *m, uint64_t va, uint64_t pa, uint64_t flags)
{
    uint64_t *l2 = exact_l2(m, va);

    if (!*l2) {
        *l2 = (EXACT_TABLES + 0x2000 + m->n_tables++ * 0x1000ull) | PTE_TABLE;
    }
    exact_word(m, *l2 & ~0xfffull)[va >> 12 & 511] = flags ? pa | flags : 0;
}

static void exact_map_zone(ExactMachine *m, ExactZone z)
{
    static const uint64_t good = PTE_PAGE | PTE_AF | PTE_SHARED | PTE_USER;
    uint64_t va = exact_zone_va(z), pa = EXACT_ZONE + 0x1000, flags = good;

    switch (z) {
    case ZONE_UNMAPPED:
        flags = 0;
        break;
    case ZONE_READ_ONLY:
        flags |= PTE_READ_ONLY;
        break;
    case ZONE_PRIVILEGED:
        flags &= ~(uint64_t)PTE_USER;
        break;
    case ZONE_DEVICE_TYPE:
        flags |= PTE_DEVICE;
        break;
    case ZONE_HOLE:
        pa = 0x20000000;
        break;
    case ZONE_MMIO:
        pa = EXACT_DEVICE;
        flags |= PTE_DEVICE;
        break;
    case ZONE_NO_ACCESS_FLAG:
        flags &= ~(uint64_t)PTE_AF;
        break;
    case ZONE_CODE:
        pa = EXACT_CODE;
        break;
    case ZONE_BAD_TABLE:
        *exact_l2(m, va) = 0x20000000 | PTE_TABLE;
        return;
    default:
        break;
    }
    exact_map(m, va, EXACT_ZONE, good);
    exact_map(m, va + 0x1000, pa, flags);
    exact_map(m, va + 0x2000, EXACT_ZONE + 0x2000, good);
}

static void exact_tables(ExactMachine *m)
{
    static const uint64_t code = PTE_PAGE | PTE_AF | PTE_SHARED | PTE_USER | PTE_READ_ONLY;

    exact_map(m, EXACT_CODE_VA, EXACT_CODE, code);
    exact_map(m, EXACT_CODE_VA + 0x1000, EXACT_CODE + 0x1000, code);
    exact_map(m, EXACT_LAST_VA, EXACT_CODE, code);
    exact_map(m, EXACT_VECTORS, EXACT_VECTORS, PTE_PAGE | PTE_AF | PTE_SHARED);
    for (unsigned i = 0; i < CASE_SCRATCH_BYTES; i += 0x1000) {
        exact_map(m, EXACT_DATA + i, EXACT_DATA + i, PTE_PAGE | PTE_AF | PTE_SHARED | PTE_USER);
    }
    for (unsigned z = 0; z < ZONE_HIGH; z++) {
        exact_map_zone(m, (ExactZone)z);
    }
    for (unsigned i = 0; i < 16; i++) {
        *(uint32_t *)exact_word(m, EXACT_VECTORS + i * 0x80ull) = ERET;
        cpu_breakpoint_add(&m->cpu->cpu, EXACT_VECTORS + i * 0x80ull);
    }
}

/* ---- the machine ---- */

static bool exact_machine_make(ExactMachine *m, const char *options, GError **err)
{
    RamBlock *ram;
    Device *dev;

    m->machine = machine_new(err);
    ram = m->machine ? ram_new(m->machine, "ram", EXACT_RAM_BYTES, RAM_SHARED, err) : NULL;
    if (!ram) {
        return false;
    }
    region_add(machine_memory_root(m->machine),
               region_new_ram(m->machine, "ram", ram, 0, EXACT_RAM_BYTES), EXACT_RAM, 0);
    m->ram = ram->host;
    machine_add_types(m->machine, arm_cpu_types);
    m->cpu = arm_cpu_new(m->machine, "max", 0, err);
    dev = device_new_type(m->machine, &exact_device, NULL, "device", err);
    if (!m->cpu || !dev || !device_realize(&m->cpu->cpu.dev, err) || !device_realize(dev, err)) {
        return false;
    }
    device_as(dev, ExactDevice)->of = m;
    device_map(dev, 0, machine_memory_root(m->machine), EXACT_DEVICE);
    if (!accel_attach(m->machine, &accel_tcg, options, err)) {
        return false;
    }
    exact_tables(m);
    return machine_start(m->machine, err);
}

ExactMachine *exact_machine_new(const char *options)
{
    g_autoptr(GError) err = NULL;
    ExactMachine *m = g_new0(ExactMachine, 1);

    if (!exact_machine_make(m, options, &err)) {
        fprintf(stderr, "exact-a64: %s\n", err ? err->message : "no machine");
        exit(2);
    }
    return m;
}

void exact_machine_free(ExactMachine *m)
{
    machine_free(m->machine);
    g_free(m);
}

static void exact_thunk(Cpu *cpu, void *arg)
{
    ExactMachine *m = arg;

    m->fn(m, m->arg);
}

void exact_on_cpu(ExactMachine *m, void (*fn)(ExactMachine *m, void *arg), void *arg)
{
    m->fn = fn;
    m->arg = arg;
    cpu_run_on_wait(&m->cpu->cpu, exact_thunk, m);
}

/* ---- state ---- */

void exact_load(ExactMachine *m, const ExactProgram *p, const ExactForce *f)
{
    uint32_t code[EXACT_MAX];
    uint64_t pa = EXACT_CODE + (p->start & 0x3fffff);

    memcpy(code, p->code, sizeof(code));
    if (f->kind != FORCE_NOTHING) {
        code[f->at] = f->insn;
    }
    memset(m->ram + (EXACT_CODE + 0x800 - EXACT_RAM), 0, 0x1800);
    memcpy(m->ram + (pa - EXACT_RAM), code, p->n * sizeof(code[0]));
    ram_wrote(ram_first(m->machine), EXACT_CODE + 0x800 - EXACT_RAM, 0x1800);
}

static void exact_fill(ExactMachine *m, uint64_t seed)
{
    uint64_t *data = exact_word(m, EXACT_DATA);

    for (unsigned i = 0; i < (CASE_SCRATCH_BYTES + EXACT_ZONE_BYTES) / 8; i++) {
        data[i] = case_random(&seed);
    }
    memset(exact_word(m, EXACT_CODE), 0x55, 0x800);
    ram_wrote(ram_first(m->machine), EXACT_CODE - EXACT_RAM, 0x800);
}

static uint64_t exact_hash_of(const uint64_t *w, unsigned bytes)
{
    uint64_t h[4] = { 1, 2, 3, 4 };

    for (unsigned i = 0; i < bytes / 8; i++) {
        h[i & 3] = ((h[i & 3] ^ w[i]) * 0x9fb21c651e98df25);
        h[i & 3] ^= h[i & 3] >> 29;
    }
    return h[0] ^ h[1] << 1 ^ h[2] << 2 ^ h[3] << 3;
}

static uint64_t exact_hash(ExactMachine *m)
{
    return exact_hash_of(exact_word(m, EXACT_DATA), CASE_SCRATCH_BYTES + EXACT_ZONE_BYTES) ^
           exact_hash_of(exact_word(m, EXACT_CODE), 0x800);
}

static void exact_set_system(ArmCpu *a, const ExactProgram *p, const ExactForce *f)
{
    a->sys.sctlr[1] = p->sctlr;
    a->sys.cpacr[0] = 3 << 20;
    a->sys.ttbr0[1] = EXACT_TABLES;
    /* T0SZ 25, 4 KiB, no TTBR1, 40-bit addresses, TBI0. */
    a->sys.tcr[1] = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 25 << 16 | 2ull << 32 | 1ull << 37;
    a->sys.mair[1] = 0x00ff;
    a->sys.vbar[1] = EXACT_VECTORS;
    a->sys.esr[1] = 0;
    a->sys.far[1] = 0;
    a->sys.tpidr[0] = 0;
    a->elr_el[1] = f->elr;
    a->spsr_el[1] = f->spsr;
}

static void exact_begin(ExactMachine *m, const ExactProgram *p, const ExactForce *f, bool hot)
{
    ArmCpu *a = m->cpu;

    exact_fill(m, p->seed);
    m->device = m->accesses = 0;
    m->raise_at = f->raise_at;
    memcpy(a->x, p->in.x, sizeof(a->x));
    memcpy(a->v, p->in.v, sizeof(a->v));
    a->x[REG_BAD] = f->bad;
    a->pc = p->start;
    a->flags = ir_flags_pack((uint32_t)p->in.nzcv);
    a->el = (uint8_t)p->el;
    a->sp_sel = (uint8_t)p->sp_sel;
    a->sp_el[0] = a->sp_el[1] = a->sp = p->in.sp;
    /* An interrupt that a device is to raise must find them open. */
    a->daif = f->raise_at ? 0 : 15;
    a->pan = a->uao = a->ssbs = a->dit = a->il = a->ss = 0;
    a->btype = 0;
    arm_fpcr_write(a, p->in.fpcr);
    arm_fpsr_write(a, p->in.fpsr);
    exact_set_system(a, p, f);
    cpu_set_line(&a->cpu, ARM_LINE_IRQ, f->lines >> ARM_LINE_IRQ & 1);
    cpu_set_line(&a->cpu, ARM_LINE_FIQ, f->lines >> ARM_LINE_FIQ & 1);
    a->cpu.raised = 0;
    tcg_clrex(&a->cpu);
    if (!hot) {
        accel_tcg.state_changed(&a->cpu);
    }
}

static void exact_capture(ExactMachine *m, ExactState *s)
{
    ArmCpu *a = m->cpu;

    memcpy(s->x, a->x, sizeof(s->x));
    memcpy(s->v, a->v, sizeof(s->v));
    a->sp_el[arm_sp_index(a)] = a->sp;
    s->sp[0] = a->sp_el[0];
    s->sp[1] = a->sp_el[1];
    s->pc = a->pc;
    s->pstate = arm_pstate(a);
    s->fpcr = a->fpcr;
    s->fpsr = arm_fpsr_read(a);
    s->memory = exact_hash(m);
}

static bool exact_go(ExactMachine *m)
{
    Cpu *cpu = &m->cpu->cpu;

    for (unsigned tries = 0; tries < 10000; tries++) {
        CpuExit why = cpu->accel_ops->run(cpu);

        if (why == CPU_EXIT_DEBUG) {
            return true;
        }
        if (why != CPU_EXIT_REQUEST) {
            return false;
        }
        cpu_take_requests(cpu, ~(uint32_t)REQ_QUIT);
    }
    return false;
}

static void exact_result(ExactMachine *m, ExactResult *r)
{
    ArmCpu *a = m->cpu;

    exact_capture(m, &r->s);
    r->vector = r->s.pc - EXACT_VECTORS;
    /* Of an interrupt there is no syndrome: what the last exception left. */
    r->esr = a->sys.esr[1];
    r->far = a->sys.far[1];
    r->elr = a->elr_el[1];
    r->spsr = a->spsr_el[1];
    r->device = m->device;
    r->s.pc = r->elr;
    r->s.pstate = r->spsr;
}

void exact_run(ExactMachine *m, const ExactProgram *p, const ExactForce *f, bool hot,
               ExactResult *r)
{
    memset(r, 0, sizeof(*r));
    exact_begin(m, p, f, hot);
    r->stopped = exact_go(m);
    exact_result(m, r);
}

void exact_resume(ExactMachine *m, ExactResult *r)
{
    cpu_set_line(&m->cpu->cpu, ARM_LINE_IRQ, false);
    r->stopped = exact_go(m);
    exact_result(m, r);
}

/* A page that a handler would map, or whose entry it would change. */
static bool exact_is_mappable(const ExactForce *f)
{
    switch ((int)f->kind - FORCE_ZONE) {
    case ZONE_UNMAPPED:
    case ZONE_READ_ONLY:
    case ZONE_PRIVILEGED:
    case ZONE_NO_ACCESS_FLAG:
        return true;
    default:
        return false;
    }
}

bool exact_return(ExactMachine *m, const ExactForce *f, bool skip, ExactResult *r)
{
    enum { EC_DATA_LOWER = 0x24, EC_DATA_SAME = 0x25, VECTOR_KIND = 0x1ff };
    unsigned ec = (unsigned)(r->esr >> 26), zone = (unsigned)f->kind - FORCE_ZONE;

    if (!r->stopped || r->vector & VECTOR_KIND || (ec != EC_DATA_LOWER && ec != EC_DATA_SAME)) {
        return false;
    }
    if (skip || !exact_is_mappable(f)) {
        m->cpu->elr_el[1] += 4;
        r->stopped = exact_go(m);
    } else {
        exact_map(m, exact_zone_va((ExactZone)zone) + 0x1000, EXACT_ZONE + 0x1000,
                  PTE_PAGE | PTE_AF | PTE_SHARED | PTE_USER);
        accel_tcg.state_changed(&m->cpu->cpu);
        r->stopped = exact_go(m);
        exact_map_zone(m, (ExactZone)zone);
        accel_tcg.state_changed(&m->cpu->cpu);
    }
    exact_result(m, r);
    return true;
}

unsigned exact_trace(ExactMachine *m, const ExactProgram *p, const ExactForce *f, ExactState *out,
                     unsigned max)
{
    Cpu *cpu = &m->cpu->cpu;
    unsigned n = 0;

    exact_begin(m, p, f, false);
    cpu->single_step = true;
    cpu_request(cpu, REQ_DEBUG);
    do {
        exact_capture(m, &out[n++]);
    } while (n < max && exact_go(m) && m->cpu->pc >= EXACT_CODE_VA);
    cpu->single_step = false;
    cpu_request(cpu, REQ_DEBUG);
    return n;
}
