/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what was moved lately, so that nothing goes up and down over and over.
 * A ring of the last HISTORY_MOVES moves; one thread.
 */
#ifndef TIERING_HISTORY_H
#define TIERING_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "thermocline/tiering.h"

#define HISTORY_MOVES 4096

struct past_move {
	pid_t pid;
	enum thermo_action action;
	uint64_t start;
	uint64_t end;
	uint64_t time_ns;
	bool futile; /* nothing moved, though something should have */
};

struct move_history {
	uint64_t nr; /* ever added */
	struct past_move moves[HISTORY_MOVES];
};

void history_add(struct move_history *history, const struct past_move *move);

/* Whether any of [@start, @end) did @action since @since_ns, or tried it in vain. */
bool history_has(const struct move_history *history, enum thermo_action action, bool futile,
		 pid_t pid, uint64_t start, uint64_t end, uint64_t since_ns);

#endif
