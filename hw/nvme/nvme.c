/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, queues and administration: NVMe "3 Controller Registers", "5 Admin Command Set". */
#include "hw/nvme/nvme.h"

#include "core/machine.h"
#include "hw/nvme/nvme-id.h"
#include "util/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    BAR_SIZE = 0x4000,
    DOORBELLS = 0x1000,
    CC_EN = 1,
    CC_SHN = 3 << 14,
    CSTS_RDY = 1,
    CSTS_CFS = 2,
    CSTS_SHST = 3 << 2,
    CSTS_SHST_DONE = 2 << 2,
    CSTS_NSSRO = 16,
    ADMIN_MIN_ENTRIES = 2,
    /* administrative commands */
    ADM_DELETE_SQ = 0x00,
    ADM_CREATE_SQ = 0x01,
    ADM_GET_LOG = 0x02,
    ADM_DELETE_CQ = 0x04,
    ADM_CREATE_CQ = 0x05,
    ADM_IDENTIFY = 0x06,
    ADM_ABORT = 0x08,
    ADM_SET_FEATURES = 0x09,
    ADM_GET_FEATURES = 0x0a,
    ADM_AER = 0x0c,
    QUEUE_PC = 1, /* physically contiguous */
    QUEUE_IEN = 2,
    FEAT_TEMPERATURE = 4,
    FEAT_VWC = 6,
    FEAT_QUEUES = 7,
    FEAT_SAVE = 1u << 31,
    LOG_MAX = 4096,
};

static unsigned nvme_n_queues(const Nvme *s)
{
    return s->max_ioqpairs + 1;
}

/* ---- Interrupts ---- */

static void nvme_update_intx(Nvme *s)
{
    bool level = false;

    for (unsigned i = 0; i < nvme_n_queues(s); i++) {
        level |= s->cq[i].size && s->cq[i].irq && s->cq[i].pending && !(s->intm & 1);
    }
    pci_set_intx(&s->pci, level);
}

static void nvme_interrupt(Nvme *s, NvmeCq *q)
{
    if (!q->irq) {
        return;
    }
    if (pci_msix_is_on(&s->pci)) {
        pci_msix_notify(&s->pci, q->vector);
    } else {
        q->pending = 1;
        nvme_update_intx(s);
    }
}

/* ---- Queues ---- */

static uint32_t cq_used(const NvmeCq *q)
{
    return (q->tail + q->size - q->head) % q->size;
}

/* Room for one more, with those that are under way: a queue that is full has one entry free. */
static bool cq_has_room(const NvmeCq *q)
{
    return q->size && cq_used(q) + q->reserved < q->size - 1;
}

/* Under the lock. */
static void nvme_post(Nvme *s, unsigned sq, unsigned cq, uint16_t cid, uint16_t status,
                      uint32_t result)
{
    NvmeCq *q = &s->cq[cq];
    uint8_t e[NVME_CQE] = { 0 };

    if (!q->size) {
        return;
    }
    put_le32(e, result);
    put_le16(e + 8, (uint16_t)s->sq[sq].head);
    put_le16(e + 10, (uint16_t)sq);
    put_le16(e + 12, cid);
    put_le16(e + 14, (uint16_t)((unsigned)status << 1 | q->phase));
    /* The phase tells the driver that an entry is whole: it goes last. */
    if (device_dma_write(&s->pci.dev, q->base + q->tail * (uint64_t)NVME_CQE, e, 12) != MEM_OK ||
        device_dma_store(&s->pci.dev, q->base + q->tail * (uint64_t)NVME_CQE + 12, 4,
                         get_le32(e + 12)) != MEM_OK) {
        guest_error(&s->pci.dev, "completion queue at 0x%llx cannot be reached",
                    (unsigned long long)q->base);
        s->csts |= CSTS_CFS;
        return;
    }
    if (++q->tail == q->size) {
        q->tail = 0;
        q->phase ^= 1;
    }
    nvme_interrupt(s, q);
}

static void nvme_free(NvmeRequest *r)
{
    free(r->buf);
    g_free(r);
}

/* Under the lock: data to the guest, then the completion. */
static void nvme_complete(NvmeRequest *r, uint16_t status)
{
    Nvme *s = r->ctrl;

    if (r->lifetime == s->lifetime) {
        if (!status && r->cmd.opcode == 0x02 && r->buf) {
            status = nvme_copy_out(s, &r->cmd, r->buf, r->len);
        } else if (!status && r->cmd.opcode == 0x05 && r->buf &&
                   memcmp(r->buf, r->buf + r->len, r->len)) {
            status = NVME_COMPARE_FAILED;
        }
        s->cq[r->cq].reserved--;
        nvme_post(s, r->sq, r->cq, r->cmd.cid, status, r->result);
    }
    nvme_free(r);
}

