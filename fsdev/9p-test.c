/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of 9P against a folder; what a hostile one tries; and any bytes at all. */
#include "fsdev/9p-priv.h"

#include "core/machine.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM = 32768 };

typedef struct Driver {
    Machine *m;
    FsDev *f;
    FsSession *s;
    char *folder;
    uint8_t msg[ROOM], ans[ROOM];
    uint32_t n;   /* of the message */
    uint32_t got; /* of the answer */
    bool done;
} Driver;

static void d_done(void *opaque, uint32_t answer)
{
    Driver *d = opaque;

    d->got = answer;
    d->done = true;
}

static Driver *d_begin(const char *options)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *text = NULL;
    Driver *d = g_new0(Driver, 1);
    Options o = { 0 };

    d->folder = g_dir_make_tmp("fsdev-XXXXXX", &err);
    CHECK(d->folder);
    text = g_strdup_printf("local,id=f,path=%s,%s", d->folder, options);
    CHECK(options_parse(&o, text, "fsdriver", &err));
    d->m = machine_new(&err);
    CHECK(d->m);
    d->f = fsdev_open(&o, &err);
    CHECK(d->f);
    options_deinit(&o);
    d->s = fs_session_new(d->m, d->f);
    return d;
}

static void d_end(Driver *d)
{
    g_autofree char *command = g_strdup_printf("rm -rf %s", d->folder);

    fs_session_free(d->s);
    machine_free(d->m);
    fsdev_free(d->f);
    CHECK(!system(command));
    g_free(d->folder);
    g_free(d);
}

static void d_send(Driver *d, uint32_t room)
{
    struct iovec out[2] = { { d->msg, d->n / 2 }, { d->msg + d->n / 2, d->n - d->n / 2 } };
    struct iovec in = { d->ans, room };

    d->done = false;
    memset(d->ans, 0xee, sizeof(d->ans));
    fs_session_request(d->s, out, 2, &in, 1, d_done, d);
    fs_session_drain(d->s);
    EXPECT(d->done);
    EXPECT(d->got <= room);
}

static void d_put(Driver *d, const char *format, va_list ap)
{
    d->n = FS_HEAD;
    for (; *format; format++) {
        switch (*format) {
        case '1':
        case '2':
        case '4':
            put_le(d->msg + d->n, (unsigned)(*format - '0'), va_arg(ap, unsigned));
            d->n += (uint32_t)(*format - '0');
            break;
        case '8':
            put_le64(d->msg + d->n, va_arg(ap, uint64_t));
            d->n += 8;
            break;
        default: {
            const char *s = va_arg(ap, const char *);

            if (*format == 's') {
                put_le16(d->msg + d->n, (uint16_t)strlen(s));
                d->n += 2;
            }
            memcpy(d->msg + d->n, s, strlen(s));
            d->n += (uint32_t)strlen(s);
        }
        }
    }
}

/* A message of integers by size, strings (s) and text without its length (t): 0 or the error. */
static int d_do(Driver *d, unsigned type, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    d_put(d, format, ap);
    va_end(ap);
    put_le32(d->msg, d->n);
    d->msg[4] = (uint8_t)type;
    put_le16(d->msg + 5, 9);
    d_send(d, ROOM);
    EXPECT_EQ(get_le32(d->ans), d->got);
    EXPECT_EQ(get_le16(d->ans + 5), 9);
    if (d->ans[4] == P9_RLERROR) {
        return (int)get_le32(d->ans + 7);
    }
    EXPECT_EQ(d->ans[4], type + 1);
    return 0;
}

#define U8(v) ((uint64_t)(v))

static void d_connect(Driver *d)
{
    EXPECT_EQ(d_do(d, P9_TVERSION, "4s", 16384, "9P2000.L"), 0);
    EXPECT_EQ(get_le32(d->ans + 7), 16384);
    EXPECT_EQ(d_do(d, P9_TATTACH, "44ss4", 0, ~0u, "root", "", 0), 0);
    EXPECT_EQ(d->ans[7], 0x80);
}

