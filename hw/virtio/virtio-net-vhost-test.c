/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio-net whose rings a kernel of the test's serves, and the host's own where it has one.
 */
#include "core/event/loop.h"
#include "core/machine.h"
#include "hw/virtio/virtqueue.h"
#include "net/net-priv.h"
#include "net/vhost.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <errno.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

extern const DeviceType device_virtio_mmio, device_virtio_net;

enum {
    MMIO = 0x10000000,
    RAM = 0x40000000,
    RAM_BYTES = 1 << 20,
    QUEUE = 8,
    RING = 0x2000, /* from one queue's to the next's */
    AVAIL = 16 * QUEUE,
    USED = 0x1000,
    DATA = RAM + 0x10000,
    HEADER = 12,
    LEN = HEADER + 60,
    RX = 0,
    TX = 1,
    MAX_GAP = 4096,
};

/* The kernel's side. */
typedef struct Fake {
    uint64_t features, taken, log;
    struct vhost_memory_region ram;
    struct vhost_vring_state num[2], base[2];
    struct vhost_vring_addr addr[2];
    int kick[2], call[2], backend[2];
    bool owned;
    unsigned sent, lengths;
    const char *refuses;
} Fake;

typedef struct Net {
    Machine *m;
    Device *dev;
    RamBlock *ram;
    NetBackend *b;
    int peer;
    Fake fake;
} Net;

static int fake_ioctl(void *opaque, int fd, unsigned long request, void *arg)
{
    Fake *k = opaque;
    struct vhost_vring_file *f = arg;
    struct vhost_vring_state *s = arg;

    switch (request) {
    case VHOST_SET_OWNER:
        k->owned = true;
        return 0;
    case VHOST_GET_FEATURES:
        *(uint64_t *)arg = k->features;
        return 0;
    case VHOST_SET_FEATURES:
        CHECK(k->log); /* or it may not be asked for the log */
        k->taken = *(uint64_t *)arg;
        return 0;
    case VHOST_SET_MEM_TABLE:
        CHECK(((struct vhost_memory *)arg)->nregions == 1);
        k->ram = ((struct vhost_memory *)arg)->regions[0];
        return 0;
    case VHOST_SET_LOG_BASE:
        k->log = *(uint64_t *)arg;
        return 0;
    case VHOST_SET_VRING_NUM:
        k->num[s->index] = *s;
        return 0;
    case VHOST_SET_VRING_BASE:
        k->base[s->index] = *s;
        return 0;
    case VHOST_GET_VRING_BASE:
        s->num = k->base[s->index].num;
        return 0;
    case VHOST_SET_VRING_ADDR:
        k->addr[s->index] = *(struct vhost_vring_addr *)arg;
        return 0;
    case VHOST_SET_VRING_KICK:
        k->kick[f->index] = f->fd;
        return 0;
    case VHOST_SET_VRING_CALL:
        k->call[f->index] = f->fd;
        return 0;
    case VHOST_NET_SET_BACKEND:
        if (k->refuses && f->fd >= 0) {
            errno = EINVAL;
            return -1;
        }
        k->backend[f->index] = f->fd;
        return 0;
    default:
        errno = ENOTTY;
        return -1;
    }
}

static bool fake_runs(const Fake *k)
{
    return k->backend[RX] >= 0 && k->backend[TX] >= 0;
}

static uint8_t *fake_host(const Fake *k, uint64_t gpa)
{
    CHECK(gpa >= k->ram.guest_phys_addr && gpa - k->ram.guest_phys_addr < k->ram.memory_size);
    return (uint8_t *)(uintptr_t)k->ram.userspace_addr + (gpa - k->ram.guest_phys_addr);
}

static void fake_log(const Fake *k, uint64_t gpa)
{
    uint8_t *log = (uint8_t *)(uintptr_t)k->log; // NOLINT: the kernel gets it as a number

    log[gpa / 4096 / 8] |= (uint8_t)(1 << gpa / 4096 % 8);
}