/* It becomes part of the state, and begins again when the machine goes on. */
static void nvme_hold(NvmeRequest *r)
{
    Nvme *s = r->ctrl;
    const NvmeCmd *c = &r->cmd;
    uint8_t *e;

    if (r->lifetime == s->lifetime) {
        s->cq[r->cq].reserved--;
        if (s->held_len <= NVME_HELD_MAX - NVME_HELD) {
            s->held = g_realloc(s->held, s->held_len + NVME_HELD);
            e = s->held + s->held_len;
            s->held_len += NVME_HELD;
            put_le16(e, r->sq);
            put_le16(e + 2, r->cq);
            e[4] = c->opcode;
            e[5] = c->flags;
            put_le16(e + 6, c->cid);
            put_le32(e + 8, c->nsid);
            put_le64(e + 12, c->prp1);
            put_le64(e + 20, c->prp2);
            put_le32(e + 28, c->dw10);
            put_le32(e + 32, c->dw11);
            put_le32(e + 36, c->dw12);
            put_le32(e + 40, c->dw13);
            put_le32(e + 44, 0);
        }
    }
    nvme_free(r);
}

NO_LOCK_ANALYSIS void nvme_end(NvmeRequest *r, uint16_t status)
{
    Nvme *s = r->ctrl;
    bool draining = s->draining;

    if (s->holding) {
        nvme_hold(r);
        return;
    }
    if (!draining) {
        device_enter(&s->pci.dev);
    }
    nvme_complete(r, status);
    if (!draining) {
        device_leave(&s->pci.dev);
    }
}

static uint16_t nvme_admin(NvmeRequest *r);

/* Under the lock. */
static void nvme_begin(Nvme *s, unsigned sq, unsigned cq, const NvmeCmd *cmd)
{
    NvmeRequest *r = g_new0(NvmeRequest, 1);
    uint16_t status;

    r->ctrl = s;
    r->sq = (uint16_t)sq;
    r->cq = (uint16_t)cq;
    r->lifetime = s->lifetime;
    r->cmd = *cmd;
    s->cq[cq].reserved++;
    status = sq ? nvme_io(r) : nvme_admin(r);
    if (status != NVME_ASYNC) {
        nvme_complete(r, status);
    }
}

/* Fetch and begin what the driver has put there. */
static void nvme_run(Nvme *s, unsigned n)
{
    NvmeSq *q = &s->sq[n];

    while (q->size && q->head != q->tail && cq_has_room(&s->cq[q->cq]) && s->csts & CSTS_RDY &&
           !(s->csts & CSTS_CFS)) {
        uint8_t e[NVME_SQE];
        NvmeCmd cmd;

        if (device_dma_read(&s->pci.dev, q->base + q->head * (uint64_t)NVME_SQE, e, NVME_SQE) !=
            MEM_OK) {
            guest_error(&s->pci.dev, "submission queue at 0x%llx cannot be reached",
                        (unsigned long long)q->base);
            s->csts |= CSTS_CFS;
            return;
        }
        q->head = (q->head + 1) % q->size;
        cmd = (NvmeCmd){ e[0],
                         e[1],
                         get_le16(e + 2),
                         get_le32(e + 4),
                         get_le64(e + 24),
                         get_le64(e + 32),
                         get_le32(e + 40),
                         get_le32(e + 44),
                         get_le32(e + 48),
                         get_le32(e + 52) };
        nvme_begin(s, n, q->cq, &cmd);
    }
}

static void nvme_doorbell(Device *dev, unsigned i, uint64_t val)
{
    Nvme *s = nvme_of(dev);
    unsigned n = i / 2;
    NvmeSq *sq = &s->sq[n];
    NvmeCq *cq = &s->cq[n];

    if (i & 1) {
        if (!cq->size || val >= cq->size) {
            guest_error(dev, "doorbell of completion queue %u: %llu", n, (unsigned long long)val);
            return;
        }
        cq->head = (uint32_t)val;
        if (cq->head == cq->tail) {
            cq->pending = 0;
            nvme_update_intx(s);
        }
        for (unsigned k = 0; k < nvme_n_queues(s); k++) {
            if (s->sq[k].size && s->sq[k].cq == n) {
                nvme_run(s, k);
            }
        }
        return;
    }
    if (!sq->size || val >= sq->size) {
        guest_error(dev, "doorbell of submission queue %u: %llu", n, (unsigned long long)val);
        return;
    }
    sq->tail = (uint32_t)val;
    nvme_run(s, n);
}

/* ---- Creating and deleting queues ---- */

