/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCnet-PCI II (Am79C970A): registers behind two windows of an index, an initialization block and
 * two rings of descriptors in memory. The transmit ring is looked at when the driver demands it or
 * writes CSR0, not every 1.6 ms. A frame for which there is no buffer waits for the driver's next
 * access, instead of being missed at once.
 *
 * Spec: AMD publication 19436, "Am79C970A PCnet-PCI II Single-Chip Full-Duplex Ethernet
 * Controller".
 */
#include "hw/net/mac.h"
#include "hw/pci/pci.h"
#include "net/net.h"
#include "util/bytes.h"

enum {
    BAR_BYTES = 0x20,
    N_CSR = 128,
    N_BCR = 32,
    FCS_BYTES = 4,
    FRAME_MIN = 60,
    TX_MAX = 8192,
    RING_MAX = 512,
    DESC_MAX = 16,
    CHAIN_MAX = 64, /* buffers of a frame */
};

enum { /* registers, by their offset: of words, of double words */
       WIO_RDP = 0x10,
       WIO_RAP = 0x12,
       WIO_RESET = 0x14,
       WIO_BDP = 0x16,
       DWIO_RDP = 0x10,
       DWIO_RAP = 0x14,
       DWIO_RESET = 0x18,
       DWIO_BDP = 0x1c,
};

enum { /* CSR0 */
       CSR0_INIT = 1 << 0,
       CSR0_STRT = 1 << 1,
       CSR0_STOP = 1 << 2,
       CSR0_TDMD = 1 << 3,
       CSR0_TXON = 1 << 4,
       CSR0_RXON = 1 << 5,
       CSR0_IENA = 1 << 6,
       CSR0_INTR = 1 << 7,
       CSR0_IDON = 1 << 8,
       CSR0_TINT = 1 << 9,
       CSR0_RINT = 1 << 10,
       CSR0_MERR = 1 << 11,
       CSR0_MISS = 1 << 12,
       CSR0_CERR = 1 << 13,
       CSR0_BABL = 1 << 14,
       CSR0_ERR = 1 << 15,
       CSR0_EVENTS =
           CSR0_IDON | CSR0_TINT | CSR0_RINT | CSR0_MERR | CSR0_MISS | CSR0_CERR | CSR0_BABL,
       CSR0_MASKED = CSR0_EVENTS & ~CSR0_CERR, /* CSR3 has a mask at the same place */
};

enum {
    CSR4_ASTRP_RCV = 1 << 10,
    CSR4_EVENTS = 1 << 9 | 1 << 5 | 1 << 3 | 1 << 1, /* each with its mask one below */
    CSR4_TXSTRT = 1 << 3,
    CSR4_UINTCMD = 1 << 7,
    CSR4_UINT = 1 << 6,
    CSR4_RESET = 0x0115,
    CSR5_SPND = 1 << 0,
    CSR5_EVENTS = 1 << 11 | 1 << 9 | 1 << 7 | 1 << 4, /* likewise */
    CSR5_LTINTEN = 1 << 14,
    CSR5_RW = 0xc54f,
    MODE_DRX = 1 << 0,
    MODE_DTX = 1 << 1,
    MODE_LOOP = 1 << 2,
    MODE_DXMTFCS = 1 << 3,
    MODE_DRCVPA = 1 << 13,
    MODE_DRCVBC = 1 << 14,
    MODE_PROM = 1 << 15,
    BCR18_DWIO = 1 << 7,
    SWS_SSIZE32 = 1 << 8,
    SWS_CSRPCNET = 1 << 9,
    LED_OUT = 1 << 15,
    LED_LNKSE = 1 << 6,
};

enum { /* the high half of a descriptor's second double word */
       DESC_OWN = 0x8000,
       DESC_ERR = 0x4000,
       TMD_LTINT = 0x1000,
       TMD_STP = 0x0200,
       TMD_ENP = 0x0100,
       RMD_STP = 0x0200,
       RMD_ENP = 0x0100,
       RMD_PAM = 0x0040,
       RMD_LAFM = 0x0020,
       RMD_BAM = 0x0010,
};

