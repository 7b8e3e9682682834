/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that are little more than a file descriptor: null, stdio, serial, pty, file, pipe,
 * ringbuf. */
#include "chardev/chardev-priv.h"
#include "util/fdsets.h"
#include "util/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static void char_close_fds(Chardev *c)
{
    if (c->in_fd >= 0) {
        close(c->in_fd);
    }
    if (c->out_fd >= 0 && c->out_fd != c->in_fd) {
        close(c->out_fd);
    }
    c->in_fd = c->out_fd = -1;
}

static void char_set_where(Chardev *c, const char *kind, const char *what)
{
    g_free(c->where);
    c->where = g_strdup_printf("%s:%s", kind, what);
}

/* ---- null ---- */

static bool null_open(Chardev *c, const char *options, GError **err)
{
    c->open = char_no_options("null", options, err);
    return c->open;
}

static void null_write(Chardev *c, const uint8_t *buf, size_t len)
{
}

const CharKind char_null = {
    .name = "null",
    .doc = "drops what is written, never gives anything",
    .open = null_open,
    .write = null_write,
};

/* ---- stdio ---- */

typedef struct StdioState {
    struct termios saved;
    int saved_flags;
    bool is_tty;
} StdioState;

static bool stdio_open(Chardev *c, const char *options, GError **err)
{
    StdioState *s = g_new0(StdioState, 1);
    g_auto(GStrv) parts = g_strsplit(options, ",", -1);
    bool signals = true;

    for (char **p = parts; *p; p++) {
        if (!strcmp(*p, "signal=off")) {
            signals = false;
        } else if (**p && strcmp(*p, "signal=on")) {
            g_free(s);
            return error_set(err, "'%s' is no option of stdio; valid: signal=on|off", *p);
        }
    }
    c->state = s;
    c->in_fd = dup(0);
    c->out_fd = dup(1);
    s->saved_flags = fcntl(0, F_GETFL);
    if (isatty(0) && tcgetattr(0, &s->saved) == 0) {
        struct termios t = s->saved;

        s->is_tty = true;
        t.c_iflag &= ~(unsigned)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        t.c_oflag |= OPOST;
        t.c_lflag &= ~(unsigned)(ECHO | ECHONL | ICANON | IEXTEN);
        if (!signals) {
            t.c_lflag &= ~(unsigned)ISIG;
        }
        t.c_cc[VMIN] = 1;
        t.c_cc[VTIME] = 0;
        tcsetattr(0, TCSANOW, &t);
    }
    c->open = true;
    return true;
}

static void stdio_close(Chardev *c)
{
    StdioState *s = c->state;

    if (s && s->is_tty) {
        tcsetattr(0, TCSANOW, &s->saved);
    }
    char_close_fds(c);
    g_free(s);
}

const CharKind char_stdio = {
    .name = "stdio",
    .doc = "this terminal (signal=off: Ctrl-C goes to the guest)",
    .open = stdio_open,
    .close = stdio_close,
};

/* ---- serial: a line of the host ---- */

typedef struct LineState {
    struct termios saved;
} LineState;

static bool serial_open_line(Chardev *c, const char *path, GError **err)
{
    LineState *s;
    struct termios t;

    c->in_fd = c->out_fd =
        fdsets_open_any(machine_fdsets(c->machine), path, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
    if (c->in_fd < 0) {
        error_set(err, "cannot open '%s': %s", path, g_strerror(-c->in_fd));
        c->in_fd = c->out_fd = -1;
        return false;
    }
    if (tcgetattr(c->in_fd, &t)) {
        return error_set(
            err, "'%s' is no serial line or terminal; for others there are file and pipe", path);
    }
    s = g_new0(LineState, 1);
    s->saved = t;
    c->state = s;
    cfmakeraw(&t); /* 8 bits, no parity */
    t.c_cflag &= ~(unsigned)CSTOPB;
    t.c_cflag |= CLOCAL | CREAD;
    cfsetispeed(&t, B115200);
    cfsetospeed(&t, B115200);
    tcsetattr(c->in_fd, TCSANOW, &t);
    char_set_where(c, "serial", path);
    c->open = true;
    return true;
}

static bool serial_open(Chardev *c, const char *options, GError **err)
{
    static const char *const valid[] = { "path" };
    const char *path;
    Options o;
    bool ok;

    if (!options_parse(&o, options, "path", err)) {
        return false;
    }
    path = options_get(&o, "path");
    ok = options_all_used(&o, valid, G_N_ELEMENTS(valid), err) &&
         (path || error_set(err, "path= is missing: the line's device file, as /dev/ttyS0")) &&
         serial_open_line(c, path, err);
    options_deinit(&o);
    return ok;
}

static void serial_close(Chardev *c)
{
    LineState *s = c->state;

    if (s) {
        tcsetattr(c->in_fd, TCSANOW, &s->saved);
    }
    char_close_fds(c);
    g_free(s);
}

const CharKind char_serial = {
    .name = "serial",
    .doc = "path=FILE: a serial line or terminal of the host (115200 baud, 8 bits, no parity)",
    .open = serial_open,
    .close = serial_close,
};

/* ---- pty ---- */

static bool pty_open(Chardev *c, const char *options, GError **err)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios t;
    char name[64];

    if (!char_no_options("pty", options, err)) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof(name))) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(err, "cannot make a pseudo-terminal: %s", g_strerror(errno));
    }
    c->in_fd = c->out_fd = fd;
    /* Keep our own end of the slave open, so that the master never reads EIO between users. */
    c->state = GINT_TO_POINTER(1 + open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
    }
    char_set_where(c, "pty", name);
    c->open = true;
    return true;
}

