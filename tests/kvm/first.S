/* SPDX-License-Identifier: Apache-2.0 */
/* Says at once that it runs (port E9h), and waits: what a machine costs by its first instruction. */
#include "guest.h"
    MODE16
main:
    mov al, '!'
    out 0xe9, al
1:  hlt
    jmp 1b
