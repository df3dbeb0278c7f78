/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon_slots.h - behind daemon_sources.h: the slot of one source, which runs in it, failed,
 * or stands by.  The daemon's thread.
 */
#ifndef CLI_DAEMON_SLOTS_H
#define CLI_DAEMON_SLOTS_H

#include "cli/daemon_sources.h"

struct slot {
	const struct thermo_source *source;
	bool is_named;
	struct runner *runner;           /* NULL: does not run */
	struct thermo_settings settings; /* what it changes; they go back when it ends */
	int index;                       /* of its reports, once and for all; -1: none yet */
	bool is_attached;                /* to the monitor, as it watches */
	uint64_t attached_ns;            /* since when */
	enum source_state state;
	char why[SELECT_WHY_BYTES];
	uint64_t since_ns;
	uint64_t retry_at_ns;
	uint64_t backoff_ns;
	uint32_t nr_failures;
	uint32_t replaced_by; /* a bit a slot */
	char note[RUNNER_NOTE_BYTES];
	struct runner_status past; /* sums of runs that ended */
};

struct daemon_sources {
	struct daemon_sources_opts opts;
	bool is_started;
	uint64_t look_at_ns;
	size_t nr_pids;
	pid_t *pids; /* NULL: not told yet */
	struct source_choice choices[SELECT_MAX];
	size_t nr;
	struct slot slots[SELECT_MAX];
};

/* Those in @state, a bit a slot. */
uint32_t slots_in(const struct daemon_sources *sources, enum source_state state);
/* The names of those in @mask, "a, b". */
void slots_names(const struct daemon_sources *sources, uint32_t mask, char *text, size_t size);

/* The number of its reports.  It is kept, so that a region's shares mean the same before and
 * after a failure. */
uint8_t slot_index(struct daemon_sources *sources, struct slot *slot);

void slot_enter(struct daemon_sources *sources, struct slot *slot, enum source_state state,
		const char *why);

/* Return: 0 or -errno, with the reason in slot->why; then nothing of it is left. */
int slot_start(struct daemon_sources *sources, struct slot *slot);
/* The same, and a failure is noted and told, a success told. */
int slot_try(struct daemon_sources *sources, struct slot *slot);

/* What it saw until @until_ns counts, and no silence after that.  Settings stay as they are. */
void slot_stop(struct daemon_sources *sources, struct slot *slot, uint64_t until_ns);
/* What it changed goes back. */
void slot_put_back(struct slot *slot);

/* It waits now, for longer than the last time.  A reason that was told is not told again. */
void slot_note_failure(struct daemon_sources *sources, struct slot *slot, const char *why);

/* What a source cannot do just now is told when it changes. */
void slot_tell_note(struct slot *slot, const struct runner_status *status);
/* One that does not watch for a while is not listened to meanwhile. */
void slot_follow_watching(struct daemon_sources *sources, struct slot *slot,
			  const struct runner_status *status);

/* Over all its runs. */
void slot_sum(const struct slot *slot, struct runner_status *sum);

#endif
