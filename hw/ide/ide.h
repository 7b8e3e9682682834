/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATA and ATAPI: units (ide-hd, ide-cd) on a bus that is a part of its adapter, whose monitor they
 * share: every function here is called, and every callback made, under the bus's lock (ide_enter),
 * unless it says otherwise.
 *
 * The adapter writes the task file and calls ide_command. The unit works on the command and asks
 * its adapter to move data: blocks of IdeUnit.data by `pio`, after each of which the adapter calls
 * ide_pio_done, or pieces of any length by `dma`; it ends the command by `ended`. What it works on
 * is in fields, so that a saved machine goes on where it was.
 * Spec: ATA8-ACS (T13/1699-D r6a), ATA/ATAPI-7 volumes 1 and 2 for registers of parallel ATA,
 * SFF-8020i/MMC for PACKET.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/block.h"
#include "core/device.h"

enum {
    IDE_UNITS = 2, /* of a bus at most */
    IDE_MULTIPLE_MAX = 16,
    IDE_DATA_MAX = IDE_MULTIPLE_MAX * BLOCK_SECTOR * 8, /* of a block of PIO: 64 KiB */
    IDE_PIECE = 256 << 10,                              /* of DMA */
    IDE_PACKET = 12,
};

/* The status register (ATA8-ACS, "6.2"). */
enum {
    IDE_BSY = 1 << 7,
    IDE_DRDY = 1 << 6,
    IDE_DF = 1 << 5,
    IDE_DSC = 1 << 4,
    IDE_DRQ = 1 << 3,
    IDE_ERR = 1 << 0,
};

/* The error register. */
enum { IDE_ICRC = 1 << 7, IDE_UNC = 1 << 6, IDE_IDNF = 1 << 4, IDE_ABRT = 1 << 2 };

enum { IDE_DEVICE_LBA = 1 << 6, IDE_DEVICE_DEV = 1 << 4 };

/* Registers of the task file that have a value before: [0] the last, [1] the one before. */
typedef struct IdeTask {
    uint8_t feature[2], count[2], lba_low[2], lba_mid[2], lba_high[2];
    uint8_t device, command, status, error;
} IdeTask;

typedef struct IdeBus IdeBus;
typedef struct IdeUnit IdeUnit;
typedef struct IdeRequest IdeRequest;

typedef struct IdeBusOps {
    /* IdeUnit.data holds a block for the host to take, or has room for one of its: ide_pio_done
     * is due when it is taken or there, now or later. @quiet: no interrupt. */
    void (*pio)(IdeBus *b, IdeUnit *u, bool quiet);
    /* May data of the command move now? False: ide_dma_go comes. */
    bool (*dma_start)(IdeBus *b, IdeUnit *u);
    /* The next @len bytes, from or to memory. False: it does not take, or have, as many. @r: of
     * which command, where there are several. */
    bool (*dma)(IdeBus *b, IdeUnit *u, IdeRequest *r, void *buf, uint32_t len, bool to_memory);
    /* DMA of the command begins again from its start. */
    void (*rewind)(IdeBus *b, IdeUnit *u);
    /* The command is over, as status and error say; not those of ide_queue. @short_dma: memory
     * ended before the data. */
    void (*ended)(IdeBus *b, IdeUnit *u, bool short_dma);
    /* A request of ide_queue has ended. */
    void (*queue_ended)(IdeBus *b, IdeUnit *u, unsigned tag, uint8_t status, uint8_t error);
    /* About to be saved: the request of @tag, held by an error on the host, is to begin anew when
     * `resumed` is called. */
    void (*queue_held)(IdeBus *b, IdeUnit *u, unsigned tag);
    void (*resumed)(IdeBus *b);
} IdeBusOps;

struct IdeBus {
    Device *dev;  /* the adapter */
    Device *host; /* by which firmware finds it */
    const IdeBusOps *ops;
    unsigned channel; /* of the adapter */
    unsigned max_units;
    char *name;
    IdeUnit *unit[IDE_UNITS];
    bool quiet;   /* on the loop with the lock held: it is not taken again */
    bool holding; /* what an error holds now is kept */
};

/* In the adapter's start: bus ID.@channel, or ide.N where the adapter has no id. LOOP_THREAD. */
NODISCARD bool ide_bus_init(IdeBus *b, Device *adapter, unsigned channel, unsigned max_units,
                            const IdeBusOps *ops, GError **err);
/* In its stop. */
void ide_bus_deinit(IdeBus *b);
/* In its `saving`: all that is under way ends, or is held. */
void ide_bus_saving(IdeBus *b);
/* By channel @n of adapter @dev, which is realized; NULL. For boards. */
IdeBus *ide_bus_of(Device *dev, unsigned n);

