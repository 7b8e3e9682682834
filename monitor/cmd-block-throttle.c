/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of disks, and the groups that share them. */
#include "monitor/block-call.h"

#include "block/core/throttle.h"
#include "monitor/hmp-args.h"

#include <string.h>

/* QMP's names of limits, in the order of LIMIT_*. */
static const char *const limit_names[LIMITS] = { "bps",  "bps_rd",  "bps_wr",
                                                 "iops", "iops_rd", "iops_wr" };

/* ---- block_set_io_throttle ---- */

static void limits_of_call(BlkCall *b, ThrottleConfig *c)
{
    throttle_config_init(c);
    for (int i = 0; i < LIMITS; i++) {
        g_autofree char *max = g_strconcat(limit_names[i], "_max", NULL);
        g_autofree char *length = g_strconcat(max, "_length", NULL);

        c->limits[i] = (ThrottleLimit){ .rate = blk_num(b, limit_names[i], 0),
                                        .max = blk_num(b, max, 0),
                                        .length = blk_num(b, length, 1) };
    }
    c->iops_size = blk_num(b, "iops_size", 0);
}

static bool blk_set_limits(BlkCall *b, GError **err)
{
    const char *device = blk_str(b, "device"), *id = blk_str(b, "id"), *group = blk_str(b, "group");
    BlockBackend *drive = blk_drive_or_device(b, device, id, err);
    ThrottleConfig c;

    if (!drive) {
        return false;
    }
    if (!block_backend_node(drive)) {
        return error_set(err, "Device has no medium");
    }
    limits_of_call(b, &c);
    if (!group && !block_limits(drive)) {
        group = device ? device : id;
    }
    return block_set_limits(drive, group, &c, err);
}

BLK_COMMAND(cmd_set_limits, blk_set_limits)

bool hmp_set_limits(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    HmpCall h;

    if (!hmp_args(c, "device:B,bps:l,bps_rd:l,bps_wr:l,iops:l,iops_rd:l,iops_wr:l", &a)) {
        return true;
    }
    hmp_call(&h, c, "block_set_io_throttle", &a);
    return hmp_call_run(&h, err);
}

/* ---- What they are ---- */

void blk_limits_json(JsonOut *j, BlockBackend *drive)
{
    ThrottleGroup *t = drive ? block_limits(drive) : NULL;
    static const ThrottleConfig none;
    const ThrottleConfig *c = t ? throttle_config(t) : &none;

    for (int i = 0; i < LIMITS; i++) {
        g_autofree char *max = g_strconcat(limit_names[i], "_max", NULL);
        g_autofree char *length = g_strconcat(max, "_length", NULL);

        json_out_uint(j, limit_names[i], c->limits[i].rate);
        if (c->limits[i].max) {
            json_out_uint(j, max, c->limits[i].max);
            json_out_uint(j, length, c->limits[i].length);
        }
    }
    if (c->iops_size) {
        json_out_uint(j, "iops_size", c->iops_size);
    }
    if (t) {
        json_out_str(j, "group", throttle_name(t));
    }
}

void blk_limits_text(GString *s, BlockBackend *drive)
{
    ThrottleGroup *t = block_limits(drive);
    const ThrottleConfig *c = t ? throttle_config(t) : NULL;

    if (!t) {
        return;
    }
    g_string_append(s, "    I/O throttling:  ");
    for (int half = 0; half < LIMITS; half += 3) {
        for (int i = half; i < half + 3; i++) {
            g_string_append_printf(s, " %s=%" PRIu64, limit_names[i], c->limits[i].rate);
        }
        for (int i = half; i < half + 3; i++) {
            g_string_append_printf(s, " %s_max=%" PRIu64, limit_names[i], c->limits[i].max);
        }
    }
    g_string_append_printf(s, " iops_size=%" PRIu64 " group=%s\n", c->iops_size, throttle_name(t));
}

/* ---- Groups as objects: their properties ---- */

static const char *group_id(const char *path)
{
    return g_str_has_prefix(path, "/objects/") ? path + strlen("/objects/") : path;
}

static void group_json(JsonOut *j, const ThrottleConfig *c)
{
    json_out_begin(j, NULL, '{');
    for (int i = 0; i < LIMITS; i++) {
        g_autofree char *max = g_strconcat(throttle_names[i], "-max", NULL);
        g_autofree char *length = g_strconcat(max, "-length", NULL);

        json_out_uint(j, throttle_names[i], c->limits[i].rate);
        json_out_uint(j, max, c->limits[i].max);
        json_out_uint(j, length, c->limits[i].length);
    }
    json_out_uint(j, "iops-size", c->iops_size);
    json_out_end(j, '}');
}

/* "x-iops-total-max" and the like; NULL: no such property. */
static uint64_t *group_property(ThrottleConfig *c, const char *name)
{
    if (!g_str_has_prefix(name, "x-")) {
        return NULL;
    }
    name += strlen("x-");
    if (!strcmp(name, "iops-size")) {
        return &c->iops_size;
    }
    for (int i = 0; i < LIMITS; i++) {
        ThrottleLimit *l = &c->limits[i];
        size_t len = strlen(throttle_names[i]);

        if (!strncmp(name, throttle_names[i], len)) {
            return !name[len]                           ? &l->rate
                   : !strcmp(name + len, "-max")        ? &l->max
                   : !strcmp(name + len, "-max-length") ? &l->length
                                                        : NULL;
        }
    }
    return NULL;
}

static bool blk_group_get(BlkCall *b, GError **err)
{
    const char *id = group_id(blk_str(b, "path")), *name = blk_str(b, "property");
    ThrottleConfig c = *throttle_config(throttle_find(b->g, id));
    uint64_t *value = group_property(&c, name);

    if (!strcmp(name, "limits")) {
        group_json(b->c->out, &c);
    } else if (!strcmp(name, "type")) {
        json_out_str(b->c->out, NULL, "throttle-group");
    } else if (value) {
        json_out_uint(b->c->out, NULL, *value);
    } else {
        return error_set(err, "Property 'throttle-group.%s' not found", name);
    }
    return true;
}

/* Members of `limits` that are not given stay as they are; x-* are for making it alone. */
static bool blk_group_set(BlkCall *b, GError **err)
{
    const char *id = group_id(blk_str(b, "path")), *name = blk_str(b, "property");
    ThrottleGroup *t = throttle_find(b->g, id);
    ThrottleConfig c = *throttle_config(t);

    if (!strcmp(name, "limits")) {
        return throttle_config_parse(&c, &b->o, "value.", err) && throttle_set(t, &c, err);
    }
    if (!group_property(&c, name)) {
        return error_set(err, "Property 'throttle-group.%s' not found", name);
    }
    return error_set(err, "Property cannot be set after initialization");
}

static bool blk_group_is(BlkCall *b, GError **err)
{
    return throttle_object_has(b->g, group_id(blk_str(b, "path"))) || error_set(err, "none");
}

bool blk_is_group(MonCall *c)
{
    g_autoptr(GError) none = NULL;

    return c->args[0].str && blk_call(c, blk_group_is, &none);
}

BLK_COMMAND(blk_qom_get, blk_group_get)
BLK_COMMAND(blk_qom_set, blk_group_set)
