/* SPDX-License-Identifier: Apache-2.0 */
/* The balloon: how much of its memory the guest has. */
#include "core/device.h"
#include "core/event/loop.h"
#include "hw/virtio/virtio-balloon.h"
#include "monitor/commands.h"

#include <inttypes.h>
#include <string.h>

static const char *const balloon_stats[BALLOON_STATS] = {
    "mem_swapped_in", "mem_swapped_out", "major_page_faults", "minor_page_faults", "free_mem",
    "total_mem",      "max_mem",         "disk_caches",       "hugetlb_pgalloc",   "hugetlb_pgfail",
};

static bool balloon_none(MonCall *c, GError **err)
{
    c->error_class = "DeviceNotActive";
    return error_set(err, "No balloon device has been activated");
}

static uint64_t balloon_actual(Machine *m, const BalloonInfo *info)
{
    uint64_t all = mon_ram_bytes(m);

    return info->taken < all ? all - info->taken : 0;
}

static bool balloon_want(MonCall *c, int64_t bytes, GError **err)
{
    uint64_t all = mon_ram_bytes(c->m);

    if (bytes <= 0) {
        return error_set(err, "Parameter 'target' expects a size");
    }
    return balloon_set(c->m, (uint64_t)bytes < all ? all - (uint64_t)bytes : 0) ||
           balloon_none(c, err);
}

bool cmd_balloon(MonCall *c, GError **err)
{
    return balloon_want(c, c->args[0].num, err);
}

bool hmp_balloon(MonCall *c, GError **err)
{
    int64_t mib;

    return mon_expr_parse(c, &c->line, &mib, err) &&
           (mib < INT64_MAX >> 20 || error_set(err, "%s MiB is too much", c->line)) &&
           balloon_want(c, mib * (1 << 20), err);
}

bool cmd_query_balloon(MonCall *c, GError **err)
{
    BalloonInfo info;

    if (!balloon_get(c->m, &info)) {
        return balloon_none(c, err);
    }
    json_out_begin(c->out, NULL, '{');
    json_out_uint(c->out, "actual", balloon_actual(c->m, &info));
    json_out_end(c->out, '}');
    return true;
}

bool hmp_info_balloon(MonCall *c, GError **err)
{
    BalloonInfo info;

    if (!balloon_get(c->m, &info)) {
        return balloon_none(c, err);
    }
    g_string_append_printf(c->text, "balloon: actual=%" PRIu64, balloon_actual(c->m, &info) >> 20);
    for (unsigned i = 0; info.stats_there && i < BALLOON_STATS; i++) {
        if (info.stats[i] != UINT64_MAX) {
            g_string_append_printf(c->text, " %s=%" PRIu64, balloon_stats[i], info.stats[i]);
        }
    }
    g_string_append_c(c->text, '\n');
    return true;
}

/* ---- As properties of the device ---- */

bool balloon_is_property(Device *dev, const char *name)
{
    return (dev->type == &device_virtio_balloon ||
            (dev->first_child && dev->first_child->type == &device_virtio_balloon)) &&
           (!strcmp(name, "guest-stats") || !strcmp(name, "guest-stats-polling-interval"));
}

static void balloon_out_stats(MonCall *c, const BalloonInfo *info)
{
    static const char *const names[BALLOON_STATS] = {
        "stat-swap-in",      "stat-swap-out",     "stat-major-faults",     "stat-minor-faults",
        "stat-free-memory",  "stat-total-memory", "stat-available-memory", "stat-disk-caches",
        "stat-htlb-pgalloc", "stat-htlb-pgfail",
    };

    json_out_begin(c->out, NULL, '{');
    json_out_begin(c->out, "stats", '{');
    for (unsigned i = 0; i < BALLOON_STATS; i++) {
        json_out_uint(c->out, names[i], info->stats_there ? info->stats[i] : UINT64_MAX);
    }
    json_out_end(c->out, '}');
    json_out_uint(c->out, "last-update", info->stats_there ? (uint64_t)info->stats_at_s : 0);
    json_out_end(c->out, '}');
}

bool balloon_get_property(MonCall *c, const char *name, GError **err)
{
    BalloonInfo info;

    if (!balloon_get(c->m, &info)) {
        return balloon_none(c, err);
    }
    if (!strcmp(name, "guest-stats")) {
        balloon_out_stats(c, &info);
    } else {
        json_out_uint(c->out, NULL, info.poll_s);
    }
    return true;
}

bool balloon_set_property(MonCall *c, const char *name, const MonValue *value, GError **err)
{
    const char *text = value->leaves ? g_hash_table_lookup(value->leaves, "") : NULL;
    guint64 s = 0;

    if (strcmp(name, "guest-stats-polling-interval")) {
        return error_set(err, "Property '%s' is not writable", name);
    }
    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX, &s, NULL)) {
        return error_set(err, "timer value must be between 0 and %" PRIu32, UINT32_MAX);
    }
    return balloon_set_polling(c->m, (uint32_t)s) || balloon_none(c, err);
}

/* A guest that fills its balloon says so for every megabyte: monitors hear of it once a second, and
 * of the last amount. */
enum { BALLOON_EVENT_MS = 1000 };

static void balloon_emit(MonHost *h)
{
    BalloonInfo info;

    if (balloon_get(h->machine, &info)) {
        g_autofree char *data =
            g_strdup_printf("{\"actual\": %" PRIu64 "}", balloon_actual(h->machine, &info));

        mon_emit(h, BALLOON_CHANGE, data);
    }
}

static void balloon_quiet_ends(void *arg)
{
    MonHost *h = arg;

    h->balloon_watch = 0;
    if (h->balloon_changed) {
        mon_balloon_changed(h);
    }
}

void mon_balloon_changed(MonHost *h)
{
    h->balloon_changed = h->balloon_watch != 0;
    if (!h->balloon_watch) {
        h->balloon_watch = loop_timeout_ms(h->machine, BALLOON_EVENT_MS, balloon_quiet_ends, h);
        balloon_emit(h);
    }
}

/* CPUs run meanwhile: the guest's driver answers on them. A guest that is slow, or busy otherwise,
 * is not waited for any longer. */
void mon_hint_free_pages(Machine *m)
{
    enum { STEP_US = 1000, STEPS = 500 };

    if (!balloon_hint(m, true)) {
        return;
    }
    for (unsigned i = 0; i < STEPS && !balloon_hint_is_done(m); i++) {
        g_usleep(STEP_US);
    }
    balloon_hint(m, false);
}
