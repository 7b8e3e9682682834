/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a QEMU-style command line says, before any machine exists: `tinamou system ARCH OPTIONS`.
 * One table of options (option-table.c) gives parsing, --help and the manual page.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "core/icount.h"
#include "core/machine.h"
#include "util/error.h"

enum { MAX_CPUS = 512 };

typedef struct SmpConfig {
    unsigned cpus, max_cpus, sockets, dies, clusters, cores, threads;
} SmpConfig;

typedef struct RtcConfig {
    bool slew;       /* driftfix=slew */
    bool has_base;   /* else it begins with the host's */
    bool machine;    /* clock=vm: goes on with machine time */
    int64_t base_ns; /* since 1970 */
} RtcConfig;

typedef struct SystemConfig {
    const char *arch; /* "aarch64" */

    /* -machine: its type, then properties as "key=value" in order */
    char *machine;
    char *kernel_irqchip; /* of -machine; NULL: not said */
    GPtrArray *machine_props;
    char *cpu;
    GPtrArray *accels; /* in order of preference */
    SmpConfig smp;
    uint64_t ram_bytes; /* 0: the board's default */

    char *kernel, *initrd, *append, *dtb, *bios;
    char *name, *uuid, *rtc, *incoming, *loadvm, *pidfile, *log_file, *log_items, *display, *vga;

    GPtrArray *numa; /* -numa, as given */
    char *debugcon;  /* where isa-debugcon goes */
    char *mem_path;
    bool mem_prealloc;
    GPtrArray *objects, *drives, *blockdevs, *devices, *globals, *fw_cfgs, *smbios;
    GPtrArray *option_roms, *acpi_tables, *add_fds;
    GPtrArray *chardevs, *serials, *parallels, *monitors, *mons, *qmps, *qmps_pretty, *gdbs,
        *traces;
    GPtrArray *fsdevs;  /* -fsdev, and what -virtfs means by it; their devices are devices */
    GPtrArray *nets;    /* -netdev, and what -nic and -net mean by it; their cards are devices */
    GPtrArray *publish; /* -publish: ports of the first network of type user */
    bool has_net;       /* -nic or -net was given */
    unsigned n_nics;    /* the first of `devices`: cards of -nic and -net */

    GPtrArray *audiodevs;    /* ids of -audiodev */
    GPtrArray *data_folders; /* -L */
    char *process, *dump_vmstate, *chroot, *runas, *dfilter, *sandbox;
    uint8_t escape;           /* -echr; 0: Ctrl-A */
    unsigned unstable_input;  /* -compat: 0 accept, 1 reject, 2 crash */
    bool ram_dump, ram_merge; /* of -machine: main memory in core dumps, shared by KSM */
    bool graphics; /* of -machine: firmware has a screen to speak on, not the serial port */
    bool msg_time, msg_guest, mem_lock, cpu_pm, singlestep, async_teardown;

    char *boot;         /* all of -boot, as BoardConfig's; NULL: nothing */
    unsigned boot_menu; /* as BoardConfig's */
    bool has_icount, has_seed, state_hash;
    uint64_t state_hash_ms; /* and that often; 0: at the end alone */
    IcountConfig icount;
    uint64_t seed;

    bool snapshot; /* of every -drive */
    bool no_fd_bootchk;
    bool nographic, nodefaults, stopped, daemonize, only_check, perfmap, jitdump;
    MachineActions actions;

    /* -help, -machine help and so on: print that and exit with status 0. */
    enum {
        SHOW_NOTHING,
        SHOW_HELP,
        SHOW_VERSION,
        SHOW_MACHINES,
        SHOW_CPUS,
        SHOW_ACCELS,
        SHOW_DEVICES,
        SHOW_DEVICE_PROPS, /* of show_name */
        SHOW_MACHINE_PROPS,
        SHOW_CHARDEVS,
        SHOW_LOG_ITEMS,
        SHOW_AUDIODEVS,
        SHOW_DATA_FOLDERS,
    } show;
    char *show_name;
    /* things done that the user did not ask for in so many words */
    GPtrArray *notes;
} SystemConfig;

void config_init(SystemConfig *c, const char *arch);
void config_deinit(SystemConfig *c);
/* @argv holds the options alone. Errors: unknown option (nearest names), bad or missing value. */
NODISCARD bool config_parse(SystemConfig *c, int argc, char **argv, GError **err);

/* The value's own grammar. */
NODISCARD bool smp_parse(SmpConfig *smp, const char *text, GError **err);
NODISCARD bool memory_size_parse(uint64_t *bytes, const char *text, GError **err);
NODISCARD bool actions_parse(MachineActions *a, const char *text, GError **err);
NODISCARD bool rtc_parse(RtcConfig *r, const char *text, GError **err);
NODISCARD bool icount_parse(IcountConfig *c, const char *text, GError **err);
NODISCARD bool uuid_parse(const char *text, uint8_t out[16], GError **err);
/* One of @n @names whatever its case; -1 with nearest names in the error. */
int name_find(const char *what, const char *name, const char *const *names, size_t n,
              const char *how_to_list, GError **err);

/* -virtfs TEXT: an entry of `fsdevs` and one of `devices`. */
bool config_add_virtfs(SystemConfig *c, const char *text, GError **err);
/* -nic TEXT and -net TEXT: entries of `nets` and `devices`. */
NODISCARD bool config_add_nic(SystemConfig *c, const char *text, GError **err);
NODISCARD bool config_add_net(SystemConfig *c, const char *text, GError **err);
/* The card and network of who has asked for none; not with -nodefaults, -icount. */
NODISCARD bool config_default_net(SystemConfig *c, GError **err);
/* -publish, when all of `nets` is there. */
NODISCARD bool config_publish(SystemConfig *c, GError **err);

/* Texts made of the option table; the caller frees. */
char *option_help(const char *prog);
char *option_manual(void);

#endif
