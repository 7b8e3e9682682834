/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI and PCI Express: buses, functions with their configuration space, BARs, capabilities,
 * interrupts.
 *
 * A function is a Device whose struct begins with PciDevice and whose type's base is device_pci (or
 * device_pci_bridge) and whose `extra` is a PciType. Its `start` calls pci_plug first, then adds
 * capabilities and BARs; `settle`, where it has one of its own, calls pci_settle. Whatever touches
 * configuration space holds the function's own lock. Buses change only on the LOOP_THREAD; vCPUs
 * find functions through them without a lock.
 *
 * Spec: "PCI Local Bus Specification" 3.0, "PCI Express Base Specification" 5.0, chapter 7; numbers
 * of registers are those of <linux/pci_regs.h>.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "core/device.h"

#include <linux/pci_regs.h>

enum {
    PCI_CONFIG_SIZE = 256,
    PCIE_CONFIG_SIZE = 4096,
    PCI_DEVFN_MAX = 256,
    PCI_N_BARS = 6,
    PCI_BAR_ROM = 6, /* index of the expansion ROM among the BARs */
    PCI_N_INTX = 4,
    PCI_MSIX_MAX = 2048,
    PCI_MSIX_ENTRY = 16, /* bytes */
};

#define PCI_VENDOR_REDHAT      0x1b36
#define PCI_VENDOR_QUMRANET    0x1af4
#define PCI_VENDOR_INTEL       0x8086
#define PCI_SUBVENDOR_QUMRANET PCI_VENDOR_QUMRANET
#define PCI_SUBDEVICE_DEFAULT  0x1100

typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;

/* What a function is. */
typedef struct PciType {
    uint16_t vendor, device;
    uint16_t subvendor, subdevice; /* 0: those of the machine (1af4:1100) */
    uint8_t revision;
    uint32_t class_code; /* class, subclass, programming interface: 0x020000 */
    bool bridge;
    bool keeps_asleep;   /* configuration space outlasts suspend to RAM: who looks after RAM */
    uint8_t intx;        /* interrupt pin: 1 INTA ... 4; 0: none */
    const char *romfile; /* expansion ROM, where it is installed; NULL: none */
    /* Configuration space has changed at [off, off + len); BARs are in place already. */
    void (*config_wrote)(PciDevice *p, unsigned off, unsigned len);
    /* Replaces reading the bytes; for windows in configuration space. NULL: the bytes. */
    bool (*config_read)(PciDevice *p, unsigned off, unsigned len, uint32_t *val);
} PciType;

struct PciBus {
    Device *owner;      /* host bridge or bridge */
    PciDevice *bridge;  /* the bridge above; NULL: a root bus */
    char *name;         /* "pcie.0"; owned */
    bool express;       /* functions here are express */
    bool single_slot;   /* behind a port: slot 0 alone */
    bool hotplug;       /* functions may come and go while the machine runs */
    bool off;           /* atomic; no power: nobody answers */
    uint8_t first_slot; /* given to the first function without addr= */
    uint8_t last_slot;  /* to the last one; then come those from spare_slot on, if it is not 0 */
    uint8_t spare_slot;
    MemRegion *mem;       /* its memory addresses, of the whole 64 bits */
    MemRegion *io;        /* its I/O ports */
    const char *intx_pin; /* root: name of the owner's inputs */
    /* Which of them is for @pin (0: INTA) of @slot; NULL: their sum modulo 4. */
    unsigned (*map_intx)(unsigned slot, unsigned pin);
    PciDevice *functions[PCI_DEVFN_MAX]; /* atomic */
    /* A function 0 has come while the machine runs; what is in its slot is to go: the guest is
     * asked. LOOP_THREAD, no lock held. */
    void (*plugged)(PciBus *b, PciDevice *p);
    bool (*ask)(PciBus *b, PciDevice *p, GError **err);
};

typedef struct PciBar {
    uint64_t size;  /* 0: there is none */
    uint64_t addr;  /* where it is mapped; UINT64_MAX: nowhere */
    uint8_t flags;  /* PCI_BASE_ADDRESS_SPACE_IO, _MEM_TYPE_64, _MEM_PREFETCH */
    MemRegion *mem; /* what is mapped */
} PciBar;

