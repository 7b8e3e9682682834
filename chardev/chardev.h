/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character devices: streams of bytes between a front end (a serial port, a monitor) and the
 * host. A Chardev is a backend of a machine (machine_add_backend kind "chardev"); one front end at
 * a time attaches to it, several through a mux.
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include "core/types.h"
#include "util/error.h"

#include <sys/types.h>

typedef struct Chardev Chardev;

typedef enum CharEvent {
    CHAR_OPENED, /* somebody is at the other end (also on attaching, when already there) */
    CHAR_CLOSED,
    CHAR_BREAK, /* serial break */
    CHAR_FOCUS, /* mux: input comes here now */
    CHAR_UNFOCUS,
} CharEvent;

/* All on the machine's loop, no lock held; any may be NULL. */
typedef struct CharHandlers {
    /* How many bytes `read` takes now; 0: wait for chardev_accept_input. NULL: any number. */
    unsigned (*can_read)(void *opaque);
    void (*read)(void *opaque, const uint8_t *buf, unsigned len);
    void (*event)(void *opaque, CharEvent event);
} CharHandlers;

/*
 * Make one from @text as after -chardev or -serial ("stdio", "pty", "null", "file:PATH",
 * "unix:PATH,server=on,wait=off", "tcp:HOST:PORT,server", "ringbuf,size=64K", "mon:stdio",
 * "socket,id=x,path=..."). Errors: unknown kind (nearest names), bad option, what the host said.
 * @id may be NULL. Owned by the caller: chardev_free. Context: LOOP_THREAD.
 */
Chardev *chardev_new(Machine *m, const char *id, const char *text, GError **err);
/*
 * The same of -chardev's options: backend=KIND, id=ID, mux=on, logfile=FILE (a copy of what is
 * written), logappend=on, and what the kind takes. @mux: NULL, or whether it is one. LOOP_THREAD.
 */
struct Options;
Chardev *chardev_new_options(Machine *m, struct Options *o, bool *mux, GError **err);
/* A mux over @base, which it owns from now on. Ctrl-A is its key. */
Chardev *chardev_new_mux(Machine *m, const char *id, Chardev *take_base);
void chardev_free(Chardev *c);
/*
 * Give up the host's side for good (the terminal gets its modes back); writes go nowhere from
 * then on. chardev_free after it needs no machine, so it may come after machine_free.
 */
void chardev_close(Chardev *c);

const char *chardev_id(const Chardev *c);
const char *chardev_kind(const Chardev *c);
/* As `info chardev` shows it: "pty:/dev/pts/3", "unix:/tmp/x,server=on". */
const char *chardev_where(const Chardev *c);
bool chardev_is_open(const Chardev *c);
bool chardev_is_mux(const Chardev *c);
/* Has a front end (any, for a mux). */
bool chardev_is_attached(const Chardev *c);

/* Take the front end's place. Errors: taken already. A NULL @h gives it up. */
NODISCARD bool chardev_attach(Chardev *c, const CharHandlers *h, void *opaque, GError **err);
void chardev_detach(Chardev *c, void *opaque);
/* The front end has room again. Context: ANY_THREAD. */
void chardev_accept_input(Chardev *c);
/* Write all of it, or drop it when nobody is there. Context: ANY_THREAD (@opaque: the front end,
 * which a mux tells apart). */
void chardev_write(Chardev *c, const void *buf, size_t len);
/* A descriptor that came with what was read last, the caller's from then on; -1: there is none. */
int chardev_take_fd(Chardev *c);
/* Drop the peer of a socket; a server waits for the next. */
void chardev_disconnect(Chardev *c);
/* ringbuf: take up to @len bytes out. False: not a ring buffer. */
bool chardev_ring_read(Chardev *c, GString *out, size_t len);
bool chardev_ring_write(Chardev *c, const void *buf, size_t len);
/* Bytes as if they had come from the host side (tests, ringbuf). LOOP_THREAD. */
void chardev_feed(Chardev *c, const void *buf, size_t len);

/* What Ctrl-A X and Ctrl-A S of a mux do; set by the command line. LOOP_THREAD. */
void chardev_mux_set_key(Chardev *c, uint8_t key); /* instead of Ctrl-A */
void chardev_mux_on_quit(Chardev *c, void (*fn)(void *opaque), void *opaque);

/*
 * TLS of sockets with tls-creds=ID. Who knows credentials gives it by machine_add_backend(m,
 * CHAR_TLS, CHAR_TLS, ...). All LOOP_THREAD but write, which is any thread's, beside a read.
 */
#define CHAR_TLS "chardev-tls"

enum { CHAR_TLS_IN = 1, CHAR_TLS_OUT };

typedef struct CharTls {
    /* Are there such, for this side? @authz: NULL, or who says who may come. */
    bool (*check)(Machine *m, const char *creds, const char *authz, bool server, GError **err);
    /* A session over @fd, which is non-blocking and stays the caller's. */
    void *(*start)(Machine *m, const char *creds, bool server, const char *host, int fd,
                   GError **err);
    /* 0: done, and the peer is one that @authz lets in; CHAR_TLS_IN, _OUT: again when the socket is
     * ready; -1: an error. */
    int (*handshake)(Machine *m, void *session, const char *authz, GError **err);
    /* Bytes, 0 at the end, -EAGAIN or another -errno. */
    ssize_t (*read)(void *session, void *buf, size_t len);
    ssize_t (*write)(void *session, const void *buf, size_t len);
    void (*free)(void *session);
} CharTls;

/* Names and one line each for -chardev help. */
char *chardev_help(void);

#endif
