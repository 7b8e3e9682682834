/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a command's data lies: NVMe "4.3 Physical Region Page Entry and List", "4.4 Scatter Gather
 * List". Lists are the guest's: each is bounded by the length that the command has.
 */
#include "hw/nvme/nvme.h"

#include "util/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    PSDT_SHIFT = 6,
    SGL_ENTRY = 16,
    SGL_DATA = 0x0,
    SGL_BIT_BUCKET = 0x1,
    SGL_SEGMENT = 0x2,
    SGL_LAST = 0x3,
    SGL_SEGMENTS_MAX = 1024,
    SGL_BATCH = 256, /* entries read at a time */
};

/* A walk over the places: copies as it goes. */
typedef struct Copy {
    Nvme *s;
    uint8_t *buf;
    uint64_t len, done;
    bool to_guest;
} Copy;

static uint16_t copy_part(Copy *c, uint64_t gpa, uint64_t len)
{
    uint64_t left = c->len - c->done;
    Device *dev = &c->s->pci.dev;

    len = len < left ? len : left;
    if (len && (c->to_guest ? device_dma_write(dev, gpa, c->buf + c->done, len)
                            : device_dma_read(dev, gpa, c->buf + c->done, len)) != MEM_OK) {
        guest_error(dev, "data of %u bytes at 0x%llx cannot be reached", (unsigned)len,
                    (unsigned long long)gpa);
        return NVME_DATA_ERROR;
    }
    c->done += len;
    return NVME_OK;
}

static uint16_t copy_prp(Copy *c, uint64_t prp1, uint64_t prp2)
{
    uint64_t page = (uint64_t)1 << nvme_page_shift(c->s);
    uint64_t list = prp2;
    uint16_t status = copy_part(c, prp1, page - (prp1 & (page - 1)));

    if (status || c->done == c->len) {
        return status;
    }
    if (c->len - c->done <= page) {
        return prp2 & (page - 1) ? NVME_PRP_OFFSET : copy_part(c, prp2, page);
    }
    if (list & 7) {
        return NVME_PRP_OFFSET;
    }
    while (c->done < c->len) {
        uint8_t entries[NVME_PAGE];
        uint64_t in_page = page - (list & (page - 1));
        uint64_t want = ((c->len - c->done + page - 1) / page) * 8;
        uint64_t bytes = want < in_page ? want : in_page;

        bytes = bytes < sizeof(entries) ? bytes : sizeof(entries);
        if (device_dma_read(&c->s->pci.dev, list, entries, bytes) != MEM_OK) {
            return NVME_DATA_ERROR;
        }
        for (uint64_t i = 0; i < bytes && c->done < c->len; i += 8) {
            uint64_t entry = get_le64(entries + i);

            if (entry & (page - 1)) {
                return NVME_PRP_OFFSET;
            }
            /* The last entry of a page is the next list, if there is more than a page to come. */
            if (i + 8 == in_page && c->len - c->done > page) {
                list = entry;
                bytes = 0;
                break;
            }
            status = copy_part(c, entry, page);
            if (status) {
                return status;
            }
        }
        list += bytes;
    }
    return NVME_OK;
}

/* @at: where @n entries are. *next: the segment that follows; 0: none. */
static uint16_t copy_sgl_segment(Copy *c, uint64_t at, uint64_t n, uint8_t *next)
{
    next[15] = 0xff;
    for (uint64_t from = 0; from < n; from += SGL_BATCH) {
        uint8_t e[SGL_BATCH * SGL_ENTRY];
        uint64_t m = n - from < SGL_BATCH ? n - from : SGL_BATCH;

        if (device_dma_read(&c->s->pci.dev, at + from * SGL_ENTRY, e, m * SGL_ENTRY) != MEM_OK) {
            return NVME_DATA_ERROR;
        }
        for (uint64_t i = 0; i < m; i++) {
            const uint8_t *d = e + i * SGL_ENTRY;
            unsigned type = d[15] >> 4;
            uint16_t status = NVME_OK;

            if (type == SGL_DATA) {
                status = copy_part(c, get_le64(d), get_le32(d + 8));
            } else if (type == SGL_BIT_BUCKET && c->to_guest) {
                uint64_t skip = get_le32(d + 8), left = c->len - c->done;

                c->done += skip < left ? skip : left;
            } else if ((type == SGL_SEGMENT || type == SGL_LAST) && from + i == n - 1) {
                memcpy(next, d, SGL_ENTRY);
            } else if (type != SGL_BIT_BUCKET) {
                status = type == SGL_SEGMENT || type == SGL_LAST ? NVME_SGL_SEGMENT : NVME_SGL_TYPE;
            }
            if (status) {
                return status;
            }
        }
    }
    return NVME_OK;
}

static uint16_t copy_sgl(Copy *c, uint64_t lo, uint64_t hi)
{
    uint8_t d[SGL_ENTRY];
    unsigned type;

    put_le64(d, lo);
    put_le64(d + 8, hi);
    for (unsigned segments = 0; segments < SGL_SEGMENTS_MAX; segments++) {
        uint64_t bytes = get_le32(d + 8);
        uint8_t next[SGL_ENTRY];
        uint16_t status;

        type = d[15] >> 4;
        if (d[15] & 15) {
            return NVME_SGL_TYPE;
        }
        if (type == SGL_DATA && !segments) {
            status = copy_part(c, get_le64(d), bytes);
            return status ? status : c->done == c->len ? NVME_OK : NVME_SGL_LENGTH;
        }
        if (type != SGL_SEGMENT && type != SGL_LAST) {
            return NVME_SGL_TYPE;
        }
        if (!bytes || bytes % SGL_ENTRY || bytes > (1 << 20)) {
            return NVME_SGL_SEGMENT;
        }
        status = copy_sgl_segment(c, get_le64(d), bytes / SGL_ENTRY, next);
        if (status) {
            return status;
        }
        if (type == SGL_LAST || next[15] == 0xff) {
            return c->done == c->len ? NVME_OK : NVME_SGL_LENGTH;
        }
        memcpy(d, next, SGL_ENTRY);
    }
    return NVME_SGL_SEGMENT;
}

static uint16_t nvme_copy(Copy *c, const NvmeCmd *cmd)
{
    unsigned psdt = cmd->flags >> PSDT_SHIFT;

    if (psdt == 3) {
        return NVME_INVALID_FIELD;
    }
    return psdt ? copy_sgl(c, cmd->prp1, cmd->prp2) : copy_prp(c, cmd->prp1, cmd->prp2);
}

uint16_t nvme_copy_in(Nvme *s, const NvmeCmd *cmd, void *buf, uint64_t len)
{
    Copy c = { .s = s, .buf = buf, .len = len };

    return nvme_copy(&c, cmd);
}

uint16_t nvme_copy_out(Nvme *s, const NvmeCmd *cmd, const void *buf, uint64_t len)
{
    Copy c = { .s = s, .buf = (uint8_t *)buf, .len = len, .to_guest = true };

    return nvme_copy(&c, cmd);
}

uint8_t *nvme_buffer(uint64_t len)
{
    void *p = NULL;

    return len && len <= NVME_BUFFER_MAX && !posix_memalign(&p, NVME_PAGE, len) ? p : NULL;
}
