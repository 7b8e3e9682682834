/* SPDX-License-Identifier: Apache-2.0 */
/* Commands on data: NVMe "6 NVM Command Set". */
#include "hw/nvme/nvme.h"

#include "util/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    IO_FLUSH = 0x00,
    IO_WRITE = 0x01,
    IO_READ = 0x02,
    IO_COMPARE = 0x05,
    IO_WRITE_ZEROES = 0x08,
    IO_DSM = 0x09,
    IO_FUA = 1u << 30,
    IO_DEALLOCATE = 1u << 25, /* of Write Zeroes */
    DSM_DEALLOCATE = 4,
    DSM_RANGE = 16,
    DSM_RANGES_MAX = 256,
    NSID_ALL = 0xffffffff,
};

static void io_done(void *opaque, int result)
{
    NvmeRequest *r = opaque;

    nvme_end(r, !result ? NVME_OK : r->cmd.opcode == IO_READ ? NVME_READ_FAULT : NVME_WRITE_FAULT);
}

/* What was read goes to the guest when the request ends, under the lock: nvme_end calls back. */
static void io_wrote(void *opaque, int result)
{
    NvmeRequest *r = opaque;

    if (!result && r->fua) {
        r->fua = false;
        block_flush(r->ns->drive, io_done, r);
        return;
    }
    io_done(r, result);
}

/* The range of bytes of a command with SLBA in DW10, 11 and a count less 1 in DW12. */
static uint16_t io_range(NvmeRequest *r)
{
    uint64_t lba = r->cmd.dw10 | (uint64_t)r->cmd.dw11 << 32;
    uint64_t n = (r->cmd.dw12 & 0xffff) + 1, all = block_size(r->ns->drive) >> r->ns->lba_shift;

    if (lba > all || n > all - lba) {
        return NVME_LBA_RANGE;
    }
    r->offset = lba << r->ns->lba_shift;
    r->len = n << r->ns->lba_shift;
    return NVME_OK;
}

static uint16_t io_transfer(NvmeRequest *r)
{
    Nvme *s = r->ctrl;
    bool out = r->cmd.opcode != IO_READ;
    uint16_t status = io_range(r);
    struct iovec iov;

    if (status) {
        return status;
    }
    if (r->cmd.opcode == IO_WRITE && block_is_read_only(r->ns->drive)) {
        return NVME_READ_ONLY_RANGE;
    }
    if (s->mdts && r->len > (uint64_t)NVME_PAGE << s->mdts) {
        return NVME_INVALID_FIELD;
    }
    r->buf = nvme_buffer(r->cmd.opcode == IO_COMPARE ? 2 * r->len : r->len);
    if (!r->buf) {
        return NVME_INTERNAL;
    }
    if (out) {
        status = nvme_copy_in(s, &r->cmd, r->buf, r->len);
        if (status) {
            return status;
        }
    }
    iov = (struct iovec){ r->buf, r->len };
    if (r->cmd.opcode == IO_WRITE) {
        r->fua = r->cmd.dw12 & IO_FUA || !s->feature[6];
        r->ns->writes++;
        r->ns->written_bytes += r->len;
        block_write(r->ns->drive, r->offset, &iov, 1, io_wrote, r);
        return NVME_ASYNC;
    }
    r->ns->reads++;
    r->ns->read_bytes += r->len;
    if (r->cmd.opcode == IO_COMPARE) {
        iov.iov_base = r->buf + r->len;
    }
    block_read(r->ns->drive, r->offset, &iov, 1, io_done, r);
    return NVME_ASYNC;
}

static void io_part_done(void *opaque, int result)
{
    NvmeRequest *r = opaque;

    if (result) {
        r->status = NVME_WRITE_FAULT;
    }
    if (!__atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL)) {
        nvme_end(r, r->status);
    }
}

/* "6.7 Dataset Management command" */
static uint16_t io_dsm(NvmeRequest *r)
{
    unsigned n = (r->cmd.dw10 & 0xff) + 1;
    uint8_t ranges[DSM_RANGES_MAX * DSM_RANGE];
    uint64_t all = block_size(r->ns->drive) >> r->ns->lba_shift;
    uint16_t status = nvme_copy_in(r->ctrl, &r->cmd, ranges, n * DSM_RANGE);

    if (status || !(r->cmd.dw11 & DSM_DEALLOCATE)) {
        return status;
    }
    if (block_is_read_only(r->ns->drive)) {
        return NVME_READ_ONLY_RANGE;
    }
    for (unsigned i = 0; i < n; i++) {
        uint64_t count = get_le32(ranges + i * DSM_RANGE + 4),
                 lba = get_le64(ranges + i * DSM_RANGE + 8);

        if (lba > all || count > all - lba) {
            return NVME_LBA_RANGE;
        }
    }
    /* One more, so that it does not end while parts are still being given out. */
    r->parts = n + 1;
    for (unsigned i = 0; i < n; i++) {
        uint64_t count = get_le32(ranges + i * DSM_RANGE + 4),
                 lba = get_le64(ranges + i * DSM_RANGE + 8);

        if (count) {
            block_discard(r->ns->drive, lba << r->ns->lba_shift, count << r->ns->lba_shift,
                          io_part_done, r);
        } else {
            __atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL);
        }
    }
    return __atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL) ? NVME_ASYNC : NVME_OK;
}

static uint16_t io_write_zeroes(NvmeRequest *r)
{
    uint16_t status = io_range(r);

    if (status || block_is_read_only(r->ns->drive)) {
        return status ? status : NVME_READ_ONLY_RANGE;
    }
    r->fua = r->cmd.dw12 & IO_FUA;
    block_write_zeroes(r->ns->drive, r->offset, r->len, io_wrote, r);
    return NVME_ASYNC;
}

/* Of one namespace, or of all. */
static uint16_t io_flush(NvmeRequest *r)
{
    Nvme *s = r->ctrl;

    if (r->cmd.nsid != NSID_ALL) {
        block_flush(r->ns->drive, io_done, r);
        return NVME_ASYNC;
    }
    r->parts = 1;
    for (unsigned i = 0; i < NVME_NS_MAX; i++) {
        if (s->ns[i]) {
            __atomic_add_fetch(&r->parts, 1, __ATOMIC_ACQ_REL);
            block_flush(s->ns[i]->drive, io_part_done, r);
        }
    }
    return __atomic_sub_fetch(&r->parts, 1, __ATOMIC_ACQ_REL) ? NVME_ASYNC : NVME_OK;
}

uint16_t nvme_io(NvmeRequest *r)
{
    uint32_t nsid = r->cmd.nsid;

    if (r->cmd.opcode == IO_FLUSH && nsid == NSID_ALL) {
        return io_flush(r);
    }
    r->ns = nsid && nsid <= NVME_NS_MAX ? r->ctrl->ns[nsid - 1] : NULL;
    if (!r->ns) {
        return NVME_INVALID_NS;
    }
    switch (r->cmd.opcode) {
    case IO_FLUSH:
        return io_flush(r);
    case IO_READ:
    case IO_WRITE:
    case IO_COMPARE:
        return io_transfer(r);
    case IO_WRITE_ZEROES:
        return io_write_zeroes(r);
    case IO_DSM:
        return io_dsm(r);
    default:
        return NVME_INVALID_OPCODE;
    }
}
