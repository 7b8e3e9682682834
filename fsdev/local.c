/* SPDX-License-Identifier: Apache-2.0 */
#include "fsdev/local.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { FS_NAME_MAX = 255, FS_NUMBER_BITS = 48, FS_DEVICES_MAX = 0x7fff };

/* ---- Names ---- */

bool fs_name_is_fine(const FsDev *f, const char *name, size_t len)
{
    if (!len || len > FS_NAME_MAX || memchr(name, '/', len) || memchr(name, 0, len) ||
        !strcmp(name, ".") || !strcmp(name, "..")) {
        return false;
    }
    return f->model != FS_MAPPED_FILE || (strcmp(name, META_FOLDER) && strcmp(name, META_ROOT));
}

char *fs_join(const char *dir, const char *name)
{
    return *dir ? g_strconcat(dir, "/", name, NULL) : g_strdup(name);
}

/* ---- Reaching files ---- */

/* Name by name, for kernels before 5.6. */
static int fs_walk(FsDev *f, const char *path, int flags)
{
    int fd = dup(f->root);

    while (fd >= 0 && *path) {
        size_t len = strcspn(path, "/");
        g_autofree char *name = g_strndup(path, len);
        bool last = !path[len];
        int next;

        next = openat(fd, name,
                      last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(fd);
        fd = next;
        path += len + !last;
    }
    return fd < 0 ? -errno : fd;
}

static int fs_beneath(FsDev *f, const char *path, int flags)
{
    struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
                            .resolve =
                                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    long fd;

    if (!*path) {
        fd = openat(f->root, ".", flags | O_CLOEXEC);
        return fd < 0 ? -errno : (int)fd;
    }
    if (__atomic_load_n(&f->no_openat2, __ATOMIC_RELAXED)) {
        return fs_walk(f, path, flags | O_CLOEXEC);
    }
    do {
        fd = syscall(SYS_openat2, f->root, path, &how, sizeof(how));
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM) && !(flags & O_CREAT)) {
        int walked = fs_walk(f, path, flags | O_CLOEXEC);

        if (errno == ENOSYS) {
            __atomic_store_n(&f->no_openat2, true, __ATOMIC_RELAXED);
        }
        return walked;
    }
    return fd < 0 ? -errno : (int)fd;
}

int fs_dir(FsDev *f, const char *path)
{
    return fs_beneath(f, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

int fs_parent(FsDev *f, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = g_strndup(path, slash ? (size_t)(slash - path) : 0);

    *name = slash ? slash + 1 : *path ? path : ".";
    return fs_dir(f, parent);
}

static int fs_done(int dir, int ret)
{
    int error = ret < 0 ? -errno : ret;

    close(dir);
    return error;
}

/* ---- Looking ---- */

int fs_stat_at(FsDev *f, int dir, const char *name, bool is_root, struct stat *st)
{
    if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW)) {
        return -errno;
    }
    if (fs_is_mapped(f)) {
        meta_get(f, dir, name, is_root, st);
    }
    return 0;
}

int fs_stat(FsDev *f, const char *path, struct stat *st)
{
    const char *name;
    int dir = fs_parent(f, path, &name), ret;

    if (dir < 0) {
        return dir;
    }
    ret = fs_stat_at(f, dir, name, !*path, st);
    close(dir);
    return ret;
}

bool fs_number(FsDev *f, const struct stat *st, uint64_t *number)
{
    uint64_t which = 0;

    if (st->st_dev != f->dev) {
        if (f->one_device) {
            return false;
        }
        mutex_lock(&f->lock);
        while (which < f->devices->len && g_array_index(f->devices, dev_t, which) != st->st_dev) {
            which++;
        }
        if (which == f->devices->len && which < FS_DEVICES_MAX) {
            g_array_append_val(f->devices, st->st_dev);
        }
        mutex_unlock(&f->lock);
        which++;
    }
    *number = st->st_ino ^ which << FS_NUMBER_BITS;
    return true;
}

int fs_statvfs(FsDev *f, struct statvfs *v)
{
    return fstatvfs(f->root, v) ? -errno : 0;
}

ssize_t fs_readlink(FsDev *f, const char *path, char *buf, size_t size)
{
    const char *name;
    int dir = fs_parent(f, path, &name), fd;
    struct stat st;
    ssize_t n;

    if (dir < 0) {
        return dir;
    }
    if (!fs_is_mapped(f) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || S_ISLNK(st.st_mode)) {
        n = readlinkat(dir, name, buf, size);
        return fs_done(dir, (int)n);
    }
    close(dir);
    fd = fs_open(f, path, O_RDONLY);
    if (fd < 0) {
        return fd;
    }
    n = read(fd, buf, size);
    return fs_done(fd, (int)n);
}

/* ---- Opening and making ---- */

/* Never a device or pipe of the host, whose opening may wait or do something. */
int fs_open(FsDev *f, const char *path, int flags)
{
    const char *name;
    int dir = fs_parent(f, path, &name), fd;
    struct stat st;

    if (dir < 0) {
        return dir;
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
        return fs_done(dir, -1);
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        close(dir);
        return S_ISLNK(st.st_mode) ? -ELOOP : -ENXIO;
    }
    fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    fd = fs_done(dir, fd);
    if (fd >= 0 && (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))) {
        close(fd);
        return -ENXIO;
    }
    return fd;
}

