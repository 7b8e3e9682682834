/* SPDX-License-Identifier: Apache-2.0 */
/* What `help COMMAND` of `tinamou io` tells beside the line of usage. */
#include "cli/img/io-priv.h"

#include <stdio.h>
#include <string.h>

#define HELP_STATS   "  -C  figures in a form for programs\n  -q  no figures\n"
#define HELP_PATTERN "  -P  the byte it must consist of, else \"Pattern verification failed\"\n"
#define HELP_WRITE   "  -f  it is on stable storage when the command ends (FUA)\n"
#define HELP_ZERO                                                                 \
    "  -z  zeros without sending them (a format may keep a note of them alone)\n" \
    "  -u  with -z: the space may be freed\n"
#define HELP_LIST " Each length after the first is one more piece of memory of the same request.\n"

static const struct {
    const char *name, *text;
} io_help[] = {
    { "aio_read",
      " Returns at once; what was read is told of when it ends (aio_flush waits for "
      "all).\n" HELP_LIST HELP_PATTERN HELP_STATS "  -i  an invalid request, which counts as such\n"
      "  -v  show the bytes\n" },
    { "aio_write",
      " Returns at once; the end is told of when it comes (aio_flush waits for all).\n" HELP_LIST
      "  -P  the byte to write (0xcd)\n" HELP_WRITE HELP_ZERO HELP_STATS
      "  -i  an invalid request, which counts as such\n" },
    { "aio_flush", " Waits for every aio_read and aio_write that has not ended.\n" },
    { "alloc", " How much of the COUNT bytes (a sector) from OFFSET on the image itself has.\n" },
    { "break", " The next request that does EVENT (of blkdebug) waits until `resume TAG`.\n"
               " The image must be opened through blkdebug.\n" },
    { "discard",
      " The bytes may be lost, and the space freed; -d unmap lets it happen.\n" HELP_STATS },
    { "map", " Ranges of the image with what is allocated in it and what is not.\n" },
    { "open", "  -r  for reading alone\n"
              "  -s  writes go to a temporary image above it\n"
              "  -C  copy what is read from a backing image\n"
              "  -n  like -t none\n"
              "  -U  also while others have it open\n"
              "  -k  like -i native\n"
              "  -i  threads, native or io_uring\n"
              "  -t  none, writeback, writethrough, directsync or unsafe\n"
              "  -d  ignore or unmap: what a discard does\n"
              "  -o  options as -blockdev takes them: driver=qcow2,lazy-refcounts=on\n" },
    { "read", " Example: read -v 512 1k (shows 1024 bytes)\n"
              "  -b  of the machine's state, not the disk\n" HELP_PATTERN
              "  -s  with -P: where in the range the pattern begins\n"
              "  -l  with -P: how long it is\n" HELP_STATS "  -v  show the bytes\n" },
    { "readv",
      " Example: readv -v 512 1k 1k (one request, two pieces of memory)\n" HELP_LIST HELP_PATTERN
          HELP_STATS "  -v  show the bytes\n" },
    { "reopen", "  -r, -w  for reading alone, for writing\n"
                "  -c  the cache, as -t of open\n"
                "  -o  options as -blockdev takes them\n" },
    { "resume", " What `break` has stopped under this name goes on.\n" },
    { "sigraise", " The number of a signal, which the process gets.\n" },
    { "truncate", " The image ends at OFF.\n  -m  off, metadata, falloc or full\n" },
    { "wait_break", " Until a request has come to the breakpoint of this name.\n" },
    { "write",
      " Example: write -P 0x5a 512 1k\n"
      "  -b  of the machine's state, not the disk\n"
      "  -c  compressed, whole clusters\n"
      "  -n  with -z: rather fail than write zeros\n"
      "  -P  the byte to write (0xcd)\n"
      "  -s  a file whose bytes are written, again and again\n" HELP_WRITE HELP_ZERO HELP_STATS },
    { "writev", " Example: writev 512 1k 1k (one request, two pieces of memory)\n" HELP_LIST
                "  -P  the byte to write (0xcd)\n" HELP_WRITE HELP_STATS },
};

void io_help_more(const char *name)
{
    for (size_t i = 0; name && i < sizeof(io_help) / sizeof(*io_help); i++) {
        if (!strcmp(io_help[i].name, name)) {
            printf("\n%s\n", io_help[i].text);
        }
    }
}
