/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-gpu: the driver makes pictures in the host's memory, fills them from its own and says
 * which of them a screen shows. Two dimensions: no 3D commands, no blobs.
 * Spec: VIRTIO 1.2, "5.7 GPU Device".
 */
#include "hw/virtio/virtio-gpu.h"

#include "hw/display/edid.h"
#include "util/bytes.h"

#include <string.h>

enum {
    GPU_CONTROL,
    GPU_CURSOR,
    GPU_CONTROL_SIZE = 256,
    GPU_CURSOR_SIZE = 16,
    GPU_HEAD_BYTES = 24,
    GPU_COMMAND_MAX = 64, /* the longest, without the entries behind it */
    GPU_EDID_BYTES = 1024,
    GPU_FLAG_FENCE = 1,
    GPU_CURSOR_SIDE = 64,
};

/* "5.7.6.7 Device Operation: Request header" */
enum {
    GPU_GET_DISPLAY_INFO = 0x0100,
    GPU_CREATE_2D,
    GPU_UNREF,
    GPU_SET_SCANOUT,
    GPU_FLUSH,
    GPU_TRANSFER,
    GPU_ATTACH,
    GPU_DETACH,
    GPU_GET_EDID = 0x010a,
    GPU_UPDATE_CURSOR = 0x0300,
    GPU_MOVE_CURSOR,
    GPU_OK = 0x1100,
    GPU_OK_DISPLAY_INFO,
    GPU_OK_EDID = 0x1104,
    GPU_ERR_UNSPEC = 0x1200,
    GPU_ERR_MEMORY,
    GPU_ERR_SCANOUT,
    GPU_ERR_RESOURCE,
    GPU_ERR_CONTEXT,
    GPU_ERR_PARAMETER,
};

#define VIRTIO_GPU_F_EDID BIT(1)

typedef struct GpuScanout {
    uint32_t resource; /* 0: off */
    uint32_t x, y, width, height;
    uint32_t cursor_x, cursor_y, hot_x, hot_y;
    uint32_t cursor; /* its resource; 0: off */
} GpuScanout;

typedef struct VirtioGpu {
    VirtioDevice v;
    /* properties */
    uint32_t max_outputs, xres, yres;
    uint64_t max_hostmem;
    bool edid;
    GpuScanout scanouts[GPU_SCANOUTS_MAX];
    uint8_t *saved; /* the resources, while the machine is saved or loaded */
    uint32_t n_saved;
    GHashTable *resources; /* id to GpuResource */
    uint64_t used;         /* bytes of pixels */
    Console *consoles[GPU_SCANOUTS_MAX];
    bool drawn[GPU_SCANOUTS_MAX]; /* nothing was flushed since */
} VirtioGpu;

/* A console's opaque: which device and screen. */
typedef struct GpuHead {
    VirtioGpu *gpu;
    unsigned n;
} GpuHead;

static VirtioGpu *gpu_of(VirtioDevice *v)
{
    return (VirtioGpu *)(void *)v;
}

static GpuResource *gpu_find(VirtioGpu *s, uint32_t id)
{
    return g_hash_table_lookup(s->resources, GUINT_TO_POINTER(id));
}

static GpuRect gpu_rect(const uint8_t *p)
{
    return (GpuRect){ get_le32(p), get_le32(p + 4), get_le32(p + 8), get_le32(p + 12) };
}

/* ---- The picture ---- */

static void gpu_draw(VirtioGpu *s, unsigned n)
{
    const GpuScanout *o = &s->scanouts[n];
    const GpuResource *r = o->resource ? gpu_find(s, o->resource) : NULL;
    unsigned width = r ? o->width : s->xres, height = r ? o->height : s->yres;
    bool all = console_begin(s->consoles[n], width, height);
    g_autofree uint32_t *row = g_new0(uint32_t, width);

    for (unsigned y = 0; y < height && (all || !s->drawn[n]); y++) {
        if (r) {
            const uint32_t *from = r->pixels + (size_t)(o->y + y) * r->width + o->x;

            for (unsigned x = 0; x < width; x++) {
                row[x] = from[x] & 0xffffff;
            }
        }
        console_put_row(s->consoles[n], y, row);
    }
    s->drawn[n] = true;
    console_end(s->consoles[n]);
}

static void gpu_refresh(void *opaque)
{
    const GpuHead *h = opaque;

    virtio_enter(&h->gpu->v);
    gpu_draw(h->gpu, h->n);
    virtio_leave(&h->gpu->v);
}