/* One buffer of a ring as far as there is one; the frame is filled with @byte where it receives. */
static void fake_serve(Fake *k, unsigned q, uint8_t byte)
{
    uint8_t *avail = (uint8_t *)(uintptr_t)k->addr[q].avail_user_addr;
    uint8_t *used = (uint8_t *)(uintptr_t)k->addr[q].used_user_addr;
    uint8_t *desc = (uint8_t *)(uintptr_t)k->addr[q].desc_user_addr;
    uint64_t one = 1;
    uint16_t at = (uint16_t)k->base[q].num, idx = get_le16(used + 2);
    unsigned head;

    put_le16(used, 1); /* it needs not be told now */
    if (get_le16(avail + 2) == at) {
        return;
    }
    head = get_le16(avail + 4 + 2 * (at % k->num[q].num));
    desc += 16 * head;
    if (q == RX) {
        memset(fake_host(k, get_le64(desc)), byte, LEN);
        fake_log(k, get_le64(desc));
    } else {
        k->sent++;
        k->lengths += get_le32(desc + 8);
    }
    put_le32(used + 4 + 8 * (idx % k->num[q].num), head);
    put_le32(used + 8 + 8 * (idx % k->num[q].num), q == RX ? LEN : 0);
    put_le16(used + 2, (uint16_t)(idx + 1));
    fake_log(k, k->addr[q].log_guest_addr);
    k->base[q].num = (uint16_t)(at + 1);
    CHECK(write(k->call[q], &one, sizeof(one)) == sizeof(one));
}

static bool fake_was_kicked(const Fake *k, unsigned q)
{
    uint64_t n;

    return read(k->kick[q], &n, sizeof(n)) == sizeof(n);
}

/* ---- The driver ---- */

static void vn_out(Net *n, unsigned reg, uint32_t val)
{
    aspace_store(machine_memory(n->m), MMIO + reg, 4, val, (MemAttrs){ 0 });
}

static uint32_t vn_in(Net *n, unsigned reg)
{
    uint64_t val = 0;

    aspace_load(machine_memory(n->m), MMIO + reg, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static uint8_t *vn_ring(Net *n, unsigned q)
{
    return n->ram->host + q * RING;
}

/* Buffer @i of queue @q. */
static void vn_offer(Net *n, unsigned q, unsigned i)
{
    uint8_t *ring = vn_ring(n, q), *desc = ring + 16 * i;
    uint16_t idx = get_le16(ring + AVAIL + 2);

    put_le64(desc, DATA + (q * QUEUE + i) * MAX_GAP);
    put_le32(desc + 8, q == RX ? MAX_GAP : LEN);
    put_le16(desc + 12, q == RX ? 2 : 0);
    put_le16(ring + AVAIL + 4 + 2 * (idx % QUEUE), (uint16_t)i);
    put_le16(ring + AVAIL + 2, (uint16_t)(idx + 1));
    vn_out(n, 0x50, q);
}

static unsigned vn_used(Net *n, unsigned q)
{
    return get_le16(vn_ring(n, q) + USED + 2);
}

static void vn_drive(Net *n)
{
    static const uint8_t steps[] = { 0, 1, 3 };

    for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
        vn_out(n, 0x70, steps[i]);
    }
    vn_out(n, 0x24, 1);
    vn_out(n, 0x20, 1); /* VIRTIO_F_VERSION_1 */
    vn_out(n, 0x24, 0);
    vn_out(n, 0x20, 1 << 15 | 1 << 5);
    vn_out(n, 0x70, 11);
    memset(n->ram->host, 0, (size_t)2 * RING);
    for (unsigned q = 0; q < 2; q++) {
        vn_out(n, 0x30, q);
        vn_out(n, 0x38, QUEUE);
        vn_out(n, 0x80, RAM + q * RING);
        vn_out(n, 0x90, RAM + q * RING + AVAIL);
        vn_out(n, 0xa0, RAM + q * RING + USED);
        vn_out(n, 0x44, 1);
    }
    vn_out(n, 0x70, 15);
}

static void vn_loop(Net *n)
{
    while (loop_iterate(n->m, false)) {
    }
}

static void vn_begin(Net *n, GError **err)
{
    g_autofree char *text = NULL;
    Device *bus;
    Options o;
    int pair[2];

    *n = (Net){ .fake = { .features = 1ull << VHOST_F_LOG_ALL | 1ull << 32 | 1ull << 15,
                          .backend = { -1, -1 } } };
    CHECK(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    n->peer = pair[1];
    n->m = machine_new(err);
    CHECK(n->m);
    n->ram = ram_new(n->m, "ram", RAM_BYTES, RAM_MAIN, err);
    CHECK(n->ram);
    region_add(machine_memory_root(n->m), region_new_ram(n->m, "ram", n->ram, 0, RAM_BYTES), RAM,
               0);
    text = g_strdup_printf("tap,fd=%d", pair[0]);
    CHECK(options_parse(&o, text, "type", err));
    n->b = net_open(n->m, "n", &o, err);
    options_deinit(&o);
    CHECK(n->b);
    net_tap_take_vhost(n->b, 0, vhost_open(dup(pair[1]), fake_ioctl, &n->fake, err));
    bus = device_make(n->m, &device_virtio_mmio, NULL, "bus0");
    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, err));
    device_map(bus, 0, machine_memory_root(n->m), MMIO);
    n->dev = device_make(n->m, &device_virtio_net, NULL, "net");
    device_set_backend(n->dev, "netdev", n->b);
    CHECK(device_realize(n->dev, err));
    machine_reset(n->m, RESET_COLD, CAUSE_NONE);
}

