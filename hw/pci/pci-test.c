/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space, BARs, messages and DMA, by the function that is made to learn with. */
#include "hw/pci/bench.h"

#include "hw/pci/host.h"
#include "tests/unit.h"

extern const DeviceType device_edu, device_pcie_root_port;

static uint64_t pt_ram(Bench *b, uint64_t off)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), BENCH_RAM_BASE + off, 8, &val, (MemAttrs){ 0 });
    return val;
}

TEST(pci, configuration_space)
{
    Bench *b = pci_bench(&device_edu, NULL);

    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x11e81234);
    EXPECT_EQ(pci_bench_config(b, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x11001af4);
    pci_bench_set_config(b, PCI_VENDOR_ID, 4, 0);
    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x11e81234);
    pci_bench_set_config(b, PCI_BASE_ADDRESS_0, 4, ~0u);
    EXPECT_EQ(pci_bench_config(b, PCI_BASE_ADDRESS_0, 4), 0xfff00000);
    /* no express capability: 256 bytes, then nothing */
    EXPECT_EQ(pci_bench_config(b, 0x100, 4), ~0u);
    /* nobody at 2.0 */
    EXPECT_EQ(pci_bench_config(b, (2 - 1) << 15, 4), ~0u);
    bench_end(b);
}

TEST(pci, bar_moves_and_goes)
{
    Bench *b = pci_bench(&device_edu, NULL);

    pci_bench_enable(b);
    EXPECT_EQ(pci_bench_bar(b, 0), PCI_BENCH_MEM);
    EXPECT_EQ(pci_bench_read(b, 0, 0, 4), 0x010000ed);
    pci_bench_set_config(b, PCI_BASE_ADDRESS_0, 4, PCI_BENCH_MEM + 0x200000);
    EXPECT_EQ(pci_bench_read(b, 0, 0, 4), 0x010000ed);
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 0); /* not where a plain device would be */
    pci_bench_set_config(b, PCI_COMMAND, 2, 0);
    EXPECT_EQ(pci_bench_read(b, 0, 0, 4), ~0u);
    bench_reset(b);
    EXPECT_EQ(pci_bench_config(b, PCI_BASE_ADDRESS_0, 4), 0);
    bench_end(b);
}