static uint16_t adm_create_cq(Nvme *s, const NvmeCmd *c)
{
    unsigned id = c->dw10 & 0xffff, size = (c->dw10 >> 16) + 1, vector = c->dw11 >> 16;

    if (!id || id >= nvme_n_queues(s) || s->cq[id].size) {
        return NVME_INVALID_QID;
    }
    if (size < 2 || size > NVME_ENTRIES_MAX) {
        return NVME_INVALID_SIZE;
    }
    if (vector >= s->msix_qsize || (!pci_msix_is_on(&s->pci) && vector)) {
        return NVME_INVALID_VECTOR;
    }
    if (!(c->dw11 & QUEUE_PC) || c->prp1 & (((uint64_t)1 << nvme_page_shift(s)) - 1)) {
        return c->dw11 & QUEUE_PC ? NVME_PRP_OFFSET : NVME_INVALID_FIELD;
    }
    s->cq[id] = (NvmeCq){ .base = c->prp1,
                          .size = size,
                          .vector = vector,
                          .phase = 1,
                          .irq = c->dw11 & QUEUE_IEN ? 1 : 0 };
    return NVME_OK;
}

static uint16_t adm_create_sq(Nvme *s, const NvmeCmd *c)
{
    unsigned id = c->dw10 & 0xffff, size = (c->dw10 >> 16) + 1, cq = c->dw11 >> 16;

    if (!cq || cq >= nvme_n_queues(s) || !s->cq[cq].size) {
        return NVME_INVALID_CQ;
    }
    if (!id || id >= nvme_n_queues(s) || s->sq[id].size) {
        return NVME_INVALID_QID;
    }
    if (size < 2 || size > NVME_ENTRIES_MAX) {
        return NVME_INVALID_SIZE;
    }
    if (!(c->dw11 & QUEUE_PC) || c->prp1 & (((uint64_t)1 << nvme_page_shift(s)) - 1)) {
        return c->dw11 & QUEUE_PC ? NVME_PRP_OFFSET : NVME_INVALID_FIELD;
    }
    s->sq[id] = (NvmeSq){ .base = c->prp1, .size = size, .cq = cq };
    return NVME_OK;
}

static uint16_t adm_delete_sq(Nvme *s, const NvmeCmd *c)
{
    unsigned id = c->dw10 & 0xffff;

    if (!id || id >= nvme_n_queues(s) || !s->sq[id].size) {
        return NVME_INVALID_QID;
    }
    /* What is under way ends first: drivers delete queues that are idle. Their number and their
     * completion queue stay known to what still ends. */
    s->sq[id].size = 0;
    s->sq[id].head = s->sq[id].tail = 0;
    return NVME_OK;
}

static uint16_t adm_delete_cq(Nvme *s, const NvmeCmd *c)
{
    unsigned id = c->dw10 & 0xffff;

    if (!id || id >= nvme_n_queues(s) || !s->cq[id].size) {
        return NVME_INVALID_QID;
    }
    for (unsigned i = 1; i < nvme_n_queues(s); i++) {
        if (s->sq[i].size && s->sq[i].cq == id) {
            return NVME_QUEUE_DELETION;
        }
    }
    if (s->cq[id].reserved) {
        return NVME_QUEUE_DELETION;
    }
    s->cq[id] = (NvmeCq){ 0 };
    nvme_update_intx(s);
    return NVME_OK;
}

/* ---- Features and logs ---- */

/* "5.21.1 Feature Specific Information": number of the last, and which keep what is set. */
static bool feature_is_known(unsigned id)
{
    return id >= 1 && id <= 0x0b && id != 3;
}

static uint32_t feature_get(const Nvme *s, unsigned id)
{
    unsigned n = s->max_ioqpairs - 1;

    return id == FEAT_QUEUES ? n << 16 | n : s->feature[id];
}

static uint16_t adm_set_features(NvmeRequest *r)
{
    Nvme *s = r->ctrl;
    unsigned id = r->cmd.dw10 & 0xff;

    if (r->cmd.dw10 & FEAT_SAVE) {
        return 0x410d; /* not saveable */
    }
    if (!feature_is_known(id)) {
        return NVME_INVALID_FIELD;
    }
    if (id == FEAT_QUEUES && ((r->cmd.dw11 & 0xffff) == 0xffff || r->cmd.dw11 >> 16 == 0xffff)) {
        return NVME_INVALID_FIELD;
    }
    s->feature[id] = id == FEAT_VWC ? r->cmd.dw11 & 1 : r->cmd.dw11;
    r->result = id == FEAT_QUEUES ? feature_get(s, id) : 0;
    return NVME_OK;
}

