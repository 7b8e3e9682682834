/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving: 8254x "3.2 Packet Reception", 82574 "7.1 Receive Functionality". */
#include "hw/net/e1000.h"

#include "util/bytes.h"

enum {
    FRAME_MIN = 60,
    FCS_BYTES = 4,
    FRAME_SHORT = 1518, /* without RCTL.LPE, with the FCS and no tag */
    VLAN_AT = 12,
    RX_DESCS_MAX = 64, /* of one frame */
    PS_BUFFERS = 4,
    PS_DESC = 32,
    /* status of 8254x "3.2.3.1"; 82574's extended ones have the same lower bits */
    ST_DD = 1 << 0,
    ST_EOP = 1 << 1,
    ST_IXSM = 1 << 2,
    ST_VP = 1 << 3,
    ST_UDPCS = 1 << 4,
    ST_TCPCS = 1 << 5,
    ST_IPCS = 1 << 6,
    ST_PIF = 1 << 7,
    ER_TCPE = 1 << 5,
    ER_IPE = 1 << 6,
    IP_TCP = 6,
    IP_UDP = 17,
};

typedef struct Frame {
    const uint8_t *bytes;
    uint32_t len; /* with padding, and room for the FCS */
    uint32_t real;
    uint8_t status, errors;
    uint16_t vlan;
    bool stripped; /* the tag at VLAN_AT is left out */
} Frame;

/* ---- Filters ---- 8254x "3.2.1 Packet Address Filtering" */

static bool rx_multicast_hash(const E1000 *s, const uint8_t *d)
{
    static const uint8_t shift[4] = { 4, 3, 2, 0 };
    unsigned bit = (d[4] | (unsigned)d[5] << 8) >> shift[s->rctl >> 12 & 3] & 0xfff;

    return s->mta[bit / 32] >> (bit % 32) & 1;
}

static bool rx_wants(const E1000 *s, const uint8_t *d)
{
    bool multicast = d[0] & 1;

    if (!memcmp(d, "\xff\xff\xff\xff\xff\xff", MAC_BYTES)) {
        return s->rctl & (RCTL_BAM | RCTL_MPE | RCTL_UPE);
    }
    if (s->rctl & (multicast ? RCTL_MPE : RCTL_UPE)) {
        return true;
    }
    for (unsigned i = 0; i < E1000_ADDRESSES; i++) {
        uint8_t a[8];

        put_le32(a, s->ral[i]);
        put_le32(a + 4, s->rah[i]);
        if (s->rah[i] & 1u << 31 && !memcmp(a, d, MAC_BYTES)) {
            return true;
        }
    }
    return multicast && rx_multicast_hash(s, d);
}

static bool rx_vlan_wanted(const E1000 *s, const uint8_t *f, size_t len)
{
    unsigned id;

    if (!(s->rctl & RCTL_VFE) || len < 18 || get_be16(f + VLAN_AT) != (s->vet & 0xffff)) {
        return true;
    }
    id = get_be16(f + VLAN_AT + 2) & 0xfff;
    return s->vfta[id / 32] >> (id % 32) & 1;
}

/* ---- Checksums ---- 8254x "3.2.9 Receive Packet Checksum Offloading" */

static void rx_check_l4(const E1000 *s, const uint8_t *ip, size_t len, unsigned header, Frame *f)
{
    unsigned total = get_be16(ip + 2), proto = ip[9];
    uint32_t sum;

    if (!(s->rxcsum & RXCSUM_TUOFL) || get_be16(ip + 6) & 0x3fff || total > len ||
        total < header + 8 || (proto != IP_TCP && proto != IP_UDP)) {
        return;
    }
    if (proto == IP_UDP && !get_be16(ip + header + 6)) {
        return; /* it has none */
    }
    sum = net_sum(ip + 12, 8, proto + total - header);
    f->status |= proto == IP_UDP ? ST_UDPCS | ST_TCPCS : ST_TCPCS;
    if (net_sum_fold(net_sum(ip + header, total - header, sum))) {
        f->errors |= ER_TCPE;
    }
}

static void rx_checksums(const E1000 *s, const uint8_t *b, size_t len, const NetOffload *o,
                         Frame *f)
{
    unsigned at = len >= 18 && get_be16(b + 12) == (s->vet & 0xffff) ? 18 : 14;
    const uint8_t *ip = b + at;
    unsigned header = len > at ? (ip[0] & 15) * 4u : 0;

    f->status |= ST_IXSM;
    if (!(s->rxcsum & (RXCSUM_IPOFL | RXCSUM_TUOFL)) || len < at + 20 ||
        get_be16(b + at - 2) != 0x0800 || ip[0] >> 4 != 4 || header < 20 || len < at + header) {
        return;
    }
    f->status &= (uint8_t)~ST_IXSM;
    if (s->rxcsum & RXCSUM_IPOFL) {
        f->status |= ST_IPCS;
        f->errors |= net_sum_fold(net_sum(ip, header, 0)) ? ER_IPE : 0;
    }
    if (o->flags & OFFLOAD_DATA_VALID) {
        f->status |= s->rxcsum & RXCSUM_TUOFL ? ST_TCPCS : 0;
    } else {
        rx_check_l4(s, ip, len - at, header, f);
    }
}