struct PciDevice {
    Device dev;
    /* properties */
    char *bus_name;  /* "bus"; NULL: the first with room */
    char *addr_text; /* "addr": SLOT[.FUNCTION] in hexadecimal */
    bool multifunction;
    uint32_t rombar; /* 0: no expansion ROM */
    char *romfile;
    uint32_t romsize; /* UINT32_MAX: of the file, rounded up */
    uint32_t acpi_index;
    /* where it is */
    PciBus *bus;
    uint8_t devfn;
    bool plugged;
    /* configuration space: bytes, and which of their bits the guest writes, clears by writing 1,
     * and which change by themselves */
    uint8_t config[PCIE_CONFIG_SIZE];
    uint8_t wmask[PCIE_CONFIG_SIZE], w1c[PCIE_CONFIG_SIZE], changing[PCIE_CONFIG_SIZE];
    uint8_t *initial; /* the bytes after reset */
    uint16_t next_cap, next_ext, last_ext;
    PciBar bars[PCI_N_BARS + 1];
    uint8_t *rom;       /* read, not mapped yet; owned */
    uint32_t rom_size;  /* of the expansion ROM; 0: there is none */
    uint32_t rom_saved; /* the same; as of the state that was loaded */
    uint16_t pm_cap, msi_cap, msix_cap, exp_cap, aer_cap; /* offsets; 0: none */
    bool intx_level;                                      /* what the function asks for */
    bool aer_interrupts;                                  /* a root port has errors to tell */
    Irq intx;
    AddressSpace *bus_space; /* of its DMA while it is bus master */
    /* MSI-X */
    uint32_t n_msix, n_msix_words, n_msix_pending;
    uint32_t *msix_table; /* 4 words a vector */
    uint64_t *msix_pending;
    MsiRoute **msix_routes; /* the accelerator's, of vectors sent so far */
    uint8_t msix_bar;
    uint64_t msix_table_at, msix_pba_at; /* in the region */
    /* A vector got masked (true) or unmasked by the driver; NULL: nobody minds. */
    void (*msix_masked)(PciDevice *p, unsigned vector, bool masked);
};

extern const DeviceType device_pci; /* base of functions */

#define pci_of(dev_) device_as(dev_, PciDevice)

static inline const PciType *pci_type(const PciDevice *p)
{
    return p->dev.type->extra;
}

/* ---- For the start of a function ---- LOOP_THREAD */

/* Takes its place on the bus and fills the header from PciType. Errors: no such bus, place taken,
 * no place left, bad addr=. */
NODISCARD bool pci_plug(PciDevice *p, GError **err);
/* Undo; in `stop`. */
void pci_unplug(PciDevice *p);
/*
 * BAR @n shows @mem, of @size bytes (a power of two, 16 at least for memory, 4 for ports). @flags
 * are PCI_BASE_ADDRESS_*. @mem is not part of anything else.
 */
void pci_add_bar(PciDevice *p, unsigned n, unsigned flags, MemRegion *mem, uint64_t size);
/* The same of a region of the device, whose RegionType.size is 0. */
void pci_add_bar_region(PciDevice *p, unsigned n, unsigned flags, unsigned region, uint64_t size);
/* A capability of @size bytes at @off (0: the next free place); its offset. */
unsigned pci_add_cap(PciDevice *p, unsigned id, unsigned off, unsigned size);
/* An extended one (express functions). */
unsigned pci_add_ext_cap(PciDevice *p, unsigned id, unsigned version, unsigned size);
/* Power management, states D0 and D3hot. */
void pci_add_pm(PciDevice *p);
/* @n vectors: 1, 2, 4 ... 32; 64-bit addresses; @maskable: each alone. */
void pci_add_msi(PciDevice *p, unsigned n, bool maskable);
/*
 * @n vectors; table at @table_at and pending bits at @pba_at of device region @region, which is
 * (part of) BAR @bar. The region's callbacks are pci_msix_read and pci_msix_write.
 */
void pci_add_msix(PciDevice *p, unsigned n, unsigned bar, uint64_t table_at, uint64_t pba_at);
/* The usual form: a BAR of its own; @region is PCI_MSIX_REGION in the type's regions. */
void pci_add_msix_bar(PciDevice *p, unsigned n, unsigned bar, unsigned region);
RegionRead pci_msix_read;
RegionWrite pci_msix_write;
#define PCI_MSIX_REGION                                                                  \
    {                                                                                    \
        .name = "msix", .read = pci_msix_read, .write = pci_msix_write, .access_min = 4, \
        .access_max = 8                                                                  \
    }

