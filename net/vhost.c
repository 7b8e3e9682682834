/* SPDX-License-Identifier: Apache-2.0 */
/* Interface: linux/vhost.h, /dev/vhost-net. */
#include "net/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VHOST_DEVICE "/dev/vhost-net"

#define VHOST_BIT(n) (1ull << (n))
/* What the form of rings and frames depends on. */
#define VHOST_KNOWN                                                                \
    (VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) | \
     VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VIRTIO_NET_F_MRG_RXBUF))

enum { VHOST_REGIONS_MAX = 64 }; /* the kernel's default limit (max_mem_regions) */

struct Vhost {
    int fd;
    VhostIoctl *call;
    void *opaque;
    uint64_t features; /* all that the kernel has */
    bool on;           /* atomic */
};

static int vhost_kernel(void *opaque, int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

static bool vhost_do(Vhost *v, unsigned long request, void *arg, const char *name, GError **err)
{
    return !v->call(v->opaque, v->fd, request, arg) ||
           error_set(err, VHOST_DEVICE ": %s: %s", name, g_strerror(errno));
}

Vhost *vhost_open(int take_fd, VhostIoctl *call, void *opaque, GError **err)
{
    Vhost *v;
    int fd = take_fd >= 0 ? take_fd : open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        bool absent = errno == ENOENT || errno == ENODEV || errno == ENXIO;
        bool forbidden = errno == EACCES || errno == EPERM;

        error_set(err, VHOST_DEVICE ": %s%s", g_strerror(errno),
                  absent      ? "; root loads the kernel's module with: modprobe vhost_net"
                  : forbidden ? "; root allows it with: setfacl -m u:$USER:rw " VHOST_DEVICE
                              : "");
        return NULL;
    }
    v = g_new0(Vhost, 1);
    v->fd = fd;
    v->call = call ? call : vhost_kernel;
    v->opaque = opaque;
    if (!vhost_do(v, VHOST_SET_OWNER, NULL, "VHOST_SET_OWNER", err) ||
        !vhost_do(v, VHOST_GET_FEATURES, &v->features, "VHOST_GET_FEATURES", err)) {
        vhost_close(v);
        return NULL;
    }
    if (!(v->features & VHOST_BIT(VHOST_F_LOG_ALL))) {
        error_set(err, VHOST_DEVICE ": this kernel's cannot tell what memory it has written");
        vhost_close(v);
        return NULL;
    }
    return v;
}

void vhost_close(Vhost *v)
{
    uint16_t base[2];

    vhost_stop(v, base);
    close(v->fd);
    g_free(v);
}

uint64_t vhost_features(const Vhost *v)
{
    return v->features & VHOST_KNOWN;
}

bool vhost_is_on(const Vhost *v)
{
    return __atomic_load_n(&v->on, __ATOMIC_ACQUIRE);
}

/* What it writes is logged from the first byte: before that, features may not ask for it. */
static bool vhost_set_memory(Vhost *v, const NetHandover *h, GError **err)
{
    g_autofree struct vhost_memory *m =
        g_malloc0(sizeof(*m) + h->n_ram * sizeof(struct vhost_memory_region));
    uint64_t log = (uintptr_t)h->log;
    uint64_t features = (h->features & VHOST_KNOWN) | VHOST_BIT(VHOST_F_LOG_ALL);

    if (h->n_ram > VHOST_REGIONS_MAX) {
        return error_set(err, VHOST_DEVICE ": memory in %u pieces: %d at most", h->n_ram,
                         VHOST_REGIONS_MAX);
    }
    m->nregions = h->n_ram;
    for (unsigned i = 0; i < h->n_ram; i++) {
        m->regions[i] = (struct vhost_memory_region){ .guest_phys_addr = h->ram[i].gpa,
                                                      .memory_size = h->ram[i].len,
                                                      .userspace_addr = (uintptr_t)h->ram[i].host };
    }
    return vhost_do(v, VHOST_SET_MEM_TABLE, m, "VHOST_SET_MEM_TABLE", err) &&
           vhost_do(v, VHOST_SET_LOG_BASE, &log, "VHOST_SET_LOG_BASE", err) &&
           vhost_do(v, VHOST_SET_FEATURES, &features, "VHOST_SET_FEATURES", err);
}

static bool vhost_set_ring(Vhost *v, unsigned i, const NetRing *r, GError **err)
{
    struct vhost_vring_state num = { i, r->num }, base = { i, r->base };
    struct vhost_vring_file kick = { i, r->kick }, call = { i, r->call };
    struct vhost_vring_addr addr = { .index = i,
                                     .flags = 1 << VHOST_VRING_F_LOG,
                                     .desc_user_addr = (uintptr_t)r->desc,
                                     .used_user_addr = (uintptr_t)r->used,
                                     .avail_user_addr = (uintptr_t)r->avail,
                                     .log_guest_addr = r->used_gpa };

    return vhost_do(v, VHOST_SET_VRING_NUM, &num, "VHOST_SET_VRING_NUM", err) &&
           vhost_do(v, VHOST_SET_VRING_BASE, &base, "VHOST_SET_VRING_BASE", err) &&
           vhost_do(v, VHOST_SET_VRING_ADDR, &addr, "VHOST_SET_VRING_ADDR", err) &&
           vhost_do(v, VHOST_SET_VRING_KICK, &kick, "VHOST_SET_VRING_KICK", err) &&
           vhost_do(v, VHOST_SET_VRING_CALL, &call, "VHOST_SET_VRING_CALL", err);
}

static bool vhost_bind(Vhost *v, int tap, GError **err)
{
    for (unsigned i = 0; i < 2; i++) {
        struct vhost_vring_file f = { i, tap };

        if (!vhost_do(v, VHOST_NET_SET_BACKEND, &f, "VHOST_NET_SET_BACKEND", err)) {
            return false;
        }
    }
    return true;
}

bool vhost_start(Vhost *v, int tap, const NetHandover *h, GError **err)
{
    if (!vhost_set_memory(v, h, err) || !vhost_set_ring(v, 0, &h->ring[0], err) ||
        !vhost_set_ring(v, 1, &h->ring[1], err)) {
        return false;
    }
    if (!vhost_bind(v, tap, err)) {
        (void)vhost_bind(v, -1, NULL);
        return false;
    }
    __atomic_store_n(&v->on, true, __ATOMIC_RELEASE);
    return true;
}

void vhost_stop(Vhost *v, uint16_t base[2])
{
    if (!vhost_is_on(v)) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) { /* returns when the kernel is out of the ring */
        struct vhost_vring_file f = { i, -1 };
        struct vhost_vring_state s = { i, 0 };

        (void)vhost_do(v, VHOST_NET_SET_BACKEND, &f, "VHOST_NET_SET_BACKEND", NULL);
        (void)vhost_do(v, VHOST_GET_VRING_BASE, &s, "VHOST_GET_VRING_BASE", NULL);
        base[i] = (uint16_t)s.num;
    }
    __atomic_store_n(&v->on, false, __ATOMIC_RELEASE);
}
