/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/console.h"

#include "core/machine.h"

#include <glib.h>
#include <string.h>

typedef struct ConsoleCursor {
    unsigned width, height, hot_x, hot_y;
    uint32_t *argb;
    int x, y;
    bool on;
} ConsoleCursor;

struct Console {
    int refs; /* atomic */
    char *device;
    char *id; /* among the machine's backends */
    unsigned head;
    int watchers; /* atomic */
    Machine *m;
    Mutex call;            /* held around the device's functions */
    const ConsoleOps *ops; /* GUARDED_BY(call); NULL: the device is gone */
    void *opaque;
    Mutex lock; /* of all that follows */
    unsigned width, height;
    uint32_t *pixels;
    bool draw_all;
    unsigned text_columns, text_rows;
    ConsoleCursor cursor;
    GPtrArray *viewers; /* of ConsoleViewer */
};

struct ConsoleViewer {
    Console *console;
    bool resized, changed, cursor_moved, cursor_reshaped;
    ConsoleSpan *spans; /* `height` of them */
};

/* ---- Being there ---- */

Console *console_new(Machine *m, const char *device, unsigned head, const ConsoleOps *ops,
                     void *opaque)
{
    Console *c = g_new0(Console, 1);
    g_autoptr(GError) err = NULL;
    unsigned n = 0;

    c->refs = 1;
    c->m = m;
    c->device = g_strdup(device);
    c->head = head;
    c->ops = ops;
    c->opaque = opaque;
    c->draw_all = true;
    c->viewers = g_ptr_array_new();
    mutex_init(&c->call);
    mutex_init(&c->lock);
    do {
        g_free(c->id);
        c->id = g_strdup_printf("%04u", n++);
    } while (machine_find_backend(m, "console", c->id));
    if (!machine_add_backend(m, "console", c->id, c, &err)) {
        g_error("%s", err->message); /* the id is free: looked at above */
    }
    return c;
}

void console_free(Console *c)
{
    if (!c) {
        return;
    }
    machine_remove_backend(c->m, "console", c->id);
    mutex_lock(&c->call);
    c->ops = NULL;
    mutex_unlock(&c->call);
    console_unref(c);
}

Console *console_ref(Console *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void console_unref(Console *c)
{
    if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL)) {
        return;
    }
    mutex_deinit(&c->call);
    mutex_deinit(&c->lock);
    g_ptr_array_free(c->viewers, TRUE);
    g_free(c->cursor.argb);
    g_free(c->pixels);
    g_free(c->device);
    g_free(c->id);
    g_free(c);
}

static int console_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Numbers, so that their order by text is that of making. */
static const char **console_ids(Machine *m, unsigned *n)
{
    const char **ids = machine_backend_ids(m, "console");

    for (*n = 0; ids[*n];) {
        ++*n;
    }
    qsort(ids, *n, sizeof(ids[0]), console_compare);
    return ids;
}

unsigned console_count(Machine *m)
{
    unsigned n;

    g_free(console_ids(m, &n));
    return n;
}

Console *console_get(Machine *m, unsigned index)
{
    unsigned n;
    g_autofree const char **ids = console_ids(m, &n);

    return index < n ? machine_find_backend(m, "console", ids[index]) : NULL;
}

Console *console_find(Machine *m, const char *device, unsigned head)
{
    Console *c;

    for (unsigned i = 0; (c = console_get(m, i)) != NULL; i++) {
        if (!strcmp(c->device, device) && c->head == head) {
            return c;
        }
    }
    return NULL;
}

const char *console_device(const Console *c)
{
    return c->device;
}

unsigned console_head(const Console *c)
{
    return c->head;
}

bool console_is_watched(const Console *c)
{
    return __atomic_load_n(&c->watchers, __ATOMIC_ACQUIRE) > 0;
}

/* ---- Drawing ---- */

static void console_see_all(Console *c, ConsoleViewer *v)
{
    for (unsigned y = 0; y < c->height; y++) {
        v->spans[y] = (ConsoleSpan){ 0, c->width };
    }
    v->changed = c->height > 0;
}

static void console_resize(Console *c, unsigned width, unsigned height)
{
    g_free(c->pixels);
    c->pixels = g_new0(uint32_t, (size_t)width * height);
    c->width = width;
    c->height = height;
    c->draw_all = true;
    for (unsigned i = 0; i < c->viewers->len; i++) {
        ConsoleViewer *v = g_ptr_array_index(c->viewers, i);

        g_free(v->spans);
        v->spans = g_new0(ConsoleSpan, height);
        v->resized = true;
        console_see_all(c, v);
    }
}

/* The lock is held until console_end. */
bool console_begin(Console *c, unsigned width, unsigned height) NO_LOCK_ANALYSIS
{
    bool all;

    width = CLAMP(width, 1, CONSOLE_SIDE_MAX);
    height = CLAMP(height, 1, CONSOLE_SIDE_MAX);
    if ((uint64_t)width * height > CONSOLE_PIXELS_MAX) {
        height = CONSOLE_PIXELS_MAX / width;
    }
    mutex_lock(&c->lock);
    if (width != c->width || height != c->height) {
        console_resize(c, width, height);
    }
    all = c->draw_all;
    c->draw_all = false;
    return all;
}

void console_end(Console *c) NO_LOCK_ANALYSIS
{
    mutex_unlock(&c->lock);
}

uint32_t *console_row(Console *c, unsigned y)
{
    return y < c->height ? c->pixels + (size_t)y * c->width : NULL;
}

