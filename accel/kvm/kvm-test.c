/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/kvm/kvm.h"

#include "accel/accel.h"
#include "accel/kvm/kvm-bench.h"
#include "core/state/state.h"
#include "hw/board/board.h"
#include "target/i386/cpu.h"
#include "tests/unit.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { ROM_BYTES = 64 << 10, RESET_VECTOR = 0xfff0 };

/* What stands at F000:0000; runs from the reset vector. */
static Machine *kvm_machine_all(const uint8_t *code, size_t len, const char *options,
                                const char *cpu, void (*setup)(Machine *m), GError **err)
{
    static const uint8_t jump[] = { 0xea, 0x00, 0x00, 0x00, 0xf0 };
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tinamou-XXXXXX", NULL);
    g_autofree char *rom = g_malloc0(ROM_BYTES);
    int fd = g_mkstemp(path);
    Machine *m = machine_new(err);
    BoardConfig cfg = { .ram_bytes = 16 << 20, .bios = path, .cpu = cpu, .n_cpus = 1 };
    Device *dev;
    bool ok;

    if (options && strstr(options, "irqchip=off")) {
        cfg.irqchip = IRQCHIP_OWN;
    } else if (options && strstr(options, "irqchip=split")) {
        cfg.irqchip = IRQCHIP_SPLIT;
    }
    memcpy(rom, code, len);
    memcpy(rom + RESET_VECTOR, jump, sizeof(jump));
    ok = fd >= 0 && g_file_set_contents(path, rom, ROM_BYTES, err);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = ok && board_pc.init(m, &cfg, err);
    dev = ok ? device_new(m, "isa-debug-exit", NULL, NULL, err) : NULL;
    if (ok && setup) {
        setup(m);
    }
    ok = dev && device_realize(dev, err) && accel_attach(m, &accel_kvm, options, err) &&
         machine_start(m, err);
    g_close(fd, NULL);
    g_unlink(path);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    return m;
}

Machine *kvm_machine_setup(const uint8_t *code, size_t len, const char *options,
                           void (*setup)(Machine *m), GError **err)
{
    return kvm_machine_all(code, len, options, "host", setup, err);
}

Machine *kvm_machine_cpu(const uint8_t *code, size_t len, const char *cpu, GError **err)
{
    return kvm_machine_all(code, len, NULL, cpu, NULL, err);
}

bool kvm_is_missing(void)
{
    if (access("/dev/kvm", R_OK | W_OK) == 0) {
        return false;
    }
    test_skip("there is no /dev/kvm");
    return true;
}

