/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the human monitor as calls of QMP commands: the arguments by a description of them, and
 * what is wrong with them in the words that QEMU's users know.
 */
#ifndef MONITOR_HMP_ARGS_H
#define MONITOR_HMP_ARGS_H

#include "monitor/monitor-priv.h"

enum { HMP_ARGS_MAX = 12 };

typedef struct HmpArg {
    char *name, *str;
    int64_t num;
    bool present;
} HmpArg;

typedef struct HmpArgs {
    HmpArg list[HMP_ARGS_MAX];
    unsigned n;
} HmpArgs;

/*
 * @spec: "force:-f,device:B,size:o?": flags, B a disk, F a file name, s a word, S the rest of the
 * line, o a size (in MiB without a suffix), l a number or expression; ? may be left out.
 * False: c->text says what is wrong, and the command is done.
 */
NODISCARD bool hmp_args(MonCall *c, const char *spec, HmpArgs *a);
void hmp_args_free(HmpArgs *a);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HmpArgs, hmp_args_free)

const char *hmp_str(const HmpArgs *a, const char *name); /* NULL: not given */
int64_t hmp_num(const HmpArgs *a, const char *name);
bool hmp_flag(const HmpArgs *a, const char *name);

/* A QMP command about to be called for @c. */
typedef struct HmpCall {
    MonCall q;
    GString *answer;
    JsonOut out;
} HmpCall;

/* With those of @a (NULL: none) that the command knows by the same name. */
void hmp_call(HmpCall *h, MonCall *c, const char *command, const HmpArgs *a);
void hmp_set_str(HmpCall *h, const char *name, const char *value); /* NULL: leaves it out */
void hmp_set_num(HmpCall *h, const char *name, int64_t value);
void hmp_set_flag(HmpCall *h, const char *name, bool value);
/* Calls it; frees what @h has. */
NODISCARD bool hmp_call_run(HmpCall *h, GError **err);

#endif
