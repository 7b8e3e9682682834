/* SPDX-License-Identifier: Apache-2.0 */
/* Events of jobs and nodes: from the graph's loop to the monitors by the main loop. */
#include "monitor/block-call.h"

#include "core/event/loop.h"

typedef struct BlkEvent {
    MonHost *h;
    const char *name;
    char *json;
} BlkEvent;

static void blk_event_emit(void *arg)
{
    BlkEvent *e = arg;

    mon_emit(e->h, e->name, e->json);
    g_free(e->json);
    g_free(e);
}

void blk_event(MonHost *h, const char *name, char *take_json)
{
    BlkEvent *e = g_new(BlkEvent, 1);

    *e = (BlkEvent){ h, name, take_json };
    loop_post(h->machine, blk_event_emit, e);
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

void blk_events_on(BlockGraph *g, MonHost *h)
{
    block_jobs_on_event(block_jobs(g), blk_job_event, h);
}