typedef struct Pcnet {
    PciDevice pci;
    NetBackend *netdev;
    uint32_t bootindex;
    char *mac_text;
    uint8_t mac[NET_MAC_BYTES];
    uint8_t frame[TX_MAX];
    /* state */
    uint16_t csr[N_CSR], bcr[N_BCR];
    uint16_t rap;
    uint8_t prom[16];
    uint8_t rx_wanted;
} Pcnet;

#define pcnet_of(dev_) device_as(dev_, Pcnet)

enum { /* CSRs by the names of the manual's chapter "Control and Status Registers" */
       CSR_IADR = 1,
       CSR_MASKS = 3,
       CSR_RING_LENGTHS = 6,
       CSR_LADRF = 8,
       CSR_PADR = 12,
       CSR_MODE = 15,
       CSR_BADR = 24, /* rings: receive, transmit */
       CSR_BADX = 30,
       CSR_POLLINT = 47,
       CSR_SWS = 58,
       CSR_RCVRC = 72, /* counters count down to 1; lengths are negative */
       CSR_XMTRC = 74,
       CSR_RCVRL = 76,
       CSR_XMTRL = 78,
       CSR_CHIP_ID = 88,
       CSR_MFC = 112,
};
enum { BCR_LNKST = 4, BCR_BSBC = 18, BCR_EECAS = 19, BCR_SWS = 20 };

/* A ring: where the numbers of it are in CSRs. */
typedef struct PcnetRing {
    unsigned base, count, length;
} PcnetRing;

static const PcnetRing rx_ring = { CSR_BADR, CSR_RCVRC, CSR_RCVRL };
static const PcnetRing tx_ring = { CSR_BADX, CSR_XMTRC, CSR_XMTRL };

static uint32_t csr_pair(const Pcnet *s, unsigned n)
{
    return s->csr[n] | (uint32_t)s->csr[n + 1] << 16;
}

static void csr_set_pair(Pcnet *s, unsigned n, uint32_t val)
{
    s->csr[n] = (uint16_t)val;
    s->csr[n + 1] = (uint16_t)(val >> 16);
}

static bool is_32bit(const Pcnet *s)
{
    return s->bcr[BCR_SWS] & SWS_SSIZE32;
}

/* ---- Interrupts ---- */

static void pcnet_interrupt(Pcnet *s)
{
    bool any = s->csr[0] & CSR0_MASKED & ~s->csr[CSR_MASKS];

    any |= (s->csr[4] & CSR4_EVENTS) & ~(s->csr[4] << 1);
    any |= s->csr[4] & CSR4_UINT;
    any |= (s->csr[5] & CSR5_EVENTS) & s->csr[5] << 1;
    s->csr[0] = (uint16_t)((s->csr[0] & ~(CSR0_INTR | CSR0_ERR)) | (any ? CSR0_INTR : 0));
    if (s->csr[0] & (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR)) {
        s->csr[0] |= CSR0_ERR;
    }
    pci_set_intx(&s->pci, any && s->csr[0] & CSR0_IENA);
}

static void pcnet_bus_error(Pcnet *s, const char *what)
{
    guest_error(&s->pci.dev, "%s cannot be reached", what);
    s->csr[0] |= CSR0_MERR;
    s->csr[0] &= (uint16_t) ~(CSR0_TXON | CSR0_RXON);
}

/* ---- Descriptors ---- */

/* "Transmit Descriptors", "Receive Descriptors": one layout of what the four styles have. */
typedef struct Desc {
    uint64_t at;
    uint32_t addr, bytes;
    uint16_t flags;
} Desc;

static uint32_t ring_length(const Pcnet *s, const PcnetRing *r)
{
    uint32_t n = (uint16_t)-s->csr[r->length];

    return MIN(n, RING_MAX);
}

static uint32_t ring_index(const Pcnet *s, const PcnetRing *r)
{
    uint32_t n = ring_length(s, r), left = s->csr[r->count];

    return n && left && left <= n ? n - left : 0;
}

static void ring_advance(Pcnet *s, const PcnetRing *r, uint32_t by)
{
    uint32_t n = ring_length(s, r);

    s->csr[r->count] = (uint16_t)(n - (ring_index(s, r) + by) % n);
}

