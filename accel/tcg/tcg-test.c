/* SPDX-License-Identifier: Apache-2.0 */
/* The run time with A64 code on bare RAM: code that changes, breakpoints, steps. */
#include "accel/accel.h"
#include "accel/tcg/tcg-priv.h"

#include "core/state/state.h"
#include "target/arm/cpu.h"
#include "tests/unit.h"
#include "util/log.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { BASE = 0x40000000, RAM_BYTES = 1 << 20 };

typedef struct Bench {
    Machine *m;
    ArmCpu *c;
    CpuExit exit;
} Bench;

static bool tcg_bench_new(Bench *b, const char *options)
{
    g_autoptr(GError) err = NULL;
    RamBlock *ram;

    *b = (Bench){ .m = machine_new(&err) };
    ram = b->m ? ram_new(b->m, "ram", RAM_BYTES, 0, &err) : NULL;
    if (ram) {
        region_add(machine_memory_root(b->m), region_new_ram(b->m, "ram", ram, 0, RAM_BYTES), BASE,
                   0);
        machine_add_types(b->m, arm_cpu_types);
        b->c = arm_cpu_new(b->m, "max", 0, &err);
    }
    if (!b->c || !device_realize(&b->c->cpu.dev, &err) ||
        !accel_attach(b->m, &accel_tcg, options, &err) || !machine_start(b->m, &err)) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
        return false;
    }
    return true;
}

/* Context: the vCPU's thread. */
static void tcg_bench_run_on(Cpu *cpu, void *arg)
{
    Bench *b = arg;

    for (unsigned i = 0; i < 1000; i++) {
        b->exit = cpu->accel_ops->run(cpu);
        if (b->exit != CPU_EXIT_REQUEST) {
            break;
        }
        cpu_take_requests(cpu, UINT32_MAX);
    }
}

static void tcg_bench_run(Bench *b)
{
    cpu_run_on_wait(&b->c->cpu, tcg_bench_run_on, b);
}

static void tcg_bench_load(Bench *b, const uint32_t *code, size_t bytes)
{
    aspace_write(machine_memory(b->m), BASE, code, bytes, (MemAttrs){ 0 });
    b->c->pc = BASE;
}

static void tcg_bench_free(Bench *b)
{
    if (b->m) {
        machine_free(b->m);
    }
}

/* Writes `movz x1, #n` over an instruction and calls it, n = 0..99; x0 sums what it saw. */
static const uint32_t code_smc[] = {
    0x10000262, 0x52800003, 0xd2800000, 0x52800024, 0x72ba5004, /* adr x2, slot; x0, w3 = 0; w4 */
    0x2a031485, 0xb9000045,                                     /* loop: write it */
    0xd50b7b22, 0xd5033b9f, 0xd50b7522, 0xd5033b9f, 0xd5033fdf, /* clean, invalidate, barriers */
    0x94000007, 0x8b010000, 0x11000463, 0x7101907f, 0x54fffea1, /* call, add, to loop */
    0xd503207f, 0x17ffffff,                                     /* wfi, again */
    0xd28000e1, 0xd65f03c0,                                     /* slot: movz x1, #7; ret */
};

/* x0 counts to 1000. */
static const uint32_t code_loop[] = {
    0xd2800000, 0x91000400, 0xf10fa01f, 0x54ffffc1, 0xd503207f, 0x17ffffff,
};

static void tcg_test_smc(const char *options)
{
    Bench b;

    if (tcg_bench_new(&b, options)) {
        tcg_bench_load(&b, code_smc, sizeof(code_smc));
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        EXPECT_EQ(b.c->x[0], 99 * 100 / 2);
        EXPECT(tcg_cpu(&b.c->cpu)->tcg->invalidations >= 99);
        /* After some of them stores to the page are free and its blocks look at their source. */
        EXPECT(tcg_cpu(&b.c->cpu)->stats.smc >= 20 && tcg_cpu(&b.c->cpu)->stats.smc < 60);
        EXPECT(tcg_cpu(&b.c->cpu)->tcg->failed_checks >= 40);
        EXPECT_EQ(tcg_cpu(&b.c->cpu)->tcg->to_checked, 1);
    }
    tcg_bench_free(&b);
}

TEST(tcg, code_that_writes_itself)
{
    tcg_test_smc(NULL);
    tcg_test_smc("backend=interp");
}

