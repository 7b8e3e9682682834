/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spec: "Portable Network Graphics (PNG) Specification (Second Edition)": 5 (chunks), 9 (filters),
 * 11.2 (critical chunks); "PPM Format Specification" (netpbm).
 */
#include "ui/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static void picture_be32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

static uint8_t *picture_put_row(uint8_t *at, const uint32_t *pixels, unsigned width)
{
    for (unsigned x = 0; x < width; x++) {
        *at++ = (uint8_t)(pixels[x] >> 16);
        *at++ = (uint8_t)(pixels[x] >> 8);
        *at++ = (uint8_t)pixels[x];
    }
    return at;
}

/* Length, name, bytes, CRC of name and bytes. */
static void picture_chunk(GByteArray *out, const char *name, const uint8_t *bytes, size_t len)
{
    uint8_t word[4];
    uint32_t crc;

    picture_be32(word, (uint32_t)len);
    g_byte_array_append(out, word, 4);
    g_byte_array_append(out, (const uint8_t *)name, 4);
    g_byte_array_append(out, bytes, (guint)len);
    crc = (uint32_t)crc32(0, (const uint8_t *)name, 4);
    if (len) {
        crc = (uint32_t)crc32(crc, bytes, (uInt)len);
    }
    picture_be32(word, crc);
    g_byte_array_append(out, word, 4);
}

static GByteArray *picture_png(const uint32_t *pixels, unsigned width, unsigned height,
                               size_t stride)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t head[13] = { 0 };
    size_t line = 1 + (size_t)width * 3;
    g_autofree uint8_t *raw = g_malloc0(line * height), *packed = NULL;
    uLongf len = compressBound(line * height);
    GByteArray *out = g_byte_array_new();

    for (unsigned y = 0; y < height; y++) {
        /* its first byte stays 0: filter "none" */
        picture_put_row(raw + line * y + 1, pixels + stride * y, width);
    }
    packed = g_malloc(len);
    /* fails for want of room alone, and there is enough */
    if (compress2(packed, &len, raw, line * height, Z_BEST_SPEED) != Z_OK) {
        len = 0;
    }
    picture_be32(head, width);
    picture_be32(head + 4, height);
    head[8] = 8; /* bits a sample */
    head[9] = 2; /* red, green, blue */
    g_byte_array_append(out, signature, sizeof(signature));
    picture_chunk(out, "IHDR", head, sizeof(head));
    picture_chunk(out, "IDAT", packed, len);
    picture_chunk(out, "IEND", (const uint8_t *)"", 0);
    return out;
}

static GByteArray *picture_ppm(const uint32_t *pixels, unsigned width, unsigned height,
                               size_t stride)
{
    g_autofree char *head = g_strdup_printf("P6\n%u %u\n255\n", width, height);
    GByteArray *out = g_byte_array_new();
    size_t len = strlen(head);
    uint8_t *at;

    g_byte_array_append(out, (const uint8_t *)head, (guint)len);
    g_byte_array_set_size(out, (guint)(len + (size_t)width * height * 3));
    at = out->data + len;
    for (unsigned y = 0; y < height; y++) {
        at = picture_put_row(at, pixels + stride * y, width);
    }
    return out;
}

GByteArray *picture_encode(PictureFormat format, const uint32_t *pixels, unsigned width,
                           unsigned height, size_t stride)
{
    return format == PICTURE_PNG ? picture_png(pixels, width, height, stride)
                                 : picture_ppm(pixels, width, height, stride);
}

bool picture_save(const char *path, const GByteArray *bytes, GError **err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    size_t done = 0;

    if (fd < 0) {
        return error_set(err, "failed to open file '%s': %s", path, g_strerror(errno));
    }
    while (done < bytes->len) {
        ssize_t n = write(fd, bytes->data + done, bytes->len - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int e = errno;

            close(fd);
            return error_set(err, "cannot write file '%s': %s", path, g_strerror(e));
        }
        done += (size_t)n;
    }
    if (close(fd)) {
        return error_set(err, "cannot write file '%s': %s", path, g_strerror(errno));
    }
    return true;
}