static const ConsoleOps gpu_ops = { gpu_refresh, NULL };

/* What showed the resource shows nothing more. */
static void gpu_hide(VirtioGpu *s, uint32_t id)
{
    for (unsigned i = 0; i < GPU_SCANOUTS_MAX; i++) {
        if (s->scanouts[i].resource == id) {
            s->scanouts[i].resource = 0;
            s->drawn[i] = false;
        }
    }
}

/* ---- Commands: each returns the type of its answer ---- */

static uint32_t gpu_create(VirtioGpu *s, const uint8_t *cmd)
{
    uint32_t id = get_le32(cmd + 24), format = get_le32(cmd + 28);
    uint32_t width = get_le32(cmd + 32), height = get_le32(cmd + 36);
    uint8_t parts[4];
    GpuResource *r;

    if (!id || gpu_find(s, id)) {
        return GPU_ERR_RESOURCE;
    }
    if (!gpu_format(format, parts) || !width || !height || width > CONSOLE_SIDE_MAX ||
        height > CONSOLE_SIDE_MAX || (uint64_t)width * height > CONSOLE_PIXELS_MAX) {
        return GPU_ERR_PARAMETER;
    }
    if (gpu_resource_bytes(width, height) > s->max_hostmem - s->used) {
        return GPU_ERR_MEMORY;
    }
    r = gpu_resource_new(id, format, width, height);
    if (!r) {
        return GPU_ERR_MEMORY;
    }
    s->used += gpu_resource_bytes(width, height);
    g_hash_table_insert(s->resources, GUINT_TO_POINTER(id), r);
    return GPU_OK;
}

static uint32_t gpu_unref(VirtioGpu *s, const uint8_t *cmd)
{
    GpuResource *r = gpu_find(s, get_le32(cmd + 24));

    if (!r) {
        return GPU_ERR_RESOURCE;
    }
    s->used -= gpu_resource_bytes(r->width, r->height);
    gpu_hide(s, r->id);
    g_hash_table_remove(s->resources, GUINT_TO_POINTER(r->id));
    return GPU_OK;
}

static uint32_t gpu_set_scanout(VirtioGpu *s, const uint8_t *cmd)
{
    GpuRect rect = gpu_rect(cmd + 24);
    uint32_t n = get_le32(cmd + 40), id = get_le32(cmd + 44);
    GpuResource *r = gpu_find(s, id);

    if (n >= s->max_outputs) {
        return GPU_ERR_SCANOUT;
    }
    if (id && !r) {
        return GPU_ERR_RESOURCE;
    }
    if (r && (!rect.width || !rect.height || !gpu_rect_fits(&rect, r->width, r->height))) {
        return GPU_ERR_PARAMETER;
    }
    s->scanouts[n].resource = id;
    s->scanouts[n].x = r ? rect.x : 0;
    s->scanouts[n].y = r ? rect.y : 0;
    s->scanouts[n].width = r ? rect.width : 0;
    s->scanouts[n].height = r ? rect.height : 0;
    s->drawn[n] = false;
    return GPU_OK;
}

static uint32_t gpu_flush(VirtioGpu *s, const uint8_t *cmd)
{
    GpuRect rect = gpu_rect(cmd + 24);
    GpuResource *r = gpu_find(s, get_le32(cmd + 40));

    if (!r) {
        return GPU_ERR_RESOURCE;
    }
    if (!gpu_rect_fits(&rect, r->width, r->height)) {
        return GPU_ERR_PARAMETER;
    }
    for (unsigned i = 0; i < s->max_outputs; i++) {
        s->drawn[i] &= s->scanouts[i].resource != r->id;
    }
    return GPU_OK;
}

static uint32_t gpu_transfer(VirtioGpu *s, const uint8_t *cmd)
{
    GpuRect rect = gpu_rect(cmd + 24);
    GpuResource *r = gpu_find(s, get_le32(cmd + 48));

    if (!r) {
        return GPU_ERR_RESOURCE;
    }
    if (!r->backing) {
        return GPU_ERR_UNSPEC;
    }
    if (!gpu_rect_fits(&rect, r->width, r->height)) {
        return GPU_ERR_PARAMETER;
    }
    gpu_resource_fill(r, s->v.bus->dev, &rect, get_le64(cmd + 40));
    return GPU_OK;
}

