/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MONITOR_MONITOR_PRIV_H
#define MONITOR_MONITOR_PRIV_H

#include "core/clock.h"
#include "core/cpu.h"
#include "core/machine.h"
#include "monitor/json-out.h"
#include "monitor/monitor.h"

/* The version of QEMU whose commands and answers are followed. */
enum { MON_MAX_ARGS = 24, MON_QEMU_MAJOR = 7, MON_QEMU_MINOR = 2, MON_QEMU_MICRO = 0 };

/* The last two of leaves alone: null (or a fraction), and nothing there. */
typedef enum MonArgType { MON_STR, MON_INT, MON_BOOL, MON_ANY, MON_NULL, MON_ABSENT } MonArgType;

typedef struct MonArg {
    const char *name;
    MonArgType type;
    bool optional;
    const char *schema; /* name in the table of types; NULL: by `type` */
} MonArg;

typedef struct MonValue {
    bool present;
    const char *str; /* MON_STR */
    int64_t num;
    bool flag;
    /* MON_ANY: its leaves, "data.size" -> "65536" */
    GHashTable *leaves;
    GHashTable *kinds; /* MonArgType of each leaf, and of what holds them, plus 1 */
} MonValue;

typedef struct MonCommand MonCommand;

typedef struct MonCall {
    MonHost *host;
    Machine *m;   /* without a guest (config.no_guest): its loop, backends and log alone */
    Monitor *mon; /* may be NULL */
    const MonCommand *cmd;
    MonValue args[MON_MAX_ARGS]; /* QMP: by the row's args */
    JsonOut *out;                /* QMP: exactly one value, unless the row has no `returns` */
    const char *line;            /* HMP: what stands after the name, no leading blanks */
    GString *text;               /* HMP: the answer */
    const char *error_class;     /* of an error, if not GenericError */
    bool plain_error;            /* HMP: not followed by where help is */
    int *cpu_index;              /* HMP: the CPU that `cpu` has chosen */
} MonCall;

typedef bool MonFn(MonCall *c, GError **err);

/* One command: what it is called in QMP, in HMP, or both. */
struct MonCommand {
    const char *name; /* QMP; NULL: none */
    const char *doc;
    MonFn *qmp;
    MonArg args[MON_MAX_ARGS];
    bool anywhere;       /* works without a guest too: in `tinamou storage` */
    bool open_args;      /* args[0] is MON_ANY and takes every argument */
    const char *returns; /* type's name, "[Name]" for an array; NULL: nothing */
    const char *hmp;     /* "stop", "info status", "print|p"; NULL: none */
    const char *hmp_args;
    MonFn *hmp_fn;
};

typedef struct MonMember {
    const char *name;
    const char *type;
    bool optional;
} MonMember;

/* A type of the introspection: an object if it has members, else an enumeration. */
typedef struct MonType {
    const char *name;
    const MonMember *members;
    const char *const *values;
} MonType;

typedef struct MonEventType {
    const char *name;
    const char *data; /* type; NULL: none */
    const char *doc;
} MonEventType;

extern const MonCommand mon_commands[];
extern const unsigned mon_n_commands;
extern const MonType mon_types[];
extern const unsigned mon_n_types;
extern const MonEventType mon_events[];
extern const unsigned mon_n_events;

typedef enum MigrateStatus {
    MIGRATE_NONE,
    MIGRATE_ACTIVE,
    MIGRATE_COMPLETED,
    MIGRATE_FAILED,
    MIGRATE_CANCELLED,
} MigrateStatus;

/* announce-self under way. */
typedef struct MonAnnounce {
    unsigned watch, ms, max_ms, step_ms, left;
    GHashTable *only; /* names of cards; NULL: all */
} MonAnnounce;

enum { MON_MIGRATE_CAPS = 21 };

