/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCSI: a bus is a part of its host adapter, whose monitor the logical units share: every function
 * here is called, and every callback made, under the bus's lock (scsi_enter), unless it says
 * otherwise. A request carries its CDB and host memory for its data, and ends by one call of the
 * adapter's `complete`, at once or later, or of `cancelled`.
 *
 *     r = scsi_request_new(&s->bus, 0, target, lun, tag, cdb, cdb_len, mine);   (NULL: no target)
 *     scsi_request_data(r, iov_of_data_out, n, iov_of_data_in, n);
 *     scsi_request_submit(r);        -> complete(r): r->status, r->sense, r->done
 *     scsi_request_unref(r);            in complete or cancelled, or later
 *
 * An adapter that learns only little by little where the data lies (bulk-only USB, script machines)
 * takes memory of its own of r->xfer bytes; r->direction says which way they go.
 * Spec: SAM-5, SPC-4, SBC-3, MMC-6.
 */
#ifndef HW_SCSI_SCSI_H
#define HW_SCSI_SCSI_H

#include "block/block.h"
#include "core/device.h"

#include <sys/uio.h>

enum { SCSI_CDB_MAX = 32, SCSI_SENSE_SIZE = 18 };

/* SAM-5, "5.3.1 Status codes". */
enum {
    SCSI_GOOD = 0x00,
    SCSI_CHECK_CONDITION = 0x02,
    SCSI_BUSY = 0x08,
    SCSI_RESERVATION_CONFLICT = 0x18,
    SCSI_TASK_SET_FULL = 0x28,
};

/* Sense key, additional sense code and its qualifier, as 0xKAAQQ. */
typedef uint32_t ScsiSense;
enum {
    SENSE_NONE = 0,
    SENSE_NOT_READY = 0x20400,
    SENSE_NO_MEDIUM = 0x23a00,
    SENSE_NO_MEDIUM_CLOSED = 0x23a01,
    SENSE_NO_MEDIUM_OPEN = 0x23a02,
    SENSE_UNRECOVERED_READ = 0x31100,
    SENSE_TARGET_FAILURE = 0x44400,
    SENSE_IO_ERROR = 0xb0006,
    SENSE_DATA_PHASE = 0xb4b00,
    SENSE_PARAMETER_LENGTH = 0x51a00,
    SENSE_INVALID_OPCODE = 0x52000,
    SENSE_LBA_RANGE = 0x52100,
    SENSE_INVALID_FIELD = 0x52400,
    SENSE_NO_SUCH_LUN = 0x52500,
    SENSE_INVALID_PARAMETER = 0x52600,
    SENSE_SAVING_UNSUPPORTED = 0x53900,
    SENSE_REMOVAL_PREVENTED = 0x55302,
    SENSE_WRONG_MEDIUM = 0x56400,
    SENSE_WRITE_PROTECTED = 0x72700,
    SENSE_SPACE_EXHAUSTED = 0x72707,
    SENSE_MISCOMPARE = 0xe1d00,
};

/* Unit attentions that wait to be told, in order of rank (SAM-5, "5.14"). */
enum {
    SCSI_UA_POWER_ON,
    SCSI_UA_BUS_RESET,
    SCSI_UA_DEVICE_RESET,
    SCSI_UA_MEDIUM,
    SCSI_UA_EJECT, /* the operator wants the medium out */
    SCSI_UA_MODE,
    SCSI_UA_CAPACITY,
    SCSI_UA_LUNS,
    SCSI_UAS,
};

typedef struct ScsiBus ScsiBus;
typedef struct ScsiDevice ScsiDevice;
typedef struct ScsiRequest ScsiRequest;

/* ---- Requests ---- */

typedef enum ScsiDirection { SCSI_DATA_NONE, SCSI_DATA_IN, SCSI_DATA_OUT } ScsiDirection;

