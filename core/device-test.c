/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device in full: a one-shot 32-bit down counter. Then a device with everything else.
 */
#include "core/bench.h"
#include "core/device.h"
#include "core/event/loop.h"
#include "core/state/state.h"
#include "tests/unit.h"

enum { CTRL_EN = 1 << 0, CTRL_IE = 1 << 1, STATUS_EXPIRED = 1 << 0 };

typedef struct TickTimer {
    Device dev; /* first: device_as() relies on it */
    uint32_t ctrl, load, status;
    uint32_t clock_hz;
    Timer expiry; /* armed exactly while CTRL_EN is set */
    Irq irq;
} TickTimer;

/* Outputs follow from state: runs after each access, event, reset and load. */
static void ticktimer_settle(Device *dev)
{
    TickTimer *s = device_as(dev, TickTimer);

    irq_set(&s->irq, (s->status & STATUS_EXPIRED) && (s->ctrl & CTRL_IE));
}

static void ticktimer_expired(Device *dev)
{
    TickTimer *s = device_as(dev, TickTimer);

    s->status |= STATUS_EXPIRED;
    s->ctrl &= ~CTRL_EN;
}

static void ticktimer_ctrl_wrote(Device *dev, uint64_t old)
{
    TickTimer *s = device_as(dev, TickTimer);

    if (s->ctrl & ~old & CTRL_EN) {
        timer_arm_in(&s->expiry, s->load * NS_PER_S / s->clock_hz);
    } else if (old & ~s->ctrl & CTRL_EN) {
        timer_cancel(&s->expiry);
    }
}

static uint64_t ticktimer_value_read(Device *dev)
{
    TickTimer *s = device_as(dev, TickTimer);

    return timer_left_ns(&s->expiry) * s->clock_hz / NS_PER_S;
}

static const Reg ticktimer_regs[] = {
    { 0x00, "CTRL", AT(TickTimer, ctrl), .rw = CTRL_EN | CTRL_IE, .wrote = ticktimer_ctrl_wrote,
      .doc = "0: enable; 1: interrupt enable" },
    { 0x04, "LOAD", AT(TickTimer, load), .rw = UINT32_MAX, .reset = 0xffff,
      .doc = "ticks from enable to expiry" },
    { 0x08, "VALUE", .read = ticktimer_value_read, .doc = "ticks left" },
    { 0x0c, "STATUS", AT(TickTimer, status), .w1c = STATUS_EXPIRED, .doc = "0: expired" },
};

static const Field ticktimer_fields[] = {
    PROP_U32(TickTimer, clock_hz, 1000000, .min = 1, .doc = "input clock, Hz"),
    STATE_TIMER(TickTimer, expiry, ticktimer_expired),
    PIN_OUT(TickTimer, irq),
};

static const DeviceType device_ticktimer = {
    .name = "ticktimer",
    .doc = "one-shot 32-bit timer",
    .size = sizeof(TickTimer),
    .mmio_size = 0x1000,
    .regs = TABLE(ticktimer_regs),
    .fields = TABLE(ticktimer_fields),
    .settle = ticktimer_settle,
};

TEST(device, fires_once)
{
    Bench *b = bench_device_type(&device_ticktimer, "clock_hz=1000");

    EXPECT_EQ(bench_read(b, "LOAD"), 0xffff);
    bench_write(b, "LOAD", 5);
    bench_write(b, "CTRL", 3); /* enable, interrupt enable */
    EXPECT_EQ(bench_read(b, "VALUE"), 5);
    bench_run_ns(b, 5 * NS_PER_MS - 1);
    EXPECT(!bench_pin(b, "irq"));
    bench_run_ns(b, 1);
    EXPECT(bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "CTRL"), CTRL_IE);
    bench_run_ns(b, NS_PER_S);
    bench_write(b, "STATUS", 1);
    EXPECT(!bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "STATUS"), 0);
    bench_end(b);
}

TEST(device, reset_takes_the_tables_values)
{
    Bench *b = bench_device_type(&device_ticktimer, "clock-hz=1000");

    bench_write(b, "LOAD", 1);
    bench_write(b, "CTRL", 3);
    bench_run_ns(b, 2 * NS_PER_MS);
    EXPECT(bench_pin(b, "irq"));
    bench_write(b, "CTRL", 3);
    bench_reset(b);
    EXPECT(!bench_pin(b, "irq"));
    EXPECT_EQ(bench_read(b, "LOAD"), 0xffff);
    bench_run_ns(b, 2 * NS_PER_MS);
    EXPECT_EQ(bench_read(b, "STATUS"), 0); /* the timer was cancelled */
    bench_end(b);
}

