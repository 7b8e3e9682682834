/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: ACPI Specification 6.4, ch. 20.2 (grammar), 6.4.2 and 6.4.3 (descriptors). */
#include "hw/acpi/aml.h"

#include "util/bytes.h"

#include <string.h>

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL = 0x2e,
    OP_MULTI = 0x2f,
    OP_EXT = 0x5b,
    OP_LOCAL0 = 0x60,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_AND = 0x7b,
    OP_OR = 0x7d,
    OP_NOTIFY = 0x86,
    OP_DWORD_FIELD = 0x8a,
    OP_LNOT = 0x92,
    OP_LEQUAL = 0x93,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    OP_RETURN = 0xa4,
    EXT_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,

    FIELD_DWORD_ZEROS = 0x43,
    RESOURCE_BUFFER_SIZE = 5, /* bytes of the integer in front of a template */
    /* general flags of address spaces: fixed minimum and maximum, positive, producer */
    SPACE_FIXED = 0x0c,
    SPACE_MEMORY_RW = 0x01,
    SPACE_IO_ENTIRE = 0x03,
};

static void aml_byte(Aml *a, uint8_t b)
{
    g_byte_array_append(a, &b, 1);
}

static void aml_le(Aml *a, unsigned size, uint64_t val)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    g_byte_array_append(a, buf, size);
}

/* One segment: four characters, filled up with underscores. */
static void aml_segment(Aml *a, const char *s, size_t len)
{
    for (size_t i = 0; i < 4; i++) {
        aml_byte(a, i < len ? s[i] : '_');
    }
}

static void aml_path(Aml *a, const char *name)
{
    g_auto(GStrv) parts = NULL;
    unsigned n;

    while (*name == '\\' || *name == '^') {
        aml_byte(a, *name++);
    }
    parts = g_strsplit(name, ".", -1);
    n = g_strv_length(parts);
    if (n == 0) {
        aml_byte(a, 0);
    } else if (n == 2) {
        aml_byte(a, OP_DUAL);
    } else if (n > 2) {
        aml_byte(a, OP_MULTI);
        aml_byte(a, n);
    }
    for (unsigned i = 0; i < n; i++) {
        aml_segment(a, parts[i], strlen(parts[i]));
    }
}

/* The length counts its own bytes. Spec: 20.2.4 */
static unsigned aml_length(uint8_t out[4], size_t len)
{
    unsigned extra;

    if (len + 1 < 64) {
        out[0] = len + 1;
        return 1;
    }
    extra = len + 2 < 1 << 12 ? 1 : len + 3 < 1 << 20 ? 2 : 3;
    len += 1 + extra;
    out[0] = extra << 6 | (len & 15);
    for (unsigned i = 1; i <= extra; i++) {
        out[i] = len >> (8 * i - 4);
    }
    return 1 + extra;
}

void aml_end(Aml *a, unsigned mark)
{
    uint8_t len[4];
    unsigned n = aml_length(len, a->len - mark), body = a->len - mark;

    g_byte_array_set_size(a, a->len + n);
    memmove(a->data + mark + n, a->data + mark, body);
    memcpy(a->data + mark, len, n);
}

unsigned aml_scope_begin(Aml *a, const char *name)
{
    unsigned mark;

    aml_byte(a, OP_SCOPE);
    mark = a->len;
    aml_path(a, name);
    return mark;
}

unsigned aml_device_begin(Aml *a, const char *name)
{
    unsigned mark;

    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_DEVICE);
    mark = a->len;
    aml_path(a, name);
    return mark;
}

unsigned aml_method_begin(Aml *a, const char *name, unsigned n_args, bool serialized)
{
    unsigned mark;

    aml_byte(a, OP_METHOD);
    mark = a->len;
    aml_path(a, name);
    aml_byte(a, n_args | (serialized ? 1 << 3 : 0));
    return mark;
}

unsigned aml_package_begin(Aml *a, unsigned n)
{
    unsigned mark;

    aml_byte(a, OP_PACKAGE);
    mark = a->len;
    aml_byte(a, n);
    return mark;
}

unsigned aml_if_begin(Aml *a)
{
    aml_byte(a, OP_IF);
    return a->len;
}

unsigned aml_else_begin(Aml *a)
{
    aml_byte(a, OP_ELSE);
    return a->len;
}

