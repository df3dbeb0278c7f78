// SPDX-License-Identifier: GPL-2.0-or-later
/* selection.c - a role for each source, a rule for each role, and nothing used twice. */
#include "sources/selection.h"

#include <stdio.h>
#include <string.h>

#include "thermocline/error.h"

/* In the order in which they are chosen. */
enum role {
	ROLE_PMU,      /* the processor's own sampling */
	ROLE_DEVICE,   /* a hotness unit */
	ROLE_EXTERNAL, /* what other programs tell, where the user says from where */
	ROLE_SCAN,     /* whoever is not in the table */
	NR_ROLES,
};

static const struct {
	const char *source;
	enum role role;
} roles[] = {
	{ "ibs", ROLE_PMU },     { "pebs", ROLE_PMU },          { "spe", ROLE_PMU },
	{ "chmu", ROLE_DEVICE }, { "external", ROLE_EXTERNAL },
};

static const struct {
	uint32_t bit;
	const char *why;
} conflicts[] = {
	{ THERMO_USES_PMU, "both need the processor's sampling, which has one user at a time" },
	{ THERMO_USES_ACCESSED_BITS,
	  "both clear accessed bits in page tables, and each would miss what the other cleared" },
	{ THERMO_USES_HINT_FAULTS, "both drive the kernel's NUMA balancing" },
	{ THERMO_USES_SOFT_DIRTY,
	  "both clear soft-dirty bits, and each would miss what the other cleared" },
};

static enum role role_of(const struct thermo_source *source)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].source, source->name) == 0)
			return roles[i].role;
	return ROLE_SCAN;
}

const char *thermo_sources_conflict(const struct thermo_source *a, const struct thermo_source *b)
{
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
		if (a->uses & b->uses & conflicts[i].bit)
			return conflicts[i].why;
	return NULL;
}

static void say(struct source_choice *c, bool chosen, const char *why, const char *who)
{
	c->chosen = chosen;
	(void)snprintf(c->why, sizeof(c->why), "%s%s", who, why);
}

/* One that was chosen already and would disturb @c; NULL when there is none. */
static const struct thermo_source *rival_of(const struct source_choice *c,
					    const struct source_choice *choices, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (choices[i].chosen && thermo_sources_conflict(c->source, choices[i].source))
			return choices[i].source;
	return NULL;
}

/* @pmu: the one that runs, or NULL. */
static void choose(struct source_choice *c, const struct thermo_source *pmu)
{
	switch (role_of(c->source)) {
	case ROLE_PMU:
		if (pmu)
			say(c, false, " samples the same", pmu->name);
		else
			say(c, true, "the processor itself samples all memory", "");
		return;
	case ROLE_DEVICE:
		say(c, true, "sees what no processor sees: in addition to others", "");
		return;
	case ROLE_EXTERNAL:
		say(c, true, "text from where --external says: in addition to others", "");
		return;
	default:
		if (pmu)
			say(c, false, " sees all memory all the time: nothing need be scanned",
			    pmu->name);
		else
			say(c, true, "no PMU samples here: memory is scanned", "");
	}
}

static void consider(struct source_choice *c, struct source_choice *choices, size_t nr,
		     const struct thermo_source **pmu)
{
	const struct thermo_source *rival = rival_of(c, choices, nr);

	choose(c, *pmu);
	if (c->chosen && rival) {
		c->chosen = false;
		(void)snprintf(c->why, sizeof(c->why),
			       "%s runs, and together they would disturb "
			       "each other: %s",
			       rival->name, thermo_sources_conflict(c->source, rival));
	}
	if (c->chosen && role_of(c->source) == ROLE_PMU)
		*pmu = c->source;
}

static void probe(struct source_choice *c, const struct thermo_source *source,
		  const struct thermo_source_opts *opts, bool runs)
{
	*c = (struct source_choice){ .source = source, .err = runs ? 0 : source->probe(opts) };
	if (c->err)
		say(c, false, thermo_last_error(), "");
	else if (source->by_name_only)
		say(c, false, "only when it is named", "");
}

size_t thermo_sources_choose_from(const struct thermo_source *const *list,
				  const struct thermo_source_opts *opts,
				  const struct source_marks *marks,
				  struct source_choice choices[SELECT_MAX])
{
	const struct thermo_source *pmu = NULL;
	size_t nr = 0;

	for (; nr < SELECT_MAX && list[nr]; nr++) {
		probe(&choices[nr], list[nr], opts, marks->running >> nr & 1);
		if (marks->failed >> nr & 1)
			say(&choices[nr], false, "it failed", "");
	}
	for (enum role role = 0; role < NR_ROLES; role++)
		for (size_t i = 0; i < nr; i++)
			if (!choices[i].err && !list[i]->by_name_only &&
			    !(marks->failed >> i & 1) && role_of(list[i]) == role)
				consider(&choices[i], choices, nr, &pmu);
	return nr;
}

size_t thermo_sources_choose(const struct thermo_source_opts *opts, uint32_t failed,
			     struct source_choice choices[SELECT_MAX])
{
	return thermo_sources_choose_from(thermo_sources, opts,
					  &(struct source_marks){ .failed = failed }, choices);
}
