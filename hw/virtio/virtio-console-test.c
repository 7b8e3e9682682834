/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of virtio-serial: one port without a word, many with messages, those that come and go.
 */
#include "chardev/chardev.h"
#include "core/bench.h"
#include "core/device.h"
#include "hw/virtio/virtio.h"
#include "tests/unit.h"

extern const DeviceType device_virtio_serial, device_virtconsole, device_virtserialport;

enum {
    MMIO = 0x10000000,
    RING = BENCH_RAM_BASE, /* a page a queue: descriptors, available, used */
    RING_BYTES = 0x1000,
    AVAIL = 0x100,
    USED = 0x200,
    DATA = RING + 0x10000,
    MESSAGES = RING + 0x20000,
    QUEUE = 8,
    WRITE = 2,
    Q_RX = 0,
    Q_TX = 1,
    Q_CONTROL_RX = 2,
    Q_CONTROL_TX = 3,
    Q_RX1 = 4,
    Q_TX1 = 5,
    READY = 0,
    ADD = 1,
    REMOVE = 2,
    PORT_READY = 3,
    CONSOLE = 4,
    OPEN = 6,
    NAME = 7,
};

typedef struct Vs {
    Bench *b;
    Chardev *console, *channel;
    unsigned n_messages;
} Vs;

static void vs_poke(Vs *t, GuestPhys gpa, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(t->b)), gpa, size, val, (MemAttrs){ 0 });
}

static uint64_t vs_peek(Vs *t, GuestPhys gpa, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), gpa, size, &val, (MemAttrs){ 0 });
    return val;
}

static void vs_out(Vs *t, unsigned reg, uint32_t val)
{
    vs_poke(t, MMIO + reg, 4, val);
    bench_run_loop(t->b);
}

static void vs_bus(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *bus = device_make(dev->machine, &device_virtio_mmio, NULL, "bus0");

    device_set_bool(bus, "force-legacy", false);
    CHECK(device_realize(bus, &err));
    device_map(bus, 0, machine_memory_root(dev->machine), MMIO);
}

static Device *vs_plug(Vs *t, const DeviceType *type, const char *id, const char *props,
                       Chardev *chardev, GError **err)
{
    Device *d = device_new_type(bench_machine(t->b), type, NULL, id, err);

    CHECK(d && device_set_props(d, props, err));
    if (chardev) {
        device_set_backend(d, "chardev", chardev);
    }
    if (!device_realize(d, err)) {
        device_delete(d, false);
        return NULL;
    }
    bench_run_loop(t->b);
    return d;
}

static void vs_offer(Vs *t, unsigned q, unsigned slot, GuestPhys at, uint32_t len, unsigned flags)
{
    GuestPhys ring = RING + q * RING_BYTES;
    uint16_t idx = (uint16_t)vs_peek(t, ring + AVAIL + 2, 2);

    vs_poke(t, ring + 16 * slot, 8, at);
    vs_poke(t, ring + 16 * slot + 8, 4, len);
    vs_poke(t, ring + 16 * slot + 12, 4, flags);
    vs_poke(t, ring + AVAIL + 4 + 2 * (idx % QUEUE), 2, slot);
    vs_poke(t, ring + AVAIL + 2, 2, idx + 1u);
    vs_out(t, 0x50, q);
}

static void vs_begin(Vs *t, uint32_t features)
{
    g_autoptr(GError) err = NULL;

    *t = (Vs){ .b = bench_device_setup(&device_virtio_serial, "max_ports=4", vs_bus, NULL) };
    bench_no_reload(t->b);
    t->console = chardev_new(bench_machine(t->b), "c0", "ringbuf", &err);
    t->channel = chardev_new(bench_machine(t->b), "c1", "ringbuf", &err);
    CHECK(t->console && t->channel);
    EXPECT(vs_plug(t, &device_virtconsole, "con", "", t->console, &err) != NULL);
    EXPECT_EQ(vs_peek(t, MMIO + 8, 4), 3);
    vs_out(t, 0x70, 3);
    vs_out(t, 0x24, 1);
    vs_out(t, 0x20, 1);
    vs_out(t, 0x24, 0);
    vs_out(t, 0x20, features);
    vs_out(t, 0x70, 11);
    for (unsigned q = 0; q <= Q_TX1; q++) {
        vs_out(t, 0x30, q);
        EXPECT(vs_peek(t, MMIO + 0x34, 4) >= QUEUE);
        vs_out(t, 0x38, QUEUE);
        vs_out(t, 0x80, RING + q * RING_BYTES);
        vs_out(t, 0x90, RING + q * RING_BYTES + AVAIL);
        vs_out(t, 0xa0, RING + q * RING_BYTES + USED);
        vs_out(t, 0x44, 1);
    }
    vs_out(t, 0x70, 15);
    for (unsigned i = 0; i < QUEUE; i++) {
        vs_offer(t, Q_CONTROL_RX, i, MESSAGES + i * 64, 64, WRITE);
    }
}

static void vs_end(Vs *t)
{
    Chardev *c[] = { t->console, t->channel };

    chardev_close(c[0]);
    chardev_close(c[1]);
    bench_end(t->b);
    chardev_free(c[0]);
    chardev_free(c[1]);
}

static void vs_say(Vs *t, unsigned nr, unsigned event, unsigned value)
{
    vs_poke(t, DATA, 4, nr);
    vs_poke(t, DATA + 4, 4, event | value << 16);
    vs_offer(t, Q_CONTROL_TX, 0, DATA, 8, 0);
}