static uint16_t adm_get_features(NvmeRequest *r)
{
    unsigned id = r->cmd.dw10 & 0xff, select = r->cmd.dw10 >> 8 & 7;

    if (!feature_is_known(id) || select > 3) {
        return NVME_INVALID_FIELD;
    }
    r->result = select == 3                        ? 4 /* changeable */
                : select && id == FEAT_VWC         ? 1
                : select && id == FEAT_TEMPERATURE ? NVME_TEMPERATURE_WARNING
                : select && id != FEAT_QUEUES      ? 0
                                                   : feature_get(r->ctrl, id);
    return NVME_OK;
}

static uint16_t adm_get_log(NvmeRequest *r)
{
    Nvme *s = r->ctrl;
    uint8_t log[LOG_MAX] = { 0 };
    uint64_t len = (((uint64_t)r->cmd.dw10 >> 16 | (uint64_t)(r->cmd.dw11 & 0xffff) << 16) + 1) * 4;
    uint64_t from = r->cmd.dw12 | (uint64_t)r->cmd.dw13 << 32;
    unsigned size = nvme_log(s, r->cmd.dw10 & 0xff, log);

    if (!size) {
        return NVME_INVALID_LOG;
    }
    if (from & 3 || from >= size) {
        return NVME_INVALID_FIELD;
    }
    return nvme_copy_out(s, &r->cmd, log + from, len < size - from ? len : size - from);
}

static uint16_t adm_identify(NvmeRequest *r)
{
    uint8_t page[NVME_PAGE] = { 0 };
    uint16_t status = nvme_identify(r->ctrl, r->cmd.dw10 & 0xff, r->cmd.nsid, page);

    return status ? status : nvme_copy_out(r->ctrl, &r->cmd, page, sizeof(page));
}

/* Held until there is an event: it does not fill the queue meanwhile. */
static uint16_t adm_aer(NvmeRequest *r)
{
    Nvme *s = r->ctrl;

    if (s->n_aers == NVME_AERS) {
        return NVME_TOO_MANY_AERS;
    }
    s->aer[s->n_aers++] = r->cmd.cid;
    s->cq[0].reserved--;
    nvme_free(r);
    return NVME_ASYNC;
}

static uint16_t nvme_admin(NvmeRequest *r)
{
    switch (r->cmd.opcode) {
    case ADM_DELETE_SQ:
        return adm_delete_sq(r->ctrl, &r->cmd);
    case ADM_CREATE_SQ:
        return adm_create_sq(r->ctrl, &r->cmd);
    case ADM_GET_LOG:
        return adm_get_log(r);
    case ADM_DELETE_CQ:
        return adm_delete_cq(r->ctrl, &r->cmd);
    case ADM_CREATE_CQ:
        return adm_create_cq(r->ctrl, &r->cmd);
    case ADM_IDENTIFY:
        return adm_identify(r);
    case ADM_ABORT:
        r->result = 1; /* was not aborted: it ends by itself */
        return NVME_OK;
    case ADM_SET_FEATURES:
        return adm_set_features(r);
    case ADM_GET_FEATURES:
        return adm_get_features(r);
    case ADM_AER:
        return adm_aer(r);
    default:
        return NVME_INVALID_OPCODE;
    }
}

/* ---- Registers ---- */

static void nvme_forget(Nvme *s)
{
    s->lifetime++;
    memset(s->sq, 0, sizeof(s->sq));
    memset(s->cq, 0, sizeof(s->cq));
    memset(s->feature, 0, sizeof(s->feature));
    s->feature[FEAT_VWC] = 1;
    s->feature[FEAT_TEMPERATURE] = NVME_TEMPERATURE_WARNING;
    s->n_aers = 0;
    s->held_len = 0;
    s->csts = 0;
    s->intm = 0;
    pci_set_intx(&s->pci, false);
}

/* "3.1.5 CC": entry sizes 0 stand for the only ones there are until queues are made. */
static bool nvme_enable(Nvme *s)
{
    uint32_t asqs = (s->aqa & 0xfff) + 1, acqs = (s->aqa >> 16 & 0xfff) + 1;
    uint64_t page = (uint64_t)1 << nvme_page_shift(s);
    unsigned css = s->cc >> 4 & 7, mps = s->cc >> 7 & 15, ams = s->cc >> 11 & 7;

    if (asqs < ADMIN_MIN_ENTRIES || acqs < ADMIN_MIN_ENTRIES || (s->asq | s->acq) & (page - 1) ||
        mps > 4 || ams || (css && css != 7)) {
        guest_error(&s->pci.dev, "enabled with CC 0x%x, AQA 0x%x, ASQ 0x%llx, ACQ 0x%llx", s->cc,
                    s->aqa, (unsigned long long)s->asq, (unsigned long long)s->acq);
        return false;
    }
    s->sq[0] = (NvmeSq){ .base = s->asq, .size = asqs };
    s->cq[0] = (NvmeCq){ .base = s->acq, .size = acqs, .phase = 1, .irq = 1 };
    return true;
}

