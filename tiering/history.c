// SPDX-License-Identifier: GPL-2.0-or-later
/* history.c - newest first, until it is too old. */
#include "tiering/history.h"

#include <stddef.h>

void history_add(struct move_history *history, const struct past_move *move)
{
	history->moves[history->nr++ % HISTORY_MOVES] = *move;
}

/* The newest that ended like that for any of [@start, @end), or NULL. */
static const struct past_move *find(const struct move_history *history, enum thermo_action action,
				    enum move_outcome outcome, pid_t pid, uint64_t start,
				    uint64_t end, uint64_t since_ns)
{
	uint64_t kept = history->nr < HISTORY_MOVES ? history->nr : HISTORY_MOVES;

	for (uint64_t i = 1; i <= kept; i++) {
		const struct past_move *m = &history->moves[(history->nr - i) % HISTORY_MOVES];

		if (m->time_ns < since_ns)
			return NULL;
		if (m->pid == pid && m->action == action && m->outcome == outcome &&
		    m->start < end && start < m->end)
			return m;
	}
	return NULL;
}

bool history_has(const struct move_history *history, enum thermo_action action,
		 enum move_outcome outcome, pid_t pid, uint64_t start, uint64_t end,
		 uint64_t since_ns)
{
	return find(history, action, outcome, pid, start, end, since_ns);
}

uint64_t history_skip_exhausted(const struct move_history *history, enum thermo_action action,
				pid_t pid, uint64_t at, uint64_t since_ns)
{
	const struct past_move *m;

	/* Each turn gets past one of them. */
	while ((m = find(history, action, MOVE_EXHAUSTED, pid, at, at + 1, since_ns)))
		at = m->end;
	return at;
}
