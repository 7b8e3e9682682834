/* SPDX-License-Identifier: Apache-2.0 */
/* Events that the kernel passes between guest and devices: doorbells and messages. */
#include "accel/kvm/kvm-bench.h"
#include "core/device.h"
#include "core/doorbell.h"
#include "core/event/loop.h"
#include "hw/isa/isa.h"
#include "tests/unit.h"

enum { BELL_PORT = 0x600, BELL_RUNG = 2, BELL_VALUE = 3, VECTOR = 0x40 };

/* A device of four ports: a write of 3 to the first rings. */
typedef struct Bell {
    Device dev;
    uint8_t rung, written; /* how often */
} Bell;

static void bell_rung(Device *dev, unsigned n)
{
    device_as(dev, Bell)->rung = (uint8_t)(device_as(dev, Bell)->rung + (n == 7));
}

static MemResult bell_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    device_as(dev, Bell)->written++;
    return MEM_OK;
}

static MemResult bell_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Bell *b = device_as(dev, Bell);

    *val = (uint64_t)b->rung << 4 | b->written;
    return MEM_OK;
}

static bool bell_start(Device *dev, GError **err)
{
    doorbell_add_value(dev, 0, 0, 2, BELL_VALUE, bell_rung, 7);
    return true;
}

/* With so many before it that the loop does not have it by itself. */
static bool bells_start(Device *dev, GError **err)
{
    for (unsigned i = 0; i < 40; i++) {
        doorbell_add_value(dev, 0, 0, 2, 100 + i, bell_rung, 8);
    }
    return bell_start(dev, err);
}

#define BELL(type_name, doc_text, start_fn)                                       \
    {                                                                             \
        .name = type_name, .doc = doc_text, .size = sizeof(Bell), .mmio_size = 4, \
        .read = bell_read, .write = bell_write, .start = start_fn,                \
    }

static const DeviceType bell_type = BELL("bell", "a doorbell", bell_start);
static const DeviceType bells_type = BELL("bells", "a doorbell among many", bells_start);

static void bell_add_type(Machine *m, const DeviceType *type)
{
    g_autoptr(GError) err = NULL;
    Device *dev = device_make(m, type, NULL, "bell");

    EXPECT(device_realize(dev, &err));
    isa_map(dev, 0, BELL_PORT);
}

static void bell_add(Machine *m)
{
    bell_add_type(m, &bell_type);
}

static void bells_add(Machine *m)
{
    bell_add_type(m, &bells_type);
}

static int events_status(const uint8_t *code, size_t len, void (*add)(Machine *m),
                         const char *options)
{
    g_autoptr(GError) err = NULL;
    Machine *m = kvm_machine_setup(code, len, options, add, &err);
    int status = -1;

    if (m && machine_resume(m, &err)) {
        status = machine_run_main_loop(m);
    }
    if (err) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
    }
    if (m) {
        machine_free(m);
    }
    return status;
}

TEST(kvm, doorbell_rings_without_an_exit)
{
    static const uint8_t code[] = {
        0xba, 0x00, 0x06, /* mov dx, 600h */
        0xb8, 0x03, 0x00, /* mov ax, 3 */
        0xef,             /* out dx, ax: the kernel takes it */
        0xb8, 0x04, 0x00, /* mov ax, 4 */
        0xef,             /* out dx, ax: of another value */
        0xb0, 0x03,       /* mov al, 3 */
        0xee,             /* out dx, al: of another size */
        0xba, 0x02, 0x06, /* mov dx, 602h */
        0xec,             /* in al, dx */
        0x3c, 0x12,       /* cmp al, 12h: rung once, written twice */
        0x75, 0xfb,       /* jne to the in */
        0xba, 0x01, 0x05, /* mov dx, 501h */
        0xee,             /* out dx, al */
        0xf4,             /* hlt */
    };

    if (!kvm_is_missing()) {
        EXPECT_EQ(events_status(code, sizeof(code), bell_add, NULL), 0x12 << 1 | 1);
        EXPECT_EQ(events_status(code, sizeof(code), bells_add, NULL), 0x12 << 1 | 1);
    }
}

/* What was rung before the machine stops is served before it is saved. */
static void doorbell_paused(void (*add)(Machine *m))
{
    static const uint8_t code[] = {
        0xba, 0x00, 0x06, /* mov dx, 600h */
        0xb8, 0x03, 0x00, /* mov ax, 3 */
        0xef,             /* out dx, ax */
        0xeb, 0xfe,       /* jmp to itself */
    };
    g_autoptr(GError) err = NULL;
    Machine *m;

    m = kvm_machine_setup(code, sizeof(code), NULL, add, &err);
    EXPECT(m && machine_resume(m, &err));
    if (m) {
        g_usleep(50000); /* the loop does not run */
        machine_pause(m, RUN_PAUSED);
        EXPECT_EQ(device_as(device_find(m, "/bell"), Bell)->rung, 1);
        EXPECT_EQ(device_as(device_find(m, "/bell"), Bell)->written, 0);
        machine_free(m);
    }
}

