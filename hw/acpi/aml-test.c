/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/acpi/aml.h"

#include "tests/unit.h"

#include <string.h>

/* What is expected, as hexadecimal digits. */
static void aml_expect(Aml *a, const char *hex)
{
    g_autoptr(GString) s = g_string_new(NULL);

    for (unsigned i = 0; i < a->len; i++) {
        g_string_append_printf(s, "%02x", a->data[i]);
    }
    EXPECT_STR(s->str, hex);
    g_byte_array_set_size(a, 0);
}

TEST(aml, integers_and_names)
{
    g_autoptr(GByteArray) a = g_byte_array_new();

    aml_int(a, 0);
    aml_int(a, 1);
    aml_int(a, 0x7f);
    aml_int(a, 0x1234);
    aml_int(a, 0x12345678);
    aml_int(a, 1ull << 32);
    aml_expect(a, "0001"
                  "0a7f"
                  "0b3412"
                  "0c78563412"
                  "0e0000000001000000");
    aml_ref(a, "\\_SB");
    aml_ref(a, "\\_SB.PCI0");
    aml_ref(a, "^A.B.C");
    aml_expect(a, "5c5f53425f"
                  "5c2e5f53425f50434930"
                  "5e2f03415f5f5f425f5f5f435f5f5f");
    aml_name_eisa(a, "_HID", "PNP0A08");
    aml_expect(a, "085f4849440c41d00a08");
}

TEST(aml, lengths_count_themselves)
{
    g_autoptr(GByteArray) a = g_byte_array_new();
    uint8_t bytes[5000] = { 0 };
    unsigned mark = aml_scope_begin(a, "X");

    aml_end(a, mark);
    aml_expect(a, "1005585f5f5f");
    for (unsigned body = 1; body < sizeof(bytes); body += body < 100 ? 1 : 999) {
        unsigned len, n;

        mark = aml_package_begin(a, 0);
        g_byte_array_append(a, bytes, body - 1);
        aml_end(a, mark);
        n = a->data[1] >> 6;
        len = n ? (a->data[1] & 15) | a->data[2] << 4 : a->data[1];
        len |= n > 1 ? a->data[3] << 12 : 0;
        EXPECT_EQ(len, a->len - 1);
        EXPECT_EQ(a->len, 1 + 1 + n + body);
        g_byte_array_set_size(a, 0);
    }
}

TEST(aml, resources)
{
    g_autoptr(GByteArray) a = g_byte_array_new();
    unsigned mark = aml_resources_begin(a);

    aml_memory32(a, 0x09000000, 0x1000);
    aml_interrupt(a, 33);
    aml_resources_end(a, mark);
    aml_expect(a, "111d0c170000008609000100000009001000008906000101210000007900");
    aml_interrupt_edge(a, 41);
    aml_memory_dword(a, "EREG", "ESEL", 0x09080000);
    aml_expect(a, "890600030129000000"
                  "5b8045524547000c000008090a04"
                  "5b810b45524547434553454c20");
}

TEST(aml, uuid_order)
{
    g_autoptr(GByteArray) a = g_byte_array_new();

    aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    aml_expect(a, "11130a105b4ddb33f71f1c4096577441c03dd766");
}

TEST(aml, what_pcs_use)
{
    static const uint8_t lines[] = { 5, 10 };
    g_autoptr(GByteArray) a = g_byte_array_new();
    unsigned mark;

    aml_io(a, 0x3f8, 8);
    aml_irq(a, 4);
    aml_dma(a, 2);
    aml_interrupts(a, lines, 2);
    aml_expect(a, "4701f803f8030108"
                  "221000"
                  "2a0400"
                  "890a000902050000000a000000");
    aml_window_ports(a, 0xd00, 0xf300);
    aml_window_memory(a, 0xa0000, 0x20000, false, true);
    aml_expect(a, "880d00010c030000000dffff000000f3"
                  "871700000c030000000000000a00ffff0b000000000000000200");
    aml_region(a, "P40C", AML_SPACE_PCI_CONFIG, 0x60, 4);
    mark = aml_field_begin(a, "P40C", 1);
    aml_field(a, "PRQ0", 8);
    aml_field(a, NULL, 64);
    aml_end(a, mark);
    aml_expect(a, "5b8050343043020a600a04"
                  "5b810e503430430150525130080040"
                  "04");
    mark = aml_processor_begin(a, "C000", 3);
    aml_end(a, mark);
    aml_expect(a, "5b830b43303030030000000000");
}