/* Number @to is the file of these names. */
static int d_walk(Driver *d, unsigned to, const char *a, const char *b)
{
    int ret =
        b ? d_do(d, P9_TWALK, "442ss", 0, to, 2, a, b) : d_do(d, P9_TWALK, "442s", 0, to, 1, a);

    return ret ? ret : get_le16(d->ans + 7) == (b ? 2 : 1) ? 0 : ENOENT;
}

static unsigned d_mode(Driver *d, unsigned fid)
{
    EXPECT_EQ(d_do(d, P9_TGETATTR, "48", fid, U8(0x7ff)), 0);
    return get_le32(d->ans + 7 + 8 + 13);
}

static void d_files(const char *options)
{
    Driver *d = d_begin(options);

    d_connect(d);
    EXPECT_EQ(d_do(d, P9_TMKDIR, "4s44", 0, "d", 0755, 0), 0);
    EXPECT_EQ(d_walk(d, 1, "d", NULL), 0);
    EXPECT_EQ(d_do(d, P9_TLCREATE, "4s444", 1, "f", 2 | 0100, 0640, getgid()), 0);
    EXPECT_EQ(d_do(d, P9_TWRITE, "484t", 1, U8(3), 5, "hello"), 0);
    EXPECT_EQ(get_le32(d->ans + 7), 5);
    EXPECT_EQ(d_do(d, P9_TREAD, "484", 1, U8(0), 100), 0);
    EXPECT_EQ(get_le32(d->ans + 7), 8);
    EXPECT(!memcmp(d->ans + 11, "\0\0\0hello", 8));
    EXPECT_EQ(d_walk(d, 2, "d", "f"), 0);
    EXPECT_EQ(d_mode(d, 2), S_IFREG | 0640);
    EXPECT_EQ(
        d_do(d, P9_TSETATTR, "4444488888", 2, 1 | 8, 0600, 0, 0, U8(4), U8(0), U8(0), U8(0), U8(0)),
        0);
    EXPECT_EQ(d_mode(d, 2), S_IFREG | 0600);
    EXPECT_EQ(get_le64(d->ans + 56), 4);
    /* A link is read, never followed. */
    EXPECT_EQ(d_do(d, P9_TSYMLINK, "4ss4", 0, "l", "/etc/passwd", getgid()), 0);
    EXPECT_EQ(d->ans[7], 2);
    EXPECT_EQ(d_walk(d, 3, "l", NULL), 0);
    EXPECT_EQ(d_mode(d, 3), S_IFLNK | 0777);
    EXPECT_EQ(d_do(d, P9_TREADLINK, "4", 3), 0);
    EXPECT(get_le16(d->ans + 7) == 11 && !memcmp(d->ans + 9, "/etc/passwd", 11));
    EXPECT(d_do(d, P9_TLOPEN, "44", 3, 0) != 0);
    EXPECT(d_walk(d, 4, "l", "x") != 0);
    /* Names move, and numbers go with them. */
    EXPECT_EQ(d_do(d, P9_TRENAMEAT, "4s4s", 0, "d", 0, "e"), 0);
    EXPECT_EQ(d_mode(d, 2), S_IFREG | 0600);
    EXPECT_EQ(d_walk(d, 5, "e", "f"), 0);
    EXPECT_EQ(d_do(d, P9_TUNLINKAT, "4s4", 0, "e", 0x200), ENOTEMPTY);
    EXPECT_EQ(d_do(d, P9_TREMOVE, "4", 5), 0);
    EXPECT_EQ(d_do(d, P9_TUNLINKAT, "4s4", 0, "e", 0x200), 0);
    EXPECT_EQ(d_do(d, P9_TREAD, "484", 1, U8(0), 100), 0); /* open as it is */
    EXPECT_EQ(d_do(d, P9_TCLUNK, "4", 1), 0);
    EXPECT_EQ(d_do(d, P9_TCLUNK, "4", 1), EBADF);
    /* The folder has the link alone now, beside itself and what is above. */
    EXPECT_EQ(d_do(d, P9_TWALK, "442", 0, 6, 0), 0);
    EXPECT_EQ(d_do(d, P9_TLOPEN, "44", 6, 0200000), 0);
    EXPECT_EQ(d_do(d, P9_TREADDIR, "484", 6, U8(0), 4096), 0);
    EXPECT_EQ(get_le32(d->ans + 7), 3 * 24 + 1 + 2 + 1);
    d_end(d);
}

