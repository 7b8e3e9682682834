/* SPDX-License-Identifier: Apache-2.0 */
#include "core/input.h"

#include "core/bench.h"
#include "core/clock.h"
#include "core/event/loop.h"
#include "tests/unit.h"

#include <linux/input-event-codes.h>
#include <string.h>

typedef struct Heard {
    InputEvent e[8];
    unsigned n, syncs;
} Heard;

static void heard_event(void *opaque, const InputEvent *e)
{
    Heard *h = opaque;

    if (h->n < 8) {
        h->e[h->n++] = *e;
    }
}

static void heard_sync(void *opaque)
{
    ((Heard *)opaque)->syncs++;
}

static const InputHandler keys = { "keys", 1 << INPUT_KEY, heard_event, heard_sync };
static const InputHandler mouse = { "mouse", 1 << INPUT_REL | 1 << INPUT_BUTTON, heard_event,
                                    heard_sync };
static const InputHandler tablet = { "tablet", 1 << INPUT_ABS | 1 << INPUT_BUTTON, heard_event,
                                     heard_sync };

TEST(input, reaches_who_takes_its_kind)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    InputEvent key = { INPUT_KEY, KEY_A, true, 0 }, button = { INPUT_BUTTON, INPUT_LEFT, true, 0 };
    InputEvent move = { INPUT_REL, INPUT_X, false, 5 };
    Heard a = { .n = 0 }, b = { .n = 0 }, c = { .n = 0 };
    bool current;

    EXPECT(!input_send(m, &key));
    input_add(m, &keys, &a);
    input_add(m, &mouse, &b);
    input_add(m, &tablet, &c);
    EXPECT(input_send(m, &key) && input_send(m, &button) && input_send(m, &move));
    input_sync(m);
    EXPECT(a.n == 1 && b.n == 1 && c.n == 1 && a.syncs == 1 && c.syncs == 1);
    EXPECT(c.e[0].kind == INPUT_BUTTON && b.e[0].value == 5);
    EXPECT(!strcmp(input_pointer(m, 1, &current)->name, "mouse") && !current);
    EXPECT(input_choose_pointer(m, 1) && !input_choose_pointer(m, 3));
    EXPECT(input_pointer(m, 1, &current) == &mouse && current);
    input_send(m, &button);
    EXPECT_EQ(b.n, 2);
    input_remove(m, &keys, &a);
    EXPECT(!input_send(m, &key));
    machine_free(m);
}

TEST(input, types_keys_one_after_another)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    uint16_t shift_a[] = { KEY_LEFTSHIFT, KEY_A }, b[] = { KEY_B };
    Heard h = { .n = 0 };

    input_add(m, &keys, &h);
    input_type(m, shift_a, 2, 1);
    input_type(m, b, 1, 1);
    EXPECT(h.n == 2 && h.e[0].code == KEY_LEFTSHIFT && h.e[1].code == KEY_A && h.e[1].down);
    while (h.n < 6) {
        loop_iterate(m, true);
    }
    EXPECT(h.e[2].code == KEY_A && !h.e[2].down && h.e[3].code == KEY_LEFTSHIFT);
    EXPECT(h.e[4].code == KEY_B && h.e[4].down && !h.e[5].down);
    machine_free(m);
}

TEST(input, knows_keys_by_name_and_number)
{
    EXPECT_EQ(input_key_by_name("ret", 3), KEY_ENTER);
    EXPECT_EQ(input_key_by_name("ctrl-x", 4), KEY_LEFTCTRL);
    EXPECT_EQ(input_key_by_name("nokey", 5), 0);
    EXPECT_EQ(input_key_by_number(0x1e), KEY_A);
    EXPECT_EQ(input_key_by_number(0x80 | 0x53), KEY_DELETE);
    EXPECT_EQ(input_key_by_number(0xff), 0);
    EXPECT_EQ(input_button_by_name("wheel-up"), INPUT_WHEEL_UP);
    EXPECT_EQ(input_button_by_name("nose"), -1);
}
