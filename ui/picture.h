/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures in files: what a console shows, as PNG or PPM. */
#ifndef UI_PICTURE_H
#define UI_PICTURE_H

#include "util/error.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef enum PictureFormat { PICTURE_PPM, PICTURE_PNG } PictureFormat;

/* Pixels are 0x00RRGGBB; @stride counts pixels. Owned by the caller. */
GByteArray *picture_encode(PictureFormat format, const uint32_t *pixels, unsigned width,
                           unsigned height, size_t stride);
NODISCARD bool picture_save(const char *path, const GByteArray *bytes, GError **err);

#endif