NO_LOCK_ANALYSIS static void shutdown_done(void *opaque, int result)
{
    NvmeRequest *r = opaque;
    Nvme *s = r->ctrl;
    bool draining = s->draining;

    if (!draining) {
        device_enter(&s->pci.dev);
    }
    if (r->lifetime == s->lifetime && !__atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL)) {
        s->csts = (s->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_DONE;
        g_free(r);
    } else if (r->lifetime != s->lifetime && !__atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL)) {
        g_free(r);
    }
    if (!draining) {
        device_leave(&s->pci.dev);
    }
}

/* "7.6.2 Controller Shutdown": all that was written is on the disks when it says so. */
static void nvme_shutdown(Nvme *s)
{
    NvmeRequest *r = g_new0(NvmeRequest, 1);

    r->ctrl = s;
    r->lifetime = s->lifetime;
    r->parts = 1;
    s->csts = (s->csts & ~(uint32_t)CSTS_SHST) | 1 << 2;
    for (unsigned i = 0; i < NVME_NS_MAX; i++) {
        if (s->ns[i]) {
            __atomic_add_fetch(&r->parts, 1, __ATOMIC_ACQ_REL);
            block_flush(s->ns[i]->drive, shutdown_done, r);
        }
    }
    if (!__atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL)) {
        s->csts = (s->csts & ~(uint32_t)CSTS_SHST) | CSTS_SHST_DONE;
        g_free(r);
    }
}

static void nvme_cc_wrote(Device *dev, uint64_t old)
{
    Nvme *s = nvme_of(dev);
    uint32_t cc = s->cc;

    if (!(old & CC_EN) && cc & CC_EN) {
        s->csts = nvme_enable(s) ? CSTS_RDY : CSTS_CFS;
    } else if (old & CC_EN && !(cc & CC_EN)) {
        nvme_forget(s);
    }
    if (!(old & CC_SHN) && cc & CC_SHN) {
        nvme_shutdown(s);
    } else if (old & CC_SHN && !(cc & CC_SHN)) {
        s->csts &= ~(uint32_t)CSTS_SHST;
    }
}

/* MQES 2047, CQR, timeout 7.5 s, NVM command set, pages of 4 KiB to 64 KiB. */
static uint64_t nvme_cap_read(Device *dev)
{
    return (NVME_ENTRIES_MAX - 1) | 1ull << 16 | 15ull << 24 | 1ull << 37 | 4ull << 52;
}

static uint64_t nvme_vs_read(Device *dev)
{
    return 0x00010400;
}

static void nvme_intms_write(Device *dev, uint64_t val)
{
    nvme_of(dev)->intm |= (uint32_t)val;
    nvme_update_intx(nvme_of(dev));
}

static void nvme_intmc_write(Device *dev, uint64_t val)
{
    nvme_of(dev)->intm &= ~(uint32_t)val;
    nvme_update_intx(nvme_of(dev));
}

static uint64_t nvme_intm_read(Device *dev)
{
    return nvme_of(dev)->intm;
}

static const Reg nvme_regs[] = {
    { 0x00, "CAP", .size = 8, .read = nvme_cap_read },
    { 0x08, "VS", .read = nvme_vs_read },
    { 0x0c, "INTMS", AT(Nvme, intm), .read = nvme_intm_read, .write = nvme_intms_write },
    { 0x10, "INTMC", .read = nvme_intm_read, .write = nvme_intmc_write },
    { 0x14, "CC", AT(Nvme, cc), .rw = 0x00fffff1, .wrote = nvme_cc_wrote },
    { 0x1c, "CSTS", AT(Nvme, csts), .w1c = CSTS_NSSRO },
    { 0x24, "AQA", AT(Nvme, aqa), .rw = 0x0fff0fff },
    { 0x28, "ASQ", AT(Nvme, asq), .rw = ~0xfffull },
    { 0x30, "ACQ", AT(Nvme, acq), .rw = ~0xfffull },
    { DOORBELLS, "DOORBELL", .count = 2 * NVME_QUEUES, .write_n = nvme_doorbell },
};

static const RegionType nvme_regions[] = {
    { .name = "nvme", .regs = TABLE(nvme_regs), .access_min = 4, .access_max = 8 },
    PCI_MSIX_REGION,
};

/* ---- Life ---- */

static const PciType nvme_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0010,
    .revision = 2,
    .class_code = 0x010802,
    .intx = 1,
};

