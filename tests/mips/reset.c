/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs from reset on malta, of 32 or 64 bits, in either byte order: exceptions and
 * their registers, the TLB, floating point, what depends on byte order. It says "mips ok" on the
 * board's third serial port, or the number of the line that found something else, and resets the
 * board.
 */
#include "compact.h"

#include <stdint.h>

#define AT(va) ((intptr_t)(int32_t)(va)) /* a CPU of 64 bits has it sign-extended */
#define UART   ((volatile uint8_t *)AT(0xbf000900))
#define RESET  (*(volatile uint32_t *)AT(0xbf000500))
#define SEEN   ((volatile Seen *)AT(0xa0300000))
#define PAGE   0x00400000u /* mapped by the refill handlers */
#define BACK   ((volatile uint32_t *)AT(0xa0100000))
#ifdef __mips64
#define STATUS 0x24000000 /* CU1, FR */
#else
#define STATUS 0x20000000 /* CU1 */
#endif

typedef struct Seen {
    uint32_t count, cause, epc, badvaddr;
    uint32_t refills, entrylo0, entrylo1; /* what the refill handlers write */
    uint32_t xrefills;
} Seen;

/* Vectors are copied to RAM; Status.BEV is cleared then. */
__asm__(".set noreorder\n"
        ".section .start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        "  b     1f\n"
        "  nop\n"
        "  .space 0x78\n" /* the board's revision is at 10h */
        "1: lui  $sp, 0x8020\n"
        "  la    $t0, refill\n"
        "  la    $t1, handlers_end\n"
        "  lui   $t2, 0xa000\n"
        "2: lw   $t3, 0($t0)\n"
        "  sw    $t3, 0($t2)\n"
        "  addiu $t0, 4\n"
        "  bne   $t0, $t1, 2b\n"
        "  addiu $t2, 4\n"
#ifdef __mips64
        "  lui   $t0, 0x2400\n"
#else
        "  lui   $t0, 0x2000\n"
#endif
        "  mtc0  $t0, $12\n"
        "  ehb\n"
        "  jal   test\n"
        "  nop\n"
        "3: b    3b\n"
        "  nop\n"
        "refill:\n"
        "  lui   $k1, 0xa030\n"
        "  lw    $k0, 16($k1)\n"
        "  addiu $k0, 1\n"
        "  sw    $k0, 16($k1)\n"
        "  lw    $k0, 20($k1)\n"
        "  mtc0  $k0, $2\n"
        "  lw    $k0, 24($k1)\n"
        "  mtc0  $k0, $3\n"
        "  ehb\n"
        "  tlbwr\n"
        "  eret\n"
        "  .org refill + 0x80\n" /* that of 64-bit segments */
        "  lui   $k1, 0xa030\n"
        "  lw    $k0, 28($k1)\n"
        "  addiu $k0, 1\n"
        "  sw    $k0, 28($k1)\n"
        "  b     refill\n"
        "  nop\n"
        "  .org refill + 0x180\n"
        "general:\n" /* notes what it was, and goes on behind it (behind a branch's slot) */
        "  lui   $k1, 0xa030\n"
        "  lw    $k0, 0($k1)\n"
        "  addiu $k0, 1\n"
        "  sw    $k0, 0($k1)\n"
        "  mfc0  $k0, $8\n"
        "  sw    $k0, 12($k1)\n"
        "  mfc0  $k0, $14\n"
        "  sw    $k0, 8($k1)\n"
        "  mfc0  $k0, $13\n"
        "  sw    $k0, 4($k1)\n"
        "  mtc0  $0, $13\n" /* WP */
        "  andi  $k0, $k0, 0x7c\n"
        "  beqz  $k0, 5f\n" /* an interrupt: Compare is moved away */
        "  nop\n"
        "  lw    $k0, 4($k1)\n"
        "  srl   $k0, 31\n"
        "  sll   $k0, 2\n"
        "  lw    $k1, 8($k1)\n"
        "  addu  $k0, $k1\n"
        "  addiu $k0, 4\n"
        "  mtc0  $k0, $14\n"
        "  ehb\n"
        "  eret\n"
        "5: mfc0 $k0, $9\n"
        "  addiu $k0, -1\n"
        "  mtc0  $k0, $11\n"
        "  ehb\n"
        "  eret\n"
        "flash_command:\n" /* $a1, $a2 to ($a0) */
        "  sw    $a1, 0($a0)\n"
        "  sw    $a2, 0($a0)\n"
        "6: lw   $t0, 0($a0)\n"
        "  andi  $t0, 0x80\n"
        "  beqz  $t0, 6b\n"
        "  li    $t0, 0x00ff00ff\n"
        "  sw    $t0, 0($a0)\n"
        "  jr    $ra\n"
        "  nop\n"
        "handlers_end:\n"
        ".set reorder\n"
        ".text\n");

