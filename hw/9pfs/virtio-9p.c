/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-9p: carries messages of 9P between the driver and a shared folder of the host.
 * Spec: VIRTIO 1.2, "5" reserves the device's number 9; the driver of Linux mounts by the tag in
 * its configuration and has one queue of requests.
 */
#include "fsdev/fsdev.h"
#include "hw/virtio/virtqueue.h"
#include "util/bytes.h"

#include <inttypes.h>

enum { V9P_QUEUE_SIZE = 128, V9P_TAG_MAX = 32, V9P_FILES_MAX = 64 << 20 };

#define F_MOUNT_TAG BIT(0)

typedef struct Virtio9p {
    VirtioDevice v;
    FsDev *fsdev;
    char *mount_tag;
    FsSession *session;
    /* In a saved state: what the driver has open. */
    uint8_t *files;
    uint32_t files_len;
} Virtio9p;

typedef struct V9pRequest {
    Virtio9p *s;
    VirtElem *e;
} V9pRequest;

#define v9p_of(v_) device_as((v_), Virtio9p)

static void v9p_done(void *opaque, uint32_t answer)
{
    V9pRequest *r = opaque;
    Virtio9p *s = r->s;

    virtio_enter(&s->v);
    if (r->e->lifetime != s->v.lifetime) {
        virtq_drop(r->e);
    } else if (!answer) {
        virtio_error(&s->v, "a message of %" PRIu64 " bytes with room for %" PRIu64,
                     r->e->out_bytes, r->e->in_bytes);
        virtq_drop(r->e);
    } else {
        virtq_wrote(r->e, 0, answer);
        virtq_push(&s->v, r->e, answer);
        virtq_notify(&s->v, 0);
    }
    virtio_leave(&s->v);
    g_free(r);
}

static void v9p_notify(VirtioDevice *v, unsigned q)
{
    struct iovec out[VIRTQ_SEGMENTS_MAX], in[VIRTQ_SEGMENTS_MAX];
    Virtio9p *s = v9p_of(v);
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        V9pRequest *r = g_new(V9pRequest, 1);
        unsigned n_out = virtq_iov(e, false, 0, e->out_bytes, out);
        unsigned n_in = virtq_iov(e, true, 0, e->in_bytes, in);

        *r = (V9pRequest){ s, e };
        fs_session_request(s->session, out, n_out, in, n_in, v9p_done, r);
    }
}

static uint64_t v9p_features(VirtioDevice *v)
{
    return F_MOUNT_TAG;
}

static void v9p_config_read(VirtioDevice *v, uint8_t *config)
{
    const char *tag = v9p_of(v)->mount_tag;

    put_le16(config, (uint16_t)strlen(tag));
    memcpy(config + 2, tag, strlen(tag));
}

static void v9p_reset(VirtioDevice *v)
{
    Virtio9p *s = v9p_of(v);

    if (s->session) {
        fs_session_wait(s->session);
        fs_session_reset(s->session);
    }
}

static void v9p_drain(VirtioDevice *v)
{
    fs_session_drain(v9p_of(v)->session);
}

static void v9p_saving(Device *dev)
{
    Virtio9p *s = v9p_of(dev);
    GBytes *files;
    size_t len;

    virtio_drain(&s->v);
    files = fs_session_save(s->session);
    len = g_bytes_get_size(files);
    g_free(s->files);
    s->files = len <= V9P_FILES_MAX ? g_memdup2(g_bytes_get_data(files, NULL), len) : NULL;
    s->files_len = s->files ? (uint32_t)len : 0;
    g_bytes_unref(files);
}

static bool v9p_loaded(Device *dev, GError **err)
{
    Virtio9p *s = v9p_of(dev);

    return fs_session_load(s->session, s->files, s->files_len, err);
}

static const VirtioType v9p_type = {
    .id = 9,
    .features = v9p_features,
    .config_size = 2 + V9P_TAG_MAX,
    .config_read = v9p_config_read,
    .notify = v9p_notify,
    .reset = v9p_reset,
    .drain = v9p_drain,
};

static bool v9p_start(Device *dev, GError **err)
{
    Virtio9p *s = v9p_of(dev);

    if (!s->mount_tag || !*s->mount_tag || strlen(s->mount_tag) > V9P_TAG_MAX) {
        return error_set(err, "mount_tag=: must be given, %d characters at most", V9P_TAG_MAX);
    }
    virtio_add_queue(&s->v, V9P_QUEUE_SIZE);
    if (!virtio_plug(&s->v, err)) {
        return false;
    }
    s->session = fs_session_new(dev->machine, s->fsdev);
    return true;
}

static void v9p_stop(Device *dev)
{
    Virtio9p *s = v9p_of(dev);

    if (s->session) {
        s->v.lifetime++; /* what ends now is dropped */
        s->v.draining = true;
        fs_session_free(s->session);
        s->session = NULL;
    }
}

static const Field v9p_fields[] = {
    PROP_BACKEND(Virtio9p, fsdev, "fsdev", .required = true, .doc = "the folder: id of a -fsdev"),
    PROP_STR(Virtio9p, mount_tag, NULL, .doc = "what the guest mounts it by"),
    STATE_BYTES(Virtio9p, files, files_len, V9P_FILES_MAX),
    SCRATCH(Virtio9p, session),
};

const DeviceType device_virtio_9p = {
    .name = "virtio-9p-device",
    .doc = "virtio 9P transport of a shared folder",
    .base = &device_virtio,
    .size = sizeof(Virtio9p),
    .fields = TABLE(v9p_fields),
    .user_creatable = true,
    .start = v9p_start,
    .stop = v9p_stop,
    .saving = v9p_saving,
    .loaded = v9p_loaded,
    .extra = &v9p_type,
};