static uint32_t gpu_attach(VirtioGpu *s, const uint8_t *cmd, const VirtElem *e)
{
    GpuResource *r = gpu_find(s, get_le32(cmd + 24));
    uint32_t n = get_le32(cmd + 28);
    g_autofree uint8_t *raw = NULL;

    if (!r) {
        return GPU_ERR_RESOURCE;
    }
    if (r->backing || !n || n > GPU_BACKING_MAX) {
        return r->backing ? GPU_ERR_UNSPEC : GPU_ERR_PARAMETER;
    }
    raw = g_malloc(n * GPU_ENTRY_BYTES);
    if (virtq_read(e, 32, raw, n * GPU_ENTRY_BYTES) != n * GPU_ENTRY_BYTES) {
        return GPU_ERR_PARAMETER;
    }
    gpu_resource_attach(r, raw, n);
    return GPU_OK;
}

static uint32_t gpu_detach(VirtioGpu *s, const uint8_t *cmd)
{
    GpuResource *r = gpu_find(s, get_le32(cmd + 24));

    if (!r) {
        return GPU_ERR_RESOURCE;
    }
    gpu_resource_detach(r);
    return GPU_OK;
}

static void gpu_move_cursor(VirtioGpu *s, unsigned n)
{
    const GpuScanout *o = &s->scanouts[n];

    console_move_cursor(s->consoles[n], (int)o->cursor_x, (int)o->cursor_y, o->cursor);
}

/* False: the resource is no pointer. */
static bool gpu_shape_cursor(VirtioGpu *s, unsigned n)
{
    const GpuScanout *o = &s->scanouts[n];
    const GpuResource *r = gpu_find(s, o->cursor);

    if (!r || r->width != GPU_CURSOR_SIDE || r->height != GPU_CURSOR_SIDE) {
        return false;
    }
    console_set_cursor(s->consoles[n], r->width, r->height, o->hot_x, o->hot_y, r->pixels);
    return true;
}

static uint32_t gpu_cursor(VirtioGpu *s, const uint8_t *cmd, bool shape)
{
    uint32_t n = get_le32(cmd + 24);
    GpuScanout *o;

    if (n >= s->max_outputs) {
        return GPU_ERR_SCANOUT;
    }
    o = &s->scanouts[n];
    o->cursor_x = get_le32(cmd + 28);
    o->cursor_y = get_le32(cmd + 32);
    if (shape) {
        o->cursor = get_le32(cmd + 40);
        o->hot_x = get_le32(cmd + 44);
        o->hot_y = get_le32(cmd + 48);
        if (o->cursor && !gpu_shape_cursor(s, n)) {
            o->cursor = 0;
            return GPU_ERR_RESOURCE;
        }
    }
    gpu_move_cursor(s, n);
    return GPU_OK;
}

/* ---- Requests ---- */

/* Bytes of each command's fixed part. */
static unsigned gpu_command_bytes(uint32_t type)
{
    switch (type) {
    case GPU_CREATE_2D:
        return 40;
    case GPU_UNREF:
    case GPU_ATTACH:
    case GPU_DETACH:
    case GPU_GET_EDID:
        return 32;
    case GPU_SET_SCANOUT:
    case GPU_FLUSH:
        return 48;
    case GPU_TRANSFER:
    case GPU_UPDATE_CURSOR:
    case GPU_MOVE_CURSOR:
        return 56;
    default:
        return GPU_HEAD_BYTES;
    }
}

static uint32_t gpu_display_info(const VirtioGpu *s, GByteArray *out)
{
    for (unsigned i = 0; i < GPU_SCANOUTS_MAX; i++) {
        uint8_t row[24] = { 0 };

        if (i < s->max_outputs) {
            put_le32(row + 8, s->xres);
            put_le32(row + 12, s->yres);
            put_le32(row + 16, i == 0);
        }
        g_byte_array_append(out, row, sizeof(row));
    }
    return GPU_OK_DISPLAY_INFO;
}

static uint32_t gpu_edid(const VirtioGpu *s, const uint8_t *cmd, GByteArray *out)
{
    uint8_t body[8 + GPU_EDID_BYTES] = { 0 };

    if (!virtio_has(&s->v, VIRTIO_GPU_F_EDID) || get_le32(cmd + 24) >= s->max_outputs) {
        return GPU_ERR_SCANOUT;
    }
    put_le32(body, EDID_BYTES);
    edid_make(body + 8, s->xres, s->yres, 0, 0);
    g_byte_array_append(out, body, sizeof(body));
    return GPU_OK_EDID;
}

