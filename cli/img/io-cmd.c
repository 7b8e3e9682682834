/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands of `tinamou io`, and those that move no data. */
#include "block/core/driver.h"
#include "cli/img/io-priv.h"
#include "util/json.h"
#include "util/size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int io_open_run(IoTool *t, int argc, char **argv)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) err = NULL;
    unsigned flags = IO_OPEN_FLAGS;
    Options o = { 0 };
    int key;
    bool ok = true;

    while (ok && (key = getopt(argc, argv, t->command->letters)) != -1) {
        switch (key) {
        case 'r':
            flags &= ~(unsigned)BLOCK_OPEN_WRITE;
            break;
        case 'n':
            ok = io_cache_mode("none", &flags);
            break;
        case 't':
            ok = io_cache_mode(optarg, &flags);
            break;
        case 'd':
            ok = io_discard_mode(optarg, &flags);
            break;
        case 'C':
            t->copy_on_read = true;
            break;
        case 's':
            flags |= BLOCK_OPEN_SNAPSHOT;
            break;
        case 'U':
            flags |= BLOCK_OPEN_SHARE;
            break;
        case 'k':
            ok = io_aio_mode("native", &flags);
            break;
        case 'i':
            ok = io_aio_mode(optarg, &flags);
            break;
        case 'o':
            g_string_append_printf(text, "%s%s", text->len ? "," : "", optarg);
            break;
        default:
            io_usage_of(t->command, NULL);
            return -EINVAL;
        }
    }
    if (ok && (argc - optind > 1 || (argc == optind && !text->len))) {
        io_usage_of(t->command, NULL);
        return -EINVAL;
    }
    if (ok && text->len && !options_parse(&o, text->str, NULL, &err)) {
        ok = !img_fail(&t->tool, "%s", err->message);
    }
    ok = ok && io_open(t, optind < argc ? argv[optind] : NULL, &o, flags);
    options_deinit(&o);
    return ok ? 0 : -EINVAL;
}

/* What -c and -r or -w say may also stand among the options. */
static bool io_reopen_options(IoTool *t, Options *o, bool cache, bool access, unsigned *flags)
{
    static const char *const names[] = { "read-only", "cache.direct", "cache.no-flush" };
    static const unsigned bits[] = { BLOCK_OPEN_WRITE, BLOCK_OPEN_DIRECT, BLOCK_OPEN_UNSAFE };
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        bool on;

        if (!options_get(o, names[i])) {
            continue;
        }
        if (i ? cache : access) {
            return !img_fail(&t->tool, i ? "Cannot set both -c and the cache options"
                                         : "Cannot set both -r/-w and 'read-only'");
        }
        if (!options_get_bool(o, names[i], false, &on, &err)) {
            return !img_fail(&t->tool, "%s", err->message);
        }
        *flags = on == (i > 0) ? *flags | bits[i] : *flags & ~bits[i];
    }
    return true;
}

static int io_reopen_run(IoTool *t, int argc, char **argv)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) err = NULL;
    unsigned flags = block_node_flags(t->node);
    bool ok = true, cache = false, access = false;
    Options o = { 0 };
    int key;

    while (ok && (key = getopt(argc, argv, t->command->letters)) != -1) {
        switch (key) {
        case 'c':
            cache = true;
            ok = io_cache_mode(optarg, &flags);
            break;
        case 'o':
            g_string_append_printf(text, "%s%s", text->len ? "," : "", optarg);
            break;
        case 'r':
        case 'w':
            if (access) {
                img_fail(&t->tool, "Only one -r/-w option may be given");
                return -EINVAL;
            }
            access = true;
            flags = (flags & ~(unsigned)BLOCK_OPEN_WRITE) | (key == 'w' ? BLOCK_OPEN_WRITE : 0);
            break;
        default:
            io_usage_of(t->command, NULL);
            return -EINVAL;
        }
    }
    if (ok && optind < argc) {
        io_usage_of(t->command, NULL);
        return -EINVAL;
    }
    if (ok && text->len && !options_parse(&o, text->str, NULL, &err)) {
        ok = !img_fail(&t->tool, "%s", err->message);
    }
    ok = ok && io_reopen_options(t, &o, cache, access, &flags) &&
         (block_node_reopen(t->node, &o, flags, &err) || !img_fail(&t->tool, "%s", err->message));
    for (unsigned i = 0; ok && i < o.n; i++) {
        if (!o.list[i].used) {
            ok = !img_fail(&t->tool, "Cannot change the option '%s'", o.list[i].key);
        }
    }
    options_deinit(&o);
    return ok ? 0 : -EINVAL;
}

