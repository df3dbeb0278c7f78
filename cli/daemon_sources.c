// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * daemon_sources.c - a slot for each source of the list; who fails makes room for another.
 *
 * Now and then all that do not run are looked at again: one that failed when its time has
 * come, one that was not there because its device may be.  A better one that is back must
 * run for a while before those it makes superfluous are stopped, so that nothing flaps.
 */
#include "cli/daemon_sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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
/* How often it is looked for better ones, and how long these must run to be relied on. */
#define LOOK_NS 60000000000ull
#define STEADY_NS 10000000000ull

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

static uint32_t mask_of(const struct daemon_sources *s, enum source_state state)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == state)
			mask |= 1u << i;
	return mask;
}

static void list_names(const struct daemon_sources *s, uint32_t mask, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->nr && len < size; i++)
		if (mask >> i & 1)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
						s->slots[i].source->name);
}

/* --- one source --- */

/* The number is kept, so that a region's shares mean the same before and after. */
static uint8_t index_of(struct daemon_sources *s, struct slot *slot)
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

static void enter(struct daemon_sources *s, struct slot *slot, enum source_state state,
		  const char *why)
{
	slot->state = state;
	slot->since_ns = thermo_host_now_ns(s->opts.source.host);
	if (slot->why != why)
		(void)snprintf(slot->why, sizeof(slot->why), "%s", why);
}

static void put_back(struct slot *slot)
{
	if (thermo_settings_restore(&slot->settings, 0))
		log_warning("putting back what %s changed: %s, tried again at the end",
			    slot->source->name, thermo_last_error());
}

static void add_up(struct runner_status *sum, const struct runner_status *more)
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

/* Return: 0 or -errno, with the reason in slot->why; then nothing of it is left. */
static int start_slot(struct daemon_sources *s, struct slot *slot)
{
	struct thermo_source_opts opts = s->opts.source;
	struct runner *runner = NULL;
	int err;

	opts.settings = &slot->settings;
	err = runner_start(&runner, slot->source, &opts, index_of(s, slot));
	if (!err)
		err = attach(s, slot, runner);
	if (err) {
		(void)snprintf(slot->why, sizeof(slot->why), "%s", thermo_last_error());
		runner_stop(runner);
		put_back(slot);
		return thermo_fail(err, "%s", slot->why);
	}
	slot->runner = runner;
	slot->replaced_by = 0;
	slot->note[0] = '\0';
	enter(s, slot, SOURCE_RUNS, "");
	if (s->pids)
		runner_set_targets(runner, s->pids, s->nr_pids);
	return 0;
}

static void stop_slot(struct daemon_sources *s, struct slot *slot, uint64_t until_ns)
{
	struct runner_status status;

	detach(s, slot, until_ns);
	runner_status(slot->runner, &status);
	add_up(&slot->past, &status);
	runner_stop(slot->runner);
	slot->runner = NULL;
}

/* A reason that was told is not told again each time that it is tried in vain. */
static void note_failure(struct daemon_sources *s, struct slot *slot, const char *why)
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
		enter(s, slot, SOURCE_FAILED, why);
}

/* Return: 0 or -errno, noted. */
static int try_slot(struct daemon_sources *s, struct slot *slot)
{
	bool is_back = slot->nr_failures > 0;
	char why[SELECT_WHY_BYTES];

	if (start_slot(s, slot)) {
		(void)snprintf(why, sizeof(why), "%s", thermo_last_error());
		note_failure(s, slot, why);
		return -EIO;
	}
	if (s->is_started)
		log_notice("source %s %s", slot->source->name, is_back ? "is back" : "is used");
	return 0;
}

/* --- those that failed --- */

/* What a source cannot do just now is told when it changes. */
static void tell_note(struct slot *slot, const struct runner_status *status)
{
	if (strcmp(slot->note, status->note) == 0)
		return;
	(void)snprintf(slot->note, sizeof(slot->note), "%s", status->note);
	if (status->note[0])
		log_warning("source %s %s", status->source->name, status->note);
	else
		log_notice("source %s: all is well again", status->source->name);
}

