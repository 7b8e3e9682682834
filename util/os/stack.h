/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching between stacks of one thread: under util/fiber.h, for nobody else.
 */
#ifndef UTIL_OS_STACK_H
#define UTIL_OS_STACK_H

#include <stddef.h>

typedef struct StackContext {
    void *sp;     /* saved: where it stopped, in the form of the host */
    void *native; /* of the portable form */
    void *low;    /* the lowest byte and the size of the stack; 0 for a thread's own */
    size_t size;
    void *asan_fake, *tsan_fiber; /* of the sanitizers, where built with them */
} StackContext;

typedef void StackFn(void *arg);

/* Make @c begin at @fn(@arg), which never returns, on the stack [c->low, c->low + c->size). */
void stack_prepare(StackContext *c, StackFn *fn, void *arg);
/* Frees what stack_prepare has taken; not on @c itself. */
void stack_release(StackContext *c);
/* Go to @to; returns when somebody switches to @from. */
void stack_switch(StackContext *from, StackContext *to);

/* Around stack_switch, for the sanitizers; nothing without them. @ends: @from never runs again. */
void stack_leave(StackContext *from, StackContext *to, int ends);
/* First thing after arriving on @to, having left @from, whose bounds are filled in if unknown. */
void stack_arrive(StackContext *to, StackContext *from);
void stack_sanitizer_new(StackContext *c);
void stack_sanitizer_free(StackContext *c);

#endif
