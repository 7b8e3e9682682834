/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, interrupts, life: 8254x "13 Register Descriptions", 82574 "10.0 Driver Programing". */
#include "hw/net/e1000.h"

#include "hw/net/mac.h"
#include "util/bytes.h"

enum {
    BAR_SIZE = 0x20000,
    FLASH_SIZE = 0x20000,
    EECD_PRESENT = 1 << 8,
    EECD_AUTO_RD = 1 << 9,
    EEMNGCTL_DONE = 1 << 18,
    SWSM_SMBI = 1,
    ITR_UNIT_NS = 256,
    IVAR_VALID = 8,
    ICR_ASSERTED_BIT = 31,
};

#define CAUSES_MSIX (ICR_RXQ0 | ICR_RXQ1 | ICR_TXQ0 | ICR_TXQ1 | ICR_OTHER)

/* ---- Interrupts ---- */

/* 82574 "7.4.3 Interrupt Moderation": after one, none for this long. False: not now. */
static bool e1000_moderate(E1000 *s, unsigned v, uint32_t interval)
{
    if (s->moderated[v]) {
        s->deferred[v] = 1;
        return false;
    }
    if (interval & 0xffff) {
        s->moderated[v] = 1;
        timer_arm_in(&s->itr_timer[v], (int64_t)(interval & 0xffff) * ITR_UNIT_NS);
    }
    return true;
}

/* 82574 "7.4.1 MSI-X Mode": the vector of each cause. */
static void e1000_msix(E1000 *s, uint32_t fresh)
{
    static const struct {
        uint32_t cause;
        uint8_t at;
    } map[] = {
        { ICR_RXQ0, 0 }, { ICR_RXQ1, 4 }, { ICR_TXQ0, 8 }, { ICR_TXQ1, 12 }, { ICR_OTHER, 16 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(map); i++) {
        unsigned entry = s->ivar >> map[i].at & 15, v = entry & 7;

        if (!(fresh & s->ims & map[i].cause) || !(entry & IVAR_VALID) || v >= E1000_VECTORS ||
            !e1000_moderate(s, v, s->eitr[v])) {
            continue;
        }
        pci_msix_notify(&s->pci, v);
        if (s->ctrl_ext & CTRL_EXT_EIAME) {
            s->ims &= ~(s->iam & map[i].cause);
        }
        s->icr &= ~(s->eiac & map[i].cause);
    }
}

/* @fresh: causes that have come up or were unmasked now. */
static void e1000_interrupt(E1000 *s, uint32_t fresh)
{
    bool pending = s->icr & s->ims;

    if (pci_msix_is_on(&s->pci)) {
        e1000_msix(s, s->icr & fresh);
        return;
    }
    if (!pending) {
        s->deferred[0] = 0;
        pci_set_intx(&s->pci, false);
        return;
    }
    if (pci_msi_is_on(&s->pci)) {
        if (fresh & s->icr & s->ims && e1000_moderate(s, 0, s->itr)) {
            pci_msi_notify(&s->pci, 0);
        }
    } else if (!s->pci.intx_level && e1000_moderate(s, 0, s->itr)) {
        pci_set_intx(&s->pci, true);
    }
}

static void e1000_itr_expired(Device *dev, unsigned v)
{
    E1000 *s = e1000_of(dev);

    s->moderated[v] = 0;
    if (s->deferred[v]) {
        s->deferred[v] = 0;
        e1000_interrupt(s, ~0u);
    }
}

void e1000_cause(E1000 *s, uint32_t icr)
{
    if (!e1000_type(s)->express) {
        icr &= ~(uint32_t)CAUSES_MSIX;
    } else if (icr & (ICR_LSC | ICR_RXO | ICR_MDAC)) {
        icr |= ICR_OTHER;
    }
    s->icr |= icr;
    e1000_interrupt(s, icr);
}

static uint64_t e1000_icr_read(Device *dev)
{
    E1000 *s = e1000_of(dev);
    uint32_t val = s->icr;

    if (e1000_type(s)->express && val & s->ims) {
        val |= 1u << ICR_ASSERTED_BIT;
    }
    if (s->ctrl_ext & CTRL_EXT_IAME && e1000_type(s)->express) {
        s->ims &= ~s->iam;
    }
    s->icr = 0;
    e1000_interrupt(s, 0);
    return val;
}

static void e1000_icr_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);

    s->icr &= ~(uint32_t)val;
    e1000_interrupt(s, 0);
}