static void say(const char *text)
{
    for (; *text; text++) {
        UART[0] = (uint8_t)*text; /* registers are 8 bytes apart */
        while (!(UART[5 * 8] & 0x40)) {
        }
    }
}

static void fail(unsigned line)
{
    char text[6] = { 0 };

    for (unsigned i = 4; i-- > 0; line /= 10) {
        text[i] = (char)('0' + line % 10);
    }
    say("wrong: line ");
    say(text);
    say("\n");
    RESET = 0x42;
    for (;;) {
    }
}

#define CHECK(x)            \
    do {                    \
        if (!(x)) {         \
            fail(__LINE__); \
        }                   \
    } while (0)

#define C0_GET(reg)                                   \
    ({                                                \
        uint32_t v_;                                  \
        __asm__ volatile("mfc0 %0, " reg : "=r"(v_)); \
        v_;                                           \
    })
#define C0_SET(reg, val) \
    __asm__ volatile("mtc0 %0, " reg "\n ehb" ::"r"((uint32_t)(val)) : "memory")

/* One instruction that raises @code; its address is that of the label before it. */
#define RAISES(code_, insn)                                                 \
    do {                                                                    \
        uint32_t at_, n_ = SEEN->count;                                     \
        __asm__ volatile(".set noreorder\n la %0, 1f\n 1: " insn "\n nop\n" \
                         ".set reorder"                                     \
                         : "=&r"(at_)::"memory", "$8", "$9");               \
        CHECK(SEEN->count == n_ + 1);                                       \
        CHECK((SEEN->cause >> 2 & 31) == (code_) && !(SEEN->cause >> 31));  \
        CHECK(SEEN->epc == at_);                                            \
    } while (0)

enum {
    MOD = 1,
    TLBL = 2,
    ADEL = 4,
    ADES = 5,
    SYS = 8,
    BP = 9,
    RI = 10,
    OV = 12,
    TR = 13,
    FPE = 15,
    WATCH = 23
};

static void test_exceptions(void)
{
    RAISES(SYS, "syscall");
    RAISES(BP, "break");
    RAISES(TR, "teq $0, $0");
    RAISES(RI, ".word 0x7c000031");
    RAISES(ADEL, "lw $8, -1($0)");
    CHECK(SEEN->badvaddr == 0xffffffff);
}

static void test_addresses(void)
{
    uint32_t n = SEEN->count, v;

    __asm__ volatile("lw %0, 2(%1)" : "=r"(v) : "r"(BACK));
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == ADEL);
    CHECK(SEEN->badvaddr == (uint32_t)(uintptr_t)BACK + 2);
    __asm__ volatile("sh %0, 1(%1)" ::"r"(0), "r"(BACK) : "memory");
    CHECK(SEEN->count == n + 2 && (SEEN->cause >> 2 & 31) == ADES);
    __asm__ volatile("add %0, %1, %1" : "=r"(v) : "r"(0x7fffffff));
    CHECK(SEEN->count == n + 3 && (SEEN->cause >> 2 & 31) == OV);
    /* In a delay slot the branch is named. */
    __asm__ volatile(".set noreorder\n b 1f\n syscall\n 1: nop\n .set reorder" ::: "memory");
    CHECK(SEEN->count == n + 4 && SEEN->cause >> 31 && (SEEN->cause >> 2 & 31) == SYS);
}

