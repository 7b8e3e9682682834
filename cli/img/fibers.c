/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/img/img-priv.h"

typedef struct ImgFibers {
    FiberFn *fn;
    void *arg;
    unsigned left;
    FiberQueue done;
} ImgFibers;

static void img_fibers_one(void *opaque)
{
    ImgFibers *f = opaque;

    f->fn(f->arg);
    if (!--f->left) {
        fiber_queue_wake_all(&f->done);
    }
}

void img_fibers(unsigned n, FiberFn *fn, void *arg)
{
    ImgFibers f = { fn, arg, n, { 0 } };

    for (unsigned i = 0; i < n; i++) {
        fiber_start(img_fibers_one, &f);
    }
    while (f.left) {
        fiber_queue_wait(&f.done);
    }
}