static void vn_end(Net *n)
{
    vn_out(n, 0x70, 0);
    EXPECT(!fake_runs(&n->fake));
    vn_drive(n);
    vn_offer(n, TX, 0);
    net_close(n->b); /* before its card, as at the end of a machine */
    EXPECT(!fake_runs(&n->fake));
    machine_free(n->m);
    net_free(n->b);
    close(n->peer);
}

/* ---- Tests ---- */

TEST(vhost, kernel_serves_the_rings)
{
    g_autoptr(GError) err = NULL;
    Net n;

    vn_begin(&n, &err);
    EXPECT(n.fake.owned);
    vn_drive(&n);
    EXPECT(!fake_runs(&n.fake));
    vn_offer(&n, RX, 3);
    EXPECT(fake_runs(&n.fake));
    EXPECT_EQ(n.fake.taken, n.fake.features);
    EXPECT_EQ(n.fake.ram.guest_phys_addr, RAM);
    EXPECT_EQ(n.fake.num[TX].num, QUEUE);
    EXPECT(fake_was_kicked(&n.fake, RX) && fake_was_kicked(&n.fake, TX));
    /* Out: the kernel has it, and interrupts. */
    vn_offer(&n, TX, 0);
    EXPECT(fake_was_kicked(&n.fake, TX) && !fake_was_kicked(&n.fake, RX));
    fake_serve(&n.fake, TX, 0);
    EXPECT_EQ(n.fake.sent, 1);
    EXPECT_EQ(n.fake.lengths, LEN);
    EXPECT_EQ(vn_in(&n, 0x60), 0);
    vn_loop(&n);
    EXPECT_EQ(vn_in(&n, 0x60), 1);
    vn_out(&n, 0x64, 1);
    /* In: what it has written is known to who follows memory. */
    ram_log_start(n.ram, DIRTY_MIGRATION);
    ram_dirty_clear(n.ram, DIRTY_MIGRATION, 0, RAM_BYTES);
    fake_serve(&n.fake, RX, 0x5a);
    EXPECT(!ram_dirty_test(n.ram, DIRTY_MIGRATION, DATA - RAM + 3 * MAX_GAP, MAX_GAP));
    EXPECT(ram_log_sync(n.ram));
    EXPECT(ram_dirty_test(n.ram, DIRTY_MIGRATION, DATA - RAM + 3 * MAX_GAP, MAX_GAP));
    EXPECT(ram_dirty_test(n.ram, DIRTY_MIGRATION, USED, 1));
    EXPECT(!ram_dirty_test(n.ram, DIRTY_MIGRATION, DATA - RAM, MAX_GAP));
    ram_log_stop(n.ram, DIRTY_MIGRATION);
    EXPECT_EQ(n.ram->host[DATA - RAM + 3 * MAX_GAP], 0x5a);
    vn_loop(&n);
    EXPECT_EQ(vn_in(&n, 0x60), 1);
    /* A reset takes everything back. */
    vn_out(&n, 0x70, 0);
    EXPECT(!fake_runs(&n.fake));
    vn_drive(&n);
    vn_offer(&n, TX, 0);
    EXPECT(fake_runs(&n.fake));
    EXPECT_EQ(n.fake.base[TX].num, 0);
    vn_end(&n);
}

