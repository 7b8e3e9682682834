/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel of parallel ATA: two units behind the command and control block registers, and, where
 * the adapter has it, its bus master. A part of its adapter.
 * Spec: ATA/ATAPI-6, "7" and "9"; "Programming Interface for Bus Master IDE Controller" 1.0.
 */
#ifndef HW_IDE_CHANNEL_H
#define HW_IDE_CHANNEL_H

#include "hw/ide/ide.h"

typedef struct IdeChannel {
    IdeBus bus;   /* first */
    bool has_dma; /* a bus master */
    /* state */
    uint8_t select, control, intrq;
    uint8_t bm_command, bm_status, bm_last; /* last: the table ends with the present entry */
    uint32_t bm_table, bm_next, bm_at, bm_left;
} IdeChannel;

/* For the fields of adapter T with IdeChannel ch[]. */
#define CHANNEL_FIELDS(T, ch)                                                              \
    STATE_BANK(T, ch, select, .max = 1), STATE_BANK(T, ch, control),                       \
        STATE_BANK(T, ch, intrq, .max = 1), STATE_BANK(T, ch, bm_command),                 \
        STATE_BANK(T, ch, bm_status), STATE_BANK(T, ch, bm_last, .max = 1),                \
        STATE_BANK(T, ch, bm_table), STATE_BANK(T, ch, bm_next), STATE_BANK(T, ch, bm_at), \
        STATE_BANK(T, ch, bm_left, .max = 0x10000), SCRATCH(T, ch)

NODISCARD bool ide_channel_init(IdeChannel *c, Device *adapter, unsigned channel, bool has_dma,
                                GError **err);
/* The command block: ports 0 to 7. */
uint64_t ide_channel_read(IdeChannel *c, unsigned off, unsigned size);
void ide_channel_write(IdeChannel *c, unsigned off, unsigned size, uint64_t val);
/* Alternate status, device control. */
uint8_t ide_channel_status(IdeChannel *c);
void ide_channel_control(IdeChannel *c, uint8_t val);
/* The bus master: ports 0 to 7. */
uint64_t ide_channel_bm_read(IdeChannel *c, unsigned off, unsigned size);
void ide_channel_bm_write(IdeChannel *c, unsigned off, unsigned size, uint64_t val);

static inline bool ide_channel_irq(const IdeChannel *c)
{
    return c->intrq && !(c->control & 2);
}

#endif
