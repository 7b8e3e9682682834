/* SPDX-License-Identifier: Apache-2.0 */
/* Events of jobs and nodes: from the graph's loop to the monitors by the main loop. */
#include "monitor/block-call.h"

#include "block/export/exports.h"
#include "core/event/loop.h"

typedef struct BlkEvent {
    const char *name;
    char *json;
} BlkEvent;

void blk_events_send(void *arg)
{
    MonHost *h = arg;
    BlkEvent *e;

    while ((e = g_async_queue_try_pop(h->block_events))) {
        mon_emit(h, e->name, e->json);
        g_free(e->json);
        g_free(e);
    }
}

void blk_event(MonHost *h, const char *name, char *take_json)
{
    BlkEvent *e = g_new(BlkEvent, 1);

    *e = (BlkEvent){ name, take_json };
    g_async_queue_push(h->block_events, e);
    loop_post(h->machine, blk_events_send, h);
}

static const char *blk_event_name(JobEvent event)
{
    switch (event) {
    case JOB_EVENT_STATUS:
        return "JOB_STATUS_CHANGE";
    case JOB_EVENT_READY:
        return "BLOCK_JOB_READY";
    case JOB_EVENT_PENDING:
        return "BLOCK_JOB_PENDING";
    case JOB_EVENT_COMPLETED:
        return "BLOCK_JOB_COMPLETED";
    case JOB_EVENT_CANCELLED:
        return "BLOCK_JOB_CANCELLED";
    case JOB_EVENT_ERROR:
        break;
    }
    return "BLOCK_JOB_ERROR";
}

/* On the graph's loop. */
static void blk_job_event(void *opaque, BlockJob *j, JobEvent event)
{
    JobInfo i = block_job_info(j);
    GString *text = g_string_new("");
    JsonOut out;

    json_out_init(&out, text, false);
    json_out_begin(&out, NULL, '{');
    if (event == JOB_EVENT_STATUS) {
        json_out_str(&out, "status", job_status_name(i.status));
        json_out_str(&out, "id", i.id);
    } else if (event == JOB_EVENT_ERROR) {
        const char *action;
        bool write;

        job_event_error(j, &write, &action);
        json_out_str(&out, "device", i.id);
        json_out_str(&out, "operation", write ? "write" : "read");
        json_out_str(&out, "action", action);
    } else {
        if (event == JOB_EVENT_PENDING) {
            json_out_str(&out, "type", i.type);
            json_out_str(&out, "id", i.id);
        } else {
            json_out_str(&out, "device", i.id);
            json_out_uint(&out, "len", i.len);
            json_out_uint(&out, "offset", i.offset);
            json_out_uint(&out, "speed", i.speed);
            json_out_str(&out, "type", i.type);
            if (event == JOB_EVENT_COMPLETED && i.error) {
                json_out_str(&out, "error", i.error);
            }
        }
    }
    json_out_end(&out, '}');
    blk_event(opaque, blk_event_name(event), g_string_free(text, FALSE));
}

static void blk_export_deleted(void *opaque, const char *id)
{
    GString *text = g_string_new("");
    JsonOut out;

    json_out_init(&out, text, false);
    json_out_begin(&out, NULL, '{');
    json_out_str(&out, "id", id);
    json_out_end(&out, '}');
    blk_event(opaque, "BLOCK_EXPORT_DELETED", g_string_free(text, FALSE));
}

/* On the graph's loop. Which device has the node is not known here: QEMU says "" there too. */
static void blk_node_event(void *opaque, BlockNode *n, BlockEvent event, const char *text)
{
    const BlockEventData *d = block_node_event(n);
    GString *s;
    JsonOut out;

    if (event == BLOCK_EVENT_WARNING) {
        g_warning("%s", text);
        return;
    }
    s = g_string_new("");
    json_out_init(&out, s, false);
    json_out_begin(&out, NULL, '{');
    if (event == BLOCK_EVENT_CORRUPTED) {
        json_out_str(&out, "device", "");
        json_out_str(&out, "node-name", block_node_name(n));
        json_out_str(&out, "msg", d->what);
        if (d->off >= 0) {
            json_out_int(&out, "offset", d->off);
        }
        if (d->off >= 0 && d->len >= 0) {
            json_out_int(&out, "size", d->len);
        }
        json_out_bool(&out, "fatal", d->fatal);
    } else {
        json_out_str(&out, "node-name", block_node_name(n));
        json_out_uint(&out, "amount-exceeded", d->by);
        json_out_uint(&out, "write-threshold", d->mark);
    }
    json_out_end(&out, '}');
    blk_event(opaque,
              event == BLOCK_EVENT_CORRUPTED ? "BLOCK_IMAGE_CORRUPTED" : "BLOCK_WRITE_THRESHOLD",
              g_string_free(s, FALSE));
}

void blk_events_on(BlockGraph *g, MonHost *h)
{
    block_jobs_on_event(block_jobs(g), blk_job_event, h);
    block_graph_on_event(g, blk_node_event, h);
    block_exports_on_deleted(block_exports(g), blk_export_deleted, h);
    h->blocks = g;
}

typedef struct BlkWatch {
    MonHost *h;
    BlockGraph *g;
} BlkWatch;

static void blk_watch(void *arg)
{
    const BlkWatch *w = arg;

    blk_events_on(w->g, w->h);
}

bool mon_watch_disks(MonHost *h, GError **err)
{
    BlkWatch w = { h, block_machine_graph(h->machine, err) };

    if (w.g) {
        block_graph_run(w.g, blk_watch, &w);
    }
    return w.g != NULL;
}

static void blk_events_off(void *arg)
{
    BlockGraph *g = arg;

    block_jobs_on_event(block_jobs(g), NULL, NULL);
    block_exports_on_deleted(block_exports(g), NULL, NULL);
}

void blk_host_end(MonHost *h)
{
    if (h->blocks) {
        block_graph_end(h->blocks); /* the monitors still hear of it */
        block_graph_run(h->blocks, blk_events_off, h->blocks);
    }
    blk_events_send(h);
    loop_unpost(h->machine, blk_events_send, h);
    g_async_queue_unref(h->block_events);
}