static void test_order(void)
{
    volatile uint8_t *b = (volatile uint8_t *)BACK;
    uint32_t v = 0, half;

    for (unsigned i = 0; i < 8; i++) {
        b[i] = (uint8_t)(i + 1);
    }
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    CHECK(BACK[0] == 0x01020304);
    CHECK(C0_GET("$16") >> 15 & 1);
    __asm__ volatile("lwl %0, 1(%1)\n lwr %0, 4(%1)" : "+&r"(v) : "r"(b));
    CHECK(v == 0x02030405);
    __asm__ volatile("swl %0, 5(%1)" ::"r"(0xaabbccdd), "r"(b) : "memory");
    CHECK(BACK[1] == 0x05aabbcc);
#else
    CHECK(BACK[0] == 0x04030201);
    CHECK(!(C0_GET("$16") >> 15 & 1));
    __asm__ volatile("lwl %0, 4(%1)\n lwr %0, 1(%1)" : "+&r"(v) : "r"(b));
    CHECK(v == 0x05040302);
    __asm__ volatile("swl %0, 5(%1)" ::"r"(0xaabbccdd), "r"(b) : "memory");
    CHECK(BACK[1] == 0x0807aabb);
#endif
    __asm__ volatile("lhu %0, 2(%1)" : "=r"(half) : "r"(b));
    CHECK(half == (BACK[0] == 0x01020304 ? 0x0304 : 0x0403));
    BACK[2] = 7;
    __asm__ volatile(".set noreorder\n 1: ll $8, 8(%1)\n addiu $8, 5\n sc $8, 8(%1)\n beqz $8, 1b\n"
                     " nop\n .set reorder\n lw %0, 8(%1)"
                     : "=r"(v)
                     : "r"(b)
                     : "$8", "memory");
    CHECK(v == 12);
}

/* Parts of words with others between them, and with what has to do with the word. */
static void test_parts(void)
{
    volatile uint8_t *b = (volatile uint8_t *)BACK;
    uint32_t x = 0, y = 0x11223344, z;

    for (unsigned i = 0; i < 24; i++) {
        b[i] = (uint8_t)(i * 37 + 5);
    }
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define FIRST_PART(load) #load "l "
#define LAST_PART(load)  #load "r "
#else
#define FIRST_PART(load) #load "r "
#define LAST_PART(load)  #load "l "
#endif
    /* Two words at once, copied with their parts mixed. */
    __asm__ volatile(
        ".set noreorder\n" FIRST_PART(lw) "%0, 1(%2)\n" FIRST_PART(lw) "%1, 5(%2)\n" LAST_PART(lw) "%0, 4(%2)\n addiu $8, %2, 3\n" LAST_PART(
            lw) "%1, 8(%2)\n" FIRST_PART(sw) "%0, 10(%2)\n" LAST_PART(sw) "%1, 17(%2)\n" FIRST_PART(sw) "%1, 14(%2)\n" LAST_PART(sw) "%0, 13(%2)\n .set reorder"
        : "+&r"(x), "+&r"(y)
        : "r"(b)
        : "$8", "memory");
    for (unsigned i = 0; i < 8; i++) {
        CHECK(b[10 + i] == (uint8_t)((i + 1) * 37 + 5));
    }
    CHECK(b[9] == (uint8_t)(9 * 37 + 5) && b[18] == (uint8_t)(18 * 37 + 5));
    /* What is between looks at the part, or stores into the word. */
    x = 0;
    __asm__ volatile(".set noreorder\n" FIRST_PART(lw) "%0, 1(%2)\n move %1, %0\n" LAST_PART(
                         lw) "%0, 4(%2)\n .set reorder"
                     : "+&r"(x), "=&r"(z)
                     : "r"(b)
                     : "memory");
    CHECK(z != x);
    __asm__ volatile(".set noreorder\n" FIRST_PART(sw) "%0, 1(%1)\n sw $0, 4(%1)\n" LAST_PART(
                         sw) "%0, 4(%1)\n .set reorder" ::"r"(0x5a6b7c8d),
                     "r"(b)
                     : "memory");
    CHECK(b[4] != 0 && b[5] == 0);
    __asm__ volatile(".set noreorder\n" FIRST_PART(sw) "%0, 1(%1)\n" LAST_PART(
                         sw) "%0, 4(%1)\n sw $0, 4(%1)\n .set reorder" ::"r"(0x5a6b7c8d),
                     "r"(b)
                     : "memory");
    CHECK(b[3] != 0 && b[4] == 0);
}

