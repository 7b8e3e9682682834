/* SPDX-License-Identifier: Apache-2.0 */
/* What the `virt` board's wiring and its device tree share. */
#ifndef HW_BOARD_VIRT_PRIV_H
#define HW_BOARD_VIRT_PRIV_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/loader.h"
#include "hw/board/numa.h"
#include "hw/board/plug.h"

enum {
    VIRT_MAX_CPUS = 8, /* of GICv2; GICv3 has room for more */
    VIRT_MAX_CPUS_V3 = 512,
    VIRT_LOW_CPUS = 123, /* whose redistributors are below the RAM */
    VIRT_N_VIRTIO = 32,
    VIRT_N_IRQS = 288,
    VIRT_V2M_SPIS = 64,
    VIRT_SPARE_PORTS = 4,
    VIRT_SPARE_PORTS_MAX = 8, /* functions of a slot */
};

/* Places of the memory map: indices of virt_map. */
typedef enum VirtPlace {
    VIRT_FLASH,
    VIRT_GIC_DIST,
    VIRT_GIC_CPU,
    VIRT_GIC_V2M,
    VIRT_GIC_ITS,
    VIRT_GIC_REDIST,
    VIRT_GIC_REDIST_HIGH,
    VIRT_UART,
    VIRT_RTC,
    VIRT_FW_CFG,
    VIRT_GPIO,
    VIRT_GED,
    VIRT_VIRTIO,
    VIRT_PCIE_MMIO,
    VIRT_PCIE_PIO,
    VIRT_PCIE_ECAM,
    VIRT_PCIE_ECAM_HIGH,
    VIRT_PCIE_MMIO_HIGH,
    VIRT_RAM,
    VIRT_PLACES,
} VirtPlace;

typedef struct VirtMap {
    GuestPhys base;
    uint64_t size; /* of one; virtio has VIRT_N_VIRTIO of them */
    int spi;       /* of the first; -1: none */
} VirtMap;

extern const VirtMap virt_map[VIRT_PLACES];

/* PPIs of a CPU's generic timers, as numbers of the GIC's PPI inputs (interrupt id minus 16). */
enum {
    VIRT_PPI_SEC = 13,
    VIRT_PPI_PHYS = 14,
    VIRT_PPI_VIRT = 11,
    VIRT_PPI_HYP = 10,
    VIRT_PPI_PMU = 7
};

typedef struct VirtBoard {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *device;         /* &dev */
    Device *gic, *pci;
    Device *virtio[VIRT_N_VIRTIO]; /* NULL: free */
    Device *fw_cfg, *gpio, *key, *ged;
    BoardPlug plug;
    unsigned gic_version; /* 2 or 3 */
    unsigned n_cpus;
    uint64_t ram_bytes;
    BoardMemory *memory;
    bool virtualization; /* CPUs have EL2 */
    bool highmem, highmem_ecam, highmem_mmio;
    bool has_v2m, has_its;
    bool acpi;
    char oem_id[7], oem_table_id[9]; /* of ACPI's tables */
    uint64_t n_ports;                /* for what is plugged later */
    bool dtb_randomness;
    bool has_pmu;
    bool has_firmware;
    const char *cpu_model;
    GuestPhys initrd_start, initrd_end; /* equal: none */
    GuestPhys boot_pc;                  /* where CPU 0 begins; 0: in flash */
} VirtBoard;

/* Are there more CPUs than redistributors below the RAM? */
static inline bool virt_has_high_redist(const VirtBoard *b)
{
    return b->gic_version == 3 && b->n_cpus > VIRT_LOW_CPUS;
}

/* How many of each there are in the next larger one; what -smp leaves open goes into cores. */
typedef struct VirtTopology {
    unsigned clusters, cores, threads;
} VirtTopology;
VirtTopology virt_topology(const VirtBoard *b);

/* The PCI Express host bridge, after the GIC. */
NODISCARD bool virt_make_pci(VirtBoard *b, GError **err);
/* Ports for what comes while the machine runs, after all that has a place. */
NODISCARD bool virt_make_ports(VirtBoard *b, GError **err);
const VirtMap *virt_ecam(const VirtBoard *b);
bool virt_has_high_mmio(const VirtBoard *b);

/* Slots, and what -drive and -device put into them. */
NODISCARD bool virt_make_plugged(VirtBoard *b, GError **err);
NODISCARD bool virt_make_firmware(VirtBoard *b, GError **err);
NODISCARD bool virt_make_fw_cfg(VirtBoard *b, GError **err);
/* The order of boot by the devices' bootindex. */
NODISCARD bool virt_boot_order(VirtBoard *b, GError **err);
/* -kernel, -initrd and -append, for firmware to start. */
NODISCARD bool virt_fw_kernel(VirtBoard *b, GError **err);
/* One -device, also after the start. */
NODISCARD bool virt_add_device(Machine *m, Options *o, GError **err);
/* ACPI's tables, for firmware. */
NODISCARD bool virt_acpi(VirtBoard *b, GError **err);

/* The device tree; *len bytes, g_free. */
void *virt_fdt(VirtBoard *b, uint64_t *len, GError **err);
/* Everything that must be in RAM or flash before the first instruction. */
NODISCARD bool virt_boot(VirtBoard *b, GError **err);

#endif