static void e1000_ics_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);

    s->icr |= (uint32_t)val & 0x7fffffff;
    e1000_interrupt(s, (uint32_t)val);
}

static void e1000_ims_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);
    uint32_t fresh = (uint32_t)val;

    s->ims |= (uint32_t)val & 0x7fffffff;
    e1000_interrupt(s, fresh);
}

static void e1000_imc_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);

    s->ims &= ~(uint32_t)val;
    e1000_interrupt(s, 0);
}

/* ---- Statistics ---- */

void e1000_count(E1000 *s, unsigned offset, uint32_t n)
{
    uint32_t *p = &s->stats[(offset - 0x4000) / 4];

    *p = *p > UINT32_MAX - n ? UINT32_MAX : *p + n;
}

void e1000_count64(E1000 *s, unsigned offset, uint64_t n)
{
    uint32_t *p = &s->stats[(offset - 0x4000) / 4];
    uint64_t sum = (p[0] | (uint64_t)p[1] << 32) + n;

    p[0] = (uint32_t)sum;
    p[1] = (uint32_t)(sum >> 32);
}

static uint64_t e1000_stats_read(Device *dev, unsigned n)
{
    E1000 *s = e1000_of(dev);
    uint32_t val = s->stats[n];

    s->stats[n] = 0;
    return val;
}

/* ---- Reset ---- */

/* The driver's reset: all but PHY and EEPROM. 8254x "14.9 Initialization of Statistics" aside. */
static void e1000_clear(E1000 *s)
{
    E1000Ring none = { 0 };
    uint8_t a[8] = { 0 };

    e1000_tx_forget(s);
    s->ctrl = 0x00000201;
    s->status = STATUS_FD | STATUS_1000 | (e1000_type(s)->express ? STATUS_GIO : 0);
    s->eecd = EECD_PRESENT | (e1000_type(s)->express ? EECD_AUTO_RD : 0);
    s->ctrl_ext = s->eerd = s->fcal = s->fcah = s->fct = 0;
    s->mdic = 1 << 28;
    s->vet = 0x8100;
    s->icr = s->itr = s->ims = s->eiac = s->iam = s->ivar = 0;
    s->rctl = s->tctl = s->rdtr = s->radv = s->rsrpd = s->tidv = s->tadv = s->psrctl = 0;
    s->rxcsum = s->rfctl = s->mrqc = s->extcnf = s->swsm = 0;
    s->pba = e1000_type(s)->express ? 0x00140014 : 0x00100030;
    s->ee_bits = s->ee_in = 0;
    memset(s->eitr, 0, sizeof(s->eitr));
    memset(s->mta, 0, sizeof(s->mta));
    memset(s->vfta, 0, sizeof(s->vfta));
    memset(s->ral, 0, sizeof(s->ral));
    memset(s->rah, 0, sizeof(s->rah));
    memset(s->stats, 0, sizeof(s->stats));
    memset(s->deferred, 0, sizeof(s->deferred));
    memset(s->moderated, 0, sizeof(s->moderated));
    for (unsigned i = 0; i < E1000_VECTORS; i++) {
        timer_cancel(&s->itr_timer[i]);
    }
    for (unsigned i = 0; i < E1000_QUEUES; i++) {
        s->rx[i] = s->tx[i] = none;
    }
    memcpy(a, s->first_mac, MAC_BYTES);
    s->ral[0] = get_le32(a);
    s->rah[0] = get_le32(a + 4) | 1u << 31;
    e1000_phy_link(s);
    pci_set_intx(&s->pci, false);
}

static void e1000_more(E1000 *s)
{
    if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev);
    }
}

static void e1000_ctrl_wrote(Device *dev, uint64_t old)
{
    E1000 *s = e1000_of(dev);

    if (s->ctrl & CTRL_PHY_RST) {
        s->ctrl &= ~(uint32_t)CTRL_PHY_RST;
        e1000_phy_reset(s);
    }
    if (s->ctrl & CTRL_RST) {
        e1000_clear(s);
        e1000_more(s);
    }
    if (e1000_type(s)->express) {
        s->status =
            (s->status & ~(uint32_t)STATUS_GIO) | (s->ctrl & CTRL_GIO_DISABLE ? 0 : STATUS_GIO);
    }
}

/* ---- Other registers ---- */