/* Executes one request; what its answer has behind the header goes to @out. */
static uint32_t gpu_execute(VirtioGpu *s, const uint8_t *cmd, const VirtElem *e, GByteArray *out)
{
    switch (get_le32(cmd)) {
    case GPU_GET_DISPLAY_INFO:
        return gpu_display_info(s, out);
    case GPU_CREATE_2D:
        return gpu_create(s, cmd);
    case GPU_UNREF:
        return gpu_unref(s, cmd);
    case GPU_SET_SCANOUT:
        return gpu_set_scanout(s, cmd);
    case GPU_FLUSH:
        return gpu_flush(s, cmd);
    case GPU_TRANSFER:
        return gpu_transfer(s, cmd);
    case GPU_ATTACH:
        return gpu_attach(s, cmd, e);
    case GPU_DETACH:
        return gpu_detach(s, cmd);
    case GPU_GET_EDID:
        return gpu_edid(s, cmd, out);
    case GPU_UPDATE_CURSOR:
    case GPU_MOVE_CURSOR:
        return gpu_cursor(s, cmd, get_le32(cmd) == GPU_UPDATE_CURSOR);
    default:
        guest_unimp(&s->v.dev, "command 0x%04x", (unsigned)get_le32(cmd));
        return GPU_ERR_UNSPEC;
    }
}

static uint32_t gpu_request(VirtioGpu *s, VirtElem *e)
{
    uint8_t cmd[GPU_COMMAND_MAX] = { 0 }, head[GPU_HEAD_BYTES] = { 0 };
    size_t len = virtq_read(e, 0, cmd, sizeof(cmd));
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint32_t type = GPU_ERR_UNSPEC;

    if (len >= GPU_HEAD_BYTES && len >= gpu_command_bytes(get_le32(cmd))) {
        type = gpu_execute(s, cmd, e, out);
    }
    put_le32(head, type);
    if (get_le32(cmd + 4) & GPU_FLAG_FENCE) {
        memcpy(head + 4, cmd + 4, 20); /* flags, fence, context, ring */
    }
    len = virtq_write(e, 0, head, sizeof(head));
    return (uint32_t)(len + virtq_write(e, sizeof(head), out->data, out->len));
}

static void gpu_notify(VirtioDevice *v, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        virtq_push(v, e, gpu_request(gpu_of(v), e));
    }
    virtq_notify(v, q);
}

/* ---- Life ---- */

static void gpu_forget(VirtioDevice *v)
{
    VirtioGpu *s = gpu_of(v);

    g_hash_table_remove_all(s->resources);
    memset(s->scanouts, 0, sizeof(s->scanouts));
    memset(s->drawn, 0, sizeof(s->drawn));
    s->used = 0;
    for (unsigned i = 0; i < s->max_outputs; i++) {
        gpu_move_cursor(s, i);
    }
}

static uint64_t gpu_features(VirtioDevice *v)
{
    return gpu_of(v)->edid ? VIRTIO_GPU_F_EDID : 0;
}

static void gpu_config(VirtioDevice *v, uint8_t *config)
{
    put_le32(config + 8, gpu_of(v)->max_outputs);
}

static const VirtioType gpu_type = {
    .id = 16,
    .features = gpu_features,
    .config_size = 16,
    .config_read = gpu_config,
    .notify = gpu_notify,
    .reset = gpu_forget,
};

static bool gpu_start(Device *dev, GError **err)
{
    VirtioGpu *s = gpu_of(virtio_of(dev));

    virtio_add_queue(&s->v, GPU_CONTROL_SIZE);
    virtio_add_queue(&s->v, GPU_CURSOR_SIZE);
    if (!virtio_plug(&s->v, err)) {
        return false;
    }
    s->resources = g_hash_table_new_full(NULL, NULL, NULL, gpu_resource_free);
    for (unsigned i = 0; i < s->max_outputs; i++) {
        GpuHead *h = device_alloc(dev, sizeof(*h));

        *h = (GpuHead){ s, i };
        /* people know the card by the function on the bus */
        s->consoles[i] = console_new(dev->machine, device_path(s->v.bus->dev), i, &gpu_ops, h);
    }
    return true;
}

static void gpu_stop(Device *dev)
{
    VirtioGpu *s = gpu_of(virtio_of(dev));

    for (unsigned i = 0; i < GPU_SCANOUTS_MAX; i++) {
        console_free(s->consoles[i]);
    }
    g_clear_pointer(&s->resources, g_hash_table_unref);
}

