/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware of our own for loongson3-virt, from the reset vector on: fw_cfg's signature, numbers and
 * a file, RAM of the upper window, the other CPUs, which wait at their mailboxes; on a 3A4000 they
 * are called by CSR instructions, else in memory. It says "loongson ok CPUS" on the serial port, or
 * the number of the line that found something else, and switches off.
 */
#include <stdint.h>

#define PHYS(at)   (0x9000000000000000ull | (at)) /* xkphys, uncached */
#define UART       ((volatile uint8_t *)PHYS(0x1fe001e0))
#define PM         ((volatile uint8_t *)PHYS(0x10080010))
#define SELECTOR   (*(volatile uint16_t *)PHYS(0x10080100))
#define DATA       (*(volatile uint8_t *)PHYS(0x10080108))
#define HIGH(at)   ((volatile uint32_t *)PHYS(0x80000000ull + (at)))
#define LOW(at)    ((volatile uint32_t *)PHYS(at))
#define ARRIVED    LOW(0x200000)
#define IPI(core)  (PHYS(0x3ff01000) | (uint64_t)((core) / 4) << 44 | ((core) % 4) << 8)
#define CHECK(c)   ((c) ? (void)0 : fail(__LINE__))
#define CSR(words) ".word " words "\n"

enum { FW_SIGNATURE = 0, FW_RAM_SIZE = 3, FW_NB_CPUS = 5, FW_FILE_DIR = 0x19 };

/* Each CPU has a stack of its own; all but the first wait for their first mailbox. */
__asm__(".set noreorder\n"
        ".section .start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  lui   $t0, 0x0040\n" /* BEV, KX, SX, UX */
        "  ori   $t0, 0x00e0\n"
        "  mtc0  $t0, $12\n"
        "  ehb\n"
        "  mfc0  $a0, $15, 1\n" /* EBase */
        "  andi  $a0, 0x3ff\n"
        "  sll   $t0, $a0, 12\n"
        "  lui   $sp, 0x8020\n"
        "  jal   start\n"
        "  subu  $sp, $sp, $t0\n"
        "1: b    1b\n"
        "  nop\n"
        ".previous\n"
        ".set reorder\n");

static void put(char c)
{
    UART[0] = (uint8_t)c;
}

static void put_text(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

static void put_number(unsigned n)
{
    if (n > 9) {
        put_number(n / 10);
    }
    put((char)('0' + n % 10));
}

static void off(void)
{
    put('\n');
    *PM = 0xff;
    for (;;) {
    }
}

static void fail(unsigned line)
{
    put_text("loongson: line ");
    put_number(line);
    off();
}

/* ---- fw_cfg ---- */

static uint64_t fw_bytes(unsigned n)
{
    uint64_t v = 0;

    while (n--) {
        v = v << 8 | DATA;
    }
    return v;
}

static uint64_t fw_le(unsigned n)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        v |= (uint64_t)DATA << 8 * i;
    }
    return v;
}

/* The selector is big-endian, as all of fw_cfg's registers in memory. */
static void fw_select(unsigned key)
{
    SELECTOR = (uint16_t)(key << 8 | key >> 8);
}

static void fw_name(char *name)
{
    for (unsigned i = 0; i < 56; i++) {
        name[i] = (char)DATA;
    }
}

static int is_same(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++) {
    }
    return *a == *b;
}

static unsigned test_fw_cfg(void)
{
    char name[56];
    unsigned cpus;
    int found = 0;

    fw_select(FW_SIGNATURE);
    CHECK(fw_bytes(4) == 0x51454d55); /* "QEMU" */
    fw_select(FW_RAM_SIZE);
    CHECK(fw_le(8) == 512 << 20);
    fw_select(FW_NB_CPUS);
    cpus = (unsigned)fw_le(2);
    fw_select(FW_FILE_DIR);
    for (uint32_t n = (uint32_t)fw_bytes(4); n && !found; n--) {
        uint32_t size = (uint32_t)fw_bytes(4);
        uint16_t key = (uint16_t)fw_bytes(2);

        (void)fw_bytes(2);
        fw_name(name);
        if (is_same(name, "opt/org.test/word")) {
            CHECK(size == 4);
            fw_select(key);
            CHECK(fw_bytes(4) == 0x61626364);
            found = 1;
        }
    }
    CHECK(found);
    return cpus;
}

/* ---- RAM: whole at 2 GiB, its beginning at 0 as well ---- */

static void test_ram(void)
{
    *HIGH(0x300000) = 0x12345678;
    CHECK(*LOW(0x300000) == 0x12345678);
    *HIGH((512u << 20) - 4) = 0x87654321;
    CHECK(*HIGH((512u << 20) - 4) == 0x87654321);
}

/* ---- the other CPUs ---- */

static int has_csr(void)
{
    register uint64_t n __asm__("$8") = 2, v __asm__("$9");
    uint32_t prid;

    __asm__ volatile("mfc0 %0, $15" : "=r"(prid));
    if ((prid & 0xff00) != 0xc000) {
        return 0;
    }
    __asm__ volatile(CSR("0xc8080118 | 8 << 21 | 9 << 11") : "=r"(v) : "r"(n)); /* CPUCFG */
    return v >> 27 & 1;
}

static void csr_write(uint64_t at, uint64_t value)
{
    register uint64_t n __asm__("$8") = at, v __asm__("$9") = value;

    __asm__ volatile(CSR("0xc8030118 | 8 << 21 | 9 << 11")::"r"(n), "r"(v) : "memory"); /* DWRCSR */
}

static void call(unsigned core, uint64_t what, int csr)
{
    if (csr) {
        csr_write(0x1048, (what & ~0xffffffffull) | 1u << 31 | core << 16 | 1 << 2);
        csr_write(0x1048, what << 32 | 1u << 31 | core << 16);
        csr_write(0x1040, 1u << 31 | core << 16 | 7);
    } else {
        *(volatile uint64_t *)(IPI(core) + 0x20) = what;
        *(volatile uint32_t *)(IPI(core) + 8) = 1 << 7;
    }
}

static void test_cpus(unsigned cpus)
{
    int csr = has_csr();

    for (unsigned i = 1; i < cpus; i++) {
        call(i, 0x1122334400000000ull | i, csr);
        while (ARRIVED[i] != i) {
        }
        CHECK(*(volatile uint32_t *)IPI(i) == 1 << 7);
    }
    put_text(csr ? "csr " : "");
}

static void other(unsigned core)
{
    volatile uint64_t *mailbox = (volatile uint64_t *)(IPI(core) + 0x20);

    while ((*mailbox & 0xffffffff) != core || *mailbox >> 32 != 0x11223344) {
    }
    ARRIVED[core] = core;
    for (;;) {
        __asm__ volatile("wait");
    }
}

void start(unsigned core)
{
    unsigned cpus;

    if (core) {
        other(core);
    }
    cpus = test_fw_cfg();
    test_ram();
    test_cpus(cpus);
    put_text("loongson ok ");
    put_number(cpus);
    off();
}
