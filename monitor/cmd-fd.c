/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that come through a monitor's socket: sets of them, and by name. */
#include "core/event/loop.h"
#include "monitor/commands.h"
#include "util/fdsets.h"

#include <inttypes.h>
#include <unistd.h>

static int fd_received(MonCall *c, GError **err)
{
    int fd = c->mon ? chardev_take_fd(c->mon->chardev) : -1;

    if (fd < 0) {
        error_set(err, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

bool cmd_add_fd(MonCall *c, GError **err)
{
    const MonValue *id = &c->args[0], *opaque = &c->args[1];
    int fd = fd_received(c, err);
    int64_t set = -1;

    if (fd < 0) {
        return false;
    }
    if (id->present && id->num < 0) {
        error_set(err, "Parameter 'fdset-id' expects a non-negative value");
    } else {
        set = fdsets_add(machine_fdsets(c->m), id->present ? id->num : -1, fd,
                         opaque->present ? opaque->str : NULL, err);
    }
    if (set < 0) {
        close(fd);
        return false;
    }
    json_out_begin(c->out, NULL, '{');
    json_out_int(c->out, "fdset-id", set);
    json_out_int(c->out, "fd", fd);
    json_out_end(c->out, '}');
    return true;
}

bool cmd_remove_fd(MonCall *c, GError **err)
{
    int64_t set = c->args[0].num, fd = c->args[1].num;

    if (set < 0 || (c->args[1].present && (fd < 0 || fd > G_MAXINT))) {
        return error_set(
            err, "File descriptor named 'fdset-id:%" PRId64 ", fd:%" PRId64 "' not found", set, fd);
    }
    return fdsets_remove(machine_fdsets(c->m), set, c->args[1].present ? (int)fd : -1, err);
}

typedef struct FdList {
    JsonOut *out;
    int64_t set; /* the last one's; below 0: none yet */
} FdList;

static void fd_list_end(const FdList *list)
{
    if (list->set >= 0) {
        json_out_end(list->out, ']');
        json_out_end(list->out, '}');
    }
}

static void fd_list_one(void *arg, int64_t set, int fd, const char *opaque)
{
    FdList *list = arg;

    if (set != list->set) {
        fd_list_end(list);
        json_out_begin(list->out, NULL, '{');
        json_out_int(list->out, "fdset-id", set);
        json_out_begin(list->out, "fds", '[');
        list->set = set;
    }
    json_out_begin(list->out, NULL, '{');
    json_out_int(list->out, "fd", fd);
    if (opaque) {
        json_out_str(list->out, "opaque", opaque);
    }
    json_out_end(list->out, '}');
}

bool cmd_query_fdsets(MonCall *c, GError **err)
{
    FdList list = { c->out, -1 };

    json_out_begin(c->out, NULL, '[');
    fdsets_each(machine_fdsets(c->m), fd_list_one, &list);
    fd_list_end(&list);
    json_out_end(c->out, ']');
    return true;
}

static bool fd_name(MonCall *c, const char *name, GError **err)
{
    int fd = fd_received(c, err);

    if (fd < 0) {
        return false;
    }
    if (g_ascii_isdigit(*name)) {
        close(fd);
        return error_set(err, "Parameter 'fdname' expects a name not starting with a digit");
    }
    fdsets_name(machine_fdsets(c->m), name, fd);
    return true;
}

static bool fd_close(MonCall *c, const char *name, GError **err)
{
    int fd = fdsets_take(machine_fdsets(c->m), name);

    if (fd < 0) {
        return error_set(err, "File descriptor named '%s' not found", name);
    }
    close(fd);
    return true;
}

bool cmd_getfd(MonCall *c, GError **err)
{
    return fd_name(c, c->args[0].str, err);
}

bool cmd_closefd(MonCall *c, GError **err)
{
    return fd_close(c, c->args[0].str, err);
}

bool hmp_getfd(MonCall *c, GError **err)
{
    g_autofree char *name = mon_call_word(c);

    c->plain_error = name != NULL;
    return name ? fd_name(c, name, err) : error_set(err, "a name is missing: getfd name");
}

bool hmp_closefd(MonCall *c, GError **err)
{
    g_autofree char *name = mon_call_word(c);

    c->plain_error = name != NULL;
    return name ? fd_close(c, name, err) : error_set(err, "a name is missing: closefd name");
}
