/* SPDX-License-Identifier: Apache-2.0 */
#include "chardev/chardev-priv.h"

#include "util/fdsets.h"
#include "util/options.h"
#include "util/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static const CharKind *const char_kinds[] = { &char_null, &char_stdio,  &char_pty,
                                              &char_file, &char_pipe,   &char_socket,
                                              &char_udp,  &char_serial, &char_ringbuf };

/* Spellings of -serial that are options of another kind. */
static const struct {
    const char *prefix, *kind, *first;
} char_aliases[] = {
    { "unix", "socket", "path" }, { "tcp", "socket", "tcp" }, { "telnet", "socket", "telnet" },
    { "memory", "ringbuf", "" },  { "ring", "ringbuf", "" },  { "console", "stdio", "" },
    { "tty", "serial", "" },
};

char *chardev_help(void)
{
    GString *s = g_string_new("Available chardev backend types:\n");

    for (size_t i = 0; i < G_N_ELEMENTS(char_kinds); i++) {
        g_string_append_printf(s, "  %-10s %s\n", char_kinds[i]->name, char_kinds[i]->doc);
    }
    return g_string_free(s, FALSE);
}

static void char_accept_on_loop(void *arg);

static Chardev *char_alloc(Machine *m, const char *id, const CharKind *kind)
{
    Chardev *c = g_new0(Chardev, 1);

    c->kind = kind;
    c->machine = m;
    c->id = g_strdup(id ? id : kind->name);
    c->where = g_strdup(kind->name);
    c->in_fd = c->out_fd = c->log_fd = -1;
    mutex_init(&c->out_lock);
    return c;
}

static const CharKind *char_find_kind(const char *name, GError **err)
{
    const char *names[G_N_ELEMENTS(char_kinds)];
    g_autofree char *near = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(char_kinds); i++) {
        if (!strcmp(name, char_kinds[i]->name)) {
            return char_kinds[i];
        }
        names[i] = char_kinds[i]->name;
    }
    near = suggest_or_list(name, names, G_N_ELEMENTS(names), 10);
    error_set(err, "no character device is called '%s'%s", name, near);
    return NULL;
}

Chardev *chardev_new(Machine *m, const char *id, const char *text, GError **err)
{
    size_t len = strcspn(text, ":,");
    g_autofree char *name = g_strndup(text, len);
    g_autofree char *rest = g_strdup(text[len] ? text + len + 1 : "");
    const CharKind *kind;
    Chardev *c;

    if (!strcmp(name, "mon")) {
        Chardev *base = chardev_new(m, NULL, rest, err);

        return base ? chardev_new_mux(m, id, base) : NULL;
    }
    if (!strcmp(name, "file") && text[len] == ':') { /* the path may hold '=' */
        g_autofree char *path = g_steal_pointer(&rest);

        rest = g_strconcat("path=", path, NULL);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(char_aliases); i++) {
        if (!strcmp(name, char_aliases[i].prefix)) {
            char *full = *char_aliases[i].first
                             ? g_strdup_printf("%s=%s", char_aliases[i].first, rest)
                             : g_strdup(rest);

            g_free(rest);
            rest = full;
            g_free(name);
            name = g_strdup(char_aliases[i].kind);
            break;
        }
    }
    kind = char_find_kind(name, err);
    if (!kind) {
        return NULL;
    }
    c = char_alloc(m, id, kind);
    if (!kind->open(c, rest, err)) {
        g_prefix_error(err, "character device '%s': ", text);
        chardev_free(c);
        return NULL;
    }
    return c;
}

bool char_no_options(const char *kind, const char *options, GError **err)
{
    return !*options || error_set(err, "'%s' is no option of %s, which has none", options, kind);
}