/* ---- Everything else that tables can say ---- */

typedef struct Gadget {
    Device dev;
    uint32_t wide, high;
    uint8_t prio[8];
    struct {
        uint32_t ctl;
        uint16_t seen;
    } ch[3];
    uint8_t *fifo;
    uint32_t fifo_len, n_in, n_out;
    uint32_t edges, levels, calls;
    uint64_t *table;
    Irq *out;
    Irq one;
    char *label;
    uint64_t window;
    unsigned colour;
    Device *peer;
} Gadget;

static void gadget_push(Device *dev, uint64_t val)
{
    Gadget *s = device_as(dev, Gadget);

    if (s->fifo_len < 16) {
        s->fifo = g_realloc(s->fifo, 16);
        s->fifo[s->fifo_len++] = (uint8_t)val;
    }
}

static uint64_t gadget_pop(Device *dev)
{
    Gadget *s = device_as(dev, Gadget);
    uint8_t v = s->fifo_len ? s->fifo[0] : 0;

    if (s->fifo_len) {
        memmove(s->fifo, s->fifo + 1, --s->fifo_len);
    }
    return v;
}

static void gadget_ch_wrote(Device *dev, unsigned n, uint64_t old)
{
    Gadget *s = device_as(dev, Gadget);

    s->ch[n].seen++;
    s->table[n] = old;
}

static void gadget_level(Device *dev, unsigned n, bool level)
{
    Gadget *s = device_as(dev, Gadget);

    s->levels = (uint32_t)bits_deposit(s->levels, n, 1, level);
    s->calls++;
}

static void gadget_edge(Device *dev, unsigned n, bool level)
{
    device_as(dev, Gadget)->edges++;
}

static void gadget_settle(Device *dev)
{
    Gadget *s = device_as(dev, Gadget);

    for (unsigned i = 0; i < s->n_out; i++) {
        irq_set(&s->out[i], s->levels >> i & 1);
    }
    irq_set(&s->one, s->fifo_len > 0);
}

static bool gadget_start(Device *dev, GError **err)
{
    Gadget *s = device_as(dev, Gadget);

    s->table = device_alloc(dev, s->n_in * sizeof(*s->table));
    return true;
}

static MemResult gadget_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    *val = off >> 8 << 8 | size;
    return off == 0x800 ? MEM_DEVICE_ERROR : MEM_OK;
}

static const Reg gadget_regs[] = {
    { 0x00, "WIDE", AT(Gadget, wide), .rw = 0x00ffff00, .reset = 0x11223344 },
    { 0x04, "HIGH", AT(Gadget, high), .w1s = 0xf, .w1c = 0xf0, .reset = 0xf0 },
    { 0x08, "ID", .reset = 0xcafe },
    { 0x0c, "FIFO", .size = 1, .read = gadget_pop, .write = gadget_push },
    { 0x10, "PRIO", AT(Gadget, prio), .count = 8, .rw = 0xff, .reset = 0xa0 },
    { 0x20, "CTL", AT_BANK(Gadget, ch, ctl), .count = 3, .stride = 8, .rw = UINT32_MAX,
      .wrote_n = gadget_ch_wrote },
};

static const RegionType gadget_regions[] = {
    { .name = "regs", .size = 0x100, .regs = TABLE(gadget_regs) },
    { .name = "big", .size = 0x100, .regs = TABLE(gadget_regs), .endian = ENDIAN_BIG },
    { .name = "free", .size = 0x1000, .read = gadget_read, .access_max = 4, .strict = true },
};

static const char *const gadget_colours[] = { "red", "green", NULL };

static const Field gadget_fields[] = {
    PROP_U32(Gadget, n_in, 4, .min = 3, .max = 32),
    PROP_U32(Gadget, n_out, 2),
    PROP_STR(Gadget, label, "none"),
    PROP_SIZE(Gadget, window, 4096),
    PROP_ENUM(Gadget, colour, gadget_colours, 1),
    PROP_LINK(Gadget, peer, "ticktimer"),
    STATE_BANK(Gadget, ch, seen),
    STATE_BYTES(Gadget, fifo, fifo_len, 16),
    STATE_U32(Gadget, edges),
    STATE_U32(Gadget, levels),
    STATE_U32(Gadget, calls),
    STATE_ARRAY_DYN(Gadget, table, n_in),
    PIN_OUT_DYN(Gadget, out, n_out),
    PIN_OUT(Gadget, one),
    PIN_IN_DYN(Gadget, "in", n_in, gadget_level),
    PIN_IN_EDGE("edge", gadget_edge),
};

