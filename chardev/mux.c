/* SPDX-License-Identifier: Apache-2.0 */
/* Several front ends on one stream; Ctrl-A is the key that switches between them. */
#include "chardev/chardev-priv.h"

#include <string.h>

enum { MUX_MAX = 4, MUX_QUEUE = 16384, MUX_KEY = 1 /* Ctrl-A */ };

typedef struct MuxFront {
    const CharHandlers *handlers;
    void *opaque;
    uint8_t queue[MUX_QUEUE]; /* input that came while it had no room: a pasted page of text */
    unsigned head, used;
} MuxFront;

typedef struct Mux {
    Chardev *base, *self;
    MuxFront front[MUX_MAX];
    unsigned n, focus;
    uint8_t key;
    bool got_key;
    bool timestamps, line_start;
    void (*quit)(void *opaque);
    void *quit_opaque;
} Mux;

static void mux_say(Mux *x, const char *text)
{
    chardev_write(x->base, text, strlen(text));
}

static void mux_flush(Mux *x, unsigned i)
{
    MuxFront *f = &x->front[i];

    while (f->used && f->handlers && f->handlers->read &&
           (!f->handlers->can_read || f->handlers->can_read(f->opaque))) {
        uint8_t b = f->queue[f->head++ % MUX_QUEUE];

        f->used--;
        f->handlers->read(f->opaque, &b, 1);
    }
}

/* Input is for who had the focus when it came, also when that is gone. */
static void mux_flush_all(Mux *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        mux_flush(x, i);
    }
}

static void mux_send_event(Mux *x, unsigned i, CharEvent event)
{
    MuxFront *f = &x->front[i];

    if (f->handlers && f->handlers->event) {
        f->handlers->event(f->opaque, event);
    }
}

static void mux_switch(Mux *x)
{
    unsigned next = x->focus;

    for (unsigned i = 1; i <= x->n; i++) {
        next = (x->focus + i) % x->n;
        if (x->front[next].handlers) {
            break;
        }
    }
    if (x->n && next != x->focus) {
        mux_send_event(x, x->focus, CHAR_UNFOCUS);
        x->focus = next;
        mux_send_event(x, next, CHAR_FOCUS);
    }
}

/* "C-a", or the character. */
static char *mux_key_name(const Mux *x)
{
    return x->key >= 1 && x->key <= 26 ? g_strdup_printf("C-%c", 'a' + x->key - 1)
           : g_ascii_isgraph(x->key)   ? g_strdup_printf("%c", x->key)
                                       : g_strdup_printf("<0x%02x>", x->key);
}

static void mux_help(Mux *x)
{
    g_autofree char *k = mux_key_name(x);
    g_autofree char *text =
        g_strdup_printf("\r\n%s h    print this help\r\n%s x    exit the emulator\r\n"
                        "%s b    send a break to the guest\r\n%s c    switch between console and "
                        "monitor\r\n%s t    timestamps on and off\r\n%s %s  send %s\r\n",
                        k, k, k, k, k, k, k, k);

    mux_say(x, text);
}

static void mux_terminated(Mux *x)
{
    g_autofree char *k = mux_key_name(x);
    g_autofree char *text = x->key == MUX_KEY ? g_strdup("\r\nterminated by Ctrl-A X\r\n")
                                              : g_strdup_printf("\r\nterminated by %s x\r\n", k);

    mux_say(x, text);
}

static void mux_command(Mux *x, uint8_t key)
{
    switch (key) {
    case 'h':
    case '?':
        mux_help(x);
        break;
    case 'x':
        mux_terminated(x);
        if (x->quit) {
            x->quit(x->quit_opaque);
        }
        break;
    case 'b':
        mux_send_event(x, x->focus, CHAR_BREAK);
        break;
    case 'c':
        mux_switch(x);
        break;
    case 't':
        x->timestamps = !x->timestamps;
        x->line_start = true;
        break;
    default:
        break;
    }
}

static void mux_byte(Mux *x, uint8_t b)
{
    MuxFront *f = &x->front[x->focus];

    if (x->got_key) {
        x->got_key = false;
        if (b != x->key) {
            mux_flush(x, x->focus); /* what was typed before the key */
            mux_command(x, b);
            return;
        }
    } else if (b == x->key) {
        x->got_key = true;
        return;
    }
    if (x->n && f->used < MUX_QUEUE) {
        f->queue[(f->head + f->used++) % MUX_QUEUE] = b;
    }
}