/* Descriptor @k from the present one. */
static bool desc_read(Pcnet *s, const PcnetRing *r, uint32_t k, Desc *out)
{
    unsigned size = is_32bit(s) ? DESC_MAX : DESC_MAX / 2;
    uint32_t i = (ring_index(s, r) + k) % ring_length(s, r);
    uint8_t d[DESC_MAX];

    *out = (Desc){ .at = (uint64_t)csr_pair(s, r->base) + (uint64_t)i * size };
    if (device_dma_read(&s->pci.dev, out->at, d, size) != MEM_OK) {
        return false;
    }
    if (is_32bit(s)) {
        out->addr = get_le32(d + ((s->bcr[BCR_SWS] & 0xff) == 3 ? 8 : 0));
        out->flags = get_le16(d + 6);
        out->bytes = get_le16(d + 4);
    } else {
        out->addr = get_le16(d) | (uint32_t)d[2] << 16 | (uint32_t)(s->csr[2] >> 8) << 24;
        out->flags = (uint16_t)(d[3] << 8);
        out->bytes = get_le16(d + 4);
    }
    out->bytes = DESC_OWN == (out->flags & DESC_OWN) ? (-out->bytes & 0xfff) : 0;
    if (out->flags & DESC_OWN && !out->bytes) {
        out->bytes = 0x1000; /* 12 bits, negative */
    }
    return true;
}

/* Give it back: the count of bytes (receive only) before the word with OWN. */
static bool desc_return(Pcnet *s, const Desc *d, uint16_t flags, bool receive, uint32_t count)
{
    unsigned count_at = !is_32bit(s) ? 6 : (s->bcr[BCR_SWS] & 0xff) == 3 ? 0 : 8;
    Device *dev = &s->pci.dev;
    uint8_t b[4];

    put_le32(b, receive ? count & 0xfff : 0);
    if (device_dma_write(dev, d->at + count_at, b, is_32bit(s) ? 4 : 2) != MEM_OK) {
        return false;
    }
    return is_32bit(s) ? device_dma_store(dev, d->at + 6, 2, flags) == MEM_OK
                       : device_dma_store(dev, d->at + 3, 1, flags >> 8) == MEM_OK;
}

/* ---- Receiving ---- */

/* "Logical Address Filter": the upper six bits of the address's CRC choose a bit. */
static bool rx_hash(const Pcnet *s, const uint8_t *mac)
{
    uint32_t crc = UINT32_MAX;

    for (unsigned i = 0; i < NET_MAC_BYTES * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(mac[i / 8] >> i % 8)) & 1;

        crc = crc >> 1 ^ (bit ? 0xedb88320u : 0);
    }
    return s->csr[CSR_LADRF + (crc >> 30)] >> (crc >> 26 & 15) & 1;
}

/* What matched, as the descriptor tells it; negative: nothing. */
static int rx_match(const Pcnet *s, const uint8_t *b)
{
    static const uint8_t all[NET_MAC_BYTES] = { 255, 255, 255, 255, 255, 255 };
    uint16_t mode = s->csr[CSR_MODE];
    uint8_t own[NET_MAC_BYTES];

    for (unsigned i = 0; i < 3; i++) {
        put_le16(own + 2 * i, s->csr[CSR_PADR + i]);
    }
    if (!memcmp(b, all, sizeof(all))) {
        return mode & MODE_PROM ? RMD_BAM : mode & MODE_DRCVBC ? -1 : RMD_BAM;
    }
    if (b[0] & 1) {
        return rx_hash(s, b) ? RMD_LAFM : mode & MODE_PROM ? 0 : -1;
    }
    if (!memcmp(b, own, sizeof(own)) && !(mode & MODE_DRCVPA)) {
        return RMD_PAM;
    }
    return mode & MODE_PROM ? 0 : -1;
}

static bool rx_store(Pcnet *s, const uint8_t *b, size_t len, uint32_t total, const Desc *d,
                     unsigned n, int match)
{
    static const uint8_t zeros[FRAME_MIN + FCS_BYTES];
    Device *dev = &s->pci.dev;
    uint32_t at = 0;

    for (unsigned i = 0; i < n; i++) {
        uint32_t part = MIN(d[i].bytes, total - at);
        uint32_t real = at < len ? MIN(part, (uint32_t)len - at) : 0;
        uint16_t flags = (uint16_t)((d[i].flags & 0x00ff & ~(RMD_PAM | RMD_LAFM | RMD_BAM)));

        flags |= (uint16_t)((i ? 0 : RMD_STP) | (i + 1 == n ? RMD_ENP | match : 0));
        if ((real && device_dma_write(dev, d[i].addr, b + at, real) != MEM_OK) ||
            (part > real &&
             device_dma_write(dev, (uint64_t)d[i].addr + real, zeros, part - real) != MEM_OK) ||
            !desc_return(s, &d[i], flags, true, i + 1 == n ? total : 0)) {
            return false;
        }
        at += part;
    }
    return true;
}

