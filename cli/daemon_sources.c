// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * daemon_sources.c - a slot for each source of the list; who fails makes room for another.
 *
 * Now and then all that do not run are looked at again: one that failed when its time has
 * come, one that was not there because its device may be.  A better one that is back must
 * run for a while before those it makes superfluous are stopped, so that nothing flaps.
 */
#include "cli/daemon_slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/log.h"
#include "core/error.h"
#include "core/host.h"

/* How often it is looked for better ones, and how long these must run to be relied on. */
#define LOOK_NS 60000000000ull
#define STEADY_NS 10000000000ull

/* --- those that failed --- */

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
		slot_tell_note(slot, &status);
		if (!status.failed) {
			slot_follow_watching(s, slot, &status);
			continue;
		}
		any = true;
		slot_stop(s, slot, status.alive_ns);
		slot_put_back(slot);
		slot_note_failure(s, slot, status.error);
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
		slot_stop(s, slot, thermo_host_now_ns(s->opts.source.host));
		slot_put_back(slot);
		slot_enter(s, slot, SOURCE_STANDS_BY, why);
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
			(void)slot_try(s, slot);
			continue;
		}
		(void)snprintf(why, sizeof(why), "%s", thermo_last_error());
		slot_note_failure(s, slot, why);
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
	struct source_marks marks = { .running = slots_in(s, SOURCE_RUNS) };

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].is_named ||
		    (s->slots[i].state == SOURCE_FAILED && now_ns < s->slots[i].retry_at_ns))
			marks.failed |= 1u << i;
	(void)thermo_sources_choose_from(s->opts.list, &s->opts.source, &marks, s->choices);
	/* One that is due and cannot run now failed again. */
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == SOURCE_FAILED && s->choices[i].err &&
		    !(marks.failed >> i & 1))
			slot_note_failure(s, &s->slots[i], s->choices[i].why);
}

/* One whose time has come, that could run and is not needed now, waits for nothing more. */
static void stand_by(struct daemon_sources *s, uint64_t now_ns)
{
	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->state == SOURCE_FAILED && !slot->is_named &&
		    now_ns >= slot->retry_at_ns && !s->choices[i].chosen && !s->choices[i].err)
			slot_enter(s, slot, SOURCE_STANDS_BY, s->choices[i].why);
	}
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
			again |= slot_try(s, slot) != 0;
		}
	} while (again);
	stand_by(s, now_ns);
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
		slot_stop(s, slot, now_ns);
		slot_put_back(slot);
		slot_enter(s, slot, SOURCE_STANDS_BY,
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
	uint32_t running = slots_in(s, SOURCE_RUNS), lost = 0;

	for (size_t i = 0; i < s->nr; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->state != SOURCE_FAILED || slot->replaced_by & running || !started)
			continue;
		slot->replaced_by = started;
		lost |= 1u << i;
	}
	if (!lost)
		return;
	slots_names(s, started, names, sizeof(names));
	slots_names(s, lost, text, sizeof(text));
	log_notice("in place of %s: %s", text, names);
}

static uint64_t next_look(const struct daemon_sources *s, uint64_t now_ns, bool soon)
{
	uint64_t at_ns = now_ns + (soon ? STEADY_NS / 10 : LOOK_NS);

	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].state == SOURCE_FAILED && s->slots[i].retry_at_ns > now_ns &&
		    s->slots[i].retry_at_ns < at_ns)
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
	before = slots_in(s, SOURCE_RUNS);
	if (s->opts.names)
		start_named_again(s, now_ns);
	choosing = !s->opts.names || (s->opts.fall_back && !do_all_named_run(s));
	if (choosing)
		start_chosen(s, now_ns);
	if (!s->opts.names || s->opts.fall_back)
		soon = stop_superfluous(s, choosing, now_ns);
	tell_replaced(s, slots_in(s, SOURCE_RUNS) & ~before);
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
				err = slot_start(s, &s->slots[i]);
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
			(void)slot_index(s, &s->slots[i]);
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
	if (!err && !slots_in(s, SOURCE_RUNS))
		err = thermo_fail(-ENODEV, "no source of access information runs here: see "
					   "thermocline sources; programs may report their own "
					   "accesses: --source none");
	s->is_started = true;
	s->look_at_ns = next_look(s, now_ns, false);
	return err;
}

void daemon_sources_stop(struct daemon_sources *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr; i++)
		if (s->slots[i].runner)
			slot_stop(s, &s->slots[i], thermo_host_now_ns(s->opts.source.host));
	free(s->pids);
	free(s);
}
