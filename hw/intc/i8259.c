/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two 8259A of a PC, the second at input 2 of the first, with the edge/level registers of EISA
 * chip sets.
 * Spec: Intel 8259A datasheet, 231468-003; Intel 82371AB (PIIX4) datasheet, 290562, 4.2.3 and
 * 4.2.5.
 */
#include "hw/intc/i8259.h"

enum {
    CASCADE = 2, /* the input of the first that the second drives */
    SPURIOUS = 7,

    ICW1_IC4 = 1 << 0,
    ICW1_SNGL = 1 << 1,
    ICW1_LTIM = 1 << 3,
    ICW1_INIT = 1 << 4,
    ICW4_AEOI = 1 << 1,
    ICW4_SFNM = 1 << 4,
    OCW2_SL = 1 << 6,
    OCW2_R = 1 << 7,
    OCW2_EOI = 1 << 5,
    OCW3 = 1 << 3,
    OCW3_RIS = 1 << 0,
    OCW3_RR = 1 << 1,
    OCW3_POLL = 1 << 2,
    OCW3_SMM = 1 << 5,
    OCW3_ESMM = 1 << 6,
};

/* One chip. */
typedef struct Pic {
    uint8_t lines, irr, isr, imr; /* lines: levels of the inputs */
    uint8_t base;                 /* vector of input 0 */
    uint8_t lowest;               /* the input of lowest priority; 7 but where it was rotated */
    uint8_t icw1, icw4;
    uint8_t expects; /* the ICW that comes next at the odd port; 0: none */
    uint8_t reads_isr, poll, special_mask, rotates;
    uint8_t elcr;
} Pic;

typedef struct I8259 {
    Device dev;
    Pic pic[2];
    Irq intr;
} I8259;

static const uint8_t pic_elcr_mask[2] = { 0xf8, 0xde };

/* ---- One chip ---- */

static bool pic_is_level(const Pic *p, unsigned n)
{
    return p->icw1 & ICW1_LTIM || p->elcr >> n & 1;
}

/* Input by falling priority: 0 is the highest now. */
static unsigned pic_input(const Pic *p, unsigned place)
{
    return (p->lowest + 1u + place) & 7;
}

/* The request to be served next; -1: none that is allowed. @fully: special fully nested, a request
 * of the second chip does not wait for its own earlier one. */
static int pic_next(const Pic *p, bool primary)
{
    unsigned wanted = p->irr & ~p->imr & 0xff;

    for (unsigned place = 0; place < 8; place++) {
        unsigned n = pic_input(p, place);
        bool served = p->isr >> n & 1;

        if (served && p->special_mask) {
            continue; /* it blocks nothing, but itself */
        }
        if (wanted >> n & 1 && (!served || (primary && n == CASCADE && p->icw4 & ICW4_SFNM))) {
            return (int)n;
        }
        if (served) {
            return -1;
        }
    }
    return -1;
}

static void pic_set_line(Pic *p, unsigned n, bool level)
{
    uint8_t bit = (uint8_t)(1u << n);

    if (level) {
        if (pic_is_level(p, n) || !(p->lines & bit)) {
            p->irr |= bit;
        }
        p->lines |= bit;
    } else {
        p->lines &= (uint8_t)~bit;
        p->irr &= (uint8_t)~bit; /* it must stand until it is acknowledged */
    }
}

static void pic_rotate(Pic *p, unsigned n)
{
    p->lowest = (uint8_t)n;
}

static void pic_take(Pic *p, unsigned n)
{
    if (!pic_is_level(p, n)) {
        p->irr &= (uint8_t) ~(1u << n);
    }
    if (p->icw4 & ICW4_AEOI) {
        if (p->rotates) {
            pic_rotate(p, n);
        }
    } else {
        p->isr |= (uint8_t)(1u << n);
    }
}

