/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two machines in one process, each with its main loop and vCPUs on threads of their own:
 *
 *   two ARGUMENTS...     as of `tinamou system aarch64`; %d becomes the machine's number, 0 or 1
 *
 * Status 0: both ended of themselves.
 */
#include "cli/build.h"

#include <pthread.h>
#include <stdio.h>

enum { MACHINES = 2 };

typedef struct One {
    pthread_t thread;
    GPtrArray *args;
    int status;
} One;

static void *one_run(void *arg)
{
    One *o = arg;
    SystemConfig c;
    Build b;
    GError *err = NULL;

    config_init(&c, "aarch64");
    build_init(&b, &c);
    o->status = 1;
    if (config_parse(&c, (int)o->args->len, (char **)o->args->pdata, &err) &&
        build_machine(&b, &err) && build_run(&b, &err) && build_go(&b, &err)) {
        o->status = machine_run_main_loop(b.m);
    }
    build_deinit(&b);
    if (err) {
        fprintf(stderr, "two: %s\n", err->message);
        g_clear_error(&err);
    }
    config_deinit(&c);
    return NULL;
}

int main(int argc, char **argv)
{
    One one[MACHINES];
    int status = 0;

    for (int k = 0; k < MACHINES; k++) {
        char number[2] = { (char)('0' + k), 0 };

        one[k].args = g_ptr_array_new_with_free_func(g_free);
        for (int i = 1; i < argc; i++) {
            g_autoptr(GString) s = g_string_new(argv[i]);

            g_string_replace(s, "%d", number, 0);
            g_ptr_array_add(one[k].args, g_strdup(s->str));
        }
        if (pthread_create(&one[k].thread, NULL, one_run, &one[k])) {
            return 2;
        }
    }
    for (int k = 0; k < MACHINES; k++) {
        pthread_join(one[k].thread, NULL);
        g_ptr_array_free(one[k].args, TRUE);
        status |= one[k].status;
    }
    return status;
}