void ide_enter(IdeBus *b) NO_LOCK_ANALYSIS;
void ide_leave(IdeBus *b) NO_LOCK_ANALYSIS;

/* ---- For adapters ---- */

/* A new command is in task.command. */
void ide_command(IdeUnit *u);
/* The command packet of PACKET, where the adapter has it from elsewhere. */
void ide_packet(IdeUnit *u, const uint8_t *cdb);
void ide_pio_done(IdeUnit *u);
void ide_dma_go(IdeUnit *u);
/* Software or hardware reset: the command is dropped, the signature is in the task file. */
void ide_reset_unit(IdeUnit *u, bool hard);
/* READ or WRITE FPDMA QUEUED; false: the task file is wrong. */
bool ide_queue(IdeUnit *u, unsigned tag, uint64_t lba, uint32_t sectors, bool write, bool fua);
/* Every request of the unit is dropped; what is written stays written. */
void ide_abort(IdeUnit *u);
/* A write of a task register: the value before moves down. */
static inline void ide_put(uint8_t reg[2], uint8_t v)
{
    reg[1] = reg[0];
    reg[0] = v;
}

/* ---- Units ---- */

/* What a unit does next, when the adapter or the disk is done. */
typedef enum IdeStep {
    IDE_IDLE,
    IDE_ANSWER, /* data in, and that is all */
    IDE_READ,   /* sectors by PIO */
    IDE_WRITE,  /* the same out */
    IDE_DMA,    /* sectors by DMA; waits for the adapter, or is under way */
    IDE_FLUSH,
    IDE_TRIM,        /* DATA SET MANAGEMENT */
    IDE_PACKET_CDB,  /* the command packet comes */
    IDE_PACKET_WORK, /* the unit works on it, or waits for the adapter */
    IDE_PACKET_IN,   /* its data by PIO */
    IDE_PACKET_OUT,
    IDE_VERIFY,
    IDE_ANSWER_DMA, /* an answer by DMA: data[0 .. data_have) */
    IDE_STEPS,
} IdeStep;

struct IdeUnit {
    Device dev;
    char *bus_name; /* property "bus" */
    uint32_t unit;
    IdeBus *bus;
    IdeTask task;
    /* the command */
    uint8_t step;
    uint8_t held; /* saved while an error held it: it begins again with the machine */
    uint64_t lba;
    uint32_t left; /* sectors that are still to move; bytes of a packet's data */
    /* data[0 .. have), of which the block of PIO is [at .. end) */
    uint8_t *data;
    uint32_t data_have, data_at, data_end;
    IdeRequest *requests; /* under way at the disk */
};

/* DeviceType.extra of a type whose base is device_ide. */
typedef struct IdeType {
    bool packet;
    /* The command in task.command. */
    void (*command)(IdeUnit *u);
    /* The adapter is done with the block of PIO, or ready for DMA. */
    void (*go_on)(IdeUnit *u);
    /* What an error on the host held begins again. */
    void (*again)(IdeUnit *u);
    void (*reset)(IdeUnit *u, bool hard);
    /* What is under way is dropped. */
    void (*abort)(IdeUnit *u);
    /* NULL: it is another's to drain. */
    BlockBackend *(*disk)(IdeUnit *u);
    void (*saving)(IdeUnit *u);
} IdeType;

extern const DeviceType device_ide; /* base of units */
extern const DeviceType device_ide_hd, device_ide_cd;

static inline const IdeType *ide_type(const IdeUnit *u)
{
    return u->dev.type->extra;
}

/* For start and stop of a unit: find its place. LOOP_THREAD, no lock. */
NODISCARD bool ide_plug(IdeUnit *u, GError **err);
void ide_unplug(IdeUnit *u);
char *ide_boot_node(Device *dev, Device **on);

/* The end of a command: good, or with @error. */
void ide_end(IdeUnit *u);
void ide_end_error(IdeUnit *u, uint8_t error);
/* Memory had less room or data than the command. */
void ide_end_short(IdeUnit *u);
/* @len bytes in or out: room for them in u->data, zeroed. */
uint8_t *ide_data(IdeUnit *u, uint32_t len);
/* u->data goes to the host, and then the command is over. */
void ide_answer(IdeUnit *u);
/* Let the adapter move data[at .. end); then u->step goes on. */
void ide_pio(IdeUnit *u, uint32_t at, uint32_t end, bool quiet);
static inline bool ide_pio_is_out(const IdeUnit *u)
{
    return u->step == IDE_WRITE || u->step == IDE_PACKET_CDB || u->step == IDE_PACKET_OUT;
}

#endif
