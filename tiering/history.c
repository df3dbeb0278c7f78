// SPDX-License-Identifier: GPL-2.0-or-later
/* history.c - newest first, until it is too old. */
#include "tiering/history.h"

void history_add(struct move_history *history, const struct past_move *move)
{
	history->moves[history->nr++ % HISTORY_MOVES] = *move;
}

bool history_has(const struct move_history *history, enum thermo_action action, bool futile,
		 pid_t pid, uint64_t start, uint64_t end, uint64_t since_ns)
{
	uint64_t kept = history->nr < HISTORY_MOVES ? history->nr : HISTORY_MOVES;

	for (uint64_t i = 1; i <= kept; i++) {
		const struct past_move *m = &history->moves[(history->nr - i) % HISTORY_MOVES];

		if (m->time_ns < since_ns)
			return false;
		if (m->pid == pid && m->action == action && m->futile == futile && m->start < end &&
		    start < m->end)
			return true;
	}
	return false;
}
