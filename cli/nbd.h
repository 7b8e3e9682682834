/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou nbd` (qemu-nbd): a disk image served to NBD clients. */
#ifndef CLI_NBD_H
#define CLI_NBD_H

/* @prog is named in messages; argv[0] is the tool's own name. The exit status. */
int nbd_main(const char *prog, int argc, char **argv);
/* The section of the manual page, as troff; the caller frees. */
char *nbd_manual(void);

#endif
