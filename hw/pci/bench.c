/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/bench.h"

#include "hw/pci/host.h"

extern const DeviceType device_gpex;

enum { BENCH_CONFIG = PCI_BENCH_ECAM + (8 << 12), BENCH_FIRST_PORT = 0x1000 };

void pci_bench_host(Device *dev, void *arg)
{
    Machine *m = dev->machine;
    MemRegion *root = machine_memory_root(m);
    Device *host = device_make(m, &device_gpex, NULL, "host");
    PciBus *bus = &device_as(host, PciHost)->bus;
    g_autoptr(GError) err = NULL;

    device_set_u64(host, "buses", PCI_BENCH_BUSES);
    CHECK(device_realize(host, &err) && gpex_populate(host, &err));
    device_map(host, GPEX_ECAM, root, PCI_BENCH_ECAM);
    region_add(root, region_new_alias(m, "pci-mem", bus->mem, PCI_BENCH_MEM, PCI_BENCH_MEM_SIZE),
               PCI_BENCH_MEM, 0);
    region_add(root, region_new_alias(m, "pci-io", bus->io, 0, 0x10000), PCI_BENCH_IO, 0);
}

/* Accesses do not reload the machine one by one: what the caller does after them will. */
static uint64_t pci_bench_load(Bench *b, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void pci_bench_store(Bench *b, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, size, val, (MemAttrs){ 0 });
}

uint32_t pci_bench_config(Bench *b, unsigned off, unsigned size)
{
    return (uint32_t)pci_bench_load(b, BENCH_CONFIG + off, size);
}

void pci_bench_set_config(Bench *b, unsigned off, unsigned size, uint32_t val)
{
    pci_bench_store(b, BENCH_CONFIG + off, size, val);
}

void pci_bench_enable(Bench *b)
{
    uint32_t mem = PCI_BENCH_MEM, port = BENCH_FIRST_PORT;

    for (unsigned n = 0; n < PCI_N_BARS; n++) {
        unsigned at = PCI_BASE_ADDRESS_0 + 4 * n;
        uint32_t kind = pci_bench_config(b, at, 4), size;
        bool io = kind & PCI_BASE_ADDRESS_SPACE_IO;
        uint32_t *next = io ? &port : &mem;

        pci_bench_set_config(b, at, 4, ~0u);
        size = ~(pci_bench_config(b, at, 4) & (io ? ~3u : ~15u)) + 1;
        if (!size) {
            continue;
        }
        *next = (*next + size - 1) & ~(size - 1);
        pci_bench_set_config(b, at, 4, *next);
        *next += size;
        if (!io && kind & PCI_BASE_ADDRESS_MEM_TYPE_64) {
            pci_bench_set_config(b, at + 4, 4, 0);
            n++;
        }
    }
    pci_bench_set_config(b, PCI_COMMAND, 2,
                         PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    bench_run_loop(b);
}

GuestPhys pci_bench_bar(Bench *b, unsigned n)
{
    uint32_t v = pci_bench_config(b, PCI_BASE_ADDRESS_0 + 4 * n, 4);

    return v & PCI_BASE_ADDRESS_SPACE_IO ? PCI_BENCH_IO + (v & ~3u) : v & ~15u;
}

unsigned pci_bench_cap(Bench *b, unsigned id)
{
    unsigned at = pci_bench_config(b, PCI_CAPABILITY_LIST, 1);

    for (unsigned n = 0; at && n < 48; n++) {
        if (pci_bench_config(b, at, 1) == id) {
            return at;
        }
        at = pci_bench_config(b, at + 1, 1);
    }
    return 0;
}

uint64_t pci_bench_read(Bench *b, unsigned bar, uint64_t off, unsigned size)
{
    uint64_t val = pci_bench_load(b, pci_bench_bar(b, bar) + off, size);

    bench_run_loop(b);
    return val;
}

void pci_bench_write(Bench *b, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
    pci_bench_store(b, pci_bench_bar(b, bar) + off, size, val);
    bench_run_loop(b);
}