TEST(p9, files_as_they_are)
{
    d_files("security_model=none");
}

TEST(p9, files_with_attributes)
{
    d_files("security_model=mapped-xattr");
}

TEST(p9, files_with_files_beside_them)
{
    d_files("security_model=mapped-file");
}

TEST(p9, nothing_leads_outside)
{
    Driver *d = d_begin("security_model=none");
    g_autofree char *link = g_strconcat(d->folder, "/out", NULL);
    g_autofree char *pipe = g_strconcat(d->folder, "/pipe", NULL);

    EXPECT(!symlink("/", link) && !mkfifo(pipe, 0600));
    EXPECT_EQ(d_do(d, P9_TATTACH, "44ss4", 0, ~0u, "root", "", 0), EPROTO); /* no version */
    d_connect(d);
    EXPECT(d_walk(d, 1, "out", "etc") != 0);
    EXPECT(d_walk(d, 1, "/etc", NULL) != 0);
    EXPECT(d_walk(d, 1, "etc/passwd", NULL) != 0);
    EXPECT(d_walk(d, 1, ".", NULL) != 0);
    EXPECT(d_walk(d, 1, "", NULL) != 0);
    EXPECT_EQ(d_walk(d, 1, "..", ".."), 0); /* is where it was */
    EXPECT_EQ(d_do(d, P9_TLCREATE, "4s444", 1, "../x", 2, 0600, 0), EINVAL);
    EXPECT_EQ(d_do(d, P9_TLCREATE, "4s444", 1, "..", 2, 0600, 0), EINVAL);
    EXPECT_EQ(d_do(d, P9_TLCREATE, "4s444", 1, "out", 2, 0600, 0), ELOOP);
    EXPECT_EQ(d_do(d, P9_TMKDIR, "4s44", 0, "../y", 0700, 0), EINVAL);
    EXPECT_EQ(d_do(d, P9_TRENAMEAT, "4s4s", 0, "out", 0, "../z"), EINVAL);
    EXPECT_EQ(d_do(d, P9_TUNLINKAT, "4s4", 0, "..", 0x200), EINVAL);
    EXPECT_EQ(d_do(d, P9_TREMOVE, "4", 0), EBUSY); /* the folder itself; its number is gone */
    EXPECT_EQ(d_do(d, P9_TWALK, "442s", 1, 2, 1, "pipe"), 0);
    EXPECT_EQ(d_do(d, P9_TLOPEN, "44", 2, 0), ENXIO);
    EXPECT_EQ(d_do(d, P9_TSETATTR, "4444488888", 2, 8, 0, 0, 0, U8(4), U8(0), U8(0), U8(0), U8(0)),
              ENXIO);
    d_end(d);
}

TEST(p9, read_only)
{
    Driver *d = d_begin("security_model=none,readonly=on");
    g_autofree char *file = g_strconcat(d->folder, "/f", NULL);

    EXPECT(g_file_set_contents(file, "abc", 3, NULL));
    d_connect(d);
    EXPECT_EQ(d_do(d, P9_TMKDIR, "4s44", 0, "d", 0700, 0), EROFS);
    EXPECT_EQ(d_walk(d, 1, "f", NULL), 0);
    EXPECT_EQ(d_do(d, P9_TLOPEN, "44", 1, 2), EROFS);
    EXPECT_EQ(d_do(d, P9_TLOPEN, "44", 1, 01000), EROFS);
    EXPECT_EQ(d_do(d, P9_TLOPEN, "44", 1, 0), 0);
    EXPECT_EQ(d_do(d, P9_TREAD, "484", 1, U8(1), 9), 0);
    EXPECT(get_le32(d->ans + 7) == 2 && !memcmp(d->ans + 11, "bc", 2));
    EXPECT_EQ(d_do(d, P9_TWRITE, "484t", 1, U8(0), 1, "x"), EROFS);
    EXPECT_EQ(d_do(d, P9_TUNLINKAT, "4s4", 0, "f", 0), EROFS);
    d_end(d);
}