/* The next message, as nr << 16 | event << 8 | value; ~0: there is none. */
static unsigned vs_hear(Vs *t)
{
    GuestPhys m = MESSAGES + t->n_messages % QUEUE * 64;

    if (vs_peek(t, RING + Q_CONTROL_RX * RING_BYTES + USED + 2, 2) == t->n_messages) {
        return ~0u;
    }
    t->n_messages++;
    return (unsigned)(vs_peek(t, m, 4) << 16 | vs_peek(t, m + 4, 2) << 8 | vs_peek(t, m + 6, 2));
}

static void vs_expect_output(Chardev *c, const char *want)
{
    g_autoptr(GString) got = g_string_new("");

    EXPECT(chardev_ring_read(c, got, 100));
    EXPECT_STR(got->str, want);
}

TEST(virtio_serial, one_port)
{
    Vs t;

    vs_begin(&t, 0);
    vs_poke(&t, DATA, 4, 0x216968); /* "hi!" */
    vs_offer(&t, Q_TX, 0, DATA, 3, 0);
    vs_expect_output(t.console, "hi!");
    vs_offer(&t, Q_RX, 0, DATA + 64, 16, WRITE);
    chardev_feed(t.console, "yes", 3);
    EXPECT_EQ(vs_peek(&t, DATA + 64, 4), 0x736579);
    EXPECT_EQ(vs_hear(&t), ~0u);
    /* A character by the configuration. */
    vs_poke(&t, MMIO + 0x108, 4, 'E');
    vs_end(&t);
}

TEST(virtio_serial, emergency_write)
{
    Vs t;

    vs_begin(&t, 1 << 2);
    vs_poke(&t, MMIO + 0x108, 4, 'E');
    vs_expect_output(t.console, "E");
    EXPECT_EQ(vs_peek(&t, MMIO + 0x104, 4), 4);
    vs_end(&t);
}

TEST(virtio_serial, ports_come_and_go)
{
    g_autoptr(GError) err = NULL;
    Device *channel;
    Vs t;

    vs_begin(&t, 1 << 1);
    vs_say(&t, 0, READY, 1);
    EXPECT_EQ(vs_hear(&t), ADD << 8 | 1);
    vs_say(&t, 0, PORT_READY, 1);
    EXPECT_EQ(vs_hear(&t), CONSOLE << 8 | 1);
    EXPECT_EQ(vs_hear(&t), OPEN << 8 | 1);
    vs_offer(&t, Q_RX, 0, DATA + 64, 16, WRITE);
    chardev_feed(t.console, "no", 2); /* the driver has not opened it */
    EXPECT_EQ(vs_peek(&t, DATA + 64, 4), 0);
    vs_say(&t, 0, OPEN, 1);
    chardev_feed(t.console, "ok", 2);
    EXPECT_EQ(vs_peek(&t, DATA + 64, 4), 0x6b6f);

    channel = vs_plug(&t, &device_virtserialport, "ch", "name=org.test", t.channel, &err);
    EXPECT(channel != NULL);
    EXPECT_EQ(vs_hear(&t), 1 << 16 | ADD << 8 | 1);
    vs_say(&t, 1, PORT_READY, 1);
    EXPECT_EQ(vs_hear(&t), 1 << 16 | NAME << 8 | 1);
    EXPECT_EQ(vs_peek(&t, MESSAGES + 4 * 64 + 8, 8), 0x747365742e67726full); /* org.test */
    EXPECT_EQ(vs_hear(&t), 1 << 16 | OPEN << 8 | 1); /* who is at the other end is there */
    vs_say(&t, 1, OPEN, 1);
    vs_poke(&t, DATA, 1, 'x');
    vs_offer(&t, Q_TX1, 0, DATA, 1, 0);
    vs_expect_output(t.channel, "x");
    EXPECT(device_unplug(channel, &err));
    bench_run_loop(t.b);
    EXPECT(!device_find(bench_machine(t.b), "ch"));
    EXPECT_EQ(vs_hear(&t), 1 << 16 | REMOVE << 8 | 1);
    vs_offer(&t, Q_TX1, 1, DATA, 1, 0); /* nobody is there */
    vs_expect_output(t.channel, "");
    vs_end(&t);
}

TEST(virtio_serial, numbers_of_ports)
{
    static const struct {
        const char *props, *message;
    } bad[] = { { "nr=0", "is for a virtconsole" },
                { "nr=4", "ports 0 to 3" },
                { "nr=2", "is taken" },
                { "bus=none.0", "no virtio-serial bus 'none.0'" } };
    g_autoptr(GError) err = NULL;
    Vs t;

    vs_begin(&t, 1 << 1);
    EXPECT(vs_plug(&t, &device_virtserialport, "p2", "nr=2", NULL, &err) != NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        EXPECT(!vs_plug(&t, &device_virtserialport, "bad", bad[i].props, NULL, &err));
        EXPECT(err && strstr(err->message, bad[i].message));
        g_clear_error(&err);
    }
    EXPECT(vs_plug(&t, &device_virtserialport, "p1", "", NULL, &err) != NULL);
    EXPECT(vs_plug(&t, &device_virtserialport, "p3", "", NULL, &err) != NULL);
    EXPECT(!vs_plug(&t, &device_virtserialport, "p4", "", NULL, &err));
    EXPECT(err && strstr(err->message, "are taken"));
    while (vs_hear(&t) != ~0u) {
    }
    /* Messages for what is not there, and of no kind. */
    vs_say(&t, 99, PORT_READY, 1);
    vs_say(&t, 1, 1000, 1);
    vs_say(&t, 0, READY, 0);
    EXPECT_EQ(vs_hear(&t), ~0u);
    vs_end(&t);
}