static int io_close_run(IoTool *t, int argc, char **argv)
{
    io_close(t);
    return 0;
}

static int io_aio_flush_run(IoTool *t, int argc, char **argv)
{
    io_drain(t);
    return 0;
}

static int io_flush_run(IoTool *t, int argc, char **argv)
{
    int ret = block_node_flush(t->node);

    if (ret < 0) {
        printf("flush: %s\n", g_strerror(-ret));
    }
    return ret;
}

static int io_length_run(IoTool *t, int argc, char **argv)
{
    g_autofree char *size = img_size_long((double)block_node_size(t->node));

    puts(size);
    return 0;
}

static int io_truncate_run(IoTool *t, int argc, char **argv)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full" };
    unsigned prealloc = BLOCK_PREALLOC_OFF;
    g_autoptr(GError) err = NULL;
    uint64_t size;
    int key;

    while ((key = getopt(argc, argv, t->command->letters)) != -1) {
        for (prealloc = 0; key == 'm' && prealloc < G_N_ELEMENTS(modes); prealloc++) {
            if (!strcmp(optarg, modes[prealloc])) {
                break;
            }
        }
        if (key != 'm') {
            io_usage_of(t->command, NULL);
            return -EINVAL;
        }
        if (prealloc == G_N_ELEMENTS(modes)) {
            img_fail(&t->tool, "Invalid preallocation mode '%s'", optarg);
            return -EINVAL;
        }
    }
    if (optind == argc) {
        io_usage_of(t->command, NULL);
        return -EINVAL;
    }
    if (!io_number(argv[optind], &size)) {
        return -EINVAL;
    }
    if (!block_node_resize(t->node, size, false, (BlockPrealloc)prealloc, &err)) {
        img_fail(&t->tool, "%s", err->message);
        return -EINVAL;
    }
    return 0;
}

static int io_info_run(IoTool *t, int argc, char **argv)
{
    const BlockDriver *d = block_node_driver(t->node);
    uint64_t state = d->vmstate_base ? d->vmstate_base(t->node) : 0;
    g_autofree char *cluster = img_size_long((double)block_node_cluster_size(t->node));
    g_autofree char *base = img_size_long((double)state);
    GVariant *specific = block_node_specific(t->node);

    printf("format name: %s\ncluster size: %s\nvm state offset: %s\n", d->name, cluster, base);
    if (specific) {
        g_autoptr(GVariant) owned = g_variant_take_ref(specific);
        g_autoptr(GString) text = g_string_new(NULL);

        json_print_text(text, owned, 1);
        printf("Format specific information:\n%s", text->str);
    }
    return 0;
}

/* How much from @off on is of one kind: allocated in this image or not. */
static int io_allocated(BlockNode *n, uint64_t off, uint64_t end, uint64_t *len, bool *yes)
{
    *len = 0;
    while (off + *len < end) {
        BlockStatus s;
        int ret = block_node_status(n, off + *len, end - off - *len, &s);
        bool is = s.bits & BLOCK_STATUS_ALLOCATED;

        if (ret < 0) {
            return ret;
        }
        if (!*len) {
            *yes = is;
        } else if (is != *yes) {
            break;
        }
        *len += s.len;
    }
    return 0;
}