static inline void pci_set8(PciDevice *p, unsigned off, uint8_t v)
{
    p->config[off] = v;
}
void pci_set16(PciDevice *p, unsigned off, uint16_t v);
void pci_set32(PciDevice *p, unsigned off, uint32_t v);
uint16_t pci_get16(const PciDevice *p, unsigned off);
uint32_t pci_get32(const PciDevice *p, unsigned off);
/* Which bits the guest may write (mask) or clear by writing 1; @size 1, 2 or 4. */
void pci_writable(PciDevice *p, unsigned off, unsigned size, uint32_t mask);
void pci_write1_clears(PciDevice *p, unsigned off, unsigned size, uint32_t mask);
/* Which bits the function itself changes. */
void pci_changing(PciDevice *p, unsigned off, unsigned size, uint32_t mask);

/* ---- Under the function's lock ---- */

/* A configuration access of 1, 2 or 4 aligned bytes, as one by the guest. */
uint32_t pci_config_read(PciDevice *p, unsigned off, unsigned size);
void pci_config_write(PciDevice *p, unsigned off, unsigned size, uint32_t val);

static inline bool pci_is_master(const PciDevice *p)
{
    return p->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}
/* The level of INTx that the function wants; pci_settle drives the pin. */
static inline void pci_set_intx(PciDevice *p, bool level)
{
    p->intx_level = level;
}
void pci_settle(PciDevice *p);

bool pci_msi_is_on(const PciDevice *p);
bool pci_msix_is_on(const PciDevice *p);
/* One message of vector @n; kept pending while it is masked. Nothing where it is off. */
void pci_msi_notify(PciDevice *p, unsigned n);
void pci_msix_notify(PciDevice *p, unsigned n);
/* By whichever of MSI-X, MSI is on: true; false: neither, INTx is for the caller. */
bool pci_msg_notify(PciDevice *p, unsigned n);
/* A vector's pending bit goes (the cause is gone). */
void pci_msix_clear_pending(PciDevice *p, unsigned n);
/* Bus, slot and function as the fabric numbers them now. */
uint16_t pci_requester_id(const PciDevice *p);

/* ---- Buses ---- */

static inline unsigned pci_slot(unsigned devfn)
{
    return devfn >> 3;
}
static inline unsigned pci_function(unsigned devfn)
{
    return devfn & 7;
}

/* A new bus; mem and io are made. Freed with the owner by pci_bus_deinit. */
void pci_bus_init(PciBus *b, Device *owner, PciDevice *bridge, const char *name, bool express);
void pci_bus_deinit(PciBus *b);
bool pci_slot_is_free(const PciBus *b, unsigned slot);
/* The number the guest gave it. */
uint8_t pci_bus_number(const PciBus *b);
/* The function at @bus_number, @devfn of the tree under root bus @root; NULL: none. ANY_THREAD. */
PciDevice *pci_find_function(PciBus *root, uint8_t bus_number, uint8_t devfn);
/* The bus that @dev has below it; NULL. */
PciBus *pci_bus_of(Device *dev);
/* By name; NULL. */
PciBus *pci_bus_find(Machine *m, const char *name);
/* The first root bus; NULL: the machine has no PCI. */
PciBus *pci_root(Machine *m);
/* Each function of @b in the order of devfn, and of the buses below. */
void pci_for_each(PciBus *b, void (*fn)(PciDevice *p, void *arg), void *arg);

/* ---- Express ---- */

/*
 * The PCI Express capability of a function of kind @type (PCI_EXP_TYPE_*), and with it 4 KiB of
 * configuration space; nothing on a conventional bus. An endpoint on a root bus becomes an
 * integrated one.
 */
void pcie_add_cap(PciDevice *p, unsigned type, unsigned port);
/* Advanced error reporting (hw/pci/aer.h). */
void pcie_add_aer(PciDevice *p);
/* Access control services of a port: the register, as nothing passes below one here. */
void pcie_add_acs(PciDevice *p);
void pcie_add_serial(PciDevice *p, uint64_t serial);

#endif