/* One that does not watch for a while is not listened to meanwhile. */
static void follow_watching(struct daemon_sources *s, struct slot *slot,
			    const struct runner_status *status)
{
	if (slot->is_attached && !status->watches)
		detach(s, slot, status->alive_ns);
	else if (!slot->is_attached && status->watches && attach(s, slot, slot->runner))
		log_warning("source %s: %s, ignoring", slot->source->name, thermo_last_error());
}

/* Return: whether any has failed. */
static bool retire_failed(struct daemon_sources *s)
{
	bool any = false;

	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];
		struct runner_status status;

		if (!slot->runner)
			continue;
		runner_status(slot->runner, &status);
		tell_note(slot, &status);
		if (!status.failed) {
			follow_watching(s, slot, &status);
			continue;
		}
		any = true;
		stop_slot(s, slot, status.alive_ns);
		put_back(slot);
		note_failure(s, slot, status.error);
	}
	return any;
}

static bool is_due(const struct slot *slot, uint64_t now_ns)
{
	return !slot->runner && (slot->state != SOURCE_FAILED || now_ns >= slot->retry_at_ns);
}

/* --- those that were named --- */

/* What runs and would disturb @better, which is preferred to it, ends first. */
static void make_way(struct daemon_sources *s, const struct slot *better)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];
		const char *conflict = thermo_sources_conflict(slot->source, better->source);
		char why[SELECT_WHY_BYTES];

		if (!slot->runner || slot == better || slot->is_named || !conflict)
			continue;
		(void)snprintf(why, sizeof(why), "%s runs instead: %s", better->source->name,
			       conflict);
		stop_slot(s, slot, thermo_host_now_ns(s->opts.source.host));
		put_back(slot);
		enter(s, slot, SOURCE_STANDS_BY, why);
		log_notice("source %s ends: %s", slot->source->name, why);
	}
}

static void start_named_again(struct daemon_sources *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];
		char why[SELECT_WHY_BYTES];

		if (!slot->is_named || !is_due(slot, now_ns))
			continue;
		if (slot->source->probe(&s->opts.source) == 0) {
			make_way(s, slot);
			(void)try_slot(s, slot);
			continue;
		}
		(void)snprintf(why, sizeof(why), "%s", thermo_last_error());
		note_failure(s, slot, why);
	}
}

static bool do_all_named_run(const struct daemon_sources *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].is_named && !s->slots[i].runner)
			return false;
	return true;
}

/* --- those that are chosen --- */

/* Whether @slot may not run because of one that was named. */
static bool is_kept_out(const struct daemon_sources *s, const struct slot *slot)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].is_named && s->slots[i].runner &&
		    thermo_sources_conflict(s->slots[i].source, slot->source))
			return true;
	return false;
}

static void choose(struct daemon_sources *s, uint64_t now_ns)
{
	struct source_marks marks = { .running = mask_of(s, SOURCE_RUNS) };

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].is_named ||
		    (s->slots[i].state == SOURCE_FAILED && now_ns < s->slots[i].retry_at_ns))
			marks.failed |= 1u << i;
	(void)thermo_sources_choose_from(s->opts.list, &s->opts.source, &marks, s->choices);
	/* One that is due and cannot run now failed again. */
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == SOURCE_FAILED && s->choices[i].err &&
		    !(marks.failed >> i & 1))
			note_failure(s, &s->slots[i], s->choices[i].why);
}

/* One that was chosen and does not start is done without: then others may be chosen. */
static void start_chosen(struct daemon_sources *s, uint64_t now_ns)
{
	bool again;

	do {
		choose(s, now_ns);
		again = false;
		for (size_t i = 0; i < s->nr; i++) {
			struct slot *slot = &s->slots[i];

			if (!s->choices[i].chosen || slot->runner || is_kept_out(s, slot))
				continue;
			make_way(s, slot);
			again |= try_slot(s, slot) != 0;
		}
	} while (again);
}

/* Whether all that were chosen have run for so long that they can be relied on. */
static bool are_steady(const struct daemon_sources *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].runner && (s->slots[i].is_named || s->choices[i].chosen) &&
		    now_ns - s->slots[i].since_ns < STEADY_NS)
			return false;
	return true;
}