TEST(kvm, doorbell_is_served_by_a_pause)
{
    if (!kvm_is_missing()) {
        doorbell_paused(bell_add);
        doorbell_paused(bells_add);
    }
}

/* Waits for vector 40h in a loop of hlt and counts to 3; its local APIC is an x2APIC. */
static const uint8_t counts_messages[] = {
    0x31, 0xc0,                               /* 00: xor ax, ax */
    0x8e, 0xd8,                               /* 02: mov ds, ax */
    0x8e, 0xd0,                               /* 04: mov ss, ax */
    0xbc, 0x00, 0x70,                         /* 06: mov sp, 7000h */
    0xc7, 0x06, 0x00, 0x01, 0x45, 0x00,       /* 09: mov word [100h], 45h: the handler */
    0xc7, 0x06, 0x02, 0x01, 0x00, 0xf0,       /* 0f: mov word [102h], f000h */
    0xb1, 0x1b, 0x90, 0x66, 0x0f, 0xb6, 0xc9, /* 15: mov cl, 1bh; movzx ecx, cl */
    0x0f, 0x32,                               /* 1c: rdmsr: IA32_APIC_BASE */
    0x0d, 0x00, 0x0c,                         /* 1e: or ax, 0c00h */
    0x0f, 0x30,                               /* 21: wrmsr */
    0x66, 0xb9, 0x0f, 0x08, 0x00, 0x00,       /* 23: mov ecx, 80fh: spurious vector */
    0x66, 0x31, 0xd2,                         /* 29: xor edx, edx */
    0x66, 0xb8, 0xff, 0x01, 0x00, 0x00,       /* 2c: mov eax, 1ffh */
    0x0f, 0x30,                               /* 32: wrmsr */
    0x31, 0xdb,                               /* 34: xor bx, bx */
    0xb0, 0x01, 0xba, 0x00, 0x06, 0xee,       /* 36: out 600h, 1: ready */
    0xfb,                                     /* 3c: sti */
    0xf4,                                     /* 3d: hlt */
    0xeb, 0xfc,                               /* 3e: jmp to sti */
    0x90, 0x90, 0x90, 0x90, 0x90,             /* 40 */
    0x43,                                     /* 45: inc bx */
    0x66, 0xb9, 0x0b, 0x08, 0x00, 0x00,       /* 46: mov ecx, 80bh: end of interrupt */
    0x66, 0x31, 0xc0,                         /* 4c: xor eax, eax */
    0x66, 0x31, 0xd2,                         /* 4f: xor edx, edx */
    0x0f, 0x30,                               /* 52: wrmsr */
    0x88, 0xd8, 0xba, 0x01, 0x06, 0xee,       /* 54: out 601h, bl: counted */
    0x80, 0xfb, 0x03,                         /* 5a: cmp bl, 3 */
    0x75, 0x06,                               /* 5d: jne iret */
    0x88, 0xd8, 0xba, 0x01, 0x05, 0xee,       /* 5f: out 501h, bl */
    0xcf,                                     /* 65: iret */
};

typedef struct Sender {
    Machine *m;
    MsiRoute *route;
    unsigned sent;
} Sender;

/* The next message when the guest has counted the last one. */
static void sender_tick(void *arg)
{
    Sender *s = arg;
    const MachineIrqchip *chip = machine_irqchip(s->m);
    Device *bell = device_find(s->m, "/bell");
    uint8_t written;

    device_enter(bell);
    written = device_as(bell, Bell)->written;
    device_leave(bell);

    if (written == s->sent + 1 && s->sent < 3) {
        /* The destination is CPU 0; the third has other data: trigger mode edge, level assert. */
        EXPECT(chip->msi_send_routed(s->m, &s->route, 0xfee00000,
                                     s->sent == 2 ? 0x4000 | VECTOR : VECTOR));
        s->sent++;
    }
    loop_timeout_ms(s->m, 2, sender_tick, s);
}

TEST(kvm, messages_by_their_own_routes)
{
    g_autoptr(GError) err = NULL;
    Sender s = { 0 };

    if (kvm_is_missing()) {
        return;
    }
    s.m = kvm_machine_setup(counts_messages, sizeof(counts_messages), NULL, bell_add, &err);
    EXPECT(s.m && machine_resume(s.m, &err));
    if (s.m) {
        loop_timeout_ms(s.m, 2, sender_tick, &s);
        EXPECT_EQ(machine_run_main_loop(s.m), 3 << 1 | 1);
        machine_irqchip(s.m)->msi_unroute(s.m, s.route);
        machine_free(s.m);
    }
}
