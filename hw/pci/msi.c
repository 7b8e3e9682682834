/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts by messages.
 * Spec: PCI Local Bus 3.0, "6.8 Message Signaled Interrupts".
 */
#include "hw/pci/pci.h"

#include "hw/pci/pci-priv.h"
#include "util/bytes.h"

#include <inttypes.h>

/* Where messages of x86 go to (Intel SDM volume 3, 11.11.1). */
#define MSI_X86_BASE 0xfee00000ull
enum { MSI_X86_SIZE = 1 << 20 };

/* A message is a write with the function's number; it needs the right to be bus master. */
static void pci_message(PciDevice *p, uint64_t addr, uint32_t data)
{
    if (pci_is_master(p)) {
        aspace_store(p->bus_space, addr, 4, data, (MemAttrs){ .requester = pci_requester_id(p) });
    }
}

/* ---- MSI ---- */

static bool msi_is_64(const PciDevice *p)
{
    return pci_get16(p, p->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_64BIT;
}

static unsigned msi_mask_at(const PciDevice *p)
{
    return p->msi_cap + (msi_is_64(p) ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static unsigned msi_pending_at(const PciDevice *p)
{
    return msi_mask_at(p) + 4;
}

void pci_add_msi(PciDevice *p, unsigned n, bool maskable)
{
    unsigned log = (unsigned)__builtin_ctz(n), cap;

    CHECK(bits_is_pow2(n) && n <= 32);
    cap = pci_add_cap(p, PCI_CAP_ID_MSI, 0, maskable ? 24 : 14);
    p->msi_cap = (uint16_t)cap;
    pci_set16(p, cap + PCI_MSI_FLAGS,
              (uint16_t)(log << 1 | PCI_MSI_FLAGS_64BIT | (maskable ? PCI_MSI_FLAGS_MASKBIT : 0)));
    pci_writable(p, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
    pci_writable(p, cap + PCI_MSI_ADDRESS_LO, 4, ~3u);
    pci_writable(p, cap + PCI_MSI_ADDRESS_HI, 4, ~0u);
    pci_writable(p, cap + PCI_MSI_DATA_64, 2, 0xffff);
    if (maskable) {
        pci_writable(p, cap + PCI_MSI_MASK_64, 4, (uint32_t)bits_mask(n));
        pci_changing(p, cap + PCI_MSI_PENDING_64, 4, (uint32_t)bits_mask(n));
    }
}

bool pci_msi_is_on(const PciDevice *p)
{
    return p->msi_cap && pci_get16(p, p->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE;
}

static unsigned msi_allowed(const PciDevice *p)
{
    unsigned flags = pci_get16(p, p->msi_cap + PCI_MSI_FLAGS);

    return 1u << min_u64((flags & PCI_MSI_FLAGS_QSIZE) >> 4, (flags & PCI_MSI_FLAGS_QMASK) >> 1);
}

static void msi_send(PciDevice *p, unsigned n)
{
    uint64_t addr = pci_get32(p, p->msi_cap + PCI_MSI_ADDRESS_LO);
    unsigned data = pci_get16(p, p->msi_cap + (msi_is_64(p) ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32));

    if (msi_is_64(p)) {
        addr |= (uint64_t)pci_get32(p, p->msi_cap + PCI_MSI_ADDRESS_HI) << 32;
    }
    pci_message(p, addr, (data & ~(msi_allowed(p) - 1)) | n);
}

void pci_msi_notify(PciDevice *p, unsigned n)
{
    if (!pci_msi_is_on(p)) {
        return;
    }
    n &= msi_allowed(p) - 1; /* fewer vectors than asked for: they share */
    if (pci_get16(p, p->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_MASKBIT &&
        pci_get32(p, msi_mask_at(p)) & BIT(n)) {
        pci_set32(p, msi_pending_at(p), pci_get32(p, msi_pending_at(p)) | (uint32_t)BIT(n));
        return;
    }
    msi_send(p, n);
}

void pci_msi_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    uint32_t due;

    if (!p->msi_cap || !pci_touches(off, len, p->msi_cap, 24) || !pci_msi_is_on(p) ||
        !(pci_get16(p, p->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_MASKBIT)) {
        return;
    }
    due = pci_get32(p, msi_pending_at(p)) & ~pci_get32(p, msi_mask_at(p));
    pci_set32(p, msi_pending_at(p), pci_get32(p, msi_pending_at(p)) & ~due);
    for (; due; due &= due - 1) {
        msi_send(p, (unsigned)__builtin_ctz(due));
    }
}

/* ---- MSI-X ---- */

void pci_add_msix(PciDevice *p, unsigned n, unsigned bar, uint64_t table_at, uint64_t pba_at)
{
    unsigned cap = pci_add_cap(p, PCI_CAP_ID_MSIX, 0, PCI_CAP_MSIX_SIZEOF);

    CHECK(n >= 1 && n <= PCI_MSIX_MAX && !(table_at & 7) && !(pba_at & 7));
    p->msix_cap = (uint16_t)cap;
    pci_set16(p, cap + PCI_MSIX_FLAGS, (uint16_t)(n - 1));
    pci_writable(p, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    pci_set32(p, cap + PCI_MSIX_TABLE, (uint32_t)table_at | bar);
    pci_set32(p, cap + PCI_MSIX_PBA, (uint32_t)pba_at | bar);
    p->n_msix = n;
    p->n_msix_words = 4 * n;
    p->n_msix_pending = (n + 63) / 64;
    p->msix_table = device_alloc(&p->dev, p->n_msix_words * sizeof(uint32_t));
    p->msix_pending = device_alloc(&p->dev, p->n_msix_pending * sizeof(uint64_t));
    p->msix_routes = device_alloc(&p->dev, n * sizeof(MsiRoute *));
    p->msix_bar = (uint8_t)bar;
    p->msix_table_at = table_at;
    p->msix_pba_at = pba_at;
}

void pci_add_msix_bar(PciDevice *p, unsigned n, unsigned bar, unsigned region)
{
    uint64_t table = bits_align_up(n * PCI_MSIX_ENTRY, 8), half = 2048, size;

    while (half < table || half < n / 8 + 8) {
        half *= 2;
    }
    size = half * 2;
    pci_add_bar_region(p, bar, PCI_BASE_ADDRESS_SPACE_MEMORY, region, size);
    pci_add_msix(p, n, bar, 0, half);
}

bool pci_msix_is_on(const PciDevice *p)
{
    return p->msix_cap && pci_get16(p, p->msix_cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
}

static bool msix_all_masked(const PciDevice *p)
{
    unsigned flags = pci_get16(p, p->msix_cap + PCI_MSIX_FLAGS);

    return !(flags & PCI_MSIX_FLAGS_ENABLE) || flags & PCI_MSIX_FLAGS_MASKALL;
}

static bool msix_is_masked(const PciDevice *p, unsigned n)
{
    return msix_all_masked(p) || p->msix_table[4 * n + 3] & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* By the descriptor that the accelerator has for it; false: there is none. */
static bool msix_send_routed(PciDevice *p, unsigned n, uint64_t addr, uint32_t data)
{
    Machine *m = p->dev.machine;
    const MachineIrqchip *chip = machine_irqchip(m);

    if (!chip || !chip->msi_send_routed || !pci_is_master(p) || p->bus_space != machine_memory(m) ||
        addr - MSI_X86_BASE >= MSI_X86_SIZE) {
        return false;
    }
    return chip->msi_send_routed(m, &p->msix_routes[n], addr, data);
}

static void msix_send(PciDevice *p, unsigned n)
{
    const uint32_t *e = &p->msix_table[4 * n];
    uint64_t addr = e[0] | (uint64_t)e[1] << 32;

    if (!msix_send_routed(p, n, addr, e[2])) {
        pci_message(p, addr, e[2]);
    }
}

void pci_msix_unroute(PciDevice *p)
{
    const MachineIrqchip *chip = machine_irqchip(p->dev.machine);

    for (unsigned n = 0; chip && chip->msi_unroute && n < p->n_msix; n++) {
        chip->msi_unroute(p->dev.machine, p->msix_routes[n]);
        p->msix_routes[n] = NULL;
    }
}

static void msix_send_pending(PciDevice *p, unsigned n)
{
    if (p->msix_pending[n / 64] & BIT(n % 64) && !msix_is_masked(p, n)) {
        p->msix_pending[n / 64] &= ~BIT(n % 64);
        msix_send(p, n);
    }
}

void pci_msix_notify(PciDevice *p, unsigned n)
{
    if (!pci_msix_is_on(p) || n >= p->n_msix) {
        return;
    }
    if (msix_is_masked(p, n)) {
        p->msix_pending[n / 64] |= BIT(n % 64);
    } else {
        msix_send(p, n);
    }
}

void pci_msix_clear_pending(PciDevice *p, unsigned n)
{
    if (n < p->n_msix) {
        p->msix_pending[n / 64] &= ~BIT(n % 64);
    }
}

bool pci_msg_notify(PciDevice *p, unsigned n)
{
    if (pci_msix_is_on(p)) {
        pci_msix_notify(p, n);
        return true;
    }
    if (pci_msi_is_on(p)) {
        pci_msi_notify(p, n);
        return true;
    }
    return false;
}

void pci_msix_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if (!p->msix_cap || !pci_touches(off, len, p->msix_cap + PCI_MSIX_FLAGS, 2) ||
        msix_all_masked(p)) {
        return;
    }
    for (unsigned n = 0; n < p->n_msix; n++) {
        msix_send_pending(p, n);
    }
}

void pci_msi_reset(PciDevice *p)
{
    for (unsigned n = 0; n < p->n_msix; n++) {
        memset(&p->msix_table[4 * n], 0, 3 * sizeof(uint32_t));
        p->msix_table[4 * n + 3] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
    }
    for (unsigned i = 0; i < p->n_msix_pending; i++) {
        p->msix_pending[i] = 0;
    }
}

MemResult pci_msix_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    PciDevice *p = pci_of(dev);
    uint64_t table = off - p->msix_table_at, pba = off - p->msix_pba_at;

    *val = 0;
    if (table + size <= p->n_msix * (uint64_t)PCI_MSIX_ENTRY && table < PCI_MSIX_MAX * 16ull) {
        *val = p->msix_table[table / 4];
        if (size == 8) {
            *val |= (uint64_t)p->msix_table[table / 4 + 1] << 32;
        }
    } else if (pba < p->n_msix_pending * 8ull) {
        *val = p->msix_pending[pba / 8] >> (8 * (pba & 4)) & bits_mask(size * 8);
    }
    return MEM_OK;
}

MemResult pci_msix_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    PciDevice *p = pci_of(dev);
    uint64_t table = off - p->msix_table_at;
    unsigned n = (unsigned)(table / PCI_MSIX_ENTRY);
    bool was, is;

    if (table + size > p->n_msix * (uint64_t)PCI_MSIX_ENTRY || table >= PCI_MSIX_MAX * 16ull) {
        return MEM_OK; /* pending bits are read-only */
    }
    was = msix_is_masked(p, n);
    p->msix_table[table / 4] = (uint32_t)val;
    if (size == 8) {
        p->msix_table[table / 4 + 1] = (uint32_t)(val >> 32);
    }
    p->msix_table[4 * n + 3] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
    is = msix_is_masked(p, n);
    if (was != is && p->msix_masked) {
        p->msix_masked(p, n, is);
    }
    msix_send_pending(p, n);
    return MEM_OK;
}