static void e1000_rctl_wrote(Device *dev, uint64_t old)
{
    e1000_more(e1000_of(dev));
}

static void e1000_rdt_wrote(Device *dev, unsigned n, uint64_t old)
{
    e1000_more(e1000_of(dev));
}

static void e1000_tdt_wrote(Device *dev, unsigned n, uint64_t old)
{
    e1000_transmit(e1000_of(dev), n);
}

static void e1000_tctl_wrote(Device *dev, uint64_t old)
{
    for (unsigned n = 0; n < E1000_QUEUES; n++) {
        if (e1000_of(dev)->tx[n].len) {
            e1000_transmit(e1000_of(dev), n);
        }
    }
}

/* 82574 "4.6.11.3": the first to read it has the semaphore. */
static uint64_t e1000_swsm_read(Device *dev)
{
    E1000 *s = e1000_of(dev);
    uint32_t val = s->swsm;

    s->swsm |= SWSM_SMBI;
    return val;
}

static uint64_t e1000_eemngctl_read(Device *dev)
{
    return EEMNGCTL_DONE;
}

#define RINGS(base, dir, tail_wrote)                                                       \
    { base + 0x00,     #dir "BAL", AT_BANK(E1000, dir, bal), .count = E1000_QUEUES,        \
      .stride = 0x100, .rw = ~15u, .no_reset = true },                                     \
        { base + 0x04,     #dir "BAH", AT_BANK(E1000, dir, bah), .count = E1000_QUEUES,    \
          .stride = 0x100, .rw = ~0u,  .no_reset = true },                                 \
        { base + 0x08,     #dir "LEN",    AT_BANK(E1000, dir, len), .count = E1000_QUEUES, \
          .stride = 0x100, .rw = 0xfff80, .no_reset = true },                              \
        { base + 0x10,     #dir "H",     AT_BANK(E1000, dir, head), .count = E1000_QUEUES, \
          .stride = 0x100, .rw = 0xffff, .no_reset = true },                               \
        { base + 0x18,     #dir "T",     AT_BANK(E1000, dir, tail), .count = E1000_QUEUES, \
          .stride = 0x100, .rw = 0xffff, .wrote_n = tail_wrote,     .no_reset = true },    \
    {                                                                                      \
        base + 0x28, #dir "DCTL", AT_BANK(E1000, dir, dctl),                               \
            .count = E1000_QUEUES, .stride = 0x100, .rw = ~0u, .no_reset = true            \
    }

/* A register that only keeps what is written. */
#define PLAIN(off, name, member)                                  \
    {                                                             \
        off, name, AT(E1000, member), .rw = ~0u, .no_reset = true \
    }

