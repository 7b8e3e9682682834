/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of the remote protocol, and the target description. */
#include "debug/gdb-priv.h"

#include "core/target.h"

#include <string.h>

void gdb_parser_init(GdbParser *p)
{
    *p = (GdbParser){ .data = g_string_new("") };
}

void gdb_parser_deinit(GdbParser *p)
{
    g_string_free(p->data, TRUE);
}

static void gdb_parser_add(GdbParser *p, char c)
{
    if (p->data->len < GDB_PACKET_MAX) {
        g_string_append_c(p->data, c);
    } else {
        p->bad = true;
    }
}

static GdbInput gdb_parser_idle(GdbParser *p, uint8_t b)
{
    if (b == '$') {
        g_string_truncate(p->data, 0);
        p->sum = 0;
        p->bad = false;
        p->state = GDB_DATA;
    } else if (b == 3) {
        return GDB_INPUT_BREAK;
    } else if (b == '-') {
        return GDB_INPUT_NACK;
    }
    return GDB_INPUT_NONE;
}

/* Half of the sum. */
static void gdb_parser_digit(GdbParser *p, uint8_t b)
{
    int digit = g_ascii_xdigit_value((char)b);

    p->bad |= digit < 0;
    p->want = (uint8_t)(p->want << 4 | (digit & 15));
}

GdbInput gdb_parser_byte(GdbParser *p, uint8_t b)
{
    switch (p->state) {
    case GDB_IDLE:
        return gdb_parser_idle(p, b);
    case GDB_DATA:
        if (b == '#') {
            p->state = GDB_SUM1;
            return GDB_INPUT_NONE;
        }
        p->sum += b;
        if (b == '}') {
            p->state = GDB_ESCAPE;
        } else {
            gdb_parser_add(p, (char)b);
        }
        return GDB_INPUT_NONE;
    case GDB_ESCAPE:
        p->sum += b;
        gdb_parser_add(p, (char)(b ^ 0x20));
        p->state = GDB_DATA;
        return GDB_INPUT_NONE;
    case GDB_SUM1:
        gdb_parser_digit(p, b);
        p->state = GDB_SUM2;
        return GDB_INPUT_NONE;
    default:
        gdb_parser_digit(p, b);
        p->state = GDB_IDLE;
        return p->want == p->sum && !p->bad ? GDB_INPUT_PACKET : GDB_INPUT_BAD_SUM;
    }
}

char *gdb_frame(const char *data, size_t len, size_t *framed_len)
{
    char *out = g_malloc(len + 5);
    uint8_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += (uint8_t)data[i];
    }
    out[0] = '$';
    memcpy(out + 1, data, len);
    g_snprintf(out + 1 + len, 4, "#%02x", sum);
    *framed_len = len + 4;
    return out;
}

void gdb_append_hex(GString *out, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(out, "%02x", b[i]);
    }
}

size_t gdb_read_hex(const char *text, uint8_t *out, size_t max)
{
    size_t n = 0;

    while (n < max && g_ascii_isxdigit(text[0]) && g_ascii_isxdigit(text[1])) {
        out[n++] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
        text += 2;
    }
    return n;
}

void gdb_append_binary(GString *out, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (memchr("#$}*", bytes[i], 4)) {
            g_string_append_c(out, '}');
            g_string_append_c(out, bytes[i] ^ 0x20);
        } else {
            g_string_append_c(out, bytes[i]);
        }
    }
}

/* ---- Target description ---- */

/* A vector register as GDB's own descriptions show it; %s is the type's name in the table. */
#define GDB_VEC128                                                                                 \
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"                                        \
    "<vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"                                             \
    "<vector id=\"v2i\" type=\"int64\" count=\"2\"/>"                                              \
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"                                        \
    "<vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"                                             \
    "<vector id=\"v4i\" type=\"int32\" count=\"4\"/>"                                              \
    "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/>"                                             \
    "<vector id=\"v8i\" type=\"int16\" count=\"8\"/>"                                              \
    "<vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"                                            \
    "<vector id=\"v16i\" type=\"int8\" count=\"16\"/>"                                             \
    "<vector id=\"v1u\" type=\"uint128\" count=\"1\"/>"                                            \
    "<vector id=\"v1i\" type=\"int128\" count=\"1\"/>"                                             \
    "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/>"           \
    "<field name=\"s\" type=\"v2i\"/></union>"                                                     \
    "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/>"           \
    "<field name=\"s\" type=\"v4i\"/></union>"                                                     \
    "<union id=\"vnh\"><field name=\"u\" type=\"v8u\"/><field name=\"s\" type=\"v8i\"/></union>"   \
    "<union id=\"vnb\"><field name=\"u\" type=\"v16u\"/><field name=\"s\" type=\"v16i\"/></union>" \
    "<union id=\"vnq\"><field name=\"u\" type=\"v1u\"/><field name=\"s\" type=\"v1i\"/></union>"   \
    "<union id=\"%s\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/>"            \
    "<field name=\"h\" type=\"vnh\"/><field name=\"b\" type=\"vnb\"/>"                             \
    "<field name=\"q\" type=\"vnq\"/></union>"

static const char *gdb_reg_type(const CpuReg *r)
{
    static const char *const by_size[] = { "int8", "int16", "int32", "int64", "uint128" };

    if (r->type) {
        return r->type;
    }
    return by_size[r->bits <= 8    ? 0
                   : r->bits <= 16 ? 1
                   : r->bits <= 32 ? 2
                   : r->bits <= 64 ? 3
                                   : 4];
}

static void gdb_feature(GString *s, const Target *t, const char *group)
{
    bool vectors = false;

    g_string_append_printf(s, "<feature name=\"%s\">", group);
    for (unsigned i = 0; i < t->n_regs; i++) {
        const CpuReg *r = &t->regs[i];

        if (strcmp(r->group, group)) {
            continue;
        }
        if (!vectors && r->type && r->bits == 128 && strcmp(r->type, "uint128")) {
            g_string_append_printf(s, GDB_VEC128, r->type);
            vectors = true;
        }
        g_string_append_printf(s, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>",
                               r->name, r->bits, gdb_reg_type(r), i);
    }
    g_string_append(s, "</feature>");
}

char *gdb_target_xml(const Target *t, const char *annex)
{
    GString *s;

    if (strcmp(annex, "target.xml")) {
        return NULL;
    }
    s = g_string_new("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>");
    g_string_append_printf(s, "<architecture>%s</architecture>",
                           t->gdb_arch ? t->gdb_arch : t->name);
    for (unsigned i = 0; i < t->n_regs; i++) {
        bool first = true;

        for (unsigned k = 0; k < i; k++) {
            first = first && strcmp(t->regs[k].group, t->regs[i].group) != 0;
        }
        if (first) {
            gdb_feature(s, t, t->regs[i].group);
        }
    }
    g_string_append(s, "</target>");
    return g_string_free(s, FALSE);
}