static const DeviceType device_gadget = {
    .name = "gadget",
    .size = sizeof(Gadget),
    .regions = gadget_regions,
    .n_regions = ARRAY_SIZE(gadget_regions),
    .fields = TABLE(gadget_fields),
    .start = gadget_start,
    .settle = gadget_settle,
};

TEST(device, register_masks_sizes_and_banks)
{
    Bench *b = bench_device_type(&device_gadget, NULL);

    bench_write(b, "WIDE", UINT32_MAX);
    EXPECT_EQ(bench_read(b, "WIDE"), 0x11ffff44);
    bench_write_at(b, 0, 1, 1, 0x5a);
    EXPECT_EQ(bench_read(b, "WIDE"), 0x11ff5a44);
    EXPECT_EQ(bench_read_at(b, 0, 2, 2), 0x11ff);
    bench_write(b, "HIGH", 0x33);
    EXPECT_EQ(bench_read(b, "HIGH"), 0xc3);
    EXPECT_EQ(bench_read_at(b, 0, 0, 8), 0x000000c311ff5a44);
    bench_write(b, "ID", 1); /* read only */
    EXPECT_EQ(bench_read(b, "ID"), 0xcafe);
    EXPECT_EQ(bench_read_at(b, 0, 0x10, 4), 0xa0a0a0a0);
    bench_write_at(b, 0, 0x12, 4, 0x04030201);
    EXPECT_EQ(bench_read_at(b, 0, 0x10, 8), 0xa0a004030201a0a0);
    EXPECT_EQ(bench_read(b, "PRIO3"), 2);
    bench_write(b, "CTL1", 7);
    bench_write(b, "CTL1", 9);
    EXPECT_EQ(bench_read_at(b, 0, 0x28, 4), 9);
    EXPECT_EQ(device_as(bench_dev(b), Gadget)->ch[1].seen, 2);
    EXPECT_EQ(device_as(bench_dev(b), Gadget)->table[1], 7);
    EXPECT_EQ(bench_read_at(b, 0, 0x80, 4), 0); /* a gap */
    bench_end(b);
}

TEST(device, big_endian_and_free_regions)
{
    Bench *b = bench_device_type(&device_gadget, NULL);

    EXPECT_EQ(bench_read_at(b, 1, 0, 4), 0x44332211);
    EXPECT_EQ(bench_read_at(b, 1, 0, 1), 0x11);
    EXPECT_EQ(bench_read_at(b, 1, 3, 1), 0x44);
    bench_write_at(b, 1, 1, 2, 0xbbaa);
    EXPECT_EQ(bench_read(b, "WIDE"), 0x11aabb44);
    EXPECT_EQ(bench_read_at(b, 2, 0x100, 2), 0x102);
    EXPECT_EQ(bench_read_at(b, 2, 0x100, 8), 0x0000010400000104);
    EXPECT_EQ(bench_write_at(b, 2, 0x100, 4, 0), MEM_DEVICE_ERROR);
    EXPECT_EQ(bench_write_at(b, 0, 0x80, 4, 0), MEM_OK);
    bench_end(b);
}

/* As when two threads are faster than either's work list. */
static void gadget_blink(Device *dev, const char *pin)
{
    device_enter(dev);
    device_set_input(dev, pin, 0, false);
    device_set_input(dev, pin, 0, true);
    device_leave(dev);
}

TEST(device, a_short_fall_of_a_pin_is_an_edge)
{
    Bench *b = bench_device_type(&device_gadget, NULL);
    Gadget *s = device_as(bench_dev(b), Gadget);

    bench_no_reload(b); /* which would make another device of it */
    bench_set_pin(b, "edge", true);
    bench_set_pin(b, "in[0]", true);
    EXPECT_EQ(s->edges, 1);
    gadget_blink(&s->dev, "edge");
    irq_connect(&s->dev, "out", 0, &s->dev, "in", 3); /* what settle makes of it is seen as well */
    s->calls = 0;
    gadget_blink(&s->dev, "in");
    EXPECT_EQ(s->edges, 2);
    EXPECT(bench_pin(b, "out[0]"));
    EXPECT_EQ(s->calls, 4);
    bench_set_pin(b, "edge", true); /* nothing has changed since */
    EXPECT_EQ(s->edges, 2);
    bench_end(b);
}

