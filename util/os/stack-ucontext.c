/* SPDX-License-Identifier: Apache-2.0 */
/* The portable form: ucontext, which costs a system call for each switch. */
#include "util/os/stack.h"

#include <glib.h>
#include <stdint.h>
#include <ucontext.h>

typedef struct StackNative {
    ucontext_t context;
    StackFn *fn;
    void *arg;
} StackNative;

/* makecontext passes ints alone. */
static void stack_begin(unsigned hi, unsigned lo)
{
    StackNative *s = (StackNative *)(uintptr_t)((uint64_t)hi << 32 | lo);

    s->fn(s->arg);
    g_assert_not_reached();
}

static StackNative *stack_native(StackContext *c)
{
    if (!c->native) {
        c->native = g_new0(StackNative, 1);
    }
    return c->native;
}

void stack_prepare(StackContext *c, StackFn *fn, void *arg)
{
    StackNative *s = stack_native(c);
    uint64_t p = (uint64_t)(uintptr_t)s;

    s->fn = fn;
    s->arg = arg;
    if (getcontext(&s->context)) {
        g_error("getcontext failed");
    }
    s->context.uc_stack.ss_sp = c->low;
    s->context.uc_stack.ss_size = c->size;
    s->context.uc_link = NULL;
    makecontext(&s->context, (void (*)(void))stack_begin, 2, (unsigned)(p >> 32), (unsigned)p);
}

void stack_release(StackContext *c)
{
    g_free(c->native);
    c->native = NULL;
}

void stack_switch(StackContext *from, StackContext *to)
{
    swapcontext(&stack_native(from)->context, &stack_native(to)->context);
}