/* ---- Descriptors ---- */

static uint32_t rx_buffer_size(const E1000 *s)
{
    uint32_t size = 2048u >> (s->rctl >> 16 & 3);

    return s->rctl & RCTL_BSEX && size != 2048 ? size * 16 : size;
}

/* @len bytes of the frame from @at on, with its padding, to @addr. */
static bool rx_put(E1000 *s, const Frame *f, uint32_t at, uint64_t addr, uint32_t len)
{
    static const uint8_t zeros[FRAME_MIN + FCS_BYTES];
    Device *dev = &s->pci.dev;
    uint32_t end = at + len;

    while (at < end) {
        uint32_t n, from = f->stripped && at >= VLAN_AT ? at + VLAN_BYTES : at;
        const uint8_t *src = f->bytes + from;

        if (f->stripped && at < VLAN_AT) {
            n = MIN(end, VLAN_AT) - at;
        } else if (at < f->real) {
            n = MIN(end, f->real) - at;
        } else {
            n = MIN(end - at, sizeof(zeros));
            src = zeros;
        }
        if (device_dma_write(dev, addr, src, n) != MEM_OK) {
            return false;
        }
        at += n;
        addr += n;
    }
    return true;
}

/* A descriptor in the old form, or the 82574's extended one; how many bytes it took. */
static bool rx_single(E1000 *s, uint64_t at, const Frame *f, uint32_t done, uint32_t *took)
{
    bool ext = s->rfctl & RFCTL_EXSTEN && e1000_type(s)->express, last;
    uint8_t d[E1000_DESC];
    uint32_t n = MIN(f->len - done, rx_buffer_size(s)), status;

    if (device_dma_read(&s->pci.dev, at, d, sizeof(d)) != MEM_OK ||
        (get_le64(d) && !rx_put(s, f, done, get_le64(d), n))) {
        return false;
    }
    last = done + n == f->len;
    status = ST_DD | (last ? ST_EOP | f->status : f->status & ST_IXSM);
    if (ext) {
        memset(d, 0, sizeof(d));
        put_le32(d + 8, status | (last ? (uint32_t)f->errors << 24 : 0));
        put_le16(d + 12, (uint16_t)n);
        put_le16(d + 14, f->vlan);
    } else {
        put_le16(d + 8, (uint16_t)n);
        put_le16(d + 10, 0);
        d[12] = (uint8_t)status;
        d[13] = last ? f->errors : 0;
        put_le16(d + 14, f->vlan);
    }
    *took = n;
    /* The done bit goes last. */
    return device_dma_write(&s->pci.dev, at, d, 8) == MEM_OK &&
           device_dma_store(&s->pci.dev, at + 8, 8, get_le64(d + 8)) == MEM_OK;
}

/* 82574 "7.1.4.4 Packet Split Receive Descriptor": four buffers; headers are not told apart. */
static bool rx_split(E1000 *s, uint64_t at, const Frame *f, uint32_t done, uint32_t *took)
{
    const uint32_t sizes[PS_BUFFERS] = { (s->psrctl & 0x7f) * 128, (s->psrctl >> 8 & 0x3f) * 1024,
                                         (s->psrctl >> 16 & 0x3f) * 1024,
                                         (s->psrctl >> 24 & 0x3f) * 1024 };
    uint8_t d[PS_DESC], out[PS_DESC] = { 0 };
    bool last;

    if (device_dma_read(&s->pci.dev, at, d, sizeof(d)) != MEM_OK) {
        return false;
    }
    *took = 0;
    for (unsigned i = 0; i < PS_BUFFERS && done + *took < f->len; i++) {
        uint32_t n = MIN(f->len - done - *took, sizes[i]);
        uint64_t addr = get_le64(d + 8 * i);

        if (i && (!addr || addr & 1)) {
            continue; /* "no buffer" */
        }
        if (!rx_put(s, f, done + *took, addr, n)) {
            return false;
        }
        put_le16(i ? out + 14 + 2 * i : out + 12, (uint16_t)n);
        *took += n;
    }
    last = done + *took == f->len;
    put_le32(out + 8, ST_DD | (last ? ST_EOP | f->status | (uint32_t)f->errors << 24 : 0));
    put_le16(out + 14, f->vlan);
    return *took && device_dma_write(&s->pci.dev, at + 16, out + 16, 16) == MEM_OK &&
           device_dma_write(&s->pci.dev, at, out, 8) == MEM_OK &&
           device_dma_store(&s->pci.dev, at + 8, 8, get_le64(out + 8)) == MEM_OK;
}

