/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest writes gets into dirty logs, by slots' bitmaps and by rings. */
#include "accel/kvm/kvm-bench.h"
#include "core/memory/memory.h"
#include "tests/unit.h"

enum { PAGE = 0x7000, OTHER = 0x9000 };

/* Writes to page 7 for ever, and leaves now and then. */
static const uint8_t writes[] = {
    0x31, 0xc0,                   /* xor ax, ax */
    0x8e, 0xd8,                   /* mov ds, ax */
    0xc6, 0x06, 0x00, 0x7c, 0x15, /* mov byte [7c00h], 15h */
    0xe6, 0x80,                   /* out 80h, al */
    0xeb, 0xf7,                   /* jmp to the mov */
};

static void dirty_run(Machine *m, GError **err)
{
    EXPECT(machine_resume(m, err));
    g_usleep(30000);
    machine_pause(m, RUN_PAUSED);
}

static void dirty_check(const char *options)
{
    g_autoptr(GError) err = NULL;
    Machine *m;
    RamBlock *ram;

    if (kvm_is_missing()) {
        return;
    }
    m = kvm_machine(writes, sizeof(writes), options, &err);
    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    ram = ram_find(m, "pc.ram");
    dirty_run(m, &err);
    EXPECT(!ram_dirty_test(ram, DIRTY_DISPLAY, PAGE, 1)); /* nobody has asked */
    ram_log_start(ram, DIRTY_DISPLAY);
    for (unsigned i = 0; i < 2; i++) {
        dirty_run(m, &err);
        EXPECT(ram_log_sync(ram));
        EXPECT(ram_dirty_test(ram, DIRTY_DISPLAY, PAGE, GUEST_PAGE_SIZE));
        EXPECT(!ram_dirty_test(ram, DIRTY_DISPLAY, OTHER, GUEST_PAGE_SIZE));
        EXPECT(ram_dirty_clear(ram, DIRTY_DISPLAY, 0, ram->size));
        EXPECT(ram_log_sync(ram));
        EXPECT(!ram_dirty_test(ram, DIRTY_DISPLAY, PAGE, GUEST_PAGE_SIZE));
    }
    ram_log_stop(ram, DIRTY_DISPLAY);
    dirty_run(m, &err);
    EXPECT(!ram_log_sync(ram)); /* nobody knows without a log */
    EXPECT(!ram_dirty_test(ram, DIRTY_DISPLAY, PAGE, GUEST_PAGE_SIZE));
    machine_free(m);
}

TEST(kvm, dirty_log)
{
    dirty_check(NULL);
}

TEST(kvm, dirty_ring)
{
    dirty_check("dirty-ring-size=1024");
}
