/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench (core/bench.h) for a PCI function: its machine has a host bridge, whose configuration
 * space, memory and ports lie where the enum says. The function is at 1.0 of bus 0.
 */
#ifndef HW_PCI_BENCH_H
#define HW_PCI_BENCH_H

#include "core/bench.h"
#include "hw/pci/pci.h"

enum {
    PCI_BENCH_ECAM = 0x20000000,
    PCI_BENCH_IO = 0x2f000000,
    PCI_BENCH_MEM = 0x30000000, /* bus addresses are the CPU's */
    PCI_BENCH_MEM_SIZE = 0x10000000,
    PCI_BENCH_BUSES = 4,
};

/* The setup of bench_device_setup, or the first thing it calls. */
void pci_bench_host(Device *dev, void *arg);
static inline Bench *pci_bench(const DeviceType *type, const char *props)
{
    return bench_device_setup(type, props, pci_bench_host, NULL);
}
uint32_t pci_bench_config(Bench *b, unsigned off, unsigned size);
void pci_bench_set_config(Bench *b, unsigned off, unsigned size, uint32_t val);
/* As firmware does: sizes every BAR, gives it an address, allows memory, ports and DMA. */
void pci_bench_enable(Bench *b);
/* Where BAR @n is for the CPU. */
GuestPhys pci_bench_bar(Bench *b, unsigned n);
/* The capability's offset; 0: none. */
unsigned pci_bench_cap(Bench *b, unsigned id);
uint64_t pci_bench_read(Bench *b, unsigned bar, uint64_t off, unsigned size);
void pci_bench_write(Bench *b, unsigned bar, uint64_t off, unsigned size, uint64_t val);

#endif
