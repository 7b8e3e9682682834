/* SPDX-License-Identifier: Apache-2.0 */
/* PHY: 8254x "8.4 PHY Register Definitions"; EEPROM: 8254x "5.6", 82574 "6.0 NVM". */
#include "hw/net/e1000.h"

enum {
    MDIC_READY = 1 << 28,
    MDIC_INT = 1 << 29,
    MDIC_ERROR = 1 << 30,
    MDIC_WRITE = 1,
    MDIC_READ = 2,
    PHY_ADDRESS = 1,
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_ID1 = 2,
    PHY_ID2 = 3,
    PHY_ANAR = 4,
    PHY_LPAR = 5,
    PHY_1000_CTRL = 9,
    PHY_1000_STATUS = 10,
    PHY_EXT_STATUS = 15,
    PHY_SPEC_STATUS = 17,
    PHY_INT_STATUS = 19,
    PHY_PAGE = 22, /* of the 82574's */
    PHY_LINK = 1 << 2,
    PHY_AN_DONE = 1 << 5,
    PHY_SPEC_LINK = 1 << 10,
    EECD_SK = 1 << 0,
    EECD_CS = 1 << 1,
    EECD_DI = 1 << 2,
    EECD_DO = 1 << 3,
    EECD_REQ = 1 << 6,
    EECD_GNT = 1 << 7,
    EE_COMMAND_BITS = 9, /* a start bit, 2 of operation, 6 of address */
    EE_READ = 6,
    NVM_SUM = 0xbaba,
};

/* ---- PHY ---- */

void e1000_phy_link(E1000 *s)
{
    uint16_t up = PHY_LINK | PHY_AN_DONE;

    s->phy[PHY_STATUS] = (uint16_t)((s->phy[PHY_STATUS] & ~up) | (s->link_up ? up : 0));
    s->phy[PHY_SPEC_STATUS] =
        (uint16_t)((s->phy[PHY_SPEC_STATUS] & ~PHY_SPEC_LINK) | (s->link_up ? PHY_SPEC_LINK : 0));
    s->phy[PHY_LPAR] = s->link_up ? 0xcde1 : 0;
    s->phy[PHY_1000_STATUS] = s->link_up ? 0x3c00 : 0;
    s->status = (s->status & ~(uint32_t)STATUS_LU) | (s->link_up ? STATUS_LU : 0);
}

void e1000_phy_reset(E1000 *s)
{
    memset(s->phy, 0, sizeof(s->phy));
    s->phy[PHY_CONTROL] = 0x1140; /* negotiates, full duplex, 1000 Mbit/s */
    s->phy[PHY_STATUS] = 0x7949;
    s->phy[PHY_ID1] = (uint16_t)(e1000_type(s)->phy_id >> 16);
    s->phy[PHY_ID2] = (uint16_t)e1000_type(s)->phy_id;
    s->phy[PHY_ANAR] = 0x0de1;
    s->phy[6] = 1;
    s->phy[PHY_1000_CTRL] = 0x0e00;
    s->phy[PHY_EXT_STATUS] = 0x3000;
    s->phy[16] = 0x0068;
    s->phy[PHY_SPEC_STATUS] = 0xa800; /* 1000 Mbit/s, full duplex, resolved */
    s->phy[20] = 0x0d60;
    e1000_phy_link(s);
}

/* Which of its bits a driver may write. */
static uint16_t phy_writable(const E1000 *s, unsigned reg)
{
    switch (reg) {
    case PHY_CONTROL:
        return 0x3d80;
    case PHY_STATUS:
    case PHY_ID1:
    case PHY_ID2:
    case PHY_LPAR:
    case 6:
    case PHY_1000_STATUS:
    case PHY_EXT_STATUS:
    case PHY_SPEC_STATUS:
    case PHY_INT_STATUS:
    case 21:
        return 0;
    default:
        return 0xffff;
    }
}

static bool phy_is_paged(const E1000 *s, unsigned reg)
{
    return e1000_type(s)->express && s->phy[PHY_PAGE] && reg > PHY_EXT_STATUS && reg != PHY_PAGE;
}

static void phy_write(E1000 *s, unsigned reg, uint16_t val)
{
    uint16_t w = phy_writable(s, reg);

    if (phy_is_paged(s, reg)) {
        return; /* other pages have lights and wakeup filters */
    }
    if (reg == PHY_CONTROL && val & 1u << 15) {
        e1000_phy_reset(s);
        return;
    }
    s->phy[reg] = (uint16_t)((s->phy[reg] & ~w) | (val & w));
    if (reg == PHY_CONTROL && val & 1u << 9) {
        e1000_phy_link(s); /* negotiated anew, at once */
        e1000_cause(s, ICR_LSC);
    }
}

