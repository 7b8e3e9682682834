/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners, modes and device numbers beside the files: as extended attributes user.virtfs.uid, .gid,
 * .mode and .rdev of 32 bits (rdev 64), little-endian; or as lines "virtfs.uid=N" in a file of the
 * same name in the folder .virtfs_metadata beside it.
 */
#include "fsdev/local.h"

#include "util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { META_UID, META_GID, META_MODE, META_RDEV, META_KINDS, META_TEXT = 512 };

static const char *const meta_names[META_KINDS] = { "virtfs.uid", "virtfs.gid", "virtfs.mode",
                                                    "virtfs.rdev" };

typedef struct Meta {
    bool has[META_KINDS];
    uint64_t val[META_KINDS];
} Meta;

/* ---- In attributes ---- */

/* The file itself, whatever it is and whoever may read it. */
static int meta_at(int dir, const char *name, char *path, size_t size)
{
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    snprintf(path, size, "/proc/self/fd/%d", fd);
    return fd;
}

static void meta_read_xattr(int dir, const char *name, Meta *m)
{
    char path[64];
    int fd = meta_at(dir, name, path, sizeof(path));

    for (unsigned i = 0; fd >= 0 && i < META_KINDS; i++) {
        g_autofree char *key = g_strconcat("user.", meta_names[i], NULL);
        uint8_t buf[8] = { 0 };
        ssize_t n = getxattr(path, key, buf, sizeof(buf));

        m->has[i] = n == 4 || n == 8;
        m->val[i] = m->has[i] ? get_le64(buf) : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int meta_write_xattr(int dir, const char *name, const Meta *m)
{
    char path[64];
    int fd = meta_at(dir, name, path, sizeof(path)), ret = 0;

    if (fd < 0) {
        return fd;
    }
    for (unsigned i = 0; !ret && i < META_KINDS; i++) {
        g_autofree char *key = g_strconcat("user.", meta_names[i], NULL);
        uint8_t buf[8];

        put_le64(buf, m->val[i]);
        if (m->has[i] && setxattr(path, key, buf, i == META_RDEV ? 8 : 4, 0)) {
            ret = -errno;
        }
    }
    close(fd);
    return ret;
}

/* ---- In files ---- */

/* The folder of metadata in @dir; -errno: there is none. */
static int meta_folder(int dir, bool make)
{
    int fd;

    if (make && mkdirat(dir, META_FOLDER, 0700) && errno != EEXIST) {
        return -errno;
    }
    fd = openat(dir, META_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int meta_open(int dir, const char *name, bool is_root, bool write)
{
    int folder = is_root ? dir : meta_folder(dir, write), fd;
    int flags = write ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY;
    struct stat st;

    if (folder < 0) {
        return folder;
    }
    fd = openat(folder, is_root ? META_ROOT : name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                0600);
    if (!is_root) {
        close(folder);
    }
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
        close(fd);
        return -EINVAL;
    }
    return fd < 0 ? -errno : fd;
}

static void meta_read_file(int dir, const char *name, bool is_root, Meta *m)
{
    int fd = meta_open(dir, name, is_root, false);
    char text[META_TEXT + 1];
    ssize_t n;

    if (fd < 0) {
        return;
    }
    n = read(fd, text, META_TEXT);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    for (unsigned i = 0; i < META_KINDS; i++) {
        const char *at = strstr(text, meta_names[i]);

        at = at ? at + strlen(meta_names[i]) : NULL;
        m->has[i] = at && *at == '=' && g_ascii_isdigit(at[1]);
        m->val[i] = m->has[i] ? strtoull(at + 1, NULL, 10) : 0;
    }
}

static int meta_write_file(int dir, const char *name, bool is_root, const Meta *m)
{
    int fd = meta_open(dir, name, is_root, true), ret = 0;
    g_autoptr(GString) text = g_string_new("");

    if (fd < 0) {
        return fd;
    }
    for (unsigned i = 0; i < META_KINDS; i++) {
        if (m->has[i]) {
            g_string_append_printf(text, "%s=%" PRIu64 "\n", meta_names[i], m->val[i]);
        }
    }
    if (write(fd, text->str, text->len) != (ssize_t)text->len) {
        ret = -EIO;
    }
    close(fd);
    return ret;
}

/* ---- Both ---- */

static void meta_read(FsDev *f, int dir, const char *name, bool is_root, Meta *m)
{
    *m = (Meta){ 0 };
    if (f->model == FS_MAPPED_XATTR) {
        meta_read_xattr(dir, name, m);
    } else if (f->model == FS_MAPPED_FILE) {
        meta_read_file(dir, name, is_root, m);
    }
}

static int meta_write(FsDev *f, int dir, const char *name, bool is_root, const Meta *m)
{
    return f->model == FS_MAPPED_XATTR ? meta_write_xattr(dir, name, m)
                                       : meta_write_file(dir, name, is_root, m);
}

void meta_get(FsDev *f, int dir, const char *name, bool is_root, struct stat *st)
{
    Meta m;

    if (S_ISLNK(st->st_mode)) {
        return; /* one of the host's */
    }
    meta_read(f, dir, name, is_root, &m);
    st->st_uid = m.has[META_UID] ? (uid_t)m.val[META_UID] : st->st_uid;
    st->st_gid = m.has[META_GID] ? (gid_t)m.val[META_GID] : st->st_gid;
    if (m.has[META_MODE]) {
        mode_t mode = (mode_t)m.val[META_MODE];

        /* A folder stays one, and nothing else becomes one. */
        if (!(mode & S_IFMT) || S_ISDIR(mode) != S_ISDIR(st->st_mode)) {
            mode = (mode & 07777) | (st->st_mode & S_IFMT);
        }
        st->st_mode = mode;
    }
    st->st_rdev = m.has[META_RDEV] ? (dev_t)m.val[META_RDEV] : st->st_rdev;
}

int meta_set(FsDev *f, int dir, const char *name, bool is_root, unsigned what, const FsOwner *o)
{
    Meta m;

    meta_read(f, dir, name, is_root, &m);
    if (what & FS_SET_MODE) {
        /* chmod says nothing of the type. */
        uint32_t type = o->mode & S_IFMT ? o->mode & S_IFMT : (uint32_t)m.val[META_MODE] & S_IFMT;

        m.has[META_MODE] = true;
        m.val[META_MODE] = (o->mode & 07777) | type;
    }
    if (what & FS_SET_UID) {
        m.has[META_UID] = true;
        m.val[META_UID] = o->uid;
    }
    if (what & FS_SET_GID) {
        m.has[META_GID] = true;
        m.val[META_GID] = o->gid;
    }
    return meta_write(f, dir, name, is_root, &m);
}

int meta_set_rdev(FsDev *f, int dir, const char *name, uint64_t rdev)
{
    Meta m;

    meta_read(f, dir, name, false, &m);
    m.has[META_RDEV] = true;
    m.val[META_RDEV] = rdev;
    return meta_write(f, dir, name, false, &m);
}

void meta_unlink(FsDev *f, int dir, const char *name)
{
    int folder = f->model == FS_MAPPED_FILE ? meta_folder(dir, false) : -1;

    if (folder >= 0) {
        unlinkat(folder, name, 0);
        close(folder);
    }
}

void meta_rename(FsDev *f, int from, const char *name, int to, const char *new_name, bool link)
{
    int old_folder = f->model == FS_MAPPED_FILE ? meta_folder(from, false) : -1, folder;

    if (old_folder < 0) {
        return;
    }
    folder = meta_folder(to, true);
    if (folder >= 0) {
        unlinkat(folder, new_name, 0);
        if (link) {
            (void)!linkat(old_folder, name, folder, new_name, 0);
        } else {
            renameat(old_folder, name, folder, new_name);
        }
        close(folder);
    }
    close(old_folder);
}

void meta_empty(FsDev *f, int dir, const char *name)
{
    int fd;

    if (f->model != FS_MAPPED_FILE) {
        return;
    }
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        unlinkat(fd, META_FOLDER, AT_REMOVEDIR);
        close(fd);
    }
}