/* A branch between, to the other part and past it; the first part in its delay slot. */
static void test_parts_branch(void)
{
    volatile uint8_t *b = (volatile uint8_t *)BACK;

    for (uint32_t i = 0; i < 24; i++) {
        b[i] = (uint8_t)(i * 37 + 5);
    }
    for (uint32_t taken = 0; taken < 2; taken++) {
        uint32_t x = 0, y = 0, z = 0, whole = 0;

        __asm__ volatile(
            ".set noreorder\n" FIRST_PART(lw) "%0, 1(%4)\n bgtz %5, 1f\n" FIRST_PART(
                lw) "%1, 5(%4)\n addiu %2, %2, 1\n pref 0, 0(%4)\n 1:" LAST_PART(lw) "%0, "
                                                                                     "4(%4)"
                                                                                     "\n" LAST_PART(
                                                                                         lw) "%1, "
                                                                                             "8(%4)"
                                                                                             "\n "
                                                                                             "addu "
                                                                                             "%3, "
                                                                                             "%0, "
                                                                                             "%1\n "
                                                                                             ".set "
                                                                                             "reord"
                                                                                             "er"
            : "+&r"(x), "+&r"(y), "+&r"(z), "=&r"(whole)
            : "r"(b), "r"(taken));
        CHECK(z == !taken && whole == x + y);
        BACK[4] = x;
        BACK[5] = y;
        for (uint32_t i = 0; i < 8; i++) {
            CHECK(b[16 + i] == (uint8_t)((1 + i) * 37 + 5));
        }
        z = 0;
        __asm__ volatile(
            ".set noreorder\n" FIRST_PART(lw) "%0, 1(%1)\n bnez %2, 1f\n nop\n" LAST_PART(
                lw) "%0, 4(%1)\n 1: nop\n .set reorder"
            : "+&r"(z)
            : "r"(b), "r"(taken));
        CHECK((z == x) == !taken);
    }
}

static void test_tlb(void)
{
    volatile uint32_t *page = (volatile uint32_t *)PAGE;
    uint32_t n;

    for (unsigned i = 0; i < 16; i++) { /* entries of no address */
        C0_SET("$0", i);
        C0_SET("$10", 0x80000000 + i * 0x2000);
        C0_SET("$2", 0);
        C0_SET("$3", 0);
        __asm__ volatile("tlbwi");
    }
    C0_SET("$5", 0);
    C0_SET("$6", 0);
    C0_SET("$10", 0);
    SEEN->refills = 0;
    SEEN->entrylo0 = 0x100000 >> 6 | 3 << 3 | 7;
    SEEN->entrylo1 = 0x101000 >> 6 | 3 << 3 | 3; /* not to be written to */
    BACK[0] = 0x12345678;
    CHECK(page[0] == 0x12345678 && SEEN->refills == 1);
    page[3] = 0x9abcdef0;
    CHECK(BACK[3] == 0x9abcdef0 && SEEN->refills == 1);
    n = SEEN->count;
    page[1024] = 1;
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == MOD);
    CHECK(SEEN->badvaddr == PAGE + 0x1000);
    C0_SET("$10", PAGE);
    __asm__ volatile("ehb\n tlbp\n ehb");
    CHECK(!(C0_GET("$0") >> 31));
    __asm__ volatile("tlbr\n ehb");
    CHECK((C0_GET("$2") & ~1u) == (SEEN->entrylo0 & ~1u));
}

