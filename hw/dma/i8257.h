/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two DMA controllers of a PC: channels 0 to 3 move bytes, 5 to 7 words of 16 bits.
 * Spec: Intel 8237A datasheet, 231466; Intel 82371SB (PIIX3), 290550, "2.5.1 DMA registers".
 */
#ifndef HW_DMA_I8257_H
#define HW_DMA_I8257_H

#include "core/device.h"

enum { ISA_DMA_CHANNELS = 8 };

/* What a device wants moved; its own, until `done`. */
typedef struct IsaDma {
    Device *from;
    /* Under the lock of `from`: this as it is then. */
    void (*done)(Device *from, void *dma);
    unsigned channel;
    bool to_memory;
    uint8_t *buf;
    uint32_t len;
    /* The answer. */
    uint32_t moved;
    bool end;    /* terminal count: the last byte that the channel is for */
    bool masked; /* nothing was moved, since the channel is not on */
} IsaDma;

extern const DeviceType device_i8257;

/* Under the lock of `from`; it is done when no lock is held here. Without a controller: masked. */
void isa_dma_move(IsaDma *d);

#endif
