/* SPDX-License-Identifier: Apache-2.0 */
/* Local APICs, their bus, and an I/O APIC whose messages they get. */
#include "hw/intc/apic-priv.h"

#include "core/core-priv.h"
#include "core/state/state.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "tests/unit.h"

enum { N = 2, IOAPIC_AT = 0xfec00000u };

/* CPUs that never run, and note what they are told. */
typedef struct TestCpu {
    Cpu cpu;
    bool intr;
    unsigned inits, startups, nmis, page;
} TestCpu;

static void testcpu_init(Cpu *cpu)
{
    ((TestCpu *)cpu)->inits++;
}

static void testcpu_startup(Cpu *cpu, unsigned page)
{
    ((TestCpu *)cpu)->startups++;
    ((TestCpu *)cpu)->page = page;
}

static void testcpu_nmi(Cpu *cpu)
{
    ((TestCpu *)cpu)->nmis++;
}

static const CpuTargetOps testcpu_ops = {
    .init = testcpu_init,
    .startup = testcpu_startup,
    .nmi = testcpu_nmi,
};

static void testcpu_intr(Device *dev, unsigned n, bool level)
{
    ((TestCpu *)cpu_of(dev))->intr = level;
}

static const Field testcpu_fields[] = {
    PIN_IN_DIRECT("intr", testcpu_intr),
};

static const DeviceType testcpu_type = {
    .name = "test-cpu",
    .doc = "a CPU that notes what it is told",
    .base = &device_cpu,
    .size = sizeof(TestCpu),
    .fields = TABLE(testcpu_fields),
};

typedef struct Rig {
    Machine *m;
    Device *bus, *pic, *ioapic, *apic[N];
    TestCpu *cpu[N];
} Rig;

static void rig_init(Rig *r)
{
    g_autoptr(GError) err = NULL;

    *r = (Rig){ .m = machine_new(&err) };
    clock_set_mode(r->m, CLOCK_MODE_VIRTUAL);
    r->bus = device_make(r->m, &device_apic_bus, NULL, "bus");
    r->pic = device_make(r->m, &device_i8259, NULL, "pic");
    r->ioapic = device_make(r->m, &device_ioapic, NULL, "ioapic");
    EXPECT(device_realize(r->bus, &err) && device_realize(r->pic, &err) &&
           device_realize(r->ioapic, &err));
    device_map(r->bus, 0, machine_memory_root(r->m), 0xfee00000);
    device_map(r->ioapic, 0, machine_memory_root(r->m), IOAPIC_AT);
    for (unsigned i = 0; i < N; i++) {
        g_autofree char *id = g_strdup_printf("apic%u", i);

        r->cpu[i] = (TestCpu *)cpu_new(r->m, &testcpu_type, NULL, NULL);
        r->cpu[i]->cpu.target_ops = &testcpu_ops;
        r->apic[i] = device_make(r->m, &device_apic, NULL, id);
        device_set_u64(r->apic[i], "id", i);
        apic_wire(r->apic[i], &r->cpu[i]->cpu, r->bus, r->pic, r->ioapic);
        EXPECT(device_realize(&r->cpu[i]->cpu.dev, &err) && device_realize(r->apic[i], &err));
        irq_connect(r->apic[i], "intr", 0, &r->cpu[i]->cpu.dev, "intr", 0);
        irq_connect(r->pic, "intr", 0, r->apic[i], "lint", 0);
    }
    machine_reset(r->m, RESET_COLD, CAUSE_NONE);
}

static void rig_end(Rig *r)
{
    machine_free(r->m);
}

static void rig_access(Rig *r, unsigned cpu, unsigned reg, uint64_t *val, bool write)
{
    const FlatRange *f;
    AspaceReader reader = aspace_enter(machine_memory(r->m));
    MemAttrs attrs = { .cpu = 1 };
    uint64_t off = (uint64_t)reg << 4;

    thread_set_cpu(&r->cpu[cpu]->cpu);
    f = aspace_lookup(machine_memory(r->m), 0xfee00000 + off);
    EXPECT_EQ(write ? mmio_write(f, off, 4, attrs, *val) : mmio_read(f, off, 4, attrs, val),
              MEM_OK);
    thread_set_cpu(NULL);
    aspace_leave(reader);
}

static void rig_write(Rig *r, unsigned cpu, unsigned reg, uint64_t val)
{
    rig_access(r, cpu, reg, &val, true);
}

