/* SPDX-License-Identifier: Apache-2.0 */
#include "debug/gdb-priv.h"

#include "core/target.h"
#include "tests/unit.h"

#include <string.h>

static GdbInput feed(GdbParser *p, const char *text)
{
    GdbInput last = GDB_INPUT_NONE;

    for (; *text; text++) {
        last = gdb_parser_byte(p, (uint8_t)*text);
    }
    return last;
}

TEST(gdb, packets)
{
    g_autofree char *framed = NULL;
    size_t len;
    GdbParser p;

    gdb_parser_init(&p);
    EXPECT_EQ(feed(&p, "+$g#67"), GDB_INPUT_PACKET);
    EXPECT_STR(p.data->str, "g");
    EXPECT_EQ(feed(&p, "$g#68"), GDB_INPUT_BAD_SUM);
    EXPECT_EQ(feed(&p, "$o#6g"), GDB_INPUT_BAD_SUM); /* no digit, though the sum is 6f */
    EXPECT_EQ(feed(&p, "$o#g6"), GDB_INPUT_BAD_SUM);
    EXPECT_EQ(feed(&p, "\003"), GDB_INPUT_BREAK);
    EXPECT_EQ(feed(&p, "-"), GDB_INPUT_NACK);
    EXPECT_EQ(feed(&p, "$a}\003b#43"), GDB_INPUT_PACKET);
    EXPECT_STR(p.data->str, "a#b");
    gdb_parser_deinit(&p);
    framed = gdb_frame("OK", 2, &len);
    EXPECT_EQ(len, 6);
    EXPECT(!memcmp(framed, "$OK#9a", 6));
}

TEST(gdb, overlong_packets_are_refused)
{
    GdbParser p;
    uint8_t sum = 0;

    gdb_parser_init(&p);
    gdb_parser_byte(&p, '$');
    for (unsigned i = 0; i < GDB_PACKET_MAX + 10; i++, sum += 'a') {
        EXPECT_EQ(gdb_parser_byte(&p, 'a'), GDB_INPUT_NONE);
    }
    EXPECT(p.data->len <= GDB_PACKET_MAX);
    gdb_parser_byte(&p, '#');
    gdb_parser_byte(&p, (uint8_t) "0123456789abcdef"[sum >> 4]);
    EXPECT_EQ(gdb_parser_byte(&p, (uint8_t) "0123456789abcdef"[sum & 15]), GDB_INPUT_BAD_SUM);
    gdb_parser_deinit(&p);
}

TEST(gdb, target_description)
{
    static const CpuReg regs[] = {
        { .name = "x0", .bits = 64, .group = "org.gnu.gdb.aarch64.core" },
        { .name = "v0", .bits = 128, .group = "org.gnu.gdb.aarch64.fpu", .type = "vec128" },
        { .name = "fpsr", .bits = 32, .group = "org.gnu.gdb.aarch64.fpu", .type = "int" },
    };
    static const Target target = { .name = "aarch64", .regs = regs, .n_regs = 3 };
    g_autofree char *xml = gdb_target_xml(&target, "target.xml");

    EXPECT(gdb_target_xml(&target, "other.xml") == NULL);
    EXPECT(strstr(xml, "<architecture>aarch64</architecture>") != NULL);
    EXPECT(strstr(xml, "<reg name=\"x0\" bitsize=\"64\" type=\"int64\" regnum=\"0\"/>") != NULL);
    EXPECT(strstr(xml, "<union id=\"vec128\">") != NULL);
    EXPECT(strstr(xml, "regnum=\"2\"/></feature></target>") != NULL);
}