static bool rx_is_split(const E1000 *s)
{
    return e1000_type(s)->express && s->rctl & RCTL_DTYP_PS && s->rfctl & RFCTL_EXSTEN;
}

/* Bytes that a descriptor takes; 0: none. */
static uint32_t rx_room(const E1000 *s)
{
    uint32_t ps = s->psrctl;

    return rx_is_split(s) ? (ps & 0x7f) * 128 +
                                ((ps >> 8 & 0x3f) + (ps >> 16 & 0x3f) + (ps >> 24 & 0x3f)) * 1024
                          : rx_buffer_size(s);
}

static void rx_statistics(E1000 *s, const Frame *f)
{
    e1000_count(s, 0x4074, 1); /* GPRC */
    e1000_count(s, 0x40d0, 1); /* TPR */
    e1000_count64(s, 0x4088, f->real + FCS_BYTES);
    e1000_count64(s, 0x40c0, f->real + FCS_BYTES);
    if (f->bytes[0] & 1) {
        e1000_count(s, memcmp(f->bytes, "\xff\xff\xff\xff\xff\xff", MAC_BYTES) ? 0x407c : 0x4078,
                    1);
    }
}

/* The split descriptors are twice as long; RDLEN is in bytes all the same, RDH counts them. */
static bool rx_store(E1000 *s, const Frame *f, uint32_t free, uint32_t n)
{
    E1000Ring *r = &s->rx[0];
    bool split = rx_is_split(s);
    uint32_t done = 0, cause = ICR_RXT0 | ICR_RXQ0;

    for (uint32_t used = 0; done < f->len && used < free; used++) {
        uint64_t at = ((uint64_t)r->bah << 32 | (r->bal & ~15u)) +
                      (uint64_t)r->head * (split ? PS_DESC : E1000_DESC);
        uint32_t took = 0;

        if (!(split ? rx_split(s, at, f, done, &took) : rx_single(s, at, f, done, &took))) {
            guest_error(&s->pci.dev, "receive ring or buffer cannot be written");
            return true; /* the frame is lost */
        }
        done += took;
        r->head = (r->head + 1) % n;
    }
    rx_statistics(s, f);
    if ((r->tail + n - r->head) % n <= n >> (1 + (s->rctl >> 8 & 3))) {
        cause |= ICR_RXDMT0;
    }
    e1000_cause(s, cause);
    return true;
}

bool e1000_receive(E1000 *s, const uint8_t *b, size_t len, const NetOffload *o)
{
    E1000Ring *r = &s->rx[0];
    Frame f = { .bytes = b, .real = (uint32_t)len };
    uint32_t n = r->len / (rx_is_split(s) ? PS_DESC : E1000_DESC), room = rx_room(s), free;

    if (!(s->rctl & RCTL_EN) || !s->link_up || !pci_is_master(&s->pci) || len < 14 ||
        len > 16383 - FCS_BYTES || !n || r->head >= n || r->tail >= n || !room) {
        return true; /* lost, as on a wire */
    }
    if ((!(s->rctl & RCTL_LPE) && len > FRAME_SHORT) || !rx_wants(s, b) ||
        !rx_vlan_wanted(s, b, len)) {
        return true;
    }
    rx_checksums(s, b, len, o, &f);
    if (s->ctrl & CTRL_VME && len >= 18 && get_be16(b + VLAN_AT) == (s->vet & 0xffff)) {
        f.stripped = true;
        f.vlan = get_be16(b + VLAN_AT + 2);
        f.status |= ST_VP;
        f.real -= VLAN_BYTES;
    }
    f.len = MAX(f.real, FRAME_MIN) + (s->rctl & RCTL_SECRC ? 0 : FCS_BYTES);
    free = (r->tail + n - r->head) % n;
    if ((f.len + room - 1) / room > free || (f.len + room - 1) / room > RX_DESCS_MAX) {
        if ((f.len + room - 1) / room >= n || (f.len + room - 1) / room > RX_DESCS_MAX) {
            e1000_count(s, 0x4010, 1); /* MPC: it never fits */
            return true;
        }
        if (!s->rx_wanted) {
            e1000_cause(s, ICR_RXO);
        }
        return false;
    }
    return rx_store(s, &f, free, n);
}
