/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaky buckets: each leaks at the limit's rate; a request waits until its bucket is below its
 * brim. Without a burst the brim is a tenth of a second; with one (-max) it is what the burst
 * allows for -max-length seconds, filled no faster than the burst's own rate.
 */
#include "block/core/throttle.h"

#include "block/core/core-priv.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define THROTTLE_MAX 1000000000000000ull

const char *const throttle_names[LIMITS] = { "bps-total",  "bps-read",  "bps-write",
                                             "iops-total", "iops-read", "iops-write" };

typedef struct Bucket {
    double level; /* what has come and not leaked yet */
    double burst; /* the same, leaking at the burst's rate */
} Bucket;

struct ThrottleGroup {
    ThrottleGroup *next;
    unsigned refs, waiting; /* waiting: requests, which keep it too */
    bool object;            /* one of the refs */
    char *name;             /* NULL: of one node */
    ThrottleConfig config;
    Bucket buckets[LIMITS];
    uint64_t then_ns;
    FiberMutex turn[2]; /* reads, writes: in order */
};

static uint64_t throttle_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- Limits ---- */

void throttle_config_init(ThrottleConfig *c)
{
    *c = (ThrottleConfig){ 0 };
    for (int i = 0; i < LIMITS; i++) {
        c->limits[i].length = 1;
    }
}

bool throttle_config_any(const ThrottleConfig *c)
{
    for (int i = 0; i < LIMITS; i++) {
        if (c->limits[i].rate) {
            return true;
        }
    }
    return false;
}

static bool throttle_mixed(const ThrottleLimit *l)
{
    return (l[0].rate && (l[1].rate || l[2].rate)) || (l[0].max && (l[1].max || l[2].max));
}

bool throttle_config_check(const ThrottleConfig *c, GError **err)
{
    const ThrottleLimit *l = c->limits;
    bool iops = l[LIMIT_IOPS_TOTAL].rate || l[LIMIT_IOPS_READ].rate || l[LIMIT_IOPS_WRITE].rate;

    if (throttle_mixed(l) || throttle_mixed(l + LIMIT_IOPS_TOTAL)) {
        return error_set(err, "bps/iops/max total values and read/write values cannot be used at "
                              "the same time");
    }
    if (c->iops_size && !iops) {
        return error_set(err, "iops size requires an iops value to be set");
    }
    for (int i = 0; i < LIMITS; i++) {
        if (l[i].rate > THROTTLE_MAX || l[i].max > THROTTLE_MAX) {
            return error_set(err, "bps/iops/max values must be within [0, %llu]", THROTTLE_MAX);
        }
        if (!l[i].length) {
            return error_set(err, "the burst length cannot be 0");
        }
        if (l[i].length > 1 && !l[i].max) {
            return error_set(err, "burst length set without burst rate");
        }
        if (l[i].max && l[i].length > THROTTLE_MAX / l[i].max) {
            return error_set(err, "burst length too high for this burst rate");
        }
        if (l[i].max && !l[i].rate) {
            return error_set(err, "bps_max/iops_max require corresponding bps/iops values");
        }
        if (l[i].max && l[i].max < l[i].rate) {
            return error_set(err, "bps_max/iops_max cannot be lower than bps/iops");
        }
    }
    return true;
}

bool throttle_config_parse(ThrottleConfig *c, Options *o, const char *prefix, GError **err)
{
    g_autofree char *size = g_strconcat(prefix, "iops-size", NULL);

    for (int i = 0; i < LIMITS; i++) {
        g_autofree char *rate = g_strconcat(prefix, throttle_names[i], NULL);
        g_autofree char *max = g_strconcat(rate, "-max", NULL);
        g_autofree char *length = g_strconcat(max, "-length", NULL);
        ThrottleLimit *l = &c->limits[i];

        if (!options_get_size(o, rate, l->rate, &l->rate, err) ||
            !options_get_size(o, max, l->max, &l->max, err) ||
            !options_get_size(o, length, l->length, &l->length, err)) {
            return false;
        }
    }
    return options_get_size(o, size, c->iops_size, &c->iops_size, err);
}

/* ---- Groups ---- */

ThrottleGroup *throttle_find(BlockGraph *g, const char *name)
{
    ThrottleGroup *t = g->throttles;

    while (t && g_strcmp0(t->name, name)) {
        t = t->next;
    }
    return t;
}

ThrottleGroup *throttle_join(BlockGraph *g, const char *name)
{
    ThrottleGroup *t = name ? throttle_find(g, name) : NULL;

    if (!t) {
        t = g_new0(ThrottleGroup, 1);
        t->name = g_strdup(name);
        t->then_ns = throttle_now_ns();
        throttle_config_init(&t->config);
        t->next = g->throttles;
        g->throttles = t;
    }
    t->refs++;
    return t;
}

static void throttle_put(BlockGraph *g, ThrottleGroup *t)
{
    ThrottleGroup **at = &g->throttles;

    if (t->refs || t->waiting) {
        return;
    }
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    g_free(t->name);
    g_free(t);
}

void throttle_leave(BlockGraph *g, ThrottleGroup *t)
{
    t->refs--;
    throttle_put(g, t);
}

void throttle_free_all(BlockGraph *g)
{
    for (ThrottleGroup *t = g->throttles, *next; t; t = next) {
        next = t->next;
        g_free(t->name);
        g_free(t);
    }
    g->throttles = NULL;
}

