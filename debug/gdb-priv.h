/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEBUG_GDB_PRIV_H
#define DEBUG_GDB_PRIV_H

#include "core/cpu.h"
#include "debug/gdbstub.h"

#include <glib.h>

enum { GDB_PACKET_MAX = 16384 };

/* Framing: "$data#cc", acknowledgements, run-length and escapes. */
typedef struct GdbParser {
    enum { GDB_IDLE, GDB_DATA, GDB_ESCAPE, GDB_SUM1, GDB_SUM2 } state;
    GString *data;
    uint8_t sum, want;
    bool bad; /* too long, or its sum is no number */
} GdbParser;

typedef enum GdbInput {
    GDB_INPUT_NONE,
    GDB_INPUT_PACKET,  /* p->data holds it */
    GDB_INPUT_BAD_SUM, /* ask for it again */
    GDB_INPUT_BREAK,   /* the interrupt byte */
    GDB_INPUT_NACK,    /* the other side asks for the last answer again */
} GdbInput;

void gdb_parser_init(GdbParser *p);
void gdb_parser_deinit(GdbParser *p);
GdbInput gdb_parser_byte(GdbParser *p, uint8_t b);
/* "$...#cc" of @data (binary is escaped by the caller); the caller frees. */
char *gdb_frame(const char *data, size_t len, size_t *framed_len);
void gdb_append_hex(GString *out, const void *bytes, size_t len);
/* Up to @max bytes of hexadecimal digits at @text; the number of bytes. */
size_t gdb_read_hex(const char *text, uint8_t *out, size_t max);
/* Bytes with '}' escapes as in X and qXfer. */
void gdb_append_binary(GString *out, const char *bytes, size_t len);

/* The target description: "target.xml" or one of its features; NULL: no such annex. Free it. */
char *gdb_target_xml(const Target *t, const char *annex);

#endif