/* The exit status of a program that writes to port 501h. */
static int kvm_status(const uint8_t *code, size_t len)
{
    g_autoptr(GError) err = NULL;
    Machine *m = kvm_machine(code, len, NULL, &err);
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

TEST(kvm, memory_rom_and_ports)
{
    static const uint8_t code[] = {
        0x31, 0xc0,                         /* xor ax, ax */
        0x8e, 0xd8,                         /* mov ds, ax */
        0xc6, 0x06, 0x00, 0x7c, 0x15,       /* mov byte [7c00h], 15h */
        0x2e, 0xc6, 0x06, 0x00, 0x00, 0x00, /* mov byte cs:[0], 0: of no effect */
        0xa0, 0x00, 0x7c,                   /* mov al, [7c00h] */
        0x2e, 0x02, 0x06, 0x00, 0x00,       /* add al, cs:[0] */
        0xba, 0x01, 0x05,                   /* mov dx, 501h */
        0xee,                               /* out dx, al */
        0xf4,                               /* hlt */
    };

    if (!kvm_is_missing()) {
        EXPECT_EQ(kvm_status(code, sizeof(code)), 0x46 << 1 | 1);
    }
}

TEST(kvm, strings_of_ports)
{
    static const uint8_t code[] = {
        0x31, 0xc0,                         /* xor ax, ax */
        0x8e, 0xd8,                         /* mov ds, ax */
        0x8e, 0xc0,                         /* mov es, ax */
        0xb0, 0x8f,                         /* mov al, 8fh */
        0xe6, 0x70,                         /* out 70h, al: byte 0fh of CMOS RAM */
        0xc7, 0x06, 0x00, 0x7c, 0x11, 0x22, /* mov word [7c00h], 2211h */
        0xbe, 0x00, 0x7c,                   /* mov si, 7c00h */
        0xba, 0x71, 0x00,                   /* mov dx, 71h */
        0xb9, 0x02, 0x00,                   /* mov cx, 2 */
        0xfc,                               /* cld */
        0xf3, 0x6e,                         /* rep outsb: the last one stays */
        0xbf, 0x10, 0x7c,                   /* mov di, 7c10h */
        0xb9, 0x03, 0x00,                   /* mov cx, 3 */
        0xf3, 0x6c,                         /* rep insb */
        0xa0, 0x12, 0x7c,                   /* mov al, [7c12h] */
        0xba, 0x01, 0x05,                   /* mov dx, 501h */
        0xee,                               /* out dx, al */
        0xf4,                               /* hlt */
    };

    if (!kvm_is_missing()) {
        EXPECT_EQ(kvm_status(code, sizeof(code)), 0x22 << 1 | 1);
    }
}

/* A write to port 80h is slow enough to be met by a pause. */
TEST(kvm, pause_fetches_registers)
{
    static const uint8_t code[] = {
        0xb8, 0x34, 0x12, /* mov ax, 1234h */
        0xe6, 0x80,       /* out 80h, al */
        0xeb, 0xfc,       /* jmp to it */
    };
    g_autoptr(GError) err = NULL;
    Machine *m;
    X86Cpu *c;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(code, sizeof(code), NULL, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    c = x86_cpu(machine_cpu(m, 0));
    /* A host with much to do may not come to it in twenty. */
    for (unsigned i = 0; i < 20 || (c->regs[X86_RAX] != 0x1234 && i < 2000); i++) {
        EXPECT(machine_resume(m, &err));
        g_usleep(1000);
        machine_pause(m, RUN_PAUSED);
    }
    EXPECT_EQ(c->regs[X86_RAX], 0x1234);
    EXPECT_EQ(c->seg[X86_CS].selector, 0xf000);
    EXPECT_EQ(c->rip == 3 || c->rip == 5, 1);
    /* What is written while it stands is what it goes on with. */
    c->regs[X86_RAX] = 0x77;
    cpu_state_changed(&c->cpu);
    EXPECT(machine_resume(m, &err));
    g_usleep(1000);
    machine_pause(m, RUN_PAUSED);
    EXPECT_EQ(c->regs[X86_RAX], 0x77);
    machine_free(m);
}

static uint8_t *kvm_chips(Machine *m)
{
    const MachineIrqchip *chip = machine_irqchip(m);
    uint8_t *state = g_malloc0(chip->state_bytes(m));
    g_autoptr(GError) err = NULL;

    EXPECT(chip->get(m, state, &err));
    return state;
}

/* The interrupt controllers in the kernel are part of a snapshot, and of a reset. */
TEST(kvm, snapshot_has_the_interrupt_controllers)
{
    static const uint8_t code[] = {
        0xb0, 0x5a, /* mov al, 5ah */
        0xe6, 0x21, /* out 21h, al: the mask of the first 8259 */
        0xe6, 0x80, /* out 80h, al */
        0xeb, 0xfc, /* jmp to it */
    };
    enum { PIC_STATE = 16 }; /* of the timer and the APICs, other bytes move by themselves */
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree uint8_t *before = NULL, *reset = NULL, *after = NULL;
    g_autoptr(GError) err = NULL;
    Machine *m;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(code, sizeof(code), NULL, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    EXPECT(machine_resume(m, &err));
    g_usleep(20000);
    machine_pause(m, RUN_PAUSED);
    before = kvm_chips(m);
    EXPECT(machine_save_bytes(m, bytes, &err));
    machine_reset(m, RESET_WARM, CAUSE_NONE);
    reset = kvm_chips(m);
    EXPECT(machine_load_bytes(m, bytes->data, bytes->len, &err));
    after = kvm_chips(m);
    EXPECT(memcmp(before, reset, PIC_STATE) != 0);
    EXPECT(memcmp(before, after, PIC_STATE) == 0);
    machine_free(m);
}

TEST(kvm, messages)
{
    static const uint8_t code[] = { 0xf4 };
    g_autoptr(GError) err = NULL;

    if (kvm_is_missing()) {
        return;
    }
    EXPECT(!kvm_machine(code, 1, "kernel-irqchip=maybe", &err));
    EXPECT(err && strstr(err->message, "valid: on, off, split"));
    g_clear_error(&err);
    EXPECT(!kvm_machine(code, 1, "kernel-irqship=on", &err));
    EXPECT(err && strstr(err->message, "kernel-irqchip"));
}
