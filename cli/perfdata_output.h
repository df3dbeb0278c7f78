/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfdata_output.h - `thermocline record --perf-data`: every report that the sources of a
 * daemon make, as a sample of a perf.data, with the names and mappings of its process.
 *
 * All of it runs in the daemon's thread.
 */
#ifndef CLI_PERFDATA_OUTPUT_H
#define CLI_PERFDATA_OUTPUT_H

#include "cli/daemon.h"

struct perfdata_output;

/*
 * Create @path as a recording is created, and take the reports of @daemon from now on;
 * it must outlive the output.  Return: 0 or -errno.
 */
int perfdata_output_open(struct perfdata_output **out, const char *path,
			 const struct daemon *daemon);

/* @daemon made a step: what it drained goes to the file.  Return: 0 or -errno. */
int perfdata_output_step(struct perfdata_output *out, const struct daemon *daemon);

/*
 * No more reports: write the end, with @argv as what made the file, and say in the log
 * what is in it.  Accepts NULL.  Return: 0 or -errno.
 */
int perfdata_output_close(struct perfdata_output *out, char *const *argv);

#endif