static uint32_t rig_read(Rig *r, unsigned cpu, unsigned reg)
{
    uint64_t val = 0;

    rig_access(r, cpu, reg, &val, false);
    return (uint32_t)val;
}

static int rig_ack(Rig *r, unsigned cpu)
{
    CpuIntc *intc = r->cpu[cpu]->cpu.intc;

    return intc->ops->acknowledge(intc, &r->cpu[cpu]->cpu);
}

static void rig_enable(Rig *r)
{
    for (unsigned i = 0; i < N; i++) {
        rig_write(r, i, APIC_SVR, 0x1ff);
    }
}

static void rig_message(Rig *r, uint64_t addr, uint32_t data)
{
    EXPECT_EQ(aspace_store(machine_memory(r->m), addr, 4, data, (MemAttrs){ 0 }), MEM_OK);
}

static void rig_ioapic(Rig *r, unsigned reg, uint32_t val)
{
    rig_message(r, IOAPIC_AT, reg);
    rig_message(r, IOAPIC_AT + 0x10, val);
}

static uint32_t rig_ioapic_read(Rig *r, unsigned reg)
{
    uint64_t val = 0;

    rig_message(r, IOAPIC_AT, reg);
    EXPECT_EQ(aspace_load(machine_memory(r->m), IOAPIC_AT + 0x10, 4, &val, (MemAttrs){ 0 }),
              MEM_OK);
    return (uint32_t)val;
}

TEST(apic, messages_by_priority)
{
    Rig r;

    rig_init(&r);
    rig_message(&r, 0xfee00000, 0x51);
    EXPECT(!r.cpu[0]->intr); /* it is off by software */
    rig_enable(&r);
    rig_message(&r, 0xfee00000, 0x51);
    rig_message(&r, 0xfee00000, 0x81);
    EXPECT(r.cpu[0]->intr && !r.cpu[1]->intr);
    EXPECT_EQ(rig_read(&r, 0, APIC_IRR + 2), 1u << 17);
    EXPECT_EQ(rig_ack(&r, 0), 0x81);
    EXPECT(!r.cpu[0]->intr); /* 51h waits */
    EXPECT_EQ(rig_read(&r, 0, APIC_PPR), 0x80);
    EXPECT_EQ(rig_read(&r, 0, APIC_ISR + 4), 2);
    rig_write(&r, 0, APIC_EOI, 0);
    EXPECT_EQ(rig_ack(&r, 0), 0x51);
    rig_write(&r, 0, APIC_EOI, 0);
    rig_write(&r, 0, APIC_TPR, 0x60);
    rig_message(&r, 0xfee00000, 0x51);
    EXPECT(!r.cpu[0]->intr);
    rig_write(&r, 0, APIC_TPR, 0x40);
    EXPECT(r.cpu[0]->intr);
    rig_message(&r, 0xfee01000, 0x30);
    EXPECT_EQ(rig_ack(&r, 1), 0x30);
    EXPECT_EQ(rig_ack(&r, 1), -1);
    rig_end(&r);
}

TEST(apic, cpus_call_each_other)
{
    Rig r;

    rig_init(&r);
    rig_enable(&r);
    rig_write(&r, 0, APIC_ICR_HIGH, 1u << 24);
    rig_write(&r, 0, APIC_ICR, 0x4500); /* INIT */
    rig_write(&r, 0, APIC_ICR, 0x8500); /* its end is no INIT */
    rig_write(&r, 0, APIC_ICR, 0x4609); /* start at 9000h */
    rig_write(&r, 0, APIC_ICR, 0x4400); /* NMI */
    EXPECT_EQ(r.cpu[1]->inits, 1);
    EXPECT_EQ(r.cpu[1]->startups, 1);
    EXPECT_EQ(r.cpu[1]->page, 9);
    EXPECT_EQ(r.cpu[1]->nmis, 1);
    EXPECT_EQ(rig_read(&r, 1, APIC_SVR), 0xff); /* INIT resets it */
    rig_enable(&r);
    rig_write(&r, 0, APIC_ICR, 0xc4040); /* all but itself */
    EXPECT(!r.cpu[0]->intr && r.cpu[1]->intr);
    rig_write(&r, 0, APIC_ICR, 0x44041); /* itself */
    EXPECT_EQ(rig_ack(&r, 0), 0x41);
    rig_write(&r, 0, APIC_ICR, 0x44005);
    rig_write(&r, 0, APIC_ESR, 0);
    EXPECT_EQ(rig_read(&r, 0, APIC_ESR), ERROR_SEND_VECTOR);
    rig_end(&r);
}

