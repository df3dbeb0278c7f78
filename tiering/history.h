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

/**
 * enum move_outcome - How a step of a plan ended, as far as later plans care.
 * @MOVE_DONE:	Pages moved.
 * @MOVE_FUTILE:	Nothing moved, though something should have.
 * @MOVE_EXHAUSTED:	Nothing that could move is left there.
 */
enum move_outcome {
	MOVE_DONE,
	MOVE_FUTILE,
	MOVE_EXHAUSTED,
};

struct past_move {
	pid_t pid;
	enum thermo_action action;
	uint64_t start;
	uint64_t end;
	uint64_t time_ns;
	enum move_outcome outcome;
};

struct move_history {
	uint64_t nr; /* ever added */
	struct past_move moves[HISTORY_MOVES];
};

void history_add(struct move_history *history, const struct past_move *move);

/* Whether @action ended like that, since @since_ns, for any of [@start, @end). */
bool history_has(const struct move_history *history, enum thermo_action action,
		 enum move_outcome outcome, pid_t pid, uint64_t start, uint64_t end,
		 uint64_t since_ns);

/* Return: the first address from @at on that @action has not exhausted since @since_ns. */
uint64_t history_skip_exhausted(const struct move_history *history, enum thermo_action action,
				pid_t pid, uint64_t at, uint64_t since_ns);

#endif
