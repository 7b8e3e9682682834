/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's state beside the snapshots of an image, and how snapshots are listed. */
#include "block/core/core-priv.h"
#include "util/bits.h"
#include "util/size.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* Of a raw-like node above: the image below has it. */
static BlockNode *vmstate_node(BlockNode *n)
{
    n = block_node_skip_filters(n);
    return n->drv->vmstate_base && block_maps(n) ? n : NULL;
}

/* Encrypted images take whole sectors: the ends are read first. Nobody else writes there. */
static int vmstate_unaligned(BlockNode *v, uint64_t at, struct iovec iov, bool write)
{
    uint64_t start = bits_align_down(at, v->align);
    uint64_t len = bits_align_up(at + iov.iov_len, v->align) - start;
    g_autofree uint8_t *buf = g_try_malloc(len);
    struct iovec all = { buf, len };
    int ret = buf ? engine_read(v, start, &all, 1) : -ENOMEM;

    if (!ret && write) {
        memcpy(buf + (at - start), iov.iov_base, iov.iov_len);
        ret = engine_write(v, start, &all, 1, 0);
    } else if (!ret) {
        memcpy(iov.iov_base, buf + (at - start), iov.iov_len);
    }
    return ret;
}

static int vmstate_do(BlockNode *n, uint64_t off, struct iovec iov, bool write)
{
    BlockNode *v = vmstate_node(n);
    uint64_t base = v ? v->drv->vmstate_base(v) : 0, at;
    BlockTrack t;
    int ret = write && v ? block_check_write(v) : 0;

    if (!base) {
        return -ENOTSUP;
    }
    if (ret) {
        return ret;
    }
    if (__builtin_add_overflow(base, off, &at) || at > BLOCK_SIZE_MAX ||
        iov.iov_len > BLOCK_SIZE_MAX - at) {
        return -EFBIG;
    }
    block_enter(v);
    if (v->align > 1 && (at | iov.iov_len) & (v->align - 1)) {
        ret = vmstate_unaligned(v, at, iov, write);
        v->written += write;
    } else if (write) {
        ret = engine_write(v, at, &iov, 1, 0);
        v->written++;
    } else {
        track_begin(v, &t, TRACK_READ, at, iov.iov_len);
        ret = engine_read(v, at, &iov, 1);
        track_end(v, &t);
    }
    block_leave(v);
    return ret;
}

int block_vmstate_write(BlockNode *n, uint64_t off, const void *buf, uint64_t len)
{
    return vmstate_do(n, off, (struct iovec){ (void *)buf, len }, true);
}

int block_vmstate_read(BlockNode *n, uint64_t off, void *buf, uint64_t len)
{
    return vmstate_do(n, off, (struct iovec){ buf, len }, false);
}

int block_vmstate_discard(BlockNode *n)
{
    BlockNode *v = vmstate_node(n);
    int ret = v ? block_check_write(v) : -ENOTSUP;

    if (ret || !v->drv->vmstate_discard) {
        return ret;
    }
    block_node_drain(v);
    ret = v->drv->vmstate_discard(v);
    v->written++;
    block_node_undrain(v);
    return ret;
}

/* ---- The state of a snapshot ---- */

bool block_vmstate_peek(BlockNode *n, const char *id, GError **err)
{
    BlockNode *v = vmstate_node(n);

    if (!v || !v->drv->snapshot_peek) {
        return block_error(err, n, "format %s keeps no machine's state", n->drv->name);
    }
    block_node_drain(v);
    if (v->drv->snapshot_peek(v, id, err)) {
        engine_forget(v, 0, UINT64_MAX / 2);
        return true;
    }
    block_node_undrain(v);
    return false;
}

void block_vmstate_peek_end(BlockNode *n)
{
    BlockNode *v = vmstate_node(n);
    g_autoptr(GError) err = NULL;

    CHECK(v->drv->snapshot_peek(v, NULL, &err));
    engine_forget(v, 0, UINT64_MAX / 2);
    block_node_undrain(v);
}

/* ---- Who can have snapshots ---- */

BlockNode *block_snapshot_node(BlockNode *n, char **why)
{
    n = block_node_skip_filters(n);
    *why = NULL;
    if (!n->drv->snapshot_create) {
        *why = g_strdup_printf("format %s has no internal snapshots", n->drv->name);
    } else if (n->drv->snapshot_why_not) {
        *why = n->drv->snapshot_why_not(n);
    }
    return *why ? NULL : n;
}

/* ---- Lists for people ---- */

static void vmstate_text_one(GString *out, const BlockSnapshot *s)
{
    g_autofree char *size = size_text_short(s->vm_state_size);
    g_autofree char *icount = NULL;
    uint64_t ms = s->vm_clock_ns / 1000000, sec = ms / 1000;
    time_t when = (time_t)s->date_sec;
    char date[32] = "", clock[48];
    struct tm tm;

    if (localtime_r(&when, &tm)) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    }
    g_snprintf(clock, sizeof(clock), "%02" PRIu64 ":%02u:%02u.%03u", sec / 3600,
               (unsigned)(sec / 60 % 60), (unsigned)(sec % 60), (unsigned)(ms % 1000));
    if (s->icount != UINT64_MAX) {
        icount = g_strdup_printf("%" PRIu64, s->icount);
    }
    g_string_append_printf(out, "%-9s %-16s %8s%20s%13s%11s\n", s->id, s->name, size, date, clock,
                           icount ? icount : "");
}

void block_snapshot_text(GString *out, const BlockSnapshot *list, unsigned n)
{
    g_string_append_printf(out, "%-10s%-17s%8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE",
                           "VM CLOCK", "ICOUNT");
    for (unsigned i = 0; i < n; i++) {
        vmstate_text_one(out, &list[i]);
    }
}