/* False: there are no buffers for it now. */
static bool pcnet_receive(Pcnet *s, const uint8_t *b, size_t len)
{
    Desc d[CHAIN_MAX];
    uint32_t total = MAX((uint32_t)len, FRAME_MIN) + FCS_BYTES, room = 0, max;
    unsigned n = 0;
    int match;

    if (!(s->csr[0] & CSR0_RXON) || s->csr[5] & CSR5_SPND || !pci_is_master(&s->pci) ||
        len < NET_FRAME_MIN || len > TX_MAX) {
        return true; /* lost, as on a wire */
    }
    match = rx_match(s, b);
    if (match < 0) {
        return true;
    }
    if (s->csr[4] & CSR4_ASTRP_RCV && get_be16(b + 12) < FRAME_MIN - NET_FRAME_MIN) {
        len = MIN(len, (size_t)NET_FRAME_MIN + get_be16(b + 12)); /* pad and FCS are stripped */
        total = (uint32_t)len;
    }
    max = MIN(ring_length(s, &rx_ring), CHAIN_MAX);
    for (; room < total && n < max; n++) {
        if (!desc_read(s, &rx_ring, n, &d[n])) {
            pcnet_bus_error(s, "the receive ring");
            pcnet_interrupt(s);
            return true;
        }
        if (!(d[n].flags & DESC_OWN)) {
            break;
        }
        room += d[n].bytes;
    }
    if (room < total) {
        if (n == max) { /* it never fits */
            s->csr[CSR_MFC]++;
            s->csr[0] |= CSR0_MISS;
            pcnet_interrupt(s);
            return true;
        }
        return false;
    }
    if (!rx_store(s, b, len, total, d, n, match)) {
        pcnet_bus_error(s, "a receive buffer");
    } else {
        ring_advance(s, &rx_ring, n);
        s->csr[0] |= CSR0_RINT;
    }
    pcnet_interrupt(s);
    return true;
}

/* ---- Transmitting ---- */

static void tx_frame(Pcnet *s, size_t len)
{
    struct iovec iov = { s->frame, len };

    s->csr[4] |= CSR4_TXSTRT;
    if (s->csr[CSR_MODE] & MODE_LOOP) {
        if (!pcnet_receive(s, s->frame, len)) {
            s->csr[CSR_MFC]++;
            s->csr[0] |= CSR0_MISS;
        }
    } else if (s->netdev && len >= NET_FRAME_MIN) {
        net_send(s->netdev, &iov, 1, NULL);
    }
}

/* The frame from the present descriptor on; false: none is whole, or its ring is out of reach. */
static bool tx_one(Pcnet *s)
{
    Desc d[CHAIN_MAX];
    uint32_t max = MIN(ring_length(s, &tx_ring), CHAIN_MAX);
    bool whole = false, fits = true, told = !(s->csr[5] & CSR5_LTINTEN);
    size_t len = 0;
    unsigned n = 0;

    while (!whole && n < max) {
        if (!desc_read(s, &tx_ring, n, &d[n])) {
            pcnet_bus_error(s, "the transmit ring");
            return false;
        }
        if (!(d[n].flags & DESC_OWN)) {
            return false;
        }
        fits = fits && d[n].bytes <= TX_MAX - len;
        if (fits && device_dma_read(&s->pci.dev, d[n].addr, s->frame + len, d[n].bytes) != MEM_OK) {
            pcnet_bus_error(s, "a transmit buffer");
            return false;
        }
        len += fits ? d[n].bytes : 0;
        told |= (d[n].flags & TMD_LTINT) != 0;
        whole = d[n++].flags & TMD_ENP;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!desc_return(s, &d[i], d[i].flags & (uint16_t) ~(DESC_OWN | DESC_ERR), false, 0)) {
            pcnet_bus_error(s, "the transmit ring");
            return false;
        }
    }
    ring_advance(s, &tx_ring, n);
    if (!fits || !whole) {
        guest_error(&s->pci.dev, "a frame of more than %u bytes or %u buffers", TX_MAX, CHAIN_MAX);
        s->csr[0] |= CSR0_BABL;
    } else if (d[0].flags & TMD_STP) { /* what has no beginning is skipped */
        tx_frame(s, len);
    }
    s->csr[0] |= told ? CSR0_TINT : 0;
    return true;
}