TEST(apic, logical_destinations)
{
    Rig r;

    rig_init(&r);
    rig_enable(&r);
    rig_write(&r, 0, APIC_LDR, 0x01000000);
    rig_write(&r, 1, APIC_LDR, 0x02000000);
    rig_message(&r, 0xfee02004, 0x40);
    EXPECT(!r.cpu[0]->intr && r.cpu[1]->intr);
    rig_message(&r, 0xfee03004, 0x41);
    EXPECT_EQ(rig_ack(&r, 0), 0x41);
    rig_write(&r, 0, APIC_EOI, 0);
    rig_write(&r, 0, APIC_TPR, 0x20); /* the other has the lower priority */
    EXPECT_EQ(rig_ack(&r, 1), 0x41);
    EXPECT_EQ(rig_ack(&r, 1), -1); /* 40h is of the same class */
    rig_write(&r, 1, APIC_EOI, 0);
    EXPECT_EQ(rig_ack(&r, 1), 0x40);
    rig_write(&r, 1, APIC_EOI, 0);
    rig_message(&r, 0xfee0300c, 0x171);
    EXPECT(!r.cpu[0]->intr && r.cpu[1]->intr);
    rig_write(&r, 0, APIC_DFR, 0);
    rig_write(&r, 0, APIC_LDR, 0x31000000); /* cluster 3, member 0 */
    rig_write(&r, 0, APIC_TPR, 0);
    rig_message(&r, 0xfee31004, 0x50);
    EXPECT_EQ(rig_ack(&r, 0), 0x50);
    rig_end(&r);
}

TEST(apic, timer)
{
    Rig r;

    rig_init(&r);
    rig_enable(&r);
    rig_write(&r, 0, APIC_DIVIDE, 0xb); /* by 1 */
    rig_write(&r, 0, APIC_LVT, 0x60);
    rig_write(&r, 0, APIC_INITIAL, 1000);
    clock_advance_ns(r.m, 400);
    EXPECT_EQ(rig_read(&r, 0, APIC_CURRENT), 600);
    EXPECT(!r.cpu[0]->intr);
    clock_advance_ns(r.m, 600);
    EXPECT_EQ(rig_ack(&r, 0), 0x60);
    EXPECT_EQ(rig_read(&r, 0, APIC_CURRENT), 0);
    rig_write(&r, 0, APIC_EOI, 0);
    rig_write(&r, 0, APIC_DIVIDE, 0x0); /* by 2 */
    rig_write(&r, 0, APIC_LVT, 0x20061);
    rig_write(&r, 0, APIC_INITIAL, 1000);
    for (unsigned i = 0; i < 3; i++) {
        clock_advance_ns(r.m, 2000);
        EXPECT_EQ(rig_ack(&r, 0), 0x61);
        rig_write(&r, 0, APIC_EOI, 0);
    }
    rig_write(&r, 0, APIC_LVT, 0x40062); /* deadline: the count is gone */
    clock_advance_ns(r.m, 5000);
    EXPECT(!r.cpu[0]->intr);
    EXPECT(cpu_intc_write(&r.cpu[0]->cpu, 0x6e0, (uint64_t)machine_now_ns(r.m) + 100));
    clock_advance_ns(r.m, 99);
    EXPECT(!r.cpu[0]->intr);
    clock_advance_ns(r.m, 2);
    EXPECT_EQ(rig_ack(&r, 0), 0x62);
    rig_end(&r);
}

TEST(apic, x2apic)
{
    Rig r;
    Cpu *cpu;
    uint64_t v = 0;

    rig_init(&r);
    cpu = &r.cpu[1]->cpu;
    EXPECT(!cpu_intc_read(cpu, 0x802, &v));
    EXPECT(cpu_intc_read(cpu, 0x1b, &v));
    EXPECT_EQ(v, 0xfee00800);
    EXPECT(cpu_intc_write(cpu, 0x1b, v | 1 << 10));
    EXPECT(!cpu_intc_write(cpu, 0x1b, v)); /* not back */
    EXPECT(cpu_intc_read(cpu, 0x802, &v));
    EXPECT_EQ(v, 1);
    EXPECT(cpu_intc_read(cpu, 0x80d, &v));
    EXPECT_EQ(v, 2);
    EXPECT(!cpu_intc_write(cpu, 0x80d, 1));
    EXPECT(!cpu_intc_write(cpu, 0x80b, 1));
    EXPECT(cpu_intc_write(cpu, 0x80f, 0x1ff));
    EXPECT(cpu_intc_write(cpu, 0x83f, 0x77)); /* to itself */
    EXPECT_EQ(rig_ack(&r, 1), 0x77);
    EXPECT(cpu_intc_write(cpu, 0x80b, 0));
    EXPECT(cpu_intc_write(cpu, 0x830, 1ull << 32 | 0x78));
    EXPECT_EQ(rig_ack(&r, 1), 0x78);
    EXPECT(!cpu_intc_write(cpu, 0x80e, 0));
    rig_end(&r);
}

