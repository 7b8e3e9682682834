/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of where blocks begin: what they name, and that they come back when all are in use. */
#include "accel/accel.h"
#include "accel/tcg/tcg-priv.h"

#include "target/arm/cpu.h"
#include "tests/unit.h"

#include <pthread.h>

enum { RAM_BYTES = 1 << 20, OFF = 2 * GUEST_PAGE_SIZE, MODE = 0x123 };

typedef struct Bench {
    Machine *m;
    Tcg *t;
    Cpu *cpu;
    RamBlock *ram;
    TcgBlock block[3];
} Bench;

static bool bench_new(Bench *b)
{
    g_autoptr(GError) err = NULL;
    ArmCpu *c = NULL;

    *b = (Bench){ .m = machine_new(&err) };
    b->ram = b->m ? ram_new(b->m, "ram", RAM_BYTES, 0, &err) : NULL;
    if (b->ram) {
        machine_add_types(b->m, arm_cpu_types);
        c = arm_cpu_new(b->m, "max", 0, &err);
    }
    if (!c || !device_realize(&c->cpu.dev, &err) ||
        !accel_attach(b->m, &accel_tcg, "backend=interp", &err)) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
        return false;
    }
    b->t = machine_accel_state(b->m);
    b->cpu = &c->cpu;
    for (unsigned i = 0; i < G_N_ELEMENTS(b->block); i++) {
        b->block[i] = (TcgBlock){ .ram = b->ram,
                                  .page_off = OFF,
                                  .mode_word = MODE,
                                  .target = b->cpu->target,
                                  .start_delta = (uint16_t)(64 * i),
                                  .host_entry = &b->block[i] };
    }
    return true;
}

static void bench_free(Bench *b)
{
    if (b->m) {
        machine_free(b->m);
    }
}

static void bench_change(Bench *b, unsigned i, bool add)
{
    mutex_lock(&b->t->lock);
    if (add) {
        tcg_entries_add(b->t, &b->block[i]);
    } else {
        tcg_entries_remove(b->t, &b->block[i]);
    }
    mutex_unlock(&b->t->lock);
}

static void **bench_get(Bench *b, uint64_t mode)
{
    return tcg_entries_get(b->t, b->ram, OFF, mode, b->cpu->target);
}

TEST(entries, blocks_come_and_go)
{
    Bench b;

    if (bench_new(&b)) {
        void **e, **other;

        bench_change(&b, 0, true); /* no table yet: nothing happens */
        e = bench_get(&b, MODE);
        other = bench_get(&b, MODE + 1);
        EXPECT(e && other && e != other && e == bench_get(&b, MODE));
        EXPECT(e[0] == tcg_entry_none(&b.t->cache, 0));
        bench_change(&b, 1, true);
        b.block[2].start_delta = 130; /* where no instruction can begin: has no place */
        bench_change(&b, 2, true);
        EXPECT(e[64 >> TCG_ENTRY_SHIFT] == &b.block[1]);
        EXPECT(e[130 >> TCG_ENTRY_SHIFT] == tcg_entry_none(&b.t->cache, 130 >> TCG_ENTRY_SHIFT));
        EXPECT(other[64 >> TCG_ENTRY_SHIFT] != &b.block[1]);
        bench_change(&b, 1, false);
        EXPECT(e[64 >> TCG_ENTRY_SHIFT] != &b.block[1]);
    }
    bench_free(&b);
}

/* When all tables are in use they are emptied, and used again only when every vCPU came by. */
TEST(entries, tables_come_back)
{
    Bench b;

    if (bench_new(&b)) {
        TcgCpu *tc = tcg_cpu(b.cpu);
        void **first = bench_get(&b, MODE);

        bench_change(&b, 0, true);
        EXPECT(first[0] == &b.block[0]);
        tcg_pass(b.cpu);
        tcg_view_add(b.cpu, 0x5000, first, true);
        for (unsigned i = 1; i < TCG_ENTRY_TABLES; i++) {
            EXPECT(bench_get(&b, MODE + i) != NULL);
        }
        EXPECT(!bench_get(&b, MODE + TCG_ENTRY_TABLES));
        EXPECT(first[0] == tcg_entry_none(&b.t->cache, 0));
        EXPECT_EQ(tc->fast[5].page, 0x5000);
        EXPECT(!bench_get(&b, MODE)); /* the vCPU may still be anywhere */
        tcg_pass(b.cpu);
        EXPECT(tc->fast[5].page != 0x5000);
        EXPECT(bench_get(&b, MODE) == first);
        __atomic_store_n(&tc->passed, 0, __ATOMIC_SEQ_CST);
    }
    bench_free(&b);
}

/* Two threads ask for the same tables while a third changes blocks. */
static void *bench_asks(void *arg)
{
    Bench *b = arg;
    uintptr_t seen = 0;

    for (unsigned i = 0; i < 2000; i++) {
        void **e = bench_get(b, MODE + i % 50);

        seen += (uintptr_t)__atomic_load_n(&e[0], __ATOMIC_ACQUIRE);
    }
    return (void *)seen;
}

TEST(entries, found_in_parallel)
{
    Bench b;

    if (bench_new(&b)) {
        pthread_t thread[2];

        for (unsigned i = 0; i < 2; i++) {
            EXPECT(!pthread_create(&thread[i], NULL, bench_asks, &b));
        }
        for (unsigned i = 0; i < 1000; i++) {
            b.block[0].mode_word = MODE + i % 50;
            bench_change(&b, 0, i & 1);
        }
        for (unsigned i = 0; i < 2; i++) {
            pthread_join(thread[i], NULL);
        }
        EXPECT_EQ(b.t->entries.n, 50);
    }
    bench_free(&b);
}
