// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon_sources_view.c - what the sources of a daemon are asked and told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/daemon_slots.h"

void daemon_sources_set_targets(struct daemon_sources *s, const pid_t *pids, size_t nr_pids)
{
	pid_t *copy;

	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].runner)
			runner_set_targets(s->slots[i].runner, pids, nr_pids);
	/* Without memory who starts later is told at the next time. */
	copy = malloc((nr_pids + 1) * sizeof(*copy));
	free(s->pids);
	s->pids = copy;
	s->nr_pids = nr_pids;
	if (copy && nr_pids)
		memcpy(copy, pids, nr_pids * sizeof(*copy));
}

void daemon_sources_set_rate(struct daemon_sources *s, const struct governor *governor)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].runner)
			runner_set_rate(s->slots[i].runner,
					governor_rate_of(governor,
							 s->slots[i].source->least_permille));
}

bool daemon_sources_want_focus(const struct daemon_sources *s)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].runner && s->slots[i].source->set_focus)
			return true;
	return false;
}

void daemon_sources_set_focus(struct daemon_sources *s, const struct thermo_focus *focus, size_t nr)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].runner)
			runner_set_focus(s->slots[i].runner, focus, nr);
}

uint32_t daemon_sources_least_rate(const struct daemon_sources *s)
{
	uint32_t least = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		uint32_t permille = s->slots[i].source->least_permille;

		if (s->slots[i].runner && permille && (!least || permille < least))
			least = permille;
	}
	return least;
}

bool daemon_sources_watch_since(const struct daemon_sources *s, uint64_t since_ns)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].is_attached && s->slots[i].attached_ns <= since_ns)
			return true;
	return false;
}

uint64_t daemon_sources_overhead_ns(const struct daemon_sources *s)
{
	uint64_t all_ns = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		struct runner_status sum;

		slot_sum(&s->slots[i], &sum);
		all_ns += sum.counters.overhead_ns;
	}
	return all_ns;
}

uint64_t daemon_sources_reported(const struct daemon_sources *s)
{
	uint64_t nr = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		struct runner_status sum;

		slot_sum(&s->slots[i], &sum);
		nr += sum.counters.reported;
	}
	return nr;
}

size_t daemon_sources_view(const struct daemon_sources *s, struct source_view views[SELECT_MAX])
{
	size_t nr = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		const struct slot *slot = &s->slots[i];
		struct source_view *v = &views[nr];

		if (slot->state == SOURCE_UNUSED)
			continue;
		*v = (struct source_view){ .state = slot->state,
					   .index = (uint8_t)slot->index,
					   .since_ns = slot->since_ns,
					   .retry_at_ns = slot->retry_at_ns,
					   .nr_failures = slot->nr_failures };
		memcpy(v->why, slot->why, sizeof(v->why));
		slots_names(s, slot->replaced_by & slots_in(s, SOURCE_RUNS), v->replaced_by,
			    sizeof(v->replaced_by));
		slot_sum(slot, &v->run);
		nr++;
	}
	return nr;
}

void daemon_sources_list(const struct daemon_sources *s, char *text, size_t size)
{
	text[0] = '\0';
	if (s)
		slots_names(s, slots_in(s, SOURCE_RUNS), text, size);
}

const char *daemon_sources_name(const struct daemon_sources *s, unsigned int index)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].index == (int)index)
			return s->slots[i].source->name;
	return NULL;
}
