/* SPDX-License-Identifier: Apache-2.0 */
/* A function behind bridges to conventional PCI. */
#include "hw/pci/bench.h"
#include "tests/unit.h"

extern const DeviceType device_pci_old_bridge, device_pcie_pci_bridge, device_edu;

enum { ECAM_BUS = 1 << 20, BRIDGE = PCI_BENCH_ECAM + (2 << 15), EDU_ID = 0x11e81234 };

/* Bridge "a" at 2.0 of bus 0, of the type in @arg, and the function behind it. */
static void pb_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *bridge;

    pci_bench_host(dev, NULL);
    bridge = device_make(dev->machine, arg, NULL, "a");
    CHECK(device_set_prop(bridge, "addr", "2.0", &err));
    CHECK(device_realize(bridge, &err));
    CHECK(device_set_prop(dev, "bus", "a", &err));
    CHECK(device_set_prop(dev, "addr", "5.0", &err));
}

static uint32_t pb_in(Bench *b, GuestPhys at)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void pb_out(Bench *b, GuestPhys at, uint32_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, 4, val, (MemAttrs){ 0 });
    bench_run_loop(b);
}

static Bench *pb_begin(const DeviceType *type)
{
    Bench *b = bench_device_setup(&device_edu, NULL, pb_plug, (void *)type);
    GuestPhys edu = PCI_BENCH_ECAM + ECAM_BUS + (5 << 15);

    EXPECT_EQ(pb_in(b, BRIDGE + 8) >> 8, 0x060400);
    pb_out(b, BRIDGE + PCI_PRIMARY_BUS, 0x010100); /* bus 1 */
    EXPECT_EQ(pb_in(b, edu), EDU_ID);
    /* Its BAR through a window. */
    pb_out(b, BRIDGE + PCI_MEMORY_BASE,
           PCI_BENCH_MEM >> 16 | ((PCI_BENCH_MEM + 0x100000) & 0xfff00000));
    pb_out(b, BRIDGE + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pb_out(b, edu + PCI_BASE_ADDRESS_0, PCI_BENCH_MEM);
    pb_out(b, edu + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    EXPECT_EQ(pb_in(b, PCI_BENCH_MEM) & 0xff, 0xed);
    return b;
}

TEST(pci_bridge, conventional)
{
    Bench *b = pb_begin(&device_pci_old_bridge);

    EXPECT_EQ(pb_in(b, BRIDGE), 0x00011b36);
    /* It speaks for what is behind it. */
    EXPECT_EQ(bench_dev(b)->requester, 2 << 3);
    bench_end(b);
}

TEST(pci_bridge, from_express)
{
    Bench *b = pb_begin(&device_pcie_pci_bridge);

    EXPECT_EQ(pb_in(b, BRIDGE), 0x000e1b36);
    /* By the number of its bus. */
    EXPECT_EQ(bench_dev(b)->requester, 1 << 8);
    bench_end(b);
}
