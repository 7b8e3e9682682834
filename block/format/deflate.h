/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib's compression of units of an image. libdeflate unpacks where the build has it, in less than
 * half the time; packing stays zlib's for qcow2, whose readers have a window of 4 KiB
 * ("Compressed Clusters Descriptor"), which libdeflate cannot be told.
 */
#ifndef BLOCK_FORMAT_DEFLATE_H
#define BLOCK_FORMAT_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

/* Unpack until @out is full or the stream ends: @got bytes. @raw: without zlib's header; the stream
 * may be followed by padding. -EIO: it is damaged. Any thread. */
int deflate_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len, size_t *got);
/* With zlib's header, default level; -ENOMEM or -ENOSPC (@out is too small). Any thread. */
int deflate_pack(const void *in, size_t in_len, void *out, size_t out_len, size_t *got);
/* By libdeflate; false: it is not there, or cannot. Any thread. */
bool deflate_fast_unpack(bool raw, const void *in, size_t in_len, void *out, size_t out_len,
                         size_t *got);
/* The same on the pool of threads. FIBER */
int deflate_unpack_work(bool raw, const void *in, size_t in_len, void *out, size_t out_len,
                        size_t *got);
int deflate_pack_work(const void *in, size_t in_len, void *out, size_t out_len, size_t *got);

/* Whether deflate cannot make @in smaller: its bytes are all about as frequent, and no four of them
 * come again near by. Costs a twentieth of trying. Context: ANY_THREAD. */
bool deflate_is_noise(const void *in, size_t len);

#endif