TEST(apic, virtual_wire)
{
    static const uint8_t words[4] = { 0x11, 0x08, 0x04, 0x01 };
    Rig r;

    rig_init(&r);
    for (unsigned i = 0; i < 4; i++) {
        device_enter(r.pic);
        (void)device_own_write(r.pic, 0, i != 0, 1, words[i]);
        device_leave(r.pic);
    }
    device_set_input(r.pic, "irq", 4, true);
    EXPECT(r.cpu[0]->intr && !r.cpu[1]->intr);
    EXPECT_EQ(rig_ack(&r, 0), 0x0c);
    EXPECT(!r.cpu[0]->intr);
    rig_write(&r, 0, APIC_LVT + LVT_LINT1, 0x400);
    rig_enable(&r);
    rig_write(&r, 0, APIC_LVT + LVT_LINT1, 0x400);
    device_set_input(r.apic[0], "lint", 1, true);
    EXPECT_EQ(r.cpu[0]->nmis, 1);
    rig_end(&r);
}

TEST(ioapic, edges_and_levels)
{
    Rig r;

    rig_init(&r);
    rig_enable(&r);
    EXPECT_EQ(rig_ioapic_read(&r, 1), 0x170020);
    EXPECT_EQ(rig_ioapic_read(&r, 0x10 + 2 * 4), 0x10000);
    rig_ioapic(&r, 0x10 + 2 * 4, 0x44);
    device_set_input(r.ioapic, "irq", 4, true);
    EXPECT_EQ(rig_ack(&r, 0), 0x44);
    rig_write(&r, 0, APIC_EOI, 0);
    EXPECT(!r.cpu[0]->intr);
    rig_ioapic(&r, 0x10 + 2 * 11 + 1, 1u << 24);
    rig_ioapic(&r, 0x10 + 2 * 11, 0x804b); /* level */
    device_set_input(r.ioapic, "irq", 11, true);
    EXPECT(r.cpu[1]->intr);
    EXPECT_EQ(rig_ioapic_read(&r, 0x10 + 2 * 11), 0xc04b);
    EXPECT_EQ(rig_ack(&r, 1), 0x4b);
    EXPECT_EQ(rig_read(&r, 1, APIC_TMR + 2), 1u << 11);
    rig_write(&r, 1, APIC_EOI, 0); /* the line still stands */
    EXPECT_EQ(rig_ack(&r, 1), 0x4b);
    device_set_input(r.ioapic, "irq", 11, false);
    rig_write(&r, 1, APIC_EOI, 0);
    EXPECT(!r.cpu[1]->intr);
    EXPECT_EQ(rig_ioapic_read(&r, 0x10 + 2 * 11), 0x804b);
    rig_end(&r);
}

TEST(ioapic, state_is_saved_and_loaded)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    Rig r, other;

    rig_init(&r);
    rig_enable(&r);
    rig_ioapic(&r, 0x10 + 2 * 11, 0x804b);
    device_set_input(r.ioapic, "irq", 11, true);
    EXPECT_EQ(rig_ack(&r, 0), 0x4b);
    EXPECT(machine_save_bytes(r.m, bytes, &err));
    rig_init(&other);
    EXPECT(machine_load_bytes(other.m, bytes->data, bytes->len, &err));
    EXPECT_EQ(rig_read(&other, 0, APIC_PPR), 0x40);
    EXPECT_EQ(rig_ioapic_read(&other, 0x10 + 2 * 11), 0xc04b);
    rig_write(&other, 0, APIC_EOI, 0);
    EXPECT(other.cpu[0]->intr);
    rig_end(&r);
    rig_end(&other);
}
