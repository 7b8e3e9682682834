/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State to and from file descriptors and memory.
 */
#include "core/state/state.h"
#include "core/state/format.h"

#include <errno.h>
#include <unistd.h>

typedef struct FdSink {
    StateSink sink;
    int fd;
} FdSink;

static bool save_write_fd(StateSink *sink, const void *data, size_t len, GError **err)
{
    int fd = ((FdSink *)sink)->fd;
    const uint8_t *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_set(err, "cannot write the machine's state: %s", strerror(errno));
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool machine_save(Machine *m, int fd, GError **err)
{
    FdSink s = { { save_write_fd, false }, fd };

    return machine_save_to(m, &s.sink, err);
}

typedef struct BytesSink {
    StateSink sink;
    GByteArray *out;
} BytesSink;

static bool save_write_bytes(StateSink *sink, const void *data, size_t len, GError **err)
{
    GByteArray *out = ((BytesSink *)sink)->out;

    if (len > G_MAXINT32 || out->len > G_MAXINT32 - len) {
        return error_set(err, "the state is too large to be kept in memory");
    }
    g_byte_array_append(out, data, (guint)len);
    return true;
}

bool machine_save_bytes(Machine *m, GByteArray *out, GError **err)
{
    BytesSink s = { { save_write_bytes, false }, out };

    return machine_save_to(m, &s.sink, err);
}

typedef struct HashSink {
    StateSink sink;
    GChecksum *sum;
} HashSink;

static bool save_write_hash(StateSink *sink, const void *data, size_t len, GError **err)
{
    g_checksum_update(((HashSink *)sink)->sum, data, (gssize)len);
    return true;
}

char *machine_state_hash(Machine *m, GError **err)
{
    HashSink s = { { save_write_hash, true }, g_checksum_new(G_CHECKSUM_SHA256) };
    bool ok = machine_save_to(m, &s.sink, err);
    char *text = ok ? g_strdup(g_checksum_get_string(s.sum)) : NULL;

    g_checksum_free(s.sum);
    return text;
}

typedef struct FdSource {
    StateSource src;
    int fd;
    uint8_t *buf;
    size_t at, n;
} FdSource;

static bool load_read_fd(StateSource *src, void *data, size_t len, GError **err)
{
    FdSource *f = (FdSource *)src;
    uint8_t *p = data;

    while (len) {
        size_t have = f->n - f->at, take = min_u64(have, len);
        ssize_t n;

        memcpy(p, f->buf + f->at, take);
        f->at += take;
        p += take;
        len -= take;
        if (!len) {
            break;
        }
        n = read(f->fd, f->buf, STATE_BUFFER);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return error_set(err, "cannot read the machine's state: %s",
                             n ? strerror(errno) : "the file ends too early");
        }
        f->at = 0;
        f->n = (size_t)n;
    }
    return true;
}

bool machine_load(Machine *m, int fd, GError **err)
{
    FdSource f = { .src = { load_read_fd }, .fd = fd, .buf = g_malloc(STATE_BUFFER) };
    bool ok = machine_load_from(m, &f.src, err);

    g_free(f.buf);
    return ok;
}

typedef struct BytesSource {
    StateSource src;
    const uint8_t *data;
    size_t len;
} BytesSource;

static bool load_read_bytes(StateSource *src, void *data, size_t len, GError **err)
{
    BytesSource *b = (BytesSource *)src;

    if (len > b->len) {
        return error_set(err, "the state ends too early");
    }
    memcpy(data, b->data, len);
    b->data += len;
    b->len -= len;
    return true;
}

bool machine_load_bytes(Machine *m, const void *data, size_t len, GError **err)
{
    BytesSource b = { { load_read_bytes }, data, len };

    return machine_load_from(m, &b.src, err);
}
