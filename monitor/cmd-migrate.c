/* SPDX-License-Identifier: Apache-2.0 */
/* State to and from files and descriptors: migrate file:PATH, -incoming fd:NUMBER. */
#include "monitor/commands.h"

#include "core/event/loop.h"
#include "core/state/state.h"
#include "monitor/migrate-send.h"
#include "util/fdsets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const migrate_status_names[] = {
    [MIGRATE_NONE] = "none",           [MIGRATE_ACTIVE] = "active",
    [MIGRATE_COMPLETED] = "completed", [MIGRATE_FAILED] = "failed",
    [MIGRATE_CANCELLED] = "cancelled",
};

static void migrate_set_status(MonHost *h, MigrateStatus s, const char *error)
{
    g_autofree char *data = g_strdup_printf("{\"status\": \"%s\"}", migrate_status_names[s]);

    h->has_migrate = true;
    h->migrate_status = s;
    g_free(h->migrate_error);
    h->migrate_error = g_strdup(error);
    mon_emit(h, "MIGRATION", data);
}

/* The file of "file:PATH", or the descriptor of "fd:NUMBER" and "fd:NAME" (a name is used up);
 * other transports are refused by name. -1: an error. */
static int migrate_open(MonHost *h, const char *uri, int flags, GError **err)
{
    static const char *const later[] = { "tcp:", "unix:", "exec:", "rdma:", "x-rdma:" };
    int fd = -1;

    if (g_str_has_prefix(uri, "file:") && uri[5]) {
        fd = open(uri + 5, flags | O_CLOEXEC, 0600);
        if (fd < 0) {
            error_set(err, "cannot %s '%s': %s", flags & O_WRONLY ? "write" : "read", uri + 5,
                      g_strerror(errno));
        }
        return fd;
    }
    if (g_str_has_prefix(uri, "fd:")) {
        fd = fdsets_take_text(machine_fdsets(h->machine), "fd:", uri + 3, err);
        if (fd >= 0) { /* who sent it may have waited for nothing */
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
        }
        return fd;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(later); i++) {
        if (g_str_has_prefix(uri, later[i])) {
            error_set(err,
                      "migration to '%s' is not supported yet; write file:PATH, or fd:NAME with a "
                      "descriptor of `getfd`",
                      uri);
            return -1;
        }
    }
    error_set(err, "Parameter 'uri' expects a valid migration protocol (file:PATH, fd:NAME)");
    return -1;
}

/* Does a write to it end soon? */
static bool migrate_is_file(int fd, const char *uri)
{
    struct stat st;

    return g_str_has_prefix(uri, "file:") || (!fstat(fd, &st) && S_ISREG(st.st_mode));
}

/* Closes @take_fd. */
static bool migrate_save(MonHost *h, const char *uri, int take_fd, GError **err)
{
    off_t before = lseek(take_fd, 0, SEEK_CUR), after;
    bool ok = machine_save(h->machine, take_fd, err), is_file;
    struct stat st;

    is_file = !fstat(take_fd, &st) && S_ISREG(st.st_mode);

    after = lseek(take_fd, 0, SEEK_CUR); /* -1: a pipe or a socket */
    h->migrate_bytes = before >= 0 && after > before ? (uint64_t)(after - before) : 0;
    if (close(take_fd) && ok) {
        ok = error_set(err, "cannot write '%s': %s", uri, g_strerror(errno));
    }
    if (!ok && is_file && g_str_has_prefix(uri, "file:")) { /* not /dev/null */
        unlink(uri + 5);                                    /* half a state is worth nothing */
    }
    return ok;
}

static void migrate_ended(void *opaque, int error);

/* Closes @take_fd, at the end. */
static bool migrate_begin_send(MonHost *h, int take_fd, GError **err)
{
    int spool = migrate_spool(err);

    if (spool < 0 || !machine_save(h->machine, spool, err)) {
        if (spool >= 0) {
            close(spool);
        }
        close(take_fd);
        return false;
    }
    h->migrate_send = migrate_send_start(h->machine, spool, take_fd, migrate_ended, h, err);
    return h->migrate_send != NULL;
}