/* What the kind is told: the others' keys are everybody's. */
static char *char_kind_text(const Options *o, const char *kind)
{
    static const char *const ours[] = { "id", "backend", "mux", "logfile", "logappend" };
    GString *s = g_string_new(kind);

    for (unsigned i = 0; i < o->n; i++) {
        bool is_ours = false;

        for (unsigned k = 0; k < G_N_ELEMENTS(ours); k++) {
            is_ours |= !strcmp(o->list[i].key, ours[k]);
        }
        if (!is_ours) {
            g_auto(GStrv) commas = g_strsplit(o->list[i].value, ",", -1);
            g_autofree char *value = g_strjoinv(",,", commas);

            g_string_append_printf(s, ",%s=%s", o->list[i].key, value);
        }
    }
    return g_string_free(s, FALSE);
}

Chardev *chardev_new_options(Machine *m, Options *o, bool *mux, GError **err)
{
    const char *kind = options_get(o, "backend"), *id = options_get(o, "id");
    const char *log = options_get(o, "logfile");
    bool is_mux, append;
    g_autofree char *text = NULL;
    Chardev *c;

    if (!kind || !id) {
        error_set(err, "chardev: no %s specified", id ? "backend" : "id");
        return NULL;
    }
    if (!options_get_bool(o, "mux", false, &is_mux, err) ||
        !options_get_bool(o, "logappend", false, &append, err)) {
        return NULL;
    }
    if (mux) {
        *mux = is_mux;
    }
    text = char_kind_text(o, kind);
    c = chardev_new(m, id, text, err);
    if (c && log) {
        c->log_fd = fdsets_open_any(machine_fdsets(m), log,
                                    O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0666);
        if (c->log_fd < 0) {
            error_set(err, "logfile=%s: cannot be written: %s", log, g_strerror(-c->log_fd));
            c->log_fd = -1;
            chardev_free(c);
            return NULL;
        }
    }
    return c && is_mux ? chardev_new_mux(m, id, c) : c;
}

Chardev *chardev_new_mux(Machine *m, const char *id, Chardev *take_base)
{
    Chardev *c = char_alloc(m, id, &char_mux);
    g_autoptr(GError) err = NULL;

    c->state = take_base;
    CHECK(char_mux.open(c, "", &err));
    return c;
}

void chardev_close(Chardev *c)
{
    const CharKind *kind = c->kind;

    c->closed = true;
    c->handlers = NULL;
    char_unwatch_input(c);
    loop_unpost(c->machine, char_accept_on_loop, c);
    mutex_lock(&c->out_lock); /* nobody is within its write */
    c->kind = &char_null;
    if (c->log_fd >= 0) {
        close(c->log_fd);
        c->log_fd = -1;
    }
    mutex_unlock(&c->out_lock);
    if (kind->close) {
        kind->close(c);
    }
    c->open = false;
    c->state = NULL;
}

void chardev_free(Chardev *c)
{
    if (!c) {
        return;
    }
    if (!c->closed) {
        chardev_close(c);
    }
    mutex_deinit(&c->out_lock);
    g_free(c->id);
    g_free(c->where);
    g_free(c);
}

const char *chardev_id(const Chardev *c)
{
    return c->id;
}

const char *chardev_kind(const Chardev *c)
{
    return c->kind->name;
}

const char *chardev_where(const Chardev *c)
{
    return c->where;
}

bool chardev_is_open(const Chardev *c)
{
    return c->open;
}

bool chardev_is_attached(const Chardev *c)
{
    return chardev_is_mux(c) ? mux_is_attached(c) : c->handlers != NULL;
}

bool chardev_is_mux(const Chardev *c)
{
    return c->kind == &char_mux;
}

void char_event(Chardev *c, CharEvent event)
{
    if (c->handlers && c->handlers->event) {
        c->handlers->event(c->opaque, event);
    }
}

void char_set_open(Chardev *c, bool open)
{
    if (c->open != open) {
        c->open = open;
        char_event(c, open ? CHAR_OPENED : CHAR_CLOSED);
    }
}

size_t char_deliver(Chardev *c, const uint8_t *buf, size_t len)
{
    size_t done = 0;

    while (done < len && c->handlers && c->handlers->read) {
        size_t room = c->handlers->can_read ? c->handlers->can_read(c->opaque) : len - done;

        room = MIN(room, len - done);
        if (!room) {
            break;
        }
        c->handlers->read(c->opaque, buf + done, (unsigned)room);
        done += room;
    }
    return done;
}