/* What has to be saved comes back from the kernel, and what it has not sent yet is sent here. */
TEST(vhost, rings_come_back)
{
    g_autoptr(GError) err = NULL;
    uint8_t frame[2048];
    VirtioDevice *v;
    Net n;

    vn_begin(&n, &err);
    v = virtio_of(n.dev);
    vn_drive(&n);
    vn_offer(&n, RX, 0);
    vn_offer(&n, TX, 0);
    fake_serve(&n.fake, TX, 0);
    vn_offer(&n, TX, 1);
    EXPECT_EQ(v->vq[TX].last_avail, 0);
    EXPECT_EQ(recv(n.peer, frame, sizeof(frame), 0), -1);
    virtio_drain(v);
    EXPECT(!fake_runs(&n.fake));
    EXPECT_EQ(v->vq[TX].last_avail, 2);
    EXPECT_EQ(v->vq[TX].used_idx, 2);
    EXPECT_EQ(vn_used(&n, TX), 2);
    EXPECT_EQ(get_le16(vn_ring(&n, TX) + USED), 0); /* to be told of more */
    EXPECT_EQ(v->vq[RX].last_avail, 0);
    vn_loop(&n);
    EXPECT_EQ(recv(n.peer, frame, sizeof(frame), 0), LEN - HEADER);
    /* Received here, too. */
    memset(frame, 0xff, 6);
    EXPECT_EQ(send(n.peer, frame, 60, 0), 60);
    vn_loop(&n);
    EXPECT_EQ(vn_used(&n, RX), 1);
    /* And on from there in the kernel. */
    vn_offer(&n, TX, 2);
    EXPECT(fake_runs(&n.fake));
    EXPECT_EQ(n.fake.base[TX].num, 2);
    EXPECT_EQ(n.fake.base[RX].num, 1);
    /* Without a link nothing passes; then again. */
    net_set_link(n.b, false);
    EXPECT(!fake_runs(&n.fake));
    net_set_link(n.b, true);
    vn_offer(&n, TX, 3);
    EXPECT(fake_runs(&n.fake));
    vn_end(&n);
}

TEST(vhost, stays_here_where_it_must)
{
    g_autoptr(GError) err = NULL;
    uint8_t frame[2048];
    Options o;
    Net n;

    vn_begin(&n, &err);
    n.fake.refuses = "the device";
    vn_drive(&n);
    vn_offer(&n, TX, 0);
    EXPECT(!fake_runs(&n.fake));
    vn_loop(&n);
    EXPECT_EQ(recv(n.peer, frame, sizeof(frame), 0), LEN - HEADER);
    EXPECT_EQ(vn_used(&n, TX), 1);
    n.fake.refuses = NULL;
    vn_offer(&n, TX, 1);
    EXPECT(!fake_runs(&n.fake)); /* not before the driver begins anew */
    vn_drive(&n);
    vn_offer(&n, TX, 0);
    EXPECT(fake_runs(&n.fake));
    /* A ring outside memory. */
    vn_drive(&n);
    vn_out(&n, 0x30, TX);
    vn_out(&n, 0x44, 0);
    vn_out(&n, 0xa0, RAM + RAM_BYTES - 8);
    vn_out(&n, 0x44, 1);
    vn_out(&n, 0x50, TX);
    EXPECT(!fake_runs(&n.fake));
    /* Filters would see nothing. */
    CHECK(options_parse(&o, "filter-dump,id=f,netdev=n,file=/dev/null", "qom-type", &err));
    EXPECT(!net_add_filter(n.b, &o, &err));
    EXPECT(err && strstr(err->message, "vhost=on"));
    options_deinit(&o);
    vn_end(&n);
}

/* A device that is no tap, and options that do not go together. */
TEST(vhost, options)
{
    static const char *const bad[][2] = {
        { "vhostforce=on", "vhost=on: the device has no header of virtio" },
        { "vhost=off,vhostfd=0", "are for vhost=on" },
        { "vhostfd=999", "vhostfd=999: is no open file descriptor" },
        { "vhostfds=0:1", "has 2 descriptors, the device 1 queues" },
    };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *text = NULL;
        Options o;
        int pair[2];

        CHECK(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
        text = g_strdup_printf("tap,fd=%d,%s", pair[0], bad[i][0]);
        CHECK(options_parse(&o, text, "type", &err));
        EXPECT(!net_open(m, "n", &o, &err));
        EXPECT(err && strstr(err->message, bad[i][1]));
        g_clear_error(&err);
        options_deinit(&o);
        close(pair[1]);
    }
    machine_free(m);
}

/* The host's own, as far as it goes without a device. */
TEST(vhost, of_the_host)
{
    g_autoptr(GError) err = NULL;
    Vhost *v = vhost_open(-1, NULL, NULL, &err);

    if (!v) {
        EXPECT(strstr(err->message, "/dev/vhost-net: "));
        EXPECT(strstr(err->message, "modprobe vhost_net") || strstr(err->message, "setfacl"));
        test_skip(err->message);
        return;
    }
    EXPECT(vhost_features(v) & 1ull << 32);
    vhost_close(v);
}
