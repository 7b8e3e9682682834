/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/pci.h"

#include "hw/pci/pci-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

/* ---- Bytes of configuration space ---- */

void pci_set16(PciDevice *p, unsigned off, uint16_t v)
{
    put_le16(p->config + off, v);
}

void pci_set32(PciDevice *p, unsigned off, uint32_t v)
{
    put_le32(p->config + off, v);
}

uint16_t pci_get16(const PciDevice *p, unsigned off)
{
    return get_le16(p->config + off);
}

uint32_t pci_get32(const PciDevice *p, unsigned off)
{
    return get_le32(p->config + off);
}

void pci_writable(PciDevice *p, unsigned off, unsigned size, uint32_t mask)
{
    put_le(p->wmask + off, size, mask);
}

void pci_write1_clears(PciDevice *p, unsigned off, unsigned size, uint32_t mask)
{
    put_le(p->w1c + off, size, mask);
}

void pci_changing(PciDevice *p, unsigned off, unsigned size, uint32_t mask)
{
    put_le(p->changing + off, size, mask);
}

unsigned pci_add_cap(PciDevice *p, unsigned id, unsigned off, unsigned size)
{
    if (!off) {
        off = p->next_cap;
        p->next_cap = (uint16_t)((off + size + 3) & ~3u);
    }
    CHECK(off >= 0x40 && off + size <= PCI_CONFIG_SIZE && size >= 2);
    p->config[off] = (uint8_t)id;
    p->config[off + 1] = p->config[PCI_CAPABILITY_LIST];
    p->config[PCI_CAPABILITY_LIST] = (uint8_t)off;
    pci_set16(p, PCI_STATUS, pci_get16(p, PCI_STATUS) | PCI_STATUS_CAP_LIST);
    return off;
}

unsigned pci_add_ext_cap(PciDevice *p, unsigned id, unsigned version, unsigned size)
{
    unsigned off = p->next_ext ? p->next_ext : PCI_CONFIG_SIZE;

    p->next_ext = (uint16_t)((off + size + 3) & ~3u);
    CHECK(off + size <= PCIE_CONFIG_SIZE);
    pci_set32(p, off, id | version << 16);
    if (p->last_ext) {
        pci_set32(p, p->last_ext, pci_get32(p, p->last_ext) | off << 20);
    }
    p->last_ext = (uint16_t)off;
    return off;
}