/* ---- State ---- */

static int gpu_order(const void *a, const void *b)
{
    uint32_t x = (*(GpuResource *const *)a)->id, y = (*(GpuResource *const *)b)->id;

    return (x > y) - (x < y);
}

static void gpu_saving(Device *dev)
{
    VirtioGpu *s = gpu_of(virtio_of(dev));
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GByteArray *out = g_byte_array_new();
    GHashTableIter it;
    gpointer r;

    g_hash_table_iter_init(&it, s->resources);
    while (g_hash_table_iter_next(&it, NULL, &r)) {
        g_ptr_array_add(all, r);
    }
    if (all->len) {
        qsort(all->pdata, all->len, sizeof(all->pdata[0]), gpu_order);
    }
    for (guint i = 0; i < all->len; i++) {
        gpu_resource_save(all->pdata[i], out);
    }
    g_free(s->saved);
    s->n_saved = out->len;
    s->saved = g_byte_array_free(out, FALSE);
}

static bool gpu_loaded(Device *dev, GError **err)
{
    VirtioGpu *s = gpu_of(virtio_of(dev));
    uint32_t at = 0;

    g_hash_table_remove_all(s->resources);
    s->used = 0;
    while (at < s->n_saved) {
        GpuResource *r = gpu_resource_load(s->saved, s->n_saved, &at, s->max_hostmem - s->used);

        if (!r || gpu_find(s, r->id)) {
            g_clear_pointer(&r, gpu_resource_free);
            return error_set(err, "%s: the state's pictures do not hold together",
                             device_path(dev));
        }
        s->used += gpu_resource_bytes(r->width, r->height);
        g_hash_table_insert(s->resources, GUINT_TO_POINTER(r->id), r);
    }
    for (unsigned i = 0; i < GPU_SCANOUTS_MAX; i++) {
        const GpuScanout *o = &s->scanouts[i];
        const GpuResource *r = gpu_find(s, o->resource);
        GpuRect rect = { o->x, o->y, o->width, o->height };

        if (o->resource && (i >= s->max_outputs || !r || !rect.width || !rect.height ||
                            !gpu_rect_fits(&rect, r->width, r->height))) {
            return error_set(err, "%s: the state shows a picture that is not there",
                             device_path(dev));
        }
        s->drawn[i] = false;
        if (i < s->max_outputs) {
            (void)gpu_shape_cursor(s, i); /* the driver may have freed the picture since */
            gpu_move_cursor(s, i);
        }
    }
    return true;
}

static const Field gpu_fields[] = {
    PROP_U32(VirtioGpu, max_outputs, 1, .min = 1, .max = GPU_SCANOUTS_MAX, .doc = "screens"),
    PROP_U32(VirtioGpu, xres, 1280, .min = 64, .max = CONSOLE_SIDE_MAX,
             .doc = "width of a screen, in pixels"),
    PROP_U32(VirtioGpu, yres, 800, .min = 64, .max = CONSOLE_SIDE_MAX, .doc = "its height"),
    PROP_SIZE(VirtioGpu, max_hostmem, 256 << 20, .max = GPU_SAVED_MAX / 2,
              .doc = "memory for the driver's pictures"),
    PROP_BOOL(VirtioGpu, edid, true, .doc = "screens tell their sizes"),
    STATE_BANK(VirtioGpu, scanouts, resource, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, x, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, y, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, width, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, height, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, cursor_x, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, cursor_y, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, hot_x, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, hot_y, .no_reset = true),
    STATE_BANK(VirtioGpu, scanouts, cursor, .no_reset = true),
    STATE_BYTES(VirtioGpu, saved, n_saved, GPU_SAVED_MAX),
    SCRATCH(VirtioGpu, n_saved),
    SCRATCH(VirtioGpu, resources),
    SCRATCH(VirtioGpu, used),
    SCRATCH(VirtioGpu, consoles),
    SCRATCH(VirtioGpu, drawn),
};

const DeviceType device_virtio_gpu = {
    .name = "virtio-gpu-device",
    .doc = "virtio display, two dimensions",
    .base = &device_virtio,
    .size = sizeof(VirtioGpu),
    .fields = TABLE(gpu_fields),
    .user_creatable = true,
    .start = gpu_start,
    .stop = gpu_stop,
    .saving = gpu_saving,
    .loaded = gpu_loaded,
    .extra = &gpu_type,
};