void e1000_mdic_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);
    unsigned reg = val >> 16 & 31, op = val >> 26 & 3;

    s->mdic = (uint32_t)(val & ~(uint64_t)(MDIC_READY | MDIC_ERROR)) | MDIC_READY;
    if ((val >> 21 & 31) != PHY_ADDRESS || (op != MDIC_READ && op != MDIC_WRITE)) {
        s->mdic |= MDIC_ERROR;
    } else if (op == MDIC_READ) {
        s->mdic = (s->mdic & ~0xffffu) | (phy_is_paged(s, reg) ? 0 : s->phy[reg]);
    } else {
        phy_write(s, reg, (uint16_t)val);
    }
    if (val & MDIC_INT) {
        e1000_cause(s, ICR_MDAC);
    }
}

/* ---- EEPROM ---- */

void e1000_nvm_fill(E1000 *s)
{
    uint16_t sum = 0;

    memset(s->nvm, 0, sizeof(s->nvm));
    for (unsigned i = 0; i < 3; i++) {
        s->nvm[i] = (uint16_t)(s->first_mac[2 * i] | s->first_mac[2 * i + 1] << 8);
    }
    s->nvm[3] = 0x0420;
    s->nvm[4] = 0xf746; /* lights */
    s->nvm[5] = 0x2010;
    s->nvm[8] = s->nvm[9] = 0xffff;
    s->nvm[0x0a] = 0x448c; /* initialization control 1 */
    s->nvm[0x0b] = pci_get16(&s->pci, PCI_SUBSYSTEM_ID);
    s->nvm[0x0c] = pci_get16(&s->pci, PCI_SUBSYSTEM_VENDOR_ID);
    s->nvm[0x0d] = pci_get16(&s->pci, PCI_DEVICE_ID);
    s->nvm[0x0e] = PCI_VENDOR_INTEL;
    s->nvm[0x0f] = 0x3040; /* initialization control 2 */
    for (unsigned i = 0; i < E1000_NVM_WORDS - 1; i++) {
        sum = (uint16_t)(sum + s->nvm[i]);
    }
    s->nvm[E1000_NVM_WORDS - 1] = (uint16_t)(NVM_SUM - sum);
}

/* The serial EEPROM, as "5.6.1 Software Accesses" drives it: 93C46, 64 words. */
static void ee_clock(E1000 *s, bool in)
{
    if (!s->ee_bits && !in) {
        return; /* before the start bit */
    }
    if (s->ee_bits < EE_COMMAND_BITS) {
        s->ee_in = s->ee_in << 1 | in;
        s->ee_bits++;
        s->eecd &= ~(uint32_t)EECD_DO;
        return;
    }
    if (s->ee_in >> 6 == EE_READ) {
        unsigned bit = s->ee_bits - EE_COMMAND_BITS;
        unsigned word = ((s->ee_in & 63) + bit / 16) % E1000_NVM_WORDS;

        s->eecd &= ~(uint32_t)EECD_DO;
        s->eecd |= s->nvm[word] >> (15 - bit % 16) & 1 ? EECD_DO : 0;
    } else {
        s->eecd |= EECD_DO; /* ready; writing is locked */
    }
    s->ee_bits = s->ee_bits < 1u << 20 ? s->ee_bits + 1 : s->ee_bits;
}

void e1000_eecd_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);
    uint32_t driven = EECD_SK | EECD_CS | EECD_DI | EECD_REQ, old = s->eecd;

    s->eecd = (s->eecd & ~(driven | EECD_GNT)) | ((uint32_t)val & driven);
    s->eecd |= val & EECD_REQ ? EECD_GNT : 0;
    if (!(val & EECD_CS)) {
        s->ee_bits = s->ee_in = 0;
        s->eecd &= ~(uint32_t)EECD_DO;
    } else if (val & ~old & EECD_SK) {
        ee_clock(s, val & EECD_DI);
    }
}

/* 8254x "13.4.4 EEPROM Read", 82574 "10.2.1.4": where the address and the done bit lie. */
void e1000_eerd_write(Device *dev, uint64_t val)
{
    E1000 *s = e1000_of(dev);
    bool e = e1000_type(s)->express;
    unsigned word = (unsigned)(e ? val >> 2 & 0x3fff : val >> 8 & 0xff);

    s->eerd = (uint32_t)val & (e ? 0xfffc : 0xff00);
    if (val & 1) {
        s->eerd |= e ? 2 : 1 << 4;
        s->eerd |= (uint32_t)(word < E1000_NVM_WORDS ? s->nvm[word] : 0xffff) << 16;
    }
}