const char *throttle_name(const ThrottleGroup *t)
{
    return t->name;
}

unsigned throttle_members(const ThrottleGroup *t)
{
    return t->refs - t->object;
}

const ThrottleConfig *throttle_config(const ThrottleGroup *t)
{
    return &t->config;
}

bool throttle_set(ThrottleGroup *t, const ThrottleConfig *c, GError **err)
{
    if (!throttle_config_check(c, err)) {
        return false;
    }
    t->config = *c;
    memset(t->buckets, 0, sizeof(t->buckets)); /* those who wait go by the new limits */
    t->then_ns = throttle_now_ns();
    return true;
}

/* ---- Buckets ---- */

static void throttle_leak(ThrottleGroup *t)
{
    uint64_t now = throttle_now_ns();
    double seconds = (double)(now - t->then_ns) / 1e9;

    t->then_ns = now;
    for (int i = 0; i < LIMITS; i++) {
        const ThrottleLimit *l = &t->config.limits[i];
        Bucket *b = &t->buckets[i];

        b->level = fmax(0, b->level - (double)l->rate * seconds);
        b->burst = fmax(0, b->burst - (double)l->max * seconds);
    }
}

/* Seconds until one more request may go. */
static double throttle_bucket_wait(const ThrottleLimit *l, const Bucket *b)
{
    double rate = (double)l->rate, max = (double)l->max, brim, wait = 0;

    if (!l->rate) {
        return 0;
    }
    brim = l->max ? max * (double)l->length : rate / 10;
    if (b->level > brim) {
        wait = (b->level - brim) / rate;
    }
    if (l->max && l->length > 1 && b->burst > max / 10) {
        wait = fmax(wait, (b->burst - max / 10) / max);
    }
    return wait;
}

static bool throttle_counts(int limit, bool write)
{
    int kind = limit % 3; /* total, read, write */

    return kind == 0 || (kind == 2) == write;
}

static double throttle_wait(ThrottleGroup *t, bool write)
{
    double wait = 0;

    throttle_leak(t);
    for (int i = 0; i < LIMITS; i++) {
        if (throttle_counts(i, write)) {
            wait = fmax(wait, throttle_bucket_wait(&t->config.limits[i], &t->buckets[i]));
        }
    }
    return wait;
}

static void throttle_account(ThrottleGroup *t, bool write, uint64_t bytes)
{
    uint64_t size = t->config.iops_size;
    double ops = size && bytes > size ? (double)bytes / (double)size : 1;

    for (int i = 0; i < LIMITS; i++) {
        const ThrottleLimit *l = &t->config.limits[i];
        double units = i < LIMIT_IOPS_TOTAL ? (double)bytes : ops;

        if (throttle_counts(i, write) && l->rate) {
            t->buckets[i].level += units;
            t->buckets[i].burst += l->max ? units : 0;
        }
    }
}

void throttle_enter(BlockGraph *g, ThrottleGroup *t, bool write, uint64_t bytes,
                    bool (*hurry)(void *), void *opaque)
{
    t->waiting++;
    fiber_lock(&t->turn[write]);
    while (!hurry(opaque)) {
        double wait = throttle_wait(t, write);

        if (wait <= 0) {
            break;
        }
        io_sleep_ns((uint64_t)(fmin(wait, 0.05) * 1e9) + 1);
    }
    throttle_account(t, write, bytes);
    fiber_unlock(&t->turn[write]);
    t->waiting--;
    throttle_put(g, t);
}

/* ---- Objects ---- */

static bool throttle_object_options(Options *o, ThrottleConfig *c, GError **err)
{
    bool limits = false;

    for (unsigned i = 0; i < o->n; i++) {
        limits |= g_str_has_prefix(o->list[i].key, "limits.");
    }
    throttle_config_init(c);
    if (!throttle_config_parse(c, o, limits ? "limits." : "x-", err) ||
        !throttle_config_check(c, err)) {
        return false;
    }
    for (unsigned i = 0; i < o->n; i++) {
        const char *key = o->list[i].key;

        if (!o->list[i].used && strcmp(key, "qom-type") && strcmp(key, "id")) {
            return error_set(err, "Parameter '%s' is unexpected", key);
        }
    }
    return true;
}

bool throttle_object_add(BlockGraph *g, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    ThrottleConfig c;
    ThrottleGroup *t;

    if (!id) {
        return error_set(err, "Parameter 'id' is missing");
    }
    if (!throttle_object_options(o, &c, err)) {
        return false;
    }
    if (throttle_find(g, id)) {
        return error_set(err, "A group with this name already exists");
    }
    t = throttle_join(g, id);
    t->object = true;
    t->config = c;
    return true;
}

bool throttle_object_has(BlockGraph *g, const char *id)
{
    const ThrottleGroup *t = throttle_find(g, id);

    return t && t->object;
}

bool throttle_object_remove(BlockGraph *g, const char *id, GError **err)
{
    ThrottleGroup *t = throttle_find(g, id);

    if (!t || !t->object) {
        return false;
    }
    if (t->refs > 1) {
        return error_set(err, "object '%s' is in use, can not be deleted", id);
    }
    t->object = false;
    throttle_leave(g, t);
    return true;
}
