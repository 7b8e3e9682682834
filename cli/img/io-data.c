/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of `tinamou io` that move data. */
#include "cli/img/io-priv.h"
#include "util/size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A request's length is less than 2 GiB, in sectors. */
enum { IO_DEFAULT_PATTERN = 0xcd, IO_LENGTH_MAX = INT32_MAX / 512 * 512 };

/* One request, with its buffer and how it is told. */
typedef struct IoReq {
    IoTool *tool;
    bool write, zero, vmstate, vector, stats_plain, quiet, verbose, invalid;
    bool unmap, no_fallback; /* of zero */
    unsigned flags;          /* BLOCK_REQ_* */
    int pattern;             /* -1: none */
    bool check_off_given, check_len_given;
    uint64_t check_off, check_len; /* of the pattern, within the request */
    const char *source;            /* a file with what is written */
    uint64_t off, len;
    uint8_t *buf;
    struct iovec *iov;
    unsigned n_iov;
    int64_t begun_ns;
} IoReq;

static int64_t io_now_ns(void)
{
    return g_get_monotonic_time() * 1000;
}

/* ---- Telling ---- */

static char *io_time_text(double sec, bool fixed)
{
    unsigned whole = (unsigned)sec, part = (unsigned)((sec - whole) * 100);

    if (fixed || whole >= 3600) {
        return g_strdup_printf("%u:%02u:%02u.%02u", whole / 3600, whole / 60 % 60, whole % 60,
                               part);
    }
    if (whole >= 60) {
        return g_strdup_printf("%02u:%02u.%02u", whole / 60, whole % 60, part);
    }
    return g_strdup_printf("%02u.%02u sec", whole, part);
}

static void io_tell(const IoReq *r, const char *what)
{
    double sec = (double)(io_now_ns() - r->begun_ns) / 1e9;
    double per_sec = 1 / MAX(sec, 1e-6);
    g_autofree char *time = NULL, *size = NULL, *rate = NULL;

    if (r->quiet) {
        return;
    }
    time = io_time_text(sec, r->stats_plain);
    if (r->stats_plain) {
        printf("%" PRIu64 ",%d,%s,%.3f,%.3f\n", r->len, 1, time, (double)r->len * per_sec, per_sec);
        return;
    }
    size = img_size_long((double)r->len);
    rate = img_size_long((double)r->len * per_sec);
    printf("%s %" PRIu64 "/%" PRIu64 " bytes at offset %" PRIu64 "\n", what, r->len, r->len,
           r->off);
    printf("%s, %d ops; %s (%s/sec and %.4f ops/sec)\n", size, 1, time, rate, per_sec);
}

static void io_dump(const IoReq *r)
{
    for (uint64_t at = 0; at < r->len; at += 16) {
        unsigned n = (unsigned)MIN(16, r->len - at);

        printf("%08" PRIx64 ":  ", r->off + at);
        for (unsigned i = 0; i < n; i++) {
            printf("%02x ", r->buf[at + i]);
        }
        putchar(' ');
        for (unsigned i = 0; i < n; i++) {
            uint8_t c = r->buf[at + i];

            putchar(g_ascii_isprint((char)c) ? c : '.');
        }
        putchar('\n');
    }
}

/* ---- Doing ---- */

static int io_req_do(IoReq *r)
{
    BlockNode *n = r->tool->node;

    if (r->off > block_node_size(n) && !r->vmstate) {
        return -EIO;
    }
    if (r->zero) {
        return block_node_write_zeroes(n, r->off, r->len,
                                       (r->flags & BLOCK_REQ_FUA) |
                                           (r->unmap ? BLOCK_REQ_UNMAP : 0) |
                                           (r->no_fallback ? BLOCK_REQ_NO_FALLBACK : 0));
    }
    if (r->vmstate) {
        return r->write ? block_vmstate_write(n, r->off, r->buf, r->len)
                        : block_vmstate_read(n, r->off, r->buf, r->len);
    }
    return r->write ? block_node_writev(n, r->off, r->iov, r->n_iov, r->flags)
                    : block_node_readv(n, r->off, r->iov, r->n_iov, r->flags);
}

/* What was read is what -P says; told. */
static int io_req_verify(const IoReq *r)
{
    for (uint64_t i = 0; r->pattern >= 0 && i < r->check_len; i++) {
        if (r->buf[r->check_off + i] != r->pattern) {
            printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n",
                   r->off + r->check_off, r->check_len);
            return -EINVAL;
        }
    }
    return 0;
}

static int io_req_run(IoReq *r)
{
    const char *name = r->tool->command ? r->tool->command->name : "";
    const char *op = r->write ? "write" : "read";
    int ret, wrong = 0;

    r->begun_ns = io_now_ns();
    ret = io_req_do(r);
    if (ret < 0) {
        printf("%s%s failed: %s\n", g_str_has_prefix(name, "aio_") ? "aio_" : "", op,
               g_strerror(-ret));
        return ret;
    }
    if (!r->write) {
        wrong = io_req_verify(r);
        if (!r->quiet && r->verbose) {
            io_dump(r);
        }
    }
    io_tell(r, r->write ? "wrote" : "read");
    return wrong;
}