TEST(device, bytes_and_pins)
{
    Bench *b = bench_device_type(&device_gadget, "n_in=5,n-out=3");

    EXPECT(!bench_pin(b, "one"));
    bench_write(b, "FIFO", 0x41);
    bench_write(b, "FIFO", 0x42);
    EXPECT(bench_pin(b, "one"));
    EXPECT_EQ(bench_read(b, "FIFO"), 0x41);
    EXPECT_EQ(bench_read(b, "FIFO"), 0x42);
    EXPECT(!bench_pin(b, "one"));
    bench_set_pin(b, "in[2]", true);
    EXPECT(bench_pin(b, "out[2]") && !bench_pin(b, "out[1]"));
    bench_set_pin(b, "edge", true);
    bench_set_pin(b, "edge", true);
    bench_set_pin(b, "edge", false);
    bench_set_pin(b, "edge", true);
    EXPECT_EQ(device_as(bench_dev(b), Gadget)->edges, 2);
    /* A level that stays high through a reset is seen again, an edge is not. */
    bench_reset(b);
    EXPECT(bench_pin(b, "out[2]"));
    EXPECT_EQ(device_as(bench_dev(b), Gadget)->edges, 0);
    bench_end(b);
}

static const DeviceType *const test_types[] = { &device_ticktimer, &device_gadget, NULL };

TEST(device, properties_and_their_errors)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    g_autofree char *text = NULL;
    Device *d;

    machine_add_types(m, test_types);
    EXPECT(!device_new(m, "tictimer", NULL, NULL, &err));
    EXPECT_STR(err->message, "no device type 'tictimer', did you mean ticktimer? "
                             "(-device help lists them)");
    g_clear_error(&err);
    d = device_new(m, "gadget", NULL, "g", &err);
    EXPECT(!device_set_prop(d, "windw", "1", &err));
    EXPECT(err && strstr(err->message, "did you mean window?"));
    g_clear_error(&err);
    EXPECT(!device_set_prop(d, "n-in", "33", &err));
    EXPECT_STR(err->message, "property 'n-in' of 'gadget': 33 is out of range: 3 to 32");
    g_clear_error(&err);
    EXPECT(!device_set_prop(d, "colour", "gren", &err));
    EXPECT(err && strstr(err->message, "did you mean green"));
    g_clear_error(&err);
    EXPECT(!device_set_prop(d, "peer", "g", &err));
    EXPECT(err && strstr(err->message, "it must be a ticktimer"));
    g_clear_error(&err);
    EXPECT(device_new(m, "ticktimer", NULL, "t", &err));
    EXPECT(device_set_props(d, "peer=t,window=1M,label=a,,b", &err));
    text = device_get_prop(d, "window", &err);
    EXPECT_STR(text, "1048576");
    EXPECT_STR(device_as(d, Gadget)->label, "a,b");
    EXPECT(device_as(d, Gadget)->peer == device_find(m, "t"));
    EXPECT(!device_new(m, "gadget", NULL, "g", &err));
    machine_free(m);
}

/* Two gadgets: output n of one drives input n of the other, both ways: a legal cycle. */
static Machine *test_pair(Device **a, Device **b)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    *a = device_make(m, &device_gadget, NULL, "a");
    *b = device_make(m, &device_gadget, NULL, "b");
    CHECK(device_realize(*a, &err) && device_realize(*b, &err));
    for (unsigned i = 0; i < 2; i++) {
        irq_connect(*a, "out", i, *b, "in", i);
    }
    irq_connect(*b, "out", 0, *a, "in", 1);
    device_map(*a, 0, machine_memory_root(m), 0x1000);
    device_map(*b, 0, machine_memory_root(m), 0x2000);
    CHECK(machine_start(m, &err));
    return m;
}

TEST(device, pins_run_through_devices_in_a_cycle)
{
    Device *a, *b;
    Machine *m = test_pair(&a, &b), *other;
    Device *a2, *b2;

    other = test_pair(&a2, &b2);
    device_set_input(a, "in", 0, true);
    /* a.out0 -> b.in0 -> b.out0 -> a.in1 -> a.out1 -> b.in1 */
    EXPECT_EQ(device_as(b, Gadget)->levels, 3);
    EXPECT_EQ(device_as(a, Gadget)->levels, 3);
    device_set_input(a, "in", 0, false);
    EXPECT_EQ(device_as(b, Gadget)->levels, 0);
    EXPECT_EQ(device_as(b2, Gadget)->levels, 0);
    machine_free(m);
    machine_free(other);
}