static void pcnet_transmit(Pcnet *s)
{
    uint32_t n = ring_length(s, &tx_ring);

    while (n-- && s->csr[0] & CSR0_TXON && !(s->csr[5] & CSR5_SPND) && pci_is_master(&s->pci)) {
        if (!tx_one(s)) {
            break;
        }
    }
    s->csr[0] &= (uint16_t)~CSR0_TDMD;
}

/* ---- Initialization, start and stop ---- */

static void init_ring(Pcnet *s, const PcnetRing *r, uint32_t at, unsigned log2)
{
    csr_set_pair(s, r->base, at);
    s->csr[r->count] = (uint16_t)(1u << log2);
    s->csr[r->length] = (uint16_t) - (1u << log2);
}

/* "Initialization Block" */
static void pcnet_init(Pcnet *s)
{
    uint32_t at = csr_pair(s, CSR_IADR);
    unsigned rlen, tlen, size = is_32bit(s) ? 28 : 24, filter = is_32bit(s) ? 12 : 8;
    uint8_t b[28];

    if (!pci_is_master(&s->pci) || device_dma_read(&s->pci.dev, at, b, size) != MEM_OK) {
        pcnet_bus_error(s, "the initialization block");
        return;
    }
    s->csr[CSR_MODE] = get_le16(b);
    for (unsigned i = 0; i < 3; i++) {
        s->csr[CSR_PADR + i] = get_le16(b + (is_32bit(s) ? 4 : 2) + 2 * i);
    }
    for (unsigned i = 0; i < 4; i++) {
        s->csr[CSR_LADRF + i] = get_le16(b + filter + 2 * i);
    }
    if (is_32bit(s)) {
        rlen = MIN(b[2] >> 4, 9);
        tlen = MIN(b[3] >> 4, 9);
        init_ring(s, &rx_ring, get_le32(b + 20), rlen);
        init_ring(s, &tx_ring, get_le32(b + 24), tlen);
    } else {
        uint32_t high = (uint32_t)(s->csr[2] >> 8) << 24;

        rlen = b[19] >> 5;
        tlen = b[23] >> 5;
        init_ring(s, &rx_ring, high | (get_le32(b + 16) & 0xfffff8), rlen);
        init_ring(s, &tx_ring, high | (get_le32(b + 20) & 0xfffff8), tlen);
    }
    s->csr[CSR_RING_LENGTHS] = (uint16_t)(tlen << 12 | rlen << 8);
    s->csr[0] |= CSR0_IDON | CSR0_INIT;
    s->csr[0] &= (uint16_t)~CSR0_STOP;
}

/* What a network has waiting may fit now. */
static void pcnet_offer(Pcnet *s)
{
    if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev);
    }
}

static void csr0_write(Pcnet *s, uint16_t val)
{
    s->csr[0] &= (uint16_t) ~(val & CSR0_EVENTS);
    s->csr[0] = (uint16_t)((s->csr[0] & ~CSR0_IENA) | (val & CSR0_IENA));
    if (val & CSR0_STOP) {
        s->csr[0] = CSR0_STOP;
        s->csr[5] &= (uint16_t)~CSR5_SPND;
    } else {
        if (val & CSR0_INIT && !(s->csr[0] & CSR0_STRT)) {
            pcnet_init(s);
        }
        if (val & CSR0_STRT && !(s->csr[0] & CSR0_STRT)) {
            s->csr[0] &= (uint16_t)~CSR0_STOP;
            s->csr[0] |= CSR0_STRT;
            s->csr[0] |= s->csr[CSR_MODE] & MODE_DTX ? 0 : CSR0_TXON;
            s->csr[0] |= s->csr[CSR_MODE] & MODE_DRX ? 0 : CSR0_RXON;
        }
        pcnet_transmit(s);
    }
    pcnet_interrupt(s);
}

