/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include <stdint.h>

enum { EDID_BYTES = 128 };

/* What a monitor of @xres by @yres pixels says of itself; @xmax and @ymax: the largest it shows,
 * 0: any usual. */
void edid_make(uint8_t edid[EDID_BYTES], unsigned xres, unsigned yres, unsigned xmax,
               unsigned ymax);

#endif
