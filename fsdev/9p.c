/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of 9P: taking them apart, and who answers them when. */
#include "fsdev/9p-priv.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>

/* ---- Messages ---- */

uint64_t p9_get(P9Request *r, unsigned size)
{
    uint64_t v;

    if (r->len - r->at < size) {
        r->bad = true;
        return 0;
    }
    v = get_le(r->msg + r->at, size);
    r->at += size;
    return v;
}

char *p9_get_str(P9Request *r)
{
    uint32_t len = (uint32_t)p9_get(r, 2);
    char *s;

    if (r->bad || r->len - r->at < len || memchr(r->msg + r->at, 0, len)) {
        r->bad = true;
        return NULL;
    }
    s = g_strndup((const char *)r->msg + r->at, len);
    r->at += len;
    return s;
}

void p9_put_bytes(P9Request *r, const void *p, uint32_t len)
{
    if (r->max - r->n < len) {
        r->bad = true;
        return;
    }
    memcpy(r->ans + r->n, p, len);
    r->n += len;
}

void p9_put(P9Request *r, unsigned size, uint64_t v)
{
    uint8_t b[8];

    put_le64(b, v);
    p9_put_bytes(r, b, size);
}

void p9_put_str(P9Request *r, const char *s)
{
    p9_put(r, 2, strlen(s));
    p9_put_bytes(r, s, (uint32_t)strlen(s));
}

int p9_put_qid(P9Request *r, const struct stat *st)
{
    enum { QID_DIR = 0x80, QID_LINK = 2 };
    uint64_t number;

    if (!fs_number(r->s->f, st, &number)) {
        return -ENODEV;
    }
    p9_put(r, 1, S_ISDIR(st->st_mode) ? QID_DIR : S_ISLNK(st->st_mode) ? QID_LINK : 0);
    p9_put(r, 4, (uint64_t)st->st_mtime ^ (uint64_t)st->st_size << 8);
    p9_put(r, 8, number);
    return 0;
}

/* ---- Buffers ---- */

static uint64_t p9_iov_bytes(const struct iovec *iov, unsigned n)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < n; i++) {
        bytes += iov[i].iov_len;
    }
    return bytes;
}

static void p9_copy(const struct iovec *iov, unsigned n, uint8_t *buf, uint64_t len, bool out)
{
    for (unsigned i = 0; i < n && len; i++) {
        uint64_t part = min_u64(len, iov[i].iov_len);

        memcpy(out ? buf : iov[i].iov_base, out ? iov[i].iov_base : buf, part);
        buf += part;
        len -= part;
    }
}

/* ---- Answers ---- */

static const struct {
    uint8_t type;
    bool changes; /* something of the host's */
    P9Fn *fn;
} p9_messages[] = {
    { P9_TSTATFS, false, p9_statfs },
    { P9_TLOPEN, false, p9_lopen },
    { P9_TLCREATE, true, p9_lcreate },
    { P9_TSYMLINK, true, p9_symlink },
    { P9_TMKNOD, true, p9_mknod },
    { P9_TRENAME, true, p9_rename },
    { P9_TREADLINK, false, p9_readlink },
    { P9_TGETATTR, false, p9_getattr },
    { P9_TSETATTR, true, p9_setattr },
    { P9_TXATTRWALK, false, p9_xattrwalk },
    { P9_TXATTRCREATE, true, p9_xattrcreate },
    { P9_TREADDIR, false, p9_readdir },
    { P9_TFSYNC, false, p9_fsync },
    { P9_TLOCK, false, p9_lock },
    { P9_TGETLOCK, false, p9_getlock },
    { P9_TLINK, true, p9_link },
    { P9_TMKDIR, true, p9_mkdir },
    { P9_TRENAMEAT, true, p9_renameat },
    { P9_TUNLINKAT, true, p9_unlinkat },
    { P9_TVERSION, false, p9_version },
    { P9_TATTACH, false, p9_attach },
    { P9_TWALK, false, p9_walk },
    { P9_TREAD, false, p9_read },
    { P9_TWRITE, true, p9_write },
    { P9_TCLUNK, false, p9_clunk },
    { P9_TREMOVE, true, p9_remove },
};