void console_touch(Console *c, unsigned x, unsigned y, unsigned width, unsigned height)
{
    unsigned end_x = MIN(c->width, (uint64_t)x + width);
    unsigned end_y = MIN(c->height, (uint64_t)y + height);

    if (x >= end_x || y >= end_y) {
        return;
    }
    for (unsigned i = 0; i < c->viewers->len; i++) {
        ConsoleViewer *v = g_ptr_array_index(c->viewers, i);

        v->changed = true;
        for (unsigned row = y; row < end_y; row++) {
            ConsoleSpan *s = &v->spans[row];
            bool empty = s->first >= s->end;

            s->first = empty ? x : MIN(s->first, x);
            s->end = empty ? end_x : MAX(s->end, end_x);
        }
    }
}

void console_put_row(Console *c, unsigned y, const uint32_t *pixels)
{
    uint32_t *row = console_row(c, y);
    unsigned first = 0, end = c->width;

    if (!row || !memcmp(row, pixels, c->width * sizeof(row[0]))) {
        return;
    }
    while (row[first] == pixels[first]) {
        first++;
    }
    while (row[end - 1] == pixels[end - 1]) {
        end--;
    }
    memcpy(row + first, pixels + first, (end - first) * sizeof(row[0]));
    console_touch(c, first, y, end - first, 1);
}

void console_invalidate(Console *c)
{
    mutex_lock(&c->lock);
    c->draw_all = true;
    mutex_unlock(&c->lock);
}

void console_set_text(Console *c, unsigned columns, unsigned rows)
{
    c->text_columns = columns;
    c->text_rows = rows;
}

void console_set_cursor(Console *c, unsigned width, unsigned height, unsigned hot_x, unsigned hot_y,
                        const uint32_t *argb)
{
    bool none = !width || !height || width > CONSOLE_CURSOR_MAX || height > CONSOLE_CURSOR_MAX;

    mutex_lock(&c->lock);
    g_free(c->cursor.argb);
    c->cursor.width = none ? 0 : width;
    c->cursor.height = none ? 0 : height;
    c->cursor.hot_x = hot_x;
    c->cursor.hot_y = hot_y;
    c->cursor.argb = none ? NULL : g_memdup2(argb, (size_t)width * height * sizeof(argb[0]));
    for (unsigned i = 0; i < c->viewers->len; i++) {
        ((ConsoleViewer *)g_ptr_array_index(c->viewers, i))->cursor_reshaped = true;
    }
    mutex_unlock(&c->lock);
}

void console_move_cursor(Console *c, int x, int y, bool on)
{
    mutex_lock(&c->lock);
    if (x != c->cursor.x || y != c->cursor.y || on != c->cursor.on) {
        c->cursor.x = x;
        c->cursor.y = y;
        c->cursor.on = on;
        for (unsigned i = 0; i < c->viewers->len; i++) {
            ((ConsoleViewer *)g_ptr_array_index(c->viewers, i))->cursor_moved = true;
        }
    }
    mutex_unlock(&c->lock);
}

/* ---- Looking ---- */

/* The device is told when the first viewer comes and when the last goes, in that order: `call`. */
static void console_count_watchers(Console *c, int by)
{
    bool before, after;

    mutex_lock(&c->call);
    before = console_is_watched(c);
    after = __atomic_add_fetch(&c->watchers, by, __ATOMIC_ACQ_REL) > 0;
    if (before != after && c->ops && c->ops->watched) {
        c->ops->watched(c->opaque, after);
    }
    mutex_unlock(&c->call);
}

ConsoleViewer *console_watch(Console *c)
{
    ConsoleViewer *v = g_new0(ConsoleViewer, 1);

    v->console = console_ref(c);
    mutex_lock(&c->lock);
    v->spans = g_new0(ConsoleSpan, c->height);
    v->resized = v->cursor_moved = v->cursor_reshaped = true;
    console_see_all(c, v);
    g_ptr_array_add(c->viewers, v);
    mutex_unlock(&c->lock);
    console_count_watchers(c, 1);
    return v;
}

void console_unwatch(ConsoleViewer *v)
{
    Console *c = v->console;

    console_count_watchers(c, -1);
    mutex_lock(&c->lock);
    g_ptr_array_remove_fast(c->viewers, v);
    mutex_unlock(&c->lock);
    g_free(v->spans);
    g_free(v);
    console_unref(c);
}

bool console_refresh(Console *c)
{
    bool there;

    mutex_lock(&c->call);
    there = c->ops != NULL;
    if (there) {
        c->ops->refresh(c->opaque);
    }
    mutex_unlock(&c->call);
    return there;
}

/* The lock is held until console_look_end. */
void console_look(ConsoleViewer *v, ConsoleView *view) NO_LOCK_ANALYSIS
{
    Console *c = v->console;

    mutex_lock(&c->lock);
    *view = (ConsoleView){
        .width = c->width,
        .height = c->height,
        .stride = c->width,
        .pixels = c->pixels,
        .resized = v->resized,
        .changed = v->changed,
        .spans = v->spans,
        .text_columns = c->text_columns,
        .text_rows = c->text_rows,
        .cursor_on = c->cursor.on,
        .cursor_moved = v->cursor_moved,
        .cursor_reshaped = v->cursor_reshaped,
        .cursor_x = c->cursor.x,
        .cursor_y = c->cursor.y,
        .cursor_width = c->cursor.width,
        .cursor_height = c->cursor.height,
        .hot_x = c->cursor.hot_x,
        .hot_y = c->cursor.hot_y,
        .cursor = c->cursor.argb,
    };
}

void console_look_end(ConsoleViewer *v) NO_LOCK_ANALYSIS
{
    Console *c = v->console;

    if (v->changed) {
        memset(v->spans, 0, c->height * sizeof(v->spans[0]));
    }
    v->resized = v->changed = v->cursor_moved = v->cursor_reshaped = false;
    mutex_unlock(&c->lock);
}
