/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SMBus host controller of PIIX4 and ICH9, with the eight EEPROMs of 256 bytes at 50h to 57h
 * that PCs have there. Part of the function that has it; all under its lock. A transaction is done
 * when it is started.
 * Spec: Intel 82371AB (PIIX4), 290562, "7.3"; ICH9, 316972, "20.2"; SMBus 2.0, "5.5".
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "core/device.h"

enum { SMBUS_EEPROMS = 8, SMBUS_EEPROM_BYTES = 256, SMBUS_BLOCK = 32, SMBUS_PORTS = 16 };

typedef struct Smbus {
    uint8_t status, control, command, address, data0, data1, aux_control, block_at;
    uint8_t regs[SMBUS_PORTS]; /* others, kept */
    uint8_t block[SMBUS_BLOCK];
    uint8_t at[SMBUS_EEPROMS]; /* where each is read next */
    uint8_t eeprom[SMBUS_EEPROMS * SMBUS_EEPROM_BYTES];
} Smbus;

/* For the fields of T. */
#define SMBUS_FIELDS(T, m)                                                                         \
    STATE_U8(T, m.status), STATE_U8(T, m.control), STATE_U8(T, m.command), STATE_U8(T, m.address), \
        STATE_U8(T, m.data0), STATE_U8(T, m.data1), STATE_U8(T, m.aux_control),                    \
        STATE_U8(T, m.block_at, .max = SMBUS_BLOCK - 1), STATE_ARRAY(T, m.regs),                   \
        STATE_ARRAY(T, m.block), STATE_ARRAY(T, m.at), STATE_ARRAY(T, m.eeprom, .keep_warm = true)

uint8_t smbus_read(Smbus *s, unsigned off);
void smbus_write(Smbus *s, unsigned off, uint8_t val);
/* The end of a transaction is told by an interrupt. */
static inline bool smbus_interrupt(const Smbus *s)
{
    return s->control & 1 && s->status & 0x1e;
}

#endif