unsigned aml_resources_begin(Aml *a)
{
    unsigned mark;

    aml_byte(a, OP_BUFFER);
    mark = a->len;
    aml_byte(a, OP_DWORD);
    aml_le(a, 4, 0);
    return mark;
}

void aml_resources_end(Aml *a, unsigned mark)
{
    aml_byte(a, 0x79); /* end tag; 0: no checksum */
    aml_byte(a, 0);
    put_le32(a->data + mark + 1, a->len - mark - RESOURCE_BUFFER_SIZE);
    aml_end(a, mark);
}

/* ---- Terms ---- */

void aml_name(Aml *a, const char *name)
{
    aml_byte(a, OP_NAME);
    aml_path(a, name);
}

void aml_int(Aml *a, uint64_t val)
{
    static const uint8_t op[9] = { [1] = OP_BYTE, [2] = OP_WORD, [4] = OP_DWORD, [8] = OP_QWORD };
    unsigned size = val >> 32 ? 8 : val >> 16 ? 4 : val >> 8 ? 2 : 1;

    if (val <= 1) {
        aml_byte(a, val ? OP_ONE : OP_ZERO);
        return;
    }
    aml_byte(a, op[size]);
    aml_le(a, size, val);
}

void aml_str(Aml *a, const char *text)
{
    aml_byte(a, OP_STRING);
    g_byte_array_append(a, (const uint8_t *)text, strlen(text) + 1);
}

void aml_name_int(Aml *a, const char *name, uint64_t val)
{
    aml_name(a, name);
    aml_int(a, val);
}

void aml_name_str(Aml *a, const char *name, const char *text)
{
    aml_name(a, name);
    aml_str(a, text);
}

/* Three letters of five bits and four hexadecimal digits, big-endian. Spec: 19.3.4 */
void aml_name_eisa(Aml *a, const char *name, const char *id)
{
    uint32_t v = (id[0] - '@') << 26 | (id[1] - '@') << 21 | (id[2] - '@') << 16 |
                 (uint32_t)g_ascii_strtoull(id + 3, NULL, 16);

    aml_name(a, name);
    aml_byte(a, OP_DWORD);
    aml_le(a, 4, bytes_swap(v, 4));
}

void aml_ref(Aml *a, const char *name)
{
    aml_path(a, name);
}

void aml_buffer(Aml *a, const void *bytes, unsigned len)
{
    unsigned mark;

    aml_byte(a, OP_BUFFER);
    mark = a->len;
    aml_int(a, len);
    g_byte_array_append(a, bytes, len);
    aml_end(a, mark);
}

void aml_unicode(Aml *a, const char *text)
{
    g_autoptr(GByteArray) wide = g_byte_array_new();

    for (const char *p = text;; p++) {
        aml_le(wide, 2, (uint8_t)*p);
        if (!*p) {
            break;
        }
    }
    aml_buffer(a, wide->data, wide->len);
}

/* The first three groups are little-endian. Spec: 19.6.142 */
void aml_uuid(Aml *a, const char *text)
{
    static const uint8_t order[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
    uint8_t out[16];

    for (unsigned i = 0; i < 16; i++) {
        const char *p = text + order[i];

        out[i] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
    }
    aml_buffer(a, out, sizeof(out));
}

void aml_arg(Aml *a, unsigned n)
{
    aml_byte(a, OP_ARG0 + n);
}

void aml_local(Aml *a, unsigned n)
{
    aml_byte(a, OP_LOCAL0 + n);
}

void aml_return(Aml *a)
{
    aml_byte(a, OP_RETURN);
}

void aml_store(Aml *a)
{
    aml_byte(a, OP_STORE);
}

void aml_equal(Aml *a)
{
    aml_byte(a, OP_LEQUAL);
}

void aml_not(Aml *a)
{
    aml_byte(a, OP_LNOT);
}

void aml_and(Aml *a)
{
    aml_byte(a, OP_AND);
}

void aml_or(Aml *a)
{
    aml_byte(a, OP_OR);
}

void aml_set_bits(Aml *a, const char *name, unsigned bits)
{
    aml_or(a);
    aml_ref(a, name);
    aml_int(a, bits);
    aml_ref(a, name);
}

void aml_nowhere(Aml *a)
{
    aml_byte(a, 0);
}

void aml_dword_field(Aml *a, unsigned arg, unsigned offset, const char *name)
{
    aml_byte(a, OP_DWORD_FIELD);
    aml_arg(a, arg);
    aml_int(a, offset);
    aml_path(a, name);
}

void aml_notify(Aml *a, const char *object, uint64_t val)
{
    aml_byte(a, OP_NOTIFY);
    aml_path(a, object);
    aml_int(a, val);
}

void aml_memory_dword(Aml *a, const char *region, const char *field, uint32_t base)
{
    unsigned mark;

    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_REGION);
    aml_path(a, region);
    aml_byte(a, 0); /* system memory */
    aml_int(a, base);
    aml_int(a, 4);
    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_FIELD);
    mark = a->len;
    aml_path(a, region);
    aml_byte(a, FIELD_DWORD_ZEROS);
    aml_segment(a, field, strlen(field));
    aml_byte(a, 32); /* bits, as a length of one byte */
    aml_end(a, mark);
}

