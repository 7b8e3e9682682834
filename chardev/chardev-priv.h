/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHARDEV_CHARDEV_PRIV_H
#define CHARDEV_CHARDEV_PRIV_H

#include "chardev/chardev.h"
#include "core/event/loop.h"
#include "util/lock.h"

enum { CHAR_FDS_MAX = 16 };

typedef struct CharKind {
    const char *name;
    const char *doc;
    /* Options are in c->text (after the name), parsed by the kind. */
    bool (*open)(Chardev *c, const char *options, GError **err);
    void (*close)(Chardev *c);
    void (*write)(Chardev *c, const uint8_t *buf, size_t len); /* NULL: to c->out_fd */
    void (*accept_input)(Chardev *c);
    void (*disconnect)(Chardev *c);
    /* As read(2), on c->in_fd; NULL: read(2). */
    ssize_t (*receive)(Chardev *c, void *buf, size_t len);
} CharKind;

struct Chardev {
    const CharKind *kind;
    Machine *machine;
    char *id, *where;
    const CharHandlers *handlers;
    void *opaque;
    bool open; /* the peer is there */
    bool closed;
    int in_fd, out_fd, log_fd; /* -1: none */
    unsigned in_watch;
    int fds[CHAR_FDS_MAX]; /* came with what was read last, in order */
    unsigned n_fds;
    Mutex out_lock; /* one writer at a time */
    void *state;    /* of the kind */
};

extern const CharKind char_null, char_stdio, char_pty, char_file, char_pipe, char_socket, char_udp,
    char_serial, char_ringbuf, char_mux;

/* Begin to read c->in_fd on the loop (again). */
void char_watch_input(Chardev *c);
void char_unwatch_input(Chardev *c);
void char_set_open(Chardev *c, bool open);
/* Bytes from the host side to the front end, as far as it takes them; the number taken. */
size_t char_deliver(Chardev *c, const uint8_t *buf, size_t len);
/* Write everything to @fd, waiting for room at most @wait_ms in all; false: gave up. */
bool char_write_fd(int fd, const uint8_t *buf, size_t len, int wait_ms);
void char_event(Chardev *c, CharEvent event);
/* Options of a kind that has none. */
bool char_no_options(const char *kind, const char *options, GError **err);
/* Descriptors that nobody has taken. */
void char_close_taken(Chardev *c);
bool mux_is_attached(const Chardev *c);
bool mux_attach(Chardev *c, const CharHandlers *h, void *opaque, GError **err);

#endif