static int io_alloc_run(IoTool *t, int argc, char **argv)
{
    uint64_t off, count = 512, sum = 0, at, end;
    g_autofree char *where = NULL;

    if (!io_number(argv[1], &off) || (argc > 2 && !io_number(argv[2], &count))) {
        return -EINVAL;
    }
    end = block_node_size(t->node);
    count = off < end ? MIN(count, end - off) : 0;
    end = off + count;
    for (at = off; at < end;) {
        uint64_t len;
        bool yes = false;
        int ret = io_allocated(t->node, at, end, &len, &yes);

        if (ret < 0) {
            printf("is_allocated failed: %s\n", g_strerror(-ret));
            return ret;
        }
        sum += yes ? len : 0;
        at += len;
    }
    where = img_size_long((double)off);
    printf("%" PRIu64 "/%" PRIu64 " bytes allocated at offset %s\n", sum, count, where);
    return 0;
}

static int io_map_run(IoTool *t, int argc, char **argv)
{
    uint64_t end = block_node_size(t->node), len;

    for (uint64_t off = 0; off < end; off += len) {
        g_autofree char *size = NULL, *where = NULL;
        bool yes = false;
        int ret = io_allocated(t->node, off, end, &len, &yes);

        if (ret < 0) {
            printf("Failed to get allocation status: %s\n", g_strerror(-ret));
            return ret;
        }
        size = img_size_long((double)len);
        where = img_size_long((double)off);
        printf("%s (0x%" PRIx64 ") bytes %s at offset %s (0x%" PRIx64 ")\n", size, len,
               yes ? "    allocated" : "not allocated", where, off);
    }
    return 0;
}

static int io_sleep_run(IoTool *t, int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    uint64_t ms;

    if (!number_parse(argv[1], 0, INT32_MAX, &ms, &err)) {
        printf("%s is not a valid number\n", argv[1]);
        return -EINVAL;
    }
    io_sleep_ns(ms * 1000000);
    return 0;
}

static int io_sigraise_run(IoTool *t, int argc, char **argv)
{
    uint64_t number;

    if (!io_number(argv[1], &number)) {
        return -EINVAL;
    }
    if (number > 64) {
        printf("signal argument '%s' is too large to be a valid signal\n", argv[1]);
        return -EINVAL;
    }
    fflush(stdout);
    raise((int)number);
    return 0;
}

/* ---- Breakpoints, of a blkdebug node ---- */

static int io_break_run(IoTool *t, int argc, char **argv)
{
    int ret = block_debug_break(t->node, argv[1], argv[2]);

    if (ret < 0) {
        printf("Could not set breakpoint: %s\n", g_strerror(-ret));
    }
    return ret;
}

static int io_remove_break_run(IoTool *t, int argc, char **argv)
{
    int ret = block_debug_remove_break(t->node, argv[1]);

    if (ret < 0) {
        printf("Could not remove breakpoint %s: %s\n", argv[1], g_strerror(-ret));
    }
    return ret;
}

static int io_resume_run(IoTool *t, int argc, char **argv)
{
    int ret = block_debug_resume(t->node, argv[1]);

    if (ret < 0) {
        printf("Could not resume request: %s\n", g_strerror(-ret));
    }
    return ret;
}

static int io_wait_break_run(IoTool *t, int argc, char **argv)
{
    while (!block_debug_is_suspended(t->node, argv[1])) {
        io_sleep_ns(1000000);
    }
    return 0;
}

static int io_abort_run(IoTool *t, int argc, char **argv)
{
    abort(); /* what it is for: a process that dies */
}

static int io_quit_run(IoTool *t, int argc, char **argv)
{
    t->quit = true;
    return 0;
}

static int io_help_run(IoTool *t, int argc, char **argv)
{
    bool any = false;

    for (const IoCommand *c = io_commands; c->name; c++) {
        if (argc < 2 || !strcmp(argv[1], c->name) || (c->alias && !strcmp(argv[1], c->alias))) {
            io_usage_of(c, argc < 2 ? c->name : argv[1]);
            io_help_more(argc < 2 ? NULL : c->name);
            any = true;
        }
    }
    if (!any) {
        printf("command %s not found\n", argv[1]);
    } else if (argc < 2) {
        puts("\nUse 'help commandname' for extended help.");
    }
    return 0;
}

