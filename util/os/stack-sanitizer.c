/* SPDX-License-Identifier: Apache-2.0 */
/* What AddressSanitizer and ThreadSanitizer want to know of a change of stacks. */
#include "util/os/stack.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STACK_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define STACK_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define STACK_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define STACK_TSAN 1
#endif

#ifdef STACK_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef STACK_TSAN
#include <sanitizer/tsan_interface.h>
#endif

void stack_leave(StackContext *from, StackContext *to, int ends)
{
#ifdef STACK_ASAN
    __sanitizer_start_switch_fiber(ends ? NULL : &from->asan_fake, to->low, to->size);
#endif
#ifdef STACK_TSAN
    if (!from->tsan_fiber) {
        from->tsan_fiber = __tsan_get_current_fiber();
    }
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

void stack_arrive(StackContext *to, StackContext *from)
{
#ifdef STACK_ASAN
    const void *low;
    size_t size;

    __sanitizer_finish_switch_fiber(to->asan_fake, &low, &size);
    if (!from->low) {
        from->low = (void *)low;
        from->size = size;
    }
#endif
}

void stack_sanitizer_new(StackContext *c)
{
#ifdef STACK_ASAN
    /* The frames that its last user never left. */
    __asan_unpoison_memory_region(c->low, c->size);
#endif
#ifdef STACK_TSAN
    c->tsan_fiber = __tsan_create_fiber(0);
#endif
}

void stack_sanitizer_free(StackContext *c)
{
#ifdef STACK_TSAN
    __tsan_destroy_fiber(c->tsan_fiber);
#endif
    c->tsan_fiber = NULL;
}