struct ScsiRequest {
    ScsiBus *bus;
    ScsiDevice *dev; /* the unit, or one of the target when there is none at `lun` */
    unsigned lun;
    uint64_t tag;
    void *opaque; /* the adapter's */
    uint8_t cdb[SCSI_CDB_MAX];
    unsigned cdb_len;
    /* What the CDB asks for. */
    ScsiDirection direction;
    uint64_t xfer;
    struct iovec *out, *in;
    unsigned n_out, n_in;
    uint64_t out_bytes, in_bytes;
    /* The end. */
    uint8_t status;
    uint8_t sense[SCSI_SENSE_SIZE];
    unsigned sense_len;
    uint64_t done; /* bytes moved */
    /* The core's and the unit's. */
    unsigned refs;
    bool active, cancelled;
    ScsiRequest *next, *prev;
    void *data; /* g_free with the request */
    unsigned parts;
    uint64_t offset;
    int error;
};

/* The CDB's own length by its group; 0: none that is known. */
unsigned scsi_cdb_length(uint8_t opcode);

/* NULL: the bus has no such target. */
ScsiRequest *scsi_request_new(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun,
                              uint64_t tag, const uint8_t *cdb, unsigned cdb_len, void *opaque);
/* Memory of the request, the adapter's until it ends; the arrays are copied. */
void scsi_request_data(ScsiRequest *r, const struct iovec *out, unsigned n_out,
                       const struct iovec *in, unsigned n_in);
/* May end it before it returns. */
void scsi_request_submit(ScsiRequest *r);
/* Its memory is not touched any more, and `cancelled` was called. It may wait for the disk. */
void scsi_request_cancel(ScsiRequest *r);
void scsi_request_unref(ScsiRequest *r);

/* ---- The adapter's side ---- */

typedef enum ScsiChange {
    SCSI_ATTACHED,
    SCSI_DETACHED,
    SCSI_CAPACITY_CHANGED,
    SCSI_MEDIUM_CHANGED,
} ScsiChange;

typedef struct ScsiBusOps {
    void (*complete)(ScsiRequest *r);
    void (*cancelled)(ScsiRequest *r);
    /* About to be saved: the request, which an error on the host holds, is to be kept by the
     * adapter, who submits it anew when `resumed` is called. NULL: it ends with its error. */
    void (*hold)(ScsiRequest *r);
    void (*resumed)(ScsiBus *bus);
    /* NULL: nobody needs to know. */
    void (*changed)(ScsiBus *bus, ScsiDevice *d, ScsiChange change);
    /* The monitor; NULL: device_enter and device_leave of the adapter. */
    void (*enter)(ScsiBus *bus);
    void (*leave)(ScsiBus *bus);
    /* Of a bus with an iothread: has the calling thread entered the monitor already? */
    bool (*entered)(const ScsiBus *bus);
    /* The machine stops: the iothread submits nothing until `resumed`. LOOP_THREAD, no lock. */
    void (*stopping)(ScsiBus *bus);
} ScsiBusOps;

typedef struct ScsiBusInfo {
    unsigned max_channel, max_target, max_lun;
    bool autosense; /* sense comes with the status: REQUEST SENSE has nothing to tell of it later */
    bool private;   /* no -device may sit there */
} ScsiBusInfo;

struct ScsiBus {
    Device *dev;  /* the adapter */
    Device *host; /* what firmware finds it by: the adapter, or its transport */
    const ScsiBusOps *ops;
    ScsiBusInfo info;
    char *name, *alias;
    /* NULL: by channel, target and unit; else the place of its one unit as firmware names it. */
    char *(*boot_node)(ScsiBus *bus, Device **on);
    GPtrArray *units; /* ScsiDevice */
    bool quiet;       /* on the loop with the lock held: it is not taken again */
    bool holding;     /* what ends now is held */
    /* Its disks' own; the adapter sets these after scsi_bus_init. */
    IoThread *iothread;          /* NULL: none */
    const BlockMonitor *monitor; /* with the bus as its argument */
    unsigned nested;             /* entered once more by who has the lock */
};