static unsigned mux_can_read(void *opaque)
{
    Mux *x = opaque;

    /* The keys must work even when the guest reads nothing. */
    mux_flush_all(x);
    return x->front[x->focus].used < MUX_QUEUE ? MUX_QUEUE - x->front[x->focus].used : 1;
}

static void mux_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Mux *x = opaque;

    for (unsigned i = 0; i < len; i++) {
        mux_byte(x, buf[i]);
    }
    mux_flush_all(x);
}

static void mux_event(void *opaque, CharEvent event)
{
    Mux *x = opaque;

    x->self->open = event == CHAR_OPENED ? true : event == CHAR_CLOSED ? false : x->self->open;
    for (unsigned i = 0; i < x->n; i++) {
        mux_send_event(x, i, event);
    }
}

static const CharHandlers mux_handlers = { mux_can_read, mux_read, mux_event };

/* c->state is the base on entry. */
static bool mux_open(Chardev *c, const char *options, GError **err)
{
    Mux *x = g_new0(Mux, 1);

    x->base = c->state;
    x->self = c;
    x->key = MUX_KEY;
    x->line_start = true;
    c->state = x;
    c->open = x->base->open;
    g_free(c->where);
    c->where = g_strdup_printf("mux of %s", chardev_where(x->base));
    return chardev_attach(x->base, &mux_handlers, x, err);
}

static void mux_close(Chardev *c)
{
    Mux *x = c->state;

    chardev_free(x->base);
    g_free(x);
}

bool mux_is_attached(const Chardev *c)
{
    const Mux *x = c->state;

    for (unsigned i = 0; i < x->n; i++) {
        if (x->front[i].handlers) {
            return true;
        }
    }
    return false;
}

bool mux_attach(Chardev *c, const CharHandlers *h, void *opaque, GError **err)
{
    Mux *x = c->state;
    unsigned i;

    for (i = 0; i < x->n; i++) {
        if (x->front[i].handlers && x->front[i].opaque == opaque) {
            x->front[i].handlers = h;
            return true;
        }
    }
    if (!h) {
        return true;
    }
    if (x->n == MUX_MAX) {
        return error_set(err, "character device '%s' is shared by %d front ends already", c->id,
                         MUX_MAX);
    }
    x->front[x->n].handlers = h;
    x->front[x->n].opaque = opaque;
    x->n++;
    if (c->open) {
        mux_send_event(x, x->n - 1, CHAR_OPENED);
    }
    mux_send_event(x, x->n - 1, x->n - 1 == x->focus ? CHAR_FOCUS : CHAR_UNFOCUS);
    return true;
}

static void mux_write(Chardev *c, const uint8_t *buf, size_t len)
{
    Mux *x = c->state;

    if (!x->timestamps) {
        chardev_write(x->base, buf, len);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        if (x->line_start) {
            int64_t now = g_get_monotonic_time();
            g_autofree char *stamp =
                g_strdup_printf("[%05d.%03d] ", (int)(now / 1000000), (int)(now / 1000 % 1000));

            mux_say(x, stamp);
        }
        x->line_start = buf[i] == '\n';
        chardev_write(x->base, &buf[i], 1);
    }
}

static void mux_accept(Chardev *c)
{
    Mux *x = c->state;

    mux_flush_all(x);
    chardev_accept_input(x->base);
}

const CharKind char_mux = {
    .name = "mux",
    .doc = "several front ends on one stream",
    .open = mux_open,
    .close = mux_close,
    .write = mux_write,
    .accept_input = mux_accept,
};

void chardev_mux_set_key(Chardev *c, uint8_t key)
{
    if (c->kind == &char_mux) {
        ((Mux *)c->state)->key = key;
    }
}

void chardev_mux_on_quit(Chardev *c, void (*fn)(void *opaque), void *opaque)
{
    if (c->kind == &char_mux) {
        Mux *x = c->state;

        x->quit = fn;
        x->quit_opaque = opaque;
    }
}