static void migrate_succeeded(MonHost *h)
{
    h->migrate_ms = (g_get_monotonic_time() - h->migrate_start_us) / 1000;
    if (!machine_is_running(h->machine)) { /* `cont` came meanwhile */
        machine_set_run_state(h->machine, RUN_POSTMIGRATE);
    }
    migrate_set_status(h, MIGRATE_COMPLETED, NULL);
}

/* The machine goes on, unless somebody has said otherwise meanwhile. */
static void migrate_failed(MonHost *h, MigrateStatus status, const char *why)
{
    Machine *m = h->machine;
    g_autoptr(GError) ignored = NULL;

    h->migrate_ms = (g_get_monotonic_time() - h->migrate_start_us) / 1000;
    migrate_set_status(h, status, why);
    if (h->migrate_was_running && machine_run_state(m) == RUN_FINISH_MIGRATE) {
        if (!machine_resume(m, &ignored)) {
            machine_set_run_state(m, RUN_INTERNAL_ERROR);
        }
    }
}

static void migrate_ended(void *opaque, int error)
{
    MonHost *h = opaque;
    uint64_t total;

    migrate_send_progress(h->migrate_send, &h->migrate_bytes, &total);
    migrate_send_free(h->migrate_send);
    h->migrate_send = NULL;
    if (error == -ECANCELED) {
        migrate_failed(h, MIGRATE_CANCELLED, NULL);
    } else if (error) {
        g_autofree char *why =
            g_strdup_printf("cannot send the machine's state: %s", g_strerror(-error));

        migrate_failed(h, MIGRATE_FAILED, why);
    } else {
        migrate_succeeded(h);
    }
}

bool mon_migrate(MonHost *h, const char *uri, GError **err)
{
    Machine *m = h->machine;
    bool ok;
    int fd;

    if (h->migrate_send) {
        return error_set(err, "There's a migration process in progress");
    }
    if (machine_run_state(m) == RUN_INMIGRATE) {
        return error_set(err, "Guest is waiting for an incoming migration");
    }
    fd = migrate_open(h, uri, O_WRONLY | O_CREAT | O_TRUNC, err);
    if (fd < 0) {
        return false;
    }
    h->migrate_start_us = g_get_monotonic_time();
    migrate_set_status(h, MIGRATE_ACTIVE, NULL);
    h->migrate_was_running = machine_is_running(m);
    if (h->migrate_was_running) {
        mon_hint_free_pages(m);
        machine_pause(m, RUN_FINISH_MIGRATE);
    }
    ok = migrate_is_file(fd, uri) ? migrate_save(h, uri, fd, err) : migrate_begin_send(h, fd, err);
    if (!ok) {
        migrate_failed(h, MIGRATE_FAILED, (*err)->message);
    } else if (!h->migrate_send) {
        migrate_succeeded(h);
    }
    return ok;
}

bool mon_incoming(MonHost *h, const char *uri, GError **err)
{
    int fd = migrate_open(h, uri, O_RDONLY, err);
    bool ok;

    if (fd < 0) {
        return false;
    }
    migrate_set_status(h, MIGRATE_ACTIVE, NULL);
    ok = machine_load(h->machine, fd, err);
    close(fd);
    if (!ok) {
        migrate_set_status(h, MIGRATE_FAILED, (*err)->message);
        return false;
    }
    h->incoming_wanted = false;
    migrate_set_status(h, MIGRATE_COMPLETED, NULL);
    if (!h->autostart) {
        machine_set_run_state(h->machine, RUN_PAUSED);
        return true;
    }
    return machine_resume(h->machine, err);
}