static void test_float(void)
{
    volatile double d = 1.5, e = 2.25;
    volatile uint32_t *w = (volatile uint32_t *)&d;
    volatile float f = 1.0f;
    uint32_t n = SEEN->count, fcsr;

    d = d * e;
    CHECK(d == 3.375);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    CHECK(w[0] == 0x400b0000 && w[1] == 0);
#else
    CHECK(w[1] == 0x400b0000 && w[0] == 0);
#endif
    CHECK((int)(d * 8) == 27);
    /* A division by zero that is enabled. */
    __asm__ volatile("ctc1 %0, $31\n ehb" ::"r"(1 << 10));
    __asm__ volatile("mtc1 $0, $f4\n lwc1 $f6, %0\n div.s $f8, $f6, $f4\n" ::"m"(f) : "memory");
    __asm__ volatile("cfc1 %0, $31" : "=r"(fcsr));
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == FPE && fcsr >> 15 & 1);
    __asm__ volatile("ctc1 $0, $31");
}

/* Of several pairs the third is one for data, the first one for code; a single one is for all. */
static void watch_data(uint32_t lo, uint32_t hi)
{
    if (C0_GET("$19") >> 31) {
        C0_SET("$19, 2", hi);
        C0_SET("$18, 2", lo);
    } else {
        C0_SET("$19", hi);
        C0_SET("$18", lo);
    }
}

static void test_watch(void)
{
    enum { W = 1, R = 2, I = 4, G = 1 << 30 };
    uint32_t n = SEEN->count, at = (uint32_t)(uintptr_t)BACK + 32, v = 5, code;
    volatile uint8_t *b = (volatile uint8_t *)BACK;

    if (!(C0_GET("$16, 1") & 8)) {
        return;
    }
    BACK[8] = BACK[9] = 5;
    watch_data(at | W, G);
    BACK[7] = BACK[10] = 1;
    CHECK(BACK[9] == 5 && SEEN->count == n);
    BACK[9] = 6;
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == WATCH && BACK[9] == 5);
    b[32] = 1;
    CHECK(SEEN->count == n + 2);
    __asm__ volatile(
        ".set noreorder\n li $8, 0\n b 1f\n sw $8, 36(%0)\n 1: nop\n .set reorder" ::"r"(BACK)
        : "$8", "memory");
    CHECK(SEEN->count == n + 3 && SEEN->cause >> 31);
    watch_data(at | R, G);
    BACK[8] = 7;
    __asm__ volatile("lbu %0, 32(%1)" : "+r"(v) : "r"(BACK));
    CHECK(v == 5 && SEEN->count == n + 4);
    /* Put off while EXL is set. */
    C0_SET("$12", STATUS | 2);
    __asm__ volatile("lw %0, 32(%1)" : "=r"(v) : "r"(BACK));
    CHECK(v == 7 && SEEN->count == n + 4 && C0_GET("$13") >> 22 & 1);
    __asm__ volatile(".set noreorder\n mtc0 %0, $12\n nop\n nop\n .set reorder" ::"r"(STATUS));
    CHECK(SEEN->count == n + 5 && (SEEN->cause >> 2 & 31) == WATCH && SEEN->cause >> 22 & 1);
    watch_data(0, 0);
    /* Two instructions. */
    C0_SET("$19", G);
    __asm__ volatile(".set noreorder\n la %0, 1f\n addiu $8, %0, 4\n mtc0 $8, $18\n ehb\n b 1f\n"
                     " li %1, 9\n .balign 8\n 1: li %1, 1\n addiu %1, 2\n addiu %1, 4\n"
                     " .set reorder"
                     : "=&r"(code), "=&r"(v)
                     :
                     : "$8");
    CHECK(SEEN->count == n + 7 && v == 13 && SEEN->epc == code + 4);
    C0_SET("$18", 0);
}

static void test_timer(void)
{
    uint32_t n = SEEN->count, start = C0_GET("$9");

    C0_SET("$11", start + 20000);
    C0_SET("$12", STATUS | 0x8001); /* IM7, IE */
    while (SEEN->count == n && C0_GET("$9") - start < 200000000) {
    }
    C0_SET("$12", STATUS);
    CHECK(SEEN->count == n + 1 && SEEN->cause >> 30 & 1 && SEEN->cause >> 15 & 1);
}