void chardev_feed(Chardev *c, const void *buf, size_t len)
{
    char_deliver(c, buf, len);
}

static bool char_readable(int fd, unsigned events, void *arg)
{
    Chardev *c = arg;
    uint8_t buf[4096];
    size_t room = sizeof(buf);
    ssize_t n;

    if (c->handlers && c->handlers->can_read) {
        room = MIN(room, c->handlers->can_read(c->opaque));
    }
    if (!room) {
        c->in_watch = 0; /* until chardev_accept_input */
        return false;
    }
    n = c->kind->receive ? c->kind->receive(c, buf, room) : read(fd, buf, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n <= 0) {
        c->in_watch = 0;
        if (c->kind->disconnect) {
            c->kind->disconnect(c);
        }
        return false;
    }
    char_deliver(c, buf, (size_t)n);
    return c->in_watch != 0;
}

void char_close_taken(Chardev *c)
{
    while (c->n_fds) {
        close(c->fds[--c->n_fds]);
    }
}

int chardev_take_fd(Chardev *c)
{
    int fd;

    if (!c->n_fds) {
        return -1;
    }
    fd = c->fds[0];
    memmove(c->fds, c->fds + 1, --c->n_fds * sizeof(c->fds[0]));
    return fd;
}

void char_watch_input(Chardev *c)
{
    if (!c->in_watch && c->in_fd >= 0 && c->handlers) {
        c->in_watch = loop_watch_fd(c->machine, c->in_fd, LOOP_IN | LOOP_HUP, char_readable, c);
    }
}

void char_unwatch_input(Chardev *c)
{
    if (c->in_watch) {
        loop_unwatch(c->machine, c->in_watch);
        c->in_watch = 0;
    }
}

bool chardev_attach(Chardev *c, const CharHandlers *h, void *opaque, GError **err)
{
    if (c->kind == &char_mux) {
        return mux_attach(c, h, opaque, err);
    }
    if (h && c->handlers) {
        return error_set(err,
                         "character device '%s' (%s) is in use already; give each front end its "
                         "own, or share it with mux=on",
                         c->id, c->where);
    }
    c->handlers = h;
    c->opaque = opaque;
    if (!h) {
        char_unwatch_input(c);
        return true;
    }
    char_watch_input(c);
    if (c->open) {
        char_event(c, CHAR_OPENED);
    }
    return true;
}

void chardev_detach(Chardev *c, void *opaque)
{
    g_autoptr(GError) err = NULL;

    if (c->kind == &char_mux || c->opaque == opaque) {
        if (!chardev_attach(c, NULL, opaque, &err)) {
            return;
        }
    }
}

static void char_accept_on_loop(void *arg)
{
    Chardev *c = arg;

    if (c->kind->accept_input) {
        c->kind->accept_input(c);
    }
    char_watch_input(c);
}

void chardev_accept_input(Chardev *c)
{
    loop_post(c->machine, char_accept_on_loop, c);
}

bool char_write_fd(int fd, const uint8_t *buf, size_t len, int wait_ms)
{
    while (len) {
        ssize_t n = write(fd, buf, len);

        if (n > 0) {
            buf += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd p = { .fd = fd, .events = POLLOUT };

            if (poll(&p, 1, wait_ms) <= 0) {
                return false;
            }
        } else if (n < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

void chardev_write(Chardev *c, const void *buf, size_t len)
{
    mutex_lock(&c->out_lock);
    if (c->log_fd >= 0) {
        char_write_fd(c->log_fd, buf, len, 1000);
    }
    if (c->kind->write) {
        c->kind->write(c, buf, len);
    } else if (c->out_fd >= 0) {
        char_write_fd(c->out_fd, buf, len, 1000);
    }
    mutex_unlock(&c->out_lock);
}

void chardev_disconnect(Chardev *c)
{
    if (c->kind->disconnect) {
        c->kind->disconnect(c);
    }
}