/* What was made belongs to whom the guest says. */
static int fs_own(FsDev *f, int dir, const char *name, const FsOwner *o)
{
    if (fs_is_mapped(f)) {
        return meta_set(f, dir, name, false, FS_SET_MODE | FS_SET_UID | FS_SET_GID, o);
    }
    if (fchownat(dir, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) && f->model == FS_PASSTHROUGH) {
        return -errno;
    }
    return 0;
}

/* The mode as it is given, whatever the umask here. */
static int fs_chmod_at(int dir, const char *name, mode_t mode)
{
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret;
    char path[64];
    struct stat st;

    if (fd < 0) {
        return -errno;
    }
    if (!fstat(fd, &st) && S_ISLNK(st.st_mode)) {
        close(fd);
        return -EOPNOTSUPP;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ret = chmod(path, mode & 07777);
    return fs_done(fd, ret);
}

/* The end of making @name in @dir: what is made but cannot be owned goes again. */
static int fs_made(FsDev *f, int dir, const char *name, const FsOwner *o, bool folder)
{
    int ret = fs_own(f, dir, name, o);

    if (!ret && !fs_is_mapped(f) && !S_ISLNK(o->mode)) {
        ret = fs_chmod_at(dir, name, o->mode);
    }
    if (ret) {
        unlinkat(dir, name, folder ? AT_REMOVEDIR : 0);
    }
    close(dir);
    return ret;
}

int fs_create(FsDev *f, const char *path, const char *name, int flags, const FsOwner *o)
{
    mode_t mode = fs_is_mapped(f) ? f->fmode : o->mode & 07777;
    int dir = fs_dir(f, path), fd, ret;

    if (dir < 0) {
        return dir;
    }
    fd = openat(dir, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST && !(flags & O_EXCL)) {
        g_autofree char *all = fs_join(path, name);

        close(dir);
        return fs_open(f, all, flags);
    }
    if (fd < 0) {
        return fs_done(dir, -1);
    }
    ret = fs_made(f, dir, name, o, false);
    if (ret) {
        close(fd);
        return ret;
    }
    return fd;
}

int fs_mkdir(FsDev *f, const char *path, const char *name, const FsOwner *o)
{
    int dir = fs_dir(f, path);
    FsOwner owner = *o;

    if (dir < 0) {
        return dir;
    }
    owner.mode = (o->mode & 07777) | S_IFDIR;
    if (mkdirat(dir, name, fs_is_mapped(f) ? f->dmode : o->mode & 07777)) {
        return fs_done(dir, -1);
    }
    return fs_made(f, dir, name, &owner, true);
}

/* In mapped models what is no file or folder is a file, which says in its mode what it is. */
static int fs_stand_in(FsDev *f, int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->fmode);
    ssize_t len = (ssize_t)strlen(text);

    if (fd < 0) {
        return -errno;
    }
    if (write(fd, text, (size_t)len) != len) {
        close(fd);
        unlinkat(dir, name, 0);
        return -ENOSPC;
    }
    close(fd);
    return 0;
}

int fs_symlink(FsDev *f, const char *path, const char *name, const char *target, const FsOwner *o)
{
    int dir = fs_dir(f, path), ret;
    FsOwner owner = *o;

    if (dir < 0) {
        return dir;
    }
    owner.mode = S_IFLNK | 0777;
    if (fs_is_mapped(f)) {
        ret = fs_stand_in(f, dir, name, target);
    } else {
        ret = symlinkat(target, dir, name) ? -errno : 0;
    }
    if (ret) {
        close(dir);
        return ret;
    }
    return fs_made(f, dir, name, &owner, false);
}

int fs_mknod(FsDev *f, const char *path, const char *name, const FsOwner *o)
{
    int dir = fs_dir(f, path), ret;

    if (dir < 0) {
        return dir;
    }
    if (fs_is_mapped(f)) {
        ret = fs_stand_in(f, dir, name, "");
        if (!ret && meta_set_rdev(f, dir, name, o->rdev)) {
            unlinkat(dir, name, 0);
            ret = -EIO;
        }
    } else {
        ret = mknodat(dir, name, o->mode, (dev_t)o->rdev) ? -errno : 0;
    }
    if (ret) {
        close(dir);
        return ret;
    }
    return fs_made(f, dir, name, o, false);
}

/* ---- Moving and removing ---- */

int fs_link(FsDev *f, const char *path, const char *to, const char *name)
{
    const char *old;
    int from = fs_parent(f, path, &old), dir, ret;

    if (from < 0) {
        return from;
    }
    dir = fs_dir(f, to);
    if (dir < 0) {
        close(from);
        return dir;
    }
    ret = linkat(from, old, dir, name, 0) ? -errno : 0;
    if (!ret) {
        meta_rename(f, from, old, dir, name, true);
    }
    close(from);
    close(dir);
    return ret;
}