static void io_req_free(IoReq *r)
{
    free(r->buf);
    g_free(r->iov);
    g_free(r);
}

/* ---- Arguments ---- */

static bool io_req_pattern(IoReq *r, const char *text)
{
    char *end;
    unsigned long byte = strtoul(text, &end, 0); /* octal too */

    if (!g_ascii_isdigit(*text) || *end || byte > 255) {
        printf("%s is not a valid pattern byte\n", text);
        return false;
    }
    r->pattern = (int)byte;
    return true;
}

static bool io_req_option(IoReq *r, int key)
{
    switch (key) {
    case 'a':
    case 'p':
        return true;
    case 'b':
        r->vmstate = true;
        return true;
    case 'c':
        r->flags |= BLOCK_REQ_COMPRESSED;
        return true;
    case 'C':
        r->stats_plain = true;
        return true;
    case 'f':
        r->flags |= BLOCK_REQ_FUA;
        return true;
    case 'i':
        r->invalid = true;
        return true;
    case 'l':
        r->check_len_given = true;
        return io_number(optarg, &r->check_len);
    case 'n':
        r->no_fallback = true;
        return true;
    case 'P':
        return io_req_pattern(r, optarg);
    case 'q':
        r->quiet = true;
        return true;
    case 's':
        r->source = optarg;
        r->check_off_given = true;
        return r->write || io_number(optarg, &r->check_off);
    case 'u':
        r->unmap = true;
        return true;
    case 'v':
        r->verbose = true;
        return true;
    case 'z':
        r->zero = true;
        return true;
    default:
        io_usage_of(r->tool->command, NULL);
        return false;
    }
}

/* What does not go together. */
static bool io_req_check(const IoReq *r)
{
    if (r->unmap && !r->zero) {
        puts("-u requires -z to be specified");
    } else if (r->no_fallback && !r->zero) {
        puts("-n requires -z to be specified");
    } else if (r->write && r->zero + (r->pattern >= 0) + (r->source != NULL) > 1) {
        puts("Only one of -z, -P, and -s can be specified at the same time");
    } else if (r->vmstate && r->zero) {
        puts("-b and -z cannot be specified at the same time");
    } else if ((r->flags & BLOCK_REQ_FUA) && (r->vmstate || (r->flags & BLOCK_REQ_COMPRESSED))) {
        puts("-f and -b or -c cannot be specified at the same time");
    } else {
        return true;
    }
    return false;
}

/* One more of @len, which @text says. */
static bool io_req_length(const IoReq *r, uint64_t len, const char *text)
{
    bool one = r->tool->command->one_length;

    if (len <= IO_LENGTH_MAX && r->len <= IO_LENGTH_MAX - len) {
        return true;
    }
    if (one ? r->no_fallback : r->zero) {
        return true;
    }
    if (one) {
        printf("length cannot exceed %d%s, given %s\n", IO_LENGTH_MAX,
               r->write ? " without -n" : "", text);
    } else if (len > IO_LENGTH_MAX) {
        printf("Argument '%s' exceeds maximum size %d\n", text, IO_LENGTH_MAX);
    } else {
        printf("The total number of bytes exceed the maximum size %d\n", IO_LENGTH_MAX);
    }
    return false;
}

static bool io_req_lengths(IoReq *r, char **words, unsigned n)
{
    r->iov = g_new0(struct iovec, n);
    for (unsigned i = 0; i < n; i++) {
        uint64_t len;

        if (!io_number(words[i], &len)) {
            return false;
        }
        if (!io_req_length(r, len, words[i])) {
            return false;
        }
        r->iov[r->n_iov++].iov_len = len;
        r->len += len;
    }
    return true;
}

/* What is written: a file, over and over, or the pattern. */
static bool io_req_fill(IoReq *r)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) err = NULL;
    gsize n = 0;

    if (!r->write || !r->source) {
        memset(r->buf, r->write && r->pattern >= 0 ? r->pattern : IO_DEFAULT_PATTERN, r->len);
        return true;
    }
    if (!g_file_get_contents(r->source, &text, &n, &err)) {
        fprintf(stderr, "%s: %s\n", r->source, g_strerror(errno ? errno : EIO));
        return false;
    }
    if (!n) {
        fprintf(stderr, "%s: file is empty\n", r->source);
        return false;
    }
    for (uint64_t i = 0; i < r->len; i++) {
        r->buf[i] = (uint8_t)text[i % n];
    }
    return true;
}

