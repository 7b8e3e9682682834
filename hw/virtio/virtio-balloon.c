/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-balloon: memory that the guest gives back, for good (inflate), for a while (free page
 * reporting), while a state is written (free page hints) or while it has none to spare (deflate on
 * OOM).
 * Spec: VIRTIO 1.2, "5.5 Traditional Memory Balloon Device".
 */
#include "hw/virtio/virtio-balloon.h"

#include "core/machine.h"
#include "core/memory/memory.h"
#include "hw/virtio/virtqueue.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <unistd.h>

enum {
    BALLOON_F_MUST_TELL_HOST = 0,
    BALLOON_F_STATS_VQ = 1,
    BALLOON_F_DEFLATE_ON_OOM = 2,
    BALLOON_F_FREE_PAGE_HINT = 3,
    BALLOON_F_PAGE_POISON = 4,
    BALLOON_F_REPORTING = 5,
    BALLOON_QUEUE = 128,
    BALLOON_MORE_QUEUE = 128,
    BALLOON_CONFIG = 16, /* num_pages, actual, free_page_hint_cmd_id, poison_val */
    BALLOON_CONFIG_HINT = 8,
    BALLOON_CONFIG_POISON = 12,
    HINT_STOP = 0,
    HINT_DONE = 1,
    BALLOON_PAGE = 4096, /* the unit of the interface, whatever pages the guest has */
    BALLOON_STAT = 10,   /* bytes: tag, value */
    Q_INFLATE = 0,
    Q_DEFLATE = 1,
    Q_STATS = 2,
    Q_MORE = 3, /* of hints, then of reports: as far as the driver has taken them */
};

#define HINT_FIRST 0x80000000u

typedef struct VirtioBalloon {
    VirtioDevice v;
    bool deflate_on_oom, reporting, hint, page_poison;
    void *iothread;
    Timer poll;      /* of no device: it takes the transport's lock itself */
    uint32_t poll_s; /* asks for statistics so often; 0: never */
    /* state */
    uint32_t num_pages, actual; /* wanted and there, in units */
    uint64_t stats[BALLOON_STATS];
    uint8_t stats_there; /* the guest has given some */
    int64_t stats_at_s;  /* since 1970 */
    uint32_t poison;     /* what free pages of the guest are filled with */
    uint32_t hint_cmd;   /* HINT_STOP, HINT_DONE, or the number of a round of hints */
    uint32_t hint_round; /* counts them */
    uint8_t hinting;     /* the guest is giving the hints of that round */
    uint8_t hinted;      /* it has given all */
} VirtioBalloon;

static VirtioBalloon *vbal_of(VirtioDevice *v)
{
    return device_as(&v->dev, VirtioBalloon);
}

static uint64_t vbal_features(VirtioDevice *v)
{
    const VirtioBalloon *s = vbal_of(v);

    return BIT(BALLOON_F_STATS_VQ) | (s->deflate_on_oom ? BIT(BALLOON_F_DEFLATE_ON_OOM) : 0) |
           (s->page_poison ? BIT(BALLOON_F_PAGE_POISON) : 0) |
           (s->hint ? BIT(BALLOON_F_FREE_PAGE_HINT) : 0) |
           (s->reporting ? BIT(BALLOON_F_REPORTING) : 0);
}

static void vbal_config_read(VirtioDevice *v, uint8_t *config)
{
    put_le32(config, vbal_of(v)->num_pages);
    put_le32(config + 4, vbal_of(v)->actual);
    put_le32(config + BALLOON_CONFIG_HINT, vbal_of(v)->hint_cmd);
    put_le32(config + BALLOON_CONFIG_POISON, vbal_of(v)->poison);
}

static void vbal_config_wrote(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len)
{
    VirtioBalloon *s = vbal_of(v);
    uint32_t actual = get_le32(config + 4);

    if (virtio_has(v, BIT(BALLOON_F_PAGE_POISON))) {
        s->poison = get_le32(config + BALLOON_CONFIG_POISON);
    }
    if (actual != s->actual) {
        s->actual = actual;
        machine_post_event(v->dev.machine, EVENT_DEVICE, BALLOON_CHANGE);
    }
}

/* ---- Memory ---- */

