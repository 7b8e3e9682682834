/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advanced error reporting: errors that a function notes, messages of them, and the root port that
 * hears of these and interrupts.
 * Spec: PCI Express Base 5.0, 6.2 (flow in 6.2.5, root ports in 6.2.4), 7.8.4.
 */
#include "hw/pci/aer.h"

#include "hw/pci/bridge.h"
#include "hw/pci/pci-priv.h"
#include "util/error.h"

enum {
    /* Bits that have the same place in PCI_ERR_ROOT_COMMAND, and two to the left in the status. */
    ROOT_NONFATAL = PCI_ERR_ROOT_CMD_NONFATAL_EN,
    ROOT_FATAL = PCI_ERR_ROOT_CMD_FATAL_EN,
    PCIE_NO_MESSAGE = 0,
};

static void aer_or16(PciDevice *p, unsigned off, unsigned bits)
{
    pci_set16(p, off, (uint16_t)(pci_get16(p, off) | bits));
}

static void aer_or32(PciDevice *p, unsigned off, uint32_t bits)
{
    pci_set32(p, off, pci_get32(p, off) | bits);
}

static unsigned pcie_kind(const PciDevice *p)
{
    return p->exp_cap ? (pci_get16(p, p->exp_cap + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4 : 0;
}

static bool pcie_is_root_port(const PciDevice *p)
{
    return p->exp_cap && pcie_kind(p) == PCI_EXP_TYPE_ROOT_PORT;
}

/* ---- The function with the error ---- */

/* "7.8.4.7", "7.8.4.8": the first error's bit number and header stay until it is cleared. */
static void aer_log(PciDevice *p, const PcieError *e)
{
    unsigned cap = p->aer_cap, first = pci_get32(p, cap + PCI_ERR_CAP) & 0x1f;

    if (pci_get32(p, cap + PCI_ERR_UNCOR_STATUS) & 1u << first) {
        return;
    }
    pci_set32(p, cap + PCI_ERR_CAP,
              (pci_get32(p, cap + PCI_ERR_CAP) & ~0x1fu) | (uint32_t)__builtin_ctz(e->status));
    for (unsigned i = 0; i < 4; i++) {
        pci_set32(p, cap + PCI_ERR_HEADER_LOG + 4 * i, e->header[i]);
    }
}

static uint32_t aer_get(const PciDevice *p, unsigned reg)
{
    return pci_get32(p, p->aer_cap + reg);
}

/* The message's bit of PCI_EXP_DEVCTL; PCIE_NO_MESSAGE. */
static unsigned aer_correctable(PciDevice *p, uint32_t status)
{
    unsigned control = pci_get16(p, p->exp_cap + PCI_EXP_DEVCTL);

    aer_or16(p, p->exp_cap + PCI_EXP_DEVSTA, PCI_EXP_DEVSTA_CED);
    if (p->aer_cap) {
        aer_or32(p, p->aer_cap + PCI_ERR_COR_STATUS, status);
        if (aer_get(p, PCI_ERR_COR_MASK) & status) {
            return PCIE_NO_MESSAGE;
        }
    }
    return control & PCI_EXP_DEVCTL_CERE;
}

static unsigned aer_uncorrectable(PciDevice *p, const PcieError *e)
{
    unsigned control = pci_get16(p, p->exp_cap + PCI_EXP_DEVCTL);
    bool serr = pci_get16(p, PCI_COMMAND) & PCI_COMMAND_SERR, fatal;
    unsigned enable;

    fatal = !e->advisory && p->aer_cap && aer_get(p, PCI_ERR_UNCOR_SEVER) & e->status;
    if (e->status == PCI_ERR_UNC_UNSUP) {
        aer_or16(p, p->exp_cap + PCI_EXP_DEVSTA, PCI_EXP_DEVSTA_URD);
    }
    if (e->advisory) { /* "6.2.3.2.4": told as a correctable one where there is AER */
        bool masked = p->aer_cap && aer_get(p, PCI_ERR_COR_MASK) & PCI_ERR_COR_ADV_NFAT;

        aer_or16(p, p->exp_cap + PCI_EXP_DEVSTA, PCI_EXP_DEVSTA_CED);
        if (!p->aer_cap) {
            return PCIE_NO_MESSAGE;
        }
        aer_or32(p, p->aer_cap + PCI_ERR_COR_STATUS, PCI_ERR_COR_ADV_NFAT);
        if (masked) {
            return PCIE_NO_MESSAGE;
        }
    } else {
        aer_or16(p, p->exp_cap + PCI_EXP_DEVSTA, fatal ? PCI_EXP_DEVSTA_FED : PCI_EXP_DEVSTA_NFED);
    }
    if (p->aer_cap) {
        bool masked = aer_get(p, PCI_ERR_UNCOR_MASK) & e->status;

        if (!masked) {
            aer_log(p, e);
        }
        aer_or32(p, p->aer_cap + PCI_ERR_UNCOR_STATUS, e->status);
        if (masked) {
            return PCIE_NO_MESSAGE;
        }
    }
    if (e->advisory) {
        return control & PCI_EXP_DEVCTL_CERE;
    }
    enable = fatal ? PCI_EXP_DEVCTL_FERE : PCI_EXP_DEVCTL_NFERE;
    if (e->status == PCI_ERR_UNC_UNSUP && !(control & PCI_EXP_DEVCTL_URRE) && !serr) {
        return PCIE_NO_MESSAGE;
    }
    if (!(control & enable) && !serr) {
        return PCIE_NO_MESSAGE;
    }
    if (serr) {
        aer_or16(p, PCI_STATUS, PCI_STATUS_SIG_SYSTEM_ERROR);
    }
    return enable;
}

/* ---- The root port ---- */

static uint32_t aer_root_causes(const PciDevice *p)
{
    uint32_t status = aer_get(p, PCI_ERR_ROOT_STATUS), causes = 0;

    causes |= status & PCI_ERR_ROOT_COR_RCV ? PCI_ERR_ROOT_CMD_COR_EN : 0;
    causes |= status & PCI_ERR_ROOT_NONFATAL_RCV ? ROOT_NONFATAL : 0;
    causes |= status & PCI_ERR_ROOT_FATAL_RCV ? ROOT_FATAL : 0;
    return causes & aer_get(p, PCI_ERR_ROOT_COMMAND);
}

/* "6.2.4.1.2": a message at the moment when one of the causes comes to be. */
void pcie_aer_look(PciDevice *p, bool quiet)
{
    bool now = p->aer_cap && pcie_is_root_port(p) && aer_root_causes(p);

    if (now && !p->aer_interrupts && !quiet) {
        pci_msg_notify(p, aer_get(p, PCI_ERR_ROOT_STATUS) >> 27);
    }
    p->aer_interrupts = now;
}

void pcie_aer_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    if (p->aer_cap && pci_touches(off, len, p->aer_cap + PCI_ERR_ROOT_COMMAND, 8)) {
        pcie_aer_look(p, false);
    }
}

/* "7.8.4.10", "7.8.4.11": the first of its kind says who sent it. */
static void aer_root_hears(PciDevice *p, unsigned message, uint16_t from)
{
    unsigned at = p->aer_cap + PCI_ERR_ROOT_STATUS, source = p->aer_cap + PCI_ERR_ROOT_ERR_SRC;
    uint32_t status = pci_get32(p, at);

    if (message == PCI_EXP_DEVCTL_CERE) {
        if (status & PCI_ERR_ROOT_COR_RCV) {
            status |= PCI_ERR_ROOT_MULTI_COR_RCV;
        } else {
            status |= PCI_ERR_ROOT_COR_RCV;
            pci_set16(p, source, from);
        }
    } else {
        bool fatal = message == PCI_EXP_DEVCTL_FERE;

        if (status & PCI_ERR_ROOT_UNCOR_RCV) {
            status |= PCI_ERR_ROOT_MULTI_UNCOR_RCV;
        } else {
            status |= PCI_ERR_ROOT_UNCOR_RCV | (fatal ? PCI_ERR_ROOT_FIRST_FATAL : 0);
            pci_set16(p, source + 2, from);
        }
        status |= fatal ? PCI_ERR_ROOT_FATAL_RCV : PCI_ERR_ROOT_NONFATAL_RCV;
    }
    pci_set32(p, at, status);
    pcie_aer_look(p, false);
}

/* Through the bridges above to the root; each says whether it passes errors on (figure 6-3). */
static void aer_send(PciDevice *p, unsigned message, uint16_t from)
{
    bool own = true;

    while (message && p) {
        bool root = pcie_is_root_port(p), on = true;

        device_enter(&p->dev);
        if (!own) {
            if (message != PCI_EXP_DEVCTL_CERE) {
                aer_or16(p, PCI_SEC_STATUS, PCIE_SEC_SYSTEM_ERROR);
            }
            on = pci_get16(p, PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_SERR;
        }
        if (on && root && p->aer_cap) {
            aer_root_hears(p, message, from);
        }
        device_leave(&p->dev);
        if (!on || root) {
            return;
        }
        own = false;
        p = p->bus->bridge;
    }
}

bool pcie_inject_error(PciDevice *p, const PcieError *e, GError **err)
{
    uint32_t can = e->correctable ? PCIE_AER_CORRECTABLE : PCIE_AER_UNCORRECTABLE;
    unsigned message;
    uint16_t from;

    if (!p->exp_cap) {
        return error_set(err, "the device doesn't support pci express. ");
    }
    if (!e->status || e->status & (e->status - 1) || e->status & ~can) {
        return error_set(err, "failed to inject error: Invalid argument");
    }
    device_enter(&p->dev);
    message = e->correctable ? aer_correctable(p, e->status) : aer_uncorrectable(p, e);
    from = pci_requester_id(p);
    device_leave(&p->dev);
    aer_send(p, message, from);
    return true;
}

/* ---- The registers ---- */

void pcie_add_aer(PciDevice *p)
{
    unsigned cap;

    if (!p->exp_cap) {
        return;
    }
    cap = pci_add_ext_cap(p, PCI_EXT_CAP_ID_ERR, 2, PCIE_AER_SIZE);
    p->aer_cap = (uint16_t)cap;
    pci_write1_clears(p, cap + PCI_ERR_UNCOR_STATUS, 4, PCIE_AER_UNCORRECTABLE);
    pci_changing(p, cap + PCI_ERR_UNCOR_STATUS, 4, PCIE_AER_UNCORRECTABLE);
    pci_writable(p, cap + PCI_ERR_UNCOR_MASK, 4, PCIE_AER_UNCORRECTABLE);
    pci_set32(p, cap + PCI_ERR_UNCOR_SEVER, PCIE_AER_SEVERITY);
    pci_writable(p, cap + PCI_ERR_UNCOR_SEVER, 4, PCIE_AER_UNCORRECTABLE);
    pci_write1_clears(p, cap + PCI_ERR_COR_STATUS, 4, PCIE_AER_CORRECTABLE);
    pci_changing(p, cap + PCI_ERR_COR_STATUS, 4, PCIE_AER_CORRECTABLE);
    pci_set32(p, cap + PCI_ERR_COR_MASK, PCIE_AER_CORRECTABLE_MASK);
    pci_writable(p, cap + PCI_ERR_COR_MASK, 4, PCIE_AER_CORRECTABLE);
    pci_changing(p, cap + PCI_ERR_CAP, 4, 0x1f);
    for (unsigned i = 0; i < 4; i++) {
        pci_changing(p, cap + PCI_ERR_HEADER_LOG + 4 * i, 4, ~0u);
    }
    if (pci_type(p)->bridge) {
        pci_writable(p, cap + PCI_ERR_ROOT_COMMAND, 4, 7);
        pci_write1_clears(p, cap + PCI_ERR_ROOT_STATUS, 4, 0x7f);
        pci_changing(p, cap + PCI_ERR_ROOT_STATUS, 4, 0x7f);
        pci_changing(p, cap + PCI_ERR_ROOT_ERR_SRC, 4, ~0u);
    }
}
