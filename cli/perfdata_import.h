/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_import.h - a perf.data, or text of samples, as if thermocline record had
 * recorded it: its samples go through a monitor, window by window, in the time of the
 * machine that recorded.
 */
#ifndef CLI_PERFDATA_IMPORT_H
#define CLI_PERFDATA_IMPORT_H

#include <stdint.h>
#include <stdio.h>

#include "cli/samples.h"

/**
 * struct perfdata_summary - What became of the samples.
 * @reason:	Where the file broke and why; "" when it did not.
 * @nr_accesses:	That are in the recording.
 * @aux_kind:	What its AUX data is; "" when it has none.
 */
struct perfdata_summary {
	char reason[256];
	uint64_t nr_accesses;
	uint64_t nr_kernel;
	uint64_t nr_left_out;
	struct perfdata_counters counters;
	struct text_trouble trouble;
	const char *aux_kind;
};

/*
 * Whether @file is to be imported: it begins as samples.h tells, or it is a pipe and no
 * recording of ours.  It is where it was.
 */
bool perfdata_import_wanted(FILE *file);

/*
 * Return: 0 with a recording, which the caller closes, also of the good part of a broken
 * file; -ENODATA when nothing in it tells of memory; -errno.
 */
int perfdata_import(FILE *file, FILE **recording, struct perfdata_summary *summary);

#endif