/* Return: whether any is superfluous still, because the better ones are too new. */
static bool stop_superfluous(struct daemon_sources *s, bool is_any_chosen, uint64_t now_ns)
{
	bool later = false;

	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];

		if (!slot->runner || slot->is_named || (is_any_chosen && s->choices[i].chosen))
			continue;
		if (!are_steady(s, now_ns)) {
			later = true;
			continue;
		}
		stop_slot(s, slot, now_ns);
		put_back(slot);
		enter(s, slot, SOURCE_STANDS_BY,
		      is_any_chosen ? s->choices[i].why : "all that were named run");
		log_notice("source %s is not needed now: %s", slot->source->name, slot->why);
	}
	return later;
}

/* --- all together --- */

/* Those without a replacement get those that started now. */
static void tell_replaced(struct daemon_sources *s, uint32_t started)
{
	char names[128], text[128] = "";
	uint32_t running = mask_of(s, SOURCE_RUNS), lost = 0;

	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->state != SOURCE_FAILED || slot->replaced_by & running || !started)
			continue;
		slot->replaced_by = started;
		lost |= 1u << i;
	}
	if (!lost)
		return;
	list_names(s, started, names, sizeof(names));
	list_names(s, lost, text, sizeof(text));
	log_notice("in place of %s: %s", text, names);
}

static uint64_t next_look(const struct daemon_sources *s, uint64_t now_ns, bool soon)
{
	uint64_t at_ns = now_ns + (soon ? STEADY_NS / 10 : LOOK_NS);

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == SOURCE_FAILED && s->slots[i].retry_at_ns < at_ns)
			at_ns = s->slots[i].retry_at_ns;
	return at_ns;
}

void daemon_sources_step(struct daemon_sources *s, uint64_t now_ns)
{
	bool has_lost, soon = false, choosing;
	uint32_t before;

	if (!s)
		return;
	has_lost = retire_failed(s);
	if (!has_lost && now_ns < s->look_at_ns)
		return;
	before = mask_of(s, SOURCE_RUNS);
	if (s->opts.names)
		start_named_again(s, now_ns);
	choosing = !s->opts.names || (s->opts.fall_back && !do_all_named_run(s));
	if (choosing)
		start_chosen(s, now_ns);
	if (!s->opts.names || s->opts.fall_back)
		soon = stop_superfluous(s, choosing, now_ns);
	tell_replaced(s, mask_of(s, SOURCE_RUNS) & ~before);
	s->look_at_ns = next_look(s, now_ns, soon);
}

/* --- the beginning --- */

static struct slot *find_slot(struct daemon_sources *s, const char *name)
{
	for (size_t i = 0; i < s->nr; i++)
		if (strcmp(s->slots[i].source->name, name) == 0)
			return &s->slots[i];
	return NULL;
}

/* Where he says from where text is to be read, that is named as well. */
static int mark_named(struct daemon_sources *s)
{
	struct slot *external = s->opts.source.external ? find_slot(s, "external") : NULL;

	if (external)
		external->is_named = true;
	for (char **name = s->opts.names; name && *name; name++) {
		struct slot *slot = find_slot(s, *name);

		if (!slot)
			return thermo_fail(-EINVAL, "no source '%s': see thermocline sources",
					   *name);
		slot->is_named = true;
	}
	for (size_t i = 0; i < s->nr; i++)
		for (size_t j = i + 1; j < s->nr; j++) {
			const struct slot *a = &s->slots[i], *b = &s->slots[j];
			const char *why = thermo_sources_conflict(a->source, b->source);

			if (a->is_named && b->is_named && why)
				return thermo_fail(-EINVAL,
						   "%s and %s cannot run together: %s: name one "
						   "of them",
						   a->source->name, b->source->name, why);
		}
	return 0;
}

static int start_named(struct daemon_sources *s)
{
	int err = mark_named(s);

	for (size_t i = 0; i < s->nr && !err; i++)
		if (s->slots[i].is_named) {
			err = s->slots[i].source->probe(&s->opts.source);
			if (!err)
				err = start_slot(s, &s->slots[i]);
		}
	return err;
}