/* In the adapter's start: the bus ID.0 of @id, which -device scsi-hd finds. LOOP_THREAD, no lock.
 * Errors: there is such a bus. */
NODISCARD bool scsi_bus_init(ScsiBus *bus, Device *adapter, const char *id, const ScsiBusOps *ops,
                             const ScsiBusInfo *info, GError **err);
/* In its stop. Units that still sit there have none any more, nor their disks the iothread. */
void scsi_bus_deinit(ScsiBus *bus);

/* A unit of the adapter's own: set its properties, then device_realize. @type: device_scsi_hd. */
Device *scsi_bus_make(ScsiBus *bus, const DeviceType *type, Device *parent, const char *id,
                      unsigned target, unsigned lun, GError **err);

void scsi_enter(ScsiBus *bus) NO_LOCK_ANALYSIS;
void scsi_leave(ScsiBus *bus) NO_LOCK_ANALYSIS;

/* NULL: none. */
ScsiDevice *scsi_find(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun);
bool scsi_has_target(ScsiBus *bus, unsigned channel, unsigned target);
ScsiRequest *scsi_find_tag(ScsiDevice *d, uint64_t tag);
/* Task management (SAM-5, "7"): each request of the unit is cancelled. */
void scsi_abort_all(ScsiDevice *d);
void scsi_reset_unit(ScsiDevice *d);
void scsi_reset_target(ScsiBus *bus, unsigned channel, unsigned target);
void scsi_reset_bus(ScsiBus *bus);
/* The adapter itself is reset. */
void scsi_abort_bus(ScsiBus *bus);

/* The adapter's `drain` and `saving`: LOOP_THREAD, no CPU runs; end all that is under way. */
void scsi_bus_drain(ScsiBus *bus);
/* `saving`, after it: what an error holds goes to `hold`. */
void scsi_bus_hold(ScsiBus *bus);

/* ---- The unit's side ---- */

struct ScsiDevice {
    Device dev;
    char *bus_name; /* property "bus" */
    uint32_t channel, scsi_id, lun;
    ScsiBus *bus;
    uint32_t attention; /* bit per SCSI_UA_* */
    uint8_t held_sense[SCSI_SENSE_SIZE];
    uint32_t held_sense_len;
    ScsiRequest *requests;
};

/* DeviceType.extra of a type whose base is device_scsi. */
typedef struct ScsiType {
    uint8_t peripheral; /* SPC-4, "6.4.2" */
    uint32_t (*block_size)(const ScsiDevice *d);
    /* Do the command, which ends by scsi_end, now or later. */
    void (*start)(ScsiRequest *r);
    void (*reset)(ScsiDevice *d);
    BlockBackend *(*disk)(const ScsiDevice *d);
} ScsiType;

extern const DeviceType device_scsi; /* base of units */
extern const DeviceType device_scsi_hd, device_scsi_cd;

static inline const ScsiType *scsi_type(const ScsiDevice *d)
{
    return d->dev.type->extra;
}

/* For start and stop of a unit: find its place. LOOP_THREAD, no lock. */
NODISCARD bool scsi_plug(ScsiDevice *d, GError **err);
/* It works: drivers may hear of it. In its ready. */
void scsi_ready(ScsiDevice *d);
void scsi_unplug(ScsiDevice *d);

void scsi_end(ScsiRequest *r, uint8_t status);
/* CHECK CONDITION. */
void scsi_end_sense(ScsiRequest *r, ScsiSense sense);
/* GOOD, with @len bytes (those that there is room for). */
void scsi_end_data(ScsiRequest *r, const void *buf, uint64_t len);
/* Copy from the data out; how many there were. */
uint64_t scsi_data_out(const ScsiRequest *r, void *buf, uint64_t len);
void scsi_attention(ScsiDevice *d, unsigned ua);
void scsi_changed(ScsiDevice *d, ScsiChange change);
/* Sense data in fixed format (SPC-4, "4.5.3"). */
void scsi_make_sense(uint8_t *buf, ScsiSense sense);

#endif