/* A page whose blocks check themselves: nobody tells of stores; long unchanged, it is watched. */
static void tcg_test_checked(const char *options)
{
    Bench b;

    if (tcg_bench_new(&b, options)) {
        Tcg *t = machine_accel_state(b.m);
        RamBlock *ram = ram_first(b.m);

        tcg_bench_load(&b, code_smc, sizeof(code_smc));
        tcg_bench_run(&b);
        EXPECT(!ram_has_code(ram, 0, 4) && tcg_page_is_checked(ram, 0));
        memcpy(ram->host, code_loop, sizeof(code_loop));
        b.c->pc = BASE;
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->x[0], 1000);
        EXPECT_EQ(t->from_checked, 0);
        t->inserted += 1 << 20;
        tcg_bench_load(&b, code_smc, sizeof(code_smc));
        b.c->x[0] = 0;
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->x[0], 99 * 100 / 2);
        EXPECT_EQ(t->from_checked, 1);
        EXPECT_EQ(t->to_checked, 2); /* and hot again */
    }
    tcg_bench_free(&b);
}

TEST(tcg, blocks_check_their_source)
{
    tcg_test_checked(NULL);
    tcg_test_checked("backend=interp");
    tcg_test_checked("host-cpu=v2");
}

/* Data beside code: no block dies, and in the end nobody looks any more. */
TEST(tcg, stores_beside_code)
{
    Bench b;

    if (tcg_bench_new(&b, NULL)) {
        Tcg *t = machine_accel_state(b.m);
        RamBlock *ram = ram_first(b.m);

        tcg_bench_load(&b, code_loop, sizeof(code_loop));
        tcg_bench_run(&b);
        EXPECT(tcg_code_beside(t, ram, 2048, 8));
        EXPECT(!tcg_code_beside(t, ram, 4, 4) && !tcg_code_beside(t, ram, 4092, 8));
        EXPECT_EQ(t->filtered, 1);
        tcg_code_written(t, ram, 2048, 8);
        EXPECT_EQ(t->invalidations, 0);
        EXPECT(ram_has_code(ram, 0, 4));
        for (unsigned i = 0; i < 5000; i++) {
            tcg_code_written(t, ram, 2048, 8);
        }
        EXPECT(!ram_has_code(ram, 0, 4) && tcg_page_is_checked(ram, 0));
        EXPECT(t->invalidations > 0);
    }
    tcg_bench_free(&b);
}

/* Bytes that a device writes are new code too, without a word from the guest. */
static void tcg_test_dma(const char *options)
{
    static const uint32_t movz_x0_9 = 0xd2800120, b_to_wfi = 0x14000003;
    Bench b;

    if (tcg_bench_new(&b, options)) {
        tcg_bench_load(&b, code_loop, sizeof(code_loop));
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->x[0], 1000);
        aspace_write(machine_memory(b.m), BASE, &movz_x0_9, 4, (MemAttrs){ 0 });
        aspace_write(machine_memory(b.m), BASE + 4, &b_to_wfi, 4, (MemAttrs){ 0 });
        b.c->pc = BASE;
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        EXPECT_EQ(b.c->x[0], 9);
    }
    tcg_bench_free(&b);
}

TEST(tcg, code_that_a_device_writes)
{
    tcg_test_dma(NULL);
    tcg_test_dma("backend=interp");
}

static void tcg_test_debug(const char *options)
{
    Bench b;

    if (tcg_bench_new(&b, options)) {
        Cpu *cpu = &b.c->cpu;

        tcg_bench_load(&b, code_loop, sizeof(code_loop));
        tcg_bench_run(&b); /* translated and linked before there is a breakpoint */
        EXPECT_EQ(b.c->x[0], 1000);
        cpu_breakpoint_add(cpu, BASE + 8);
        b.c->pc = BASE;
        for (unsigned i = 1; i <= 3; i++) {
            tcg_bench_run(&b);
            EXPECT_EQ(b.exit, CPU_EXIT_DEBUG);
            EXPECT_EQ(cpu->debug_reason, DEBUG_BREAKPOINT);
            EXPECT_EQ(b.c->pc, BASE + 8);
            EXPECT_EQ(b.c->x[0], i);
        }
        EXPECT(cpu_breakpoint_remove(cpu, BASE + 8));
        cpu->single_step = true;
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_DEBUG);
        EXPECT_EQ(cpu->debug_reason, DEBUG_STEP);
        EXPECT_EQ(b.c->pc, BASE + 12);
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->pc, BASE + 4);
        cpu->single_step = false;
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        EXPECT_EQ(b.c->x[0], 1000);
    }
    tcg_bench_free(&b);
}

