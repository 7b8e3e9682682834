/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operators and descriptors that PCs' tables use beside those of aml.c.
 * Spec: ACPI Specification 6.4, ch. 20.2; Processor: ACPI 5.0, 19.5.100; descriptors: 6.4.2, 6.4.3.
 */
#include "hw/acpi/aml.h"

#include "util/bytes.h"

enum {
    PC_EXT = 0x5b,
    PC_EXT_REGION = 0x80,
    PC_EXT_FIELD = 0x81,
    PC_EXT_PROCESSOR = 0x83,
    PC_DWORD_FIELD = 0x8a,
    PC_LESS = 0x95,
    PC_SPACE_FIXED = 0x0c, /* minimum and maximum fixed, positive decoding, producer */
    PC_IO_ENTIRE = 0x03,
    PC_MEMORY_RW = 1 << 0,
    PC_MEMORY_CACHED = 1 << 1,
};

static void pc_le(Aml *a, unsigned size, uint64_t val)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    g_byte_array_append(a, buf, size);
}

static void pc_byte(Aml *a, uint8_t b)
{
    g_byte_array_append(a, &b, 1);
}

unsigned aml_processor_begin(Aml *a, const char *name, uint8_t id)
{
    unsigned mark;

    pc_byte(a, PC_EXT);
    pc_byte(a, PC_EXT_PROCESSOR);
    mark = a->len;
    aml_ref(a, name);
    pc_byte(a, id);
    pc_le(a, 4, 0); /* no block of registers */
    pc_byte(a, 0);
    return mark;
}

void aml_region(Aml *a, const char *name, unsigned space, uint64_t base, uint64_t len)
{
    pc_byte(a, PC_EXT);
    pc_byte(a, PC_EXT_REGION);
    aml_ref(a, name);
    pc_byte(a, (uint8_t)space);
    aml_int(a, base);
    aml_int(a, len);
}

/* What is not written keeps its value; no lock. Spec: 20.2.5.2 */
unsigned aml_field_begin(Aml *a, const char *region, unsigned access)
{
    unsigned mark;

    pc_byte(a, PC_EXT);
    pc_byte(a, PC_EXT_FIELD);
    mark = a->len;
    aml_ref(a, region);
    pc_byte(a, (uint8_t)access);
    return mark;
}

void aml_field(Aml *a, const char *name, unsigned bits)
{
    if (name) {
        aml_ref(a, name);
    } else {
        pc_byte(a, 0);
    }
    if (bits < 64) {
        pc_byte(a, (uint8_t)bits);
    } else {
        pc_byte(a, (uint8_t)(1 << 6 | (bits & 15)));
        pc_byte(a, (uint8_t)(bits >> 4));
    }
}

void aml_dword_field_of(Aml *a, const char *source, unsigned offset, const char *name)
{
    pc_byte(a, PC_DWORD_FIELD);
    aml_ref(a, source);
    aml_int(a, offset);
    aml_ref(a, name);
}

void aml_less(Aml *a)
{
    pc_byte(a, PC_LESS);
}

/* ---- Resource descriptors ---- */

void aml_io(Aml *a, uint16_t port, uint8_t len)
{
    pc_byte(a, 0x47);
    pc_byte(a, 1); /* 16 bits decoded */
    pc_le(a, 2, port);
    pc_le(a, 2, port);
    pc_byte(a, 1);
    pc_byte(a, len);
}

void aml_irq(Aml *a, unsigned irq)
{
    pc_byte(a, 0x22);
    pc_le(a, 2, 1u << irq);
}

void aml_dma(Aml *a, unsigned channel)
{
    pc_byte(a, 0x2a);
    pc_byte(a, (uint8_t)(1u << channel));
    pc_byte(a, 0); /* compatible timing, 8 bits, no bus master */
}

void aml_interrupts(Aml *a, const uint8_t *gsis, unsigned n)
{
    pc_byte(a, 0x89);
    pc_le(a, 2, 2 + 4 * n);
    pc_byte(a, 1 | 1 << 3); /* consumer; shared */
    pc_byte(a, (uint8_t)n);
    for (unsigned i = 0; i < n; i++) {
        pc_le(a, 4, gsis[i]);
    }
}

static void pc_space(Aml *a, unsigned size, uint8_t type, uint8_t flags, uint64_t base,
                     uint64_t len)
{
    static const uint8_t tag[9] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };

    pc_byte(a, tag[size]);
    pc_le(a, 2, 3 + 5 * size);
    pc_byte(a, type);
    pc_byte(a, PC_SPACE_FIXED);
    pc_byte(a, flags);
    pc_le(a, size, 0);
    pc_le(a, size, base);
    pc_le(a, size, base + len - 1);
    pc_le(a, size, 0);
    pc_le(a, size, len);
}

void aml_window_ports(Aml *a, uint16_t base, uint32_t len)
{
    pc_space(a, 2, 1, PC_IO_ENTIRE, base, len);
}

void aml_window_memory(Aml *a, uint64_t base, uint64_t len, bool wide, bool cached)
{
    pc_space(a, wide ? 8 : 4, 0, PC_MEMORY_RW | (cached ? PC_MEMORY_CACHED : 0), base, len);
}
