/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/driver.h"
#include "block/proto/memory.h"
#include "tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE "x-memory:snapshots"

/* An image of @options and 8 MiB, open for writing. */
static BlockNode *image(BlockGraph *g, const char *options)
{
    GError *err = NULL;
    BlockNode *n;
    Options o;

    EXPECT(options_parse(&o, options, NULL, &err));
    EXPECT(block_image_create(g, block_driver_find("qcow2"), IMAGE, 8 << 20, &o, 0, &err));
    options_deinit(&o);
    EXPECT(options_parse(&o, "driver=qcow2,file.driver=x-memory,file.filename=" IMAGE, NULL, &err));
    n = block_node_open(g, &o, BLOCK_OPEN_WRITE, &err);
    EXPECT(n != NULL);
    options_deinit(&o);
    return n;
}

/* Version 2 writes all counts anew: also of a table that lies where the file does not reach yet. */
static void at_the_end(void *arg)
{
    BlockGraph *g = arg;

    for (unsigned data = 0; data < 4; data++) {
        BlockNode *n = image(g, "compat=0.10,cluster_size=512");
        uint8_t buf[1024];

        memset(buf, 1, sizeof(buf));
        for (unsigned i = 0; i < 4; i++) {
            BlockSnapshot sn = { .name = (char *)"n", .icount = UINT64_MAX };
            BlockCheck c = { 0 };
            GError *err = NULL;

            if (i < data) {
                EXPECT_EQ(block_node_write(n, i * 70000, buf, sizeof(buf), 0), 0);
            }
            if (!block_snapshot_create(n, &sn, &err) ||
                (i % 2 && !block_snapshot_delete(n, sn.id, &err))) {
                printf("%s\n", err->message);
            }
            EXPECT(!err);
            g_free(sn.id);
            EXPECT(block_node_check(n, &c, 0, &err));
            EXPECT_EQ(c.corruptions + c.leaks, 0);
        }
        block_node_unref(n);
    }
}

TEST(qcow2_snapshot, version_2_at_the_end_of_the_file)
{
    IoLoop *l = ioloop_new("snapshots", IO_ENGINE_THREADS, NULL);
    BlockGraph *g = block_graph_new(l);

    ioloop_run(l, at_the_end, g);
    block_graph_free(g);
    ioloop_free(l);
}
