// SPDX-License-Identifier: GPL-2.0-or-later
/* daemon_slots.c - one source of a daemon: start it, stop it, wait longer each time. */
#include "cli/daemon_slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/clients.h"
#include "cli/log.h"
#include "core/error.h"
#include "core/host.h"

/* A source that failed is tried again after this, then after twice as long, and so on. */
#define FIRST_RETRY_NS 5000000000ull
#define MAX_RETRY_NS 600000000000ull
/* One that ran for so long, and for longer than it was kept waiting, failed for a new reason. */
#define FORGIVEN_NS 60000000000ull

uint32_t slots_in(const struct daemon_sources *s, enum source_state state)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == state)
			mask |= 1u << i;
	return mask;
}

void slots_names(const struct daemon_sources *s, uint32_t mask, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->nr && len < size; i++)
		if (mask >> i & 1)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
						s->slots[i].source->name);
}

uint8_t slot_index(struct daemon_sources *s, struct slot *slot)
{
	int index = 0;

	if (slot->index >= 0)
		return (uint8_t)slot->index;
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].index >= index)
			index = s->slots[i].index + 1;
	slot->index = index == CLIENTS_SOURCE ? index + 1 : index;
	return (uint8_t)slot->index;
}

void slot_enter(struct daemon_sources *s, struct slot *slot, enum source_state state,
		const char *why)
{
	slot->state = state;
	slot->since_ns = thermo_host_now_ns(s->opts.source.host);
	if (slot->why != why)
		(void)snprintf(slot->why, sizeof(slot->why), "%s", why);
}

void slot_put_back(struct slot *slot)
{
	if (thermo_settings_restore(&slot->settings, 0))
		log_warning("putting back what %s changed: %s, tried again at the end",
			    slot->source->name, thermo_last_error());
}

static void slot_add_up(struct runner_status *sum, const struct runner_status *more)
{
	sum->cpu_ns += more->cpu_ns;
	sum->dropped += more->dropped;
	sum->counters.seen += more->counters.seen;
	sum->counters.reported += more->counters.reported;
	sum->counters.lost += more->counters.lost;
	sum->counters.ignored += more->counters.ignored;
	sum->counters.useless += more->counters.useless;
	sum->counters.overhead_ns += more->counters.overhead_ns;
}

static int attach(struct daemon_sources *s, struct slot *slot, struct runner *runner)
{
	int err = thermo_monitor_add_reporter(s->opts.monitor, runner_reporter(runner),
					      slot->source->name);

	slot->is_attached = !err;
	slot->attached_ns = thermo_host_now_ns(s->opts.source.host);
	return err;
}

/* What it saw until @until_ns counts, and no silence after that. */
static void detach(struct daemon_sources *s, struct slot *slot, uint64_t until_ns)
{
	if (slot->is_attached)
		thermo_monitor_retire_reporter(s->opts.monitor, runner_reporter(slot->runner),
					       until_ns);
	slot->is_attached = false;
}

int slot_start(struct daemon_sources *s, struct slot *slot)
{
	struct thermo_source_opts opts = s->opts.source;
	struct runner *runner = NULL;
	int err;

	opts.settings = &slot->settings;
	err = runner_start(&runner, slot->source, &opts, slot_index(s, slot));
	if (!err)
		err = attach(s, slot, runner);
	if (err) {
		(void)snprintf(slot->why, sizeof(slot->why), "%s", thermo_last_error());
		runner_stop(runner);
		slot_put_back(slot);
		return thermo_fail(err, "%s", slot->why);
	}
	slot->runner = runner;
	slot->replaced_by = 0;
	slot->note[0] = '\0';
	slot_enter(s, slot, SOURCE_RUNS, "");
	if (s->pids)
		runner_set_targets(runner, s->pids, s->nr_pids);
	return 0;
}

void slot_stop(struct daemon_sources *s, struct slot *slot, uint64_t until_ns)
{
	struct runner_status status;

	detach(s, slot, until_ns);
	runner_status(slot->runner, &status);
	slot_add_up(&slot->past, &status);
	runner_stop(slot->runner);
	slot->runner = NULL;
}

void slot_note_failure(struct daemon_sources *s, struct slot *slot, const char *why)
{
	uint64_t now_ns = thermo_host_now_ns(s->opts.source.host);
	uint64_t ran_ns = slot->state == SOURCE_RUNS ? now_ns - slot->since_ns : 0;
	bool is_news = slot->state != SOURCE_FAILED || strcmp(slot->why, why) != 0;

	if (ran_ns > FORGIVEN_NS && ran_ns > slot->backoff_ns)
		slot->backoff_ns = 0;
	slot->backoff_ns = slot->backoff_ns ? 2 * slot->backoff_ns : FIRST_RETRY_NS;
	if (slot->backoff_ns > MAX_RETRY_NS)
		slot->backoff_ns = MAX_RETRY_NS;
	slot->retry_at_ns = now_ns + slot->backoff_ns;
	slot->nr_failures++;
	if (is_news)
		log_warning("source %s %s: %s; next try in %.0f s", slot->source->name,
			    slot->state == SOURCE_RUNS ? "failed" : "does not start", why,
			    (double)slot->backoff_ns / 1e9);
	if (slot->state == SOURCE_FAILED)
		(void)snprintf(slot->why, sizeof(slot->why), "%s", why);
	else
		slot_enter(s, slot, SOURCE_FAILED, why);
}

int slot_try(struct daemon_sources *s, struct slot *slot)
{
	bool is_back = slot->nr_failures > 0;
	char why[SELECT_WHY_BYTES];

	if (slot_start(s, slot)) {
		(void)snprintf(why, sizeof(why), "%s", thermo_last_error());
		slot_note_failure(s, slot, why);
		return -EIO;
	}
	if (s->is_started)
		log_notice("source %s %s", slot->source->name, is_back ? "is back" : "is used");
	return 0;
}

void slot_tell_note(struct slot *slot, const struct runner_status *status)
{
	if (strcmp(slot->note, status->note) == 0)
		return;
	(void)snprintf(slot->note, sizeof(slot->note), "%s", status->note);
	if (status->note[0])
		log_warning("source %s %s", status->source->name, status->note);
	else
		log_notice("source %s: all is well again", status->source->name);
}

void slot_follow_watching(struct daemon_sources *s, struct slot *slot,
			  const struct runner_status *status)
{
	if (slot->is_attached && !status->watches)
		detach(s, slot, status->alive_ns);
	else if (!slot->is_attached && status->watches && attach(s, slot, slot->runner))
		log_warning("source %s: %s, ignoring", slot->source->name, thermo_last_error());
}

void slot_sum(const struct slot *slot, struct runner_status *sum)
{
	struct runner_status now = { .source = slot->source };

	if (slot->runner)
		runner_status(slot->runner, &now);
	*sum = now;
	slot_add_up(sum, &slot->past);
}
