/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_options.h - what `thermocline report` is asked for. */
#ifndef CLI_REPORT_OPTIONS_H
#define CLI_REPORT_OPTIONS_H

#include "cli/report_print.h"
#include "cli/report_views.h"

#define REPORT_COMMAND "thermocline report"

enum report_kind {
	BY_REGION,
	BY_ROWS,
	BY_VIEW,
};

/* A value of --by; @rows or @view by its kind. */
struct report_what {
	const char *name;
	enum report_kind kind;
	enum report_by rows;
	enum report_view view;
};

/**
 * struct report_opts - Zeroed but for @output.out before it is parsed.
 * @input:	A file; "-" is standard input.
 * @from_s, @to_s:	Since recording began; @to_s negative: no end.
 */
struct report_opts {
	const char *input;
	bool live;
	bool last;
	bool limit_given;
	bool details_given;
	const struct report_what *by;
	int32_t pid;
	double from_s;
	double to_s;
	struct report_output output;
};

/* Return: 0; -EINVAL for a usage error, said; 1 when help was asked for, and given. */
int report_options_parse(struct report_opts *opts, int argc, char **argv);

#endif
