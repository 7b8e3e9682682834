/* SPDX-License-Identifier: Apache-2.0 */
/* The one command: picks the tool by subcommand or argv[0]. */
#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("tinamou 0.1.0\n");
    return 0;
}