/* LDR, STR and a step over each: the debugger is told at the instruction, before its access. */
static void tcg_test_watch(const char *options)
{
    static const uint32_t code[] = {
        0x58000102, /* 0: ldr x2, 20h */
        0xf9400043, /* 4: ldr x3, [x2] */
        0x91000463, /* 8: add x3, x3, #1 */
        0xf9000043, /* c: str x3, [x2] */
        0xb9000443, /* 10: str w3, [x2, #4] */
        0xd503207f, /* 14: wfi */
        0,          0, BASE + 0x8000, 0,
    };
    uint64_t word = 0;
    Bench b;

    if (tcg_bench_new(&b, options)) {
        Cpu *cpu = &b.c->cpu;

        tcg_bench_load(&b, code, sizeof(code));
        tcg_bench_run(&b); /* the page is in the tables */
        cpu_watchpoint_add(cpu, BASE + 0x8000, 4, WATCH_WRITE);
        b.c->pc = BASE;
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_DEBUG);
        EXPECT_EQ(cpu->debug_reason, DEBUG_WATCHPOINT);
        EXPECT_EQ(cpu->debug_addr, BASE + 0x8000);
        EXPECT_EQ(b.c->pc, BASE + 12);
        EXPECT(cpu_debug_rw(cpu, BASE + 0x8000, &word, sizeof(word), false));
        EXPECT_EQ((uint32_t)word, 1); /* of the first run alone */
        EXPECT(cpu_watchpoint_remove(cpu, BASE + 0x8000, 4, WATCH_WRITE));
        cpu_watchpoint_add(cpu, BASE + 0x8000, 4, WATCH_READ);
        tcg_bench_run(&b); /* it only writes from here on */
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        b.c->pc = BASE;
        tcg_bench_run(&b);
        EXPECT_EQ(cpu->debug_reason, DEBUG_WATCHPOINT);
        EXPECT_EQ(b.c->pc, BASE + 4);
        EXPECT(cpu_watchpoint_remove(cpu, BASE + 0x8000, 4, WATCH_READ));
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
    }
    tcg_bench_free(&b);
}

TEST(tcg, watchpoints)
{
    tcg_test_watch(NULL);
    tcg_test_watch("backend=interp");
}

TEST(tcg, breakpoints_and_steps)
{
    tcg_test_debug(NULL);
    tcg_test_debug("backend=interp");
}

TEST(tcg, options_are_checked)
{
    static const char *const wrong[] = { "backend=z80", "tb-size=1", "thread=none", "colour=red",
                                         "backend=interp,host-cpu=v2" };
    g_autoptr(GError) none = NULL;
    Machine *m = machine_new(&none);

    for (size_t i = 0; m && i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) err = NULL;

        EXPECT(!accel_tcg.machine_init(m, wrong[i], &err));
        EXPECT(err != NULL);
    }
    machine_free(m);
}

/* A block is not kept when its bytes are no longer those it was made from. */
TEST(tcg, stale_translation_is_dropped)
{
    Bench b;

    if (tcg_bench_new(&b, "backend=interp")) {
        Tcg *t = machine_accel_state(b.m);
        RamBlock *ram = ram_first(b.m);

        tcg_bench_load(&b, code_loop, sizeof(code_loop));
        tcg_bench_run(&b);
        EXPECT(ram_has_code(ram, 0, 4));
        tcg_code_check(t, ram, 0, GUEST_PAGE_SIZE);
        EXPECT_EQ(t->invalidations, 0);
        *(uint32_t *)ram->host = 0xd2800020; /* as a direct store that nobody saw */
        tcg_code_check(t, ram, 0, GUEST_PAGE_SIZE);
        EXPECT(t->invalidations >= 1);
        /* It may soon be code again; after some stores it counts as data. */
        EXPECT(ram_has_code(ram, 0, 4));
        for (unsigned i = 0; i < 64; i++) {
            tcg_code_written(t, ram, 0, 4);
        }
        EXPECT(!ram_has_code(ram, 0, 4));
    }
    tcg_bench_free(&b);
}

/* 1000 calls of the kernel: SVC, a vector that returns. */
static const uint32_t code_svc[] = {
    0xd2800000, 0xd4000001, 0x91000400, 0xf10fa01f, 0x54ffffa1, 0xd503207f, 0x17ffffff,
};

static void tcg_test_svc(const char *options, bool in_place)
{
    enum { VECTORS = 0x800, CURRENT_SPX = 0x200 };
    static const uint32_t eret = 0xd69f03e0;
    Bench b;

    if (tcg_bench_new(&b, options)) {
        const TcgStats *s = &tcg_cpu(&b.c->cpu)->stats;

        aspace_write(machine_memory(b.m), BASE + VECTORS + CURRENT_SPX, &eret, 4, (MemAttrs){ 0 });
        b.c->sys.vbar[1] = BASE + VECTORS;
        tcg_bench_load(&b, code_svc, sizeof(code_svc));
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        EXPECT_EQ(b.c->x[0], 1000);
        EXPECT_EQ(s->exceptions, 1000);
        EXPECT(in_place ? s->enters < 50 && s->went_on >= 1990 : s->enters >= 2000);
    }
    tcg_bench_free(&b);
}

