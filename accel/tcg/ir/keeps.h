/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that generated code calls with its own values in registers (IR_HELPER_KEEPS): IR_KEEPS
 * makes the compiler save every general register that is used, and the file, or the function, is
 * compiled for general registers only. Where code is instrumented it calls what does not keep
 * registers: then IR_KEEPS and IR_KEEPS_FLAG are nothing.
 */
#ifndef ACCEL_TCG_IR_KEEPS_H
#define ACCEL_TCG_IR_KEEPS_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define IR_INSTRUMENTED
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || \
    __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define IR_INSTRUMENTED
#endif
#endif

#if defined(__x86_64__) && !defined(IR_INSTRUMENTED)
#define IR_KEEPS      __attribute__((no_caller_saved_registers))
#define IR_KEEPS_FLAG IR_HELPER_KEEPS
#else
#define IR_KEEPS
#define IR_KEEPS_FLAG 0
#endif

#endif
