/* SPDX-License-Identifier: Apache-2.0 */
/* Events of formats, and breakpoints on them, for the filter that knows what to do with them. */
#include "block/core/core-priv.h"

#include <errno.h>

void block_debug_event(BlockNode *n, BlockDebugEvent e)
{
    if (n->drv->debug) {
        n->drv->debug->event(n, e);
    }
}

static BlockNode *debug_find(BlockNode *n)
{
    while (n && !n->drv->debug) {
        n = n->file;
    }
    return n;
}

int block_debug_break(BlockNode *n, const char *event, const char *tag)
{
    n = debug_find(n);
    return n ? n->drv->debug->set_break(n, event, tag) : -ENOTSUP;
}

int block_debug_remove_break(BlockNode *n, const char *tag)
{
    n = debug_find(n);
    return n ? n->drv->debug->remove_break(n, tag) : -ENOTSUP;
}

int block_debug_resume(BlockNode *n, const char *tag)
{
    n = debug_find(n);
    return n ? n->drv->debug->resume(n, tag) : -ENOTSUP;
}

bool block_debug_is_suspended(BlockNode *n, const char *tag)
{
    n = debug_find(n);
    return n && n->drv->debug->is_suspended(n, tag);
}
