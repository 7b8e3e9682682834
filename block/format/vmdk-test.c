/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/vhdx.h"
#include "block/format/vmdk.h"
#include "block/proto/memory.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>

static bool desc_is_good(const char *text)
{
    g_autoptr(GError) err = NULL;
    VmdkDesc d;
    bool ok = vmdk_desc_parse(&d, text, strlen(text), &err);

    if (ok) {
        vmdk_desc_clear(&d);
    }
    EXPECT(ok != (err != NULL));
    return ok;
}

TEST(vmdk, reads_a_descriptor)
{
    static const char text[] = "# Disk DescriptorFile\nversion=1\nCID=00c0ffee\n"
                               "parentCID=ffffffff\ncreateType=\"twoGbMaxExtentFlat\"\n"
                               "RW 4192256 FLAT \"a b-f001.vmdk\" 128\nRW 63 ZERO\n";
    g_autoptr(GError) err = NULL;
    VmdkDesc d;

    EXPECT(vmdk_desc_probe((const uint8_t *)text, strlen(text)));
    EXPECT(vmdk_desc_parse(&d, text, strlen(text), &err));
    EXPECT_EQ(d.cid, 0xc0ffee);
    EXPECT_EQ(d.cid_digits, 8);
    EXPECT(!memcmp(text + d.cid_at, "00c0ffee", 8));
    EXPECT_EQ(d.parent_cid, VMDK_NO_PARENT);
    EXPECT_STR(d.create_type, "twoGbMaxExtentFlat");
    EXPECT_EQ(d.n_lines, 2);
    EXPECT_EQ(d.lines[0].sectors, 4192256);
    EXPECT_EQ(d.lines[0].off, 128);
    EXPECT_STR(d.lines[0].name, "a b-f001.vmdk");
    EXPECT_STR(d.lines[1].type, "ZERO");
    vmdk_desc_clear(&d);
}

TEST(vmdk, refuses_what_is_no_descriptor)
{
    EXPECT(!desc_is_good(""));
    EXPECT(!desc_is_good("version=1\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nCID=xyz\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nCID=123456789\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW 1\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW 0 FLAT \"a\" 0\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW -1 FLAT \"a\" 0\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW 99999999999999999999 FLAT \"a\" 0\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW 8 FLAT \"a 0\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nRW 8 FLAT \"\" 0\n"));
    EXPECT(!desc_is_good("createType=\"x\"\nNOACCESS 8 FLAT \"a\" 0\n"));
    EXPECT(desc_is_good("createType=\"x\"\nRW 8 SPARSE \"a\"\n"));
}

TEST(vmdk, names_stay_in_their_folder)
{
    EXPECT(vmdk_desc_name_is_safe("a-s001.vmdk"));
    EXPECT(vmdk_desc_name_is_safe("sub/a..b.vmdk"));
    EXPECT(!vmdk_desc_name_is_safe("/etc/shadow"));
    EXPECT(!vmdk_desc_name_is_safe("../a"));
    EXPECT(!vmdk_desc_name_is_safe("a/../../b"));
    EXPECT(!vmdk_desc_name_is_safe("nbd://host/x"));
}

/* RFC 3720, B.4 */
TEST(vhdx, crc32c_of_rfc3720)
{
    uint8_t buf[32] = { 0 };

    EXPECT_EQ(vhdx_crc32c(0, buf, sizeof(buf)), 0x8a9136aa);
    memset(buf, 0xff, sizeof(buf));
    EXPECT_EQ(vhdx_crc32c(0, buf, sizeof(buf)), 0x62a8ab43);
    EXPECT_EQ(vhdx_crc32c(vhdx_crc32c(0, buf, 7), buf + 7, 25), 0x62a8ab43);
}

/* A table that lies nowhere is one error, not one for each of its grains. */
static void bad_tables(void *arg)
{
    BlockGraph *g = arg;
    BlockCheck c = { 0 };
    GError *err = NULL;
    Options o;

    EXPECT(options_parse(&o, "", NULL, &err));
    EXPECT(
        block_image_create(g, block_driver_find("vmdk"), "x-memory:vmdk", 200 << 20, &o, 0, &err));
    options_deinit(&o);
    BlockMemory *m = block_memory_find(g, "vmdk");
    uint8_t gd[8], entry[4];

    block_memory_read(m, 56, gd, sizeof(gd));
    put_le32(entry, UINT32_MAX);
    for (uint64_t i = 1; i < 4; i += 2) {
        EXPECT_EQ(block_memory_write(m, get_le64(gd) * 512 + i * 4, entry, sizeof(entry)), 0);
    }
    EXPECT(options_parse(&o, "driver=vmdk,file.driver=x-memory,file.filename=x-memory:vmdk", NULL,
                         &err));
    BlockNode *n = block_node_open(g, &o, BLOCK_OPEN_CHECK, &err);
    EXPECT(n != NULL);
    options_deinit(&o);
    EXPECT(block_node_check(n, &c, 0, &err));
    EXPECT_EQ(c.corruptions, 2);
    block_node_unref(n);
}

TEST(vmdk, check_of_bad_tables)
{
    IoLoop *l = ioloop_new("vmdk", IO_ENGINE_THREADS, NULL);
    BlockGraph *g = block_graph_new(l);

    ioloop_run(l, bad_tables, g);
    block_graph_free(g);
    ioloop_free(l);
}
