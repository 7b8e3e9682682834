/* SPDX-License-Identifier: Apache-2.0 */
/* The 9P server: its messages, files and sessions. */
#ifndef FSDEV_9P_PRIV_H
#define FSDEV_9P_PRIV_H

#include "fsdev/local.h"

#include "core/event/loop.h"

#include <dirent.h>

enum {
    P9_RLERROR = 7,
    P9_TSTATFS = 8,
    P9_TLOPEN = 12,
    P9_TLCREATE = 14,
    P9_TSYMLINK = 16,
    P9_TMKNOD = 18,
    P9_TRENAME = 20,
    P9_TREADLINK = 22,
    P9_TGETATTR = 24,
    P9_TSETATTR = 26,
    P9_TXATTRWALK = 30,
    P9_TXATTRCREATE = 32,
    P9_TREADDIR = 40,
    P9_TFSYNC = 50,
    P9_TLOCK = 52,
    P9_TGETLOCK = 54,
    P9_TLINK = 70,
    P9_TMKDIR = 72,
    P9_TRENAMEAT = 74,
    P9_TUNLINKAT = 76,
    P9_TVERSION = 100,
    P9_TAUTH = 102,
    P9_TATTACH = 104,
    P9_TFLUSH = 108,
    P9_TWALK = 110,
    P9_TREAD = 116,
    P9_TWRITE = 118,
    P9_TCLUNK = 120,
    P9_TREMOVE = 122,
};

enum {
    P9_WALK_MAX = 16,
    P9_FIDS_MAX = 1 << 20,
    P9_XATTR_MAX = 65536,
    P9_PATH_MAX = 4096,
    P9_MESSAGE_MAX = 1 << 16, /* but for the data of Twrite */
    P9_ANSWER = 16384,        /* but for the data of Rread and Rreaddir */
    P9_WRITE_HEAD = 23,
    P9_READ_HEAD = 11,
};

typedef enum FidKind { FID_NONE, FID_FILE, FID_DIR, FID_XATTR_READ, FID_XATTR_WRITE } FidKind;

/* A file as the driver calls it. */
typedef struct Fid {
    gint refs;
    uint32_t id;
    char *path; /* under the session's `names` */
    uint32_t uid;
    Mutex lock; /* of what follows */
    FidKind kind;
    int fd;
    DIR *dir;
    int flags; /* it was opened with */
    char *xattr;
    uint8_t *buf; /* its value */
    uint64_t size, len;
    int xattr_flags;
    bool removed;
} Fid;

typedef struct P9Request {
    FsSession *s;
    struct P9Request *next;
    struct iovec *out, *in;
    unsigned n_out, n_in;
    uint64_t out_bytes, in_bytes;
    FsDoneFn *done;
    void *opaque;
    uint32_t answer;
    uint16_t tag;
    uint8_t type;
    struct P9Request *flushes; /* are answered when this is */
    /* The message, and the answer. */
    uint8_t *msg;
    uint32_t len, at;
    bool bad; /* it is shorter than it says */
    uint8_t *ans;
    uint32_t n, max;
} P9Request;

struct FsSession {
    Machine *m;
    FsDev *f;
    GRWLock names; /* writers move files */
    Mutex lock;
    Cond idle;
    GHashTable *fids;
    uint32_t msize; /* atomic, as is the next: */
    bool talks;     /* a version was agreed upon */
    unsigned working;
    P9Request *active, *ended;
    bool posted;
};

/* ---- Messages (9p.c) ---- */

uint64_t p9_get(P9Request *r, unsigned size);
/* A string without NUL; NULL: there is none. The caller frees. */
char *p9_get_str(P9Request *r);
void p9_put(P9Request *r, unsigned size, uint64_t v);
void p9_put_bytes(P9Request *r, const void *p, uint32_t len);
void p9_put_str(P9Request *r, const char *s);
/* Type, version, number; 0 or -errno. */
int p9_put_qid(P9Request *r, const struct stat *st);

/* ---- Files (fid.c) ---- */

/* Counted; NULL: no such file. */
Fid *fid_get(FsSession *s, uint32_t id);
void fid_unref(Fid *f);
/* Errors: -EBADF: there is one, -ENFILE. */
int fid_add(FsSession *s, uint32_t id, const char *path, uint32_t uid, bool replace);
/* Its descriptor, which stays as long as @f is counted; -1: it is not open. */
int fid_fd(Fid *f);
Fid *fid_take(FsSession *s, uint32_t id);
void fid_forget_all(FsSession *s);
/* Those of @from and below are at @to now. `names` held for writing. */
void fid_moved(FsSession *s, const char *from, const char *to);

typedef int P9Fn(P9Request *r, FsSession *s);
P9Fn p9_version, p9_attach, p9_walk, p9_clunk, p9_remove, p9_statfs, p9_getattr, p9_setattr;
P9Fn p9_lopen, p9_lcreate, p9_symlink, p9_mknod, p9_mkdir, p9_link, p9_readlink, p9_rename;
P9Fn p9_renameat, p9_unlinkat, p9_read, p9_write, p9_readdir, p9_fsync, p9_lock, p9_getlock;
P9Fn p9_xattrwalk, p9_xattrcreate;

#endif
