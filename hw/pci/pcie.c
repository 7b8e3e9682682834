/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is PCI Express alone.
 * Spec: PCI Express Base 5.0, 7.5.3 (capability), 7.7.11 (ACS), 7.9.3 (serial number).
 */
#include "hw/pci/pci.h"

enum {
    PCIE_LINK_SPEED_2_5 = 1,
    PCIE_LINK_WIDTH_1 = 1 << 4,
    PCIE_CAP_V2_SIZE = 0x3c,
    PCIE_ACS_SIZE = 8,
};

static void pcie_add_link(PciDevice *p, unsigned cap, unsigned type, unsigned port)
{
    bool downstream = type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM;
    uint32_t caps =
        PCIE_LINK_SPEED_2_5 | PCIE_LINK_WIDTH_1 | PCI_EXP_LNKCAP_ASPM_L0S | (uint32_t)port << 24;

    pci_set32(p, cap + PCI_EXP_LNKCAP, caps | (downstream ? PCI_EXP_LNKCAP_DLLLARC : 0));
    pci_set16(p, cap + PCI_EXP_LNKSTA, PCIE_LINK_SPEED_2_5 | PCIE_LINK_WIDTH_1);
    pci_changing(p, cap + PCI_EXP_LNKSTA, 2, 0xffff);
    pci_writable(p, cap + PCI_EXP_LNKCTL, 2,
                 PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC | PCI_EXP_LNKCTL_ES |
                     (downstream ? PCI_EXP_LNKCTL_LD : 0));
    pci_set32(p, cap + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB);
    pci_set16(p, cap + PCI_EXP_LNKCTL2, PCIE_LINK_SPEED_2_5);
    pci_writable(p, cap + PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS);
}

void pcie_add_cap(PciDevice *p, unsigned type, unsigned port)
{
    unsigned cap, off;

    if (!p->bus->express) {
        return;
    }
    if (type == PCI_EXP_TYPE_ENDPOINT && !p->bus->bridge) {
        type = PCI_EXP_TYPE_RC_END;
    }
    off = 0;
    cap = pci_add_cap(p, PCI_CAP_ID_EXP, off, PCIE_CAP_V2_SIZE);
    p->exp_cap = (uint16_t)cap;
    pci_set16(p, cap + PCI_EXP_FLAGS, (uint16_t)(2 | type << 4));
    pci_set32(p, cap + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER);
    pci_writable(p, cap + PCI_EXP_DEVCTL, 2,
                 PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
                     PCI_EXP_DEVCTL_URRE | PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD |
                     PCI_EXP_DEVCTL_EXT_TAG | PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ);
    pci_write1_clears(p, cap + PCI_EXP_DEVSTA, 2, 0xf);
    pci_changing(p, cap + PCI_EXP_DEVSTA, 2, 0xf);
    pci_writable(p, cap + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_COMP_TIMEOUT);
    if (type != PCI_EXP_TYPE_RC_END) {
        pcie_add_link(p, cap, type, port);
    }
}

void pcie_add_serial(PciDevice *p, uint64_t serial)
{
    unsigned cap;

    if (p->exp_cap) {
        cap = pci_add_ext_cap(p, PCI_EXT_CAP_ID_DSN, 1, 12);
        pci_set32(p, cap + 4, (uint32_t)serial);
        pci_set32(p, cap + 8, (uint32_t)(serial >> 32));
    }
}

void pcie_add_acs(PciDevice *p)
{
    /* What goes between functions of one port, where requests are not told apart otherwise. */
    uint16_t can = PCI_ACS_SV | PCI_ACS_TB | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF;
    unsigned cap;

    if (!p->exp_cap) {
        return;
    }
    cap = pci_add_ext_cap(p, PCI_EXT_CAP_ID_ACS, 1, PCIE_ACS_SIZE);
    pci_set16(p, cap + PCI_ACS_CAP, can);
    pci_writable(p, cap + PCI_ACS_CTRL, 2, can);
}