TEST(tcg, exceptions_and_returns_stay_in_generated_code)
{
    tcg_test_svc("backend=interp", false);
#if defined(__x86_64__)
    tcg_test_svc(NULL, true);
#endif
}

/* Load-exclusive, wait, store-exclusive, wait. */
static const uint32_t code_exclusive[] = {
    0x885f7c41, 0xd503207f, 0x88037c44, 0xd503207f, 0x17ffffff,
};

/* A state has no exclusive monitors: a load opens them, whatever was loaded from where before. */
static void tcg_test_exclusive(const char *options, bool load)
{
    enum { WORD = 0x800 };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    Bench b;

    if (tcg_bench_new(&b, options)) {
        uint32_t *word = (uint32_t *)(void *)((uint8_t *)ram_first(b.m)->host + WORD);

        tcg_bench_load(&b, code_exclusive, sizeof(code_exclusive));
        *word = 5;
        b.c->x[2] = BASE + WORD;
        b.c->x[3] = 7;
        b.c->x[4] = 6;
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->x[1], 5);
        if (load && (!machine_save_bytes(b.m, bytes, &err) ||
                     !machine_load_bytes(b.m, bytes->data, bytes->len, &err))) {
            test_fail(__FILE__, __LINE__, "%s", err->message);
        }
        tcg_bench_run(&b);
        EXPECT_EQ(b.c->x[3], load);
        EXPECT_EQ(*word, load ? 5 : 6);
    }
    tcg_bench_free(&b);
}

TEST(tcg, a_load_opens_exclusive_monitors)
{
    static const char *const options[] = { NULL, "backend=interp", "x-slow=100" };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        tcg_test_exclusive(options[i], false);
        tcg_test_exclusive(options[i], true);
    }
}

/*
 * cmp; ldr that faults; cset; cmp: the handler at +a00h goes on behind the load, so what cset reads
 * comes from the saved flags, though the block itself had them and overwrites them unread after.
 */
static const uint32_t code_flags_fault[] = {
    0x10004009, 0xd518c009,                                     /* adr x9, +800h; msr vbar_el1 */
    0xd28000a0, 0xd2800001, 0xf100141f, 0xf9400022, 0x9a9f17e3, /* 5 == 5; ldr [0]; cset x3, eq */
    0xf100181f, 0x9a9f17e4, 0xd503207f, 0x17ffffff,             /* 5 == 6; cset x4, eq; wfi */
};
static const uint32_t code_skip[] = {
    0xd5384005, 0xd5384026, 0x910010c6, 0xd5184026, 0xd69f03e0, /* spsr; elr += 4; eret */
};

static void tcg_test_flags_fault(const char *options)
{
    Bench b;

    if (tcg_bench_new(&b, options)) {
        tcg_bench_load(&b, code_flags_fault, sizeof(code_flags_fault));
        aspace_write(machine_memory(b.m), BASE + 0xa00, code_skip, sizeof(code_skip),
                     (MemAttrs){ 0 });
        tcg_bench_run(&b);
        EXPECT_EQ(b.exit, CPU_EXIT_HALTED);
        EXPECT_EQ(b.c->x[5] >> 30 & 1, 1);
        EXPECT_EQ(b.c->x[3], 1);
        EXPECT_EQ(b.c->x[4], 0);
    }
    tcg_bench_free(&b);
}

TEST(tcg, flags_that_a_fault_keeps)
{
    tcg_test_flags_fault("backend=interp");
    tcg_test_flags_fault(NULL);
}

/* -d in_asm shows every instruction whole; without a disassembler that is its four bytes. */
TEST(tcg, log_of_guest_instructions)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tinamou-XXXXXX", NULL);
    g_autofree char *text = NULL;
    int fd = g_mkstemp(path);
    Bench b;

    EXPECT(fd >= 0);
    close(fd);
    if (tcg_bench_new(&b, NULL)) {
        EXPECT(log_open(machine_log(b.m), path, &err));
        EXPECT(log_set_items(machine_log(b.m), "in_asm", &err));
        tcg_bench_load(&b, code_loop, sizeof(code_loop));
        tcg_bench_run(&b);
    }
    tcg_bench_free(&b);
    EXPECT(g_file_get_contents(path, &text, NULL, &err));
    EXPECT(text && strstr(text, " 00 00 80 d2\n") && strstr(text, " 00 04 00 91\n"));
    g_unlink(path);
}