typedef struct Hammer {
    Machine *m;
    GuestPhys base;
    unsigned n;
} Hammer;

static void *test_hammer(void *arg)
{
    Hammer *h = arg;
    uint64_t v;

    for (unsigned i = 0; i < 2000; i++) {
        aspace_store(machine_memory(h->m), h->base + 0x0c, 1, i, (MemAttrs){ 0 });
        aspace_load(machine_memory(h->m), h->base + 0x0c, 1, &v, (MemAttrs){ 0 });
        device_set_input(device_find(h->m, h->n ? "b" : "a"), "in", 2 + h->n, i & 1);
    }
    return NULL;
}

TEST(device, two_threads_on_a_cycle_of_devices)
{
    Device *a, *b;
    Machine *m = test_pair(&a, &b);
    Hammer h[2] = { { m, 0x1000, 0 }, { m, 0x2000, 1 } };
    pthread_t t[2];

    for (unsigned i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, test_hammer, &h[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(t[i], NULL);
    }
    EXPECT_EQ(device_as(a, Gadget)->fifo_len, 0);
    EXPECT_EQ(device_as(a, Gadget)->levels, 4);
    EXPECT_EQ(device_as(b, Gadget)->levels, 8);
    machine_free(m);
}

TEST(device, dma_to_registers_is_posted_under_a_lock)
{
    Device *a, *b;
    Machine *m = test_pair(&a, &b);
    uint64_t v;

    device_enter(a);
    EXPECT_EQ(device_dma_store(a, 0x2000, 4, UINT32_MAX), MEM_OK);
    EXPECT_EQ(device_as(b, Gadget)->wide, 0x11223344);
    EXPECT_EQ(device_dma_load(a, 0x2000, 4, &v), MEM_DEVICE_ERROR);
    device_leave(a);
    EXPECT_EQ(device_as(b, Gadget)->wide, 0x11ffff44);
    machine_free(m);
}

TEST(state, refuses_what_does_not_fit)
{
    Device *a, *b;
    Machine *m = test_pair(&a, &b), *n;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    uint8_t *wide;

    aspace_store(machine_memory(m), 0x1000, 4, 0, (MemAttrs){ 0 });
    aspace_store(machine_memory(m), 0x2000, 4, 0, (MemAttrs){ 0 });
    EXPECT(machine_save_bytes(m, bytes, &err));
    n = test_pair(&a, &b);
    EXPECT(machine_load_bytes(n, bytes->data, bytes->len, &err));
    EXPECT_EQ(device_as(b, Gadget)->wide, 0x11000044);
    /* Cut short anywhere: an error, never a crash. */
    for (unsigned cut = 0; cut < bytes->len; cut++) {
        g_autoptr(GError) e = NULL;

        EXPECT(!machine_load_bytes(n, bytes->data, cut, &e));
        EXPECT(e != NULL);
    }
    /* A field of another name that does not hold its default. */
    wide = memmem(bytes->data, bytes->len, "WIDE", 4);
    wide = memmem(wide + 4, bytes->len - (size_t)(wide + 4 - bytes->data), "WIDE", 4);
    CHECK(wide);
    wide[0] = 'N';
    EXPECT(!machine_load_bytes(n, bytes->data, bytes->len, &err));
    EXPECT(err && strstr(err->message, "/") && strstr(err->message, "'NIDE'"));
    machine_free(m);
    machine_free(n);
}

TEST(state, ram_is_sparse_and_whole)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    Machine *m[2];
    RamBlock *ram[2];

    for (unsigned i = 0; i < 2; i++) {
        m[i] = machine_new(&err);
        ram[i] = ram_new(m[i], "ram", 4 << 20, RAM_SHARED, &err);
        EXPECT(machine_start(m[i], &err));
    }
    machine_set_seed(m[0], 3);
    machine_random(m[0], ram[0]->host + 5 * 4096, 300 * 4096); /* does not compress */
    memset(ram[0]->host + 700 * 4096 + 100, 0x55, 100 * 4096);
    memset(ram[1]->host, 0xff, ram[1]->size);
    EXPECT(machine_save_bytes(m[0], bytes, &err));
    EXPECT(bytes->len < 410 * 4096);
    EXPECT(machine_load_bytes(m[1], bytes->data, bytes->len, &err));
    EXPECT(!memcmp(ram[0]->host, ram[1]->host, ram[0]->size));
    machine_free(m[0]);
    machine_free(m[1]);
}

