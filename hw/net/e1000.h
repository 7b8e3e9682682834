/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's gigabit cards: e1000 (8254x, conventional PCI) and e1000e (82574, PCI Express). What
 * e1000.c (registers, interrupts, life), e1000-tx.c, e1000-rx.c and e1000-phy.c (PHY, EEPROM)
 * share. All under the card's lock.
 *
 * Spec: "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" 4.0, called
 * 8254x here; "Intel 82574 GbE Controller Family Datasheet" 3.4, called 82574.
 */
#ifndef HW_NET_E1000_H
#define HW_NET_E1000_H

#include "hw/pci/pci.h"
#include "net/net.h"

enum {
    E1000_QUEUES = 2, /* rings of each direction; the 8254x has one */
    E1000_VECTORS = 5,
    E1000_STATS = 64,
    E1000_NVM_WORDS = 64,
    E1000_PHY_REGS = 32,
    E1000_ADDRESSES = 16,
    E1000_DESC = 16,
    E1000_TX_MAX = NET_FRAME_MAX,
    MAC_BYTES = 6,
    VLAN_BYTES = 4,
};

enum {
    CTRL_GIO_DISABLE = 1 << 2,
    CTRL_RST = 1 << 26,
    CTRL_PHY_RST = 1u << 31,
    CTRL_VME = 1 << 30,
    STATUS_FD = 1 << 0,
    STATUS_LU = 1 << 1,
    STATUS_1000 = 1 << 7,
    STATUS_GIO = 1 << 19,
    CTRL_EXT_EIAME = 1 << 24,
    CTRL_EXT_IAME = 1 << 27,
    ICR_TXDW = 1 << 0,
    ICR_TXQE = 1 << 1,
    ICR_LSC = 1 << 2,
    ICR_RXDMT0 = 1 << 4,
    ICR_RXO = 1 << 6,
    ICR_RXT0 = 1 << 7,
    ICR_MDAC = 1 << 9,
    ICR_RXQ0 = 1 << 20,
    ICR_RXQ1 = 1 << 21,
    ICR_TXQ0 = 1 << 22,
    ICR_TXQ1 = 1 << 23,
    ICR_OTHER = 1 << 24,
    RCTL_EN = 1 << 1,
    RCTL_UPE = 1 << 3,
    RCTL_MPE = 1 << 4,
    RCTL_LPE = 1 << 5,
    RCTL_DTYP_PS = 1 << 10,
    RCTL_BAM = 1 << 15,
    RCTL_VFE = 1 << 18,
    RCTL_BSEX = 1 << 25,
    RCTL_SECRC = 1 << 26,
    TCTL_EN = 1 << 1,
    RXCSUM_IPOFL = 1 << 8,
    RXCSUM_TUOFL = 1 << 9,
    RFCTL_EXSTEN = 1 << 15,
};

/* A ring of descriptors, of either direction. */
typedef struct E1000Ring {
    uint32_t bal, bah, len, head, tail, dctl;
} E1000Ring;

/* A transmit context: how checksums go and segments are cut. 8254x "3.3.6" */
typedef struct E1000Context {
    uint8_t ipcss, ipcso, tucss, tucso, tucmd, hdrlen;
    uint16_t ipcse, tucse, mss;
} E1000Context;

typedef struct E1000 {
    PciDevice pci;
    NetBackend *netdev;
    uint32_t bootindex;
    char *mac_text;
    uint8_t first_mac[MAC_BYTES];
    /* registers */
    uint32_t ctrl, status, eecd, eerd, ctrl_ext, mdic, fcal, fcah, fct, vet, kmrn;
    uint32_t icr, itr, ims, eiac, iam, ivar, eitr[E1000_VECTORS];
    uint32_t rctl, fcttv, tctl, tipg, ait, ledctl, extcnf, phy_ctrl, pba, pbs, eewr;
    uint32_t psrctl, fcrtl, fcrth, rdtr, radv, rsrpd, tidv, tadv, tspmt, tarc[E1000_QUEUES];
    uint32_t rxcsum, rfctl, wuc, wufc, wus, mrqc, manc, gcr, swsm, fwsm, timinca;
    uint32_t mta[128], ral[E1000_ADDRESSES], rah[E1000_ADDRESSES], vfta[128];
    uint32_t reta[32], rssrk[10], stats[E1000_STATS];
    E1000Ring rx[E1000_QUEUES], tx[E1000_QUEUES];
    /* state */
    uint16_t phy[E1000_PHY_REGS], nvm[E1000_NVM_WORDS];
    uint8_t link_up, rx_wanted;
    uint32_t ee_bits, ee_in; /* of the serial EEPROM: clocks since it was selected, what came */
    E1000Context ctx, tso_ctx;
    uint8_t *frame; /* that descriptors up to now have made */
    uint32_t frame_len;
    uint8_t frame_cmd, frame_popts, frame_cso, frame_css, frame_legacy, frame_skip;
    uint16_t frame_vlan;
    uint8_t moderated[E1000_VECTORS], deferred[E1000_VECTORS];
    Timer itr_timer[E1000_VECTORS];
} E1000;

#define e1000_of(dev_) device_as(dev_, E1000)

/* DeviceType.extra */
typedef struct E1000Type {
    PciType pci;
    bool express; /* 82574 */
    uint32_t phy_id;
} E1000Type;

static inline const E1000Type *e1000_type(const E1000 *s)
{
    return s->pci.dev.type->extra;
}

/* The ring's descriptors; 0: it has none, or its registers make no sense. */
static inline uint32_t e1000_ring_size(const E1000Ring *r)
{
    uint32_t n = r->len / E1000_DESC;

    return r->head < n && r->tail < n ? n : 0;
}
static inline uint64_t e1000_ring_at(const E1000Ring *r, uint32_t i)
{
    return ((uint64_t)r->bah << 32 | (r->bal & ~15u)) + (uint64_t)i * E1000_DESC;
}

/* e1000.c */
void e1000_cause(E1000 *s, uint32_t icr);
/* 8254x "13.7": statistics by their offset; pairs of 64 bits at the lower's. */
void e1000_count(E1000 *s, unsigned offset, uint32_t n);
void e1000_count64(E1000 *s, unsigned offset, uint64_t n);

/* e1000-tx.c */
void e1000_transmit(E1000 *s, unsigned queue);
void e1000_tx_forget(E1000 *s);

/* e1000-rx.c. False: there is no room. */
bool e1000_receive(E1000 *s, const uint8_t *frame, size_t len, const NetOffload *o);

/* e1000-phy.c */
void e1000_phy_reset(E1000 *s);
void e1000_phy_link(E1000 *s);
void e1000_mdic_write(Device *dev, uint64_t val);
void e1000_eecd_write(Device *dev, uint64_t val);
void e1000_eerd_write(Device *dev, uint64_t val);
void e1000_nvm_fill(E1000 *s);

#endif