static int p9_do(P9Request *r)
{
    FsSession *s = r->s;
    int ret = -EOPNOTSUPP;

    if (!__atomic_load_n(&s->talks, __ATOMIC_ACQUIRE) && r->type != P9_TVERSION) {
        return -EPROTO;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(p9_messages); i++) {
        if (p9_messages[i].type != r->type) {
            continue;
        }
        if (p9_messages[i].changes && s->f->readonly) {
            /* What it was to change stays, but a file that is to be removed is let go. */
            return r->type == P9_TREMOVE ? (p9_clunk(r, s), -EROFS) : -EROFS;
        }
        ret = p9_messages[i].fn(r, s);
        break;
    }
    return ret;
}

static void p9_finish(P9Request *r, int ret)
{
    if (ret < 0 || (r->bad && ret >= 0)) {
        r->n = FS_HEAD;
        r->bad = false;
        p9_put(r, 4, (uint64_t)(ret < 0 ? -ret : EPROTO));
        r->type = P9_RLERROR - 1;
        ret = 0;
    }
    /* @ret: bytes that are behind what was put, in the driver's memory already. */
    put_le32(r->ans, r->n + (uint32_t)ret);
    r->ans[4] = r->type + 1;
    put_le16(r->ans + 5, r->tag);
    r->answer = r->n + (uint32_t)ret;
    p9_copy(r->in, r->n_in, r->ans, r->n, false);
}

static void p9_work(P9Request *r)
{
    uint64_t room = min_u64(r->in_bytes, __atomic_load_n(&r->s->msize, __ATOMIC_RELAXED));

    r->max = (uint32_t)min_u64(
        room, r->type == P9_TREADDIR || r->type == P9_TREAD ? P9_XATTR_MAX + P9_ANSWER : P9_ANSWER);
    r->ans = g_malloc(r->max);
    r->n = r->at = FS_HEAD;
    p9_finish(r, p9_do(r));
}

/* ---- Sessions ---- */

static void p9_free(P9Request *r)
{
    g_free(r->out);
    g_free(r->in);
    g_free(r->msg);
    g_free(r->ans);
    g_free(r);
}

static void session_end_all(FsSession *s)
{
    mutex_lock(&s->lock);
    while (s->ended) {
        P9Request *r = s->ended;

        s->ended = r->next;
        mutex_unlock(&s->lock);
        r->done(r->opaque, r->answer);
        p9_free(r);
        mutex_lock(&s->lock);
    }
    mutex_unlock(&s->lock);
}

static void session_posted(void *arg)
{
    FsSession *s = arg;

    mutex_lock(&s->lock);
    s->posted = false;
    mutex_unlock(&s->lock);
    session_end_all(s);
}

/* With the lock held: it waits for its completion, in order. */
static void session_ended(FsSession *s, P9Request *r)
{
    P9Request **at = &s->ended;

    while (*at) {
        at = &(*at)->next;
    }
    r->next = NULL;
    *at = r;
    if (!s->posted) {
        s->posted = true;
        loop_post(s->m, session_posted, s);
    }
}

static void session_flushed(FsSession *s, P9Request *r)
{
    r->max = FS_HEAD + 4;
    r->ans = g_malloc(r->max);
    r->n = FS_HEAD;
    p9_finish(r, 0);
    session_ended(s, r);
}

static void session_work(void *arg)
{
    P9Request *r = arg, **at, *next;
    FsSession *s = r->s;

    p9_work(r);
    mutex_lock(&s->lock);
    for (at = &s->active; *at != r; at = &(*at)->next) {
    }
    *at = r->next;
    next = r->flushes;
    session_ended(s, r);
    while (next) { /* "flush": after the answer of what it is about */
        P9Request *flush = next;

        next = flush->next;
        session_flushed(s, flush);
    }
    s->working--;
    cond_broadcast(&s->idle);
    mutex_unlock(&s->lock);
}