/* ---- Registers ---- */

/* These are the driver's only while nothing runs. "CSR Register Summary" */
static bool csr_is_for_stop(unsigned n)
{
    return n == CSR_IADR || n == CSR_IADR + 1 || (n >= CSR_LADRF && n <= CSR_MODE) ||
           n == CSR_BADR || n == CSR_BADR + 1 || n == CSR_BADX || n == CSR_BADX + 1 ||
           n == CSR_POLLINT || (n >= CSR_RCVRC && n <= CSR_XMTRL && n % 2 == 0);
}

static void sws_write(Pcnet *s, uint16_t val)
{
    uint16_t style = val & 0xff;

    if (style > 3) {
        guest_error(&s->pci.dev, "software style %u: there are 0 to 3", style);
        style = 0;
    }
    s->bcr[BCR_SWS] = (uint16_t)((val & 1 << 10) | style | (style ? SWS_SSIZE32 : 0) |
                                 (style == 1 ? 0 : SWS_CSRPCNET));
}

static uint16_t csr_read(Pcnet *s, unsigned n)
{
    if (n == CSR_SWS) {
        return s->bcr[BCR_SWS];
    }
    return n < N_CSR ? s->csr[n] : 0;
}

static void csr_write(Pcnet *s, unsigned n, uint16_t val)
{
    bool idle = s->csr[0] & CSR0_STOP || s->csr[5] & CSR5_SPND;

    switch (n) {
    case 0:
        csr0_write(s, val);
        break;
    case CSR_MASKS:
        s->csr[n] = val & 0x5f7c;
        pcnet_interrupt(s);
        break;
    case 4: /* events by ones; UINTCMD makes one */
        s->csr[n] &= (uint16_t) ~(val & (CSR4_EVENTS | CSR4_UINT));
        s->csr[n] = (uint16_t)((s->csr[n] & (CSR4_EVENTS | CSR4_UINT)) |
                               (val & ~(CSR4_EVENTS | CSR4_UINT | CSR4_UINTCMD)));
        s->csr[n] |= val & CSR4_UINTCMD ? CSR4_UINT : 0;
        pcnet_interrupt(s);
        break;
    case 5:
        s->csr[n] = (uint16_t)((s->csr[n] & CSR5_EVENTS & ~val) | (val & CSR5_RW));
        pcnet_interrupt(s);
        break;
    case CSR_SWS:
        if (idle) {
            sws_write(s, val);
        }
        break;
    default:
        if (csr_is_for_stop(n) && idle) {
            s->csr[n] = val;
        }
        break;
    }
}

static uint16_t bcr_read(Pcnet *s, unsigned n)
{
    if (n >= N_BCR) {
        return 0;
    }
    if (n == BCR_LNKST && s->bcr[n] & LED_LNKSE && (!s->netdev || net_link_is_up(s->netdev))) {
        return s->bcr[n] | LED_OUT;
    }
    return s->bcr[n];
}

static void bcr_write(Pcnet *s, unsigned n, uint16_t val)
{
    switch (n) {
    case 2:
    case 9:
        s->bcr[n] = val;
        break;
    case BCR_LNKST:
    case 5:
    case 6:
    case 7:
        s->bcr[n] = val & 0x7fff;
        break;
    case BCR_BSBC: /* DWIO is the access's to set */
        s->bcr[n] = (uint16_t)((val & ~BCR18_DWIO) | (s->bcr[n] & BCR18_DWIO));
        break;
    case BCR_EECAS:
        s->bcr[n] = val & 0x0017; /* no EEPROM answers: PVALID stays clear */
        break;
    case BCR_SWS:
        if (s->csr[0] & CSR0_STOP || s->csr[5] & CSR5_SPND) {
            sws_write(s, val);
        }
        break;
    default:
        break;
    }
}

/* By reading the register of that name: "S_RESET". Style and width stay. */
static void pcnet_soft_reset(Pcnet *s)
{
    s->csr[0] = CSR0_STOP;
    s->csr[CSR_MASKS] = s->csr[5] = s->csr[CSR_MODE] = s->csr[CSR_MFC] = 0;
    s->csr[4] = CSR4_RESET;
    s->csr[CSR_CHIP_ID] = 0x1003; /* version 0, part 2621h, AMD */
    s->csr[CSR_CHIP_ID + 1] = 0x0262;
    s->csr[80] = 0x1410;
    s->rap = 0;
    pcnet_interrupt(s);
}