static bool io_req_buffers(IoReq *r)
{
    uint64_t at = 0;

    if (r->zero) {
        return true;
    }
    if (posix_memalign((void **)&r->buf, 4096, MAX(r->len, 1))) {
        printf("no memory for %" PRIu64 " bytes\n", r->len);
        return false;
    }
    for (unsigned i = 0; i < r->n_iov; i++) {
        r->iov[i].iov_base = r->buf + at;
        at += r->iov[i].iov_len;
    }
    return io_req_fill(r);
}

/* The part of the pattern lies within what is read. */
static bool io_req_check_range(IoReq *r)
{
    if (r->write) {
        return true;
    }
    if ((r->check_len_given || r->check_off_given) && r->pattern < 0) {
        io_usage_of(r->tool->command, NULL);
        return false;
    }
    if (r->check_off > r->len) {
        printf("pattern verification range exceeds end of read data\n");
        return false;
    }
    if (!r->check_len_given) {
        r->check_len = r->len - r->check_off;
    }
    if (r->check_len > r->len - r->check_off) {
        printf("pattern verification range exceeds end of read data\n");
        return false;
    }
    return true;
}

static IoReq *io_req_new(IoTool *t, int argc, char **argv, bool write)
{
    IoReq *r = g_new0(IoReq, 1);
    int key;

    r->tool = t;
    r->write = write;
    r->pattern = -1;
    r->flags = !write && t->copy_on_read ? BLOCK_REQ_COPY_ON_READ : 0;
    while ((key = getopt(argc, argv, t->command->letters)) != -1) {
        if (!io_req_option(r, key)) {
            io_req_free(r);
            return NULL;
        }
    }
    argv += optind;
    argc -= optind;
    if (argc < 2 || (t->command->one_length && argc > 2)) {
        io_usage_of(t->command, NULL);
    } else if (io_req_check(r) && io_number(argv[0], &r->off) &&
               io_req_lengths(r, argv + 1, (unsigned)argc - 1) && io_req_check_range(r) &&
               io_req_buffers(r)) {
        if (!write || !block_node_is_read_only(t->node)) {
            return r;
        }
        img_fail(&t->tool, "Block node is read-only");
    }
    io_req_free(r);
    return NULL;
}

static int io_req_now(IoTool *t, int argc, char **argv, bool write)
{
    IoReq *r = io_req_new(t, argc, argv, write);
    int ret = r ? io_req_run(r) : -EINVAL;

    if (r) {
        io_req_free(r);
    }
    return ret;
}

int io_read_run(IoTool *t, int argc, char **argv)
{
    return io_req_now(t, argc, argv, false);
}

int io_readv_run(IoTool *t, int argc, char **argv)
{
    return io_req_now(t, argc, argv, false);
}

int io_write_run(IoTool *t, int argc, char **argv)
{
    return io_req_now(t, argc, argv, true);
}

int io_writev_run(IoTool *t, int argc, char **argv)
{
    return io_req_now(t, argc, argv, true);
}

/* ---- In the background ---- */

static void io_aio_fiber(void *opaque)
{
    IoReq *r = opaque;
    IoTool *t = r->tool;

    io_req_run(r); /* what it finds is told, but does not count */
    io_req_free(r);
    if (!--t->in_flight) {
        fiber_queue_wake_all(&t->idle);
    }
}

static int io_aio(IoTool *t, int argc, char **argv, bool write)
{
    IoReq *r = io_req_new(t, argc, argv, write);

    if (!r) {
        return -EINVAL;
    }
    if (r->invalid) {
        printf("injecting invalid %s request\n", write ? "write" : "read");
        io_req_free(r);
        return 0;
    }
    t->in_flight++;
    fiber_start(io_aio_fiber, r);
    return 0;
}

int io_aio_read_run(IoTool *t, int argc, char **argv)
{
    return io_aio(t, argc, argv, false);
}

int io_aio_write_run(IoTool *t, int argc, char **argv)
{
    return io_aio(t, argc, argv, true);
}

int io_discard_run(IoTool *t, int argc, char **argv)
{
    IoReq r = { .tool = t };
    int key, ret;

    while ((key = getopt(argc, argv, t->command->letters)) != -1) {
        if (!io_req_option(&r, key)) {
            return -EINVAL;
        }
    }
    if (argc - optind != 2) {
        io_usage_of(t->command, NULL);
        return -EINVAL;
    }
    if (!io_number(argv[optind], &r.off) || !io_number(argv[optind + 1], &r.len)) {
        return -EINVAL;
    }
    if (block_node_is_read_only(t->node)) {
        img_fail(&t->tool, "Block node is read-only");
        return -EROFS;
    }
    if (r.len > IO_LENGTH_MAX) {
        printf("length cannot exceed %d, given %s\n", IO_LENGTH_MAX, argv[optind + 1]);
        return -EINVAL;
    }
    r.begun_ns = io_now_ns();
    ret = block_node_discard(t->node, r.off, r.len);
    if (ret < 0) {
        printf("discard failed: %s\n", g_strerror(-ret));
        return ret;
    }
    io_tell(&r, "discard");
    return 0;
}
