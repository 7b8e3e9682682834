/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the rows of table.c. */
#ifndef MONITOR_COMMANDS_H
#define MONITOR_COMMANDS_H

#include "monitor/monitor-priv.h"

/* cmd-run.c */
extern MonFn cmd_stop, cmd_cont, cmd_quit, cmd_reset, cmd_powerdown, cmd_wakeup;
extern MonFn cmd_query_status, cmd_query_version, cmd_query_name, cmd_query_uuid, cmd_query_kvm;
extern MonFn cmd_query_target;
extern MonFn hmp_status, hmp_version, hmp_name, hmp_uuid, hmp_kvm;
/* cmd-display.c */
extern MonFn cmd_screendump, hmp_screendump, cmd_query_display_options;
/* cmd-meta.c */
extern MonFn cmd_capabilities, cmd_query_commands, cmd_query_events, cmd_query_schema;
extern MonFn cmd_human_monitor_command, hmp_help, hmp_info;
/* cmd-info.c */
extern MonFn cmd_query_cpus, cmd_query_machines, cmd_query_cpu_definitions, cmd_query_chardev;
extern MonFn hmp_cpus, hmp_cpu, hmp_chardev, hmp_registers, hmp_mtree, hmp_qtree, hmp_jit,
    cmd_query_jit, hmp_roms, cmd_state_hash, hmp_icount;
extern MonFn hmp_ramblock, cmd_query_memory_size, hmp_memory_size;
/* cmd-cpu-model.c, cmd-options.c, cmd-stats.c */
extern MonFn cmd_query_cpu_expansion, cmd_query_options, cmd_query_stats, cmd_query_stats_schemas;
/* cmd-dump.c */
extern MonFn cmd_dump, cmd_query_dump, cmd_query_dump_capability, hmp_dump, hmp_info_dump;
/* cmd-migrate-tune.c */
extern MonFn cmd_query_migrate_caps, cmd_set_migrate_caps, cmd_query_migrate_params,
    cmd_set_migrate_params;
/* cmd-memory.c */
extern MonFn cmd_memsave, cmd_pmemsave, hmp_memsave, hmp_pmemsave, hmp_x, hmp_xp, hmp_print;
/* cmd-chardev.c */
extern MonFn cmd_ringbuf_read, cmd_ringbuf_write, hmp_ringbuf_read, hmp_ringbuf_write;
extern MonFn cmd_chardev_add, cmd_chardev_remove, hmp_chardev_add, hmp_chardev_remove;
/* Of the board's memory. */
uint64_t mon_ram_bytes(Machine *m);
/* Before a state is written: pages that the guest does not use go (at most half a second). */
void mon_hint_free_pages(Machine *m);
/* cmd-fd.c */
extern MonFn cmd_add_fd, cmd_remove_fd, cmd_query_fdsets, cmd_getfd, cmd_closefd;
extern MonFn hmp_getfd, hmp_closefd;
/* cmd-device.c */
extern MonFn cmd_device_add, hmp_device_add, cmd_device_del, hmp_device_del;
/* cmd-numa.c */
extern MonFn hmp_numa, cmd_query_memdev, hmp_memdev;
/* cmd-pci.c */
extern MonFn cmd_query_pci, hmp_info_pci, hmp_aer_inject;
/* cmd-balloon.c */
extern MonFn cmd_balloon, hmp_balloon, cmd_query_balloon, hmp_info_balloon;
/* The properties of the balloon that are none of its table: the guest's statistics. */
bool balloon_is_property(Device *dev, const char *name);
bool balloon_get_property(MonCall *c, const char *name, GError **err);
bool balloon_set_property(MonCall *c, const char *name, const MonValue *value, GError **err);
/* cmd-net.c */
extern MonFn hmp_info_network, cmd_netdev_add, hmp_netdev_add, cmd_netdev_del, hmp_netdev_del;
extern MonFn cmd_set_link, hmp_set_link, hmp_hostfwd_add, hmp_hostfwd_remove, hmp_usernet;
extern MonFn cmd_announce, hmp_announce, cmd_query_rx_filter;
/* Filters of networks are objects; the rest is the disks'. */
extern MonFn cmd_object_add, cmd_object_del, net_qom_get, net_qom_set;
/* Is the object at the argument "path" a filter? */
bool net_qom_is_filter(const MonCall *c);
/* cmd-input.c */
extern MonFn cmd_send_key, hmp_sendkey, cmd_send_event, hmp_mouse_move, hmp_mouse_button;
extern MonFn hmp_mouse_set, cmd_query_mice, hmp_mice, hmp_usb;
/* cmd-migrate.c */
extern MonFn cmd_migrate, cmd_query_migrate, cmd_migrate_incoming, cmd_migrate_cancel;
extern MonFn hmp_migrate, hmp_info_migrate, hmp_migrate_incoming;
/* cmd-probe.c */
extern MonFn cmd_query_nothing, cmd_query_current_machine, cmd_query_gic, cmd_query_sev;
extern MonFn cmd_query_hotpluggable_cpus, cmd_query_sgx, cmd_query_chardev_backends, cmd_set_action;
/* cmd-qom.c */
extern MonFn cmd_qom_list, cmd_qom_get, cmd_qom_set, cmd_device_list_properties, cmd_qom_list_types;
/* cmd-block.c */
extern MonFn cmd_blockdev_add, cmd_blockdev_reopen, cmd_blockdev_del, cmd_query_nodes,
    cmd_query_block, cmd_block_resize;