int fs_rename(FsDev *f, const char *path, const char *to)
{
    const char *old, *name;
    int from = fs_parent(f, path, &old), dir, ret;

    if (from < 0) {
        return from;
    }
    dir = fs_parent(f, to, &name);
    if (dir < 0) {
        close(from);
        return dir;
    }
    meta_empty(f, dir, name); /* an empty folder may be replaced */
    ret = renameat(from, old, dir, name) ? -errno : 0;
    if (!ret) {
        meta_rename(f, from, old, dir, name, false);
    }
    close(from);
    close(dir);
    return ret;
}

int fs_unlink(FsDev *f, const char *path, bool folder)
{
    const char *name;
    int dir = fs_parent(f, path, &name), ret;

    if (dir < 0) {
        return dir;
    }
    if (folder) {
        meta_empty(f, dir, name);
    }
    ret = unlinkat(dir, name, folder ? AT_REMOVEDIR : 0) ? -errno : 0;
    if (!ret) {
        meta_unlink(f, dir, name);
    }
    close(dir);
    return ret;
}

/* ---- Changing ---- */

int fs_set_owner(FsDev *f, const char *path, unsigned what, const FsOwner *o)
{
    const char *name;
    int dir = fs_parent(f, path, &name), ret = 0;
    uid_t uid = what & FS_SET_UID ? o->uid : (uid_t)-1;
    gid_t gid = what & FS_SET_GID ? o->gid : (gid_t)-1;

    if (dir < 0) {
        return dir;
    }
    if (fs_is_mapped(f)) {
        ret = meta_set(f, dir, name, !*path, what, o);
        close(dir);
        return ret;
    }
    if (what & (FS_SET_UID | FS_SET_GID) && fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW)) {
        ret = f->model == FS_NONE && errno == EPERM ? 0 : -errno;
    }
    if (!ret && what & FS_SET_MODE) {
        ret = fs_chmod_at(dir, name, o->mode);
    }
    close(dir);
    return ret;
}

int fs_truncate(FsDev *f, const char *path, uint64_t size)
{
    int fd = fs_open(f, path, O_WRONLY);

    if (fd < 0) {
        return fd;
    }
    return fs_done(fd, size > INT64_MAX ? (errno = EFBIG, -1) : ftruncate(fd, (off_t)size));
}

int fs_set_times(FsDev *f, const char *path, const struct timespec times[2])
{
    const char *name;
    int dir = fs_parent(f, path, &name);

    return dir < 0 ? dir : fs_done(dir, utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW));
}

/* ---- Extended attributes ---- */

/* The file as /proc names it: of whatever type, and without reading it. */
static int fs_by_proc(FsDev *f, const char *path, char *proc, size_t size)
{
    const char *name;
    int dir = fs_parent(f, path, &name), fd;

    if (dir < 0) {
        return dir;
    }
    fd = fs_done(dir, openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (fd >= 0) {
        snprintf(proc, size, "/proc/self/fd/%d", fd);
    }
    return fd;
}

static bool fs_xattr_is_hidden(const FsDev *f, const char *name)
{
    return fs_is_mapped(f) &&
           (g_str_has_prefix(name, "user.virtfs.") || g_str_has_prefix(name, "system.posix_acl_"));
}

ssize_t fs_getxattr(FsDev *f, const char *path, const char *name, void *buf, size_t size)
{
    char proc[64];
    int fd = fs_by_proc(f, path, proc, sizeof(proc));

    if (fd < 0) {
        return fd;
    }
    if (fs_xattr_is_hidden(f, name)) {
        close(fd);
        return -ENODATA;
    }
    return fs_done(fd, (int)getxattr(proc, name, buf, size));
}

ssize_t fs_listxattr(FsDev *f, const char *path, void *buf, size_t size)
{
    char proc[64], *p = buf;
    int fd = fs_by_proc(f, path, proc, sizeof(proc));
    ssize_t n, kept = 0;

    if (fd < 0) {
        return fd;
    }
    n = fs_done(fd, (int)listxattr(proc, buf, size));
    for (ssize_t at = 0; at < n;) {
        ssize_t len = (ssize_t)strlen(p + at) + 1;

        if (!fs_xattr_is_hidden(f, p + at)) {
            memmove(p + kept, p + at, (size_t)len);
            kept += len;
        }
        at += len;
    }
    return n < 0 ? n : kept;
}

int fs_setxattr(FsDev *f, const char *path, const char *name, const void *buf, size_t size,
                int flags)
{
    char proc[64];
    int fd = fs_by_proc(f, path, proc, sizeof(proc));

    if (fd < 0) {
        return fd;
    }
    if (fs_xattr_is_hidden(f, name)) {
        close(fd);
        return -EOPNOTSUPP;
    }
    return fs_done(fd, setxattr(proc, name, buf, size, flags));
}

int fs_removexattr(FsDev *f, const char *path, const char *name)
{
    char proc[64];
    int fd = fs_by_proc(f, path, proc, sizeof(proc));

    if (fd < 0) {
        return fd;
    }
    if (fs_xattr_is_hidden(f, name)) {
        close(fd);
        return -EOPNOTSUPP;
    }
    return fs_done(fd, removexattr(proc, name));
}