static uint32_t pcnet_port_read(Pcnet *s, unsigned port)
{
    switch (port) {
    case 0:
        return csr_read(s, s->rap);
    case 1:
        return s->rap;
    case 2:
        pcnet_soft_reset(s);
        return 0;
    default:
        return bcr_read(s, s->rap);
    }
}

static void pcnet_port_write(Pcnet *s, unsigned port, uint16_t val)
{
    switch (port) {
    case 0:
        csr_write(s, s->rap, val);
        break;
    case 1:
        s->rap = val & 0x7f;
        break;
    case 3:
        bcr_write(s, s->rap, val);
        break;
    default:
        break;
    }
}

static MemResult pcnet_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Pcnet *s = pcnet_of(dev);
    bool wide = s->bcr[BCR_BSBC] & BCR18_DWIO;

    *val = 0;
    if (off < WIO_RDP) {
        for (unsigned i = 0; i < size; i++) {
            *val |= (uint64_t)s->prom[off + i] << (8 * i);
        }
    } else if (wide) {
        *val = size == 4 ? pcnet_port_read(s, (unsigned)(off - DWIO_RDP) / 4) : 0;
    } else if (size == 2 && off <= WIO_BDP) {
        *val = pcnet_port_read(s, (unsigned)(off - WIO_RDP) / 2);
    } else {
        *val = size == 4 ? UINT32_MAX : size == 2 ? UINT16_MAX : UINT8_MAX;
    }
    return MEM_OK;
}

/* "I/O Resources": the first double word at RDP changes the width of the registers. */
static MemResult pcnet_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Pcnet *s = pcnet_of(dev);

    if (off < WIO_RDP) {
        for (unsigned i = 0; i < size && s->bcr[2] & 1 << 8; i++) { /* APROMWE */
            s->prom[off + i] = (uint8_t)(val >> (8 * i));
        }
        return MEM_OK;
    }
    if (!(s->bcr[BCR_BSBC] & BCR18_DWIO)) {
        if (size == 4 && off == DWIO_RDP) {
            s->bcr[BCR_BSBC] |= BCR18_DWIO;
        } else if (size == 2 && off <= WIO_BDP) {
            pcnet_port_write(s, (unsigned)(off - WIO_RDP) / 2, (uint16_t)val);
            pcnet_offer(s);
            return MEM_OK;
        }
    }
    if (s->bcr[BCR_BSBC] & BCR18_DWIO && size == 4) {
        pcnet_port_write(s, (unsigned)(off - DWIO_RDP) / 4, (uint16_t)val);
        pcnet_offer(s);
    }
    return MEM_OK;
}

/* ---- The network's side ---- */

static bool pcnet_net_receive(void *opaque, const uint8_t *frame, size_t len, const NetOffload *o)
{
    Pcnet *s = opaque;
    bool taken;

    device_enter(&s->pci.dev);
    taken = pcnet_receive(s, frame, len);
    s->rx_wanted |= !taken;
    device_leave(&s->pci.dev);
    return taken;
}

static void pcnet_net_describe(void *opaque, GString *name, GString *text)
{
    const Pcnet *s = opaque;
    const uint8_t *m = s->mac;

    g_string_append(name, s->pci.dev.id);
    g_string_append_printf(text, "model=pcnet,macaddr=%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
                           m[2], m[3], m[4], m[5]);
}

static const NetClient pcnet_client = {
    .receive = pcnet_net_receive,
    .describe = pcnet_net_describe,
};

/* ---- Life ---- */

static bool pcnet_start(Device *dev, GError **err)
{
    Pcnet *s = pcnet_of(dev);

    if (!net_mac_of_card(dev, s->mac_text, s->mac, err)) {
        return false;
    }
    if (s->netdev && !net_claim(s->netdev, &pcnet_client, s, device_path(dev), err)) {
        return false;
    }
    if (!pci_plug(&s->pci, err)) {
        if (s->netdev) {
            net_release(s->netdev);
        }
        return false;
    }
    pci_set8(&s->pci, PCI_MIN_GNT, 0x06);
    pci_set8(&s->pci, PCI_MAX_LAT, 0xff);
    pci_add_bar_region(&s->pci, 0, PCI_BASE_ADDRESS_SPACE_IO, 0, BAR_BYTES);
    pci_add_bar_region(&s->pci, 1, PCI_BASE_ADDRESS_SPACE_MEMORY, 1, BAR_BYTES);
    return true;
}

