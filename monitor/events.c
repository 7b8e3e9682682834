/* SPDX-License-Identifier: Apache-2.0 */
/* The table of events: names, what they carry, what they tell. */
#include "monitor/monitor-priv.h"

const MonEventType mon_events[] = {
    { "STOP", NULL, "the CPUs have stopped" },
    { "RESUME", NULL, "the CPUs run" },
    { "RESET", "ResetData", "the machine was reset" },
    { "SHUTDOWN", "ShutdownData", "the machine ends, or stays stopped" },
    { "POWERDOWN", NULL, "the guest was asked to power down" },
    { "SUSPEND", NULL, "the guest has suspended" },
    { "DUMP_COMPLETED", "DumpCompletedData", "dump-guest-memory has ended" },
    { "WAKEUP", NULL, "the guest has woken up" },
    { "GUEST_CRASHLOADED", "PanicData", "the guest runs its crash kernel" },
    { "DEVICE_DELETED", "DeviceGone", "a device is gone: what it used is free" },
    { "DEVICE_UNPLUG_GUEST_ERROR", "DeviceGone", "the guest does not let a device go" },
    { "BALLOON_CHANGE", "BalloonInfo", "the guest has another amount of memory" },
    { "NIC_RX_FILTER_CHANGED", "RxFilterData",
      "a driver receives something else: query-rx-filter" },
    { "NETDEV_STREAM_CONNECTED", "StreamConnected", "a network of type stream has a peer" },
    { "NETDEV_STREAM_DISCONNECTED", "StreamDisconnected", "its peer is gone" },
    { "VSERPORT_CHANGE", "SerialPortChange", "the guest has opened or closed a virtserialport" },
    { "GUEST_PANICKED", "PanicData", "the guest has crashed" },
    { "JOB_STATUS_CHANGE", "JobStatusChangeData", "a job's status has changed" },
    { "BLOCK_JOB_READY", "BlockJobEventData", "a job can be completed" },
    { "BLOCK_JOB_PENDING", "BlockJobPendingData", "a job waits to be finalized" },
    { "BLOCK_JOB_COMPLETED", "BlockJobEventData", "a job has ended" },
    { "BLOCK_JOB_CANCELLED", "BlockJobEventData", "a job was cancelled" },
    { "BLOCK_JOB_ERROR", "BlockJobErrorData", "a request of a job has failed" },
    { "BLOCK_EXPORT_DELETED", "BlockExportDeletedData", "an export has ended" },
    { "BLOCK_IMAGE_CORRUPTED", "BlockCorruptedData", "an image is damaged" },
    { "BLOCK_WRITE_THRESHOLD", "BlockThresholdData", "a node was written beyond its mark" },
    { "BLOCK_IO_ERROR", "BlockIoErrorData", "a disk's request has failed" },
    { "DEVICE_TRAY_MOVED", "DeviceTrayMovedData", "a tray was opened or shut" },
    { "MIGRATION", "MigrationData", "the status of a migration has changed" },
};

const unsigned mon_n_events = G_N_ELEMENTS(mon_events);