/* ---- Resource descriptors ---- */

void aml_memory32(Aml *a, uint32_t base, uint32_t len)
{
    aml_byte(a, 0x86);
    aml_le(a, 2, 9);
    aml_byte(a, 1); /* read and write */
    aml_le(a, 4, base);
    aml_le(a, 4, len);
}

static void aml_line(Aml *a, uint8_t flags, uint32_t gsi)
{
    aml_byte(a, 0x89);
    aml_le(a, 2, 6);
    aml_byte(a, flags);
    aml_byte(a, 1);
    aml_le(a, 4, gsi);
}

void aml_interrupt(Aml *a, uint32_t gsi)
{
    aml_line(a, 1, gsi); /* consumer */
}

void aml_interrupt_edge(Aml *a, uint32_t gsi)
{
    aml_line(a, 3, gsi);
}

/* Granularity 0, the range, translation offset, length. */
static void aml_space(Aml *a, unsigned size, unsigned type, unsigned flags, uint64_t base,
                      uint64_t len, uint64_t offset)
{
    static const uint8_t tag[9] = { [2] = 0x88, [4] = 0x87, [8] = 0x8a };

    aml_byte(a, tag[size]);
    aml_le(a, 2, 3 + 5 * size);
    aml_byte(a, type);
    aml_byte(a, SPACE_FIXED);
    aml_byte(a, flags);
    aml_le(a, size, 0);
    aml_le(a, size, base);
    aml_le(a, size, base + len - 1);
    aml_le(a, size, offset);
    aml_le(a, size, len);
}

void aml_bus_numbers(Aml *a, uint16_t first, uint16_t last)
{
    aml_space(a, 2, 2, 0, first, last - first + 1, 0);
}

void aml_window_memory32(Aml *a, uint32_t base, uint32_t len)
{
    aml_space(a, 4, 0, SPACE_MEMORY_RW, base, len, 0);
}

void aml_window_memory64(Aml *a, uint64_t base, uint64_t len)
{
    aml_space(a, 8, 0, SPACE_MEMORY_RW, base, len, 0);
}

void aml_window_io(Aml *a, uint32_t at, uint32_t len)
{
    aml_space(a, 4, 1, SPACE_IO_ENTIRE, 0, len, at);
}

void aml_gpio_interrupt(Aml *a, const char *name, uint16_t pin)
{
    enum { HEADER = 23, PIN_AT = HEADER, NAME_AT = PIN_AT + 2 };
    unsigned end = NAME_AT + strlen(name) + 1;

    aml_byte(a, 0x8c);
    aml_le(a, 2, end - 3);
    aml_byte(a, 1);  /* revision */
    aml_byte(a, 0);  /* an interrupt */
    aml_le(a, 2, 1); /* consumer */
    aml_le(a, 2, 1); /* by edge, active high, exclusive */
    aml_byte(a, 1);  /* pulled up */
    aml_le(a, 2, 0); /* drive strength */
    aml_le(a, 2, 0); /* no debouncing */
    aml_le(a, 2, PIN_AT);
    aml_byte(a, 0);
    aml_le(a, 2, NAME_AT);
    aml_le(a, 2, end); /* no vendor data */
    aml_le(a, 2, 0);
    aml_le(a, 2, pin);
    g_byte_array_append(a, (const uint8_t *)name, strlen(name) + 1);
}