static const Reg e1000_regs[] = {
    { 0x0000, "CTRL", AT(E1000, ctrl), .rw = ~0u, .wrote = e1000_ctrl_wrote, .no_reset = true },
    { 0x0008, "STATUS", AT(E1000, status), .silent_write = true, .no_reset = true },
    { 0x0010, "EECD", AT(E1000, eecd), .write = e1000_eecd_write, .no_reset = true },
    { 0x0014, "EERD", AT(E1000, eerd), .write = e1000_eerd_write, .no_reset = true },
    PLAIN(0x0018, "CTRL_EXT", ctrl_ext),
    { 0x0020, "MDIC", AT(E1000, mdic), .write = e1000_mdic_write, .no_reset = true },
    PLAIN(0x0028, "FCAL", fcal),
    PLAIN(0x002c, "FCAH", fcah),
    PLAIN(0x0030, "FCT", fct),
    PLAIN(0x0034, "KMRNCTRLSTA", kmrn),
    PLAIN(0x0038, "VET", vet),
    { 0x00c0, "ICR", AT(E1000, icr), .read = e1000_icr_read, .write = e1000_icr_write,
      .no_reset = true },
    PLAIN(0x00c4, "ITR", itr),
    { 0x00c8, "ICS", .write = e1000_ics_write },
    { 0x00d0, "IMS", AT(E1000, ims), .write = e1000_ims_write, .no_reset = true },
    { 0x00d8, "IMC", .write = e1000_imc_write },
    PLAIN(0x00dc, "EIAC", eiac),
    PLAIN(0x00e0, "IAM", iam),
    PLAIN(0x00e4, "IVAR", ivar),
    { 0x00e8, "EITR", AT(E1000, eitr), .count = E1000_VECTORS, .rw = 0xffff, .no_reset = true },
    { 0x0100, "RCTL", AT(E1000, rctl), .rw = ~0u, .wrote = e1000_rctl_wrote, .no_reset = true },
    PLAIN(0x0170, "FCTTV", fcttv),
    { 0x0400, "TCTL", AT(E1000, tctl), .rw = ~0u, .wrote = e1000_tctl_wrote, .no_reset = true },
    PLAIN(0x0410, "TIPG", tipg),
    PLAIN(0x0458, "AIT", ait),
    PLAIN(0x0e00, "LEDCTL", ledctl),
    PLAIN(0x0f00, "EXTCNF_CTRL", extcnf),
    PLAIN(0x0f10, "PHY_CTRL", phy_ctrl),
    PLAIN(0x1000, "PBA", pba),
    PLAIN(0x1008, "PBS", pbs),
    { 0x1010, "EEMNGCTL", .read = e1000_eemngctl_read, .silent_write = true },
    PLAIN(0x102c, "EEWR", eewr),
    PLAIN(0x2160, "FCRTL", fcrtl),
    PLAIN(0x2168, "FCRTH", fcrth),
    PLAIN(0x2170, "PSRCTL", psrctl),
    RINGS(0x2800, rx, e1000_rdt_wrote),
    PLAIN(0x2820, "RDTR", rdtr),
    PLAIN(0x282c, "RADV", radv),
    PLAIN(0x2c00, "RSRPD", rsrpd),
    RINGS(0x3800, tx, e1000_tdt_wrote),
    PLAIN(0x3820, "TIDV", tidv),
    PLAIN(0x382c, "TADV", tadv),
    PLAIN(0x3830, "TSPMT", tspmt),
    { 0x3840, "TARC", AT(E1000, tarc), .count = E1000_QUEUES, .stride = 0x100, .rw = ~0u,
      .no_reset = true },
    { 0x4000, "STATS", AT(E1000, stats), .count = E1000_STATS, .read_n = e1000_stats_read,
      .silent_write = true, .no_reset = true },
    PLAIN(0x5000, "RXCSUM", rxcsum),
    PLAIN(0x5008, "RFCTL", rfctl),
    { 0x5200, "MTA", AT(E1000, mta), .count = 128, .rw = ~0u, .no_reset = true },
    { 0x5400, "RAL", AT(E1000, ral), .count = E1000_ADDRESSES, .stride = 8, .rw = ~0u,
      .no_reset = true },
    { 0x5404, "RAH", AT(E1000, rah), .count = E1000_ADDRESSES, .stride = 8, .rw = 0x8003ffff,
      .no_reset = true },
    { 0x5600, "VFTA", AT(E1000, vfta), .count = 128, .rw = ~0u, .no_reset = true },
    PLAIN(0x5800, "WUC", wuc),
    PLAIN(0x5808, "WUFC", wufc),
    { 0x5810, "WUS", AT(E1000, wus), .w1c = ~0u },
    PLAIN(0x5818, "MRQC", mrqc),
    PLAIN(0x5820, "MANC", manc),
    PLAIN(0x5b00, "GCR", gcr),
    { 0x5b50, "SWSM", AT(E1000, swsm), .rw = 3, .read = e1000_swsm_read, .no_reset = true },
    { 0x5b54, "FWSM", AT(E1000, fwsm), .silent_write = true },
    { 0x5c00, "RETA", AT(E1000, reta), .count = 32, .rw = ~0u },
    { 0x5c80, "RSSRK", AT(E1000, rssrk), .count = 10, .rw = ~0u },
    PLAIN(0xb608, "TIMINCA", timinca),
};

/* ---- The network's side ---- */

static bool e1000_net_receive(void *opaque, const uint8_t *frame, size_t len, const NetOffload *o)
{
    E1000 *s = opaque;
    bool taken;

    device_enter(&s->pci.dev);
    taken = e1000_receive(s, frame, len, o);
    s->rx_wanted |= !taken;
    device_leave(&s->pci.dev);
    return taken;
}

static void e1000_net_link(void *opaque, bool up)
{
    E1000 *s = opaque;

    device_enter(&s->pci.dev);
    s->link_up = up;
    e1000_phy_link(s);
    e1000_cause(s, ICR_LSC);
    device_leave(&s->pci.dev);
}