/* hmp-block.c, hmp-block-info.c */
extern MonFn hmp_block_resize, hmp_block_stream, hmp_job_set_speed, hmp_job_cancel,
    hmp_job_complete, hmp_job_pause, hmp_job_resume, hmp_drive_mirror, hmp_drive_backup;
extern MonFn hmp_snapshot_blkdev, hmp_snapshot_internal, hmp_snapshot_delete_internal;
extern MonFn hmp_object_add, hmp_object_del;
extern MonFn hmp_info_jobs, hmp_info_block, hmp_info_stats;
/* cmd-block-throttle.c */
extern MonFn cmd_set_limits, hmp_set_limits, blk_qom_get, blk_qom_set;
/* Is the object at the argument "path" a group of limits? */
bool blk_is_group(MonCall *c);
/* cmd-block-medium.c */
extern MonFn cmd_open_tray, cmd_close_tray, cmd_eject, cmd_remove_medium, cmd_insert_medium,
    cmd_change_medium, hmp_eject, hmp_change;
extern MonFn hmp_drive_add, hmp_drive_del, hmp_qemu_io;
/* cmd-block-query.c */
extern MonFn cmd_query_blockstats, cmd_set_histogram, cmd_set_threshold, cmd_change_backing;
/* cmd-block-txn.c */
extern MonFn cmd_transaction, cmd_block_action;
/* cmd-block-bitmap.c, cmd-block-snapshot.c, cmd-block-drive.c */
extern MonFn cmd_bitmap_hash, cmd_snapshot_delete_internal, cmd_drive_mirror, cmd_blockdev_create;
/* cmd-block-job.c */
extern MonFn cmd_blockdev_mirror, cmd_block_commit, cmd_block_stream, cmd_job_verb, cmd_query_jobs;
/* cmd-block-export.c */
extern MonFn cmd_nbd_start, cmd_nbd_stop, cmd_nbd_add, cmd_export_add, cmd_export_del;
extern MonFn cmd_query_exports, blk_add_object, blk_del_object;
extern MonFn hmp_nbd_start, hmp_nbd_add, hmp_nbd_remove, hmp_nbd_stop;
/* cmd-snapshot.c */
extern MonFn hmp_savevm, hmp_loadvm, hmp_delvm, hmp_info_snapshots;
extern MonFn cmd_snapshot_save, cmd_snapshot_load, cmd_snapshot_delete;
extern MonFn cmd_x_amend, cmd_x_change, cmd_x_set_iothread, cmd_x_query_graph;
extern MonFn cmd_query_iothreads, hmp_iothreads, hmp_commit;
/* cmd-log.c */
extern MonFn hmp_log, hmp_logfile, hmp_trace_event, hmp_gdbserver;
extern MonFn cmd_trace_event_set_state;

#endif
