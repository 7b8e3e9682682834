/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers at which floating point does something: magnitudes, for each format. */
#ifndef TESTS_DIFF_FP_VALUES_H
#define TESTS_DIFF_FP_VALUES_H

#include <stdint.h>

static const uint64_t values64[] = {
    /* zero, subnormals, the least normal ones */
    0x0000000000000000,
    0x0000000000000001,
    0x0000000000000002,
    0x0008000000000000,
    0x000fffffffffffff,
    0x0010000000000000,
    0x0010000000000001,
    0x001fffffffffffff,
    0x0020000000000000,
    0x0030000000000001,
    /* about one and small integers */
    0x3fdfffffffffffff,
    0x3fe0000000000000,
    0x3fe0000000000001,
    0x3fefffffffffffff,
    0x3ff0000000000000,
    0x3ff0000000000001,
    0x3ff8000000000000,
    0x4000000000000000,
    0x4004000000000000,
    0x4008000000000000,
    0x400c000000000001,
    /* ends of integers of 16, 32 and 64 bits */
    0x40dfffc000000000,
    0x40dfffe000000000,
    0x40e0000000000000,
    0x40efffe000000000,
    0x40effff000000000,
    0x41dfffffffc00000,
    0x41dfffffffe00000,
    0x41e0000000000000,
    0x41e0000000100000,
    0x41efffffffe00000,
    0x41effffffff00000,
    0x41f0000000000000,
    0x43dfffffffffffff,
    0x43e0000000000000,
    0x43efffffffffffff,
    0x43f0000000000000,
    0x4320000000000001,
    0x4330000000000001,
    0x4340000000000001,
    /* half-way and at the ends of singles and halves */
    0x36a0000000000000,
    0x3690000000000000,
    0x3690000000000001,
    0x380fffffffffffff,
    0x380fffffe0000000,
    0x380ffffff0000000,
    0x3810000000000000,
    0x3ff0000010000000,
    0x3ff0000030000000,
    0x3ff000001fffffff,
    0x3ff0020000000000,
    0x3ff0060000000000,
    0x3ff0020000000001,
    0x47efffffe0000000,
    0x47effffff0000000,
    0x47efffffefffffff,
    0x47f0000000000000,
    0x40effc0000000000,
    0x40effe0000000000,
    0x40effdffffffffff,
    0x3f10000000000000,
    0x3f0ff80000000000,
    0x3e60000000000000,
    0x3e70000000000000,
    /* products that overflow and underflow */
    0x1ff0000000000000,
    0x2000000000000000,
    0x5fefffffffffffff,
    0x5ff0000000000000,
    0x7fe0000000000000,
    0x7fefffffffffffff,
    /* infinity, NaNs */
    0x7ff0000000000000,
    0x7ff0000000000001,
    0x7ff4000000000000,
    0x7ff7ffffffffffff,
    0x7ff8000000000000,
    0x7ff8000000012345,
    0x7fffffffffffffff,
};

static const uint32_t values32[] = {
    0x00000000, 0x00000001, 0x00000002, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff,
    0x01000000, 0x01800001, 0x3effffff, 0x3f000000, 0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001,
    0x3fc00000, 0x40000000, 0x40200000, 0x40400000, 0x40600001, 0x46fffe00, 0x46ffff00, 0x47000000,
    0x477fff00, 0x477fff80, 0x4effffff, 0x4f000000, 0x4f000001, 0x4f7fffff, 0x4f800000, 0x5effffff,
    0x5f000000, 0x5f7fffff, 0x5f800000, 0x4a800001, 0x4b000001, 0x4b800001, 0x33000000, 0x33000001,
    0x33800000, 0x387fe000, 0x387ff000, 0x387fffff, 0x38800000, 0x3f801000, 0x3f803000, 0x3f801001,
    0x477fe000, 0x477fefff, 0x477ff000, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7f0000, 0x7f7f8000,
    0x1f800000, 0x20000000, 0x5f7fffff, 0x5f800000, 0x7f000000, 0x7f7fffff, 0x7f800000, 0x7f800001,
    0x7fa00000, 0x7fbfffff, 0x7fc00000, 0x7fc12345, 0x7fffffff,
};

static const uint16_t values16[] = {
    0x0000, 0x0001, 0x0002, 0x0003, 0x01ff, 0x0200, 0x03ff, 0x0400, 0x0401, 0x07ff, 0x0800, 0x0fff,
    0x1000, 0x1400, 0x2c00, 0x3000, 0x37ff, 0x3800, 0x3801, 0x3bff, 0x3c00, 0x3c01, 0x3c02, 0x3e00,
    0x3fff, 0x4000, 0x4100, 0x4200, 0x4301, 0x4400, 0x4bff, 0x5c00, 0x6400, 0x6401, 0x6801, 0x77ff,
    0x7800, 0x7801, 0x7bff, 0x7c00, 0x7c01, 0x7d00, 0x7dff, 0x7e00, 0x7e01, 0x7fff,
};

/* Of each format those that every mode crosses: zero, the ends of subnormal and normal numbers,
 * one, infinity, a quiet and a signalling NaN. */
enum { N_CORE = 9 };
static const uint64_t core64[N_CORE] = {
    0,
    1,
    0x000fffffffffffff,
    0x0010000000000000,
    0x3ff0000000000000,
    0x7fefffffffffffff,
    0x7ff0000000000000,
    0x7ff8000000012345,
    0x7ff4000000000000,
};
static const uint32_t core32[N_CORE] = {
    0, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x7f7fffff, 0x7f800000, 0x7fc12345, 0x7fa00000,
};
static const uint16_t core16[N_CORE] = {
    0, 1, 0x03ff, 0x0400, 0x3c00, 0x7bff, 0x7c00, 0x7e01, 0x7d00,
};

/* Integers, of which narrower ones take the low bits; negative ones are made of them. */
static const uint64_t values_int[] = {
    0,
    1,
    2,
    3,
    0x7f,
    0x80,
    0x7ff,
    0x801,
    0x803,
    0x7fff,
    0x8000,
    0x8001,
    0xffdf,
    0xffe0,
    0xffef,
    0xfff0,
    0xffff,
    0x10000,
    0xffffff,
    0x1000001,
    0x1000003,
    0x7fffffbf,
    0x7fffffc0,
    0x7fffffff,
    0x80000000,
    0x80000080,
    0xffffff7f,
    0xffffff80,
    0xffffffff,
    0x100000000,
    0x1fffffffffffff,
    0x20000000000001,
    0x20000000000003,
    0x3fffff8000000000,
    0x4000004000000000,
    0x4000004000000001,
    0x7ffffffffffffdff,
    0x7ffffffffffffe00,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000400,
    0x8000000000000401,
    0x8000000000000c00,
    0xfffffffffffffbff,
    0xfffffffffffffc00,
    0x5555555555555555,
};

#endif