const IoCommand io_commands[] = {
    { "abort", NULL, NULL, "simulate a program crash using abort(3)", NULL, 0, -1, true,
      io_abort_run },
    { "aio_flush", NULL, NULL, "completes all outstanding aio requests", NULL, 0, 0, false,
      io_aio_flush_run },
    { "aio_read", NULL, "[-Ciqv] [-P pattern] off len [len..]",
      "asynchronously reads a number of bytes", "CP:iqv", 2, -1, false, io_aio_read_run },
    { "aio_write", NULL, "[-Cfiquz] [-P pattern] off len [len..]",
      "asynchronously writes a number of bytes", "CfiP:quz", 2, -1, false, io_aio_write_run },
    { "alloc", "a", "offset [count]", "checks if offset is allocated in the file", NULL, 1, 2,
      false, io_alloc_run },
    { "break", NULL, "event tag", "sets a breakpoint on event and tags the stopped request as tag",
      NULL, 2, 2, false, io_break_run },
    { "close", "c", NULL, "close the current open file", NULL, 0, 0, false, io_close_run },
    { "discard", "d", "[-Cq] off len", "discards a number of bytes at a specified offset", "Cq", 2,
      -1, false, io_discard_run },
    { "flush", "f", NULL, "flush all in-core file state to disk", NULL, 0, 0, false, io_flush_run },
    { "help", "?", "[command]", "help for one or all commands", NULL, 0, 1, true, io_help_run },
    { "info", "i", NULL, "prints information about the current file", NULL, 0, 0, false,
      io_info_run },
    { "length", "l", NULL, "gets the length of the current file", NULL, 0, 0, false,
      io_length_run },
    { "map", NULL, "", "prints the allocated areas of a file", NULL, 0, 0, false, io_map_run },
    { "open", "o", "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]",
      "open the file specified by path", "Csnro:ki:t:d:U", 1, -1, true, io_open_run },
    { "quit", "q", NULL, "exit the program", NULL, 0, -1, true, io_quit_run },
    { "read", "r", "[-abCqv] [-P pattern [-s off] [-l len]] off len",
      "reads a number of bytes at a specified offset", "abCl:pP:qs:v", 2, -1, false, io_read_run,
      true },
    { "readv", "rv", "[-Cqv] [-P pattern] off len [len..]",
      "reads a number of bytes at a specified offset", "CP:qv", 2, -1, false, io_readv_run },
    { "remove_break", NULL, "tag", "remove a breakpoint by tag", NULL, 1, 1, false,
      io_remove_break_run },
    { "reopen", NULL, "[(-r|-w)] [-c cache] [-o options]", "reopens an image with new options",
      "c:o:rw", 0, -1, false, io_reopen_run },
    { "resume", NULL, "tag", "resumes the request tagged as tag", NULL, 1, 1, false,
      io_resume_run },
    { "sigraise", NULL, "signal", "raises a signal", NULL, 1, 1, true, io_sigraise_run },
    { "sleep", NULL, NULL, "waits for the given value in milliseconds", NULL, 1, 1, true,
      io_sleep_run },
    { "truncate", "t", "[-m prealloc_mode] off", "truncates the current file at the given offset",
      "m:", 1, 3, false, io_truncate_run },
    { "wait_break", NULL, "tag", "waits for the suspension of a request", NULL, 1, 1, false,
      io_wait_break_run },
    { "write", "w", "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset", "bcCfnpP:qs:uz", 2, -1, false, io_write_run,
      true },
    { "writev", "wv", "[-Cfq] [-P pattern] off len [len..]",
      "writes a number of bytes at a specified offset", "CfqP:", 2, -1, false, io_writev_run },
    { 0 },
};
