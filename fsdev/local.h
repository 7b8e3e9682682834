/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files below a folder. Paths are relative to it and of plain names ("" is the folder): no
 * symbolic link is followed on the way and nothing leads outside. All return 0 or -errno, or what
 * they say. ANY_THREAD.
 */
#ifndef FSDEV_LOCAL_H
#define FSDEV_LOCAL_H

#include "fsdev/fsdev.h"
#include "util/lock.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

/* How the guest's owners and modes are kept. */
typedef enum FsModel {
    FS_NONE,         /* as files have them; what may not be changed stays */
    FS_PASSTHROUGH,  /* as files have them */
    FS_MAPPED_XATTR, /* in attributes user.virtfs.* */
    FS_MAPPED_FILE,  /* in files below .virtfs_metadata */
} FsModel;

struct FsDev {
    char *id, *path;
    int root;
    FsModel model;
    bool readonly, one_device;
    mode_t fmode, dmode; /* of mapped files on the host */
    dev_t dev;           /* of the folder */
    Mutex lock;
    GArray *devices; /* dev_t: others below it, in the order they were seen */
    bool no_openat2; /* atomic: the host's kernel has no such call */
};

/* Who makes something, and as what. */
typedef struct FsOwner {
    uint32_t uid, gid, mode;
    uint64_t rdev;
} FsOwner;

enum { FS_SET_MODE = 1, FS_SET_UID = 2, FS_SET_GID = 4 };

static inline bool fs_is_mapped(const FsDev *f)
{
    return f->model == FS_MAPPED_XATTR || f->model == FS_MAPPED_FILE;
}

/* A name that a guest may say. */
bool fs_name_is_fine(const FsDev *f, const char *name, size_t len);
/* @dir "" is the folder. The caller frees. */
char *fs_join(const char *dir, const char *name);

/* The folder of @path (O_PATH, to be closed), and its last name. */
int fs_parent(FsDev *f, const char *path, const char **name);
int fs_dir(FsDev *f, const char *path);
int fs_stat(FsDev *f, const char *path, struct stat *st);
/* As entry @name of the open folder @dir. */
int fs_stat_at(FsDev *f, int dir, const char *name, bool is_root, struct stat *st);
/* A regular file or folder. A descriptor. */
int fs_open(FsDev *f, const char *path, int flags);
int fs_create(FsDev *f, const char *dir, const char *name, int flags, const FsOwner *o);
int fs_mkdir(FsDev *f, const char *dir, const char *name, const FsOwner *o);
int fs_symlink(FsDev *f, const char *dir, const char *name, const char *target, const FsOwner *o);
int fs_mknod(FsDev *f, const char *dir, const char *name, const FsOwner *o);
int fs_link(FsDev *f, const char *path, const char *dir, const char *name);
/* How many bytes. */
ssize_t fs_readlink(FsDev *f, const char *path, char *buf, size_t size);
int fs_rename(FsDev *f, const char *from, const char *to);
int fs_unlink(FsDev *f, const char *path, bool folder);
int fs_set_owner(FsDev *f, const char *path, unsigned what, const FsOwner *o);
int fs_truncate(FsDev *f, const char *path, uint64_t size);
int fs_set_times(FsDev *f, const char *path, const struct timespec times[2]);
int fs_statvfs(FsDev *f, struct statvfs *v);
/* Extended attributes: those of the model are neither seen nor set. */
ssize_t fs_getxattr(FsDev *f, const char *path, const char *name, void *buf, size_t size);
ssize_t fs_listxattr(FsDev *f, const char *path, void *buf, size_t size);
int fs_setxattr(FsDev *f, const char *path, const char *name, const void *buf, size_t size,
                int flags);
int fs_removexattr(FsDev *f, const char *path, const char *name);
/* The number of a file that is unique below the folder, whatever file systems are there; false:
 * on a device that is not to be seen. */
bool fs_number(FsDev *f, const struct stat *st, uint64_t *number);

/* ---- meta.c: owners and modes of mapped models. @dir is an open folder. ---- */

void meta_get(FsDev *f, int dir, const char *name, bool is_root, struct stat *st);
int meta_set(FsDev *f, int dir, const char *name, bool is_root, unsigned what, const FsOwner *o);
int meta_set_rdev(FsDev *f, int dir, const char *name, uint64_t rdev);
/* The entry goes, or moves. */
void meta_unlink(FsDev *f, int dir, const char *name);
void meta_rename(FsDev *f, int from, const char *name, int to, const char *new_name, bool link);
/* What keeps a folder from being empty. */
void meta_empty(FsDev *f, int dir, const char *name);

#define META_FOLDER ".virtfs_metadata"
#define META_ROOT   ".virtfs_metadata_root"

#endif