/* What a controller that was reset had begun, a disk's error may still hold. */
static bool nvme_wants(void *opaque)
{
    const NvmeRequest *r = opaque;

    return r->lifetime == r->ctrl->lifetime;
}

bool nvme_add_namespace(Nvme *s, NvmeNamespace *ns, uint32_t nsid, GError **err)
{
    for (uint32_t i = 1; !nsid && i <= NVME_NS_MAX; i++) {
        nsid = s->ns[i - 1] ? 0 : i;
    }
    if (!nsid || nsid > NVME_NS_MAX || s->ns[nsid - 1]) {
        return error_set(err, "nsid=%u: must be 1 to %d and free", nsid, NVME_NS_MAX);
    }
    ns->nsid = nsid;
    s->ns[nsid - 1] = ns;
    block_set_wanted(ns->drive, nvme_wants);
    return true;
}

/* What an error has held goes on with the machine, here or where it was saved from. */
static void nvme_go_on(Nvme *s)
{
    g_autofree uint8_t *held = NULL;
    uint32_t len;

    device_enter(&s->pci.dev);
    s->draining = true; /* what ends here does so in this lock */
    for (unsigned i = 0; i < NVME_NS_MAX; i++) {
        if (s->ns[i]) {
            block_retry_wanted(s->ns[i]->drive);
        }
    }
    s->draining = false;
    held = g_memdup2(s->held, s->held_len);
    len = s->held_len;
    s->held_len = 0;
    for (uint32_t at = 0; at + NVME_HELD <= len; at += NVME_HELD) {
        const uint8_t *e = held + at;
        NvmeCmd cmd = { e[4],
                        e[5],
                        get_le16(e + 6),
                        get_le32(e + 8),
                        get_le64(e + 12),
                        get_le64(e + 20),
                        get_le32(e + 28),
                        get_le32(e + 32),
                        get_le32(e + 36),
                        get_le32(e + 40) };

        nvme_begin(s, get_le16(e), get_le16(e + 2), &cmd);
    }
    device_leave(&s->pci.dev);
}

static void nvme_machine_event(void *opaque, const MachineEvent *e)
{
    if (e->kind == EVENT_RESUME) {
        nvme_go_on(opaque);
    }
}

static bool nvme_check(Nvme *s, GError **err)
{
    if (!s->serial || !*s->serial || strlen(s->serial) > 20) {
        return error_set(err, "serial=: must be given, 20 characters at most");
    }
    if (!s->max_ioqpairs || s->max_ioqpairs >= NVME_QUEUES || !s->msix_qsize ||
        s->msix_qsize > PCI_MSIX_MAX) {
        return error_set(err, "max_ioqpairs must be 1 to %d, msix_qsize 1 to %d", NVME_QUEUES - 1,
                         PCI_MSIX_MAX);
    }
    if (s->mdts > 12) {
        return error_set(err, "mdts=%u: must be 12 at most (16 MiB)", s->mdts);
    }
    if (!bits_is_pow2(s->logical_block_size) || s->logical_block_size < 512 ||
        s->logical_block_size > NVME_PAGE) {
        return error_set(err, "logical_block_size=%u: must be 512, 1024, 2048 or 4096",
                         s->logical_block_size);
    }
    return true;
}

static bool nvme_start(Device *dev, GError **err)
{
    Nvme *s = nvme_of(dev);
    PciDevice *p = &s->pci;

    if (!nvme_check(s, err)) {
        return false;
    }
    if (s->drive) {
        s->own = (NvmeNamespace){ .drive = s->drive,
                                  .lba_shift = (uint8_t)__builtin_ctz(s->logical_block_size) };
        if (!block_claim(s->drive, dev, err)) {
            return false;
        }
        if (!nvme_add_namespace(s, &s->own, 1, err)) {
            block_release(s->drive, dev);
            return false;
        }
    }
    if (!pci_plug(p, err)) {
        if (s->drive) {
            block_release(s->drive, dev);
        }
        return false;
    }
    pci_add_bar_region(p, 0, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64, 0,
                       BAR_SIZE);
    pci_add_msix_bar(p, s->msix_qsize, 4, 1);
    pci_add_pm(p);
    pcie_add_cap(p, PCI_EXP_TYPE_ENDPOINT, 0);
    if (s->use_intel_id) {
        pci_set16(p, PCI_VENDOR_ID, PCI_VENDOR_INTEL);
        pci_set16(p, PCI_DEVICE_ID, 0x5845);
    }
    machine_listen(dev->machine, nvme_machine_event, s);
    return true;
}

