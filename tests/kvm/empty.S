/* SPDX-License-Identifier: Apache-2.0 */
/* Ends at once: what starting a machine costs. */
#include "guest.h"
    MODE16
main:
    PASS
