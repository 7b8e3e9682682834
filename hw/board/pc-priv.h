/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the `pc` board share. */
#ifndef HW_BOARD_PC_PRIV_H
#define HW_BOARD_PC_PRIV_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/ide-drives.h"
#include "hw/board/numa.h"
#include "hw/board/pc-cpu.h"
#include "hw/board/pc-fw.h"
#include "hw/board/pc-irq.h"
#include "hw/board/plug.h"

enum {
    PC_MAX_CPUS = 255,
    PC_ROM_MAX = 16 << 20,
    PC_ISA_BIOS = 128 << 10, /* of the ROM's end, below 1 MiB */
    PC_N_SERIAL = 4,
    PC_N_PARALLEL = 3,
};

typedef struct PcBoard PcBoard;

/* What the boards of a chip set differ in. */
typedef struct PcChip {
    uint64_t lowmem;               /* RAM below 4 GiB ends here at most ... */
    uint64_t lowmem_split;         /* ... and here where there is more than that */
    const char *product, *version; /* of SMBIOS */
    uint32_t hpet_inputs;          /* of the I/O APIC, a bit each, that the HPET can have */
    uint64_t ecam, ecam_bytes;     /* 0: PCI without Express */
    /* Host bridge, bridge to ISA, power management, disks. */
    bool (*make_pci)(PcBoard *b, GError **err);
    /* After all that is plugged; NULL: nothing. */
    bool (*make_ports)(PcBoard *b, GError **err);
} PcChip;

struct PcBoard {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    const PcChip *chip;
    Device *isa, *host, *piix3, *pm, *rtc;
    IdeDrives ide;
    uint8_t floppies;    /* bit n: drive n is there */
    uint8_t translation; /* in the CMOS RAM, of the first four drives */
    BoardMemory *memory;
    MemRegion *ram_low;
    uint64_t ram_bytes, below_4g;
    unsigned n_cpus;
    bool acpi, hpet;
    char oem_id[7], oem_table_id[9]; /* of ACPI's tables */
    PcFw fw;
    PcIrq irq;
    BoardPlug plug;
};

NODISCARD bool pc_init_with(Machine *m, const BoardConfig *cfg, const PcChip *chip, GError **err);
extern const BoardProp pc_props[];
enum { PC_N_PROPS = 9 };
NODISCARD bool pc_add_device(Machine *m, Options *o, GError **err);
/* Root of ports behind the host bridge, and its own at CF8h. */
void pc_map_host(PcBoard *b);
/* The power button is @dev's. */
void pc_take_power_button(PcBoard *b, Device *dev);

/* Firmware, by -bios or in flash (pc-rom.c). Drives are open. */
NODISCARD bool pc_make_rom(PcBoard *b, GError **err);

/* Disks (pc-disk.c): the controller, and what -drive, -hda and -cdrom say. */
NODISCARD bool pc_make_ide(PcBoard *b, GError **err);
NODISCARD bool pc_make_ahci(PcBoard *b, GError **err);
NODISCARD bool pc_make_dma(PcBoard *b, GError **err);
NODISCARD bool pc_make_drives(PcBoard *b, GError **err);

#endif