TEST(state, random_damage_is_survived)
{
    Device *a, *b;
    Machine *m = test_pair(&a, &b);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    unsigned refused = 0;

    machine_set_seed(m, 7);
    EXPECT(machine_save_bytes(m, bytes, &err));
    for (unsigned i = 0; i < 500; i++) {
        g_autofree uint8_t *copy = g_memdup2(bytes->data, bytes->len);
        g_autoptr(GError) e = NULL;

        for (unsigned k = 0; k < 3; k++) {
            copy[machine_random_u64(m) % bytes->len] = (uint8_t)machine_random_u64(m);
        }
        refused += !machine_load_bytes(m, copy, bytes->len, &e);
    }
    EXPECT(refused > 100);
    EXPECT(machine_load_bytes(m, bytes->data, bytes->len, &err));
    machine_free(m);
}

static void test_count(void *arg)
{
    __atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_SEQ_CST);
}

TEST(loop, posts_timeouts_and_workers)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    unsigned n = 0, later = 0;
    Timer t;

    loop_post(m, test_count, &n);
    loop_post(m, test_count, &n);
    loop_unpost(m, test_count, &later);
    loop_work(m, test_count, test_count, &n);
    timer_init(&t, m, CLOCK_HOST, test_count, &later);
    timer_arm_in(&t, 2 * NS_PER_MS);
    loop_unwatch(m, loop_timeout_ms(m, 1, test_count, &n));
    while (__atomic_load_n(&n, __ATOMIC_SEQ_CST) < 4 || !later) {
        loop_iterate(m, true);
    }
    EXPECT_EQ(n, 4);
    EXPECT_EQ(later, 1);
    timer_deinit(&t);
    machine_free(m);
}

static void test_note_time(void *arg)
{
    int64_t *at = arg;

    at[1] = machine_now_ns(*(Machine **)(void *)(at + 2));
}

/* Better than the milliseconds in which a GMainContext waits (the best of many: hosts are busy). */
TEST(clock, fires_soon_after_the_deadline)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    int64_t at[3] = { 0 }, best = INT64_MAX;
    Timer t;

    memcpy(&at[2], &m, sizeof(m));
    timer_init(&t, m, CLOCK_MACHINE, test_note_time, at);
    EXPECT(machine_start(m, &err) && machine_resume(m, &err));
    for (unsigned i = 0; i < 20 || (best >= NS_PER_MS / 2 && i < 400); i++) {
        at[1] = 0;
        at[0] = machine_now_ns(m) + 300 * NS_PER_US;
        timer_arm_at_ns(&t, at[0] + NS_PER_S); /* moved forward */
        timer_arm_at_ns(&t, at[0]);
        while (!at[1]) {
            loop_iterate(m, true);
        }
        EXPECT(at[1] >= at[0]);
        best = at[1] - at[0] < best ? at[1] - at[0] : best;
    }
    EXPECT(best < NS_PER_MS / 2);
    /* Nothing fires while the machine is paused; its time stands still. */
    timer_arm_in(&t, NS_PER_MS);
    machine_pause(m, RUN_PAUSED);
    at[1] = 0;
    g_usleep(3000);
    while (loop_iterate(m, false)) {
    }
    EXPECT_EQ(at[1], 0);
    EXPECT(machine_resume(m, &err));
    while (!at[1]) {
        loop_iterate(m, true);
    }
    timer_deinit(&t);
    machine_free(m);
}

TEST(clock, many_timers_fire_in_order)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Timer t[64];
    unsigned fired = 0;

    clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    for (unsigned i = 0; i < 64; i++) {
        timer_init(&t[i], m, CLOCK_MACHINE, test_count, &fired);
        timer_arm_in(&t[i], (int64_t)(i * 37 % 64) * 10);
    }
    for (unsigned i = 0; i < 64; i += 4) {
        timer_cancel(&t[i]);
    }
    clock_advance_ns(m, 315);
    for (unsigned i = 0; i < 64; i++) {
        bool cancelled = i % 4 == 0;

        EXPECT_EQ(timer_is_armed(&t[i]), !cancelled && i * 37 % 64 * 10 > 315);
    }
    clock_advance_ns(m, NS_PER_S);
    EXPECT_EQ(fired, 48);
    EXPECT_EQ(machine_now_ns(m), NS_PER_S + 315);
    machine_free(m);
}