static void pty_write(Chardev *c, const uint8_t *buf, size_t len)
{
    /* Nobody reads: what does not fit is lost, as on a line with nothing at its end. */
    char_write_fd(c->out_fd, buf, len, 0);
}

static void pty_close(Chardev *c)
{
    int slave = GPOINTER_TO_INT(c->state) - 1;

    if (slave >= 0) {
        close(slave);
    }
    char_close_fds(c);
}

const CharKind char_pty = {
    .name = "pty",
    .doc = "a new pseudo-terminal, named when the machine starts",
    .open = pty_open,
    .close = pty_close,
    .write = pty_write,
};

/* ---- file and pipe ---- */

static bool file_open(Chardev *c, const char *options, GError **err)
{
    Options o;
    const char *path, *input;
    bool append, ok = false;

    if (!options_parse(&o, options, "path", err)) {
        return false;
    }
    path = options_get(&o, "path");
    input = options_get(&o, "input-path");
    if (!path) {
        error_set(err, "a path is missing: file:PATH");
    } else if (options_get_bool(&o, "append", false, &append, err)) {
        c->out_fd = fdsets_open_any(machine_fdsets(c->machine), path,
                                    O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666);
        if (c->out_fd < 0) {
            error_set(err, "cannot write to '%s': %s", path, g_strerror(-c->out_fd));
            c->out_fd = -1;
        } else if (input && (c->in_fd = open(input, O_RDONLY | O_CLOEXEC)) < 0) {
            error_set(err, "cannot read '%s': %s", input, g_strerror(errno));
        } else {
            static const char *const valid[] = { "path", "append", "input-path" };

            char_set_where(c, "file", path);
            c->open = true;
            ok = options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
        }
    }
    options_deinit(&o);
    return ok;
}

const CharKind char_file = {
    .name = "file",
    .doc = "path=FILE[,append=on][,input-path=FILE]",
    .open = file_open,
    .close = char_close_fds,
};

static bool pipe_open(Chardev *c, const char *options, GError **err)
{
    const char *path = g_str_has_prefix(options, "path=") ? options + 5 : options;
    g_autofree char *in = g_strdup_printf("%s.in", path), *out = g_strdup_printf("%s.out", path);
    struct stat st;

    if (stat(in, &st) == 0 && stat(out, &st) == 0) {
        c->in_fd = open(in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        c->out_fd = open(out, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    } else {
        c->in_fd = c->out_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (c->in_fd < 0 || c->out_fd < 0) {
        return error_set(err,
                         "cannot open the pipe '%s' (or '%s' and '%s'; make them by mkfifo): %s",
                         path, in, out, g_strerror(errno));
    }
    char_set_where(c, "pipe", path);
    c->open = true;
    return true;
}

const CharKind char_pipe = {
    .name = "pipe",
    .doc = "path=FIFO, or FIFO.in and FIFO.out",
    .open = pipe_open,
    .close = char_close_fds,
};

/* ---- ringbuf ---- */

typedef struct Ring {
    uint8_t *data;
    size_t size, head, used;
} Ring;

static bool ringbuf_open(Chardev *c, const char *options, GError **err)
{
    static const char *const valid[] = { "size" };
    Options o;
    uint64_t size;
    bool ok;

    if (!options_parse(&o, options, "size", err)) {
        return false;
    }
    ok = options_get_size(&o, "size", 64 * 1024, &size, err) &&
         options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    options_deinit(&o);
    if (ok && (size < 1 || size > 64 << 20 || (size & (size - 1)))) {
        ok = error_set(err, "size must be a power of two up to 64M");
    }
    if (ok) {
        Ring *r = g_new0(Ring, 1);

        r->size = size;
        r->data = g_malloc0(size);
        c->state = r;
        c->open = true;
    }
    return ok;
}

static void ringbuf_write(Chardev *c, const uint8_t *buf, size_t len)
{
    Ring *r = c->state;

    for (size_t i = 0; i < len; i++) {
        r->data[(r->head + r->used) & (r->size - 1)] = buf[i];
        if (r->used < r->size) {
            r->used++;
        } else {
            r->head++;
        }
    }
}

static void ringbuf_close(Chardev *c)
{
    Ring *r = c->state;

    if (r) {
        g_free(r->data);
        g_free(r);
    }
}

const CharKind char_ringbuf = {
    .name = "ringbuf",
    .doc = "size=BYTES: keeps the last output, read by ringbuf-read",
    .open = ringbuf_open,
    .close = ringbuf_close,
    .write = ringbuf_write,
};

bool chardev_ring_read(Chardev *c, GString *out, size_t len)
{
    Ring *r = c->state;

    if (c->kind != &char_ringbuf) {
        return false;
    }
    mutex_lock(&c->out_lock);
    for (; len && r->used; len--, r->used--) {
        g_string_append_c(out, (char)r->data[r->head++ & (r->size - 1)]);
    }
    mutex_unlock(&c->out_lock);
    return true;
}

bool chardev_ring_write(Chardev *c, const void *buf, size_t len)
{
    if (c->kind != &char_ringbuf) {
        return false;
    }
    chardev_write(c, buf, len);
    return true;
}