/* What ends from now on is dropped; CPUs stand still. */
static void nvme_end_requests(Nvme *s, BlockBackend *drive)
{
    s->lifetime++;
    s->draining = true;
    block_drain(drive);
    block_end_held(drive);
    s->draining = false;
}

static void nvme_stop(Device *dev)
{
    Nvme *s = nvme_of(dev);

    machine_unlisten(dev->machine, nvme_machine_event, s);
    if (s->drive) {
        nvme_end_requests(s, s->drive);
        block_release(s->drive, dev);
    }
    pci_unplug(&s->pci);
}

static void nvme_reset(Device *dev, ResetType type)
{
    nvme_forget(nvme_of(dev));
}

static void nvme_saving(Device *dev)
{
    Nvme *s = nvme_of(dev);

    s->draining = true;
    for (unsigned i = 0; i < NVME_NS_MAX; i++) {
        if (s->ns[i]) {
            block_drain(s->ns[i]->drive);
            s->holding = true;
            block_end_held(s->ns[i]->drive);
            s->holding = false;
        }
    }
    s->draining = false;
    pci_settle(&s->pci);
}

static bool nvme_loaded(Device *dev, GError **err)
{
    Nvme *s = nvme_of(dev);

    for (unsigned i = 0; i < NVME_QUEUES; i++) {
        const NvmeSq *q = &s->sq[i];
        NvmeCq *c = &s->cq[i];

        c->reserved = 0;
        if (q->size > 4096 || (q->size && (q->head >= q->size || q->tail >= q->size)) ||
            q->cq >= NVME_QUEUES || c->size > 4096 ||
            (c->size && (c->head >= c->size || c->tail >= c->size))) {
            return error_set(err, "%s: queue pair %u does not hold together", device_path(dev), i);
        }
    }
    for (uint32_t at = 0; at < s->held_len; at += NVME_HELD) {
        unsigned sq = s->held_len - at < NVME_HELD ? 0 : get_le16(s->held + at);
        unsigned cq = sq ? get_le16(s->held + at + 2) : NVME_QUEUES;

        if (!sq || sq >= NVME_QUEUES || cq >= NVME_QUEUES || !s->cq[cq].size) {
            return error_set(err, "%s: a command that waits is of no queue", device_path(dev));
        }
    }
    return s->n_aers <= NVME_AERS ||
           error_set(err, "%s: n_aers %u: %d at most", device_path(dev), s->n_aers, NVME_AERS);
}

/* The namespace of its own drive. */
static char *nvme_boot_node(Device *dev, Device **on)
{
    *on = dev;
    return g_strdup("namespace@1,0");
}

static const Field nvme_fields[] = {
    PROP_BACKEND(Nvme, drive, "drive", .doc = "the disk of namespace 1; others are nvme-ns"),
    PROP_STR(Nvme, serial, NULL, .doc = "20 characters at most; must be given"),
    PROP_U32(Nvme, max_ioqpairs, 64, .doc = "pairs of queues for data"),
    PROP_U16(Nvme, msix_qsize, 65, .doc = "vectors of MSI-X"),
    PROP_U8(Nvme, mdts, 7, .doc = "a command moves 4 KiB times 2 to this at most; 0: any"),
    PROP_U32(Nvme, logical_block_size, 512, .doc = "bytes of a block"),
    { "use-intel-id", FIELD_PROP, TYPE_BOOL, FIELD_AT(Nvme, use_intel_id, 1),
      .doc = "appear as 8086:5845" },
    PROP_BOOTINDEX(Nvme, bootindex),
    STATE_BANK(Nvme, sq, base, .no_reset = true),
    STATE_BANK(Nvme, sq, size, .no_reset = true),
    STATE_BANK(Nvme, sq, head, .no_reset = true),
    STATE_BANK(Nvme, sq, tail, .no_reset = true),
    STATE_BANK(Nvme, sq, cq, .no_reset = true),
    STATE_BANK(Nvme, cq, base, .no_reset = true),
    STATE_BANK(Nvme, cq, size, .no_reset = true),
    STATE_BANK(Nvme, cq, head, .no_reset = true),
    STATE_BANK(Nvme, cq, tail, .no_reset = true),
    STATE_BANK(Nvme, cq, vector, .no_reset = true),
    STATE_BANK(Nvme, cq, phase, .no_reset = true, .max = 1),
    STATE_BANK(Nvme, cq, irq, .no_reset = true, .max = 1),
    STATE_BANK(Nvme, cq, pending, .no_reset = true, .max = 1),
    STATE_ARRAY(Nvme, aer, .no_reset = true),
    STATE_U32(Nvme, n_aers, .no_reset = true),
    STATE_ARRAY(Nvme, feature, .no_reset = true),
    STATE_BYTES(Nvme, held, held_len, NVME_HELD_MAX, .no_reset = true, .optional = true),
    SCRATCH(Nvme, holding),
    SCRATCH(Nvme, lifetime),
    SCRATCH(Nvme, draining),
    SCRATCH(Nvme, own),
    SCRATCH(Nvme, ns),
};

