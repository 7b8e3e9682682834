/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "core/input.h"
#include "tests/unit.h"

#include <linux/input-event-codes.h>

enum { DATA, COMMAND };

static int get(Bench *b)
{
    bench_run_ns(b, 100000);
    return bench_read_at(b, COMMAND, 0, 1) & 1 ? (int)bench_read_at(b, DATA, 0, 1) : -1;
}

static void put(Bench *b, unsigned region, uint8_t val)
{
    (void)bench_write_at(b, region, 0, 1, val);
}

static void key(Bench *b, uint16_t code, bool down)
{
    Machine *m = bench_machine(b);

    EXPECT(input_send(m, &(InputEvent){ .kind = INPUT_KEY, .code = code, .down = down }));
    input_sync(m);
}

TEST(i8042, self_test_and_mode)
{
    Bench *b = bench_device("i8042", "");

    put(b, COMMAND, 0xaa);
    EXPECT_EQ(get(b), 0x55);
    EXPECT_EQ(bench_read_at(b, COMMAND, 0, 1) & 0x15, 0x14);
    put(b, COMMAND, 0x60);
    put(b, DATA, 0x61);
    put(b, COMMAND, 0x20);
    EXPECT_EQ(get(b), 0x61);
    bench_end(b);
}

TEST(i8042, keyboard_commands)
{
    Bench *b = bench_device("i8042", "");

    put(b, DATA, 0xff);
    EXPECT_EQ(get(b), 0xfa);
    EXPECT_EQ(get(b), 0xaa);
    put(b, DATA, 0xf2);
    EXPECT_EQ(get(b), 0xfa);
    EXPECT_EQ(get(b), 0xab);
    EXPECT_EQ(get(b), 0x83);
    put(b, DATA, 0xe1);
    EXPECT_EQ(get(b), 0xfe);
    EXPECT_EQ(get(b), -1);
    bench_end(b);
}

TEST(i8042, keys_in_both_sets)
{
    Bench *b = bench_device("i8042", "");

    key(b, KEY_A, true);
    EXPECT(bench_pin(b, "irq_keyboard"));
    EXPECT_EQ(get(b), 0x1c); /* set 2 */
    key(b, KEY_A, false);
    EXPECT_EQ(get(b), 0xf0);
    EXPECT_EQ(get(b), 0x1c);
    put(b, COMMAND, 0x60);
    put(b, DATA, 0x41); /* translated */
    key(b, KEY_A, true);
    key(b, KEY_A, false);
    EXPECT_EQ(get(b), 0x1e);
    EXPECT_EQ(get(b), 0x9e);
    key(b, KEY_UP, true);
    EXPECT_EQ(get(b), 0xe0);
    EXPECT_EQ(get(b), 0x48);
    bench_end(b);
}

TEST(i8042, mouse_with_a_wheel)
{
    static const uint8_t knock[] = { 200, 100, 80 };
    Bench *b = bench_device("i8042", "");
    Machine *m;

    for (unsigned i = 0; i < 3; i++) {
        put(b, COMMAND, 0xd4);
        put(b, DATA, 0xf3);
        EXPECT_EQ(get(b), 0xfa);
        put(b, COMMAND, 0xd4);
        put(b, DATA, knock[i]);
        EXPECT_EQ(get(b), 0xfa);
    }
    put(b, COMMAND, 0xd4);
    put(b, DATA, 0xf4);
    EXPECT_EQ(get(b), 0xfa);
    m = bench_machine(b);
    (void)input_send(m, &(InputEvent){ .kind = INPUT_REL, .code = INPUT_X, .value = -5 });
    (void)input_send(m, &(InputEvent){ .kind = INPUT_REL, .code = INPUT_Y, .value = 3 });
    input_sync(m);
    bench_run_ns(b, 100000);
    EXPECT(bench_pin(b, "irq_mouse"));
    EXPECT_EQ(get(b), 0x38);
    EXPECT_EQ(get(b), 0xfb);
    EXPECT_EQ(get(b), 0xfd);
    EXPECT_EQ(get(b), 0);
    EXPECT_EQ(get(b), -1);
    bench_end(b);
}