static void e1000_net_describe(void *opaque, GString *name, GString *text)
{
    const E1000 *s = opaque;
    const uint8_t *m = s->first_mac;

    g_string_append(name, s->pci.dev.id);
    g_string_append_printf(text, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x",
                           s->pci.dev.type->name, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const NetClient e1000_client = {
    .receive = e1000_net_receive,
    .link = e1000_net_link,
    .describe = e1000_net_describe,
};

/* ---- Life ---- */

static void e1000_add_bars(E1000 *s)
{
    PciDevice *p = &s->pci;
    MemRegion *flash;

    pci_add_bar_region(p, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, 0, BAR_SIZE);
    if (!e1000_type(s)->express) {
        return;
    }
    flash = region_new_container(p->dev.machine, "e1000e.flash", FLASH_SIZE);
    pci_add_bar(p, 1, PCI_BASE_ADDRESS_SPACE_MEMORY, flash, FLASH_SIZE);
    pci_add_msix_bar(p, E1000_VECTORS, 3, 1);
    pci_add_pm(p);
    pci_add_msi(p, 1, false);
    pcie_add_cap(p, PCI_EXP_TYPE_ENDPOINT, 0);
    pcie_add_aer(p);
}

static bool e1000_start(Device *dev, GError **err)
{
    E1000 *s = e1000_of(dev);
    uint8_t serial[8] = { 0 };

    if (!net_mac_of_card(dev, s->mac_text, s->first_mac, err)) {
        return false;
    }
    if (s->netdev && !net_claim(s->netdev, &e1000_client, s, device_path(dev), err)) {
        return false;
    }
    if (!pci_plug(&s->pci, err)) {
        if (s->netdev) {
            net_release(s->netdev);
        }
        return false;
    }
    pci_set16(&s->pci, PCI_SUBSYSTEM_VENDOR_ID,
              e1000_type(s)->express ? PCI_VENDOR_INTEL : PCI_SUBVENDOR_QUMRANET);
    pci_set16(&s->pci, PCI_SUBSYSTEM_ID, e1000_type(s)->express ? 0 : PCI_SUBDEVICE_DEFAULT);
    e1000_add_bars(s);
    memcpy(serial, s->first_mac, MAC_BYTES);
    if (e1000_type(s)->express) {
        pcie_add_serial(&s->pci, get_be64(serial) | 0xffff);
    }
    return true;
}

static void e1000_stop(Device *dev)
{
    E1000 *s = e1000_of(dev);

    if (s->netdev) {
        net_release(s->netdev);
    }
    e1000_tx_forget(s);
}

static void e1000_reset(Device *dev, ResetType type)
{
    E1000 *s = e1000_of(dev);

    e1000_nvm_fill(s);
    s->swsm = 0;
    e1000_phy_reset(s);
    e1000_clear(s);
    if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev); /* nobody takes it now: it is dropped */
    }
}

static bool e1000_loaded(Device *dev, GError **err)
{
    E1000 *s = e1000_of(dev);

    if (s->frame_len > E1000_TX_MAX) {
        return error_set(err, "%s: a frame of %u bytes", device_path(dev), s->frame_len);
    }
    if (s->frame_len) {
        s->frame = g_realloc(s->frame, E1000_TX_MAX);
    }
    return true;
}

static char *e1000_boot_node(Device *dev, Device **on)
{
    *on = dev;
    return g_strdup("ethernet-phy@0");
}

