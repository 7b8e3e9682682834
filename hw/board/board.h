/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boards: what is wired to what. A Board is one const struct; `init` builds it into a machine
 * from a BoardConfig, which the command line fills.
 */
#ifndef HW_BOARD_BOARD_H
#define HW_BOARD_BOARD_H

#include "block/block.h"
#include "core/machine.h"
#include "util/options.h"

typedef struct Chardev Chardev;

typedef enum DriveInterface {
    DRIVE_NONE,    /* if=none: claimed by a -device with drive=ID */
    DRIVE_DEFAULT, /* no if=: what the board prefers */
    DRIVE_VIRTIO,
    DRIVE_PFLASH,
    DRIVE_SCSI,
    DRIVE_IDE,
    DRIVE_SD,
    DRIVE_FLOPPY,
    DRIVE_MTD,
} DriveInterface;

/* One -drive (or -hda, -cdrom, -pflash...). */
typedef struct BoardDrive {
    DriveInterface interface;
    const char *id;     /* NULL: made up */
    const char *file;   /* for messages; NULL: no medium */
    const char *serial; /* NULL: none */
    int index;          /* unit; -1: the next free */
    int bus;            /* of IDE, `index` is its unit; -1: `index` counts over all buses */
    bool readonly;
    bool cdrom;          /* media=cdrom */
    Options *node;       /* what block_open_options takes */
    unsigned open_flags; /* for it */
    BlockErrorAction on_read_error, on_write_error;
} BoardDrive;

/* Where interrupt controllers of PCs are: in the host's kernel, its local APICs alone, or here. */
typedef enum IrqchipPlace { IRQCHIP_KERNEL, IRQCHIP_SPLIT, IRQCHIP_OWN } IrqchipPlace;

/* Everything a board may ask of the command line. The strings live as long as the machine. */
typedef struct BoardConfig {
    Options *machine;  /* properties of -M after the name; NULL: none. The board marks those it
                          knows; the caller complains of the rest */
    const char *cpu;   /* "cortex-a57,pmu=off"; NULL: the board's default */
    unsigned n_cpus;   /* 1.. */
    unsigned max_cpus; /* 0: n_cpus */
    unsigned sockets, dies, clusters, cores, threads; /* 0: the board's choice */
    uint64_t ram_bytes;                               /* 0: the board's default */
    const char *const *memdevs;                       /* -object memory-backend-*, as given */
    unsigned n_memdevs;
    const char *mem_path; /* -mem-path: a file or folder for what no object gives; NULL: none */
    bool mem_prealloc;
    const char *const *numa; /* -numa, in order, as given */
    unsigned n_numa;
    const char *kernel, *initrd, *append, *dtb, *bios;
    const char *dumpdtb;     /* write the device tree there; the caller then exits */
    Chardev *const *serials; /* -serial, in order; a NULL entry: "none" */
    unsigned n_serials;
    Chardev *const *parallels; /* -parallel, the same */
    unsigned n_parallels;
    BoardDrive *drives;
    unsigned n_drives;
    const char *const *devices; /* -device, in order, as given */
    unsigned n_devices;
    unsigned n_nics;            /* how many of `devices`, from the first, are cards of -nic */
    const char *default_nic;    /* the driver of those that begin with a comma */
    bool other_order;           /* CPUs are of Board.other_target or .wide_other_target */
    bool wide;                  /* CPUs are of Board.wide_target or .wide_other_target */
    const char *const *globals; /* -global driver.prop=value */
    unsigned n_globals;
    const char *const *fw_cfg; /* -fw_cfg [name=]NAME,file=|string= , as given */
    unsigned n_fw_cfg;
    const char *const *smbios; /* -smbios, as given */
    unsigned n_smbios;
    const char *const *option_roms; /* -option-rom, as given */
    unsigned n_option_roms;
    const char *const *acpi_tables; /* -acpitable, as given */
    unsigned n_acpi_tables;
    const char *uuid;     /* NULL: none */
    const char *boot;     /* -boot options together, as given; NULL: none */
    IrqchipPlace irqchip; /* of the accelerator that will run it */
    const char *vga;      /* "std", "none"; NULL: what the board has by default */
    bool nodefaults;
    bool no_graphic;
    bool no_fd_bootchk; /* a floppy without a signature starts as well */
    unsigned boot_menu; /* 0 off, 1 on */
} BoardConfig;

typedef struct BoardProp {
    const char *name;
    const char *type; /* "bool", "string", "size" ... as QMP tells */
    const char *def;
    const char *doc;
} BoardProp;

typedef struct Board {
    const char *name;
    const char *const *aliases; /* NULL-terminated: other names that mean this board */
    const char *doc;
    const char *target;                          /* "aarch64"; NULL: any */
    const char *other_target;                    /* of the other byte order, "mips"; NULL: none */
    const char *wide_target, *wide_other_target; /* the same of 64-bit CPUs, "mips64el"; or NULL */
    const char *default_cpu;                     /* model name */
    const char *wide_cpu;                        /* the same where the target is of 64 bits */
    const char *cpu_suffix; /* model + suffix is the name of the DeviceType: "-arm-cpu" */
    unsigned max_cpus;
    uint64_t default_ram_bytes;
    bool is_default; /* of its targets, where -M names none */
    bool has_numa;   /* takes -numa, -object memory-backend-*, -mem-path */
    const BoardProp *props;
    size_t n_props;
    /*
     * Make and realize everything up to what machine_start needs. @m is new. Devices that are
     * plugged later come through add_device. Errors: says which option and why.
     */
    bool (*init)(Machine *m, const BoardConfig *cfg, GError **err);
    /* One device as -device says: driver=, id= and properties. NULL: none can be added. */
    bool (*add_device)(Machine *m, Options *o, GError **err);
    unsigned max_parallels;  /* printer ports */
    bool no_default_net;     /* no card unless one is asked for */
    const char *default_nic; /* driver of -nic without a model; NULL: virtio-net-pci */
} Board;

extern const Board board_virt;
extern const Board board_pc;
extern const Board board_microvm;
extern const Board board_malta;
extern const Board board_loongson3;
extern const Board board_q35;
extern const Board board_none;

/* Every board, NULL-terminated. */
extern const Board *const board_types[];

/* "+x,-y,z=1" of -cpu as properties: "x=on,y=off,z=1"; the caller frees. */
char *board_cpu_props(const char *text);

/* Are its guests those of @target? */
bool board_is_of(const Board *b, const char *target);
/* Whether @target is the board's one of 64-bit CPUs. */
bool board_is_wide(const Board *b, const char *target);
/* What runs where -M names nothing; NULL: @target has no such board. */
const Board *board_default(const char *target);
/* What the names of @target's CPU types end in: "-arm-cpu"; NULL: it has no board. */
const char *board_cpu_suffix(const char *target);

/* By name or alias, whatever the case; NULL with *err set naming the nearest ones. */
const Board *board_find(const char *name, GError **err);

/* Every device type of hw/, NULL-terminated: machine_add_types(m, device_types). */
extern const DeviceType *const device_types[];

#endif
