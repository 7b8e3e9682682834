/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fdsets.h"
#include "util/lock.h"
#include "util/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define FDSETS_FOLDER "/dev/fdset/"

typedef struct FdSetsOne {
    int64_t set;
    int fd;
    char *opaque;
} FdSetsOne;

struct FdSets {
    int refs; /* atomic */
    Mutex lock;
    GArray *list GUARDED_BY(lock);      /* of FdSetsOne, by set */
    GHashTable *named GUARDED_BY(lock); /* name -> descriptor */
};

static void fdsets_clear_one(void *p)
{
    FdSetsOne *one = p;

    close(one->fd);
    g_free(one->opaque);
}

static void fdsets_close_named(void *p)
{
    close(GPOINTER_TO_INT(p));
}

FdSets *fdsets_new(void)
{
    FdSets *f = g_new0(FdSets, 1);

    f->refs = 1;
    mutex_init(&f->lock);
    mutex_lock(&f->lock);
    f->list = g_array_new(FALSE, FALSE, sizeof(FdSetsOne));
    g_array_set_clear_func(f->list, fdsets_clear_one);
    f->named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, fdsets_close_named);
    mutex_unlock(&f->lock);
    return f;
}

FdSets *fdsets_ref(FdSets *f)
{
    g_atomic_int_inc(&f->refs);
    return f;
}

void fdsets_unref(FdSets *f)
{
    if (f && g_atomic_int_dec_and_test(&f->refs)) {
        mutex_lock(&f->lock);
        g_array_free(f->list, TRUE);
        g_hash_table_unref(f->named);
        mutex_unlock(&f->lock);
        mutex_deinit(&f->lock);
        g_free(f);
    }
}

/* ---- Sets ---- */

static FdSetsOne *fdsets_at(FdSets *f, unsigned i) REQUIRES(f->lock)
{
    return &g_array_index(f->list, FdSetsOne, i);
}

/* The lowest number that no set has. */
static int64_t fdsets_free_number(FdSets *f) REQUIRES(f->lock)
{
    int64_t next = 0;

    for (unsigned i = 0; i < f->list->len && fdsets_at(f, i)->set <= next; i++) {
        next = fdsets_at(f, i)->set == next ? next + 1 : next;
    }
    return next;
}

int64_t fdsets_add(FdSets *f, int64_t set, int take_fd, const char *opaque, GError **err)
{
    FdSetsOne one = { .fd = take_fd };
    unsigned at = 0;

    if (fcntl(take_fd, F_GETFD) < 0) {
        error_set(err, "%d is no descriptor of this process: %s", take_fd, g_strerror(errno));
        return -1;
    }
    mutex_lock(&f->lock);
    one.set = set < 0 ? fdsets_free_number(f) : set;
    one.opaque = g_strdup(opaque);
    while (at < f->list->len && fdsets_at(f, at)->set <= one.set) {
        at++;
    }
    g_array_insert_val(f->list, at, one);
    mutex_unlock(&f->lock);
    return one.set;
}

bool fdsets_remove(FdSets *f, int64_t set, int fd, GError **err)
{
    bool found = false;

    mutex_lock(&f->lock);
    for (unsigned i = f->list->len; i-- > 0;) {
        FdSetsOne *one = fdsets_at(f, i);

        if (one->set == set && (fd < 0 || one->fd == fd)) {
            g_array_remove_index(f->list, i);
            found = true;
        }
    }
    mutex_unlock(&f->lock);
    if (!found && fd >= 0) {
        return error_set(err, "File descriptor named 'fdset-id:%" PRId64 ", fd:%d' not found", set,
                         fd);
    }
    return found || error_set(err, "File descriptor named 'fdset-id:%" PRId64 "' not found", set);
}

void fdsets_each(FdSets *f, FdSetsFn *fn, void *arg)
{
    mutex_lock(&f->lock);
    for (unsigned i = 0; i < f->list->len; i++) {
        FdSetsOne *one = fdsets_at(f, i);

        fn(arg, one->set, one->fd, one->opaque);
    }
    mutex_unlock(&f->lock);
}

/* ---- As files ---- */

bool fdsets_is_path(const char *path)
{
    return g_str_has_prefix(path, FDSETS_FOLDER);
}

static int fdsets_copy(int fd, int old, int flags)
{
    const int wanted = O_APPEND | O_DIRECT | O_NONBLOCK;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy >= 0 && (old & wanted) != (flags & wanted) &&
        fcntl(copy, F_SETFL, (old & ~wanted) | (flags & wanted)) < 0) {
        int error = errno;

        close(copy);
        return -error;
    }
    return copy < 0 ? -errno : copy;
}

int fdsets_open(FdSets *f, const char *path, int flags)
{
    g_autoptr(GError) err = NULL;
    int ret = -ENOENT;
    uint64_t set;

    if (!fdsets_is_path(path) ||
        !number_parse(path + strlen(FDSETS_FOLDER), 0, INT64_MAX, &set, &err)) {
        return -ENOENT;
    }
    mutex_lock(&f->lock);
    for (unsigned i = 0; i < f->list->len && (ret == -ENOENT || ret == -EACCES); i++) {
        FdSetsOne *one = fdsets_at(f, i);
        int has = one->set == (int64_t)set ? fcntl(one->fd, F_GETFL) : -1;

        if (has >= 0) {
            ret = (has & O_ACCMODE) == (flags & O_ACCMODE) ? fdsets_copy(one->fd, has, flags)
                                                           : -EACCES;
        }
    }
    mutex_unlock(&f->lock);
    return ret;
}

int fdsets_open_any(FdSets *f, const char *path, int flags, unsigned mode)
{
    int fd;

    if (f && fdsets_is_path(path)) {
        return fdsets_open(f, path, flags);
    }
    fd = open(path, flags | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}

/* ---- By name ---- */

void fdsets_name(FdSets *f, const char *name, int take_fd)
{
    mutex_lock(&f->lock);
    g_hash_table_replace(f->named, g_strdup(name), GINT_TO_POINTER(take_fd));
    mutex_unlock(&f->lock);
}

int fdsets_take(FdSets *f, const char *name)
{
    void *key = NULL, *value = NULL;
    bool found;

    mutex_lock(&f->lock);
    found = g_hash_table_steal_extended(f->named, name, &key, &value);
    mutex_unlock(&f->lock);
    g_free(key);
    return found ? GPOINTER_TO_INT(value) : -1;
}

int fdsets_take_text(FdSets *f, const char *what, const char *text, GError **err)
{
    g_autoptr(GError) why = NULL;
    uint64_t number;
    int fd;

    if (!g_ascii_isdigit(*text)) {
        fd = f ? fdsets_take(f, text) : -1;
        if (fd < 0) {
            error_set(err, "%s%s is neither a number nor a name that `getfd` has given", what,
                      text);
        }
        return fd;
    }
    if (!number_parse(text, 0, INT32_MAX, &number, &why) || fcntl((int)number, F_GETFD) < 0) {
        error_set(err, "%s%s: is no open file descriptor", what, text);
        return -1;
    }
    return (int)number;
}
