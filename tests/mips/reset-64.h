/* SPDX-License-Identifier: Apache-2.0 */
/* What reset.c tries of a CPU of 64 bits (5KEf). Spec: Vol. III, chapter 4. */
#define C0_GET64(reg)                                  \
    ({                                                 \
        uint64_t v_;                                   \
        __asm__ volatile("dmfc0 %0, " reg : "=r"(v_)); \
        v_;                                            \
    })
#define C0_SET64(reg, val) __asm__ volatile("dmtc0 %0, " reg "\n ehb" ::"r"(val) : "memory")

enum { SEG_BITS = 42, SX_UX_KX = 0xe0 };

/* A load that raises an address error, and BadVAddr. */
static void test_address_error(uint64_t va)
{
    uint32_t n = SEEN->count;

    (void)*(volatile uint32_t *)va;
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == ADEL);
    CHECK(C0_GET64("$8") == va);
}

static void test_registers(void)
{
    uint64_t v = 0x1234567890abcdef, w = 0x7fffffff;
    uint32_t n = SEEN->count;

    C0_SET64("$30", v); /* ErrorEPC */
    CHECK(C0_GET64("$30") == v);
    __asm__ volatile("mfc0 %0, $30" : "=r"(w));
    CHECK(w == 0xffffffff90abcdef);
    __asm__ volatile("addu %0, %1, %2" : "=r"(w) : "r"(0x7fffffff), "r"(1));
    CHECK(w == 0xffffffff80000000);
    BACK[0] = 0x87654321;
    __asm__ volatile("lwu %0, 0(%1)" : "=r"(w) : "r"(BACK) : "memory");
    CHECK(w == 0x87654321);
    __asm__ volatile("dadd %0, %1, %1" : "=r"(w) : "r"(1ull << 62));
    CHECK(SEEN->count == n + 1 && (SEEN->cause >> 2 & 31) == OV);
    C0_SET64("$10", ~0ull); /* EntryHi: R, VPN2, ASID */
    CHECK(C0_GET64("$10") == ((3ull << 62) | ((1ull << SEG_BITS) - 0x2000) | 0xff));
    C0_SET64("$10", 0ull);
    *(volatile uint64_t *)(BACK + 4) = 1ull << 40;
    __asm__ volatile(".set noreorder\n 1: lld $8, 16(%0)\n daddiu $8, 5\n scd $8, 16(%0)\n"
                     " beqz $8, 1b\n nop\n .set reorder" ::"r"(BACK)
                     : "$8", "memory");
    CHECK(*(volatile uint64_t *)(BACK + 4) == (1ull << 40) + 5);
}

static void test_xkphys(void)
{
    volatile uint64_t *p = (volatile uint64_t *)0x9000000000100000;
    volatile uint32_t *code = (volatile uint32_t *)0x9000000000110000;

    test_address_error((uintptr_t)p); /* KX is 0 */
    C0_SET("$12", STATUS | SX_UX_KX);
    *p = 0x0102030405060708;
    CHECK(*(volatile uint64_t *)BACK == 0x0102030405060708);
    CHECK(*(volatile uint64_t *)0x9800000000100000 == 0x0102030405060708);
    test_address_error(0x9000000000100000 | 1ull << 36);
    code[0] = 0x03e00008; /* JR ra; LI v0, 77 */
    code[1] = 0x2402004d;
    CHECK(((int (*)(void))0x9000000000110000)() == 77);
}

static void test_xtlb(void)
{
    volatile uint32_t *user = (volatile uint32_t *)0x12345678000;
    volatile uint32_t *kernel = (volatile uint32_t *)0xc000000000400000;
    uint64_t top = 1ull << SEG_BITS;

    SEEN->refills = SEEN->xrefills = 0;
    SEEN->entrylo1 |= 4;
    BACK[0] = 0x12345678;
    CHECK(user[0] == 0x12345678 && SEEN->refills == 1 && SEEN->xrefills == 1);
    CHECK(C0_GET64("$20") == 0x12345678000ull >> 13 << 4); /* XContext */
    CHECK(C0_GET64("$10") == (0x12345678000ull & ~0x1fffull));
    CHECK(kernel[0] == 0x12345678 && SEEN->xrefills == 2);
    CHECK(C0_GET64("$20") == ((3ull << (SEG_BITS - 13 + 4)) | 0x400000ull >> 13 << 4));
    CHECK(*(volatile uint32_t *)AT(0xe0400000) == 0x12345678 && SEEN->xrefills == 3);
    test_address_error(top);
    test_address_error(0x4000000000000000 | top);
    test_address_error(0xc000000000000000 | (top - (1ull << 31)));
    C0_SET("$12", STATUS | 0x80); /* UX and SX are 0 */
    test_address_error((uintptr_t)user);
    C0_SET("$12", STATUS);
    test_address_error((uintptr_t)kernel);
    user = (volatile uint32_t *)(uintptr_t)(PAGE + 0x8000);
    CHECK(user[0] == 0x12345678 && SEEN->refills == 4 && SEEN->xrefills == 3);
}
