/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/acpi/smbios.h"

#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>

/* The structure of @type, or NULL. Counts all: each must lie within the table. */
static const uint8_t *smbios_find(const GByteArray *t, unsigned type, unsigned *count)
{
    const uint8_t *found = NULL;

    *count = 0;
    for (unsigned at = 0; at + 4 <= t->len;) {
        unsigned end = at + t->data[at + 1];

        found = t->data[at] == type && !found ? t->data + at : found;
        ++*count;
        while (end + 2 <= t->len && get_le16(t->data + end)) {
            end++;
        }
        at = end + 2;
        EXPECT(at <= t->len);
    }
    return found;
}

static const char *smbios_string(const uint8_t *s, unsigned n)
{
    const char *p = (const char *)s + s[1];

    while (--n) {
        p += strlen(p) + 1;
    }
    return p;
}

static SmbiosMachine smbios_machine(const char *const *options, unsigned n)
{
    return (SmbiosMachine){ .product = "P",
                            .version = "V",
                            .uuid = "00112233-4455-6677-8899-aabbccddeeff",
                            .sockets = 2,
                            .cores = 2,
                            .threads = 1,
                            .ram_bytes = 20ull << 30,
                            .options = options,
                            .n_options = n };
}

TEST(smbios, structures)
{
    g_autoptr(GByteArray) t = g_byte_array_new(), a = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    SmbiosMachine m = smbios_machine(NULL, 0);
    const uint8_t *s;
    uint8_t sum = 0;
    unsigned n;

    EXPECT(smbios_build(&m, t, a, &err));
    s = smbios_find(t, 1, &n);
    EXPECT_EQ(n, 9); /* 1, 3, 4 twice, 16, 17 twice, 32, 127 */
    EXPECT_EQ(s[1], 27);
    EXPECT_STR(smbios_string(s, s[5]), "P");
    EXPECT_EQ(get_le32(s + 8), 0x00112233);
    EXPECT_EQ(s[16], 0x88);
    s = smbios_find(t, 17, &n);
    EXPECT_EQ(s[1], 40);
    EXPECT_EQ(get_le16(s + 12), 16384);
    EXPECT_EQ(a->len, 24);
    EXPECT_EQ(get_le32(a->data + 12), t->len);
    for (unsigned i = 0; i < a->len; i++) {
        sum += a->data[i];
    }
    EXPECT_EQ(sum, 0);
}

TEST(smbios, options)
{
    static const char *const options[] = {
        "type=1,manufacturer=Acme,,Inc,serial=42,uuid=11111111-2222-3333-4444-555555555555",
        "type=0,vendor=V,release=3.7,uefi=on", "type=11,value=a,value=bc", "type=17,speed=3200"
    };
    g_autoptr(GByteArray) t = g_byte_array_new(), a = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    SmbiosMachine m = smbios_machine(options, 4);
    const uint8_t *s;
    unsigned n;

    EXPECT(smbios_build(&m, t, a, &err));
    s = smbios_find(t, 1, &n);
    EXPECT_STR(smbios_string(s, s[4]), "Acme,Inc");
    EXPECT_STR(smbios_string(s, s[7]), "42");
    EXPECT_EQ(get_le32(s + 8), 0x11111111);
    s = smbios_find(t, 0, &n);
    EXPECT_EQ(s[19], 0x1c);
    EXPECT_EQ(s[20], 3);
    EXPECT_EQ(s[21], 7);
    s = smbios_find(t, 11, &n);
    EXPECT_EQ(s[4], 2);
    EXPECT_STR(smbios_string(s, 2), "bc");
    s = smbios_find(t, 17, &n);
    EXPECT_EQ(get_le16(s + 21), 3200);
}

TEST(smbios, says_what_is_wrong)
{
    static const char *const wrong[] = {
        "vendor=x",        "type=5",           "type=1,vendor=x",
        "type=1,uuid=123", "type=0,release=3", "type=4,max-speed=x"
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) err = NULL;

        EXPECT(!smbios_check(wrong[i], &err));
        EXPECT(err != NULL);
    }
}
