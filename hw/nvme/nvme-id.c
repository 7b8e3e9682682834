/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/nvme/nvme-id.h"

#include "util/bytes.h"

#include <stdio.h>
#include <string.h>

enum {
    CNS_NS = 0x00,
    CNS_CONTROLLER = 0x01,
    CNS_ACTIVE_LIST = 0x02,
    CNS_DESCRIPTORS = 0x03,
    CNS_ALLOCATED_LIST = 0x10,
    CNS_ALLOCATED_NS = 0x11,
    NSID_ALL = 0xffffffff,
    LOG_ERRORS = 1,
    LOG_SMART = 2,
    LOG_FIRMWARE = 3,
    LOG_CHANGED_NS = 4,
    LOG_EFFECTS = 5,
    EFFECT_SUPPORTED = 1,
    EFFECT_DATA = 2,
    SMART_UNIT = 512000, /* bytes of a "data unit": thousands of 512 */
};

/* A text of fixed length, blanks behind. */
static void id_text(uint8_t *to, const char *text, size_t n)
{
    size_t len = strlen(text);

    memset(to, ' ', n);
    memcpy(to, text, len < n ? len : n);
}

/* "Figure 247: Identify - Identify Controller Data Structure" */
static void id_controller(const Nvme *s, uint8_t *p)
{
    g_autofree char *nqn = g_strdup_printf("nqn.2019-08.org.qemu:%s", s->serial);
    const PciDevice *pci = &s->pci;
    uint32_t nn = 0;

    for (uint32_t i = 0; i < NVME_NS_MAX; i++) {
        nn = s->ns[i] ? i + 1 : nn;
    }
    put_le16(p, pci_get16(pci, PCI_VENDOR_ID));
    put_le16(p + 2, pci_get16(pci, PCI_SUBSYSTEM_VENDOR_ID));
    id_text(p + 4, s->serial, 20);
    id_text(p + 24, "QEMU NVMe Ctrl", 40);
    id_text(p + 64, "1.0", 8);
    p[72] = 6;                                    /* RAB */
    p[77] = s->mdts;                              /* MDTS */
    put_le32(p + 80, 0x00010400);                 /* VER */
    put_le32(p + 96, 1 << 15 | 1 << 0);           /* CTRATT */
    p[111] = 1;                                   /* CNTRLTYPE: I/O */
    put_le16(p + 256, 0);                         /* OACS */
    p[258] = 3;                                   /* ACL */
    p[259] = NVME_AERS - 1;                       /* AERL */
    p[260] = 7 << 1 | 1;                          /* FRMW */
    p[261] = 1 << 1 | 1 << 2;                     /* LPA: effects, extended data */
    put_le16(p + 266, NVME_TEMPERATURE_WARNING);  /* WCTEMP */
    put_le16(p + 268, NVME_TEMPERATURE_CRITICAL); /* CCTEMP */
    p[512] = 6 << 4 | 6;                          /* SQES */
    p[513] = 4 << 4 | 4;                          /* CQES */
    put_le32(p + 516, nn ? nn : NVME_NS_MAX);     /* NN */
    put_le16(p + 520, 1 << 0 | 1 << 2 | 1 << 3);  /* ONCS: compare, datasets, write zeroes */
    p[525] = 7;                                   /* VWC: present, flush takes all namespaces */
    put_le32(p + 536, 1 << 0 | 1 << 16);          /* SGLS: any alignment, bit buckets */
    id_text(p + 768, "", 0);
    memcpy(p + 768, nqn, MIN(strlen(nqn), 223));
    put_le16(p + 2048, 0x9c4); /* PSD0: 25 W */
    put_le32(p + 2048 + 4, 16);
    put_le32(p + 2048 + 8, 4);
}

