/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test kernel: prints on COM1 what its boot loader told it, then ends by isa-debug-exit at 501h.
 * Freestanding, 32 bits. HOW: 'M' Multiboot, 'P' PVH, 'L' Linux's boot protocol.
 */
typedef unsigned u32;
typedef unsigned long long u64;
typedef unsigned char u8;

enum { COM1 = 0x3f8, LINE_STATUS = 5, SENT = 0x20, EXIT = 0x501, REAL_MODE_SETUP = 0x10000 };

void info_main(u32 a, u32 b);

static void out8(unsigned port, u8 v)
{
    __asm__ volatile("outb %0, %w1" ::"a"(v), "Nd"(port));
}

static u8 in8(unsigned port)
{
    u8 v;

    __asm__ volatile("inb %w1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void text(const char *s)
{
    for (; *s; s++) {
        while (!(in8(COM1 + LINE_STATUS) & SENT)) {
        }
        out8(COM1, (u8)*s);
    }
}

static void hex(const char *what, u64 v)
{
    char s[17];
    int n = 16;

    s[n] = 0;
    do {
        s[--n] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v);
    text(what);
    text(s + n);
}

static u32 word(u32 at)
{
    return *(volatile u32 *)at;
}

static u64 wide(u32 at)
{
    return word(at) | (u64)word(at + 4) << 32;
}

static void blob(const char *what, u32 at, u32 len)
{
    u32 sum = 0;

    for (u32 i = 0; i < len; i++) {
        sum = sum * 31 + ((u8 *)at)[i];
    }
    text(what);
    hex(" bytes=", len);
    hex(" sum=", sum);
    text("\r\n");
}

static void map(u32 at)
{
    hex("map ", wide(at));
    hex(" +", wide(at + 8));
    hex(" type ", word(at + 16));
    text("\r\n");
}

static void cmdline(u32 at)
{
    text("cmdline='");
    text((const char *)at);
    text("'\r\n");
}

#if HOW == 'M'
static void tell(u32 magic, u32 at)
{
    hex("multiboot ", magic);
    hex(" flags=", word(at));
    hex(" lower=", word(at + 4));
    text("\r\n");
    cmdline(word(at + 16));
    for (u32 i = 0; i < word(at + 20); i++) {
        u32 m = word(at + 24) + 16 * i;

        text((const char *)word(m + 8));
        blob(":", word(m), word(m + 4) - word(m));
    }
    for (u32 o = 0; o < word(at + 44); o += word(word(at + 48) + o) + 4) {
        map(word(at + 48) + o + 4);
    }
}
#elif HOW == 'P'
static void tell(u32 unused, u32 at)
{
    hex("pvh ", word(at));
    hex(" version=", word(at + 4));
    text("\r\n");
    cmdline(word(at + 24));
    for (u32 i = 0; i < word(at + 12); i++) {
        u32 m = word(at + 16) + 32 * i;

        blob("module", word(m), word(m + 8));
    }
    for (u32 i = 0; i < word(at + 48); i++) {
        map(word(at + 40) + 24 * i);
    }
}
#else
/* @bits of the mode at the entry; @at: the zero page, 0 for the set-up code's own header. */
static void tell(u32 bits, u32 at)
{
    u32 h = at ? at : REAL_MODE_SETUP;

    hex("linux ", bits);
    hex(" loader=", word(h + 0x210) & 0xff);
    text("\r\n");
    cmdline(word(h + 0x228));
    blob("initrd", word(h + 0x218), word(h + 0x21c));
    for (u32 i = 0; at && i < (word(at + 0x1e8) & 0xff); i++) {
        map(at + 0x2d0 + 20 * i);
    }
}
#endif

void info_main(u32 a, u32 b)
{
    text("\r\n");
    tell(a, b);
    text("END\r\n");
    out8(EXIT, 0);
    for (;;) {
        __asm__ volatile("hlt");
    }
}