static const Field e1000_fields[] = {
    PROP_BACKEND(E1000, netdev, "netdev", .doc = "the network"),
    PROP_BOOTINDEX(E1000, bootindex),
    { "mac", FIELD_PROP, TYPE_STR, .at = offsetof(E1000, mac_text), .size = sizeof(char *),
      .doc = "hardware address" },
    SCRATCH(E1000, first_mac),
    STATE_ARRAY(E1000, phy, .no_reset = true),
    STATE_ARRAY(E1000, nvm, .no_reset = true),
    STATE_U8(E1000, link_up, .def = 1, .max = 1),
    STATE_U8(E1000, rx_wanted, .max = 1, .no_reset = true),
    STATE_U32(E1000, ee_bits, .no_reset = true),
    STATE_U32(E1000, ee_in, .no_reset = true),
    STATE_U8(E1000, ctx.ipcss),
    STATE_U8(E1000, ctx.ipcso),
    STATE_U8(E1000, ctx.tucss),
    STATE_U8(E1000, ctx.tucso),
    STATE_U8(E1000, ctx.tucmd),
    STATE_U8(E1000, ctx.hdrlen),
    STATE_U16(E1000, ctx.ipcse),
    STATE_U16(E1000, ctx.tucse),
    STATE_U16(E1000, ctx.mss),
    STATE_U8(E1000, tso_ctx.ipcss),
    STATE_U8(E1000, tso_ctx.ipcso),
    STATE_U8(E1000, tso_ctx.tucss),
    STATE_U8(E1000, tso_ctx.tucso),
    STATE_U8(E1000, tso_ctx.tucmd),
    STATE_U8(E1000, tso_ctx.hdrlen),
    STATE_U16(E1000, tso_ctx.ipcse),
    STATE_U16(E1000, tso_ctx.tucse),
    STATE_U16(E1000, tso_ctx.mss),
    STATE_BYTES(E1000, frame, frame_len, E1000_TX_MAX),
    STATE_U8(E1000, frame_cmd),
    STATE_U8(E1000, frame_popts),
    STATE_U8(E1000, frame_cso),
    STATE_U8(E1000, frame_css),
    STATE_U8(E1000, frame_legacy, .max = 1),
    STATE_U8(E1000, frame_skip, .max = 1),
    STATE_U16(E1000, frame_vlan),
    STATE_ARRAY(E1000, moderated, .max = 1, .no_reset = true),
    STATE_ARRAY(E1000, deferred, .max = 1, .no_reset = true),
    STATE_TIMERS(E1000, itr_timer, e1000_itr_expired),
};

static const RegionType e1000_regions[] = {
    { .name = "e1000", .regs = TABLE(e1000_regs), .access_min = 1, .access_max = 4 },
};

static const RegionType e1000e_regions[] = {
    { .name = "e1000e", .regs = TABLE(e1000_regs), .access_min = 1, .access_max = 4 },
    PCI_MSIX_REGION,
};

#define E1000_TYPE(id, express_, phy, rom)     \
    {                                          \
        .pci = { .vendor = PCI_VENDOR_INTEL,   \
                 .device = id,                 \
                 .revision = express_ ? 0 : 3, \
                 .class_code = 0x020000,       \
                 .intx = 1,                    \
                 .romfile = rom },             \
        .express = express_, .phy_id = phy     \
    }
static const E1000Type type_82540em = E1000_TYPE(0x100e, false, 0x01410c20, "efi-e1000.rom");
static const E1000Type type_82544gc = E1000_TYPE(0x100c, false, 0x01410c30, "efi-e1000.rom");
static const E1000Type type_82545em = E1000_TYPE(0x100f, false, 0x01410c20, "efi-e1000.rom");
static const E1000Type type_82574l = E1000_TYPE(0x10d3, true, 0x01410cb1, "efi-e1000e.rom");

#define E1000_LIFE                                                                          \
    .base = &device_pci, .size = sizeof(E1000), .fields = TABLE(e1000_fields),              \
    .user_creatable = true, .start = e1000_start, .stop = e1000_stop, .reset = e1000_reset, \
    .boot_node = e1000_boot_node, .loaded = e1000_loaded

const DeviceType device_e1000 = {
    .name = "e1000",
    .doc = "Intel gigabit card (82540EM)",
    .regions = e1000_regions,
    .n_regions = ARRAY_SIZE(e1000_regions),
    .extra = &type_82540em,
    E1000_LIFE,
};

const DeviceType device_e1000_82544gc = {
    .name = "e1000-82544gc",
    .doc = "Intel gigabit card (82544GC)",
    .regions = e1000_regions,
    .n_regions = ARRAY_SIZE(e1000_regions),
    .extra = &type_82544gc,
    E1000_LIFE,
};

const DeviceType device_e1000_82545em = {
    .name = "e1000-82545em",
    .doc = "Intel gigabit card (82545EM)",
    .regions = e1000_regions,
    .n_regions = ARRAY_SIZE(e1000_regions),
    .extra = &type_82545em,
    E1000_LIFE,
};

const DeviceType device_e1000e = {
    .name = "e1000e",
    .doc = "Intel gigabit card on PCI Express (82574L)",
    .regions = e1000e_regions,
    .n_regions = ARRAY_SIZE(e1000e_regions),
    .extra = &type_82574l,
    E1000_LIFE,
};
