/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/diff/oracle.h"

#include <unistd.h>

bool oracle_start(char **argv, FILE **to, FILE **from)
{
    int in[2], out[2];
    pid_t pid;

    if (pipe(in) || pipe(out)) {
        return false;
    }
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    *to = fdopen(in[1], "w");
    *from = fdopen(out[0], "r");
    return pid > 0;
}
