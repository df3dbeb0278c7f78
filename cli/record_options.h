/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_options.h - what `thermocline record` is asked for. */
#ifndef CLI_RECORD_OPTIONS_H
#define CLI_RECORD_OPTIONS_H

#include "cli/watch_options.h"

#define RECORD_COMMAND "thermocline record"

/**
 * struct record_opts - Zeroed before it is parsed.
 * @perf_data:	Also the raw reports, as a perf.data of that name; NULL: not.
 * @duration_s:	0: until told to stop.
 * @interval_s:	0: a snapshot each window.
 * @argv:	The command to run, or NULL.
 */
struct record_opts {
	struct watch_opts watch;
	const char *output;
	const char *perf_data;
	uint64_t duration_s;
	uint64_t interval_s;
	bool live;
	bool pagetypes;
	bool any_watch_option;
	char **argv;
};

/* Return: 0; -EINVAL for a usage error, said; 1 when help was asked for, and given. */
int record_options_parse(struct record_opts *opts, int argc, char **argv);

#endif