/* Whole pages of the host within [@gpa, + @len) of plain memory go back to it. */
static void vbal_discard(VirtioDevice *v, GuestPhys gpa, uint64_t len)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    AddressSpace *as = machine_memory(v->dev.machine);

    while (len) {
        AspaceReader reader = aspace_enter(as);
        const FlatRange *f = aspace_lookup(as, gpa);
        uint64_t n = 0;

        if (f && f->kind == FLAT_RAM) {
            uint64_t at = f->offset + (gpa - f->start), from = bits_align_up(at, page), to;

            n = min_u64(len, f->len - (gpa - f->start));
            to = (at + n) & ~(page - 1);
            if (to > from) {
                ram_discard(f->ram, from, to - from);
            }
        }
        aspace_leave(reader);
        if (!n) {
            guest_error(&v->dev, "gives back 0x%" PRIx64 ", where no memory is", gpa);
            return;
        }
        gpa += n;
        len -= n;
    }
}

/* Numbers of pages, 32 bits each; runs of them are given back at once. */
static void vbal_inflate(VirtioDevice *v)
{
    VirtElem *e;

    while ((e = virtq_pop(v, Q_INFLATE)) != NULL) {
        uint64_t from = 0, to = 0;

        for (uint64_t at = 0; at + 4 <= e->out_bytes; at += 4) {
            uint8_t b[4];
            uint64_t page;

            virtq_read(e, at, b, 4);
            page = get_le32(b);
            if (to > from && page == to) {
                to++;
                continue;
            }
            vbal_discard(v, from * BALLOON_PAGE, (to - from) * BALLOON_PAGE);
            from = page;
            to = page + 1;
        }
        vbal_discard(v, from * BALLOON_PAGE, (to - from) * BALLOON_PAGE);
        virtq_push(v, e, 0);
    }
    virtq_notify(v, Q_INFLATE);
}

/* Memory comes back by being touched. */
static void vbal_deflate(VirtioDevice *v)
{
    VirtElem *e;

    while ((e = virtq_pop(v, Q_DEFLATE)) != NULL) {
        virtq_push(v, e, 0);
    }
    virtq_notify(v, Q_DEFLATE);
}

/* Pages that come back are zero, so those of a guest that expects its poison there stay. */
static void vbal_discard_buffers(VirtioDevice *v, const VirtElem *e)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (virtio_has(v, BIT(BALLOON_F_PAGE_POISON)) && vbal_of(v)->poison) {
        return;
    }
    for (uint32_t i = 0; i < e->n_in; i++) {
        const VirtSegment *seg = &e->seg[e->n_out + i];
        uint64_t from = bits_align_up(seg->offset, page),
                 to = (seg->offset + seg->len) & ~(page - 1);

        if (to > from) {
            ram_discard(seg->ram, from, to - from);
        }
    }
}

/* "5.5.6.7 Free Page Reporting": the buffers themselves are what is free. */
static void vbal_report(VirtioDevice *v, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        vbal_discard_buffers(v, e);
        virtq_push(v, e, 0);
    }
    virtq_notify(v, q);
}

/*
 * "5.5.6.5 Free Page Hinting": the number of the round, then buffers that are free until it is
 * done, then HINT_STOP. Pages of a round that is over are the guest's.
 */
static void vbal_hint(VirtioDevice *v, unsigned q)
{
    VirtioBalloon *s = vbal_of(v);
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        uint8_t b[4];

        if (virtq_read(e, 0, b, sizeof(b)) == sizeof(b)) {
            s->hinted |= s->hinting && get_le32(b) == HINT_STOP;
            s->hinting = get_le32(b) == s->hint_cmd && s->hint_cmd >= HINT_FIRST;
        }
        if (s->hinting) {
            vbal_discard_buffers(v, e);
        }
        virtq_push(v, e, 0);
    }
    virtq_notify(v, q);
}

/* A driver counts the queues of what it has taken alone. */
static void vbal_more(VirtioDevice *v, unsigned q)
{
    if (virtio_has(v, BIT(BALLOON_F_FREE_PAGE_HINT)) && q == Q_MORE) {
        vbal_hint(v, q);
    } else if (virtio_has(v, BIT(BALLOON_F_REPORTING))) {
        vbal_report(v, q);
    }
}

/* ---- Statistics ---- */