static void pic_init_words(Pic *p, uint8_t icw1)
{
    uint8_t elcr = p->elcr, lines = p->lines;

    /* "Initialization command words": edges are forgotten, all else is cleared. */
    *p = (Pic){ .lines = lines, .elcr = elcr, .icw1 = icw1, .lowest = 7, .expects = 2 };
    for (unsigned n = 0; n < 8; n++) {
        p->irr |= (uint8_t)(pic_is_level(p, n) ? p->lines & 1u << n : 0);
    }
}

static void pic_end(Pic *p, unsigned command)
{
    int n = -1;

    if (command & OCW2_SL) {
        n = command & 7;
    } else {
        for (unsigned place = 0; place < 8 && n < 0; place++) {
            unsigned i = pic_input(p, place);

            n = p->isr >> i & 1 ? (int)i : -1;
        }
    }
    if (n >= 0) {
        p->isr &= (uint8_t) ~(1u << n);
        if (command & OCW2_R) {
            pic_rotate(p, (unsigned)n);
        }
    }
}

static void pic_ocw2(Pic *p, unsigned command)
{
    if (command & OCW2_EOI) {
        pic_end(p, command);
    } else if ((command & (OCW2_R | OCW2_SL)) == (OCW2_R | OCW2_SL)) {
        pic_rotate(p, command & 7);
    } else if (!(command & OCW2_SL)) {
        p->rotates = !!(command & OCW2_R);
    }
}

static void pic_ocw3(Pic *p, unsigned command)
{
    if (command & OCW3_POLL) {
        p->poll = 1;
    }
    if (command & OCW3_RR) {
        p->reads_isr = command & OCW3_RIS;
    }
    if (command & OCW3_ESMM) {
        p->special_mask = !!(command & OCW3_SMM);
    }
}

static void pic_odd_write(Pic *p, uint8_t val)
{
    switch (p->expects) {
    case 2:
        p->base = val & 0xf8;
        p->expects = p->icw1 & ICW1_SNGL ? (p->icw1 & ICW1_IC4 ? 4 : 0) : 3;
        break;
    case 3: /* which input the other is at: it is wired */
        p->expects = p->icw1 & ICW1_IC4 ? 4 : 0;
        break;
    case 4:
        p->icw4 = val;
        p->expects = 0;
        break;
    default:
        p->imr = val;
        break;
    }
}

static void pic_write(Pic *p, unsigned port, uint8_t val)
{
    if (port) {
        pic_odd_write(p, val);
    } else if (val & ICW1_INIT) {
        pic_init_words(p, val);
    } else if (val & OCW3) {
        pic_ocw3(p, val);
    } else {
        pic_ocw2(p, val);
    }
}

/* A poll is an acknowledge by a read ("The Poll Command"). */
static uint8_t pic_polled(Pic *p, bool primary)
{
    int n = pic_next(p, primary);

    p->poll = 0;
    if (n < 0) {
        return 0;
    }
    pic_take(p, (unsigned)n);
    return (uint8_t)(0x80 | n);
}

static uint8_t pic_read(Pic *p, unsigned port, bool primary)
{
    if (p->poll) {
        return pic_polled(p, primary);
    }
    return port ? p->imr : p->reads_isr ? p->isr : p->irr;
}

/* ---- Both ---- */

/* The second's output is an input of the first. */
static void i8259_cascade(I8259 *s)
{
    pic_set_line(&s->pic[0], CASCADE, pic_next(&s->pic[1], false) >= 0);
}

static void i8259_settle(Device *dev)
{
    I8259 *s = device_as(dev, I8259);

    i8259_cascade(s);
    irq_set(&s->intr, pic_next(&s->pic[0], true) >= 0);
}

static void i8259_line(Device *dev, unsigned n, bool level)
{
    I8259 *s = device_as(dev, I8259);

    if (n != CASCADE) {
        pic_set_line(&s->pic[n / 8], n % 8, level);
    }
}