struct MonHost {
    MonAnnounce announce;
    Machine *machine;
    MonHostConfig config;
    GPtrArray *monitors;       /* of Monitor */
    GPtrArray *chardevs;       /* of Chardev: those of chardev-add, owned */
    GAsyncQueue *block_events; /* from the block graph's loop, not sent yet */
    struct BlockGraph *blocks; /* whose events come here; NULL: none has been asked for */
    bool autostart;
    bool incoming_wanted; /* -incoming defer, not there yet */
    MigrateStatus migrate_status;
    char *migrate_error;
    uint64_t migrate_bytes;
    int64_t migrate_ms;
    struct MigrateSend *migrate_send; /* under way; NULL */
    int64_t migrate_start_us;
    bool migrate_was_running;   /* the machine, before it was stopped for that */
    uint32_t migrate_caps;      /* a bit for each capability that is on */
    GHashTable *migrate_params; /* name to value: what migrate-set-parameters said; NULL */
    MigrateStatus dump_status;
    uint64_t dump_bytes, dump_total;
    bool has_migrate;       /* some migration was asked for */
    unsigned balloon_watch; /* 0: the next BALLOON_CHANGE is sent at once */
    bool balloon_changed;   /* and once more when the watch ends */
};

typedef struct Qmp Qmp;
typedef struct Hmp Hmp;

struct Monitor {
    MonHost *host;
    Chardev *chardev;
    MonMode mode;
    Qmp *qmp;
    Hmp *hmp;
    bool suspended;
};

unsigned mon_command_n_args(const MonCommand *c);
/* NULL: unknown, or not for a host without a guest. */
const MonCommand *mon_find_qmp(const MonHost *h, const char *name);
/* Is the row's QMP command there for @h's clients? */
bool mon_offers(const MonHost *h, const MonCommand *c);
/* By the words at the start of @line; *rest: what follows. NULL: unknown. */
const MonCommand *mon_find_hmp(const char *line, const char **rest);
bool mon_hmp_name_matches(const char *names, const char *word);

/* qmp.c (or qmp-off.c without jansson) */
bool qmp_start(Monitor *mon, GError **err);
void qmp_stop(Monitor *mon);
/* @data_json NULL: no data */
void qmp_event(Monitor *mon, const char *name, const char *data_json);
/* Feed text as a client would send it: for tests; answers go to @out. */
char *qmp_execute_text(MonHost *h, const char *text);

/* hmp.c */
bool hmp_start(Monitor *mon, GError **err);
void hmp_stop(Monitor *mon);
void hmp_execute(MonHost *h, Monitor *mon, const char *line, int *cpu_index, GString *out);

/* An event to every QMP monitor; @data_json without braces problems: a JSON object, or NULL. */
void mon_emit(MonHost *h, const char *name, const char *data_json);
/* No announcement any more. */
void mon_announce_end(MonHost *h);
/* The guest's part of BALLOON_CHANGE, which is not sent as often. */
void mon_balloon_changed(MonHost *h);

/* expr.c: numbers, + - * / % & | ^ ~ ( ), $registers. */
bool mon_expr_parse(MonCall *c, const char **text, int64_t *value, GError **err);
/* The CPU that HMP commands work on. */
Cpu *mon_call_cpu(MonCall *c);
/* The next blank-separated word of c->line (or "quoted words"), NULL at the end; caller frees. */
char *mon_call_word(MonCall *c);
/* "-d" among the leading flags: takes it. */
bool mon_call_flag(MonCall *c, char flag);
/* NULL for a leaf that is not there */
const char *mon_leaf(const MonValue *v, const char *path);
MonArgType mon_leaf_kind(const MonValue *v, const char *path);

/* For commands whose arguments are a command line's options: call @fn with them. */
typedef bool MonOptionsFn(MonCall *c, Options *o, GError **err);
/* Of QMP: booleans are on and off, a list of {"str": "..."} is the option once for each. */
bool mon_qmp_options(MonCall *c, MonOptionsFn *fn, GError **err);
/* Of HMP: the line; a first word without '=' is @first. */
bool mon_hmp_options(MonCall *c, const char *first, MonOptionsFn *fn, GError **err);

void mon_version_json(JsonOut *out, const char *key);

/* Jobs and exports end, and are heard no more. cmd-block-event.c */
void blk_host_end(MonHost *h);

/* state and migration, cmd-migrate.c */
/* To a pipe or a socket: begins it. */
bool mon_migrate(MonHost *h, const char *uri, GError **err);

#endif