static void vbal_take_stats(VirtioDevice *v)
{
    VirtioBalloon *s = vbal_of(v);
    VirtElem *e = virtq_pop(v, Q_STATS);

    if (!e) {
        return;
    }
    for (uint64_t at = 0; at + BALLOON_STAT <= e->out_bytes; at += BALLOON_STAT) {
        uint8_t b[BALLOON_STAT];
        uint16_t tag;

        virtq_read(e, at, b, sizeof(b));
        tag = get_le16(b);
        if (tag < BALLOON_STATS) {
            s->stats[tag] = get_le64(b + 2);
        }
    }
    s->stats_there = 1;
    s->stats_at_s = clock_now_ns(v->dev.machine, CLOCK_RTC) / NS_PER_S;
    /* The driver sends new ones as soon as it has its buffer again: it has it when they are asked
     * for next ("5.5.6.3 Memory Statistics"). */
    virtq_unpop(v, e);
}

static void vbal_notify(VirtioDevice *v, unsigned q)
{
    if (q == Q_INFLATE) {
        vbal_inflate(v);
    } else if (q == Q_DEFLATE) {
        vbal_deflate(v);
    } else if (q == Q_STATS) {
        vbal_take_stats(v);
    } else {
        vbal_more(v, q);
    }
}

/* ---- For the monitor ---- */

static VirtioBalloon *vbal_find(Machine *m)
{
    Device *root = machine_root(m);

    for (Device *d = root; d; d = device_next(root, d)) {
        if (d->type == &device_virtio_balloon && d->started) {
            return vbal_of(virtio_of(d));
        }
    }
    return NULL;
}

/* The driver gets its buffer back, and sends new ones in it. Under the transport's lock. */
static void vbal_ask_stats(VirtioBalloon *s)
{
    VirtElem *e =
        virtio_is_running(&s->v) && s->v.vq[Q_STATS].ready ? virtq_pop(&s->v, Q_STATS) : NULL;

    if (e) {
        virtq_push(&s->v, e, 0);
        virtq_notify(&s->v, Q_STATS);
    }
}

static void vbal_poll(void *opaque)
{
    VirtioBalloon *s = opaque;

    virtio_enter(&s->v);
    vbal_ask_stats(s);
    virtio_leave(&s->v);
    timer_arm_in(&s->poll, s->poll_s * NS_PER_S);
}

bool balloon_get(Machine *m, BalloonInfo *info)
{
    VirtioBalloon *s = vbal_find(m);

    if (!s) {
        return false;
    }
    virtio_enter(&s->v);
    info->taken = (uint64_t)s->actual * BALLOON_PAGE;
    info->stats_there = s->stats_there;
    info->stats_at_s = s->stats_at_s;
    info->poll_s = s->poll_s;
    memcpy(info->stats, s->stats, sizeof(info->stats));
    vbal_ask_stats(s); /* for who asks again */
    virtio_leave(&s->v);
    return true;
}

bool balloon_set_polling(Machine *m, uint32_t seconds)
{
    VirtioBalloon *s = vbal_find(m);

    if (!s) {
        return false;
    }
    s->poll_s = seconds;
    if (seconds) {
        timer_arm_in(&s->poll, seconds * NS_PER_S);
    } else {
        timer_cancel(&s->poll);
    }
    return true;
}

bool balloon_set(Machine *m, uint64_t bytes)
{
    VirtioBalloon *s = vbal_find(m);

    if (!s) {
        return false;
    }
    virtio_enter(&s->v);
    s->num_pages = (uint32_t)min_u64(bytes / BALLOON_PAGE, UINT32_MAX);
    virtio_config_changed(&s->v);
    virtio_leave(&s->v);
    return true;
}

bool balloon_hint(Machine *m, bool begin)
{
    VirtioBalloon *s = vbal_find(m);
    bool can;

    if (!s) {
        return false;
    }
    virtio_enter(&s->v);
    can = virtio_is_running(&s->v) && virtio_has(&s->v, BIT(BALLOON_F_FREE_PAGE_HINT));
    if (can && begin) {
        s->hint_cmd = HINT_FIRST | s->hint_round++;
        s->hinting = s->hinted = 0;
        virtio_config_changed(&s->v);
    } else if (can && s->hint_cmd >= HINT_FIRST) {
        s->hint_cmd = HINT_DONE;
        s->hinting = 0;
        virtio_config_changed(&s->v);
    }
    virtio_leave(&s->v);
    return can;
}