TEST(pci, intx_and_its_disable)
{
    Bench *b = pci_bench(&device_edu, NULL);

    pci_bench_enable(b);
    pci_bench_write(b, 0, 0x60, 4, 0x10);
    EXPECT(bench_pin(b, "intx"));
    EXPECT(pci_bench_config(b, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    pci_bench_set_config(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
    EXPECT(!bench_pin(b, "intx"));
    pci_bench_set_config(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    EXPECT(bench_pin(b, "intx"));
    pci_bench_write(b, 0, 0x64, 4, 0x10);
    EXPECT(!bench_pin(b, "intx"));
    bench_end(b);
}

TEST(pci, messages_are_writes)
{
    Bench *b = pci_bench(&device_edu, NULL);
    unsigned cap = pci_bench_cap(b, PCI_CAP_ID_MSI);

    pci_bench_enable(b);
    pci_bench_set_config(b, cap + PCI_MSI_ADDRESS_LO, 4, BENCH_RAM_BASE + 0x100);
    pci_bench_set_config(b, cap + PCI_MSI_DATA_64, 2, 0x4242);
    pci_bench_set_config(b, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
    pci_bench_write(b, 0, 0x60, 4, 1);
    EXPECT_EQ(pt_ram(b, 0x100), 0x4242);
    EXPECT(!bench_pin(b, "intx"));
    bench_end(b);
}

TEST(pci, dma_needs_a_bus_master)
{
    Bench *b = pci_bench(&device_edu, "dma_mask=0xffffffff");

    pci_bench_enable(b);
    aspace_store(machine_memory(bench_machine(b)), BENCH_RAM_BASE, 8, 0x1122334455667788,
                 (MemAttrs){ 0 });
    for (unsigned master = 0; master < 2; master++) {
        pci_bench_set_config(b, PCI_COMMAND, 2,
                             PCI_COMMAND_MEMORY | (master ? PCI_COMMAND_MASTER : 0));
        pci_bench_write(b, 0, 0x80, 8, BENCH_RAM_BASE);
        pci_bench_write(b, 0, 0x88, 8, 0x40010);
        pci_bench_write(b, 0, 0x90, 8, 8);
        pci_bench_write(b, 0, 0x98, 8, 1);
        bench_run_ns(b, 2 * NS_PER_MS);
        pci_bench_write(b, 0, 0x80, 8, 0x40010);
        pci_bench_write(b, 0, 0x88, 8, BENCH_RAM_BASE + 0x20);
        pci_bench_write(b, 0, 0x98, 8, 3);
        bench_run_ns(b, 2 * NS_PER_MS);
        EXPECT_EQ(pt_ram(b, 0x20), master ? 0x1122334455667788 : 0);
    }
    /* outside of its buffer: nothing, and no crash */
    pci_bench_write(b, 0, 0x80, 8, 0x40fff);
    pci_bench_write(b, 0, 0x90, 8, ~0ull);
    pci_bench_write(b, 0, 0x98, 8, 7);
    bench_run_ns(b, 2 * NS_PER_MS);
    EXPECT_EQ(pci_bench_read(b, 0, 0x24, 4), 0x100);
    bench_end(b);
}

TEST(pci, factorial_takes_its_time)
{
    Bench *b = pci_bench(&device_edu, NULL);

    pci_bench_enable(b);
    pci_bench_write(b, 0, 0x08, 4, 10);
    EXPECT_EQ(pci_bench_read(b, 0, 0x20, 4), 1);
    bench_run_ns(b, NS_PER_MS);
    EXPECT_EQ(pci_bench_read(b, 0, 0x08, 4), 3628800);
    bench_end(b);
}

TEST(pci, behind_a_root_port)
{
    Bench *b = bench_device_setup(&device_pcie_root_port, NULL, pci_bench_host, NULL);
    g_autoptr(GError) err = NULL;
    Machine *m = bench_machine(b);
    Device *edu = device_make(m, &device_edu, NULL, "edu0");
    uint64_t val = 0;

    bench_no_reload(b); /* the function below is none of the bench's */
    device_set_str(edu, "bus", "dut");
    EXPECT(device_realize(edu, &err));
    pci_bench_set_config(b, PCI_PRIMARY_BUS, 4, 0x020100);
    /* It has come while the machine runs: its slot gets power from the guest. */
    pci_bench_set_config(b, pci_bench_cap(b, PCI_CAP_ID_EXP) + PCI_EXP_SLTCTL, 2,
                         PCI_EXP_SLTCTL_PWR_IND_ON);
    aspace_store(machine_memory(m), PCI_BENCH_ECAM + (1 << 20) + PCI_BASE_ADDRESS_0, 4,
                 PCI_BENCH_MEM + 0x100000, (MemAttrs){ 0 });
    aspace_store(machine_memory(m), PCI_BENCH_ECAM + (1 << 20) + PCI_COMMAND, 2, 2,
                 (MemAttrs){ 0 });
    for (unsigned open = 0; open < 2; open++) {
        pci_bench_set_config(b, PCI_MEMORY_BASE, 4, open ? 0x30103010 : 0x00003010);
        pci_bench_set_config(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
        aspace_load(machine_memory(m), PCI_BENCH_MEM + 0x100000, 4, &val, (MemAttrs){ 0 });
        EXPECT_EQ(val, open ? 0x010000ed : ~0u);
    }
    edu = device_make(m, &device_edu, NULL, "edu1");
    device_set_str(edu, "bus", "dut");
    EXPECT(!device_realize(edu, &err));
    EXPECT(err && strstr(err->message, "no free slot"));
    bench_end(b);
}