const DeviceType device_nvme = {
    .name = "nvme",
    .doc = "NVM Express controller",
    .base = &device_pci,
    .size = sizeof(Nvme),
    .regions = nvme_regions,
    .n_regions = ARRAY_SIZE(nvme_regions),
    .fields = TABLE(nvme_fields),
    .user_creatable = true,
    .start = nvme_start,
    .stop = nvme_stop,
    .reset = nvme_reset,
    .saving = nvme_saving,
    .loaded = nvme_loaded,
    .boot_node = nvme_boot_node,
    .extra = &nvme_type,
};

/* ---- nvme-ns: a namespace of its own ---- */

typedef struct NvmeNsDevice {
    Device dev;
    BlockBackend *drive;
    char *bus;
    uint32_t nsid, logical_block_size;
    uint64_t eui64;
    uint32_t bootindex;
    NvmeNamespace ns;
    Nvme *controller;
} NvmeNsDevice;

/* The controller of that id, or the last one. */
static Nvme *nvme_ns_controller(NvmeNsDevice *d, GError **err)
{
    Device *root = machine_root(d->dev.machine);
    Nvme *found = NULL;

    for (Device *c = root; c; c = device_next(root, c)) {
        if (c->type == &device_nvme && c->started && (!d->bus || !strcmp(c->id, d->bus))) {
            found = nvme_of(c);
        }
    }
    if (!found) {
        error_set(err,
                  d->bus ? "bus=%s: there is no nvme device of this id before it"
                         : "there is no nvme device before it%s",
                  d->bus ? d->bus : "");
    }
    return found;
}

static bool nvme_ns_start(Device *dev, GError **err)
{
    NvmeNsDevice *d = device_as(dev, NvmeNsDevice);
    Nvme *s = nvme_ns_controller(d, err);

    if (!s) {
        return false;
    }
    if (!bits_is_pow2(d->logical_block_size) || d->logical_block_size < 512 ||
        d->logical_block_size > NVME_PAGE) {
        return error_set(err, "logical_block_size=%u: must be 512, 1024, 2048 or 4096",
                         d->logical_block_size);
    }
    d->ns = (NvmeNamespace){ .drive = d->drive,
                             .eui64 = d->eui64,
                             .lba_shift = (uint8_t)__builtin_ctz(d->logical_block_size) };
    if (!block_claim(d->drive, dev, err)) {
        return false;
    }
    if (!nvme_add_namespace(s, &d->ns, d->nsid, err)) {
        block_release(d->drive, dev);
        return false;
    }
    d->controller = s;
    dev->on = &s->pci.dev;
    return true;
}

static void nvme_ns_stop(Device *dev)
{
    NvmeNsDevice *d = device_as(dev, NvmeNsDevice);
    Nvme *s = d->controller;

    nvme_end_requests(s, d->drive);
    s->ns[d->ns.nsid - 1] = NULL;
    block_release(d->drive, dev);
}

static char *nvme_ns_boot_node(Device *dev, Device **on)
{
    const NvmeNsDevice *d = device_as(dev, NvmeNsDevice);

    *on = &d->controller->pci.dev;
    return g_strdup_printf("namespace@%x,0", d->ns.nsid);
}

static const Field nvme_ns_fields[] = {
    PROP_BACKEND(NvmeNsDevice, drive, "drive", .required = true, .doc = "the disk"),
    PROP_STR(NvmeNsDevice, bus, NULL, .doc = "id of the nvme device; the last one without it"),
    PROP_U32(NvmeNsDevice, nsid, 0, .doc = "1 to 256; 0: the first that is free"),
    PROP_U32(NvmeNsDevice, logical_block_size, 512, .doc = "bytes of a block"),
    PROP_U64(NvmeNsDevice, eui64, 0, .doc = "IEEE identifier; 0: none"),
    PROP_BOOTINDEX(NvmeNsDevice, bootindex),
    SCRATCH(NvmeNsDevice, ns),
    SCRATCH(NvmeNsDevice, controller),
};

const DeviceType device_nvme_ns = {
    .name = "nvme-ns",
    .doc = "namespace of an NVMe controller",
    .size = sizeof(NvmeNsDevice),
    .fields = TABLE(nvme_ns_fields),
    .user_creatable = true,
    .start = nvme_ns_start,
    .stop = nvme_ns_stop,
    .boot_node = nvme_ns_boot_node,
};
