/* SPDX-License-Identifier: Apache-2.0 */
#include "core/memory/memory.h"
#include "core/device.h"
#include "core/machine.h"
#include "tests/unit.h"

#include <pthread.h>

typedef struct Fixture {
    Machine *m;
    RamBlock *ram;
    MemRegion *root, *r;
} Fixture;

static Fixture memory_fixture(void)
{
    g_autoptr(GError) err = NULL;
    Fixture f = { .m = machine_new(&err) };

    f.ram = ram_new(f.m, "ram", 1 << 20, RAM_SHARED, &err);
    CHECK(f.ram);
    f.root = machine_memory_root(f.m);
    f.r = region_new_ram(f.m, "ram", f.ram, 0, f.ram->size);
    region_add(f.root, f.r, 0x40000000, 0);
    return f;
}

TEST(memory, ram_reads_and_writes)
{
    Fixture f = memory_fixture();
    AddressSpace *as = machine_memory(f.m);
    const char text[] = "hello, guest";
    char back[sizeof(text)];
    uint64_t v;

    EXPECT_EQ(aspace_write(as, 0x40000ffa, text, sizeof(text), (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(aspace_read(as, 0x40000ffa, back, sizeof(back), (MemAttrs){ 0 }), MEM_OK);
    EXPECT_STR(back, text);
    EXPECT(!memcmp(f.ram->host + 0xffa, text, sizeof(text)));
    EXPECT_EQ(aspace_store(as, 0x40000010, 4, 0x12345678, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(f.ram->host[0x10], 0x78);
    EXPECT_EQ(aspace_load(as, 0x40000010, 2, &v, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(v, 0x5678);
    /* Holes read as zero and say so, the rest of the access is done all the same. */
    EXPECT_EQ(aspace_read(as, 0x3fffffff, back, 2, (MemAttrs){ 0 }), MEM_DECODE_ERROR);
    EXPECT_EQ(aspace_read(as, 0, back, 4, (MemAttrs){ 0 }), MEM_DECODE_ERROR);
    EXPECT_EQ(aspace_read(as, UINT64_MAX, back, 1, (MemAttrs){ 0 }), MEM_DECODE_ERROR);
    machine_free(f.m);
}

TEST(memory, overlaps_aliases_and_priorities)
{
    Fixture f = memory_fixture();
    AddressSpace *as = machine_memory(f.m);
    MemRegion *rom = region_new_rom(f.m, "rom", f.ram, 0x8000, 0x1000);
    MemRegion *alias = region_new_alias(f.m, "alias", f.root, 0x40000000, 0x2000);
    uint64_t generation = aspace_generation(as);
    const FlatRange *r;
    AspaceReader reader;

    region_add(f.root, rom, 0x40001000, 1);
    region_add(f.root, alias, 0, 0);
    EXPECT_EQ(aspace_generation(as), generation + 2);

    reader = aspace_enter(as);
    r = aspace_lookup(as, 0x40000fff);
    EXPECT(r && r->kind == FLAT_RAM && r->start == 0x40000000 && r->len == 0x1000);
    r = aspace_lookup(as, 0x40001000);
    EXPECT(r && r->kind == FLAT_ROM && r->offset == 0x8000 && r->len == 0x1000);
    r = aspace_lookup(as, 0x40002000);
    EXPECT(r && r->kind == FLAT_RAM && r->offset == 0x2000 && r->len == (1 << 20) - 0x2000);
    r = aspace_lookup(as, 0x1234);
    EXPECT(r && r->kind == FLAT_ROM && r->start == 0x1000 && r->offset == 0x8000);
    EXPECT(!aspace_lookup(as, 0x2000) && !aspace_lookup(as, 0x40100000));
    aspace_leave(reader);

    /* Writes to ROM go nowhere, but loaders may. */
    EXPECT_EQ(aspace_store(as, 0x40001000, 1, 7, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(f.ram->host[0x8000], 0);
    EXPECT_EQ(aspace_write_rom(as, 0x40001000, "\7", 1), MEM_OK);
    EXPECT_EQ(f.ram->host[0x8000], 7);

    region_set_enabled(rom, false);
    reader = aspace_enter(as);
    r = aspace_lookup(as, 0x1000);
    EXPECT(r && r->kind == FLAT_RAM && r->start == 0 && r->len == 0x2000);
    aspace_leave(reader);
    machine_free(f.m);
}

TEST(memory, whole_address_space)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    RamBlock *ram = ram_new(m, "ram", 0x2000, 0, &err);
    MemRegion *high = region_new_ram(m, "high", ram, 0, 0x2000);
    AddressSpace *as = machine_memory(m);
    uint8_t b;

    region_add(machine_memory_root(m), high, UINT64_MAX - 0x1fff, 0);
    EXPECT_EQ(aspace_store(as, UINT64_MAX, 1, 0x5a, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(ram->host[0x1fff], 0x5a);
    EXPECT_EQ(aspace_read(as, UINT64_MAX, &b, 1, (MemAttrs){ 0 }), MEM_OK);
    /* What would lie beyond 2^64 is clipped. */
    region_set_address(high, UINT64_MAX - 0xfff);
    EXPECT_EQ(aspace_store(as, UINT64_MAX, 1, 0x77, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(ram->host[0xfff], 0x77);
    machine_free(m);
}

typedef struct Heard {
    unsigned maps, codes, revokes, syncs;
    uint64_t lo, last, off, len;
} Heard;

static void heard_map(void *opaque, AddressSpace *as, GuestPhys lo, GuestPhys last)
{
    Heard *h = opaque;

    h->maps++;
    h->lo = lo;
    h->last = last;
}

static void heard_code(void *opaque, RamBlock *ram, uint64_t off, uint64_t len)
{
    Heard *h = opaque;

    h->codes++;
    h->off = off;
    h->len = len;
}

static void heard_revoked(void *opaque, RamBlock *ram, uint64_t off, uint64_t len)
{
    ((Heard *)opaque)->revokes++;
}

/* Knows of a store once, and then no more. */
static bool heard_sync(void *opaque, RamBlock *ram)
{
    Heard *h = opaque;

    if (!h->syncs++) {
        ram_dirty_set(ram, 0x5000, 1);
        return true;
    }
    return false;
}

TEST(memory, listeners_hear_code_writes_and_maps)
{
    Fixture f = memory_fixture();
    Heard h = { 0 };
    const MemListener l = { heard_map, heard_code, heard_revoked, heard_sync, &h };
    AddressSpace *as = machine_memory(f.m);

    mem_listener_add(f.m, &l);
    EXPECT(ram_write_is_free(f.ram, 0x3000));
    ram_code_set(f.ram, 0x3000, 4);
    EXPECT_EQ(h.revokes, 1);
    EXPECT(!ram_write_is_free(f.ram, 0x3000) && ram_has_code(f.ram, 0x3ffc, 8));
    EXPECT_EQ(aspace_store(as, 0x40002ff8, 8, 1, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(h.codes, 0);
    EXPECT_EQ(aspace_store(as, 0x40003008, 8, 1, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(h.codes, 1);
    EXPECT_EQ(h.off, 0x3008);
    ram_code_clear(f.ram, 0x3000, 1);
    EXPECT_EQ(aspace_store(as, 0x40003008, 8, 1, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(h.codes, 1);

    map_change_begin(f.m);
    region_set_enabled(f.r, false);
    EXPECT_EQ(h.maps, 0);
    region_set_enabled(f.r, true);
    map_change_end(f.m);
    EXPECT_EQ(h.maps, 0); /* nothing has changed in the end */
    region_set_address(f.r, 0x40001000);
    EXPECT_EQ(h.maps, 1);
    EXPECT_EQ(h.lo, 0x40000000);
    EXPECT_EQ(h.last, 0x40100fff);

    ram_log_start(f.ram, DIRTY_DISPLAY);
    EXPECT(ram_log_sync(f.ram));
    EXPECT(ram_dirty_test(f.ram, DIRTY_DISPLAY, 0x5000, 1));
    EXPECT(!ram_dirty_test(f.ram, DIRTY_DISPLAY, 0x6000, 1));
    EXPECT(!ram_log_sync(f.ram));
    machine_free(f.m);
}

TEST(memory, fill)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    RamBlock *ram = ram_new(m, "flash", 3 << 20, RAM_ROM, &err);

    CHECK(ram);
    ram_fill(ram, 0xa5);
    ram->host[1 << 20] = 1;
    EXPECT_EQ(ram->host[0], 0xa5);
    EXPECT_EQ(ram->host[1 << 20], 1);
    EXPECT_EQ(ram->host[(3 << 20) - 1], 0xa5);
    ram_fill(ram, 0xff);
    EXPECT_EQ(ram->host[1 << 20], 0xff);
    machine_free(m);
}

TEST(memory, dirty_logs)
{
    Fixture f = memory_fixture();
    AddressSpace *as = machine_memory(f.m);

    aspace_fill(as, 0x40000000, 1, 0x1000);
    EXPECT(!ram_dirty_test(f.ram, DIRTY_MIGRATION, 0, f.ram->size));
    ram_log_start(f.ram, DIRTY_MIGRATION);
    EXPECT(!ram_write_is_free(f.ram, 0x41000));
    aspace_fill(as, 0x40041000, 1, 0x1001);
    EXPECT(ram_dirty_test(f.ram, DIRTY_MIGRATION, 0x41000, 1));
    EXPECT(ram_dirty_test(f.ram, DIRTY_MIGRATION, 0x42000, 1));
    EXPECT(!ram_dirty_test(f.ram, DIRTY_MIGRATION, 0x43000, 0x1000));
    EXPECT(ram_write_is_free(f.ram, 0x41000));
    EXPECT(ram_dirty_clear(f.ram, DIRTY_MIGRATION, 0x41000, 0x1000));
    EXPECT(!ram_dirty_clear(f.ram, DIRTY_MIGRATION, 0x41000, 0x1000));
    EXPECT(ram_dirty_test(f.ram, DIRTY_MIGRATION, 0x42000, 1));
    ram_log_stop(f.ram, DIRTY_MIGRATION);
    EXPECT(ram_write_is_free(f.ram, 0x43000));
    machine_free(f.m);
}

TEST(memory, roms_come_back_at_reset)
{
    Fixture f = memory_fixture();
    AddressSpace *as = machine_memory(f.m);
    g_autoptr(GError) err = NULL;

    EXPECT(rom_add(f.m, as, 0x40000100, "KERNEL", 6, "kernel", &err));
    EXPECT(!rom_add(f.m, as, 0x40000104, "DTB", 3, "dtb", &err));
    EXPECT(err && strstr(err->message, "'dtb'") && strstr(err->message, "'kernel'"));
    g_clear_error(&err);
    EXPECT(!rom_add(f.m, as, 0x400ffffe, "DTB", 3, "dtb", &err));
    EXPECT(!memcmp(f.ram->host + 0x100, "KERNEL", 6));
    aspace_fill(as, 0x40000100, 0, 6);
    machine_reset(f.m, RESET_WARM, CAUSE_NONE);
    EXPECT(!memcmp(f.ram->host + 0x100, "KERNEL", 6));
    EXPECT_STR(rom_name_at(f.m, as, 0x40000105), "kernel");
    machine_free(f.m);
}

typedef struct Racer {
    AddressSpace *as;
    bool stop;
    uint64_t reads, bad;
} Racer;

static void *memory_race(void *arg)
{
    Racer *r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
        uint64_t v = 0;
        MemResult res =
            aspace_load(r->as, 0x40000000 + (r->reads % 64) * 8, 8, &v, (MemAttrs){ 0 });

        r->bad += res == MEM_OK ? v != 0x0101010101010101 : v != 0;
        r->reads++;
    }
    return NULL;
}

TEST(memory, readers_survive_map_changes)
{
    Fixture f = memory_fixture();
    Racer racers[2] = { { machine_memory(f.m) }, { machine_memory(f.m) } };
    pthread_t t[2];

    memset(f.ram->host, 1, f.ram->size);
    for (unsigned i = 0; i < 2; i++) {
        pthread_create(&t[i], NULL, memory_race, &racers[i]);
    }
    for (unsigned i = 0; i < 2000; i++) {
        region_set_enabled(f.r, i & 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        __atomic_store_n(&racers[i].stop, true, __ATOMIC_RELEASE);
        pthread_join(t[i], NULL);
        EXPECT_EQ(racers[i].bad, 0);
    }
    machine_free(f.m);
}