/* Tflush does not work: it waits for the other, if that is still under way. */
static void session_flush(FsSession *s, P9Request *r)
{
    uint16_t old;
    P9Request *a;

    r->at = FS_HEAD;
    old = (uint16_t)p9_get(r, 2);
    mutex_lock(&s->lock);
    for (a = s->active; a && a->tag != old; a = a->next) {
    }
    if (a) {
        r->next = a->flushes;
        a->flushes = r;
    } else {
        session_flushed(s, r);
    }
    mutex_unlock(&s->lock);
}

/* The message as far as it is to be looked at; false: it does not hold together. */
static bool session_take(P9Request *r)
{
    uint8_t head[FS_HEAD];
    uint32_t size;

    if (r->out_bytes < FS_HEAD || r->in_bytes < FS_HEAD + 4) {
        return false;
    }
    p9_copy(r->out, r->n_out, head, FS_HEAD, true);
    size = get_le32(head);
    r->type = head[4];
    r->tag = get_le16(head + 5);
    if (size < FS_HEAD || size > r->out_bytes || (r->type != P9_TWRITE && size > P9_MESSAGE_MAX)) {
        return false;
    }
    r->len = r->type == P9_TWRITE ? MIN(size, P9_WRITE_HEAD) : size;
    r->out_bytes = size;
    r->msg = g_malloc(r->len);
    p9_copy(r->out, r->n_out, r->msg, r->len, true);
    return true;
}

void fs_session_request(FsSession *s, const struct iovec *out, unsigned n_out,
                        const struct iovec *in, unsigned n_in, FsDoneFn *done, void *opaque)
{
    P9Request *r = g_new0(P9Request, 1);

    *r = (P9Request){ .s = s, .n_out = n_out, .n_in = n_in, .done = done, .opaque = opaque };
    r->out = g_memdup2(out, n_out * sizeof(*out));
    r->in = g_memdup2(in, n_in * sizeof(*in));
    r->out_bytes = p9_iov_bytes(out, n_out);
    r->in_bytes = p9_iov_bytes(in, n_in);
    if (!session_take(r)) {
        mutex_lock(&s->lock);
        session_ended(s, r);
        mutex_unlock(&s->lock);
        return;
    }
    if (r->type == P9_TFLUSH) {
        session_flush(s, r);
        return;
    }
    mutex_lock(&s->lock);
    r->next = s->active;
    s->active = r;
    s->working++;
    mutex_unlock(&s->lock);
    loop_work(s->m, session_work, NULL, r);
}

void fs_session_wait(FsSession *s)
{
    mutex_lock(&s->lock);
    while (s->working) {
        cond_wait(&s->idle, &s->lock);
    }
    mutex_unlock(&s->lock);
}

void fs_session_drain(FsSession *s)
{
    fs_session_wait(s);
    session_end_all(s);
}

void fs_session_reset(FsSession *s)
{
    fid_forget_all(s);
    __atomic_store_n(&s->talks, false, __ATOMIC_RELEASE);
    __atomic_store_n(&s->msize, FS_MSIZE_MAX, __ATOMIC_RELAXED);
}

FsSession *fs_session_new(Machine *m, FsDev *f)
{
    FsSession *s = g_new0(FsSession, 1);

    s->m = m;
    s->f = f;
    s->msize = FS_MSIZE_MAX;
    g_rw_lock_init(&s->names);
    mutex_init(&s->lock);
    cond_init(&s->idle);
    s->fids = g_hash_table_new(NULL, NULL);
    return s;
}

void fs_session_free(FsSession *s)
{
    fs_session_drain(s);
    if (s->posted) {
        loop_unpost(s->m, session_posted, s);
    }
    fid_forget_all(s);
    g_hash_table_destroy(s->fids);
    g_rw_lock_clear(&s->names);
    mutex_deinit(&s->lock);
    cond_deinit(&s->idle);
    g_free(s);
}