/* What the driver has open stays so over a saved state. */
TEST(p9, saves_and_loads)
{
    g_autoptr(GError) err = NULL;
    Driver *d = d_begin("security_model=none");
    GBytes *saved;

    d_connect(d);
    EXPECT_EQ(d_do(d, P9_TWALK, "442", 0, 1, 0), 0);
    EXPECT_EQ(d_do(d, P9_TLCREATE, "4s444", 1, "f", 2, 0600, getgid()), 0);
    EXPECT_EQ(d_do(d, P9_TWRITE, "484t", 1, U8(0), 3, "abc"), 0);
    saved = fs_session_save(d->s);
    fs_session_reset(d->s);
    EXPECT_EQ(d_do(d, P9_TREAD, "484", 1, U8(0), 9), EPROTO);
    EXPECT(fs_session_load(d->s, g_bytes_get_data(saved, NULL), g_bytes_get_size(saved), &err));
    EXPECT_EQ(d_do(d, P9_TREAD, "484", 1, U8(0), 9), 0);
    EXPECT(get_le32(d->ans + 7) == 3 && !memcmp(d->ans + 11, "abc", 3));
    EXPECT(
        !fs_session_load(d->s, g_bytes_get_data(saved, NULL), g_bytes_get_size(saved) - 1, &err));
    g_clear_error(&err);
    g_bytes_unref(saved);
    d_end(d);
}

/* Messages that begin well and go on as they like. */
TEST(p9, any_message)
{
    static const char *const models[] = { "none", "mapped-xattr", "mapped-file" };
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);

    for (unsigned k = 0; k < 3; k++) {
        g_autofree char *options = g_strconcat("security_model=", models[k], NULL);
        Driver *d = d_begin(options);

        d_connect(d);
        for (unsigned i = 0; i < 6000; i++) {
            static const uint8_t types[] = { 8,   12,  14,  16,  18,  20,  22,  24, 26, 30,
                                             32,  40,  50,  52,  54,  70,  72,  74, 76, 104,
                                             108, 110, 116, 118, 120, 122, 100, 102 };
            uint8_t type = types[g_rand_int_range(rand, 0, (int)sizeof(types))];

            if (type == P9_TVERSION && i % 50) {
                continue;
            }
            d->n = (uint32_t)g_rand_int_range(rand, 0, 64) + (i % 7 ? FS_HEAD : 0);
            for (unsigned j = 0; j < d->n; j++) { /* small numbers, short names */
                int r = g_rand_int_range(rand, 0, 12);

                d->msg[j] = (uint8_t)(r < 6     ? 0
                                      : r < 9   ? r - 5
                                      : r == 11 ? g_rand_int(rand)
                                                : "abc."[r & 3]);
            }
            put_le32(d->msg, i % 5 ? d->n : g_rand_int(rand) % 100);
            d->msg[4] = type;
            d_send(d, (uint32_t)g_rand_int_range(rand, 0, i % 3 ? ROOM : 200));
            EXPECT(d->got == 0 || d->got == get_le32(d->ans));
            if (i % 100 == 0) {
                (void)!d_do(d, P9_TVERSION, "4s", 8192, "9P2000.L");
                d_do(d, P9_TATTACH, "44ss4", 0, ~0u, "", "", 0);
            }
        }
        d_end(d);
    }
}