bool cmd_migrate(MonCall *c, GError **err)
{
    for (unsigned i = 1; i < 5; i++) { /* blk, inc; detach means nothing; resume */
        if (i != 3 && c->args[i].flag) {
            return error_set(err, "'%s' is not supported", c->cmd->args[i].name);
        }
    }
    return mon_migrate(c->host, c->args[0].str, err);
}

bool hmp_migrate(MonCall *c, GError **err)
{
    g_autofree char *uri = NULL;

    mon_call_flag(c, 'd');
    uri = mon_call_word(c);
    if (!uri) {
        return error_set(err, "a target is missing: migrate file:PATH or fd:NAME");
    }
    return mon_migrate(c->host, uri, err);
}

/* Of files all is written when `migrate` answers. */
bool cmd_migrate_cancel(MonCall *c, GError **err)
{
    if (c->host->migrate_send) {
        migrate_send_cancel(c->host->migrate_send);
    }
    return true;
}

static void migrate_show_active(MonCall *c)
{
    uint64_t sent, total;

    migrate_send_progress(c->host->migrate_send, &sent, &total);
    json_out_int(c->out, "total-time", (g_get_monotonic_time() - c->host->migrate_start_us) / 1000);
    json_out_begin(c->out, "ram", '{');
    json_out_uint(c->out, "transferred", sent);
    json_out_uint(c->out, "remaining", total - sent);
    json_out_uint(c->out, "total", total);
    json_out_end(c->out, '}');
}

bool cmd_query_migrate(MonCall *c, GError **err)
{
    MonHost *h = c->host;

    json_out_begin(c->out, NULL, '{');
    if (h->has_migrate) {
        json_out_str(c->out, "status", migrate_status_names[h->migrate_status]);
        if (h->migrate_error) {
            json_out_str(c->out, "error-desc", h->migrate_error);
        }
        if (h->migrate_send) {
            migrate_show_active(c);
        } else if (h->migrate_status == MIGRATE_COMPLETED && h->migrate_bytes) {
            json_out_int(c->out, "total-time", h->migrate_ms);
            json_out_int(c->out, "downtime", h->migrate_ms);
            json_out_begin(c->out, "ram", '{');
            json_out_uint(c->out, "transferred", h->migrate_bytes);
            json_out_int(c->out, "remaining", 0);
            json_out_uint(c->out, "total", h->migrate_bytes);
            json_out_end(c->out, '}');
        }
    }
    json_out_end(c->out, '}');
    return true;
}

bool hmp_info_migrate(MonCall *c, GError **err)
{
    MonHost *h = c->host;

    if (!h->has_migrate) {
        return true;
    }
    g_string_append_printf(c->text, "Migration status: %s",
                           migrate_status_names[h->migrate_status]);
    if (h->migrate_error) {
        g_string_append_printf(c->text, " (%s)", h->migrate_error);
    }
    g_string_append_c(c->text, '\n');
    if (h->migrate_status == MIGRATE_COMPLETED && h->migrate_bytes) {
        g_string_append_printf(c->text,
                               "total time: %" PRId64 " ms\ntransferred: %" PRIu64 " kbytes\n",
                               h->migrate_ms, h->migrate_bytes >> 10);
    }
    return true;
}

static bool migrate_incoming(MonCall *c, const char *uri, GError **err)
{
    if (!c->host->incoming_wanted) {
        return error_set(err, c->host->config.incoming_defer
                                  ? "The incoming migration has already been started"
                                  : "'-incoming' was not specified on the command line");
    }
    return mon_incoming(c->host, uri, err);
}

bool cmd_migrate_incoming(MonCall *c, GError **err)
{
    return migrate_incoming(c, c->args[0].str, err);
}

bool hmp_migrate_incoming(MonCall *c, GError **err)
{
    g_autofree char *uri = mon_call_word(c);

    return uri ? migrate_incoming(c, uri, err)
               : error_set(err, "a source is missing: migrate_incoming file:PATH or fd:NAME");
}
