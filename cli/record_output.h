/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_output.h - the file that a recording goes to. */
#ifndef CLI_RECORD_OUTPUT_H
#define CLI_RECORD_OUTPUT_H

#include <stdbool.h>

/**
 * struct record_output - An open output.
 * @replaced:	There was such a file: it is PATH.old now.
 */
struct record_output {
	const char *path;
	int fd;
	bool is_new;
	bool replaced;
};

/*
 * Create @path for its owner alone; a file that was there becomes PATH.old.  "-" is
 * standard output.  Return: 0 or -errno.
 */
int record_output_open(struct record_output *out, const char *path);

/* As if it had never been opened. */
void record_output_discard(struct record_output *out);

/* Return: 0, or -errno of what the file system could not keep. */
int record_output_close(struct record_output *out);

#endif
