/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/console.h"

#include "core/machine.h"
#include "tests/unit.h"
#include "ui/picture.h"

#include <string.h>

typedef struct TestCard {
    Console *con;
    unsigned width, height, refreshes;
    int watched; /* 1 more at each "on", 1 less at each "off" */
    uint32_t row[64];
} TestCard;

static void card_refresh(void *opaque)
{
    TestCard *t = opaque;
    bool all = console_begin(t->con, t->width, t->height);

    for (unsigned y = 0; y < t->height; y++) {
        if (all || y == 1) {
            console_put_row(t->con, y, t->row);
        }
    }
    console_end(t->con);
    t->refreshes++;
}

static void card_watched(void *opaque, bool on)
{
    ((TestCard *)opaque)->watched += on ? 1 : -1;
}

static const ConsoleOps card_ops = { card_refresh, card_watched };

TEST(console, viewers_see_what_changed)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    TestCard t = { .width = 8, .height = 4, .row = { 1, 2, 3, 4, 5, 6, 7, 8 } };
    ConsoleViewer *a, *b;
    ConsoleView view;

    t.con = console_new(m, "/card", 0, &card_ops, &t);
    EXPECT_EQ(console_count(m), 1);
    a = console_watch(t.con);
    console_refresh(t.con);
    console_look(a, &view);
    EXPECT(view.resized && view.changed);
    EXPECT_EQ(view.width, 8);
    EXPECT_EQ(view.pixels[view.stride * 3 + 7], 8);
    EXPECT_EQ(view.spans[3].end, 8);
    console_look_end(a);
    /* nothing new */
    console_refresh(t.con);
    console_look(a, &view);
    EXPECT(!view.changed && !view.resized);
    console_look_end(a);
    /* the columns that differ; who comes later sees everything */
    b = console_watch(t.con);
    t.row[2] = 30;
    t.row[4] = 50;
    console_refresh(t.con);
    console_look(a, &view);
    EXPECT(view.changed && !view.resized);
    EXPECT_EQ(view.spans[1].first, 2);
    EXPECT_EQ(view.spans[1].end, 5);
    EXPECT(view.spans[0].first >= view.spans[0].end);
    console_look_end(a);
    console_look(b, &view);
    EXPECT_EQ(view.spans[0].end, 8);
    console_look_end(b);
    /* another size */
    t.width = 5;
    console_refresh(t.con);
    console_look(a, &view);
    EXPECT(view.resized);
    EXPECT_EQ(view.spans[0].end, 5);
    console_look_end(a);
    EXPECT_EQ(t.watched, 1);
    console_unwatch(a);
    EXPECT_EQ(t.watched, 1);
    console_unwatch(b);
    EXPECT_EQ(t.watched, 0);
    console_free(t.con);
    machine_free(m);
}

TEST(console, outlives_its_device)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    TestCard t = { .width = 2, .height = 2 }, u = { .width = 3, .height = 1 };
    ConsoleViewer *v;
    ConsoleView view;

    t.con = console_new(m, "/card", 1, &card_ops, &t);
    u.con = console_new(m, "/other", 0, &card_ops, &u);
    EXPECT(console_get(m, 0) == t.con && console_get(m, 1) == u.con && !console_get(m, 2));
    EXPECT(console_find(m, "/card", 1) == t.con && !console_find(m, "/card", 0));
    v = console_watch(t.con);
    console_refresh(t.con);
    console_free(t.con);
    EXPECT(console_get(m, 0) == u.con);
    EXPECT(!console_refresh(t.con));
    EXPECT_EQ(t.refreshes, 1);
    console_look(v, &view);
    EXPECT_EQ(view.width, 2);
    console_look_end(v);
    console_unwatch(v);
    console_free(u.con);
    machine_free(m);
}

TEST(console, sizes_and_touches_are_bounded)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    TestCard t = { .width = 2, .height = 2 };
    ConsoleViewer *v;
    ConsoleView view;

    t.con = console_new(m, "/card", 0, &card_ops, &t);
    v = console_watch(t.con);
    EXPECT(console_begin(t.con, 0, 3));
    EXPECT(!console_row(t.con, 3));
    console_end(t.con);
    console_look(v, &view);
    EXPECT_EQ(view.width, 1);
    console_look_end(v);
    console_begin(t.con, 1, 3);
    console_touch(t.con, 0, 2, UINT32_MAX, UINT32_MAX);
    console_touch(t.con, 7, 0, 1, 1);
    console_end(t.con);
    console_look(v, &view);
    EXPECT_EQ(view.spans[2].end, 1);
    EXPECT_EQ(view.spans[0].end, 0);
    console_look_end(v);
    console_unwatch(v);
    console_free(t.con);
    machine_free(m);
}

TEST(console, pictures)
{
    static const uint32_t pixels[] = { 0xff0000, 0x00ff00, 0, 0x0000ff, 0xffffff, 0 };
    static const uint8_t ppm[] = "P6\n2 2\n255\n\xff\0\0\0\xff\0\0\0\xff\xff\xff\xff";
    g_autoptr(GByteArray) p = picture_encode(PICTURE_PPM, pixels, 2, 2, 3);
    g_autoptr(GByteArray) png = picture_encode(PICTURE_PNG, pixels, 2, 2, 3);
    static const uint8_t head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\2\0\0\0\2\10\2\0\0\0"
                                  "\xfd\xd4\x9a\x73";

    EXPECT_EQ(p->len, sizeof(ppm) - 1);
    EXPECT(!memcmp(p->data, ppm, sizeof(ppm) - 1));
    EXPECT(png->len > sizeof(head));
    EXPECT(!memcmp(png->data, head, sizeof(head) - 1));
    EXPECT(!memcmp(png->data + png->len - 8, "IEND\xae\x42\x60\x82", 8));
}
