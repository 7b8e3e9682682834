/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_ORACLE_H
#define TESTS_DIFF_ORACLE_H

#include <stdbool.h>
#include <stdio.h>

/* Run @argv, an oracle that reads cases from @to and answers on @from. False: it cannot be begun.
 */
bool oracle_start(char **argv, FILE **to, FILE **from);

#endif
