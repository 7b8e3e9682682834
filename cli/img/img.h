/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tinamou img` (qemu-img) and `tinamou io` (qemu-io).
 */
#ifndef CLI_IMG_IMG_H
#define CLI_IMG_IMG_H

struct BlockNode;

/* @prog is named in messages; argv[0] is the tool's own name. The exit status. */
int img_main(const char *prog, int argc, char **argv);
int io_main(const char *prog, int argc, char **argv);

/* One command of `tinamou io` on a node of whoever calls. FIBER */
void io_line_on(struct BlockNode *n, const char *line);

/* The sections of the manual page, as troff; the caller frees. */
char *img_manual(void);
char *io_manual(void);

#endif
