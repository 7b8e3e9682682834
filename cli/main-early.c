/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for main.c while the tree has no machine to run: only the option table can be seen. */
#include "cli/config.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    g_autofree char *help = option_help("tinamou system aarch64");

    if (argc > 1 && !strcmp(argv[argc - 1], "--help")) {
        fputs(help, stdout);
        return 0;
    }
    fputs("tinamou: this build has no machine to run\n", stderr);
    return 1;
}