static uint8_t i8259_take(I8259 *s)
{
    int n, m;

    i8259_cascade(s);
    n = pic_next(&s->pic[0], true);
    if (n < 0) {
        return s->pic[0].base + SPURIOUS;
    }
    pic_take(&s->pic[0], (unsigned)n);
    if (n != CASCADE) {
        return (uint8_t)(s->pic[0].base + n);
    }
    m = pic_next(&s->pic[1], false);
    if (m < 0) {
        return s->pic[1].base + SPURIOUS;
    }
    pic_take(&s->pic[1], (unsigned)m);
    /* Its output falls for a moment: another request of it is another edge. */
    pic_set_line(&s->pic[0], CASCADE, false);
    return (uint8_t)(s->pic[1].base + m);
}

uint8_t i8259_acknowledge(Device *dev)
{
    uint8_t vector;

    device_enter(dev);
    vector = i8259_take(device_as(dev, I8259));
    device_leave(dev);
    return vector;
}

static MemResult i8259_read(I8259 *s, unsigned chip, uint64_t off, uint64_t *val)
{
    *val = pic_read(&s->pic[chip], off & 1, chip == 0);
    return MEM_OK;
}

static MemResult i8259_read0(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    return i8259_read(device_as(dev, I8259), 0, off, val);
}

static MemResult i8259_read1(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    return i8259_read(device_as(dev, I8259), 1, off, val);
}

static MemResult i8259_write0(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    pic_write(&device_as(dev, I8259)->pic[0], off & 1, (uint8_t)val);
    return MEM_OK;
}

static MemResult i8259_write1(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    pic_write(&device_as(dev, I8259)->pic[1], off & 1, (uint8_t)val);
    return MEM_OK;
}

static MemResult i8259_elcr_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = device_as(dev, I8259)->pic[off & 1].elcr;
    return MEM_OK;
}

static MemResult i8259_elcr_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    Pic *p = &device_as(dev, I8259)->pic[off & 1];

    p->elcr = (uint8_t)val & pic_elcr_mask[off & 1];
    for (unsigned n = 0; n < 8; n++) {
        if (pic_is_level(p, n)) {
            p->irr = (uint8_t)((p->irr & ~(1u << n)) | (p->lines & 1u << n));
        }
    }
    return MEM_OK;
}

static void i8259_reset(Device *dev, ResetType type)
{
    I8259 *s = device_as(dev, I8259);

    for (unsigned i = 0; i < 2; i++) {
        s->pic[i] = (Pic){ .lines = s->pic[i].lines, .lowest = 7 };
    }
}

static const RegionType i8259_regions[] = {
    { .name = "primary", .size = 2, .read = i8259_read0, .write = i8259_write0, .access_max = 1 },
    { .name = "second", .size = 2, .read = i8259_read1, .write = i8259_write1, .access_max = 1 },
    { .name = "elcr",
      .size = 2,
      .read = i8259_elcr_read,
      .write = i8259_elcr_write,
      .access_max = 1 },
};

#define PIC_STATE(m) STATE_BANK(I8259, pic, m, .no_reset = true)

static const Field i8259_fields[] = {
    PIC_STATE(lines),
    PIC_STATE(irr),
    PIC_STATE(isr),
    PIC_STATE(imr),
    PIC_STATE(base),
    STATE_BANK(I8259, pic, lowest, .no_reset = true, .max = 7),
    PIC_STATE(icw1),
    PIC_STATE(icw4),
    PIC_STATE(expects),
    PIC_STATE(reads_isr),
    PIC_STATE(poll),
    PIC_STATE(special_mask),
    PIC_STATE(rotates),
    PIC_STATE(elcr),
    PIN_IN("irq", i8259_line, .count = 16),
    PIN_OUT(I8259, intr),
};

const DeviceType device_i8259 = {
    .name = "isa-i8259",
    .doc = "the two 8259A interrupt controllers of a PC",
    .size = sizeof(I8259),
    .regions = i8259_regions,
    .n_regions = ARRAY_SIZE(i8259_regions),
    .fields = TABLE(i8259_fields),
    .reset = i8259_reset,
    .settle = i8259_settle,
};
