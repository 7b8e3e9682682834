/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An NVMe controller and its namespaces: what nvme.c (registers, queues, administration), nvme-io.c
 * (commands on data) and nvme-data.c (where data lies in guest memory) share.
 *
 * Spec: "NVM Express Base Specification" 1.4, called NVMe here.
 */
#ifndef HW_NVME_NVME_H
#define HW_NVME_NVME_H

#include "block/block.h"
#include "hw/pci/pci.h"

enum {
    NVME_QUEUES = 65, /* the administrative pair is 0 */
    NVME_NS_MAX = 256,
    NVME_ENTRIES_MAX = 2048,
    NVME_SQE = 64,
    NVME_CQE = 16,
    NVME_AERS = 4,
    NVME_FEATURES = 16,
    NVME_PAGE = 4096, /* the smallest */
    NVME_BUFFER_MAX = 32 << 20,
    NVME_HELD = 48, /* a command in `held` */
    NVME_HELD_MAX = NVME_QUEUES * NVME_ENTRIES_MAX * NVME_HELD,
};

/* Status: code, its type in bits 8 to 10, "do not retry" in 14. NVMe "4.6.1 Status Field" */
enum {
    NVME_OK = 0,
    NVME_INVALID_OPCODE = 0x4001,
    NVME_INVALID_FIELD = 0x4002,
    NVME_DATA_ERROR = 0x0004,
    NVME_INTERNAL = 0x0006,
    NVME_INVALID_NS = 0x400b,
    NVME_SGL_SEGMENT = 0x400d,
    NVME_SGL_LENGTH = 0x400f,
    NVME_SGL_TYPE = 0x4011,
    NVME_PRP_OFFSET = 0x4013,
    NVME_LBA_RANGE = 0x4080,
    NVME_INVALID_CQ = 0x4100,
    NVME_INVALID_QID = 0x4101,
    NVME_INVALID_SIZE = 0x4102,
    NVME_TOO_MANY_AERS = 0x4105,
    NVME_INVALID_VECTOR = 0x4108,
    NVME_INVALID_LOG = 0x4109,
    NVME_QUEUE_DELETION = 0x410c,
    NVME_READ_ONLY_RANGE = 0x4182,
    NVME_WRITE_FAULT = 0x0280,
    NVME_READ_FAULT = 0x0281,
    NVME_COMPARE_FAILED = 0x0285,
    NVME_ASYNC = 0xffff, /* ends later, by nvme_end */
};

typedef struct NvmeNamespace {
    BlockBackend *drive;
    uint32_t nsid;
    uint8_t lba_shift;
    uint64_t eui64;
    uint8_t uuid[16];
    uint64_t read_bytes, written_bytes, reads, writes; /* SMART's */
} NvmeNamespace;

/* A queue pair's halves; NVMe "4.1 Submission Queue & Completion Queue Definition". */
typedef struct NvmeSq {
    uint64_t base;
    uint32_t size; /* entries; 0: there is none */
    uint32_t head, tail, cq;
} NvmeSq;

typedef struct NvmeCq {
    uint64_t base;
    uint32_t size;
    uint32_t head, tail, vector;
    uint8_t phase, irq;
    uint8_t pending;   /* for INTx: posted and not seen yet */
    uint32_t reserved; /* requests under way that will end here */
} NvmeCq;

typedef struct Nvme {
    PciDevice pci;
    /* properties */
    BlockBackend *drive;
    char *serial;
    uint32_t max_ioqpairs;
    uint16_t msix_qsize;
    uint8_t mdts;
    uint32_t logical_block_size;
    bool use_intel_id;
    uint32_t bootindex;
    /* registers */
    uint32_t intm, cc, csts, aqa;
    uint64_t asq, acq;
    /* state */
    NvmeSq sq[NVME_QUEUES];
    NvmeCq cq[NVME_QUEUES];
    uint16_t aer[NVME_AERS]; /* identifiers of commands that wait for an event */
    uint32_t n_aers;
    uint32_t feature[NVME_FEATURES];
    uint32_t lifetime; /* counts resets: what began before is dropped */
    bool draining;
    bool holding; /* what ends is to go into `held` */
    /* Commands that a disk's error held when the state was saved. */
    uint8_t *held;
    uint32_t held_len;
    NvmeNamespace own; /* of property drive */
    NvmeNamespace *ns[NVME_NS_MAX];
} Nvme;

/* A command, as the controller has fetched it. */
typedef struct NvmeCmd {
    uint8_t opcode, flags;
    uint16_t cid;
    uint32_t nsid;
    uint64_t prp1, prp2; /* or the SGL descriptor */
    uint32_t dw10, dw11, dw12, dw13;
} NvmeCmd;

/* One under way. */
typedef struct NvmeRequest {
    Nvme *ctrl;
    NvmeNamespace *ns;
    NvmeCmd cmd;
    uint16_t sq, cq;
    uint32_t lifetime;
    uint32_t result; /* DW0 of the completion */
    uint8_t *buf;    /* its data; from nvme_buffer */
    uint64_t len, offset;
    uint32_t parts; /* of a command that is several requests to the disk */
    bool fua;
    uint16_t status;
} NvmeRequest;

#define nvme_of(dev_) device_as(dev_, Nvme)

static inline unsigned nvme_page_shift(const Nvme *s)
{
    return 12 + (s->cc >> 7 & 15);
}

/* nvme-data.c. Copy @len bytes between @buf and where the command's PRPs or SGL say; a status. */
uint16_t nvme_copy_in(Nvme *s, const NvmeCmd *c, void *buf, uint64_t len);
uint16_t nvme_copy_out(Nvme *s, const NvmeCmd *c, const void *buf, uint64_t len);
uint8_t *nvme_buffer(uint64_t len);

/* nvme-io.c. A command of an I/O queue; NVME_ASYNC: nvme_end comes. Under the lock. */
uint16_t nvme_io(NvmeRequest *r);

/* nvme.c. From the block layer's callbacks: end @r with @status. Frees it. */
void nvme_end(NvmeRequest *r, uint16_t status);
/* A namespace of its own device; 0: the first free number. Errors: taken. */
NODISCARD bool nvme_add_namespace(Nvme *s, NvmeNamespace *ns, uint32_t nsid, GError **err);

#endif