void pci_add_pm(PciDevice *p)
{
    unsigned cap = pci_add_cap(p, PCI_CAP_ID_PM, 0, PCI_PM_SIZEOF);

    p->pm_cap = (uint16_t)cap;
    pci_set16(p, cap + PCI_PM_PMC, 3);
    pci_set16(p, cap + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_writable(p, cap + PCI_PM_CTRL, 2, PCI_PM_CTRL_STATE_MASK);
}

/* ---- BARs ---- */

static unsigned pci_bar_at(const PciDevice *p, unsigned n)
{
    if (n == PCI_BAR_ROM) {
        return pci_type(p)->bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;
    }
    return PCI_BASE_ADDRESS_0 + 4 * n;
}

void pci_add_bar(PciDevice *p, unsigned n, unsigned flags, MemRegion *mem, uint64_t size)
{
    PciBar *b = &p->bars[n];
    bool io = flags & PCI_BASE_ADDRESS_SPACE_IO;
    unsigned at = pci_bar_at(p, n);

    CHECK(n <= PCI_BAR_ROM && !b->size && bits_is_pow2(size) && size >= (io ? 4 : 16));
    *b = (PciBar){ .size = size, .addr = UINT64_MAX, .flags = (uint8_t)flags, .mem = mem };
    pci_set32(p, at, n == PCI_BAR_ROM ? 0 : flags);
    if (n == PCI_BAR_ROM) {
        pci_writable(p, at, 4, (uint32_t) ~(size - 1) | PCI_ROM_ADDRESS_ENABLE);
    } else {
        pci_writable(p, at, 4, (uint32_t) ~(size - 1));
    }
    if (flags & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        pci_writable(p, at + 4, 4, (uint32_t)(~(size - 1) >> 32));
    }
    region_set_enabled(mem, false);
    region_add(io ? p->bus->io : p->bus->mem, mem, 0, 1);
}

void pci_add_bar_region(PciDevice *p, unsigned n, unsigned flags, unsigned region, uint64_t size)
{
    device_set_region_size(&p->dev, region, size);
    pci_add_bar(p, n, flags, device_region(&p->dev, region), size);
}

/* Where BAR @n is to be mapped; UINT64_MAX: nowhere. */
static uint64_t pci_bar_wanted(const PciDevice *p, unsigned n)
{
    const PciBar *b = &p->bars[n];
    unsigned at = pci_bar_at(p, n), command = pci_get16(p, PCI_COMMAND);
    uint64_t addr = pci_get32(p, at);

    if (b->flags & PCI_BASE_ADDRESS_SPACE_IO) {
        addr &= ~(uint64_t)(b->size - 1);
        return command & PCI_COMMAND_IO && addr + b->size <= 0x10000 ? addr : UINT64_MAX;
    }
    if (!(command & PCI_COMMAND_MEMORY) || (n == PCI_BAR_ROM && !(addr & PCI_ROM_ADDRESS_ENABLE))) {
        return UINT64_MAX;
    }
    if (b->flags & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        addr |= (uint64_t)pci_get32(p, at + 4) << 32;
    }
    addr &= ~(b->size - 1);
    /* All ones is the probe of the size; a BAR never ends beyond the address space. */
    return addr + (b->size - 1) < addr ||
                   addr + (b->size - 1) ==
                       (b->flags & PCI_BASE_ADDRESS_MEM_TYPE_64 ? UINT64_MAX : UINT32_MAX)
               ? UINT64_MAX
               : addr;
}

void pci_bars_update(PciDevice *p)
{
    map_change_begin(p->dev.machine);
    for (unsigned n = 0; n <= PCI_BAR_ROM; n++) {
        PciBar *b = &p->bars[n];
        uint64_t addr = b->size ? pci_bar_wanted(p, n) : UINT64_MAX;

        if (!b->size || addr == b->addr) {
            continue;
        }
        if (addr != UINT64_MAX) {
            region_set_address(b->mem, addr);
        }
        region_set_enabled(b->mem, addr != UINT64_MAX);
        b->addr = addr;
    }
    map_change_end(p->dev.machine);
}

/* ---- Accesses ---- */

static unsigned pci_config_size(const PciDevice *p)
{
    return p->exp_cap ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
}

uint32_t pci_config_read(PciDevice *p, unsigned off, unsigned size)
{
    uint32_t val;

    if (off + size > pci_config_size(p)) {
        return (uint32_t)bits_mask(size * 8);
    }
    if (pci_type(p)->config_read && pci_type(p)->config_read(p, off, size, &val)) {
        return val;
    }
    return (uint32_t)get_le(p->config + off, size);
}

/* DMA of a function that is no bus master reaches nothing. */
static void pci_master_update(PciDevice *p)
{
    p->dev.dma = pci_is_master(p) ? p->bus_space : machine_no_memory(p->dev.machine);
    p->dev.requester = pci_requester_id(p);
}

void pci_config_write(PciDevice *p, unsigned off, unsigned size, uint32_t val)
{
    if (off + size > pci_config_size(p)) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t *b = &p->config[off + i], v = (uint8_t)(val >> (8 * i));
        uint8_t w = p->wmask[off + i];

        *b = (uint8_t)(((*b & ~w) | (v & w)) & ~(v & p->w1c[off + i]));
    }
    if (pci_touches(off, size, PCI_COMMAND, 2)) {
        pci_master_update(p);
    }
    if (pci_touches(off, size, PCI_COMMAND, 2) || pci_touches(off, size, PCI_BASE_ADDRESS_0, 24) ||
        pci_touches(off, size, pci_bar_at(p, PCI_BAR_ROM), 4)) {
        pci_bars_update(p);
    }
    pci_msi_config_wrote(p, off, size);
    pci_msix_config_wrote(p, off, size);
    if (pci_type(p)->config_wrote) {
        pci_type(p)->config_wrote(p, off, size);
    }
}

