/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board control FPGA of Malta: switches, LEDs, reset.
 * Spec: MIPS Malta User's Manual (MD00048), "Memory map", 1f000000h to 1f000bffh.
 */
#include "core/device.h"

enum {
    REG_SWITCH = 0x200,
    REG_STATUS = 0x208,
    REG_JMPRS = 0x210,
    REG_LEDBAR = 0x408,
    REG_ASCIIWORD = 0x410,
    REG_ASCIIPOS0 = 0x418, /* eight, 8 bytes apart */
    REG_SOFTRES = 0x500,
    REG_BRKRES = 0x508,
    REG_GPOUT = 0xa00,
    REG_GPINP = 0xa08,
    SOFTRES_GO = 0x42,
    BRKRES_RESET = 0xa,
    ASCII_CELLS = 8,
};

typedef struct MaltaFpga {
    Device dev;
    uint32_t leds, brk, gpout;
    uint8_t text[ASCII_CELLS];
    bool big_endian;
} MaltaFpga;

/* Its words are in the CPU's order. */
static uint64_t fpga_word(const MaltaFpga *s, unsigned size, uint64_t val)
{
    return s->big_endian && size == 4 ? GUINT32_SWAP_LE_BE((uint32_t)val) : val;
}

static MemResult fpga_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    MaltaFpga *s = device_as(dev, MaltaFpga);

    switch (off) {
    case REG_STATUS: /* bit 1: big-endian; bit 4: monitor flash may be written */
        *val = s->big_endian ? 0x12 : 0x10;
        break;
    case REG_LEDBAR:
        *val = s->leds;
        break;
    case REG_BRKRES:
        *val = s->brk;
        break;
    case REG_GPOUT:
        *val = s->gpout;
        break;
    default: /* SWITCH, JMPRS, GPINP: all off */
        *val = 0;
        break;
    }
    *val = fpga_word(s, size, *val);
    return MEM_OK;
}

static MemResult fpga_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    MaltaFpga *s = device_as(dev, MaltaFpga);

    val = fpga_word(s, size, val);
    switch (off) {
    case REG_LEDBAR:
        s->leds = val & 0xff;
        break;
    case REG_ASCIIWORD:
        for (unsigned i = 0; i < ASCII_CELLS; i++) {
            s->text[i] = (uint8_t) "0123456789abcdef"[val >> (28 - 4 * i) & 15];
        }
        break;
    case REG_SOFTRES:
        if (val == SOFTRES_GO) {
            machine_reset_request(dev->machine, CAUSE_GUEST_RESET);
        }
        break;
    case REG_BRKRES:
        s->brk = val & 0xff;
        break;
    case REG_GPOUT:
        s->gpout = val & 0xff;
        break;
    default:
        if (off >= REG_ASCIIPOS0 && off < REG_ASCIIPOS0 + 8 * ASCII_CELLS && !(off & 7)) {
            s->text[(off - REG_ASCIIPOS0) / 8] = (uint8_t)val;
        }
        break;
    }
    return MEM_OK;
}

static const Field fpga_fields[] = {
    PROP_BOOL(MaltaFpga, big_endian, false, .doc = "what STATUS says"),
    STATE_U32(MaltaFpga, leds),
    STATE_U32(MaltaFpga, brk, .def = BRKRES_RESET),
    STATE_U32(MaltaFpga, gpout),
    STATE_ARRAY(MaltaFpga, text),
};

/* Up to the CBUS UART at 900h, and what lies behind it. */
static const RegionType fpga_regions[] = {
    { .name = "malta-fpga",
      .size = 0x1000,
      .read = fpga_read,
      .write = fpga_write,
      .access_min = 1,
      .access_max = 4 },
};

const DeviceType device_malta_fpga = {
    .name = "malta-fpga",
    .doc = "board control registers of Malta",
    .size = sizeof(MaltaFpga),
    .regions = fpga_regions,
    .n_regions = ARRAY_SIZE(fpga_regions),
    .fields = TABLE(fpga_fields),
};
