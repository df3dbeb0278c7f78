/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runner.h - the thread of one opened source.
 *
 * The control side tells it targets, rate and focus, which the thread takes over before
 * its next drain; reports leave through the reporter.  A source that fails ends,
 * says why, and the rest goes on.
 */
#ifndef SOURCES_RUNNER_H
#define SOURCES_RUNNER_H

#include "thermocline/source.h"

#define RUNNER_NOTE_BYTES 400

struct runner;

/**
 * struct runner_status - How a source is doing.
 * @failed:	It ended by itself; @error says why.
 * @note:	What it cannot do just now; "" when all is well.
 * @watches:	It watches just now; else its silence says nothing.
 * @alive_ns:	Until when it is known to have watched: the last drain that went well.
 * @cpu_ns:	CPU time of its thread.
 */
struct runner_status {
	const struct thermo_source *source;
	bool failed;
	char error[256];
	char note[RUNNER_NOTE_BYTES];
	uint32_t rate_permille;
	bool watches;
	uint64_t alive_ns;
	uint64_t cpu_ns;
	uint64_t dropped;
	struct thermo_source_counters counters;
};

/*
 * Open and start @source, then drain it in a thread of its own.  @index marks its
 * reports.  What it changed is recorded in opts->settings and is the caller's to
 * put back, also after a failure.  Return: 0 or -errno.
 */
int runner_start(struct runner **runner, const struct thermo_source *source,
		 const struct thermo_source_opts *opts, uint8_t index);

struct thermo_reporter *runner_reporter(struct runner *runner);
void runner_set_targets(struct runner *runner, const pid_t *pids, size_t nr_pids);
void runner_set_rate(struct runner *runner, uint32_t permille);
/* Where a source that chooses looks closer from its next drain on; for others nothing happens. */
void runner_set_focus(struct runner *runner, const struct thermo_focus *focus, size_t nr);
void runner_status(struct runner *runner, struct runner_status *status);

/* Stop, close, free.  The reporter must not be used any more.  Accepts NULL. */
void runner_stop(struct runner *runner);

#endif