/* The text that the user asks for is not passed over. */
static int require_external(struct daemon_sources *s)
{
	const struct slot *external = s->opts.source.external ? find_slot(s, "external") : NULL;
	const struct source_choice *choice;

	if (!external || external->runner)
		return 0;
	choice = &s->choices[external - s->slots];
	return thermo_fail(choice->err ? choice->err : -EIO, "%s",
			   external->state == SOURCE_FAILED ? external->why : choice->why);
}

static void tell_unused(const struct daemon_sources *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == SOURCE_UNUSED && !s->slots[i].source->by_name_only)
			log_info("source %s is not used: %s", s->slots[i].source->name,
				 s->choices[i].why);
}

/* Who may come to run later has his number already: a file may list them at its beginning. */
static void number_usable(struct daemon_sources *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (!s->choices[i].err && !s->slots[i].source->by_name_only)
			(void)index_of(s, &s->slots[i]);
}

int daemon_sources_start(struct daemon_sources **sources, const struct daemon_sources_opts *opts)
{
	struct daemon_sources *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return thermo_fail(-ENOMEM, "sources: no memory");
	*sources = s;
	s->opts = *opts;
	s->opts.list = opts->list ? opts->list : thermo_sources;
	for (; s->nr < SELECT_MAX && s->opts.list[s->nr]; s->nr++) {
		struct slot *slot = &s->slots[s->nr];

		slot->source = slot->past.source = s->opts.list[s->nr];
		slot->index = -1;
		thermo_settings_share(&slot->settings, opts->source.settings,
				      (unsigned int)s->nr + 1);
	}
	uint64_t now_ns = thermo_host_now_ns(opts->source.host);

	if (s->opts.names) {
		err = start_named(s);
	} else {
		start_chosen(s, now_ns);
		number_usable(s);
		tell_unused(s);
		err = require_external(s);
	}
	if (!err && !mask_of(s, SOURCE_RUNS))
		err = thermo_fail(-ENODEV, "no source of access information runs here: see "
					   "thermocline sources; programs may report their own "
					   "accesses: --source none");
	s->is_started = true;
	s->look_at_ns = next_look(s, now_ns, false);
	return err;
}

/* --- what it is asked --- */

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

/* Over all its runs. */
static void sum_runs(const struct slot *slot, struct runner_status *sum)
{
	struct runner_status now = { .source = slot->source };

	if (slot->runner)
		runner_status(slot->runner, &now);
	*sum = now;
	add_up(sum, &slot->past);
}

uint64_t daemon_sources_overhead_ns(const struct daemon_sources *s)
{
	uint64_t all_ns = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		struct runner_status sum;

		sum_runs(&s->slots[i], &sum);
		all_ns += sum.counters.overhead_ns;
	}
	return all_ns;
}

uint64_t daemon_sources_reported(const struct daemon_sources *s)
{
	uint64_t nr = 0;

	for (size_t i = 0; s && i < s->nr; i++) {
		struct runner_status sum;

		sum_runs(&s->slots[i], &sum);
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
		list_names(s, slot->replaced_by & mask_of(s, SOURCE_RUNS), v->replaced_by,
			   sizeof(v->replaced_by));
		sum_runs(slot, &v->run);
		nr++;
	}
	return nr;
}

void daemon_sources_list(const struct daemon_sources *s, char *text, size_t size)
{
	text[0] = '\0';
	if (s)
		list_names(s, mask_of(s, SOURCE_RUNS), text, size);
}

const char *daemon_sources_name(const struct daemon_sources *s, unsigned int index)
{
	for (size_t i = 0; s && i < s->nr; i++)
		if (s->slots[i].index == (int)index)
			return s->slots[i].source->name;
	return NULL;
}

void daemon_sources_stop(struct daemon_sources *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].runner)
			stop_slot(s, &s->slots[i], thermo_host_now_ns(s->opts.source.host));
	free(s->pids);
	free(s);
}