void pci_settle(PciDevice *p)
{
    uint16_t status = pci_get16(p, PCI_STATUS) & ~PCI_STATUS_INTERRUPT;

    pci_set16(p, PCI_STATUS, status | (p->intx_level ? PCI_STATUS_INTERRUPT : 0));
    irq_set(&p->intx, p->intx_level && !pci_msi_is_on(p) && !pci_msix_is_on(p) &&
                          !(pci_get16(p, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE));
}

/* ---- Life ---- */

static void pci_fill_header(PciDevice *p)
{
    const PciType *t = pci_type(p);
    bool sub = t->subvendor || t->subdevice;

    pci_set16(p, PCI_VENDOR_ID, t->vendor);
    pci_set16(p, PCI_DEVICE_ID, t->device);
    pci_set32(p, PCI_CLASS_REVISION, t->class_code << 8 | t->revision);
    pci_set8(p, PCI_HEADER_TYPE,
             (t->bridge ? PCI_HEADER_TYPE_BRIDGE : 0) | (p->multifunction ? 0x80 : 0));
    pci_set8(p, PCI_INTERRUPT_PIN, t->intx);
    if (!t->bridge) {
        pci_set16(p, PCI_SUBSYSTEM_VENDOR_ID, sub ? t->subvendor : PCI_SUBVENDOR_QUMRANET);
        pci_set16(p, PCI_SUBSYSTEM_ID, sub ? t->subdevice : PCI_SUBDEVICE_DEFAULT);
    }
    pci_writable(p, PCI_COMMAND, 2,
                 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
                     PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    pci_write1_clears(p, PCI_STATUS, 2, 0xf900);
    pci_changing(p, PCI_STATUS, 2, 0xf900 | PCI_STATUS_INTERRUPT);
    pci_writable(p, PCI_CACHE_LINE_SIZE, 1, 0xff);
    pci_writable(p, PCI_INTERRUPT_LINE, 1, 0xff);
}

bool pci_plug(PciDevice *p, GError **err)
{
    p->next_cap = 0x40;
    if (!pci_rom_open(p, err) || !pci_bus_take(p, err)) {
        return false;
    }
    p->bus_space = p->dev.dma;
    p->dev.dma = machine_no_memory(p->dev.machine);
    pci_fill_header(p);
    return true;
}

void pci_unplug(PciDevice *p)
{
    for (unsigned n = 0; n <= PCI_BAR_ROM; n++) {
        if (p->bars[n].size) {
            region_remove(p->bars[n].mem);
            p->bars[n].size = 0;
        }
    }
    pci_msix_unroute(p);
    pci_bus_leave(p);
    g_clear_pointer(&p->initial, g_free);
    g_clear_pointer(&p->rom, g_free);
}

/* Pins are there now: INTx goes to the root, turned by one at each bridge (the standard swizzle).
 */
static void pci_connect_intx(PciDevice *p)
{
    const PciBus *bus = p->bus;
    unsigned devfn = p->devfn, pin = p->config[PCI_INTERRUPT_PIN];

    if (!pin) {
        return;
    }
    for (pin--; bus->bridge; bus = bus->bridge->bus) {
        pin = (pin + pci_slot(devfn)) % PCI_N_INTX;
        devfn = bus->bridge->devfn;
    }
    if (bus->intx_pin) {
        irq_connect(&p->dev, "intx", 0, bus->owner, bus->intx_pin,
                    bus->map_intx ? bus->map_intx(pci_slot(devfn), pin)
                                  : (pin + pci_slot(devfn)) % PCI_N_INTX);
    }
}

static void pci_ready(Device *dev)
{
    PciDevice *p = pci_of(dev);

    pci_rom_add(p);
    p->initial = g_memdup2(p->config, sizeof(p->config));
    pci_connect_intx(p);
    __atomic_store_n(&p->bus->functions[p->devfn], p, __ATOMIC_RELEASE);
    p->plugged = true;
    if (machine_has_started(dev->machine) && p->bus->plugged && !pci_function(p->devfn)) {
        p->bus->plugged(p->bus, p);
    }
}

static void pci_stop(Device *dev)
{
    pci_unplug(pci_of(dev));
}

static void pci_reset(Device *dev, ResetType type)
{
    PciDevice *p = pci_of(dev);

    if (type != RESET_WAKE || !pci_type(p)->keeps_asleep) {
        memcpy(p->config, p->initial, sizeof(p->config));
    }
    p->intx_level = false;
    pci_msi_reset(p);
    pci_master_update(p);
    pci_bars_update(p);
}

static void pci_base_settle(Device *dev)
{
    pci_settle(pci_of(dev));
}

static bool pci_loaded(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (p->rom_saved != p->rom_size) {
        return error_set(err,
                         "%s: the expansion ROM has %" PRIu32 " bytes here and had %" PRIu32
                         " in the state: give the same romfile= or romsize=",
                         device_path(dev), p->rom_size, p->rom_saved);
    }
    for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++) {
        uint8_t fixed = (uint8_t) ~(p->wmask[i] | p->w1c[i] | p->changing[i]);

        if ((p->config[i] ^ p->initial[i]) & fixed) {
            return error_set(err,
                             "%s: byte 0x%x of configuration space is 0x%02x in the state and "
                             "0x%02x here: it is of another device",
                             device_path(dev), i, p->config[i], p->initial[i]);
        }
    }
    pci_master_update(p);
    pci_bars_update(p);
    return true;
}

static const Field pci_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, .at = offsetof(PciDevice, bus_name), .size = sizeof(char *),
      .doc = "bus to plug into; the first PCI bus without it" },
    { "addr", FIELD_PROP, TYPE_STR, .at = offsetof(PciDevice, addr_text), .size = sizeof(char *),
      .doc = "slot, or slot.function, in hexadecimal; the first free slot without it" },
    PROP_BOOL(PciDevice, multifunction, false, .doc = "function 0 tells that there are others"),
    PROP_U32(PciDevice, rombar, 1, .doc = "0: no expansion ROM"),
    PROP_STR(PciDevice, romfile, NULL,
             .doc = "file of the expansion ROM; empty: none; network cards have iPXE's without it "
                    "where that is installed"),
    PROP_U32(PciDevice, romsize, UINT32_MAX,
             .doc = "bytes of the expansion ROM, a power of two; those of the file without it"),
    PROP_U32(PciDevice, acpi_index, 0, .doc = "number of the slot for the guest's names"),
    STATE_ARRAY(PciDevice, config, .no_reset = true),
    STATE_BOOL(PciDevice, intx_level, .no_reset = true),
    STATE_U32(PciDevice, rom_saved, .no_reset = true, .optional = true),
    STATE_ARRAY_DYN(PciDevice, msix_table, n_msix_words, .no_reset = true),
    STATE_ARRAY_DYN(PciDevice, msix_pending, n_msix_pending, .no_reset = true),
    PIN_OUT(PciDevice, intx),
    SCRATCH(PciDevice, bus),
    SCRATCH(PciDevice, devfn),
    SCRATCH(PciDevice, plugged),
    SCRATCH(PciDevice, wmask),
    SCRATCH(PciDevice, w1c),
    SCRATCH(PciDevice, changing),
    SCRATCH(PciDevice, initial),
    SCRATCH(PciDevice, next_cap),
    SCRATCH(PciDevice, next_ext),
    SCRATCH(PciDevice, last_ext),
    SCRATCH(PciDevice, bars),
    SCRATCH(PciDevice, rom),
    SCRATCH(PciDevice, rom_size),
    SCRATCH(PciDevice, pm_cap),
    SCRATCH(PciDevice, msi_cap),
    SCRATCH(PciDevice, msix_cap),
    SCRATCH(PciDevice, exp_cap),
    SCRATCH(PciDevice, aer_cap),
    SCRATCH(PciDevice, aer_interrupts),
    SCRATCH(PciDevice, bus_space),
    SCRATCH(PciDevice, n_msix),
    SCRATCH(PciDevice, n_msix_words),
    SCRATCH(PciDevice, n_msix_pending),
    SCRATCH(PciDevice, msix_bar),
    SCRATCH(PciDevice, msix_table_at),
    SCRATCH(PciDevice, msix_pba_at),
    SCRATCH(PciDevice, msix_masked),
    SCRATCH(PciDevice, msix_routes),
};

const DeviceType device_pci = {
    .name = "pci-device",
    .doc = "what every PCI function has",
    .size = sizeof(PciDevice),
    .fields = TABLE(pci_fields),
    .ready = pci_ready,
    .stop = pci_stop,
    .abandon = pci_stop,
    .unplug = pci_ask_unplug,
    .reset = pci_reset,
    .settle = pci_base_settle,
    .loaded = pci_loaded,
};