/* "Figure 245: Identify - Identify Namespace Data Structure" */
static void id_namespace(const NvmeNamespace *ns, uint8_t *p)
{
    uint64_t blocks = block_size(ns->drive) >> ns->lba_shift;

    put_le64(p, blocks);      /* NSZE */
    put_le64(p + 8, blocks);  /* NCAP */
    put_le64(p + 16, blocks); /* NUSE */
    p[24] = 1 << 0 | 1 << 4;  /* NSFEAT: thin, hints for deallocation are there */
    p[25] = 3;                /* NLBAF: 4 formats */
    p[26] = (uint8_t)(ns->lba_shift - 9);
    p[33] = 1 << 3 | 1;  /* DLFEAT: what is deallocated reads as zeros */
    put_le16(p + 64, 7); /* NPWG: pages of 4 KiB in blocks of 512, less 1 */
    put_le16(p + 66, 7);
    put_le16(p + 68, 7);
    put_le16(p + 70, 7);
    if (ns->lba_shift != 9) {
        unsigned n = (NVME_PAGE >> ns->lba_shift) - 1;

        for (unsigned i = 64; i <= 70; i += 2) {
            put_le16(p + i, (uint16_t)n);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        p[120 + i] = (uint8_t)(ns->eui64 >> (56 - 8 * i));
    }
    p[99] = block_is_read_only(ns->drive); /* NSATTR: write protected */
    for (unsigned i = 0; i < 4; i++) {
        p[128 + i * 4 + 2] = (uint8_t)(9 + i);
    }
}

static NvmeNamespace *id_find(const Nvme *s, uint32_t nsid)
{
    return nsid && nsid <= NVME_NS_MAX ? s->ns[nsid - 1] : NULL;
}

/* "Figure 248": an UUID made of the serial and the number where none was given. */
static void id_descriptors(const Nvme *s, const NvmeNamespace *ns, uint8_t *p)
{
    g_autofree char *name = g_strdup_printf("tinamou nvme %s %u", s->serial, ns->nsid);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA1, name, -1);

    p[0] = 3; /* UUID, "name-based by SHA-1" */
    p[1] = 16;
    for (unsigned i = 0; i < 16; i++) {
        p[4 + i] =
            (uint8_t)(g_ascii_xdigit_value(sum[2 * i]) << 4 | g_ascii_xdigit_value(sum[2 * i + 1]));
    }
    p[4 + 6] = (p[4 + 6] & 0x0f) | 0x50;
    p[4 + 8] = (p[4 + 8] & 0x3f) | 0x80;
    p[20] = 4; /* command set: NVM */
    p[21] = 1;
    if (ns->eui64) {
        p[25] = 1;
        p[26] = 8;
        for (unsigned i = 0; i < 8; i++) {
            p[29 + i] = (uint8_t)(ns->eui64 >> (56 - 8 * i));
        }
    }
}

uint16_t nvme_identify(Nvme *s, unsigned cns, uint32_t nsid, uint8_t *page)
{
    NvmeNamespace *ns = id_find(s, nsid);

    switch (cns) {
    case CNS_CONTROLLER:
        id_controller(s, page);
        return NVME_OK;
    case CNS_ACTIVE_LIST:
    case CNS_ALLOCATED_LIST:
        if (nsid >= NSID_ALL - 1) {
            return NVME_INVALID_NS;
        }
        for (uint32_t i = nsid, n = 0; i < NVME_NS_MAX; i++) {
            if (s->ns[i]) {
                put_le32(page + 4 * n++, i + 1);
            }
        }
        return NVME_OK;
    case CNS_NS:
    case CNS_ALLOCATED_NS:
        if (!nsid || (nsid > NVME_NS_MAX && nsid != NSID_ALL)) {
            return NVME_INVALID_NS;
        }
        if (ns) { /* else zeros: it is not active */
            id_namespace(ns, page);
        }
        return NVME_OK;
    case CNS_DESCRIPTORS:
        if (!ns) {
            return NVME_INVALID_NS;
        }
        id_descriptors(s, ns, page);
        return NVME_OK;
    default:
        return NVME_INVALID_FIELD;
    }
}

/* "5.14.1.2 SMART / Health Information" */
static void log_smart(const Nvme *s, uint8_t *p)
{
    uint64_t in = 0, out = 0, reads = 0, writes = 0;

    for (unsigned i = 0; i < NVME_NS_MAX; i++) {
        if (s->ns[i]) {
            in += s->ns[i]->read_bytes;
            out += s->ns[i]->written_bytes;
            reads += s->ns[i]->reads;
            writes += s->ns[i]->writes;
        }
    }
    p[0] = s->feature[4] && NVME_TEMPERATURE >= (s->feature[4] & 0xffff) ? 2 : 0;
    put_le16(p + 1, NVME_TEMPERATURE);
    p[3] = 100; /* spare, in percent */
    p[4] = 10;
    put_le64(p + 32, (in + SMART_UNIT - 1) / SMART_UNIT);
    put_le64(p + 48, (out + SMART_UNIT - 1) / SMART_UNIT);
    put_le64(p + 64, reads);
    put_le64(p + 80, writes);
}

static void log_effects(uint8_t *p)
{
    static const uint8_t admin[] = { 0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0c };
    static const uint8_t io[] = { 0x00, 0x01, 0x02, 0x05, 0x08, 0x09 };

    for (size_t i = 0; i < sizeof(admin); i++) {
        put_le32(p + 4 * admin[i], EFFECT_SUPPORTED);
    }
    for (size_t i = 0; i < sizeof(io); i++) {
        bool changes = io[i] == 0x01 || io[i] == 0x08 || io[i] == 0x09;

        put_le32(p + 1024 + 4 * io[i], EFFECT_SUPPORTED | (changes ? EFFECT_DATA : 0));
    }
}

unsigned nvme_log(Nvme *s, unsigned id, uint8_t *log)
{
    switch (id) {
    case LOG_ERRORS:
        return 64;
    case LOG_SMART:
        log_smart(s, log);
        return 512;
    case LOG_FIRMWARE:
        log[0] = 1;
        id_text(log + 8, "1.0", 8);
        return 512;
    case LOG_CHANGED_NS:
        return 4096;
    case LOG_EFFECTS:
        log_effects(log);
        return 2048 + 1024;
    default:
        return 0;
    }
}