static void pcnet_stop(Device *dev)
{
    Pcnet *s = pcnet_of(dev);

    if (s->netdev) {
        net_release(s->netdev);
    }
}

/* "Address PROM Space": the address, the sum of the other bytes, two letters W. */
static void prom_fill(Pcnet *s)
{
    unsigned sum = 0;

    memset(s->prom, 0, sizeof(s->prom));
    memcpy(s->prom, s->mac, sizeof(s->mac));
    s->prom[9] = 0x11; /* PCI */
    s->prom[14] = s->prom[15] = 'W';
    for (unsigned i = 0; i < sizeof(s->prom); i++) {
        sum += s->prom[i];
    }
    put_le16(s->prom + 12, (uint16_t)sum);
}

static void pcnet_reset(Device *dev, ResetType type)
{
    static const struct {
        uint8_t n;
        uint16_t val;
    } values[] = { { 0, 5 },       { 1, 5 },       { 2, 2 },      { 4, 0x00c0 },
                   { 5, 0x0084 },  { 6, 0x0088 },  { 7, 0x0090 }, { 18, 0x9001 },
                   { 19, 0x0002 }, { 20, 0x0200 }, { 22, 0xff06 } };
    Pcnet *s = pcnet_of(dev);

    memset(s->csr, 0, sizeof(s->csr));
    memset(s->bcr, 0, sizeof(s->bcr));
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        s->bcr[values[i].n] = values[i].val;
    }
    for (unsigned i = 0; i < 3; i++) {
        s->csr[CSR_PADR + i] = get_le16(s->mac + 2 * i);
    }
    prom_fill(s);
    pcnet_soft_reset(s);
    pcnet_offer(s);
}

static char *pcnet_boot_node(Device *dev, Device **on)
{
    *on = dev;
    return g_strdup("ethernet-phy@0");
}

static const Field pcnet_fields[] = {
    PROP_BACKEND(Pcnet, netdev, "netdev", .doc = "the network"),
    PROP_BOOTINDEX(Pcnet, bootindex),
    { "mac", FIELD_PROP, TYPE_STR, .at = offsetof(Pcnet, mac_text), .size = sizeof(char *),
      .doc = "hardware address" },
    SCRATCH(Pcnet, mac),
    SCRATCH(Pcnet, frame),
    STATE_ARRAY(Pcnet, csr, .no_reset = true),
    STATE_ARRAY(Pcnet, bcr, .no_reset = true),
    STATE_U16(Pcnet, rap, .max = 0x7f),
    STATE_ARRAY(Pcnet, prom, .no_reset = true),
    STATE_U8(Pcnet, rx_wanted, .max = 1, .no_reset = true),
};

static const RegionType pcnet_regions[] = {
    { .name = "pcnet-io",
      .size = BAR_BYTES,
      .read = pcnet_read,
      .write = pcnet_write,
      .access_min = 1,
      .access_max = 4 },
    { .name = "pcnet-mmio",
      .size = BAR_BYTES,
      .read = pcnet_read,
      .write = pcnet_write,
      .access_min = 1,
      .access_max = 4 },
};

static const PciType pcnet_type = {
    .vendor = 0x1022,
    .device = 0x2000,
    .revision = 0x10,
    .class_code = 0x020000,
    .intx = 1,
    .romfile = "efi-pcnet.rom",
};

const DeviceType device_pcnet = {
    .name = "pcnet",
    .doc = "AMD PCnet-PCI II (Am79C970A)",
    .base = &device_pci,
    .size = sizeof(Pcnet),
    .regions = pcnet_regions,
    .n_regions = ARRAY_SIZE(pcnet_regions),
    .fields = TABLE(pcnet_fields),
    .user_creatable = true,
    .start = pcnet_start,
    .stop = pcnet_stop,
    .reset = pcnet_reset,
    .boot_node = pcnet_boot_node,
    .extra = &pcnet_type,
};
