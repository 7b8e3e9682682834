/* SPDX-License-Identifier: Apache-2.0 */
/* Which disks a snapshot of the machine is of, and which of their snapshots belong together. */
#include "monitor/vmsnap-priv.h"

#include <string.h>

static void snap_add(SnapSet *s, const char *name, BlockNode *top)
{
    SnapDisk d = { .name = g_strdup(name), .top = block_node_ref(top) };

    d.node = block_snapshot_node(top, &d.why);
    if (d.node && block_node_is_read_only(top)) {
        d.node = NULL;
        d.why = g_strdup("it is open for reading alone");
    }
    g_array_append_val(s->disks, d);
}

static bool snap_has(const SnapSet *s, const BlockNode *top)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        if (snap_disk(s, i)->top == top) {
            return true;
        }
    }
    return false;
}

static BlockNode *snap_named(SnapSet *s, const char *name)
{
    BlockBackend *drive = machine_find_backend(s->m, "drive", name);

    return drive ? block_backend_node(drive) : block_graph_find(s->g, name);
}

/* Whatever can be written: the machine's drives, and nodes below no other (the user's, who may
 * export them or plug them in). */
static void snap_collect_all(SnapSet *s)
{
    const char **ids = machine_backend_ids(s->m, "drive");

    for (const char **id = ids; *id; id++) {
        BlockNode *n = snap_named(s, *id);

        if (n && !block_node_is_read_only(n) && !snap_has(s, n)) {
            snap_add(s, *id, n);
        }
    }
    for (BlockNode *n = NULL; (n = block_graph_next(s->g, n));) {
        if (!block_node_parent(n, NULL) && !block_node_is_read_only(n) && !snap_has(s, n) &&
            !(block_node_flags(n) & BLOCK_OPEN_INTERNAL)) {
            snap_add(s, block_node_name(n), n);
        }
    }
    g_free(ids);
}

static bool snap_can(SnapSet *s, const SnapDisk *d)
{
    if (d->node) {
        return true;
    }
    return error_set(&s->err,
                     "Device '%s' is writable but does not support snapshots: node '%s' (%s): %s; "
                     "convert it to qcow2 (tinamou img convert -O qcow2), or attach it with "
                     "readonly=on",
                     d->name, block_node_name(d->top), block_node_filename(d->top), d->why);
}

bool snap_check_all(SnapSet *s)
{
    for (unsigned i = 0; i < s->disks->len; i++) {
        if (!snap_can(s, snap_disk(s, i))) {
            return false;
        }
    }
    return true;
}

bool snap_collect(SnapSet *s)
{
    s->disks = g_array_new(FALSE, TRUE, sizeof(SnapDisk));
    if (!s->call->devices) {
        snap_collect_all(s);
    } else if (!s->call->devices[0]) {
        return error_set(&s->err, "At least one device is required for snapshot");
    }
    for (unsigned i = 0; s->call->devices && s->call->devices[i]; i++) {
        BlockNode *n = snap_named(s, s->call->devices[i]);

        if (!n) {
            return error_set(&s->err, "No block device node '%s'", s->call->devices[i]);
        }
        if (!snap_has(s, n)) {
            snap_add(s, s->call->devices[i], n);
        }
    }
    return true;
}

bool snap_find_vm(SnapSet *s)
{
    const char *name = s->call->vmstate;
    BlockNode *n = name ? snap_named(s, name) : NULL;

    for (unsigned i = 0; i < s->disks->len && !s->vm; i++) {
        SnapDisk *d = snap_disk(s, i);

        if (d->node && (!name || d->top == n)) {
            s->vm = d;
        }
    }
    if (!s->vm) {
        return name ? error_set(&s->err, "vmstate block device '%s' does not exist", name)
                    : error_set(&s->err, "no block device can store vmstate for snapshot");
    }
    return true;
}

void snap_deinit(SnapSet *s)
{
    for (unsigned i = 0; s->disks && i < s->disks->len; i++) {
        SnapDisk *d = snap_disk(s, i);

        block_node_unref(d->top);
        g_free(d->name);
        g_free(d->why);
        g_free(d->id);
        g_free(d->old_id);
    }
    g_clear_pointer(&s->disks, g_array_unref);
}

/* ---- Which snapshots belong together ---- */

/* Those of one command have the same name and moment. */
static bool snap_same(const BlockSnapshot *a, const BlockSnapshot *b)
{
    return !strcmp(a->name, b->name) && a->date_sec == b->date_sec && a->date_nsec == b->date_nsec;
}

/* The snapshot of @d like @like; NULL @like: the first of that name. A copy of its id, or NULL. */
static char *snap_lookup(SnapDisk *d, const char *name, const BlockSnapshot *like)
{
    g_autoptr(GError) ignored = NULL;
    BlockSnapshot *list = NULL;
    unsigned n = 0;
    char *id = NULL;

    if (!block_snapshot_list(d->node, &list, &n, &ignored)) {
        return NULL;
    }
    for (unsigned i = 0; i < n && !id; i++) {
        if (like ? snap_same(&list[i], like) : !strcmp(list[i].name, name)) {
            id = g_strdup(list[i].id);
        }
    }
    block_snapshot_list_free(list, n);
    return id;
}

/* Every disk's snapshot like @like. */
static bool snap_find_like(SnapSet *s, const BlockSnapshot *like)
{
    bool all = true;

    for (unsigned i = 0; i < s->disks->len; i++) {
        SnapDisk *d = snap_disk(s, i);

        g_free(d->id);
        d->id = snap_lookup(d, s->call->name, like);
        all &= d->id != NULL;
    }
    return all;
}

/*
 * A cut between the snapshots of two disks leaves some of them with an older one of that name, or
 * with both: the newest moment of which every disk has one is whole. Snapshots of other programs
 * may have no common moment: then the first by name.
 */
bool snap_find(SnapSet *s)
{
    BlockSnapshot *list = NULL;
    unsigned n = 0;
    bool found = false;

    if (!block_snapshot_list(s->vm->node, &list, &n, &s->err)) {
        return false;
    }
    for (unsigned i = n; i-- && !found;) {
        found = !strcmp(list[i].name, s->call->name) && snap_find_like(s, &list[i]);
    }
    block_snapshot_list_free(list, n);
    return found || snap_find_like(s, NULL) ||
           error_set(&s->err, "Snapshot '%s' does not exist in one or more devices", s->call->name);
}
