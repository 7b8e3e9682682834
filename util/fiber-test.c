/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fiber.h"
#include "tests/unit.h"

#include <string.h>

typedef struct Trail {
    char text[64];
    Fiber *fiber;
    FiberQueue queue;
    FiberMutex mutex;
    unsigned inside, n;
} Trail;

static void say(Trail *t, const char *what)
{
    strcat(t->text, what);
}

static void two_steps(void *arg)
{
    Trail *t = arg;

    t->fiber = fiber_self();
    say(t, "a");
    fiber_yield();
    say(t, "b");
    fiber_yield();
    say(t, "c");
}

TEST(fiber, yields_and_resumes)
{
    Trail t = { 0 };

    EXPECT(!fiber_self());
    fiber_start(two_steps, &t);
    say(&t, "1");
    fiber_resume(t.fiber);
    say(&t, "2");
    fiber_resume(t.fiber);
    EXPECT_STR(t.text, "a1b2c");
    EXPECT(!fiber_self());
    fiber_pool_clear();
}

static void nested(void *arg)
{
    Trail *t = arg, inner = { 0 };

    fiber_start(two_steps, &inner);
    fiber_resume(inner.fiber);
    say(t, inner.text);
    fiber_resume(inner.fiber);
    say(t, inner.text);
}

TEST(fiber, fibers_start_fibers)
{
    Trail t = { 0 };

    fiber_start(nested, &t);
    EXPECT_STR(t.text, "ababc");
}

static void waits(void *arg)
{
    Trail *t = arg;
    char me[2] = { (char)('0' + t->n++), 0 };

    fiber_queue_wait(&t->queue);
    say(t, me);
}

TEST(fiber, queues_are_in_order)
{
    Trail t = { 0 };

    EXPECT(!fiber_queue_wake(&t.queue));
    for (int i = 0; i < 5; i++) {
        fiber_start(waits, &t);
    }
    EXPECT(fiber_queue_wake(&t.queue));
    EXPECT_STR(t.text, "0");
    fiber_queue_wake_all(&t.queue);
    EXPECT_STR(t.text, "01234");
    fiber_start(waits, &t);
    EXPECT(fiber_queue_wake(&t.queue));
    EXPECT_STR(t.text, "012345");
}

static void critical(void *arg)
{
    Trail *t = arg;

    fiber_lock(&t->mutex);
    EXPECT_EQ(t->inside++, 0);
    fiber_queue_wait(&t->queue);
    t->inside--;
    t->n++;
    fiber_unlock(&t->mutex);
}

TEST(fiber, a_mutex_excludes)
{
    Trail t = { 0 };

    for (int i = 0; i < 4; i++) {
        fiber_start(critical, &t);
    }
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(t.n, i);
        EXPECT(t.mutex.held);
        EXPECT(fiber_queue_wake(&t.queue));
    }
    EXPECT(!t.mutex.held);
    EXPECT_EQ(t.n, 4);
}

static double deep(unsigned n)
{
    volatile double x = n;

    return n && fiber_stack_left() > 16384 ? deep(n - 1) + x : x;
}

static void deep_fiber(void *arg)
{
    *(double *)arg = deep(100000);
}

TEST(fiber, the_stack_left_is_known)
{
    double d = 0;

    fiber_start(deep_fiber, &d);
    EXPECT(d > 100000);
}

static void count(void *arg)
{
    Trail *t = arg;

    t->n++;
    fiber_queue_wait(&t->queue);
}

TEST(fiber, a_thousand_at_once)
{
    Trail t = { 0 };

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            fiber_start(count, &t);
        }
        fiber_queue_wake_all(&t.queue);
    }
    EXPECT_EQ(t.n, 3000);
    fiber_pool_clear();
}
