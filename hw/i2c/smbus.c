/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/i2c/smbus.h"

enum {
    HST_STS = 0,
    HST_CNT = 2,
    HST_CMD = 3,
    HST_ADD = 4,
    HST_DAT0 = 5,
    HST_DAT1 = 6,
    HST_BLOCK = 7,
    AUX_CTL = 0xd,
    STS_BYTE_DONE = 1 << 7,
    STS_DEV_ERR = 1 << 2,
    STS_INTR = 1 << 1,
    STS_CLEARS = 0xfe,
    CNT_START = 1 << 6,
    CNT_KILL = 1 << 1,
    EEPROM_FIRST = 0x50,
};

enum { QUICK, BYTE, BYTE_DATA, WORD_DATA, PROCESS_CALL, BLOCK, I2C_READ };

static uint8_t eeprom_next(Smbus *s, unsigned n)
{
    return s->eeprom[n * SMBUS_EEPROM_BYTES + s->at[n]++];
}

static void eeprom_put(Smbus *s, unsigned n, uint8_t val)
{
    s->eeprom[n * SMBUS_EEPROM_BYTES + s->at[n]++] = val;
}

static void smbus_to_eeprom(Smbus *s, unsigned n, unsigned protocol)
{
    s->at[n] = s->command;
    if (protocol == BYTE_DATA || protocol == WORD_DATA) {
        eeprom_put(s, n, s->data0);
    }
    if (protocol == WORD_DATA) {
        eeprom_put(s, n, s->data1);
    }
    for (unsigned i = 0; protocol == BLOCK && i < MIN(s->data0, SMBUS_BLOCK); i++) {
        eeprom_put(s, n, s->block[i]);
    }
}

static void smbus_from_eeprom(Smbus *s, unsigned n, unsigned protocol)
{
    if (protocol != BYTE) {
        s->at[n] = s->command;
    }
    s->data0 = eeprom_next(s, n);
    if (protocol == WORD_DATA) {
        s->data1 = eeprom_next(s, n);
    } else if (protocol == BLOCK) {
        s->data0 = (uint8_t)MAX(1, MIN(s->data0, SMBUS_BLOCK));
        for (unsigned i = 0; i < s->data0; i++) {
            s->block[i] = eeprom_next(s, n);
        }
    }
}

static void smbus_transaction(Smbus *s)
{
    unsigned protocol = s->control >> 2 & 7, n = (s->address >> 1) - (unsigned)EEPROM_FIRST;
    bool read = s->address & 1;

    if (n >= SMBUS_EEPROMS || protocol == PROCESS_CALL || protocol > BLOCK) {
        s->status |= STS_DEV_ERR;
        return;
    }
    s->block_at = 0;
    if (protocol != QUICK && read) {
        smbus_from_eeprom(s, n, protocol);
    } else if (protocol != QUICK) {
        smbus_to_eeprom(s, n, protocol);
    }
    s->status |= (uint8_t)(STS_INTR | (protocol == BLOCK ? STS_BYTE_DONE : 0));
}

uint8_t smbus_read(Smbus *s, unsigned off)
{
    uint8_t val;

    switch (off) {
    case HST_STS:
        return s->status;
    case HST_CNT:
        s->block_at = 0; /* and the block is read from its beginning */
        return s->control & 0x1f;
    case HST_CMD:
        return s->command;
    case HST_ADD:
        return s->address;
    case HST_DAT0:
        return s->data0;
    case HST_DAT1:
        return s->data1;
    case HST_BLOCK:
        val = s->block[s->block_at];
        s->block_at = (uint8_t)((s->block_at + 1) % SMBUS_BLOCK);
        return val;
    case AUX_CTL:
        return s->aux_control;
    default:
        return off < SMBUS_PORTS ? s->regs[off] : 0xff;
    }
}

void smbus_write(Smbus *s, unsigned off, uint8_t val)
{
    switch (off) {
    case HST_STS:
        s->status &= (uint8_t) ~(val & STS_CLEARS);
        break;
    case HST_CNT:
        s->control = val & (uint8_t) ~(CNT_START | CNT_KILL);
        if (val & CNT_START) {
            smbus_transaction(s);
        }
        break;
    case HST_CMD:
        s->command = val;
        break;
    case HST_ADD:
        s->address = val;
        break;
    case HST_DAT0:
        s->data0 = val;
        break;
    case HST_DAT1:
        s->data1 = val;
        break;
    case HST_BLOCK:
        s->block[s->block_at] = val;
        s->block_at = (uint8_t)((s->block_at + 1) % SMBUS_BLOCK);
        break;
    case AUX_CTL:
        s->aux_control = val & 3;
        break;
    default:
        if (off < SMBUS_PORTS) {
            s->regs[off] = val;
        }
        break;
    }
}