/* A word of the GT-64120's registers, which are little-endian. */
static volatile uint32_t *gt_reg(unsigned off)
{
    return (volatile uint32_t *)AT(0xb4000000 + off);
}

static uint32_t gt_order(uint32_t v)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
}

static void test_pci(void)
{
    volatile uint8_t *rtc = (volatile uint8_t *)AT(0xb0000070);

    *gt_reg(0xcf8) = gt_order(1u << 31); /* itself: as its registers */
    CHECK(gt_order(*gt_reg(0xcfc)) == 0x462011ab);
    *gt_reg(0xcf8) = gt_order(1u << 31 | 10 << 11); /* PIIX4: as the CPU */
    CHECK(*gt_reg(0xcfc) == 0x71108086);
    *gt_reg(0xf0) = gt_order(0); /* PCI0 I/O Remap */
    rtc[0] = 14;                 /* a byte of the RTC's memory */
    rtc[1] = 0x5a;
    rtc[0] = 15;
    rtc[1] = 0xa5;
    rtc[0] = 14;
    CHECK(rtc[1] == 0x5a);
}

/* ---- code that changes ---- */

typedef uint32_t Code(volatile uint32_t *, uint32_t);

/* Behind the store, in what may have been translated at once with it. */
static void test_code_that_writes_itself(void)
{
    volatile uint32_t *code = (volatile uint32_t *)AT(0x80110000);
    static const uint32_t words[] = {
        0xac850014, /* sw    $a1, 20($a0) */
        0x0000000f, /* sync */
        0x049f0014, /* synci 20($a0) */
        0x0000000f, /* sync */
        0x000000c0, /* ehb */
        0x24020001, /* li    $v0, 1, to be written over */
        0x03e00008, 0,
    };

    for (unsigned n = 0; n < 8; n++) {
        code[n] = words[n];
    }
    for (uint32_t n = 1; n < 50; n++) {
        CHECK(((Code *)(uintptr_t)code)(code, 0x24020000 | n) == n);
    }
    code[5] = 0x24020063; /* and before the call */
    CHECK(((Code *)(uintptr_t)code)(code + 8, 0) == 99);
}

/* Code in the flash, of which a word is erased and programmed. */
static void test_code_in_flash(void)
{
    extern char refill[], flash_command[];
    volatile uint32_t *flash = (volatile uint32_t *)AT(0xbe200000);
    void (*command)(volatile uint32_t *, uint32_t, uint32_t) = (void (*)(
        volatile uint32_t *, uint32_t, uint32_t))AT(0xa0000000 + (flash_command - refill));

    for (unsigned n = 0; n < 2; n++) {
        command(flash, 0x00200020, 0x00d000d0);
        CHECK(flash[0] == 0xffffffff && flash[1] == 0xffffffff);
        command(flash + 1, 0x00400040, 0x24020077); /* li $v0, 77h, in a delay slot */
        command(flash, 0x00400040, 0x03e00008);
        CHECK(((Code *)(uintptr_t)flash)(flash, 0) == 0x77);
        command(flash + 1, 0x00400040, 0x24020055);
        CHECK(((Code *)(uintptr_t)flash)(flash, 0) == 0x55);
    }
}

#ifdef __mips64
#include "reset-64.h"
#endif

void test(void)
{
    SEEN->count = 0;
    test_exceptions();
    test_addresses();
    test_order();
    test_parts();
    test_parts_branch();
    test_tlb();
#ifndef NO_FPU
    test_float();
#endif
#ifdef COMPACT
    CHECK(compact_test() == 0);
#endif
    test_watch();
    test_timer();
    test_pci();
    test_code_that_writes_itself();
    test_code_in_flash();
#ifdef __mips64
    test_registers();
    test_xkphys();
    test_xtlb();
#endif
    say("mips ok\n");
    RESET = 0x42;
    for (;;) {
    }
}