bool balloon_hint_is_done(Machine *m)
{
    VirtioBalloon *s = vbal_find(m);
    bool done;

    if (!s) {
        return true;
    }
    virtio_enter(&s->v);
    done = s->hinted || !virtio_is_running(&s->v);
    virtio_leave(&s->v);
    return done;
}

/* ---- Life ---- */

static void vbal_forget(VirtioDevice *v)
{
    VirtioBalloon *s = vbal_of(v);

    s->actual = 0;
    s->stats_there = 0;
    s->stats_at_s = 0;
    s->poison = 0;
    s->hint_cmd = HINT_STOP;
    s->hinting = s->hinted = 0;
    memset(s->stats, 0xff, sizeof(s->stats));
}

static void vbal_dev_reset(Device *dev, ResetType type)
{
    vbal_forget(virtio_of(dev));
}

static bool vbal_start(Device *dev, GError **err)
{
    VirtioBalloon *s = vbal_of(virtio_of(dev));

    if (vbal_find(dev->machine)) {
        return error_set(err, "only one balloon device is supported");
    }
    virtio_add_queue(&s->v, BALLOON_QUEUE);
    virtio_add_queue(&s->v, BALLOON_QUEUE);
    virtio_add_queue(&s->v, BALLOON_QUEUE);
    for (int n = s->hint + s->reporting; n > 0; n--) {
        virtio_add_queue(&s->v, BALLOON_MORE_QUEUE);
    }
    if (s->iothread) {
        device_warn(dev, "iothread= has no effect: hints are taken on the CPU that gives them");
    }
    if (!virtio_plug(&s->v, err)) {
        return false;
    }
    timer_init(&s->poll, dev->machine, CLOCK_MACHINE, vbal_poll, s);
    return true;
}

static void vbal_stop(Device *dev)
{
    timer_deinit(&vbal_of(virtio_of(dev))->poll);
}

static const VirtioType vbal_type = {
    .id = 5,
    .features = vbal_features,
    .config_size = BALLOON_CONFIG,
    .config_read = vbal_config_read,
    .config_wrote = vbal_config_wrote,
    .notify = vbal_notify,
    .reset = vbal_forget,
};

static const Field vbal_fields[] = {
    { "deflate-on-oom", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBalloon, deflate_on_oom, 1), .def = 1,
      .doc = "the guest takes memory back where it has none" },
    { "free-page-reporting", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBalloon, reporting, 1), .def = 1,
      .doc = "the guest tells which pages it does not use" },
    { "page-poison", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBalloon, page_poison, 1), .def = 1,
      .doc = "the guest tells what it fills free pages with" },
    { "free-page-hint", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioBalloon, hint, 1), .def = 1,
      .doc = "before a state is written the guest tells which pages it does not use" },
    PROP_BACKEND(VirtioBalloon, iothread, "iothread", .doc = "no effect, and a warning"),
    SCRATCH(VirtioBalloon, poll),
    SCRATCH(VirtioBalloon, poll_s),
    STATE_U32(VirtioBalloon, num_pages, .keep_warm = true),
    STATE_U32(VirtioBalloon, actual, .no_reset = true),
    STATE_ARRAY(VirtioBalloon, stats, .no_reset = true),
    STATE_U8(VirtioBalloon, stats_there, .max = 1, .no_reset = true),
    { "stats_at_s", FIELD_STATE, TYPE_U64, FIELD_AT(VirtioBalloon, stats_at_s, 8),
      .no_reset = true },
    STATE_U32(VirtioBalloon, poison, .no_reset = true),
    STATE_U32(VirtioBalloon, hint_cmd, .no_reset = true, .optional = true),
    STATE_U32(VirtioBalloon, hint_round, .no_reset = true, .optional = true),
    STATE_U8(VirtioBalloon, hinting, .max = 1, .no_reset = true, .optional = true),
    STATE_U8(VirtioBalloon, hinted, .max = 1, .no_reset = true, .optional = true),
};

const DeviceType device_virtio_balloon = {
    .name = "virtio-balloon-device",
    .doc = "virtio memory balloon",
    .base = &device_virtio,
    .size = sizeof(VirtioBalloon),
    .fields = TABLE(vbal_fields),
    .user_creatable = true,
    .start = vbal_start,
    .stop = vbal_stop,
    .reset = vbal_dev_reset,
    .extra = &vbal_type,
};
